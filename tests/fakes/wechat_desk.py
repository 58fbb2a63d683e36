"""What the WeChat tests hand to the channel in place of the desk: a clock that is moved, notes in memory, and a desk that keeps
what it accepts, answers when it is told to, and sends what is left as the outbox does.
"""

from __future__ import annotations

import asyncio
import copy
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.channels import Channel, Inbound, Message, Receipt, SendError
from bot.core.types import Button


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 27, 9, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def forward(self, **by: float) -> None:
        self.at += timedelta(**by)

    async def sleep(self, seconds: float) -> None:
        self.forward(seconds=seconds)
        await asyncio.sleep(0)


class Notes:
    """A Notebook that several channels may share, as several processes do."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.pages: dict[str, tuple[Mapping[str, Any], datetime]] = {}
        self.broken = False

    def _page(self, page: str) -> Mapping[str, Any] | None:
        found = self.pages.get(page)
        return copy.deepcopy(found[0]) if found and self._clock() < found[1] else None

    async def read(self, page: str) -> Mapping[str, Any] | None:
        await asyncio.sleep(0)
        if self.broken:
            raise OSError("the database is away")
        return self._page(page)

    async def change(
        self, page: str, edit: Callable[[Mapping[str, Any] | None], Mapping[str, Any]], keep: timedelta
    ) -> Mapping[str, Any]:
        await asyncio.sleep(0)
        if self.broken:
            raise OSError("the database is away")
        content = copy.deepcopy(edit(self._page(page)))
        self.pages[page] = (content, self._clock() + keep)
        return copy.deepcopy(content)


@dataclass(slots=True)
class Row:
    """An outbox row: ready, claimed, unconfirmed, sent, waiting or failed."""

    message: Message
    address: str
    of: int
    status: str = "ready"
    external_id: str = ""
    why: str = ""


@dataclass(slots=True)
class Desk:
    """Accepts and answers. `answers` says what a message is answered with; None: the turn runs until `finish`."""

    answers: Callable[[Inbound], Sequence[str | Message] | None] = lambda _: ("收到",)
    refusals: int = 0
    inbox: dict[str, tuple[Receipt, Inbound]] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    deliveries: int = 0
    given_up: int = 0  # how often patience ran out
    _heard: set[int] = field(default_factory=set)
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)

    @property
    def heard(self) -> list[Inbound]:
        return [message for _, message in self.inbox.values()]

    def message(self, text: str, *labels: str, **more: Any) -> Message:
        return Message(next(self._ids), text, tuple(Button(label, f"/{label}") for label in labels), **more)

    async def accept(self, message: Inbound) -> Receipt:
        self.deliveries += 1
        if self.refusals:
            self.refusals -= 1
            raise OSError("the database is away")
        known = self.inbox.get(message.external_id)
        async with self._changed:
            self._changed.notify_all()
        if known:
            return Receipt(known[0].inbox_id, known[0].conversation_id, duplicate=True)
        receipt = Receipt(len(self.inbox) + 1, 1, duplicate=False)
        self.inbox[message.external_id] = (receipt, message)
        said = self.answers(message)
        if said is not None:
            await self.finish(*said)
        return receipt

    async def finish(self, *said: str | Message) -> None:
        """The turn of the latest message is over, with these messages."""
        receipt, inbound = list(self.inbox.values())[-1]
        self.say(inbound.address, *said, of=receipt.inbox_id)
        async with self._changed:
            self._heard.add(receipt.inbox_id)
            self._changed.notify_all()

    def say(self, address: str, *said: str | Message, of: int = 0) -> None:
        """Write messages to the outbox."""
        for each in said:
            self.rows.append(Row(self.message(each) if isinstance(each, str) else each, address, of))

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until this is so: a delivery came, patience ran out, something was settled."""
        async with self._changed:
            await self._changed.wait_for(happened)

    # ── Answers ──

    async def take(self, receipt: Receipt, patience: timedelta) -> tuple[Message, ...]:
        def mine() -> list[Row]:
            if receipt.inbox_id not in self._heard:
                return []
            again = ("ready", "unconfirmed") if receipt.duplicate else ("ready",)
            return [row for row in self.rows if row.status in again and (row.status == "ready" or row.of == receipt.inbox_id)]

        try:
            async with asyncio.timeout(patience.total_seconds()), self._changed:
                await self._changed.wait_for(lambda: bool(mine()) or receipt.inbox_id in self._heard)
        except TimeoutError:
            async with self._changed:
                self.given_up += 1
                self._changed.notify_all()
            return ()
        found = mine()
        for row in found:
            row.status = "claimed"
        return tuple(row.message for row in found)

    async def settle(self, messages: Sequence[Message], *, delivered: bool) -> None:
        for row in self.rows:
            if row.message in messages:
                assert row.status == "claimed"
                row.status = "unconfirmed" if delivered else "ready"
        async with self._changed:
            self._changed.notify_all()

    async def undelivered(self, channel: Channel, to: str, external_id: str, reason: str) -> bool:
        if self.refusals:
            self.refusals -= 1
            raise OSError("the database is away")
        for row in self.rows:
            ours = external_id.startswith("notice:") and row.external_id == f"notice:{row.message.id}"
            if row.address == to and (row.external_id == external_id or (row.status == "sent" and ours)):
                row.status, row.why, row.external_id = "failed", reason, external_id
                return True
        return False

    # ── the outbox ──

    async def drain(self, channel: Channel, tries: int = 8) -> None:
        """Send what is ready, in order, trying again as the outbox does."""
        for row in self.rows:
            if row.status not in ("ready", "waiting"):
                continue
            for _ in range(tries):
                try:
                    row.external_id = await channel.send(row.address, row.message)
                    row.status = "sent"
                except SendError as error:
                    row.why = str(error)
                    row.status = "unconfirmed" if error.unconfirmed else "waiting" if error.retryable else "failed"
                if row.status != "waiting":
                    break

    def statuses(self) -> list[str]:
        return [row.status for row in self.rows]
