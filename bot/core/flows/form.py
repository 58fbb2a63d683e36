"""Forms: what a request needs, how it is read out of what was said, and what is asked next.

A flow is data (`Flow`): its slots in asking order, when each is wanted, and what is opened in the end. The reading of
answers is shared by all flows, so that a room, a time or a phone number is understood alike wherever it is said, in
any order and several at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from bot.core.resolve import contact, phone, temper, when
from bot.core.resolve.opening import bare, gist, only_asks
from bot.core.resolve.where import address, place
from bot.core.resolve.where.room import Parts
from bot.core.talk import Talk, shorten
from bot.core.types import (
    Appointment,
    Button,
    Heard,
    Matter,
    Media,
    NeedRooms,
    OpenTicket,
    Priority,
    RoomRef,
    Tell,
    TicketDraft,
    raised,
)

Slots = dict[str, Any]
#: Slot of a conversation without a form: what was said of room, time or telephone before the matter itself.
EARLY = "early"
_MOST_EARLY = 5

#: A time in the first message is the trouble's ("昨晚开始漏") unless it speaks of a visit.
_VISIT = re.compile(
    r"在家|有空|有人|上门|方便|过来|来(?:修|看|弄|一趟)|预约|\bhome\b|\bcome\b|\bavailable\b|\bvisit\b|\bfree\b|\b(?:is|are|would be) (?:fine|ok|okay|good|best)\b|\bworks\b", re.I
)
_MOST_ROOMS_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Slot:
    """One thing a form needs. `wanted` looks at what is already known."""

    name: str
    ask: str
    wanted: Callable[[Slots], bool]


@dataclass(frozen=True, slots=True)
class Flow:
    """A request from its first words to its ticket."""

    name: str
    intents: tuple[str, ...]
    kind: str
    form: tuple[Slot, ...]
    summary: Callable[[Slots], str]
    opened: str
    role: str
    category: Callable[[Talk, Slots], tuple[str, Priority]]


def begin(talk: Talk, flow: Flow, matter: Matter | None, heard: Heard) -> None:
    """Open the form with everything the message already said, with what was said before it, and with what is on file."""
    before = talk.state.slots if talk.state.flow is None else {}
    early, photos = tuple(before.get(EARLY, ())), before.get("photos", [])
    slots: Slots = {"upset": True} if talk.upset else {}
    speaker = talk.facts.speaker
    if len(speaker.bindings) == 1:
        slots["room"] = room_to_slot(speaker.bindings[0].room)
        slots["household_id"] = speaker.bindings[0].household_id
    elif speaker.bindings:
        slots["room_choices"] = [room_to_slot(b.room) for b in speaker.bindings[:_MOST_ROOMS_SHOWN]]
    if speaker.phone:
        slots["contact"] = speaker.phone
    talk.become(flow=flow.name, asking=None, slots=slots, misses=0)
    for said in early:
        read(talk, flow, said, heard)
    if matter is not None:
        if not _says_nothing(talk, flow, matter):
            words = bare(matter.text)
            shown = gist(matter, _shown_apart(flow)) if flow.kind in _OF_A_THING else words
            talk.become(slots={**talk.state.slots, "description": words, "gist": shown, **_marked(matter)})
        read(talk, flow, matter.text, heard, opening=True)
        _place_of_item(talk, matter)
    if photos:
        talk.become(slots={**talk.state.slots, "photos": photos})
    keep_photos(talk, heard)
    if flow.category(talk, dict(talk.state.slots))[1] is Priority.URGENT and not talk.state.slots.get("public"):
        talk.become(slots={**talk.state.slots, "when_any": True})  # 急修 waits for no appointment (DOMAIN.md, Clocks)
        talk.say("utter_urgent")


#: Requests about a thing that is broken or wanted: its name says it. Of a complaint every word counts.
_OF_A_THING = frozenset({"repair", "service_order"})
#: Slot → the marks that fill it, which a summary shows in a place of their own.
_MARKS: Mapping[str, frozenset[str]] = {
    "room": frozenset({"building", "unit", "room"}),
    "when": frozenset({"time"}),
    "contact": frozenset({"phone"}),
}


def _shown_apart(flow: Flow) -> frozenset[str]:
    return frozenset().union(*(_MARKS.get(slot.name, frozenset()) for slot in flow.form))


def _says_nothing(talk: Talk, flow: Flow, matter: Matter) -> bool:
    """Whether the words hold no matter: the kind of request alone, or bare anger, which nobody is asked to check and submit."""
    if only_asks(matter.text):
        return True
    return talk.upset and flow.kind == "complaint" and not matter.entities and temper.insults(matter.text)


def describe(talk: Talk, text: str) -> None:
    """Put more words to the description, and to what is shown of it."""
    slots = talk.state.slots
    said = {name: f"{slots[name]}{talk.gap}{text}" if slots.get(name) else text for name in ("description", "gist")}
    talk.become(slots={**slots, **said})


def _marked(matter: Matter) -> Slots:
    marked: Slots = {}
    if items := matter.values("item"):
        marked["item"] = items[0]
    return marked


def keep_early(talk: Talk, text: str, heard: Heard) -> bool:
    """A room, a time or a telephone said before the matter is kept for the form to come. Whether these words hold any."""
    probe = Talk(talk.script, talk.facts, talk.state.but(slots={}))
    found: set[str] = set()
    for reader in (read_room, _read_when, _read_contact):
        found |= reader(probe, text, None, False)
    if not found:
        return False
    early = [*talk.state.slots.get(EARLY, ()), text.strip()]
    talk.become(slots={**talk.state.slots, EARLY: early[-_MOST_EARLY:]})
    return True


def _place_of_item(talk: Talk, matter: Matter) -> None:
    """"电梯又停了": who lives in one building speaks of its lift. Of anybody else the place is asked."""
    slots, items = talk.state.slots, matter.values("item")
    if slots.get("public") and not slots.get("location") and slots.get("room") and items and place.of_a_building(items[0]):
        _set(talk, location=items[0])


def room_to_slot(ref: RoomRef) -> Slots:
    return {
        "label": ref.label, "building": ref.building, "unit": ref.unit, "room": ref.room, "id": ref.id,
        "verified": ref.verified,
    }  # fmt: skip


def keep_photos(talk: Talk, heard: Heard) -> bool:
    """Keep the photos of this message with the form. Whether there were any."""
    photos = [[m.kind, m.reference, m.path] for m in heard.media if m.kind == "photo"]
    if photos:
        talk.become(slots={**talk.state.slots, "photos": [*talk.state.slots.get("photos", []), *photos]})
    return bool(photos)


def read(talk: Talk, flow: Flow, text: str, heard: Heard, opening: bool = False) -> frozenset[str]:
    """Fill whatever this text answers; the names of what was filled. A value that cannot be used is remarked on once:
    the remark's name starts with "unclear:"."""
    names = {slot.name for slot in flow.form}
    asking = None if opening else talk.state.asking
    filled: set[str] = set()
    for name, reader in _READERS.items():
        if name in names:
            filled |= reader(talk, text, asking, opening)
    if heard.location and "location" in names:
        _set(talk, location=heard.location)
        filled.add("location")
    return frozenset(filled)


