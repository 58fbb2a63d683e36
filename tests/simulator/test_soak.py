"""Short lives of the simulated estate, and that its oracle notices what is wrong. The adapters' guards: `test_guards`.

The long run of 10,000 messages a channel is a command: docs/simulator.md.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest

from bot.channels import Message
from simulator.platforms import platforms
from simulator.virtual_time import VirtualLoop
from simulator.world import Plan, Report, simulate
from tests.fakes.wecom import serving


@pytest.mark.parametrize("seed", [1])
@pytest.mark.parametrize("channel", sorted(platforms()))
def test_every_message_is_answered_none_is_lost_none_comes_twice(channel: str, seed: int) -> None:
    report = simulate(Plan(channel, seed, messages=250, residents=24))
    assert report.faults == (), report.plan.command
    assert report.figures["messages in"] >= 250 and report.figures["tickets"] > 5
    assert sum(report.happened.values()) > 10, "something went wrong on the way"


def test_a_seed_replays() -> None:
    first, again, other = (
        simulate(Plan("telegram", seed, messages=60, residents=8, rough=3.0)) for seed in (5, 5, 6)
    )
    assert first.digest == again.digest and first.happened == again.happened
    assert first.digest != other.digest


# ── A rough day ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def rough_day(channel: str, tamper: Any = lambda channel: None) -> Report:
    """A short life in which much goes wrong."""
    return simulate(Plan(channel, 11, messages=120, residents=12, rough=5.0, tamper=tamper))


def found(report: Report, words: str) -> bool:
    return any(words in fault for fault in report.faults)


@pytest.mark.parametrize("channel", sorted(platforms()))
def test_with_all_guards_a_rough_day_is_survived(channel: str) -> None:
    assert rough_day(channel).faults == ()


def test_a_channel_that_only_says_it_sent_is_found_out() -> None:
    def without(channel: Any) -> None:
        send, count = channel.send, 0

        async def careless(to: str, message: Message) -> str:
            nonlocal count
            count += 1
            return "0" if count % 10 == 0 else str(await send(to, message))

        channel.send = careless

    report = rough_day("telegram", without)
    assert found(report, "but arrived") and found(report, "not answered")


# ── Time ────────────────────────────────────────────────────────────────────────────────────────────────────────────


def lived(life: Any) -> float:
    """How long it took on the loop's own clock."""
    loop = VirtualLoop()
    try:
        loop.run_until_complete(life)
        return loop.time()
    finally:
        loop.close()


def test_a_day_of_waiting_is_over_at_once_and_a_time_out_comes_in_its_turn() -> None:
    order: list[str] = []

    async def wait(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        order.append(name)

    async def life() -> None:
        day = asyncio.create_task(wait("day", 86400))
        with suppress(TimeoutError):
            async with asyncio.timeout(60):
                await asyncio.Event().wait()
        order.append("minute")
        await day

    begun = time.monotonic()
    assert lived(life()) == 86400
    assert order == ["minute", "day"] and time.monotonic() - begun < 3600


def test_time_stands_still_while_somebody_computes_or_speaks() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"400000")]})
        await send({"type": "http.response.body", "body": b"x" * 400000})

    async def life() -> None:
        waiting = asyncio.create_task(asyncio.sleep(1000))
        await asyncio.to_thread(sum, range(300000))
        async with serving(app) as url:
            reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rsplit(":", 1)[1]))
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert len(await reader.read(-1)) > 400000
            writer.close()
        assert asyncio.get_running_loop().time() < 1
        await waiting

    assert lived(life()) == 1000
