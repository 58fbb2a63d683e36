"""Which hours are meant: the clocks and the parts of the day of a text, settled and put together.

The half of the day is settled by a part of the day beside the clock (下午…三点), or by the convention of the desk: 1–7 is the
afternoon, 8–11 the morning. It must never give an hour of the night: those are `small_hours`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from bot.core.resolve.when import bounds, clauses, clock
from bot.core.resolve.when.bounds import Open
from bot.core.resolve.when.clock import Clock, Span
from bot.core.resolve.when.days import Day
from bot.core.resolve.when.parts import ANY, DAY_END, DAY_START, NIGHT, NOON, PARTS, Part, Soon, parts, soon
from bot.core.resolve.when.windows import Reason

POINT: Final = 60
"""A single instant stands for one hour from it; in minutes, like all lengths here."""
HALF_DAY: Final = 12 * 60
SMALL_HOURS_END: Final = 6 * 60
"""Before six in the morning nobody is visited."""


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of a day, in minutes from midnight, and where they were said.

    `part`: a bare part of the day. `soon`: counted from now instead. `later`: the same twelve hours on, where the clock does
    not say which half of the day. `open`: only one end was said. `exact`: written as 08:30, so that small hours are meant.
    """

    start: int
    end: int
    begin: int = 0
    finish: int = 0
    part: str = ""
    soon: Soon | None = None
    later: tuple[int, int] | None = None
    open: Open = ""
    exact: bool = False
    unclear: Reason | None = None

    @property
    def point(self) -> bool:
        """A single instant."""
        return not (self.open or self.part or self.soon or self.unclear) and self.finish - self.begin <= POINT


_F: Final = re.IGNORECASE | re.ASCII
_EARLY: Final = ("早上", "上午")
_LATE: Final = ("下午", "傍晚", "晚上", "下班后")
#: The hours a part of the day beside a clock can speak of; any other hour is another time.
_FITS: Final[Mapping[str, Sequence[int]]] = {
    "早上": range(5, 12), "上午": range(6, 13), "中午": (10, 11, 12, 1, 2), "下午": (12, 1, 2, 3, 4, 5, 6),
    "傍晚": (4, 5, 6, 7), "晚上": range(1, 13), "下班后": range(5, 11), NIGHT: range(7),
}  # fmt: skip
_REACH: Final[Mapping[str, int]] = {"早上": 6, "上午": 6}
"""How many characters on a part of the day still tells the half of a later clock; 14 where nothing is said."""
_BEFORE_CLOCK: Final = re.compile(
    r"[\s,、的(:]*(?:at|around|about|after|before|between|from|by|say|maybe|like|preferably|大概|大约|约|差不多|吧|的话|就|呢|嘛|过了|从|最好|比如)*"
    r"[\s,]*(?:in the|about|around)?\s*",
    _F,
)
_BEHIND_CLOCK: Final = re.compile(r"[\s,的吧啊(]*(?:\bin the\b|\bthis\b|\bat\b|\bon\b|\bthat\b|就)?[\s(]*", _F)
_CLOSE_BY: Final = 6
_NEXT_PART: Final = 120
"""Parts of the day at most this far apart are one stretch: 上午下午都行."""


def find(text: str, days: Sequence[Day], blocked: Sequence[Span] = ()) -> tuple[Hours, ...]:
    """All hours the text speaks of, in order.

    Args:
        text: in plain words (`dialect.plain`).
        days: the days found in it; a clock never takes a figure of a date.
        blocked: spans that are no time.
    """
    counted: list[Soon] = []
    for each in soon(text):
        if clock.free(each.start, each.end, [*blocked, *((one.start, one.end) for one in counted)]):
            counted.append(each)
    taken = [*blocked, *((day.start, day.end) for day in days)]
    taken += [(each.start, each.end) for each in counted if each.kind == "delay"]
    clocks = list(clock.said(text, taken))
    occupied = [*((each.start, each.end) for each in clocks), *((each.start, each.end) for each in counted)]
    named = [part for part in parts(text) if clock.free(part.start, part.end, occupied)]
    clocks += clock.meant(text, clocks, named, days, [*taken, *((part.start, part.end) for part in named)])
    clocks.sort(key=lambda each: each.start)
    found = _Settling(text, days, named, clocks).hours()
    spans = [(hours.start, hours.end) for hours in found]
    found += [Hours(each.start, each.end, soon=each) for each in counted if clock.free(each.start, each.end, spans)]
    return tuple(_tidied(text, days, sorted(found, key=lambda hours: (hours.start, hours.end))))


