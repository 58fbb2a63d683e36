"""How residents word the parts of an address: 4栋, 1单元, 703室, 4-1-703, 七楼三号, block 4, flat seven oh three, C-058.

A table of patterns for masked plain text (`figures.mask`), the most telling first: what an earlier one has taken no later one reads.
Its groups are `building`, `unit`, `room` (a whole number), `floor` and `flat` (which make a room's number), `shop`, `level`
(below ground, with a bay's number as `room`) and `storey` (a floor alone, which only joins its neighbours).
"""

from __future__ import annotations

import re
from typing import Final

from bot.core.resolve.where.doornumber import (
    EN_COUNT,
    EN_FLOOR_FLAT,
    EN_HEARD,
    EN_ORDINAL,
    EN_SPOKEN,
    ZH_SPOKEN,
)

_FLAGS: Final = re.IGNORECASE | re.ASCII

# ── Pieces ──────────────────────────────────────────────────────────────────────────────────────────────────────────

_ZH: Final = ZH_SPOKEN
_NUM: Final = rf"(?:[0-9]{{1,3}}|{_ZH}{{1,4}})"
_SMALL: Final = rf"(?:[0-9]{{1,2}}|{_ZH}{{1,3}})"
_LETTER: Final = "[A-HJ-Z]"  # I is the speaker
_DOOR: Final = r"0?[1-9][0-9]{2,3}[A-Z]?"
_DASH: Final = r"\s?[-–—/_]\s?"
_SAID_DASH: Final = r"\s(?:dash|hyphen|slash)\s"
_IS: Final = r"\s?[:是为]?\s?"
_NO: Final = r"[.:-]?\s*(?:is\s+)?(?:no\.?\s*|number\s+|#\s*)?(?:is\s+)?"

_START: Final = r"(?<![0-9A-Za-z])"
_ALONE: Final = r"(?<![0-9A-Za-z./-])"
_ZH_START: Final = rf"(?<![0-9A-Za-z{_ZH[1:-1]}])"
_EN_START: Final = r"(?<![a-z])"
_END: Final = r"(?![0-9A-Za-z])"

_HOUSE: Final = r"(?:号楼|栋|幢|座|#|号)"
_EN_HOUSE: Final = (  # buidling, bulding, towr
    r"(?:b[uild]{2,5}[ing]{2,4}|buildi?n?|bldg|blg|bdg|bld|block|blk|tow(?:er|r|e|ar|re)|toewr|twr)(?:(?![a-z])|(?=(?-i:[A-Z])\b))(?:\s+(?:is|no\.?|number))*"
)
_EN_UNIT: Final = r"(?:unit|unti|untit|unt|uint|unut)"
_EN_ROOM: Final = rf"(?:flatt?|falt|flt|app?artmen?t|app?t|roo?m+|rm|suite|ste|office|door|{_EN_UNIT})"
_EN_NAMED: Final = rf"(?:{_EN_ROOM}|#|no\.?|number)"
_RUN_ON: Final = r"(?<=[0-9])(?=unit|flat|apt|rm|room)"  # bldg4unit1rm703
_NOT_A_FLAT: Final = r"(?!\s?(?:电?梯|机|门|楼|线|岗)|[0-9]|栋|单元)"

# ── The table ───────────────────────────────────────────────────────────────────────────────────────────────────────

