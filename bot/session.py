"""One conversation driven line by line: what `bot chat --json` speaks, and what the golden conversations are run with.

Everything goes the real way: inbox row, claim, NLU, turn, outbox, channel. Only the loops are replaced: after each line
the session drains what there is, so that an answer is complete when it is printed. The desk clock stands still between
lines and moves by "advance" alone.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

from sqlalchemy import Connection, func, insert, or_, select

from bot import rota, store
from bot.app import App
from bot.casebook import Asker, own_by_number
from bot.channels import Inbound, Message
from bot.core.access import Refused, sees
from bot.core.codec import state_from_json, state_to_json
from bot.core.resolve.invitecode import ALPHABET
from bot.core.resolve.where import room as rooms
from bot.core.tickets import ENDS, TRANSITIONS, WORK_PATH, IllegalMove
from bot.core.types import Language, Media, RoomRef, State, TicketDraft, TicketView
from bot.database import EVERY
from bot.tables import table
from bot.turns import NotYours
from bot.work import NotFound

TICKET, EVENT, OUTBOX, STAFF = table("ticket"), table("ticket_event"), table("outbox"), table("staff")
CONVERSATION, ROOM, HOUSEHOLD = table("conversation"), table("room"), table("household")
MEMBERSHIP, RESIDENT = table("membership"), table("resident")

#: What staff say for an action, beside the table's own names.
SPOKEN: Mapping[str, str] = {
    "grab": "accept", "take": "accept", "on_the_way": "depart", "en_route": "depart", "go": "depart",
    "on_site": "arrive", "arrived": "arrive", "start": "arrive", "hold": "pause", "on_hold": "pause",
    "complete": "done", "finish": "done", "resolve": "done", "resolved": "done", "give_back": "return",
    "接单": "accept", "上门": "depart", "到场": "arrive", "暂停": "pause", "退单": "return", "回单": "done", "恢复": "resume",
}  # fmt: skip
_SPANS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
#: An invite code as it is shown.
_CODE = re.compile(rf"\b[{ALPHABET}]{{5}}-[{ALPHABET}]{{5}}\b")
_WORK_NOTE = "已处理"
#: Who acts when a line does not say: whoever is nearest to the work, on duty before off duty.
_ROLES = ("technician", "steward", "cashier", "supervisor", "manager", "guard")


class BadLine(ValueError):
    """The line cannot be carried out; the message says why. Nothing was changed."""


@dataclass(slots=True)
class Session:
    """One speaker's conversation with a desk.

    Args:
        app: the desk; its console channel must show into `shown`.
        shown: where the console channel puts (address, message).
    """

    app: App
    shown: list[tuple[str, Message]]
    address: str = field(default_factory=lambda: f"chat-{uuid4().hex[:12]}")
    conversation_id: int = 0
    code: str = ""
    _others: dict[str, tuple[str, int]] = field(default_factory=dict)
    _speaker: str = ""
    _count: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    # ── the speaker ──

    def begin(self, speak_as: str | None = None, language: Language | None = None) -> None:
        """Open the conversation, as a stranger or as somebody of the register.

        Raises BadLine when nobody of that room or name is in the register.
        """

        def create(conn: Connection) -> int:
            resident_id = _resident(conn, self.app.community_id, speak_as) if speak_as else None
            state = state_to_json(State(language=language)) if language else {}
            made = conn.execute(
                insert(CONVERSATION)
                .values(
                    community_id=self.app.community_id,
                    channel="console",
                    account="",
                    address=self.address,
                    resident_id=resident_id,
                    state=state,
                    state_version=0,
                )
                .returning(CONVERSATION.c.id)
            )
            return int(made.scalar_one())

        self.conversation_id = self.app.database.write(self.app.community_id, create)

    # ── one line ──

    async def line(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Carry one line out and tell everything that came of it. Raises BadLine."""
        within = self.app.community_id
        before = self.app.database.read(within, lambda conn: _high_water(conn, within))
        self.shown.clear()
        self.app.ear.last = None
        carry_out = next((run for key, run in _LINES.items() if key in given), None)
        if carry_out is None:
            raise BadLine(f"the line has none of: {', '.join(_LINES)}")
        await carry_out(self, given)
        await self.settle()
        for _, message in self.shown:
            if made := _CODE.search(message.text):
                self.code = made[0]
        return self._told(given, before)

    async def settle(self) -> None:
        """Until nothing is left to hear, to fire or to send at this instant."""
        workers = self.app.workers
        while await workers.hear_one():
            pass
        await workers.tick()
        while await workers.send_some():
            pass

    async def _accept(self, *, at_once: bool = True, **words: Any) -> None:
        inbound = Inbound("console", "", f"{self.address}-{next(self._count)}", self.address, **words)
        await self.app.workers.accept(self.app.community_id, inbound, at_once=at_once)

    async def _text(self, given: Mapping[str, Any]) -> None:
        await self._accept(text=self._with_code(given["text"]), group=bool(given.get("group", False)))

    def _with_code(self, said: Any) -> str:
        """The words, `{code}` in them replaced by the invite code made or shown last."""
        return str(said).replace("{code}", self.code)

    async def _start(self, given: Mapping[str, Any]) -> None:
        await self._accept(start=self._with_code(given["start"]), event="arrived")

    async def _phone(self, given: Mapping[str, Any]) -> None:
        await self._accept(phone=str(given["phone"]))

    async def _as(self, given: Mapping[str, Any]) -> None:
        """Somebody else takes the keyboard: a name of the talk's own, each with a conversation of its own."""
        name = str(given["speaker"])
        self._others[self._speaker] = (self.address, self.conversation_id)
        self._speaker = name
        if name in self._others:
            self.address, self.conversation_id = self._others[name]
            return
        self.address = f"chat-{uuid4().hex[:12]}"
        self.begin(given.get("as"))

    async def _invite(self, given: Mapping[str, Any]) -> None:
        """The office makes a code: for a role in a room, or for a colleague."""
        desk, within = self.app.desk, self.app.community_id
        if given["invite"] == "staff":
            staff_id = self._colleague(str(given["name"]))
            self.code = desk.invite_colleague(within, staff_id, staff_id)
        else:
            household = self.app.database.read(within, lambda c: _household(c, within, str(given["room"])))
            self.code = desk.invite_into(within, self._colleague("steward"), household, str(given["invite"]))

    async def _recognise(self, given: Mapping[str, Any]) -> None:
        """Staff have looked at the papers of the application."""
        within, ticket = self.app.community_id, self._ticket(given["recognise"])
        household = self.app.database.read(within, lambda c: _household(c, within, ticket.room))
        self.app.desk.recognise(within, self._colleague("steward"), ticket.number, household, str(given["role"]))

    async def _move_out(self, given: Mapping[str, Any]) -> None:
        """Staff end every membership of whoever has the keyboard."""
        within = self.app.community_id

        def mine(conn: Connection) -> list[int]:
            own = select(CONVERSATION.c.resident_id).where(
                CONVERSATION.c.community_id == within, CONVERSATION.c.id == self.conversation_id
            )
            found = select(MEMBERSHIP.c.id).where(
                MEMBERSHIP.c.community_id == within, MEMBERSHIP.c.resident_id == own.scalar_subquery()
            )
            return list(conn.scalars(found))

        for membership in self.app.database.read(within, mine):
            self.app.desk.end_membership(within, self._colleague("steward"), membership)

    def _colleague(self, named: str) -> int:
        """A member of staff by name or role. Raises BadLine."""
        within = self.app.community_id
        found = self.app.database.read(
            within,
            lambda c: c.scalar(
                select(STAFF.c.id)
                .where(STAFF.c.community_id == within, STAFF.c.active, or_(STAFF.c.name == named, STAFF.c.role == named))
                .order_by(STAFF.c.id)
                .limit(1)
            ),
        )
        if found is None:
            raise BadLine(f"there is nobody named {named} on the staff")
        return int(found)

    async def _button(self, given: Mapping[str, Any]) -> None:
        await self._accept(button=str(given["button"]))

    async def _photo(self, given: Mapping[str, Any]) -> None:
        await self._accept(media=(Media("photo", str(given["photo"] or "photo")),))

    async def _voice(self, given: Mapping[str, Any]) -> None:
        await self._accept(media=(Media("voice", str(given["voice"] or "voice")),))

    async def _location(self, given: Mapping[str, Any]) -> None:
        place = given["location"]
        await self._accept(location=place if isinstance(place, str) else _coordinates(place))

    async def _burst(self, given: Mapping[str, Any]) -> None:
        if not isinstance(given["burst"], Sequence) or isinstance(given["burst"], str) or not given["burst"]:
            raise BadLine("burst: a list of lines is needed")
        for words in given["burst"]:  # each counts as one message, also for the limit of a flood
            await self._accept(at_once=False, text=str(words))

    async def _take_over(self, given: Mapping[str, Any]) -> None:
        """A colleague takes the conversation."""
        who = self._colleague(str(given["take_over"] or "steward"))
        self._staff_do(lambda: self.app.desk.take_over(self.app.community_id, who, self.conversation_id))

    async def _speak(self, given: Mapping[str, Any]) -> None:
        """The colleague who has the conversation writes in it."""
        who = self._colleague(str(given.get("by") or "steward"))
        once = f"{self.address}-{next(self._count)}"
        self._staff_do(
            lambda: self.app.desk.speak(self.app.community_id, who, self.conversation_id, str(given["speak"]), once)
        )

    async def _file(self, given: Mapping[str, Any]) -> None:
        """Staff file a ticket for the speaker, who has rung."""
        within, who = self.app.community_id, self._colleague(str(given.get("by") or "steward"))
        home = self.app.database.read(within, lambda c: _home_of(c, within, self.conversation_id))
        draft = TicketDraft(str(given.get("kind", "repair")), "general", str(given["file"]))
        if home is not None:
            room = RoomRef(home.label, home.building_code, home.unit_code, home.room_code, home.room_id, True)
            draft = replace(
                draft, room=room, household_id=home.household_id, contact=home.phone, contact_name=home.name,
                requester_verified=True,
            )  # fmt: skip
        once = f"{self.address}-{next(self._count)}"
        self._staff_do(
            lambda: self.app.desk.file_ticket(within, who, draft, "phone", once, home.resident_id if home else None)
        )

    async def _unheard(self, given: Mapping[str, Any]) -> None:
        """A message the desk fails at every time: given up, as after its third try."""
        await self._accept(text=str(given["unheard"]))
        desk, token = self.app.desk, self.app.workers.token()
        claim = desk.database.write(
            EVERY, lambda conn: store.claim_conversation(conn, token, desk.machine.now(), self.app.workers.pace.lease)
        )
        if claim is None or claim.conversation_id != self.conversation_id:
            raise BadLine("some other message waits to be heard")
        desk.park(claim, "it failed three times")

    def _staff_do(self, use_case: Callable[[], object]) -> None:
        try:
            use_case()
        except (IllegalMove, NotFound, NotYours, Refused) as refused:
            raise BadLine(str(refused)) from None

    async def _act(self, given: Mapping[str, Any]) -> None:
        said = str(given["act"]).strip()
        action = SPOKEN.get(said.lower().replace(" ", "_").replace("-", "_"), said)
        ticket = self._ticket(given.get("ticket", "last"))
        self._move(ticket, action, str(given.get("note") or ""), given.get("by"))

    async def _work(self, given: Mapping[str, Any]) -> None:
        """By legal moves to where the resident is asked; each move's news is sent as it would be."""
        ticket = self._ticket(given["work"])
        path = WORK_PATH[ticket.kind]
        moved = False
        for _ in range(2 * len(path)):
            able = TRANSITIONS[ticket.kind][ticket.status]
            action = next((a for a in (*path, "resume") if a in able), None)
            if action is None or (moved and ticket.status in ENDS[ticket.kind]):
                break
            self._move(ticket, action, str(given.get("note") or _WORK_NOTE), given.get("by"))
            moved = True
            await self.settle()
            ticket = self._ticket(ticket.number)
            if action == path[-1]:
                break
        if not moved:
            raise BadLine(f"{ticket.number} is {ticket.status}: there is no work left on it")

    async def _advance(self, given: Mapping[str, Any]) -> None:
        until = self.app.desk.clock.now() + span(str(given["advance"]))
        self.app.desk.advance(until)

    def _move(self, ticket: TicketView, action: str, note: str, by: Any) -> None:
        staff_id = self._actor(ticket, action, str(by) if by else None)
        desk, within = self.app.desk, self.app.community_id
        if action == "acknowledge_escalation":
            self._staff_do(lambda: desk.acknowledge(within, staff_id, ticket.number))
        else:
            self._staff_do(lambda: desk.act_on_ticket(within, staff_id, ticket.number, action, note))

    def _actor(self, ticket: TicketView, action: str, by: str | None) -> int:
        staff = self.app.database.read(
            self.app.community_id,
            lambda c: c.execute(
                select(STAFF.c.id, STAFF.c.name, STAFF.c.role)
                .where(STAFF.c.community_id == self.app.community_id, STAFF.c.active)
                .order_by(STAFF.c.id)
            ).all(),
        )
        if by is not None:
            named = next((s for s in staff if by in (s.name, s.role)), None)
            if named is None:
                raise BadLine(f"there is nobody named {by} on the staff")
            return int(named.id)
        rule = TRANSITIONS[ticket.kind][ticket.status].get(action)
        able = [s for s in staff if sees(s.role, ticket.kind) and (rule is None or s.role in rule.by)]
        if not able:
            raise BadLine(f"nobody on the staff may take '{action}'")
        on_duty = self.app.database.read(self.app.community_id, self._on_duty)
        able.sort(
            key=lambda s: (
                s.name != ticket.assignee,
                _ROLES.index(s.role) if s.role in _ROLES else len(_ROLES),
                s.id not in on_duty,
            )
        )
        return int(able[0].id)

    def _on_duty(self, conn: Connection) -> frozenset[int]:
        community = store.community(conn, self.app.community_id)
        now = self.app.desk.clock.now()
        return frozenset(
            person.id for role in _ROLES for person in rota.audience(conn, community, now, role)
        )

    def _ticket(self, number: Any) -> TicketView:
        """A ticket of this conversation, or (by its number) of this community."""
        if number == "last":
            number = self.app.database.read(
                self.app.community_id,
                lambda c: c.scalar(
                    select(TICKET.c.number)
                    .where(
                        TICKET.c.community_id == self.app.community_id,
                        TICKET.c.conversation_id == self.conversation_id,
                        TICKET.c.kind != "follow_up",
                    )
                    .order_by(TICKET.c.id.desc())
                    .limit(1)
                ),
            )
        found = self.app.database.read(self.app.community_id, lambda c: self._by_number(c, str(number)))
        if found is None:
            raise BadLine("there is no such ticket here")
        return found

    def _by_number(self, conn: Connection, number: str) -> TicketView | None:
        row = conn.execute(
            select(TICKET.c.conversation_id, TICKET.c.resident_id).where(
                TICKET.c.community_id == self.app.community_id, TICKET.c.number == number
            )
        ).one_or_none()
        if row is None:
            return None
        today = self.app.desk.clock.now().date()
        case = own_by_number(conn, Asker(self.app.community_id, row.conversation_id, row.resident_id, today), number)
        return case.view if case else None

    # ── what came of it ──

    def _told(self, given: Mapping[str, Any], before: tuple[int, int]) -> dict[str, Any]:
        return self.app.database.read(self.app.community_id, lambda conn: self._outcome(conn, given, before))

    def _outcome(self, conn: Connection, given: Mapping[str, Any], before: tuple[int, int]) -> dict[str, Any]:
        heard, own = self.app.ear.last, self.app.community_id
        moved = select(EVENT.c.ticket_id).where(EVENT.c.community_id == own, EVENT.c.id > before[0])
        numbers = conn.scalars(
            select(TICKET.c.number)
            .where(TICKET.c.community_id == own, TICKET.c.id.in_(moved))
            .order_by(TICKET.c.id)
        ).all()
        views = [view for n in numbers if (view := self._by_number(conn, n)) is not None]
        told = conn.execute(
            select(STAFF.c.role, STAFF.c.name, OUTBOX.c.text)
            .join(STAFF, (STAFF.c.community_id == OUTBOX.c.community_id) & (STAFF.c.id == OUTBOX.c.staff_id))
            .where(OUTBOX.c.community_id == own, OUTBOX.c.id > before[1])
            .order_by(OUTBOX.c.id)
        ).all()
        saved = conn.scalar(
            select(CONVERSATION.c.state).where(
                CONVERSATION.c.community_id == own, CONVERSATION.c.id == self.conversation_id
            )
        )
        state = state_from_json(saved or {})
        zone = store.community(conn, own).zone
        return {
            "in": given,
            "at": self.app.desk.clock.now().astimezone(zone).isoformat(timespec="seconds"),
            "heard": {
                "matters": [
                    {
                        "text": m.text,
                        "intent": m.intent,
                        "confidence": round(m.confidence, 4),
                        "entities": [
                            {"entity": e.entity, "value": e.value, "start": e.start, "end": e.end} for e in m.entities
                        ],
                    }
                    for m in (heard.matters if heard else ())
                ],
                "triage": {"danger": heard.triage.danger, "matched": heard.triage.matched}
                if heard and heard.triage
                else None,
                "language": heard.language if heard else state.language,
            },
            "replies": [
                {"text": m.text, "buttons": [{"label": b.label, "value": b.value} for b in m.buttons]}
                for to, m in self.shown
                if to == self.address
            ],
            "tickets": [_shown(view, zone) for view in views],
            "notified": [{"role": t.role, "name": t.name, "text": t.text} for t in told],
            "flow": state.flow,
            "asking": state.asking,
            "mode": state.mode,
        }


