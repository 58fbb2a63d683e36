"""What is already filed: progress, urging, withdrawing, rescheduling, adding, and the answers to what staff did.

A ticket is only ever spoken of to its own household or the conversation that opened it; a number alone opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC

from bot.core.resolve import ticketno, when
from bot.core.talk import Talk, shorten
from bot.core.tickets import TRANSITIONS, is_open
from bot.core.types import (
    AmendTicket,
    Appointment,
    Button,
    CancelReminders,
    Heard,
    Matter,
    MoveTicket,
    NeedRecent,
    NeedTicket,
    Remind,
    Tell,
    TicketView,
)

_MOST_LINES = 3
_HIDDEN = frozenset({"follow_up"})  # the office's own work on a low score: not a request of the resident's

#: Within a question about one ticket, these say that it is not done. They only ever answer; they never open anything.
_NOT_FIXED = re.compile(
    r"没修好|沒修好|没弄好|没好|没解决|还(?:是|在)?(?:漏|坏|不|没|堵|响)|又(?:漏|坏|堵|不)|没人来|没来|人影|"
    r"\bnot (?:fixed|done|working|solved)\b|\bstill\b|\bnobody came\b|\bno one came\b|\bagain\b",
    re.I,
)
_FIXED = re.compile(r"^(?:已经|都)?(?:修好了?|好了|可以了|没问题了?|搞定了?)|\b(?:is|it's|all) (?:fixed|good|fine|working)\b|^fixed", re.I)
_URGE = re.compile(
    r"催|快点|快些|赶紧|尽快|多久|怎么还|还没|一直没|没人|等了|几天了|什么时候(?:来|到|修)|"
    r"\burge\b|\bhurry\b|\bhow long\b|\bstill\b|\bnobody\b|\bno one\b|\bwaiting\b|\bwhen (?:will|is|are)\b",
    re.I,
)
_WITHDRAW = re.compile(r"取消|撤销|撤回|撤了|撤掉|撤单|不用(?:来|修|了)|不修了|\bcancel\b|\bwithdraw\b|\bno need\b|\bcall off\b", re.I)


def not_fixed(text: str) -> bool:
    return bool(_NOT_FIXED.search(text))


def withdraws(text: str) -> bool:
    return bool(_WITHDRAW.search(text))


def fixed(text: str) -> bool:
    return bool(_FIXED.search(text.strip())) and not not_fixed(text)


def visible(talk: Talk) -> tuple[TicketView, ...]:
    """The speaker's open tickets, the latest first."""
    return tuple(t for t in talk.facts.open_tickets if t.kind not in _HIDDEN)


def _named(talk: Talk, text: str) -> tuple[TicketView | None, bool]:
    """The ticket whose number was said, and whether a number was said at all."""
    for number in ticketno.numbers(text):
        return talk.gather(NeedTicket(number)), True
    return None, False


def progress(talk: Talk, text: str) -> None:
    """"我的报修到哪了": the tickets as they stand; urged when the words urge."""
    named, said = _named(talk, text)
    if said and named is None:
        talk.say("utter_status_unknown_number")
        return
    tickets = (named,) if named else visible(talk)
    if not tickets:
        tickets = tuple(t for t in talk.gather(NeedRecent()) if t.kind not in _HIDDEN)[:1]
    if not tickets:
        _nothing(talk)
        return
    if len(tickets) == 1 and tickets[0].status == "resolved" and not_fixed(text):
        answer(talk, "not_fixed", tickets[0], text)
        return
    for ticket in tickets[:_MOST_LINES]:
        talk.say("utter_status_line", **_line(talk, ticket))
    if _URGE.search(text) and is_open(tickets[0]):
        urge(talk, tickets[0], text)


def _nothing(talk: Talk) -> None:
    """Nothing of the speaker's is filed, as far as this conversation knows: a stranger may be known by another one."""
    if talk.facts.speaker.bindings:
        talk.say("utter_status_none")
    else:
        talk.ask("utter_status_none_here", "bind_needed")


def _line(talk: Talk, ticket: TicketView) -> dict[str, str]:
    more = ""
    if ticket.status == "on_hold" and ticket.pause_reason:
        more += talk.words("utter_part_paused", note=ticket.pause_reason)
    if ticket.assignee and is_open(ticket):
        more += talk.words("utter_part_assignee", staff=ticket.assignee)
    if ticket.appointment and is_open(ticket):
        more += talk.words("utter_part_appointment", when=talk.when(ticket.appointment))
    return {
        "number": ticket.number,
        "item": shorten(ticket.description, 20),
        "status": talk.status(ticket),
        "more": more,
    }


def urge(talk: Talk, ticket: TicketView, text: str) -> None:
    """催单: a note and a notification, once per policy's interval."""
    if ticket.urged_at and talk.facts.now - ticket.urged_at < talk.script.policy.urge_every:
        talk.say("utter_urged_already")
        return
    talk.do(
        AmendTicket(ticket.id, "urge", text.strip()),
        Tell("assignee", "utter_staff_urged", {"number": ticket.number}, ticket_id=ticket.id),
    )
    talk.say("utter_urged")


