"""A message as Telegram takes it: cut into parts that fit, photos first, the buttons under the last one.

Telegram counts UTF-16 code units, as in its entities (Bot API, MessageEntity: "offset in UTF-16 code units"); an emoji is
two. It takes 1 to 4096 (Bot API, sendMessage, text).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from telegram import InlineKeyboardButton, InlineKeyboardMarkup

from bot.channels import Message, cutting, token_of

LONGEST: Final = 4096
MOST_BUTTONS: Final = 100
#: Labels this short stand side by side, so that a rating is one row; Telegram shows at most eight in a row.
_SHORT, _MOST_IN_A_ROW = 3, 8

def units(text: str) -> int:
    """The length of a text in UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def split(text: str, longest: int = LONGEST) -> tuple[str, ...]:
    """The text in parts that Telegram takes."""
    return cutting.split(text, longest, units)


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
