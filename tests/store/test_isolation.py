"""Communities are kept apart twice: by every statement, on both engines, and by PostgreSQL's row-level security besides."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import (
    Select,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError

import bot
from bot.app import open_database
from bot.database import EVERY, Database, Within
from bot.settings import Settings
from bot.tables import METADATA, table
from tests import commands
from tests.store.engines import ROLE, Server
from tests.store.office import MORNING
from tests.store.statements import STATEMENTS, loose

OWNED = [one for one in METADATA.sorted_tables if "community_id" in one.c]
NAMES = [one.name for one in OWNED]
OF_THE_DEPLOYMENT = {"lease", "clock"}
REFUSED = "row-level security"

# ── a row of everything for two communities ──

def _parents(of: Table) -> dict[str, str]:
    """Column → the table it points to, for the pairs (community_id, column)."""
    found = {}
    for key in of.foreign_key_constraints:
        names = [c.name for c in key.columns]
        if len(names) == 2:
            found[names[1]] = key.referred_table.name
    return found


_OF_TYPE: dict[type, Any] = {int: 1, float: 0.5, bool: True, object: {}, date: MORNING.date(), datetime: MORNING}


def row(of: Table, community_id: int, ids: dict[tuple[str, int], int], unlike: str) -> dict[str, Any]:
    """A row of this table: what it must have, and a parent of its own community wherever it may have one."""
    parents = _parents(of)
    values: dict[str, Any] = {"community_id": community_id}
    for column in of.columns:
        if column.name in parents and (parents[column.name], community_id) in ids:
            values[column.name] = ids[parents[column.name], community_id]
        elif column.name not in ("id", "community_id") and not column.nullable and column.default is None:
            kind = getattr(column.type, "impl", column.type).python_type
            values[column.name] = unlike if kind is str else _OF_TYPE[kind]
    return values


Ids = dict[tuple[str, int], int]


@pytest.fixture
def two(database: Database) -> tuple[Database, Ids]:
    """Communities 1 and 2, each with one row in every table. (table, community) → the row's id."""
    return database, _fill(database)


def _fill(database: Database) -> Ids:
    ids: Ids = {}

    def fill(conn: Any) -> None:
        for number, code in ((1, "CY"), (2, "HD")):
            conn.execute(insert(table("community")).values(id=number, code=code, name=code))
            for one in OWNED:
                made = conn.execute(insert(one).values(row(one, number, ids, f"{one.name} {number}")).returning(one.c.id))
                ids[one.name, number] = made.scalar_one()

    database.write(EVERY, fill)
    return ids


@pytest.fixture
def guarded(postgres_url: str) -> Iterator[tuple[Database, Ids]]:
    """The same on PostgreSQL alone."""
    database = Database(postgres_url)
    yield database, _fill(database)
    database.close()


def ids_of(database: Database, within: Within, of: Table) -> list[int]:
    column = of.c.id if of.name == "community" else of.c.community_id
    return sorted(database.read(within, lambda c: list(c.scalars(text(f'SELECT {column.name} FROM "{of.name}"')))))


# ── the second lock ──


def test_the_desk_runs_its_tests_as_an_ordinary_role(guarded: tuple[Database, Ids], postgres_server: Server) -> None:
    database, _ = guarded
    assert database.read(EVERY, lambda c: c.scalar(text("SELECT current_user"))) == ROLE
    assert database.unguarded() is None
    assert database.url.database is not None
    superuser = Database(postgres_server.url(database.url.database, "postgres"))
    try:
        told = superuser.unguarded()
        assert told is not None and "postgres" in told and "CREATE ROLE desk LOGIN NOSUPERUSER NOBYPASSRLS" in told
    finally:
        superuser.close()


def test_who_starts_or_checks_a_desk_as_a_superuser_is_told(
    guarded: tuple[Database, Ids], postgres_server: Server, tmp_path: Path
) -> None:
    name = guarded[0].url.database
    assert name is not None
    for role, warned in ((ROLE, False), ("postgres", True)):
        url, told = postgres_server.url(name, role), []
        open_database(Settings(db=url, var=tmp_path), told.append).close()
        checked = commands.bot({"DESK_DB": url}, "check")
        assert checked.returncode == 0, checked.stderr
        assert any("is a superuser" in line for line in told) == ("is a superuser" in checked.stderr) == warned


