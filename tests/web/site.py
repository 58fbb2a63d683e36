"""A site for the tests: the real pages over the real desk with the real texts and the demo estate.

Only the edges are stood in for: the machine clock is moved by hand, the language model reads what the test says it reads,
and the loops are replaced by `settle`. The pages are asked over ASGI, so nothing listens anywhere.
"""

from __future__ import annotations

import io
import itertools
import shutil
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from PIL import Image
from sqlalchemy import insert, select, update

from bot import app as desk_app
from bot import sessions, web
from bot.channels.console import StaffBoard
from bot.channels.webchat import WebChat
from bot.clock import DeskClock
from bot.core.types import Parsed, Priority, Ranked, TicketDraft
from bot.database import EVERY, Database
from bot.hearing import Ear
from bot.media import MediaStore
from bot.nlu import NluUnavailable
from bot.settings import Settings
from bot.tables import table
from bot.turns import Desk
from bot.web.chat import address_of
from bot.web.entry import COOKIE
from bot.web.live import Watch
from bot.work import Core
from bot.workers import Pace, Workers
from tests.store.office import HandClock
from tests.texts import office_texts

MORNING = datetime(2026, 11, 23, 2, 0, tzinfo=UTC)
"""Monday, ten o'clock in Beijing: 刘师傅, 丁小雯, 程会计 and 姚主管 are on duty."""
ORIGIN = "http://desk.test"
HOSTILE = """<script>alert("x")</script>'"><img src=x onerror=alert(1)>{{ 7 * 7 }}&amp;"""
LEAK = "我家厨房水管漏水了"


@cache
def core() -> Core:
    """The desk's own core; it holds nothing between two calls but calendars."""
    return desk_app.build_core(office_texts(), MORNING.year)


@dataclass
class Reader:
    """A language model that knows the sentences of these tests."""

    intents: dict[str, str] = field(
        default_factory=lambda: {LEAK: "repair", "转人工": "handoff", "你好": "greet", "水费怎么交": "fee_query"}
    )

    async def parse(self, text: str, language: str) -> Parsed:
        intent = self.intents.get(text)
        if intent is None:
            raise NluUnavailable("these tests have no reading of this sentence")
        return Parsed(text, intent, 0.98, (Ranked(intent, 0.98),), (), "tests")


def picture(colour: str = "green", form: str = "PNG", size: tuple[int, int] = (40, 30)) -> bytes:
    """A small picture; another colour is another picture."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, form)
    return out.getvalue()


# ── what a page says ──


@dataclass
class Form:
    """A form of a page as a browser would send it."""

    method: str
    action: str
    fields: dict[str, str] = field(default_factory=dict)


class Page(HTMLParser):
    """A page as a browser reads it: its elements, its words, its forms."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.forms: list[Form] = []
        self.scripts: list[tuple[dict[str, str], str]] = []
        self.areas: dict[str, list[str]] = {}
        self._area = ""
        self._words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.elements.append((tag, given))
        if tag in ("script", "style", "title"):
            self._open.append(tag)
        if tag == "script":
            self.scripts.append((given, ""))
        elif tag == "form":
            self.forms.append(Form(given.get("method", "get"), given.get("action", "")))
        elif tag in ("input", "button", "textarea", "select") and self.forms and "name" in given:
            if tag == "textarea":
                self._area = given["name"]
                self.areas.setdefault(self._area, []).append("")
            box = given.get("type") in ("checkbox", "radio") and "checked" not in given
            if not box and tag != "button":
                self.forms[-1].fields.setdefault(given["name"], given.get("value", ""))

    def handle_endtag(self, tag: str) -> None:
        if self._open and self._open[-1] == tag:
            self._open.pop()
        if tag == "textarea":
            self._area = ""

    def handle_data(self, data: str) -> None:
        if self._area:
            self.areas[self._area][-1] += data
        if self._open and self._open[-1] == "script":
            attrs, body = self.scripts[-1]
            self.scripts[-1] = (attrs, body + data)
        elif not (self._open and self._open[-1] == "style"):
            self._words.append(data)

    @property
    def words(self) -> str:
        """What a person reads."""
        return " ".join("".join(self._words).split())

    def count(self, tag: str) -> int:
        return sum(1 for name, _ in self.elements if name == tag)

    def form(self, action: str, /, **having: str) -> Form:
        """The form that goes to this address and carries these values."""
        for one in self.forms:
            if one.action == action and all(one.fields.get(k) == v for k, v in having.items()):
                return one
        raise AssertionError(f"no form to {action} with {having}; there are {[(f.action, f.fields) for f in self.forms]}")


