"""The registers into the database: what the files change is found, shown, and carried out whole or not at all.

`plan` only looks. `apply` looks again in the transaction that writes, and writes only what was shown: if the registers have
changed in between it raises `RegistersChanged` with the new plan. `import_registers` does both at once, for an empty database.

It never deletes what has a history: a membership ends by `revoked_at`, a member of staff by `active`. Only rooms to which
nothing refers and shifts of the rota are deleted. What is compared with what stands in `bot.register_compare`, who is who in
`bot.register_people`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, bindparam, delete, func, insert, or_, select, text, update

from bot import register_told, registers
from bot.database import EVERY, Within
from bot.register_changes import (
    REGISTER,
    WHOLE,
    Added,
    Altered,
    Change,
    Comparison,
    Gone,
    Joined,
    Left,
    Moved,
    Options,
    PersonAdded,
    PersonKey,
    Shift,
    ShiftAdded,
    ShiftRemoved,
    Standing,
    StoredCommunity,
    StoredMembership,
    StoredResident,
    StoredRoom,
    StoredStaff,
)
from bot.register_compare import compare
from bot.registers import Known, Problem, Registers, RoomKey, Sheets
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
INVITE = table("invite")
EVENT = table("identity_event")
TICKET = table("ticket")

LOCKED: Final = "community, building, unit, room, household, resident, membership, staff, duty, invite"
"""While an update is written nobody else writes these; readers, and turns that open tickets, go on."""


class Transactions(Protocol):
    """What an import needs of `bot.database.Database`."""

    dialect: str

    def read(self, within: Within, query: Callable[[Connection], T]) -> T: ...

    def write(self, within: Within, transaction: Callable[[Connection], T]) -> T: ...


@dataclass(frozen=True, slots=True)
class Source:
    """Files, read once: what is shown and what is applied are the same rows."""

    name: str
    sheets: Sheets
    options: Options = WHOLE


@dataclass(frozen=True, slots=True)
class Plan:
    """What an update would change, or did. With problems nothing is imported."""

    source: Source
    comparison: Comparison

    @property
    def problems(self) -> tuple[Problem, ...]:
        return tuple(self.comparison.problems)

    @property
    def ok(self) -> bool:
        return not self.comparison.problems

    @property
    def changes(self) -> tuple[Change, ...]:
        """Empty when the database already says what the files say."""
        return tuple(self.comparison.changes)

    @property
    def fingerprint(self) -> str:
        return self.comparison.fingerprint

    def lines(self) -> tuple[str, ...]:
        """The plan for a terminal, in the order in which a person would read it."""
        found, name = self.comparison, self.source.name
        if found.problems:
            head = f"{name}: {len(found.problems)} to put right; nothing was imported."
            return (head, *(f"  {problem}" for problem in found.problems), *found.notices)
        head = f"{name}: {register_told.summary(found)}."
        return (head, *register_told.lines(found, self.source.sheets.rows), *found.notices)


class RegistersChanged(Exception):
    """The registers are not any more what the plan was made of; `plan` is the new one. Nothing was written."""

    def __init__(self, plan: Plan) -> None:
        super().__init__("the registers have changed since they were shown")
        self.plan = plan


def read(path: Path, options: Options = WHOLE) -> Source:
    """The files of a folder, one CSV or one workbook; see `bot.registers.read`."""
    return Source(path.name, registers.read(path), options)


def plan(store: Transactions, source: Source, now: datetime) -> Plan:
    """What would change. `now`: desk clock, aware. Writes nothing, and raises nothing for what the files hold."""
    return store.read(EVERY, lambda conn: _look(conn, source, now)[0])


def apply(store: Transactions, shown: Plan, now: datetime) -> Plan:
    """Carry out a plan that was shown, in one transaction. `now`: desk clock, aware; memberships begin and end then.

    Raises RegistersChanged, having written nothing, when the same files would now change something else, and ValueError
    for a plan with problems.
    """
    if not shown.ok:
        raise ValueError("a plan with problems cannot be applied")

    def transaction(conn: Connection) -> Plan:
        found, standing = _look(conn, shown.source, now, alone=store.dialect == "postgresql")
        if found.fingerprint != shown.fingerprint:
            raise RegistersChanged(found)
        _Writing(conn, standing, now).run(found.changes)
        return found

    return store.write(EVERY, transaction)  # the files of an estate may be of several communities


def import_registers(store: Transactions, path: Path, now: datetime, options: Options = WHOLE) -> Plan:
    """Find out and carry out in one transaction, shown to nobody. With `problems` in the result nothing was written."""
    source = read(path, options)

    def transaction(conn: Connection) -> Plan:
        found, standing = _look(conn, source, now, alone=store.dialect == "postgresql")
        if found.ok:
            _Writing(conn, standing, now).run(found.changes)
        return found

    return store.write(EVERY, transaction)  # the files of an estate may be of several communities


def _look(conn: Connection, source: Source, now: datetime, alone: bool = False) -> tuple[Plan, Standing]:
    if alone:  # SQLite has one writer anyway
        conn.execute(text(f"LOCK TABLE {LOCKED} IN SHARE ROW EXCLUSIVE MODE"))
    found = registers.check(source.sheets, known(conn))
    standing = stand(conn, _communities(found), now)
    if found.problems:
        return Plan(source, Comparison(problems=list(found.problems), notices=list(found.notices))), standing
    comparison = compare(standing, found, source.options)
    return Plan(source, replace(comparison, notices=[*found.notices, *comparison.notices])), standing


def _communities(found: Registers) -> list[str]:
    named = [row.code for row in found.communities] + [key[0] for key in found.absent_rooms]
    for rows in (found.buildings, found.rooms, found.residents, found.staff, found.duty):
        named.extend(row.community for row in rows)
    return list(dict.fromkeys(named))


# ── The registers as they stand ─────────────────────────────────────────────────────────────────────────────────────


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


def stand(conn: Connection, codes: Iterable[str], now: datetime) -> Standing:
    """The registers of these communities. `now` (desk clock) gives each its local date."""
    communities = {
        row.code: StoredCommunity(
            row.id, row.code, row.name, row.name_en, row.zone, row.duty_phone, now.astimezone(ZoneInfo(row.zone)).date()
        )
        for row in conn.execute(select(COMMUNITY).where(COMMUNITY.c.code.in_(list(codes))).order_by(COMMUNITY.c.id))
    }
    code = {community.id: community.code for community in communities.values()}

    def of(target: Any) -> Any:
        return conn.execute(select(target).where(target.c.community_id.in_(list(code))).order_by(target.c.id))

    rooms: dict[RoomKey, StoredRoom] = {}
    keys: dict[int, RoomKey] = {}
    for row in of(ROOM):
        keys[row.id] = (code[row.community_id], row.building_code, row.unit_code, row.room_code)
        rooms[keys[row.id]] = StoredRoom(row.id, row.label, row.floor)
    home = {row.id: row.room_id for row in of(HOUSEHOLD)}
    memberships = []
    for row in of(MEMBERSHIP):
        community = communities[code[row.community_id]]
        revoked_on = row.revoked_at.astimezone(ZoneInfo(community.zone)).date() if row.revoked_at else None
        memberships.append(
            StoredMembership(
                row.id, row.resident_id, row.household_id, keys[home[row.household_id]], row.role, row.since, row.until,
                row.source, revoked_on, row.ended_by,
            )
        )  # fmt: skip
    mine = TICKET.c.community_id.in_(list(code))
    tickets = (
        select(TICKET.c.room_id, func.min(TICKET.c.number), func.count())
        .where(mine, TICKET.c.room_id.is_not(None))
        .group_by(TICKET.c.room_id)
    )
    work = (
        select(TICKET.c.assignee_id, func.count())
        .where(mine, TICKET.c.open, TICKET.c.assignee_id.is_not(None))
        .group_by(TICKET.c.assignee_id)
    )
    open_work: dict[int, int] = {id_: count for id_, count in conn.execute(work)}
    return Standing(
        communities,
        {(code[r.community_id], r.code): (r.id, r.name) for r in of(BUILDING)},
        {(code[r.community_id], r.building_code, r.code): r.id for r in of(UNIT)},
        rooms,
        tuple(StoredResident(r.id, code[r.community_id], r.name, r.phone, r.language) for r in of(RESIDENT)),
        tuple(memberships),
        tuple(
            StoredStaff(
                r.id, code[r.community_id], r.name, r.role, tuple(r.skills), r.phone, r.language, r.active,
                open_work.get(r.id, 0),
            )
            for r in of(STAFF)
        ),
        {(r.staff_id, Shift(r.weekday, r.day, r.start_minute, r.end_minute)): r.id for r in of(DUTY)},
        {room_id: (number, count) for room_id, number, count in conn.execute(tickets)},
        frozenset(home.values()),
    )  # fmt: skip


# ── Carrying out ────────────────────────────────────────────────────────────────────────────────────────────────────


class _Writing:
    """One update, in bulk: parents first, and what is deleted last."""

    def __init__(self, conn: Connection, standing: Standing, now: datetime) -> None:
        self.conn, self.standing, self.now = conn, standing, now
        self.ids: dict[str, int] = {}
        self.events: list[dict[str, Any]] = []
        self.memberships = {membership.id: membership for membership in standing.memberships}

    def run(self, changes: tuple[Change, ...]) -> None:
        self._add(COMMUNITY, [c for c in changes if isinstance(c, Added) and c.table == "community"])
        self.ids = {code: id_ for id_, code in self.conn.execute(select(COMMUNITY.c.id, COMMUNITY.c.code))}
        for target in (BUILDING, UNIT, ROOM, STAFF):
            self._add(target, [c for c in changes if isinstance(c, Added) and c.table == target.name])
        self._alter([c for c in changes if isinstance(c, Altered)])
        self._residents(changes)
        self.duty(changes)
        self._delete([c for c in changes if isinstance(c, Gone)])

    def _put(self, target: Any, rows: list[dict[str, Any]]) -> None:
        if rows:
            self.conn.execute(insert(target), rows)

    def _add(self, target: Any, added: list[Added]) -> None:
        rows: list[dict[str, Any]] = [dict(one.values) for one in added]
        if target is not COMMUNITY:
            rows = [row | {"community_id": self.ids[one.community]} for row, one in zip(rows, added, strict=True)]
        self._put(target, rows)

    def _alter(self, altered: list[Altered]) -> None:
        alike: dict[tuple[str, tuple[str, ...]], list[Altered]] = defaultdict(list)
        for one in altered:
            alike[one.table, tuple(column for column, _, _ in one.values)].append(one)
        for (name, columns), found in alike.items():
            target = table(name)
            statement = update(target).where(target.c.id == bindparam("of_id"))
            if target is not COMMUNITY:
                statement = statement.where(target.c.community_id == bindparam("of_community"))
            self.conn.execute(
                statement.values({column: bindparam(f"to_{column}") for column in columns}),
                [
                    {"of_id": one.id, "of_community": self.ids[one.community]}
                    | {f"to_{column}": after for column, _, after in one.values}
                    for one in found
                ],
            )

    def _delete(self, gone: list[Gone]) -> None:
        for target in (ROOM, UNIT, BUILDING):
            found = [one for one in gone if one.table == target.name]
            if found:
                self.conn.execute(
                    delete(target).where(
                        target.c.id == bindparam("of_id"), target.c.community_id == bindparam("of_community")
                    ),
                    [{"of_id": one.id, "of_community": self.ids[one.community]} for one in found],
                )

    def duty(self, changes: tuple[Change, ...]) -> None:
        gone = [
            {"of_id": c.id, "of_community": self.ids[c.community]} for c in changes if isinstance(c, ShiftRemoved)
        ]
        if gone:
            mine = and_(DUTY.c.id == bindparam("of_id"), DUTY.c.community_id == bindparam("of_community"))
            self.conn.execute(delete(DUTY).where(mine), gone)
        added = [c for c in changes if isinstance(c, ShiftAdded)]
        if not added:
            return
        owners = sorted({self.ids[one.community] for one in added})
        people = select(STAFF.c.community_id, STAFF.c.name, STAFF.c.id).where(STAFF.c.community_id.in_(owners))
        newest = {(owner, name): id_ for owner, name, id_ in self.conn.execute(people.order_by(STAFF.c.id))}
        self._put(
            DUTY,
            [
                {
                    "community_id": self.ids[one.community],
                    "staff_id": one.staff_id or newest[self.ids[one.community], one.staff],
                    "weekday": one.shift.weekday,
                    "day": one.shift.day,
                    "start_minute": one.shift.start,
                    "end_minute": one.shift.end,
                }
                for one in added
            ],
        )

    # ── Residents ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _residents(self, changes: tuple[Change, ...]) -> None:
        joined = [c.joined if isinstance(c, Moved) else c for c in changes if isinstance(c, Moved | Joined)]
        left = [c.left if isinstance(c, Moved) else c for c in changes if isinstance(c, Moved | Left)]
        self._end(left)
        people = self._newcomers([c for c in changes if isinstance(c, PersonAdded)])
        self._begin(joined, people)
        for change in changes:
            if isinstance(change, Altered) and change.table == "membership":
                for column, _, after in change.values:
                    if column == "until":
                        membership = self.memberships[change.id]
                        ids = (membership.resident_id, membership.household_id)
                        self._record("membership_ended", change.community, *ids, f"register: until {after}")
        self._put(EVENT, self.events)

    def _end(self, left: list[Left]) -> None:
        """End memberships, and the invitations that rested on them."""
        if not left:
            return
        rows = [
            {
                "of_id": one.membership_id,
                "of_community": self.ids[one.room[0]],
                "of_resident": one.resident_id,
                "of_household": one.household_id,
                "ended": self.now,
            }
            for one in left
        ]
        mine = and_(MEMBERSHIP.c.id == bindparam("of_id"), MEMBERSHIP.c.community_id == bindparam("of_community"))
        self.conn.execute(
            update(MEMBERSHIP).where(mine).values(revoked_at=bindparam("ended"), ended_by=REGISTER), rows
        )
        theirs = or_(
            INVITE.c.made_by_resident == bindparam("of_resident"), INVITE.c.resident_id == bindparam("of_resident")
        )
        unused = and_(INVITE.c.used_at.is_(None), INVITE.c.revoked_at.is_(None))
        owned = and_(
            INVITE.c.community_id == bindparam("of_community"), INVITE.c.household_id == bindparam("of_household")
        )
        self.conn.execute(update(INVITE).where(owned, theirs, unused).values(revoked_at=bindparam("ended")), rows)
        for one in left:
            self._record("membership_ended", one.room[0], one.resident_id, one.household_id, "register")

    def _newcomers(self, added: list[PersonAdded]) -> dict[PersonKey, int]:
        if not added:
            return {}
        rows = [
            {"community_id": self.ids[one.person[0]], "phone": one.person[1], "name": one.name, "language": one.language}
            for one in added
        ]
        made = self.conn.execute(insert(RESIDENT).returning(RESIDENT.c.id, sort_by_parameter_order=True), rows)
        return dict(zip((one.person for one in added), made.scalars(), strict=True))

    def _begin(self, joined: list[Joined], people: dict[PersonKey, int]) -> None:
        if not joined:
            return
        founded = self._found([one for one in joined if one.household_id is None])
        rows = []
        for one in joined:
            household_id = one.household_id or founded[(*one.place, one.until)]
            resident_id = one.resident_id or people[one.person]
            rows.append(
                {
                    "community_id": self.ids[one.room[0]],
                    "household_id": household_id,
                    "resident_id": resident_id,
                    "role": one.role,
                    "since": one.since,
                    "until": one.until,
                    "source": REGISTER,
                }
            )
            until = f": until {one.until}" if one.until else ""
            self._record("membership_begun", one.room[0], resident_id, household_id, f"register{until}")
        self._put(MEMBERSHIP, rows)

    def _found(self, homeless: list[Joined]) -> dict[tuple[Any, ...], int]:
        """New households, one for all who join with the same room, side and end."""
        wanted = list(dict.fromkeys((*one.place, one.until) for one in homeless))
        if not wanted:
            return {}
        codes = {id_: code for code, id_ in self.ids.items()}
        owners = sorted({self.ids[room[0]] for room, _, _ in wanted})
        rooms = {
            (codes[r.community_id], r.building_code, r.unit_code, r.room_code): r.id
            for r in self.conn.execute(select(ROOM).where(ROOM.c.community_id.in_(owners)))
        }
        made = self.conn.execute(
            insert(HOUSEHOLD).returning(HOUSEHOLD.c.id, sort_by_parameter_order=True),
            [{"community_id": self.ids[room[0]], "room_id": rooms[room]} for room, _, _ in wanted],
        )
        return dict(zip(wanted, made.scalars(), strict=True))

    def _record(self, what: str, community: str, resident_id: int, household_id: int, note: str) -> None:
        self.events.append(
            {
                "community_id": self.ids[community],
                "what": what,
                "resident_id": resident_id,
                "household_id": household_id,
                "note": note,
                "at": self.now,
            }
        )
