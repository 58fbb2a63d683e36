"""What was heard, and the conversation it belongs to: accept, claim, load, gather, finish.

Everything here runs inside a transaction of the caller and reads no clock. `accept` is the only thing that happens before
a platform is acknowledged. Only the three use cases of `turns` call the rest.

A conversation is processed by one worker at a time: a claim puts a token and a lease on its row. While it is claimed its
`ready_at` is the end of the lease, so a conversation whose worker died becomes ready by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import Enum
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, and_, bindparam, case, exists, func, or_, select, text, update

from bot import casebook, identity, photos, privacy
from bot.casebook import Asker
from bot.channels import Inbound, tapped
from bot.core.resolve import answer
from bot.core.types import (
    Community,
    Need,
    NeedHeld,
    NeedInvite,
    NeedMembers,
    NeedRecent,
    NeedRooms,
    NeedRoster,
    NeedTicket,
    RoomRef,
    Speaker,
)
from bot.database import both, crash_point, insert_into
from bot.outbox import Address
from bot.tables import table

CONVERSATION = table("conversation")
INBOX = table("inbox")
OUTBOX = table("outbox")
COMMUNITY = table("community")
RESIDENT = table("resident")
ROOM = table("room")
LEASE = table("lease")

MAX_ATTEMPTS = 3
BURST_LIMIT = 20
ROOM_LIMIT = 6


class ClaimLost(Exception):
    """The lease ended and another worker has the conversation; nothing was written."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a delivery. A duplicate is answered like the first one and changed nothing."""

    inbox_id: int
    conversation_id: int
    duplicate: bool
    muted: bool = False


@dataclass(frozen=True, slots=True)
class Flood:
    """How many messages within `window` are heard from one speaker; and on one account, before its busiest speakers wait."""

    window: timedelta
    per_speaker: int
    per_account: int


class _Standing(Enum):
    FREE, WAITS, MUTED = range(3)


@dataclass(frozen=True, slots=True)
class Received:
    """A claimed inbox row."""

    id: int
    message: Inbound
    received_at: datetime
    attempts: int
    parse: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Claim:
    """One burst of one conversation, held by `token` until `lease_until` (machine clock).

    `exhausted`: its only row has failed three times and is to be parked.
    """

    token: str
    lease_until: datetime
    community_id: int
    conversation_id: int
    resident_id: int | None
    state: Mapping[str, Any]
    rows: tuple[Received, ...]
    exhausted: bool = False


@dataclass(frozen=True, slots=True)
class Talk:
    """A locked conversation row."""

    id: int
    address: Address
    resident_id: int | None
    resident_name: str
    resident_phone: str
    staff_id: int | None
    state: Mapping[str, Any]
    claimed_by: str | None


# ── Accept ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_PLACE = ("community_id", "channel", "account", "address")
# Locked, so that messages of one conversation get their ids in the order in which they are committed.
_FIND = (
    select(CONVERSATION.c.id)
    .where(*(CONVERSATION.c[name] == bindparam(name) for name in _PLACE))
    .with_for_update()
)
_CREATE = both(
    lambda d: (
        insert_into(d, CONVERSATION)
        .values(**{name: bindparam(name) for name in _PLACE}, state={}, state_version=0)
        .on_conflict_do_nothing()
    )
)
_PUT = both(
    lambda d: (
        insert_into(d, INBOX)
        .values(
            **{
                name: bindparam(name)
                for name in (
                    "community_id",
                    "channel",
                    "account",
                    "external_id",
                    "conversation_id",
                    "payload",
                    "received_at",
                )
            },
            status=bindparam("status"),
            attempts=0,
            model="",
            error="",
        )
        .on_conflict_do_nothing()
        .returning(INBOX.c.id)
    )
)
_SEEN = select(INBOX.c.id, INBOX.c.conversation_id).where(
    INBOX.c.community_id == bindparam("community_id"),
    INBOX.c.channel == bindparam("channel"),
    INBOX.c.account == bindparam("account"),
    INBOX.c.external_id == bindparam("external_id"),
)
_READY = (
    update(CONVERSATION)
    .where(CONVERSATION.c.community_id == bindparam("of_community"), CONVERSATION.c.id == bindparam("of_id"))
    .values(
        ready_at=case(
            (
                or_(CONVERSATION.c.ready_at.is_(None), CONVERSATION.c.ready_at > bindparam("ready")),
                bindparam("ready", type_=CONVERSATION.c.ready_at.type),
            ),
            else_=CONVERSATION.c.ready_at,
        )
    )
)


