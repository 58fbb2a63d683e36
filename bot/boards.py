"""What the staff's pages show of tickets: the queue, one ticket with everything about it, the calls to be made.

Every query demands the community and the kinds of ticket the reader's role sees. Nothing is written here, and no rule of
the trade stands here: what may be done with a ticket is asked of the transition tables.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from sqlalchemy import Connection, Select, and_, case, exists, false, func, not_, or_, select, update
from sqlalchemy.sql import ColumnElement

from bot.core.deadlines import BEFORE_NEXT_STEP, DONE
from bot.core.tickets import INITIAL, TRANSITIONS
from bot.core.types import RANK
from bot.tables import table

TICKET, EVENT, STAFF, DUE = table("ticket"), table("ticket_event"), table("staff"), table("due")
ESCALATION, PHOTO, MEDIA, ANSWER = table("escalation"), table("ticket_photo"), table("media"), table("survey_answer")
PHONE, OUTBOX, INBOX, CONVERSATION = table("phone_task"), table("outbox"), table("inbox"), table("conversation")

Tab: TypeAlias = Literal["mine", "free", "overdue", "all"]
TABS: tuple[Tab, ...] = ("mine", "free", "overdue", "all")
_PAGE = 50


@dataclass(frozen=True, slots=True)
class Reader:
    """Who looks: their community, and the kinds of ticket their role sees."""

    community_id: int
    staff_id: int
    role: str
    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Deadline:
    """A clock of a ticket. `late`: its instant came before the thing was done."""

    clock: str
    at: datetime
    status: str
    late: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A ticket in a list. `row` is the ticket's own row."""

    row: Any
    assignee: str
    photos: int
    escalated: bool
    next_due: Deadline | None


_PRIORITY = case({p: rank for p, rank in RANK.items()}, value=TICKET.c.priority, else_=len(RANK))
_DEADLINES = and_(
    DUE.c.community_id == TICKET.c.community_id,
    DUE.c.subject_type == "ticket",
    DUE.c.subject_id == TICKET.c.id,
    DUE.c.source == "deadline",
)
_NEXT_DUE = select(func.min(DUE.c.at)).where(_DEADLINES, DUE.c.status == "pending").scalar_subquery()
_ESCALATED = exists().where(
    ESCALATION.c.community_id == TICKET.c.community_id,
    ESCALATION.c.ticket_id == TICKET.c.id,
    ESCALATION.c.acknowledged_at.is_(None),
)
_PHOTOS = (
    select(func.count())
    .where(PHOTO.c.community_id == TICKET.c.community_id, PHOTO.c.ticket_id == TICKET.c.id)
    .scalar_subquery()
)


def _runs(statuses: Mapping[str, frozenset[str]]) -> ColumnElement[bool]:
    return or_(*(and_(TICKET.c.kind == kind, TICKET.c.status.in_(sorted(of_kind))) for kind, of_kind in statuses.items()))


#: Which fired clocks still count, as `deadlines.running` says it of one ticket.
_STILL_OWED = or_(
    and_(
        DUE.c.kind == "sla_first_response",
        TICKET.c.assignee_id.is_(None),
        _runs({kind: frozenset({status}) for kind, status in INITIAL.items()}),
    ),
    and_(DUE.c.kind == "sla_next_step", _runs(BEFORE_NEXT_STEP)),
    and_(DUE.c.kind == "sla_resolve", not_(_runs(DONE))),
)


def _overdue(now: datetime) -> ColumnElement[bool]:
    """Open work behind a clock that still runs; one that was met late is the past's."""
    fired = and_(DUE.c.status == "done", _STILL_OWED)
    about_to = and_(DUE.c.status == "pending", DUE.c.at <= now)
    return and_(TICKET.c.open, exists().where(_DEADLINES, or_(about_to, fired)))


