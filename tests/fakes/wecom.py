"""A strict WeCom on loopback: its API host, its callbacks and its group robot. What the desk does wrong is in `violations`.

It stands where the real one cannot be reached. What it refuses with which code is taken from the pages named in `wecom_limits`; where
those are silent (a task_id used twice, a code used twice) the choice is marked.
"""

from __future__ import annotations

import asyncio
import json
import re
import secrets
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Literal
from urllib.parse import urlencode

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from wechatpy.enterprise.crypto import WeChatCrypto

from tests.fakes import wecom_limits as limit

Json = dict[str, Any]


class Clock:
    """Time as the test says."""

    def __init__(self) -> None:
        self.at = datetime(2026, 11, 27, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def ahead(self, **span: float) -> None:
        self.at += timedelta(**span)


class MemoryNotebook:
    """A notebook of one account, as strict as the database: JSON only, pages pass away."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self.pages: dict[str, tuple[str, datetime]] = {}
        self.broken = False

    async def read(self, page: str) -> Mapping[str, Any] | None:
        if self.broken:
            raise OSError("the database is away")
        kept = self.pages.get(page)
        return json.loads(kept[0]) if kept and kept[1] > self._clock() else None

    async def change(
        self, page: str, edit: Callable[[Mapping[str, Any] | None], Mapping[str, Any]], keep: timedelta
    ) -> Mapping[str, Any]:
        text = json.dumps(edit(await self.read(page)))
        self.pages[page] = (text, self._clock() + keep)
        changed: Mapping[str, Any] = json.loads(text)
        return changed


@dataclass(slots=True)
class Shown:
    """One message in a member's or a group's chat."""

    msgid: str
    kind: str
    text: str = ""
    card: Json | None = None
    photo: bytes = b""
    replaced: str = ""

    @property
    def buttons(self) -> list[str]:
        """The labels that can still be pressed."""
        if self.card is None or self.replaced:
            return []
        return [button["text"] for button in self.card["button_list"]]


@dataclass(slots=True)
class Fault:
    """Something going wrong once at an endpoint: an HTTP status, an answer, a broken or silent connection; before or after the
    platform did what it was asked."""

    at: str
    how: int | Json | Literal["drop", "hang", "html"]
    when: Literal["before", "after"] = "before"


@dataclass(slots=True)
class _Code:
    task: str
    issued: datetime
    used: bool = False


@dataclass(slots=True)
class FakeWeCom:
    """One company with one application and one robot."""

    clock: Clock
    corp: str = "ww0123456789abcdef"
    secret: str = "s3cr3t-of-the-application-0123456789abcdef0"
    agent: int = 1000002
    token: str = "QDG6eK"
    aes_key: str = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
    robot_key: str = "693a91f6-7aoc-4bc4-97a0-0ec2sifa5aaa"
    visible: set[str] = field(default_factory=lambda: {"ding", "wang"})
    closed: bool = False
    trusted: bool = True
    callback_verified: bool = True
    clock_ahead: timedelta = timedelta(0)
    violations: list[str] = field(default_factory=list)
    chats: dict[str, list[Shown]] = field(default_factory=dict)
    group: list[Shown] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)
    _kept: dict[str, datetime] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    tokens_given: int = 0
    released: asyncio.Event = field(default_factory=asyncio.Event)
    _token: str = ""
    _token_until: datetime = field(default_factory=lambda: datetime.min.replace(tzinfo=UTC))
    _needless: int = 0
    _arrived: dict[str, list[datetime]] = field(default_factory=dict)
    _tasks: dict[str, tuple[str, Shown]] = field(default_factory=dict)
    _codes: dict[str, _Code] = field(default_factory=dict)
    _texts: dict[tuple[str, str], datetime] = field(default_factory=dict)
    _count: int = 0

    # ── the API host ──

    @property
    def app(self) -> ASGIApp:
        routes = [
            Route("/cgi-bin/gettoken", self._gettoken, methods=["GET"]),
            Route("/cgi-bin/agent/get", self._agent, methods=["GET"]),
            Route("/cgi-bin/message/send", self._send, methods=["POST"]),
            Route("/cgi-bin/message/update_template_card", self._update, methods=["POST"]),
            Route("/cgi-bin/media/get", self._media, methods=["GET"]),
            Route("/cgi-bin/media/upload", self._upload, methods=["POST"]),
            Route("/cgi-bin/webhook/send", self._robot, methods=["POST"]),
        ]
        inner = Starlette(routes=routes)

        async def with_faults(scope: Scope, receive: Receive, send: Send) -> None:
            endpoint = scope["path"].removeprefix("/cgi-bin/")
            self.calls.append(endpoint)
            fault = next((f for f in self.faults if f.at == endpoint), None)
            if fault is not None:
                self.faults.remove(fault)
                if fault.when == "after":
                    await inner(scope, receive, _swallow)
                await self._break(fault, scope, receive, send)
                return
            await inner(scope, receive, send)

        return with_faults

    async def _break(self, fault: Fault, scope: Scope, receive: Receive, send: Send) -> None:
        if fault.how == "drop":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
            return  # uvicorn closes the connection in the middle of the answer
        if fault.how == "hang":
            await self.released.wait()
            return
        if fault.how == "html":
            await Response("<html>maintenance</html>", media_type="text/html")(scope, receive, send)
        elif isinstance(fault.how, int):
            await Response(status_code=fault.how)(scope, receive, send)
        elif isinstance(fault.how, dict):
            await self._answer(**fault.how)(scope, receive, send)

    async def _gettoken(self, request: Request) -> Response:
        if request.query_params.get("corpid") != self.corp:
            return self._answer(40013)
        if request.query_params.get("corpsecret") != self.secret:
            return self._answer(40001)
        if self._token and self.clock() < self._token_until - timedelta(minutes=10):
            self._needless += 1
            if self._needless > limit.NEEDLESS_TOKENS.value:
                self.violations.append("gettoken is called again and again while the token is good")
        else:
            self._token = secrets.token_urlsafe(24)
            self._token_until = self.clock() + timedelta(seconds=limit.TOKEN.value)
        self.tokens_given += 1
        return self._answer(access_token=self._token, expires_in=limit.TOKEN.value)

    def revoke_token(self) -> None:
        """The platform ends a token early, as it says it may."""
        self._token = ""

    def _authorise(self, request: Request) -> Response | None:
        token = request.query_params.get("access_token", "")
        if not token:
            self.violations.append(f"{request.url.path} without an access token")
            return self._answer(41001)
        if token != self._token:
            return self._answer(40014)
        if self.clock() >= self._token_until:
            return self._answer(42001)
        if not self.trusted:
            return self._answer(60020, said="not allow to access from your ip, hint: [1], from ip: 203.0.113.7, more info at")
        if self.closed:
            return self._answer(50003)
        return None

    async def _agent(self, request: Request) -> Response:
        # A closed application is asked for all the same: `close` in the answer says so.
        closed, self.closed = self.closed, False
        refused = self._authorise(request)
        self.closed = closed
        if refused is not None:
            return refused
        if request.query_params.get("agentid") != str(self.agent):
            return self._answer(301002)
        return self._answer(
            agentid=self.agent,
            name="工单",
            allow_userinfos={"user": [{"userid": member} for member in sorted(self.visible)]},
            allow_partys={"partyid": []},
            allow_tags={"tagid": []},
            close=int(self.closed),
        )

    async def _send(self, request: Request) -> Response:
        refused = self._authorise(request)
        if refused is not None:
            return refused
        body = await self._body(request)
        if body.get("agentid") != self.agent:
            return self._answer(301002)
        member = str(body.get("touser", ""))
        if member == "@all" or "|" in member or body.get("toparty") or body.get("totag"):
            self.violations.append(f"a message for {member} goes to several")
            return self._answer()
        if member not in self.visible:
            return self._answer(81013)
        code, shown = self._message(body)
        if shown is None:
            return self._answer(code)
        if self._has_had(member, body):
            return self._answer(msgid=shown.msgid)
        if self._too_many(f"member {member}", limit.PER_MINUTE.value, limit.PER_HOUR.value):
            # 超过部分会被丢弃不下发: the caller is told nothing.
            self.violations.append(f"a message to {member} was dropped: too many")
            return self._answer(msgid=shown.msgid)
        self.chats.setdefault(member, []).append(shown)
        if shown.card is None:
            return self._answer(msgid=shown.msgid)
        self._tasks[shown.card["task_id"]] = (member, shown)
        return self._answer(msgid=shown.msgid, response_code=self._issue(shown.card["task_id"]))

    def _message(self, body: Json) -> tuple[int, Shown | None]:
        """The message, or the code it is refused with."""
        self._count += 1
        msgid = f"m{self._count}"
        kind = body.get("msgtype")
        if kind == "text":
            text = body["text"]["content"]
            if not text:
                return 44004, None
            if len(text.encode()) > limit.TEXT.value:
                self.violations.append(f"a text of {len(text.encode())} bytes was cut off")
            return 0, Shown(msgid, kind, _on_screen(text.encode()[: limit.TEXT.value].decode("utf-8", "ignore")))
        if kind == "image":
            photo = self._file(body["image"]["media_id"])
            if photo is None:
                self.violations.append("a photo that was not uploaded, or days ago")
                return 40007, None
            return 0, Shown(msgid, kind, photo=photo)
        if kind == "template_card":
            card = body["template_card"]
            code = self._card_fault(card, new=True)
            if code:
                return code, None
            return 0, Shown(msgid, kind, _card_text(card), card)
        return 40008, None

    def _card_fault(self, card: Json, *, new: bool) -> int:
        before = len(self.violations)
        title = card.get("main_title", {}).get("title", "")
        buttons = card.get("button_list", [])
        keys = [button.get("key", "") for button in buttons]
        if card.get("card_type") != "button_interaction" or not title:
            self.violations.append("a card without type or title")
        if not 1 <= len(buttons) <= limit.BUTTONS.value or len(set(keys)) != len(keys) or not all(keys):
            self.violations.append(f"a card with {len(buttons)} buttons, keys {keys}")
        for text, most, what in (
            (title, limit.TITLE.value, "title"),
            (card.get("sub_title_text", ""), limit.SUBTITLE.value, "text"),
            *((button.get("text", ""), limit.LABEL.value, "label") for button in buttons),
        ):
            if len(text) > most:
                self.violations.append(f"a card's {what} of {len(text)} characters")
        if any(len(key.encode()) > limit.KEY.value for key in keys):
            self.violations.append("a button's key is too long")
        if len(self.violations) > before:
            return 42018
        if not new:
            return 0
        task = str(card.get("task_id", ""))
        if not re.fullmatch(rf"[0-9A-Za-z_@-]{{1,{limit.TASK.value}}}", task):
            self.violations.append(f"task_id {task!r}")
            return 42014
        if task in self._tasks:
            return 42014  # which code a task_id used twice has is not documented
        if not self.callback_verified:
            return 40057  # 没有配置回调接口的应用不可发送支持回调的卡片; the code is not documented
        return 0

    def _has_had(self, member: str, body: Json) -> bool:
        """Whether to drop it: the same words (or the same media id) to the same member, with the check asked for both times. That what came without it is
        not known is the stricter reading, for whoever relies on being recognised; the page does not say."""
        if body.get("msgtype") not in ("text", "image") or not body.get("enable_duplicate_check"):
            return False
        interval = int(body.get("duplicate_check_interval", 1800))
        if interval > limit.DUPLICATE_INTERVAL.value:
            self.violations.append(f"duplicate_check_interval {interval}")
        (content,), now = body[body["msgtype"]].values(), self.clock()
        had = self._texts.get((member, content))
        self._texts[member, content] = now
        return had is not None and had > now - timedelta(seconds=interval)

    def _too_many(self, who: str, a_minute: int, an_hour: int = 0) -> bool:
        now = self.clock()
        times = self._arrived.setdefault(who, [])
        minute = sum(1 for at in times if now - at < timedelta(seconds=60))
        hour = sum(1 for at in times if now - at < timedelta(hours=1))
        if minute >= a_minute or (an_hour and hour >= an_hour):
            return True
        times.append(now)
        return False

    def _issue(self, task: str) -> str:
        code = secrets.token_urlsafe(16)
        self._codes[code] = _Code(task, self.clock())
        return code

    async def _update(self, request: Request) -> Response:
        refused = self._authorise(request)
        if refused is not None:
            return refused
        body = await self._body(request)
        code = self._codes.get(str(body.get("response_code", "")))
        if body.get("agentid") != self.agent:
            return self._answer(42015)
        if code is None:
            self.violations.append("a card is changed with a code that was never given")
            return self._answer(42016)
        if code.used:
            self.violations.append("a code is used a second time")
            return self._answer(42022)  # read as meaning this; not documented for cards
        if self.clock() - code.issued > timedelta(seconds=limit.CODE.value):
            self.violations.append("a code is used after 72 hours")
            return self._answer(42022)
        member, shown = self._tasks[code.task]
        if body.get("userids") != [member]:
            self.violations.append(f"a card of {member} is changed for {body.get('userids')}")
            return self._answer(81013)
        new = body.get("template_card")
        if new is not None:
            fault = self._card_fault(new, new=False)
            if fault:
                return self._answer(fault)
            shown.card, shown.text, shown.replaced = new, _card_text(new), new.get("replace_text", "")
        else:
            shown.replaced = body["button"]["replace_name"]
        code.used = True
        return self._answer()

    async def _media(self, request: Request) -> Response:
        refused = self._authorise(request)
        if refused is not None:
            return refused
        data = self._file(request.query_params.get("media_id", ""))
        if data is None:
            return self._answer(40007)
        headers = {"Content-Disposition": 'attachment; filename="photo.jpg"'}
        return Response(data, media_type="image/jpeg", headers=headers)

    async def _upload(self, request: Request) -> Response:
        refused = self._authorise(request)
        if refused is not None:
            return refused
        body = await request.body()
        boundary = re.search(rb"boundary=(\S+)", request.headers.get("content-type", "").encode())
        if request.query_params.get("type") != "image" or boundary is None or b'name="media"; filename=' not in body:
            self.violations.append("an upload that is no form with a file named media")
            return self._answer(41005)
        data = body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--" + boundary[1], 1)[0]
        if not data.startswith((b"\xff\xd8", b"\x89PNG")):
            self.violations.append("a photo that is neither JPG nor PNG")
            return self._answer(40004)
        if not limit.PHOTO_LEAST.value <= len(data) <= limit.PHOTO.value:
            self.violations.append(f"a photo of {len(data)} bytes")
            return self._answer(40009)
        return self._answer(type="image", media_id=self.keeps(data), created_at=str(int(self.clock().timestamp())))

    def keeps(self, data: bytes) -> str:
        """A file that somebody sent, for three days: its media id."""
        media_id = f"media-{len(self.files) + 1}"
        self.files[media_id], self._kept[media_id] = data, self.clock()
        return media_id

    def _file(self, media_id: str) -> bytes | None:
        since = self._kept.get(media_id, self.clock())
        return self.files.get(media_id) if self.clock() - since < timedelta(seconds=limit.MEDIA.value) else None

    async def _robot(self, request: Request) -> Response:
        if request.query_params.get("key") != self.robot_key:
            return self._answer(93000)
        body = await self._body(request)
        kind = body.get("msgtype")
        if kind not in ("text", "markdown"):
            return self._answer(40008)
        most = limit.ROBOT_TEXT.value if kind == "text" else limit.ROBOT_MARKDOWN.value
        content = body[kind]["content"]
        if not 0 < len(content.encode()) <= most:
            self.violations.append(f"a robot's message of {len(content.encode())} bytes")
            return self._answer(45002)
        if self._too_many("robot", limit.ROBOT_PER_MINUTE.value):
            self.violations.append("the robot talks too much")
            return self._answer(45009)
        self.group.append(Shown("", kind, content))
        return self._answer()

    async def _body(self, request: Request) -> Json:
        raw = await request.body()
        if re.search(rb"\\u[0-9a-fA-F]{4}", raw):
            self.violations.append("the request holds \\u escapes")
        body: Json = json.loads(raw.decode())
        return body

    def _answer(self, errcode: int = 0, said: str = "", **more: Any) -> Response:
        date = format_datetime(self.clock() + self.clock_ahead, usegmt=True)
        words = said or ("ok" if errcode == 0 else f"error {errcode}, hint: [1], from ip: 203.0.113.7")
        return JSONResponse({"errcode": errcode, "errmsg": words, **more}, headers={"Date": date})

    # ── the callbacks ──

    async def verify(self, url: str, **sealing: Any) -> httpx.Response:
        """The check of the address, when an office saves it."""
        plain = secrets.token_hex(10)
        query = self._seal(plain, **sealing)
        query["echostr"] = query.pop("encrypt")
        async with httpx.AsyncClient(trust_env=False) as client:
            response = await client.get(f"{url}?{urlencode(query)}")
        self.callback_verified = response.status_code == 200 and response.text == plain
        return response

    async def deliver(self, url: str, message: Mapping[str, Any], **sealing: Any) -> list[int]:
        """A message to the desk, until it takes it; the statuses of the tries."""
        return await self.post(url, *self.envelope(message, **sealing))

    async def post(self, url: str, query: Mapping[str, str], body: bytes) -> list[int]:
        statuses: list[int] = []
        # No certificates are looked at on loopback, and reading them takes longer than the call.
        async with httpx.AsyncClient(trust_env=False, timeout=5, verify=False) as client:
            for _ in range(limit.CALLBACK_TRIES.value):
                response = await client.post(f"{url}?{urlencode(query)}", content=body)
                statuses.append(response.status_code)
                if response.status_code == 200:
                    if response.content not in (b"", b"success"):
                        self.violations.append(f"a callback was answered with {response.text!r}")
                    break
        return statuses

    def envelope(self, message: Mapping[str, Any], **sealing: Any) -> tuple[dict[str, str], bytes]:
        """The query and the body of a delivery."""
        fields = {
            "ToUserName": self.corp,
            "CreateTime": int(self.clock().timestamp()),
            "AgentID": self.agent,
            **message,
        }
        query = self._seal(sealing.pop("xml", None) or _xml(fields), **sealing)
        sealed = query.pop("encrypt")
        body = _xml({"ToUserName": self.corp, "Encrypt": sealed, "AgentID": self.agent})
        return query, body.encode()

    def _seal(
        self,
        plain: str,
        *,
        token: str | None = None,
        aes_key: str | None = None,
        corp: str | None = None,
        at: datetime | None = None,
    ) -> dict[str, str]:
        crypto = WeChatCrypto(token or self.token, aes_key or self.aes_key, corp or self.corp)
        stamp, nonce = str(int((at or self.clock()).timestamp())), secrets.token_hex(5)
        sealed = crypto.encrypt_message(plain, nonce, stamp)
        encrypt = re.search(r"<Encrypt><!\[CDATA\[(.*?)\]\]>", sealed)
        signature = re.search(r"<MsgSignature><!\[CDATA\[(.*?)\]\]>", sealed)
        assert encrypt and signature
        return {"msg_signature": signature[1], "timestamp": stamp, "nonce": nonce, "encrypt": encrypt[1]}

    async def press(self, url: str, member: str, label: str, times: int = 1) -> list[int]:
        """The member presses a button of the latest card that has it. `times`: the same press is delivered so often."""
        shown = next(s for s in reversed(self.chats[member]) if label in s.buttons)
        event = self._press_of(member, shown, shown.buttons.index(label))
        return [status for _ in range(times) for status in await self.deliver(url, event)]

    async def press_late(self, url: str, member: str, position: int) -> list[int]:
        """A press on the latest card by somebody whose screen still shows the buttons."""
        return await self.deliver(url, self._press_of(member, self.chats[member][-1], position))

    def _press_of(self, member: str, shown: Shown, position: int) -> Json:
        assert shown.card is not None
        task = next(t for t, (_, s) in self._tasks.items() if s is shown)
        return {
            "FromUserName": member,
            "MsgType": "event",
            "Event": "template_card_event",
            "EventKey": shown.card["button_list"][position]["key"],
            "TaskId": task,
            "CardType": "button_interaction",
            "ResponseCode": self._issue(task),
        }


def _on_screen(text: str) -> str:
    """As a member sees it: characters without width are not to be seen."""
    return text.translate({0x200B: None, 0x200C: None})


def _card_text(card: Json) -> str:
    return "\n".join(part for part in (card["main_title"]["title"], card.get("sub_title_text", "")) if part)


def _xml(fields: Mapping[str, Any]) -> str:
    def value(content: Any) -> str:
        # What ends a CDATA section is split over two.
        return str(content) if isinstance(content, int) else f"<![CDATA[{str(content).replace(']]>', ']]]]><![CDATA[>')}]]>"

    inner = (f"<{name}>{value(content)}</{name}>" for name, content in fields.items() if content is not None)
    return f"<xml>{''.join(inner)}</xml>"


async def _swallow(message: Any) -> None:
    """An answer that never leaves the platform."""


class _Server(uvicorn.Server):
    """uvicorn without signals, and without looking every tenth of a second whether it is to end."""

    def __init__(self, config: uvicorn.Config, end: asyncio.Event) -> None:
        super().__init__(config)
        self.end = end

    @contextmanager
    def capture_signals(self) -> Any:
        yield

    async def main_loop(self) -> None:
        await self.on_tick(0)
        await self.end.wait()


@asynccontextmanager
async def serving(app: ASGIApp, end: asyncio.Event | None = None, keep_alive: int = 5) -> AsyncIterator[str]:
    """The application on a loopback port; its address. Servers that share `end` end together. `keep_alive`: seconds after which a
    connection without a request is closed."""
    end = end or asyncio.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        # Whoever is accepted inherits it. Without it the second part of an answer waits 40 ms for the first to be acknowledged.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        config = uvicorn.Config(app, log_level="critical", lifespan="off", ws="none", http="h11", date_header=False, timeout_keep_alive=keep_alive)
        server = _Server(config, end)
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            end.set()
            await task