def unsafe(html: str) -> list[str]:
    """What of a page a strict Content-Security-Policy would block, or what would talk to somebody else."""
    page = Page(html)
    wrong = []
    for attrs, body in page.scripts:
        # A block of data is not a script: it is never run.
        if "src" not in attrs and attrs.get("type") != "application/json" and body.strip():
            wrong.append(f"inline script {body[:40]!r}")
    for tag, attrs in page.elements:
        if tag in ("style", "base", "object", "embed"):
            wrong.append(f"<{tag}>")
        for name, value in attrs.items():
            if name.startswith("on") or name == "style":
                wrong.append(f"<{tag} {name}>")
            if name in ("src", "href", "action", "formaction", "poster", "data") and not value.startswith(
                ("/", "#", "?", "tel:")
            ):
                wrong.append(f"<{tag} {name}={value!r}>")
            if name in ("src", "href", "action") and value.startswith("//"):
                wrong.append(f"<{tag} {name}={value!r}>")
    return wrong


# ── who uses it ──


@dataclass
class Staff:
    """A member of staff in a browser, signed in."""

    site: Site
    http: httpx.AsyncClient
    id: int
    name: str
    role: str
    community_id: int
    token: str
    csrf: str

    async def get(self, path: str, **query: Any) -> httpx.Response:
        return await self.http.get(path, params=query or None)

    async def see(self, path: str, **query: Any) -> Page:
        """A page that is there."""
        answer = await self.get(path, **query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {Page(answer.text).words[:300]}"
        return Page(answer.text)

    async def post(self, path: str, fields: Mapping[str, Any] | None = None, **more: Any) -> httpx.Response:
        """A form with the session's word."""
        return await self.http.post(path, data={"csrf": self.csrf, **(fields or {})}, **more)

    async def act(self, number: str, action: str, note: str = "", **fields: Any) -> httpx.Response:
        return await self.post(f"/desk/tickets/{number}/act", {"action": action, "note": note, **fields})


@dataclass
class Resident:
    """Somebody at the resident's page."""

    site: Site
    http: httpx.AsyncClient
    token: str
    code: str = "YH"
    _ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}

    @property
    def address(self) -> str:
        return address_of(self.token)

    @property
    def talk_id(self) -> int:
        found = self.site.rows("conversation", "id", address=self.address)
        assert found, "nothing was written yet"
        return int(found[0][0])

    async def deliver(self, **said: Any) -> httpx.Response:
        """One delivery, as the page makes it."""
        said.setdefault("id", f"message-{next(self._ids):04d}")
        return await self.http.post(f"/chat/{self.code}/messages", json=said, headers=self.headers)

    async def write(self, text: str, **said: Any) -> None:
        """Words, and everything that comes of them."""
        answer = await self.deliver(text=text, **said)
        assert answer.status_code == 202, answer.text
        await self.site.settle()

    async def hand_in(self, data: bytes) -> httpx.Response:
        return await self.http.post(f"/chat/{self.code}/photos", content=data, headers=self.headers)

    async def send_photo(self, data: bytes, text: str = "") -> str:
        kept = (await self.hand_in(data)).json()["photo"]
        await self.write(text, photo=kept)
        return str(kept)

    async def read(self, after: str = "", wait: float = 0, **query: Any) -> dict[str, Any]:
        answer = await self.http.get(
            f"/chat/{self.code}/messages", params={"after": after, "wait": wait, **query}, headers=self.headers
        )
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def texts(self) -> list[str]:
        return [m["text"] for m in (await self.read())["messages"]]


