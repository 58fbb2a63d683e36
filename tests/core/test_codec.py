"""A conversation may sleep for months: what an older release wrote is read as it was meant."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import OWNER, WEDNESDAY, Stage, heard

from bot.core.codec import VERSION, matter_from_json, state_from_json, state_to_json
from bot.core.types import Button, Entity, Frame, Matter, OpenQuestion, Ranked, State

SAMPLES = sorted((Path(__file__).parent / "states").glob("*.json"))

words = st.text(max_size=12)
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
slots = st.dictionaries(words, plain, max_size=4)
matters = st.builds(
    Matter,
    words,
    words,
    st.floats(0, 1),
    st.lists(st.builds(Ranked, words, st.floats(0, 1)), max_size=2).map(tuple),
    st.lists(st.builds(Entity, words, words, st.integers(0, 99), st.integers(0, 99)), max_size=2).map(tuple),
)
states = st.builds(
    State,
    flow=st.none() | words,
    asking=st.none() | words,
    slots=slots,
    frames=st.lists(st.builds(Frame, words, words, slots), max_size=2).map(tuple),
    agenda=st.lists(matters, max_size=3).map(tuple),
    open_question=st.none()
    | st.builds(
        OpenQuestion, words, st.lists(st.builds(Button, words, words), max_size=3).map(tuple), st.none() | st.integers(1, 99)
    ),
    misses=st.integers(0, 9),
    language=st.sampled_from(["zh", "en"]),
    mode=st.sampled_from(["desk", "human"]),
    draft_expires=st.none() | st.datetimes(timezones=st.just(UTC)),
    survey=st.none() | st.integers(1, 99),
    turns=st.integers(0, 10_000),
)


@given(states)
def test_a_state_survives_being_written_and_read(state: State) -> None:
    assert state_from_json(json.loads(json.dumps(state_to_json(state)))) == state


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_what_was_written_by_any_release_is_still_read(path: Path) -> None:
    sample: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    state = state_from_json(sample["data"])
    assert {name: getattr(state, name) for name in sample["means"]} == sample["means"]
    assert state_from_json(state_to_json(state)) == state


def test_there_is_a_sample_of_every_version_ever_written() -> None:
    written = {json.loads(path.read_text(encoding="utf-8"))["data"]["version"] for path in SAMPLES}
    assert written == set(range(1, VERSION + 1))


def test_a_sleeping_summary_is_submitted_when_the_resident_wakes_it() -> None:
    """The sample is not only read: the talk goes on from it."""
    path = next(path for path in SAMPLES if path.stem == "v1-repair-summary")
    stage = Stage(OWNER, state=state_from_json(json.loads(path.read_text(encoding="utf-8"))["data"]))
    stage.take(heard("对", "affirm"))
    draft = stage.opened[0].draft
    assert (draft.kind, draft.contact, draft.household_id) == ("repair", "13800138000", 11)
    assert draft.appointment is not None and draft.appointment.start == datetime(2026, 3, 5, 6, tzinfo=UTC)
    assert [m.reference for m in draft.photos] == ["photo-1"]
    assert draft.appointment.start > WEDNESDAY


def test_nothing_saved_is_a_new_conversation() -> None:
    assert state_from_json({}) == State()


def test_a_state_from_the_future_is_refused_rather_than_misread() -> None:
    with pytest.raises(ValueError, match="newer release"):
        state_from_json({**state_to_json(State()), "version": VERSION + 1})


@given(matters)
def test_a_parked_matter_keeps_its_entities_and_ranking(matter: Matter) -> None:
    saved = state_to_json(State(agenda=(matter,)))["agenda"][0]
    assert matter_from_json(json.loads(json.dumps(saved))) == matter
