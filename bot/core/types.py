"""The nouns of the desk: events that come in, effects that go out, and the state between them.

Everything here is a frozen value. Nothing in this module reads a clock, a file, a socket or a database, and nothing
ever may: `dialogue.step` is a pure function of these values, which is what makes a conversation replayable and a crash
harmless. Names are contracts with the store, the channels and the talks; fields may grow, meanings may not change.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias
from zoneinfo import ZoneInfo

if TYPE_CHECKING:  # the calendar is built on these types' policy; only its name is needed here
    from bot.core.calendar import Calendar

Language: TypeAlias = Literal["zh", "en"]
Mode: TypeAlias = Literal["desk", "human"]
Json: TypeAlias = Mapping[str, Any]


# ── What was heard ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Entity:
    """An exact substring the NLU marked. `start` and `end` are character offsets into the parsed text."""

    entity: str
    value: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Ranked:
    """One intent with the classifier's confidence, 0 to 1."""

    intent: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Parsed:
    """What the NLU server made of one text. `model` is the hash of the model that said so."""

    text: str
    intent: str
    confidence: float
    ranking: tuple[Ranked, ...] = ()
    entities: tuple[Entity, ...] = ()
    model: str = ""


@dataclass(frozen=True, slots=True)
class Matter:
    """One thing the speaker wants. A message holds one to three, ordered by LABELS.md rule 1.

    `faq` is the id of the entry of data/faq.yml that answers it, where retrieval is sure of one.
    """

    text: str
    intent: str
    confidence: float
    ranking: tuple[Ranked, ...] = ()
    entities: tuple[Entity, ...] = ()
    faq: str = ""

    def values(self, entity: str) -> tuple[str, ...]:
        return tuple(e.value for e in self.entities if e.entity == entity)


@dataclass(frozen=True, slots=True)
class Triage:
    """A danger a life-safety rule found, where the alarm is raised: which, and the words that speak of it."""

    danger: str
    matched: str


@dataclass(frozen=True, slots=True)
class Media:
    """A photo, voice note or file as the channel named it. `path` is where it was stored, once fetched."""

    kind: Literal["photo", "voice", "file"]
    reference: str
    path: str | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """A resident was heard: one message, or a burst of messages answered once.

    `matters` is empty when the NLU was down (`understood` is False) or when the message has no words.
    """

    text: str = ""
    matters: tuple[Matter, ...] = ()
    triage: Triage | None = None
    button: str | None = None
    media: tuple[Media, ...] = ()
    location: str | None = None
    understood: bool = True
    language: Language | None = None
    model: str = ""  # the hash of the language model that read it
    start: str = ""  # what a deep link or a scanned code carried
    phone: str = ""  # a telephone the platform vouches for as the speaker's own
    group: bool = False  # said in a group: answered with nothing personal
    event: Literal["", "arrived", "left"] = ""  # they opened the chat, or left it; "" is a message
    doubt: bool = False  # no alarm was raised, but danger is not out of the question


@dataclass(frozen=True, slots=True)
class TicketMoved:
    """A ticket of this conversation was moved by somebody who is not in the conversation (staff, or the clock)."""

    ticket: TicketView
    action: str
    by_role: str
    by_name: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A due row came to its instant. `kind` names the clock; `ticket` is its subject, when it has one."""

    kind: str
    round: int = 1
    ticket: TicketView | None = None
    data: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TicketFiled:
    """Staff file a ticket for somebody at the counter or on the telephone. No form is needed: a person has asked."""

    draft: TicketDraft
    by_name: str
    source: Literal["counter", "phone"] = "counter"


@dataclass(frozen=True, slots=True)
class StaffSaid:
    """The member of staff who has the conversation writes to the resident in it."""

    by_name: str
    text: str
    photos: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class Recognised:
    """Staff have looked at the papers: the speaker of this conversation belongs to this room from now on."""

    room: RoomRef
    role: str
    by_name: str


Event: TypeAlias = Heard | TicketMoved | TicketFiled | StaffSaid | TimerFired | Recognised


# ── What is known ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class RoomRef:
    """A room as the register knows it, or as it was said (`verified` False, `id` None)."""

    label: str
    building: str = ""
    unit: str = ""
    room: str = ""
    id: int | None = None
    verified: bool = False


@dataclass(frozen=True, slots=True)
class Binding:
    """The speaker belongs to this household: its room, and in which role (owner, family, tenant, agent)."""

    household_id: int
    room: RoomRef
    role: str
    membership_id: int | None = None
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Colleague:
    """The speaker is a member of the staff, bound to this conversation."""

    id: int
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who is speaking. A stranger has no resident_id and no bindings; neither has a colleague."""

    resident_id: int | None = None
    name: str = ""
    phone: str = ""
    bindings: tuple[Binding, ...] = ()
    colleague: Colleague | None = None

    @property
    def known(self) -> bool:
        return self.resident_id is not None


