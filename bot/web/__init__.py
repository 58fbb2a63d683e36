"""The web face of the desk: health for machines, a page for residents, pages for staff, the start page of the demo.

Built from parts that the composition root hands in; it opens no database and reads no setting itself.
"""

from __future__ import annotations

import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import FileResponse, JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException as StarletteHTTPException

from bot.core.access import Refused
from bot.core.domain import Script
from bot.media import MediaStore
from bot.web.chat import ChatPage
from bot.web.demo import DemoPage
from bot.web.desk import DeskPages
from bot.web.entry import SEE_OTHER, Entry, NotSignedIn
from bot.web.live import Watch
from bot.web.pages import STATIC, fence, page, word
from bot.work import NotFound
from bot.workers import Workers

log = structlog.get_logger()

Ready = Callable[[], Awaitable[Mapping[str, Any]]]


@dataclass(frozen=True, slots=True)
class Site:
    """What the pages are built from.

    Args:
        base_url: where staff reach the pages; it stands in login links.
        embedded_by: origins that may frame the resident's page.
        printed: called with (name, link) for each login link; the demo prints it.
        demo: (community id, its code, the address listened on) where the start page is wanted.
    """

    workers: Workers
    script: Script
    media: MediaStore
    watch: Watch
    base_url: str
    embedded_by: tuple[str, ...] = ()
    printed: Callable[[str, str], None] | None = None
    demo: tuple[int, str, str] | None = None


def build(ready: Ready, site: Site | None = None) -> FastAPI:
    """The application. `ready` tells the state of the parts; its "ready" decides 200 or 503. Without a site: health alone."""
    web = FastAPI(title="resident desk", docs_url=None, redoc_url=None, openapi_url=None)

    @web.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "alive"}

    @web.get("/ready")
    async def readiness() -> JSONResponse:
        parts = await ready()
        return JSONResponse(dict(parts), status_code=200 if parts["ready"] else 503)

    if site is not None:
        _mount(web, site)
    return web


def _mount(web: FastAPI, site: Site) -> None:
    workers, desk = site.workers, site.workers.desk

    def stirred() -> None:
        workers.outbox_bell.ring()
        site.watch.wake()

    entry = Entry(desk, workers.outbox_bell, site.base_url, site.printed, demo=site.demo is not None)
    pages = DeskPages(desk, site.script, entry, site.media, site.watch, stirred, demo=site.demo is not None)
    web.add_api_route("/favicon.ico", _icon, methods=["GET"], response_model=None)
    web.mount("/static", StaticFiles(directory=STATIC), name="static")
    web.include_router(ChatPage(workers, site.script, site.media, site.watch).router())
    web.include_router(entry.router())
    web.include_router(pages.router())
    if site.demo is not None:
        community_id, code, host = site.demo
        web.include_router(DemoPage(desk, workers, entry, community_id, code, host).router())
    else:
        web.add_api_route("/", _to_desk, methods=["GET"], response_model=None)
    web.middleware("http")(fence(site.embedded_by))
    web.add_exception_handler(NotSignedIn, _sign_in)
    web.add_exception_handler(Refused, _refused)
    web.add_exception_handler(NotFound, _not_found)
    web.add_exception_handler(StarletteHTTPException, _failed)
    web.add_exception_handler(Exception, _broken)


async def _to_desk(request: Request) -> Response:
    return RedirectResponse("/desk", SEE_OTHER)


async def _icon(request: Request) -> Response:
    return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml", headers={"Cache-Control": "max-age=86400"})


# ── what can go wrong, in a sentence with a way out ──


def _language(request: Request) -> str:
    first = request.headers.get("accept-language", "zh").split(",")[0].strip().lower()
    return "zh" if not first or first.startswith("zh") else "en"


def _error(request: Request, status: int, which: str) -> Response:
    """A page for a person, JSON for a script."""
    language = _language(request)
    if request.url.path.startswith("/chat/") and not request.url.path.endswith(".js") and request.method == "POST":
        return JSONResponse({"error": word(f"error_{which}", language)}, status_code=status)
    where = "/desk" if request.url.path.startswith("/desk") else "/"
    return page(
        "desk/error.html",
        status,
        me=None,
        demo=False,
        language=language,
        title=word(f"error_{which}_title", language),
        sentence=word(f"error_{which}", language),
        way_out={"url": where, "label": word("error_way_out", language)},
    )


async def _sign_in(request: Request, _: Exception) -> Response:
    if request.url.path == "/desk/changes":
        return Response(status_code=401)
    return RedirectResponse("/desk/login", SEE_OTHER)


async def _refused(request: Request, _: Exception) -> Response:
    return _error(request, 403, "refused")


async def _not_found(request: Request, _: Exception) -> Response:
    return _error(request, 404, "missing")


_KINDS = {401: "refused", 403: "form", 404: "missing", 405: "missing", 413: "large"}


async def _failed(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, StarletteHTTPException) else 500
    if isinstance(error, HTTPException) and request.url.path.startswith("/chat/") and status == 401:
        return JSONResponse({"error": word("error_refused", _language(request))}, status_code=401)
    return _error(request, status, _KINDS.get(status, "broken"))


async def _broken(request: Request, error: Exception) -> Response:
    # The route's pattern, not the path: a path may hold a login link.
    route = getattr(request.scope.get("route"), "path", "")
    log.error("page_failed", route=route, trace="".join(traceback.format_exception(error)))
    return _error(request, 500, "broken")
