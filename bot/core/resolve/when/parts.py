"""The parts of a day and the other hours that are named without a clock: 下午, 下班后, 随时, 现在, 半小时后.

`PARTS` is the table a supervisor would check: which hours each name stands for on this desk.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Literal

from bot.core.resolve.numerals import number

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

DAY_START, DAY_END = (60 * hour for hour in PARTS["全天"])
"""The desk's day, in minutes from midnight."""
ANY: Final = "全天"
NOON: Final = "中午"
NIGHT: Final = "凌晨"
"""No part of the desk's day: nobody is visited then."""

Kind = Literal["now", "soon", "later", "delay"]
"""现在, 尽快, 待会儿, and so long from now."""

_F: Final = re.IGNORECASE | re.ASCII
#: 周六早 and 18号晚 are parts of a day, 早点 and 晚饭 are not.
_DAY_BEHIND: Final = "(?<=[天日号一二三四五六末])"
_EARLY_CHAR: Final = rf"(?<=[今明后])早(?![点饭餐些])|{_DAY_BEHIND}早(?![点就已饭餐些该退上晨班安期先晚])"
_LATE_CHAR: Final = rf"(?<=[今明后])晚(?![点些饭班])|{_DAY_BEHIND}晚(?![点些饭班会安])"
_EN_DAY: Final = "(?:tomorrow|today|mon(?:day)?|tue(?:sday)?|wed(?:nesday)?|thu(?:rsday)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
_EN_DAY_BEHIND: Final = "(?:(?<=day )|(?<=tomorrow )|(?<=(?:mon|tue|wed|thu|fri|sat|sun) ))"
_MEAL: Final = "吃?[完过好了]?"

#: The words of each part; at one place in a text the first that fits counts, so the narrower stand before the wider.
PART_WORDS: Final[Sequence[tuple[str, tuple[str, ...]]]] = (
    (NIGHT, (r"凌晨|大?半夜三更|三更半夜|[后大]?半夜|深夜|零点|[0零]时(?![候间])",
             r"\bmidnight\b|\bsmall hours\b|\b(?:in the )?middle of the night\b|\blate at night\b|\bdead of night\b")),
    (ANY, (r"全天|一整天|一天都|(?<!每)整[天日]|白天|一天到晚|从早到晚|早晚都|随时|任何时[间候]|任意时间|什么时[间候]都",
           r"(?:几点|哪天|哪个时间)来?都|随便(?:你们)?(?:几点|什么时[候间]|哪天|时间|挑个?时间)|上午下午(?:晚上)?都?无所谓",
           r"每天都在|天天都?在家?|都在家|都有人(?![吵闹])|一直都?(?:在家|有人)",
           r"时间(?:你们|师傅|随你们?)来?[定挑安选]|时间上?(?:都可以|都行|随意|不限|灵活)|[看按依随]你们的?(?:时间|安排)",
           r"\bany ?time\b(?! after (?:that|then)\b)|\ball (?:the )?day(?: long)?\b|\bwhole day\b|\bwhenever\b|\bany (?:other )?day\b|\bevery ?day\b")),
    ("下班后", (r"下了班(?:[之以]?后)?|下班(?:[之以]?后|之|回来|回家|到家|的?时候|那会儿?|了?再|(?<![点刻半分么时几0-9]下班)(?=[,。吧啊\s]|$))",
                r"\bafter (?:my )?(?:work|office hours|shift|i (?:finish|get off) work)\b|\bwhen i(?:'m| am| get) (?:back|home) from work\b")),
    ("早上", (rf"大?清早|清晨|早上|早晨|大?早上|一大?早|{_EARLY_CHAR}",
              rf"\bearly (?:in the |{_EN_DAY} )?mornings?\b|\bfirst thing(?: in the morning)?\b|\bearly (?=on |{_EN_DAY}\b)|(?<=tomorrow) early\b")),
    ("上午", (rf"上午|午前|{_MEAL}早饭{_MEAL}[之以]?后",
              rf"\b(?:late |mid[- ]?)?mornings?\b|\bafter breakfast\b|{_EN_DAY_BEHIND}a\.?m\b\.?(?=\W*$|,|\s(?:or|and|please)\b)")),
    ("下午", (rf"下午|(?<![下中上正])午后|{_MEAL}午饭{_MEAL}[之以]?后|吃[完过好]午饭",
              rf"\b(?:early |mid[- ]?)?afternoons?\b|\bafter lunch\b|{_EN_DAY_BEHIND}p\.?m\b\.?")),
    (NOON, (r"中午|正午|午间|晌午|午饭(?:时间|的?时候|那会儿?)|午休(?:时间|的?时候)?",
            r"\b(?:12 )?noon(?:time)?\b|\bmidday\b|\blunch ?(?:time|hour|break)\b|\bover lunch\b")),
    ("傍晚", (r"傍晚|黄昏", r"\blate afternoons?\b|\bearly evenings?\b|\bdusk\b")),
    ("晚上", (rf"晚上|夜里|夜间|夜晚|晚间|今夜|{_LATE_CHAR}|{_MEAL}晚饭{_MEAL}[之以]?后|吃[完过好]饭[之以]?后|吃[完过好]晚饭",
              r"\bevenings?\b|\b(?:to)?nights?\b(?! (?:owl|shift|market|guard|light))|\bafter (?:dinner|supper)\b")),
)  # fmt: skip
_PART: Final = re.compile(
    "|".join(f"(?P<p{index}>{'|'.join(words)})" for index, (_, words) in enumerate(PART_WORDS)), _F
)

