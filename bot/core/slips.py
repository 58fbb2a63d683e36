"""Words as people write them in a hurry, read as they are meant: typos, characters that sound alike, dialect.

A message of danger is typed with one thumb. What is written here is looked for in data/triage.yml: it must never
guess beyond the words listed there, so a word that is spelt right is never changed into another one. What comes
out keeps, for each character, its place in the text as it was sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.core.resolve.hanzi import simple

SHORTEST_LOSS: Final = 5
"""Letters a word must have before one of them may be missing: "smok" is read, "fir" is a tree."""
_LATIN_WORD: Final = re.compile(r"[A-Za-z][A-Za-z']*")


@dataclass(frozen=True, slots=True)
class Written:
    """A text as it is read. `origin[i]` is the place of its character i in the text as sent; one more for the end."""

    text: str
    origin: tuple[int, ...]

    def sent(self, start: int, end: int) -> tuple[int, int]:
        """Where a span of the text read stands in the text as sent."""
        return self.origin[start], max(self.origin[end], self.origin[start])


@dataclass(frozen=True, slots=True)
class Spelling:
    """What stands for what: Chinese strings anywhere, Latin words whole and in small letters."""

    han: Mapping[str, str]
    latin: Mapping[str, str]
    _han_found: re.Pattern[str] | None

    def read(self, text: str) -> Written:
        """The text with half-width signs, simplified characters and the words that were meant."""
        plain = simple(text)
        out: list[str] = []
        origin: list[int] = []
        done = 0
        for start, end, meant in sorted(self._slips(plain)):
            if start < done:
                continue
            out += plain[done:start]
            origin += range(done, start)
            out += meant
            # What a word has more letters than were typed stands at the last letter typed.
            origin += (min(start + i, end - 1) for i in range(len(meant)))
            done = end
        out += plain[done:]
        origin += range(done, len(plain) + 1)
        return Written("".join(out), tuple(origin))

    def _slips(self, text: str) -> Iterator[tuple[int, int, str]]:
        if self._han_found is not None:
            for match in self._han_found.finditer(text):
                yield match.start(), match.end(), self.han[match[0]]
        for match in _LATIN_WORD.finditer(text):
            meant = self.latin.get(match[0].lower())
            if meant is not None:
                yield match.start(), match.end(), meant


def heard_alike(word: str, alike: Iterable[str]) -> Iterator[str]:
    """The word with one character put for another of the same sound.

    Args:
        word: two characters or more; one character alone would stand for too much.
        alike: groups of characters that sound alike.
    """
    for place, right in enumerate(word):
        for group in alike:
            if right in group:
                yield from (word[:place] + wrong + word[place + 1 :] for wrong in group if wrong != right)


def slipped(word: str) -> Iterator[str]:
    """The word with one slip of the finger behind its first letter: two letters swapped, one doubled, one lost."""
    for i in range(1, len(word)):
        yield word[:i] + word[i] + word[i:]
        if len(word) >= SHORTEST_LOSS:
            yield word[:i] + word[i + 1 :]
        if i + 1 < len(word):
            yield word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def spelling(
    as_meant: Mapping[str, Mapping[str, str]],
    words: Mapping[str, Sequence[str]],
    alike: Sequence[str],
    real_words: Iterable[str],
) -> Spelling:
    """How to read.

    Args:
        as_meant: language → what is written → what is meant, each taken as it stands.
        words: language → the words recognised through one slip (en) or one character of the same sound (zh).
        alike: groups of characters that sound alike.
        real_words: words of their own that look like a slip of another, and are left alone.
    """
    kept = {*real_words, *(word for listed in words.values() for word in listed)}
    han = {wrong: word for word in words["zh"] for wrong in heard_alike(word, alike) if wrong not in kept}
    latin = {wrong: word for word in words["en"] for wrong in slipped(word) if wrong not in kept}
    han |= as_meant["zh"]
    latin |= as_meant["en"]
    longest_first = sorted(han, key=len, reverse=True)
    found = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
    return Spelling(han, latin, found)
