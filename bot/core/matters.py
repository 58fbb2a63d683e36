"""Several matters in one message: where it may be cut, and the decision where it is.

`clauses` proposes places: ends of sentences, commas, numbers of a list, "另外", and, where speech became text without any sign, the
beginnings of what the NLU marked. At each place the NLU is asked what it makes of all that stands before, and of all that stands behind
(`around`): a whole story says more surely what it is about than one clause torn out of it ("忘带卡" is no application within a
complaint). `places` weighs the two readings with a dozen signs (`WEIGHTS`), `settled` keeps those that speak for two matters; `matters`
names them in the order of LABELS rule 1. No word is ever lost: what opens no matter of its own goes with its neighbour.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Final, Literal

from bot.core.resolve.numerals import fold
from bot.core.types import Entity, Matter, Parsed, Ranked

MOST: Final = 3
"""Matters of one message; the rest stays with the last."""
MOST_CLAUSES: Final = 5
"""Clauses of one message; the rest stays with the last. At each of the four places between them the NLU is asked twice."""

Sign = Literal["new", "comma", "other"]
"""What stands before a clause: a number or a word that says that something new begins; a comma; anything else, or nothing."""

WEIGHTS: Final[Mapping[str, float]] = {
    "always": -5.75,
    "comma": -0.77,  # … stands there
    "differ": 2.24,  # chance that the two sides are of different kinds
    "differ, new": 3.34,  # … where a sign says that something new begins
    "same, new": 2.74,  # chance that they are of one kind, where a sign says so
    "same, elsewhere": 2.95,  # … where the clause names another thing at another place
    "thing": 0.76,  # the clause names things and none of those named before
    "type": 1.53,  # … fees or permits and none of those named before
    "sure": 2.58,  # how sure the less sure side is of opening a matter: 0 at none, 1 at 0.999
    "whole": -1.42,  # how sure the whole message is of one kind
    "chase": -0.56,  # chance that one side chases and the other does not (rule 8)
    "length": 0.72,  # of the clause, natural logarithm of its words
    "length before": 1.05,  # of the clause before it
}
"""Evidence for a cut, in log-odds; above 0 it is made. A logistic regression over every place of tests/annotated/matters_dev and of the
lines of tests/annotated/matters that may be looked at; tests/annotated/README.md says how, and when to do it again."""

SECOND: Final = -1.0
"""Evidence from which on a place may be the second of a message: beside a third matter neither side of it is sure."""

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
_KIND: Final[Mapping[str, str]] = dict.fromkeys(ORDER, "") | {
    "service_request": "repair",
    "feedback": "complaint",
    "ticket_change": "ticket_status",
}
"""Intents that are one kind of matter with another's; "" is a kind of its own."""
_ONCE: Final = frozenset({"emergency", "handoff", "bind"})
"""Said twice in one message, these are still one matter."""

