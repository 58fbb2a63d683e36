from __future__ import annotations

import base64
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from bot.database import Database
from tests.store.engines import database, postgres_server, postgres_url, sqlite_template, url

__all__ = ["database", "postgres_server", "postgres_url", "sqlite_template", "url"]


@pytest.fixture(autouse=True)
def replayable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Links and codes come from a seed: people send them, and what is read into them decides how a run goes on."""
    rng = Random(1)
    monkeypatch.setattr(secrets, "choice", rng.choice)
    monkeypatch.setattr(secrets, "token_hex", lambda size=32: rng.randbytes(size).hex())
    monkeypatch.setattr(
        secrets, "token_urlsafe", lambda size=32: base64.urlsafe_b64encode(rng.randbytes(size)).rstrip(b"=").decode()
    )


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """For what is shown of the tests themselves: one engine is enough."""
    path = tmp_path / "desk.db"
    shutil.copy(sqlite_template, path)
    opened = Database(f"sqlite:///{path}")
    yield opened
    opened.close()
