"""Every guard of the three adapters in one table, and the day in the simulated estate on which its absence shows.

For each: the channel, its name, the day, how it is taken out, and words of the finding that there must then be. With the guard in,
the same day must be without a finding. Guards whose absence cannot show in the life of an estate stand in `ELSEWHERE`, with the
reason and the test that shows them; the last test looks that it is there.
"""

from __future__ import annotations

import ast
import base64
import inspect
import itertools
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from importlib import import_module
from pathlib import Path
from textwrap import dedent
from typing import Any, Final, TypeAlias
from xml.etree import ElementTree

import pytest
from sqlalchemy import bindparam, select
from wechatpy.crypto import base as ciphers

from bot import outbox, store
from bot.channels import SendError
from bot.channels.telegram import errors, parts
from bot.channels.telegram.pace import PER_CHAT, Pace, Rate
from bot.channels.wechat import client, envelope, inbound, replies
from bot.channels.wechat import errors as codes
from bot.channels.wechat.agreements import Agreements
from bot.channels.wechat.channel import Pace as Waiting
from bot.channels.wechat.window import Windows
from bot.channels.wecom import cardbook, cards, repeats, troubles
from bot.channels.wecom import envelope as wecom_envelope
from bot.channels.wecom import inbound as wecom_inbound
from bot.channels.wecom.cardbook import Offer
from bot.channels.wecom.pace import Pace as MemberPace
from bot.channels.wecom.troubles import Trouble
from simulator import stories
from simulator.world import Plan, Report, Story, simulate
from tests.fakes.wechat import LOST
from tests.fakes.wecom import Fault

#: The modules; the packages have functions of these names.
TELEGRAM = import_module("bot.channels.telegram.channel")
WECHAT = import_module("bot.channels.wechat.channel")
WECOM = import_module("bot.channels.wecom.channel")

Out: TypeAlias = Callable[[pytest.MonkeyPatch, Any], object]


def told(channel: str, story: Story, **more: Any) -> Plan:
    """A day on which nothing happens but this."""
    usual = {"messages": 0, "residents": 0, "rough": 0.0, "patience": 120.0, "afterwards": timedelta(minutes=10)}
    return Plan(channel, 11, stories=(story,), **{**usual, **more})


def rough(channel: str, **more: Any) -> Plan:
    """A short life in which much goes wrong."""
    return Plan(channel, 11, **{"messages": 80, "residents": 10, "rough": 5.0, **more})


_SLOWEST: Final = timedelta(days=1)
_LETTER_BREAKS: Final = {
    "telegram": lambda platform: platform.fake.refuse("sendMessage", 502, "Bad Gateway"),
    "wechat": lambda platform: platform.fake.fail("/cgi-bin/message/custom/send", (502, {})),
}

DAYS: Final[Mapping[str, Plan]] = {
    # ── Telegram ──
    "telegram, a rough day": rough("telegram", messages=120, residents=12),
    "telegram, a letter": told("telegram", stories.letters(stories.LETTER, stories.FACES, "就这些。")),
    "telegram, a letter without end": told("telegram", stories.letters(stories.LONGER, after=120.0)),
    "telegram, a letter that breaks": told("telegram", stories.broken(stories.LETTER, _LETTER_BREAKS["telegram"])),
    "telegram, a crowd": told("telegram", stories.crowd),
    "telegram, a lively group": told("telegram", stories.lively_group),
    "telegram, talk in a group": told("telegram", stories.group_talk),
    "telegram, a group moves": told("telegram", stories.group_moves),
    "telegram, told to wait": told("telegram", stories.told_to_wait),
    "telegram, another program": told("telegram", stories.other_program),
    "telegram, numbers begin anew": told("telegram", stories.numbers_begin_anew),
    "telegram, unreadable": told("telegram", stories.unreadable),
    "telegram, a stranger's card": told("telegram", stories.strangers_card),
    "telegram, a correction": told("telegram", stories.correction),
    "telegram, a late answer": told("telegram", stories.late_answer),
    "telegram, a poll must wait": told("telegram", stories.poll_must_wait),
    "telegram, blocked": told("telegram", stories.blocks),
    "telegram, two processes": told("telegram", stories.correction, processes=2),
    "webhook, a rough day": rough("telegram-webhook"),
    # ── WeChat ──
    "wechat, a rough day": rough("wechat"),
    "wechat, a letter": told("wechat", stories.letters(stories.MARKED)),
    "wechat, a letter while they write": told("wechat", stories.while_they_write("好]]></Content><MsgType>image</MsgType>，请带身份证\x0b。", stories.MARKED)),
    "wechat, a letter that breaks": told("wechat", stories.broken(stories.MARKED, _LETTER_BREAKS["wechat"])),
    "wechat, outside every window": told("wechat", stories.outside_every_window),
    "wechat, a template whose answer is lost": told("wechat", stories.template_goes_wrong(LOST)),
    "wechat, a template whose answer is lost, then they write": told("wechat", stories.template_goes_wrong(LOST, 45009, writes=True, then=4000.0)),
    "wechat, a template whose answer is lost for an hour": told("wechat", stories.template_goes_wrong(LOST, 45009, then=4000.0)),
    "wechat, agreed to one notice of two": told("wechat", stories.notices("accept", letters=2)),
    "wechat, agreed to one notice, and told twice": told("wechat", stories.notices("accept", letters=2, again=True)),
    "wechat, agreed to a notice and took it back": told("wechat", stories.notices("accept", "reject")),
    "wechat, a notice that is not delivered": told("wechat", stories.notices("accept", spoiled=True)),
    "wechat, a token refused twice": told("wechat", stories.service_goes_wrong(40001, times=2)),
    "wechat, a token refused once": told("wechat", stories.service_goes_wrong(40001)),
    "wechat, a window closed early": told("wechat", stories.service_goes_wrong(45015, letters=2)),
    "wechat, who follows again": told("wechat", stories.follows_again),
    "wechat, delivered late": told("wechat", stories.delivered_late),
    "wechat, hung up": told("wechat", stories.hangs_up(0.3, 3)),
    "wechat, a disk that fails four times": told("wechat", stories.disk_fails(4)),
    "wechat, a slow turn": told("wechat", stories.slow_turn(16.0)),
    "wechat, a new key": told("wechat", stories.keys_change),
    "reply only, a rough day": rough("wechat", reply_only=1.0),
    "reply only, a slow turn": told("wechat", stories.slow_turn(6.0), reply_only=1.0),
    "reply only, a photo from elsewhere": told("wechat", stories.another_host, reply_only=1.0),
    # ── WeCom ──
    "wecom, a rough day": rough("wecom"),
    "wecom, a letter": told("wecom", stories.letters(stories.MARKED)),
    "wecom, talkative": told("wecom", stories.talkative),
    "wecom, a card refused": told("wecom", stories.card_goes_wrong(Fault("message/send", {"errcode": 42018}))),
    "wecom, a card in doubt": told("wecom", stories.card_goes_wrong(Fault("message/send", "drop", "after"))),
    "wecom, a card whose sender dies": told("wecom", stories.card_goes_wrong(crash=True)),
    "wecom, the desk away": told("wecom", stories.desk_away),
    "wecom, a wrong register": told("wecom", stories.wrong_register),
    "wecom, nobody got it": told("wecom", stories.nobody_got_it),
    "wecom, a new key": told("wecom", stories.keys_change),
}  # fmt: skip