BAYS: Final = (
    rf"{_START}(?:(?P<building>P){_DASH})?(?P<room>[A-Z][1-9]?{_DASH}0[0-9]{{2}}|B[1-9]{_DASH}[0-9]{{3}}){_END}",  # C-058, P-B1-003
    r"(?:地下|负)(?P<level>[一二三123])层?[\s,的]{0,2}(?P<room>[0-9]{3})(?=\s?号?停?车位)",  # 地下二层058号车位
    rf"(?:车位号?|泊位|\bbay|parking (?:space|bay|spot))\s?(?:号|是|:|no\.?|number|#)?\s?(?P<room>[A-Z]?-?[0-9]{{2,3}}){_END}(?!-)",
)
SHOPS: Final = (
    rf"{_START}(?:S{_DASH})?(?P<shop>S[0-9]{{2}}){_END}",
    rf"(?:商业街|底商|门面|商铺)\s?(?P<shop>{_SMALL})\s?(?:号|铺|店)",
    rf"(?P<shop>{_SMALL})\s?号(?:商铺|底商|门面|店铺)",
    rf"\bshop{_NO}(?P<shop>[0-9]{{1,2}}){_END}",
)
#: Several parts in one word.
WHOLE: Final = (
    rf"{_ALONE}(?P<building>0?[1-9][0-9]?|{_LETTER}){_DASH}(?P<unit>0?[1-9]){_DASH}(?P<room>{_DOOR}){_END}",  # 4-1-703
    rf"{_ALONE}(?P<building>{_NUM}|{_LETTER})-(?P<unit>{_SMALL})-(?P<room>{_DOOR}|{_ZH}{{3,7}}){_END}",  # 四杠一杠七零三
    rf"{_ALONE}(?P<building>{_NUM}|{_LETTER})\s?{_HOUSE}[-–—\s,]{{0,2}}(?P<unit>0?[1-9])(?:{_DASH}|\s)(?P<room>{_DOOR}){_END}",  # 4#1-703
    rf"{_ALONE}(?P<building>[1-9][0-9]?){_DASH}(?P<unit>[1-9])(?:[\s,#号室的]|单元)+(?:{_EN_ROOM}{_NO})?(?P<room>{_DOOR}){_END}",  # 4-1 703
    rf"{_EN_START}(?P<building>{EN_COUNT}|[0-9]{{1,2}}){_SAID_DASH}(?P<unit>{EN_COUNT}|[0-9]){_SAID_DASH}(?P<room>{_DOOR}|{EN_SPOKEN}){_END}",
    rf"{_EN_START}{_EN_HOUSE}{_NO}(?P<building>{EN_COUNT}|[0-9]{{1,2}}|[A-Z])[\s,-]+(?P<unit>[1-9]){_DASH}(?P<room>{_DOOR}){_END}",
    rf"{_EN_START}(?:{_EN_HOUSE}{_NO})?(?P<building>{EN_COUNT})[\s,-]+(?P<unit>{EN_COUNT})[\s,-]+(?P<room>{EN_FLOOR_FLAT})",  # four one seven oh three
    rf"{_START}(?P<building>[0-9]{{1,2}})\s+(?:building|block),?\s+(?P<unit>[0-9])\s+unit(?![a-z]|\s*[0-9](?![0-9]))",  # 4 building 1 unit 703
    rf"\bB(?P<building>[1-9][0-9]?)(?:-|[\s,-]{{0,2}}U)(?P<unit>[1-9])[\s,-]{{0,2}}(?P<room>[1-9][0-9]{{2,3}}){_END}",  # B4 U1 703
    rf"(?<![^\s,。.!?;])(?P<building>[1-9][0-9]?)[ .](?P<unit>[1-9])[ .](?P<room>[1-9][0-9]{{2,3}}){_END}",  # 4 1 703
    rf"{_ALONE}(?P<building>[1-9][0-9]?|{_LETTER})\s?(?:{_HOUSE}?{_DASH}|\|)(?P<room>{_DOOR}){_END}(?!-[0-9])",  # 4-703, A-1203
    rf"{_START}(?P<building>(?-i:{_LETTER})(?=[\s.]?[0-9])|{_LETTER}(?=[0-9]))[\s.]?(?P<room>[1-9][0-9]{{2,3}}){_END}",  # A1203, A 1203
)
BUILDINGS: Final = (
    rf"(?<![0-9A-Za-z{_ZH[1:-1]}这那整哪每同几])(?P<building>[A-Z][0-9]?|[0-9]{{1,3}}[A-Z]?|{_ZH}{{1,4}})\s?"
    r"(?:号?楼栋|号楼|栋楼?|幢楼?|座(?![位机椅谈桥])|塔(?!吊)|(?<!\s)#楼?)",
    rf"(?<![0-9A-Za-z{_ZH[1:-1]}楼层])(?P<building>[A-Z0-9]|[1-9][0-9]|{_ZH}{{1,3}})号(?={_SMALL}\s?(?:单元|门))",  # 4号1单元
    rf"{_START}(?P<building>[A-Z])楼",
    rf"{_START}B(?P<building>[0-9]{{1,2}})(?=[\s,]+(?:{_EN_ROOM}|U[0-9]))",
    rf"(?<=\bU[1-9] )B(?P<building>[0-9]{{1,2}}){_END}",
    rf"{_EN_START}house\s*(?:no\.?\s*)?(?P<building>[0-9]{{1,2}}){_END}",
    rf"{_EN_START}{_EN_HOUSE}{_NO}(?P<building>{EN_COUNT}|{EN_HEARD}|[0-9]{{1,3}}[A-Z]?|[A-Z][0-9]?)(?:(?<=[0-9])'s|'s(?=\s+[0-9]))?(?:(?![0-9A-Za-z]|'[a-z])|{_RUN_ON})",
    rf"{_START}(?P<building>[0-9]{{1,2}}|{EN_ORDINAL}|(?-i:{_LETTER})|[a-h](?=\s+(?:tower|block)\s+[0-9]))\s+{_EN_HOUSE}"
    r"(?!\s*(?:#|no\.?)?\s*[0-9A-Z]{1,2}(?![0-9A-Za-z]))",  # 4th building, A tower
    rf"{_EN_START}{_EN_HOUSE}{_NO}(?P<building>[0-9]{{1,2}}){_DASH}(?P<unit>[1-9])(?![0-9A-Za-z-])",  # block 4-1
    rf"{_ALONE}(?P<building>[1-9][0-9]?)-(?P<unit>[1-9])(?:栋|号楼|幢)",
)
#: A floor and a flat on it.
FLATS: Final = (
    rf"{_EN_START}{_EN_ROOM}{_NO}(?P<flat>[0-9]{{1,2}}),?\s+on\s+(?:the\s+)?(?P<floor>{EN_ORDINAL})\s+(?:floor|flr)\b",
    rf"{_EN_START}(?:{_EN_NAMED}|level|lvl|L){_NO}(?P<floor>[0-9]{{1,2}})(?:-(?P<flat>[0-9]{{2}})){_END}",  # #12-03
    rf"{_EN_START}{_EN_NAMED}{_NO}(?P<floor>[0-9]{{1,2}})[\s/](?P<flat>0[1-9]){_END}",  # flat 7 03
    rf"{_START}(?P<building>(?-i:{_LETTER}))\s?(?P<floor>[0-9]{{1,2}})[-/](?P<flat>0[1-9]){_END}",  # B 12-03
    rf"{_ZH_START}(?<![负下-])(?P<floor>{_SMALL})\s?[楼层][\s,、的-]{{0,2}}"
    rf"(?P<flat>(?:0[1-9]|[1-3][0-9]|[零〇]{_ZH})(?!{_ZH}|[0-9])|(?:[0-9]|{_ZH}{{1,2}})(?=[号室房户]))[号室房户]?{_NOT_A_FLAT}",
    rf"{_EN_START}(?P<floor>{EN_ORDINAL})\s+(?:floor|flr|fl)\b[\s,]*{_EN_NAMED}{_NO}(?P<flat>[0-9]{{1,2}})(?![0-9])",
    rf"\b(?:floor|level|lvl|lv|fl)\s*(?P<floor>[0-9]{{1,2}})[\s,]*{_EN_NAMED}{_NO}(?P<flat>[0-9]{{1,2}})(?![0-9])",
    rf"{_START}(?P<floor>[0-9]{{1,2}})\s?/?F\b[\s,]*{_EN_NAMED}{_NO}(?P<flat>[0-9]{{1,2}})(?![0-9])",  # 12/F unit 3
)
#: The lines of a form: 楼栋:4 单元:1 房号:703.
FORM_LINES: Final = (
    rf"(?:楼栋号?|楼号|栋号){_IS}(?P<building>[0-9]{{1,2}}[A-Z]?|[A-Z]|{_ZH}{{1,3}})(?!{_ZH}|[0-9栋幢号]|单元)",
    rf"{_ZH_START}单元号?{_IS}(?P<unit>[0-9]|{_ZH})(?!{_ZH}|[0-9号-]|\s?[楼层])",
    rf"(?:房号|室号|房间号?|门牌号?|户号){_IS}(?P<room>{_DOOR}|{_ZH}{{3,7}}){_END}",
)
UNITS: Final = (
    rf"{_EN_START}{_EN_UNIT}{_NO}(?P<room>(?:ten|eleven|twelve|{EN_COUNT})[\s-](?:oh|o|zero)[\s-]{EN_COUNT})",  # unit twelve oh three
    rf"{_ZH_START}(?P<unit>{_SMALL}|[A-Z甲乙丙丁东西中])\s?(?:单元(?!格)|[单门](?=[\s,的-]{{0,2}}(?:[0-9]{{3}}|{_ZH}{{3}}|{_SMALL}[楼层])))",
    rf"(?<=[栋楼幢座#])\s?(?P<unit>{_SMALL})门(?![口禁厅卫])",
    rf"{_EN_START}{_EN_UNIT}{_NO}(?P<unit>{EN_COUNT}|{EN_HEARD}|[0-9]{{1,2}}|(?-i:[A-Z]))(?:'s)?(?:{_END}|{_RUN_ON})",
    rf"{_EN_START}(?:entrance|stair(?:case|well)?|section|door)\s*#?(?P<unit>[1-9])(?=[\s,]+(?:{_EN_ROOM}|#|[0-9]{{3}}))",
    rf"{_START}(?P<unit>[0-9]{{1,2}}(?=\s)|{EN_ORDINAL})\s+unit(?![a-z]|\s*[0-9#])",  # 1st unit
    rf"{_START}U(?P<unit>[1-9]){_END}",
)
STOREYS: Final = (
    rf"{_ZH_START}(?<![负下-])(?P<storey>{_SMALL})\s?[楼层](?![道梯])",
    r"(?P<storey>顶)[楼层]",
    rf"{_EN_START}(?P<storey>{EN_ORDINAL}|top|ground)\s+(?:floor|flr){_END}",
    rf"{_EN_START}(?:floor|level|lvl|lv)\s*(?P<storey>[0-9]{{1,2}}){_END}",
    rf"{_START}(?P<storey>[0-9]{{1,2}})/?F{_END}",
)
ROOMS: Final = (
    rf"{_ZH_START}(?<![.:])(?P<room>[0-9]{{3,5}}[A-Z]?|{_ZH}{{3,7}}|十{_ZH}{{1,4}})\s?"
    r"(?:室|房(?![租贷价产东本子])|号房|户|号(?=家|店|铺|商铺|的?(?:业主|住户|邻居|租户|租客)))",
    rf"{_EN_START}{_EN_NAMED}{_NO}(?P<room>[0-9]{{3,4}}[A-Z]?|[0-9](?:\s[0-9]){{2,3}}|{EN_SPOKEN}){_END}",
)
#: A flat by its place on a floor that is named elsewhere: 12th floor, tower B, flat 3.
PLACES: Final = (
    rf"{_EN_START}{_EN_ROOM}{_NO}(?P<flat>[0-9]{{1,2}}){_END}",
    rf"{_EN_START}(?P<flat>{EN_ORDINAL})\s+(?:flat|apartment|room){_END}",
)
WORDS: Final = tuple(
    re.compile(pattern, _FLAGS)
    for pattern in (*BAYS, *SHOPS, *WHOLE, *BUILDINGS, *FLATS, *FORM_LINES, *UNITS, *STOREYS, *ROOMS, *PLACES)
)

