"""Who belongs where, on the staff's pages: looked up, invited, recognised, ended; and what of it is written into the log."""

from __future__ import annotations

import asyncio
import re
from datetime import UTC, date, datetime, timedelta

import pytest
import segno

from bot.core import access
from bot.core.access import Refused
from bot.core.resolve import invitecode
from bot.turns import ShownOnce
from bot.web import counter, qr
from bot.work import NotFound
from tests.web.site import HOSTILE, ORIGIN, Page, Resident, Site, Staff, unsafe
from tests.web.test_desk_pages import sound

ROOM, OTHER = "4栋1单元703", "4栋1单元603"


def room_id(site: Site, label: str = ROOM) -> int:
    return int(site.rows("room", "id", label=label, community_id=1)[0][0])


def household_id(site: Site, label: str = ROOM) -> int:
    return int(site.rows("household", "id", room_id=room_id(site, label))[0][0])


def stay_id(site: Site, name: str) -> int:
    return int(site.rows("membership", "id", resident_id=site.resident_id(name))[0][0])


def place(site: Site, label: str = ROOM) -> str:
    return f"/desk/rooms/{room_id(site, label)}"


async def made(staff: Staff, site: Site, **fields: str) -> tuple[str, Page]:
    """A code as it is shown to whoever presses the button, and the page it is shown on."""
    form = (await staff.see(place(site))).form(f"{place(site)}/invite")
    chosen = {"household": str(household_id(site)), "role": "family", **fields}
    answer = await staff.http.post(form.action, data={**form.fields, **chosen})
    assert answer.status_code == 200, Page(answer.text).words
    page = sound(answer.text, "zh")
    code = re.search(r"[A-Z0-9]{5}-[A-Z0-9]{5}", page.words)
    assert code is not None
    return code.group(), page


async def redeemed(somebody: Resident, code: str, name: str = "李四") -> None:
    """The code, carried by the page's address; then what the desk asks for."""
    assert (await somebody.deliver(start=code)).status_code == 202
    await somebody.site.settle()
    await somebody.write("同意")
    if "怎么称呼" in (await somebody.texts())[-1]:
        await somebody.write(name)


def shown(site: Site) -> list[tuple[int | None, int | None, str]]:
    return [(s, h, w) for s, h, w in site.rows("disclosure", "staff_id", "household_id", "what")]


# ── looking up ──


async def test_a_person_stands_once_with_every_home_and_what_is_over(site: Site) -> None:
    ding, wang = site.staff("steward"), site.resident_id("王建国")
    site.put("membership", community_id=1, household_id=household_id(site, OTHER), resident_id=wang, role="tenant",
             since=date(2025, 1, 1), until=date(2026, 1, 1))  # fmt: skip
    site.put("membership", community_id=1, household_id=household_id(site, "4栋1单元803"), resident_id=wang, role="agent",
             since=date(2027, 1, 1))  # fmt: skip
    page = await ding.see("/desk/people", q="王建国")
    row = page.words.partition("住处")[2]
    assert row.count("王建国") == 1 and row.count("已结束") == 1 and row.count("尚未开始") == 1
    for text in (ROOM, OTHER, "4栋1单元803", "2026-01-01", "139****0001", "受托人"):
        assert text in row
    own = await ding.see(f"/desk/people/{wang}")
    assert "13900000001" in own.words and "租户" in own.words and "没有绑定的渠道" in own.words
    assert "139****0001" in (await site.staff("cashier").see(f"/desk/people/{wang}")).words


@pytest.mark.parametrize("role", ["steward", "cashier"])
async def test_a_rooms_page_has_its_people_their_chats_and_no_address(site: Site, role: str) -> None:
    wang = site.resident("王建国")
    site.set("conversation", {"bound_by": "roster", "bound_at": site.clock.now()}, address=wang.address)
    page = sound((await site.staff(role).get(place(site))).text, "zh")
    for text in ("王建国", "李秀梅", "王晓雨", "业主", "核对登记信息", "网页", "11-23 10:00"):
        assert text in page.words, text
    assert ("13900000001" in page.words) == (role == "steward") and ("139****0001" in page.words) == (role == "cashier")
    assert wang.address not in (await site.staff(role).get(place(site))).text
    offered = {f.action.rpartition("/")[2] for f in page.forms} - {"language", "logout"}
    assert offered == ({"end", "invite"} if role == "steward" else set())


