"""The accounts on platforms: the notebook, the file that lists them, listening under a lease, passive replies, and a resident on
Telegram from the first message to the rating."""

from __future__ import annotations

import asyncio
import itertools
import threading
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import timedelta
from typing import Any

import pytest

from bot import accounts, platforms, store
from bot.app import NoNlu, build_core
from bot.channels import Accept, Inbound, Message, SendError
from bot.channels.telegram import PolledTelegram, TelegramAccount
from bot.channels.wechat import menu
from bot.core.domain import Mistakes, Script
from bot.core.types import Priority, Say
from bot.database import EVERY, Database
from bot.hearing import Ear
from bot.notebook import Notes
from bot.outbox import put, row
from bot.reception import LEASE, PassiveAnswers, Post, Reception
from bot.store import lock_talk
from bot.workers import Workers
from tests.fakes.telegram import TOKEN, USERNAME, FakeTelegram
from tests.fakes.telegram_stage import Clock
from tests.store.engines import database, postgres_server, postgres_url, sqlite_template, url
from tests.store.office import Office, Platform, office, open_office, story
from tests.texts import office_texts

__all__ = ["database", "postgres_server", "postgres_url", "sqlite_template", "url"]

TEXTS: Script = office_texts()
DAY = timedelta(days=1)


@pytest.fixture
def desk(database: Database) -> Office:
    return open_office(database)


async def until(true: Callable[[], bool], *, tries: int = 3000) -> None:
    """Let other tasks run until this holds; fails when it never does."""
    for _ in range(tries):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came to be")


# ── the notebook ──


def notes(desk: Office, account: str = "bot", community: int = 1) -> Notes:
    return Notes(desk.database, community, "telegram", account, desk.machine)


async def test_a_page_is_what_was_written_last_until_its_time_has_passed(desk: Office) -> None:
    book = notes(desk)
    assert await book.read("window") is None
    assert await book.change("window", lambda old: {"was": old, "left": 5}, DAY) == {"was": None, "left": 5}
    assert await book.change("window", lambda old: {"left": (old or {})["left"] - 1}, DAY) == {"left": 4}
    assert await book.read("window") == {"left": 4}
    desk.machine.forward(DAY)
    assert await book.read("window") is None
    assert await book.change("window", lambda old: {"new": old is None}, DAY) == {"new": True}


async def test_pages_of_other_accounts_and_communities_are_other_pages(desk: Office) -> None:
    await notes(desk).change("token", lambda old: {"value": "a"}, DAY)
    assert await notes(desk, "bot2").read("token") is None
    assert await notes(desk, community=2).read("token") is None


async def test_what_an_edit_raises_changes_nothing(desk: Office) -> None:
    book = notes(desk)
    await book.change("window", lambda old: {"left": 1}, DAY)

    def spent(old: Any) -> Any:
        raise RuntimeError("the quota is spent")

    with pytest.raises(RuntimeError, match="spent"):
        await book.change("window", spent, DAY)
    assert await book.read("window") == {"left": 1}


def test_processes_that_count_on_one_page_lose_no_count(postgres_url: str) -> None:
    databases = [Database(postgres_url) for _ in range(4)]
    front = open_office(databases[0])

    def count(database: Database) -> None:
        book = Notes(database, 1, "telegram", "bot", front.machine)
        for _ in range(10):
            asyncio.run(book.change("count", lambda old: {"n": (old or {"n": 0})["n"] + 1}, DAY))

    threads = [threading.Thread(target=count, args=(d,)) for d in databases]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert asyncio.run(notes(front).read("count")) == {"n": 40}
    for one in databases:
        one.close()


# ── data/channels.yml ──

BOT = {"community": "YH", "account": "yh-bot", "username": "YihuaDeskBot", "token": "DESK_TELEGRAM_YH_TOKEN"}


def test_an_account_is_read_with_its_secret_from_the_environment() -> None:
    (one,) = accounts.read({"telegram": [BOT]}, {"DESK_TELEGRAM_YH_TOKEN": TOKEN}.get)
    assert (one.channel, one.community, one.name) == ("telegram", "YH", "yh-bot")
    assert isinstance(one.account, TelegramAccount) and TOKEN not in repr(one)


@pytest.mark.parametrize("nothing", [None, {}, {"telegram": None}, {"telegram": []}])
def test_a_file_without_accounts_lists_none(nothing: Any) -> None:
    assert accounts.read(nothing, lambda name: None) == ()


