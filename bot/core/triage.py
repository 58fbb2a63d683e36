"""Life-safety triage: does a message speak of people who may be in danger now?

Rules over data/triage.yml, always on, needing no model; where a language model has read the message too, `weigh` sets its
probability against what the rules found. It must never depend on the network or the NLU, never raise on any text, and never be
softened by a form in progress. A missed danger is worse than a false alarm, so doubt ("是不是着火了", "what do I do, I smell gas")
counts; only a mention that is negated, past and over, supposed, feared, recurring, told of elsewhere, a mere name or a figure of
speech does not (LABELS rule 2; DOMAIN: Life safety).

How a text is judged:

1. It is read as it is meant (`spelling`), and figures of speech are blanked out.
2. Mentions are looked for in four ways, the surest first: patterns of a danger; scenes, patterns that mean it
   together; hints, in a message that is in a hurry; cries for help that name no danger. In each, the dangers are
   tried in the rules' order. Scenes and hints do not count in a message about ordinary business, nor a cry for help
   beside a blocked drain.
3. A mention is judged in its own place: SCOPES says where each excuse is looked for. Speech without punctuation is
   one long sentence, so no reading looks farther than WINDOW.
4. An excuse in front of a mention is taken back by a word of the present between the two; what goes on, or was a
   moment ago, is neither past nor over; an end that is itself denied (没灭, can't put it out) is none.
5. What is found that way is a sign, one of SIGNS. The rules alone raise the alarm at those of FIRES. With a model they do where its
   probability reaches the bar of the sign (`weighing` in data/triage.yml): low where a danger is named, high where one is only named as
   past or supposed.
6. Words of a danger's `unclear` call nobody, but leave a doubt the model cannot take away: an alarm rings and no fire is seen.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, TypeAlias

from bot.core.slips import Written
from bot.core.triage_rules import (
    DANGERS,
    EXCUSES,
    LANGUAGES,
    READINGS,
    SIGNS,
    Danger,
    Patterns,
    TriageRules,
    line_key,
    load,
)
from bot.core.types import Triage

__all__ = [
    "DANGERS", "READINGS", "SIGNS", "Evidence", "TriageRules", "doubtful", "examine", "line_key", "load", "stands_down", "triage", "weigh",
]  # fmt: skip

Span: TypeAlias = tuple[int, int]

SCOPES: Final[Mapping[str, str]] = {
    "negated": "clause before",
    "feared": "clause to its end",
    "hypothetical": "sentence to its end",
    "past": "sentence and just behind",
    "recurring": "sentence",
    "told": "sentence",
    "asked": "sentence",
    "named": "right behind",
    "drill": "text",
    "stand_down": "text",
}
"""Where a reading must stand to excuse a mention."""
assert tuple(SCOPES) == EXCUSES

FIRES: Final = ("named", "scene", "hint", "cry")
"""The signs at which the rules raise the alarm where there is no model."""

WINDOW: Final[Mapping[str, int]] = {"zh": 26, "en": 90}
"""Characters before or behind a mention that its sentence may reach."""
_SCENE: Final[Mapping[str, int]] = {"zh": 24, "en": 100}
"""Characters within which the patterns of a scene stand together."""
_BEHIND: Final[Mapping[str, int]] = {"zh": 4, "en": 60}
"""Characters behind a mention, in its clause, in which its time may be told: 被狗咬 / 过, stuck in the lift / yesterday."""
_LONGEST: Final = 2000
"""Characters judged of one message; the platforms' own limits are near it."""
_SENTENCE_END: Final = re.compile(r"[。!?;…\n]+|\.(?=\s|$)")
_CLAUSE_END: Final = re.compile(
    r"[。!?;\n,、:~…]+|\.(?=\s|$)|但是?|不过|可是|结果|(?<=[\u3400-\u9fff])\s+|\s+(?=[\u3400-\u9fff])|\bbut\b|\bhowever\b",
    re.IGNORECASE,
)
_SCRIPTS: Final[Mapping[str, re.Pattern[str]]] = {"zh": re.compile(r"[\u3400-\u9fff]"), "en": re.compile(r"[A-Za-z]")}


