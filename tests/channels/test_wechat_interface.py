"""What an Official Account asks of WeChat: the access token, photos, the menu, codes, and whether all is well."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from bot.channels import SendError, in_language
from bot.channels.wechat import WeChat, WeChatAccount, client, menu
from bot.core.types import Media
from tests.channels.wechat_stage import NEWS, SEND, TOKEN, Stage, opened
from tests.fakes import wechat as fakes
from tests.fakes.wechat import OPENID
from tests.fakes.wechat_desk import Clock, Notes


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with opened() as made:
        yield made


# ── The token ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_one_token_serves_all_processes_and_is_renewed_before_it_ends(stage: Stage) -> None:
    other = stage.beside()
    first = await asyncio.gather(*(c.client.token() for c in (stage.channel, other, stage.channel, other)))
    assert len(set(first)) == 1 and stage.wechat.called(TOKEN) == 1
    stage.clock.forward(seconds=7200 - 271)
    assert await other.client.token() == first[0] and stage.wechat.called(TOKEN) == 1
    stage.clock.forward(seconds=2)
    second = await asyncio.gather(*(c.client.token() for c in (stage.channel, other, stage.channel, other)))
    assert stage.wechat.called(TOKEN) == 2 and set(second) <= {first[0], *second} and len(set(second) - {first[0]}) == 1
    await stage.wechat.say("x")
    await stage.send("y")
    assert stage.wechat.violations == [] and stage.wechat._forced == []


async def test_unshared_every_call_would_draw_one(stage: Stage) -> None:
    stage.channel.client._share = False
    await stage.wechat.say("x")
    await stage.send("y")
    await stage.send("z")
    assert stage.wechat.called(TOKEN) == 2


async def test_a_process_that_died_while_drawing_is_waited_for_and_replaced(stage: Stage) -> None:
    def dying(_: Any) -> dict[str, Any]:
        return {"drawn_by": "dead", "drawn_until": stage.clock().timestamp() + 4}

    await stage.notes.change(client.PAGE, dying, timedelta(days=1))
    before = stage.clock()
    assert (await stage.channel.client.token()).startswith("access-")
    assert timedelta(seconds=4) <= stage.clock() - before < timedelta(seconds=6)
    await stage.notes.change(client.PAGE, lambda _: {"drawn_by": "slow", "drawn_until": stage.clock().timestamp() + 600}, timedelta(days=1))
    with pytest.raises(SendError) as refused:
        await stage.channel.client.token()
    assert refused.value.retryable


@pytest.mark.parametrize("code", [40001, 40014, 42001])
async def test_a_refused_token_is_renewed_and_the_call_repeated_once(stage: Stage, code: int) -> None:
    await stage.wechat.say("x")
    await stage.send("1")
    stage.wechat.spoil_token()
    stage.wechat.fail(SEND, code)
    await stage.send("2")
    assert stage.wechat.texts("service") == ["1", "2"] and stage.wechat.called(TOKEN) == 2
    assert stage.wechat._forced == [] and stage.wechat.violations == []


async def test_a_token_wechat_gives_but_refuses_is_drawn_by_force_once(stage: Stage) -> None:
    await stage.wechat.say("x")
    stage.wechat.fail(SEND, 40001)
    await stage.send("1")
    assert len(stage.wechat._forced) == 1 and stage.wechat.called(SEND) == 2
    stage.wechat.fail(SEND, 40001)
    with pytest.raises(SendError) as refused:
        await stage.send("2")
    assert refused.value.retryable and refused.value.after == client.FORCE_APART
    assert len(stage.wechat._forced) == 1 and stage.wechat.violations == []


async def test_a_token_refused_for_ever_is_given_up_after_one_repetition_and_within_wechats_limits(stage: Stage) -> None:
    stage.desk.answers = lambda _: ()
    for _ in range(30):
        await stage.wechat.say("x")
        stage.wechat.fail(SEND, 40001, 40001)
        calls = stage.wechat.called(SEND)
        with pytest.raises(SendError) as refused:
            await stage.send("1")
        assert refused.value.retryable and stage.wechat.called(SEND) - calls <= 2
        stage.wechat._faults[SEND].clear()
        stage.clock.forward(seconds=31)
    assert len(stage.wechat._forced) == 20 and "another program" in str(refused.value)
    assert stage.wechat.violations == []


async def test_forced_without_a_pause_wechat_would_not_renew_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "FORCE_APART", timedelta(0))
    await stage.wechat.say("x")
    for number in range(2):
        stage.wechat.fail(SEND, 40001)
        await stage.send(str(number))
    assert stage.wechat.violations == ["two forced tokens within 30 seconds"]


async def test_another_process_has_renewed_it_already(stage: Stage) -> None:
    other = stage.beside()
    await stage.wechat.say("x")
    old = await stage.channel.client.token()
    stage.wechat.spoil_token()
    await other.client.token(spoiled=old)
    stage.wechat.calls.clear()
    assert await stage.channel.client.token(spoiled=old) != old and stage.wechat.calls == []


async def test_a_wrong_secret_waits_for_the_office(stage: Stage) -> None:
    stage.wechat.secret = "f" * 32
    await stage.wechat.say("x")
    with pytest.raises(SendError) as refused:
        await stage.send("1")
    assert refused.value.retryable and refused.value.after == timedelta(minutes=10) and "AppSecret" in str(refused.value)
    stage.wechat.secret = stage.channel.settings.secret
    await stage.send("1")


async def test_the_token_stands_in_no_log(stage: Stage, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("httpx", "httpcore"):
        assert logging.getLogger(name).level == logging.WARNING
    await stage.wechat.say("厨房漏水了")
    await stage.send("1")
    token = await stage.channel.client.token()
    written = caplog.text + "".join(capsys.readouterr())
    assert token not in written and stage.channel.settings.secret not in written
    assert OPENID not in written and "厨房漏水了" not in written


# ── Photos and voice ─────────────────────────────────────────────────────────────────────────────────────────────────


async def test_photos_and_voice_are_fetched_within_three_days(stage: Stage) -> None:
    photo, voice = stage.wechat.sends(b"\xff\xd8photo"), stage.wechat.sends(b"#!AMR", "audio/amr")
    stage.clock.forward(days=2, hours=23)
    assert await stage.channel.fetch(Media("photo", photo)) == b"\xff\xd8photo"
    assert await stage.channel.fetch(Media("voice", voice)) == b"#!AMR"
    stage.clock.forward(hours=2)
    with pytest.raises(SendError) as gone:
        await stage.channel.fetch(Media("photo", photo))
    assert not gone.value.retryable and "three days" in str(gone.value)


async def test_a_download_has_an_end_and_a_second_try(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = stage.wechat.sends(b"\xff\xd8" + b"x" * 5000)
    for fault in (fakes.CUT, fakes.LOST, (502, {}), -1, (200, {})):
        stage.wechat.fail("/cgi-bin/media/get", fault)
        with pytest.raises(SendError) as refused:
            await stage.channel.fetch(Media("photo", photo))
        assert refused.value.retryable and not refused.value.unconfirmed
    stage.wechat.fail("/cgi-bin/media/get", 42001)
    assert len(await stage.channel.fetch(Media("photo", photo))) == 5002
    monkeypatch.setattr(client, "LARGEST_FILE", 5000)
    with pytest.raises(SendError) as large:
        await stage.channel.fetch(Media("photo", photo))
    assert not large.value.retryable
    with pytest.raises(SendError):
        await stage.channel.fetch(Media("file", "video"))


async def test_an_account_without_the_right_fetches_photos_at_their_address() -> None:
    async with opened(fake={"unauthorised": ["/cgi-bin/media/get"]}) as stage:
        photo = stage.wechat.sends(b"\xff\xd8photo")
        reference = f"{photo} {stage.wechat.url}/mmbiz/{photo}"
        assert await stage.channel.fetch(Media("photo", reference)) == b"\xff\xd8photo"
        with pytest.raises(SendError) as refused:
            await stage.channel.fetch(Media("photo", photo))
        assert not refused.value.retryable and "48001" in str(refused.value)
        assert stage.wechat.violations == []


async def test_an_account_without_an_appsecret_replies_fetches_photos_and_calls_nothing() -> None:
    async with opened(secret="", reach="reply_only") as stage:
        assert (await stage.wechat.say("在吗")).reply == "收到"
        photo = stage.wechat.sends(b"\xff\xd8photo")
        assert await stage.channel.fetch(Media("photo", f"{photo} {stage.wechat.url}/mmbiz/{photo}")) == b"\xff\xd8photo"
        with pytest.raises(SendError) as refused:
            await stage.channel.set_menu(MENU)
        assert "AppSecret" in str(refused.value)
        assert [f.ok for f in await stage.channel.check()] == [True, True]
        assert stage.wechat.called(TOKEN) == 0 and stage.wechat.violations == []


@pytest.mark.parametrize("address", ["http://169.254.169.254/latest", "https://qpic.cn.evil.example/x", "file:///etc/passwd", "http://[::1", "", "x"])
async def test_photos_are_fetched_from_nowhere_else(address: str) -> None:
    async with opened(secret="", reach="reply_only") as stage:
        with pytest.raises(SendError) as refused:
            await stage.channel.fetch(Media("photo", f"m {address}"))
        assert not refused.value.retryable and "not WeChat's" in str(refused.value)


async def test_a_photos_address_is_called_by_https() -> None:
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url))
        return httpx.Response(200, content=b"\xff\xd8", headers={"content-type": "image/jpeg"})

    clock = Clock()
    account = WeChatAccount("YH", "yh-mp", "wx0123456789abcdef", "", "t", "a" * 43, reach="reply_only")
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as http:
        channel = WeChat(account, Notes(clock), clock, http=http)
        assert await channel.fetch(Media("photo", "m http://mmbiz.qpic.cn/mmbiz_jpg/x/0")) == b"\xff\xd8"
    assert asked == ["https://mmbiz.qpic.cn/mmbiz_jpg/x/0"]


async def test_a_client_of_its_own_is_closed() -> None:
    clock = Clock()
    channel = WeChat(WeChatAccount("YH", "yh-mp", "wx0123456789abcdef", "s", "t", "a" * 43), Notes(clock), clock)
    await channel.close()
    assert channel._http.is_closed


async def test_a_video_is_no_photo(stage: Stage) -> None:
    video = stage.wechat.sends(json.dumps({"video_url": "http://x/"}).encode(), "application/json")
    with pytest.raises(SendError) as refused:
        await stage.channel.fetch(Media("voice", video))
    assert not refused.value.retryable


async def test_photos_without_a_store_to_take_them_from_are_refused_and_not_left_out_silently(stage: Stage) -> None:
    await stage.wechat.say("x")
    with pytest.raises(SendError) as refused:
        await stage.send("看", photos=("abc",))
    assert not refused.value.retryable


# ── The menu ─────────────────────────────────────────────────────────────────────────────────────────────────────────

MENU = [
    {"name": "报事报修", "sub_button": [{"name": "报修", "type": "click", "key": "/report_repair"}, {"name": "投诉建议", "type": "click", "key": "/complain"}]},
    {"name": "我的工单", "type": "click", "key": "/progress"},
    {"name": "网页", "type": "view", "url": "https://desk.example/"},
]


async def test_the_menu_is_set_and_taken_away(stage: Stage) -> None:
    await stage.channel.set_menu(MENU)
    assert stage.wechat.menu == menu.checked(MENU) and stage.wechat.violations == []
    await stage.channel.delete_menu()
    assert stage.wechat.menu is None


@pytest.mark.parametrize(
    ("buttons", "word"),
    [
        ([], "1 to 3"),
        ("报修", "list"),
        ([MENU[1]] * 4, "1 to 3"),
        ([{"name": "报修投诉建议表", "type": "click", "key": "a"}], "16 bytes"),
        ([{"name": "报修", "type": "click"}], "key is missing"),
        ([{"name": "报修", "type": "click", "key": "键" * 50}], "128 bytes"),
        ([{"name": "报修", "type": "view", "url": "desk.example"}], "https://"),
        ([{"name": "报修", "type": "view", "url": "https://" + "a" * 1024}], "1024 bytes"),
        ([{"name": "报修", "type": "miniprogram", "key": "a"}], "click"),
        ([{"name": "", "type": "click", "key": "a"}], "no name"),
        ([{"name": "报修", "type": "click", "key": "a", "url": "b"}], "url is not known"),
        ([{"name": "更多", "sub_button": [MENU[1]] * 6}], "1 to 5"),
        ([{"name": "更多", "sub_button": [MENU[1]], "key": "a"}], "nothing else"),
        ([{"name": "更多", "sub_button": [MENU[0]]}], "type is click"),
        (["报修"], "must be a button"),
    ],
)
async def test_a_menu_wechat_would_not_take_is_refused_here(stage: Stage, buttons: Any, word: str) -> None:
    with pytest.raises(ValueError, match=re.escape(word)):
        await stage.channel.set_menu(buttons)
    assert stage.wechat.calls == []


async def test_a_code_carries_an_invite(stage: Stage) -> None:
    drawn = await stage.channel.code("YH-4-1-703", timedelta(days=7))
    await stage.wechat.happens("subscribe", EventKey=f"qrscene_{stage.wechat.codes[drawn]}", Ticket="t")
    assert stage.desk.heard[-1].start == "YH-4-1-703" and stage.wechat.violations == []
    for start, lasts in (("", 1), ("x" * 65, 1), ("x", 31), ("x", 0)):
        with pytest.raises(ValueError):
            await stage.channel.code(start, timedelta(days=lasts))


async def test_an_unchecked_menu_would_be_refused_by_wechat(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(menu, "checked", lambda buttons: {"button": buttons})
    with pytest.raises(SendError):
        await stage.channel.set_menu([{"name": "报修投诉建议表", "type": "click", "key": "a"}])
    assert stage.wechat.violations == ["menu: 40018"]


# ── Check ────────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_working_account_has_nothing_to_remedy() -> None:
    async with opened(template=NEWS, notice=NEWS) as stage:
        await stage.wechat.verify()
        findings = await stage.channel.check()
        assert [f.ok for f in findings] == [True] * 6
        assert stage.wechat.shown == [] and stage.wechat.violations == []


async def test_an_account_that_may_only_reply_and_is_set_up_so_has_nothing_to_remedy() -> None:
    async with opened(reach="reply_only", fake={"unauthorised": [SEND]}) as stage:
        await stage.wechat.say("在吗")
        assert all(f.ok for f in await stage.channel.check())


@pytest.mark.parametrize(
    ("account", "fake", "word"),
    [
        ({"secret": "f" * 32}, {}, "AppSecret"),
        ({"app_id": "wxffffffffffffffff"}, {}, "AppID"),
        ({"template": replace(NEWS, id="gone")}, {}, "template.id"),
        ({"template": replace(NEWS, fields={"thing4": "{text}"})}, {}, "phrase3"),
        ({"notice": replace(NEWS, id="gone")}, {}, "notice.id"),
        ({}, {"unauthorised": [SEND]}, "reply_only"),
        ({"reach": "reply_only"}, {}, "reply_only out"),
        ({"template": NEWS}, {"unauthorised": ["/cgi-bin/template/get_all_private_template"]}, "48001"),
    ],
)
async def test_what_the_check_finds_and_what_to_do(account: dict[str, Any], fake: dict[str, Any], word: str) -> None:
    async with opened(fake=fake, **account) as stage:
        await stage.wechat.verify()
        findings = [f for f in await stage.channel.check() if not f.ok]
        assert len(findings) == 1 and word in findings[0].remedy
        for words in (findings[0].what, findings[0].remedy):
            zh, en = in_language(words, "zh"), in_language(words, "en")
            assert zh.endswith("。") and zh != en and not re.search("[一-鿿]{6}", en)


async def test_a_desk_that_was_never_called_is_told_what_to_enter(stage: Stage) -> None:
    (finding,) = [f for f in await stage.channel.check() if not f.ok]
    assert "never called" in finding.what and "/wechat/yh-mp" in finding.remedy and "安全模式" in finding.remedy


@pytest.mark.parametrize(("ahead", "said"), [(90, "90 s behind"), (-90, "90 s ahead of"), (59, "")])
async def test_a_clock_that_is_wrong_is_found(stage: Stage, ahead: int, said: str) -> None:
    await stage.wechat.verify()
    stage.wechat.ahead = timedelta(seconds=ahead)
    wrong = [f.what for f in await stage.channel.check() if not f.ok]
    assert (len(wrong) == 1 and said in wrong[0]) if said else wrong == []


async def test_a_clock_so_wrong_that_callbacks_are_refused_is_found_until_one_is_taken(stage: Stage) -> None:
    stamp = str(int(stage.clock().timestamp()) + 1200)
    signature = fakes.sign(stage.wechat.token, stamp, "1")
    assert (await stage.wechat.verify(timestamp=stamp, nonce="1", signature=signature)).status_code == 403
    assert any("1200 s behind" in f.what for f in await stage.channel.check())
    stage.clock.forward(seconds=1)
    await stage.wechat.say("在吗")
    assert all(f.ok for f in await stage.channel.check())


@pytest.mark.parametrize("fault", [fakes.CUT, (500, {}), (200, {}), -1])
async def test_the_check_never_raises(stage: Stage, fault: Any) -> None:
    await stage.wechat.verify()
    stage.wechat.fail(TOKEN, fault)
    assert not (await stage.channel.check())[-1].ok
    stage.wechat.fail(SEND, fault)
    assert not all(f.ok for f in await stage.channel.check())
    stage.notes.broken = True
    assert not any(f.ok for f in await stage.channel.check())
