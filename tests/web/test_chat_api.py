"""The resident's page and what it talks to: nothing lost, nothing doubled, nothing shown to anybody else."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import store, transcripts
from bot.core.types import Heard
from bot.database import EVERY, Database
from bot.transcripts import Cursor
from bot.web.chat import ChatPage
from bot.web.pages import STATIC
from bot.workers import Pace
from tests.web.site import HOSTILE, LEAK, Page, Resident, Site, open_site, picture, running, unsafe

# ── the page itself ──


@pytest.mark.parametrize("language", ["zh", "en"])
async def test_the_page_opens_in_either_language_and_runs_nothing_inline(site: Site, language: str) -> None:
    answer = await site.browser().get("/chat/YH", params={"lang": language})
    assert answer.status_code == 200
    assert unsafe(answer.text) == []
    page = Page(answer.text)
    assert ("html", {"lang": "zh-CN" if language == "zh" else "en"}) in page.elements
    assert page.count("h1") == 1
    assert ("云湖花园" if language == "zh" else "Yunhu Gardens") in page.words


async def test_the_page_follows_the_browser_until_somebody_chooses(site: Site) -> None:
    english = site.browser(**{"accept-language": "en-GB,en;q=0.9,zh;q=0.5"})
    assert "Yunhu Gardens" in (await english.get("/chat/YH")).text
    assert "云湖花园" in (await english.get("/chat/YH?lang=zh")).text


async def test_a_community_nobody_knows_has_no_page(site: Site) -> None:
    wang = site.resident(code="XX")
    assert (await wang.http.get("/chat/XX")).status_code == 404
    assert (await wang.deliver(text="你好")).status_code == 404
    assert (await wang.http.get("/chat/XX/messages", headers=wang.headers)).status_code == 404


async def test_the_offices_texts_stand_in_the_page_as_data_whatever_they_hold(site: Site) -> None:
    site.set("community", {"name": HOSTILE}, code="YH")
    answer = await site.browser().get("/chat/YH?lang=zh")
    assert unsafe(answer.text) == [] and "<img src=x" not in answer.text and HOSTILE in "".join(
        Page(answer.text)._words
    )


# ── in: committed before it is acknowledged, once ──


async def test_a_message_is_committed_before_it_is_acknowledged(site_on_both: Site) -> None:
    site = site_on_both
    wang = site.resident("王建国")
    committed: list[list[Any]] = []
    accept = site.workers.accept

    async def watched(*args: Any, **more: Any) -> Any:
        accepted = await accept(*args, **more)
        committed.append(site.rows("inbox", "payload"))  # another connection sees only what is committed
        return accepted

    site.workers.accept = watched  # type: ignore[method-assign]
    answer = await wang.deliver(text="你好", id="first-message")
    assert (answer.status_code, answer.json()) == (202, {"id": "first-message"})
    assert [payload["text"] for (payload,) in committed[0]] == ["你好"]


async def test_when_it_could_not_be_kept_it_is_not_acknowledged(site: Site) -> None:
    async def full(*args: Any, **more: Any) -> Any:
        raise OSError("no space left on device")

    site.workers.accept = full  # type: ignore[method-assign]
    answer = await site.resident().deliver(text="你好")
    assert answer.status_code == 500 and answer.json()["error"]
    assert site.rows("inbox", "id") == []


async def test_the_same_delivery_twice_is_one_message_and_one_answer(site_on_both: Site) -> None:
    wang = site_on_both.resident("王建国")
    for _ in range(3):
        await wang.write("你好", id="the-same-id")
    assert len(site_on_both.rows("inbox", "id")) == 1
    assert len(await wang.texts()) == 3  # the message, the notice at first contact, the answer


async def test_the_same_delivery_ten_times_at_once_is_one_message(site_on_both: Site) -> None:
    wang = site_on_both.resident()
    answers = await asyncio.gather(*(wang.deliver(text="你好", id="the-same-id") for _ in range(10)))
    assert {a.status_code for a in answers} == {202}
    assert len(site_on_both.rows("inbox", "id")) == 1
    assert len(site_on_both.rows("conversation", "id")) == 1


async def test_two_people_may_use_the_same_id(site: Site) -> None:
    for someone in (site.resident(), site.resident()):
        await someone.write("你好", id="message-one")
        assert len(await someone.texts()) == 3


async def test_a_button_is_answered_and_shown_by_its_label(site: Site) -> None:
    wang = site.resident("王建国")
    await wang.write("你好")
    button = next(m for m in (await wang.read())["messages"] if m["buttons"])["buttons"][0]
    await wang.write("", button=button["value"])
    mine = [m for m in (await wang.read())["messages"] if m["from"] == "me"]
    assert mine[-1]["text"] == button["label"]


async def test_a_danger_waits_for_no_burst(site: Site) -> None:
    site.workers.pace = Pace(burst=timedelta(seconds=30))
    calm, alarmed = site.resident(), site.resident()
    await calm.write("你好")
    await alarmed.write("着火了")
    assert len(await calm.texts()) == 1 and len(await alarmed.texts()) > 1
    assert site.rows("ticket", "kind") == [("emergency",)]


# ── in: what is refused, in a sentence ──

_WRONG: list[tuple[str, bytes]] = [
    ("not JSON", b"hello"),
    ("cut short", b'{"id": "message-1", "text": '),
    ("a list", b"[1, 2]"),
    ("nothing", b""),
    ("null", b"null"),
    ("no id", b'{"text": "hello"}'),
    ("an id too short", b'{"id": "1", "text": "hello"}'),
    ("an id of signs", json.dumps({"id": "../../../etc", "text": "hello"}).encode()),
    ("an id of another kind", b'{"id": 12345678, "text": "hello"}'),
    ("no words", b'{"id": "message-1", "text": "  "}'),
    ("words of another kind", b'{"id": "message-1", "text": {"a": 1}}'),
    ("too many words", json.dumps({"id": "message-1", "text": "漏" * 2001}).encode()),
    ("half a character", b'{"id": "message-1", "text": "\\ud83d"}'),
    ("a photo that is a path", b'{"id": "message-1", "photo": "../../desk.db"}'),
    ("not UTF-8", b'{"id": "message-1", "text": "\xff\xfe"}'),
    ("deep nesting", b'{"id": "message-1", "text": ' + b"[" * 5000 + b"]" * 5000 + b"}"),
]


@pytest.mark.parametrize(("language", "marks"), [("zh", "。"), ("en", ".")])
async def test_what_cannot_be_read_is_400_with_a_sentence_in_the_pages_language(
    site: Site, language: str, marks: str
) -> None:
    wang = site.resident()
    for what, body in _WRONG:
        answer = await wang.http.post(f"/chat/YH/messages?lang={language}", content=body, headers=wang.headers)
        assert answer.status_code == 400, what
        said = answer.json()["error"]
        assert said.endswith(marks) and said.isascii() == (language == "en"), what
    assert site.rows("inbox", "id") == []


async def test_a_null_character_in_the_words_is_dropped_on_both_engines(site_on_both: Site) -> None:
    wang = site_on_both.resident()
    await wang.write("你\x00好")
    assert (await wang.texts())[0] == "你好"


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer short", "Basic eHg6eHg=", "Bearer " + "x" * 129,
                                           "Bearer " + "汉" * 40, "Bearer ../../" + "x" * 40])  # fmt: skip
async def test_without_a_token_there_is_nothing(site: Site, authorization: str) -> None:
    headers = {"authorization": authorization.encode("utf-8")} if authorization else {}
    http = site.browser()
    sent = await http.post("/chat/YH/messages", json={"id": "message-1", "text": "你好"}, headers=headers)
    read = await http.get("/chat/YH/messages", headers=headers)
    photo = await http.post("/chat/YH/photos", content=picture(), headers=headers)
    assert [a.status_code for a in (sent, read, photo)] == [401, 401, 401]
    assert sent.json()["error"]
    assert site.rows("conversation", "id") == []


def _in_pieces(size: int) -> Any:
    async def pieces() -> Any:
        for _ in range(size // 4096 + 1):
            yield b"x" * 4096

    return pieces()


@pytest.mark.parametrize(("path", "largest"), [("messages", 32 * 1024), ("photos", 10 * 1024 * 1024)])
@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_is_read_no_further_than_it_may_be_long(
    site: Site, path: str, largest: int, declared: bool
) -> None:
    wang = site.resident()
    content = b"x" * (largest + 1) if declared else _in_pieces(largest + 1)
    answer = await wang.http.post(f"/chat/YH/{path}", content=content, headers=wang.headers)
    assert answer.status_code == 413 and answer.json()["error"]
    assert site.rows("conversation", "id") == []


async def test_too_large_is_said_in_the_pages_language(site: Site) -> None:
    wang = site.resident()
    for path, size in (("messages", 40_000), ("photos", 11 * 1024 * 1024)):
        answer = await wang.http.post(f"/chat/YH/{path}?lang=en", content=b"x" * size, headers=wang.headers)
        assert answer.json()["error"].isascii(), path


def test_the_pages_script_says_in_which_language_it_wants_to_be_refused() -> None:
    script = (STATIC / "chat.js").read_text(encoding="utf-8").lower()
    assert "x-desk-language" in script


# ── photos ──


async def test_a_photo_is_handed_in_sent_and_seen_by_its_sender(site: Site) -> None:
    wang = site.resident("王建国")
    kept = await wang.send_photo(picture(), "这里漏水")
    shown = (await wang.read())["messages"][0]
    assert shown["photos"] == [kept] and shown["text"] == "这里漏水"
    answer = await wang.http.get(f"/chat/YH/photos/{kept}", headers=wang.headers)
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"
    assert answer.headers["cache-control"].startswith("private") and answer.headers["x-content-type-options"] == "nosniff"
    assert site.rows("media", "status", "kept") == [("kept", kept)]
    assert site.rows("due", "id", kind="media_fetch") == []  # nothing to fetch: the bytes are here


async def test_a_photo_of_another_conversation_is_not_there(site: Site) -> None:
    wang, li = site.resident("王建国"), site.resident()
    kept = await wang.send_photo(picture())
    await li.write("你好")
    assert (await li.http.get(f"/chat/YH/photos/{kept}", headers=li.headers)).status_code == 404
    answer = await li.deliver(photo=kept)
    assert answer.status_code == 400 and answer.json()["error"].endswith("。")
    assert all(m["photos"] == [] for m in (await li.read())["messages"])
    # the same token at another community is another conversation
    elsewhere = Resident(site, wang.http, wang.token, "HT")
    assert (await elsewhere.http.get(f"/chat/HT/photos/{kept}", headers=elsewhere.headers)).status_code == 404
    assert (await elsewhere.deliver(photo=kept)).status_code == 400


@pytest.mark.parametrize("kept", ["0" * 64, "x", "..%2f..%2fdesk.db", "A" * 64])
async def test_a_photo_nobody_sent_is_not_there(site: Site, kept: str) -> None:
    wang = site.resident()
    await wang.write("你好")
    assert (await wang.http.get(f"/chat/YH/photos/{kept}", headers=wang.headers)).status_code == 404


async def test_what_is_no_picture_is_refused_and_makes_no_conversation(site: Site) -> None:
    wang = site.resident()
    answer = await wang.hand_in(b"<svg onload=alert(1)>")
    assert answer.status_code == 415 and answer.json()["error"].endswith("。")
    assert site.rows("conversation", "id") == [] and site.rows("media", "id") == []


async def test_the_same_photo_handed_in_twice_at_once_is_one(site_on_both: Site) -> None:
    wang = site_on_both.resident()
    answers = await asyncio.gather(*(wang.hand_in(picture()) for _ in range(4)))
    assert {a.status_code for a in answers} == {201} and len({a.json()["photo"] for a in answers}) == 1
    assert len(site_on_both.rows("media", "id")) == 1


# ── out ──


async def test_another_token_sees_nothing(site: Site) -> None:
    wang = site.resident("王建国")
    await wang.write(LEAK)
    for other in (site.resident(), Resident(site, wang.http, wang.token, "HT")):
        assert await other.read() == {"messages": [], "cursor": "0.0", "typing": False, "mode": "desk"} | {
            k: None for k in await other.read() if k == "conversation_id"
        }
        # nor with a cursor made up, nor as news
        assert (await other.read(after="0.1"))["messages"] == []


async def test_the_answer_says_nothing_the_page_has_no_use_for(site: Site) -> None:
    wang = site.resident()
    await wang.write("你好")
    assert set(await wang.read()) == {"messages", "cursor", "typing", "mode"}


async def test_what_residents_write_goes_out_as_it_is_and_as_json_alone(site: Site) -> None:
    wang = site.resident()
    await wang.write(HOSTILE)
    answer = await wang.http.get("/chat/YH/messages", headers=wang.headers)
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff" and "no-store" in answer.headers["cache-control"]
    assert answer.json()["messages"][0]["text"] == HOSTILE


async def test_each_message_says_from_whom_and_when_and_mine_carry_their_id(site: Site) -> None:
    wang, steward = site.resident("王建国"), site.staff("steward")
    await wang.write("转人工", id="message-mine")
    site.desk.take_over(site.community_id, steward.id, wang.talk_id)
    site.desk.speak(site.community_id, steward.id, wang.talk_id, "您好，请讲。", "once")
    answer = await wang.read()
    messages = answer["messages"]
    assert [(m["from"], m["id"]) for m in messages[:2]] == [("me", "message-mine"), ("desk", "")]
    assert (messages[-1]["from"], messages[-1]["name"], messages[-1]["text"]) == ("staff", "丁小雯", "您好，请讲。")
    assert {m["name"] for m in messages[:-1]} == {""}
    assert {m["at"] for m in messages} == {"2026-11-23T10:00:00+08:00"}
    assert answer["mode"] == "human" and answer["typing"] is False


_BAD_QUERIES = [
    {"after": "x"}, {"after": "1"}, {"after": "1.2.3"}, {"after": "-1.0"}, {"after": "1.²"}, {"after": "１.２"},
    {"after": "9" * 60 + ".0"}, {"wait": "soon"}, {"wait": ""},
]  # fmt: skip


async def test_a_cursor_or_a_wait_that_cannot_be_read_is_400(site: Site) -> None:
    wang = site.resident()
    await wang.write("你好")
    for query in _BAD_QUERIES:
        answer = await wang.http.get("/chat/YH/messages", params=query, headers=wang.headers)
        assert answer.status_code == 400 and answer.json()["error"].endswith("。"), query


@pytest.mark.parametrize("query", [{"wait": "nan"}, {"after": "99999999999999999999.0"}], ids=str)
async def test_no_query_brings_the_page_down(site: Site, query: dict[str, str]) -> None:
    wang = site.resident()
    await wang.write("你好")
    ask = {"after": "9.9"} | query
    answer = await asyncio.wait_for(wang.http.get("/chat/YH/messages", params=ask, headers=wang.headers), 2)
    assert answer.status_code == 400


# ── out: the cursor ──


@pytest.fixture(params=["sqlite", "postgresql"])
def interleaved(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """A fresh site for every example: the estate once more, or its conversations emptied."""
    if request.param == "sqlite":
        source: Path = request.getfixturevalue("sqlite_estate")
        path = tmp_path / "desk.db"
        shutil.copyfile(source, path)
        yield f"sqlite:///{path}"
        return
    server = request.getfixturevalue("postgres_estate")
    yield server.create("interleaved", "estate")
    server.drop("interleaved")


_STEPS = st.lists(
    st.sampled_from(["write", "write again", "settle", "staff", "read", "read", "lost answer", "file"]),
    min_size=3, max_size=18,
)  # fmt: skip


def test_a_cursor_never_loses_or_doubles_a_message(interleaved: str, tmp_path: Path) -> None:
    """Whatever is written, answered, resent or lost on the way in between: what the page put together is what there is."""

    @given(steps=_STEPS)
    @settings(max_examples=8, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    def holds(steps: list[str]) -> None:
        asyncio.run(_interleave(interleaved, tmp_path, steps))

    holds()


async def _interleave(url: str, folder: Path, steps: list[str]) -> None:
    database = Database(url)
    async with running(open_site(database, folder)) as site:
        wang = site.resident()
        wang.token = f"{len(site.rows('conversation', 'id')):04d}-" + "y" * 40
        steward = site.staff("steward")
        seen: list[tuple[str, str]] = []
        cursor = ""
        last_id = ""
        for number, step in enumerate([*steps, "settle", "read", "read"]):
            if step == "write" or (step == "write again" and not last_id):
                last_id = f"message-{number:04d}"
                await wang.deliver(text=f"第{number}句", id=last_id)
            elif step == "write again":
                await wang.deliver(text="重发", id=last_id)
            elif step == "settle":
                await site.settle()
            elif step == "staff" and last_id:
                site.desk.take_over(site.community_id, steward.id, wang.talk_id)
                site.desk.speak(site.community_id, steward.id, wang.talk_id, f"答{number}", f"{wang.token}{number}")
            elif step == "file":
                site.ticket()  # somebody else's rows in between
            elif step in ("read", "lost answer"):
                answer = await wang.read(after=cursor)
                if step == "read":  # a lost answer is asked for again with the same cursor
                    cursor = answer["cursor"]
                    seen += [(m["key"], m["text"]) for m in answer["messages"]]
                else:
                    await wang.read(after=cursor)
        whole = [(m["key"], m["text"]) for m in (await wang.read())["messages"]]
        assert sorted(seen) == sorted(whole)
        assert len({key for key, _ in seen}) == len(seen)
        if last_id:
            own = (site.community_id, wang.talk_id)
            lines, _ = database.read(own[0], lambda c: transcripts.read(c, *own, Cursor(), 1000))
            assert len(lines) == len(whole)
            heard = len([1 for key, _ in whole if key.startswith("i")])
            assert heard == len(site.rows("inbox", "id", conversation_id=own[1]))
    database.close()


async def test_of_a_long_gap_the_latest_fifty_come_and_then_nothing_twice(site: Site) -> None:
    wang = site.resident()
    for n in range(60):
        await wang.deliver(text=str(n))
    first = await wang.read()
    assert [m["text"] for m in first["messages"]] == [str(n) for n in range(10, 60)]
    assert (await wang.read(after=first["cursor"]))["messages"] == []


# ── out: waiting ──


async def _later(act: Callable[[], Any], after: float = 0.1) -> None:
    await asyncio.sleep(after)
    done = act()
    if asyncio.iscoroutine(done):
        await done


async def _timed(reading: Any) -> tuple[dict[str, Any], float]:
    loop = asyncio.get_running_loop()
    began = loop.time()
    return await asyncio.wait_for(reading, 5), loop.time() - began


async def test_a_page_that_waits_is_answered_when_the_wait_is_over(site: Site) -> None:
    wang = site.resident()
    await wang.write("你好")
    cursor = (await wang.read())["cursor"]
    answer, took = await _timed(wang.read(after=cursor, wait=0.2))
    assert answer["messages"] == [] and answer["cursor"] == cursor and 0.18 < took < 1


async def test_a_page_that_waits_hears_of_news_at_once(site_on_both: Site) -> None:
    wang, steward = site_on_both.resident(), site_on_both.staff("steward")
    await wang.write("转人工")
    site_on_both.desk.take_over(site_on_both.community_id, steward.id, wang.talk_id)
    cursor = (await wang.read())["cursor"]

    def say() -> None:  # another process writes: nobody rings a bell here
        site_on_both.desk.speak(site_on_both.community_id, steward.id, wang.talk_id, "在的", "once")

    (answer, took), _ = await asyncio.gather(_timed(wang.read(after=cursor, wait=4)), _later(say))
    assert [m["text"] for m in answer["messages"]] == ["在的"] and took < 2


async def test_a_stranger_who_waits_hears_the_answer_to_the_first_message(site: Site) -> None:
    wang = site.resident()
    (answer, took), _ = await asyncio.gather(_timed(wang.read(wait=4)), _later(lambda: wang.deliver(text="你好")))
    assert [m["text"] for m in answer["messages"]] == ["你好"] and answer["typing"] is True and took < 2


async def test_a_page_that_shows_typing_is_told_when_it_is_over(site: Site) -> None:
    wang = site.resident()
    await wang.deliver(text="你好")
    first = await wang.read()
    assert first["typing"] is True
    # it shows typing already: nothing to tell yet
    answer, took = await _timed(wang.read(after=first["cursor"], wait=0.2, typing="1"))
    assert answer["messages"] == [] and took > 0.18
    # it does not show it: told at once
    answer, took = await _timed(wang.read(after=first["cursor"], wait=4, typing="0"))
    assert answer["typing"] is True and took < 1
    (answer, took), _ = await asyncio.gather(
        _timed(wang.read(after=first["cursor"], wait=4, typing="1")), _later(site.settle)
    )
    assert answer["typing"] is False and len(answer["messages"]) == 2 and took < 2


async def test_news_between_the_look_and_the_wait_is_not_waited_for(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    wang, steward = site.resident(), site.staff("steward")
    await wang.write("转人工")
    site.desk.take_over(site.community_id, steward.id, wang.talk_id)
    cursor, talk_id = (await wang.read())["cursor"], wang.talk_id
    look = ChatPage._read

    def looked(self: ChatPage, *args: Any) -> Any:
        seen = look(self, *args)
        site.desk.speak(site.community_id, steward.id, talk_id, "在的", "once")  # a moment after the look
        return seen

    monkeypatch.setattr(ChatPage, "_read", looked)
    answer, took = await _timed(wang.read(after=cursor, wait=1.5))
    assert [m["text"] for m in answer["messages"]] == ["在的"] and took < 1


async def test_another_conversations_news_wakes_nobody_wrongly(site: Site) -> None:
    wang, li = site.resident(), site.resident()
    await wang.write("你好")
    await li.write("你好")
    cursor = (await wang.read())["cursor"]
    (answer, took), _ = await asyncio.gather(
        _timed(wang.read(after=cursor, wait=0.4)), _later(lambda: li.write("转人工"))
    )
    assert answer["messages"] == [] and took > 0.35


async def test_a_closing_site_lets_waiting_pages_go(site: Site) -> None:
    wang = site.resident()
    await wang.write("你好")
    cursor = (await wang.read())["cursor"]
    (answer, took), _ = await asyncio.gather(_timed(wang.read(after=cursor, wait=4)), _later(site.watch.close))
    assert answer["messages"] == [] and took < 2


async def test_many_pages_of_one_conversation_all_hear(site: Site) -> None:
    wang = site.resident()
    await wang.write("你好")
    cursor = (await wang.read())["cursor"]
    reads = asyncio.gather(*(_timed(wang.read(after=cursor, wait=4)) for _ in range(5)))
    answers, _ = await asyncio.gather(reads, _later(lambda: wang.deliver(text="再问一句")))
    assert all([m["text"] for m in a["messages"]] == ["再问一句"] and took < 2 for a, took in answers)


# ── who may frame it ──


async def test_only_the_sites_the_office_names_may_frame_the_page(estate_database: Database, tmp_path: Path) -> None:
    async with running(open_site(estate_database, tmp_path, embedded_by=("https://www.estate.example",))) as site:
        http: httpx.AsyncClient = site.browser()
        chat = (await http.get("/chat/YH")).headers["content-security-policy"]
        desk = (await http.get("/desk/login")).headers["content-security-policy"]
    assert "frame-ancestors 'self' https://www.estate.example" in chat
    assert "frame-ancestors 'none'" in desk


# ── a code in the address ──


async def test_a_code_in_the_address_is_a_delivery_without_words(site_on_both: Site) -> None:
    site = site_on_both
    household = site.rows("membership", "household_id", resident_id=site.resident_id("王建国"))[0][0]
    code = site.desk.invite_into(1, None, household, "family")
    somebody = site.resident()
    for _ in range(2):  # sent again because the first acknowledgement got lost
        assert (await somebody.deliver(id="arrival-1", start=code)).status_code == 202
    await site.settle()
    (payload,) = site.rows("inbox", "payload")[0]
    assert (payload["start"], payload["event"], payload["text"]) == (code, "arrived", "")
    messages = (await somebody.read())["messages"]
    assert [m["from"] for m in messages].count("me") == 1 and "4栋1单元703" in messages[-1]["text"]
    assert (messages[0]["id"], messages[0]["text"]) == ("arrival-1", "〔扫码进入 opened from a code〕")
    assert code not in str(messages)


@pytest.mark.parametrize("start", ["x" * 65, "a b", "<script>", "编码", "a\x00b", "../x"])
async def test_a_code_that_cannot_be_one_is_400(site: Site, start: str) -> None:
    answer = await site.resident().deliver(start=start)
    assert answer.status_code == 400 and site.rows("inbox", "id") == []


async def test_a_code_in_the_address_of_the_page_is_not_in_the_page(site: Site) -> None:
    answer = await site.browser().get("/chat/YH?start=K7M2Q-9XRTD&lang=zh")
    assert answer.status_code == 200 and "K7M2Q" not in answer.text


# ── an erased conversation ──


async def test_a_page_whose_conversation_was_erased_is_told_so(site_on_both: Site) -> None:
    site = site_on_both
    wang = site.resident("王建国")
    assert "forgotten" not in await wang.read()
    await wang.write("你好")
    seen = (await wang.read())["cursor"]
    waiting = asyncio.create_task(wang.read(after=seen, wait=20))
    await asyncio.sleep(0)
    site.desk.forget(1, wang.talk_id)
    site.watch.wake()
    answer = await asyncio.wait_for(waiting, 15)
    assert answer["forgotten"] and answer["messages"] == []
    assert "forgotten" not in await wang.read(), "a page that has read nothing is somebody new"
    await wang.write("你好")
    assert site.rows("conversation", "resident_id", address=wang.address) == [(None,)]
    assert "forgotten" not in await wang.read(after=seen)


async def test_what_was_still_to_be_heard_in_an_erased_conversation_is_not_heard(site_on_both: Site) -> None:
    site = site_on_both
    wang = site.resident("王建国")
    await wang.write("你好")
    talk_id = wang.talk_id
    await wang.deliver(text="我叫王建国，住4栋1单元703")
    claim = site.database.write(
        EVERY, lambda c: store.claim_conversation(c, "a worker", site.machine.now(), timedelta(minutes=1))
    )
    assert claim is not None and claim.rows
    site.desk.forget(1, talk_id)
    with pytest.raises(store.ClaimLost):
        site.desk.take_turn(claim, Heard(text="我叫王建国，住4栋1单元703"))
    await site.settle()
    assert {s for (s,) in site.rows("inbox", "status")} == {"done"}
    assert "王建国" not in str(site.rows("conversation", "state")) + str(site.rows("inbox", "payload"))


async def test_the_resident_erases_it_in_the_chat(site: Site) -> None:
    wang = site.resident("王建国")
    await wang.write("隐私")
    await wang.deliver(button="privacy:forget")
    await site.settle()
    seen = (await wang.read())["cursor"]
    await wang.write("是的")
    assert (await wang.read(after=seen))["forgotten"]
    assert not (await wang.http.get("/chat/YH/messages", params={"after": seen}, headers=site.resident().headers)).json()["messages"]
