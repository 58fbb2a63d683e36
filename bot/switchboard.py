"""Conversations as staff see them: who waits for a person, who has whom, and what the desk knows so far.

Only conversations of residents are shown. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, select
from sqlalchemy.sql import ColumnElement

from bot import suggestions
from bot.identity import CURRENT
from bot.tables import table

CONVERSATION, RESIDENT, TICKET, STAFF = table("conversation"), table("resident"), table("ticket"), table("staff")
INBOX, OUTBOX, SUGGESTION = table("inbox"), table("outbox"), table("suggestion")
MEMBERSHIP, HOUSEHOLD, ROOM = table("membership"), table("household"), table("room")

_PAGE = 60
#: The hand-over of a conversation that waits or is in somebody's hands.
_HANDOVER = and_(
    TICKET.c.community_id == CONVERSATION.c.community_id,
    TICKET.c.conversation_id == CONVERSATION.c.id,
    TICKET.c.kind == "enquiry",
    TICKET.c.category == "handoff",
    TICKET.c.status.in_(("open", "owned")),
)


_WITH_PEOPLE = select(TICKET.c.id).where(_HANDOVER).correlate(CONVERSATION).exists()
#: In shadow mode: something was suggested lately that nobody has decided about.
_SUGGESTED = (
    select(SUGGESTION.c.id)
    .where(
        SUGGESTION.c.community_id == CONVERSATION.c.community_id,
        SUGGESTION.c.conversation_id == CONVERSATION.c.id,
        SUGGESTION.c.judged_at.is_(None),
        SUGGESTION.c.at > bindparam("suggested_since"),
    )
    .correlate(CONVERSATION)
    .exists()
)


@dataclass(frozen=True, slots=True)
class Talk:
    """A conversation in the list or on its page. `handover` is the number of the open hand-over, `owner_id` who has it."""

    id: int
    channel: str
    account: str
    resident_id: int | None
    name: str
    room: str
    state: Mapping[str, Any]
    handover: str
    owner_id: int | None
    owner: str
    last_text: str
    last_at: datetime | None


def _handover(column: ColumnElement[Any]) -> Any:
    return select(column).where(_HANDOVER).order_by(TICKET.c.id.desc()).limit(1).correlate(CONVERSATION).scalar_subquery()


def _room() -> Any:
    return (
        select(func.min(ROOM.c.label))
        .join_from(
            MEMBERSHIP,
            HOUSEHOLD,
            and_(HOUSEHOLD.c.community_id == MEMBERSHIP.c.community_id, HOUSEHOLD.c.id == MEMBERSHIP.c.household_id),
        )
        .join(ROOM, and_(ROOM.c.community_id == HOUSEHOLD.c.community_id, ROOM.c.id == HOUSEHOLD.c.room_id))
        .where(
            MEMBERSHIP.c.community_id == CONVERSATION.c.community_id,
            MEMBERSHIP.c.resident_id == CONVERSATION.c.resident_id,
            CURRENT,
        )
        .scalar_subquery()
    )


_LATER = INBOX.alias("later")
_LAST_HEARD = (
    select(func.max(_LATER.c.id))
    .where(_LATER.c.community_id == CONVERSATION.c.community_id, _LATER.c.conversation_id == CONVERSATION.c.id)
    .correlate(CONVERSATION)
    .scalar_subquery()
)
_OWNER_ID = _handover(TICKET.c.assignee_id)
_TALKS = (
    select(
        CONVERSATION.c.id,
        CONVERSATION.c.channel,
        CONVERSATION.c.account,
        CONVERSATION.c.resident_id,
        CONVERSATION.c.state,
        func.coalesce(RESIDENT.c.name, "").label("name"),
        func.coalesce(_room(), "").label("room"),
        func.coalesce(_handover(TICKET.c.number), "").label("handover"),
        _OWNER_ID.label("owner_id"),
        func.coalesce(
            select(STAFF.c.name)
            .where(STAFF.c.community_id == CONVERSATION.c.community_id, STAFF.c.id == _OWNER_ID)
            .correlate(CONVERSATION)
            .scalar_subquery(),
            "",
        ).label("owner"),
        INBOX.c.payload.label("last"),
        INBOX.c.received_at.label("last_at"),
    )
    .select_from(
        CONVERSATION.outerjoin(
            RESIDENT,
            and_(RESIDENT.c.community_id == CONVERSATION.c.community_id, RESIDENT.c.id == CONVERSATION.c.resident_id),
        ).outerjoin(INBOX, and_(INBOX.c.community_id == CONVERSATION.c.community_id, INBOX.c.id == _LAST_HEARD))
    )
    .where(CONVERSATION.c.community_id == bindparam("of_community"), CONVERSATION.c.staff_id.is_(None))
)


def _talk(row: Any) -> Talk:
    last = row.last or {}
    words = last.get("text") or ("〔照片 photo〕" if last.get("media") else "")
    return Talk(
        row.id, row.channel, row.account, row.resident_id, row.name, row.room, row.state, row.handover, row.owner_id, row.owner,
        words, row.last_at,
    )  # fmt: skip


def listing(conn: Connection, community_id: int, today: date, now: datetime, *, people: bool) -> tuple[Talk, ...]:
    """The conversations something was written in, the latest first, at most 60; those that wait for a person lead.

    Rooms are those the residents belong to on the local date `today`. `people`: only those that wait for a person or are with one,
    or in which something was suggested in shadow mode that waits to be decided about.
    """
    query = _TALKS.where(INBOX.c.id.is_not(None))
    given: dict[str, Any] = {"of_community": community_id, "today": today}
    if people:
        query = query.where(_WITH_PEOPLE | _SUGGESTED)
        given["suggested_since"] = now - suggestions.WAITS
    waits = case((and_(_WITH_PEOPLE, _OWNER_ID.is_(None)), 0), else_=1)
    query = query.order_by(waits, INBOX.c.id.desc()).limit(_PAGE)
    found = conn.execute(query, given).all()
    return tuple(map(_talk, found))


def one(conn: Connection, community_id: int, conversation_id: int, today: date) -> Talk | None:
    """A conversation of this community."""
    query = _TALKS.where(CONVERSATION.c.id == conversation_id)
    row = conn.execute(query, {"of_community": community_id, "today": today}).one_or_none()
    return None if row is None else _talk(row)


def waiting(conn: Connection, community_id: int) -> int:
    """How many conversations wait for a person."""
    return (
        conn.scalar(
            select(func.count(TICKET.c.conversation_id.distinct()))
            .select_from(TICKET)
            .where(
                TICKET.c.community_id == community_id,
                TICKET.c.kind == "enquiry",
                TICKET.c.category == "handoff",
                TICKET.c.status == "open",
                TICKET.c.conversation_id.is_not(None),
            )
        )
        or 0
    )


def open_tickets(conn: Connection, community_id: int, talk: Talk) -> tuple[Any, ...]:
    """The open tickets of this conversation, and of this resident, the latest first, at most 10."""
    whose = TICKET.c.conversation_id == talk.id
    if talk.resident_id is not None:
        whose = whose | (TICKET.c.resident_id == talk.resident_id)
    return tuple(
        conn.execute(
            select(TICKET.c.number, TICKET.c.kind, TICKET.c.status, TICKET.c.description)
            .where(TICKET.c.community_id == community_id, TICKET.c.open, whose)
            .order_by(TICKET.c.id.desc())
            .limit(10)
        ).all()
    )
