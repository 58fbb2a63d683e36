"""A resident and an Official Account: what is heard, what is answered while WeChat waits, and what when it does not.

Each guard of the adapter is also taken away once, to see that the fake, or the resident, would notice.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import random
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.channels import Checks, Fetches, Inbound, SendError, Serves
from bot.channels.wechat import WeChat, WeChatAccount
from bot.channels.wechat import channel as channel_module
from bot.core.types import Media
from tests.channels.wechat_stage import NEWS, SEND, TEMPLATE, TOKEN, Stage, opened
from tests.fakes import wechat as fakes
from tests.fakes.wechat import OPENID
from tests.fakes.wechat_desk import Clock, Desk, Notes


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with opened() as made:
        yield made


def test_it_is_a_channel_that_serves_checks_and_fetches() -> None:
    clock = Clock()
    account = WeChatAccount("YH", "yh-mp", "wx0123456789abcdef", "s", "t", "a" * 43)
    channel = WeChat(account, Notes(clock), clock, http=httpx.AsyncClient(verify=False))
    assert isinstance(channel, Serves) and isinstance(channel, Checks) and isinstance(channel, Fetches)
    assert (channel.name, channel.account, channel.reach, channel.limits.bytes) == ("wechat", "yh-mp", "window", 2048)
    assert not {"s", "t", "a" * 43} & set(re.findall(r"'(.*?)'", repr(account)))


# ── A resident writes and is answered while WeChat waits ─────────────────────────────────────────────────────────────


async def test_the_answer_goes_out_with_the_response_and_costs_nothing(stage: Stage) -> None:
    exchange = await stage.wechat.say("厨房漏水了")
    assert exchange.reply == "收到"
    assert [(m.text, m.address, m.external_id) for m in stage.desk.heard] == [("厨房漏水了", OPENID, exchange.fields["MsgId"])]
    assert stage.desk.statuses() == ["unconfirmed"]
    assert stage.wechat.calls == [] and stage.wechat.violations == []


async def test_the_messages_of_a_turn_are_one_reply_and_only_the_last_question_is_numbered(stage: Stage) -> None:
    stage.desk.answers = lambda _: (
        stage.desk.message("先问一句", "水", "电"),
        stage.desk.message("漏在哪里？", "厨房", "卫生间"),
    )
    exchange = await stage.wechat.say("漏水")
    assert exchange.reply == "先问一句\n· 水\n· 电\n\n漏在哪里？\n1. 厨房\n2. 卫生间"
    assert stage.wechat.violations == []


async def test_what_a_member_of_staff_wrote_carries_their_name(stage: Stage) -> None:
    stage.desk.answers = lambda _: (stage.desk.message("我马上到", author="王师傅"),)
    assert (await stage.wechat.say("人呢")).reply == "王师傅: 我马上到"


async def test_what_does_not_fit_the_one_reply_follows_by_customer_service_message(stage: Stage) -> None:
    stage.desk.answers = lambda _: ("短的", "长" * 600, "再长" * 300)
    exchange = await stage.wechat.say("费用")
    assert exchange.reply == "短的\n\n" + "长" * 600
    assert stage.desk.statuses() == ["unconfirmed", "unconfirmed", "ready"]
    await stage.desk.drain(stage.channel)
    assert stage.wechat.texts("service") == ["再长" * 300] and stage.wechat.violations == []


async def test_a_turn_that_takes_too_long_is_acknowledged_and_answered_by_customer_service_message() -> None:
    async with opened(patience=0.05) as stage:
        stage.desk.answers = lambda _: None
        exchange = await stage.wechat.say("厨房漏水了")
        assert exchange.answers == [(200, "success")]
        await stage.desk.finish("已登记")
        await stage.desk.drain(stage.channel)
        assert stage.wechat.texts("service") == ["已登记"] and stage.wechat.violations == []


@pytest.mark.parametrize("fenced", [False, True])
async def test_a_redelivery_while_the_turn_runs_gets_the_answer_and_the_dead_connection_does_not(fenced: bool) -> None:
    async with opened(fenced=fenced, patience=20, hang_up=0.3) as stage:
        stage.desk.answers = lambda _: None
        written = asyncio.create_task(stage.wechat.say("厨房漏水了"))
        await stage.desk.until(lambda: stage.desk.deliveries == 2)
        await stage.desk.finish("已登记")
        exchange = await written
        assert exchange.reply == "已登记" and exchange.answers[0] is None
        assert len(stage.desk.inbox) == 1 and stage.wechat.texts("passive") == ["已登记"]
        assert stage.wechat.texts("error") == []


async def test_without_looking_whether_the_connection_lives_the_answer_would_be_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(_: Request) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(channel_module, "_hung_up", never)
    async with opened(patience=20, hang_up=0.2) as stage:
        stage.desk.answers = lambda _: None
        exchange = fakes.Exchange(stage.wechat.message("text", Content="厨房漏水了", MsgId="7"))
        assert not await stage.wechat.post(exchange)
        await stage.desk.finish("已登记")
        await stage.desk.until(lambda: stage.desk.statuses() == ["unconfirmed"])  # the desk believes it was said
        assert stage.wechat.texts("passive") == []


async def test_a_reply_that_was_lost_is_given_again_when_wechat_asks_again(stage: Stage) -> None:
    exchange = await stage.wechat.say("厨房漏水了")
    stage.wechat.shown.clear()  # it never arrived
    await stage.wechat.post(exchange)
    assert stage.wechat.texts("passive") == ["收到"]
    assert len(stage.desk.inbox) == 1


@pytest.mark.parametrize("fenced", [False, True])
async def test_what_cannot_be_kept_is_not_acknowledged_and_comes_again(fenced: bool) -> None:
    async with opened(fenced=fenced, hang_up=0.3) as stage:
        stage.desk.refusals = 2
        exchange = await stage.wechat.say("厨房漏水了")
        assert [a is None for a in exchange.answers] == [True, True, False]
        assert exchange.reply == "收到" and len(stage.desk.inbox) == 1 and stage.wechat.texts("error") == []


async def test_an_error_page_instead_of_silence_would_lose_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(*_: object) -> Response:
        return Response(status_code=503)

    monkeypatch.setattr(WeChat, "_leave_open", at_once)
    async with opened() as stage:
        stage.desk.refusals = 2  # the delivery, and the try a moment later
        await stage.wechat.say("厨房漏水了")
        assert stage.desk.inbox == {} and len(stage.wechat.texts("error")) == 1


async def test_what_fails_for_a_moment_is_kept_with_the_same_delivery() -> None:
    async with opened() as stage:
        stage.desk.refusals = 1
        exchange = await stage.wechat.say("厨房漏水了")
        assert len(exchange.answers) == 1 and len(stage.desk.inbox) == 1 and stage.wechat.texts("error") == []


async def test_a_desk_that_cannot_note_the_window_does_not_take_the_message() -> None:
    async with opened(hang_up=0.3) as stage:
        stage.notes.broken = True
        exchange = await stage.wechat.say("厨房漏水了")
        assert exchange.answers == [None, None, None] and stage.desk.inbox == {}


async def test_a_desk_that_cannot_tell_its_answer_costs_the_reply_alone(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> tuple[()]:
        raise OSError("the database is away")

    monkeypatch.setattr(Desk, "take", broken)
    assert (await stage.wechat.say("厨房漏水了")).answers == [(200, "success")]
    monkeypatch.undo()
    await stage.desk.drain(stage.channel)
    assert stage.wechat.texts("service") == ["收到"]


async def test_nothing_to_say_is_acknowledged(stage: Stage) -> None:
    stage.desk.answers = lambda _: ()
    assert (await stage.wechat.say("谢谢")).answers == [(200, "success")]
    assert stage.wechat.violations == []


async def test_an_answer_with_photos_goes_by_customer_service_message() -> None:
    async with opened(photo=lambda name: b"\xff\xd8" + name.encode()) as stage:
        stage.desk.answers = lambda _: (stage.desk.message("修好了", photos=("abc",)),)
        assert (await stage.wechat.say("好了吗")).answers == [(200, "success")]
        await stage.desk.drain(stage.channel)
        assert stage.wechat.texts("service") == ["修好了"] and len(stage.wechat.texts("image")) == 1
        assert stage.wechat._media[stage.wechat.texts("image")[0]][0] == b"\xff\xd8abc"
        assert stage.wechat.violations == []


# ── What a resident writes and does ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("kind", "fields", "heard"),
    [
        ("image", {"MediaId": "m-1", "PicUrl": "http://mmbiz.qpic.cn/x"}, {"media": (Media("photo", "m-1 http://mmbiz.qpic.cn/x"),)}),
        ("image", {"MediaId": "m-1"}, {"media": (Media("photo", "m-1"),)}),
        ("voice", {"MediaId": "m-2", "Format": "amr", "Recognition": "漏水"}, {"media": (Media("voice", "m-2"),)}),
        ("location", {"Location_X": "23.1", "Location_Y": "113.3", "Label": "云湖花园3栋"}, {"location": "云湖花园3栋"}),
        ("location", {"Location_X": "23.1", "Location_Y": "113.3", "Label": ""}, {"location": "23.1,113.3"}),
        ("video", {"MediaId": "m-3", "ThumbMediaId": "t"}, {"media": (Media("file", "video"),)}),
        ("link", {"Title": "看看", "Url": "https://x/"}, {"media": (Media("file", "link"),)}),
        ("channels_finder", {"Whatever": "x"}, {"media": (Media("file", "channels_finder"),)}),
        ("text", {"Content": ""}, {"text": ""}),
        ("text", {"Content": "<!DOCTYPE x> ]]> &amp; <b>"}, {"text": "<!DOCTYPE x> ]]> &amp; <b>"}),
    ],
)
async def test_each_kind_of_message(stage: Stage, kind: str, fields: dict[str, str], heard: dict[str, Any]) -> None:
    exchange = await stage.wechat.deliver(stage.wechat.message(kind, **fields))
    assert stage.desk.heard == [Inbound("wechat", "yh-mp", exchange.fields["MsgId"], OPENID, **heard)]
    assert exchange.reply == "收到"


@pytest.mark.parametrize(
    ("event", "fields", "heard"),
    [
        ("subscribe", {"EventKey": ""}, {"event": "arrived"}),
        ("subscribe", {"EventKey": "qrscene_YH-4-1-703", "Ticket": "t"}, {"event": "arrived", "start": "YH-4-1-703"}),
        ("subscribe", {"EventKey": "last_trade_no_4200"}, {"event": "arrived"}),
        ("SCAN", {"EventKey": "invite-7", "Ticket": "t"}, {"event": "arrived", "start": "invite-7"}),
        ("CLICK", {"EventKey": "/report_repair"}, {"button": "/report_repair"}),
    ],
)
async def test_each_event_the_desk_hears(stage: Stage, event: str, fields: dict[str, str], heard: dict[str, Any]) -> None:
    exchange = await stage.wechat.happens(event, **fields)
    second = exchange.fields["CreateTime"]
    assert stage.desk.heard == [Inbound("wechat", "yh-mp", f"{OPENID}:{second}:{_seen(event, fields)}", OPENID, **heard)]
    assert exchange.reply == "收到"
    await stage.wechat.post(exchange)
    assert len(stage.desk.inbox) == 1


def _seen(event: str, fields: dict[str, str]) -> str:
    return "subscribe_scan" if fields["EventKey"].startswith("qrscene_") else event.lower()


@pytest.mark.parametrize("event", ["VIEW", "LOCATION", "TEMPLATESENDJOBFINISH", "scancode_waitmsg", "pic_sysphoto", "never_seen"])
async def test_other_events_are_acknowledged_and_say_nothing(stage: Stage, event: str) -> None:
    assert (await stage.wechat.happens(event, EventKey="x")).answers == [(200, "success")]
    assert stage.desk.inbox == {}


async def test_a_template_that_was_taken_and_not_shown_is_in_the_log(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    await stage.wechat.happens("TEMPLATESENDJOBFINISH", MsgID="200163836", Status="failed:user block")
    said = capsys.readouterr().out
    assert "wechat_not_shown" in said and "template:200163836" in said and "failed:user block" in said
    await stage.wechat.happens("TEMPLATESENDJOBFINISH", MsgID="200163837", Status="success")
    assert "200163837" not in capsys.readouterr().out


async def test_who_leaves_is_heard_once_and_sent_nothing_more(stage: Stage) -> None:
    await stage.wechat.say("你好")
    left = await stage.wechat.happens("unsubscribe")
    assert left.answers == [(200, "success")] and stage.desk.heard[-1].event == "left"
    with pytest.raises(SendError) as refused:
        await stage.send("你的工单有进展")
    assert not refused.value.retryable and stage.wechat.called(SEND) == 0


@pytest.mark.parametrize(
    "xml",
    [
        "<xml><MsgType>text</MsgType></xml>",
        "<xml><FromUserName>oResident-1</FromUserName><CreateTime>x</CreateTime><MsgType>text</MsgType></xml>",
        "<xml><FromUserName>o R</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType><MsgId>1</MsgId></xml>",
        "<xml><FromUserName>oResident-1</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType></xml>",
        "<xml><FromUserName>oResident-1</FromUserName><CreateTime>1</CreateTime><MsgType><a/></MsgType><MsgId>1</MsgId></xml>",
        "<other/>",
    ],
)
async def test_a_message_that_lacks_what_every_message_has_is_acknowledged_and_dropped(stage: Stage, xml: str) -> None:
    exchange = fakes.Exchange(stage.wechat.message("text", Content="x"))
    await stage.wechat.post(exchange, xml=xml)
    assert exchange.answers == [(200, "success")] and stage.desk.inbox == {}


# ── Accounts that may only reply ─────────────────────────────────────────────────────────────────────────────────────


async def test_news_of_a_reply_only_account_waits_for_the_resident() -> None:
    async with opened(reach="reply_only", fake={"unauthorised": [SEND]}) as stage:
        with pytest.raises(SendError) as refused:
            await stage.send("师傅到了")
        assert refused.value.retryable and refused.value.after == timedelta(hours=1) and stage.wechat.calls == []
        stage.desk.say(OPENID, "师傅到了")
        assert (await stage.wechat.say("在吗")).reply == "师傅到了\n\n收到"
        assert stage.wechat.violations == []


async def test_news_that_fits_no_reply_becomes_a_telephone_call_at_once() -> None:
    async with opened(reach="reply_only") as stage:
        for message in (stage.desk.message("长" * 700), stage.desk.message("看", photos=("abc",))):
            with pytest.raises(SendError) as refused:
                await stage.channel.send(OPENID, message)
            assert not refused.value.retryable and "Telephone" in str(refused.value)


@pytest.mark.parametrize("fenced", [False, True])
async def test_a_reply_only_account_lets_wechat_ask_a_second_time(fenced: bool) -> None:
    async with opened(fenced=fenced, reach="reply_only", patience=0.1, hang_up=0.4) as stage:
        stage.desk.answers = lambda _: None
        written = asyncio.create_task(stage.wechat.say("厨房漏水了"))
        await stage.desk.until(lambda: stage.desk.given_up == 1)  # the first delivery is held from now on
        await stage.desk.finish("已登记")
        exchange = await written
        assert exchange.answers[0] is None and exchange.reply == "已登记" and stage.wechat.texts("error") == []


async def test_a_second_delivery_without_an_answer_is_acknowledged() -> None:
    async with opened(reach="reply_only", patience=0.05, hang_up=0.6) as stage:
        stage.desk.answers = lambda _: None
        exchange = await stage.wechat.say("厨房漏水了")
        assert exchange.answers == [None, (200, "success")] and stage.wechat.texts("error") == []


async def test_acknowledged_at_once_its_answer_would_wait_for_the_next_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(*_: object) -> Response:
        return PlainTextResponse("success")

    monkeypatch.setattr(WeChat, "_leave_open", at_once)
    async with opened(reach="reply_only", patience=0.05, hang_up=0.4) as stage:
        stage.desk.answers = lambda _: None
        await stage.wechat.say("厨房漏水了")
        await stage.desk.finish("已登记")
        await stage.desk.drain(stage.channel, tries=1)
        assert stage.desk.statuses() == ["waiting"] and stage.wechat.shown == []


# ── All at once ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("seed", range(6))
async def test_many_residents_and_everything_going_wrong(seed: int) -> None:
    """Whatever fails: every message is heard once, WeChat has nothing to complain of, nothing is shown twice, and what the desk
    calls sent was shown."""
    chance = random.Random(seed)
    everybody = [f"oResident-{seed}-{n:020}" for n in range(10)]
    async with opened(patience=0.03, hang_up=1.0, template=NEWS if seed % 2 else None) as stage:
        stage.wechat.followers |= set(everybody)
        numbers = itertools.count(1)
        # A text of its own for each answer, so that a double shows; some too long for one message, some with a question.
        made = [lambda n: f"第{n}条。", lambda n: f"第{n}条。" + "很长，" * chance.randint(200, 500), lambda n: f"第{n}条？"]

        def answer(_: Inbound) -> tuple[Any, ...] | None:
            if chance.random() < 0.2:
                return None
            return tuple(stage.desk.message(chance.choice(made)(next(numbers)), *["是", "否"][: chance.choice([0, 2])]) for _ in range(chance.choice([0, 1, 1, 2])))

        stage.desk.answers = answer
        faults: list[Any] = [-1, 42001, 45011, 45047, (503, {}), (502, {}), fakes.CUT, fakes.LOST]
        said = 0
        for _ in range(12):
            writers = chance.sample(everybody, 4)
            stage.desk.refusals = chance.choice([0, 0, 0, 1])
            for _ in range(chance.choice([0, 1, 2])):
                stage.wechat.fail(chance.choice([SEND, SEND, TOKEN, TEMPLATE]), chance.choice(faults))
            done = await asyncio.gather(*(stage.wechat.say(f"说{next(numbers)}", openid) for openid in writers))
            said += len(done)
            if chance.random() < 0.3:
                lost = chance.choice(done)  # WeChat asks again because the reply never came
                stage.wechat.shown = [s for s in stage.wechat.shown if s.how != "passive" or s.text != lost.reply]
                await stage.wechat.post(lost)
            stage.desk.say(chance.choice(everybody), f"第{next(numbers)}条。进展")
            await stage.desk.drain(stage.channel)
            stage.clock.forward(seconds=chance.choice([1, 70, 3600, 50 * 3600]))
        assert stage.wechat.violations == [] and stage.wechat.texts("error") == []
        assert len(stage.desk.inbox) == said
        replied, sent = (
            collections.Counter(mark for s in stage.wechat.shown if (s.how == "passive") == passive for mark in re.findall(r"第\d+条", s.text))
            for passive in (True, False)
        )
        for row in stage.desk.rows:
            mark = re.findall(r"第\d+条", row.message.text)[0]
            assert sent[mark] <= 1 and not (sent[mark] and replied[mark]), row
            assert row.status in ("sent", "unconfirmed", "failed", "waiting"), row
            assert sent[mark] == 1 or row.status != "sent", row
        assert {"sent", "unconfirmed"} <= set(stage.desk.statuses())
