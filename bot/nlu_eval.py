"""How well the desk understands: reads sentences for `bot nlu-parse`, and measures them for `bot nlu-eval`.

The measures are pure functions of what was labelled and what was predicted; docs/nlu-eval.md defines each. This
module must never give a figure for a file it could not read in full or a model that did not always answer: a
figure over the lucky part of a file is worse than none.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from rich.console import Console
from rich.table import Table

from bot.core.resolve.language import detect
from bot.core.triage import TriageRules, triage
from bot.core.types import Entity, Language, Matter, Parsed, Ranked, Triage
from bot.nlu import NluUnavailable
from bot.understanding import Nlu, understand

Stage: TypeAlias = Literal["classifier", "desk"]
Scheme: TypeAlias = Literal["intents", "front_desk"]

FRONT_DESK: Final[Mapping[str, str]] = {
    "repair": "repair",
    "service_request": "repair",
    "complaint": "complaint",
    "feedback": "complaint",
    "fee_query": "fee_query",
    "permit": "permit",
    "bind": "permit",
    "emergency": "emergency",
    "ticket_status": "ticket_status",
    "ticket_change": "ticket_status",
    "cancel": "ticket_status",
    "greet": "greeting",
    "thank": "greeting",
    "goodbye": "greeting",
    "affirm": "greeting",
    "handoff": "handoff",
    "faq": "faq",
    "out_of_scope": "out_of_scope",
}
"""The front-desk label of each intent (LABELS.md)."""
UNLABELLED: Final = frozenset({"inform", "deny", "rate"})
"""Intents that mean something only inside a conversation (LABELS.md)."""
INTENTS: Final = frozenset(FRONT_DESK) | UNLABELLED
LABELS: Final = frozenset(FRONT_DESK.values())

LANGUAGES: Final[tuple[Language, ...]] = ("zh", "en")
IN_FLIGHT: Final = 16
"""Parses asked for at the same time."""
BINS: Final = 10
"""Bins of equal width for the calibration error."""
SHOWN: Final = 20
"""Confusion pairs and bad lines shown to a person; the JSON has all pairs."""

Write: TypeAlias = Callable[[str], object]


# ── Reading one sentence ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Prediction:
    """What was made of one sentence: by the classifier alone, or by the desk."""

    intent: str
    confidence: float
    ranking: tuple[Ranked, ...] = ()
    entities: tuple[Entity, ...] = ()
    triage: Triage | None = None
    matters: tuple[Matter, ...] = ()
    model: str = ""


class _Turnstile:
    """Lets at most IN_FLIGHT parses through at a time."""

    def __init__(self, nlu: Nlu) -> None:
        self._nlu = nlu
        self._room = asyncio.Semaphore(IN_FLIGHT)

    async def parse(self, text: str, language: str) -> Parsed:
        async with self._room:
            return await self._nlu.parse(text, language)


async def predict(nlu: Nlu, rules: TriageRules, stage: Stage, text: str, language: Language) -> Prediction:
    """Reads one sentence as the stage does.

    Args:
        stage: `classifier` is the model alone; `desk` adds life-safety rules and the cut into matters, and its
            intent is that of the matter opened first (LABELS.md rule 1).
        text: the sentence, with at least one character that is not blank.

    Raises:
        NluUnavailable: the model did not answer every question about this sentence.
    """
    if stage == "classifier":
        whole = await nlu.parse(text, language)
        found: tuple[Matter, ...] = (
            Matter(text, whole.intent, whole.confidence, whole.ranking, whole.entities),
        )
        danger: Triage | None = None
    else:
        understood = await understand(nlu, rules, text, language)
        if understood.parsed is None or understood.why:
            raise NluUnavailable(understood.why)
        whole, found, danger = understood.parsed, understood.matters, understood.triage
    first = found[0]
    ranking = first.ranking
    if all(row.intent != first.intent for row in ranking):
        ranking = (Ranked(first.intent, first.confidence), *ranking)
    # The entities are the whole sentence's: their offsets count in the text that was given.
    return Prediction(first.intent, first.confidence, ranking, whole.entities, danger, found, whole.model)


# ── bot nlu-parse ───────────────────────────────────────────────────────────────────────────────────────────────────


async def parse_lines(
    nlu: Nlu, rules: TriageRules, stage: Stage, lines_in: Iterable[str | bytes], write: Write
) -> int:
    """Answers each line with one line of JSON, in the order of the lines; the number of bad lines.

    Args:
        stage: see `predict`.
        lines_in: a sentence, or an object {"text", "lang"}, a line. It is read in a thread of its own, so an
            answer is written before the next line comes in, and a caller may wait for it. Bytes are UTF-8.
        write: takes one line without its end and flushes it, e.g. `functools.partial(print, flush=True)`.

    A line that cannot be read is answered {"error": …}, and the next one is read.
    """
    loop = asyncio.get_running_loop()
    nlu = _Turnstile(nlu)
    asked: asyncio.Queue[asyncio.Task[dict[str, Any]] | Exception | None] = asyncio.Queue()
    room = threading.Semaphore(IN_FLIGHT)
    number = 0

    def accept(line: str | bytes) -> None:
        nonlocal number
        number += 1
        asked.put_nowait(loop.create_task(_answer(nlu, rules, stage, number, line)))

    def hand(call: Callable[[Any], None], value: object) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(call, value)

    def feed() -> None:
        failure: Exception | None = None
        try:
            for line in lines_in:
                room.acquire()
                hand(accept, line)
        except Exception as error:
            failure = error
        hand(asked.put_nowait, failure)

    # A daemon: a terminal that is interrupted must not wait for one more line.
    threading.Thread(target=feed, name="nlu-parse-lines", daemon=True).start()
    bad = 0
    while isinstance(task := await asked.get(), asyncio.Task):
        answer = await task
        bad += "error" in answer
        write(_json(answer))
        room.release()
    if task is not None:
        raise task
    return bad


async def _answer(
    nlu: Nlu, rules: TriageRules, stage: Stage, number: int, line: str | bytes
) -> dict[str, Any]:
    try:
        text, language = _sentence(line)
    except ValueError as error:
        return {"error": f"line {number}: {error}"}
    try:
        made = await predict(nlu, rules, stage, text, language)
    except NluUnavailable as error:
        why: dict[str, Any] = {"error": f"line {number}: {error}"}
        # The rules need no model; whoever reads this still learns of the danger.
        return {**why, "triage": _shown(triage(rules, text))} if stage == "desk" else why
    return {
        "intent": made.intent,
        "confidence": made.confidence,
        "ranking": [asdict(row) for row in made.ranking],
        "entities": [asdict(entity) for entity in made.entities],
        "triage": _shown(made.triage),
        "matters": [{"text": matter.text, "intent": matter.intent} for matter in made.matters],
    }


def _shown(danger: Triage | None) -> dict[str, str] | None:
    return None if danger is None else {"danger": danger.danger, "matched": danger.matched}


def _sentence(line: str | bytes) -> tuple[str, Language]:
    """The words of a line and their language; raises ValueError saying what is wrong."""
    try:
        words = line.decode("utf-8-sig") if isinstance(line, bytes) else line.removeprefix("\ufeff")
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    text: object = words.strip("\r\n")
    language: object = None
    if words.lstrip().startswith("{"):
        row = _row(words)
        text, language = row.get("text"), row.get("lang")
        if language not in (None, *LANGUAGES):
            raise ValueError('"lang" must be "zh" or "en"')
    if not isinstance(text, str) or not text.strip():
        raise ValueError("there is no text")
    if language == "zh" or language == "en":
        return text, language
    return text, detect(text, "zh")


def _row(line: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(row, dict):
        raise ValueError("is not a JSON object")
    return row


def _json(value: object, indent: int | None = None) -> str:
    line = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        line.encode()
    except UnicodeEncodeError:  # half of a surrogate pair in the text
        return json.dumps(value, indent=indent)
    return line


# ── Labelled sentences ──────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Gold:
    """One labelled sentence. `entities` is None where nobody marked entities, empty where there are none; `second` likewise, for what
    another reader marked without sight of the first."""

    text: str
    intent: str
    lang: Language
    also: frozenset[str] = frozenset()
    entities: tuple[Entity, ...] | None = None
    second: tuple[Entity, ...] | None = None

    @property
    def allowed(self) -> frozenset[str]:
        """The labels that count as right when read leniently."""
        return self.also | {self.intent}


class BadFile(Exception):
    """A labelled file that cannot be measured. `mistakes` name file, line and what is wrong."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = tuple(mistakes)


