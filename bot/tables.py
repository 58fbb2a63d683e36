"""Every table of the desk, and what the engines must enforce: keys, uniqueness, the indexes of the claim queries.

It holds no query and no rule of the trade, and never reads a clock.

Keys. `id` is one sequence per table, because SQLite numbers rows by itself only when the key is a single integer, and
because PostgreSQL's `bigserial` then behaves alike. Every table of a community has besides UNIQUE (community_id, id), and
every foreign key is the pair (community_id, x_id): a row cannot point into another community, on either engine.
`lease` and `clock` belong to the deployment and carry no community.

Instants are aware UTC (`Instant`). Enumerations are stored by their value, as text. JSON columns are replaced as a
whole, never changed in place.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    DateTime,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)
from sqlalchemy.engine import Dialect
from sqlmodel import Field, SQLModel

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime on both engines. A naive one is refused: its zone would be a guess.

    SQLite keeps text of one fixed width, so that comparing text compares instants.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a stored instant needs a time zone")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


BIG = BigInteger().with_variant(Integer(), "sqlite")


def _pair(column: str, parent: str) -> ForeignKeyConstraint:
    """(community_id, column) → the parent's (community_id, id)."""
    return ForeignKeyConstraint(["community_id", column], [f"{parent}.community_id", f"{parent}.id"])


def _own() -> tuple[UniqueConstraint, ForeignKeyConstraint]:
    """What every table of a community has."""
    return UniqueConstraint("community_id", "id"), ForeignKeyConstraint(["community_id"], ["community.id"])


def _where(name: str, condition: str, *columns: str) -> Index:
    """A partial index: it holds only the rows a claim query may look at, so done rows cost nothing."""
    # A boolean is a number to SQLite; its planner uses the index only when the words agree.
    sqlite = f"{condition} = 1" if condition.isidentifier() else condition
    return Index(name, *columns, sqlite_where=text(sqlite), postgresql_where=text(condition))


class _Row(SQLModel):
    metadata: ClassVar[MetaData] = MetaData(naming_convention=NAMES)


class _Numbered(_Row):
    id: int | None = Field(default=None, primary_key=True, sa_type=BIG)


class _Owned(_Numbered):
    community_id: int = Field(sa_type=BIG)


# ── Registers: the estate and its people ────────────────────────────────────────────────────────────────────────────


class Community(_Numbered, table=True):
    """A 管理处. `code` is the first part of its ticket numbers."""

    code: str = Field(unique=True)
    name: str
    name_en: str = ""
    zone: str = "Asia/Shanghai"
    duty_phone: str = ""


class Building(_Owned, table=True):
    __table_args__ = (*_own(), UniqueConstraint("community_id", "code"))
    code: str
    name: str = ""


class Unit(_Owned, table=True):
    __table_args__ = (*_own(), UniqueConstraint("community_id", "building_code", "code"))
    building_code: str
    code: str


class Room(_Owned, table=True):
    """A room by the parts a resident says; `unit_code` is empty where the building has no units."""

    __table_args__ = (
        *_own(),
        UniqueConstraint("community_id", "building_code", "unit_code", "room_code"),
        Index("ix_room_code", "community_id", "room_code"),
    )
    building_code: str
    unit_code: str = ""
    room_code: str
    label: str
    floor: str = ""


class Household(_Owned, table=True):
    __table_args__ = (*_own(), _pair("room_id", "room"))
    room_id: int = Field(sa_type=BIG)


class Resident(_Owned, table=True):
    __table_args__ = (*_own(), Index("ix_resident_phone", "community_id", "phone"))
    name: str
    phone: str = ""
    language: str = "zh"


class Membership(_Owned, table=True):
    """A resident belongs to a household as owner, family, tenant or agent, for a time (local dates, `until` included).

    `revoked_at` (desk clock) ends it at once, whatever the dates say: a move-out, or the owner's word. `source` says who began
    it: register, invite or staff; an update of the registers ends only what the register began. `ended_by` is register where
    it was such an update that ended it, so that a later one may let them in again; empty where it was the desk.
    """

    __table_args__ = (
        *_own(),
        _pair("household_id", "household"),
        _pair("resident_id", "resident"),
        Index("ix_membership_resident", "community_id", "resident_id"),
        Index("ix_membership_household", "community_id", "household_id"),
    )
    household_id: int = Field(sa_type=BIG)
    resident_id: int = Field(sa_type=BIG)
    role: str
    since: date | None = None
    until: date | None = None
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)
    source: str = "staff"
    ended_by: str = ""


