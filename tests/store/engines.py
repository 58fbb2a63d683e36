"""Real engines for the tests: a SQLite file, and a PostgreSQL server started for this test process alone.

Every test gets its own database, copied from one that was migrated once. On PostgreSQL it belongs to an ordinary role,
because row-level security does not bind a superuser: so every test runs under it. Without the server's binaries the PostgreSQL
half is skipped with the reason, or fails when REQUIRE_ALL=1.
"""

from __future__ import annotations

import glob
import itertools
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from bot.database import Database
from bot.migrations import upgrade

_NUMBERS = itertools.count(1)
ROLE = "desk"


@dataclass(frozen=True)
class Server:
    """A running PostgreSQL, reachable through the socket in `folder`."""

    folder: Path

    def url(self, name: str, role: str = ROLE) -> str:
        return f"postgresql+psycopg://{role}@/{name}?host={self.folder}"

    def create(self, name: str, template: str) -> str:
        self.administer(f'CREATE DATABASE "{name}" TEMPLATE "{template}" OWNER {ROLE}')
        return self.url(name)

    def drop(self, name: str) -> None:
        self.administer(f'DROP DATABASE "{name}" WITH (FORCE)')

    def administer(self, statement: str) -> None:
        """As the superuser, whom nothing of the desk ever runs as."""
        admin = create_engine(self.url("postgres", "postgres"), isolation_level="AUTOCOMMIT")
        with admin.connect() as conn:
            conn.execute(text(statement))
        admin.dispose()


def _binaries() -> Path | None:
    found = shutil.which("initdb")
    places = [Path(found).parent] if found else []
    places += [Path(p) for p in sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)]
    return next((p for p in places if (p / "initdb").exists() and (p / "pg_ctl").exists()), None)


def _missing(reason: str) -> None:
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Server]:
    binaries = _binaries()
    if binaries is None:
        _missing("PostgreSQL's initdb and pg_ctl were not found (PATH, /usr/lib/postgresql/*/bin)")
        return
    folder = Path(tempfile.mkdtemp(prefix="desk-pg-"))
    as_user: list[str] = []
    if os.geteuid() == 0:  # initdb refuses root
        if shutil.which("runuser") is None:
            _missing("running as root without runuser: PostgreSQL refuses to start as root")
        shutil.chown(folder, "postgres")
        as_user = ["runuser", "-u", "postgres", "--"]
    folder.chmod(0o755)
    data = folder / "data"

    def run(*command: str) -> None:
        subprocess.run([*as_user, *command], check=True, capture_output=True, cwd=folder)

    run(
        str(binaries / "initdb"),
        "-D",
        str(data),
        "-U",
        "postgres",
        "-A",
        "trust",
        "-N",
        "-E",
        "UTF8",
        "--locale=C",
    )
    # The server itself never crashes in these tests, so it need not wait for the disk.
    options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c max_connections=60"
    run(str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        server = Server(folder)
        server.administer(f"CREATE ROLE {ROLE} LOGIN NOSUPERUSER NOBYPASSRLS")
        upgrade_url(server.create("desk_template", "template0"))
        yield server
    finally:
        run(str(binaries / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def upgrade_url(url: str) -> None:
    database = Database(url)
    upgrade(database.writer)
    database.close()


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "desk.db"
    upgrade_url(f"sqlite:///{path}")
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database; each test runs on both engines."""
    if request.param == "sqlite":
        path = tmp_path / "desk.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    yield from _postgres(request.getfixturevalue("postgres_server"))


@pytest.fixture
def postgres_url(postgres_server: Server) -> Iterator[str]:
    """A fresh PostgreSQL database, for what SQLite does not have: several writers."""
    yield from _postgres(postgres_server)


def _postgres(server: Server) -> Iterator[str]:
    name = f"desk_{next(_NUMBERS)}"
    yield server.create(name, "desk_template")
    server.drop(name)


@pytest.fixture
def database(url: str) -> Iterator[Database]:
    opened = Database(url)
    yield opened
    opened.close()
