"""What the tests of the pure core share: the shipped script, a small estate in memory, and a stage to talk on.

A Stage plays the part of the store around `step`: it gathers needs, opens and moves tickets, and keeps what was said.
It must never decide anything that `step` or `move` should decide, and it reads no clock: `now` is set by the test.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from bot.core import danger, policy, triage
from bot.core.calendar import Calendar
from bot.core.codec import state_from_json, state_to_json
from bot.core.dialogue import step
from bot.core.domain import Script, read_responses
from bot.core.flows import binding
from bot.core.tickets import INITIAL, KIND_CODES, is_open, move
from bot.core.types import (
    AmendTicket,
    Appointment,
    Binding,
    BindTo,
    Community,
    Effect,
    Event,
    Export,
    Facts,
    Forget,
    Heard,
    Held,
    Invitation,
    InviteView,
    MakeInvite,
    Matter,
    Media,
    Member,
    MoveTicket,
    Need,
    NeedHeld,
    NeedInvite,
    NeedMembers,
    NeedMore,
    NeedRecent,
    NeedRooms,
    NeedRoster,
    NeedTicket,
    NoteAttempt,
    OpenTicket,
    Redeem,
    Revoke,
    RoomRef,
    Roster,
    Say,
    SignIn,
    Speaker,
    State,
    Tell,
    TicketMoved,
    TicketView,
    TimerFired,
    Turn,
    Unbind,
)

ROOT = Path(__file__).parents[2]
DOMAIN_TEXT = (ROOT / "domain.yml").read_text(encoding="utf-8")
POLICY_RAW: dict[str, Any] = yaml.safe_load((ROOT / "data" / "policy.yml").read_text(encoding="utf-8"))
TRIAGE_RAW: dict[str, Any] = yaml.safe_load((ROOT / "data" / "triage.yml").read_text(encoding="utf-8"))
POLICY = policy.load(POLICY_RAW)
RULES = triage.load(TRIAGE_RAW)
RESPONSES, INTENTS, MISTAKES = read_responses(DOMAIN_TEXT)
ANSWERS = danger.load(
    yaml.safe_load((ROOT / "data" / "danger.yml").read_text(encoding="utf-8")), {row.name for row in RULES.dangers}
)
SCRIPT = Script(RESPONSES, POLICY, RULES, INTENTS, danger=ANSWERS)

ZONE = ZoneInfo("Asia/Shanghai")
#: The spring festival of a year, and the two weekend days worked in exchange.
HOLIDAYS = frozenset(date(2026, 2, d) for d in range(16, 24))
MAKE_UP = frozenset({date(2026, 2, 14), date(2026, 2, 28)})
CALENDAR = Calendar(ZONE, POLICY, HOLIDAYS, MAKE_UP, frozenset({2026}))


def local(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """An instant written as the office's wall clock shows it."""
    return datetime(year, month, day, hour, minute, tzinfo=ZONE)


#: A Wednesday, ten in the morning: the desk is open, nothing special is going on.
WEDNESDAY = local(2026, 3, 4, 10).astimezone(UTC)
COMMUNITY = Community(1, "YH", "悦和花园", "Yuehe Garden", ZONE, "010-60000000")
ROOMS = (
    RoomRef("4栋1单元703", "4", "1", "703", 1, True),
    RoomRef("4栋2单元703", "4", "2", "703", 2, True),
    RoomRef("5栋2单元301", "5", "2", "301", 3, True),
    RoomRef("3栋2单元501", "3", "2", "501", 4, True),
)
PHONE = "13800138000"
STRANGER = Speaker()
#: Who is on file: (room, name, last four figures) → the binding it leads to.
REGISTER = {("4-1-703", "王建国", "8000"): Binding(11, ROOMS[0], "owner", 21)}
OWNER = Speaker(7, "王女士", PHONE, (Binding(11, ROOMS[0], "owner", 21),))


def ticket(kind: str = "repair", status: str | None = None, number: int = 1, **changes: Any) -> TicketView:
    """A ticket as the store would show it."""
    base = TicketView(
        id=number,
        number=f"YH-{KIND_CODES[kind]}-{number:04d}",
        kind=kind,
        status=status or INITIAL[kind],
        category="general",
        description="厨房水龙头漏水",
        opened_at=WEDNESDAY,
        conversation_id=1,
    )
    return replace(base, **changes)


