"""Alembic's entry: on the connection `upgrade` passes in, or on the URL of alembic.ini (or DESK_DATABASE_URL)."""

from __future__ import annotations

import os

from alembic import context
from sqlalchemy import Connection, create_engine

from bot.tables import METADATA


def run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=METADATA,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    url = os.environ.get("DESK_DATABASE_URL") or context.config.get_main_option("sqlalchemy.url") or ""
    with create_engine(url).begin() as opened:
        run(opened)
