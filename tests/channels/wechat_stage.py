"""An account, its desk and WeChat, on real connections: what every test of the WeChat channel plays on."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import httpx
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware, RequestResponseEndpoint
from starlette.requests import Request
from starlette.responses import Response

from bot.channels.wechat import WeChat, WeChatAccount, client
from bot.channels.wechat.account import Form
from bot.channels.wechat.channel import Pace
from tests.fakes import wechat as fakes
from tests.fakes.wechat import OPENID, FakeWeChat
from tests.fakes.wechat_desk import Clock, Desk, Notes

SEND = "/cgi-bin/message/custom/send"
TEMPLATE = "/cgi-bin/message/template/send"
NOTICE = "/cgi-bin/message/subscribe/bizsend"
TOKEN = "/cgi-bin/stable_token"
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
    forms = [fakes.Form("tmpl-1", ("thing4", "thing2", "phrase3"))]
    wechat = FakeWeChat(clock, **{"hang_up": hang_up, "templates": forms, "notices": forms, **(fake or {})})
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
