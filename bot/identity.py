"""Who is asking, as rows: bindings, invites, tries to be recognised, consents, the trail and the disclosure log.

Everything runs inside a transaction of the caller and reads no clock. What the rules are (how many tries, how long a code lasts)
is decided by the core and the policy; that a code works once, and that a membership ends at once, is decided here, under locks.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, bindparam, func, insert, or_, select, text, update
from sqlalchemy.sql import ColumnElement

from bot.core.flows.binding import key_of
from bot.core.resolve import invitecode
from bot.core.resolve.hanzi import simple
from bot.core.types import (
    Binding,
    Colleague,
    Invitation,
    InviteView,
    Member,
    NeedInvite,
    NeedRoster,
    RoomRef,
    Roster,
)
from bot.sessions import hashed
from bot.tables import table

ATTEMPT = table("bind_attempt")
CONSENT = table("consent")
CONVERSATION = table("conversation")
DISCLOSURE = table("disclosure")
HOUSEHOLD = table("household")
INVITE = table("invite")
MEMBERSHIP = table("membership")
OUTBOX = table("outbox")
RESIDENT = table("resident")
ROOM = table("room")
STAFF = table("staff")
TICKET = table("ticket")
TRAIL = table("identity_event")

MOST_BINDINGS = 10
MOST_MEMBERS = 20
MOST_TRIES = 50
MOST_CHATS = 5

#: A membership that holds on the local date `today`.
CURRENT: ColumnElement[bool] = and_(
    MEMBERSHIP.c.revoked_at.is_(None),
    or_(MEMBERSHIP.c.since.is_(None), MEMBERSHIP.c.since <= bindparam("today")),
    or_(MEMBERSHIP.c.until.is_(None), MEMBERSHIP.c.until >= bindparam("today")),
)
_HOMES = MEMBERSHIP.join(
    HOUSEHOLD,
    and_(HOUSEHOLD.c.community_id == MEMBERSHIP.c.community_id, HOUSEHOLD.c.id == MEMBERSHIP.c.household_id),
).join(ROOM, and_(ROOM.c.community_id == HOUSEHOLD.c.community_id, ROOM.c.id == HOUSEHOLD.c.room_id))
_ROOM_COLUMNS = (
    ROOM.c.id.label("room_id"), ROOM.c.label, ROOM.c.building_code, ROOM.c.unit_code, ROOM.c.room_code,
)  # fmt: skip


def room_of(row: Any) -> RoomRef:
    """A row with `_ROOM_COLUMNS`."""
    return RoomRef(row.label, row.building_code, row.unit_code, row.room_code, row.room_id, verified=True)


@dataclass(frozen=True, slots=True)
class NewHousehold:
    """A household to be founded in this room: new tenants see nothing of those who lived there before."""

    room_id: int


# ── Who belongs where ───────────────────────────────────────────────────────────────────────────────────────────────

_BINDINGS = (
    select(MEMBERSHIP.c.id, MEMBERSHIP.c.household_id, MEMBERSHIP.c.role, MEMBERSHIP.c.until, *_ROOM_COLUMNS)
    .select_from(_HOMES)
    .where(
        MEMBERSHIP.c.community_id == bindparam("community_id"),
        MEMBERSHIP.c.resident_id == bindparam("resident_id"),
        CURRENT,
    )
    .order_by(MEMBERSHIP.c.id)
    .limit(MOST_BINDINGS)
)
_MEMBERS = (
    select(MEMBERSHIP.c.id, MEMBERSHIP.c.resident_id, MEMBERSHIP.c.role, MEMBERSHIP.c.until, RESIDENT.c.name)
    .join_from(
        MEMBERSHIP,
        RESIDENT,
        and_(RESIDENT.c.community_id == MEMBERSHIP.c.community_id, RESIDENT.c.id == MEMBERSHIP.c.resident_id),
    )
    .where(
        MEMBERSHIP.c.community_id == bindparam("community_id"),
        MEMBERSHIP.c.household_id == bindparam("household_id"),
        CURRENT,
    )
    .order_by(MEMBERSHIP.c.id)
    .limit(MOST_MEMBERS)
)
_COLLEAGUE = select(STAFF.c.id, STAFF.c.name, STAFF.c.role).where(
    STAFF.c.community_id == bindparam("community_id"), STAFF.c.id == bindparam("staff_id"), STAFF.c.active
)


def bindings(conn: Connection, community_id: int, resident_id: int, today: date) -> tuple[Binding, ...]:
    """The households a resident belongs to on this local date, at most 10."""
    rows = conn.execute(_BINDINGS, {"community_id": community_id, "resident_id": resident_id, "today": today})
    return tuple(Binding(r.household_id, room_of(r), r.role, r.id, r.until) for r in rows)


def members(conn: Connection, community_id: int, household_id: int, today: date) -> tuple[Member, ...]:
    """Who belongs to the household on this local date, at most 20."""
    rows = conn.execute(_MEMBERS, {"community_id": community_id, "household_id": household_id, "today": today})
    return tuple(Member(r.id, r.resident_id, r.name, r.role, r.until) for r in rows)


def colleague(conn: Connection, community_id: int, staff_id: int) -> Colleague | None:
    """The member of staff a conversation is bound to, while they are active."""
    row = conn.execute(_COLLEAGUE, {"community_id": community_id, "staff_id": staff_id}).one_or_none()
    return None if row is None else Colleague(row.id, row.name, row.role)


def household_of(conn: Connection, community_id: int, home: int | NewHousehold) -> tuple[int, RoomRef] | None:
    """The household that is meant, founded where it is a new one, and its room; None when there is no such thing here."""
    if isinstance(home, int):
        place = room_of_household(conn, community_id, home)
        return None if place is None else (home, place)
    found = select(ROOM.c.id).where(ROOM.c.community_id == community_id, ROOM.c.id == home.room_id)
    if conn.scalar(found) is None:
        return None
    made = insert(HOUSEHOLD).returning(HOUSEHOLD.c.id)
    household_id = int(conn.execute(made, {"community_id": community_id, "room_id": home.room_id}).scalar_one())
    place = room_of_household(conn, community_id, household_id)
    assert place is not None
    return household_id, place


# ── Being recognised ────────────────────────────────────────────────────────────────────────────────────────────────

_IN_ROOM = (
    select(
        MEMBERSHIP.c.id, MEMBERSHIP.c.household_id, MEMBERSHIP.c.role, MEMBERSHIP.c.until,
        RESIDENT.c.id.label("resident_id"), RESIDENT.c.name, RESIDENT.c.phone, *_ROOM_COLUMNS,
    )
    .select_from(
        _HOMES.join(
            RESIDENT,
            and_(RESIDENT.c.community_id == MEMBERSHIP.c.community_id, RESIDENT.c.id == MEMBERSHIP.c.resident_id),
        )
    )
    .where(
        MEMBERSHIP.c.community_id == bindparam("community_id"),
        ROOM.c.building_code == bindparam("building"),
        ROOM.c.unit_code == bindparam("unit"),
        ROOM.c.room_code == bindparam("room"),
        CURRENT,
    )
    .order_by(MEMBERSHIP.c.id)
    .limit(MOST_MEMBERS)
)  # fmt: skip


def _tries(column: ColumnElement[Any], name: str) -> Any:
    return (
        select(ATTEMPT.c.at)
        .where(
            ATTEMPT.c.community_id == bindparam("community_id"),
            column == bindparam(name),
            ~ATTEMPT.c.matched,
            ATTEMPT.c.at > bindparam("since"),
        )
        .order_by(ATTEMPT.c.at.desc())
        .limit(MOST_TRIES)
    )


_TRIES_OF_SPEAKER = _tries(ATTEMPT.c.conversation_id, "conversation_id")
_TRIES_AT_ROOM = _tries(ATTEMPT.c.room, "room")


def tries_of_speaker(
    conn: Connection, community_id: int, conversation_id: int, since: datetime
) -> tuple[datetime, ...]:
    """When this speaker tried in vain, after `since` (desk clock)."""
    values = {"community_id": community_id, "conversation_id": conversation_id, "since": since}
    return tuple(conn.scalars(_TRIES_OF_SPEAKER, values))


def roster(conn: Connection, community_id: int, conversation_id: int, need: NeedRoster, today: date) -> Roster:
    """Whether the register knows this person in this room, and how often it was tried.

    The name must be the whole one on file (width, case, spaces and traditional characters do not matter). Two people of one name
    and the same last figures in one room match nobody: staff must tell them apart.
    """
    rows = conn.execute(
        _IN_ROOM,
        {"community_id": community_id, "building": need.building, "unit": need.unit, "room": need.room, "today": today},
    ).all()
    wanted = _folded(need.name)
    fits = {
        r.resident_id: r
        for r in rows
        if wanted and _folded(r.name) == wanted and _same_phone(r.phone, need.tail, need.phone)
    }
    found = next(iter(fits.values())) if len(fits) == 1 else None
    key = key_of(need.building, need.unit, need.room)
    return Roster(
        None if found is None else Binding(found.household_id, room_of(found), found.role, found.id, found.until),
        None if found is None else found.resident_id,
        tries_of_speaker(conn, community_id, conversation_id, need.since),
        tuple(conn.scalars(_TRIES_AT_ROOM, {"community_id": community_id, "room": key, "since": need.since})),
    )


def _folded(name: str) -> str:
    return "".join(simple(unicodedata.normalize("NFKC", name)).split()).casefold()


def _same_phone(on_file: str, tail: str, whole: str) -> bool:
    digits = "".join(c for c in on_file if c.isdigit())
    if whole:
        return len(digits) >= 7 and "".join(c for c in whole if c.isdigit()).endswith(digits)
    return len(tail) == 4 and len(digits) >= 7 and digits.endswith(tail)


def note_attempt(
    conn: Connection, community_id: int, conversation_id: int, room: str, matched: bool, now: datetime
) -> None:
    conn.execute(
        insert(ATTEMPT),
        {"community_id": community_id, "conversation_id": conversation_id, "room": room, "matched": matched, "at": now},
    )


# ── Invites ─────────────────────────────────────────────────────────────────────────────────────────────────────────

_OPEN_INVITE = (
    select(INVITE, STAFF.c.name.label("staff_name"), *_ROOM_COLUMNS)
    .select_from(
        INVITE.outerjoin(
            STAFF, and_(STAFF.c.community_id == INVITE.c.community_id, STAFF.c.id == INVITE.c.staff_id, STAFF.c.active)
        )
        .outerjoin(
            HOUSEHOLD,
            and_(HOUSEHOLD.c.community_id == INVITE.c.community_id, HOUSEHOLD.c.id == INVITE.c.household_id),
        )
        .outerjoin(ROOM, and_(ROOM.c.community_id == HOUSEHOLD.c.community_id, ROOM.c.id == HOUSEHOLD.c.room_id))
    )
    .where(
        INVITE.c.community_id == bindparam("community_id"),
        INVITE.c.code_hash == bindparam("code_hash"),
        INVITE.c.used_at.is_(None),
        INVITE.c.revoked_at.is_(None),
        INVITE.c.expires_at > bindparam("now"),
    )
)
_INVITE = _OPEN_INVITE.with_for_update(of=INVITE)
_USE = (
    update(INVITE)
    .where(
        INVITE.c.community_id == bindparam("of_community"), INVITE.c.id == bindparam("of_id"), INVITE.c.used_at.is_(None)
    )
    .values(used_at=bindparam("now"), used_by=bindparam("conversation_id"))
)


def invitation(
    conn: Connection, community_id: int, conversation_id: int, need: NeedInvite, now: datetime, today: date
) -> Invitation:
    """The invite behind a code, locked until the turn is done; None where there is none that can still be used."""
    row = _open_invite(conn, community_id, need.code, now, today)
    view = None
    if row is not None:
        room = room_of(row) if row.room_id is not None else None
        named = row.resident_id is not None or bool(row.name)
        view = InviteView(room, row.role, row.staff_name if row.staff_id is not None else "", named)
    return Invitation(view, tries_of_speaker(conn, community_id, conversation_id, need.since))


def _open_invite(conn: Connection, community_id: int, code: str, now: datetime, today: date) -> Any:
    row = conn.execute(
        _INVITE, {"community_id": community_id, "code_hash": hashed(code), "now": now}
    ).one_or_none()
    if row is not None and row.staff_id is not None and row.staff_name is None:
        return None  # the colleague has left
    if row is not None and row.made_by_resident is not None and not _may_still_give(conn, community_id, row, today):
        return None
    return row


def _may_still_give(conn: Connection, community_id: int, row: Any, today: date) -> bool:
    """A code is worth what its maker could give today: an owner who has sold brings nobody in any more, and a tenant who has
    moved out does not come back by a code for a second device of his own."""
    own_device = row.resident_id == row.made_by_resident
    return any(
        b.household_id == row.household_id and (own_device or b.role == "owner")
        for b in bindings(conn, community_id, row.made_by_resident, today)
    )


def make_invite(
    conn: Connection,
    community_id: int,
    *,
    now: datetime,
    expires_at: datetime,
    household_id: int | None = None,
    role: str = "",
    resident_id: int | None = None,
    staff_id: int | None = None,
    name: str = "",
    until: date | None = None,
    by_staff: int | None = None,
    by_resident: int | None = None,
) -> str:
    """A new code, as ten bare characters; only its hash is kept. Into a household with a role, or for a colleague."""
    code = ""
    while not invitecode.well_formed(code):
        code = "".join(secrets.choice(invitecode.ALPHABET) for _ in range(invitecode.LENGTH))
    conn.execute(
        insert(INVITE),
        {
            "community_id": community_id, "code_hash": hashed(code), "household_id": household_id, "role": role,
            "resident_id": resident_id, "staff_id": staff_id, "name": name, "until": until, "made_by_staff": by_staff,
            "made_by_resident": by_resident, "made_at": now, "expires_at": expires_at,
        },
    )  # fmt: skip
    trail(conn, community_id, "invited", now, household_id=household_id, by_staff=by_staff, by_resident=by_resident, note=role)
    return code


def withdraw(conn: Connection, community_id: int, invite_id: int, now: datetime, by_staff: int | None = None) -> bool:
    """Make a code worthless that nobody has used. False: there is none, it was used or withdrawn."""
    row = conn.execute(
        update(INVITE)
        .where(
            INVITE.c.community_id == community_id, INVITE.c.id == invite_id, INVITE.c.used_at.is_(None),
            INVITE.c.revoked_at.is_(None),
        )
        .values(revoked_at=now)
        .returning(INVITE.c.household_id)
    ).one_or_none()  # fmt: skip
    if row is None:
        return False
    trail(conn, community_id, "withdrawn", now, household_id=row.household_id, by_staff=by_staff)
    return True


def opens(conn: Connection, community_id: int, code: str, now: datetime) -> Any:
    """The row of an invite that can still be used (`household_id`, `role`, `room_id`, `expires_at`), not locked; None: there is none."""
    return conn.execute(_OPEN_INVITE, {"community_id": community_id, "code_hash": hashed(code), "now": now}).one_or_none()


def redeem(
    conn: Connection, community_id: int, conversation_id: int, code: str, name: str, language: str, now: datetime, today: date
) -> bool:
    """Take up an invite that this transaction has locked. False: it cannot be used any more; nothing is changed.

    The person is the one the invite names; else whoever this conversation already is; else somebody new, called `name`.
    """
    row = _open_invite(conn, community_id, code, now, today)
    if row is None:
        return False
    used = conn.execute(
        _USE, {"of_community": community_id, "of_id": row.id, "now": now, "conversation_id": conversation_id}
    )
    if used.rowcount != 1:
        return False
    if row.staff_id is not None:
        _bind(conn, community_id, conversation_id, "invite", now, staff_id=row.staff_id)
        trail(conn, community_id, "bound", now, conversation_id=conversation_id, by_staff=row.staff_id, note="staff invite")
        return True
    known = conn.scalar(
        select(CONVERSATION.c.resident_id).where(
            CONVERSATION.c.community_id == community_id, CONVERSATION.c.id == conversation_id
        )
    )
    resident_id = row.resident_id or known or new_resident(conn, community_id, row.name or name, "", language)
    join(conn, community_id, row.household_id, resident_id, row.role, today, row.until, "invite")
    _bind(conn, community_id, conversation_id, "invite", now, resident_id=resident_id)
    trail(
        conn, community_id, "bound", now, conversation_id=conversation_id, resident_id=resident_id,
        household_id=row.household_id, note="invite",
    )  # fmt: skip
    return True


# ── Binding and its end ─────────────────────────────────────────────────────────────────────────────────────────────


def new_resident(conn: Connection, community_id: int, name: str, phone: str, language: str) -> int:
    """Somebody the register did not know."""
    row = {"community_id": community_id, "name": name, "phone": phone, "language": language}
    return int(conn.execute(insert(RESIDENT).returning(RESIDENT.c.id), row).scalar_one())


def join(
    conn: Connection, community_id: int, household_id: int, resident_id: int, role: str, since: date, until: date | None,
    source: Literal["invite", "staff"],
) -> None:  # fmt: skip
    """Make the resident a member, unless they are one today. `source`: an update of the registers leaves such members alone."""
    mine = bindings(conn, community_id, resident_id, since)
    if not any(b.household_id == household_id for b in mine):
        conn.execute(
            insert(MEMBERSHIP),
            {
                "community_id": community_id, "household_id": household_id, "resident_id": resident_id, "role": role,
                "since": since, "until": until, "source": source,
            },
        )  # fmt: skip


def bind(
    conn: Connection, community_id: int, conversation_id: int, resident_id: int, household_id: int, how: str, now: datetime,
    by_staff: int | None = None,
) -> None:  # fmt: skip
    """This conversation is this resident's from now on. `how`: roster, staff, demo."""
    _bind(conn, community_id, conversation_id, how, now, resident_id=resident_id)
    trail(
        conn, community_id, "bound", now, conversation_id=conversation_id, resident_id=resident_id, household_id=household_id,
        by_staff=by_staff, note=how,
    )  # fmt: skip