#: A number with no word of its own: a room beside another part, or where it stands as one.
BARE: Final = re.compile(
    rf"(?<![0-9A-Za-z.:{_ZH[1:-1]}])(?P<room>[0-9]{{3,5}}[A-Z]?{_END}|{_ZH}{{3,7}}|{EN_SPOKEN})(?![.:-][0-9]|@)"
    r"(?!\s?号?(?:储物格|柜|机|梯|线|车|桌))",
    _FLAGS,
)
#: Beside a number, and only there, also a building: 703 (4-1), 1203 in B.
BARE_HOUSES: Final = tuple(
    re.compile(pattern, _FLAGS)
    for pattern in (
        rf"{_ALONE}(?P<building>[1-9][0-9]?)-(?P<unit>[1-9])(?=\s*(?:[),.;]|$))",
        rf"(?:(?<=\bin )|(?<=\bof )|(?<=, )|(?<=,))(?P<building>(?-i:{_LETTER}))(?=\s*(?:[),.;]|$))",
        rf"(?<![^\s])(?P<building>(?-i:{_LETTER}))(?=,\s?[0-9]{{3,4}}{_END})",
    )
)
#: What may stand before it: the beginning of a clause, a Han character that counts nothing, a preposition ...
BEFORE_BARE: Final = re.compile(
    r"(?:^|[^A-Za-z0-9\s一-鿿]|(?:错|搞|写)了|[一-鿿](?<![了共约扣收付第按至差存表数费价码号每卡坐乘搭])\s?|(?:房|室|门牌|住)号)[\s:]*$|"
    r"\b(?:in|at|from|about|against|of|for|and|by|is|no|not|it's|its|i'm|am|are|meant|sorry|to|visit|near|above|below|door|upstairs|"
    r"downstairs|neighbou?rs?|opposite|home|live|lives|typo|actually|room|this|check)[\s:]+$",
    _FLAGS,
)
#: ... or behind it.
AFTER_BARE: Final = re.compile(
    r"号?的?(?:业主|住户|租户|邻居|那家|那户|家(?!电)|厨房|卫生间|客厅|卧室|阳台)|'s\b|\s+(?:upstairs|downstairs|above|below|next door|here)\b",
    _FLAGS,
)
