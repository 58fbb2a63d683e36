"""domain.yml → a frozen Script: every text of the dialogue, in both languages.

We keep Rasa's own form, so that an office edits one file and `rasa data validate` understands it. Of that form we use
`responses` with `text`, `buttons` and `condition: [{type: slot, name: language, value: …}]`; anything else there is
refused with the key and the remedy, rather than silently ignored.

This module parses text it is given. It opens no file.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

import yaml

from bot.core.danger import Answers
from bot.core.faq import Faq
from bot.core.policy import Policy
from bot.core.resolve.kinds import Kinds
from bot.core.triage import TriageRules
from bot.core.types import Button, Language
from bot.core.yaml_text import plain

LANGUAGES: tuple[str, ...] = get_args(Language)
DEFAULT_LANGUAGE = "zh"


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong in a file of the office, where, and what to do about it."""

    file: str
    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.file}: {self.key}: {self.problem}. {self.remedy}"


class Mistakes(Exception):
    """One or more mistakes in domain.yml or data/*.yml; `found` lists them all."""

    def __init__(self, found: tuple[Mistake, ...]) -> None:
        super().__init__("\n".join(str(m) for m in found))
        self.found = found


@dataclass(frozen=True, slots=True)
class Variant:
    """One wording of a response. Texts and button values may hold {placeholders}."""

    text: str
    buttons: tuple[Button, ...] = ()


@dataclass(frozen=True, slots=True)
class Script:
    """All that the office may edit and a turn may use."""

    responses: Mapping[str, Mapping[str, tuple[Variant, ...]]]
    policy: Policy
    triage: TriageRules
    intents: frozenset[str] = field(default_factory=frozenset)
    kinds: Kinds = field(default_factory=Kinds)
    faq: Faq = field(default_factory=Faq)
    danger: Answers = field(default_factory=Answers)


def placeholders(text: str) -> frozenset[str]:
    """The names in braces of a text. Raises ValueError for unbalanced braces."""
    return frozenset(name for _, name, _, _ in string.Formatter().parse(text) if name)


def read_responses(
    text: str, file: str = "domain.yml"
) -> tuple[dict[str, dict[str, tuple[Variant, ...]]], frozenset[str], tuple[Mistake, ...]]:
    """Responses by key and language, the declared intents, and every mistake found (empty when all is well)."""
    try:
        raw = plain(text) or {}
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f"line {where.line + 1}" if where else "the file"
        return {}, frozenset(), (Mistake(file, line, "is not valid YAML", "Mend the indentation or quoting there."),)
    found: list[Mistake] = []
    responses: dict[str, dict[str, tuple[Variant, ...]]] = {}
    if not isinstance(raw, Mapping) or not isinstance(raw.get("responses") or {}, Mapping):
        return {}, frozenset(), (Mistake(file, "responses", "is not a list of keys", "Write `responses:` and keys below."),)
    for key, entries in (raw.get("responses") or {}).items():
        by_language: dict[str, list[Variant]] = {}
        for entry in entries if isinstance(entries, list) else [entries]:
            if not isinstance(entry, Mapping):
                found.append(Mistake(file, key, f"{entry!r} is not a wording", "Write `- text:` and the words behind it."))
                continue
            language = _language(file, key, entry, found)
            variant = _variant(file, key, entry, found)
            if language and variant:
                by_language.setdefault(language, []).append(variant)
        for language in LANGUAGES:
            if language not in by_language:
                found.append(Mistake(file, key, f"has no text for language '{language}'", "Add it."))
        names = {language: _names(file, key, variants, found) for language, variants in by_language.items()}
        if len(set(names.values())) > 1:
            differ = sorted(frozenset.union(*names.values()) - frozenset.intersection(*names.values()))
            found.append(
                Mistake(file, key, f"placeholders differ between languages: {', '.join(differ)}", "Use the same in each.")
            )
        shapes = {tuple(b.value for b in v.buttons if not b.value.startswith("say:")) for vs in by_language.values() for v in vs}
        if len(shapes) > 1:
            found.append(Mistake(file, key, "button payloads differ between wordings", "Give each wording the same payloads."))
        responses[key] = {language: tuple(variants) for language, variants in by_language.items()}
    return responses, _intents(file, raw.get("intents") or [], found), tuple(found)


def _intents(file: str, declared: Any, found: list[Mistake]) -> frozenset[str]:
    if not isinstance(declared, list):
        found.append(Mistake(file, "intents", "is not a list", "Write one intent a line behind a dash."))
        return frozenset()
    for intent in declared:
        if not isinstance(intent, str):
            found.append(Mistake(file, "intents", f"unsupported Rasa feature: {intent!r}", "Write the bare name."))
    return frozenset(intent for intent in declared if isinstance(intent, str))


def _language(file: str, key: str, entry: Mapping[str, Any], found: list[Mistake]) -> str | None:
    conditions = entry.get("condition") or []
    if not conditions:
        return DEFAULT_LANGUAGE
    # Exactly one: Rasa demands all of several, so that reading the first alone would say a text at the wrong time.
    if isinstance(conditions, list) and len(conditions) == 1 and isinstance(conditions[0], Mapping):
        only = dict(conditions[0])
        language = only.pop("value", None)
        if only == {"type": "slot", "name": "language"} and language in LANGUAGES:
            return str(language)
    found.append(Mistake(file, key, f"unsupported condition {conditions!r}", "Only the slot 'language' is supported."))
    return None


def _variant(file: str, key: str, entry: Mapping[str, Any], found: list[Mistake]) -> Variant | None:
    unknown = sorted(str(name) for name in set(entry) - {"text", "buttons", "condition"})
    if unknown:
        found.append(Mistake(file, key, f"unsupported Rasa feature: {', '.join(unknown)}", "Use text and buttons."))
    text = entry.get("text")
    if not isinstance(text, str) or not text.strip():
        found.append(Mistake(file, key, "has an empty text", "Write one."))
        return None
    buttons: list[Button] = []
    listed = entry.get("buttons") or []
    for button in listed if isinstance(listed, list) else [listed]:
        if not isinstance(button, Mapping) or set(button) != {"title", "payload"}:
            found.append(Mistake(file, key, f"has a button {button!r}", "Give each button a title and a payload, no more."))
            continue
        buttons.append(Button(str(button["title"]), str(button["payload"])))
    return Variant(text, tuple(buttons))


def _names(file: str, key: str, variants: list[Variant], found: list[Mistake]) -> frozenset[str]:
    names: frozenset[str] = frozenset()
    for variant in variants:
        try:
            for said in (variant.text, *(part for b in variant.buttons for part in (b.label, b.value))):
                names |= placeholders(said)
        except ValueError:
            found.append(Mistake(file, key, "has unbalanced braces", "Close each { with a }."))
    return names