def _bind(
    conn: Connection, community_id: int, conversation_id: int, how: str, now: datetime | None,
    resident_id: int | None = None, staff_id: int | None = None,
) -> None:  # fmt: skip
    conn.execute(
        update(CONVERSATION)
        .where(CONVERSATION.c.community_id == community_id, CONVERSATION.c.id == conversation_id)
        .values(resident_id=resident_id, staff_id=staff_id, bound_by=how, bound_at=now)
    )


def unbind(conn: Connection, community_id: int, conversation_id: int, now: datetime) -> None:
    """This conversation is nobody's any more."""
    _bind(conn, community_id, conversation_id, "", None)
    trail(conn, community_id, "unbound", now, conversation_id=conversation_id)


def revoke(
    conn: Connection, community_id: int, membership_id: int, now: datetime, *,
    household_id: int | None = None, by_staff: int | None = None, by_resident: int | None = None,
) -> bool:  # fmt: skip
    """End a membership at once: of that household alone where one is named. False: there is none, or it had ended.

    News of the household's tickets that waits to be sent to that person is dropped.
    """
    where = [
        MEMBERSHIP.c.community_id == community_id, MEMBERSHIP.c.id == membership_id, MEMBERSHIP.c.revoked_at.is_(None),
    ]  # fmt: skip
    if household_id is not None:
        where.append(MEMBERSHIP.c.household_id == household_id)
    row = conn.execute(
        update(MEMBERSHIP)
        .where(*where)
        .values(revoked_at=now)
        .returning(MEMBERSHIP.c.resident_id, MEMBERSHIP.c.household_id)
    ).one_or_none()
    if row is None:
        return False
    conn.execute(
        update(OUTBOX)
        .where(
            OUTBOX.c.community_id == community_id,
            text("outbox.status IN ('ready', 'retry')"),
            OUTBOX.c.conversation_id.in_(
                select(CONVERSATION.c.id).where(
                    CONVERSATION.c.community_id == community_id, CONVERSATION.c.resident_id == row.resident_id
                )
            ),
            OUTBOX.c.ticket_id.in_(
                select(TICKET.c.id).where(TICKET.c.community_id == community_id, TICKET.c.household_id == row.household_id)
            ),
        )
        .values(status="superseded", error="the membership was revoked")
    )
    trail(
        conn, community_id, "revoked", now, resident_id=row.resident_id, household_id=row.household_id,
        by_staff=by_staff, by_resident=by_resident,
    )  # fmt: skip
    return True


