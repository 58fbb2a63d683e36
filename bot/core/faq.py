"""data/faq.yml → what residents ask and the office's answers, checked when the desk starts.

The office edits the file; nothing is trained. Every answer carries the day on which it was last checked (`as_of`), exists in
both languages and names no account. Which entry a resident's words mean is found by `bot.faq`.

Parses what it is given and opens no file. Every mistake is reported with its key and the remedy, all at once.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final, get_args

from bot.core.types import Language

LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
PLACEHOLDERS: Final = frozenset({"duty_phone", "community"})
FEWEST_QUESTIONS: Final = 3
MOST_LINES: Final = 3
LONGEST_LINE: Final = 160
"""Characters; a longer line is no short line on a telephone."""

_KEYS: Final = ("version", "alike", "unanswered", "entries")
_ENTRY_KEYS: Final = ("id", "about", "as_of", "asks_person", *LANGUAGES)
_ID: Final = re.compile(r"[a-z][a-z0-9_]*")
_TOPIC: Final = re.compile(r"[a-z]+")
_HAN: Final = re.compile(r"[㐀-鿿]")
_SIGNS: Final = re.compile(r"[\W_]+")


class FaqError(ValueError):
    """faq.yml is unusable; the message lists each key with its remedy."""


@dataclass(frozen=True, slots=True)
class Wording:
    """An entry in one language. The answer may hold {duty_phone} and {community}."""

    questions: tuple[str, ...]
    answer: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One question residents have, and its answer as it stood on `as_of`. `asks_person`: a colleague is offered with it."""

    id: str
    about: str
    as_of: date
    asks_person: bool
    wordings: Mapping[Language, Wording]


def _nothing() -> Mapping[Language, tuple[Any, ...]]:
    return MappingProxyType({language: () for language in LANGUAGES})


@dataclass(frozen=True, slots=True)
class Faq:
    """The file, checked. Empty, it answers nothing.

    `alike` holds rows of words that mean the same when somebody asks, the first standing for the others; `unanswered` holds
    questions that sound like an entry's and that none answers.
    """

    entries: tuple[Entry, ...] = ()
    alike: Mapping[Language, tuple[tuple[str, ...], ...]] = field(default_factory=_nothing)
    unanswered: Mapping[Language, tuple[str, ...]] = field(default_factory=_nothing)

    def entry(self, id: str) -> Entry | None:
        """The entry of this id; None when the office has taken it out since."""
        return next((entry for entry in self.entries if entry.id == id), None)


class _Asked:
    """Where each question stands, so that none stands twice: which of two answers would be given is then chance."""

    def __init__(self, problems: list[str]) -> None:
        self._problems = problems
        self._where: dict[str, str] = {}

    def note(self, question: str, where: str) -> None:
        plain = _SIGNS.sub(" ", question.casefold()).strip()
        first = self._where.setdefault(plain, where)
        if first != where:
            self._problems.append(f"{where}: '{question}' is asked in {first} already; remove it from one of the two")


def _questions(raw: Any, where: str, language: Language, asked: _Asked, problems: list[str]) -> tuple[str, ...]:
    if not isinstance(raw, list):
        problems.append(f"{where}: is not a list of questions; write for example [几点上班, 几点下班]")
        return ()
    found: list[str] = []
    for index, question in enumerate(raw):
        here = f"{where}[{index}]"
        if not isinstance(question, str) or not _SIGNS.sub("", question):
            problems.append(f"{here}: is no question ({question!r}); write it in words, in quotes if it is one word or a figure")
        elif language == "en" and _HAN.search(question):
            problems.append(f"{here}: '{question}' is Chinese; move it to zh")
        else:
            asked.note(question, here)
            found.append(question.strip())
    return tuple(found)


def _answer(raw: Any, where: str, problems: list[str]) -> str:
    if not isinstance(raw, str) or not raw.strip():
        problems.append(f"{where}: is missing; write the answer in at most {MOST_LINES} short lines")
        return ""
    lines = raw.strip().splitlines()
    if len(lines) > MOST_LINES:
        problems.append(f"{where}: has {len(lines)} lines; shorten it to {MOST_LINES}")
    for number, line in enumerate(lines, 1):
        if len(line) > LONGEST_LINE:
            problems.append(f"{where}: line {number} has {len(line)} characters; shorten it to {LONGEST_LINE}")
    if (names := _placeholders(raw)) is None:
        problems.append(f"{where}: its braces do not match; write {{duty_phone}}, or {{{{ for a brace of your own")
    else:
        problems.extend(
            f"{where}: {{{name}}} is unknown; known: {', '.join(sorted(PLACEHOLDERS))}" for name in sorted(names - PLACEHOLDERS)
        )
    return "\n".join(line.rstrip() for line in lines)


def _placeholders(text: str) -> frozenset[str] | None:
    """The names in braces, or None when the braces do not match."""
    try:
        return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name is not None)
    except ValueError:
        return None


def _wording(raw: Any, where: str, language: Language, asked: _Asked, problems: list[str]) -> Wording:
    if not isinstance(raw, Mapping):
        problems.append(f"{where}: is missing; write questions and answer, both languages are required")
        return Wording((), "")
    problems.extend(f"{where}.{key}: unknown key; known: questions, answer" for key in raw if key not in ("questions", "answer"))
    listed = raw.get("questions", [])
    questions = _questions(listed, f"{where}.questions", language, asked, problems)
    if isinstance(listed, list) and len(listed) < FEWEST_QUESTIONS:
        problems.append(f"{where}.questions: has {len(listed)}; give at least {FEWEST_QUESTIONS} ways of asking")
    return Wording(questions, _answer(raw.get("answer"), f"{where}.answer", problems))


