"""The staff's pages: every page in both languages with nothing and with everything, hostile words, forms that meet a change."""

from __future__ import annotations

import ast
import asyncio
import inspect
import itertools
import re
from datetime import UTC, date, datetime, timedelta
from typing import Any, get_args
from urllib.parse import quote

import jinja2
import pytest
from jinja2 import nodes

from bot import office, turns, web
from bot.core import access, shadow, tickets
from bot.core.flows import FLOWS
from bot.core.tickets import TRANSITIONS
from bot.core.types import Media
from bot.database import EVERY
from bot.web import chat, counter, demo, desk, entry, frames, pages, people, views
from tests.texts import office_texts
from tests.web.site import HOSTILE, LEAK, ORIGIN, Page, Site, Staff, picture, unsafe

LANGUAGES = ("zh", "en")
PLAIN = ("/desk", "/desk?tab=mine", "/desk?tab=free", "/desk?tab=overdue", "/desk?tab=all", "/desk/talks", "/desk/talks?tab=all",
         "/desk/calls", "/desk/notices", "/desk/file", "/desk/digest", "/desk/duty", "/desk/people", "/desk/people?tab=staff",
         "/desk/rooms", "/desk/disclosures", "/desk/shadow")  # fmt: skip


def sound(html: str, language: str) -> Page:
    """A page as every page must be."""
    page = Page(html)
    assert unsafe(html) == []
    assert page.count("h1") == 1 and page.count("main") == 1
    assert ("html", {"lang": "en" if language == "en" else "zh-CN"}) in page.elements
    ids = [a["id"] for _, a in page.elements if "id" in a]
    assert sorted(ids) == sorted(set(ids)), [i for i in ids if ids.count(i) > 1]
    for leftover in ("utter_", "{span}", "{n}", "Undefined", "{number}", *((" None ",) if language == "zh" else ())):
        assert leftover not in page.words, leftover
    return page


# ── words ──


def _keys(node: nodes.Node) -> tuple[str, bool] | None:
    """The key a template asks `w` for: (whole key, True), or (its beginning, False)."""
    if isinstance(node, nodes.Const):
        return str(node.value), True
    if isinstance(node, nodes.Concat | nodes.Add):
        first = node.nodes[0] if isinstance(node, nodes.Concat) else node.left
        found = _keys(first)
        return (found[0], False) if found else None
    return None


def _asked_by_templates() -> set[tuple[str, bool]]:
    environment = jinja2.Environment()
    asked: set[tuple[str, bool]] = set()
    folder = pages.HERE / "templates"
    for path in folder.rglob("*.html"):
        if path.name == "chat.html":  # its words stand in domain.yml
            continue
        for call in environment.parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "w" and call.args:
                key = _keys(call.args[0])
                if key is not None:
                    asked.add(key)
    return asked


def _asked_by_modules() -> set[tuple[str, bool]]:
    asked: set[tuple[str, bool]] = set()
    for module in (web, chat, counter, demo, desk, entry, frames, people, views):
        for call in ast.walk(ast.parse(inspect.getsource(module))):
            if not isinstance(call, ast.Call):
                continue
            name = getattr(call.func, "id", getattr(call.func, "attr", ""))
            if name == "Unreadable" or (name == "word" and call.args):
                key = call.args[0]
                if isinstance(key, ast.Constant):
                    asked.add((str(key.value), True))
                elif isinstance(key, ast.JoinedStr) and isinstance(key.values[0], ast.Constant):
                    asked.add((str(key.values[0].value), False))
    for refused in inspect.getsource(counter).split('slip.errors["')[1:]:
        for part in refused.partition("\n")[0].split('"'):
            if part.startswith("refused_"):
                asked.add((part, True))
    return asked


def test_every_word_the_pages_ask_for_is_there() -> None:
    known = pages.words()
    asked = _asked_by_templates() | _asked_by_modules()
    assert len(asked) > 150, "the walk over templates and modules finds nothing any more"
    missing = {key for key, whole in asked if whole and key not in known}
    assert missing == set()
    lonely = {key for key, whole in asked if not whole and not any(k.startswith(key) for k in known)}
    assert lonely == set()


def test_every_word_has_both_languages_and_each_its_own_signs() -> None:
    for key, (zh, en) in pages.words().items():
        assert zh.strip() and en.strip(), key
        assert {p for p in ("{span}", "{n}") if p in zh} == {p for p in ("{span}", "{n}") if p in en}, key
        if key not in ("other_language", "start_language", "file_room_hint", "rooms_none_hint"):
            assert not any("\u4e00" <= c <= "\u9fff" for c in en), key


def _said_of_tickets() -> dict[str, set[str]]:
    rules = [(a, r) for table in TRANSITIONS.values() for moves in table.values() for a, r in moves.items()]
    staff = set().union(*access.CAN.values()) | {"cleaner"}
    slots = {slot.name for flow in FLOWS.values() for slot in flow.form} | {"confirm", "change", "room", "contact", "when"}
    return {
        "kind": set(TRANSITIONS),
        "action": {a for a, r in rules if r.by & staff},
        "event": {a for a, _ in rules} | {"open", "internal_note", "acknowledge", "note", "photo", "appointment", "urge", "rating"},
        "role": staff | {"resident", "clock", "desk"} | set(counter.ROLES),
        "closed_by": {r.closes_as for _, r in rules} - {""},
        "flow": set(FLOWS) | {"emergency"},
        "slot": slots,
        "refused": {"not_yours"} | set(re.findall(r'IllegalMove\(.*, "(\w+)"\)', inspect.getsource(turns) + inspect.getsource(tickets))),
        "channel": {"webchat", "console", "telegram", "wechat", "wecom", "desk", "counter", "phone"},
        "bound": {"invite", "roster", "staff", "demo", "before"},
        "shown": {"ticket", "conversation", "room", "person", "calls", "notices", "export", "held", "members"},
        "said": set(frames._SAYINGS),
        "nav": {name for name, _, _ in frames._PLACES},
        "due": {"survey", "survey_reminder", "survey_expiry", "auto_close", "resume", "escalation_ack", "escalation_rework",
                "draft_ask", "draft_drop", "human_idle", "sla_first_response", "sla_next_step", "sla_resolve"},
        "clock": {"first_response", "next_step", "resolve", "rework"},
        "reason": {"no_conversation", "parked", "a_due_row_could_not_be_fired", "expired", "failed"},
        "skill": {s for skills in _skills() for s in skills},
        "priority": {"emergency", "urgent", "high", "normal"},
        "score": {"1", "2", "3", "4", "5"},
        "intent": set(office.INTENTS),
        "judged": set(get_args(shadow.Judgement)),
        "suggest_does": set(shadow._DOES.values()),
        "hole": set(views._HOLES),
    }  # fmt: skip


