"""The registers into the database: all rows in one transaction, or none.

Importing the same files twice changes nothing the second time. It must never delete an estate row or a person,
because tickets refer to them: a membership ends by its `until`, a member of staff by `active`. The rota alone
is replaced, per community, by what the file says; a shift nobody keeps would call the wrong person at night.

Who is who
- A resident is known by the telephone. A new name under a known telephone is a correction when all the
  person's present memberships stand in the file, a new person when all of them have ended, and otherwise a
  mistake to be told: the number may have passed to a stranger, who would inherit the household's tickets.
- A room has one household of its owners and their family, and one of the tenants of each lease: those who
  share `until`. New tenants, once the former ones have left, are a new household and see nothing of theirs.
- Staff are known by their name in the community, rooms by their codes.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, select, text, update

from bot import registers
from bot.core.policy import WEEKDAYS
from bot.core.resolve.phone import mask
from bot.registers import Known, Problem, Registers, ResidentRow, RoomKey
from bot.tables import table

T = TypeVar("T")

COMMUNITY = table("community")
BUILDING = table("building")
UNIT = table("unit")
ROOM = table("room")
HOUSEHOLD = table("household")
RESIDENT = table("resident")
MEMBERSHIP = table("membership")
STAFF = table("staff")
DUTY = table("duty")

MOST_TOLD = 20
"""Changes of one register told one by one; the rest are counted."""


class Transactions(Protocol):
    """What an import needs of `bot.database.Database`."""

    dialect: str

    def write(self, transaction: Callable[[Connection], T]) -> T: ...


@dataclass(slots=True)
class Tally:
    """What became of one register's rows; `told` describes the changes, without whole telephone numbers."""

    added: int = 0
    changed: int = 0
    removed: int = 0
    same: int = 0
    told: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of an import. With `problems` nothing was written; nor in a dry run."""

    source: str
    dry_run: bool
    problems: tuple[Problem, ...]
    notices: tuple[str, ...]
    tallies: Mapping[str, Tally]

    @property
    def ok(self) -> bool:
        return not self.problems

    @property
    def changes(self) -> int:
        """Rows added, changed or removed; 0 when the database already says what the files say."""
        return sum(tally.added + tally.changed + tally.removed for tally in self.tallies.values())

    def lines(self) -> tuple[str, ...]:
        """The report for a terminal, in the order in which a person would read it."""
        if self.problems:
            head = f"{self.source}: {len(self.problems)} to put right; nothing was imported."
            return (head, *(f"  {problem}" for problem in self.problems), *self.notices)
        done = "would be imported" if self.dry_run else "imported"
        told = [f"{self.source}: {done}, {self.changes} change{'s' * (self.changes != 1)}."]
        for name, tally in self.tallies.items():
            told.append(
                f"  {name}: {tally.added} new, {tally.changed} changed, {tally.removed} removed, {tally.same} as before"
            )
            told.extend(f"    {line}" for line in tally.told[:MOST_TOLD])
            if len(tally.told) > MOST_TOLD:
                told.append(f"    … and {len(tally.told) - MOST_TOLD} more")
        return (*told, *self.notices)


def import_registers(store: Transactions, source: Path, dry_run: bool = False) -> Report:
    """Import a folder of CSV files, one CSV or one workbook; all of it or nothing.

    Args:
        store: the database; one transaction is run, which nobody else's import can run beside.
        source: see `bot.registers.read`.
        dry_run: do everything and take it back, so that the report is what the import would do.

    Raises nothing for what the source holds: mistakes are `problems` of the report.
    """
    sheets = registers.read(source)

    def transaction(conn: Connection) -> Report:
        if store.dialect == "postgresql":  # SQLite has one writer anyway
            conn.execute(text("LOCK TABLE community IN SHARE ROW EXCLUSIVE MODE"))
        found = registers.check(sheets, known(conn))
        writing = _Writing(conn, found)
        if not found.problems:
            writing.run()
        report = Report(
            source.name,
            dry_run,
            (*found.problems, *writing.problems),
            (*found.notices, *writing.notices),
            {name: tally for name, tally in writing.tallies.items() if name in sheets.rows},
        )
        if dry_run or report.problems:
            raise _TakenBack(report)
        return report

    try:
        return store.write(transaction)
    except _TakenBack as taken_back:
        return taken_back.report


class _TakenBack(Exception):
    """Rolls the transaction back and carries its report out."""

    def __init__(self, report: Report) -> None:
        super().__init__("taken back")
        self.report = report


def known(conn: Connection) -> Known:
    """What the database holds, as far as a register may refer to it."""
    owned = COMMUNITY.c.id
    units = (
        select(UNIT.c.community_id, UNIT.c.building_code, func.count().label("count"))
        .group_by(UNIT.c.community_id, UNIT.c.building_code)
        .subquery()
    )
    buildings = (
        select(
            COMMUNITY.c.code.label("community"),
            BUILDING.c.code,
            BUILDING.c.name,
            units.c.count.label("units"),
        )
        .join(BUILDING, BUILDING.c.community_id == owned)
        .outerjoin(
            units,
            and_(units.c.community_id == BUILDING.c.community_id, units.c.building_code == BUILDING.c.code),
        )
    )
    rooms = select(COMMUNITY.c.code, ROOM.c.building_code, ROOM.c.unit_code, ROOM.c.room_code).join(
        ROOM, ROOM.c.community_id == owned
    )
    staff = select(COMMUNITY.c.code, STAFF.c.name).join(STAFF, STAFF.c.community_id == owned)
    return Known(
        frozenset(conn.scalars(select(COMMUNITY.c.code))),
        {(r.community, r.code): (r.name, r.units or 0) for r in conn.execute(buildings)},
        frozenset((c, b, u, r) for c, b, u, r in conn.execute(rooms)),
        frozenset((c, name) for c, name in conn.execute(staff)),
    )


def _differences(row: Any, wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in wanted.items() if getattr(row, name) != value}


def _put(conn: Connection, target: Any, rows: list[dict[str, Any]]) -> None:
    if rows:
        conn.execute(insert(target), rows)


class _Writing:
    """One import. Each register is compared with what is there, then written in bulk, parents first."""

    def __init__(self, conn: Connection, found: Registers) -> None:
        self.conn, self.found = conn, found
        self.problems: list[Problem] = []
        self.notices: list[str] = []
        self.tallies = {register.name: Tally() for register in registers.REGISTERS}
        self.ids: dict[str, int] = {}

    def run(self) -> None:
        self.communities()
        self.buildings()
        self.rooms()
        self.people()
        self.staff()
        self.duty()

    def _stored(self, target: Any, codes: Iterable[str]) -> list[Any]:
        """This table's rows of these communities."""
        owners = sorted({self.ids[code] for code in codes})
        query = select(target).where(target.c.community_id.in_(owners)).order_by(target.c.id)
        return list(self.conn.execute(query)) if owners else []

    def _change(self, register: str, target: Any, row: Any, wanted: Mapping[str, Any], title: str) -> None:
        """Bring a stored row to what the file says, and say so."""
        tally, differences = self.tallies[register], _differences(row, wanted)
        if not differences:
            tally.same += 1
            return
        statement = update(target).where(target.c.id == row.id)
        if target is not COMMUNITY:
            statement = statement.where(target.c.community_id == row.community_id)
        self.conn.execute(statement.values(**differences))
        tally.changed += 1
        tally.told.append(f"{title}: " + ", ".join(_told(row, *pair) for pair in differences.items()))

    def _added(self, register: str, rows: list[dict[str, Any]], titles: Iterable[str] = ()) -> None:
        self.tallies[register].added += len(rows)
        self.tallies[register].told.extend(f"new: {title}" for title in titles)

    def communities(self) -> None:
        stored = {row.code: row for row in self.conn.execute(select(COMMUNITY))}
        new = []
        for community in self.found.communities:
            wanted = {
                name: getattr(community, name) for name in ("code", "name", "name_en", "zone", "duty_phone")
            }
            if community.code in stored:
                self._change("communities", COMMUNITY, stored[community.code], wanted, community.code)
            else:
                new.append(wanted)
        _put(self.conn, COMMUNITY, new)
        self._added("communities", new, (f"{row['code']} {row['name']}" for row in new))
        self.ids = {code: id_ for id_, code in self.conn.execute(select(COMMUNITY.c.id, COMMUNITY.c.code))}

    def buildings(self) -> None:
        codes = {building.community for building in self.found.buildings}
        stored = {(row.community_id, row.code): row for row in self._stored(BUILDING, codes)}
        units = {(row.community_id, row.building_code, row.code) for row in self._stored(UNIT, codes)}
        new: list[dict[str, Any]] = []
        new_units: list[dict[str, Any]] = []
        for building in self.found.buildings:
            owner = self.ids[building.community]
            title = f"{building.community} {building.name}"
            own_units = {(owner, building.code, str(number)) for number in range(1, building.units + 1)}
            if row := stored.get((owner, building.code)):
                self._change("buildings", BUILDING, row, {"name": building.name}, title)
            else:
                new.append({"community_id": owner, "code": building.code, "name": building.name})
            new_units.extend(
                {"community_id": owner, "building_code": building.code, "code": unit}
                for _, _, unit in sorted(own_units - units)
            )
            gone = sorted(unit for unit in units - own_units if unit[:2] == (owner, building.code))
            if gone:
                names = ", ".join(unit for _, _, unit in gone)
                self.notices.append(
                    f"{title}: unit {names} is no longer in the file; it stays, tickets may refer to it."
                )
        _put(self.conn, BUILDING, new)
        _put(self.conn, UNIT, new_units)
        self._added("buildings", new)

    def rooms(self) -> None:
        codes = {room.community for room in self.found.rooms} | {key[0] for key in self.found.absent_rooms}
        stored = {
            (row.community_id, row.building_code, row.unit_code, row.room_code): row
            for row in self._stored(ROOM, codes)
        }
        new = []
        for room in self.found.rooms:
            key = (self.ids[room.community], room.building, room.unit, room.room)
            if row := stored.get(key):
                wanted = {"label": room.label} | ({"floor": room.floor} if room.floor else {})
                self._change("rooms", ROOM, row, wanted, f"{room.community} {room.label}")
            else:
                names = ("community_id", "building_code", "unit_code", "room_code")
                new.append({**dict(zip(names, key, strict=True)), "label": room.label, "floor": room.floor})
        for community, building, unit, room_code in self.found.absent_rooms:
            if row := stored.get((self.ids[community], building, unit, room_code)):
                self.notices.append(
                    f"{community} {row.label}: absent in the file; it stays, tickets may refer to it."
                )
        _put(self.conn, ROOM, new)
        self._added("rooms", new)

    def people(self) -> None:
        if self.found.residents:
            _Households(
                self.conn, self.found.residents, self.ids, self.tallies["residents"], self._change
            ).run(self.problems, self.notices)

    def staff(self) -> None:
        stored = {
            (row.community_id, row.name): row
            for row in self._stored(STAFF, {member.community for member in self.found.staff})
        }
        new = []
        for member in self.found.staff:
            owner = self.ids[member.community]
            wanted = {
                "role": member.role,
                "skills": list(member.skills),
                "phone": member.phone,
                "language": member.language,
                "active": member.active,
            }
            if row := stored.get((owner, member.name)):
                self._change("staff", STAFF, row, wanted, f"{member.community} {member.name}")
            else:
                new.append({"community_id": owner, "name": member.name, **wanted})
        _put(self.conn, STAFF, new)
        self._added("staff", new, (f"{row['name']}, {row['role']}" for row in new))

    def duty(self) -> None:
        codes = {duty.community for duty in self.found.duty}
        people = {(row.community_id, row.name): row.id for row in self._stored(STAFF, codes)}
        names = {id_: name for (_, name), id_ in people.items()}
        columns = ("community_id", "staff_id", "weekday", "day", "start_minute", "end_minute")
        stored = {tuple(getattr(row, name) for name in columns): row.id for row in self._stored(DUTY, codes)}
        wanted: dict[tuple[Any, ...], None] = {}
        for duty in self.found.duty:
            owner = self.ids[duty.community]
            who = (owner, people[owner, duty.staff])
            span = (duty.start, duty.end)
            wanted |= {(*who, weekday, None, *span): None for weekday in duty.weekdays}
            wanted |= {(*who, None, day, *span): None for day in duty.dates}
        new = [dict(zip(columns, key, strict=True)) for key in wanted if key not in stored]
        gone = [key for key in stored if key not in wanted]
        if gone:
            self.conn.execute(
                delete(DUTY).where(DUTY.c.id == bindparam("gone")), [{"gone": stored[key]} for key in gone]
            )
        _put(self.conn, DUTY, new)
        tally = self.tallies["duty"]
        tally.removed, tally.same = len(gone), len(wanted) - len(new)
        self._added("duty", new)
        tally.told.extend(f"no longer on duty: {names[key[1]]}, {_shift(key)}" for key in gone)


