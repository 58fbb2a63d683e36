"""data/triage.yml → frozen TriageRules: the words of danger a supervisor may change, checked when the desk starts.

Parses what it is given and opens no file. A mistake is reported with its key and the remedy. The file explains its
own keys; what is here is how a pattern written for people becomes a regular expression:

    {person}   one of the words listed under `words.person` of the pattern's language
    …          a few characters (English: words) of the same clause, none of them a negation
    ……         some more, over commas too
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from bot.core.slips import Spelling, spelling

DANGERS: Final = (
    "fire", "smoke", "gas", "suicide", "drowning", "violence", "intruder", "electric", "injury", "trapped_lift",
    "trapped_room", "missing_person", "dog_attack", "falling_objects",
)  # fmt: skip
EXCUSES: Final = (
    "negated", "feared", "hypothetical", "past", "recurring", "told", "asked", "named", "drill", "stand_down",
)  # fmt: skip
"""Readings under which a mention speaks of no present danger."""
READINGS: Final = (*EXCUSES, "present", "recent", "still", "hurried", "business", "household")
"""The excuses, and what takes an excuse back or lets a hint count (see `triage`)."""
SIGNS: Final = ("named", "scene", "hint", "cry", "excused", "over", "nothing")
"""What may speak of danger in a message, the surest first (see `triage`)."""
LANGUAGES: Final = ("zh", "en")

Patterns: TypeAlias = Mapping[str, tuple[re.Pattern[str], ...]]
"""language → compiled patterns."""

_NO_PATTERNS: Final[Patterns] = {language: () for language in LANGUAGES}
_GAPS: Final[Mapping[str, tuple[str, str]]] = {
    "zh": (
        r"(?:(?!没(?!想|注意|站稳|人)|[不无未](?!小心|慎|停|断|知|少|过|住|得|料|远|动|认识|锈)|别|非)[^,;:!?。\n]){0,6}?",
        r"[^!?;。\n]{0,16}?",
    ),
    "en": (
        r"(?:[^\w,;:.!?]+(?!(?:not?|never|nobody|none|without|nothing|\w+n't)\b)[\w']+){0,4}?[^\w,;:.!?]+",
        r"(?:[^\w.!?;]+[\w']+){0,9}?[^\w.!?;]+",
    ),
}  # fmt: skip
"""What … and …… stand for."""
_WORD: Final = re.compile(r"\{([a-z_]+)\}")
_WRITING_KEYS: Final = ("as_meant", "sound_alike", "words", "real_words")
_DANGER_KEYS: Final = ("patterns", "scenes", "hints", "cries", "exclusions", "unclear", "over", "deaf_to")


@dataclass(frozen=True, slots=True)
class Danger:
    """One danger: what names it, what only looks like it, what leaves it open, what says that it has ended. data/triage.yml explains each."""

    name: str
    patterns: Patterns
    scenes: Mapping[str, tuple[tuple[re.Pattern[str], ...], ...]] = field(default_factory=dict)
    hints: Patterns = field(default_factory=dict)
    cries: Patterns = field(default_factory=dict)
    exclusions: Patterns = field(default_factory=dict)
    unclear: Patterns = field(default_factory=dict)
    over: Patterns = field(default_factory=dict)
    deaf_to: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TriageRules:
    """The compiled rules: dangers in the order in which they are answered, the readings that excuse one, and for each of SIGNS, for
    "doubt" and for "part", the probability a language model must give an emergency."""

    dangers: tuple[Danger, ...]
    readings: Mapping[str, Patterns]
    figures: Patterns
    spelling: Spelling
    weighing: Mapping[str, float]

    @property
    def lines(self) -> tuple[str, ...]:
        """The response keys that must stand in domain.yml, one per danger."""
        return tuple(line_key(danger.name) for danger in self.dangers)


def line_key(danger: str) -> str:
    """The response key of a danger's safety line."""
    return f"utter_safety_{danger}"


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
    sections = ("weighing", "writing", "words", "readings", "figures", "dangers")
    for key in sections:
        if not isinstance(mapping.get(key), Mapping):
            raise ValueError(f"{key}: missing; add the mapping {key}")
    for key in mapping:
        if key not in ("version", *sections):
            raise ValueError(f"{key}: unknown key; remove it")
    for key, known in (("weighing", (*SIGNS, "doubt", "part")), ("readings", READINGS), ("dangers", DANGERS)):
        for name in mapping[key]:
            if name not in known:
                raise ValueError(f"{key}.{name}: unknown; use one of {', '.join(known)}")
        for name in known:
            if name not in mapping[key]:
                raise ValueError(f"{key}.{name}: missing; add it")
    reader = _Reader(_words(mapping["words"]))
    return TriageRules(
        tuple(_danger(reader, name, entry) for name, entry in mapping["dangers"].items()),
        {name: reader.needed(found, f"readings.{name}") for name, found in mapping["readings"].items()},
        reader.patterns(mapping["figures"], "figures"),
        _spelling(mapping["writing"]),
        {name: _share(value, f"weighing.{name}") for name, value in mapping["weighing"].items()},
    )


