"""What an Official Account sends by itself: counted against the windows, in pieces, by template; and what goes wrong on the way."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from bot.channels import Message, SendError
from bot.channels.wechat import WeChat, client, replies
from tests.channels.wechat_stage import NEWS, NOTICE, SEND, TEMPLATE, Stage, opened
from tests.fakes import wechat as fakes
from tests.fakes.wechat import OPENID


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with opened() as made:
        yield made


# ── Windows ──────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_five_messages_after_a_resident_wrote_and_then_none(stage: Stage) -> None:
    stage.desk.answers = lambda _: ()
    await stage.wechat.say("厨房漏水了")
    for number in range(5):
        await stage.send(f"进展 {number}")
    with pytest.raises(SendError) as refused:
        await stage.send("第六条")
    assert not refused.value.retryable and "48 hours" in str(refused.value)
    assert len(stage.wechat.texts("service")) == 5 and stage.wechat.called(SEND) == 5 and stage.wechat.violations == []


async def test_uncounted_wechat_would_refuse_the_sixth(stage: Stage) -> None:
    stage.channel.windows._strict = False
    await stage.wechat.say("厨房漏水了")
    for number in range(5):
        await stage.send(f"进展 {number}")
    with pytest.raises(SendError):
        await stage.send("第六条")
    assert stage.wechat.violations == ["a customer-service message beyond the quota"]


async def test_the_window_ends_before_wechats_does_and_a_new_message_opens_it_anew(stage: Stage) -> None:
    await stage.wechat.say("厨房漏水了")
    stage.clock.forward(hours=47, minutes=58)
    await stage.send("还在")
    stage.clock.forward(minutes=1.5)
    with pytest.raises(SendError):
        await stage.send("太晚")
    await stage.wechat.say("好了吗")
    for number in range(5):
        await stage.send(f"进展 {number}")
    assert stage.wechat.violations == []


@pytest.mark.parametrize(("event", "key"), [("CLICK", "/menu"), ("subscribe", ""), ("SCAN", "invite"), ("scancode_waitmsg", "x")])
async def test_three_messages_within_a_minute_of_a_click_a_follow_or_a_scan(event: str, key: str) -> None:
    async with opened() as stage:
        await stage.wechat.happens(event, EventKey=key)
        for number in range(3):
            await stage.send(f"欢迎 {number}")
        with pytest.raises(SendError):
            await stage.send("第四条")
        stage.clock.forward(seconds=1)
        await stage.wechat.happens(event, EventKey=key)
        stage.clock.forward(seconds=56)
        with pytest.raises(SendError):
            await stage.send("太晚")
        assert stage.wechat.violations == [] and stage.wechat.called(SEND) == 3


async def test_a_click_on_a_link_of_the_bizmsgmenu_kind_counts_as_a_menu_click(stage: Stage) -> None:
    await stage.wechat.say("厨房", bizmsgmenuid="101")
    for number in range(3):
        await stage.send(f"好 {number}")
    with pytest.raises(SendError):
        await stage.send("第四条")
    assert stage.wechat.violations == []


async def test_each_source_has_its_own_window_and_the_shorter_is_used_first(stage: Stage) -> None:
    await stage.wechat.say("厨房漏水了")
    await stage.wechat.happens("CLICK", EventKey="/progress")
    for number in range(3):
        await stage.send(f"进展 {number}")
    stage.clock.forward(minutes=2)
    for number in range(5):
        await stage.send(f"后来 {number}")
    with pytest.raises(SendError):
        await stage.send("第九条")
    assert stage.wechat.violations == []


async def test_a_redelivery_fills_no_window_again(stage: Stage) -> None:
    exchange = await stage.wechat.say("厨房漏水了")
    for number in range(5):
        await stage.send(f"进展 {number}")
    await stage.wechat.post(exchange)
    with pytest.raises(SendError):
        await stage.send("第六条")
    assert stage.wechat.violations == []


async def test_filled_by_every_delivery_the_window_would_promise_too_much(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = iter(range(100))
    known = stage.channel.windows.opened
    monkeypatch.setattr(stage.channel.windows, "opened", lambda openid, source, at, _: known(openid, source, at, str(next(seen))))
    exchange = await stage.wechat.say("厨房漏水了")
    for number in range(5):
        await stage.send(f"进展 {number}")
    await stage.wechat.post(exchange)
    with pytest.raises(SendError):
        await stage.send("第六条")
    assert stage.wechat.violations == ["a customer-service message beyond the quota"]


async def test_two_processes_count_the_same_window(stage: Stage) -> None:
    await stage.wechat.say("厨房漏水了")
    other = stage.beside()
    messages = [stage.desk.message(f"进展 {n}") for n in range(8)]
    results = await asyncio.gather(
        *((stage.channel, other)[n % 2].send(OPENID, m) for n, m in enumerate(messages)), return_exceptions=True
    )
    assert sum(isinstance(r, str) for r in results) == 5 and stage.wechat.violations == []


async def test_what_wechat_refused_or_never_got_is_not_counted(stage: Stage) -> None:
    await stage.wechat.say("厨房漏水了")
    stage.wechat.fail(SEND, -1, -1, (503, {}), 45011)
    for _ in range(4):
        with pytest.raises(SendError) as refused:
            await stage.send("进展")
        assert refused.value.retryable and not refused.value.unconfirmed
    for number in range(5):
        await stage.send(f"进展 {number}")
    assert stage.wechat.violations == []


@pytest.mark.parametrize("code", [45015, 45047])
async def test_wechats_own_word_closes_the_window(stage: Stage, code: int) -> None:
    await stage.wechat.say("厨房漏水了")
    stage.wechat.fail(SEND, code)
    for _ in range(2):
        with pytest.raises(SendError) as refused:
            await stage.send("进展")
        assert not refused.value.retryable
    assert stage.wechat.called(SEND) == 1


# ── Long texts ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_uncut_wechat_would_refuse_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "pieces", lambda text: (text,))
    await stage.wechat.say("规定")
    with pytest.raises(SendError) as refused:
        await stage.send("长" * 700)
    assert not refused.value.retryable and stage.wechat.violations == ["a text of 2100 bytes"]


async def test_after_a_piece_failed_the_second_try_goes_on_with_it(stage: Stage) -> None:
    await stage.wechat.say("规定")
    stage.desk.rows.clear()
    stage.desk.say(OPENID, "一" * 682 + "二" * 682 + "三" * 10)
    real, calls = stage.channel.client.post, 0

    async def second_fails(path: str, body: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            stage.wechat.fail(SEND, -1)
        return await real(path, body, **more)

    stage.channel.client.post = second_fails  # type: ignore[method-assign]
    await stage.desk.drain(stage.channel)
    assert stage.desk.statuses() == ["sent"]
    assert [t[0] for t in stage.wechat.texts("service")] == ["一", "二", "三"] and stage.wechat.violations == []
    await stage.send("还有")
    await stage.send("两条")


async def test_without_noting_its_progress_pieces_would_come_twice(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.wechat.say("规定")
    stage.desk.rows.clear()
    stage.desk.say(OPENID, "一" * 682 + "二" * 682)
    read = stage.notes.read

    async def forgetful(page: str) -> Any:
        return None if page.startswith("progress") else await read(page)

    monkeypatch.setattr(stage.notes, "read", forgetful)
    real, calls = stage.channel.client.post, 0

    async def second_fails(path: str, body: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            stage.wechat.fail(SEND, -1)
        return await real(path, body, **more)

    monkeypatch.setattr(stage.channel.client, "post", second_fails)
    await stage.desk.drain(stage.channel)
    assert [t[0] for t in stage.wechat.texts("service")] == ["一", "一", "二"]


async def test_a_piece_that_may_have_arrived_keeps_nothing_back(stage: Stage) -> None:
    await stage.wechat.say("规定")
    stage.desk.rows.clear()
    stage.wechat.fail(SEND, fakes.LOST)
    stage.desk.say(OPENID, "一" * 682 + "二" * 682)
    await stage.desk.drain(stage.channel)
    assert stage.desk.statuses() == ["unconfirmed"]
    assert [t[0] for t in stage.wechat.texts("service")] == ["一", "二"] and stage.wechat.violations == []


async def test_a_doubt_stays_when_a_later_piece_is_tried_again(stage: Stage) -> None:
    await stage.wechat.say("规定")
    stage.desk.rows.clear()
    await stage.channel.client.token()
    stage.wechat.fail(SEND, fakes.CUT, -1)
    stage.desk.say(OPENID, "一" * 682 + "二" * 682)
    await stage.desk.drain(stage.channel)
    assert stage.desk.statuses() == ["unconfirmed"]
    assert [t[0] for t in stage.wechat.texts("service")] == ["二"] and stage.wechat.violations == []


async def test_a_text_that_needs_more_messages_than_are_left_is_not_begun(stage: Stage) -> None:
    await stage.wechat.say("规定")
    for number in range(4):
        await stage.send(f"进展 {number}")
    with pytest.raises(SendError):
        await stage.send("长" * 700)
    await stage.send("短的还可以")
    assert stage.wechat.violations == []


async def test_characters_reach_the_resident_as_they_are(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.wechat.say("x")
    await stage.send("漏水 🚰 “请稍候” & <b>", "是", "否")
    assert stage.wechat.texts("service") == ["漏水 🚰 “请稍候” & <b>\n1. 是\n2. 否"] and stage.wechat.violations == []
    monkeypatch.setattr(client, "json", SimpleNamespace(loads=json.loads, dumps=lambda body, **_: json.dumps(body)))
    await stage.send("漏水")
    assert stage.wechat.violations == ["characters escaped as \\uXXXX: the resident reads them as they stand"]


# ── Templates and notices ────────────────────────────────────────────────────────────────────────────────────────────


async def test_outside_the_window_the_news_goes_by_template() -> None:
    async with opened(template=NEWS) as stage:
        external = await stage.send("工单 YH-BX-0007：张师傅明天上午九点到，请家里留人，他会带新的角阀来换。")
        assert external.startswith("template:")
        assert stage.wechat.texts("template") == ["工单 YH-BX-0007：张师傅明天上 | 午九点到，请家里留人，他会带新的角阀来… | 工单进度"]
        assert stage.wechat.violations == [] and stage.wechat.called(SEND) == 0


async def test_a_field_that_is_not_cut_would_be_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replies, "field_characters", lambda _: 1000)
    async with opened(template=NEWS) as stage:
        with pytest.raises(SendError):
            await stage.send("工单 YH-BX-0007：张师傅明天上午九点到，请家里留人。")
        assert stage.wechat.violations == ["field thing4 is empty or too long"]


async def test_a_broken_connection_sends_no_template_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(template=NEWS) as stage:
        stage.wechat.fail(TEMPLATE, fakes.LOST)
        stage.desk.say(OPENID, "师傅已出发")
        await stage.desk.drain(stage.channel)
        assert stage.desk.statuses() == ["sent"] and len(stage.wechat.texts("template")) == 1
        real = stage.channel.client.post
        monkeypatch.setattr(
            stage.channel.client,
            "post",
            lambda path, body, **more: real(path, {k: v for k, v in body.items() if k != "client_msg_id"}, **more),
        )
        stage.wechat.fail(TEMPLATE, fakes.LOST)
        stage.desk.say(OPENID, "师傅到了")
        await stage.desk.drain(stage.channel)
        assert len(stage.wechat.texts("template")) == 3, "unnamed, it comes twice"


async def test_a_template_that_may_have_arrived_goes_no_other_way_though_one_has_opened() -> None:
    async with opened(template=NEWS) as stage:
        news = Message(7, "师傅已出发")
        stage.wechat.fail(TEMPLATE, fakes.LOST)
        with pytest.raises(SendError) as lost:
            await stage.channel.send(OPENID, news)
        assert lost.value.retryable and not lost.value.unconfirmed, "it has a name: a second try does no harm"
        among = (Message(6, "您好"), news, Message(8, "还有"))
        assert await stage.channel._first_in_doubt(among) == 1, "a passive reply holds what comes before it, and no more"
        await stage.wechat.say("师傅来了吗")  # the window is open now
        assert (await stage.channel.send(OPENID, news)).startswith("template:")
        assert len(stage.wechat.texts("template")) == 1 and stage.wechat.called(SEND) == 0


async def test_once_wechat_has_forgotten_its_name_nobody_can_tell_whether_a_template_arrived() -> None:
    async with opened(template=NEWS) as stage:
        news = Message(8, "师傅已出发")
        stage.wechat.fail(TEMPLATE, fakes.LOST)
        with pytest.raises(SendError):
            await stage.channel.send(OPENID, news)
        stage.clock.forward(minutes=10)
        with pytest.raises(SendError) as told:
            await stage.channel.send(OPENID, news)
        assert told.value.unconfirmed and len(stage.wechat.texts("template")) == 1


async def test_after_the_template_the_notice_the_resident_agreed_to_and_after_that_the_telephone() -> None:
    async with opened(template=replace(NEWS, id="gone"), notice=NEWS) as stage:
        await stage.wechat.deliver(stage.wechat.pops_up({"tmpl-1": "accept"}))
        assert (await stage.send("师傅已出发")).startswith("notice:")
        stage.wechat.violations.clear()  # the template is unknown on purpose
        with pytest.raises(SendError) as refused:
            await stage.send("师傅到了")
        reasons = str(refused.value)
        assert not refused.value.retryable
        assert "no customer-service message is left" in reasons and "40037" in reasons and "has not agreed to notices" in reasons
        assert len(stage.wechat.texts("notice")) == stage.wechat.called(NOTICE) == 1


@pytest.mark.parametrize("code", [40003, 43004, 43019, 48002])
async def test_when_it_is_the_person_no_other_way_is_tried(code: int) -> None:
    async with opened(template=NEWS, notice=NEWS) as stage:
        await stage.wechat.say("你好")
        stage.wechat.fail(SEND, code)
        with pytest.raises(SendError) as refused:
            await stage.send("师傅到了")
        assert not refused.value.retryable and stage.wechat.called(TEMPLATE) == stage.wechat.called(NOTICE) == 0
        stage.clock.forward(days=3)
        stage.wechat.fail(TEMPLATE, code)
        with pytest.raises(SendError):
            await stage.send("师傅到了")
        assert stage.wechat.called(NOTICE) == 0


async def test_an_account_without_the_right_falls_to_its_template() -> None:
    async with opened(template=NEWS, fake={"unauthorised": [SEND]}) as stage:
        await stage.wechat.say("你好")
        assert (await stage.send("师傅到了")).startswith("template:")


# ── When it goes wrong ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_connection_that_breaks_after_the_message_left_is_not_tried_again(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    await stage.wechat.say("x")
    stage.desk.rows.clear()
    stage.wechat.fail(SEND, fakes.LOST)
    stage.desk.say(OPENID, "师傅到了")
    await stage.desk.drain(stage.channel)
    assert stage.desk.statuses() == ["unconfirmed"] and stage.wechat.texts("service") == ["师傅到了"]

    def trusting(error: Exception, repeatable: bool) -> None:
        raise SendError("broken", retryable=True)

    monkeypatch.setattr(client, "_broken", trusting)
    stage.wechat.fail(SEND, fakes.LOST)
    stage.desk.say(OPENID, "师傅走了")
    await stage.desk.drain(stage.channel)
    assert stage.wechat.texts("service")[1:] == ["师傅走了", "师傅走了"], "tried again, it comes twice"


async def test_no_answer_in_time_is_not_tried_again_either(stage: Stage) -> None:
    await stage.wechat.say("x")
    await stage.channel.client.token()
    stage.channel._http.timeout = httpx.Timeout(0.2, connect=5)
    stage.wechat.fail(SEND, fakes.SILENT)
    with pytest.raises(SendError) as refused:
        await stage.send("师傅到了")
    assert refused.value.unconfirmed and stage.wechat.texts("service") == ["师傅到了"]


@pytest.mark.parametrize(
    ("status", "headers", "retryable", "unconfirmed", "after"),
    [
        (500, {}, True, False, None),
        (503, {}, True, False, None),
        (504, {}, True, True, None),
        (200, {}, True, True, None),
        (403, {}, False, False, None),
        (400, {}, False, False, None),
        (429, {"retry-after": "17"}, True, False, timedelta(seconds=17)),
        (429, {}, True, False, timedelta(seconds=60)),
    ],
)
async def test_answers_that_are_not_wechats(stage: Stage, status: int, headers: dict[str, str], retryable: bool, unconfirmed: bool, after: timedelta | None) -> None:
    await stage.wechat.say("x")
    stage.wechat.fail(SEND, (status, headers))
    with pytest.raises(SendError) as refused:
        await stage.send("1")
    assert (refused.value.retryable, refused.value.unconfirmed, refused.value.after) == (retryable, unconfirmed, after)


async def test_wechat_away_is_tried_again(stage: Stage) -> None:
    await stage.wechat.say("x")
    stage.channel.settings = replace(stage.channel.settings, api="http://127.0.0.1:1")
    gone = WeChat(stage.channel.settings, stage.notes, stage.clock, http=stage.channel._http)
    with pytest.raises(SendError) as refused:
        await gone.send(OPENID, stage.desk.message("1"))
    assert refused.value.retryable and not refused.value.unconfirmed


@pytest.mark.parametrize(
    ("code", "retryable", "after"),
    [
        (-1, True, None),
        (45009, True, timedelta(hours=1)),
        (45011, True, timedelta(minutes=1)),
        (40164, True, timedelta(minutes=10)),
        (45002, False, None),
        (99999, True, None),
    ],
)
async def test_error_codes(stage: Stage, code: int, retryable: bool, after: timedelta | None) -> None:
    await stage.wechat.say("x")
    stage.wechat.fail(SEND, code)
    with pytest.raises(SendError) as refused:
        await stage.send("1")
    assert (refused.value.retryable, refused.value.after) == (retryable, after)
    assert str(code) in str(refused.value) and OPENID not in str(refused.value)
