"""The web face of the desk. For now: whether it lives and whether it is ready."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.responses import JSONResponse


def build(ready: Callable[[], Awaitable[Mapping[str, Any]]]) -> FastAPI:
    """The application. `ready` tells the state of the parts; its "ready" decides 200 or 503."""
    web = FastAPI(title="resident desk", docs_url=None, redoc_url=None, openapi_url=None)

    @web.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "alive"}

    @web.get("/ready")
    async def readiness() -> JSONResponse:
        parts = await ready()
        return JSONResponse(dict(parts), status_code=200 if parts["ready"] else 503)

    return web
