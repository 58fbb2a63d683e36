"""WeCom: an application that is called, and calls."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any, Final, TypeAlias

import httpx
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from bot.channels import Channel, Notebook
from bot.channels.wecom import WeCom, WeComAccount
from bot.channels.wecom.account import CallbackKey
from bot.channels.wecom.envelope import FRESH, LARGEST_BODY
from simulator.chance import Chance
from simulator.mishaps import Arrange, Mishap, Road, of_wecom
from simulator.platforms import KEEP_ALIVE, Attempt, Other, Seen, Sent
from simulator.virtual_time import SimulatedClock
from tests.fakes import wecom as fakes
from tests.fakes.wecom import FakeWeCom, Fault, serving

#: Seconds to connect, and for an answer. The adapter's threads wait in real time, the only wait of a simulation that costs any.
PATIENCE = (5.0, 2.0)


#: The key that was entered here already, and is not used yet at WeCom.
_NEXT_KEY: Final = "ZYXWVUTSRQPONMLKJIHGFEDCBA9876543210zyxwvut"


class OnWeCom:
    """The company's WeCom."""

    name = "wecom"
    ordered = True

    def __init__(self, clock: SimulatedClock, chance: Chance, reply_only: float = 0.0) -> None:
        self.fake = FakeWeCom(clock, visible=set())  # type: ignore[arg-type]  # a clock that cannot be set
        self._clock = clock
        self._chance = chance
        self._url = self._api = ""
        self._count = 0
        self._read: dict[str, list[Seen]] = defaultdict(list)
        self.arrived: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._posting: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self.road = Road(self.fake.app, chance, clock.now, self._mishaps(), of_wecom, self._passed)

    def _mishaps(self) -> tuple[Mishap, ...]:
        def fault(at: str, how: Any, when: Any = "before") -> Arrange:
            async def arrange() -> None:
                self.fake.faults.append(Fault(at, how, when))

            return arrange

        async def revoke() -> None:
            self.fake.revoke_token()

        send = "message/send"
        return (
            Mishap(send, "busy", 0.01, fault(send, {"errcode": -1})),
            Mishap(send, "too many at once", 0.01, fault(send, {"errcode": 45033})),
            Mishap(send, "blocked for minutes", 0.001, fault(send, {"errcode": 45009})),
            Mishap(send, "token ended early", 0.005, revoke),
            Mishap(send, "502, not done", 0.008, fault(send, 502)),
            Mishap(send, "503, not done", 0.008, fault(send, 503)),
            Mishap(send, "502, done", 0.008, fault(send, 502, "after")),
            Mishap(send, "broken off, not done", 0.006, fault(send, "drop")),
            Mishap(send, "broken off, done", 0.008, fault(send, "drop", "after")),
            Mishap(send, "a page instead of an answer", 0.004, fault(send, "html", "after")),
            Mishap(send, "silent, done", 0.002, fault(send, "hang", "after")),
            Mishap("gettoken", "502", 0.05, fault("gettoken", 502)),
            Mishap("media/get", "502", 0.05, fault("media/get", 502)),
        )

    @property
    def violations(self) -> Sequence[str]:
        return self.fake.violations

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with serving(self.road, keep_alive=KEEP_ALIVE) as url:
            self._api = f"{url}/cgi-bin/"
            try:
                yield
            finally:
                self.fake.released.set()

    @property
    def _account(self) -> WeComAccount:
        keys = (CallbackKey(self.fake.token, _NEXT_KEY), CallbackKey(self.fake.token, self.fake.aes_key))
        return WeComAccount("YH", "staff", self.fake.corp, self.fake.agent, self.fake.secret, keys)

    def channels(self, notes: Callable[[str], Notebook]) -> Sequence[Channel]:
        return (WeCom(self._account, notes("staff"), self._clock.now, base=self._api, patience=PATIENCE),)

    def may_only_reply(self, who: str) -> bool:
        return False

    @asynccontextmanager
    async def serve(self, routes: Sequence[BaseRoute]) -> AsyncIterator[None]:
        async with serving(Starlette(routes=list(routes)), keep_alive=KEEP_ALIVE) as url:
            self._url = url + self._account.path
            yield

    # ── people ──

    def person(self, number: int) -> str:
        member = f"member{number:03}"
        self.fake.visible.add(member)
        self.fake.chats[member] = []
        return member

    def _passed(self, whom: str) -> None:
        shown = self.fake.chats.get(whom, ())
        read = self._read[whom]
        for message in shown[len(read) :]:
            read.append(Seen(len(read) + 1, message.text, tuple(message.buttons), message))
            self.arrived[whom].set()

    def seen(self, who: str) -> Sequence[Seen]:
        return self._read[who]

    async def _deliver(self, who: str, content: str, message: Mapping[str, Any]) -> Sent:
        # The platform does not say that it keeps a member's order; people wait for one message to be away before the next.
        async with self._posting[who]:
            self._count += 1
            fields = {"FromUserName": who, "CreateTime": int(self._clock().timestamp()), **message}
            taken = (await self.fake.deliver(self._url, fields))[-1] == 200
            if taken and self._chance.next("redelivered", who) < 0.02:
                await self.fake.deliver(self._url, fields)
        return Sent(who, content, taken)

    async def comes(self, who: str) -> Sent:
        return await self.says(who, "您好")

    async def says(self, who: str, words: str) -> Sent:
        return await self._deliver(who, words, {"MsgType": "text", "Content": words, "MsgId": str(10**18 + self._count)})

    async def says_in_group(self, who: str) -> Sent | None:
        return None

    async def edits(self, who: str, words: str) -> Sent | None:
        return None

    async def shows(self, who: str, photo: bytes) -> Sent:
        fields = {"MsgType": "image", "PicUrl": "", "MediaId": self.fake.keeps(photo), "MsgId": str(10**18 + self._count)}
        return await self._deliver(who, "", fields)

    async def does(self, who: str, what: Other, carrying: str = "") -> Sent | None:
        return None

    async def taps(self, who: str, message: Seen, position: int) -> Sent:
        event = self.fake._press_of(who, message.own, position)
        # Two presses of a button within one second have one id at this platform.
        await asyncio.sleep(1.0)
        return await self._deliver(who, event["EventKey"], event)

    def means(self, who: str, message: Seen, position: int) -> str:
        return message.buttons[position]

    async def leaves(self, who: str) -> None:
        self.fake.visible.discard(who)
        await self._deliver(who, "", {"MsgType": "event", "Event": "unsubscribe"})

    async def returns(self, who: str) -> Sent | None:
        self.fake.visible.add(who)
        await asyncio.sleep(1.0)
        return None

    def waiting(self) -> frozenset[int]:
        return frozenset()

    # ── strangers ──

    @property
    def next_key(self) -> str:
        return _NEXT_KEY

    @property
    def secrets(self) -> Sequence[str]:
        return tuple(token for token in (self.fake._token,) if token)

    @property
    def tricks(self) -> Sequence[str]:
        return tuple(_TRICKS)

    async def tries(self, trick: str) -> Attempt:
        forge, right = _TRICKS[trick]
        words = {"FromUserName": "stranger", "MsgType": "text", "Content": "开门", "MsgId": "7"}
        query, body = forge(self.fake, words)
        async with httpx.AsyncClient(trust_env=False, verify=False) as client:
            answer = await client.post(self._url, params=query, content=body)
        return Attempt(trick, answer.status_code, right)


