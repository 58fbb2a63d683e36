"""How the encoder cuts a message, and whether the weights in the repository are those of the present intents."""

from __future__ import annotations

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st

from nlu.components.subwords import UNKNOWN, Subwords
from nlu.components.unseen import unseen
from tests.nlu.conftest import ROOT

ENCODER = ROOT / "nlu" / "encoder"
LISTED = ["<s>", "<pad>", "</s>", "<unk>", "▁", "▁the", "▁tap", "▁t", "ap", "漏", "水", "漏水", "厨房", "3", "号"]
SCORES = [0.0, 0.0, 0.0, 0.0, -2.0, -3.0, -6.0, -5.0, -5.0, -8.0, -7.0, -9.0, -9.0, -4.0, -6.0]


def cut(text: str) -> list[str]:
    """The pieces as they are listed."""
    return [LISTED[piece.number] for piece in Subwords(LISTED, SCORES).read(text)]


def test_a_word_is_cut_into_its_likeliest_pieces() -> None:
    assert cut("the tap") == ["▁the", "▁tap"]
    assert cut("厨房漏水") == ["▁", "厨房", "漏水"]


def test_a_character_no_piece_holds_is_unknown_and_keeps_its_place() -> None:
    pieces = Subwords(LISTED, SCORES).read("漏é水 3号")
    assert [piece.number == UNKNOWN for piece in pieces] == [False, False, True, False, False, False, False]
    assert [(piece.start, piece.end) for piece in pieces] == [(0, 0), (0, 1), (1, 2), (2, 3), (4, 4), (4, 5), (5, 6)]


@given(st.text(alphabet="thetap漏水厨房3号é \n\u3000", max_size=900))
def test_pieces_stand_in_order_and_leave_out_nothing_but_blanks(text: str) -> None:
    end, held = 0, []
    for piece in Subwords(LISTED, SCORES).read(text):
        assert end <= piece.start <= piece.end
        end = piece.end
        held.append(text[piece.start : piece.end])
    assert "".join(held) == "".join(text.split())


def test_the_encoder_knows_every_intent_of_the_desk() -> None:
    # A new sentence needs no new tuning; a new intent does: nlu/encoder/README.md.
    names = json.loads((ENCODER / "names.json").read_text(encoding="utf-8"))
    domain = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    assert set(names["intents"]) == set(domain["intents"])


def test_a_sentence_is_kept_from_the_encoder_or_not_for_good() -> None:
    texts = [f"{n}号楼漏水了" for n in range(5000)]
    kept = [unseen(text) for text in texts]
    assert kept == [unseen(text) for text in texts]
    assert 0.05 < sum(kept) / len(kept) < 0.07


def test_the_weights_stay_small_enough_to_live_in_the_repository() -> None:
    files = [ENCODER / name for name in ("layers.onnx", "names.json", "pieces.npz")]
    assert sum(path.stat().st_size for path in files) < 30_000_000
