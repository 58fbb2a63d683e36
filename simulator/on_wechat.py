"""WeChat: an Official Account that may send customer-service messages within its windows, and templates beyond them; and, where
it is wished for, one beside it that may only reply."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from bot.channels import Channel, Notebook
from bot.channels.wechat import WeChat, WeChatAccount
from bot.channels.wechat.account import Form
from bot.channels.wechat.envelope import MOST_BYTES, TOLERANCE
from simulator.chance import Chance
from simulator.mishaps import Arrange, Mishap, Road, of_wechat
from simulator.platforms import KEEP_ALIVE, Attempt, Other, Seen, Sent
from simulator.virtual_time import SimulatedClock
from tests.fakes import wechat as fakes
from tests.fakes.wechat import CUT, LOST, SILENT, FakeWeChat
from tests.fakes.wecom import serving

#: The account's own template, for news outside every window, and its notice: two fields of 20 characters, and a phrase.
_FIELDS = ("thing4", "thing2", "phrase3")
_NEWS = {"thing4": "{text}", "thing2": "{text}", "phrase3": "工单进度"}
#: How often WeChat does not get the answer to a delivery, and delivers again.
_ANSWER_LOST = 0.02
#: The choices a message ends with, one a line.
_CHOICES = re.compile(r"(?:\n|^)1\. [^\n]+(?:\n[0-9]+\. [^\n]+)*$")
_FIRST = re.compile(r"^1\. ", re.MULTILINE)
#: The address beneath which the account that may only reply has its interface, and what it is.
_BENEATH: Final = "/quiet"
_QUIET: Final[Mapping[str, Any]] = {
    "app_id": "wxfedcba9876543210",
    "token": "tokenOfTheQuiet",
    "original_id": "gh_ba9876543210",
    "unauthorised": (
        "/cgi-bin/message/custom/send",
        "/cgi-bin/message/template/send",
        "/cgi-bin/message/subscribe/bizsend",
        "/cgi-bin/media/get",
        "/cgi-bin/qrcode/create",
    ),
}
#: Keys of the menu beneath a conversation that somebody presses.
_MENU = ("menu:repair", "menu:ticket_status", "menu:complaint", "privacy:")


class OnWeChat:
    """The residents' WeChat."""

    name = "wechat"
    #: WeChat delivers each message by itself: what is delivered again comes after what was written later.
    ordered = False

    def __init__(self, clock: SimulatedClock, chance: Chance, reply_only: float = 0.0) -> None:
        self.fake = FakeWeChat(clock.now, templates=[fakes.Form("tmpl-1", _FIELDS)], notices=[fakes.Form("tmpl-2", _FIELDS)])
        self.quiet = FakeWeChat(clock.now, **_QUIET)
        self._fakes = {"bot": self.fake, **({"quiet": self.quiet} if reply_only else {})}
        for fake in self._fakes.values():
            fake.followers.clear()
        self._reply_only = reply_only
        self._of: dict[str, FakeWeChat] = {}
        self._clock = clock
        self._chance = chance
        self._read: dict[str, list[Seen]] = defaultdict(list)
        self._read_to: dict[str, int] = defaultdict(int)
        self._count = 0
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._pressed: dict[str, int] = {}
        self.arrived: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.road = Road(self._platform(), chance, clock.now, self._mishaps(), of_wechat, self._passed)

    def _platform(self) -> Any:
        """Both accounts' interfaces at one address: the quiet one's beneath its name."""
        main, quiet = self.fake.app(), self.quiet.app()

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["path"].startswith(_BENEATH):
                return await quiet({**scope, "path": scope["path"].removeprefix(_BENEATH)}, receive, send)
            await main(scope, receive, send)

        return app

    def _mishaps(self) -> tuple[Mishap, ...]:
        fake = self.fake

        def fail(at: str, fault: int | str) -> Arrange:
            async def arrange() -> None:
                fake.fail(f"/cgi-bin/{at}", (fault, {}) if isinstance(fault, int) and fault > 0 else fault)

            return arrange

        def refuse(at: str, code: int) -> Arrange:
            async def arrange() -> None:
                fake.fail(f"/cgi-bin/{at}", code)

            return arrange

        async def spoil() -> None:
            fake.spoil_token()

        send, template = "message/custom/send", "message/template/send"
        return (
            Mishap(send, "busy", 0.01, refuse(send, -1)),
            Mishap(send, "too many calls in a minute", 0.002, refuse(send, 45011)),
            Mishap(send, "token ended early", 0.005, spoil),
            Mishap(send, "502, not done", 0.01, fail(send, 502)),
            Mishap(send, "504, not done", 0.004, fail(send, 504), loses=True),
            Mishap(send, "broken off, not done", 0.004, fail(send, CUT), loses=True),
            Mishap(send, "broken off, done", 0.008, fail(send, LOST)),
            Mishap(send, "silent, done", 0.004, fail(send, SILENT)),
            Mishap(template, "busy", 0.02, refuse(template, -1)),
            Mishap(template, "502, not done", 0.02, fail(template, 502)),
            Mishap(template, "broken off, not done", 0.02, fail(template, CUT)),
            Mishap(template, "broken off, done", 0.02, fail(template, LOST)),
            Mishap("stable_token", "502", 0.05, fail("stable_token", 502)),
            Mishap("stable_token", "broken off, done", 0.05, fail("stable_token", LOST)),
            Mishap("media/get", "502", 0.05, fail("media/get", 502)),
        )

    @property
    def violations(self) -> Sequence[str]:
        found: list[str] = []
        for fake in self._fakes.values():
            found += fake.violations
            found += [f"{s.openid} was shown: {s.text}" for s in fake.shown if s.how == "error"]
            found += [f"two numbered choices in one reply: {s.text}" for s in fake.shown if len(_FIRST.findall(s.text)) > 1]
        return found

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with (
            serving(self.road, keep_alive=KEEP_ALIVE) as self.fake.url,
            httpx.AsyncClient(verify=False, trust_env=False) as self.fake.http,
        ):
            self.quiet.url, self.quiet.http = self.fake.url + _BENEATH, self.fake.http
            yield

    def channels(self, notes: Callable[[str], Notebook]) -> Sequence[Channel]:
        rights: Mapping[str, Mapping[str, Any]] = {
            "bot": {"template": Form("tmpl-1", _NEWS), "notice": Form("tmpl-2", _NEWS)},
            # Without an AppSecret, as an account that was never verified.
            "quiet": {"reach": "reply_only", "secret": ""},
        }
        return [
            WeChat(
                WeChatAccount(**{**_settings(fake), "account": name, **rights[name]}), notes(name), self._clock.now,
                pictures=("127.0.0.1",),
            )
            for name, fake in self._fakes.items()
        ]  # fmt: skip

    def may_only_reply(self, who: str) -> bool:
        return self._of.get(who) is self.quiet

    @asynccontextmanager
    async def serve(self, routes: Sequence[BaseRoute]) -> AsyncIterator[None]:
        async with serving(Starlette(routes=list(routes)), keep_alive=KEEP_ALIVE) as url:
            for name, fake in self._fakes.items():
                fake.callback = f"{url}/wechat/{name}"
            yield
            await asyncio.gather(*self._under_way.values())

    # ── people ──

    def person(self, number: int) -> str:
        who = f"oResident-{number:019}"
        quiet = self._chance.stream("account", number).random() < self._reply_only
        self._of[who] = self.quiet if quiet else self.fake
        return who

    def _passed(self, whom: str) -> None:
        for name, fake in self._fakes.items():
            for shown in fake.shown[self._read_to[name] :]:
                read = self._read[shown.openid]
                choices = _CHOICES.search(shown.text)
                labels = tuple(line.partition(". ")[2] for line in choices[0].strip().split("\n")) if choices else ()
                brief = shown.how in ("template", "notice")
                words = "".join(shown.text.split(" | ")[:-1]) if brief else shown.text
                read.append(Seen(len(read) + 1, words, labels, shown, brief))
                self.arrived[shown.openid].set()
            self._read_to[name] = len(fake.shown)
            while fake.reports:
                fields = fake.reports.pop(0)
                self._deliver(fields["FromUserName"], "", fields)

    def seen(self, who: str) -> Sequence[Seen]:
        return self._read[who]

    def _deliver(self, who: str, content: str, fields: Mapping[str, str]) -> Sent:
        """On its way: nobody's keyboard waits until the account has answered."""
        self._count += 1
        number = self._count
        lost = 0
        while lost < 2 and self._chance.next("answer lost", who) < _ANSWER_LOST * self.road.rough:
            lost += 1

        async def deliver() -> None:
            exchange = await self._of[who].deliver(fields, lost)
            if lost:
                self.road.happened["callback: the answer was lost, and asked for again"] += lost
            self._passed(who)
            if exchange.answers[-1] is not None and exchange.answers[-1][0] == 200:
                del self._under_way[number]

        self._under_way[number] = asyncio.create_task(deliver())
        return Sent(who, content, update=number)

    async def _happens(self, who: str, event: str, key: str = "") -> Sent:
        # Two events of one kind in one second have one name at this platform.
        while self._pressed.get(who) == int(self._clock().timestamp()):
            await asyncio.sleep(0.5)
        self._pressed[who] = int(self._clock().timestamp())
        fields = self._of[who].message("event", who, Event=event, EventKey=key)
        return self._deliver(who, "", fields)

    async def comes(self, who: str) -> Sent:
        self._of[who].followers.add(who)
        return await self._happens(who, "subscribe")

    async def says(self, who: str, words: str) -> Sent:
        return self._deliver(who, words, self._of[who].message("text", who, Content=words))

    async def says_in_group(self, who: str) -> Sent | None:
        return None

    async def edits(self, who: str, words: str) -> Sent | None:
        return None

    async def shows(self, who: str, photo: bytes) -> Sent:
        fake = self._of[who]
        media = fake.sends(photo)
        address = f"{fake.url}/mmbiz/{media}"
        return self._deliver(who, "", fake.message("image", who, MediaId=media, PicUrl=address))

    async def does(self, who: str, what: Other, carrying: str = "") -> Sent | None:
        fake = self._of[who]
        if what == "scan":
            # A code is drawn by WeChat's interface, so it is one of the account that may call it.
            if fake is not self.fake:
                return None
            return await self._happens(who, "SCAN", self.fake.codes[carrying])
        if what == "menu":
            return await self._happens(who, "CLICK", _MENU[int(self._chance.next("menu", who) * len(_MENU))])
        if what == "place":
            spot = {"Location_X": "30.2741", "Location_Y": "120.1551", "Scale": "15", "Label": "3栋北门"}
            return self._deliver(who, "", fake.message("location", who, **spot))
        media = fake.sends(b"#!AMR\n", "voice/amr")
        return self._deliver(who, "", fake.message("voice", who, MediaId=media, Format="amr"))

    async def taps(self, who: str, message: Seen, position: int) -> Sent:
        # There is nothing to tap: they write the number.
        return await self.says(who, str(position + 1))

    def means(self, who: str, message: Seen, position: int) -> str:
        # A number answers what was asked last, from wherever it was read.
        latest = next((seen.buttons for seen in reversed(self._read[who]) if seen.buttons), ())
        return latest[position] if position < len(latest) else ""

    async def leaves(self, who: str) -> None:
        self._of[who].followers.discard(who)
        await self._happens(who, "unsubscribe")

    async def returns(self, who: str) -> Sent | None:
        return await self.comes(who)

    def waiting(self) -> frozenset[int]:
        return frozenset(self._under_way)

    # ── strangers ──

    @property
    def next_key(self) -> str:
        return _NEXT_KEY

    @property
    def secrets(self) -> Sequence[str]:
        return [token for fake in self._fakes.values() for token, _ in (fake._access, fake._old) if token]

    @property
    def tricks(self) -> Sequence[str]:
        return tuple(_TRICKS)

    async def tries(self, trick: str) -> Attempt:
        return await _TRICKS[trick](self.fake, trick)


