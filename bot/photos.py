"""Photos as rows: which conversation sent them, what the media store calls them, which are still to be fetched.

The bytes are `media`'s. A photo that stays on its platform gets a due row in the transaction that received the message,
so it is fetched even if the process dies at once; until then staff read "photo pending".
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, bindparam, exists, select, update

from bot import dues
from bot.core.types import Media
from bot.database import both, insert_into
from bot.tables import table

MEDIA = table("media")
PHOTO = table("ticket_photo")
#: The due row of a photo to be fetched: its subject is the media row.
SUBJECT, FETCH = "media", "media_fetch"

_PUT = both(
    lambda d: (
        insert_into(d, MEDIA)
        .values(
            **{
                name: bindparam(name)
                for name in (
                    "community_id", "conversation_id", "channel", "account", "reference", "kind", "kept", "status", "at"
                )
            }
        )
        .on_conflict_do_nothing()
        .returning(MEDIA.c.id)
    )
)  # fmt: skip
_ONE = select(MEDIA).where(MEDIA.c.community_id == bindparam("community_id"), MEDIA.c.id == bindparam("id"))
_SETTLE = (
    update(MEDIA)
    .where(MEDIA.c.community_id == bindparam("of_community"), MEDIA.c.id == bindparam("of_id"))
    .values(status=bindparam("new_status"), kept=bindparam("new_kept"))
)
_SENT_BY = select(
    exists().where(
        MEDIA.c.community_id == bindparam("community_id"),
        MEDIA.c.conversation_id == bindparam("conversation_id"),
        MEDIA.c.kept == bindparam("kept"),
    )
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A photo to be fetched from its platform."""

    id: int
    community_id: int
    conversation_id: int
    channel: str
    account: str
    media: Media
    status: str


def register(
    conn: Connection, community_id: int, conversation_id: int, channel: str, account: str, media: Media, at: datetime
) -> None:
    """A photo came in. One whose bytes are already in the store (`media.path`) needs no fetching.

    `at` is the desk clock. A redelivery registers nothing new.
    """
    made = conn.scalar(
        _PUT[conn.dialect.name],
        {
            "community_id": community_id,
            "conversation_id": conversation_id,
            "channel": channel,
            "account": account,
            "reference": media.reference,
            "kind": media.kind,
            "kept": media.path or "",
            "status": "kept" if media.path else "pending",
            "at": at,
        },
    )
    if made is not None and not media.path:
        dues.remind(conn, community_id, (SUBJECT, made), FETCH, 1, at, {})


def wanted(conn: Connection, community_id: int, media_id: int) -> Wanted | None:
    """The photo a due row is about."""
    row = conn.execute(_ONE, {"community_id": community_id, "id": media_id}).one_or_none()
    if row is None:
        return None
    media = Media(row.kind, row.reference, row.kept or None)
    return Wanted(row.id, row.community_id, row.conversation_id, row.channel, row.account, media, row.status)


def fetched(conn: Connection, photo: Wanted, kept: str) -> None:
    """Its bytes are in the store under this name."""
    conn.execute(
        _SETTLE, {"of_community": photo.community_id, "of_id": photo.id, "new_status": "kept", "new_kept": kept}
    )


def given_up(conn: Connection, photo: Wanted) -> None:
    """The platform does not give it, or it is no picture: staff see that it is missing."""
    conn.execute(
        _SETTLE, {"of_community": photo.community_id, "of_id": photo.id, "new_status": "failed", "new_kept": ""}
    )


def sent_by(conn: Connection, community_id: int, conversation_id: int, kept: str) -> bool:
    """Whether this conversation sent that photo."""
    return bool(
        conn.scalar(_SENT_BY, {"community_id": community_id, "conversation_id": conversation_id, "kept": kept})
    )
