"""The one pure function: an event, the state and the facts go in; the next state and the effects come out.

How a message is heard, in this order, each a short function below:

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

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Literal

from bot.core import danger, masking, texts
from bot.core.domain import Script
from bot.core.flows import (
    BY_INTENT,
    FLOWS,
    aftercare,
    binding,
    colleague,
    emergency,
    filed,
    follow,
    form,
    handover,
    household,
    privacy,
    same,
)  # fmt: skip
from bot.core.flows.form import Flow
from bot.core.resolve import answer, language, temper, when
from bot.core.resolve.command import command
from bot.core.resolve.numerals import ZH_NUMERAL, fold
from bot.core.resolve.opening import bare
from bot.core.talk import Gathering, Talk, shorten
from bot.core.types import (
    Event,
    Facts,
    Heard,
    Matter,
    Misread,
    NeedMore,
    NeedRecent,
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
    TicketView,
    Turn,
)

#: Intents that answer a question and open nothing of their own.
ANSWERS = frozenset({"inform", "affirm", "deny", "rate", "thank"})
_MOST_MATTERS = 3
_ANOTHER_FOR_SURE = 0.8
#: What somebody may be angry about with the office. Anger at a neighbour or the weather is no reason to be sorry for ourselves, yet a
#: complaint is: it was the office that let it come to that.
_ANGERS = frozenset({"complaint", "ticket_status", "repair", "fee_query", "handoff", "permit", "service_request", "rate", "ticket_change"})
#: Marks that tell what a matter is about.
_ABOUT = frozenset({"item", "fault", "permit_type", "fee_type", "location"})
_FIGURE = re.compile(rf"\d|{ZH_NUMERAL}")


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
        _fresh(talk, heard)
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


# ── 2 in a group, and who arrives or leaves ─────────────────────────────────────────────────────────────────────────


def _in_group(talk: Talk, heard: Heard) -> bool:
    """In a group the desk greets and says where to write; what concerns somebody is for a chat of their own."""
    if not heard.group:
        return False
    talk.become(flow=None, asking=None, slots={}, open_question=None, agenda=(), frames=())
    if _top(heard) in ("greet", "thank", "goodbye", "out_of_scope") and _surely(talk, heard, _top(heard)):
        _MATTERS[_top(heard)](talk, heard.matters[0], heard)
        talk.become(open_question=None)
    else:
        talk.say("utter_group_private", duty_phone=talk.facts.community.duty_phone)
    return True


def _regrets(talk: Talk, heard: Heard) -> bool:
    """Anger is met with one sentence of regret, before whatever is done about it."""
    if talk.upset and _top(heard) in _ANGERS:
        talk.regret()
    return False


def _comes_or_goes(talk: Talk, heard: Heard) -> bool:
    """The chat was opened: a greeting, unless a code came with it. It was left: nobody is there to hear anything."""
    if heard.event == "left":
        return True
    if heard.event != "arrived" or heard.start:
        return False
    _greet(talk, Matter(heard.text, "greet", 1.0), heard)
    return True


# ── 1 life safety ───────────────────────────────────────────────────────────────────────────────────────────────────


def _life_safety(talk: Talk, heard: Heard) -> bool:
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
        talk.become(agenda=(*talk.state.agenda, *rest)[:_MOST_MATTERS])
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
    asked = _top(heard) == "ticket_status" and _surely(talk, heard, "ticket_status") and bool(talk.state.frames)
    return asked and talk.script.danger.answer(current.category, heard.text) is None


def _leaves_danger(talk: Talk, heard: Heard, current: TicketView) -> bool:
    """Whether the words are surely of something else. A question, or the end of the danger, is never taken for a request."""
    return _turns_elsewhere(talk, heard) and not emergency.belongs(talk, current, heard.text)


def _surely(talk: Talk, heard: Heard, intent: str) -> bool:
    return any(m.intent == intent and m.confidence >= talk.script.policy.sure for m in heard.matters)


def _turns_elsewhere(talk: Talk, heard: Heard) -> bool:
    top = heard.matters[0] if heard.matters else None
    return bool(top and top.confidence >= talk.script.policy.sure and top.intent in BY_INTENT)


def _yes_no(talk: Talk, heard: Heard) -> bool | None:
    """A yes or a no in the rules' words, or in words the classifier is sure of ("认可"). A bare figure is neither."""
    said = answer.yes_no(heard.text)
    in_words = any(character.isalpha() for character in heard.text)
    if said is None and in_words and _top(heard) in ("affirm", "deny") and _surely(talk, heard, _top(heard)):
        return _top(heard) == "affirm"
    return said


