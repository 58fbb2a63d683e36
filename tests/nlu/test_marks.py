"""How the chain's marks and the encoder's are joined."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nlu.components.marks import Mark, Reading, joined, spans
from nlu.components.subwords import Piece
from tests.nlu.conftest import ROOT

NAMES = ["O", "B-item", "I-item", "B-fault", "I-fault", "B-room", "I-room"]


class Sign(tuple[str, int, int]):
    """A sign of a message, as `surroundings` gives it (which needs the language model's environment)."""

    text = property(lambda self: self[0])
    start = property(lambda self: self[1])
    end = property(lambda self: self[2])


def signs(text: str) -> list[Sign]:
    """One sign a character."""
    return [Sign((character, at, at + 1)) for at, character in enumerate(text)]


def reading(*pieces: tuple[int, int, dict[str, float]]) -> Reading:
    """What the encoder says: (start, end, likelihood of tags) for each piece; what is left over is for no mark."""
    tags = [[said.get(name, 0.0) if name != "O" else 1 - sum(said.values()) for name in NAMES] for _, _, said in pieces]
    placed = [Piece(9, start, end) for start, end, _ in pieces]
    return Reading({}, placed, np.array(tags).reshape(-1, len(NAMES)), NAMES)


def marks(text: str, said: list[str], read: Reading) -> list[tuple[str, str]]:
    """The joined marks: (type, substring)."""
    return [(mark.kind, text[mark.first : mark.last + 1]) for mark in joined(signs(text), said, read)]  # type: ignore[arg-type]


def test_the_encoder_marks_what_the_chain_passed_over() -> None:
    read = reading((0, 2, {"B-item": 0.9}), (2, 3, {"B-fault": 0.85}), (3, 4, {"I-fault": 0.8}))
    assert marks("龙头滋水", ["O", "O", "O", "O"], read) == [("item", "龙头"), ("fault", "滋水")]


def test_a_doubt_of_the_encoder_alone_marks_nothing() -> None:
    assert marks("龙头", ["O", "O"], reading((0, 2, {"B-item": 0.25}))) == []


def test_the_chain_carries_a_mark_the_encoder_half_sees() -> None:
    read = reading((0, 2, {"B-item": 0.25}))
    assert marks("龙头", ["B-item", "L-item"], read) == [("item", "龙头")]
    # … and loses it where the encoder is sure of the contrary.
    assert marks("龙头", ["B-item", "L-item"], reading((0, 2, {"B-item": 0.001}))) == []


def test_what_is_told_by_its_form_the_chain_decides_alone() -> None:
    read = reading((0, 3, {"B-item": 0.9}))
    assert marks("703", ["B-room", "I-room", "L-room"], read) == [("room", "703")]
    assert marks("703", ["O", "O", "O"], reading((0, 3, {"B-room": 0.99}))) == []


def test_edges_are_the_chains_where_both_agree_and_the_encoders_where_it_is_alone() -> None:
    read = reading((0, 1, {"B-item": 0.95}), (1, 2, {"B-item": 0.02, "I-item": 0.93}))
    assert marks("门窗", ["U-item", "U-item"], read) == [("item", "门"), ("item", "窗")]
    assert marks("门窗", ["O", "O"], read) == [("item", "门窗")]
    apart = reading((0, 1, {"B-item": 0.95}), (1, 2, {"B-item": 0.93, "I-item": 0.02}))
    assert marks("门窗", ["O", "O"], apart) == [("item", "门"), ("item", "窗")]


def test_signs_the_encoder_did_not_read_are_the_chains() -> None:
    # The middle of a very long message.
    assert marks("龙头滴", ["B-item", "L-item", "O"], reading()) == [("item", "龙头")]


def test_a_type_the_encoder_was_not_tuned_on_is_the_chains() -> None:
    assert marks("粤B", ["B-plate", "L-plate"], reading((0, 2, {}))) == [("plate", "粤B")]


def test_what_the_encoders_pieces_leave_over_is_no_mark() -> None:
    # One piece holds the preposition and the place; the chain has cut them apart.
    read = Reading({}, [Piece(9, 0, 3)], np.array([[0.05, 0.95, 0, 0, 0, 0, 0]]), NAMES)
    assert marks("在大堂", ["O", "B-item", "L-item"], read) == [("item", "大堂")]
    assert marks("6-2", ["O", "O", "O"], reading((1, 2, {"B-item": 0.9}))) == []


def test_a_mark_is_as_sure_as_its_least_sure_sign() -> None:
    read = reading((0, 1, {"B-item": 0.95}), (1, 2, {"I-item": 0.8}))
    (mark,) = joined(signs("龙头"), ["O", "O"], read)  # type: ignore[arg-type]
    (alone,) = joined(signs("龙"), ["O"], reading((0, 1, {"B-item": 0.95})))  # type: ignore[arg-type]
    assert isinstance(mark, Mark)
    assert 0.5 < mark.sure < alone.sure < 1


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("B-item L-item O U-fault", [("item", 0, 1), ("fault", 3, 3)]),
        ("B-item B-item L-item", [("item", 0, 0), ("item", 1, 2)]),
        ("O I-item L-item", [("item", 1, 2)]),
        ("B-item L-fault", [("item", 0, 0), ("fault", 1, 1)]),
    ],
)
def test_tags_give_marks_even_where_they_are_broken(said: str, found: list[tuple[str, int, int]]) -> None:
    assert spans(said.split()) == found


def test_the_encoders_tags_are_types_of_the_domain() -> None:
    names = json.loads((ROOT / "nlu" / "encoder" / "names.json").read_text(encoding="utf-8"))
    types = {tag[2:] for tag in names["tags"] if tag != "O"}
    assert types and all(f"\n  - {kind}" in (ROOT / "domain.yml").read_text(encoding="utf-8") for kind in types)
