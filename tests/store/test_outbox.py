"""Delivery: order, importance, leases, expiry, supersession, failure. Both engines."""

from __future__ import annotations

from datetime import timedelta

import pytest

from bot import outbox
from bot.channels import Inbound, SendError, in_language
from bot.core.types import Button, Priority, Say, Turn
from bot.database import EVERY
from bot.outbox import Address
from bot.workers import backoff
from tests.store.office import LEASE, MORNING, Office

WANG = Address("telegram", "bot", "wang", conversation_id=1)
LI = Address("telegram", "bot", "li", conversation_id=2)
LONG = LEASE + timedelta(minutes=1)


async def two_conversations(front_desk: Office) -> None:
    await front_desk.talk("你好")
    await front_desk.talk("你好", address="li")
    await front_desk.deliver()
    front_desk.telegram.sent.clear()


def put(front_desk: Office, to: Address, *says: Say) -> None:
    now, machine = front_desk.clock.now(), front_desk.machine.now()
    rows = [outbox.row(1, to, say, desk_now=now, machine_now=machine) for say in says]
    front_desk.database.write(EVERY, lambda c: outbox.put(c, rows))


def claim(front_desk: Office, token: str = "w") -> tuple[outbox.Outgoing, ...]:
    return front_desk.database.write(EVERY, lambda c: outbox.claim(c, token, front_desk.machine.now(), LONG, ["telegram", "desk"]))


async def test_ordinary_messages_of_a_conversation_keep_their_order_while_others_go_on(
    front_desk: Office,
) -> None:
    await two_conversations(front_desk)
    put(front_desk, WANG, Say("一"), Say("二"))
    put(front_desk, LI, Say("甲"))
    assert [r.text for r in claim(front_desk)] == ["一", "甲"]
    assert claim(front_desk, "other") == ()  # 二 waits for 一, which is on its way
    front_desk.machine.forward(2 * LONG)
    await front_desk.workers.sweep()
    await front_desk.deliver()
    assert [t for a, t in front_desk.telegram.sent if a == "wang"] == ["一", "二"]


async def test_an_emergency_overtakes_what_is_stuck(front_desk: Office) -> None:
    await two_conversations(front_desk)
    put(front_desk, WANG, Say("通知"), Say("通知二"))
    front_desk.telegram.refusals = [SendError("busy", retryable=True, after=timedelta(minutes=5))]
    await front_desk.workers.send_some()
    put(front_desk, WANG, Say("请立即离开,拨打119", priority=Priority.EMERGENCY))
    await front_desk.deliver()
    assert front_desk.telegram.sent == [("wang", "请立即离开,拨打119")]
    front_desk.machine.forward(timedelta(minutes=5))
    await front_desk.deliver()
    assert [t for _, t in front_desk.telegram.sent[1:]] == ["通知", "通知二"]


async def test_the_most_important_message_of_all_conversations_goes_first(front_desk: Office) -> None:
    await two_conversations(front_desk)
    put(front_desk, WANG, Say("低", priority=Priority.LOW))
    put(front_desk, LI, Say("急", priority=Priority.URGENT))
    got = front_desk.database.write(EVERY, lambda c: outbox.claim(c, "w", front_desk.machine.now(), LONG, ["telegram", "desk"], 1))
    assert [r.text for r in got] == ["急"]


async def test_a_refused_message_fails_reaches_staff_and_blocks_nobody(front_desk: Office) -> None:
    await two_conversations(front_desk)
    put(front_desk, WANG, Say("一"), Say("二"))
    front_desk.telegram.refusals = [SendError("blocked by the user", retryable=False)]
    await front_desk.deliver()
    assert front_desk.rows("outbox", "status", "error")[-2:] == [
        ("failed", "blocked by the user"),
        ("sent", ""),
    ]
    assert front_desk.rows("phone_task", "text", "reason", "conversation_id") == [
        ("一", "failed: blocked by the user", 1)
    ]


