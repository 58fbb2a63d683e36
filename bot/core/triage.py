"""Life-safety triage: does a message speak of people who may be in danger now?

Rules over data/triage.yml, always on, needing no model. It must never depend on the network or the NLU, never
raise on any text, and never be softened by a form in progress. A missed danger is worse than a false alarm, so
doubt ("是不是着火了", "what do I do, I smell gas") counts; only a mention that is negated, past and over,
supposed, feared, recurring or a figure of speech does not (LABELS rule 2; DOMAIN: Life safety).

A mention is judged in its own place: negation and fear within its clause, past and supposition within its
sentence, a stand-down anywhere behind it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from bot.core.resolve.numerals import fold
from bot.core.types import Triage

DANGERS: Final = (
    "fire", "smoke", "gas", "suicide", "drowning", "violence", "intruder", "injury", "trapped_lift",
    "trapped_room", "electric", "missing_person", "dog_attack", "falling_objects",
)  # fmt: skip
READINGS: Final = ("negated", "past", "still", "hypothetical", "feared", "recurring", "stand_down")
LANGUAGES: Final = ("zh", "en")

_LONGEST: Final = 2000
"""Characters judged of one message; the platforms' own limits are near it."""
_SENTENCE_END: Final = re.compile(r"[。!?;\n]+|\.(?=\s|$)")
_CLAUSE_END: Final = re.compile(r"[,、:]|但是?|不过|可是|\bbut\b|\bhowever\b", re.IGNORECASE)
# What stands behind one of these is told of the present, though the sentence began in the past.
_PRESENT: Final = re.compile(
    r"今[天早晚]|现在|刚才|刚刚|这会儿|\btoday\b|\bnow\b|\bjust\b|\btonight\b", re.IGNORECASE
)
_RECENT: Final = re.compile(
    r"刚才|刚刚|刚(?=[着起冒发闻看])|分钟前|\bjust now\b|\bminutes? ago\b|\ba moment ago\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Danger:
    name: str
    patterns: re.Pattern[str]
    exclusions: re.Pattern[str] | None
    over: re.Pattern[str] | None
    deaf_to: frozenset[str]


@dataclass(frozen=True, slots=True)
class TriageRules:
    """The compiled rules: dangers in the order in which they are answered, and the readings that excuse one."""

    dangers: tuple[_Danger, ...]
    readings: Mapping[str, re.Pattern[str]]

    @property
    def lines(self) -> tuple[str, ...]:
        """The response keys that must stand in domain.yml, one per danger."""
        return tuple(line_key(danger.name) for danger in self.dangers)


def line_key(danger: str) -> str:
    """The response key of a danger's safety line."""
    return f"utter_safety_{danger}"


def _patterns(value: object, where: str, *, needed: bool) -> re.Pattern[str] | None:
    if value is None and not needed:
        return None
    if not isinstance(value, Mapping):
        raise ValueError(f"{where}: must map languages to lists of patterns; write {where}.zh and {where}.en")
    unknown = sorted(str(key) for key in value if key not in LANGUAGES)
    if unknown:
        raise ValueError(f"{where}.{unknown[0]}: unknown language; use one of {', '.join(LANGUAGES)}")
    missing = [language for language in LANGUAGES if not value.get(language)]
    if needed and missing:
        raise ValueError(f"{where}.{missing[0]}: no pattern; add at least one, both languages are required")
    sources: list[str] = []
    for language in LANGUAGES:
        listed = value.get(language) or []
        if not isinstance(listed, Sequence) or isinstance(listed, str):
            raise ValueError(
                f"{where}.{language}: must be a list of patterns; put each in [ ] or behind a dash"
            )
        for index, source in enumerate(listed):
            here = f"{where}.{language}[{index}]"
            if not isinstance(source, str) or not source:
                raise ValueError(f"{here}: must be a regular expression; write it in single quotes")
            try:
                compiled = re.compile(source)
            except re.error as error:
                raise ValueError(f"{here}: not a regular expression ({error}); correct {source!r}") from error
            if compiled.match("") and not source.endswith("$"):
                raise ValueError(
                    f"{here}: matches the empty text and so every message; make {source!r} narrower"
                )
            sources.append(f"(?:{source})")
    return re.compile("|".join(sources), re.IGNORECASE) if sources else None


def load(mapping: object) -> TriageRules:
    """Rules from the parsed data/triage.yml.

    Args:
        mapping: what the YAML parser returned.

    Raises ValueError naming the key and the remedy when anything is missing, unknown or no regular expression.
    """
    if not isinstance(mapping, Mapping):
        raise ValueError("triage: the file must be a mapping with the keys version, readings and dangers")
    if mapping.get("version") != 1:
        raise ValueError(f"version: is {mapping.get('version')!r}; this desk reads version 1")
    for key in ("readings", "dangers"):
        if not isinstance(mapping.get(key), Mapping):
            raise ValueError(f"{key}: missing; add the mapping {key}")
    for key in mapping:
        if key not in ("version", "readings", "dangers"):
            raise ValueError(f"{key}: unknown key; remove it")
    for key, known in (("readings", READINGS), ("dangers", DANGERS)):
        for name in mapping[key]:
            if name not in known:
                raise ValueError(f"{key}.{name}: unknown; use one of {', '.join(known)}")
        for name in known:
            if name not in mapping[key]:
                raise ValueError(f"{key}.{name}: missing; add it")
    readings = {
        name: _patterns(mapping["readings"][name], f"readings.{name}", needed=True) for name in READINGS
    }
    dangers = []
    for name, entry in mapping["dangers"].items():
        where = f"dangers.{name}"
        if not isinstance(entry, Mapping):
            raise ValueError(f"{where}: must be a mapping; add {where}.patterns")
        for key in entry:
            if key not in ("patterns", "exclusions", "over", "deaf_to"):
                raise ValueError(f"{where}.{key}: unknown key; use patterns, exclusions, over or deaf_to")
        deaf_to = entry.get("deaf_to") or []
        for reading in deaf_to:
            if reading not in READINGS:
                raise ValueError(
                    f"{where}.deaf_to: {reading!r} is no reading; use one of {', '.join(READINGS)}"
                )
        patterns = _patterns(entry.get("patterns"), f"{where}.patterns", needed=True)
        assert patterns is not None
        dangers.append(
            _Danger(
                name,
                patterns,
                _patterns(entry.get("exclusions"), f"{where}.exclusions", needed=False),
                _patterns(entry.get("over"), f"{where}.over", needed=False),
                frozenset(deaf_to),
            )
        )
    return TriageRules(tuple(dangers), {name: found for name, found in readings.items() if found})


def _cut(text: str, ends: re.Pattern[str], start: int, stop: int) -> Iterator[tuple[int, int]]:
    begin = start
    for match in ends.finditer(text, start, stop):
        yield begin, match.start()
        begin = match.end()
    yield begin, stop


def _blanked(text: str, exclusions: re.Pattern[str] | None) -> str:
    """The text with a danger's exclusions blanked out, every other character in its place."""
    return exclusions.sub(lambda match: "\u00b7" * len(match[0]), text) if exclusions else text


def _excused(
    rules: TriageRules, danger: _Danger, text: str, sentence: tuple[int, int], match: re.Match[str]
) -> bool:
    def found(reading: str, start: int, stop: int) -> bool:
        return reading not in danger.deaf_to and rules.readings[reading].search(text[start:stop]) is not None

    start = match.start()
    clause = next(
        (begin for begin, end in _cut(text, _CLAUSE_END, *sentence) if begin <= start <= end), sentence[0]
    )
    bygone = [*rules.readings["past"].finditer(text, sentence[0], start)]
    past = (
        bool(bygone)
        and _PRESENT.search(text, bygone[-1].end(), start) is None
        and "past" not in danger.deaf_to
    )
    ongoing = rules.readings["still"].search(text, sentence[0]) is not None
    over = danger.over is not None and danger.over.search(text, match.end()) is not None
    recent = _RECENT.search(text) is not None
    return (
        found("negated", clause, start)
        or found("feared", clause, start)
        or found("hypothetical", sentence[0], start)
        or found("recurring", *sentence)
        or found("stand_down", match.end(), len(text))
        or (not ongoing and past and not recent)
        or (not ongoing and over and not recent)
    )


def triage(rules: TriageRules, text: str) -> Triage | None:
    """The first danger, in the rules' order, that the text says is or may be present; None when there is none."""
    folded = fold(text)[:_LONGEST].replace("’", "'")
    sentences = [span for span in _cut(folded, _SENTENCE_END, 0, len(folded)) if span[0] < span[1]]
    for danger in rules.dangers:
        searched = _blanked(folded, danger.exclusions)
        for begin, stop in sentences:
            for match in danger.patterns.finditer(searched[:stop], begin):
                if not _excused(rules, danger, folded, (begin, stop), match):
                    return Triage(danger.name, text[match.start() : match.end()])
    return None