def settle(said: Clock, part: str) -> tuple[int, bool] | Reason:
    """Minutes from midnight, and whether nothing said which half of the day. `part`: the part of the day beside the clock."""
    hour = said.hour
    part = "" if said.half else said.part or part
    midnight = hour == 24 or (hour == 12 and (part == "晚上" or said.half == "am"))
    if part == NIGHT or midnight or (part == "晚上" and 1 <= hour <= 4):  # 晚上一点多才到家
        return "small_hours"
    if part == NOON:
        hour += 12 if hour <= 3 else 0
    elif part in _LATE or said.half == "pm":
        hour += 12 if hour < 12 else 0
    elif not (said.exact or part in _EARLY or said.half == "am"):
        hour += 12 if 1 <= hour <= 7 else 0  # nobody is visited between one and seven in the morning
    at = hour * 60 + said.minute
    if at < SMALL_HOURS_END:
        return "small_hours"
    return at, not (said.exact or part or said.half) and 8 <= said.hour <= 11


@dataclass(frozen=True, slots=True)
class _Settling:
    """The parts and the clocks of one text."""

    text: str
    days: Sequence[Day]
    named: Sequence[Part]
    clocks: Sequence[Clock]

    def hours(self) -> list[Hours]:
        """The clocks with the parts of the day that belong to them, then the parts that stand for themselves."""
        used: set[Part] = set()
        found: list[Hours] = []
        index = 0
        while index < len(self.clocks):
            hours, clocks = self._at(index, used)
            found.append(hours)
            index += clocks
        return found + list(self._parts([part for part in self.named if part not in used]))

    def _at(self, index: int, used: set[Part]) -> tuple[Hours, int]:
        """The hours that begin with a clock, and how many clocks they take."""
        first = self.clocks[index]
        part = self._part_of(index)
        used |= {part} if part in self.named and part else set()
        name = part.name if part else ""
        if index + 1 == len(self.clocks):
            return self._with_a_part(first, name, used) or self._point(first, name), 1
        second = self.clocks[index + 1]
        if bounds.until(self.text, first.end, second.start) or bounds.between(self.text, first.start, first.end, second.start):
            close = self._part_of(index + 1)
            close = None if close in used else close
            used |= {close} if close in self.named and close else set()
            return from_to(first, second, name, close.name if close else ""), 2
        if bounds.either(self.text, first.end, second.start):  # 7 or 8pm, 三、四点
            if second.half and not first.half and not name:
                first = replace(first, half=second.half)
            estimate = "、" in self.text[first.end : second.start] and not first.part and (second.hour - first.hour) % 12 == 1
            if estimate:
                return replace(self._point(first, name or second.part), end=second.end), 2
        return self._with_a_part(first, name, used) or self._point(first, name), 1

    def _part_of(self, index: int) -> Part | None:
        """The part of the day that belongs to a clock: its own, the one beside it, or the one spoken of just before."""
        said = self.clocks[index]
        if said.part:
            return Part(said.start, said.start, said.part)
        if said.half or (said.exact and said.hour != 12):
            return None
        ahead = [part for part in self.named if part.end <= said.start and part.name != ANY]
        beside = ahead[-1] if ahead else None
        if beside and said.hour in _FITS[beside.name] and _BEFORE_CLOCK.fullmatch(self._without_days(beside.end, said.start)):
            apart = clauses.BOUNDARY.search(self.text, beside.end, said.start)
            return replace(beside, start=said.start, end=said.start) if apart else beside  # 上午,十点 are two times
        behind = next((part for part in self.named if part.start >= said.end), None)
        if behind and behind.name != ANY and self._belongs(said, behind, index):
            return behind
        return self._spoken_of(ahead, index)

    def _belongs(self, said: Clock, part: Part, index: int) -> bool:
        """At 3 in the afternoon; 9 tomorrow morning; but not "9点, 下午3点"."""
        if not _BEHIND_CLOCK.fullmatch(self._without_days(said.end, part.start)):
            return False
        following = self.clocks[index + 1] if index + 1 < len(self.clocks) else None
        goes_ahead = following and _BEFORE_CLOCK.fullmatch(self._without_days(part.end, following.start))
        if goes_ahead and "," in self.text[said.end : part.start]:
            return False
        # "2 in the morning" is said of a clock whatever its hour, and is then an hour of the night.
        return said.hour in _FITS[part.name] or self.text[part.start].isascii()

    def _spoken_of(self, ahead: Sequence[Part], index: int) -> Part | None:
        """晚上有空,八点: a part spoken of a few words before, where nothing refuses it and no other day begins."""
        said = self.clocks[index]
        spoken = [*ahead, *(Part(other.start, other.end, other.part) for other in self.clocks[:index] if other.part)]
        last = max(spoken, key=lambda part: part.end, default=None)
        if last is None or said.hour not in _FITS[last.name] or (last.name == "晚上" and said.hour <= 4):
            return None
        between = self.text[last.end : said.start]
        far = len(between) > _REACH.get(last.name, 14)
        if far or clauses.SENTENCE_END.search(between) or clauses.REFUSAL_BEHIND.search(between):
            return None
        if any(last.end <= day.start and day.end <= said.start for day in self.days):
            return None
        return Part(said.start, said.start, last.name)

    def _without_days(self, start: int, end: int) -> str:
        """The words between two places without the days among them: 9 tomorrow morning."""
        words = list(self.text[start:end])
        for day in self.days:
            for at in range(max(day.start, start), min(day.end, end)):
                words[at - start] = " "
        return re.sub(r"\s+", " ", "".join(words))

    def _point(self, said: Clock, part: str) -> Hours:
        """三点, 七点后, 六点前: an instant, or the hours on one side of it, as far as the part of the day reaches."""
        bound = bounds.around(self.text, said.start, said.end)
        span = (bound.start, bound.end)
        settled = settle(said, part)
        if isinstance(settled, str):
            at = said.hour * 60 + said.minute
            return Hours(*span, at, at, exact=said.exact, unclear=settled)
        at, unsaid = settled
        evening = at + HALF_DAY
        begin, close = (60 * hour for hour in PARTS.get(said.part or part, PARTS[ANY]))
        if bound.open == "after":
            later = (evening, DAY_END if evening < DAY_END else evening + POINT) if unsaid else None
            close = close if close > at else DAY_END if at < DAY_END else at + POINT
            return Hours(*span, at, close, later=later, open="after")
        if bound.open == "before":
            later = (DAY_START, evening) if unsaid else None
            begin = begin if begin < at else DAY_START if at > DAY_START else at - POINT
            return Hours(*span, begin, at, later=later, open="before")
        later = (evening, evening + POINT) if unsaid else None
        return Hours(*span, at, at + POINT, later=later, exact=said.exact)

    def _with_a_part(self, said: Clock, part: str, used: set[Part]) -> Hours | None:
        """九点到中午, 中午到三点, 9 to noon: a part of the day at one end of a range."""
        for other in self.named:
            if other in used or other.name in (ANY, NIGHT):
                continue
            begin, finish = (60 * hour for hour in PARTS[other.name])
            if said.end <= other.start and bounds.until(self.text, said.end, other.start):
                settled = settle(said, part)
                close = HALF_DAY if other.name == NOON else finish
                if not isinstance(settled, str) and settled[0] < close:
                    used.add(other)
                    return Hours(said.start, other.end, settled[0], close)
            if other.end <= said.start and (
                bounds.until(self.text, other.end, said.start)
                or bounds.between(self.text, other.start, other.end, said.start)
            ):
                settled = settle(said, part if part != other.name else "")
                if not isinstance(settled, str) and begin < settled[0]:
                    used.add(other)
                    return Hours(other.start, said.end, begin, settled[0])
        return None

    def _parts(self, named: Sequence[Part]) -> Iterator[Hours]:
        """The parts that stand for themselves; 上午到下午 and 上午下午都行 are one stretch."""
        skip = False
        for part, following in itertools.zip_longest(named, named[1:]):
            if skip:
                skip = False
                continue
            stretch = self._stretch(part, following) if following else None
            skip = stretch is not None
            yield stretch or self._part(part)

    def _stretch(self, part: Part, following: Part) -> Hours | None:
        if {part.name, following.name} & {ANY, NIGHT}:
            return None
        begin, finish = (60 * hour for hour in PARTS[part.name])
        next_begin, next_finish = (60 * hour for hour in PARTS[following.name])
        if bounds.until(self.text, part.end, following.start):
            close = HALF_DAY if following.name == NOON else next_finish
        elif bounds.both(self.text, part.end, following.start) and clauses.BOTH.match(self.text, following.end):
            close = next_finish if next_begin - finish <= _NEXT_PART else 0
        else:
            return None
        return Hours(part.start, following.end, begin, close) if begin < close else None

    def _part(self, part: Part) -> Hours:
        """中午以前 ends at noon, 中午以后 begins then; 傍晚前 ends where that part begins."""
        if part.name == NIGHT:
            return Hours(part.start, part.end, unclear="small_hours")
        begin, finish = (60 * hour for hour in PARTS[part.name])
        bound = bounds.around(self.text, part.start, part.end)
        if part.name in (ANY, "下班后") or not bound.open:
            return Hours(part.start, part.end, begin, finish, part=part.name)
        if bound.open == "before":
            to_its_end = re.search("until|到", bound.lead, _F) is not None and part.name != NOON
            return Hours(bound.start, bound.end, DAY_START, finish if to_its_end else begin, open="before")
        if bound.lead and part.name != NOON:  # from the evening; after in the afternoon
            return Hours(part.start, part.end, begin, finish, part=part.name)
        return Hours(bound.start, bound.end, begin, DAY_END, open="after")


