"""The resident's own page as a channel. The page reads the conversation itself, so a message has arrived once it is committed;
sending only wakes the pages that wait. What is said while no page is open waits for the resident's return.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bot.channels import Limits, Message, Reach

NAME = "webchat"
#: What a message of the page may hold, in characters.
LONGEST = 2000
LIMITS = Limits(characters=LONGEST)


@dataclass(frozen=True, slots=True)
class WebChat:
    """All open pages of all communities. `wake` is called after each message."""

    wake: Callable[[], None]
    name: str = NAME
    account: str = ""
    limits: Limits = LIMITS
    reach: Reach = "always"

    async def send(self, to: str, message: Message) -> str:
        self.wake()
        return f"{NAME}-{message.id}"
