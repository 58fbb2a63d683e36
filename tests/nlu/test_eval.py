"""How the desk's understanding is measured. Every expected figure was worked out by hand."""

from __future__ import annotations

import asyncio
import io
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from pytest import approx
from rich.console import Console

from bot.core.triage import TriageRules, load
from bot.core.types import Entity, Language, Parsed, Ranked
from bot.nlu import NluUnavailable
from bot.nlu_eval import (
    FRONT_DESK,
    IN_FLIGHT,
    INTENTS,
    UNLABELLED,
    BadFile,
    Gold,
    Prediction,
    auroc,
    calibration_error,
    evaluate,
    evaluate_file,
    labelled,
    macro_f1,
    overlapping,
    parse_lines,
    predict_all,
    read_gold,
    scheme_of,
)

ROOT = Path(__file__).parents[2]
RULES: TriageRules = load(yaml.safe_load((ROOT / "data" / "triage.yml").read_text(encoding="utf-8")))
LEAK = "我家厨房的水管漏水了。"
FEE = "另外这个月的物业费是多少?"
FIRE = "厨房起火了怎么办"


class Model:
    """A language model that answers from a table of sentences and their ranked intents."""

    def __init__(self, table: Mapping[str, Sequence[tuple[str, float]]]) -> None:
        self.table = table

    async def parse(self, text: str, language: str) -> Parsed:
        if text not in self.table:
            raise NluUnavailable("Rasa is not reachable: ConnectError")
        ranking = tuple(Ranked(*row) for row in self.table[text])
        entities = (Entity("item", "水管", 5, 7),) if text.startswith(LEAK) else ()
        return Parsed(text, ranking[0].intent, ranking[0].confidence, ranking, entities, "0123abcd")


MODEL = Model(
    {
        LEAK: [("repair", 0.75), ("faq", 0.25)],
        FEE: [("fee_query", 0.75), ("out_of_scope", 0.25)],
        LEAK + FEE: [("fee_query", 0.5), ("repair", 0.5)],
        FEE + LEAK: [("fee_query", 0.5), ("repair", 0.5)],
        FIRE: [("repair", 0.5), ("emergency", 0.25)],
        "hello there": [("greet", 1.0)],
        "3-2-501": [("inform", 0.75), ("repair", 0.25)],
    }
)


def said(intent: str, confidence: float = 1.0, *others: tuple[str, float], entities: Any = ()) -> Prediction:
    """A prediction with its ranking."""
    ranking = (Ranked(intent, confidence), *(Ranked(*other) for other in others))
    return Prediction(intent, confidence, ranking, tuple(entities))


def right(intent: str, lang: Language = "zh", *also: str, entities: Any = None, second: Any = None) -> Gold:
    """A labelled sentence."""
    return Gold("…", intent, lang, frozenset(also), entities, second)


def span(kind: str, start: int, end: int) -> Entity:
    return Entity(kind, "x" * (end - start), start, end)


# ── Labels ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_intent_of_the_domain_has_a_front_desk_label_or_needs_a_conversation() -> None:
    domain = yaml.safe_load((ROOT / "domain.yml").read_text(encoding="utf-8"))
    assert set(domain["intents"]) == INTENTS
    assert not UNLABELLED & set(FRONT_DESK)
    assert len(set(FRONT_DESK.values())) == 10


@pytest.mark.parametrize(
    ("labels", "scheme"),
    [
        (["repair", "faq"], "front_desk"),
        (["repair", "greeting"], "front_desk"),
        (["repair", "greet"], "intents"),
        (["service_request", "faq"], "intents"),
    ],
)
def test_a_file_s_labels_tell_whose_they_are(labels: list[str], scheme: str) -> None:
    assert scheme_of(right(label) for label in labels) == scheme


def test_a_second_reading_tells_whose_the_labels_are_too() -> None:
    assert scheme_of([right("repair", "zh", "service_request")]) == "intents"