def _settings(fake: FakeWeChat) -> dict[str, Any]:
    return {
        "community": "YH", "app_id": fake.app_id, "secret": fake.secret, "token": fake.token, "original_id": fake.original_id,
        "aes_key": _NEXT_KEY, "previous_aes_key": fake.aes_key, "api": fake.url,
    }  # fmt: skip


#: The key that was entered here already, and is not used yet at WeChat.
_NEXT_KEY: Final = "ZYXWVUTSRQPONMLKJIHGFEDCBA9876543210zyxwvut"
_STRANGER: Final = "oStranger-0000000000000000000"
_DOCTYPE: Final = '<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/evil.dtd">'
_REFUSED: Final = (400, 403, 413)

#: What a stranger has: the fields of a message, the query and the body it was sent with, and WeChat's own means.
Trick = Callable[[FakeWeChat, str], Awaitable[Attempt]]


def _trick(forge: Callable[[FakeWeChat, dict[str, str], str], tuple[dict[str, str], str]]) -> Trick:
    async def tries(fake: FakeWeChat, what: str) -> Attempt:
        encrypted = fakes.encrypt(fakes._xml(_fields(fake)), fake.aes_key, fake.app_id)
        query, body = forge(fake, *fake.sealed(encrypted))
        answer = await fake.http.post(fake.callback, params=query, content=body.encode())
        return Attempt(what, answer.status_code, _REFUSED)

    return tries


