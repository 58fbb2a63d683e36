"""Staff file for a caller, take a conversation, write in it, give it back: once each, all or nothing, on both engines."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

import bot.database
from bot import app as desk_app
from bot.core.domain import Script
from bot.core.tickets import IllegalMove
from bot.core.types import Appointment, Media, Priority, RoomRef, TicketDraft
from bot.database import Database
from bot.turns import Desk, NotYours
from bot.work import NotFound
from tests.store.office import Office, office, open_office, story
from tests.texts import office_texts

LIU, CHEN = 2, 3  # steward and supervisor of `furnish`; 1 is the technician
LEAK = TicketDraft("repair", "general", "厨房漏水", room=RoomRef("3-2-501", "3", "2", "501", 1, True), contact="13800000000",
                   contact_name="王芳")  # fmt: skip


@pytest.fixture(scope="session")
def texts() -> Script:
    return office_texts()


def at_work(front: Office, texts: Script) -> Office:
    """The office with the desk's own core and texts."""
    front.desk = Desk(front.database, desk_app.build_core(texts, 2027), front.clock, front.machine)
    front.workers.desk = front.desk
    return front


@pytest.fixture
def counter(front_desk: Office, texts: Script) -> Office:
    return at_work(front_desk, texts)


@pytest.fixture
async def wang(counter: Office) -> Office:
    """The Wangs have written once: their conversation is number 1."""
    await counter.talk("你好")
    counter.bind("wang", 1)
    return counter


def said(front: Office, after: int = 0) -> list[str]:
    """What was said in conversation 1."""
    return [t for i, t in front.rows("outbox", "id", "text", conversation_id=1) if i > after]


def high(front: Office) -> int:
    return max((i for (i,) in front.rows("outbox", "id")), default=0)


def count(front: Office) -> dict[str, int]:
    names = ("ticket", "ticket_event", "outbox", "phone_task", "receipt", "due", "ticket_photo", "escalation")
    return {name: len(front.rows(name, "id")) for name in names}


# ── file ──


async def test_a_ticket_filed_at_the_counter_is_like_any_other(wang: Office) -> None:
    before = high(wang)
    number = wang.desk.file_ticket(1, LIU, LEAK, "counter", "form-1", 1)
    assert number == "CY-BX-20270301-0001"
    assert wang.rows("ticket", "status", "open", "conversation_id", "resident_id", "room_id", "contact_name") == [
        ("submitted", True, 1, 1, 1, "王芳")
    ]
    assert wang.rows("ticket_event", "action", "by_role", "by_id", "by_name") == [("open", "steward", LIU, "刘管家")]
    assert {k for (k,) in wang.rows("due", "kind", subject_type="ticket")} >= {"sla_first_response", "sla_resolve"}
    assert any(number in t for t in said(wang, before))
    assert [a for (a,) in wang.rows("outbox", "address", staff_id=1)] == ["staff:1"]


async def test_pressed_again_the_form_files_nothing_and_tells_the_same_number(wang: Office) -> None:
    first = wang.desk.file_ticket(1, LIU, LEAK, "counter", "form-1", 1)
    before = count(wang)
    assert wang.desk.file_ticket(1, LIU, LEAK, "counter", "form-1", 1) == first
    assert count(wang) == before
    assert wang.desk.file_ticket(1, LIU, LEAK, "counter", "form-2", 1) != first
    # the other community's forms are its own
    wang.database.write(
        2,
        lambda c: c.execute(bot.turns.table("staff").insert().values(id=9, community_id=2, name="周管家", role="steward"))
    )
    assert wang.desk.file_ticket(2, 9, TicketDraft("complaint", "general", "吵"), "phone", "form-1").startswith("HD-")


async def test_without_a_conversation_the_news_are_calls(counter: Office) -> None:
    number = counter.desk.file_ticket(1, LIU, LEAK, "phone", "form-1", 1)
    counter.desk.act_on_ticket(1, 1, number, "accept")
    assert counter.rows("ticket", "conversation_id") == [(None,)]
    assert counter.rows("phone_task", "reason", "contact") == [("no conversation", "13800000000")]
    assert counter.rows("conversation", "id") == []