def scheme_of(gold: Iterable[Gold]) -> Scheme:
    """Which labels are in use: the ten of the front desk, or the desk's own intents.

    The ten when `greeting`, a name only they have, occurs, or when no label is foreign to them.
    """
    used = frozenset[str]().union(*(one.allowed for one in gold))
    return "front_desk" if "greeting" in used or used <= LABELS else "intents"


def read_gold(path: Path) -> tuple[Gold, ...]:
    """The labelled sentences of a JSON Lines file; blank lines are skipped.

    Raises:
        BadFile: it cannot be opened, is empty, or has lines that cannot be used; all are named.
    """
    try:
        lines = path.read_bytes().split(b"\n")
    except OSError as error:
        raise BadFile((f"{path}: {error.strerror or error}",)) from None
    found: list[tuple[int, Gold]] = []
    mistakes: list[tuple[int, str]] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            found.append((number, _gold(_row(line.decode("utf-8-sig")))))
        except UnicodeDecodeError:
            mistakes.append((number, "is not UTF-8"))
        except ValueError as error:
            mistakes.append((number, str(error)))
    scheme = scheme_of(one for _, one in found)
    known = LABELS if scheme == "front_desk" else INTENTS
    named = "ten front-desk labels" if scheme == "front_desk" else "desk's intents"
    for number, one in found:
        if strange := sorted(one.allowed - known):
            mistakes.append((number, f"{strange[0]!r} is none of the {named}"))
    if mistakes:
        raise BadFile([f"{path}:{number}: {what}" for number, what in sorted(mistakes)])
    if not found:
        raise BadFile((f"{path}: has no labelled sentence",))
    return tuple(one for _, one in found)