async def test_retries_back_off_and_end(front_desk: Office) -> None:
    await two_conversations(front_desk)
    put(front_desk, WANG, Say("一"))
    front_desk.telegram.refusals = [SendError("busy", retryable=True) for _ in range(outbox.MAX_ATTEMPTS)]
    waits = []
    for _ in range(outbox.MAX_ATTEMPTS):
        await front_desk.workers.send_some()
        waits.append((front_desk.rows("outbox", "next_at")[-1][0] - front_desk.machine.now()).total_seconds())
        front_desk.machine.forward(timedelta(minutes=10))
    assert waits == [2, 4, 8, 16, 32, 64, 128, 0]
    assert front_desk.rows("outbox", "status")[-1] == ("failed",)
    assert await front_desk.workers.send_some() == 0


@pytest.mark.parametrize(("attempts", "earliest", "latest"), [(1, 1, 3), (3, 4, 12), (99, 300, 900)])
def test_a_crowd_does_not_come_back_at_one_instant(attempts: int, earliest: int, latest: int) -> None:
    waits = [backoff(attempts, jitter / 10).total_seconds() for jitter in range(11)]
    assert waits == sorted(set(waits)) and (waits[0], waits[-1]) == (earliest, latest)


async def test_what_may_have_arrived_is_not_sent_twice(front_desk: Office) -> None:
    await two_conversations(front_desk)
    put(front_desk, WANG, Say("一"))
    front_desk.telegram.refusals = [
        SendError("connection broke after sending", retryable=True, unconfirmed=True)
    ]
    await front_desk.deliver()
    assert front_desk.rows("outbox", "status")[-1] == ("sent_unconfirmed",)
    assert front_desk.telegram.sent == []


BROKE = "连接中断，可能已送达。 The connection broke; the message may have arrived."


async def may_have_arrived(front_desk: Office, say: Say, ticket_id: int | None = None) -> int:
    """Said to 王芳, on a connection that breaks; the outbox row."""
    now, machine = front_desk.clock.now(), front_desk.machine.now()
    row = outbox.row(1, WANG, say, desk_now=now, machine_now=machine, ticket_id=ticket_id)
    front_desk.database.write(EVERY, lambda c: outbox.put(c, [row]))
    front_desk.telegram.refusals = [SendError(BROKE, retryable=True, unconfirmed=True)]
    await front_desk.deliver()
    row_id, status = front_desk.rows("outbox", "id", "status")[-1]
    assert status == "sent_unconfirmed"
    return int(row_id)


@pytest.mark.parametrize(
    ("say", "owed"),
    [
        (Say("请核对", (Button("对，提交", "confirm"),), key="utter_summary_repair"), True),
        (Say("请问是哪一户？", key="utter_ask_room"), True),
        (Say("我马上到", author="张师傅"), True),
        (Say("请立即离开", priority=Priority.EMERGENCY), True),
        (Say("不客气", key="utter_thank"), False),
        (Say("物业费每月收", key="utter_faq_answer"), False),
    ],
)
async def test_what_somebody_waits_for_and_may_not_have_arrived_is_owed_a_call(front_desk: Office, say: Say, owed: bool) -> None:
    await two_conversations(front_desk)
    await may_have_arrived(front_desk, say)
    assert front_desk.rows("phone_task", "text", "reason", "conversation_id") == ([(say.text, f"unconfirmed: {BROKE}", 1)] if owed else [])


async def test_news_of_a_ticket_that_may_not_have_arrived_is_owed_a_call(front_desk: Office) -> None:
    await front_desk.talk("水管漏水", "是")
    await front_desk.deliver()
    ticket = front_desk.rows("ticket", "id")[0][0]
    await may_have_arrived(front_desk, Say("师傅已出发", key="utter_moved_en_route"), ticket)
    assert front_desk.rows("phone_task", "text", "ticket_id") == [("师傅已出发", ticket)]


