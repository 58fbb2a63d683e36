"""The supervisor's day: what came in, what was done, what is late, what residents thought. Read from the audit trail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from sqlalchemy import Connection, Table, and_, func, select
from sqlalchemy.sql import ColumnElement

from bot.core.types import Community
from bot.tables import table

#: Of the due row that has the day's figures told to a group of colleagues; its data names the account.
SUBJECT = "digest"

TICKET, EVENT, ESCALATION = table("ticket"), table("ticket_event"), table("escalation")
ANSWER, PHONE, OUTBOX, DUE = table("survey_answer"), table("phone_task"), table("outbox"), table("due")


@dataclass(frozen=True, slots=True)
class Digest:
    """The figures of one local day, and what needs somebody now. Personal data is not in it: numbers and counts only."""

    community: Community
    day: date
    opened: tuple[tuple[str, int], ...]
    closed: tuple[tuple[str, int], ...]
    open_now: tuple[tuple[str, str, int], ...]
    unacknowledged: tuple[tuple[str, str, int, datetime], ...]
    overdue: tuple[tuple[str, str, datetime], ...]
    answers: tuple[int, ...]
    low: tuple[tuple[str, int], ...]
    phone_tasks: int
    failed_messages: int

    @property
    def satisfied(self) -> int:
        """Answers of 3 and above (DOMAIN.md, Surveys)."""
        return sum(1 for score in self.answers if score >= 3)


def kind(data: Mapping[str, str]) -> str:
    """What such a due row is called: an account's at another hour is another."""
    return f"digest {data['channel']} {data['account']} {data['at']}"


def _of_ticket(of: Table) -> ColumnElement[bool]:
    return and_(of.c.community_id == TICKET.c.community_id, of.c.ticket_id == TICKET.c.id)


def read(conn: Connection, community: Community, day: date, now: datetime) -> Digest:
    """The digest of a local day. `now` is the desk clock, aware UTC."""
    start = datetime.combine(day, time(), community.zone).astimezone(UTC)
    end = start + timedelta(days=1)
    own = TICKET.c.community_id == community.id

    def during(column: ColumnElement[datetime]) -> ColumnElement[bool]:
        return and_(column >= start, column < end)

    opened = conn.execute(
        select(TICKET.c.kind, func.count()).where(own, during(TICKET.c.opened_at)).group_by(TICKET.c.kind)
    ).all()
    closed = conn.execute(
        select(TICKET.c.kind, func.count())
        .join(EVENT, _of_ticket(EVENT))
        .where(own, during(EVENT.c.at), EVENT.c.to_status == "closed", EVENT.c.from_status != "closed")
        .group_by(TICKET.c.kind)
    ).all()
    standing = conn.execute(
        select(TICKET.c.kind, TICKET.c.status, func.count())
        .where(own, TICKET.c.open)
        .group_by(TICKET.c.kind, TICKET.c.status)
        .order_by(TICKET.c.kind, TICKET.c.status)
    ).all()
    waiting = conn.execute(
        select(TICKET.c.number, ESCALATION.c.kind, func.max(ESCALATION.c.level), func.min(ESCALATION.c.at))
        .join(ESCALATION, _of_ticket(ESCALATION))
        .where(own, ESCALATION.c.acknowledged_at.is_(None))
        .group_by(TICKET.c.number, ESCALATION.c.kind)
        .order_by(func.min(ESCALATION.c.at))
    ).all()
    overdue = conn.execute(
        select(TICKET.c.number, ESCALATION.c.kind, func.min(ESCALATION.c.at))
        .join(ESCALATION, _of_ticket(ESCALATION))
        .where(own, TICKET.c.open)
        .group_by(TICKET.c.number, ESCALATION.c.kind)
        .order_by(func.min(ESCALATION.c.at))
    ).all()
    answers = conn.execute(
        select(TICKET.c.number, ANSWER.c.score)
        .join(TICKET, _of_ticket(ANSWER))
        .where(own, ANSWER.c.score.is_not(None), during(ANSWER.c.at))
    ).all()
    phone_tasks = conn.scalar(
        select(func.count()).select_from(PHONE).where(PHONE.c.community_id == community.id, PHONE.c.status == "open")
    )
    failed = conn.scalar(
        select(func.count())
        .select_from(OUTBOX)
        .where(OUTBOX.c.community_id == community.id, OUTBOX.c.status.in_(("failed", "expired")))
    )
    return Digest(
        community,
        day,
        tuple((r[0], r[1]) for r in opened),
        tuple((r[0], r[1]) for r in closed),
        tuple((r[0], r[1], r[2]) for r in standing),
        tuple((r[0], r[1], r[2], r[3]) for r in waiting),
        tuple((r[0], r[1], r[2]) for r in overdue),
        tuple(r.score for r in answers),
        tuple((r.number, r.score) for r in answers if r.score <= 2),
        phone_tasks or 0,
        failed or 0,
    )


def lines(digest: Digest) -> tuple[str, ...]:
    """The digest in words, for a terminal or a message."""

    def local(at: datetime) -> str:
        return f"{at.astimezone(digest.community.zone):%m-%d %H:%M}"

    out = [f"{digest.community.name} {digest.day:%Y-%m-%d} 日报 Daily digest"]
    out.append("新开 opened: " + (", ".join(f"{k} {n}" for k, n in digest.opened) or "0"))
    out.append("办结 closed: " + (", ".join(f"{k} {n}" for k, n in digest.closed) or "0"))
    out.append("在办 open now:")
    out += [f"  {kind:<14}{status:<18}{n:>4}" for kind, status, n in digest.open_now] or ["  –"]
    out.append("待确认的升级 escalations to acknowledge:")
    out += [
        f"  {number}  {clock}  level {level}  since {local(at)}" for number, clock, level, at in digest.unacknowledged
    ] or ["  –"]
    out.append("超时在办 overdue and open:")
    out += [f"  {number}  {clock}  since {local(at)}" for number, clock, at in digest.overdue] or ["  –"]
    if digest.answers:
        out.append(f"评价 ratings: {len(digest.answers)}, 满意 satisfied {digest.satisfied}/{len(digest.answers)}")
        out += [f"  {number}  {score}" for number, score in digest.low]
    else:
        out.append("评价 ratings: 0")
    out.append(f"待打电话 phone tasks: {digest.phone_tasks}   未送达 undelivered messages: {digest.failed_messages}")
    return tuple(out)