def day_of(name: str) -> Plan:
    """A day of the table; or one on which a stranger tries what the name says after the channel."""
    if name in DAYS:
        return DAYS[name]
    channel, _, what = name.partition(": ")
    return told(channel, stories.trick(what))


# ── Taking guards out ───────────────────────────────────────────────────────────────────────────────────────────────


def put(where: Any, name: str, value: Any) -> Out:
    """Something stands in the guard's place, in a module or class."""
    return lambda patch, channel: patch.setattr(where, name, value)


def put_in(path: str, value: Any) -> Out:
    """The same in the channel itself: `path` leads there from it."""
    *way, name = path.split(".")

    def out(patch: pytest.MonkeyPatch, channel: Any) -> None:
        for step in way:
            channel = getattr(channel, step)
        setattr(channel, name, value)

    return out


def both(*outs: Out) -> Out:
    return lambda patch, channel: [out(patch, channel) for out in outs]


async def _nothing(*_: Any) -> None:
    return None


def _no_pace(**without: Any) -> Out:
    return lambda patch, channel: setattr(channel, "_pace", Pace(channel._now, channel._sleep, **without))


_FREE: Final = Rate(10**6, timedelta(seconds=1))


def _hasty(name: str) -> Out:
    """What could not be kept is acknowledged all the same."""

    def out(patch: pytest.MonkeyPatch, channel: Any) -> None:
        keep = getattr(channel, name)

        async def hasty(heard: Any, accept: Any) -> None:
            with suppress(OSError):
                await keep(heard, accept)

        setattr(channel, name, hasty)

    return out


def _hasty_wechat(patch: pytest.MonkeyPatch, channel: Any) -> None:
    answer = channel._answer

    async def hasty(*asked: Any) -> Any:
        try:
            return await answer(*asked)
        except OSError:
            return WECHAT.PlainTextResponse(WECHAT.SUCCESS)

    channel._answer = hasty


def _again(patch: pytest.MonkeyPatch, channel: Any) -> None:
    """What may have arrived is tried again."""
    send = channel.send

    async def again(to: str, message: Any) -> str:
        try:
            return str(await send(to, message))
        except SendError as error:
            raise SendError(str(error), retryable=error.retryable or error.unconfirmed, after=error.after) from None

    channel.send = again


def _numbered_anew(where: Any, name: str) -> Out:
    """A redelivery is not known by its id."""

    def out(patch: pytest.MonkeyPatch, channel: Any) -> None:
        read, numbers = getattr(where, name), itertools.count(1)

        def anew(*asked: Any) -> Any:
            found = read(*asked)
            if found.inbound is None:
                return found
            return replace(found, inbound=replace(found.inbound, external_id=str(next(numbers))))

        patch.setattr(where, name, anew)

    return out


def _numbered_anew_telegram(patch: pytest.MonkeyPatch, channel: Any) -> None:
    keep, numbers = channel._keep, itertools.count(1)

    async def anew(said: Any, accept: Any) -> None:
        await keep(replace(said, message=replace(said.message, external_id=str(next(numbers)))), accept)

    channel._keep = anew


def _forgets(*beginnings: str) -> Out:
    """The notebook has no such pages."""

    def out(patch: pytest.MonkeyPatch, channel: Any) -> None:
        notebook = channel._notebook

        class Forgetful:
            async def read(self, page: str) -> Any:
                return None if page.startswith(beginnings) else await notebook.read(page)

            async def change(self, page: str, edit: Any, keep: Any) -> Any:
                return await notebook.change(page, edit, keep)

        channel._notebook = Forgetful()

    return out


