"""The last day of something: 2027年6月30日, 明年6月底, 6月30号, 一年, "30 June 2027", "two years".

For the end of a lease. A day without its year is the next of that name; a length counts from today. None means "ask again": a
day in the past ends nothing.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from typing import Final

from bot.core.resolve.hanzi import simple
from bot.core.resolve.numerals import fold, number

_LATEST_YEARS: Final = 30
_N: Final = r"[0-9]{1,2}|[一二两三四五六七八九十]{1,3}"
_YEAR: Final = r"(?:(?P<year>20[0-9]{2})\s?[年/.-]\s?|(?P<rel>今年|明年|后年|大后年)\s?)?"
_DAY: Final = re.compile(
    rf"{_YEAR}(?P<month>{_N})\s?[月/.-]\s?份?(?:(?P<day>3[01]|[12][0-9]|0?[1-9]|[一二三四五六七八九十]{{1,3}})\s?[日号]?|(?P<end>底|末))?"
)
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_ENGLISH: Final = re.compile(
    rf"(?:(?P<d1>[0-9]{{1,2}})(?:st|nd|rd|th)?\s+(?:of\s+)?)?(?P<name>{'|'.join(_MONTHS)})[a-z]*\.?"
    r"(?:\s+(?P<d2>[0-9]{1,2})(?:st|nd|rd|th)?(?![0-9]))?(?:,?\s+(?P<year>20[0-9]{2}))?",
    re.IGNORECASE,
)
_COUNT: Final = {"a": 1, "an": 1, "one": 1, "two": 2, "three": 3, "six": 6, "half": 0}
_LENGTH: Final = re.compile(
    rf"(?P<half>半年|half a year)|(?P<n>{_N}|a|an|one|two|three|six)\s?(?P<unit>年|个月|years?|months?)(?![0-9一二三四五六七八九十月])",
    re.IGNORECASE,
)
_RELATIVE: Final = {"今年": 0, "明年": 1, "后年": 2, "大后年": 3}


def last_day(text: str, today: date) -> date | None:
    """The last day that is meant.

    Args:
        text: what was answered to "until when?".
        today: the local date.
    """
    said = simple(fold(text[:80])).lower()
    found = _named(said, today) or _in_english(said, today) or _length(said, today)
    if found is None or found < today or found.year > today.year + _LATEST_YEARS:
        return None
    return found


def _named(said: str, today: date) -> date | None:
    match = _DAY.search(said)
    if match is None:
        return None
    month, day = number(match["month"]), number(match["day"]) if match["day"] else None
    year = int(match["year"]) if match["year"] else today.year + _RELATIVE[match["rel"]] if match["rel"] else None
    return _next(year, month, day, today)


def _in_english(said: str, today: date) -> date | None:
    match = _ENGLISH.search(said)
    if match is None:
        return None
    day = match["d1"] or match["d2"]
    if day is None and match["year"] is None:
        return None
    month = _MONTHS.index(match["name"].lower()) + 1
    return _next(int(match["year"]) if match["year"] else None, month, int(day) if day else None, today)


def _next(year: int | None, month: int | None, day: int | None, today: date) -> date | None:
    """That day; the month's last when none is said; of the next year when this year's is over."""
    if month is None or not 1 <= month <= 12:
        return None
    for candidate in (year,) if year is not None else (today.year, today.year + 1):
        last = monthrange(candidate, month)[1]
        if day is not None and not 1 <= day <= last:
            return None
        end = date(candidate, month, day or last)
        if end >= today:
            return end
    return None


def _length(said: str, today: date) -> date | None:
    match = _LENGTH.search(said)
    if match is None:
        return None
    count = 6 if match["half"] else _COUNT.get(match["n"]) or number(match["n"]) or 0
    months = count if match["half"] or match["unit"][0] in "个m" else count * 12
    if months <= 0:
        return None
    year, month = divmod(today.month - 1 + months, 12)
    year, month = today.year + year, month + 1
    return date(year, month, min(today.day, monthrange(year, month)[1]))
