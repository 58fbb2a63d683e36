"""A platform as the people on it see it, and the table of those that are simulated.

Another channel is one class with these methods and one line in `PLATFORMS`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

from starlette.routing import BaseRoute

from bot.channels import Channel, Notebook
from simulator.chance import Chance
from simulator.mishaps import Road
from simulator.virtual_time import SimulatedClock

#: Seconds: connections are not closed for being quiet. When time jumps, the platform's closing and the desk's next request would
#: fall on one instant far more often than they do.
KEEP_ALIVE: Final = 10**7


@dataclass(frozen=True, slots=True)
class Seen:
    """A message that reached a chat. `number` counts up within the chat; `own` is the platform's, to press its buttons."""

    number: int
    text: str
    buttons: tuple[str, ...]
    own: Any


@dataclass(frozen=True, slots=True)
class Sent:
    """What somebody sent to the desk.

    Args:
        address: the conversation it belongs to.
        content: as the desk must have it in its inbox: the words, or what the pressed button carries.
        taken: whether the platform was acknowledged; None: that shows later, in `waiting`.
        update: the platform's number of it, for `waiting`.
    """

    address: str
    content: str
    taken: bool | None = None
    update: int = 0


class Platform(Protocol):
    """One platform with one account of the desk."""

    name: str
    road: Road
    #: Set when something reached a chat.
    arrived: defaultdict[str, asyncio.Event]

    @property
    def violations(self) -> Sequence[str]: ...

    def running(self) -> AbstractAsyncContextManager[None]:
        """The platform's servers are up."""
        ...

    def channel(self, notebook: Notebook) -> Channel:
        """The adapter, as a process of the desk makes it."""
        ...

    def serve(self, routes: Sequence[BaseRoute]) -> AbstractAsyncContextManager[None]:
        """The desk's web server is up, where the platform calls it."""
        ...

    def person(self, number: int) -> str:
        """A new person; the address of their chat."""
        ...

    def seen(self, who: str) -> Sequence[Seen]:
        """All that reached a chat, oldest first."""
        ...

    async def says(self, who: str, words: str) -> Sent: ...

    async def says_in_group(self, who: str) -> Sent | None:
        """Asks for a person in a group; None where there are no groups."""
        ...

    async def edits(self, who: str, words: str) -> Sent | None:
        """Corrects the last message; None where messages cannot be corrected."""
        ...

    async def shows(self, who: str, photo: bytes) -> Sent: ...

    async def taps(self, who: str, message: Seen, position: int) -> Sent: ...

    async def leaves(self, who: str) -> None:
        """Blocks the desk, or leaves the company: nothing reaches them any more."""
        ...

    async def returns(self, who: str) -> None: ...

    def waiting(self) -> frozenset[int]:
        """Updates that were not acknowledged yet."""
        ...


class Opens(Protocol):
    def __call__(self, clock: SimulatedClock, chance: Chance) -> Platform: ...


def platforms() -> Mapping[str, Opens]:
    """By name. Imported late, because each brings its SDK."""
    from simulator.on_telegram import OnTelegram
    from simulator.on_wecom import OnWeCom

    return {"telegram": OnTelegram, "wecom": OnWeCom}
