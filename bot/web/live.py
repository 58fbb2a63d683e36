"""Open pages that wait for something new: one look at the database for all of them, and only while somebody waits.

A page asks with what it has seen and is answered when there is more. The truth is in the rows, so a page that was away misses
nothing, and a process that did not make the change itself sees it at its next look.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import timedelta
from typing import Any, TypeAlias

import structlog
from sqlalchemy import Connection, Select, Table, bindparam, func, select, text, true
from sqlalchemy.sql import ColumnElement

from bot import transcripts
from bot.database import EVERY, Database
from bot.tables import table
from bot.transcripts import Cursor

log = structlog.get_logger()

_PHONE, _MEDIA, _SUGGESTION = table("phone_task"), table("media"), table("suggestion")


_Own: TypeAlias = Callable[[Table], ColumnElement[bool]]


def _last(of: Table, own: _Own) -> ColumnElement[int]:
    return select(func.max(of.c.id)).where(own(of)).scalar_subquery()


def _settled(of: Table, waiting: str, own: _Own) -> ColumnElement[int]:
    """Grows by one when a row is settled: the rows there are less those that wait (which have an index of their own)."""
    still = select(func.count()).select_from(of).where(own(of), text(waiting)).scalar_subquery()
    return func.coalesce(_last(of, own), 0) - still


def _newest(own: _Own) -> Select[Any]:
    columns: list[Any] = [_last(table(name), own) for name in ("inbox", "outbox", "ticket_event", "phone_task", "suggestion")]
    columns += [_settled(_PHONE, "phone_task.status = 'open'", own), _settled(_MEDIA, "media.status = 'pending'", own)]
    columns.append(_settled(_SUGGESTION, "suggestion.judged_at IS NULL", own))
    return select(*columns)


_NEWEST = _newest(lambda of: of.c.community_id == bindparam("of_community"))
_NEWEST_ANYWHERE = _newest(lambda of: true())
_WIDTH = 12


def version(conn: Connection, community_id: int) -> str:
    """What the staff's pages of a community are compared by: it grows whenever something they show was written."""
    return _joined(conn.execute(_NEWEST, {"of_community": community_id}).one())


def _joined(numbers: Iterable[int | None]) -> str:
    return ".".join(f"{n or 0:0{_WIDTH}d}" for n in numbers)


class News:
    """What one page listens for. Rung once, it stays rung until it is waited for again."""

    def __init__(self, closed: bool = False) -> None:
        self._event = asyncio.Event()
        self._closed = closed

    def ring(self) -> None:
        self._event.set()

    def close(self) -> None:
        """Nothing more will come."""
        self._closed = True
        self._event.set()

    async def wait(self, longest: timedelta) -> None:
        """Until it is rung, or until `longest` has passed."""
        if self._closed:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest.total_seconds()):
                await self._event.wait()
        self._event.clear()


class Watch:
    """Looks every `every` while a page waits; `wake` makes it look now.

    Args:
        database: read from, never written to.
        every: machine time between two looks.
    """

    def __init__(self, database: Database, every: timedelta = timedelta(milliseconds=400)) -> None:
        self._database = database
        self._every = every.total_seconds()
        self._talks: dict[int, set[News]] = {}
        self._pages: set[News] = set()
        self._look = asyncio.Event()
        self._begun = asyncio.Event()
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
        async with self.listening(conversation_id) as news:
            await news.wait(longest)

    async def anything(self, longest: timedelta) -> None:
        """Until anything is written, or until `longest` has passed."""
        async with self.listening() as news:
            await news.wait(longest)

    @contextlib.asynccontextmanager
    async def listening(self, conversation_id: int | None = None) -> AsyncIterator[News]:
        """Listen first, then look: what is written between the two is not missed.

        Of one conversation, or of everything (None).
        """
        news = News(self._closed)
        among = self._pages if conversation_id is None else self._talks.setdefault(conversation_id, set())
        among.add(news)
        try:
            if not self._closed:
                if self._task is None or self._task.done():
                    self._begun = asyncio.Event()
                    self._task = asyncio.create_task(self._watch(self._begun))
                await self._begun.wait()
            yield news
        finally:
            among.discard(news)
            if conversation_id is not None and not among and self._talks.get(conversation_id) is among:
                del self._talks[conversation_id]

    async def _watch(self, begun: asyncio.Event) -> None:
        cursor: Cursor | None = None
        newest: str | None = None
        while self._pages or any(self._talks.values()):
            try:
                # One look for the waiting pages of all communities: it learns that something was written, never what.
                seen, cursor, now = await self._database.ask(EVERY, lambda conn, since=cursor: self._read(conn, since))  # type: ignore[misc]
            except Exception:  # the database may be away for a moment; the pages ask again by themselves
                log.warning("live_look_failed")
            else:
                for conversation_id in seen:
                    _ring(self._talks.get(conversation_id, set()))
                if now != newest:
                    if newest is not None:
                        _ring(self._pages)
                    newest = now
            begun.set()
            self._look.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._every):
                    await self._look.wait()

    @staticmethod
    def _read(conn: Connection, since: Cursor | None) -> tuple[frozenset[int], Cursor, str]:
        # The first look cannot know what the waiting pages have missed: it only marks where it begins.
        seen, cursor = transcripts.stirred(conn, since) if since else (frozenset[int](), transcripts.newest(conn))
        return seen, cursor, _joined(conn.execute(_NEWEST_ANYWHERE).one())

    async def close(self) -> None:
        """Let every page go and stop looking."""
        self._closed = True
        self._begun.set()
        for waiting in (self._pages, *self._talks.values()):
            for news in waiting:
                news.close()
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task


def _ring(waiting: set[News]) -> None:
    for news in waiting:
        news.ring()
