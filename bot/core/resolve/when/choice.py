"""The decision: of all the times a message speaks of, the one window a perfect clerk would write down.

The last one said counts, of alternatives the first, and what is refused, excepted or only told never does. It must never fix a
time that nobody can have meant: what is over, falls into the small hours or contradicts itself comes back as `Unclear`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Final

from bot.core.resolve.when import clauses
from bot.core.resolve.when.days import Day, shift
from bot.core.resolve.when.dialect import plain
from bot.core.resolve.when.hours import POINT, SMALL_HOURS_END, Hours
from bot.core.resolve.when.mentions import Mention, alternative, mentions
from bot.core.resolve.when.parts import ANY, DAY_END, DAY_START
from bot.core.resolve.when.windows import Unclear, Window

NOW_SPAN: Final = timedelta(hours=2)
"""现在就行 stands for the coming two hours."""
LATEST_ANY: Final = 20 * 60
"""From eight in the evening on 随时 means tomorrow; in minutes from midnight."""
_INSTANT: Final = timedelta(minutes=POINT)
_FURTHEST: Final = 21
"""So many days ahead a day that is not excepted is looked for."""
_NOBODY_HOME: Final = re.compile(
    r"没人在家|家里?没人|来不了|不在家|(?<![有得])没空|没时间|抽不出|走不开|\bnot (?:at )?home\b|\b(?:no ?one|nobody)(?:'s| is| will be)? (?:at )?(?:home|in)\b|\bcan'?t make it\b",
    re.IGNORECASE | re.ASCII,
)
_SHORT: Final = 24
"""In a message of at most so many characters a refusal without a time answers the question for one."""

Offer = tuple[Window, ...] | Unclear


# ── Windows on a day ──────────────────────────────────────────────────────────────────────────────────────────────────


def _ceil(now: datetime) -> datetime:
    floor = now.replace(second=0, microsecond=0)
    return floor if floor == now else floor + timedelta(minutes=1)


def _at(day: date, minutes: int, now: datetime) -> datetime:
    """So many minutes after midnight of a day; 1440 is the midnight behind it."""
    on, rest = divmod(minutes, 1440)
    return datetime.combine(day + timedelta(days=on), time(rest // 60, rest % 60), tzinfo=now.tzinfo)


def _between(start: datetime, end: datetime, now: datetime, text: str) -> Window | None:
    """The window without what of it has passed; None when it is over."""
    start = max(start, _ceil(now))
    return Window(start, end, text) if start < end else None


def _on(day: date, begin: int, finish: int, now: datetime, text: str) -> Window | None:
    return _between(_at(day, begin, now), _at(day, finish, now), now, text)


def _hours_on(day: date, hours: Hours | None, now: datetime, text: str, *, named: bool) -> Window | None:
    """The window on one day. `named`: that day was said, so that an evening hour late for the desk may be meant."""
    if hours is None:
        return _on(day, DAY_START, DAY_END, now, text)
    if hours.later and day == now.date() and _gone_by(hours, now):
        evening = _on(day, *hours.later, now, text)
        return evening if named or hours.later[1] <= DAY_END else None
    return _on(day, hours.begin, hours.finish, now, text)


def _gone_by(hours: Hours, now: datetime) -> bool:
    """Whether eight in the morning has gone by, so that 八点 said of today means the evening."""
    if hours.open == "after":
        late = hours.later is not None and hours.later[0] >= DAY_END
        return not late and _at(now.date(), hours.begin, now) + _INSTANT <= now
    return _at(now.date(), hours.finish, now) <= now


def _first_free(day: date, covered: Sequence[tuple[int, int]], now: datetime, text: str) -> Window | None:
    """The first stretch of the desk's day that nothing covers: one long enough for a visit, if there is one."""
    free = [(DAY_START, DAY_END)]
    for begin, finish in covered:
        pieces = [piece for start, end in free for piece in ((start, min(end, begin)), (max(start, finish), end))]
        free = [(start, end) for start, end in pieces if start < end]
    found = [window for start, end in free if (window := _on(day, start, end, now, text))]
    return next((window for window in found if window.end - window.start >= NOW_SPAN), found[0] if found else None)