class Staff(_Owned, table=True):
    __table_args__ = (*_own(), Index("ix_staff_role", "community_id", "role"))
    name: str
    role: str
    skills: list[str] = Field(default_factory=list, sa_type=JSON)
    phone: str = ""
    language: str = "zh"
    active: bool = True


class Duty(_Owned, table=True):
    """A shift of the rota: on a weekday (0 = Monday) or a date; minutes of the local day. `start_minute` after
    `end_minute` runs past midnight; equal is round the clock."""

    __table_args__ = (*_own(), _pair("staff_id", "staff"), Index("ix_duty_community", "community_id"))
    staff_id: int = Field(sa_type=BIG)
    weekday: int | None = None
    day: date | None = None
    start_minute: int
    end_minute: int


# ── Conversations and what was heard ────────────────────────────────────────────────────────────────────────────────


class Conversation(_Owned, table=True):
    """One address on one channel account, and so one channel identity: `resident_id` or `staff_id` says whose it is, and
    nothing else does. `bound_by` is how that was found out: invite, roster, staff, demo.

    `ready_at` (machine clock) is when its pending rows may be heard; NULL: none.
    """

    __table_args__ = (
        *_own(),
        _pair("resident_id", "resident"),
        _pair("staff_id", "staff"),
        UniqueConstraint("community_id", "channel", "account", "address"),
        _where("ix_conversation_ready", "ready_at IS NOT NULL", "ready_at", "id"),
        Index("ix_conversation_resident", "community_id", "resident_id"),
        _where("ix_conversation_staff", "staff_id IS NOT NULL", "community_id", "staff_id"),
    )
    channel: str
    account: str = ""
    address: str
    resident_id: int | None = Field(default=None, sa_type=BIG)
    staff_id: int | None = Field(default=None, sa_type=BIG)
    bound_by: str = ""
    bound_at: datetime | None = Field(default=None, sa_type=Instant)
    state: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    state_version: int = 0
    ready_at: datetime | None = Field(default=None, sa_type=Instant)
    claimed_by: str | None = None
    claimed_until: datetime | None = Field(default=None, sa_type=Instant)


class Inbox(_Owned, table=True):
    """One message as the platform delivered it. Unique per (channel, account, external id): a redelivery changes nothing."""

    __table_args__ = (
        *_own(),
        _pair("conversation_id", "conversation"),
        UniqueConstraint("community_id", "channel", "account", "external_id"),
        _where("ix_inbox_new", "status = 'new'", "community_id", "conversation_id", "id"),
        Index("ix_inbox_received", "community_id", "conversation_id", "received_at"),
        Index("ix_inbox_account", "community_id", "channel", "account", "received_at"),
    )
    channel: str
    account: str = ""
    external_id: str
    conversation_id: int = Field(sa_type=BIG)
    payload: dict[str, Any] = Field(sa_type=JSON)
    received_at: datetime = Field(sa_type=Instant)
    status: str = "new"
    attempts: int = 0
    parse: dict[str, Any] | None = Field(default=None, sa_type=JSON)
    model: str = ""
    error: str = Field(default="", sa_type=Text)


# ── Who is asking ───────────────────────────────────────────────────────────────────────────────────────────────────


class Invite(_Owned, table=True):
    """A code that makes whoever redeems it a member of a household, or a colleague of the staff: once. Only its hash is kept.

    `name` is the person meant, where the inviter said it; `resident_id` where the register already has them. Desk clock.
    """

    __table_args__ = (
        *_own(),
        _pair("household_id", "household"),
        _pair("resident_id", "resident"),
        _pair("staff_id", "staff"),
        _pair("made_by_staff", "staff"),
        _pair("made_by_resident", "resident"),
        UniqueConstraint("community_id", "code_hash"),
        Index("ix_invite_household", "community_id", "household_id"),
    )
    code_hash: str
    household_id: int | None = Field(default=None, sa_type=BIG)
    role: str = ""
    resident_id: int | None = Field(default=None, sa_type=BIG)
    staff_id: int | None = Field(default=None, sa_type=BIG)
    name: str = ""
    until: date | None = None
    made_by_staff: int | None = Field(default=None, sa_type=BIG)
    made_by_resident: int | None = Field(default=None, sa_type=BIG)
    made_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)
    used_by: int | None = Field(default=None, sa_type=BIG)
    revoked_at: datetime | None = Field(default=None, sa_type=Instant)