# ── 3 buttons and numbers ───────────────────────────────────────────────────────────────────────────────────────────


#: Questions about the first matter of the agenda.
_OF_THE_AGENDA = frozenset({"intent", "pass_on"})


def _picked(talk: Talk, heard: Heard) -> bool:
    value = heard.button or command(heard.text)
    question = talk.state.open_question
    if value is None and question is not None and question.kind != "survey":
        number = answer.menu_number(heard.text)
        if number is not None and 1 <= number <= len(question.choices):
            value = question.choices[number - 1].value
        else:  # a choice typed out, as it stands on its button
            value = next((c.value for c in question.choices if c.label == heard.text.strip()), None)
    if value is None:
        return False
    verb, _, rest = value.partition(":")
    if question is not None and question.kind in _OF_THE_AGENDA and verb not in ("yes", "no"):
        talk.become(agenda=talk.state.agenda[1:], open_question=None)  # what was offered was not taken
    handler = _BUTTONS.get(verb)
    if handler is None:
        _stale(talk)
    else:
        handler(talk, rest, heard)
    return True


def _button_yes_no(said: str) -> Callable[[Talk, str, Heard], None]:
    def press(talk: Talk, rest: str, heard: Heard) -> None:
        spoken = replace(heard, button=None, text=said, matters=(), triage=None)
        if not any(answered(talk, spoken) for answered in _ANSWERED):
            _stale(talk)

    return press


def _stale(talk: Talk) -> None:
    """A tap that means nothing any more: what is being asked is asked again, or the menu is shown."""
    talk.say("utter_stale_button")
    _ask_again(talk)
    if talk.state.flow is None:
        _menu(talk)


def _ask_again(talk: Talk) -> None:
    """What a form, or the binding, is asking for."""
    flow = FLOWS.get(talk.state.flow or "")
    if flow is not None:
        form.ask_next(talk, flow)
    elif talk.state.flow == binding.FLOW:
        binding.ask_next(talk)


def _button_menu(talk: Talk, rest: str, heard: Heard) -> None:
    if rest not in BY_INTENT and rest not in _MATTERS:
        _stale(talk)
        return
    unheard = str(talk.state.slots.get("unheard", "")) if talk.state.flow is None else ""
    if unheard and (misread := talk.state.slots.get("misread")):
        text, heard_as, confidence, model = misread
        talk.do(Misread(text, talk.language, heard_as, confidence, "chosen", rest, model))
    emergency.park(talk)
    talk.become(open_question=None)
    matter = Matter(unheard, rest, 1.0)
    if rest in BY_INTENT:
        _begin(talk, BY_INTENT[rest], matter if unheard else None, heard)
    else:
        _open_matter(talk, matter, heard)


def _button_say(talk: Talk, rest: str, heard: Heard) -> None:
    _, _, text = rest.partition(":")
    spoken = replace(heard, button=None, text=text, matters=(), triage=None)
    if not any(answered(talk, spoken) for answered in _ANSWERED):
        _stale(talk)


def _button_pick(talk: Talk, rest: str, heard: Heard) -> None:
    flow = FLOWS.get(talk.state.flow or "")
    for choice in talk.state.slots.get("room_choices", ()):
        if choice["label"] == rest and (flow is not None or talk.state.flow == binding.FLOW):
            household = next(
                (b.household_id for b in talk.facts.speaker.bindings if b.room.id == choice["id"] is not None), None
            )
            picked = {"room": choice, "room_choices": [], "household_id": household}
            talk.become(slots={**talk.state.slots, **picked}, misses=0)
            if flow is not None:
                form.ask_next(talk, flow)
            else:
                binding.ask_next(talk)
            return
    _button_say(talk, f"room:{rest}", heard)