def _any_but(excluded: Sequence[Mention], now: datetime, text: str) -> Offer:
    """Any time but those: the first stretch from now on that none of them covers."""
    late = now.hour * 60 + now.minute >= LATEST_ANY
    for ahead in range(1 if late else 0, _FURTHEST):
        day = shift(now.date(), ahead)
        covered = [
            (each.hours.begin, each.hours.finish) if each.hours else (0, 1440)
            for each in excluded
            if each.day is None or day in each.day.dates or _every_week(each.day, day)
        ]
        window = _first_free(day, covered, now, text)
        if window:
            return (window,)
    return Unclear("refused", text)


def _every_week(named: Day, day: date) -> bool:
    return named.weekday is not None and day.weekday() in {each.weekday() for each in named.dates}


# ── What one mention offers ───────────────────────────────────────────────────────────────────────────────────────────


def _offer(mention: Mention, now: datetime, text: str) -> Offer:
    """The windows of one mention: one, or one for each day to choose from; or the reason why there is none."""
    if mention.until:
        return _stretch(mention, now, text)
    day, hours = mention.day, mention.hours
    if day and hours and day.kind == "week" and hours.part != ANY and not hours.soon:
        day = _rest_of_week(day, now.date())
    for token in (day, hours):
        if token and token.unclear:
            return Unclear(token.unclear, text)
    if hours and hours.soon:
        if day is None or now.date() in day.dates:
            return _from_now(hours, now, text)
        hours = None  # 明天尽快 says no more than 明天
    if day is None:
        return _undated(hours, now, text)
    whole_days = hours is None or hours.part == ANY
    if day.many == "series" and whole_days:
        return Unclear("which_day", text)
    found = _on_days(day.dates, day, hours, now, text)
    if not found and day.rolls:
        found = _on_days([shift(each, 7) for each in day.dates], day, hours, now, text)
    return found or Unclear("past", text)


def _on_days(dates: Sequence[date], day: Day, hours: Hours | None, now: datetime, text: str) -> tuple[Window, ...]:
    if day.many == "span" and (hours is None or hours.part == ANY):
        one = _between(_at(dates[0], DAY_START, now), _at(dates[-1], DAY_END, now), now, text)
        return (one,) if one else ()
    return tuple(window for each in dates if (window := _hours_on(each, hours, now, text, named=True)))


def _rest_of_week(week: Day, today: date) -> Day:
    """这周晚上都在 is the first evening of what is left of this week; of a later week a day must be said."""
    if week.monday != shift(today, -today.weekday()):
        return week
    left = tuple(shift(today, ahead) for ahead in range(7 - today.weekday()))
    return replace(week, dates=left, many="series", unclear=None)


def _from_now(hours: Hours, now: datetime, text: str) -> Offer:
    start, close = _ceil(now), _at(now.date(), DAY_END, now)
    assert hours.soon
    if hours.soon.kind == "delay":
        start += hours.soon.delay
        night = start.hour * 60 < SMALL_HOURS_END
        return Unclear("small_hours", text) if night else (Window(start, start + _INSTANT, text),)
    if hours.soon.kind == "later" and start < close:
        return (Window(start, close, text),)
    return (Window(start, start + NOW_SPAN, text),)


def _undated(hours: Hours | None, now: datetime, text: str) -> Offer:
    """No day was said: today while the window lasts, else tomorrow."""
    late = hours is not None and hours.part == ANY and now.hour * 60 + now.minute >= LATEST_ANY
    for ahead in (1,) if late else (0, 1):
        window = _hours_on(shift(now.date(), ahead), hours, now, text, named=False)
        if window:
            return (window,)
    return Unclear("past", text)


def _stretch(mention: Mention, now: datetime, text: str) -> Offer:
    """From hours of one day to hours of another. Ends written as 23:30 and 01:10 may lie in the night."""
    assert mention.day and mention.hours and mention.until
    last, close = mention.until
    for token in (mention.day, last, mention.hours, close):
        if token.unclear and not (isinstance(token, Hours) and token.exact):
            return Unclear(token.unclear, text)
    finish = close.begin if close.point or close.unclear else close.finish
    one = _between(_at(mention.day.dates[0], mention.hours.begin, now), _at(last.dates[-1], finish, now), now, text)
    return (one,) if one else Unclear("past", text)


# ── The choice ────────────────────────────────────────────────────────────────────────────────────────────────────────