class BindAttempt(_Owned, table=True):
    """A try to be recognised by name and telephone, counted against the speaker and against the room. `room` is the room as
    it was said, whether or not there is such a room: the limits must not tell."""

    __tablename__ = "bind_attempt"
    __table_args__ = (
        *_own(),
        _pair("conversation_id", "conversation"),
        Index("ix_bind_attempt_speaker", "community_id", "conversation_id", "at"),
        Index("ix_bind_attempt_room", "community_id", "room", "at"),
    )
    conversation_id: int = Field(sa_type=BIG)
    room: str
    matched: bool
    at: datetime = Field(sa_type=Instant)


class IdentityEvent(_Owned, table=True):
    """The audit trail of who became, or ceased to be, whom: one line for every change, never changed. No names."""

    __tablename__ = "identity_event"
    __table_args__ = (
        *_own(),
        Index("ix_identity_event_at", "community_id", "at"),
        Index("ix_identity_event_household", "community_id", "household_id"),
    )
    what: str
    conversation_id: int | None = Field(default=None, sa_type=BIG)
    resident_id: int | None = Field(default=None, sa_type=BIG)
    household_id: int | None = Field(default=None, sa_type=BIG)
    by_staff: int | None = Field(default=None, sa_type=BIG)
    by_resident: int | None = Field(default=None, sa_type=BIG)
    note: str = ""
    at: datetime = Field(sa_type=Instant)


class Consent(_Owned, table=True):
    """What somebody was told, or agreed or declined: `purpose` is notice, binding or papers; `version` that of the policy."""

    __table_args__ = (
        *_own(),
        _pair("conversation_id", "conversation"),
        Index("ix_consent_conversation", "community_id", "conversation_id", "id"),
    )
    conversation_id: int = Field(sa_type=BIG)
    purpose: str
    version: str
    given: bool
    at: datetime = Field(sa_type=Instant)


class ExportLink(_Owned, table=True):
    """A one-time link under which somebody fetches what is held about them. Only its hash is kept. Machine clock."""

    __tablename__ = "export_link"
    __table_args__ = (*_own(), _pair("conversation_id", "conversation"), UniqueConstraint("token_hash"))
    conversation_id: int = Field(sa_type=BIG)
    token_hash: str
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)


class ChannelNote(_Owned, table=True):
    """A small fact a platform makes an account keep: a token, a reply window, a card that may be updated. Machine clock."""

    __tablename__ = "channel_note"
    __table_args__ = (
        *_own(),
        UniqueConstraint("community_id", "channel", "account", "page"),
        Index("ix_channel_note_until", "until"),
    )
    channel: str
    account: str = ""
    page: str
    content: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    until: datetime = Field(sa_type=Instant)


# ── Tickets ─────────────────────────────────────────────────────────────────────────────────────────────────────────


class Ticket(_Owned, table=True):
    """`open` repeats what the transition tables say of the status, for the indexes. `paused_seconds` is how long the
    pausable clocks stood still so far; `paused_since` (desk clock) is set while they stand."""

    __table_args__ = (
        *_own(),
        UniqueConstraint("community_id", "number"),
        _pair("room_id", "room"),
        _pair("household_id", "household"),
        _pair("conversation_id", "conversation"),
        _pair("resident_id", "resident"),
        _pair("assignee_id", "staff"),
        _pair("linked_to", "ticket"),
        _where("ix_ticket_open_conversation", "open", "community_id", "conversation_id", "id"),
        _where("ix_ticket_open_household", "open", "community_id", "household_id", "id"),
        _where("ix_ticket_open_kind", "open", "community_id", "kind", "status"),
        Index("ix_ticket_conversation", "community_id", "conversation_id", "id"),
        Index("ix_ticket_household", "community_id", "household_id", "id"),
        Index("ix_ticket_opened", "community_id", "opened_at"),
    )
    number: str
    kind: str
    status: str
    open: bool = True
    category: str = ""
    priority: str = "normal"
    subject: str = ""
    description: str = Field(default="", sa_type=Text)
    room_id: int | None = Field(default=None, sa_type=BIG)
    room_label: str = ""
    location: str = ""
    public_area: bool = False
    contact: str = ""
    contact_name: str = ""
    appointment_start: datetime | None = Field(default=None, sa_type=Instant)
    appointment_end: datetime | None = Field(default=None, sa_type=Instant)
    appointment_text: str = ""
    household_id: int | None = Field(default=None, sa_type=BIG)
    conversation_id: int | None = Field(default=None, sa_type=BIG)
    resident_id: int | None = Field(default=None, sa_type=BIG)
    assignee_id: int | None = Field(default=None, sa_type=BIG)
    requester_verified: bool = False
    linked_to: int | None = Field(default=None, sa_type=BIG)
    rework: int = 0
    pause_reason: str = ""
    paused_since: datetime | None = Field(default=None, sa_type=Instant)
    paused_seconds: int = 0
    resume_at: datetime | None = Field(default=None, sa_type=Instant)
    urged_at: datetime | None = Field(default=None, sa_type=Instant)
    closed_by: str = ""
    opened_at: datetime = Field(sa_type=Instant)
    updated_at: datetime = Field(sa_type=Instant)
    version: int = 1


