"""Every row of the clock table with one worked example, and what stops a clock.

The sources are DOMAIN.md's rows; ★ marks those of DB11/T 751-2025.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from stage import CALENDAR, POLICY, local, ticket

from bot.core.deadlines import Due, deadlines, running
from bot.core.policy import Allowance
from bot.core.tickets import ENDS, INITIAL, TRANSITIONS

FRIDAY_EVENING = local(2026, 3, 6, 17, 30)
NIGHT = local(2026, 3, 5, 2)
WEDNESDAY = local(2026, 3, 4, 10)


def dues(kind: str, opened: datetime, **changes: Any) -> dict[str, datetime]:
    """Clock → the local instant at which it runs out."""
    subject = ticket(kind, opened_at=opened.astimezone(UTC), **changes)
    found = deadlines(subject, POLICY, CALENDAR)
    assert all(due.at.tzinfo is UTC and due.kind.startswith("sla_") and due.round == 1 for due in found)
    return {due.kind.removeprefix("sla_"): due.at for due in found}


@pytest.mark.parametrize(
    ("story", "kind", "category", "opened", "expected"),
    [
        (
            "life safety at two in the morning: acknowledged in 5 min, on site in 15 ★, secured in 2 h",
            "emergency", "fire", NIGHT,
            {"first_response": local(2026, 3, 5, 2, 5), "next_step": local(2026, 3, 5, 2, 15), "resolve": local(2026, 3, 5, 4)},
        ),
        (
            "a burst pipe at night does not wait for the morning: 15 min ★, mended in 24 h",
            "repair", "urgent", NIGHT,
            {"first_response": local(2026, 3, 5, 2, 15), "next_step": local(2026, 3, 5, 2, 15), "resolve": local(2026, 3, 6, 2)},
        ),
        (
            "a minor repair on Wednesday morning: answered in 1 service hour, done in 8",
            "repair", "minor", WEDNESDAY,
            {"first_response": local(2026, 3, 4, 11), "resolve": local(2026, 3, 5, 10)},
        ),
        (
            "a repair on Friday evening: half an hour on Friday, the rest on Saturday; 24 service hours",
            "repair", "general", FRIDAY_EVENING,
            {"first_response": local(2026, 3, 7, 9, 30), "resolve": local(2026, 3, 10, 11)},
        ),
        (
            "a complaint: 1 service hour, feedback within 4 hours by the wall clock ★, 3 working days",
            "complaint", "general", FRIDAY_EVENING,
            {"first_response": local(2026, 3, 7, 9, 30), "next_step": local(2026, 3, 6, 21, 30), "resolve": local(2026, 3, 11, 18)},
        ),
        (
            "a fee case: the cashier answers in 4 service hours, 3 working days",
            "fee_case", "question", WEDNESDAY,
            {"first_response": local(2026, 3, 4, 15, 30), "resolve": local(2026, 3, 9, 18)},
        ),
        (
            "a paid service: quoted in 4 service hours",
            "service_order", "general", WEDNESDAY,
            {"first_response": local(2026, 3, 4, 15, 30)},
        ),
        (
            "a low score: somebody rings in 4 service hours, settled in 3 working days",
            "follow_up", "low_score", WEDNESDAY,
            {"first_response": local(2026, 3, 4, 15, 30), "resolve": local(2026, 3, 9, 18)},
        ),
        (
            "a hand-over: ten minutes on duty",
            "enquiry", "handoff", local(2026, 3, 4, 11, 55),
            {"first_response": local(2026, 3, 4, 13, 35)},
        ),
        (
            "an unanswered question over the spring festival: 3 working days and no day of the holiday",
            "enquiry", "question", local(2026, 2, 13, 16),
            {"first_response": local(2026, 2, 14, 10, 30), "resolve": local(2026, 2, 25, 18)},
        ),
    ],
)  # fmt: skip
def test_a_ticket_is_due_when_the_table_says(
    story: str, kind: str, category: str, opened: datetime, expected: dict[str, datetime]
) -> None:
    assert dues(kind, opened, category=category) == expected, story


def test_the_first_response_stops_when_somebody_owns_the_ticket() -> None:
    assert "first_response" in dues("repair", WEDNESDAY)
    assert "first_response" not in dues("repair", WEDNESDAY, assignee="李师傅")
    assert "first_response" not in dues("repair", WEDNESDAY, status="dispatched")


def test_on_site_stops_the_next_step_and_not_the_repair() -> None:
    assert set(dues("repair", NIGHT, category="urgent", status="en_route")) == {"next_step", "resolve"}
    assert set(dues("repair", NIGHT, category="urgent", status="in_progress")) == {"resolve"}


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("repair", "resolved"), ("repair", "awaiting_payment"), ("complaint", "replied"), ("complaint", "accepted"),
        ("emergency", "secured"), ("fee_case", "answered"), ("enquiry", "answered"), ("follow_up", "settled"),
    ],
)  # fmt: skip
def test_a_clock_never_runs_on_after_the_work_is_done(kind: str, status: str) -> None:
    assert dues(kind, WEDNESDAY, status=status) == {}


def test_not_fixed_starts_the_clock_of_the_work_again() -> None:
    assert set(dues("repair", WEDNESDAY, status="in_progress", rework=1)) == {"resolve"}


@pytest.mark.parametrize("kind", list(TRANSITIONS))
def test_an_ended_ticket_owes_nothing(kind: str) -> None:
    for status in ENDS[kind]:
        assert dues(kind, WEDNESDAY, status=status) == {}
        assert not any(running(ticket(kind, status), clock) for clock in ("first_response", "next_step", "resolve"))


@pytest.mark.parametrize("kind", list(TRANSITIONS))
def test_every_new_ticket_has_a_clock(kind: str) -> None:
    assert deadlines(ticket(kind, INITIAL[kind]), POLICY, CALENDAR)


def test_waiting_for_parts_stops_the_clock_policy_lets_stop() -> None:
    assert dues("repair", WEDNESDAY, status="on_hold") == {}
    assert set(dues("repair", NIGHT, category="urgent", status="on_hold")) == {"resolve"}


def test_the_time_waited_is_added_only_to_what_may_pause() -> None:
    general = ticket("repair", "in_progress", opened_at=WEDNESDAY.astimezone(UTC))
    waited = timedelta(hours=3)
    (before,), (after,) = deadlines(general, POLICY, CALENDAR), deadlines(general, POLICY, CALENDAR, waited)
    assert after.at - before.at == waited
    urgent = ticket("repair", "in_progress", category="urgent", opened_at=WEDNESDAY.astimezone(UTC))
    assert deadlines(urgent, POLICY, CALENDAR, waited) == deadlines(urgent, POLICY, CALENDAR)


def test_asked_twice_the_dues_are_the_same_rows() -> None:
    subject = ticket("complaint")
    first = deadlines(subject, POLICY, CALENDAR)
    assert first == deadlines(subject, POLICY, CALENDAR)
    assert len({(due.kind, due.round) for due in first}) == len(first)
    assert all(isinstance(due, Due) for due in first)


def test_a_ticket_that_was_never_opened_has_no_deadlines() -> None:
    with pytest.raises(ValueError, match="YH-BX-0001"):
        deadlines(ticket(opened_at=None), POLICY, CALENDAR)


def test_a_kind_without_a_next_step_owes_none_and_one_without_an_end_of_work_owes_its_resolution() -> None:
    assert not running(ticket("service_order"), "next_step")
    assert running(ticket("service_order", "quoted"), "resolve")


def test_a_clock_that_stands_still_does_not_stop_those_behind_it() -> None:
    """On hold: what may pause stands still, what may not runs on, in whatever order the policy lists them."""
    waits = Allowance("first_response", timedelta(hours=1), 0, "elapsed", True)
    pauses = Allowance("next_step", timedelta(hours=2), 0, "elapsed", True)
    runs = Allowance("resolve", timedelta(hours=3), 0, "elapsed", False)
    policy = replace(POLICY, clocks={"repair/*": (waits, pauses, replace(pauses, name="resolve"), runs)})
    subject = ticket("repair", "on_hold", opened_at=WEDNESDAY.astimezone(UTC))
    assert [due.at for due in deadlines(subject, policy, CALENDAR)] == [WEDNESDAY + timedelta(hours=3)]
