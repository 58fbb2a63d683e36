"""What names a time of whole months: 9月, 七八九三个月, 第三季度, 去年下半年, "the month before last", Q3 2025.

For `period`, which joins what is found here and turns it into dates. Months are counted from year 0 on (year × 12 + month − 1), so
that a run over the turn of a year is plain arithmetic. A visiting time, a house number or "for the third time" names no month.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from bot.core.resolve.numerals import number
from bot.core.resolve.wordlist import words


@dataclass(frozen=True, slots=True)
class Span:
    """Months from `first` to `last`.

    `year_said` is False where only a name was given ("9月"), so that a neighbour's year holds for it.
    """

    first: int
    last: int
    year_said: bool

    def moved(self, months: int) -> Span:
        """The same span so many months later."""
        return Span(self.first + months, self.last + months, self.year_said)


Reader = Callable[[re.Match[str], int], Span | None]


def index(year: int, month: int) -> int:
    """The month's place in the count."""
    return year * 12 + month - 1


def named(first: int, last: int, year: int | None, now: int) -> Span:
    """The months `first` to `last` (from 1 on; `last` over 12 lies in the next year) of a year.

    Without a year, the latest of that name that have begun: in November, "December" is last year's.
    """
    start = index(now // 12 if year is None else year, first)
    if year is None and start > now:
        start -= 12
    return Span(start, start + last - first, year is not None)


# ── years ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

_YEARS_FROM_NOW: Final[Mapping[str, int]] = {
    "大前年": -3, "前年": -2, "去年": -1, "上年": -1, "上年度": -1, "上一年": -1, "昨年": -1, "旧年": -1, "今年": 0, "本年": 0,
    "本年度": 0, "这年": 0, "当年": 0, "明年": 1, "下年": 1, "下一年": 1, "来年": 1, "后年": 2,
}  # fmt: skip
_FIGURES: Final = "零〇一二三四五六七八九"
_YEAR: Final = rf"(?P<year>(?:20)?[0-9]{{2}}|[二两][零〇][{_FIGURES}]{{2}}|[一二三][{_FIGURES}])\s?年度?(?!前|后|级|代)的?"
_SAID_YEAR: Final = rf"(?P<said_year>{'|'.join(sorted(_YEARS_FROM_NOW, key=len, reverse=True))})度?的?"
_BARE_YEAR: Final = r"(?P<bare_year>20[0-9]{2})(?=\s?(?:[上下]半年|全年|第?[一二三四1-4]季|q[1-4]))"
_OF_YEAR: Final = rf"(?:(?:{_YEAR}|{_SAID_YEAR}|{_BARE_YEAR})\s?)?"
_EN_YEARS_FROM_NOW: Final[Mapping[str, int]] = {"last": -1, "previous": -1, "this": 0, "next": 1}
_EN_OF_YEAR: Final = (
    r"(?:(?:,? (?:of )?(?:the )?(?:year )?|,? ?')(?P<year>20[0-9]{2}|(?<=')[0-9]{2})(?![0-9:])"
    r"|,? (?:of )?(?P<said>last|this|next|previous) year)?"
)
_EN_YEARS: Final = r"(?:(?P<said_before>last|this|next|previous) year(?:'s|s)? )?"


def _year_of(match: re.Match[str], now: int) -> int | None:
    """The year that is said with the months, in either language."""
    group = match.groupdict()
    for part in ("year", "bare_year", "said_year"):
        said = group.get(part)
        if said and said in _YEARS_FROM_NOW:
            return now // 12 + _YEARS_FROM_NOW[said]
        if said:
            value = number(said) or 0
            return value if value >= 100 else 2000 + value
    relative = group.get("said") or group.get("said_before")
    return now // 12 + _EN_YEARS_FROM_NOW[relative.lower()] if relative else None


# ── readers ────────────────────────────────────────────────────────────────────────────────────────────────────────────

_MONTHS: Final[Mapping[str, int]] = {
    **{short: place for place, short in enumerate(words("jan feb mar apr may jun jul aug sep oct nov dec"), 1)},
    **{
        long: place
        for place, long in enumerate(
            words("january february march april may june july august september october november december"), 1
        )
    },
    "sept": 9,
}  # fmt: skip
_EN_MONTH: Final = rf"(?:{'|'.join(sorted(_MONTHS, key=len, reverse=True))})\b\.?"
_ORDINALS: Final[Mapping[str, int]] = {
    "first": 1, "1st": 1, "second": 2, "2nd": 2, "third": 3, "3rd": 3, "fourth": 4, "4th": 4, "last": 4, "final": 4,
}  # fmt: skip
_COUNTS: Final[Mapping[str, int]] = {
    **{word: value for value, word in enumerate(words("one two three four five six seven eight nine ten eleven twelve"), 1)},
    "couple of": 2, "a couple of": 2, "半年": 6, "一年": 12,
}  # fmt: skip
_MOST_MONTHS: Final = 36
"""Of "the last … months"; who asks for more means a statement of account."""


def _around(unit: int, offset: int) -> Reader:
    """This, the last or the next month (unit 1), quarter (3), half (6) or year (12)."""
    return lambda match, now: Span(now - now % unit + offset * unit, now - now % unit + offset * unit + unit - 1, True)


def _count(word: str) -> int:
    lower = word.lower()
    return _COUNTS.get(lower) or number(lower) or 0


def _past(match: re.Match[str], now: int) -> Span | None:
    """近三个月, "the past two quarters": the whole ones before this one."""
    unit = 3 if match.groupdict().get("quarters") else 1
    count, this = _count(match["n"]) * unit, now - now % unit
    return Span(this - count, this - 1, True) if 1 <= count <= _MOST_MONTHS else None


def _ago(match: re.Match[str], now: int) -> Span | None:
    return Span(now - _count(match["n"]), now - _count(match["n"]), True)


def _month_number(word: str) -> int:
    return 1 if word == "元" else number(word) or 0


def _month(match: re.Match[str], now: int) -> Span | None:
    month = _month_number(match["month"])
    return named(month, month, _year_of(match, now), now)


def _run(match: re.Match[str], now: int) -> Span | None:
    """7-9月, 一到六月, 11到2月: over the turn of the year when the second is the smaller."""
    first, last = _month_number(match["first"]), _month_number(match["last"])
    return named(first, last if last >= first else last + 12, _year_of(match, now), now)


def _list(match: re.Match[str], now: int) -> Span | None:
    """七八九三个月, 7、8、9月, 十一十二月份: only in a row."""
    months = [_month_number(word) for word in re.findall(r"1[0-2]|[1-9]|十[一二]?|[一二三四五六七八九]", match["list"])]
    if len(months) < 2 or any((later - earlier) % 12 != 1 for earlier, later in pairwise(months)):
        return None
    return named(months[0], months[0] + len(months) - 1, _year_of(match, now), now)


def _dated(match: re.Match[str], now: int) -> Span | None:
    """2026-09, 202609, 9/2026."""
    return named(int(match["m"]), int(match["m"]), int(match["y"]), now)


def _quarters(match: re.Match[str], now: int) -> Span | None:
    """三季度, 三四季度, 前三季度, Q3, "the third quarter"."""
    group = match.groupdict()
    if group.get("first_n"):
        return named(1, 3 * (number(match["first_n"]) or 1), _year_of(match, now), now)
    said = match["quarter"].lower()
    first = _ORDINALS.get(said) or number(said) or 0
    last = number(group.get("until") or "") or first
    return named(3 * first - 2, 3 * last, _year_of(match, now), now) if 1 <= first <= last <= 4 else None


def _half(match: re.Match[str], now: int) -> Span | None:
    first = 1 if match["half"].lower() in ("上", "前", "头", "first", "1st", "1") else 7
    return named(first, first + 5, _year_of(match, now), now)


def _whole_year(match: re.Match[str], now: int) -> Span | None:
    year = _year_of(match, now)
    return named(1, 12, now // 12 if year is None else year, now)


def _new_year_till_now(match: re.Match[str], now: int) -> Span | None:
    return Span(now - now % 12, now, True)


def _en_month(match: re.Match[str], now: int) -> Span | None:
    month = _MONTHS[match["month"].lower().rstrip(".")]
    found, which = named(month, month, _year_of(match, now), now), (match["which"] or "").lower()
    if found.year_said:
        return found
    if which == "next":
        return Span(found.first + 12, found.last + 12, True)
    return found.moved(-12) if which in ("last", "previous") and found.first == now else found


# ── forms ──────────────────────────────────────────────────────────────────────────────────────────────────────────────

_N: Final = "(?:1[0-2]|0?[1-9]|十[一二]?|[一二三四五六七八九元])"
_HAN_N: Final = "(?:十[一二]|[一二三四五六七八九十])"
_NO_DAY: Final = r"(?!\s?(?:[0-9]{1,2}|[一二三四五六七八九十]{1,3})\s?[日号])"
_QUARTER: Final = r"季度?(?![节风花酒青春如豆分])"
_EN_N: Final = rf"(?P<n>[0-9]{{1,2}}|{'|'.join(word for word in _COUNTS if word.isascii())})"
_EN_LAST: Final = r"\b(?:the )?(?:last|previous|past|preceding|prior)"
_EN_THIS: Final = r"\b(?:this|the current|current)"
_EN_NEXT: Final = r"\b(?:the )?(?:next|coming)"
#: How a period is named and read; at each place of the text the first that fits, the longer in front.
_FORMS: Final[Sequence[tuple[re.Pattern[str], Reader]]] = tuple(
    (re.compile(pattern, re.IGNORECASE), read)
    for pattern, read in (
        (r"(?<![0-9])(?P<y>20[0-9]{2})[-/.](?P<m>1[0-2]|0?[1-9])(?![0-9/.]|-(?!20)|号|栋)", _dated),
        (r"(?<![0-9])(?P<y>20[0-9]{2})(?P<m>1[0-2]|0[1-9])(?![0-9])", _dated),
        (r"(?<![0-9/])(?P<m>1[0-2]|0?[1-9])/(?P<y>20[0-9]{2})(?![0-9/])", _dated),
        # months
        (rf"{_OF_YEAR}(?P<first>{_N})\s?月?份?\s?(?:到|至|~|-|—|–|一直到)+\s?(?P<last>{_N})\s?月份?{_NO_DAY}", _run),
        (rf"{_OF_YEAR}(?<![0-9])(?P<list>(?:1[0-2]|[1-9])(?:[、,和跟及与/ ]\s?(?:1[0-2]|[1-9]))+)\s?月份?{_NO_DAY}", _list),
        (
            rf"{_OF_YEAR}(?<![一二三四五六七八九十0-9])(?P<list>{_HAN_N}(?:[、,和跟及与]?{_HAN_N})+)(?:[两二三四五六]个月"
            rf"|月份?){_NO_DAY}", _list),
        (rf"{_OF_YEAR}(?<![0-9])(?P<list>[1-9]{{2,6}})(?:[两二三四五六]个月|月份){_NO_DAY}", _list),
        (
            rf"{_OF_YEAR}(?<![0-9零一二三四五六七八九十第])(?P<month>{_N})\s?月(?:份|度)?(?!卡|租|保|饼|经|亮"
            rf"|嫂){_NO_DAY}", _month),
        # quarters and halves
        (
            rf"{_OF_YEAR}第?(?P<quarter>[一二三四1-4])(?:季度?)?\s?(?:到|至|-|~|、"
            rf"|和)?\s?第?(?P<until>[一二三四1-4])\s?个?{_QUARTER}", _quarters),
        (rf"{_OF_YEAR}前(?P<first_n>[两二三23])个?季度?", _quarters),
        (rf"{_OF_YEAR}第?(?P<quarter>[一二三四1-4])\s?个?{_QUARTER}", _quarters),
        (r"(?:大上|上上|前)一?个?季度?", _around(3, -2)),
        (r"上(?:一|个|1)*\s?季度?", _around(3, -1)),
        (r"(?:这|本|当|今)(?:一|个)*季度?", _around(3, 0)),
        (r"下(?:一|个)*季度?", _around(3, 1)),
        (rf"{_OF_YEAR}(?P<half>[上下前后头])半年", _half),
        # from today
        (r"(?:大上|上上)个?月", _around(1, -2)),
        (r"上(?:一|个|1)*月", _around(1, -1)),
        (r"(?:这|本|当|今)(?:一|个)*月", _around(1, 0)),
        (r"下下个?月", _around(1, 2)),
        (r"下(?:一|个|1)*月", _around(1, 1)),
        (r"(?:最近|近|过去|前|之前|上)(?:的|这)?(?P<n>[0-9]{1,2}|[两一二三四五六七八九十]{1,3})个(?:整)?月", _past),
        (r"(?:最近|近|过去|前)(?:的|这)?(?P<n>半年|一年)", _past),
        (r"(?:最近|近|过去|前|上)(?:的|这)?(?P<n>[两二三四])个?(?P<quarters>季度?)", _past),
        (r"(?:今年)?(?:年初|开年)(?:开始)?(?:到|至)(?:现在|今|目前|如今)|今年以来|年初以来", _new_year_till_now),
        # years
        (
            rf"(?:{_YEAR}|{_SAID_YEAR})(?:全年|整年|一整年|一年"
            r"|整个)?(?!\s?(?:[0-9一二三四五六七八九十]+月|初|底|前|后|以前|内|纪|龄))", _whole_year),
        (r"(?:全年|整年|一整年)(?:度|的)?", _whole_year),
        # English
        (r"\byear to date\b|\bso far this year\b|\bthis year so far\b", _new_year_till_now),
        (
            rf"{_EN_YEARS}(?<![a-z])(?:the )?(?:(?P<which>last|this|next|previous"
            rf"|past) )?(?P<month>{_EN_MONTH}){_EN_OF_YEAR}"
            r"(?!,? ?[0-9]{1,2}(?:st|nd|rd|th)?(?![0-9]))",
            _en_month,
        ),
        (rf"{_EN_YEARS}\bq ?(?P<quarter>[1-4])\b{_EN_OF_YEAR}", _quarters),
        (r"(?P<year>20[0-9]{2}) ?q(?P<quarter>[1-4])\b", _quarters),
        (
            rf"{_EN_YEARS}(?:the )?(?P<quarter>first|second|third|fourth|final|1st|2nd|3rd"
            rf"|4th) quarter(?! of an hour)(?: of)?{_EN_OF_YEAR}",
            _quarters,
        ),
        (rf"{_EN_YEARS}\bh(?P<half>[12])\b{_EN_OF_YEAR}", _half),
        (
            rf"{_EN_YEARS}(?:the )?(?P<half>first|second|1st"
            rf"|2nd) half(?: of (?=the year|last|this|next|20))?(?:the year)?{_EN_OF_YEAR}",
            _half,
        ),
        (r"(?:the )?quarter before last", _around(3, -2)),
        (rf"{_EN_LAST} quarter", _around(3, -1)),
        (rf"{_EN_THIS} quarter", _around(3, 0)),
        (rf"{_EN_NEXT} quarter", _around(3, 1)),
        (r"\b(?:the )?month before (?:last|that)", _around(1, -2)),
        (rf"{_EN_LAST} month(?!s)", _around(1, -1)),
        (rf"{_EN_THIS} month", _around(1, 0)),
        (rf"{_EN_NEXT} month(?!s)", _around(1, 1)),
        (rf"{_EN_LAST} {_EN_N} (?:months\b|(?P<quarters>quarters\b))", _past),
        (rf"\b{_EN_N} months? ago\b", _ago),
        (r"\b(?:the )?year before last\b", _around(12, -2)),
        (rf"{_EN_LAST} year\b", _around(12, -1)),
        (rf"{_EN_THIS} year\b", _around(12, 0)),
        (rf"{_EN_NEXT} year\b", _around(12, 1)),
        (r"(?<![0-9-/.])(?:year )?(?P<year>20[0-9]{2})(?![0-9/.-]|:|\s?(?:元|块|yuan|rmb|kwh|度))", _whole_year),
    )
)


def spans(text: str, now: int) -> Iterator[tuple[Span, int, int]]:
    """Every stretch of the text that names a period, with where it stands, from left to right.

    Args:
        text: in simplified characters.
        now: this month, as `index` counts.
    """
    at = 0
    while at < len(text):
        for pattern, read in _FORMS:
            match = pattern.match(text, at)
            span = read(match, now) if match and match.end() > at else None
            if match and span:
                yield span, match.start(), match.end()
                at = match.end()
                break
        else:
            at += 1
