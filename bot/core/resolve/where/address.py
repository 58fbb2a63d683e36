"""Which room a resident means: from his words, what he said before, the rooms he is bound to, and the register.

One decision with four answers, and no guess among them: several rooms that fit are asked about, a neighbour's number is never
the speaker's room, and an address the register does not hold stays as it was said, unverified.

1. What is said of an address is read word by word (`room`); mentions of neighbours and of common parts are set apart.
2. A part said later replaces the earlier one; what was said before in the same request stays.
3. A room he is bound to answers when the parts fit it alone, or when he says no address and speaks of his home.
4. Otherwise the register is asked, once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from bot.core.resolve.where import homes, place
from bot.core.resolve.where.faults import FIXTURES, faulty
from bot.core.resolve.where.room import Parts, RoomMention, dashed, is_bay, mentions, merge
from bot.core.resolve.where.spelling import plain
from bot.core.resolve.where.whose import elsewhere, mine, next_door, nuisance
from bot.core.types import RoomRef

Lookup: TypeAlias = Callable[[str | None, str | None, str | None], Sequence[RoomRef]]
"""The rooms of the register that fit a building, a unit and a room; None fits all. It may leave some of many out."""


@dataclass(frozen=True, slots=True)
class Found:
    """The one room of the register that is meant, with its parts."""

    said: Parts
    room: RoomRef


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several rooms of the register fit: which one is to be asked."""

    said: Parts
    rooms: tuple[RoomRef, ...]


@dataclass(frozen=True, slots=True)
class Unverified:
    """An address that is not in the register, as it was said."""

    said: Parts


@dataclass(frozen=True, slots=True)
class Partial:
    """A part that names no room yet: the rest is to be asked for."""

    said: Parts


Answer: TypeAlias = Found | Ambiguous | Unverified | Partial

_CORRECTS: Final = re.compile(
    r"错|不对|不是|更正|纠正|应该是|改成|改为|反了|才对|记混|哦不|哦,?是|其实是|不好意思|\b(?:typo|wrong|sorry|oops|meant|correct(?:ion)?|actually|no|wait|not)\b",
    re.IGNORECASE,
)
_SHOP: Final = re.compile(r"S[0-9]{2}")
_MY_BAY: Final = re.compile(
    r"(?:我|租|买|咱|本人)(?:们)?(?:的|家|那个?|这个?|了|在|停)*(?:车位|[A-Z][0-9]?-)|车位(?:号)?是|是我(?:的|租的|买的)|我的\s*$|车主|地锁|月卡|续[费租]|"
    r"\b(?:my|our)\s+(?:parking\s+)?(?:bay|space|spot|parking|car park)|\bi (?:rent|own|bought)\b",
    re.IGNORECASE,
)
_JUST_A_BAY: Final = re.compile(r"(?:[\s,.。!~的是]|号?停?车位|\b(?:it's|bay|parking|space)\b)*", re.IGNORECASE)
_A_BAY: Final = re.compile(r"车位|地锁|\bbay\b", re.IGNORECASE)
_OWNED: Final = re.compile(r"(?:我们?的|\b(?:my|our)\s+(?:\w+\s+)?)$", re.IGNORECASE)
_CLAUSE: Final = re.compile(r"(?:[^,，。.!！?？;；\n\s]|(?<=[A-Za-z0-9'])\s|\s(?=[A-Za-z0-9]))+")
_STOP: Final = re.compile("[,，。!?;]")
_FEW: Final = 6
"""Characters beside a number that is an answer: "哦,就603的"."""
_AROUND: Final = " ,，。.!！~"


def resolve(text: str, *, home: Sequence[RoomRef] = (), before: Parts | None = None, lookup: Lookup) -> Answer | None:
    """The room this message means, or how far it is known; None when it says nothing new of the speaker's room.

    Args:
        text: the message.
        home: the rooms the speaker is bound to in the register.
        before: what was said of his room before in the same request (`said` of the last answer).
        lookup: the register; asked at most once.
    """
    own, others = _sorted(text, home, before)
    shown = plain(text)
    if not own:
        if before or not home or (others and not mine(shown)) or elsewhere(shown):
            return None
        return _at_home(text, home)
    said = _together(own, before, corrects(text))
    bound = [ref for ref in home if _fits(said, ref)]
    if not said.room:
        if len(bound) != 1 or elsewhere(shown):
            return Partial(said)
        sure = any(m.whose == "own" for m in own) or _of_home(text) or own[0].text == text.strip(_AROUND)
        return _found(bound[0]) if sure else None  # 4栋什么时候停水
    if bound:
        return _found(bound[0]) if len(bound) == 1 else Ambiguous(said, tuple(bound))
    by_itself = is_bay(said.room) or bool(_SHOP.fullmatch(said.room))
    fitting = tuple(lookup(None if by_itself else said.building, said.unit, said.room))
    if fitting:
        return _found(fitting[0]) if len(fitting) == 1 else Ambiguous(said, fitting)
    return Unverified(said) if said.building or by_itself else Partial(said)


def own(text: str, *, home: Sequence[RoomRef] = (), before: Parts | None = None) -> tuple[RoomMention, ...]:
    """What the message says of the speaker's own address, or of the one he asks for."""
    return tuple(_sorted(text, home, before)[0])


def neighbours(text: str, *, home: Sequence[RoomRef] = (), before: Parts | None = None) -> tuple[Parts, ...]:
    """Other people's rooms that the message names, in order; completed from the speaker's own address where that tells."""
    mentioned, others = _sorted(text, home, before)
    here = _together(mentioned, before, corrects(text))
    if not here.building and len(home) == 1:
        here = parts_of(home[0])
    return tuple(dict.fromkeys(_beside(here, other) for other in others if other.room))