class TicketEvent(_Owned, table=True):
    """The audit trail: one line for every move and every addition, never changed."""

    __tablename__ = "ticket_event"
    __table_args__ = (
        *_own(),
        _pair("ticket_id", "ticket"),
        Index("ix_ticket_event_ticket", "community_id", "ticket_id", "id"),
    )
    ticket_id: int = Field(sa_type=BIG)
    action: str
    from_status: str = ""
    to_status: str = ""
    by_role: str
    by_id: int | None = Field(default=None, sa_type=BIG)
    by_name: str = ""
    note: str = Field(default="", sa_type=Text)
    at: datetime = Field(sa_type=Instant)


class TicketPhoto(_Owned, table=True):
    """`reference` is the channel's name of it; `path` its name in the media store, empty until it was fetched."""

    __tablename__ = "ticket_photo"
    __table_args__ = (
        *_own(),
        _pair("ticket_id", "ticket"),
        Index("ix_ticket_photo_ticket", "community_id", "ticket_id"),
    )
    ticket_id: int = Field(sa_type=BIG)
    kind: str = "photo"
    reference: str
    path: str | None = None
    by_role: str = "resident"
    at: datetime = Field(sa_type=Instant)


class TicketSequence(_Owned, table=True):
    """The last number given out for a kind on a local date."""

    __tablename__ = "ticket_sequence"
    __table_args__ = (*_own(), UniqueConstraint("community_id", "kind", "local_date"))
    kind: str
    local_date: date
    last: int


class SurveyAnswer(_Owned, table=True):
    __tablename__ = "survey_answer"
    __table_args__ = (*_own(), _pair("ticket_id", "ticket"), UniqueConstraint("community_id", "ticket_id"))
    ticket_id: int = Field(sa_type=BIG)
    score: int | None = None
    comment: str = Field(default="", sa_type=Text)
    at: datetime = Field(sa_type=Instant)


class Escalation(_Owned, table=True):
    __table_args__ = (
        *_own(),
        _pair("ticket_id", "ticket"),
        UniqueConstraint("community_id", "ticket_id", "kind", "level"),
    )
    ticket_id: int = Field(sa_type=BIG)
    kind: str
    level: int
    at: datetime = Field(sa_type=Instant)
    acknowledged_by: int | None = Field(default=None, sa_type=BIG)
    acknowledged_at: datetime | None = Field(default=None, sa_type=Instant)


class PhoneTask(_Owned, table=True):
    """What must be told by telephone because no message can: a caller without a conversation, an expired or failed
    message, a due row that could not be fired. `reason` says which."""

    __tablename__ = "phone_task"
    __table_args__ = (
        *_own(),
        _pair("ticket_id", "ticket"),
        _pair("conversation_id", "conversation"),
        _pair("done_by", "staff"),
        _where("ix_phone_task_open", "status = 'open'", "community_id", "id"),
    )
    ticket_id: int | None = Field(default=None, sa_type=BIG)
    conversation_id: int | None = Field(default=None, sa_type=BIG)
    contact: str = ""
    text: str = Field(sa_type=Text)
    reason: str
    status: str = "open"
    created_at: datetime = Field(sa_type=Instant)
    done_by: int | None = Field(default=None, sa_type=BIG)
    done_at: datetime | None = Field(default=None, sa_type=Instant)
    outcome: str = ""


