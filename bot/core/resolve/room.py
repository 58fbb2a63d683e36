"""Where somebody lives, as written: 4栋1单元703, 四号楼一单元七零三, 4-1-703, Tower B 1203, or just 703.

The values are normalised (building "4" or "A", unit "1", room "703"), the estate register decides whether they
exist. It must never take the neighbour's number in a complaint for the speaker's own (`whose`), nor a part of
a telephone number, a time, a date, an amount or a ticket number for a room.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Literal

from bot.core.resolve import phone, ticketno
from bot.core.resolve.numerals import EN_NUMERAL, ZH_NUMERAL, fold, number, spoken_digits

Whose = Literal["own", "other", "unknown"]


@dataclass(frozen=True, slots=True)
class RoomMention:
    """One mention of a room or a part of its address; what was not said is None. Spans point into the text."""

    building: str | None
    unit: str | None
    room: str | None
    text: str
    start: int
    end: int
    whose: Whose = "unknown"


@dataclass(frozen=True, slots=True)
class _Part:
    kind: Literal["building", "unit", "room"]
    value: str
    start: int
    end: int


_ZH: Final = f"{ZH_NUMERAL}{{1,4}}"
_ROOM_NO: Final = rf"(?:[0-9]{{3,4}}[A-Za-z]?|{ZH_NUMERAL}{{3,4}})(?![0-9A-Za-z])"
_NOT_A_ROOM: Final = r"(?!\s*(?:元|块|圆|毛|米|平|方|公斤|斤|度|吨|分|天(?!天)|年|月|日|点|时|小时|秒|次|个|人|户|%|kg\b|rmb\b|yuan\b|m\b|pm\b|am\b|days?\b|hours?\b|minutes?\b|[.:/-]?[0-9]))"
_FLAGS: Final = re.IGNORECASE | re.ASCII

# 4-1-703, 4#1-703, 4栋1-703, A-1203, 4-703; a calendar date never ends in a room number, its year comes first.
_COMPOUND: Final = re.compile(
    rf"(?<![0-9A-Za-z#.:/-])(?P<building>[1-9][0-9]?|[A-Za-z][0-9]?)\s?(?:[-–—/]|(?:#|栋|幢|座|号楼)[-–—]?)\s?"
    rf"(?:(?P<unit>[1-9][0-9]?)\s?[-–—/]\s?)?(?P<room>0?[1-9][0-9]{{2,3}}[A-Za-z]?)(?![0-9A-Za-z]){_NOT_A_ROOM}",
    _FLAGS,
)
_BUILDING: Final = re.compile(
    rf"(?<![0-9A-Za-z零〇一二两三四五六七八九十百])(?:"
    rf"(?P<zh>[A-Za-z][0-9]?|[0-9]{{1,3}}[A-Za-z]?|{_ZH})\s?(?:号?楼栋|号楼|栋楼?|幢楼?|座(?!位|机|椅)|#楼?|号(?=\s?(?:[0-9]{{1,2}}|{_ZH})\s?单元))"
    rf"|(?P<letter>[A-Za-z])楼"
    rf"|(?:building|bldg|block|blk|tower)\.?\s*(?:no\.?\s*|number\s+|#)?(?P<en>{EN_NUMERAL}(?![a-z])|[0-9]{{1,3}}[A-Za-z]?|[A-Za-z][0-9]{{0,2}})(?![0-9A-Za-z])"
    r")",
    _FLAGS,
)
_UNIT: Final = re.compile(
    rf"(?<![0-9零〇一二两三四五六七八九十百])(?:(?P<zh>[0-9]{{1,2}}|{_ZH}|[A-Za-z甲乙丙丁东西中])\s?单元"
    rf"|unit\s*(?:no\.?\s*|number\s+|#)?(?P<en>{EN_NUMERAL}(?![a-z])|[0-9]{{1,2}}|[A-Za-z])(?![0-9A-Za-z]))",
    _FLAGS,
)
_ROOM: Final = re.compile(
    rf"(?<![0-9A-Za-z零〇一二两三四五六七八九十百.:])(?P<zh>[0-9]{{3,4}}[A-Za-z]?|{ZH_NUMERAL}{{3,4}}|十[一二三四五六七八九]?零?[一二三四五六七八九])\s?(?:室|房(?!租|贷|价|产)|号房|号(?=家|的?(?:业主|住户|邻居|租户)))"
    r"|(?<![A-Za-z])(?:flat|apartment|apt|room|rm|unit|#)\.?\s*(?:no\.?\s*|number\s+|#)?(?P<en>[0-9]{3,4}[A-Za-z]?)(?![0-9A-Za-z])",
    _FLAGS,
)
# A number that stands for a room because of the words before it.
_LED: Final = re.compile(
    rf"(?:我们?家?(?:就)?住在?的?(?:是)?|我们?家(?:是|在)?|本人|住在|住(?=[0-9])|房号(?:是|为|[::])?|门牌号?(?:是|为|[::])?|"
    rf"楼上|楼下|隔壁|对门|对面|邻居|他们?家|i(?: a|')m (?:in|at|from)|i live (?:in|at)|live in|my (?:flat|room|home|apartment|place|number) is|"
    rf"neighbou?rs?(?: (?:in|at|from|of))?|upstairs(?: (?:in|at))?|downstairs(?: (?:in|at))?|next door(?: (?:in|at))?)"
    rf"[\s,的是]{{0,2}}(?P<room>{_ROOM_NO}){_NOT_A_ROOM}",
    _FLAGS,
)
# ... or of the words after it.
_FOLLOWED: Final = re.compile(
    r"(?<![0-9A-Za-z.:#-])(?P<room>[1-9][0-9]{2,3})(?:号)?(?=的?(?:业主|住户|租户|邻居|那家|那户|家(?!电)|厨房|卫生间|客厅|卧室|阳台)|\s+(?:upstairs|downstairs))",
    _FLAGS,
)
_LEAD: Final = (
    r"(?:(?:嗯|哦|噢|啊|那个|不对|不是|错了|打错了?|写错了?|更正|纠正|我|我们|家|住|在|是|就是|应该是|的|室号|房号|房间|门牌|no|sorry|oops|typo|wrong|it'?s|is|"
    r"i'?m|in|at|i meant|meant|should be|actually|flat|room|my|number|#)[\s,。.!!::…-]*)*"
)
_TRAIL: Final = r"\s*(?:室|号|房|户)?\s*(?:的|吧|啊|呀|哦|哈|了|哒|谢谢|please|sorry|thanks)*[\s,。.!!~]*"
_WHOLE: Final = re.compile(rf"\s*{_LEAD}(?P<room>{_ROOM_NO}){_TRAIL}", _FLAGS)
_CUE: Final = re.compile(r"错|不对|不是|更正|纠正|改|typo|wrong|sorry|oops|meant|correct|actually", _FLAGS)
_CORRECTED: Final = re.compile(
    rf"(?:应该是|应为|而是|是|改成|改为|meant|it's|should be|actually)\s*(?P<room>{_ROOM_NO}){_NOT_A_ROOM}",
    _FLAGS,
)
_JOIN: Final = re.compile(r"[\s,、的-]{0,3}")
_TAIL_ROOM: Final = re.compile(
    rf"[\s,、的-]{{0,3}}(?P<room>{_ROOM_NO}){_NOT_A_ROOM}(?:\s?(?:室|房(?!租|贷|价|产)|户|号(?!楼|线)))?",
    _FLAGS,
)
_DENIED: Final = re.compile(r"(?:不是|并非|不住|没住|\bnot|isn't|instead of)\s*(?:in\s+)?$", _FLAGS)

_OWNERS: Final[tuple[tuple[Whose, re.Pattern[str]], ...]] = (
    ("other", re.compile(r"楼上|楼下|隔壁|对门|对面|邻居|他们?家|她们?家|人家|别人|投诉|举报|upstairs|downstairs|neighbou?rs?|next door|the (?:flat|room|people) (?:above|below)|opposite|complain(?:t|ing)? (?:about|against)", _FLAGS)),
    ("own", re.compile(r"我们?家|我们?住|我们?是|我们?在|我的|我这|我(?![一-鿿])|本人|我们?(?=\s*$)|住在|业主是|\bi'?m\b|\bi am\b|\bi live\b|\bmy\b|\bour\b|\bwe\b|\bwe'?re\b|this is", _FLAGS)),
)  # fmt: skip
_AFTER_OTHER: Final = re.compile(
    r"\s*(?:室|号)?的?(?:那家|那户|邻居|人家)|\s+(?:upstairs|downstairs|above|below|neighbou?r)", _FLAGS
)
_CLAUSE_END: Final = re.compile(r"[,。.!?;,!?;\n]")


def _value(kind: str, word: str) -> str | None:
    if kind == "room":
        digits = spoken_digits(re.sub(r"[A-Za-z]$", "", word))
        letter = word[-1].upper() if re.search(r"[0-9][A-Za-z]$", word) else ""
        return digits + letter if digits and 2 <= len(digits) <= 4 else None
    value = number(word)
    if value is not None:
        return str(value) if 0 < value < 1000 else None
    return word.upper()


def _compounds(folded: str) -> Iterator[list[_Part]]:
    for match in _COMPOUND.finditer(folded):
        unit, room = match["unit"], match["room"]
        if re.fullmatch(r"(?:19|20)[0-9]{2}", room) and unit and match["building"].isdigit():
            continue  # 23-11-2026
        yield [
            _Part(kind, value, match.start(), match.end())
            for kind in ("building", "unit", "room")
            if match[kind] and (value := _value(kind, match[kind]))
        ]


def _parts(folded: str) -> Iterator[_Part]:
    for kind, pattern in (("building", _BUILDING), ("unit", _UNIT), ("room", _ROOM)):
        for match in pattern.finditer(folded):
            word = next(group for group in match.groups() if group)
            value = _value(kind, word)
            if value:
                yield _Part(kind, value, match.start(), match.end())  # type: ignore[arg-type]
    for pattern in (_LED, _FOLLOWED):
        for match in pattern.finditer(folded):
            if value := _value("room", match["room"]):
                yield _Part("room", value, *match.span("room"))


def _bare(folded: str) -> Iterator[_Part]:
    match = _WHOLE.fullmatch(folded)
    matches = [match] if match else list(_CORRECTED.finditer(folded)) if _CUE.search(folded) else []
    for found in matches[-1:]:
        value = _value("room", found["room"])
        # A spoken numeral with 十 or 百 alone is an amount or a count, not a room.
        if value and len(value) >= 3 and not re.search("[十百]", found["room"]):
            yield _Part("room", value, *found.span("room"))


def _whose(folded: str, start: int, end: int) -> Whose:
    """The nearest cue before the mention in its own clause decides; then one right behind it."""
    before = _CLAUSE_END.split(folded[max(0, start - 28) : start])[-1]
    cues = [(match.end(), whose) for whose, pattern in _OWNERS for match in pattern.finditer(before)]
    if _AFTER_OTHER.match(folded, end):
        return "other"
    return max(cues)[1] if cues else "unknown"


def _groups(folded: str, blocked: tuple[tuple[int, int], ...]) -> list[list[_Part]]:
    def free(start: int, end: int, taken: list[tuple[int, int]]) -> bool:
        return not any(start < stop and begin < end for begin, stop in taken)

    taken = list(blocked)
    groups: list[list[_Part]] = []
    for compound in _compounds(folded):
        if compound and free(compound[0].start, compound[0].end, taken):
            taken.append((compound[0].start, compound[0].end))
            groups.append(compound)
    loose: list[_Part] = []
    for part in sorted(_parts(folded), key=lambda item: (item.start, -item.end)):
        if free(part.start, part.end, taken):
            taken.append((part.start, part.end))
            loose.append(part)
    current: list[_Part] = []
    for part in loose:
        joined = current and _JOIN.fullmatch(folded, current[-1].end, part.start)
        if joined and all(part.kind != other.kind for other in current):
            current.append(part)
        else:
            current = [part]
            groups.append(current)
    for group in groups:  # 4栋1单元703, Tower B 1203: the room has no word of its own
        if all(part.kind != "room" for part in group):
            tail = _TAIL_ROOM.match(folded, group[-1].end)
            value = _value("room", tail["room"]) if tail else None
            if tail and value and free(*tail.span("room"), taken):
                group.append(_Part("room", value, tail.start("room"), tail.end()))
                taken.append(tail.span())
    if not any(part.kind == "room" for group in groups for part in group):
        groups.extend([part] for part in _bare(folded) if free(part.start, part.end, taken))
    return sorted(groups, key=lambda group: group[0].start)


def mentions(text: str) -> tuple[RoomMention, ...]:
    """Every room, or part of an address, in the text, in order. What is denied (不是703) is left out."""
    folded = fold(text)
    blocked = tuple((found.start, found.end) for found in phone.find(text)) + ticketno.spans(text)
    result = []
    for group in _groups(folded, blocked):
        start, end = min(part.start for part in group), max(part.end for part in group)
        if _DENIED.search(folded, max(0, start - 12), start):
            continue
        said = {part.kind: part.value for part in group}
        result.append(
            RoomMention(
                said.get("building"),
                said.get("unit"),
                said.get("room"),
                text[start:end],
                start,
                end,
                _whose(folded, start, end),
            )
        )
    return tuple(result)


def merge(earlier: RoomMention | None, later: RoomMention) -> RoomMention:
    """What is known after a second message: a part said later replaces the earlier one, the rest stays.

    "4栋1单元" then "703" gives all three; "打错了,是603" replaces the room alone. The span is the later one's.
    """
    if earlier is None:
        return later
    return replace(
        later,
        building=later.building or earlier.building,
        unit=later.unit or earlier.unit,
        room=later.room or earlier.room,
        whose=earlier.whose if later.whose == "unknown" else later.whose,
    )


_PUBLIC_PLACES: Final = (
    r"公共区域|公共部[位分]|公共|公区|楼道|走廊|过道|电梯间|电梯厅|电梯|地下车库|地库|车库|停车场|停车位|车棚|大堂|大厅|门厅|小区(?:大|正|东|西|南|北|侧|后)?门口?|小区里面?|小区内|"
    r"(?:东|西|南|北|正|侧|后)门口?|大门口?|单元门口?|单元楼?门|楼门|绿化带?|花园|花坛|草坪|草地|楼梯间|楼梯|消防通道|消防栓|天台|楼顶|屋顶|外墙|健身(?:房|区|器材)|游泳池|泳池|"
    r"儿童乐园|游乐场|广场|路灯|垃圾(?:房|站|桶|点)|围墙|岗亭|门岗|充电[桩站棚]|门禁|道闸|会所|架空层|管道井|井盖|快递柜|水景|喷泉|"
    r"common areas?|public areas?|lobby|lobbies|corridor|hallway|stairwell|stairs|staircase|landing|lifts?|elevators?|underground garage|garage|car ?park|parking (?:lot|space|area)|"
    r"main gate|(?:north|south|east|west|front|back|side) gate|gate|garden|lawn|playground|roof ?top|roof|swimming pool|pool|gym|courtyard|entrance|street ?lamps?|bin (?:room|area)|"
    r"fire (?:exit|escape)|façade|facade|outer wall"
)
_HOME_ROOMS: Final = (
    r"厨房|卫生间|洗手间|厕所|浴室|淋浴间|客厅|主卧|次卧|卧室|儿童房|书房|餐厅|阳台|飘窗|玄关|入户门|储藏室|衣帽间|"
    r"kitchen|bathroom|toilet|shower|living room|sitting room|(?:master |second |guest )?bedroom|study|dining room|balcony|front door"
)
_HOME_WORDS: Final = r"我们?家里?|家里面?|家中|自己家|屋里|屋内|室内|房间里?|户内|(?:at|in) (?:my |our )?(?:home|flat|apartment|house|place)|my (?:home|flat|apartment|house|place|room)|indoors|inside the flat"
_PUBLIC: Final = re.compile(rf"(?<![a-z])(?:{_PUBLIC_PLACES})(?![a-z])", re.IGNORECASE)
_HOME_ROOM: Final = re.compile(rf"(?<![a-z])(?:{_HOME_ROOMS})(?![a-z])", re.IGNORECASE)
_HOME: Final = re.compile(
    rf"(?<![a-z])(?:{_HOME_WORDS}|(?:^\s*(?:home|家|自家|入户|室)\s*$))(?![a-z])", re.IGNORECASE
)
_NOT_HERE: Final = re.compile(r"(?:不是|不在|并非|没在|\bnot (?:in |at )?(?:the |my )?)$", re.IGNORECASE)


def _place(pattern: re.Pattern[str], folded: str) -> re.Match[str] | None:
    for match in pattern.finditer(folded):
        if not _NOT_HERE.search(folded, max(0, match.start() - 16), match.start()):
            return match
    return None


def _where(folded: str) -> tuple[bool, re.Match[str]] | None:
    public, inside, home = (_place(pattern, folded) for pattern in (_PUBLIC, _HOME_ROOM, _HOME))
    if inside and public:
        # 大堂的卫生间, the lobby toilet: a room of a common part
        of_common = -1 <= inside.start() - public.end() <= 2 and inside.start() >= public.end()
        return (True, public) if of_common else (False, inside)
    if inside:
        return False, inside
    if public:
        return True, public  # 我家门口的电梯: the thing named decides, not whose door it is at
    return (False, home) if home else None


def is_public(text: str) -> bool | None:
    """True for a common part of the estate (公区), False for a home, None when the text does not tell."""
    found = _where(fold(text))
    return found[0] if found else None


def place(text: str) -> str | None:
    """The spot in the home or the common part, in the resident's own word: 厨房, 楼道, lobby; None if unsaid."""
    folded = fold(text)
    found = _where(folded)
    if found is None:
        return None
    inside = _place(_HOME_ROOM, folded)
    match = inside if found[0] and inside else found[1]
    return (
        text[found[1].start() : match.end()]
        if match.end() > found[1].end()
        else text[match.start() : match.end()]
    )
