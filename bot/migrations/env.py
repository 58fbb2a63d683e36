"""Alembic's entry: on the connection `upgrade` passes in, or on the URL of alembic.ini (or DESK_DATABASE_URL)."""

from __future__ import annotations

import os
from typing import Any, Literal

from alembic import context
from sqlalchemy import Connection, create_engine
from sqlmodel.sql.sqltypes import AutoString

from bot.database import EVERY, confine
from bot.tables import BIG, METADATA, Instant


def plain(kind: str, item: Any, _: Any) -> str | Literal[False]:
    """Our own types by their short names, so that a migration reads without SQLModel."""
    if kind == "type" and isinstance(item, AutoString):
        return "sa.String()"
    if kind == "type" and isinstance(item, Instant):
        return "Instant()"
    if kind == "type" and item is BIG:
        return "BIG"
    return False


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        render_item=plain,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    url = os.environ.get("DESK_DATABASE_URL") or context.config.get_main_option("sqlalchemy.url") or ""
    with create_engine(url).begin() as opened:
        confine(opened, EVERY)
        run(opened)
