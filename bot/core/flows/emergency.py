"""Life safety: the safety line first, then the ticket without any form, then everyone on duty; the desk stays.

One emergency of a conversation is one ticket: what is said next is added to it, and a second danger adds its own safety
line. The conversation leaves this flow when the ticket has ended or the resident turns to something else.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from bot.core import danger, triage
from bot.core.flows import FLOWS
from bot.core.matters import clauses
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
#: Somebody of the staff is there, or has been.
_SEEN_TO = frozenset({"on_site", "secured"})
_PLACE = 60
#: Something that can answer "where": a figure, or a word of place.
_FIGURE_OR_PLACE = re.compile(
    r"[0-9一二三四五六七八九十]|[东南西北]|旁|边|楼|门|前|后|里|上|下|口|厅|库|园|亭|房|区|路|桥|湖|池|\b(?:at|in|on|by|near|next|behind|front|floor|building|gate)\b", re.I
)
ROLES = ("technician", "guard", "steward", "supervisor", "manager")


def ticket_of(talk: Talk) -> TicketView | None:
    """The emergency this conversation reported and that is still open."""
    mine = talk.facts.conversation_id
    return next((t for t in talk.facts.open_tickets if t.kind == "emergency" and t.conversation_id == mine), None)


def safety_line(talk: Talk, kind: str) -> Say:
    """What to do first and which public number to ring."""
    key = f"utter_safety_{kind}"
    if key not in talk.script.responses:
        key = "utter_safety_general"
    return replace(
        talk.line(key, duty_phone=talk.facts.community.duty_phone), priority=Priority.EMERGENCY
    )


def report(talk: Talk, kind: str, text: str, heard: Heard) -> None:
    """Danger was spoken of. Parks a form in progress.

    Args:
        kind: a danger of data/triage.yml, or "general".
    """
    talk.do(safety_line(talk, kind))
    current = ticket_of(talk)
    if current is not None:
        note(talk, current, text, heard)
        park(talk)
        talk.become(flow=FLOW, asking=None)
        return
    park(talk)
    bindings = talk.facts.speaker.bindings
    told = _of_the_first(text, heard)
    where = _room(told, [binding.room for binding in bindings])
    numbers = phone.find(text)
    contact = numbers[-1].number if numbers else talk.facts.speaker.phone
    spot = place.place(told) or ""
    house = None if any(mention.building for mention in room.mentions(spot)) else where  # 4栋楼道 says it all
    whereabouts = talk.placed(house, spot)
    known = bool(where and where.room) or bool(spot and where)
    key = "utter_emergency_opened_at" if known else "utter_emergency_opened"
    talk.become(flow=FLOW, asking=None if known else "location", slots={}, open_question=None, misses=0)
    opened = replace(
        talk.line(key, duty_phone=talk.facts.community.duty_phone, where=whereabouts), priority=Priority.EMERGENCY
    )
    talk.do(
        OpenTicket(
            TicketDraft(
                kind="emergency",
                category=kind,
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
    for role in ROLES:
        talk.do(
            Tell(
                role,
                "utter_staff_emergency",
                {"item": shorten(text), "where": " ".join(filter(None, (house.label if house else "", spot)))},
                priority=Priority.EMERGENCY,
            )
        )


def _of_the_first(text: str, heard: Heard) -> str:
    """The words of the first of several dangers: "厨房着火了，…还有13栋电梯困人了" is no kitchen of building 13."""
    dangers = [matter for matter in heard.matters if matter.intent == "emergency"]
    if len(dangers) > 1:
        return dangers[0].text
    new = next((clause.start for clause in clauses(text)[1:] if clause.sign == "new"), len(text))
    another = any(entity.entity in ("item", "fault") and entity.start >= new for danger in dangers for entity in danger.entities)
    return text[:new] if another else text


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
    _tell_those_who_act(talk, ticket, text)


def _tell_those_who_act(talk: Talk, ticket: TicketView, text: str) -> None:
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


def is_over(talk: Talk, ticket: TicketView, text: str) -> bool:
    """Whether the resident says that this danger has ended, or was none."""
    return not danger.asks(text) and triage.stands_down(talk.script.triage, text, ticket.category)


def is_asked(talk: Talk, ticket: TicketView, text: str) -> bool:
    """Whether these words ask something that data/danger.yml answers for this danger."""
    return danger.asks(text) and talk.script.danger.answer(ticket.category, text) is not None


def belongs(talk: Talk, ticket: TicketView, text: str) -> bool:
    """Whether these words are about the danger whatever the language model makes of them: a question about it, or its end."""
    return is_over(talk, ticket, text) or danger.asks(text) or talk.script.danger.answer(ticket.category, text) is not None


def stay(talk: Talk, ticket: TicketView, text: str, heard: Heard) -> None:
    """The resident goes on speaking while the emergency is open: on the ticket, to those who act; what is asked is answered."""
    if ticket.status in _SEEN_TO and _thanks(talk, ticket, text, heard):
        talk.say("utter_emergency_glad")
        leave(talk)
        return
    answer = talk.script.danger.answer(ticket.category, text)
    here = answer == "utter_danger_stay_out"  # where the people are now is not where the danger is
    contact = phone.find(text)
    where = ("", "") if here else _said_where(talk, _without(text, contact))
    if where[0] or contact:
        number = contact[-1].number if contact else ""
        photos = tuple(m for m in heard.media if m.kind == "photo")
        place_now = _put_to(ticket.location, where[0])
        talk.do(AmendTicket(ticket.id, "place", text.strip(), photos, location=place_now, contact=number))
        _tell_those_who_act(talk, ticket, text)
    else:
        note(talk, ticket, text, heard)
    talk.become(asking=None)
    if answer is None and any(matter.intent == "ticket_status" for matter in heard.matters[:1]):
        answer = "utter_danger_who_comes"
    if is_over(talk, ticket, text):
        talk.say("utter_emergency_safe")
        leave(talk)
    elif answer is not None:
        talk.say(answer, number=ticket.number, status=talk.status(ticket), duty_phone=talk.facts.community.duty_phone)
    elif danger.asks(text):
        talk.say("utter_danger_unsure")
        talk.do(safety_line(talk, ticket.category))
    elif where[0]:
        talk.say("utter_emergency_where", where=where[1])
    elif contact:
        talk.say("utter_noted_value", value=contact[-1].number)
    else:
        talk.say("utter_emergency_noted")


def _thanks(talk: Talk, ticket: TicketView, text: str, heard: Heard) -> bool:
    """Whether it is over for the resident too, once those who came have seen to it: nobody is alarmed by thanks."""
    top = heard.matters[0].intent if heard.matters else ""
    return is_over(talk, ticket, text) or top in ("thank", "goodbye", "affirm", "feedback")


def _put_to(before: str, said: str) -> str:
    """The place with what was said later: nothing of the earlier words is lost, nothing is said twice."""
    if not said or said in before:
        return before
    return f"{before} {said}".strip() if before and before not in said else said


def _without(text: str, numbers: Sequence[phone.Phone]) -> str:
    """The words without the telephones in them: a number is no place."""
    for found in reversed(numbers):
        text = text[: found.start] + text[found.end :]
    return text


def _said_where(talk: Talk, text: str) -> tuple[str, str]:
    """The place in these words, as staff and as the resident read it; what answers "exactly where" is one, however it is put."""
    if talk.state.asking == "location" and _FIGURE_OR_PLACE.search(text) and not danger.asks(text):
        return (shorten(text.strip(), _PLACE),) * 2
    own = address.own(text, home=[b.room for b in talk.facts.speaker.bindings])
    spot = place.place(text) or ""
    said = next((_as_said(mention) for mention in own if mention.building or mention.room), None)
    if said is None or said.label in spot:
        return spot, spot
    return f"{said.label} {spot}".strip(), talk.placed(said, spot)


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
