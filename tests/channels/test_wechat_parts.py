"""What the WeChat channel is made of and needs no server: the account's entry, pieces of text, templates, windows, error codes."""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot.channels import Message, in_both, in_language
from bot.channels.wechat import account, replies
from bot.channels.wechat.account import Form, field_characters
from bot.channels.wechat.envelope import Refused, read_fields
from bot.channels.wechat.errors import ERRORS
from bot.channels.wechat.window import ALLOWANCES, Source, Windows
from bot.core.types import Button
from tests.fakes import wechat_limits as limits
from tests.fakes.wechat_desk import Clock, Notes

SECRETS = {
    "APP_SECRET": "0123456789abcdef0123456789abcdef",
    "TOKEN": "tokenOfYH",
    "KEY": "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
    "BAD": "not a secret of any kind",
}
ENTRY = {"community": "YH", "account": "yh-mp", "app_id": "wx0123456789abcdef", "secret": "APP_SECRET", "token": "TOKEN", "aes_key": "KEY"}


def test_the_shortest_entry() -> None:
    made = account(ENTRY, SECRETS.get)
    assert (made.path, made.reach, made.api) == ("/wechat/yh-mp", "window", "https://api.weixin.qq.com")
    assert made.aes_keys == (SECRETS["KEY"],) and made.secret == SECRETS["APP_SECRET"]


def test_an_account_that_may_only_reply_needs_no_appsecret() -> None:
    entry = {key: value for key, value in ENTRY.items() if key != "secret"}
    assert account({**entry, "reach": "reply_only"}, SECRETS.get).secret == ""
    form = {"id": "t", "fields": {"thing1": "{text}"}}
    with pytest.raises(ValueError, match="template and notice need secret"):
        account({**entry, "reach": "reply_only", "template": form}, SECRETS.get)


def test_an_entry_with_everything() -> None:
    more = {
        "mode": "safe",
        "reach": "reply_only",
        "original_id": "gh_0123456789ab",
        "previous_aes_key": "KEY",
        "template": {"id": " tmpl ", "fields": {"thing4": "{text}", "phrase3": "工单进度"}, "link": "https://desk.example/"},
        "notice": {"id": "n", "fields": {"thing1": "{text}"}},
    }
    made = account({**ENTRY, **more}, SECRETS.get)
    assert made.template == Form("tmpl", {"thing4": "{text}", "phrase3": "工单进度"}, "https://desk.example/")
    assert made.notice == Form("n", {"thing1": "{text}"}) and len(made.aes_keys) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": "plaintext"}, ["安全模式", "消息推送配置"]),
        ({"mode": "compat"}, ["安全模式"]),
        ({"app_id": "wx12"}, ["app_id", "AppID"]),
        ({"account": "云湖"}, ["account", "small letters"]),
        ({"community": ""}, ["community"]),
        ({"original_id": "yunhu"}, ["original_id", "gh_"]),
        ({"secret": "NOT_SET"}, ["NOT_SET", "not set", "AppSecret"]),
        ({"secret": ""}, ["secret", "environment variable"]),
        ({"secret": "BAD"}, ["BAD", "32 characters"]),
        ({"token": "BAD"}, ["Token", "3 to 32"]),
        ({"aes_key": "BAD"}, ["EncodingAESKey", "43"]),
        ({"previous_aes_key": "BAD"}, ["EncodingAESKey"]),
        ({"reach": "always"}, ["reach", "reply_only"]),
        ({"api": "api.weixin.qq.com"}, ["api"]),
        ({"tokne": "TOKEN"}, ["tokne", "Known keys"]),
        ({"template": "tmpl"}, ["template", "id, fields and link"]),
        ({"template": {"id": "", "fields": {"thing1": "{text}"}}}, ["template.id"]),
        ({"template": {"id": "t", "fields": {}}}, ["template.fields"]),
        ({"template": {"id": "t", "fields": {"thing1": "进度"}}}, ["{text}"]),
        ({"template": {"id": "t", "fields": {"thing1": "{text}", "phrase2": "工单有新进度"}}}, ["phrase2", "5 characters"]),
        ({"notice": {"id": "t", "fields": {"thing1": 7}}}, ["notice.fields.thing1"]),
        ({"notice": {"id": "t", "fields": {"thing1": "{text}"}, "link": 7}}, ["notice.link"]),
    ],
)
def test_what_is_wrong_with_an_entry_is_said_with_its_remedy(change: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ValueError) as wrong:
        account({**ENTRY, **change}, SECRETS.get)
    for word in ["channels.yml", *words]:
        assert word in str(wrong.value)
    assert SECRETS["BAD"] not in str(wrong.value)


