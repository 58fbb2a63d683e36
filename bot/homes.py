"""A room and a person as staff look them up: who belongs where and since when, the chats that are theirs, invites still open.

Everything here reads. What a channel knows somebody by is never shown: an address of a chat is a key to it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, or_, select

from bot.tables import table

CONVERSATION, HOUSEHOLD, INVITE, MEMBERSHIP = table("conversation"), table("household"), table("invite"), table("membership")
RESIDENT, ROOM, STAFF = table("resident"), table("room"), table("staff")

_MOST_CHATS = 20
MOST_ROOMS = 10
_MOST_MEMBERS = 200


@dataclass(frozen=True, slots=True)
class Stay:
    """A membership. `state`: now, ended, or ahead (it begins later)."""

    id: int
    household_id: int
    room_id: int
    room: str
    resident_id: int
    name: str
    phone: str
    role: str
    since: date | None
    until: date | None
    revoked_at: datetime | None
    state: str


@dataclass(frozen=True, slots=True)
class Chat:
    """A conversation that is this resident's: on which channel, since when, and how that was found out."""

    id: int
    resident_id: int
    channel: str
    bound_by: str
    bound_at: datetime | None


@dataclass(frozen=True, slots=True)
class OpenInvite:
    """A code nobody has used yet. `by`: the colleague or the member who made it; empty: the operator."""

    id: int
    role: str
    name: str
    by: str
    by_staff: bool
    until: date | None
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Household:
    """Those of a room who see each other's matters: the owners with their family, or the tenants of one lease."""

    id: int
    stays: tuple[Stay, ...]
    invites: tuple[OpenInvite, ...]

    @property
    def here(self) -> tuple[Stay, ...]:
        """Who belongs to it today."""
        return tuple(s for s in self.stays if s.state == "now")


@dataclass(frozen=True, slots=True)
class Home:
    """One room with its households."""

    id: int
    label: str
    households: tuple[Household, ...]
    chats: tuple[Chat, ...] = ()


@dataclass(frozen=True, slots=True)
class Person:
    """One resident of the register."""

    id: int
    name: str
    phone: str
    stays: tuple[Stay, ...]
    chats: tuple[Chat, ...]


_STAYS = (
    select(
        MEMBERSHIP, RESIDENT.c.name, RESIDENT.c.phone, HOUSEHOLD.c.room_id, ROOM.c.label,
    )
    .join_from(
        MEMBERSHIP,
        RESIDENT,
        and_(RESIDENT.c.community_id == MEMBERSHIP.c.community_id, RESIDENT.c.id == MEMBERSHIP.c.resident_id),
    )
    .join(HOUSEHOLD, and_(HOUSEHOLD.c.community_id == MEMBERSHIP.c.community_id, HOUSEHOLD.c.id == MEMBERSHIP.c.household_id))
    .join(ROOM, and_(ROOM.c.community_id == HOUSEHOLD.c.community_id, ROOM.c.id == HOUSEHOLD.c.room_id))
    .where(MEMBERSHIP.c.community_id == bindparam("community_id"))
    .order_by(MEMBERSHIP.c.id)
)  # fmt: skip


def _stay(row: Any, today: date) -> Stay:
    ended = row.revoked_at is not None or (row.until is not None and row.until < today)
    ahead = row.since is not None and row.since > today
    return Stay(
        row.id, row.household_id, row.room_id, row.label, row.resident_id, row.name, row.phone, row.role, row.since,
        row.until, row.revoked_at, "ended" if ended else "ahead" if ahead else "now",
    )  # fmt: skip


def stays_of(conn: Connection, community_id: int, resident_ids: Iterable[int], today: date) -> Mapping[int, list[Stay]]:
    """The homes of each of these residents, past ones too."""
    found = conn.execute(
        _STAYS.where(MEMBERSHIP.c.resident_id.in_(list(resident_ids))), {"community_id": community_id}
    )
    stays: dict[int, list[Stay]] = defaultdict(list)
    for row in found:
        stays[row.resident_id].append(_stay(row, today))
    return stays


def person(conn: Connection, community_id: int, resident_id: int, today: date) -> Person | None:
    """One resident; None when there is none of this number here."""
    row = conn.execute(
        select(RESIDENT.c.id, RESIDENT.c.name, RESIDENT.c.phone).where(
            RESIDENT.c.community_id == community_id, RESIDENT.c.id == resident_id
        )
    ).one_or_none()
    if row is None:
        return None
    stays = stays_of(conn, community_id, [resident_id], today)
    return Person(row.id, row.name, row.phone, tuple(stays[resident_id]), _chats(conn, community_id, [resident_id]))


