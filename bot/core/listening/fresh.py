"""A fresh message: its matters one after the other, and what is done about each kind of matter.

A request begins its form. A question is answered, honestly also where the desk holds no answer. What is not understood is said
so, with the menu; twice in a row brings a person.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Literal

from bot.core import danger, masking, texts
from bot.core.flows import BY_INTENT, aftercare, binding, emergency, follow, form, handover, same
from bot.core.flows.form import Flow
from bot.core.resolve import temper, when
from bot.core.resolve.opening import bare
from bot.core.resolve.where import place
from bot.core.talk import Talk, shorten
from bot.core.types import Heard, Matter, Misread, NeedRecent

#: An intent, and whether something of the speaker's is filed → what is meant instead where the model half thinks so.
_LIKELIER: Mapping[tuple[str, bool], Collection[str]] = {
    ("ticket_change", False): BY_INTENT,
    ("out_of_scope", True): frozenset({"ticket_status"}),
}
#: A topic of data/faq.yml.
_PRIVACY = "privacy"
MOST = 3
"""Matters that wait; further ones are not kept."""


def heard(talk: Talk, heard: Heard) -> None:
    """A message that belongs to nothing that is open: its first matter is opened, the others wait."""
    if not heard.understood:
        talk.become(slots={"unheard": heard.text.strip()})
        talk.ask("utter_degraded", "menu")
        return
    if not heard.matters:
        if any(m.kind == "photo" for m in heard.media) and follow.visible(talk):
            follow.add(talk, follow.visible(talk)[0], "", heard)
            return
        if form.keep_photos(talk, heard):
            talk.ask("utter_photo_first", "menu")
            return
        _not_understood(talk, heard)
        return
    first, rest = _plausible(talk, heard.matters[0]), [m for m in heard.matters[1:] if not _vents(talk, m)]
    put_last(talk, *rest, most=MOST - 1)
    open_matter(talk, first, heard)


def _vents(talk: Talk, matter: Matter) -> bool:
    """"交那么多物业费干什么吃的" beside a matter is anger, for which the desk has said that it is sorry, and no question of a fee."""
    return talk.upset and matter.intent == "fee_query" and temper.insults(matter.text) and not danger.asks(matter.text)


def put_first(talk: Talk, matter: Matter) -> None:
    """Onto the agenda, to be taken up before the others."""
    talk.become(agenda=(matter, *talk.state.agenda)[:MOST])


def put_last(talk: Talk, *matters: Matter, most: int = MOST) -> None:
    """Onto the agenda, to be taken up after the others."""
    talk.become(agenda=(*talk.state.agenda, *matters)[:most])


def _plausible(talk: Talk, matter: Matter) -> Matter:
    """Where nothing is filed, there is nothing to change; where something is, a question of its state is likelier than one that
    is no business of the desk's ("现在什么状态"). The next such reading counts, with its own confidence."""
    filed = bool(follow.visible(talk))
    likelier = _LIKELIER.get((matter.intent, filed), frozenset())
    for other in matter.ranking:
        if other.intent in likelier and other.confidence >= talk.script.policy.confirm:
            return replace(matter, intent=other.intent, confidence=other.confidence)
    return matter


def open_matter(talk: Talk, matter: Matter, heard: Heard) -> None:
    """Begin, answer or pass on one matter; half sure, it is asked about first."""
    policy = talk.script.policy
    if tells_privacy(talk, matter):
        return
    if matter.confidence < policy.sure and matter.intent not in BY_INTENT and answered_by_faq(talk, matter):
        talk.become(misses=0)
        return
    if matter.confidence < policy.sure:
        key = f"utter_confirm_intent_{matter.intent}"
        if matter.confidence >= policy.confirm and key in talk.script.responses:
            put_first(talk, matter)
            talk.ask(key, "intent")
        elif matter.confidence >= policy.confirm and matter.intent in _HARMLESS:
            MATTERS[matter.intent](talk, matter, heard)
        else:
            _not_understood(talk, heard)
        return
    if matter.intent == "permit" and danger.asks(matter.text) and answered_by_faq(talk, matter):
        put_first(talk, matter)
        talk.ask("utter_permit_offer", "pass_on")
        return
    if matter.intent in ("complaint", "repair") and follow.chases(talk, matter):
        follow.progress(talk, matter.text)
        return
    talk.become(misses=0, slots={key: value for key, value in talk.state.slots.items() if key in (form.EARLY, "photos")})
    if matter.intent in BY_INTENT:
        begin(talk, BY_INTENT[matter.intent], matter, heard)
    else:
        handler = MATTERS.get(matter.intent)
        if handler is None:
            _not_understood(talk, heard)
        else:
            handler(talk, matter, heard)


