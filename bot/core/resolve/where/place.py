"""Where the trouble is: in a home (厨房, master bedroom) or in a common part of the estate (9号楼北门, 地下二层, lobby).

A place is where somebody can go; the thing that is broken there is none: of "3栋2单元电梯坏了" the place is 3栋2单元, and
"电梯又停了" names no place at all, so that the desk asks which lift. A room of a common part (大堂的卫生间) is common. What a
message is about decides, not whose door it is at (我家门口的电梯 is common).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bot.core.resolve.where import homes, room
from bot.core.resolve.where.commons import ASKED, COMMON_PARTS
from bot.core.resolve.where.faults import FIXTURES, TROUBLE
from bot.core.resolve.where.spelling import plain
from bot.core.resolve.where.whose import mine

_NOT_HERE: Final = re.compile(r"(?:不是|不在|并非|没在|\bnot (?:in |at )?(?:the |my )?)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Place:
    """`public` is True for a common part, False for a home. The span of the spot points into the text; empty when unsaid."""

    public: bool
    start: int = 0
    end: int = 0


def _said(pattern: re.Pattern[str], shown: str) -> Iterator[re.Match[str]]:
    for match in pattern.finditer(shown):
        if not _NOT_HERE.search(shown, max(0, match.start() - 16), match.start()):
            yield match


def _common(shown: str) -> Place | None:
    """The first common part that is named, as fully as it is named there; else the bare thing."""
    spots: list[tuple[int, int]] = []
    thing = False
    for pattern in COMMON_PARTS:
        for match in _said(pattern, shown):
            if "spot" not in pattern.groupindex:
                thing = True
                break
            start, end = match.span("spot")
            start += len(shown[start:end]) - len(shown[start:end].lstrip(" 的"))
            spots.append((start, -end))
    if spots:
        start, end = min(spots)
        return Place(True, start, -end)
    return Place(True) if thing else None


def _inside(text: str, shown: str) -> Place | None:
    """The room of a home that is named, unless only a neighbour's home is spoken of in its clause."""
    found = next(_said(homes.ROOMS, shown), None)
    if found is None:
        return None
    if homes.BETWEEN.match(shown, found.start()):
        return Place(False)
    if not mine(shown):
        for other in (m for m in room.mentions(text) if m.whose == "other" and m.end <= found.start()):
            if not re.search("[,，。!?;]", shown[other.end : found.start()]):
                return None  # building 5 flat 803 throws stuff off the balcony
    return Place(False, *found.span())


def read(text: str) -> Place | None:
    """The place of which the text speaks; None when it does not tell."""
    shown = plain(text)
    common, inside = _common(shown), _inside(text, shown)
    if common and inside and common.start <= inside.start and inside.end <= common.end and inside.end - inside.start < common.end - common.start:
        return common  # 大堂的卫生间
    if inside:
        return inside
    trouble = bool(TROUBLE.search(shown))
    if common and not trouble and ASKED.search(shown):
        return None
    if common and (common.end or not (trouble and homes.WITHIN.search(shown))):
        return common
    if homes.ALONE.fullmatch(shown):
        home = homes.ANY.search(shown)
        return Place(False, *home.span()) if home else Place(False)
    own = any(m.room and m.whose != "other" for m in room.mentions(text))
    at_home = own or homes.ANY.search(shown) or homes.SHOP.search(shown) or FIXTURES.search(shown)
    return Place(False) if trouble and at_home else None


#: Parts that every building has one of: which one is meant goes without saying for who lives there.
_OF_A_BUILDING: Final = re.compile(
    r"楼道|走廊|过道|连廊|电梯|梯厅|楼梯|大堂|门厅|大厅|单元门|楼门|天台|楼顶|顶楼|[0-9一二三四五六七八九十]+[楼层]|信报箱|信箱|"
    r"corridor|hallway|stair|landing|lobby|\blifts?\b|elevator|roof|\bfloor\b",
    re.IGNORECASE,
)


def of_a_building(spot: str) -> bool:
    """Whether this spot is part of some building, and does not say of which."""
    shown = plain(spot)
    return _OF_A_BUILDING.search(shown) is not None and not any(mention.building for mention in room.mentions(spot))


def is_public(text: str) -> bool | None:
    """True for a common part of the estate (公区), False for a home, None when the text does not tell."""
    found = read(text)
    return found.public if found else None


def place(text: str) -> str | None:
    """The spot in the home or the common part, in the resident's own words: 厨房, 9号楼北门, lobby; None if unsaid."""
    found = read(text)
    return text[found.start : found.end] if found and found.start < found.end else None
