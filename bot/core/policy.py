"""data/policy.yml → a frozen Policy: the rules a supervisor may change, checked when the desk starts.

Parses what it is given and opens no file. Every mistake is reported with its key and the remedy, all at once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import time, timedelta
from typing import Any, Literal

from bot.core.tickets import EVERYONE_ON_DUTY as STAFF_ROLES
from bot.core.tickets import KIND_CODES

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
CLOCK_NAMES = ("first_response", "next_step", "resolve")
#: What the desk keeps for a time and then removes (`privacy.keep`).
KEPT = ("messages", "parses", "suggestions", "photos", "papers", "attempts", "disclosures", "traces")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


class PolicyError(ValueError):
    """policy.yml is unusable; the message lists each key with its remedy."""


@dataclass(frozen=True, slots=True)
class Allowance:
    """How long a clock may run: `working_days` on the calendar, or `within` on the elapsed or the service clock."""

    name: str
    within: timedelta
    working_days: int
    clock: Literal["elapsed", "service"]
    pausable: bool


@dataclass(frozen=True, slots=True)
class Policy:
    """See data/policy.yml, which explains each rule."""

    sure: float
    confirm: float
    misses_before_person: int
    burst_window: timedelta
    keep_misread: timedelta
    faq_sure: float
    faq_sure_elsewhere: float
    service_hours: Mapping[int, tuple[tuple[time, time], ...]]
    working_days: frozenset[int]
    holiday_country: str
    clocks: Mapping[str, tuple[Allowance, ...]]
    acknowledge_within: timedelta
    emergency_acknowledge_within: timedelta
    escalation_levels: tuple[str, ...]
    survey_after: timedelta
    survey_reminder_after: timedelta
    survey_expires_after: timedelta
    quiet_from: time
    quiet_until: time
    low_score: int
    auto_close_after: timedelta
    rework_escalates_at: int
    reopen_within: timedelta
    urge_every: timedelta
    urgent_words: tuple[str, ...]
    draft_ask_after: timedelta
    draft_drop_after: timedelta
    handover_idle: timedelta
    invite_valid: timedelta
    printed_invite_valid: timedelta
    staff_invite_valid: timedelta
    tries_per_speaker: int
    tries_per_room: int
    tries_window: timedelta
    try_again_after: timedelta
    notice_version: str
    keep: Mapping[str, timedelta]
    flood_window: timedelta
    flood_per_speaker: int
    flood_per_account: int
    shadow: frozenset[str]
    shadow_report_day: int
    shadow_report_at: time

    def shadows(self, community: str, channel: str, account: str) -> bool:
        """Whether the desk only reads and suggests there: the community's code, one of its channels or one account is listed."""
        return not self.shadow.isdisjoint((community, f"{community}/{channel}", f"{community}/{channel}/{account}"))

    def allowances(self, kind: str, category: str) -> tuple[Allowance, ...]:
        """The clocks of a ticket: its category's row, else its kind's "*" row, else none."""
        return self.clocks.get(f"{kind}/{category}") or self.clocks.get(f"{kind}/*") or ()


def duration(text: str) -> timedelta:
    """"15m" → timedelta. Raises ValueError naming what is expected."""
    match = re.fullmatch(r"(\d+)\s*([smhd])", str(text).strip())
    if not match:
        raise ValueError(f"'{text}' is not a duration; write for example 30s, 15m, 8h or 3d")
    try:
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        raise ValueError(f"'{text}' is longer than any clock can run; write less") from None


def _time(text: Any) -> time:
    # YAML reads an unquoted 20:30 as the number 1230, which would then pass for half past twelve.
    if not isinstance(text, str) or not re.fullmatch(r"(?:[01]\d|2[0-3]):[0-5]\d", text.strip()):
        raise ValueError(f"'{text}' is not a time of day; write it in quotes, for example \"08:30\"")
    return time.fromisoformat(text.strip())


def _spans(spans: Any) -> tuple[tuple[time, time], ...]:
    if not isinstance(spans, list):
        raise ValueError(f"'{spans}' is not a list of spans; write for example [\"08:30-12:00\"], or [] when closed")
    out: list[tuple[time, time]] = []
    for span in spans:
        begin, dash, end = str(span).partition("-")
        if not dash or _time(begin) >= _time(end):
            raise ValueError(f"'{span}' is not a span; write for example \"08:30-12:00\"")
        if out and _time(begin) < out[-1][1]:
            raise ValueError(f"'{span}' overlaps the span before it")
        out.append((_time(begin), _time(end)))
    return tuple(out)