# ── the site ──


@dataclass
class Site:
    """The pages of a deployment with two communities, on hand clocks."""

    web: FastAPI
    database: Database
    machine: HandClock
    clock: DeskClock
    desk: Desk
    workers: Workers
    media: MediaStore
    watch: Watch
    reader: Reader
    printed: list[tuple[str, str]]
    communities: dict[str, int]
    browsers: list[httpx.AsyncClient] = field(default_factory=list)
    _tokens: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def community_id(self) -> int:
        return self.communities["YH"]

    # ── browsers ──

    def browser(self, **headers: str) -> httpx.AsyncClient:
        """A browser of a stranger."""
        transport = httpx.ASGITransport(app=self.web, raise_app_exceptions=False, client=("192.0.2.7", 5000))
        made = httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers=headers)
        self.browsers.append(made)
        return made

    def staff(self, role: str, community: str = "YH", language: str = "zh", nth: int = 0) -> Staff:
        """A member of staff of this role, signed in."""
        s = table("staff")
        of = select(s).where(s.c.community_id == self.communities[community], s.c.role == role, s.c.active)
        row = self.database.read(EVERY, lambda c: c.execute(of.order_by(s.c.id)).all())[nth]
        token = self.database.write(
            row.community_id, lambda c: sessions.open_session(c, row.community_id, row.id, self.machine.now())
        )
        if language != "zh":
            self.database.write(row.community_id, lambda c: sessions.speak(c, row.community_id, token, language))
        found = self.database.read(EVERY, lambda c: sessions.find(c, token, self.machine.now()))
        assert found is not None
        http = self.browser(cookie=f"{COOKIE}={token}")
        return Staff(self, http, row.id, row.name, role, row.community_id, token, found[0].csrf)

    def resident(self, name: str | None = None, code: str = "YH") -> Resident:
        """Somebody with a page open: a stranger, or somebody of the register."""
        token = f"token-{next(self._tokens):04d}-" + "x" * 32
        someone = Resident(self, self.browser(), token, code)
        if name is not None:
            community_id, resident_id = self.communities[code], self.resident_id(name)
            self.database.write(
                community_id,
                lambda c: c.execute(
                    insert(table("conversation")).values(
                        community_id=community_id, channel="webchat", account="", address=someone.address,
                        resident_id=resident_id, state={}, state_version=0,
                    )
                )
            )  # fmt: skip
        return someone

    # ── the office ──

    def resident_id(self, name: str) -> int:
        return int(self.rows("resident", "id", name=name)[0][0])

    async def settle(self) -> None:
        """Until nothing is left to hear, to fire or to send at this instant."""
        while await self.workers.hear_one():
            pass
        await self.workers.tick()
        while await self.workers.send_some():
            pass

    def rows(self, of: str, /, *columns: str, **where: Any) -> list[tuple[Any, ...]]:
        t = table(of)
        query = select(*(t.c[c] for c in columns)).where(*(t.c[k] == v for k, v in where.items()))
        return [tuple(r) for r in self.database.read(EVERY, lambda c: c.execute(query.order_by(t.c.id)).all())]

    def set(self, of: str, /, values: Mapping[str, Any], **where: Any) -> None:
        """What another hand did to a row: somebody left, an import."""
        t = table(of)
        self.database.write(
            EVERY,
            lambda c: c.execute(update(t).where(*(t.c[k] == v for k, v in where.items())).values(**values))
        )

    def put(self, of: str, /, **values: Any) -> int:
        t = table(of)
        return int(self.database.write(EVERY, lambda c: c.execute(insert(t).values(**values).returning(t.c.id)).scalar_one()))

    def ticket(self, kind: str = "repair", description: str = "厨房水龙头漏水", community: str = "YH", *,
               resident: str | None = None, **more: Any) -> str:  # fmt: skip
        """A ticket as the counter files it; with `resident`, in that resident's conversation. Its number."""
        community_id = self.communities[community]
        steward = self.rows("staff", "id", community_id=community_id, role="steward")[0][0]
        draft = TicketDraft(kind, more.pop("category", "general"), description, **{"contact": "13900000001", **more})
        if kind == "emergency":
            draft = TicketDraft(kind, "general", description, Priority.EMERGENCY, location="地下车库")
        resident_id = self.resident_id(resident) if resident else None
        return self.desk.file_ticket(
            community_id, steward, draft, "counter", f"test-{next(self._tokens)}", resident_id
        )

    def ticket_id(self, number: str) -> int:
        return int(self.rows("ticket", "id", number=number)[0][0])

    def status(self, number: str) -> str:
        return str(self.rows("ticket", "status", number=number)[0][0])

    def footprint(self) -> dict[str, int]:
        """How many rows everything has that a form could write; sessions and links included."""
        names = ("ticket", "ticket_event", "outbox", "inbox", "phone_task", "receipt", "media", "ticket_photo",
                 "escalation", "conversation", "login_link", "staff_session", "clock", "invite", "membership", "household",
                 "identity_event", "resident", "suggestion", "misreading")  # fmt: skip
        counted = {name: len(self.database.read(EVERY, lambda c, n=name: c.execute(select(table(n))).all())) for name in names}  # type: ignore[misc]
        counted["open_calls"] = len(self.rows("phone_task", "id", status="open"))
        counted["ended"] = len(self.rows("membership", "id")) - len(self.rows("membership", "id", revoked_at=None))
        counted["judged"] = counted["suggestion"] - len(self.rows("suggestion", "id", judged=""))
        return counted


