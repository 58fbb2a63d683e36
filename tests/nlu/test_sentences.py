"""The sentences the language model learns from, and those it is judged by: enough, told apart, and kept apart.

A sentence's key is its letters and digits in plain writing; its mask has entities and digits blanked out, so that one pattern
with other names in it is found.
"""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from nlu.components.writing import normalise

ROOT = Path(__file__).parents[2]
LANGUAGES = ("zh", "en")
ENOUGH = {"zh": (6000, 1000), "en": (2500, 400)}
ENTITIES = (
    "building", "unit", "room", "location", "item", "fault", "time", "phone", "amount", "period", "fee_type",
    "permit_type", "plate", "ticket_no", "score", "person_name",
)  # fmt: skip
_MARK = re.compile(rf"\[([^\[\]]+)\]\(({'|'.join(ENTITIES)})\)")
_HALF_MARK = re.compile(r"\]\([a-z_]*\)|\[[^\[\]]*\]\([a-z]")


class Sentence(NamedTuple):
    text: str
    marked: str
    intent: str


def key(text: str) -> str:
    return re.sub(r"[\W_]", "", normalise(text)).lower() or text.strip()


def mask(marked: str) -> str:
    return key(re.sub(r"\d+", "0", _MARK.sub("0", marked)))


def pieces(text: str) -> frozenset[str]:
    return frozenset(text[i : i + 3] for i in range(len(text) - 2))


def _examples(language: str) -> Iterator[Sentence]:
    for path in sorted((ROOT / "data" / "nlu" / language).glob("*.yml")):
        for block in yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]:
            if "intent" not in block:
                continue
            for line in block["examples"].splitlines():
                if line.strip().startswith("- "):
                    marked = line.strip()[2:]
                    yield Sentence(_MARK.sub(r"\1", marked), marked, block["intent"])


SENTENCES = {language: tuple(_examples(language)) for language in LANGUAGES}
TESTED: dict[str, list[dict[str, Any]]] = {
    language: [
        json.loads(line)
        for line in (ROOT / "nlu" / "testset" / f"{language}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    for language in LANGUAGES
}
FRESH: dict[str, list[dict[str, Any]]] = {
    language: [
        json.loads(line)
        for line in (ROOT / "nlu" / "testset" / f"fresh.{language}.jsonl").read_text(encoding="utf-8").splitlines()
    ]
    for language in LANGUAGES
}
INTENTS = set(yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))["intents"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_enough_to_learn_from_and_to_judge_by(language: str) -> None:
    learn, judge = ENOUGH[language]
    assert len({key(s.text) for s in SENTENCES[language]}) >= learn
    assert len(TESTED[language]) >= judge


def test_no_sentence_has_two_labels_and_none_stands_twice() -> None:
    labels: dict[str, set[str]] = defaultdict(set)
    times: Counter[tuple[str, str]] = Counter()
    for language in LANGUAGES:  # "ok" is said in both
        for sentence in SENTENCES[language]:
            labels[key(sentence.text)].add(sentence.intent)
            times[language, key(sentence.text)] += 1
    assert {k: v for k, v in labels.items() if len(v) > 1} == {}
    assert [k for k, n in times.items() if n > 1] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_pattern_was_filled_in_over_and_over(language: str) -> None:
    masks = {mask(s.marked) for s in SENTENCES[language]}
    assert len(masks) / len(SENTENCES[language]) >= 0.95


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_stock_phrase_is_in_more_than_one_sentence_of_a_hundred(language: str) -> None:
    """Eight characters of Chinese; of English, where "building" alone has eight, five words in a row."""
    count: Counter[str] = Counter()
    for sentence in SENTENCES[language]:
        parts = list(key(sentence.text)) if language == "zh" else re.findall(r"[a-z']+", sentence.text.lower())
        size = 8 if language == "zh" else 5
        count.update({" ".join(parts[i : i + size]) for i in range(len(parts) - size + 1)})
    phrase, times = count.most_common(1)[0]
    assert times / len(SENTENCES[language]) <= 0.01, phrase


def test_nothing_is_learnt_that_comes_near_a_message_of_the_test_sets() -> None:
    """The same letters, or (from eight characters on) three fifths of the same threes of characters."""
    tested = [key(row["text"]) for of in (TESTED, FRESH) for language in LANGUAGES for row in of[language]]
    same, threes = set(tested), [pieces(k) for k in tested]
    holders: dict[str, list[int]] = defaultdict(list)
    for number, parts in enumerate(threes):
        for part in parts:
            holders[part].append(number)
    near = []
    for language in LANGUAGES:
        for sentence in SENTENCES[language]:
            k = key(sentence.text)
            shared: Counter[int] = Counter()
            parts = pieces(k)
            if len(k) >= 8:
                for part in parts:
                    shared.update(holders.get(part, ()))
            close = [n for n, both in shared.most_common(3) if both / (len(parts) + len(threes[n]) - both) >= 0.6]
            if k in same or close:
                near.append(sentence.text)
    assert near == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_intent_is_spoken_and_every_main_one_at_length(language: str) -> None:
    spoken = Counter(s.intent for s in SENTENCES[language])
    assert set(spoken) == INTENTS
    at_length = Counter(
        s.intent for s in SENTENCES[language] if (len(s.text) if language == "zh" else len(s.text.split()) * 4) >= 100
    )
    main = ("repair", "complaint", "fee_query", "permit", "emergency", "ticket_status", "faq", "out_of_scope", "handoff")
    assert all(at_length[intent] >= 5 for intent in main), at_length


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_entity_is_marked_and_no_mark_is_broken(language: str) -> None:
    found = Counter(kind for s in SENTENCES[language] for _, kind in _MARK.findall(s.marked))
    assert all(found[kind] >= 20 for kind in ENTITIES), {kind: found[kind] for kind in ENTITIES}
    assert [s.marked for s in SENTENCES[language] if _HALF_MARK.search(s.text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_test_set_can_be_read_by_the_evaluation(language: str) -> None:
    for row in (*TESTED[language], *FRESH[language]):
        assert row["intent"] in INTENTS and row["lang"] == language and row["intent"] not in row["also"]
        assert set(row["also"]) <= INTENTS
        for entity in row.get("entities", ()):
            assert row["text"][entity["start"] : entity["end"]] == entity["value"] and entity["entity"] in ENTITIES