def talk_at(conn: Connection, place: Mapping[str, Any]) -> int:
    """The conversation at this place (community_id, channel, account, address), made if need be, and locked."""
    found = conn.scalar(_FIND, place)
    if found is None:
        conn.execute(_CREATE[conn.dialect.name], place)
        found = conn.execute(_FIND, place).scalar_one()
    return int(found)


_OF_SPEAKER = select(func.count()).where(
    INBOX.c.community_id == bindparam("community_id"),
    INBOX.c.conversation_id == bindparam("conversation_id"),
    INBOX.c.received_at > bindparam("since"),
)
_OF_ACCOUNT = select(func.count(), func.count(INBOX.c.conversation_id.distinct())).where(
    INBOX.c.community_id == bindparam("community_id"),
    INBOX.c.channel == bindparam("channel"),
    INBOX.c.account == bindparam("account"),
    INBOX.c.received_at > bindparam("since"),
)


def _standing(conn: Connection, seen: Mapping[str, Any], conversation_id: int, now: datetime, flood: Flood) -> _Standing:
    """Whether this speaker has said too much lately to be heard at once, or more than a fair share of a flooded account."""
    since = {"since": now - flood.window}
    own = int(conn.execute(_OF_SPEAKER, {**since, "community_id": seen["community_id"], "conversation_id": conversation_id}).scalar_one())
    if own >= flood.per_speaker:
        return _Standing.MUTED
    if own < 2:
        return _Standing.FREE  # whoever has hardly spoken never waits for those who do
    account = {name: seen[name] for name in ("community_id", "channel", "account")}
    everybody, speakers = conn.execute(_OF_ACCOUNT, {**since, **account}).one()
    return _Standing.WAITS if everybody >= flood.per_account and own * speakers > everybody else _Standing.FREE


def accept(
    conn: Connection,
    community_id: int,
    message: Inbound,
    *,
    now: datetime,
    machine_now: datetime,
    burst: timedelta,
    at_once: bool = False,
    fetches: bool = False,
    flood: Flood | None = None,
) -> Accepted:
    """Keep a delivery; once this commits it counts as received and the platform may be acknowledged.

    Args:
        burst: how long to wait for more of the same message; buttons do not wait.
        at_once: a life-safety rule fired: do not wait.
        fetches: the channel can fetch the photos it names; then each gets its due row here.
        flood: how much is heard at once. What comes beyond, and is no emergency, is kept and shown to staff, but not heard
            (status "muted"); an account's flood makes the speakers with the most messages wait, never the others.
    """
    seen = {
        "community_id": community_id,
        "channel": message.channel,
        "account": message.account,
        "external_id": message.external_id,
    }
    place = {**{k: seen[k] for k in _PLACE[:3]}, "address": message.address}
    conversation_id = talk_at(conn, place)
    stands = _standing(conn, seen, conversation_id, now, flood) if flood is not None and not at_once else _Standing.FREE
    inbox_id = conn.scalar(
        _PUT[conn.dialect.name],
        {
            **seen, "conversation_id": conversation_id, "payload": message.to_json(), "received_at": now,
            "status": "muted" if stands is _Standing.MUTED else "new",
        },
    )  # fmt: skip
    if inbox_id is None:
        first = conn.execute(_SEEN, seen).one()
        return Accepted(first.id, first.conversation_id, duplicate=True)
    if stands is _Standing.MUTED:
        return Accepted(inbox_id, conversation_id, duplicate=False, muted=True)
    for item in message.media:
        if item.kind == "photo" and (fetches or item.path):
            photos.register(conn, community_id, conversation_id, message.channel, message.account, item, now)
    crash_point("accept.inbox")
    wait = timedelta(0) if at_once or message.button is not None or message.tap else burst
    if flood is not None and stands is _Standing.WAITS:
        wait = flood.window
    conn.execute(
        _READY, {"of_community": community_id, "of_id": conversation_id, "ready": machine_now + wait}
    )
    crash_point("accept.ready")
    return Accepted(inbox_id, conversation_id, duplicate=False)


