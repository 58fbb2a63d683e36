"""A line between two people and the desk on each platform, so that one story can be told of all of them.

A `Line` is an adapter of the desk, its strict platform on loopback, and two people, wang and li. What they do and what the
platform does to the desk has one name on every line; what a platform cannot do stands in `Can`, with what is done instead.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, Final, Literal

import httpx
from starlette.applications import Starlette

from bot.app import NoNlu, build_core
from bot.channels import Channel, Inbound, Message, Receipt, SendError
from bot.channels.console import ConsoleChannel
from bot.channels.telegram import HookedTelegram, PolledTelegram, TelegramAccount, checking
from bot.channels.telegram.channel import LARGEST_BODY, SECRET_HEADER
from bot.channels.wechat import WeChat, WeChatAccount, client
from bot.channels.wechat.channel import Pace as Waiting
from bot.channels.wechat.envelope import MOST_BYTES
from bot.channels.wecom import WeCom, WeComAccount, envelope
from bot.channels.wecom.account import CallbackKey
from bot.core.domain import Script
from bot.database import Database
from bot.hearing import Ear
from bot.reception import PassiveAnswers, Post, Reception
from bot.workers import Workers
from tests.fakes import wechat as wechats
from tests.fakes.telegram import TOKEN, USERNAME, FakeTelegram
from tests.fakes.telegram_stage import MENU, SECRET
from tests.fakes.wechat import FakeWeChat
from tests.fakes.wecom import FakeWeCom, Fault, MemoryNotebook, serving
from tests.store.office import office, open_office, story
from tests.texts import office_texts

TEXTS: Final[Script] = office_texts()

#: How a send goes wrong: the platform has a failure of its own, asks to wait, will not have this person, will not have this
#: message; the connection breaks before it was carried out, or after.
Failure = Literal["failing", "wait", "person", "message", "cut", "lost"]
Kind = Literal["photo", "voice", "place", "arrived", "left"]
PHOTO: Final = b"\xff\xd8 a leak"
CODE: Final = "K7M2Q-9XRTD"


@dataclass(frozen=True, slots=True)
class Can:
    """What a platform can do, and what is done where it cannot.

    Args:
        buttons: pressed; or the choices are numbered lines, and the number is typed.
        codes: a scanned code or a deep link brings what it carries; or the code is typed.
        groups: there are groups in which the desk may be spoken to.
        called: the platform calls the desk, so strangers can try to; or the desk asks.
        doubt: what becomes of a message whose connection broke. "once": the platform recognises a second try. "perhaps": it
            does not, so there is none and staff are told. "never": there is no connection to break.
        speaks_first: the desk may write to who has not written; or only within the platform's windows.
    """

    buttons: bool = True
    codes: bool = True
    groups: bool = False
    called: bool = True
    doubt: Literal["once", "perhaps", "never"] = "perhaps"
    speaks_first: bool = True


CAPABILITIES: Final[Mapping[str, Can]] = {
    "telegram-polled": Can(groups=True, called=False),
    "telegram-webhook": Can(groups=True),
    "wechat": Can(buttons=False, speaks_first=False),
    "wecom": Can(codes=False, doubt="once"),
    "console": Can(codes=False, called=False, doubt="never"),
}


class Clock:
    """Stands still unless somebody sleeps or moves it; in the shapes in which the desk and the platforms ask for it."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)  # ten in the morning there

    def now(self) -> datetime:
        return self.at

    def __call__(self) -> datetime:
        return self.at

    def forward(self, by: timedelta) -> None:
        self.at += by

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass(slots=True)
class Desk:
    """Keeps each delivery once, as the inbox does. `away`: so many it cannot keep; `dies`: so many are committed by a process
    that dies before it can say so."""

    away: int = 0
    dies: int = 0
    deliveries: int = 0
    heard: list[Inbound] = field(default_factory=list)

    async def accept(self, message: Inbound) -> Receipt:
        self.deliveries += 1
        if self.away:
            self.away -= 1
            raise OSError("the database is away")
        known = any(m.external_id == message.external_id for m in self.heard)
        if not known:
            self.heard.append(message)
        if self.dies:
            self.dies -= 1
            raise ConnectionResetError("the process ended after its commit")
        return Receipt(len(self.heard), 1, known)

    async def take(self, receipt: Receipt, patience: timedelta) -> tuple[Message, ...]:
        return ()

    async def settle(self, messages: Sequence[Message], *, delivered: bool) -> None:
        assert not messages

    async def undelivered(self, channel: Channel, to: str, external_id: str, reason: str) -> bool:
        return False