def _share(value: Any) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 <= value <= 1:
        raise ValueError(f"'{value}' is not between 0 and 1")
    return float(value)


def _count(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"'{value}' is not a whole number of at least 1")
    return value


def _score(value: Any) -> int:
    if _count(value) > 4:
        raise ValueError(f"'{value}' would call every score low; scores run from 1 to 5, write 1 to 4")
    return int(value)


def _ladder(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"'{value}' is not a list of roles; write for example [supervisor, manager]")
    unknown = [role for role in value if role not in STAFF_ROLES]
    if unknown:
        raise ValueError(f"unknown role {unknown[0]}; known: {', '.join(sorted(STAFF_ROLES))}")
    return tuple(value)


def _version(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"'{value}' is not a version; write it in quotes, for example \"2026-11\"")
    return value.strip()


def _weekday(value: Any) -> int:
    if value not in WEEKDAYS:
        raise ValueError(f"'{value}' is not a weekday; known: {', '.join(WEEKDAYS)}")
    return WEEKDAYS.index(value)


def _accounts(value: Any) -> frozenset[str]:
    if not isinstance(value, list):
        raise ValueError(f"'{value}' is not a list; write for example [YH], [YH/wechat] or [YH/wechat/main], or [] for none")
    wrong = [one for one in value if not isinstance(one, str) or not re.fullmatch(r"[^/\s]+(?:/[^/\s]+){0,2}", one)]
    if wrong:
        raise ValueError(f"'{wrong[0]}' is no place; write a community's code, code/channel or code/channel/account")
    return frozenset(value)


def _weekdays(value: Any) -> frozenset[int]:
    if not isinstance(value, list) or not value:
        raise ValueError(f"'{value}' is not a list of weekdays; write for example [mon, tue, wed, thu, fri]")
    unknown = [d for d in value if d not in WEEKDAYS]
    if unknown:
        raise ValueError(f"unknown weekday {unknown[0]}; known: {', '.join(WEEKDAYS)}")
    return frozenset(WEEKDAYS.index(d) for d in value)


def _words(value: Any) -> tuple[str, ...]:
    if not isinstance(value, Mapping) or not all(isinstance(words, list) for words in value.values()):
        raise ValueError("is not a list of words per language; write for example zh: [爆管]")
    return tuple(str(word).lower() for words in value.values() for word in words)


def _allowance(name: str, raw: Any) -> Allowance:
    if not isinstance(raw, Mapping):
        raise ValueError(f"'{raw}' is not a clock; write for example {{within: 1h, clock: service}}")
    unknown = set(raw) - {"within", "clock", "pausable"}
    if unknown:
        raise ValueError(f"unknown key {', '.join(sorted(unknown))}; known: within, clock, pausable")
    clock = raw.get("clock")
    if clock not in ("elapsed", "service"):
        raise ValueError(f"clock '{clock}' is not known; write elapsed or service")
    within = str(raw.get("within", ""))
    days = re.fullmatch(r"(\d+)wd", within)
    pausable = bool(raw.get("pausable", False))
    if days:
        return Allowance(name, timedelta(0), int(days[1]), clock, pausable)
    return Allowance(name, duration(within), 0, clock, pausable)


def _section(raw: Mapping[str, Any], key: str, file: str, problems: list[str]) -> Mapping[str, Any]:
    section = raw.get(key)
    if isinstance(section, Mapping) and section:
        return section
    problems.append(f"{file}: {key}: is missing; add it")
    return {}


