"""A visiting time as the desk keeps it, and the words the desk shows it in.

`render` must never write what `parse_when` reads otherwise: a resident may send the desk's own words back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from bot.core.types import Language

Reason = Literal["past", "small_hours", "which_day", "conflict", "refused"]


@dataclass(frozen=True, slots=True)
class Window:
    """From `start` to `end`, both aware; `text` is what was said."""

    start: datetime
    end: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Unclear:
    """A time was spoken of, but none can be fixed. `reason`: past, small_hours, which_day, conflict, refused."""

    reason: Reason
    text: str = ""


_DAY_NAMES: Final[Mapping[Language, Sequence[str]]] = {
    "zh": ("今天", "明天", "后天"),
    "en": ("today", "tomorrow"),
}
_WEEKDAYS_ZH: Final = "一二三四五六日"
_WEEKDAYS_EN: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS_EN: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _day(day: date, language: Language, today: date) -> str:
    ahead = (day - today).days
    named = _DAY_NAMES[language][ahead] if 0 <= ahead < len(_DAY_NAMES[language]) else None
    if language == "zh":
        weekday = f"周{_WEEKDAYS_ZH[day.weekday()]}"
        if named:
            month = "" if day.month == today.month else f"{day.month}月"
            return f"{named}({month}{day.day}日 {weekday})"
        year = "" if day.year == today.year else f"{day.year}年"
        return f"{year}{day.month}月{day.day}日({weekday})"
    year = "" if day.year == today.year else f" {day.year}"
    on = f"{_WEEKDAYS_EN[day.weekday()]} {day.day} {_MONTHS_EN[day.month - 1]}{year}"
    return f"{named} ({on})" if named else on


def render(window: Window, language: Language, now: datetime) -> str:
    """The window in words that `parse_when` reads back as the same window, seconds dropped.

    "明天(24日 周二)14:00–18:00", "tomorrow (Tue 24 Nov) 14:00–18:00", "11月27日(周五)09:00–12:00",
    "11月28日(周六)08:00–11月29日(周日)21:00". The year is written when it is not the present one.
    """
    start, end = window.start.astimezone(now.tzinfo), window.end.astimezone(now.tzinfo)
    gap = "" if language == "zh" else " "
    until = f"{end:%H:%M}"
    if f"{end:%H:%M}" == "00:00" and end.date() - start.date() == timedelta(days=1):
        until = "24:00"  # the end of that day, not the next one
    elif end.date() != start.date():
        until = f"{gap}{_day(end.date(), language, now.date())}{gap}{until}"
    dash = f"{gap}–" if until.startswith(" ") else "–"
    return f"{_day(start.date(), language, now.date())}{gap}{start:%H:%M}{dash}{until}"


def render_moment(at: datetime, language: Language, now: datetime) -> str:
    """An instant as `render` writes the beginning of a window: "明天(24日 周二)08:30", "Mon 23 Nov 08:30"."""
    local = at.astimezone(now.tzinfo)
    return f"{_day(local.date(), language, now.date())}{'' if language == 'zh' else ' '}{local:%H:%M}"