def test_sqlite_has_no_second_lock_and_says_nothing(database: Database) -> None:
    assert database.unguarded() is None


def test_every_table_of_a_community_has_the_policy(guarded: tuple[Database, Ids]) -> None:
    """A new table fails here until its migration calls `keep_apart`."""
    database, _ = guarded
    policies = database.read(
        EVERY,
        lambda c: {
            r.tablename: (r.cmd, r.permissive, r.qual, r.with_check)
            for r in c.execute(text("SELECT * FROM pg_policies WHERE schemaname = 'public'"))
        },
    )
    assert set(policies) == {*NAMES, "community"} == set(METADATA.tables) - OF_THE_DEPLOYMENT
    assert policies["community"][0] == "ALL"
    # Of what each says the other tests see the effect; here, that every one says the same, on reading and on writing.
    assert {tuple(part.replace("community_id", "id") for part in said) for said in policies.values()} == {
        policies["community"]
    }
    assert all(using == check and "desk.community" in using for _, _, using, check in policies.values())
    forced = database.read(
        EVERY,
        lambda c: set(c.scalars(text("SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity"))),
    )
    assert forced == set(policies)


def test_within_a_community_only_its_own_rows_are_there(guarded: tuple[Database, Ids]) -> None:
    database, _ = guarded
    for one in (*OWNED, table("community")):
        assert ids_of(database, 1, one) == [1], one.name
        assert ids_of(database, 2, one) == [2], one.name
        assert ids_of(database, 3, one) == [], one.name
        assert ids_of(database, EVERY, one) == [1, 2], one.name


def test_whoever_says_nothing_sees_nothing_and_writes_nothing(guarded: tuple[Database, Ids]) -> None:
    database, _ = guarded
    # On a fresh connection, and on one that was used before: there the setting reads '' and not NULL.
    for _ in range(2):
        for one in (*OWNED, table("community")):
            with database.writer.begin() as conn:
                assert conn.scalar(text(f'SELECT count(*) FROM "{one.name}"')) == 0
                assert conn.execute(text(f'DELETE FROM "{one.name}"')).rowcount == 0
        with database.writer.begin() as conn, pytest.raises(DBAPIError, match=REFUSED):
            conn.execute(insert(table("staff")).values(community_id=1, name="x", role="guard"))
        assert ids_of(database, 1, table("staff")) == [1]


def test_a_transaction_leaves_nothing_of_its_community_behind(guarded: tuple[Database, Ids]) -> None:
    database, _ = guarded
    raw = database.writer.connect()
    raw.close()  # so that the next one gets the same connection
    database.read(1, lambda c: None)
    with database.writer.begin() as conn:
        assert conn.scalar(text("SELECT current_setting('desk.community', true)")) in (None, "")


def test_no_row_of_another_community_can_be_changed_or_made(guarded: tuple[Database, Ids]) -> None:
    """Whatever the statement forgets. Within 1, of the rows of 2."""
    database, ids = guarded

    def count(sql: str, **values: int) -> int:
        return database.write(1, lambda c: c.execute(text(sql), values).rowcount)

    for one in OWNED:
        name, foreign = one.name, ids[one.name, 2]
        theirs = select(one).where(one.c.id == foreign)
        before = database.read(EVERY, lambda c, q=theirs: c.execute(q).one())  # type: ignore[misc]
        # No WHERE at all meets the own row alone; the very id of another's meets none.
        assert count(f'UPDATE "{name}" SET id = id') == 1, name
        assert count(f'UPDATE "{name}" SET id = id WHERE id = :id', id=foreign) == 0, name
        assert count(f'DELETE FROM "{name}" WHERE id = :id', id=foreign) == 0, name
        # The own row given away, and a new one made there.
        with pytest.raises(DBAPIError, match=REFUSED):
            count(f'UPDATE "{name}" SET community_id = 2')
        made = insert(one).values(row(one, 2, ids, "made from outside"))
        with pytest.raises(DBAPIError, match=REFUSED):
            database.write(1, lambda c, s=made: c.execute(s))  # type: ignore[misc]
        assert database.read(EVERY, lambda c, q=theirs: c.execute(q).one()) == before  # type: ignore[misc]
        assert ids_of(database, 2, one) == [2], name


