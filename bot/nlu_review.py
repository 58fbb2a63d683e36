"""`bot nlu-review`: what the language model read badly becomes sentences to learn from.

It lists the masked messages of `misreadings`, writes a labelled one into `data/nlu/<language>/<intent>.yml`, and marks it settled.
It must never write a message that was not masked, nor a sentence that is there already.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import select

from bot import misreadings, office
from bot.app import open_database
from bot.database import EVERY
from bot.misreadings import Kept
from bot.session import BadLine
from bot.settings import Settings
from bot.tables import table

_UNMARKED = "  metadata: {entities: unmarked}\n"
"""Sentences of such a block teach intents alone: nobody has marked what they name (nlu/README.md)."""


def run(
    settings: Settings, labels: Sequence[str], agree: bool, drops: Sequence[int], as_json: bool, console: Console
) -> None:
    """One call of the command.

    Args:
        labels: "ID=intent" each.
        agree: label every message for which somebody has said what was meant.
        drops: ids of messages there is nothing to learn from.

    Raises:
        BadLine: an id or an intent that is not known; nothing is written then.
    """
    intents = office.open_office(settings.root).intents
    database = open_database(settings, lambda line: None)
    try:
        community = database.read(
            EVERY,  # which one it is, by its code
            lambda c: c.scalar(select(table("community").c.id).where(table("community").c.code == settings.community)),
        )
        if community is None:
            raise BadLine(f"There is no community {settings.community}; set DESK_COMMUNITY.")
        kept = {row.id: row for row in database.read(community, lambda c: misreadings.waiting(c, community))}
        chosen = _chosen(kept, labels, agree, intents)
        unknown = [number for number in drops if number not in kept]
        if unknown:
            raise BadLine(f"There is no message {unknown[0]}; `bot nlu-review` lists them.")
        if not chosen and not drops:
            _show(kept.values(), as_json, console)
            return
        for row, intent in chosen:
            learn(settings.root / "data" / "nlu", row.language, intent, row.text)
        settled = [(row.text, intent) for row, intent in chosen] + [(kept[n].text, "") for n in drops]
        database.write(community, lambda c: misreadings.settle(c, community, settled, datetime.now(UTC)))
        console.print(
            f"{len(chosen)} put into data/nlu, {len(drops)} dropped, {len(kept) - len(settled)} left."
            + (" Mark what they name, then `make train`; a running desk takes the new model by itself." if chosen else "")
        )
    finally:
        database.close()


def _chosen(
    kept: dict[int, Kept], labels: Sequence[str], agree: bool, intents: Iterable[str]
) -> list[tuple[Kept, str]]:
    known = frozenset(intents)
    chosen = {row.id: row.should_be for row in kept.values() if agree and row.should_be}
    for label in labels:
        number, _, intent = label.partition("=")
        if not number.strip().isdecimal() or int(number) not in kept:
            raise BadLine(f"--label {label}: there is no such message; write for example --label 12=repair")
        if intent not in known:
            raise BadLine(f"--label {label}: no such intent; one of {', '.join(sorted(known))}")
        chosen[int(number)] = intent
    return [(kept[number], intent) for number, intent in chosen.items()]


def _show(rows: Iterable[Kept], as_json: bool, console: Console) -> None:
    if as_json:
        for row in rows:
            line = {"id": row.id, "at": row.at.isoformat(timespec="seconds"), "text": row.text, "lang": row.language,
                    "heard_as": row.heard_as, "confidence": round(row.confidence, 3), "why": row.why,
                    "should_be": row.should_be, "model": row.model}  # fmt: skip
            console.print(json.dumps(line, ensure_ascii=False), markup=False)
        return
    shown = Table(box=None, header_style="bold")
    for heading in ("id", "day", "heard as", "why", "meant", "message"):
        shown.add_column(heading, overflow="fold")
    for row in rows:
        heard = f"{row.heard_as or '–'} {row.confidence:.2f}"
        shown.add_row(str(row.id), f"{row.at:%m-%d}", heard, row.why, row.should_be or "–", row.text.replace("\n", " ⏎ "))
    console.print(shown if shown.row_count else "Nothing waits: every message was understood, or has been settled.")


def learn(folder: Path, language: str, intent: str, text: str) -> None:
    """Adds a sentence to data/nlu, at the end of the intent's file, in a block that says it bears no marks.

    A line break becomes a blank, for an example is one line; a sentence that stands there already is not added again.
    """
    path = folder / language / f"{intent}.yml"
    line = " ".join(text.split())
    before = path.read_text(encoding="utf-8") if path.exists() else 'version: "3.1"\nnlu:\n'
    if f"    - {line}\n" in before:
        return
    block = f"- intent: {intent}\n{_UNMARKED}  examples: |\n"
    if not before.endswith("\n"):
        before += "\n"
    last = before.rfind("- intent:")
    begun = last >= 0 and before[last:].startswith(block)
    path.parent.mkdir(parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(f"{before}{'' if begun else block}    - {line}\n", encoding="utf-8")
    os.replace(fresh, path)