class RealDesk:
    """The office behind one line or several: inbox, dialogue and outbox as they run, without a language model. The lines share
    the first one's clock."""

    def __init__(self, database: Database, *lines: Line) -> None:
        open_office(database)
        self.lines = lines
        self.clock = lines[0].clock
        self.front = front = office(database, story(), self.clock)  # type: ignore[arg-type]
        front.desk.core = build_core(TEXTS, 2026, "https://desk.example")
        channels: dict[tuple[str, str], Any] = {(c.name, c.account): c for c in (line.channel for line in lines)}
        channels["desk", ""] = front.staff_page
        front.workers = Workers(front.desk, "w1", Ear(NoNlu(), TEXTS).hear, channels, lambda: 0.5, front.workers.pace)
        posts = tuple(Post(1, line.channel) for line in lines)
        self.accept = Reception(front.workers, TEXTS.triage, posts, "w1").accept_for(1)
        self._answers = PassiveAnswers(front.workers, 1)
        for line in lines:
            line.desk = self

    async def take(self, receipt: Receipt, patience: timedelta) -> tuple[Message, ...]:
        # Driven by the test, no turn is over while a platform waits.
        return await self._answers.take(receipt, timedelta(0))

    async def settle(self, messages: Sequence[Message], *, delivered: bool) -> None:
        await self._answers.settle(messages, delivered=delivered)

    async def undelivered(self, channel: Channel, to: str, external_id: str, reason: str) -> bool:
        return await self._answers.undelivered(channel, to, external_id, reason)

    async def answers(self) -> list[str]:
        """Hear, do and say all there is; what wang has read on the first line because of it."""
        before = len(self.lines[0].seen())
        for _ in range(40):
            self.clock.forward(timedelta(seconds=3))
            busy = await self.front.workers.hear_one()
            if not (busy or await self.front.workers.tick() or await self.front.workers.send_some()):
                break
        return self.lines[0].seen()[before:]


class Line(ABC):
    """One adapter and its platform. `desk` is what stands behind the adapter; a test may put another one there."""

    name: ClassVar[str]
    #: What may stand in no log.
    secrets: tuple[str, ...] = ()

    def __init__(self, desk: Any, clock: Clock | None = None) -> None:
        self.desk = desk
        self.clock = clock or Clock()
        self.notes = MemoryNotebook(self.clock)
        self.channel: Any = None

    @property
    def can(self) -> Can:
        return CAPABILITIES[self.name]

    async def accept(self, message: Inbound) -> Receipt:
        receipt: Receipt = await self.desk.accept(message)
        return receipt

    # ── the desk's side ──

    async def send(self, text: str, who: str = "wang", *, number: int = 1, buttons: Any = ()) -> str:
        sent: str = await self.channel.send(self.address(who), Message(number, text, tuple(buttons)))
        return sent

    async def deliver(self, text: str, who: str = "wang", *, number: int = 1, buttons: Any = ()) -> str:
        """As the outbox does: again, when told to, until it is sent, may have been, or is given up: sent, perhaps, failed."""
        for _ in range(8):
            try:
                await self.send(text, who, number=number, buttons=buttons)
                return "sent"
            except SendError as error:
                if error.unconfirmed or not error.retryable:
                    return "perhaps" if error.unconfirmed else "failed"
                self.clock.forward(error.after or timedelta(seconds=2))
        return "failed"

    def _number_of(self, label: str) -> str:
        """Under which number the newest message shows this choice."""
        lines = (line for text in reversed(self.seen()) for line in text.splitlines())
        return next(line.partition(".")[0] for line in lines if line.endswith(f". {label}"))

    # ── the platform's side ──

    @abstractmethod
    def address(self, who: str) -> str: ...

    @abstractmethod
    async def says(self, text: str, who: str = "wang") -> None:
        """Somebody writes, and the platform delivers it until it is taken."""

    @abstractmethod
    async def does(self, kind: Kind) -> None:
        """wang sends a photo, a voice message, a place; arrives by a code; leaves."""

    @abstractmethod
    async def again(self) -> None:
        """The latest delivery comes once more."""

    @abstractmethod
    async def presses(self, label: str) -> None:
        """wang presses the newest button of this label, or types its number."""

    @abstractmethod
    def seen(self, who: str = "wang") -> list[str]: ...

    def pictures(self) -> list[bytes]:
        """The photos wang was sent."""
        return []

    @abstractmethod
    def fails(self, how: Failure, who: str = "wang") -> None:
        """The next send goes wrong in this way."""

    async def meets(self, *people: str) -> None:
        """Whoever is named may be written to from now on."""
        assert self.can.speaks_first, "a line that must be written to first says how"

    def forgeries(self) -> Mapping[str, Callable[[str], Awaitable[int]]]:
        """What a stranger may try who wants the desk to hear these words; the status they are answered with."""
        return {}

    async def says_in_group(self, text: str, *, to_the_desk: bool) -> None:
        raise NotImplementedError

    @property
    @abstractmethod
    def violations(self) -> list[str]: ...


