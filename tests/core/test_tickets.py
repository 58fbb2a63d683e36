"""The transition tables: no ticket is ever stuck, and nothing moves that the trade does not allow."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import ticket

from bot.core import deadlines, tickets
from bot.core.tickets import (
    CLOCK,
    ENDS,
    EVERYONE_ON_DUTY,
    INITIAL,
    KIND_CODES,
    RESIDENT,
    TRANSITIONS,
    WORK_PATH,
    IllegalMove,
    Rule,
    TicketEvent,
    allowed,
    is_open,
    move,
    steps,
)
from bot.core.types import TicketView

NOON = datetime(2026, 3, 4, 4, tzinfo=UTC)
KINDS = tuple(TRANSITIONS)
STATUSES = [(kind, status) for kind, table in TRANSITIONS.items() for status in table]
ROWS: list[tuple[str, str, str, Rule]] = [
    (kind, status, action, rule)
    for kind, table in TRANSITIONS.items()
    for status, rules in table.items()
    for action, rule in rules.items()
]
ROLES = (*sorted(EVERYONE_ON_DUTY), RESIDENT, CLOCK)
ACTIONS = sorted({action for _, _, action, _ in ROWS} | {"teleport"})


def play(start: TicketView, *moves: tuple[str, str, str]) -> TicketView:
    """Moves as (action, role, note), one after the other."""
    for action, role, note in moves:
        start, _ = move(start, action, role, NOON, note, "李师傅")
    return start


# ── The tables as a whole ───────────────────────────────────────────────────────────────────────────────────────────


def test_every_kind_has_a_code_a_beginning_ends_and_a_work_path() -> None:
    assert set(KIND_CODES) == set(INITIAL) == set(ENDS) == set(WORK_PATH) == set(KINDS)
    assert len(set(KIND_CODES.values())) == len(KIND_CODES)
    for kind in KINDS:
        assert INITIAL[kind] in TRANSITIONS[kind]
        assert ENDS[kind] and ENDS[kind] <= set(TRANSITIONS[kind])


@pytest.mark.parametrize(("kind", "status"), STATUSES)
def test_every_status_has_a_way_out_or_is_an_end(kind: str, status: str) -> None:
    if status not in ENDS[kind]:
        assert any(rule.to != status for rule in TRANSITIONS[kind][status].values())


@pytest.mark.parametrize(("kind", "status"), STATUSES)
def test_every_ticket_can_reach_an_end_from_where_it_stands(kind: str, status: str) -> None:
    reached, edge = {status}, [status]
    while edge:
        for rule in TRANSITIONS[kind][edge.pop()].values():
            if rule.to not in reached:
                reached.add(rule.to)
                edge.append(rule.to)
    assert reached & ENDS[kind]


@pytest.mark.parametrize(("kind", "status"), STATUSES)
def test_every_status_can_be_reached_from_the_beginning(kind: str, status: str) -> None:
    reached = {INITIAL[kind]}
    while True:
        further = {rule.to for s in reached for rule in TRANSITIONS[kind][s].values()} - reached
        if not further:
            break
        reached |= further
    assert status in reached


@pytest.mark.parametrize(("kind", "status"), STATUSES)
def test_every_open_status_is_owned_by_somebody_on_duty(kind: str, status: str) -> None:
    """A way out that only a resident or the clock can take leaves a ticket open for ever when both are silent."""
    if status not in ENDS[kind]:
        assert any(
            rule.by & EVERYONE_ON_DUTY or CLOCK in rule.by for rule in TRANSITIONS[kind][status].values() if rule.to != status
        )


@pytest.mark.parametrize(("kind", "status", "action", "rule"), ROWS)
def test_every_row_leads_to_a_known_status_and_names_known_roles(kind: str, status: str, action: str, rule: Rule) -> None:
    assert rule.to in TRANSITIONS[kind]
    assert rule.by and rule.by <= set(ROLES)


@pytest.mark.parametrize(("kind", "status", "action", "rule"), ROWS)
def test_a_row_says_who_closed_exactly_when_it_leads_to_an_end(kind: str, status: str, action: str, rule: Rule) -> None:
    assert bool(rule.closes_as) == (rule.to in ENDS[kind])


@pytest.mark.parametrize(("kind", "status", "action", "rule"), ROWS)
def test_the_clock_never_acts_where_a_reason_is_owed(kind: str, status: str, action: str, rule: Rule) -> None:
    assert not (CLOCK in rule.by and rule.needs_note)


@pytest.mark.parametrize("kind", KINDS)
def test_the_work_path_is_walked_by_one_person_to_the_point_where_the_work_is_done(kind: str) -> None:
    done = play(ticket(kind), *((action, "supervisor", "已处理") for action in WORK_PATH[kind]))
    assert is_open(done)
    if kind != "service_order":  # its path ends at the quote: the resident decides
        assert not deadlines.running(done, "resolve")


@pytest.mark.parametrize("kind", [k for k in KINDS if {"resolved", "replied", "answered"} & set(TRANSITIONS[k])])
def test_silence_closes_what_was_answered(kind: str) -> None:
    for status in {"resolved", "replied", "answered"} & set(TRANSITIONS[kind]):
        assert "timeout" in allowed(ticket(kind, status), CLOCK)


# ── Rule 1 to 4: what may not be done ───────────────────────────────────────────────────────────────────────────────


@given(st.sampled_from(STATUSES), st.sampled_from(ACTIONS), st.sampled_from(ROLES), st.sampled_from(["", "  \n", "等配件"]))
def test_a_move_follows_the_table_or_is_refused_and_changes_nothing(
    where: tuple[str, str], action: str, role: str, note: str
) -> None:
    kind, status = where
    before = ticket(kind, status, assignee="张师傅", rework=1)
    rule = TRANSITIONS[kind][status].get(action)
    legal = rule is not None and role in rule.by and (bool(note.strip()) or not rule.needs_note)
    if not legal:
        with pytest.raises(IllegalMove) as refused:
            move(before, action, role, NOON, note, "李师傅")
        assert before.number in str(refused.value)
        assert before == ticket(kind, status, assignee="张师傅", rework=1)
        return
    assert rule is not None
    after, line = move(before, action, role, NOON, note, "李师傅")
    assert (after.status, after.updated_at) == (rule.to, NOON)
    assert (line.action, line.from_status, line.to_status, line.by_role, line.note) == (action, status, rule.to, role, note)
    assert after.rework == 1 + rule.counts_rework
    assert after.number == before.number and after.opened_at == before.opened_at
    assert bool(after.closed_by) == (not is_open(after))


@given(st.sampled_from(STATUSES), st.sampled_from(ROLES))
def test_what_a_staff_page_offers_is_what_may_be_done(where: tuple[str, str], role: str) -> None:
    kind, status = where
    for action in allowed(ticket(kind, status), role):
        move(ticket(kind, status), action, role, NOON, "有理由", "李师傅")


@pytest.mark.parametrize(
    ("kind", "status", "action", "role"),
    [
        ("repair", "in_progress", "pause", "technician"),
        ("repair", "dispatched", "return", "technician"),
        ("repair", "submitted", "reject", "steward"),
        ("repair", "in_progress", "done", "technician"),
        ("repair", "in_progress", "quote", "technician"),
        ("complaint", "investigating", "reply", "steward"),
        ("emergency", "open", "stand_down", "guard"),
        ("emergency", "on_site", "secure", "guard"),
        ("follow_up", "contacted", "settle", "supervisor"),
    ],
)
def test_a_reason_is_demanded_where_the_resident_will_ask_why(kind: str, status: str, action: str, role: str) -> None:
    with pytest.raises(IllegalMove, match="needs a note"):
        move(ticket(kind, status), action, role, NOON, " ")
    assert move(ticket(kind, status), action, role, NOON, "等待配件")[1].note == "等待配件"


def test_a_refusal_says_what_is_possible_instead() -> None:
    with pytest.raises(IllegalMove, match="possible: accept"):
        move(ticket(), "depart", "technician", NOON)
    with pytest.raises(IllegalMove, match="not for role guard"):
        move(ticket(), "accept", "guard", NOON)
    with pytest.raises(IllegalMove, match="possible: nothing"):
        move(ticket("repair", "cancelled"), "reopen", "resident", NOON)


def test_a_resident_never_accepts_works_or_stands_down() -> None:
    for kind, status, action, rule in ROWS:
        if RESIDENT in rule.by:
            assert action in {"cancel", "confirm", "not_fixed", "dispute", "agree", "decline", "reopen"}, (kind, status)


# ── Stories ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_tap_is_grabbed_mended_and_confirmed() -> None:
    grabbed = play(ticket(), ("accept", "technician", ""))
    assert (grabbed.status, grabbed.assignee) == ("dispatched", "李师傅")
    mended = play(grabbed, ("depart", "technician", ""), ("arrive", "technician", ""), ("done", "technician", "换了阀芯"))
    assert mended.status == "resolved" and is_open(mended)
    closed = play(mended, ("confirm", "resident", ""))
    assert (closed.status, closed.closed_by) == ("closed", "resident") and not is_open(closed)


@pytest.mark.parametrize("status", ["dispatched", "en_route", "in_progress", "on_hold"])
def test_a_technician_returns_the_job_and_it_is_accepted_and_free_for_another(status: str) -> None:
    returned = play(ticket("repair", status, assignee="李师傅"), ("return", "technician", "不是我的工种"))
    assert (returned.status, returned.assignee) == ("accepted", "")
    assert play(returned, ("accept", "technician", "")).status == "dispatched"


def test_a_pause_keeps_its_reason_until_the_work_goes_on() -> None:
    paused = play(ticket("repair", "in_progress", assignee="李师傅"), ("pause", "technician", "等待配件"))
    assert (paused.status, paused.pause_reason, paused.assignee) == ("on_hold", "等待配件", "李师傅")
    resumed = play(paused, ("resume", "clock", ""))
    assert (resumed.status, resumed.pause_reason) == ("in_progress", "")


def test_not_fixed_goes_back_to_work_and_is_counted_each_time() -> None:
    again = play(ticket("repair", "resolved"), ("not_fixed", "resident", ""))
    assert (again.status, again.rework, again.closed_by) == ("in_progress", 1, "")
    third = play(again, ("done", "technician", "又换一次"), ("not_fixed", "resident", ""))
    assert third.rework == 2


def test_a_reopened_repair_is_open_again_and_no_longer_counts_as_closed_by_anybody() -> None:
    silent = play(ticket("repair", "resolved"), ("timeout", "clock", ""))
    assert silent.closed_by == "timeout"
    again = play(silent, ("reopen", "resident", ""))
    assert is_open(again) and again.closed_by == "" and again.rework == 1


def test_silence_is_never_the_residents_word() -> None:
    for kind, status, action, rule in ROWS:
        if rule.by == {CLOCK}:
            assert rule.closes_as != "resident", (kind, status, action)


def test_a_resident_may_withdraw_until_the_technician_is_at_work() -> None:
    for status in ("submitted", "accepted", "dispatched", "en_route"):
        assert play(ticket("repair", status), ("cancel", "resident", "")).status == "cancelled"
    with pytest.raises(IllegalMove):
        move(ticket("repair", "in_progress"), "cancel", "resident", NOON)


def test_chargeable_work_waits_for_the_residents_word() -> None:
    quoted = play(ticket("repair", "in_progress"), ("quote", "technician", "换电机 350 元"))
    assert quoted.status == "quote_pending"
    assert play(quoted, ("agree", "resident", "")).status == "in_progress"
    assert play(quoted, ("decline", "resident", "")).status == "cancelled"
    with pytest.raises(IllegalMove):
        move(quoted, "agree", "technician", NOON)


def test_a_complaint_is_disputed_once_reviewed_by_a_superior_and_visited() -> None:
    disputed = play(ticket("complaint", "replied"), ("dispute", "resident", ""))
    with pytest.raises(IllegalMove):
        move(disputed, "review", "steward", NOON, "维持")
    reviewed = play(disputed, ("review", "supervisor", "已道歉并整改"))
    assert "dispute" not in TRANSITIONS["complaint"][reviewed.status]
    assert play(reviewed, ("visit", "steward", "电话回访"), ("close", "steward", "")).status == "closed"


def test_a_false_alarm_can_be_taken_back() -> None:
    stood_down = play(ticket("emergency", "called"), ("stand_down", "guard", "烟感误报"))
    assert (stood_down.status, stood_down.closed_by) == ("false_alarm", "false_alarm")
    assert play(stood_down, ("reopen", "guard", "又冒烟了")).status == "open"


def test_a_low_score_is_settled_by_the_office_and_closed() -> None:
    case = play(ticket("follow_up"), ("accept", "supervisor", ""), ("settle", "supervisor", "上门道歉"), ("close", "supervisor", ""))
    assert (case.status, case.closed_by) == ("closed", "staff")


def test_a_service_is_quoted_ordered_done_and_paid() -> None:
    order = play(
        ticket("service_order"),
        ("quote", "technician", "保洁 4 小时 240 元"),
        ("agree", "resident", ""),
        ("accept", "technician", ""),
        ("done", "technician", "已完成"),
        ("paid", "cashier", ""),
        ("close", "cashier", ""),
    )
    assert order.status == "closed"


def test_an_answered_question_that_was_not_answered_goes_back_to_its_owner() -> None:
    answered = play(ticket("enquiry"), ("accept", "steward", ""), ("answer", "steward", "周六不施工"))
    assert play(answered, ("reopen", "resident", "")).status == "owned"


def test_a_status_no_move_leads_to_is_named() -> None:
    assert tickets.unreachable() == ()
    stray = {"repair": {**tickets.TRANSITIONS["repair"], "forgotten": {}}}
    assert tickets.unreachable(stray) == (("repair", "forgotten"),)


# ── What a refusal says, and what a move leaves alone ───────────────────────────────────────────────────────────────


def test_a_refusal_says_in_one_word_why_and_in_a_sentence_what_instead() -> None:
    with pytest.raises(IllegalMove) as refused:
        move(ticket(), "depart", "steward", NOON)
    assert refused.value.why == "status"
    assert str(refused.value) == (
        "YH-BX-0001 is submitted: 'depart' is not possible now; possible: accept, assign, acknowledge, reject, cancel"
    )
    with pytest.raises(IllegalMove) as refused:
        move(ticket("fee_case"), "accept", "guard", NOON)
    assert refused.value.why == "role"
    assert str(refused.value) == (
        "YH-FY-0001: 'accept' is not for role guard; it is for cashier, manager, steward, supervisor"
    )
    with pytest.raises(IllegalMove) as refused:
        move(ticket(), "reject", "steward", NOON)
    assert refused.value.why == "note"
    assert str(refused.value) == "YH-BX-0001: 'reject' needs a note that says why or what was done"


def test_a_move_without_note_or_name_leaves_both_as_they_were() -> None:
    moved, line = move(ticket(assignee="张师傅"), "accept", "technician", NOON)
    assert (moved.assignee, moved.pause_reason) == ("张师傅", "")
    assert line == TicketEvent("accept", "submitted", "dispatched", "technician", NOON, "")


def test_a_note_is_a_reason_for_waiting_only_on_hold() -> None:
    done, _ = move(ticket("repair", "in_progress"), "done", "technician", NOON, "换了阀芯")
    assert done.pause_reason == ""


def test_those_who_may_act_are_named_one_by_one_or_as_a_group() -> None:
    assert tickets._by("resident", tickets.BOSSES, "clock") == {"resident", "supervisor", "manager", "clock"}
    assert isinstance(tickets._by("resident"), frozenset)


# ── The steps a colleague takes from a notice with one press ────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "role", "story"),
    [
        # The technician grabs the tap, sets off and rings at the door; what was done he must write.
        ("repair", "technician", [
            ("submitted", ("accept",)), ("dispatched", ("depart", "arrive")), ("en_route", ("arrive",)), ("in_progress", ()),
            ("on_hold", ("resume",)), ("quote_pending", ()), ("resolved", ()), ("closed", ()),
        ]),
        # The front desk grabs it, or tells the resident that it has been read; whom it is given to, and why it is refused, it must say.
        ("repair", "steward", [("submitted", ("accept", "acknowledge")), ("accepted", ("accept",)), ("rejected", ())]),
        ("complaint", "steward", [("submitted", ("accept",)), ("acknowledged", ("investigate",)), ("investigating", ()), ("replied", ())]),
        # A guard beside the burning shed need not announce himself first. That all is well takes a word of explanation.
        ("emergency", "guard", [("open", ("accept", "arrive")), ("called", ("arrive",)), ("on_site", ()), ("secured", ())]),
        ("fee_case", "cashier", [("open", ("accept",)), ("with_cashier", ()), ("disputed", ())]),
        # A colleague takes a conversation over from another.
        ("enquiry", "supervisor", [("open", ("accept",)), ("owned", ("accept",)), ("answered", ())]),
    ],
)  # fmt: skip
def test_a_notice_offers_what_is_next_and_can_be_done_by_a_press(
    kind: str, role: str, story: list[tuple[str, tuple[str, ...]]]
) -> None:
    assert [(status, steps(kind, status, role)) for status, _ in story] == story


@pytest.mark.parametrize(
    ("kind", "status", "role"),
    [
        ("repair", "submitted", "guard"), ("repair", "submitted", "cashier"), ("fee_case", "open", "technician"),
        ("complaint", "submitted", "technician"), ("follow_up", "open", "guard"), ("enquiry", "owned", "guard"),
        ("repair", "submitted", RESIDENT), ("emergency", "open", RESIDENT), ("emergency", "open", CLOCK),
    ],
)  # fmt: skip
def test_work_that_is_another_role_s_is_not_offered(kind: str, status: str, role: str) -> None:
    assert steps(kind, status, role) == ()


@given(st.sampled_from(STATUSES), st.sampled_from(ROLES))
def test_a_press_on_what_is_offered_is_never_refused(where: tuple[str, str], role: str) -> None:
    """A press carries no note: were one owed, the colleague at the resident's door would be told to write first."""
    kind, status = where
    for action in steps(kind, status, role):
        assert move(ticket(kind, status), action, role, NOON, "", "李师傅")[0].status == TRANSITIONS[kind][status][action].to