def _number_in(text: str) -> int | None:
    """The digits 0-9 alone: str.isdigit also takes "²", which int does not."""
    return int(text) if text.isascii() and text.isdigit() else None


def _on_ticket(action: str) -> Callable[[Talk, str, Heard], None]:
    def press(talk: Talk, rest: str, heard: Heard) -> None:
        ticket = talk.ticket(_number_in(rest))
        if ticket is None:
            _stale(talk)
        else:
            follow.answer(talk, action, ticket, "")

    return press


def _button_withdraw(talk: Talk, rest: str, heard: Heard) -> None:
    ticket = talk.ticket(_number_in(rest))
    if ticket is None:
        _stale(talk)
    else:
        follow.ask_withdraw(talk, ticket)


def _button_rate(talk: Talk, rest: str, heard: Heard) -> None:
    ticket_id, score = (_number_in(part) for part in [*rest.split(":"), "", ""][:2])
    if ticket_id is None or score is None or not 1 <= score <= 5:
        _stale(talk)
    elif talk.state.survey != ticket_id:
        talk.say("utter_rate_nothing")
    else:
        aftercare.rate(talk, ticket_id, score, "")


def _button_back(talk: Talk, rest: str, heard: Heard) -> None:
    flow = FLOWS.get(talk.state.flow or "")
    if flow is None:
        _stale(talk)
    else:
        form.back(talk, flow)


def _button_restart(talk: Talk, rest: str, heard: Heard) -> None:
    """The form in progress from its first question on; without one, the menu."""
    flow = FLOWS.get(talk.state.flow or "")
    talk.become(open_question=None)
    if flow is None:
        _greet(talk, Matter("", "greet", 1.0), heard)
        return
    talk.say("utter_start_over")
    _begin(talk, flow, None, heard)


_BUTTONS: Mapping[str, Callable[[Talk, str, Heard], None]] = {
    "yes": _button_yes_no("是"),
    "no": _button_yes_no("不是"),
    "cancel": lambda talk, rest, heard: _drop(talk),
    "back": _button_back,
    "restart": _button_restart,
    "menu": _button_menu,
    "say": _button_say,
    "pick": _button_pick,
    "confirm": _on_ticket("confirm"),
    "not_fixed": _on_ticket("not_fixed"),
    "dispute": _on_ticket("dispute"),
    "agree": _on_ticket("agree"),
    "decline": _on_ticket("decline"),
    "withdraw": _button_withdraw,
    "rate": _button_rate,
    "greet": lambda talk, rest, heard: _greet(talk, Matter("", "greet", 1.0), heard),
    "bind": binding.button,
    "house": household.button,
    "privacy": privacy.button,
    # A colleague's buttons, pressed by somebody who is none any more.
    "staff": lambda talk, rest, heard: _stale(talk),
    "act": lambda talk, rest, heard: _stale(talk),
}


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


# ── 4 cancel ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _switches(talk: Talk, heard: Heard) -> bool:
    """"Can we go on in English?": the language changes, nothing else does; what was being asked is asked again in it."""
    tongue = language.asked_for(heard.text)
    if tongue is None:
        return False
    talk.become(language=tongue)
    talk.say("utter_language")
    _ask_again(talk)
    if talk.state.flow is None and talk.state.open_question is None:
        _menu(talk)
    return True


#: Questions to which 算了 and 不用了 are a no, and nothing is dropped.
_HEARS_NO = frozenset({"withdraw", "quote", "pass_on", follow.NO_SHOW})


def _cancelled(talk: Talk, heard: Heard) -> bool:
    said = answer.is_cancel(heard.text)
    if not said and talk.state.flow and _top(heard) == "cancel":
        said = _surely(talk, heard, "cancel")
    if not said and talk.state.flow in FLOWS and _top(heard) == "ticket_change":
        said = follow.withdraws(heard.text)  # "不修了" while the form is open means the form
    if not said:
        return False
    question = talk.state.open_question
    if talk.state.flow is None and question is not None and question.kind in _HEARS_NO:
        return False  # "算了" to "确定撤销吗" keeps the ticket, to a quote declines it: the open question hears it as a no
    if follow.keeps(heard.text) or (talk.state.asking == "contact" and form.NO_PHONE.search(heard.text)):
        return False
    _drop(talk)
    return True