async def test_another_communitys_people_and_rooms_are_not_there(site: Site) -> None:
    ht = site.communities["HT"]
    theirs = site.rows("room", "id", community_id=ht)[0][0], site.rows("resident", "id", community_id=ht)[:1]
    boss, before = site.staff("supervisor"), site.footprint()
    for path in (f"/desk/rooms/{theirs[0]}", "/desk/rooms/99999999", "/desk/rooms/x", "/desk/people/99999999", "/desk/people/x",
                 *(f"/desk/people/{one}" for (one,) in theirs[1])):  # fmt: skip
        assert (await boss.get(path)).status_code == 404, path
    for end in ("invite", "sheet", "withdraw", "end"):
        fields = {"household": str(household_id(site)), "role": "owner", "membership": "1", "invite": "1"}
        assert (await boss.post(f"/desk/rooms/{theirs[0]}/{end}", fields)).status_code == 404, end
    assert site.footprint() == before and shown(site) == []


async def test_hostile_names_are_shown_and_never_run(site: Site) -> None:
    boss = site.staff("supervisor")
    site.set("resident", {"name": HOSTILE, "phone": HOSTILE}, name="王建国")
    site.set("room", {"label": HOSTILE}, label=ROOM)
    site.set("community", {"name": HOSTILE, "name_en": HOSTILE, "duty_phone": HOSTILE}, code="YH")
    number = (await application(site))[0]
    path = f"/desk/rooms/{site.rows('room', 'id', label=HOSTILE)[0][0]}"
    household = site.rows("household", "id", room_id=int(path.rpartition("/")[2]))[0][0]
    code = await boss.post(f"{path}/invite", {"household": str(household), "role": "tenant", "name": HOSTILE, "printed": "1"})
    found = re.search(r"[A-Z0-9]{5}-[A-Z0-9]{5}", Page(code.text).words)
    assert found is not None
    sheet = await boss.post(f"{path}/sheet", {"code": found.group()})
    pages = [code, sheet, *[await boss.get(p) for p in (path, "/desk/people", f"/desk/people/{site.resident_id(HOSTILE)}",
                                                        f"/desk/tickets/{number}?home={HOSTILE}", "/desk/disclosures")]]  # fmt: skip
    for answer in pages:
        assert answer.status_code == 200 and unsafe(answer.text) == [] and "<script>alert" not in answer.text


# ── invites ──


async def test_a_code_is_shown_once_and_makes_whoever_sends_it_a_member(site_on_both: Site) -> None:
    site = site_on_both
    ding = site.staff("steward")
    code, page = await made(ding, site, role="tenant", name="李四", until="2027-06-30")
    link = f"{ORIGIN}/chat/YH?start={code}"
    assert link in page.words and page.count("svg") > 1 and "11-26 10:00" in page.words  # 72 hours
    assert code not in str(site.rows("invite", "code_hash", "name"))
    room = await ding.see(place(site))
    assert "丁小雯" in room.words and "李四" in room.words and code not in room.words and "2027-06-30" in room.words
    somebody = site.resident()
    await redeemed(somebody, code)
    assert any("已绑定" in t for t in await somebody.texts())
    member = site.resident_id("李四")
    assert site.rows("membership", "household_id", "role", "until", resident_id=member) == [
        (household_id(site), "tenant", date(2027, 6, 30))
    ]
    assert site.rows("conversation", "resident_id", "bound_by", address=somebody.address) == [(member, "invite")]
    assert "未使用的邀请" not in (await ding.see(place(site))).words


async def test_an_invite_pressed_twice_makes_one_code(site_on_both: Site) -> None:
    site = site_on_both
    ding = site.staff("steward")
    form = (await ding.see(place(site))).form(f"{place(site)}/invite")
    fields = {**form.fields, "household": str(household_id(site)), "role": "family"}
    answers = await asyncio.gather(*(ding.http.post(form.action, data=fields) for _ in range(3)))
    assert sorted(a.status_code for a in answers) == [200, 409, 409] and len(site.rows("invite", "id")) == 1
    refused = next(a for a in answers if a.status_code == 409)
    assert "不能再次显示" in sound(refused.text, "zh").words


