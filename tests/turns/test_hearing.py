"""What the dialogue hears of several messages that came at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.app import NoNlu
from bot.channels import Inbound
from bot.core.codec import state_to_json
from bot.core.types import State
from bot.hearing import Ear
from bot.store import Claim, Received
from tests.texts import office_texts

NOW = datetime(2027, 3, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        (["厨房", "水槽", "堵了"], "厨房\n水槽\n堵了"),
        (["1", "1"], "1"),  # a number typed twice picks once; it is no text of "1 1"
        (["在吗", " 在吗 ", "", "在吗", "家里停水"], "在吗\n家里停水"),
        (["4栋", "1单元", "4栋"], "4栋\n1单元\n4栋"),
    ],
)
async def test_what_is_said_twice_in_a_row_is_heard_once(said: list[str], heard: str) -> None:
    rows = tuple(Received(i, Inbound("wechat", "bot", f"m{i}", "wang", words), NOW, 0, None) for i, words in enumerate(said))
    claim = Claim("w1:1", NOW + timedelta(minutes=1), 1, 1, None, state_to_json(State()), rows)
    hearing = await Ear(NoNlu(), office_texts()).hear(claim)
    assert hearing.heard.text == heard
