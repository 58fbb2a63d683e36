"""How fast a bot may speak, and who waits.

Telegram's own numbers ("Bots FAQ", My bot is hitting limits): one message a second in a chat, 20 a minute in a group, 30 a
second in all. When its server counts a message is not known here, only that it is between the call and its answer. So a
message takes up its place from the call until the span after the answer: then no span of that length, wherever the server's
begins, holds more, however long the network takes.

Why neither PTB's AIORateLimiter nor aiolimiter. AIORateLimiter knows no pace per chat and halts every chat when one is
told to wait. aiolimiter is a leaky bucket: `AsyncLimiter(20, 60)` lets 20 through at once and 20 more within the same minute,
so the platform's window overflows; it counts calls, not answers; and it reads the event loop's clock, where ours is handed in.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from bot.channels import SendError


@dataclass(frozen=True, slots=True)
class Rate:
    """At most `messages` in any span of `within`."""

    messages: int
    within: timedelta

    def free_at(self, answered: deque[datetime], now: datetime) -> datetime:
        """When the next may go, after those that were answered at these instants, oldest first."""
        if len(answered) < self.messages:
            return now
        return max(now, answered[-self.messages] + self.within)


OVERALL: Final = Rate(30, timedelta(seconds=1))
PER_CHAT: Final = (Rate(1, timedelta(seconds=1)),)
PER_GROUP: Final = (*PER_CHAT, Rate(20, timedelta(minutes=1)))
#: A sender that must wait longer gives its place to others and comes back. Well under the worker's limit of a send (20 s).
PATIENCE: Final = timedelta(seconds=4)
#: How many chats are remembered before those that are long quiet are forgotten.
_MANY: Final = 2000


@dataclass(slots=True)
class _Chat:
    """One chat's past minute. The lock lets its messages go one after the other."""

    answered: deque[datetime] = field(default_factory=lambda: deque(maxlen=max(r.messages for r in PER_GROUP)))
    told_to_wait_until: datetime | None = None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Pace:
    """The pace of one bot in one process. Several processes that share a bot do not know of each other: then the platform's
    429 does, which is kept per chat.

    Args:
        now: the machine clock.
        sleep: waits so many seconds of that clock.
    """

    def __init__(
        self,
        now: Callable[[], datetime],
        sleep: Callable[[float], Awaitable[None]],
        *,
        overall: Rate = OVERALL,
        per_chat: tuple[Rate, ...] = PER_CHAT,
        per_group: tuple[Rate, ...] = PER_GROUP,
        patience: timedelta = PATIENCE,
    ) -> None:
        self._now = now
        self._sleep = sleep
        self._overall = overall
        self._per_chat = per_chat
        self._per_group = per_group
        self._patience = patience
        self._under_way = 0
        self._answered: deque[datetime] = deque()
        self._one_answered = asyncio.Event()
        self._next = asyncio.Lock()
        self._chats: dict[int, _Chat] = {}

    @asynccontextmanager
    async def turn(self, chat: int) -> AsyncIterator[None]:
        """Within it, one call may be made to this chat. Raises SendError when the chat must wait longer than a sender may be
        kept."""
        state = self._chat(chat)
        async with state.lock:
            await self._until(self._chat_free_at(chat, state))
            await self._take_place()
            try:
                yield
            finally:
                state.answered.append(self._now())
                self._answered.append(self._now())
                self._under_way -= 1
                self._one_answered.set()

    async def _take_place(self) -> None:
        """Wait for one of the places all chats share. First come, first served."""
        async with self._next:
            while True:
                while self._answered and self._answered[0] + self._overall.within <= self._now():
                    self._answered.popleft()
                if self._under_way + len(self._answered) < self._overall.messages:
                    self._under_way += 1
                    return
                if self._answered:
                    await self._until(self._answered[0] + self._overall.within)
                else:
                    self._one_answered.clear()
                    await self._one_answered.wait()

    def wait(self, chat: int, span: timedelta) -> None:
        """The platform told us to leave this chat alone for so long. The others go on."""
        self._chat(chat).told_to_wait_until = self._now() + span

    def _chat_free_at(self, chat: int, state: _Chat) -> datetime:
        now = self._now()
        rates = self._per_group if chat < 0 else self._per_chat
        at = max((rate.free_at(state.answered, now) for rate in rates), default=now)
        at = max(at, state.told_to_wait_until or now)
        if at - now > self._patience:
            raise SendError(
                "本会话发送过快，稍后再发。 This chat must wait before the next message.", retryable=True, after=at - now
            )
        return at

    async def _until(self, at: datetime) -> None:
        while (left := (at - self._now()).total_seconds()) > 0:
            await self._sleep(left)

    def _chat(self, chat: int) -> _Chat:
        if chat not in self._chats and len(self._chats) >= _MANY:
            quiet = self._now() - max(rate.within for rate in PER_GROUP)
            self._chats = {
                key: state
                for key, state in self._chats.items()
                if state.lock.locked()
                or (state.answered and state.answered[-1] > quiet)
                or (state.told_to_wait_until or quiet) > quiet
            }
        return self._chats.setdefault(chat, _Chat())
