from __future__ import annotations

import gc
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from bot import register_import
from bot.database import Database
from bot.settings import ROOT
from tests.store.engines import Server, postgres_server
from tests.store.statements import every_statement_is_held
from tests.web.site import MORNING, Site, estate, open_site, running

__all__ = ["every_statement_is_held", "postgres_server"]


@pytest.fixture(scope="session")
def sqlite_estate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return estate(tmp_path_factory.mktemp("estate"))


@pytest.fixture(scope="session")
def postgres_estate(postgres_server: Server) -> Server:
    """The server, with the demo estate in the database `estate` to copy from."""
    database = Database(postgres_server.create("estate", "desk_template"))
    assert not register_import.import_registers(database, ROOT / "data" / "demo", MORNING).problems
    database.close()
    return postgres_server


@pytest.fixture
def estate_database(sqlite_estate: Path, tmp_path: Path) -> Iterator[Database]:
    """A database of this test alone, with the demo estate."""
    path = tmp_path / "desk.db"
    shutil.copyfile(sqlite_estate, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()


@pytest.fixture
async def site(estate_database: Database, tmp_path: Path) -> AsyncIterator[Site]:
    async with running(open_site(estate_database, tmp_path)) as opened:
        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
async def site_on_both(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Site]:
    """The site on each engine, where it is the database that must keep the promise."""
    if request.param == "sqlite":
        database, server, name = request.getfixturevalue("estate_database"), None, ""
    else:
        server, name = request.getfixturevalue("postgres_estate"), f"site_{tmp_path.name}"[:60]
        database = Database(server.create(name, "estate"))
    async with running(open_site(database, tmp_path)) as opened:
        yield opened
    if server is not None:
        database.close()
        server.drop(name)


@pytest.fixture
async def postgres_site(postgres_estate: Server, tmp_path: Path) -> AsyncIterator[Site]:
    """The site on PostgreSQL alone, for what SQLite does not mind."""
    name = f"pages_{tmp_path.name}"[:60]
    database = Database(postgres_estate.create(name, "estate"))
    async with running(open_site(database, tmp_path)) as opened:
        yield opened
    database.close()
    postgres_estate.drop(name)


@pytest.fixture
def collected() -> Iterator[None]:
    """What a test left open is let go before the next one begins."""
    yield
    gc.collect()
