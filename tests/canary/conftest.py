from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.database import Database
from tests.store.engines import database, postgres_server, postgres_url, sqlite_template, url

__all__ = ["database", "postgres_server", "postgres_url", "sqlite_template", "url"]


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """For what is shown of the tests themselves: one engine is enough."""
    path = tmp_path / "desk.db"
    shutil.copy(sqlite_template, path)
    opened = Database(f"sqlite:///{path}")
    yield opened
    opened.close()
