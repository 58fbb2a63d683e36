"""How staff come in, and the one place where a page learns who asks and what they may do.

A one-time link goes to the member's own channel; pressing its button opens a session kept by the server. The cookie is not
readable by scripts and is not sent along by other sites; every form carries the session's word besides.
"""

from __future__ import annotations

import contextlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from bot import outbox, sessions
from bot.core import access
from bot.core.access import Capability
from bot.core.types import Say
from bot.database import EVERY, Database
from bot.sessions import Signed
from bot.turns import Desk
from bot.web.pages import browser_language, page, word
from bot.work import staff_address

COOKIE = "desk_session"
SEE_OTHER = 303
_THIS_MACHINE = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Visitor:
    """A signed-in member of staff at a page. `token` is the session's cookie."""

    signed: Signed
    token: str

    @property
    def role(self) -> str:
        return self.signed.staff.role

    @property
    def language(self) -> str:
        return self.signed.language

    def demand(self, capability: Capability) -> None:
        """Raises access.Refused when the role lacks it."""
        access.demand(self.role, capability)


class Bell(Protocol):
    """The outbox drain's bell."""

    def ring(self) -> None: ...


class Entry:
    """Login, logout, and who asks.

    Args:
        base_url: where staff reach these pages, for the link in the message; its scheme decides whether cookies are Secure.
        printed: called with (name, link) besides sending it; the demo prints it.
        demo: whether the start page of the demo is there to go back to.
    """

    def __init__(
        self, desk: Desk, bell: Bell, base_url: str, printed: Callable[[str, str], None] | None = None, demo: bool = False
    ) -> None:
        self._desk = desk
        self._database: Database = desk.database
        self._bell = bell
        self._base = base_url.rstrip("/")
        self._secure = urlsplit(base_url).scheme == "https"
        self._printed = printed
        self._demo = demo

    def is_here(self, request: Request) -> bool:
        """Whether the request names this machine or this site: not another site's name that points here."""
        host = request.headers.get("host", "")
        return urlsplit(f"//{host}").hostname in _THIS_MACHINE or host == urlsplit(self._base).netloc

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/desk")
        router.add_api_route("/login", self.ask, methods=["GET"], response_model=None)
        router.add_api_route("/login", self.send, methods=["POST"], response_model=None)
        router.add_api_route("/login/{token}", self.confirm, methods=["GET"], response_model=None)
        router.add_api_route("/login/{token}", self.redeem, methods=["POST"], response_model=None)
        router.add_api_route("/logout", self.leave, methods=["POST"], response_model=None)
        router.add_api_route("/language", self.speak, methods=["POST"], response_model=None)
        return router

    # ── coming in ──

    async def ask(self, request: Request) -> Response:
        return page("desk/login.html", sent=False, error=None, demo=self._demo, me=None, language=browser_language(request))

    async def send(self, request: Request) -> Response:
        """The same answer whether the telephone is known or not: a stranger learns nothing of the staff."""
        same_origin(request)
        phone = (await small_form(request)).get("phone", "")[:40]
        if phone:
            await self._invite(phone)
        error = None if phone else word("login_phone_missing", browser_language(request))
        return page(
            "desk/login.html", sent=bool(phone), error=error, demo=self._demo, me=None, language=browser_language(request)
        )

    async def _invite(self, phone: str) -> None:
        # Somebody may work for several communities; each invites for itself.
        known = await self._database.ask(EVERY, lambda conn: sessions.by_phone(conn, phone))
        for community_id, staff_id, name, language in known:
            link = await self._send_link(community_id, staff_id, language)
            if self._printed is not None:
                self._printed(name, link)
        self._bell.ring()

    async def _send_link(self, community_id: int, staff_id: int, language: str) -> str:
        """A new link, on its way to the member's own channel."""
        now, desk_now = self._desk.machine.now(), self._desk.clock.now()

        def invite(conn: Connection) -> str:
            link = f"{self._base}/desk/login/{sessions.invite(conn, community_id, staff_id, now)}"
            words = self._desk.core.words("utter_staff_login", {"link": link}, language)
            say = Say(words, key="utter_staff_login", not_after=desk_now + sessions.LINK_LIFE)
            letter = outbox.row(community_id, staff_address(staff_id), say, desk_now=desk_now, machine_now=now)
            outbox.put(conn, [letter])
            return link

        return await self._database.run(community_id, invite)

    async def confirm(self, request: Request, token: str) -> Response:
        invited = await self._invited(token)
        if invited is None:
            return page("desk/login_gone.html", 410, demo=self._demo, me=None, language=browser_language(request))
        return page(
            "desk/login_confirm.html", name=invited[1], token=token, demo=self._demo, me=None, language=browser_language(request)
        )

    async def redeem(self, request: Request, token: str) -> Response:
        same_origin(request)
        invited, opened = await self._invited(token), None
        if invited is not None:
            community_id, now = invited[0], self._desk.machine.now()
            opened = await self._database.run(
                community_id, lambda conn: sessions.redeem(conn, community_id, token, now)
            )
        if opened is None:
            return page("desk/login_gone.html", 410, demo=self._demo, me=None, language=browser_language(request))
        return self.let_in(opened)

    async def _invited(self, token: str) -> tuple[int, str] | None:
        now = self._desk.machine.now()
        return await self._database.ask(EVERY, lambda conn: sessions.invited(conn, token, now))

    def let_in(self, token: str, where: str = "/desk") -> Response:
        """On to the desk, with the session's cookie."""
        answer = RedirectResponse(where, SEE_OTHER)
        answer.set_cookie(
            COOKIE, token, max_age=int(sessions.SESSION_LIFE.total_seconds()), path="/desk", httponly=True,
            secure=self._secure, samesite="lax",
        )  # fmt: skip
        return answer

    async def leave(self, request: Request) -> Response:
        visitor = await self.visitor(request)
        await self.form(request, visitor)
        within = visitor.signed.community_id
        await self._database.run(within, lambda conn: sessions.close(conn, within, visitor.token))
        answer = RedirectResponse("/desk/login", SEE_OTHER)
        answer.delete_cookie(COOKIE, path="/desk")
        return answer

    async def speak(self, request: Request) -> Response:
        visitor = await self.visitor(request)
        form = await self.form(request, visitor)
        language = "en" if form.get("language") == "en" else "zh"
        within = visitor.signed.community_id
        await self._database.run(within, lambda conn: sessions.speak(conn, within, visitor.token, language))
        return RedirectResponse(local(form.get("back") or "/desk"), SEE_OTHER)

    # ── who asks ──

    async def visitor(self, request: Request) -> Visitor:
        """Who asks. Raises NotSignedIn: the page goes to the login."""
        token = request.cookies.get(COOKIE, "")
        now = self._desk.machine.now()
        found = await self._database.ask(EVERY, lambda conn: sessions.find(conn, token, now)) if token else None
        if found is None:
            raise NotSignedIn
        signed, stale = found
        if stale:
            within = signed.community_id
            await self._database.run(within, lambda conn: sessions.seen(conn, within, token, now))
        return Visitor(signed, token)

    async def form(self, request: Request, visitor: Visitor) -> Form:
        """The form of a signed-in visitor. 403 when it does not carry the session's word, 413 when it is too large."""
        same_origin(request)
        form = await read_form(request)
        if not hmac.compare_digest(form.get("csrf").encode(), visitor.signed.csrf.encode()):
            raise HTTPException(403, "csrf")
        return form

    async def language(self, request: Request) -> str:
        """The language of a page for whoever asks: the session's, else the browser's."""
        with contextlib.suppress(NotSignedIn):
            return (await self.visitor(request)).language
        return browser_language(request)


