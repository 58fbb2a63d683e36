"""Ticket rows: lock, view, number, open, move, add to. What a move means is decided by the transition tables, not here.

Every function works inside the caller's transaction and under the lock order incident < ticket < conversation; none
reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, insert, or_, select, update
from sqlalchemy.sql import ColumnElement

from bot.core.types import Appointment, Community, Media, TicketDraft, TicketView
from bot.database import both, insert_into
from bot.identity import CURRENT
from bot.tables import table

TICKET = table("ticket")
EVENT = table("ticket_event")
PHOTO = table("ticket_photo")
SEQUENCE = table("ticket_sequence")
ANSWER = table("survey_answer")
PHONE = table("phone_task")
MEMBERSHIP = table("membership")
STAFF = table("staff")

OPEN_LIMIT = 10
RECENT_LIMIT = 5


@dataclass(frozen=True, slots=True)
class Case:
    """A ticket row: what the dialogue sees of it, and what only the store needs."""

    view: TicketView
    household_id: int | None
    assignee_id: int | None
    contact_name: str
    paused_since: datetime | None
    paused: timedelta


def _spells(*columns: str) -> dict[str, Any]:
    return {name: bindparam(name) for name in columns}


_COMMUNITY = TICKET.c.community_id == bindparam("community_id")
_HOUSEHOLDS = select(MEMBERSHIP.c.household_id).where(
    MEMBERSHIP.c.community_id == bindparam("community_id"),
    MEMBERSHIP.c.resident_id == bindparam("resident_id"),
    CURRENT,
)
#: What a speaker may see: tickets of the households the speaker belongs to today, and those of this conversation that belong to
#: no household. A ticket of a household is not its former tenant's any more, though he opened it.
_OWN: ColumnElement[bool] = or_(
    and_(TICKET.c.household_id.is_(None), TICKET.c.conversation_id == bindparam("conversation_id")),
    TICKET.c.household_id.in_(_HOUSEHOLDS),
)
_COLUMNS = (
    TICKET,
    func.coalesce(STAFF.c.name, "").label("assignee"),
    select(func.count())
    .where(PHOTO.c.community_id == TICKET.c.community_id, PHOTO.c.ticket_id == TICKET.c.id)
    .scalar_subquery()
    .label("photos"),
    select(EVENT.c.note)
    .where(EVENT.c.community_id == TICKET.c.community_id, EVENT.c.ticket_id == TICKET.c.id, EVENT.c.action == "quote")
    .order_by(EVENT.c.id.desc())
    .limit(1)
    .scalar_subquery()
    .label("quote"),
)
_FROM = TICKET.outerjoin(
    STAFF, (STAFF.c.community_id == TICKET.c.community_id) & (STAFF.c.id == TICKET.c.assignee_id)
)
_SEEN = select(*_COLUMNS).select_from(_FROM).where(_COMMUNITY)
_OPEN_IDS = (
    select(TICKET.c.id).where(_COMMUNITY, TICKET.c.open, _OWN).order_by(TICKET.c.id.desc()).limit(OPEN_LIMIT)
)
# Locked in the order of their ids: two turns that share tickets never wait for each other in a circle.
_LOCK_OPEN = (
    _SEEN.where(or_(TICKET.c.id.in_(_OPEN_IDS), TICKET.c.id.in_(bindparam("also", expanding=True))))
    .order_by(TICKET.c.id)
    .with_for_update(of=TICKET)
)
_LOCK_ONE = _SEEN.where(TICKET.c.id == bindparam("id")).with_for_update(of=TICKET)
_OWN_NUMBER = _SEEN.where(TICKET.c.number == bindparam("number"), _OWN)
_RECENT = _SEEN.where(_OWN).order_by(TICKET.c.id.desc()).limit(RECENT_LIMIT)

_MOVED = (
    "status",
    "open",
    "category",
    "priority",
    "description",
    "location",
    "contact",
    "rework",
    "pause_reason",
    "paused_since",
    "paused_seconds",
    "resume_at",
    "urged_at",
    "closed_by",
    "assignee_id",
    "appointment_start",
    "appointment_end",
    "appointment_text",
    "updated_at",
)
_UPDATE = (
    update(TICKET)
    .where(TICKET.c.community_id == bindparam("of_community"), TICKET.c.id == bindparam("of_ticket"))
    .values(**_spells(*_MOVED), version=TICKET.c.version + 1)
)
_INSERT = insert(TICKET).returning(TICKET.c.id)
_INSERT_EVENT = insert(EVENT)
_INSERT_PHOTO = insert(PHOTO)
_INSERT_PHONE = insert(PHONE)


def _next(dialect: str) -> Any:
    statement = insert_into(dialect, SEQUENCE).values(**_spells("community_id", "kind", "local_date"), last=1)
    return statement.on_conflict_do_update(
        index_elements=["community_id", "kind", "local_date"], set_={"last": SEQUENCE.c.last + 1}
    ).returning(SEQUENCE.c.last)


def _answer(dialect: str) -> Any:
    statement = insert_into(dialect, ANSWER).values(
        **_spells("community_id", "ticket_id", "score", "comment", "at")
    )
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=["community_id", "ticket_id"],
        set_={
            "score": func.coalesce(new.score, ANSWER.c.score),
            "comment": case((new.comment == "", ANSWER.c.comment), else_=new.comment),
            "at": new.at,
        },
    )


_NEXT = both(_next)
_ANSWER = both(_answer)


def _case(row: Any) -> Case:
    start, end = row.appointment_start, row.appointment_end
    view = TicketView(
        id=row.id,
        number=row.number,
        kind=row.kind,
        status=row.status,
        category=row.category,
        priority=row.priority,
        description=row.description,
        room=row.room_label,
        location=row.location,
        public_area=row.public_area,
        contact=row.contact,
        appointment=Appointment(start, end, row.appointment_text) if start and end else None,
        opened_at=row.opened_at,
        updated_at=row.updated_at,
        assignee=row.assignee,
        resume_at=row.resume_at,
        pause_reason=row.pause_reason,
        quote=row.quote or "",
        rework=row.rework,
        photos=row.photos,
        urged_at=row.urged_at,
        requester_verified=row.requester_verified,
        conversation_id=row.conversation_id,
        closed_by=row.closed_by,
    )
    paused = timedelta(seconds=row.paused_seconds)
    return Case(view, row.household_id, row.assignee_id, row.contact_name, row.paused_since, paused)


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose tickets may be seen: this conversation's, and those of the resident's households on the local date."""

    community_id: int
    conversation_id: int | None
    resident_id: int | None
    today: date

    def values(self) -> dict[str, object]:
        return {
            "community_id": self.community_id,
            "conversation_id": self.conversation_id,
            "resident_id": self.resident_id,
            "today": self.today,
        }


