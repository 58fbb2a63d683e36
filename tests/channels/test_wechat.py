"""An Official Account against the fake of WeChat: over real connections, both ways.

Each guard of the adapter is also taken away once, to see that the fake, or the resident, would notice.
"""

from __future__ import annotations

import asyncio
import collections
import itertools
import json
import logging
import random
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from bot.channels import Checks, Fetches, Inbound, SendError, Serves
from bot.channels.wechat import WeChat, WeChatAccount, check, client, envelope, inbound, menu, replies
from bot.channels.wechat import channel as channel_module
from bot.channels.wechat.account import Form
from bot.channels.wechat.channel import Pace
from bot.core.types import Media
from tests.fakes import wechat as fakes
from tests.fakes.wechat import OPENID, FakeWeChat
from tests.fakes.wechat_desk import Clock, Desk, Notes

SEND = "/cgi-bin/message/custom/send"
TEMPLATE = "/cgi-bin/message/template/send"
NOTICE = "/cgi-bin/message/subscribe/bizsend"
TOKEN = "/cgi-bin/stable_token"
OTHER_KEY = "ZYXWVUTSRQPONMLKJIHGFEDCBA9876543210zyxwvut"
NEWS = Form("tmpl-1", {"thing4": "{text}", "thing2": "{text}", "phrase3": "工单进度"}, "https://desk.example/")


@dataclass(slots=True)
class Stage:
    """An account, its desk, and WeChat."""

    clock: Clock
    notes: Notes
    desk: Desk
    wechat: FakeWeChat
    channel: WeChat

    async def send(self, text: str, *labels: str, **more: Any) -> str:
        return await self.channel.send(OPENID, self.desk.message(text, *labels, **more))

    def beside(self) -> WeChat:
        """The same account in another process."""
        return WeChat(self.channel.settings, self.notes, self.clock, sleep=self.clock.sleep, http=self.channel._http)


async def _pass_on(request: Request, go_on: RequestResponseEndpoint) -> Response:
    return await go_on(request)


@asynccontextmanager
async def opened(*, fenced: bool = True, patience: float = 2.0, hang_up: float = 5.0, photo: Callable[[str], bytes] | None = None, fake: dict[str, Any] | None = None, **account: Any) -> AsyncIterator[Stage]:
    clock = Clock()
    desk, notes = Desk(), Notes(clock)
    wechat = FakeWeChat(clock, hang_up=hang_up, templates=[fakes.Form("tmpl-1", ("thing4", "thing2", "phrase3"))], notices=[fakes.Form("tmpl-1", ("thing4", "thing2", "phrase3"))], **(fake or {}))
    async with wechat.running(), httpx.AsyncClient(timeout=client.TIMEOUT, verify=False, trust_env=False) as http:
        settings = WeChatAccount(
            **{
                "community": "YH",
                "account": "yh-mp",
                "app_id": wechat.app_id,
                "secret": wechat.secret,
                "token": wechat.token,
                "aes_key": wechat.aes_key,
                "original_id": wechat.original_id,
                "api": wechat.url,
                **account,
            }
        )
        pace = Pace(patience=timedelta(seconds=patience), hang_up=timedelta(seconds=hang_up + 1))
        channel = WeChat(settings, notes, clock, sleep=clock.sleep, pace=pace, photo=photo, http=http, pictures=("127.0.0.1",))
        # The desk's pages stand behind a middleware, which changes how a connection is seen to end.
        fence = [Middleware(BaseHTTPMiddleware, dispatch=_pass_on)] if fenced else []
        async with fakes.serving(Starlette(routes=list(channel.routes(desk.accept, desk)), middleware=fence)) as url:
            wechat.callback = url + settings.path
            yield Stage(clock, notes, desk, wechat, channel)


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


# ── A resident writes and is answered while WeChat waits ────────────────────────────────────────────────────────────


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
    async with opened(fenced=fenced, hang_up=0.6) as stage:
        stage.desk.refusals = 2
        exchange = await stage.wechat.say("厨房漏水了")
        assert [a is None for a in exchange.answers] == [True, True, False]
        assert exchange.reply == "收到" and len(stage.desk.inbox) == 1 and stage.wechat.texts("error") == []


