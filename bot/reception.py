"""How the accounts on real platforms are run: who listens, how a delivery is kept, and an answer while the platform still waits.

- A channel that polls is listened to by one process at a time, under a lease of its account; when that process dies, another
  takes over once the lease has ended.
- A platform that calls us is acknowledged after its delivery is committed.
- A passive reply: the process that took the delivery keeps the conversation's messages from the outbox drain for as long as the
  platform waits, and hands them back if it does not get them out.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta

import structlog
from sqlalchemy import Connection
from starlette.routing import BaseRoute

from bot import outbox, store
from bot.channels import Accept, Channel, Inbound, Invites, Listens, Message, Receipt, SendError, Serves
from bot.core import triage
from bot.core.triage import TriageRules
from bot.database import EVERY
from bot.outbox import Outgoing
from bot.workers import Workers, message_of

log = structlog.get_logger()

LEASE = timedelta(seconds=30)
LINK_PATIENCE = timedelta(seconds=5)
_LOOK_AGAIN = timedelta(milliseconds=200)
#: How long a message that was just taken by its platform may still be on its way into the outbox.
_SETTLING = timedelta(seconds=1)
#: Seconds. Less of a wait than a timedelta can hold would be no wait at all, and nothing to end it where time is virtual.
_MOMENT = 0.001


@dataclass(frozen=True, slots=True)
class Post:
    """One account and the community it speaks for."""

    community_id: int
    channel: Channel


@dataclass(slots=True)
class Reception:
    """The accounts of this process.

    Args:
        rules: a message that fires a life-safety rule waits for no burst.
        holder: names this process in leases.
        renewed_every: how often a lease is renewed, and looked after by those who wait for it.
    """

    workers: Workers
    rules: TriageRules
    posts: Sequence[Post]
    holder: str
    renewed_every: timedelta = LEASE / 3
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def accept_for(self, community_id: int) -> Accept:
        """Keeps deliveries of an account of this community."""

        async def accept(message: Inbound) -> Receipt:
            danger = bool(message.text) and triage.triage(self.rules, message.text) is not None
            kept = await self.workers.accept(community_id, message, at_once=danger)
            return Receipt(kept.inbox_id, kept.conversation_id, kept.duplicate)

        return accept

    def routes(self) -> list[BaseRoute]:
        """What the web server is to serve for the platforms that call us."""
        return [
            route
            for post in self.posts
            if isinstance(post.channel, Serves)
            for route in post.channel.routes(
                self.accept_for(post.community_id), PassiveAnswers(self.workers, post.community_id)
            )
        ]

    async def links(self, community_id: int, start: str, lasts: timedelta) -> tuple[tuple[str, str], ...]:
        """(channel, what opens a chat there and carries `start`) for the community's accounts. A platform that does not answer
        soon is left out: the code can be typed as well."""
        found: list[tuple[str, str]] = []
        for post in self.posts:
            if post.community_id == community_id and isinstance(post.channel, Invites):
                try:
                    async with asyncio.timeout(LINK_PATIENCE.total_seconds()):
                        found.append((post.channel.name, await post.channel.link(start, lasts)))
                except (SendError, TimeoutError, ValueError) as failed:
                    log.warning("no_link", channel=post.channel.name, account=post.channel.account, why=type(failed).__name__)
        return tuple(found)

    def start(self) -> None:
        """Begin to listen where a channel polls."""
        self._tasks = [
            asyncio.create_task(self._listen(post.channel, self.accept_for(post.community_id)))
            for post in self.posts
            if isinstance(post.channel, Listens)
        ]

    async def stop(self) -> None:
        """Take nothing new; leases are given back, so that another process need not wait."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def close(self) -> None:
        """Close the accounts' connections. Only once the workers have stopped: what is on its way needs them until it arrived."""
        for post in self.posts:
            close = getattr(post.channel, "close", None)
            if close is not None:
                await close()

    # ── under a lease ──

    async def _listen(self, channel: Channel, accept: Accept) -> None:
        name = f"listen:{channel.name}:{channel.account}"
        try:
            while True:
                if await self._hold(name):
                    await self._listen_while_held(name, channel, accept)
                else:
                    await asyncio.sleep(self.renewed_every.total_seconds())
        except asyncio.CancelledError:
            await self._let_go(name)
            raise

    async def _listen_while_held(self, name: str, channel: Channel, accept: Accept) -> None:
        assert isinstance(channel, Listens)
        log.info("listening", channel=channel.name, account=channel.account)
        listening = asyncio.create_task(channel.listen(accept))
        try:
            await self._keep(name, listening)
        except Exception:
            log.error("listening_failed", channel=channel.name, account=channel.account, trace=traceback.format_exc())
            await asyncio.sleep(1.0)
        else:
            log.warning("lease_lost", channel=channel.name, account=channel.account)
        finally:
            await self._end(listening)

    async def _keep(self, name: str, listening: asyncio.Task[None]) -> None:
        """Renew the lease while the channel listens. Returns when the lease is lost; raises what ended the listening."""
        while True:
            done, _ = await asyncio.wait({listening}, timeout=self.renewed_every.total_seconds())
            if done:
                listening.result()
                raise RuntimeError("the channel ended listening by itself")
            if not await self._hold(name):
                return

    async def _hold(self, name: str) -> bool:
        desk = self.workers.desk
        holding = asyncio.create_task(
            desk.database.run(EVERY, lambda conn: store.hold_lease(conn, name, self.holder, desk.machine.now(), LEASE))
        )
        try:
            return await asyncio.shield(holding)
        except asyncio.CancelledError:
            # The transaction runs on in its thread. A lease given back before it ends would be taken again by nobody who listens.
            await asyncio.wait({holding})
            raise
        except Exception:
            # Without its database the desk cannot keep a message, so it must not listen either.
            log.error("lease_not_renewed", lease=name, trace=traceback.format_exc())
            return False

    async def _let_go(self, name: str) -> None:
        with suppress(Exception):
            await self.workers.desk.database.run(EVERY, lambda conn: store.let_go(conn, name, self.holder))

    async def _end(self, listening: asyncio.Task[None]) -> None:
        listening.cancel()
        with suppress(asyncio.CancelledError, Exception):
            await listening