_SOON: Final[Sequence[tuple[Kind, tuple[str, ...]]]] = (
    ("now", (r"(?<!到)(?:现在|这会儿|此刻)|马上|立刻|立即|这就(?!是)",
             r"\bright now\b|(?<!until )(?<!from )(?<!by )(?<!just )\bnow\b(?! (?:on|and then|that)\b)",
             r"\bright away\b|\bimmediately\b|\bstraight ?away\b|\bthis (?:minute|instant)\b")),
    ("soon", (r"尽快|尽早|越[快早]越好|赶紧|赶快|快[点些](?:来|派|安排|处理|修|上门|吗|吧|$)|(?<!赶)快(?:来|派)|速来|火速|抓紧",
              r"\basap\b|\bas soon as (?:possible|you can)\b|\bsoonest\b|\bthe sooner the better\b",
              r"\b(?<!not )urgent(?:ly)?\b|(?<!no )\bhurry\b|\bcome quick(?:ly)?\b|\bquick(?:ly)? please\b")),
    ("later", (r"[待等过]一?会儿?|(?<![等过待])一会儿?|等一?下(?!午)|稍[后晚]|晚[点些](?:时候)?(?!名)|晚一[点些](?!半)",
               r"\blater(?: today| on)?\b(?! (?:this|in the|next) )")),
)  # fmt: skip
_SOON_WORDS: Final = tuple((kind, re.compile("|".join(words), _F)) for kind, words in _SOON)

_N: Final = r"[0-9]{1,3}(?:\.5)?|[一二两三四五六七八九十]{1,3}"
_EN_N: Final = r"[0-9]{1,3}(?:\.5)?|one|two|three|four|five|ten|fifteen|twenty|thirty|forty(?:[- ]five)?|fifty|sixty|ninety|a couple(?: of)?"
_LENGTH: Final = (
    rf"(?:(?P<half>半)个?(?:小时|钟头)|(?P<h>{_N})个?[多来]?(?P<and_half>半)?(?:小时|钟头)|(?P<m>{_N})[来多]?分钟|(?P<q>[一两三])刻钟?)"
)
_EN_LENGTH: Final = (
    rf"(?:(?P<half>half an hour|half hour)|(?P<one>(?:an|one|1) hour)(?P<one_and_half> and a half)?|(?P<h>{_EN_N})(?P<and_half> and a half)? h(?:ou)?rs?"
    rf"|(?P<q>(?:a )?quarter of an hour)|(?P<m>{_EN_N}) ?min(?:ute)?s?)"
)
_DELAYS: Final = tuple(
    re.compile(pattern, _F)
    for pattern in (
        rf"(?:再过|过(?!了)|再等|等我?(?!了))(?:大概|差不多|约)?{_LENGTH}(?:左右)?(?:[之以]?后)?",
        rf"(?<![每隔修等用花]){_LENGTH}(?:左右)?(?:[之以]?后|(?=就?能?(?:到家|回来|回家)))",
        rf"\b(?:in|give me) (?:about |around |roughly |like |another )?{_EN_LENGTH}(?: or so)?\b",
        rf"\b{_EN_LENGTH} (?:from now|later)\b",
    )
)
_EN_COUNTS: Final[Mapping[str, float]] = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "ten": 10, "fifteen": 15, "twenty": 20, "thirty": 30,
    "forty": 40, "forty five": 45, "fifty": 50, "sixty": 60, "ninety": 90, "a couple": 2, "a couple of": 2,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Part:
    """A named part of the day, and where it was named."""

    start: int
    end: int
    name: str


@dataclass(frozen=True, slots=True)
class Soon:
    """A time counted from now; `delay` says how long from it, where a length was said."""

    start: int
    end: int
    kind: Kind
    delay: timedelta = timedelta(0)


def parts(text: str) -> Iterator[Part]:
    """Every named part of a day in the text."""
    for match in _PART.finditer(text):
        yield Part(*match.span(), PART_WORDS[int((match.lastgroup or "p0")[1:])][0])


def soon(text: str) -> Iterator[Soon]:
    """Every time counted from now in the text; those found first are the more telling."""
    for pattern in _DELAYS:
        for match in pattern.finditer(text):
            delay = _length(match)
            if delay:
                yield Soon(*match.span(), "delay", delay)
    for kind, pattern in _SOON_WORDS:
        for match in pattern.finditer(text):
            yield Soon(*match.span(), kind)


def _count(word: str) -> float:
    word = word.lower().replace("-", " ")
    if word in _EN_COUNTS:
        return _EN_COUNTS[word]
    if re.fullmatch("[一二两三四五六七八九]{2}", word):  # 一两个小时后
        word = word[0]
    return float(word) if re.fullmatch(r"[0-9.]+", word) else float(number(word) or 0)


def _length(match: re.Match[str]) -> timedelta:
    group = {name: word for name, word in match.groupdict().items() if word}
    if "m" in group:
        return timedelta(minutes=_count(group["m"]))
    if "q" in group:
        return timedelta(minutes=15 * (number(group["q"]) or 1))
    hours = 0.5 if "half" in group else 1.0 if "one" in group else _count(group.get("h", ""))
    more = 0.5 if "and_half" in group or "one_and_half" in group else 0.0
    return timedelta(hours=hours + more) if hours else timedelta(0)