_LINES = {
    "text": Session._text,
    "button": Session._button,
    "photo": Session._photo,
    "location": Session._location,
    "voice": Session._voice,
    "burst": Session._burst,
    "act": Session._act,
    "work": Session._work,
    "advance": Session._advance,
    "speaker": Session._as,
    "start": Session._start,
    "phone": Session._phone,
    "invite": Session._invite,
    "recognise": Session._recognise,
    "move_out": Session._move_out,
    "take_over": Session._take_over,
    "speak": Session._speak,
    "file": Session._file,
    "unheard": Session._unheard,
}


def span(text: str) -> timedelta:
    """"26h", "2d", "90m", "1d 2h" → timedelta. Raises BadLine."""
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smhdw])", text.strip().lower())
    if not parts or re.sub(r"(\d+(?:\.\d+)?)\s*([smhdw])|\s", "", text.strip().lower()):
        raise BadLine(f"advance: '{text}' is not a span; write for example 26h, 30m or 7d")
    return sum((timedelta(**{_SPANS[unit]: float(n)}) for n, unit in parts), timedelta())


def _coordinates(place: Any) -> str:
    if isinstance(place, Mapping):
        return " ".join(str(v) for v in place.values())
    return str(place)


def _high_water(conn: Connection, community_id: int) -> tuple[int, int]:
    events = conn.scalar(select(func.max(EVENT.c.id)).where(EVENT.c.community_id == community_id)) or 0
    letters = conn.scalar(select(func.max(OUTBOX.c.id)).where(OUTBOX.c.community_id == community_id)) or 0
    return int(events), int(letters)