def _skills() -> list[list[str]]:
    import csv

    with (pages.HERE.parents[1] / "data" / "demo" / "staff.csv").open(encoding="utf-8") as rows:
        return [[s for s in row["skills"].split(",") if s] for row in csv.DictReader(rows)]


@pytest.mark.parametrize("family", sorted(_said_of_tickets()))
def test_whatever_a_row_can_hold_has_a_word(family: str) -> None:
    missing = {v for v in _said_of_tickets()[family] if f"{family}_{v}" not in pages.words()}
    assert missing == set()


def test_every_status_has_its_text() -> None:
    statuses = {s for table in TRANSITIONS.values() for s in table}
    assert {s for s in statuses if f"utter_status_{s}" not in office_texts().responses} == set()


# ── every page, with nothing and with everything ──


@pytest.mark.parametrize("language", LANGUAGES)
async def test_every_page_with_nothing_in_it(site: Site, language: str) -> None:
    for name in ("duty", "membership"):
        site.database.write(EVERY, lambda c, n=name: c.execute(desk.boards.table(n).delete()))  # type: ignore[misc]
    for role in ("technician", "cashier", "supervisor"):
        someone = site.staff(role, language=language)
        for path in PLAIN:
            answer = await someone.get(path)
            if answer.status_code == 200:
                sound(answer.text, language)
            else:
                assert answer.status_code == 403, (role, path)


async def everything(site: Site) -> list[str]:
    """An office in full swing: a ticket of each kind in each status, and something of all else. The numbers."""
    wang, boss = site.resident("王建国"), site.staff("supervisor")
    await wang.send_photo(picture(), LEAK)
    await wang.write("转人工")
    numbers = []
    hours = itertools.count(-40)
    for kind, table in TRANSITIONS.items():
        for status in table:
            number = site.ticket(kind, f"{kind} {status}", resident="王建国" if len(numbers) % 2 else None)
            numbers.append(number)
            ticket_id = site.ticket_id(number)
            at = site.clock.now() + timedelta(hours=next(hours))
            site.set(
                "ticket",
                {"status": status, "open": status not in ("closed", "cancelled", "rejected", "declined", "false_alarm"),
                 "assignee_id": boss.id if len(numbers) % 3 else None, "rework": len(numbers) % 3, "urged_at": at,
                 "closed_by": "timeout" if status == "closed" else "", "pause_reason": "等待配件" if status == "on_hold" else "",
                 "resume_at": at if status == "on_hold" else None, "appointment_start": at, "room_label": "4栋1单元703",
                 "appointment_end": at + timedelta(hours=2), "public_area": len(numbers) % 5 == 0, "location": "厨房"},
                id=ticket_id,
            )  # fmt: skip
            site.put("survey_answer", community_id=1, ticket_id=ticket_id, score=1 + len(numbers) % 5, comment="还行",
                     at=site.clock.now())  # fmt: skip
            site.put("escalation", community_id=1, ticket_id=ticket_id, kind="resolve", level=1 + len(numbers) % 2, at=at,
                     acknowledged_by=boss.id if len(numbers) % 2 else None,
                     acknowledged_at=at if len(numbers) % 2 else None)  # fmt: skip
            for path, reference in ((None, "pending"), ("0" * 64, "kept")):
                site.put("ticket_photo", community_id=1, ticket_id=ticket_id, reference=f"{reference}-{number}", path=path,
                         by_role="technician", at=at, kind="photo")  # fmt: skip
            for action in ("urge", "rating", "internal_note", "timeout"):
                site.put("ticket_event", community_id=1, ticket_id=ticket_id, action=action, from_status=status,
                         to_status=status, by_role="clock" if action == "timeout" else "resident", note="备注", at=at)  # fmt: skip
            if len(numbers) > 1:
                site.set("ticket", {"linked_to": ticket_id - 1}, id=ticket_id)
    for reason in ("no conversation", "parked: RuntimeError('x')", "a due row could not be fired", "expired", "failed"):
        site.put("phone_task", community_id=1, text="请转告", reason=reason, status="open", created_at=site.clock.now(),
                 ticket_id=1, conversation_id=wang.talk_id, contact="13900000001")  # fmt: skip
    site.set("staff", {"active": False}, name="宋阿姨")
    return numbers


async def test_every_page_with_everything_in_it(site: Site) -> None:
    numbers = await everything(site)
    for language, roles in (("zh", ("technician", "supervisor")), ("en", ("cashier", "steward", "manager"))):
        for role in roles:
            someone = site.staff(role, language=language)
            for path in (*PLAIN, "/desk/talks/1", "/desk/people/1", "/desk/rooms/1", "/desk?tab=all&q=repair&kind=repair", "/desk/people?page=3&q=1", "/desk/rooms?page=2"):
                answer = await someone.get(path)
                assert answer.status_code in (200, 403), (role, path, answer.status_code)
                if answer.status_code == 200:
                    sound(answer.text, language)
    looks = zip(itertools.cycle([site.staff("supervisor"), site.staff("steward", language="en")]), numbers, strict=False)
    for someone, number in looks:
        answer = await someone.get(f"/desk/tickets/{number}")
        assert answer.status_code == 200
        page = sound(answer.text, "en" if someone.role == "steward" else "zh")
        assert number in page.words


async def test_the_pages_before_the_login_in_either_language(site: Site) -> None:
    for language in LANGUAGES:
        browser = site.browser(**{"accept-language": language})
        for method, path, data in (("GET", "/desk/login", {}), ("POST", "/desk/login", {"phone": "1"}), ("POST", "/desk/login", {}),
                                   ("GET", "/desk/login/x", {}), ("GET", "/nothing/here", {}), ("GET", "/desk/nothing", {})):  # fmt: skip
            answer = await browser.request(method, path, data=data)
            sound(answer.text, language)


async def test_a_page_that_failed_is_in_the_language_of_the_session(site: Site) -> None:
    zh_browser = {"accept-language": "zh-CN"}
    ding = site.staff("steward")
    answer = await ding.http.get("/desk/digest", headers=zh_browser)
    assert answer.status_code == 403 and "没有权限" in answer.text


