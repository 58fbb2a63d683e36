"""What the desk says in Telegram: cut to fit, at the pace Telegram allows, once; and what its refusals lead to."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from telegram.error import ChatMigrated, RetryAfter

from bot.channels import Message, SendError, in_language
from bot.channels.telegram import PolledTelegram
from bot.channels.telegram.errors import RULES, Rule, refusal, rule
from bot.channels.telegram.parts import split, units
from bot.core.types import Button, Media
from tests.fakes.telegram_stage import Stage, stage


@pytest.fixture
async def play() -> AsyncIterator[Stage]:
    async with stage() as made:
        yield made
        assert made.telegram.violations == []


async def refused(channel: PolledTelegram, to: int, message: Message) -> SendError:
    with pytest.raises(SendError) as caught:
        await channel.send(str(to), message)
    return caught.value


#: Three sentences of 1501 characters: two fit in one part, three do not.
LONG = "".join(word * 1500 + "。" for word in "一二三")


# ── What arrives ────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_message_arrives_with_its_buttons(play: Stage) -> None:
    fang = play.telegram.person()
    buttons = (Button("是的，确认提交", "confirm"), Button("修改", "edit:" + "x" * 200))
    number = await play.polled().send(str(fang), Message(7, "请确认：厨房水管漏水", buttons))
    (sent,) = play.telegram.sent
    assert (sent.text, str(sent.number)) == ("请确认：厨房水管漏水", number)
    assert sent.buttons == (("是的，确认提交", "7.0"), ("修改", "7.1")) and sent.rows == (1, 1)


async def test_a_rating_is_one_row(play: Stage) -> None:
    fang = play.telegram.person()
    await play.polled().send(str(fang), Message(7, "几分？", tuple(Button(f, f"rate:{f}") for f in "12345")))
    assert play.telegram.sent[0].rows == (5,)


@pytest.mark.parametrize(
    "text", ["*4栋* _703_ [x](http://a) `", "<b>漏水</b> &amp; <script>", "a_b*c", "https://desk.example/once/abc"]
)
async def test_words_are_never_markup_and_links_are_not_opened(play: Stage, text: str) -> None:
    fang = play.telegram.person()
    await play.polled().send(str(fang), Message(7, text))
    assert play.telegram.texts(fang) == [text]


async def test_a_long_message_is_cut_at_sentences_with_the_buttons_under_the_last(play: Stage) -> None:
    fang = play.telegram.person()
    await play.polled().send(str(fang), Message(7, LONG, (Button("好", "ok"),)))
    first, second = play.telegram.sent
    assert first.text + second.text == LONG and first.text.endswith("二。")
    assert first.buttons == () and second.buttons == (("好", "7.0"),)


async def test_what_counts_twice_is_counted_twice(play: Stage) -> None:
    fang = play.telegram.person()
    await play.polled().send(str(fang), Message(7, "😀" * 3000))
    assert [len(text) for text in play.telegram.texts(fang)] == [2048, 952]


async def test_photos_come_before_the_words(play: Stage) -> None:
    fang = play.telegram.person()
    pictures = {"a": b"picture a", "b": b"picture b"}

    async def picture(name: str) -> bytes:
        if name not in pictures:
            raise FileNotFoundError(name)
        return pictures[name]

    channel = play.polled(picture=picture)
    await channel.send(str(fang), Message(7, "换好了", (Button("谢谢", "thanks"),), photos=("a", "b")))
    assert [(m.photo, m.text, len(m.buttons)) for m in play.telegram.sent] == [
        (b"picture a", "", 0), (b"picture b", "", 0), (b"", "换好了", 1),
    ]  # fmt: skip
    assert not (await refused(channel, fang, Message(8, "", photos=("gone",)))).retryable
    assert not (await refused(play.polled(), fang, Message(9, "", photos=("a",)))).retryable


async def test_nothing_is_not_sent(play: Stage) -> None:
    assert not (await refused(play.polled(), play.telegram.person(), Message(7, " \n "))).retryable


@given(st.text(max_size=300), st.integers(20, 60))
def test_parts_fit_and_lose_no_word(text: str, longest: int) -> None:
    parts = split(text, longest)
    assert all(part and part == part.strip() and units(part) <= longest for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("longest", "parts"),
    [
        (14, ("第一句。第二句很长很长。", "第三句又来")),
        (30, ("Costs 3.50 yuan today.", "Thanks a lot, Mrs Wang")),
        (12, ("他说：“好的。”", "然后他就走了出去了")),
        (12, ("第一段，在这里", "第二段，在这里。对")),
        (11, ("第一行\n第二行", "第三行，再见")),
        (10, ("没有标点的话一直说", "下去")),
        (18, ("漏水漏水漏水漏水漏水漏水", "👨‍👩‍👧")),
    ],
)
def test_where_a_text_is_cut(longest: int, parts: tuple[str, str]) -> None:
    between = {"T": " ", "第二段": "\n\n", "第三行": "\n", "下去": " "}
    gap = next((g for start, g in between.items() if parts[1].startswith(start)), "")
    assert split(parts[0] + gap + parts[1], longest) == parts


# ── Once ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_second_try_sends_only_the_parts_that_did_not_go(play: Stage) -> None:
    fang = play.telegram.person()
    channel = play.polled()
    message = Message(7, LONG + LONG, (Button("好", "ok"),))
    play.telegram.refuse("sendMessage", 500, "Internal Server Error")
    assert (await refused(channel, fang, message)).retryable
    play.clock.at += timedelta(seconds=2)
    await play.polled().send(str(fang), message)
    assert "".join(play.telegram.texts(fang)) == LONG + LONG
    before = len(play.telegram.sent)
    again = await play.polled().send(str(fang), message)
    assert len(play.telegram.sent) == before and again == str(play.telegram.sent[-1].number)


async def test_a_second_try_in_the_middle(play: Stage) -> None:
    fang = play.telegram.person()
    channel = play.polled()
    assert len(split(LONG + LONG)) == 3

    async def breaks_at_the_second(seconds: float) -> None:
        # The pause before the second part: from now on Telegram is disturbed for one call.
        await play.clock.sleep(seconds)
        if len(play.telegram.sent) == 1 and not play.telegram._refusals["sendMessage"]:
            play.telegram.refuse("sendMessage", 502, "Bad Gateway")

    channel._pace._sleep = breaks_at_the_second
    assert (await refused(channel, fang, Message(7, LONG + LONG))).retryable
    assert len(play.telegram.sent) == 1
    await play.polled().send(str(fang), Message(7, LONG + LONG))
    assert "".join(play.telegram.texts(fang)) == LONG + LONG


@pytest.mark.parametrize("done", [True, False])
async def test_a_connection_that_breaks_may_have_carried_the_message(play: Stage, done: bool) -> None:
    fang = play.telegram.person()
    play.telegram.drop("sendMessage", done=done)
    assert (await refused(play.polled(), fang, Message(7, "您好"))).unconfirmed
    assert len(play.telegram.sent) == done


@pytest.mark.parametrize("done", [True, False])
async def test_a_part_that_may_have_arrived_is_not_repeated_and_the_rest_follows(play: Stage, done: bool) -> None:
    fang = play.telegram.person()
    play.telegram.drop("sendMessage", done=done)
    error = await refused(play.polled(), fang, Message(7, LONG))
    assert error.retryable and not error.unconfirmed
    play.clock.at += timedelta(seconds=5)
    for _ in range(2):
        assert (await refused(play.polled(), fang, Message(7, LONG))).unconfirmed, "staff see that nobody knows"
    assert "".join(play.telegram.texts(fang)) == (LONG if done else LONG[-1501:])


async def test_a_server_that_was_not_reached_is_tried_again(play: Stage) -> None:
    fang = play.telegram.person()
    channel = play.polled()
    channel._bot._base_url = channel._bot._base_url.replace(play.telegram.url, "http://127.0.0.1:9")
    error = await refused(channel, fang, Message(7, "您好"))
    assert error.retryable and not error.unconfirmed


async def test_a_very_long_message_takes_several_goes(play: Stage) -> None:
    fang = play.telegram.person()
    goes = 0
    while True:
        goes += 1
        try:
            await play.polled().send(str(fang), Message(7, LONG * 4))
            break
        except SendError as error:
            assert error.retryable and not error.unconfirmed
            play.clock.at += timedelta(seconds=2)
    assert goes > 1 and "".join(play.telegram.texts(fang)) == LONG * 4


# ── Pace ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_a_second_in_a_chat_twenty_a_minute_in_a_group(play: Stage) -> None:
    channel = play.polled()
    fang, group = play.telegram.person(), play.telegram.group()
    for number in range(5):
        await channel.send(str(fang), Message(number, f"{number}"))
    began, late = play.clock.at, 0
    for number in range(45):
        try:
            await channel.send(str(group), Message(100 + number, f"{number}"))
        except SendError as wait:
            assert wait.retryable and wait.after is not None
            late += 1
            play.clock.at += wait.after
            await channel.send(str(group), Message(100 + number, f"{number}"))
    assert play.telegram.texts(group) == [str(n) for n in range(45)]
    assert late == 2 and play.clock.at - began > timedelta(minutes=2)


async def test_thirty_a_second_to_many(play: Stage) -> None:
    channel = play.polled()
    began = play.clock.at
    for number in range(100):
        await channel.send(str(play.telegram.person()), Message(number, "今晚停水"))
    assert len(play.telegram.sent) == 100
    assert timedelta(seconds=3) <= play.clock.at - began <= timedelta(seconds=4)


async def test_those_who_wait_together_keep_apart(play: Stage) -> None:
    channel = play.polled()
    people = [play.telegram.person() for _ in range(40)]

    async def lane(who: int) -> None:
        for number in range(3):
            await channel.send(str(who), Message(who * 10 + number, "今晚停水"))

    began = play.clock.at
    await asyncio.gather(*(lane(who) for who in people))
    assert len(play.telegram.sent) == 120
    assert play.clock.at - began >= timedelta(seconds=3)


async def test_a_chat_that_must_wait_holds_up_no_other(play: Stage) -> None:
    channel = play.polled()
    fang, ming = play.telegram.person(), play.telegram.person()
    play.telegram.refuse("sendMessage", 429, "Too Many Requests: retry after 40", retry_after=40)
    error = await refused(channel, fang, Message(1, "您好"))
    assert error.retryable and error.after == timedelta(seconds=40)
    await channel.send(str(ming), Message(2, "您好"))
    later = await refused(channel, fang, Message(3, "还有"))
    assert later.retryable and later.after is not None and timedelta(seconds=30) < later.after <= error.after
    assert play.telegram.calls.count("sendMessage") == 2
    play.clock.at += error.after
    await channel.send(str(fang), Message(1, "您好"))


async def test_a_short_wait_is_waited(play: Stage) -> None:
    channel = play.polled()
    fang = play.telegram.person()
    play.telegram.refuse("sendMessage", 429, "Too Many Requests: retry after 3", retry_after=3)
    await refused(channel, fang, Message(1, "您好"))
    await channel.send(str(fang), Message(1, "您好"))
    assert sum(play.clock.slept) == pytest.approx(3)


async def test_of_many_chats_the_quiet_are_forgotten(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.telegram.pace._MANY", 10)
    channel = play.polled()
    for number in range(30):
        await channel.send(str(play.telegram.person()), Message(number, "您好"))
        play.clock.at += timedelta(minutes=2)
    assert len(channel._pace._chats) <= 10


# ── Refusals ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_who_blocked_the_bot_is_telephoned(play: Stage) -> None:
    fang = play.telegram.person()
    play.telegram.blocks(fang)
    error = await refused(play.polled(), fang, Message(1, "您好"))
    assert not error.retryable and not error.unconfirmed and "打电话" in str(error) and "telephone" in str(error)


@pytest.mark.parametrize(
    ("status", "description", "retryable"),
    [
        (403, "Forbidden: user is deactivated", False),
        (403, "Forbidden: bot can't initiate conversation with a user", False),
        (403, "Forbidden: bot was kicked from the supergroup chat", False),
        (400, "Bad Request: chat not found", False),
        (400, "Bad Request: not enough rights to send text messages to the chat", False),
        (400, "Bad Request: something new", False),
        (401, "Unauthorized", True),
        (404, "Not Found", True),
        (500, "Internal Server Error", True),
        (502, "Bad Gateway", True),
        (503, "Service Unavailable", True),
        (420, "FLOOD", True),
    ],
)
async def test_what_refusals_lead_to(play: Stage, status: int, description: str, retryable: bool) -> None:
    play.telegram.refuse("sendMessage", status, description)
    error = await refused(play.polled(), play.telegram.person(), Message(1, "您好"))
    assert (error.retryable, error.unconfirmed, error.after) == (retryable, False, None)
    assert description not in str(error)


@pytest.mark.parametrize("line", RULES, ids=lambda line: f"{line.error.__name__} {line.says}")
def test_every_line_of_the_table_is_reached(line: Rule) -> None:
    values: dict[type, Any] = {ChatMigrated: -100, RetryAfter: timedelta(seconds=5)}
    error = line.error(values.get(line.error, f"Some words, {line.says.upper()}!"))
    assert rule(error) is line
    assert refusal(error).unconfirmed == (line.verdict == "unconfirmed")
    assert in_language(line.words, "zh").endswith("。") and in_language(line.words, "en").isascii()


async def test_a_gateway_that_gave_up_may_have_carried_the_message(play: Stage) -> None:
    play.telegram.refuse("sendMessage", 504, "Gateway Timeout")
    assert (await refused(play.polled(), play.telegram.person(), Message(1, "您好"))).unconfirmed


async def test_a_group_that_moved_is_followed_and_remembered(play: Stage) -> None:
    fang, group = play.telegram.person(), play.telegram.group()
    new = play.telegram.upgrades(fang, group)
    await play.polled().send(str(group), Message(1, "电梯已修好"))
    play.clock.at += timedelta(days=200)
    await play.polled().send(str(group), Message(2, "请放心使用"))
    assert play.telegram.texts(new) == ["电梯已修好", "请放心使用"]


async def test_a_group_that_says_it_moved_is_followed_at_once(play: Stage) -> None:
    fang, group = play.telegram.person(), play.telegram.group()
    new = play.telegram.upgrades(fang, group, told=True)
    assert await play.hear() == []
    await play.polled().send(str(group), Message(1, "电梯已修好"))
    assert play.telegram.texts(new) == ["电梯已修好"] and play.telegram.calls.count("sendMessage") == 1


# ── Files ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_photo_that_cannot_be_had(play: Stage) -> None:
    channel = play.polled()
    for reference, retryable in (
        ("never-heard-of", True),
        (play.telegram.file(bytes(20 * 1024 * 1024 + 1)), False),
    ):
        with pytest.raises(SendError) as caught:
            await channel.fetch(Media("photo", reference))
        assert caught.value.retryable == retryable and not caught.value.unconfirmed


async def test_a_photo_is_tried_again_after_a_failure(play: Stage) -> None:
    channel = play.polled()
    photo = Media("photo", play.telegram.file(b"a leak"))
    play.telegram.drop("getFile", done=True)
    with pytest.raises(SendError) as caught:
        await channel.fetch(photo)
    assert caught.value.retryable and not caught.value.unconfirmed
    assert await channel.fetch(photo) == b"a leak"


async def test_a_link_that_ended_is_asked_for_again(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    channel = play.polled()
    photo = Media("photo", play.telegram.file(b"a leak"))
    monkeypatch.setattr("tests.fakes.telegram.limits.FILE_LINK", type("Ended", (), {"value": -1}))
    with pytest.raises(SendError) as caught:
        await channel.fetch(photo)
    assert caught.value.retryable
    monkeypatch.undo()
    assert await channel.fetch(photo) == b"a leak"
