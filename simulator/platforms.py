"""A platform as the people on it see it, and the table of those that are simulated.

Another channel is one class with these methods and one line in `platforms()`.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
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
    is the beginning of the news alone, as a template or notice holds it."""

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
        corrects: of which update it is a correction.
    """

    address: str
    content: str
    taken: bool | None = None
    update: int = 0
    corrects: str = ""


@dataclass(frozen=True, slots=True)
class Attempt:
    """A call at the desk's door: what was tried, the HTTP status it was answered with (0: none), and which it should be."""

    what: str
    status: int
    right: tuple[int, ...]


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

    def channels(self, notes: Callable[[str], Notebook]) -> Sequence[Channel]:
        """The adapters of the accounts, as a process of the desk makes them; `notes` gives an account's notebook."""
        ...

    def may_only_reply(self, who: str) -> bool:
        """Whether this person's account can say nothing unless they write."""
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

    @property
    def secrets(self) -> Sequence[str]:
        """What no log may hold."""
        ...

    @property
    def tricks(self) -> Sequence[str]:
        """What a stranger may try at the desk's door; none where the desk is not called."""
        ...

    async def tries(self, trick: str) -> Attempt:
        """A stranger tries it."""
        ...


class Opens(Protocol):
    def __call__(self, clock: SimulatedClock, chance: Chance, reply_only: float) -> Platform:
        """`reply_only`: the share of people whose account may only reply, where a platform has such accounts."""
        ...


def platforms() -> Mapping[str, Opens]:
    """By name. Imported late, because each brings its SDK."""
    from simulator.on_telegram import OnHookedTelegram, OnTelegram
    from simulator.on_wechat import OnWeChat
    from simulator.on_wecom import OnWeCom

    return {"telegram": OnTelegram, "telegram-webhook": OnHookedTelegram, "wechat": OnWeChat, "wecom": OnWeCom}
