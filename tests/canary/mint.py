"""Tokens: words, telephones, sums and names of photos that exist once in the world, so that seeing one tells whose it is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from random import Random
from typing import Literal, TypeAlias

#: name: of a person. phone: a resident's telephone. duty: a colleague's own telephone. room: in a label of the register.
#: words: said by a resident or typed by staff for one. inside: staff among themselves. reference: a platform's name of a photo.
Sort: TypeAlias = Literal["name", "phone", "duty", "room", "words", "inside", "reference", "photo", "number"]

_SHAPES = (
    re.compile(r"(?<![A-Za-z])[A-Z][a-z]{6}(?![a-z])"),
    re.compile(r"(?<![0-9])1[3-9][0-9]{9}(?![0-9])"),
    re.compile(r"(?<![0-9])[0-9]{5}\.[0-9]{2}(?![0-9])"),
    re.compile(r"[A-Z]{2}-[A-Z]{2}-[0-9]{8}-[0-9]{4}"),
    re.compile(r"(?<![0-9a-f])[0-9a-f]{64}(?![0-9a-f])"),
)


@dataclass(frozen=True, slots=True)
class Token:
    """Something that exists once. `aim` is the kind of ticket the words were said for; empty: for none."""

    text: str
    sort: Sort
    community: int
    aim: str = ""


@dataclass
class Mint:
    """Coins tokens and finds them again."""

    rng: Random
    known: dict[str, Token] = field(default_factory=dict)
    _hits: dict[str, frozenset[str]] = field(default_factory=dict)  # what has the shape of a token, of texts seen before

    def _new(self, text: str, sort: Sort, community: int, aim: str) -> str:
        self.known[text] = Token(text, sort, community, aim)
        return text

    def word(self, sort: Sort, community: int, aim: str = "") -> str:
        """A pronounceable word of seven letters: Zokumat."""
        while True:
            made = "".join(self.rng.choice("bdfgklmnprstvz" if at % 2 == 0 else "aeiou") for at in range(7)).capitalize()
            if made not in self.known:
                return self._new(made, sort, community, aim)

    def phone(self, community: int, sort: Sort = "phone") -> str:
        while True:
            made = f"1{self.rng.randint(3, 9)}{self.rng.randrange(10**9):09d}"
            if made not in self.known and not any(made[-4:] == other[-4:] for other in self.known):
                return self._new(made, sort, community, "")

    def sum(self, community: int, aim: str = "") -> str:
        """An amount of money: 48173.29."""
        while True:
            made = f"{self.rng.randint(10000, 99999)}.{self.rng.randint(10, 99)}"
            if made not in self.known:
                return self._new(made, "words", community, aim)

    def keep(self, text: str, sort: Sort, community: int) -> str:
        """A thing the product named by itself: a ticket's number, a photo."""
        if text not in self.known:
            self._new(text, sort, community, "")
        return text

    def found(self, *texts: str | None) -> frozenset[str]:
        """The tokens in these texts."""
        out: set[str] = set()
        for text in texts:
            if text:
                hits = self._hits.get(text)
                if hits is None:
                    hits = self._hits[text] = frozenset(hit for shape in _SHAPES for hit in shape.findall(text))
                out |= hits
        return frozenset(out & self.known.keys())

    def of(self, texts: Iterable[str], *sorts: Sort) -> frozenset[str]:
        return frozenset(text for text in texts if self.known[text].sort in sorts)
