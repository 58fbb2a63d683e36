"""The three use cases: a resident was heard, a ticket was moved by staff, a due row fired.

Each is: lock (tickets in the order of their ids, then the conversation) → load the facts → `step` → apply its effects →
save, in one transaction. So either everything of a turn exists or nothing does, whatever crashes. Nothing here sends,
parses or waits; nothing outside writes conversations, tickets, due rows or the outbox.

`step` may name a ticket that was not locked (an older one, found by its number). Locking it after the conversation would
break the lock order, so the transaction is begun again with that ticket among the first locks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, bindparam, select

from bot import casebook, dues, escalations, outbox, rota, store
from bot.casebook import Asker, Case
from bot.clock import Clock, DeskClock
from bot.core.types import (
    AmendTicket,
    Appointment,
    CancelReminders,
    Community,
    Effect,
    Escalate,
    Event,
    Facts,
    Heard,
    MoveTicket,
    NeedMore,
    OpenTicket,
    Priority,
    Remind,
    SaveAnswer,
    Say,
    Speaker,
    State,
    Tell,
    TicketDraft,
    TicketMoved,
    TicketView,
    TimerFired,
    Turn,
)
from bot.database import Database, crash_point
from bot.dues import Deadline, DueRow
from bot.outbox import Address
from bot.store import Claim, ClaimLost, Talk
from bot.tables import table

T = TypeVar("T", covariant=True)

GATHER_ROUNDS = 3
LOCK_ROUNDS = 4

STAFF_CHANNEL = "desk"


@dataclass(frozen=True, slots=True)
class Core:
    """The pure core, as the use cases call it. The app binds script, policy and calendar to it.

    `words(key, values, language)` gives a text of domain.yml. `deadlines(community, ticket, paused)` the running clocks.
    """

    step: Callable[[State, Event, Facts], Turn | NeedMore]
    move: Callable[[TicketView, str, str, datetime, str, str], tuple[TicketView, Any]]
    deadlines: Callable[[Community, TicketView, timedelta], Sequence[Deadline]]
    encode: Callable[[State], Mapping[str, Any]]
    decode: Callable[[Mapping[str, Any]], State]
    is_open: Callable[[TicketView], bool]
    initial: Mapping[str, str]
    kind_codes: Mapping[str, str]
    words: Callable[[str, Mapping[str, Any], str], str]


@dataclass(frozen=True, slots=True)
class Change:
    """What staff state together with an action: who gets the work, until when it rests, when somebody comes."""

    assignee_id: int | None = None
    resume_at: datetime | None = None
    appointment: Appointment | None = None


class NotFound(LookupError):
    """No such ticket, or no such member of staff, in this community. The message is for staff."""


class EndlessNeeds(RuntimeError):
    """`step` asked for more a fourth time: a fault of a flow."""


class _UseCase(Protocol[T]):
    """A transaction that must lock the tickets in `also` besides those it knows of."""

    def __call__(self, conn: Connection, also: frozenset[int]) -> T: ...


class _LockFirst(Exception):
    def __init__(self, ticket_id: int) -> None:
        self.ticket_id = ticket_id


@dataclass(slots=True)
class _Work:
    """One transaction's working set: what is locked, what was loaded, what will be sent."""

    conn: Connection
    core: Core
    community: Community
    now: datetime
    machine_now: datetime
    cases: dict[int, Case]
    talk: Talk | None
    asker: Asker
    subject: Case | None = None
    speaker: Speaker = field(default_factory=Speaker)
    letters: list[dict[str, Any]] = field(default_factory=list)
    opened: TicketView | None = None

    # ── the step ──

    def step(self, event: Event) -> State:
        """Load, ask the pure core, apply. Returns the new state."""
        state = self.core.decode(self.talk.state) if self.talk else State()
        if self.talk:
            self.speaker = store.speaker(self.conn, self.community.id, self.talk, self.asker.today)
        facts = Facts(
            now=self.now,
            community=self.community,
            speaker=self.speaker,
            conversation_id=self.talk.id if self.talk else None,
            open_tickets=tuple(
                c.view for c in sorted(self.cases.values(), key=lambda c: -c.view.id) if self._facts_show(c)
            )[: casebook.OPEN_LIMIT],
            on_duty=rota.on_duty(self.conn, self.community, self.now),
        )
        crash_point("turn.loaded")
        answer = self.core.step(state, event, facts)
        rounds = 0
        while isinstance(answer, NeedMore):
            if rounds == GATHER_ROUNDS:
                raise EndlessNeeds(f"step still needs {answer.needs} after {GATHER_ROUNDS} rounds")
            rounds += 1
            found = store.gather(self.conn, self.asker, answer.needs)
            facts = replace(facts, gathered={**facts.gathered, **found})
            answer = self.core.step(state, event, facts)
        crash_point("turn.stepped")
        self.apply(answer.effects)
        return answer.state

    def _facts_show(self, case: Case) -> bool:
        """Open, and the speaker's own; a ticket locked for another reason is not shown."""
        if not self.core.is_open(case.view):
            return False
        if self.talk is None:
            return case is self.subject
        own = case.view.conversation_id == self.talk.id
        return own or case.household_id in {b.household_id for b in self.speaker.bindings}

    def apply(self, effects: Iterable[Effect]) -> None:
        """Every effect, in order; messages are written last, together."""
        for effect in effects:
            _APPLY[type(effect)](self, effect)
            crash_point("turn.effect")
        self.post()

    def post(self) -> None:
        """Write the messages collected so far."""
        outbox.put(self.conn, self.letters)
        self.letters.clear()
        crash_point("turn.outbox")

    # ── effects ──

    def say(self, say: Say) -> None:
        if self.talk is not None:
            self._letter(self.talk.address, say, self.subject.view.id if self.subject else None)
        elif self.subject is not None:
            # A ticket of the counter or the telephone: no message can reach its requester.
            casebook.phone_task(
                self.conn,
                self.community.id,
                say.text,
                "no conversation",
                self.now,
                ticket_id=self.subject.view.id,
                contact=self.subject.view.contact,
            )

    def _letter(self, to: Address, say: Say, ticket_id: int | None) -> None:
        self.letters.append(
            outbox.row(
                self.community.id,
                to,
                say,
                desk_now=self.now,
                machine_now=self.machine_now,
                ticket_id=ticket_id,
            )
        )

    def open(self, effect: OpenTicket) -> None:
        draft = effect.draft
        number = casebook.number(
            self.conn, self.community, draft.kind, self.core.kind_codes[draft.kind], self.now
        )
        crash_point("turn.numbered")
        case = casebook.open_ticket(
            self.conn,
            draft,
            number=number,
            status=self.core.initial[draft.kind],
            community_id=self.community.id,
            conversation_id=self.talk.id if self.talk else None,
            resident_id=self.speaker.resident_id,
            now=self.now,
        )
        crash_point("turn.ticket")
        self.cases[case.view.id] = case
        self.opened = case.view
        self._note(case.view, case.view, "open", "resident", self.speaker.name)
        dues.set_deadlines(
            self.conn,
            self.community.id,
            case.view.id,
            self.core.deadlines(self.community, case.view, case.paused),
        )
        crash_point("turn.dues")
        for say in effect.then:
            self.say(_numbered(say, number))

    def move(self, effect: MoveTicket) -> None:
        case = self._locked(effect.ticket_id)
        by_name = self.speaker.name if effect.by_role == "resident" else ""
        after, _ = self.core.move(case.view, effect.action, effect.by_role, self.now, effect.note, by_name)
        self._write(case, after, case.assignee_id)
        self._note(case.view, after, effect.action, effect.by_role, by_name, words=effect.note)

    def amend(self, effect: AmendTicket) -> None:
        case = self._locked(effect.ticket_id)
        after = replace(case.view, updated_at=self.now)
        if effect.appointment is not None:
            after = replace(after, appointment=effect.appointment)
        if effect.kind == "urge":
            after = replace(after, urged_at=self.now)
        if effect.photos:
            casebook.add_photos(self.conn, self.community.id, after.id, effect.photos, self.now)
            after = replace(after, photos=after.photos + len(effect.photos))
        if effect.score is not None:
            casebook.save_answer(self.conn, self.community.id, after.id, effect.score, effect.note, self.now)
        self._write(case, after, case.assignee_id)
        self._note(case.view, after, effect.kind, "resident", self.speaker.name, words=effect.note)

    def remind(self, effect: Remind) -> None:
        subject = self._due_subject(effect.ticket_id)
        dues.remind(self.conn, self.community.id, subject, effect.kind, effect.round, effect.at, effect.data)

    def cancel(self, effect: CancelReminders) -> None:
        dues.cancel(self.conn, self.community.id, self._due_subject(effect.ticket_id), effect.kinds)

    def answer(self, effect: SaveAnswer) -> None:
        casebook.save_answer(
            self.conn, self.community.id, effect.ticket_id, effect.score, effect.comment, self.now
        )

    def escalate(self, effect: Escalate) -> None:
        escalations.record(
            self.conn, self.community.id, effect.ticket_id, effect.clock, effect.level, self.now
        )

    def tell(self, effect: Tell) -> None:
        ticket = self._told_of(effect)
        values = dict(effect.values)
        if ticket is not None and values.get("number", "{number}") == "{number}":
            values["number"] = ticket.number
        for person in self._audience(effect):
            text = self.core.words(effect.key, values, person.language)
            say = Say(text, key=effect.key, priority=effect.priority)
            self._letter(staff_address(person.id), say, ticket.id if ticket else None)

    # ── beneath the effects ──

    def _told_of(self, effect: Tell) -> TicketView | None:
        if effect.ticket_id is None:
            return self.opened or (self.subject.view if self.subject else None)
        case = self.cases.get(effect.ticket_id)
        return case.view if case else None

    def _audience(self, effect: Tell) -> tuple[rota.Colleague, ...]:
        if effect.role != "assignee":
            return rota.audience(self.conn, self.community, self.now, effect.role)
        ticket = self._told_of(effect)
        case = self.cases.get(ticket.id) if ticket else None
        owner = (
            rota.colleague(self.conn, self.community.id, case.assignee_id)
            if case and case.assignee_id is not None
            else None
        )
        return (owner,) if owner else rota.audience(self.conn, self.community, self.now, "steward")

    def _due_subject(self, ticket_id: int | None) -> tuple[str, int]:
        if ticket_id is not None:
            return "ticket", ticket_id
        if self.talk is not None:
            return "conversation", self.talk.id
        if self.subject is not None:
            return "ticket", self.subject.view.id
        raise ValueError("a reminder needs a conversation or a ticket")

    def _locked(self, ticket_id: int) -> Case:
        case = self.cases.get(ticket_id)
        if case is None:
            raise _LockFirst(ticket_id)
        return case

    def _write(self, case: Case, after: TicketView, assignee_id: int | None) -> Case:
        moved = casebook.changed(case, after, self.now, assignee_id)
        casebook.write(self.conn, self.community.id, moved, is_open=self.core.is_open(after))
        dues.replan(
            self.conn,
            self.community.id,
            after.id,
            self.core.deadlines(self.community, after, moved.paused),
            self.now,
        )
        self.cases[after.id] = moved
        if self.subject is not None and self.subject.view.id == after.id:
            self.subject = moved
        return moved

    def _note(
        self,
        before: TicketView,
        after: TicketView,
        action: str,
        by_role: str,
        by_name: str,
        by_id: int | None = None,
        words: str = "",
    ) -> None:
        casebook.note(
            self.conn,
            self.community.id,
            before,
            after,
            action,
            self.now,
            by_role=by_role,
            by_id=by_id,
            by_name=by_name,
            words=words,
        )


