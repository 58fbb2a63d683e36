"""A real Chromium against the real demo: `bot demo` as a newcomer starts it, with the language model, on a free port.

The process is started once; every test opens its own browser windows. Chromium is Debian's (`apt-get install chromium`): without
it the tests are skipped with the reason, or fail when REQUIRE_ALL=1.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

ROOT = Path(__file__).parents[2]
STARTS_WITHIN = 240  # seconds; the language model starts on a busy machine
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1280, "height": 900}


def _missing(reason: str) -> None:
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        _missing("no chromium on the PATH: apt-get install chromium")
    return str(found)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(folder: Path, *, model: bool) -> Iterator[str]:
    """The address of a demo that runs as long as the context lasts, with the language model or without."""
    port = _free_port()
    settings = {"DESK_VAR": str(folder / "var"), "DESK_PORT": str(port), "DESK_RASA_URL": f"http://127.0.0.1:{_free_port()}"}
    if not model:
        settings["DESK_RASA"] = "false"
    log = (folder / "demo.txt").open("w+")
    process = subprocess.Popen(
        [sys.executable, "-m", "bot", "demo"], cwd=ROOT, env={**os.environ, **settings}, stdout=log, stderr=log
    )
    address = f"http://127.0.0.1:{port}"
    try:
        until = time.monotonic() + STARTS_WITHIN
        while time.monotonic() < until:
            try:
                answer = httpx.get(f"{address}/ready", timeout=2, trust_env=False).json()
                if answer["nlu_model"] if model else answer["ready"]:
                    break
            except (httpx.HTTPError, ValueError):
                pass
            if process.poll() is not None:
                break
            time.sleep(0.3)
        else:
            process.kill()
        if process.poll() is not None:
            log.seek(0)
            pytest.fail(f"the demo did not start: {log.read()[-2000:]}")
        yield address
    finally:
        process.terminate()
        process.wait(30)
        log.close()


@pytest.fixture(scope="session")
def demo(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a running demo."""
    with _running(tmp_path_factory.mktemp("demo"), model=True) as address:
        yield address


@pytest.fixture(scope="session")
def plain_demo(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a demo without the language model, for what needs none: it is there in seconds."""
    with _running(tmp_path_factory.mktemp("plain"), model=False) as address:
        yield address


@dataclass
class Windows:
    """Browser windows of one test; every person has a profile of their own, so that logins do not mix."""

    browser: Browser
    address: str

    async def profile(self, size: dict[str, int], language: str = "zh-CN") -> BrowserContext:
        return await self.browser.new_context(viewport=size, locale=language)  # type: ignore[arg-type]

    async def resident(self, size: dict[str, int] = PHONE, language: str = "zh") -> Page:
        """The owner of the demo's home, at the page."""
        profile = await self.profile(size, "zh-CN" if language == "zh" else "en-GB")
        start = await profile.new_page()
        await start.goto(f"{self.address}/?lang={language}")
        async with profile.expect_page() as opened:
            await start.click('form[action="/demo/be/resident"] button')
        page = await opened.value
        await page.set_viewport_size(size)  # type: ignore[arg-type]
        await page.wait_for_load_state()  # the field is there before the script that listens to it
        await page.wait_for_selector("textarea")
        await page.bring_to_front()
        return page

    async def staff(self, role: str, size: dict[str, int] = DESKTOP) -> Page:
        """A member of staff on duty, at the desk."""
        page = await (await self.profile(size)).new_page()
        await page.goto(self.address)
        await page.click(f'form[action="/demo/be/{role}"] button')
        await page.wait_for_selector("nav.main-nav")
        return page

    async def clock(self, to: str) -> Page:
        """The demo's clock, moved: "next", "1h" or "1d"."""
        page = await (await self.profile(DESKTOP)).new_page()
        await page.goto(self.address)
        await page.click(f'form[action="/demo/clock"]:has(input[value="{to}"]) button')
        await page.wait_for_load_state()
        return page


@asynccontextmanager
async def _browser(chromium: str, address: str) -> AsyncIterator[Windows]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        try:
            yield Windows(browser, address)
        finally:
            await browser.close()


@pytest.fixture
async def windows(chromium: str, demo: str) -> AsyncIterator[Windows]:
    async with _browser(chromium, demo) as opened:
        yield opened


@pytest.fixture
async def plain_windows(chromium: str, plain_demo: str) -> AsyncIterator[Windows]:
    async with _browser(chromium, plain_demo) as opened:
        yield opened


async def say(page: Page, words: str) -> None:
    """The resident writes and waits until the desk has answered."""
    before = await page.locator(".message.desk, .message.staff").count()
    await page.fill("textarea", words)
    await page.keyboard.press("Enter")
    await page.wait_for_function(
        "n => document.querySelectorAll('.message.desk, .message.staff').length > n", arg=before, timeout=20_000
    )
    await page.wait_for_timeout(150)


@pytest.fixture
def picture() -> bytes:
    """A photo as a phone takes it."""
    made = BytesIO()
    Image.linear_gradient("L").resize((640, 480)).convert("RGB").save(made, "JPEG")
    return made.getvalue()
