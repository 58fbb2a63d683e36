"""What residents do in Telegram, and what the desk hears of it; by polling and by webhook."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from bot.channels import Checks, Fetches, Inbound, Listens, Message, Receipt, Serves
from bot.channels.telegram import HookedTelegram, PolledTelegram, Telegram, checking, reading
from bot.channels.telegram.channel import LARGEST_BODY
from bot.core.types import Button, Media
from tests.fakes.telegram import TOKEN
from tests.fakes.telegram_stage import SECRET, Stage, stage


@pytest.fixture
async def play() -> AsyncIterator[Stage]:
    async with stage() as made:
        yield made
        assert made.telegram.violations == []


@pytest.fixture
async def hook() -> AsyncIterator[Stage]:
    async with stage(webhook=True) as made:
        await checking.prepare(made.hooked()[0]._api, made.account, ())
        yield made
        assert made.telegram.violations == []


# ── What a message holds ────────────────────────────────────────────────────────────────────────────────────────────


async def test_words_come_with_who_said_them_and_where_to_answer(play: Stage) -> None:
    fang = play.telegram.person("芳", "王")
    play.telegram.says(fang, "厨房水管漏水 😭")
    (heard,) = await play.hear()
    assert (heard.channel, heard.account, heard.external_id) == ("telegram", "yh-bot", "700000001")
    assert (heard.text, heard.address, heard.sender_name) == ("厨房水管漏水 😭", str(fang), "芳 王")
    assert not heard.group and heard.language is None


async def test_a_link_is_followed_and_greeted_in_the_phones_language(play: Stage) -> None:
    telegram = play.telegram
    telegram.says(telegram.person(language="zh-hans"), "/start inv_A1-b2")
    telegram.says(telegram.person("Jo", "", language="fr"), "/start")
    telegram.says(telegram.person(), "/start what is this?")
    invited, jo, typed = await play.hear()
    assert (invited.event, invited.start, invited.text, invited.language) == ("arrived", "inv_A1-b2", "", "zh")
    assert (jo.event, jo.start, jo.language, jo.sender_name) == ("arrived", "", "en", "Jo")
    assert (typed.event, typed.start) == ("arrived", "")


async def test_the_menu_means_its_buttons_and_other_commands_are_words(play: Stage) -> None:
    fang = play.telegram.person()
    for text in ("/repair", "/REPAIR@yihuadeskbot", "/repair 厨房水管漏水", "/nonsense"):
        play.telegram.says(fang, text)
    menu, named, said, other = await play.hear()
    assert menu.button == named.button == "menu:repair" and menu.text == ""
    assert (said.button, said.text) == (None, "厨房水管漏水")
    assert (other.button, other.text) == (None, "/nonsense")


async def test_the_largest_of_a_photos_sizes_is_fetched(play: Stage) -> None:
    fang = play.telegram.person()
    play.telegram.shows(fang, b"a leak, large", caption="漏水")
    (heard,) = await play.hear()
    (photo,) = heard.media
    assert (heard.text, photo.kind) == ("漏水", "photo")
    assert await play.polled().fetch(photo) == b"a leak, large"


async def test_an_album_is_several_messages_each_with_its_photo(play: Stage) -> None:
    play.telegram.shows(play.telegram.person(), b"one", b"two", b"three", caption="三处裂缝")
    heard = await play.hear()
    assert [m.text for m in heard] == ["三处裂缝", "", ""]
    assert [await play.polled().fetch(m.media[0]) for m in heard] == [b"one", b"two", b"three"]
    assert len({m.external_id for m in heard}) == 3


@pytest.mark.parametrize(
    ("content", "media"),
    [
        ({"voice": {"file_id": "v", "file_unique_id": "v", "duration": 3}}, Media("voice", "v")),
        (
            {"document": {"file_id": "d", "file_unique_id": "d", "mime_type": "image/heic"}},
            Media("photo", "d"),
        ),
        (
            {"document": {"file_id": "d", "file_unique_id": "d", "mime_type": "application/pdf"}},
            Media("file", "d"),
        ),
        (
            {"video": {"file_id": "f", "file_unique_id": "f", "width": 1, "height": 1, "duration": 1}},
            Media("file", "f"),
        ),
    ],
)
async def test_other_media(play: Stage, content: dict[str, Any], media: Media) -> None:
    play.telegram.says(play.telegram.person(), None, **content)
    (heard,) = await play.hear()
    assert heard.media == (media,)


async def test_places(play: Stage) -> None:
    fang = play.telegram.person()
    here = {"latitude": 31.2304167, "longitude": 121.473701}
    play.telegram.says(fang, None, location=here)
    play.telegram.says(fang, None, location=here, venue={"location": here, "title": "4栋大堂", "address": "颐华路1号"})
    spot, named = await play.hear()
    assert spot.location == "31.230417,121.473701"
    assert named.location == "31.230417,121.473701 4栋大堂 颐华路1号"


async def test_only_ones_own_card_vouches_for_a_telephone(play: Stage) -> None:
    fang = play.telegram.person()
    own = {"phone_number": "8613800001234", "first_name": "芳", "user_id": fang}
    play.telegram.says(fang, None, contact=own)
    play.telegram.says(fang, None, contact=own | {"user_id": fang + 1, "last_name": "王"})
    play.telegram.says(fang, None, contact={"phone_number": "+8613800001234", "first_name": "芳"})
    mine, others, unknown = await play.hear()
    assert (mine.phone, mine.text) == ("+8613800001234", "")
    assert (others.phone, others.text) == ("", "芳 王 +8613800001234")
    assert (unknown.phone, unknown.text) == ("", "芳 +8613800001234")


async def test_what_has_no_words_is_heard_all_the_same(play: Stage) -> None:
    fang = play.telegram.person()
    sticker = {
        "file_id": "s", "file_unique_id": "s", "type": "regular", "width": 1, "height": 1, "is_animated": False,
        "is_video": False, "emoji": "👍",
    }  # fmt: skip
    play.telegram.says(fang, None, sticker=sticker)
    play.telegram.says(fang, None, dice={"value": 3, "emoji": "🎲"})
    thumb, dice = await play.hear()
    assert (thumb.text, dice.text) == ("👍", "")


async def test_service_messages_other_bots_and_moving_places_are_not_heard(play: Stage) -> None:
    telegram = play.telegram
    fang, group = telegram.person(), telegram.group()
    telegram.says(fang, None, pinned_message={"message_id": 1, "date": 0, "chat": telegram.chats[fang]})
    telegram.says(fang, None, chat=group, new_chat_title="新群名")
    number = telegram.says(fang, "我在楼下")
    moving = {"location": {"latitude": 1.0, "longitude": 2.0}}
    telegram.raw({"edited_message": telegram._message(fang, fang, **moving) | {"message_id": number}})
    telegram.users[fang]["is_bot"] = True
    telegram.says(fang, "机器人说话")
    assert [m.text for m in await play.hear()] == ["我在楼下"]
    assert telegram.pending == []


# ── Buttons ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_tap_brings_the_token_back_and_its_clock_stops(play: Stage) -> None:
    fang = play.telegram.person()
    channel = play.polled()
    await channel.send(str(fang), Message(42, "确认吗？", (Button("确认", "confirm:" + "x" * 80), Button("修改", "edit"))))
    play.telegram.taps(fang, "修改")
    play.telegram.taps(fang, "修改")
    first, second = await play.hear(channel)
    assert first.tap == second.tap == "42.1" and first.button is None
    assert first.external_id != second.external_id, "each tap is its own: the desk decides what a second one means"
    assert (first.address, first.sender_name) == (str(fang), "王 芳")
    assert play.telegram.unanswered == []


async def test_a_tap_that_is_too_old_to_answer_is_heard(play: Stage) -> None:
    fang = play.telegram.person()
    channel = play.polled()
    await channel.send(str(fang), Message(42, "几分？", (Button("5", "rate:5"),)))
    query = play.telegram.taps(fang, "5")
    await play.clock.sleep(3600)
    (heard,) = await play.hear(channel)
    assert heard.tap == "42.0"
    assert play.telegram.unanswered == [query]


async def test_a_tap_is_heard_though_answering_it_fails(play: Stage) -> None:
    fang = play.telegram.person()
    channel = play.polled()
    await channel.send(str(fang), Message(42, "几分？", (Button("5", "rate:5"),)))
    for trouble in (500, 429):
        play.telegram.refuse("answerCallbackQuery", trouble, "x", **({"retry_after": 9} if trouble == 429 else {}))
        play.telegram.taps(fang, "5")
    play.telegram.drop("answerCallbackQuery", done=False)
    play.telegram.taps(fang, "5")
    assert [m.tap for m in await play.hear(channel)] == ["42.0"] * 3


# ── Corrections, groups, leaving ────────────────────────────────────────────────────────────────────────────────────


async def test_a_correction_names_the_message_it_replaces(play: Stage) -> None:
    fang = play.telegram.person()
    number = play.telegram.says(fang, "4栋703漏水")
    play.telegram.says(fang, "快来")
    play.telegram.edits(fang, number, "4栋704漏水")
    play.telegram.edits(fang, number, "4栋705漏水")
    first, _, edit, again = await play.hear()
    assert (edit.text, edit.replaces) == ("4栋704漏水", first.external_id)
    assert (again.text, again.replaces) == ("4栋705漏水", first.external_id)
    assert len({first.external_id, edit.external_id, again.external_id}) == 3


async def test_a_correction_of_what_was_never_heard_is_heard_as_new(play: Stage) -> None:
    fang = play.telegram.person()
    play.telegram.edits(fang, 77, "还是没人来")
    (heard,) = await play.hear()
    assert (heard.text, heard.replaces) == ("还是没人来", "")


async def test_of_a_long_chat_the_latest_messages_can_be_corrected(play: Stage) -> None:
    fang = play.telegram.person()
    numbers = [play.telegram.says(fang, f"第{n}条") for n in range(40)]
    play.telegram.edits(fang, numbers[0], "改第一条")
    play.telegram.edits(fang, numbers[39], "改最后一条")
    *_, old, new = await play.hear()
    assert old.replaces == "" and new.replaces == play.desk.heard[39].external_id
    assert len((await play.pages.read(f"heard/{fang}") or {})["updates"]) == 30


async def test_in_a_group_only_what_is_said_to_the_bot_is_heard(play: Stage) -> None:
    telegram = play.telegram
    telegram.reads_all = True
    fang, group = telegram.person(), telegram.group(supergroup=True)
    telegram.says(fang, "今晚谁打麻将", chat=group)
    telegram.says(fang, "@YihuaDeskBot：4栋电梯坏了 😀", chat=group)
    telegram.says(fang, "😀😀 请 @yihuadeskbot 来看看", chat=group)
    telegram.says(fang, "@YihuaDeskBotty 不是你", chat=group)
    telegram.says(fang, "好的", chat=group, reply_to_bot=True)
    telegram.says(fang, "/repair@YihuaDeskBot", chat=group)
    telegram.says(fang, "/repair", chat=group)
    telegram.says(fang, "/repair@OtherBot", chat=group)
    heard = await play.hear()
    assert [m.text for m in heard] == ["4栋电梯坏了 😀", "😀😀 请  来看看", "好的", "", ""]
    assert [m.button for m in heard] == [None, None, None, "menu:repair", "menu:repair"]
    assert all(m.group and m.address == str(group) for m in heard)


async def test_with_privacy_mode_answers_and_commands_arrive(play: Stage) -> None:
    fang, group = play.telegram.person(), play.telegram.group()
    play.telegram.says(fang, "@YihuaDeskBot 电梯坏了", chat=group)
    play.telegram.says(fang, "电梯坏了", chat=group, reply_to_bot=True)
    play.telegram.says(fang, "/repair@YihuaDeskBot 电梯坏了", chat=group)
    assert [(m.text, m.group) for m in await play.hear()] == [("电梯坏了", True)] * 2
    assert play.telegram.not_wanted == ["group talk"]


async def test_a_photo_in_a_group_with_the_bot_named_under_it(play: Stage) -> None:
    telegram = play.telegram
    fang, group = telegram.person(), telegram.group()
    telegram.reads_all = True
    caption = "@YihuaDeskBot 电梯"
    size = {"file_id": "p", "file_unique_id": "p", "width": 1, "height": 1}
    entity = {"type": "mention", "offset": 0, "length": 13}
    telegram.says(fang, None, chat=group, photo=[size], caption=caption, caption_entities=[entity])
    telegram.says(fang, None, chat=group, photo=[size], caption="看看")
    (heard,) = await play.hear()
    assert (heard.text, heard.media) == ("电梯", (Media("photo", "p"),))


async def test_who_blocks_the_bot_has_left(play: Stage) -> None:
    telegram = play.telegram
    fang, group = telegram.person(), telegram.group()
    telegram.blocks(fang)
    telegram.puts_out(fang, group)
    telegram.unblocks(fang)
    channel = -1_000_000_000_001
    telegram.chats[channel] = {"id": channel, "type": "channel", "title": "通知"}
    telegram.puts_out(fang, channel)
    gone, out = await play.hear()
    assert (gone.event, gone.address, gone.group) == ("left", str(fang), False)
    assert (out.event, out.address, out.group) == ("left", str(group), True)


async def test_what_the_desk_does_not_hear_is_not_asked_for(play: Stage) -> None:
    await play.hear()
    play.telegram.raw({"channel_post": {}})
    assert play.telegram.not_wanted == ["channel_post"]


# ── Polling ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_what_was_not_kept_is_delivered_again_in_order(play: Stage, caplog: pytest.LogCaptureFixture) -> None:
    fang = play.telegram.person()
    play.desk.failing = 3
    for text in ("一", "二", "三"):
        play.telegram.says(fang, text)
    await play.hear()
    assert play.desk.texts == ["一", "二", "三"]
    assert play.desk.deliveries == 6
    assert play.clock.slept == [2.0, 4.0, 8.0]


async def test_those_before_the_one_not_kept_are_not_delivered_again(play: Stage) -> None:
    fang = play.telegram.person()
    for text in ("一", "二"):
        play.telegram.says(fang, text)
    channel = play.polled()
    seen: list[str] = []

    async def second_fails_once(message: Inbound) -> Receipt:
        seen.append(message.text)
        if seen == ["一", "二"]:
            raise RuntimeError("the database is away")
        return await play.desk.accept(message)

    with pytest.raises(RuntimeError):
        await channel._poll(second_fails_once)
    await channel._poll(second_fails_once)
    assert seen == ["一", "二", "二"] and play.desk.texts == ["一", "二"]


async def test_a_process_that_dies_before_the_next_poll_loses_nothing(play: Stage) -> None:
    fang = play.telegram.person()
    play.telegram.says(fang, "漏水")
    await play.polled()._poll(play.desk.accept)
    assert play.desk.texts == ["漏水"] and play.telegram.forgotten == []
    await play.hear()
    assert play.desk.texts == ["漏水"] and play.desk.deliveries == 2


async def test_numbers_that_start_anew_lower_are_heard(play: Stage) -> None:
    play.telegram.longest_hold = 0
    fang = play.telegram.person()
    async with play.listening(play.polled()):
        play.telegram.says(fang, "第一周")
        await play.telegram.quiet()
        play.telegram.next_update = 17
        play.telegram.says(fang, "一周以后")
        await play.telegram.quiet()
    assert play.desk.texts == ["第一周", "一周以后"]


async def test_polling_outlives_every_trouble_and_waits_as_told(play: Stage) -> None:
    telegram = play.telegram
    telegram.refuse("getUpdates", 500, "Internal Server Error")
    telegram.refuse("getUpdates", 401, "Unauthorized")
    telegram.refuse("getUpdates", 409, "Conflict: terminated by other getUpdates request")
    telegram.refuse("getUpdates", 429, "Too Many Requests: retry after 33", retry_after=33)
    telegram.says(telegram.person(), "还在吗")
    await play.hear()
    assert play.desk.texts == ["还在吗"]
    assert play.clock.slept == [2.0, 4.0, 8.0, 33.0]


async def test_polling_outlives_a_connection_that_breaks(play: Stage) -> None:
    play.telegram.drop("getUpdates", done=False)
    play.telegram.drop("getUpdates", done=True)
    play.telegram.says(play.telegram.person(), "还在吗")
    await play.hear()
    assert play.desk.texts == ["还在吗"]


async def test_an_update_the_library_cannot_read_holds_up_nobody(
    play: Stage, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    fang = play.telegram.person()
    play.telegram.raw({"message": {"text": "我的电话13800001234", "from": "?"}})
    play.telegram.raw({"message_of_next_year": {"chat": 1}})
    play.telegram.says(fang, "后面这条")
    await play.hear()
    assert play.desk.texts == ["后面这条"] and play.telegram.pending == []
    assert "13800001234" not in caplog.text + "".join(capsys.readouterr())


async def test_a_fault_of_ours_holds_up_nobody_and_is_answered(
    play: Stage, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(message: Any) -> Any:
        raise ZeroDivisionError

    monkeypatch.setattr(reading, "READERS", {**reading.READERS, "dice": fails})
    telegram = play.telegram
    fang, group = telegram.person(), telegram.group()
    telegram.reads_all = True
    telegram.says(fang, None, dice={"value": 3, "emoji": "🎲"})
    telegram.says(fang, None, chat=group, dice={"value": 3, "emoji": "🎲"}, reply_to_bot=True)
    telegram.says(fang, "后面这条")
    assert [(m.text, m.address) for m in await play.hear()] == [("", str(fang)), ("后面这条", str(fang))]
    assert "telegram_update_unread" in "".join(capsys.readouterr())


async def test_neither_token_nor_words_get_into_the_log(
    play: Stage, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.INFO):
        fang = play.telegram.person()
        channel = play.polled()
        play.telegram.says(fang, "我的电话13800001234")
        play.telegram.refuse("getUpdates", 401, "Unauthorized")
        await play.hear(channel)
        await channel.send(str(fang), Message(1, "您的电话13800001234"))
        await channel.check()
    written = caplog.text + "".join(capsys.readouterr())
    assert TOKEN not in written and "13800001234" not in written
    assert TOKEN not in repr(play.account) and TOKEN.split(":")[1] not in repr(vars(channel)["_account"])


# ── Webhook ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_webhook_acknowledges_what_is_kept(hook: Stage) -> None:
    _, app = hook.hooked()
    fang = hook.telegram.person()
    hook.telegram.says(fang, "漏水")
    hook.telegram.says(hook.telegram.person(), "停电")
    assert await hook.telegram.push(app) == [200, 200]
    assert hook.desk.texts == ["漏水", "停电"] and hook.telegram.pending == []


async def test_the_webhook_lets_telegram_repeat_what_was_not_kept(hook: Stage) -> None:
    _, app = hook.hooked()
    fang = hook.telegram.person()
    for text in ("一", "二"):
        hook.telegram.says(fang, text)
    hook.desk.failing = 1
    assert await hook.telegram.push(app) == [503]
    assert await hook.telegram.push(app) == [200, 200]
    assert hook.desk.texts == ["一", "二"]


@pytest.mark.parametrize("shown", [None, "", SECRET[:-1], SECRET + "1", "密"])
async def test_only_who_knows_the_secret_is_heard(hook: Stage, shown: str | None) -> None:
    _, app = hook.hooked()
    headers = {} if shown is None else {b"X-Telegram-Bot-Api-Secret-Token": shown.encode()}
    assert await _post(app, hook, b'{"update_id": 1}', headers) == 403
    assert hook.desk.deliveries == 0


async def test_a_body_is_not_read_beyond_what_an_update_can_have(hook: Stage) -> None:
    _, app = hook.hooked()
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * LARGEST_BODY:
            sent += 65536
            yield b" " * 65536

    assert await _post(app, hook, endless(), {"X-Telegram-Bot-Api-Secret-Token": SECRET}) == 413
    assert sent <= LARGEST_BODY + 2 * 65536


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"3", b"{}", b'{"update_id": "x", "message": 3}', b"\xff"])
async def test_what_is_no_update_is_refused(hook: Stage, body: bytes) -> None:
    _, app = hook.hooked()
    assert await _post(app, hook, body, {"X-Telegram-Bot-Api-Secret-Token": SECRET}) == 400


async def test_an_unreadable_update_is_acknowledged_by_webhook_too(hook: Stage) -> None:
    _, app = hook.hooked()
    hook.telegram.raw({"message": {"text": "?"}})
    assert await hook.telegram.push(app) == [200]


async def _post(app: Any, play: Stage, content: Any, headers: Any) -> int:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app)) as client:
        return (await client.post(play.account.webhook_url, content=content, headers=headers)).status_code


def test_a_polled_bot_is_not_served_and_a_hooked_one_does_not_poll() -> None:
    assert issubclass(PolledTelegram, Listens) and not issubclass(PolledTelegram, Serves)
    assert issubclass(HookedTelegram, Serves) and not issubclass(HookedTelegram, Listens)
    assert issubclass(Telegram, Fetches) and issubclass(Telegram, Checks)
