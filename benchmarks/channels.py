"""What a channel costs: `python -m benchmarks.channels`.

For each channel, against its strict platform on loopback, on SQLite in a temporary folder, without a language model:

- webhook to commit: from the platform's call to the desk's acknowledgement, which comes after the delivery is committed; one
  after the other, then eight at once.
- sustained: messages a second that are taken in, heard, answered and delivered, all loops running. The limits of what a platform
  takes are lifted on both sides, since they are the platform's and not the desk's.

Nothing is asserted: speed is reported, not tested.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import structlog
from starlette.applications import Starlette

from bot.channels import Channel
from bot.channels.telegram import HookedTelegram, TelegramAccount
from bot.channels.telegram.pace import Pace as TelegramPace
from bot.channels.telegram.pace import Rate
from bot.channels.wecom import WeCom, WeComAccount
from bot.channels.wecom.account import CallbackKey
from bot.channels.wecom.pace import Pace as WeComPace
from bot.clock import MachineClock
from bot.core.domain import Script
from bot.database import EVERY, Database
from bot.migrations import upgrade
from bot.notebook import Notes
from bot.office import open_office as open_texts
from bot.reception import Post, Reception
from bot.settings import ROOT
from bot.workers import Pace, Workers
from tests.fakes import telegram_limits, wecom_limits
from tests.fakes.telegram import TOKEN, USERNAME, FakeTelegram
from tests.fakes.wecom import FakeWeCom, serving
from tests.store.office import furnish, office, plainly, story

CALLS = 300
AT_ONCE = 8
TALKS = 40
ROUNDS = 10
MANY = 10**9


@dataclass(frozen=True)
class Line:
    """A desk with one channel. `call` delivers a message of this person as the platform does; `arrived` counts answers."""

    call: Callable[[str, str], Awaitable[None]]
    people: list[str]
    arrived: Callable[[], int]
    workers: Workers


Opens = Callable[[AsyncExitStack, Database, Script], Awaitable[Line]]


def desk(database: Database, channel: Channel, script: Script) -> tuple[Workers, Reception]:
    front = office(database, story(), MachineClock())  # type: ignore[arg-type]
    channels: dict[tuple[str, str], Any] = {(channel.name, channel.account): channel, ("desk", ""): front.staff_page}
    workers = Workers(front.desk, "bench", plainly, channels, lambda: 0.5, Pace(burst=timedelta(0), poll=timedelta(seconds=0.05)))
    return workers, Reception(workers, script.triage, (Post(1, channel),), "bench")


async def on_telegram(stack: AsyncExitStack, database: Database, script: Script) -> Line:
    """Telegram by webhook."""
    clock, secret = MachineClock(), "a-secret-of-some-length-0001"
    fake = FakeTelegram(clock.now)
    free = replace(telegram_limits.PER_CHAT, value=MANY)
    for name in ("PER_CHAT", "PER_GROUP", "OVERALL"):
        stack.enter_context(patch.object(telegram_limits, name, free))
    api = await stack.enter_async_context(serving(fake.app))
    account = TelegramAccount(
        "CY", "bot", USERNAME, TOKEN, webhook="https://desk.example", webhook_secret=secret, api=api
    )
    rate = Rate(MANY, timedelta(seconds=1))
    channel = HookedTelegram(
        account, Notes(database, 1, "telegram", "bot", clock), now=clock.now, sleep=asyncio.sleep, jitter=lambda: 0.5,
        pace=TelegramPace(clock.now, asyncio.sleep, overall=rate, per_chat=(rate,), per_group=(rate,)),
    )  # fmt: skip
    stack.push_async_callback(channel.close)
    workers, reception = desk(database, channel, script)
    url = await stack.enter_async_context(serving(Starlette(routes=reception.routes()))) + account.path
    client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, verify=False))

    async def call(who: str, words: str) -> None:
        fake.says(int(who), words)
        update = fake.pending.pop()
        answer = await client.post(url, json=update, headers={"X-Telegram-Bot-Api-Secret-Token": secret})
        assert answer.status_code == 200

    return Line(call, [str(fake.person()) for _ in range(TALKS)], lambda: len(fake.sent), workers)


async def on_wecom(stack: AsyncExitStack, database: Database, script: Script) -> Line:
    """WeCom."""
    clock = MachineClock()
    fake = FakeWeCom(clock.now, visible={f"member{n}" for n in range(TALKS)})  # type: ignore[arg-type]
    for name in ("PER_MINUTE", "PER_HOUR"):
        stack.enter_context(patch.object(wecom_limits, name, replace(wecom_limits.PER_MINUTE, value=MANY)))
    api = await stack.enter_async_context(serving(fake.app)) + "/cgi-bin/"
    account = WeComAccount("CY", "staff", fake.corp, fake.agent, fake.secret, (CallbackKey(fake.token, fake.aes_key),))
    channel = WeCom(account, Notes(database, 1, "wecom", "staff", clock), clock.now, base=api, pace=WeComPace(MANY))
    stack.push_async_callback(channel.close)
    workers, reception = desk(database, channel, script)
    url = await stack.enter_async_context(serving(Starlette(routes=reception.routes()))) + account.path
    client = await stack.enter_async_context(httpx.AsyncClient(trust_env=False, verify=False))
    count = 0

    async def call(who: str, words: str) -> None:
        nonlocal count
        count += 1
        message: Mapping[str, Any] = {"FromUserName": who, "MsgType": "text", "Content": words, "MsgId": str(10**18 + count)}
        query, body = fake.envelope(message)
        answer = await client.post(url, params=query, content=body)
        assert answer.status_code == 200

    return Line(call, sorted(fake.visible), lambda: sum(map(len, fake.chats.values())), workers)


#: A further channel is one line here.
CHANNELS: Mapping[str, Opens] = {"telegram": on_telegram, "wecom": on_wecom}


@asynccontextmanager
async def a_desk() -> AsyncIterator[Database]:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        database = Database(f"sqlite:///{Path(folder)}/desk.db")
        upgrade(database.writer)
        database.write(EVERY, furnish)
        try:
            yield database
        finally:
            database.close()


async def latency(line: Line) -> None:
    for at_once in (1, AT_ONCE):
        spans: list[float] = []
        waiting = iter(range(CALLS))

        async def caller(waiting: Any = waiting, spans: list[float] = spans) -> None:
            for number in waiting:
                begun = time.perf_counter()
                await line.call(line.people[number % TALKS], f"水管漏水{number}")
                spans.append((time.perf_counter() - begun) * 1000)

        await asyncio.gather(*(caller() for _ in range(at_once)))
        spans.sort()
        p95 = spans[int(len(spans) * 0.95)]
        print(f"  webhook to commit, {at_once} at once: median {statistics.median(spans):.1f} ms   p95 {p95:.1f} ms")


async def sustained(line: Line) -> None:
    line.workers.start()
    before, count = line.arrived(), TALKS * ROUNDS
    begun = time.perf_counter()

    async def person(who: str) -> None:
        for number in range(ROUNDS):
            await line.call(who, f"水管漏水{number}")

    await asyncio.gather(*(person(who) for who in line.people))
    taken = time.perf_counter() - begun

    def waits() -> bool:
        rows = line.workers.desk.database.read(EVERY,
            lambda c: c.exec_driver_sql(
                "SELECT (SELECT count(*) FROM inbox WHERE status = 'new')"
                " + (SELECT count(*) FROM outbox WHERE status IN ('ready', 'retry', 'claimed'))"
            ).scalar_one()
        )
        return bool(rows)

    while waits():
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - begun
    await line.workers.stop()
    print(f"  {count} messages of {TALKS} people at once: taken in at {count / taken:.0f} a second,")
    print(f"  heard and answered at {count / seconds:.0f} a second, in {line.arrived() - before} answers")


async def main() -> None:
    """Measure each channel."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    script = open_texts(ROOT)
    for name, opens in CHANNELS.items():
        print(f"{name}:")
        async with a_desk() as database, AsyncExitStack() as stack:
            line = await opens(stack, database, script)
            await latency(line)
            while await line.workers.hear_one() or await line.workers.send_some():
                pass
            await sustained(line)


if __name__ == "__main__":
    asyncio.run(main())
