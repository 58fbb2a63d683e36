"""The two clocks. The machine clock rules leases, backoff and tokens; the desk clock rules what the trade calls time.

The desk clock is the machine clock plus an offset that stands in the table `clock`, so that a demonstration or a
simulation may move it and every process agrees. It only moves forward. Nothing else may ask the system for the time.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from sqlalchemy import Connection, bindparam, select

from bot.database import EVERY, Database, both, insert_into
from bot.tables import table

_CLOCK = table("clock")
_READ = select(_CLOCK.c.offset_seconds).where(_CLOCK.c.id == 1)


def _keep(dialect: str) -> Any:
    statement = insert_into(dialect, _CLOCK).values(id=1, offset_seconds=bindparam("offset_seconds"))
    return statement.on_conflict_do_update(
        index_elements=["id"], set_={"offset_seconds": statement.excluded.offset_seconds}
    )


_KEEP = both(_keep)


class Clock(Protocol):
    """Answers with an aware UTC instant."""

    def now(self) -> datetime: ...


class MachineClock:
    """The clock of the machine."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class DeskClock:
    """The machine clock plus the offset of the deployment. `load` reads it once; `move_to` moves and keeps it."""

    def __init__(self, machine: Clock, offset: timedelta = timedelta(0)) -> None:
        self._machine = machine
        self._offset = offset

    def now(self) -> datetime:
        return self._machine.now() + self._offset

    def load(self, database: Database) -> None:
        """Read the offset another process or an earlier run left."""
        self._offset = timedelta(seconds=database.read(EVERY, lambda c: c.scalar(_READ)) or 0.0)

    def move_to(self, conn: Connection, instant: datetime) -> Callable[[], None]:
        """Write the move in this transaction; the returned callable makes it true here, after the commit.

        Raises ValueError when the instant lies behind the desk clock: what was promised cannot be unpromised.
        """
        offset = instant - self._machine.now()
        if offset < self._offset - timedelta(microseconds=1):
            raise ValueError(
                f"the desk clock only moves forward; it is already past {instant:%Y-%m-%d %H:%M:%S} UTC"
            )
        conn.execute(_KEEP[conn.dialect.name], {"offset_seconds": offset.total_seconds()})

        def moved() -> None:
            self._offset = max(self._offset, offset)

        return moved
