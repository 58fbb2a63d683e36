"""Several matters in one message: proposals where to cut it, and the decision whether to keep the cut.

Each proposed piece is parsed by the NLU like a message of its own. A cut is kept where the pieces on both sides are sure of
different matters, and surer the weaker the sign is that stands there: a number of a list or "另外" says that something new begins,
a full stop may, a comma hardly. It must never lose a word: what belongs to no matter of its own goes with its neighbour. The order in
which matters are opened is that of LABELS rule 1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final, Literal

from bot.core.resolve.numerals import fold
from bot.core.types import Matter, Parsed

MOST: Final = 3
"""Matters of one message; the rest stays with the last."""
MOST_PIECES: Final = 8
"""Pieces of one message that are asked about; the rest stays with the last."""

Sign = Literal["list", "further", "sentence", "comma"]

CONFIDENT: Final[Mapping[Sign, float]] = {"list": 0.2, "further": 0.2, "sentence": 0.75, "comma": 0.93}
"""How sure a piece must be of its matter to begin a new one, by the sign that stands before it (read off the annotated messages)."""
DANGER: Final = 0.8
"""No more is asked of a danger, whatever stands before it."""
ANOTHER: Final = 0.997
"""How sure a piece behind a comma must be, that speaks of another thing than the matter before it, to be one more of the same kind."""
FIRST: Final = 0.5
"""How sure the first piece must be of its own; behind a sign that something new begins, `FIRST_BEFORE_SIGN` is enough."""
FIRST_BEFORE_SIGN: Final = 0.25
SURE: Final[Mapping[str, float]] = {"emergency": 0.6, "handoff": 0.85, "ticket_change": 0.6, "bind": 0.6}
"""Intents that take more than a strong sign."""

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

#: Whoever says himself how many matters he has: "问三个事:…", "two things: …".
_ANNOUNCED: Final = re.compile(
    r"[两二三四几2-4]\s?[个件]\s?(?:事|问题|情况)|\b(?:two|three|four|a couple of|a few|few) (?:things|questions|issues|problems|matters)\b",
    re.IGNORECASE,
)
#: "…也堵了", "the light's gone as well": another thing than the one before.
_TOO: Final = re.compile(r"[也亦](?!不知道|不用|没用|没办法|太|就|许|挺)|\bas well\b|\btoo\b[\s.!]*$", re.IGNORECASE)

_STATUS: Final = ORDER["ticket_status"]
_STRONG: Final = ("list", "further")
_ONCE: Final = frozenset({"emergency", "handoff", "bind"})
"""Said twice in one message, these are still one matter."""
_FURTHER: Final = (
    r"and any\b|and another\b|然后(?=我[要想])|"
    r"另外(?![一那的])|另(?=[,、问外有])|此外|顺便|顺带|順便|順帶|对了|對了|还有(?![多没几人个一点些])|還有(?![多沒幾人個一點些])|再就是|再有就是|再问|"
    r"还想|還想|也想问|仲有|其次|然后再|再(?=给我|帮我|替我|麻烦|请问)|第[二三]个?(?:问题|事|件)|二是|三是|二来|最后(?!四位|一位)|"
    r"also\b|by the way\b|btw\b|another thing\b|one more thing\b|in addition\b|additionally\b|secondly\b|second thing\b|plus\b|besides\b|oh and\b|and also\b|"
    r"and (?=(?:can|could|may|how|what|when|where|why|who|is|are|do|does|did|please|i(?:'d| would| need| want| also)|my)\b)"
)
_FURTHER_HERE: Final = re.compile(rf"[\s,、。.;!?]*(?:and\s+|哦|噢|嗯|啊)?(?:{_FURTHER})", re.IGNORECASE)
#: ①, 1. 1、 1) (1) 一、 - at the beginning of a line or behind a sign.
_NUMBER: Final = (
    r"(?:[①②③④⑤]|[(]?[1-5][.、):](?![0-9])\s?|[(]?[一二三四五][、):](?![点十百]))"
)
_NUMBER_HERE: Final = re.compile(rf"[\s,、。.;!?:]*{_NUMBER}", re.IGNORECASE)
_CUT: Final = re.compile(
    rf"(?<=[。!?;\n])|(?<=[A-Za-z0-9]\.)(?=\s+[A-Z\u3400-\u9fff])|(?<=[,，])(?![0-9]{{3}})|(?<=\w、)(?=[^、]{{4,}})"
    # Voice-to-text has no signs: behind 了, 呢 or 吗 another subject begins.
    r"|(?<=[\u3400-\u9fff]{4}[了呢吗嘛])(?=(?:我|俺|咱)(?:[想要家们还]|这边|那个)|隔壁|楼[上下]|上个?月|这个?月|物业费|停车费|请问|麻烦|你们|能不能|帮我)"
    rf"|(?<=\S)(?=[\s]*{_NUMBER}\D)|(?<=[\s\u3400-\u9fff])(?=(?:{_FURTHER}))|(?=另外(?![一那的])|顺便问|順便問|\bby the way\b(?!\W*$))",
    re.IGNORECASE,
)
# 不是…而是… and reasons go on with what stands before them.
_CONTINUES: Final = re.compile(
    r"[\s,]*(?:而是|而且|但是?|可是|不过|因为|所以|结果|然后(?![我想再物请问])|于是|导致|就是|那种|这样|并且|害得|弄得|搞得|怕|免得|不然|否则|"
    r"but\b|because\b|so\b|and then\b|that'?s why\b|which\b|it\b|otherwise\b|since\b|until\b|especially\b)",
    re.IGNORECASE,
)
#: "顺便说一下我周六在家" only adds to the matter; it opens none.
_ONLY_ADDS: Final = re.compile(
    r"[\s,、。]*(?:顺便|顺带|另外|对了)?(?:说|提|告诉|讲|补充)(?:一下|一句|下|你们?|您)|[\s,]*(?:just )?(?:so you know|fyi|for your information)\b",
    re.IGNORECASE,
)
_WORD: Final = re.compile(r"[\u3400-\u9fff]|[A-Za-z0-9']+")
_HAN: Final = re.compile(r"[\u3400-\u9fff]")


def _short(text: str) -> bool:
    """Fewer than three Han characters, or than two words where there are none: 灯坏了 is a matter, 你好 is not."""
    return len(_WORD.findall(text)) < (3 if _HAN.search(text) else 2)


def clauses(text: str) -> tuple[str, ...]:
    """Pieces of the text that may be separate matters, in order; joined they give the text, but for blanks.

    Cuts stand at ends of sentences, commas, numbers of a list, and before 另外, 还有, 顺便, also, by the way. Pieces too short to be a
    matter, and those that go on with the one before, stay with their neighbour.
    """
    pieces: list[str] = []
    begin = 0
    for folded in _CUT.split(fold(text)):  # cuts are empty and folding keeps lengths: a piece is a slice of the text
        piece = text[begin : begin + len(folded)]
        begin += len(folded)
        if not piece:
            continue
        leads = _FURTHER_HERE.match(folded) or _NUMBER_HERE.match(folded)  # "Also," goes with what follows it
        joins = pieces and (
            _short(pieces[-1]) or (_short(piece) and not leads) or _CONTINUES.match(folded) or len(pieces) == MOST_PIECES
        )
        if joins:
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return tuple(stripped for piece in pieces if (stripped := piece.strip())) or (text,)


def _sign(before: str, piece: str) -> Sign:
    """What stands between a piece and the one before it."""
    folded = fold(piece)
    if _NUMBER_HERE.match(folded):
        return "list"
    if _FURTHER_HERE.match(folded) and not _ONLY_ADDS.match(folded):
        return "further"
    return "comma" if re.search(r"[,、\w]\s*$", fold(before)) and not before.endswith("\n") else "sentence"


def _named(part: Parsed | Matter, kind: str = "item") -> frozenset[str]:
    return frozenset(entity.value for entity in part.entities if entity.entity == kind)


def _opens(part: Parsed, needed: float, strong: bool) -> Matter | None:
    """The matter a piece opens: its first reading, or behind a strong sign the best one that opens anything."""
    readings = [(part.intent, part.confidence)]
    if strong:
        readings += [(row.intent, row.confidence) for row in part.ranking if row.intent in ORDER]
    for intent, confidence in readings:
        enough = min(needed, DANGER) if intent == "emergency" else needed
        if intent in ORDER and confidence >= max(enough, SURE.get(intent, 0.0)):
            return Matter(part.text, intent, confidence, part.ranking, part.entities)
    return None


def _same(earlier: Matter, later: Matter, sign: Sign) -> bool:
    """Whether a later piece speaks of the matter already opened."""
    first, second = ORDER[earlier.intent], ORDER[later.intent]
    strong = sign in _STRONG
    items, new = _named(earlier), _named(later)
    elsewhere = bool(new and not items & new and (items or _TOO.search(later.text)))
    if first == second:
        if earlier.intent in _ONCE:
            return True
        # Behind a comma the same thing has a second symptom; another thing, of which the piece is as sure, is another matter.
        return not (strong or (elsewhere and (sign == "sentence" or later.confidence >= ANOTHER)))
    if {earlier.intent, later.intent} == {"permit", "fee_query"}:  # rule 6: an application and its price
        fees = _named(later, "fee_type") | _named(earlier, "fee_type")
        return not fees and not (strong and _named(later, "permit_type"))
    if strong:
        return False
    if "bind" in (earlier.intent, later.intent):  # a room and a telephone said in a sentence of their own
        return True
    if _STATUS in (first, second):  # LABELS rule 8: chasing and what is chased are one matter
        return not elsewhere
    if {first, second} == {ORDER["repair"], ORDER["complaint"]}:  # rule 5: fault plus blame
        return not elsewhere
    # What follows a danger in the same breath, or speaks of nothing else, belongs to it; a danger told late is never swallowed.
    return first == 0 and (sign == "comma" or (second == ORDER["complaint"] and not elsewhere))


def _join(matter: Matter, part: Parsed | Matter, *, before: bool = False) -> Matter:
    """The matter with another piece's words; the label is the matter's own, unless a matter of danger joins it."""
    head, tail = (part, matter) if before else (matter, part)
    shift = len(head.text) + 1
    moved = tuple(
        replace(entity, start=entity.start + shift, end=entity.end + shift) for entity in tail.entities
    )
    label = part if isinstance(part, Matter) and part.intent == "emergency" else matter
    return replace(label, text=f"{head.text} {tail.text}", entities=(*head.entities, *moved))


def _matter(part: Parsed) -> Matter:
    return Matter(part.text, part.intent, part.confidence, part.ranking, part.entities)


def matters(whole: Parsed, parts: Sequence[Parsed]) -> tuple[Matter, ...]:
    """The matters of one message, the one to open first in front.

    Args:
        whole: the parse of the whole message.
        parts: the parses of `clauses(text)`, in order.

    The split is kept only when at least two pieces are sure of different matters; otherwise the whole is one.
    """
    single = (_matter(whole),)
    if len(parts) < 2:
        return single
    found: list[Matter] = []
    waiting: list[Parsed] = []  # greetings and values before the first matter
    before = ""
    announced = _ANNOUNCED.search(fold(whole.text)) is not None
    for part in parts:
        sign: Sign = "further" if announced and before else _sign(before, part.text)
        before = part.text
        strong = sign in _STRONG
        if strong and not found and waiting:
            first = _opens(waiting[-1], FIRST_BEFORE_SIGN, True)
            if first is not None:
                found.append(first)
                waiting.pop()
        opened = _opens(part, CONFIDENT[sign] if found else FIRST, strong)
        if opened is None and not found:
            waiting.append(part)
        elif opened is None:
            found[-1] = _join(found[-1], part)
        elif found and _same(found[-1], opened, sign):
            found[-1] = _join(found[-1], opened)
        elif len(found) < MOST:
            found.append(opened)
        elif opened.intent == "emergency" and all(matter.intent != "emergency" for matter in found):
            found[-2:] = [_join(found[-2], found[-1]), opened]  # never buried: the last two make room
        else:
            found[-1] = _join(found[-1], part)
    if len(found) < 2:
        return single
    for part in reversed(waiting):
        found[0] = _join(found[0], part, before=True)
    return tuple(sorted(found, key=lambda matter: ORDER[matter.intent]))
