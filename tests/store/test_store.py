"""Accepting, claiming, leases and the shape of the database. Both engines."""

from __future__ import annotations

import subprocess
import sys
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert
from sqlalchemy.exc import IntegrityError, OperationalError

from bot import rota, store
from bot.database import EVERY, AlreadyServing, Database
from bot.migrations import upgrade
from bot.tables import METADATA, table
from tests.store.office import BURST, LEASE, MORNING, Office


async def test_a_redelivery_is_answered_and_changes_nothing(front_desk: Office) -> None:
    first = front_desk.say("水管漏水", external_id="7")
    await front_desk.answer()
    before = front_desk.rows("conversation", "ready_at", "state_version")
    again = front_desk.say("水管漏水", external_id="7")
    assert (again.inbox_id, again.conversation_id, again.duplicate) == (
        first.inbox_id,
        first.conversation_id,
        True,
    )
    assert front_desk.rows("conversation", "ready_at", "state_version") == before
    assert await front_desk.answer() == 0
    assert front_desk.rows("inbox", "status") == [("done",)]


async def test_nothing_is_heard_before_its_window_has_passed(front_desk: Office) -> None:
    front_desk.say("厨房")
    assert not await front_desk.workers.hear_one()
    front_desk.machine.forward(BURST)
    assert await front_desk.workers.hear_one()


async def test_the_window_does_not_grow_with_every_message(front_desk: Office) -> None:
    front_desk.say("一")
    front_desk.machine.forward(BURST / 2)
    front_desk.say("二")
    front_desk.machine.forward(BURST / 2)
    assert await front_desk.workers.hear_one()
    assert front_desk.rows("inbox", "status") == [("done",), ("done",)]


async def test_what_comes_while_a_turn_runs_is_heard_next(front_desk: Office) -> None:
    front_desk.say("一")
    front_desk.machine.forward(BURST)
    claim = front_desk.database.write(
        EVERY,
        lambda c: store.claim_conversation(c, "w", front_desk.machine.now(), LEASE)
    )
    assert claim is not None
    front_desk.say("二")
    front_desk.machine.forward(BURST)
    assert not await front_desk.workers.hear_one()  # one worker at a time
    front_desk.database.write(1, lambda c: store.finish(c, claim, {}, front_desk.machine.now()))
    assert await front_desk.workers.hear_one()
    assert front_desk.rows("inbox", "status") == [("done",), ("done",)]


async def test_a_dead_workers_conversation_is_taken_over_when_its_lease_ends(front_desk: Office) -> None:
    front_desk.say("一")
    front_desk.machine.forward(BURST)
    front_desk.database.write(EVERY, lambda c: store.claim_conversation(c, "dead", front_desk.machine.now(), LEASE))
    assert not await front_desk.workers.hear_one()
    front_desk.machine.forward(LEASE)
    assert await front_desk.workers.hear_one()
    assert front_desk.rows("inbox", "status", "attempts") == [("done", 2)]


def test_a_lease_has_one_holder_and_is_taken_over_when_it_dies(front_desk: Office) -> None:
    def hold(holder: str) -> bool:
        now = front_desk.machine.now()
        return front_desk.database.write(
            EVERY,
            lambda c: store.hold_lease(c, "poll:telegram:bot", holder, now, LEASE)
        )

    assert (hold("a"), hold("b"), hold("a")) == (True, False, True)
    front_desk.machine.forward(LEASE)
    assert (hold("b"), hold("a")) == (True, False)
    front_desk.database.write(EVERY, lambda c: store.let_go(c, "poll:telegram:bot", "b"))
    assert hold("a")


def test_a_row_cannot_point_into_another_community(front_desk: Office) -> None:
    foreign = {"community_id": 2, "room_id": 1}
    with pytest.raises(IntegrityError):
        front_desk.database.write(EVERY, lambda c: c.execute(insert(table("household")), foreign))


def test_the_migrated_database_has_the_shape_of_the_tables(database: Database) -> None:
    def differences(conn):  # type: ignore[no-untyped-def]
        return compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), METADATA)

    assert database.write(EVERY, differences) == []
    upgrade(database.writer)  # a second time does nothing