async def test_also_when_the_browser_speaks_another(site: Site) -> None:
    ding = site.staff("steward", language="en")
    answer = await ding.http.get("/desk/digest", headers={"accept-language": "zh-CN"})
    assert answer.status_code == 403 and "Not for this role" in answer.text


# ── the fence ──

_POLICY = {
    "default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "img-src": "'self' blob:", "connect-src": "'self'",
    "form-action": "'self'", "base-uri": "'none'", "frame-ancestors": "'none'",
}  # fmt: skip


def fenced(policy: str) -> bool:
    given = dict(part.strip().partition(" ")[::2] for part in policy.split(";"))
    extra = set(given) - set(_POLICY) - {"frame-src", "font-src"}
    return all(given.get(k) == v for k, v in _POLICY.items()) and not extra and "unsafe" not in policy


async def test_every_answer_carries_the_policy(site: Site) -> None:
    boss = site.staff("supervisor")
    number = site.ticket()
    paths = (*PLAIN, f"/desk/tickets/{number}", "/desk/login", "/desk/login/x", "/", "/nothing", "/desk/changes", "/health",
             pages.static("desk.css"), pages.static("live.js"))  # fmt: skip
    for path in paths:
        answer = await boss.get(path)
        assert fenced(answer.headers["content-security-policy"]), path
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["referrer-policy"] == "no-referrer"
    refused = await boss.http.post("/desk/file", data={})
    assert refused.status_code == 403 and fenced(refused.headers["content-security-policy"])


async def test_pages_are_not_kept_by_the_browser_and_static_files_are(site: Site) -> None:
    boss = site.staff("supervisor")
    for path in ("/desk", "/desk/people", "/desk/login", "/"):
        assert (await boss.get(path)).headers["cache-control"] == "no-store"
    assert "immutable" in (await boss.get(pages.static("desk.css"))).headers["cache-control"]
    assert (await boss.get("/static/nothing.css?v=1")).headers.get("cache-control", "") != "public, max-age=31536000, immutable"


async def broken(site: Site, someone: Staff, monkeypatch: pytest.MonkeyPatch) -> Any:
    def fault(*args: Any, **more: Any) -> Any:
        raise RuntimeError("a fault of the code, with 13900000001 in it")

    monkeypatch.setattr(desk.boards, "queue", fault)
    return await someone.get("/desk")


