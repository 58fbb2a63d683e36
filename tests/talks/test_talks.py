"""Every golden conversation, replayed: inbox, turn, tickets, notices and answers must be as recorded."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from bot import talks
from bot.core import tickets
from bot.core.domain import Script
from bot.core.flows import follow
from bot.core.resolve import language
from bot.core.types import Language
from bot.settings import Settings
from tests.texts import office_texts

TALKS = sorted(Path(__file__).parent.glob("*.yml"))


@pytest.fixture(scope="session")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("var")


@pytest.fixture(scope="session")
def script() -> Script:
    return office_texts()


def spoken(talk: talks.Talk) -> Language:
    """The language most of the talk is in: as it says itself, or as its words tell."""
    words = " ".join(str(turn["in"].get("text", "")) for turn in talk.turns)
    return talk.language or language.detect(words, "zh")


def test_there_are_talks_to_replay() -> None:
    said = Counter(spoken(talks.read(path)) for path in TALKS)
    assert said["zh"] >= 110, said
    assert said["en"] >= 40, said


#: Parts of domain.yml that no conversation speaks: the residents' page, what stands on buttons and menus alone (a talk holds
#: what a button sends), and what staff read on their pages and cards.
_ELSEWHERE = ("utter_page_", "utter_label_", "utter_staff_", "utter_act_")
#: These stand within other texts.
_WITHIN = ("utter_part_", "utter_status_", "utter_clock_")


def _unspoken_statuses() -> frozenset[str]:
    """Statuses of work that is the office's own: no resident is told of it."""
    of = {kind: frozenset(table) for kind, table in tickets.TRANSITIONS.items()}
    told = frozenset().union(*(of[kind] for kind in of if kind not in follow.HIDDEN))
    return frozenset(f"utter_status_{status}" for kind in follow.HIDDEN for status in of[kind] - told)


def _spoken(text: str) -> re.Pattern[str]:
    """The text with anything where a value stands."""
    return re.compile(".*?".join(re.escape(part) for part in re.split(r"\{\w+\}", text)), re.DOTALL)


def test_every_text_is_said_in_some_talk(script: Script) -> None:
    turns = [turn for path in TALKS for turn in talks.read(path).turns]
    said = {reply["text"] for turn in turns for reply in turn["replies"]}
    said |= {notice.split(": ", 1)[1] for turn in turns for notice in turn["notified"]}
    unsaid = [
        key
        for key, languages in script.responses.items()
        if not key.startswith(_ELSEWHERE)
        and key not in _unspoken_statuses()
        and not any(
            (spoken.search if key.startswith(_WITHIN) else spoken.fullmatch)(words)
            for variants in languages.values()
            for spoken in (_spoken(variant.text) for variant in variants)
            for words in said
        )
    ]
    assert not unsaid, "no talk in tests/talks comes to these texts of domain.yml: add one, or remove the text"


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
