"""The two estates of the demo as the register holds them, in memory: what tests of rooms look into.

Read from data/demo through `bot.registers`, so that what is tested is what is imported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path

from bot import registers
from bot.core.resolve.where.room import Parts
from bot.core.types import RoomRef

DEMO = Path(__file__).parents[2] / "data" / "demo"
YH, HT = "YH", "HT"
Lookup = Callable[[str | None, str | None, str | None], Sequence[RoomRef]]


@cache
def rooms(community: str) -> tuple[RoomRef, ...]:
    """Every room of an estate."""
    found = registers.check(registers.read(DEMO))
    rows = (row for row in found.rooms if row.community == community)
    return tuple(
        RoomRef(row.label, row.building, row.unit, row.room, number, True) for number, row in enumerate(rows, 1)
    )


def code(room: RoomRef | Parts) -> str:
    """4-1-703, A-1203, P-B1-003."""
    return "-".join(filter(None, (room.building, room.unit, room.room)))


@cache
def by_code(community: str) -> Mapping[str, RoomRef]:
    return {code(room): room for room in rooms(community)}


@cache
def _by_number(community: str) -> Mapping[str, list[RoomRef]]:
    found = defaultdict(list)
    for room in rooms(community):
        found[room.room].append(room)
    return found


def lookup(community: str) -> Lookup:
    """The register as the store answers it: at most six rooms, and never asked without a number."""

    def look(building: str | None, unit: str | None, number: str | None) -> tuple[RoomRef, ...]:
        assert number
        fits = _by_number(community).get(number, ())
        return tuple(r for r in fits if building in (None, r.building) and unit in (None, r.unit))[:6]

    return look
