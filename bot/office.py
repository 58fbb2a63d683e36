"""The office's files, read once and checked together: domain.yml and data/*.yml → a Script and calendars.

The only module that opens them. A mistake stops the start, and every mistake is named with its file, key and remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import holidays
import yaml

from bot.core import danger, domain, faq, policy, tickets, triage
from bot.core.calendar import Calendar
from bot.core.domain import Mistake, Mistakes, Script
from bot.core.resolve import kinds
from bot.core.yaml_text import plain

#: Intents the dialogue knows what to do with (DOMAIN.md). One more in domain.yml would be heard and never answered.
INTENTS = frozenset(
    {
        *("repair", "complaint", "fee_query", "permit", "emergency", "service_request", "ticket_status"),
        *("ticket_change", "faq", "feedback", "handoff", "bind", "inform", "affirm", "deny", "cancel", "rate"),
        *("greet", "thank", "goodbye", "out_of_scope"),
    }
)


def open_office(root: Path) -> Script:
    """The script of this office. Raises Mistakes with everything that is wrong."""
    found: list[Mistake] = []
    text = _read(root / "domain.yml", found)
    responses, intents, mistakes = domain.read_responses(text)
    found.extend(mistakes)
    found.extend(Mistake("domain.yml", "intents", f"'{i}' is missing", "Add it.") for i in sorted(INTENTS - intents))
    found.extend(
        Mistake("domain.yml", "intents", f"'{i}' is not known to the dialogue", "Remove it, or give it a flow.")
        for i in sorted(intents - INTENTS)
    )
    rules: policy.Policy | None = None
    dangers: triage.TriageRules | None = None
    listed: kinds.Kinds | None = None
    asked: faq.Faq | None = None
    answers: danger.Answers | None = None
    try:
        rules = policy.load(_yaml(root / "data" / "policy.yml", found))
    except policy.PolicyError as error:
        found.extend(_split("data/policy.yml", str(error)))
    try:
        dangers = triage.load(_yaml(root / "data" / "triage.yml", found))
    except ValueError as error:
        found.extend(_split("data/triage.yml", str(error)))
    try:
        listed = kinds.load(_yaml(root / "data" / "kinds.yml", found))
    except kinds.KindsError as error:
        found.extend(_split("data/kinds.yml", str(error)))
    try:
        asked = faq.load(_yaml(root / "data" / "faq.yml", found))
    except faq.FaqError as error:
        found.extend(_split("data/faq.yml", str(error)))
    try:
        answers = danger.load(_yaml(root / "data" / "danger.yml", found), {row.name for row in dangers.dangers} if dangers else ())
    except danger.DangerError as error:
        found.extend(_split("data/danger.yml", str(error)))
    needed = {f"utter_status_{s}" for table in tickets.TRANSITIONS.values() for s in table}
    needed |= set(dangers.lines) if dangers else set()
    needed |= answers.lines if answers else frozenset()
    found.extend(
        Mistake("domain.yml", key, "is missing", "Add it, in both languages.") for key in sorted(needed - set(responses))
    )
    found.extend(
        Mistake("bot/core/tickets.py", f"{kind}.{status}", "is reached by no move", "Give it one, or remove it.")
        for kind, status in tickets.unreachable()
    )
    if found or rules is None or dangers is None or listed is None or asked is None or answers is None:
        raise Mistakes(tuple(found))
    return Script(responses, rules, dangers, intents, listed, asked, answers)


def _split(file: str, text: str) -> list[Mistake]:
    out: list[Mistake] = []
    for line in text.splitlines():
        words = line.removeprefix(f"{file}:").strip()
        key, _, problem = words.partition(": ")
        out.append(Mistake(file, key, problem or "is wrong", "See the comments in the file."))
    return out


def _read(path: Path, found: list[Mistake]) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        found.append(Mistake(path.name, "the file", "is missing", "Restore it from the release."))
    except UnicodeDecodeError:
        found.append(Mistake(path.name, "the file", "is not UTF-8", "Save it as UTF-8."))
    return ""


def parsed(path: Path) -> Any:
    """A file of the office as YAML; None where there is none. Raises Mistakes."""
    found: list[Mistake] = []
    raw = _yaml(path, found) if path.exists() else None
    if found:
        raise Mistakes(tuple(found))
    return raw


def _yaml(path: Path, found: list[Mistake]) -> Mapping[str, Any]:
    text = _read(path, found)
    try:
        raw = plain(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}" if mark else "the file"
        found.append(Mistake(f"data/{path.name}", line, "is not valid YAML", "Mend the indentation or quoting there."))
        return {}
    return raw if isinstance(raw, dict) else {}


def calendar(script: Script, zone: ZoneInfo, year: int) -> Calendar:
    """The community's calendar for the years around `year`, from the `holidays` library's table."""
    country = script.policy.holiday_country
    years = range(year - 1, year + 3)
    table = holidays.country_holidays(country, years=years)
    worked = getattr(table, "weekend_workdays", {})  # make-up workdays, where the library knows them
    return Calendar(
        zone=zone,
        policy=script.policy,
        holidays=frozenset(d for d in table if isinstance(d, date)),
        make_up=frozenset(worked),
        known_years=frozenset(years),
    )
