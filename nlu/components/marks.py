"""Two readers of marks joined: the linear chain's tags (`entities.py`) and the tuned encoder's (`encoder.py`).

The chain is seldom wrong where it speaks and passes over much; the encoder knows words no sentence of ours holds and is less exact at
the edges. For each sign the encoder's logarithms of likelihood are taken, and the chain adds a vote for what it says. What is told by
its form alone (`BY_FORM`) the chain decides by itself.

The numbers below were chosen on the sentences kept from the encoder (`unseen.py`), with a chain learnt without them too: ADR 0015 says
how.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from nlu.components.subwords import Piece

if TYPE_CHECKING:
    from nlu.components.surroundings import Sign

NOTHING = "O"
BY_FORM = frozenset({"building", "unit", "room", "phone", "plate", "ticket_no"})
"""Types the encoder has no say in: its pieces cut through figures."""
_VOTE = 1.5
"""What the chain's word for a type weighs."""
_SILENCE = 1.25
"""What its word that nothing is named here weighs."""
_NEW = 0.85
"""From this likelihood the encoder begins a new mark next to one of the same type."""
_LEAST = 1e-3
_DECIDED = 50.0


class Reading(NamedTuple):
    """What the encoder says of one message.

    `intents`: a score for each, the logarithm of a likelihood but for a constant. `tags`: a row for each of `pieces`, the likelihood of
    each of the encoder's tags. Of a very long message the pieces in the middle are missing.
    """

    intents: dict[str, float]
    pieces: list[Piece]
    tags: np.ndarray[Any, Any]
    names: list[str]
    """Of the columns of `tags`."""


class Mark(NamedTuple):
    """A type, the first and last sign it is said of, and how sure that is."""

    kind: str
    first: int
    last: int
    sure: float


def spans(said: Sequence[str]) -> list[tuple[str, int, int]]:
    """The marks that tags stand for: (type, first sign, last sign); a broken row of tags still gives marks."""
    found: list[tuple[str, int, int]] = []
    current = ""
    for i, tag in enumerate(said):
        place, _, kind = tag.partition("-")
        if tag == NOTHING:
            current = ""
        elif place in "BU" or kind != current:
            found.append((kind, i, i))
            current = kind
        else:
            found[-1] = (kind, found[-1][1], i)
        if place in "LU":
            current = ""
    return found


def joined(among: Sequence[Sign], said: Sequence[str], read: Reading) -> list[Mark]:
    """The marks of a message.

    Args:
        among: its signs.
        said: the chain's tag of each sign.
        read: what the encoder says of the message.
    """
    chain = spans(said)
    columns = _columns(tuple(read.names), tuple(sorted({kind for kind, _, _ in chain})))
    likely, begins = _of_signs(among, read, columns)
    place, nothing = columns.place, len(columns.kinds)

    scores = np.log(likely + _LEAST)
    scores[likely.sum(axis=1) == 0] = 0.0  # not read by the encoder: the chain's word alone
    scores[:, columns.by_form] = np.log(_LEAST)
    voted, edges = [nothing] * len(among), [False] * len(among)
    for kind, first, last in chain:
        scores[first : last + 1, place[kind]] += _DECIDED if kind in BY_FORM else _VOTE
        voted[first : last + 1] = [place[kind]] * (last + 1 - first)
        edges[first] = True
    scores[:, nothing] += _SILENCE * (np.array(voted) == nothing)

    best = scores.argmax(axis=1)
    named = np.flatnonzero(best != nothing)
    sure = dict(zip(named.tolist(), _sureness(scores[named], best[named]).tolist(), strict=True))
    anew = dict(zip(named.tolist(), (begins[named, best[named]] > _NEW * likely[named, best[named]]).tolist(), strict=True))
    found: list[Mark] = []
    agreed = set()
    for i in sure:
        at = int(best[i])
        kind, votes = columns.kinds[at], voted[i] == at
        if votes:
            agreed.add(i)
        if not (edges[i] if votes else anew[i]) and found and found[-1].last == i - 1 and found[-1].kind == kind:
            found[-1] = Mark(kind, found[-1].first, i, min(found[-1].sure, sure[i]))
        else:
            found.append(Mark(kind, i, i, sure[i]))
    return [mark for mark in found if agreed & _signs_of(mark) or not _crumb(mark, among, found, agreed)]


def _signs_of(mark: Mark) -> set[int]:
    return set(range(mark.first, mark.last + 1))


def _crumb(mark: Mark, among: Sequence[Sign], found: Sequence[Mark], agreed: set[int]) -> bool:
    """Whether a mark of the encoder alone is what its pieces leave over: a stroke, a particle, or the rest of a piece the chain has cut better."""
    if not any(among[i].text.isalnum() for i in _signs_of(mark)):
        return True
    if mark.first == mark.last and len(among[mark.first].text) == 1 and mark.kind != "item":
        return True  # 灯 and 水 are things; a single character that only the encoder calls a trouble or a place is mostly a particle
    return any(
        other.kind == mark.kind and agreed & _signs_of(other) and (other.last + 1 == mark.first or mark.last + 1 == other.first)
        for other in found
    )


class _Columns(NamedTuple):
    """Which type each column of scores stands for, and how the encoder's tags are added up to types."""

    kinds: list[str]
    place: dict[str, int]
    by_form: list[int]
    sums: np.ndarray[Any, Any]
    """A row a tag, a column a type and one for none: what is added to what."""
    begins: np.ndarray[Any, Any]
    """The same for the tags of a first piece alone, without the column for none."""


@functools.lru_cache(maxsize=256)
def _columns(names: tuple[str, ...], more: tuple[str, ...]) -> _Columns:
    """`more`: types the chain has named, which the encoder may not know."""
    kinds = sorted({tag[2:] for tag in names if tag != NOTHING} | set(more))
    place = {kind: at for at, kind in enumerate(kinds)}
    sums, begins = np.zeros((len(names), len(kinds) + 1)), np.zeros((len(names), len(kinds)))
    for row, tag in enumerate(names):
        sums[row, place.get(tag[2:], len(kinds))] = 1.0
        if tag[0] == "B":
            begins[row, place[tag[2:]]] = 1.0
    return _Columns(kinds, place, [place[kind] for kind in kinds if kind in BY_FORM], sums, begins)


def _of_signs(
    among: Sequence[Sign], read: Reading, columns: _Columns
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """For each sign the likelihood of each type, and of none in the last column; and that a mark of the type begins there."""
    if not read.pieces:
        return np.zeros((len(among), len(columns.kinds) + 1)), np.zeros((len(among), len(columns.kinds)))
    starts, ends = (np.array([sign[at] for sign in among])[:, np.newaxis] for at in (1, 2))
    first, last = (np.array([piece[at] for piece in read.pieces]) for at in (1, 2))
    over = (first < ends) & (starts < last) & (first < last)
    likely = over @ (read.tags @ columns.sums) / np.maximum(over.sum(axis=1, keepdims=True), 1)
    opening = over & (first >= starts)
    begins = (read.tags @ columns.begins)[opening.argmax(axis=1)] * opening.any(axis=1, keepdims=True)
    return likely, begins


def _sureness(scores: np.ndarray[Any, Any], best: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    share: np.ndarray[Any, Any] = odds[np.arange(len(best)), best] / odds.sum(axis=1)
    return share