def _drop(talk: Talk) -> None:
    something = talk.state.flow is not None or talk.state.open_question is not None or bool(talk.state.agenda)
    talk.become(flow=None, asking=None, slots={}, frames=(), agenda=(), open_question=None, misses=0, draft_expires=None)
    talk.say("utter_cancelled" if something else "utter_nothing_to_cancel")


# ── 5 the open question ─────────────────────────────────────────────────────────────────────────────────────────────


def _open_question(talk: Talk, heard: Heard) -> bool:
    text = heard.text
    if talk.state.flow == aftercare.REASON:
        if _turns_elsewhere(talk, heard) and _top(heard) not in aftercare.REASONS:
            talk.become(flow=None, asking=None, slots={})
            return False
        aftercare.reason(talk, text)
        return True
    if talk.state.survey is not None and _rates(talk, heard):
        score = aftercare.score_in(text)
        if score is not None:
            aftercare.rate(talk, talk.state.survey, score, text)
            return True
    question = talk.state.open_question
    if question is None:
        return False
    handler = _QUESTIONS.get(question.kind)
    return handler(talk, heard) if handler else False


def _rates(talk: Talk, heard: Heard) -> bool:
    """Whether a score in these words is meant as a rating: the survey is what is open, or the classifier says so."""
    question = talk.state.open_question
    if question is not None and question.kind == "survey":
        return not _turns_elsewhere(talk, heard)
    return talk.state.flow is None and _top(heard) == "rate"


def _about_work_done(talk: Talk, heard: Heard) -> bool:
    question = talk.state.open_question
    ticket = talk.ticket(question.ticket_id) if question else None
    if ticket is None:
        return False
    said = _yes_no(talk, heard)
    if follow.not_fixed(heard.text) or follow.nobody_came(heard.text):
        follow.answer(talk, "not_fixed", ticket, heard.text)
    elif follow.fixed(heard.text) or said is True or _top(heard) == "thank" or (said is None and answer.leads(heard.text)):
        follow.answer(talk, "confirm", ticket, heard.text)
    elif said is False:
        follow.answer(talk, "not_fixed", ticket, heard.text)
    else:
        return False
    return True


def _about_offer(yes: str, no: str) -> Callable[[Talk, Heard], bool]:
    def hear(talk: Talk, heard: Heard) -> bool:
        question = talk.state.open_question
        ticket = talk.ticket(question.ticket_id) if question else None
        said = _yes_no(talk, heard)
        if said is None:  # "no, I don't accept that. It barked the whole morning": the rest is the reason
            said = answer.leads(heard.text)
        if said is None and no == "decline" and (answer.is_cancel(heard.text) or _top(heard) in ("cancel", "ticket_change")):
            said = False
        if ticket is None or said is None:
            return False
        follow.answer(talk, yes if said else no, ticket, heard.text)
        return True

    return hear


def _about_withdrawal(talk: Talk, heard: Heard) -> bool:
    question = talk.state.open_question
    ticket = talk.ticket(question.ticket_id) if question else None
    said = False if answer.is_cancel(heard.text) or follow.keeps(heard.text) else _yes_no(talk, heard)
    if ticket is None or said is None:
        return False
    if said:
        follow.withdraw(talk, ticket, heard.text)
    else:
        talk.become(open_question=None)
        talk.say("utter_kept", number=ticket.number)
    return True