class Media(_Owned, table=True):
    """A photo as a channel named it (`reference`), and once fetched what the media store calls it (`kept`).

    `status` is pending, kept or failed. Whoever may see the conversation, or a ticket it was added to, may see it.
    """

    __table_args__ = (
        *_own(),
        _pair("conversation_id", "conversation"),
        UniqueConstraint("community_id", "conversation_id", "reference"),
        Index("ix_media_kept", "community_id", "kept"),
        _where("ix_media_pending", "status = 'pending'", "community_id", "id"),
    )
    conversation_id: int = Field(sa_type=BIG)
    channel: str
    account: str = ""
    reference: str
    kind: str = "photo"
    kept: str = ""
    status: str = "pending"
    at: datetime = Field(sa_type=Instant)


# ── Queues ──────────────────────────────────────────────────────────────────────────────────────────────────────────


class Due(_Owned, table=True):
    """Something that happens at a desk-clock instant. `source` is deadline (recomputed with its ticket) or reminder.

    `late` is set when the instant came before the thing was done, and is never taken back.
    """

    __table_args__ = (
        *_own(),
        UniqueConstraint("community_id", "subject_type", "subject_id", "kind", "round"),
        _where("ix_due_pending", "status = 'pending'", "at", "id"),
    )
    subject_type: str
    subject_id: int = Field(sa_type=BIG)
    kind: str
    round: int = 1
    at: datetime = Field(sa_type=Instant)
    source: str = "reminder"
    status: str = "pending"
    late: bool = False
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    attempts: int = 0
    claimed_by: str | None = None
    claimed_until: datetime | None = Field(default=None, sa_type=Instant)
    error: str = Field(default="", sa_type=Text)


class Outbox(_Owned, table=True):
    """A message to be delivered at least once. `lane` (c<conversation> or s<staff>) is what keeps its order; `rank` is the
    importance, 0 = emergency. `not_after` and `created_at` are desk clock, the rest machine clock."""

    __table_args__ = (
        *_own(),
        _pair("conversation_id", "conversation"),
        _pair("staff_id", "staff"),
        _pair("ticket_id", "ticket"),
        _where("ix_outbox_claim", "status IN ('ready', 'retry')", "rank", "next_at", "id"),
        _where("ix_outbox_lane", "status IN ('ready', 'retry', 'claimed')", "community_id", "lane", "id"),
        _where("ix_outbox_expiry", "status IN ('ready', 'retry') AND not_after IS NOT NULL", "not_after"),
        _where("ix_outbox_lease", "status = 'claimed'", "claimed_until"),
        Index("ix_outbox_conversation", "community_id", "conversation_id", "id"),
    )
    channel: str
    account: str = ""
    conversation_id: int | None = Field(default=None, sa_type=BIG)
    staff_id: int | None = Field(default=None, sa_type=BIG)
    ticket_id: int | None = Field(default=None, sa_type=BIG)
    lane: str
    address: str
    text: str = Field(sa_type=Text)
    buttons: list[list[str]] = Field(default_factory=list, sa_type=JSON)
    photos: list[str] = Field(default_factory=list, sa_type=JSON)
    key: str = ""
    author: str = ""
    rank: int = 3
    not_after: datetime | None = Field(default=None, sa_type=Instant)
    supersedes: str | None = None
    status: str = "ready"
    attempts: int = 0
    next_at: datetime = Field(sa_type=Instant)
    claimed_by: str | None = None
    claimed_until: datetime | None = Field(default=None, sa_type=Instant)
    external_id: str = ""
    error: str = Field(default="", sa_type=Text)
    created_at: datetime = Field(sa_type=Instant)


class Event(_Owned, table=True):
    """What concerns other conversations, fanned out in chunks: `cursor` is the last recipient done."""

    __table_args__ = (
        *_own(),
        UniqueConstraint("community_id", "source", "recipient", "kind"),
        _where("ix_event_pending", "status = 'pending'", "community_id", "id"),
    )
    source: str
    recipient: str
    kind: str
    data: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    cursor: int = Field(default=0, sa_type=BIG)
    status: str = "pending"
    created_at: datetime = Field(sa_type=Instant)


class Disclosure(_Owned, table=True):
    """Who was shown personal or fee data of which household, and when."""

    __table_args__ = (
        *_own(),
        _pair("household_id", "household"),
        Index("ix_disclosure_at", "community_id", "at"),
    )
    household_id: int | None = Field(default=None, sa_type=BIG)
    conversation_id: int | None = Field(default=None, sa_type=BIG)
    staff_id: int | None = Field(default=None, sa_type=BIG)
    what: str
    at: datetime = Field(sa_type=Instant)