def test_a_delete_without_where_takes_the_own_rows_alone(guarded: tuple[Database, Ids]) -> None:
    database, _ = guarded

    def clear(conn: Any) -> None:
        for one in reversed(OWNED):
            conn.execute(text(f'DELETE FROM "{one.name}"'))

    database.write(1, clear)
    for one in OWNED:
        assert ids_of(database, EVERY, one) == [2], one.name


def test_a_community_itself_cannot_be_made_or_renamed_from_another(guarded: tuple[Database, Ids]) -> None:
    database, _ = guarded
    community = table("community")
    with pytest.raises(DBAPIError, match=REFUSED):
        database.write(1, lambda c: c.execute(insert(community).values(id=3, code="XX", name="x")))
    assert database.write(1, lambda c: c.execute(text("UPDATE community SET name = 'x'")).rowcount) == 1
    assert database.read(2, lambda c: c.scalar(text("SELECT name FROM community"))) == "HD"


def test_where_a_transaction_works_is_a_number_or_every_community(guarded: tuple[Database, Ids]) -> None:
    database, _ = guarded
    for said in ("*", "1' OR true --", "1 OR 1"):
        with pytest.raises(ValueError):
            database.read(said, lambda c: None)  # type: ignore[arg-type]


# ── the keys, on both engines ──


def test_every_key_to_another_row_is_a_pair_with_the_community() -> None:
    for one in OWNED:
        keys = {tuple(c.name for c in key.columns): key for key in one.foreign_key_constraints}
        assert ("community_id",) in keys, one.name
        for columns, key in keys.items():
            to = key.referred_table.name
            if to == "community":
                assert columns == ("community_id",), one.name
                continue
            assert len(columns) == 2 and columns[0] == "community_id", (one.name, columns)
            assert [e.column.name for e in key.elements] == ["community_id", "id"], (one.name, columns)
        assert any({c.name for c in u.columns} == {"community_id", "id"} for u in one.constraints), one.name


def test_no_row_points_into_another_community(two: tuple[Database, Ids]) -> None:
    """Not even within every community."""
    database, ids = two
    pairs = [(one, column, parent) for one in OWNED for column, parent in _parents(one).items()]
    assert len(pairs) > 30
    for one, column, parent in pairs:
        wrong = update(one).where(one.c.id == ids[one.name, 1]).values({column: ids[parent, 2]})
        with pytest.raises(IntegrityError):
            database.write(EVERY, lambda c, s=wrong: c.execute(s))  # type: ignore[misc]


# ── the first lock: the statements ──

#: Statements that look into every community, and why: module, name → reason. Whoever runs them does so within EVERY.
CROSS = {
    ("bot.dues", "_NEXT"): "whose row is due is what the claim finds out",
    ("bot.dues", "_CLAIM"): "whose row is due is what the claim finds out",
    ("bot.outbox", "_CLAIMABLE"): "the most important messages, whosever they are",
    ("bot.outbox", "_CLAIMABLE_BESIDES"): "the most important messages, whosever they are",
    ("bot.outbox", "_UNREACHED"): "sweep: what accounts that can only reply could not say",
    ("bot.outbox", "_EXPIRE"): "sweep: what is too late is too late everywhere",
    ("bot.outbox", "_STRAND"): "sweep: what no running desk can send",
    ("bot.outbox", "_SWEEP"): "sweep: what dead senders held",
    ("bot.sessions", "_BY_PHONE"): "which communities somebody works for is what the telephone tells",
    ("bot.sessions", "_OF_LINK"): "which community a link is of is what its token tells",
    ("bot.sessions", "_OF_SESSION"): "which community a visitor is of is what the cookie tells",
    ("bot.store", "_NEXT"): "whose message is next is what the claim finds out",
    ("bot.store", "_CLAIM"): "whose message is next is what the claim finds out",
    ("bot.transcripts", "_NEW_HEARD"): "one look for the waiting pages of all; it learns where, never what",
    ("bot.transcripts", "_NEW_SAID"): "one look for the waiting pages of all; it learns where, never what",
    ("bot.web.live", "_NEWEST_ANYWHERE"): "one look for the waiting pages of all; it learns that, never what",
}


