"""Who has agreed to subscription notices (订阅通知), and how many each may still be sent. Counted before sending, in the Notebook.

| the resident | one-time template (一次性) | long-term template (长期) |
|---|---|---|
| agreed (accept) | one notice more | any number, until they take it back |
| declined, or switched the notices off (reject) | none | none |
| was sent one | one less | as before |
| is said by WeChat to have agreed to nothing (43101) | none | none |

Each agreement is known by its second, as the event is that told of it. So a delivery that comes again counts nothing, and one
that comes late is put where it belongs: a refusal takes back what was agreed to before it, and nothing after it.

developers.weixin.qq.com/doc/service/guide/product/subscription_messages/intro and push. Neither says whether agreements to one
template add up, nor for how long one holds; here they do, and it is forgotten when nothing has happened for `KEEP`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, TypeAlias

from bot.channels import AGREED, Notebook
from bot.channels.wechat.account import Form

KEEP: Final = timedelta(days=400)
#: Most agreements to one template that are counted, and known as counted: a page has an end.
MOST: Final = 20

#: Of one template: the agreements that are left, those counted lately, and the latest refusal, as seconds.
_Line: TypeAlias = Mapping[str, Any]
_NONE: Final[_Line] = {"left": [], "counted": [], "refused": 0}


class Agreements:
    """What one account's residents have agreed to.

    Args:
        strict: False sends without looking (only a test does).
    """

    def __init__(self, notebook: Notebook, *, strict: bool = True) -> None:
        self._notebook = notebook
        self._strict = strict

    async def agreed(self, openid: str, template: str, at: datetime) -> None:
        """They agreed at `at` (WeChat's clock)."""
        second = int(at.timestamp())

        def count(line: _Line) -> _Line:
            if second in line["counted"] or second <= line["refused"]:
                return line
            return {**line, "left": sorted((*line["left"], second))[-MOST:], "counted": [*line["counted"], second][-MOST:]}

        await self._change(openid, template, count)

    async def refused(self, openid: str, template: str, at: datetime) -> None:
        """They declined, or switched the notices off, at `at` (WeChat's clock)."""
        second = int(at.timestamp())

        def take_back(line: _Line) -> _Line:
            return {**line, "left": [s for s in line["left"] if s > second], "refused": max(line["refused"], second)}

        await self._change(openid, template, take_back)

    async def none(self, openid: str, template: str) -> None:
        """WeChat says that there is no agreement."""
        await self._change(openid, template, lambda line: {**line, "left": []})

    async def take(self, openid: str, form: Form) -> int | None:
        """Count a notice as sent. The agreement it uses, for `give_back`; None: there is none."""
        if not self._strict:
            return 0
        page = await self._notebook.read(f"{AGREED}{openid}")
        if not (page or {}).get(form.id, _NONE)["left"]:  # of who has agreed to nothing no page is made
            return None
        taken: int | None = None

        def use(line: _Line) -> _Line:
            nonlocal taken
            taken, *rest = line["left"] or (None,)
            return line if taken is None or form.long_term else {**line, "left": rest}

        await self._change(openid, form.id, use)
        return taken

    async def give_back(self, openid: str, form: Form, taken: int) -> None:
        """The notice that used this agreement was refused by WeChat, or never reached it."""

        def put_back(line: _Line) -> _Line:
            if taken in line["left"] or taken <= line["refused"]:
                return line
            return {**line, "left": sorted((*line["left"], taken))}

        await self._change(openid, form.id, put_back)

    async def _change(self, openid: str, template: str, edit: Callable[[_Line], _Line]) -> None:
        def of_template(page: Mapping[str, Any] | None) -> Mapping[str, Any]:
            lines = dict(page or {})
            return {**lines, template: edit(lines.get(template, _NONE))}

        await self._notebook.change(f"{AGREED}{openid}", of_template, KEEP)