def _free(reader: Reader) -> ColumnElement[bool]:
    """Nobody has it, and this role may take it."""
    takes = [
        and_(TICKET.c.kind == kind, TICKET.c.status == status)
        for kind in reader.kinds
        for status, moves in TRANSITIONS[kind].items()
        if "accept" in moves and reader.role in moves["accept"].by
    ]
    return and_(TICKET.c.open, TICKET.c.assignee_id.is_(None), or_(false(), *takes))


def _tab(reader: Reader, tab: Tab, now: datetime) -> ColumnElement[bool]:
    match tab:
        case "mine":
            return and_(TICKET.c.open, TICKET.c.assignee_id == reader.staff_id)
        case "free":
            return _free(reader)
        case "overdue":
            return _overdue(now)
        case "all":
            return TICKET.c.open


def _seen(reader: Reader) -> ColumnElement[bool]:
    return and_(TICKET.c.community_id == reader.community_id, TICKET.c.kind.in_(reader.kinds))


def counts(conn: Connection, reader: Reader, now: datetime) -> dict[str, int]:
    """How many tickets each tab holds."""
    tabs: tuple[Tab, ...] = ("mine", "free", "overdue")
    columns = [
        select(func.count()).where(_seen(reader), _tab(reader, tab, now)).scalar_subquery().label(tab) for tab in tabs
    ]
    return dict(conn.execute(select(*columns)).one()._mapping)


def _list(where: ColumnElement[bool]) -> Select[Any]:
    return (
        select(
            TICKET,
            func.coalesce(STAFF.c.name, "").label("assignee"),
            _PHOTOS.label("photos"),
            _ESCALATED.label("escalated"),
            _NEXT_DUE.label("next_due"),
        )
        .select_from(
            TICKET.outerjoin(
                STAFF, (STAFF.c.community_id == TICKET.c.community_id) & (STAFF.c.id == TICKET.c.assignee_id)
            )
        )
        .where(where)
    )


def queue(
    conn: Connection, reader: Reader, tab: Tab, now: datetime, *, q: str = "", kind: str = "", skip: int = 0
) -> tuple[tuple[Row, ...], bool]:
    """The tickets of a tab, most urgent first, and whether there are more. `q`: part of a number, a room or the words.

    A search over "all" finds ended tickets too: somebody asks about last month's repair.
    """
    where = _tab(reader, tab, now)
    if q:
        hit = or_(*(c.icontains(q, autoescape=True) for c in (TICKET.c.number, TICKET.c.room_label, TICKET.c.description)))
        where = hit if tab == "all" else and_(where, hit)
    if kind:
        where = and_(where, TICKET.c.kind == kind)
    query = (
        _list(and_(_seen(reader), where))
        .order_by(_PRIORITY, _NEXT_DUE.is_(None), _NEXT_DUE, TICKET.c.id.desc())
        .offset(skip)
        .limit(_PAGE + 1)
    )
    found = conn.execute(query).all()
    return _rows(conn, reader.community_id, found[:_PAGE]), len(found) > _PAGE


def _rows(conn: Connection, community_id: int, found: Iterable[Any]) -> tuple[Row, ...]:
    rows = list(found)
    upcoming = _upcoming(conn, community_id, [r.id for r in rows])
    return tuple(Row(r, r.assignee, r.photos, bool(r.escalated), upcoming.get(r.id)) for r in rows)


def _upcoming(conn: Connection, community_id: int, ids: list[int]) -> Mapping[int, Deadline]:
    """The next clock of each ticket."""
    if not ids:
        return {}
    found = conn.execute(
        select(DUE.c.subject_id, DUE.c.kind, DUE.c.at, DUE.c.late)
        .where(
            DUE.c.community_id == community_id,
            DUE.c.subject_type == "ticket",
            DUE.c.subject_id.in_(ids),
            DUE.c.source == "deadline",
            DUE.c.status == "pending",
        )
        .order_by(DUE.c.at.desc())
    ).all()
    return {r.subject_id: Deadline(r.kind.removeprefix("sla_"), r.at, "pending", r.late) for r in found}