async def test_an_emergency_at_the_counter_tells_everybody_at_once(counter: Office) -> None:
    draft = TicketDraft("emergency", "general", "地库着火", Priority.EMERGENCY, location="地库", public_area=True)
    counter.desk.file_ticket(1, LIU, draft, "phone", "form-1")
    assert {r for (r,) in counter.rows("outbox", "rank")} == {0}
    assert {s for (s,) in counter.rows("outbox", "staff_id")} >= {1, 3}


@pytest.mark.parametrize(("community", "staff"), [(1, 99), (2, LIU), (1, 0)])
async def test_only_active_staff_of_the_community_file(counter: Office, community: int, staff: int) -> None:
    before = count(counter)
    with pytest.raises(NotFound):
        counter.desk.file_ticket(community, staff, LEAK, "counter", "form-1")
    assert count(counter) == before


async def test_who_left_can_do_nothing(wang: Office) -> None:
    number = wang.desk.take_over(1, LIU, 1)
    staff = bot.turns.table("staff")
    wang.database.write(1, lambda c: c.execute(staff.update().where(staff.c.community_id == 1, staff.c.id == LIU).values(active=False)))
    before = count(wang)
    acts: list[Callable[[], Any]] = [
        lambda: wang.desk.file_ticket(1, LIU, LEAK, "counter", "f"),
        lambda: wang.desk.take_over(1, LIU, 1),
        lambda: wang.desk.speak(1, LIU, 1, "在吗", "s"),
        lambda: wang.desk.add_note(1, LIU, number, "备注", "n"),
        lambda: wang.desk.act_on_ticket(1, LIU, number, "hand_back"),
    ]
    for act in acts:
        with pytest.raises(NotFound):
            act()
    assert count(wang) == before


