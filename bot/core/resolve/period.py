"""The time a fee is for: 七八九三个月, 去年12月到今年2月, 第三季度, 上半年, "July to September", Q3 2025.

For fee questions and statements in later rounds. A period is whole months, quarters, halves or years, as a pair of dates; `today`
decides the year. A month, quarter or half without its year is the latest of that name that has begun. It must never take a
visiting time, a house number or "for the third time" for a period: None means "ask which months".

What names a period is read in `months`. Two of them joined by 到 or "to", or listed side by side, are one, as long as no month
lies between. A bare day (11月3日) is no period; a run of days is one where it begins on a first and ends on a last of the month.
"""

from __future__ import annotations

import re
from calendar import monthrange
from datetime import date
from typing import Final

from bot.core.resolve import phone, ticketno
from bot.core.resolve.hanzi import simple
from bot.core.resolve.months import Span, index, named, spans

Period = tuple[date, date]
"""The first and the last day."""

_EARLIEST, _LATEST = 2000, 2099
_LONGEST: Final = 500
"""Characters looked at; a longer message is no answer to "which months?"."""

_NO_MONTH: Final = re.compile(
    r"\bmay (?:i|we|be|have|you|not|it|need|want|come|also|as)\b|\bmarch (?:in|out|up|off)\b",
    re.IGNORECASE,
)
#: Whole days: 7月1日到9月30日, 2026-07-01 to 2026-09-30.
_DAY: Final = (
    r"(?:(?P<y{0}>20[0-9]{{2}})\s?[年/.-]\s?)?(?P<m{0}>1[0-2]|0?[1-9])\s?[月/.-]\s?(?P<d{0}>3[01]|[12][0-9]"
    r"|0?[1-9])\s?[日号]?"
)
_DAYS: Final = re.compile(
    rf"(?<![0-9-]){_DAY.format(1)}\s?(?:到|至|~|-|—|–|to|until)+\s?{_DAY.format(2)}(?![0-9-])",
    re.IGNORECASE,
)
_RUN: Final = re.compile(
    r"\s*(?:份|的|这)?\s*(?:(?:一直)?[到至~]|-|—|–|\bto\b|\btill?\b|\buntil\b|\bthrough\b|\bthru\b)\s*了?\s*(?:the\s+)?",
    re.IGNORECASE,
)
_LIST: Final = re.compile(
    r"\s*(?:份|的)?\s*(?:[、,和跟及与/&+]|还有|以及|加上?|连|\band\b|, and\b)?\s*(?:the\s+)?",
    re.IGNORECASE,
)
_BETWEEN: Final = re.compile(r"\bbetween\s*(?:the\s*)?$", re.IGNORECASE)
#: Up to this month: "since July", "9月至今", "July until now".
_SINCE: Final = re.compile(r"\bsince\s*(?:the\s*)?$", re.IGNORECASE)
_UNTIL_NOW: Final = re.compile(
    r"\s*(?:份|的)?\s*(?:开始|起)?\s*(?:以来|(?:一直)?[到至](?:现在|目前|如今|今天|今(?!年|[日晨晚春夏秋冬])|这个月|本月)"
    r"|(?:(?:un)?till?|to|through|up to|until) (?:now|today|date|this month|the present|present))",
    re.IGNORECASE,
)
_DENIED: Final = re.compile(
    r"(?:不是|并非|而非|不要|别查|\b(?:not|isn'?t|instead of|rather than))\s?(?:for\s)?$",
    re.IGNORECASE,
)
_CORRECTION: Final = re.compile(
    r"不对|说错|写错|改成|改为|应该是|哦不|sorry|i mean|meant|actually|correction|no,|rather",
    re.IGNORECASE,
)


def _dates(span: Span) -> Period | None:
    (first_year, first), (last_year, last) = divmod(span.first, 12), divmod(span.last, 12)
    if not _EARLIEST <= first_year <= last_year <= _LATEST or span.first > span.last:
        return None
    return date(first_year, first + 1, 1), date(last_year, last + 1, monthrange(last_year, last + 1)[1])


def _days(text: str, now: int) -> Period | None:
    """A run of days that is whole months."""
    match = _DAYS.search(text)
    if match is None:
        return None
    first, last, year = int(match["m1"]), int(match["m2"]), match["y1"] or match["y2"]
    span = named(first, last if last >= first else last + 12, int(year) if year else None, now)
    if match["y1"] and match["y2"]:
        span = Span(span.first, index(int(match["y2"]), last), True)
    whole = _dates(span)
    return whole if whole and (int(match["d1"]), int(match["d2"])) == (1, whole[1].day) else None


def _joined(left: Span, right: Span, run: bool) -> Span | None:
    """Two spans as one: from the first to the last of a run, or side by side without a gap. A year said once holds for both."""
    if not right.year_said:
        if left.year_said:
            right = right.moved((left.first // 12 - right.first // 12) * 12)
        if right.last < left.first:  # 11月到1月
            right = right.moved(12)
    while not left.year_said and left.first > right.last:  # 12月到2026年2月
        left = left.moved(-12)
    if right.last < left.first or (not run and right.first > left.last + 1):
        return None
    return Span(left.first, max(left.last, right.last), left.year_said or right.year_said)


def period(text: str, today: date) -> Period | None:
    """The period that is meant, as its first and last day, or None when there is none, or more than one.

    Args:
        text: "7-9月", "去年下半年", "the month before last".
        today: the local day, which decides the year and what "上个月" is.
    """
    read = simple(text[:_LONGEST])
    hidden = [*ticketno.spans(read), *((p.start, p.end) for p in phone.find(read)), *(m.span() for m in _NO_MONTH.finditer(read))]
    for start, end in hidden:
        read = read[:start] + "\x00" * (end - start) + read[end:]
    now = index(today.year, today.month)
    if days := _days(read, now):
        return days
    found: list[Span] = []
    behind, in_between = -1, False
    for span, start, end in spans(read, now):
        if _DENIED.search(read, 0, start):
            behind = end
            continue
        gap = read[behind:start] if found else ""
        listed = bool(found) and _LIST.fullmatch(gap) is not None
        run = bool(found) and (_RUN.fullmatch(gap) is not None or (in_between and listed))
        if run or listed:
            joined = _joined(found[-1], span, run)
            if joined is None:
                return None
            found[-1] = joined
        else:
            found.append(span)
        if found[-1].first <= now and (_SINCE.search(read, 0, start) or _UNTIL_NOW.match(read, end)):
            found[-1] = Span(found[-1].first, now, True)
        behind, in_between = end, _BETWEEN.search(read, 0, start) is not None
    if not found or (len(set(found)) > 1 and not _CORRECTION.search(read)):
        return None
    return _dates(found[-1])
