"""Trains and measures the pipelines side by side and writes REPORT.md: `make nlu-report`.

    .venv/bin/python nlu/report.py [NAME …]        only these variants anew; the others keep their last figures

Each variant is trained by `nlu/train.py --trial`, served like the desk's own model and asked every message of `nlu/testset`, one at a
time. What was measured is kept in `nlu/report/NAME.json` with a digest of all that shaped it, so that only what has changed is
measured again. Seconds and milliseconds are given twice: as they passed, and as the processor worked them, which tells the same on a
machine that has other things to do. A figure is never carried over to another model, test set or set of sentences: where the digest differs and the
variant was not asked for, the report says that the figure is of an older state.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from bot.core.types import Entity, Parsed  # noqa: E402
from bot.nlu import RasaNlu  # noqa: E402
from bot.nlu_eval import FRONT_DESK, Gold, Prediction, evaluate, labelled, read_gold  # noqa: E402
from bot.rasa_server import RasaServer  # noqa: E402

NLU = ROOT / "nlu"
KEPT = NLU / "report"
WORK = ROOT / "var" / "nlu-report"
LENGTHS = (("short", 0, 12), ("middle", 12, 60), ("long", 60, 10_000))
"""Groups by length: Chinese characters, or English words times two and a half."""
CAPS = {"train_seconds": 300, "ready_seconds": 30, "memory_mb": 1000, "parse_ms": 10}
COSTS = (
    ("train_seconds", 0), ("train_seconds_processor", 0), ("model_mb", 1), ("ready_seconds", 1), ("memory_mb", 0),
    ("parse_ms", 1), ("parse_ms_95", 1), ("parse_ms_processor", 1), ("yardstick_ms", 0),
)  # fmt: skip
SHARES = (0.03125, 0.125, 0.25, 0.5)


@dataclass(frozen=True, slots=True)
class Variant:
    """One row of the report. `share` of the sentences, `language` where it learns only one."""

    name: str
    what: str
    config: str = "config.yml"
    share: float = 1.0
    language: str = ""
    entities: bool = True


VARIANTS = (
    Variant("desk", "the desk's own: words and runs of characters, weighed with the tuned encoder; a linear chain joined with the encoder for entities"),
    Variant("desk-pieces", "words and runs of characters alone", "variants/desk-pieces.yml", entities=False),
    Variant("desk-encoder", "the tuned encoder alone", "variants/desk-encoder.yml", entities=False),
    Variant("rasa-lr", "Rasa's logistic regression on words and runs", "variants/rasa-lr.yml", entities=False),
    Variant("desk-zh", "the desk's own, Chinese sentences alone", language="zh"),
    Variant("desk-en", "the desk's own, English sentences alone", language="en"),
    *(Variant(f"desk-{share:g}", f"the desk's own, {share:.3g} of the sentences (the encoder was tuned on all)", share=share) for share in SHARES),
    Variant("desk-pieces-0.03125", "words and runs alone, 0.0312 of the sentences", "variants/desk-pieces.yml", 0.03125, entities=False),
    Variant("peer-0.03125", "Jieba, words, runs of characters, DIET 100 epochs, 0.0312 of the sentences", "variants/peer.yml", 0.03125),
    Variant("peer-0.125", "the same, 0.125 of the sentences", "variants/peer.yml", 0.125),
)


def digest(variant: Variant) -> str:
    """Of everything that shapes a variant's figures."""
    files = [NLU / variant.config, NLU / "requirements.txt", NLU / "patterns.yml"]
    files += sorted((NLU / "testset").glob("*.jsonl"))
    if "nlu.components" in files[0].read_text(encoding="utf-8"):
        files += sorted((NLU / "components").glob("*.py"))
        files += [NLU / "encoder" / name for name in ("layers.onnx", "names.json", "pieces.npz")]
    files += sorted((ROOT / "data" / "nlu").rglob("*.yml"))
    found = hashlib.sha256(f"{variant.share} {variant.language}".encode())
    for path in files:
        found.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:16]


def ten(gold: Gold) -> Gold:
    """The same message under the front desk's ten labels."""
    also = frozenset(FRONT_DESK[label] for label in gold.also if label in FRONT_DESK)
    return replace(gold, intent=FRONT_DESK[gold.intent], also=also - {FRONT_DESK[gold.intent]})


def messages(language: str, prefix: str = "") -> tuple[Gold, ...]:
    """A test set, under ten labels: the first, or with the prefix "fresh." the second."""
    return tuple(
        ten(one)
        for lang in ("zh", "en")
        if language in ("", lang)
        for one in read_gold(NLU / "testset" / f"{prefix}{lang}.jsonl")
    )


