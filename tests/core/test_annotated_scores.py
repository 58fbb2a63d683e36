"""Ratings as residents write them, against what a perfect clerk would take from them (tests/annotated), and what must hold of
any text whatever."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from bot.core.resolve.score import score

FOLDER = Path(__file__).parents[1] / "annotated"
TARGET = 0.95


def lines() -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for language in ("zh", "en")
        for line in (FOLDER / f"scores.{language}.jsonl").read_text(encoding="utf-8").splitlines()
    ]


@cache
def _shares() -> dict[str, float]:
    verdicts: dict[str, list[bool]] = defaultdict(list)
    for line in lines():
        half = "seen" if int(line["id"][-1]) % 2 == 0 else "unseen"
        for group in (f"{line['lang']} {half}", half, "all"):
            verdicts[group].append(score(line["text"]) == line["score"])
    return {group: round(sum(hits) / len(hits), 4) for group, hits in sorted(verdicts.items())}


def measured() -> dict[str, float]:
    """The share of ratings read as the clerk reads them, by language and half."""
    return dict(_shares())


def test_a_rating_is_read_as_a_perfect_clerk_reads_it() -> None:
    shares = measured()
    assert min(shares["unseen"], shares["all"]) >= TARGET, shares


@given(st.text() | st.text("一二三四五1234560.分星⭐不很满意差给打是,。? stars good bad not so", max_size=40))
@example("给" * 200 + "4")
@example("9" * 400)
def test_whatever_is_written_a_score_is_one_of_five_or_none(text: str) -> None:
    assert score(text) in (None, 1, 2, 3, 4, 5)


@given(st.integers(-5, 500), st.sampled_from(["{}", "{}分", "给{}", "{}星吧", "{} stars", "{}/5", "my score is {}", "评分:{}。"]))
def test_a_figure_is_its_score_or_none_out_of_range(figure: int, said: str) -> None:
    assert score(said.format(figure)) == (figure if 1 <= figure <= 5 else None)


@given(st.integers(1, 5), st.sampled_from(["本来想给5分,", "等了3天,", "师傅8点才来,", "花了50块,", "我住3栋,", "would have been 5 but "]))
def test_no_other_figure_beside_it_is_taken_for_the_score(figure: int, beside: str) -> None:
    assert score(f"{beside}{figure}分") == figure


@given(st.sampled_from([(5, "很满意"), (4, "满意"), (3, "一般"), (2, "不满意"), (1, "很不满意")]))
def test_the_words_of_the_scale_are_the_scale(word: tuple[int, str]) -> None:
    assert score(word[1]) == word[0]
    assert score(f"师傅{word[1]}") == word[0]
