"""The staff's pages about people: residents, rooms and who belongs to them, invites, colleagues, who was shown what.

Plain forms like all others, with one difference: a code is answered at once, in the page, because nobody can look it up again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, TypeAlias

from fastapi import APIRouter, Request, Response
from sqlalchemy import Connection

from bot import directory, homes, identity, rota
from bot.core import access
from bot.core.resolve import invitecode
from bot.turns import DayOver, Desk, ShownOnce
from bot.web import counter, qr, views
from bot.web.entry import Entry, Form
from bot.web.frames import Frame, Frames, back, day_of, once_of, page_number, row_id, words_of
from bot.web.pages import word
from bot.work import NotFound

_LONGEST_NAME = 40
_PAGE = 50


Links: TypeAlias = Callable[[int, str, timedelta], Awaitable[Sequence[tuple[str, str]]]]
"""(community, invite code, how long it lasts) → (channel, what opens a chat there with that code)."""


async def no_links(community_id: int, code: str, lasts: timedelta) -> Sequence[tuple[str, str]]:
    """A desk without accounts on platforms."""
    return ()


class PeoplePages:
    """The pages of one deployment.

    Args:
        base_url: where residents reach their page, for the link in a QR code.
        links: what opens a chat on each other channel, likewise.
    """

    def __init__(
        self, desk: Desk, entry: Entry, stirred: Callable[[], None], frames: Frames, base_url: str, links: Links
    ) -> None:
        self._links = links
        self._desk = desk
        self._database = desk.database
        self._entry = entry
        self._stirred = stirred
        self._base = base_url.rstrip("/")
        self._frame, self._show, self._shown = frames.of, frames.show, frames.shown

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/desk")

        def at(path: str, handler: Callable[..., Any], method: str = "GET") -> None:
            router.add_api_route(path, handler, methods=[method], response_model=None)

        at("/duty", self.duty)
        at("/duty/code", self.staff_code, "POST")
        at("/people", self.people)
        at("/people/{resident_id}", self.person)
        at("/rooms", self.rooms)
        at("/rooms/{room_id}", self.room)
        at("/rooms/{room_id}/invite", self.invite, "POST")
        at("/rooms/{room_id}/sheet", self.sheet, "POST")
        at("/rooms/{room_id}/withdraw", self.withdraw, "POST")
        at("/rooms/{room_id}/end", self.end, "POST")
        at("/disclosures", self.disclosures)
        return router

    # ── the rota, and a code for a colleague ──

    async def duty(self, request: Request) -> Response:
        return await self._duty_page(request)

    async def _duty_page(self, request: Request, refused: str = "") -> Response:
        frame = await self._frame(request, "duty", "duty")

        def read(conn: Connection) -> Any:
            present = rota.present(conn, frame.community, frame.now)
            return directory.week(conn, frame.community, frame.now), directory.staff(conn, frame.community.id), present

        week, staff, present = await self._database.ask(frame.community.id, read)
        appoints = access.may(frame.visitor.role, "appoint")
        colleagues = [
            {"id": s.id, "name": s.name, "role": s.role}
            for s in staff
            if s.active and (appoints or s.id == frame.visitor.signed.staff.id)
        ]
        return self._show(
            frame, "duty.html", 409 if refused else 200, refused, colleagues=colleagues,
            **views.duty(week, staff, present, frame.language),
        )  # fmt: skip

    async def staff_code(self, request: Request) -> Response:
        """A code that makes a chat a colleague's: one's own, or with `appoint` anybody's."""
        visitor = await self._entry.visitor(request)
        visitor.demand("duty")
        form = await self._entry.form(request, visitor)
        signed = visitor.signed
        try:
            colleague_id = counter.number_in(form.get("colleague")) or signed.staff.id
            code = await self._database.hop(
                lambda: self._desk.invite_colleague(signed.community_id, signed.staff.id, colleague_id, once_of(form))
            )
        except (ShownOnce, counter.Unreadable) as refused:
            return await self._duty_page(request, _why(refused, visitor.language))
        frame = await self._frame(request, "duty", "duty")
        staff = await self._database.ask(frame.community.id, lambda conn: directory.staff(conn, frame.community.id))
        name = next((s.name for s in staff if s.id == colleague_id), "")
        valid = frame.now + self._desk.core.policy.staff_invite_valid
        return await self._code(
            frame, code, title=name, role="", until=None, valid=valid, back_to="/desk/duty", printed=False
        )

    async def _code(self, frame: Frame, code: str, *, valid: datetime, **context: Any) -> Response:
        ways = await self._ways(frame, code, valid - frame.now)
        return self._show(frame, "code.html", code=code, ways=ways, valid=valid, **context)

    async def _ways(self, frame: Frame, code: str, lasts: timedelta) -> list[dict[str, Any]]:
        """The chats a code leads into, each with a QR code: the residents' page first."""
        page = ("webchat", f"{self._base}/chat/{frame.community.code}?start={code}")
        others = await self._links(frame.community.id, code, lasts)
        return [{"channel": channel, "link": link, "qr": qr.draw(link)} for channel, link in (page, *others)]

    # ── residents and colleagues ──

    async def people(self, request: Request) -> Response:
        frame = await self._frame(request, "people", "people")
        query = request.query_params
        tab = "staff" if query.get("tab") == "staff" else "residents"
        q = words_of(query.get("q", ""))
        if tab == "staff":
            staff = await self._database.ask(frame.community.id, lambda conn: directory.staff(conn, frame.community.id))
            present = await self._database.ask(frame.community.id, lambda conn: rota.present(conn, frame.community, frame.now))
            rows = [
                {"name": s.name, "role": s.role, "skills": s.skills, "on_duty": s.id in present, "active": s.active}
                for s in staff
                if q in s.name
            ]
            return self._show(frame, "people.html", tab=tab, q=q, rows=rows, page=1, pages=1)
        shown = await self._database.ask(
            frame.community.id, lambda conn: directory.residents(conn, frame.community.id, q, page_number(request), frame.today)
        )
        rows = [views.person(one, full=False) for one in shown.rows]
        return self._show(frame, "people.html", tab=tab, q=q, rows=rows, page=shown.page, pages=shown.pages)

    async def person(self, request: Request, resident_id: str) -> Response:
        frame = await self._frame(request, "people", "people")
        row = row_id(resident_id)
        found = await self._database.ask(frame.community.id, lambda conn: homes.person(conn, frame.community.id, row, frame.today))
        if found is None:
            raise NotFound(resident_id)
        await self._shown(frame.visitor, [s.household_id for s in found.stays] or [None], f"person {found.id}")
        full = access.may(frame.visitor.role, "contact")
        return self._show(frame, "person.html", resident=views.person(found, full=full))

    # ── rooms ──

    async def rooms(self, request: Request) -> Response:
        frame = await self._frame(request, "rooms", "rooms")
        q = words_of(request.query_params.get("q", ""))
        shown = await self._database.ask(
            frame.community.id, lambda conn: directory.rooms(conn, frame.community.id, q, page_number(request), frame.today)
        )
        rows = [
            {"url": f"/desk/rooms/{r.id}", "label": r.label, "building": r.building_code, "unit": r.unit_code,
             "room": r.room_code, "residents": r.residents, "open_tickets": r.open_tickets}
            for r in shown.rows
        ]  # fmt: skip
        return self._show(frame, "rooms.html", q=q, rows=rows, page=shown.page, pages=shown.pages)

    async def room(self, request: Request, room_id: str) -> Response:
        return await self._room_page(request, row_id(room_id))

    async def _room_page(self, request: Request, room_id: int, refused: str = "") -> Response:
        frame = await self._frame(request, "rooms", "rooms")
        home = await self._home(frame, room_id)
        await self._shown(frame.visitor, [h.id for h in home.households if h.stays or h.invites], "room")
        full = access.may(frame.visitor.role, "contact")
        return self._show(
            frame, "room.html", 409 if refused else 200, refused,
            room=views.home(home, full=full), may_bind=access.may(frame.visitor.role, "bind"), roles=counter.ROLES,
        )  # fmt: skip

    async def _home(self, frame: Frame, room_id: int) -> homes.Home:
        """A room of this community. Raises NotFound."""
        home = await self._database.ask(
            frame.community.id, lambda conn: homes.room(conn, frame.community.id, room_id, frame.now, frame.today)
        )
        if home is None:
            raise NotFound(room_id)
        return home

    async def _binding_form(self, request: Request, room_id: str) -> tuple[Frame, Form, homes.Home]:
        """A form about who belongs to this room. Raises Refused, NotFound."""
        visitor = await self._entry.visitor(request)
        visitor.demand("bind")
        form = await self._entry.form(request, visitor)
        frame = await self._frame(request, "rooms", "rooms")
        return frame, form, await self._home(frame, row_id(room_id))

    async def invite(self, request: Request, room_id: str) -> Response:
        frame, form, home = await self._binding_form(request, room_id)
        signed = frame.visitor.signed
        try:
            chosen, role, until = counter.home(form), counter.role(form), counter.day(form.get("until"))
            theirs = {h.id for h in home.households} | {identity.NewHousehold(home.id)}
            if chosen not in theirs:
                raise counter.Unreadable("refused_household")
            printed, name = bool(form.get("printed")), form.get("name")[:_LONGEST_NAME]
            code = await self._database.hop(
                lambda: self._desk.invite_into(
                    signed.community_id, signed.staff.id, chosen, role, name=name, until=until, printed=printed,
                    once=once_of(form),
                )
            )  # fmt: skip
        except (ShownOnce, DayOver, counter.Unreadable) as refused:
            return await self._room_page(request, home.id, _why(refused, frame.language))
        self._stirred()
        policy = self._desk.core.policy
        valid = frame.now + (policy.printed_invite_valid if printed else policy.invite_valid)
        return await self._code(
            frame, code, title=home.label, role=role, until=until, valid=valid, back_to=f"/desk/rooms/{home.id}", printed=printed
        )

    async def sheet(self, request: Request, room_id: str) -> Response:
        """A sheet to print, for the code that was just shown. It comes in a form: an address is kept in logs and histories."""
        frame, form, home = await self._binding_form(request, room_id)
        code = invitecode.find(form.get("code")) or ""
        row = await self._database.ask(
            frame.community.id, lambda conn: identity.opens(conn, frame.community.id, code, frame.now)
        )
        if row is None or row.room_id != home.id:
            raise NotFound("that code opens nothing here")
        written = invitecode.written(code)
        ways = await self._ways(frame, written, row.expires_at - frame.now)
        names = (frame.community.name, frame.community.name_en or frame.community.name)
        return self._show(
            frame, "sheet.html", code=written, ways=ways, label=home.label, names=names,
            role=row.role, valid=row.expires_at.astimezone(frame.community.zone).date(), duty_phone=frame.community.duty_phone,
            words={key: (word(key, "zh"), word(key, "en")) for key in _SHEET},
        )  # fmt: skip

    async def withdraw(self, request: Request, room_id: str) -> Response:
        frame, form, home = await self._binding_form(request, room_id)
        signed, chosen = frame.visitor.signed, row_id(form.get("invite"))
        if chosen not in {i.id for h in home.households for i in h.invites}:
            return await self._room_page(request, home.id, word("refused_withdrawn", frame.language))
        await self._database.hop(lambda: self._desk.withdraw_invite(signed.community_id, signed.staff.id, chosen))
        self._stirred()
        return back(f"/desk/rooms/{home.id}", "withdrawn")

    async def end(self, request: Request, room_id: str) -> Response:
        """Somebody has moved out. The second of two presses finds that it was done."""
        frame, form, home = await self._binding_form(request, room_id)
        signed, chosen = frame.visitor.signed, row_id(form.get("membership"))
        if chosen not in {s.id for h in home.households for s in h.stays if s.state != "ended"}:
            return await self._room_page(request, home.id, word("refused_ended", frame.language))
        await self._database.hop(lambda: self._desk.end_membership(signed.community_id, signed.staff.id, chosen))
        self._stirred()
        return back(f"/desk/rooms/{home.id}", "ended")

    # ── who was shown what ──

    async def disclosures(self, request: Request) -> Response:
        frame = await self._frame(request, "disclosures", "disclosures")
        day = day_of(request.query_params.get("day", ""), frame.today)
        number = page_number(request)
        since, until = day_span(day, frame.community.zone)
        found = await self._database.ask(
            frame.community.id, lambda conn: identity.disclosures(conn, frame.community.id, since, until, _PAGE + 1, (number - 1) * _PAGE)
        )
        following = day + timedelta(days=1)
        return self._show(
            frame, "disclosures.html", day=day, rows=[views.disclosure(one, frame.language) for one in found[:_PAGE]],
            previous=f"/desk/disclosures?day={day - timedelta(days=1)}",
            next=f"/desk/disclosures?day={following}" if following <= frame.today else None,
            newer=f"/desk/disclosures?day={day}&page={number - 1}" if number > 1 else None,
            older=f"/desk/disclosures?day={day}&page={number + 1}" if len(found) > _PAGE else None,
        )  # fmt: skip


_SHEET = ("sheet_title", "sheet_step_1", "sheet_step_2", "sheet_step_3", "sheet_code", "sheet_valid", "sheet_questions")


def day_span(day: Any, zone: Any) -> tuple[datetime, datetime]:
    """A local day as two instants."""
    begin = datetime.combine(day, time(), zone)
    return begin.astimezone(UTC), datetime.combine(day + timedelta(days=1), time(), zone).astimezone(UTC)


def _why(refused: Exception, language: str) -> str:
    if isinstance(refused, counter.Unreadable):
        return word(refused.key, language)
    return word("refused_day_past" if isinstance(refused, DayOver) else "refused_shown_once", language)