def corrects(text: str) -> bool:
    """Whether the message puts something right: 打错了, 不是703, sorry."""
    return bool(_CORRECTS.search(plain(text)))


def parts_of(ref: RoomRef) -> Parts:
    """The parts of a room of the register."""
    return Parts(ref.building or None, ref.unit or None, ref.room or None)


def label(said: Parts) -> str:
    """How an address is called that the register does not hold: 4栋1单元705, E座804, C-058."""
    if said.room and (is_bay(said.room) or _SHOP.fullmatch(said.room)):
        return said.room
    house = f"{said.building}{'栋' if said.building.isdigit() else '座'}" if said.building else ""
    return house + (f"{said.unit}单元" if said.unit else "") + (said.room or "")


def _found(ref: RoomRef) -> Found:
    return Found(parts_of(ref), ref)


def _fits(said: Parts, ref: RoomRef) -> bool:
    return (
        said.building in (None, ref.building) and said.unit in (None, ref.unit) and said.room in (None, ref.room)
    )


def _beside(here: Parts, other: Parts) -> Parts:
    if other.building in (None, here.building):
        return Parts(other.building or here.building, other.unit or here.unit, other.room)
    return Parts(other.building, other.unit, other.room)


def _together(said: Sequence[RoomMention], before: Parts | None, corrected: bool) -> Parts:
    known = before
    for mention in said:
        if known and known.building and not (known.unit or known.room) and dashed(mention.text):
            mention = replace(mention, building=None, unit=mention.building)  # 4栋, then 1-703
        known = merge(known, mention, corrected)
    return known or Parts()


# ── Whose each mention is ───────────────────────────────────────────────────────────────────────────────────────────


def _sorted(
    text: str, home: Sequence[RoomRef], before: Parts | None
) -> tuple[list[RoomMention], list[RoomMention]]:
    """The mentions of the speaker's own room, and those of others'; what only names a common part is neither."""
    shown, found, spot = plain(text), mentions(text), place.read(text)
    named = [m for m in found if m.room and m.whose != "other"]
    anchor = next((m for m in named if m.whose == "own"), named[0] if named else None)
    mine_said, others = [], []
    for mention in found:
        bound = bool(mention.room) and any(_fits(mention, ref) for ref in home)
        if not bound and mention.whose != "own" and spot and _of_place(text, mention, spot, bool(home)):
            continue
        if bound or mention.whose == "own":
            mine_said.append(mention)
        elif mention.whose == "other" or _of_others(shown, mention, anchor, home, before):
            others.append(mention)
        else:
            mine_said.append(mention)
    return mine_said, others


def _of_place(text: str, mention: RoomMention, spot: place.Place, known: bool) -> bool:
    """Whether an address only says where a common part is: 3栋2单元电梯坏了, B1-004停的车漏油了, or of one known 5栋101门口.

    A bay is common by itself: it is the speaker's when he says so or says nothing else.
    """
    within = mention.start < spot.end and spot.start < mention.end
    if is_bay(mention.room):
        alone = within and _JUST_A_BAY.fullmatch(plain(text[: spot.start] + text[spot.end :]))
        return not (alone or _MY_BAY.search(plain(text)))
    if not spot.public or (mention.room and not known and not _SHOP.fullmatch(mention.room)):
        return False
    if spot.start < spot.end:
        return within
    return mention.room is None and not _STOP.search(plain(text)[mention.end :][:12])


def _of_others(
    shown: str, mention: RoomMention, anchor: RoomMention | None, home: Sequence[RoomRef], before: Parts | None
) -> bool:
    """Whether a mention with no cue of its own is a neighbour's, by everything else that is said."""
    if mention.room is None:
        return False
    corrected = bool(_CORRECTS.search(shown, max(0, mention.start - 12), mention.end + 4))
    if anchor and mention.room != anchor.room and not corrected:
        return True  # I work in B-1402, 1502 flooded
    if mention.building is None and before and before.room not in (None, mention.room):
        if shown.startswith(("也", "都"), mention.end):
            return True
        return not corrected and len(shown) - len(mention.text) > _FEW  # 703 was said, then 603也漏了
    if not home or elsewhere(shown):
        return False
    if mention.building is None and mine(shown):
        return True  # 803漏水,我家客厅淹了
    return nuisance(shown) and not faulty(shown)  # 12栋2单元1504,天天砸墙


# ── Where no address is said ────────────────────────────────────────────────────────────────────────────────────────


def _at_home(text: str, home: Sequence[RoomRef]) -> Found | Ambiguous | None:
    """A message about the speaker's home, his shop or his bay."""
    shown = plain(text)
    bays = tuple(ref for ref in home if is_bay(ref.room))
    if homes.BAY.search(shown) or (bays and _A_BAY.search(shown)):
        meant = bays
    elif _of_home(",".join(clause for clause in _CLAUSE.findall(text) if not next_door(plain(clause)))):
        meant = tuple(ref for ref in home if ref not in bays)
    else:
        return None
    if len(meant) == 1:
        return _found(meant[0])
    return Ambiguous(Parts(), meant) if meant else None


def _of_home(text: str) -> bool:
    """Whether the message, or a clause of it, is about a home and not about a common part."""
    shown = plain(text)
    if homes.MINE.search(shown) or homes.SHOP.search(shown):
        return True
    if any(_OWNED.search(shown, 0, thing.start()) for thing in FIXTURES.finditer(shown)):
        return True
    return any(place.is_public(part) is False for part in (text, *_CLAUSE.findall(text)))