@dataclass(frozen=True, slots=True)
class _Text:
    """A text as read, the languages in it, and what its sentences and clauses lie between."""

    text: str
    languages: tuple[str, ...]
    sentences: tuple[Span, ...]
    clauses: tuple[Span, ...]

    @classmethod
    def of(cls, text: str) -> _Text:
        return cls(
            text,
            tuple(language for language, script in _SCRIPTS.items() if script.search(text)) or LANGUAGES,
            tuple(end.span() for end in _SENTENCE_END.finditer(text)),
            tuple(end.span() for end in _CLAUSE_END.finditer(text)),
        )

    def find(self, patterns: Patterns, begin: int = 0, stop: int | None = None, text: str | None = None) -> Iterator[Span]:
        """Where any of the patterns stands. `text` is this one with something blanked out."""
        searched = self.text if text is None else text
        for language in self.languages:
            for pattern in patterns[language]:
                for match in pattern.finditer(searched, begin, len(searched) if stop is None else stop):
                    yield match.span()

    def has(self, patterns: Patterns, begin: int = 0, stop: int | None = None) -> bool:
        return next(self.find(patterns, begin, stop), None) is not None

    def blanked(self, patterns: Patterns, text: str) -> str:
        """The text with what must not be looked at blanked out, every other character in its place."""
        spans = [*self.find(patterns)]
        out = [*text]
        for begin, stop in spans:
            out[begin:stop] = "\u00b7" * (stop - begin)
        return "".join(out) if spans else text

    def scopes(self, start: int, end: int) -> Mapping[str, Span]:
        """The spans SCOPES speaks of, for the mention at start to end."""
        language = "zh" if _SCRIPTS["zh"].search(self.text, start, end) else "en"
        reach, whole = WINDOW[language], len(self.text)
        sentence = max((stop for _, stop in self.sentences if stop <= start), default=0)
        clause = max((stop for _, stop in self.clauses if stop <= start), default=0)
        ending = min((begin for begin, _ in self.sentences if begin >= end), default=whole)
        clause_end = min((begin for begin, _ in self.clauses if begin >= end), default=whole)
        begin, stop = max(sentence, start - reach), min(ending, end + reach)
        return {
            "clause before": (max(clause, begin), start),
            "clause to its end": (max(clause, begin), end),
            "sentence to its end": (begin, end),
            "sentence and just behind": (begin, min(clause_end, end + _BEHIND[language])),
            "sentence": (begin, stop),
            "right behind": (end, stop),
            "text": (0, whole),
        }


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the rules found: one of SIGNS, the danger and the words, as they were sent, that speak of it (none for the last two), and
    where that calls nobody, whether other words leave it open."""

    sign: str
    danger: str = ""
    matched: str = ""
    unclear: bool = False

    @property
    def fired(self) -> Triage | None:
        """The danger the rules alone raise the alarm for."""
        return Triage(self.danger, self.matched) if self.sign in FIRES else None


def triage(rules: TriageRules, text: str) -> Triage | None:
    """The first danger, in the rules' order, that the text says is or may be present; None when there is none."""
    return examine(rules, text).fired


def weigh(rules: TriageRules, evidence: Evidence, probability: float | None) -> bool:
    """Whether the alarm is raised.

    Args:
        evidence: what the rules found in the message.
        probability: what the language model gives an emergency, 0 to 1; None when there is no model, or it did not say.
    """
    if probability is None:
        return evidence.fired is not None
    return probability >= rules.weighing[evidence.sign]


def doubtful(rules: TriageRules, evidence: Evidence, probability: float | None, parts: Iterable[float] = ()) -> bool:
    """Whether danger is likely enough, where no alarm is raised, that the resident is told, beside the business, whom to ring.

    Args:
        probability: as for `weigh`.
        parts: what the model gives an emergency in each part of the message. Read alone a part has lost what excuses it, so it may
            raise a doubt, not the alarm.
    """
    bars = rules.weighing
    likely = (probability or 0.0) >= bars["doubt"] or max(parts, default=0.0) >= bars["part"]
    return evidence.fired is not None or evidence.unclear or likely


def examine(rules: TriageRules, text: str) -> Evidence:
    """What speaks of danger in the text: the strongest sign, and of several equal ones the first in the rules' order."""
    written = rules.spelling.read(text[:_LONGEST])
    read = _Text.of(written.text)
    plain = read.blanked(rules.figures, read.text)
    business = read.has(rules.readings["business"])
    hurried = read.has(rules.readings["hurried"])
    searched = {danger.name: read.blanked(danger.exclusions, plain) for danger in rules.dangers}
    at_home = read.has(rules.readings["household"])
    ways = {
        "named": (_named, True),
        "scene": (_set, not business),
        "hint": (_hinted, hurried and not business),
        "cry": (_cried, not at_home),
    }
    excused: Evidence | None = None
    for sign, (mentions, counts) in ways.items():
        for danger in rules.dangers if counts else ():
            for parts in mentions(danger, read, searched[danger.name]):
                found = Evidence(sign, danger.name, _words(text, written, parts))
                if not any(_excused(rules, danger, read, *part) for part in parts):
                    return found
                excused = excused or replace(found, sign="excused")
    quiet = Evidence("over" if _ended(rules, read, (rules.readings["stand_down"],)) else "nothing")
    return replace(excused or _alike(rules, read, text, written) or quiet, unclear=_left_open(rules, read))