_HAN: Final = r"\u3400-\u9fff"
#: Whoever says himself how many matters he has: "问三个事:…", "two things: …".
_ANNOUNCED: Final = re.compile(
    r"[两二三四几2-4]\s?[个件]\s?(?:事|问题|情况)|\b(?:two|three|four|a couple of|a few|few) (?:things|questions|issues|problems|matters)\b",
    re.IGNORECASE,
)
_FURTHER: Final = (
    r"and any\b|and another\b|然后(?=我[要想]|请问|想问|麻烦)|"
    r"另外(?![一那的])|另(?=[,、问外有])|此外|顺便|顺带|順便|順帶|对了|對了|还有(?![多没几人个一点些])|還有(?![多沒幾人個一點些])|再就是|再有就是|再一个就是|再(?=[问查看说])|"
    r"还想|還想|也想问|仲有|其次|然后再|再(?=给我|帮我|替我|麻烦|请问)|第[二三]个?(?:问题|事|件)|二是|三是|二来|最后(?!四位|一位)|话说回来|"
    r"(?<!and )(?<!'re )(?<!'m )(?<! am )(?<! are )also\b|by the way\b|btw\b|another thing\b|one more thing\b|on another note\b|while I'm (?:here|at it)\b|separately\b|furthermore\b|"
    r"in addition\b|additionally\b|secondly\b|second thing\b|plus\b|besides\b|oh and\b|and also\b|"
    r"and (?=(?:can|could|may|how|what|when|where|why|who|is|are|do|does|did|please|i(?:'d| would| need| want| also)|my)\b)"
)
_LEAD: Final = rf"[\s,、。.;!?]*(?:and\s+|哦|噢|嗯|啊)?(?:{_FURTHER})"
_FURTHER_HERE: Final = re.compile(_LEAD, re.IGNORECASE)
#: "另外反映一下," goes with what follows it.
_FURTHER_ALONE: Final = re.compile(rf"{_LEAD}\W*(?:(?:反映|说|问|请教|麻烦|投诉)一?下)?\W*", re.IGNORECASE)
#: ①, 1. 1、 1) (1) a) 一、 - at the beginning of a line or behind a sign.
_NUMBER: Final = r"(?:[①②③④⑤]|[(]?[1-5][.、):](?![0-9])\s?|[(]?[a-d][)]\s|[(]?[一二三四五][、):](?![点十百])|(?<![\w ])-\s)"
_NUMBER_HERE: Final = re.compile(rf"[\s,、。.;!?:]*{_NUMBER}", re.IGNORECASE)
_CUT: Final = re.compile(
    rf"(?<=[。!?;\n])|(?<=[A-Za-z0-9]\.)(?=\s+[A-Z{_HAN}])|(?<=,)(?![0-9]{{3}})|(?<=\w、)(?=[^、]{{4,}})|(?<=[{_HAN}])(?=\s+[{_HAN}])"
    rf"|(?<=\S)(?=\s*{_NUMBER}\D)|(?<=[\s{_HAN}])(?<!\band )(?=(?:{_FURTHER}))|(?=另外(?![一那的])|顺便问|順便問|\bby the way\b(?!\W*$))"
    r"|(?<=\w)(?=\s+and\s+\w+)",
    re.IGNORECASE,
)
# 不是…而是… and reasons go on with what stands before them.
_CONTINUES: Final = re.compile(
    r"[\s,]*(?:而是|而且|但是?|可是|不过(?!话说)|因为|所以|结果|然后(?![我想再物请问])|于是|导致|就是|那种|这样|并且|害得|弄得|搞得|怕|免得|不然|否则|"
    r"but (?!my|the|can)|because\b|so\b|and then\b|that'?s why\b|which\b|it\b|otherwise\b|since\b|until\b|especially\b)",
    re.IGNORECASE,
)
#: Speech without signs: somebody or somewhere a clause may begin with, but not behind a word that takes an object ("给我").
_SUBJECT: Final = re.compile(
    r"(?<=[了吗呢啊呀吧嘛不没])(?=[这那][个边])|(?<![给把被和跟在对向为替让叫到帮找问从是请派等催喊求于比像])(?=我|俺|咱|你|隔壁|对门|楼[上下])"
)
_RUN: Final = re.compile(r"\w+")
_RUN_HAN: Final = 10
"""Han characters without any sign from which on a run may hold several clauses."""
_AHEAD: Final = 5
_BEHIND: Final = 4
"""Characters of such a run that stand before and behind a place in it, at least."""
_MARKED: Final = frozenset({"item", "location", "fee_type", "permit_type", "period", "time"})
_THING: Final = frozenset({"item"})
_PLACE: Final = frozenset({"location"})
_TYPE: Final = frozenset({"fee_type", "permit_type"})
_WORD: Final = re.compile(rf"[{_HAN}]|[A-Za-z0-9']+")
_ONE_HAN: Final = re.compile(rf"[{_HAN}]")


#: A word on the office as such; on its people ("你们保安") it is a complaint like any other.
_OFFICE: Final = re.compile(
    r"物业|你们(?!的?(?:保安|保洁|管家|师傅|前台|客服|门岗|经理|主管|维修|工人))|\b(?:you (?:people|guys|lot)|this (?:place|company|management))\b", re.IGNORECASE
)
_REMARK: Final = 12
"""Words of a remark at most."""


@dataclass(frozen=True, slots=True)
class Clause:
    """A piece of a message that may begin a matter. `start` counts characters of the message."""

    start: int
    text: str
    sign: Sign


def _words(text: str) -> int:
    return len(_WORD.findall(text))


def _short(text: str) -> bool:
    """Fewer than three Han characters, or than two words where there are none: 灯坏了 is a matter, 你好 is not."""
    return _words(text) < (3 if _ONE_HAN.search(text) else 2)


def _unsigned(text: str, marked: Sequence[Entity]) -> list[int]:
    """Places in the runs of a folded text that have no sign of their own: where a subject begins, or what the NLU marked."""
    found: list[int] = []
    ends = {entity.end for entity in marked}
    inside = {at for entity in marked for at in range(entity.start + 1, entity.end)}
    starts = {entity.start for entity in marked if entity.entity in _MARKED}
    for run in _RUN.finditer(text):
        if len(_ONE_HAN.findall(run.group())) < _RUN_HAN:
            continue
        heads = starts | {match.start() for match in _SUBJECT.finditer(text, run.start(), run.end())}
        last = run.start()
        for at in sorted(heads - ends - inside):
            if last + _AHEAD <= at <= run.end() - _BEHIND and text[at - 1] not in "的在":
                found.append(at)
                last = at
    return found


