"""Rooms and places as residents write them, against what a perfect clerk would take from them (tests/annotated)."""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from bot.core.resolve.where import address, place
from bot.core.resolve.where.room import Parts
from tests.core import estate

FOLDER = Path(__file__).parents[1] / "annotated"
OUTCOMES = {
    address.Found: "resolved", address.Ambiguous: "ambiguous", address.Unverified: "unverified", address.Partial: "part",
}  # fmt: skip
#: What is taken from a line: the outcome with the room or its parts, others' rooms, home or common part, the spot.
TARGETS = {"address": 0.97, "others": 0.93, "area": 0.93, "spot": 0.93}


def lines() -> list[dict[str, Any]]:
    return [
        json.loads(line)
        for language in ("zh", "en")
        for line in (FOLDER / f"rooms.{language}.jsonl").read_text(encoding="utf-8").splitlines()
    ]


def _named(other: Parts) -> str:
    """A neighbour's code when it is complete, else the bare number; towers have letters and no units."""
    complete = other.building and (other.unit or other.building.isalpha())
    return estate.code(other) if complete else str(other.room)


def taken(line: dict[str, Any]) -> dict[str, Any]:
    """What the desk takes from a line, in the line's own fields."""
    look = estate.lookup(line["estate"])
    home = [estate.by_code(line["estate"])[line["home"]]] if line["home"] else []
    known = address.resolve(line["before"], home=home, lookup=look) if line["before"] else None
    before = known.said if known else None
    answer = address.resolve(line["text"], home=home, before=before, lookup=look) or known
    said = answer.said if answer else Parts()
    public = place.is_public(line["text"])
    return {
        "outcome": OUTCOMES[type(answer)] if answer else "none",
        "room": estate.code(answer.room) if isinstance(answer, address.Found) else None,
        "building": said.building, "unit": said.unit, "number": said.room,
        "others": [_named(other) for other in address.neighbours(line["text"], home=home, before=before)],
        "area": None if public is None else "public" if public else "home",
        "spot": place.place(line["text"]),
    }  # fmt: skip


def right(line: dict[str, Any], got: dict[str, Any], what: str) -> bool:
    if what == "others":
        return sorted(got["others"]) == sorted(line["others"])
    if what != "address":
        return bool(got[what] == line[what])
    wanted = {"resolved": ("room",), "unverified": ("building", "unit", "number"), "part": ("building", "unit", "number")}
    fields = ("outcome", *wanted.get(line["outcome"], ()))
    return all(got[field] == line[field] for field in fields)


@cache
def _scores() -> dict[str, float]:
    verdicts: dict[str, list[bool]] = defaultdict(list)
    for line in lines():
        got = taken(line)
        half = "seen" if int(line["id"][-1]) % 2 == 0 else "unseen"
        for what in TARGETS:
            for group in (f"{line['lang']} {half}", half, "all"):
                verdicts[f"{what} {group}"].append(right(line, got, what))
    return {group: round(sum(hits) / len(hits), 4) for group, hits in sorted(verdicts.items())}


def measured() -> dict[str, float]:
    """The share of lines taken as the clerk takes them, by what is taken, language and half."""
    return dict(_scores())


@pytest.mark.parametrize("what", TARGETS)
def test_what_a_perfect_clerk_would_take_is_taken(what: str) -> None:
    scores = measured()
    assert min(scores[f"{what} unseen"], scores[f"{what} all"]) >= TARGETS[what], scores