def _left_open(rules: TriageRules, read: _Text) -> bool:
    """Whether words that leave it open are meant of now."""
    return any(not _excused(rules, danger, read, *span) for danger in rules.dangers for span in read.find(danger.unclear))


def _alike(rules: TriageRules, read: _Text, text: str, written: Written) -> Evidence | None:
    """Words of a danger that are a figure of speech, or only look like it."""
    for danger in rules.dangers:
        for parts in _named(danger, read, read.text):
            return Evidence("excused", danger.name, _words(text, written, parts))
    return None


def _words(text: str, written: Written, parts: tuple[Span, ...]) -> str:
    """The words of a mention as they were sent."""
    start, end = written.sent(min(parts)[0], max(end for _, end in parts))
    return text[start:end]


def stands_down(rules: TriageRules, text: str, danger: str) -> bool:
    """Whether the text says that a danger reported before has ended, or was none.

    Args:
        danger: the one that was reported. One the rules do not know may have been any of them.
    """
    read = _Text.of(rules.spelling.read(text[:_LONGEST]).text)
    known = [row for row in rules.dangers if row.name == danger] or rules.dangers
    return _ended(rules, read, (rules.readings["stand_down"], *(row.over for row in known)))


def _ended(rules: TriageRules, read: _Text, ends: tuple[Patterns, ...]) -> bool:
    """Whether any of the ends is told and not denied."""
    return any(not _denied(rules, read, begin) for ended in ends for begin, _ in read.find(ended))


def _named(danger: Danger, read: _Text, text: str) -> Iterator[tuple[Span, ...]]:
    """Patterns of the danger; each mention is given as the spans of its parts."""
    return ((span,) for span in read.find(danger.patterns, text=text))


def _hinted(danger: Danger, read: _Text, text: str) -> Iterator[tuple[Span, ...]]:
    return ((span,) for span in read.find(danger.hints, text=text))


def _cried(danger: Danger, read: _Text, text: str) -> Iterator[tuple[Span, ...]]:
    return ((span,) for span in read.find(danger.cries, text=text))


def _set(danger: Danger, read: _Text, text: str) -> Iterator[tuple[Span, ...]]:
    """Scenes of the danger: the first pattern of each, with the others close by."""
    for language in read.languages:
        for first, *others in danger.scenes[language]:
            for match in first.finditer(text):
                begin, stop = max(match.start() - _SCENE[language], 0), match.end() + _SCENE[language]
                beside = [found for other in others if (found := other.search(text, begin, stop))]
                if len(beside) == len(others):
                    yield (match.span(), *(found.span() for found in beside))


def _excused(rules: TriageRules, danger: Danger, read: _Text, start: int, end: int) -> bool:
    """Whether the mention at start to end speaks of no present danger."""
    scopes = read.scopes(start, end)
    goes_on = any(read.has(rules.readings[reading], *scopes["sentence"]) for reading in ("still", "recent"))
    if not goes_on and any(not _denied(rules, read, begin) for begin, _ in read.find(danger.over, end)):
        return True
    for reading, scope in SCOPES.items():
        if reading in danger.deaf_to or (reading == "past" and goes_on):
            continue
        for begin, stop in read.find(rules.readings[reading], *scopes[scope]):
            if scope == "right behind" and begin != end:
                continue
            if reading == "stand_down" and _denied(rules, read, begin):
                continue
            if not _taken_back(rules, read, stop, start):
                return True
    return False


def _denied(rules: TriageRules, read: _Text, end: int) -> bool:
    """Whether a word of an end is itself denied: 没灭了, can't put it out."""
    return read.has(rules.readings["negated"], *read.scopes(end, end)["clause before"])


def _taken_back(rules: TriageRules, read: _Text, excuse: int, mention: int) -> bool:
    """Whether a word of the present stands between an excuse and the mention behind it."""
    return any(read.has(rules.readings[reading], excuse, mention) for reading in ("present", "still"))