def lock_open(conn: Connection, asker: Asker, also: Iterable[int] = ()) -> tuple[Case, ...]:
    """Lock the asker's open tickets (at most 10, the newest) and those in `also`; in the order of their ids."""
    rows = conn.execute(_LOCK_OPEN, {**asker.values(), "also": sorted(also)}).all()
    return tuple(_case(r) for r in rows)


def lock(conn: Connection, community_id: int, ticket_id: int) -> Case | None:
    """Lock one ticket."""
    row = conn.execute(_LOCK_ONE, {"community_id": community_id, "id": ticket_id}).one_or_none()
    return None if row is None else _case(row)



_VERSION = select(TICKET.c.version).where(_COMMUNITY, TICKET.c.id == bindparam("id"))
_HANDOVER = (
    select(TICKET.c.id)
    .where(
        _COMMUNITY,
        TICKET.c.conversation_id == bindparam("conversation_id"),
        TICKET.c.kind == "enquiry",
        TICKET.c.category == "handoff",
        TICKET.c.status.in_(("open", "owned")),
    )
    .order_by(TICKET.c.id.desc())
    .limit(1)
)


def version(conn: Connection, community_id: int, ticket_id: int) -> int:
    """How often the ticket was written."""
    return int(conn.execute(_VERSION, {"community_id": community_id, "id": ticket_id}).scalar_one())


def handover_of(conn: Connection, community_id: int, conversation_id: int) -> int | None:
    """The open hand-over of a conversation, read without a lock."""
    return conn.scalar(_HANDOVER, {"community_id": community_id, "conversation_id": conversation_id})


def own_by_number(conn: Connection, asker: Asker, number: str) -> Case | None:
    """The ticket if the asker may see it; a number alone opens nothing."""
    row = conn.execute(_OWN_NUMBER, {**asker.values(), "number": number}).one_or_none()
    return None if row is None else _case(row)


def recent(conn: Connection, asker: Asker) -> tuple[Case, ...]:
    """The asker's latest tickets, open or closed, newest first, at most 5."""
    return tuple(_case(r) for r in conn.execute(_RECENT, asker.values()).all())


def number(conn: Connection, community: Community, kind: str, code: str, now: datetime) -> str:
    """The next number of this kind on the community's local date, e.g. `CY-BX-20270301-0007`."""
    day = now.astimezone(community.zone).date()
    last = conn.scalar(
        _NEXT[conn.dialect.name], {"community_id": community.id, "kind": kind, "local_date": day}
    )
    return f"{community.code}-{code}-{day:%Y%m%d}-{last:04d}"