@pytest.mark.parametrize("key", ["community", "account", "app_id", "secret", "token", "aes_key"])
def test_nothing_needed_may_be_missing(key: str) -> None:
    with pytest.raises(ValueError, match=key):
        account({k: v for k, v in ENTRY.items() if k != key}, SECRETS.get)


# ── Text ────────────────────────────────────────────────────────────────────────────────────────────────────────────

TEXTS = st.text(alphabet=st.sampled_from("a漏🚰水。 ，.!\n\x07\ud800]>"), max_size=1500)


@given(TEXTS)
def test_pieces_fit_and_lose_nothing_but_blanks(text: str) -> None:
    clean = replies.words(Message(1, text))
    cut = replies.pieces(clean)
    assert all(0 < len(piece.encode()) <= limits.TEXT.value for piece in cut)
    assert "".join("".join(cut).split()) == "".join(clean.split())
    # Each piece but the last is at least about half full: a message is one of five.
    assert len(cut) <= 1 + 2 * len(clean.encode()) // (limits.TEXT.value - 4) + 1


@given(TEXTS, st.lists(TEXTS, max_size=4))
def test_a_reply_holds_the_first_messages_in_order(first: str, more: list[str]) -> None:
    messages = [Message(n, text, (Button("好", "/ok"),)) for n, text in enumerate([first, *more])]
    count, text = replies.together(messages)
    assert len(text.encode()) <= limits.TEXT.value
    assert text == "\n\n".join(replies.words(m, numbered=m is messages[count - 1]) for m in messages[:count])
    if count < len(messages):
        longer = "\n\n".join(replies.words(m) for m in messages[: count + 1])
        assert len(longer.encode()) > limits.TEXT.value


def test_a_long_text_is_cut_after_a_sentence_then_after_a_word_then_anywhere() -> None:
    assert replies.pieces("一二三。四五六。七", 24) == ("一二三。四五六。", "七")
    assert replies.pieces("第一行\n第二行很长", 15) == ("第一行", "第二行很长")
    assert replies.pieces("No sentence ends in these words", 20) == ("No sentence ends in", "these words")
    assert replies.pieces("一二三四五六七", 9) == ("一二三", "四五六", "七")
    assert replies.pieces("Pay 3.5 yuan now please", 12) == ("Pay 3.5 yuan", "now please")
    assert replies.pieces("  ") == ()


@given(TEXTS, st.lists(st.sampled_from(["thing1", "thing2", "character_string3", "keyword4"]), min_size=1, unique=True))
def test_a_template_is_never_empty_and_never_too_long(text: str, fields: list[str]) -> None:
    filled = replies.filled(Form("t", {name: "{text}" for name in fields}), text)
    assert list(filled) == fields
    for name, given_value in filled.items():
        value = given_value["value"]
        assert 0 < len(value) <= field_characters(name)
        limit = limits.FIELDS.get(name.rstrip("0123456789"))
        assert limit is None or len(value) <= limit.value


def test_news_that_fits_its_template_is_whole() -> None:
    form = Form("t", {"thing1": "{text}", "thing2": "{text}"})
    assert replies.filled(form, "师傅已出发") == {"thing1": {"value": "师傅已出发"}, "thing2": {"value": "…"}}
    assert replies.filled(form, "一" * 20 + "二" * 20)["thing2"] == {"value": "二" * 20}
    assert replies.filled(form, "一" * 20 + "二" * 21)["thing2"] == {"value": "二" * 19 + "…"}