_MISTAKES = [
    ({"household": ""}, "请选择住户组"), ({"household": "x"}, "表单没有读懂"), ({"household": "new-"}, "请选择住户组"),
    ({"household": "new-1"}, "请选择住户组"), ({"role": ""}, "请选择身份"), ({"role": "manager"}, "请选择身份"),
    ({"until": "明年"}, "日期格式不对"), ({"until": "2026-11-22"}, "止期不能早于今天"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "said"), _MISTAKES, ids=lambda v: str(v)[:40])
async def test_a_mistake_in_an_invite_is_said_and_makes_none(site: Site, mistake: dict[str, str], said: str) -> None:
    ding, before = site.staff("steward"), site.footprint()
    fields = {"household": str(household_id(site)), "role": "family", **mistake}
    answer = await ding.post(f"{place(site)}/invite", fields)
    assert answer.status_code == 409 and said in sound(answer.text, "zh").words
    assert site.footprint() == before | {"staff_session": before["staff_session"]}


async def test_a_household_of_another_room_is_not_invited_into_from_this_page(site: Site) -> None:
    answer = await site.staff("steward").post(
        f"{place(site)}/invite", {"household": str(household_id(site, OTHER)), "role": "owner"}
    )
    assert answer.status_code == 409 and site.rows("invite", "id") == []


async def test_new_tenants_get_a_household_of_their_own(site: Site) -> None:
    ding = site.staff("steward")
    code, _ = await made(ding, site, household=f"new-{room_id(site)}", role="tenant", name="赵六")
    somebody = site.resident()
    await redeemed(somebody, code)
    (theirs,) = site.rows("membership", "household_id", resident_id=site.resident_id("赵六"))[0]
    assert theirs != household_id(site) and site.rows("household", "room_id", id=theirs) == [(room_id(site),)]
    assert "赵六" in (await ding.see(place(site))).words


async def test_a_printed_sheet_lasts_a_month_and_says_how_in_both_languages(site: Site) -> None:
    ding = site.staff("steward")
    code, page = await made(ding, site, printed="1")
    form = page.form(f"{place(site)}/sheet")
    answer = await ding.http.post(form.action, data=form.fields)
    sheet = Page(answer.text)
    assert answer.status_code == 200 and unsafe(answer.text) == [] and sheet.count("script") == 0 and sheet.count("h1") == 1
    for text in (code, ROOM, "云湖花园", "Yunhu Gardens", "2026-12-23", "同意", "Answer yes", f"{ORIGIN}/chat/YH?start={code}",
                 "13900009001"):  # fmt: skip
        assert text in sheet.words, text
    assert sheet.count("li") == 6 and answer.headers["cache-control"] == "no-store"
    site.machine.forward(timedelta(days=29))
    ding = site.staff("steward")
    assert (await ding.post(form.action, {"code": code})).status_code == 200
    site.machine.forward(timedelta(days=2))
    ding = site.staff("steward")
    assert (await ding.post(form.action, {"code": code})).status_code == 404


async def test_a_sheet_is_printed_for_a_code_of_that_room_alone(site: Site) -> None:
    ding = site.staff("steward")
    code, _ = await made(ding, site, printed="1")
    for path, said in ((place(site, OTHER), code), (place(site), "K7M2Q-9XRTD"), (place(site), ""), (place(site), HOSTILE)):
        assert (await ding.post(f"{path}/sheet", {"code": said})).status_code == 404


async def test_a_withdrawn_code_opens_nothing(site: Site) -> None:
    ding, somebody = site.staff("steward"), site.resident()
    code, _ = await made(ding, site)
    form = (await ding.see(place(site))).form(f"{place(site)}/withdraw")
    assert (await ding.http.post(form.action, data=form.fields)).headers["location"] == f"{place(site)}?said=withdrawn"
    again = await ding.http.post(form.action, data=form.fields)
    assert again.status_code == 409 and "已经用过或作废" in Page(again.text).words
    await somebody.deliver(start=code)
    await site.settle()
    assert "不能用" in (await somebody.texts())[-1] and len(site.rows("membership", "id", role="family", revoked_at=None)) > 0
    assert site.rows("conversation", "resident_id", address=somebody.address) == [(None,)]


