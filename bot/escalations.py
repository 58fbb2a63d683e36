"""Deadlines that passed: recorded with their level, open until somebody acknowledges them."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, update

from bot import dues
from bot.database import both, insert_into
from bot.tables import table

ESCALATION = table("escalation")
WAITS_FOR_WORD = ("escalation_ack",)

_RECORD = both(lambda d: insert_into(d, ESCALATION).on_conflict_do_nothing())
_ACKNOWLEDGE = (
    update(ESCALATION)
    .where(
        ESCALATION.c.community_id == bindparam("of_community"),
        ESCALATION.c.ticket_id == bindparam("of_ticket"),
        ESCALATION.c.acknowledged_at.is_(None),
    )
    .values(acknowledged_by=bindparam("by_id"), acknowledged_at=bindparam("acknowledged"))
)


def record(conn: Connection, community_id: int, ticket_id: int, clock: str, level: int, at: datetime) -> None:
    """An overdue clock at a level; the same one twice is one."""
    conn.execute(
        _RECORD[conn.dialect.name],
        {"community_id": community_id, "ticket_id": ticket_id, "kind": clock, "level": level, "at": at},
    )


def acknowledge(conn: Connection, community_id: int, ticket_id: int, by_id: int, at: datetime) -> int:
    """Somebody has it: every open escalation of the ticket is acknowledged, and it goes no level up. How many."""
    found = conn.execute(
        _ACKNOWLEDGE, {"of_community": community_id, "of_ticket": ticket_id, "by_id": by_id, "acknowledged": at}
    )
    dues.cancel(conn, community_id, ("ticket", ticket_id), WAITS_FOR_WORD)
    return int(found.rowcount)
