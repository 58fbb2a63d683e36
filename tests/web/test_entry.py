"""How staff come in: a link that works once, a session that ends, forms that carry its word, nothing for anybody else."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.datastructures import UploadFile

from bot import sessions
from bot.core import access
from bot.database import Database
from bot.tables import table
from bot.web.entry import COOKIE, local
from tests.web.site import ORIGIN, Page, Site, Staff, open_site, picture, running, unsafe

#: Until uploads are closed (see test_an_uploaded_file_is_closed_once_the_page_has_answered).
files_left_open = pytest.mark.filterwarnings("ignore:Unclosed file:ResourceWarning")

STEWARD_PHONE = "13900008113"



async def asked_for_a_link(site: Site, phone: str = STEWARD_PHONE) -> str:
    """The path of the link that a member of staff gets."""
    answer = await site.browser().post("/desk/login", data={"phone": phone})
    assert answer.status_code == 200
    return site.printed[-1][1].removeprefix(ORIGIN)


# ── the link ──


async def test_a_link_goes_to_the_members_own_channel_and_opens_the_desk_with_one_press(site_on_both: Site) -> None:
    site = site_on_both
    link = await asked_for_a_link(site)
    (staff_id, text, not_after) = site.rows("outbox", "staff_id", "text", "not_after")[0]
    assert (staff_id, site.printed[0][0]) == (site.rows("staff", "id", phone=STEWARD_PHONE)[0][0], "丁小雯")
    assert link in text and not_after == site.clock.now() + sessions.LINK_LIFE

    browser = site.browser()
    shown = await browser.get(link)
    assert shown.status_code == 200 and "丁小雯" in Page(shown.text).words and unsafe(shown.text) == []
    entered = await browser.post(Page(shown.text).form(link).action)
    assert (entered.status_code, entered.headers["location"]) == (303, "/desk")
    cookie = entered.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=lax" in cookie and "Path=/desk" in cookie and "Secure" not in cookie
    assert "丁小雯" in Page((await browser.get("/desk")).text).words


async def test_over_https_the_cookie_is_for_https_alone(estate_database: Database, tmp_path: Path) -> None:
    async with running(open_site(estate_database, tmp_path, base_url="https://desk.example/")) as site:
        await site.browser().post("/desk/login", data={"phone": STEWARD_PHONE})
        link = site.printed[0][1]
        assert link.startswith("https://desk.example/desk/login/")
        entered = await site.browser().post(link.removeprefix("https://desk.example"))
    assert "Secure" in entered.headers["set-cookie"]


async def test_neither_link_nor_cookie_nor_page_token_can_be_read_from_the_tables_that_check_them(site: Site) -> None:
    link = await asked_for_a_link(site)
    browser = site.browser()
    await browser.post(link)
    wang = site.resident()
    await wang.write("你好")
    kept = str(site.rows("login_link", "token_hash") + site.rows("staff_session", "token_hash") + site.rows("conversation", "address"))
    for secret in (link.rsplit("/", 1)[1], browser.cookies[COOKIE], wang.token):
        assert secret not in kept


async def test_a_link_that_is_only_fetched_stays_good(site: Site) -> None:
    """Messengers fetch links to preview them."""
    link = await asked_for_a_link(site)
    for _ in range(3):
        assert (await site.browser().get(link)).status_code == 200
    assert site.rows("staff_session", "id") == []
    assert (await site.browser().post(link)).status_code == 303


async def test_a_link_works_once(site: Site) -> None:
    link = await asked_for_a_link(site)
    assert (await site.browser().post(link)).status_code == 303
    for answer in (await site.browser().post(link), await site.browser().get(link)):
        assert answer.status_code == 410 and "set-cookie" not in answer.headers
        assert "链接已失效" in Page(answer.text).words and unsafe(answer.text) == []


async def test_a_link_pressed_twice_at_once_opens_one_session(site_on_both: Site) -> None:
    link = await asked_for_a_link(site_on_both)
    answers = await asyncio.gather(*(site_on_both.browser().post(link) for _ in range(6)))
    assert sorted(a.status_code for a in answers) == [303, 410, 410, 410, 410, 410]
    assert len(site_on_both.rows("staff_session", "id")) == 1


async def test_a_link_expires(site: Site) -> None:
    link = await asked_for_a_link(site)
    site.machine.forward(sessions.LINK_LIFE - timedelta(seconds=1))
    assert (await site.browser().get(link)).status_code == 200
    site.machine.forward(timedelta(seconds=1))
    assert (await site.browser().get(link)).status_code == 410
    assert (await site.browser().post(link)).status_code == 410


async def test_moving_the_desk_clock_neither_keeps_nor_ends_a_link(site: Site) -> None:
    link = await asked_for_a_link(site)
    site.desk.advance(site.clock.now() + timedelta(days=30))
    assert (await site.browser().post(link)).status_code == 303


@pytest.mark.parametrize("token", ["x", "x" * 43, "..%2f..", "%00", "'; DROP TABLE staff; --", "<script>"])
async def test_a_link_nobody_was_given_opens_nothing(site: Site, token: str) -> None:
    for answer in (await site.browser().get(f"/desk/login/{token}"), await site.browser().post(f"/desk/login/{token}")):
        assert answer.status_code in (404, 410) and "set-cookie" not in answer.headers
        assert "<script>alert" not in answer.text


async def test_an_unknown_telephone_gets_the_same_answer(site: Site) -> None:
    known = await site.browser().post("/desk/login", data={"phone": STEWARD_PHONE})
    unknown = await site.browser().post("/desk/login", data={"phone": "13999999999"})
    empty = await site.browser().post("/desk/login", data={"phone": " "})
    assert (known.status_code, known.text) == (unknown.status_code, unknown.text)
    assert len(site.printed) == 1 and len(site.rows("login_link", "id")) == 1
    assert "请填写手机号" in Page(empty.text).words


async def test_a_residents_telephone_is_no_way_in(site: Site) -> None:
    await site.browser().post("/desk/login", data={"phone": "13900000001"})
    assert site.printed == []


@pytest.mark.parametrize("phone", ["%", "_", "1390000811_", "' OR 1=1 --", ""])
async def test_nothing_but_a_whole_telephone_finds_somebody(site_on_both: Site, phone: str) -> None:
    answer = await site_on_both.browser().post("/desk/login", data={"phone": phone})
    assert answer.status_code == 200 and site_on_both.printed == []


@pytest.mark.parametrize("form", ["login", "note", "file", "search"])
async def test_a_null_character_in_a_form_is_not_an_error_of_the_site(postgres_site: Site, form: str) -> None:
    site = postgres_site
    ding, number = site.staff("steward"), site.ticket()
    answer = await {
        "login": lambda: site.browser().post("/desk/login", data={"phone": "139\x00"}),
        "note": lambda: ding.post(f"/desk/tickets/{number}/note", {"note": "备\x00注"}),
        "file": lambda: ding.post("/desk/file", {"kind": "complaint", "description": "吵\x00闹"}),
        "search": lambda: ding.get("/desk", q="\x00", tab="all"),
    }[form]()
    assert answer.status_code < 500


# ── who left ──


async def test_who_left_cannot_ask_for_a_link_nor_use_one(site: Site) -> None:
    link = await asked_for_a_link(site)
    site.set("staff", {"active": False}, phone=STEWARD_PHONE)
    assert (await site.browser().get(link)).status_code == 410
    assert (await site.browser().post(link)).status_code == 410
    before = len(site.printed)
    await site.browser().post("/desk/login", data={"phone": STEWARD_PHONE})
    assert len(site.printed) == before


async def test_open_sessions_end_when_somebody_leaves(site: Site) -> None:
    ding = site.staff("steward")
    number = site.ticket()
    await ding.see("/desk")
    site.set("staff", {"active": False}, id=ding.id)
    assert (await ding.get("/desk")).status_code == 303
    assert (await ding.get("/desk/changes")).status_code == 401
    assert (await ding.act(number, "accept")).status_code == 303
    assert site.status(number) == "submitted"


async def test_a_changed_role_counts_from_the_next_page_on(site: Site) -> None:
    ding = site.staff("steward")
    await ding.see("/desk/talks")
    site.set("staff", {"role": "technician"}, id=ding.id)
    assert (await ding.get("/desk/talks")).status_code == 403


# ── the session ──


async def test_a_session_ends_after_two_idle_hours_and_not_while_it_is_used(site: Site) -> None:
    ding = site.staff("steward")
    for _ in range(4):
        site.machine.forward(sessions.IDLE_LIFE - timedelta(minutes=5))
        assert (await ding.get("/desk")).status_code == 200
    site.machine.forward(sessions.IDLE_LIFE)
    assert (await ding.get("/desk")).status_code == 303


async def test_a_session_ends_after_twelve_hours_however_busy(site: Site) -> None:
    ding = site.staff("steward")
    for _ in range(11):
        site.machine.forward(timedelta(hours=1))
        assert (await ding.get("/desk")).status_code == 200
    site.machine.forward(timedelta(hours=1))
    assert (await ding.get("/desk")).status_code == 303


async def test_logging_out_kills_the_cookie_for_good(site: Site) -> None:
    ding = site.staff("steward")
    page = await ding.see("/desk")
    answer = await ding.http.post("/desk/logout", data=page.form("/desk/logout").fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/login")
    assert site.rows("staff_session", "id") == []
    assert (await ding.get("/desk")).status_code == 303  # the cookie is still sent: it opens nothing


async def test_logging_out_here_leaves_the_other_browser_signed_in(site: Site) -> None:
    here, there = site.staff("steward"), site.staff("steward")
    await here.post("/desk/logout")
    assert (await there.get("/desk")).status_code == 200


@pytest.mark.parametrize("cookie", ["", "x", "x" * 5000, "' OR 1=1 --", "%00"])
async def test_a_made_up_cookie_is_nobody(site: Site, cookie: str) -> None:
    assert (await site.browser(cookie=f"{COOKIE}={cookie}").get("/desk")).status_code == 303


# ── the language ──


async def test_the_language_of_the_pages_is_the_sessions(site: Site) -> None:
    ding = site.staff("steward")
    page = await ding.see("/desk/talks")
    form = page.form("/desk/language")
    answer = await ding.http.post("/desk/language", data=form.fields)
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/talks")
    english = await ding.see("/desk/talks")
    assert ("html", {"lang": "en"}) in english.elements and "Talks" in english.words
    assert english.form("/desk/language").fields["language"] == "zh"


_ELSEWHERE = [
    "https://evil.example/", "//evil.example", "/\\evil.example", "\\\\evil.example", "javascript:alert(1)", "evil.example",
    "https:evil.example", "/\t/evil.example", "/\n/evil.example", "\x00//evil.example", " //evil.example", "",
]  # fmt: skip


async def test_no_form_leads_to_another_site(site: Site) -> None:
    ding = site.staff("steward")
    for where in _ELSEWHERE:
        answer = await ding.post("/desk/language", {"language": "en", "back": where})
        target = answer.headers["location"]
        assert answer.status_code == 303 and target.startswith("/"), where
        assert not target.startswith(("//", "/\\", "/\t", "/\n")), where
        assert httpx.URL(ORIGIN).join(target).host == "desk.test" and local(where).startswith("/"), where


async def test_a_slash_too_many_leads_nowhere_else(site: Site) -> None:
    ding = site.staff("steward")
    for path in ("//evil.example/desk", "//evil.example/desk/", "/desk//evil.example", "/desk/", "/desk/talks/"):
        answer = await ding.http.send(ding.http.build_request("GET", ORIGIN + path))
        if answer.is_redirect:
            assert httpx.URL(answer.headers["location"]).host in ("", "desk.test"), path


# ── nobody is signed in ──

_PLACES: dict[str, access.Capability | None] = {
    "/desk": "queue",
    "/desk/tickets/YH-BX-20261123-0001": "queue",
    "/desk/talks": "talk",
    "/desk/talks?tab=all": "talk",
    "/desk/talks/1": "talk",
    "/desk/calls": "calls",
    "/desk/notices": "notices",
    "/desk/file": "file",
    "/desk/digest": "digest",
    "/desk/duty": "duty",
    "/desk/people": "people",
    "/desk/people?tab=staff": "people",
    "/desk/people/1": "people",
    "/desk/rooms": "rooms",
    "/desk/rooms/1": "rooms",
    "/desk/disclosures": "disclosures",
    "/desk/shadow": "shadow",
    "/desk/media/" + "0" * 64: None,
    "/desk/changes": None,
}


def test_the_places_above_are_all_the_places_there_are(site: Site) -> None:
    """A page that is added must be added here, with who may open it."""
    known = {path.partition("?")[0] for path in _PLACES}
    shapes = {
        "/desk/tickets/{number}": "/desk/tickets/YH-BX-20261123-0001",
        "/desk/talks/{talk_id}": "/desk/talks/1",
        "/desk/people/{resident_id}": "/desk/people/1",
        "/desk/rooms/{room_id}": "/desk/rooms/1",
        "/desk/media/{kept}": "/desk/media/" + "0" * 64,
    }
    public = {"/desk/login", "/desk/login/{token}"}
    found = _routes(site, "GET")
    assert {shapes.get(path, path) for path in found if path.startswith("/desk")} - public == known


def _routes(site: Site, method: str) -> set[str]:
    """The patterns of every route of this method, those of routers that were included too."""
    found: set[str] = set()

    def walk(routes: Any, prefix: str) -> None:
        for route in routes:
            inner = getattr(route, "original_router", None) or getattr(route, "router", None)
            path = getattr(route, "path", "")
            if inner is not None and hasattr(inner, "routes"):
                walk(inner.routes, prefix)
            elif method in (getattr(route, "methods", None) or ()):
                found.add(prefix + path)

    walk(site.web.routes, "")
    return found


@pytest.mark.parametrize("path", _PLACES)
async def test_nobody_opens_a_page_of_the_desk_without_a_session(site: Site, path: str) -> None:
    site.ticket(resident="王建国")
    answer = await site.browser().get(path)
    if path == "/desk/changes":
        assert answer.status_code == 401 and answer.text == ""
    else:
        assert (answer.status_code, answer.headers["location"]) == (303, "/desk/login")
        assert answer.text == ""


# ── each role at each page ──

ROLES = ("technician", "steward", "cashier", "guard", "cleaner", "supervisor", "manager")


@pytest.mark.parametrize("role", ROLES)
async def test_a_role_opens_exactly_the_pages_the_table_gives_it(site: Site, role: str) -> None:
    site.resident("王建国")
    site.ticket(resident="王建国")
    someone = site.staff(role)
    for path, capability in _PLACES.items():
        if capability is None:
            continue
        answer = await someone.get(path)
        if access.may(role, capability):
            expected = 404 if "/tickets/" in path and not access.sees(role, "repair") else 200
        else:
            expected = 403
        assert answer.status_code == expected, f"{role} at {path}"
        if expected == 403:
            page = Page(answer.text)
            assert "没有权限" in page.words and unsafe(answer.text) == []
            assert "王建国" not in page.words and "厨房" not in page.words


@pytest.mark.parametrize("role", ROLES)
async def test_the_navigation_offers_what_opens_and_nothing_else(site: Site, role: str) -> None:
    someone = site.staff(role)
    if not access.may(role, "queue"):
        return
    page = await someone.see("/desk")
    offered = {a["href"] for tag, a in page.elements if tag == "a" and a.get("href", "").startswith("/desk")}
    plain = {p: c for p, c in _PLACES.items() if c and "?" not in p and p.count("/") <= 2}
    assert offered & set(plain) == {path for path, capability in plain.items() if access.may(role, capability)}


@pytest.mark.parametrize("kind", ["repair", "complaint", "emergency", "service_order", "fee_case", "follow_up", "enquiry"])
async def test_a_ticket_of_a_kind_a_role_does_not_see_is_not_there(site: Site, kind: str) -> None:
    number = site.ticket(kind, "某某事项")
    for role in ROLES[:-1]:
        someone = site.staff(role)
        if not access.may(role, "queue"):
            continue
        there = 200 if access.sees(role, kind) else 404
        assert (await someone.get(f"/desk/tickets/{number}")).status_code == there, role
        listed = (await someone.see("/desk", tab="all")).words
        searched = (await someone.see("/desk", tab="all", q=number)).words
        assert (number in listed) == (there == 200), role
        assert (f"{number} " in searched) == (there == 200), role
        if there == 404:
            for path in ("act", "note"):
                answer = await someone.post(f"/desk/tickets/{number}/{path}", {"action": "accept", "note": "x"})
                assert answer.status_code == 404, (role, path)
    assert [a for (a,) in site.rows("ticket_event", "action")] == ["open"]


# ── every form ──


@pytest.fixture
def forms(site: Site) -> dict[str, dict[str, str]]:
    """Every form of the desk with fields that would do something, by its address."""
    site.resident("王建国")
    number = site.ticket(resident="王建国")
    site.ticket()  # without a conversation: its news will be calls
    talk_id = site.rows("conversation", "id")[0][0]
    site.put("phone_task", community_id=1, text="请回电", reason="failed", status="open", created_at=site.clock.now())
    site.put("escalation", community_id=1, ticket_id=site.ticket_id(number), kind="resolve", level=1, at=site.clock.now())
    application = site.ticket("enquiry", "申请绑定", category="binding")
    site.set("ticket", {"conversation_id": talk_id}, number=application)
    membership, household = site.rows("membership", "id", "household_id", resident_id=site.resident_id("王建国"))[0]
    room = site.rows("household", "room_id", id=household)[0][0]
    code = site.desk.invite_into(1, None, household, "family", printed=True)
    suggestion = site.put("suggestion", community_id=1, conversation_id=talk_id, inbox_id=1, at=site.clock.now(), language="zh")
    return {
        f"/desk/tickets/{application}/recognise": {"household": str(household), "role": "family"},
        f"/desk/rooms/{room}/invite": {"household": str(household), "role": "family"},
        f"/desk/rooms/{room}/sheet": {"code": code},
        f"/desk/rooms/{room}/withdraw": {"invite": "1"},
        f"/desk/rooms/{room}/end": {"membership": str(membership)},
        "/desk/duty/code": {"colleague": str(site.rows("staff", "id", role="manager", community_id=1)[0][0])},
        f"/desk/tickets/{number}/act": {"action": "accept"},
        f"/desk/tickets/{number}/note": {"note": "备注"},
        f"/desk/tickets/{number}/acknowledge": {},
        f"/desk/talks/{talk_id}/take": {},
        f"/desk/talks/{talk_id}/say": {"text": "您好"},
        f"/desk/talks/{talk_id}/hand-back": {},
        f"/desk/talks/{talk_id}/judge": {"suggestion": str(suggestion), "how": "agreed"},
        "/desk/file": {"kind": "repair", "description": "漏水", "public_area": "1", "location": "大堂"},
        "/desk/calls/1/done": {"outcome": "reached"},
        "/desk/logout": {},
        "/desk/language": {"language": "en"},
    }


def test_the_forms_above_are_all_the_forms_there_are(site: Site, forms: dict[str, dict[str, str]]) -> None:
    def shape(path: str) -> str:
        path = re.sub(r"YH-[A-Z]{2}-\d+-\d+", "{number}", path)
        path = re.sub(r"/talks/\d+", "/talks/{talk_id}", path)
        path = re.sub(r"/rooms/\d+", "/rooms/{room_id}", path)
        return re.sub(r"/calls/\d+", "/calls/{call_id}", path)

    desk = {path for path in _routes(site, "POST") if path.startswith("/desk")}
    assert desk - {"/desk/login", "/desk/login/{token}"} == {shape(path) for path in forms}


@files_left_open
async def test_no_form_works_without_the_sessions_word(
    site: Site, forms: dict[str, dict[str, str]], collected: None
) -> None:
    boss, other = site.staff("supervisor"), site.staff("manager")
    before = site.footprint()
    for path, fields in forms.items():
        for csrf in (None, "", "x", other.csrf, boss.csrf + "x", boss.csrf.swapcase()):
            sent = dict(fields) if csrf is None else {**fields, "csrf": csrf}
            answer = await boss.http.post(path, data=sent)
            assert answer.status_code == 403, (path, csrf)
            assert "没有办成" in Page(answer.text).words and unsafe(answer.text) == []
        # in the address instead of the form it is not taken either
        assert (await boss.http.post(f"{path}?csrf={boss.csrf}", data=fields)).status_code == 403
        # the word sent as a file is no word
        files = {"csrf": ("csrf", boss.csrf)}
        assert (await boss.http.post(path, data=fields, files=files)).status_code == 403
    assert site.footprint() == before


async def test_no_form_works_from_another_site(site: Site, forms: dict[str, dict[str, str]]) -> None:
    boss = site.staff("supervisor")
    before = site.footprint()
    for path, fields in forms.items():
        for headers in ({"origin": "https://evil.example"}, {"origin": "http://desk.test.evil.example"},
                        {"sec-fetch-site": "cross-site"}, {"origin": "null", "sec-fetch-site": "cross-site"}):  # fmt: skip
            answer = await boss.post(path, fields, headers=headers)
            assert answer.status_code == 403, (path, headers)
    assert site.footprint() == before


@pytest.mark.parametrize("path", ["/desk/login/{token}", "/demo/be/supervisor", "/demo/be/resident", "/demo/clock"])
async def test_nor_do_the_forms_of_those_who_are_not_signed_in(site: Site, path: str) -> None:
    path = path.replace("/desk/login/{token}", await asked_for_a_link(site))
    before, now = site.footprint(), site.clock.now()
    for headers in ({"origin": "https://evil.example"}, {"sec-fetch-site": "cross-site"}):
        assert (await site.browser().post(path, data={"value": "1d"}, headers=headers)).status_code == 403
    assert (site.footprint(), site.clock.now()) == (before, now)


async def test_no_other_site_can_have_links_sent(site: Site) -> None:
    headers = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    answer = await site.browser().post("/desk/login", data={"phone": STEWARD_PHONE}, headers=headers)
    assert answer.status_code == 403 and site.printed == []


async def test_each_form_works_with_the_word_from_this_site(site: Site, forms: dict[str, dict[str, str]]) -> None:
    """The counterpart of the refusals above: it is the word they lack, and nothing else."""
    boss = site.staff("supervisor")
    last = ("/desk/language", "/desk/logout")
    for path, fields in sorted(forms.items(), key=lambda form: (form[0] in last, last[::-1].index(form[0]) if form[0] in last else 0)):
        if path == "/desk/logout":
            continue
        if path.endswith(("/say", "/hand-back")):
            continue  # in their own order below
        before = site.footprint()
        answer = await boss.post(path, fields, headers={"origin": ORIGIN, "sec-fetch-site": "same-origin"})
        # A code is shown in the answer itself: it cannot be looked up again.
        shown = path.endswith(("/invite", "/sheet", "/code"))
        assert answer.status_code == (200 if shown else 303), (path, answer.status_code)
        assert path.endswith(("/language", "/sheet")) or site.footprint() != before, path
    talk = next(path for path in forms if path.endswith("/say")).removesuffix("/say")
    for path in (f"{talk}/say", f"{talk}/hand-back", "/desk/logout"):
        assert (await boss.post(path, forms[path])).status_code == 303
    assert (await boss.get("/desk")).status_code == 303


async def test_a_form_without_a_session_goes_to_the_login_and_does_nothing(
    site: Site, forms: dict[str, dict[str, str]]
) -> None:
    before = site.footprint()
    for path, fields in forms.items():
        answer = await site.browser().post(path, data={**fields, "csrf": "x"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/desk/login")
    assert site.footprint() == before


async def test_a_form_a_role_may_not_send_is_403_and_does_nothing(site: Site, forms: dict[str, dict[str, str]]) -> None:
    needs: dict[str, access.Capability] = {
        "/take": "talk", "/say": "talk", "/hand-back": "talk", "/file": "file", "/done": "calls", "/acknowledge": "acknowledge",
        "/recognise": "bind", "/invite": "bind", "/sheet": "bind", "/withdraw": "bind", "/end": "bind", "/code": "appoint",
    }  # fmt: skip
    for role in ROLES:
        someone = site.staff(role)
        before = site.footprint()
        for path, fields in forms.items():
            capability = next((c for end, c in needs.items() if path.endswith(end)), None)
            if capability and not access.may(role, capability):
                assert (await someone.post(path, fields)).status_code == 403, (role, path)
        assert site.footprint() == before, role


# ── how much is read ──


@files_left_open
@pytest.mark.parametrize("form", ["a file", "many fields", "one field"])
async def test_a_stranger_cannot_make_the_desk_read_more_than_a_telephone_number(
    site: Site, collected: None, form: str
) -> None:
    kind = {"content-type": "application/x-www-form-urlencoded"}
    long = b"1" * (2 * 1024 * 1024)
    answer = await {
        "a file": lambda: site.browser().post("/desk/login", files={"phone": ("phone", long)}),
        "many fields": lambda: site.browser().post("/desk/login", content=b"&".join([b"a=" + b"1" * 9000] * 200), headers=kind),
        "one field": lambda: site.browser().post("/desk/login", content=b"phone=" + long, headers=kind),
    }[form]()
    assert answer.status_code == 413


@files_left_open
async def test_an_uploaded_file_is_closed_once_the_page_has_answered(
    site: Site, collected: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploads: list[UploadFile] = []
    init = UploadFile.__init__

    def noted(self: UploadFile, *args: Any, **more: Any) -> None:
        init(self, *args, **more)
        uploads.append(self)

    monkeypatch.setattr(UploadFile, "__init__", noted)
    liu, number = site.staff("technician"), site.ticket()
    await liu.post(f"/desk/tickets/{number}/act", {"action": "accept"}, files={"photo": ("a.png", picture())})
    assert [u.file.closed for u in uploads] == [True]


@files_left_open
async def test_a_photo_larger_than_is_kept_is_said_in_a_sentence(site: Site, collected: None) -> None:
    liu: Staff = site.staff("technician")
    number = site.ticket()
    for action in ("accept", "depart", "arrive"):
        assert (await liu.act(number, action)).status_code == 303
    for data, said in ((picture() + b"x" * (10 * 1024 * 1024), "照片太大"), (b"%PDF-1.7", "这个文件不是照片")):
        answer = await liu.http.post(
            f"/desk/tickets/{number}/act",
            data={"csrf": liu.csrf, "action": "done", "note": "好了"},
            files={"photo": ("photo.png", data, "image/png")},
        )
        assert answer.status_code == 409 and said in Page(answer.text).words
    assert site.status(number) == "in_progress" and site.rows("ticket_photo", "id") == []


def test_every_session_and_link_belongs_to_staff_of_one_community(site: Site) -> None:
    columns = set(table("staff_session").c.keys()) & set(table("login_link").c.keys())
    assert {"community_id", "staff_id", "token_hash"} <= columns and "token" not in columns
