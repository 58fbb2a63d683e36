"""A long text in parts that a platform takes, cut where a reader would pause.

Platforms differ in how much they take and in how they count it (bytes of UTF-8, UTF-16 code units), not in where a cut reads well.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

#: Where a text may be cut, best first: after a paragraph, a line, a sentence, a clause, a word.
_CUTS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n\s*\n",
        r"\n",
        r"[。！？!?…][”’」』）)\"']*|\.[\"')]*(?=\s)",
        r"[；;，,、：]|:(?=\s)",
        r"\s+",
    )
)
#: A cut this early would leave a scrap of a message.
_EARLIEST: Final = 0.5
#: What belongs to the character before it: joiners, variation selectors, marks, skin tones.
_CLINGS: Final = re.compile(r"[\u200d\ufe0e\ufe0f\u0300-\u036f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")


def utf8(text: str) -> int:
    """The length of a text in bytes of UTF-8."""
    return len(text.encode())


def split(text: str, longest: int, size: Callable[[str], int]) -> tuple[str, ...]:
    """The text in parts of at most `longest`, none empty, nothing lost but white space between parts and at both ends.

    Args:
        longest: what a part may hold, as `size` counts it: bytes, or the platform's own units. At least one character fits.
    """
    parts: list[str] = []
    rest = text.strip()
    while size(rest) > longest:
        end = _end(rest, _fitting(rest, longest, size))
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    if rest:
        parts.append(rest)
    return tuple(parts)


def pieces(text: str, most: int) -> tuple[str, ...]:
    """`split` for platforms that count bytes of UTF-8; `most` is at least 4."""
    return split(text, most, utf8)


def _fitting(text: str, longest: int, size: Callable[[str], int]) -> int:
    """How many characters from the start fit."""
    low, high = 1, min(len(text), longest)
    while low < high:
        middle = (low + high + 1) // 2
        if size(text[:middle]) <= longest:
            low = middle
        else:
            high = middle - 1
    return low


def _end(text: str, fitting: int) -> int:
    """The best place to cut within the first `fitting` characters."""
    for cut in _CUTS:
        # One more character is looked at: white space there is not sent, and a full stop before it ends a sentence.
        beyond = fitting + text[fitting].isspace()
        ends = [m.end() for m in cut.finditer(text, 0, fitting + 1) if m.end() <= beyond]
        if ends and ends[-1] >= fitting * _EARLIEST:
            return ends[-1]
    end = fitting
    while end > 1 and (_CLINGS.match(text[end]) or text[end - 1] == "\u200d"):
        end -= 1
    return end if end > 1 else fitting
