"""A printed sheet scanned, an erased conversation, and the pages of people and codes, in real windows. No language model is needed."""

from __future__ import annotations

import re

import pytest
from playwright.async_api import Page, Route, expect

from tests.browser.conftest import DESKTOP, PHONE, Windows, say
from tests.browser.test_accessible import blemishes, runs_off

pytestmark = pytest.mark.xdist_group("browser")

ROOM = "4栋1单元703"


async def rooms_page(windows: Windows, size: dict[str, int] = DESKTOP) -> Page:
    """The room's page, open before the steward."""
    steward = await windows.staff("steward", size)
    await steward.goto(f"{windows.address}/desk/rooms?q={ROOM}")
    await steward.get_by_role("link", name=ROOM, exact=True).first.click()
    await expect(steward.get_by_role("heading", level=1)).to_have_text(ROOM)
    return steward


async def makes_a_code(steward: Page) -> str:
    """The link of a code for the household's family, on a page that shows it this once."""
    await steward.select_option("#household", index=1)
    await steward.select_option("#role", "family")
    await steward.fill("#name", "李四")
    await steward.check("[name=printed]")
    await steward.locator("#invite button").click()
    return await steward.locator(".code .link").inner_text()


async def test_a_scanned_sheet_links_the_home_once(plain_windows: Windows) -> None:
    windows = plain_windows
    link = await makes_a_code(await rooms_page(windows))
    resident = await (await windows.profile(PHONE)).new_page()
    tries: list[str] = []

    async def breaks_once(route: Route) -> None:
        if route.request.method != "POST" or tries:
            await route.continue_()
        else:
            tries.append(route.request.post_data or "")
            await route.abort()

    await resident.route("**/chat/YH/messages*", breaks_once)
    await resident.goto(link)
    await expect(resident.locator(".message.desk", has_text=ROOM)).to_be_visible(timeout=20_000)
    assert "start" not in resident.url and '"start":' in tries[0]
    await expect(resident.locator(".message.me")).to_have_count(1)
    await expect(resident.locator(".message.me")).to_contain_text("扫码")
    await resident.reload()
    await expect(resident.locator(".message.desk", has_text=ROOM)).to_be_visible(timeout=20_000)
    await expect(resident.locator(".message.me")).to_have_count(1)
    await resident.locator(".message .choices").get_by_role("button", name="同意", exact=True).click()
    await expect(resident.locator(".message.desk").last).to_contain_text("已绑定", timeout=20_000)
    again = await (await windows.profile(PHONE)).new_page()
    await again.goto(link)
    await expect(again.locator(".message.desk").last).to_contain_text("不能用", timeout=20_000)


async def test_an_erased_conversation_leaves_nothing_on_the_page(plain_windows: Windows) -> None:
    resident = await (await plain_windows.profile(PHONE)).new_page()
    await resident.goto(f"{plain_windows.address}/chat/YH")
    await resident.wait_for_selector("#starters button:visible")
    await say(resident, "隐私")
    stores = "JSON.stringify([{...localStorage}, {...sessionStorage}])"
    token = await resident.evaluate("localStorage.getItem('desk-chat-YH')")
    await resident.locator(".message .choices").get_by_role("button", name="删除", exact=True).click()
    await expect(resident.locator(".message.desk").last).to_contain_text("确定删除吗", timeout=20_000)
    await resident.locator(".message .choices").get_by_role("button", name="确定删除", exact=True).click()
    await expect(resident.locator("#erased")).to_contain_text("已删除", timeout=20_000)
    await expect(resident.locator(".message")).to_have_count(0)
    assert resident.url.endswith("/chat/YH")
    fresh = await resident.evaluate("localStorage.getItem('desk-chat-YH')")
    assert fresh and fresh != token and token[-8:] not in await resident.evaluate(stores)
    assert await blemishes(resident) == []
    await say(resident, "你好")
    await expect(resident.locator(".message.me")).to_have_count(1)
    await resident.reload()
    await expect(resident.locator(".message.me")).to_have_count(1, timeout=20_000)
    await expect(resident.locator("#erased")).to_have_count(0)


async def applies_with_papers(windows: Windows) -> None:
    stranger = await (await windows.profile(PHONE)).new_page()
    await stranger.goto(f"{windows.address}/chat/YH")
    await stranger.wait_for_selector("#starters button:visible")
    await say(stranger, "绑定")
    for choice in ("登记信息不符，交客服核实", "同意"):
        before = await stranger.locator(".message.desk").count()
        await stranger.locator(".message .choices").get_by_role("button", name=choice, exact=True).click()
        await expect(stranger.locator(".message.desk")).not_to_have_count(before, timeout=20_000)
    for words in (ROOM, "李四", "租客", "不同意", "跳过", "13800001234"):
        if re.search("已登记", await stranger.locator(".message.desk").last.inner_text()):
            break
        await say(stranger, words)
    await expect(stranger.locator(".message.desk").last).to_contain_text("已登记", timeout=20_000)


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
async def test_the_pages_of_people_and_codes(plain_windows: Windows, size: dict[str, int]) -> None:
    windows = plain_windows
    await applies_with_papers(windows)
    found: dict[str, list[str]] = {}

    async def look(page: Page, name: str) -> None:
        wrong = await blemishes(page)
        if await runs_off(page):
            wrong.append("runs off the side")
        if wrong:
            found[name] = wrong

    steward = await rooms_page(windows, size)
    await look(steward, "room")
    await steward.get_by_text("结束绑定").first.click()
    await look(steward, "room, about to end a link")
    await steward.locator(".member a").first.click()
    await look(steward, "person")
    await steward.go_back()
    await makes_a_code(steward)
    await look(steward, "code")
    async with steward.context.expect_page() as opened:
        await steward.get_by_role("button", name="打印单").click()
    sheet = await opened.value
    await sheet.wait_for_load_state()
    for media in ("screen", "print"):
        await sheet.emulate_media(media=media)  # type: ignore[arg-type]
        await look(sheet, f"sheet on {media}")
    await steward.goto(f"{windows.address}/desk?tab=all")
    await steward.locator("a.stretch", has_text="申请绑定").first.click()
    await expect(steward.locator("#application")).to_be_visible()
    await look(steward, "application")
    supervisor = await windows.staff("supervisor", size)
    for place in ("/desk/disclosures", "/desk/duty", "/desk/people"):
        await supervisor.goto(f"{windows.address}{place}")
        await look(supervisor, place)
    await supervisor.goto(f"{windows.address}/desk/duty")
    await supervisor.locator("#staff-code button").click()
    await look(supervisor, "code of a colleague")
    assert found == {}


async def test_a_residents_copy(plain_windows: Windows) -> None:
    resident = await plain_windows.resident(PHONE)
    await say(resident, "隐私")
    before = await resident.locator(".message.desk").count()
    await resident.locator(".message .choices").get_by_role("button", name="导出", exact=True).click()
    await expect(resident.locator(".message.desk")).not_to_have_count(before, timeout=20_000)
    link = re.search(r"http\S+/mine/\S+", await resident.locator(".message.desk").last.inner_text())
    assert link is not None
    page = await (await plain_windows.profile(PHONE)).new_page()
    await page.goto(link.group())
    assert await blemishes(page) == [] and not await runs_off(page)
    async with page.expect_download() as coming:
        await page.get_by_role("button", name="取得副本").click()
    assert (await coming.value).suggested_filename == "my-data.json"
    await page.goto(link.group())
    await expect(page.get_by_role("heading", level=1)).to_have_text("链接已失效")
    assert await blemishes(page) == []