@pytest.mark.parametrize(
    ("prediction", "label"),
    [
        (said("service_request", 0.8), ("repair", 0.8)),
        (said("inform", 0.7, ("deny", 0.2), ("thank", 0.1)), ("greeting", 0.1)),
        (said("rate", 0.6, ("faq", 0.1), ("feedback", 0.3)), ("complaint", 0.3)),
        (said("inform", 1.0), ("out_of_scope", 0.0)),
    ],
)
def test_a_bare_value_alone_gives_way_to_the_next_reading_that_has_a_label(
    prediction: Prediction, label: tuple[str, float]
) -> None:
    assert labelled(prediction, "front_desk") == label


def test_a_bare_value_is_what_it_is_where_the_desk_s_own_intents_are_scored() -> None:
    assert labelled(said("inform", 0.7, ("repair", 0.3)), "intents") == ("inform", 0.7)


# ── Measures ────────────────────────────────────────────────────────────────────────────────────────────────────────

SIX = (
    (right("repair"), said("repair", 0.95)),
    (right("repair"), said("faq", 0.65, ("out_of_scope", 0.2))),
    (right("complaint", "zh", "repair"), said("service_request", 0.85)),
    (right("emergency", "en"), said("emergency", 0.95)),
    (right("out_of_scope", "en"), said("out_of_scope", 0.55)),
    (right("faq", "en", "out_of_scope"), said("emergency", 0.75, ("out_of_scope", 0.15))),
)


def test_six_sentences_worked_out_by_hand() -> None:
    evaluation = evaluate([gold for gold, _ in SIX], [prediction for _, prediction in SIX])
    assert evaluation.scheme == "front_desk"
    figures = evaluation.groups["all"]
    assert (figures.n, figures.accuracy) == (6, 3 / 6)
    assert figures.accuracy_lenient == approx(4 / 6)
    # repair 1/2, complaint 0, emergency 2/3, out_of_scope 1, faq 0
    assert figures.macro_f1 == approx((1 / 2 + 0 + 2 / 3 + 1 + 0) / 5)
    # the complaint's defensible repair counts as complaint: repair 2/3, complaint 1
    assert figures.macro_f1_lenient == approx((2 / 3 + 1 + 2 / 3 + 1 + 0) / 5)
    assert (figures.emergency_recall, figures.emergency_precision) == (1.0, 0.5)
    assert figures.emergency_precision_lenient == 0.5
    assert (figures.out_of_scope_recall, figures.out_of_scope_auroc) == (1.0, 1.0)
    # bins 0.9: |2 - 1.90|, 0.8: 0.85, 0.7: 0.75, 0.6: 0.65, 0.5: |1 - 0.55|
    assert figures.ece == approx((0.10 + 0.85 + 0.75 + 0.65 + 0.45) / 6)
    by_label = {row.label: row for row in figures.labels}
    repair = by_label["repair"]
    assert (repair.n, repair.strict.precision, repair.strict.recall, repair.strict.f1) == (2, 0.5, 0.5, 0.5)
    assert (repair.lenient.precision, repair.lenient.recall) == (1.0, 0.5)
    assert (by_label["complaint"].strict.precision, by_label["complaint"].strict.recall) == (None, 0.0)
    assert [(pair.gold, pair.predicted, pair.count, pair.lenient) for pair in figures.confusions] == [
        ("complaint", "repair", 1, 1),
        ("faq", "emergency", 1, 0),
        ("repair", "faq", 1, 0),
    ]
    assert figures.entities == ()


def test_chinese_and_english_are_measured_apart() -> None:
    groups = evaluate([gold for gold, _ in SIX], [prediction for _, prediction in SIX]).groups
    assert list(groups) == ["all", "zh", "en"]
    assert groups["zh"].n == groups["en"].n == 3
    assert groups["zh"].accuracy == approx(1 / 3)
    assert groups["en"].accuracy == approx(2 / 3)
    assert groups["zh"].emergency_recall is None and groups["zh"].out_of_scope_auroc is None
    # among the English ones the alarm over a question is the only mistake
    assert [(pair.gold, pair.predicted) for pair in groups["en"].confusions] == [("faq", "emergency")]


