"""axe finds nothing serious on any page, on a phone and on a desktop, in the light and in the dark; nothing runs off the side at
320 CSS pixels or at twice the size of the letters."""

from __future__ import annotations

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Page

from tests.browser.conftest import DESKTOP, PHONE, Windows, say

pytestmark = pytest.mark.xdist_group("browser")

SERIOUS = frozenset({"serious", "critical"})
SUPERVISOR_PAGES = (
    "/desk?tab=all", "/desk/talks?tab=all", "/desk/file", "/desk/calls", "/desk/notices", "/desk/digest", "/desk/duty",
    "/desk/people", "/desk/people?tab=staff", "/desk/rooms", "/desk/shadow",
)  # fmt: skip


async def blemishes(page: Page) -> list[str]:
    found = await Axe().run(page)
    return [
        f"{v['id']} ({v['impact']}): {v['nodes'][0]['target']}"
        for v in found.response["violations"]
        if v["impact"] in SERIOUS
    ]


async def runs_off(page: Page) -> bool:
    return bool(await page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth + 1"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_the_residents_page(windows: Windows, scheme: str) -> None:
    resident = await windows.resident(PHONE)
    await resident.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
    assert await blemishes(resident) == [], "as a visitor finds it"
    await say(resident, "电梯里有人被困了")
    await say(resident, "3栋2单元")
    assert await blemishes(resident) == [], "with an emergency on it"
    for size in ({"width": 320, "height": 568}, {"width": 195, "height": 422}, DESKTOP):
        await resident.set_viewport_size(size)  # type: ignore[arg-type]
        assert not await runs_off(resident), size


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_the_staffs_pages(windows: Windows, size: dict[str, int]) -> None:
    resident = await windows.resident()
    for words in ("主卧空调外机支架松了", "明天上午", "对"):
        await say(resident, words)
    supervisor = await windows.staff("supervisor", size)
    found: dict[str, list[str]] = {}
    places = list(SUPERVISOR_PAGES)
    await supervisor.goto(f"{windows.address}/desk?tab=all")
    places.append(str(await supervisor.locator("a.stretch").first.get_attribute("href")))
    await supervisor.goto(f"{windows.address}/desk/talks?tab=all")
    places.append(str(await supervisor.locator("main a[href^='/desk/talks/']").first.get_attribute("href")))
    for place in places:
        await supervisor.goto(f"{windows.address}{place}")
        if wrong := await blemishes(supervisor):
            found[place] = wrong
        if await runs_off(supervisor):
            found.setdefault(place, []).append("runs off the side")
    assert found == {}


async def test_the_start_page_and_the_login(windows: Windows) -> None:
    page = await (await windows.profile(PHONE)).new_page()
    for place in ("/", "/?lang=en", "/desk/login", "/desk/login/unknown"):
        await page.goto(f"{windows.address}{place}")
        assert await blemishes(page) == [], place
        assert not await runs_off(page), place
