"""A resident on each channel, a technician on WeCom, the real desk between them: from the first message to the rating.

The platforms are strict servers on loopback; the adapters' own HTTP code runs, and the desk's workers drain as they do in a running
process. No language model: the way leads over the menu, numbers and rules.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from bot.app import NoNlu, build_core
from bot.channels.wechat import WeChat, WeChatAccount, client
from bot.channels.wechat.channel import Pace
from bot.channels.wecom import WeCom, WeComAccount
from bot.channels.wecom.account import CallbackKey
from bot.core.domain import Script
from bot.database import Database
from bot.hearing import Ear
from bot.notebook import Notes
from bot.reception import Post, Reception
from bot.workers import Workers
from tests.channels.lines import LINES, Line, RealDesk, WeComLine
from tests.fakes import wechat as wechats
from tests.fakes.wechat import FakeWeChat
from tests.fakes.wecom import FakeWeCom
from tests.fakes.wecom import serving as serving_wecom
from tests.store.engines import database, postgres_server, postgres_url, sqlite_template, url
from tests.store.office import Office, office, open_office, story
from tests.texts import office_texts

__all__ = ["database", "postgres_server", "postgres_url", "sqlite_template", "url"]

TEXTS: Script = office_texts()
TECHNICIAN, SUPERVISOR = 1, 3


class Clock:
    """One clock for the desk and both platforms, in the two shapes in which they ask."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)  # ten in the morning there

    def now(self) -> datetime:
        return self.at

    def __call__(self) -> datetime:
        return self.at

    def ahead(self, **span: float) -> None:
        self.at += timedelta(**span)

    def forward(self, span: timedelta) -> None:
        self.at += span

    async def sleep(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        await asyncio.sleep(0)


@dataclass
class Estate:
    """Everybody who takes part."""

    desk: Office
    clock: Clock
    wechat: FakeWeChat
    wecom: FakeWeCom
    staff_url: str
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(7001))

    async def colleague(self, text: str) -> None:
        message = {"FromUserName": "zhang", "MsgType": "text", "Content": text, "MsgId": str(next(self._numbers))}
        await self.wecom.deliver(self.staff_url, message)
        await self._quiet(len(self.wechat.shown))

    async def presses(self, label: str) -> None:
        await self.wecom.press(self.staff_url, "zhang", label)
        await self._quiet(len(self.wechat.shown))

    async def _quiet(self, before: int) -> str:
        """Let the desk hear, act and send until nothing is left."""
        for _ in range(40):
            self.clock.ahead(seconds=3)
            busy = 0
            while await self.desk.workers.hear_one():
                busy += 1
            busy += await self.desk.workers.tick()
            busy += await self.desk.workers.send_some()
            if not busy:
                break
        return "\n".join(shown.text for shown in self.wechat.shown[before:])


@asynccontextmanager
async def estate(database: Database) -> AsyncIterator[Estate]:
    clock = Clock()
    open_office(database)
    desk = office(database, story(), clock)  # type: ignore[arg-type]
    desk.desk.core = build_core(TEXTS, 2026, "https://desk.example")
    wechat, wecom = FakeWeChat(clock), FakeWeCom(clock, visible={"zhang"})  # type: ignore[arg-type]
    end = asyncio.Event()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(wechat.running())
        base = await stack.enter_async_context(serving_wecom(wecom.app, end)) + "/cgi-bin/"
        http = await stack.enter_async_context(httpx.AsyncClient(timeout=client.TIMEOUT, verify=False, trust_env=False))
        mp = WeChatAccount(
            "CY", "cy-mp", wechat.app_id, wechat.secret, wechat.token, wechat.aes_key, original_id=wechat.original_id,
            api=wechat.url,
        )  # fmt: skip
        keys = (CallbackKey(wecom.token, wecom.aes_key),)
        staff = WeComAccount("CY", "staff", wecom.corp, wecom.agent, wecom.secret, keys)
        # The desk is driven by the test, so no turn is over while WeChat still waits: its answers go by service message.
        pace = Pace(patience=timedelta(0), hang_up=timedelta(seconds=6))
        resident = WeChat(
            mp, Notes(database, 1, "wechat", "cy-mp", clock), clock, sleep=clock.sleep, pace=pace, http=http
        )
        colleague = WeCom(staff, Notes(database, 1, "wecom", "staff", clock), clock, base=base, patience=(5.0, 10.0))
        channels: dict[tuple[str, str], Any] = {
            ("wechat", "cy-mp"): resident, ("wecom", "staff"): colleague, ("desk", ""): desk.staff_page,
        }  # fmt: skip
        desk.workers = Workers(desk.desk, "w1", Ear(NoNlu(), TEXTS).hear, channels, lambda: 0.5, desk.workers.pace)
        reception = Reception(desk.workers, TEXTS.triage, (Post(1, resident), Post(1, colleague)), "w1")
        callback = await stack.enter_async_context(wechats.serving(Starlette(routes=reception.routes())))
        wechat.callback = callback + mp.path
        stack.callback(end.set)
        stack.callback(wecom.released.set)
        stack.push_async_callback(reception.close)
        yield Estate(desk, clock, wechat, wecom, callback + staff.path)


