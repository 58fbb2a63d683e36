"""An office sets up its bot: the entry, what is set at Telegram, and what `check` finds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.channels import Channel, Finding
from bot.channels.telegram import MenuItem, PolledTelegram, account
from bot.channels.telegram.account import TelegramAccount
from tests.fakes.telegram import CONFLICT_WEBHOOK, TOKEN
from tests.fakes.telegram_stage import SECRET, Stage, stage

ENTRY = {"community": "YH", "account": "yh-bot", "username": "@YihuaDeskBot", "token": "DESK_TELEGRAM_YH_TOKEN"}
HOOK = ENTRY | {"webhook": "https://desk.example/", "webhook_secret": "DESK_TELEGRAM_YH_SECRET"}
SECRETS = {"DESK_TELEGRAM_YH_TOKEN": TOKEN, "DESK_TELEGRAM_YH_SECRET": SECRET, "SHORT": "short", "DESK_PROXY": "http://p:1"}


@pytest.fixture
async def play() -> AsyncIterator[Stage]:
    async with stage() as made:
        yield made
        assert made.telegram.violations == []


@pytest.fixture
async def hook() -> AsyncIterator[Stage]:
    async with stage(webhook=True) as made:
        yield made
        assert made.telegram.violations == []


# ── The entry ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_entry_for_polling_and_one_for_a_webhook() -> None:
    polled = account(ENTRY | {"proxy": "DESK_PROXY"}, SECRETS.get)
    assert polled == TelegramAccount("YH", "yh-bot", "YihuaDeskBot", TOKEN, proxy="http://p:1")
    assert (polled.bot_id, polled.webhook_url, polled.api) == (123456789, "", "https://api.telegram.org")
    hooked = account(HOOK, SECRETS.get)
    assert hooked.webhook_url == "https://desk.example/channels/telegram/YH/yh-bot"
    assert all(secret not in repr(hooked) + repr(polled) for secret in SECRETS.values())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tokn": "x"}, "unknown key tokn"),
        ({"community": ""}, "community is missing"),
        ({"account": None}, "account is missing"),
        ({"account": "颐华"}, "account '颐华' is not usable"),
        ({"username": "a b"}, "no bot's name"),
        ({"token": "NOT_SET"}, "NOT_SET, which is not set; put the token there"),
        ({"token": "SHORT"}, "the value of SHORT does not look right; put the token there"),
        ({"webhook": "http://desk.example"}, "write scheme and host alone"),
        ({"webhook": "https://desk.example/bot"}, "write scheme and host alone"),
        ({"webhook": "https://desk.example:8000"}, "443, 80, 88 and 8443 only"),
        ({"webhook": "https://desk.example"}, "webhook_secret is missing; name an environment variable"),
        ({"webhook": "https://desk.example", "webhook_secret": "SHORT"}, "put 24 to 256 random"),
        ({"webhook_secret": "DESK_TELEGRAM_YH_SECRET"}, "give both for a webhook, none for polling"),
        ({"api": "ftp://x"}, "leave it out"),
        ({"mentions": "yes"}, "neither true nor false"),
        ({"proxy": "SHORT"}, "write it like http://host:port"),
    ],
)
def test_what_is_wrong_with_an_entry_is_said_with_its_remedy(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError) as wrong:
        account(ENTRY | change, SECRETS.get)
    assert words in str(wrong.value) and "short" not in str(wrong.value)


@pytest.mark.parametrize(
    ("command", "title"),
    [("Repair", {"zh": "报修", "en": "x"}), ("repair", {"zh": "报修"}), ("repair", {"zh": "报" * 257, "en": "x"})],
)
def test_a_menu_telegram_would_refuse_is_refused_here(command: str, title: dict[Any, str]) -> None:
    with pytest.raises(ValueError):
        MenuItem(command, "menu:repair", title)


# ── Prepare and check ───────────────────────────────────────────────────────────────────────────────────────────────


def bad(findings: Sequence[Finding]) -> list[str]:
    assert all(bool(finding.remedy) != finding.ok for finding in findings)
    return [finding.what for finding in findings if not finding.ok]


async def test_prepared_for_polling(play: Stage) -> None:
    channel: Channel = play.polled()
    assert isinstance(channel, PolledTelegram)
    assert "menu" in "".join(bad(await channel.check()))
    assert bad(await channel.prepare()) == []
    assert play.telegram.menus["en"] == [
        {"command": "repair", "description": "Report a repair"},
        {"command": "person", "description": "Talk to a person"},
    ]
    assert play.telegram.menus[""] == play.telegram.menus["zh"] != play.telegram.menus["en"]
    assert TOKEN not in repr(await channel.check())


async def test_prepared_for_a_webhook_and_called_back_to_polling(hook: Stage) -> None:
    hook.telegram.says(hook.telegram.person(), "漏水")
    channel, app = hook.hooked()
    assert bad(await channel.prepare()) == []
    assert hook.telegram.webhook["url"] == "https://desk.example/channels/telegram/YH/yh-bot"
    assert hook.telegram.webhook["secret_token"] == SECRET and int(hook.telegram.webhook["max_connections"]) == 10
    assert hook.telegram.allowed == {"message", "edited_message", "callback_query", "my_chat_member"}
    assert len(hook.telegram.pending) == 1, "what waits is not dropped"
    assert await hook.telegram.push(app) == [200]
    back = hook.polled(account=TelegramAccount("YH", "yh-bot", hook.account.username, TOKEN, api=hook.telegram.url))
    assert any("refuses polls" in what for what in bad(await back.check()))
    assert bad(await back.prepare()) == []
    assert hook.telegram.webhook == {}


async def test_a_bot_with_a_webhook_is_not_polled_and_the_log_says_why(
    play: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    play.telegram.refuse("getUpdates", 409, CONFLICT_WEBHOOK)
    await play.hear()
    assert "bot channels prepare" in "".join(capsys.readouterr())


async def test_a_webhook_of_somebody_else(hook: Stage) -> None:
    channel, _ = hook.hooked()
    assert any("but nobody" in what for what in bad(await channel.check()))
    hook.telegram.webhook = {"url": "https://elsewhere.example/bot"}
    assert any("but https://elsewhere.example/bot" in what for what in bad(await channel.check()))


async def test_a_webhook_that_fails(hook: Stage) -> None:
    channel, app = hook.hooked()
    await channel.prepare()
    hook.desk.failing = 1
    hook.telegram.says(hook.telegram.person(), "漏水")
    await hook.telegram.push(app)
    assert any("503" in what for what in bad(await channel.check()))
    hook.clock.at += timedelta(hours=2)
    assert bad(await channel.check()) == []


async def test_a_webhook_that_is_not_asked_for_taps(hook: Stage) -> None:
    channel, _ = hook.hooked()
    await channel.prepare()
    hook.telegram.allowed = frozenset({"message"})
    assert any("not deliver all" in what for what in bad(await channel.check()))


async def test_the_token_of_another_bot(play: Stage) -> None:
    play.telegram.username = "OtherBot"
    assert any("that of @OtherBot" in what for what in bad(await play.polled(menu=()).check()))


async def test_a_token_that_was_revoked_and_a_server_not_reached(play: Stage) -> None:
    channel = play.polled()
    play.telegram.token = "987654321:" + "B" * 35
    (finding,) = await channel.check()
    assert not finding.ok and "@BotFather" in finding.remedy
    play.telegram.token = TOKEN
    play.telegram.drop("getMe", done=False)
    (finding,) = await channel.check()
    assert not finding.ok and "HTTPS" in finding.remedy
    play.telegram.refuse("deleteWebhook", 500, "Internal Server Error")
    (finding,) = await channel.prepare()
    assert not finding.ok


async def test_an_answer_the_library_cannot_read_is_a_finding(
    play: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(play.telegram), "_me", lambda self: {"id": "?"})
    (what,) = bad(await play.polled().check())
    assert "cannot be read" in what


@pytest.mark.parametrize(
    ("reads_all", "mentions", "words"),
    [(False, False, ""), (True, True, ""), (True, False, "Privacy mode is off"), (False, True, "may not arrive")],
)
async def test_what_the_bot_is_sent_in_groups(play: Stage, reads_all: bool, mentions: bool, words: str) -> None:
    play.telegram.reads_all = reads_all
    channel = play.polled(menu=(), account=replace(play.account, mentions=mentions))
    found = bad(await channel.check())
    assert (len(found) == 1 and words in found[0]) if words else found == []


@pytest.mark.parametrize(("ahead", "words"), [(-90, "90 s ahead of"), (90, "90 s behind")])
async def test_a_clock_that_is_wrong(play: Stage, ahead: int, words: str) -> None:
    play.telegram.ahead = timedelta(seconds=ahead)
    assert any(words in what for what in bad(await play.polled(menu=()).check()))


async def test_messages_nobody_fetches(play: Stage) -> None:
    fang = play.telegram.person()
    for number in range(60):
        play.telegram.says(fang, f"{number}")
    assert any("60 messages wait" in what for what in bad(await play.polled(menu=()).check()))
