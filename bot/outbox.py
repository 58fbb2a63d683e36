"""Outgoing messages: put, claimed in order of importance, settled. Delivery is at least once.

Rules
1. A row is claimed, the transaction ends, the channel sends, a second transaction settles. No transaction is open while a
   platform is waited for.
2. Of one lane (a conversation, or a member of staff) a row waits for every earlier unsent row of equal or higher
   importance. So ordinary messages keep their order, and an emergency overtakes them.
3. A claim has a lease. When it ends unsettled the row is tried again: the platform may then get it twice, never not.
4. Past its `not_after` (desk clock) a row ends `expired`; out of tries or refused it ends `failed`. Both become a phone task
   for staff, and neither holds up another lane or, once ended, its own.
5. A row the platform had taken, and of which it says later that it did not deliver it, ends `failed` too (`undelivered`).
6. A row that may have arrived, with a platform that cannot be asked, ends `sent_unconfirmed`. Where somebody waits for what
   it said it becomes a phone task too (`owes_call`); a tap on one of its buttons shows that it arrived, and takes the task back.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    Connection,
    and_,
    bindparam,
    insert,
    literal_column,
    or_,
    select,
    text,
    union_all,
    update,
)

from bot import casebook
from bot.channels import in_both
from bot.core.types import RANK, Button, Say
from bot.tables import table

OUTBOX, PHONE, CONVERSATION = table("outbox"), table("phone_task"), table("conversation")
MAX_ATTEMPTS = 8
#: How a response of domain.yml that asks for something is called: the desk waits for what it asked.
_ASKS = "utter_ask_"
#: Begins the reason of a phone task about what may have arrived.
_UNCONFIRMED = "unconfirmed"
_NOBODY_WROTE = in_both(
    "公众号只能回复来信，住户没有再来信。请打电话告知。", "The account can only reply, and the resident has not written. Telephone."
)
_NOT_RUN = in_both("没有运行中的服务连接这个渠道。请联系维护人员。", "No running desk has this channel. Tell whoever maintains it.")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a message goes, and the lane whose order it keeps: a conversation's, a colleague's, or a group's, which is neither."""

    channel: str
    account: str
    address: str
    conversation_id: int | None = None
    staff_id: int | None = None

    @property
    def lane(self) -> str:
        if self.staff_id is not None:
            return f"s{self.staff_id}"
        return f"c{self.conversation_id}" if self.conversation_id is not None else f"g{self.channel}:{self.account}"


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A claimed outbox row."""

    id: int
    community_id: int
    channel: str
    account: str
    address: str
    text: str
    buttons: tuple[Button, ...]
    photos: tuple[str, ...]
    key: str
    author: str
    rank: int
    attempts: int
    conversation_id: int | None
    staff_id: int | None
    ticket_id: int | None
    token: str


_EARLIER = OUTBOX.alias("earlier")
_WAITING = text("outbox.status IN ('ready', 'retry')")
_BLOCKED = (
    select(literal_column("1"))
    .where(
        _EARLIER.c.community_id == OUTBOX.c.community_id,
        _EARLIER.c.lane == OUTBOX.c.lane,
        _EARLIER.c.id < OUTBOX.c.id,
        _EARLIER.c.rank <= OUTBOX.c.rank,
        text("earlier.status IN ('ready', 'retry', 'claimed')"),
    )
    .correlate(OUTBOX)
    .exists()
)


#: Rows of conversations a passive reply is about to take, and of accounts that speak in one alone, are left alone.
_LEFT_ALONE = (
    or_(OUTBOX.c.conversation_id.is_(None), OUTBOX.c.conversation_id.not_in(bindparam("besides", expanding=True))),
    (OUTBOX.c.channel + ":" + OUTBOX.c.account).not_in(bindparam("quiet", expanding=True)),
)


def _of_rank(rank: int, *more: Any) -> Any:
    # One bounded range of the index per importance: 100,000 notices waiting do not slow an emergency.
    inner = (
        select(OUTBOX.c.id, OUTBOX.c.rank, OUTBOX.c.next_at)
        .where(
            _WAITING,
            OUTBOX.c.rank == literal_column(str(rank)),
            OUTBOX.c.next_at <= bindparam("machine_now"),
            OUTBOX.c.channel.in_(bindparam("channels", expanding=True)),
            ~_BLOCKED,
            *more,
        )
        .order_by(OUTBOX.c.next_at, OUTBOX.c.id)
        .limit(bindparam("batch"))
        .subquery()
    )
    return select(inner.c.id, inner.c.rank, inner.c.next_at)


def _claimable(*more: Any) -> Any:
    candidates = union_all(*(_of_rank(r, *more) for r in sorted(RANK.values()))).subquery("candidate")
    first = (
        select(candidates.c.id)
        .order_by(candidates.c.rank, candidates.c.next_at, candidates.c.id)
        .limit(bindparam("batch"))
    )
    # The outer query repeats the status: PostgreSQL re-reads it after a lock another sender held.
    return (
        select(*_OUTGOING)
        .where(OUTBOX.c.id.in_(first), _WAITING)
        .order_by(OUTBOX.c.rank, OUTBOX.c.next_at, OUTBOX.c.id)
        .with_for_update(skip_locked=True, of=OUTBOX)
    )


_OUTGOING = tuple(
    OUTBOX.c[name]
    for name in (
        "id", "community_id", "channel", "account", "address", "text", "buttons", "photos", "key", "author", "rank", "attempts",
        "conversation_id", "staff_id", "ticket_id",
    )
)  # fmt: skip
_CLAIMABLE = _claimable()
_CLAIMABLE_BESIDES = _claimable(*_LEFT_ALONE)
_OF_TALK = (
    select(*_OUTGOING)
    .where(
        OUTBOX.c.community_id == bindparam("community_id"),
        OUTBOX.c.conversation_id == bindparam("conversation_id"),
        _WAITING,
    )
    .order_by(OUTBOX.c.rank, OUTBOX.c.id)
    .limit(50)
    .with_for_update(skip_locked=True, of=OUTBOX)
)
_SAID_AGAIN = select(*_OUTGOING).where(
    OUTBOX.c.community_id == bindparam("community_id"),
    OUTBOX.c.conversation_id == bindparam("conversation_id"),
    OUTBOX.c.status == "sent_unconfirmed",
    OUTBOX.c.external_id == bindparam("reply"),
).order_by(OUTBOX.c.id).limit(50)
_UNREACHED = (
    update(OUTBOX)
    .where(
        _WAITING,
        (OUTBOX.c.channel + ":" + OUTBOX.c.account).in_(bindparam("quiet", expanding=True)),
        or_(
            and_(OUTBOX.c.rank <= RANK["urgent"], OUTBOX.c.next_at <= bindparam("urgent_since")),
            OUTBOX.c.next_at <= bindparam("since"),
        ),
    )
    .values(status="failed", error=_NOBODY_WROTE)
    .returning(
        OUTBOX.c.id, OUTBOX.c.community_id, OUTBOX.c.conversation_id, OUTBOX.c.ticket_id, OUTBOX.c.text
    )
)
_MARK = (
    update(OUTBOX)
    .where(OUTBOX.c.community_id == bindparam("of_community"), OUTBOX.c.id == bindparam("of_id"))
    .values(
        status="claimed",
        attempts=OUTBOX.c.attempts + 1,
        claimed_by=bindparam("token"),
        claimed_until=bindparam("lease_until"),
    )
)
_EXPIRE = (
    update(OUTBOX)
    .where(_WAITING, OUTBOX.c.not_after.is_not(None), OUTBOX.c.not_after < bindparam("desk_now"))
    .values(status="expired", error="not sent in time")
    .returning(
        OUTBOX.c.id, OUTBOX.c.community_id, OUTBOX.c.conversation_id, OUTBOX.c.ticket_id, OUTBOX.c.text
    )
)
_STRAND = (
    update(OUTBOX)
    .where(
        _WAITING,
        OUTBOX.c.next_at <= bindparam("since"),
        OUTBOX.c.channel.not_in(bindparam("channels", expanding=True)),
    )
    .values(status="failed", error=_NOT_RUN)
    .returning(
        OUTBOX.c.id, OUTBOX.c.community_id, OUTBOX.c.conversation_id, OUTBOX.c.ticket_id, OUTBOX.c.text
    )
)
_SUPERSEDE = (
    update(OUTBOX)
    .where(
        OUTBOX.c.community_id == bindparam("of_community"),
        OUTBOX.c.lane == bindparam("of_lane"),
        OUTBOX.c.key == bindparam("of_key"),
        text("outbox.status IN ('ready', 'retry')"),
    )
    .values(status="superseded")
)
_SETTLE = (
    update(OUTBOX)
    .where(
        OUTBOX.c.community_id == bindparam("of_community"),
        OUTBOX.c.id == bindparam("of_id"),
        OUTBOX.c.status == "claimed",
        OUTBOX.c.claimed_by == bindparam("token"),
    )
    .values(
        status=bindparam("new_status"),
        external_id=bindparam("new_external"),
        error=bindparam("why"),
        next_at=bindparam("again_at"),
        claimed_by=None,
        claimed_until=None,
    )
    .returning(OUTBOX.c.id)
)
_SWEEP = (
    update(OUTBOX)
    .where(text("outbox.status = 'claimed'"), OUTBOX.c.claimed_until <= bindparam("machine_now"))
    .values(
        status="retry",
        next_at=bindparam("machine_now"),
        claimed_by=None,
        claimed_until=None,
        error="lease ended",
    )
)
_ARRIVED = (
    update(OUTBOX)
    .where(
        OUTBOX.c.community_id == bindparam("of_community"),
        OUTBOX.c.conversation_id == bindparam("of_conversation"),
        OUTBOX.c.id == bindparam("of_id"),
        OUTBOX.c.status == "sent_unconfirmed",
    )
    .values(status="sent")
    .returning(OUTBOX.c.text)
)
#: What went out lately in a conversation, and what is on its way; found by the conversation's index.
_OUT_THERE = (
    select(OUTBOX.c.id, OUTBOX.c.external_id, OUTBOX.c.status)
    .join(CONVERSATION, and_(CONVERSATION.c.community_id == OUTBOX.c.community_id, CONVERSATION.c.id == OUTBOX.c.conversation_id))
    .where(
        CONVERSATION.c.community_id == bindparam("community_id"),
        CONVERSATION.c.channel == bindparam("channel"),
        CONVERSATION.c.account == bindparam("account"),
        CONVERSATION.c.address == bindparam("address"),
        OUTBOX.c.community_id == bindparam("community_id"),
    )
    .order_by(OUTBOX.c.id.desc())
    .limit(200)
)
_UNDELIVERED = (
    update(OUTBOX)
    .where(
        OUTBOX.c.community_id == bindparam("of_community"),
        OUTBOX.c.id == bindparam("of_id"),
        OUTBOX.c.status == "sent",
    )
    .values(status="failed", external_id=bindparam("new_external"), error=bindparam("why"))
    .returning(
        OUTBOX.c.id, OUTBOX.c.community_id, OUTBOX.c.conversation_id, OUTBOX.c.ticket_id, OUTBOX.c.text
    )
)
_NO_CALL = (
    update(PHONE)
    .where(
        PHONE.c.community_id == bindparam("of_community"),
        PHONE.c.conversation_id == bindparam("of_conversation"),
        PHONE.c.text == bindparam("of_text"),
        PHONE.c.status == "open",
        PHONE.c.reason.startswith(_UNCONFIRMED, autoescape=True),
    )
    .values(status="done", outcome="arrived", done_at=bindparam("done"))
)
_INSERT = insert(OUTBOX)
_SAID = (
    select(OUTBOX.c.id)
    .where(
        OUTBOX.c.community_id == bindparam("community_id"),
        OUTBOX.c.conversation_id == bindparam("conversation_id"),
        OUTBOX.c.key == bindparam("key"),
        OUTBOX.c.created_at > bindparam("since"),
    )
    .limit(1)
)


def row(
    community_id: int,
    to: Address,
    say: Say,
    *,
    desk_now: datetime,
    machine_now: datetime,
    ticket_id: int | None = None,
) -> dict[str, Any]:
    """The outbox row of a message."""
    return {
        "community_id": community_id,
        "channel": to.channel,
        "account": to.account,
        "address": to.address,
        "conversation_id": to.conversation_id,
        "staff_id": to.staff_id,
        "ticket_id": ticket_id,
        "lane": to.lane,
        "text": say.text,
        "buttons": [[b.label, b.value] for b in say.buttons],
        "photos": [p.path for p in say.photos if p.path],
        "key": say.key,
        "author": say.author,
        "rank": RANK[say.priority],
        "not_after": say.not_after,
        "supersedes": say.supersedes,
        "next_at": machine_now,
        "created_at": desk_now,
    }


def put(conn: Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write messages, in order. One that supersedes drops the unsent ones of its lane with that key first."""
    batch = [dict(r) for r in rows]
    for item in batch:
        if item["supersedes"]:
            conn.execute(
                _SUPERSEDE,
                {"of_community": item["community_id"], "of_lane": item["lane"], "of_key": item["supersedes"]},
            )
    if batch:
        conn.execute(_INSERT, batch)


