"""Each guard of the Telegram channel, taken away: then a message is lost or doubled, or the fake reports a violation.

It shows that the guards are needed and that the fake would notice. What happens with them is in the tests of hearing and
sending.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from importlib import import_module
from typing import Any

import httpx
import pytest
from telegram import Update
from telegram.error import BadRequest

from bot.channels import Accept, Message, SendError
from bot.channels.telegram import HookedTelegram, PolledTelegram, checking, errors, parts
from bot.channels.telegram.pace import PER_CHAT, Pace, Rate
from bot.core.types import Button, Media
from tests.fakes.telegram import TOKEN
from tests.fakes.telegram_stage import SECRET, Forgetful, Stage, stage

#: The module; the package has a function of that name.
CHANNEL = import_module("bot.channels.telegram.channel")
#: Three sentences of 1501 characters: two fit in one part, three do not.
LONG = "".join(word * 1500 + "。" for word in "一二三")


@pytest.fixture
async def play() -> AsyncIterator[Stage]:
    async with stage() as made:
        yield made


@pytest.fixture
async def hook() -> AsyncIterator[Stage]:
    async with stage(webhook=True) as made:
        await checking.prepare(made.hooked()[0]._api, made.account, ())
        yield made


async def tries(channel: PolledTelegram, chat: int, *messages: Message) -> None:
    """Send, and again what was refused for now."""
    for message in messages:
        try:
            await channel.send(str(chat), message)
        except SendError as error:
            if error.retryable:
                await channel.send(str(chat), message)


# ── Hearing ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_acknowledged_before_it_is_kept_a_message_is_lost(play: Stage) -> None:
    class Hasty(PolledTelegram):
        async def _hear(self, update: Update, accept: Accept) -> None:
            with suppress(RuntimeError):
                await super()._hear(update, accept)

    play.telegram.says(play.telegram.person(), "漏水")
    play.desk.failing = 1
    await play.hear(play.polled(Hasty))
    assert play.desk.heard == [] and play.telegram.forgotten == [700000001]


async def test_a_webhook_that_thanks_too_early_loses_a_message(
    hook: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = HookedTelegram._hear

    async def hasty(self: HookedTelegram, update: Update, accept: Accept) -> None:
        with suppress(RuntimeError):
            await kept(self, update, accept)

    monkeypatch.setattr(HookedTelegram, "_hear", hasty)
    _, app = hook.hooked()
    hook.telegram.says(hook.telegram.person(), "漏水")
    hook.desk.failing = 1
    assert await hook.telegram.push(app) == [200]
    assert hook.desk.heard == [] and hook.telegram.pending == []


async def test_without_the_secret_anybody_is_heard(hook: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(HookedTelegram, "_knows", lambda self, shown: True)
    _, app = hook.hooked()
    forged = {"update_id": 1, "message": hook.telegram._message(hook.telegram.person(), 5000, text="我是业主")}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        await client.post(hook.account.webhook_url, json=forged)
    assert hook.desk.texts == ["我是业主"]


async def test_without_the_cap_a_body_of_any_size_is_read(hook: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CHANNEL, "LARGEST_BODY", 10**12)
    _, app = hook.hooked()
    sent = 0

    async def long() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 65536
            yield b" " * 65536

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        await client.post(
            hook.account.webhook_url, content=long(), headers={"X-Telegram-Bot-Api-Secret-Token": SECRET}
        )
    assert sent == 100 * 65536


async def test_without_asking_for_kinds_those_the_last_program_asked_for_come(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    play.telegram.allowed = frozenset({"message"})
    monkeypatch.setattr(CHANNEL, "ALLOWED", None)
    await play.hear()
    play.telegram.blocks(play.telegram.person())
    assert await play.hear() == [] and play.telegram.not_wanted == ["my_chat_member"]


async def test_with_an_old_offset_numbers_that_start_anew_are_lost(play: Stage) -> None:
    class Stubborn(PolledTelegram):
        async def _poll(self, accept: Accept) -> None:
            before = self._offset
            await super()._poll(accept)
            self._offset = self._offset or before

    play.telegram.longest_hold = 0
    fang = play.telegram.person()
    async with play.listening(play.polled(Stubborn)):
        play.telegram.says(fang, "第一周")
        await play.telegram.quiet()
        play.telegram.next_update = 17
        play.telegram.says(fang, "一周以后")
        await play.telegram.quiet()
    assert play.desk.texts == ["第一周"] and 17 in play.telegram.forgotten


async def test_one_unreadable_update_would_hold_up_all(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.telegram.api.readable", lambda raw: raw)
    monkeypatch.setattr(logging.getLogger("telegram.Bot"), "disabled", True)
    play.telegram.raw({"message": {"text": "?"}})
    play.telegram.says(play.telegram.person(), "后面这条")
    channel = play.polled()
    for _ in range(3):
        with pytest.raises((TypeError, KeyError)):
            await channel._poll(play.desk.accept)
    assert play.desk.heard == []


async def test_without_answers_the_buttons_clocks_run_on(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def silent(self: PolledTelegram, query: str) -> None:
        return None

    monkeypatch.setattr(PolledTelegram, "_answer", silent)
    fang, channel = play.telegram.person(), play.polled()
    await channel.send(str(fang), Message(1, "几分？", (Button("5", "rate:5"),)))
    query = play.telegram.taps(fang, "5")
    await play.hear(channel)
    assert play.telegram.unanswered == [query]


async def test_an_answer_that_is_too_late_would_be_a_fault(play: Stage) -> None:
    class Strict(PolledTelegram):
        async def _answer(self, query: str) -> None:
            await self._bot.answer_callback_query(query)

    fang, channel = play.telegram.person(), play.polled(Strict)
    await channel.send(str(fang), Message(1, "几分？", (Button("5", "rate:5"),)))
    play.telegram.taps(fang, "5")
    await play.clock.sleep(3600)
    with pytest.raises(BadRequest, match="too old"):
        await play.hear(channel)


async def test_a_strangers_card_would_vouch_for_their_telephone(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.channels.telegram.reading.own_contact", lambda message: True)
    fang = play.telegram.person()
    play.telegram.says(fang, None, contact={"phone_number": "8613800001234", "first_name": "芳", "user_id": 1})
    (heard,) = await play.hear()
    assert heard.phone == "+8613800001234"


async def test_all_that_is_said_in_a_group_would_be_heard(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.telegram.reading.Reader.addressed", lambda *_: True)
    play.telegram.reads_all = True
    play.telegram.says(play.telegram.person(), "今晚谁打麻将", chat=play.telegram.group())
    assert [m.text for m in await play.hear()] == ["今晚谁打麻将"]


async def test_without_notes_a_correction_is_a_second_message(play: Stage) -> None:
    fang = play.telegram.person()
    play.telegram.edits(fang, play.telegram.says(fang, "703漏水"), "704漏水")
    heard = await play.hear(play.polled(notebook=Forgetful(play.clock.now)))
    assert [m.replaces for m in heard] == ["", ""]


async def test_without_an_end_a_file_of_any_size_is_fetched(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    large = Media("photo", play.telegram.file(b"x" * 5001))
    monkeypatch.setattr(CHANNEL, "LARGEST_FILE", 5000)
    with pytest.raises(SendError, match="20 MB"):
        await play.polled().fetch(large)
    monkeypatch.setattr(CHANNEL, "LARGEST_FILE", 10**12)
    assert len(await play.polled().fetch(large)) == 5001


async def test_httpx_would_log_the_token(play: Stage, caplog: pytest.LogCaptureFixture) -> None:
    channel = play.polled()
    with caplog.at_level(logging.INFO, logger="httpx"):
        await channel.check()
    assert TOKEN in caplog.text


# ── Sending ─────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("guard", ["chat", "group", "all"])
async def test_without_pace(play: Stage, guard: str) -> None:
    clock = play.clock
    without: dict[str, dict[str, Any]] = {
        "chat": {"per_chat": ()},
        "group": {"per_group": PER_CHAT},
        "all": {"overall": Rate(10**6, timedelta(seconds=1))},
    }
    channel = play.polled(pace=Pace(clock.now, clock.sleep, **without[guard]))
    group = play.telegram.group()
    chats = {"chat": [play.telegram.person()] * 2, "group": [group] * 21, "all": [play.telegram.person() for _ in range(31)]}
    with pytest.raises(SendError):
        for number, chat in enumerate(chats[guard]):
            await channel.send(str(chat), Message(number, "您好"))
    assert len(play.telegram.violations) == 1 and "too fast" in play.telegram.violations[0]


async def test_without_minding_what_telegram_says(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Pace, "wait", lambda *_: None)
    channel, fang = play.polled(), play.telegram.person()
    play.telegram.refuse("sendMessage", 429, "Too Many Requests: retry after 40", retry_after=40)
    with pytest.raises(SendError):
        await tries(channel, fang, Message(1, "您好"))
    assert play.telegram.violations == ["a chat that must wait is written to"]


async def test_without_cutting(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(CHANNEL, "parts_of", partial(parts.parts_of, longest=10**6))
    with pytest.raises(SendError):
        await play.polled().send(str(play.telegram.person()), Message(1, LONG))
    assert play.telegram.violations == ["a message of over 4096"]


async def test_counting_characters_instead_of_code_units(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "units", len)
    with pytest.raises(SendError):
        await play.polled().send(str(play.telegram.person()), Message(1, "😀" * 3000))
    assert play.telegram.violations == ["a message of over 4096"]


async def test_buttons_that_carry_their_meaning(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "token_of", lambda message, position: message.buttons[position].value)
    with pytest.raises(SendError):
        await play.polled().send(
            str(play.telegram.person()), Message(1, "确认？", (Button("是", "confirm:" + "报" * 20),))
        )
    assert play.telegram.violations == ["callback_data of over 64 bytes"]


async def test_markup_and_previews_are_noticed(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    channel, fang = play.polled(), play.telegram.person()
    await channel._bot.send_message(fang, "<b>x</b>", parse_mode="HTML")
    play.clock.at += timedelta(seconds=2)
    monkeypatch.setattr(CHANNEL, "_PREVIEW", None)
    await channel.send(str(fang), Message(1, "https://desk.example/once"))
    assert set(play.telegram.violations) == {"words are sent as markup", "Telegram may open the links"}


async def test_without_notes_parts_come_twice(play: Stage) -> None:
    channel = play.polled(notebook=Forgetful(play.clock.now))
    fang = play.telegram.person()

    async def breaks_at_the_second(seconds: float) -> None:
        await play.clock.sleep(seconds)
        if len(play.telegram.sent) == 1 and play.telegram.calls.count("sendMessage") == 1:
            play.telegram.refuse("sendMessage", 502, "Bad Gateway")

    channel._pace._sleep = breaks_at_the_second
    await tries(channel, fang, Message(7, LONG))
    first, second, _ = play.telegram.texts(fang)
    assert first == second


async def test_without_notes_a_group_that_moved_is_written_to_again(play: Stage) -> None:
    channel = play.polled(notebook=Forgetful(play.clock.now))
    group = play.telegram.group()
    play.telegram.upgrades(play.telegram.person(), group)
    for number in (1, 2):
        await channel.send(str(group), Message(number, "您好"))
    assert play.telegram.violations == ["a group that moved is written to again"]


async def test_trying_again_after_a_broken_connection_doubles(play: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    eager = tuple(replace(line, verdict="retry") if line.verdict == "unconfirmed" else line for line in errors.RULES)
    monkeypatch.setattr(errors, "RULES", eager)
    fang = play.telegram.person()
    play.telegram.drop("sendMessage", done=True)
    await tries(play.polled(), fang, Message(1, "师傅明天上午到"))
    assert play.telegram.texts(fang) == ["师傅明天上午到"] * 2


@pytest.mark.parametrize("guarded", [True, False])
async def test_one_send_ends_before_the_worker_cuts_it_short(
    play: Stage, monkeypatch: pytest.MonkeyPatch, guarded: bool
) -> None:
    if not guarded:
        monkeypatch.setattr(CHANNEL, "ONE_GO", timedelta(days=1))
    began = play.clock.at
    try:
        await play.polled().send(str(play.telegram.person()), Message(1, LONG * 30))
    except SendError:
        assert guarded
    assert (play.clock.at - began < timedelta(seconds=20)) == guarded