def test_a_qr_code_is_drawn_as_it_was_computed() -> None:
    text = f"{ORIGIN}/chat/YH?start=K7M2Q-9XRTD"
    drawing = qr.draw(text)
    black = {
        (int(x) + i, int(y))
        for x, y, length in re.findall(r"M(\d+) (\d+)h(\d+)v1h-\d+z", drawing.path)
        for i in range(int(length))
    }
    matrix = segno.make_qr(text, error="q").matrix
    assert black == {(x + 4, y + 4) for y, row in enumerate(matrix) for x, dark in enumerate(row) if dark}
    assert drawing.size == len(matrix) + 8


# ── the end ──


async def test_who_moves_out_sees_and_hears_nothing_more(site_on_both: Site) -> None:
    site = site_on_both
    ding, li = site.staff("steward"), site.resident("李秀梅")
    path = place(site)
    form = (await ding.see(path)).form(f"{path}/end", membership=str(stay_id(site, "李秀梅")))
    answer = await ding.http.post(form.action, data=form.fields)
    assert answer.headers["location"] == f"{path}?said=ended"
    assert site.rows("membership", "revoked_at", id=stay_id(site, "李秀梅")) == [(site.clock.now(),)]
    page = await ding.see(path, said="ended")
    assert "绑定已结束" in page.words and "已结束" in page.words
    assert not any(f.fields.get("membership") == str(stay_id(site, "李秀梅")) for f in page.forms)
    again = await ding.http.post(form.action, data=form.fields)
    assert again.status_code == 409 and "已经结束" in Page(again.text).words
    assert "2" in (await ding.see("/desk/rooms", q=ROOM)).words.partition(ROOM)[2]
    await li.write("绑定")
    assert ROOM not in (await li.texts())[-1]


async def test_a_membership_of_another_room_is_not_ended_from_this_page(site: Site) -> None:
    answer = await site.staff("steward").post(f"{place(site)}/end", {"membership": str(stay_id(site, "赵文博"))})
    assert answer.status_code == 409 and site.rows("membership", "revoked_at", id=stay_id(site, "赵文博")) == [(None,)]


# ── applications ──


async def application(site: Site, room: str = ROOM) -> tuple[str, Resident]:
    """Somebody asks to be linked with papers: the ticket's number and who it is."""
    somebody = site.resident()
    await somebody.write("绑定")
    number = site.ticket("enquiry", f"申请绑定{room}，李四，身份：租客", category="binding", contact="13800001234",
                         contact_name="李四")  # fmt: skip
    site.set("ticket", {"conversation_id": somebody.talk_id, "room_label": room}, number=number)
    return number, somebody


async def test_an_application_is_decided_on_its_ticket(site: Site) -> None:
    ding = site.staff("steward")
    number, somebody = await application(site)
    page = sound((await ding.get(f"/desk/tickets/{number}")).text, "zh")
    form = page.form(f"/desk/tickets/{number}/recognise")
    assert "王**" in page.words and "王建国" not in page.words.partition("绑定申请")[2].partition("要答复")[0]
    fields = {"household": str(household_id(site)), "role": "tenant", "until": "2027-06-30"}
    answer = await ding.http.post(form.action, data={**form.fields, **fields})
    assert answer.headers["location"] == f"/desk/tickets/{number}?said=recognised"
    assert site.status(number) == "answered"
    member = site.rows("conversation", "resident_id", "bound_by", address=somebody.address)
    assert member == [(site.resident_id("李四"), "staff")]
    assert site.rows("membership", "household_id", "role", "until", resident_id=member[0][0]) == [
        (household_id(site), "tenant", date(2027, 6, 30))
    ]
    assert any("丁小雯已核实" in t for t in await somebody.texts())
    assert not any(f.action.endswith("/recognise") for f in (await ding.see(f"/desk/tickets/{number}")).forms)
    again = await ding.http.post(form.action, data={**form.fields, **fields})
    assert again.status_code == 409 and "刚刚变了" in Page(again.text).words
    assert len(site.rows("membership", "id", resident_id=member[0][0])) == 1


async def test_the_room_an_application_means_can_be_looked_for(site: Site) -> None:
    ding = site.staff("steward")
    number, _ = await application(site, "四号楼的703")
    path = f"/desk/tickets/{number}"
    assert "没有找到" in (await ding.see(path)).words
    assert "只列十户" in (await ding.see(path, home="603")).words
    assert f"{OTHER}: " in (await ding.see(path, home=OTHER)).words
    answer = await ding.post(f"{path}/recognise", {"household": f"new-{room_id(site, OTHER)}", "role": "owner"})
    assert answer.status_code == 303
    assert site.rows("household", "room_id")[-1] == (room_id(site, OTHER),)


