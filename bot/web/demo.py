"""The start page of the demonstration: whom to be, one click each, and a hand on the desk clock.

Only `bot demo` mounts it. It signs anybody in as anybody, which is why no other command does, and why it refuses to be built
for an address that others can reach.
"""

from __future__ import annotations

import ipaddress
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import RedirectResponse
from sqlalchemy import Connection, insert, select

from bot import rota, sessions, store
from bot.channels.webchat import NAME
from bot.core.types import Community
from bot.tables import table
from bot.turns import BESIDES_TURNS, Desk
from bot.web import views
from bot.web.chat import address_of
from bot.web.entry import SEE_OTHER, Entry, same_origin, small_form
from bot.web.pages import page, word
from bot.workers import Workers

RESIDENT, ROOM, MEMBERSHIP, HOUSEHOLD = table("resident"), table("room"), table("membership"), table("household")
DUE, TICKET, CONVERSATION = table("due"), table("ticket"), table("conversation")

ROLES = ("technician", "supervisor", "steward", "cashier")
_HOME = "4栋1单元703"
_MOVES = {"1h": timedelta(hours=1), "1d": timedelta(days=1)}
_MOST_TOLD = 12


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address. Raises ValueError for a name that is no address."""
    return host == "localhost" or ipaddress.ip_address(host).is_loopback


@dataclass(slots=True)
class Happened:
    """One thing the last move of the clock brought about."""

    at: datetime
    kind: str
    number: str


class DemoPage:
    """The page, for one community.

    Args:
        host: the address the web server listens on; only a loopback address is taken.
    """

    def __init__(self, desk: Desk, workers: Workers, entry: Entry, community_id: int, code: str, host: str) -> None:
        if not is_loopback(host):
            raise ValueError(f"the demo signs anybody in, so it serves on 127.0.0.1 alone, not on {host}")
        self._desk = desk
        self._workers = workers
        self._database = desk.database
        self._entry = entry
        self._community_id = community_id
        self._code = code
        self._lately: list[Happened] = []

    def router(self) -> APIRouter:
        router = APIRouter()
        router.add_api_route("/", self.start, methods=["GET"], response_model=None)
        router.add_api_route("/demo/be/{who}", self.be, methods=["POST"], response_model=None)
        router.add_api_route("/demo/clock", self.move, methods=["POST"], response_model=None)
        return router

    async def start(self, request: Request) -> Response:
        language = "en" if request.query_params.get("lang") == "en" else "zh"
        now = self._desk.clock.now()

        def read(conn: Connection) -> tuple[Community, dict[str, Any], Any]:
            community = store.community(conn, self._community_id)
            people = {role: {"name": rota.audience(conn, community, now, role)[0].name} for role in ROLES}
            people["resident"] = self._resident(conn)
            return community, people, self._next(conn)

        community, people, upcoming = await self._database.ask(self._community_id, read)

        def shown(at: datetime) -> str:
            return views.clock_text(at, community, language)

        return page(
            "demo/start.html",
            language=language,
            people=people,
            clock=shown(now),
            next_due={"at": shown(upcoming.at), "what": _what(upcoming.kind, language)} if upcoming else None,
            lately=[
                {"at": shown(h.at), "text": " ".join(filter(None, (h.number, _what(h.kind, language))))}
                for h in self._lately
            ],
        )

    def _resident(self, conn: Connection) -> dict[str, Any]:
        row = conn.execute(
            select(RESIDENT.c.id, RESIDENT.c.name, ROOM.c.label)
            .join(MEMBERSHIP, (MEMBERSHIP.c.community_id == RESIDENT.c.community_id) & (MEMBERSHIP.c.resident_id == RESIDENT.c.id))
            .join(HOUSEHOLD, (HOUSEHOLD.c.community_id == MEMBERSHIP.c.community_id) & (HOUSEHOLD.c.id == MEMBERSHIP.c.household_id))
            .join(ROOM, (ROOM.c.community_id == HOUSEHOLD.c.community_id) & (ROOM.c.id == HOUSEHOLD.c.room_id))
            .where(RESIDENT.c.community_id == self._community_id)
            .order_by((ROOM.c.label == _HOME).desc(), RESIDENT.c.id)
            .limit(1)
        ).one()
        return {"id": row.id, "name": row.name, "room": row.label}

    def _next(self, conn: Connection) -> Any:
        return conn.execute(
            select(DUE.c.at, DUE.c.kind)
            .where(DUE.c.community_id == self._community_id, DUE.c.status == "pending", DUE.c.subject_type.not_in(BESIDES_TURNS))
            .order_by(DUE.c.at, DUE.c.id)
            .limit(1)
        ).one_or_none()

    def _demand_here(self, request: Request) -> None:
        """403 for another site's form, also where that site's name points at this machine."""
        same_origin(request)
        if not self._entry.is_here(request):
            raise HTTPException(403, "host")

    # ── whom to be ──

    async def be(self, request: Request, who: str) -> Response:
        self._demand_here(request)
        if who == "resident":
            language = "en" if (await small_form(request)).get("lang") == "en" else "zh"
            token = await self._database.run(self._community_id, self._open_talk)
            return RedirectResponse(f"/chat/{self._code}?lang={language}#t={token}", SEE_OTHER)
        if who not in ROLES:
            raise HTTPException(404)
        now, machine = self._desk.clock.now(), self._desk.machine.now()

        def sign_in(conn: Connection) -> str:
            community = store.community(conn, self._community_id)
            person = rota.audience(conn, community, now, who)[0]
            return sessions.open_session(conn, self._community_id, person.id, machine)

        where = "/desk/digest" if who == "supervisor" else "/desk/talks" if who == "steward" else "/desk"
        return self._entry.let_in(await self._database.run(self._community_id, sign_in), where)

    def _open_talk(self, conn: Connection) -> str:
        token = secrets.token_urlsafe(32)
        resident = self._resident(conn)
        conn.execute(
            insert(CONVERSATION).values(
                community_id=self._community_id, channel=NAME, account="", address=address_of(token),
                resident_id=resident["id"], state={}, state_version=0,
            )
        )  # fmt: skip
        return token

    # ── the clock ──

    async def move(self, request: Request) -> Response:
        self._demand_here(request)
        form = await small_form(request)
        said = form.get("value", "")
        now = self._desk.clock.now()
        if said == "next":
            upcoming = await self._database.ask(self._community_id, self._next)
            until = max(upcoming.at, now) if upcoming else now
        elif said in _MOVES:
            until = now + _MOVES[said]
        else:
            raise HTTPException(400)
        fired: list[Any] = []
        await self._database.hop(lambda: self._desk.advance(until, after_each=fired.append))
        self._lately = await self._database.ask(
            self._community_id, lambda conn: _told(conn, self._community_id, fired)
        )
        self._workers.outbox_bell.ring()
        return RedirectResponse("/?lang=en" if form.get("lang") == "en" else "/", SEE_OTHER)


def _told(conn: Connection, community_id: int, fired: list[Any]) -> list[Happened]:
    ids = [d.subject_id for d in fired if d.subject_type == "ticket"]
    numbers = {
        row.id: row.number
        for row in conn.execute(
            select(TICKET.c.id, TICKET.c.number).where(TICKET.c.community_id == community_id, TICKET.c.id.in_(ids))
        )
    }
    return [
        Happened(d.at, d.kind, numbers.get(d.subject_id, "") if d.subject_type == "ticket" else "")
        for d in fired[-_MOST_TOLD:]
    ]


def _what(kind: str, language: str) -> str:
    try:
        return word(f"due_{kind}", language)
    except KeyError:
        return kind


