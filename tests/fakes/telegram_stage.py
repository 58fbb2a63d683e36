"""What the tests of the Telegram channel share: a clock, a notebook in memory, a desk that keeps what it is given."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.applications import Starlette

from bot.channels import Inbound, Message, Receipt
from bot.channels.telegram import HookedTelegram, MenuItem, PolledTelegram, Telegram, TelegramAccount
from tests.fakes.telegram import TOKEN, USERNAME, FakeTelegram

SECRET = "a-secret-of-some-length-0001"
MENU = (
    MenuItem("repair", "menu:repair", {"zh": "报修", "en": "Report a repair"}),
    MenuItem("person", "menu:handoff", {"zh": "转人工", "en": "Talk to a person"}),
)


@dataclass(slots=True)
class Clock:
    """Stands still unless somebody sleeps."""

    at: datetime = datetime(2026, 11, 27, 8, 0, tzinfo=UTC)
    slept: list[float] = field(default_factory=list)

    def now(self) -> datetime:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass(slots=True)
class Pages:
    """A notebook. What is not JSON cannot be written."""

    now: Callable[[], datetime]
    pages: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    async def read(self, page: str) -> Mapping[str, Any] | None:
        content, until = self.pages.get(page, ("", self.now()))
        return json.loads(content) if until > self.now() else None

    async def change(
        self, page: str, edit: Callable[[Mapping[str, Any] | None], Mapping[str, Any]], keep: timedelta
    ) -> Mapping[str, Any]:
        content = dict(edit(await self.read(page)))
        self.pages[page] = (json.dumps(content), self.now() + keep)
        return content


class Forgetful(Pages):
    """A notebook nobody writes in."""

    async def read(self, page: str) -> Mapping[str, Any] | None:
        return None


@dataclass(slots=True)
class Desk:
    """Keeps deliveries as the inbox does: each external id once. `failing`: that many times it cannot."""

    heard: list[Inbound] = field(default_factory=list)
    deliveries: int = 0
    failing: int = 0

    async def accept(self, message: Inbound) -> Receipt:
        self.deliveries += 1
        if self.failing:
            self.failing -= 1
            raise RuntimeError("the database is away")
        known = [m.external_id for m in self.heard]
        if message.external_id in known:
            return Receipt(known.index(message.external_id) + 1, 1, duplicate=True)
        self.heard.append(message)
        return Receipt(len(self.heard), 1, duplicate=False)

    @property
    def texts(self) -> list[str]:
        return [message.text for message in self.heard]


class NoAnswers:
    """A desk that never answers while the platform waits; Telegram has no use for it."""

    async def take(self, receipt: Receipt, patience: timedelta) -> tuple[Message, ...]:
        raise AssertionError("Telegram takes no answer with the response")

    async def settle(self, messages: Any, *, delivered: bool) -> None:
        raise AssertionError("Telegram takes no answer with the response")


@dataclass(slots=True)
class Stage:
    """A bot, its office and Telegram."""

    clock: Clock
    telegram: FakeTelegram
    pages: Pages
    desk: Desk
    account: TelegramAccount
    open: list[Telegram] = field(default_factory=list)

    def _arguments(self, changes: dict[str, Any]) -> dict[str, Any]:
        clock = self.clock
        return {"now": clock.now, "sleep": clock.sleep, "jitter": lambda: 0.5, "menu": MENU} | changes

    def polled(self, kind: type[PolledTelegram] = PolledTelegram, **changes: Any) -> PolledTelegram:
        notebook = changes.pop("notebook", self.pages)
        channel = kind(changes.pop("account", self.account), notebook, **self._arguments(changes))
        self.open.append(channel)
        return channel

    def hooked(self, kind: type[HookedTelegram] = HookedTelegram, **changes: Any) -> tuple[HookedTelegram, Starlette]:
        channel = kind(self.account, self.pages, **self._arguments(changes))
        self.open.append(channel)
        return channel, Starlette(routes=channel.routes(self.desk.accept, NoAnswers()))

    @asynccontextmanager
    async def listening(self, channel: PolledTelegram) -> AsyncIterator[None]:
        """The channel hears meanwhile."""
        task = asyncio.create_task(channel.listen(self.desk.accept))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def hear(self, channel: PolledTelegram | None = None) -> list[Inbound]:
        """Hear all that waits, until it is confirmed."""
        channel = channel or self.polled()
        async with self.listening(channel):
            await self.telegram.quiet()
        # The taps are answered beside the rest.
        await asyncio.gather(*channel._answering)
        return self.desk.heard


@asynccontextmanager
async def stage(*, webhook: bool = False) -> AsyncIterator[Stage]:
    """Everything for one test."""
    clock = Clock()
    async with FakeTelegram(clock.now).running() as telegram:
        account = TelegramAccount(
            "YH", "yh-bot", USERNAME, TOKEN, api=telegram.url,
            webhook="https://desk.example" if webhook else "", webhook_secret=SECRET if webhook else "",
        )  # fmt: skip
        play = Stage(clock, telegram, Pages(clock.now), Desk(), account)
        try:
            yield play
        finally:
            for channel in play.open:
                await channel.close()
