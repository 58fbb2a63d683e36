"""Days that stand side by side, put together.

明天(24日 周二) is one day said three times, 下周…周三 the Wednesday of that week, 周六和周日 a stretch of two days, 周一到周五 a
series, 周三以后 the days behind it. A day and a date that do not fit are a conflict: the desk asks and chooses neither.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Final

from bot.core.resolve.when.days import Day, Many, series, shift, weekday_in
from bot.core.resolve.when.windows import Reason

_F: Final = re.IGNORECASE | re.ASCII
#: Between two names of one day; a comma may stand there too.
_SAME: Final = re.compile(
    r"[\s(),:=?]*[呀啊嘛吧呢哈哦的]?[\s,?]*(?:也就是|就是|不就是|那?就|即|是|that'?s|that is|which is|i\.?e\.?|is|being|on|of|in|the)?\s?(?:the |说的?)?[\s(]*",
    _F,
)
_SPOKEN_OF_AS: Final = re.compile(r"\s*,?\s*(?:也就是|就是|即|that'?s|that is|which is|i\.?e\.?)\s*(?:the )?", _F)
_AND: Final = re.compile(r"\s?(?:和|跟|与|及|以及|还有|、|&|\band\b)\s?", _F)
_TO: Final = re.compile(r"\s?(?:一直)?(?:到|至|-|–|—|~|\bto\b|\buntil\b|\bthrough\b|\bthru\b)\s?", _F)
_ALL_OF_THEM: Final = re.compile(r"\s?(?:我|我们|家里)?(?:两天|这两天)?(?:都|均|全)(?!不|没)|\s?(?:are |is )?(?:both|all) ", _F)
_AFTER: Final = re.compile(r"\s?(?:[之以过]后|后(?![天日面门院]))", _F)
_BEFORE: Final = re.compile(r"\s?(?:[之以]前|前(?![天后台门面]))", _F)
_LED: Final = re.compile(r"\b(?:(?P<after>after|past)|(?P<before>before)|(?P<by>by))\s(?:the\s)?$", _F)
_NOT: Final = re.compile(r"(?:\bnot|n't|不要|不是|别)\s?(?:on\s)?$", _F)
_LONGEST_SPAN: Final = timedelta(days=31)


def together(text: str, days: Sequence[Day], today: date) -> tuple[Day, ...]:
    """The days of a text as they are meant: said twice, in pairs, from–to, and after or before a day."""
    found = _one_by_one(text, list(days))
    found = _bounded(text, found, today)
    return tuple(_lists(text, _ranges(text, found, today)))


def _one_by_one(text: str, days: list[Day]) -> list[Day]:
    kept: list[Day] = []
    for index, day in enumerate(days):
        previous = kept[-1] if kept else None
        gap = text[previous.end : day.start] if previous else ""
        if previous and _SAME.fullmatch(gap) and not _NOT.search(text[: previous.start]):
            in_a_list = index + 1 < len(days) and re.fullmatch(r"[\s,、]*(?:和|and)?\s?", text[day.end : days[index + 1].start])
            one = same_day(previous, day, tight="," not in gap)
            if one and not (one.unclear == "conflict" and in_a_list and "," in gap):
                kept[-1] = one
                continue
        kept.append(day)
    return kept


def spoken_of_as(between: str) -> bool:
    """Whether the words between two days say that both are one: "…, that's …", 也就是."""
    return _SPOKEN_OF_AS.fullmatch(between) is not None


def same_day(first: Day, second: Day, *, tight: bool) -> Day | None:
    """Both as one day, a conflict when they contradict each other, None when they are two.

    `tight`: nothing but a word like 是 stands between them.
    """
    for week, day in ((first, second), (second, first)):
        if week.monday and week.kind == "week" and day.weekday is not None:
            dates = weekday_in(week.monday, day.weekday)
            return replace(day, start=first.start, end=second.end, dates=dates, rolls=False, monday=week.monday)
    for vague, day in ((first, second), (second, first)):
        if tight and vague.kind == "vague" and day.dates:
            return replace(day, start=first.start, end=second.end)
    common = [each for each in first.dates if each in second.dates]
    if common:
        many = first.many if len(common) > 1 else "one"
        return replace(first, end=second.end, dates=tuple(common), many=many, rolls=first.rolls and second.rolls)
    for named, weekday in ((first, second), (second, first)):
        if weekday.weekday is None or weekday.weekday > 6 or named.weekday is not None or len(named.dates) != 1:
            continue
        for each in (named.dates[0], named.instead):
            if each and each.weekday() == weekday.weekday:
                return replace(named, start=first.start, end=second.end, dates=(each,), instead=None)
        return _conflict(first, second)
    relative, dated = (first, second) if first.kind == "relative" else (second, first)
    if tight and relative.kind == "relative" and dated.kind == "date" and relative.dates and dated.dates:
        if dated.instead in relative.dates:
            return replace(relative, start=first.start, end=second.end)
        return _conflict(first, second)
    return None


def _conflict(first: Day, second: Day) -> Day:
    return Day(first.start, second.end, unclear="conflict", denied=first.dates + second.dates)


def _bounded(text: str, days: list[Day], today: date) -> list[Day]:
    """周三以后 begins the day after; 周五之前 is any day until then."""
    found: list[Day] = []
    for day in days:
        led = _LED.search(text[: day.start])
        after, before = _AFTER.match(text, day.end), _BEFORE.match(text, day.end)
        if not day.dates or not (led or after or before):
            found.append(day)
        elif after or (led and led["after"]):
            end = after.end() if after else day.end
            vague: Reason | None = "which_day" if text[end:].lstrip().startswith("再") else None  # 周五以后再说
            found.append(Day(day.start, end, (shift(day.dates[-1], 1),), unclear=vague))
        else:
            end = before.end() if before else day.end
            last = day.dates[0] if led and led["by"] else shift(day.dates[0], -1)
            until = tuple(shift(today, ahead) for ahead in range(min((last - today).days, 30) + 1))
            found.append(Day(day.start, end, until, "first", unclear=None if until else "past"))
    return found


def _ranges(text: str, days: list[Day], today: date) -> list[Day]:
    found: list[Day] = []
    for day in days:
        previous = found[-1] if found else None
        one = None
        if previous and _TO.fullmatch(text[previous.end : day.start]):
            one = _from_to(previous, day, today)
        if one:
            found[-1] = one
        else:
            found.append(day)
    return found


def _from_to(first: Day, last: Day, today: date) -> Day | None:
    """周一到周五 as a series of weekdays, 3号到5号 as one stretch; None when they run backwards or too far."""
    if not (first.dates and last.dates):
        return None
    span = (first.start, last.end)
    if first.weekday is not None and last.weekday is not None and max(first.weekday, last.weekday) < 7:
        ahead = (last.weekday - first.weekday) % 7
        weekdays = [(first.weekday + step) % 7 for step in range(ahead + 1)]
        if first.monday is None and last.monday is None:
            return series(span, weekdays, None, today)
        dates = tuple(shift(first.dates[0], step) for step in range(ahead + 1))
        return Day(*span, dates, "span" if len(dates) == 2 else "series", kind="weekday")
    close = last.dates[-1]
    if close < first.dates[0] and last.rolls:
        close = shift(close, 7)
    if not timedelta(0) < close - first.dates[0] < _LONGEST_SPAN:
        return None
    length = (close - first.dates[0]).days + 1
    return Day(*span, tuple(shift(first.dates[0], step) for step in range(length)), "span")


def _lists(text: str, days: list[Day]) -> list[Day]:
    """周六和周日 in a row are one stretch, 周二和周四 are days to choose from."""
    found: list[Day] = []
    for index, day in enumerate(days):
        previous = found[-1] if found else None
        if previous and _listed(text, previous, day, days[index:]):
            dates = tuple(sorted({*previous.dates, *day.dates}))
            in_a_row = (dates[-1] - dates[0]).days == len(dates) - 1
            many: Many = "span" if in_a_row else "first"
            rolls = previous.rolls and day.rolls
            found[-1] = Day(previous.start, day.end, dates, many, rolls=rolls, kind=day.kind)
        else:
            found.append(day)
    return found


def _listed(text: str, first: Day, second: Day, rest: Sequence[Day]) -> bool:
    gap = text[first.end : second.start]
    if not (first.dates and second.dates) or set(first.dates) & set(second.dates):
        return False
    if gap == "" or _AND.fullmatch(gap):
        return True
    last = rest[0]
    for day in rest[1:]:
        if re.fullmatch(r"[\s,、]*(?:and|和)?\s?", text[last.end : day.start]):
            last = day
    return bool(re.fullmatch(r"\s|\s?,\s?", gap) and _ALL_OF_THEM.match(text, last.end))
