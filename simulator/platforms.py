"""A platform as the people on it see it, and the table of those that are simulated.

Another channel is one class with these methods and one line in `platforms()`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol, TypeAlias

from starlette.routing import BaseRoute

from bot.channels import Channel, Notebook
from simulator.chance import Chance
from simulator.mishaps import Road
from simulator.virtual_time import SimulatedClock

#: Seconds: connections are not closed for being quiet. When time jumps, the platform's closing and the desk's next request would
#: fall on one instant far more often than they do.
KEEP_ALIVE: Final = 10**7


#: A voice message, a place on the map, a scanned code, a button of the menu beneath the chat.
Other: TypeAlias = Literal["voice", "place", "scan", "menu"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A message that reached a chat. `number` counts up within the chat; `own` is the platform's, to press its buttons; `brief`: it
    is the beginning of the news alone, as a template holds it."""

    number: int
    text: str
    buttons: tuple[str, ...]
    own: Any
    brief: bool = False


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
    #: Whether a person's messages reach the desk in the order in which they were written.
    ordered: bool
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

    async def comes(self, who: str) -> Sent:
        """Opens the chat for the first time."""
        ...

    async def says(self, who: str, words: str) -> Sent: ...

    async def says_in_group(self, who: str) -> Sent | None:
        """Asks for a person in a group; None where there are no groups."""
        ...

    async def edits(self, who: str, words: str) -> Sent | None:
        """Corrects the last message; None where messages cannot be corrected."""
        ...

    async def shows(self, who: str, photo: bytes) -> Sent: ...

    async def does(self, who: str, what: Other, carrying: str = "") -> Sent | None:
        """One of the other things people do; None where it is not simulated.

        Args:
            carrying: what the scanned code shows.
        """
        ...

    async def taps(self, who: str, message: Seen, position: int) -> Sent: ...

    def means(self, who: str, message: Seen, position: int) -> str:
        """The label of what that tap means to the desk now."""
        ...

    async def leaves(self, who: str) -> None:
        """Blocks the desk, or leaves the company: nothing reaches them any more."""
        ...

    async def returns(self, who: str) -> Sent | None:
        """Can be reached again; what they did for it, where the desk hears of that."""
        ...

    def waiting(self) -> frozenset[int]:
        """Updates that were not acknowledged yet."""
        ...


class Opens(Protocol):
    def __call__(self, clock: SimulatedClock, chance: Chance) -> Platform: ...


def platforms() -> Mapping[str, Opens]:
    """By name. Imported late, because each brings its SDK."""
    from simulator.on_telegram import OnTelegram
    from simulator.on_wechat import OnWeChat
    from simulator.on_wecom import OnWeCom

    return {"telegram": OnTelegram, "wechat": OnWeChat, "wecom": OnWeCom}