async def test_an_error_page_instead_of_silence_would_lose_the_message(monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(*_: object) -> Response:
        return Response(status_code=503)

    monkeypatch.setattr(WeChat, "_leave_open", at_once)
    async with opened(hang_up=0.3) as stage:
        stage.desk.refusals = 1
        await stage.wechat.say("厨房漏水了")
        assert stage.desk.inbox == {} and len(stage.wechat.texts("error")) == 1


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


# ── What a resident writes and does ─────────────────────────────────────────────────────────────────────────────────


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
    assert "template:200163836 was not shown: failed:user block" in capsys.readouterr().out
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


# ── Who calls ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_address_is_verified_by_its_echo(stage: Stage) -> None:
    answer = await stage.wechat.verify()
    assert (answer.status_code, answer.text) == (200, "5921317")
    assert answer.headers["content-type"].startswith("text/plain")
    for changed in ({"signature": "0" * 40}, {"signature": "é"}, {"timestamp": "1"}, {"nonce": ""}, {"echostr": "<script>"}, {"echostr": ""}):
        assert (await stage.wechat.verify(**changed)).status_code in (400, 403)
    assert (await stage.wechat.http.get(stage.wechat.callback)).status_code == 400


async def _as_sent(stage: Stage) -> tuple[dict[str, str], str, dict[str, str]]:
    fields = stage.wechat.message("text", Content="开门")
    encrypted = fakes.encrypt(fakes._xml(fields), stage.wechat.aes_key, stage.wechat.app_id)
    return *stage.wechat.sealed(encrypted), fields


async def _post(stage: Stage, query: dict[str, str], body: str | bytes) -> httpx.Response:
    return await stage.wechat.http.post(stage.wechat.callback, params=query, content=body)


async def test_a_call_as_wechat_sends_it_is_taken(stage: Stage) -> None:
    query, body, _ = await _as_sent(stage)
    assert (await _post(stage, query, body)).status_code == 200
    assert len(stage.desk.inbox) == 1


@dataclass(frozen=True, slots=True)
class Attack:
    """What somebody sends, and how the guard against it is taken away."""

    forge: Callable[[Stage, dict[str, str], str], tuple[dict[str, str], str | bytes]]
    disarm: Callable[[pytest.MonkeyPatch, Stage], object]
    status: int = 403


def _stale(stage: Stage, query: dict[str, str], body: str) -> tuple[dict[str, str], str]:
    stage.clock.forward(minutes=6)
    return query, body


def _early(stage: Stage, query: dict[str, str], body: str) -> tuple[dict[str, str], str]:
    stage.clock.forward(minutes=-6)
    return query, body


def _with_doctype(where: str) -> Callable[[Stage, dict[str, str], str], tuple[dict[str, str], str]]:
    doctype = '<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/evil.dtd">'

    def forge(stage: Stage, query: dict[str, str], body: str) -> tuple[dict[str, str], str]:
        if where == "outer":
            return query, doctype + body
        inner = doctype + fakes._xml(stage.wechat.message("text", Content="开门"))
        return stage.wechat.sealed(fakes.encrypt(inner, stage.wechat.aes_key, stage.wechat.app_id))

    return forge


def _for_another_account(stage: Stage, query: dict[str, str], body: str) -> tuple[dict[str, str], str]:
    fields = {**stage.wechat.message("text", Content="开门"), "ToUserName": "gh_ffffffffffff"}
    return stage.wechat.sealed(fakes.encrypt(fakes._xml(fields), stage.wechat.aes_key, stage.wechat.app_id))


def _lenient(xml: str) -> dict[str, str]:
    from xml.etree import ElementTree

    return {child.tag: child.text or "" for child in ElementTree.fromstring(xml)}


ATTACKS = {
    "body signed by nobody": Attack(
        lambda s, q, b: ({**q, "msg_signature": "0" * 40}, b),
        lambda m, s: m.setattr(envelope.Envelope, "_signed", lambda *_: True),
    ),
    "caller signed by nobody": Attack(
        lambda s, q, b: ({**q, "signature": ""}, b),
        lambda m, s: m.setattr(envelope.Envelope, "_signed", lambda *_: True),
    ),
    "body of another call": Attack(
        lambda s, q, b: (q, s.wechat.sealed(fakes.encrypt(fakes._xml(s.wechat.message("text", Content="别的")), s.wechat.aes_key, s.wechat.app_id))[1]),
        lambda m, s: m.setattr(envelope.Envelope, "_signed", lambda *_: True),
    ),
    "six minutes old": Attack(_stale, lambda m, s: m.setattr(s.channel.envelope, "_fresh", None)),
    "six minutes ahead": Attack(_early, lambda m, s: m.setattr(s.channel.envelope, "_fresh", None)),
    "document type outside": Attack(_with_doctype("outer"), lambda m, s: m.setattr(envelope, "read_fields", _lenient), 400),
    "document type inside": Attack(_with_doctype("inner"), lambda m, s: m.setattr(envelope, "read_fields", _lenient), 400),
    "far too long": Attack(
        lambda s, q, b: (q, b.replace("</xml>", " " * envelope.MOST_BYTES + "</xml>")),
        lambda m, s: (m.setattr(envelope, "MOST_BYTES", 10**9), m.setattr(channel_module, "MOST_BYTES", 10**9)),
        413,
    ),
    "for another account": Attack(
        _for_another_account, lambda m, s: setattr(s.channel, "settings", replace(s.channel.settings, original_id=""))
    ),
}


@pytest.mark.parametrize("name", ATTACKS)
async def test_an_attack_is_refused_and_would_succeed_without_its_guard(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    attack = ATTACKS[name]
    async with opened() as stage:
        query, body, _ = await _as_sent(stage)
        query, forged = attack.forge(stage, query, body)
        assert (await _post(stage, query, forged)).status_code == attack.status
        assert stage.desk.inbox == {}
    async with opened() as stage:
        query, body, _ = await _as_sent(stage)
        query, forged = attack.forge(stage, query, body)
        attack.disarm(monkeypatch, stage)
        await _post(stage, query, forged)
        assert len(stage.desk.inbox) == 1


@pytest.mark.parametrize(
    ("query", "body", "status"),
    [
        ({"timestamp": "soon"}, None, 400),
        ({"nonce": "n" * 65}, None, 400),
        ({}, b"\xff\xfe<\x00", 400),
        ({}, "<xml><Encrypt>", 400),
        ({}, "", 400),
        ({}, "<xml/>", 403),
        ({}, "<xml><Encrypt>a</Encrypt><Encrypt>b</Encrypt></xml>", 400),
        ({}, "<xml>" + "<a>" * 50 + "</a>" * 50 + "</xml>", 400),
        ({}, "<xml>" + "".join(f"<a{n}/>" for n in range(300)) + "</xml>", 400),
        ({}, '<?xml version="1.0" encoding="utf-16"?><xml><Encrypt>a</Encrypt></xml>', 403),
        ({}, '<!DOCTYPE x [<!ENTITY a "b">]><xml><Encrypt>&a;</Encrypt></xml>', 400),
    ],
)
async def test_bodies_of_every_kind_are_refused_in_order(stage: Stage, query: dict[str, str], body: str | bytes | None, status: int) -> None:
    sent, sealed, _ = await _as_sent(stage)
    assert (await _post(stage, {**sent, **query}, sealed if body is None else body)).status_code == status
    assert stage.desk.inbox == {}


@pytest.mark.parametrize("encrypted", ["", "AAAA", "not base64!", "ab" * 64])
async def test_what_is_signed_but_cannot_be_opened_is_refused(stage: Stage, encrypted: str) -> None:
    query, body = stage.wechat.sealed(encrypted)
    assert (await _post(stage, query, body)).status_code == 403
    assert stage.desk.inbox == {}


async def test_what_is_for_another_app_is_refused(stage: Stage) -> None:
    encrypted = fakes.encrypt(fakes._xml(stage.wechat.message("text", Content="开门")), stage.wechat.aes_key, "wxffffffffffffffff")
    assert (await _post(stage, *stage.wechat.sealed(encrypted))).status_code == 403


async def test_modes_that_are_not_safe_are_refused_with_the_setting_to_change(stage: Stage) -> None:
    fields = stage.wechat.message("text", Content="厨房漏水了")
    query, body, _ = await _as_sent(stage)
    plain = {name: query[name] for name in ("signature", "timestamp", "nonce")}
    both = body.replace("</xml>", "<MsgType>text</MsgType><Content>厨房漏水了</Content></xml>")
    for sent, held, word in (
        (plain, fakes._xml(fields), "明文模式"),
        (query, both, "兼容模式"),
        (query, json.dumps(fields), "XML"),
    ):
        assert (await _post(stage, sent, held)).status_code == 403
        finding = next(f for f in await stage.channel.check() if not f.ok)
        assert word in finding.remedy and "消息推送配置" in finding.remedy
    assert stage.desk.inbox == {}


async def test_a_stranger_cannot_make_the_check_complain(stage: Stage) -> None:
    await _post(stage, {"signature": "0" * 40, "timestamp": "1", "nonce": "1"}, "<xml/>")
    assert check.SETTING_PAGE not in stage.notes.pages


async def test_an_answer_is_sealed_with_the_key_its_question_came_with() -> None:
    async with opened(fake={"aes_key": OTHER_KEY}, aes_key="a" * 43, previous_aes_key=OTHER_KEY) as stage:
        assert (await stage.wechat.say("在吗")).reply == "收到"
        stage.wechat.aes_key = "a" * 43
        assert (await stage.wechat.say("在吗")).reply == "收到"
        assert stage.wechat.violations == []


async def test_sealed_always_with_the_present_key_wechat_could_not_read_it(monkeypatch: pytest.MonkeyPatch) -> None:
    async with opened(fake={"aes_key": OTHER_KEY}, aes_key="a" * 43, previous_aes_key=OTHER_KEY) as stage:
        seal = stage.channel.envelope.seal
        monkeypatch.setattr(stage.channel.envelope, "seal", lambda xml, key: seal(xml, 0))
        await stage.wechat.say("在吗")
        assert stage.wechat.violations and len(stage.wechat.texts("error")) == 1


async def test_words_of_a_reply_cannot_become_xml(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    evil = "好]]></Content><MsgType>image</MsgType><Content><![CDATA[\x0b\ud800坏"
    stage.desk.answers = lambda _: (evil,)
    assert (await stage.wechat.say("x")).reply == "好]]></Content><MsgType>image</MsgType><Content><![CDATA[坏"
    assert stage.wechat.violations == []

    def as_wechatpy_does(text: str, *, to: str, sender: str, at: Any) -> str:
        return str(replies.TextReply(source=sender, target=to, time=int(at.timestamp()), content=text).render())

    monkeypatch.setattr(replies, "reply", as_wechatpy_does)
    await stage.wechat.say("x")
    assert len(stage.wechat.violations) == 1


# ── Published vectors ───────────────────────────────────────────────────────────────────────────────────────────────


def test_wechats_own_sample_opens() -> None:
    """The sample that WeChat hands out with its WXBizMsgCrypt for Official Accounts (it is in compatibility mode, so its
    encrypted element is opened, not the whole)."""
    encrypted = (
        "hyzAe4OzmOMbd6TvGdIOO6uBmdJoD0Fk53REIHvxYtJlE2B655HuD0m8KUePWB3+LrPXo87wzQ1QLvbeUgmBM4x6F8PGHQHFVAFmOD2LdJF9Fr"
        "XpbUAh0B5GIItb52sn896wVsMSHGuPE328HnRGBcrS7C41IzDWyWNlZkyyXwon8T332jisa+h6tEDYsVticbSnyU8dKOIbgU6ux5VTjg3yt+WG"
        "zjlpKn6NPhRjpA912xMezR4kw6KWwMrCVKSVCZciVGCgavjIQ6X8tCOp3yZbGpy0VxpAe+77TszTfRd5RJSVO/HTnifJpXgCSUdUue1v6h0EIB"
        "YYI1BD1DlD+C0CR8e6OewpusjZ4uBl9FyJvnhvQl+q5rv1ixrcpCumEPo5MJSgM9ehVsNPfUM669WuMyVWQLCzpu9GhglF2PE="
    )
    assert fakes.sign("spamtest", "1409735669", "1320562132", encrypted) == "5d197aaffba7e9b25a30732f161a50dee96bd5fa"
    key = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    opened = envelope.Envelope("wx2c2769f8efd9abc2", "spamtest", ("a" * 43, key), Clock()).decrypt(encrypted)
    assert opened.key == 1 and opened.xml == fakes.decrypt(encrypted, key, "wx2c2769f8efd9abc2")
    read = inbound.read("yh-mp", opened.xml)
    assert read.inbound == Inbound("wechat", "yh-mp", "6054768590064713728", "oyORnuP8q7ou2gfYjqLzSIWZf0rs", "abcdteT")


@pytest.mark.parametrize(
    ("token", "key", "app_id", "stamp", "nonce", "encrypted", "signature", "plain"),
    [
        (  # WeCom's sample, whose cipher is the same
            "QDG6eK",
            "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C",
            "wx5823bf96d3bd56c7",
            "1409659589",
            "263014780",
            "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ==",
            "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3",
            "1616140317555161061",
        ),
        (  # wechatpy's tests/test_crypto.py
            "123456",
            "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR",
            "wx49f0ab532d5d035a",
            "1411443780",
            "437374425",
            "4ByGGj+sVCYcvGeQYhaKIk1o0pQRNbRjxybjTGblXrBaXlTXeOo1+bXFXDQQb1o6co6Yh9Bv41n7hOchLF6p+Q==",
            "dd6b9c95b495b3f7e2901bfbc76c664930ffdb96",
            "5927782489442352469",
        ),
    ],
)
def test_published_signatures_and_ciphers(token: str, key: str, app_id: str, stamp: str, nonce: str, encrypted: str, signature: str, plain: str) -> None:
    checker = envelope.Envelope(app_id, token, (key,), Clock())
    assert checker._signature(stamp, nonce, encrypted) == signature
    assert checker._ciphers[0].decrypt(encrypted, app_id) == plain == fakes.decrypt(encrypted, key, app_id)


def test_a_published_reply_is_sealed_to_the_letter(monkeypatch: pytest.MonkeyPatch) -> None:
    """wechatpy's tests/test_crypto.py, test_encrypt_message."""
    xml = (
        "<xml>\n<MsgType><![CDATA[text]]></MsgType>\n<Content><![CDATA[test]]></Content>\n"
        "<FromUserName><![CDATA[wx49f0ab532d5d035a]]></FromUserName>\n<ToUserName><![CDATA[messense]]></ToUserName>\n"
        "<AgentID>1</AgentID>\n<CreateTime>1411525903</CreateTime>\n</xml>"
    )
    monkeypatch.setattr(envelope._Cipher, "get_random_string", lambda _: "1234567890123456")
    sealing = envelope._Sealing("123456", "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR", "wx49f0ab532d5d035a")
    sealed = sealing.encrypt_message(xml, "461056294", "1411525903")
    assert "<MsgSignature><![CDATA[407518b7649e86ef23978113f92d27afa9296533]]></MsgSignature>" in sealed
    assert "<![CDATA[9s4gMv99m88kKTh/H8IdkOiMg6bisoy3ypwy9H4hvSPe9nsGaqyw5hhSjdYbcrKk" in sealed


# ── Windows ─────────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── Long texts ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_long_text_goes_in_pieces_cut_at_sentences(stage: Stage) -> None:
    await stage.wechat.say("规定")
    sentence = "装修垃圾请装袋后放到指定地点，不要堆在楼道里。"
    await stage.send(sentence * 60)
    sent = stage.wechat.texts("service")
    assert len(sent) == 3 and "".join(sent) == sentence * 60 and all(t.endswith("。") for t in sent)
    assert stage.wechat.violations == []


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


# ── Templates and notices ───────────────────────────────────────────────────────────────────────────────────────────


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


async def test_after_the_template_the_notice_the_resident_agreed_to_and_after_that_the_telephone() -> None:
    async with opened(template=replace(NEWS, id="gone"), notice=NEWS) as stage:
        stage.wechat.agreed.add(OPENID)
        assert (await stage.send("师傅已出发")).startswith("notice:")
        stage.wechat.violations.clear()  # the template is unknown on purpose
        with pytest.raises(SendError) as refused:
            await stage.send("师傅到了")
        reasons = str(refused.value)
        assert not refused.value.retryable
        assert "no customer-service message is left" in reasons and "40037" in reasons and "43101" in reasons
        assert len(stage.wechat.texts("notice")) == 1


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


# ── Accounts that may only reply ────────────────────────────────────────────────────────────────────────────────────


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


# ── The token ───────────────────────────────────────────────────────────────────────────────────────────────────────


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


# ── When it goes wrong ──────────────────────────────────────────────────────────────────────────────────────────────


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


# ── Photos and voice ────────────────────────────────────────────────────────────────────────────────────────────────


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
        assert [f.ok for f in await stage.channel.check()] == [True]
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
    await channel.aclose()
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


# ── The menu ────────────────────────────────────────────────────────────────────────────────────────────────────────

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


# ── Check ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_working_account_has_nothing_to_remedy() -> None:
    async with opened(template=NEWS, notice=NEWS) as stage:
        findings = await stage.channel.check()
        assert [f.ok for f in findings] == [True] * 4
        assert stage.wechat.shown == [] and stage.wechat.violations == []


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
        findings = [f for f in await stage.channel.check() if not f.ok]
        assert len(findings) == 1 and word in findings[0].remedy


@pytest.mark.parametrize("fault", [fakes.CUT, (500, {}), (200, {}), -1])
async def test_the_check_never_raises(stage: Stage, fault: Any) -> None:
    stage.wechat.fail(TOKEN, fault)
    assert not (await stage.channel.check())[0].ok
    stage.wechat.fail(SEND, fault)
    assert not all(f.ok for f in await stage.channel.check())
    stage.notes.broken = True
    assert not any(f.ok for f in await stage.channel.check())


# ── All at once ─────────────────────────────────────────────────────────────────────────────────────────────────────


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
