"""What is held about the speaker, and the rights to it (个人信息保护法 arts 44–48): told, handed out, erased.

The first message of anybody is answered with the notice (art. 17); its version is kept. Nothing here waits for a form: the words
"隐私" and "privacy", a command or a button lead in.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.core.flows import emergency
from bot.core.flows.emergency import FLOW as EMERGENCY
from bot.core.resolve import answer
from bot.core.talk import Talk
from bot.core.types import Consented, Disclose, Export, Forget, Heard, Held, NeedHeld

FLOW = "privacy"


def notice(talk: Talk) -> None:
    """The notice, once a version: before the answer, but never before the words that save a life."""
    version = talk.script.policy.notice_version
    if talk.state.noticed == version or talk.state.mode == "human":
        return
    line = talk.line("utter_privacy_notice")
    at = len(talk.effects) if talk.state.flow == EMERGENCY else 0
    talk.effects[at:at] = [line, Consented("notice", version, given=True)]
    talk.become(noticed=version)


def button(talk: Talk, rest: str, heard: Heard) -> None:
    """privacy: what can be asked for · privacy:held · privacy:export · privacy:forget"""
    _BUTTONS.get(rest, _menu)(talk)


def _menu(talk: Talk) -> None:
    talk.ask("utter_privacy", "privacy", duty_phone=talk.facts.community.duty_phone)


def _held(talk: Talk) -> None:
    held: Held = talk.gather(NeedHeld())
    speaker = talk.facts.speaker
    known = talk.words("utter_part_held_known") if speaker.known else talk.words("utter_part_held_stranger")
    for binding in speaker.bindings:
        talk.do(Disclose(binding.household_id, "held"))
    talk.ask(
        "utter_privacy_held", "privacy",
        known=known, messages=held.messages, tickets=held.tickets, photos=held.photos,
        days=talk.script.policy.keep["messages"].days,
    )  # fmt: skip


def _export(talk: Talk) -> None:
    household = next((b.household_id for b in talk.facts.speaker.bindings), None)
    talk.do(Disclose(household, "export"), Export(then=(talk.line("utter_privacy_export"),)))


def _ask_forget(talk: Talk) -> None:
    emergency.park(talk)
    talk.become(flow=FLOW, asking="forget", slots={}, misses=0)
    talk.ask("utter_forget_confirm", "privacy")


_BUTTONS: Mapping[str, Callable[[Talk], None]] = {
    "": _menu,
    "held": _held,
    "export": _export,
    "forget": _ask_forget,
}


def heard(talk: Talk, heard: Heard) -> bool:
    """Yes or no to "erase everything?". Anything else drops the question and is heard for itself."""
    if talk.state.flow != FLOW:
        return False
    said = answer.yes_no(heard.text)
    talk.become(flow=None, asking=None, slots={}, open_question=None)
    if said is None:
        return False
    if said:
        talk.become(frames=(), agenda=(), survey=None)
        talk.do(Forget(talk.line("utter_forgotten")))
    else:
        talk.say("utter_unchanged")
    return True
