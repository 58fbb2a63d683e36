"""Shadow mode on the staff's pages: the suggestion beside its message, one press, and the count of the week."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from bot.core import access
from bot.database import Database
from bot.web import live
from tests.commands import bot
from tests.web.site import HOSTILE, LEAK, Form, Page, Resident, Site, Staff, open_site, running, unsafe
from tests.web.test_desk_pages import sound


@pytest.fixture
async def site(estate_database: Database, tmp_path: Path) -> AsyncIterator[Site]:
    """The site with the whole community in shadow mode."""
    opened = open_site(estate_database, tmp_path)
    core = opened.desk.core
    opened.desk.core = replace(core, policy=replace(core.policy, shadow=frozenset({"YH"})))
    opened.reader.intents |= {"明天下午": "inform", "对": "affirm", "着火了": "emergency"}
    async with running(opened):
        yield opened


async def place(someone: Resident) -> str:
    return f"/desk/talks/{someone.talk_id}"


def judging(page: Page, where: str, nth: int = -1) -> Form:
    return [form for form in page.forms if form.action == f"{where}/judge"][nth]


async def press(staff: Staff, where: str, how: str, nth: int = -1, **changed: str) -> Page:
    """One press on a suggestion as it is shown, with what was changed in its form; the page that follows."""
    form = judging(await staff.see(where), where, nth)
    fields = {**form.fields, **changed}
    answer = await staff.http.post(form.action, data={"how": how, **fields})
    assert answer.status_code in (303, 409), Page(answer.text).words
    return Page(answer.text) if answer.status_code == 409 else await staff.see(where)


async def reported(site: Site) -> Resident:
    wang = site.resident("王建国")
    await wang.write(LEAK)
    return wang


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_suggestion_stands_beside_the_message(site: Site, language: str) -> None:
    wang = await reported(site)
    where = await place(wang)
    assert all(m["from"] == "me" for m in (await wang.read())["messages"]), "nothing came back"
    page = sound((await site.staff("steward", language=language).get(where)).text, language)
    label = "报修" if language == "zh" else "Repair"
    assert f"{label} 98 %" in page.words
    assert ("试运行" if language == "zh" else "Shadow mode") in page.words
    assert site.rows("ticket", "id") == []


async def test_three_presses_file_the_ticket_in_the_stewards_name(site: Site) -> None:
    wang = await reported(site)
    where, ding = await place(wang), site.staff("steward")
    page = await ding.see(where)
    for words in ("明天下午", "对"):
        await press(ding, where, "sent", text=suggested(page))
        await wang.write(words)
        page = await ding.see(where)
    assert "会登记工单" in page.words and "〔单号〕" in page.words and "{number}" not in page.words
    page = await press(ding, where, "sent", text=suggested(page), contact="13911112222", description="水表前漏水", location="")
    assert site.rows("ticket", "description", "contact") == [("水表前漏水", "13911112222")]
    number = site.rows("ticket", "number")[0][0]
    messages = (await wang.read())["messages"]
    assert number in messages[-1]["text"] and {m["name"] for m in messages if m["from"] == "staff"} == {ding.name}
    assert [how for (how,) in site.rows("suggestion", "judged")] == ["sent", "sent", "edited"]
    assert f"改后发出 · {ding.name}" in page.words


def suggested(page: Page) -> str:
    """The words of the last suggestion that can be edited, as a browser would send them; the composer is empty."""
    return [words for words in page.areas["text"] if words][-1]


async def test_other_words_go_out_instead(site: Site) -> None:
    wang = await reported(site)
    where, ding = await place(wang), site.staff("steward")
    await press(ding, where, "sent", text="王先生,明天几点方便?")
    messages = (await wang.read())["messages"]
    assert messages[-1]["text"] == "王先生,明天几点方便?" and messages[-1]["name"] == ding.name
    assert site.rows("suggestion", "judged") == [("edited",)]


async def test_a_refusal_needs_its_label_and_is_counted(site: Site) -> None:
    wang = await reported(site)
    where, boss = await place(wang), site.staff("supervisor")
    page = await press(boss, where, "refused", should_be="")
    assert "请选择住户说的是哪一类" in page.words and site.rows("suggestion", "judged") == [("",)]
    page = await press(boss, where, "refused", should_be="complaint")
    assert "不对 住户说的是: 投诉" in page.words
    report = sound((await boss.get("/desk/shadow")).text, "zh")
    assert "类别正确0/1 (0 %)" in report.words and "读错的" in report.words
    assert [name for (name,) in site.rows("misreading", "should_be")] == ["complaint"]


@pytest.mark.parametrize(
    ("changed", "says"),
    [({"how": "thrown away"}, "表单没有读懂"), ({"text": ""}, "请写明要发给住户的话"), ({"contact": "12"}, "电话号码不对")],
)
async def test_a_press_that_cannot_be_read_does_nothing(site: Site, changed: dict[str, str], says: str) -> None:
    wang = await reported(site)
    where, ding = await place(wang), site.staff("steward")
    await wang.write("明天下午")
    await wang.write("对")
    before = site.footprint()
    page = await press(ding, where, **{"how": "sent", "text": "好的", **changed})
    assert says in page.words and site.footprint() == before


async def test_who_comes_second_or_too_late_is_told(site: Site) -> None:
    wang = await reported(site)
    where, ding, boss = await place(wang), site.staff("steward"), site.staff("supervisor")
    await wang.write("明天下午")
    form = judging(await ding.see(where), where, 0)
    await press(boss, where, "sent", text="好")
    late = await ding.http.post(form.action, data={"how": "sent", **form.fields, "text": "我来答"})
    assert late.status_code == 409 and "已经往下走了" in Page(late.text).words
    await ding.http.post(form.action, data={"how": "agreed", **form.fields})
    again = await boss.http.post(form.action, data={"how": "agreed", **form.fields, "csrf": boss.csrf})
    assert again.status_code == 409
    assert site.rows("suggestion", "judged", "judged_by") == [("agreed", ding.id), ("edited", boss.id)]


async def test_an_emergency_shows_that_staff_were_told(site: Site) -> None:
    wang = site.resident("王建国")
    await wang.write("着火了")
    page = await site.staff("steward").see(await place(wang))
    assert "已建单并通知值班人员" in page.words and "119" in page.words
    assert [m for m in (await wang.read())["messages"] if m["from"] != "me"] == []
    guard = await site.staff("guard").see("/desk/notices")
    assert "着火" in guard.words


async def test_a_colleague_writes_at_once_and_the_list_shows_who_waits(site: Site) -> None:
    wang = await reported(site)
    where, ding = await place(wang), site.staff("steward")
    listed = await ding.see("/desk/talks")
    assert "王建国" in listed.words and any(a.get("href") == where for _, a in listed.elements)
    form = (await ding.see(where)).form(f"{where}/say")
    await ding.http.post(form.action, data={**form.fields, "text": "您好,我是小丁"})
    assert (await wang.read())["messages"][-1]["text"] == "您好,我是小丁"
    await press(ding, where, "agreed")
    assert "王建国" not in (await ding.see("/desk/talks")).words


async def test_an_open_page_hears_of_a_suggestion_and_of_a_decision(site: Site) -> None:
    """The message is written before it is read, and a decision may write nothing else."""
    wang = site.resident("王建国")
    await wang.write("你好")
    assert (await wang.deliver(text=LEAK)).status_code == 202

    def version() -> str:
        return site.database.read(1, lambda conn: live.version(conn, 1))

    accepted = version()
    await site.settle()
    suggested = version()
    await press(site.staff("steward"), await place(wang), "agreed")
    assert accepted < suggested < version()


async def test_hostile_words_stay_words(site: Site) -> None:
    site.reader.intents[HOSTILE] = "repair"
    wang = site.resident("王建国")
    await wang.write(HOSTILE)
    answer = await site.staff("steward").get(await place(wang))
    assert unsafe(answer.text) == [] and "alert(" in Page(answer.text).words


@pytest.mark.parametrize("role", sorted(set().union(*access.CAN.values())))
async def test_who_sees_and_decides(site: Site, role: str) -> None:
    wang = await reported(site)
    someone = site.staff(role)
    report = await someone.get("/desk/shadow")
    assert report.status_code == (200 if role in ("supervisor", "manager") else 403)
    pressed = await someone.post(f"{await place(wang)}/judge", {"suggestion": "1", "how": "agreed"})
    assert pressed.status_code == (303 if role in ("steward", "supervisor", "manager") else 403)
    assert (site.rows("suggestion", "judged") == [("agreed",)]) == (pressed.status_code == 303)


async def test_a_suggestion_of_another_community_or_talk_is_not_there(site: Site) -> None:
    wang, other = await reported(site), site.resident()
    await other.write("你好")
    ding = site.staff("steward")
    for path, number in ((f"/desk/talks/{other.talk_id}", "1"), (await place(wang), "99"), (await place(wang), "x")):
        assert (await ding.post(f"{path}/judge", {"suggestion": number, "how": "agreed"})).status_code == 404
    assert {how for (how,) in site.rows("suggestion", "judged")} == {""}


async def test_switched_off_the_page_says_where_to_switch_it_on(site: Site) -> None:
    site.desk.core = replace(site.desk.core, policy=replace(site.desk.core.policy, shadow=frozenset()))
    assert "没有账号在试运行" in (await site.staff("supervisor").see("/desk/shadow")).words


async def test_the_command_prints_what_the_page_shows(site: Site, tmp_path: Path) -> None:
    wang = await reported(site)
    await press(site.staff("steward"), await place(wang), "agreed")
    settings = {"DESK_DB": str(site.database.url), "DESK_VAR": str(tmp_path)}
    day = f"{site.clock.now():%Y-%m-%d}"
    printed = await asyncio.to_thread(bot, settings, "shadow", "--day", day)
    assert printed.returncode == 0, printed.stderr
    assert "label right: 1/1 (100 %)" in printed.stdout and "repair" in printed.stdout
    wrong = await asyncio.to_thread(bot, settings, "shadow", "--day", "soon")
    assert wrong.returncode != 0 and "is not a date" in wrong.stderr
