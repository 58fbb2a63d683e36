"""Which of the desk's two languages a message is in. It must never guess from a bare number or a name code."""

from __future__ import annotations

import re
from typing import Final

from bot.core.resolve import invitecode
from bot.core.types import Language

_HAN: Final = re.compile(r"[\u3400-\u9fff]")
_LONGEST_REQUEST: Final = 60
_WORD: Final = re.compile(r"[A-Za-z]{2,}")
_SHORT_ENGLISH: Final = frozenset(
    [
        "hi",
        "hello",
        "hey",
        "ok",
        "okay",
        "yes",
        "no",
        "nope",
        "yep",
        "yeah",
        "thanks",
        "thank",
        "bye",
        "sorry",
        "please",
        "help",
        "fire",
        "gas",
        "smoke",
        "cancel",
        "skip",
        "stop",
        "now",
        "repair",
        "lift",
        "water",
        "english",
        "person",
        "human",
        "good",
        "great",
        "sure",
        "menu",
    ]
)


_ASKED_FOR: Final[tuple[tuple[Language, re.Pattern[str]], ...]] = (
    ("en", re.compile(r"\b(?:(?:in|speak|use|switch to|have|reply in|write in|change to) english|english,? please)\b|(?<![会能])(?:说|讲|用|换成?|切换成?|改成?|发)(?:一下)?英[文语](?!吗)|英[文语](?:可以吗|行吗|版)", re.IGNORECASE)),
    ("zh", re.compile(r"(?:说|讲|用|换成?|切换成?|改成?|发|回)(?:一下)?(?:中文|汉语|普通话|国语|中国话)|(?:中文|汉语)(?:可以吗|行吗|版|吧)|\b(?:in|speak|use|switch to|change to) (?:chinese|mandarin)\b|\bchinese,? please\b", re.IGNORECASE)),
)  # fmt: skip


def asked_for(text: str) -> Language | None:
    """The language in which the speaker asks to go on; None where no such thing is said. A longer message says more than that."""
    if len(text) > _LONGEST_REQUEST:
        return None
    return next((tongue for tongue, pattern in _ASKED_FOR if pattern.search(text)), None)


def detect(text: str, default: Language, *, begun: bool = False) -> Language:
    """The language of one message.

    Args:
        text: the message as sent.
        default: the language of the conversation so far; kept when the message does not tell.
        begun: something was said in it before: a single "ok" then changes nothing.

    Han characters count as one word each. One English word among Chinese (WiFi坏了) is still Chinese; a single
    Latin word alone changes the language only when it is a common English one ("help"), not for a name. A command (/menu) and an
    invite code are of no language.
    """
    if text.lstrip().startswith("/") or invitecode.is_only(text):
        return default
    han = len(_HAN.findall(text))
    words = _WORD.findall(text)
    if han:
        return "zh" if han * 2 >= len(words) else "en"
    if len(words) >= 2 or (not begun and any(word.lower() in _SHORT_ENGLISH for word in words)):
        return "en"
    return default
