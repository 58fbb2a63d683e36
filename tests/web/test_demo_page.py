"""The start page of the demonstration: whom to be, a hand on the clock, and nowhere else but here."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from bot.database import Database
from tests.web.site import MORNING, ORIGIN, Page, Resident, Site, open_site, running, unsafe


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_start_page_names_whom_one_can_be(site: Site, language: str) -> None:
    answer = await site.browser().get("/", params={"lang": language})
    page = Page(answer.text)
    assert answer.status_code == 200 and unsafe(answer.text) == [] and page.count("h1") == 1
    for name in ("王建国", "刘师傅", "姚主管", "丁小雯", "程会计"):
        assert name in page.words
    assert ("11-23 周一 10:00" if language == "zh" else "11-23 Mon 10:00") in page.words
    assert {f.action for f in page.forms} == {
        "/demo/clock", *(f"/demo/be/{who}" for who in ("resident", "technician", "supervisor", "steward", "cashier"))
    }  # fmt: skip


@pytest.mark.parametrize(
    ("who", "where"),
    [("technician", "/desk"), ("supervisor", "/desk/digest"), ("steward", "/desk/talks"), ("cashier", "/desk")],
)
async def test_one_press_and_one_is_somebody(site: Site, who: str, where: str) -> None:
    browser = site.browser()
    answer = await browser.post(f"/demo/be/{who}")
    assert (answer.status_code, answer.headers["location"]) == (303, where)
    page = Page((await browser.get(where)).text)
    assert {"technician": "刘师傅", "supervisor": "姚主管", "steward": "丁小雯", "cashier": "程会计"}[who] in page.words
    assert any(tag == "a" and a.get("href") == "/" for tag, a in page.elements)  # the way back


async def test_to_be_the_resident_is_a_new_conversation_whose_token_no_server_log_sees(site: Site) -> None:
    browser = site.browser()
    for n in (1, 2):
        answer = await browser.post("/demo/be/resident", data={"lang": "en"})
        address, _, fragment = answer.headers["location"].partition("#t=")
        assert (answer.status_code, address) == (303, "/chat/YH?lang=en")
        wang = Resident(site, browser, fragment)
        await wang.write("你好")
        assert len(await wang.texts()) == 3 and len(site.rows("conversation", "id")) == n
    assert set(site.rows("conversation", "resident_id")) == {(site.resident_id("王建国"),)}


@pytest.mark.parametrize("who", ["manager", "guard", "nobody", "..%2fdesk", ""])
async def test_nobody_else_can_be_had(site: Site, who: str) -> None:
    answer = await site.browser().post(f"/demo/be/{who}")
    assert answer.status_code in (404, 405) and site.rows("staff_session", "id") == []


async def test_looking_at_a_demo_address_does_nothing(site: Site) -> None:
    for path in ("/demo/be/supervisor", "/demo/clock"):
        assert (await site.browser().get(path)).status_code == 405
    assert site.rows("staff_session", "id") == [] and site.clock.now() == MORNING


# ── the clock ──


@pytest.mark.parametrize(("to", "by"), [("1h", timedelta(hours=1)), ("1d", timedelta(days=1))])
async def test_the_clock_is_moved_on(site: Site, to: str, by: timedelta) -> None:
    answer = await site.browser().post("/demo/clock", data={"value": to, "lang": "en"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/?lang=en")
    assert site.clock.now() == MORNING + by


async def test_to_the_next_due_thing_and_what_happened_is_listed(site: Site) -> None:
    browser = site.browser()
    number = site.ticket()
    page = Page((await browser.get("/")).text)
    assert "下一个时点： 11-23 周一 11:00 响应时限" in page.words and "刚才发生了" not in page.words
    await browser.post("/demo/clock", data=page.form("/demo/clock", value="next").fields)
    assert site.clock.now() == MORNING + timedelta(hours=1)
    after = Page((await browser.get("/")).text)
    assert f"11-23 周一 11:00{number} 响应时限" in after.words
    assert "11-23 周一 11:00" in after.words and site.rows("escalation", "kind", "level") == [("first_response", 1)]
    english = Page((await browser.get("/?lang=en")).text)
    assert f"{number} Response due" in english.words


async def test_with_nothing_due_the_next_thing_is_now(site: Site) -> None:
    assert "暂时没有到点的事" in Page((await site.browser().get("/")).text).words
    assert (await site.browser().post("/demo/clock", data={"value": "next"})).status_code == 303
    assert site.clock.now() == MORNING


async def test_a_day_of_many_things_is_listed_by_its_last_twelve(site: Site) -> None:
    for _ in range(9):
        site.ticket()
    await site.browser().post("/demo/clock", data={"value": "1d"})
    page = Page((await site.browser().get("/")).text)
    listed = page.words.partition("刚才发生了")[2]
    assert listed.count("YH-BX-") == 12


@pytest.mark.parametrize("to", ["", "-1h", "1w", "2026-11-22", "1h; 1d"])
async def test_the_clock_takes_no_other_moves(site: Site, to: str) -> None:
    assert (await site.browser().post("/demo/clock", data={"value": to})).status_code == 400
    assert site.clock.now() == MORNING


async def test_what_the_clock_brings_about_reaches_resident_and_staff(site: Site) -> None:
    """Work done, no word from the resident: the survey goes out by itself, and two days on it is asked again."""
    browser, liu, wang = site.browser(), site.staff("technician"), site.resident("王建国")
    number = site.ticket(resident="王建国")
    for action, note in (("accept", ""), ("depart", ""), ("arrive", ""), ("done", "换了阀芯")):
        assert (await liu.act(number, action, note)).status_code == 303
    before = len(await wang.texts())
    for _ in range(8):
        await browser.post("/demo/clock", data={"value": "next"})
        if site.status(number) == "closed":
            break
    await site.settle()
    assert site.status(number) == "closed" and len(await wang.texts()) > before


# ── nowhere else ──


async def test_outside_the_demo_there_is_no_such_page(estate_database: Database, tmp_path: Path) -> None:
    async with running(open_site(estate_database, tmp_path, demo=False)) as site:
        for path in ("/demo/be/supervisor", "/demo/be/resident", "/demo/clock", "/demo", "/demo/"):
            for answer in (await site.browser().get(path), await site.browser().post(path, data={"value": "1d"})):
                assert answer.status_code == 404, path
        home = await site.browser().get("/")
        assert (home.status_code, home.headers["location"]) == (303, "/desk")
        assert site.clock.now() == MORNING and site.rows("staff_session", "id") == []
        ding = site.staff("steward")
        page = await ding.see("/desk")
        assert not any(a.get("href") == "/" for _, a in page.elements) and "演示" not in page.words
        login = Page((await site.browser().get("/desk/login")).text)
        assert not any(a.get("href") == "/" for _, a in login.elements)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "8.8.8.8", "desk.example"])
def test_the_demo_is_not_built_for_an_address_others_reach(estate_database: Database, tmp_path: Path, host: str) -> None:
    with pytest.raises(ValueError):
        open_site(estate_database, tmp_path, host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_it_is_built_for_this_machine(estate_database: Database, tmp_path: Path, host: str) -> None:
    assert open_site(estate_database, tmp_path, host=host).web is not None


async def test_a_name_of_another_site_that_points_here_is_not_this_site(site: Site) -> None:
    headers = {"host": "evil.example", "origin": "http://evil.example", "sec-fetch-site": "same-origin"}
    answer = await site.browser().post("/demo/be/supervisor", headers=headers)
    assert answer.status_code in (400, 403, 404, 421) and site.rows("staff_session", "id") == []


async def test_the_way_back_stays_on_this_site(site: Site) -> None:
    for value in ("//evil.example", "https://evil.example", "en&x=//evil"):
        answer = await site.browser().post("/demo/clock", data={"value": "1h", "lang": value})
        assert answer.headers["location"] == "/"
    assert ORIGIN == "http://desk.test"


async def test_what_the_desk_does_for_itself_is_no_next_point_of_the_clock(site: Site) -> None:
    """The nightly purge is planned, and it is nothing to see."""
    site.desk.plan_purge()
    page = await site.browser().get("/")
    assert "purge" not in page.text