# ── Telegram ────────────────────────────────────────────────────────────────────────────────────────────────────────


class TelegramLine(Line):
    secrets = (TOKEN, TOKEN.partition(":")[2], SECRET)
    platform: FakeTelegram
    _latest: dict[str, Any]

    def people(self) -> None:
        self._people = {name: self.platform.person(name, "") for name in ("wang", "li")}

    def account(self, webhook: str = "") -> TelegramAccount:
        secret = SECRET if webhook else ""
        return TelegramAccount("YH", "bot", USERNAME, TOKEN, webhook, secret, api=self.platform.url)

    def ways(self) -> dict[str, Any]:
        async def picture(name: str) -> bytes:
            return PHOTO

        ways: dict[str, Any] = {"now": self.clock.now, "sleep": self.clock.sleep, "jitter": lambda: 0.5}
        return ways | {"menu": MENU, "picture": picture}

    def address(self, who: str) -> str:
        return str(self._people[who])

    @abstractmethod
    async def _fetched(self) -> None: ...

    async def _until_taken(self) -> None:
        self._latest = self.platform.pending[-1]
        await self._fetched()
        await asyncio.gather(*self.channel._answering)

    async def says(self, text: str, who: str = "wang") -> None:
        self.platform.says(self._people[who], text)
        await self._until_taken()

    async def does(self, kind: Kind) -> None:
        wang = self._people["wang"]
        if kind == "photo":
            self.platform.shows(wang, PHOTO)
        elif kind == "voice":
            self.platform.says(wang, None, voice={"file_id": "v", "file_unique_id": "v", "duration": 3})
        elif kind == "place":
            self.platform.says(wang, None, location={"latitude": 31.2304, "longitude": 121.4737})
        elif kind == "arrived":
            self.platform.says(wang, f"/start {CODE}")
        else:
            self.platform.blocks(wang)
        await self._until_taken()

    async def again(self) -> None:
        self.platform.pending.append(self._latest)
        self.platform._quiet.clear()
        await self._fetched()

    async def presses(self, label: str) -> None:
        self.platform.taps(self._people["wang"], label)
        await self._until_taken()

    def seen(self, who: str = "wang") -> list[str]:
        return [text for text in self.platform.texts(self._people[who]) if text]  # a photo has none

    def pictures(self) -> list[bytes]:
        return [m.photo for m in self.platform.sent if m.chat == self._people["wang"] and m.photo]

    def fails(self, how: Failure, who: str = "wang") -> None:
        said: dict[str, tuple[int, str]] = {
            "failing": (502, "Bad Gateway"),
            "person": (403, "Forbidden: bot was blocked by the user"),
            "message": (400, "Bad Request: something new"),
        }
        if how in said:
            self.platform.refuse("sendMessage", *said[how])
        elif how == "wait":
            self.platform.refuse("sendMessage", 429, "Too Many Requests: retry after 40", retry_after=40)
        else:
            self.platform.drop("sendMessage", done=how == "lost")

    async def says_in_group(self, text: str, *, to_the_desk: bool) -> None:
        if not hasattr(self, "_group"):
            self.platform.reads_all = True
            self._group = self.platform.group()
        self.platform.says(self._people["wang"], text, chat=self._group, reply_to_bot=to_the_desk)
        await self._fetched()

    @property
    def violations(self) -> list[str]:
        return self.platform.violations


