"""When somebody is at home: a resident's words for a visiting time, turned into a window, and back into words.

It must never fix a time that nobody can have meant: what is over, what falls into the small hours, and a day
that contradicts itself come back as `Unclear`, so that the desk asks. `now` decides the day and the time zone.
Tried before writing this (18 phrases of residents, zh and en): dateparser 1.5.0 read 6, no range and no part of a
day among them; jionlp 1.5.31 read 11 of the 12 Chinese ones but took 后天两点 for 02:00, missed the correction in
"后天吧,算了还是大后天" and knows no English; recognizers-text 1.0.2a2 does not import beside a current `emoji`.
"""

from __future__ import annotations

import itertools
import re
from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from typing import Final, Literal

from bot.core.resolve import phone, ticketno
from bot.core.resolve.numerals import EN_NUMBERS, EN_NUMERAL, fold, number
from bot.core.types import Language

Reason = Literal["past", "small_hours", "which_day", "conflict", "refused"]

PARTS: Final[Mapping[str, tuple[int, int]]] = {
    "早上": (8, 10),
    "上午": (9, 12),
    "中午": (12, 14),
    "下午": (14, 18),
    "傍晚": (17, 19),
    "晚上": (19, 21),
    "下班后": (18, 21),
    "全天": (8, 21),
}
"""Named parts of a day, as hours from–to on the desk's clock."""

