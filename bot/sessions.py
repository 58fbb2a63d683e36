"""How staff come in: one-time links and the sessions they open. Tokens are kept as hashes; the machine clock rules them.

A link is redeemed by pressing a button on its page, never by being fetched: messengers fetch links to preview them.

`by_phone`, `invited` and `find` are how a page learns which community it is in, so they alone look into every one; whoever
calls them goes on within that community.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, and_, bindparam, delete, exists, insert, select, update
from sqlalchemy.sql import ColumnElement

from bot.rota import Colleague
from bot.tables import table

LINK, SESSION, STAFF = table("login_link"), table("staff_session"), table("staff")

LINK_LIFE = timedelta(minutes=15)
SESSION_LIFE = timedelta(hours=12)
IDLE_LIFE = timedelta(hours=2)
_SEEN_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Signed:
    """Who is at the desk's pages, and the word their forms must carry."""

    community_id: int
    staff: Colleague
    csrf: str
    language: str


def hashed(token: str) -> str:
    """What is kept of a token or code that opens something once: nobody who reads the database can use it."""
    return hashlib.sha256(token.encode()).hexdigest()


_WHO = (STAFF.c.name, STAFF.c.role, STAFF.c.language.label("staff_language"))
_OF_LINK = (
    select(LINK.c.community_id, LINK.c.staff_id, *_WHO)
    .join(STAFF, (STAFF.c.community_id == LINK.c.community_id) & (STAFF.c.id == LINK.c.staff_id))
    .where(
        LINK.c.token_hash == bindparam("token"),
        LINK.c.used_at.is_(None),
        LINK.c.expires_at > bindparam("machine_now"),
        STAFF.c.active,
    )
)
_USE = (
    update(LINK)
    .where(
        LINK.c.community_id == bindparam("of_community"),
        LINK.c.token_hash == bindparam("token"),
        LINK.c.used_at.is_(None),
        LINK.c.expires_at > bindparam("machine_now"),
        exists().where(STAFF.c.community_id == LINK.c.community_id, STAFF.c.id == LINK.c.staff_id, STAFF.c.active),
    )
    .values(used_at=bindparam("machine_now"))
    .returning(LINK.c.staff_id)
)
_OF_SESSION = (
    select(SESSION, *_WHO)
    .join(STAFF, (STAFF.c.community_id == SESSION.c.community_id) & (STAFF.c.id == SESSION.c.staff_id))
    .where(
        SESSION.c.token_hash == bindparam("token"),
        SESSION.c.expires_at > bindparam("machine_now"),
        SESSION.c.seen_at > bindparam("idle_since"),
        STAFF.c.active,
    )
)
_BY_PHONE = select(STAFF.c.community_id, STAFF.c.id, STAFF.c.name, STAFF.c.language).where(
    STAFF.c.phone == bindparam("phone"), STAFF.c.phone != "", STAFF.c.active
)


def by_phone(conn: Connection, phone: str) -> tuple[tuple[int, int, str, str], ...]:
    """The active members of staff with this telephone: (community, id, name, language), one per community at most."""
    return tuple((r[0], r[1], r[2], r[3]) for r in conn.execute(_BY_PHONE, {"phone": phone.strip()}).all())


def invite(conn: Connection, community_id: int, staff_id: int, machine_now: datetime) -> str:
    """The token of a new one-time link."""
    token = secrets.token_urlsafe(32)
    conn.execute(
        insert(LINK),
        {
            "community_id": community_id,
            "staff_id": staff_id,
            "token_hash": hashed(token),
            "expires_at": machine_now + LINK_LIFE,
        },
    )
    return token


def invited(conn: Connection, token: str, machine_now: datetime) -> tuple[int, str] | None:
    """Whose link this is: (community, name); None when it is unknown, used or too old. Using it up is `redeem`."""
    row = conn.execute(_OF_LINK, {"token": hashed(token), "machine_now": machine_now}).one_or_none()
    return None if row is None else (row.community_id, row.name)


def redeem(conn: Connection, community_id: int, token: str, machine_now: datetime) -> str | None:
    """Use the link up and open a session; its cookie's value. None: the link is unknown here, used or too old."""
    link = {"of_community": community_id, "token": hashed(token), "machine_now": machine_now}
    used = conn.execute(_USE, link).one_or_none()
    return None if used is None else open_session(conn, community_id, used.staff_id, machine_now)


def open_session(conn: Connection, community_id: int, staff_id: int, machine_now: datetime) -> str:
    """A session for this member of staff; its cookie's value. What has ended in this community is cleared away."""
    conn.execute(delete(SESSION).where(SESSION.c.community_id == community_id, SESSION.c.expires_at <= machine_now))
    token = secrets.token_urlsafe(32)
    conn.execute(
        insert(SESSION),
        {
            "community_id": community_id,
            "staff_id": staff_id,
            "token_hash": hashed(token),
            "csrf": secrets.token_urlsafe(24),
            "seen_at": machine_now,
            "expires_at": machine_now + SESSION_LIFE,
        },
    )
    return token


def find(conn: Connection, token: str, machine_now: datetime) -> tuple[Signed, bool] | None:
    """Who holds this cookie, and whether `seen` should be called; None: nobody, or it has ended."""
    row = conn.execute(
        _OF_SESSION, {"token": hashed(token), "machine_now": machine_now, "idle_since": machine_now - IDLE_LIFE}
    ).one_or_none()
    if row is None:
        return None
    language = row.language or row.staff_language
    staff = Colleague(row.staff_id, row.name, row.role, language)
    return Signed(row.community_id, staff, row.csrf, language), machine_now - row.seen_at > _SEEN_EVERY


def _own(community_id: int, token: str) -> ColumnElement[bool]:
    return and_(SESSION.c.community_id == community_id, SESSION.c.token_hash == hashed(token))


def seen(conn: Connection, community_id: int, token: str, machine_now: datetime) -> None:
    """The session is in use: it does not end by idleness."""
    conn.execute(update(SESSION).where(_own(community_id, token)).values(seen_at=machine_now))


def speak(conn: Connection, community_id: int, token: str, language: str) -> None:
    """The language of this session's pages from now on."""
    conn.execute(update(SESSION).where(_own(community_id, token)).values(language=language))


def close(conn: Connection, community_id: int, token: str) -> None:
    """Log out."""
    conn.execute(delete(SESSION).where(_own(community_id, token)))