async def test_a_fault_is_a_page_with_a_sentence_and_says_nothing_more(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = await broken(site, site.staff("steward"), monkeypatch)
    assert answer.status_code == 500 and "Traceback" not in answer.text and "13900000001" not in answer.text
    assert "出了点问题" in sound(answer.text, "zh").words


async def test_even_a_fault_is_fenced(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    answer = await broken(site, site.staff("steward"), monkeypatch)
    assert fenced(answer.headers.get("content-security-policy", ""))


# ── hostile words ──


async def test_hostile_words_are_shown_and_never_run(site: Site) -> None:
    boss = site.staff("supervisor")
    for name in ("community",):
        site.set(name, {"name": HOSTILE, "name_en": HOSTILE}, code="YH")
    site.set("resident", {"name": HOSTILE}, name="王建国")
    site.set("staff", {"name": HOSTILE}, name="丁小雯")
    site.set("room", {"label": HOSTILE}, room_code="703", building_code="4", unit_code="1")
    wang = site.resident(HOSTILE)
    await wang.write(HOSTILE)
    await wang.write("转人工")
    number = site.ticket("repair", HOSTILE, resident=HOSTILE, location=HOSTILE, contact=HOSTILE, contact_name=HOSTILE)
    site.set("ticket", {"room_label": HOSTILE, "pause_reason": HOSTILE, "category": HOSTILE}, number=number)
    ticket_id = site.ticket_id(number)
    site.desk.add_note(1, boss.id, number, HOSTILE, "n1")
    site.desk.act_on_ticket(1, boss.id, number, "accept", HOSTILE)
    site.put("survey_answer", community_id=1, ticket_id=ticket_id, score=2, comment=HOSTILE, at=site.clock.now())
    site.put("phone_task", community_id=1, text=HOSTILE, reason=HOSTILE, status="open", contact=HOSTILE,
             created_at=site.clock.now(), ticket_id=ticket_id)  # fmt: skip
    site.desk.take_over(1, boss.id, wang.talk_id)
    site.desk.speak(1, boss.id, wang.talk_id, HOSTILE, "s1")
    site.set("outbox", {"text": HOSTILE, "author": HOSTILE}, conversation_id=wang.talk_id)
    site.set("outbox", {"text": HOSTILE}, staff_id=boss.id)

    seen = 0
    for path in (*PLAIN, f"/desk/tickets/{number}", f"/desk/talks/{wang.talk_id}", f"/desk?tab=all&q={number}", "/"):
        answer = await boss.get(path)
        assert answer.status_code == 200, path
        assert unsafe(answer.text) == [], path
        page = Page(answer.text)
        assert not any(a.get("src") == "x" for _, a in page.elements) and "49" not in page.words.partition("{{ 7")[0][-3:]
        assert "<script>alert" not in answer.text, path
        seen += HOSTILE in "".join(page._words)
    assert seen >= 8  # it is shown, as it was written


_OPEN = ["/desk?q={}", "/desk?tab={}", "/desk?kind={}", "/desk/people?q={}", "/desk/rooms?q={}",
                                  "/desk/digest?day={}", "/desk?said={}", "/desk/people?tab=staff&q={}", "/?lang={}"]  # fmt: skip


async def test_hostile_addresses_are_shown_and_never_run(site: Site) -> None:
    boss = site.staff("supervisor")
    for path in _OPEN:
        answer = await boss.get(path.format(quote(HOSTILE)))
        assert answer.status_code == 200 and unsafe(answer.text) == [], path
        assert "<script>alert" not in answer.text, path


async def test_a_form_that_was_refused_gives_hostile_words_back_escaped(site: Site) -> None:
    ding = site.staff("steward")
    fields = dict.fromkeys(("kind", "description", "room", "location", "contact", "contact_name", "from", "until", "source"), HOSTILE)
    answer = await ding.post("/desk/file", fields)
    assert answer.status_code == 422 and unsafe(answer.text) == [] and "<script>alert" not in answer.text
    values = [a.get("value") for tag, a in Page(answer.text).elements if tag == "input"]
    assert HOSTILE in values


# ── another community ──


async def test_another_communitys_things_are_not_there(site: Site) -> None:
    ht = site.communities["HT"]
    number = site.ticket(community="HT")
    li = site.resident(code="HT")
    kept = await li.send_photo(picture("red"))
    for role in ("supervisor", "steward", "technician"):
        someone = site.staff(role)
        for path in (f"/desk/tickets/{number}", f"/desk/media/{kept}", f"/desk/media/{kept}?size=small"):
            assert (await someone.get(path)).status_code == 404, (role, path)
        for path in ("act", "note", "acknowledge"):
            fields = {"action": "accept", "note": "x"}
            expected = (403, 404) if path == "acknowledge" else (404,)
            assert (await someone.post(f"/desk/tickets/{number}/{path}", fields)).status_code in expected
    boss = site.staff("supervisor")
    assert (await boss.get(f"/desk/talks/{li.talk_id}")).status_code == 404
    for path in ("take", "say", "hand-back"):
        assert (await boss.post(f"/desk/talks/{li.talk_id}/{path}", {"text": "x"})).status_code == 404
    for path in PLAIN:
        page = await boss.see(path)
        assert number not in page.words and "石师傅" not in page.words and "海天中心" not in page.words
    assert [a for (a,) in site.rows("ticket_event", "action", community_id=ht)] == ["open"]
    # and it is there for its own
    theirs = site.staff("supervisor", "HT")
    assert (await theirs.get(f"/desk/tickets/{number}")).status_code == 200
    assert (await theirs.get(f"/desk/media/{kept}")).status_code == 200
    assert (await theirs.get(f"/desk/talks/{li.talk_id}")).status_code == 200


@pytest.mark.parametrize(
    ("language", "label", "way_out"),
    [("zh", "可能没有送达", "连接中断，可能已送达。"), ("en", "may not have arrived", "The connection broke; it may have arrived.")],
)
async def test_a_call_says_why_no_message_told_it_and_what_to_do_in_the_readers_language(site: Site, language: str, label: str, way_out: str) -> None:
    broke = "连接中断，可能已送达。 The connection broke; it may have arrived."
    blocked = "住户已停用机器人，请打电话。 The resident has blocked the bot: telephone."
    for reason in (f"unconfirmed: {broke}", f"failed: {blocked}", "parked: KeyError('13900000001')"):
        site.put("phone_task", community_id=1, text="师傅已出发", reason=reason, status="open", created_at=site.clock.now())
    words = (await site.staff("steward", language=language).see("/desk/calls")).words
    assert label in words and way_out in words
    assert ("请打电话" in words, "telephone" in words) == (language == "zh", language == "en")
    assert "KeyError" not in words, "what is for the log is not for the page"


async def test_another_communitys_call_is_not_there_either(site: Site) -> None:
    ht = site.communities["HT"]
    site.put("phone_task", community_id=ht, text="x", reason="failed", status="open", created_at=site.clock.now())
    answer = await site.staff("steward").post("/desk/calls/1/done", {"outcome": "reached"})
    assert site.rows("phone_task", "status") == [("open",)]
    assert answer.status_code == 404


async def test_work_is_not_given_to_staff_of_another_community(site: Site) -> None:
    ding, number = site.staff("steward"), site.ticket()
    answer = await ding.act(number, "assign", assignee=site.staff("technician", "HT").id)
    assert answer.status_code == 404 and site.rows("ticket", "status", "assignee_id") == [("submitted", None)]


# ── a ticket ──


async def test_the_offered_steps_are_those_of_the_table_and_each_form_works_as_it_stands(site: Site) -> None:
    liu, number = site.staff("technician"), site.ticket()
    for action, note in (("accept", ""), ("depart", ""), ("arrive", ""), ("pause", "等待配件"), ("resume", ""), ("done", "好了")):
        page = await liu.see(f"/desk/tickets/{number}")
        offered = {f.fields["action"] for f in page.forms if f.action.endswith("/act")}
        now = site.status(number)
        assert offered == {a for a, rule in TRANSITIONS["repair"][now].items() if "technician" in rule.by}
        form = page.form(f"/desk/tickets/{number}/act", action=action)
        answer = await liu.http.post(form.action, data={**form.fields, "note": note})
        assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/tickets/{number}?said=done")
    page = await liu.see(f"/desk/tickets/{number}", said="done")
    assert site.status(number) == "resolved" and "已办理" in page.words


async def test_a_step_on_a_ticket_that_has_just_changed_is_409_with_a_sentence_and_how_it_stands(site: Site) -> None:
    liu, ma = site.staff("technician"), site.staff("technician", nth=1)
    number = site.ticket()
    page = await liu.see(f"/desk/tickets/{number}")
    assert (await ma.act(number, "accept")).status_code == 303
    form = page.form(f"/desk/tickets/{number}/act", action="accept")
    answer = await liu.http.post(form.action, data=form.fields)
    now = sound(answer.text, "zh")
    assert answer.status_code == 409 and "这张工单刚刚变了" in now.words and "马师傅" in now.words
    assert [a for (a,) in site.rows("ticket_event", "action")] == ["open", "accept"]
    assert not any(f.fields.get("action") == "accept" for f in now.forms)


async def test_what_the_table_refuses_is_said_in_the_readers_language(site: Site) -> None:
    number = site.ticket()
    for language, role, action, said in (
        ("zh", "technician", "assign", "您的岗位不能做这一步"), ("en", "technician", "reject", "Your role may not do this"),
        ("zh", "steward", "reject", "请写明原因"), ("en", "steward", "nonsense", "has just changed"), ("zh", "steward", "", "刚刚变了"),
    ):  # fmt: skip
        answer = await site.staff(role, language=language).act(number, action)
        assert answer.status_code == 409 and said in Page(answer.text).words, action
    assert [a for (a,) in site.rows("ticket_event", "action")] == ["open"]


async def test_a_step_still_possible_but_from_an_older_page_is_409_too(site: Site) -> None:
    ding, yao, number = site.staff("steward"), site.staff("supervisor"), site.ticket()
    liu, ma = site.staff("technician"), site.staff("technician", nth=1)
    await ding.act(number, "assign", assignee=liu.id)
    form = (await yao.see(f"/desk/tickets/{number}")).form(f"/desk/tickets/{number}/act", action="assign")
    await ding.act(number, "assign", assignee=ma.id)
    answer = await yao.http.post(form.action, data={**form.fields, "assignee": liu.id})
    assert answer.status_code == 409
    assert site.rows("ticket", "assignee_id") == [(ma.id,)]


async def test_a_step_pressed_twice_is_taken_once(site: Site) -> None:
    ding, number = site.staff("steward"), site.ticket()
    liu = site.staff("technician")
    form = (await ding.see(f"/desk/tickets/{number}")).form(f"/desk/tickets/{number}/act", action="assign")
    await ding.http.post(form.action, data={**form.fields, "assignee": liu.id})
    await ding.http.post(form.action, data={**form.fields, "assignee": liu.id})
    assert [a for (a,) in site.rows("ticket_event", "action")] == ["open", "assign"]


@pytest.mark.parametrize("field", ["assignee", "visit"])
async def test_a_step_takes_no_field_of_another_step(site: Site, field: str) -> None:
    liu, ma, number = site.staff("technician"), site.staff("technician", nth=1), site.ticket()
    await liu.act(number, "accept")
    extra = {"assignee": ma.id} if field == "assignee" else {"from": "2026-11-24T03:00", "until": "2026-11-24T04:00"}
    await liu.act(number, "depart", **extra)
    assert site.rows("ticket", "assignee_id", "appointment_start") == [(liu.id, None)]


async def test_to_assign_is_to_name_somebody(site: Site) -> None:
    ding, number = site.staff("steward"), site.ticket()
    assert (await ding.act(number, "assign")).status_code == 409
    assert site.status(number) == "submitted"


async def test_work_goes_to_somebody_who_sees_it(site: Site) -> None:
    ding, number = site.staff("steward"), site.ticket()
    page = await ding.see(f"/desk/tickets/{number}")
    assert "郭队长" not in page.words
    await ding.act(number, "assign", assignee=site.staff("guard").id)
    assert site.status(number) == "submitted"


_UNREADABLE: list[dict[str, str]] = [{"assignee": "x"}, {"assignee": "-1"}, {"assignee": "9" * 30}, {"assignee": "²"},
                                    {"from": "2026-11-24T14:00"}, {"from": "soon", "until": "later"},
                                    {"from": "2026-11-24T14:00", "until": "2026-11-24T13:00"}, {"resume_at": "2026-13-01"}]  # fmt: skip


async def test_a_field_that_cannot_be_read_is_a_sentence(site: Site) -> None:
    ding, number = site.staff("steward"), site.ticket()
    for fields in _UNREADABLE:
        answer = await ding.act(number, "accept", **fields)
        assert answer.status_code == 409 and site.status(number) == "submitted", fields
        assert any(s in Page(answer.text).words for s in ("没有读懂", "时间格式不对", "上门时间要有开始和结束")), fields


async def test_a_visit_is_meant_where_the_community_is(site: Site) -> None:
    ding, liu, number = site.staff("steward"), site.staff("technician"), site.ticket()
    await ding.act(number, "assign", assignee=liu.id, **{"from": "2026-11-24T14:00", "until": "2026-11-24T16:00"})
    assert site.rows("ticket", "appointment_start") == [(datetime(2026, 11, 24, 6, 0, tzinfo=UTC),)]
    assert "明天 14:00–16:00" in (await liu.see(f"/desk/tickets/{number}")).words


async def test_a_telephone_is_in_full_for_who_works_on_it_and_masked_for_others(site: Site) -> None:
    liu, ma, number = site.staff("technician"), site.staff("technician", nth=1), site.ticket()
    await liu.act(number, "accept")
    assert "13900000001" in (await liu.see(f"/desk/tickets/{number}")).words
    for someone in (ma, liu):
        listed = await someone.see("/desk", tab="all")
        assert "13900000001" not in listed.words and "139****0001" in listed.words
    assert "13900000001" not in (await ma.get(f"/desk/tickets/{number}")).text
    assert "13900000001" in (await site.staff("steward").get(f"/desk/tickets/{number}")).text


async def test_an_internal_note_is_on_the_page_and_never_in_the_conversation(site: Site) -> None:
    liu, wang = site.staff("technician"), site.resident("王建国")
    number = site.ticket(resident="王建国")
    answer = await liu.post(f"/desk/tickets/{number}/note", {"note": "业主脾气急，先打电话"})
    assert answer.status_code == 303
    await site.settle()
    assert "业主脾气急，先打电话" in (await liu.see(f"/desk/tickets/{number}")).words
    assert not any("脾气" in t for t in await wang.texts())
    assert (await liu.post(f"/desk/tickets/{number}/note", {"note": "  "})).status_code == 303
    assert len(site.rows("ticket_event", "id", action="internal_note")) == 1


async def test_a_note_pressed_twice_is_one_note(site: Site) -> None:
    liu, number = site.staff("technician"), site.ticket()
    form = (await liu.see(f"/desk/tickets/{number}")).form(f"/desk/tickets/{number}/note")
    for _ in range(2):
        await liu.http.post(form.action, data={**form.fields, "note": "备注"})
    assert len(site.rows("ticket_event", "id", action="internal_note")) == 1


async def test_a_complaint_is_not_read_on_the_repair_by_the_one_complained_of(site: Site) -> None:
    liu, wang = site.staff("technician"), site.resident("王建国")
    number = site.ticket(resident="王建国")
    await liu.act(number, "accept")
    await wang.write("我要投诉刘师傅，他态度很差")
    assert "态度很差" in (await site.staff("steward").see(f"/desk/tickets/{number}")).words
    assert "态度很差" not in (await liu.see(f"/desk/tickets/{number}")).words


async def test_where_a_ticket_came_from_is_said_in_words(site: Site) -> None:
    assert "counter" not in (await site.staff("steward").see(f"/desk/tickets/{site.ticket()}")).words


async def test_photos_of_a_ticket_are_seen_by_who_sees_the_ticket(site: Site) -> None:
    liu, wang = site.staff("technician"), site.resident("王建国")
    kept = await wang.send_photo(picture())
    complaint, repair = site.ticket("complaint"), site.ticket()
    site.put("ticket_photo", community_id=1, ticket_id=site.ticket_id(complaint), reference=kept, path=kept, by_role="resident",
             at=site.clock.now(), kind="photo")  # fmt: skip
    assert (await liu.get(f"/desk/media/{kept}")).status_code == 404
    assert (await site.staff("cashier").get(f"/desk/media/{kept}")).status_code == 404
    assert (await site.staff("steward").get(f"/desk/media/{kept}")).status_code == 200
    site.put("ticket_photo", community_id=1, ticket_id=site.ticket_id(repair), reference=kept, path=kept, by_role="resident",
             at=site.clock.now(), kind="photo")  # fmt: skip
    small = await liu.get(f"/desk/media/{kept}", size="small")
    assert small.status_code == 200 and small.headers["content-type"] == "image/jpeg"
    for nothing in ("0" * 64, "x", "..%2f..%2fdesk.db"):
        assert (await liu.get(f"/desk/media/{nothing}")).status_code == 404


@pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")
async def test_a_photo_of_the_work_done_is_kept_with_the_ticket(site: Site, collected: None) -> None:
    liu, number = site.staff("technician"), site.ticket()
    for action in ("accept", "depart", "arrive"):
        await liu.act(number, action)
    await liu.http.post(
        f"/desk/tickets/{number}/act", data={"csrf": liu.csrf, "action": "done", "note": "换了阀芯"},
        files=[("photo", ("a.png", picture("blue"), "image/png")), ("photo", ("", b"", "application/octet-stream"))],
    )  # fmt: skip
    (kept, role) = site.rows("ticket_photo", "path", "by_role")[0]
    page = await liu.see(f"/desk/tickets/{number}")
    assert role == "technician" and any(a.get("src") == f"/desk/media/{kept}?size=small" for _, a in page.elements)
    assert len(site.rows("ticket_photo", "id")) == 1


async def test_a_photo_on_its_way_and_one_that_never_came_are_told_apart(site: Site) -> None:
    from bot import photos

    wang, boss = site.resident("王建国"), site.staff("supervisor")
    number = site.ticket(resident="王建国")
    media = Media("photo", "platform-1")
    site.database.write(1, lambda c: photos.register(c, 1, wang.talk_id, "telegram", "bot", media, site.clock.now()))
    site.put("ticket_photo", community_id=1, ticket_id=site.ticket_id(number), reference="platform-1", path=None,
             by_role="resident", at=site.clock.now(), kind="photo")  # fmt: skip
    path = f"/desk/tickets/{number}"
    assert "照片接收中" in (await boss.see(path)).words
    wanted = site.database.read(1, lambda c: photos.wanted(c, 1, 1))
    assert wanted is not None
    site.database.write(1, lambda c: photos.given_up(c, wanted))
    assert "照片没能收到" in (await boss.see(path)).words
    kept = site.media.keep(picture()).reference
    site.database.write(1, lambda c: photos.fetched(c, wanted, kept))
    page = await boss.see(path)
    assert any(a.get("src") == f"/desk/media/{kept}?size=small" for _, a in page.elements)
    assert (await site.staff("technician").get(f"/desk/media/{kept}")).status_code == 200


# ── the queue ──


async def test_the_tabs_hold_what_they_say(site: Site) -> None:
    liu = site.staff("technician")
    mine, free = site.ticket(description="甲"), site.ticket(description="乙")
    await liu.act(mine, "accept")
    for tab, numbers in (("mine", [mine]), ("free", [free]), ("overdue", []), ("all", [mine, free])):
        words = (await liu.see("/desk", tab=tab)).words
        assert [n for n in (mine, free) if n in words] == numbers, tab
    assert "我的 1" in (await liu.see("/desk")).words  # who has work sees it first
    site.machine.forward(timedelta(hours=26))
    assert free in (await site.staff("technician").see("/desk", tab="overdue")).words


@pytest.mark.parametrize("q", ["%", "_", "\\", "'", "BX", "漏水", "4栋1单元703"])
async def test_a_search_is_words_and_not_a_pattern(site_on_both: Site, q: str) -> None:
    site = site_on_both
    number = site.ticket(description="厨房漏水")
    site.set("ticket", {"room_label": "4栋1单元703"}, number=number)
    words = (await site.staff("steward").see("/desk", tab="all", q=q)).words
    assert (number in words) == (q in ("BX", "漏水", "4栋1单元703"))


async def test_a_long_queue_has_a_second_page(site: Site) -> None:
    numbers = [site.ticket() for _ in range(53)]
    liu = site.staff("technician")
    first = await liu.see("/desk", tab="free")
    more = next(a["href"] for tag, a in first.elements if tag == "a" and "skip=" in a.get("href", ""))
    second = await liu.see(more)
    assert sum(n in first.words for n in numbers) == 50 and sum(n in second.words for n in numbers) == 3


_ADDRESSES_THAT_BREAK = ["/desk?skip=²", "/desk?skip=99999999999999999999", "/desk/talks/99999999999999999999", "/desk/talks/abc",
                         "/desk/digest?day=0001-01-01"]  # fmt: skip


@pytest.mark.parametrize("path", _ADDRESSES_THAT_BREAK)
async def test_no_address_brings_a_page_down(site: Site, path: str) -> None:
    answer = await site.staff("supervisor").get(path)
    assert answer.status_code in (200, 404) and answer.headers["content-type"].startswith("text/html")


_STRANGE = ["/desk?tab=x&kind=x&skip=-1", "/desk/people?page=999999", "/desk/people?page=-1", "/desk/rooms?page=0",
                                  "/desk/digest?day=x", "/desk/digest?day=2999-01-01", "/desk/tickets/x", "/desk/tickets/%2e%2e",
                                  "/desk/talks/0", "/desk/talks/-1", "/desk/people?q=%25", "/desk/rooms?q=_"]  # fmt: skip


async def test_strange_addresses_are_answered(site: Site) -> None:
    boss = site.staff("supervisor")
    for path in _STRANGE:
        answer = await boss.get(path)
        assert answer.status_code in (200, 404), path
        sound(answer.text, "zh")


# ── conversations ──


async def test_a_resident_asks_for_a_person_and_is_answered_by_one(site: Site) -> None:
    ding, wang = site.staff("steward"), site.resident("王建国")
    await wang.write("转人工")
    listed = await ding.see("/desk/talks")
    assert "等人接" in listed.words and "王建国" in listed.words
    path = f"/desk/talks/{wang.talk_id}"
    page = await ding.see(path)
    assert not any(f.action == f"{path}/say" for f in page.forms)
    assert (await ding.http.post(f"{path}/take", data=page.form(f"{path}/take").fields)).status_code == 303
    page = await ding.see(path)
    say = page.form(f"{path}/say")
    for _ in range(2):  # pressed twice
        assert (await ding.http.post(say.action, data={**say.fields, "text": "您好，什么事？"})).status_code == 303
    site.machine.forward(timedelta(seconds=1))
    await wang.write("我要换锁")
    texts = await wang.texts()
    assert texts.count("您好，什么事？") == 1 and texts[-1] == "我要换锁"  # the desk keeps quiet
    assert (await ding.post(f"{path}/hand-back")).status_code == 303
    assert (await wang.read())["mode"] == "desk" and "会话" in (await ding.see(path)).words


async def test_who_has_not_taken_a_conversation_cannot_write_in_it(site: Site) -> None:
    ding, ren, wang = site.staff("steward"), site.staff("steward", nth=1), site.resident("王建国")
    await wang.write("转人工")
    await ding.post(f"/desk/talks/{wang.talk_id}/take")
    before = await wang.texts()
    answer = await ren.post(f"/desk/talks/{wang.talk_id}/say", {"text": "插话"})
    page = sound(answer.text, "zh")
    assert answer.status_code == 409 and "这次会话不在您手上" in page.words and "丁小雯" in page.words
    assert await wang.texts() == before
    assert (await ren.post(f"/desk/talks/{wang.talk_id}/take")).status_code == 303
    assert (await ding.post(f"/desk/talks/{wang.talk_id}/say", {"text": "晚了"})).status_code == 409
    assert "晚了" not in await wang.texts()


async def test_handing_back_twice_ends_on_the_conversation(site: Site) -> None:
    ding, wang = site.staff("steward"), site.resident("王建国")
    await wang.write("转人工")
    await ding.post(f"/desk/talks/{wang.talk_id}/take")
    answers = [await ding.post(f"/desk/talks/{wang.talk_id}/hand-back") for _ in range(2)]
    assert answers[0].status_code == 303 and answers[1].status_code in (303, 409)


async def test_a_danger_is_heard_while_a_person_has_the_conversation(site: Site) -> None:
    ding, wang = site.staff("steward"), site.resident("王建国")
    await wang.write("转人工")
    await ding.post(f"/desk/talks/{wang.talk_id}/take")
    await wang.write("着火了")
    assert ("emergency",) in site.rows("ticket", "kind")


# ── the counter ──

GOOD = {"source": "counter", "kind": "repair", "room": "4栋1单元703", "location": "厨房", "description": "水管漏水",
        "contact_name": "王建国", "contact": "13900000001", "from": "2026-11-24T14:00", "until": "2026-11-24T16:00",
        "priority": "normal"}  # fmt: skip


async def test_a_ticket_is_filed_for_a_caller_and_its_news_reach_the_caller(site: Site) -> None:
    ding, wang = site.staff("steward"), site.resident("王建国")
    form = (await ding.see("/desk/file")).form("/desk/file")
    answer = await ding.http.post(form.action, data={**form.fields, **GOOD})
    number = site.rows("ticket", "number")[0][0]
    assert (answer.status_code, answer.headers["location"]) == (303, f"/desk/tickets/{number}?said=filed")
    row = site.rows("ticket", "kind", "status", "room_label", "location", "contact", "contact_name", "requester_verified",
                    "appointment_start")  # fmt: skip
    assert row == [("repair", "submitted", "4栋1单元703", "厨房", "13900000001", "王建国", True, datetime(2026, 11, 24, 6, tzinfo=UTC))]
    assert any(number in t for t in await wang.texts())
    assert "已登记" in (await ding.see(answer.headers["location"])).words
    told = [s for s, t in site.rows("outbox", "staff_id", "text") if s and number in t]
    assert site.staff("technician").id in told


async def test_one_form_pressed_twice_files_one_ticket(site_on_both: Site) -> None:
    ding = site_on_both.staff("steward")
    form = (await ding.see("/desk/file")).form("/desk/file")
    answers = await asyncio.gather(*(ding.http.post(form.action, data={**form.fields, **GOOD}) for _ in range(4)))
    assert len({a.headers["location"] for a in answers}) == 1 and len(site_on_both.rows("ticket", "id")) == 1
    # the form shown again is another form
    fresh = (await ding.see("/desk/file")).form("/desk/file")
    await ding.http.post(fresh.action, data={**fresh.fields, **GOOD})
    assert len(site_on_both.rows("ticket", "id")) == 2


_MISTAKES = [
    ({"kind": ""}, "请选择类别"), ({"kind": "follow_up"}, "请选择类别"), ({"description": "  "}, "请写明是什么事"),
    ({"room": ""}, "请填写房号，或勾选公共区域"), ({"room": "99栋9单元999"}, "房号在登记册里没有找到"), ({"room": "随便"}, "房号在登记册里没有找到"),
    ({"room": "703"}, "符合的房号不止一个"), ({"public_area": "1", "location": ""}, "公共区域请写明具体位置"), ({"contact": "12"}, "电话号码不对"),
    ({"contact": "没有"}, "电话号码不对"), ({"until": ""}, "上门时间要有开始和结束"), ({"from": ""}, "上门时间要有开始和结束"),
    ({"until": "2026-11-24T14:00"}, "上门时间要有开始和结束"), ({"from": "明天"}, "时间格式不对"), ({"kind": "service_order", "room": ""}, "请填写房号"),
]  # fmt: skip


@pytest.mark.parametrize(("mistake", "said"), _MISTAKES, ids=lambda v: str(v)[:40])
async def test_every_mistake_at_the_counter_is_said_and_nothing_typed_is_lost(site: Site, mistake: dict[str, str], said: str) -> None:
    ding = site.staff("steward")
    answer = await ding.post("/desk/file", {**GOOD, **mistake, "once": "first"})
    page = sound(answer.text, "zh")
    assert answer.status_code == 422 and said in page.words and site.rows("ticket", "id") == []
    kept = page.form("/desk/file").fields
    for name in ("room", "location", "contact_name", "contact", "from", "until"):
        assert kept[name] == {**GOOD, **mistake}[name].strip(), name
    # corrected, the same page files it
    fixed = await ding.http.post("/desk/file", data={**kept, **GOOD})
    assert fixed.status_code == 303 and len(site.rows("ticket", "id")) == 1


async def test_all_mistakes_are_said_at_once_in_english(site: Site) -> None:
    ding = site.staff("steward", language="en")
    answer = await ding.post("/desk/file", {"kind": "repair", "contact": "12", "from": "x"})
    words = sound(answer.text, "en").words
    for said in ("Please write what it is about", "Please give the room", "That is not a telephone number", "The time could not be read"):
        assert said in words


@pytest.mark.parametrize("kind", counter.KINDS)
async def test_every_kind_can_be_filed_with_and_without_a_known_caller(site: Site, kind: str) -> None:
    site.resident("王建国")
    ding = site.staff("steward")
    for fields in ({**GOOD, "kind": kind}, {"kind": kind, "description": "x", "public_area": "1", "location": "大堂", "source": "phone"}):
        answer = await ding.post("/desk/file", fields)
        assert answer.status_code == 303, Page(answer.text).words
        assert (await ding.get(answer.headers["location"])).status_code == 200
    assert site.rows("ticket", "kind") == [(kind,), (kind,)]
    assert len(site.rows("outbox", "id", conversation_id=None)) >= 2  # somebody who works on it was told


async def test_only_name_and_telephone_of_a_member_make_a_caller_verified(site: Site) -> None:
    ding = site.staff("steward")
    for fields, verified in (({}, True), ({"contact_name": "王小明"}, False), ({"contact": "13999999999"}, False), ({"contact": ""}, False),
                             ({"room": "4栋1单元702"}, False)):  # fmt: skip
        answer = await ding.post("/desk/file", {**GOOD, **fields})
        assert answer.status_code == 303, fields
        assert site.rows("ticket", "requester_verified")[-1] == (verified,), fields


async def test_a_caller_who_has_moved_out_is_not_verified_and_hears_nothing_of_that_home(site: Site) -> None:
    ding, wang = site.staff("steward"), site.resident("王建国")
    home = site.rows("membership", "id", resident_id=site.resident_id("王建国"))[0][0]
    site.set("membership", {"until": date(2026, 11, 22)}, id=home)
    await ding.post("/desk/file", GOOD)
    assert site.rows("ticket", "requester_verified", "household_id") == [(False, None)]
    assert await wang.texts() == []
    site.set("membership", {"until": date(2026, 11, 23)}, id=home)  # the last day is a day of the lease
    await ding.post("/desk/file", {**GOOD, "once": "another"})
    assert site.rows("ticket", "requester_verified")[-1] == (True,)


async def test_a_role_without_telephones_reads_none_in_the_residents_words_either(site: Site) -> None:
    liu, wang = site.staff("technician"), site.resident("王建国")
    number = site.ticket("repair", "漏水,快打13900000077", resident="王建国", contact="13900000001", contact_name="王建国")
    await wang.write("物业的刘师傅态度太差")
    for path in (f"/desk/tickets/{number}", "/desk?tab=free"):
        page = (await liu.see(path)).words
        assert "139****0077" in page and "13900000077" not in page and "13900000001" not in page and "态度太差" not in page
    notice = (await liu.see("/desk/notices")).words
    assert "139****0001" in notice and "13900000001" not in notice
    await liu.act(number, "accept")
    assert "13900000077" in (await liu.see(f"/desk/tickets/{number}")).words, "it is his own work now"
    assert "态度太差" in (await site.staff("steward").see(f"/desk/tickets/{number}")).words


async def test_news_of_a_ticket_without_a_conversation_become_calls(site: Site) -> None:
    ding, liu = site.staff("steward"), site.staff("technician")
    await ding.post("/desk/file", {**GOOD, "contact_name": "路人"})
    number = site.rows("ticket", "number")[0][0]
    await liu.act(number, "accept")
    page = await ding.see("/desk/calls")
    assert "没有绑定渠道" in page.words and number in page.words and "13900000001" in page.words
    call_id = site.rows("phone_task", "id")[0][0]
    form = page.form(f"/desk/calls/{call_id}/done")
    assert (await ding.http.post(form.action, data={**form.fields, "outcome": "reached", "note": "已告知"})).status_code == 303
    assert site.rows("phone_task", "status", "done_by", "outcome") == [("done", ding.id, "reached 已告知")]
    assert "没有要打的电话" in (await ding.see("/desk/calls")).words
    again = await site.staff("steward", nth=1).post(form.action, {"outcome": "unreached"})
    assert again.status_code in (303, 404, 409)
    assert site.rows("phone_task", "done_by", "outcome") == [(ding.id, "reached 已告知")]


@pytest.mark.parametrize("at", ["0001-01-01T00:00", "9999-12-31T23:59-23:00"])
async def test_a_time_at_the_end_of_the_calendar_is_a_sentence(site: Site, at: str) -> None:
    answer = await site.staff("steward").post("/desk/file", {**GOOD, "from": at})
    assert answer.status_code == 422


# ── the rota and the registers ──


@pytest.mark.parametrize(
    ("hour", "there", "away"),
    [
        (2, "刘师傅", "高师傅"),
        (14, "高师傅", "刘师傅"),
        (19, "高师傅", "刘师傅"),
    ],
)  # fmt: skip
async def test_who_is_on_duty_now_is_who_the_rota_says(site: Site, hour: int, there: str, away: str) -> None:
    """`hour` in UTC: ten in the morning, ten at night, three at night."""
    site.desk.advance(datetime(2026, 11, 23, hour, tzinfo=UTC))
    page = await site.staff("supervisor").see("/desk/duty")
    now = page.words.partition("现在当班")[2].partition("七天排班")[0].rpartition("现在当班")[2]
    assert there in now and away not in now


async def test_the_registers_are_searched_and_show_no_whole_telephone(site: Site) -> None:
    boss = site.staff("supervisor")
    for q in ("王建国", "4栋1单元703"):
        page = await boss.see("/desk/people", q=q)
        assert "王建国" in page.words and "139****0001" in page.words and "13900000001" not in page.words
    assert "没有找到" in (await boss.see("/desk/people", q="查无此人")).words
    assert "4栋1单元703" in (await boss.see("/desk/rooms", q="4栋1单元703")).words


async def test_notices_are_ones_own(site: Site) -> None:
    liu, ma = site.staff("technician"), site.staff("technician", nth=1)
    number = site.ticket()
    assert number in (await liu.see("/desk/notices")).words  # told to all who are on duty
    site.set("outbox", {"text": "给马师傅的话"}, staff_id=ma.id)
    assert "给马师傅的话" in (await ma.see("/desk/notices")).words
    assert "给马师傅的话" not in (await liu.see("/desk/notices")).words


async def test_the_digest_is_of_the_communitys_own_day(site: Site) -> None:
    boss = site.staff("supervisor")
    site.desk.advance(datetime(2026, 11, 23, 15, 30, tzinfo=UTC))  # half past eleven at night in Beijing
    site.ticket()
    site.desk.advance(datetime(2026, 11, 23, 16, 30, tzinfo=UTC))
    assert "2026-11-24" in (await boss.see("/desk/digest")).words
    assert "新开1" in (await boss.see("/desk/digest", day="2026-11-23")).words.replace(" ", "")
    ahead = await boss.see("/desk/digest", day="2027-01-01")
    assert "2026-11-24" in ahead.words and ORIGIN.startswith("http")
