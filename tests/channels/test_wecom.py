"""WeCom for the staff, against a strict platform on loopback: the adapter's own HTTP code, both ways.

Where a guard of the adapter is taken out, the platform must see the harm; those tests end in `_without_it`.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from starlette.applications import Starlette

from bot.channels import (
    Answers,
    Channel,
    Checks,
    Fetches,
    Finding,
    Inbound,
    Message,
    Receipt,
    SendError,
    Serves,
)
from bot.channels.wecom import WeCom, WeComAccount, api, cardbook, cards, channel, repeats
from bot.channels.wecom.account import CallbackKey
from bot.channels.wecom.pace import Pace
from bot.channels.wecom.troubles import Trouble
from bot.core.types import Button, Media
from tests.fakes.wecom import Clock, FakeWeCom, Fault, MemoryNotebook, serving

TAKE = Button("接单", "take:7")
PASS = Button("转给别人", "pass:7")
JOB = "R-YH-20261127-003 厨房漏水\n3栋2单元1201，住户今天下午在家。"
OLD_KEY = "kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR"


#: Seconds to connect, and for an answer: a machine under load is slow; and where the platform is silent for good.
PATIENT, HASTY = (5.0, 10.0), (5.0, 0.3)


@dataclass
class Desk:
    """What stands behind the channel: it keeps deliveries, once each, or fails to."""

    kept: list[Inbound] = field(default_factory=list)
    deliveries: int = 0
    away: int = 0  # so many deliveries cannot be kept

    async def __call__(self, message: Inbound) -> Receipt:
        self.deliveries += 1
        if self.away:
            self.away -= 1
            raise OSError("the database is away")
        known = any(m.external_id == message.external_id for m in self.kept)
        if not known:
            self.kept.append(message)
        return Receipt(len(self.kept), 1, known)


class NoAnswers:
    """WeCom takes no answer in the response."""

    async def take(self, receipt: Receipt, patience: timedelta) -> tuple[Message, ...]:
        raise AssertionError("nobody may wait for an answer")

    async def settle(self, messages: Sequence[Message], *, delivered: bool) -> None:
        raise AssertionError("nothing was taken")

    async def undelivered(self, channel: Channel, to: str, external_id: str, reason: str) -> bool:
        raise AssertionError("WeCom says nothing later")


@dataclass
class Office:
    """A desk, its channel, and the platform they talk to."""

    clock: Clock
    platform: FakeWeCom
    notebook: MemoryNotebook
    desk: Desk
    wecom: WeCom
    api_url: str
    url: str
    stack: AsyncExitStack

    async def process(self, **options: Any) -> WeCom:
        """Another process of the same desk: the same notebook, nothing else in common."""
        other = WeCom(self.account, self.notebook, self.clock, base=self.api_url, **{"patience": PATIENT, **options})
        self.stack.push_async_callback(other.close)
        return other

    @property
    def account(self) -> WeComAccount:
        return account_of(self.platform)

    def chat(self, member: str = "ding") -> list[str]:
        return [shown.text for shown in self.platform.chats.get(member, [])]


def account_of(platform: FakeWeCom, *previous: CallbackKey) -> WeComAccount:
    keys = (CallbackKey(platform.token, platform.aes_key), *previous)
    return WeComAccount("YH", "staff", platform.corp, platform.agent, platform.secret, keys)


@pytest.fixture
async def office() -> AsyncIterator[Office]:
    clock = Clock()
    platform, notebook, desk = FakeWeCom(clock), MemoryNotebook(clock), Desk()
    answers: Answers = NoAnswers()
    end = asyncio.Event()
    async with AsyncExitStack() as stack:
        base = await stack.enter_async_context(serving(platform.app, end)) + "/cgi-bin/"
        account = account_of(platform, CallbackKey(platform.token, OLD_KEY))
        wecom = WeCom(account, notebook, clock, base=base, patience=PATIENT)
        app = Starlette(routes=wecom.routes(desk, answers))
        url = await stack.enter_async_context(serving(app, end)) + account.path
        stack.callback(end.set)
        stack.push_async_callback(wecom.close)
        try:
            yield Office(clock, platform, notebook, desk, wecom, base, url, stack)
        finally:
            platform.released.set()


def job(message_id: int = 7, text: str = JOB, buttons: tuple[Button, ...] = (TAKE, PASS)) -> Message:
    return Message(message_id, text, buttons)


def text_of(member: str, text: str, number: str = "6054768590064713728") -> dict[str, Any]:
    return {"FromUserName": member, "MsgType": "text", "Content": text, "MsgId": number}


def test_it_is_a_channel_of_the_desk() -> None:
    wecom = WeCom(account_of(FakeWeCom(Clock())), MemoryNotebook(Clock()), Clock())
    as_channel: Channel = wecom
    assert (as_channel.name, as_channel.account, as_channel.reach) == ("wecom", "staff", "always")
    assert as_channel.limits.bytes == 2048 and as_channel.limits.buttons == 6
    assert isinstance(wecom, Serves) and isinstance(wecom, Checks) and isinstance(wecom, Fetches)


# ── what is said to a member ──


async def test_a_notice_reaches_the_member(office: Office) -> None:
    sent_as = await office.wecom.send("ding", Message(1, "3栋电梯已恢复运行。"))
    assert office.chat() == ["3栋电梯已恢复运行。"]
    assert sent_as == office.platform.chats["ding"][0].msgid
    assert office.platform.violations == []


async def test_a_long_text_is_cut_off_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "pieces", lambda text, most: (text,))
    await office.wecom.send("ding", Message(1, "水" * 700))
    assert "a text of 2100 bytes was cut off" in office.platform.violations


async def test_pieces_that_arrived_are_not_sent_again(office: Office) -> None:
    pieces = [f"第{n}段。" + "水" * 600 + "\n" for n in range(1, 4)]
    long = Message(1, "".join(pieces))
    office.platform.faults = [Fault("message/send", {"errcode": 0}), Fault("message/send", 503)]
    with pytest.raises(SendError) as failed:
        await office.wecom.send("ding", long)
    assert failed.value.retryable
    await office.wecom.send("ding", long)
    # The first piece was answered by the fault in the platform's place; the other two came once each, in order.
    assert [text[:3] for text in office.chat()] == ["第2段", "第3段"]


async def test_pieces_come_twice_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async def forget(self: WeCom, page: str, progress: object) -> None: ...

    monkeypatch.setattr(WeCom, "_remember", forget)
    long = Message(1, "".join(f"第{n}段。" + "水" * 600 + "\n" for n in range(1, 4)))
    await office.wecom.send("ding", Message(2, "先登录"))
    office.platform.chats.clear()
    office.platform.faults = [Fault("message/send", {"errcode": 0}), Fault("message/send", 503)]
    with pytest.raises(SendError):
        await office.wecom.send("ding", long)
    await office.wecom.send("ding", long)
    assert [text[:3] for text in office.chat()] == ["第1段", "第2段", "第3段"]


async def test_an_empty_message_is_not_tried(office: Office) -> None:
    with pytest.raises(SendError) as refused:
        await office.wecom.send("ding", Message(1, " \n "))
    assert not refused.value.retryable and office.platform.calls == []


@pytest.mark.parametrize("to", ["@all", "ding|wang", "", "ding wang", "丁小雯", "d" * 65])
async def test_a_message_for_one_never_goes_to_several(office: Office, to: str) -> None:
    with pytest.raises(SendError, match="member id") as refused:
        await office.wecom.send(to, Message(1, "3栋2单元1201的电话是……"))
    assert not refused.value.retryable and office.platform.calls == []


async def test_a_message_for_one_goes_to_all_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "_MEMBER", re.compile(".*"))
    await office.wecom.send("@all", Message(1, "3栋2单元1201的电话是……"))
    assert office.platform.violations == ["a message for @all goes to several"]


async def test_half_a_character_does_not_stop_a_message(office: Office) -> None:
    await office.wecom.send("ding", Message(1, "好的\ud83d。"))
    assert office.chat() == ["好的?。"]


# ── a connection that breaks ──


async def test_a_message_whose_answer_was_lost_does_not_come_twice(office: Office) -> None:
    office.platform.faults = [Fault("message/send", "drop", "after")]
    with pytest.raises(SendError) as lost:
        await office.wecom.send("ding", Message(1, "请到监控室。"))
    assert lost.value.retryable and not lost.value.unconfirmed
    await (await office.process()).send("ding", Message(1, "请到监控室。"))
    assert office.chat() == ["请到监控室。"]


async def test_a_message_comes_twice_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "ASK", {})
    office.platform.faults = [Fault("message/send", "hang", "after")]
    with pytest.raises(SendError):
        await (await office.process(patience=HASTY)).send("ding", Message(1, "请到监控室。"))
    await office.wecom.send("ding", Message(1, "请到监控室。"))
    assert office.chat() == ["请到监控室。", "请到监控室。"]


async def test_a_message_that_was_really_lost_comes_with_the_next_try(office: Office) -> None:
    office.platform.faults = [Fault("message/send", "drop")]
    with pytest.raises(SendError):
        await office.wecom.send("ding", Message(1, "请到监控室。"))
    await office.wecom.send("ding", Message(1, "请到监控室。"))
    assert office.chat() == ["请到监控室。"]


@pytest.mark.parametrize("seconds_before", [0, 0.4, 1, 5, 3600])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_a_message_that_broke_off_comes_once_though_the_same_was_said_before(
    office: Office, seconds_before: float, when: Any
) -> None:
    await office.wecom.send("ding", Message(1, "请问是哪一户？"))
    office.clock.ahead(seconds=seconds_before)
    office.platform.faults = [Fault("message/send", "drop", when)]
    with pytest.raises(SendError):
        await office.wecom.send("ding", Message(2, "请问是哪一户？"))
    office.clock.ahead(seconds=4)
    await (await office.process()).send("ding", Message(2, "请问是哪一户？"))
    assert office.chat() == ["请问是哪一户？"] * 2


@pytest.mark.parametrize("when", ["before", "after"])
async def test_the_same_said_while_a_message_is_in_doubt_comes_as_well(office: Office, when: Any) -> None:
    office.platform.faults = [Fault("message/send", "drop", when)]
    with pytest.raises(SendError):
        await office.wecom.send("ding", Message(1, "请问是哪一户？"))
    await office.wecom.send("ding", Message(2, "请问是哪一户？"))
    await office.wecom.send("ding", Message(1, "请问是哪一户？"))
    assert office.chat() == ["请问是哪一户？"] * 2


async def test_it_is_swallowed_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeats, "mark", lambda number: "")
    await office.wecom.send("ding", Message(1, "请问是哪一户？"))
    await office.wecom.send("ding", Message(2, "请问是哪一户？"))
    assert office.chat() == ["请问是哪一户？"]


async def test_equal_pieces_of_one_message_all_arrive(office: Office) -> None:
    piece = "水" * 600 + "。\n"
    await office.wecom.send("ding", Message(1, piece * 3))
    assert office.chat() == ["水" * 600 + "。"] * 3 and office.platform.violations == []


async def test_the_same_thousand_times_has_short_marks_and_comes_each_time(office: Office) -> None:
    text = "水" * 669 + "。"  # as long as a piece may be
    process = await office.process(pace=Pace(10**6))
    for number in range(300):
        await process.send("ding", Message(number, text))
        office.clock.ahead(seconds=3)  # what the platform itself allows
    assert office.chat() == [text] * 300 and office.platform.violations == []


def test_the_longest_mark_a_member_can_come_to_has_room() -> None:
    marks = [repeats.mark(number) for number in range(int(repeats.LOOKS_BACK / timedelta(hours=1)) * 1000 + 200)]
    assert len(set(marks)) == len(marks) and marks[0] == ""
    assert max(len(mark.encode()) for mark in marks) <= repeats.LONGEST_MARK


async def test_a_mark_is_free_again_once_the_platform_has_forgotten(office: Office) -> None:
    for number in range(3):
        await office.wecom.send("ding", Message(number, "请问是哪一户？"))
        office.clock.ahead(hours=5)
    assert {content for _, content in office.platform._texts} == {"请问是哪一户？"}
    assert len(office.chat()) == 3


async def test_what_broke_off_before_the_platform_forgot_is_not_shown_again(office: Office) -> None:
    office.platform.faults = [Fault("message/send", "drop", "after")]
    with pytest.raises(SendError):
        await office.wecom.send("ding", Message(1, "请到监控室。"))
    office.clock.ahead(hours=6)  # the desk was switched off
    with pytest.raises(SendError) as late:
        await (await office.process()).send("ding", Message(1, "请到监控室。"))
    assert late.value.unconfirmed and office.chat() == ["请到监控室。"]


async def test_what_certainly_did_not_arrive_is_sent_however_late(office: Office) -> None:
    office.platform.faults = [Fault("message/send", 503)]
    with pytest.raises(SendError):
        await office.wecom.send("ding", Message(1, "请到监控室。"))
    office.clock.ahead(hours=6)
    await office.wecom.send("ding", Message(1, "请到监控室。"))
    assert office.chat() == ["请到监控室。"]


async def given_up(office: Office, message: Message) -> None:
    """The outbox stops waiting while the platform, which has the message, is still silent."""
    office.platform.faults = [Fault("message/send", "hang", "after")]
    sending = asyncio.create_task(office.wecom.send("ding", message))
    while not office.chat():
        await asyncio.sleep(0)
    sending.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sending


async def test_a_message_the_outbox_gave_up_does_not_come_twice(office: Office) -> None:
    await given_up(office, Message(1, "请到监控室。"))
    await office.wecom.send("ding", Message(1, "请到监控室。"))
    assert office.chat() == ["请到监控室。"]


async def test_a_message_given_up_comes_twice_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    tries = itertools.count()
    monkeypatch.setattr(repeats, "mark", lambda number: "\u200b" * next(tries))  # a mark for each try, not for each message
    await given_up(office, Message(1, "请到监控室。"))
    await office.wecom.send("ding", Message(1, "请到监控室。"))
    assert office.chat() == ["请到监控室。", "请到监控室。"]


async def test_a_card_the_outbox_gave_up_does_not_come_twice(office: Office) -> None:
    await given_up(office, job())
    with pytest.raises(SendError) as again:
        await office.wecom.send("ding", job())
    assert again.value.unconfirmed and len(office.chat()) == 1


async def test_the_same_words_said_twice_arrive_twice(office: Office) -> None:
    await office.wecom.send("ding", Message(1, "没听明白，请回复编号。"))
    await office.wecom.send("ding", Message(2, "没听明白，请回复编号。"))
    assert len(office.chat()) == 2


@pytest.mark.parametrize("how", [429, 500, 502, 503, 403, 400, "html", "drop"])
async def test_a_platform_in_trouble_is_tried_again(office: Office, how: Any) -> None:
    office.platform.faults = [Fault("message/send", how)]
    with pytest.raises(SendError) as failed:
        await office.wecom.send("ding", Message(1, "请到监控室。"))
    assert failed.value.retryable
    await office.wecom.send("ding", Message(1, "请到监控室。"))
    assert office.chat() == ["请到监控室。"]


async def test_nobody_at_the_address_is_tried_again(office: Office) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    wecom = WeCom(office.account, office.notebook, office.clock, base=f"http://127.0.0.1:{port}/cgi-bin/")
    with pytest.raises(SendError) as failed:
        await wecom.send("ding", Message(1, "请到监控室。"))
    await wecom.close()
    assert failed.value.retryable and not failed.value.unconfirmed
    # Nothing can have arrived, so nothing is in doubt.
    assert all(text == "{}" for page, (text, _) in office.notebook.pages.items() if page.startswith("said:"))


async def test_no_secret_is_in_what_staff_read(office: Office) -> None:
    said = []
    office.platform.visible.add("zhang-03")
    for fault in (Fault("gettoken", "drop"), Fault("message/send", "drop"), Fault("message/send", {"errcode": 40008})):
        office.platform.faults = [fault]
        with pytest.raises(SendError) as failed:
            await office.wecom.send("zhang-03", Message(1, "请到监控室。"))
        said.append(str(failed.value))
    token = (await office.notebook.read("token") or {})["token"]
    assert not any(secret in words for words in said for secret in (office.platform.secret, token, "zhang-03", "203.0.113.7"))
    assert office.platform.secret not in repr(office.account)


# ── the access token ──


async def test_one_token_serves_all_processes(office: Office) -> None:
    await office.wecom.send("ding", Message(1, "一"))
    await (await office.process()).send("wang", Message(2, "二"))
    assert office.platform.tokens_given == 1


async def test_a_token_is_renewed_before_it_expires(office: Office) -> None:
    await office.wecom.send("ding", Message(1, "一"))
    office.clock.ahead(minutes=116)
    await office.wecom.send("ding", Message(2, "二"))
    assert office.platform.tokens_given == 2
    assert "40014" not in office.platform.calls and office.platform.violations == []


async def test_a_token_the_platform_ended_early_is_replaced_once(office: Office) -> None:
    await office.wecom.send("ding", Message(1, "一"))
    office.platform.revoke_token()
    await office.wecom.send("ding", Message(2, "二"))
    assert office.chat() == ["一", "二"] and office.platform.tokens_given == 2


async def test_a_token_refused_for_good_is_asked_for_once_more_only(office: Office) -> None:
    refused = Fault("message/send", {"errcode": 40014})
    office.platform.faults = [refused, Fault("message/send", {"errcode": 40014})]
    with pytest.raises(SendError) as failed:
        await office.wecom.send("ding", Message(1, "一"))
    assert failed.value.retryable
    assert office.platform.calls == ["gettoken", "message/send", "gettoken", "message/send"]


async def test_a_refused_token_ends_the_message_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async def as_is(self: api.Api, call: Any) -> Any:
        return await call(await self._kept() or await self.refresh())

    monkeypatch.setattr(api.Api, "_with_token", as_is)
    await office.wecom.send("ding", Message(1, "一"))
    office.platform.revoke_token()
    with pytest.raises(SendError):
        await office.wecom.send("ding", Message(2, "二"))
    assert office.chat() == ["一"]


async def test_many_sends_at_once_fetch_one_token(office: Office) -> None:
    await asyncio.gather(*(office.wecom.send("ding", Message(n, f"第{n}条")) for n in range(1, 9)))
    assert office.platform.tokens_given == 1 and len(office.chat()) == 8


# ── everything at once ──

TROUBLE: Sequence[tuple[str, Any, Any]] = (
    ("message/send", 503, "before"),
    ("message/send", 500, "after"),
    ("message/send", "drop", "before"),
    ("message/send", "drop", "after"),
    ("message/send", "html", "before"),
    ("message/send", {"errcode": -1}, "before"),
    ("message/send", {"errcode": 45009}, "before"),
    ("message/send", {"errcode": 42001}, "before"),
    ("gettoken", "drop", "before"),
    ("gettoken", {"errcode": -1}, "before"),
)


@pytest.mark.parametrize("seed", range(3))
async def test_a_bad_day_loses_nothing_and_doubles_nothing(office: Office, seed: int) -> None:
    """Three processes, three members, a platform that breaks at every third call: as the outbox drives it."""
    dice = random.Random(seed)
    office.platform.visible = {"ding", "wang", "chen"}
    processes = [office.wecom, await office.process(), await office.process()]
    said: dict[int, tuple[str, Message]] = {}
    for number in range(1, 81):
        text = f"第{number}号单 厨房漏水" + dice.choice(["", "\n住户在家。", "。" + "水" * 900])
        buttons = dice.choice([(), (TAKE, PASS)])
        said[number] = dice.choice(["ding", "wang", "chen"]), Message(number, text, buttons)
    for to, message in said.values():
        for _ in range(20):
            if dice.random() < 0.35:
                at, how, when = dice.choice(TROUBLE)
                office.platform.faults = [Fault(at, how, when)]
            if dice.random() < 0.1:
                office.platform.revoke_token()
            try:
                await dice.choice(processes).send(to, message)
                break
            except SendError as failed:
                office.clock.ahead(seconds=(failed.after or timedelta(seconds=2)).total_seconds())
                if not failed.retryable:
                    assert failed.unconfirmed
                    break
        else:
            raise AssertionError(f"message {message.id} never went out")
    for member in office.platform.visible:
        meant = [message.id for to, message in said.values() if to == member]
        shown = [line for text in office.chat(member) if (line := re.match(r"第(\d+)号单", text))]
        assert [int(line[1]) for line in shown] == meant
    assert office.platform.violations == []


# ── what the platform refuses ──


@pytest.mark.parametrize(
    ("code", "retryable", "after"),
    [
        (-1, True, None),
        (40001, True, timedelta(minutes=10)),
        (40056, True, timedelta(minutes=10)),
        (45009, True, timedelta(minutes=5)),
        (60020, True, timedelta(minutes=10)),
        (301002, True, timedelta(minutes=10)),
        (60011, False, None),
        (81013, False, None),
        (45002, False, None),
        (987654, False, None),
    ],
)
async def test_a_code_tells_what_to_do(office: Office, code: int, retryable: bool, after: timedelta | None) -> None:
    office.platform.faults = [Fault("message/send", {"errcode": code})]
    with pytest.raises(SendError) as refused:
        await office.wecom.send("ding", Message(1, "一"))
    assert (refused.value.retryable, refused.value.after, refused.value.unconfirmed) == (retryable, after, False)
    assert str(code) in str(refused.value)


async def test_a_member_out_of_sight_is_named_in_the_remedy(office: Office) -> None:
    office.platform.visible.remove("ding")
    with pytest.raises(SendError, match="可见范围") as refused:
        await office.wecom.send("ding", Message(1, "一"))
    assert not refused.value.retryable


@pytest.mark.parametrize("field", ["invaliduser", "unlicenseduser"])
async def test_an_ok_that_reached_nobody_is_no_ok(office: Office, field: str) -> None:
    office.platform.faults = [Fault("message/send", {"errcode": 0, field: "ding", "msgid": "x"})]
    with pytest.raises(SendError) as refused:
        await office.wecom.send("ding", Message(1, "一"))
    assert not refused.value.retryable


async def test_an_ok_that_reached_nobody_counts_as_sent_without_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def trusting(self: WeCom, to: str, body: dict[str, Any]) -> Any:
        return await self._api.post("message/send", {"touser": to, "agentid": office.platform.agent, **body})

    monkeypatch.setattr(WeCom, "_deliver", trusting)
    office.platform.faults = [Fault("message/send", {"errcode": 0, "invaliduser": "ding", "msgid": "x"})]
    assert await office.wecom.send("ding", Message(1, "一")) == "x"
    assert office.chat() == []


# ── pace ──


async def test_a_member_gets_thirty_a_minute_and_none_is_dropped(office: Office) -> None:
    other = await office.process()
    for n in range(30):
        await (office.wecom if n % 2 else other).send("ding", Message(n, f"第{n}条"))
    with pytest.raises(SendError) as early:
        await other.send("ding", Message(30, "第30条"))
    assert early.value.retryable and early.value.after is not None
    await office.wecom.send("wang", Message(31, "别人不受影响"))
    office.clock.ahead(seconds=early.value.after.total_seconds())
    await other.send("ding", Message(30, "第30条"))
    assert len(office.chat()) == 31 and office.platform.violations == []


async def test_the_platform_drops_messages_without_it(office: Office) -> None:
    hasty = await office.process(pace=Pace(10_000, 10_000))
    for n in range(31):
        await hasty.send("ding", Message(n, f"第{n}条"))
    assert office.platform.violations == ["a message to ding was dropped: too many"] and len(office.chat()) == 30


async def test_a_member_gets_a_thousand_an_hour(office: Office) -> None:
    """With a hundredth of the figures on both sides; the arithmetic is tested with the real ones beside the table."""
    slow = await office.process(pace=Pace(30, 10))
    for n in range(10):
        await slow.send("ding", Message(n, f"第{n}条"))
        office.clock.ahead(minutes=5)
    with pytest.raises(SendError) as early:
        await slow.send("ding", Message(10, "第10条"))
    assert early.value.after is not None and timedelta(minutes=9) < early.value.after <= timedelta(minutes=13)


# ── cards ──


async def test_a_job_is_a_card_with_buttons(office: Office) -> None:
    await office.wecom.send("ding", job())
    [shown] = office.platform.chats["ding"]
    assert shown.text == JOB and shown.buttons == ["接单", "转给别人"]
    assert shown.card is not None and [b["key"] for b in shown.card["button_list"]] == ["7.0", "7.1"]
    assert "take:7" not in str(shown.card)
    assert office.platform.violations == []


@pytest.mark.parametrize(
    ("text", "buttons"),
    [
        (JOB, tuple(Button(f"选项{n}", str(n)) for n in range(7))),
        (JOB, (Button("这一个按钮的名字太长了一点", "x"), PASS)),
        ("厨房漏水" * 10, (TAKE,)),
        ("漏水\n" + "三栋二单元" * 40, (TAKE,)),
        ("", (TAKE,)),
    ],
)
async def test_what_fits_no_card_is_text_with_numbers(office: Office, text: str, buttons: tuple[Button, ...]) -> None:
    await office.wecom.send("ding", job(text=text, buttons=buttons))
    [shown] = office.platform.chats["ding"]
    assert shown.kind == "text" and f"1. {buttons[0].label}" in shown.text
    assert office.platform.violations == []


async def test_members_who_read_in_wechat_get_numbers(office: Office) -> None:
    wecom = WeCom(replace(office.account, cards=False), office.notebook, office.clock, base=office.api_url)
    await wecom.send("ding", job())
    await wecom.close()
    assert office.chat() == [f"{JOB}\n\n1. 接单\n2. 转给别人"] and wecom.limits.buttons == 0


async def test_a_card_beyond_its_limits_is_refused_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cards, "BUTTONS", 99)
    await office.wecom.send("ding", job(buttons=tuple(Button(f"选项{n}", str(n)) for n in range(7))))
    assert office.platform.violations != []


async def test_a_card_the_platform_does_not_like_goes_as_text(office: Office) -> None:
    office.platform.callback_verified = False
    await office.wecom.send("ding", job())
    [shown] = office.platform.chats["ding"]
    assert shown.kind == "text" and shown.text.endswith("1. 接单\n2. 转给别人")


async def test_a_job_is_lost_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(api, "trouble", lambda code: Trouble("never", "refused"))
    office.platform.callback_verified = False
    with pytest.raises(SendError) as lost:
        await office.wecom.send("ding", job())
    assert not lost.value.retryable and office.chat() == []


async def test_a_press_comes_in_as_a_tap(office: Office) -> None:
    await office.wecom.send("ding", job())
    assert await office.platform.press(office.url, "ding", "转给别人") == [200]
    [tap] = office.desk.kept
    assert (tap.channel, tap.account, tap.address, tap.tap, tap.text) == ("wecom", "staff", "ding", "7.1", "")


async def test_a_card_is_changed_after_the_act(office: Office) -> None:
    await office.wecom.send("ding", job())
    await office.platform.press(office.url, "ding", "接单")
    assert await office.wecom.update_card(7, "已接单")
    [shown] = office.platform.chats["ding"]
    assert shown.buttons == [] and shown.replaced == "已接单" and office.platform.violations == []


async def test_a_card_is_changed_when_a_colleague_took_the_job(office: Office) -> None:
    await office.wecom.send("ding", job(7))
    await office.wecom.send("wang", job(8))
    await office.platform.press(office.url, "wang", "接单")
    assert await (await office.process()).update_card(7, "王师傅已在 14:05 接单，无需处理。")
    [shown] = office.platform.chats["ding"]
    assert shown.buttons == [] and shown.replaced == "—"
    assert shown.text == f"{JOB}\n王师傅已在 14:05 接单，无需处理。"
    assert office.platform.chats["wang"][0].buttons == ["接单", "转给别人"]
    assert office.platform.violations == []


async def test_a_code_is_used_once(office: Office) -> None:
    await office.wecom.send("ding", job())
    assert await office.wecom.update_card(7, "已接单")
    assert not await office.wecom.update_card(7, "已完成")
    await office.platform.press_late(office.url, "ding", 0)
    assert await office.wecom.update_card(7, "已完成")
    assert office.platform.violations == []


async def test_a_press_delivered_twice_brings_no_used_code_back(office: Office) -> None:
    await office.wecom.send("ding", job())
    delivery = await office.platform.press(office.url, "ding", "接单", times=2)
    assert delivery == [200, 200] and len(office.desk.kept) == 1
    for _ in range(2):  # one code of the sending, one of the press
        assert await office.wecom.update_card(7, "已接单")
    assert not await office.wecom.update_card(7, "已接单")
    assert office.platform.violations == []


async def test_a_used_code_is_used_again_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await office.wecom.send("ding", job())
    taken = await office.wecom._book.take(7)
    assert taken is not None
    await office.wecom._book.give_back(7, taken)

    tries = iter([taken, taken, None])

    async def always(self: cardbook.CardBook, message_id: int) -> cardbook.Taken | None:
        return next(tries)

    monkeypatch.setattr(cardbook.CardBook, "take", always)
    assert await office.wecom.update_card(7, "已接单")
    assert not await office.wecom.update_card(7, "已接单")
    assert office.platform.violations == ["a code is used a second time"]


async def test_two_processes_never_use_one_code(office: Office) -> None:
    other = await office.process()
    await office.wecom.send("ding", job())
    done = await asyncio.gather(office.wecom.update_card(7, "已接单"), other.update_card(7, "已接单"))
    assert sorted(done) == [False, True] and office.platform.violations == []


async def test_a_card_older_than_72_hours_stays_as_it_is(office: Office) -> None:
    await office.wecom.send("ding", job())
    office.clock.ahead(hours=72)
    assert not await office.wecom.update_card(7, "已接单")
    assert office.platform.violations == []


async def test_an_old_code_is_used_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cardbook, "_GOOD_FOR", timedelta(hours=79))
    await office.wecom.send("ding", job())
    office.clock.ahead(hours=73)
    assert not await office.wecom.update_card(7, "已接单")
    assert office.platform.violations == ["a code is used after 72 hours"]


async def test_what_was_no_card_cannot_be_changed(office: Office) -> None:
    await office.wecom.send("ding", Message(9, "只是通知"))
    assert not await office.wecom.update_card(9, "已接单")


async def test_a_code_survives_a_platform_that_is_down(office: Office) -> None:
    await office.wecom.send("ding", job())
    for fault in (503, {"errcode": -1}, {"errcode": 45009}):
        office.platform.faults = [Fault("message/update_template_card", fault)]
        with pytest.raises(SendError) as failed:
            await office.wecom.update_card(7, "已接单")
        assert failed.value.retryable
    assert await office.wecom.update_card(7, "已接单")
    assert office.platform.violations == []


async def test_a_change_whose_answer_was_lost_is_not_repeated(office: Office) -> None:
    await office.wecom.send("ding", job())
    office.platform.faults = [Fault("message/update_template_card", "drop", "after")]
    with pytest.raises(SendError) as lost:
        await office.wecom.update_card(7, "已接单")
    assert lost.value.unconfirmed and not lost.value.retryable
    assert not await office.wecom.update_card(7, "已接单")
    assert office.platform.chats["ding"][0].replaced == "已接单" and office.platform.violations == []


async def test_a_card_whose_answer_was_lost_does_not_come_twice(office: Office) -> None:
    office.platform.faults = [Fault("message/send", "drop", "after")]
    with pytest.raises(SendError) as lost:
        await office.wecom.send("ding", job())
    assert lost.value.retryable
    with pytest.raises(SendError) as again:
        await (await office.process()).send("ding", job())
    assert again.value.unconfirmed and not again.value.retryable
    assert len(office.platform.chats["ding"]) == 1
    await office.platform.press(office.url, "ding", "接单")
    assert await office.wecom.update_card(7, "已接单")


async def test_a_card_comes_again_as_text_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    offer = cardbook.CardBook.offer

    async def forgetful(self: cardbook.CardBook, message: Message, to: str, face: cards.Face) -> cardbook.Offer:
        await offer(self, message, to, face)
        return cardbook.Offer(False, None)

    monkeypatch.setattr(cardbook.CardBook, "offer", forgetful)
    office.platform.faults = [Fault("message/send", "drop", "after")]
    with pytest.raises(SendError):
        await office.wecom.send("ding", job())
    await office.wecom.send("ding", job())
    assert len(office.platform.chats["ding"]) == 2


async def test_a_card_sent_by_a_process_that_died_is_not_sent_again(office: Office) -> None:
    first = await office.wecom.send("ding", job())
    assert await (await office.process()).send("ding", job()) == first
    assert len(office.platform.chats["ding"]) == 1


async def test_a_card_that_was_really_lost_comes_with_the_next_try(office: Office) -> None:
    for how in (503, "drop"):
        office.platform.faults = [Fault("message/send", how)]
        with pytest.raises(SendError):
            await office.wecom.send("ding", job())
    await office.wecom.send("ding", job())
    assert [shown.kind for shown in office.platform.chats["ding"]] == ["template_card"]


async def test_a_card_of_an_earlier_database_means_nothing_here(office: Office) -> None:
    await office.wecom.send("ding", job())
    office.notebook.pages.clear()  # a new database counts its messages from 1 again
    fresh = await office.process()
    await fresh.send("ding", job(text="别的工单"))
    assert [shown.kind for shown in office.platform.chats["ding"]] == ["template_card", "template_card"]
    old, new = office.platform.chats["ding"]
    app = Starlette(routes=fresh.routes(office.desk, NoAnswers()))
    async with serving(app) as url:
        new.replaced = "hidden"  # so that the older card is the one pressed
        assert await office.platform.press(url + office.account.path, "ding", "接单") == [200]
    assert office.desk.kept == [] and old.text == JOB


async def test_an_old_card_acts_on_a_new_message_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    await office.wecom.send("ding", job())
    monkeypatch.setattr(cards, "message_of", lambda task, series: int(task.rpartition("-")[2]))
    office.notebook.pages.clear()
    fresh = await office.process()
    app = Starlette(routes=fresh.routes(office.desk, NoAnswers()))
    async with serving(app) as url:
        await office.platform.press(url + office.account.path, "ding", "接单")
    assert [message.tap for message in office.desk.kept] == ["7.0"]


# ── what members do ──


async def test_the_check_of_the_address_is_answered_with_the_bare_text(office: Office) -> None:
    response = await office.platform.verify(office.url)
    assert office.platform.callback_verified and response.headers["content-type"].startswith("text/plain")


async def test_words_are_kept_before_they_are_acknowledged(office: Office) -> None:
    assert await office.platform.deliver(office.url, text_of("ding", "3栋电梯修好了")) == [200]
    [message] = office.desk.kept
    assert message == Inbound("wecom", "staff", "6054768590064713728", "ding", "3栋电梯修好了")


async def test_what_cannot_be_kept_is_delivered_again(office: Office) -> None:
    office.desk.away = 2
    assert await office.platform.deliver(office.url, text_of("ding", "修好了")) == [500, 500, 200]
    assert [message.text for message in office.desk.kept] == ["修好了"]


async def test_what_cannot_be_kept_is_lost_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    async def hope(self: WeCom, heard: object, accept: object) -> None: ...

    monkeypatch.setattr(WeCom, "_keep", hope)
    assert await office.platform.deliver(office.url, text_of("ding", "修好了")) == [200]
    assert office.desk.kept == []


async def test_a_press_is_delivered_again_when_its_code_cannot_be_kept(office: Office) -> None:
    await office.wecom.send("ding", job())
    office.notebook.broken = True
    assert await office.platform.press(office.url, "ding", "接单") == [500, 500, 500, 500]
    assert office.desk.kept == []


@pytest.mark.parametrize(
    ("fields", "heard"),
    [
        ({"MsgType": "image", "MediaId": "pic1", "PicUrl": "http://x", "MsgId": "1"}, {"media": (Media("photo", "pic1"),)}),
        ({"MsgType": "voice", "MediaId": "v1", "Format": "amr", "MsgId": "2"}, {"media": (Media("voice", "v1"),)}),
        ({"MsgType": "video", "MediaId": "f1", "MsgId": "3"}, {"media": (Media("file", "f1"),)}),
        (
            {"MsgType": "location", "Location_X": "31.2", "Location_Y": "121.4", "Scale": 15, "Label": "3栋", "MsgId": "4"},
            {"location": "31.2 121.4 3栋"},
        ),
        ({"MsgType": "link", "Title": "通知", "Url": "https://a.example/1", "MsgId": "5"}, {"text": "通知 https://a.example/1"}),
        ({"MsgType": "text", "Content": "", "MsgId": "6"}, {"text": ""}),
        ({"MsgType": "event", "Event": "subscribe"}, {"event": "arrived"}),
        ({"MsgType": "event", "Event": "unsubscribe"}, {"event": "left"}),
        ({"MsgType": "event", "Event": "click", "EventKey": "menu"}, {"button": "menu"}),
    ],
)
async def test_every_kind_is_heard(office: Office, fields: dict[str, Any], heard: dict[str, Any]) -> None:
    assert await office.platform.deliver(office.url, {"FromUserName": "ding", **fields}) == [200]
    [message] = office.desk.kept
    number = fields.get("MsgId") or message.external_id
    assert message == Inbound("wecom", "staff", number, "ding", **heard)


async def test_two_events_of_one_second_are_two(office: Office) -> None:
    for event in ("subscribe", "unsubscribe"):
        await office.platform.deliver(office.url, {"FromUserName": "ding", "MsgType": "event", "Event": event})
    assert [message.event for message in office.desk.kept] == ["arrived", "left"]


@pytest.mark.parametrize("event", ["enter_agent", "view", "LOCATION", "anything_new", "batch_job_result"])
async def test_what_the_desk_has_no_use_for_is_acknowledged(office: Office, event: str) -> None:
    agent = None if event == "batch_job_result" else office.platform.agent  # it concerns no application
    fields = {"FromUserName": "ding", "MsgType": "event", "Event": event, "AgentID": agent}
    assert await office.platform.deliver(office.url, fields) == [200]
    assert office.desk.kept == []


# ── what strangers try ──


async def test_a_wrong_signature_opens_nothing(office: Office) -> None:
    assert set(await office.platform.deliver(office.url, text_of("ding", "派给我"), token="guess")) == {403}
    assert (await office.platform.verify(office.url, token="guess")).status_code == 403
    assert office.desk.deliveries == 0


async def test_a_forged_message_is_kept_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    query, body = office.platform.envelope(text_of("ding", "派给我"))
    query["msg_signature"] = "0" * 40
    assert set(await office.platform.post(office.url, query, body)) == {403}
    monkeypatch.setattr("bot.channels.wecom.envelope._signed_by", lambda key, seal, ciphertext: True)
    monkeypatch.setattr("wechatpy.crypto._get_signature", lambda *signed: "0" * 40)  # it looks as well, not as carefully
    assert await office.platform.post(office.url, query, body) == [200]
    assert [message.text for message in office.desk.kept] == ["派给我"]


async def test_an_old_envelope_is_refused(office: Office) -> None:
    envelope = office.platform.envelope(text_of("ding", "派给我"))
    office.clock.ahead(minutes=6)
    assert set(await office.platform.post(office.url, *envelope)) == {403}
    assert office.desk.deliveries == 0


async def test_an_old_envelope_is_replayed_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.wecom.envelope.FRESH", timedelta(days=365))
    envelope = office.platform.envelope(text_of("ding", "派给我"))
    office.clock.ahead(days=90)  # the inbox row may be gone by then, and the message would be new
    assert await office.platform.post(office.url, *envelope) == [200]


async def test_the_previous_key_still_opens_and_a_third_does_not(office: Office) -> None:
    fields = text_of("ding", "修好了")
    assert await office.platform.deliver(office.url, fields, aes_key=OLD_KEY) == [200]
    third = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
    assert set(await office.platform.deliver(office.url, fields, aes_key=third)) == {403}


async def test_a_message_for_another_company_or_application_is_refused(office: Office) -> None:
    fields = text_of("ding", "修好了")
    assert set(await office.platform.deliver(office.url, fields, corp="ww9999999999999999")) == {403}
    assert set(await office.platform.deliver(office.url, {**fields, "AgentID": 1000003})) == {403}
    assert set(await office.platform.deliver(office.url, {**fields, "ToUserName": "ww999"})) == {403}
    assert office.desk.deliveries == 0


def padded(envelope: tuple[dict[str, str], bytes]) -> tuple[dict[str, str], bytes]:
    query, body = envelope
    return query, body.replace(b"</xml>", b" " * 70_000 + b"</xml>")


async def test_a_body_without_end_is_not_read(office: Office) -> None:
    assert set(await office.platform.post(office.url, *padded(office.platform.envelope(text_of("ding", "一"))))) == {413}
    assert office.desk.kept == []


async def test_a_body_without_end_is_read_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "LARGEST_BODY", 10**9)
    monkeypatch.setattr("bot.channels.wecom.envelope.LARGEST_BODY", 10**9)
    assert await office.platform.post(office.url, *padded(office.platform.envelope(text_of("ding", "一")))) == [200]


async def test_a_document_type_is_read_without_it(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.channels.wecom.inbound.without_declarations", lambda xml: xml)
    xml = (
        f'<!DOCTYPE xml SYSTEM "http://127.0.0.1/x.dtd"><xml><ToUserName>{office.platform.corp}</ToUserName>'
        f"<FromUserName>ding</FromUserName><MsgType>text</MsgType><Content>一</Content><MsgId>1</MsgId>"
        f"<AgentID>{office.platform.agent}</AgentID></xml>"
    )
    assert await office.platform.deliver(office.url, {}, xml=xml) == [200]
    assert [message.text for message in office.desk.kept] == ["一"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe\x00",
        b'{"encrypt": "AAAA"}',
        b"<xml></xml>",
        b"<xml><Encrypt></Encrypt></xml>",
        b"<xml><Encrypt>AAAA</Encrypt><Encrypt>AAAA</Encrypt></xml>",
        b"<!DOCTYPE xml [<!ENTITY a 'b'>]><xml><Encrypt><![CDATA[&a;]]></Encrypt></xml>",
    ],
)
async def test_a_broken_body_is_refused(office: Office, body: bytes) -> None:
    query, _ = office.platform.envelope(text_of("ding", "修好了"))
    assert set(await office.platform.post(office.url, query, body)) == {403}


@pytest.mark.parametrize(
    "xml",
    [
        "<xml><unclosed>",
        "<other/>",
        "not xml at all",
        "<xml><MsgType>text</MsgType></xml>",
        "<xml><MsgType>event</MsgType><FromUserName>ding</FromUserName></xml>",
        '<!DOCTYPE xml SYSTEM "http://127.0.0.1/x.dtd"><xml><MsgType>text</MsgType><FromUserName>d</FromUserName></xml>',
        "<!doctype xml [<!ENTITY a 'aaaa'>]><xml><MsgType>text</MsgType><Content>&a;</Content></xml>",
    ],
)
async def test_a_sealed_message_that_is_none_is_refused(office: Office, xml: str) -> None:
    assert set(await office.platform.deliver(office.url, {}, xml=xml)) == {403}
    assert office.desk.deliveries == 0


@pytest.mark.parametrize("query", [{}, {"msg_signature": "ä"}, {"msg_signature": "a", "timestamp": "x", "nonce": ""}])
async def test_an_address_without_a_seal_is_refused(office: Office, query: dict[str, str]) -> None:
    _, body = office.platform.envelope(text_of("ding", "修好了"))
    assert set(await office.platform.post(office.url, query, body)) == {403}


# ── photos ──


async def test_a_photo_is_fetched(office: Office) -> None:
    office.platform.files["pic1"] = b"\xff\xd8" + b"x" * 200_000
    assert await office.wecom.fetch(Media("photo", "pic1")) == office.platform.files["pic1"]


async def test_a_photo_that_is_gone_is_not_asked_for_again(office: Office) -> None:
    with pytest.raises(SendError, match="three days") as gone:
        await office.wecom.fetch(Media("photo", "pic2"))
    assert not gone.value.retryable


async def test_a_photo_too_large_is_not_read_to_its_end(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "LARGEST_PHOTO", 100_000)
    office.platform.files["pic1"] = b"x" * 300_000
    with pytest.raises(SendError) as large:
        await office.wecom.fetch(Media("photo", "pic1"))
    assert not large.value.retryable


async def test_a_photo_is_asked_for_again_when_the_platform_is_down(office: Office) -> None:
    office.platform.files["pic1"] = b"x"
    office.platform.faults = [Fault("media/get", 503)]
    with pytest.raises(SendError) as down:
        await office.wecom.fetch(Media("photo", "pic1"))
    assert down.value.retryable
    assert await office.wecom.fetch(Media("photo", "pic1")) == b"x"


LEAK, VALVE = b"\xff\xd8 a leak", b"\xff\xd8 a new valve"
SHOWN = Message(7, "换好了，请住户确认。", photos=("leak", "valve"))


@pytest.fixture
async def sending(office: Office) -> WeCom:
    """The desk's other process, which has a media store."""
    return await office.process(photo={"leak": LEAK, "valve": VALVE}.__getitem__)


