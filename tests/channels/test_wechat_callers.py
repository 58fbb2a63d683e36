"""Who calls, and what is inside: safe mode of an Official Account, its attackers, and the published vectors of its cipher."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pytest

from bot.channels import Inbound
from bot.channels.wechat import channel as channel_module
from bot.channels.wechat import check, envelope, inbound, replies
from tests.channels.wechat_stage import Stage, opened
from tests.fakes import wechat as fakes
from tests.fakes.wechat_desk import Clock

OTHER_KEY = "ZYXWVUTSRQPONMLKJIHGFEDCBA9876543210zyxwvut"


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with opened() as made:
        yield made


# ── Who calls ────────────────────────────────────────────────────────────────────────────────────────────────────────


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


async def test_a_strangers_body_is_not_even_read(stage: Stage) -> None:
    query, body, _ = await _as_sent(stage)
    far_too_long = body + " " * envelope.MOST_BYTES
    assert (await _post(stage, {**query, "signature": "0" * 40}, far_too_long)).status_code == 403
    assert (await _post(stage, query, far_too_long)).status_code == 413


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


# ── Published vectors ────────────────────────────────────────────────────────────────────────────────────────────────


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