# ── Claim ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_NEXT = (
    select(CONVERSATION.c.id)
    .where(
        text("conversation.ready_at IS NOT NULL"),
        CONVERSATION.c.ready_at <= bindparam("machine_now"),
        or_(CONVERSATION.c.claimed_until.is_(None), CONVERSATION.c.claimed_until <= bindparam("machine_now")),
    )
    .order_by(CONVERSATION.c.ready_at, CONVERSATION.c.id)
    .limit(1)
    .with_for_update(skip_locked=True)
)
_CLAIM = (
    update(CONVERSATION)
    .where(CONVERSATION.c.id == _NEXT.scalar_subquery())
    .values(
        claimed_by=bindparam("token"),
        claimed_until=bindparam("lease_until"),
        ready_at=bindparam("lease_until"),
    )
    .returning(
        CONVERSATION.c.id,
        CONVERSATION.c.community_id,
        CONVERSATION.c.resident_id,
        CONVERSATION.c.staff_id,
        CONVERSATION.c.state,
    )
)
_NEW_ROWS = (
    select(
        INBOX.c.id,
        INBOX.c.channel,
        INBOX.c.account,
        INBOX.c.external_id,
        INBOX.c.payload,
        INBOX.c.received_at,
        INBOX.c.attempts,
        INBOX.c.parse,
    )
    .where(
        INBOX.c.community_id == bindparam("community_id"),
        INBOX.c.conversation_id == bindparam("conversation_id"),
        text("inbox.status = 'new'"),
    )
    .order_by(INBOX.c.id)
    .limit(BURST_LIMIT)
)
_TRIED = (
    update(INBOX)
    .where(INBOX.c.community_id == bindparam("of_community"), INBOX.c.id.in_(bindparam("ids", expanding=True)))
    .values(attempts=INBOX.c.attempts + 1)
)
_MORE = exists(
    select(INBOX.c.id).where(
        INBOX.c.community_id == CONVERSATION.c.community_id,
        INBOX.c.conversation_id == CONVERSATION.c.id,
        text("inbox.status = 'new'"),
    )
)
_MINE = and_(
    CONVERSATION.c.community_id == bindparam("of_community"),
    CONVERSATION.c.id == bindparam("of_id"),
    CONVERSATION.c.claimed_by == bindparam("token"),
)
# Left over: what came after a button, or while the turn ran; the latter has set its own ready_at, before the lease's end.
_FREE = {
    "claimed_by": None,
    "claimed_until": None,
    "ready_at": case(
        (~_MORE, None),
        (CONVERSATION.c.ready_at < bindparam("lease_end"), CONVERSATION.c.ready_at),
        else_=bindparam("machine_now", type_=CONVERSATION.c.ready_at.type),
    ),
}
_FINISH = (
    update(CONVERSATION)
    .where(_MINE)
    .values(state=bindparam("new_state"), state_version=CONVERSATION.c.state_version + 1, **_FREE)
)
_FREE_ONLY = update(CONVERSATION).where(_MINE).values(**_FREE)
_RELEASE = (
    update(CONVERSATION)
    .where(_MINE)
    .values(claimed_by=None, claimed_until=None, ready_at=bindparam("again_at"))
)
_SAVE_STATE = (
    update(CONVERSATION)
    .where(CONVERSATION.c.community_id == bindparam("of_community"), CONVERSATION.c.id == bindparam("of_id"))
    .values(state=bindparam("new_state"), state_version=CONVERSATION.c.state_version + 1)
)
_DONE = (
    update(INBOX)
    .where(INBOX.c.community_id == bindparam("of_community"), INBOX.c.id == bindparam("of_id"))
    .values(status=bindparam("new_status"), parse=bindparam("new_parse"), model=bindparam("new_model"))
)
_ERROR = (
    update(INBOX)
    .where(INBOX.c.community_id == bindparam("of_community"), INBOX.c.id.in_(bindparam("ids", expanding=True)))
    .values(error=bindparam("why"))
)


def _burst(rows: tuple[Received, ...]) -> tuple[Received, ...]:
    """Which rows are heard as one. A button answers for itself; after a failure each row is tried alone, so that one
    poisonous message parks itself and not its neighbours."""
    if rows[0].attempts > 0 or rows[0].message.button is not None:
        return rows[:1]
    stop = next((i for i, r in enumerate(rows) if r.message.button is not None or r.attempts > 0), len(rows))
    return rows[:stop]


