"""Two processes serve one bot. The one that listens is killed with SIGKILL; the other takes over when its lease has ended, and
nothing that was written to the bot is lost or heard twice. PostgreSQL alone: SQLite is for one process.

The processes, the platform and the lease share a clock that runs twenty times as fast, so that a lease of 30 s ends in 1.5 s.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

import bot.database
from bot.channels.telegram import PolledTelegram, TelegramAccount
from bot.core.domain import Script
from bot.database import EVERY, Database
from bot.notebook import Notes
from bot.reception import Post, Reception
from bot.tables import table
from bot.workers import Pace, Workers
from tests.fakes.telegram import TOKEN, USERNAME, FakeTelegram
from tests.fakes.wecom import serving
from tests.store.engines import postgres_server, postgres_url, sqlite_template
from tests.store.office import LEASE, MORNING, open_office, plainly, story
from tests.store.office import office as office_of
from tests.texts import office_texts

__all__ = ["postgres_server", "postgres_url", "sqlite_template"]

SPEED = 20
TEXTS: Script = office_texts()


class FastClock:
    """The machine's time, faster. Forked processes agree on it."""

    def __init__(self) -> None:
        self._begun = time.monotonic()

    def now(self) -> datetime:
        return MORNING + timedelta(seconds=(time.monotonic() - self._begun) * SPEED)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / SPEED)


def process(url: str, api: str, clock: FastClock, die_at: str) -> int:
    """A process of the desk; its number. It kills itself at the third passing of the point `die_at`, where one is named."""
    child = os.fork()
    if child:
        return child
    try:
        passed: Counter[str] = Counter()

        def hook(name: str) -> None:
            passed[name] += 1
            if name == die_at and passed[name] == 3:
                os.kill(os.getpid(), signal.SIGKILL)

        bot.database.crash_hook = hook
        asyncio.run(serve(url, api, clock))
    finally:
        os._exit(1)


async def serve(url: str, api: str, clock: FastClock) -> None:
    database = Database(url)
    holder = f"process-{os.getpid()}"
    front = office_of(database, story(), clock, holder)  # type: ignore[arg-type]  # a clock that moves by itself
    account = TelegramAccount("CY", "bot", USERNAME, TOKEN, api=api)
    notes = Notes(database, 1, "telegram", "bot", clock)
    channel = PolledTelegram(account, notes, now=clock.now, sleep=clock.sleep, jitter=lambda: 0.5)
    channels: dict[tuple[str, str], Any] = {("telegram", "bot"): channel, ("desk", ""): front.staff_page}
    # So long a burst that nothing is on its way to the platform when the process dies: then not even an answer may double.
    pace = Pace(lease=LEASE, burst=timedelta(seconds=30), poll=timedelta(seconds=0.1))
    workers = Workers(front.desk, holder, plainly, channels, lambda: 0.5, pace)
    workers.start()
    Reception(workers, TEXTS.triage, (Post(1, channel),), holder, timedelta(seconds=0.2)).start()
    await asyncio.Event().wait()


async def until(true: Any, seconds: float = 60.0) -> None:
    async with asyncio.timeout(seconds):
        while not true():
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("die_at", ["", "accept.inbox", "accept.committed"])
def test_another_process_takes_over_and_nothing_is_lost_or_heard_twice(postgres_url: str, die_at: str) -> None:
    asyncio.run(play(postgres_url, die_at))


async def play(url: str, die_at: str) -> None:
    """`die_at` empty: the listening process is killed while it waits for news; else while it keeps what came."""
    clock = FastClock()
    telegram = FakeTelegram(clock.now, longest_hold=0.5)
    children: list[int] = []
    async with AsyncExitStack() as stack:
        database = Database(url)
        stack.callback(database.close)
        front = open_office(database)
        api = await stack.enter_async_context(serving(telegram.app))

        def end() -> None:
            for child in children:
                os.kill(child, signal.SIGKILL)
                os.waitpid(child, 0)

        stack.callback(end)

        def listener() -> int:
            lease = table("lease")
            held = database.read(EVERY, lambda c: c.scalar(select(lease.c.holder)))
            return int(held.removeprefix("process-")) if held else 0

        children.append(process(url, api, clock, die_at))
        await until(lambda: listener() == children[0])
        children.append(process(url, api, clock, ""))
        people = [telegram.person() for _ in range(4)]
        said: list[str] = []

        def everybody_says(what: str) -> None:
            for person in people:
                said.append(f"{what}{person}")
                telegram.says(person, said[-1])

        everybody_says("漏水")
        if not die_at:
            await until(lambda: not telegram.pending and telegram._poll is not None)
            os.kill(children[0], signal.SIGKILL)
        _, status = await asyncio.to_thread(os.waitpid, children[0], 0)
        assert os.WTERMSIG(status) == signal.SIGKILL
        assert listener() == children[0], "nobody gave the lease back"
        del children[0]
        everybody_says("还在漏")
        await until(lambda: listener() == children[0])

        def heard() -> list[str]:
            answers = [text for person in people for text in telegram.texts(person)]
            return sorted(line for text in answers for line in text.removeprefix("您说:").splitlines())

        await until(lambda: len(heard()) >= len(said))
        await until(lambda: {s for (s,) in front.rows("outbox", "status")} == {"sent"} and not telegram.pending)
        assert heard() == sorted(said)
        assert {s for (s,) in front.rows("inbox", "status")} == {"done"}
        assert sorted(p["text"] for (p,) in front.rows("inbox", "payload")) == sorted(said)
        assert telegram.violations == []