def test_a_language_nobody_wrote_in_has_no_figures() -> None:
    assert list(evaluate([right("repair", "en")], [said("repair")]).groups) == ["all", "en"]


def test_an_alarm_a_fair_colleague_would_defend_is_forgiven_only_leniently() -> None:
    gold = [right("complaint", "zh", "emergency"), right("emergency"), right("repair")]
    figures = evaluate(gold, [said("emergency"), said("emergency"), said("emergency")]).groups["all"]
    assert figures.emergency_precision == approx(1 / 3)
    assert figures.emergency_precision_lenient == approx(2 / 3)


def test_a_label_that_never_was_right_is_listed_but_weighs_nothing_in_the_mean() -> None:
    assert macro_f1(["repair", "repair"], ["repair", "faq"]) == approx(2 / 3)
    figures = evaluate([right("repair"), right("repair")], [said("repair"), said("faq")]).groups["all"]
    assert [(row.label, row.n) for row in figures.labels] == [("faq", 0), ("repair", 2)]


def test_the_same_confusion_twice_stands_before_one_that_happened_once() -> None:
    gold = [right("faq"), right("repair"), right("repair"), right("greeting")]
    confusions = evaluate(gold, [said("permit"), said("faq"), said("faq"), said("goodbye")]).groups["all"]
    assert [(pair.gold, pair.count) for pair in confusions.confusions] == [("repair", 2), ("faq", 1)]


def test_ranks_are_shared_by_equal_scores() -> None:
    # pairs: 0.8 wins 3; 0.5 wins 1, ties 1, loses 1 -> 4.5 of 6
    assert auroc([0.8, 0.5], [0.7, 0.5, 0.1]) == approx(4.5 / 6)
    assert auroc([0.5, 0.5], [0.5]) == 0.5
    assert auroc([0.1], [0.9]) == 0.0
    assert auroc([], [0.5]) is None
    assert auroc([0.5], []) is None


SCORES = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]), min_size=1, max_size=12)


@given(SCORES, SCORES)
def test_rank_sums_count_what_comparing_every_pair_counts(strange: list[float], usual: list[float]) -> None:
    wins = sum((one > other) + 0.5 * (one == other) for one in strange for other in usual)
    assert auroc(strange, usual) == approx(wins / (len(strange) * len(usual)))


def test_sure_and_right_is_calibrated_and_sure_and_wrong_is_not() -> None:
    assert calibration_error([1.0, 1.0], [True, True]) == 0.0
    assert calibration_error([1.0, 1.0], [False, False]) == 1.0
    # one bin, 0.5 right and 0.55 sure on the mean
    assert calibration_error([0.5, 0.6 - 1e-9], [True, False]) == approx(0.05)
    # 1 stands in the last bin beside 0.9: |1 right - 1.9 sure| / 2
    assert calibration_error([1.0, 0.9], [False, True]) == approx(0.45)
    # two bins, each off by its own gap: (0.95 + |1 - 0.05|) / 2
    assert calibration_error([0.95, 0.05], [False, True]) == approx(0.95)


def test_entities_are_found_exactly_or_by_a_shared_character() -> None:
    gold = [
        right("repair", "zh", entities=(span("item", 0, 2), span("room", 4, 7))),
        right("repair", "en", entities=(span("item", 3, 6),)),
        right("repair", "zh", entities=()),
        right("repair", "zh"),  # nobody marked this one
    ]
    predictions = [
        said("repair", entities=[span("item", 0, 2), span("room", 5, 7), span("time", 8, 9)]),
        said("repair"),
        said("repair", entities=[span("item", 0, 1)]),
        said("repair", entities=[span("item", 0, 1)]),
    ]
    groups = evaluate(gold, predictions).groups
    whole, item, room = groups["all"].entities
    assert [row.entity for row in (whole, item, room)] == ["all", "item", "room"]
    assert (whole.n, item.n, room.n) == (3, 2, 1)
    # item: one right of two predicted and two marked; the unmarked sentence and the time count for nothing
    assert (item.exact.precision, item.exact.recall, item.exact.f1) == (0.5, 0.5, 0.5)
    assert (room.exact.f1, room.overlap.f1) == (0.0, 1.0)
    assert whole.exact.f1 == approx(2 * 1 / (3 + 3))
    assert whole.overlap.f1 == approx(2 * 2 / (3 + 3))
    english = groups["en"].entities
    assert [(row.entity, row.n) for row in english] == [("all", 1), ("item", 1), ("room", 0)]
    assert english[1].exact.recall == 0.0 and english[2].exact.recall is None