def _about_first(
    yes: Callable[[Talk, Matter, Heard], None], no: Callable[[Talk, Matter, Heard], None]
) -> Callable[[Talk, Heard], bool]:
    """A yes or no about the first matter of the agenda. Anything else drops that matter and is heard for itself."""

    def hear(talk: Talk, heard: Heard) -> bool:
        said = False if answer.is_cancel(heard.text) else _yes_no(talk, heard)
        first, rest = talk.state.agenda[:1], talk.state.agenda[1:]
        if said is None and first and first[0].intent in BY_INTENT and _top(heard) in ANSWERS and form.keep_early(talk, heard.text, heard):
            said = True  # who answers what would be asked next has said yes
        talk.become(open_question=None, agenda=rest)
        if said is None or not first:
            return False
        if said:
            yes(talk, first[0], replace(heard, text=first[0].text))
        else:
            no(talk, first[0], heard)
        return True

    return hear


def _open_as_said(talk: Talk, matter: Matter, heard: Heard) -> None:
    _open_matter(talk, replace(matter, confidence=1.0), heard)


def _read_wrongly(talk: Talk, matter: Matter, heard: Heard) -> None:
    """No to "您是要报修吗?": the menu, and the words are kept for whatever is picked from it."""
    _misread(talk, matter.text, (matter,), "refused", heard.model)
    _menu(talk)


_PASSED_ON: Mapping[str, str] = {"fee_query": "fee_case", "feedback": "feedback", "permit": "permit"}


def _pass_it_on(talk: Talk, matter: Matter, heard: Heard) -> None:
    """The offer was taken: what is still missing is asked; where nothing is, a second yes would be one too many."""
    flow = FLOWS[_PASSED_ON.get(matter.intent, "enquiry")]
    form.begin(talk, flow, matter, heard)
    if form.complete(talk, flow) and matter.intent != "permit":
        form.submit(talk, flow)
    else:
        form.ask_next(talk, flow)


def _about_same(talk: Talk, heard: Heard) -> bool:
    """Whether it is the fault that was reported before. Anything else goes on with the form."""
    flow, question = FLOWS.get(talk.state.flow or ""), talk.state.open_question
    said = same.said(heard.text) if (plain := _yes_no(talk, heard)) is None else plain
    if flow is None or question is None or said is None:
        return False
    if same.settle(talk, flow, question.ticket_id, said, heard):
        return True
    _, _, more = heard.text.partition("，" if "，" in heard.text else ",")
    if more.strip():  # "不是同一个，是淋浴那边"
        form.describe(talk, more.strip())
        form.read(talk, flow, more, heard)
    form.ask_next(talk, flow)
    return True


def _about_no_show(talk: Talk, heard: Heard) -> bool:
    question = talk.state.open_question
    ticket = talk.ticket(question.ticket_id) if question else None
    said = False if answer.is_cancel(heard.text) else _yes_no(talk, heard)
    talk.become(open_question=None)
    if said is None or ticket is None:
        return False
    if said:
        follow.complain_of_no_show(talk, ticket)
    else:
        talk.say("utter_affirm_idle")
    return True


def _about_draft(talk: Talk, heard: Heard) -> bool:
    flow = FLOWS.get(talk.state.flow or "")
    if flow is None or not (_yes_no(talk, heard) is True or _top(heard) == "thank"):
        return False
    form.ask_next(talk, flow)  # thanks for being asked files nothing: the summary is shown again
    return True


_QUESTIONS: Mapping[str, Callable[[Talk, Heard], bool]] = {
    "resolved": _about_work_done,
    "replied": _about_offer("confirm", "dispute"),
    "quote": _about_offer("agree", "decline"),
    "withdraw": _about_withdrawal,
    "intent": _about_first(_open_as_said, _read_wrongly),
    "pass_on": _about_first(_pass_it_on, lambda talk, matter, heard: talk.say("utter_affirm_idle")),
    "draft": _about_draft,
    same.QUESTION: _about_same,
    follow.NO_SHOW: _about_no_show,
}


# ── 6 the form in progress ──────────────────────────────────────────────────────────────────────────────────────────