def _share(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 1:
        raise ValueError(f"{where}: is {value!r}; write a probability from 0 to 1")
    return float(value)


def _danger(reader: _Reader, name: str, entry: object) -> Danger:
    where = f"dangers.{name}"
    if not isinstance(entry, Mapping):
        raise ValueError(f"{where}: must be a mapping; add {where}.patterns")
    for key in entry:
        if key not in _DANGER_KEYS:
            raise ValueError(f"{where}.{key}: unknown key; use one of {', '.join(_DANGER_KEYS)}")
    deaf_to = entry.get("deaf_to") or []
    for reading in deaf_to:
        if reading not in EXCUSES:
            raise ValueError(f"{where}.deaf_to: {reading!r} is no reading; use one of {', '.join(EXCUSES)}")
    return Danger(
        name,
        reader.needed(entry.get("patterns"), f"{where}.patterns"),
        reader.scenes(entry.get("scenes"), f"{where}.scenes"),
        **{key: reader.patterns(entry.get(key), f"{where}.{key}") for key in ("hints", "cries", "exclusions", "unclear", "over")},
        deaf_to=frozenset(deaf_to),
    )


class _Reader:
    """Compiles lists of patterns, with the words they speak of."""

    def __init__(self, words: Mapping[str, Mapping[str, str]]) -> None:
        self._words = words

    def needed(self, value: object, where: str) -> Patterns:
        """The patterns of both languages; each must have one."""
        for language, listed in _by_language(value, where):
            if not listed:
                raise ValueError(f"{where}.{language}: no pattern; add at least one, both languages are required")
        return self.patterns(value, where)

    def patterns(self, value: object, where: str) -> Patterns:
        """The patterns of both languages, none where nothing is written."""
        if value is None:
            return _NO_PATTERNS
        return {
            language: tuple(
                self._compiled(language, source, f"{where}.{language}[{index}]")
                for index, source in enumerate(listed)
            )
            for language, listed in _by_language(value, where)
        }

    def scenes(self, value: object, where: str) -> Mapping[str, tuple[tuple[re.Pattern[str], ...], ...]]:
        """Sets of patterns that mean something together."""
        found: dict[str, tuple[tuple[re.Pattern[str], ...], ...]] = {language: () for language in LANGUAGES}
        for language, listed in _by_language(value or {}, where):
            for index, scene in enumerate(listed):
                here = f"{where}.{language}[{index}]"
                if not isinstance(scene, Sequence) or isinstance(scene, str) or len(scene) < 2:
                    raise ValueError(f"{here}: must be a list of two patterns or more; put each in quotes")
                parts = (self._compiled(language, source, f"{here}[{i}]") for i, source in enumerate(scene))
                found[language] += (tuple(parts),)
        return found

    def _compiled(self, language: str, source: object, here: str) -> re.Pattern[str]:
        if not isinstance(source, str) or not source:
            raise ValueError(f"{here}: must be a regular expression; write it in single quotes")
        words = self._words[language]
        for name in _WORD.findall(source):
            if name not in words:
                raise ValueError(f"{here}: unknown word {{{name}}}; list it under words.{name}.{language}")
        near, far = _GAPS[language]
        spelt = _WORD.sub(lambda match: words[match[1]], source)
        spelt = re.sub(r"\s*……\s*", lambda _: far, spelt)
        spelt = re.sub(r"\s*…\s*", lambda _: near, spelt)
        # English is written in words: a pattern begins and ends with a whole one, be it amid Chinese.
        spelt = spelt if language == "zh" else rf"(?<![A-Za-z0-9_])(?:{spelt})(?![A-Za-z0-9_])"
        try:
            compiled = re.compile(spelt, re.IGNORECASE)
        except re.error as error:
            raise ValueError(f"{here}: not a regular expression ({error}); correct {source!r}") from error
        if compiled.match("") and not source.endswith("$"):
            raise ValueError(f"{here}: matches the empty text and so every message; make {source!r} narrower")
        return compiled


def _words(mapping: Mapping[str, object]) -> dict[str, dict[str, str]]:
    """language → name → an expression for any word of the list. A list may use the lists above it."""
    found: dict[str, dict[str, str]] = {language: {} for language in LANGUAGES}
    for name, value in mapping.items():
        for language, listed in _by_language(value, f"words.{name}"):
            known = found[language]
            parts: list[str] = []
            for index, word in enumerate(listed):
                here = f"words.{name}.{language}[{index}]"
                if not isinstance(word, str) or not word:
                    raise ValueError(f"{here}: must be a word; write it in single quotes")
                for used in _WORD.findall(word):
                    if used not in known:
                        raise ValueError(f"{here}: unknown word {{{used}}}; list words.{used} above words.{name}")
                part = _WORD.sub(lambda match, known=known: known[match[1]], word)  # type: ignore[misc]
                try:
                    re.compile(part)
                except re.error as error:
                    raise ValueError(f"{here}: not a regular expression ({error}); correct {word!r}") from error
                parts.append(part)
            known[name] = f"(?:{'|'.join(parts)})"
    return found


def _by_language(value: object, where: str) -> Iterator[tuple[str, Sequence[object]]]:
    """The lists under zh and en, checked to be lists."""
    if not isinstance(value, Mapping):
        raise ValueError(f"{where}: must map languages to lists of patterns; write {where}.zh and {where}.en")
    unknown = sorted(str(key) for key in value if key not in LANGUAGES)
    if unknown:
        raise ValueError(f"{where}.{unknown[0]}: unknown language; use one of {', '.join(LANGUAGES)}")
    for language in LANGUAGES:
        yield language, _listed(value.get(language), f"{where}.{language}")


def _listed(value: object, where: str) -> Sequence[object]:
    if value is None:
        return ()
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"{where}: must be a list of patterns; put each in [ ] or behind a dash")
    return value