def _shown(view: TicketView, zone: Any) -> dict[str, Any]:
    visit = view.appointment
    return {
        "number": view.number,
        "kind": view.kind,
        "status": view.status,
        "priority": str(view.priority),
        "category": view.category,
        "room": view.room,
        "location": view.location,
        "appointment": {
            "start": visit.start.astimezone(zone).isoformat(timespec="minutes"),
            "end": visit.end.astimezone(zone).isoformat(timespec="minutes"),
            "text": visit.text,
        }
        if visit
        else None,
        "contact": view.contact,
        "description": view.description,
        "photos": view.photos,
        "requester_verified": view.requester_verified,
    }


def _household(conn: Connection, community_id: int, said: str) -> int:
    """The household of a room. Raises BadLine."""
    parts = next(iter(rooms.mentions(said)), None)
    found = None
    if parts is not None:
        found = conn.scalar(
            select(HOUSEHOLD.c.id)
            .join(ROOM, (ROOM.c.community_id == HOUSEHOLD.c.community_id) & (ROOM.c.id == HOUSEHOLD.c.room_id))
            .where(
                HOUSEHOLD.c.community_id == community_id,
                ROOM.c.building_code == (parts.building or ""),
                ROOM.c.unit_code == (parts.unit or ""),
                ROOM.c.room_code == (parts.room or ""),
            )
            .order_by(HOUSEHOLD.c.id)
            .limit(1)
        )
    if found is None:
        raise BadLine(f"nobody of the register lives in {said}")
    return int(found)