def test_every_mistake_is_named_with_its_place_and_remedy() -> None:
    raw = {"telegram": [BOT, {"community": "YH"}, "yes", {**BOT, "tokne": "x"}], "fax": [BOT]}
    with pytest.raises(Mistakes) as caught:
        accounts.read(raw, lambda name: None)
    said = [str(m) for m in caught.value.found]
    assert len(said) == 5
    assert any("telegram[0]" in s and "DESK_TELEGRAM_YH_TOKEN" in s and "not set" in s for s in said)
    assert any("telegram[1]" in s and "account is missing" in s for s in said)
    assert any("telegram[2]" in s and "is not an account" in s for s in said)
    assert any("telegram[3]" in s and "tokne" in s for s in said)
    assert any("fax" in s and "Known: telegram" in s for s in said)


def test_one_name_twice_is_refused() -> None:
    with pytest.raises(Mistakes, match="listed twice"):
        accounts.read({"telegram": [BOT, BOT]}, lambda name: TOKEN)


def test_the_menus_of_the_platforms_hold_what_the_texts_say() -> None:
    """Every platform has its own limits on menus; a title that grows too long is found here and not by the office."""
    three = menu.checked(platforms.menu_of_three(TEXTS))
    keys = [below["key"] for above in three["button"] for below in above["sub_button"]]
    beside = platforms.menu(TEXTS)
    assert sorted(keys) == sorted(item.button for item in beside) and len(keys) == len(set(keys)) == 8
    assert {item.title["en"] for item in beside} >= {"Report a repair", "My home"}


# ── listening under a lease ──


class Radio(Platform):
    """A channel that listens until it is told to stop, or breaks."""

    def __init__(self) -> None:
        super().__init__()
        self.listening = 0
        self.begun = 0
        self.breaks: list[Exception] = []

    async def listen(self, accept: Accept) -> None:
        self.begun += 1
        if self.breaks:
            raise self.breaks.pop()
        self.listening += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.listening -= 1


def reception(desk: Office, holder: str, radio: Radio) -> Reception:
    return Reception(desk.workers, TEXTS.triage, (Post(1, radio),), holder, timedelta(milliseconds=10))


async def test_of_two_processes_one_listens_and_the_other_takes_over_at_once_when_it_ends(desk: Office) -> None:
    first, second = Radio(), Radio()
    one, two = reception(desk, "one", first), reception(desk, "two", second)
    one.start()
    await until(lambda: first.listening == 1)
    two.start()
    await asyncio.sleep(0.1)
    assert (first.listening, second.listening) == (1, 0)
    await one.stop()
    await until(lambda: second.listening == 1)
    assert first.listening == 0
    await two.stop()


@pytest.mark.parametrize("nth", [1, 2], ids=["being taken", "being renewed"])
async def test_a_lease_that_is_being_held_when_its_process_stops_is_given_back_all_the_same(
    desk: Office, monkeypatch: pytest.MonkeyPatch, nth: int
) -> None:
    """The transaction that holds it runs on in a thread of its own; on PostgreSQL it could end after the one that lets go."""
    hold, count, begun, end = store.hold_lease, itertools.count(1), threading.Event(), threading.Event()

    def slow(*args: Any) -> bool:
        if next(count) == nth:
            begun.set()
            end.wait(10)
        return hold(*args)

    monkeypatch.setattr(store, "hold_lease", slow)
    one, radio = reception(desk, "one", Radio()), Radio()
    one.start()
    await until(begun.is_set)
    stopping = asyncio.create_task(one.stop())
    await asyncio.sleep(0.05)
    end.set()
    await stopping
    two = reception(desk, "two", radio)
    two.start()
    await until(lambda: radio.listening == 1, tries=300)
    await two.stop()


async def test_a_dead_holder_is_followed_once_its_lease_has_ended_and_stops_when_it_wakes(desk: Office) -> None:
    first, second = Radio(), Radio()
    frozen, thawed = False, asyncio.Event()

    class Frozen(Reception):
        """A process that the machine stops between two renewals."""

        async def _hold(self, name: str) -> bool:
            if frozen:
                await thawed.wait()
            return await Reception._hold(self, name)

    one = Frozen(desk.workers, TEXTS.triage, (Post(1, first),), "one", timedelta(milliseconds=10))
    two = reception(desk, "two", second)
    one.start()
    await until(lambda: first.listening == 1)
    frozen = True
    two.start()
    await asyncio.sleep(0.1)
    assert second.listening == 0
    desk.machine.forward(LEASE + timedelta(seconds=1))
    await until(lambda: second.listening == 1)
    thawed.set()
    await until(lambda: first.listening == 0)
    assert second.listening == 1
    await two.stop()
    await one.stop()


