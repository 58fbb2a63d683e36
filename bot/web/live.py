"""Open pages that wait for something new: one look at the database for all of them, and only while somebody waits.

A page asks with what it has seen and is answered when there is more. The truth is in the rows, so a page that was away misses
nothing, and a process that did not make the change itself sees it at its next look.
"""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import structlog
from sqlalchemy import Connection, func, select

from bot import transcripts
from bot.database import Database
from bot.tables import table
from bot.transcripts import Cursor

log = structlog.get_logger()

_GROWING = tuple(table(name).c.id for name in ("inbox", "outbox", "ticket_event", "phone_task"))
_NEWEST = select(*(select(func.max(column)).scalar_subquery() for column in _GROWING))
_WIDTH = 12


def version(conn: Connection) -> str:
    """What the staff's pages are compared by: it grows whenever something they show was written."""
    return ".".join(f"{n or 0:0{_WIDTH}d}" for n in conn.execute(_NEWEST).one())


class Watch:
    """Looks every `every` while a page waits; `wake` makes it look now.

    Args:
        database: read from, never written to.
        every: machine time between two looks.
    """

    def __init__(self, database: Database, every: timedelta = timedelta(milliseconds=400)) -> None:
        self._database = database
        self._every = every.total_seconds()
        self._talks: dict[int, set[asyncio.Event]] = {}
        self._pages: set[asyncio.Event] = set()
        self._look = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def closed(self) -> bool:
        """Nothing is waited for any more: the process ends."""
        return self._closed

    def wake(self) -> None:
        """Something was written in this process."""
        self._look.set()

    async def talk(self, conversation_id: int, longest: timedelta) -> None:
        """Until something is written in this conversation, or until `longest` has passed."""
        await self._wait(self._talks.setdefault(conversation_id, set()), longest)
        if not self._talks.get(conversation_id, True):
            del self._talks[conversation_id]

    async def anything(self, longest: timedelta) -> None:
        """Until anything is written, or until `longest` has passed."""
        await self._wait(self._pages, longest)

    async def _wait(self, among: set[asyncio.Event], longest: timedelta) -> None:
        if self._closed:
            return
        event = asyncio.Event()
        among.add(event)
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._watch())
        try:
            async with asyncio.timeout(longest.total_seconds()):
                await event.wait()
        except TimeoutError:
            pass
        finally:
            among.discard(event)

    async def _watch(self) -> None:
        cursor: Cursor | None = None
        newest = ""
        while self._pages or any(self._talks.values()):
            try:
                seen, cursor, now = await self._database.ask(lambda conn, since=cursor: self._read(conn, since))  # type: ignore[misc]
            except Exception:  # the database may be away for a moment; the pages ask again by themselves
                log.warning("live_look_failed")
            else:
                for conversation_id in seen:
                    _ring(self._talks.get(conversation_id, set()))
                if now != newest:
                    newest = now
                    _ring(self._pages)
            self._look.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._look.wait()

    @staticmethod
    def _read(conn: Connection, since: Cursor | None) -> tuple[frozenset[int], Cursor, str]:
        # The first look cannot know what the waiting pages have missed: it only marks where it begins.
        seen, cursor = transcripts.stirred(conn, since) if since else (frozenset[int](), transcripts.newest(conn))
        return seen, cursor, version(conn)

    async def close(self) -> None:
        """Let every page go and stop looking."""
        self._closed = True
        for events in (self._pages, *self._talks.values()):
            _ring(events)
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


def _ring(events: set[asyncio.Event]) -> None:
    for event in events:
        event.set()
