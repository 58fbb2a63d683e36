"""The database's shape, brought up to date step by step. Steps only ever move forward; none reads the trade's rules."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine

from bot.database import EVERY, confine


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "bot:migrations")
    return config


def upgrade(engine: Engine) -> None:
    """Bring the database to the newest shape; does nothing when it is there already."""
    config = _config()
    with engine.begin() as connection:
        confine(connection, EVERY)  # a step may have to change rows of any community
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