async def test_listening_that_breaks_is_begun_again(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    radio = Radio()
    radio.breaks.append(RuntimeError("the platform sent nonsense"))
    rest = asyncio.sleep
    monkeypatch.setattr("bot.reception.asyncio.sleep", lambda seconds: rest(min(seconds, 0.01)))
    one = reception(desk, "one", radio)
    one.start()
    await until(lambda: radio.listening == 1)
    assert radio.begun == 2
    await one.stop()


async def test_what_is_on_its_way_arrives_before_connections_are_closed(desk: Office) -> None:
    class Slow(Radio):
        """Needs its connection until the platform has answered."""

        closed = False
        answers = asyncio.Event()

        async def send(self, to: str, message: Message) -> str:
            await self.answers.wait()
            assert not self.closed
            return await Platform.send(self, to, message)

        async def close(self) -> None:
            self.closed = True

    slow = Slow()
    desk.workers._channels = {("telegram", "bot"): slow}
    one = reception(desk, "one", slow)
    await desk.talk("水管漏水")
    desk.workers.start(inbox_loops=0)
    one.start()
    await until(lambda: len(desk.workers._sending) == 1)
    await one.stop()
    ending = asyncio.create_task(desk.workers.stop())
    await asyncio.sleep(0)
    slow.answers.set()
    await ending
    await one.close()
    assert slow.closed and [text for _, text in slow.sent] == ["确认报修吗?"]


async def test_a_danger_waits_for_no_burst(desk: Office) -> None:
    one = reception(desk, "one", Radio())
    accept = one.accept_for(1)
    await accept(Inbound("telegram", "bot", "1", "wang", "着火了"))
    assert await desk.workers.hear_one()


async def test_a_code_leads_into_every_chat_of_the_community_that_has_a_link_and_a_silent_platform_is_left_out(desk: Office) -> None:
    class Linked(Radio):
        def __init__(self, name: str, link: str | Exception) -> None:
            super().__init__()
            self.name, self._link = name, link

        async def link(self, start: str, lasts: timedelta) -> str:
            if isinstance(self._link, Exception):
                raise self._link
            return self._link + start

    posts = (
        Post(1, Linked("telegram", "https://t.me/YihuaDeskBot?start=")), Post(1, Linked("wechat", SendError("away", retryable=True))),
        Post(2, Linked("telegram", "https://t.me/another?start=")), Post(1, Radio()),
    )  # fmt: skip
    one = Reception(desk.workers, TEXTS.triage, posts, "one")
    assert await one.links(1, "K7M2Q-9XRTD", DAY) == (("telegram", "https://t.me/YihuaDeskBot?start=K7M2Q-9XRTD"),)


# ── passive replies ──


async def passive(desk: Office, *, patience: float = 1.0) -> tuple[tuple[Message, ...], PassiveAnswers]:
    """A delivery whose platform waits, while the desk hears."""
    answers = PassiveAnswers(desk.workers, 1)
    accept = reception(desk, "one", Radio()).accept_for(1)
    receipt = await accept(Inbound("telegram", "bot", "p1", "wang", "水管漏水"))
    desk.machine.forward(timedelta(seconds=1))

    async def hear() -> None:
        await desk.workers.hear_one()
        await desk.workers.send_some()

    heard = asyncio.create_task(hear())
    taken = await answers.take(receipt, timedelta(seconds=patience))
    await heard
    return taken, answers


async def test_a_passive_reply_takes_what_the_turn_said_and_the_drain_leaves_it_alone(desk: Office) -> None:
    taken, answers = await passive(desk)
    assert [m.text for m in taken] == ["确认报修吗?"]
    assert desk.telegram.sent == []
    await answers.settle(taken, delivered=True)
    assert [s for (s,) in desk.rows("outbox", "status", address="wang")] == ["sent_unconfirmed"]
    await desk.deliver()
    assert desk.telegram.sent == [] and not desk.workers.held


async def test_a_platform_that_asks_again_is_told_again_what_it_did_not_get(desk: Office) -> None:
    taken, answers = await passive(desk)
    await answers.settle(taken, delivered=True)
    accept = reception(desk, "one", Radio()).accept_for(1)
    receipt = await accept(Inbound("telegram", "bot", "p1", "wang", "水管漏水"))
    assert receipt.duplicate
    again = await answers.take(receipt, timedelta(seconds=1))
    assert [m.id for m in again] == [m.id for m in taken]
    await answers.settle(again, delivered=False)
    assert [s for (s,) in desk.rows("outbox", "status", address="wang")] == ["sent_unconfirmed"]
    fresh = await accept(Inbound("telegram", "bot", "p2", "wang", "是"))
    await desk.answer()
    assert [m.id for m in await answers.take(fresh, timedelta(seconds=1))] != [m.id for m in taken]


async def test_a_platform_that_asks_again_is_not_told_again_what_the_response_to_a_later_message_carried(desk: Office) -> None:
    taken, answers = await passive(desk)
    await answers.settle(taken, delivered=True)
    accept = reception(desk, "one", Radio()).accept_for(1)
    later = await accept(Inbound("telegram", "bot", "p2", "wang", "是"))
    desk.machine.forward(timedelta(seconds=1))
    await desk.workers.hear_one()
    await answers.settle(await answers.take(later, timedelta(seconds=1)), delivered=True)
    receipt = await accept(Inbound("telegram", "bot", "p1", "wang", "水管漏水"))
    again = await answers.take(receipt, timedelta(seconds=1))
    assert [m.id for m in again] == [m.id for m in taken]


async def test_what_the_response_did_not_carry_is_sent_like_anything_else(desk: Office) -> None:
    taken, answers = await passive(desk)
    await answers.settle(taken, delivered=False)
    await desk.deliver()
    assert len(desk.telegram.sent) == 1


async def test_a_platform_that_will_not_wait_gets_nothing_and_nothing_is_lost(desk: Office) -> None:
    answers = PassiveAnswers(desk.workers, 1)
    accept = reception(desk, "one", Radio()).accept_for(1)
    receipt = await accept(Inbound("telegram", "bot", "p1", "wang", "水管漏水"))
    assert await answers.take(receipt, timedelta(0)) == ()
    await desk.answer()
    await desk.deliver()
    assert len(desk.telegram.sent) == 1


async def test_an_account_that_can_only_reply_is_not_sent_to_and_its_news_reach_a_person_in_time(database: Database) -> None:
    front = open_office(database)
    mute = Platform()
    type(mute).reach = property(lambda self: "reply_only")  # type: ignore[assignment]
    try:
        front.workers = Workers(
            front.desk, "w", front.workers._hear, {("telegram", "bot"): mute}, lambda: 0.5, front.workers.pace
        )
        await front.talk("水管漏水")
        await front.deliver()
        assert mute.sent == []

        def urgent(conn: Any) -> None:
            say = Say("请马上离开", priority=Priority.EMERGENCY)
            address = lock_talk(conn, 1, 1).address
            put(conn, [row(1, address, say, desk_now=front.clock.now(), machine_now=front.machine.now())])

        database.write(EVERY, urgent)
        front.machine.forward(front.workers.pace.urgent_waits)
        await front.workers.sweep()
        assert [t for (t,) in front.rows("phone_task", "text")] == ["请马上离开"]
        answers = PassiveAnswers(front.workers, 1)
        accept = reception(front, "one", Radio()).accept_for(1)
        receipt = await accept(Inbound("telegram", "bot", "p2", "wang", "在吗"))
        await front.answer()
        taken = await answers.take(receipt, timedelta(seconds=1))
        assert len(taken) == 2, "the earlier question and the answer to this message"
        await answers.settle(taken, delivered=False)
        front.machine.forward(front.workers.pace.reply_waits)
        await front.workers.sweep()
        assert len(front.rows("phone_task", "text")) == 3
    finally:
        type(mute).reach = property(lambda self: "always")  # type: ignore[assignment]


async def test_a_report_may_be_quicker_than_our_own_note_that_the_message_was_taken(desk: Office) -> None:
    await desk.talk("水管漏水")
    desk.telegram.names = ["notice:7"]
    answers = PassiveAnswers(desk.workers, 1)
    reported = asyncio.create_task(answers.undelivered(desk.telegram, "wang", "notice:7", "没有送达。 Not delivered."))
    await asyncio.sleep(0.1)
    assert not reported.done(), "the message is not out yet"
    await desk.deliver()
    assert await reported
    assert desk.rows("phone_task", "reason") == [("failed: 没有送达。 Not delivered.",)]
    assert not await answers.undelivered(desk.telegram, "wang", "notice:8", "没有送达。 Not delivered.")


# ── a resident on Telegram, from the first message to the rating ──


class Line:
    """A desk with the real core whose residents write to a bot."""

    def __init__(self, desk: Office, telegram: FakeTelegram, clock: Clock) -> None:
        self.telegram, self.desk, self.clock = telegram, desk, clock
        desk.desk.core = build_core(TEXTS, 2026, "https://desk.example")
        account = TelegramAccount("CY", "bot", USERNAME, TOKEN, api=telegram.url)
        self.channel = PolledTelegram(
            account, Notes(desk.database, 1, "telegram", "bot", clock), now=clock.now, sleep=clock.sleep, jitter=lambda: 0.5
        )
        channels: dict[tuple[str, str], Any] = {("telegram", "bot"): self.channel, ("desk", ""): desk.staff_page}
        desk.workers = Workers(
            desk.desk, "w1", Ear(NoNlu(), TEXTS).hear, channels, lambda: 0.5, desk.workers.pace
        )
        self.accept = Reception(desk.workers, TEXTS.triage, (Post(1, self.channel),), "one").accept_for(1)

    async def turn(self) -> None:
        """Hear all that waits at Telegram, answer it, deliver the answers."""
        listening = asyncio.create_task(self.channel.listen(self.accept))
        await self.telegram.quiet()
        listening.cancel()
        with suppress(asyncio.CancelledError):
            await listening
        self.clock.at += timedelta(seconds=2)
        while await self.desk.workers.hear_one():
            pass
        for _ in range(30):
            self.clock.at += timedelta(seconds=2)
            if not await self.desk.workers.send_some():
                break

    async def says(self, who: int, *texts: str) -> str:
        before = len(self.telegram.texts(who))
        for words in texts:
            self.telegram.says(who, words)
            await self.turn()
        return "\n".join(self.telegram.texts(who)[before:])

    async def taps(self, who: int, label: str) -> str:
        before = len(self.telegram.texts(who))
        self.telegram.taps(who, label)
        await self.turn()
        return "\n".join(self.telegram.texts(who)[before:])


async def with_line(database: Database, play: Callable[[Line], Awaitable[None]]) -> None:
    clock = Clock()
    open_office(database)
    front = office(database, story(), clock)  # type: ignore[arg-type]  # a clock that moves when somebody sleeps
    async with FakeTelegram(clock.now).running() as telegram:
        line = Line(front, telegram, clock)
        try:
            await play(line)
        finally:
            await line.channel.close()
        assert telegram.violations == []


async def test_from_the_first_message_to_the_rating_on_telegram(database: Database) -> None:
    async def play(line: Line) -> None:
        telegram, desk = line.telegram, line.desk
        wang = telegram.person("王", "芳")
        assert "请直接说您的事" in await line.says(wang, "/start")
        await line.taps(wang, "我的房屋")
        await line.taps(wang, "同意")
        assert "已绑定3-2-501" in await line.says(wang, "3栋2单元501", "王芳", "0000")
        await line.taps(wang, "报修")
        said = await line.says(wang, "厨房水管漏水", "明天下午")
        assert "请核对" in said and "3-2-501" in said
        ticket_said = await line.taps(wang, "对，提交")
        number = desk.rows("ticket", "number")[0][0]
        assert number in ticket_said
        for action in ("accept", "depart", "arrive", "done"):
            desk.desk.act_on_ticket(1, 1, number, action, "换了垫圈")
        await line.turn()
        assert "请问修好了吗" in telegram.texts(wang)[-1]
        await line.taps(wang, "修好了")
        assert desk.rows("ticket", "status") == [("closed",)]
        desk.desk.advance(desk.desk.clock.now() + timedelta(days=1))
        await line.turn()
        await line.says(wang, "5分")
        assert desk.rows("survey_answer", "score") == [(5,)]
        assert {s for (s,) in desk.rows("outbox", "status", channel="telegram")} == {"sent"}

    await with_line(database, play)

