"""Numbers as residents write them: 12, 12, 十二, 七零三, 两, twelve.

`fold` keeps the length of a text, so that spans found in the folded text point into the text as it was sent.
It must never change case: lower-casing some letters changes the length.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_ZH_DIGITS: Final[Mapping[str, int]] = {
    "零": 0, "〇": 0, "○": 0, "一": 1, "幺": 1, "二": 2, "两": 2, "三": 3, "四": 4, "五": 5, "六": 6,
    "七": 7, "八": 8, "九": 9, "壹": 1, "贰": 2, "叁": 3, "肆": 4, "伍": 5, "陆": 6, "柒": 7, "捌": 8, "玖": 9,
}  # fmt: skip
_ZH_SCALES: Final[Mapping[str, int]] = {"十": 10, "拾": 10, "百": 100, "千": 1000}
EN_NUMBERS: Final[Mapping[str, int]] = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12,
}  # fmt: skip

ZH_NUMERAL: Final = "[零〇○一幺二两三四五六七八九十百]"
"""A character class for regular expressions; formal characters (壹贰叁) are left to cheques."""
EN_NUMERAL: Final = "(?:" + "|".join(EN_NUMBERS) + ")"

_FOLDS: Final[Mapping[int, int]] = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    0x3000: 0x20,
    0x2018: 0x27,
    0x2019: 0x27,
}


def fold(text: str) -> str:
    """The text with full-width letters, digits and signs made half-width; same length as before."""
    return text.translate(_FOLDS)


def number(text: str) -> int | None:
    """The value of a numeral: "12", "十二", "一百零二", "七零三", "twelve"; None when it is not one."""
    word = fold(text).strip()
    if word.isascii() and word.isdigit():
        return int(word) if len(word) <= 18 else None
    if word.lower() in EN_NUMBERS:
        return EN_NUMBERS[word.lower()]
    if not word or any(ch not in _ZH_DIGITS and ch not in _ZH_SCALES for ch in word):
        return None
    if not any(ch in _ZH_SCALES for ch in word):
        return int("".join(str(_ZH_DIGITS[ch]) for ch in word)) if len(word) <= 18 else None
    total, digit, ceiling = 0, None, 10_000
    for ch in word:
        if ch in _ZH_DIGITS:
            if digit:  # 三四十 is not one number
                return None
            digit = _ZH_DIGITS[ch]
            continue
        scale = _ZH_SCALES[ch]
        if scale >= ceiling:
            return None
        total += (1 if digit is None else digit) * scale
        digit, ceiling = None, scale
    return total + (digit or 0)


def spoken_digits(text: str) -> str | None:
    """The digits of a number read out figure by figure, leading zeros kept: 七零三 is "703", "0703" stays.

    A numeral with 十 or 百 gives its value: 十二 is "12". None when the text is no numeral.
    """
    word = fold(text).strip()
    if word.isascii() and word.isdigit():
        return word
    if word and all(ch in _ZH_DIGITS for ch in word):
        return "".join(str(_ZH_DIGITS[ch]) for ch in word)
    value = number(word)
    return None if value is None else str(value)
