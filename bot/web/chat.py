"""The resident's page: one conversation with the desk of one community, in any browser.

A page proves who it is by a token it made itself and keeps; the conversation's address is the token's hash, so the database
holds nothing that opens a conversation. No cookie is used: an embedded page has none to send, and no other site can borrow
one. Every delivery is committed before it is acknowledged, and carries the page's own id of it, so a page may send again.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy import Connection, select

from bot import photos, store, transcripts
from bot.channels import Inbound
from bot.channels.webchat import LONGEST, NAME
from bot.core import texts, triage
from bot.core.domain import Script
from bot.core.types import Language, Media
from bot.database import EVERY
from bot.media import MediaStore, NotAPicture, TooLarge
from bot.tables import table
from bot.transcripts import Cursor, Line
from bot.web.live import Watch
from bot.web.pages import STATIC, browser_language, page
from bot.workers import Workers

COMMUNITY = table("community")

_TOKEN = re.compile(r"[A-Za-z0-9_-]{32,128}")
_KEPT = re.compile(r"[0-9a-f]{64}")
_LONGEST_WAIT = 25.0
_LARGEST_BODY = 32 * 1024
_PAGE_TEXT = "utter_page_"
_PRIVATE = {"Cache-Control": "private, no-store"}


class Delivery(BaseModel):
    """What the page sends: words, a pressed button, a photo already handed in, or what its address carried (`start`: the code of
    a printed sheet); under an id of the page's own."""

    id: str = Field(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")
    text: str = Field(default="", max_length=LONGEST)
    button: str | None = Field(default=None, max_length=200)
    photo: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    start: str = Field(default="", max_length=64, pattern=r"^[A-Za-z0-9_-]*$")
    lang: str = ""


class ChatPage:
    """The page and what it talks to.

    Args:
        script: for the texts, and for the life-safety rules: a message that fires one waits for no burst.
    """

    def __init__(self, workers: Workers, script: Script, media: MediaStore, watch: Watch) -> None:
        self._workers = workers
        self._database = workers.desk.database
        self._script = script
        self._media = media
        self._watch = watch

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/chat")
        router.add_api_route("/embed.js", self.embed, methods=["GET"])
        router.add_api_route("/{code}", self.show, methods=["GET"], response_model=None)
        router.add_api_route("/{code}/messages", self.messages, methods=["GET"], response_model=None)
        router.add_api_route("/{code}/messages", self.deliver, methods=["POST"], response_model=None)
        router.add_api_route("/{code}/photos", self.hand_in, methods=["POST"], response_model=None)
        router.add_api_route("/{code}/photos/{kept}", self.photo, methods=["GET"], response_model=None)
        return router

    # ── the page ──

    async def show(self, request: Request, code: str) -> Response:
        community = await self._community(code)
        asked = request.query_params.get("lang", "")
        language: Language = "en" if asked == "en" or (asked != "zh" and browser_language(request) == "en") else "zh"
        name = community.name_en if language == "en" and community.name_en else community.name
        words = self._texts(language, community.duty_phone)
        return page(
            "chat.html",
            code=code,
            community=name,
            language=language,
            other="zh" if language == "en" else "en",
            t=words,
            base=f"/chat/{code}",
            embedded="embed" in request.query_params,
            duty_phone=community.duty_phone,
        )

    async def embed(self) -> Response:
        return FileResponse(STATIC / "embed.js", media_type="text/javascript", headers={"Cache-Control": "max-age=300"})

    def _texts(self, language: Language, duty_phone: str) -> Mapping[str, str]:
        return {
            key.removeprefix(_PAGE_TEXT): texts.words(self._script, language, key, duty_phone=duty_phone)
            for key in self._script.responses
            if key.startswith(_PAGE_TEXT)
        }

    # ── in ──

    async def deliver(self, request: Request, code: str) -> Response:
        community = await self._community(code)
        address = _address(request)
        try:
            said = Delivery.model_validate_json(await _body(request, _LARGEST_BODY))
        except ValidationError:
            return self._refused(400, "utter_page_error_unreadable", request)
        except HTTPException as error:
            return self._refused(error.status_code, "utter_page_error_unreadable", request)
        if not (said.text.strip() or said.button or said.photo or said.start):
            return self._refused(400, "utter_page_error_unreadable", request)
        media: tuple[Media, ...] = ()
        if said.photo:
            if not await self._owns(community.id, address, said.photo):
                return self._refused(400, "utter_page_error_photo_gone", request)
            media = (Media("photo", said.photo, said.photo),)
        text = said.text.replace("\x00", "")
        inbound = Inbound(
            NAME, "", f"{address}:{said.id}", address, text, said.button, media, language=_language(said.lang),
            start=said.start, event="arrived" if said.start else "",
        )  # fmt: skip
        danger = bool(text) and triage.triage(self._script.triage, text) is not None
        await self._workers.accept(community.id, inbound, at_once=danger)
        self._watch.wake()
        return JSONResponse({"id": said.id}, status_code=202)

    async def hand_in(self, request: Request, code: str) -> Response:
        """A photo before its message. It belongs to this conversation from here on."""
        community = await self._community(code)
        address = _address(request)
        try:
            data = await _body(request, self._media.largest)
            kept = await asyncio.to_thread(self._media.keep, data)
        except (TooLarge, HTTPException) as error:
            if isinstance(error, HTTPException) and error.status_code != 413:
                raise
            return self._refused(413, "utter_page_error_photo_large", request)
        except NotAPicture:
            return self._refused(415, "utter_page_error_photo_kind", request)

        def register(conn: Connection) -> None:
            place = {"community_id": community.id, "channel": NAME, "account": "", "address": address}
            conversation_id = store.talk_at(conn, place)
            media = Media("photo", kept.reference, kept.reference)
            photos.register(conn, community.id, conversation_id, NAME, "", media, self._workers.desk.clock.now())

        await self._database.run(community.id, register)
        return JSONResponse({"photo": kept.reference}, status_code=201)

    # ── out ──

    async def messages(self, request: Request, code: str) -> Response:
        community = await self._community(code)
        address = _address(request)
        query = request.query_params
        try:
            after = Cursor.parse(query.get("after", ""))
            wait = min(max(float(query.get("wait", "0")), 0.0), _LONGEST_WAIT)
            if wait != wait:
                raise ValueError("not a number")
        except ValueError:
            return self._refused(400, "utter_page_error_unreadable", request)
        shown_typing = query.get("typing", "0") == "1"
        loop = asyncio.get_running_loop()
        until = loop.time() + wait

        def read(conn: Connection) -> dict[str, Any]:
            return self._read(conn, community.id, address, after, community.zone)

        def find(conn: Connection) -> int | None:
            found = transcripts.find(conn, community.id, NAME, "", address)
            return found[0] if found else None

        # A stranger's first message makes the conversation: until then there is nothing to listen to but everything.
        async with self._watch.listening(await self._database.ask(community.id, find)) as news:
            while True:
                answer = await self._database.ask(community.id, read)
                left = until - loop.time()
                told = answer["messages"] or answer["typing"] != shown_typing or answer.get("forgotten")
                if told or left <= 0 or self._watch.closed or await request.is_disconnected():
                    return JSONResponse(answer, headers=_PRIVATE)
                await news.wait(timedelta(seconds=left))

    def _read(self, conn: Connection, community_id: int, address: str, after: Cursor, zone: str) -> dict[str, Any]:
        found = transcripts.find(conn, community_id, NAME, "", address)
        if found is None:
            # A page that has read something and is not known any more: its resident had the conversation erased.
            forgotten = {"forgotten": True} if after != Cursor() else {}
            return {"messages": [], "cursor": str(after), "typing": False, "mode": "desk", **forgotten}
        conversation_id, state = found
        lines, cursor = transcripts.read(conn, community_id, conversation_id, after)
        human = state.get("mode") == "human"
        return {
            "messages": [_shown(line, address, ZoneInfo(zone)) for line in lines],
            "cursor": str(cursor),
            "typing": not human and transcripts.busy(conn, community_id, conversation_id),
            "mode": "human" if human else "desk",
        }

    async def photo(self, request: Request, code: str, kept: str) -> Response:
        community = await self._community(code)
        if not _KEPT.fullmatch(kept) or not await self._owns(community.id, _address(request), kept):
            raise HTTPException(404)
        try:
            data, content_type = await asyncio.to_thread(self._media.open, kept)
        except FileNotFoundError:
            raise HTTPException(404) from None
        return Response(data, media_type=content_type, headers={"Cache-Control": "private, max-age=86400"})

    # ── beneath ──

    async def _owns(self, community_id: int, address: str, kept: str) -> bool:
        def owned(conn: Connection) -> bool:
            found = transcripts.find(conn, community_id, NAME, "", address)
            return found is not None and photos.sent_by(conn, community_id, found[0], kept)

        return await self._database.ask(community_id, owned)

    async def _community(self, code: str) -> Any:
        row = await self._database.ask(
            EVERY,  # which community this page is of is what its code tells
            lambda conn: conn.execute(select(COMMUNITY).where(COMMUNITY.c.code == code)).one_or_none(),
        )
        if row is None:
            raise HTTPException(404)
        return row

    def _refused(self, status: int, key: str, request: Request) -> Response:
        asked = request.query_params.get("lang") or request.headers.get("x-desk-language", "")
        language: Language = "en" if asked == "en" else "zh"
        return JSONResponse({"error": texts.words(self._script, language, key)}, status_code=status)


def _address(request: Request) -> str:
    """Where the answers go: the hash of the page's token. 401 without one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not _TOKEN.fullmatch(token):
        raise HTTPException(401)
    return address_of(token)


def address_of(token: str) -> str:
    """The address of the conversation this token opens."""
    return "v" + hashlib.sha256(token.encode()).hexdigest()[:40]


async def _body(request: Request, largest: int) -> bytes:
    """The body, read no further than it may be long. 413 beyond."""
    if int(request.headers.get("content-length") or 0) > largest:
        raise HTTPException(413)
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > largest:
            raise HTTPException(413)
    return bytes(data)


def _language(said: str) -> Language | None:
    return "en" if said == "en" else "zh" if said == "zh" else None


def _shown(line: Line, address: str, zone: ZoneInfo) -> dict[str, Any]:
    return {
        "key": line.key,
        "from": {"resident": "me"}.get(line.side, line.side),
        "name": line.name if line.side == "staff" else "",
        "text": line.text,
        "buttons": [{"label": b.label, "value": b.value} for b in line.buttons],
        "photos": [p.kept for p in line.photos if p.kept],
        "at": line.at.astimezone(zone).isoformat(timespec="seconds"),
        "id": line.external_id.removeprefix(f"{address}:") if line.side == "resident" else "",
        "urgent": line.urgent,
    }