DAY_START, DAY_END = PARTS["全天"]
POINT: Final = timedelta(hours=1)
"""A single instant ("三点") stands for one hour from it."""
NOW_SPAN: Final = timedelta(hours=2)
"""现在就行 stands for the coming two hours."""
RECENT: Final = timedelta(days=60)
"""A date without its year that lies at most this far back is past; one further back means next year."""


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to `end`, both aware; `text` is what was said."""

    start: datetime
    end: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """A time was spoken of, but none can be fixed. `reason`: past, small_hours, which_day, conflict, refused."""

    reason: Reason
    text: str = ""


@dataclass(frozen=True, slots=True)
class _Day:
    """`dates` holds one date for most words, two for 周末, none when `unclear` says why."""

    dates: tuple[date, ...]
    start: int
    end: int
    rolls: Literal["day", "week", "month", ""] = ""
    weekday: int | None = None
    unclear: Reason | None = None


@dataclass(frozen=True, slots=True)
class _Span:
    """Minutes from midnight. `evening_too` marks a clock without am or pm that may also mean twelve hours on."""

    begin: int | None
    finish: int | None
    start: int
    end: int
    now: bool = False
    part: str | None = None
    twelve_on: bool = False
    unclear: Reason | None = None


@dataclass(slots=True)
class _Segment:
    day: _Day | None
    span: _Span | None
    start: int
    end: int


_F: Final = re.IGNORECASE | re.ASCII
_ZH_N: Final = "[零〇一二两三四五六七八九十]{1,3}"
_WEEKDAYS_ZH: Final[Mapping[str, int]] = {
    name: index for names in ("一二三四五六日末", "1234567") for index, name in enumerate(names)
} | {"天": 6}
_WEEKDAYS_EN: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EN_DAY: Final = r"mon(?:day)?|tue(?:s(?:day)?)?|wed(?:s|nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?"
_EN_MONTH: Final = r"jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?"

_DAY: Final = re.compile(
    rf"(?P<past>大?前天|昨[天晚日夜]?|上个?(?:周|星期|礼拜|月)[一二三四五六日天]?|刚才|刚刚|\byesterday\b|\blast (?:night|week|month|{_EN_DAY})\b|\bago\b)"
    r"|(?P<offset3>大后[天日])|(?P<offset2>后[天日](?!井)|\bthe day after tomorrow\b|\bday after tomorrow\b|\bin two days\b)"
    r"|(?P<offset1>明[天日儿]|明(?=[早晚上下中])|翌日|\btom+or+ow\b|\btmrw?\b|\btmr\b|\b2mor+ow\b|\b2moro\b)"
    r"|(?P<offset0>今[天日儿]|今(?=[早晚上下中])|当天|\btoday\b|\btonight\b|\bthis (?=morning|afternoon|evening))"
    r"|(?P<iso>(?P<iy>20[0-9]{2})[-/.年]\s?(?P<im>[0-9]{1,2})[-/.月]\s?(?P<id>[0-9]{1,2})[日号]?(?![0-9-]))"
    rf"|(?P<md>(?P<next_month>下个?月)?(?:(?P<m>[0-9]{{1,2}}|{_ZH_N})月(?:份)?)?(?P<this_month>这个?月|本月)?(?P<d>[0-9]{{1,2}}|{_ZH_N})[号日](?![楼院门线栋幢]|\s?[0-9]{{1,2}}\s?单元))"
    r"|(?P<month_end>(?:这个?月|本)?月底|\b(?:at )?(?:the )?end of (?:the|this) month\b|\bmonth end\b)"
    r"|(?P<zw>(?P<zw_next>下下个?|下个?)?(?P<zw_this>这个?|本)?(?:周|星期|礼拜)(?P<zw_day>[一二三四五六日天末1-7])(?![0-9]))"
    r"|(?P<week>(?:下个?|这个?|本)(?:周|星期|礼拜)|过几天|改天|过两天|\b(?:next|this) week\b|\bsome other (?:day|time)\b|\bsometime\b)"
    r"|(?P<weekend>\b(?P<we_next>next )?(?:this |the |at the |on the )?weekend\b)"
    rf"|(?P<ew>\b(?P<ew_next>next )?(?P<ew_this>this )?(?P<ew_day>{_EN_DAY})\b\.?)"
    rf"|(?P<edm>\b(?:the )?(?P<ed1>[0-9]{{1,2}})(?:st|nd|rd|th)?(?: of)?\s(?P<em1>{_EN_MONTH})\b\.?(?:,?\s(?P<ey1>20[0-9]{{2}}))?)"
    rf"|(?P<emd>\b(?P<em2>{_EN_MONTH})\.?\s(?:the )?(?P<ed2>[0-9]{{1,2}})(?:st|nd|rd|th)?\b(?:,?\s(?P<ey2>20[0-9]{{2}}))?(?![:]))"
    r"|(?P<nth>\b(?:the )?(?P<ed3>[0-9]{1,2})(?:st|nd|rd|th)\b(?! (?:floor|time|fl\b)))",
    _F,
)

_PART_WORDS: Final[Sequence[tuple[str, str]]] = (
    ("下班后", r"下了?班(?:以|之)?后?|\bafter work\b"),
    ("早上", r"早上|早晨|清早|一早|一大早|(?<=[今明])早|\bearly (?:in the )?morning\b|\bfirst thing\b"),
    ("上午", r"上午|\bmornings?\b"),
    ("中午", r"中午|正午|午间|\bnoon\b|\bmidday\b|\blunch ?time\b"),
    ("傍晚", r"傍晚|黄昏|\blate afternoon\b"),
    ("下午", r"下午|午后|\bafternoons?\b"),
    ("晚上", r"晚上|夜里|夜间|(?<=[今明])晚|晚间|\bevenings?\b|\btonight\b|\bnight\b"),
    ("全天", r"全天|一天都|整天|白天|随时|任何时[间候]|什么时[间候]都|都在家|都有人|一直在家|\bany ?time\b|\ball day\b|\bwhenever\b"),
)  # fmt: skip
_PART: Final = "|".join(f"(?P<p{index}>{words})" for index, (_, words) in enumerate(_PART_WORDS))
_PART_TOKEN: Final = re.compile(_PART, _F)
_SMALL_HOURS_WORDS: Final = r"凌晨|半夜|深夜|大半夜|\bmidnight\b|\bsmall hours\b|\bmiddle of the night\b"
_NOW_WORDS: Final = r"现在|马上|立刻|立即|这会儿|这就|尽快|越快越好|赶紧|赶快|\bright now\b|\bright away\b|\bnow\b(?! (?:on|and then))|\basap\b|\bas soon as possible\b|\bimmediately\b|\bstraight away\b"

_PREFIX: Final = (
    r"(?:(?P<@part>早上|早晨|上午|中午|下午|午后|傍晚|晚上|夜里|凌晨|半夜|深夜|(?<=[今明])[早晚])的?\s?)?"
)
_HOUR: Final = (
    rf"(?:(?P<@h24>[0-2]?[0-9]):(?P<@m24>[0-5][0-9])\s?(?P<@ap1>[ap]\.?m\b\.?)?|"
    rf"(?P<@hz>[0-9]{{1,2}}|{_ZH_N})(?:点钟?|时(?!候|间))(?:(?P<@half>半)|(?P<@quarter>[一三123])刻|(?P<@mz>[0-5]?[0-9]|{_ZH_N})分?(?![0-9点]))?整?)"
)
_EN_HOUR: Final = rf"(?:(?P<@past>half|(?:a )?quarter) (?P<@dir>past|to) )?(?P<@he>[0-9]{{1,2}}|{EN_NUMERAL})(?![0-9])(?:[:.](?P<@me>[0-5][0-9]))?\s?(?P<@ap2>[ap]\.?m\b\.?|o'?clock\b)?"


def _clock(prefix: str, *, english_needs_mark: bool) -> str:
    # A bare figure in English is an hour only when something marks it as one.
    mark = "(?(@ap2)|(?(@past)|(?(@me)|(?!))))" if english_needs_mark else ""
    return rf"(?:{_PREFIX}{_HOUR}|\b{_EN_HOUR}{mark})".replace("@", prefix)


_TO: Final = r"\s?(?:到|至|-|–|—|~|或者?|和|\bto\b|\btill?\b|\buntil\b|\band\b)\s?"
_RANGE: Final = re.compile(
    rf"(?:{_clock('a', english_needs_mark=True)}|{_PREFIX.replace('@', 'b')}(?P<bare>[0-9]{{1,2}}|{_ZH_N}))"
    rf"{_TO.replace('|或者?|和', '')}{_clock('c', english_needs_mark=True)}(?:之?间)?",
    _F,
)
_RANGE_EN: Final = re.compile(
    rf"\b(?:from|between)\s{_EN_HOUR.replace('@', 'a')}{_TO}{_EN_HOUR.replace('@', 'c')}(?![0-9])"
    rf"|\b(?P<ga>[0-9]{{1,2}})\s?(?:to|till|until)\s?(?P<gc>[0-9]{{1,2}})\b(?!\s?(?:floor|days|hours|people|minutes))",
    _F,
)
_AFTER_ZH: Final = r"\s?(?P<after>之后|以后|过后|后(?![天日])|起|开始)|\s?(?P<before>之前|以前|前(?![天后]))|\s?(?P<about>左右|前后|多)"
_POINT: Final = re.compile(
    rf"(?P<lead>过了|\bafter\s|\bfrom\s|\bsince\s|\bbefore\s|\bby\s|\bat\s|\baround\s|\babout\s)?\s?{_clock('a', english_needs_mark=True)}(?:{_AFTER_ZH})?",
    _F,
)
_LED_POINT: Final = re.compile(
    rf"\b(?P<lead>after|before|by|at|around|about)\s{_EN_HOUR.replace('@', 'a')}(?!\s?(?:days|hours|minutes|weeks|people|times|floor|/))",
    _F,
)

_ALTERNATIVE: Final = re.compile(r"或者?|要么|和|、|都(?:行|可以|在)|\bor\b|\band\b|\beither\b", _F)
_CORRECTION: Final = re.compile(
    r"算了|还是|改成|改到|改为|不对|错了|应该是|\bactually\b|\binstead\b|\bsorry\b|\bno\b,?|\bmake it\b|\brather\b|\bi mean\b",
    _F,
)
_REFUSED_AFTER: Final = re.compile(
    r"[^,。;,.;!?\n]{0,8}?(?:不行|没空|不在|不方便|没时间|不可以|没人|不合适|来不了)|[^,.;!?\n]{0,20}?(?:can'?t|cannot|won'?t|doesn'?t work|not (?:free|good|ok|home|available|possible)|no good|is out)\b",
    _F,
)
_REFUSED_BEFORE: Final = re.compile(r"(?:除了|不要|别(?:在)?|不是|\bnot(?: on)?|\bexcept|\bbut not)\s?$", _F)


def _shift(start: date, days: int) -> date:
    return date.fromordinal(min(max(start.toordinal() + days, 1), date.max.toordinal() - 3))


def _month_shift(day: date, months: int) -> tuple[int, int]:
    index = day.year * 12 + day.month - 1 + months
    return index // 12, index % 12 + 1


def _make(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _weekday_day(
    today: date, weekday: int, weeks: int, this: bool
) -> tuple[tuple[date, ...], Literal["week", ""]]:
    monday = _shift(today, -today.weekday())
    if weekday == 7:  # 周末
        saturday = _shift(monday, 5 + 7 * weeks)
        return (saturday, _shift(saturday, 1)), ""
    if weeks or this:
        return (_shift(monday, weekday + 7 * weeks),), ""
    return (_shift(today, (weekday - today.weekday()) % 7),), "week"


def _in_year(today: date, year: int | None, month: int, day: int) -> tuple[tuple[date, ...], Reason | None]:
    found = _make(year or today.year, month, day)
    if found is None and not year and month == 2 and day == 29:
        found = _make(today.year + 1, 2, 29)
    if found is None:
        return (), "conflict"
    if year is None and today - found > RECENT:
        found = _make(today.year + 1, month, day) or found
    return (found,), None


def _day(match: re.Match[str], today: date) -> _Day | None:
    group, start, end = match.groupdict(), *match.span()
    if group["past"]:
        return _Day((), start, end, unclear="past")
    for offset in range(4):
        if group[f"offset{offset}"]:
            return _Day((_shift(today, offset),), start, end)
    if group["iso"]:
        found = _make(int(group["iy"]), int(group["im"]), int(group["id"]))
        return _Day((found,), start, end) if found else _Day((), start, end, unclear="conflict")
    if group["month_end"]:
        return _Day((date(today.year, today.month, monthrange(today.year, today.month)[1]),), start, end)
    if group["week"]:
        return _Day((), start, end, unclear="which_day")
    if group["zw"]:
        weeks = 2 if (group["zw_next"] or "").startswith("下下") else 1 if group["zw_next"] else 0
        weekday = _WEEKDAYS_ZH[group["zw_day"]]
        dates, rolls = _weekday_day(today, weekday, weeks, bool(group["zw_this"]))
        return _Day(dates, start, end, rolls, weekday)
    if group["weekend"]:
        return _Day(_weekday_day(today, 7, 1 if group["we_next"] else 0, True)[0], start, end)
    if group["ew"]:
        weekday = _WEEKDAYS_EN.index(group["ew_day"][:3].lower())
        dates, rolls = _weekday_day(today, weekday, 1 if group["ew_next"] else 0, bool(group["ew_this"]))
        return _Day(dates, start, end, rolls, weekday)
    for index in "12":
        if group[f"em{index}"]:
            year = group[f"ey{index}"]
            month = _MONTHS.index(group[f"em{index}"][:3].lower()) + 1
            dates2, unclear = _in_year(today, int(year) if year else None, month, int(group[f"ed{index}"]))
            return _Day(dates2, start, end, unclear=unclear)
    day = number(group["ed3"] or group["d"] or "") or 0
    if group["m"]:
        dates2, unclear = _in_year(today, None, number(group["m"]) or 0, day)
        return _Day(dates2, start, end, unclear=unclear)
    if not 1 <= day <= 31:
        return None
    if group["next_month"] or group["this_month"]:
        found = _make(*_month_shift(today, 1 if group["next_month"] else 0), day)
        return _Day((found,), start, end) if found else _Day((), start, end, unclear="conflict")
    for months in range(3):  # 31号 in a month of 30 days means the next month that has one
        found = _make(*_month_shift(today, months), day)
        if found and found >= today:
            return _Day((found,), start, end, "month" if found == today else "")
    return _Day((), start, end, unclear="conflict")


def _minutes(group: Mapping[str, str | None], key: str, part: str | None) -> tuple[int, bool] | Reason | None:
    """Minutes from midnight of one clock, and whether nothing said which half of the day."""
    minute = 0
    half_day = (group.get(f"{key}ap1") or group.get(f"{key}ap2") or "").lower().replace(".", "").strip()
    padded = False
    if group.get(f"{key}h24"):
        word = group[f"{key}h24"] or ""
        hour, minute = int(word), int(group[f"{key}m24"] or 0)
        padded = word.startswith("0") or hour >= 13
    elif group.get(f"{key}hz"):
        word = group[f"{key}hz"] or ""
        # 两三点 is an estimate: it begins at two.
        hour = number(word[0] if len(word) == 2 and not set(word) & set("十0123456789") else word) or 0
        if group[f"{key}half"]:
            minute = 30
        elif group[f"{key}quarter"]:
            minute = 15 * (number(group[f"{key}quarter"] or "") or 1)
        elif group[f"{key}mz"]:
            minute = number(group[f"{key}mz"] or "") or 0
    elif group.get(f"{key}he"):
        word = (group[f"{key}he"] or "").lower()
        hour = EN_NUMBERS.get(word) or int(word)
        minute = int(group.get(f"{key}me") or 0)
        if group.get(f"{key}past"):
            shift = 30 if group[f"{key}past"] == "half" else 15
            hour, minute = (
                (hour, shift) if (group[f"{key}dir"] or "").lower() == "past" else (hour - 1, 60 - shift)
            )
    else:
        return None
    if hour > 24 or minute > 59:
        return None
    part = group.get(f"{key}part") or part
    early = part in ("早上", "早晨", "上午", "早") or half_day == "am"
    late = part in ("下午", "午后", "傍晚", "晚上", "夜里", "晚", "下班后") or half_day == "pm"
    if part in ("凌晨", "半夜", "深夜"):
        return "small_hours"
    if hour == 24 or (hour == 12 and (part in ("晚上", "夜里", "晚") or half_day == "am")):
        return "small_hours"
    if early:
        return "small_hours" if hour < 6 else (hour * 60 + minute, False)
    if part == "中午":
        return ((hour + 12 if hour <= 3 else hour) * 60 + minute, False)
    if late:
        return ((hour + 12 if hour < 12 else hour) * 60 + minute, False)
    if padded or hour >= 12:
        return (hour * 60 + minute, False)
    if hour == 0:
        return "small_hours"
    # Nobody is visited between one and seven in the morning: the afternoon is meant.
    return ((hour + 12) * 60 + minute, False) if hour <= 7 else (hour * 60 + minute, True)


def _part_before(folded: str, start: int) -> str | None:
    """A named part right before a clock that has none of its own: 下午大概三点, in the afternoon at 3."""
    found = [match for match in _PART_TOKEN.finditer(folded, max(0, start - 22), start)]
    if found and re.fullmatch(
        r"[\s的大概约左右,]*(?:at|around|about|after|between|from)?\s?", folded[found[-1].end() : start], _F
    ):
        return _part_name(found[-1])
    return None


def _part_after(folded: str, end: int) -> str | None:
    """A named part right behind an English clock: at 3 in the afternoon."""
    match = re.compile(r"\s?(?:in the|this|tomorrow)\s", _F).match(folded, end)
    found = _PART_TOKEN.match(folded, match.end()) if match else None
    return _part_name(found) if found else None


def _part_name(match: re.Match[str]) -> str:
    return _PART_WORDS[int((match.lastgroup or "p0")[1:])][0]


def _range(match: re.Match[str], folded: str) -> _Span | None:
    group: dict[str, str | None] = dict(match.groupdict())
    around = _part_before(folded, match.start()) or _part_after(folded, match.end())
    if group.get("ga"):
        group |= {"ahe": group["ga"], "che": group["gc"]}
    if group.get("bare"):
        group |= {"ahz": group["bare"], "apart": group["bpart"]}
    # 三点到五点下午, 3-5pm: a half of the day said once holds for both.
    first_part = group.get("apart") or around
    close = _minutes(group, "c", first_part)
    open_group = dict(group)
    said_close = (group.get("cap1") or group.get("cap2") or "").lower()
    if said_close and "clock" not in said_close and not (group.get("aap1") or group.get("aap2")):
        open_group["aap2"] = said_close
    begin = _minutes(open_group, "a", first_part)
    if begin == "small_hours" and open_group.get("aap2") != group.get("aap2"):
        begin = _minutes(group, "a", first_part)
    if begin is None or close is None:
        return None
    if isinstance(begin, str) or isinstance(close, str):
        return _Span(None, None, *match.span(), unclear="small_hours")
    start, end = begin[0], close[0]
    if said_close and start > end:  # 11-1pm, 11am-1pm
        start -= 720
    if end <= start and end + 720 < 1440 and end + 720 > start:
        end += 720
    if end <= start or start < 0:
        return _Span(None, None, *match.span(), unclear="conflict")
    padded = group.get("ah24") and group.get("ch24")
    if start < 360 and not padded:
        return _Span(None, None, *match.span(), unclear="small_hours")
    return _Span(start, end, *match.span(), twelve_on=begin[1] and close[1] and end + 720 <= DAY_END * 60)


def _point(match: re.Match[str], folded: str) -> _Span | None:
    group = match.groupdict()
    around = _part_before(folded, match.start("lead") if group.get("lead") else match.start())
    found = _minutes(group, "a", around or _part_after(folded, match.end()))
    if found is None:
        return None
    if isinstance(found, str):
        return _Span(None, None, *match.span(), unclear=found)
    at, twelve_on = found
    if at < 360:
        return _Span(None, None, *match.span(), unclear="small_hours")
    lead = (group.get("lead") or "").strip().lower()
    if group.get("after") or lead in ("过了", "after", "from", "since"):
        return _Span(at, max(DAY_END * 60, min(at + 60, 1439)), *match.span(), twelve_on=twelve_on)
    if group.get("before") or lead in ("before", "by"):
        return _Span(min(DAY_START * 60, at - 60), at, *match.span())
    return _Span(at, min(at + int(POINT.total_seconds() // 60), 1439), *match.span(), twelve_on=twelve_on)


def _spans(folded: str, blocked: Sequence[tuple[int, int]]) -> list[_Span]:
    taken = list(blocked)
    result: list[_Span] = []

    def take(span: _Span | None) -> None:
        if (
            span
            and span.end > span.start
            and not any(span.start < end and start < span.end for start, end in taken)
        ):
            taken.append((span.start, span.end))
            result.append(span)

    for pattern in (_RANGE, _RANGE_EN):
        for match in pattern.finditer(folded):
            take(_range(match, folded))
    for pattern in (_POINT, _LED_POINT):
        for match in pattern.finditer(folded):
            take(_point(match, folded))
    for match in re.finditer(_SMALL_HOURS_WORDS, folded, _F):
        take(_Span(None, None, *match.span(), unclear="small_hours"))
    for match in _PART_TOKEN.finditer(folded):
        name = _part_name(match)
        begin, finish = PARTS[name]
        take(_Span(begin * 60, finish * 60, *match.span(), part=name))
    for match in re.finditer(_NOW_WORDS, folded, _F):
        take(_Span(None, None, *match.span(), now=True))
    result.sort(key=lambda span: span.start)
    return _drop_idle(result)


def _drop_idle(spans: list[_Span]) -> list[_Span]:
    """A part that only introduces or qualifies a clock beside it (下午, 大概三点; any time after 6) adds nothing."""
    kept: list[_Span] = []
    for index, span in enumerate(spans):
        beside = [
            other for other in spans[max(0, index - 1) : index + 2] if other is not span and not other.now
        ]
        clock = any(
            other.part is None and min(abs(other.start - span.end), abs(span.start - other.end)) <= 12
            for other in beside
        )
        narrower = any(other.part not in (None, "全天") for other in beside)
        if (span.part and clock) or (span.part == "全天" and narrower):
            continue
        kept.append(span)
    return kept


def _days(folded: str, today: date, blocked: Sequence[tuple[int, int]]) -> list[_Day]:
    days: list[_Day] = []
    for match in _DAY.finditer(folded):
        if any(match.start() < end and start < match.end() for start, end in blocked):
            continue
        day = _day(match, today)
        if day is None:
            continue
        previous = days[-1] if days else None
        if previous and re.fullmatch(r"[\s(,的是]*", folded[previous.end : day.start]):
            joined = _joined(previous, day)
            apart = "," in folded[previous.end : day.start]  # "not tomorrow, Friday" names two days
            if joined and not (apart and joined.unclear):
                days[-1] = joined
                continue
        days.append(day)
    return days


def _joined(first: _Day, second: _Day) -> _Day | None:
    """明天(24日 周二) is one day said three times; a weekday that does not fit its date is a conflict."""
    if set(first.dates) & set(second.dates):
        return replace(first, end=second.end, dates=tuple(sorted(set(first.dates) & set(second.dates))))
    for named, weekday in ((first, second.weekday), (second, first.weekday)):
        if len(named.dates) == 1 and named.weekday is None and weekday is not None and weekday < 7:
            if named.dates[0].weekday() == weekday:
                return replace(named, start=first.start, end=second.end)
            return _Day((), first.start, second.end, unclear="conflict")
    return None


def _segments(folded: str, days: list[_Day], spans: list[_Span]) -> list[_Segment]:
    tokens: list[_Day | _Span] = sorted([*days, *spans], key=lambda token: (token.start, token.end))
    segments: list[_Segment] = []
    for token in tokens:
        last = segments[-1] if segments else None
        if isinstance(token, _Day):
            if last and last.day is None and last.span and not _breaks(folded, last.end, token.start):
                last.day, last.end = token, max(token.end, last.end)
            else:
                segments.append(_Segment(token, None, token.start, token.end))
        elif (
            last
            and last.span is None
            and not (last.day and last.day.unclear == "past" and _breaks(folded, last.end, token.start))
        ):
            last.span, last.end = token, max(token.end, last.end)
        else:
            segments.append(_Segment(None, token, token.start, token.end))
    for earlier, later in itertools.pairwise(segments):
        between = folded[earlier.end : later.start]
        if later.day is None and earlier.day and not (later.span and later.span.now):
            later.day = earlier.day
        if (
            later.span is None
            and earlier.span
            and (_CORRECTION.search(between) or _ALTERNATIVE.search(between))
        ):
            later.span = earlier.span
    for earlier, later in zip(reversed(segments[:-1]), reversed(segments), strict=False):
        if earlier.span is None and later.span and _ALTERNATIVE.search(folded[earlier.end : later.start]):
            earlier.span = later.span
    return segments


def _breaks(folded: str, start: int, end: int) -> bool:
    return (
        _CORRECTION.search(folded, start, end) is not None
        or re.search(r"[。;!?\n]", folded[start:end]) is not None
    )


def _at(day: date, minutes: int, now: datetime) -> datetime:
    return datetime.combine(day, time(min(minutes, 1439) // 60, min(minutes, 1439) % 60), tzinfo=now.tzinfo)


def _ceil(now: datetime) -> datetime:
    floor = now.replace(second=0, microsecond=0)
    return floor if floor == now else floor + timedelta(minutes=1)


def _window_on(day: date, span: _Span | None, now: datetime, text: str) -> Window | None:
    """The window on one day, its passed part cut off; None when it is over."""
    begin, finish = (DAY_START * 60, DAY_END * 60) if span is None else (span.begin or 0, span.finish or 0)
    for shift in (0, 720) if span and span.twelve_on and finish + 720 <= 1439 else (0,):
        start, end = max(_at(day, begin + shift, now), _ceil(now)), _at(day, finish + shift, now)
        if start < end:
            return Window(start, end, text)
    return None


def _resolve(segment: _Segment, now: datetime, text: str) -> tuple[Window, ...] | Unclear:
    day, span = segment.day, segment.span
    for token in (day, span):
        if token and token.unclear:
            return Unclear(token.unclear, text)
    if span and span.now:
        if day is None or now.date() in day.dates:
            start = _ceil(now)
            end = min(start + NOW_SPAN, _at(start.date(), 1439, now))
            return (Window(start, end, text),) if start < end else Unclear("small_hours", text)
        span = None
    today = now.date()
    dates = day.dates if day else (today, _shift(today, 1))
    found = [window for each in dates if (window := _window_on(each, span, now, text))]
    if day is None:
        found = found[:1]
    elif not found and day.rolls == "week":
        found = [window for each in dates if (window := _window_on(_shift(each, 7), span, now, text))]
    return tuple(found) if found else Unclear("past", text)


def _readings(text: str, now: datetime) -> list[tuple[_Segment, tuple[Window, ...] | Unclear]]:
    if now.tzinfo is None:
        raise ValueError("now must be aware, in the community's time zone: use datetime.now(ZoneInfo(...))")
    if now.year > 9000:
        raise ValueError("now lies beyond the calendar this desk knows")
    folded = fold(text)
    blocked = [(found.start, found.end) for found in phone.find(text)] + list(ticketno.spans(text))
    segments = _segments(folded, _days(folded, now.date(), blocked), _spans(folded, blocked))
    readings: list[tuple[_Segment, tuple[Window, ...] | Unclear]] = []
    for index, segment in enumerate(segments):
        until = segments[index + 1].start if index + 1 < len(segments) else len(folded)
        said = text[segment.start : segment.end]
        after, before = folded[segment.end : max(until, segment.end)], folded[: segment.start]
        if _REFUSED_AFTER.match(after) or _REFUSED_BEFORE.search(before[-12:]):
            readings.append((segment, Unclear("refused", said)))
        else:
            readings.append((segment, _resolve(segment, now, said)))
    return readings


def windows(text: str, now: datetime) -> tuple[Window, ...]:
    """Every window the text offers, in the order said; corrections are not weighed (see `parse_when`).

    Args:
        text: the resident's words.
        now: aware, in the community's zone; raises ValueError when naive.
    """
    found = (
        window
        for _, reading in _readings(text, now)
        if not isinstance(reading, Unclear)
        for window in reading
    )
    return tuple(dict.fromkeys(found))


def parse_when(text: str, now: datetime) -> Window | Unclear | None:
    """The one window meant: the last said, or the first of alternatives (周六或周日). None: no time spoken of.

    Args:
        text: the resident's words.
        now: aware, in the community's zone; raises ValueError when naive.
    """
    readings = _readings(text, now)
    if not readings:
        return None
    accepted = [
        (segment, found)
        for segment, found in readings
        if not (isinstance(found, Unclear) and found.reason == "refused")
    ]
    if not accepted:
        return readings[-1][1] if isinstance(readings[-1][1], Unclear) else None
    good = [(segment, found) for segment, found in accepted if not isinstance(found, Unclear)]
    _, last = accepted[-1]
    if isinstance(last, Unclear) and (last.reason != "past" or not good):
        return last
    chosen_segment, chosen = good[-1]
    folded = fold(text)
    for segment, found in reversed(good[:-1]):
        between = folded[segment.end : chosen_segment.start]
        if not _ALTERNATIVE.search(between) or _CORRECTION.search(between):
            break
        chosen_segment, chosen = segment, found
    assert not isinstance(chosen, Unclear)
    return chosen[0]


_DAY_NAMES: Final[Mapping[Language, Sequence[str]]] = {
    "zh": ("今天", "明天", "后天"),
    "en": ("today", "tomorrow"),
}


def render(window: Window, language: Language, now: datetime) -> str:
    """The window in words that `parse_when` reads back as the same window, seconds dropped.

    "明天(24日 周二)14:00–18:00", "tomorrow (Tue 24 Nov) 14:00–18:00", "11月27日(周五)09:00–12:00".
    A window of the desk lies within one day; the year is written when it is not the present one.
    """
    start, end = window.start.astimezone(now.tzinfo), window.end.astimezone(now.tzinfo)
    clock = f"{start:%H:%M}–{end:%H:%M}"
    ahead = (start.date() - now.date()).days
    named = _DAY_NAMES[language][ahead] if 0 <= ahead < len(_DAY_NAMES[language]) else None
    weekday = start.weekday()
    if language == "zh":
        in_brackets = f"周{'一二三四五六日'[weekday]}"
        if named:
            month = "" if start.month == now.month else f"{start.month}月"
            return f"{named}({month}{start.day}日 {in_brackets}){clock}"
        year = "" if start.year == now.year else f"{start.year}年"
        return f"{year}{start.month}月{start.day}日({in_brackets}){clock}"
    year = "" if start.year == now.year else f" {start.year}"
    on = f"{_WEEKDAYS_EN[weekday].capitalize()} {start.day} {_MONTHS[start.month - 1].capitalize()}{year}"
    return f"{named} ({on}) {clock}" if named else f"{on} {clock}"
