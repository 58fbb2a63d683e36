"""Who is on duty at an instant, and who therefore hears of what. Reads the rota; never changes it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import BindParameter, Connection, Integer, and_, bindparam, case, exists, or_, select
from sqlalchemy.sql import ColumnElement

from bot.core.tickets import DESK_STAFF
from bot.core.types import Community
from bot.tables import table

DUTY = table("duty")
STAFF = table("staff")

#: Whom a notice reaches when nobody of its role is there.
BOSSES = ("supervisor", "manager")
#: Who takes hand-overs (DOMAIN.md, roles); where an office has none, whoever may act for them does.
FRONT_DESK = "steward"


@dataclass(frozen=True, slots=True)
class Colleague:
    """A member of staff as the addressee of a notice, or as the one who acts."""

    id: int
    name: str
    role: str
    language: str


def _on(weekday: str, day: str) -> ColumnElement[bool]:
    return or_(DUTY.c.weekday == bindparam(weekday), DUTY.c.day == bindparam(day))


_MINUTE: BindParameter[int] = bindparam("minute", type_=Integer())
_NOW_ON = or_(
    and_(
        _on("weekday", "day"),
        or_(
            and_(
                DUTY.c.start_minute < DUTY.c.end_minute,
                DUTY.c.start_minute <= _MINUTE,
                DUTY.c.end_minute > _MINUTE,
            ),
            and_(DUTY.c.start_minute >= DUTY.c.end_minute, DUTY.c.start_minute <= _MINUTE),
        ),
    ),
    # yesterday's shift that runs past midnight
    and_(
        _on("weekday_before", "day_before"),
        DUTY.c.start_minute >= DUTY.c.end_minute,
        DUTY.c.end_minute > _MINUTE,
    ),
)
_OWN = DUTY.c.community_id == bindparam("community_id")
_OTHERS = STAFF.alias()
_HAS_FRONT_DESK = exists().where(
    _OTHERS.c.community_id == bindparam("community_id"), _OTHERS.c.role == FRONT_DESK, _OTHERS.c.active
)
_DESK = select(
    or_(
        exists().where(
            _OWN,
            _NOW_ON,
            STAFF.c.community_id == DUTY.c.community_id,
            STAFF.c.id == DUTY.c.staff_id,
            STAFF.c.active,
            or_(STAFF.c.role == FRONT_DESK, and_(STAFF.c.role.in_(DESK_STAFF), ~_HAS_FRONT_DESK)),
        ),
        ~exists().where(_OWN),
    )
)
_PEOPLE = (STAFF.c.id, STAFF.c.name, STAFF.c.role, STAFF.c.language)
_HERE = exists().where(DUTY.c.community_id == STAFF.c.community_id, DUTY.c.staff_id == STAFF.c.id, _NOW_ON)
_WANTED = (
    select(*_PEOPLE, case((_HERE, 1), else_=0).label("here"))
    .where(
        STAFF.c.community_id == bindparam("community_id"),
        STAFF.c.active,
        STAFF.c.role.in_(bindparam("roles", expanding=True)),
    )
    .order_by(STAFF.c.id)
    .limit(200)
)
_ONE = select(*_PEOPLE).where(
    STAFF.c.community_id == bindparam("community_id"), STAFF.c.id == bindparam("id"), STAFF.c.active
)


def _instant(community: Community, now: datetime) -> dict[str, object]:
    local = now.astimezone(community.zone)
    before = local.date() - timedelta(days=1)
    return {
        "community_id": community.id,
        "weekday": local.weekday(),
        "day": local.date(),
        "weekday_before": before.weekday(),
        "day_before": before,
        "minute": local.hour * 60 + local.minute,
    }


def on_duty(conn: Connection, community: Community, now: datetime) -> bool:
    """Whether anybody is on duty who takes hand-overs: the front desk or who stands in for it. An office that keeps no rota counts
    as always there."""
    return bool(conn.scalar(_DESK, _instant(community, now)))


def audience(conn: Connection, community: Community, now: datetime, role: str) -> tuple[Colleague, ...]:
    """Whom a notice to `role` reaches: those on duty; else all of the role; else supervisors and managers.

    A notice must never fall into a gap of the rota, which is how an alert fails to reach the manager.
    """
    rows = conn.execute(_WANTED, {**_instant(community, now), "roles": [role, *BOSSES]}).all()
    of_role = [r for r in rows if r.role == role]
    chosen = [r for r in of_role if r.here] or of_role or [r for r in rows if r.here] or rows
    return tuple(Colleague(r.id, r.name, r.role, r.language) for r in chosen)


def present(conn: Connection, community: Community, now: datetime) -> frozenset[int]:
    """Who is on duty, by the rota."""
    here = select(STAFF.c.id).where(STAFF.c.community_id == bindparam("community_id"), STAFF.c.active, _HERE)
    return frozenset(conn.scalars(here, _instant(community, now)))


def colleague(conn: Connection, community_id: int, staff_id: int) -> Colleague | None:
    """An active member of this community's staff."""
    row = conn.execute(_ONE, {"community_id": community_id, "id": staff_id}).one_or_none()
    return None if row is None else Colleague(row.id, row.name, row.role, row.language)
