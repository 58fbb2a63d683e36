"""A resident's copy of what is held about them: once, with a button, whoever has the link; and nothing of anybody else."""

from __future__ import annotations

import asyncio
import json
import re
from datetime import timedelta

import pytest

from tests.web.site import LEAK, ORIGIN, Page, Resident, Site, unsafe


async def link(somebody: Resident) -> str:
    """The path of the link as the chat gives it."""
    await somebody.deliver(button="privacy:export")
    await somebody.site.settle()
    found = re.search(r"/mine/\S+", (await somebody.texts())[-1])
    assert found is not None
    return found.group()


@pytest.mark.parametrize(("language", "said"), [("zh", "取得副本"), ("en", "Get the copy")])
async def test_a_button_hands_the_copy_out_and_looking_does_not(site: Site, language: str, said: str) -> None:
    wang = site.resident("王建国")
    await wang.write(LEAK)
    path = await link(wang)
    browser = site.browser(**{"accept-language": language})
    for _ in range(3):  # a preview, a scanner, the person
        shown = await browser.get(path)
        assert shown.status_code == 200 and said in Page(shown.text).words and unsafe(shown.text) == []
        assert "王建国" not in shown.text and LEAK not in shown.text and shown.headers["cache-control"] == "no-store"
    form = Page(shown.text).form(path)
    answer = await browser.post(form.action)
    assert answer.status_code == 200 and answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    held = json.loads(answer.text)
    assert held["person"]["name"] == "王建国" and LEAK in [m["text"] for m in held["messages_received"]]
    assert "李秀梅" not in answer.text, "nothing of the other members"
    assert site.rows("disclosure", "what")[-1] == ("export",)
    gone = "链接已失效" if language == "zh" else "no longer works"
    for method in ("GET", "POST"):
        used = await browser.request(method, path)
        assert used.status_code == 410 and gone in Page(used.text).words and unsafe(used.text) == []


async def test_pressed_twice_at_once_it_is_handed_out_once(site_on_both: Site) -> None:
    wang = site_on_both.resident("王建国")
    path = await link(wang)
    answers = await asyncio.gather(*(site_on_both.browser().post(path) for _ in range(4)))
    assert sorted(a.status_code for a in answers) == [200, 410, 410, 410]


async def test_after_a_day_it_hands_out_nothing(site: Site) -> None:
    wang = site.resident("王建国")
    path = await link(wang)
    site.machine.forward(timedelta(hours=23, minutes=59))
    assert (await site.browser().get(path)).status_code == 200
    site.machine.forward(timedelta(minutes=1))
    assert (await site.browser().get(path)).status_code == 410
    assert (await site.browser().post(path)).status_code == 410


@pytest.mark.parametrize("token", ["x", "x" * 43, "x" * 5000, "..%2f..", "%00", "'; DROP TABLE export_link; --", "<script>"])
async def test_a_link_nobody_was_given_hands_out_nothing(site: Site, token: str) -> None:
    for method in ("GET", "POST"):
        answer = await site.browser().request(method, f"/mine/{token}")
        assert answer.status_code in (404, 410) and unsafe(answer.text) == [] and "Traceback" not in answer.text


async def test_no_other_site_presses_the_button(site: Site) -> None:
    path = await link(site.resident("王建国"))
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert (await site.browser().post(path, headers=headers)).status_code == 403
    assert (await site.browser().post(path, headers={"origin": ORIGIN})).status_code == 200


async def test_what_was_erased_meanwhile_is_not_handed_out(site: Site) -> None:
    wang = site.resident("王建国")
    await wang.write(LEAK)
    path = await link(wang)
    site.desk.forget(1, wang.talk_id)
    answer = await site.browser().post(path)
    assert "王建国" not in answer.text and LEAK not in answer.text
