"""What goes wrong between the desk and a platform, and within the desk, and how often: tables.

A mishap is chosen for each call from the seed, the call's kind, whom it is about and how many such calls there were before. So
it does not depend on which of two calls at the same instant comes first.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

import bot.database
from simulator.chance import Chance

#: Makes the platform do the wrong thing at this very call.
Arrange = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Mishap:
    """One thing that goes wrong.

    Args:
        at: the kind of call (a Bot API method, a path of WeCom).
        often: of how many calls, 0 to 1.
        loses: the platform does not get what was sent, and the desk cannot know that.
        late: the platform does what it is told, and answers so many seconds later.
    """

    at: str
    name: str
    often: float
    arrange: Arrange | None = None
    loses: bool = False
    late: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """A call as far as mishaps care: its kind, and the person it is about ("" where there is none)."""

    kind: str
    whom: str


@dataclass(slots=True)
class Road:
    """The way from the desk to a platform: an ASGI application before the platform's own.

    Args:
        read: the kind and the person of a call, from its path and body.
        passed: told after each call, with the person.
        rough: how many times as often as the table says; 0: never.
    """

    inner: ASGIApp
    chance: Chance
    now: Callable[[], datetime]
    mishaps: Sequence[Mishap]
    read: Callable[[str, bytes], Call]
    passed: Callable[[str], None]
    rough: float = 1.0
    happened: Counter[str] = field(default_factory=Counter)
    calls: int = 0
    #: Where something may have been lost without anybody's fault: person → instants.
    lost: dict[str, list[datetime]] = field(default_factory=dict)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()
        while True:
            part = await receive()
            body += part.get("body", b"")
            if not part.get("more_body"):
                break
        call = self.read(scope["path"], bytes(body))
        self.calls += 1
        mishap = self._drawn(call)
        if mishap is not None:
            self.happened[f"{call.kind}: {mishap.name}"] += 1
            if mishap.loses:
                self.lost.setdefault(call.whom, []).append(self.now())
            if mishap.arrange is not None:
                await mishap.arrange()
        given = False

        async def again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                self.passed(call.whom)
                if mishap is not None and mishap.late:
                    await asyncio.sleep(mishap.late)
            await send(message)

        try:
            await self.inner(scope, again, answer)
        finally:
            self.passed(call.whom)

    def _drawn(self, call: Call) -> Mishap | None:
        # Drawn for every call, so that a change of the table does not move the draws of other calls.
        drawn = self.chance.next("road", call.kind, call.whom)
        for mishap in self.mishaps:
            if mishap.at == call.kind:
                if drawn < mishap.often * self.rough:
                    return mishap
                drawn -= mishap.often * self.rough
        return None


def of_telegram(path: str, body: bytes) -> Call:
    found = re.search(rb"chat_id\"?(?:\r\n\r\n|=)(-?[0-9]+)", body)
    return Call(path.rsplit("/", 1)[-1], found[1].decode() if found else "")


def of_wecom(path: str, body: bytes) -> Call:
    found = re.search(rb"\"touser\": ?\"([^\"]+)\"", body)
    return Call(path.removeprefix("/cgi-bin/"), found[1].decode() if found else "")


def of_wechat(path: str, body: bytes) -> Call:
    # Both platforms are of one house, and their calls look alike. A second account has a word before its paths.
    return of_wecom(path[path.index("/cgi-bin/") :] if "/cgi-bin/" in path else path, body)


# ── Within the desk ─────────────────────────────────────────────────────────────────────────────────────────────────

#: Where the disk fails, and how often: before and after a delivery is kept, within a turn and at its end.
DISK: Final[Mapping[str, float]] = {
    "accept.inbox": 0.01,
    "accept.committed": 0.01,
    "turn.stepped": 0.005,
    "turn.saved": 0.005,
}


class DiskFailed(OSError):
    """The simulated disk did not take it."""


@dataclass(slots=True)
class Disk:
    """Fails at the desk's own named points (`bot.database.crash_point`): a transaction that is rolled back, or one that was
    committed and of which nobody heard."""

    chance: Chance
    often: Mapping[str, float]
    rough: float = 1.0
    happened: Counter[str] = field(default_factory=Counter)
    #: Where it fails the next time, whatever chance says.
    next: list[str] = field(default_factory=list)
    _before: Any = None

    def __enter__(self) -> Disk:
        self._before, bot.database.crash_hook = bot.database.crash_hook, self._point
        return self

    def __exit__(self, *error: object) -> None:
        bot.database.crash_hook = self._before

    def _point(self, name: str) -> None:
        if name in self.next:
            self.next.remove(name)
            raise DiskFailed(name)
        if name in self.often and self.chance.next("disk", name) < self.often[name] * self.rough:
            self.happened[f"disk: {name}"] += 1
            raise DiskFailed(name)
