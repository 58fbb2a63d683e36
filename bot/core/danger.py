"""What is asked while a danger goes on: data/danger.yml → which text answers it.

"能开灯看看吗?" in a smell of gas has one answer, at once, and needs neither a language model nor a person. The words are the
office's; what none of them knows is never guessed at: `asks` tells a question, and the flow repeats the safety rule.

Parses what it is given and opens no file.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bot.core.resolve.hanzi import simple
from bot.core.resolve.numerals import fold

ANY: Final = "any"
LANGUAGES: Final = ("zh", "en")
_LONGEST: Final = 200
"""Characters looked at: a question in danger is short."""
_QUESTION: Final = re.compile(
    r"[?]|[吗么呢]\s*[,。.!]*\s*$|怎么|什么(?:手续|材料|资料|证件)|要带什么|哪些|能不能|可不可以|可以不|要不要|该不该|行不行|会不会|是不是|咋办|"
    r"\b(?:can|may|should|shall|do|must|could) (?:i|we)\b|\bwhat (?:do|should|can|now)\b|\bis it (?:ok|okay|safe)\b",
    re.IGNORECASE,
)


class DangerError(ValueError):
    """danger.yml is unusable; the message lists each key with its remedy."""


@dataclass(frozen=True, slots=True)
class _Row:
    dangers: frozenset[str]
    words: re.Pattern[str]
    answer: str
    told: bool  # only where the words tell; "有人出来了吗?" does not


@dataclass(frozen=True, slots=True)
class Answers:
    """The rows of data/danger.yml in order. Empty, it answers nothing."""

    rows: tuple[_Row, ...] = ()

    @property
    def lines(self) -> frozenset[str]:
        """The texts that domain.yml must have."""
        return frozenset(row.answer for row in self.rows)

    def answer(self, danger: str, text: str) -> str | None:
        """The text that answers these words while this danger goes on; None where no row knows them."""
        read, asked = _plain(text), asks(text)
        rows = (row for row in self.rows if row.dangers & {danger, ANY} and not (row.told and asked))
        return next((row.answer for row in rows if row.words.search(read)), None)


def asks(text: str) -> bool:
    """Whether these words ask something."""
    return _QUESTION.search(_plain(text)) is not None


def _plain(text: str) -> str:
    return simple(fold(text))[:_LONGEST].lower()


def _pattern(word: str) -> str:
    escaped = re.escape(word)
    return rf"\b{escaped}\b" if word.isascii() else escaped


def load(raw: Mapping[str, Any], dangers: Collection[str]) -> Answers:
    """The answers from their parsed YAML.

    Args:
        dangers: the names that data/triage.yml knows.

    Raises:
        DangerError: every mistake, one a line, as `key: problem; remedy`.
    """
    problems: list[str] = []
    rows: list[_Row] = []
    listed = raw.get("rows")
    if not isinstance(listed, list) or not listed:
        raise DangerError("rows: is missing; add at least one row, see the comments in the file")
    for index, row in enumerate(listed):
        here = f"rows[{index}]"
        if not isinstance(row, Mapping):
            problems.append(f"{here}: is no row; write dangers, zh, en and answer")
            continue
        problems.extend(f"{here}.{key}: unknown key; known: dangers, zh, en, told, answer" for key in row if key not in ("dangers", "answer", "told", *LANGUAGES))
        named = row.get("dangers")
        if not isinstance(named, list) or not named:
            problems.append(f"{here}.dangers: is not a list; write for example [gas], or [any]")
            named = []
        problems.extend(
            f"{here}.dangers: unknown danger {name}; known: any, {', '.join(sorted(dangers))}"
            for name in named if name not in dangers and name != ANY
        )  # fmt: skip
        words: list[str] = []
        for language in LANGUAGES:
            said = row.get(language)
            if not isinstance(said, list) or not said or not all(isinstance(word, str) and word.strip() for word in said):
                problems.append(f"{here}.{language}: is not a list of words; both languages are required")
            else:
                words += said
        answer = row.get("answer")
        if not isinstance(answer, str) or not answer:
            problems.append(f"{here}.answer: is missing; name a text of domain.yml")
        elif not isinstance(row.get("told", False), bool):
            problems.append(f"{here}.told: is neither true nor false")
        elif words:
            known = re.compile("|".join(_pattern(_plain(word)) for word in words))
            rows.append(_Row(frozenset(named), known, answer, row.get("told", False)))
    if problems:
        raise DangerError("\n".join(problems))
    return Answers(tuple(rows))