def test_a_naive_instant_is_refused(front_desk: Office) -> None:
    naive = {"name": "x", "holder": "y", "until": datetime(2027, 3, 1)}
    with pytest.raises(Exception, match="needs a time zone"):
        front_desk.database.write(EVERY, lambda c: c.execute(insert(table("lease")), naive))


def test_instants_come_back_aware_and_equal(front_desk: Office) -> None:
    front_desk.say("一")
    assert front_desk.rows("inbox", "received_at") == [(MORNING,)]


def test_an_office_without_a_rota_is_always_on_duty_and_with_one_by_it(front_desk: Office) -> None:
    def there(at: datetime) -> bool:
        def ask(conn):  # type: ignore[no-untyped-def]
            return rota.on_duty(conn, store.community(conn, 1), at)

        return bool(front_desk.database.read(1, ask))

    assert there(MORNING)
    # Monday 20:00 to 08:00, local
    shift = {"community_id": 1, "weekday": 0, "start_minute": 20 * 60, "end_minute": 8 * 60}
    by_role = {role: id_ for id_, role in front_desk.rows("staff", "id", "role")}
    front_desk.database.write(1, lambda c: c.execute(insert(table("duty")), {**shift, "staff_id": by_role["technician"]}))
    assert not there(MORNING + timedelta(hours=20 - 9)), "a technician on duty takes no hand-over"
    front_desk.database.write(1, lambda c: c.execute(insert(table("duty")), {**shift, "staff_id": by_role["steward"]}))
    hours = {h: there(MORNING + timedelta(hours=h - 9)) for h in (9, 19, 20, 23, 24 + 7, 24 + 8, 48 + 7)}
    assert hours == {9: False, 19: False, 20: True, 23: True, 31: True, 32: False, 55: False}


def test_a_notice_reaches_those_on_duty_before_those_at_home(front_desk: Office) -> None:
    def reached(at: datetime) -> list[str]:
        def ask(conn):  # type: ignore[no-untyped-def]
            return [p.name for p in rota.audience(conn, store.community(conn, 1), at, "technician")]

        return front_desk.database.read(1, ask)

    other = {"id": 9, "community_id": 1, "name": "赵师傅", "role": "technician"}
    shift = {"community_id": 1, "staff_id": 9, "weekday": 0, "start_minute": 480, "end_minute": 1080}
    front_desk.database.write(1, lambda c: c.execute(insert(table("staff")), other))
    front_desk.database.write(1, lambda c: c.execute(insert(table("duty")), shift))
    assert reached(MORNING) == ["赵师傅"]
    assert reached(MORNING + timedelta(hours=12)) == ["张师傅", "赵师傅"]


def test_the_reading_engine_of_sqlite_cannot_write(tmp_path: Path, sqlite_template: Path) -> None:
    database = Database(f"sqlite:///{sqlite_template}")
    try:
        with pytest.raises(OperationalError, match="readonly"):
            database.read(
                EVERY,
                lambda c: c.execute(insert(table("lease")), {"name": "x", "holder": "y", "until": MORNING})
            )
    finally:
        database.close()


def test_sqlite_is_durable_and_checked(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/desk.db")
    try:
        pragmas = ("journal_mode", "synchronous", "foreign_keys")
        read = {p: database.write(EVERY, lambda c, p=p: c.exec_driver_sql(f"PRAGMA {p}").scalar()) for p in pragmas}  # type: ignore[misc]
        assert read == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    finally:
        database.close()


def test_a_second_process_on_a_sqlite_file_refuses_to_serve(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/desk.db"
    first, second = Database(url), Database(url)
    held = first.hold_alone()
    assert held is not None
    with pytest.raises(AlreadyServing, match="SQLite is for one process"):
        second.hold_alone()
    held.close()
    again = second.hold_alone()
    assert again is not None
    again.close()
    first.close()
    second.close()


def test_the_store_starts_without_the_application() -> None:
    code = "import bot.turns, sys; assert 'bot.app' not in sys.modules and 'fastapi' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
