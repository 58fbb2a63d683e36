"""Golden conversations held with the real language model, from the words alone: what is understood today must lead to the same
questions, the same tickets and the same people told as when the talk was recorded. How sure the model was may differ.

A talk takes part when it says `live: true`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot import talks
from bot.core.domain import Script
from bot.nlu import RasaNlu
from bot.rasa_server import RasaHandle
from bot.settings import Settings
from tests.nlu.conftest import ROOT
from tests.texts import office_texts

LIVE = [path for path in sorted((ROOT / "tests" / "talks").glob("*.yml")) if talks.read(path).live]


@pytest.fixture(scope="session")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("var")


@pytest.fixture(scope="session")
def script() -> Script:
    return office_texts()


@pytest.fixture
async def nlu(rasa: RasaHandle) -> AsyncIterator[RasaNlu]:
    # Patient: what is understood is tested here, not how fast a busy machine is.
    client = RasaNlu(rasa.url, rasa.token, timeout=30.0)
    yield client
    await client.aclose()


def test_enough_talks_are_held_with_the_model() -> None:
    assert len(LIVE) >= 80


@pytest.mark.parametrize("path", LIVE, ids=lambda p: p.stem)
async def test_the_words_alone_lead_to_what_is_recorded(path: Path, nlu: RasaNlu, var: Path, script: Script) -> None:
    talk = talks.read(path)
    turns = await talks.hold(talk, Settings(var=var), nlu, script)
    for number, (recorded, now) in enumerate(zip(talk.turns, turns, strict=True), 1):
        came = {key: now[key] for key in ("replies", "tickets", "notified", "then")}
        assert came == {key: recorded[key] for key in came}, f"turn {number} of {path.name}, heard as {now.get('nlu')}"