def _told(row: Any, column: str, value: Any) -> str:
    before = getattr(row, column)
    if "phone" in column:
        before, value = mask(before), mask(value)
    before, value = (shown if shown not in ("", None) else "(empty)" for shown in (before, value))
    return f"{column} {before} → {value}"


def _shift(key: tuple[Any, ...]) -> str:
    day = key[3] or WEEKDAYS[key[2]]
    return f"{day} {key[4] // 60:02d}:{key[4] % 60:02d}–{key[5] // 60:02d}:{key[5] % 60:02d}"


class _Households:
    """Residents, their memberships, and the households these belong to."""

    def __init__(
        self,
        conn: Connection,
        rows: tuple[ResidentRow, ...],
        ids: Mapping[str, int],
        tally: Tally,
        change: Callable[[str, Any, Any, Mapping[str, Any], str], None],
    ) -> None:
        self.conn, self.rows, self.ids, self.tally, self.change = conn, rows, ids, tally, change
        self.owners = sorted({ids[row.community] for row in rows})
        names = {id_: code for code, id_ in ids.items()}
        self.room_ids: dict[RoomKey, int] = {
            (names[row.community_id], row.building_code, row.unit_code, row.room_code): row.id
            for row in conn.execute(select(ROOM).where(ROOM.c.community_id.in_(self.owners)))
        }
        self.keys = {id_: key for key, id_ in self.room_ids.items()}
        self.residents: dict[tuple[int, str], list[Any]] = defaultdict(list)
        for resident in conn.execute(
            select(RESIDENT).where(RESIDENT.c.community_id.in_(self.owners)).order_by(RESIDENT.c.id)
        ):
            self.residents[resident.community_id, resident.phone].append(resident)
        # of a resident: (room key, leases) → membership
        self.memberships: dict[int, dict[tuple[RoomKey, bool], Any]] = defaultdict(dict)
        self.households: dict[tuple[RoomKey, bool, date | None], int] = {}
        joined = (
            select(MEMBERSHIP, HOUSEHOLD.c.room_id)
            .join(
                HOUSEHOLD,
                and_(
                    HOUSEHOLD.c.community_id == MEMBERSHIP.c.community_id,
                    HOUSEHOLD.c.id == MEMBERSHIP.c.household_id,
                ),
            )
            .where(MEMBERSHIP.c.community_id.in_(self.owners))
            .order_by(MEMBERSHIP.c.id)
        )
        for membership in conn.execute(joined):
            place = (self.keys[membership.room_id], membership.role == "tenant")
            self.memberships[membership.resident_id][place] = membership

    def run(self, problems: list[Problem], notices: list[str]) -> None:
        people: dict[tuple[int, str], list[ResidentRow]] = defaultdict(list)
        for row in self.rows:
            people[self.ids[row.community], row.phone].append(row)
        resident_ids: dict[tuple[int, str], int] = {}
        strangers: list[tuple[int, str]] = []
        for person, rows in people.items():
            resident = self._who(person, rows, problems)
            if resident is None:
                strangers.append(person)
                continue
            resident_ids[person] = resident.id
            wanted = {"name": rows[0].name, "language": rows[0].language}
            if differences := _differences(resident, wanted):
                self.conn.execute(
                    update(RESIDENT)
                    .where(RESIDENT.c.community_id == resident.community_id, RESIDENT.c.id == resident.id)
                    .values(**differences)
                )
                self.tally.changed += 1
                told = ", ".join(_told(resident, *pair) for pair in differences.items())
                self.tally.told.append(f"{mask(resident.phone)}: {told}")
        if problems:
            return
        resident_ids |= self._newcomers(strangers, people)
        self._join(resident_ids, notices)
        self._left_out(resident_ids, notices)

    def _who(self, person: tuple[int, str], rows: list[ResidentRow], problems: list[Problem]) -> Any | None:
        """The stored resident these rows speak of; None for somebody new."""
        candidates = self.residents.get(person, [])
        for resident in candidates:
            if resident.name == rows[0].name:
                return resident
        named = {(row.key, row.leases) for row in rows}
        for resident in candidates:
            present = {place for place, m in self.memberships[resident.id].items() if m.until is None}
            if present and present <= named:
                return resident
            if present:
                problems.append(
                    Problem(
                        *rows[0].origin,
                        "phone",
                        f"{mask(resident.phone)} belongs to {resident.name} in the database and to {rows[0].name} here",
                        f"give {resident.name}'s rows too, with until if they have left, or correct the number",
                    )
                )
                return resident
        return None

    def _newcomers(
        self, strangers: list[tuple[int, str]], people: Mapping[tuple[int, str], list[ResidentRow]]
    ) -> dict[tuple[int, str], int]:
        if not strangers:
            return {}
        made = self.conn.execute(
            insert(RESIDENT).returning(RESIDENT.c.id, sort_by_parameter_order=True),
            [
                {"community_id": owner, "phone": phone, "name": rows[0].name, "language": rows[0].language}
                for (owner, phone), rows in ((person, people[person]) for person in strangers)
            ],
        )
        return dict(zip(strangers, made.scalars(), strict=True))

    def _join(self, resident_ids: Mapping[tuple[int, str], int], notices: list[str]) -> None:
        new = []
        ends: dict[int, date] = {}
        for row in self.rows:
            resident_id = resident_ids[self.ids[row.community], row.phone]
            title = f"{row.name} in {'-'.join(filter(None, row.key))}"
            membership = self.memberships[resident_id].get((row.key, row.leases))
            if membership is None or (membership.until and row.since and row.since > membership.until):
                new.append((row, resident_id))
                self.tally.told.append(f"new: {title}, {row.role}")
                continue
            # An empty date says nothing: an old file must not give back what the desk has ended.
            dates = {name: value for name, value in (("since", row.since), ("until", row.until)) if value}
            if membership.until and not row.until:
                notices.append(
                    f"residents: {title} ended on {membership.until}, the file names no end; it stays ended."
                )
            self.change("residents", MEMBERSHIP, membership, {"role": row.role} | dates, title)
            if row.until:
                ends[membership.id] = row.until
        for places in self.memberships.values():
            for place, membership in places.items():
                self.households[*place, ends.get(membership.id, membership.until)] = membership.household_id
        wanting = dict.fromkeys((row.key, row.leases, row.until) for row, _ in new)
        missing = [place for place in wanting if place not in self.households]
        self._found_households(missing)
        _put(
            self.conn,
            MEMBERSHIP,
            [
                {
                    "community_id": self.ids[row.community],
                    "household_id": self.households[row.key, row.leases, row.until],
                    "resident_id": resident_id,
                    "role": row.role,
                    "since": row.since,
                    "until": row.until,
                }
                for row, resident_id in new
            ],
        )
        self.tally.added += len(new)

    def _found_households(self, missing: list[tuple[RoomKey, bool, date | None]]) -> None:
        """New households; their ids come back in the order of the rows, for one room may get two."""
        if not missing:
            return
        made = self.conn.execute(
            insert(HOUSEHOLD).returning(HOUSEHOLD.c.id, sort_by_parameter_order=True),
            [{"community_id": self.ids[key[0]], "room_id": self.room_ids[key]} for key, _, _ in missing],
        )
        self.households |= dict(zip(missing, made.scalars(), strict=True))

    def _left_out(self, resident_ids: Mapping[tuple[int, str], int], notices: list[str]) -> None:
        said = {(resident_ids[self.ids[row.community], row.phone], row.key, row.leases) for row in self.rows}
        silent = sum(
            membership.until is None and (resident_id, *place) not in said
            for resident_id, places in self.memberships.items()
            for place, membership in places.items()
        )
        if silent:
            notices.append(
                f"residents: {silent} present membership{'s' * (silent != 1)} of these communities not in the file; they "
                "stay. Give their rows with until to end them."
            )
