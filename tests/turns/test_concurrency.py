"""Several processes on one PostgreSQL: one conversation at a time, in order, and no circle of waiting."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from bot.core.tickets import IllegalMove
from bot.core.types import MoveTicket, Say, Turn
from bot.database import Database
from bot.store import Claim
from bot.workers import Hearing
from tests.store.office import BURST, HandClock, Office, office, open_office, plainly, story


@pytest.fixture
def four_workers(postgres_url: str) -> Iterator[tuple[Office, list[Office]]]:
    databases = [Database(postgres_url) for _ in range(5)]
    first = open_office(databases[0])
    script = first.script
    others = [office(d, script, first.machine, f"w{n}") for n, d in enumerate(databases[1:])]
    yield first, others
    for database in databases:
        database.close()


async def test_four_workers_hear_each_conversation_in_order_one_at_a_time(
    four_workers: tuple[Office, list[Office]],
) -> None:
    front, workers = four_workers
    at_work: dict[int, int] = {}
    worst = 0
    heard: dict[int, list[str]] = {}

    async def hear(claim: Claim) -> Hearing:
        nonlocal worst
        at_work[claim.conversation_id] = at_work.get(claim.conversation_id, 0) + 1
        worst = max(worst, at_work[claim.conversation_id])
        await asyncio.sleep(0)  # let the other workers look
        hearing = await plainly(claim)
        heard.setdefault(claim.conversation_id, []).extend(r.message.button or "" for r in claim.rows)
        at_work[claim.conversation_id] -= 1
        return hearing

    people = [f"p{n}" for n in range(5)]
    for n in range(12):
        for person in people:
            front.say("", button=str(n), address=person)
    front.machine.forward(BURST)
    used: set[int] = set()

    async def work(number: int, one: Office) -> None:
        one.workers._hear = hear
        idle = 0
        while idle < 20:
            if await one.workers.hear_one():
                used.add(number)
                idle = 0
            else:
                idle += 1

    await asyncio.gather(*(work(n, w) for n, w in enumerate(workers)))
    assert worst == 1
    assert list(heard.values()) == [[str(n) for n in range(12)]] * 5
    assert used == {0, 1, 2, 3}
    assert front.rows("conversation", "state_version") == [(12,)] * 5
    assert set(front.rows("inbox", "status", "attempts")) == {("done", 1)}
    texts = [t for (t,) in front.rows("outbox", "text", conversation_id=1)]
    assert texts == [f"您说:{n}" for n in range(12)]


async def test_of_two_staff_who_grab_at_the_same_moment_one_gets_the_ticket(
    four_workers: tuple[Office, list[Office]],
) -> None:
    front, workers = four_workers
    await front.talk("水管漏水", "是")
    number = front.rows("ticket", "number")[0][0]
    front.desk.act_on_ticket(1, 1, number, "accept")
    ready = threading.Barrier(4)

    def depart(one: Office) -> bool:
        ready.wait()
        try:
            one.desk.act_on_ticket(1, 1, number, "depart")
        except IllegalMove:
            return False
        return True

    done = await asyncio.gather(*(asyncio.to_thread(depart, w) for w in workers))
    assert sorted(done) == [False, False, False, True]
    assert [a for (a,) in front.rows("ticket_event", "action")] == ["open", "accept", "depart"]


async def test_turns_and_staff_acts_on_the_same_ticket_never_wait_in_a_circle(
    four_workers: tuple[Office, list[Office]],
) -> None:
    """The resident reopens an old ticket by its number while staff act on it: both orders end, nothing is lost."""
    front, workers = four_workers
    await front.talk("水管漏水", "是", "水管漏水", "是")
    number, ticket_id = front.rows("ticket", "number", "id")[0]
    front.script.heard["改"] = lambda s, e, f: Turn(s, (MoveTicket(ticket_id, "cancel"), Say("已撤销")))
    for _ in range(10):
        front.say("", button="说")
    front.say("", button="改")
    front.machine.forward(BURST)

    async def hear(one: Office) -> None:
        while await one.workers.hear_one():
            pass

    async def act(one: Office) -> None:
        for action in ("acknowledge", "assign", "assign", "assign", "assign"):
            try:
                await one.database.hop(lambda action=action: one.desk.act_on_ticket(1, 2, number, action))  # type: ignore[misc]
            except IllegalMove:
                return

    await asyncio.gather(hear(workers[0]), act(workers[1]), hear(workers[2]))
    await hear(workers[3])
    assert front.rows("ticket", "status")[0] == ("cancelled",)
    assert {s for (s,) in front.rows("inbox", "status")} == {"done"}


async def test_numbers_are_given_once_when_four_desks_file_at_the_same_moment(
    four_workers: tuple[Office, list[Office]],
) -> None:
    front, workers = four_workers
    for n in range(12):
        await front.talk("水管漏水", address=f"p{n}")
    for n in range(12):
        front.say("是", address=f"p{n}")
    front.machine.forward(BURST)

    async def drain(one: Office) -> None:
        while await one.workers.hear_one():
            pass

    await asyncio.gather(*(drain(w) for w in workers))
    numbers = sorted(n for (n,) in front.rows("ticket", "number"))
    assert numbers == [f"CY-BX-20270301-{n:04d}" for n in range(1, 13)]


async def test_four_senders_keep_every_conversations_order(four_workers: tuple[Office, list[Office]]) -> None:
    front, workers = four_workers
    front.script.heard["数"] = lambda s, e, f: Turn(s, tuple(Say(str(n)) for n in range(8)))
    for n in range(4):
        await front.talk("数", address=f"p{n}")
    for one in workers:
        one.workers._channels = front.workers._channels

    async def send(one: Office) -> None:
        idle = 0
        while idle < 20:
            idle = 0 if await one.workers.send_some() else idle + 1

    await asyncio.gather(*(send(w) for w in workers))
    for n in range(4):
        assert [t for a, t in front.telegram.sent if a == f"p{n}"] == [str(k) for k in range(8)]


def test_the_clock_of_one_process_is_seen_by_another(postgres_url: str) -> None:
    a, b = Database(postgres_url), Database(postgres_url)
    machine = HandClock()
    one, two = office(a, story(), machine), office(b, story(), machine)
    one.desk.advance(machine.now() + timedelta(days=3))
    two.clock.load(b)
    assert two.clock.now() == one.clock.now()
    a.close()
    b.close()
