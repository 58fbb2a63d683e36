"""Life safety: the safety line first, then the ticket without any form, then everyone on duty; the desk stays.

One emergency of a conversation is one ticket: what is said next is added to it, and a second danger adds its own safety
line. The conversation leaves this flow when the ticket has ended or the resident turns to something else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bot.core import triage
from bot.core.flows import FLOWS
from bot.core.resolve import phone
from bot.core.resolve.where import address, place, room
from bot.core.talk import Talk, shorten
from bot.core.types import (
    AmendTicket,
    Frame,
    Heard,
    OpenTicket,
    Priority,
    RoomRef,
    Say,
    Tell,
    TicketDraft,
    TicketView,
)

FLOW = "emergency"
ROLES = ("technician", "guard", "steward", "supervisor", "manager")


def ticket_of(talk: Talk) -> TicketView | None:
    """The emergency this conversation reported and that is still open."""
    mine = talk.facts.conversation_id
    return next((t for t in talk.facts.open_tickets if t.kind == "emergency" and t.conversation_id == mine), None)


def safety_line(talk: Talk, danger: str) -> Say:
    """What to do first and which public number to ring."""
    key = f"utter_safety_{danger}"
    if key not in talk.script.responses:
        key = "utter_safety_general"
    return replace(
        talk.line(key, duty_phone=talk.facts.community.duty_phone), priority=Priority.EMERGENCY
    )


def report(talk: Talk, danger: str, text: str, heard: Heard) -> None:
    """Danger was spoken of. Parks a form in progress."""
    talk.do(safety_line(talk, danger))
    current = ticket_of(talk)
    if current is not None:
        note(talk, current, text, heard)
        park(talk)
        talk.become(flow=FLOW, asking=None)
        return
    park(talk)
    bindings = talk.facts.speaker.bindings
    where = _room(text, [binding.room for binding in bindings])
    numbers = phone.find(text)
    contact = numbers[-1].number if numbers else talk.facts.speaker.phone
    spot = place.place(text) or ""
    talk.become(flow=FLOW, asking="location", slots={}, open_question=None, misses=0)
    opened = replace(
        talk.line("utter_emergency_opened", duty_phone=talk.facts.community.duty_phone), priority=Priority.EMERGENCY
    )
    talk.do(
        OpenTicket(
            TicketDraft(
                kind="emergency",
                category=danger,
                description=text.strip(),
                priority=Priority.EMERGENCY,
                room=where,
                location=spot,
                contact=contact,
                contact_name=talk.facts.speaker.name,
                requester_verified=bool(bindings),
                household_id=bindings[0].household_id if len(bindings) == 1 else None,
            ),
            then=(opened,),
        )
    )
    whereabouts = " ".join(filter(None, (where.label if where else "", spot)))
    for role in ROLES:
        talk.do(
            Tell(
                role,
                "utter_staff_emergency",
                {"item": shorten(text), "where": whereabouts},
                priority=Priority.EMERGENCY,
            )
        )


def _room(text: str, home: Sequence[RoomRef]) -> RoomRef | None:
    """Where the danger is, as said: an emergency never waits for the register.

    The speaker's own address; else the building of a common part, or the neighbour's room if he names no home of his; else
    the one room he is bound to.
    """
    answer = address.resolve(text, home=home, lookup=lambda *parts: ())
    if isinstance(answer, address.Found):
        return answer.room
    if answer is not None and answer.said.building:
        return _as_said(answer.said)
    if answer is None and place.is_public(text):
        named = next((mention for mention in room.mentions(text) if mention.building), None)
        if named is not None:
            return _as_said(named)
    if answer is None and (others := address.neighbours(text, home=home)) and others[-1].building:
        return _as_said(others[-1])
    return home[0] if len(home) == 1 else None


def _as_said(said: room.Parts) -> RoomRef:
    return RoomRef(address.label(said), said.building or "", said.unit or "", said.room or "")


def note(talk: Talk, ticket: TicketView, text: str, heard: Heard) -> None:
    """More was said about it: on the ticket, and to those who are acting."""
    photos = tuple(m for m in heard.media if m.kind == "photo")
    talk.do(AmendTicket(ticket.id, "note", text.strip(), photos))
    for role in ROLES[:3]:
        talk.do(
            Tell(
                role,
                "utter_staff_resident_said",
                {"number": ticket.number, "text": shorten(text, 120)},
                ticket_id=ticket.id,
                priority=Priority.EMERGENCY,
            )
        )


def stay(talk: Talk, ticket: TicketView, text: str, heard: Heard) -> None:
    """The resident goes on speaking while the emergency is open."""
    note(talk, ticket, text, heard)
    if triage.stands_down(talk.script.triage, text, ticket.category):
        talk.say("utter_emergency_safe")
        leave(talk)
    else:
        talk.say("utter_emergency_noted")


def leave(talk: Talk) -> None:
    """The desk is free again; what was parked is taken up, with its question, when the turn ends."""
    talk.become(flow=None, asking=None, slots={}, open_question=None)


def park(talk: Talk) -> None:
    """Put a request in progress aside. One of each kind at most: a second start replaces the older one."""
    flow = talk.state.flow
    if flow not in FLOWS:
        return
    frames = tuple(f for f in talk.state.frames if f.flow != flow)
    talk.become(
        frames=(*frames, Frame(str(flow), talk.state.asking or "", talk.state.slots)),
        flow=None,
        asking=None,
        slots={},
    )
