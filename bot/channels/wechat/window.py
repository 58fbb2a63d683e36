"""How many customer-service messages a resident may still be sent. Counted before sending, in the Notebook.

| what the resident did | messages | for |
|---|---|---|
| wrote to us | 5 | 48 hours |
| pressed a button of the menu | 3 | 1 minute |
| followed us | 3 | 1 minute |
| scanned our code | 3 | 1 minute |

developers.weixin.qq.com/doc/service/api/customer/message/api_sendcustommessage (in force since 12 June 2023). Doing the same
again fills that line anew; what was left is not added. The page does not say from which line WeChat takes a message when
several are open: here it is the one that ends first (of two that end at once, the first by name, so that two counts of the
same deeds agree), and WeChat's own word (45015, 45047) closes them all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal, TypeAlias

from bot.channels import Notebook

Source: TypeAlias = Literal["message", "menu", "subscribe", "scan"]


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many messages, for how long. `spare` is how much earlier we stop, for the time a call is on its way."""

    messages: int
    lasts: timedelta
    spare: timedelta


_MINUTE = Allowance(3, timedelta(minutes=1), timedelta(seconds=5))
ALLOWANCES: Final[Mapping[Source, Allowance]] = {
    "message": Allowance(5, timedelta(hours=48), timedelta(minutes=1)),
    "menu": _MINUTE,
    "subscribe": _MINUTE,
    "scan": _MINUTE,
}
KEEP: Final = timedelta(hours=48)

Page: TypeAlias = Mapping[str, Any]


class Windows:
    """The windows of one account's residents.

    Args:
        now: the machine clock, aware UTC.
        strict: False sends without counting (only a test does).
    """

    def __init__(self, notebook: Notebook, now: Callable[[], datetime], *, strict: bool = True) -> None:
        self._notebook = notebook
        self._now = now
        self._strict = strict

    @staticmethod
    def page(openid: str) -> str:
        return f"window:{openid}"

    async def opened(self, openid: str, source: Source, at: datetime, external_id: str) -> None:
        """The resident did something at `at` (WeChat's clock). The same delivery a second time fills nothing."""
        since = int(min(at, self._now()).timestamp())

        def edit(page: Page | None) -> Page:
            lines = dict(page or {})
            line = lines.get(source)
            if line and (line["since"] > since or external_id in line["by"]):
                return lines
            same_second = line["by"] if line and line["since"] == since else []
            lines[source] = {"since": since, "by": [*same_second, external_id], "left": ALLOWANCES[source].messages}
            return lines

        await self._notebook.change(self.page(openid), edit, KEEP)

    async def closed(self, openid: str) -> None:
        """Nothing more may be sent: WeChat said so, or they left."""

        def edit(page: Page | None) -> Page:
            return {source: {**line, "left": 0} for source, line in (page or {}).items()}

        await self._notebook.change(self.page(openid), edit, KEEP)

    def _open(self, lines: Page) -> list[Source]:
        """The sources that still have a message, the one that ends first at the front."""
        now, ends = self._now(), {}
        for source, allowed in ALLOWANCES.items():
            line = lines.get(source)
            if line and line["left"] > 0:
                end = datetime.fromtimestamp(line["since"], UTC) + allowed.lasts - allowed.spare
                if now < end:
                    ends[source] = end
        return sorted(ends, key=lambda source: (ends[source], source))

    async def take(self, openid: str, messages: int) -> Mapping[Source, int] | None:
        """Count this many messages as sent, all or none. What was taken, for `give_back`; None: not so many are left."""
        if not self._strict:
            return {}
        taken: dict[Source, int] = {}
        short = False

        def edit(page: Page | None) -> Page:
            nonlocal short
            taken.clear()
            lines = dict(page or {})
            missing = messages
            for source in self._open(lines):
                part = min(missing, lines[source]["left"])
                if part:
                    taken[source] = part
                    lines[source] = {**lines[source], "left": lines[source]["left"] - part}
                    missing -= part
            short = missing > 0
            return (page or {}) if short else lines

        await self._notebook.change(self.page(openid), edit, KEEP)
        return None if short else dict(taken)

    async def give_back(self, openid: str, taken: Mapping[Source, int], messages: int) -> None:
        """The last `messages` of what was taken were refused by WeChat, or never reached it."""
        if not taken or messages <= 0:
            return

        def edit(page: Page | None) -> Page:
            lines, back = dict(page or {}), messages
            for source, part in reversed(tuple(taken.items())):
                line = lines.get(source)
                returned = min(back, part)
                back -= returned
                if line and returned:
                    most = ALLOWANCES[source].messages
                    lines[source] = {**line, "left": min(most, line["left"] + returned)}
            return lines

        await self._notebook.change(self.page(openid), edit, KEEP)