def open_ticket(
    conn: Connection,
    draft: TicketDraft,
    *,
    number: str,
    status: str,
    community_id: int,
    conversation_id: int | None,
    resident_id: int | None,
    now: datetime,
) -> Case:
    """Write the ticket and its photos; the audit line is the caller's."""
    room, appointment = draft.room, draft.appointment
    row = {
        "community_id": community_id,
        "number": number,
        "kind": draft.kind,
        "status": status,
        "open": True,
        "category": draft.category,
        "priority": str(draft.priority),
        "subject": draft.subject,
        "description": draft.description,
        "room_id": room.id if room else None,
        "room_label": room.label if room else "",
        "location": draft.location,
        "public_area": draft.public_area,
        "contact": draft.contact,
        "contact_name": draft.contact_name,
        "appointment_start": appointment.start if appointment else None,
        "appointment_end": appointment.end if appointment else None,
        "appointment_text": appointment.text if appointment else "",
        "household_id": draft.household_id,
        "conversation_id": conversation_id,
        "resident_id": resident_id,
        "requester_verified": draft.requester_verified,
        "linked_to": draft.linked_to,
        "opened_at": now,
        "updated_at": now,
    }
    ticket_id = conn.execute(_INSERT, row).scalar_one()
    add_photos(conn, community_id, ticket_id, draft.photos, now)
    view = TicketView(
        id=ticket_id,
        number=number,
        kind=draft.kind,
        status=status,
        category=draft.category,
        priority=str(draft.priority),
        description=draft.description,
        room=room.label if room else "",
        location=draft.location,
        public_area=draft.public_area,
        contact=draft.contact,
        appointment=appointment,
        opened_at=now,
        updated_at=now,
        photos=len(draft.photos),
        requester_verified=draft.requester_verified,
        conversation_id=conversation_id,
    )
    return Case(view, draft.household_id, None, draft.contact_name, None, timedelta(0))


def changed(case: Case, after: TicketView, at: datetime, assignee_id: int | None) -> Case:
    """The case with its new view: the standstill of a pause begins, or is added up, when the status says so."""
    since: datetime | None = case.paused_since
    paused = case.paused
    if after.status == "on_hold" and since is None:
        since = at
    elif after.status != "on_hold" and since is not None:
        paused += max(at - since, timedelta(0))
        since = None
    return replace(case, view=after, assignee_id=assignee_id, paused_since=since, paused=paused)


def write(conn: Connection, community_id: int, case: Case, *, is_open: bool) -> None:
    """Write what a move or an addition changed."""
    view = case.view
    conn.execute(
        _UPDATE,
        {
            "of_community": community_id,
            "of_ticket": view.id,
            "status": view.status,
            "open": is_open,
            "category": view.category,
            "priority": view.priority,
            "description": view.description,
            "location": view.location,
            "contact": view.contact,
            "rework": view.rework,
            "pause_reason": view.pause_reason,
            "paused_since": case.paused_since,
            "paused_seconds": int(case.paused.total_seconds()),
            "resume_at": view.resume_at,
            "urged_at": view.urged_at,
            "closed_by": view.closed_by,
            "assignee_id": case.assignee_id,
            "appointment_start": view.appointment.start if view.appointment else None,
            "appointment_end": view.appointment.end if view.appointment else None,
            "appointment_text": view.appointment.text if view.appointment else "",
            "updated_at": view.updated_at,
        },
    )


def note(
    conn: Connection,
    community_id: int,
    before: TicketView,
    after: TicketView,
    action: str,
    at: datetime,
    *,
    by_role: str,
    by_id: int | None = None,
    by_name: str = "",
    words: str = "",
) -> None:
    """One line of the audit trail."""
    conn.execute(
        _INSERT_EVENT,
        {
            "community_id": community_id,
            "ticket_id": after.id,
            "action": action,
            "from_status": before.status,
            "to_status": after.status,
            "by_role": by_role,
            "by_id": by_id,
            "by_name": by_name,
            "note": words,
            "at": at,
        },
    )


def add_photos(
    conn: Connection,
    community_id: int,
    ticket_id: int,
    photos: Iterable[Media],
    at: datetime,
    by_role: str = "resident",
) -> None:
    """Photos and papers as the channel named them."""
    rows = [
        {
            "community_id": community_id,
            "ticket_id": ticket_id,
            "kind": p.kind,
            "reference": p.reference,
            "path": p.path,
            "by_role": by_role,
            "at": at,
        }
        for p in photos
    ]
    if rows:
        conn.execute(_INSERT_PHOTO, rows)


def save_answer(
    conn: Connection, community_id: int, ticket_id: int, score: int | None, comment: str, at: datetime
) -> None:
    """A survey answer; a comment that comes later joins the score already given."""
    conn.execute(
        _ANSWER[conn.dialect.name],
        {"community_id": community_id, "ticket_id": ticket_id, "score": score, "comment": comment, "at": at},
    )


def phone_task(
    conn: Connection,
    community_id: int,
    words: str,
    reason: str,
    at: datetime,
    *,
    ticket_id: int | None = None,
    conversation_id: int | None = None,
    contact: str = "",
) -> None:
    """Somebody must ring: no message can tell it, or none did."""
    conn.execute(
        _INSERT_PHONE,
        {
            "community_id": community_id,
            "ticket_id": ticket_id,
            "conversation_id": conversation_id,
            "contact": contact,
            "text": words,
            "reason": reason,
            "created_at": at,
        },
    )
