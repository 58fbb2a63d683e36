"""Which day is meant: 明天, 周三, 下周三, 18号, 12月3号, the 18th, 30/11, 周末, 五一.

`find` reads every day a message speaks of, each row of the table one way of naming a day. Days that stand side by side are put
together (`pairs`). It must never choose where nothing was chosen (下周, 改天: which_day) and never bend a date to fit.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

from bot.core.resolve.numerals import number
from bot.core.resolve.when.windows import Reason

RECENT_DAYS: Final = 60
"""A date without its year that lies at most this far back is past; one further back means next year."""

Kind = Literal["relative", "date", "weekday", "week", "vague", "past"]
Many = Literal["one", "span", "first", "series"]
"""How several dates are meant: as one stretch (周末), any of them (周二周四), or as days of a kind (周一到周五)."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day as said, and where. `dates` is empty when `unclear` says why.

    `rolls`: over today, it means a week on. `instead`: what 10/4 means the other way round. `monday`: of the calendar week
    that was named (下周, 下周三). `denied`: the dates a conflict is about.
    """

    start: int
    end: int
    dates: tuple[date, ...] = ()
    many: Many = "one"
    weekday: int | None = None
    rolls: bool = False
    instead: date | None = None
    monday: date | None = None
    unclear: Reason | None = None
    denied: tuple[date, ...] = ()
    kind: Kind = "date"


Reader = Callable[[re.Match[str], date], Day | None]

_F: Final = re.IGNORECASE | re.ASCII
_N: Final = "[0-9]{1,2}|[一二两三四五六七八九十]{1,3}"
_WEEK: Final = "(?:周|星期|礼拜)"
#: 两周一次, 一周三次: a number before it makes the week a length of time, 次 behind it a habit.
_A_WEEK: Final = f"(?:(?<![一二两三四五六七八九十几半0-9])|(?<=[周期拜][一二三四五六]))(?<![几两]个){_WEEK}"
_WD: Final = "一二三四五六日天"
_WEEKDAYS_ZH: Final[Mapping[str, int]] = {name: min(index, 6) for index, name in enumerate(_WD)} | {
    str(index + 1): index for index in range(7)
}
_WEEKDAYS_EN: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTHS_EN: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_EN_DAY: Final = r"(?:mon(?:day)?|tue(?:s(?:day)?)?|wed(?:s|nesday)?|thu(?:r(?:s(?:day)?)?)?|fri(?:day)?|sat(?:urday)?|sun(?:day)?)"
_EN_MONTH: Final = r"(?:jan(?:uary)?|feb(?:ruary)?|mar(?:ch)?|apr(?:il)?|may|june?|july?|aug(?:ust)?|sept?(?:ember)?|oct(?:ober)?|nov(?:ember)?|dec(?:ember)?)"
_ORDINALS: Final = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh",
    "twelfth", "thirteenth", "fourteenth", "fifteenth", "sixteenth", "seventeenth", "eighteenth", "nineteenth",
    "twentieth", *(f"twenty {unit}" for unit in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh",
    "eighth", "ninth")), "thirtieth", "thirty first",
)  # fmt: skip
_ORDINAL: Final = "(?:" + "|".join(word.replace(" ", "[ -]") for word in reversed(_ORDINALS)) + ")"
_NTH: Final = "[0-9]{1,2}(?:st|nd|rd|th)"
#: 18号楼, 3号门, 12号502 are addresses, 3日内 is a length of time.
_NO_HOUSE: Final = (
    r"(?![楼院门线栋幢车电机井位房区梯口库内游宅铺厅岗间汽]|\s?[0-9一二三四五六七八九十]{1,3}\s?(?:单元|室|栋)"
    r"|\s?-?[0-9]{3,4}(?![0-9:点])|\s?[到至和、-]\s?[0-9一二三四五六七八九十]{1,2}(?:号?[楼栋]))"
)
#: 住18号, 中山路18号, 3-18号 are addresses too; 28-29号 is not.
_NO_STREET: Final = (
    r"(?<!住)(?<!住在)(?<!家在)(?<!门牌)(?:(?<![0-9#路弄巷街村苑栋第幢座.-])|(?<=[12][0-9]-)|(?<=3[01]-))"
)
_NO_DOOR: Final = (
    r"(?!\s(?:floor|fl\b|time|visit|bathroom|bedroom|door|room|building|block|unit|lift|elevator|phase|call|message|"
    r"request|attempt|week|one\b|day in|party|child|street|ave))"
)


def shift(start: date, days: int) -> date:
    """The date so many days on, kept inside the calendar."""
    return date.fromordinal(min(max(start.toordinal() + days, 1), date.max.toordinal() - 30))


def _make(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _month_on(today: date, months: int) -> tuple[int, int]:
    index = today.year * 12 + today.month - 1 + months
    return index // 12, index % 12 + 1


def _this_or_next_year(today: date, month: int, day: int) -> date | None:
    found = _make(today.year, month, day)
    if found and (today - found).days > RECENT_DAYS:
        return _make(today.year + 1, month, day)
    return found


def weekday_in(monday: date, weekday: int) -> tuple[date, ...]:
    """That weekday of the week that begins on a Monday; 7 stands for its weekend."""
    return (shift(monday, 5), shift(monday, 6)) if weekday == 7 else (shift(monday, weekday),)


def _monday(today: date, weeks: int) -> date:
    return shift(today, 7 * weeks - today.weekday())


def _next_on(today: date, weekday: int) -> tuple[date, ...]:
    """The next such weekday, today counting; of a weekend this week's."""
    ahead = 0 if weekday == 7 else int(weekday < today.weekday())
    return weekday_in(_monday(today, ahead), weekday)