def _length(one: Gold) -> float:
    return len(one.text) if one.lang == "zh" else len(one.text.split()) * 2.5


async def _read(server: RasaServer, gold: Sequence[Gold]) -> tuple[list[Parsed], list[float], float]:
    """The parses, the milliseconds each took to come, and the processor's milliseconds a parse."""
    client = RasaNlu(server.url, server.token, timeout=60.0)
    parsed, spent = [], []
    try:
        for one in gold[:20]:
            await client.parse(one.text, one.lang)
        worked = _processor_seconds(server.pid or 0)
        for one in gold:
            begun = time.perf_counter()
            parsed.append(await client.parse(one.text, one.lang))
            spent.append((time.perf_counter() - begun) * 1000)
        worked = _processor_seconds(server.pid or 0) - worked
    finally:
        await client.aclose()
    return parsed, spent, worked / len(gold) * 1000


def _processor_seconds(pid: int) -> float:
    """What a process and its threads have worked so far: fields 14 and 15 of /proc/PID/stat (proc(5))."""
    after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def yardstick_ms() -> float:
    """What a piece of work that never changes takes of the processor, in milliseconds: two figures of this page compare as far as their
    yardsticks do. The quickest of five, so that another program's turn is not counted."""

    def once() -> float:
        begun = time.process_time()
        sum(number * number % 7 for number in range(1_000_000))
        return (time.process_time() - begun) * 1000

    return min(once() for _ in range(5))


def _memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0.0


async def _served(model: Path, gold: Sequence[Gold]) -> dict[str, Any]:
    server = RasaServer(model, root=ROOT, var=WORK, port=5099)
    begun = time.perf_counter()
    await server.start(lambda line: print(f"  {line}", flush=True))
    ready = time.perf_counter() - begun
    try:
        parsed, spent, worked = await _read(server, gold)
        memory = _memory_mb(server.pid or 0)
    finally:
        await server.stop()
    return {"parsed": parsed, "ready_seconds": ready, "memory_mb": memory, "parse_ms": median(spent),
            "parse_ms_95": sorted(spent)[int(len(spent) * 0.95)], "parse_ms_processor": worked}  # fmt: skip


def _prediction(parsed: Parsed, entities: bool) -> Prediction:
    found: tuple[Entity, ...] = parsed.entities if entities else ()
    return Prediction(parsed.intent, parsed.confidence, parsed.ranking, found, model=parsed.model)


def measure(variant: Variant) -> dict[str, Any]:
    """Trains and measures one variant."""
    WORK.mkdir(parents=True, exist_ok=True)
    model = WORK / f"{variant.name}.tar.gz"
    command = [
        str(NLU / ".venv" / "bin" / "python"), str(NLU / "train.py"), "--trial", str(model),
        "--config", str(NLU / variant.config), "--share", str(variant.share),
    ]  # fmt: skip
    if variant.language:
        command += ["--language", variant.language]
    print(f"{variant.name}: {variant.what}", flush=True)
    begun, worked = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, env={**os.environ, "PYTHONWARNINGS": "ignore"})
    trained, after = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_CHILDREN)
    gold, fresh = messages(variant.language), messages(variant.language, "fresh.")
    served = asyncio.run(_served(model, (*gold, *fresh)))
    answers = [_prediction(parsed, variant.entities) for parsed in served.pop("parsed")]
    predictions, of_fresh = answers[: len(gold)], answers[len(gold) :]
    evaluation = evaluate(gold, predictions)
    figures: dict[str, Any] = {
        "digest": digest(variant), "train_seconds": trained,
        "train_seconds_processor": after.ru_utime + after.ru_stime - worked.ru_utime - worked.ru_stime, "model_mb": model.stat().st_size / 1e6, "yardstick_ms": yardstick_ms(), **served, "groups": {}
    }  # fmt: skip
    for group, found in evaluation.groups.items():
        overlap = {row.entity: row.overlap.f1 for row in found.entities} if variant.entities else {}
        lenient = {row.entity: row.lenient.f1 for row in found.entities if row.lenient} if variant.entities else {}
        figures["groups"][group] = {
            "n": found.n, "macro_f1": found.macro_f1_lenient, "accuracy": found.accuracy_lenient,
            "auroc": found.out_of_scope_auroc, "ece": found.ece, "entities": overlap, "entities_lenient": lenient,
            "labels": {row.label: row.lenient.f1 for row in found.labels if row.n},
        }  # fmt: skip
    for name, least, most in LENGTHS:
        for lang in ("zh", "en"):
            chosen = [(g, p) for g, p in zip(gold, predictions, strict=True) if g.lang == lang and least < _length(g) <= most]
            if chosen:
                found = evaluate([g for g, _ in chosen], [p for _, p in chosen]).groups[lang]
                figures["groups"][f"{lang} {name}"] = {"n": found.n, "macro_f1": found.macro_f1_lenient, "accuracy": found.accuracy_lenient}
    for lang, found in evaluate(fresh, of_fresh).groups.items():
        figures["groups"][f"fresh {lang}"] = {
            "n": found.n, "macro_f1": found.macro_f1_lenient, "accuracy": found.accuracy_lenient, "auroc": found.out_of_scope_auroc,
        }  # fmt: skip
    if variant.name == "desk":
        figures["curve"] = _curve(gold, predictions)
    return figures


