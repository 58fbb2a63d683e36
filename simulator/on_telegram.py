"""Telegram: a bot that polls."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from starlette.routing import BaseRoute

from bot.channels import Channel, Notebook
from bot.channels.telegram import PolledTelegram, TelegramAccount
from simulator.chance import Chance
from simulator.mishaps import Arrange, Mishap, Road, of_telegram
from simulator.platforms import KEEP_ALIVE, Other, Seen, Sent
from simulator.virtual_time import SimulatedClock
from tests.fakes.telegram import CONFLICT_POLL, TOKEN, USERNAME, FakeTelegram
from tests.fakes.wecom import serving


class OnTelegram:
    """The residents' Telegram."""

    name = "telegram"
    ordered = True

    def __init__(self, clock: SimulatedClock, chance: Chance) -> None:
        self.fake = FakeTelegram(clock.now)
        self._clock = clock
        self._jitter = chance.stream("jitter")
        self._group = 0
        self._last: dict[str, tuple[int, int]] = {}
        self._read: dict[str, list[Seen]] = defaultdict(list)
        self._read_to = 0
        self.arrived: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.road = Road(self.fake.app, chance, clock.now, self._mishaps(), of_telegram, self._passed)

    def _mishaps(self) -> tuple[Mishap, ...]:
        fake = self.fake

        def refuse(method: str, status: int, words: str, **more: int) -> Arrange:
            async def arrange() -> None:
                fake.refuse(method, status, words, **more)

            return arrange

        def drop(method: str, *, done: bool) -> Arrange:
            async def arrange() -> None:
                fake.drop(method, done=done)

            return arrange

        out = (("sendMessage", 1.0), ("sendPhoto", 1.0), ("answerCallbackQuery", 1.0))
        sending = (
            m
            for method, share in out
            for m in (
                Mishap(method, "429, seconds", 0.012 * share, refuse(method, 429, "Too Many Requests: retry after 3", retry_after=3)),
                Mishap(method, "429, long", 0.004 * share, refuse(method, 429, "Too Many Requests: retry after 35", retry_after=35)),
                Mishap(method, "500", 0.01 * share, refuse(method, 500, "Internal Server Error")),
                Mishap(method, "502", 0.01 * share, refuse(method, 502, "Bad Gateway")),
                Mishap(method, "broken off, not done", 0.004 * share, drop(method, done=False), loses=True),
                Mishap(method, "broken off, done", 0.006 * share, drop(method, done=True)),
                Mishap(method, "slow", 0.01 * share, late=2.0),
                # The adapter waits 5 s for an answer.
                Mishap(method, "silent, done", 0.004 * share, late=9.0),
            )
        )
        hearing = (
            Mishap("getUpdates", "409", 0.01, refuse("getUpdates", 409, CONFLICT_POLL)),
            Mishap("getUpdates", "429", 0.005, refuse("getUpdates", 429, "Too Many Requests: retry after 5", retry_after=5)),
            Mishap("getUpdates", "502", 0.01, refuse("getUpdates", 502, "Bad Gateway")),
            Mishap("getUpdates", "broken off, not done", 0.01, drop("getUpdates", done=False)),
            # What it held is delivered once more.
            Mishap("getUpdates", "broken off, done", 0.015, drop("getUpdates", done=True)),
            Mishap("getFile", "502", 0.05, refuse("getFile", 502, "Bad Gateway")),
        )
        return (*sending, *hearing)

    @property
    def violations(self) -> Sequence[str]:
        return self.fake.violations

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with serving(self.road, keep_alive=KEEP_ALIVE) as url:
            self.fake.url = url
            yield

    def channel(self, notebook: Notebook) -> Channel:
        account = TelegramAccount("YH", "bot", USERNAME, TOKEN, api=self.fake.url)
        return PolledTelegram(
            account, notebook, now=self._clock.now, sleep=asyncio.sleep, jitter=self._jitter.random, menu=()
        )

    @asynccontextmanager
    async def serve(self, routes: Sequence[BaseRoute]) -> AsyncIterator[None]:
        yield

    # ── people ──

    def person(self, number: int) -> str:
        return str(self.fake.person("住户", str(number)))

    def _passed(self, whom: str) -> None:
        for message in self.fake.sent[self._read_to :]:
            chat = str(message.chat)
            labels = tuple(label for label, _ in message.buttons)
            self._read[chat].append(Seen(message.number, message.text, labels, message))
            self.arrived[chat].set()
        self._read_to = len(self.fake.sent)

    def seen(self, who: str) -> Sequence[Seen]:
        return self._read[who]

    async def comes(self, who: str) -> Sent:
        return await self.says(who, "/start")

    async def says(self, who: str, words: str) -> Sent:
        update = self.fake.next_update
        self._last[who] = (update, self.fake.says(int(who), words))
        return Sent(who, "" if words == "/start" else words, update=update)

    async def says_in_group(self, who: str) -> Sent | None:
        if not self._group:
            self._group = self.fake.group()
        update = self.fake.next_update
        words = f"/help@{USERNAME}"
        self.fake.says(int(who), words, chat=self._group)
        return Sent(str(self._group), "/help", update=update)

    async def edits(self, who: str, words: str) -> Sent | None:
        if who not in self._last:
            return None
        update = self.fake.next_update
        self.fake.edits(int(who), self._last[who][1], words)
        return Sent(who, words, update=update)

    async def shows(self, who: str, photo: bytes) -> Sent:
        update = self.fake.next_update
        self.fake.shows(int(who), photo)
        return Sent(who, "", update=update)

    async def does(self, who: str, what: Other, carrying: str = "") -> Sent | None:
        return None

    async def taps(self, who: str, message: Seen, position: int) -> Sent:
        update = self.fake.next_update
        data = message.own.buttons[position][1]
        self.fake.taps_on(int(who), message.own, position)
        return Sent(who, data, update=update)

    def means(self, who: str, message: Seen, position: int) -> str:
        return message.buttons[position]

    async def leaves(self, who: str) -> None:
        self.fake.blocks(int(who))

    async def returns(self, who: str) -> Sent | None:
        self.fake.unblocks(int(who))
        return None

    def waiting(self) -> frozenset[int]:
        return frozenset(update["update_id"] for update in self.fake.pending)
