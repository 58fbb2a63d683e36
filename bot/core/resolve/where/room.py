"""Where somebody lives, as written: 4栋1单元703, 四号楼一单元七零三, 4-1-703, Tower B 1203, 7楼03, or just 703.

The text is read into the words of an address (`wording`), neighbouring words are put together in whatever order they stand, and
the values are normalised (building "4" or "A", unit "1", room "703", a bay "B1-003", a shop "S02"). Whether they exist the
estate register decides, whose home it is `whose` says. A part of a telephone number, a time, a date, an amount or a ticket
number must never be taken for a room (`figures`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from bot.core.resolve.numerals import number
from bot.core.resolve.where import doornumber
from bot.core.resolve.where.figures import HIDDEN, mask
from bot.core.resolve.where.whose import Whose, whose
from bot.core.resolve.where.wording import AFTER_BARE, BARE, BARE_HOUSES, BEFORE_BARE, WORDS


@dataclass(frozen=True, slots=True)
class Parts:
    """A room or a part of its address, normalised; what was not said is None."""

    building: str | None = None
    unit: str | None = None
    room: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomMention(Parts):
    """One mention of a room or a part of its address. Spans point into the text."""

    text: str
    start: int
    end: int
    whose: Whose = "unknown"


_FLAGS: Final = re.IGNORECASE | re.ASCII
_BAY: Final = re.compile(r"[A-Z][1-9]?-[0-9]{2,3}", re.ASCII)
_DASHED: Final = re.compile(r"[1-9]\s?-\s?[0-9]{3,4}", re.ASCII)
_JOIN: Final = re.compile(r"[\s,、·()的/–—.;:|-]{0,4}(?:(?:in|of|at|on|from)\s+(?:the\s+)?)?[\s(]{0,2}", _FLAGS)
_AND: Final = re.compile(r"\s*(?:和|与|跟|、|/|and|&)\s*", _FLAGS)
_DENIED: Final = re.compile(r"(?:不是|并非|不住|没住|\bnot|isn't|instead of|rather than)\s*(?:in\s+|at\s+)?$", _FLAGS)
_READ_ALOUD: Final = re.compile(r"[零〇○幺]|^[一二三四五六七八九]{4}$|\b(?:oh|o|zero)\b|hundred", _FLAGS)


def is_bay(room: str | None) -> bool:
    """Whether a room's number is a parking bay's: B1-003, C-058."""
    return bool(room and _BAY.fullmatch(room))


def dashed(words: str) -> bool:
    """Whether the words are two figures with a dash, of which the first may be a building or a unit: 1-703."""
    return bool(_DASHED.fullmatch(words))


@dataclass(frozen=True, slots=True)
class _Word:
    """A part in words of its own, or several in one (4-1-703).

    A `floor` and a `flat` may stand apart (12th floor, tower B, flat 3); a floor alone only joins its neighbours. `bare` is a
    number with no word of its own, `dashed` is 1-703.
    """

    said: frozenset[tuple[str, str]]
    start: int
    end: int
    bare: bool = False
    dashed: bool = False

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(kind for kind, _ in self.said)

    def as_unit(self) -> _Word:
        """The same with its first figure for the unit."""
        said = frozenset(("unit" if kind == "building" else kind, value) for kind, value in self.said)
        return replace(self, said=said, dashed=False)


def _door(given: dict[str, str]) -> str | None:
    """The number of a room, of a bay, or of a flat on a floor."""
    if "floor" in given:
        return _on_floor(given["floor"], given["flat"])
    if "level" in given:
        return f"B{number(given['level'])}-{given['room']}"
    bay = re.sub(r"\s*[–—/_-]+\s*", "-", given["room"].strip()).upper()
    return bay if is_bay(bay) else doornumber.read(given["room"])


def _on_floor(floor: str, flat: str) -> str | None:
    numbers = doornumber.count(floor), doornumber.count(flat)
    return doornumber.of_floor(numbers[0], numbers[1]) if numbers[0] and numbers[1] else None


def _said(match: re.Match[str]) -> dict[str, str | None]:
    """The normalised values of a match, by part."""
    given = {name: value for name, value in match.groupdict().items() if value}
    if shop := given.get("shop"):
        place = number(shop)
        return {"building": "S", "room": shop.upper() if place is None else f"S{place:02d}"}
    said: dict[str, str | None] = {kind: doornumber.house(given[kind]) for kind in ("building", "unit") if kind in given}
    if given.keys() & {"room", "floor"}:
        said["room"] = _door(given)
    elif "flat" in given:
        said["flat"] = given["flat"]
    elif "storey" in given:
        said["floor"] = given["storey"]
    return said


def _words(shown: str) -> list[_Word]:
    """The words of an address in a masked text, in order; numbers with no word of their own where none of them is."""
    found: list[_Word] = []

    def read(pattern: re.Pattern[str], within: str, bare: bool) -> None:
        for match in pattern.finditer(within):
            said = _said(match)
            free = not any(match.start() < word.end and word.start < match.end() for word in found)
            if free and None not in said.values():
                values = frozenset((kind, value) for kind, value in said.items() if value)
                found.append(_Word(values, *match.span(), bare=bare, dashed=dashed(match[0])))

    for pattern in WORDS:
        read(pattern, shown, bare=False)
    rest = shown
    for word in found:
        rest = rest[: word.start] + HIDDEN * (word.end - word.start) + rest[word.end :]
    for pattern in (BARE, *BARE_HOUSES):
        read(pattern, rest, bare=True)
    ends = {word.end for word in found}

    def torn(word: _Word) -> bool:  # 555-0703, but not 1单元-703
        return word.bare and shown[word.start - 1 : word.start] in ("-", "/") and word.start - 1 not in ends

    return sorted((word for word in found if not torn(word)), key=lambda word: word.start)


def _stands(shown: str, word: _Word) -> bool:
    """Whether a number with nothing beside it is a room: by its size, and by where it stands in the clause."""
    spoken = shown[word.start : word.end]
    before = shown[max(0, word.start - 24) : word.start]
    value = dict(word.said).get("room")
    if value is None or not doornumber.likely(value):
        return False
    if spoken[0] == "0" and before and not re.search(r"(?:房号?|室号|门牌号?|住|room|flat)[\s:]*$", before):
        return False  # 0703那张单
    if not (spoken[0].isdigit() or _READ_ALOUD.search(spoken) or re.search("[住是家]$", before)):
        return False
    return bool(BEFORE_BARE.search(before) or AFTER_BARE.match(shown, word.end))


def _fitted(current: list[_Word], word: _Word) -> tuple[list[_Word], _Word]:
    """Beside a building 1-703 is unit and room: 4栋,1-703 or flat 1-703 in building 4."""
    if len(current) == 1 and current[0].dashed and word.kinds == {"building"}:
        return [current[0].as_unit()], word
    if word.dashed and current and all(other.kinds <= {"building"} for other in current):
        return current, word.as_unit()
    return current, word


def _groups(shown: str) -> Iterator[list[_Word]]:
    """Words that stand together and name different parts of one address."""
    current: list[_Word] = []
    for word in _words(shown):
        if current:
            fitted, fit = _fitted(current, word)
            said = frozenset(kind for other in fitted for kind in other.kinds)
            gap = shown[current[-1].end : word.start]
            split = "," in gap and _denied(shown, current[0].start)  # 是C座不是B座,1102
            if _JOIN.fullmatch(gap) and not said & fit.kinds and not split:
                current = [*fitted, fit]
                continue
            yield current
        current = [word]
    if current:
        yield current


def _denied(shown: str, start: int) -> bool:
    return bool(_DENIED.search(shown, max(0, start - 14), start))


def _parts(group: list[_Word]) -> Parts:
    """What a group names; a floor and a flat make a room, in a tower without units also a floor and a unit."""
    said = dict(part for word in group for part in word.said)
    building, unit, door = said.get("building"), said.get("unit"), said.get("room")
    if door is None and "floor" in said:
        if "flat" in said:
            door = _on_floor(said["floor"], said["flat"])
        elif building and building.isalpha() and unit:
            door = _on_floor(said["floor"], unit)
            unit = None if door else unit
    return Parts(building, unit, door)


def mentions(text: str) -> tuple[RoomMention, ...]:
    """Every room, or part of an address, in the text, in order. What is denied (不是703) is left out."""
    shown = mask(text)
    result: list[RoomMention] = []
    for group in _groups(shown):
        parts = _parts(group)
        telling = [word for word in group if word.kinds & {"building", "unit", "room", "flat"}]
        if parts == Parts() or _denied(shown, group[0].start):
            continue
        if all(word.bare for word in telling) and not any(_stands(shown, word) for word in telling):
            continue
        start, end = telling[0].start, group[-1].end
        last = result[-1] if result else None
        owner = whose(shown, start, end, after=last.end if last else 0)
        if owner == "unknown" and last and last.whose == "other" and _AND.fullmatch(shown, last.end, start):
            owner = "other"
        result.append(
            RoomMention(parts.building, parts.unit, parts.room, text=text[start:end], start=start, end=end, whose=owner)
        )
    return tuple(result)


def merge(earlier: Parts | None, later: Parts, corrected: bool = False) -> Parts:
    """What is known after a second mention: a part said later replaces the earlier one, the rest stays.

    "4栋1单元" then "703" gives all three; "打错了,是603" replaces the room alone. Of another building the unit and the
    room are said anew, unless the building alone is `corrected`.
    """
    if earlier is None:
        return Parts(later.building, later.unit, later.room)
    moved = later.building is not None and earlier.building not in (None, later.building)
    if moved and (later.room or not corrected):
        return Parts(later.building, later.unit, later.room)
    return Parts(later.building or earlier.building, later.unit or earlier.unit, later.room or earlier.room)