def _gold(row: Mapping[str, Any]) -> Gold:
    """One line of a labelled file; raises ValueError saying what is wrong."""
    text, intent, language = row.get("text"), row.get("intent"), row.get("lang")
    if not isinstance(text, str) or not text.strip():
        raise ValueError('"text" must be a text that is not blank')
    if not isinstance(intent, str) or not intent:
        raise ValueError('"intent" must be a label')
    if language != "zh" and language != "en":
        raise ValueError('"lang" must be "zh" or "en"')
    also = row.get("also") or []
    if not isinstance(also, list) or not all(isinstance(label, str) for label in also):
        raise ValueError('"also" must be a list of labels')
    entities, second = _all_marked(row, "entities", text), _all_marked(row, "second_entities", text)
    if second is not None and entities is None:
        raise ValueError('"second_entities" says what another reader marked: "entities" must be there too')
    return Gold(text, intent, language, frozenset(also), entities, second)


def _all_marked(row: Mapping[str, Any], key: str, text: str) -> tuple[Entity, ...] | None:
    marked = row.get(key)
    if marked is not None and not isinstance(marked, list):
        raise ValueError(f'"{key}" must be a list')
    return None if marked is None else tuple(_marked(entity, text) for entity in marked)


def _marked(row: object, text: str) -> Entity:
    if not isinstance(row, dict) or not isinstance(row.get("entity"), str):
        raise ValueError('an entity must be an object {"entity", "value", "start", "end"}')
    start, end = row.get("start"), row.get("end")
    if type(start) is not int or type(end) is not int or not 0 <= start < end <= len(text):
        raise ValueError(f'entity {row["entity"]!r}: "start" and "end" must lie in the text')
    if row.get("value") != text[start:end]:
        raise ValueError(f"entity {row['entity']!r}: its value is not what stands at {start}:{end}")
    return Entity(row["entity"], text[start:end], start, end)