@dataclass(frozen=True, slots=True)
class Dossier:
    """Everything about one ticket."""

    ticket: Row
    deadlines: tuple[Deadline, ...]
    timeline: tuple[Any, ...]
    photos: tuple[Any, ...]
    escalations: tuple[Any, ...]
    linked: Any | None
    follow_ups: tuple[Any, ...]
    answer: Any | None
    words: tuple[Any, ...] = field(default=())


def dossier(conn: Connection, reader: Reader, number: str) -> Dossier | None:
    """One ticket of a kind the reader sees; None when there is none."""
    found = conn.execute(_list(and_(_seen(reader), TICKET.c.number == number))).one_or_none()
    if found is None:
        return None
    row = _rows(conn, reader.community_id, [found])[0]
    ticket_id = found.id

    def own(source: Any) -> ColumnElement[bool]:
        return and_(source.c.community_id == reader.community_id, source.c.ticket_id == ticket_id)

    deadlines = conn.execute(
        select(DUE.c.kind, DUE.c.at, DUE.c.status, DUE.c.late)
        .where(
            DUE.c.community_id == reader.community_id,
            DUE.c.subject_type == "ticket",
            DUE.c.subject_id == ticket_id,
            DUE.c.source == "deadline",
        )
        .order_by(DUE.c.at)
    ).all()
    fetched = (
        select(func.max(MEDIA.c.kept))
        .where(MEDIA.c.community_id == PHOTO.c.community_id, MEDIA.c.reference == PHOTO.c.reference)
        .scalar_subquery()
    )
    failed = exists().where(
        MEDIA.c.community_id == PHOTO.c.community_id, MEDIA.c.reference == PHOTO.c.reference, MEDIA.c.status == "failed"
    )
    photos = conn.execute(
        select(func.coalesce(PHOTO.c.path, fetched, "").label("kept"), PHOTO.c.by_role, PHOTO.c.at, failed.label("failed"))
        .where(own(PHOTO))
        .order_by(PHOTO.c.id)
    ).all()
    escalations = conn.execute(
        select(ESCALATION, func.coalesce(STAFF.c.name, "").label("acknowledged_name"))
        .select_from(
            ESCALATION.outerjoin(
                STAFF,
                (STAFF.c.community_id == ESCALATION.c.community_id) & (STAFF.c.id == ESCALATION.c.acknowledged_by),
            )
        )
        .where(own(ESCALATION))
        .order_by(ESCALATION.c.id)
    ).all()
    brief = select(TICKET.c.number, TICKET.c.kind, TICKET.c.status).where(_seen(reader))
    return Dossier(
        row,
        tuple(Deadline(d.kind.removeprefix("sla_"), d.at, d.status, d.late) for d in deadlines),
        tuple(conn.execute(select(EVENT).where(own(EVENT)).order_by(EVENT.c.id)).all()),
        tuple(photos),
        tuple(escalations),
        conn.execute(brief.where(TICKET.c.id == found.linked_to)).one_or_none() if found.linked_to else None,
        tuple(conn.execute(brief.where(TICKET.c.linked_to == ticket_id).order_by(TICKET.c.id)).all()),
        conn.execute(select(ANSWER).where(own(ANSWER))).one_or_none(),
        _words(conn, reader.community_id, found),
    )


def kind_of(conn: Connection, reader: Reader, number: str) -> str | None:
    """The kind of a ticket the reader sees; None when there is none."""
    return conn.scalar(select(TICKET.c.kind).where(_seen(reader), TICKET.c.number == number))


