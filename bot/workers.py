"""What keeps running: the inbox drain, the outbox drain and the ticks. They carry; they decide nothing.

Each loop waits on a bell and looks by itself every now and then, so a lost ring costs a moment and never a message.
APScheduler only ticks: what is due stands in the due rows. A loop survives any error of one piece of work.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from typing import Any

import structlog
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy import Connection

from bot import cards, digest, dues, outbox, photos, privacy, store
from bot.channels import Announces, Channel, Fetches, Inbound, Message, Redraws, SendError, in_both
from bot.core.types import Heard
from bot.database import EVERY, crash_point
from bot.dues import DueRow
from bot.media import MediaStore, NotAPicture, TooLarge
from bot.outbox import Outgoing
from bot.store import Accepted, Claim, ClaimLost
from bot.traces import trace
from bot.turns import Desk

# Traces are logged as plain text without messages: a renderer that shows local variables would show residents' words, and takes
# seconds; a message may repeat them.
log = structlog.get_logger()

LONGEST_BACKOFF = timedelta(minutes=10)
_SLOW = in_both("平台长时间没有答复。请打电话告知。", "The platform did not answer for a long time. Telephone.")


@dataclass(frozen=True, slots=True)
class Hearing:
    """A burst as the dialogue hears it, and the parses to keep on its rows (inbox id → JSON, model hash)."""

    heard: Heard
    parses: Mapping[int, tuple[Mapping[str, Any] | None, str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things may take and how often loops look by themselves. Machine time."""

    lease: timedelta = timedelta(seconds=30)
    poll: timedelta = timedelta(milliseconds=250)
    tick: timedelta = timedelta(seconds=1)
    sweep: timedelta = timedelta(seconds=5)
    burst: timedelta = timedelta(seconds=1)
    send_limit: timedelta = timedelta(seconds=20)
    sends_at_once: int = 20
    stranded: timedelta = timedelta(minutes=10)
    # What an account that can only reply has to say is told by telephone after so long.
    urgent_waits: timedelta = timedelta(minutes=2)
    reply_waits: timedelta = timedelta(hours=24)
    flood: store.Flood | None = None