def _sign(before: str, gap: str, clause: str) -> Sign:
    """What stands between a clause and the one before it, all folded."""
    if _NUMBER_HERE.match(clause) or _FURTHER_HERE.match(clause):
        return "new"
    return "comma" if re.search(r"[,、]$", before) and "\n" not in gap else "other"


def clauses(text: str, marked: Sequence[Entity] = ()) -> tuple[Clause, ...]:
    """Pieces of the text that may be separate matters, in order; joined they give the text, but for blanks.

    Args:
        text: the message.
        marked: what the NLU marked in it, which tells where something begins in speech without signs.

    Pieces too short to be a matter, and those that go on with the one before, stay with their neighbour.
    """
    folded = fold(text)  # folding keeps lengths: a place in one is a place in the other
    places = sorted({match.start() for match in _CUT.finditer(folded)} | set(_unsigned(folded, marked)))
    places = [at for at in places if 0 < at < len(text)]
    spans: list[tuple[int, int]] = []
    for start, end in zip([0, *places], [*places, len(text)], strict=True):
        piece = folded[start:end]
        leads = _FURTHER_HERE.match(piece) or _NUMBER_HERE.match(piece)  # "Also," goes with what follows it
        before = folded[slice(*spans[-1])] if spans else ""
        joins = spans and (
            _short(before)
            or _FURTHER_ALONE.fullmatch(before)
            or (_short(piece) and not leads)
            or _CONTINUES.match(piece)
            or len(spans) == MOST_CLAUSES
        )
        if joins:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    found: list[Clause] = []
    stopped = 0
    for start, end in spans:
        piece = text[start:end].strip()
        if piece:
            start += len(text[start:end]) - len(text[start:end].lstrip())
            sign = _sign(folded[:stopped], folded[stopped:start], fold(piece)) if found else "other"
            found.append(Clause(start, piece, sign))
            stopped = start + len(piece)
    return tuple(found) or (Clause(0, text, "other"),)


def around(text: str, said: Sequence[Clause]) -> tuple[tuple[str, str], ...]:
    """What stands before and behind each place between the clauses: the texts the NLU is asked about."""
    return tuple((text[: clause.start].strip(), text[clause.start :].strip()) for clause in said[1:])


def _readings(part: Parsed) -> dict[str, float]:
    """The chance of each intent that opens a matter, the likeliest first."""
    first = Ranked(part.intent, part.confidence)
    rows = {row.intent: row.confidence for row in (*part.ranking, first) if row.intent in ORDER}
    return dict(sorted(rows.items(), key=lambda row: -row[1]))


def _kinds(part: Parsed) -> dict[str, float]:
    """The chance of each kind of matter."""
    chances: dict[str, float] = {}
    for intent, chance in _readings(part).items():
        kind = _KIND[intent] or intent
        chances[kind] = chances.get(kind, 0.0) + chance
    return chances


def _another(before: Parsed, behind: Parsed, clause: Clause, names: Set[str]) -> bool:
    """Whether the clause names something of this sort, and nothing of what was named before; a part of a name is that name."""
    known = {entity.value for entity in before.entities if entity.entity in names}
    new = {entity.value for entity in behind.entities if entity.entity in names and entity.start < len(clause.text)}
    return bool(new) and not any(one in other or other in one for one in known for other in new)


def _evidence(whole: Parsed, earlier: Clause, clause: Clause, before: Parsed, behind: Parsed, announced: bool) -> dict[str, float]:
    """What speaks for and against a cut in front of `clause`, by the names of `WEIGHTS`."""
    first, second = _kinds(before), _kinds(behind)
    same = sum(chance * second.get(kind, 0.0) for kind, chance in first.items())
    differ = sum(first.values()) * sum(second.values()) - same
    new = announced or clause.sign == "new"
    thing = _another(before, behind, clause, _THING)
    chase, chased = first.get("ticket_status", 0.0), second.get("ticket_status", 0.0)
    surest = min(max(first.values(), default=0.0), max(second.values(), default=0.0))
    return {
        "always": 1.0,
        "comma": clause.sign == "comma",
        "differ": differ,
        "differ, new": differ * new,
        "same, new": same * new,
        "same, elsewhere": same * thing * _another(before, behind, clause, _PLACE),
        "thing": thing,
        "type": _another(before, behind, clause, _TYPE),
        "sure": -math.log10(1.001 - min(surest, 1.0)) / 3,
        "whole": max(_kinds(whole).values(), default=0.0),
        "chase": chase * (sum(second.values()) - chased) + chased * (sum(first.values()) - chase),
        "length": math.log(max(_words(clause.text), 1)),
        "length before": math.log(max(_words(earlier.text), 1)),
    }