class PolledLine(TelegramLine):
    name = "telegram-polled"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with FakeTelegram(self.clock.now).running() as self.platform:
            self.people()
            self.channel = PolledTelegram(self.account(), self.notes, **self.ways())
            yield
            await self.channel.close()

    async def again(self) -> None:
        """Only to a process that knows nothing of it: one that follows another which did not come to confirm it."""
        self.channel._offset = None
        await super().again()

    async def _fetched(self) -> None:
        listening = asyncio.create_task(self.channel.listen(self.accept))
        await self.platform.quiet()
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening


class HookedLine(TelegramLine):
    name = "telegram-webhook"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with FakeTelegram(self.clock.now).running() as self.platform:
            self.people()
            self.channel = HookedTelegram(self.account("https://desk.example"), self.notes, **self.ways())
            assert await checking.prepare(self.channel._api, self.channel._account, MENU) == ()
            async with serving(Starlette(routes=self.channel.routes(self.accept, self.desk))) as self._url:
                yield
            await self.channel.close()

    async def _fetched(self) -> None:
        for _ in range(5):
            if self.platform.pending:
                await self.platform.push(self._url)

    def forgeries(self) -> Mapping[str, Callable[[str], Awaitable[int]]]:
        def calls(secret: str, body: Callable[[str], bytes]) -> Callable[[str], Awaitable[int]]:
            async def call(words: str) -> int:
                async with httpx.AsyncClient(trust_env=False, verify=False) as http:
                    url = self._url + self.channel._account.path
                    return (await http.post(url, content=body(words), headers={SECRET_HEADER: secret})).status_code

            return call

        def update(words: str) -> bytes:
            chat = self._people["wang"]
            sent = f'{{"message_id": 9, "date": 1, "chat": {{"id": {chat}, "type": "private"}}, "text": "{words}"}}'
            return f'{{"update_id": 9, "message": {sent}}}'.encode()

        return {
            "without the secret": calls("guess", update),
            "too large": calls(SECRET, lambda words: update(words) + b" " * LARGEST_BODY),
            "no update": calls(SECRET, lambda words: words.encode()),
        }