class Bell:
    """Wakes a loop: now, or when a burst's window has passed."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def ring(self) -> None:
        self._event.set()

    def ring_in(self, delay: timedelta) -> None:
        asyncio.get_running_loop().call_later(max(0.0, delay.total_seconds()), self.ring)

    async def wait(self, longest: timedelta) -> None:
        try:
            async with asyncio.timeout(longest.total_seconds()):
                await self._event.wait()
        except TimeoutError:
            pass
        self._event.clear()


def backoff(attempts: int, jitter: float) -> timedelta:
    """2, 4, 8 … seconds up to ten minutes, times 0.5–1.5 by `jitter` (0–1), so that a crowd does not return at once."""
    return min(timedelta(seconds=2.0 ** min(attempts, 12)), LONGEST_BACKOFF) * (0.5 + jitter)


def message_of(row: Outgoing) -> Message:
    return Message(row.id, row.text, row.buttons, row.key, row.author, row.photos)


class Workers:
    """The loops of one process.

    Args:
        holder: names this process in claims and leases.
        hear: makes of a claimed burst what the dialogue hears (NLU, triage). It never fails on a slow NLU.
        channels: by (name, account).
        jitter: a number from 0 to 1, e.g. `random.random`.
        media: where fetched photos are kept.
    """

    def __init__(
        self,
        desk: Desk,
        holder: str,
        hear: Callable[[Claim], Awaitable[Hearing]],
        channels: Mapping[tuple[str, str], Channel],
        jitter: Callable[[], float],
        pace: Pace | None = None,
        media: MediaStore | None = None,
    ) -> None:
        self.desk = desk
        self._media = media
        self.pace = pace or Pace()
        self.inbox_bell = Bell()
        self.outbox_bell = Bell()
        #: Rung after every turn, for whoever waits for one.
        self.turned = Bell()
        #: Conversations whose messages a passive reply is about to take.
        self.held: Counter[int] = Counter()
        self._holder = holder
        self._hear = hear
        self._channels = channels
        #: Accounts that speak in a passive reply alone: what is for them waits for the next contact.
        self._quiet = tuple(f"{name}:{account}" for (name, account), c in channels.items() if c.reach == "reply_only")
        self._jitter = jitter
        self._count = itertools.count(1)
        self._tasks: list[asyncio.Task[None]] = []
        self._sending: set[asyncio.Task[None]] = set()
        self._ticking = asyncio.Lock()
        self._scheduler: AsyncIOScheduler | None = None

    def token(self) -> str:
        return f"{self._holder}:{next(self._count)}"

    # ── in ──

    async def accept(self, community_id: int, message: Inbound, *, at_once: bool = False) -> Accepted:
        """Keep a delivery. When this returns the platform may be acknowledged. `at_once`: triage fired."""
        accepted = await self.desk.database.run(
            community_id,
            lambda conn: store.accept(
                conn,
                community_id,
                message,
                now=self.desk.clock.now(),
                machine_now=self.desk.machine.now(),
                burst=self.pace.burst,
                at_once=at_once,
                fetches=isinstance(self._channels.get((message.channel, message.account)), Fetches),
                flood=self.pace.flood,
            ),
        )
        crash_point("accept.committed")
        if accepted.muted:
            await self.desk.database.hop(lambda: self.desk.calm(community_id, accepted.conversation_id))
            self.outbox_bell.ring()
        elif not accepted.duplicate:
            self.inbox_bell.ring_in(
                timedelta(0) if at_once or message.button is not None or message.tap else self.pace.burst
            )
        return accepted

    async def hear_one(self) -> bool:
        """Claim one burst and answer it. False: nobody waits."""
        desk = self.desk
        token = self.token()
        claim = await desk.database.run(
            EVERY,  # whose message is next is what the claim finds out
            lambda conn: store.claim_conversation(conn, token, desk.machine.now(), self.pace.lease),
        )
        if claim is None:
            return False
        if not claim.rows:
            return True
        crash_point("claim.committed")
        if claim.exhausted:
            await self._park(claim, "it brought its worker down three times")
            return True
        try:
            hearing = await self._hear(claim)
            crash_point("turn.heard")
            await desk.database.hop(lambda: desk.take_turn(claim, hearing.heard, hearing.parses))
        except ClaimLost:
            log.warning("claim_lost", conversation=claim.conversation_id)
        except Exception as error:
            log.error(
                "turn_failed",
                conversation=claim.conversation_id,
                inbox=[r.id for r in claim.rows],
                trace=trace(error),
            )
            await self._failed(claim, repr(error))
        else:
            self.outbox_bell.ring()
        self.turned.ring()
        return True

    async def _failed(self, claim: Claim, why: str) -> None:
        tries = claim.rows[0].attempts + 1
        if tries >= store.MAX_ATTEMPTS:
            await self._park(claim, why)
            return
        again = self.desk.machine.now() + timedelta(seconds=tries)
        await self.desk.database.run(claim.community_id, lambda conn: store.release(conn, claim, again, why))
        self.inbox_bell.ring_in(timedelta(seconds=tries))

    async def _park(self, claim: Claim, why: str) -> None:
        try:
            await self.desk.database.hop(lambda: self.desk.park(claim, why))
        except ClaimLost:
            log.warning("claim_lost", conversation=claim.conversation_id)
        self.outbox_bell.ring()

    # ── out ──

    async def send_some(self) -> int:
        """Claim what may be sent now and send it, all at once. Returns how many rows were claimed."""
        claimed = await self._claim_outgoing(self.pace.sends_at_once)
        await asyncio.gather(*(self._deliver(row) for row in claimed))
        return len(claimed)

    async def _claim_outgoing(self, batch: int) -> tuple[Outgoing, ...]:
        token = self.token()
        now = self.desk.machine.now()
        # The lease outlives the longest send, else a slow platform would get the message twice.
        lease = self.pace.lease + self.pace.send_limit
        mine, besides = {name for name, _ in self._channels}, tuple(self.held)
        # The most important messages of all communities, whosever they are.
        claimed = await self.desk.database.run(
            EVERY,
            lambda conn: outbox.claim(conn, token, now, lease, mine, batch, besides=besides, quiet=self._quiet),
        )
        if claimed:
            crash_point("send.claimed")
        return claimed

    async def _deliver(self, row: Outgoing) -> None:
        status, external_id, error, wait = await self._send(row)
        crash_point("send.sent")
        machine_now = self.desk.machine.now()
        again_at = machine_now + wait if wait is not None else None
        await self.desk.database.run(
            row.community_id,
            lambda conn: outbox.settle(
                conn,
                row,
                status,
                machine_now=machine_now,
                desk_now=self.desk.clock.now(),
                external_id=external_id,
                error=error,
                again_at=again_at,
            ),
        )
        crash_point("send.settled")
        self.outbox_bell.ring()

    async def _send(self, row: Outgoing) -> tuple[str, str, str, timedelta | None]:
        channel = self._channels.get((row.channel, row.account))
        if channel is None:
            words = in_both(
                f"没有设置渠道 {row.channel} {row.account}。请联系维护人员。",
                f"No channel {row.channel} {row.account} is configured. Tell whoever maintains it.",
            )
            return "failed", "", words, None
        try:
            async with asyncio.timeout(self.pace.send_limit.total_seconds()):
                external_id = await channel.send(row.address, message_of(row))
            return "sent", external_id, "", None
        except SendError as refused:
            if refused.unconfirmed:
                return "sent_unconfirmed", "", str(refused), None
            if not refused.retryable or row.attempts >= outbox.MAX_ATTEMPTS:
                return "failed", "", str(refused), None
            return "retry", "", str(refused), refused.after or backoff(row.attempts, self._jitter())
        except Exception as fault:
            # A fault of the channel's code or a time-out: worth another try, and never the end of the loop.
            log.error("send_failed", outbox=row.id, channel=row.channel, trace=trace(fault))
            # Its kind and not its words: those may hold an address with a token in it, or a resident's.
            kind = type(fault).__name__
            words = _SLOW if isinstance(fault, TimeoutError) else in_both(
                f"程序出错（{kind}）。请打电话告知，并联系维护人员。", f"A fault of the desk ({kind}). Telephone, and tell whoever maintains it."
            )
            if row.attempts >= outbox.MAX_ATTEMPTS:
                return "failed", "", words, None
            return "retry", "", words, backoff(row.attempts, self._jitter())

    # ── ticks ──

    async def tick(self) -> int:
        """Fire what is due on the desk clock. Returns how many rows were claimed."""
        count = 0
        async with self._ticking:
            while True:
                until, token = self.desk.clock.now(), self.token()
                due = await self.desk.database.hop(
                    lambda until=until, token=token: self.desk.claim_due(  # type: ignore[misc]
                        until, token, self.pace.lease
                    )
                )
                if due is None:
                    break
                count += 1
                crash_point("due.claimed")
                try:
                    await self._fire(due)
                except Exception as error:
                    log.error("due_failed", due=due.id, kind=due.kind, trace=trace(error))
                    why = repr(error)
                    await self.desk.database.hop(
                        lambda due=due, why=why: self.desk.give_up_due(due, why)  # type: ignore[misc]
                    )
        if count:
            self.outbox_bell.ring()
        return count

    async def _fire(self, due: DueRow) -> None:
        if due.subject_type == photos.SUBJECT:
            await self._fetch(due)
        elif due.subject_type == privacy.SUBJECT:
            await self._purge(due)
        elif due.subject_type == cards.SUBJECT:
            await self._redraw(due)
        elif due.subject_type == digest.SUBJECT:
            await self._tell_digest(due)
        else:
            await self.desk.database.hop(lambda: self.desk.fire_due(due))

    async def _redraw(self, due: DueRow) -> None:
        """Take the buttons off the cards of a ticket that somebody has acted on. A card that cannot be changed stays: its
        buttons are refused with a sentence."""
        out = await self.desk.database.ask(
            due.community_id, lambda conn: cards.out(conn, due.community_id, due.subject_id)
        )
        for card in out:
            channel = self._channels.get((card.channel, card.account))
            if isinstance(channel, Redraws):
                try:
                    async with asyncio.timeout(self.pace.send_limit.total_seconds()):
                        await channel.update_card(card.id, str(due.data["text"]))
                except (SendError, TimeoutError) as failed:
                    log.warning("card_not_redrawn", outbox=card.id, why=str(failed))
        await self.desk.database.run(due.community_id, lambda conn: dues.settle(conn, due, "done"))

    async def _tell_digest(self, due: DueRow) -> None:
        """The day's figures for a group; nothing where its account is no longer listed, or at another hour."""
        group = self._channels.get((due.data["channel"], due.data["account"]))
        if isinstance(group, Announces) and group.digest_at.isoformat("minutes") == due.data["at"]:
            await self.desk.database.hop(lambda: self.desk.tell_digest(due))
        else:
            await self.desk.database.run(due.community_id, lambda conn: dues.settle(conn, due, "done", "not listed any more"))

    async def _purge(self, due: DueRow) -> None:
        """The nightly purge: rows first, then the files that no row names any more."""
        if await self.desk.database.hop(lambda: self.desk.purge(due)) and self._media is not None:
            # A file is kept under its content, so rows of any community may name it.
            named = await self.desk.database.ask(EVERY, privacy.kept_photos)
            await asyncio.to_thread(self._media.drop_others, named)
            await asyncio.to_thread(self._media.sweep)

    async def _fetch(self, due: DueRow) -> None:
        """Bring a photo from its platform. What may succeed later raises, and is tried again like any due row."""
        within, run = due.community_id, self.desk.database.run
        photo = await self.desk.database.ask(within, lambda conn: photos.wanted(conn, within, due.subject_id))
        if photo is None or photo.status != "pending":
            await run(within, lambda conn: dues.settle(conn, due, "done"))
            return
        channel = self._channels.get((photo.channel, photo.account))
        kept = ""
        try:
            if not isinstance(channel, Fetches) or self._media is None:
                raise SendError(f"no channel {photo.channel} {photo.account} fetches photos here", retryable=True)
            async with asyncio.timeout(self.pace.send_limit.total_seconds()):
                data = await channel.fetch(photo.media)
            kept = (await asyncio.to_thread(self._media.keep, data)).reference
        except (NotAPicture, TooLarge) as refused:
            log.warning("photo_refused", media=photo.id, why=str(refused))
        except Exception as failed:
            # A slow platform, a full disk: as good as a refusal once the tries are used up.
            final = isinstance(failed, SendError) and not failed.retryable
            if not final and due.attempts < dues.MAX_ATTEMPTS:
                raise
            log.warning("photo_not_fetched", media=photo.id, why=str(failed) if isinstance(failed, SendError) else type(failed).__name__)

        def settle(conn: Connection) -> None:
            if dues.settle(conn, due, "done", "" if kept else "the photo could not be had"):
                if kept:
                    photos.fetched(conn, photo, kept)
                else:
                    photos.given_up(conn, photo)

        await run(within, settle)

    async def sweep(self) -> int:
        """Give back what dead senders held; end what is too late to send."""
        machine_now, desk_now = self.desk.machine.now(), self.desk.clock.now()

        mine = {name for name, _ in self._channels}

        def clean(conn: Connection) -> int:
            swept = outbox.sweep(conn, machine_now) + outbox.expire(conn, desk_now)
            swept += outbox.strand(conn, mine, machine_now - self.pace.stranded, desk_now)
            return swept + outbox.unreached(
                conn, self._quiet, machine_now - self.pace.urgent_waits, machine_now - self.pace.reply_waits, desk_now
            )

        count = await self.desk.database.run(EVERY, clean)
        if count:
            self.outbox_bell.ring()
        return count

    # ── running ──

    async def _inbox_loop(self) -> None:
        while True:
            try:
                if await self.hear_one():
                    continue
            except Exception as error:
                log.error("inbox_drain_failed", trace=trace(error))
            await self.inbox_bell.wait(self.pace.poll)

    async def _outbox_loop(self) -> None:
        while True:
            try:
                room = self.pace.sends_at_once - len(self._sending)
                claimed = await self._claim_outgoing(room) if room > 0 else ()
                for row in claimed:
                    task = asyncio.create_task(self._deliver(row))
                    self._sending.add(task)
                    task.add_done_callback(self._sending.discard)
                if claimed:
                    continue
            except Exception as error:
                log.error("outbox_drain_failed", trace=trace(error))
            await self.outbox_bell.wait(self.pace.poll)

    def start(self, *, inbox_loops: int = 2) -> None:
        """Start the loops and the ticks on the running event loop."""
        self._tasks = [asyncio.create_task(self._inbox_loop()) for _ in range(inbox_loops)]
        self._tasks.append(asyncio.create_task(self._outbox_loop()))
        scheduler = AsyncIOScheduler(
            timezone=UTC, job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 60}
        )
        scheduler.add_job(self.tick, "interval", seconds=self.pace.tick.total_seconds(), id="due")
        scheduler.add_job(self.sweep, "interval", seconds=self.pace.sweep.total_seconds(), id="sweep")
        scheduler.start()
        self._scheduler = scheduler

    async def stop(self) -> None:
        """Take nothing new; let the sends on their way settle."""
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=False)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*self._sending, return_exceptions=True)
