"""Personal data as it is shown to those who need not know it in full."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from bot.core.resolve.phone import find
from bot.core.resolve.phone import mask as phone
from bot.core.resolve.where import room
from bot.core.types import Entity

__all__ = ["name", "phone", "sentence", "telephones"]

_HIDDEN: Final = frozenset({"person_name", "phone", "plate", "ticket_no", "room"})
"""Entities that may tell who somebody is."""
_DIGITS: Final = re.compile(r"[0-9０-９]{3,}")
_HAN_DIGITS: Final = re.compile(r"[零〇一二两三四五六七八九幺]{3,}")


def name(full: str) -> str:
    """王*: the family name alone; of a Latin name the first word and an initial."""
    words = full.split()
    if len(words) > 1 and full.isascii():
        return f"{words[0]} {words[-1][0]}."
    return f"{full[:1]}{'*' * (len(full) - 1)}"


def telephones(text: str) -> str:
    """The text with every telephone in it as a list shows it: "我电话138****5678"."""
    for found in reversed(find(text)):
        text = text[: found.start] + phone(found.number) + text[found.end :]
    return text


def sentence(text: str, entities: Iterable[Entity] = ()) -> str:
    """The sentence with what may tell who wrote it taken out, still a sentence to learn from.

    Names become 某某, letters and figures of numbers become A and 0; so does every run of three figures or more, whether or not
    the model marked it: a room, a telephone, an amount.
    """
    spans = {(e.start, e.end, e.entity) for e in entities if e.entity in _HIDDEN}
    spans |= {(m.start, m.end, "room") for m in room.mentions(text) if m.room}
    out = list(text)
    for start, end, kind in spans:
        if kind == "person_name":
            out[start:end] = ["某某" if start == at else "" for at in range(start, end)]
        else:
            out[start:end] = [_blank(character) for character in text[start:end]]
    masked = _DIGITS.sub(lambda match: "0" * len(match[0]), "".join(out))
    return _HAN_DIGITS.sub(lambda match: "〇" * len(match[0]), masked)


def _blank(character: str) -> str:
    if character.isdigit():
        return "0"
    if character in "零〇一二两三四五六七八九幺":
        return "〇"
    return "A" if character.isascii() and character.isalpha() and character.isupper() else character
