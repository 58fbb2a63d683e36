"""Business time: lunch breaks, weekends, the spring festival, days worked in exchange, and nights."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import CALENDAR, POLICY, ZONE, local

from bot.core.calendar import Calendar

H = timedelta(hours=1)
INSTANTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 1), timezones=st.just(UTC))


@pytest.mark.parametrize(
    ("story", "start", "length", "end"),
    [
        ("within a morning", local(2026, 3, 4, 9), 2 * H, local(2026, 3, 4, 11)),
        ("over the lunch break", local(2026, 3, 4, 11), 2 * H, local(2026, 3, 4, 14, 30)),
        ("said during the break", local(2026, 3, 4, 12, 40), H, local(2026, 3, 4, 14, 30)),
        ("said before opening", local(2026, 3, 4, 6), H, local(2026, 3, 4, 9, 30)),
        ("said after closing", local(2026, 3, 4, 20), H, local(2026, 3, 5, 9, 30)),
        ("over a night", local(2026, 3, 4, 17), 2 * H, local(2026, 3, 5, 9, 30)),
        ("over a weekend of shorter days", local(2026, 3, 6, 17), 8 * H, local(2026, 3, 8, 9, 30)),
        ("on a holiday the Sunday hours count", local(2026, 2, 17, 9), 4 * H, local(2026, 2, 17, 14, 30)),
        ("on a day worked in exchange the Monday hours count", local(2026, 2, 28, 8, 30), H, local(2026, 2, 28, 9, 30)),
        ("ending exactly at the close", local(2026, 3, 4, 17), H, local(2026, 3, 4, 18)),
    ],
)
def test_service_hours_pass_only_while_the_desk_is_open(
    story: str, start: datetime, length: timedelta, end: datetime
) -> None:
    assert CALENDAR.add_service(start, length) == end.astimezone(UTC), story


@pytest.mark.parametrize(
    ("story", "start", "days", "end"),
    [
        ("Wednesday to Saturday's eve", local(2026, 3, 4, 10), 2, local(2026, 3, 6, 18)),
        ("over a weekend", local(2026, 3, 6, 10), 1, local(2026, 3, 9, 18)),
        ("said on a Sunday", local(2026, 3, 8, 10), 1, local(2026, 3, 9, 18)),
        ("over the spring festival", local(2026, 2, 13, 10), 2, local(2026, 2, 24, 18)),
        ("a Saturday worked in exchange counts", local(2026, 2, 27, 10), 1, local(2026, 2, 28, 18)),
        ("late in the evening is still that day", local(2026, 3, 4, 23, 30), 1, local(2026, 3, 5, 18)),
    ],
)
def test_working_days_end_at_the_close_of_the_day(story: str, start: datetime, days: int, end: datetime) -> None:
    assert CALENDAR.add_working_days(start, days) == end.astimezone(UTC), story


def test_the_local_day_counts_and_not_the_day_of_greenwich() -> None:
    just_past_midnight = local(2026, 3, 5, 0, 30)
    assert just_past_midnight.astimezone(UTC).date() == date(2026, 3, 4)
    assert CALENDAR.add_working_days(just_past_midnight.astimezone(UTC), 1) == local(2026, 3, 6, 18).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        (local(2026, 3, 4, 8, 29), False),
        (local(2026, 3, 4, 8, 30), True),
        (local(2026, 3, 4, 11, 59), True),
        (local(2026, 3, 4, 12), False),
        (local(2026, 3, 4, 13, 30), True),
        (local(2026, 3, 4, 18), False),
        (local(2026, 3, 7, 8, 45), False),
        (local(2026, 2, 28, 8, 45), True),
    ],
)
def test_the_desk_is_open_as_the_board_at_the_door_says(at: datetime, is_open: bool) -> None:
    assert CALENDAR.in_service(at.astimezone(UTC)) is is_open
    assert (CALENDAR.next_service(at) == at.astimezone(UTC)) is is_open


def test_the_next_opening_after_the_close_is_tomorrow_morning() -> None:
    assert CALENDAR.next_service(local(2026, 3, 4, 18)) == local(2026, 3, 5, 8, 30).astimezone(UTC)
    assert CALENDAR.next_service(local(2026, 3, 6, 18)) == local(2026, 3, 7, 9).astimezone(UTC)


@pytest.mark.parametrize(
    ("at", "asked_at"),
    [
        (local(2026, 3, 4, 20, 59), local(2026, 3, 4, 20, 59)),
        (local(2026, 3, 4, 21), local(2026, 3, 5, 9)),
        (local(2026, 3, 4, 23, 59), local(2026, 3, 5, 9)),
        (local(2026, 3, 5, 0), local(2026, 3, 5, 9)),
        (local(2026, 3, 5, 8, 59), local(2026, 3, 5, 9)),
        (local(2026, 3, 5, 9), local(2026, 3, 5, 9)),
    ],
)
def test_nobody_is_asked_for_a_rating_at_night(at: datetime, asked_at: datetime) -> None:
    assert CALENDAR.out_of_quiet(at.astimezone(UTC)) == asked_at.astimezone(UTC)


def test_a_quiet_hour_at_noon_works_too() -> None:
    siesta = Calendar(ZONE, replace(POLICY, quiet_from=time(12), quiet_until=time(14)))
    assert siesta.out_of_quiet(local(2026, 3, 4, 12, 30)) == local(2026, 3, 4, 14)
    assert siesta.out_of_quiet(local(2026, 3, 4, 22)) == local(2026, 3, 4, 22)


def test_no_quiet_hours_when_they_begin_and_end_together() -> None:
    always = Calendar(ZONE, replace(POLICY, quiet_from=time(9), quiet_until=time(9)))
    assert always.out_of_quiet(local(2026, 3, 4, 9)) == local(2026, 3, 4, 9)


def test_an_office_that_never_opens_is_reported_rather_than_waited_for() -> None:
    never = Calendar(ZONE, replace(POLICY, service_hours=dict.fromkeys(range(7), ())))
    with pytest.raises(ValueError, match="no service hours"):
        never.add_service(local(2026, 3, 4), H)
    with pytest.raises(ValueError, match="no service hours"):
        never.next_service(local(2026, 3, 4))


def test_a_working_day_without_counter_hours_ends_in_the_evening() -> None:
    closed = Calendar(ZONE, replace(POLICY, service_hours=dict.fromkeys(range(7), ())))
    assert closed.add_working_days(local(2026, 3, 4, 10), 1) == local(2026, 3, 5, 18)


@given(INSTANTS, st.integers(0, 60 * 60), st.integers(0, 60 * 60))
def test_service_time_adds_up_however_it_is_cut(start: datetime, first: int, second: int) -> None:
    a, b = timedelta(seconds=first), timedelta(seconds=second)
    assert CALENDAR.add_service(CALENDAR.add_service(start, a), b) == CALENDAR.add_service(start, a + b)


@given(INSTANTS, INSTANTS, st.integers(1, 600))
def test_who_came_first_is_due_first(one: datetime, other: datetime, minutes: int) -> None:
    length = timedelta(minutes=minutes)
    early, late = sorted((one, other))
    assert CALENDAR.add_service(early, length) <= CALENDAR.add_service(late, length)
    assert CALENDAR.add_service(early, length) >= early + length


@given(INSTANTS)
def test_a_survey_is_put_off_but_never_by_more_than_a_night(at: datetime) -> None:
    asked = CALENDAR.out_of_quiet(at)
    assert timedelta(0) <= asked - at <= timedelta(hours=12)
    assert CALENDAR.out_of_quiet(asked) == asked
