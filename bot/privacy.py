"""What is held about somebody, handed out or erased; and the nightly purge of what is older than policy keeps.

Everything runs inside a transaction of the caller and reads no clock. Rows that others count on (tickets, the trail, the log of
disclosures) stay without the person; rows that hold nothing but a person's words go.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, delete, exists, insert, or_, select, text, update

from bot import identity
from bot.channels import AGREED
from bot.core.types import Held
from bot.sessions import hashed
from bot.tables import table

CONVERSATION = table("conversation")
INBOX = table("inbox")
OUTBOX = table("outbox")
TICKET = table("ticket")
TICKET_EVENT = table("ticket_event")
TICKET_PHOTO = table("ticket_photo")
PHONE_TASK = table("phone_task")
MEDIA = table("media")
ATTEMPT = table("bind_attempt")
CONSENT = table("consent")
EXPORT = table("export_link")
RESIDENT = table("resident")
ANSWER = table("survey_answer")
NOTE = table("channel_note")
INVITE = table("invite")
DISCLOSURE = table("disclosure")
LOGIN_LINK = table("login_link")
SESSION = table("staff_session")
RECEIPT = table("receipt")
MISREADING = table("misreading")
SUGGESTION = table("suggestion")

#: The address of a conversation whose identity was erased begins so; no platform has such addresses.
ERASED = "erased:"
#: What staff read instead of the words.
ERASED_WORDS = "（应本人要求已删除 erased at the resident's request）"
EXPORT_LIFE = timedelta(hours=24)


# ── What is held ────────────────────────────────────────────────────────────────────────────────────────────────────


def held(conn: Connection, community_id: int, conversation_id: int) -> Held:
    """In numbers: messages of both sides, tickets, photos and consents of this conversation."""
    count = {
        name: identity.count_of(conn, community_id, conversation_id, name)
        for name in ("inbox", "outbox", "ticket", "media", "consent")
    }
    return Held(count["inbox"] + count["outbox"], count["ticket"], count["media"], count["consent"])


def _rows(conn: Connection, name: str, columns: str, **where: Any) -> list[dict[str, Any]]:
    rows = table(name)
    statement = select(*(rows.c[column] for column in columns.split())).order_by(rows.c.id)
    for column, value in where.items():
        statement = statement.where(rows.c[column] == value)
    return [dict(row._mapping) for row in conn.execute(statement)]


def export_of(conn: Connection, community_id: int, conversation_id: int, today: date) -> dict[str, Any]:
    """Everything held about the person of this conversation, in plain values (art. 45: a copy that can be carried elsewhere).

    The person's own data alone: of the household the room and the own role, nothing of its other members.
    """
    own = {"community_id": community_id, "conversation_id": conversation_id}
    talk = conn.execute(
        select(CONVERSATION.c.channel, CONVERSATION.c.resident_id, CONVERSATION.c.bound_by, CONVERSATION.c.bound_at).where(
            CONVERSATION.c.community_id == community_id, CONVERSATION.c.id == conversation_id
        )
    ).one()
    person: dict[str, Any] = {}
    if talk.resident_id is not None:
        person = _rows(conn, "resident", "name phone language", community_id=community_id, id=talk.resident_id)[0]
        person["homes"] = [
            {"room": b.room.label, "role": b.role, "until": b.until}
            for b in identity.bindings(conn, community_id, talk.resident_id, today)
        ]
    received = _rows(conn, "inbox", "received_at payload", **own)
    tickets = _rows(
        conn, "ticket", "id number kind status description room_label location contact contact_name appointment_text opened_at",
        **own,
    )  # fmt: skip
    for ticket in tickets:
        ticket["rating"] = _rows(conn, "survey_answer", "score comment at", community_id=community_id, ticket_id=ticket.pop("id"))
    return {
        "channel": talk.channel,
        "bound": {"how": talk.bound_by, "at": talk.bound_at},
        "person": person,
        "messages_received": [{"at": r["received_at"], "text": r["payload"].get("text", "")} for r in received],
        "messages_sent": _rows(conn, "outbox", "created_at text status", **own),
        "tickets": tickets,
        "photos": _rows(conn, "media", "at kind status", **own),
        "consents": _rows(conn, "consent", "at purpose version given", **own),
    }


def as_json(held: Mapping[str, Any]) -> str:
    """The copy as a file."""
    return json.dumps(held, ensure_ascii=False, indent=2, default=lambda value: value.isoformat())


def export_link(conn: Connection, community_id: int, conversation_id: int, machine_now: datetime) -> str:
    """The token of a link that hands the copy out once, for 24 hours."""
    token = secrets.token_urlsafe(32)
    conn.execute(
        insert(EXPORT),
        {
            "community_id": community_id, "conversation_id": conversation_id, "token_hash": hashed(token),
            "expires_at": machine_now + EXPORT_LIFE,
        },
    )  # fmt: skip
    return token


def take_export(conn: Connection, token: str, machine_now: datetime) -> tuple[int, int] | None:
    """Use the link up: (community, conversation), or None when it was used, ran out or never was."""
    row = conn.execute(
        update(EXPORT)
        .where(EXPORT.c.token_hash == hashed(token), EXPORT.c.used_at.is_(None), EXPORT.c.expires_at > machine_now)
        .values(used_at=machine_now)
        .returning(EXPORT.c.community_id, EXPORT.c.conversation_id)
    ).one_or_none()
    return None if row is None else (row.community_id, row.conversation_id)


def export_is_good(conn: Connection, token: str, machine_now: datetime) -> bool:
    """Whether the link would hand something out, without using it up."""
    return bool(
        conn.scalar(
            select(
                exists().where(EXPORT.c.token_hash == hashed(token), EXPORT.c.used_at.is_(None), EXPORT.c.expires_at > machine_now)
            )
        )
    )


# ── Erasing a person ────────────────────────────────────────────────────────────────────────────────────────────────

_NOTHING: Mapping[str, Any] = {"text": "", "button": None, "media": [], "location": None, "sender_name": "", "address": "", "language": None}


def forget(conn: Connection, community_id: int, conversation_id: int, now: datetime) -> None:
    """Erase this channel identity: its address, binding, words and photos. Finished tickets lose the person; open ones keep
    what the work needs and lose it at the first purge after they end. The trail and the consents stay, as proof; and the tries to
    be recognised, which name nobody: else whoever guesses at a room would have himself forgotten and guess on.

    What waits to be sent there is dropped; a last word must be put into the outbox afterwards.
    """
    here = {"community_id": community_id, "conversation_id": conversation_id}
    conn.execute(
        update(OUTBOX)
        .where(_of(OUTBOX, here), text("outbox.status IN ('ready', 'retry')"))
        .values(status="superseded", error="erased")
    )
    _scrub_words(conn, here)
    _forget_photos(conn, here)
    _strip_tickets(conn, here, only_closed=True)
    _forget_agreements(conn, here)
    identity.unbind(conn, community_id, conversation_id, now)
    identity.trail(conn, community_id, "forgotten", now, conversation_id=conversation_id)
    conn.execute(
        update(CONVERSATION)
        .where(CONVERSATION.c.community_id == community_id, CONVERSATION.c.id == conversation_id)
        .values(address=f"{ERASED}{secrets.token_hex(16)}")
    )


def _of(rows: Any, here: Mapping[str, Any]) -> Any:
    return and_(rows.c.community_id == here["community_id"], rows.c.conversation_id == here["conversation_id"])


def _scrub_words(conn: Connection, here: Mapping[str, Any]) -> None:
    conn.execute(update(INBOX).where(_of(INBOX, here)).values(payload=dict(_NOTHING), parse=None, error=""))
    conn.execute(
        update(OUTBOX).where(_of(OUTBOX, here), OUTBOX.c.status.not_in(("ready", "retry", "claimed")))
        .values(text="", buttons=[], photos=[], address="", author="")
    )  # fmt: skip
    # How it was read and judged stays, for the count; of what was said nothing does.
    conn.execute(update(SUGGESTION).where(_of(SUGGESTION, here)).values(heard={}, before={}, after={}, said=[], does={}))


def _forget_photos(conn: Connection, here: Mapping[str, Any]) -> None:
    """The bytes go with the purge, which removes files that no row names."""
    tickets = select(TICKET.c.id).where(_of(TICKET, here))
    conn.execute(
        delete(TICKET_PHOTO).where(
            TICKET_PHOTO.c.community_id == here["community_id"],
            TICKET_PHOTO.c.ticket_id.in_(tickets),
            TICKET_PHOTO.c.by_role == "resident",
        )
    )
    conn.execute(delete(MEDIA).where(_of(MEDIA, here)))


def _forget_agreements(conn: Connection, here: Mapping[str, Any]) -> None:
    """The other pages of a channel's notebook that name an address are forgotten within days."""
    at = conn.execute(
        select(CONVERSATION.c.channel, CONVERSATION.c.account, CONVERSATION.c.address).where(
            CONVERSATION.c.community_id == here["community_id"], CONVERSATION.c.id == here["conversation_id"]
        )
    ).one()
    conn.execute(
        delete(NOTE).where(
            NOTE.c.community_id == here["community_id"], NOTE.c.channel == at.channel, NOTE.c.account == at.account,
            NOTE.c.page == f"{AGREED}{at.address}",
        )
    )  # fmt: skip


