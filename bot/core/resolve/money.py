"""Amounts of money: 1236.5元, 两块八, 一千零五, 1万2, "twelve hundred", ¥600.

For fee questions, disputes and refunds in later rounds. Money is `Decimal` yuan with two places, never a float. It must never
take another figure for an amount: a floor, a meter's reading, a telephone, a date, dollars. What is not said exactly (三百多,
300到500) is no amount either, and is asked.

An amount with its unit counts before a bare figure; of several different ones only a correction decides. A bare figure is an
amount unless something beside it says what else it counts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from bot.core.resolve import phone, plate, ticketno
from bot.core.resolve.hanzi import simple
from bot.core.resolve.sums import EN_NUMBER, EN_POINT, HAN, HAN_CLASS, SCALED, value

CENT: Final = Decimal("0.01")
MOST: Final = Decimal("99999999.99")
"""The largest amount read; longer figures are the number of something."""
_LONGEST: Final = 500
"""Characters looked at."""

_FIGURE: Final = rf"[0-9{''.join(HAN)}]"
_NUMBER: Final = rf"(?:{SCALED}|{HAN_CLASS}+(?:点{HAN_CLASS}+)?|{EN_NUMBER}{EN_POINT}?)"
_YUAN: Final = r"(?:元|圆|块钱?|蚊|大洋|软妹币|人民币|(?:rmb|cny|yuan|kuai|bucks?|quid)(?![a-z]))"
_SIGN: Final = r"(?:[¥\uffe5]|人民币|(?:rmb|cny)(?![a-z]))"
_FREE: Final = rf"(?<![0-9a-z.{HAN_CLASS[1:-1]}])"
#: 15块5, 两块八毛五, 一块零五, 三块半, "two and a half yuan", "two yuan fifty".
_WITH_UNIT: Final = re.compile(
    rf"{_FREE}(?:{_SIGN}\s?)?(?P<n>{_NUMBER})(?P<and_half> and a half)?\s?{_YUAN}(?P<vague>多|来)?"
    rf"(?:\s?零?(?P<jiao>{_FIGURE}|{EN_NUMBER})\s?(?:毛钱?|角|jiao|mao)(?:零?(?P<fen>{_FIGURE})分?)?"
    rf"|零(?P<odd>{_FIGURE})分?|(?P<half>半)"
    rf"|\s?(?P<rest>[0-9]{{1,2}}|{_FIGURE})(?![0-9.点]|{HAN_CLASS}|\s?(?:个|次|天|月|年|号|楼|层|度|期|家|人))"
    rf"|,? (?:and )?(?P<en_rest>{EN_NUMBER})(?=\W*$))?",
    re.IGNORECASE,
)
_SIGNED: Final = re.compile(
    rf"{_SIGN}\s?(?P<n>{_NUMBER})(?![0-9a-z])|{_FREE}(?P<before>{_NUMBER})\s?[¥\uffe5](?!\s?[0-9])",
    re.IGNORECASE,
)
#: 五毛, 8毛8, 三分钱, 半块, "half a yuan", "five jiao".
_BELOW_ONE: Final = re.compile(
    rf"{_FREE}(?P<jiao>{_NUMBER})\s?(?:毛钱?|角钱?|(?:jiao|mao)\b)(?:(?P<fen>{_FIGURE})分?)?"
    rf"|{_FREE}(?P<odd>{_NUMBER})\s?(?:分钱|fen\b)"
    rf"|(?P<half>半块钱?|半元|\bhalf an? (?:yuan|kuai|buck)\b)",
    re.IGNORECASE,
)
_BARE: Final = re.compile(rf"{_FREE}(?P<n>{_NUMBER}|half a (?:hundred|thousand|grand))(?![0-9a-z:点])", re.IGNORECASE)

#: Figures of other things, blanked out before amounts are looked for.
_DATES: Final = re.compile(
    r"(?:19|20)[0-9]{2}(?:\s?[年/-]\s?[0-9]{1,2}(?:\s?[月/-]\s?[0-9]{1,2}[日号]?)?|\.[0-9]{1,2}\.[0-9]{1,2}|年)|[0-9]{1,2}月[0-9]{1,2}[日号]?"
    r"|[0-9]{1,2}:[0-9]{2}|(?<![0-9.])[0-9A-Za-z]+-[0-9]+-[0-9]+|(?:[$€£]|\b(?:usd|hkd|eur)\s?|us\$)\s?[0-9][0-9,.]*"
)
#: 300到500, 三五百, 七八十: an amount nobody fixed.
_BETWEEN: Final = re.compile(
    rf"{_FREE}(?:{SCALED}|{HAN_CLASS}+)\s?(?:元|块|yuan|rmb)?\s?(?:到|至|~|-|–| to | or |或者?|还是)\s?(?:{SCALED}"
    rf"|{HAN_CLASS}+)(?=\s?(?:元|块|yuan|rmb|$|[,。吧]))"
    r"|(?<![0-9.])[0-9]{1,3}(?: [0-9]{3})+(?![0-9])"
    r"|(?<!十)[一二三四五六七八九](?=[一二三四五六七八九][十百千万])[一二三四五六七八九][十百千万]+|几[十百千万]"
    r"|[十百千](?:来|多|几)",
    re.IGNORECASE,
)
#: What a figure counts when one of these follows it; words that begin with a numeral (一下, 三更半夜) among them.
_OTHER_UNIT: Final = re.compile(
    r"\s?(?:多|几|余|来[块元]|度|平(?!摊)|方|㎡|楼|层|栋|幢|号|室|单元|座|户|人|位|个|次|回|趟|天|日|月|年|周|星期|礼拜"
    r"|小时|钟|点|时|分|秒|张|把|台|辆|只|条|件|间|套|棵|根|支|瓶|箱|桶|吨|立方|升|公斤|斤|克|千米|米|厘米|公里"
    r"|期|季|倍|折|页|级|岁|路|线|组|批|种|样|项|门|扇|盏|部|%|‰|成|般|下|些|起|直|定|会|共|切|旦|再|边|面|律|致|同|向|概"
    r"|刻|晚|早|夜|家|字|句|口|步|头|带|代|码|像|卡|维|轮|名|旬|开|进|出|动"
    r"|美元|美金|刀|港[币元纸]|欧元|英镑|日元|[$€£]|(?:kwh|kw|sq|sqm|square|m2|m|met(?:er|re)s?|floors?|th|st|nd|rd|pm|am"
    r"|o'?clock|times?|days?|months?|years?|weeks?|hours?|minutes?|people|persons?|units?|degrees?|percent|tons?"
    r"|cubic|cents?|points?|stars?|rooms?|cards?|keys?|dollars?|usd|hkd|euros?|pounds?|of|more|guys?|cars?|something)\b)",
    re.IGNORECASE,
)
_OTHER_BEFORE: Final = re.compile(
    r"(?:第|尾号|房号|房间|门牌|号|编号|电话|手机|车位|楼|栋|座|单元|房|[家住在几]|[-/~#]|[0-9]\s?[到至]"
    r"|\b(?:block|room|unit|floor|flat|no|number|building|at|after|before|until|usd|hkd))\s?[:.]?\s?$",
    re.IGNORECASE,
)
_LED: Final = re.compile(
    r"(?:^|[\s,。.!?;:、()]|[交付收是花转打给要共计总约月年费金钱价款为就才只差欠退缴充扣到成近了概约我你])$"
)
_EN_LED: Final = re.compile(
    r"\b(?:paid|pay|was|is|it'?s|about|for|costs?|charged|roughly|around|only|just|total|of|owe|transferred|exactly)\s$",
    re.IGNORECASE,
)
_ENDED: Final = re.compile(r"\s*(?:$|[,。.!?;、()\s]|[吧了的呢啊够行对吗左右整每费押么呀哈而])")
_ALONE_BEFORE: Final = re.compile(r"(?:^|[\s,。.!?;:、()]|[是为就才交收付])$")
_NOT_THIS: Final = re.compile(
    r"(?:不是|并非|而非|写成了?|说成了?|算成了?|收成了?|\b(?:not|isn'?t|instead of"
    r"|rather than))\s?[:是]?\s*(?:[¥\uffe5]\s?)?$",
    re.IGNORECASE,
)
_NOT_THAT: Final = re.compile(r"\s*(?:是错的?|错了|不对|改成|改为|is wrong|should be)", re.IGNORECASE)
_CORRECTION: Final = re.compile(
    r"不对|说错|写错|打错|改|更正|应该|其实|实际|sorry|actually|i mean|meant|correction|should be",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Amount:
    """An amount found: `value` in yuan with two places, `marked` when its unit was said."""

    value: Decimal
    marked: bool
    text: str
    start: int
    end: int


def _tenths(said: str | None) -> Decimal:
    return (value(said) or Decimal(0)) / 10 if said else Decimal(0)


def _unit_sum(match: re.Match[str]) -> Decimal | None:
    """Yuan and what stands behind the unit: 毛, 分, a half, a bare figure (15块5, 12元50)."""
    whole = value(match["n"])
    if whole is None or match["vague"]:
        return None
    rest = match["rest"] or ""
    cents = value(match["en_rest"]) if match["en_rest"] else Decimal(rest) if len(rest) == 2 else Decimal(0)
    if cents is None or cents >= 100:
        return None
    if match["en_rest"] and cents < 10:  # "two kuai eight" is 两块八
        cents *= 10
    halves = Decimal("0.5") if match["half"] or match["and_half"] else Decimal(0)
    tenths = _tenths(match["jiao"]) + (_tenths(rest) if len(rest) == 1 else 0)
    return whole + halves + tenths + _tenths(match["fen"] or match["odd"]) / 10 + cents / 100


def _small_sum(match: re.Match[str]) -> Decimal | None:
    if match["half"]:
        return Decimal("0.5")
    return _tenths(match["jiao"]) + _tenths(match["fen"] or match["odd"]) / 10


def _bare_sum(text: str, match: re.Match[str]) -> Decimal | None:
    """A figure without a unit, where nothing says that it counts something else."""
    start, end, said = match.start(), match.end(), match["n"]
    if _OTHER_UNIT.match(text, end) or _OTHER_BEFORE.search(text, 0, start):
        return None
    if said.lower().startswith("half a"):
        return (value(said[7:]) or Decimal(0)) / 2
    if not said[0].isascii():
        short = len(said) == 1
        if not (_ALONE_BEFORE if short else _LED).search(text, 0, start) or not _ENDED.match(text, end):
            return None
    elif said.isalpha() and text.strip(" .!,").lower() != said.lower() and not _EN_LED.search(text, 0, start):
        return None  # "no one came"
    return value(said)


def _money(amount: Decimal | None) -> Decimal | None:
    """The amount with two places; None for more places, and for what is too large to be money."""
    if amount is None or not 0 <= amount <= MOST or amount != amount.quantize(CENT):
        return None
    return amount.quantize(CENT)


def _readable(text: str) -> str:
    """The text in simplified characters, with the figures of other things blanked out; same length."""
    read = simple(text)
    spans = [*ticketno.spans(read), *((p.start, p.end) for p in phone.find(read)), *((p.start, p.end) for p in plate.find(read))]
    spans += [match.span() for pattern in (_DATES, _BETWEEN) for match in pattern.finditer(read)]
    for start, end in spans:
        read = read[:start] + "\x00" * (end - start) + read[end:]
    return read


def find(text: str) -> tuple[Amount, ...]:
    """Every amount in the text, in order; those with their unit, or, where there is none, the bare figures."""
    read = _readable(text[:_LONGEST])

    def amounts() -> Iterator[tuple[Decimal | None, bool, int, int]]:
        for pattern, total in ((_WITH_UNIT, _unit_sum), (_BELOW_ONE, _small_sum)):
            for match in pattern.finditer(read):
                yield total(match), True, *match.span()
        for match in _SIGNED.finditer(read):
            yield value(match["n"] or match["before"]), True, *match.span()
        for match in _BARE.finditer(read):
            yield _bare_sum(read, match), False, *match.span()

    found: list[Amount] = []
    for total, marked, start, end in sorted(amounts(), key=lambda place: (not place[1], place[2], -place[3])):
        if any(start < other.end and other.start < end for other in found):
            continue
        kept = _money(total)
        if kept is not None:
            found.append(Amount(kept, marked, text[start:end], start, end))
    marked_ones = [amount for amount in found if amount.marked]
    return tuple(sorted(marked_ones or found, key=lambda amount: amount.start))


def amount(text: str) -> Decimal | None:
    """The amount that is meant, in yuan with two places, or None when there is none, or more than one.

    Args:
        text: "两块八", "转了1280元", "not 500 but 600 yuan".
    """
    read = simple(text)
    meant = [a.value for a in find(text) if not _NOT_THIS.search(read, 0, a.start) and not _NOT_THAT.match(read, a.end)]
    if not meant:
        return None
    return meant[-1] if len(set(meant)) == 1 or _CORRECTION.search(read) else None


def render(value: Decimal) -> str:
    """The amount as it stands in a text: "1236.50元"."""
    return f"{value.quantize(CENT)}元"