def _set(talk: Talk, **values: Any) -> None:
    talk.become(slots={**talk.state.slots, **values})


def read_room(talk: Talk, text: str, asking: str | None, opening: bool) -> set[str]:
    """The speaker's room as this text leaves it; the register is asked at most once."""
    slots, bindings = talk.state.slots, talk.facts.speaker.bindings
    if asking == "location":
        return set()  # "13栋1单元" is where the lift stands, no address that lacks its room
    home = [binding.room for binding in bindings]
    before = _said_before(slots, asking in ("confirm", "change") or address.corrects(text))
    said = address.own(text, home=home, before=before)
    if not said and slots.get("room"):
        return set()
    if asking == "contact" and not any(mention.building or mention.unit for mention in said):
        return set()  # four figures of a telephone
    answer = address.resolve(text, home=home, before=before, lookup=lambda *parts: talk.gather(NeedRooms(*parts)))
    match answer:
        case None:
            return set()
        case address.Found(parts, ref):
            household = next((b.household_id for b in bindings if b.room.id == ref.id is not None), None)
            _set(talk, room=room_to_slot(ref), room_said=asdict(parts), household_id=household, room_choices=[])
            return {"room"}
        case address.Unverified(parts):
            ref = RoomRef(address.label(parts), parts.building or "", parts.unit or "", parts.room or "")
            _set(talk, room=room_to_slot(ref), room_said=asdict(parts), household_id=None, room_choices=[])
            return {"room"}
        case address.Ambiguous(parts, rooms) if len(rooms) <= _MOST_ROOMS_SHOWN:
            _set(talk, room=None, room_said=asdict(parts), room_choices=[room_to_slot(ref) for ref in rooms])
            return {"unclear:room_which"}
        case address.Ambiguous(parts) | address.Partial(parts):
            _set(talk, room=None, room_said=asdict(parts), room_choices=[])
            return {"unclear:room_part"}