def tells_privacy(talk: Talk, matter: Matter) -> bool:
    """What is kept and who sees it is told, whatever the question reads like; it is nobody's request."""
    entry = talk.script.faq.entry(matter.faq)
    if entry is None or entry.about != _PRIVACY:
        return False
    talk.become(misses=0)
    return answered_by_faq(talk, matter)


def begin(talk: Talk, flow: Flow, matter: Matter | None, heard: Heard) -> None:
    """Open a form and ask its first question, or whether this fault was reported before."""
    form.begin(talk, flow, matter, heard)
    if matter is None or not same.offer(talk, flow, matter):
        form.ask_next(talk, flow)


def _not_understood(talk: Talk, heard: Heard) -> None:
    misses = talk.state.misses + 1
    if misses >= talk.script.policy.misses_before_person:
        misread(talk, heard.text, heard.matters, "person", heard.model)
        handover.ask(talk, "utter_handoff_misses", heard.text)
        return
    misread(talk, heard.text, heard.matters, "unsure", heard.model)
    talk.become(misses=misses)
    talk.ask("utter_not_understood", "menu")


def misread(
    talk: Talk, text: str, matters: tuple[Matter, ...], why: Literal["unsure", "refused", "person"], model: str
) -> None:
    """Keep what was read badly, masked, for `bot nlu-review`; and the words, for what is picked from the menu next."""
    if not text.strip():
        return
    first = matters[0] if matters else Matter(text, "", 0.0)
    masked = masking.sentence(text, [e for e in first.entities if text[e.start : e.end] == e.value])
    talk.do(Misread(masked, talk.language, first.intent, first.confidence, why, model=model))
    if talk.state.flow is None:
        kept = {"unheard": text.strip(), "misread": [masked, first.intent, first.confidence, model]}
        talk.become(slots={**talk.state.slots, **kept})


def menu(talk: Talk) -> None:
    talk.ask("utter_menu", "menu")


def _something_open(talk: Talk) -> bool:
    """Whether a form or a question is open, or a further matter waits."""
    return talk.state.flow is not None or talk.state.open_question is not None or bool(talk.state.agenda)


def drop(talk: Talk) -> None:
    """Whatever is open or waits is given up."""
    something = _something_open(talk)
    talk.become(flow=None, asking=None, slots={}, frames=(), agenda=(), open_question=None, misses=0, draft_expires=None)
    talk.say("utter_cancelled" if something else "utter_nothing_to_cancel")


def _give_up(talk: Talk, matter: Matter, heard: Heard) -> None:
    """What is being filled in, or where nothing is, a request that was filed: "不修了，取消那个报修"."""
    if talk.facts.open_tickets and not _something_open(talk):
        _change(talk, matter, heard)
    else:
        drop(talk)


def greet(talk: Talk, matter: Matter, heard: Heard) -> None:
    """A greeting; a question that came with it is what is answered."""
    if answered_by_faq(talk, matter):
        return
    name = talk.facts.community.name if talk.language == "zh" else talk.facts.community.name_en
    talk.ask("utter_greet", "menu", community=name)


def status(talk: Talk, matter: Matter, heard: Heard) -> None:
    """How a request stands; where none is open, a question of the rules that only reads like it ("会不会让他知道是我") has its answer."""
    filed = follow.visible(talk) or (talk.state.flow is None and any(talk.gather(NeedRecent())))
    if not filed and answered_by_faq(talk, matter):
        return
    if not filed and talk.state.flow is None and place.is_public(matter.text):
        _pass_on("utter_faq_unknown")(talk, matter, heard)  # "查出电梯困人的原因没有": it need not be the speaker who reported it
        return
    follow.progress(talk, matter.text)
    if (ticket := follow.quoted(talk)) is not None:
        follow.quote_again(talk, ticket)  # what it waits for is the speaker's own word


def _fee(talk: Talk, matter: Matter, heard: Heard) -> None:
    """A question of the rules has its answer in the FAQ. An account is spoken of to its household alone; anybody else is shown the way to
    be known."""
    if told_the_quote(talk, matter) or answered_by_faq(talk, matter):
        return
    if talk.facts.speaker.bindings:
        _pass_on("utter_fee_no_figure")(talk, matter, heard)
    else:
        talk.become(slots={"unheard": matter.text.strip()})  # for the person who may be asked for next
        talk.ask("utter_bind_needed", "bind_needed")


