"""Life safety as residents meet it: rules and the real model weighed together, on messages nobody looked at for it."""

from __future__ import annotations

import asyncio
import json
from collections import Counter

from bot.nlu import RasaNlu
from bot.rasa_server import RasaHandle
from bot.understanding import understand
from tests.nlu.conftest import ROOT
from tests.texts import office_texts

ANNOTATED = ROOT / "tests" / "annotated"


async def measured(rasa: RasaHandle) -> dict[str, dict[str, float]]:
    """Recall and precision of the alarm, and the share of dangers of which at least the number to ring was told."""
    rules = office_texts().triage
    nlu = RasaNlu(rasa.url, rasa.token, timeout=60.0)
    count: Counter[tuple[str, str]] = Counter()
    try:
        for name in ("triage", "triage_second"):
            for language in ("zh", "en"):
                for row in map(json.loads, (ANNOTATED / f"{name}.{language}.jsonl").read_text(encoding="utf-8").splitlines()):
                    if name == "triage" and int(row["id"][-3:]) % 2 == 0:
                        continue
                    heard = await understand(nlu, rules, row["text"], row["lang"])
                    alarm = any(matter.intent == "emergency" for matter in heard.matters)
                    count[name, "there"] += row["emergency"]
                    count[name, "raised"] += alarm
                    count[name, "right"] += alarm and row["emergency"]
                    count[name, "told"] += (alarm or heard.doubt) and row["emergency"]
    finally:
        await nlu.aclose()
    return {
        name: {
            "recall": count[name, "right"] / count[name, "there"],
            "precision": count[name, "right"] / count[name, "raised"],
            "told": count[name, "told"] / count[name, "there"],
        }
        for name in ("triage", "triage_second")
    }


async def test_dangers_are_heard_and_little_else_is_taken_for_one(rasa: RasaHandle) -> None:
    """The aim is recall 0.99 at precision 0.90 over the first test set and the whole list (nlu/README.md); here it must not get worse."""
    async with asyncio.timeout(300):
        found = await measured(rasa)
    for name in ("triage", "triage_second"):
        assert found[name]["recall"] >= 0.97 and found[name]["precision"] >= 0.88 and found[name]["told"] >= 0.98, found