def change(talk: Talk, matter: Matter, heard: Heard) -> None:
    """Withdraw, reschedule, or add to a ticket."""
    text = matter.text
    named, said = _named(talk, text)
    if said and named is None:
        talk.say("utter_status_unknown_number")
        return
    tickets = (named,) if named else visible(talk)
    tickets = tuple(t for t in tickets if is_open(t))
    if not tickets:
        _nothing(talk)
        return
    window = when.parse_when(text, talk.local_now)
    if _WITHDRAW.search(text) and not isinstance(window, when.Window):
        if len(tickets) > 1:
            buttons = tuple(
                Button(f"{t.number} {shorten(t.description, 10)}", f"withdraw:{t.id}") for t in tickets[:_MOST_LINES]
            )
            talk.ask("utter_withdraw_which", "withdraw_which", buttons=buttons)
            return
        ask_withdraw(talk, tickets[0])
        return
    ticket = tickets[0]
    if isinstance(window, when.Window) and ticket.kind in ("repair", "service_order"):
        reschedule(talk, ticket, Appointment(window.start.astimezone(UTC), window.end.astimezone(UTC), window.text))
        return
    photos = tuple(m for m in heard.media if m.kind == "photo")
    talk.do(
        AmendTicket(ticket.id, "note", text.strip(), photos),
        Tell("assignee", "utter_staff_resident_said", {"number": ticket.number, "text": shorten(text, 120)}, ticket.id),
    )
    talk.say("utter_note_added", number=ticket.number)


def reschedule(talk: Talk, ticket: TicketView, appointment: Appointment) -> None:
    words = talk.when(appointment)
    talk.do(
        AmendTicket(ticket.id, "appointment", words, appointment=appointment),
        Tell("assignee", "utter_staff_rescheduled", {"number": ticket.number, "when": words}, ticket_id=ticket.id),
    )
    talk.say("utter_rescheduled", when=words)


def _may_withdraw(ticket: TicketView) -> bool:
    rule = TRANSITIONS[ticket.kind][ticket.status].get("cancel")
    return rule is not None and "resident" in rule.by


def ask_withdraw(talk: Talk, ticket: TicketView) -> None:
    if not _may_withdraw(ticket):
        talk.do(Tell("assignee", "utter_staff_wants_withdrawn", {"number": ticket.number}, ticket_id=ticket.id))
        talk.say("utter_cannot_withdraw", number=ticket.number)
        return
    talk.ask("utter_withdraw_confirm", "withdraw", ticket.id, number=ticket.number, item=shorten(ticket.description, 20))


def withdraw(talk: Talk, ticket: TicketView, text: str) -> None:
    """The resident confirmed. Work may have begun since the question was put: then it is told, and nothing moves."""
    if not _may_withdraw(ticket):
        talk.become(open_question=None)
        ask_withdraw(talk, ticket)
        return
    talk.do(
        MoveTicket(ticket.id, "cancel", note=text.strip()),
        CancelReminders(("survey", "survey_reminder", "auto_close"), ticket.id),
        Tell("assignee", "utter_staff_withdrawn", {"number": ticket.number}, ticket_id=ticket.id),
    )
    talk.become(open_question=None)
    talk.say("utter_withdrawn", number=ticket.number)


def _confirm(talk: Talk, ticket: TicketView, text: str) -> None:
    talk.do(
        MoveTicket(ticket.id, "confirm", note=text.strip()),
        CancelReminders(("auto_close",), ticket.id),
        Tell("assignee", "utter_staff_confirmed", {"number": ticket.number}, ticket_id=ticket.id),
    )
    talk.say("utter_confirmed" if ticket.kind == "repair" else "utter_accepted", number=ticket.number)


def _not_fixed(talk: Talk, ticket: TicketView, text: str) -> None:
    rework = ticket.rework + 1
    talk.do(
        MoveTicket(ticket.id, "not_fixed", note=text.strip()),
        CancelReminders(("auto_close", "survey", "survey_reminder"), ticket.id),
        Tell("assignee", "utter_staff_not_fixed", {"number": ticket.number, "rework": rework}, ticket_id=ticket.id),
    )
    if rework >= talk.script.policy.rework_escalates_at:
        escalated = {"number": ticket.number, "rework": rework}
        talk.do(Tell("supervisor", "utter_staff_not_fixed", escalated, ticket_id=ticket.id))
        talk.do(Remind("escalation_rework", talk.facts.now, ticket.id, round=rework))
    talk.say("utter_not_fixed", number=ticket.number)


def _dispute(talk: Talk, ticket: TicketView, text: str) -> None:
    talk.do(
        MoveTicket(ticket.id, "dispute", note=text.strip()),
        Tell("supervisor", "utter_staff_resident_said", {"number": ticket.number, "text": shorten(text, 120)}, ticket.id),
    )
    talk.say("utter_disputed", number=ticket.number)


def _agree(talk: Talk, ticket: TicketView, text: str) -> None:
    talk.do(MoveTicket(ticket.id, "agree", note=text.strip()))
    talk.say("utter_agreed", number=ticket.number)


def _decline(talk: Talk, ticket: TicketView, text: str) -> None:
    talk.do(MoveTicket(ticket.id, "decline", note=text.strip()))
    talk.say("utter_declined", number=ticket.number)


_ANSWERS: Mapping[str, Callable[[Talk, TicketView, str], None]] = {
    "confirm": _confirm,
    "not_fixed": _not_fixed,
    "dispute": _dispute,
    "agree": _agree,
    "decline": _decline,
}


def answer(talk: Talk, action: str, ticket: TicketView, text: str) -> None:
    """The resident's word on a ticket. A tap that comes too late is answered kindly and changes nothing."""
    rule = TRANSITIONS[ticket.kind][ticket.status].get(action)
    if rule is None or "resident" not in rule.by:
        talk.say("utter_stale_button")
        talk.say("utter_status_line", **_line(talk, ticket))
        return
    talk.become(open_question=None)
    _ANSWERS[action](talk, ticket, text)