async def test_a_form_that_failed_may_be_sent_again(wang: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        if name == "file.saved":
            raise OSError("the disk is full")

    before = count(wang)
    monkeypatch.setattr(bot.database, "crash_hook", fail)
    with pytest.raises(OSError):
        wang.desk.file_ticket(1, LIU, LEAK, "counter", "form-1", 1)
    assert count(wang) == before
    monkeypatch.undo()
    assert wang.desk.file_ticket(1, LIU, LEAK, "counter", "form-1", 1) == "CY-BX-20270301-0001"


async def test_a_visit_and_the_place_are_told_to_who_does_the_work(wang: Office) -> None:
    visit = Appointment(wang.clock.now() + timedelta(hours=5), wang.clock.now() + timedelta(hours=7))
    wang.desk.file_ticket(1, LIU, replace(LEAK, appointment=visit), "counter", "form-1", 1)
    (text,) = wang.rows("outbox", "text", staff_id=1)[0]
    assert "3-2-501" in text and "厨房漏水" in text and "14:00" in text


# ── take, speak, give back ──


async def test_a_colleague_takes_the_hand_over_that_waits(wang: Office) -> None:
    await wang.talk("转人工", "转人工", "转人工")  # understood or not: after two misses a person is brought in
    waiting = wang.rows("ticket", "number", "status", category="handoff")
    before = high(wang)
    number = wang.desk.take_over(1, LIU, 1)
    assert waiting == [(number, "open")]
    assert wang.rows("ticket", "status", "assignee_id") == [("owned", LIU)]
    assert said(wang, before) == ["客服刘管家来为您服务，请直接说。"]
    assert wang.rows("conversation", "state")[0][0]["mode"] == "human"


async def test_a_conversation_nobody_asked_for_is_taken_all_the_same(wang: Office) -> None:
    number = wang.desk.take_over(1, LIU, 1)
    assert wang.rows("ticket", "number", "kind", "category", "assignee_id", "contact") == [
        (number, "enquiry", "handoff", LIU, "13800000000")
    ]
    assert [(a, n) for a, n in wang.rows("ticket_event", "action", "by_name")] == [("open", "刘管家"), ("accept", "刘管家")]


async def test_with_a_person_the_desk_keeps_quiet_and_tells_the_person(wang: Office) -> None:
    wang.desk.take_over(1, LIU, 1)
    before = high(wang)
    await wang.talk("我要换锁")
    assert said(wang, before) == []
    assert [s for s, t in wang.rows("outbox", "staff_id", "text") if "我要换锁" in t] == [LIU]


async def test_the_persons_words_stand_in_the_conversation_under_their_name(wang: Office) -> None:
    wang.desk.take_over(1, LIU, 1)
    wang.desk.speak(1, LIU, 1, "您好，请讲。", "say-1", (Media("photo", "0" * 64, "0" * 64),))
    assert wang.rows("outbox", "author", "text", "photos")[-1] == ("刘管家", "您好，请讲。", ["0" * 64])


async def test_words_sent_twice_are_said_once(wang: Office) -> None:
    wang.desk.take_over(1, LIU, 1)
    before = high(wang)
    for _ in range(3):
        wang.desk.speak(1, LIU, 1, "您好", "say-1")
    wang.desk.speak(1, LIU, 1, "您好", "say-2")
    assert said(wang, before) == ["您好", "您好"]


async def test_who_has_not_the_conversation_cannot_write_and_may_when_it_is_theirs(wang: Office) -> None:
    with pytest.raises(NotYours):
        wang.desk.speak(1, LIU, 1, "您好", "say-1")
    wang.desk.take_over(1, CHEN, 1)
    before = count(wang)
    with pytest.raises(NotYours):
        wang.desk.speak(1, LIU, 1, "您好", "say-1")
    assert count(wang) == before
    wang.desk.take_over(1, LIU, 1)
    wang.desk.speak(1, LIU, 1, "您好", "say-1")  # the refused form counts as not sent
    assert said(wang)[-1] == "您好"
    with pytest.raises(NotYours):
        wang.desk.speak(1, CHEN, 1, "您好", "say-2")


async def test_taken_twice_by_the_same_colleague_is_taken_once(wang: Office) -> None:
    before = high(wang)
    assert wang.desk.take_over(1, LIU, 1) == wang.desk.take_over(1, LIU, 1)
    assert len(said(wang, before)) == 1
    assert [a for (a,) in wang.rows("ticket_event", "action")] == ["open", "accept"]


async def test_given_back_the_desk_answers_again(wang: Office) -> None:
    number = wang.desk.take_over(1, LIU, 1)
    before = high(wang)
    wang.desk.act_on_ticket(1, LIU, number, "hand_back")
    assert said(wang, before) == ["先由自动服务继续为您效劳，需要时请说“转人工”。"]
    assert wang.rows("ticket", "status", "open", "closed_by") == [("closed", False, "staff")]
    assert wang.rows("conversation", "state")[0][0]["mode"] == "desk"
    before = high(wang)
    await wang.talk("你好")
    assert said(wang, before)
    with pytest.raises(NotYours):
        wang.desk.speak(1, LIU, 1, "还有吗", "say-9")
    with pytest.raises(IllegalMove):
        wang.desk.act_on_ticket(1, LIU, number, "hand_back")
    assert wang.desk.take_over(1, LIU, 1) != number  # a new hand-over


async def test_in_the_middle_of_a_form_the_desk_goes_on_where_it_was(wang: Office) -> None:
    wang.say("", button="menu:repair")
    await wang.answer()
    asked = said(wang)[-1]
    number = wang.desk.take_over(1, LIU, 1)
    wang.desk.act_on_ticket(1, LIU, number, "hand_back")
    assert said(wang)[-1] == asked


async def test_when_neither_side_writes_the_desk_takes_it_back(wang: Office, texts: Script) -> None:
    wang.desk.take_over(1, LIU, 1)
    idle = texts.policy.handover_idle
    wang.desk.advance(wang.clock.now() + idle - timedelta(minutes=1))
    wang.desk.speak(1, LIU, 1, "还在吗", "say-1")
    wang.desk.advance(wang.clock.now() + idle - timedelta(minutes=1))
    assert wang.rows("conversation", "state")[0][0]["mode"] == "human"
    wang.desk.advance(wang.clock.now() + timedelta(minutes=2))
    assert wang.rows("conversation", "state")[0][0]["mode"] == "desk"
    with pytest.raises(NotYours):
        wang.desk.speak(1, LIU, 1, "晚了", "say-2")


async def test_what_staff_do_leaves_a_turn_on_its_way_alone(wang: Office) -> None:
    """A worker has claimed the burst and asks the model; a colleague joins meanwhile. The turn sees the colleague."""
    wang.say("我要换锁")
    wang.machine.forward(timedelta(seconds=1))
    hear = wang.workers._hear

    async def slowly(claim: Any) -> Any:
        wang.desk.take_over(1, LIU, 1)
        return await hear(claim)

    wang.workers._hear = slowly
    assert await wang.workers.hear_one()
    assert said(wang)[-1] == "客服刘管家来为您服务，请直接说。"
    assert {s for (s,) in wang.rows("inbox", "status")} == {"done"}


@pytest.mark.parametrize(("community", "talk"), [(2, 1), (1, 99)])
async def test_another_communitys_conversation_is_not_there(wang: Office, community: int, talk: int) -> None:
    wang.database.write(
        2,
        lambda c: c.execute(bot.turns.table("staff").insert().values(id=9, community_id=2, name="周管家", role="steward"))
    )
    staff = 9 if community == 2 else LIU
    before = count(wang)
    with pytest.raises(NotFound):
        wang.desk.take_over(community, staff, talk)
    with pytest.raises(NotFound):
        wang.desk.speak(community, staff, talk, "您好", "say-1")
    assert count(wang) == before


# ── note ──


async def test_an_internal_note_moves_nothing_and_tells_nobody(wang: Office) -> None:
    number = wang.desk.file_ticket(1, LIU, LEAK, "counter", "form-1", 1)
    before, row = count(wang), wang.rows("ticket", "status", "version", "updated_at")
    for _ in range(2):
        wang.desk.add_note(1, 1, number, "先打电话", "note-1")
    assert wang.rows("ticket_event", "action", "by_id", "note")[-1] == ("internal_note", 1, "先打电话")
    assert count(wang) == {**before, "ticket_event": before["ticket_event"] + 1, "receipt": before["receipt"] + 1}
    assert wang.rows("ticket", "status", "version", "updated_at") == row


async def test_a_note_on_no_ticket_or_anothers_is_refused(wang: Office) -> None:
    number = wang.desk.file_ticket(1, LIU, LEAK, "counter", "form-1", 1)
    for community, which in ((1, "CY-BX-20270301-9999"), (2, number)):
        with pytest.raises(NotFound):
            wang.desk.add_note(community, LIU, which, "x", "note-1")
    assert len(wang.rows("receipt", "id")) == 1


# ── at the same moment ──


@pytest.fixture
def two_desks(postgres_url: str, texts: Script) -> Iterator[list[Office]]:
    """Two processes on one PostgreSQL; the Wangs have a conversation."""
    databases = [Database(postgres_url) for _ in range(2)]
    first = open_office(databases[0])
    desks = [at_work(first, texts), at_work(office(databases[1], story(), first.machine, "w2"), texts)]
    first.say("你好")
    asyncio.run(first.answer())
    first.bind("wang", 1)
    yield desks
    for database in databases:
        database.close()


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """Run them in threads that start together; what each returned or raised."""
    ready = threading.Barrier(len(calls))
    results: list[Any] = [None] * len(calls)

    def run(number: int, call: Callable[[], Any]) -> None:
        ready.wait(10)
        try:
            results[number] = call()
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=run, args=(n, c)) for n, c in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


