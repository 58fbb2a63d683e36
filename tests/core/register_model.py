"""Carrying out changes in memory: what `bot.register_import` does in a database, as a model to check it and the comparison by."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from bot.register_changes import (
    REGISTER,
    Added,
    Altered,
    Change,
    Gone,
    Joined,
    Left,
    Moved,
    PersonAdded,
    PersonKey,
    ShiftAdded,
    ShiftRemoved,
    Standing,
    StoredCommunity,
    StoredMembership,
    StoredResident,
    StoredRoom,
    StoredStaff,
)
from bot.registers import RoomKey


def applied(standing: Standing, changes: Iterable[Change], today: date | None = None) -> Standing:
    """The registers after these changes. New rows are numbered in the order of the changes, as a database does.

    `today`: the local date in a community that is new.
    """
    model = _Model(standing, today or date.min)
    for change in changes:
        model.carry_out(change)
    return model.standing()


class _Model:
    def __init__(self, standing: Standing, today: date) -> None:
        self.before, self.today = standing, today
        self.communities = dict(standing.communities)
        self.buildings, self.units, self.rooms = dict(standing.buildings), dict(standing.units), dict(standing.rooms)
        self.residents = {r.id: r for r in standing.residents}
        self.memberships = {m.id: m for m in standing.memberships}
        self.staff = {s.id: s for s in standing.staff}
        self.duty = dict(standing.duty)
        self.lived_in = set(standing.lived_in)
        self.people: dict[PersonKey, int] = {}
        self.founded: dict[Any, int] = {}
        self.households = max((m.household_id for m in standing.memberships), default=0)

    def standing(self) -> Standing:
        return Standing(
            self.communities, self.buildings, self.units, self.rooms, tuple(self.residents.values()),
            tuple(self.memberships.values()), tuple(self.staff.values()), self.duty, self.before.tickets,
            frozenset(self.lived_in),
        )  # fmt: skip

    def carry_out(self, change: Change) -> None:
        match change:
            case Added():
                self.add(change, dict(change.values))
            case Altered():
                self.alter(change, {column: after for column, _, after in change.values})
            case Gone(table="room", id=id_):
                self.rooms = {key: room for key, room in self.rooms.items() if room.id != id_}
            case Gone(table="unit", id=id_):
                self.units = {key: unit for key, unit in self.units.items() if unit != id_}
            case Gone(id=id_):
                self.buildings = {key: building for key, building in self.buildings.items() if building[0] != id_}
            case PersonAdded(person=person):
                id_ = self.people[person] = _next(self.residents)
                self.residents[id_] = StoredResident(id_, person[0], change.name, person[1], change.language)
            case Joined():
                self.join(change)
            case Left():
                self.leave(change)
            case Moved(left=left, joined=joined):
                self.leave(left)
                self.join(joined)
            case ShiftAdded():
                named = {(s.community, s.name): s.id for s in self.staff.values()}
                staff_id = change.staff_id or named[change.community, change.staff]
                self.duty[staff_id, change.shift] = _next(self.duty.values())
            case ShiftRemoved(id=id_):
                self.duty = {key: shift for key, shift in self.duty.items() if shift != id_}

    def add(self, change: Added, values: dict[str, Any]) -> None:
        code = change.community
        match change.table:
            case "community":
                id_ = _next(c.id for c in self.communities.values())
                self.communities[code] = StoredCommunity(id_, **values, today=self.today)
            case "building":
                self.buildings[code, values["code"]] = (_next(b[0] for b in self.buildings.values()), values["name"])
            case "unit":
                self.units[code, values["building_code"], values["code"]] = _next(self.units.values())
            case "room":
                key: RoomKey = (code, values["building_code"], values["unit_code"], values["room_code"])
                self.rooms[key] = StoredRoom(_next(r.id for r in self.rooms.values()), values["label"], values["floor"])
            case "staff":
                id_ = _next(self.staff)
                self.staff[id_] = StoredStaff(id_, code, **values | {"skills": tuple(values["skills"])})

    def alter(self, change: Altered, values: dict[str, Any]) -> None:
        id_ = change.id
        match change.table:
            case "community":
                self.communities[change.community] = replace(self.communities[change.community], **values)
            case "building":
                self.buildings = {k: (id_, values["name"]) if b[0] == id_ else b for k, b in self.buildings.items()}
            case "room":
                self.rooms = {key: replace(r, **values) if r.id == id_ else r for key, r in self.rooms.items()}
            case "resident":
                self.residents[id_] = replace(self.residents[id_], **values)
            case "membership":
                self.memberships[id_] = replace(self.memberships[id_], **values)
            case "staff":
                if "skills" in values:
                    values["skills"] = tuple(values["skills"])
                self.staff[id_] = replace(self.staff[id_], **values)

    def join(self, one: Joined) -> None:
        household = one.household_id or self.founded.get((*one.place, one.until))
        if household is None:
            self.households += 1
            household = self.founded[(*one.place, one.until)] = self.households
        self.lived_in.add(self.rooms[one.room].id)
        id_ = _next(self.memberships)
        resident_id = one.resident_id or self.people[one.person]
        self.memberships[id_] = StoredMembership(
            id_, resident_id, household, one.room, one.role, one.since, one.until, REGISTER
        )

    def leave(self, one: Left) -> None:
        community = self.communities[one.room[0]]
        self.memberships[one.membership_id] = replace(
            self.memberships[one.membership_id], revoked_on=community.today, ended_by=REGISTER
        )


def _next(ids: Iterable[int]) -> int:
    return max(ids, default=0) + 1

