"""A bad day: Telegram refuses and breaks off at random, the database goes away now and then, the process is started again and
again. Everything said is heard once, everything to be sent arrives, and no limit is broken."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from bot.channels import Message, SendError
from bot.channels.telegram import PolledTelegram
from bot.core.types import Button
from tests.fakes.telegram_stage import Stage, stage


def trouble(play: Stage, dice: random.Random) -> None:
    """Something goes wrong with one of the next calls."""
    method = dice.choice(["getUpdates", "sendMessage", "answerCallbackQuery"])
    match dice.randrange(5):
        case 0:
            play.telegram.refuse(method, 500, "Internal Server Error")
        case 1:
            play.telegram.refuse(method, 429, "Too Many Requests: retry after 9", retry_after=9)
        case 2:
            play.telegram.drop(method, done=dice.random() < 0.5)
        case 3:
            play.telegram.refuse("getUpdates", 409, "Conflict: terminated by other getUpdates request")
        case _:
            play.desk.failing += dice.randrange(3)


async def deliver(play: Stage, channel: PolledTelegram, chat: int, message: Message) -> bool:
    """As the outbox does: again until it is sent, or may have been. False: nobody knows."""
    for _ in range(8):
        try:
            await channel.send(str(chat), message)
            return True
        except SendError as error:
            if error.unconfirmed:
                return False
            assert error.retryable
            play.clock.at += error.after or timedelta(seconds=2)
    raise AssertionError("given up")


@pytest.mark.parametrize("seed", range(4))
async def test_a_bad_day(seed: int) -> None:
    dice = random.Random(seed)
    async with stage() as play:
        people = [play.telegram.person() for _ in range(4)]
        said: list[str] = []
        sure: list[str] = []
        perhaps: list[str] = []
        for number in range(40):
            if dice.random() < 0.5:
                trouble(play, dice)
            who = dice.choice(people)
            said.append(f"第{number}句")
            play.telegram.says(who, said[-1])
            # Starting takes a while, in which a chat's second has passed.
            play.clock.at += timedelta(seconds=2)
            channel = play.polled()
            if dice.random() < 0.3:
                await play.hear(channel)
            words = f"答{number}。" + "长" * dice.choice([10, 5000])
            message = Message(number, words, (Button("好", "ok"),))
            (sure if await deliver(play, channel, who, message) else perhaps).append(words)
            if play.telegram.sent and play.telegram.sent[-1].buttons:
                play.telegram.taps(play.telegram.sent[-1].chat, "好")
            await channel.close()
            play.open.remove(channel)
        play.desk.failing = 0
        await play.hear()
        assert Counter(text for text in play.desk.texts if text) == Counter(said)
        assert len(play.desk.heard) == play.telegram.next_update - 700_000_001
        read = "".join("".join(play.telegram.texts(who)) for who in people)
        for number in range(40):
            times = read.count(f"答{number}。")
            assert times <= 1, "nothing is said twice"
        assert all(read.count(words.split("。")[0] + "。") == 1 for words in sure)
        assert read.count("长") >= sum(words.count("长") for words in sure)
        assert play.telegram.violations == []
        assert sure and len(sure) + len(perhaps) == 40