def pictures(office: Office) -> list[bytes]:
    return [shown.photo for shown in office.platform.chats.get("ding", []) if shown.kind == "image"]


async def test_photos_reach_the_member_and_then_the_words(office: Office, sending: WeCom) -> None:
    external = await sending.send("ding", SHOWN)
    assert [s.photo or s.text for s in office.platform.chats["ding"]] == [LEAK, VALVE, SHOWN.text]
    assert external and office.platform.violations == []


async def test_photos_stand_above_the_card_that_asks(office: Office, sending: WeCom) -> None:
    await sending.send("ding", Message(7, JOB, (TAKE, PASS), photos=("leak",)))
    assert [s.kind for s in office.platform.chats["ding"]] == ["image", "template_card"]


async def test_a_photo_needs_no_words(office: Office, sending: WeCom) -> None:
    assert await sending.send("ding", Message(7, "", photos=("leak",)))
    assert pictures(office) == [LEAK] and len(office.platform.chats["ding"]) == 1


async def test_without_a_media_store_a_message_with_photos_is_refused(office: Office) -> None:
    with pytest.raises(SendError) as refused:
        await office.wecom.send("ding", SHOWN)
    assert not refused.value.retryable and "照片" in str(refused.value) and office.chat() == []


@pytest.mark.parametrize("fault", [Fault("message/send", "drop", "after"), Fault("message/send", "drop"), Fault("message/send", 502, "after"), Fault("media/upload", 503), Fault("media/upload", "drop", "after"), Fault("message/send", {"errcode": -1})])
async def test_after_a_fault_each_photo_is_there_once(office: Office, sending: WeCom, fault: Fault) -> None:
    office.platform.faults = [fault]
    with pytest.raises(SendError) as broken:
        await sending.send("ding", SHOWN)
    assert broken.value.retryable and not broken.value.unconfirmed
    assert await sending.send("ding", SHOWN)
    assert pictures(office) == [LEAK, VALVE] and office.chat()[-1] == SHOWN.text and office.platform.violations == []