def test_where_two_readers_differ_both_ways_are_right() -> None:
    gold = [
        right(
            "repair",
            "zh",
            entities=(span("item", 0, 2), span("item", 4, 6), span("room", 8, 9)),
            second=(span("item", 0, 1), span("item", 6, 8)),
        ),
        right("repair", "en", entities=(span("item", 3, 6),)),  # read once
    ]
    found = [
        # 0:1 both made, 6:8 the second alone, 9:10 nobody; the first's 4:6 and the room are not found
        said("repair", entities=[span("item", 0, 1), span("item", 6, 8), span("item", 9, 10)]),
        said("repair", entities=[span("item", 0, 1)]),
    ]
    groups = evaluate(gold, found).groups
    whole, item, room = (row.lenient for row in groups["zh"].entities)
    assert item is not None and (item.precision, item.recall) == (approx(2 / 3), 1.0)
    assert item.f1 == approx(2 * (2 / 3) / (2 / 3 + 1))
    assert room is not None and (room.precision, room.recall, room.f1) == (None, None, 0.0)
    assert whole == item  # nobody predicted a room, and the two do not agree on one
    assert groups["all"].entities[1].lenient == item  # what was read once has no part
    assert [row.lenient for row in groups["en"].entities] == [None, None, None]


def test_what_a_second_reader_marked_needs_what_the_first_did(tmp_path: Path) -> None:
    line = {"text": "灯坏了", "intent": "repair", "lang": "zh", "second_entities": []}
    (tmp_path / "set.jsonl").write_text(json.dumps(line), encoding="utf-8")
    with pytest.raises(BadFile, match='set.jsonl:1: "second_entities" says what another reader marked: "entities" must'):
        read_gold(tmp_path / "set.jsonl")
    (tmp_path / "set.jsonl").write_text(json.dumps({**line, "entities": []}), encoding="utf-8")
    assert read_gold(tmp_path / "set.jsonl")[0].second == ()


def test_one_long_prediction_finds_only_one_of_two_marked_things() -> None:
    marked = [span("item", 0, 2), span("item", 3, 5)]
    assert overlapping(marked, [span("item", 0, 5)]) == 1
    assert overlapping(marked, [span("item", 4, 6), span("item", 1, 3)]) == 2
    assert overlapping(marked, [span("item", 2, 3), span("room", 0, 2)]) == 0


def test_a_missing_prediction_is_not_measured_away() -> None:
    with pytest.raises(ValueError, match="one prediction for each"):
        evaluate([right("repair"), right("faq")], [said("repair")])
    with pytest.raises(ValueError, match="at least one"):
        evaluate([], [])


# ── bot nlu-parse ───────────────────────────────────────────────────────────────────────────────────────────────────


async def answers(stage: Any, *lines: str | bytes, model: Any = MODEL) -> list[dict[str, Any]]:
    written: list[str] = []
    async with asyncio.timeout(10):
        bad = await parse_lines(model, RULES, stage, lines, written.append)
    assert not any("\n" in line for line in written)
    made = [json.loads(line) for line in written]
    assert bad == sum("error" in answer for answer in made)
    return made