class _Reading:
    """One message read: its times in order, and which of them are offered."""

    def __init__(self, sent: str, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("now must be aware, in the community's time zone: use datetime.now(ZoneInfo(...))")
        if now.year > 9000:
            raise ValueError("now lies beyond the calendar this desk knows")
        self.now = now
        words = plain(sent)
        self.text = words.text
        self.mentions = mentions(words.text, now.date())
        self.said = [words.said(sent, each.start, each.end) for each in self.mentions]
        self.excluded = [each for each in self.mentions if each.standing in ("excepted", "refused")]

    def offers(self) -> Iterator[tuple[Mention, Offer]]:
        """The times that are offered, in order, each with its windows or the reason why there are none."""
        for mention, said in zip(self.mentions, self.said, strict=True):
            if mention.standing != "offered":
                continue
            if mention.any_time and mention.day is None and self.excluded:
                yield mention, _any_but(self.excluded, self.now, said)
            else:
                yield mention, self._without_exceptions(mention, said) or _offer(mention, self.now, said)

    def choose(self) -> Window | Unclear | None:
        """The one window meant."""
        offers = [(mention, offer) for mention, offer in self.offers() if not self._idle(mention)]
        if not offers:
            return self._nothing_offered()
        good = [(mention, offer) for mention, offer in offers if not isinstance(offer, Unclear)]
        last, offer = offers[-1]
        if isinstance(offer, Unclear) and not (good and self._overruled(good[-1][0], last, offer)):
            return offer
        chosen, windows = good[-1]
        if clauses.PREFERRED.match(self.text, chosen.end):
            return windows[0]
        for mention, earlier in reversed(good[:-1]):
            if not alternative(self.text, mention, chosen):
                break
            chosen, windows = mention, earlier
        return windows[0]

    def _without_exceptions(self, mention: Mention, said: str) -> Offer | None:
        """明天除了中午都行: of that day the first stretch without the hours excepted."""
        day = mention.day
        if day is None or len(day.dates) != 1 or not (mention.hours is None or mention.any_time):
            return None
        covered = [
            (each.hours.begin, each.hours.finish)
            for each in self.mentions
            if each.standing == "excepted" and each.hours and each.day and each.day.dates == day.dates
        ]
        window = _first_free(day.dates[0], covered, self.now, said) if covered else None
        return (window,) if window else None

    def _idle(self, mention: Mention) -> bool:
        """尽快, 随时 and what stands in brackets say nothing more where another time is offered."""
        soon = mention.hours.soon if mention.hours else None
        loose = (mention.any_time and not mention.own_day) or (soon is not None and soon.kind in ("soon", "later"))
        aside = self.text.rfind("(", 0, mention.start) > self.text.rfind(")", 0, mention.start)
        return (loose or aside) and any(
            each is not mention
            and each.standing == "offered"
            and not (each.day and each.day.unclear == "past")
            and (each.own_day or not (each.any_time or each.from_now))
            for each in self.mentions
        )

    def _overruled(self, good: Mention, last: Mention, reading: Unclear) -> bool:
        """A time that is over, or too vague to be a change of mind, does not undo the one offered before it."""
        changed = clauses.CORRECTION.search(self.text, good.end, last.start) is not None
        return reading.reason == "past" or (reading.reason in ("small_hours", "which_day") and not changed)

    def _nothing_offered(self) -> Window | Unclear | None:
        said = self.said[-1] if self.said else ""
        if self.excluded:
            excepted = any(each.standing == "excepted" for each in self.excluded)
            if not excepted and not clauses.OTHERS_FINE.search(self.text):
                return Unclear("refused", said)
            offer = _any_but(self.excluded, self.now, said)
            return offer if isinstance(offer, Unclear) else offer[0]
        if self.mentions or len(self.text) > _SHORT or clauses.TROUBLE.search(self.text):
            return None
        return Unclear("refused") if _NOBODY_HOME.search(self.text) else None


def windows(text: str, now: datetime) -> tuple[Window, ...]:
    """Every window the text offers, in the order said; corrections are not weighed (see `parse_when`).

    Args:
        text: the resident's words.
        now: aware, in the community's zone; raises ValueError when naive.
    """
    found = (window for _, offer in _Reading(text, now).offers() if not isinstance(offer, Unclear) for window in offer)
    return tuple(dict.fromkeys(found))


def parse_when(text: str, now: datetime) -> Window | Unclear | None:
    """The one window meant: the last said, or the first of alternatives (周六或周日). None: no time spoken of.

    Args:
        text: the resident's words.
        now: aware, in the community's zone; raises ValueError when naive.
    """
    return _Reading(text, now).choose()
