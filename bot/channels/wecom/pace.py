"""How many messages were sent lately, and how long to wait for the next: the arithmetic of a ledger page.

The platform drops what is too much without a word (developer.work.weixin.qq.com/document/path/90236: 30 a minute and 1,000 an
hour per member, 超过部分会被丢弃不下发), so a message is entered here before it is sent. The page lives in the notebook and not
in a process's memory: every process of the desk sends, whichever claims the outbox row, and the platform counts them together.

The minute is kept exactly, message by message; the hour in buckets of a minute, each counted until all of it is an hour old. So a
page holds some ninety numbers at most.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

#: A call may be on its way this long. Two messages entered a minute apart may reach the platform closer together than that.
SLACK = timedelta(seconds=8)
_BUCKET = 60


class TooSoon(Exception):
    """The next message has to wait. `after` is how long."""

    def __init__(self, after: timedelta) -> None:
        super().__init__("too many messages")
        self.after = after


@dataclass(frozen=True, slots=True)
class Pace:
    """At most this many messages within any minute, and within any hour (0: no limit)."""

    a_minute: int
    an_hour: int = 0

    def enter(self, page: Mapping[str, Any] | None, now: datetime) -> Mapping[str, Any]:
        """The page with one more message on it. Raises TooSoon; then nothing is entered."""
        at = now.timestamp()
        minute = 60.0 + SLACK.total_seconds()
        hour = 3600.0 + SLACK.total_seconds()
        recent: list[float] = [t for t in _numbers(page, "recent") if at - t < minute]
        buckets = {int(number): int(count) for number, count in (page or {}).get("hour", {}).items()}
        buckets = {number: count for number, count in buckets.items() if at - (number + 1) * _BUCKET < hour}
        waits = []
        if len(recent) >= self.a_minute:
            waits.append(recent[-self.a_minute] + minute - at)
        if self.an_hour and sum(buckets.values()) >= self.an_hour:
            waits.append((min(buckets) + 1) * _BUCKET + hour - at)
        if waits:
            raise TooSoon(_span(max(waits)))
        bucket = int(at) // _BUCKET
        buckets[bucket] = buckets.get(bucket, 0) + 1
        return {
            "recent": [*recent, at],
            "hour": {str(number): count for number, count in sorted(buckets.items())} if self.an_hour else {},
        }

    @property
    def keep(self) -> timedelta:
        """When the page has nothing to say any more."""
        return timedelta(minutes=65) if self.an_hour else timedelta(minutes=5)


def _numbers(page: Mapping[str, Any] | None, name: str) -> Sequence[float]:
    found: Sequence[float] = (page or {}).get(name, ())
    return found


def _span(seconds: float) -> timedelta:
    # A second more than needed: an exact return would find the oldest message just still counted.
    return timedelta(seconds=max(0.0, seconds) + 1.0)
