"""Several matters in one message: proposals where to cut it, and the decision whether to keep the cut.

Each proposal is parsed by the NLU like a message of its own; only when the parts come out as different matters,
each sure of itself, is the message split. It must never lose a word: what belongs to no matter of its own goes
with its neighbour. The order in which matters are opened is that of LABELS rule 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

from bot.core.resolve.numerals import fold
from bot.core.types import Matter, Parsed

MOST: Final = 3
"""Matters of one message; the rest stays with the last."""
CONFIDENT: Final = 0.5
"""A part below this does not stand alone."""

ORDER: Final[Mapping[str, int]] = {
    "emergency": 0,
    "repair": 1,
    "service_request": 1,
    "complaint": 2,
    "feedback": 2,
    "permit": 3,
    "bind": 3,
    "fee_query": 4,
    "ticket_status": 5,
    "ticket_change": 5,
    "faq": 6,
    "handoff": 7,
}
"""Intents that open a matter, and the rank of their label (LABELS rule 1; a person is asked for last)."""

_LABEL_STATUS: Final = ORDER["ticket_status"]
_FURTHER: Final = (
    r"另外(?![一那的])|此外|顺便|顺带|对了|还有(?![多没几人个一点些])|再就是|再有就是|其次|第[二三]个?(?:问题|事|件)|"
    r"also\b|by the way\b|btw\b|another thing\b|one more thing\b|in addition\b|additionally\b|secondly\b|plus\b|and also\b|besides\b"
)
_STARTS_FURTHER: Final = re.compile(rf"[\s,、。.;!?]*(?:and\s+|哦|噢)?(?:{_FURTHER})", re.IGNORECASE)
_CUT: Final = re.compile(
    rf"(?<=[。!?;\n])|(?<=[A-Za-z0-9]\.)(?=\s+[A-Z\u3400-\u9fff])|(?<=[,、\s])(?=(?:{_FURTHER}))|(?=另外(?![一那的])|顺便问|\bby the way\b)",
    re.IGNORECASE,
)
# 不是…而是… and reasons go on with what stands before them.
_CONTINUES: Final = re.compile(
    r"\s*(?:而是|而且|但是?|可是|不过|因为|所以|结果|然后|于是|导致|就是|but\b|because\b|so\b|and then\b|that'?s why\b|which\b|it\b)",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[\u3400-\u9fff]|[A-Za-z0-9']+")
_HAN: Final = re.compile(r"[\u3400-\u9fff]")


def _short(text: str) -> bool:
    """Fewer than three Han characters, or than two words where there are none: 灯坏了 is a matter, 你好 is not."""
    return len(_WORD.findall(text)) < (3 if _HAN.search(text) else 2)


def clauses(text: str) -> tuple[str, ...]:
    """Parts of the text that may be separate matters, in order, one to three; joined they give the text.

    Cuts stand at ends of sentences and before 另外, 还有, 顺便, 对了, also, by the way. Fragments too short to be
    a matter, and sentences that go on with the one before, stay with their neighbour.
    """
    parts: list[str] = []
    begin = 0
    for folded in _CUT.split(
        fold(text)
    ):  # cuts are empty and folding keeps lengths: a piece is a slice of the text
        piece = text[begin : begin + len(folded)]
        begin += len(folded)
        if not piece:
            continue
        if parts and (_short(parts[-1]) or _short(piece) or _CONTINUES.match(folded) or len(parts) == MOST):
            parts[-1] += piece
        else:
            parts.append(piece)
    return tuple(stripped for part in parts if (stripped := part.strip())) or (text,)


def _items(part: Parsed | Matter) -> frozenset[str]:
    return frozenset(entity.value for entity in part.entities if entity.entity == "item")


def _openable(part: Parsed) -> bool:
    return part.intent in ORDER and part.confidence >= CONFIDENT


def _same(earlier: Matter, later: Parsed) -> bool:
    """Whether a later part speaks of the matter already opened."""
    first, second = ORDER[earlier.intent], ORDER[later.intent]
    further = _STARTS_FURTHER.match(fold(later.text)) is not None
    items, new = _items(earlier), _items(later)
    if first == second:
        return not (items and new and not items & new)
    if further:
        return False
    if _LABEL_STATUS in (first, second):  # LABELS rule 8: chasing and what is chased are one matter
        return not (items and new and not items & new)
    if {first, second} == {ORDER["repair"], ORDER["complaint"]}:  # rule 5: fault plus blame
        return not new or bool(items & new)
    return False


def _join(matter: Matter, part: Parsed, *, before: bool = False) -> Matter:
    """The matter with another part's words; the label is the matter's own."""
    head, tail = (part, matter) if before else (matter, part)
    shift = len(head.text) + 1
    moved = tuple(
        replace(entity, start=entity.start + shift, end=entity.end + shift) for entity in tail.entities
    )
    return replace(matter, text=f"{head.text} {tail.text}", entities=(*head.entities, *moved))


def _matter(part: Parsed) -> Matter:
    return Matter(part.text, part.intent, part.confidence, part.ranking, part.entities)


def matters(whole: Parsed, parts: Sequence[Parsed]) -> tuple[Matter, ...]:
    """The matters of one message, the one to open first in front.

    Args:
        whole: the parse of the whole message.
        parts: the parses of `clauses(text)`, in order.

    The split is kept only when at least two parts are sure of different matters; otherwise the whole is one.
    """
    single = (_matter(whole),)
    if len(parts) < 2:
        return single
    found: list[Matter] = []
    waiting: list[Parsed] = []  # greetings and values before the first matter
    for part in parts:
        if not _openable(part):
            if found:
                found[-1] = _join(found[-1], part)
            else:
                waiting.append(part)
        elif found and _same(found[-1], part):
            found[-1] = _join(found[-1], part)
        else:
            found.append(_matter(part))
    if len(found) < 2:
        return single
    for part in reversed(waiting):
        found[0] = _join(found[0], part, before=True)
    return tuple(sorted(found, key=lambda matter: ORDER[matter.intent]))
