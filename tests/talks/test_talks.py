"""Every golden conversation, replayed: inbox, turn, tickets, notices and answers must be as recorded."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bot import office, talks
from bot.core.domain import Script
from bot.core.resolve import language
from bot.core.types import Language
from bot.settings import ROOT, Settings

TALKS = sorted(Path(__file__).parent.glob("*.yml"))


@pytest.fixture(scope="session")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("var")


@pytest.fixture(scope="session")
def script() -> Script:
    return office.open_office(ROOT)


def spoken(talk: talks.Talk) -> Language:
    """The language most of the talk is in: as it says itself, or as its words tell."""
    words = " ".join(str(turn["in"].get("text", "")) for turn in talk.turns)
    return talk.language or language.detect(words, "zh")


def test_there_are_talks_to_replay() -> None:
    said = Counter(spoken(talks.read(path)) for path in TALKS)
    assert said["zh"] >= 25, said
    assert said["en"] >= 7, said


@pytest.mark.parametrize("path", TALKS, ids=lambda p: p.stem)
async def test_the_talk_goes_as_recorded(path: Path, var: Path, script: Script, pytestconfig: pytest.Config) -> None:
    talk = talks.read(path)
    replay = talks.ReplayNlu(talk)
    turns = []
    for recorded, now in zip(talk.turns, await talks.hold(talk, Settings(var=var), replay, script), strict=True):
        heard = {"nlu": recorded["nlu"]} if "nlu" in recorded else {}
        turns.append({"in": now["in"], **heard, **{key: now[key] for key in now if key not in ("in", "nlu")}})
    if pytestconfig.getoption("--update"):
        talks.write(path, replace(talk, turns=tuple(turns)))
        return
    for number, (recorded, now) in enumerate(zip(talk.turns, turns, strict=True), 1):
        assert now == recorded, f"turn {number} of {path.name}"
    assert not replay.missing, f"{path.name} was said otherwise, or is cut otherwise: bot talks record {path}"
