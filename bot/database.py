"""The engines: how a whole transaction is run, on SQLite or on PostgreSQL, and the one place where the two differ.

A transaction is a plain function of a connection. It runs from begin to commit in one thread hop, so that no other
task can slip in between two of its statements; it must not await, send, or read a clock. Nobody else calls commit.

SQLite (embedded, one process): WAL, synchronous=FULL, foreign keys on; one writing connection on one thread that begins
IMMEDIATE (a read that later writes would otherwise fail at once in WAL), and read-only connections beside it.
PostgreSQL: READ COMMITTED; what a turn decides on is locked by the turn. A deadlock victim is run again.

Every transaction says within which community it works. Its statements say so too, one by one: that is the first lock, on
both engines. On PostgreSQL the database says it again, and that is the second: a policy on every table of a community (row-level
security, docs/postgresql.md) shows and takes only the rows of the community the transaction was begun for.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO, Any, Final, Literal, TypeAlias, TypeVar

from sqlalchemy import Connection, Engine, Table, create_engine, event, make_url, text
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import DBAPIError

T = TypeVar("T")

#: Where a transaction works: in one community, by its id, or in all of them.
Within: TypeAlias = int | Literal["every community"]
#: For what has no community yet (a claim, a token, a code being looked up) or is of the deployment (sweeps, the clock,
#: imports, migrations). Everything else names its community.
EVERY: Final = "every community"

_CONFINE = text("SELECT set_config('desk.community', :within, true)")
_PASSES = text("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")

#: SQLSTATEs after which PostgreSQL asks to run the same transaction again: serialization failure, deadlock.
AGAIN = frozenset({"40001", "40P01"})
TRIES = 5


def _no_crash(name: str) -> None:
    """Called at every named point between two steps; the crash tests put a killer in its place."""


#: The hook of the crash tests. Production never sets it.
crash_hook: Callable[[str], None] = _no_crash


def crash_point(name: str) -> None:
    """Marks a place at which the process may die without loss. See CRASH_POINTS in the tests."""
    crash_hook(name)


class AlreadyServing(Exception):
    """Another process serves this SQLite file."""


def insert_into(dialect: str, target: Table) -> Any:
    """INSERT that knows ON CONFLICT: the same clauses, two dialects' classes."""
    return {"sqlite": sqlite.insert, "postgresql": postgresql.insert}[dialect](target)


def both(build: Callable[[str], T]) -> dict[str, T]:
    """A statement built once per dialect, at import."""
    return {dialect: build(dialect) for dialect in ("sqlite", "postgresql")}


def confine(conn: Connection, within: Within) -> None:
    """Until this transaction ends, PostgreSQL shows and takes the rows of this community alone. SQLite has no such thing."""
    if conn.dialect.name == "postgresql":
        conn.execute(_CONFINE, {"within": "*" if within == EVERY else str(int(within))})


class Database:
    """The writing and the reading engine of one database.

    Args:
        url: `sqlite:///path` or `postgresql+psycopg://…`.
        workers: how many transactions may run at once on PostgreSQL; SQLite has one writer.
    """

    def __init__(self, url: str, *, workers: int = 4) -> None:
        self.url = make_url(url)
        self.dialect = self.url.get_backend_name()
        options: dict[str, Any] = {
            "hide_parameters": True,  # an error's text must not carry what residents wrote
            "json_serializer": lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":")),
        }
        if self.dialect == "sqlite":
            workers = 1
            options["connect_args"] = {"timeout": 10, "check_same_thread": False}
            self.writer = create_engine(self.url, pool_size=1, max_overflow=0, **options)
            self.reader = create_engine(self.url, pool_size=4, **options)
            _set_up_sqlite(self.writer, "BEGIN IMMEDIATE", read_only=False)
            _set_up_sqlite(self.reader, "BEGIN DEFERRED", read_only=True)
        else:
            self.writer = create_engine(
                self.url, pool_size=workers, max_overflow=2, pool_pre_ping=False, **options
            )
            self.reader = self.writer
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="desk-db")
        self._read_threads = ThreadPoolExecutor(2, thread_name_prefix="desk-db-read")

    def write(self, within: Within, transaction: Callable[[Connection], T]) -> T:
        """Run one transaction here and now. It is run again if PostgreSQL made it the victim of a deadlock."""
        for attempt in range(1, TRIES + 1):
            try:
                with _begun(self.writer, within) as conn:
                    return transaction(conn)
            except DBAPIError as error:
                if attempt == TRIES or getattr(error.orig, "sqlstate", None) not in AGAIN:
                    raise
        raise AssertionError("unreachable")

    def read(self, within: Within, query: Callable[[Connection], T]) -> T:
        """Run a query that changes nothing (on SQLite it cannot)."""
        with _begun(self.reader, within) as conn:
            return query(conn)

    async def run(self, within: Within, transaction: Callable[[Connection], T]) -> T:
        """One whole transaction per thread hop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self.write, within, transaction)

    async def hop(self, call: Callable[[], T]) -> T:
        """Run a use case, which runs its own transactions, in one thread hop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    async def ask(self, within: Within, query: Callable[[Connection], T]) -> T:
        """`read`, off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._read_threads, self.read, within, query)

    def unguarded(self) -> str | None:
        """Why the second lock does not hold here, and the way out, as a sentence for the operator; None: it holds, or SQLite."""
        if self.dialect != "postgresql" or not self.read(EVERY, lambda conn: conn.scalar(_PASSES)):
            return None
        return (
            f"The database role {self.url.username or 'of DESK_DB'} is a superuser or has BYPASSRLS, so PostgreSQL does not keep "
            "communities apart for it: the desk's own queries alone do. Create an ordinary role that owns the database, "
            "CREATE ROLE desk LOGIN NOSUPERUSER NOBYPASSRLS, and name it in DESK_DB (docs/postgresql.md)."
        )

    def hold_alone(self) -> IO[str] | None:
        """On SQLite, hold the file for this process until it ends; keep what is returned.

        Raises AlreadyServing when another process holds it. PostgreSQL needs no such thing: None.
        """
        if self.dialect != "sqlite" or not self.url.database:
            return None
        held = open(f"{self.url.database}.lock", "w", encoding="ascii")  # noqa: SIM115 - held for life
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            held.close()
            raise AlreadyServing(
                f"another process already serves {os.path.basename(self.url.database)}; SQLite is for one process. "
                "Stop the other one, or use PostgreSQL for several."
            ) from None
        return held

    def close(self) -> None:
        """Wait for what runs, then close every connection."""
        self._threads.shutdown()
        self._read_threads.shutdown()
        self.writer.dispose()
        self.reader.dispose()


@contextmanager
def _begun(engine: Engine, within: Within) -> Iterator[Connection]:
    with engine.begin() as conn:
        confine(conn, within)
        yield conn


def _set_up_sqlite(engine: Engine, begin: str, *, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def connect(connection: Any, _: Any) -> None:
        connection.isolation_level = (
            None  # the driver's own BEGIN is deferred; ours comes with the begin event
        )
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=10000", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin_transaction(conn: Connection) -> None:
        conn.exec_driver_sql(begin)