def _in_form(talk: Talk, heard: Heard) -> bool:
    flow = FLOWS.get(talk.state.flow or "")
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
    a second time add nothing."""
    said, text = str(talk.state.slots.get("description", "")), heard.text.strip()
    marked = any(entity.entity in _ABOUT for matter in heard.matters for entity in matter.entities)
    of_this = _top(heard) in flow.intents and _surely(talk, heard, _top(heard))
    if danger.asks(text) or (not of_this and not (marked and _top(heard) in ("inform", *flow.intents))):
        return False
    if bare(text) not in said:
        form.describe(talk, text)
        talk.say("utter_noted_more")
    talk.become(misses=0)
    form.ask_next(talk, flow)
    return True


def _decided(talk: Talk, flow: Flow, heard: Heard, asking: str) -> bool:
    """A yes submits; thanks and a further detail are not a no; a no asks what to change."""
    said = _yes_no(talk, heard)
    if said is True and asking == "change":  # a yes to "what shall I change" files nothing: the summary is shown again
        form.ask_next(talk, flow)
        return True
    if said is True or (said is None and _top(heard) == "thank" and asking == "confirm"):
        form.submit(talk, flow)
        return True
    if said is False:
        talk.become(asking="change")
        talk.ask("utter_ask_change", "change")
        return True
    if heard.text.strip() and _top(heard) in (*flow.intents, "inform", *BY_INTENT):  # another matter has been heard by now
        form.describe(talk, heard.text.strip())
        talk.become(misses=0)
        form.ask_next(talk, flow)
        return True
    return False


def _another_matter(talk: Talk, flow: Flow, heard: Heard) -> bool:
    """A question in between is answered and the form goes on; another request is kept for afterwards."""
    top = heard.matters[0] if heard.matters else None
    if top is None or top.confidence < talk.script.policy.sure or top.intent in ANSWERS or top.intent in flow.intents:
        return False
    if (talk.state.asking == "what" and top.intent != "handoff") or top.intent in ("cancel", "ticket_change", "bind"):
        return False
    if talk.state.asking == "confirm" and top.confidence < _ANOTHER_FOR_SURE and not top.values("item"):
        return False  # "they come on Saturday by car": under a summary, a further detail
    probe = Talk(talk.script, talk.facts, talk.state)
    answered = {n for n in form.read(probe, flow, heard.text, heard) if not n.startswith("unclear:")}
    # "物业几点下班" holds a time, yet answers nothing: a question counts as an answer only to what was asked. "先留个电话吧" is no
    # question at all, whatever it reads like.
    if answered == {"when"} and top.intent in BY_INTENT and not form.speaks_of_a_visit(heard.text):
        answered = set()  # "the people upstairs drill at night" is another matter, not the night of a visit
    if answered and (top.intent not in _QUESTIONS_BETWEEN or talk.state.asking in answered):
        return False
    if top.intent in BY_INTENT:
        talk.become(agenda=(*talk.state.agenda, top)[:_MOST_MATTERS])
        talk.say("utter_kept_for_later", matter=shorten(bare(top.text), 20))
        form.ask_next(talk, flow)
        return True
    if top.intent in _IN_BETWEEN:
        _IN_BETWEEN[top.intent](talk, top, heard)
        if talk.state.flow == flow.name:
            form.ask_next(talk, flow)
        return True
    return False


def _missed(talk: Talk, flow: Flow, heard: Heard) -> bool:
    misses = talk.state.misses + 1
    talk.become(misses=misses)
    if misses >= talk.script.policy.misses_before_person + 1:
        _misread(talk, heard.text, heard.matters, "person", heard.model)
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
        return _yes_no(talk, heard) is None
    return _FIGURE.search(fold(heard.text)) is not None


# ── 7 a fresh message ───────────────────────────────────────────────────────────────────────────────────────────────


def _fresh(talk: Talk, heard: Heard) -> None:
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
    first, rest = _plausible(talk, heard.matters[0]), heard.matters[1:]
    talk.become(agenda=(*talk.state.agenda, *rest)[: _MOST_MATTERS - 1])
    _open_matter(talk, first, heard)


def _plausible(talk: Talk, matter: Matter) -> Matter:
    """Where nothing is filed, there is nothing to change: the next reading counts, with its own confidence."""
    if matter.intent != "ticket_change" or follow.visible(talk):
        return matter
    for other in matter.ranking:
        if other.intent in BY_INTENT and other.confidence >= talk.script.policy.confirm:
            return replace(matter, intent=other.intent, confidence=other.confidence)
    return matter


def _open_matter(talk: Talk, matter: Matter, heard: Heard) -> None:
    policy = talk.script.policy
    if matter.confidence < policy.sure:
        key = f"utter_confirm_intent_{matter.intent}"
        if matter.confidence >= policy.confirm and key in talk.script.responses:
            talk.become(agenda=(matter, *talk.state.agenda)[:_MOST_MATTERS])
            talk.ask(key, "intent")
        elif matter.confidence >= policy.confirm and matter.intent in _HARMLESS:
            _MATTERS[matter.intent](talk, matter, heard)
        else:
            _not_understood(talk, heard)
        return
    if matter.intent == "permit" and danger.asks(matter.text) and _answered_by_faq(talk, matter):
        talk.become(agenda=(matter, *talk.state.agenda)[:_MOST_MATTERS])
        talk.ask("utter_permit_offer", "pass_on")
        return
    if matter.intent in ("complaint", "repair") and follow.chases(talk, matter):
        follow.progress(talk, matter.text)
        return
    talk.become(misses=0, slots={key: value for key, value in talk.state.slots.items() if key in (form.EARLY, "photos")})
    if matter.intent in BY_INTENT:
        _begin(talk, BY_INTENT[matter.intent], matter, heard)
    else:
        handler = _MATTERS.get(matter.intent)
        if handler is None:
            _not_understood(talk, heard)
        else:
            handler(talk, matter, heard)


def _begin(talk: Talk, flow: Flow, matter: Matter | None, heard: Heard) -> None:
    form.begin(talk, flow, matter, heard)
    if matter is None or not same.offer(talk, flow, matter):
        form.ask_next(talk, flow)


def _not_understood(talk: Talk, heard: Heard) -> None:
    misses = talk.state.misses + 1
    if misses >= talk.script.policy.misses_before_person:
        _misread(talk, heard.text, heard.matters, "person", heard.model)
        handover.ask(talk, "utter_handoff_misses", heard.text)
        return
    _misread(talk, heard.text, heard.matters, "unsure", heard.model)
    talk.become(misses=misses)
    talk.ask("utter_not_understood", "menu")


def _misread(
    talk: Talk, text: str, matters: tuple[Matter, ...], why: Literal["unsure", "refused", "person"], model: str
) -> None:
    """Keep what was read badly, masked, for `bot nlu-review`; and the words, for what is picked from the menu next."""
    if not text.strip():
        return
    first = matters[0] if matters else Matter(text, "", 0.0)
    masked = masking.sentence(text, [e for e in first.entities if text[e.start : e.end] == e.value])
    misread = Misread(masked, talk.language, first.intent, first.confidence, why, model=model)
    talk.do(misread)
    if talk.state.flow is None:
        kept = {"unheard": text.strip(), "misread": [masked, first.intent, first.confidence, model]}
        talk.become(slots={**talk.state.slots, **kept})


def _menu(talk: Talk) -> None:
    talk.ask("utter_menu", "menu")


def _fee(talk: Talk, matter: Matter, heard: Heard) -> None:
    """A question of the rules has its answer in the FAQ. An account is spoken of to its household alone; anybody else is shown the way to
    be known."""
    if _answered_by_faq(talk, matter):
        return
    if talk.facts.speaker.bindings:
        _pass_on("utter_fee_no_figure")(talk, matter, heard)
    else:
        talk.become(slots={"unheard": matter.text.strip()})  # for the person who may be asked for next
        talk.ask("utter_bind_needed", "bind_needed")


def _faq(talk: Talk, matter: Matter, heard: Heard) -> None:
    """The office's answer with the day it was checked; where there is none, the honest word and the offer to pass it on."""
    if not _answered_by_faq(talk, matter):
        _pass_on("utter_faq_unknown")(talk, matter, heard)


