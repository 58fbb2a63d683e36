"""The staff's pages: the queue, a ticket, the conversations, the counter, calls, rota, people and rooms, the day.

Plain forms and redirects: everything works without scripts. Each route asks `Entry` who is there and what they may do, reads a
board or calls one use case, and shows a template; no rule of the trade is decided here.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy import Connection

from bot import boards, directory, rota, store, switchboard, transcripts
from bot import digest as digests
from bot.boards import Reader
from bot.core import access, masking
from bot.core.domain import Script
from bot.core.tickets import IllegalMove
from bot.core.types import Community, Media
from bot.media import MediaStore, NotAPicture, TooLarge
from bot.transcripts import Cursor
from bot.turns import Desk, NotYours
from bot.web import counter, live, views
from bot.web.entry import SEE_OTHER, Entry, Form, Visitor
from bot.web.live import Watch
from bot.web.pages import page, word
from bot.work import Change, NotFound

_LONGEST_WAIT = timedelta(seconds=25)
_LONGEST_NOTE = 2000
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
)


@dataclass(frozen=True, slots=True)
class Frame:
    """What every page of one request needs."""

    visitor: Visitor
    community: Community
    reader: Reader
    now: datetime
    context: Mapping[str, Any]


class DeskPages:
    """The pages of one deployment. `demo` shows the desk clock and the way back to the start page."""

    def __init__(
        self, desk: Desk, script: Script, entry: Entry, media: MediaStore, watch: Watch, stirred: Callable[[], None],
        *, demo: bool = False,
    ) -> None:  # fmt: skip
        self._desk = desk
        self._database = desk.database
        self._script = script
        self._entry = entry
        self._media = media
        self._watch = watch
        self._stirred = stirred
        self._demo = demo

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/desk")

        def at(path: str, handler: Callable[..., Any], method: str = "GET") -> None:
            router.add_api_route(path, handler, methods=[method], response_model=None)

        at("", self.queue)
        at("/changes", self.changes)
        at("/tickets/{number}", self.ticket)
        at("/tickets/{number}/act", self.act, "POST")
        at("/tickets/{number}/note", self.note, "POST")
        at("/tickets/{number}/acknowledge", self.acknowledge, "POST")
        at("/media/{kept}", self.photo)
        at("/talks", self.talks)
        at("/talks/{talk_id}", self.talk)
        at("/talks/{talk_id}/take", self.take, "POST")
        at("/talks/{talk_id}/say", self.say, "POST")
        at("/talks/{talk_id}/hand-back", self.hand_back, "POST")
        at("/file", self.file)
        at("/file", self.filed, "POST")
        at("/calls", self.calls)
        at("/calls/{call_id}/done", self.call_made, "POST")
        at("/notices", self.notices)
        at("/duty", self.duty)
        at("/people", self.people)
        at("/rooms", self.rooms)
        at("/digest", self.digest)
        return router

    # ── the frame ──

    async def _frame(self, request: Request, capability: access.Capability, here: str) -> Frame:
        visitor = await self._entry.visitor(request)
        visitor.demand(capability)
        signed = visitor.signed
        reader = views.reader_of(signed)
        now = self._desk.clock.now()

        def read(conn: Connection) -> tuple[Community, dict[str, int], str]:
            counts = boards.counts(conn, reader, now)
            counts["talks"] = switchboard.waiting(conn, signed.community_id) if access.may(visitor.role, "talk") else 0
            counts["calls"] = boards.calls_open(conn, reader) if access.may(visitor.role, "calls") else 0
            return store.community(conn, signed.community_id), counts, live.version(conn)

        community, counts, version = await self._database.ask(read)
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

    def _show(self, frame: Frame, template: str, status: int = 200, **context: Any) -> Response:
        return page(f"desk/{template}", status, **{**frame.context, **context})

    async def changes(self, request: Request) -> Response:
        """Long poll of an open page: answers once something was written after `since`."""
        await self._entry.visitor(request)
        since = request.query_params.get("since", "")
        async with self._watch.listening() as news:
            newest = await self._database.ask(live.version)
            if newest <= since:
                await news.wait(_LONGEST_WAIT)
                newest = await self._database.ask(live.version)
        return JSONResponse({"v": newest}) if newest > since else Response(status_code=204)

    # ── the queue and a ticket ──

    async def queue(self, request: Request) -> Response:
        frame = await self._frame(request, "queue", "queue")
        query = request.query_params
        said = query.get("tab", "")
        tab: boards.Tab = next((t for t in boards.TABS if t == said), "mine" if frame.context["counts"]["mine"] else "free")
        q, kind = _words(query.get("q", "")), query.get("kind", "")
        kind = kind if kind in frame.reader.kinds else ""
        skip = _count(query.get("skip", ""))
        rows, more = await self._database.ask(
            lambda conn: boards.queue(conn, frame.reader, tab, frame.now, q=q, kind=kind, skip=skip)
        )
        onward = urlencode({"tab": tab, "q": q, "kind": kind, "skip": skip + len(rows)})
        return self._show(
            frame, "queue.html", tab=tab, q=q, kind=kind, kinds=frame.reader.kinds,
            tickets=[views.ticket_row(row, frame.community, frame.now, frame.visitor.signed) for row in rows],
            more=f"/desk?{onward}" if more else None,
        )  # fmt: skip

    async def ticket(self, request: Request, number: str) -> Response:
        return await self._ticket_page(request, number)

    async def _ticket_page(
        self, request: Request, number: str, refused: str = "", typed: Mapping[str, str] | None = None
    ) -> Response:
        """The page; after a refusal with the sentence, and with what was typed so that it need not be typed again."""
        frame = await self._frame(request, "queue", "queue")

        def read(conn: Connection) -> tuple[boards.Dossier | None, tuple[Any, ...]]:
            return boards.dossier(conn, frame.reader, number), directory.staff(conn, frame.community.id)

        dossier, staff = await self._database.ask(read)
        if dossier is None:
            raise NotFound(number)
        on_duty = await self._database.ask(lambda conn: rota.present(conn, frame.community, frame.now))
        context = views.ticket_page(
            self._script, dossier, staff, on_duty, frame.community, frame.now, frame.visitor.signed
        )
        if refused:
            context["flash"] = {"kind": "error", "text": refused}
        return self._show(frame, "ticket.html", 409 if refused else 200, typed=typed or {"action": "", "note": ""}, **context)

    async def act(self, request: Request, number: str) -> Response:
        visitor = await self._entry.visitor(request)
        form = await self._entry.form(request, visitor)
        await self._demand_ticket(visitor, number)
        community = await self._database.ask(lambda conn: store.community(conn, visitor.signed.community_id))
        action, note = form.get("action"), form.get("note")[:_LONGEST_NOTE]
        try:
            # A step takes its own fields alone; what else was sent is at most checked.
            own = views.FIELDS.get(action, ())
            assignee_id, visit = counter.number_in(form.get("assignee")), counter.visit(form, community)
            resume_at = counter.instant(form.get("resume_at"), community)
            change = Change(
                assignee_id=assignee_id if "assignee" in own else None,
                resume_at=resume_at if "resume_at" in own else None,
                appointment=visit if "appointment" in own else None,
                photos=await self._handed_in(form) if "photo" in own else (),
                version=counter.number_in(form.get("version")),
            )
            signed = visitor.signed
            await self._database.hop(
                lambda: self._desk.act_on_ticket(signed.community_id, signed.staff.id, number, action, note, change)
            )
        except IllegalMove as illegal:
            said = word(f"refused_{illegal.why}", visitor.language)
            return await self._ticket_page(request, number, said, typed={"action": action, "note": note})
        except counter.Unreadable as wrong:
            said = word(wrong.key, visitor.language)
            return await self._ticket_page(request, number, said, typed={"action": action, "note": note})
        self._stirred()
        return _back(f"/desk/tickets/{quote(number)}", "done")

    async def note(self, request: Request, number: str) -> Response:
        visitor = await self._entry.visitor(request)
        form = await self._entry.form(request, visitor)
        await self._demand_ticket(visitor, number)
        words = form.get("note")[:_LONGEST_NOTE]
        signed = visitor.signed
        if words:
            once = _once(form)
            await self._database.hop(
                lambda: self._desk.add_note(signed.community_id, signed.staff.id, number, words, once)
            )
        self._stirred()
        return _back(f"/desk/tickets/{quote(number)}", "note_kept")

    async def acknowledge(self, request: Request, number: str) -> Response:
        visitor = await self._entry.visitor(request)
        visitor.demand("acknowledge")
        await self._entry.form(request, visitor)
        signed = visitor.signed
        await self._database.hop(lambda: self._desk.acknowledge(signed.community_id, signed.staff.id, number))
        self._stirred()
        return _back(f"/desk/tickets/{quote(number)}", "acknowledged")

    async def _demand_ticket(self, visitor: Visitor, number: str) -> None:
        """404 for a ticket this role does not see: as if there were none."""
        reader = views.reader_of(visitor.signed)
        if await self._database.ask(lambda conn: boards.kind_of(conn, reader, number)) is None:
            raise NotFound(number)

    async def _handed_in(self, form: Form) -> tuple[Media, ...]:
        """The photos of a form, kept. Raises Unreadable."""
        photos: list[Media] = []
        for data in form.photos:
            try:
                kept = await asyncio.to_thread(self._media.keep, data)
            except TooLarge:
                raise counter.Unreadable("refused_photo_large") from None
            except NotAPicture:
                raise counter.Unreadable("refused_photo_kind") from None
            photos.append(Media("photo", kept.reference, kept.reference))
        return tuple(photos)

    async def photo(self, request: Request, kept: str) -> Response:
        visitor = await self._entry.visitor(request)
        reader = views.reader_of(visitor.signed)
        talks = access.may(visitor.role, "talk")
        if not await self._database.ask(lambda conn: boards.sees_photo(conn, reader, kept, talks=talks)):
            raise HTTPException(404)
        try:
            if request.query_params.get("size") == "small":
                data, kind = await asyncio.to_thread(self._media.thumbnail, kept), "image/jpeg"
            else:
                data, kind = await asyncio.to_thread(self._media.open, kept)
        except FileNotFoundError:
            raise HTTPException(404) from None
        return Response(data, media_type=kind, headers={"Cache-Control": "private, max-age=86400"})

    # ── conversations ──

    async def talks(self, request: Request) -> Response:
        frame = await self._frame(request, "talk", "talks")
        tab = "all" if request.query_params.get("tab") == "all" else "people"
        found = await self._database.ask(
            lambda conn: switchboard.listing(conn, frame.community.id, people=tab == "people")
        )
        return self._show(frame, "talks.html", tab=tab, talks=[views.talk_row(one, frame.visitor.language) for one in found])

    async def talk(self, request: Request, talk_id: str) -> Response:
        return await self._talk_page(request, _row_id(talk_id))

    async def _talk_page(self, request: Request, talk_id: int, refused: str = "") -> Response:
        frame = await self._frame(request, "talk", "talks")

        def read(conn: Connection) -> Any:
            talk = switchboard.one(conn, frame.community.id, talk_id)
            if talk is None:
                raise NotFound(talk_id)
            lines, _ = transcripts.read(conn, frame.community.id, talk_id, Cursor(), 100)
            busy = transcripts.busy(conn, frame.community.id, talk_id)
            return talk, lines, busy, switchboard.open_tickets(conn, frame.community.id, talk)

        talk, lines, busy, tickets = await self._database.ask(read)
        context = views.talk_page(talk, lines, busy, tickets, frame.visitor.signed)
        if refused:
            context["flash"] = {"kind": "error", "text": refused}
        return self._show(frame, "talk.html", 409 if refused else 200, **context)

    async def _in_talk(self, request: Request, said_id: str, act: Callable[[Visitor, Form, int], Any]) -> Response:
        talk_id = _row_id(said_id)
        visitor = await self._entry.visitor(request)
        visitor.demand("talk")
        form = await self._entry.form(request, visitor)
        try:
            await self._database.hop(lambda: act(visitor, form, talk_id))
        except NotYours:
            return await self._talk_page(request, talk_id, word("refused_not_yours", visitor.language))
        except IllegalMove as illegal:
            return await self._talk_page(request, talk_id, word(f"refused_{illegal.why}", visitor.language))
        self._stirred()
        return RedirectResponse(f"/desk/talks/{talk_id}", SEE_OTHER)

    async def take(self, request: Request, talk_id: str) -> Response:
        def act(visitor: Visitor, form: Form, talk: int) -> None:
            self._desk.take_over(visitor.signed.community_id, visitor.signed.staff.id, talk)

        return await self._in_talk(request, talk_id, act)

    async def say(self, request: Request, talk_id: str) -> Response:
        def act(visitor: Visitor, form: Form, talk: int) -> None:
            words = form.get("text")[:_LONGEST_NOTE]
            if words:
                self._desk.speak(visitor.signed.community_id, visitor.signed.staff.id, talk, words, _once(form))

        return await self._in_talk(request, talk_id, act)

    async def hand_back(self, request: Request, talk_id: str) -> Response:
        def act(visitor: Visitor, form: Form, talk: int) -> None:
            community_id = visitor.signed.community_id
            found = self._database.read(lambda conn: switchboard.one(conn, community_id, talk))
            if found is None:
                raise NotFound(talk)
            if found.owner_id not in (None, visitor.signed.staff.id) and not access.may(visitor.role, "acknowledge"):
                raise NotYours("another colleague has this conversation")
            if found.handover:  # else it was given back already
                self._desk.act_on_ticket(community_id, visitor.signed.staff.id, found.handover, "hand_back")

        return await self._in_talk(request, talk_id, act)

    # ── the counter ──

    async def file(self, request: Request) -> Response:
        frame = await self._frame(request, "file", "file")
        return self._show(frame, "file.html", kinds=counter.KINDS, values=counter.EMPTY, errors={})

    async def filed(self, request: Request) -> Response:
        visitor = await self._entry.visitor(request)
        visitor.demand("file")
        form = await self._entry.form(request, visitor)
        signed = visitor.signed
        now = self._desk.clock.now()
        slip = await self._database.ask(lambda conn: counter.read(conn, form, signed.community_id, now))
        if slip.errors:
            frame = await self._frame(request, "file", "file")
            errors = {name: word(key, visitor.language) for name, key in slip.errors.items()}
            return self._show(frame, "file.html", 422, kinds=counter.KINDS, values=slip.values, errors=errors)
        once = _once(form)
        assert slip.draft is not None
        draft, source, resident_id = slip.draft, slip.source, slip.resident_id
        number = await self._database.hop(
            lambda: self._desk.file_ticket(signed.community_id, signed.staff.id, draft, source, once, resident_id)
        )
        self._stirred()
        return _back(f"/desk/tickets/{quote(number)}", "filed")

    async def calls(self, request: Request) -> Response:
        frame = await self._frame(request, "calls", "calls")
        found = await self._database.ask(lambda conn: boards.calls(conn, frame.reader))
        return self._show(frame, "calls.html", calls=[views.call(one) for one in found])

    async def call_made(self, request: Request, call_id: str) -> Response:
        visitor = await self._entry.visitor(request)
        visitor.demand("calls")
        form = await self._entry.form(request, visitor)
        outcome = "reached" if form.get("outcome") == "reached" else "unreached"
        words = f"{outcome} {form.get('note')}".strip()[:500]
        reader, now, row = views.reader_of(visitor.signed), self._desk.clock.now(), _row_id(call_id)
        if not await self._database.run(lambda conn: boards.call_made(conn, reader, row, words, now)):
            raise NotFound(call_id)
        self._stirred()
        return _back("/desk/calls", "call_kept")

    # ── reading ──

    async def notices(self, request: Request) -> Response:
        frame = await self._frame(request, "notices", "notices")
        found = await self._database.ask(lambda conn: boards.notices(conn, frame.reader))
        return self._show(
            frame, "notices.html",
            notices=[
                {"at": n.created_at, "text": n.text, "urgent": n.rank <= 1,
                 "ticket_url": f"/desk/tickets/{n.number}" if n.number else None}
                for n in found
            ],
        )  # fmt: skip

    async def duty(self, request: Request) -> Response:
        frame = await self._frame(request, "duty", "duty")

        def read(conn: Connection) -> Any:
            present = rota.present(conn, frame.community, frame.now)
            return directory.week(conn, frame.community, frame.now), directory.staff(conn, frame.community.id), present

        week, staff, present = await self._database.ask(read)
        return self._show(frame, "duty.html", **views.duty(week, staff, present, frame.visitor.language))

    async def people(self, request: Request) -> Response:
        frame = await self._frame(request, "people", "people")
        query = request.query_params
        tab = "staff" if query.get("tab") == "staff" else "residents"
        q = _words(query.get("q", ""))
        if tab == "staff":
            staff = await self._database.ask(lambda conn: directory.staff(conn, frame.community.id))
            present = await self._database.ask(lambda conn: rota.present(conn, frame.community, frame.now))
            found = [s for s in staff if q in s.name]
            rows = [
                {"name": s.name, "role": s.role, "skills": s.skills, "on_duty": s.id in present, "active": s.active}
                for s in found
            ]
            return self._show(frame, "people.html", tab=tab, q=q, rows=rows, page=1, pages=1)
        shown = await self._database.ask(lambda conn: directory.residents(conn, frame.community.id, q, _page(request)))
        rows = [
            {"name": r.name, "role": r.role, "room": r.label, "phone_masked": masking.phone(r.phone),
             "since": r.since, "until": r.until}
            for r in shown.rows
        ]  # fmt: skip
        return self._show(frame, "people.html", tab=tab, q=q, rows=rows, page=shown.page, pages=shown.pages)

    async def rooms(self, request: Request) -> Response:
        frame = await self._frame(request, "rooms", "rooms")
        q = _words(request.query_params.get("q", ""))
        shown = await self._database.ask(lambda conn: directory.rooms(conn, frame.community.id, q, _page(request)))
        rows = [
            {"label": r.label, "building": r.building_code, "unit": r.unit_code, "room": r.room_code,
             "residents": r.residents, "open_tickets": r.open_tickets}
            for r in shown.rows
        ]  # fmt: skip
        return self._show(frame, "rooms.html", q=q, rows=rows, page=shown.page, pages=shown.pages)

    async def digest(self, request: Request) -> Response:
        frame = await self._frame(request, "digest", "digest")
        today = frame.now.astimezone(frame.community.zone).date()
        day = _day(request.query_params.get("day", ""), today)
        read = await self._database.ask(lambda conn: digests.read(conn, frame.community, day, frame.now))
        following = day + timedelta(days=1)
        return self._show(
            frame, "digest.html", digest=read, day=day, previous=f"/desk/digest?day={day - timedelta(days=1)}",
            next=f"/desk/digest?day={following}" if following <= today else None,
        )  # fmt: skip


def _back(where: str, done: str) -> Response:
    return RedirectResponse(f"{where}?said={done}", SEE_OTHER)


_SAYINGS = frozenset({"done", "note_kept", "acknowledged", "filed", "call_kept"})


def _flash(request: Request, language: str) -> dict[str, str] | None:
    said = request.query_params.get("said", "")
    return {"kind": "ok", "text": word(f"said_{said}", language)} if said in _SAYINGS else None


def _page(request: Request) -> int:
    return _count(request.query_params.get("page", "")) or 1


def _count(said: str) -> int:
    return int(said) if said.isascii() and said.isdigit() and len(said) < 7 else 0


def _row_id(said: str) -> int:
    """A row's number out of an address. Raises NotFound: there is no such row."""
    if said.isascii() and said.isdigit() and len(said) < 19:
        return int(said)
    raise NotFound(said)


def _once(form: Form) -> str:
    """Which showing of the form this is; one without it counts by itself."""
    return form.get("once")[:64] or secrets.token_urlsafe(12)


def _words(said: str) -> str:
    """What was searched for."""
    return said.replace("\x00", "").strip()[:60]


def _day(said: str, today: date) -> date:
    try:
        return min(max(date.fromisoformat(said), _FIRST_DAY), today)
    except ValueError:
        return today