#: Which effect is written how.
_APPLY: Mapping[type, Callable[[_Work, Any], None]] = {
    Say: _Work.say,
    OpenTicket: _Work.open,
    MoveTicket: _Work.move,
    AmendTicket: _Work.amend,
    Remind: _Work.remind,
    CancelReminders: _Work.cancel,
    SaveAnswer: _Work.answer,
    Tell: _Work.tell,
    Escalate: _Work.escalate,
}


def staff_address(staff_id: int) -> Address:
    """Where a member of staff reads notices: their page or terminal."""
    return Address(STAFF_CHANNEL, "", f"staff:{staff_id}", staff_id=staff_id)


def _numbered(say: Say, number: str) -> Say:
    """`{number}` filled in, in the words and in what the buttons send back."""
    buttons = tuple(
        replace(b, label=b.label.replace("{number}", number), value=b.value.replace("{number}", number))
        for b in say.buttons
    )
    return replace(say, text=say.text.replace("{number}", number), buttons=buttons)


_TICKET = table("ticket")
_REFERENCE = (_TICKET.c.id, _TICKET.c.conversation_id, _TICKET.c.resident_id)
_BY_NUMBER = select(*_REFERENCE).where(
    _TICKET.c.community_id == bindparam("community_id"), _TICKET.c.number == bindparam("number")
)
_BY_ID = select(*_REFERENCE).where(
    _TICKET.c.community_id == bindparam("community_id"), _TICKET.c.id == bindparam("id")
)