def series(span: tuple[int, int], weekdays: Sequence[int], weeks: int | None, today: date, *, listed: bool = False) -> Day:
    """Several weekdays as one: a weekend, two days to choose from, or a series to ask about."""
    named = [7] if list(weekdays) == [5, 6] else weekdays
    monday = None if weeks is None else _monday(today, weeks)
    found = [weekday_in(monday, weekday) if monday else _next_on(today, weekday) for weekday in named]
    if named == [7]:
        return Day(*span, found[0], "span", 7, rolls=weeks is None, kind="weekday")
    dates = tuple(sorted(each for (each,) in found))
    return Day(*span, dates, "first" if listed or len(dates) == 2 else "series", rolls=weeks is None, kind="weekday")


# ── Readers, one for each way of naming a day; None: the words name no day after all ──────────────────────────────────


def _on(match: re.Match[str], found: date | None) -> Day:
    return Day(*match.span(), (found,)) if found else Day(*match.span(), unclear="conflict")


def _past(match: re.Match[str], today: date) -> Day:
    return Day(*match.span(), unclear="past")


def _which(match: re.Match[str], today: date) -> Day:
    return Day(*match.span(), unclear="which_day")


def _days_on(days: int) -> Reader:
    return lambda match, today: _on(match, shift(today, days))


def _holiday(month: int, day: int) -> Reader:
    return lambda match, today: _on(match, _this_or_next_year(today, month, day))


def _pair(first: int) -> Reader:
    return lambda match, today: Day(*match.span(), (shift(today, first), shift(today, first + 1)), "span")


def _counted(match: re.Match[str], today: date) -> Day | None:
    count = 1 if match["n"].lower() == "a" else number(match["n"])
    return _on(match, shift(today, count * (7 if match["weeks"] else 1))) if count and count <= 60 else None


def _full_date(match: re.Match[str], today: date) -> Day:
    return _on(match, _make(int(match["y"]), int(match["m"]), int(match["d"])))


def _month_day(match: re.Match[str], today: date) -> Day:
    month, day = number(match["m"]) or 0, number(match["d"]) or 0
    if match.groupdict().get("next_year"):
        return _on(match, _make(today.year + 1, month, day))
    return _on(match, _this_or_next_year(today, month, day))


def _nth(word: str) -> int:
    digits = re.match("[0-9]+", word)
    return int(digits.group()) if digits else _ORDINALS.index(word.lower().replace("-", " ")) + 1


