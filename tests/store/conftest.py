from __future__ import annotations

import pytest

from bot.database import Database
from tests.store.engines import database, postgres_server, postgres_url, sqlite_template, url
from tests.store.office import Office, open_office
from tests.store.statements import every_statement_is_held

__all__ = ["database", "every_statement_is_held", "postgres_server", "postgres_url", "sqlite_template", "url"]


@pytest.fixture
def front_desk(database: Database) -> Office:
    return open_office(database)
