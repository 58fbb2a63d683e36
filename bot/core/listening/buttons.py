"""Buttons and commands, and a number that picks one of the choices last shown.

A button's value is a verb and what follows it ("rate:12:5"); each verb is a line of a table. A tap that means nothing any more is
answered kindly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.core.flows import BY_INTENT, aftercare, binding, emergency, follow, form, household, in_hand, privacy
from bot.core.listening import filling, fresh, questions
from bot.core.resolve import answer
from bot.core.resolve.command import command
from bot.core.talk import Talk
from bot.core.types import Heard, Matter, Misread

#: Questions about the first matter of the agenda.
_OF_THE_AGENDA = frozenset({"intent", "pass_on"})
#: Whoever is asked something takes the answer; a button "yes" or "no" is such an answer.
ANSWERED: tuple[Callable[[Talk, Heard], bool], ...] = (
    binding.heard, household.heard, privacy.heard, questions.heard, filling.heard,
)  # fmt: skip


def heard(talk: Talk, heard: Heard) -> bool:
    """What was tapped, commanded or picked is done. False: words like any other."""
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
    handler = BUTTONS.get(verb)
    if handler is None:
        _stale(talk)
    else:
        handler(talk, rest, heard)
    return True


def _said(talk: Talk, text: str, heard: Heard) -> None:
    """A tap that answers what is asked, as if its words had been typed."""
    spoken = replace(heard, button=None, text=text, matters=(), triage=None)
    if not any(answered(talk, spoken) for answered in ANSWERED):
        _stale(talk)


def _button_say(talk: Talk, rest: str, heard: Heard) -> None:
    _, _, text = rest.partition(":")
    _said(talk, text, heard)


def _stale(talk: Talk) -> None:
    """A tap that means nothing any more: what is being asked is asked again, or the menu is shown."""
    talk.say("utter_stale_button")
    filling.ask_again(talk)
    if talk.state.flow is None:
        fresh.menu(talk)


def _button_menu(talk: Talk, rest: str, heard: Heard) -> None:
    if rest not in BY_INTENT and rest not in fresh.MATTERS:
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
        fresh.begin(talk, BY_INTENT[rest], matter if unheard else None, heard)
    else:
        fresh.open_matter(talk, matter, heard)


def _button_pick(talk: Talk, rest: str, heard: Heard) -> None:
    flow = in_hand(talk)
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
    _said(talk, rest, heard)


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
    flow = in_hand(talk)
    if flow is None:
        _stale(talk)
    else:
        form.back(talk, flow)


def _button_restart(talk: Talk, rest: str, heard: Heard) -> None:
    """The form in progress from its first question on; without one, the menu."""
    flow = in_hand(talk)
    talk.become(open_question=None)
    if flow is None:
        fresh.greet(talk, Matter("", "greet", 1.0), heard)
        return
    talk.say("utter_start_over")
    fresh.begin(talk, flow, None, heard)


BUTTONS: Mapping[str, Callable[[Talk, str, Heard], None]] = {
    "yes": lambda talk, rest, heard: _said(talk, "是", heard),
    "no": lambda talk, rest, heard: _said(talk, "不是", heard),
    "cancel": lambda talk, rest, heard: fresh.drop(talk),
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
    "greet": lambda talk, rest, heard: fresh.greet(talk, Matter("", "greet", 1.0), heard),
    "bind": binding.button,
    "house": household.button,
    "privacy": privacy.button,
    # A colleague's buttons, pressed by somebody who is none any more.
    "staff": lambda talk, rest, heard: _stale(talk),
    "act": lambda talk, rest, heard: _stale(talk),
}