# ── Measures ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Score:
    """Precision, recall and their harmonic mean; None where nothing was predicted, or nothing was there."""

    precision: float | None
    recall: float | None
    f1: float


@dataclass(frozen=True, slots=True)
class LabelFigures:
    """One label: how often it was the right one (`n`) and how well it was found."""

    label: str
    n: int
    strict: Score
    lenient: Score


@dataclass(frozen=True, slots=True)
class Confusion:
    """A label taken for another, `count` times; `lenient` of these were defensible (in `also`)."""

    gold: str
    predicted: str
    count: int
    lenient: int


@dataclass(frozen=True, slots=True)
class EntityFigures:
    """One type of entity, or `all` together: exact spans, and spans that overlap.

    `lenient`, where two readers marked: an overlap with a mark of either is right, and only what both marked can be missed.
    """

    entity: str
    n: int
    exact: Score
    overlap: Score
    lenient: Score | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """The measures of one group of sentences. None: the group has nothing to measure it by."""

    n: int
    accuracy: float
    accuracy_lenient: float
    macro_f1: float
    macro_f1_lenient: float
    emergency_recall: float | None
    emergency_precision: float | None
    emergency_precision_lenient: float | None
    out_of_scope_recall: float | None
    out_of_scope_auroc: float | None
    ece: float
    labels: tuple[LabelFigures, ...]
    confusions: tuple[Confusion, ...]
    entities: tuple[EntityFigures, ...]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The measures of a file: `groups` are all, zh and en, those that have sentences."""

    scheme: Scheme
    groups: Mapping[str, Figures]


def labelled(prediction: Prediction, scheme: Scheme) -> tuple[str, float]:
    """The label a prediction amounts to, and its confidence.

    For the front desk's labels an intent that has none gives way to the next-ranked one that has (LABELS.md);
    where no ranked intent has a label, it is out_of_scope with confidence 0.
    """
    if scheme == "intents":
        return prediction.intent, prediction.confidence
    ranked = sorted(prediction.ranking, key=lambda row: -row.confidence)
    for row in (Ranked(prediction.intent, prediction.confidence), *ranked):
        if row.intent in FRONT_DESK:
            return FRONT_DESK[row.intent], row.confidence
    return "out_of_scope", 0.0


def score(right: int, predicted: int, there: int) -> Score:
    """Precision, recall and F1 from counts."""
    return Score(
        right / predicted if predicted else None,
        right / there if there else None,
        2 * right / (predicted + there) if right else 0.0,
    )


def label_scores(gold: Sequence[str], predicted: Sequence[str]) -> dict[str, Score]:
    """Each label that was right or was predicted, in the order of their names."""
    there, said = Counter(gold), Counter(predicted)
    right = Counter(label for label, other in zip(gold, predicted, strict=True) if label == other)
    return {label: score(right[label], said[label], there[label]) for label in sorted(there | said)}


def macro_f1(gold: Sequence[str], predicted: Sequence[str]) -> float:
    """The mean F1 of the labels that occur in `gold`, each weighing the same."""
    scores = label_scores(gold, predicted)
    labels = set(gold)
    return sum(scores[label].f1 for label in labels) / len(labels)


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    """The chance that a positive scores above a negative, a tie counting half; None without one of either.

    By rank sums (Mann and Whitney), tied scores sharing their mean rank.
    """
    if not positive or not negative:
        return None
    tied = Counter(positive) + Counter(negative)
    rank: dict[float, float] = {}
    below = 0
    for value in sorted(tied):
        rank[value] = below + (tied[value] + 1) / 2
        below += tied[value]
    n = len(positive)
    return (sum(rank[value] for value in positive) - n * (n + 1) / 2) / (n * len(negative))


def calibration_error(confidences: Sequence[float], right: Sequence[bool]) -> float:
    """Expected calibration error: |share right − mean confidence| of each bin, weighted by its sentences."""
    bins: dict[int, list[tuple[float, bool]]] = defaultdict(list)
    for confidence, hit in zip(confidences, right, strict=True):
        bins[min(int(confidence * BINS), BINS - 1)].append((confidence, hit))
    gaps = (abs(sum(hit for _, hit in rows) - sum(sure for sure, _ in rows)) for rows in bins.values())
    return sum(gaps) / len(confidences)


def _paired(marked: Iterable[Entity], predicted: Iterable[Entity]) -> list[tuple[Entity, Entity]]:
    """Entities of one type that share a character, one for one, in the order of the text."""
    free = sorted(predicted, key=lambda entity: (entity.start, entity.end))
    pairs = []
    for entity in sorted(marked, key=lambda entity: (entity.start, entity.end)):
        for other in free:
            if _touch(entity, other):
                free.remove(other)
                pairs.append((entity, other))
                break
    return pairs


def _touch(one: Entity, other: Entity) -> bool:
    return other.entity == one.entity and other.start < one.end and one.start < other.end


def overlapping(gold: Iterable[Entity], predicted: Iterable[Entity]) -> int:
    """How many marked entities have a predicted one of their type that shares a character, one for one."""
    return len(_paired(gold, predicted))


@dataclass(frozen=True, slots=True)
class MarkedSentence:
    """What was marked in a sentence, what another reader marked in it or None, and what was predicted."""

    marked: Sequence[Entity]
    second: Sequence[Entity] | None
    predicted: Sequence[Entity]


def entity_figures(pairs: Sequence[MarkedSentence], types: Iterable[str]) -> tuple[EntityFigures, ...]:
    """The figures of each type, and of `all` in front (micro-averaged); empty without sentences or types.

    Args:
        pairs: the entities of each sentence that was marked.
        types: the types that count; predicted entities of other types are nobody's mistake.
    """
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in sorted(types)}
    for pair in pairs:
        for kind, count in counts.items():
            there, said = _of(kind, pair.marked), _of(kind, pair.predicted)
            spans = Counter((e.start, e.end) for e in there) & Counter((e.start, e.end) for e in said)
            count["there"] += len(there)
            count["said"] += len(said)
            count["exact"] += spans.total()
            count["overlap"] += overlapping(there, said)
            if pair.second is not None:
                other = _of(kind, pair.second)
                agreed = [one for one, _ in _paired(there, other)]
                either = [*there, *(e for e in other if not any(_touch(e, one) for one in there))]
                count["twice"] += 1
                count["agreed"] += len(agreed)
                count["agreed found"] += overlapping(agreed, said)
                count["said, read twice"] += len(said)
                count["right to either"] += overlapping(either, said)
    if not pairs or not counts:
        return ()
    together: Counter[str] = sum(counts.values(), Counter())
    return tuple(
        EntityFigures(
            kind,
            count["there"],
            score(count["exact"], count["said"], count["there"]),
            score(count["overlap"], count["said"], count["there"]),
            _to_either(count) if count["twice"] else None,
        )
        for kind, count in (("all", together), *counts.items())
    )


def _of(kind: str, entities: Sequence[Entity]) -> list[Entity]:
    return [entity for entity in entities if entity.entity == kind]


def _to_either(count: Counter[str]) -> Score:
    precision = count["right to either"] / count["said, read twice"] if count["said, read twice"] else None
    recall = count["agreed found"] / count["agreed"] if count["agreed"] else None
    both = (precision or 0.0) + (recall or 0.0)
    return Score(precision, recall, 2 * (precision or 0.0) * (recall or 0.0) / both if both else 0.0)


def evaluate(gold: Sequence[Gold], predictions: Sequence[Prediction]) -> Evaluation:
    """Measures predictions against labels, sentence by sentence.

    Raises:
        ValueError: there is no sentence, or not one prediction for each.
    """
    if not gold or len(gold) != len(predictions):
        raise ValueError("one prediction for each labelled sentence, at least one, is needed")
    scheme = scheme_of(gold)
    types = frozenset(entity.entity for one in gold for entity in one.entities or ())
    pairs = list(zip(gold, predictions, strict=True))
    groups = {"all": pairs}
    for lang in LANGUAGES:
        groups[lang] = [pair for pair in pairs if pair[0].lang == lang]
    return Evaluation(
        scheme, {name: _figures(group, scheme, types) for name, group in groups.items() if group}
    )


def _figures(pairs: Sequence[tuple[Gold, Prediction]], scheme: Scheme, types: frozenset[str]) -> Figures:
    gold = [one.intent for one, _ in pairs]
    said, sure = zip(*(labelled(prediction, scheme) for _, prediction in pairs), strict=True)
    defended = [label in one.allowed for (one, _), label in zip(pairs, said, strict=True)]
    # Leniently, a defensible label counts as if the gold label had been predicted.
    kind = [right if ok else label for right, label, ok in zip(gold, said, defended, strict=True)]
    hits = [right == label for right, label in zip(gold, said, strict=True)]
    strict, lenient = label_scores(gold, said), label_scores(gold, kind)
    there = Counter(gold)
    misses = Counter((right, label) for right, label in zip(gold, said, strict=True) if right != label)
    forgiven = Counter(pair for pair, ok in zip(zip(gold, said, strict=True), defended, strict=True) if ok)
    nothing = Score(None, None, 0.0)
    danger = strict.get("emergency", nothing)
    alarms = [
        "emergency" in one.allowed
        for (one, _), label in zip(pairs, said, strict=True)
        if label == "emergency"
    ]
    strange = [_probability(prediction, "out_of_scope") for _, prediction in pairs]
    is_strange = [right == "out_of_scope" for right in gold]
    return Figures(
        n=len(pairs),
        accuracy=sum(hits) / len(pairs),
        accuracy_lenient=sum(defended) / len(pairs),
        macro_f1=macro_f1(gold, said),
        macro_f1_lenient=macro_f1(gold, kind),
        emergency_recall=danger.recall,
        emergency_precision=danger.precision,
        emergency_precision_lenient=sum(alarms) / len(alarms) if alarms else None,
        out_of_scope_recall=strict.get("out_of_scope", nothing).recall,
        out_of_scope_auroc=auroc(
            [value for value, positive in zip(strange, is_strange, strict=True) if positive],
            [value for value, positive in zip(strange, is_strange, strict=True) if not positive],
        ),
        ece=calibration_error(sure, hits),
        labels=tuple(
            LabelFigures(label, there[label], strict[label], lenient.get(label, nothing)) for label in strict
        ),
        confusions=tuple(
            Confusion(right, label, count, forgiven[right, label])
            for (right, label), count in sorted(misses.items(), key=lambda item: (-item[1], item[0]))
        ),
        entities=entity_figures(
            [
                MarkedSentence(one.entities, one.second, prediction.entities)
                for one, prediction in pairs
                if one.entities is not None
            ],
            types,
        ),
    )


def _probability(prediction: Prediction, intent: str) -> float:
    return next((row.confidence for row in prediction.ranking if row.intent == intent), 0.0)


# ── bot nlu-eval ────────────────────────────────────────────────────────────────────────────────────────────────────


async def predict_all(
    nlu: Nlu, rules: TriageRules, stage: Stage, gold: Sequence[Gold]
) -> tuple[Prediction, ...]:
    """Reads every labelled sentence, up to 16 parses at a time.

    Raises:
        NluUnavailable: the model did not answer for one of them.
    """
    nlu = _Turnstile(nlu)
    asked = [asyncio.create_task(predict(nlu, rules, stage, one.text, one.lang)) for one in gold]
    try:
        return tuple(await asyncio.gather(*asked))
    finally:
        for task in asked:
            task.cancel()


async def evaluate_file(
    nlu: Nlu,
    rules: TriageRules,
    path: Path,
    stage: Stage,
    *,
    as_json: bool,
    console: Console,
    errors: Console,
) -> int:
    """Measures a labelled file and prints the figures; the exit code.

    Args:
        console: where the tables, or with `as_json` one object, are printed.
        errors: where mistakes are named.

    Returns 0; 2 when the file cannot be used; 1 when the model did not answer every question.
    """
    try:
        gold = read_gold(path)
    except BadFile as bad:
        for mistake in bad.mistakes[:SHOWN]:
            _say(errors, mistake)
        if len(bad.mistakes) > SHOWN:
            _say(errors, f"{path}: and {len(bad.mistakes) - SHOWN} more bad lines")
        return 2
    try:
        predictions = await predict_all(nlu, rules, stage, gold)
    except NluUnavailable as error:
        _say(errors, f"{path}: not measured: {error}")
        return 1
    evaluation = evaluate(gold, predictions)
    models = sorted({prediction.model for prediction in predictions if prediction.model})
    if as_json:
        head = {"file": str(path), "stage": stage, "models": models, "labels": evaluation.scheme}
        groups = {name: asdict(figures) for name, figures in evaluation.groups.items()}
        _say(console, _json({**head, "groups": groups}, indent=2))
        return 0
    _say(console, f"{path}  stage {stage}  model {', '.join(models) or '–'}  labels {evaluation.scheme}")
    for table in tables(evaluation):
        console.print(table)
    return 0


def _say(console: Console, words: str) -> None:
    """Prints as it stands: no markup, no colours, no line breaks of its own."""
    console.print(words, markup=False, highlight=False, emoji=False, soft_wrap=True)


SUMMARY: Final = (
    ("accuracy", "accuracy"),
    ("accuracy, lenient", "accuracy_lenient"),
    ("macro-F1", "macro_f1"),
    ("macro-F1, lenient", "macro_f1_lenient"),
    ("emergency recall", "emergency_recall"),
    ("emergency precision", "emergency_precision"),
    ("emergency precision, lenient", "emergency_precision_lenient"),
    ("out_of_scope recall", "out_of_scope_recall"),
    ("out_of_scope AUROC", "out_of_scope_auroc"),
    ("calibration error (ECE)", "ece"),
)
"""Rows of the first table: words and the figure's name."""