async def test_an_application_is_refused_by_the_ordinary_answer(site: Site) -> None:
    ding = site.staff("steward")
    number, somebody = await application(site)
    assert (await ding.act(number, "answer", "合同上的房号不符")).status_code == 303
    assert any("合同上的房号不符" in t for t in await somebody.texts())
    assert site.rows("conversation", "resident_id", address=somebody.address) == [(None,)]


async def test_who_may_not_bind_sees_no_form_to_decide(site: Site) -> None:
    number, _ = await application(site)
    page = await site.staff("cashier").see(f"/desk/tickets/{number}")
    assert not any(f.action.endswith("/recognise") for f in page.forms) and "绑定申请" not in page.words
    ordinary = site.ticket("enquiry", "水表怎么看")
    assert "绑定申请" not in (await site.staff("steward").see(f"/desk/tickets/{ordinary}")).words


@pytest.mark.parametrize("wrong", [{"household": ""}, {"household": "999999"}, {"role": "king"}, {"until": "x"}, {"until": "2026-11-22"}])
async def test_a_mistake_in_recognising_changes_nothing(site: Site, wrong: dict[str, str]) -> None:
    number, somebody = await application(site)
    before = site.footprint()
    fields = {"household": str(household_id(site)), "role": "owner", **wrong}
    answer = await site.staff("steward").post(f"/desk/tickets/{number}/recognise", fields)
    assert answer.status_code in (404, 409) and site.status(number) == "open"
    assert site.footprint()["membership"] == before["membership"]
    assert site.rows("conversation", "resident_id", address=somebody.address) == [(None,)]


async def test_a_caller_who_has_moved_out_is_not_verified_and_their_old_room_not_shown(site: Site) -> None:
    ding, li = site.staff("steward"), site.resident("李秀梅")
    await li.write("你好")
    filed = {"source": "phone", "kind": "complaint", "room": ROOM, "description": "噪音", "contact_name": "李秀梅",
             "contact": "13900000002"}  # fmt: skip
    assert ROOM in (await ding.see(f"/desk/talks/{li.talk_id}")).words
    await ding.post("/desk/file", filed)
    site.desk.end_membership(1, ding.id, stay_id(site, "李秀梅"))
    await ding.post("/desk/file", filed)
    assert site.rows("ticket", "requester_verified", "household_id", kind="complaint") == [
        (True, household_id(site)), (False, None),
    ]  # fmt: skip
    for path in ("/desk/talks?tab=all", f"/desk/talks/{li.talk_id}"):
        assert ROOM not in (await ding.see(path)).words.partition("未办结的工单")[0]


# ── colleagues ──


async def test_a_code_makes_a_chat_a_colleagues_and_brings_the_notices_there(site: Site) -> None:
    liu, chat = site.staff("technician"), site.resident()
    form = (await liu.see("/desk/duty")).form("/desk/duty/code")
    answer = await liu.http.post(form.action, data=form.fields)
    page = sound(answer.text, "zh")
    assert "刘师傅" in page.words and "11-24 10:00" in page.words  # a day
    again = await liu.http.post(form.action, data=form.fields)
    assert again.status_code == 409 and "不能再次显示" in Page(again.text).words
    code = re.search(r"[A-Z0-9]{5}-[A-Z0-9]{5}", page.words)
    assert code is not None
    await redeemed(chat, code.group())
    assert site.rows("conversation", "staff_id", "resident_id", address=chat.address) == [(liu.id, None)]
    number = site.ticket()
    await site.settle()
    assert any(number in t for t in await chat.texts())


async def test_only_who_appoints_makes_a_code_for_somebody_else(site: Site) -> None:
    liu = site.rows("staff", "id", name="刘师傅")[0][0]
    for role in ("technician", "steward", "cashier", "guard", "cleaner", "supervisor", "manager"):
        someone = site.staff(role, nth=1 if role == "technician" else 0)
        offered = "selected" in (await someone.get("/desk/duty")).text
        answer = await someone.post("/desk/duty/code", {"colleague": str(liu)})
        assert offered == access.may(role, "appoint"), role
        assert answer.status_code == (200 if access.may(role, "appoint") else 403), role
        assert (await someone.post("/desk/duty/code")).status_code == 200  # one's own
    boss = site.staff("manager")
    theirs = site.rows("staff", "id", community_id=site.communities["HT"])[0][0]
    site.set("staff", {"active": False}, id=liu)
    for colleague in (liu, theirs, 99999):
        assert (await boss.post("/desk/duty/code", {"colleague": str(colleague)})).status_code == 404
    assert (await boss.post("/desk/duty/code", {"colleague": "x"})).status_code == 409