def _strip_tickets(conn: Connection, here: Mapping[str, Any], *, only_closed: bool) -> None:
    """Free text goes whole: who may be named in it cannot be known. Kind, place, times and the moves stay."""
    statement = select(TICKET.c.id).where(_of(TICKET, here))
    if only_closed:
        statement = statement.where(~TICKET.c.open)
    for row in conn.execute(statement).all():
        values = {
            "resident_id": None, "contact": "", "contact_name": "", "appointment_text": "",
            "description": ERASED_WORDS, "subject": "",
        }  # fmt: skip
        one = and_(TICKET.c.community_id == here["community_id"], TICKET.c.id == row.id)
        conn.execute(update(TICKET).where(one).values(**values))
        conn.execute(
            update(TICKET_EVENT)
            .where(
                TICKET_EVENT.c.community_id == here["community_id"],
                TICKET_EVENT.c.ticket_id == row.id,
                TICKET_EVENT.c.by_role == "resident",
            )
            .values(by_name="", note="")
        )
        conn.execute(  # notices to staff repeat what was said
            update(OUTBOX)
            .where(
                OUTBOX.c.community_id == here["community_id"],
                OUTBOX.c.ticket_id == row.id,
                OUTBOX.c.status.not_in(("ready", "retry", "claimed")),
            )
            .values(text="", buttons=[])
        )
        conn.execute(
            update(PHONE_TASK)
            .where(PHONE_TASK.c.community_id == here["community_id"], PHONE_TASK.c.ticket_id == row.id)
            .values(contact="", text="")
        )
        conn.execute(
            update(ANSWER)
            .where(ANSWER.c.community_id == here["community_id"], ANSWER.c.ticket_id == row.id)
            .values(comment="")
        )


