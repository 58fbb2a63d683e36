"""Shadow mode: what of a turn is done while the desk only reads and suggests, and what waits for a colleague's press.

The rule is one: nothing reaches a resident that no colleague has sent, and nothing is filed or changed for one. What cannot be
noticed by a resident and must not wait is done at once: an emergency is a ticket with its clocks, everyone on duty is told,
and what was read badly is kept. See ADR 0014.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from bot.core import masking
from bot.core.types import (
    AmendTicket,
    BindTo,
    Consented,
    Effect,
    Export,
    Forget,
    Heard,
    MakeInvite,
    Misread,
    MoveTicket,
    OpenTicket,
    Priority,
    Redeem,
    Remind,
    Revoke,
    SaveAnswer,
    Say,
    SignIn,
    State,
    Tell,
    TicketDraft,
    Turn,
    Unbind,
)

#: How a suggestion ended: sent as it stood, sent after changes, right but dealt with in another way, wrong.
Judgement: TypeAlias = Literal["sent", "edited", "agreed", "refused"]
#: A colleague's words that have no line of the desk's to stand for.
STAFF_KEY = "staff"
#: Goes with the first answer to anybody.
NOTICE = "utter_privacy_notice"
#: Who speaks now is no news where the desk has never spoken.
_WHO_SPEAKS = frozenset({"utter_staff_joined", "utter_human_returns"})
#: What a turn does to the desk's books besides saying something, as a page names it. The rest concerns staff or clocks alone.
_DOES: Mapping[type, str] = {
    MoveTicket: "move",
    AmendTicket: "amend",
    SaveAnswer: "rating",
    Redeem: "bind",
    BindTo: "bind",
    MakeInvite: "invite",
    Revoke: "revoke",
    Unbind: "unbind",
    Export: "export",
    Forget: "forget",
}
#: What staff may put right of a ticket before it is filed.
EDITABLE = ("description", "location", "contact")


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What the desk would have made of one message: its reading, its words, the tickets it would open, what else it would do.

    `intent` is empty for what has no words or could not be read. `alarm`: it is about a danger, and staff were told.
    """

    intent: str
    confidence: float
    alarm: bool
    said: tuple[Say, ...]
    drafts: tuple[TicketDraft, ...] = ()
    does: tuple[str, ...] = ()


def suggestion(heard: Heard, turn: Turn) -> Suggestion:
    """The turn as staff are shown it."""
    first = heard.matters[0] if heard.matters else None
    intent, confidence = (first.intent, first.confidence) if first else ("", 0.0)
    danger = heard.triage is not None or any(d.kind == "emergency" for d in drafts(turn.effects))
    if danger:
        confidence = max((r.confidence for m in heard.matters for r in m.ranking if r.intent == "emergency"), default=1.0)
        intent = "emergency"
    alarming = alarm(turn)
    # The notice that goes with a first answer is no part of what is said about a danger: it comes with the next answer.
    said = tuple(say for say in lines(turn.effects) if not (alarming and say.key == NOTICE))
    does = tuple(dict.fromkeys(_DOES[type(e)] for e in turn.effects if type(e) in _DOES))
    return Suggestion(intent, confidence, alarming, said, drafts(turn.effects), does)


def alarm(turn: Turn) -> bool:
    """Whether the turn calls staff about a danger: reported, or spoken of further. That never waits for a press."""
    return any(isinstance(e, Tell) and e.priority is Priority.EMERGENCY for e in turn.effects)


def with_a_person(before: State, turn: Turn) -> bool:
    """Whether a colleague has the conversation and gets the words: the desk is quiet then in any mode."""
    return before.mode == "human" == turn.state.mode and all(isinstance(e, (AmendTicket, Tell, Remind)) for e in turn.effects)


def at_once(turn: Turn) -> tuple[Effect, ...]:
    """What of a resident's turn is done without a press: of an emergency all but the words, else what was read badly is kept."""
    if alarm(turn):
        return tuple(map(_wordless, (e for e in turn.effects if not isinstance(e, (Say, Consented)))))
    return tuple(e for e in turn.effects if isinstance(e, Misread))


def on_press(turn: Turn) -> tuple[Effect, ...]:
    """What a colleague's press does: everything that was not done at once."""
    return tuple(e for e in turn.effects if not isinstance(e, Misread))


def as_heard(real: State, turn: Turn) -> State:
    """The conversation after a message whose answer was only suggested: as it was, for nothing was said or asked."""
    if alarm(turn):
        return turn.state.but(noticed=real.noticed)
    return real.but(language=turn.state.language, turns=turn.state.turns)


