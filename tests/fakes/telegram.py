"""A Bot API server that is strict: what the real one would refuse, or dislikes, is a violation, and refused.

It runs on loopback, so that the adapter's library, its HTTP and its parsing all take part. Its clock is handed in. What
residents do are its methods (`says`, `taps`, `blocks` …); what is sent to them is in `sent`. It can be told to refuse
(`refuse`) or to break the connection (`drop`) the next calls of a method.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import socket
from collections import defaultdict, deque
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import urlsplit

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from tests.fakes import telegram_limits as limits

TOKEN = "123456789:AAtest-token_of-no-real-bot-0123456789"
USERNAME = "YihuaDeskBot"
#: What a bot that asks for nothing in particular is sent (Bot API, getUpdates, allowed_updates).
BY_DEFAULT = frozenset({"message", "edited_message", "channel_post", "callback_query", "inline_query", "my_chat_member"})

CONFLICT_WEBHOOK = (
    "Conflict: can't use getUpdates method while webhook is active; use deleteWebhook to delete the webhook first"
)
CONFLICT_POLL = "Conflict: terminated by other getUpdates request; make sure that only one bot instance is running"
TOO_OLD = "Bad Request: query is too old and response timeout expired or query ID is invalid"

#: The same words within so long are tries of one message.
_SAME_MESSAGE = timedelta(minutes=2)


class Refused(Exception):
    """The server says no."""

    def __init__(self, status: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.status = status
        self.body: dict[str, Any] = {"ok": False, "error_code": status, "description": description}
        if parameters:
            self.body["parameters"] = parameters


@dataclass(slots=True)
class Sent:
    """What reached a chat."""

    chat: int
    text: str
    number: int
    buttons: tuple[tuple[str, str], ...] = ()
    rows: tuple[int, ...] = ()
    photo: bytes = b""


@dataclass(slots=True)
class FakeTelegram:
    """One bot at Telegram. `now` is its clock; `ahead` how far its Date header is from it."""

    now: Callable[[], datetime]
    token: str = TOKEN
    username: str = USERNAME
    reads_all: bool = False
    ahead: timedelta = timedelta(0)
    url: str = ""
    violations: list[str] = field(default_factory=list)
    sent: list[Sent] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    chats: dict[int, dict[str, Any]] = field(default_factory=dict)
    users: dict[int, dict[str, Any]] = field(default_factory=dict)
    pending: list[dict[str, Any]] = field(default_factory=list)
    not_wanted: list[str] = field(default_factory=list)
    forgotten: list[int] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    #: Taps whose answer was tried, in time or not.
    tried: set[str] = field(default_factory=set)
    queries: dict[str, datetime] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    menus: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    webhook: dict[str, Any] = field(default_factory=dict)
    allowed: frozenset[str] = BY_DEFAULT
    next_update: int = 700_000_001
    longest_hold: float = limits.HOLD.value
    _links: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    _refusals: dict[str, deque[Refused]] = field(default_factory=lambda: defaultdict(deque))
    _drops: dict[str, deque[bool]] = field(default_factory=lambda: defaultdict(deque))
    _moved: dict[int, int] = field(default_factory=dict)
    _told_moved: set[int] = field(default_factory=set)
    _out: dict[int, str] = field(default_factory=dict)
    _penalty: dict[int, datetime] = field(default_factory=dict)
    _went: dict[int | str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    _numbers: dict[int, itertools.count[int]] = field(default_factory=lambda: defaultdict(lambda: itertools.count(1)))
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(5000))
    _arrived: asyncio.Event = field(default_factory=asyncio.Event)
    _quiet: asyncio.Event = field(default_factory=asyncio.Event)
    _poll: asyncio.Event | None = None
    _no_poll_until: datetime | None = None
    #: When somebody who is out was last written what, in vain.
    _in_vain: dict[tuple[int, str], list[datetime]] = field(default_factory=lambda: defaultdict(list))

    # ── Told by a test ──────────────────────────────────────────────────────────────────────────────────────────────

    def refuse(self, method: str, status: int, description: str, times: int = 1, **parameters: int) -> None:
        """Refuse the next calls of a method."""
        self._refusals[method].extend(Refused(status, description, **parameters) for _ in range(times))

    def drop(self, method: str, *, done: bool) -> None:
        """Break the connection at the next call of a method, before or after it is done."""
        self._drops[method].append(done)

    async def quiet(self) -> None:
        """Return when all is fetched and confirmed, and the next poll waits."""
        async with asyncio.timeout(20):
            await self._quiet.wait()

    @property
    def unanswered(self) -> list[str]:
        """Taps whose button still shows a clock."""
        return [query for query in self.queries if query not in self.answered]

    def texts(self, chat: int) -> list[str]:
        """What a chat has read."""
        return [message.text for message in self.sent if message.chat == chat]

    # ── Residents ───────────────────────────────────────────────────────────────────────────────────────────────────

    def person(self, first: str = "王", last: str = "芳", *, language: str = "zh-hans", started: bool = True) -> int:
        """Somebody with a chat of their own with the bot."""
        number = next(self._ids)
        self.users[number] = {
            "id": number, "is_bot": False, "first_name": first, "last_name": last, "language_code": language,
        }  # fmt: skip
        self.chats[number] = {"id": number, "type": "private", "first_name": first, "last_name": last}
        if not started:
            self._out[number] = "Forbidden: bot can't initiate conversation with a user"
        return number

    def group(self, title: str = "颐华苑4栋", *, supergroup: bool = False) -> int:
        """A group with the bot in it."""
        number = next(self._ids)
        chat = -1_000_000_000_000 - number if supergroup else -number
        self.chats[chat] = {"id": chat, "type": "supergroup" if supergroup else "group", "title": title}
        return chat

    def says(self, who: int, text: str | None = None, *, chat: int = 0, reply_to_bot: bool = False, **more: Any) -> int:
        """A message; returns its number in the chat. Entities are found as Telegram finds them."""
        message = self._message(who, chat or who, **more)
        if text is not None:
            message |= {"text": text, "entities": _entities(text)}
        if reply_to_bot:
            message["reply_to_message"] = {
                "message_id": 1, "date": self._date(), "chat": message["chat"], "from": self._me(), "text": "…",
            }  # fmt: skip
        command = re.match(r"/\w+(?:@(\w+))?", text or "")
        to_us = command is not None and (command[1] or self.username).lower() == self.username.lower()
        service = text is None and not more.keys() & {"photo", "voice", "document", "contact", "location"}
        if message["chat"]["type"] == "private" or self.reads_all or reply_to_bot or to_us or service:
            self._update("message", message)
        else:
            # Privacy mode. A bare mention does not arrive, whatever BotFather says: see docs/channels/telegram.md.
            self.not_wanted.append("group talk")
        return int(message["message_id"])

    def edits(self, who: int, number: int, text: str, *, chat: int = 0, **more: Any) -> None:
        """A message is corrected."""
        message = self._message(who, chat or who, **more) | {"message_id": number, "edit_date": self._date()}
        self._update("edited_message", message | {"text": text, "entities": _entities(text)})

    def shows(self, who: int, *photos: bytes, caption: str = "") -> None:
        """Photos, as an album where there are several: several messages. Each comes in three sizes."""
        album = {"media_group_id": str(next(self._ids))} if len(photos) > 1 else {}
        for photo in photos:
            sizes = []
            for side in (90, 1280, 320):
                name = f"photo-{next(self._ids)}-{side}"
                self.files[name] = photo if side == 1280 else photo[:1]
                sizes.append({"file_id": name, "file_unique_id": name, "width": side, "height": side * 3 // 4})
            words = {"caption": caption, "caption_entities": _entities(caption)} if caption else {}
            self._update("message", self._message(who, who, photo=sizes, **album, **words))
            caption = ""

    def taps(self, who: int, label: str, *, chat: int = 0) -> str:
        """The newest button with this label is pressed; returns the id of the tap."""
        place = chat or who
        found = [(m, at) for m in self.sent if m.chat == place for at, (name, _) in enumerate(m.buttons) if name == label]
        return self.taps_on(who, *found[-1])

    def taps_on(self, who: int, message: Sent, position: int) -> str:
        """A button of this message is pressed, however old it is; returns the id of the tap."""
        place, data = message.chat, message.buttons[position][1]
        shown = self._message(who, place) | {"message_id": message.number, "from": self._me(), "text": message.text}
        query = str(next(self._ids))
        self.queries[query] = self.now()
        self._update(
            "callback_query",
            {"id": query, "from": self.users[who], "chat_instance": "1", "data": data, "message": shown},
        )
        return query

    def blocks(self, who: int) -> None:
        """The bot is stopped by somebody."""
        self._out[who] = "Forbidden: bot was blocked by the user"
        self._membership(who, who, "kicked")

    def unblocks(self, who: int) -> None:
        self._out.pop(who)
        self._membership(who, who, "member")

    def puts_out(self, who: int, chat: int) -> None:
        """The bot is put out of a group."""
        self._out[chat] = "Forbidden: bot was kicked from the group chat"
        self._membership(who, chat, "kicked")

    def upgrades(self, who: int, chat: int, *, told: bool = False) -> int:
        """A group becomes a supergroup: another chat. `told`: by a message as well."""
        new = -1_000_000_000_000 + chat
        self.chats[new] = self.chats[chat] | {"id": new, "type": "supergroup"}
        self._moved[chat] = new
        if told:
            self._update("message", self._message(who, chat, migrate_to_chat_id=new))
        return new

    def file(self, content: bytes) -> str:
        """A file that somebody has sent."""
        name = f"file-{next(self._ids)}"
        self.files[name] = content
        return name

    def _date(self) -> int:
        return int(self.now().timestamp())

    def _me(self) -> dict[str, Any]:
        return {
            "id": int(self.token.split(":")[0]), "is_bot": True, "first_name": "颐华物业", "username": self.username,
            "can_join_groups": True, "can_read_all_group_messages": self.reads_all, "supports_inline_queries": False,
        }  # fmt: skip

    def _message(self, who: int, chat: int, **more: Any) -> dict[str, Any]:
        number = next(self._numbers[chat])
        return {
            "message_id": number, "date": self._date(), "chat": dict(self.chats[chat]), "from": dict(self.users[who]), **more
        }  # fmt: skip

    def _membership(self, who: int, chat: int, status: str) -> None:
        me = {"user": self._me()}
        states = {"member": {"status": "member", **me}, "kicked": {"status": "kicked", "until_date": 0, **me}}
        old = "member" if status == "kicked" else "kicked"
        self._update(
            "my_chat_member",
            {
                "chat": self.chats[chat], "from": self.users[who], "date": self._date(),
                "old_chat_member": states[old], "new_chat_member": states[status],
            },
        )  # fmt: skip

    def _update(self, kind: str, content: dict[str, Any]) -> None:
        self.raw({kind: content})

    def raw(self, update: Mapping[str, Any]) -> int:
        """Any update, as it comes. Not made at all when the bot asked for others only, as the server does it."""
        number = self.next_update
        self.next_update += 1
        kind = next(iter(update))
        if kind in self.allowed or kind not in BY_DEFAULT:
            self.pending.append({"update_id": number, **update})
            self._quiet.clear()
            self._arrived.set()
        else:
            self.not_wanted.append(kind)
        return number

    # ── The server ──────────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def app(self) -> Starlette:
        """The server, for whoever serves it."""
        return Starlette(
            routes=[
                Route("/bot{token}/{method}", self._called, methods=["GET", "POST"]),
                Route("/file/bot{token}/{path:path}", self._file, methods=["GET"]),
            ]
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FakeTelegram]:
        """Serve on a free port of loopback."""
        with socket.socket() as listening:
            listening.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            server = uvicorn.Server(
                uvicorn.Config(
                    self.app, log_config=None, ws="none", lifespan="off", date_header=False,
                    timeout_graceful_shutdown=1,
                )
            )  # fmt: skip
            task = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started:
                await asyncio.sleep(0.001)
            try:
                yield self
            finally:
                server.should_exit = True
                await task

    async def _called(self, request: Request) -> Response:
        method = request.path_params["method"]
        self.calls.append(method)
        if request.path_params["token"] != self.token:
            return self._answer({"ok": False, "error_code": 401, "description": "Unauthorized"}, 401)
        dropped = self._drops[method].popleft() if self._drops[method] else None
        if dropped is False:
            return _Broken()
        try:
            if self._refusals[method]:
                refused = self._refusals[method].popleft()
                self._note_wait(method, refused, await _parameters(request))
                raise refused
            handler = getattr(self, f"_on_{method}", None)
            if handler is None:
                self.violations.append(f"{method} is called")
                raise Refused(404, "Not Found")
            result = await handler(await _parameters(request), request)
        except Refused as refused:
            return self._answer(refused.body, refused.status)
        return _Broken() if dropped else self._answer({"ok": True, "result": result})

    def _answer(self, body: Any, status: int = 200) -> Response:
        date = format_datetime(self.now() + self.ahead, usegmt=True)
        return JSONResponse(body, status, headers={"Date": date})

    def _note_wait(self, method: str, refused: Refused, parameters: Mapping[str, Any]) -> None:
        wait = refused.body.get("parameters", {}).get("retry_after")
        if wait and method == "getUpdates":
            self._no_poll_until = self.now() + timedelta(seconds=wait)
        if wait and "chat_id" in parameters:
            self._penalty[int(parameters["chat_id"])] = self.now() + timedelta(seconds=wait)

    def _violated(self, what: str, refusal: Refused) -> Refused:
        self.violations.append(what)
        return refusal

    async def _file(self, request: Request) -> Response:
        found = self._links.get(request.path_params["path"])
        late = found is None or self.now() - found[1] > timedelta(seconds=limits.FILE_LINK.value)
        if request.path_params["token"] != self.token or late:
            return self._answer({"ok": False, "error_code": 404, "description": "Not Found"}, 404)
        assert found is not None
        return Response(found[0], media_type="application/octet-stream")

    # ── Methods: hearing ────────────────────────────────────────────────────────────────────────────────────────────

    async def _on_getMe(self, asked: Mapping[str, Any], request: Request) -> Any:
        return self._me()

    async def _on_getUpdates(self, asked: Mapping[str, Any], request: Request) -> Any:
        if self._no_poll_until is not None and self.now() < self._no_poll_until:
            raise self._violated("a bot that must wait polls", self._too_fast(30))
        if self.webhook.get("url"):
            raise Refused(409, CONFLICT_WEBHOOK)
        limit, hold = int(asked.get("limit", 100)), int(asked.get("timeout", 0))
        if not 1 <= limit <= limits.UPDATES.value or not 0 <= hold <= limits.HOLD.value:
            raise self._violated("getUpdates: limit or timeout", Refused(400, "Bad Request"))
        if "allowed_updates" in asked:
            self.allowed = frozenset(asked["allowed_updates"]) or BY_DEFAULT
        offset = int(asked.get("offset", 0))
        # Telegram forgets what is before the offset: from here on it is the bot's to keep.
        self.forgotten += [u["update_id"] for u in self.pending if u["update_id"] < offset]
        self.pending = [u for u in self.pending if u["update_id"] >= offset]
        if self._poll is not None:
            self._poll.set()
        mine = self._poll = asyncio.Event()
        try:
            gone = asyncio.create_task(_gone(request))
            other = asyncio.create_task(mine.wait())
            while not (waiting := [u for u in self.pending if u["update_id"] >= offset]):
                self._arrived.clear()
                if not self.pending:
                    self._quiet.set()
                new = asyncio.create_task(self._arrived.wait())
                done, _ = await asyncio.wait({gone, other, new}, timeout=min(hold, self.longest_hold), return_when=asyncio.FIRST_COMPLETED)
                new.cancel()
                if gone in done:
                    return []
                if other in done:
                    self.violations.append("two programs poll at the same time")
                    raise Refused(409, CONFLICT_POLL)
                if not done:
                    break
            return waiting[:limit]
        finally:
            gone.cancel()
            other.cancel()
            if self._poll is mine:
                self._poll = None

    async def _on_setWebhook(self, asked: Mapping[str, Any], request: Request) -> Any:
        url = urlsplit(asked["url"])
        if url.scheme != "https" or (url.port or 443) not in limits.WEBHOOK_PORTS:
            raise self._violated("setWebhook: url", Refused(400, "Bad Request: bad webhook: An HTTPS URL must be provided"))
        if not re.fullmatch(rf"[A-Za-z0-9_-]{{1,{limits.SECRET.value}}}", asked.get("secret_token", "")):
            raise self._violated("setWebhook: secret_token", Refused(400, "Bad Request: secret token contains unallowed characters"))
        if not 1 <= int(asked.get("max_connections", 40)) <= limits.WEBHOOK_CALLS.value:
            raise self._violated("setWebhook: max_connections", Refused(400, "Bad Request"))
        self._drop_pending(asked)
        self.webhook = dict(asked)
        if "allowed_updates" in asked:
            self.allowed = frozenset(asked["allowed_updates"]) or BY_DEFAULT
        return True

    async def _on_deleteWebhook(self, asked: Mapping[str, Any], request: Request) -> Any:
        self._drop_pending(asked)
        self.webhook = {}
        return True

    def _drop_pending(self, asked: Mapping[str, Any]) -> None:
        if str(asked.get("drop_pending_updates", "")).lower() == "true":
            self.violations.append("messages of residents are dropped")
            self.pending.clear()

    async def _on_getWebhookInfo(self, asked: Mapping[str, Any], request: Request) -> Any:
        kept = ("url", "last_error_date", "last_error_message", "max_connections")
        info = {key: self.webhook[key] for key in kept if key in self.webhook}
        return {
            "url": "", "has_custom_certificate": False, "pending_update_count": len(self.pending),
            "allowed_updates": sorted(self.allowed), **info,
        }  # fmt: skip

    async def push(self, desk: Any) -> list[int]:
        """Call the webhook for what waits, oldest first, and return its answers. A chat's next message waits until the one
        before it was taken. `desk` is the application, or where it is served."""
        statuses: list[int] = []
        stuck: set[str] = set()
        url, transport = self.webhook["url"], None
        if isinstance(desk, str):
            url = desk + urlsplit(url).path
        else:
            transport = httpx.ASGITransport(app=desk)
        async with httpx.AsyncClient(transport=transport, trust_env=False, verify=False) as client:
            for update in list(self.pending):
                chat = json.dumps(next((v.get("chat", v) for v in update.values() if isinstance(v, dict)), 0))
                if chat in stuck:
                    continue
                answer = await client.post(
                    url,
                    json=update,
                    headers={"X-Telegram-Bot-Api-Secret-Token": self.webhook.get("secret_token", "")},
                )
                statuses.append(answer.status_code)
                if answer.is_success:
                    self.pending.remove(update)
                    self.forgotten.append(update["update_id"])
                else:
                    stuck.add(chat)
                    phrase = httpx.codes.get_reason_phrase(answer.status_code)
                    self.webhook |= {
                        "last_error_date": self._date(),
                        "last_error_message": f"Wrong response from the webhook: {answer.status_code} {phrase}",
                    }
        return statuses

    # ── Methods: speaking ───────────────────────────────────────────────────────────────────────────────────────────

    def _may_send(self, asked: Mapping[str, Any]) -> int:
        chat = int(asked["chat_id"])
        if chat not in self.chats:
            raise Refused(400, "Bad Request: chat not found")
        if chat in self._moved:
            if chat in self._told_moved:
                self.violations.append("a group that moved is written to again")
            self._told_moved.add(chat)
            raise Refused(
                400, "Bad Request: group chat was upgraded to a supergroup chat", migrate_to_chat_id=self._moved[chat]
            )
        if chat in self._out:
            # Telegram counts such calls against a bot; what a desk may not do is to repeat one in vain.
            # News of a ticket may come in the same words later: then it is another message.
            tries = self._in_vain[chat, str(asked.get("text", ""))]
            tries[:] = [at for at in tries if self.now() - at < _SAME_MESSAGE] + [self.now()]
            if len(tries) == 4:
                self.violations.append("somebody who has blocked the bot is written the same again and again")
            raise Refused(403, self._out[chat])
        now = self.now()
        if now < self._penalty.get(chat, now):
            raise self._violated("a chat that must wait is written to", self._too_fast(30))
        paces: list[tuple[int | str, limits.Limit, int]] = [(chat, limits.PER_CHAT, 1), ("all", limits.OVERALL, 1)]
        if chat < 0:
            paces.append((chat, limits.PER_GROUP, 60))
        for key, limit, seconds in paces:
            self._went[key] = [at for at in self._went[key] if now - at < timedelta(minutes=1)]
            if sum(now - at < timedelta(seconds=seconds) for at in self._went[key]) >= limit.value:
                raise self._violated(f"too fast: more than {limit.value} {limit.unit}", self._too_fast(seconds))
        self._went[chat].append(now)
        self._went["all"].append(now)
        return chat

    def _too_fast(self, seconds: int) -> Refused:
        return Refused(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)

    def _keyboard(self, asked: Mapping[str, Any]) -> tuple[tuple[tuple[str, str], ...], tuple[int, ...]]:
        rows = asked.get("reply_markup", {}).get("inline_keyboard", [])
        buttons = tuple((b["text"], b["callback_data"]) for row in rows for b in row)
        if len(buttons) > limits.BUTTONS.value or any(len(row) > limits.BUTTONS_IN_A_ROW.value for row in rows):
            raise self._violated("too many buttons", Refused(400, "Bad Request: reply markup is too long"))
        for label, data in buttons:
            if not label.strip():
                raise self._violated("a button without words", Refused(400, "Bad Request: text buttons are unallowed"))
            if not 1 <= len(data.encode()) <= limits.CALLBACK_DATA.value:
                raise self._violated("callback_data of over 64 bytes", Refused(400, "Bad Request: BUTTON_DATA_INVALID"))
        return buttons, tuple(len(row) for row in rows)

    def _plain(self, asked: Mapping[str, Any]) -> None:
        if set(asked) & {"parse_mode", "entities", "caption_entities"}:
            self.violations.append("words are sent as markup")

    def _arrive(self, sent: Sent) -> dict[str, Any]:
        self.sent.append(sent)
        return {"message_id": sent.number, "date": self._date(), "chat": self.chats[sent.chat], "from": self._me()}

    async def _on_sendMessage(self, asked: Mapping[str, Any], request: Request) -> Any:
        self._plain(asked)
        text = str(asked.get("text", "")).strip()
        if not text:
            raise self._violated("an empty message", Refused(400, "Bad Request: message text is empty"))
        if len(text.encode("utf-16-le")) // 2 > limits.TEXT.value:
            raise self._violated("a message of over 4096", Refused(400, "Bad Request: message is too long"))
        if not asked.get("link_preview_options", {}).get("is_disabled"):
            self.violations.append("Telegram may open the links")
        buttons, rows = self._keyboard(asked)
        chat = self._may_send(asked)
        return {**self._arrive(Sent(chat, text, next(self._numbers[chat]), buttons, rows)), "text": text}

    async def _on_sendPhoto(self, asked: Mapping[str, Any], request: Request) -> Any:
        self._plain(asked)
        photo = asked["photo"]
        if not isinstance(photo, bytes) or not 0 < len(photo) <= limits.UPLOAD_PHOTO.value:
            raise self._violated("sendPhoto: photo", Refused(400, "Bad Request: PHOTO_INVALID_DIMENSIONS"))
        buttons, rows = self._keyboard(asked)
        chat = self._may_send(asked)
        size = {"file_id": "out", "file_unique_id": "out", "width": 1, "height": 1}
        return {**self._arrive(Sent(chat, "", next(self._numbers[chat]), buttons, rows, photo)), "photo": [size]}

    async def _on_answerCallbackQuery(self, asked: Mapping[str, Any], request: Request) -> Any:
        query = asked["callback_query_id"]
        self.tried.add(query)
        if len(asked.get("text", "")) > limits.CALLBACK_ANSWER.value:
            raise self._violated("an answer of over 200", Refused(400, "Bad Request: MESSAGE_TOO_LONG"))
        pressed = self.queries.get(query)
        if pressed is None or self.now() - pressed > timedelta(seconds=limits.CALLBACK_ANSWERABLE.value):
            raise Refused(400, TOO_OLD)
        self.answered.add(query)
        return True

    # ── Methods: the rest ───────────────────────────────────────────────────────────────────────────────────────────

    async def _on_getFile(self, asked: Mapping[str, Any], request: Request) -> Any:
        name = asked["file_id"]
        content = self.files.get(name)
        if content is None:
            raise Refused(400, "Bad Request: wrong file_id or the file is temporarily unavailable")
        if len(content) > limits.DOWNLOAD.value:
            raise Refused(400, "Bad Request: file is too big")
        path = f"photos/{name}.jpg"
        self._links[path] = (content, self.now())
        return {"file_id": name, "file_unique_id": name, "file_size": len(content), "file_path": path}

    async def _on_setMyCommands(self, asked: Mapping[str, Any], request: Request) -> Any:
        commands = asked["commands"]
        if len(commands) > limits.COMMANDS.value:
            raise self._violated("too many commands", Refused(400, "Bad Request: BOT_COMMANDS_TOO_MUCH"))
        for command in commands:
            if not re.fullmatch(rf"[a-z0-9_]{{1,{limits.COMMAND.value}}}", command["command"]):
                raise self._violated("a command", Refused(400, "Bad Request: BOT_COMMAND_INVALID"))
            if not 1 <= len(command["description"]) <= limits.COMMAND_TITLE.value:
                raise self._violated("a command's title", Refused(400, "Bad Request: BOT_COMMAND_DESCRIPTION_INVALID"))
        self.menus[asked.get("language_code", "")] = commands
        return True

    async def _on_getMyCommands(self, asked: Mapping[str, Any], request: Request) -> Any:
        return self.menus.get(asked.get("language_code", ""), [])


class _Broken(Response):
    """An answer that breaks off."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"100")]})
        await send({"type": "http.response.body", "body": b"{", "more_body": True})


async def _gone(request: Request) -> None:
    """Return when the caller has hung up."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _parameters(request: Request) -> dict[str, Any]:
    """A call's parameters: those that are JSON read, files as bytes."""
    read: dict[str, Any] = {}
    async with request.form() as form:
        for key, value in form.multi_items():
            if isinstance(value, UploadFile):
                read[key] = await value.read()
            elif key in ("allowed_updates", "reply_markup", "commands", "link_preview_options", "entities"):
                read[key] = json.loads(value)
            else:
                read[key] = value
    return read


def _entities(text: str) -> list[dict[str, Any]]:
    """Mentions and commands, in UTF-16 code units."""
    found = []
    for kind, pattern in (("mention", r"@[A-Za-z0-9_]{4,}"), ("bot_command", r"(?<!\S)/[A-Za-z0-9_]+(?:@[A-Za-z0-9_]+)?")):
        for match in re.finditer(pattern, text):
            before = len(text[: match.start()].encode("utf-16-le")) // 2
            found.append({"type": kind, "offset": before, "length": len(match[0])})
    return found
