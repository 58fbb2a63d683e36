"""Invite codes as people type or scan them: K7M2Q-9XRTD, "绑定码 k7m2q 9xrtd".

A code has ten characters of an alphabet without those that are mistaken for each other (0 O, 1 I L, U V), at least two of them
figures and two of them letters, so that neither a telephone nor a word is ever taken for one. Twenty-nine characters to the tenth power
are too many to try (the desk also counts the tries).
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

ALPHABET: Final = "23456789ABCDEFGHJKMNPQRSTWXYZ"
LENGTH: Final = 10
_CODE: Final = re.compile(rf"(?<![A-Z0-9-])([{ALPHABET}]{{5}})[-\s]?([{ALPHABET}]{{5}})(?![A-Z0-9-])")


def well_formed(code: str) -> bool:
    """Whether these ten characters may be a code: the maker draws again until they are."""
    figures = sum(character.isdigit() for character in code)
    return len(code) == LENGTH and set(code) <= set(ALPHABET) and 2 <= figures <= LENGTH - 2


def find(text: str) -> str | None:
    """The first code in the text, as ten bare characters; None when there is none."""
    folded = unicodedata.normalize("NFKC", text[:400]).upper()
    for match in _CODE.finditer(folded):
        code = match[1] + match[2]
        if well_formed(code):
            return code
    return None


def is_only(text: str) -> bool:
    """Whether the text is a code and little else ("绑定码K7M2Q-9XRTD")."""
    return find(text) is not None and len(text.strip()) <= 2 * LENGTH


def written(code: str) -> str:
    """As it is shown: two halves."""
    return f"{code[:5]}-{code[5:]}"