_TAPPED = select(OUTBOX.c.buttons).where(
    OUTBOX.c.community_id == bindparam("community_id"),
    OUTBOX.c.conversation_id == bindparam("conversation_id"),
    OUTBOX.c.id == bindparam("id"),
)
#: What a tap means that no button of this conversation ever had.
_STALE = "stale"


_SHOWN_LAST = (
    select(OUTBOX.c.buttons)
    .where(
        OUTBOX.c.community_id == bindparam("community_id"),
        OUTBOX.c.conversation_id == bindparam("conversation_id"),
        OUTBOX.c.status.in_(("sent", "sent_unconfirmed")),
    )
    .order_by(OUTBOX.c.id.desc())
    .limit(5)
)


def _meant(conn: Connection, place: Mapping[str, Any], message: Inbound, of_staff: bool) -> Inbound:
    """The message with its short token (`channels.token_of`) replaced by what the button sends back. A token of another
    conversation means nothing here.

    A colleague's bare number picks from the last message that had choices: notices come without the dialogue having asked.
    """
    if of_staff and not message.tap and (number := answer.menu_number(message.text)) is not None:
        buttons = next((b for (b,) in conn.execute(_SHOWN_LAST, place) if b), ())
        picked = next((value for index, (_, value) in enumerate(buttons, 1) if index == number), None)
        return replace(message, button=picked) if picked is not None else message
    if not message.tap:
        return message
    value = _STALE
    if named := tapped(message.tap):
        row, position = named
        buttons = conn.scalar(_TAPPED, {**place, "id": row}) or ()
        value = next((value for index, (_, value) in enumerate(buttons) if index == position), _STALE)
    return replace(message, button=value)


def claim_conversation(conn: Connection, token: str, machine_now: datetime, lease: timedelta) -> Claim | None:
    """The conversation that has waited longest, with its oldest burst; None when nobody waits.

    The attempt is counted here, before any work: a message that kills its worker is counted too.
    """
    lease_until = machine_now + lease
    found = conn.execute(
        _CLAIM, {"token": token, "machine_now": machine_now, "lease_until": lease_until}
    ).one_or_none()
    if found is None:
        return None
    crash_point("claim.marked")
    raw = conn.execute(_NEW_ROWS, {"community_id": found.community_id, "conversation_id": found.id}).all()
    place = {"community_id": found.community_id, "conversation_id": found.id}
    of_staff = found.staff_id is not None
    rows = tuple(
        Received(
            r.id,
            _meant(conn, place, Inbound.from_json(r.channel, r.account, r.external_id, r.payload), of_staff),
            r.received_at,
            r.attempts,
            r.parse,
        )
        for r in raw
    )
    claimed = Claim(token, lease_until, found.community_id, found.id, found.resident_id, found.state, ())
    if not rows:
        free(conn, claimed, machine_now)
        return claimed
    burst = _burst(rows)
    conn.execute(_TRIED, {"of_community": found.community_id, "ids": [r.id for r in burst]})
    exhausted = burst[0].attempts >= MAX_ATTEMPTS
    return Claim(
        token, lease_until, found.community_id, found.id, found.resident_id, found.state, burst, exhausted
    )


def _held(claim: Claim) -> dict[str, Any]:
    return {
        "of_community": claim.community_id,
        "of_id": claim.conversation_id,
        "token": claim.token,
    }


def free(conn: Connection, claim: Claim, machine_now: datetime) -> None:
    """End a claim that had nothing to process."""
    conn.execute(_FREE_ONLY, {**_held(claim), "lease_end": claim.lease_until, "machine_now": machine_now})


def release(conn: Connection, claim: Claim, again_at: datetime, why: str) -> None:
    """Give the conversation back after a failure: ready again at this machine instant."""
    conn.execute(_RELEASE, {**_held(claim), "again_at": again_at})
    conn.execute(
        _ERROR, {"of_community": claim.community_id, "ids": [r.id for r in claim.rows], "why": why[:2000]}
    )


