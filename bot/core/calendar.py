"""Business time: service hours, working days, quiet hours. Holidays and make-up workdays enter as data.

All arithmetic is done in the community's zone and returned as UTC. Nothing here knows what day it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from bot.core.policy import Policy

_FURTHEST = 366 * 2  # days; a policy with any service hours at all is reached long before


@dataclass(frozen=True, slots=True)
class Calendar:
    """A community's calendar. `make_up` are weekend days that are worked (调休); `known_years` those the table covers."""

    zone: ZoneInfo
    policy: Policy
    holidays: frozenset[date] = field(default_factory=frozenset)
    make_up: frozenset[date] = field(default_factory=frozenset)
    known_years: frozenset[int] = field(default_factory=frozenset)

    def is_working_day(self, day: date) -> bool:
        """Whether staff of the office work on this local day."""
        if day in self.make_up:
            return True
        return day.weekday() in self.policy.working_days and day not in self.holidays

    def spans(self, day: date) -> tuple[tuple[datetime, datetime], ...]:
        """Service hours of a local day, as aware local instants. A holiday is served like a Sunday."""
        weekday = 0 if day in self.make_up else 6 if day in self.holidays else day.weekday()
        return tuple(
            (datetime.combine(day, begin, self.zone), datetime.combine(day, end, self.zone))
            for begin, end in self.policy.service_hours[weekday]
        )

    def in_service(self, at: datetime) -> bool:
        """Whether the front desk is open at this instant."""
        return any(begin <= at < end for begin, end in self.spans(at.astimezone(self.zone).date()))

    def add_service(self, start: datetime, length: timedelta) -> datetime:
        """The instant at which `length` of service hours has passed since `start`. Raises ValueError when no service
        hours are found within two years."""
        left = length
        for begin, end in self._from(start):
            begin = max(begin.astimezone(UTC), start.astimezone(UTC))
            room = end.astimezone(UTC) - begin
            if room >= left:
                return begin + left
            left -= room
        raise ValueError("the policy has no service hours in the next two years")

    def next_service(self, at: datetime) -> datetime:
        """The first instant from `at` on at which the desk is open."""
        for begin, _ in self._from(at):
            return max(begin.astimezone(UTC), at.astimezone(UTC))
        raise ValueError("the policy has no service hours in the next two years")

    def add_working_days(self, start: datetime, days: int) -> datetime:
        """The close of service on the n-th working day after the local day of `start`."""
        day = start.astimezone(self.zone).date()
        while days:
            day += timedelta(days=1)
            if self.is_working_day(day):
                days -= 1
        spans = self.spans(day)
        close = spans[-1][1] if spans else datetime.combine(day, time(18), self.zone)
        return close.astimezone(UTC)

    def out_of_quiet(self, at: datetime) -> datetime:
        """`at`, or the end of the quiet hours it falls in (no survey at night)."""
        local = at.astimezone(self.zone)
        begin, end = self.policy.quiet_from, self.policy.quiet_until
        if begin <= end:
            quiet = begin <= local.time() < end
            day = local.date()
        else:
            quiet = local.time() >= begin or local.time() < end
            day = local.date() + timedelta(days=1) if local.time() >= begin else local.date()
        return datetime.combine(day, end, self.zone).astimezone(UTC) if quiet else at

    def _from(self, start: datetime) -> Iterator[tuple[datetime, datetime]]:
        day = start.astimezone(self.zone).date()
        for offset in range(_FURTHEST):
            for begin, end in self.spans(day + timedelta(days=offset)):
                if end > start:
                    yield begin, end