def _with_markup(patch: pytest.MonkeyPatch, channel: Any) -> None:
    send, bot = channel._bot.send_message, channel._bot

    async def marked(*asked: Any, **more: Any) -> Any:
        return await send(*asked, **more, parse_mode="HTML")

    with bot._unfrozen():
        bot.send_message = marked


def _stubborn(patch: pytest.MonkeyPatch, channel: Any) -> None:
    poll = channel._poll

    async def stubborn(accept: Any) -> None:
        before = channel._offset
        await poll(accept)
        channel._offset = channel._offset or before

    channel._poll = stubborn


async def _answers_strictly(channel: Any, query: str) -> None:
    await channel._bot.answer_callback_query(query)


def _without_rest(patch: pytest.MonkeyPatch, channel: Any) -> None:
    async def pause(failures: int, asked: Any) -> None:
        await channel._sleep(1.0)

    channel._pause = pause


def _verdict(error: type[Exception], says: str, verdict: str) -> Out:
    """Another verdict in Telegram's table."""

    def out(patch: pytest.MonkeyPatch, channel: Any) -> None:
        changed = [replace(r, verdict=verdict) if r.error is error and r.says == says else r for r in errors.RULES]  # type: ignore[arg-type]
        patch.setattr(errors, "RULES", tuple(changed))

    return out


def _lenient(xml: str) -> dict[str, str]:
    return {child.tag: child.text or "" for child in ElementTree.fromstring(xml)}


def _the_sealed_alone(xml: str) -> dict[str, str]:
    found = _lenient(xml)
    return {"Encrypt": found["Encrypt"]} if "Encrypt" in found else found


def _for_anybody(self: Any, text: Any, _id: Any, exception: Any = None) -> str:
    """wechatpy's, without looking to whom it is addressed."""
    plain = self.cipher.decrypt(base64.b64decode(text))
    content = plain[16 : -plain[-1]]
    length = int.from_bytes(content[:4], "big")
    return bytes(content[4 : 4 + length]).decode()


def _takes_plain(patch: pytest.MonkeyPatch, channel: Any) -> None:
    take = envelope.Envelope.open

    def open_any(self: Any, query: Any, body: bytes) -> Any:
        return take(self, query, body) if query.get("encrypt_type") == "aes" else envelope.Opened(body.decode(), 0)

    patch.setattr(envelope.Envelope, "open", open_any)


def _sealed_with_the_present_key(patch: pytest.MonkeyPatch, channel: Any) -> None:
    seal = channel.envelope.seal
    channel.envelope.seal = lambda xml, key: seal(xml, 0)


def _present_key_alone(patch: pytest.MonkeyPatch, channel: Any) -> None:
    channel.envelope._ciphers = channel.envelope._ciphers[:1]


def _as_wechatpy_replies(text: str, *, to: str, sender: str, at: Any) -> str:
    return str(replies.TextReply(source=sender, target=to, time=int(at.timestamp()), content=text).render())


class _Escaping:
    """json, as it writes when it is not told otherwise."""

    loads = staticmethod(json.loads)

    @staticmethod
    def dumps(value: Any, **_: Any) -> str:
        return json.dumps(value, ensure_ascii=True)


def _all_numbered(message: Any, *, numbered: bool = True, said: Any = replies.words) -> str:
    return str(said(message, numbered=True))


def _of_any_length(messages: Any) -> tuple[int, str]:
    return len(messages), "\n\n".join(replies.words(m) for m in messages)


async def _without_a_name(self: Any, to: str, message: Any, send: Any = WECHAT.WeChat._by_template) -> str:
    post = self.client.post

    async def unnamed(path: str, body: Any, **more: Any) -> Any:
        return await post(path, {k: v for k, v in body.items() if k != "client_msg_id"}, **more)

    self.client.post = unnamed
    try:
        return str(await send(self, to, message))
    finally:
        self.client.post = post


def _filled_by_every_delivery(patch: pytest.MonkeyPatch, channel: Any) -> None:
    opened, numbers = channel.windows.opened, itertools.count(1)

    async def anew(openid: str, source: Any, at: Any, external_id: str) -> None:
        await opened(openid, source, channel._now(), f"{external_id}/{next(numbers)}")

    channel.windows.opened = anew


def _agreed_by_every_delivery(patch: pytest.MonkeyPatch, channel: Any) -> None:
    agreed, numbers = channel.agreements.agreed, itertools.count(1)

    async def anew(openid: str, template: str, at: Any) -> None:
        await agreed(openid, template, at + timedelta(seconds=next(numbers)))

    channel.agreements.agreed = anew


async def _never_hung_up(request: Any) -> None:
    import asyncio

    await asyncio.Event().wait()


class _Other(Exception):
    pass


_EVERYTHING: Final = select(outbox.OUTBOX).where(
    outbox.OUTBOX.c.community_id == bindparam("community_id"),
    outbox.OUTBOX.c.conversation_id == bindparam("conversation_id"),
    outbox.OUTBOX.c.status == "sent_unconfirmed",
)


async def _given_up(self: Any, to: str, message: Any, begun: Any) -> str:
    """As before the name is forgotten."""
    return str(await self._by_template(to, message))


async def _at_once(self: Any, gone: Any) -> Any:
    return WECHAT.PlainTextResponse(WECHAT.SUCCESS)


async def _none_in_doubt(self: Any, message: Any) -> None:
    return None


def _no_fall_back(patch: pytest.MonkeyPatch, channel: Any) -> None:
    async def none(to: str, message: Any) -> str:
        return ""

    channel._by_template = none


