"""Guards of the WeChat channel, taken away: then a message is lost or doubled, a stranger is obeyed, or a secret is written.

It shows that they are needed and that the fake, or the resident, would notice. The guards that belong to one story are taken
away beside it: of callers in `test_wechat_callers`, of windows and long texts in `test_wechat_sending`, of the token and the
menu in `test_wechat_interface`, of the waiting connection in `test_wechat`.
"""

from __future__ import annotations

import itertools
import logging
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from bot.channels import Receipt, SendError
from bot.channels.wechat import WeChat, client, envelope, inbound
from bot.channels.wechat.inbound import Arrival
from bot.core.types import Media
from tests.channels.wechat_stage import SEND, Stage, opened


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with opened() as made:
        yield made


async def test_acknowledged_before_it_is_kept_a_message_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = WeChat._answer

    async def hasty(self: WeChat, gone: Any, opened: Any, arrival: Any, accept: Any, answers: Any, since: float) -> Any:
        async def hopeful(message: Any) -> Receipt:
            with suppress(OSError):
                await accept(message)
            return Receipt(0, 0, True)

        return await answer(self, gone, opened, arrival, hopeful, answers, since)

    monkeypatch.setattr(WeChat, "_answer", hasty)
    async with opened(patience=0.05) as stage:
        stage.desk.refusals = 1
        exchange = await stage.wechat.say("厨房漏水了")
        assert exchange.answers == [(200, "success")] and stage.desk.inbox == {}


async def test_without_wechats_own_number_a_redelivery_is_a_second_message(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    read, numbers = inbound.read, itertools.count(1)

    def numbered_anew(account: str, xml: str) -> Arrival:
        arrival = read(account, xml)
        assert arrival.inbound is not None
        return replace(arrival, inbound=replace(arrival.inbound, external_id=str(next(numbers))))

    monkeypatch.setattr(inbound, "read", numbered_anew)
    exchange = await stage.wechat.say("厨房漏水了")
    await stage.wechat.post(exchange)
    assert [m.text for m in stage.desk.heard] == ["厨房漏水了"] * 2


async def test_without_minding_wechats_word_a_closed_window_is_knocked_at_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def deaf(openid: str) -> None: ...

    monkeypatch.setattr(stage.channel.windows, "closed", deaf)
    await stage.wechat.say("厨房漏水了")
    for _ in range(2):
        stage.wechat.fail(SEND, 45015)
        with pytest.raises(SendError):
            await stage.send("进展")
    assert stage.wechat.called(SEND) == 2


async def test_without_looking_at_the_host_any_address_would_be_fetched(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    secret = stage.wechat.sends(b"what is inside the office's network")
    elsewhere = Media("photo", f"gone {stage.wechat.url.replace('127.0.0.1', 'localhost')}/mmbiz/{secret}")
    stage.wechat.unauthorised.add("/cgi-bin/media/get")
    with pytest.raises(SendError):
        await stage.channel.fetch(elsewhere)
    monkeypatch.setattr(stage.channel.client, "_pictures", ("localhost",))
    assert await stage.channel.fetch(elsewhere) == b"what is inside the office's network"


async def test_without_an_end_a_file_of_any_size_is_read(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = stage.wechat.sends(b"x" * (client.LARGEST_FILE + 1))
    with pytest.raises(SendError):
        await stage.channel.fetch(Media("photo", photo))
    monkeypatch.setattr(client, "LARGEST_FILE", 10**12)
    assert len(await stage.channel.fetch(Media("photo", photo))) > 12 * 1024 * 1024


async def test_an_echo_that_is_not_looked_at_is_sent_back_whatever_it_is(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(envelope, "_ECHO", re.compile(".*", re.DOTALL))
    assert (await stage.wechat.verify(echostr="<script>alert(1)</script>")).text == "<script>alert(1)</script>"


async def test_httpx_would_log_the_token(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    await stage.wechat.say("x")
    with caplog.at_level(logging.INFO, logger="httpx"):
        await stage.send("1")
    assert await stage.channel.client.token() in caplog.text
