"""What is remembered of each card: whom it was sent to, what it shows, and the codes that allow to change it.

A code comes with the card's sending, and one with every press; each works once, within 72 hours
(developer.work.weixin.qq.com/document/path/94888). So a card can be changed after a colleague took the job, too, though its own
buttons were never pressed. A code is taken out of the book before it is used: two processes never use the same one.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.channels import Message, Notebook, token_of
from bot.channels.wecom.cards import Face

#: How long a code works, less the time a call may take.
_GOOD_FOR = timedelta(hours=72) - timedelta(minutes=1)
_KEEP = timedelta(hours=80)
_SERIES = "series"
_FOR_EVER = timedelta(days=36500)


@dataclass(frozen=True, slots=True)
class Offer:
    """Whether a card may have gone out before. `sent_as` is its id on the platform when it certainly has."""

    doubt: bool
    sent_as: str | None


@dataclass(frozen=True, slots=True)
class Taken:
    """A code out of the book, and what is needed to use it."""

    code: str
    until: str
    to: str
    face: Face
    keys: tuple[str, ...]
    pressed: str


@dataclass(slots=True)
class _Page:
    """The page of one card, as JSON keeps it. `codes` are (code, good until), the newest last; `spent` those used up."""

    to: str
    title: str = ""
    text: str = ""
    labels: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    pressed: str = ""
    codes: list[list[str]] = field(default_factory=list)
    spent: list[str] = field(default_factory=list)
    doubt: bool = False
    sent_as: str | None = None

    def json(self) -> Mapping[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


class CardBook:
    """The cards of one account."""

    def __init__(self, notebook: Notebook, now: Callable[[], datetime]) -> None:
        self._notebook = notebook
        self._now = now
        self._series = ""

    async def series(self) -> str:
        """A word that tells this database's cards from those of an earlier one, whose message ids began at 1 as well."""
        if not self._series:
            fresh = {"word": secrets.token_hex(4)}
            page = await self._notebook.change(_SERIES, lambda kept: kept or fresh, _FOR_EVER)
            self._series = str(page["word"])
        return self._series

    async def offer(self, message: Message, to: str, face: Face) -> Offer:
        """Write down that the card goes out now: until `sent` or `withdraw` it may have arrived."""
        before: list[Offer] = []

        def edit(kept: Mapping[str, Any] | None) -> Mapping[str, Any]:
            page = _Page(**kept) if kept else _Page(to, face.title, face.text, list(face.labels))
            before[:] = [Offer(page.doubt, page.sent_as)]
            page.keys = [token_of(message, position) for position in range(len(face.labels))]
            page.doubt = page.sent_as is None
            return page.json()

        await self._change(message.id, edit)
        return before[0]

    async def sent(self, message_id: int, external_id: str, code: str) -> None:
        """The platform took the card, and gave a code to change it with."""

        def edit(page: _Page) -> None:
            page.doubt, page.sent_as = False, external_id
            self._add(page, code)

        await self._edit(message_id, edit)

    async def withdraw(self, message_id: int) -> None:
        """The card certainly did not go out."""

        def edit(page: _Page) -> None:
            page.doubt = False

        await self._edit(message_id, edit)

    async def pressed(self, message_id: int, by: str, key: str, code: str) -> None:
        """A button was pressed; that gave a further code. A press delivered twice changes nothing."""

        def edit(kept: Mapping[str, Any] | None) -> Mapping[str, Any]:
            page = _Page(**kept) if kept else _Page(by)
            page.sent_as = page.sent_as or ""  # a card that was pressed has arrived
            if key in page.keys:
                page.pressed = page.labels[page.keys.index(key)]
            self._add(page, code)
            return page.json()

        await self._change(message_id, edit)

    async def take(self, message_id: int) -> Taken | None:
        """The newest code that still works, out of the book. None: there is none."""
        taken: list[Taken] = []

        def edit(page: _Page) -> None:
            now = self._now().isoformat()
            page.codes = [entry for entry in page.codes if entry[1] > now]
            if page.codes:
                code, until = page.codes.pop()
                page.spent = [*page.spent, code][-8:]
                face = Face(page.title, page.text, tuple(page.labels))
                taken[:] = [Taken(code, until, page.to, face, tuple(page.keys), page.pressed)]

        await self._edit(message_id, edit)
        return taken[0] if taken else None

    async def give_back(self, message_id: int, taken: Taken) -> None:
        """The code was certainly not used."""

        def edit(page: _Page) -> None:
            page.spent = [code for code in page.spent if code != taken.code]
            page.codes.append([taken.code, taken.until])

        await self._edit(message_id, edit)

    def _add(self, page: _Page, code: str) -> None:
        known = {entry[0] for entry in page.codes}
        if code and code not in known and code not in page.spent:
            until = (self._now() + _GOOD_FOR).isoformat()
            page.codes = [*page.codes, [code, until]][-4:]

    async def _edit(self, message_id: int, edit: Callable[[_Page], None]) -> None:
        """Change a page that is there."""

        def through(kept: Mapping[str, Any] | None) -> Mapping[str, Any]:
            if kept is None:
                raise _NoPage
            page = _Page(**kept)
            edit(page)
            return page.json()

        try:
            await self._change(message_id, through)
        except _NoPage:
            return

    async def _change(
        self, message_id: int, edit: Callable[[Mapping[str, Any] | None], Mapping[str, Any]]
    ) -> None:
        await self._notebook.change(f"card:{message_id}", edit, _KEEP)


class _NoPage(Exception):
    """There is no page, and none is to be made."""