class _SignsNothing(wecom_envelope.WeChatCrypto):  # type: ignore[misc]
    def decrypt_message(self, msg: Any, signature: Any, timestamp: Any, nonce: Any) -> Any:
        return wecom_envelope.WeChatCrypto._decrypt_message.__globals__["PrpCrypto"](self.key).decrypt(msg["Encrypt"], self._id)


def _for_any(what: str) -> Out:
    """The message says that it is for us."""

    def out(patch: pytest.MonkeyPatch, channel: Any) -> None:
        read = wecom_inbound.read

        def ours(xml: str, account: Any) -> Any:
            value = {"AgentID": str(account.agent), "ToUserName": f"<![CDATA[{account.corp}]]>"}[what]
            return read(re.sub(f"(?s)(?<=<{what}>).*?(?=</{what}>)", value, xml), account)

        patch.setattr(wecom_inbound, "read", ours)

    return out


async def _never_out(self: Any, message: Any, to: str, face: Any, offer: Any = cardbook.CardBook.offer) -> Offer:
    return Offer((await offer(self, message, to, face)).doubt, None)


async def _no_doubt(self: Any, message: Any, to: str, face: Any, offer: Any = cardbook.CardBook.offer) -> Offer:
    return Offer(False, (await offer(self, message, to, face)).sent_as)


def _always_a_card(message: Any) -> Any:
    title, _, text = message.text.partition("\n")
    return cards.Face(title or "—", text, tuple(b.label for b in message.buttons)) if message.buttons else None


def _code(where: dict[int, Any], code: int, trouble: Any) -> dict[int, Any]:
    return {**where, code: trouble}


# ── The table ───────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Guard:
    """One guard. `finds`: words of the finding there must be without it."""

    channel: str
    name: str
    day: str
    out: Out
    finds: str


_TELEGRAM: Final = "telegram"
_WEBHOOK: Final = "telegram-webhook"
_WECHAT: Final = "wechat"
_WECOM: Final = "wecom"