def from_to(first: Clock, second: Clock, part: str, close_part: str) -> Hours:
    """From one clock to another. A half of the day said for one holds for both where it can: 3-5pm, 11-1pm.

    Args:
        first, second: the clocks as said.
        part, close_part: the parts of the day beside them, "" when there are none.
    """
    span = (first.start, second.end)
    if (first.exact and second.exact) or (first.digits and second.digits and (first.exact or second.exact)):
        begin, finish = first.hour * 60 + first.minute, second.hour * 60 + second.minute
        return Hours(*span, begin, finish, exact=True, unclear=None if begin < finish else "conflict")
    start, close = settle(first, part), settle(second, close_part)
    if not (first.half or first.part or part or first.exact):
        start = _like(first, second, close_part, close) or start
    if isinstance(start, str):
        return Hours(*span, unclear=start)
    close_said = second.half or second.part or second.exact or (close_part and close_part != part)
    if close_said:
        if isinstance(close, str):
            return Hours(*span, unclear=close)
        finish = close[0]
    else:  # the next time the clock shows it
        shown = second.hour % 12 * 60 + second.minute
        finish = min((at for at in (shown, shown + HALF_DAY, shown + 2 * HALF_DAY) if at > start[0]), default=0)
    if finish <= start[0]:
        return Hours(*span, unclear="conflict")
    evening = (start[0] + HALF_DAY, finish + HALF_DAY)
    unsaid = start[1] and not close_said and evening[1] <= DAY_END + POINT
    return Hours(*span, start[0], finish, later=evening if unsaid else None)


