"""People, rooms and the rota as plain tables for the staff's pages. Nothing is changed here; one room, one person: `homes`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Select, and_, func, or_, select

from bot import homes
from bot.core.types import Community
from bot.tables import table

STAFF, DUTY, RESIDENT, ROOM = table("staff"), table("duty"), table("resident"), table("room")
MEMBERSHIP, HOUSEHOLD, TICKET = table("membership"), table("household"), table("ticket")

PAGE = 50


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows of a table, and where they stand."""

    rows: tuple[Any, ...]
    page: int
    pages: int


def _page(conn: Connection, query: Select[Any], page: int) -> Page:
    count = conn.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0
    pages = max(1, -(-count // PAGE))
    page = min(max(page, 1), pages)
    return Page(tuple(conn.execute(query.offset((page - 1) * PAGE).limit(PAGE)).all()), page, pages)


def residents(conn: Connection, community_id: int, q: str, page: int, today: date) -> Page:
    """Residents, each with all their homes (`rows` holds `homes.Person` without chats); `q` is part of a name, a room or a
    telephone."""
    query = select(RESIDENT.c.id, RESIDENT.c.name, RESIDENT.c.phone).where(RESIDENT.c.community_id == community_id)
    if q:
        rooms = (
            select(MEMBERSHIP.c.resident_id)
            .join(
                HOUSEHOLD,
                and_(HOUSEHOLD.c.community_id == MEMBERSHIP.c.community_id, HOUSEHOLD.c.id == MEMBERSHIP.c.household_id),
            )
            .join(ROOM, and_(ROOM.c.community_id == HOUSEHOLD.c.community_id, ROOM.c.id == HOUSEHOLD.c.room_id))
            .where(MEMBERSHIP.c.community_id == community_id, ROOM.c.label.icontains(q, autoescape=True))
        )
        named = (c.icontains(q, autoescape=True) for c in (RESIDENT.c.name, RESIDENT.c.phone))
        query = query.where(or_(*named, RESIDENT.c.id.in_(rooms)))
    shown = _page(conn, query.order_by(RESIDENT.c.id), page)
    stays = homes.stays_of(conn, community_id, [r.id for r in shown.rows], today)
    rows = tuple(homes.Person(r.id, r.name, r.phone, tuple(stays.get(r.id, ())), ()) for r in shown.rows)
    return Page(rows, shown.page, shown.pages)


def rooms(conn: Connection, community_id: int, q: str, page: int, today: date) -> Page:
    """Rooms, how many belong to them today, and their open tickets."""
    people = (
        select(func.count())
        .select_from(
            MEMBERSHIP.join(
                HOUSEHOLD,
                and_(HOUSEHOLD.c.community_id == MEMBERSHIP.c.community_id, HOUSEHOLD.c.id == MEMBERSHIP.c.household_id),
            )
        )
        .where(
            HOUSEHOLD.c.community_id == ROOM.c.community_id,
            HOUSEHOLD.c.room_id == ROOM.c.id,
            MEMBERSHIP.c.revoked_at.is_(None),
            or_(MEMBERSHIP.c.since.is_(None), MEMBERSHIP.c.since <= today),
            or_(MEMBERSHIP.c.until.is_(None), MEMBERSHIP.c.until >= today),
        )
        .scalar_subquery()
    )
    open_tickets = (
        select(func.count())
        .where(TICKET.c.community_id == ROOM.c.community_id, TICKET.c.room_id == ROOM.c.id, TICKET.c.open)
        .scalar_subquery()
    )
    query = (
        select(
            ROOM.c.id, ROOM.c.label, ROOM.c.building_code, ROOM.c.unit_code, ROOM.c.room_code,
            people.label("residents"), open_tickets.label("open_tickets"),
        )
        .where(ROOM.c.community_id == community_id)
        .order_by(ROOM.c.id)
    )  # fmt: skip
    if q:
        query = query.where(ROOM.c.label.icontains(q, autoescape=True))
    return _page(conn, query, page)


def staff(conn: Connection, community_id: int) -> tuple[Any, ...]:
    """The staff, those who left last."""
    return tuple(
        conn.execute(
            select(STAFF).where(STAFF.c.community_id == community_id).order_by(STAFF.c.active.desc(), STAFF.c.role, STAFF.c.id)
        ).all()
    )


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift on one local day; `now`: it runs at the instant the week was asked for."""

    start: str
    end: str
    name: str
    role: str
    now: bool


def week(conn: Connection, community: Community, now: datetime) -> tuple[tuple[date, tuple[Shift, ...]], ...]:
    """The shifts of the seven days from today on, by their start."""
    local = now.astimezone(community.zone)
    found = conn.execute(
        select(DUTY, STAFF.c.name, STAFF.c.role)
        .join(STAFF, and_(STAFF.c.community_id == DUTY.c.community_id, STAFF.c.id == DUTY.c.staff_id))
        .where(DUTY.c.community_id == community.id, STAFF.c.active)
        .order_by(DUTY.c.start_minute, STAFF.c.id)
    ).all()
    minute = local.hour * 60 + local.minute
    days = []
    for ahead in range(7):
        day = local.date() + timedelta(days=ahead)
        shifts = tuple(
            Shift(
                _clock(r.start_minute), _clock(r.end_minute), r.name, r.role,
                ahead == 0 and r.start_minute <= minute and (minute < r.end_minute or r.end_minute <= r.start_minute),
            )
            for r in found
            if r.weekday == day.weekday() or r.day == day
        )  # fmt: skip
        days.append((day, shifts))
    return tuple(days)


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
