"""The one pure function: an event, the state and the facts go in; the next state and the effects come out.

How a message is heard, in this order, each a short function below or a file of `core/listening/`:

1. life safety: what rules and model together take for danger beats everything, in any state; in doubt whom to ring is said first;
2. said in a group: nothing personal is spoken of there; said by a colleague: the way into the staff's pages;
3. with a person: the words go to the person, the desk keeps quiet;
4. a button, a command, or a number that picks one of the choices last shown; before it, anger is met with a word of regret;
5. a voice message; another language that is asked for; "取消", everywhere;
6. an invite code, and what is being asked about who the speaker is;
7. the question that is open: a rating, "修好了吗", a withdrawal, a yes or no;
8. the form in progress: whatever the words fill, in any order; a question in between is answered first;
9. otherwise the matters of the message, one after the other.

What is not understood is said so, with the menu; twice in a row brings a person. Nothing here does any I/O, reads a
clock or draws a random number: the same arguments give the same Turn, always.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.core.domain import Script
from bot.core.flows import FLOWS, aftercare, binding, colleague, filed, follow, form, handover, privacy
from bot.core.listening import buttons, filling, fresh, safety
from bot.core.listening.words import surely, top
from bot.core.resolve import answer, language, temper
from bot.core.resolve.opening import bare
from bot.core.talk import Gathering, Talk, shorten
from bot.core.types import (
    Event,
    Facts,
    Heard,
    Matter,
    NeedMore,
    OpenTicket,
    Recognised,
    Remind,
    Speaker,
    StaffSaid,
    State,
    Tell,
    TicketDraft,
    TicketFiled,
    TicketMoved,
    Turn,
)

#: What somebody may be angry about with the office. Anger at a neighbour or the weather is no reason to be sorry for ourselves, yet a
#: complaint is: it was the office that let it come to that.
_ANGERS = frozenset({"complaint", "ticket_status", "repair", "fee_query", "handoff", "permit", "service_request", "rate", "ticket_change"})


def step(script: Script, state: State, event: Event, facts: Facts) -> Turn | NeedMore:
    """One event of a conversation.

    Returns the Turn, or NeedMore when facts are missing: call again with the same arguments and the answers in
    `facts.gathered`. Never raises for any event a channel can deliver.
    """
    talk = Talk(script, facts, state)
    try:
        if isinstance(event, Heard):
            _hear(talk, event)
        elif isinstance(event, TicketMoved):
            aftercare.moved(talk, event)
        elif isinstance(event, TicketFiled):
            filed.announce(talk, event)
        elif isinstance(event, StaffSaid):
            handover.said(talk, event)
        elif isinstance(event, Recognised):
            binding.recognised(talk, event)
        else:
            aftercare.fired(talk, event)
    except Gathering as more:
        return NeedMore(frozenset({more.need}))
    return Turn(talk.state, tuple(talk.effects))


def _hear(talk: Talk, heard: Heard) -> None:
    tongue = heard.language or language.detect(heard.text, talk.language, begun=talk.state.turns > 0)
    talk.become(turns=talk.state.turns + 1, language=tongue)
    if heard.group:
        urgent = tuple(t for t in talk.facts.open_tickets if t.kind == "emergency")
        talk.facts = replace(talk.facts, speaker=Speaker(), open_tickets=urgent)
    _lapsed(talk)
    talk.upset = temper.upset(heard.text)
    flow_before = talk.state.flow
    for listen in _LISTENERS:
        if listen(talk, heard):
            break
    else:
        fresh.heard(talk, heard)
    if not heard.group and heard.event != "left":
        _next_on_agenda(talk)
        _keep_draft(talk, flow_before)
        if talk.facts.speaker.colleague is None:
            privacy.notice(talk)


def _lapsed(talk: Talk) -> None:
    """A binding ended while a form about that home was open: what was filled in from it goes, and the speaker is told."""
    mine = {binding.household_id for binding in talk.facts.speaker.bindings}

    def foreign(slots: Mapping[str, object]) -> bool:
        return slots.get("household_id") not in (None, *mine)

    frames = tuple(frame for frame in talk.state.frames if not foreign(frame.slots))
    if frames != talk.state.frames:
        talk.become(frames=frames)
    if foreign(talk.state.slots):
        talk.become(flow=None, asking=None, slots={}, open_question=None, draft_expires=None)
        talk.say("utter_binding_ended")


def _in_group(talk: Talk, heard: Heard) -> bool:
    """In a group the desk greets and says where to write; what concerns somebody is for a chat of their own."""
    if not heard.group:
        return False
    talk.become(flow=None, asking=None, slots={}, open_question=None, agenda=(), frames=())
    if top(heard) in ("greet", "thank", "goodbye", "out_of_scope") and surely(talk, heard, top(heard)):
        fresh.MATTERS[top(heard)](talk, replace(heard.matters[0], faq=""), heard)
        talk.become(open_question=None)
    else:
        talk.say("utter_group_private", duty_phone=talk.facts.community.duty_phone)
    return True


def _regrets(talk: Talk, heard: Heard) -> bool:
    """Anger is met with one sentence of regret, before whatever is done about it."""
    if talk.upset and top(heard) in _ANGERS:
        talk.regret()
    return False


def _comes_or_goes(talk: Talk, heard: Heard) -> bool:
    """The chat was opened: a greeting, unless a code came with it. It was left: nobody is there to hear anything."""
    if heard.event == "left":
        return True
    if heard.event != "arrived" or heard.start:
        return False
    fresh.greet(talk, Matter(heard.text, "greet", 1.0), heard)
    return True


def _voice(talk: Talk, heard: Heard) -> bool:
    if heard.text.strip() or not any(m.kind == "voice" for m in heard.media):
        return False
    talk.do(
        OpenTicket(
            TicketDraft("enquiry", "voice", "语音留言 voice message", contact=talk.facts.speaker.phone, photos=heard.media),
            then=(talk.line("utter_voice", duty_phone=talk.facts.community.duty_phone),),
        ),
        Tell("steward", "utter_staff_handoff", {"text": "语音留言 voice message"}),
    )
    return True


def _switches(talk: Talk, heard: Heard) -> bool:
    """"Can we go on in English?": the language changes, nothing else does; what was being asked is asked again in it."""
    tongue = language.asked_for(heard.text)
    if tongue is None:
        return False
    talk.become(language=tongue)
    talk.say("utter_language")
    filling.ask_again(talk)
    if talk.state.flow is None and talk.state.open_question is None:
        fresh.menu(talk)
    return True


#: Questions to which 算了 and 不用了 are a no, and nothing is dropped.
_HEARS_NO = frozenset({"withdraw", "quote", "pass_on", follow.NO_SHOW})


def _cancelled(talk: Talk, heard: Heard) -> bool:
    said = answer.is_cancel(heard.text)
    if not said and talk.state.flow and top(heard) == "cancel":
        said = surely(talk, heard, "cancel")
    if not said and talk.state.flow in FLOWS and top(heard) == "ticket_change":
        said = follow.withdraws(heard.text)  # "不修了" while the form is open means the form
    if not said:
        return False
    question = talk.state.open_question
    if talk.state.flow is None and question is not None and question.kind in _HEARS_NO:
        return False  # "算了" to "确定撤销吗" keeps the ticket, to a quote declines it: the open question hears it as a no
    if follow.keeps(heard.text) or (talk.state.asking == "contact" and form.NO_PHONE.search(heard.text)):
        return False
    fresh.drop(talk)
    return True


#: Whose a message is: the first that takes it.
_LISTENERS: tuple[Callable[[Talk, Heard], bool], ...] = (
    safety.heard, _in_group, colleague.heard, handover.heard, _regrets, buttons.heard, _voice, _switches, _cancelled, binding.invited, _comes_or_goes,
    *buttons.ANSWERED,
)  # fmt: skip


def _next_on_agenda(talk: Talk) -> None:
    """When nothing is open any more, a parked form is taken up again, then the next matter of the resident's."""
    state = talk.state
    if state.flow is not None or state.mode == "human":
        return
    if state.open_question is not None and state.open_question.kind in ("intent", "pass_on", "withdraw"):
        return
    if state.frames:
        parked = state.frames[-1]
        talk.become(flow=parked.flow, asking=None, slots=parked.slots, frames=state.frames[:-1])
        talk.say("utter_back_to_form")
        form.ask_next(talk, FLOWS[parked.flow])
        return
    if not state.agenda:
        return
    matter, rest = state.agenda[0], state.agenda[1:]
    talk.become(agenda=rest)
    talk.say("utter_next_matter", matter=shorten(bare(matter.text), 20))
    fresh.open_matter(talk, matter, Heard(matter.text, (matter,)))


def _keep_draft(talk: Talk, flow_before: str | None) -> None:
    """A form in progress expires a while after the last word; the question whether to go on is set once a form."""
    if talk.state.flow not in FLOWS:
        if talk.state.draft_expires is not None:
            talk.become(draft_expires=None)
        return
    policy = talk.script.policy
    talk.become(draft_expires=talk.facts.now + policy.draft_drop_after)
    if flow_before != talk.state.flow:
        talk.do(Remind("draft_ask", talk.facts.now + policy.draft_ask_after, round=talk.state.turns))