async def test_the_second_photo_goes_on_after_the_first(office: Office, sending: WeCom) -> None:
    real, calls = sending._deliver, 0

    async def second_fails(to: str, body: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            office.platform.faults = [Fault("message/send", 503)]
        return await real(to, body)

    sending._deliver = second_fails  # type: ignore[method-assign]
    with pytest.raises(SendError):
        await sending.send("ding", SHOWN)
    # By now another process has it.
    other = await office.process(photo={"leak": LEAK, "valve": VALVE}.__getitem__)
    await other.send("ding", SHOWN)
    assert pictures(office) == [LEAK, VALVE] and office.chat()[-1] == SHOWN.text


async def test_a_photo_comes_twice_without_it(office: Office, sending: WeCom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Uploaded anew for each try, the platform does not know it again."""
    read = office.notebook.read

    async def forgetful(page: str) -> Any:
        return None if page.startswith("photos:") else await read(page)

    monkeypatch.setattr(office.notebook, "read", forgetful)
    office.platform.faults = [Fault("message/send", "drop", "after")]
    with pytest.raises(SendError):
        await sending.send("ding", SHOWN)
    await sending.send("ding", SHOWN)
    assert pictures(office) == [LEAK, LEAK, VALVE]


async def test_a_photo_that_may_have_arrived_hours_ago_is_not_sent_again(office: Office, sending: WeCom) -> None:
    office.platform.faults = [Fault("message/send", "drop", "after")]
    with pytest.raises(SendError):
        await sending.send("ding", SHOWN)
    office.clock.ahead(hours=4)
    with pytest.raises(SendError) as doubtful:
        await sending.send("ding", SHOWN)
    assert doubtful.value.unconfirmed and pictures(office) == [LEAK]


async def test_a_photo_that_certainly_did_not_arrive_is_no_doubt_days_later(office: Office, sending: WeCom) -> None:
    office.platform.faults = [Fault("message/send", 503)]
    with pytest.raises(SendError):
        await sending.send("ding", SHOWN)
    office.clock.ahead(days=4)  # what was uploaded is gone
    await sending.send("ding", SHOWN)
    assert pictures(office) == [LEAK, VALVE] and office.platform.violations == []


async def test_photos_are_paced_like_words(office: Office) -> None:
    sending = await office.process(photo={"leak": LEAK, "valve": VALVE}.__getitem__, pace=Pace(2, 1000))
    with pytest.raises(SendError) as early:
        await sending.send("ding", SHOWN)
    assert early.value.after and pictures(office) == [LEAK, VALVE] and office.chat() == ["", ""]
    office.clock.ahead(seconds=90)
    await sending.send("ding", SHOWN)
    assert pictures(office) == [LEAK, VALVE] and office.chat()[-1] == SHOWN.text


@pytest.mark.parametrize(("data", "words"), [(b"RIFF....WEBP", "JPG"), (b"\xff\xd8", "10MB"), (b"\xff\xd8" + b"x" * (10 * 1024 * 1024), "10MB")])
async def test_a_picture_the_platform_does_not_take_is_told_in_words(office: Office, data: bytes, words: str) -> None:
    sending = await office.process(photo=lambda name: data)
    with pytest.raises(SendError) as refused:
        await sending.send("ding", SHOWN)
    assert not refused.value.retryable and words in str(refused.value) and "打电话" in str(refused.value)
    assert office.chat() == [] and len(office.platform.violations) == 1


async def test_a_picture_that_is_no_longer_kept_is_told_in_words(office: Office) -> None:
    def gone(name: str) -> bytes:
        raise FileNotFoundError(name)

    sending = await office.process(photo=gone)
    with pytest.raises(SendError, match="no longer there") as refused:
        await sending.send("ding", SHOWN)
    assert not refused.value.retryable


async def test_a_refused_token_is_drawn_anew_for_an_upload(office: Office, sending: WeCom) -> None:
    await sending.send("ding", Message(6, "您好"))
    office.platform.revoke_token()
    await sending.send("ding", SHOWN)
    assert pictures(office) == [LEAK, VALVE]


async def test_after_three_days_a_members_photo_is_gone(office: Office) -> None:
    media = Media("photo", office.platform.keeps(LEAK))
    assert await office.wecom.fetch(media) == LEAK
    office.clock.ahead(days=3)
    with pytest.raises(SendError, match="three days"):
        await office.wecom.fetch(media)


# ── the account ──


def wrong(findings: Sequence[Finding]) -> list[Finding]:
    return [finding for finding in findings if not finding.ok]


async def test_an_account_that_works_has_no_wrong_finding(office: Office) -> None:
    await office.platform.verify(office.url)
    findings = await office.wecom.check()
    assert wrong(findings) == [] and len(findings) == 5


async def test_a_desk_that_was_never_called_is_told_what_to_type(office: Office) -> None:
    [finding] = wrong(await office.wecom.check())
    assert "never called" in finding.what and "/channels/wecom/YH/staff" in finding.remedy


async def test_a_wrong_secret_is_found(office: Office) -> None:
    office.platform.secret = "another-secret-0123456789"
    findings = wrong(await office.wecom.check())
    assert "Secret" not in findings[0].remedy or "40001" in findings[0].what
    assert "the Secret is wrong" in findings[0].what


async def test_an_untrusted_address_is_found_and_named(office: Office) -> None:
    office.platform.trusted = False
    finding = wrong(await office.wecom.check())[0]
    assert "60020" in finding.what and "企业可信IP" in finding.remedy and "203.0.113.7" in finding.remedy


async def test_an_application_of_another_secret_is_found(office: Office) -> None:
    office.platform.agent = 1000009
    assert "301002" in wrong(await office.wecom.check())[0].what


async def test_an_application_seen_by_nobody_or_switched_off_is_found(office: Office) -> None:
    office.platform.visible.clear()
    office.platform.closed = True
    found = " ".join(finding.what for finding in wrong(await office.wecom.check()))
    assert "visible to nobody" in found and "switched off" in found


async def test_a_wrong_clock_is_found(office: Office) -> None:
    await office.platform.verify(office.url)
    office.platform.clock_ahead = timedelta(minutes=4)
    [finding] = wrong(await office.wecom.check())
    assert "240 s behind" in finding.what


async def test_a_clock_so_wrong_that_callbacks_are_refused_is_found(office: Office) -> None:
    await office.platform.deliver(office.url, text_of("ding", "一"), at=office.clock.at + timedelta(minutes=20))
    findings = wrong(await office.wecom.check())
    assert any("1200 s behind" in finding.what for finding in findings)


async def test_a_platform_out_of_reach_and_a_database_away_are_findings(office: Office) -> None:
    office.platform.faults = [Fault("gettoken", "drop")]
    assert "does not answer" in wrong(await office.wecom.check())[0].what
    office.notebook.broken = True
    assert "notebook" in wrong(await office.wecom.check())[-1].what
