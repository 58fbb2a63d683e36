"""The terminal as a channel: what the desk says is handed to whoever holds the terminal. It cannot fail to arrive."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.channels import Limits, Message, Reach

NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class ConsoleChannel:
    """One terminal. `show` is called with the address and the message."""

    show: Callable[[str, Message], None]
    name: str = "console"
    account: str = ""
    limits: Limits = NO_LIMITS
    reach: Reach = "always"

    async def send(self, to: str, message: Message) -> str:
        self.show(to, message)
        return f"console-{message.id}"


@dataclass(frozen=True, slots=True)
class StaffBoard:
    """Notices to staff: they read the outbox itself (`bot desk`), so a notice has arrived once it is committed."""

    show: Callable[[str, Message], None] = lambda to, message: None
    name: str = "desk"
    account: str = ""
    limits: Limits = NO_LIMITS
    reach: Reach = "always"

    async def send(self, to: str, message: Message) -> str:
        self.show(to, message)
        return f"desk-{message.id}"
