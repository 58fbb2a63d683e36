"""WeChat: an Official Account that may send customer-service messages within its windows, and templates beyond them."""

from __future__ import annotations

import asyncio
import re
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.routing import BaseRoute

from bot.channels import Channel, Notebook
from bot.channels.wechat import WeChat, WeChatAccount
from bot.channels.wechat.account import Form
from simulator.chance import Chance
from simulator.mishaps import Arrange, Mishap, Road, of_wechat
from simulator.platforms import KEEP_ALIVE, Other, Seen, Sent
from simulator.virtual_time import SimulatedClock
from tests.fakes import wechat as fakes
from tests.fakes.wechat import CUT, LOST, SILENT, FakeWeChat
from tests.fakes.wecom import serving

#: The account's own template, for news outside every window: two fields of 20 characters, and a phrase.
_FIELDS = ("thing4", "thing2", "phrase3")
#: How often WeChat does not get the answer to a delivery, and delivers again.
_ANSWER_LOST = 0.02
#: The choices a message ends with, one a line.
_CHOICES = re.compile(r"(?:\n|^)1\. [^\n]+(?:\n[0-9]+\. [^\n]+)*$")
#: Keys of the menu beneath a conversation that somebody presses.
_MENU = ("menu:repair", "menu:ticket_status", "menu:complaint", "privacy:")


class OnWeChat:
    """The residents' WeChat."""

    name = "wechat"
    #: WeChat delivers each message by itself: what is delivered again comes after what was written later.
    ordered = False

    def __init__(self, clock: SimulatedClock, chance: Chance) -> None:
        self.fake = FakeWeChat(clock.now, templates=[fakes.Form("tmpl-1", _FIELDS)])
        self.fake.followers.clear()
        self._clock = clock
        self._chance = chance
        self._read: dict[str, list[Seen]] = defaultdict(list)
        self._read_to = 0
        self._count = 0
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._pressed: dict[str, int] = {}
        self.arrived: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self.road = Road(self.fake.app(), chance, clock.now, self._mishaps(), of_wechat, self._passed)

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
        return [*self.fake.violations, *(f"{s.openid} was shown: {s.text}" for s in self.fake.shown if s.how == "error")]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with (
            serving(self.road, keep_alive=KEEP_ALIVE) as self.fake.url,
            httpx.AsyncClient(verify=False, trust_env=False) as self.fake.http,
        ):
            yield

    def channel(self, notebook: Notebook) -> Channel:
        fake = self.fake
        account = WeChatAccount(
            "YH", "bot", fake.app_id, fake.secret, fake.token, fake.aes_key, original_id=fake.original_id, api=fake.url,
            template=Form("tmpl-1", {"thing4": "{text}", "thing2": "{text}", "phrase3": "工单进度"}),
        )  # fmt: skip
        return WeChat(account, notebook, self._clock.now, pictures=("127.0.0.1",))

    @asynccontextmanager
    async def serve(self, routes: Sequence[BaseRoute]) -> AsyncIterator[None]:
        async with serving(Starlette(routes=list(routes)), keep_alive=KEEP_ALIVE) as url:
            self.fake.callback = f"{url}/wechat/bot"
            yield
            await asyncio.gather(*self._under_way.values())

    # ── people ──

    def person(self, number: int) -> str:
        return f"oResident-{number:019}"

    def _passed(self, whom: str) -> None:
        for shown in self.fake.shown[self._read_to :]:
            read = self._read[shown.openid]
            choices = _CHOICES.search(shown.text)
            labels = tuple(line.partition(". ")[2] for line in choices[0].strip().split("\n")) if choices else ()
            brief = shown.how == "template"
            words = "".join(shown.text.split(" | ")[:-1]) if brief else shown.text
            read.append(Seen(len(read) + 1, words, labels, shown, brief))
            self.arrived[shown.openid].set()
        self._read_to = len(self.fake.shown)

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
            exchange = await self.fake.deliver(fields, lost)
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
        fields = self.fake.message("event", who, Event=event, EventKey=key)
        return self._deliver(who, "", fields)

    async def comes(self, who: str) -> Sent:
        self.fake.followers.add(who)
        return await self._happens(who, "subscribe")

    async def says(self, who: str, words: str) -> Sent:
        return self._deliver(who, words, self.fake.message("text", who, Content=words))

    async def says_in_group(self, who: str) -> Sent | None:
        return None

    async def edits(self, who: str, words: str) -> Sent | None:
        return None

    async def shows(self, who: str, photo: bytes) -> Sent:
        media = self.fake.sends(photo)
        address = f"{self.fake.url}/mmbiz/{media}"
        return self._deliver(who, "", self.fake.message("image", who, MediaId=media, PicUrl=address))

    async def does(self, who: str, what: Other, carrying: str = "") -> Sent | None:
        if what == "scan":
            return await self._happens(who, "SCAN", self.fake.codes[carrying])
        if what == "menu":
            return await self._happens(who, "CLICK", _MENU[int(self._chance.next("menu", who) * len(_MENU))])
        if what == "place":
            spot = {"Location_X": "30.2741", "Location_Y": "120.1551", "Scale": "15", "Label": "3栋北门"}
            return self._deliver(who, "", self.fake.message("location", who, **spot))
        media = self.fake.sends(b"#!AMR\n", "voice/amr")
        return self._deliver(who, "", self.fake.message("voice", who, MediaId=media, Format="amr"))

    async def taps(self, who: str, message: Seen, position: int) -> Sent:
        # There is nothing to tap: they write the number.
        return await self.says(who, str(position + 1))

    def means(self, who: str, message: Seen, position: int) -> str:
        # A number answers what was asked last, from wherever it was read.
        latest = next((seen.buttons for seen in reversed(self._read[who]) if seen.buttons), ())
        return latest[position] if position < len(latest) else ""

    async def leaves(self, who: str) -> None:
        self.fake.followers.discard(who)
        await self._happens(who, "unsubscribe")

    async def returns(self, who: str) -> Sent | None:
        return await self.comes(who)

    def waiting(self) -> frozenset[int]:
        return frozenset(self._under_way)
