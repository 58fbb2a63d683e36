"""One transaction's work: load the facts, ask `step`, write each effect.

`turns` opens the transaction, locks and decides what the event is; this module knows how an effect becomes rows. It never
commits, sends, parses or waits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection

from bot import (
    casebook,
    dues,
    escalations,
    identity,
    misreadings,
    outbox,
    privacy,
    rota,
    sessions,
    store,
    suggestions,
)
from bot.casebook import Asker, Case
from bot.core import access, codec, masking, shadow, tickets
from bot.core.policy import Policy
from bot.core.resolve import invitecode
from bot.core.types import (
    RANK,
    ActAs,
    AmendTicket,
    Appointment,
    BindTo,
    Button,
    CancelReminders,
    Community,
    Consented,
    Disclose,
    Effect,
    Escalate,
    Event,
    Export,
    Facts,
    Forget,
    Heard,
    MakeInvite,
    Media,
    Misread,
    MoveTicket,
    NeedMore,
    NoteAttempt,
    OpenTicket,
    Redeem,
    Remind,
    Revoke,
    SaveAnswer,
    Say,
    SignIn,
    Speaker,
    State,
    Tell,
    TicketView,
    TimerFired,
    Turn,
    Unbind,
)
from bot.database import crash_point
from bot.dues import Deadline
from bot.outbox import Address
from bot.rota import Colleague
from bot.store import Talk
from bot.suggestions import Kept

GATHER_ROUNDS = 3

STAFF_CHANNEL = "desk"
#: A due row of this kind is a step a colleague took in a chat: its subject is the conversation.
STAFF_TALK = "staff_talk"


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
    policy: Policy
    intents: frozenset[str] = frozenset()
    site: str = ""  # where the pages are reached, for links that are sent


@dataclass(frozen=True, slots=True)
class Change:
    """What staff state together with an action: who gets the work, until when it rests, when somebody comes, photos."""

    assignee_id: int | None = None
    resume_at: datetime | None = None
    appointment: Appointment | None = None
    photos: tuple[Media, ...] = ()
    version: int | None = None  # of the ticket as it was when the step was chosen; None: as it is now


class NotFound(LookupError):
    """No such ticket, or no such member of staff, in this community. The message is for staff."""


class EndlessNeeds(RuntimeError):
    """`step` asked for more a fourth time: a fault of a flow."""


class LockFirst(Exception):
    """The turn names a ticket that was not locked: begin again with it among the first locks."""

    def __init__(self, ticket_id: int) -> None:
        self.ticket_id = ticket_id


@dataclass(slots=True)
class Work:
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
    actor: Colleague | None = None
    by_clock: bool = False
    language: str = "zh"
    turns: int = 0
    inbox_id: int | None = None  # the message that is answered
    kept_back: list[Say] = field(default_factory=list)  # not said, in shadow mode

    # ── the step ──

    def step(self, event: Event) -> State:
        """Load, ask the pure core, apply. Returns the new state."""
        state = self.core.decode(self.talk.state) if self.talk else State()
        self.by_clock = isinstance(event, TimerFired)
        if self.talk:
            self.speaker = store.speaker(self.conn, self.community.id, self.talk, self.asker.today)
        if self.shadowed and isinstance(event, Heard):
            return self._suggest(state, event)
        turn = self._ask(state, event, self.now)
        self.apply(turn.effects)
        return turn.state if not self.kept_back else self._keep_news(state, turn.state)

    def _ask(self, state: State, event: Event, at: datetime) -> Turn:
        """What the pure core makes of it, with all it needs, at this instant of the desk clock."""
        facts = Facts(
            now=at,
            community=self.community,
            speaker=self.speaker,
            conversation_id=self.talk.id if self.talk else None,
            open_tickets=tuple(
                c.view for c in sorted(self.cases.values(), key=lambda c: -c.view.id) if self._facts_show(c)
            )[: casebook.OPEN_LIMIT],
            on_duty=rota.on_duty(self.conn, self.community, at),
        )
        crash_point("turn.loaded")
        answer = self.core.step(state, event, facts)
        rounds = 0
        while isinstance(answer, NeedMore):
            if rounds == GATHER_ROUNDS:
                raise EndlessNeeds(f"step still needs {answer.needs} after {GATHER_ROUNDS} rounds")
            rounds += 1
            found = store.gather(self.conn, self.asker, answer.needs, at)
            facts = replace(facts, gathered={**facts.gathered, **found})
            answer = self.core.step(state, event, facts)
        crash_point("turn.stepped")
        self.language, self.turns = answer.state.language, answer.state.turns
        return answer

    # ── shadow mode (core.shadow says what is done and what waits) ──

    @property
    def shadowed(self) -> bool:
        """Whether the desk only reads and suggests here. A colleague's own chat is never shadowed."""
        talk = self.talk
        return (
            talk is not None
            and talk.staff_id is None
            and self.core.policy.shadows(self.community.code, talk.address.channel, talk.address.account)
        )

    def _suggest(self, real: State, heard: Heard) -> State:
        """Read the message as ever, do what cannot wait, keep the rest for a colleague's press."""
        assert self.talk is not None
        before = self._read_from(real)
        turn = self._ask(before, heard, self.now)
        if shadow.alarm(turn) and before is not real:
            before, turn = real, self._ask(real, heard, self.now)
        if shadow.with_a_person(real, turn):
            self.apply(turn.effects)
            return turn.state
        made = shadow.suggestion(heard, turn)
        if heard.text.strip() or made.said or made.does or made.drafts:
            suggestions.keep(
                self.conn, self.community.id, self.talk.id, made, self.now, language=turn.state.language,
                inbox_id=self.inbox_id, model=heard.model, heard=codec.heard_to_json(heard),
                before=self.core.encode(before), after=self.core.encode(turn.state),
            )  # fmt: skip
        self.apply(shadow.at_once(turn))
        return shadow.as_heard(real, turn)

    def _read_from(self, real: State) -> State:
        """Where the conversation would stand had the desk answered its last message: as it is while that may still be done."""
        assert self.talk is not None
        last = suggestions.latest(self.conn, self.community.id, self.talk.id)
        if real.mode == "human" or last is None or last.judged or last.alarm or not last.after:
            return real
        if last.at + self.core.policy.draft_drop_after <= self.now:
            return real
        return self.core.decode(last.after)

    def _keep_news(self, before: State, after: State) -> State:
        """News of a ticket waits for a colleague's press; what only a clock would say or ask is not said."""
        assert self.talk is not None
        news = shadow.news(self.kept_back)
        if news and not self.by_clock:
            of = self.subject.view if self.subject else self.opened
            suggestions.keep(
                self.conn, self.community.id, self.talk.id, shadow.Suggestion("", 0.0, False, news), self.now,
                language=after.language, ticket_id=of.id if of else None, after=self.core.encode(after),
            )  # fmt: skip
        return shadow.unsaid(before, after)

    def carry_out(self, kept: Kept, actor: Colleague, words: str, fields: Mapping[str, str]) -> State | None:
        """Do what was suggested, in this colleague's name; with `words` in their words, with `fields` the ticket put right.

        Returns the state of the conversation then; None, with nothing done, when the desk would answer something else by now
        than what was shown: that is kept instead.
        """
        assert self.talk is not None
        self.actor = actor
        real = self.core.decode(self.talk.state)
        self.language, self.turns = real.language, real.turns
        if kept.words_alone:
            if kept.ticket_id is not None:  # whose it is decides who may hear of it: now, not when it was kept
                self.subject = self._locked(kept.ticket_id)
            self.apply(shadow.in_their_words(kept.said, actor.name, words) if words else shadow.in_their_name(kept.said, actor.name))
            return shadow.asked(real, self.core.decode(kept.after)) if not kept.alarm else real
        heard = codec.heard_from_json(kept.heard)
        turn = self._ask(self.core.decode(kept.before), heard, kept.at)
        made = shadow.suggestion(heard, turn)
        if not suggestions.same(kept, made):
            suggestions.renew(self.conn, self.community.id, self.talk.id, kept, made, self.core.encode(turn.state))
            return None
        effects = shadow.put_right(shadow.on_press(turn), fields)
        self.apply(shadow.in_their_words(effects, actor.name, words) if words else shadow.in_their_name(effects, actor.name))
        return turn.state.but(mode="human") if real.mode == "human" else turn.state

    # ── what the speaker may be shown ──

    def _facts_show(self, case: Case) -> bool:
        """Open, and the speaker's own; a ticket locked for another reason is not shown."""
        if not self.core.is_open(case.view):
            return False
        if self.talk is None:
            return case is self.subject
        return self._is_speakers(case)

    def _is_speakers(self, case: Case) -> bool:
        """A household's ticket is its members' of today; one without a household is the conversation's that opened it."""
        if case.household_id is not None:
            return case.household_id in {b.household_id for b in self.speaker.bindings}
        return self.talk is not None and case.view.conversation_id == self.talk.id

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
        subject = self.subject
        if self.talk is not None and subject is not None and subject.household_id is not None and not self._is_speakers(subject):
            # The requester has moved out since: news of that home is not for them. What a clock would ask is not asked.
            if not self.by_clock:
                casebook.phone_task(
                    self.conn, self.community.id, say.text, "the requester does not belong to the household any more", self.now,
                    ticket_id=subject.view.id,
                )  # fmt: skip
        elif self.shadowed and not say.author:
            self.kept_back.append(say)
        elif self.talk is not None:
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
        if self.actor is None:
            self.note(case.view, case.view, "open", "resident", self.speaker.name)
        else:
            self.note(case.view, case.view, "open", self.actor.role, self.actor.name, self.actor.id, effect.source)
        dues.set_deadlines(
            self.conn,
            self.community.id,
            case.view.id,
            self.core.deadlines(self.community, case.view, case.paused),
        )
        crash_point("turn.dues")
        for say in effect.then:
            self.say(filled(say, "number", number))

    def move(self, effect: MoveTicket) -> None:
        case = self._locked(effect.ticket_id)
        by_name = self.speaker.name if effect.by_role == "resident" else ""
        after, _ = self.core.move(case.view, effect.action, effect.by_role, self.now, effect.note, by_name)
        self.write(case, after, case.assignee_id)
        self.note(case.view, after, effect.action, effect.by_role, by_name, words=effect.note)

    def amend(self, effect: AmendTicket) -> None:
        case = self._locked(effect.ticket_id)
        after = replace(case.view, updated_at=self.now)
        if effect.appointment is not None:
            after = replace(after, appointment=effect.appointment)
        if effect.kind == "urge":
            after = replace(after, urged_at=self.now)
        if effect.location or effect.contact:
            after = replace(after, location=effect.location or after.location, contact=effect.contact or after.contact)
        if effect.priority is not None and RANK[effect.priority] < RANK[after.priority]:
            after = replace(after, priority=effect.priority.value)
        if effect.photos:
            casebook.add_photos(self.conn, self.community.id, after.id, effect.photos, self.now)
            after = replace(after, photos=after.photos + len(effect.photos))
        if effect.score is not None:
            casebook.save_answer(self.conn, self.community.id, after.id, effect.score, effect.note, self.now)
        self.write(case, after, case.assignee_id)
        self.note(case.view, after, effect.kind, "resident", self.speaker.name, words=effect.note)

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

    def misread(self, effect: Misread) -> None:
        misreadings.keep(self.conn, self.community.id, effect, self.now)

    def tell(self, effect: Tell) -> None:
        ticket = self._told_of(effect)
        values = dict(effect.values)
        if ticket is not None and values.get("number", "{number}") == "{number}":
            values["number"] = ticket.number
        audience = self._audience(effect)
        chats = identity.places_of_staff(self.conn, self.community.id, [person.id for person in audience])
        for person in audience:
            text = self.core.words(effect.key, self._in_words(_as_seen_by(person.role, values), person.language), person.language)
            say = Say(text, key=effect.key, priority=effect.priority)
            self._letter(staff_address(person.id), say, ticket.id if ticket else None)
            bound = chats.get(person.id, ())
            pressed = replace(say, buttons=self._steps(ticket, person)) if ticket and bound else say
            for chat in bound:
                place = Address(chat.channel, chat.account, chat.address, conversation_id=chat.id)
                self._letter(place, pressed, ticket.id if ticket else None)

    # ── who is asking ──

    def _here(self) -> int:
        assert self.talk is not None, "only a conversation can be bound"
        return self.talk.id

    def redeem(self, effect: Redeem) -> None:
        identity.redeem(
            self.conn, self.community.id, self._here(), effect.code, effect.name, self.language, self.now, self.asker.today
        )
        crash_point("turn.bound")

    def bind(self, effect: BindTo) -> None:
        identity.bind(
            self.conn, self.community.id, self._here(), effect.resident_id, effect.household_id, "roster", self.now
        )
        crash_point("turn.bound")

    def attempt(self, effect: NoteAttempt) -> None:
        identity.note_attempt(self.conn, self.community.id, self._here(), effect.room, effect.matched, self.now)

    def invite(self, effect: MakeInvite) -> None:
        code = identity.make_invite(
            self.conn,
            self.community.id,
            now=self.now,
            expires_at=self.now + self.core.policy.invite_valid,
            household_id=effect.household_id,
            role=effect.role,
            resident_id=effect.resident_id,
            until=effect.until,
            by_resident=self.speaker.resident_id,
        )
        for say in effect.then:
            self.say(filled(say, "code", invitecode.written(code)))

    def revoke(self, effect: Revoke) -> None:
        identity.revoke(
            self.conn, self.community.id, effect.membership_id, self.now,
            household_id=effect.household_id, by_resident=self.speaker.resident_id,
        )  # fmt: skip

    def unbind(self, effect: Unbind) -> None:
        identity.unbind(self.conn, self.community.id, self._here(), self.now)

    def consent(self, effect: Consented) -> None:
        identity.consent(
            self.conn, self.community.id, self._here(), effect.purpose, effect.version, effect.given, self.now
        )

    def disclose(self, effect: Disclose) -> None:
        identity.disclose(
            self.conn, self.community.id, effect.what, self.now,
            household_ids=(effect.household_id,), conversation_id=self._here(),
        )  # fmt: skip

    def export(self, effect: Export) -> None:
        token = privacy.export_link(self.conn, self.community.id, self._here(), self.machine_now)
        for say in effect.then:
            self.say(filled(say, "link", f"{self.core.site}/mine/{token}"))

    def forget(self, effect: Forget) -> None:
        privacy.forget(self.conn, self.community.id, self._here(), self.now)
        crash_point("turn.forgotten")
        self.say(effect.last)  # to the address as it was: the purge takes it out of the outbox

    def sign_in(self, effect: SignIn) -> None:
        colleague = self.speaker.colleague
        assert colleague is not None, "only a colleague gets a login link"
        token = sessions.invite(self.conn, self.community.id, colleague.id, self.machine_now)
        for say in effect.then:
            self.say(filled(say, "link", f"{self.core.site}/desk/login/{token}"))

    def act(self, effect: ActAs) -> None:
        """Kept as a due row, so that it is done once whatever crashes; fired at once."""
        data = {"number": effect.number, "action": effect.action}
        dues.remind(self.conn, self.community.id, (STAFF_TALK, self._here()), "act", self.turns, self.now, data)

    def _steps(self, ticket: TicketView, person: Colleague) -> tuple[Button, ...]:
        """The next steps of the ticket that this colleague may take with one press."""
        return tuple(
            Button(self.core.words(f"utter_act_{action}", {}, person.language), f"act:{ticket.number}:{action}")
            for action in tickets.steps(ticket.kind, ticket.status, person.role)
        )

    # ── beneath the effects ──

    def _told_of(self, effect: Tell) -> TicketView | None:
        if effect.ticket_id is None:
            return self.opened or (self.subject.view if self.subject else None)
        case = self.cases.get(effect.ticket_id)
        return case.view if case else None

    def _in_words(self, values: Mapping[str, Any], language: str) -> Mapping[str, Any]:
        """The values of a notice with names of the desk's own (a clock, a status) in the reader's words."""
        keys = {"clock": f"utter_clock_{values.get('clock')}", "status": f"utter_status_{values.get('status')}"}
        return {name: self.core.words(keys[name], {}, language) if name in keys else value for name, value in values.items()}

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
            raise LockFirst(ticket_id)
        return case

    def write(self, case: Case, after: TicketView, assignee_id: int | None) -> Case:
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

    def note(
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
_APPLY: Mapping[type, Callable[[Work, Any], None]] = {
    Say: Work.say,
    OpenTicket: Work.open,
    MoveTicket: Work.move,
    AmendTicket: Work.amend,
    Remind: Work.remind,
    CancelReminders: Work.cancel,
    SaveAnswer: Work.answer,
    Tell: Work.tell,
    Escalate: Work.escalate,
    Misread: Work.misread,
    Redeem: Work.redeem,
    BindTo: Work.bind,
    NoteAttempt: Work.attempt,
    MakeInvite: Work.invite,
    Revoke: Work.revoke,
    Unbind: Work.unbind,
    Consented: Work.consent,
    Disclose: Work.disclose,
    Export: Work.export,
    Forget: Work.forget,
    SignIn: Work.sign_in,
    ActAs: Work.act,
}


def _as_seen_by(role: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of a notice with the telephone as a list shows it, for a role that reads none in full before it has the ticket."""
    if not values.get("contact") or access.may(role, "contact"):
        return values
    return {**values, "contact": masking.phone(values["contact"])}


def staff_address(staff_id: int) -> Address:
    """Where a member of staff reads notices: their page or terminal."""
    return Address(STAFF_CHANNEL, "", f"staff:{staff_id}", staff_id=staff_id)


def filled(say: Say, name: str, value: str) -> Say:
    """`{name}` filled in, in the words and in what the buttons send back: what only the store knows."""
    hole = f"{{{name}}}"
    buttons = tuple(
        replace(b, label=b.label.replace(hole, value), value=b.value.replace(hole, value)) for b in say.buttons
    )
    return replace(say, text=say.text.replace(hole, value), buttons=buttons)