def _statements() -> Iterator[tuple[tuple[str, str], Any]]:
    """Every statement that a module of the desk builds at import."""
    for module in pkgutil.walk_packages(bot.__path__, "bot."):
        if module.name == "bot.__main__" or module.name.startswith("bot.migrations"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            for one in value.values() if isinstance(value, dict) else (value,):
                if isinstance(one, STATEMENTS):
                    yield (module.name, name), one


def test_every_statement_names_its_community() -> None:
    built = list(_statements())
    assert len(built) > 60
    assert {where for where, one in built if loose(one)} == set(CROSS)


T, E, S = table("ticket"), table("ticket_event"), table("staff")
OWN: Callable[[Table], Any] = lambda of: of.c.community_id == bindparam("community_id")  # noqa: E731
TIED = and_(E.c.community_id == T.c.community_id, E.c.ticket_id == T.c.id)


@pytest.mark.parametrize(
    ("statement", "missing"),
    [
        (select(T), ["ticket.community_id"]),
        (select(T).where(T.c.id == 1), ["ticket.community_id"]),
        (select(T).where(OWN(T)), []),
        (select(T).where(T.c.community_id == 7), []),
        (select(T).where(or_(OWN(T), T.c.open)), ["ticket.community_id"]),
        (select(T).where(or_(T.c.open, T.c.public_area), and_(OWN(T), T.c.open)), []),
        (select(T).where(T.c.community_id > 7), ["ticket.community_id"]),
        (select(T).where(~OWN(T)), ["ticket.community_id"]),
        (select(T).where(T.c.community_id == T.c.community_id), ["ticket.community_id"]),
        (select(T, E).join(E, E.c.ticket_id == T.c.id).where(OWN(T)), ["ticket_event.community_id"]),
        (select(T, E).join(E, TIED).where(OWN(T)), []),
        (select(T, E).join(E, TIED), ["ticket.community_id", "ticket_event.community_id"]),
        (select(T, E).where(TIED, OWN(E)), []),
        (select(T).where(OWN(T), exists().where(E.c.ticket_id == T.c.id)), ["ticket_event.community_id"]),
        (select(T).where(OWN(T), ~exists().where(TIED)), []),
        (select(T).where(exists().where(TIED, OWN(T))), ["ticket.community_id"]),
        (select(T).where(T.c.id.in_(select(E.c.ticket_id).where(OWN(E)))), ["ticket.community_id"]),
        (select(T).where(OWN(T), T.c.id.in_(select(E.c.ticket_id))), ["ticket_event.community_id"]),
        (select(select(func.max(T.c.id)).scalar_subquery()), ["ticket.community_id"]),
        (select(select(func.count()).where(OWN(T)).scalar_subquery()), []),
        (select(select(T).subquery()), ["ticket.community_id"]),
        (select(T.alias("other")), ["other.community_id"]),
        (update(T).where(T.c.id == 1).values(open=False), ["ticket.community_id"]),
        (update(T).where(OWN(T)).values(assignee_id=select(S.c.id).scalar_subquery()), ["staff.community_id"]),
        (delete(T), ["ticket.community_id"]),
        (delete(T).where(OWN(T)), []),
        (select(T.c.id).where(OWN(T)).union_all(select(E.c.id)), ["ticket_event.community_id"]),
        (select(table("community")).where(table("community").c.code == "CY"), ["community.id"]),
        (select(table("lease")), []),
    ],
    ids=str,
)  # fmt: skip
def test_the_reader_of_statements_sees_what_is_missing(statement: Select[Any], missing: list[str]) -> None:
    assert list(loose(statement)) == missing
