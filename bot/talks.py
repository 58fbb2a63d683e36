"""Golden conversations: what was said, how the language model read it, and everything the desk did about it.

A talk is recorded from a real conversation (`bot chat --record FILE`) and replayed with the readings it holds, so that it
needs no language model and changes only when the desk does. Every turn of a replay goes through the database, so the
state is written and read again at each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from bot.core.resolve.invitecode import ALPHABET
from bot.core.types import Entity, Language, Parsed, Ranked
from bot.nlu import NluUnavailable
from bot.understanding import Nlu


@dataclass(frozen=True, slots=True)
class Talk:
    """A recorded conversation. `speaks_as` is the room or the name of the speaker; None is a stranger."""

    story: str
    speaks_as: str | None
    at: datetime
    language: Language | None
    turns: tuple[dict[str, Any], ...]


class RecordingNlu:
    """Passes on to a language model and keeps what it said."""

    def __init__(self, nlu: Nlu) -> None:
        self._nlu = nlu
        self._heard: dict[str, Parsed] = {}

    async def parse(self, text: str, language: str) -> Parsed:
        parsed = await self._nlu.parse(text, language)
        self._heard[text] = parsed
        return parsed

    def taken(self) -> dict[str, Parsed]:
        """What was parsed since the last call."""
        heard, self._heard = self._heard, {}
        return heard


class ReplayNlu:
    """Reads each text as the talk says it was read; a text the talk does not hold is not understood."""

    def __init__(self, talk: Talk) -> None:
        self._heard = {text: _parsed(text, read) for turn in talk.turns for text, read in turn.get("nlu", {}).items()}

    async def parse(self, text: str, language: str) -> Parsed:
        try:
            return self._heard[text]
        except KeyError:
            raise NluUnavailable("the talk holds no reading of this text; record it again") from None


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


def write(path: Path, talk: Talk) -> None:
    """Write a talk so that a person can read and correct it."""
    data = {
        "story": talk.story,
        "as": talk.speaks_as,
        "at": talk.at.isoformat(),
        "language": talk.language,
        "turns": list(talk.turns),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(data, allow_unicode=True, sort_keys=False, width=118), encoding="utf-8")


def read(path: Path) -> Talk:
    """Read a talk. Raises KeyError or ValueError when the file is not one."""
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Talk(
        data["story"], data["as"], datetime.fromisoformat(data["at"]), data["language"], tuple(data["turns"])
    )


def _read(parsed: Parsed) -> dict[str, Any]:
    return {
        "intent": parsed.intent,
        "confidence": round(parsed.confidence, 4),
        "ranking": [[r.intent, round(r.confidence, 4)] for r in parsed.ranking[:3]],
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