@dataclass(frozen=True, slots=True)
class Appointment:
    """When somebody is at home: aware instants in UTC. `text` is what the resident said."""

    start: datetime
    end: datetime
    text: str = ""


@dataclass(frozen=True, slots=True)
class TicketView:
    """A ticket as the dialogue sees it."""

    id: int
    number: str
    kind: str
    status: str
    category: str = ""
    priority: str = "normal"
    description: str = ""
    room: str = ""
    location: str = ""
    public_area: bool = False
    contact: str = ""
    appointment: Appointment | None = None
    opened_at: datetime | None = None
    updated_at: datetime | None = None
    assignee: str = ""
    resume_at: datetime | None = None
    pause_reason: str = ""
    quote: str = ""  # what the resident was last asked to agree to
    rework: int = 0
    photos: int = 0
    urged_at: datetime | None = None
    requester_verified: bool = False
    conversation_id: int | None = None
    closed_by: str = ""


@dataclass(frozen=True, slots=True)
class Community:
    """A 管理处: its code (part of every ticket number), its names, its zone and its duty telephone."""

    id: int
    code: str
    name: str
    name_en: str
    zone: ZoneInfo
    duty_phone: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a turn may know: the part always loaded, and what was needed on top. `now` is the desk clock, aware UTC."""

    now: datetime
    community: Community
    speaker: Speaker = Speaker()
    conversation_id: int | None = None
    open_tickets: tuple[TicketView, ...] = ()
    on_duty: bool = True
    calendar: Calendar | None = None
    gathered: Mapping[Need, Any] = field(default_factory=dict)


# ── What is needed on top: every need is bounded in rows ────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class NeedRooms:
    """Register rows that fit these parts (at most 6). Answer: tuple[RoomRef, ...]."""

    building: str | None
    unit: str | None
    room: str | None


@dataclass(frozen=True, slots=True)
class NeedTicket:
    """A ticket by its number, if this speaker may see it (own household or own conversation).
    Answer: TicketView | None."""

    number: str


@dataclass(frozen=True, slots=True)
class NeedRecent:
    """The speaker's latest tickets, open or closed (at most 5). Answer: tuple[TicketView, ...]."""


@dataclass(frozen=True, slots=True)
class NeedInvite:
    """What an invite code opens, locked until the turn is done, and the speaker's failed tries after `since`.
    Answer: Invitation."""

    code: str
    since: datetime


@dataclass(frozen=True, slots=True)
class InviteView:
    """An invite that can still be redeemed: into a household (room, role), or as the colleague of this name. `named`: the
    inviter or the register already says who the person is."""

    room: RoomRef | None
    role: str
    colleague: str = ""
    named: bool = False


@dataclass(frozen=True, slots=True)
class Invitation:
    """`view` is None for a code that nobody made, that was used, ran out or was taken back: the speaker is told no difference."""

    view: InviteView | None
    tries_of_speaker: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class NeedRoster:
    """Whether the register knows this person in this room; and how often it was tried lately. Answer: Roster.

    `tail` is the last four figures of the telephone on file; `phone` a whole one that the platform vouches for. Tries after
    `since` count.
    """

    building: str
    unit: str
    room: str
    name: str
    since: datetime
    tail: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Roster:
    """`match` is the binding that would follow. The instants are those of failed tries within the policy's window: of this
    speaker, and at this room by anybody."""

    match: Binding | None
    resident_id: int | None
    tries_of_speaker: tuple[datetime, ...] = ()
    tries_at_room: tuple[datetime, ...] = ()


@dataclass(frozen=True, slots=True)
class NeedMembers:
    """Who belongs to one of the speaker's own households (at most 20). Answer: tuple[Member, ...]."""

    household_id: int


@dataclass(frozen=True, slots=True)
class Member:
    membership_id: int
    resident_id: int
    name: str
    role: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class NeedHeld:
    """What is held about the speaker, in numbers. Answer: Held."""


@dataclass(frozen=True, slots=True)
class Held:
    messages: int
    tickets: int
    photos: int
    consents: int


Need: TypeAlias = NeedRooms | NeedTicket | NeedRecent | NeedInvite | NeedRoster | NeedMembers | NeedHeld


