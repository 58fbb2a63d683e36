"""Reads statements: whether each table of a community in them is held to one.

A table is held when the WHERE or JOIN beside it says `community_id = <a value>`, or ties its community_id to a table that is
held. A condition that only sometimes applies (inside OR or NOT) holds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import (
    Alias,
    BindParameter,
    ColumnElement,
    CompoundSelect,
    Connection,
    Delete,
    Engine,
    FromClause,
    Join,
    Select,
    Table,
    Update,
    event,
)
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import BinaryExpression, BooleanClauseList, Grouping

from bot import database
from bot.database import EVERY, Within

Statement = Select[Any] | Update | Delete | CompoundSelect[Any]
STATEMENTS = (Select, Update, Delete, CompoundSelect)


def _key(of: FromClause) -> Any:
    """The column that says whose the row is; None: the table is of the deployment, or no table at all."""
    table = of.element if isinstance(of, Alias) else of
    if not isinstance(table, Table):
        return None
    return of.c.id if table.name == "community" else of.c.get("community_id")


def _all_of(condition: ColumnElement[Any] | None) -> Iterator[ColumnElement[Any]]:
    """What must hold, each part by itself."""
    if isinstance(condition, Grouping):
        yield from _all_of(condition.element)
    elif isinstance(condition, BooleanClauseList) and condition.operator is operators.and_:
        for part in condition.clauses:
            yield from _all_of(part)
    elif condition is not None:
        yield condition


def _sources(of: FromClause) -> Iterator[tuple[FromClause, ColumnElement[Any] | None]]:
    if isinstance(of, Join):
        yield from _sources(of.left)
        yield from _sources(of.right)
        yield of, of.onclause
    else:
        yield of, None


def _loose(statement: Any, around: tuple[FromClause, ...], held_around: frozenset[Any]) -> Iterator[str]:
    """The tables of this level and of every one beneath that are held to no community."""
    froms = statement.get_final_froms() if isinstance(statement, Select) else [statement.table]
    sources = [pair for one in froms for pair in _sources(one)]
    if len(froms) > 1:  # as SQLAlchemy does it: what the query around has already is that one
        sources = [(one, on) for one, on in sources if one not in around]
    conditions = [*_all_of(statement.whereclause), *(part for _, on in sources for part in _all_of(on))]
    mine = {one: key for one, _ in sources if (key := _key(one)) is not None}
    held = set(held_around)
    ties: list[tuple[Any, Any]] = []
    for part in conditions:
        if isinstance(part, BinaryExpression) and part.operator is operators.eq:
            for one, other in ((part.left, part.right), (part.right, part.left)):
                if isinstance(other, BindParameter):
                    held.add(one)
                ties.append((one, other))
    while fresh := {one for one, other in ties if other in held} - held:
        held |= fresh
    yield from (str(key) for key in mine.values() if key not in held)
    inside = frozenset(held_around | {key for key in mine.values() if key in held})
    seen = (*around, *(one for one, _ in sources))
    for child in statement.get_children():
        yield from _beneath(child, seen, inside)


def _beneath(element: Any, around: tuple[FromClause, ...], held: frozenset[Any]) -> Iterator[str]:
    if isinstance(element, (Select, Update, Delete)):
        yield from _loose(element, around, held)
    elif not isinstance(element, Table):
        for child in element.get_children():
            yield from _beneath(child, around, held)


def loose(statement: Statement) -> tuple[str, ...]:
    """The key columns of the tables in this statement that nothing holds to one community."""
    return tuple(sorted(set(_beneath(statement, (), frozenset()))))


@pytest.fixture(autouse=True)
def every_statement_is_held(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a transaction of one community runs in any test names that community, table by table.

    On PostgreSQL a policy would hold it all the same; on SQLite there is no second lock.
    """
    begun = database._begun
    within: dict[Connection, Within] = {}
    wrong: set[str] = set()

    @contextmanager
    def noted(engine: Engine, where: Within) -> Iterator[Connection]:
        with begun(engine, where) as conn:
            within[conn] = where
            try:
                yield conn
            finally:
                del within[conn]

    def look(conn: Connection, statement: Any, *_: Any) -> None:
        if within.get(conn, EVERY) != EVERY and isinstance(statement, STATEMENTS):
            wrong.update(f"{column} in: {statement}" for column in loose(statement))

    monkeypatch.setattr(database, "_begun", noted)
    event.listen(Engine, "before_execute", look)
    yield
    event.remove(Engine, "before_execute", look)
    assert not wrong, "held to no community: " + "\n".join(sorted(wrong))
