"""docs/adding-a-flow.md teaches by what is there: every excerpt stands in its file so, and every file it names exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.core.flows import BY_INTENT, FLOWS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "adding-a-flow.md").read_text(encoding="utf-8")
LEFT_OUT = "…"
#: The file on a line of its own, then what stands in it.
EXCERPT = re.compile(r"^`([^`\n]+)`\n```\w+\n(.*?)^```$", re.M | re.S)
EXCERPTS = EXCERPT.findall(TEXT)


def passages(excerpt: str) -> list[str]:
    """The excerpt between what was left out: each stands in the file line for line."""
    parts = re.split(rf"^{LEFT_OUT}\n", excerpt, flags=re.M)
    return [part for part in parts if part.strip()]


def stands(passage: str, source: str, after: int = 0) -> int:
    """Where these whole lines end in the source, from `after` on; -1 where they do not stand there."""
    at = f"\n{source}".find(f"\n{passage}", after)
    return at + len(passage) if at >= 0 else -1


def test_every_block_of_code_says_which_file_it_is_of() -> None:
    assert len(EXCERPTS) == TEXT.count("```") // 2 >= 10


@pytest.mark.parametrize(("path", "excerpt"), EXCERPTS, ids=[f"{n} {path}" for n, (path, _) in enumerate(EXCERPTS, 1)])
def test_the_excerpt_stands_in_its_file_in_this_order(path: str, excerpt: str) -> None:
    source, after = (ROOT / path).read_text(encoding="utf-8"), 0
    for passage in passages(excerpt):
        found = stands(passage, source, after)
        assert found >= 0, f"{path} does not hold, or not after what is shown before it:\n{passage}"
        after = found


def test_an_excerpt_that_differs_is_noticed() -> None:
    source = "one\ntwo\nthree\n"
    assert stands("two\n", source) > 0 and stands("one\nthree\n", source) == -1
    assert stands("wo\n", source) == -1, "whole lines alone"
    assert stands("one\n", source, stands("two\n", source)) == -1, "in the order of the file"


def test_every_file_it_names_is_there() -> None:
    named = set(re.findall(r"`((?:[\w.-]+/)*[\w.-]+\.(?:py|yml|md))`", TEXT))
    assert len(named) > 12
    assert {path for path in named if not (ROOT / path).exists()} == set()


def test_its_example_is_a_flow_that_is_there() -> None:
    assert "service_request" in FLOWS and BY_INTENT["service_request"] is FLOWS["service_request"]
