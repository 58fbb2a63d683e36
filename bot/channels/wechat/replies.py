"""The desk's messages as WeChat takes them: one text of at most 2048 bytes, its buttons as a numbered menu.

Buttons do not exist here. A bare number answers the latest question, so only the last message of a reply has its choices
numbered; those of an earlier one are named.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

from wechatpy.replies import TextReply

from bot.channels import Message, cutting
from bot.channels.wechat.account import NEWS, Form, field_characters

MOST_BYTES: Final = 2048
"""Of one text, in UTF-8. developers.weixin.qq.com, 被动回复用户消息 and error 45002."""
MORE: Final = "…"
_BETWEEN: Final = "\n\n"
#: Characters no XML document may hold, not even escaped (XML 1.0, 2.2), and halves of characters.
_IMPOSSIBLE: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def _clean(text: str) -> str:
    return _IMPOSSIBLE.sub("", text)


def words(message: Message, *, numbered: bool = True) -> str:
    """A message with its choices beneath it, and before it the name of the person of the staff whose words they are."""
    text = f"{message.author}: {message.text}" if message.author else message.text
    marks = [f"{n}. " if numbered else "· " for n in range(1, len(message.buttons) + 1)]
    lines = [mark + button.label for mark, button in zip(marks, message.buttons, strict=True)]
    return _clean("\n".join(part for part in (text.strip(), *lines) if part))


def pieces(text: str, most: int = MOST_BYTES) -> tuple[str, ...]:
    """The text in pieces of at most `most` bytes. Each but the last is half full at least: a message is one of five."""
    return cutting.pieces(text, most)


def together(messages: Sequence[Message]) -> tuple[int, str]:
    """As many of the messages, from the first, as one reply holds; and that reply. None are taken out of their order.

    A message with photos ends it: a reply is a text. (0, "") when not even the first fits.
    """
    best = (0, "")
    for count in range(1, len(messages) + 1):
        if messages[count - 1].photos:
            break
        parts = [words(m, numbered=n == count) for n, m in enumerate(messages[:count], 1)]
        text = _BETWEEN.join(part for part in parts if part)
        if not text or cutting.utf8(text) > MOST_BYTES:
            break
        best = (count, text)
    return best


def reply(text: str, *, to: str, sender: str, at: datetime) -> str:
    """The XML of a passive reply. `sender` is the account (gh_…), `to` the resident."""
    # wechatpy writes the text between CDATA marks as it is: `]]>` in it would end them and begin XML of the writer's own.
    content = _clean(text).replace("]]>", "]]]]><![CDATA[>")
    return str(TextReply(source=sender, target=to, time=int(at.timestamp()), content=content).render())


def filled(form: Form, text: str) -> dict[str, dict[str, str]]:
    """A template's fields with the news in them, continued from field to field; what is too long ends in `…`."""
    rest = re.sub(r"\s+", " ", _clean(text)).strip()
    news = [name for name, pattern in form.fields.items() if pattern == NEWS]
    data: dict[str, dict[str, str]] = {}
    for name, pattern in form.fields.items():
        if pattern != NEWS:
            data[name] = {"value": pattern}
            continue
        most = field_characters(name)
        ends = name == news[-1] and len(rest) > most
        value = rest[: most - 1] + MORE if ends else rest[:most]
        # A field may not be empty (47003).
        data[name] = {"value": value.strip() or MORE}
        rest = rest[most:].lstrip()
    return data