# ── WeChat ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class WeChatLine(Line):
    name = "wechat"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        self.platform = FakeWeChat(self.clock, hang_up=1.0)
        p = self.platform
        self.secrets = (p.secret, p.token, p.aes_key, "access-")
        self._people = {name: f"oResident-{name:0>20}" for name in ("wang", "li")}
        p.followers |= set(self._people.values())
        async with p.running(), httpx.AsyncClient(timeout=client.TIMEOUT, verify=False, trust_env=False) as http:
            account = WeChatAccount("YH", "mp", p.app_id, p.secret, p.token, p.aes_key, original_id=p.original_id, api=p.url)
            waiting = Waiting(patience=timedelta(seconds=0.5), hang_up=timedelta(seconds=1.2))
            self.channel = WeChat(
                account, self.notes, self.clock, sleep=self.clock.sleep, pace=waiting, photo=lambda name: PHOTO, http=http
            )
            # Through `self.desk`, because a test may put another one there.
            async with wechats.serving(Starlette(routes=list(self.channel.routes(self.accept, self)))) as url:
                p.callback = url + account.path
                yield

    async def take(self, receipt: Receipt, patience: timedelta) -> tuple[Message, ...]:
        taken: tuple[Message, ...] = await self.desk.take(receipt, patience)
        return taken

    async def settle(self, messages: Sequence[Message], *, delivered: bool) -> None:
        await self.desk.settle(messages, delivered=delivered)

    async def undelivered(self, channel: Channel, to: str, external_id: str, reason: str) -> bool:
        known: bool = await self.desk.undelivered(channel, to, external_id, reason)
        return known

    def address(self, who: str) -> str:
        return self._people[who]

    async def meets(self, *people: str) -> None:
        for who in people:
            await self.says("你好", who)
        if isinstance(self.desk, Desk):
            self.desk.heard.clear()
            self.desk.deliveries = 0

    async def says(self, text: str, who: str = "wang") -> None:
        self._latest = await self.platform.say(text, self._people[who])

    async def does(self, kind: Kind) -> None:
        p, wang = self.platform, self._people["wang"]
        if kind == "photo":
            sent = p.message("image", wang, MediaId=p.sends(PHOTO), PicUrl="http://mmbiz.qpic.cn/x")
        elif kind == "voice":
            sent = p.message("voice", wang, MediaId=p.sends(b"#!AMR", "audio/amr"), Format="amr")
        elif kind == "place":
            sent = p.message("location", wang, Location_X="31.2304", Location_Y="121.4737", Label="")
        elif kind == "arrived":
            sent = p.message("event", wang, Event="SCAN", EventKey=CODE, Ticket="t")
        else:
            sent = p.message("event", wang, Event="unsubscribe")
        self._latest = await p.deliver(sent)

    async def again(self) -> None:
        await self.platform.post(self._latest)

    async def presses(self, label: str) -> None:
        await self.says(self._number_of(label))

    def seen(self, who: str = "wang") -> list[str]:
        return [s.text for s in self.platform.shown if s.openid == self._people[who] and s.how != "image"]

    def pictures(self) -> list[bytes]:
        return [self.platform._media[media][0] for media in self.platform.texts("image", self._people["wang"])]

    def fails(self, how: Failure, who: str = "wang") -> None:
        faults: dict[str, Any] = {
            "failing": (502, {}), "wait": 45011, "person": 43004, "message": 45002, "cut": wechats.CUT, "lost": wechats.LOST,
        }  # fmt: skip
        self.platform.fail("/cgi-bin/message/custom/send", faults[how])

    def forgeries(self) -> Mapping[str, Callable[[str], Awaitable[int]]]:
        p = self.platform

        def calls(change: Callable[[dict[str, str], str], tuple[dict[str, str], str]]) -> Callable[[str], Awaitable[int]]:
            async def call(words: str) -> int:
                fields = p.message("text", self._people["wang"], Content=words)
                query, body = change(*p.sealed(wechats.encrypt(wechats._xml(fields), p.aes_key, p.app_id)))
                return (await p.http.post(p.callback, params=query, content=body.encode())).status_code

            return call

        def stale(query: dict[str, str], body: str) -> tuple[dict[str, str], str]:
            self.clock.forward(timedelta(minutes=6))
            return query, body

        return {
            "of another sender": calls(lambda query, body: ({**query, "signature": "0" * 40}, body)),
            "with another body": calls(lambda query, body: ({**query, "msg_signature": "0" * 40}, body)),
            "too large": calls(lambda query, body: (query, body + " " * MOST_BYTES)),
            "no message": calls(lambda query, body: (query, "<xml>")),
            "six minutes old": calls(stale),
        }

    @property
    def violations(self) -> list[str]:
        return self.platform.violations


# ── WeCom ───────────────────────────────────────────────────────────────────────────────────────────────────────────