def _fields(fake: FakeWeChat, **more: str) -> dict[str, str]:
    words = {"Content": "开门", **more}
    stamp, number = str(int(fake.now().timestamp())), str(7 * 10**18)
    return {
        "ToUserName": fake.original_id, "FromUserName": _STRANGER, "CreateTime": stamp, "MsgType": "text", **words, "MsgId": number,
    }  # fmt: skip


def _sealed(fake: FakeWeChat, xml: str, app_id: str = "") -> tuple[dict[str, str], str]:
    return fake.sealed(fakes.encrypt(xml, fake.aes_key, app_id or fake.app_id))


def _at(fake: FakeWeChat, seconds: float) -> tuple[dict[str, str], str]:
    """A call as WeChat would have made it then."""
    stamp, nonce = str(int(fake.now().timestamp() + seconds)), "4711"
    encrypted = fakes.encrypt(fakes._xml(_fields(fake)), fake.aes_key, fake.app_id)
    query = {
        "signature": fakes.sign(fake.token, stamp, nonce), "timestamp": stamp, "nonce": nonce, "encrypt_type": "aes",
        "msg_signature": fakes.sign(fake.token, stamp, nonce, encrypted),
    }  # fmt: skip
    return query, fakes._xml({"ToUserName": fake.original_id, "Encrypt": encrypted})


