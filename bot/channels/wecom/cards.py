"""A message with buttons as a card (按钮交互型模板卡片), and what the card becomes when the job is taken.

The limits are those of developer.work.weixin.qq.com/document/path/90236 and 94888. The page words the lengths of texts as advice
(建议不超过); they are kept as limits here, because the clients cut off what is longer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.channels import Message, token_of

#: Characters.
TITLE, TEXT, LABEL = 36, 160, 10
BUTTONS = 6
#: Shown on the grey button of a card that nobody pressed: the sentence stands above it.
_NO_LABEL = "—"

_FIRST_SENTENCE = re.compile(r"(.+?[。！？!?；;]|.+?\.(?=\s))\s*")


@dataclass(frozen=True, slots=True)
class Face:
    """What a card shows. `text` may be empty."""

    title: str
    text: str
    labels: tuple[str, ...]


def face(message: Message) -> Face | None:
    """The message as a card, None when it does not fit one. The first line is the title, or else the first sentence."""
    labels = tuple(button.label.strip() for button in message.buttons)
    title, _, text = message.text.strip().partition("\n")
    if len(title) > TITLE:
        first = _FIRST_SENTENCE.match(message.text.strip())
        if first is None:
            return None
        title, text = first.group(1), message.text.strip()[first.end() :]
    title, text = title.strip(), text.strip()
    fits = (
        0 < len(title) <= TITLE
        and len(text) <= TEXT
        and 0 < len(labels) <= BUTTONS
        and all(0 < len(label) <= LABEL for label in labels)
    )
    return Face(title, text, labels) if fits else None


def numbered(message: Message) -> str:
    """The same choices as lines of text: whoever answers writes the number."""
    lines = (f"{number}. {button.label}" for number, button in enumerate(message.buttons, start=1))
    return f"{message.text.rstrip()}\n\n" + "\n".join(lines)


def task_of(series: str, message_id: int) -> str:
    """The card's name on the platform: unique in an application for ever, so it carries which database counted the id."""
    return f"{series}-{message_id}"


def message_of(task: str, series: str) -> int | None:
    """The message of a card of this series; None for a card of another one, or no card of ours."""
    found = re.fullmatch(rf"{re.escape(series)}-([0-9]{{1,18}})", task)
    return int(found.group(1)) if found else None


def card(message: Message, shown: Face, task: str) -> dict[str, Any]:
    """The `template_card` of a message. A button's key is a token that says nothing by itself."""
    out: dict[str, Any] = {
        "card_type": "button_interaction",
        "main_title": {"title": shown.title},
        "task_id": task,
        "button_list": [
            {"text": label, "style": 1 if position == 0 else 2, "key": token_of(message, position)}
            for position, label in enumerate(shown.labels)
        ],
    }
    if shown.text:
        out["sub_title_text"] = shown.text
    return out


def changed(shown: Face, keys: Sequence[str], pressed: str, sentence: str) -> Mapping[str, Any]:
    """The part of an update that puts a sentence where the buttons were.

    A short sentence goes on the grey button itself; a longer one into the text, above a button with the pressed label.
    """
    if len(sentence) <= LABEL or not shown.title:
        return {"button": {"replace_name": sentence}}
    text = "\n".join(part for part in (shown.text, sentence) if part)
    if len(text) > TEXT:
        text = sentence if len(sentence) <= TEXT else sentence[: TEXT - 1] + "…"
    return {
        "template_card": {
            "card_type": "button_interaction",
            "main_title": {"title": shown.title},
            "sub_title_text": text,
            "button_list": [{"text": label, "key": key} for label, key in zip(shown.labels, keys, strict=True)],
            "replace_text": pressed or _NO_LABEL,
        }
    }
