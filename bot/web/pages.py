"""What every page shares: templates, words, static files, the headers that fence a page in.

Strict by default: a page runs no inline script or style, talks to nobody else and may not be framed; the resident's page
alone may be framed, by the sites the office names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from bot.core.yaml_text import plain

HERE = Path(__file__).parent
STATIC = HERE / "static"

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-src 'self'; frame-ancestors {ancestors}"
)
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(), microphone=(), camera=(self)",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class WordsMistaken(ValueError):
    """bot/web/words.yml lacks a language somewhere; the message names every key."""


@cache
def words() -> Mapping[str, tuple[str, str]]:
    """The words of the staff's pages: key → (Chinese, English). Raises WordsMistaken."""
    raw = plain((HERE / "words.yml").read_text(encoding="utf-8"))
    wrong = [k for k, v in raw.items() if not (isinstance(v, list) and len(v) == 2 and all(isinstance(x, str) for x in v))]
    if wrong:
        raise WordsMistaken(f"bot/web/words.yml: {', '.join(map(str, wrong))}: give [中文, English]")
    return {key: (pair[0], pair[1]) for key, pair in raw.items()}


def word(key: str, language: str) -> str:
    """A word of the staff's pages. Raises KeyError."""
    return words()[key][language == "en"]


@cache
def static(name: str) -> str:
    """The address of a static file; it changes with the file, so that a browser may keep it for good."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:10]
    return f"/static/{name}?v={digest}"


_environment = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=select_autoescape(default=True),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_environment.globals["static"] = static


def page(template: str, status_code: int = 200, **context: Any) -> HTMLResponse:
    """A rendered page. `language` in the context chooses its words."""
    language = context.get("language", "zh")
    context.setdefault("w", lambda key: word(key, language))
    return HTMLResponse(
        _environment.get_template(template).render(context), status_code=status_code, headers={"Cache-Control": "no-store"}
    )


def browser_language(request: Request) -> str:
    """zh or en, as the browser prefers."""
    first = request.headers.get("accept-language", "zh").split(",")[0].strip().lower()
    return "zh" if not first or first.startswith("zh") else "en"


class Fence:
    """The headers on every answer.

    Args:
        embedded_by: origins whose pages may frame the resident's page.
    """

    def __init__(self, embedded_by: tuple[str, ...]) -> None:
        self._chat = _POLICY.format(ancestors=" ".join(("'self'", *embedded_by)))
        self._others = _POLICY.format(ancestors="'none'")

    async def __call__(self, request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        return self.around(request, await call_next(request))

    def around(self, request: Request, response: Response) -> Response:
        """The answer with its headers. An answer made outside the middleware is put through here by its maker."""
        path = request.url.path
        response.headers["Content-Security-Policy"] = self._chat if path.startswith("/chat/") else self._others
        for name, value in _HEADERS.items():
            response.headers.setdefault(name, value)
        if path.startswith("/static/") and "v" in request.query_params and response.status_code == 200:
            response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
        return response