GUARDS: Final = (
    # ── Telegram: hearing ──
    Guard(_TELEGRAM, "kept before the offset moves", "telegram, a rough day", _hasty("_hear"), "acknowledged, but not in the inbox"),
    Guard(_TELEGRAM, "an update is known by its number", "telegram, a rough day", _numbered_anew_telegram, "not in the inbox at its place"),
    Guard(_TELEGRAM, "one process polls", "telegram, two processes", put(store, "hold_lease", lambda *_: True), "two programs poll"),
    Guard(_TELEGRAM, "the kinds are asked for at each poll", "telegram, another program", put(TELEGRAM, "ALLOWED", None), "not in the inbox"),
    Guard(_TELEGRAM, "the offset is given up in a silence", "telegram, numbers begin anew", _stubborn, "not in the inbox"),
    Guard(_TELEGRAM, "what cannot be read holds up nobody", "telegram, unreadable", put(import_module("bot.channels.telegram.api"), "readable", lambda raw: raw), "never acknowledged"),
    Guard(_TELEGRAM, "it polls no sooner than it is told", "telegram, a poll must wait", _without_rest, "a bot that must wait polls"),
    Guard(_TELEGRAM, "a tap is answered", "telegram, a rough day", put_in("_answer", _nothing), "still show a clock"),
    Guard(_TELEGRAM, "an answer may come too late", "telegram, a late answer", lambda patch, channel: patch.setattr(type(channel), "_answer", _answers_strictly), "an error that nobody caught"),
    Guard(_TELEGRAM, "only the own card vouches for a telephone", "telegram, a stranger's card", put(import_module("bot.channels.telegram.reading"), "own_contact", lambda message: True), "inbox"),
    Guard(_TELEGRAM, "in a group what is said to others is not heard", "telegram, talk in a group", put(import_module("bot.channels.telegram.reading").Reader, "addressed", lambda *_: True), "nobody sent it"),
    Guard(_TELEGRAM, "a correction names what it corrects", "telegram, a correction", put_in("_remember", _nothing), "as a correction of ''"),
    # ── Telegram: speaking ──
    Guard(_TELEGRAM, "pace in a chat", "telegram, a letter", _no_pace(per_chat=()), "too fast: more than 1 "),
    Guard(_TELEGRAM, "pace in a group", "telegram, a lively group", _no_pace(per_group=PER_CHAT), "too fast: more than 20 "),
    Guard(_TELEGRAM, "pace in all", "telegram, a crowd", _no_pace(overall=_FREE), "too fast: more than 30 "),
    Guard(_TELEGRAM, "a chat waits as long as it is told", "telegram, told to wait", lambda patch, channel: setattr(channel._pace, "wait", lambda *_: None), "a chat that must wait is written to"),
    Guard(_TELEGRAM, "who must wait long gives the place back", "telegram, told to wait", lambda patch, channel: setattr(channel._pace, "_patience", _SLOWEST), "cut short"),
    Guard(_TELEGRAM, "a long message goes in several goes", "telegram, a letter without end", put(TELEGRAM, "ONE_GO", _SLOWEST), "cut short"),
    Guard(_TELEGRAM, "texts are cut", "telegram, a letter", put(TELEGRAM, "parts_of", lambda message: parts.parts_of(message, 10**6)), "a message of over 4096"),
    Guard(_TELEGRAM, "lengths are counted in code units", "telegram, a letter", put(parts, "units", len), "a message of over 4096"),
    Guard(_TELEGRAM, "parts that went are noted", "telegram, a letter that breaks", _forgets("sent/"), "characters of"),
    Guard(_TELEGRAM, "where a group moved is noted", "telegram, a group moves", put_in("_follow", _nothing), "a group that moved is written to again"),
    Guard(_TELEGRAM, "a group that moved is followed", "telegram, a group moves", put(TELEGRAM, "ChatMigrated", _Other), "failed, though"),
    Guard(_TELEGRAM, "who has blocked the bot is not tried again", "telegram, blocked", _verdict(errors.Forbidden, "blocked by the user", "retry"), "again and again"),
    Guard(_TELEGRAM, "what may have arrived is not tried again", "telegram, a rough day", _again, "but said"),
    Guard(_TELEGRAM, "nothing is markup", "telegram, a correction", _with_markup, "words are sent as markup"),
    Guard(_TELEGRAM, "Telegram opens no link", "telegram, a correction", put(TELEGRAM, "_PREVIEW", None), "Telegram may open the links"),
    Guard(_TELEGRAM, "no token in the log", "telegram, a correction", lambda patch, channel: logging.getLogger("httpx").setLevel(logging.INFO), "a secret stands in the log"),
    # ── Telegram: called ──
    Guard(_WEBHOOK, "kept before it is acknowledged", "webhook, a rough day", _hasty("_hear"), "acknowledged, but not in the inbox"),
    Guard(_WEBHOOK, "the secret is asked for", "telegram-webhook: a call without the secret", put_in("_knows", lambda shown: True), "was answered 200"),
    Guard(_WEBHOOK, "the secret is compared", "telegram-webhook: a call with another secret", put_in("_knows", bool), "was answered 200"),
    Guard(_WEBHOOK, "a body has an end", "telegram-webhook: a body too large", put(TELEGRAM, "LARGEST_BODY", 10**9), "was answered 200"),
    # ── WeChat: who calls ──
    Guard(_WECHAT, "the caller signs", "wechat: a caller who signs nothing", put(envelope.Envelope, "_signed", lambda *_: True), "was answered 200"),
    Guard(_WECHAT, "the body is signed", "wechat: a body that nobody signed", put(envelope.Envelope, "_signed", lambda *_: True), "was answered 200"),
    Guard(_WECHAT, "the signature is this body's", "wechat: the body of another call", put(envelope.Envelope, "_signed", lambda *_: True), "was answered 200"),
    Guard(_WECHAT, "a call is fresh", "wechat: a call of six minutes ago", put_in("envelope._fresh", None), "was answered 200"),
    Guard(_WECHAT, "a call is not from the future", "wechat: a call from the future", put_in("envelope._fresh", None), "was answered 200"),
    Guard(_WECHAT, "a body has an end", "wechat: a body too large", both(put(envelope, "MOST_BYTES", 10**9), put(WECHAT, "MOST_BYTES", 10**9)), "was answered 200"),
    Guard(_WECHAT, "no document type outside", "wechat: a document type outside", put(envelope, "read_fields", _lenient), "was answered 200"),
    Guard(_WECHAT, "no document type inside", "wechat: a document type inside", put(envelope, "read_fields", _lenient), "was answered 200"),
    Guard(_WECHAT, "no element twice", "wechat: an element said twice", put(envelope, "read_fields", _lenient), "was answered 200"),
    Guard(_WECHAT, "no endless depth", "wechat: a message built too deep", put(envelope, "DEEPEST", 10**6), "was answered 200"),
    Guard(_WECHAT, "for this account", "wechat: a message for another account", lambda patch, channel: setattr(channel, "settings", replace(channel.settings, original_id="")), "was answered 200"),
    Guard(_WECHAT, "for this AppID", "wechat: a message for another application", put(ciphers.BasePrpCrypto, "_decrypt", _for_anybody), "was answered 200"),
    Guard(_WECHAT, "sealed, not plain", "wechat: plain words, nothing sealed", _takes_plain, "was answered 200"),
    Guard(_WECHAT, "nothing readable beside what is sealed", "wechat: plain words beside what is sealed", put(envelope, "read_fields", _the_sealed_alone), "was answered 200"),
    Guard(_WECHAT, "an echo is no page", "wechat: an echo that is a page", put(envelope, "_ECHO", re.compile(".*", re.DOTALL)), "was answered 200"),
    Guard(_WECHAT, "what is unreadable is not asked for again", "wechat: a message of WeChat's that has no number", put(WECHAT, "Unreadable", _Other), "was answered 500"),
    Guard(_WECHAT, "the key before still opens", "wechat, a new key", _present_key_alone, "was shown"),
    Guard(_WECHAT, "sealed with the key of the question", "wechat, a new key", _sealed_with_the_present_key, "a reply that cannot be shown"),
    # ── WeChat: hearing ──
    Guard(_WECHAT, "kept before it is acknowledged", "wechat, a rough day", _hasty_wechat, "acknowledged, but not in the inbox"),
    Guard(_WECHAT, "what could not be kept is tried again while WeChat waits", "wechat, a disk that fails four times", put(WECHAT, "_PAUSES", (None,)), "was shown"),
    Guard(_WECHAT, "a message is known by its number, an event by its second", "wechat, a rough day", _numbered_anew(inbound, "read"), "nobody sent it"),
    Guard(_WECHAT, "a call is answered before WeChat gives up", "wechat, a slow turn", put_in("pace", Waiting(patience=timedelta(seconds=60))), "was shown"),
    Guard(_WECHAT, "a connection that is gone is given no answer", "wechat, hung up", put(WECHAT, "_hung_up", _never_hung_up), "not answered"),
    Guard(_WECHAT, "asked again, the same is said again, and nothing else", "wechat, a rough day", put(outbox, "_SAID_AGAIN", _EVERYTHING), "but said"),
    Guard(_WECHAT, "who may only reply lets WeChat ask again", "reply only, a slow turn", put(WECHAT.WeChat, "_leave_open", _at_once), "not answered"),
    Guard(_WECHAT, "a photo comes from WeChat", "reply only, a photo from elsewhere", put_in("client._pictures", ("127.0.0.1", "localhost")), "another host"),
    # ── WeChat: speaking ──
    Guard(_WECHAT, "windows are counted", "wechat, a rough day", lambda patch, channel: setattr(channel, "windows", Windows(channel._notebook, channel._now, strict=False)), "customer-service message"),
    Guard(_WECHAT, "a redelivery fills no window", "wechat, delivered late", _filled_by_every_delivery, "beyond the quota"),
    Guard(_WECHAT, "WeChat's word closes the window", "wechat, a window closed early", put_in("windows.closed", _nothing), "said to be closed"),
    Guard(_WECHAT, "who leaves closes it", "wechat, who follows again", put_in("windows.closed", _nothing), "outside any window"),
    Guard(_WECHAT, "outside the windows a template", "wechat, outside every window", _no_fall_back, "failed, though"),
    Guard(_WECHAT, "a template has a name", "wechat, a template whose answer is lost", put(WECHAT.WeChat, "_by_template", _without_a_name), "but said"),
    Guard(_WECHAT, "a template in doubt goes no other way", "wechat, a template whose answer is lost, then they write", put(WECHAT.WeChat, "_template_in_doubt", _none_in_doubt), "but said"),
    Guard(_WECHAT, "nor again once its name is forgotten", "wechat, a template whose answer is lost for an hour", put(WECHAT.WeChat, "_template_again", _given_up), "but said"),
    Guard(_WECHAT, "notices are counted", "wechat, agreed to one notice of two", lambda patch, channel: setattr(channel, "agreements", Agreements(channel._notebook, strict=False)), "not agreed to"),
    Guard(_WECHAT, "an agreement told twice is one", "wechat, agreed to one notice, and told twice", _agreed_by_every_delivery, "not agreed to"),
    Guard(_WECHAT, "an agreement may be taken back", "wechat, agreed to a notice and took it back", put_in("agreements.refused", _nothing), "not agreed to"),
    Guard(_WECHAT, "what WeChat took and did not deliver is told by telephone", "wechat, a notice that is not delivered", put(outbox, "undelivered", lambda *_: True), "but arrived 0 times"),
    Guard(_WECHAT, "texts are cut", "wechat, a letter", put(replies, "pieces", lambda text: (text,)), "a text of"),
    Guard(_WECHAT, "a reply is one text", "wechat, a letter while they write", put(replies, "together", _of_any_length), "cannot be shown"),
    Guard(_WECHAT, "one numbered choice in a reply", "reply only, a rough day", put(replies, "words", _all_numbered), "two numbered choices"),
    Guard(_WECHAT, "words are no XML", "wechat, a letter while they write", put(replies, "reply", _as_wechatpy_replies), "cannot be shown"),
    Guard(_WECHAT, "characters are sent as they are", "wechat, outside every window", put(client, "json", _Escaping), "escaped"),
    Guard(_WECHAT, "pieces that went are noted", "wechat, a letter that breaks", _forgets("progress:"), "characters of"),
    Guard(_WECHAT, "what may have arrived is not tried again", "wechat, a rough day", _again, "but said"),
    Guard(_WECHAT, "a refused token is drawn anew", "wechat, a token refused once", put(codes, "ERRORS", {**codes.ERRORS, 40001: replace(codes.ERRORS[40001], do="never")}), "failed, though"),
    Guard(_WECHAT, "by force only as often as WeChat allows", "wechat, a token refused twice", put_in("client._may_force", lambda forced: forced), "two forced tokens"),
    Guard(_WECHAT, "no token in the log", "wechat, outside every window", lambda patch, channel: logging.getLogger("httpx").setLevel(logging.INFO), "a secret stands in the log"),
    # ── WeCom: who calls ──
    Guard(_WECOM, "the envelope is signed", "wecom: an envelope that nobody signed", both(put(wecom_envelope, "_signed_by", lambda *_: True), put(wecom_envelope, "WeChatCrypto", _SignsNothing)), "was answered 200"),
    Guard(_WECOM, "the signature is this envelope's", "wecom: the envelope of another call", both(put(wecom_envelope, "_signed_by", lambda *_: True), put(wecom_envelope, "WeChatCrypto", _SignsNothing)), "was answered 200"),
    Guard(_WECOM, "an envelope is fresh", "wecom: an envelope of six minutes ago", put(wecom_envelope, "FRESH", _SLOWEST), "was answered 200"),
    Guard(_WECOM, "an envelope is not from the future", "wecom: an envelope from the future", put(wecom_envelope, "FRESH", _SLOWEST), "was answered 200"),
    Guard(_WECOM, "a body has an end", "wecom: a body too large", both(put(wecom_envelope, "LARGEST_BODY", 10**9), put(WECOM, "LARGEST_BODY", 10**9)), "was answered 200"),
    Guard(_WECOM, "no document type", "wecom: a document type", put(wecom_inbound, "without_declarations", lambda xml: xml), "was answered 200"),
    Guard(_WECOM, "for this company", "wecom: a message for another company", _for_any("ToUserName"), "was answered 200"),
    Guard(_WECOM, "for this application", "wecom: a message for another application", _for_any("AgentID"), "was answered 200"),
    Guard(_WECOM, "sealed for this company", "wecom: an envelope of another company", put(ciphers.BasePrpCrypto, "_decrypt", _for_anybody), "was answered 200"),
    Guard(_WECOM, "a card of another database is none of ours", "wecom: a card of another database", put(cards, "message_of", lambda task, series: int(task.rpartition("-")[2])), "nobody sent it"),
    Guard(_WECOM, "the key before still opens", "wecom, a new key", lambda patch, channel: setattr(channel, "_account", replace(channel._account, keys=channel._account.keys[:1])), "not taken by the desk"),
    # ── WeCom: hearing ──
    Guard(_WECOM, "kept before it is acknowledged", "wecom, a rough day", _hasty("_keep"), "acknowledged, but not in the inbox"),
    Guard(_WECOM, "a message is known by its number", "wecom, a rough day", _numbered_anew(wecom_inbound, "read"), "nobody sent it"),
    # ── WeCom: speaking ──
    Guard(_WECOM, "pace of a member", "wecom, talkative", put_in("_pace", MemberPace(10**6)), "was dropped"),
    Guard(_WECOM, "texts are cut", "wecom, a letter", put(WECOM, "pieces", lambda text, most: (text,)), "was cut off"),
    Guard(_WECOM, "the platform is asked for doubles", "wecom, a rough day", put(repeats, "ASK", {}), "but said"),
    Guard(_WECOM, "equal texts are marked", "wecom, a rough day", put(repeats, "mark", lambda number: ""), "but arrived"),
    Guard(_WECOM, "a doubt older than the platform's memory is no second message", "wecom, the desk away", put(repeats, "LOOKS_BACK", timedelta(days=9)), "but said"),
    Guard(_WECOM, "a card fits", "wecom, a rough day", put(cards, "face", _always_a_card), "a card's"),
    Guard(_WECOM, "a card that is refused goes as text", "wecom, a card refused", put(troubles, "TROUBLES", _code(dict(troubles.TROUBLES), 42018, Trouble("never", "按钮的 key 不被接受。"))), "failed, though"),
    Guard(_WECOM, "a card in doubt does not go as text", "wecom, a card in doubt", put(cardbook.CardBook, "offer", _no_doubt), "but said"),
    Guard(_WECOM, "a card that went is not sent again", "wecom, a card whose sender dies", put(cardbook.CardBook, "offer", _never_out), "but said"),
    Guard(_WECOM, "a refused token is drawn anew", "wecom, a rough day", put(troubles, "TROUBLES", _code(dict(troubles.TROUBLES), 40014, Trouble("never", "the token is not valid"))), "failed, though"),
    Guard(_WECOM, "a message is for one", "wecom, a wrong register", put(WECOM, "_MEMBER", re.compile(".*")), "goes to several"),
    Guard(_WECOM, "an \"ok\" that reached nobody is none", "wecom, nobody got it", lambda patch, channel: setattr(channel, "_deliver", _believing(channel)), "but arrived"),
)  # fmt: skip