@dataclass(slots=True)
class PassiveAnswers:
    """The `channels.Answers` of one community."""

    workers: Workers
    community_id: int
    #: Message → its row, and the delivery whose response is to carry it.
    _taken: dict[int, tuple[Outgoing, int]] = field(default_factory=dict)

    async def take(self, receipt: Receipt, patience: timedelta) -> tuple[Message, ...]:
        """The conversation's unsent messages, claimed, once the delivery was heard; () when that takes too long. For a delivery
        that came before, also what went out with the response the platform did not get."""
        loop = asyncio.get_running_loop()
        until = loop.time() + patience.total_seconds()
        database = self.workers.desk.database
        self.workers.held[receipt.conversation_id] += 1
        try:
            while not await database.ask(self.community_id, lambda conn: store.is_heard(conn, self.community_id, receipt.inbox_id)):
                left = until - loop.time()
                if left < _MOMENT:
                    return ()
                await self.workers.turned.wait(min(_LOOK_AGAIN, timedelta(seconds=left)))
            again, rows = await database.run(self.community_id, lambda conn: self._claim(conn, receipt))
        finally:
            self.workers.held[receipt.conversation_id] -= 1
            if self.workers.held[receipt.conversation_id] <= 0:
                del self.workers.held[receipt.conversation_id]
            self.workers.outbox_bell.ring()
        self._taken.update({row.id: (row, receipt.inbox_id) for row in rows})
        return tuple(message_of(row) for row in (*again, *rows))

    def _claim(self, conn: Connection, receipt: Receipt) -> tuple[tuple[Outgoing, ...], tuple[Outgoing, ...]]:
        """What is to be said again, because the platform asks again, and what waits to be said, claimed."""
        again: tuple[Outgoing, ...] = ()
        if receipt.duplicate:
            again = outbox.replied(conn, self.community_id, receipt.conversation_id, receipt.inbox_id)
        machine_now, token = self.workers.desk.machine.now(), self.workers.token()
        lease = self.workers.pace.lease + self.workers.pace.send_limit
        rows = outbox.claim_talk(conn, self.community_id, receipt.conversation_id, token, machine_now, lease)
        return again, rows

    async def settle(self, messages: Sequence[Message], *, delivered: bool) -> None:
        """They went out with the response, or go back to the queue."""
        rows = [self._taken.pop(message.id) for message in messages if message.id in self._taken]
        desk = self.workers.desk
        status = "sent_unconfirmed" if delivered else "retry"

        def end(conn: Connection) -> None:
            for row, inbox_id in rows:
                carried = outbox.reply_to(inbox_id) if delivered else ""
                outbox.settle(
                    conn, row, status, machine_now=desk.machine.now(), desk_now=desk.clock.now(), external_id=carried
                )

        await desk.database.run(self.community_id, end)
        if not delivered:
            self.workers.outbox_bell.ring()

    async def undelivered(self, channel: Channel, to: str, external_id: str, reason: str) -> bool:
        """What the platform had taken did not arrive. Its report may be quicker than our own note that it was sent."""
        desk, within = self.workers.desk, self.community_id

        def end(conn: Connection) -> bool:
            return outbox.undelivered(conn, within, channel.name, channel.account, to, external_id, reason, desk.clock.now())

        if await desk.database.run(within, end):
            return True
        await asyncio.sleep(_SETTLING.total_seconds())
        return await desk.database.run(within, end)