def finish(
    conn: Connection,
    claim: Claim,
    state: Mapping[str, Any],
    machine_now: datetime,
    *,
    status: str = "done",
    parses: Mapping[int, tuple[Mapping[str, Any] | None, str]] | None = None,
) -> None:
    """Save the state, mark the burst's rows and end the claim. Raises ClaimLost when somebody else holds it."""
    parses = parses or {}
    conn.execute(
        _DONE,
        [
            {
                "of_community": claim.community_id,
                "of_id": r.id,
                "new_status": status,
                "new_parse": parses.get(r.id, (None, ""))[0],
                "new_model": parses.get(r.id, (None, ""))[1],
            }
            for r in claim.rows
        ],
    )
    crash_point("turn.inbox")
    done = conn.execute(
        _FINISH,
        {
            **_held(claim),
            "new_state": dict(state),
            "lease_end": claim.lease_until,
            "machine_now": machine_now,
        },
    )
    if done.rowcount != 1:
        raise ClaimLost(f"conversation {claim.conversation_id} is no longer held by {claim.token}")


def save_state(conn: Connection, community_id: int, conversation_id: int, state: Mapping[str, Any]) -> None:
    """The state after a turn that no message started; a claim of the conversation stays as it is."""
    conn.execute(
        _SAVE_STATE, {"of_community": community_id, "of_id": conversation_id, "new_state": dict(state)}
    )


def silence(conn: Connection, community_id: int, conversation_id: int) -> None:
    """What waits to be heard in this conversation is not heard any more; a worker that is at it loses its claim."""
    conn.execute(
        update(INBOX)
        .where(
            INBOX.c.community_id == community_id, INBOX.c.conversation_id == conversation_id, text("inbox.status = 'new'")
        )
        .values(status="done")
    )  # fmt: skip
    conn.execute(
        update(CONVERSATION)
        .where(CONVERSATION.c.community_id == community_id, CONVERSATION.c.id == conversation_id)
        .values(claimed_by=None, claimed_until=None, ready_at=None)
    )


# ── Load and gather ─────────────────────────────────────────────────────────────────────────────────────────────────

_TALK_UNLOCKED = (
    select(
        CONVERSATION,
        func.coalesce(RESIDENT.c.name, "").label("resident_name"),
        func.coalesce(RESIDENT.c.phone, "").label("resident_phone"),
    )
    .select_from(
        CONVERSATION.outerjoin(
            RESIDENT,
            and_(
                RESIDENT.c.community_id == CONVERSATION.c.community_id,
                RESIDENT.c.id == CONVERSATION.c.resident_id,
            ),
        )
    )
    .where(CONVERSATION.c.community_id == bindparam("community_id"), CONVERSATION.c.id == bindparam("id"))
)
_TALK = _TALK_UNLOCKED.with_for_update(of=CONVERSATION)
_RESIDENT_OF = select(CONVERSATION.c.resident_id).where(
    CONVERSATION.c.community_id == bindparam("community_id"), CONVERSATION.c.id == bindparam("id")
)
_COMMUNITY = select(COMMUNITY).where(COMMUNITY.c.id == bindparam("community_id"))
@cache
def _rooms(parts: tuple[str, ...]) -> Any:
    """Register rows that fit the parts that were said."""
    return (
        select(ROOM.c.id, ROOM.c.label, ROOM.c.building_code, ROOM.c.unit_code, ROOM.c.room_code)
        .where(ROOM.c.community_id == bindparam("community_id"), *(ROOM.c[p] == bindparam(p) for p in parts))
        .order_by(ROOM.c.id)
        .limit(ROOM_LIMIT)
    )


@cache
def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)


def community(conn: Connection, community_id: int) -> Community:
    """The community. Raises NoResultFound when there is none."""
    r = conn.execute(_COMMUNITY, {"community_id": community_id}).one()
    return Community(r.id, r.code, r.name, r.name_en, _zone(r.zone), r.duty_phone)


def resident_of(conn: Connection, community_id: int, conversation_id: int) -> int | None:
    """Who speaks there, read without a lock: enough to know which tickets to lock before the conversation."""
    return conn.scalar(_RESIDENT_OF, {"community_id": community_id, "id": conversation_id})


def holds_talk(conn: Connection, community_id: int, conversation_id: int) -> bool:
    """Whether this community has that conversation."""
    found = {"community_id": community_id, "id": conversation_id}
    return conn.execute(_RESIDENT_OF, found).one_or_none() is not None


def lock_talk(conn: Connection, community_id: int, conversation_id: int) -> Talk:
    """Lock the conversation. Tickets that the turn decides on must be locked already."""
    return _talk(conn.execute(_TALK, {"community_id": community_id, "id": conversation_id}).one())


def talk_of(conn: Connection, community_id: int, conversation_id: int) -> Talk:
    """The conversation of a colleague, without a lock: nothing of its state is decided on, so no order of locks is at stake."""
    r = conn.execute(_TALK_UNLOCKED, {"community_id": community_id, "id": conversation_id}).one()
    return _talk(r)