async def went(front_desk: Office, words: str, external_id: str, to: Address = WANG) -> int:
    """A message is sent, and its platform calls it so; {} is our own number."""
    front_desk.telegram.names = [external_id]
    put(front_desk, to, Say(words))
    await front_desk.deliver()
    return int(front_desk.rows("outbox", "id", text=words)[-1][0])


def report(front_desk: Office, external_id: str, address: str = "wang", account: str = "bot") -> bool:
    now = front_desk.clock.now()
    return front_desk.database.write(
        EVERY, lambda c: outbox.undelivered(c, 1, "telegram", account, address, external_id, "没有送达。 Not delivered.", now)
    )


async def test_what_was_taken_and_not_delivered_is_owed_one_call(front_desk: Office) -> None:
    await two_conversations(front_desk)
    await went(front_desk, "师傅已出发", "template:7")
    await went(front_desk, "师傅到了", "template:8")
    for strange in (("template:9", "wang"), ("template:7", "li"), ("template:7", "nobody"), ("template:7", "wang", "another")):
        assert not report(front_desk, *strange)
    assert report(front_desk, "template:7") and report(front_desk, "template:7"), "it is reported twice"
    assert front_desk.rows("outbox", "status", "error", text="师傅已出发") == [("failed", "没有送达。 Not delivered.")]
    assert front_desk.rows("outbox", "status", text="师傅到了") == [("sent",)]
    assert front_desk.rows("phone_task", "text", "reason") == [("师傅已出发", "failed: 没有送达。 Not delivered.")]


async def test_what_is_reported_by_a_number_nobody_was_told_is_the_latest_of_its_kind(front_desk: Office) -> None:
    await two_conversations(front_desk)
    await went(front_desk, "第一条", "notice:{}")
    await went(front_desk, "第二条", "notice:{}")
    await went(front_desk, "有号的", "notice:55")
    await went(front_desk, "别的", "service:1")
    put(front_desk, WANG, Say("在路上"))
    claim(front_desk)
    assert not report(front_desk, "notice:77"), "it may be the one on its way"
    front_desk.machine.forward(2 * LONG)
    await front_desk.workers.sweep()
    front_desk.telegram.names = ["service:2"]
    await front_desk.deliver()
    assert report(front_desk, "notice:77") and report(front_desk, "notice:77")
    assert [t for (t,) in front_desk.rows("outbox", "text", status="failed")] == ["第二条"]
    assert report(front_desk, "notice:78")
    assert [t for (t,) in front_desk.rows("outbox", "text", status="failed")] == ["第一条", "第二条"]
    assert not report(front_desk, "notice:79") and len(front_desk.rows("phone_task", "id")) == 2


async def test_a_tap_shows_that_it_arrived_and_takes_the_call_back(front_desk: Office) -> None:
    await two_conversations(front_desk)
    row = await may_have_arrived(front_desk, Say("修好了吗？", (Button("修好了", "fixed"),)))
    await may_have_arrived(front_desk, Say("几分？", (Button("5", "rate:5"),)))
    for pressed, address in ((row, "li"), (row, "wang"), (10**17, "wang")):
        tap = Inbound("telegram", "bot", f"tap-{pressed}-{address}", address, tap=f"{pressed}.0")
        await front_desk.workers.accept(1, tap)
        assert await front_desk.answer() == 1
        if address == "li":  # another chat's token means nothing
            assert front_desk.rows("phone_task", "status") == [("open",), ("open",)]
    assert front_desk.rows("phone_task", "text", "status", "outcome") == [("修好了吗？", "done", "arrived"), ("几分？", "open", "")]
    assert front_desk.rows("outbox", "status", id=row) == [("sent",)]


