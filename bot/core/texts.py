"""Words for the resident, from the script. Wording varies, but is deterministic for a conversation's turn."""

from __future__ import annotations

from typing import Any

from bot.core.domain import Script
from bot.core.types import Button, Language, Say


def words(script: Script, language: Language, key: str, turn: int = 0, **values: Any) -> str:
    """The text of a response. Raises KeyError when domain.yml lacks the key (`bot check` finds that at start)."""
    variants = script.responses[key][language]
    return _fill(variants[turn % len(variants)].text, values)


def say(script: Script, language: Language, key: str, turn: int = 0, **values: Any) -> Say:
    """A message with its buttons. A placeholder without a value stays as it is: the store fills {number}."""
    variants = script.responses[key][language]
    variant = variants[turn % len(variants)]
    buttons = tuple(Button(_fill(b.label, values), _fill(b.value, values)) for b in variant.buttons)
    return Say(_fill(variant.text, values), buttons, key=key)


def filled(text: str, **values: Any) -> str:
    """A text of the office's other files, with its placeholders filled in."""
    return _fill(text, values)


def _fill(text: str, values: dict[str, Any]) -> str:
    # One pass over the template only: a resident's own braces are never read as placeholders.
    out: list[str] = []
    rest = text
    while rest:
        head, brace, tail = rest.partition("{")
        out.append(head)
        if not brace:
            break
        name, close, after = tail.partition("}")
        if close and name in values:
            out.append(str(values[name]))
        else:
            out.append(brace + name + close)
        rest = after
    return "".join(out)