def room(conn: Connection, community_id: int, room_id: int, now: datetime, today: date) -> Home | None:
    """One room with everybody who belongs or belonged to it; None when there is none of this number here."""
    found = _homes(conn, community_id, (ROOM.c.id == room_id,), now, today)
    if not found:
        return None
    home = found[0]
    residents = {s.resident_id for h in home.households for s in h.here}
    return Home(home.id, home.label, home.households, _chats(conn, community_id, residents))


def matching(
    conn: Connection, community_id: int, room_id: int | None, said: str, now: datetime, today: date
) -> tuple[Home, ...]:
    """The room of this number, and the rooms whose name holds `said`: at most 10 together."""
    where = [ROOM.c.id == room_id] if room_id is not None else []
    if said:
        where.append(ROOM.c.label.icontains(said, autoescape=True))
    return _homes(conn, community_id, (or_(*where),), now, today) if where else ()


def _homes(conn: Connection, community_id: int, where: Iterable[Any], now: datetime, today: date) -> tuple[Home, ...]:
    rooms = conn.execute(
        select(ROOM.c.id, ROOM.c.label).where(ROOM.c.community_id == community_id, *where).order_by(ROOM.c.id).limit(MOST_ROOMS)
    ).all()
    households = conn.execute(
        select(HOUSEHOLD.c.id, HOUSEHOLD.c.room_id)
        .where(HOUSEHOLD.c.community_id == community_id, HOUSEHOLD.c.room_id.in_([r.id for r in rooms]))
        .order_by(HOUSEHOLD.c.id)
    ).all()
    ids = [h.id for h in households]
    stays: dict[int, list[Stay]] = defaultdict(list)
    members = _STAYS.where(MEMBERSHIP.c.household_id.in_(ids)).limit(_MOST_MEMBERS)
    for row in conn.execute(members, {"community_id": community_id}):
        stays[row.household_id].append(_stay(row, today))
    invites = _open_invites(conn, community_id, ids, now)
    return tuple(
        Home(
            r.id,
            r.label,
            tuple(
                Household(h.id, tuple(stays[h.id]), tuple(invites[h.id])) for h in households if h.room_id == r.id
            ),
        )
        for r in rooms
    )


def _open_invites(
    conn: Connection, community_id: int, household_ids: list[int], now: datetime
) -> Mapping[int, list[OpenInvite]]:
    found = conn.execute(
        select(INVITE, STAFF.c.name.label("staff_name"), RESIDENT.c.name.label("resident_name"))
        .select_from(
            INVITE.outerjoin(
                STAFF, and_(STAFF.c.community_id == INVITE.c.community_id, STAFF.c.id == INVITE.c.made_by_staff)
            ).outerjoin(
                RESIDENT,
                and_(RESIDENT.c.community_id == INVITE.c.community_id, RESIDENT.c.id == INVITE.c.made_by_resident),
            )
        )
        .where(
            INVITE.c.community_id == community_id,
            INVITE.c.household_id.in_(household_ids),
            INVITE.c.used_at.is_(None),
            INVITE.c.revoked_at.is_(None),
            INVITE.c.expires_at > now,
        )
        .order_by(INVITE.c.id)
    )
    invites: dict[int, list[OpenInvite]] = defaultdict(list)
    for row in found:
        invites[row.household_id].append(
            OpenInvite(
                row.id, row.role, row.name, row.staff_name or row.resident_name or "", row.made_by_staff is not None,
                row.until, row.expires_at,
            )
        )  # fmt: skip
    return invites


def _chats(conn: Connection, community_id: int, resident_ids: Iterable[int]) -> tuple[Chat, ...]:
    found = conn.execute(
        select(
            CONVERSATION.c.id, CONVERSATION.c.resident_id, CONVERSATION.c.channel, CONVERSATION.c.bound_by,
            CONVERSATION.c.bound_at,
        )
        .where(CONVERSATION.c.community_id == community_id, CONVERSATION.c.resident_id.in_(sorted(resident_ids)))
        .order_by(CONVERSATION.c.id)
        .limit(_MOST_CHATS)
    )  # fmt: skip
    return tuple(Chat(*row) for row in found)
