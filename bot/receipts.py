"""Forms of the staff's pages, carried out once: a second press, or a reload, finds the first one's result."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, bindparam, select, update

from bot.database import both, insert_into
from bot.tables import table

RECEIPT = table("receipt")

_TAKE = both(
    lambda d: (
        insert_into(d, RECEIPT)
        .values(community_id=bindparam("community_id"), once=bindparam("once"), result="", at=bindparam("at"))
        .on_conflict_do_nothing()
        .returning(RECEIPT.c.id)
    )
)
_OWN = (RECEIPT.c.community_id == bindparam("of_community"), RECEIPT.c.once == bindparam("of_once"))
_RESULT = select(RECEIPT.c.result).where(*_OWN)
_KEEP = update(RECEIPT).where(*_OWN).values(result=bindparam("new_result"))


def take(conn: Connection, community_id: int, once: str, at: datetime) -> str | None:
    """None: this form is new, go on and `keep` its result in the same transaction. Else the first one's result.

    `once` names one showing of one form. PostgreSQL lets a second press wait here until the first has committed.
    """
    made = conn.scalar(_TAKE[conn.dialect.name], {"community_id": community_id, "once": once, "at": at})
    if made is not None:
        return None
    return str(conn.scalar(_RESULT, {"of_community": community_id, "of_once": once}))


def keep(conn: Connection, community_id: int, once: str, result: str) -> None:
    """What the form led to."""
    conn.execute(_KEEP, {"of_community": community_id, "of_once": once, "new_result": result})
