"""The staff's pages about work: the queue, a ticket, the conversations, the counter, calls, the day. Of people: `people`.

Plain forms and redirects: everything works without scripts. Each route asks `Entry` who is there and what they may do, reads a
board or calls one use case, and shows a template; no rule of the trade is decided here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, HTTPException, Request, Response
from fastapi.responses import JSONResponse, RedirectResponse
from sqlalchemy import Connection

from bot import boards, directory, homes, identity, rota, store, suggestions, switchboard, transcripts
from bot import digest as digests
from bot.core import access
from bot.core.domain import Script
from bot.core.resolve import phone
from bot.core.tickets import IllegalMove
from bot.core.types import Media
from bot.media import MediaStore, NotAPicture, TooLarge
from bot.transcripts import Cursor
from bot.turns import DayOver, Desk, NotYours, Overtaken
from bot.web import counter, live, views
from bot.web.entry import SEE_OTHER, Entry, Form, Visitor
from bot.web.frames import Frame, Frames, back, count, day_of, once_of, row_id, words_of
from bot.web.live import Watch
from bot.web.pages import word
from bot.work import Change, NotFound

_LONGEST_WAIT = timedelta(seconds=25)
_LONGEST_NOTE = 2000


class DeskPages:
    """The pages of one deployment that are about work: tickets, conversations, the counter, the day."""

    def __init__(
        self, desk: Desk, script: Script, entry: Entry, media: MediaStore, watch: Watch, stirred: Callable[[], None],
        frames: Frames,
    ) -> None:  # fmt: skip
        self._desk = desk
        self._database = desk.database
        self._script = script
        self._entry = entry
        self._media = media
        self._watch = watch
        self._stirred = stirred
        self._frame, self._show, self._shown = frames.of, frames.show, frames.shown

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
        at("/tickets/{number}/recognise", self.recognise, "POST")
        at("/media/{kept}", self.photo)
        at("/talks", self.talks)
        at("/talks/{talk_id}", self.talk)
        at("/talks/{talk_id}/take", self.take, "POST")
        at("/talks/{talk_id}/say", self.say, "POST")
        at("/talks/{talk_id}/hand-back", self.hand_back, "POST")
        at("/talks/{talk_id}/judge", self.judge, "POST")
        at("/file", self.file)
        at("/file", self.filed, "POST")
        at("/calls", self.calls)
        at("/calls/{call_id}/done", self.call_made, "POST")
        at("/notices", self.notices)
        at("/digest", self.digest)
        at("/shadow", self.shadow)
        return router

    # ── the queue, renewed ──

    async def changes(self, request: Request) -> Response:
        """Long poll of an open page: answers once something was written after `since`."""
        within = (await self._entry.visitor(request)).signed.community_id
        since = request.query_params.get("since", "")
        async with self._watch.listening() as news:
            newest = await self._database.ask(within, lambda conn: live.version(conn, within))
            if newest <= since:
                await news.wait(_LONGEST_WAIT)
                newest = await self._database.ask(within, lambda conn: live.version(conn, within))
        return JSONResponse({"v": newest}) if newest > since else Response(status_code=204)

    # ── the queue and a ticket ──

    async def queue(self, request: Request) -> Response:
        frame = await self._frame(request, "queue", "queue")
        query = request.query_params
        said = query.get("tab", "")
        tab: boards.Tab = next((t for t in boards.TABS if t == said), "mine" if frame.context["counts"]["mine"] else "free")
        q, kind = words_of(query.get("q", "")), query.get("kind", "")
        kind = kind if kind in frame.reader.kinds else ""
        skip = count(query.get("skip", ""))
        rows, more = await self._database.ask(
            frame.community.id,
            lambda conn: boards.queue(conn, frame.reader, tab, frame.now, q=q, kind=kind, skip=skip),
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

        dossier, staff = await self._database.ask(frame.community.id, read)
        if dossier is None:
            raise NotFound(number)
        row = dossier.ticket.row
        on_duty = await self._database.ask(frame.community.id, lambda conn: rota.present(conn, frame.community, frame.now))
        context = views.ticket_page(
            self._script, dossier, staff, on_duty, frame.community, frame.now, frame.visitor.signed
        )
        if context["may_call"] or context["words"]:
            await self._shown(frame.visitor, [row.household_id], f"ticket {number}")
        return self._show(
            frame, "ticket.html", 409 if refused else 200, refused, typed=typed or {"action": "", "note": ""},
            application=await self._application(frame, row, request), **context,
        )  # fmt: skip

    async def _application(self, frame: Frame, row: Any, request: Request) -> dict[str, Any] | None:
        """What whoever decides about an application to be linked chooses from; None where there is nothing to decide."""
        if (row.kind, row.category) != ("enquiry", "binding") or not access.may(frame.visitor.role, "bind"):
            return None
        if row.status not in ("open", "owned"):
            return None
        said = words_of(request.query_params.get("home", "")) or row.room_label
        found = await self._database.ask(
            frame.community.id, lambda conn: homes.matching(conn, frame.community.id, row.room_id, said, frame.now, frame.today)
        )
        return views.application(row, said, found)

    async def act(self, request: Request, number: str) -> Response:
        visitor = await self._entry.visitor(request)
        form = await self._entry.form(request, visitor)
        await self._demand_ticket(visitor, number)
        within = visitor.signed.community_id
        community = await self._database.ask(within, lambda conn: store.community(conn, within))
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
        return back(f"/desk/tickets/{quote(number)}", "done")

    async def note(self, request: Request, number: str) -> Response:
        visitor = await self._entry.visitor(request)
        form = await self._entry.form(request, visitor)
        await self._demand_ticket(visitor, number)
        words = form.get("note")[:_LONGEST_NOTE]
        signed = visitor.signed
        if words:
            once = once_of(form)
            await self._database.hop(
                lambda: self._desk.add_note(signed.community_id, signed.staff.id, number, words, once)
            )
        self._stirred()
        return back(f"/desk/tickets/{quote(number)}", "note_kept")

    async def recognise(self, request: Request, number: str) -> Response:
        """The papers are right: the applicant belongs to the household that was chosen."""
        visitor = await self._entry.visitor(request)
        visitor.demand("bind")
        form = await self._entry.form(request, visitor)
        await self._demand_ticket(visitor, number)
        signed = visitor.signed
        try:
            home, role, until = counter.home(form), counter.role(form), counter.day(form.get("until"))
            await self._database.hop(
                lambda: self._desk.recognise(signed.community_id, signed.staff.id, number, home, role, until)
            )
        except IllegalMove as illegal:
            return await self._ticket_page(request, number, word(f"refused_{illegal.why}", visitor.language))
        except counter.Unreadable as wrong:
            return await self._ticket_page(request, number, word(wrong.key, visitor.language))
        except DayOver:
            return await self._ticket_page(request, number, word("refused_day_past", visitor.language))
        self._stirred()
        return back(f"/desk/tickets/{quote(number)}", "recognised")

    async def acknowledge(self, request: Request, number: str) -> Response:
        visitor = await self._entry.visitor(request)
        visitor.demand("acknowledge")
        await self._entry.form(request, visitor)
        signed = visitor.signed
        await self._database.hop(lambda: self._desk.acknowledge(signed.community_id, signed.staff.id, number))
        self._stirred()
        return back(f"/desk/tickets/{quote(number)}", "acknowledged")

    async def _demand_ticket(self, visitor: Visitor, number: str) -> None:
        """404 for a ticket this role does not see: as if there were none."""
        reader = views.reader_of(visitor.signed)
        if await self._database.ask(reader.community_id, lambda conn: boards.kind_of(conn, reader, number)) is None:
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
        seen = await self._database.ask(
            reader.community_id, lambda conn: boards.sees_photo(conn, reader, kept, talks=talks)
        )
        if not seen:
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
            frame.community.id, lambda conn: switchboard.listing(conn, frame.community.id, frame.today, frame.now, people=tab == "people")
        )
        return self._show(frame, "talks.html", tab=tab, talks=[views.talk_row(one, frame.visitor.language) for one in found])

    async def talk(self, request: Request, talk_id: str) -> Response:
        return await self._talk_page(request, row_id(talk_id))

    async def _talk_page(self, request: Request, talk_id: int, refused: str = "") -> Response:
        frame = await self._frame(request, "talk", "talks")

        def read(conn: Connection) -> Any:
            talk = switchboard.one(conn, frame.community.id, talk_id, frame.today)
            if talk is None:
                raise NotFound(talk_id)
            lines, _ = transcripts.read(conn, frame.community.id, talk_id, Cursor(), 100)
            busy = transcripts.busy(conn, frame.community.id, talk_id)
            household_ids: list[int | None] = [None]
            if talk.resident_id is not None:
                bound = identity.bindings(conn, frame.community.id, talk.resident_id, frame.today)
                household_ids = [b.household_id for b in bound] or [None]
            suggested = suggestions.of_talk(conn, frame.community.id, talk_id)
            return talk, lines, busy, switchboard.open_tickets(conn, frame.community.id, talk), household_ids, suggested

        talk, lines, busy, tickets, household_ids, suggested = await self._database.ask(frame.community.id, read)
        await self._shown(frame.visitor, household_ids, f"conversation {talk_id}")
        shadowed = self._desk.core.policy.shadows(frame.community.code, talk.channel, talk.account)
        context = views.talk_page(talk, lines, busy, tickets, frame.visitor.signed, shadowed=shadowed)
        views.suggest(context["messages"], suggested, frame.community, frame.now, frame.visitor.language)
        context["intents"] = sorted(self._script.intents)
        return self._show(frame, "talk.html", 409 if refused else 200, refused, **context)

    async def _in_talk(self, request: Request, said_id: str, act: Callable[[Visitor, Form, int], Any]) -> Response:
        talk_id = row_id(said_id)
        visitor = await self._entry.visitor(request)
        visitor.demand("talk")
        form = await self._entry.form(request, visitor)
        try:
            await self._database.hop(lambda: act(visitor, form, talk_id))
        except NotYours:
            return await self._talk_page(request, talk_id, word("refused_not_yours", visitor.language))
        except Overtaken:
            return await self._talk_page(request, talk_id, word("refused_overtaken", visitor.language))
        except counter.Unreadable as wrong:
            return await self._talk_page(request, talk_id, word(wrong.key, visitor.language))
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
                self._desk.speak(visitor.signed.community_id, visitor.signed.staff.id, talk, words, once_of(form))

        return await self._in_talk(request, talk_id, act)

    async def hand_back(self, request: Request, talk_id: str) -> Response:
        def act(visitor: Visitor, form: Form, talk: int) -> None:
            community_id = visitor.signed.community_id
            today = self._desk.clock.now().date()  # of a name and a room nothing is shown here
            found = self._database.read(community_id, lambda conn: switchboard.one(conn, community_id, talk, today))
            if found is None:
                raise NotFound(talk)
            if found.owner_id not in (None, visitor.signed.staff.id) and not access.may(visitor.role, "acknowledge"):
                raise NotYours("another colleague has this conversation")
            if found.handover:  # else it was given back already
                self._desk.act_on_ticket(community_id, visitor.signed.staff.id, found.handover, "hand_back")

        return await self._in_talk(request, talk_id, act)

    async def judge(self, request: Request, talk_id: str) -> Response:
        """What becomes of a suggestion of shadow mode: sent, dealt with in another way, or refused with what was meant."""

        def act(visitor: Visitor, form: Form, talk: int) -> None:
            within, staff_id, number = visitor.signed.community_id, visitor.signed.staff.id, row_id(form.get("suggestion"))
            how, meant = form.get("how"), form.get("should_be")
            found = self._database.read(within, lambda conn: suggestions.one(conn, within, talk, number))
            if found is None:
                raise NotFound(number)
            if how not in ("sent", "agreed", "refused"):
                raise counter.Unreadable("refused_form")
            if how == "refused" and found.intent and meant not in self._script.intents:
                raise counter.Unreadable("refused_label")
            words, fields = "", dict[str, str]()
            if how == "sent":
                words, fields = counter.put_right(form, views.suggested_words(found, visitor.language), found.tickets)
            words = views.with_holes(words, visitor.language)[:_LONGEST_NOTE]
            if not self._desk.judge(
                within, staff_id, talk, number, how, should_be=meant, words=words, fields=fields,  # type: ignore[arg-type]
            ):  # fmt: skip
                raise counter.Unreadable("refused_answer_changed")

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
        slip = await self._database.ask(signed.community_id, lambda conn: counter.read(conn, form, signed.community_id, now))
        if slip.errors:
            frame = await self._frame(request, "file", "file")
            errors = {name: word(key, visitor.language) for name, key in slip.errors.items()}
            return self._show(frame, "file.html", 422, kinds=counter.KINDS, values=slip.values, errors=errors)
        once = once_of(form)
        assert slip.draft is not None
        draft, source, resident_id = slip.draft, slip.source, slip.resident_id
        number = await self._database.hop(
            lambda: self._desk.file_ticket(signed.community_id, signed.staff.id, draft, source, once, resident_id)
        )
        self._stirred()
        return back(f"/desk/tickets/{quote(number)}", "filed")

    async def calls(self, request: Request) -> Response:
        frame = await self._frame(request, "calls", "calls")
        found = await self._database.ask(frame.community.id, lambda conn: boards.calls(conn, frame.reader))
        await self._shown(frame.visitor, [one.household_id for one in found if one.contact or one.ticket_contact], "calls")
        return self._show(frame, "calls.html", calls=[views.call(one, frame.language) for one in found])

    async def call_made(self, request: Request, call_id: str) -> Response:
        visitor = await self._entry.visitor(request)
        visitor.demand("calls")
        form = await self._entry.form(request, visitor)
        outcome = "reached" if form.get("outcome") == "reached" else "unreached"
        words = f"{outcome} {form.get('note')}".strip()[:500]
        reader, now, row = views.reader_of(visitor.signed), self._desk.clock.now(), row_id(call_id)
        if not await self._database.run(reader.community_id, lambda conn: boards.call_made(conn, reader, row, words, now)):
            raise NotFound(call_id)
        self._stirred()
        return back("/desk/calls", "call_kept")

    # ── reading ──

    async def notices(self, request: Request) -> Response:
        frame = await self._frame(request, "notices", "notices")
        found = await self._database.ask(frame.community.id, lambda conn: boards.notices(conn, frame.reader))
        await self._shown(frame.visitor, [n.household_id for n in found if phone.find(n.text)], "notices")
        return self._show(
            frame, "notices.html",
            notices=[
                {"at": n.created_at, "text": n.text, "urgent": n.rank <= 1,
                 "ticket_url": f"/desk/tickets/{n.number}" if n.number else None}
                for n in found
            ],
        )  # fmt: skip

    async def digest(self, request: Request) -> Response:
        frame = await self._frame(request, "digest", "digest")
        day = day_of(request.query_params.get("day", ""), frame.today)
        read = await self._database.ask(frame.community.id, lambda conn: digests.read(conn, frame.community, day, frame.now))
        following = day + timedelta(days=1)
        return self._show(
            frame, "digest.html", digest=read, day=day, previous=f"/desk/digest?day={day - timedelta(days=1)}",
            next=f"/desk/digest?day={following}" if following <= frame.today else None,
        )  # fmt: skip

    async def shadow(self, request: Request) -> Response:
        """How often staff agreed with what the desk suggested, over seven days."""
        frame = await self._frame(request, "shadow", "shadow")
        last = day_of(request.query_params.get("day", ""), frame.today)
        since = last - timedelta(days=6)
        found = await self._database.ask(frame.community.id, lambda conn: suggestions.report(conn, frame.community, since))
        following = last + timedelta(days=7)
        return self._show(
            frame, "shadow.html", report=found, total=found.total, share=suggestions.share, last=last,
            listens=suggestions.listens_here(self._desk.core.policy, frame.community.code),
            previous=f"/desk/shadow?day={last - timedelta(days=7)}",
            next=f"/desk/shadow?day={min(following, frame.today)}" if last < frame.today else None,
        )  # fmt: skip
