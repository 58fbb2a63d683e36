"""Whether the desk lives and whether it is ready, as a balancer asks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from bot import web


async def ask(path: str, parts: Mapping[str, Any]) -> httpx.Response:
    async def ready() -> Mapping[str, Any]:
        return parts

    transport = httpx.ASGITransport(app=web.build(ready))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        return await client.get(path)


async def test_a_desk_that_runs_is_alive_whatever_its_parts_do() -> None:
    answer = await ask("/health", {"ready": False})
    assert answer.status_code == 200 and answer.json() == {"status": "alive", "nlu_model": None}


@pytest.mark.parametrize(("database", "status"), [(True, 200), (False, 503)])
async def test_without_its_database_it_is_not_ready_and_says_which_model_it_has(database: bool, status: int) -> None:
    answer = await ask("/ready", {"ready": database, "database": database, "nlu_model": "5e6422fe090f73f4"})
    assert answer.status_code == status
    assert answer.json()["nlu_model"] == "5e6422fe090f73f4"


async def test_alive_names_the_language_model_that_reads_now() -> None:
    async def ready() -> Mapping[str, Any]:
        return {"ready": True}

    transport = httpx.ASGITransport(app=web.build(ready, model=lambda: "5e6422fe090f73f4"))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        assert (await client.get("/health")).json()["nlu_model"] == "5e6422fe090f73f4"