def test_one_form_pressed_twice_at_once_files_one_ticket(two_desks: list[Office]) -> None:
    one, two = two_desks
    for n in range(5):
        numbers = at_once(*(partial(d.desk.file_ticket, 1, LIU, LEAK, "counter", f"form-{n}", 1) for d in (one, two)))
        assert len(set(numbers)) == 1 and isinstance(numbers[0], str), numbers
    assert len(one.rows("ticket", "id")) == 5 == len(one.rows("receipt", "id"))


def test_words_sent_twice_at_once_are_said_once(two_desks: list[Office]) -> None:
    one, two = two_desks
    one.desk.take_over(1, LIU, 1)
    before = high(one)
    for n in range(5):
        assert at_once(*(partial(d.desk.speak, 1, LIU, 1, f"第{n}句", f"say-{n}") for d in (one, two))) == [None, None]
    assert said(one, before) == [f"第{n}句" for n in range(5)]


def test_two_colleagues_who_take_a_waiting_hand_over_at_once_leave_it_with_one(two_desks: list[Office]) -> None:
    one, two = two_desks
    number = one.desk.take_over(1, LIU, 1)
    one.desk.act_on_ticket(1, LIU, number, "return", "请同事接")
    results = at_once(lambda: one.desk.take_over(1, LIU, 1), lambda: two.desk.take_over(1, CHEN, 1))
    assert set(results) <= {number} | {r for r in results if isinstance(r, IllegalMove)}
    (status, owner) = one.rows("ticket", "status", "assignee_id")[0]
    assert status == "owned" and owner in (LIU, CHEN) and len(one.rows("ticket", "id")) == 1
    last = one.rows("ticket_event", "action", "by_id")[-1]
    assert last == ("accept", owner)