@dataclass(frozen=True, slots=True)
class Form:
    """A form that was sent: its fields, cleaned, and the files of its field `photo`."""

    fields: Mapping[str, str]
    photos: tuple[bytes, ...] = ()

    def get(self, name: str) -> str:
        """The field, stripped; empty when it is not there."""
        return self.fields.get(name, "")


#: PostgreSQL keeps no null character, and nobody means one.
_NULL = "\x00"
_SMALL = 4 * 1024
_MOST_PHOTOS = 6
_LARGEST_FORM = 64 * 1024 * 1024


async def read_form(request: Request) -> Form:
    """Fields and photos of a form. 413 when it is larger than six photos can be."""
    if int(request.headers.get("content-length") or 0) > _LARGEST_FORM:
        raise HTTPException(413)
    async with request.form(max_files=_MOST_PHOTOS, max_fields=60) as form:
        fields = {k: v.replace(_NULL, "").strip() for k, v in form.multi_items() if isinstance(v, str)}
        uploads = [v for k, v in form.multi_items() if k == "photo" and not isinstance(v, str) and v.filename]
        return Form(fields, tuple([await upload.read() for upload in uploads]))


async def small_form(request: Request) -> Mapping[str, str]:
    """A few plain fields from anybody at all: read no further than 4 KB, no files. 413 beyond."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > _SMALL:
            raise HTTPException(413)
    pairs = parse_qsl(data.decode("utf-8", "replace"), max_num_fields=10)
    return {name: value.replace(_NULL, "").strip() for name, value in pairs}


class NotSignedIn(Exception):
    """Nobody is signed in here, or the session has ended."""


def same_origin(request: Request) -> None:
    """403 when a browser says that the form comes from another site."""
    origin = request.headers.get("origin")
    if origin and origin != "null" and urlsplit(origin).netloc != request.headers.get("host"):
        raise HTTPException(403, "origin")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none", "same-site"):
        raise HTTPException(403, "origin")


def local(path: str) -> str:
    """A path of this site, never another site's address."""
    return path if path.startswith("/") and not path.startswith("//") and "\\" not in path else "/desk"
