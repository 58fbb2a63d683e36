"""Answers, telephones, plates, money, periods, kinds and names as residents write them, against what a perfect clerk would take
from them (tests/annotated)."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.core.resolve import answer, contact, kinds, money, name, period, plate

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "tests" / "annotated"
KINDS = kinds.load(yaml.safe_load((ROOT / "data" / "kinds.yml").read_text(encoding="utf-8")))
TARGETS = {
    "yes_no": 0.95, "phone": 0.93, "plate": 0.93, "money": 0.93, "period": 0.93, "fee_kind": 0.93, "permit_kind": 0.93, "name": 0.93,
}  # fmt: skip


def _money(text: str, context: Mapping[str, str]) -> str | None:
    said = money.amount(text)
    return None if said is None else str(said)


def _period(text: str, context: Mapping[str, str]) -> list[str] | None:
    said = period.period(text, date.fromisoformat(context["today"]))
    return None if said is None else [day.isoformat() for day in said]


READERS: Mapping[str, Callable[[str, Mapping[str, str]], Any]] = {
    "yes_no": lambda text, context: answer.yes_no(text),
    "phone": lambda text, context: contact.given(text, context.get("current")),
    "plate": lambda text, context: plate.plate(text),
    "money": _money,
    "period": _period,
    "fee_kind": lambda text, context: KINDS.fee(text),
    "permit_kind": lambda text, context: KINDS.permit(text),
    "name": lambda text, context: name.name(text),
}


def lines() -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for language in ("zh", "en")
        for line in (FOLDER / f"values.{language}.jsonl").read_text(encoding="utf-8").splitlines()
    ]


@cache
def _shares() -> dict[str, float]:
    verdicts: dict[str, list[bool]] = defaultdict(list)
    for line in lines():
        right = READERS[line["kind"]](line["text"], line["context"]) == line["value"]
        half = "seen" if int(line["id"][-1]) % 2 == 0 else "unseen"
        for group in (f"{line['lang']} {half}", half, "all"):
            verdicts[f"{line['kind']} {group}"].append(right)
    return {group: round(sum(hits) / len(hits), 4) for group, hits in sorted(verdicts.items())}


def measured() -> dict[str, float]:
    """The share of values read as the clerk reads them, by kind, language and half."""
    return dict(_shares())


@pytest.mark.parametrize("kind", TARGETS)
def test_a_value_is_read_as_a_perfect_clerk_reads_it(kind: str) -> None:
    shares = measured()
    assert min(shares[f"{kind} unseen"], shares[f"{kind} all"]) >= TARGETS[kind], shares