def _spelling(mapping: Mapping[str, object]) -> Spelling:
    for key in mapping:
        if key not in _WRITING_KEYS:
            raise ValueError(f"writing.{key}: unknown key; use one of {', '.join(_WRITING_KEYS)}")
    as_meant = mapping.get("as_meant")
    if not isinstance(as_meant, Mapping) or not all(isinstance(as_meant.get(name), Mapping) for name in LANGUAGES):
        raise ValueError("writing.as_meant: must map zh and en to pairs; write what is typed: what is meant")
    for language in LANGUAGES:
        for typed, meant in as_meant[language].items():
            if not isinstance(typed, str) or not typed or not isinstance(meant, str) or not meant:
                raise ValueError(f"writing.as_meant.{language}.{typed}: must be two words; put each in quotes")
    lists = {f"words.{name}": listed for name, listed in _by_language(mapping.get("words"), "writing.words")}
    for key in ("sound_alike", "real_words"):
        lists[key] = _listed(mapping.get(key), f"writing.{key}")
    words: dict[str, tuple[str, ...]] = {}
    for key, listed in lists.items():
        for index, word in enumerate(listed):
            if not isinstance(word, str) or len(word) < 2:
                raise ValueError(f"writing.{key}[{index}]: must have two characters or more; correct {word!r}")
        words[key] = tuple(str(word) for word in listed)
    return spelling(
        as_meant, {"zh": words["words.zh"], "en": words["words.en"]}, words["sound_alike"], words["real_words"]
    )