class Desk:
    """The use cases over one database. `clock` is the desk clock, `machine` the machine clock."""

    def __init__(self, database: Database, core: Core, clock: DeskClock, machine: Clock) -> None:
        self.database = database
        self.core = core
        self.clock = clock
        self.machine = machine

    # ── a resident was heard ──

    def take_turn(
        self,
        claim: Claim,
        heard: Heard,
        parses: Mapping[int, tuple[Mapping[str, Any] | None, str]] | None = None,
    ) -> None:
        """Answer one burst. `parses` (inbox id → parse as JSON, hash of the model) is kept on the rows.

        Raises ClaimLost, with nothing written, when the lease ended and another worker has the conversation.
        """

        def turn(conn: Connection, also: frozenset[int]) -> None:
            work = self._begin(conn, claim.community_id, claim.conversation_id, claim.resident_id, also)
            _check_held(work, claim)
            state = work.step(heard)
            store.finish(conn, claim, self.core.encode(state), work.machine_now, parses=parses)
            crash_point("turn.saved")

        self._locking(turn)
        crash_point("turn.committed")

    def park(self, claim: Claim, why: str) -> None:
        """Give up on a burst that failed three times: the resident is told, staff get it, later messages go on.

        Where even that fails, the rows are parked all the same and staff get a phone task.
        """

        def hand_over(conn: Connection, also: frozenset[int]) -> None:
            work = self._begin(conn, claim.community_id, claim.conversation_id, claim.resident_id, also)
            talk = _check_held(work, claim)
            work.speaker = store.speaker(conn, claim.community_id, talk, work.asker.today)
            try:
                language: str = self.core.decode(talk.state).language
            except (ValueError, KeyError, TypeError):
                language = "zh"  # the state itself may be what cannot be read
            words = " ".join(r.message.text for r in claim.rows).strip()
            draft = TicketDraft(
                "enquiry",
                "handoff",
                words,
                priority=Priority.HIGH,
                contact=work.speaker.phone,
                contact_name=work.speaker.name,
            )
            told = self.core.words("utter_parked", {"duty_phone": work.community.duty_phone}, language)
            work.apply(
                (
                    OpenTicket(draft, (Say(told, key="utter_parked", priority=Priority.HIGH),)),
                    Tell("steward", "utter_staff_handoff", {"text": words}, priority=Priority.HIGH),
                )
            )
            store.finish(conn, claim, talk.state, work.machine_now, status="parked")

        def at_least(conn: Connection) -> None:
            casebook.phone_task(
                conn,
                claim.community_id,
                " ".join(r.message.text for r in claim.rows),
                f"parked: {why}"[:500],
                self.clock.now(),
                conversation_id=claim.conversation_id,
            )
            store.finish(conn, claim, claim.state, self.machine.now(), status="parked")

        try:
            self._locking(hand_over)
        except ClaimLost:
            raise
        except Exception:
            self.database.write(at_least)

    # ── a ticket was moved ──

    def act_on_ticket(
        self,
        community_id: int,
        staff_id: int,
        number: str,
        action: str,
        note: str = "",
        change: Change | None = None,
    ) -> TicketView:
        """A member of staff takes an action. Returns the ticket as it then stands.

        Raises what `move` raises (its sentence is for staff; a second identical act is refused by the table) and
        NotFound. Nothing is changed then.
        """
        change = change or Change()

        def act(conn: Connection, also: frozenset[int]) -> TicketView:
            found = conn.execute(_BY_NUMBER, {"community_id": community_id, "number": number}).one_or_none()
            if found is None:
                raise NotFound(f"there is no ticket {number} here")
            actor = rota.colleague(conn, community_id, staff_id)
            if actor is None:
                raise NotFound("you are not an active member of staff of this community")
            work = self._begin_ticket(conn, community_id, found, also)
            case = work.cases[found.id]
            before = case.view
            stated = replace(
                before,
                appointment=change.appointment or before.appointment,
                resume_at=change.resume_at or before.resume_at,
            )
            after, _ = self.core.move(stated, action, actor.role, work.now, note, actor.name)
            assignee_id = case.assignee_id
            if change.assignee_id is not None:
                assignee = rota.colleague(conn, community_id, change.assignee_id)
                if assignee is None:
                    raise NotFound("whoever was named is not an active member of staff of this community")
                assignee_id, after = assignee.id, replace(after, assignee=assignee.name)
            elif not after.assignee:
                assignee_id = None
            elif after.assignee == actor.name and after.assignee != before.assignee:
                assignee_id = actor.id
            work._write(case, after, assignee_id)
            work._note(before, after, action, actor.role, actor.name, actor.id, note)
            crash_point("act.moved")
            work.talk = self._talk_of(conn, work, found)
            state = work.step(TicketMoved(after, action, actor.role, actor.name, note))
            if work.talk is not None:
                store.save_state(conn, community_id, work.talk.id, self.core.encode(state))
            crash_point("act.saved")
            return work.cases[found.id].view

        return self._locking(act)

    def acknowledge(self, community_id: int, staff_id: int, number: str) -> int:
        """A member of staff takes note of the escalations of a ticket. Returns how many were open. Raises NotFound."""

        def take_note(conn: Connection) -> int:
            found = conn.execute(_BY_NUMBER, {"community_id": community_id, "number": number}).one_or_none()
            if found is None:
                raise NotFound(f"there is no ticket {number} here")
            actor = rota.colleague(conn, community_id, staff_id)
            if actor is None:
                raise NotFound("you are not an active member of staff of this community")
            case = casebook.lock(conn, community_id, found.id)
            assert case is not None
            count = escalations.acknowledge(conn, community_id, found.id, staff_id, self.clock.now())
            if count:
                casebook.note(
                    conn, community_id, case.view, case.view, "acknowledge", self.clock.now(),
                    by_role=actor.role, by_id=actor.id, by_name=actor.name, words="",
                )  # fmt: skip
            return count

        return self.database.write(take_note)

    # ── a timer fired ──

    def fire_due(self, due: DueRow) -> bool:
        """Fire a claimed due row. False: it was cancelled meanwhile, or the claim was lost; nothing is done then."""

        def fire(conn: Connection, also: frozenset[int]) -> bool:
            work: _Work
            if due.subject_type == "ticket":
                found = conn.execute(
                    _BY_ID, {"community_id": due.community_id, "id": due.subject_id}
                ).one_or_none()
                if found is None:
                    return dues.settle(conn, due, "done", "its ticket is gone")
                work = self._begin_ticket(conn, due.community_id, found, also)
                work.talk = self._talk_of(conn, work, found)
            else:
                resident_id = store.resident_of(conn, due.community_id, due.subject_id)
                work = self._begin(conn, due.community_id, due.subject_id, resident_id, also)
            if not dues.settle(conn, due, "done"):
                return False
            crash_point("due.marked")
            ticket = work.subject.view if work.subject else None
            state = work.step(TimerFired(due.kind, due.round, ticket, due.data))
            if work.talk is not None:
                store.save_state(conn, due.community_id, work.talk.id, self.core.encode(state))
            crash_point("due.saved")
            return True

        return self._locking(fire)

    def claim_due(self, until: datetime, token: str, lease: timedelta) -> DueRow | None:
        """The earliest due row at this desk-clock instant, claimed."""
        return self.database.write(lambda c: dues.claim(c, until, token, self.machine.now(), lease))

    def give_up_due(self, due: DueRow, why: str) -> None:
        """After a failure: again a little later; after the third one parked, with a phone task for staff."""

        def give_up(conn: Connection) -> None:
            if due.attempts < dues.MAX_ATTEMPTS:
                again = self.machine.now() + timedelta(seconds=2.0**due.attempts)
                dues.release(conn, due, again, why[:2000])
            elif dues.settle(conn, due, "parked", why[:2000]):
                casebook.phone_task(
                    conn,
                    due.community_id,
                    f"{due.kind} ({due.round})",
                    "a due row could not be fired",
                    self.clock.now(),
                    ticket_id=due.subject_id if due.subject_type == "ticket" else None,
                    conversation_id=due.subject_id if due.subject_type == "conversation" else None,
                )

        self.database.write(give_up)

    def advance(
        self, until: datetime, token: str = "advance", after_each: Callable[[DueRow], None] | None = None
    ) -> int:
        """Move the desk clock to `until`. Every due row fires at its own instant, in order, those created on the way
        included. Returns how many fired. Demonstrations, tests and simulations alone do this."""
        fired = 0
        lease = timedelta(minutes=1)
        while (due := self.claim_due(until, token, lease)) is not None:
            self._move_clock(max(due.at, self.clock.now()))
            try:
                fired += self.fire_due(due)
            except Exception as error:
                self.give_up_due(due, repr(error))
                continue
            if after_each is not None:
                after_each(due)
        self._move_clock(max(until, self.clock.now()))
        return fired

    # ── beneath ──

    def _move_clock(self, instant: datetime) -> None:
        self.database.write(lambda conn: self.clock.move_to(conn, instant))()

    def _locking(self, use_case: _UseCase[T]) -> T:
        also: frozenset[int] = frozenset()
        for _ in range(LOCK_ROUNDS):
            try:
                return self.database.write(partial(use_case, also=also))
            except _LockFirst as missing:
                if missing.ticket_id in also:
                    raise NotFound(f"there is no ticket with id {missing.ticket_id} here") from None
                also |= {missing.ticket_id}
        raise RuntimeError("a turn names more and more tickets that it did not see before")

    def _begin(
        self,
        conn: Connection,
        community_id: int,
        conversation_id: int | None,
        resident_id: int | None,
        also: frozenset[int],
        *,
        locked_talk: bool = True,
    ) -> _Work:
        community = store.community(conn, community_id)
        now = self.clock.now()
        today = now.astimezone(community.zone).date()
        asker = Asker(community_id, conversation_id, resident_id, today)
        cases = {c.view.id: c for c in casebook.lock_open(conn, asker, also)}
        crash_point("turn.tickets")
        talk = None
        if locked_talk and conversation_id is not None:
            talk = store.lock_talk(conn, community_id, conversation_id)
            crash_point("turn.locked")
        return _Work(conn, self.core, community, now, self.machine.now(), cases, talk, asker)

    def _begin_ticket(self, conn: Connection, community_id: int, found: Any, also: frozenset[int]) -> _Work:
        """Lock the ticket with the other open ones of its conversation, in one order; the conversation comes later."""
        resident_id = (
            store.resident_of(conn, community_id, found.conversation_id)
            if found.conversation_id is not None
            else None
        )
        work = self._begin(
            conn, community_id, found.conversation_id, resident_id, also | {found.id}, locked_talk=False
        )
        work.subject = work.cases[found.id]
        return work

    def _talk_of(self, conn: Connection, work: _Work, found: Any) -> Talk | None:
        if found.conversation_id is None:
            return None
        return store.lock_talk(conn, work.community.id, found.conversation_id)


def _check_held(work: _Work, claim: Claim) -> Talk:
    talk = work.talk
    if talk is None or talk.claimed_by != claim.token:
        raise ClaimLost(f"conversation {claim.conversation_id} is no longer held by {claim.token}")
    return talk
