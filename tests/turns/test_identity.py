"""Who is asking, end to end on both engines: the real core, real rows, no language model."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, text, update

from bot import identity, privacy, store
from bot.app import NoNlu, build_core
from bot.channels import AGREED, Inbound, Message, token_of
from bot.core.access import Refused
from bot.core.domain import Script
from bot.core.policy import KEPT
from bot.core.tickets import IllegalMove
from bot.database import EVERY, Database
from bot.hearing import Ear
from bot.notebook import Notes
from bot.store import Flood
from bot.tables import METADATA, table
from bot.work import NotFound
from tests.store.office import POLICY, Office, Platform, open_office
from tests.texts import office_texts

TEXTS: Script = office_texts()
CORE = build_core(TEXTS, 2027, "https://desk.example")
TECHNICIAN, STEWARD, SUPERVISOR = 1, 2, 3


def real(desk: Office) -> Office:
    """The office with the real core, hearing by rules alone."""
    desk.desk.core = CORE
    desk.workers._hear = Ear(NoNlu(), TEXTS).hear
    return desk


@pytest.fixture
def desk(database: Database) -> Office:
    return real(open_office(database))


async def says(desk: Office, address: str, *texts: str, button: str = "", **more: Any) -> str:
    """Speak, be answered; everything that was said to this address since, in one string."""
    before = max([i for (i,) in desk.rows("outbox", "id")], default=0)
    for words in texts or ("",):
        desk._ids += 1
        message = Inbound("telegram", "bot", f"m{desk._ids}", address, words, button or None, **more)
        await desk.workers.accept(1, message)
        await desk.answer()
    said = desk.database.read(EVERY,
        lambda c: c.execute(
            select(table("outbox").c.text).where(table("outbox").c.id > before, table("outbox").c.address == address)
        ).scalars().all()
    )  # fmt: skip
    return "\n".join(said)


def whose(desk: Office, address: str) -> tuple[Any, ...]:
    return desk.rows("conversation", "resident_id", "staff_id", "bound_by", address=address)[0]


async def bind(desk: Office, address: str = "wang", room: str = "3栋2单元501", name: str = "王芳", tail: str = "0000") -> str:
    return await says(desk, address, "/bind", "同意", room, name, tail)


async def joins(desk: Office, address: str, code: str, name: str = "李秀梅") -> str:
    return await says(desk, address, code, "同意", name)


# ── the ways in ──


async def test_the_roster_makes_the_conversation_the_resident_s_and_leaves_a_trail(desk: Office) -> None:
    assert "已绑定3-2-501（业主）" in await bind(desk)
    assert whose(desk, "wang") == (1, None, "roster")
    assert desk.rows("identity_event", "what", "resident_id", "household_id", "note") == [("bound", 1, 1, "roster")]
    assert desk.rows("bind_attempt", "room", "matched") == [("3-2-501", True)]
    assert [row for row in desk.rows("consent", "purpose", "given") if row[0] == "binding"] == [("binding", True)]


@pytest.mark.parametrize(("room", "name", "tail"), [("3栋2单元501", "王芳", "1111"), ("3栋2单元502", "王芳", "0000"), ("9栋9单元901", "王芳", "0000")])
async def test_what_does_not_match_binds_nobody_and_counts(desk: Office, room: str, name: str, tail: str) -> None:
    said = await bind(desk, "eve", room, name, tail)
    assert "没有核对上" in said
    assert whose(desk, "eve") == (None, None, "")
    assert [matched for (matched,) in desk.rows("bind_attempt", "matched")] == [False]


async def test_two_of_one_name_and_one_number_match_nobody(desk: Office) -> None:
    def twin(conn: Any) -> None:
        conn.execute(insert(table("resident")), {"id": 9, "community_id": 1, "name": "王芳", "phone": "13700000000"})
        conn.execute(insert(table("membership")), {"community_id": 1, "household_id": 1, "resident_id": 9, "role": "family"})

    desk.database.write(EVERY, twin)
    assert "没有核对上" in await bind(desk)


async def test_staff_make_a_code_that_works_once(desk: Office) -> None:
    code = desk.desk.invite_into(1, STEWARD, 1, "tenant", until=date(2027, 12, 31))
    assert re.fullmatch(r"\w{5}-\w{5}", code)
    assert "您受邀绑定3-2-501，身份：租客" in await says(desk, "chen", code)
    assert whose(desk, "chen") == (None, None, "")
    assert "已绑定3-2-501（租客）" in await says(desk, "chen", "同意", "陈晨")
    resident = desk.rows("resident", "id", name="陈晨")[0][0]
    assert whose(desk, "chen") == (resident, None, "invite")
    assert desk.rows("membership", "role", "until", resident_id=resident) == [("tenant", date(2027, 12, 31))]
    assert "不能用" in await says(desk, "eve", code)
    assert code.replace("-", "") not in str(desk.rows("invite", "code_hash"))


async def test_a_code_runs_out_and_a_printed_one_later(desk: Office) -> None:
    short = desk.desk.invite_into(1, STEWARD, 1, "family")
    printed = desk.desk.invite_into(1, STEWARD, 1, "family", printed=True)
    desk.machine.forward(POLICY.invite_valid + timedelta(hours=1))
    assert "不能用" in await says(desk, "a", short)
    assert "您受邀绑定" in await says(desk, "b", printed)


def test_who_may_not_bind_makes_no_code(desk: Office) -> None:
    for call in (
        lambda: desk.desk.invite_into(1, TECHNICIAN, 1, "family"),
        lambda: desk.desk.end_membership(1, TECHNICIAN, 1),
        lambda: desk.desk.invite_colleague(1, TECHNICIAN, STEWARD),
    ):
        with pytest.raises(Refused):
            call()
    with pytest.raises(NotFound):
        desk.desk.invite_into(1, STEWARD, 99, "family")
    with pytest.raises(ValueError, match="no role in a household"):
        desk.desk.invite_into(1, STEWARD, 1, "king")
    assert desk.rows("invite", "id") == []


async def test_a_code_of_one_community_opens_nothing_in_another(desk: Office) -> None:
    code = desk.desk.invite_into(1, STEWARD, 1, "family")
    await desk.workers.accept(2, Inbound("telegram", "bot2", "x1", "wang", code))
    await desk.answer()
    said = [t for (t,) in desk.rows("outbox", "text", community_id=2)]
    assert any("不能用" in t for t in said) and not any("3-2-501" in t for t in said)


async def test_an_owner_brings_in_family_and_ends_it_again(desk: Office) -> None:
    await bind(desk)
    said = await says(desk, "wang", button="house:family")
    code = re.search(r"\w{5}-\w{5}", said)
    assert code is not None
    await joins(desk, "mei", code[0])
    mei = whose(desk, "mei")[0]
    assert mei is not None
    # She reports; it is the household's.
    await says(desk, "mei", button="menu:repair")
    await says(desk, "mei", "厨房漏水", "随时", "13811112222", "对")
    assert desk.rows("ticket", "household_id", "resident_id") == [(1, mei)]
    membership = desk.rows("membership", "id", resident_id=mei)[0][0]
    await says(desk, "wang", button=f"house:remove:{membership}")
    assert "已解除李秀梅" in await says(desk, "wang", "确定")
    assert desk.rows("membership", "revoked_at", resident_id=mei)[0][0] is not None
    number = desk.rows("ticket", "number")[0][0]
    assert number not in await says(desk, "mei", button="menu:ticket_status")
    assert number in await says(desk, "wang", button="menu:ticket_status")


async def test_the_last_day_of_a_lease_is_the_last_day(desk: Office) -> None:
    code = desk.desk.invite_into(1, STEWARD, 1, "tenant", until=date(2027, 3, 2), name="陈晨")
    await says(desk, "chen", code, "同意")
    await says(desk, "chen", button="menu:repair")
    await says(desk, "chen", "厨房漏水")
    desk.machine.forward(timedelta(days=1))  # the second of March, in the morning: still
    assert "您已绑定：3-2-501" in await says(desk, "chen", "/bind")
    desk.machine.forward(timedelta(days=1))
    said = await says(desk, "chen", "明天下午")
    assert "绑定已结束" in said and "3-2-501" not in said
    assert "3-2-501" not in await says(desk, "chen", "/bind")


async def test_an_application_with_papers_is_decided_by_staff(desk: Office) -> None:
    await says(desk, "chen", "/bind", "同意", button="")
    await says(desk, "chen", button="bind:papers")
    await says(desk, "chen", "3栋2单元502", "陈晨", "租客", "不同意", "13811112222")
    number, category = desk.rows("ticket", "number", "category")[0]
    assert category == "binding" and whose(desk, "chen") == (None, None, "")
    with pytest.raises(Refused):
        desk.desk.recognise(1, TECHNICIAN, number, 2, "tenant")
    desk.desk.recognise(1, STEWARD, number, 2, "tenant", date(2027, 12, 31))
    assert whose(desk, "chen")[2] == "staff"
    assert desk.rows("ticket", "status") == [("answered",)]
    assert [t for (t,) in desk.rows("outbox", "text", address="chen")][-1] == "刘管家已核实，您已绑定3-2-502（租客）。"
    with pytest.raises(IllegalMove):
        desk.desk.recognise(1, STEWARD, number, 2, "tenant")
    assert len(desk.rows("membership", "id", household_id=2)) == 2


async def test_news_of_a_home_does_not_reach_who_has_moved_out(desk: Office) -> None:
    await bind(desk)
    await says(desk, "wang", button="menu:repair")
    await says(desk, "wang", "厨房漏水", "随时", "对")
    number = desk.rows("ticket", "number")[0][0]
    desk.desk.end_membership(1, STEWARD, 1)
    before = len(desk.rows("outbox", "id", address="wang"))
    desk.desk.act_on_ticket(1, TECHNICIAN, number, "accept")
    assert len(desk.rows("outbox", "id", address="wang")) == before
    assert [r for (r,) in desk.rows("phone_task", "reason")] == ["the requester does not belong to the household any more"]
    assert number not in await says(desk, "wang", button="menu:ticket_status")
    with pytest.raises(NotFound):
        desk.desk.end_membership(1, STEWARD, 1)


async def test_news_that_waits_is_dropped_when_the_membership_ends(desk: Office) -> None:
    await bind(desk)
    await says(desk, "wang", button="menu:repair")
    await says(desk, "wang", "厨房漏水", "随时", "对")
    desk.desk.act_on_ticket(1, TECHNICIAN, desk.rows("ticket", "number")[0][0], "accept")
    waiting = [row for row in desk.rows("outbox", "id", "ticket_id", "status", address="wang") if row[1] and row[2] == "ready"]
    assert waiting
    desk.desk.end_membership(1, STEWARD, 1)
    after = {row[0]: row[1] for row in desk.rows("outbox", "id", "status", address="wang")}
    assert {after[row[0]] for row in waiting} == {"superseded"}


async def test_a_colleague_s_chat_gets_the_notices_and_the_way_in(desk: Office) -> None:
    code = desk.desk.invite_colleague(1, SUPERVISOR, TECHNICIAN)
    assert "工作人员张师傅" in await says(desk, "zhang", code)
    await says(desk, "zhang", "确认")
    assert whose(desk, "zhang") == (None, TECHNICIAN, "invite")
    await says(desk, "wang", button="menu:repair")
    await says(desk, "wang", "厨房漏水", "3栋2单元501", "随时", "13811112222", "对")
    told = {(c, a) for c, a, k in desk.rows("outbox", "channel", "address", "key") if k == "utter_staff_new_ticket"}
    assert told == {("desk", "staff:1"), ("telegram", "zhang")}
    said = await says(desk, "zhang", "在吗")
    assert re.search(r"https://desk\.example/desk/login/\S{20,}", said)
    desk.database.write(EVERY, lambda c: c.execute(update(table("staff")).where(table("staff").c.id == 1).values(active=False)))
    assert "login" not in await says(desk, "zhang", "在吗"), "who has left gets no way in"


async def test_a_colleague_takes_steps_in_a_chat_and_the_resident_hears_of_them(desk: Office) -> None:
    for person, address in ((TECHNICIAN, "zhang"), (STEWARD, "liu")):
        await says(desk, address, desk.desk.invite_colleague(1, SUPERVISOR, person), "确认")
    await bind(desk)
    await says(desk, "wang", button="menu:repair")
    await says(desk, "wang", "厨房漏水", "随时", "对")
    number = desk.rows("ticket", "number")[0][0]
    notice = desk.rows("outbox", "buttons", address="zhang", key="utter_staff_new_ticket")[0][0]
    assert [value for _, value in notice] == [f"act:{number}:accept"]
    assert desk.rows("outbox", "buttons", address="staff:1", key="utter_staff_new_ticket") == [([],)]

    await says(desk, "zhang", button=f"act:{number}:accept")
    await desk.workers.tick()
    assert desk.rows("ticket", "status", "assignee_id") == [("dispatched", TECHNICIAN)]
    said = desk.rows("outbox", "text", "buttons", address="zhang")[-1]
    assert said[0] == f"{number}：已派单" and [v for _, v in said[1]] == [f"act:{number}:depart", f"act:{number}:arrive"]
    assert any("张师傅" in t for (t,) in desk.rows("outbox", "text", address="wang"))

    await says(desk, "zhang", button=f"act:{number}:accept")  # pressed again on the old card
    await desk.workers.tick()
    assert desk.rows("ticket", "status") == [("dispatched",)]
    assert "不能这样操作" in desk.rows("outbox", "text", address="zhang")[-1][0]
    assert [a for (a,) in desk.rows("ticket_event", "action")] == ["open", "accept"]


async def test_a_forged_step_a_foreign_ticket_and_a_stranger_s_press_move_nothing(desk: Office) -> None:
    await says(desk, "zhang", desk.desk.invite_colleague(1, SUPERVISOR, TECHNICIAN), "确认")
    await says(desk, "wang", button="menu:complaint")
    await says(desk, "wang", "楼上太吵", "13811112222", "对")
    number = desk.rows("ticket", "number", kind="complaint")[0][0]
    # A technician has no part in complaints; there is no such ticket; no such step; and a resident is no colleague.
    for address, press in (
        ("zhang", f"act:{number}:acknowledge"), ("zhang", "act:CY-BX-20270301-9999:accept"), ("zhang", f"act:{number}:close"),
        ("wang", f"act:{number}:acknowledge"),
    ):  # fmt: skip
        await says(desk, address, button=press)
        await desk.workers.tick()
    assert desk.rows("ticket", "status", kind="complaint") == [("submitted",)]


async def test_cards_of_others_are_redrawn_once_a_colleague_has_acted(desk: Office) -> None:
    drawn: list[tuple[int, str]] = []

    class Cards(Platform):
        async def update_card(self, message_id: int, text: str) -> bool:
            drawn.append((message_id, text))
            return True

    desk.workers._channels = {("telegram", "bot"): Cards(), ("desk", ""): desk.staff_page}
    for person, address in ((TECHNICIAN, "zhang"), (STEWARD, "liu")):
        await says(desk, address, desk.desk.invite_colleague(1, SUPERVISOR, person), "确认")
    await says(desk, "wang", button="menu:repair")
    await says(desk, "wang", "厨房漏水", "3栋2单元501", "随时", "13811112222", "对")
    await desk.deliver()
    number = desk.rows("ticket", "number")[0][0]
    card = desk.rows("outbox", "id", address="zhang", key="utter_staff_new_ticket")[0][0]
    desk.desk.act_on_ticket(1, STEWARD, number, "accept")
    await desk.workers.tick()
    assert (card, "刘管家：已派单") in drawn
    assert desk.rows("due", "status", kind="redraw") == [("done",)]


async def test_one_s_own_device_is_the_same_person(desk: Office) -> None:
    await bind(desk)
    code = re.search(r"\w{5}-\w{5}", await says(desk, "wang", button="house:me"))
    assert code is not None
    await says(desk, "wang-tablet", code[0], "同意")
    assert whose(desk, "wang-tablet") == (1, None, "invite")
    assert len(desk.rows("membership", "id", resident_id=1)) == 1


async def test_a_code_for_one_s_own_device_does_not_outlast_the_home(desk: Office) -> None:
    await bind(desk)
    code = re.search(r"\w{5}-\w{5}", await says(desk, "wang", button="house:me"))
    assert code is not None
    desk.desk.end_membership(1, STEWARD, 1)
    assert "不能用" in await says(desk, "wang-tablet", code[0])
    assert [r for (r,) in desk.rows("membership", "revoked_at", household_id=1) if r is None] == []


async def test_who_owns_no_more_brings_nobody_in_any_more(desk: Office) -> None:
    await bind(desk)
    code = re.search(r"\w{5}-\w{5}", await says(desk, "wang", button="house:family"))
    assert code is not None
    shown = await says(desk, "mei", code[0])
    assert "您受邀绑定3-2-501" in shown
    desk.desk.end_membership(1, STEWARD, 1)
    assert "不能用" in await says(desk, "mei", "同意", "李秀梅")
    assert whose(desk, "mei") == (None, None, "")


async def test_a_second_home_is_added_to_the_same_person(desk: Office) -> None:
    await bind(desk)
    code = desk.desk.invite_into(1, STEWARD, 2, "agent")
    await says(desk, "wang", code, "同意")
    assert whose(desk, "wang")[0] == 1
    assert {h for (h,) in desk.rows("membership", "household_id", resident_id=1)} == {1, 2}


def test_of_four_who_redeem_one_code_at_the_same_moment_one_gets_in(postgres_url: str) -> None:
    databases = [Database(postgres_url) for _ in range(5)]
    front = real(open_office(databases[0]))
    code = front.desk.invite_into(1, STEWARD, 1, "family", name="李秀梅").replace("-", "")
    talks = [front.say("您好", address=f"p{n}").conversation_id for n in range(4)]
    gate = threading.Barrier(4)
    won: list[bool] = []

    def redeem(database: Database, talk: int) -> None:
        gate.wait()
        won.append(
            database.write(EVERY,
                lambda c: identity.redeem(c, 1, talk, code, "", "zh", front.clock.now(), date(2027, 3, 1))
            )
        )

    threads = [threading.Thread(target=redeem, args=pair) for pair in zip(databases[1:], talks, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(won) == [False, False, False, True]
    assert len([r for (r,) in front.rows("conversation", "resident_id") if r is not None]) == 1
    assert len(front.rows("membership", "id", household_id=1)) == 2
    for database in databases:
        database.close()


# ── short button tokens ──


async def test_a_short_token_means_what_its_button_meant_and_nothing_in_another_s_conversation(desk: Office) -> None:
    await says(desk, "wang", "/start")
    row, buttons = desk.rows("outbox", "id", "buttons", address="wang", key="utter_greet")[0]
    position = [value for _, value in buttons].index("bind:")
    token = token_of(Message(row, ""), position)
    assert len(token.encode()) <= 64
    assert "同意吗" in await says(desk, "wang", tap=token)
    for stale in (f"{row}.99", "0.0", "x", "999999999999999999999.1", f"{row}.-1"):
        assert "已经过期" in await says(desk, "wang", tap=stale)
    assert "同意吗" not in await says(desk, "eve", tap=token)


# ── floods ──


async def test_a_flood_of_one_speaker_is_kept_told_once_and_hinders_nobody(desk: Office) -> None:
    desk.workers.pace = replace(desk.workers.pace, flood=Flood(timedelta(minutes=1), 5, 1000))
    for _ in range(12):
        desk._ids += 1
        await desk.workers.accept(1, Inbound("telegram", "bot", f"m{desk._ids}", "eve", f"啊{desk._ids}"))
    statuses = [s for (s,) in desk.rows("inbox", "status")]
    assert statuses == ["new"] * 5 + ["muted"] * 7
    assert len(desk.rows("outbox", "id", address="eve", key="utter_flood")) == 1
    assert "服务中心" in await says(desk, "wang", "/start")
    # A danger passes.
    desk._ids += 1
    await desk.workers.accept(1, Inbound("telegram", "bot", f"m{desk._ids}", "eve", "着火了"), at_once=True)
    await desk.answer()
    assert desk.rows("ticket", "kind") == [("emergency",)]
    # After the window the speaker is heard again.
    desk.machine.forward(timedelta(minutes=2))
    assert await says(desk, "eve", "/start") != ""


async def test_a_flood_of_an_account_makes_its_busiest_speaker_wait_and_not_the_others(desk: Office) -> None:
    desk.workers.pace = replace(desk.workers.pace, flood=Flood(timedelta(minutes=1), 1000, 10))
    for n in range(12):
        await desk.workers.accept(1, Inbound("telegram", "bot", f"f{n}", "eve", f"啊{n}"))
        await desk.answer()
    assert "服务中心" in await says(desk, "wang", "/start")
    await desk.workers.accept(1, Inbound("telegram", "bot", "f99", "eve", "啊啊"))
    assert await desk.answer() == 0
    desk.machine.forward(timedelta(minutes=1))
    assert await desk.answer() == 1


# ── privacy ──

SECRETS = ("王芳芳住这里", "13811112222", "tg-wang-7788", "canary-photo")


async def a_life(desk: Office) -> None:
    """A resident who has said a good deal, with one finished ticket and one open one."""
    address = "tg-wang-7788"
    await bind(desk, address)
    await says(desk, address, button="menu:repair")
    await says(desk, address, "厨房漏水,王芳芳住这里", "随时", "13811112222", "对")
    number = desk.rows("ticket", "number")[0][0]
    for action in ("accept", "depart", "arrive", "done"):
        desk.desk.act_on_ticket(1, TECHNICIAN, number, action, "好了")
    await says(desk, address, "修好了")
    await says(desk, address, button="menu:complaint")
    await says(desk, address, "楼上太吵,王芳芳住这里", "对")


def everything(desk: Office) -> dict[str, str]:
    """Every table as one string."""
    return {
        name: json.dumps([list(map(str, r)) for r in desk.database.read(EVERY, lambda c, t=t: c.execute(select(t)).all())], ensure_ascii=False)
        for name, t in METADATA.tables.items()
    }


async def test_who_asks_is_forgotten_everywhere_but_in_the_register_and_in_open_work(desk: Office) -> None:
    await a_life(desk)
    await desk.deliver()
    notes = Notes(desk.database, 1, "telegram", "bot", desk.machine)
    await notes.change(f"{AGREED}tg-wang-7788", lambda page: {"news": 1}, timedelta(days=400))
    await says(desk, "tg-wang-7788", button="privacy:forget")
    await says(desk, "tg-wang-7788", "确定")
    await desk.deliver()
    assert desk.telegram.sent[-1] == ("tg-wang-7788", "已删除。再次来信时，您是新的联系人。")
    left = {name: [s for s in SECRETS if s in rows] for name, rows in everything(desk).items()}
    # The open complaint keeps what its work needs; the outbox the address of the last word, until tonight.
    assert {name for name, found in left.items() if found} <= {"ticket", "outbox", "phone_task", "ticket_event", "survey_answer"}
    open_ticket = desk.rows("ticket", "number", open=True)[0][0]
    closed = desk.rows("ticket", "contact", "description", "resident_id", open=False)
    assert closed[0][0] == "" and closed[0][2] is None
    # The work ends, the night comes.
    desk.desk.act_on_ticket(1, STEWARD, open_ticket, "accept")
    desk.database.write(EVERY, lambda c: c.execute(update(table("ticket")).values(open=False, status="closed")))
    now = desk.clock.now()
    keep = dict.fromkeys(KEPT, timedelta(days=9999))
    desk.database.write(EVERY, lambda c: privacy.purge(c, 1, keep, timedelta(days=1), now, desk.machine.now()))
    left = {name: [s for s in SECRETS if s in rows] for name, rows in everything(desk).items()}
    assert {name: found for name, found in left.items() if found} == {}
    assert desk.rows("resident", "name", id=1) == [("王芳",)], "the register is the office's, for the contract"
    assert ("forgotten",) in desk.rows("identity_event", "what")


async def test_who_was_forgotten_is_a_new_contact(desk: Office) -> None:
    await a_life(desk)
    await says(desk, "tg-wang-7788", button="privacy:forget")
    await says(desk, "tg-wang-7788", "确定")
    said = await says(desk, "tg-wang-7788", "/bind")
    assert "首次联系说明" in said and "同意吗" in said
    assert desk.rows("ticket", "number")[0][0] not in await says(desk, "tg-wang-7788", button="menu:ticket_status")


async def test_who_is_forgotten_does_not_guess_on_at_a_room(desk: Office) -> None:
    for n in range(POLICY.tries_per_room):
        desk.machine.forward(timedelta(minutes=1))
        assert "没有核对上" in await bind(desk, "eve", tail=f"000{n + 1}"[-4:] if n < 9 else "0010")
        await says(desk, "eve", button="privacy:forget")
        await says(desk, "eve", "确定")
    assert "没有核对上" not in await bind(desk, "eve")
    assert whose(desk, "eve") == (None, None, "")


async def test_the_copy_holds_ones_own_and_nothing_of_others_and_is_handed_out_once(desk: Office) -> None:
    await a_life(desk)
    await says(desk, "eve", "别人的话")
    said = await says(desk, "tg-wang-7788", button="privacy:export")
    token = re.search(r"https://desk\.example/mine/(\S+?)(?:\s|$)", said)
    assert token is not None
    machine_now = desk.machine.now()
    assert desk.database.read(EVERY, lambda c: privacy.export_is_good(c, token[1], machine_now))
    owner = desk.database.write(EVERY, lambda c: privacy.take_export(c, token[1], machine_now))
    assert owner is not None
    assert desk.database.write(EVERY, lambda c: privacy.take_export(c, token[1], machine_now)) is None
    copy = privacy.as_json(desk.database.read(EVERY, lambda c: privacy.export_of(c, *owner, date(2027, 3, 1))))
    assert "王芳芳住这里" in copy and "13811112222" in copy and "3-2-501" in copy
    assert "别人的话" not in copy and "李强" not in copy and "3-2-502" not in copy
    assert ("export",) in desk.rows("disclosure", "what")


async def test_a_link_that_ran_out_hands_out_nothing(desk: Office) -> None:
    await a_life(desk)
    token = re.search(r"/mine/(\S+?)(?:\s|$)", await says(desk, "tg-wang-7788", button="privacy:export"))
    assert token is not None
    late = desk.machine.now() + privacy.EXPORT_LIFE + timedelta(seconds=1)
    assert desk.database.write(EVERY, lambda c: privacy.take_export(c, token[1], late)) is None


async def test_the_night_removes_what_policy_no_longer_keeps_and_plans_the_next(desk: Office) -> None:
    await a_life(desk)
    await desk.deliver()
    desk.desk.plan_purge()
    desk.desk.plan_purge()
    due = desk.rows("due", "at", "status", kind="purge", community_id=1)
    assert len(due) == 1 and due[0][0].astimezone(store._zone("Asia/Shanghai")).hour == 3
    desk.machine.forward(POLICY.keep["messages"] + timedelta(days=2))
    await desk.workers.tick()
    assert desk.rows("inbox", "id") == [] and desk.rows("bind_attempt", "id") == []
    assert desk.rows("ticket", "id"), "tickets stay"
    assert desk.rows("due", "status", kind="purge", community_id=1) == [("pending",)]


async def test_what_has_not_been_answered_is_not_purged(desk: Office) -> None:
    desk.say("还没回答", address="late")
    keep = dict.fromkeys(KEPT, timedelta(0))
    later = desk.clock.now() + timedelta(days=1)
    desk.database.write(EVERY, lambda c: privacy.purge(c, 1, keep, timedelta(0), later, later))
    assert desk.rows("inbox", "status") == [("new",)]


async def test_the_purge_of_one_community_leaves_the_other_alone(desk: Office) -> None:
    await says(desk, "wang", "/start")
    await desk.workers.accept(2, Inbound("telegram", "bot2", "x1", "wang", "/start"))
    await desk.answer()
    keep = dict.fromkeys(KEPT, timedelta(0))
    later = desk.clock.now() + timedelta(days=1)
    await desk.deliver()
    desk.database.write(EVERY, lambda c: privacy.purge(c, 1, keep, timedelta(0), later, later))
    assert desk.rows("inbox", "id", community_id=1) == []
    assert len(desk.rows("inbox", "id", community_id=2)) == 1


# ── crashes ──


#: Where these turns and use cases may die. What SIGKILL does to a transaction is shown in test_crashes.
POINTS = ("turn.bound", "turn.forgotten", "recognise.moved", "recognise.saved", "purge.done")


@pytest.mark.parametrize("point", POINTS[2:])
async def test_a_use_case_that_dies_in_between_leaves_everything_as_it_was(
    desk: Office, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    await says(desk, "chen", "/bind", "同意")
    await says(desk, "chen", button="bind:papers")
    await says(desk, "chen", "3栋2单元502", "陈晨", "租客", "不同意", "13811112222")
    number = desk.rows("ticket", "number")[0][0]
    desk.desk.plan_purge()
    desk.machine.forward(timedelta(days=1))

    def act() -> None:
        if point == "purge.done":
            due = desk.desk.claim_due(desk.clock.now(), "t", timedelta(minutes=1), ("ticket", "conversation"))
            assert due is not None
            desk.desk.purge(due)
        else:
            desk.desk.recognise(1, STEWARD, number, 2, "tenant")

    def die(name: str) -> None:
        if name == point:
            raise RuntimeError("the process died here")

    watched = ("conversation", "ticket", "ticket_event", "membership", "resident", "outbox", "inbox", "identity_event")
    before = {name: rows for name, rows in everything(desk).items() if name in watched}
    monkeypatch.setattr("bot.turns.crash_point", die)
    with pytest.raises(RuntimeError, match="died here"):
        act()
    assert {name: rows for name, rows in everything(desk).items() if name in watched} == before
    monkeypatch.undo()
    desk.machine.forward(timedelta(minutes=2))
    act()
    assert ("pending",) in desk.rows("due", "status", kind="purge") if point == "purge.done" else whose(desk, "chen")[2] == "staff"


@pytest.mark.parametrize("point", POINTS[:2])
async def test_a_turn_that_dies_in_between_binds_and_forgets_nothing(
    desk: Office, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    await bind(desk)
    code = desk.desk.invite_into(1, STEWARD, 2, "family", name="李秀梅")

    def die(name: str) -> None:
        if name == point:
            raise RuntimeError("the process died here")

    monkeypatch.setattr("bot.work.crash_point", die)
    if point == "turn.bound":
        await says(desk, "mei", code, "同意")
        assert whose(desk, "mei") == (None, None, "")
        assert desk.rows("invite", "used_at") == [(None,)]
        assert desk.rows("membership", "id", household_id=2) == desk.rows("membership", "id", resident_id=2)
    else:
        await says(desk, "wang", button="privacy:forget")
        await says(desk, "wang", "确定")
        assert whose(desk, "wang")[0] == 1
        assert "王芳" in everything(desk)["inbox"]
    monkeypatch.undo()
    desk.machine.forward(timedelta(minutes=5))
    await desk.answer()  # the platform need not deliver again: the message was kept
    if point == "turn.bound":
        assert whose(desk, "mei")[0] is not None
    else:
        assert desk.database.read(EVERY, lambda c: c.scalar(text("SELECT count(*) FROM conversation WHERE address LIKE 'erased:%'"))) == 1