def told_the_quote(talk: Talk, matter: Matter) -> bool:
    """Whether the price that was asked for is the quote that waits for a yes. A fee with a name is not."""
    ticket = follow.quoted(talk)
    if ticket is None or matter.values("fee_type") or matter.values("period"):
        return False
    follow.quote_again(talk, ticket)
    return True


def _faq(talk: Talk, matter: Matter, heard: Heard) -> None:
    """The office's answer; where there is none, the honest word and the offer to pass the question on."""
    if not answered_by_faq(talk, matter):
        _pass_on("utter_faq_unknown")(talk, matter, heard)


def answered_by_faq(talk: Talk, matter: Matter) -> bool:
    """Say the office's answer, with the day it was checked. Whether there is one."""
    entry = talk.script.faq.entry(matter.faq)
    if entry is None:
        return False
    community = talk.facts.community
    name = community.name if talk.language == "zh" else community.name_en or community.name
    answer = texts.filled(entry.wordings[talk.language].answer, duty_phone=community.duty_phone, community=name)
    day = entry.as_of.isoformat()
    if entry.asks_person and talk.state.flow is None:
        talk.ask("utter_faq_answer_person", "menu", answer=answer, as_of=day)
    else:
        talk.say("utter_faq_answer", answer=answer, as_of=day)
    return True


def _pass_on(key: str) -> Callable[[Talk, Matter, Heard], None]:
    """Say honestly that the desk does not hold the answer, and offer to pass the question on."""

    def offer(talk: Talk, matter: Matter, heard: Heard) -> None:
        put_first(talk, matter)
        talk.ask(key, "pass_on")

    return offer


def _out_of_scope(talk: Talk, matter: Matter, heard: Heard) -> None:
    if not answered_by_faq(talk, matter):
        talk.say("utter_out_of_scope")


def simply(key: str) -> Callable[[Talk, Matter, Heard], None]:
    def reply(talk: Talk, matter: Matter, heard: Heard) -> None:
        talk.say(key)

    return reply


def _change(talk: Talk, matter: Matter, heard: Heard) -> None:
    follow.change(talk, matter, heard)


def handoff(talk: Talk, matter: Matter, heard: Heard) -> None:
    handover.ask(talk, "utter_handoff", matter.text or heard.text)


def _rate(talk: Talk, matter: Matter, heard: Heard) -> None:
    score = aftercare.score_in(matter.text)
    if talk.state.survey is not None and score is not None:
        aftercare.rate(talk, talk.state.survey, score, matter.text)
    else:
        talk.say("utter_rate_nothing")


def _inform(talk: Talk, matter: Matter, heard: Heard) -> None:
    """A bare value with no question open: a new time for the one open visit; else a room, a time or a telephone is kept for the
    matter to come, which is asked for; else it is not understood."""
    window = when.parse_when(matter.text, talk.local_now)
    visits = [t for t in follow.visible(talk) if t.appointment]
    if isinstance(window, when.Window) and len(visits) == 1:
        follow.change(talk, matter, heard)
    elif form.keep_early(talk, matter.text, heard):
        talk.ask("utter_ask_matter", "menu")
    else:
        _not_understood(talk, heard)


def keep_for_later(talk: Talk, matter: Matter, heard: Heard) -> None:
    """Another matter within a form: it waits, and that is said; so is that no more can wait."""
    full = len(talk.state.agenda) >= MOST
    put_last(talk, matter)
    talk.say("utter_kept_no_more" if full else "utter_kept_for_later", matter=shorten(bare(matter.text), 20))


MATTERS: Mapping[str, Callable[[Talk, Matter, Heard], None]] = {
    "fee_query": _fee,
    "faq": _faq,
    "feedback": _pass_on("utter_feedback_offer"),
    "bind": binding.begin,
    "ticket_status": status,
    "ticket_change": _change,
    "handoff": handoff,
    "rate": _rate,
    "inform": _inform,
    "greet": greet,
    "thank": simply("utter_thank"),
    "goodbye": simply("utter_goodbye"),
    "affirm": simply("utter_affirm_idle"),
    "deny": simply("utter_affirm_idle"),
    "cancel": _give_up,
    "out_of_scope": _out_of_scope,
    "emergency": lambda talk, matter, heard: emergency.report(talk, "general", matter.text, heard),
}
#: Taken at their word even when the classifier is only half sure: they change nothing.
_HARMLESS = frozenset({"greet", "ticket_status", "faq"})
