"""The words that open, close and join hours: 七点以后, 六点前, until 6, 两点到四点, between 2 and 4, 七点左右."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

Open = Literal["", "after", "before"]

_F: Final = re.IGNORECASE | re.ASCII

_TO: Final = r"\s?(?:钟|开始|起|左右|多)?,?\s?(?:一直)?(?:到|至|-|–|—|~|\bto\b|\buntil\b|\bthrough\b)\s?(?:about |around |大概|差不多)?"
_TO_WORDS: Final = re.compile(r"\s(?:to|until)\s", _F)
_AND: Final = re.compile(r"\s?(?:和|跟|与|、|\band\b)\s?", _F)
_OR: Final = re.compile(r"\s?(?:、|或者?|\bor\b|/)\s?", _F)
_BETWEEN: Final = re.compile(r"\bbetween\s$", _F)
_FROM: Final = re.compile(r"\b(?:from|between)\s(?:about |around )?$|从\s?$", _F)

#: In front of an hour. "not home until 6" is after six, "until I leave at 9" before nine.
_LEAD: Final = re.compile(
    r"(?:(?P<after>过了|最早(?:要|得)?|(?:不|别|不要)早于"
    r"|\b(?:any ?time |whenever |is |are )?(?:after|from|past|(?:no|not) earlier than|earliest(?: is)?)\b"
    r"|\b(?:home|back|in|there|free|done|finished) (?:by|from)\b|\b(?:after|once|when)\b[^,.;!?]{3,24}?\bat\b"
    r"|(?:\b(?:not|never)|n't)\b[^,.;!?]{0,25}?\b(?:until|before)\b)"
    r"|(?P<before>最[晚迟](?:到|要)?|不晚于|(?:不|别|不要)超过|(?:在家|有人|有空|等|待|呆|一直|都在|现在|[今明后]天|^)到(?=\s?$)"
    r"|\b(?:any ?time )?(?:before|by|until|(?:no|not) later than|latest(?: is)?|not after|up to)\b"
    r"|\b(?:before|until)\b[^,.;!?]{3,20}?\bat\b)"
    r"|(?P<at>\bat\b|\baround\b|\babout\b|\bsay\b|\bmaybe\b|\bapprox\w*\b|\blike\b|\bsorry\b|\bmake it\b|\bactually\b|\b(?:can|could) (?:you|we|they) (?:do|say)\b|\bwould(?=\s[0-9]{1,2}\swork)|@))"
    r"[\s,]*(?:about |around |roughly |like |maybe |say |at )*$",
    _F,
)
#: Behind an hour: 六点下班后 is after six, 九点出门前 before nine.
_DONE: Final = r"(?:我?(?:下班|到家|回家|回来|回去|放学|下课|开完会|吃完饭|[送接]完?孩子|起床|睡醒))?"
_AFTER: Final = (
    rf"\s?(?:钟|多)?{_DONE}(?:[之以过]后|后(?![天日面])|往后|开始|起(?!床|来))"
    r"|\s?(?:onwards?|(?:or|and) (?:later|after))\b|\s?\+(?!\s?[0-9])|\s(?:at the )?earliest\b"
)
_BEFORE: Final = (
    r"\s?钟?(?:我?就?(?:出门|走|上班|离开|出发|睡觉|开会|上课|做饭|吃饭))?(?:[之以]前|前(?![天后台面])|为止|截止)"
    r"|\s?(?:or (?:earlier|before)|at the latest|latest)\b"
)
_ABOUT: Final = re.compile(r"\s?(?:左右|前后|上下|多|-?ish\b|\bor so\b)", _F)
_AFTER_BEHIND: Final = re.compile(_AFTER, _F)
_BEFORE_BEHIND: Final = re.compile(_BEFORE, _F)
_UNTIL: Final = re.compile(_TO, _F)
_FROM_ON_UNTIL: Final = re.compile(f"(?:{_AFTER})?(?:{_TO})", _F)


_REACH: Final = 60
"""The words in front of an hour are looked for in at most so many characters."""


@dataclass(frozen=True, slots=True)
class Bound:
    """What the words around an hour make of it, and the span of hour and words together. `lead`: the word in front."""

    start: int
    end: int
    open: Open = ""
    lead: str = ""


def around(text: str, start: int, end: int) -> Bound:
    """The bound of an hour that stands from `start` to `end`."""
    lead = _LEAD.search(text, max(0, start - _REACH), start)
    after, before = _AFTER_BEHIND.match(text, end), _BEFORE_BEHIND.match(text, end)
    about = _ABOUT.match(text, end)
    close = max([end, *(match.end() for match in (after, before, about) if match)])
    led = (lead["after"] or lead["before"] or "") if lead else ""
    if after or (lead and lead["after"]):
        return Bound(lead.start() if lead and led else start, close, "after", led)
    if before or (lead and lead["before"]):
        return Bound(lead.start() if lead and led else start, close, "before", led)
    return Bound(start, close)


def led(text: str, start: int) -> bool:
    """Whether a word before an hour says that it is one: after, by, at, around, 最早."""
    return _LEAD.search(text, max(0, start - _REACH), start) is not None


def goes_on(text: str, end: int) -> bool:
    """Whether a word behind a figure says that it is an hour: 后, 前, 左右."""
    return any(pattern.match(text, end) for pattern in (_AFTER_BEHIND, _BEFORE_BEHIND, _ABOUT))


def until(text: str, end: int, start: int) -> bool:
    """Whether the words from `end` to `start` make a range of the times on both sides; 九点以后到中午 too."""
    return _FROM_ON_UNTIL.fullmatch(text, end, start) is not None


def from_(text: str, start: int) -> bool:
    """Whether a range is announced in front of an hour: from, between, 从."""
    return _FROM.search(text, max(0, start - _REACH), start) is not None


def until_in_words(text: str, end: int, start: int) -> bool:
    """2 to 4, 2 until 4: a range that needs no other sign."""
    return _TO_WORDS.fullmatch(text, end, start) is not None


def between(text: str, begin: int, end: int, start: int) -> bool:
    """Between 2 and 4; `begin` is where the first of both stands."""
    return _AND.fullmatch(text, end, start) is not None and _BETWEEN.search(text, max(0, begin - _REACH), begin) is not None


def both(text: str, end: int, start: int) -> bool:
    """Nothing or 和 between two times."""
    return end == start or _AND.fullmatch(text, end, start) is not None


def either(text: str, end: int, start: int) -> bool:
    """三、四点, 7 or 8."""
    return _OR.fullmatch(text, end, start) is not None