@dataclass(frozen=True, slots=True)
class NeedMore:
    """`step` cannot answer before these are gathered; it is called again with the same event and snapshot."""

    needs: frozenset[Need]


# ── What is to be done ──────────────────────────────────────────────────────────────────────────────────────────────


class Priority(StrEnum):
    """Of an outgoing message or a ticket; the order of `RANK` is the order of the queue."""

    EMERGENCY = "emergency"
    URGENT = "urgent"
    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


RANK: Mapping[str, int] = {p: i for i, p in enumerate(Priority)}


def raised(priority: str) -> Priority:
    """One step above what a resident's request is given by itself; never up to an emergency, which is a kind of its own."""
    return Priority.HIGH if RANK[priority] > RANK[Priority.HIGH] else Priority(priority)


@dataclass(frozen=True, slots=True)
class Button:
    """A choice shown under a message. `value` is what comes back in `Heard.button`."""

    label: str
    value: str


@dataclass(frozen=True, slots=True)
class Say:
    """A message to the resident of this conversation, already in words.

    `key` names the domain.yml response it was made from; `author` the person of the staff whose own words they are, empty for
    the desk's. `supersedes`: an unsent message of the conversation with the
    same key is dropped. `not_after`: sent later than this it would mislead; it expires and staff are told.
    """

    text: str
    buttons: tuple[Button, ...] = ()
    key: str = ""
    priority: Priority = Priority.NORMAL
    not_after: datetime | None = None
    supersedes: str | None = None
    author: str = ""
    photos: tuple[Media, ...] = ()


@dataclass(frozen=True, slots=True)
class TicketDraft:
    """All that a ticket needs to be opened; the number is given by the store, in the same transaction."""

    kind: str
    category: str
    description: str
    priority: Priority = Priority.NORMAL
    room: RoomRef | None = None
    location: str = ""
    public_area: bool = False
    appointment: Appointment | None = None
    contact: str = ""
    contact_name: str = ""
    photos: tuple[Media, ...] = ()
    requester_verified: bool = False
    household_id: int | None = None
    linked_to: int | None = None
    subject: str = ""


@dataclass(frozen=True, slots=True)
class OpenTicket:
    """Open this ticket. The texts are said after it: `{number}` in them is filled by the store with the new number."""

    draft: TicketDraft
    then: tuple[Say, ...] = ()
    source: str = ""  # "counter" or "phone" when staff filed it


@dataclass(frozen=True, slots=True)
class MoveTicket:
    """Move one of the speaker's tickets on the resident's word (or the clock's, `by_role` "clock")."""

    ticket_id: int
    action: str
    by_role: str = "resident"
    note: str = ""


@dataclass(frozen=True, slots=True)
class AmendTicket:
    """Add to a ticket without moving it: words, photos, a new appointment, an urge, where it is. `priority` raises it, and
    never lowers it."""

    ticket_id: int
    kind: Literal["note", "photo", "appointment", "urge", "rating", "place"]
    note: str = ""
    photos: tuple[Media, ...] = ()
    appointment: Appointment | None = None
    score: int | None = None
    location: str = ""
    contact: str = ""
    priority: Priority | None = None


@dataclass(frozen=True, slots=True)
class Remind:
    """A due row for this conversation, or for a ticket of it, at a desk-clock instant."""

    kind: str
    at: datetime
    ticket_id: int | None = None
    round: int = 1
    data: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CancelReminders:
    """Cancel the pending due rows of these kinds, of this conversation or of the ticket."""

    kinds: tuple[str, ...]
    ticket_id: int | None = None


@dataclass(frozen=True, slots=True)
class SaveAnswer:
    """A survey answer: the score 1–5 (None: the reason or comment alone) in the resident's own words."""

    ticket_id: int
    score: int | None
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Tell:
    """A notice to staff: everyone on duty in `role`, or the ticket's assignee when role is "assignee".

    Language and channel are the staff member's; `key` names the text in domain.yml and `values` fill it.
    """

    role: str
    key: str
    values: Json = field(default_factory=dict)
    ticket_id: int | None = None
    priority: Priority = Priority.NORMAL


@dataclass(frozen=True, slots=True)
class Escalate:
    """A deadline of this ticket passed: recorded at a level (1 is the first), until somebody acknowledges it."""

    ticket_id: int
    clock: str
    level: int