def claim(
    conn: Connection,
    token: str,
    machine_now: datetime,
    lease: timedelta,
    channels: Iterable[str],
    batch: int = 20,
    *,
    besides: Sequence[int] = (),
    quiet: Sequence[str] = (),
) -> tuple[Outgoing, ...]:
    """The most important sendable rows, at most one of equal importance per lane, claimed for `lease`.

    Args:
        channels: those this process runs: what another process must send is left to it.
        besides: conversations whose rows a passive reply is about to take.
        quiet: accounts ("channel:account") that speak in a passive reply alone.
    """
    wanted: dict[str, Any] = {"machine_now": machine_now, "batch": batch, "channels": sorted(set(channels))}
    if besides or quiet:
        rows = conn.execute(_CLAIMABLE_BESIDES, {**wanted, "besides": list(besides), "quiet": list(quiet)}).all()
    else:
        rows = conn.execute(_CLAIMABLE, wanted).all()
    return _marked(conn, rows, token, machine_now + lease)


def claim_talk(
    conn: Connection, community_id: int, conversation_id: int, token: str, machine_now: datetime, lease: timedelta
) -> tuple[Outgoing, ...]:
    """Everything that waits to be said in one conversation, in order, claimed: for a passive reply."""
    rows = conn.execute(_OF_TALK, {"community_id": community_id, "conversation_id": conversation_id}).all()
    return _marked(conn, rows, token, machine_now + lease)