@pytest.mark.parametrize("channel", ["telegram-polled", "telegram-webhook", "wechat"])
async def test_a_resident_from_the_first_message_to_the_rating_and_a_technician_on_wecom(database: Database, channel: str) -> None:
    async with AsyncExitStack() as stack:
        resident: Line = LINES[channel](None)
        technician = WeComLine(None, resident.clock)
        await stack.enter_async_context(resident.open())  # type: ignore[attr-defined]
        await stack.enter_async_context(technician.open())
        desk = RealDesk(database, resident, technician)
        front, staff = desk.front, technician.channel.name

        async def says(text: str) -> str:
            await resident.says(text)
            return "\n".join(await desk.answers())

        async def picks(label: str) -> str:
            await resident.presses(label)
            return "\n".join(await desk.answers())

        async def presses(label: str) -> None:
            await technician.presses(label)
            await desk.answers()

        await technician.says(front.desk.invite_colleague(1, SUPERVISOR, TECHNICIAN))
        await desk.answers()
        await presses("确认")
        assert front.rows("conversation", "staff_id", channel=staff) == [(TECHNICIAN,)]

        assert "请直接说您的事" in await says("菜单")
        await picks("报修")
        await says("厨房水管漏水")
        await says("3栋2单元501")
        await says("明天下午")
        summary = await says("13811112222")
        assert "请核对" in summary and "3-2-501" in summary
        filed = await picks("对，提交")
        number = front.rows("ticket", "number")[0][0]
        assert number in filed

        await presses("接单")
        assert front.rows("ticket", "status", "assignee_id") == [("dispatched", TECHNICIAN)]
        assert any("张师傅" in text for text in resident.seen())
        assert not any("接单" in shown.buttons for shown in technician.platform.chats["wang"]), "the card shows it is taken"
        await presses("出发")
        await presses("已到场")
        assert front.rows("ticket", "status") == [("in_progress",)]
        front.desk.act_on_ticket(1, TECHNICIAN, number, "done", "换了垫圈")
        await desk.answers()
        assert "请问修好了吗" in resident.seen()[-1]
        await picks("修好了")
        assert front.rows("ticket", "status") == [("closed",)]
        front.desk.advance(front.desk.clock.now() + timedelta(hours=3))
        asked = "\n".join(await desk.answers())
        assert "满意" in asked
        await says("5分")
        assert front.rows("survey_answer", "score") == [(5,)]

        assert resident.violations == [] and technician.violations == []
        states = set(front.rows("outbox", "channel", "status"))
        assert {status for _, status in states} <= {"sent", "sent_unconfirmed"}
        assert {name for name, _ in states} == {resident.channel.name, staff, "desk"}


@pytest.mark.parametrize("said", ["着火了", "我家着火了快来人", "有人晕倒了"])
async def test_a_danger_on_wechat_is_answered_in_the_response_and_rings_the_technician(database: Database, said: str) -> None:
    """While WeChat waits: the words that save a life go out with the response itself."""
    async with estate(database) as play:
        await play.colleague(play.desk.desk.invite_colleague(1, SUPERVISOR, TECHNICIAN))
        await play.presses("确认")
        channel: Any = play.desk.workers._channels["wechat", "cy-mp"]
        channel.pace = Pace(patience=timedelta(seconds=4), hang_up=timedelta(seconds=6))
        saying = asyncio.create_task(play.wechat.say(said))
        for _ in range(200):
            await asyncio.sleep(0.02)
            await play.desk.workers.hear_one()
            if saying.done():
                break
        exchange = await saying
        assert "119" in exchange.reply or "120" in exchange.reply
        await play._quiet(len(play.wechat.shown))
        assert play.desk.rows("ticket", "kind") == [("emergency",)]
        assert any(said[:2] in shown.text for shown in play.wecom.chats["zhang"])
        assert play.wechat.violations == [] and play.wecom.violations == []