# ── The nightly purge ───────────────────────────────────────────────────────────────────────────────────────────────

#: A `due` row of this kind about the community itself; the workers carry it out and set the next night's.
SUBJECT, PURGE = "community", "purge"
_SETTLED = ("sent", "sent_unconfirmed", "failed", "expired", "superseded")


def purge(
    conn: Connection, community_id: int, keep: Mapping[str, timedelta], keep_misread: timedelta, now: datetime, machine_now: datetime
) -> dict[str, int]:
    """Remove what is older than `keep` says (see privacy.keep in data/policy.yml). Returns how many rows went, by kind."""
    gone: dict[str, int] = {}

    def remove(name: str, statement: Any) -> None:
        count = conn.execute(statement).rowcount
        gone[name] = gone.get(name, 0) + count

    def old(rows: Any, column: str, since: datetime) -> Any:
        return and_(rows.c.community_id == community_id, rows.c[column] < since)

    messages, traces = now - keep["messages"], machine_now - keep["traces"]
    remove("messages", delete(INBOX).where(old(INBOX, "received_at", messages), INBOX.c.status != "new"))
    remove("messages", delete(OUTBOX).where(old(OUTBOX, "created_at", messages), OUTBOX.c.status.in_(_SETTLED)))
    remove(
        "parses",
        update(INBOX).where(old(INBOX, "received_at", now - keep["parses"]), INBOX.c.parse.is_not(None), INBOX.c.status != "new")
        .values(parse=None),
    )  # fmt: skip
    remove("suggestions", delete(SUGGESTION).where(old(SUGGESTION, "at", now - keep["suggestions"])))
    remove("photos", delete(TICKET_PHOTO).where(old(TICKET_PHOTO, "at", now - keep["photos"])))
    remove("photos", delete(MEDIA).where(old(MEDIA, "at", now - keep["photos"]), MEDIA.c.status != "pending"))
    gone["papers"] = _purge_papers(conn, community_id, now - keep["papers"])
    remove("attempts", delete(ATTEMPT).where(old(ATTEMPT, "at", now - keep["attempts"])))
    remove("attempts", delete(INVITE).where(old(INVITE, "expires_at", now - keep["attempts"])))
    remove("disclosures", delete(DISCLOSURE).where(old(DISCLOSURE, "at", now - keep["disclosures"])))
    remove("traces", delete(LOGIN_LINK).where(old(LOGIN_LINK, "expires_at", traces)))
    remove("traces", delete(SESSION).where(old(SESSION, "expires_at", traces)))
    remove("traces", delete(EXPORT).where(old(EXPORT, "expires_at", traces)))
    remove("traces", delete(RECEIPT).where(old(RECEIPT, "at", now - keep["traces"])))
    remove("traces", delete(NOTE).where(old(NOTE, "until", machine_now)))
    remove("misreadings", delete(MISREADING).where(old(MISREADING, "at", now - keep_misread)))
    _finish_forgetting(conn, community_id)
    return gone


