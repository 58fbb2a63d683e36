"""A message as Telegram takes it: cut into parts that fit, photos first, the buttons under the last one.

Telegram counts UTF-16 code units, as in its entities (Bot API, MessageEntity: "offset in UTF-16 code units"); an emoji is
two. It takes 1 to 4096 (Bot API, sendMessage, text).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.channels import Message, token_of

LONGEST: Final = 4096
MOST_BUTTONS: Final = 100
#: Labels this short stand side by side, so that a rating is one row; Telegram shows at most eight in a row.
_SHORT, _MOST_IN_A_ROW = 3, 8

#: Where a text may be cut, best first: after a paragraph, a line, a sentence, a clause, a word.
_CUTS: Final = tuple(
    re.compile(pattern)
    for pattern in (
        r"\n\s*\n",
        r"\n",
        r"[。！？!?…][”’」』）)\"']*|\.[\"')]*(?=\s)",
        r"[；;，,、：]|:(?=\s)",
        r"\s+",
    )
)
#: A cut this early would leave a scrap of a message.
_EARLIEST: Final = 0.5
#: What belongs to the character before it: joiners, variation selectors, marks, skin tones.
_CLINGS: Final = re.compile(r"[\u200d\ufe0e\ufe0f\u0300-\u036f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")


def units(text: str) -> int:
    """The length of a text in UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def split(text: str, longest: int = LONGEST, size: Callable[[str], int] = units) -> tuple[str, ...]:
    """The text in parts of at most `longest`, none empty, nothing lost but white space between parts and at both ends."""
    parts: list[str] = []
    rest = text.strip()
    while size(rest) > longest:
        end = _end(rest, _fitting(rest, longest, size))
        parts.append(rest[:end].rstrip())
        rest = rest[end:].lstrip()
    if rest:
        parts.append(rest)
    return tuple(parts)


def _fitting(text: str, longest: int, size: Callable[[str], int]) -> int:
    """How many characters from the start fit."""
    low, high = 1, min(len(text), longest)
    while low < high:
        middle = (low + high + 1) // 2
        if size(text[:middle]) <= longest:
            low = middle
        else:
            high = middle - 1
    return low


def _end(text: str, fitting: int) -> int:
    """The best place to cut within the first `fitting` characters."""
    for cut in _CUTS:
        # One more character is looked at, so that a full stop at the very end knows that white space follows.
        ends = [m.end() for m in cut.finditer(text, 0, fitting + 1) if m.end() <= fitting]
        if ends and ends[-1] >= fitting * _EARLIEST:
            return ends[-1]
    end = fitting
    while end > 1 and (_CLINGS.match(text[end]) or text[end - 1] == "\u200d"):
        end -= 1
    return end if end > 1 else fitting


@dataclass(frozen=True, slots=True)
class Part:
    """What is sent in one call: a photo by its name in the media store, or words."""

    text: str = ""
    photo: str = ""
    keyboard: InlineKeyboardMarkup | None = None


def parts_of(message: Message, longest: int = LONGEST) -> tuple[Part, ...]:
    """The message in the order it is sent. Photos come first, because buttons belong at the end."""
    parts = [*(Part(photo=name) for name in message.photos), *(Part(text) for text in split(message.text, longest))]
    if parts and message.buttons:
        parts[-1] = Part(parts[-1].text, parts[-1].photo, keyboard(message))
    return tuple(parts)


def keyboard(message: Message) -> InlineKeyboardMarkup:
    """The buttons, each with a short token: what a button means stays with the desk (callback_data takes 64 bytes)."""
    buttons = [
        InlineKeyboardButton(button.label, callback_data=token_of(message, position))
        for position, button in enumerate(message.buttons)
    ]
    across = _MOST_IN_A_ROW if all(units(button.label) <= _SHORT for button in message.buttons) else 1
    return InlineKeyboardMarkup([buttons[at : at + across] for at in range(0, len(buttons), across)])
