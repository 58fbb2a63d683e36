"""The number on a door, as written or as spoken: 703, 0703, 七零三, 七百零三, 十二零三, seven oh three.

A room's number is its floor and two figures for the flat (703, 1203), so that "七楼三号" and "30th floor flat 6" name one.
Buildings, units and floors are counted: 4, 四, four, fourth.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from bot.core.resolve.numerals import EN_NUMBERS, ZH_NUMERAL, number, spoken_digits

_CARDINALS: Final[Mapping[str, int]] = {
    "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17, "eighteen": 18, "nineteen": 19,
    "twenty": 20, "thirty": 30, "forty": 40, **dict(sorted(EN_NUMBERS.items(), key=lambda item: -len(item[0]))),
}  # fmt: skip
_ORDINALS: Final = (
    "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth",
)  # fmt: skip
#: What a voice keyboard hears for a figure or a letter: building for unit won, tower see.
_HEARD: Final[Mapping[str, str]] = {
    "won": "1", "to": "2", "too": "2", "tree": "3", "for": "4", "fore": "4", "ate": "8", "ay": "A", "be": "B", "bee": "B", "see": "C", "sea": "C",
}  # fmt: skip
_NOUGHTS: Final = ("oh", "zero", "nought", "o")
_WORD: Final = "(?:" + "|".join([*_CARDINALS, *_NOUGHTS]) + ")"

ZH_SPOKEN: Final = f"[{ZH_NUMERAL[1:-1]}千]"
"""A character class for regular expressions: what a number read aloud is made of."""
EN_SPOKEN: Final = (
    rf"(?<![a-z])(?:{_WORD}\s+hundred\s+(?:and\s+)?{_WORD}|{_WORD}(?:[\s-]{_WORD}){{1,4}})(?![a-z])"
)
EN_FLOOR_FLAT: Final = rf"{_WORD}[\s-](?:oh|o|zero|nought)[\s-]{_WORD}(?![a-z])"
EN_COUNT: Final = "(?:" + "|".join(_CARDINALS) + ")(?![a-z])"
EN_HEARD: Final = rf"(?:{'|'.join(sorted(_HEARD, key=len, reverse=True))})(?=[\s,]+(?:unit|flat|apt|room|[0-9]|{_WORD}))"
EN_ORDINAL: Final = "(?:[0-9]{1,2}(?:st|nd|rd|th)|" + "|".join(_ORDINALS) + ")(?![a-z])"

#: 十二零三, 二十零一: the floor, a nought, the flat.
_FLOOR_NOUGHT_FLAT: Final = re.compile(r"(二?十[一二三四五六七八九]?|三十)[零〇○](\w)")


def house(word: str) -> str | None:
    """The code of a building or a unit: 4, A, 东. None when it can be none."""
    said = _HEARD.get(word.strip().lower(), word.strip())
    value = count(said)
    if value is None:
        return said.upper()
    return str(value) if 0 < value < 1000 else None


def count(word: str) -> int | None:
    """Which building, unit or floor: 4, 四, 两, four, nineteen, seventh, 7th. None when the word is no number."""
    lower = re.sub(r"(?<=[0-9])(?:st|nd|rd|th)$", "", word.lower())
    if lower in _ORDINALS:
        return _ORDINALS.index(lower) + 1
    return _CARDINALS.get(lower, number(lower))


def read(word: str) -> str | None:
    """The number of a room, 3 to 5 figures and perhaps a letter; None when the words are no such number."""
    letter = word[-1].upper() if re.search(r"[0-9][A-Za-z]$", word) else ""
    bare = word[:-1] if letter else word
    figures: str | None
    if re.match(r"[A-Za-z]", bare):
        figures = _english(bare)
    elif aloud := _FLOOR_NOUGHT_FLAT.fullmatch(bare):
        floor, flat = number(aloud[1]), number(aloud[2])
        figures = None if floor is None or flat is None else of_floor(floor, flat)
    else:
        figures = spoken_digits(re.sub(r"(?<=[0-9])\s(?=[0-9])", "", bare))
    if figures is None or not 3 <= len(figures) <= 5:
        return None
    if len(figures) == 4 and figures[0] == "0" != figures[1]:  # 0703 on a form with four places
        figures = figures[1:]
    return figures + letter


def _english(words: str) -> str:
    """ "seven oh three" is "703", "twenty-one oh four" "2104", "seven hundred and three" "703"."""
    said = re.split(r"[\s-]+", words.lower())
    values = {**_CARDINALS, **dict.fromkeys(_NOUGHTS, 0)}
    if "hundred" in said:
        return str(values[said[0]] * 100 + values[said[-1]])
    figures: list[int] = []
    for value in (values[word] for word in said):
        if figures and figures[-1] in (20, 30, 40) and 0 < value < 10:
            figures[-1] += value
        else:
            figures.append(value)
    return "".join(map(str, figures))


def of_floor(floor: int, flat: int) -> str:
    """The third flat of the seventh floor is 703."""
    return f"{floor}{flat:02d}"


def likely(figures: str) -> bool:
    """Whether a number standing alone may be a room: floors 1 to 60, at most twenty flats a floor."""
    plain = figures.rstrip("ABCDEFGH")
    if not plain.isdigit() or len(plain) not in (3, 4):
        return False
    return plain[0] != "0" and int(plain[:-2]) <= 60 and 1 <= int(plain[-2:]) <= 20