def unsaid(before: State, after: State) -> State:
    """The conversation after news or a clock whose words were kept back: what was not said was not asked."""
    kept = after.open_question in (None, before.open_question)
    return after.but(
        open_question=after.open_question if kept else before.open_question,
        survey=after.survey if after.survey in (None, before.survey) else before.survey,
        noticed=before.noticed,
    )


def news(kept_back: Iterable[Say]) -> tuple[Say, ...]:
    """What of the words that were kept back a colleague may still send."""
    return tuple(say for say in kept_back if say.key not in _WHO_SPEAKS)


def asked(now: State, then: State) -> State:
    """The conversation after words that were kept back have been sent: what they ask is open now, unless a form is."""
    return now if now.flow is not None else now.but(open_question=then.open_question, survey=then.survey)


# ── words ──


def lines(effects: Iterable[Effect]) -> tuple[Say, ...]:
    """Everything these effects say to the resident, in order."""
    found: list[Say] = []
    for effect in effects:
        if isinstance(effect, Say):
            found.append(effect)
        elif isinstance(effect, (OpenTicket, MakeInvite, Export, SignIn)):
            found.extend(effect.then)
        elif isinstance(effect, Forget):
            found.append(effect.last)
    return tuple(found)


def drafts(effects: Iterable[Effect]) -> tuple[TicketDraft, ...]:
    """The tickets these effects open."""
    return tuple(e.draft for e in effects if isinstance(e, OpenTicket))


def _wordless(effect: Effect) -> Effect:
    return replace(effect, then=()) if isinstance(effect, OpenTicket) else effect


def in_their_name(effects: Iterable[Effect], name: str) -> tuple[Effect, ...]:
    """The same, said by this colleague."""

    def signed(say: Say) -> Say:
        return replace(say, author=name)

    return tuple(_with_words(effect, signed) for effect in effects)


def in_their_words(effects: Iterable[Effect], name: str, words: str) -> tuple[Effect, ...]:
    """The same, but for the words: one message of this colleague's in place of the desk's, with the last choices offered.

    It goes where the store fills in what only it knows ({number}, {code}, {link}), if any of the desk's lines went there. The
    privacy notice stays as it is: that it was given is on record.
    """
    offered = next((say for say in reversed(lines(effects)) if say.buttons), None)
    key = offered.key if offered else STAFF_KEY
    new = Say(words, offered.buttons if offered else (), key=key, author=name)
    out: list[Effect] = []
    placed = False
    for effect in effects:
        if isinstance(effect, Say):
            if effect.key == NOTICE:
                out.append(replace(effect, author=name))
        elif isinstance(effect, (OpenTicket, MakeInvite, Export, SignIn)):
            out.append(replace(effect, then=() if placed else (new,)))
            placed = True
        elif isinstance(effect, Forget):
            out.append(replace(effect, last=new))
            placed = True
        else:
            out.append(effect)
    return tuple(out) if placed else (*out, new)


def _with_words(effect: Effect, change: Callable[[Say], Say]) -> Effect:
    if isinstance(effect, Say):
        return change(effect)
    if isinstance(effect, (OpenTicket, MakeInvite, Export, SignIn)):
        return replace(effect, then=tuple(map(change, effect.then)))
    if isinstance(effect, Forget):
        return replace(effect, last=change(effect.last))
    return effect


def put_right(effects: Iterable[Effect], fields: Mapping[str, str]) -> tuple[Effect, ...]:
    """The same, with what a colleague put right of the first ticket (see EDITABLE)."""
    out = list(effects)
    at = next((n for n, e in enumerate(out) if isinstance(e, OpenTicket)), None)
    if at is not None and isinstance(opened := out[at], OpenTicket):
        changes: dict[str, Any] = {name: value for name, value in fields.items() if name in EDITABLE and value}
        out[at] = replace(opened, draft=replace(opened.draft, **changes))
    return tuple(out)


def correction(heard: Heard, turn_language: Literal["zh", "en"], intent: str, confidence: float, should_be: str) -> Misread | None:
    """A colleague said what was meant: kept masked for `bot nlu-review`. None where there were no words to read."""
    if not heard.text.strip() or not should_be or should_be == intent:
        return None
    found = heard.matters[0].entities if heard.matters else ()
    masked = masking.sentence(heard.text, [e for e in found if heard.text[e.start : e.end] == e.value])
    return Misread(masked, turn_language, intent, confidence, "staff", should_be, heard.model)