def reply_to(inbox_id: int) -> str:
    """The external id of what went out with the response to this delivery: the platform gives it none."""
    return f"reply:{inbox_id}"


def replied(conn: Connection, community_id: int, conversation_id: int, inbox_id: int) -> tuple[Outgoing, ...]:
    """What went out with the response to this delivery, which the platform, by asking again, shows not to have got. What the
    response to another one carried, it has."""
    values = {"community_id": community_id, "conversation_id": conversation_id, "reply": reply_to(inbox_id)}
    return _outgoing(conn.execute(_SAID_AGAIN, values).all(), "")


def _marked(conn: Connection, rows: Sequence[Any], token: str, lease_until: datetime) -> tuple[Outgoing, ...]:
    if rows:
        held = {"token": token, "lease_until": lease_until}
        conn.execute(_MARK, [{**held, "of_community": r.community_id, "of_id": r.id} for r in rows])
    return _outgoing(rows, token)


def _outgoing(rows: Sequence[Any], token: str) -> tuple[Outgoing, ...]:
    return tuple(
        Outgoing(
            r.id,
            r.community_id,
            r.channel,
            r.account,
            r.address,
            r.text,
            tuple(Button(label, value) for label, value in r.buttons),
            tuple(r.photos),
            r.key,
            r.author,
            r.rank,
            r.attempts + 1,
            r.conversation_id,
            r.staff_id,
            r.ticket_id,
            token,
        )
        for r in rows
    )


