"""State ⇄ JSON. A conversation may sleep for months: what an older version wrote must still be read.

`VERSION` grows with every change of shape; `_UPCASTERS[n]` turns version n into n + 1 and is never deleted. Samples of
every version ever written stand in tests/core/states/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from bot.core.types import Button, Entity, Frame, Heard, Matter, Media, OpenQuestion, Ranked, State, Triage

VERSION = 3
_UPCASTERS: Mapping[int, Callable[[dict[str, Any]], dict[str, Any]]] = {
    1: lambda raw: {**raw, "noticed": ""},  # before there was a privacy notice
    2: lambda raw: {**raw, "sorry": 0},  # before anger was answered with a word of regret
}


def state_to_json(state: State) -> dict[str, Any]:
    """The state as plain JSON values, with its version."""
    question = state.open_question
    return {
        "version": VERSION,
        "flow": state.flow,
        "asking": state.asking,
        "slots": dict(state.slots),
        "frames": [{"flow": f.flow, "asking": f.asking, "slots": dict(f.slots)} for f in state.frames],
        "agenda": [_matter_to_json(m) for m in state.agenda],
        "open_question": None
        if question is None
        else {
            "kind": question.kind,
            "ticket_id": question.ticket_id,
            "choices": [[b.label, b.value] for b in question.choices],
        },
        "misses": state.misses,
        "language": state.language,
        "mode": state.mode,
        "draft_expires": state.draft_expires.isoformat() if state.draft_expires else None,
        "survey": state.survey,
        "turns": state.turns,
        "noticed": state.noticed,
        "sorry": state.sorry,
    }


def state_from_json(data: Mapping[str, Any]) -> State:
    """The state that was saved. An empty mapping is a new conversation. Raises ValueError for a version from the future."""
    if not data:
        return State()
    raw = dict(data)
    version = int(raw.get("version", VERSION))
    if version > VERSION:
        raise ValueError(f"conversation state of version {version} was written by a newer release; this one reads {VERSION}")
    while version < VERSION:
        raw = _UPCASTERS[version](raw)
        version += 1
    question = raw["open_question"]
    return State(
        flow=raw["flow"],
        asking=raw["asking"],
        slots=raw["slots"],
        frames=tuple(Frame(f["flow"], f["asking"], f["slots"]) for f in raw["frames"]),
        agenda=tuple(matter_from_json(m) for m in raw["agenda"]),
        open_question=None
        if question is None
        else OpenQuestion(
            question["kind"], tuple(Button(label, value) for label, value in question["choices"]), question["ticket_id"]
        ),
        misses=raw["misses"],
        language=raw["language"],
        mode=raw["mode"],
        draft_expires=datetime.fromisoformat(raw["draft_expires"]) if raw["draft_expires"] else None,
        survey=raw["survey"],
        turns=raw["turns"],
        noticed=raw["noticed"],
        sorry=raw["sorry"],
    )


def _matter_to_json(matter: Matter) -> dict[str, Any]:
    return {
        "text": matter.text,
        "intent": matter.intent,
        "confidence": matter.confidence,
        "ranking": [[r.intent, r.confidence] for r in matter.ranking],
        "entities": [[e.entity, e.value, e.start, e.end] for e in matter.entities],
        **({"faq": matter.faq} if matter.faq else {}),
    }


def matter_from_json(data: Mapping[str, Any]) -> Matter:
    """A parked matter, as `state_to_json` wrote it."""
    return Matter(
        data["text"],
        data["intent"],
        data["confidence"],
        tuple(Ranked(*r) for r in data["ranking"]),
        tuple(Entity(*e) for e in data["entities"]),
        data.get("faq", ""),
    )


def heard_to_json(heard: Heard) -> dict[str, Any]:
    """What was heard as plain JSON values, for a turn that is carried out later or not at all (`core.shadow`)."""
    return {
        "text": heard.text,
        "matters": [_matter_to_json(m) for m in heard.matters],
        "triage": [heard.triage.danger, heard.triage.matched] if heard.triage else None,
        "button": heard.button,
        "media": [[m.kind, m.reference, m.path] for m in heard.media],
        "location": heard.location,
        "understood": heard.understood,
        "language": heard.language,
        "model": heard.model,
        "start": heard.start,
        "phone": heard.phone,
        "group": heard.group,
        "event": heard.event,
        "doubt": heard.doubt,
    }


def heard_from_json(data: Mapping[str, Any]) -> Heard:
    """What `heard_to_json` wrote."""
    return Heard(
        **{
            **data,
            "matters": tuple(matter_from_json(m) for m in data["matters"]),
            "triage": Triage(*data["triage"]) if data["triage"] else None,
            "media": tuple(Media(*m) for m in data["media"]),
        }
    )
