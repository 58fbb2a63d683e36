"""Telegram: a bot that polls, and one that is called."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, Final

import httpx
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from bot.channels import Channel, Notebook, telegram
from bot.channels.telegram import TelegramAccount
from bot.channels.telegram.channel import LARGEST_BODY, SECRET_HEADER
from simulator.chance import Chance
from simulator.mishaps import Arrange, Mishap, Road, of_telegram
from simulator.platforms import KEEP_ALIVE, Attempt, Other, Seen, Sent
from simulator.virtual_time import SimulatedClock
from tests.fakes.telegram import CONFLICT_POLL, TOKEN, USERNAME, FakeTelegram
from tests.fakes.wecom import serving


class OnTelegram:
    """The residents' Telegram."""

    name = "telegram"
    ordered = True

    def __init__(self, clock: SimulatedClock, chance: Chance, reply_only: float = 0.0) -> None:
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
        refused = sum(count for name, count in self.road.happened.items() if name.startswith("answerCallbackQuery"))
        clocks = len(set(self.fake.queries) - self.fake.tried) - refused
        return [*self.fake.violations, *([f"{clocks} buttons still show a clock"] if clocks > 0 else [])]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with serving(self.road, keep_alive=KEEP_ALIVE) as url:
            self.fake.url = url
            yield

    @property
    def _account(self) -> TelegramAccount:
        return TelegramAccount("YH", "bot", USERNAME, TOKEN, api=self.fake.url)

    def channels(self, notes: Callable[[str], Notebook]) -> Sequence[Channel]:
        clock, jitter = self._clock.now, self._jitter.random
        return (telegram.channel(self._account, notes("bot"), now=clock, sleep=asyncio.sleep, jitter=jitter, menu=()),)

    def may_only_reply(self, who: str) -> bool:
        return False

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
        original, number = self._last[who]
        self.fake.edits(int(who), number, words)
        return Sent(who, words, update=update, corrects=str(original))

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

    # ── strangers ──

    @property
    def secrets(self) -> Sequence[str]:
        return (TOKEN,)

    @property
    def tricks(self) -> Sequence[str]:
        return ()

    async def tries(self, trick: str) -> Attempt:
        raise ValueError(trick)


_SECRET: Final = "simulated-secret-of-the-webhook-0123456789"
#: How often the server looks whether something waits, in seconds.
_PUSHED_EVERY: Final = 0.25


class OnHookedTelegram(OnTelegram):
    """The same with a webhook: Telegram calls, a chat's messages one after the other, each until it is taken."""

    @property
    def _account(self) -> TelegramAccount:
        return replace(super()._account, webhook="https://desk.example", webhook_secret=_SECRET)

    @asynccontextmanager
    async def serve(self, routes: Sequence[BaseRoute]) -> AsyncIterator[None]:
        account = self._account
        self.fake.webhook = {"url": account.webhook_url, "secret_token": account.webhook_secret}
        async with serving(Starlette(routes=list(routes)), keep_alive=KEEP_ALIVE) as self._desk:
            pushing = asyncio.create_task(self._push())
            try:
                yield
            finally:
                pushing.cancel()
                with suppress(asyncio.CancelledError):
                    await pushing

    async def _push(self) -> None:
        while True:
            await asyncio.sleep(_PUSHED_EVERY)
            if self.fake.pending:
                await self.fake.push(self._desk)

    # ── strangers ──

    @property
    def tricks(self) -> Sequence[str]:
        return tuple(_TRICKS)

    async def tries(self, trick: str) -> Attempt:
        stranger = self.fake.person("陌生", "人")
        update = {"update_id": 1, "message": self.fake._message(stranger, stranger, text="我是业主", entities=[])}
        body, secret, right = _TRICKS[trick](update)
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            address = self._desk + self._account.path
            answer = await client.post(address, content=body, headers={SECRET_HEADER: secret} if secret else {})
        return Attempt(trick, answer.status_code, (right,))


def _json(update: Mapping[str, Any]) -> bytes:
    return json.dumps(update).encode()


#: What is tried → the body, the secret that is shown, and the status it should get.
_TRICKS: Final[Mapping[str, Callable[[Mapping[str, Any]], tuple[bytes, str, int]]]] = {
    "a call without the secret": lambda update: (_json(update), "", 403),
    "a call with another secret": lambda update: (_json(update), "x" * len(_SECRET), 403),
    # From somebody who has found out the secret.
    "a body too large": lambda update: (_json(update) + b" " * LARGEST_BODY, _SECRET, 413),
    "a body that is no update": lambda update: (b"[]", _SECRET, 400),
}
