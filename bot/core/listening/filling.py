"""The form in progress: whatever the words fill, in any order.

A question in between is answered first, another request is kept for afterwards, and what was being asked is asked again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bot.core import danger
from bot.core.flows import BY_INTENT, binding, form, handover, in_hand
from bot.core.flows.form import Flow
from bot.core.listening import fresh
from bot.core.listening.words import ANSWERS, surely, top, yes_no
from bot.core.resolve import answer
from bot.core.resolve.numerals import ZH_NUMERAL, fold
from bot.core.resolve.opening import bare
from bot.core.talk import Talk
from bot.core.types import Heard, Matter

#: How sure another matter must be under a summary, where a further detail is likelier.
_ANOTHER_FOR_SURE = 0.8
#: Marks that tell what a matter is about.
_ABOUT = frozenset({"item", "fault", "permit_type", "fee_type", "location"})
#: Marks that an answer to what is asked bears, also one that cannot be used: "8888" for a room, whatever else it reads like.
_MARKS_OF_AN_ANSWER: Mapping[str, frozenset[str]] = {"room": frozenset({"building", "unit", "room"}), "contact": frozenset({"phone"})}
_FIGURE = re.compile(rf"\d|{ZH_NUMERAL}")


def heard(talk: Talk, heard: Heard) -> bool:
    """An answer or a value for the form, or another matter in between. False: no form is open."""
    flow = in_hand(talk)
    if flow is None:
        return False
    asking = talk.state.asking
    photos = form.keep_photos(talk, heard)
    if photos and not heard.text.strip():
        talk.say("utter_photo_kept")
        form.ask_next(talk, flow)
        return True
    if _another_matter(talk, flow, heard):
        return True
    filled = form.read(talk, flow, heard.text, heard)
    done = frozenset(name for name in filled if not name.startswith("unclear:"))
    if asking == "what" and heard.text.strip() and "what" not in done and answer.yes_no(heard.text) is None:
        matter = heard.matters[0] if heard.matters else Matter(heard.text, flow.name, 1.0)
        form.describe(talk, heard.text.strip())
        form.read(talk, flow, matter.text, heard, opening=True)
        done |= {"what"}
    if form.remark(talk, filled):
        return True
    if done:
        talk.become(misses=0)
        if asking == "confirm" or asking == "change":
            talk.say("utter_changed")
        elif asking not in done and (value := form.noted(talk, done)):
            talk.say("utter_noted_value", value=value)
        form.ask_next(talk, flow)
        return True
    if asking in ("confirm", "change") and _decided(talk, flow, heard, asking):
        return True
    if answer.is_skip(heard.text) and asking == "when":
        talk.become(slots={**talk.state.slots, "when_any": True}, misses=0)
        form.ask_next(talk, flow)
        return True
    return _adds(talk, flow, heard) or _missed(talk, flow, heard)


def _adds(talk: Talk, flow: Flow, heard: Heard) -> bool:
    """More of the same matter, instead of an answer: it goes with the rest, and what was asked is asked again. The same words
    a second time add nothing; another matter beside it waits."""
    others = [m for m in heard.matters[1:] if m.intent in BY_INTENT and m.intent not in flow.intents]
    said = str(talk.state.slots.get("description", ""))
    text = talk.gap.join(m.text.rstrip(" ,，、;；") for m in heard.matters if m not in others) if others else heard.text.strip()
    marked = any(entity.entity in _ABOUT for matter in heard.matters for entity in matter.entities)
    of_this = top(heard) in flow.intents and surely(talk, heard, top(heard))
    if danger.asks(text) or (not of_this and not (marked and top(heard) in ("inform", *flow.intents))):
        return False
    if bare(text) not in said:
        form.describe(talk, text)
        talk.say("utter_noted_more")
    for matter in others:
        fresh.keep_for_later(talk, matter, heard)
    talk.become(misses=0)
    form.ask_next(talk, flow)
    return True


def _decided(talk: Talk, flow: Flow, heard: Heard, asking: str) -> bool:
    """A yes submits; thanks and a further detail are not a no; a no asks what to change."""
    said = yes_no(talk, heard)
    if said is True and asking == "change":  # a yes to "what shall I change" files nothing: the summary is shown again
        form.ask_next(talk, flow)
        return True
    if said is True or (said is None and top(heard) == "thank" and asking == "confirm"):
        form.submit(talk, flow)
        return True
    if said is False:
        talk.become(asking="change")
        talk.ask("utter_ask_change", "change")
        return True
    if heard.text.strip() and top(heard) in (*flow.intents, "inform", *BY_INTENT):  # another matter has been heard by now
        form.describe(talk, heard.text.strip())
        talk.become(misses=0)
        form.ask_next(talk, flow)
        return True
    return False


def _another_matter(talk: Talk, flow: Flow, heard: Heard) -> bool:
    """A question in between is answered and the form goes on; another request is kept for afterwards."""
    first = heard.matters[0] if heard.matters else None
    if first is None or first.confidence < talk.script.policy.sure or first.intent in ANSWERS or first.intent in flow.intents:
        return False
    if (talk.state.asking == "what" and first.intent != "handoff") or first.intent in ("cancel", "ticket_change", "bind"):
        return False
    if talk.state.asking == "confirm" and first.confidence < _ANOTHER_FOR_SURE and not first.values("item"):
        return False  # "they come on Saturday by car": under a summary, a further detail
    answers = _MARKS_OF_AN_ANSWER.get(talk.state.asking or "", frozenset())
    if any(entity.entity in answers for entity in first.entities) and first.intent not in BY_INTENT and first.confidence < _ANOTHER_FOR_SURE:
        return False
    probe = Talk(talk.script, talk.facts, talk.state)
    answered = {n for n in form.read(probe, flow, heard.text, heard) if not n.startswith("unclear:")}
    # "物业几点下班" holds a time, yet answers nothing: a question counts as an answer only to what was asked. "先留个电话吧" is no
    # question at all, whatever it reads like.
    if answered == {"when"} and first.intent in BY_INTENT and not form.speaks_of_a_visit(heard.text):
        answered = set()  # "the people upstairs drill at night" is another matter, not the night of a visit
    if answered and (first.intent not in _QUESTIONS_BETWEEN or talk.state.asking in answered):
        return False
    if fresh.tells_privacy(talk, first):
        form.ask_next(talk, flow)
        return True
    if first.intent in BY_INTENT:
        for matter in heard.matters:
            fresh.keep_for_later(talk, matter, heard)
        form.ask_next(talk, flow)
        return True
    if first.intent in _IN_BETWEEN:
        _IN_BETWEEN[first.intent](talk, first, heard)
        for matter in heard.matters[1:]:
            fresh.keep_for_later(talk, matter, heard)
        if talk.state.flow == flow.name:
            form.ask_next(talk, flow)
        return True
    return False


def _missed(talk: Talk, flow: Flow, heard: Heard) -> bool:
    misses = talk.state.misses + 1
    talk.become(misses=misses)
    if misses >= talk.script.policy.misses_before_person + 1:
        fresh.misread(talk, heard.text, heard.matters, "person", heard.model)
        handover.ask(talk, "utter_handoff_misses", heard.text)
        return True
    asking = talk.state.asking
    hints = {"room": "utter_room_unclear", "when": "utter_when_unclear", "contact": "utter_contact_unclear"}
    if asking in hints and _tries(talk, heard, asking):
        talk.ask(hints[asking], asking, buttons=form.choices(talk, flow))
    else:
        form.ask_next(talk, flow)
    return True


def _tries(talk: Talk, heard: Heard, asking: str) -> bool:
    """Whether these words try to answer. A room and a number have figures; a bare yes answers no such question. Whoever does not try is
    not told that they are unclear."""
    if asking == "when":
        return yes_no(talk, heard) is None
    return _FIGURE.search(fold(heard.text)) is not None


def _answer_faq_in_between(talk: Talk, matter: Matter, heard: Heard) -> None:
    """Within a form a question with an answer is answered; one without is kept for afterwards: the honest answer there is an
    offer, and that is a question."""
    if not fresh.told_the_quote(talk, matter) and not fresh.answered_by_faq(talk, matter):
        fresh.keep_for_later(talk, matter, heard)


def _answer_in_a_greeting(talk: Talk, matter: Matter, heard: Heard) -> None:
    """Within a form a greeting needs no answer; a question that came with it does."""
    fresh.answered_by_faq(talk, matter)


_QUESTIONS_BETWEEN = frozenset({"ticket_status", "faq", "fee_query"})
_IN_BETWEEN: Mapping[str, Callable[[Talk, Matter, Heard], None]] = {
    "ticket_status": fresh.status,
    "handoff": fresh.handoff,
    "feedback": fresh.keep_for_later,
    "greet": _answer_in_a_greeting,
    "goodbye": fresh.simply("utter_goodbye"),
    "out_of_scope": fresh.simply("utter_out_of_scope"),
    "faq": _answer_faq_in_between,
    "fee_query": _answer_faq_in_between,
}


def ask_again(talk: Talk) -> None:
    """What a form, or the binding, is asking for."""
    flow = in_hand(talk)
    if flow is not None:
        form.ask_next(talk, flow)
    elif talk.state.flow == binding.FLOW:
        binding.ask_next(talk)