def heard(text: str, intent: str = "inform", confidence: float = 0.95, **changes: Any) -> Heard:
    """One message with one matter, as the NLU would have it."""
    return Heard(text, (Matter(text, intent, confidence),), **changes)


def photo(reference: str = "photo-1") -> Media:
    return Media("photo", reference)


@dataclass
class Stage:
    """One conversation with the desk, and a register in memory around it."""

    speaker: Speaker = STRANGER
    now: datetime = WEDNESDAY
    state: State = field(default_factory=lambda: State(noticed=POLICY.notice_version))
    tickets: list[TicketView] = field(default_factory=list)
    on_duty: bool = True
    rooms: tuple[RoomRef, ...] = ROOMS
    script: Script = SCRIPT
    effects: tuple[Effect, ...] = ()
    rounds: int = 0
    invites: dict[str, InviteView] = field(default_factory=dict)
    register: dict[tuple[str, str, str], Binding] = field(default_factory=lambda: dict(REGISTER))
    tries: list[tuple[str, datetime]] = field(default_factory=list)
    members: tuple[Member, ...] = ()

    def facts(self, gathered: Mapping[Need, Any] | None = None) -> Facts:
        open_now = tuple(t for t in reversed(self.tickets) if is_open(t))
        return Facts(
            self.now, COMMUNITY, self.speaker, 1, open_now, self.on_duty, CALENDAR, dict(gathered or {})
        )

    def _gather(self, need: Need) -> Any:
        if isinstance(need, NeedRooms):
            fits = (
                r
                for r in self.rooms
                if need.building in (None, r.building) and need.unit in (None, r.unit) and need.room in (None, r.room)
            )
            return tuple(fits)[:6]
        if isinstance(need, NeedTicket):
            return next((t for t in self.tickets if t.number == need.number), None)
        if isinstance(need, NeedRecent):
            return tuple(reversed(self.tickets))[:5]
        if isinstance(need, NeedInvite):
            return Invitation(self.invites.get(need.code), self._tried(lambda room: True, need.since))
        if isinstance(need, NeedRoster):
            key = binding.key_of(need.building, need.unit, need.room)
            found = self.register.get((key, need.name, need.tail or need.phone[-4:]))
            return Roster(
                found, 7 if found else None, self._tried(lambda room: True, need.since),
                self._tried(lambda room: room == key, need.since),
            )  # fmt: skip
        if isinstance(need, NeedMembers):
            return self.members
        assert isinstance(need, NeedHeld)
        return Held(4, len(self.tickets), 0, 1)

    def _tried(self, counts: Callable[[str], bool], since: datetime) -> tuple[datetime, ...]:
        return tuple(at for room, at in self.tries if counts(room) and at > since)

    def outcome(self, event: Event) -> Turn:
        """The Turn this event leads to, with its needs gathered; the stage itself is left as it was."""
        gathered: dict[Need, Any] = {}
        for self.rounds in range(4):
            answer = step(self.script, self.state, event, self.facts(gathered))
            if isinstance(answer, Turn):
                return answer
            assert isinstance(answer, NeedMore) and answer.needs
            gathered |= {need: self._gather(need) for need in answer.needs}
        raise AssertionError(f"more than three rounds of needs for {event!r}")

    def take(self, event: Event) -> Turn:
        """Play the event and do its effects, as the store would in one transaction."""
        turn = self.outcome(event)
        self.state, self.effects = turn.state, turn.effects
        assert state_from_json(json.loads(json.dumps(state_to_json(self.state)))) == self.state
        for effect in turn.effects:
            if isinstance(effect, OpenTicket):
                self._open(effect)
            elif isinstance(effect, MoveTicket):
                self._move(effect.ticket_id, effect.action, effect.by_role, effect.note)
            elif isinstance(effect, AmendTicket):
                self._amend(effect)
            elif isinstance(effect, NoteAttempt) and not effect.matched:
                self.tries.append((effect.room, self.now))
            elif isinstance(effect, BindTo):
                self.speaker = OWNER
            elif isinstance(effect, Redeem):
                self.speaker = replace(OWNER, name=effect.name or OWNER.name)
                del self.invites[effect.code]
            elif isinstance(effect, Unbind | Forget):
                self.speaker = STRANGER
            elif isinstance(effect, Revoke):
                self.members = tuple(m for m in self.members if m.membership_id != effect.membership_id)
        return turn

    def _open(self, effect: OpenTicket) -> None:
        draft = effect.draft
        self.tickets.append(
            ticket(
                draft.kind,
                number=len(self.tickets) + 1,
                category=draft.category,
                priority=str(draft.priority),
                description=draft.description,
                room=draft.room.label if draft.room else "",
                location=draft.location,
                public_area=draft.public_area,
                contact=draft.contact,
                appointment=draft.appointment,
                opened_at=self.now,
                requester_verified=draft.requester_verified,
            )
        )

    def _index(self, ticket_id: int) -> int:
        return next(i for i, t in enumerate(self.tickets) if t.id == ticket_id)

    def _move(self, ticket_id: int, action: str, role: str, note: str, name: str = "") -> TicketView:
        index = self._index(ticket_id)
        self.tickets[index], _ = move(self.tickets[index], action, role, self.now, note, name)
        return self.tickets[index]

    def _amend(self, effect: AmendTicket) -> None:
        index = self._index(effect.ticket_id)
        if effect.kind == "urge":
            self.tickets[index] = replace(self.tickets[index], urged_at=self.now)
        if effect.kind == "appointment":
            self.tickets[index] = replace(self.tickets[index], appointment=effect.appointment)

    # ── What people do on the stage ─────────────────────────────────────────────────────────────────────────────────

    def surely(self, event: Any, intent: str) -> bool:
        """Whether the classifier is sure that this is what was meant."""
        return bool(event.matters) and event.matters[0].intent == intent and event.matters[0].confidence >= self.script.policy.sure

    def says(self, text: str, intent: str = "inform", confidence: float = 0.95, **changes: Any) -> Stage:
        self.take(heard(text, intent, confidence, **changes))
        return self

    def taps(self, value: str) -> Stage:
        """Press a button: `value` is its payload."""
        self.take(Heard(button=value))
        return self

    def staff(self, action: str, role: str = "technician", note: str = "", name: str = "李师傅", number: int = 1) -> Stage:
        """A member of staff moves a ticket; the conversation hears of it."""
        moved = self._move(number, action, role, note, name)
        self.take(TicketMoved(moved, action, role, name, note))
        return self

    def fires(self, kind: str, number: int | None = None, round: int = 1, **data: Any) -> Stage:
        """A due row comes to its instant."""
        subject = self.tickets[self._index(number)] if number else None
        self.take(TimerFired(kind, round, subject, data))
        return self

    def waits(self, **length: float) -> Stage:
        self.now += timedelta(**length)
        return self

    # ── What was seen ───────────────────────────────────────────────────────────────────────────────────────────────

    @property
    def lines(self) -> tuple[Say, ...]:
        """Everything the resident reads after the last event."""
        return said_in(self.effects)

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(line.key for line in self.lines)

    @property
    def text(self) -> str:
        return "\n".join(line.text for line in self.lines)

    @property
    def opened(self) -> tuple[OpenTicket, ...]:
        return tuple(e for e in self.effects if isinstance(e, OpenTicket))

    @property
    def told(self) -> tuple[Tell, ...]:
        return tuple(e for e in self.effects if isinstance(e, Tell))


def said_in(effects: tuple[Effect, ...]) -> tuple[Say, ...]:
    """The messages of a turn, those included that follow a ticket, a code or a link made by the store."""
    out: list[Say] = []
    for effect in effects:
        if isinstance(effect, Say):
            out.append(effect)
        elif isinstance(effect, OpenTicket | MakeInvite | Export | SignIn):
            out.extend(effect.then)
        elif isinstance(effect, Forget):
            out.append(effect.last)
    return tuple(out)


def visit(day: int, begin: int, end: int) -> Appointment:
    """A visit in March 2026, by the office's wall clock."""
    return Appointment(local(2026, 3, day, begin).astimezone(UTC), local(2026, 3, day, end).astimezone(UTC), "约好的时间")
