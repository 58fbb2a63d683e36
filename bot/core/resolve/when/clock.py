"""Times on the clock as they are said: 三点, 七点半, 差一刻五点, 14:30, half past four, nine thirty, and the 9 of 9-11点.

Which half of the day is meant is left open here (`hours`). A figure without a sign of its own is an hour only where the words
around it leave nothing else: rooms, floors, prices and lengths of time must stay what they are.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.core.resolve.numerals import EN_NUMERAL, number
from bot.core.resolve.when import bounds
from bot.core.resolve.when.days import Day
from bot.core.resolve.when.parts import NIGHT, NOON, Part

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Clock:
    """A time as said: `hour` 0–24, `half` of the day "am" or "pm" if said, `part` of the day if named with it.

    `exact`: written 08:30 or 14:00, so that nothing is left to settle. `digits`: written with four figures, like both and 10:30.
    """

    start: int
    end: int
    hour: int
    minute: int = 0
    half: str = ""
    part: str = ""
    exact: bool = False
    digits: bool = False


_F: Final = re.IGNORECASE | re.ASCII
_ZH_DIGIT: Final = "一二两三四五六七八九"
_ZH_N: Final = f"[零〇{_ZH_DIGIT}十]{{1,3}}"
_PART_SAID: Final[Mapping[str, str]] = {
    "大清早": "早上", "清早": "早上", "清晨": "早上", "早上": "早上", "早晨": "早上", "一早": "早上",
    "上午": "上午", "中午": "中午", "正午": "中午", "下午": "下午", "午后": "下午", "傍晚": "傍晚", "晚上": "晚上",
    "晚间": "晚上", "夜里": "晚上", "夜晚": "晚上", "今夜": "晚上", "下班后": "下班后", "凌晨": NIGHT,
    "后半夜": NIGHT, "半夜": NIGHT, "深夜": NIGHT,
}  # fmt: skip
_PART: Final = rf"(?:(?P<part>{'|'.join(_PART_SAID)}|(?<!最)[早晚](?=[0-9五六七八九十]))的?\s?)?"
_AM_PM: Final = r"(?:\s?(?P<ap>[ap]\.?m\b\.?))?"
_EN_MINUTES: Final[Mapping[str, int]] = {
    "thirty": 30, "half": 30, "fifteen": 15, "quarter": 15, "forty five": 45, "twenty": 20, "twenty five": 25,
    "ten": 10, "five": 5, "fifty": 50, "forty": 40,
}  # fmt: skip

#: The forms that say by themselves that a clock is meant, the most telling first.
_FORMS: Final = tuple(
    re.compile(pattern, _F)
    for pattern in (
        rf"{_PART}(?<![0-9.:])(?P<h>[01]?[0-9]|2[0-4]):(?P<m>[0-5][0-9])(?![0-9:])(?:分|{_AM_PM})",
        rf"{_PART}(?:差(?P<less>一刻|(?:[0-9]{{1,2}}|{_ZH_N})分钟?)到?\s?)?(?<![0-9.:第])(?P<h>[0-9]{{1,2}}|{_ZH_N})\s?(?:点钟?|时(?![候间段常代节不光]))"
        rf"(?:(?P<half>半)|(?P<quarter>[一三13])刻钟?|过?(?P<m>零[{_ZH_DIGIT}]|[二三四五]?十[{_ZH_DIGIT}]?|[0-5][0-9]|[0-9{_ZH_DIGIT}](?=分))分?(?![0-9{_ZH_DIGIT}十点个天人年]))?"
        rf"(?:\s?差(?P<less_behind>一刻|(?:[0-9]{{1,2}}|{_ZH_N})分))?整?",
        rf"\b(?:(?P<past>half|(?:a )?quarter|twenty(?:[ -]five)?) (?P<way>past|to|after) |(?P<past_n>ten|five|[0-9]{{1,2}}) (?:minutes )?past |(?P<half_en>half) )"
        rf"(?P<h>[0-9]{{1,2}}|{EN_NUMERAL})\b(?!:){_AM_PM}",
        rf"(?<![0-9.:#/-])\b(?P<h>{EN_NUMERAL})[ -](?P<m_en>thirty|fifteen|forty[ -]five|twenty|ten|fifty|forty)\b(?! (?:minutes|people|days)){_AM_PM}",
        rf"(?<![0-9.:#/])\b(?P<h>[0-9]{{1,2}}|{EN_NUMERAL})(?:[:.](?P<m>[0-5][0-9]))?\s?(?:o'?clock\b{_AM_PM}|(?P<ap2>[ap]\.?m\b\.?|noon\b|midnight\b))",
        r"\b(?P<h>[01][0-9]|2[0-3])(?P<m>[0-5][0-9])\s?(?:hrs?|hours)\b",
        r"(?<=\bat )(?P<h>[01][0-9]|2[0-3])(?P<m>00|15|30|45)\b(?!\s?[a-z]+ (?:road|street))",
        r"(?<![0-9.:])(?P<h>1?[0-9]|2[0-3])h(?P<m>[0-5][0-9])?\b",
    )
)
#: A figure that may be an hour.
_BARE: Final = re.compile(
    rf"(?<![0-9.:#/A-Za-z零〇{_ZH_DIGIT}十第]){_PART}(?P<h>[0-9]{{1,2}}|{EN_NUMERAL}(?:\b|(?=ish))|{_ZH_N})(?P<m_dot>\.(?P<m>[0-5][0-9]))?"
    r"(?:(?P<ish>[ -]?ish\b)|(?![0-9.:A-Za-z]))(?!\.[0-9])",
    _F,
)
#: What follows a figure that is none.
_UNIT: Final = re.compile(
    r"\s?(?:%|度|元|块|米|天|人|次|个|楼|层|号|栋|月|年|岁|分|秒|户|室|平|小时|周|单元|/[0-9]|[-–][0-9]+[-–]|(?:\w+ )?(?:minutes?|mins?|hours?|hrs?|"
    r"days?|weeks?|months?|years?|people|persons?|times?|floors?|kuai|yuan|rmb|cm|mm|metres?|meters?|degrees|percent|lit(?:re|er)s?|bathrooms?|"
    r"bedrooms?|rooms?|men|guys|kids|children|doors?|lights?|of (?:them|us|my|the)|different|st\b|nd\b|rd\b|th\b)\b)",
    _F,
)
_ENDS: Final = re.compile(
    r"\s?(?:[,.;!?。)]|$|吧|please\b|if\b|in the\b|would\b|works?\b|is\b|or so\b|ish|可以|都|来)", _F
)
_AFTER_A_DAY: Final = re.compile(r"[\s,(]*(?:at\s)?", _F)
_BEFORE_A_DAY: Final = re.compile(r"\s(?:on |in the |this )?", _F)
_BESIDE_BEFORE: Final = re.compile(r"[\s,:(的]*(?:at |from |between )?", _F)
_BESIDE_BEHIND: Final = re.compile(r"[\s,)]*(?:on |in the |this )?", _F)
_IN_A_CHAIN: Final = re.compile(r"[0-9][-–]$")
_FURTHEST: Final = 12
"""Between the two hours of a range stand at most so many characters."""

#: 快一点, 漏了一点水, 说两点: no hours.
_A_BIT_BEFORE: Final = re.compile(r"[早晚快慢有了差大小好多少高低远近轻重松紧说讲提意便宜贵厉害严重些]$")
_HOUR_AFTER_ALL: Final = re.compile(r"半|钟|到|[之以]后")
_HOUR_BEFORE: Final = re.compile(r"(?:^|[\s,。;!?:、天日号午上晨到至约是在就于从差])$|不多$")
_HOUR_BEHIND: Final = re.compile(r"[半钟整多]|[左前]右|[一三]刻|到|至|[之以过]?[前后]|[0-9零十]|[,。吧来]|$")
_HALF_OF_THAT_DAY: Final = re.compile(r"[今明后天日号六末]晚$|[今明后天日号]早$")
_POINTS_MADE: Final = re.compile("建议|要求|意见|意思|问题|原因|需求|疑问|希望|说明|水")


def free(start: int, end: int, taken: Sequence[Span]) -> bool:
    """Whether nothing else stands there."""
    return not any(start < other_end and other_start < end for other_start, other_end in taken)


def said(text: str, blocked: Sequence[Span]) -> Iterator[Clock]:
    """The clocks that say so themselves."""
    taken = list(blocked)
    for form in _FORMS:
        for match in form.finditer(text):
            clock = _clock(match)
            if clock and free(match.start("h"), match.end(), taken):
                taken.append(match.span())
                yield clock


def _clock(match: re.Match[str]) -> Clock | None:
    group = {name: word.lower() for name, word in match.groupdict().items() if word}
    word = group["h"]
    estimate = re.fullmatch(f"(?P<from>十?[{_ZH_DIGIT}])[{_ZH_DIGIT}十]", word)
    hour = number(estimate["from"] if estimate else word)  # 三四点 begins at three
    if hour is None or hour > 24 or _no_hour(match):
        return None
    minute = _minute(group)
    hour, minute = (hour - 1, minute + 60) if minute < 0 else (hour, minute)
    if hour < 0 or minute > 59:
        return None
    mark = group.get("ap2", group.get("ap", "")).replace(".", "")
    half = {"noon": "pm", "midnight": "am"}.get(mark, mark)
    digits = ":" in match.group() and len(word) == 2 and not half and "part" not in group
    exact = (digits and word.startswith("0")) or (hour >= 13 and not half and "part" not in group)
    part = {"早": "早上", "晚": "晚上"}.get(group.get("part", ""), group.get("part", ""))
    return Clock(*match.span(), hour, minute, half, _PART_SAID.get(part, ""), exact, digits)


def _minute(group: Mapping[str, str]) -> int:
    """Minutes past the hour; below zero for quarter to five and 差一刻五点."""
    minute = number(group.get("m", "").lstrip("零")) or 0
    if "half" in group or "half_en" in group:
        minute = 30
    elif "quarter" in group:
        minute = 15 * (number(group["quarter"]) or 1)
    elif "m_en" in group:
        minute = _EN_MINUTES[group["m_en"].replace("-", " ")]
    elif "past" in group:
        shift = _EN_MINUTES[group["past"].removeprefix("a ").replace("-", " ")]
        minute = -shift if group["way"] == "to" else shift
    elif "past_n" in group:
        minute = _EN_MINUTES.get(group["past_n"]) or number(group["past_n"]) or 0
    less = group.get("less") or group.get("less_behind")
    if less:
        minute -= 15 if "刻" in less else number(less.removesuffix("钟").removesuffix("分")) or 0
    return minute


def _no_hour(match: re.Match[str]) -> bool:
    """一点 that means a bit, 两点 that means two points; 下午一点, 一点半 and 一点到三点 are hours."""
    if "点" not in match.group():
        return False
    if _POINTS_MADE.match(match.string, match.end()):
        return True
    named = match["part"] and match["part"] not in ("早", "晚")
    longer = len(match.group()) - len(match["part"] or "") > 2
    if match["h"] not in ("一", "二", "两") or named or longer:
        return False
    ahead = match.string[: match.start("h")]
    if _HALF_OF_THAT_DAY.search(ahead):
        return False
    if _A_BIT_BEFORE.search(ahead):
        return not _HOUR_AFTER_ALL.match(match.string, match.end()) or ahead.endswith(("早", "晚"))
    return not (_HOUR_BEFORE.search(ahead) or _HOUR_BEHIND.match(match.string, match.end()))


# ── Figures that stand where only an hour can ─────────────────────────────────────────────────────────────────────────


def meant(
    text: str, strong: Sequence[Clock], named: Sequence[Part], days: Sequence[Day], taken: Sequence[Span]
) -> list[Clock]:
    """The figures that are hours by what stands around them: after 7, 9-11点, between 2 and 4, 9 tomorrow morning.

    Args:
        text: in plain words.
        strong: the clocks that say so themselves.
        named: the parts of the day in the text.
        days: the days in it.
        taken: spans that are something else.
    """
    occupied = [*taken, *((clock.start, clock.end) for clock in strong)]
    bare: list[Clock] = []
    sure: set[Clock] = set()
    times: list[Part | Day] = [*named, *(day for day in days if day.kind != "past")]
    for match in _BARE.finditer(text):
        clock = _clock(match)
        if clock is None or not free(match.start("h"), match.end(), occupied):
            continue
        if not match["ish"] and _UNIT.match(text, match.end()):
            continue
        bare.append(clock)
        if not _IN_A_CHAIN.search(text, max(0, clock.start - 2), clock.start) and _stands_alone(text, match, clock, named, times):
            sure.add(clock)
    certain = set(strong)
    every = sorted([*bare, *strong], key=lambda clock: clock.start)
    for first, second in itertools.pairwise(every):
        in_a_chain = _IN_A_CHAIN.search(text, max(0, first.start - 2), first.start)
        if {first, second} <= certain or second.start - first.end > _FURTHEST or in_a_chain:
            continue
        known = first in certain or second in certain or second in sure
        if _makes_a_pair(text, first, second, times, known=known):
            sure |= {first, second}
    return [clock for clock in bare if clock in sure]


def _stands_alone(
    text: str, match: re.Match[str], clock: Clock, named: Sequence[Part], times: Sequence[Part | Day]
) -> bool:
    """After 7, 7ish, 9 tomorrow, Monday 3, 明天 15.30, 9 to noon."""
    dotted = match["m_dot"] is not None
    behind_a_day = any(_AFTER_A_DAY.fullmatch(text, each.end, clock.start) for each in times if each.end <= clock.start)
    if match["ish"] or (dotted and (behind_a_day or bounds.goes_on(text, clock.end))):
        return True
    if not re.search("[0-9a-z]", match["h"], _F) and not clock.part:
        return False
    if bounds.led(text, clock.start):
        return True
    noon = [part for part in named if part.name == NOON]
    if any(clock.end <= part.start and bounds.until(text, clock.end, part.start) for part in noon):
        return True
    if any(part.end <= clock.start and _range(text, part.start, part.end, clock.start) for part in noon):
        return True
    if not 1 <= clock.hour <= 12:
        return False
    if any(_BEFORE_A_DAY.fullmatch(text, clock.end, each.start) for each in times if clock.end <= each.start):
        return True
    return behind_a_day and text[clock.start - 1] in " ,(" and _ENDS.match(text, clock.end) is not None


def _range(text: str, begin: int, end: int, start: int) -> bool:
    return bounds.until(text, end, start) or bounds.between(text, begin, end, start)


def _makes_a_pair(text: str, first: Clock, second: Clock, times: Sequence[Part | Day], *, known: bool) -> bool:
    """9-11点, from 2 to 4, 10-12 Saturday, 7 or 8pm. `known`: one of both is an hour already."""
    if bounds.between(text, first.start, first.end, second.start):
        return True
    if bounds.either(text, first.end, second.start):
        return known
    if not bounds.until(text, first.end, second.start):
        return False
    if known or bounds.from_(text, first.start) or bounds.until_in_words(text, first.end, second.start):
        return True
    alone = not re.search(r"\w", text[: first.start] + text[second.end :])
    return alone or any(
        _BESIDE_BEFORE.fullmatch(text, each.end, first.start)
        if each.end <= first.start
        else second.end <= each.start and _BESIDE_BEHIND.fullmatch(text, second.end, each.start)
        for each in times
    )
