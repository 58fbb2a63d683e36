"""What one message means to the desk: life-safety rules, the language model, and the cut into matters.

The rules run first and always, whether or not the model answers; where it does, the two are weighed together (`core.triage.weigh`),
here and nowhere else, so that what is measured is what residents meet. This module must never lose a danger to a slow model, never
take a guess for an answer when there is none (`understood` says so), and never log what a resident wrote.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from bot.core.matters import MOST, ORDER, around, clauses, cut, matters, places, settled
from bot.core.resolve.language import detect
from bot.core.triage import TriageRules, doubtful, examine, weigh
from bot.core.types import Language, Matter, Parsed, Ranked, Triage
from bot.nlu import NluUnavailable

SURE: Final = 1.0
"""Confidence of an emergency the desk has decided to see."""
SURE_BEHIND_GREETING: Final = 0.93
"""How sure what stands behind a greeting must be of its matter to be the message's."""


class Nlu(Protocol):
    """Whoever reads a sentence: the Rasa client, or a stand-in."""

    async def parse(self, text: str, language: str) -> Parsed:
        """Reads one sentence; raises NluUnavailable when there is no usable answer in time."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What was made of one message.

    `parsed` is the reading of the whole message. `matters` is empty when the model gave no answer (`understood`
    False) and when the message has no words; a matter "emergency" is in it, in front, when the alarm is raised, and never otherwise.
    `triage` is the danger a rule found in it then. `doubt`: no alarm, but danger is not out of the question. `why` says why the model did not answer, for the whole message or
    for one of its parts; it is empty when every question was answered and never holds the resident's words.
    """

    parsed: Parsed | None
    matters: tuple[Matter, ...]
    triage: Triage | None
    language: Language
    understood: bool
    why: str = ""
    doubt: bool = False


async def understand(
    nlu: Nlu, rules: TriageRules, text: str, language: Language | None = None, default: Language = "zh"
) -> Understood:
    """Reads one message.

    Args:
        nlu: the language model's client.
        rules: the life-safety rules of data/triage.yml.
        text: the message as sent.
        language: the message's language where it is known; None lets its words tell.
        default: the language of the conversation so far, kept when the words do not tell.

    The whole message is asked about first; then, all at once, what stands before and behind each place where it may be cut; last, where
    it falls into three, the one in the middle. When the model falls silent in between, the message stays one matter: late is worse
    than uncut.
    """
    evidence = examine(rules, text)
    spoken = language or detect(text, default)
    if not text.strip():
        return Understood(None, (), None, spoken, True)
    try:
        whole = await nlu.parse(text, spoken)
    except NluUnavailable as error:
        return Understood(None, (), evidence.fired, spoken, False, str(error) or "the language model gave no answer", evidence.unclear)
    read = {text.strip(): whole}
    pieces: tuple[str, ...] = ()
    why = ""
    said = clauses(text, whole.entities)
    sides = around(text, said)
    try:
        read |= await _together(nlu, (side for pair in sides for side in pair), spoken)
        chosen = places(text, whole, said, read)
        read |= await _together(nlu, (piece for piece in cut(text, said, chosen) if piece not in read), spoken)
        pieces = cut(text, said, settled(text, said, chosen, read))
    except NluUnavailable as error:
        why = str(error) or "the language model gave no answer"
    parts = [read[piece] for piece in pieces]
    probability = _emergency(whole)
    if weigh(rules, evidence, probability):
        found = _danger_first(matters(whole, parts), whole, evidence.matched)
        return Understood(whole, found, evidence.fired, spoken, True, why)
    doubt = doubtful(rules, evidence, probability, (_emergency(part) or 0.0 for part in read.values()))
    found = matters(_otherwise(whole), [_otherwise(part) for part in parts])
    found = _behind_greeting(found, (_otherwise(read[behind]) for _, behind in sides if behind in read))
    return Understood(whole, found, None, spoken, True, why, doubt)


async def _together(nlu: Nlu, texts: Iterable[str], language: Language) -> dict[str, Parsed]:
    """Reads several texts at once, each under its text; when one cannot be read the others are not waited for."""
    asked = {text: asyncio.create_task(nlu.parse(text, language)) for text in dict.fromkeys(texts)}
    try:
        return dict(zip(asked, await asyncio.gather(*asked.values()), strict=True))
    finally:
        for task in asked.values():
            task.cancel()


def _emergency(part: Parsed) -> float | None:
    """What the model gives an emergency; None where it does not say."""
    readings = (Ranked(part.intent, part.confidence), *part.ranking)
    return max((row.confidence for row in readings if row.intent == "emergency"), default=None)


def _otherwise(part: Parsed) -> Parsed:
    """A reading of a message in which the desk sees no emergency: what else it may be."""
    ranking = tuple(row for row in part.ranking if row.intent != "emergency")
    if part.intent != "emergency":
        return replace(part, ranking=ranking)
    first = ranking[0] if ranking else Ranked("out_of_scope", 0.0)
    return replace(part, intent=first.intent, confidence=first.confidence, ranking=ranking)


def _behind_greeting(found: tuple[Matter, ...], behind: Iterable[Parsed]) -> tuple[Matter, ...]:
    """A message that reads like a greeting, what stands behind it surely a matter, is that matter: "早上好，今天办公室有人吗"."""
    if len(found) != 1 or found[0].intent != "greet":
        return found
    opened = next((part for part in behind if part.intent in ORDER and part.confidence >= SURE_BEHIND_GREETING), None)
    if opened is None:
        return found
    return (replace(found[0], intent=opened.intent, confidence=opened.confidence, ranking=opened.ranking),)


def _danger_first(found: tuple[Matter, ...], whole: Parsed, matched: str) -> tuple[Matter, ...]:
    """The matters with an emergency in front (LABELS.md rule 1), whether or not the model heard one.

    Its words are the whole message: what follows a danger may belong to it. A message holds at most three
    matters; the one that spoke of the danger (`matched`) gives way, for the emergency has its words.
    """
    if any(matter.intent == "emergency" for matter in found):
        return found
    ranking = (
        Ranked("emergency", SURE),
        *(Ranked(row.intent, 0.0) for row in whole.ranking if row.intent != "emergency"),
    )
    if len(found) >= MOST:
        given_up = next((matter for matter in found if matched and matched in matter.text), found[-1])
        found = tuple(matter for matter in found if matter is not given_up)
    return Matter(whole.text, "emergency", SURE, ranking, whole.entities), *found