def _english_date(match: re.Match[str], today: date) -> Day | None:
    month, day = _MONTHS_EN.index(match["m"][:3].lower()) + 1, _nth(match["d"])
    if day > 31:
        return None
    return _on(match, _make(int(match["y"]), month, day) if match["y"] else _this_or_next_year(today, month, day))


def _slashed(match: re.Match[str], today: date) -> Day | None:
    """30/11 is day and month, as residents from abroad write it; in a Chinese message 11/30 is month and day."""
    one, two = int(match["a"]), int(match["b"])
    readings = [_this_or_next_year(today, two, one), _this_or_next_year(today, one, two)]
    if re.search("[一-鿿]", match.string):
        readings.reverse()
    found = [reading for reading in readings if reading]
    return Day(*match.span(), (found[0],), instead=found[-1]) if found else None


def _day_of_month(match: re.Match[str], today: date) -> Day | None:
    groups = match.groupdict()
    word = match["d"]
    day = number(word) or _nth(word)
    if not day or day > 31 or (groups.get("sign") == "日" and not re.search("[0-9十]", word)):
        return None
    if groups["next"] or groups["this"]:
        return _on(match, _make(*_month_on(today, 1 if groups["next"] else 0), day))
    for months in range(3):  # 31号 in a month of 30 days means the next month that has one
        found = _make(*_month_on(today, months), day)
        if found and found >= today:
            return _on(match, found)
    return None


def _month_end(match: re.Match[str], today: date) -> Day:
    year, month = _month_on(today, 1 if match["next"] or match["next_en"] else 0)
    return _on(match, date(year, month, monthrange(year, month)[1]))


def _weeks_on(word: str | None) -> int | None:
    """下 or next: the calendar week after this one; 下下: the one after that."""
    return None if not word else 2 if word.startswith("下下") or "after" in word else 1


def _weekday(match: re.Match[str], today: date) -> Day:
    weekday = _index(match["day"])
    weeks = _weeks_on(match["next"]) or (0 if match["this"] else None)
    monday = None if weeks is None else _monday(today, weeks)
    dates = weekday_in(monday, weekday) if monday else _next_on(today, weekday)
    if match.groupdict().get("week_on") or match.groupdict().get("a_week_on"):
        dates = tuple(shift(each, 7) for each in dates)
    return Day(*match.span(), dates, "span" if weekday == 7 else "one", weekday, rolls=weeks is None, monday=monday)


def _weekdays(match: re.Match[str], today: date) -> Day | None:
    """周一三五, 周六日: several in one breath, in the order of the week."""
    named = [_WEEKDAYS_ZH[word] for word in re.findall(f"[{_WD}]", match["days"])]
    in_order = named == sorted(set(named))
    return series(match.span(), named, _weeks_on(match["next"]), today, listed=True) if in_order else None


def _working_days(match: re.Match[str], today: date) -> Day:
    return series(match.span(), range(5), _weeks_on(match["next"]), today)


def _named_month_end(match: re.Match[str], today: date) -> Day | None:
    word = match["m"]
    month = number(word) if word else _MONTHS_EN.index(match["m_en"][:3].lower()) + 1
    if not month or month > 12:
        return None
    year = today.year if month >= today.month else today.year + 1
    return _on(match, date(year, month, monthrange(year, month)[1]))


def _index(word: str) -> int:
    """Monday is 0; 7 stands for the weekend."""
    if word in ("末", "双休日") or word.lower() == "weekend":
        return 7
    return _WEEKDAYS_ZH[word] if word in _WEEKDAYS_ZH else _WEEKDAYS_EN.index(word[:3].lower())


def _weekday_of_month(match: re.Match[str], today: date) -> Day | None:
    """下个月第一个周六, 最后一个周日."""
    year, month = _month_on(today, 1 if match["next"] else 0)
    weekday, length = _index(match["day"]), monthrange(year, month)[1]
    days = [day for day in range(1, length + 1) if date(year, month, day).weekday() == weekday]
    which = (number(match["nth"]) or 1) - 1 if match["nth"] else -1
    return _on(match, date(year, month, days[which]))


