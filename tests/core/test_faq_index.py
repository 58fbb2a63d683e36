"""Finding the entry a resident means: what must hold whatever the file says. Likeness of meaning is played by a stand-in that
knows shared characters only; how well the real one finds is measured in test_annotated_faq.py."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.faq import Entry, Faq, Wording, load
from bot.faq import FaqIndex


def encode(texts: list[str]) -> Any:
    """Vectors of length 1 from the characters of a text: texts with the same characters are alike."""
    vectors = np.zeros((len(texts), 512), dtype=np.float32)
    for row, text in enumerate(texts):
        for sign in text:
            vectors[row, ord(sign) % 512] += 1
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)


def entry(name: str, zh: list[str], en: list[str]) -> dict[str, Any]:
    return {
        "id": name,
        "as_of": date(2026, 11, 20),
        "zh": {"questions": zh, "answer": "请看公告栏。"},
        "en": {"questions": en, "answer": "See the notice board."},
    }


def index(sure: float = 0.1, **more: Any) -> FaqIndex:
    raw = {
        "version": 1,
        "entries": [
            entry("gym", ["健身房几点开", "健身房收费吗", "健身房在哪"], ["when is the gym open", "is the gym free", "where is the gym"]),
            entry("parcels", ["快递放哪里", "快递柜在哪", "快递谁收"], ["where are the parcels", "parcel lockers", "who takes in a parcel"]),
            entry("dogs", ["可以养狗吗", "遛狗牵绳吗", "养狗规定"], ["are dogs allowed", "dog leash", "rules for dogs"]),
        ],
        **more,
    }
    return FaqIndex(load(raw), sure, encode)


@pytest.mark.parametrize(
    ("text", "language", "name"),
    [
        ("健身房在哪里", "zh", "gym"), ("健身房晚上几点开门", "zh", "gym"), ("快递柜", "zh", "parcels"), ("養狗有規定嗎", "zh", "dogs"),
        ("Where's the GYM?", "en", "gym"), ("who takes in parcels", "en", "parcels"), ("ARE DOGS ALLOWED", "en", "dogs"),
    ],
)  # fmt: skip
def test_what_stands_out_is_found(text: str, language: Any, name: str) -> None:
    hit = index().best(text, language)
    assert hit is not None and hit.entry.id == name


@pytest.mark.parametrize("text", ["", "  ", "？？？", "👍", "12月", "明天天气", "xyzzy"])
def test_what_does_not_stand_out_is_not_guessed(text: str) -> None:
    assert index(sure=0.3).best(text, "zh") is None


def test_below_the_threshold_there_is_no_hit() -> None:
    score = index().nearest("健身房几点开", "zh").score  # type: ignore[union-attr]
    assert index(sure=score).best("健身房几点开", "zh") is not None
    assert index(sure=score + 0.01).best("健身房几点开", "zh") is None


def test_the_offices_own_words_for_the_same_thing_are_one() -> None:
    plain, alike = (index(**more).nearest("包裹谁收", "zh") for more in ({}, {"alike": {"zh": [["快递", "包裹"]]}}))
    assert plain is not None and alike is not None
    assert alike.entry.id == "parcels"
    assert alike.score > plain.score


def test_a_word_is_not_cut_out_of_a_longer_english_one() -> None:
    with_row = index(alike={"en": [["parcel", "par"]]}).nearest("parking", "en")
    assert with_row == index().nearest("parking", "en")


def test_a_question_that_none_answers_takes_the_hit_away() -> None:
    asked = "健身房有瑜伽课吗"
    before, after = (index(**more).nearest(asked, "zh") for more in ({}, {"unanswered": {"zh": [asked]}}))
    assert before is not None and after is not None
    assert after.score < before.score
    assert index(unanswered={"zh": [asked]}).best("健身房在哪", "zh") is not None


def test_an_empty_file_answers_nothing() -> None:
    assert FaqIndex(Faq(), 0.1, encode).best("健身房在哪", "zh") is None


def test_a_single_entry_is_compared_with_nothing() -> None:
    wording = Wording(("几点开门", "几点关门", "几点上班"), "九点。")
    only = FaqIndex(Faq((Entry("hours", "", date(2026, 11, 20), False, {"zh": wording, "en": wording}),)), 0.1, encode)
    hit = only.best("几点开门", "zh")
    assert hit is not None and hit.entry.id == "hours"


INDEX = index()


@given(st.text() | st.text("健身房快递狗养几点开在哪吗 gym parcel dog where is the ,。?'", max_size=400), st.sampled_from(["zh", "en"]))
def test_no_text_whatever_breaks_the_search(text: str, language: Any) -> None:
    hit = INDEX.nearest(text, language)
    assert hit is None or hit.score >= 0


@given(st.sampled_from(["健身房在哪", "where is the gym"]), st.integers(0, 3000))
def test_a_long_text_says_the_same_as_its_beginning(text: str, times: int) -> None:
    long = text * times
    assert INDEX.nearest(long, "zh") == INDEX.nearest(long[:300], "zh")
