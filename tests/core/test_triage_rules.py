"""data/triage.yml as it is read: how its patterns are written, and what is said of each mistake."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from bot.core import triage_rules
from bot.core.triage import triage
from bot.core.triage_rules import DANGERS, READINGS, SIGNS, Danger, TriageRules, line_key, load

NEVER = {"zh": ["无此词"], "en": ["nosuchword"]}
SMALL: dict[str, Any] = {
    "version": 1,
    "weighing": {**dict.fromkeys(SIGNS, 0.5), "doubt": 0.25, "part": 0.75},
    "writing": {
        "as_meant": {"zh": {"火烛": "着火"}, "en": {"gaz": "gas"}},
        "sound_alike": ["着捉"],
        "words": {"zh": ["着火"], "en": ["smoke"]},
        "real_words": ["smok"],
    },
    "words": {"person": {"zh": ["孩子", "老人"], "en": ["kids?"]}, "all": {"zh": ["{person}", "狗"], "en": ["{person}", "dog"]}},
    "readings": {name: NEVER for name in READINGS},
    "figures": {"zh": ["心火"]},
    "dangers": {name: {"patterns": NEVER} for name in DANGERS},
}
"""A rule file with everything in it that must be, and hardly more."""


def with_(path: str, value: object) -> dict[str, Any]:
    """SMALL with one key set to a value, or removed when the value is None."""
    mapping = deepcopy(SMALL)
    *parents, last = path.split(".")
    node: Any = mapping
    for key in parents:
        node = node[key]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return mapping


def fire(**entry: Any) -> TriageRules:
    """SMALL with its fire written anew."""
    return load(with_("dangers.fire", {"patterns": NEVER, **entry}))


def finds(source: str, text: str, language: str = "zh") -> bool:
    return triage(fire(patterns={**NEVER, language: [source]}), text) is not None


# ── How a pattern is written ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("{person}掉", "孩子掉", True), ("{person}掉", "老人掉", True), ("{person}掉", "狗掉", False), ("{all}掉", "狗掉", True),
        ("{all}掉", "老人掉", True), ("狗…咬", "狗咬", True), ("狗…咬", "狗跑过来就咬", True), ("狗…咬", "狗一二三四五六咬", True),
        ("狗…咬", "狗一二三四五六七咬", False), ("狗…咬", "狗不咬", False), ("狗…咬", "狗没有咬", False), ("狗…咬", "狗没想到咬", True),
        ("狗…咬", "狗来,咬", False), ("狗 … 咬", "狗乱咬", True), ("狗……咬", "狗跑来了,好大一条,咬", True),
        ("狗……咬", "狗" + "一" * 16 + "咬", True), ("狗……咬", "狗" + "一" * 17 + "咬", False), ("狗……咬", "狗来。咬", False),
    ],
)  # fmt: skip
def test_a_pattern_for_people_becomes_an_expression(source: str, text: str, found: bool) -> None:
    assert finds(source, text) is found


@pytest.mark.parametrize(
    ("source", "text", "found"),
    [
        ("dog … bit", "dog bit", True), ("dog … bit", "dog just now bit", True), ("dog … bit", "dog one two three four bit", True),
        ("dog … bit", "dog one two three four five bit", False), ("dog … bit", "dog never bit", False), ("dog … bit", "dog didn't bit", False),
        ("dog … bit", "dog, bit", False), ("dog …… bit", "dog a b c d e, f g h i bit", True), ("dog …… bit", "dog. bit", False),
        ("fire", "firefly", False), ("fire", "a fire!", True), ("fire", "kitchen有FIRE了", True), ("fire", "fire_1", False), ("{all}", "kids", True),
    ],
)  # fmt: skip
def test_an_english_pattern_is_made_of_whole_words(source: str, text: str, found: bool) -> None:
    assert finds(source, text, "en") is found


def test_a_scene_is_read_whole() -> None:
    rules = fire(scenes={"zh": [["梯", "困", "{person}"], ["甲", "乙"]]})
    assert triage(rules, "梯困孩子") is not None and triage(rules, "甲乙") is not None
    assert triage(rules, "梯困狗") is None and triage(rules, "甲") is None


def test_every_part_of_a_danger_is_kept() -> None:
    rules = fire(
        patterns={"zh": ["火"], "en": ["fire"]}, hints={"zh": ["烫"]}, cries={"en": ["help"]}, exclusions={"zh": ["火锅"]},
        unclear={"zh": ["铃"], "en": ["bell"]}, over={"zh": ["灭"]}, deaf_to=["past", "told"],
    )  # fmt: skip
    danger = rules.dangers[0]
    assert danger.name == "fire" and danger.deaf_to == {"past", "told"}
    written = {
        "patterns": (["火"], 1), "hints": (["烫"], 0), "cries": ([], 1), "exclusions": (["火锅"], 0), "unclear": (["铃"], 1), "over": (["灭"], 0),
    }  # fmt: skip
    for key, (zh, en) in written.items():
        patterns = getattr(danger, key)
        assert ([p.pattern for p in patterns["zh"]], len(patterns["en"])) == (zh, en), key
    assert danger.scenes == {"zh": (), "en": ()}
    assert Danger("fire", NEVER_COMPILED).deaf_to == frozenset()  # type: ignore[arg-type]


NEVER_COMPILED: dict[str, tuple[()]] = {"zh": (), "en": ()}


def test_dangers_keep_their_order_and_name_their_lines() -> None:
    rules = load(SMALL)
    assert tuple(danger.name for danger in rules.dangers) == DANGERS
    assert rules.lines == tuple(f"utter_safety_{name}" for name in DANGERS)
    assert line_key("gas") == "utter_safety_gas"
    assert set(rules.readings) == set(READINGS)
    assert rules.weighing == {**dict.fromkeys(SIGNS, 0.5), "doubt": 0.25, "part": 0.75}
    assert [p.pattern for p in rules.figures["zh"]] == ["心火"] and rules.figures["en"] == ()


def test_slips_are_read_as_the_file_says() -> None:
    read = load(SMALL).spelling.read
    assert [read(text).text for text in ("火烛", "捉火", "gaz", "smkoe", "smok")] == ["着火", "着火", "gas", "smoke", "smok"]


@pytest.mark.parametrize("key", ["sound_alike", "real_words"])
def test_a_list_of_slips_may_be_missing(key: str) -> None:
    assert load(with_(f"writing.{key}", None)).spelling.read("火烛").text == "着火"


@pytest.mark.parametrize("share", [0, 1, 0.5])
def test_a_probability_lies_between_nothing_and_certainty(share: float) -> None:
    assert load(with_("weighing.named", share)).weighing["named"] == share


# ── What is said of a mistake ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("version", 2, "version: is 2; this desk reads version 1"),
        ("version", None, "version: is None; this desk reads version 1"),
        ("dangers", None, "dangers: missing; add the mapping dangers"),
        ("words", [], "words: missing; add the mapping words"),
        ("figures", None, "figures: missing; add the mapping figures"),
        ("writing", None, "writing: missing; add the mapping writing"),
        ("weighing", None, "weighing: missing; add the mapping weighing"),
        ("readings", None, "readings: missing; add the mapping readings"),
        ("extra", {}, "extra: unknown key; remove it"),
        ("weighing.hint", None, "weighing.hint: missing; add it"),
        ("weighing.guess", 0.5, "weighing.guess: unknown; use one of named, scene, hint, cry, excused, over, nothing, doubt, part"),
        ("weighing.named", 1.01, "weighing.named: is 1.01; write a probability from 0 to 1"),
        ("weighing.named", -0.01, "weighing.named: is -0.01; write a probability from 0 to 1"),
        ("weighing.named", True, "weighing.named: is True; write a probability from 0 to 1"),
        ("weighing.doubt", "low", "weighing.doubt: is 'low'; write a probability from 0 to 1"),
        ("dangers.fire", None, "dangers.fire: missing; add it"),
        ("dangers.fire", [], "dangers.fire: must be a mapping; add dangers.fire.patterns"),
        ("dangers.flood", {}, f"dangers.flood: unknown; use one of {', '.join(DANGERS)}"),
        ("dangers.fire", {}, "dangers.fire.patterns: must map languages to lists of patterns; "
         "write dangers.fire.patterns.zh and dangers.fire.patterns.en"),
        ("dangers.fire", {"patterns": {**NEVER, "en": []}}, "dangers.fire.patterns.en: no pattern; add at least one, both languages are required"),
        ("dangers.fire", {"patterns": {**NEVER, "zh": ["火", "(着火"]}}, "dangers.fire.patterns.zh[1]: not a regular expression ("),
        ("dangers.fire", {"patterns": {**NEVER, "zh": ["(着火"]}}, "); correct '(着火'"),
        ("dangers.fire", {"patterns": {**NEVER, "zh": ["(着火)?"]}},
         "dangers.fire.patterns.zh[0]: matches the empty text and so every message; make '(着火)?' narrower"),
        ("dangers.fire", {"patterns": {**NEVER, "zh": [""]}}, "dangers.fire.patterns.zh[0]: must be a regular expression; write it in single quotes"),
        ("dangers.fire", {"patterns": {**NEVER, "zh": [110]}}, "dangers.fire.patterns.zh[0]: must be a regular expression"),
        ("dangers.fire", {"patterns": {**NEVER, "zh": ["{crowd}"]}},
         "dangers.fire.patterns.zh[0]: unknown word {crowd}; list it under words.crowd.zh"),
        ("dangers.fire", {"patterns": {**NEVER, "zh": "着火"}}, "dangers.fire.patterns.zh: must be a list of patterns; put each in [ ] or behind a dash"),
        ("dangers.fire", {"patterns": {**NEVER, "fr": ["feu"]}}, "dangers.fire.patterns.fr: unknown language; use one of zh, en"),
        ("dangers.fire", {"patterns": NEVER, "colour": "red"},
         "dangers.fire.colour: unknown key; use one of patterns, scenes, hints, cries, exclusions, unclear, over, deaf_to"),
        ("dangers.fire", {"patterns": NEVER, "deaf_to": ["noise"]}, f"dangers.fire.deaf_to: 'noise' is no reading; use one of {', '.join(triage_rules.EXCUSES)}"),
        ("dangers.fire", {"patterns": NEVER, "hints": []}, "dangers.fire.hints: must map languages"),
        ("dangers.fire", {"patterns": NEVER, "scenes": {"zh": [["甲"]]}},
         "dangers.fire.scenes.zh[0]: must be a list of two patterns or more; put each in quotes"),
        ("dangers.fire", {"patterns": NEVER, "scenes": {"zh": ["甲乙"]}}, "dangers.fire.scenes.zh[0]: must be a list of two patterns"),
        ("dangers.fire", {"patterns": NEVER, "scenes": {"zh": [["甲", "乙"], ["甲", "("]]}}, "dangers.fire.scenes.zh[1][1]: not a regular expression"),
        ("dangers.fire", {"patterns": NEVER, "scenes": "甲"}, "dangers.fire.scenes: must map languages"),
        ("readings.past", None, "readings.past: missing; add it"),
        ("readings.lately", NEVER, "readings.lately: unknown; use one of"),
        ("readings.past", {"zh": ["昨"]}, "readings.past.en: no pattern; add at least one"),
        ("figures", {"zh": ["("]}, "figures.zh[0]: not a regular expression"),
        ("words.person", {"zh": ["{crowd}"]}, "words.person.zh[0]: unknown word {crowd}; list words.crowd above words.person"),
        ("words.person", {"en": ["kid", 7]}, "words.person.en[1]: must be a word; write it in single quotes"),
        ("words.person", {"en": [""]}, "words.person.en[0]: must be a word; write it in single quotes"),
        ("words.person", {"zh": ["孩子", "("]}, "words.person.zh[1]: not a regular expression ("),
        ("words.person", {"zh": "孩子"}, "words.person.zh: must be a list of patterns"),
        ("writing.typos", [], "writing.typos: unknown key; use one of as_meant, sound_alike, words, real_words"),
        ("writing.as_meant", {"zh": {}}, "writing.as_meant: must map zh and en to pairs; write what is typed: what is meant"),
        ("writing.as_meant", [], "writing.as_meant: must map zh and en to pairs"),
        ("writing.as_meant", {"zh": {"火烛": ""}, "en": {}}, "writing.as_meant.zh.火烛: must be two words; put each in quotes"),
        ("writing.as_meant", {"zh": {}, "en": {False: "no"}}, "writing.as_meant.en.False: must be two words"),
        ("writing.as_meant", {"zh": {}, "en": {"": "no"}}, "writing.as_meant.en.: must be two words"),
        ("writing.as_meant", {"zh": {}, "en": {"on": True}}, "writing.as_meant.en.on: must be two words"),
        ("writing.words", None, "writing.words: must map languages to lists of patterns"),
        ("writing.words", {"zh": ["火"], "en": []}, "writing.words.zh[0]: must have two characters or more; correct '火'"),
        ("writing.sound_alike", ["着捉", "火"], "writing.sound_alike[1]: must have two characters or more; correct '火'"),
        ("writing.real_words", [12], "writing.real_words[0]: must have two characters or more; correct 12"),
        ("writing.real_words", "smell", "writing.real_words: must be a list of patterns"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_key_and_the_remedy(path: str, value: object, says: str) -> None:
    with pytest.raises(ValueError) as refusal:
        load(with_(path, value))
    message = str(refusal.value)
    assert message.startswith(says) or (says.startswith(")") and message.endswith(says))


@pytest.mark.parametrize("nothing", [None, [], "fire"])
def test_a_file_that_is_no_mapping_is_refused(nothing: object) -> None:
    with pytest.raises(ValueError, match=r"^triage: the file must be a mapping with the keys version, readings and dangers$"):
        load(nothing)


def test_the_end_of_a_text_may_be_all_a_pattern_asks_for() -> None:
    assert finds("火?$", "甲")