_LATE: Final = TOLERANCE.total_seconds() + 60


async def _echo(fake: FakeWeChat, what: str) -> Attempt:
    return Attempt(what, (await fake.verify(echostr="<script>alert(1)</script>")).status_code, _REFUSED)


async def _unreadable(fake: FakeWeChat, what: str) -> Attempt:
    """No stranger's, but WeChat's own, and of no kind that is known: asking for it again would not help."""
    xml = fakes._xml({name: value for name, value in _fields(fake).items() if name != "MsgId"})
    query, body = _sealed(fake, xml)
    answer = await fake.http.post(fake.callback, params=query, content=body.encode())
    return Attempt(what, answer.status_code, (200,))


_TRICKS: Final[Mapping[str, Trick]] = {
    "a caller who signs nothing": _trick(lambda fake, query, body: ({**query, "signature": ""}, body)),
    "a body that nobody signed": _trick(lambda fake, query, body: ({**query, "msg_signature": "0" * 40}, body)),
    "the body of another call": _trick(lambda fake, query, body: (query, _sealed(fake, fakes._xml(_fields(fake)))[1])),
    "a call of six minutes ago": _trick(lambda fake, query, body: _at(fake, -_LATE)),
    "a call from the future": _trick(lambda fake, query, body: _at(fake, _LATE)),
    "a body too large": _trick(lambda fake, query, body: (query, body.replace("</xml>", " " * MOST_BYTES + "</xml>"))),
    "a document type outside": _trick(lambda fake, query, body: (query, _DOCTYPE + body)),
    "a document type inside": _trick(lambda fake, query, body: _sealed(fake, _DOCTYPE + fakes._xml(_fields(fake)))),
    "an element said twice": _trick(lambda fake, query, body: _sealed(fake, fakes._xml(_fields(fake)).replace("</xml>", f"<FromUserName>{_STRANGER}x</FromUserName></xml>"))),
    "a message built too deep": _trick(lambda fake, query, body: _sealed(fake, fakes._xml(_fields(fake)).replace("</xml>", "<a>" * 50 + "</a>" * 50 + "</xml>"))),
    "a message for another account": _trick(lambda fake, query, body: _sealed(fake, fakes._xml(_fields(fake, ToUserName="gh_ffffffffffff")))),
    "a message for another application": _trick(lambda fake, query, body: _sealed(fake, fakes._xml(_fields(fake)), "wxffffffffffffffff")),
    "plain words, nothing sealed": _trick(lambda fake, query, body: ({k: query[k] for k in ("signature", "timestamp", "nonce")}, fakes._xml(_fields(fake)))),
    "plain words beside what is sealed": _trick(lambda fake, query, body: (query, body.replace("</xml>", "<MsgType>text</MsgType><Content>开门</Content></xml>"))),
    "an echo that is a page": _echo,
    "a message of WeChat's that has no number": _unreadable,
}
