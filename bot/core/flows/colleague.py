"""A member of the staff writes from a conversation bound to them: notices arrive there, and the way into the pages.

What they may see there is decided by `access`, page by page; which step of a ticket they may take, by its transition table. A
colleague who reports a danger is heard like anybody.
"""

from __future__ import annotations

from bot.core.talk import Talk
from bot.core.tickets import STEPS
from bot.core.types import ActAs, Heard, SignIn, Unbind


def heard(talk: Talk, heard: Heard) -> bool:
    """Whether a colleague speaks here, and so was answered."""
    colleague = talk.facts.speaker.colleague
    if colleague is None:
        return False
    verb, _, rest = (heard.button or "").partition(":")
    number, _, action = rest.partition(":")
    if heard.button == "staff:leave":
        talk.do(Unbind())
        talk.say("utter_left")
    elif verb == "act" and number and action in STEPS:
        talk.do(ActAs(number, action))
    else:
        talk.do(SignIn(then=(talk.line("utter_colleague", name=colleague.name),)))
    return True