def _said_before(slots: Mapping[str, Any], corrected: bool) -> Parts | None:
    """What was said of the room in this request; what is `corrected` is the room that was shown, said or not."""
    if slots.get("room_said"):
        return Parts(**slots["room_said"])
    shown = slots.get("room") if corrected else None
    return Parts(shown["building"] or None, shown["unit"] or None, shown["room"] or None) if shown else None


def _read_place(talk: Talk, text: str, asking: str | None, opening: bool) -> set[str]:
    filled: set[str] = set()
    public = place.is_public(text)
    listens = opening or asking in ("confirm", "change", "location", "what")
    if public is not None and listens and talk.state.slots.get("public") != public:
        _set(talk, public=public)
        filled.add("public")
    spot = place.place(text)
    if spot and (opening or asking in ("location", "confirm", "change", "what")):
        _set(talk, location=spot)
        filled.add("location")
    elif asking == "location" and text.strip():
        _set(talk, location=shorten(text.strip(), 60))
        filled.add("location")
    return filled


def _read_when(talk: Talk, text: str, asking: str | None, opening: bool) -> set[str]:
    if opening and not _VISIT.search(text) and not _ahead(talk, text):
        return set()
    found = _refined(talk, text) or when.parse_when(text, talk.local_now)
    if found is None:
        return set()
    if isinstance(found, when.Unclear):
        return {f"unclear:when_{found.reason}"} if asking in ("when", "change", "confirm") else set()
    _set(
        talk,
        when={
            "start": found.start.astimezone(UTC).isoformat(),
            "end": found.end.astimezone(UTC).isoformat(),
            "text": found.text,
        },
    )
    return {"when"}


#: Since when the trouble is there.
_SINCE = re.compile(r"开始|从|就(?:漏|坏|没|不|停|堵|响)|一直|以来|起|\bsince\b|\bstarted\b|\bfrom\b", re.IGNORECASE)


def speaks_of_a_visit(text: str) -> bool:
    """Whether a time in these words is when somebody may come."""
    return _VISIT.search(text) is not None


def _ahead(talk: Talk, text: str) -> bool:
    """Whether a first message names a day to come and some hours of it: of a fault that is a visit's time, not the trouble's."""
    found = when.parse_when(text, talk.local_now)
    return isinstance(found, when.Window) and found.start.date() > talk.local_now.date() and not _SINCE.search(text)


#: Words that name the present day themselves.
_TODAY = re.compile(r"今|现在|马上|立刻|\btoday\b|\btonight\b|\bnow\b|\bthis\b", re.IGNORECASE)


def _refined(talk: Talk, text: str) -> when.Window | None:
    """Hours said after a day ("大后天", then "上午") are hours of that day, not of today."""
    visit = talk.state.slots.get("when")
    if not visit or _TODAY.search(text):
        return None
    day = datetime.fromisoformat(visit["start"]).astimezone(talk.local_now.tzinfo).replace(hour=0, minute=0)
    if day.date() <= talk.local_now.date():
        return None
    found, next_day = when.parse_when(text, day), when.parse_when(text, day + timedelta(days=1))
    if not isinstance(found, when.Window) or not isinstance(next_day, when.Window):
        return None
    follows = found.start.date() == day.date() and next_day.start.date() == (day + timedelta(days=1)).date()
    return found if follows else None


#: Nobody must give a number: the conversation itself reaches the resident.
NO_PHONE = re.compile(r"没有?(?:电话|手机|号码)|(?:不|别|就不|不想|不方便)(?:留|给|填)(?:电话|手机|号码)?(?:了|吧)?$|\bno (?:phone|number)\b|\b(?:rather|prefer) not\b|\bwithout (?:a )?(?:phone|number)\b", re.IGNORECASE)