def load(raw: Any, file: str = "data/policy.yml") -> Policy:
    """The policy from its parsed YAML. Raises PolicyError listing every mistake as `file: key: problem`."""
    if not isinstance(raw, Mapping):
        raise PolicyError(f"{file}: the file: holds no keys; start from the policy.yml that was shipped")
    problems: list[str] = []

    def take(path: str, read: Callable[[Any], Any]) -> Any:
        value: Any = raw
        for part in path.split("."):
            value = value.get(part) if isinstance(value, Mapping) else None
        if value is None:
            problems.append(f"{file}: {path}: is missing; add it")
            return None
        try:
            return read(value)
        except (ValueError, TypeError, AttributeError) as error:
            problems.append(f"{file}: {path}: {error}")
            return None

    hours: dict[int, tuple[tuple[time, time], ...]] = {}
    days = _section(raw, "service_hours", file, problems)
    for index, day in enumerate(WEEKDAYS):
        hours[index] = take(f"service_hours.{day}", _spans) if day in days else ()
    for day in days:
        if day not in WEEKDAYS:
            problems.append(f"{file}: service_hours.{day}: unknown weekday; known: {', '.join(WEEKDAYS)}")
    clocks: dict[str, tuple[Allowance, ...]] = {}
    for key, row in _section(raw, "clocks", file, problems).items():
        kind, slash, category = str(key).partition("/")
        if kind not in KIND_CODES or not slash or not category:
            kinds = ", ".join(KIND_CODES)
            problems.append(f"{file}: clocks.{key}: is not kind/category; write for example repair/*; kinds: {kinds}")
            continue
        if not isinstance(row, Mapping):
            problems.append(f"{file}: clocks.{key}: holds no clocks; known: {', '.join(CLOCK_NAMES)}")
            continue
        allowances: list[Allowance] = []
        for name, value in row.items():
            if name not in CLOCK_NAMES:
                problems.append(f"{file}: clocks.{key}.{name}: unknown clock; known: {', '.join(CLOCK_NAMES)}")
                continue
            try:
                allowances.append(_allowance(name, value))
            except (ValueError, TypeError) as error:
                problems.append(f"{file}: clocks.{key}.{name}: {error}")
        clocks[key] = tuple(allowances)
    policy = Policy(
        sure=take("understanding.sure", _share),
        confirm=take("understanding.confirm", _share),
        misses_before_person=take("understanding.misses_before_person", _count),
        burst_window=take("understanding.burst_window", duration),
        keep_misread=take("understanding.keep_misread", duration),
        faq_sure=take("faq.sure", _share),
        faq_sure_elsewhere=take("faq.sure_elsewhere", _share),
        service_hours=hours,
        working_days=take("working_days", _weekdays),
        holiday_country=take("holiday_country", str),
        clocks=clocks,
        acknowledge_within=take("escalation.acknowledge_within", duration),
        emergency_acknowledge_within=take("escalation.emergency_acknowledge_within", duration),
        escalation_levels=take("escalation.levels", _ladder),
        survey_after=take("survey.after", duration),
        survey_reminder_after=take("survey.reminder_after", duration),
        survey_expires_after=take("survey.expires_after", duration),
        quiet_from=take("survey.quiet_from", _time),
        quiet_until=take("survey.quiet_until", _time),
        low_score=take("survey.low_score", _score),
        auto_close_after=take("repair.auto_close_after", duration),
        rework_escalates_at=take("repair.rework_escalates_at", _count),
        reopen_within=take("repair.reopen_within", duration),
        urge_every=take("repair.urge_every", duration),
        urgent_words=take("repair.urgent_words", _words),
        draft_ask_after=take("draft.ask_after", duration),
        draft_drop_after=take("draft.drop_after", duration),
        handover_idle=take("handover.idle_back_to_desk", duration),
        invite_valid=take("identity.invite_valid", duration),
        printed_invite_valid=take("identity.printed_invite_valid", duration),
        staff_invite_valid=take("identity.staff_invite_valid", duration),
        tries_per_speaker=take("identity.tries_per_speaker", _count),
        tries_per_room=take("identity.tries_per_room", _count),
        tries_window=take("identity.tries_window", duration),
        try_again_after=take("identity.try_again_after", duration),
        notice_version=take("privacy.notice_version", _version),
        keep={name: take(f"privacy.keep.{name}", duration) for name in KEPT},
        flood_window=take("flood.window", duration),
        flood_per_speaker=take("flood.per_speaker", _count),
        flood_per_account=take("flood.per_account", _count),
        shadow=take("shadow.accounts", _accounts),
        shadow_report_day=take("shadow.report_day", _weekday),
        shadow_report_at=take("shadow.report_at", _time),
    )
    if not problems and policy.confirm >= policy.sure:
        problems.append(f"{file}: understanding.confirm: must be below understanding.sure ({policy.sure})")
    if not problems and not any(hours.values()):
        problems.append(f"{file}: service_hours: no day has any; give at least one span")
    if problems:
        raise PolicyError("\n".join(problems))
    return policy
