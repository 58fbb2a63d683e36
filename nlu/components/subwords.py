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
_ALONE = (1,)
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
        lengths: dict[str, set[int]] = {}
        for piece in self._known:
            lengths.setdefault(piece[0], {1}).add(len(piece))
        self._lengths = {first: tuple(sorted(found)) for first, found in lengths.items()}
        """How long pieces are that begin with a character, shortest first: only these are looked up."""
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
        for start, first in enumerate(word):
            so_far = best[start]
            for length in self._lengths.get(first, _ALONE):
                end = start + length
                if end > len(word):
                    break
                known = self._known.get(word[start:end])
                if known is None and length > 1:
                    continue
                number, score = known or (UNKNOWN, _STRANGE)
                if so_far + score > best[end]:
                    best[end], back[end] = so_far + score, (start, number)
        found: list[Piece] = []
        end = len(word)
        while end:
            start, number = back[end]
            found.append(Piece(number, max(0, start - 1), end - 1))  # without the mark in front
            end = start
        return tuple(reversed(found))