#: What a stranger sends: a query and a body.
Forged: TypeAlias = tuple[dict[str, str], bytes]
_LATE: Final = FRESH + timedelta(minutes=1)
_REFUSED: Final = (403, 413)


def _unsigned(fake: FakeWeCom, words: Mapping[str, Any]) -> Forged:
    query, body = fake.envelope(words)
    return {**query, "msg_signature": "0" * 40}, body


def _other_body(fake: FakeWeCom, words: Mapping[str, Any]) -> Forged:
    return fake.envelope(words)[0], fake.envelope(words)[1]


def _too_large(fake: FakeWeCom, words: Mapping[str, Any]) -> Forged:
    query, body = fake.envelope(words)
    return query, body.replace(b"</xml>", b" " * LARGEST_BODY + b"</xml>")


def _declares(fake: FakeWeCom, words: Mapping[str, Any]) -> Forged:
    fields = {"ToUserName": fake.corp, "CreateTime": int(fake.clock().timestamp()), "AgentID": fake.agent, **words}
    return fake.envelope({}, xml='<!DOCTYPE xml SYSTEM "http://127.0.0.1:9/evil.dtd">' + fakes._xml(fields))


def _of_another_card(fake: FakeWeCom, words: Mapping[str, Any]) -> Forged:
    """WeCom's own: a card that the desk sent from an earlier database was pressed."""
    press = {"MsgType": "event", "Event": "template_card_event", "EventKey": "1.0", "TaskId": "deadbeef-1", "ResponseCode": "x"}
    return fake.envelope({"FromUserName": "stranger", **press})


#: What is tried → how it is made, and the statuses it may get.
_TRICKS: Final[Mapping[str, tuple[Callable[[FakeWeCom, Mapping[str, Any]], Forged], tuple[int, ...]]]] = {
    "an envelope that nobody signed": (_unsigned, _REFUSED),
    "the envelope of another call": (_other_body, _REFUSED),
    "an envelope of six minutes ago": (lambda fake, words: fake.envelope(words, at=fake.clock() - _LATE), _REFUSED),
    "an envelope from the future": (lambda fake, words: fake.envelope(words, at=fake.clock() + _LATE), _REFUSED),
    "a body too large": (_too_large, _REFUSED),
    "a document type": (_declares, _REFUSED),
    "a message for another company": (lambda fake, words: fake.envelope({**words, "ToUserName": "ww9999999999999999"}), _REFUSED),
    "a message for another application": (lambda fake, words: fake.envelope({**words, "AgentID": 1000003}), _REFUSED),
    "an envelope of another company": (lambda fake, words: fake.envelope(words, corp="ww9999999999999999"), _REFUSED),
    "a card of another database": (_of_another_card, (200,)),
}