def _curve(gold: Sequence[Gold], predictions: Sequence[Prediction]) -> list[dict[str, float]]:
    """For each confidence: how many messages reach it, how often these are right, and how often those just below."""
    rows = []
    said = [(labelled(p, "front_desk"), g) for g, p in zip(gold, predictions, strict=True)]
    for least in (0.0, 0.15, 0.25, 0.35, 0.45, 0.55, 0.65, 0.75, 0.85, 0.95):
        above = [label in g.allowed for (label, sure), g in said if sure >= least]
        band = [label in g.allowed for (label, sure), g in said if least <= sure < least + 0.1]
        rows.append({
            "confidence": least, "share": len(above) / len(said),
            "right": sum(above) / len(above) if above else 0.0, "band": sum(band) / len(band) if band else 0.0,
            "messages": len(band),
        })  # fmt: skip
    return rows


# ── the page ──


def _cell(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def page(kept: dict[str, dict[str, Any]]) -> str:
    """REPORT.md."""
    lines = [
        "# The language model, measured", "",
        "Written by `make nlu-report` (`report.py`); do not edit. Judged by `testset/`, ten front-desk labels, `also` counted as right,",
        "the classifier alone. Entities, where the pipeline finds any, by overlap with the first reader's marks, and with those of either of",
        "two (lenient, `docs/nlu-eval.md`). Every model was trained on this machine from",
        f"`data/nlu` ({learnt_from('zh'):,} Chinese and {learnt_from('en'):,} English sentences) and served on loopback, asked one message at a time.", "",
        f"Test set: {', '.join(f'`{p.name}` {hashlib.sha256(p.read_bytes()).hexdigest()[:16]}' for p in sorted((NLU / 'testset').glob('*.jsonl')))}.", "",
        "## Accuracy", "",
        "| variant | F1 zh | F1 en | right zh | right en | AUROC | ECE zh | ECE en | entities zh | entities en | to either reader zh | en |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
    ]  # fmt: skip
    for variant in VARIANTS:
        if (found := kept.get(variant.name)) is None:
            continue
        g = found["groups"]
        zh, en = g.get("zh", {}), g.get("en", {})
        cells = [zh.get("macro_f1"), en.get("macro_f1"), zh.get("accuracy"), en.get("accuracy"), g["all"]["auroc"],
                 zh.get("ece"), en.get("ece"), zh.get("entities", {}).get("all"), en.get("entities", {}).get("all"),
                 zh.get("entities_lenient", {}).get("all"), en.get("entities_lenient", {}).get("all")]  # fmt: skip
        lines.append(f"| {_name(variant, found)} | {' | '.join(_cell(c) for c in cells)} |")
    lines += ["", "**Variants.** " + " · ".join(f"`{v.name}`: {v.what}" for v in VARIANTS if v.name in kept) + ".", ""]
    lines += ["## The second set", "",
              "Written when the sentences and the pipeline stood, by somebody who had seen neither, and looked at by nobody since.", "",
              "| variant | F1 zh | F1 en | right zh | right en | AUROC |", "|---|---|---|---|---|---|"]  # fmt: skip
    for variant in VARIANTS:
        if found := kept.get(variant.name):
            zh, en = (found["groups"].get(f"fresh {lang}", {}) for lang in ("zh", "en"))
            cells = [zh.get("macro_f1"), en.get("macro_f1"), zh.get("accuracy"), en.get("accuracy"), found["groups"].get("fresh all", {}).get("auroc")]
            lines.append(f"| {_name(variant, found)} | {' | '.join(_cell(c) for c in cells)} |")
    lines += ["", "## By length", "", "Macro-F1 (and how many messages). Short: up to 12 characters, or 4 words; long: more than 60, or 24 words.", "",
              "| variant | " + " | ".join(f"{lang} {name}" for lang in ("zh", "en") for name, *_ in LENGTHS) + " |", "|---|" + "---|" * 6]  # fmt: skip
    for variant in VARIANTS:
        if found := kept.get(variant.name):
            cells = [found["groups"].get(f"{lang} {name}") for lang in ("zh", "en") for name, *_ in LENGTHS]
            lines.append(f"| {_name(variant, found)} | " + " | ".join(f"{_cell(c['macro_f1'])} ({c['n']})" if c else "–" for c in cells) + " |")
    lines += ["", "## Cost", "", f"Caps: training {CAPS['train_seconds']} s, ready {CAPS['ready_seconds']} s, memory {CAPS['memory_mb'] / 1000:.1f} GB, {CAPS['parse_ms']} ms a parse on one core.", "",
              "The yardstick is what a piece of work that never changes took of the processor in the same hour: a machine on which it takes half as long",
              "parses in about half the time.", "",
              "| variant | training s | of the processor | model MB | ready s | memory MB | parse ms, median | 95 % | of the processor | yardstick ms |",
              "|---|---|---|---|---|---|---|---|---|---|"]  # fmt: skip
    for variant in VARIANTS:
        if found := kept.get(variant.name):
            cells = [_cell(found.get(k), d) for k, d in COSTS]
            lines.append(f"| {_name(variant, found)} | {' | '.join(cells)} |")
    if desk := kept.get("desk"):
        lines += _of_the_desk(desk)
    lines += ["", "–: not measured, or on a machine that had other work to do."]
    if any(digest(v) != kept[v.name]["digest"] for v in VARIANTS if v.name in kept):
        lines += ["", "\\* measured before the last change of sentences, test set or components; `make nlu-report` measures it anew."]
    return "\n".join(lines) + "\n"


def _of_the_desk(desk: dict[str, Any]) -> list[str]:
    lines = ["", "## The desk's own, label by label", "", "| label | F1 zh | F1 en |", "|---|---|---|"]
    zh, en = desk["groups"]["zh"], desk["groups"]["en"]
    lines += [f"| {label} | {_cell(zh['labels'].get(label))} | {_cell(en['labels'].get(label))} |" for label in sorted(zh["labels"])]
    lines += ["", "| entity | F1 zh | F1 en | to either reader zh | en |", "|---|---|---|---|---|"]
    columns = [g.get(key, {}) for key in ("entities", "entities_lenient") for g in (zh, en)]
    lines += [f"| {kind} | {' | '.join(_cell(column.get(kind)) for column in columns)} |" for kind in zh["entities"]]
    lines += ["", "## Confidence", "", "How many messages reach a confidence, how often their first reading is right, and how often it is within the next tenth: what the",
              "thresholds of `data/policy.yml` are read off. `sure`: the highest step that 97 in 100 messages reach, 95 in 100 of which are right: few",
              "are asked back. `confirm`: the lowest step whose next tenth holds at least ten messages and is right one time in three: a question that is",
              "answered yes so often costs the resident no more than the menu of seven.", "",
              "| confidence | share at or above | right at or above | right in [c, c + 0.1) | messages there |", "|---|---|---|---|---|"]  # fmt: skip
    lines += [f"| {row['confidence']:.2f} | {row['share']:.3f} | {row['right']:.3f} | {row['band']:.3f} | {_cell(row['messages'], 0)} |" for row in desk["curve"]]
    return lines


def _name(variant: Variant, found: dict[str, Any]) -> str:
    return f"`{variant.name}`" + ("" if found["digest"] == digest(variant) else "\\*")


def learnt_from(language: str) -> int:
    """How many training sentences there are."""
    files = (ROOT / "data" / "nlu" / language).glob("*.yml")
    return sum(line.startswith("    - ") for f in files for line in f.read_text(encoding="utf-8").splitlines())


def main() -> int:
    """Measures what was asked for, or all that has no figures of the present state; then writes the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="measure these variants anew")
    parser.add_argument("--page", action="store_true", help="only write the page from the figures that are there")
    options = parser.parse_args()
    known = {v.name: v for v in VARIANTS}
    if unknown := [name for name in options.names if name not in known]:
        print(f"no variant {unknown[0]}; one of {', '.join(known)}", file=sys.stderr)
        return 2
    KEPT.mkdir(exist_ok=True)
    for variant in VARIANTS:
        file = KEPT / f"{variant.name}.json"
        fresh = file.exists() and json.loads(file.read_text(encoding="utf-8"))["digest"] == digest(variant)
        if not options.page and (variant.name in options.names or (not options.names and not fresh)):
            file.write_text(json.dumps(measure(variant), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    kept = {v.name: json.loads((KEPT / f"{v.name}.json").read_text(encoding="utf-8")) for v in VARIANTS if (KEPT / f"{v.name}.json").exists()}
    (NLU / "REPORT.md").write_text(page(kept), encoding="utf-8")
    print(f"wrote nlu/REPORT.md with {len(kept)} variants")
    return 0


if __name__ == "__main__":
    sys.exit(main())