@given(st.text(alphabet=st.sampled_from("<>/!&;[]xmlDOCTYPE\"'= \n漏\ud800\x00"), max_size=300))
def test_xml_of_any_kind_is_read_or_refused(text: str) -> None:
    with suppress(Refused):
        assert isinstance(read_fields(text), dict)


# ── Windows ─────────────────────────────────────────────────────────────────────────────────────────────────────────

STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(list(ALLOWANCES)), st.just(0)),
        st.tuples(st.just("send"), st.integers(1, 4)),
        st.tuples(st.just("refused"), st.integers(1, 4)),
        st.tuples(st.just("wait"), st.sampled_from([1, 30, 60, 3600, 47 * 3600])),
        st.tuples(st.just("redelivery"), st.just(0)),
    ),
    max_size=40,
)


@given(STEPS)
@example([("subscribe", 0), ("scan", 0), ("send", 3), ("subscribe", 0), ("send", 1), ("send", 3)])
def test_no_window_ever_gives_more_than_wechat_does(steps: list[tuple[str, int]]) -> None:
    """Against WeChat's table as the fake holds it: each source filled anew by its own deed, spent soonest first."""
    asyncio.run(_play(steps))


async def _play(steps: list[tuple[str, int]]) -> None:
    clock = Clock()
    windows = Windows(Notes(clock), clock)
    allowed: dict[str, tuple[float, int]] = {}
    last: tuple[Source, Any, str] | None = None
    for number, (step, value) in enumerate(steps):
        now = clock().timestamp()
        if step == "wait":
            clock.forward(seconds=value)
        elif step == "redelivery":
            if last:
                await windows.opened("o", *last)
        elif step in ("send", "refused"):
            taken = await windows.take("o", value)
            if taken is not None and step == "refused":
                await windows.give_back("o", taken, value)
            elif taken is not None:
                for _ in range(value):
                    open_now = sorted((ends, source) for source, (ends, left) in allowed.items() if left and now < ends)
                    assert open_now, "WeChat would have refused this message"
                    ends, source = open_now[0]
                    allowed[source] = (ends, allowed[source][1] - 1)
        else:
            messages, lasts = limits.QUOTA[step]
            allowed[step] = (int(now) + lasts.value, messages.value)
            last = (step, clock(), str(number))  # type: ignore[assignment]
            await windows.opened("o", *last)  # type: ignore[misc]


async def test_an_older_delivery_that_comes_late_fills_nothing() -> None:
    clock = Clock()
    windows = Windows(Notes(clock), clock)
    early = clock()
    clock.forward(seconds=10)
    await windows.opened("o", "message", clock(), "2")
    assert await windows.take("o", 5) is not None
    await windows.opened("o", "message", early, "1")
    assert await windows.take("o", 1) is None


async def test_a_clock_of_wechats_that_runs_ahead_opens_no_longer_window() -> None:
    clock = Clock()
    windows = Windows(Notes(clock), clock)
    await windows.opened("o", "menu", clock() + timedelta(minutes=4), "1")
    clock.forward(seconds=56)
    assert await windows.take("o", 1) is None


# ── Error codes ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_table_of_error_codes_says_what_staff_need() -> None:
    for code, meaning in ERRORS.items():
        assert len(meaning.says) > 10 and meaning.zh.endswith("。"), code
        assert in_language(in_both(meaning.zh, meaning.says), "zh") == meaning.zh, code
        assert (meaning.after is not None) == (meaning.do in ("wait", "refresh")), code
        assert not meaning.about or meaning.do == "never", code
        assert not re.search(r"\bo[A-Za-z0-9_-]{27}\b", meaning.says)
    wanted = {-1, 40001, 40014, 42001, 45015, 45047, 45009, 45002, 48001, 43004, 40003}
    assert wanted <= set(ERRORS)
