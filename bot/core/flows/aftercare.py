"""After the work and beside it: news of a ticket in words, the survey, escalations, drafts that were left lying.

These turns are not started by the resident. They never interrupt an emergency or a talk with a person: a survey waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from bot.core import deadlines
from bot.core.flows import FLOWS, handover
from bot.core.flows.emergency import FLOW as EMERGENCY
from bot.core.flows.emergency import park
from bot.core.resolve import score as scores
from bot.core.talk import Talk, shorten
from bot.core.types import (
    AmendTicket,
    CancelReminders,
    Escalate,
    MoveTicket,
    OpenTicket,
    Priority,
    Remind,
    SaveAnswer,
    Tell,
    TicketDraft,
    TicketMoved,
    TicketView,
    TimerFired,
)

_WAIT = timedelta(hours=1)
#: Moves the resident made, or that only concern staff: nothing to tell.
_SILENT = frozenset({"assign", "investigate", "visit", "close", "refer"})
#: News that asks something: which question a bare 好的 then answers.
_ASKS: Mapping[str, str] = {"resolved": "resolved", "replied": "replied", "quoted": "quote", "quote_pending": "quote"}


def moved(talk: Talk, event: TicketMoved) -> None:
    """Tell the resident what staff did, and set what follows from it."""
    ticket = event.ticket
    if ticket.kind == "follow_up":
        return
    if ticket.kind == "enquiry" and ticket.category == "handoff" and handover.moved(talk, event):
        return
    if event.action not in _SILENT:
        _tell(talk, event)
    _schedule(talk, ticket)


def _tell(talk: Talk, event: TicketMoved) -> None:
    ticket = event.ticket
    key = "utter_moved_resumed" if event.action == "resume" else f"utter_moved_{ticket.status}"
    own = f"utter_moved_{ticket.kind}_{ticket.status}"
    if own in talk.script.responses:
        key = own
    elif key not in talk.script.responses:
        key = "utter_moved_other"
    line = talk.line(
        key,
        number=ticket.number,
        staff=event.by_name or ticket.assignee,
        note=event.note,
        status=talk.status(ticket),
        id=ticket.id,
    )
    if line.buttons and talk.state.flow is None and ticket.status in _ASKS:
        talk.ask(
            key, _ASKS[ticket.status], ticket.id, number=ticket.number, staff=event.by_name, note=event.note, id=ticket.id
        )
    else:
        talk.do(line)


def _schedule(talk: Talk, ticket: TicketView) -> None:
    policy = talk.script.policy
    if ticket.status == "on_hold" and ticket.resume_at:
        talk.do(Remind("resume", ticket.resume_at, ticket.id))
    if ticket.status in ("resolved", "replied", "answered"):
        talk.do(Remind("auto_close", talk.facts.now + policy.auto_close_after, ticket.id, round=ticket.rework + 1))
    if ticket.kind == "repair" and ticket.status == "resolved":
        at = talk.facts.now + policy.survey_after
        if talk.facts.calendar:
            at = talk.facts.calendar.out_of_quiet(at)
        talk.do(Remind("survey", at, ticket.id, round=ticket.rework + 1))


# ── Timers ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def fired(talk: Talk, event: TimerFired) -> None:
    """A due row came to its instant. A kind nobody knows is a row of a newer release: it is left alone."""
    if event.kind.startswith("sla_"):
        _overdue(talk, event)
    elif event.kind in _TIMERS:
        _TIMERS[event.kind](talk, event)


def _overdue(talk: Talk, event: TimerFired) -> None:
    ticket = event.ticket
    clock = event.kind.removeprefix("sla_")
    if ticket is None or not deadlines.running(ticket, clock):
        return
    _escalate(talk, ticket, clock, level=1)


def _escalate(talk: Talk, ticket: TicketView, clock: str, level: int) -> None:
    policy = talk.script.policy
    role = policy.escalation_levels[min(level, len(policy.escalation_levels)) - 1]
    urgent = ticket.kind == "emergency"
    window = policy.emergency_acknowledge_within if urgent else policy.acknowledge_within
    talk.do(
        Escalate(ticket.id, clock, level),
        Tell(
            role,
            "utter_staff_escalation" if level == 1 else "utter_staff_escalation_again",
            {"number": ticket.number, "clock": clock, "status": ticket.status},
            ticket_id=ticket.id,
            priority=Priority.EMERGENCY if urgent else Priority.HIGH,
        ),
    )
    if level < len(policy.escalation_levels):
        talk.do(
            Remind("escalation_ack", talk.facts.now + window, ticket.id, level, {"clock": clock, "level": level + 1})
        )


def _unacknowledged(talk: Talk, event: TimerFired) -> None:
    if event.ticket is not None:
        _escalate(talk, event.ticket, str(event.data["clock"]), int(event.data["level"]))


def _rework(talk: Talk, event: TimerFired) -> None:
    if event.ticket is not None:
        _escalate(talk, event.ticket, "rework", 1)


def _busy(talk: Talk) -> bool:
    return talk.state.mode == "human" or talk.state.flow == EMERGENCY


def _survey(talk: Talk, event: TimerFired) -> None:
    ticket = event.ticket
    if ticket is None or ticket.status not in ("resolved", "closed", "awaiting_payment") or ticket.closed_by == "timeout":
        return
    if _busy(talk):
        talk.do(Remind("survey", talk.facts.now + _WAIT, ticket.id, event.round + 100))
        return
    policy = talk.script.policy
    talk.become(survey=ticket.id)
    if talk.state.flow is None:
        talk.ask("utter_survey", "survey", ticket.id, number=ticket.number, id=ticket.id)
    else:
        talk.say("utter_survey", number=ticket.number, id=ticket.id)
    reminder = talk.facts.now + policy.survey_reminder_after
    if talk.facts.calendar:
        reminder = talk.facts.calendar.out_of_quiet(reminder)
    talk.do(
        Remind("survey_reminder", reminder, ticket.id, event.round),
        Remind("survey_expiry", talk.facts.now + policy.survey_expires_after, ticket.id, event.round),
    )


def _survey_reminder(talk: Talk, event: TimerFired) -> None:
    ticket = event.ticket
    if ticket is None or talk.state.survey != ticket.id or _busy(talk):
        return
    talk.ask("utter_survey_reminder", "survey", ticket.id, number=ticket.number, id=ticket.id)


def _survey_expiry(talk: Talk, event: TimerFired) -> None:
    if event.ticket is not None and talk.state.survey == event.ticket.id:
        talk.become(survey=None)


def _auto_close(talk: Talk, event: TimerFired) -> None:
    ticket = event.ticket
    if ticket is None or ticket.status not in ("resolved", "replied", "answered"):
        return
    talk.do(MoveTicket(ticket.id, "timeout", by_role="clock"))
    talk.say("utter_auto_closed", number=ticket.number)


def _resume(talk: Talk, event: TimerFired) -> None:
    if event.ticket is not None and event.ticket.status == "on_hold":
        talk.do(MoveTicket(event.ticket.id, "resume", by_role="clock"))


def _draft_ask(talk: Talk, event: TimerFired) -> None:
    """Asked once, when the form has really been quiet that long; then it is dropped with a word.

    Every form begun since has a timer of its own: whichever comes first asks for the one that is open."""
    policy, expires, asked = talk.script.policy, talk.state.draft_expires, talk.state.open_question
    if talk.state.flow not in FLOWS or expires is None or (asked is not None and asked.kind == "draft"):
        return
    quiet_enough = expires - policy.draft_drop_after + policy.draft_ask_after
    if talk.facts.now < quiet_enough:
        talk.do(Remind("draft_ask", quiet_enough, round=event.round + 1000))
        return
    talk.ask("utter_draft_question", "draft")
    talk.do(Remind("draft_drop", expires, round=event.round))


def _draft_drop(talk: Talk, event: TimerFired) -> None:
    expires = talk.state.draft_expires
    if talk.state.flow not in FLOWS or expires is None:
        return
    if talk.facts.now < expires:
        talk.do(Remind("draft_drop", expires, round=event.round + 1000))
        return
    talk.become(flow=None, asking=None, slots={}, frames=(), agenda=(), open_question=None, draft_expires=None)
    talk.say("utter_draft_dropped")


_TIMERS: Mapping[str, Callable[[Talk, TimerFired], None]] = {
    "survey": _survey,
    "survey_reminder": _survey_reminder,
    "survey_expiry": _survey_expiry,
    "auto_close": _auto_close,
    "resume": _resume,
    "escalation_ack": _unacknowledged,
    "escalation_rework": _rework,
    "draft_ask": _draft_ask,
    "draft_drop": _draft_drop,
    "human_idle": lambda talk, event: handover.idle(talk),
}


# ── The answer to a survey ──────────────────────────────────────────────────────────────────────────────────────────

REASON = "survey_reason"
#: What the answer to "why" may read like: it is the reason all the same.
REASONS = frozenset({"complaint", "repair", "feedback", "ticket_status"})


def rate(talk: Talk, ticket_id: int, score: int, text: str, number: str = "") -> None:
    """Save a rating. A low one opens a follow-up at once and asks for the reason."""
    talk.do(SaveAnswer(ticket_id, score, text.strip()), CancelReminders(("survey_reminder", "survey_expiry"), ticket_id))
    question = talk.state.open_question
    talk.become(survey=None, open_question=None if question and question.kind == "survey" else question)
    if score > talk.script.policy.low_score:
        talk.say("utter_survey_thanks")
        return
    said_why = scores.says_more(text)
    if not said_why:
        park(talk)
    if talk.state.flow is None and not said_why:
        talk.become(flow=REASON, asking="reason", slots={"ticket_id": ticket_id}, open_question=None)
    talk.do(
        OpenTicket(
            TicketDraft("follow_up", "low_score", text.strip(), Priority.HIGH, linked_to=ticket_id),
            then=(talk.line("utter_survey_followed" if said_why else "utter_survey_reason"),),
        ),
        Tell("supervisor", "utter_staff_low_score", {"score": score, "text": shorten(text, 120)}, priority=Priority.HIGH),
    )


def rate_unasked(talk: Talk, ticket_id: int, score: int, text: str) -> None:
    """A rating that came with the word that the work is done: nobody is asked for it again."""
    talk.do(CancelReminders(("survey",), ticket_id))
    rate(talk, ticket_id, score, text)


def score_in(text: str) -> int | None:
    return scores.score(text)


def reason(talk: Talk, text: str) -> None:
    """Why the rating was low: kept with the answer and on the follow-up."""
    rated = int(talk.state.slots["ticket_id"])
    talk.do(SaveAnswer(rated, None, text.strip()))
    talk.become(flow=None, asking=None, slots={})
    case = next((t for t in talk.facts.open_tickets if t.kind == "follow_up"), None)
    if case is None:
        talk.say("utter_survey_thanks")
        return
    talk.do(AmendTicket(case.id, "note", text.strip()))
    talk.say("utter_survey_followed", number=case.number)