def _read_contact(talk: Talk, text: str, asking: str | None, opening: bool) -> set[str]:
    current = talk.state.slots.get("contact") or None
    number = contact.given(text, None if opening else current)
    if number and (number != current or phone.find(text)):
        _set(talk, contact=number)
        return {"contact"}
    if asking == "contact" and NO_PHONE.search(text):
        _set(talk, contact_none=True)
        return {"contact"}
    if asking == "contact" and re.search(r"\d{5,}", text):
        return {"unclear:contact"}
    return set()


_READERS: Mapping[str, Callable[[Talk, str, str | None, bool], set[str]]] = {
    "room": read_room,
    "location": _read_place,
    "when": _read_when,
    "contact": _read_contact,
}

_UNCLEAR: Mapping[str, str] = {
    "unclear:when_past": "utter_when_past",
    "unclear:when_small_hours": "utter_when_small_hours",
    "unclear:contact": "utter_contact_unclear",
}


def remark(talk: Talk, filled: frozenset[str]) -> bool:
    """Say what could not be used, and ask for it again. Whether there was anything to remark on."""
    unclear = sorted(name for name in filled if name.startswith("unclear:"))
    if not unclear:
        return False
    first = unclear[0]
    if first.startswith("unclear:room"):
        talk.become(asking="room")
        _ask_room(talk)
        return True
    key = _UNCLEAR.get(first, "utter_when_unclear")
    talk.become(asking="contact" if "contact" in first else "when")
    talk.ask(key, "unclear", duty_phone=talk.facts.community.duty_phone)
    return True


def ask_which_room(talk: Talk) -> None:
    buttons = tuple(Button(talk.home(RoomRef(**c)), f"pick:{c['label']}") for c in talk.state.slots["room_choices"])
    mine = len(talk.facts.speaker.bindings) > 1 and not talk.state.slots.get("room_said")
    talk.ask("utter_ask_room_mine" if mine else "utter_ask_room_which", "room", buttons=buttons)


def ask_next(talk: Talk, flow: Flow) -> None:
    """Ask for the first thing still wanted, or show the summary."""
    slots = dict(talk.state.slots)
    for slot in flow.form:
        if slot.wanted(slots):
            talk.become(asking=slot.name, slots={**slots, "asked": [*(n for n in slots.get("asked", ()) if n != slot.name), slot.name]})
            if slot.name == "room":
                _ask_room(talk)
            else:
                talk.ask(slot.ask, slot.name)
            return
    talk.become(asking="confirm")
    talk.ask(flow.summary(slots), "confirm", **summary_values(talk, slots))


def choices(talk: Talk, flow: Flow) -> tuple[Button, ...]:
    """The buttons under the question that is being asked: they stand under its repetition too."""
    ask = next((slot.ask for slot in flow.form if slot.name == talk.state.asking), None)
    return talk.line(ask).buttons if ask else ()


def _ask_room(talk: Talk) -> None:
    """Which of several, or what is missing of an address that was said in part, or the whole."""
    slots = talk.state.slots
    said = address.label(Parts(**slots["room_said"])) if slots.get("room_said") else ""
    if slots.get("room_choices"):
        ask_which_room(talk)
    elif said:
        talk.ask("utter_ask_room_rest", "room", said=said)
    else:
        talk.ask("utter_ask_room", "room")


def complete(talk: Talk, flow: Flow) -> bool:
    """Whether nothing is left to ask."""
    return not any(slot.wanted(dict(talk.state.slots)) for slot in flow.form)


#: What a slot of a form fills: emptied when the resident goes one step back.
_FILLS: Mapping[str, tuple[str, ...]] = {
    "what": ("description", "gist", "item"),
    "room": ("room", "room_said", "room_choices", "household_id"),
    "location": ("location",),
    "when": ("when", "when_any"),
    "contact": ("contact", "contact_none"),
}


def back(talk: Talk, flow: Flow) -> None:
    """One step back: what was asked and answered last is asked again. What is on file, and what was said unasked, stays."""
    slots = dict(talk.state.slots)
    last = next((name for name in reversed(slots.get("asked", ())) if any(slots.get(key) for key in _FILLS[name])), None)
    if last is not None:
        talk.become(slots={key: value for key, value in slots.items() if key not in _FILLS[last]})
        talk.say("utter_step_back")
    ask_next(talk, flow)