def expire(conn: Connection, desk_now: datetime) -> int:
    """End the rows whose time has passed; staff get a phone task for each. Returns how many."""
    return _told(conn, conn.execute(_EXPIRE, {"desk_now": desk_now}).all(), "expired", desk_now)


def strand(conn: Connection, channels: Iterable[str], since: datetime, desk_now: datetime) -> int:
    """Fail what has waited since before `since` (machine clock) for a channel this process does not run.

    Another process may run it; one that has not taken the row for so long is not there. Returns how many.
    """
    rows = conn.execute(_STRAND, {"since": since, "channels": sorted(set(channels))}).all()
    return _told(conn, rows, f"failed: {_NOT_RUN}", desk_now)


def unreached(
    conn: Connection, quiet: Sequence[str], urgent_since: datetime, since: datetime, desk_now: datetime
) -> int:
    """What an account that can only reply has not been able to say: by telephone. Urgent news sooner. Returns how many."""
    if not quiet:
        return 0
    values = {"quiet": list(quiet), "urgent_since": urgent_since, "since": since}
    rows = conn.execute(_UNREACHED, values).all()
    return _told(conn, rows, f"failed: {_NOBODY_WROTE}", desk_now)


def _told(conn: Connection, rows: Sequence[Any], reason: str, desk_now: datetime) -> int:
    for r in rows:
        casebook.phone_task(
            conn,
            r.community_id,
            r.text,
            reason,
            desk_now,
            ticket_id=r.ticket_id,
            conversation_id=r.conversation_id,
        )
    return len(rows)


