"""A person takes the conversation: asked for, joined, spoken in the same thread, given back.

A hand-over is an `enquiry` of category handoff, with an owner and a clock (DOMAIN.md, Other kinds of ticket). While a person
has the conversation the desk keeps quiet, but life safety is still listened for, and surveys wait. After the idle time
policy names the desk takes it back with a line to the resident.
"""

from __future__ import annotations

from bot.core.flows import form, in_hand
from bot.core.talk import Talk, shorten
from bot.core.types import (
    AmendTicket,
    Heard,
    OpenTicket,
    Priority,
    Remind,
    Say,
    StaffSaid,
    Tell,
    TicketDraft,
    TicketMoved,
    TicketView,
)

_ENDED = frozenset({"answered", "closed", "cancelled"})


def case_of(talk: Talk) -> TicketView | None:
    """The open hand-over of this conversation."""
    mine = talk.facts.conversation_id
    return next(
        (
            t
            for t in talk.facts.open_tickets
            if t.kind == "enquiry" and t.category == "handoff" and t.conversation_id == mine and t.status not in _ENDED
        ),
        None,
    )


def so_far(talk: Talk) -> str:
    """What the form in progress has gathered, for the person who takes over; "" without a form."""
    flow = in_hand(talk)
    if flow is None:
        return ""
    slots = dict(talk.state.slots)
    values = form.summary_values(talk, slots)
    return talk.words("utter_part_so_far", item=slots.get("description", ""), place=values["place"], when=values["when"], contact=values["contact"])


def _opens(talk: Talk) -> str:
    """When the front desk is open next, in words of the community's zone."""
    if talk.facts.calendar is None:
        return ""
    at = talk.facts.calendar.next_service(talk.facts.now)
    return talk.moment(at)


def ask(talk: Talk, key: str, text: str) -> None:
    """Open the enquiry that a person will take, and keep quiet until they are done. What a form had gathered goes with it; with
    nobody there, the resident hears when somebody will be, and the number for what cannot wait."""
    there = talk.facts.on_duty
    words = " ".join(filter(None, (text.strip(), so_far(talk))))
    priority = Priority.HIGH if talk.cross else Priority.NORMAL
    talk.become(mode="human" if there else "desk", flow=None, asking=None, slots={}, frames=(), misses=0, open_question=None)
    talk.do(
        OpenTicket(
            TicketDraft(
                "enquiry",
                "handoff",
                words,
                priority,
                contact=talk.facts.speaker.phone,
                contact_name=talk.facts.speaker.name,
                requester_verified=bool(talk.facts.speaker.bindings),
            ),
            then=(talk.line(key if there else "utter_handoff_off_duty", duty_phone=talk.facts.community.duty_phone, opens=_opens(talk)),),
        ),
        Tell("steward", "utter_staff_handoff", {"text": shorten(words, 120)}, priority=priority),
    )
    if there:
        _watch(talk)


def heard(talk: Talk, words: Heard) -> bool:
    """With a person: the words go to the person, the desk keeps quiet."""
    if talk.state.mode != "human" or words.button:
        return False
    case = case_of(talk)
    if case is None:
        talk.become(mode="desk")
        return False
    photos = tuple(m for m in words.media if m.kind == "photo")
    told = {"number": case.number, "text": shorten(words.text, 120)}
    talk.do(
        AmendTicket(case.id, "note", words.text.strip(), photos),
        Tell("assignee" if case.assignee else "steward", "utter_staff_resident_said", told, ticket_id=case.id),
    )
    _watch(talk)
    return True


def moved(talk: Talk, event: TicketMoved) -> bool:
    """A colleague joins, or gives the conversation back. False: some other move, told like any other."""
    if event.action == "accept":
        talk.become(mode="human")
        talk.say("utter_staff_joined", staff=event.by_name)
        _watch(talk)
        return True
    if event.action == "return":
        return True  # back among the free hand-overs; the resident still waits for a person
    if event.ticket.status in _ENDED and talk.state.mode == "human":
        talk.become(mode="desk")
        if event.action == "hand_back":
            _back(talk)
            return True
    return False


def said(talk: Talk, event: StaffSaid) -> None:
    """The person's own words, in the same thread, under their name."""
    talk.do(Say(event.text, key="staff", author=event.by_name, photos=event.photos))
    _watch(talk)


def idle(talk: Talk) -> None:
    """Neither side has written for as long as policy allows."""
    if talk.state.mode != "human":
        return
    talk.become(mode="desk")
    case = case_of(talk)
    if case is not None and case.status == "open":  # nobody has come: that is not told as if somebody had gone
        told = {"number": case.number}
        talk.do(
            Tell("steward", "utter_staff_urged", told, ticket_id=case.id, priority=Priority.HIGH),
            Tell("supervisor", "utter_staff_urged", told, ticket_id=case.id, priority=Priority.HIGH),
        )
        talk.say("utter_handoff_waiting", number=case.number, duty_phone=talk.facts.community.duty_phone)
        _resume(talk)
    else:
        _back(talk)


def _back(talk: Talk) -> None:
    talk.say("utter_human_returns")
    _resume(talk)


def _resume(talk: Talk) -> None:
    flow = in_hand(talk)
    if flow is not None:  # a colleague had joined in the middle of a form
        form.ask_next(talk, flow)


def _watch(talk: Talk) -> None:
    # One row a conversation: every word moves it on.
    talk.do(Remind("human_idle", talk.facts.now + talk.script.policy.handover_idle))