async def test_the_classifier_alone_neither_cuts_nor_sounds_an_alarm() -> None:
    two, fire = await answers("classifier", json.dumps({"text": LEAK + FEE, "lang": "zh"}), FIRE)
    assert two == {
        "intent": "fee_query",
        "confidence": 0.5,
        "ranking": [{"intent": "fee_query", "confidence": 0.5}, {"intent": "repair", "confidence": 0.5}],
        "entities": [{"entity": "item", "value": "水管", "start": 5, "end": 7}],
        "triage": None,
        "matters": [{"text": LEAK + FEE, "intent": "fee_query"}],
    }
    assert (fire["intent"], fire["triage"]) == ("repair", None)


async def test_the_desk_opens_the_leak_before_the_fee_whatever_their_order() -> None:
    (answer,) = await answers("desk", FEE + LEAK)
    assert answer["matters"] == [{"text": LEAK, "intent": "repair"}, {"text": FEE, "intent": "fee_query"}]
    assert (answer["intent"], answer["confidence"]) == ("repair", 0.75)
    assert answer["ranking"][0] == {"intent": "repair", "confidence": 0.75}


async def test_the_desk_hears_the_fire_the_classifier_took_for_a_repair() -> None:
    (answer,) = await answers("desk", FIRE)
    assert (answer["intent"], answer["confidence"]) == ("emergency", 1.0)
    assert answer["ranking"] == [
        {"intent": "emergency", "confidence": 1.0},
        {"intent": "repair", "confidence": 0.0},
    ]
    assert answer["triage"] == {"danger": "fire", "matched": answer["triage"]["matched"]}
    assert answer["triage"]["matched"] in FIRE
    assert [matter["intent"] for matter in answer["matters"]] == ["emergency", "repair"]


async def test_bad_lines_are_answered_in_their_place_and_the_next_are_read() -> None:
    lines: list[str | bytes] = [
        '{"text": ',
        "",
        '{"lang": "zh"}',
        '{"text": "x", "lang": "fr"}',
        b"\xff\xfe",
        "hello there",
    ]
    made = await answers("desk", *lines)
    assert [answer.get("error") for answer in made] == [
        "line 1: is not JSON",
        "line 2: there is no text",
        "line 3: there is no text",
        'line 4: "lang" must be "zh" or "en"',
        "line 5: is not UTF-8",
        None,
    ]
    assert made[-1]["intent"] == "greet"


async def test_a_silent_model_is_an_error_and_the_danger_is_told_all_the_same() -> None:
    (desk,) = await answers("desk", "3栋着火了!!快来人")
    assert desk["error"] == "line 1: Rasa is not reachable: ConnectError"
    assert desk["triage"]["danger"] == "fire"
    (classifier,) = await answers("classifier", "3栋着火了!!快来人")
    assert list(classifier) == ["error"]


async def test_half_a_character_in_the_text_does_not_break_the_output() -> None:
    text = "tap \ud83d leaks"
    written: list[str] = []
    await parse_lines(
        Model({text: [("repair", 1.0)]}), RULES, "desk", [json.dumps({"text": text})], written.append
    )
    assert json.loads(written[0].encode())["matters"][0]["text"] == text


async def test_whoever_waits_for_an_answer_before_the_next_line_gets_it() -> None:
    answered = threading.Event()
    written: list[str] = []

    def asking() -> Iterator[str]:
        for text in (LEAK, "hello there", FEE):
            yield text
            assert answered.wait(5), "no answer before the next line"
            answered.clear()

    def write(line: str) -> None:
        written.append(line)
        answered.set()

    async with asyncio.timeout(20):
        assert await parse_lines(MODEL, RULES, "desk", asking(), write) == 0
    assert [json.loads(line)["intent"] for line in written] == ["repair", "greet", "fee_query"]


async def test_a_source_of_lines_that_breaks_off_is_not_taken_for_the_end() -> None:
    def breaking() -> Iterator[str]:
        yield LEAK
        raise OSError("the pipe broke")

    written: list[str] = []
    with pytest.raises(OSError, match="the pipe broke"):
        await parse_lines(MODEL, RULES, "desk", breaking(), written.append)
    assert len(written) == 1


