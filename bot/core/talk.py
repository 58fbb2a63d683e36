"""One turn in the making: the state and the effects so far, and the few verbs that flows use to build them.

A Talk lives inside one call of `step` and is never kept. Flows read `facts`, change `state` and `say` things; what they
do not have they `gather`, which ends the attempt with `Gathering` until the store has brought it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bot.core import texts
from bot.core.domain import Script
from bot.core.resolve import when
from bot.core.types import (
    Appointment,
    Button,
    Effect,
    Facts,
    Language,
    Need,
    OpenQuestion,
    RoomRef,
    Say,
    State,
    TicketView,
)

_NOT_SORRY_AGAIN = 6  # turns


class Gathering(Exception):
    """The turn cannot go on before this is known."""

    def __init__(self, need: Need) -> None:
        super().__init__(need)
        self.need = need


@dataclass(slots=True)
class Talk:
    script: Script
    facts: Facts
    state: State
    effects: list[Effect] = field(default_factory=list)
    upset: bool = False  # whoever speaks is angry: what is opened now is looked at sooner

    @property
    def language(self) -> Language:
        return self.state.language

    @property
    def local_now(self) -> datetime:
        """The desk clock in the community's zone: what "tomorrow" is reckoned from."""
        return self.facts.now.astimezone(self.facts.community.zone)

    def do(self, *effects: Effect) -> None:
        self.effects.extend(effects)

    def become(self, **changes: Any) -> None:
        """Change the state."""
        self.state = self.state.but(**changes)

    def words(self, key: str, **values: Any) -> str:
        return texts.words(self.script, self.language, key, self.state.turns, **values)

    def line(self, key: str, **values: Any) -> Say:
        """A message, not yet said."""
        return texts.say(self.script, self.language, key, self.state.turns, **values)

    def say(self, key: str, **values: Any) -> None:
        self.do(self.line(key, **values))

    def ask(self, key: str, kind: str, ticket_id: int | None = None, buttons: tuple[Button, ...] = (), **values: Any) -> None:
        """Say it and remember its choices: what a bare number or "好的" will answer."""
        line = self.line(key, **values)
        if buttons:
            line = replace(line, buttons=buttons)
        self.do(line)
        self.become(open_question=OpenQuestion(kind, line.buttons, ticket_id))

    def gather(self, need: Need) -> Any:
        if need not in self.facts.gathered:
            raise Gathering(need)
        return self.facts.gathered[need]

    def ticket(self, ticket_id: int | None) -> TicketView | None:
        """An open ticket of this speaker."""
        return next((t for t in self.facts.open_tickets if t.id == ticket_id), None)

    def when(self, appointment: Appointment) -> str:
        """A visit in words of the community's zone."""
        zone = self.facts.community.zone
        window = when.Window(appointment.start.astimezone(zone), appointment.end.astimezone(zone), appointment.text)
        return when.render(window, self.language, self.local_now)

    @property
    def gap(self) -> str:
        """What stands between two pieces of somebody's words."""
        return "；" if self.language == "zh" else "; "

    @property
    def cross(self) -> bool:
        """Whether the speaker is angry, or was a moment ago."""
        return self.upset or bool(self.state.sorry and self.state.turns - self.state.sorry <= _NOT_SORRY_AGAIN)

    def regret(self) -> None:
        """One sentence of regret, and not again for some turns."""
        if not self.state.sorry or self.state.turns - self.state.sorry > _NOT_SORRY_AGAIN:
            self.become(sorry=self.state.turns)
            self.say("utter_regret")

    def listed(self, words: Iterable[str]) -> str:
        """Several things in a row, as the language writes them."""
        return ("、" if self.language == "zh" else ", ").join(words)

    def moment(self, at: datetime) -> str:
        """An instant in words of the community's zone: 明天(24日 周二)08:30."""
        return when.render_moment(at.astimezone(self.facts.community.zone), self.language, self.local_now)

    def home(self, room: RoomRef) -> str:
        """A room in words of the conversation's language; as the register writes it where it has no building of its own."""
        if self.language == "zh" or not room.building:
            return room.label
        parts = {"utter_part_building": room.building, "utter_part_unit": room.unit, "utter_part_flat": room.room}
        return " ".join(self.words(key, name=name) for key, name in parts.items() if name)

    def placed(self, room: RoomRef | None, spot: str) -> str:
        """A room or building and the spot there, as the language writes them in a row."""
        return (" " if self.language == "zh" else ", ").join(filter(None, (self.home(room) if room else "", spot)))

    def status(self, ticket: TicketView) -> str:
        return self.words(f"utter_status_{ticket.status}")


def shorten(text: str, limit: int = 40) -> str:
    """The resident's own words, cut for a summary or a list.

    Args:
        limit: in Chinese characters; a Latin letter takes half the width of one, and no Latin word is cut in two.
    """
    flat = " ".join(text.split())
    room = 2 * limit
    if sum(map(_width, flat)) <= room:
        return flat
    kept, room = "", room - 2
    for character in flat:
        room -= _width(character)
        if room < 0:
            break
        kept += character
    head, blank, tail = kept.rpartition(" ")
    whole = head if blank and tail.isascii() and len(tail) < len(kept) // 2 and flat[len(kept)] != " " else kept
    return whole.rstrip(" ,，.。;；") + "…"


def _width(character: str) -> int:
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
