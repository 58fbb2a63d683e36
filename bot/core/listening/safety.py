"""Life safety beats everything, in any state of the conversation.

What the rules of data/triage.yml and the classifier together take for danger is reported before anything else is done; while the
danger goes on, the conversation stays with it until the resident surely speaks of something else.
"""

from __future__ import annotations

from bot.core.flows import emergency, follow
from bot.core.listening import fresh
from bot.core.listening.words import surely, top, turns_elsewhere
from bot.core.talk import Talk
from bot.core.types import Heard, TicketView


def heard(talk: Talk, heard: Heard) -> bool:
    """Danger, or more about the danger that goes on. In doubt whom to ring is said first, and the words are heard further."""
    kind = heard.triage.danger if heard.triage else None
    current = emergency.ticket_of(talk)
    if kind is None and current is None and any(m.intent == "emergency" for m in heard.matters) and not _is_an_answer(talk, heard):
        kind = "general"
    if kind is not None and current is not None and kind == current.category and emergency.is_asked(talk, current, heard.text):
        emergency.stay(talk, current, heard.text, heard)  # "烟太大出不去怎么办": the rule was said, this is answered
        return True
    if kind is not None:
        emergency.report(talk, kind, heard.text, heard)
        rest = tuple(m for m in heard.matters if m.intent != "emergency" and m.confidence >= talk.script.policy.sure)
        fresh.put_last(talk, *rest)
        return True
    if talk.state.flow == emergency.FLOW:
        if current is not None and _back_to_what_waits(talk, heard, current):
            emergency.leave(talk)
            return True
        if current is None or heard.button or _leaves_danger(talk, heard, current):
            emergency.leave(talk)
            return False
        emergency.stay(talk, current, heard.text, heard)
        return True
    if heard.doubt and current is None:
        talk.say("utter_danger_doubt", duty_phone=talk.facts.community.duty_phone)
    return False


def _is_an_answer(talk: Talk, heard: Heard) -> bool:
    """Whether words that only the classifier takes for danger say no more than "not fixed" to the question whether it is."""
    question = talk.state.open_question
    return question is not None and question.kind == "resolved" and follow.not_fixed(heard.text)


def _back_to_what_waits(talk: Talk, heard: Heard, current: TicketView) -> bool:
    """Whether the resident asks for the request that was put aside: "what about my tap then"."""
    asked = top(heard) == "ticket_status" and surely(talk, heard, "ticket_status") and bool(talk.state.frames)
    return asked and talk.script.danger.answer(current.category, heard.text) is None


def _leaves_danger(talk: Talk, heard: Heard, current: TicketView) -> bool:
    """Whether the words are surely of something else. A question, or the end of the danger, is never taken for a request."""
    return turns_elsewhere(talk, heard) and not emergency.belongs(talk, current, heard.text)
