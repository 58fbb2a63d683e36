"""How sums are said: 两千五, 一万二, 壹仟贰佰叁拾, "twelve hundred", "one thousand and five".

For `money`. Speech leaves out the last scale (两千五 is 2500) and a 零 says that it does not (两千零五 is 2005); `numerals` reads
room numbers and dates, where that is otherwise. Nothing here is a float.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from bot.core.resolve.wordlist import words

HAN: Final[Mapping[str, int]] = {
    "零": 0, "〇": 0, "一": 1, "壹": 1, "二": 2, "贰": 2, "两": 2, "俩": 2, "三": 3, "叁": 3, "仨": 3, "四": 4, "肆": 4, "五": 5, "伍": 5,
    "六": 6, "陆": 6, "七": 7, "柒": 7, "八": 8, "捌": 8, "九": 9, "玖": 9,
}  # fmt: skip
_SCALES: Final[Mapping[str, int]] = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_MYRIADS: Final[Mapping[str, int]] = {"亿": 100_000_000, "万": 10_000}
HAN_CLASS: Final = f"[{''.join(HAN)}{''.join(_SCALES)}{''.join(_MYRIADS)}]"
"""A character class for regular expressions."""

_EN_UNITS: Final = words("""
    zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen
    nineteen
""")
_EN_TENS: Final = words("twenty thirty forty fifty sixty seventy eighty ninety")
_EN_SMALL: Final[Mapping[str, int]] = {word: value for value, word in enumerate(_EN_UNITS)} | {
    word: 10 * (index + 2) for index, word in enumerate(_EN_TENS)
}
_EN_SCALES: Final[Mapping[str, int]] = {"thousand": 1000, "grand": 1000, "million": 1_000_000}
_EN_WORD: Final = f"(?:{'|'.join(sorted([*_EN_SMALL, *_EN_SCALES, 'hundred'], key=len, reverse=True))})"
EN_NUMBER: Final = rf"(?:an?[ ](?=hundred|thousand|grand))?{_EN_WORD}(?:(?:[ -]+|,? and |, ){_EN_WORD}\b)*"
"""A regular expression for a number in English words, case ignored."""
_EN_DIGIT: Final = "|".join(_EN_UNITS[:10])
EN_POINT: Final = rf"(?: point (?:{_EN_DIGIT})(?: (?:{_EN_DIGIT}))?)"

DIGITS: Final = r"(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?|(?<![0-9])\.[0-9]+"
_SCALED: Final = re.compile(rf"({DIGITS})\s?(万|千|百|k|w|thousand|hundred|grand)?([0-9])?", re.IGNORECASE | re.ASCII)
_FACTORS: Final[Mapping[str, int]] = {
    "万": 10_000, "w": 10_000, "千": 1000, "k": 1000, "thousand": 1000, "grand": 1000, "百": 100, "hundred": 100,
}  # fmt: skip
SCALED: Final = rf"(?:{DIGITS})(?:\s?(?:万|千|百)[0-9]?(?![0-9])|\s?(?:k|w|thousand|hundred|grand)(?![a-z]))?"
"""Digits, perhaps with a scale behind them: 1,236.5, 1万2, 2.5k."""


def _below_myriad(word: str) -> int | None:
    total, digit, zero, ceiling = 0, None, False, 10_000
    for character in word:
        if character in HAN:
            if digit:
                return None
            digit = HAN[character]
            zero = zero or digit == 0
            continue
        scale = _SCALES[character]
        if scale >= ceiling:
            return None
        total += (1 if digit is None else digit) * scale
        digit, zero, ceiling = None, False, scale
    if digit and not zero and 100 <= ceiling < 10_000:
        digit *= ceiling // 10
    return total + (digit or 0)


def _han(word: str) -> int | None:
    """One number, or None for what is read out figure by figure (一二三) or lies between (三五百)."""
    if all(character in HAN for character in word):
        return HAN[word] if len(word) == 1 else None
    total, rest = 0, word
    for unit, factor in _MYRIADS.items():
        before, found, after = rest.partition(unit)
        if not found:
            continue
        above = _below_myriad(before) if before and not set(before) & set(_MYRIADS) else None
        if above is None:
            return None
        total += above * factor
        if len(after) == 1 and HAN.get(after):
            return total + HAN[after] * factor // 10
        rest = after
    if set(rest) & set(_MYRIADS):
        return None
    below = _below_myriad(rest)
    return None if below is None else total + below


def _english(said: str) -> int | None:
    total, current, last = 0, 0, 0
    for word in re.split(r"[ ,-]+", said.lower()):
        if word in ("a", "an", "and"):
            continue
        if word in _EN_SMALL:
            value = _EN_SMALL[word]
            if last and (value >= last or last < 20):  # "three fifty" is no one number
                return None
            current, last = current + value, value or 1
        elif word == "hundred":
            current, last = max(current, 1) * 100, 100
        else:
            total, current, last = total + max(current, 1) * _EN_SCALES[word], 0, 1000
    return total + current


def value(said: str) -> Decimal | None:
    """The value of a sum as it is said, without its unit, or None when it is not one number.

    Args:
        said: "1,236.5", "1万2", "2.5k", "两千五", "十二点五", "twelve hundred", "eighty-eight point five".
    """
    word = said.strip().lower()
    match = _SCALED.fullmatch(word)
    if match:
        digits = match[1].replace(",", "")
        if len(digits) > 14 or (match[3] and match[2] not in ("万", "千", "百")):
            return None
        factor = Decimal(_FACTORS.get(match[2] or "", 1))
        return Decimal(digits) * factor + Decimal(match[3] or 0) * factor / 10
    whole, point, places = word.partition(" point ") if word.isascii() else word.partition("点")
    if word.isascii():
        figures = [str(_EN_UNITS.index(place)) for place in places.split() if place in _EN_UNITS[:10]]
        number = _english(whole) if re.fullmatch(EN_NUMBER, whole) else None
    else:
        figures = [str(HAN[place]) for place in places if place in HAN]
        number = _han(whole) if whole and re.fullmatch(f"{HAN_CLASS}+", whole) else None
    if number is None or (point and len(figures) != len(places.split() if word.isascii() else places)):
        return None
    return Decimal(f"{number}.{''.join(figures) or 0}")
