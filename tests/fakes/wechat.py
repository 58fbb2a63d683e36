"""WeChat as a strict server on loopback: the interface we call, and the platform that calls us.

It shares no code with the adapter: its own cipher, its own figures (`wechat_limits`), its own windows. What the real
platform would refuse, or a resident would see go wrong, is refused here and written into `violations`; what a test asked to go
wrong (`fail`) is not. Its business clock is handed in; how long it waits for an answer is real time, scaled by the test.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import itertools
import json
import os
import random
import re
import struct
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any, TypeAlias
from xml.etree import ElementTree

import httpx
import uvicorn
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from tests.fakes import wechat_limits as limits

OPENID = "oResident-0000000000000000001"
#: Raised for nothing: a call that was carried out, with its connection cut before the answer.
LOST = "lost"
#: A connection cut before anything was done.
CUT = "cut"
#: A call that was carried out, and no answer until the caller gives up.
SILENT = "silent"

#: Paths that take no token.
OPEN = ("/cgi-bin/stable_token", "/mmbiz/{media_id}")

#: An error code, the JSON, or something else.
Answer: TypeAlias = int | Mapping[str, Any] | Response


# ── The cipher, from WeChat's description ───────────────────────────────────────────────────────────────────────────


def _cbc(key: bytes) -> Cipher[modes.CBC]:
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))


def encrypt(xml: str, aes_key: str, app_id: str) -> str:
    key = base64.b64decode(aes_key + "=")
    plain = os.urandom(16) + struct.pack(">I", len(xml.encode())) + xml.encode() + app_id.encode()
    padding = 32 - len(plain) % 32
    worker = _cbc(key).encryptor()
    return base64.b64encode(worker.update(plain + bytes([padding]) * padding) + worker.finalize()).decode()


def decrypt(encrypted: str, aes_key: str, app_id: str) -> str:
    worker = _cbc(base64.b64decode(aes_key + "=")).decryptor()
    plain = worker.update(base64.b64decode(encrypted, validate=True)) + worker.finalize()
    padding = plain[-1]
    assert 1 <= padding <= 32 and plain.endswith(bytes([padding]) * padding), "padding"
    (length,) = struct.unpack(">I", plain[16:20])
    assert plain[20 + length : -padding].decode() == app_id, "app id"
    return plain[20 : 20 + length].decode()


def sign(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode()).hexdigest()


# ── What the fake remembers ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Shown:
    """Something the resident sees. `how`: passive, service, image, template, notice, or error (WeChat's own apology)."""

    openid: str
    how: str
    text: str


@dataclass(slots=True)
class Exchange:
    """One message of a resident, with its deliveries: the status and body of each, or None for no answer in time."""

    fields: Mapping[str, str]
    answers: list[tuple[int, str] | None] = field(default_factory=list)
    reply: str = ""


@dataclass(slots=True)
class Form:
    """A template or notice of the account."""

    id: str
    fields: tuple[str, ...]
    long_term: bool = False

    @property
    def content(self) -> str:
        return "\n".join(f"事项：{{{{{name}.DATA}}}}" for name in self.fields)


class FakeWeChat:
    """One Official Account at WeChat.

    Args:
        now: its clock.
        hang_up: seconds it waits for an answer (the real one: `limits.ANSWER_WITHIN`).
        unauthorised: paths that the account may not use (48001).
        aes_key: what it encrypts with; `key_for_replies` afterwards, when somebody changes it.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        *,
        app_id: str = "wx0123456789abcdef",
        secret: str = "0123456789abcdef0123456789abcdef",
        token: str = "tokenOfYH",
        aes_key: str = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG",
        original_id: str = "gh_0123456789ab",
        hang_up: float = 5.0,
        unauthorised: Sequence[str] = (),
        templates: Sequence[Form] = (),
        notices: Sequence[Form] = (),
    ) -> None:
        self.now = now
        self.app_id, self.secret, self.token, self.aes_key = app_id, secret, token, aes_key
        self.original_id = original_id
        self.hang_up = hang_up
        self.ahead = timedelta(0)  # of its Date header before its clock
        self.unauthorised = set(unauthorised)
        self.templates = {form.id: form for form in templates}
        self.notices = {form.id: form for form in notices}
        self.callback = ""
        self.url = ""
        self.http: httpx.AsyncClient
        self.violations: list[str] = []
        self.shown: list[Shown] = []
        self.calls: list[str] = []
        self.menu: Mapping[str, Any] | None = None
        self.followers: set[str] = {OPENID}
        #: (resident, notice) → how many they have agreed to, and were not sent yet; of a long-term one any number.
        self.agreed: Counter[tuple[str, str]] = Counter()
        #: What is still to be told of notices that were sent: the event's fields.
        self.reports: list[dict[str, str]] = []
        #: What becomes of the next notices after they were taken: a code, and what it means.
        self.spoiled: deque[tuple[int, str]] = deque()
        #: Whether a notice's number is told when it is taken. The page does not say so.
        self.numbers_notices = False
        self.codes: dict[str, str] = {}  # what is drawn → what it carries
        self._faults: dict[str, deque[int | str | tuple[int, Mapping[str, str]]]] = defaultdict(deque)
        self._quota: dict[str, dict[str, tuple[float, int]]] = defaultdict(dict)
        #: Whose window WeChat has said to be closed, until they do something again.
        self._shut: set[str] = set()
        self._media: dict[str, tuple[bytes, str, float]] = {}
        self._client_ids: dict[tuple[str, str], float] = {}
        self._access = ("", 0.0)
        self._old = ("", 0.0)
        self._forced: list[float] = []
        self._numbers = itertools.count(6_054_768_590_064_713_728)
        self._names = itertools.count(1)

    # ── for tests ──

    def fail(self, path: str, *faults: int | str | tuple[int, Mapping[str, str]]) -> None:
        """The next calls of this path go wrong: an error code, CUT, LOST, SILENT, or an HTTP status with headers."""
        self._faults[path].extend(faults)

    def texts(self, how: str, openid: str = OPENID) -> list[str]:
        return [s.text for s in self.shown if s.how == how and s.openid == openid]

    def called(self, path: str) -> int:
        return self.calls.count(path)

    def spoil_token(self) -> None:
        """Somebody else made WeChat forget the token."""
        self._access = self._old = ("", 0.0)

    def sends(self, data: bytes, content_type: str = "image/jpeg") -> str:
        """A file a resident sends: its media id."""
        media_id = f"media-{next(self._names)}"
        self._media[media_id] = (data, content_type, self._time() + limits.MEDIA_LIFE.value)
        return media_id

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeWeChat]:
        async with serving(self.app()) as url, httpx.AsyncClient(verify=False, trust_env=False) as self.http:
            self.url = url
            yield self

    def _time(self) -> float:
        return self.now().timestamp()

    def _wrong(self, what: str) -> None:
        self.violations.append(what)

    # ── the interface ──

    def app(self) -> ASGIApp:
        paths: Mapping[str, tuple[str, Callable[[Request, bytes], Answer]]] = {
            "/cgi-bin/stable_token": ("POST", self._stable_token),
            "/cgi-bin/message/custom/send": ("POST", self._custom_send),
            "/cgi-bin/message/template/send": ("POST", self._template_send),
            "/cgi-bin/message/subscribe/bizsend": ("POST", self._bizsend),
            "/cgi-bin/media/get": ("GET", self._media_get),
            "/mmbiz/{media_id}": ("GET", self._picture),
            "/cgi-bin/media/upload": ("POST", self._media_upload),
            "/cgi-bin/menu/create": ("POST", self._menu_create),
            "/cgi-bin/menu/delete": ("GET", self._menu_delete),
            "/cgi-bin/qrcode/create": ("POST", self._code),
            "/cgi-bin/template/get_all_private_template": ("GET", self._template_list),
            "/wxaapi/newtmpl/gettemplate": ("GET", self._notice_list),
        }

        # An object and not a function: a function would be given the request alone, and could not break off an answer.
        return Starlette(
            routes=[Route(path, _Call(self, path, carry_out), methods=[method]) for path, (method, carry_out) in paths.items()]
        )

    async def carry_out(self, path: str, carry_out: Callable[[Request, bytes], Answer], request: Request, body: bytes) -> Response | None:
        """What this call is answered; None: the connection is cut."""
        self.calls.append(path)
        fault = self._faults[path].popleft() if self._faults[path] else None
        if fault == CUT:
            return None
        if isinstance(fault, tuple):
            return Response("<html>", fault[0], headers=dict(fault[1]))
        answer: Answer
        if isinstance(fault, int):
            if fault in (45015, 45047):
                self._shut.add(json.loads(body)["touser"])
            if fault == 43101:
                sent = json.loads(body)
                self.agreed.pop((sent["touser"], sent["template_id"]), None)
            answer = fault
        elif path not in OPEN and (code := self._token_wrong(request)):
            answer = code
        elif path in self.unauthorised:
            answer = 48001
        else:
            answer = carry_out(request, body)
        if fault == SILENT:
            await request.receive()  # its end
        if fault in (LOST, SILENT):
            return None
        if isinstance(answer, int):
            answer = {"errcode": answer, "errmsg": f"error {answer} rid: 6385c6c1-0fcadca1"}
        response = answer if isinstance(answer, Response) else JSONResponse(dict(answer))
        response.headers["date"] = format_datetime(self.now() + self.ahead, usegmt=True)
        return response

    def _token_wrong(self, request: Request) -> int:
        given = request.query_params.get("access_token", "")
        if not given:
            self._wrong("a call without access_token")
            return 41001
        for token, ends in (self._access, self._old):
            if given == token and token:
                return 0 if self._time() < ends else 42001
        return 40001

    def _stable_token(self, _: Request, body: bytes) -> int | Mapping[str, Any]:
        asked = json.loads(body)
        if asked.get("grant_type") != "client_credential" or asked.get("appid") != self.app_id:
            self._wrong("stable_token: wrong grant_type or appid")
            return 40013
        if asked.get("secret") != self.secret:
            return 40125
        now = self._time()
        token, ends = self._access
        if asked.get("force_refresh"):
            self._forced = [at for at in self._forced if at > now - 86_400]
            if len(self._forced) >= limits.FORCE_DAILY.value:
                self._wrong(f"more than {limits.FORCE_DAILY.value} forced tokens in a day")
                return 45009
            if self._forced and now - self._forced[-1] < limits.FORCE_APART.value:
                self._wrong(f"two forced tokens within {limits.FORCE_APART.value} seconds")
                return {"access_token": token, "expires_in": int(ends - now)}
            self._forced.append(now)
            self._old = ("", 0.0)
            self._new_token()
        elif now >= ends - limits.TOKEN_OVERLAP.value:
            self._old = (token, now + limits.TOKEN_OVERLAP.value)
            self._new_token()
        token, ends = self._access
        return {"access_token": token, "expires_in": int(ends - now)}

    def _new_token(self) -> None:
        self._access = (f"access-{next(self._names)}-" + "x" * 100, self._time() + limits.TOKEN_LIFE.value)

    def _json(self, body: bytes) -> Mapping[str, Any] | None:
        if re.search(rb"\\u[0-9a-fA-F]{4}", body):
            self._wrong("characters escaped as \\uXXXX: the resident reads them as they stand")
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if not isinstance(found, dict):
            self._wrong("a body that is no JSON")
            return None
        return found

    def _receiver(self, sent: Mapping[str, Any]) -> int:
        openid = sent.get("touser")
        if not openid or not isinstance(openid, str):
            return 40003
        return 0 if openid in self.followers else 43004

    def _spend(self, openid: str) -> int:
        """One message off the window that ends first. 45015: none is open; 45047: all are used up."""
        if openid in self._shut:
            self._wrong("a customer-service message through a window that WeChat has said to be closed")
            return 45047
        now = self._time()
        lines = {s: line for s, line in self._quota[openid].items() if now < line[0]}
        open_now = sorted((ends, source) for source, (ends, left) in lines.items() if left)
        if not open_now:
            self._wrong("a customer-service message beyond the quota" if lines else "a customer-service message outside any window")
            return 45047 if lines else 45015
        ends, source = open_now[0]
        self._quota[openid][source] = (ends, lines[source][1] - 1)
        return 0

    def _custom_send(self, _: Request, body: bytes) -> int:
        sent = self._json(body)
        if sent is None:
            return 47001
        if code := self._receiver(sent):
            return code
        openid, kind = sent["touser"], sent.get("msgtype")
        if kind == "text":
            text = sent["text"]["content"]
            if not text:
                self._wrong("an empty text")
                return 44004
            if len(text.encode()) > limits.TEXT.value:
                self._wrong(f"a text of {len(text.encode())} bytes")
                return 45002
        elif kind == "image":
            text = sent["image"]["media_id"]
            if text not in self._media:
                self._wrong("an unknown media_id")
                return 40007
        else:
            self._wrong(f"msgtype {kind}")
            return 40008
        if code := self._spend(openid):
            return code
        self.shown.append(Shown(openid, "service" if kind == "text" else "image", text))
        return 0

    def _form_wrong(self, form: Form | None, sent: Mapping[str, Any]) -> int:
        if form is None:
            self._wrong("an unknown template")
            return 40037
        if set(sent.get("data", ())) != set(form.fields):
            self._wrong("the fields are not the template's")
            return 47003
        for name, given in sent["data"].items():
            limit = limits.FIELDS.get(name.rstrip("0123456789"))
            if not given.get("value") or (limit and len(given["value"]) > limit.value):
                self._wrong(f"field {name} is empty or too long")
                return 47003
        return 0

    def _template_send(self, _: Request, body: bytes) -> int | Mapping[str, Any]:
        sent = self._json(body)
        if sent is None:
            return 47001
        if code := self._receiver(sent) or self._form_wrong(self.templates.get(sent.get("template_id", "")), sent):
            return code
        name = (sent["touser"], sent.get("client_msg_id", ""))
        seen = self._client_ids.get(name, 0.0)
        if not name[1] or self._time() - seen > limits.CLIENT_MSG_ID_LIFE.value:
            self._client_ids[name] = self._time()
            self.shown.append(Shown(sent["touser"], "template", _read_form(sent)))
        return {"errcode": 0, "errmsg": "ok", "msgid": 200_228_332 + len(self.shown)}

    def _bizsend(self, _: Request, body: bytes) -> int | Mapping[str, Any]:
        sent = self._json(body)
        if sent is None:
            return 47001
        # Who does not follow the account, or no more, is shown it among the service notices.
        openid, template = sent.get("touser", ""), sent.get("template_id", "")
        if not openid:
            return 40003
        form = self.notices.get(template)
        if (code := self._form_wrong(form, sent)) or form is None:
            return code
        if not self.agreed[openid, template]:
            self._wrong("a notice that the resident has not agreed to")
            return 43101
        if not form.long_term:
            self.agreed[openid, template] -= 1
        number = str(next(self._numbers))
        code, status = self.spoiled.popleft() if self.spoiled else (0, "success")
        if not code:
            self.shown.append(Shown(openid, "notice", _read_form(sent)))
        lines = {"TemplateId": template, "MsgID": number, "ErrorCode": str(code), "ErrorStatus": status}
        self.reports.append(self._of_notices("sent", openid, lines))
        return {"errcode": 0, "errmsg": "ok", **({"msgid": int(number)} if self.numbers_notices else {})}

    def _media_get(self, request: Request, _: bytes) -> int | Response:
        found = self._media.get(request.query_params.get("media_id", ""))
        if found is None or self._time() >= found[2]:
            return 40007
        data, content_type, _ends = found
        return Response(data, media_type=content_type, headers={"content-disposition": 'attachment; filename="x"'})

    def _picture(self, request: Request, _: bytes) -> Response:
        if request.url.hostname != "127.0.0.1":
            self._wrong(f"a photo fetched from another host: {request.url.hostname}")
        if "access_token" in request.query_params:
            self._wrong("the token given away with a photo's address")
        found = self._media.get(request.path_params["media_id"])
        return Response(status_code=404) if found is None else Response(found[0], media_type=found[1])

    def _media_upload(self, request: Request, body: bytes) -> int | Mapping[str, Any]:
        boundary = re.search(rb"boundary=(\S+)", request.headers.get("content-type", "").encode())
        if request.query_params.get("type") != "image" or boundary is None or b'name="media"; filename=' not in body:
            self._wrong("an upload that is no form with a file named media")
            return 41005
        data = body.split(b"\r\n\r\n", 1)[1].rsplit(b"\r\n--" + boundary[1], 1)[0]
        if not data or len(data) > limits.IMAGE.value:
            self._wrong("a photo of no bytes or too many")
            return 40009
        return {"type": "image", "media_id": self.sends(data), "created_at": int(self._time())}

    def _menu_create(self, _: Request, body: bytes) -> int:
        sent = self._json(body)
        buttons = (sent or {}).get("button", ())
        wrong = 0 if 1 <= len(buttons) <= limits.MENU_BUTTONS.value else 40016
        for button in buttons:
            beneath = button.get("sub_button", ())
            wrong = wrong or (40023 if len(beneath) > limits.MENU_BENEATH.value else 0)
            for each, most in ((button, limits.MENU_NAME), *((b, limits.MENU_NAME_BENEATH) for b in beneath)):
                wrong = wrong or (40018 if len(each["name"].encode()) > most.value else 0)
                wrong = wrong or (40019 if len(each.get("key", "").encode()) > limits.MENU_KEY.value else 0)
        if wrong:
            self._wrong(f"menu: {wrong}")
            return wrong
        self.menu = sent
        return 0

    def _menu_delete(self, _: Request, __: bytes) -> int:
        self.menu = None
        return 0

    def _code(self, _: Request, body: bytes) -> int | Mapping[str, Any]:
        sent = self._json(body) or {}
        scene, seconds = sent.get("action_info", {}).get("scene", {}).get("scene_str", ""), sent.get("expire_seconds", 60)
        if sent.get("action_name") != "QR_STR_SCENE" or not 1 <= len(scene) <= limits.SCENE.value or seconds > limits.CODE_LIFE.value:
            self._wrong("a code that cannot be made")
            return 40053
        url = f"http://weixin.qq.com/q/{next(self._names)}"
        self.codes[url] = scene
        return {"ticket": "gQH47joAAAA", "expire_seconds": seconds, "url": url}

    def _template_list(self, _: Request, __: bytes) -> Mapping[str, Any]:
        return {"template_list": [{"template_id": f.id, "title": "通知", "content": f.content} for f in self.templates.values()]}

    def _notice_list(self, _: Request, __: bytes) -> Mapping[str, Any]:
        rows = [{"priTmplId": f.id, "content": f.content, "type": 3 if f.long_term else 2} for f in self.notices.values()]
        return {"errcode": 0, "errmsg": "ok", "data": rows}

    # ── the platform that calls us ──

    async def verify(self, **changed: str) -> httpx.Response:
        """Entering the address in the settings: WeChat asks for its echo."""
        stamp, nonce = str(int(self._time())), str(random.randrange(10**9))
        query = {"signature": sign(self.token, stamp, nonce), "timestamp": stamp, "nonce": nonce, "echostr": "5921317"}
        return await self.http.get(self.callback, params={**query, **changed})

    async def say(self, text: str | None, openid: str = OPENID, **more: str) -> Exchange:
        """A resident writes."""
        return await self.deliver(self.message("text", openid, **({"Content": text} if text else {"Content": ""}), **more))

    async def happens(self, event: str, openid: str = OPENID, **more: str) -> Exchange:
        """A resident follows, leaves, scans or presses."""
        if event == "subscribe":
            self.followers.add(openid)
        if event == "unsubscribe":
            self.followers.discard(openid)
        return await self.deliver(self.message("event", openid, Event=event, **more))

    def pops_up(self, answers: Mapping[str, str], openid: str = OPENID) -> dict[str, str]:
        """A resident answers the office's question about notices: the event's fields. `answers`: template → accept or reject."""
        for template, answer in answers.items():
            self.agreed[openid, template] = self.agreed[openid, template] + 1 if answer == "accept" else 0
        lines = [{"TemplateId": t, "SubscribeStatusString": a, "PopupScene": "1"} for t, a in answers.items()]
        return self._of_notices("popup", openid, *lines)

    def switches_off(self, template: str, openid: str = OPENID) -> dict[str, str]:
        """A resident refuses a notice from now on, in their settings: the event's fields."""
        self.agreed.pop((openid, template), None)
        return self._of_notices("change", openid, {"TemplateId": template, "SubscribeStatusString": "reject"})

    async def report(self) -> None:
        """Tell what became of the notices that were sent."""
        while self.reports:
            await self.deliver(self.reports.pop(0))

    def _of_notices(self, what: str, openid: str, *lines: Mapping[str, str]) -> dict[str, str]:
        held = "".join(f"<List>{''.join(_element(name, value) for name, value in line.items())}</List>" for line in lines)
        return self.message("event", openid, Event=f"subscribe_msg_{what}_event", **{f"SubscribeMsg{what.title()}Event": held})

    def message(self, kind: str, openid: str = OPENID, **fields: str) -> dict[str, str]:
        """The fields of a message of this kind, sent now; and the window it opens."""
        source = {"event": ""}.get(kind, "menu" if "bizmsgmenuid" in fields else "message")
        event = fields.get("Event", "").lower()
        if kind == "event":
            source = {"click": "menu", "scancode_push": "menu", "scancode_waitmsg": "menu", "scan": "scan", "subscribe": "subscribe"}.get(event, "")
        if source:
            messages, lasts = limits.QUOTA[source]
            self._quota[openid][source] = (int(self._time()) + lasts.value, messages.value)
            self._shut.discard(openid)
        if event == "unsubscribe":
            self._quota.pop(openid, None)  # not documented: the stricter reading
        return {
            "ToUserName": self.original_id,
            "FromUserName": openid,
            "CreateTime": str(int(self._time())),
            "MsgType": kind,
            **fields,
            **({} if kind == "event" else {"MsgId": str(next(self._numbers))}),
        }

    async def deliver(self, fields: Mapping[str, str], lost: int = 0) -> Exchange:
        """Deliver up to three times, as long as nobody answers in time. `lost`: so many answers get lost on their way here."""
        exchange = Exchange(fields)
        for number in range(limits.DELIVERIES.value):
            if await self.post(exchange, lost=number < lost):
                return exchange
        self.shown.append(Shown(fields["FromUserName"], "error", "该公众号暂时无法提供服务，请稍后再试"))
        return exchange

    async def post(self, exchange: Exchange, *, xml: str = "", query: Mapping[str, str] | None = None, body: bytes | None = None, lost: bool = False) -> bool:
        """One delivery. True: it was answered in time. What is given replaces what WeChat would send."""
        inner = xml or _xml(exchange.fields)
        encrypted = encrypt(inner, self.aes_key, self.app_id)
        sealed, outer = self.sealed(encrypted)
        try:
            response = await self.http.post(
                self.callback,
                params={**sealed, "openid": exchange.fields["FromUserName"], **(query or {})},
                content=outer.encode() if body is None else body,
                headers={"content-type": "text/xml"},
                timeout=httpx.Timeout(self.hang_up, connect=5.0),
            )
        except httpx.HTTPError:
            lost = True
        if lost:
            exchange.answers.append(None)
            return False
        exchange.answers.append((response.status_code, response.text))
        self._answered(exchange, response)
        return True

    def sealed(self, encrypted: str) -> tuple[dict[str, str], str]:
        """The query and the body of an encrypted call."""
        stamp, nonce = str(int(self._time())), str(random.randrange(10**9))
        query = {
            "signature": sign(self.token, stamp, nonce),
            "timestamp": stamp,
            "nonce": nonce,
            "encrypt_type": "aes",
            "msg_signature": sign(self.token, stamp, nonce, encrypted),
        }
        return query, _xml({"ToUserName": self.original_id, "Encrypt": encrypted})

    def _answered(self, exchange: Exchange, response: httpx.Response) -> None:
        openid = exchange.fields["FromUserName"]
        if response.status_code != 200:
            self.shown.append(Shown(openid, "error", "该公众号提供的服务出现故障，请稍后再试"))
            return
        if response.text in ("success", ""):
            return
        try:
            exchange.reply = self._opened(response.text, openid)
            self.shown.append(Shown(openid, "passive", exchange.reply))
        except (AssertionError, KeyError, ValueError, ElementTree.ParseError) as error:
            self._wrong(f"a reply that cannot be shown: {error}")
            self.shown.append(Shown(openid, "error", "该公众号提供的服务出现故障，请稍后再试"))

    def _opened(self, body: str, openid: str) -> str:
        outer = {child.tag: child.text or "" for child in ElementTree.fromstring(body)}
        assert set(outer) == {"Encrypt", "MsgSignature", "TimeStamp", "Nonce"}, "the envelope's elements"
        expected = sign(self.token, outer["TimeStamp"], outer["Nonce"], outer["Encrypt"])
        assert outer["MsgSignature"] == expected, "signature"
        children = list(ElementTree.fromstring(decrypt(outer["Encrypt"], self.aes_key, self.app_id)))
        names = sorted(child.tag for child in children)
        assert names == ["Content", "CreateTime", "FromUserName", "MsgType", "ToUserName"], "elements that are not a text's"
        inner = {child.tag: child.text or "" for child in children}
        assert inner["MsgType"] == "text" and inner["ToUserName"] == openid, "kind or receiver"
        assert inner["FromUserName"] == self.original_id, "sender"
        assert inner["Content"], "empty content"
        assert len(inner["Content"].encode()) <= limits.TEXT.value, "longer than a text may be"
        return inner["Content"]


@dataclass(frozen=True, slots=True)
class _Call:
    """One path of the interface."""

    wechat: FakeWeChat
    path: str
    carry_out: Callable[[Request, bytes], Answer]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        response = await self.wechat.carry_out(self.path, self.carry_out, request, await request.body())
        if response is None:
            await _cut(send)
        else:
            await response(scope, receive, send)


#: Fields that are numbers, or hold elements.
_PLAIN = (
    "CreateTime", "MsgId", "MsgID", "ErrorCode", "PopupScene", "ScanCodeInfo", "SendPicsInfo",
    "SubscribeMsgPopupEvent", "SubscribeMsgChangeEvent", "SubscribeMsgSentEvent",
)  # fmt: skip


def _element(name: str, value: str) -> str:
    held = value if name in _PLAIN else "<![CDATA[" + value.replace("]]>", "]]]]><![CDATA[>") + "]]>"
    return f"<{name}>{held}</{name}>"


def _xml(fields: Mapping[str, str]) -> str:
    return "<xml>" + "\n".join(_element(name, value) for name, value in fields.items()) + "</xml>"


def _read_form(sent: Mapping[str, Any]) -> str:
    return " | ".join(given["value"] for given in sent["data"].values())


async def _cut(send: Send) -> None:
    """Begin an answer and break off, which ends the connection."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1000")]})


@asynccontextmanager
async def serving(app: ASGIApp) -> AsyncIterator[str]:
    """The application on a free port of this machine: its address."""
    # uvicorn's protocol without its server, which looks only every tenth of a second whether it is to stop.
    config = uvicorn.Config(app, log_level="critical", lifespan="off")
    config.load()
    state = ServerState()
    server = await asyncio.get_running_loop().create_server(
        lambda: H11Protocol(config=config, server_state=state, app_state={}), "127.0.0.1", 0
    )
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for connection in list(state.connections):
            connection.shutdown()
        if state.tasks:
            await asyncio.wait(state.tasks)
        await server.wait_closed()