def noted(talk: Talk, filled: frozenset[str]) -> str:
    """What was just filled, in a few words, to be said back when something else had been asked."""
    slots = dict(talk.state.slots)
    words = {
        "room": talk.home(RoomRef(**slots["room"])) if slots.get("room") else "",
        "location": slots.get("location", ""),
        "when": talk.when(appointment) if (appointment := appointment_of(slots)) else "",
        "contact": slots.get("contact") or "",
    }
    return talk.listed(words[name] for name in words if name in filled and words[name])


def summary_values(talk: Talk, slots: Slots) -> dict[str, Any]:
    """What a summary shows: the words as said, the place, the visit, the phone in full (it is the speaker's own)."""
    appointment = appointment_of(slots)
    where = ""
    if slots.get("room") and not slots.get("public"):
        mark = "" if slots["room"]["verified"] else talk.words("utter_part_unverified")
        where = talk.words("utter_part_colon_home", room=talk.home(RoomRef(**slots["room"])) + mark)
    elif slots.get("location"):
        where = talk.words("utter_part_colon_home", room=_spot_in_words(talk, slots))
    return {
        "item": shorten(slots.get("gist") or slots.get("description", "")),
        "place": where,
        "when": talk.when(appointment) if appointment else talk.words("utter_part_when_any"),
        "contact": slots.get("contact") or talk.words("utter_part_none"),
    }


def spot_of(slots: Mapping[str, Any]) -> str:
    """Where a fault in a common part is. A corridor or a lift that was named without its building is that of the speaker's home."""
    building, spot = _building_of(slots), str(slots.get("location", ""))
    return f"{building.label} {spot}" if building else spot


def _building_of(slots: Mapping[str, Any]) -> RoomRef | None:
    """The building and unit that go without saying of the spot that was named."""
    home = slots.get("room")
    if not home or not home["building"] or not place.of_a_building(str(slots.get("location", ""))):
        return None
    return RoomRef(address.label(Parts(home["building"], home["unit"] or None, None)), home["building"], home["unit"], "")


def _spot_in_words(talk: Talk, slots: Mapping[str, Any]) -> str:
    """The same for the resident to read: Building 4 unit 3, corridor."""
    return talk.placed(_building_of(slots), str(slots.get("location", "")))


def appointment_of(slots: Mapping[str, Any]) -> Appointment | None:
    visit = slots.get("when")
    if not visit:
        return None
    return Appointment(datetime.fromisoformat(visit["start"]), datetime.fromisoformat(visit["end"]), visit["text"])


def draft_of(talk: Talk, flow: Flow) -> TicketDraft:
    """The ticket this form describes."""
    slots = dict(talk.state.slots)
    category, priority = flow.category(talk, slots)
    public = bool(slots.get("public"))
    ref = slots.get("room")
    if slots.get("upset"):
        priority = raised(priority)
    household = slots.get("household_id")
    return TicketDraft(
        kind=flow.kind,
        category=category,
        description=slots.get("description", ""),
        priority=priority,
        room=RoomRef(**ref) if ref else None,
        location=spot_of(slots) if public else slots.get("location", ""),
        public_area=public,
        appointment=None if public else appointment_of(slots),
        contact=slots.get("contact", ""),
        contact_name=talk.facts.speaker.name,
        photos=tuple(Media(kind, reference, path) for kind, reference, path in slots.get("photos", [])),
        requester_verified=household is not None,
        household_id=household,
        linked_to=slots.get("linked_to"),
        subject=slots.get("item", ""),
    )


def submit(talk: Talk, flow: Flow) -> None:
    """Open the ticket and tell whoever is on duty for it; the form is done."""
    draft = draft_of(talk, flow)
    values = summary_values(talk, dict(talk.state.slots))
    talk.become(flow=None, asking=None, slots={}, open_question=None, misses=0, draft_expires=None)
    talk.do(
        OpenTicket(draft, then=(talk.line(flow.opened),)),
        Tell(
            flow.role,
            "utter_staff_new_ticket",
            {
                "item": values["item"],
                "where": draft.location if draft.public_area else (draft.room.label if draft.room else draft.location),
                "when": values["when"] if draft.appointment else "",
                "contact": draft.contact,
            },
            priority=draft.priority,
        ),
    )