def _home_of(conn: Connection, community_id: int, conversation_id: int) -> Any:
    """The speaker of a conversation with the first home of theirs; None for a stranger."""
    return conn.execute(
        select(
            ROOM.c.label, ROOM.c.building_code, ROOM.c.unit_code, ROOM.c.room_code, ROOM.c.id.label("room_id"),
            MEMBERSHIP.c.household_id, RESIDENT.c.id.label("resident_id"), RESIDENT.c.name, RESIDENT.c.phone,
        )
        .select_from(CONVERSATION)
        .join(RESIDENT, (RESIDENT.c.community_id == CONVERSATION.c.community_id) & (RESIDENT.c.id == CONVERSATION.c.resident_id))
        .join(MEMBERSHIP, (MEMBERSHIP.c.community_id == RESIDENT.c.community_id) & (MEMBERSHIP.c.resident_id == RESIDENT.c.id))
        .join(HOUSEHOLD, (HOUSEHOLD.c.community_id == MEMBERSHIP.c.community_id) & (HOUSEHOLD.c.id == MEMBERSHIP.c.household_id))
        .join(ROOM, (ROOM.c.community_id == HOUSEHOLD.c.community_id) & (ROOM.c.id == HOUSEHOLD.c.room_id))
        .where(CONVERSATION.c.community_id == community_id, CONVERSATION.c.id == conversation_id)
        .order_by(MEMBERSHIP.c.id)
        .limit(1)
    ).one_or_none()  # fmt: skip


