"""Guards of the WeCom channel whose story is not told in `test_wecom`, taken away: then the desk hears what is not for it, reads
without end, or the platform complains. Those of `test_wecom` are taken away beside their story, in the tests that end in
`_without_it`.
"""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import AsyncIterator
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest

from bot.channels import Message, SendError
from bot.channels.wecom import cardbook, channel, inbound
from bot.core.types import Button, Media
from tests.channels.lines import Desk, WeComLine
from tests.fakes.wecom import Fault


@pytest.fixture
async def line() -> AsyncIterator[WeComLine]:
    made = WeComLine(Desk())
    async with made.open():
        yield made


async def test_a_message_for_another_application_is_heard_without_it(line: WeComLine, monkeypatch: pytest.MonkeyPatch) -> None:
    async def to_another() -> None:
        await line._delivers(MsgType="text", Content="批了", AgentID=1000003)

    await to_another()
    assert line.desk.heard == []
    read = inbound.read
    monkeypatch.setattr(inbound, "read", lambda xml, account: read(re.sub(r"(?<=<AgentID>)\d+", str(account.agent), xml), account))
    await to_another()
    assert [m.text for m in line.desk.heard] == ["批了"]


async def test_a_redelivery_is_a_second_message_without_it(line: WeComLine, monkeypatch: pytest.MonkeyPatch) -> None:
    read, numbers = inbound.read, itertools.count(1)

    def numbered_anew(xml: str, account: Any) -> inbound.Heard:
        heard = read(xml, account)
        assert heard.inbound is not None
        return inbound.Heard(replace(heard.inbound, external_id=str(next(numbers))))

    monkeypatch.setattr(inbound, "read", numbered_anew)
    await line.says("修好了")
    await line.again()
    assert [m.text for m in line.desk.heard] == ["修好了"] * 2


async def test_a_photo_of_any_size_is_read_without_it(line: WeComLine, monkeypatch: pytest.MonkeyPatch) -> None:
    line.platform.files["pic"] = b"x" * (channel.LARGEST_PHOTO + 1)
    with pytest.raises(SendError):
        await line.channel.fetch(Media("photo", "pic"))
    monkeypatch.setattr(channel, "LARGEST_PHOTO", 10**12)
    assert len(await line.channel.fetch(Media("photo", "pic"))) > 20 * 1024 * 1024


async def test_many_sends_at_once_draw_many_tokens_without_it(line: WeComLine) -> None:
    line.channel._api._fetching = nullcontext()
    await asyncio.gather(*(line.send(f"第{n}条", number=n) for n in range(1, 9)))
    assert line.platform.tokens_given == 8
    assert line.violations == ["gettoken is called again and again while the token is good"] * 2


@pytest.mark.parametrize("guarded", [True, False])
async def test_a_card_that_never_went_out_stays_in_doubt_without_it(line: WeComLine, monkeypatch: pytest.MonkeyPatch, guarded: bool) -> None:
    async def forget(self: cardbook.CardBook, message_id: int) -> None: ...

    if not guarded:
        monkeypatch.setattr(cardbook.CardBook, "withdraw", forget)
    job = Message(7, "漏水\n3栋", (Button("接单", "take:7"),))
    line.platform.faults = [Fault("message/send", 503)]
    with pytest.raises(SendError):
        await line.channel.send("wang", job)
    line.platform.callback_verified = False  # the platform does not like the card, so the words go as text
    if guarded:
        await line.channel.send("wang", job)
        assert line.seen() == ["漏水\n3栋\n\n1. 接单"]
    else:
        with pytest.raises(SendError) as doubtful:
            await line.channel.send("wang", job)
        assert doubtful.value.unconfirmed and line.seen() == []
