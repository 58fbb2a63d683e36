"""Short lives of the simulated estate, and that its oracle notices what is wrong: a guard taken out of an adapter shows.

The long run of 10,000 messages a channel is a command: docs/simulator.md.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import bindparam, select

from bot import outbox
from bot.channels import Message, SendError
from bot.channels.telegram.errors import refusal
from bot.channels.telegram.pace import Pace, Rate
from bot.channels.wechat.window import Windows
from bot.channels.wecom import repeats, troubles
from bot.channels.wecom.troubles import Trouble
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


# ── Guards ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def rough_day(channel: str, tamper: Any = lambda channel: None) -> Report:
    """A short life in which much goes wrong."""
    return simulate(Plan(channel, 11, messages=120, residents=12, rough=5.0, tamper=tamper))


def found(report: Report, words: str) -> bool:
    return any(words in fault for fault in report.faults)


@pytest.mark.parametrize("channel", sorted(platforms()))
def test_with_all_guards_a_rough_day_is_survived(channel: str) -> None:
    assert rough_day(channel).faults == ()


def test_telegram_without_its_pace_is_too_fast() -> None:
    def without(channel: Any) -> None:
        free = Rate(10**6, timedelta(seconds=1))
        channel._pace = Pace(channel._now, channel._sleep, overall=free, per_chat=(free,), per_group=(free,))

    assert found(rough_day("telegram", without), "too fast")


def test_telegram_acknowledged_before_it_is_kept_loses_messages() -> None:
    def without(channel: Any) -> None:
        hear = channel._hear

        async def hasty(update: Any, accept: Any) -> None:
            with suppress(OSError):
                await hear(update, accept)

        channel._hear = hasty

    assert found(rough_day("telegram", without), "acknowledged, but not in the inbox")


def test_telegram_that_tries_again_what_may_have_arrived_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    def again(error: Any) -> SendError:
        said = refusal(error)
        return SendError(str(said), retryable=said.retryable or said.unconfirmed, after=said.after)

    monkeypatch.setattr(import_module("bot.channels.telegram.channel"), "refusal", again)
    assert found(rough_day("telegram"), "but said")


def test_wecom_without_asking_for_doubles_gets_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "ASK", {})
    assert found(rough_day("wecom"), "but said")


def test_wecom_without_marks_has_equal_texts_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "mark", lambda number: "")
    assert found(rough_day("wecom"), "but arrived")


def test_wecom_acknowledged_before_it_is_kept_loses_messages() -> None:
    def without(channel: Any) -> None:
        keep = channel._keep

        async def hasty(heard: Any, accept: Any) -> None:
            with suppress(OSError):
                await keep(heard, accept)

        channel._keep = hasty

    assert found(rough_day("wecom", without), "acknowledged, but not in the inbox")


def test_wecom_without_a_fresh_token_fails_people_who_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(troubles, "TROUBLES", {**troubles.TROUBLES, 40014: Trouble("never", "the token is not valid")})
    assert found(rough_day("wecom"), "failed, though")


def test_wechat_without_counting_sends_beyond_its_windows() -> None:
    def without(channel: Any) -> None:
        channel.windows = Windows(channel._notebook, channel._now, strict=False)

    assert found(rough_day("wechat", without), "customer-service message")


def test_wechat_that_tries_again_what_may_have_arrived_doubles() -> None:
    def without(channel: Any) -> None:
        send = channel.send

        async def again(to: str, message: Message) -> str:
            try:
                return str(await send(to, message))
            except SendError as error:
                raise SendError(str(error), retryable=error.retryable, after=error.after) from None

        channel.send = again

    assert found(rough_day("wechat", without), "but said")


def test_wechat_that_repeats_on_being_asked_again_what_another_response_carried_doubles(monkeypatch: pytest.MonkeyPatch) -> None:
    everything = select(outbox.OUTBOX).where(
        outbox.OUTBOX.c.community_id == bindparam("community_id"),
        outbox.OUTBOX.c.conversation_id == bindparam("conversation_id"),
        outbox.OUTBOX.c.status == "sent_unconfirmed",
    )
    monkeypatch.setattr(outbox, "_SAID_AGAIN", everything)
    assert found(rough_day("wechat"), "but said")


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