def _like(
    first: Clock, second: Clock, close_part: str, close: tuple[int, bool] | Reason
) -> tuple[int, bool] | Reason | None:
    """The first clock in the half of the day that was said for the second; None when that says nothing of it."""
    if second.half and not isinstance(close, str):
        same = settle(replace(first, half=second.half), "")
        if not isinstance(same, str) and same[0] < close[0]:
            return same
        return settle(replace(first, half="am" if second.half == "pm" else "pm"), "")
    if close_part and not second.part and first.hour in _FITS[close_part]:
        return settle(first, close_part)
    return None


def _tidied(text: str, days: Sequence[Day], found: Sequence[Hours]) -> Iterator[Hours]:
    """上午十点以后下午两点以前 is one stretch; a 随时 in the clause of other hours adds nothing."""
    kept: list[Hours] = []
    for hours in found:
        last = kept[-1] if kept else None
        between = text[last.end : hours.start] if last else ""
        if last and last.open == "after" and hours.open == "before" and last.begin < hours.finish and len(between) <= _CLOSE_BY:
            refused = clauses.REFUSAL_BEHIND.search(text[hours.end : hours.end + 8])
            if not refused and not clauses.SENTENCE_END.search(between):
                kept[-1] = replace(last, end=hours.end, finish=hours.finish, open="", later=None)
                continue
        if last and (last.part == ANY) != (hours.part == ANY) and not (last.soon or hours.soon):
            day_between = any(last.end <= day.start < hours.start for day in days)
            if not day_between and not clauses.BOUNDARY.search(between):
                kept[-1] = last if hours.part == ANY else hours
                continue
        kept.append(hours)
    return iter(kept)
