"""The web face of the desk: health for machines, a page for residents, pages for staff, the start page of the demo.

Built from parts that the composition root hands in; it opens no database and reads no setting itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import BaseRoute

from bot.core.access import Refused
from bot.core.domain import Script
from bot.media import MediaStore
from bot.traces import trace
from bot.web.chat import ChatPage
from bot.web.demo import DemoPage
from bot.web.desk import DeskPages
from bot.web.entry import SEE_OTHER, Entry, NotSignedIn
from bot.web.frames import Frames
from bot.web.live import Watch
from bot.web.mine import MinePage
from bot.web.pages import STATIC, Fence, browser_language, page, word, words
from bot.web.people import Links, PeoplePages, no_links
from bot.work import NotFound
from bot.workers import Workers

log = structlog.get_logger()

Ready = Callable[[], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages are built from.

    Args:
        base_url: where the pages are reached; it stands in login links and in the QR codes of invites.
        embedded_by: origins that may frame the resident's page.
        printed: called with (name, link) for each login link; the demo prints it.
        demo: (community id, its code, the address listened on) where the start page is wanted.
        platforms: what the platforms that call us reach.
        links: what opens a chat on each channel with an invite code, for a community.
    """

    workers: Workers
    script: Script
    media: MediaStore
    watch: Watch
    base_url: str
    embedded_by: tuple[str, ...] = ()
    printed: Callable[[str, str], None] | None = None
    demo: tuple[int, str, str] | None = None
    platforms: Sequence[BaseRoute] = ()
    links: Links = no_links


def build(
    ready: Ready, site: Site | None = None, model: Callable[[], str | None] = lambda: None
) -> FastAPI:
    """The application. Without a site: health alone.

    Args:
        ready: tells the state of the parts; its "ready" decides 200 or 503.
        model: the hash of the language model that reads now, None without one; `/health` names it and asks nobody.
    """
    web = FastAPI(title="resident desk", docs_url=None, redoc_url=None, openapi_url=None)

    @web.get("/health")
    async def health() -> dict[str, str | None]:
        return {"status": "alive", "nlu_model": model()}

    @web.get("/ready")
    async def readiness() -> JSONResponse:
        parts = await ready()
        return JSONResponse(dict(parts), status_code=200 if parts["ready"] else 503)

    if site is not None:
        _mount(web, site)
    return web


def _mount(web: FastAPI, site: Site) -> None:
    words()  # a mistake in them ends the start, not the first page
    workers, desk = site.workers, site.workers.desk

    def stirred() -> None:
        workers.outbox_bell.ring()
        site.watch.wake()

    entry = Entry(desk, workers.outbox_bell, site.base_url, site.printed, demo=site.demo is not None)
    frames = Frames(desk, site.script, entry, demo=site.demo is not None)
    pages = DeskPages(desk, site.script, entry, site.media, site.watch, stirred, frames)
    people = PeoplePages(desk, entry, stirred, frames, site.base_url, site.links)
    web.add_api_route("/favicon.ico", _icon, methods=["GET"], response_model=None)
    web.mount("/static", StaticFiles(directory=STATIC), name="static")
    web.include_router(ChatPage(workers, site.script, site.media, site.watch).router())
    web.router.routes.extend(site.platforms)
    web.include_router(entry.router())
    web.include_router(pages.router())
    web.include_router(people.router())
    web.include_router(MinePage(desk, site.script).router())
    if site.demo is not None:
        community_id, code, host = site.demo
        web.include_router(DemoPage(desk, workers, entry, community_id, code, host).router())
    else:
        web.add_api_route("/", _to_desk, methods=["GET"], response_model=None)
    fence = Fence(site.embedded_by)
    web.middleware("http")(fence)
    _Apologies(entry, fence).mount(web)


async def _to_desk(request: Request) -> Response:
    return RedirectResponse("/desk", SEE_OTHER)


async def _icon(request: Request) -> Response:
    return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})


# ── what can go wrong, in a sentence with a way out ──

_KINDS = {401: "refused", 403: "form", 404: "missing", 405: "missing", 413: "large", 422: "missing"}


class _Apologies:
    """A page for a person, JSON for the residents' script; in the language of whoever asked."""

    def __init__(self, entry: Entry, fence: Fence) -> None:
        self._entry = entry
        self._fence = fence

    def mount(self, web: FastAPI) -> None:
        web.add_exception_handler(NotSignedIn, self._sign_in)
        web.add_exception_handler(Refused, self._refused)
        web.add_exception_handler(NotFound, self._not_found)
        web.add_exception_handler(RequestValidationError, self._not_found)
        web.add_exception_handler(StarletteHTTPException, self._failed)
        web.add_exception_handler(Exception, self._broken)

    async def _page(self, request: Request, status: int, which: str, language: str = "") -> Response:
        path = request.url.path
        asked = request.headers.get("x-desk-language", "")
        language = language or (asked if asked in ("zh", "en") else await self._entry.language(request))
        if path.startswith("/chat/") and (request.method == "POST" or "authorization" in request.headers):
            return JSONResponse({"error": word(f"error_{which}", language)}, status_code=status)
        return page(
            "desk/error.html",
            status,
            me=None,
            demo=False,
            language=language,
            title=word(f"error_{which}_title", language),
            sentence=word(f"error_{which}", language),
            way_out={"url": "/desk" if path.startswith("/desk") else "/", "label": word("error_way_out", language)},
        )

    async def _sign_in(self, request: Request, _: Exception) -> Response:
        if request.url.path == "/desk/changes":
            return Response(status_code=401)
        return RedirectResponse("/desk/login", SEE_OTHER)

    async def _refused(self, request: Request, _: Exception) -> Response:
        return await self._page(request, 403, "refused")

    async def _not_found(self, request: Request, _: Exception) -> Response:
        return await self._page(request, 404, "missing")

    async def _failed(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, StarletteHTTPException) else 500
        return await self._page(request, status, _KINDS.get(status, "broken"))

    async def _broken(self, request: Request, error: Exception) -> Response:
        # The route's pattern, not the path: a path may hold a login link.
        route = getattr(request.scope.get("route"), "path", "")
        log.error("page_failed", route=route, trace=trace(error))
        # The database may be what is broken, so no session is asked for; and this answer passes no middleware.
        return self._fence.around(request, await self._page(request, 500, "broken", browser_language(request)))