def test_two_colleagues_who_take_a_conversation_at_once_make_one_hand_over(
    two_desks: list[Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both have looked for a hand-over and found none before either has locked the conversation."""
    one, two = two_desks
    meet = threading.Barrier(2)
    passed = threading.local()

    def both_have_looked(name: str) -> None:
        if name == "turn.tickets" and not getattr(passed, "once", False):
            passed.once = True
            meet.wait(10)

    monkeypatch.setattr(bot.database, "crash_hook", both_have_looked)
    numbers = at_once(lambda: one.desk.take_over(1, LIU, 1), lambda: two.desk.take_over(1, CHEN, 1))
    assert len(one.rows("ticket", "id", category="handoff", open=True)) == 1, numbers


def test_a_colleague_takes_over_while_the_resident_asks_for_a_person(
    two_desks: list[Office],
) -> None:
    """Whoever comes first: nothing is lost, nobody waits in a circle, and the conversation is with a person."""
    one, two = two_desks
    for _ in range(4):
        one.say("", button="menu:handoff")
        one.machine.forward(timedelta(seconds=1))

        def hear() -> None:
            asyncio.run(_drain(one))

        results = at_once(hear, lambda: two.desk.take_over(1, LIU, 1))
        assert not any(isinstance(r, Exception) for r in results), results
        hear()  # a worker that found the conversation locked comes again
        assert {s for (s,) in one.rows("inbox", "status")} == {"done"}
        for number in [r[0] for r in one.rows("ticket", "number", status="owned")]:
            one.desk.act_on_ticket(1, LIU, number, "hand_back")
        for number in [r[0] for r in one.rows("ticket", "number", status="open")]:
            one.desk.act_on_ticket(1, LIU, number, "cancel")


async def _drain(front: Office) -> None:
    while await front.workers.hear_one():
        pass


def test_a_colleague_speaks_while_another_takes_over(two_desks: list[Office]) -> None:
    one, two = two_desks
    one.desk.take_over(1, LIU, 1)
    spoken, taken = at_once(lambda: one.desk.speak(1, LIU, 1, "您好", "say-1"), lambda: two.desk.take_over(1, CHEN, 1))
    assert spoken is None or isinstance(spoken, NotYours)
    assert isinstance(taken, str) and one.rows("ticket", "assignee_id") == [(CHEN,)]
    assert ("您好" in said(one)) == (spoken is None)


def test_staff_act_on_one_conversation_from_both_sides_without_a_circle(two_desks: list[Office]) -> None:
    one, two = two_desks
    number = one.desk.take_over(1, LIU, 1)
    calls: list[Callable[[], Any]] = []
    for n in range(3):
        calls += [
            partial(one.desk.file_ticket, 1, LIU, LEAK, "counter", f"f{n}", 1),
            partial(two.desk.speak, 1, LIU, 1, f"第{n}句", f"s{n}"),
            partial(two.desk.add_note, 1, CHEN, number, "备注", f"n{n}"),
        ]
    results = at_once(*calls)
    assert not any(isinstance(r, Exception) for r in results), results
    assert len(one.rows("ticket", "id")) == 4 and len(one.rows("ticket_event", "id", action="internal_note")) == 3