def _words(conn: Connection, community_id: int, ticket: Any) -> tuple[Any, ...]:
    """What the resident wrote from a little before the ticket was opened until now, the latest 30 messages."""
    if ticket.conversation_id is None:
        return ()
    opening = (
        select(func.max(INBOX.c.id))
        .where(
            INBOX.c.community_id == community_id,
            INBOX.c.conversation_id == ticket.conversation_id,
            INBOX.c.received_at <= ticket.opened_at,
        )
        .scalar_subquery()
    )
    found = conn.execute(
        select(INBOX.c.id, INBOX.c.payload, INBOX.c.received_at)
        .where(
            INBOX.c.community_id == community_id,
            INBOX.c.conversation_id == ticket.conversation_id,
            INBOX.c.id >= func.coalesce(opening, 0) - 12,
        )
        .order_by(INBOX.c.id.desc())
        .limit(30)
    ).all()
    return tuple(r for r in reversed(found) if r.payload.get("text"))


def sees_photo(conn: Connection, reader: Reader, kept: str, *, talks: bool) -> bool:
    """Whether this photo hangs on a ticket the reader sees, or (`talks`) was sent in a conversation of the community."""
    of_ticket = exists().where(
        PHOTO.c.community_id == reader.community_id,
        or_(
            PHOTO.c.path == kept,
            PHOTO.c.reference.in_(
                select(MEDIA.c.reference).where(MEDIA.c.community_id == reader.community_id, MEDIA.c.kept == kept)
            ),
        ),
        TICKET.c.community_id == PHOTO.c.community_id,
        TICKET.c.id == PHOTO.c.ticket_id,
        TICKET.c.kind.in_(reader.kinds),
    )
    if conn.scalar(select(of_ticket)):
        return True
    of_talk = exists().where(MEDIA.c.community_id == reader.community_id, MEDIA.c.kept == kept)
    return talks and bool(conn.scalar(select(of_talk)))


# ── Calls to be made ────────────────────────────────────────────────────────────────────────────────────────────────


def calls(conn: Connection, reader: Reader) -> tuple[Any, ...]:
    """The open phone tasks, oldest first, at most 100; with their ticket's number and kind."""
    return tuple(
        conn.execute(
            select(PHONE, TICKET.c.number, TICKET.c.kind, TICKET.c.household_id, TICKET.c.contact.label("ticket_contact"))
            .select_from(
                PHONE.outerjoin(
                    TICKET, (TICKET.c.community_id == PHONE.c.community_id) & (TICKET.c.id == PHONE.c.ticket_id)
                )
            )
            .where(PHONE.c.community_id == reader.community_id, PHONE.c.status == "open")
            .order_by(PHONE.c.id)
            .limit(100)
        ).all()
    )


def calls_open(conn: Connection, reader: Reader) -> int:
    """How many calls wait."""
    return (
        conn.scalar(
            select(func.count())
            .select_from(PHONE)
            .where(PHONE.c.community_id == reader.community_id, PHONE.c.status == "open")
        )
        or 0
    )


def call_made(conn: Connection, reader: Reader, call_id: int, outcome: str, at: datetime) -> bool:
    """Somebody rang: reached, or not worth another try. False: it was done already."""
    done = conn.execute(
        update(PHONE)
        .where(PHONE.c.community_id == reader.community_id, PHONE.c.id == call_id, PHONE.c.status == "open")
        .values(status="done", done_by=reader.staff_id, done_at=at, outcome=outcome)
    )
    return done.rowcount == 1


def notices(conn: Connection, reader: Reader) -> tuple[Any, ...]:
    """What this member of staff was told, the latest first, at most 100."""
    return tuple(
        conn.execute(
            select(OUTBOX.c.text, OUTBOX.c.rank, OUTBOX.c.created_at, TICKET.c.number, TICKET.c.household_id)
            .select_from(
                OUTBOX.outerjoin(
                    TICKET, (TICKET.c.community_id == OUTBOX.c.community_id) & (TICKET.c.id == OUTBOX.c.ticket_id)
                )
            )
            .where(
                OUTBOX.c.community_id == reader.community_id,
                OUTBOX.c.staff_id == reader.staff_id,
                OUTBOX.c.key != "utter_staff_login",  # a way in is not left lying on a page
            )
            .order_by(OUTBOX.c.id.desc())
            .limit(100)
        ).all()
    )