def settle(
    conn: Connection,
    sent: Outgoing,
    status: str,
    *,
    machine_now: datetime,
    desk_now: datetime,
    external_id: str = "",
    error: str = "",
    again_at: datetime | None = None,
) -> bool:
    """End a claim: sent, sent_unconfirmed, retry (with `again_at`, machine clock) or failed.

    False: the lease had ended and somebody else has the row; nothing is changed. A failed row becomes a phone task, and so does
    one that may not have arrived, where somebody waits for it. `error` says why; a passive reply has none, because its platform
    asks again for what it did not get.
    """
    done = conn.execute(
        _SETTLE,
        {
            "of_community": sent.community_id,
            "of_id": sent.id,
            "token": sent.token,
            "new_status": status,
            "new_external": external_id,
            "why": error,
            "again_at": again_at or machine_now,
        },
    ).one_or_none()
    doubtful = status == "sent_unconfirmed" and bool(error) and owes_call(sent)
    if done is not None and (status == "failed" or doubtful):
        casebook.phone_task(
            conn,
            sent.community_id,
            sent.text,
            f"{_UNCONFIRMED if doubtful else 'failed'}: {error}",
            desk_now,
            ticket_id=sent.ticket_id,
            conversation_id=sent.conversation_id,
        )
    return done is not None


def undelivered(
    conn: Connection, community_id: int, channel: str, account: str, address: str, external_id: str, why: str, desk_now: datetime
) -> bool:
    """Fail the message the platform knows by this id: it had taken it, and says that it did not deliver it. Once: the report may
    come again.

    A platform may report by a number it did not tell when it took the message. Then it is the latest of this kind (what stands
    before the colon of the id) that is known by our own number; but not while one is on its way, for it may be that one.

    Returns:
        False: no such message is known.
    """
    place = {"community_id": community_id, "channel": channel, "account": account, "address": address}
    rows = conn.execute(_OUT_THERE, place).all()
    found = next((r for r in rows if r.external_id == external_id), None)
    if found is None and not any(r.status == "claimed" for r in rows):
        kind = external_id.partition(":")[0]
        found = next((r for r in rows if r.status == "sent" and r.external_id == f"{kind}:{r.id}"), None)
    if found is None:
        return False
    values = {"of_community": community_id, "of_id": found.id, "new_external": external_id, "why": why}
    _told(conn, conn.execute(_UNDELIVERED, values).all(), f"failed: {why}", desk_now)
    return True


def owes_call(sent: Outgoing) -> bool:
    """Whether somebody must make sure that this arrived: it asks for an answer, bears news of a ticket, is urgent, or is what a
    colleague wrote. Of a greeting nobody need be told."""
    asks = bool(sent.buttons) or sent.key.startswith(_ASKS)
    return asks or sent.ticket_id is not None or sent.rank <= RANK["high"] or bool(sent.author)


def arrived(conn: Connection, community_id: int, conversation_id: int, row_id: int, desk_now: datetime) -> None:
    """One of its buttons was pressed, so it is there: nobody need ring about it any more."""
    place = {"of_community": community_id, "of_conversation": conversation_id}
    words = conn.scalar(_ARRIVED, {**place, "of_id": row_id})
    if words is not None:
        conn.execute(_NO_CALL, {**place, "of_text": words, "done": desk_now})


def said_since(conn: Connection, community_id: int, conversation_id: int, key: str, since: datetime) -> bool:
    """Whether this was said in the conversation after `since` (desk clock)."""
    found = {"community_id": community_id, "conversation_id": conversation_id, "key": key, "since": since}
    return conn.execute(_SAID, found).first() is not None


def sweep(conn: Connection, machine_now: datetime) -> int:
    """Give back the rows whose sender died. Returns how many."""
    return conn.execute(_SWEEP, {"machine_now": machine_now}).rowcount