def with_rows(monkeypatch: pytest.MonkeyPatch, kind: str, status: str, rows: dict[str, Rule]) -> None:
    """An office whose table has other rows for one status."""
    table = {**TRANSITIONS[kind], status: rows}
    monkeypatch.setattr(tickets, "TRANSITIONS", MappingProxyType({**TRANSITIONS, kind: table}))


def test_a_step_for_which_a_reason_is_owed_is_no_button(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = {action: replace(rule, needs_note=action == "depart") for action, rule in TRANSITIONS["repair"]["dispatched"].items()}
    with_rows(monkeypatch, "repair", "dispatched", rows)
    assert steps("repair", "dispatched", "technician") == ("arrive",)


def test_the_buttons_are_three_at_most_and_stand_in_the_order_of_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    anything = Rule("submitted", tickets.WORKERS)
    with_rows(monkeypatch, "repair", "submitted", {action: anything for action in ("resume", "arrive", "depart", "acknowledge", "accept")})
    assert steps("repair", "submitted", "technician") == ("accept", "acknowledge", "depart")


def test_every_work_path_begins_with_a_press_and_no_press_ends_a_ticket() -> None:
    for kind, path in WORK_PATH.items():
        assert path[0] in steps(kind, INITIAL[kind], "supervisor")
    for kind, status in STATUSES:
        for role in EVERYONE_ON_DUTY:
            assert all(TRANSITIONS[kind][status][action].to not in ENDS[kind] for action in steps(kind, status, role))
