"""Questions as residents write them, against the entry of data/faq.yml that a fair colleague would answer with, or none
(tests/annotated/faq.jsonl).

`by: other` are sentences of data/nlu, written by others before there was any entry; a third of them (even) was looked at, two
thirds (odd) were only counted. `by: entries` are of the hand that wrote the entries, all even, and flatter the figures.
"""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.core import faq, policy
from bot.faq import FaqIndex

pytestmark = pytest.mark.xdist_group("faq")  # the questions are asked once, a minute's work

ROOT = Path(__file__).parents[2]
FAQ = faq.load(yaml.safe_load((ROOT / "data" / "faq.yml").read_text(encoding="utf-8")))
POLICY = policy.load(yaml.safe_load((ROOT / "data" / "policy.yml").read_text(encoding="utf-8")))


def lines() -> list[dict[str, Any]]:
    return [json.loads(line) for line in (ROOT / "tests" / "annotated" / "faq.jsonl").read_text(encoding="utf-8").splitlines()]


@cache
def _shares() -> dict[str, float]:
    index = FaqIndex(FAQ, POLICY.faq_sure)
    counts: Counter[tuple[str, str]] = Counter()
    for line in lines():
        hit = index.nearest(line["text"], line["lang"])
        answered = hit is not None and hit.score >= POLICY.faq_sure
        right = hit is not None and hit.entry.id in (line["entry"], *line.get("also", ()))
        half = "own" if line["by"] == "entries" else "unseen" if int(line["id"][-1]) % 2 else "seen"
        for group in (f"{line['lang']} {half}", half):
            if line["entry"] is None:
                counts[group, "none"] += 1
                counts[group, "refused"] += not answered
            else:
                counts[group, "asked"] += 1
                counts[group, "first"] += right
                counts[group, "right"] += right and answered
                counts[group, "wrong"] += answered and not right
    figures = {}
    for group in sorted({group for group, _ in counts}):
        for what in ("first", "right", "wrong"):
            figures[f"{what} {group}"] = round(counts[group, what] / counts[group, "asked"], 4)
        figures[f"refused {group}"] = round(counts[group, "refused"] / counts[group, "none"], 4)
    return figures


def measured() -> dict[str, float]:
    """Of questions an entry answers: the entry stands first, is given, another is given. Of the others: none is given."""
    return dict(_shares())


def test_there_are_questions_enough() -> None:
    counts = Counter((line["lang"], line["entry"] is None) for line in lines() if line["by"] == "other")
    assert counts["zh", False] + counts["en", False] >= 300
    assert counts["zh", True] + counts["en", True] >= 120


def test_no_question_is_copied_from_the_entries() -> None:
    asked = {q.casefold() for entry in FAQ.entries for wording in entry.wordings.values() for q in wording.questions}
    asked |= {q.casefold() for questions in FAQ.unanswered.values() for q in questions}
    assert not [line["id"] for line in lines() if line["text"].casefold().strip(" ?？") in asked]


def test_every_entry_meant_is_there() -> None:
    known = {entry.id for entry in FAQ.entries}
    assert {name for line in lines() for name in (line["entry"], *line.get("also", ())) if name} <= known


@pytest.mark.parametrize(
    ("figure", "least"),
    [
        ("first zh unseen", 0.83), ("first en unseen", 0.80), ("right zh unseen", 0.69), ("right en unseen", 0.60),
        ("refused zh unseen", 0.77), ("refused en unseen", 0.81), ("right seen", 0.80), ("refused seen", 0.74),
    ],
)  # fmt: skip
def test_the_entry_is_found_as_well_as_it_was(figure: str, least: float) -> None:
    assert measured()[figure] >= least, measured()


@pytest.mark.parametrize("group", ["zh unseen", "en unseen", "seen", "own"])
def test_a_wrong_answer_stays_rare(group: str) -> None:
    assert measured()[f"wrong {group}"] <= 0.07, measured()