def tables(evaluation: Evaluation) -> list[Table]:
    """The figures as a person reads them: summary, labels, confusions, entities."""
    groups, whole = evaluation.groups, evaluation.groups["all"]
    summary = _table("Summary", "measure", *groups)
    summary.add_row("sentences", *(str(figures.n) for figures in groups.values()))
    for words, name in SUMMARY:
        summary.add_row(words, *(_figure(getattr(figures, name)) for figures in groups.values()))
    apart = [name for name in groups if name != "all"]
    labels = _table("Labels", "label", "n", "P", "R", "F1", "F1 lenient", *(f"F1 {name}" for name in apart))
    f1 = {(name, row.label): row.strict.f1 for name in apart for row in groups[name].labels if row.n}
    for row in whole.labels:
        labels.add_row(
            row.label,
            str(row.n),
            *(_figure(value) for value in (row.strict.precision, row.strict.recall)),
            *(_figure(value.f1 if row.n else None) for value in (row.strict, row.lenient)),
            *(_figure(f1.get((name, row.label))) for name in apart),
        )
    made = [summary, labels]
    if whole.confusions:
        confusions = _table(
            f"Confusions, the {SHOWN} most frequent", "labelled", "taken for", "n", "defensible"
        )
        for pair in whole.confusions[:SHOWN]:
            confusions.add_row(pair.gold, pair.predicted, str(pair.count), str(pair.lenient))
        made.append(confusions)
    if whole.entities:
        entities = _table(
            "Entities", "type", "n", "P exact", "R exact", "F1 exact", "F1 overlap", "F1 lenient",
            *(f"F1 exact {name}" for name in apart),
        )  # fmt: skip
        exact = {(name, row.entity): row.exact.f1 for name in apart for row in groups[name].entities if row.n}
        for kind in whole.entities:
            entities.add_row(
                kind.entity,
                str(kind.n),
                *(_figure(value) for value in (kind.exact.precision, kind.exact.recall, kind.exact.f1)),
                _figure(kind.overlap.f1),
                _figure(kind.lenient.f1 if kind.lenient else None),
                *(_figure(exact.get((name, kind.entity))) for name in apart),
            )
        made.append(entities)
    return made


def _table(title: str, first: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="left" if column == "taken for" else "right")
    return table


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"
