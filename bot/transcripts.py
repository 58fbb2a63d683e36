"""A conversation as it was held: what the resident wrote, what the desk and its people answered, in order.

Read by the resident's own page and by the staff's. The outbox is the record: a message stands in it from its commit on,
sent or not. Nothing is written here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, bindparam, exists, func, select, text

from bot.core.types import Button
from bot.tables import table

INBOX, OUTBOX, MEDIA, CONVERSATION = table("inbox"), table("outbox"), table("media"), table("conversation")

_MOST = 50
_LOOK_BACK = 50


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last inbox and outbox row that was read. Both grow in the order of commits within a conversation, because a row is
    written under the conversation's lock."""

    inbox: int = 0
    outbox: int = 0

    def __str__(self) -> str:
        return f"{self.inbox}.{self.outbox}"

    @classmethod
    def parse(cls, said: str) -> Cursor:
        """"7.12", or nothing at all: from the beginning. Raises ValueError."""
        if not said:
            return cls()
        inbox, _, outbox = said.partition(".")
        if not (inbox.isascii() and inbox.isdigit() and outbox.isascii() and outbox.isdigit()) or max(len(inbox), len(outbox)) > 18:
            raise ValueError("a cursor looks like 7.12")
        return cls(int(inbox), int(outbox))


@dataclass(frozen=True, slots=True)
class Photo:
    """A photo in a message; `kept` is empty while it is still to be fetched."""

    kept: str
    failed: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One message of a conversation."""

    key: str
    side: Literal["resident", "desk", "staff"]
    name: str
    text: str
    buttons: tuple[Button, ...]
    photos: tuple[Photo, ...]
    at: datetime
    external_id: str = ""
    urgent: bool = False
    status: Literal["sent", "waiting", "failed"] = "sent"


_PLACE = (CONVERSATION.c.channel, CONVERSATION.c.account, CONVERSATION.c.address)
_AT = select(CONVERSATION.c.id, CONVERSATION.c.state).where(
    CONVERSATION.c.community_id == bindparam("community_id"),
    *(c == bindparam(c.name) for c in _PLACE),
)
_OF: dict[str, Any] = {"community_id": bindparam("community_id"), "conversation_id": bindparam("conversation_id")}
_HEARD = (
    select(INBOX.c.id, INBOX.c.payload, INBOX.c.received_at, INBOX.c.external_id, INBOX.c.status)
    .where(
        INBOX.c.community_id == _OF["community_id"],
        INBOX.c.conversation_id == _OF["conversation_id"],
        INBOX.c.id > bindparam("after"),
    )
    .order_by(INBOX.c.id.desc())
    .limit(bindparam("most"))
)
_SAID = (
    select(
        OUTBOX.c.id, OUTBOX.c.text, OUTBOX.c.buttons, OUTBOX.c.photos, OUTBOX.c.author, OUTBOX.c.rank,
        OUTBOX.c.status, OUTBOX.c.created_at,
    )
    .where(
        OUTBOX.c.community_id == _OF["community_id"],
        OUTBOX.c.conversation_id == _OF["conversation_id"],
        OUTBOX.c.id > bindparam("after"),
        text("outbox.status NOT IN ('superseded', 'expired')"),
    )
    .order_by(OUTBOX.c.id.desc())
    .limit(bindparam("most"))
)  # fmt: skip
_LABELS = (
    select(OUTBOX.c.buttons)
    .where(OUTBOX.c.community_id == _OF["community_id"], OUTBOX.c.conversation_id == _OF["conversation_id"])
    .order_by(OUTBOX.c.id.desc())
    .limit(20)
)
_PHOTOS = select(MEDIA.c.reference, MEDIA.c.kept, MEDIA.c.status).where(
    MEDIA.c.community_id == _OF["community_id"],
    MEDIA.c.conversation_id == _OF["conversation_id"],
    MEDIA.c.reference.in_(bindparam("references", expanding=True)),
)
_BUSY = select(
    exists().where(
        and_(
            INBOX.c.community_id == _OF["community_id"],
            INBOX.c.conversation_id == _OF["conversation_id"],
            text("inbox.status = 'new'"),
        )
    )
)
_NEW_HEARD = select(INBOX.c.conversation_id).where(INBOX.c.id > bindparam("inbox"))
_NEW_SAID = select(OUTBOX.c.conversation_id).where(
    OUTBOX.c.id > bindparam("outbox"), OUTBOX.c.conversation_id.is_not(None)
)


def find(conn: Connection, community_id: int, channel: str, account: str, address: str) -> tuple[int, Any] | None:
    """The conversation at this address: its id and its state as stored."""
    row = conn.execute(
        _AT, {"community_id": community_id, "channel": channel, "account": account, "address": address}
    ).one_or_none()
    return None if row is None else (row.id, row.state)


def busy(conn: Connection, community_id: int, conversation_id: int) -> bool:
    """Whether something the resident wrote still waits for its turn."""
    return bool(conn.scalar(_BUSY, {"community_id": community_id, "conversation_id": conversation_id}))


def read(
    conn: Connection, community_id: int, conversation_id: int, after: Cursor, most: int = _MOST
) -> tuple[tuple[Line, ...], Cursor]:
    """The messages after the cursor, oldest first (of a long gap the latest `most`), and the cursor behind them."""
    own = {"community_id": community_id, "conversation_id": conversation_id, "most": most}
    heard = conn.execute(_HEARD, {**own, "after": after.inbox}).all()
    said = conn.execute(_SAID, {**own, "after": after.outbox}).all()
    cursor = Cursor(max([after.inbox, *(r.id for r in heard)]), max([after.outbox, *(r.id for r in said)]))
    lines = [*_heard_lines(conn, own, heard), *map(_said_line, said)]
    # What was said answers what was heard before it; at one instant the resident comes first.
    lines.sort(key=lambda line: (line.at, line.key[0] == "o", int(line.key[1:])))
    return tuple(lines[-most:]), cursor


def _heard_lines(conn: Connection, own: dict[str, Any], rows: Sequence[Any]) -> list[Line]:
    references = [m[1] for r in rows for m in r.payload.get("media", ())]
    kept = {}
    if references:
        found = conn.execute(_PHOTOS, {**own, "references": references}).all()
        kept = {p.reference: Photo(p.kept, p.status == "failed") for p in found}
    labels: dict[str, str] = {}
    if any(r.payload.get("button") for r in rows):
        for (buttons,) in conn.execute(_LABELS, own).all():
            for label, value in buttons:
                labels.setdefault(value, label)
    return [
        Line(
            f"i{r.id}",
            "resident",
            r.payload.get("sender_name", ""),
            labels.get(r.payload["button"], r.payload["button"]) if r.payload.get("button") else _words(r.payload),
            (),
            tuple(kept.get(m[1], Photo(m[2] or "")) for m in r.payload.get("media", ()) if m[0] == "photo"),
            r.received_at,
            r.external_id,
            status="waiting" if r.status == "new" else "sent",
        )
        for r in rows
    ]


def _words(payload: dict[str, Any]) -> str:
    kinds = {m[0] for m in payload.get("media", ())}
    extra = ["〔语音 voice〕"] if "voice" in kinds else []
    if payload.get("start"):
        extra.append("〔扫码进入 opened from a code〕")  # never the code itself
    if payload.get("location"):
        extra.append(f"〔位置 location〕{payload['location']}")
    return " ".join(filter(None, [payload.get("text", ""), *extra]))


def _said_line(row: Any) -> Line:
    return Line(
        f"o{row.id}",
        "staff" if row.author else "desk",
        row.author,
        row.text,
        tuple(Button(label, value) for label, value in row.buttons),
        tuple(Photo(kept) for kept in row.photos),
        row.created_at,
        urgent=row.rank == 0,
        status="failed" if row.status == "failed" else "sent" if row.status.startswith("sent") else "waiting",
    )


def newest(conn: Connection) -> Cursor:
    """Where the records of all conversations end now."""
    return Cursor(conn.scalar(select(func.max(INBOX.c.id))) or 0, conn.scalar(select(func.max(OUTBOX.c.id))) or 0)


def stirred(conn: Connection, since: Cursor) -> tuple[frozenset[int], Cursor]:
    """The conversations something was written in after the cursor (of all communities), and the new cursor.

    On PostgreSQL a smaller id may become visible after a larger one; so a little before the cursor is looked at again.
    """
    now = newest(conn)
    if now == since:
        return frozenset(), since
    heard = conn.scalars(_NEW_HEARD, {"inbox": since.inbox - _LOOK_BACK})
    said = conn.scalars(_NEW_SAID, {"outbox": since.outbox - _LOOK_BACK})
    return frozenset(heard) | frozenset(said), now