# ── Consents, the trail, the disclosure log ─────────────────────────────────────────────────────────────────────────


def consent(
    conn: Connection, community_id: int, conversation_id: int, purpose: str, version: str, given: bool, now: datetime
) -> None:
    conn.execute(
        insert(CONSENT),
        {
            "community_id": community_id, "conversation_id": conversation_id, "purpose": purpose, "version": version,
            "given": given, "at": now,
        },
    )  # fmt: skip


def trail(
    conn: Connection, community_id: int, what: str, now: datetime, *, conversation_id: int | None = None,
    resident_id: int | None = None, household_id: int | None = None, by_staff: int | None = None,
    by_resident: int | None = None, note: str = "",
) -> None:  # fmt: skip
    """A line of the trail of bindings."""
    conn.execute(
        insert(TRAIL),
        {
            "community_id": community_id, "what": what, "conversation_id": conversation_id, "resident_id": resident_id,
            "household_id": household_id, "by_staff": by_staff, "by_resident": by_resident, "note": note, "at": now,
        },
    )  # fmt: skip


def disclose(
    conn: Connection, community_id: int, what: str, now: datetime, *, household_ids: Sequence[int | None],
    conversation_id: int | None = None, staff_id: int | None = None,
) -> None:  # fmt: skip
    """A line of the disclosure log for each household whose data was shown, to the conversation or to the colleague."""
    rows = [
        {
            "community_id": community_id, "household_id": household_id, "conversation_id": conversation_id,
            "staff_id": staff_id, "what": what, "at": now,
        }
        for household_id in dict.fromkeys(household_ids)
    ]  # fmt: skip
    if rows:
        conn.execute(insert(DISCLOSURE), rows)


