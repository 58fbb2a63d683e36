"""The form of the counter and the telephone: what staff typed, checked against the register, made into a ticket's draft.

An instant without an offset is meant where the community is, as every time in an office is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, select

from bot import identity, store
from bot.core.resolve import phone
from bot.core.resolve.where import address
from bot.core.types import Appointment, Community, NeedRooms, Priority, RoomRef, TicketDraft
from bot.tables import table

HOUSEHOLD, MEMBERSHIP, RESIDENT = table("household"), table("membership"), table("resident")

#: What is filed at the counter; follow-ups open by themselves.
KINDS = ("repair", "complaint", "service_order", "fee_case", "enquiry", "emergency")
_FIELDS = ("source", "kind", "room", "location", "description", "contact_name", "contact", "from", "until", "priority")
EMPTY: Mapping[str, Any] = {**dict.fromkeys(_FIELDS, ""), "source": "counter", "kind": "repair", "priority": "normal", "public_area": False}  # fmt: skip
_PRIORITIES = (Priority.NORMAL, Priority.HIGH, Priority.URGENT)
_LONGEST = 2000


class Unreadable(ValueError):
    """A field cannot be read; `key` is the word of the staff's pages that says so."""

    def __init__(self, key: str) -> None:
        super().__init__(key)
        self.key = key


@dataclass(slots=True)
class Slip:
    """What was typed, what is wrong with it (field → word), and the draft when nothing is."""

    values: dict[str, Any]
    source: Literal["counter", "phone"] = "counter"
    errors: dict[str, str] = field(default_factory=dict)
    draft: TicketDraft | None = None
    resident_id: int | None = None


def number_in(said: Any) -> int | None:
    """A row's id of a form. Raises Unreadable."""
    if not said:
        return None
    if not (str(said).isascii() and str(said).isdigit() and len(str(said)) < 19):
        raise Unreadable("refused_form")
    return int(said)


def instant(said: Any, community: Community) -> datetime | None:
    """A local date and time as a browser sends it (2026-11-24T14:00), in UTC. Raises Unreadable."""
    if not said:
        return None
    try:
        at = datetime.fromisoformat(str(said))
        return (at if at.tzinfo else at.replace(tzinfo=community.zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unreadable("refused_time") from None


def visit(form: Any, community: Community) -> Appointment | None:
    """The visit a form names. Raises Unreadable when it ends before it begins, or half of it is missing."""
    start, end = instant(form.get("from"), community), instant(form.get("until"), community)
    if start is None and end is None:
        return None
    if start is None or end is None or end <= start:
        raise Unreadable("refused_visit")
    return Appointment(start, end)


def read(conn: Connection, form: Any, community_id: int, now: datetime) -> Slip:
    """Check the form against this community's register as it stands today. `now` is the desk clock."""
    typed = {name: str(form.get(name) or "").strip()[:_LONGEST] for name in _FIELDS}
    slip = Slip({**typed, "public_area": bool(form.get("public_area"))})
    slip.source = "phone" if typed["source"] == "phone" else "counter"
    community = store.community(conn, community_id)
    public = bool(slip.values["public_area"])
    if typed["kind"] not in KINDS:
        slip.errors["kind"] = "refused_kind"
    if not typed["description"]:
        slip.errors["description"] = "refused_description"
    place = None if public or not typed["room"] else _room(conn, community_id, typed["room"], slip)
    if public and not typed["location"]:
        slip.errors["location"] = "refused_location"
    if not public and not typed["room"] and typed["kind"] in ("repair", "service_order"):
        slip.errors["room"] = "refused_room_missing"
    found = phone.find(typed["contact"])
    if typed["contact"] and not found:
        slip.errors["contact"] = "refused_contact"
    appointment = None
    try:
        appointment = visit(typed, community)
    except Unreadable as wrong:
        slip.errors["from"] = wrong.key
    if slip.errors:
        return slip
    contact = found[-1].number if found else ""
    household_id = _household(conn, community_id, place)
    if household_id is not None:
        today = now.astimezone(community.zone).date()
        slip.resident_id = _member(conn, community_id, household_id, contact, typed["contact_name"], today)
    priority = next((p for p in _PRIORITIES if p == typed["priority"]), Priority.NORMAL)
    emergency = typed["kind"] == "emergency"
    slip.draft = TicketDraft(
        kind=typed["kind"],
        category="urgent" if typed["kind"] == "repair" and priority is Priority.URGENT else "general",
        description=typed["description"],
        priority=Priority.EMERGENCY if emergency else priority,
        room=place,
        location=typed["location"],
        public_area=public,
        appointment=None if public else appointment,
        contact=contact,
        contact_name=typed["contact_name"],
        requester_verified=slip.resident_id is not None,
        household_id=household_id if slip.resident_id is not None else None,
    )
    return slip


def _room(conn: Connection, community_id: int, said: str, slip: Slip) -> RoomRef | None:
    def lookup(building: str | None, unit: str | None, number: str | None) -> Sequence[RoomRef]:
        return store.rooms(conn, community_id, NeedRooms(building, unit, number))

    answer = address.resolve(said, lookup=lookup)
    if isinstance(answer, address.Found):
        return answer.room
    several = isinstance(answer, address.Ambiguous | address.Partial)
    slip.errors["room"] = "refused_room_several" if several else "refused_room"
    return None


def _household(conn: Connection, community_id: int, place: RoomRef | None) -> int | None:
    if place is None or place.id is None:
        return None
    return conn.scalar(
        select(HOUSEHOLD.c.id).where(HOUSEHOLD.c.community_id == community_id, HOUSEHOLD.c.room_id == place.id).limit(1)
    )


def _member(
    conn: Connection, community_id: int, household_id: int, contact: str, name: str, today: date
) -> int | None:
    """The member of the household today whose telephone and name these are: only then is the requester verified."""
    if not contact or not name:
        return None
    return conn.scalar(
        select(RESIDENT.c.id)
        .join(
            MEMBERSHIP,
            and_(MEMBERSHIP.c.community_id == RESIDENT.c.community_id, MEMBERSHIP.c.resident_id == RESIDENT.c.id),
        )
        .where(
            RESIDENT.c.community_id == community_id,
            MEMBERSHIP.c.household_id == household_id,
            RESIDENT.c.phone == contact,
            RESIDENT.c.name == name,
            identity.CURRENT,
        )
        .limit(1),
        {"today": today},
    )