class Crowd:
    """A model that answers nobody before sixteen ask, later ones first, and notes how many asked at once."""

    def __init__(self) -> None:
        self.inside = self.most = 0
        self.full = asyncio.Event()

    async def parse(self, text: str, language: str) -> Parsed:
        self.inside += 1
        self.most = max(self.most, self.inside)
        if self.inside == IN_FLIGHT:
            self.full.set()
        await self.full.wait()
        self.inside -= 1
        return Parsed(text, text, 1.0)


async def test_sixteen_are_asked_about_at_once_and_answered_in_order() -> None:
    intents = sorted(INTENTS) * 2
    crowd = Crowd()
    made = await answers("classifier", *intents, model=crowd)
    assert [answer["intent"] for answer in made] == intents
    assert crowd.most == IN_FLIGHT == 16


async def test_a_file_of_forty_two_is_never_more_than_sixteen_questions_at_once() -> None:
    crowd = Crowd()
    gold = [Gold(intent, intent, "en") for intent in sorted(INTENTS) * 2]
    async with asyncio.timeout(10):
        predictions = await predict_all(crowd, RULES, "classifier", gold)
    assert crowd.most == IN_FLIGHT
    assert evaluate(gold, predictions).groups["all"].macro_f1 == 1.0


# ── bot nlu-eval ────────────────────────────────────────────────────────────────────────────────────────────────────


def file_of(folder: Path, *rows: object) -> Path:
    path = folder / "gold.jsonl"
    path.write_text(
        "".join(
            (row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows
        ),
        encoding="utf-8",
    )
    return path


LABELLED: list[dict[str, Any]] = [
    {
        "text": LEAK,
        "intent": "repair",
        "lang": "zh",
        "entities": [{"entity": "item", "value": "水管", "start": 5, "end": 7}],
    },
    {"text": FEE + LEAK, "intent": "repair", "lang": "zh", "also": ["fee_query"]},
    {"text": FIRE, "intent": "emergency", "lang": "zh"},
    {"text": "hello there", "intent": "greeting", "lang": "en"},
    {"text": "3-2-501", "intent": "repair", "lang": "en"},
]


async def run(path: Path, stage: Any = "desk", *, as_json: bool = True) -> tuple[int, str, str]:
    out, err = io.StringIO(), io.StringIO()
    code = await evaluate_file(
        MODEL,
        RULES,
        path,
        stage,
        as_json=as_json,
        console=Console(file=out, width=100),
        errors=Console(file=err, width=40),
    )
    return code, out.getvalue(), err.getvalue()


async def test_the_desk_is_right_five_times_where_the_classifier_is_three_times(tmp_path: Path) -> None:
    path = file_of(tmp_path, *LABELLED)
    code, out, err = await run(path)
    desk = json.loads(out)
    assert (code, err) == (0, "")
    assert (desk["stage"], desk["labels"], desk["models"]) == ("desk", "front_desk", ["0123abcd"])
    assert desk["groups"]["all"]["accuracy"] == 1.0
    assert desk["groups"]["all"]["entities"][0]["exact"]["f1"] == 1.0
    code, out, err = await run(path, "classifier")
    alone = json.loads(out)["groups"]["all"]
    assert (code, alone["accuracy"], alone["accuracy_lenient"]) == (0, 0.6, 0.8)
    assert alone["emergency_recall"] == 0.0


async def test_a_person_reads_tables(tmp_path: Path) -> None:
    code, out, _ = await run(file_of(tmp_path, *LABELLED), "classifier", as_json=False)
    assert code == 0
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines()]
    assert ["accuracy", "0.600", "0.333", "1.000"] in rows
    assert ["out_of_scope AUROC", "–", "–", "–"] in rows
    # leniently 3 right of 4 predicted and 3 labelled: 6 / 7
    assert ["repair", "3", "0.667", "0.667", "0.667", "0.857", "0.500", "1.000"] in rows
    assert ["emergency", "repair", "1", "0"] in rows
    assert ["repair", "fee_query", "1", "1"] in rows
    assert ["item", "1", "1.000", "1.000", "1.000", "1.000", "–", "1.000", "–"] in rows


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ({"text": " ", "intent": "faq", "lang": "zh"}, '"text" must be a text that is not blank'),
        ({"text": "x", "lang": "zh"}, '"intent" must be a label'),
        ({"text": "x", "intent": "faq"}, '"lang" must be "zh" or "en"'),
        ({"text": "x", "intent": "faq", "lang": "zh", "also": "faq"}, '"also" must be a list of labels'),
        ({"text": "x", "intent": "greet", "lang": "zh"}, "'greet' is none of the ten front-desk labels"),
        (
            {"text": "x", "intent": "faq", "lang": "zh", "also": ["x"]},
            "'x' is none of the ten front-desk labels",
        ),
        (
            {
                "text": "x",
                "intent": "faq",
                "lang": "zh",
                "entities": [{"entity": "item", "start": 0, "end": 2}],
            },
            'entity \'item\': "start" and "end" must lie in the text',
        ),
        (
            {
                "text": "tap",
                "intent": "faq",
                "lang": "en",
                "entities": [{"entity": "item", "value": "tap", "start": 0, "end": 2}],
            },
            "entity 'item': its value is not what stands at 0:2",
        ),
    ],
)
async def test_a_bad_line_is_named_by_file_and_number_and_nothing_is_measured(
    tmp_path: Path, row: object, what: str
) -> None:
    path = file_of(tmp_path, LABELLED[3], "", row, LABELLED[0])
    code, out, err = await run(path)
    assert (code, out) == (2, "")
    assert err == f"{path}:3: {what}\n"