@dataclass(frozen=True, slots=True)
class Misread:
    """A message that the language model read badly, kept for `bot nlu-review`. `text` is masked already.

    `why`: "unsure" (nothing could be made of it), "refused" (the resident said no to what was read into it), "chosen" (the
    resident then picked from the menu what was meant), "person" (a person had to be brought in), "staff" (a member of staff
    said what was meant). `should_be`: the intent that was meant, where somebody said so.
    """

    text: str
    language: Language
    heard_as: str
    confidence: float
    why: Literal["unsure", "refused", "chosen", "person", "staff"]
    should_be: str = ""
    model: str = ""


@dataclass(frozen=True, slots=True)
class Redeem:
    """The speaker takes up the invite. It was locked when it was gathered, so it works once. `name`: of a person who is new."""

    code: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class BindTo:
    """The speaker is this resident of the register."""

    resident_id: int
    household_id: int


@dataclass(frozen=True, slots=True)
class NoteAttempt:
    """A try to be recognised, at the room or code as it was said, whether or not there is such a one."""

    room: str
    matched: bool


@dataclass(frozen=True, slots=True)
class MakeInvite:
    """A new invite into the speaker's household; the texts are said after it, `{code}` filled in by the store.

    `resident_id`: for the speaker's own other devices. Otherwise for a person to come, who gets `role`.
    """

    household_id: int
    role: str
    until: date | None = None
    resident_id: int | None = None
    then: tuple[Say, ...] = ()


@dataclass(frozen=True, slots=True)
class Revoke:
    """The owner ends a membership of his household: at once, in every conversation of that person."""

    membership_id: int
    household_id: int


@dataclass(frozen=True, slots=True)
class Unbind:
    """This conversation is nobody's any more."""


@dataclass(frozen=True, slots=True)
class Consented:
    """What the speaker was told, agreed to or declined: notice, binding or papers, in which version."""

    purpose: Literal["notice", "binding", "papers"]
    version: str
    given: bool


@dataclass(frozen=True, slots=True)
class Disclose:
    """Data of this household was shown to the speaker: a line of the disclosure log."""

    household_id: int | None
    what: str


@dataclass(frozen=True, slots=True)
class Export:
    """All that is held about the speaker, under a link that works once; `{link}` in the texts is filled by the store."""

    then: tuple[Say, ...] = ()


@dataclass(frozen=True, slots=True)
class Forget:
    """Erase this channel identity and what it said; its tickets stay without a name. `last` is the last thing said to it."""

    last: Say


@dataclass(frozen=True, slots=True)
class ActAs:
    """The colleague who speaks takes a step of a ticket. It concerns another conversation, so it is carried out as a turn of its
    own, once, right after this one."""

    number: str
    action: str


@dataclass(frozen=True, slots=True)
class SignIn:
    """A way into the staff's pages for the colleague who speaks; `{link}` in the texts is filled by the store."""

    then: tuple[Say, ...] = ()


Effect: TypeAlias = (
    Say
    | OpenTicket
    | MoveTicket
    | AmendTicket
    | Remind
    | CancelReminders
    | SaveAnswer
    | Tell
    | Escalate
    | Misread
    | Redeem
    | BindTo
    | NoteAttempt
    | MakeInvite
    | Revoke
    | Unbind
    | Consented
    | Disclose
    | Export
    | Forget
    | SignIn
    | ActAs
)


# ── The state of a conversation ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """What a bare number or "好的" answers: the choices last shown, in order."""

    kind: str
    choices: tuple[Button, ...] = ()
    ticket_id: int | None = None


@dataclass(frozen=True, slots=True)
class Frame:
    """A parked form: its flow, the slot being asked and what was already said."""

    flow: str
    asking: str
    slots: Json


@dataclass(frozen=True, slots=True)
class State:
    """A conversation between two messages. `slots` hold plain JSON values only, so that it survives serialisation."""

    flow: str | None = None
    asking: str | None = None
    slots: Json = field(default_factory=dict)
    frames: tuple[Frame, ...] = ()
    agenda: tuple[Matter, ...] = ()
    open_question: OpenQuestion | None = None
    misses: int = 0
    language: Language = "zh"
    mode: Mode = "desk"
    draft_expires: datetime | None = None
    survey: int | None = None  # the ticket whose rating was asked and has not come yet
    turns: int = 0
    noticed: str = ""  # the version of the privacy notice that was given
    sorry: int = 0  # the turn in which a word of regret was said last; 0: never

    def but(self, **changes: Any) -> State:
        return replace(self, **changes)


@dataclass(frozen=True, slots=True)
class Turn:
    """The whole outcome of one event: the next state, and what is to be done, in order."""

    state: State
    effects: tuple[Effect, ...] = ()