def _talk(r: Any) -> Talk:
    return Talk(
        r.id,
        Address(r.channel, r.account, r.address, conversation_id=r.id),
        r.resident_id,
        r.resident_name,
        r.resident_phone,
        r.staff_id,
        r.state,
        r.claimed_by,
    )


def _room(r: Any) -> RoomRef:
    return RoomRef(r.label, r.building_code, r.unit_code, r.room_code, r.id, verified=True)


def speaker(conn: Connection, community_id: int, talk: Talk, today: date) -> Speaker:
    """Who speaks: a colleague, or a resident with the households they belong to on this local date (at most 10)."""
    if talk.staff_id is not None:
        return Speaker(colleague=identity.colleague(conn, community_id, talk.staff_id))
    if talk.resident_id is None:
        return Speaker()
    bindings = identity.bindings(conn, community_id, talk.resident_id, today)
    return Speaker(talk.resident_id, talk.resident_name, talk.resident_phone, bindings)


def rooms(conn: Connection, community_id: int, need: NeedRooms) -> tuple[RoomRef, ...]:
    """Rooms of the register that fit the parts that were said, at most 6."""
    said = {"building_code": need.building, "unit_code": need.unit, "room_code": need.room}
    parts = {name: value for name, value in said.items() if value is not None}
    rows = conn.execute(_rooms(tuple(parts)), {"community_id": community_id, **parts}).all()
    return tuple(_room(r) for r in rows)


def gather(conn: Connection, asker: Asker, needs: Iterable[Need], now: datetime) -> dict[Need, Any]:
    """Answer what `step` needs; each answer is bounded in rows. `now` is the desk clock."""
    community_id, conversation_id = asker.community_id, asker.conversation_id or 0
    found: dict[Need, Any] = {}
    for need in needs:
        match need:
            case NeedRooms():
                found[need] = rooms(conn, community_id, need)
            case NeedTicket(number):
                owned = casebook.own_by_number(conn, asker, number)
                found[need] = None if owned is None else owned.view
            case NeedRecent():
                found[need] = tuple(c.view for c in casebook.recent(conn, asker))
            case NeedInvite():
                found[need] = identity.invitation(conn, community_id, conversation_id, need, now, asker.today)
            case NeedRoster():
                found[need] = identity.roster(conn, community_id, conversation_id, need, asker.today)
            case NeedMembers(household_id):
                found[need] = identity.members(conn, community_id, household_id, asker.today)
            case NeedHeld():
                found[need] = privacy.held(conn, community_id, conversation_id)
    return found


_HEARD = select(INBOX.c.id).where(
    INBOX.c.community_id == bindparam("community_id"), INBOX.c.id == bindparam("id"), INBOX.c.status != "new"
)


def is_heard(conn: Connection, community_id: int, inbox_id: int) -> bool:
    """Whether the turn of this message is over: answered, parked or put aside."""
    return conn.execute(_HEARD, {"community_id": community_id, "id": inbox_id}).first() is not None


# ── Leases ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _lease(dialect: str) -> Any:
    statement = insert_into(dialect, LEASE).values(
        name=bindparam("name"), holder=bindparam("holder"), until=bindparam("until")
    )
    return statement.on_conflict_do_update(
        index_elements=["name"],
        set_={"holder": statement.excluded.holder, "until": statement.excluded.until},
        where=or_(LEASE.c.holder == statement.excluded.holder, LEASE.c.until <= bindparam("machine_now")),
    ).returning(LEASE.c.name)


_LEASE = both(_lease)
_LET_GO = LEASE.delete().where(LEASE.c.name == bindparam("name"), LEASE.c.holder == bindparam("holder"))


def hold_lease(conn: Connection, name: str, holder: str, machine_now: datetime, duration: timedelta) -> bool:
    """Take, renew or take over (when its holder's time has ended) a lease. False: somebody else holds it."""
    row = conn.execute(
        _LEASE[conn.dialect.name],
        {"name": name, "holder": holder, "until": machine_now + duration, "machine_now": machine_now},
    ).one_or_none()
    return row is not None


def let_go(conn: Connection, name: str, holder: str) -> None:
    """Give a lease back."""
    conn.execute(_LET_GO, {"name": name, "holder": holder})
