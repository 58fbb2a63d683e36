"""Which of two equal texts to a member is a message of its own, and which is another try of the same one: told to the platform.

The platform knows a message by its words and its receiver (`enable_duplicate_check`, `duplicate_check_interval`:
developer.work.weixin.qq.com/document/path/90236): what it had within the interval it drops, and says that all is well. That is
right for a try after one that broke off, and wrong for somebody who is told the same twice: each "登记好了" answers a deed of its
own. So every text asks for the check, with the longest interval there is, and each further message with the same words carries a
mark at its end that no screen shows. All tries of one message carry the same mark.

It depends on no clock and on no call being quick, and not on whether the platform also knows what was sent without asking for the
check, which is not documented. A page of the notebook for each text holds who said it lately, so processes agree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from bot.channels import Notebook

#: The platform looks back so far at most.
LOOKS_BACK: Final = timedelta(hours=4)
#: What every text is sent with.
ASK: Final[Mapping[str, Any]] = {"enable_duplicate_check": 1, "duplicate_check_interval": int(LOOKS_BACK.total_seconds())}
#: A mark is used again once the platform has surely forgotten it: clocks differ, and calls take a while.
_FORGOTTEN: Final = LOOKS_BACK + timedelta(minutes=10)
#: How long the tries of a message are known as such: longer than a desk is switched off.
KEEP: Final = timedelta(days=1)
#: Zero width space and non-joiner. They are no white space to Unicode, so whoever trims a text leaves them.
_NOTHING: Final = "\u200b\u200c"
#: Bytes of the longest mark that the pace of one member leaves room for: 4,000 equal texts in four hours need 12 digits.
LONGEST_MARK: Final = 36

#: Of one message: (which mark, its first try, its latest try), times as seconds.
_Line: TypeAlias = list[float]


@dataclass(frozen=True, slots=True)
class Said:
    """A text about to be sent. `since`: its first try that may have arrived; `first`: this is the first."""

    mark: str
    since: datetime
    first: bool


def mark(number: int) -> str:
    """The mark of this number: none for 0, then ever longer ones, each different."""
    made = ""
    while number > 0:
        number, digit = divmod(number - 1, 2)
        made += _NOTHING[digit]
    return made


class Repeats:
    """What one account said lately, to whom."""

    def __init__(self, notebook: Notebook, now: Callable[[], datetime]) -> None:
        self._notebook = notebook
        self._now = now

    async def enter(self, to: str, text: str, who: str) -> Said:
        """A try begins: the mark of this message, kept for its next tries.

        Args:
            who: names the message, or the part of it.
        """
        now = self._now()
        at, forgotten, old = now.timestamp(), (now - _FORGOTTEN).timestamp(), (now - KEEP).timestamp()
        first = True

        def edit(page: Mapping[str, Any] | None) -> Mapping[str, Any]:
            nonlocal first
            lines: dict[str, _Line] = {name: line for name, line in (page or {}).items() if line[2] > old}
            first = who not in lines
            taken = {int(line[0]) for line in lines.values() if line[2] > forgotten}
            number, since, _ = lines.get(who) or [next(n for n in range(len(taken) + 1) if n not in taken), at, at]
            lines[who] = [number, since, at]
            return lines

        number, since, _ = (await self._notebook.change(_page(to, text), edit, KEEP))[who]
        return Said(mark(int(number)), datetime.fromtimestamp(since, now.tzinfo), first)

    async def withdraw(self, to: str, text: str, who: str) -> None:
        """No try of this message can have arrived."""

        def edit(page: Mapping[str, Any] | None) -> Mapping[str, Any]:
            return {name: line for name, line in (page or {}).items() if name != who}

        await self._notebook.change(_page(to, text), edit, KEEP)


def _page(to: str, text: str) -> str:
    return f"said:{to.lower()}:{hashlib.sha256(text.encode()).hexdigest()[:24]}"