def _odds(text: str, whole: Parsed, said: Sequence[Clause], at: int, before: Parsed, behind: Parsed) -> float:
    """The evidence for a cut in front of clause number `at`, in log-odds."""
    announced = _ANNOUNCED.search(fold(text)) is not None
    signs = _evidence(whole, said[at - 1], said[at], before, behind, announced)
    return sum(WEIGHTS[name] * value for name, value in signs.items())


def places(text: str, whole: Parsed, said: Sequence[Clause], read: Mapping[str, Parsed]) -> tuple[int, ...]:
    """Where the message is to be cut, as numbers of clauses: nowhere, or first the surest place, then the one that may be a second.

    Args:
        text: the message.
        whole: its parse.
        said: its clauses.
        read: the parse of each text of `around`, by the text.
    """
    found = sorted(
        ((_odds(text, whole, said, at, read[before], read[behind]), at) for at, (before, behind) in enumerate(around(text, said), 1)),
        reverse=True,
    )
    if not found or found[0][0] <= 0:
        return ()
    return tuple(at for odds, at in found[: MOST - 1] if odds > SECOND)


def cut(text: str, said: Sequence[Clause], chosen: Sequence[int]) -> tuple[str, ...]:
    """The text cut in front of these clauses."""
    starts = sorted(said[at].start for at in chosen)
    return tuple(text[start:end].strip() for start, end in zip([0, *starts], [*starts, len(text)], strict=True))


def settled(text: str, said: Sequence[Clause], chosen: tuple[int, ...], read: Mapping[str, Parsed]) -> tuple[int, ...]:
    """The places that stay once the part in the middle was read too: the second divides a side of the first like a message of its own."""
    if len(chosen) < MOST - 1:
        return chosen
    first, second = chosen
    parts = cut(text, said, chosen)
    before, behind = parts[:2] if second < first else parts[1:]
    side = cut(text, said, [first])[second > first]
    return chosen if _odds(side, read[side], said, second, read[before], read[behind]) > 0 else (first,)


def _matter(part: Parsed) -> Matter:
    return Matter(part.text, part.intent, part.confidence, part.ranking, part.entities)


def _remark(part: Parsed) -> bool:
    """Whether a part is a grumble or a joke at the office that names nothing: beside another matter it is none (LABELS rule 4)."""
    return not part.entities and _words(part.text) <= _REMARK and _OFFICE.search(part.text) is not None


def _join(matter: Matter, part: Parsed | Matter, *, before: bool = False) -> Matter:
    """The matter with another piece's words; the label is the matter's own."""
    head, tail = (part, matter) if before else (matter, part)
    shift = len(head.text) + 1
    moved = tuple(replace(entity, start=entity.start + shift, end=entity.end + shift) for entity in tail.entities)
    return replace(matter, text=f"{head.text} {tail.text}", entities=(*head.entities, *moved))


def matters(whole: Parsed, parts: Sequence[Parsed]) -> tuple[Matter, ...]:
    """The matters of one message, the one to open first in front.

    Args:
        whole: the parse of the whole message.
        parts: the parses of its segments, in order; at most three.

    A part is the matter it is likeliest to open; one that opens none goes with its neighbour. Where fewer than two are left the whole
    is one.
    """
    found: list[Matter] = []
    waiting: list[Parsed] = []  # what opens nothing before the first matter
    for part in parts:
        intent, confidence = next(iter(_readings(part).items()), ("", 0.0))
        if intent in ("complaint", "feedback") and _remark(part):
            confidence = 0.0
        same = next((at for at, matter in enumerate(found) if intent in _ONCE and matter.intent == intent), None)
        if same is not None:
            found[same] = _join(found[same], part)
        elif confidence > 0:
            found.append(replace(_matter(part), intent=intent, confidence=confidence))
        elif found:
            found[-1] = _join(found[-1], part)
        else:
            waiting.append(part)
    if len(found) < 2:
        return (_matter(whole),)
    for part in reversed(waiting):
        found[0] = _join(found[0], part, before=True)
    return tuple(sorted(found, key=lambda matter: ORDER[matter.intent]))