# ── the log ──


async def test_every_page_that_shows_a_household_in_full_is_in_the_log_once_an_hour(site: Site) -> None:
    ding, wang = site.staff("steward"), site.resident("王建国")
    await wang.write("你好")
    number = site.ticket(resident="王建国")
    home, person = household_id(site), site.resident_id("王建国")
    site.set("ticket", {"household_id": home}, number=number)
    site.put("phone_task", community_id=1, text="请回电", reason="failed", status="open", created_at=site.clock.now(),
             ticket_id=site.ticket_id(number))  # fmt: skip
    pages = {f"/desk/tickets/{number}": f"ticket {number}", f"/desk/talks/{wang.talk_id}": f"conversation {wang.talk_id}",
             place(site): "room", f"/desk/people/{person}": f"person {person}", "/desk/calls": "calls"}  # fmt: skip
    for _ in range(2):
        for path in pages:
            await ding.see(path)
    assert shown(site) == [(ding.id, home, what) for what in pages.values()]
    other = site.staff("steward", nth=1)
    await other.see(place(site))
    assert shown(site)[-1] == (other.id, home, "room")
    site.machine.forward(timedelta(hours=1))
    await ding.see(place(site))
    assert shown(site)[-1] == (ding.id, home, "room") and len(shown(site)) == len(pages) + 2


async def test_what_is_masked_is_not_in_the_log_and_a_stranger_is_without_a_home(site: Site) -> None:
    liu, number = site.staff("technician"), site.ticket()
    await liu.see(f"/desk/tickets/{number}")
    for path in ("/desk/people", "/desk/rooms", "/desk?tab=all"):
        await site.staff("supervisor").see(path)
    assert shown(site) == []
    await liu.act(number, "accept")
    await liu.see(f"/desk/tickets/{number}")
    assert shown(site) == [(liu.id, None, f"ticket {number}")]
    await liu.see(f"/desk/tickets/{number}")
    assert len(shown(site)) == 1


async def test_a_notice_with_a_whole_telephone_is_a_disclosure(site: Site) -> None:
    ding, number = site.staff("steward"), site.ticket()
    site.set("ticket", {"household_id": household_id(site)}, number=number)
    site.put("outbox", community_id=1, channel="desk", staff_id=ding.id, ticket_id=site.ticket_id(number), lane=f"s{ding.id}",
             address=f"staff:{ding.id}", text="电话139****0001", next_at=site.clock.now(), created_at=site.clock.now())  # fmt: skip
    await ding.see("/desk/notices")
    assert shown(site) == []
    site.set("outbox", {"text": "电话13900000001"}, staff_id=ding.id)
    await ding.see("/desk/notices")
    assert shown(site) == [(ding.id, household_id(site), "notices")]


async def test_the_page_opened_many_times_at_once_is_one_line(site_on_both: Site) -> None:
    site = site_on_both
    ding = site.staff("steward")
    await asyncio.gather(*(ding.see(place(site)) for _ in range(5)))
    assert shown(site) == [(ding.id, household_id(site), "room")]


async def test_a_form_cannot_keep_its_sender_out_of_the_log(site: Site) -> None:
    ding, home = site.staff("steward"), household_id(site)
    number = site.ticket()
    for once in (f"shown:{ding.id}:{home}:room", f"{ding.id} {home} room"):
        await ding.post(f"/desk/tickets/{number}/note", {"note": "x", "once": once})
    await ding.see(place(site))
    assert (ding.id, home, "room") in shown(site)