def _answered_by_faq(talk: Talk, matter: Matter) -> bool:
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
        talk.become(agenda=(matter, *talk.state.agenda)[:_MOST_MATTERS])
        talk.ask(key, "pass_on")

    return offer


def _simply(key: str) -> Callable[[Talk, Matter, Heard], None]:
    def reply(talk: Talk, matter: Matter, heard: Heard) -> None:
        talk.say(key)

    return reply


def _greet(talk: Talk, matter: Matter, heard: Heard) -> None:
    name = talk.facts.community.name if talk.language == "zh" else talk.facts.community.name_en
    talk.ask("utter_greet", "menu", community=name)


def _status(talk: Talk, matter: Matter, heard: Heard) -> None:
    """How a request stands; where none is open, a question of the rules that only reads like it ("会不会让他知道是我") has its answer."""
    filed = follow.visible(talk) or (talk.state.flow is None and any(talk.gather(NeedRecent())))
    if filed or not _answered_by_faq(talk, matter):
        follow.progress(talk, matter.text)


def _change(talk: Talk, matter: Matter, heard: Heard) -> None:
    follow.change(talk, matter, heard)


def _handoff(talk: Talk, matter: Matter, heard: Heard) -> None:
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


_MATTERS: Mapping[str, Callable[[Talk, Matter, Heard], None]] = {
    "fee_query": _fee,
    "faq": _faq,
    "feedback": _pass_on("utter_feedback_offer"),
    "bind": binding.begin,
    "ticket_status": _status,
    "ticket_change": _change,
    "handoff": _handoff,
    "rate": _rate,
    "inform": _inform,
    "greet": _greet,
    "thank": _simply("utter_thank"),
    "goodbye": _simply("utter_goodbye"),
    "affirm": _simply("utter_affirm_idle"),
    "deny": _simply("utter_affirm_idle"),
    "cancel": lambda talk, matter, heard: _drop(talk),
    "out_of_scope": _simply("utter_out_of_scope"),
    "emergency": lambda talk, matter, heard: emergency.report(talk, "general", matter.text, heard),
}
#: Taken at their word even when the classifier is only half sure: they change nothing.
_HARMLESS = frozenset({"greet", "ticket_status", "faq"})