_DISCLOSED = (
    select(DISCLOSURE, ROOM.c.id.label("room_id"), ROOM.c.label, STAFF.c.name.label("staff"), STAFF.c.role, CONVERSATION.c.channel)
    .select_from(
        DISCLOSURE.outerjoin(
            HOUSEHOLD,
            and_(HOUSEHOLD.c.community_id == DISCLOSURE.c.community_id, HOUSEHOLD.c.id == DISCLOSURE.c.household_id),
        )
        .outerjoin(ROOM, and_(ROOM.c.community_id == HOUSEHOLD.c.community_id, ROOM.c.id == HOUSEHOLD.c.room_id))
        .outerjoin(
            STAFF, and_(STAFF.c.community_id == DISCLOSURE.c.community_id, STAFF.c.id == DISCLOSURE.c.staff_id)
        )
        .outerjoin(
            CONVERSATION,
            and_(
                CONVERSATION.c.community_id == DISCLOSURE.c.community_id, CONVERSATION.c.id == DISCLOSURE.c.conversation_id
            ),
        )
    )
    .where(
        DISCLOSURE.c.community_id == bindparam("community_id"),
        DISCLOSURE.c.at >= bindparam("since"),
        DISCLOSURE.c.at < bindparam("until"),
    )
    .order_by(DISCLOSURE.c.id.desc())
    .limit(bindparam("most"))
    .offset(bindparam("skip"))
)
_ROOM_OF_HOUSEHOLD = (
    select(*_ROOM_COLUMNS)
    .join_from(HOUSEHOLD, ROOM, and_(ROOM.c.community_id == HOUSEHOLD.c.community_id, ROOM.c.id == HOUSEHOLD.c.room_id))
    .where(HOUSEHOLD.c.community_id == bindparam("community_id"), HOUSEHOLD.c.id == bindparam("household_id"))
)
_STAFF_PLACES = (
    select(
        CONVERSATION.c.id, CONVERSATION.c.staff_id, CONVERSATION.c.channel, CONVERSATION.c.account, CONVERSATION.c.address
    )
    .where(
        CONVERSATION.c.community_id == bindparam("community_id"),
        CONVERSATION.c.staff_id.in_(bindparam("staff_ids", expanding=True)),
    )
    .order_by(CONVERSATION.c.id)
)