async def test_the_log_is_read_by_day_and_by_page(site: Site) -> None:
    boss, home = site.staff("supervisor"), household_id(site)
    wang = site.resident("王建国")
    await wang.write("隐私")
    evening = datetime(2026, 11, 23, 15, 59, tzinfo=UTC)  # a minute before midnight in Beijing
    for at, what in ((evening, "members"), (evening + timedelta(minutes=1), "export"), (evening - timedelta(days=1), "held")):
        site.put("disclosure", community_id=1, household_id=home, conversation_id=wang.talk_id, what=what, at=at)
    site.put("disclosure", community_id=1, household_id=None, what="export", at=site.clock.now())
    site.put("disclosure", community_id=site.communities["HT"], staff_id=site.staff("supervisor", "HT").id, what="held",
             at=site.clock.now())  # fmt: skip
    site.desk.advance(evening + timedelta(hours=2))
    boss = site.staff("supervisor")
    page = await boss.see("/desk/disclosures", day="2026-11-23")
    body = page.words.partition("哪一户")[2]
    assert "成员名单" in body and "信息副本" in body and "网页" in body and ROOM in body and "命令行" in body
    assert "保存了哪些" not in body and body.count("未绑定的住户") == 1 and body.count(ROOM) == 1
    for n in range(60):
        site.put("disclosure", community_id=1, household_id=home, staff_id=boss.id, what=f"person {n}", at=evening)
    first = await boss.see("/desk/disclosures", day="2026-11-23")
    older = next(a["href"] for t, a in first.elements if t == "a" and a.get("rel") == "next" and "page=2" in a["href"])
    second = await boss.see(older)
    assert first.words.count("住户登记") == 50 and second.words.count("住户登记") == 10
    for strange in ("?day=x&page=x", "?day=2999-01-01", "?page=999999", "?day=0001-01-01"):
        assert (await boss.get(f"/desk/disclosures{strange}")).status_code == 200


# ── the use cases themselves ──


def test_a_use_case_asks_the_role_itself(site: Site) -> None:
    """Whatever page, command or channel calls it."""
    desk, home = site.desk, household_id(site)
    site.resident("王建国")
    number, complaint = site.ticket(), site.ticket("complaint", "噪音", resident="王建国")
    talk = site.rows("conversation", "id")[0][0]
    draft = desk_draft()
    calls = {
        "file": lambda who: desk.file_ticket(1, who, draft, "phone", f"role-{who}"),
        "talk": lambda who: desk.take_over(1, who, talk),
        "acknowledge": lambda who: desk.acknowledge(1, who, number),
        "bind": lambda who: desk.invite_into(1, who, home, "family"),
        "appoint": lambda who: desk.invite_colleague(1, who, site.rows("staff", "id", name="唐阿姨")[0][0]),
    }
    for role in ("technician", "guard", "cleaner", "cashier", "steward", "supervisor", "manager"):
        who = site.rows("staff", "id", role=role, community_id=1)[0][0]
        for capability, call in calls.items():
            if access.may(role, capability):  # type: ignore[arg-type]
                call(who)
            else:
                with pytest.raises(Refused, match=capability):
                    call(who)
        if not access.sees(role, "complaint"):
            before = site.footprint()
            with pytest.raises(Refused, match="complaint"):
                desk.act_on_ticket(1, who, complaint, "accept")
            with pytest.raises(Refused, match="complaint"):
                desk.add_note(1, who, complaint, "x", "n")
            assert site.footprint() == before, role
    with pytest.raises(Refused):
        desk.speak(1, site.rows("staff", "id", role="guard")[0][0], talk, "您好", "say")
    with pytest.raises(Refused):
        desk.withdraw_invite(1, site.rows("staff", "id", role="guard")[0][0], 1)


def desk_draft() -> counter.TicketDraft:
    return counter.TicketDraft("complaint", "general", "噪音")


def test_codes_are_made_for_what_there_is(site: Site) -> None:
    desk = site.desk
    with pytest.raises(NotFound):
        desk.invite_into(1, None, 999999, "owner")
    with pytest.raises(NotFound):
        desk.invite_into(site.communities["HT"], None, household_id(site), "owner")
    with pytest.raises(NotFound):
        desk.invite_into(1, None, counter.NewHousehold(999999), "owner")
    with pytest.raises(ValueError, match="no role"):
        desk.invite_into(1, None, household_id(site), "king")
    code = desk.invite_into(1, None, household_id(site), "owner", once="one")
    with pytest.raises(ShownOnce):
        desk.invite_into(1, None, household_id(site), "owner", once="one")
    assert invitecode.find(code) and len(site.rows("invite", "id")) == 1
    assert site.rows("identity_event", "by_staff", what="invited") == [(None,)]
