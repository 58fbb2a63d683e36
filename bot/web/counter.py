"""Forms as staff fill them in: the counter's and the telephone's, made into a ticket's draft; homes, roles and dates of others.

An instant without an offset is meant where the community is, as every time in an office is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, select

from bot import store
from bot.core.resolve import phone
from bot.core.resolve.where import address
from bot.core.shadow import EDITABLE
from bot.core.types import Appointment, Community, NeedRooms, Priority, RoomRef, TicketDraft
from bot.identity import CURRENT, NewHousehold
from bot.tables import table

HOUSEHOLD, MEMBERSHIP, RESIDENT = table("household"), table("membership"), table("resident")

#: What somebody may be in a household, as the forms offer it.
ROLES = ("owner", "family", "tenant", "agent")
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


def day(said: Any) -> date | None:
    """A date as a browser sends it (2027-06-30). Raises Unreadable."""
    if not said:
        return None
    try:
        return date.fromisoformat(str(said))
    except ValueError:
        raise Unreadable("refused_day") from None


def role(form: Any) -> str:
    """Owner, family, tenant or agent. Raises Unreadable."""
    said = str(form.get("role"))
    if said not in ROLES:
        raise Unreadable("refused_household_role")
    return said


def home(form: Any) -> int | NewHousehold:
    """The household that was chosen: its number, or `new-12` for a new one in room 12. Raises Unreadable."""
    said = str(form.get("household"))
    number = number_in(said.removeprefix("new-"))
    if number is None:
        raise Unreadable("refused_household")
    return NewHousehold(number) if said.startswith("new-") else number


def read(conn: Connection, form: Any, community_id: int, now: datetime) -> Slip:
    """Check the form against this community's register, as it stands `now` (desk clock)."""
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
    today = now.astimezone(community.zone).date()
    household_id, slip.resident_id = _member(conn, community_id, place, contact, typed["contact_name"], today)
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
        household_id=household_id,
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


def _member(
    conn: Connection, community_id: int, place: RoomRef | None, contact: str, name: str, today: date
) -> tuple[int | None, int | None]:
    """Household and resident where telephone and name are those of somebody who belongs to the room today: only then is the
    requester verified. A room may have several households."""
    if place is None or place.id is None or not contact or not name:
        return None, None
    row = conn.execute(
        select(MEMBERSHIP.c.household_id, RESIDENT.c.id)
        .join_from(
            RESIDENT,
            MEMBERSHIP,
            and_(MEMBERSHIP.c.community_id == RESIDENT.c.community_id, MEMBERSHIP.c.resident_id == RESIDENT.c.id),
        )
        .join(
            HOUSEHOLD,
            and_(HOUSEHOLD.c.community_id == MEMBERSHIP.c.community_id, HOUSEHOLD.c.id == MEMBERSHIP.c.household_id),
        )
        .where(
            RESIDENT.c.community_id == community_id,
            HOUSEHOLD.c.room_id == place.id,
            RESIDENT.c.phone == contact,
            RESIDENT.c.name == name,
            CURRENT,
        )
        .order_by(MEMBERSHIP.c.id)
        .limit(1),
        {"today": today},
    ).one_or_none()
    return (None, None) if row is None else (row.household_id, row.id)


def put_right(form: Any, shown: str, tickets: Sequence[Mapping[str, Any]]) -> tuple[str, dict[str, str]]:
    """What a colleague changed of a suggestion: the words, empty where they are as `shown`, and fields of the first ticket.

    Raises Unreadable for a telephone that is none, and where all the words were taken out.
    """
    said = "\n".join(form.get("text").splitlines())
    if shown and not said:
        raise Unreadable("refused_words")
    fields = {
        name: form.get(name)[:_LONGEST]
        for name in EDITABLE
        if tickets and form.get(name) and form.get(name) != tickets[0][name]
    }
    if "contact" in fields:
        found = phone.find(fields["contact"])
        if len(found) != 1:
            raise Unreadable("refused_contact")
        fields["contact"] = found[0].number
    return "" if said == shown.strip() else said, fields