async def test_a_dead_senders_message_is_sent_again_and_its_late_settlement_is_ignored(
    front_desk: Office,
) -> None:
    await two_conversations(front_desk)
    put(front_desk, WANG, Say("一"))
    (dead,) = claim(front_desk, "dead")
    front_desk.machine.forward(LONG)
    assert await front_desk.workers.sweep() == 1
    (again,) = claim(front_desk, "alive")
    machine, desk = front_desk.machine.now(), front_desk.clock.now()
    late = front_desk.database.write(
        1,
        lambda c: outbox.settle(c, dead, "failed", machine_now=machine, desk_now=desk)
    )
    done = front_desk.database.write(
        1,
        lambda c: outbox.settle(c, again, "sent", machine_now=machine, desk_now=desk)
    )
    assert (late, done) == (False, True)
    assert front_desk.rows("outbox", "status", "attempts")[-1] == ("sent", 2)


async def test_a_message_past_its_time_expires_and_staff_ring(front_desk: Office) -> None:
    await two_conversations(front_desk)
    put(front_desk, WANG, Say("师傅十点到", not_after=MORNING + timedelta(hours=1)), Say("您好"))
    front_desk.machine.forward(timedelta(hours=2))
    await front_desk.workers.sweep()
    await front_desk.deliver()
    assert front_desk.telegram.sent == [("wang", "您好")]
    assert front_desk.rows("phone_task", "text", "reason") == [("师傅十点到", "expired")]


async def test_a_newer_message_supersedes_the_unsent_one(front_desk: Office) -> None:
    await two_conversations(front_desk)
    put(front_desk, WANG, Say("师傅十点到", key="eta"))
    put(front_desk, LI, Say("师傅九点到", key="eta"))
    put(front_desk, WANG, Say("师傅十一点到", key="eta", supersedes="eta"))
    await front_desk.deliver()
    assert sorted(front_desk.telegram.sent) == [("li", "师傅九点到"), ("wang", "师傅十一点到")]


async def test_a_message_for_a_channel_nobody_configured_fails_and_is_shown(front_desk: Office) -> None:
    await two_conversations(front_desk)
    put(front_desk, Address("wecom", "corp", "x", conversation_id=1), Say("一"))
    await front_desk.deliver()
    await front_desk.workers.sweep()
    assert front_desk.rows("outbox", "status")[-1] == ("ready",)  # another process may run it
    front_desk.machine.forward(timedelta(minutes=11))
    await front_desk.workers.sweep()
    status, error = front_desk.rows("outbox", "status", "error")[-1]
    assert status == "failed" and in_language(error, "en").startswith("No running desk has this channel")
    assert front_desk.rows("phone_task", "text")[-1] == ("一",)


async def test_a_message_for_an_account_nobody_configured_fails_and_is_shown(front_desk: Office) -> None:
    await two_conversations(front_desk)
    put(front_desk, Address("telegram", "another", "x", conversation_id=1), Say("一"))
    await front_desk.deliver()
    status, error = front_desk.rows("outbox", "status", "error")[-1]
    assert status == "failed" and "No channel telegram another is configured" in error


async def test_a_fault_in_a_channel_is_retried_and_does_not_stop_the_others(front_desk: Office) -> None:
    await two_conversations(front_desk)
    put(front_desk, WANG, Say("一"))
    put(front_desk, LI, Say("甲"))
    front_desk.telegram.refusals = [ZeroDivisionError()]  # type: ignore[list-item]
    await front_desk.workers.send_some()
    assert front_desk.telegram.sent == [("li", "甲")]
    front_desk.machine.forward(timedelta(minutes=1))
    await front_desk.deliver()
    assert front_desk.telegram.sent == [("li", "甲"), ("wang", "一")]


async def test_messages_of_one_turn_go_out_in_the_order_they_were_said(front_desk: Office) -> None:
    front_desk.script.heard["数"] = lambda s, e, f: Turn(s, tuple(Say(str(n)) for n in range(12)))
    await front_desk.talk("数")
    await front_desk.deliver()
    assert [t for _, t in front_desk.telegram.sent] == [str(n) for n in range(12)]
