"""The three use cases, on both engines, with a core of a few words."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot.core.tickets import IllegalMove
from bot.core.types import (
    AmendTicket,
    MoveTicket,
    NeedMore,
    NeedRooms,
    NeedTicket,
    OpenTicket,
    Remind,
    SaveAnswer,
    Say,
    Tell,
    TicketDraft,
    Turn,
)
from bot.database import EVERY
from bot.store import ClaimLost, claim_conversation
from bot.tables import table
from bot.work import Change, NotFound
from bot.workers import Hearing
from tests.store.office import BURST, LEASE, MORNING, Office, plainly

HOUR = timedelta(hours=1)


async def filed(front_desk: Office) -> str:
    await front_desk.talk("水管漏水", "是")
    return str(front_desk.rows("ticket", "number")[0][0])


async def test_a_confirmed_request_becomes_one_ticket_with_its_clocks_and_notices(front_desk: Office) -> None:
    number = await filed(front_desk)
    assert number == "CY-BX-20270301-0001"
    assert front_desk.rows("ticket", "kind", "status", "open", "description") == [
        ("repair", "submitted", True, "水管漏水")
    ]
    assert front_desk.rows("ticket_event", "action", "from_status", "to_status") == [
        ("open", "submitted", "submitted")
    ]
    assert front_desk.rows("due", "kind", "at", "source") == [
        ("sla_first_response", MORNING + 2 * BURST + HOUR, "deadline"),
        ("sla_resolve", MORNING + 2 * BURST + 24 * HOUR, "deadline"),
        ("survey", MORNING + 2 * BURST + timedelta(days=2), "reminder"),
    ]
    await front_desk.deliver()
    assert front_desk.telegram.sent == [("wang", "确认报修吗?"), ("wang", f"已登记,单号{number}")]
    assert front_desk.staff_page.sent == [("staff:1", f"utter_staff_new_ticket {number} zh")]


async def test_saying_yes_again_opens_no_second_ticket(front_desk: Office) -> None:
    await filed(front_desk)
    await front_desk.talk("是", "是")
    assert len(front_desk.rows("ticket", "id")) == 1


async def test_numbers_count_per_kind_and_local_day(front_desk: Office) -> None:
    await front_desk.talk("水管漏水", "是", "水管漏水", "是")
    front_desk.machine.forward(timedelta(hours=15))  # past midnight in Beijing, still the same day in UTC
    await front_desk.talk("水管漏水", "是")
    assert [n for (n,) in front_desk.rows("ticket", "number")] == [
        "CY-BX-20270301-0001",
        "CY-BX-20270301-0002",
        "CY-BX-20270302-0001",
    ]


async def test_several_messages_within_the_window_are_answered_once(front_desk: Office) -> None:
    front_desk.say("厨房")
    front_desk.say("水槽")
    front_desk.say("堵了")
    assert await front_desk.answer() == 1
    await front_desk.deliver()
    assert front_desk.telegram.sent == [("wang", "您说:厨房\n水槽\n堵了")]


async def test_a_button_is_heard_at_once_and_for_itself(front_desk: Office) -> None:
    front_desk.say("厨房")
    front_desk.say("", button="menu:repair")
    front_desk.say("水槽")
    assert await front_desk.workers.hear_one()  # no window passes: the button does not wait
    assert await front_desk.answer() == 2
    await front_desk.deliver()
    assert [t for _, t in front_desk.telegram.sent] == ["您说:厨房", "您说:menu:repair", "您说:水槽"]


async def test_a_message_that_fails_three_times_is_parked_and_later_ones_go_on(front_desk: Office) -> None:
    def fault(state: object, event: object, facts: object) -> Turn:
        raise RuntimeError("a fault of a flow")

    front_desk.script.heard["坏消息"] = fault
    front_desk.say("坏消息")
    for _ in range(3):
        await front_desk.answer()
        front_desk.machine.forward(timedelta(seconds=10))
    front_desk.say("你好")
    await front_desk.answer()
    assert front_desk.rows("inbox", "status", "attempts") == [("parked", 3), ("done", 1)]
    assert front_desk.rows("ticket", "kind", "category", "description") == [("enquiry", "handoff", "坏消息")]
    await front_desk.deliver()
    assert [t for _, t in front_desk.telegram.sent] == ["utter_parked  zh", "您说:你好"]
    assert front_desk.staff_page.sent == [("staff:2", "utter_staff_handoff CY-ZX-20270301-0001 zh")]


async def test_a_poisonous_message_parks_itself_and_not_its_neighbours(front_desk: Office) -> None:
    def fault(state: object, event: object, facts: object) -> Turn:
        raise RuntimeError("a fault of a flow")

    front_desk.script.heard["好\n坏\n好极"] = front_desk.script.heard["坏"] = fault
    for text in ("好", "坏", "好极"):
        front_desk.say(text)
    for _ in range(6):
        await front_desk.answer()
        front_desk.machine.forward(timedelta(seconds=10))
    assert [s for (s,) in front_desk.rows("inbox", "status")] == ["done", "parked", "done"]


async def test_a_message_that_kills_its_worker_three_times_is_parked(front_desk: Office) -> None:
    front_desk.say("致命")
    for n in range(3):
        front_desk.machine.forward(LEASE + BURST)
        claim = front_desk.database.write(
            EVERY,
            lambda c, n=n: claim_conversation(c, f"dead{n}", front_desk.machine.now(), LEASE)  # type: ignore[misc]
        )
        assert claim is not None and not claim.exhausted
    front_desk.machine.forward(LEASE)
    await front_desk.answer()
    assert front_desk.rows("inbox", "status") == [("parked",)]
    assert front_desk.rows("conversation", "ready_at", "claimed_by") == [(None, None)]


async def test_an_unreadable_state_still_parks_and_reaches_staff(front_desk: Office) -> None:
    front_desk.say("你好")
    c = table("conversation")
    front_desk.database.write(EVERY, lambda conn: conn.execute(c.update().values(state={"version": 999})))
    for _ in range(3):
        await front_desk.answer()
        front_desk.machine.forward(timedelta(seconds=10))
    assert front_desk.rows("inbox", "status") == [("parked",)]
    assert front_desk.rows("ticket", "kind") == [("enquiry",)]


async def test_a_worker_that_lost_its_lease_writes_nothing(front_desk: Office) -> None:
    front_desk.say("水管漏水")
    front_desk.machine.forward(BURST)
    slow = front_desk.database.write(EVERY, lambda c: claim_conversation(c, "slow", front_desk.machine.now(), LEASE))
    assert slow is not None
    front_desk.machine.forward(LEASE)
    assert await front_desk.answer() == 1
    with pytest.raises(ClaimLost):
        front_desk.desk.take_turn(slow, (await plainly(slow)).heard)
    assert len(front_desk.rows("outbox", "id")) == 1


async def test_the_parse_and_the_models_hash_stay_on_the_row(front_desk: Office) -> None:
    front_desk.say("你好")
    front_desk.machine.forward(BURST)
    claim = front_desk.database.write(EVERY, lambda c: claim_conversation(c, "w", front_desk.machine.now(), LEASE))
    assert claim is not None
    hearing = Hearing((await plainly(claim)).heard, {claim.rows[0].id: ({"intent": "greet"}, "a1b2")})
    front_desk.desk.take_turn(claim, hearing.heard, hearing.parses)
    assert front_desk.rows("inbox", "parse", "model") == [({"intent": "greet"}, "a1b2")]


async def test_a_bound_speaker_is_known_with_home_and_open_tickets(front_desk: Office) -> None:
    await front_desk.talk("你好")
    front_desk.bind("wang", 1)
    await front_desk.talk("水管漏水", "是")
    seen: list[object] = []

    def look(state, event, facts):  # type: ignore[no-untyped-def]
        seen.append(
            (facts.speaker.name, facts.speaker.bindings[0].room.label, [t.number for t in facts.open_tickets])
        )
        return Turn(state)

    front_desk.script.heard["看"] = look
    await front_desk.talk("看")
    assert seen == [("王芳", "3-2-501", ["CY-BX-20270301-0001"])]


async def test_nobody_sees_another_households_ticket_by_its_number(front_desk: Office) -> None:
    await front_desk.talk("你好")
    front_desk.bind("wang", 1)
    number = await filed(front_desk)
    need = NeedTicket(number)
    seen: list[object] = []

    def look(state, event, facts):  # type: ignore[no-untyped-def]
        if need not in facts.gathered:
            return NeedMore(frozenset({need}))
        seen.append(facts.gathered[need])
        return Turn(state)

    front_desk.script.heard["查"] = look
    await front_desk.talk("你好", address="li")
    front_desk.bind("li", 2)
    await front_desk.talk("查", address="li")
    assert seen == [None]
    await front_desk.talk("查")
    assert seen[1].number == number  # type: ignore[attr-defined]


async def test_the_register_answers_with_the_rooms_that_fit(front_desk: Office) -> None:
    need = NeedRooms("3", None, "502")
    seen: list[object] = []

    def look(state, event, facts):  # type: ignore[no-untyped-def]
        if need not in facts.gathered:
            return NeedMore(frozenset({need}))
        seen.append([r.label for r in facts.gathered[need]])
        return Turn(state)

    front_desk.script.heard["房"] = look
    await front_desk.talk("房")
    assert seen == [["3-2-502"]]


async def test_a_flow_that_never_has_enough_is_parked_not_looped(front_desk: Office) -> None:
    rooms = iter(range(100))
    front_desk.script.heard["无底"] = lambda s, e, f: NeedMore(
        frozenset({NeedRooms(str(next(rooms)), None, None)})
    )
    front_desk.say("无底")
    for _ in range(3):
        await front_desk.answer()
        front_desk.machine.forward(timedelta(seconds=10))
    assert front_desk.rows("inbox", "status") == [("parked",)]


async def test_staff_accept_and_the_resident_hears_of_it(front_desk: Office) -> None:
    number = await filed(front_desk)
    ticket = front_desk.desk.act_on_ticket(1, 1, number, "accept")
    assert (ticket.status, ticket.assignee) == ("dispatched", "张师傅")
    assert front_desk.rows("ticket", "assignee_id", "version") == [(1, 2)]
    assert front_desk.rows("ticket_event", "action", "by_name")[-1] == ("accept", "张师傅")
    await front_desk.deliver()
    assert front_desk.telegram.sent[-1] == ("wang", f"{number} accept")


async def test_the_same_act_twice_is_refused_and_changes_nothing(front_desk: Office) -> None:
    number = await filed(front_desk)
    for action in ("accept", "depart"):
        front_desk.desk.act_on_ticket(1, 1, number, action)
    before = front_desk.rows("ticket_event", "id"), front_desk.rows("outbox", "id")
    with pytest.raises(IllegalMove, match=r"is en_route: 'depart' is not possible now"):
        front_desk.desk.act_on_ticket(1, 1, number, "depart")
    assert (front_desk.rows("ticket_event", "id"), front_desk.rows("outbox", "id")) == before


async def test_staff_of_one_community_cannot_touch_a_ticket_of_another(front_desk: Office) -> None:
    number = await filed(front_desk)
    with pytest.raises(NotFound):
        front_desk.desk.act_on_ticket(2, 1, number, "accept")


async def test_a_steward_assigns_a_technician(front_desk: Office) -> None:
    number = await filed(front_desk)
    ticket = front_desk.desk.act_on_ticket(1, 2, number, "assign", change=Change(assignee_id=1))
    assert ticket.assignee == "张师傅"
    returned = front_desk.desk.act_on_ticket(1, 1, number, "return", "没有配件")
    assert returned.assignee == ""
    assert front_desk.rows("ticket", "assignee_id") == [(None,)]


async def test_a_stopped_clock_is_cancelled_and_a_late_one_keeps_its_mark(front_desk: Office) -> None:
    number = await filed(front_desk)
    front_desk.machine.forward(2 * HOUR)
    front_desk.desk.act_on_ticket(1, 1, number, "accept")
    assert front_desk.rows("due", "kind", "status", "late", source="deadline") == [
        ("sla_first_response", "cancelled", True),
        ("sla_resolve", "pending", False),
    ]
    for action in ("depart", "arrive"):
        front_desk.desk.act_on_ticket(1, 1, number, action)
    front_desk.desk.act_on_ticket(1, 1, number, "done", "换了垫圈")
    front_desk.desk.act_on_ticket(1, 2, number, "not_fixed")
    assert front_desk.rows("due", "kind", "status", "late", source="deadline") == [
        ("sla_first_response", "cancelled", True),
        ("sla_resolve", "pending", False),
    ]


async def test_a_pause_puts_the_deadline_off_by_as_long_as_it_lasted(front_desk: Office) -> None:
    number = await filed(front_desk)
    due_at = front_desk.rows("due", "at", kind="sla_resolve")[0][0]
    for action, note in (("accept", ""), ("depart", ""), ("arrive", ""), ("pause", "等待配件")):
        front_desk.desk.act_on_ticket(1, 1, number, action, note)
    assert front_desk.rows("due", "status", kind="sla_resolve") == [("cancelled",)]
    front_desk.machine.forward(5 * HOUR)
    front_desk.desk.act_on_ticket(1, 1, number, "resume")
    assert front_desk.rows("due", "status", "at", kind="sla_resolve") == [("pending", due_at + 5 * HOUR)]


async def test_a_counter_ticket_yields_a_phone_task_instead_of_a_message(front_desk: Office) -> None:
    number = await filed(front_desk)
    t = table("ticket")
    front_desk.database.write(EVERY, lambda c: c.execute(t.update().values(conversation_id=None)))
    front_desk.desk.act_on_ticket(1, 1, number, "accept")
    assert front_desk.rows("phone_task", "text", "reason", "contact") == [
        (f"{number} accept", "no conversation", "13800000000")
    ]


async def test_a_resident_withdraws_moves_and_rates_in_their_own_conversation(front_desk: Office) -> None:
    number = await filed(front_desk)
    ticket_id = front_desk.rows("ticket", "id")[0][0]
    heard = front_desk.script.heard
    heard["催"] = lambda s, e, f: Turn(s, (AmendTicket(ticket_id, "urge", "快点"),))
    heard["五分"] = lambda s, e, f: Turn(s, (SaveAnswer(ticket_id, 5),))
    heard["很好"] = lambda s, e, f: Turn(s, (SaveAnswer(ticket_id, None, "很好"),))
    heard["撤销"] = lambda s, e, f: Turn(s, (MoveTicket(ticket_id, "cancel"), Say("已撤销")))
    await front_desk.talk("催", "五分", "很好", "撤销")
    assert front_desk.rows("survey_answer", "score", "comment") == [(5, "很好")]
    assert front_desk.rows("ticket", "status", "open", "closed_by") == [("cancelled", False, "resident")]
    assert [a for (a,) in front_desk.rows("ticket_event", "action")] == ["open", "urge", "cancel"]
    assert front_desk.rows("ticket", "urged_at")[0][0] is not None
    assert {s for (s,) in front_desk.rows("due", "status", source="deadline")} == {"cancelled"}
    assert number


async def test_an_old_ticket_named_by_number_is_locked_before_the_conversation(front_desk: Office) -> None:
    number = await filed(front_desk)
    ticket_id = front_desk.rows("ticket", "id")[0][0]
    for action, note in (("accept", ""), ("depart", ""), ("arrive", ""), ("done", "好了")):
        front_desk.desk.act_on_ticket(1, 1, number, action, note)
    front_desk.desk.act_on_ticket(1, 2, number, "confirm")
    front_desk.script.heard["又坏了"] = lambda s, e, f: Turn(
        s, (MoveTicket(ticket_id, "reopen"), Say("已重开"))
    )
    await front_desk.talk("又坏了")
    assert front_desk.rows("ticket", "status", "open", "rework") == [("in_progress", True, 1)]
    assert len([t for (t,) in front_desk.rows("outbox", "text") if t == "已重开"]) == 1


async def test_a_reminder_for_the_assignee_reaches_nobody_else(front_desk: Office) -> None:
    number = await filed(front_desk)
    front_desk.desk.act_on_ticket(1, 1, number, "accept")
    ticket_id = front_desk.rows("ticket", "id")[0][0]
    front_desk.script.timers["nudge"] = lambda s, e, f: Turn(
        s, (Tell("assignee", "utter_nudge", ticket_id=ticket_id),)
    )
    front_desk.script.heard["等"] = lambda s, e, f: Turn(
        s, (Remind("nudge", f.now + HOUR, ticket_id=ticket_id),)
    )
    await front_desk.talk("等")
    front_desk.desk.advance(front_desk.clock.now() + 2 * HOUR)
    await front_desk.deliver()
    assert front_desk.staff_page.sent[-1] == ("staff:1", f"utter_nudge {number} zh")


async def test_a_notice_falls_back_to_the_supervisor_when_the_role_is_empty(front_desk: Office) -> None:
    front_desk.script.heard["账单"] = lambda s, e, f: Turn(s, (Tell("cashier", "utter_bill"),))
    await front_desk.talk("账单")
    assert front_desk.rows("outbox", "address") == [("staff:3",)]


async def test_moving_the_clock_fires_each_row_at_its_own_instant_and_those_made_on_the_way(
    front_desk: Office,
) -> None:
    seen: list[tuple[str, int, timedelta]] = []

    def ring(state, event, facts):  # type: ignore[no-untyped-def]
        seen.append((event.kind, event.round, facts.now - MORNING - BURST))
        more = (Remind("bell", facts.now + HOUR, round=event.round + 1),) if event.round < 3 else ()
        return Turn(state, more)

    front_desk.script.timers.update(bell=ring, late_bell=ring)
    front_desk.script.heard["设"] = lambda s, e, f: Turn(
        s, (Remind("late_bell", f.now + 2.5 * HOUR, round=9), Remind("bell", f.now + HOUR))
    )
    await front_desk.talk("设")
    front_desk.desk.advance(MORNING + 5 * HOUR)
    assert seen == [
        ("bell", 1, HOUR),
        ("bell", 2, 2 * HOUR),
        ("late_bell", 9, 2.5 * HOUR),
        ("bell", 3, 3 * HOUR),
    ]
    assert front_desk.clock.now() == MORNING + 5 * HOUR


async def test_the_desk_clock_survives_a_restart_and_never_goes_back(front_desk: Office) -> None:
    front_desk.desk.advance(MORNING + 5 * HOUR)
    front_desk.clock.load(front_desk.database)
    assert front_desk.clock.now() == MORNING + 5 * HOUR
    with pytest.raises(ValueError, match="only moves forward"):
        front_desk.database.write(EVERY, lambda c: front_desk.clock.move_to(c, MORNING))


async def test_a_due_row_that_fails_three_times_is_parked_with_a_phone_task(front_desk: Office) -> None:
    def fault(state: object, event: object, facts: object) -> Turn:
        raise RuntimeError("a fault of a flow")

    front_desk.script.timers["bell"] = fault
    front_desk.script.heard["设"] = lambda s, e, f: Turn(s, (Remind("bell", f.now),))
    await front_desk.talk("设")
    for _ in range(4):
        await front_desk.workers.tick()
        front_desk.machine.forward(timedelta(minutes=1))
    assert front_desk.rows("due", "status", "attempts") == [("parked", 3)]
    assert front_desk.rows("phone_task", "reason") == [("a due row could not be fired",)]


async def test_a_due_row_cancelled_while_it_was_claimed_does_not_fire(front_desk: Office) -> None:
    number = await filed(front_desk)
    front_desk.machine.forward(2 * HOUR)
    due = front_desk.desk.claim_due(front_desk.clock.now(), "tick", LEASE)
    assert due is not None and due.kind == "sla_first_response"
    front_desk.desk.act_on_ticket(1, 1, number, "accept")
    assert front_desk.desk.fire_due(due) is False


async def test_a_reminder_asked_for_again_is_one_row_at_the_new_instant(front_desk: Office) -> None:
    front_desk.script.heard["设"] = lambda s, e, f: Turn(s, (Remind("draft_expires", f.now + HOUR),))
    await front_desk.talk("设")
    front_desk.desk.advance(front_desk.clock.now() + 2 * HOUR)
    assert front_desk.rows("due", "status") == [("done",)]
    await front_desk.talk("设")
    assert front_desk.rows("due", "status", "at") == [("pending", front_desk.clock.now() + HOUR)]


async def test_a_linked_ticket_and_its_buttons_carry_the_number(front_desk: Office) -> None:
    from bot.core.types import Button

    draft = TicketDraft("enquiry", "question", "几点开门")
    front_desk.script.heard["问"] = lambda s, e, f: Turn(
        s, (OpenTicket(draft, (Say("{number}", (Button("查{number}", "status:{number}"),)),)),)
    )
    await front_desk.talk("问")
    assert front_desk.rows("outbox", "text", "buttons") == [
        ("CY-ZX-20270301-0001", [["查CY-ZX-20270301-0001", "status:CY-ZX-20270301-0001"]])
    ]
