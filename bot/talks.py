"""Golden conversations: what was said, how the language model read it, and everything the desk did about it.

A talk is a file of what the resident says and what staff do. `bot talks record` holds it with the language model and writes
beside each line how it was read and what came of it; `bot chat --record FILE` writes down one that is held at the keyboard. It is
replayed with the readings it holds, so that it needs no language model and changes only when the desk does. Every turn goes
through the database, so the state is written and read again at each.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from bot import app as desk_app
from bot import office
from bot.channels import Message
from bot.channels.console import ConsoleChannel, StaffBoard
from bot.core.domain import Script
from bot.core.resolve.invitecode import ALPHABET
from bot.core.types import Entity, Language, Parsed, Ranked
from bot.core.yaml_text import plain
from bot.nlu import NluUnavailable
from bot.session import BadLine, Session
from bot.settings import Settings
from bot.terminal import NO_WAIT
from bot.understanding import Nlu
from bot.workers import Pace


@dataclass(frozen=True, slots=True)
class Talk:
    """A recorded conversation.

    Args:
        story: what it shows, in words.
        speaks_as: room or name of the speaker; None is a stranger.
        at: where the desk clock stands at first (aware).
        language: of the conversation, until the speaker's words tell.
        turns: each a line (`in`, as in `bot chat --json`), how it was read (`nlu`) and what came of it.
        live: it is also held with the language model in CI, from its lines alone.
        rasa: false where its story is that the language model does not answer.
    """

    story: str
    speaks_as: str | None
    at: datetime
    language: Language | None
    turns: tuple[dict[str, Any], ...]
    live: bool = False
    rasa: bool = True


class RecordingNlu:
    """Passes on to a language model and keeps what it said."""

    def __init__(self, nlu: Nlu) -> None:
        self._nlu = nlu
        self._heard: dict[str, Parsed] = {}

    async def parse(self, text: str, language: str) -> Parsed:
        parsed = await self._nlu.parse(text, language)
        self._heard[_timeless(text)] = parsed
        return parsed

    def taken(self) -> dict[str, Parsed]:
        """What was parsed since the last call."""
        heard, self._heard = self._heard, {}
        return heard


class ReplayNlu:
    """Reads each text as the talk says it was read. `missing`: what was asked that the talk holds no reading of."""

    def __init__(self, talk: Talk) -> None:
        self._rasa = talk.rasa
        self._heard = {text: _parsed(text, read) for turn in talk.turns for text, read in turn.get("nlu", {}).items()}
        self.missing: list[str] = []

    async def parse(self, text: str, language: str) -> Parsed:
        if not self._rasa:
            raise NluUnavailable("in this talk the language model does not answer")
        try:
            return replace(self._heard[_timeless(text)], text=text)
        except KeyError:
            self.missing.append(text)
            raise NluUnavailable("the talk holds no reading of this text; record it again") from None


async def hold(talk: Talk, settings: Settings, nlu: Nlu, script: Script) -> tuple[dict[str, Any], ...]:
    """Hold a conversation from its lines at a desk of its own, with a fresh demo estate; the turns as they went.

    Args:
        talk: whose lines are said. What it holds beside them is not looked at.
        settings: whose `var` keeps the demo estate between talks.
        nlu: reads what is said.
        script: the office's files, read once for many talks.

    Raises BadLine, with the number of the turn, when a line cannot be carried out.
    """
    shown: list[tuple[str, Message]] = []
    channels = (ConsoleChannel(lambda to, message: shown.append((to, message))), StaffBoard())
    recording = RecordingNlu(nlu if talk.rasa else desk_app.NoNlu())
    turns: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="talk-") as folder:
        own = settings.model_copy(update={"db": f"sqlite:///{folder}/desk.db"})
        async with desk_app.open_app(
            own, channels, at=talk.at, pace=Pace(burst=NO_WAIT), nlu=recording, script=script
        ) as app:
            session = Session(app, shown)
            session.begin(talk.speaks_as, talk.language)
            for number, said in enumerate(talk.turns, 1):
                try:
                    answer = await session.line(said["in"])
                except BadLine as bad:
                    raise BadLine(f"turn {number}: {bad}") from None
                turns.append(turn(answer, recording.taken()))
    return tuple(turns)


async def record(paths: Sequence[Path], settings: Settings, show: Callable[[str], None], progress: desk_app.Progress) -> None:
    """Hold each talk with the language model, write it back with what came of it, and show it for reading.

    Raises BadLine for the first talk that cannot be held; those before it are written. Raises RasaNotStarted.
    """
    script = office.open_office(settings.root)
    keeper = await desk_app.start_rasa(settings, progress, patience=30.0)
    if keeper is None:
        raise BadLine("A talk is recorded with the language model: unset DESK_RASA=false.")
    try:
        for path in paths:
            talk = read(path)
            try:
                talk = replace(talk, turns=await hold(talk, settings, keeper, script))
            except BadLine as bad:
                raise BadLine(f"{path}: {bad}") from None
            write(path, talk)
            show("\n".join(told(talk)))
    finally:
        await keeper.stop()


def told(talk: Talk) -> Iterator[str]:
    """A talk as a person reads it: who said what, how it was read, what was filed and who was told."""
    yield f"━━ {talk.story}"
    for number, turn in enumerate(talk.turns, 1):
        said = turn["in"]
        yield f"{number:>2} ▶ {said.get('text', said) if isinstance(said, Mapping) and len(said) == 1 else said}"
        for text, reading in turn.get("nlu", {}).items():
            yield f"     ({reading['intent']} {reading['confidence']:.2f}{'' if said.get('text') == text else f': {text}'})"
        for reply in turn.get("replies", ()):
            yield "   ◀ " + reply["text"].replace("\n", "\n     ") + "".join(f" [{b}]" for b in reply["buttons"])
        for ticket in turn.get("tickets", ()):
            yield "   # " + " ".join(str(value) for value in ticket.values())
        for notice in turn.get("notified", ()):
            yield "   ! " + notice.replace("\n", " ⏎ ")
        if "then" in turn:
            yield "   = " + " ".join(str(part) for part in turn["then"])


def turn(answer: Mapping[str, Any], heard: Mapping[str, Parsed]) -> dict[str, Any]:
    """One turn of a talk, from what `Session.line` told and what the model read."""
    return {
        "in": dict(answer["in"]),
        **({"nlu": {text: _read(parsed) for text, parsed in heard.items()}} if heard else {}),
        "replies": [
            {"text": _timeless(r["text"]), "buttons": [b["value"] for b in r["buttons"]]} for r in answer["replies"]
        ],
        "tickets": [
            {k: t[k] for k in ("number", "status", "priority", "category", "room", "location") if t[k]}
            for t in answer["tickets"]
        ],
        "notified": [f"{n['role']} {n['name']}: {n['text']}" for n in answer["notified"]],
        "then": [answer["flow"], answer["asking"], answer["mode"]],
    }


_CODE = re.compile(rf"\b[{ALPHABET}]{{5}}-[{ALPHABET}]{{5}}\b")
_LINK = re.compile(r"https?://\S+/(?:mine|login)/[\w-]+")


def _timeless(text: str) -> str:
    """The words without what is drawn anew each time: codes and links."""
    return _LINK.sub("{link}", _CODE.sub("{code}", text))


class _Flow(dict[str, Any]):
    """Written on one line: a reading is looked at as a whole, if at all."""


class _Dumper(yaml.SafeDumper):
    """Talks as a person reads and corrects them."""


_Dumper.add_representer(
    _Flow, lambda dumper, data: dumper.represent_mapping("tag:yaml.org,2002:map", data.items(), flow_style=True)
)


def write(path: Path, talk: Talk) -> None:
    """Write a talk so that a person can read and correct it."""
    data = {
        "story": talk.story,
        "as": talk.speaks_as,
        "at": talk.at.isoformat(),
        "language": talk.language,
        **({"live": True} if talk.live else {}),
        **({} if talk.rasa else {"rasa": False}),
        "turns": [
            {**turn, "nlu": {text: _Flow(reading) for text, reading in turn["nlu"].items()}} if "nlu" in turn else turn
            for turn in talk.turns
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.dump(data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=118), encoding="utf-8")


def read(path: Path) -> Talk:
    """Read a talk, recorded or not: a turn that is not may be the line alone, and a text alone is what the resident writes.

    Raises KeyError or ValueError when the file is not a talk.
    """
    data = plain(path.read_text(encoding="utf-8"))
    return Talk(
        data.get("story") or path.stem.replace("-", " "),
        data["as"],
        datetime.fromisoformat(data["at"]),
        data["language"],
        tuple(_line(said) for said in data["turns"]),
        bool(data.get("live", False)),
        bool(data.get("rasa", True)),
    )


def _line(said: Any) -> dict[str, Any]:
    if isinstance(said, str):
        return {"in": {"text": said}}
    return dict(said) if "in" in said else {"in": dict(said)}


def _read(parsed: Parsed) -> dict[str, Any]:
    """What a talk keeps of a reading: the three likeliest intents, and whatever was given to an emergency."""
    kept = [row for i, row in enumerate(parsed.ranking) if i < 3 or row.intent == "emergency"]
    return {
        "intent": parsed.intent,
        "confidence": round(parsed.confidence, 4),
        "ranking": [[r.intent, round(r.confidence, 4)] for r in kept],
        "entities": [[e.entity, e.value, e.start, e.end] for e in parsed.entities],
    }


def _parsed(text: str, read: Mapping[str, Any]) -> Parsed:
    return Parsed(
        text,
        read["intent"],
        float(read["confidence"]),
        tuple(Ranked(intent, confidence) for intent, confidence in read["ranking"]),
        tuple(Entity(*entity) for entity in read["entities"]),
        "talk",
    )
