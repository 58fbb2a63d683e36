"""Every golden conversation, replayed: inbox, turn, tickets, notices and answers must be as recorded."""

from __future__ import annotations

from pathlib import Path

import pytest

from bot import app as desk_app
from bot import talks
from bot.channels import Message
from bot.channels.console import ConsoleChannel, StaffBoard
from bot.session import Session
from bot.settings import Settings
from bot.terminal import NO_WAIT
from bot.workers import Pace

HERE = Path(__file__).parent
TALKS = sorted(HERE.glob("*.yml"))


@pytest.fixture(scope="session")
def var(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("var")


def test_there_are_talks_to_replay() -> None:
    assert len(TALKS) >= 12


@pytest.mark.parametrize("path", TALKS, ids=lambda p: p.stem)
async def test_the_talk_goes_as_recorded(
    path: Path, var: Path, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    talk = talks.read(path)
    shown: list[tuple[str, Message]] = []
    channels = (ConsoleChannel(lambda to, message: shown.append((to, message))), StaffBoard())
    settings = Settings(var=var, db=f"sqlite:///{tmp_path / 'desk.db'}")
    turns = []
    async with desk_app.open_app(
        settings, channels, at=talk.at, pace=Pace(burst=NO_WAIT), nlu=talks.ReplayNlu(talk)
    ) as app:
        session = Session(app, shown)
        session.begin(talk.speaks_as, talk.language)
        for recorded in talk.turns:
            answer = await session.line(recorded["in"])
            now = talks.turn(answer, {})
            if "nlu" in recorded:
                now = {"in": now.pop("in"), "nlu": recorded["nlu"], **now}
            turns.append(now)
    if pytestconfig.getoption("--update"):
        talks.write(path, talks.Talk(talk.story, talk.speaks_as, talk.at, talk.language, tuple(turns)))
        return
    for number, (recorded, now) in enumerate(zip(talk.turns, turns, strict=True), 1):
        assert now == recorded, f"turn {number} of {path.name}"
