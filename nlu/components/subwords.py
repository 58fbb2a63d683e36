"""The pieces of a message as the tuned encoder reads them: the likeliest cut of each word into pieces of a fixed list.

The list, and how likely each piece is, are those of the encoder's base model (a unigram model), as far as they are of use here. Blanks
part words; a word's first piece begins with ▁. Standard library only; the offsets are those of the message.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

_WORD = re.compile(r"\S+")
_BEGINS = "▁"
_LONGEST = 16
_STRANGE = -30.0
"""What a character costs that no piece holds: more than any piece."""
_UNREACHED = -1e9
_REMEMBERED = 20_000
_LONGEST_WORD = 400
"""A longer run without blanks is cut here: the search below grows with it."""
START, PADDING, END, UNKNOWN = 0, 1, 2, 3
"""The four pieces at the head of the list, which stand for no letters."""


class Piece(NamedTuple):
    """A piece's place in the list, and where it stands; the mark of a word's beginning alone stands nowhere (start == end)."""

    number: int
    start: int
    end: int


class Subwords:
    """Cuts texts into pieces."""

    def __init__(self, pieces: Sequence[str], scores: Sequence[float]) -> None:
        """`scores`: logarithms, one for each piece."""
        self._known = {
            piece: (number, float(score))
            for number, (piece, score) in enumerate(zip(pieces, scores, strict=True))
            if number > UNKNOWN
        }
        self._remembered: dict[str, tuple[Piece, ...]] = {}

    def read(self, text: str) -> list[Piece]:
        """The pieces of a text, in order."""
        found: list[Piece] = []
        for match in _WORD.finditer(text):
            for at in range(match.start(), match.end(), _LONGEST_WORD):
                word = text[at : min(at + _LONGEST_WORD, match.end())]
                found += [Piece(number, at + start, at + end) for number, start, end in self._word(word)]
        return found

    def _word(self, word: str) -> tuple[Piece, ...]:
        if (cut := self._remembered.get(word)) is None:
            cut = self._cut(_BEGINS + word)
            if len(self._remembered) < _REMEMBERED:
                self._remembered[word] = cut
        return cut

    def _cut(self, word: str) -> tuple[Piece, ...]:
        best = [0.0] + [_UNREACHED] * len(word)
        back: list[tuple[int, int]] = [(0, UNKNOWN)] * (len(word) + 1)
        for start in range(len(word)):
            for end in range(start + 1, min(len(word), start + _LONGEST) + 1):
                number, score = self._known.get(word[start:end], (UNKNOWN, _STRANGE))
                if number == UNKNOWN and end > start + 1:
                    continue
                if best[start] + score > best[end]:
                    best[end], back[end] = best[start] + score, (start, number)
        found: list[Piece] = []
        end = len(word)
        while end:
            start, number = back[end]
            found.append(Piece(number, max(0, start - 1), end - 1))  # without the mark in front
            end = start
        return tuple(reversed(found))