def _believing(channel: Any) -> Any:
    async def deliver(to: str, body: Any) -> Any:
        return await channel._api.post("message/send", {"touser": to, "agentid": channel._account.agent, **body})

    return deliver


@cache
def clean(day: str) -> Report:
    """The day with every guard."""
    return simulate(day_of(day))


@pytest.fixture(autouse=True)
def quiet_log() -> Iterator[None]:
    yield
    logging.getLogger("httpx").setLevel(logging.WARNING)


def _in_one_worker(guard: Guard) -> Any:
    """The day with every guard is lived once for all guards that it shows, if they are tried in one process."""
    return pytest.param(guard, id=f"{guard.channel}: {guard.name}", marks=pytest.mark.xdist_group(guard.day))


@pytest.mark.parametrize("guard", [_in_one_worker(guard) for guard in GUARDS])
def test_without_it_the_day_has_a_finding(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    assert clean(guard.day).faults == (), "with the guard"
    # What is put in a module's place is put there when the channel is made: before anything happens.
    report = simulate(replace(day_of(guard.day), tamper=lambda channel: guard.out(monkeypatch, channel)))
    assert any(guard.finds in fault for fault in report.faults), report.faults


# ── What no life of an estate can show ──────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A guard whose absence harms nobody in the estate. `shown`: module under tests and test."""

    channel: str
    name: str
    why: str
    shown: str


_TIMING: Final = "only a clock finer than the network's could tell; every comparison is looked at below"
_MEMORY: Final = "the media store has a limit of its own: what is lost is this machine's memory"

ELSEWHERE: Final = (
    Elsewhere(_WEBHOOK, "the secret is compared in constant time", _TIMING, "simulator.test_guards:test_secrets_are_compared_in_constant_time"),
    Elsewhere(_WECHAT, "signatures are compared in constant time", _TIMING, "simulator.test_guards:test_secrets_are_compared_in_constant_time"),
    Elsewhere(_WECOM, "signatures are compared in constant time", _TIMING, "simulator.test_guards:test_secrets_are_compared_in_constant_time"),
    Elsewhere(_TELEGRAM, "buttons carry a short token", "no button's value is as long as 64 bytes today", "channels.test_telegram_guards:test_buttons_that_carry_their_meaning"),
    Elsewhere(_TELEGRAM, "a file has an end", _MEMORY, "channels.test_telegram_guards:test_without_an_end_a_file_of_any_size_is_fetched"),
    Elsewhere(_TELEGRAM, "a fault of ours in one message holds up nobody", "no message is known that the reader fails on", "channels.test_telegram_hearing:test_a_fault_of_ours_holds_up_nobody_and_is_answered"),
    Elsewhere(_TELEGRAM, "nothing that waits is dropped by prepare", "an operator's command, not the desk's life", "channels.test_telegram_account:test_prepared_for_polling"),
    Elsewhere(_WECHAT, "a file has an end", _MEMORY, "channels.test_wechat_guards:test_without_an_end_a_file_of_any_size_is_read"),
    Elsewhere(_WECHAT, "the token is shared and drawn early", "WeChat honours the old one: a call more is all that is lost", "channels.test_wechat_interface:test_unshared_every_call_would_draw_one"),
    Elsewhere(_WECHAT, "a token refused for ever is given up", "without it the call never ends, and neither would the simulation", "channels.test_wechat_interface:test_a_token_refused_for_ever_is_given_up_after_one_repetition_and_within_wechats_limits"),
    Elsewhere(_WECHAT, "news that only may be replied waits", "the outbox does not offer such an account its messages", "channels.test_wechat:test_news_of_a_reply_only_account_waits_for_the_resident"),
    Elsewhere(_WECHAT, "what WeChat refused is not counted", "the template that goes in its place is no harm to whoever has one", "channels.test_wechat_sending:test_what_wechat_refused_or_never_got_is_not_counted"),
    Elsewhere(_WECHAT, "a menu is looked at before it is sent", "an operator's command, not the desk's life", "channels.test_wechat_interface:test_an_unchecked_menu_would_be_refused_by_wechat"),
    Elsewhere(_WECHAT, "fields of a template are cut", "a message of the estate that is long enough goes within a window", "channels.test_wechat_sending:test_a_field_that_is_not_cut_would_be_refused"),
    Elsewhere(_WECOM, "a file has an end", _MEMORY, "channels.test_wecom_guards:test_a_photo_of_any_size_is_read_without_it"),
    Elsewhere(_WECOM, "one token for all", "on loopback no time passes in which a second send could ask for one", "channels.test_wecom_guards:test_many_sends_at_once_draw_many_tokens_without_it"),
    Elsewhere(_WECOM, "a token refused twice is given up", "without it the call never ends, and neither would the simulation", "channels.test_wecom:test_a_token_refused_for_good_is_asked_for_once_more_only"),
    Elsewhere(_WECOM, "pieces that went are noted", "the platform drops the doubles: two guards against one harm", "channels.test_wecom:test_pieces_come_twice_without_it"),
    Elsewhere(_WECOM, "a photo is uploaded once", "the estate's colleagues send no photos", "channels.test_wecom:test_a_photo_comes_twice_without_it"),
    Elsewhere(_WECOM, "what did certainly not arrive is no doubt", "tries end within an hour or two, and a doubt begins after four", "channels.test_wecom_guards:test_a_card_that_never_went_out_stays_in_doubt_without_it"),
    Elsewhere(_WECOM, "pace of an hour", "a thousand messages to one member", "channels.test_wecom:test_a_member_gets_a_thousand_an_hour"),
    Elsewhere(_WECOM, "a card's code is used once", "a card of the estate is changed once", "channels.test_wecom:test_a_used_code_is_used_again_without_it"),
    Elsewhere(_WECOM, "a card's code is used within 72 hours", "three days without an hour's work", "channels.test_wecom:test_an_old_code_is_used_without_it"),
    Elsewhere(_WECOM, "the robot's pace", "the estate has no group", "channels.test_wecom_robot:test_the_platform_refuses_the_twenty_first_without_it"),
    Elsewhere(_WECOM, "the robot's texts are cut", "the estate has no group", "channels.test_wecom_robot:test_a_long_digest_is_refused_without_it"),
)  # fmt: skip


@pytest.mark.parametrize("guard", ELSEWHERE, ids=lambda guard: f"{guard.channel}: {guard.name}")
def test_what_is_shown_elsewhere_is_shown_there(guard: Elsewhere) -> None:
    module, _, name = guard.shown.partition(":")
    assert callable(getattr(import_module(f"tests.{module}"), name))


#: Where callers are believed or not: in these functions a name of something secret may meet hmac.compare_digest alone.
_SECRET: Final = re.compile(r"signature|secret|token|digest|expected|shown", re.IGNORECASE)
_COMPARING: Final = (
    (TELEGRAM.HookedTelegram, "_knows"),
    (envelope.Envelope, "_signed"),
    (wecom_envelope, "_signed_by"),
)


@pytest.mark.parametrize(("where", "name"), _COMPARING)
def test_secrets_are_compared_in_constant_time(where: Any, name: str) -> None:
    tree = ast.parse(dedent(inspect.getsource(getattr(where, name))))
    called = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert "hmac.compare_digest" in called
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Compare)]


def test_no_secret_meets_an_equals_sign_anywhere_in_an_adapter() -> None:
    root = Path(inspect.getsourcefile(TELEGRAM) or "").parents[1]
    found = [
        f"{path.parent.name}/{path.name}:{node.lineno}: {ast.unparse(node)}"
        for path in sorted(root.glob("*/*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Compare) and any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops) and _secret(node)
    ]
    # The token that WeChat has refused, and the one it gives: both are ours.
    assert [line for line in found if "spoiled" not in line and "stale" not in line] == []


def _secret(node: ast.Compare) -> bool:
    names = {getattr(n, "id", "") or getattr(n, "attr", "") for n in ast.walk(node)}
    return any(_SECRET.search(name) for name in names)
