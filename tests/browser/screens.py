"""The pictures in docs/screens, taken anew from a running demo: `make screens`. Not a test of CI: it asserts nothing but that the
pages come up, and writes into docs."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Page

from tests.browser.conftest import DESKTOP, PHONE, ROOT, Windows, say

pytestmark = pytest.mark.xdist_group("browser")

SCREENS = ROOT / "docs" / "screens"


async def take(page: Page, name: str, *, whole: bool = False) -> None:
    SCREENS.mkdir(exist_ok=True)
    await page.wait_for_timeout(400)
    path: Path = SCREENS / f"{name}.png"
    await page.screenshot(path=path, full_page=whole)


async def test_take_the_pictures(windows: Windows, picture: bytes) -> None:
    start = await (await windows.profile(DESKTOP)).new_page()
    await start.goto(windows.address)
    await take(start, "start")
    resident = await windows.resident(PHONE)
    await take(resident, "chat-empty")
    await say(resident, "我家厨房水管漏水了，地上都是水")
    await resident.set_input_files("#photos", {"name": "leak.jpg", "mimeType": "image/jpeg", "buffer": picture})
    await resident.click("#send")
    await resident.wait_for_timeout(2500)
    for words in ("明天下午", "对"):
        await say(resident, words)
    await take(resident, "chat-repair")
    danger = await windows.resident(PHONE)
    await say(danger, "电梯里有人被困了，3栋2单元")
    await take(danger, "chat-emergency")
    english = await windows.resident(PHONE, "en")
    await say(english, "The lamp in the corridor on the 7th floor is out")
    await take(english, "chat-english")
    asked = await windows.resident(PHONE)
    await say(asked, "转人工")
    technician = await windows.staff("technician", PHONE)
    await take(technician, "queue-phone")
    await technician.locator("#tickets a", has_text="厨房水管").first.click()
    await technician.get_by_role("button", name="接单", exact=True).first.click()
    await technician.wait_for_load_state()
    await take(technician, "ticket-phone")
    supervisor = await windows.staff("supervisor")
    await supervisor.goto(f"{windows.address}/desk?tab=all")
    await take(supervisor, "queue")
    await supervisor.locator("#tickets a", has_text="厨房水管").first.click()
    await supervisor.wait_for_load_state()
    await take(supervisor, "ticket", whole=True)
    steward = await windows.staff("steward")
    await steward.goto(f"{windows.address}/desk/talks")
    await steward.locator("main a[href^='/desk/talks/']").first.click()
    await steward.get_by_role("button", name="接手会话").click()
    await steward.fill("#text", "您好，请问有什么可以帮您？")
    await steward.locator("form.say button").click()
    await steward.wait_for_load_state()
    await take(steward, "talk")
    await take(asked, "chat-person")
    for name, place in (("file", "/desk/file"), ("duty", "/desk/duty"), ("people", "/desk/people")):
        await supervisor.goto(f"{windows.address}{place}")
        await take(supervisor, name)
    await windows.clock("1d")
    await supervisor.goto(f"{windows.address}/desk/digest")
    await take(supervisor, "digest")