def _week(match: re.Match[str], today: date) -> Day:
    weeks = _weeks_on(match["next"] or match["next_en"]) or 0
    return Day(*match.span(), monday=_monday(today, weeks), unclear="which_day")


# ── The ways of naming a day, the most telling first: what a row has taken, no later row reads again ──────────────────

_NAMED_DAY: Final = "(?:节|那天|当天|那日|当日)*"
_ROWS: Final[Sequence[tuple[Kind, str, Reader]]] = (
    ("past", rf"大?(?<![之以])前天(?!气)|昨[天晚晨早]?(?:晚上?|夜里?)?|(?<![晚早马])(?:上上?个?)(?:{_WEEK}[{_WD}末]?|月(?:底|初|(?:{_N})[号日])?)|前[几两]天"
             rf"|(?:(?:{_N})|[几半])(?:天|个?月|年|个?(?:星期|礼拜)|周)[之以]?前|去年|前年|前[晚夜]", _past),
    ("past", rf"\byesterday\b|\blast (?:night|week|weekend|month|year|{_EN_DAY})\b(?! (?:of|in) (?:the|this) month)|\bthe other day\b|\b(?:days?|weeks?|months?|years?) ago\b", _past),
    ("relative", "今明(?:[两二]?天|[两二]日|(?=都))", _pair(0)),
    ("relative", "明后(?:[两二]?天|[两二]日)", _pair(1)),
    ("relative", rf"(?:再?过|等)?(?<![第漏])(?P<n>{_N})(?:天|个?(?P<weeks>星期|礼拜|周))(?:[之以]?后|再来)", _counted),
    ("relative", r"\bin (?P<n>a|one|two|three|four|five|six|seven|ten|[0-9]{1,2}) (?:days?|(?P<weeks>weeks?))(?:'s?)?(?: time)?\b", _counted),
    ("relative", r"\b(?P<n>a|one|two|three|[0-9]) (?:days?|(?P<weeks>weeks?)) from (?:now|today)\b", _counted),
    ("date", r"(?P<y>20[0-9]{2})[-/.年]\s?(?P<m>[0-9]{1,2})[-/.月]\s?(?P<d>[0-9]{1,2})[日号]?(?![0-9-])", _full_date),
    ("relative", "大后[天日]", _days_on(3)),
    ("relative", r"(?<!最)后[天日](?!井)|后(?=[早晚](?![点饭些]))|\b(?:the )?day after tomorrow\b|\bovermorrow\b|(?<=tomorrow or )the day after\b|(?<=tomorrow but )the day after\b", _days_on(2)),
    ("relative", r"明[天日]|明(?=[早晚上下中](?![点些]))|[翌次]日|\btomorrow\b", _days_on(1)),
    ("relative", r"今[天日]|今(?=[早晚上下中夜](?![点些]))|(?<![号日庆旦诞节一])当天|\btoday\b|\btonight\b|\bthis (?=morning|afternoon|evening)", _days_on(0)),
    ("vague", r"(?<![季细章环])节(?:日|假日)?(?:[之以过]?后)|(?:春节|过完?年|国庆|五一|元旦|中秋|端午|清明|圣诞|假期|放完?假|长假|小长假)节?(?:[之以过]?后|完|期间|假期?|长假|回来|结束)"
              r"|(?<![一二三四五六七八九十两几半多0-9去今明前后])年[后前]|(?:过了|过完|等过?)(?:国庆|五一|元旦|中秋|端午|节)|春节|过完?年|大年|除夕|中秋|端午|清明|国庆期间", _which),
    ("vague", r"\b(?:after|over|around|during) (?:the )?(?:holidays?|christmas|xmas|new year'?s?|cny|chinese new year|spring festival|easter|break|golden week|vacation)\b"
              r"|\b(?:chinese new year|cny|spring festival)\b", _which),
    ("date", rf"元旦{_NAMED_DAY}|\bnew year'?s? day\b", _holiday(1, 1)),
    ("date", rf"(?<![周期拜一二三四五六七八九十0-9])五一(?:国际)?(?:劳动)?{_NAMED_DAY}(?![路街村号楼点月0-9]|广场|新村|小区)|劳动节{_NAMED_DAY}|\b(?:labou?r|may) day\b", _holiday(5, 1)),
    ("date", rf"国庆{_NAMED_DAY}(?![路街村里]|新村|小区|花园)|(?<![二三四五六七八九一0-9])十一(?:那天|当天)|\bnational day\b", _holiday(10, 1)),
    ("date", rf"圣诞{_NAMED_DAY}(?![树老礼帽灯])|\b(?:christmas|xmas)(?: day)?\b(?! eve| tree| light| part| holiday| gift)", _holiday(12, 25)),
    ("date", r"平安夜|\b(?:christmas|xmas) eve(?:ning)?\b", _holiday(12, 24)),
    ("date", r"\bnew year'?s? eve(?:ning)?\b", _holiday(12, 31)),
    ("date", rf"(?:(?P<next_year>明年)|今年)?(?<![0-9.])(?P<m>{_N})月(?:份)?的?(?P<d>{_N})(?:[号日]{_NO_HOUSE}|(?![0-9一二三四五六七八九十点:时号日分]))", _month_day),
    ("date", r"(?<![0-9/.-])(?!24/7)(?P<a>0?[1-9]|[12][0-9]|3[01])/(?P<b>0?[1-9]|[12][0-9]|3[01])(?![0-9/]|楼|室|单元|栋)", _slashed),
    ("date", r"(?<![0-9.:天日号午晚早上约到至~-])(?<![天日号午晚早上]\s)(?P<m>1[0-2]|0?[1-9])[.-](?P<d>[0-3]?[0-9])(?![0-9.-])(?=[号日]|\s?(?:[早上中下晚傍白全(]|周|星期|礼拜))[号日]?", _month_day),
    ("date", r"(?<![0-9.])(?P<d>2[4-9]|3[01])\.(?P<m>0?[1-9]|1[0-2])\.?(?![0-9])", _month_day),
    ("date", rf"\b(?:the )?(?P<d>[0-9]{{1,2}}(?:st|nd|rd|th)?|{_ORDINAL})(?: of)?\s(?P<m>{_EN_MONTH})\b\.?(?:,?\s(?P<y>20[0-9]{{2}}))?", _english_date),
    ("date", rf"\b(?P<m>{_EN_MONTH})\.?\s(?:the )?(?P<d>[0-9]{{1,2}}(?:st|nd|rd|th)?|{_ORDINAL})\b(?:,?\s(?P<y>20[0-9]{{2}}))?(?!:|\s?[ap]m)", _english_date),
    ("date", rf"(?P<next>下个?月)?(?:这个?月|本月)?的?(?:第(?P<nth>[一二三四])|最后一)个?{_WEEK}(?P<day>[{_WD}])", _weekday_of_month),
    ("date", rf"\blast (?P<day>{_EN_DAY}) (?:of|in) (?:the|this) month(?P<next>x)?(?P<nth>x)?", _weekday_of_month),
    ("date", rf"(?P<m>{_N})月(?:底|末)|\b(?:the )?(?:end|last day) of (?P<m_en>{_EN_MONTH})\b", _named_month_end),
    ("date", r"(?:这个?|本)?(?P<next>下个?)?月(?:底|末|尾|最后一天|的最后一天)|\b(?:at )?(?:the )?(?:end of|last day of)(?: the)? (?:(?P<next_en>next )?(?:this )?month)\b|\bmonth[ -]end\b", _month_end),
    ("date", rf"{_NO_STREET}(?:(?P<next>下个?月)|(?P<this>这个?月|本月|当月))?(?:的|那个|份)*(?P<d>{_N})(?P<sign>[号日]){_NO_HOUSE}", _day_of_month),
    ("date", rf"{_NO_STREET}(?:(?P<next>下个?月)|(?P<this>这个?月|本月|当月))?(?:的|那个|份)*(?P<d>{_N})(?=\s?[、和到至~-]\s?(?:{_N})[号日]{_NO_HOUSE})", _day_of_month),
    ("date", rf"(?:(?P<next>\bnext month)|(?P<this>\bthis month)),?\s(?:on )?(?:the )?(?P<d>{_NTH}|{_ORDINAL})\b", _day_of_month),
    ("date", rf"\b(?:the )?(?P<d>{_NTH})(?:,? (?:of )?(?:(?P<next>next month)|(?P<this>this month|the month)))?\b{_NO_DOOR}", _day_of_month),
    ("date", rf"\bon the (?P<d>{_ORDINAL})(?:,? (?:of )?(?:(?P<next>next month)|(?P<this>this month|the month)))?\b{_NO_DOOR}", _day_of_month),
    ("vague", rf"下下?个?月|(?:这个?|本)?月[初中](?![心级国间央])旬?|(?:{_N})月(?:份|初|[上中下]旬)|年底|明年(?!初几)|\bnext (?:month|year)\b"
              rf"|\b(?:early|mid|late|(?:the )?(?:beginning|start|middle) of)[- ](?:next month|the month|{_EN_MONTH}|the year)\b|\bin {_EN_MONTH}\b(?! [0-9])", _which),
    ("weekday", rf"(?P<next>下下?个?)?(?:这个?|本|每个?)?{_A_WEEK}(?P<days>[{_WD}](?:[、,]?[{_WD}])+)(?![{_WD}次点时号月七八九十0-9早大直个般定下起些])", _weekdays),
    ("weekday", r"(?P<next>下下?个?(?:周|星期|礼拜)的?)?(?<!个)(?:工作日|平日)|\b(?:any |on |most |every )?weekdays?\b", _working_days),
    ("weekday", rf"(?P<next>下下?个?)?(?P<this>这个?|本)?(?:每个?)?{_A_WEEK}的?(?P<day>[{_WD}末1-7])(?![0-9次回趟遍]|两天都?不)", _weekday),
    ("weekday", r"(?P<next>下个?)?(?P<this>这个?)?(?P<day>双休日)", _weekday),
    ("weekday", r"\b(?P<next>next )?(?:(?P<this>this )|the |at |on |over )*(?P<day>weekend)\b", _weekday),
    ("weekday", rf"(?<!the )\b(?:(?P<a_week_on>a week (?:on|from) )|(?P<next>next )|(?P<this>this (?!coming))|(?:this )?coming |every |each )?(?P<day>{_EN_DAY})s?\b(?P<week_on> week\b)?(?:(?<!day)(?<!days)\.)?", _weekday),
    ("week", rf"(?:(?P<next>下下?个?)|这个?|本){_WEEK}(?![{_WD}末1-7])[内里中]?|\b(?:(?P<next_en>(?:the )?week after next|next week|the following week)|(?:later |early |late )?(?:this|in the) week|(?:the )?end of (?:the|this) week)\b", _week),
    ("vague", r"过[几两俩些阵]个?(?:天|日子?|子|星期|礼拜|周)|过一?[段阵](?:时间|子|日子)?|隔[几两]天|改[天日]|半个月[之以]?后|哪天(?!都)|(?<!前)这[两几俩]天|近期", _which),
    ("vague", r"\b(?:another|some other|a different) (?:day|time|date|week)\b|\bsometime\b|\bsome day\b|\bone of these days\b|\bin a (?:few|couple(?: of)?) (?:days|weeks)\b|\b(?:few|couple of) days (?:later|from now)\b", _which),
)  # fmt: skip
_PATTERNS: Final = tuple((kind, re.compile(words, _F), reader) for kind, words, reader in _ROWS)


def find(text: str, today: date, blocked: Sequence[tuple[int, int]] = ()) -> tuple[Day, ...]:
    """Every day the text speaks of, in order, one for one as said.

    Args:
        text: in plain words (`dialect.plain`).
        today: the date the desk's clock shows.
        blocked: spans that are no time (telephones, ticket numbers).
    """
    taken = list(blocked)
    days: list[Day] = []
    for kind, pattern, reader in _PATTERNS:
        for match in pattern.finditer(text):
            if any(match.start() < end and start < match.end() for start, end in taken):
                continue
            day = reader(match, today)
            if day is not None:
                taken.append(match.span())
                days.append(replace(day, kind=kind))
    return tuple(sorted(days, key=lambda day: day.start))