def disclosures(conn: Connection, community_id: int, since: datetime, until: datetime, most: int = 500, skip: int = 0) -> Sequence[Any]:
    """The disclosure log between two instants, the latest first."""
    values = {"community_id": community_id, "since": since, "until": until, "most": most, "skip": skip}
    return conn.execute(_DISCLOSED, values).all()


def room_of_household(conn: Connection, community_id: int, household_id: int) -> RoomRef | None:
    row = conn.execute(_ROOM_OF_HOUSEHOLD, {"community_id": community_id, "household_id": household_id}).one_or_none()
    return None if row is None else room_of(row)


def places_of_staff(conn: Connection, community_id: int, staff_ids: Sequence[int]) -> Mapping[int, Sequence[Any]]:
    """The conversations bound to each of these colleagues, at most 5 each."""
    found: dict[int, list[Any]] = defaultdict(list)
    for row in conn.execute(_STAFF_PLACES, {"community_id": community_id, "staff_ids": list(staff_ids)}):
        if len(found[row.staff_id]) < MOST_CHATS:
            found[row.staff_id].append(row)
    return found


def count_of(conn: Connection, community_id: int, conversation_id: int, name: str) -> int:
    """How many rows of a table with a conversation belong to this one."""
    rows = table(name)
    counted = select(func.count()).where(rows.c.community_id == community_id, rows.c.conversation_id == conversation_id)
    return int(conn.execute(counted).scalar_one())
