"""Open pages that wait: told at once, let go in time, and nothing looks at the database while nobody waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest

from bot import photos
from bot.core.types import Media
from bot.database import Within
from bot.web import desk as desk_pages
from bot.web import live
from tests.web.site import Page, Site, Staff


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_pages, "_LONGEST_WAIT", timedelta(seconds=1))


async def shown(someone: Staff, path: str = "/desk") -> str:
    """The version a page of the desk was drawn at."""
    page: Page = await someone.see(path)
    return next(a["data-version"] for tag, a in page.elements if tag == "body")


async def waits(someone: Staff, since: str, *, while_: Callable[[], Any] | None = None) -> tuple[httpx.Response, float]:
    """What an open page is told, and after how long; told nothing it asks again, as it does in a browser."""
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def happen() -> None:
        await asyncio.sleep(0.1)
        if while_ is not None:
            done = while_()
            if asyncio.iscoroutine(done):
                await done

    async def ask() -> httpx.Response:
        while True:
            answer = await someone.get("/desk/changes", since=since)
            if answer.status_code != 204 or loop.time() - began > 1.5:
                return answer

    answer, _ = await asyncio.gather(ask(), happen())
    return answer, loop.time() - began


async def test_an_open_page_hears_of_a_new_ticket_at_once(site_on_both: Site) -> None:
    liu = site_on_both.staff("technician")
    since = await shown(liu)
    answer, took = await waits(liu, since, while_=site_on_both.ticket)
    assert answer.status_code == 200 and answer.json()["v"] > since and took < 1.5


async def test_what_was_written_before_it_asked_is_told_without_a_wait(site: Site) -> None:
    liu = site.staff("technician")
    since = await shown(liu)
    site.ticket()
    answer, took = await waits(liu, since)
    assert answer.status_code == 200 and took < 0.5


async def test_a_page_of_a_newer_version_than_ever_was_is_let_go_after_the_wait(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_pages, "_LONGEST_WAIT", timedelta(seconds=0.3))
    for since in ("zzz", "999999999999.0.0.0", await shown(site.staff("technician"))):
        answer = await site.staff("technician").get("/desk/changes", since=since)
        assert answer.status_code == 204 and answer.text == ""


async def test_a_page_that_is_up_to_date_waits(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk_pages, "_LONGEST_WAIT", timedelta(seconds=0.5))
    liu = site.staff("technician")
    loop = asyncio.get_running_loop()
    since, began = await shown(liu), loop.time()
    answer = await liu.get("/desk/changes", since=since)
    assert answer.status_code == 204 and loop.time() - began > 0.45


async def test_news_between_the_look_and_the_wait_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    liu = site.staff("technician")
    since, look = await shown(liu), live.version
    written: list[str] = []

    def looked(conn: Any, community_id: int) -> str:
        seen = look(conn, community_id)
        if not written:
            written.append(site.ticket())  # a moment after the look
        return seen

    monkeypatch.setattr(live, "version", looked)
    loop = asyncio.get_running_loop()
    began = loop.time()
    answer = await liu.get("/desk/changes", since=since)
    assert answer.status_code == 200 and loop.time() - began < 0.8


async def test_a_page_without_a_version_gets_one(site: Site) -> None:
    liu = site.staff("technician")
    answer, took = await waits(liu, "")
    assert answer.json()["v"] == await shown(liu) and took < 0.5


async def test_each_thing_staff_see_happen_is_news(site: Site) -> None:
    boss, steward = site.staff("supervisor"), site.staff("steward")
    wang = site.resident("王建国")
    number = site.ticket(resident="王建国")
    happenings: dict[str, Callable[[], Any]] = {
        "a resident wrote": lambda: wang.deliver(text="转人工"),
        "the desk answered": site.settle,
        "a move": lambda: steward.act(number, "accept"),
        "a note": lambda: steward.post(f"/desk/tickets/{number}/note", {"note": "备注"}),
        "a conversation taken": lambda: steward.post(f"/desk/talks/{wang.talk_id}/take"),
        "words of a colleague": lambda: steward.post(f"/desk/talks/{wang.talk_id}/say", {"text": "在的"}),
        "a call to make": lambda: site.put(
            "phone_task", community_id=1, text="x", reason="failed", status="open", created_at=site.clock.now()
        ),
    }
    for what, happens in happenings.items():
        answer, took = await waits(boss, await shown(boss), while_=happens)
        assert answer.status_code == 200 and took < 1.5, what


async def test_a_call_that_was_made_is_news_to_the_colleague_who_has_it_open(site: Site) -> None:
    ding, ren = site.staff("steward"), site.staff("steward", nth=1)
    site.put("phone_task", community_id=1, text="x", reason="failed", status="open", created_at=site.clock.now())
    answer, took = await waits(ding, await shown(ding, "/desk/calls"), while_=lambda: ren.post("/desk/calls/1/done"))
    assert answer.status_code == 200 and took < 1.5


async def test_a_photo_that_has_come_is_news(site: Site) -> None:
    boss, wang = site.staff("supervisor"), site.resident("王建国")
    place = (1, wang.talk_id, "telegram", "bot", Media("photo", "ref"), site.clock.now())
    site.database.write(1, lambda c: photos.register(c, *place))
    wanted = site.database.read(1, lambda c: photos.wanted(c, 1, 1))
    assert wanted is not None
    arrives = lambda: site.database.write(1, lambda c: photos.fetched(c, wanted, "0" * 64))  # noqa: E731
    answer, took = await waits(boss, await shown(boss), while_=arrives)
    assert answer.status_code == 200 and took < 1.5


async def test_the_version_only_grows(site: Site) -> None:
    wang = site.resident("王建国")
    read = lambda: site.database.read(1, lambda c: live.version(c, 1))  # noqa: E731
    seen = [read()]
    for text in ("你好", "转人工", "水费怎么交"):
        await wang.write(text)
        site.ticket()
        seen.append(read())
    assert seen == sorted(seen) and len(set(seen)) == 4


# ── the watch itself ──


async def test_nothing_looks_while_nobody_waits_and_one_looks_for_all(site: Site) -> None:
    looks = 0
    ask = site.database.ask

    async def counted(within: Within, query: Callable[..., Any]) -> Any:
        nonlocal looks
        looks += 1
        return await ask(within, query)

    site.watch._database.ask = counted  # type: ignore[method-assign]
    await asyncio.sleep(0.1)
    assert looks == 0
    await asyncio.gather(*(site.watch.talk(n, timedelta(seconds=0.3)) for n in range(50)))
    assert 3 < looks <= 20  # every 20 ms for 0.3 s, whoever waits
    await asyncio.sleep(0.1)
    before = looks
    await asyncio.sleep(0.1)
    assert looks == before and site.watch._talks == {}


async def test_a_database_that_is_away_for_a_moment_costs_a_moment(site: Site) -> None:
    wang = site.resident("王建国")
    read, broken = site.watch._read, 3

    def away(conn: Any, since: Any) -> Any:
        nonlocal broken
        if broken:
            broken -= 1
            raise OSError("the server closed the connection unexpectedly")
        return read(conn, since)

    site.watch._read = away  # type: ignore[method-assign]
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def write() -> None:
        await asyncio.sleep(0.3)
        await wang.deliver(text="你好")

    await asyncio.gather(site.watch.talk(wang.talk_id, timedelta(seconds=3)), write())
    assert loop.time() - began < 2 and broken == 0


async def test_a_page_that_goes_away_is_forgotten(site: Site) -> None:
    waiting = asyncio.create_task(site.watch.talk(1, timedelta(seconds=5)))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    assert not any(site.watch._talks.values())


async def test_after_closing_nobody_waits(site: Site) -> None:
    pages = asyncio.gather(site.watch.anything(timedelta(seconds=5)), site.watch.talk(1, timedelta(seconds=5)))
    await asyncio.sleep(0.05)
    await site.watch.close()
    await asyncio.wait_for(pages, 1)
    await asyncio.wait_for(site.watch.anything(timedelta(seconds=5)), 0.5)
    assert site.watch.closed