def open_site(
    database: Database, folder: Path, *, demo: bool = True, embedded_by: tuple[str, ...] = (), host: str = "127.0.0.1",
    channels: Iterable[Any] = (), base_url: str = ORIGIN,
) -> Site:  # fmt: skip
    """The site over a database that holds the demo estate, put together as the composition root does it."""
    machine = HandClock(MORNING)
    clock = DeskClock(machine)
    clock.load(database)
    desk = Desk(database, core(), clock, machine)
    reader = Reader()
    watch = Watch(database, every=timedelta(milliseconds=20))
    media = MediaStore(folder / "media")
    by_name = {(c.name, c.account): c for c in (StaffBoard(), WebChat(watch.wake), *channels)}
    workers = Workers(
        desk, "tests", Ear(reader, office_texts()).hear, by_name, lambda: 0.5, Pace(burst=timedelta(0)), media
    )
    communities = {
        code: number
        for number, code in database.read(
            EVERY,
            lambda c: c.execute(select(table("community").c.id, table("community").c.code)).all()
        )
    }
    printed: list[tuple[str, str]] = []

    async def ready() -> Mapping[str, Any]:
        return {"ready": True}

    built = web.build(
        ready,
        web.Site(
            workers, office_texts(), media, watch, base_url, embedded_by,
            printed=lambda name, link: printed.append((name, link)),
            demo=(communities["YH"], "YH", host) if demo else None,
        ),
    )  # fmt: skip
    return Site(built, database, machine, clock, desk, workers, media, watch, reader, printed, communities)


@asynccontextmanager
async def running(site: Site) -> AsyncIterator[Site]:
    """Close what the site opened, pages that wait included."""
    try:
        yield site
    finally:
        await site.watch.close()
        for browser in site.browsers:
            await browser.aclose()


def estate(folder: Path) -> Path:
    """A SQLite database with the demo estate, made once for all tests of this run."""
    path = folder / "estate.db"
    if not path.exists():
        settings = Settings(var=folder, db=f"sqlite:///{path}.{id(path)}")
        desk_app.open_database(settings, lambda line: None).close()
        shutil.move(settings.database.removeprefix("sqlite:///"), path)
    return path
