"""The notebook of a channel account: small facts its platform makes us keep, in the database, shared by all processes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, select

from bot.clock import Clock
from bot.database import Database, both, insert_into
from bot.tables import table

NOTE = table("channel_note")

Edit = Callable[[Mapping[str, Any] | None], Mapping[str, Any]]

_PLACE = ("community_id", "channel", "account", "page")
_AT = tuple(NOTE.c[name] == bindparam(name) for name in _PLACE)
_READ = select(NOTE.c.content).where(*_AT, NOTE.c.until > bindparam("now"))
_LOCK = select(NOTE.c.content, NOTE.c.until).where(*_AT).with_for_update()
#: The row is made before it is locked, so that two processes that write a page for the first time wait for each other.
_MAKE = both(
    lambda d: (
        insert_into(d, NOTE)
        .values(**{name: bindparam(name) for name in _PLACE}, content={}, until=bindparam("until"))
        .on_conflict_do_nothing()
    )
)
_WRITE = (
    NOTE.update()
    .where(
        NOTE.c.community_id == bindparam("of_community"),
        NOTE.c.channel == bindparam("of_channel"),
        NOTE.c.account == bindparam("of_account"),
        NOTE.c.page == bindparam("of_page"),
    )
    .values(content=bindparam("new_content"), until=bindparam("new_until"))
)


@dataclass(frozen=True, slots=True)
class Notes:
    """The `channels.Notebook` of one account. `clock` is the machine clock."""

    database: Database
    community_id: int
    channel: str
    account: str
    clock: Clock

    def _place(self, page: str) -> dict[str, Any]:
        return {"community_id": self.community_id, "channel": self.channel, "account": self.account, "page": page}

    async def read(self, page: str) -> Mapping[str, Any] | None:
        """The page as it stands, unless its time has passed."""
        values = {**self._place(page), "now": self.clock.now()}
        found = await self.database.ask(self.community_id, lambda conn: conn.execute(_READ, values).one_or_none())
        return None if found is None else dict(found.content)

    async def change(self, page: str, edit: Edit, keep: timedelta) -> Mapping[str, Any]:
        """Replace the page by what `edit` makes of it, under its lock, and return that."""
        now, place = self.clock.now(), self._place(page)

        def write(conn: Connection) -> Mapping[str, Any]:
            # Made with a time that has passed: until it is written it reads as not there.
            conn.execute(_MAKE[conn.dialect.name], {**place, "until": now})
            row = conn.execute(_LOCK, place).one()
            content = dict(edit(dict(row.content) if row.until > now else None))
            conn.execute(
                _WRITE,
                {
                    **{f"of_{name.removesuffix('_id')}": value for name, value in place.items()},
                    "new_content": content,
                    "new_until": now + keep,
                },
            )
            return content

        return await self.database.run(self.community_id, write)
