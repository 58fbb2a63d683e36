"""Due rows: what will happen at a desk-clock instant. Set, replanned, cancelled, claimed one by one in order of their instant.

Truth stays in the row: APScheduler only asks "is anything due?". A row is unique per (subject, kind, round), so setting it
twice is setting it once. `late`, once true, stays true.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, case, or_, select, text, update

from bot.database import both, insert_into
from bot.tables import table

DUE = table("due")
MAX_ATTEMPTS = 3


class Deadline(Protocol):
    """What `deadlines` of the pure core returns."""

    @property
    def kind(self) -> str: ...

    @property
    def round(self) -> int: ...

    @property
    def at(self) -> datetime: ...


@dataclass(frozen=True, slots=True)
class DueRow:
    """A claimed due row. `token` is the claim: whoever no longer holds it may not fire."""

    id: int
    community_id: int
    subject_type: str
    subject_id: int
    kind: str
    round: int
    at: datetime
    source: str
    data: Mapping[str, Any]
    attempts: int
    token: str


_PENDING = text("due.status = 'pending'")
_KEY = ("community_id", "subject_type", "subject_id", "kind", "round")
_SUBJECT = (
    DUE.c.community_id == bindparam("of_community"),
    DUE.c.subject_type == bindparam("of_type"),
    DUE.c.subject_id == bindparam("of_subject"),
)


def _set(dialect: str, *, revive: str) -> Any:
    statement = insert_into(dialect, DUE).values(
        **{name: bindparam(name) for name in (*_KEY, "at", "source", "data")}, status="pending"
    )
    new = statement.excluded
    return statement.on_conflict_do_update(
        index_elements=list(_KEY),
        set_={
            "at": new.at,
            "source": new.source,
            "data": new.data,
            "status": "pending",
            "attempts": 0,
            "claimed_by": None,
            "claimed_until": None,
        },
        where=text(f"due.status IN ({revive})"),
    )


# A deadline that has fired does not fire again; a reminder asked for again is wanted again.
_SET_DEADLINE = both(lambda d: _set(d, revive="'pending', 'cancelled'"))
_SET_REMINDER = both(lambda d: _set(d, revive="'pending', 'cancelled', 'done', 'parked'"))
_DEADLINES = select(DUE.c.kind, DUE.c.round).where(
    *_SUBJECT, DUE.c.source == "deadline", DUE.c.status == "pending"
)
_CANCEL_ROUND = (
    update(DUE)
    .where(*_SUBJECT, DUE.c.kind == bindparam("of_kind"), DUE.c.round == bindparam("of_round"))
    .values(status="cancelled", late=case((DUE.c.at <= bindparam("now"), True), else_=DUE.c.late))
)
_CANCEL_KINDS = (
    update(DUE)
    .where(*_SUBJECT, DUE.c.kind.in_(bindparam("kinds", expanding=True)), DUE.c.status == "pending")
    .values(status="cancelled")
)
_WAITS = select(DUE.c.id).where(*_SUBJECT, DUE.c.kind == bindparam("kind"), DUE.c.status == "pending").limit(1)
_NEXT = (
    select(DUE.c.id)
    .where(
        _PENDING,
        DUE.c.at <= bindparam("until"),
        DUE.c.subject_type.not_in(bindparam("besides", expanding=True)),
        or_(DUE.c.claimed_until.is_(None), DUE.c.claimed_until <= bindparam("machine_now")),
    )
    .order_by(DUE.c.at, DUE.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    update(DUE)
    .where(DUE.c.id == _NEXT.scalar_subquery())
    .values(
        claimed_by=bindparam("token"), claimed_until=bindparam("lease_until"), attempts=DUE.c.attempts + 1
    )
    .returning(
        DUE.c.id,
        DUE.c.community_id,
        DUE.c.subject_type,
        DUE.c.subject_id,
        DUE.c.kind,
        DUE.c.round,
        DUE.c.at,
        DUE.c.source,
        DUE.c.data,
        DUE.c.attempts,
    )
)
_HELD = (
    DUE.c.community_id == bindparam("of_community"),
    DUE.c.id == bindparam("of_id"),
    DUE.c.status == "pending",
    DUE.c.claimed_by == bindparam("token"),
)
_FIRED = (
    update(DUE)
    .where(*_HELD)
    .values(
        status=bindparam("new_status"),
        late=case((DUE.c.source == "deadline", True), else_=DUE.c.late),
        claimed_by=None,
        claimed_until=None,
        error=bindparam("why"),
    )
    .returning(DUE.c.id)
)
_RELEASE = update(DUE).where(*_HELD).values(claimed_until=bindparam("again_at"), error=bindparam("why"))


def _row(community_id: int, subject: tuple[str, int], due: Deadline, source: str) -> dict[str, Any]:
    return {
        "community_id": community_id,
        "subject_type": subject[0],
        "subject_id": subject[1],
        "kind": due.kind,
        "round": due.round,
        "at": due.at,
        "source": source,
        "data": {},
    }


def set_deadlines(conn: Connection, community_id: int, ticket_id: int, dues: Iterable[Deadline]) -> None:
    """The clocks of a ticket that was just opened, or those that (still) run."""
    rows = [_row(community_id, ("ticket", ticket_id), d, "deadline") for d in dues]
    if rows:
        conn.execute(_SET_DEADLINE[conn.dialect.name], rows)


def replan(
    conn: Connection, community_id: int, ticket_id: int, dues: Iterable[Deadline], now: datetime
) -> None:
    """After a move: clocks that stopped are cancelled, the others stand as now computed. One that is cancelled at or
    after its instant keeps the mark that it was late."""
    wanted = tuple(dues)
    keep = {(d.kind, d.round) for d in wanted}
    subject = {"of_community": community_id, "of_type": "ticket", "of_subject": ticket_id}
    stopped = [
        {**subject, "of_kind": row.kind, "of_round": row.round, "now": now}
        for row in conn.execute(_DEADLINES, subject).all()
        if (row.kind, row.round) not in keep
    ]
    if stopped:
        conn.execute(_CANCEL_ROUND, stopped)
    set_deadlines(conn, community_id, ticket_id, wanted)


def remind(
    conn: Connection,
    community_id: int,
    subject: tuple[str, int],
    kind: str,
    round_: int,
    at: datetime,
    data: Mapping[str, Any],
) -> None:
    """A due row for a ticket or a conversation. Asked for again, it moves to the new instant."""
    conn.execute(
        _SET_REMINDER[conn.dialect.name],
        {
            "community_id": community_id,
            "subject_type": subject[0],
            "subject_id": subject[1],
            "kind": kind,
            "round": round_,
            "at": at,
            "source": "reminder",
            "data": dict(data),
        },
    )


def cancel(conn: Connection, community_id: int, subject: tuple[str, int], kinds: Iterable[str]) -> None:
    """Cancel the pending rows of these kinds."""
    conn.execute(
        _CANCEL_KINDS,
        {
            "of_community": community_id,
            "of_type": subject[0],
            "of_subject": subject[1],
            "kinds": list(kinds),
        },
    )


def waits(conn: Connection, community_id: int, subject: tuple[str, int], kind: str) -> bool:
    """Whether a row of this kind is pending."""
    found = {"of_community": community_id, "of_type": subject[0], "of_subject": subject[1]}
    return conn.execute(_WAITS, {**found, "kind": kind}).first() is not None


def claim(
    conn: Connection,
    until: datetime,
    token: str,
    machine_now: datetime,
    lease: timedelta,
    besides: tuple[str, ...] = (),
) -> DueRow | None:
    """The earliest row that is due at desk-clock instant `until`, claimed for `lease`; None when nothing is.

    Rows about a subject of the types in `besides` are left alone.
    """
    claim = {"until": until, "token": token, "machine_now": machine_now, "lease_until": machine_now + lease}
    row = conn.execute(_CLAIM, {**claim, "besides": besides}).one_or_none()
    return None if row is None else DueRow(**row._mapping, token=token)


def _held(due: DueRow) -> dict[str, Any]:
    return {"of_community": due.community_id, "of_id": due.id, "token": due.token}


def settle(conn: Connection, due: DueRow, status: str, why: str = "") -> bool:
    """Mark a claimed row done or parked. False: it was cancelled, or the claim was lost; then nothing may be fired."""
    row = conn.execute(_FIRED, {**_held(due), "new_status": status, "why": why}).one_or_none()
    return row is not None


def release(conn: Connection, due: DueRow, again_at: datetime, why: str) -> None:
    """Give a row back after a failure; it is claimable again at this machine instant."""
    conn.execute(_RELEASE, {**_held(due), "again_at": again_at, "why": why})
