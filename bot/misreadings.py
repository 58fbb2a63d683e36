"""Messages that the language model read badly, kept masked until somebody labels them or they are too old.

What is written here was masked by the core (`core.masking.sentence`); no row names a resident, a conversation or a ticket.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, insert, select, update

from bot.core.types import Misread
from bot.tables import table

MISREADING = table("misreading")
LISTED = 500
"""At most so many are shown at a time."""

_KEEP = insert(MISREADING)
_OWN = MISREADING.c.community_id == bindparam("of_community")
_WAITING = select(MISREADING).where(_OWN, MISREADING.c.settled_at.is_(None)).order_by(MISREADING.c.id).limit(LISTED)
_SETTLE = (
    update(MISREADING)
    .where(_OWN, MISREADING.c.text == bindparam("of_text"), MISREADING.c.settled_at.is_(None))
    .values(settled_at=bindparam("new_at"), label=bindparam("new_label"))
)


@dataclass(frozen=True, slots=True)
class Kept:
    """One message as it is listed. `should_be` is the intent somebody named, or empty."""

    id: int
    at: datetime
    text: str
    language: str
    heard_as: str
    confidence: float
    why: str
    should_be: str
    model: str


def keep(conn: Connection, community_id: int, misread: Misread, at: datetime) -> None:
    """Write one down, in the transaction of the turn that noticed it."""
    conn.execute(
        _KEEP,
        {
            "community_id": community_id, "at": at, "text": misread.text, "language": misread.language,
            "heard_as": misread.heard_as, "confidence": misread.confidence, "why": misread.why,
            "should_be": misread.should_be, "model": misread.model,
        },
    )  # fmt: skip


def waiting(conn: Connection, community_id: int) -> tuple[Kept, ...]:
    """Those nobody has settled, oldest first; of one text the latest word on it (a choice made after it was not understood)."""
    rows: dict[str, Kept] = {}
    for row in conn.execute(_WAITING, {"of_community": community_id}):
        rows[row.text] = Kept(
            row.id, row.at, row.text, row.language, row.heard_as, row.confidence, row.why, row.should_be, row.model
        )
    return tuple(sorted(rows.values(), key=lambda kept: kept.id))


def settle(conn: Connection, community_id: int, texts: Iterable[tuple[str, str]], at: datetime) -> None:
    """Mark these as done: (text, the intent it was given, or "" for dropped)."""
    for text, label in texts:
        conn.execute(_SETTLE, {"of_community": community_id, "of_text": text, "new_at": at, "new_label": label})