def _day(raw: Any, where: str, problems: list[str]) -> date:
    # A datetime is a date to Python; the office means a day.
    if isinstance(raw, date) and not isinstance(raw, datetime):
        return raw
    if raw is None:
        problems.append(f"{where}: is missing; write the day the answer was last checked, for example 2026-11-20")
    else:
        problems.append(f"{where}: '{raw}' is not a day; write year-month-day without quotes, for example 2026-11-20")
    return date.min


def _entry(raw: Any, where: str, asked: _Asked, problems: list[str]) -> Entry | None:
    if not isinstance(raw, Mapping):
        problems.append(f"{where}: holds no keys; write id, as_of, zh and en")
        return None
    name = raw.get("id")
    if not isinstance(name, str) or not _ID.fullmatch(name):
        problems.append(f"{where}.id: '{name}' is no short name; write small letters, figures and _, for example office_hours")
        return None
    where = f"entries.{name}"
    problems.extend(f"{where}.{key}: unknown key; known: {', '.join(_ENTRY_KEYS)}" for key in raw if key not in _ENTRY_KEYS)
    about = raw.get("about", "")
    if not isinstance(about, str) or (about and not _TOPIC.fullmatch(about)):
        problems.append(f"{where}.about: '{about}' is no topic; write one word in small letters, for example parking")
        about = ""
    asks_person = raw.get("asks_person", False)
    if not isinstance(asks_person, bool):
        problems.append(f"{where}.asks_person: '{asks_person}' is neither true nor false; write true, or leave the line out")
        asks_person = False
    as_of = _day(raw.get("as_of"), f"{where}.as_of", problems)
    wordings: dict[Language, Wording] = {
        language: _wording(raw.get(language), f"{where}.{language}", language, asked, problems) for language in LANGUAGES
    }
    held = {language: _placeholders(wording.answer) or frozenset() for language, wording in wordings.items() if wording.answer}
    if len(held) == len(LANGUAGES) and len(set(held.values())) > 1:
        missing = frozenset.union(*held.values()) - frozenset.intersection(*held.values())
        problems.append(f"{where}: {{{min(missing)}}} stands in one language only; write it in both answers, or in neither")
    return Entry(name, about, as_of, asks_person, wordings)


def _entries(raw: Any, asked: _Asked, problems: list[str]) -> tuple[Entry, ...]:
    if not isinstance(raw, list) or not raw:
        problems.append("entries: is missing; add at least one entry, each beginning with '- id:'")
        return ()
    found: dict[str, Entry] = {}
    for index, row in enumerate(raw):
        entry = _entry(row, f"entries[{index}]", asked, problems)
        if entry is None:
            continue
        if entry.id in found:
            problems.append(f"entries.{entry.id}.id: is given twice; give the second entry another name")
        found[entry.id] = entry
    return tuple(found.values())


def _by_language(raw: Any, key: str, problems: list[str]) -> Mapping[Language, Any]:
    if raw is None:
        return {}
    if not isinstance(raw, Mapping):
        problems.append(f"{key}: holds no languages; write {key}.zh and {key}.en, each a list")
        return {}
    problems.extend(f"{key}.{other}: unknown language; known: {', '.join(LANGUAGES)}" for other in raw if other not in LANGUAGES)
    return {language: raw[language] for language in LANGUAGES if raw.get(language) is not None}


def _alike(raw: Any, problems: list[str]) -> Mapping[Language, tuple[tuple[str, ...], ...]]:
    found: dict[Language, tuple[tuple[str, ...], ...]] = {}
    for language, rows in _by_language(raw, "alike", problems).items():
        where = f"alike.{language}"
        if not isinstance(rows, list):
            problems.append(f"{where}: is not a list of rows; write for example - [快递, 包裹]")
            continue
        taken: dict[str, str] = {}
        kept: list[tuple[str, ...]] = []
        for index, row in enumerate(rows):
            here = f"{where}[{index}]"
            if not _are_words(row) or len(row) < 2:
                problems.append(f"{here}: is not a row of two or more words; write for example [快递, 包裹]")
                continue
            for word in row:
                if (first := taken.setdefault(word.casefold(), here)) != here:
                    problems.append(f"{here}: '{word}' stands in {first} already; a word may stand in one row only")
            kept.append(tuple(word.casefold() for word in row))
        found[language] = tuple(kept)
    return {language: found.get(language, ()) for language in LANGUAGES}


def _are_words(row: Any) -> bool:
    return isinstance(row, Sequence) and not isinstance(row, str) and all(isinstance(word, str) and word.strip() for word in row)


def load(raw: Any, file: str = "data/faq.yml") -> Faq:
    """The entries from their parsed YAML. Raises FaqError listing every mistake as `file: key: problem; remedy`."""
    if not isinstance(raw, Mapping):
        raise FaqError(f"{file}: the file: holds no keys; start from the faq.yml that was shipped")
    problems: list[str] = []
    if raw.get("version") != 1:
        problems.append(f"version: is {raw.get('version')!r}; this desk reads version 1")
    problems.extend(f"{key}: unknown key; known: {', '.join(_KEYS)}" for key in raw if key not in _KEYS)
    asked = _Asked(problems)
    entries = _entries(raw.get("entries"), asked, problems)
    unanswered = {
        language: _questions(listed, f"unanswered.{language}", language, asked, problems)
        for language, listed in _by_language(raw.get("unanswered"), "unanswered", problems).items()
    }
    alike = _alike(raw.get("alike"), problems)
    if problems:
        raise FaqError("\n".join(f"{file}: {problem}" for problem in problems))
    return Faq(entries, alike, {language: unanswered.get(language, ()) for language in LANGUAGES})
