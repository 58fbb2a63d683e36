"""Cards in colleagues' chats: messages with buttons about a ticket, which show another state once somebody has acted.

Which messages those are is known from the outbox; how a card is changed, if at all, is the channel's.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, and_, bindparam, select

from bot.tables import table

OUTBOX = table("outbox")
CONVERSATION = table("conversation")

#: A due row of this kind redraws the cards of a ticket: the workers carry it out.
SUBJECT = "cards"
_MOST = 20

_OUT = (
    select(OUTBOX.c.id, OUTBOX.c.channel, OUTBOX.c.account)
    .join(
        CONVERSATION,
        and_(CONVERSATION.c.community_id == OUTBOX.c.community_id, CONVERSATION.c.id == OUTBOX.c.conversation_id),
    )
    .where(
        OUTBOX.c.community_id == bindparam("community_id"),
        OUTBOX.c.ticket_id == bindparam("ticket_id"),
        OUTBOX.c.status.in_(("sent", "sent_unconfirmed")),
        CONVERSATION.c.staff_id.is_not(None),
    )
    .order_by(OUTBOX.c.id.desc())
    .limit(_MOST)
)


@dataclass(frozen=True, slots=True)
class Card:
    """A message that went to a colleague's chat; `id` is its outbox row."""

    id: int
    channel: str
    account: str


def out(conn: Connection, community_id: int, ticket_id: int) -> tuple[Card, ...]:
    """The latest messages about the ticket in colleagues' chats, at most 20."""
    rows = conn.execute(_OUT, {"community_id": community_id, "ticket_id": ticket_id}).all()
    return tuple(Card(r.id, r.channel, r.account) for r in rows)


def are_out(conn: Connection, community_id: int, ticket_id: int) -> bool:
    """Whether any colleague has the ticket in a chat."""
    return bool(out(conn, community_id, ticket_id))
