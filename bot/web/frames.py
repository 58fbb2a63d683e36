"""What every staff page stands in: who asks, the navigation with its counts, the time, the words; and what its address says.

A page that shows a household's data in full says so to `shown`, which writes the disclosure log before the page goes out.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from fastapi import Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection

from bot import boards, disclosures, store, suggestions, switchboard
from bot.boards import Reader
from bot.core import access
from bot.core.domain import Script
from bot.core.types import Community
from bot.turns import Desk
from bot.web import live, views
from bot.web.entry import SEE_OTHER, Entry, Form, Visitor
from bot.web.pages import page, word
from bot.work import NotFound

_FIRST_DAY = date(2000, 1, 1)
#: name, address, capability; in the order of the navigation.
_PLACES: tuple[tuple[str, str, access.Capability], ...] = (
    ("queue", "/desk", "queue"),
    ("talks", "/desk/talks", "talk"),
    ("calls", "/desk/calls", "calls"),
    ("notices", "/desk/notices", "notices"),
    ("file", "/desk/file", "file"),
    ("digest", "/desk/digest", "digest"),
    ("duty", "/desk/duty", "duty"),
    ("people", "/desk/people", "people"),
    ("rooms", "/desk/rooms", "rooms"),
    ("disclosures", "/desk/disclosures", "disclosures"),
    ("shadow", "/desk/shadow", "shadow"),
)
_SAYINGS = frozenset({"done", "note_kept", "acknowledged", "filed", "call_kept", "recognised", "ended", "withdrawn"})


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page of one request needs."""

    visitor: Visitor
    community: Community
    reader: Reader
    now: datetime
    context: Mapping[str, Any]

    @property
    def today(self) -> date:
        """The date where the community is."""
        return self.now.astimezone(self.community.zone).date()

    @property
    def language(self) -> str:
        return self.visitor.language


class Frames:
    """The frame of every staff page of one deployment. `demo` shows the desk clock and the way back to the start page."""

    def __init__(self, desk: Desk, script: Script, entry: Entry, *, demo: bool = False) -> None:
        self._desk = desk
        self._database = desk.database
        self._script = script
        self._entry = entry
        self._demo = demo

    async def of(self, request: Request, capability: access.Capability, here: str) -> Frame:
        """The frame of a page that needs this capability. Raises NotSignedIn, access.Refused."""
        visitor = await self._entry.visitor(request)
        visitor.demand(capability)
        signed = visitor.signed
        reader = views.reader_of(signed)
        now = self._desk.clock.now()

        def read(conn: Connection) -> tuple[Community, dict[str, int], str]:
            counts = boards.counts(conn, reader, now)
            counts["talks"] = 0
            if access.may(visitor.role, "talk"):
                counts["talks"] = switchboard.waiting(conn, signed.community_id)
                counts["talks"] += suggestions.waiting(conn, signed.community_id, now)
            counts["calls"] = boards.calls_open(conn, reader) if access.may(visitor.role, "calls") else 0
            return store.community(conn, reader.community_id), counts, live.version(conn, reader.community_id)

        community, counts, version = await self._database.ask(reader.community_id, read)
        language = visitor.language
        tells = {"queue": counts["overdue"], "talks": counts["talks"], "calls": counts["calls"]}
        context = {
            "me": {
                "id": signed.staff.id, "name": signed.staff.name, "role": visitor.role, "language": language,
                "csrf": signed.csrf, "can": access.capabilities(visitor.role),
            },
            "community": community.name_en if language == "en" and community.name_en else community.name,
            "here": here,
            "nav": [
                {"name": name, "url": url, "label_key": f"nav_{name}", "count": tells.get(name) or None}
                for name, url, needed in _PLACES
                if access.may(visitor.role, needed)
            ],
            "counts": {**counts, "notices": 0},
            "demo": self._demo,
            "clock": views.clock_text(now, community, language),
            "version": version,
            "language": language,
            "once": secrets.token_urlsafe(12),
            "flash": _flash(request, language),
            **views.tools(self._script, community, now, language),
        }  # fmt: skip
        return Frame(visitor, community, reader, now, context)

    def show(self, frame: Frame, template: str, status: int = 200, refused: str = "", **context: Any) -> Response:
        """A page in its frame; with `refused`, the sentence why a form was not carried out."""
        if refused:
            context["flash"] = {"kind": "error", "text": refused}
        return page(f"desk/{template}", status, **{**frame.context, **context})

    async def shown(self, visitor: Visitor, household_ids: Iterable[int | None], what: str) -> None:
        """Write into the disclosure log that this colleague is shown what these households' people would not tell everybody.

        Reading and writing are two transactions, for on SQLite a page is read on a connection that cannot write.
        """
        signed, now, wanted = visitor.signed, self._desk.clock.now(), tuple(household_ids)

        def new(conn: Connection) -> tuple[int | None, ...]:
            return disclosures.unlogged(conn, signed.community_id, signed.staff.id, wanted, what, now)

        if await self._database.ask(signed.community_id, new):
            await self._database.run(
                signed.community_id,
                lambda conn: disclosures.log(conn, signed.community_id, signed.staff.id, wanted, what, now),
            )


def back(where: str, done: str) -> Response:
    """On to the page that shows what was done, with a sentence that says so."""
    return RedirectResponse(f"{where}?said={done}", SEE_OTHER)


def _flash(request: Request, language: str) -> dict[str, str] | None:
    said = request.query_params.get("said", "")
    return {"kind": "ok", "text": word(f"said_{said}", language)} if said in _SAYINGS else None


# ── what an address or a form says ──


def page_number(request: Request) -> int:
    return count(request.query_params.get("page", "")) or 1


def count(said: str) -> int:
    return int(said) if said.isascii() and said.isdigit() and len(said) < 7 else 0


def row_id(said: str) -> int:
    """A row's number out of an address. Raises NotFound: there is no such row."""
    if said.isascii() and said.isdigit() and len(said) < 19:
        return int(said)
    raise NotFound(said)


def once_of(form: Form) -> str:
    """Which showing of the form this is; one without it counts by itself."""
    return form.get("once")[:64] or secrets.token_urlsafe(12)


def words_of(said: str) -> str:
    """What was searched for."""
    return said.replace("\x00", "").strip()[:60]


def day_of(said: str, today: date) -> date:
    """A date out of an address; none that can be read, or one that has not come: today."""
    try:
        return min(max(date.fromisoformat(said), _FIRST_DAY), today)
    except ValueError:
        return today