async def test_every_bad_line_is_named_up_to_a_screenful(tmp_path: Path) -> None:
    path = file_of(tmp_path, *["{"] * 25)
    code, _, err = await run(path)
    lines = err.splitlines()
    assert code == 2
    assert lines[0] == f"{path}:1: is not JSON"
    assert lines[-1] == f"{path}: and 5 more bad lines"
    assert len(lines) == 21


async def test_a_label_foreign_to_the_desk_s_own_intents_is_named(tmp_path: Path) -> None:
    path = file_of(
        tmp_path,
        {"text": "x", "intent": "bind", "lang": "zh"},
        {"text": "x", "intent": "smalltalk", "lang": "zh"},
    )
    with pytest.raises(BadFile) as bad:
        read_gold(path)
    assert bad.value.mistakes == (f"{path}:2: 'smalltalk' is none of the desk's intents",)


async def test_an_empty_file_and_a_missing_one_are_mistakes(tmp_path: Path) -> None:
    code, _, err = await run(file_of(tmp_path, ""))
    assert (code, err) == (2, f"{tmp_path / 'gold.jsonl'}: has no labelled sentence\n")
    code, _, err = await run(tmp_path / "none.jsonl")
    assert (code, err) == (2, f"{tmp_path / 'none.jsonl'}: No such file or directory\n")


@pytest.mark.parametrize("stage", ["classifier", "desk"])
async def test_a_model_that_does_not_always_answer_is_not_measured(tmp_path: Path, stage: str) -> None:
    path = file_of(tmp_path, *LABELLED, {"text": "unheard of", "intent": "faq", "lang": "en"})
    code, out, err = await run(path, stage)
    assert (code, out) == (1, "")
    assert err == f"{path}: not measured: Rasa is not reachable: ConnectError\n"


async def test_a_sentence_of_which_only_a_part_went_unanswered_is_not_measured_either() -> None:
    model = Model({LEAK + FEE: [("repair", 1.0)], LEAK: [("repair", 1.0)]})
    with pytest.raises(NluUnavailable, match="ConnectError"):
        await predict_all(model, RULES, "desk", [Gold(LEAK + FEE, "repair", "zh")])
