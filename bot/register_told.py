"""An update of the registers in words for the operator: every change a line, names of residents and telephones masked.

Staff are named in full: the rota refers to them by name, and their names are posted at the counter.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from bot.core.masking import name as masked
from bot.core.masking import phone as masked_phone
from bot.core.policy import WEEKDAYS
from bot.register_changes import (
    Added,
    Altered,
    Change,
    Comparison,
    Gone,
    Joined,
    Left,
    Moved,
    PersonAdded,
    ShiftAdded,
    ShiftRemoved,
    shown,
)
from bot.registers import REGISTERS

MOST_TOLD: Final = 20
"""Rooms of the same fate told one by one; the rest, a building's whole grid, are counted. Everything else is told singly."""
FATES: Final = ("new", "moved", "changed", "left", "gone")
_REGISTER_OF: Final = {
    "community": "communities", "building": "buildings", "unit": "buildings", "room": "rooms",
    "resident": "residents", "membership": "residents", "staff": "staff",
}  # fmt: skip
_COLUMNS: Final = {"phone": "telephone", "duty_phone": "duty telephone", "source": "kept by"}


def counts(comparison: Comparison) -> dict[str, Counter[str]]:
    """How many lines of each register have which fate."""
    counted: dict[str, Counter[str]] = defaultdict(Counter)
    for register, fate, _ in _lines(comparison.changes):
        counted[register][fate] += 1
    return counted


def summary(comparison: Comparison) -> str:
    """2 new, 1 moved, 1 left: over all registers."""
    total = sum(counts(comparison).values(), Counter[str]())
    return ", ".join(f"{total[fate]} {fate}" for fate in FATES if total[fate]) or "no change"


def lines(comparison: Comparison, registers: Iterable[str]) -> list[str]:
    """What would change, register by register, in the order of the files."""
    counted = counts(comparison)
    told: dict[tuple[str, str], list[str]] = defaultdict(list)
    for register, fate, line in _lines(comparison.changes):
        told[register, fate].append(line)
    out = []
    for name in (register.name for register in REGISTERS):
        if name not in registers and name not in counted:
            continue
        numbers = [f"{counted[name][fate]} {fate}" for fate in FATES if counted[name][fate]]
        out.append(f"  {name}: {', '.join([*numbers, f'{comparison.same[name]} as before'])}")
        for fate in FATES:
            found = told[name, fate]
            most = MOST_TOLD if name == "rooms" and fate != "gone" else len(found)
            out.extend(f"    {fate}: {line}" for line in found[:most])
            if len(found) > most:
                out.append(f"    {fate}: … and {len(found) - most} more rooms")
    return out


def _lines(changes: Iterable[Change]) -> Iterator[tuple[str, str, str]]:
    """(register, fate, line)"""
    for change in changes:
        match change:
            case PersonAdded():
                pass  # told with the home they join
            case Added(table=table, title=title):
                yield _REGISTER_OF[table], "new", title
            case Gone(table=table, title=title):
                yield _REGISTER_OF[table], "gone", title
            case Altered(table=table, title=title) if change.resigned:
                yield _REGISTER_OF[table], "left", title
            case Altered(table=table, title=title, values=values):
                differences = ", ".join(_difference(table, *value) for value in values)
                yield _REGISTER_OF[table], "changed", f"{title}: {differences}"
            case Joined():
                yield "residents", "new", f"{_person(change.name, change.person[1])} in {_home(change)}"
            case Left():
                who = _person(change.name, change.phone)
                yield "residents", "left", f"{who} in {_home(change)}; access ends at once"
            case Moved(left=left, joined=joined):
                who = _person(joined.name, joined.person[1])
                yield "residents", "moved", f"{who} from {_home(left)} to {_home(joined)}"
            case ShiftAdded():
                yield "duty", "new", _shift(change)
            case ShiftRemoved():
                yield "duty", "gone", _shift(change)


def _home(change: Joined | Left) -> str:
    dates = ""
    if isinstance(change, Joined):
        dates = "".join(f" {word} {day}" for word, day in (("since", change.since), ("until", change.until)) if day)
    return f"{shown(change.room)} as {change.role}{dates}"


def _difference(table: str, column: str, before: Any, after: Any) -> str:
    return f"{_COLUMNS.get(column, column)} {_value(table, column, before)} → {_value(table, column, after)}"


def _value(table: str, column: str, value: Any) -> str:
    if value in ("", None, []):
        return "(empty)"
    if "phone" in column:
        return masked_phone(value)
    if (table, column) == ("resident", "name"):
        return masked(value)
    return ", ".join(value) if isinstance(value, list) else str(value)


def _person(name: str, phone: str) -> str:
    return f"{masked(name)} {masked_phone(phone)}".strip()


def _shift(change: ShiftAdded | ShiftRemoved) -> str:
    shift = change.shift
    day = shift.day or WEEKDAYS[shift.weekday or 0]
    hours = f"{shift.start // 60:02d}:{shift.start % 60:02d}–{shift.end // 60:02d}:{shift.end % 60:02d}"
    return f"{change.community} {change.staff}, {day} {hours}"