def _purge_papers(conn: Connection, community_id: int, since: datetime) -> int:
    """Photos of papers, once the application they belong to has been closed or answered so long ago."""
    ended = select(TICKET.c.id, TICKET.c.conversation_id).where(
        TICKET.c.community_id == community_id,
        TICKET.c.kind == "enquiry",
        TICKET.c.category == "binding",
        TICKET.c.status.in_(("answered", "closed", "cancelled")),
        TICKET.c.updated_at < since,
    )
    count = 0
    for row in conn.execute(ended).all():
        mine = and_(TICKET_PHOTO.c.community_id == community_id, TICKET_PHOTO.c.ticket_id == row.id)
        references = list(conn.scalars(select(TICKET_PHOTO.c.reference).where(mine)))
        if not references:
            continue
        conn.execute(delete(TICKET_PHOTO).where(mine))
        count += conn.execute(
            delete(MEDIA).where(
                MEDIA.c.community_id == community_id,
                MEDIA.c.conversation_id == row.conversation_id,
                MEDIA.c.reference.in_(references),
            )
        ).rowcount
    return count


def _finish_forgetting(conn: Connection, community_id: int) -> None:
    """Conversations that were erased: the last word to them, the ids of their messages, tickets that have ended since."""
    erased = select(CONVERSATION.c.id).where(
        CONVERSATION.c.community_id == community_id, CONVERSATION.c.address.startswith(ERASED)
    )
    unfinished = select(CONVERSATION.c.id).where(
        CONVERSATION.c.id.in_(erased),
        CONVERSATION.c.community_id == community_id,
        or_(
            exists().where(
                INBOX.c.community_id == CONVERSATION.c.community_id, INBOX.c.conversation_id == CONVERSATION.c.id
            ),
            exists().where(
                OUTBOX.c.community_id == CONVERSATION.c.community_id,
                OUTBOX.c.conversation_id == CONVERSATION.c.id,
                OUTBOX.c.address != "",
            ),
            exists().where(
                TICKET.c.community_id == CONVERSATION.c.community_id,
                TICKET.c.conversation_id == CONVERSATION.c.id,
                TICKET.c.contact != "",
                ~TICKET.c.open,
            ),
        ),
    )
    for conversation_id in conn.scalars(unfinished).all():
        here = {"community_id": community_id, "conversation_id": conversation_id}
        conn.execute(delete(INBOX).where(_of(INBOX, here), INBOX.c.status != "new"))
        _scrub_words(conn, here)
        _strip_tickets(conn, here, only_closed=True)


def kept_photos(conn: Connection) -> frozenset[str]:
    """Every name in the media store that some row still names, in all communities: files are shared by content."""
    found = set(conn.scalars(select(MEDIA.c.kept).where(MEDIA.c.kept != "")))
    found |= {p for p in conn.scalars(select(TICKET_PHOTO.c.path).where(TICKET_PHOTO.c.path.is_not(None))) if p}
    for names in conn.scalars(select(OUTBOX.c.photos).where(OUTBOX.c.key == "staff")):  # only a colleague sends photos
        found |= set(names)
    return frozenset(found)
