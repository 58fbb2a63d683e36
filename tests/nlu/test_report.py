"""What the documents say of the language model is what its files say: agreement of the readers, counts, hashes, thresholds.

A figure in prose outlives the file it was read off. Each is reckoned again here; the message of a failed test names the way out.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.nlu_eval import FRONT_DESK, overlapping, read_gold
from nlu import report

ROOT = Path(__file__).resolve().parents[2]
TESTSET = ROOT / "nlu" / "testset"


def _rows(language: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (TESTSET / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()]


def _agreement(pairs: Sequence[tuple[str, str]]) -> float:
    return sum(a == b for a, b in pairs) / len(pairs)


def kappa(pairs: Sequence[tuple[str, str]]) -> float:
    """Cohen's κ: how far two readers agree beyond what their habits alone would make of it (Cohen 1960)."""
    first, second = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    by_chance = sum(first[label] * second[label] for label in first) / len(pairs) ** 2
    return (_agreement(pairs) - by_chance) / (1 - by_chance)


def test_kappa_of_a_known_table() -> None:
    # Two readers, fifty things, yes or no: 20 both yes, 15 both no, 5 and 10 apart. By hand: (0.7 - 0.5) / (1 - 0.5).
    table = [("yes", "yes")] * 20 + [("no", "no")] * 15 + [("yes", "no")] * 5 + [("no", "yes")] * 10
    assert kappa(table) == pytest.approx(0.4)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_readme_says_how_far_the_readers_agree(language: str) -> None:
    rows = _rows(language)
    said = re.search(rf"^\| {language} \| ([\d,]+) \| ([\d.]+) \| ([\d.]+) \| ([\d.]+) \|$", (TESTSET / "README.md").read_text(encoding="utf-8"), re.M)
    assert said, "nlu/testset/README.md has lost its table of agreement"
    own = [(row["intent"], row["second"]) for row in rows]
    ten = [(FRONT_DESK.get(a, a), FRONT_DESK.get(b, b)) for a, b in own]
    found = (f"{len(rows):,}", f"{_agreement(ten):.3f}", f"{kappa(ten):.3f}", f"{kappa(own):.3f}")
    assert said.groups() == found, "write what was found into nlu/testset/README.md"


def test_the_readme_says_how_far_the_markings_agree() -> None:
    found = []
    for language in ("zh", "en"):
        rows = [(row.entities or (), row.second or ()) for row in read_gold(TESTSET / f"{language}.jsonl")]
        shared = sum(overlapping(one, other) for one, other in rows)
        found.append(f"{2 * shared / sum(len(one) + len(other) for one, other in rows):.3f}")
    said = re.search(r"between the two markings is ([\d.]+) in Chinese and ([\d.]+) in English", (TESTSET / "README.md").read_text(encoding="utf-8"))
    assert said and list(said.groups()) == found, "write what was found into nlu/testset/README.md"


def _kept() -> dict[str, dict[str, Any]]:
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (ROOT / "nlu" / "report").glob("*.json")}


def test_the_report_is_the_one_its_figures_make() -> None:
    """So its hashes, its counts and its stars are of the files as they stand."""
    kept = {variant.name: figures for variant in report.VARIANTS if (figures := _kept().get(variant.name))}
    assert (ROOT / "nlu" / "REPORT.md").read_text(encoding="utf-8") == report.page(kept), "run nlu/report.py --page"


def test_no_figures_are_kept_of_a_variant_that_is_gone() -> None:
    assert set(_kept()) <= {variant.name for variant in report.VARIANTS}


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_dataset_card_counts_what_is_there(language: str) -> None:
    column = {"zh": 0, "en": 1}[language]
    card = (ROOT / "docs" / "dataset.md").read_text(encoding="utf-8")
    learnt, judged = (re.findall(r"[\d,]+", re.search(rf"^\| {row} \|(.*)$", card, re.M)[1])[column] for row in ("learnt from", "judged by"))  # type: ignore[index]
    assert (learnt, judged) == (f"{report.learnt_from(language):,}", f"{len(_rows(language)):,}"), "write what was counted into docs/dataset.md"


def _lowest(curve: Sequence[dict[str, float]], enough: Callable[[dict[str, float]], bool]) -> float:
    return min(row["confidence"] for row in curve if enough(row))


def test_the_thresholds_are_read_off_the_curve() -> None:
    """As REPORT.md says they are: `sure` where nearly all messages reach it and 95 in 100 of them are right, `confirm` where the next tenth is
    right one time in three."""
    curve = _kept()["desk"]["curve"]
    policy = yaml.safe_load((ROOT / "data" / "policy.yml").read_text(encoding="utf-8"))["understanding"]
    assert policy["sure"] == max(row["confidence"] for row in curve if row["share"] >= 0.97 and row["right"] >= 0.95)
    assert policy["confirm"] == _lowest(curve, lambda row: row["messages"] >= 10 and row["band"] >= 1 / 3)