#: Whoever is asked something takes the answer; a button "yes" or "no" is such an answer.
_ANSWERED: tuple[Callable[[Talk, Heard], bool], ...] = (
    binding.heard, household.heard, privacy.heard, _open_question, _in_form,
)  # fmt: skip
_LISTENERS: tuple[Callable[[Talk, Heard], bool], ...] = (
    _life_safety, _in_group, colleague.heard, handover.heard, _regrets, _picked, _voice, _switches, _cancelled, binding.invited, _comes_or_goes,
    *_ANSWERED,
)  # fmt: skip


def _answer_faq_in_between(talk: Talk, matter: Matter, heard: Heard) -> None:
    """Within a form a question with an answer is answered; one without is kept for afterwards: the honest answer there is an
    offer, and that is a question."""
    if not _answered_by_faq(talk, matter):
        _keep_for_later(talk, matter, heard)


def _keep_for_later(talk: Talk, matter: Matter, heard: Heard) -> None:
    talk.become(agenda=(*talk.state.agenda, matter)[:_MOST_MATTERS])
    talk.say("utter_kept_for_later", matter=shorten(bare(matter.text), 20))


_QUESTIONS_BETWEEN = frozenset({"ticket_status", "faq", "fee_query"})
_IN_BETWEEN: Mapping[str, Callable[[Talk, Matter, Heard], None]] = {
    "ticket_status": _status,
    "handoff": _handoff,
    "feedback": _keep_for_later,
    "greet": lambda talk, matter, heard: None,
    "goodbye": _simply("utter_goodbye"),
    "out_of_scope": _simply("utter_out_of_scope"),
    "faq": _answer_faq_in_between,
    "fee_query": _answer_faq_in_between,
}


# ── after every message ─────────────────────────────────────────────────────────────────────────────────────────────


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
    if matter.confidence < talk.script.policy.sure:
        return
    talk.say("utter_next_matter", matter=shorten(bare(matter.text), 20))
    _open_matter(talk, matter, Heard(matter.text, (matter,)))


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


def _top(heard: Heard) -> str:
    return heard.matters[0].intent if heard.matters else ""