def _resident(conn: Connection, community_id: int, said: str) -> int:
    """The first person of a room's household, or the resident of that name."""
    mentioned = rooms.mentions(said)
    if mentioned:
        parts = mentioned[0]
        conditions = [ROOM.c.community_id == community_id, ROOM.c.room_code == (parts.room or "")]
        if parts.building:
            conditions.append(ROOM.c.building_code == parts.building)
        if parts.unit:
            conditions.append(ROOM.c.unit_code == parts.unit)
        found = conn.scalar(
            select(MEMBERSHIP.c.resident_id)
            .join(HOUSEHOLD, (HOUSEHOLD.c.community_id == MEMBERSHIP.c.community_id) & (HOUSEHOLD.c.id == MEMBERSHIP.c.household_id))
            .join(ROOM, (ROOM.c.community_id == HOUSEHOLD.c.community_id) & (ROOM.c.id == HOUSEHOLD.c.room_id))
            .where(*conditions)
            .order_by(MEMBERSHIP.c.id)
            .limit(1)
        )
    else:
        found = conn.scalar(
            select(RESIDENT.c.id).where(
                RESIDENT.c.community_id == community_id, or_(RESIDENT.c.name == said, RESIDENT.c.phone == said)
            )
        )
    if found is None:
        raise BadLine(f"nobody of {said} is in the register")
    return int(found)

