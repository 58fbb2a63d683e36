"""What an update of the registers would change: the registers as they stand, compared with the files as read.

Pure: no database, file or clock; the same standing and the same files give the same changes. `bot.register_people` says who
is who among residents, `bot.register_told` puts changes into words, `bot.register_import` carries them out.

Of what the files speak
- A register that is handed in speaks for the communities its rows name, and for these it is the whole register: who is
  not in it any more has left, a shift that is not in it any more is over. A community it does not name is left alone.
  With `part` the files only add and change; who is missing stays.
- A room is gone when its building stands in `buildings` and the room neither in its grid nor in `rooms` (both handed in),
  or when `rooms` calls it absent. It is deleted only if nothing ever referred to it.
- Staff are known by their name, which the rota needs to be unique. A telephone does not tell who they are: a successor
  takes it over with the post.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Final

from bot.core.masking import phone as masked_phone
from bot.register_changes import (
    WHOLE,
    Added,
    Altered,
    Comparison,
    Gone,
    Options,
    Shift,
    ShiftAdded,
    ShiftRemoved,
    Standing,
    StoredStaff,
    shown,
)
from bot.register_people import People
from bot.registers import Problem, Registers, RoomKey, StaffRow

MOST_NAMED: Final = 5


def compare(standing: Standing, found: Registers, options: Options = WHOLE) -> Comparison:
    """What the files would change in the registers.

    Args:
        standing: the registers of every community that the files name.
        found: the files, read and checked without a problem.

    What cannot be decided without the operator is a problem with file, row and remedy, never a guess.
    """
    result = Comparison()
    _communities(standing, found, result)
    people = People(standing, found, options)
    _estate(standing, found, options, people.inhabited, result)
    people.add_to(result)
    _Staff(standing, found, options, result).run()
    return result


# ── The estate ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _communities(standing: Standing, found: Registers, result: Comparison) -> None:
    for row in found.communities:
        columns = ("name", "name_en", "zone", "duty_phone")
        if stored := standing.communities.get(row.code):
            pairs = ((name, getattr(stored, name), getattr(row, name)) for name in columns)
            result.alter("communities", "community", row.code, stored.id, pairs, row.code)
        else:
            values = tuple((name, getattr(row, name)) for name in ("code", *columns))
            result.changes.append(Added("community", row.code, values, f"{row.code} {row.name}"))


def _estate(
    standing: Standing,
    found: Registers,
    options: Options,
    inhabited: Mapping[RoomKey, tuple[str, int] | None],
    result: Comparison,
) -> None:
    for building in found.buildings:
        key = (building.community, building.code)
        if stored := standing.buildings.get(key):
            title = f"{building.community} {building.name}"
            result.alter("buildings", "building", building.community, stored[0], [("name", stored[1], building.name)], title)
        else:
            values = (("code", building.code), ("name", building.name))
            result.changes.append(Added("building", building.community, values, f"{building.community} {building.name}"))
        for unit in map(str, range(1, building.units + 1)):
            if (*key, unit) not in standing.units:
                values = (("building_code", building.code), ("code", unit))
                result.changes.append(Added("unit", building.community, values, f"{building.community} {building.name} {unit}"))
    for room in found.rooms:
        title = f"{room.community} {room.label}"
        if before := standing.rooms.get(room.key):
            pairs = [("label", before.label, room.label), ("floor", before.floor, room.floor or before.floor)]
            result.alter("rooms", "room", room.community, before.id, pairs, title)
        else:
            names = ("building_code", "unit_code", "room_code", "label", "floor")
            parts = (room.building, room.unit, room.room, room.label, room.floor)
            result.changes.append(Added("room", room.community, tuple(zip(names, parts, strict=True)), title))
    _gone(standing, found, options, inhabited, result)


def _gone(
    standing: Standing,
    found: Registers,
    options: Options,
    inhabited: Mapping[RoomKey, tuple[str, int] | None],
    result: Comparison,
) -> None:
    """Rooms, units and buildings the files do not have any more; what is referred to stays, or is told."""
    buildings = {(building.community, building.code): building for building in found.buildings}
    complete = set() if options.part else {community for community, _ in buildings}
    no_more = {key for key in standing.buildings if key[0] in complete and key not in buildings}
    absent, there = set(found.absent_rooms), {room.key for room in found.rooms}

    def missing(room: RoomKey) -> bool:
        whole_grid = "rooms" in found.files and room[0] in complete and room[:2] in buildings
        return room in absent or room[:2] in no_more or (whole_grid and room not in there)

    kept: set[RoomKey] = set()
    refused: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key, room in standing.rooms.items():
        if not missing(key):
            kept.add(key)
        elif room.id in standing.tickets:
            number, count = standing.tickets[room.id]
            more = f" and {count - 1} more" if count > 1 else ""
            refused[key[:2]].append(f"{room.label} (ticket {number}{more})")
        elif origin := inhabited.get(key):
            result.problems.append(
                Problem(*origin, "room", f"{shown(key)} is not in the files any more", "correct the address, or keep the room")
            )
        elif key in inhabited:
            refused[key[:2]].append(f"{room.label} (somebody lives there)")
        elif room.id in standing.lived_in:
            kept.add(key)
            result.notices.append(f"{key[0]} {room.label}: not in the files any more; it stays, people have lived there.")
        else:
            result.changes.append(Gone("room", key[0], room.id, f"{key[0]} {room.label}"))
    for (community, building), rooms in refused.items():
        named = ", ".join(rooms[:MOST_NAMED]) + (f" and {len(rooms) - MOST_NAMED} more" if len(rooms) > MOST_NAMED else "")
        source = found.files.get("buildings" if (community, building) in no_more else "rooms", "")
        remedy = "keep them in the register; what has tickets or people is never deleted"
        result.problems.append(Problem(source, 0, "", f"{community}: not in the files any more: {named}", remedy))
    kept_units, kept_buildings = {key[:3] for key in kept}, {key[:2] for key in kept}
    for unit, id_ in standing.units.items():
        row = buildings.get(unit[:2])
        beyond = row is not None and unit[2] not in map(str, range(1, row.units + 1))
        if not (unit[:2] in no_more or (beyond and unit[0] in complete)):
            continue
        title = f"{unit[0]} {standing.buildings[unit[:2]][1]} {unit[2]}单元"
        if unit in kept_units:
            result.notices.append(f"{title}: not in the files any more; it stays, for its rooms stay.")
        else:
            result.changes.append(Gone("unit", unit[0], id_, title))
    result.changes.extend(
        Gone("building", key[0], standing.buildings[key][0], f"{key[0]} {standing.buildings[key][1]}")
        for key in standing.buildings
        if key in no_more and key not in kept_buildings
    )


# ── Staff and rota ──────────────────────────────────────────────────────────────────────────────────────────────────

_STAFF_COLUMNS: Final = ("name", "role", "skills", "phone", "language", "active")


def _staff_values(member: StaffRow | StoredStaff) -> Iterator[tuple[str, Any]]:
    for column in _STAFF_COLUMNS:
        value = getattr(member, column)
        yield column, list(value) if column == "skills" else value


class _Staff:
    """Staff recognised by name, and the rota that refers to them."""

    def __init__(self, standing: Standing, found: Registers, options: Options, result: Comparison) -> None:
        self.standing, self.found, self.options, self.result = standing, found, options, result
        # Of several with one name the one who is there, else the latest.
        self.by_name: dict[tuple[str, str], StoredStaff] = {
            (member.community, member.name): member for member in sorted(standing.staff, key=lambda s: (s.active, s.id))
        }
        self.in_file = {(row.community, row.name) for row in found.staff}
        self.ids: dict[tuple[str, str], int | None] = {key: member.id for key, member in self.by_name.items()}
        self.claimed: dict[int, StaffRow] = {}

    def run(self) -> None:
        for row in self.found.staff:
            self._member(row)
        self._leavers()
        self._rota()

    def _member(self, row: StaffRow) -> None:
        stored = self._who(row)
        if stored is None:
            self.ids[row.community, row.name] = None
            values = tuple(_staff_values(row))
            self.result.changes.append(Added("staff", row.community, values, f"{row.community} {row.name}, {row.role}"))
            return
        if stored.id in self.claimed:
            self._problem(row, "former_name", f"{stored.name} is said to be two people", "correct former_name in one of the rows")
            return
        self.claimed[stored.id] = row
        self.ids.pop((row.community, stored.name), None)
        self.ids[row.community, row.name] = stored.id
        after = dict(_staff_values(row))
        pairs = ((column, before, after[column]) for column, before in _staff_values(stored))
        title = f"{row.community} {stored.name}"
        if self.result.alter("staff", "staff", row.community, stored.id, pairs, title) and stored.active and not row.active:
            self._open_work(stored)

    def _who(self, row: StaffRow) -> StoredStaff | None:
        """The stored member this row speaks of; None for somebody new. What does not tell is a problem."""
        named = self.by_name.get((row.community, row.name))
        if row.former_name and row.former_name != row.name and named is None:
            former = self.by_name.get((row.community, row.former_name))
            if former is None:
                self._problem(row, "former_name", f"{row.community} has no member of staff “{row.former_name}”",
                              "correct it, or leave it empty for somebody new")  # fmt: skip
            return former
        if named is None:
            for member in self.standing.staff:
                same_number = (member.community, member.phone) == (row.community, row.phone)
                if member.active and same_number and (member.community, member.name) not in self.in_file:
                    self._problem(
                        row, "phone", f"{masked_phone(row.phone)} is that of {member.name}, who is not in the file",
                        f"if this is the same person write {member.name} into former_name; if the number passed on, give "
                        f"{member.name} a row with active no",
                    )  # fmt: skip
        elif not named.active and row.active and row.phone != named.phone and not row.former_name:
            self._problem(
                row, "name", f"somebody of the name {row.name} has left, and had another telephone",
                f"if the same person is back write {row.name} into former_name; if not, tell the two apart by their names",
            )  # fmt: skip
        return named

    def _leavers(self) -> None:
        """Who is not in the register of staff any more has resigned; the row stays."""
        if self.options.part:
            return
        communities = {community for community, _ in self.in_file}
        for member in self.standing.staff:
            if member.community in communities and member.active and member.id not in self.claimed:
                title = f"{member.community} {member.name}"
                self.result.changes.append(Altered("staff", member.community, member.id, (("active", True, False),), title))
                self._open_work(member)

    def _open_work(self, member: StoredStaff) -> None:
        if member.open_tickets:
            count = f"{member.open_tickets} open ticket{'s' * (member.open_tickets > 1)}"
            self.result.notices.append(f"{member.community} {member.name} leaves {count}; assign them to somebody else.")

    def _rota(self) -> None:
        gone = {change.id for change in self.result.changes if isinstance(change, Altered) and change.resigned}
        codes = list(dict.fromkeys(row.community for row in self.found.duty))
        named = {member.id: member for member in self.standing.staff}
        wanted: dict[tuple[str, str, Shift], None] = {}
        for row in self.found.duty:
            if self.ids.get((row.community, row.staff)) in gone:
                problem = f"{row.staff} is on the rota and not in the register of staff any more"
                self.result.problems.append(Problem(*row.origin, "staff", problem, "take the shift off, or keep the person in staff"))
            for weekday in row.weekdays:
                wanted[row.community, row.staff, Shift(weekday, None, row.start, row.end)] = None
            for day in row.dates:
                wanted[row.community, row.staff, Shift(None, day, row.start, row.end)] = None
        for (staff_id, shift), id_ in self.standing.duty.items():
            member = named[staff_id]
            if member.community not in codes:
                continue
            renamed = self.claimed.get(staff_id)
            name = renamed.name if renamed else member.name
            if (member.community, name, shift) in wanted and self.ids.get((member.community, name)) == staff_id:
                del wanted[member.community, name, shift]
                self.result.same["duty"] += 1
            elif not self.options.part:
                self.result.changes.append(ShiftRemoved(member.community, member.name, id_, shift))
        for community, name, shift in wanted:
            self.result.changes.append(ShiftAdded(community, name, self.ids.get((community, name)), shift))

    def _problem(self, row: StaffRow, column: str, problem: str, remedy: str) -> None:
        self.result.problems.append(Problem(*row.origin, column, problem, remedy))