# ── Staff at the desk's pages ───────────────────────────────────────────────────────────────────────────────────────


class LoginLink(_Owned, table=True):
    """A one-time way in for a member of staff. Only the hash of its token is kept. Machine clock."""

    __tablename__ = "login_link"
    __table_args__ = (*_own(), _pair("staff_id", "staff"), UniqueConstraint("token_hash"))
    staff_id: int = Field(sa_type=BIG)
    token_hash: str
    expires_at: datetime = Field(sa_type=Instant)
    used_at: datetime | None = Field(default=None, sa_type=Instant)


class StaffSession(_Owned, table=True):
    """A browser that is logged in. Only the hash of its cookie is kept. Machine clock."""

    __tablename__ = "staff_session"
    __table_args__ = (
        *_own(),
        _pair("staff_id", "staff"),
        UniqueConstraint("token_hash"),
        Index("ix_staff_session_expires", "expires_at"),
    )
    staff_id: int = Field(sa_type=BIG)
    token_hash: str
    csrf: str
    language: str = ""
    seen_at: datetime = Field(sa_type=Instant)
    expires_at: datetime = Field(sa_type=Instant)


class Receipt(_Owned, table=True):
    """A form of a staff page that was carried out: pressed twice, it counts once. `result` is what it led to."""

    __table_args__ = (*_own(), UniqueConstraint("community_id", "once"))
    once: str
    result: str = ""
    at: datetime = Field(sa_type=Instant)


class Misreading(_Owned, table=True):
    """A message that the language model read badly, masked: what `bot nlu-review` lists, until it is settled or too old."""

    __table_args__ = (
        *_own(),
        _where("ix_misreading_waiting", "settled_at IS NULL", "community_id", "id"),
        Index("ix_misreading_at", "at"),
    )
    at: datetime = Field(sa_type=Instant)
    text: str
    language: str
    heard_as: str
    confidence: float
    why: str
    should_be: str = ""
    model: str = ""
    settled_at: datetime | None = Field(default=None, sa_type=Instant)
    label: str = ""


class Suggestion(_Owned, table=True):
    """What the desk would have answered in shadow mode, to one message (`inbox_id`) or as news (of `ticket_id`), and what staff said
    of it. `heard`, `before` and `after` are what is needed to carry it out: emptied once it is judged.

    `said` is what it would have said; `does` what else it would have done. `judged` is empty, sent, edited, agreed or refused;
    `should_be` the intent that was meant, where it was refused.
    """

    __table_args__ = (
        *_own(),
        _pair("conversation_id", "conversation"),
        _pair("ticket_id", "ticket"),
        _pair("judged_by", "staff"),
        Index("ix_suggestion_conversation", "community_id", "conversation_id", "id"),
        Index("ix_suggestion_at", "community_id", "at"),
        _where("ix_suggestion_waiting", "judged_at IS NULL", "community_id", "at"),
    )
    conversation_id: int = Field(sa_type=BIG)
    ticket_id: int | None = Field(default=None, sa_type=BIG)
    inbox_id: int | None = Field(default=None, sa_type=BIG)  # no key: messages may be kept for a shorter time
    at: datetime = Field(sa_type=Instant)
    language: str
    intent: str = ""
    confidence: float = 0.0
    alarm: bool = False
    model: str = ""
    heard: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    before: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    after: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    said: list[Any] = Field(default_factory=list, sa_type=JSON)
    does: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    judged: str = ""
    should_be: str = ""
    judged_by: int | None = Field(default=None, sa_type=BIG)
    judged_at: datetime | None = Field(default=None, sa_type=Instant)


# ── Of the deployment ───────────────────────────────────────────────────────────────────────────────────────────────


class Lease(_Row, table=True):
    """Poller, sender, token refresh of an account: one holder at a time, taken over when it dies (machine clock)."""

    name: str = Field(primary_key=True)
    holder: str
    until: datetime = Field(sa_type=Instant)


class Clock(_Row, table=True):
    """How far the desk clock runs ahead of the machine clock. One row, id 1."""

    id: int = Field(primary_key=True, sa_type=BIG, sa_column_kwargs={"autoincrement": False})
    offset_seconds: float = 0.0


METADATA = _Row.metadata


def table(name: str) -> Table:
    """The table of this name, for statements built at import."""
    return METADATA.tables[name]
