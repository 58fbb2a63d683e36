"""How a message reads at a glance: what the classifier takes it for, how surely, and whether it is a yes or a no."""

from __future__ import annotations

from bot.core.flows import BY_INTENT
from bot.core.resolve import answer
from bot.core.talk import Talk
from bot.core.types import Heard

#: Intents that answer a question and open nothing of their own.
ANSWERS = frozenset({"inform", "affirm", "deny", "rate", "thank"})


def top(heard: Heard) -> str:
    """The intent of its first matter; "" where it has none."""
    return heard.matters[0].intent if heard.matters else ""


def surely(talk: Talk, heard: Heard, intent: str) -> bool:
    """Whether one of its matters is this, as surely as policy demands."""
    return any(m.intent == intent and m.confidence >= talk.script.policy.sure for m in heard.matters)


def turns_elsewhere(talk: Talk, heard: Heard) -> bool:
    """Whether it surely begins with a request of its own."""
    first = heard.matters[0] if heard.matters else None
    return bool(first and first.confidence >= talk.script.policy.sure and first.intent in BY_INTENT)


def yes_no(talk: Talk, heard: Heard) -> bool | None:
    """A yes or a no in the rules' words, or in words the classifier is sure of ("认可"). A bare figure is neither."""
    said = answer.yes_no(heard.text)
    in_words = any(character.isalpha() for character in heard.text)
    if said is None and in_words and top(heard) in ("affirm", "deny") and surely(talk, heard, top(heard)):
        return top(heard) == "affirm"
    return said
