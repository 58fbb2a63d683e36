"""What a turn costs without the language model, and what a tick costs over 100,000 rows that are not due yet.

    python -m benchmarks.turn                     # SQLite, in a temporary folder
    python -m benchmarks.turn postgresql+psycopg://…   # an empty database of your own

Every figure is a whole committed transaction (SQLite: synchronous=FULL), measured one after the other in one thread.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from sqlalchemy import event, insert

from bot import dues, outbox, store
from bot.core.types import Heard
from bot.database import EVERY, Database
from bot.migrations import upgrade
from bot.tables import table
from tests.store.office import BURST, LEASE, Office, open_office

WAITING = 100_000
TURNS = 400


def timed(what: str, times: int, work: Callable[[], object]) -> None:
    spans = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        spans.append((time.perf_counter() - begin) * 1000)
    spans.sort()
    print(f"{what:<58} median {statistics.median(spans):6.2f} ms   p95 {spans[int(times * 0.95)]:6.2f} ms")


def turn(desk: Office, text: str) -> None:
    claim = desk.database.write(EVERY, lambda c: store.claim_conversation(c, "bench", desk.machine.now(), LEASE))
    assert claim is not None
    desk.desk.take_turn(claim, Heard(text))


def measure(url: str) -> None:
    database = Database(url)
    upgrade(database.writer)
    desk = open_office(database)
    statements = [0]
    event.listen(
        database.writer, "before_cursor_execute", lambda *_: statements.__setitem__(0, statements[0] + 1)
    )

    desk.say("你好")
    desk.machine.forward(BURST)
    turn(desk, "你好")
    desk.bind("wang", 1)
    for _ in range(20):  # statements compiled, caches warm
        for text in ("水管漏水", "是"):
            desk.say(text)
            desk.machine.forward(BURST)
            turn(desk, text)

    timed("accept a message", TURNS, lambda: desk.say("你好"))
    while (
        c := database.write(EVERY, lambda c: store.claim_conversation(c, "b", desk.machine.now() + BURST, LEASE))
    ) and c.rows:
        desk.desk.take_turn(c, Heard("你好"))

    def one(text: str) -> Callable[[], None]:
        return lambda: turn(desk, text)

    for what, text in (
        ("claim + turn: an answer, 10 open tickets", "你好"),
        ("claim + turn: the question before a ticket", "水管漏水"),
    ):
        spans = []
        for _ in range(TURNS):
            desk.say(text)
            desk.machine.forward(BURST)
            before = statements[0]
            begin = time.perf_counter()
            turn(desk, text)
            spans.append((time.perf_counter() - begin) * 1000)
            count = statements[0] - before
        report(what, spans, count)
    spans = []
    for _ in range(TURNS):
        for text in ("水管漏水", "是"):
            desk.say(text)
            desk.machine.forward(BURST)
            before = statements[0]
            begin = time.perf_counter()
            turn(desk, text)
            span = (time.perf_counter() - begin) * 1000
            count = statements[0] - before
        spans.append(span)
    report("claim + turn: a ticket opened, clocks set, staff told", spans, count)

    far = desk.clock.now() + timedelta(days=30)
    later = desk.machine.now() + timedelta(days=30)
    database.write(
        EVERY,
        lambda c: c.execute(
            insert(table("due")),
            [
                {
                    "community_id": 1,
                    "subject_type": "ticket",
                    "subject_id": 10**6 + n,
                    "kind": "far",
                    "at": far,
                }
                for n in range(WAITING)
            ],
        )
    )
    row = {
        "community_id": 1,
        "channel": "telegram",
        "account": "bot",
        "address": "x",
        "text": "x",
        "created_at": far,
    }
    database.write(
        EVERY,
        lambda c: c.execute(
            insert(table("outbox")),
            [{**row, "lane": f"x{n}", "status": "retry", "next_at": later} for n in range(WAITING)],
        )
    )
    machine, now = desk.machine.now(), desk.clock.now()
    o = table("outbox")
    database.write(EVERY, lambda c: c.execute(o.update().where(o.c.next_at < later).values(status="sent")))
    if database.dialect == "postgresql":
        with database.writer.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
            conn.exec_driver_sql("ANALYZE")
    timed(
        f"due tick, {WAITING:,} rows not yet due",
        200,
        lambda: database.write(EVERY, lambda c: dues.claim(c, now, "b", machine, LEASE)),
    )
    timed(
        f"send tick, {WAITING:,} rows not yet to be sent",
        200,
        lambda: database.write(EVERY, lambda c: outbox.claim(c, "b", machine, LEASE, ["bench"])),
    )
    timed(
        "inbox tick, nothing waits",
        200,
        lambda: database.write(EVERY, lambda c: store.claim_conversation(c, "b", machine, LEASE)),
    )
    database.write(EVERY, lambda c: c.execute(o.update().where(o.c.next_at == later).values(next_at=machine)))
    timed(
        f"send tick, {WAITING:,} rows to be sent now, 20 claimed",
        20,
        lambda: database.write(EVERY, lambda c: outbox.claim(c, "b", machine, LEASE, ["bench"])),
    )
    database.close()


def report(what: str, spans: list[float], count: int) -> None:
    spans.sort()
    print(
        f"{what:<58} median {statistics.median(spans):6.2f} ms   p95 {spans[int(len(spans) * 0.95)]:6.2f} ms   {count} statements"
    )


if __name__ == "__main__":
    if len(sys.argv) > 1:
        measure(sys.argv[1])
    else:
        with tempfile.TemporaryDirectory() as folder:
            measure(f"sqlite:///{Path(folder)}/desk.db")