class WeComLine(Line):
    name = "wecom"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        self.platform = p = FakeWeCom(self.clock, visible={"wang", "li"})  # type: ignore[arg-type]
        self.secrets = (p.secret, p.token, p.aes_key)
        end = asyncio.Event()
        async with AsyncExitStack() as stack:
            base = await stack.enter_async_context(serving(p.app, end)) + "/cgi-bin/"
            account = WeComAccount("YH", "staff", p.corp, p.agent, p.secret, (CallbackKey(p.token, p.aes_key),))
            self.channel = WeCom(account, self.notes, self.clock, base=base, patience=(2.0, 4.0), photo=lambda name: PHOTO)
            app = Starlette(routes=self.channel.routes(self.accept, self.desk))
            self._url = await stack.enter_async_context(serving(app, end)) + account.path
            self._count = 0
            stack.callback(end.set)
            stack.callback(p.released.set)
            stack.push_async_callback(self.channel.close)
            yield

    def address(self, who: str) -> str:
        return who

    async def _delivers(self, **fields: Any) -> None:
        self._count += 1
        number = {} if fields["MsgType"] == "event" else {"MsgId": str(7000 + self._count)}
        self._latest = self.platform.envelope({"FromUserName": "wang", **number, **fields})
        await self.platform.post(self._url, *self._latest)

    async def says(self, text: str, who: str = "wang") -> None:
        await self._delivers(FromUserName=who, MsgType="text", Content=text)

    async def does(self, kind: Kind) -> None:
        pic = self.platform.keeps(PHOTO)
        what: dict[str, dict[str, Any]] = {
            "photo": {"MsgType": "image", "MediaId": pic, "PicUrl": "http://x"},
            "voice": {"MsgType": "voice", "MediaId": "v", "Format": "amr"},
            "place": {"MsgType": "location", "Location_X": "31.2304", "Location_Y": "121.4737", "Label": ""},
            "arrived": {"MsgType": "event", "Event": "subscribe"},
            "left": {"MsgType": "event", "Event": "unsubscribe"},
        }
        await self._delivers(**what[kind])

    async def again(self) -> None:
        await self.platform.post(self._url, *self._latest)

    async def presses(self, label: str) -> None:
        shown = next((s for s in reversed(self.platform.chats["wang"]) if label in s.buttons), None)
        if shown is None:  # more choices than fit a card
            await self.says(self._number_of(label))
            return
        self._latest = self.platform.envelope(self.platform._press_of("wang", shown, shown.buttons.index(label)))
        await self.platform.post(self._url, *self._latest)

    def seen(self, who: str = "wang") -> list[str]:
        return [shown.text for shown in self.platform.chats.get(who, ()) if shown.kind != "image"]

    def pictures(self) -> list[bytes]:
        return [shown.photo for shown in self.platform.chats.get("wang", ()) if shown.kind == "image"]

    def fails(self, how: Failure, who: str = "wang") -> None:
        faults: dict[str, Any] = {
            "failing": 502, "wait": {"errcode": 45009}, "person": {"errcode": 81013}, "message": {"errcode": 40008},
            "cut": "drop", "lost": "drop",
        }  # fmt: skip
        self.platform.faults.append(Fault("message/send", faults[how], "after" if how == "lost" else "before"))

    def forgeries(self) -> Mapping[str, Callable[[str], Awaitable[int]]]:
        p = self.platform

        def calls(change: Callable[[dict[str, str], bytes], tuple[dict[str, str], bytes]], **sealing: Any) -> Any:
            async def call(words: str) -> int:
                fields = {"FromUserName": "wang", "MsgType": "text", "Content": words, "MsgId": "1"}
                return (await p.post(self._url, *change(*p.envelope(fields, **sealing))))[-1]

            return call

        def as_sent(query: dict[str, str], body: bytes) -> tuple[dict[str, str], bytes]:
            return query, body

        return {
            "of another sender": calls(as_sent, token="guess"),
            "with another body": calls(lambda query, body: ({**query, "msg_signature": "0" * 40}, body)),
            "too large": calls(lambda query, body: (query, body + b" " * envelope.LARGEST_BODY)),
            "no message": calls(lambda query, body: (query, b"<xml>")),
            "six minutes old": calls(as_sent, at=self.clock.at - timedelta(minutes=6)),
        }

    @property
    def violations(self) -> list[str]:
        return self.platform.violations


# ── The terminal ────────────────────────────────────────────────────────────────────────────────────────────────────


class ConsoleLine(Line):
    """It has no platform: what is sent is there, and what is said is handed to the desk by the terminal itself."""

    name = "console"

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        self._shown: list[tuple[str, str]] = []
        self.channel = ConsoleChannel(lambda to, message: self._shown.append((to, message.text)))
        yield

    def address(self, who: str) -> str:
        return who

    async def says(self, text: str, who: str = "wang") -> None:
        raise NotImplementedError

    async def does(self, kind: Kind) -> None:
        raise NotImplementedError

    async def again(self) -> None:
        raise NotImplementedError

    async def presses(self, label: str) -> None:
        raise NotImplementedError

    def seen(self, who: str = "wang") -> list[str]:
        return [text for to, text in self._shown if to == who]

    def fails(self, how: Failure, who: str = "wang") -> None:
        raise NotImplementedError

    @property
    def violations(self) -> list[str]:
        return []


LINES: Final[Mapping[str, Any]] = {
    line.name: line for line in (PolledLine, HookedLine, WeChatLine, WeComLine, ConsoleLine)
}
