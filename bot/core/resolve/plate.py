"""Number plates of cars: 粤B12345, 浙A·9K2Q7, 沪AF12345 (new energy), 粤A1234学.

For car passes, visitors' cars and changes of a plate in later rounds. A plate is returned in capitals, without dot or blank: the
province, the letter of the place, five characters (or six of a new-energy car). It must never make a plate of a parking space
(B12-345), a frame number or a bare tail.
Form: GA 36-2018. The serial has no I and no O; whoever types one means 1 or 0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bot.core.resolve.hanzi import simple

_PROVINCES: Final = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
#: Provinces spelt in Latin letters; those that two provinces share (Yu, Ji, Gan, Jin, Gui) are left out.
_SPELT: Final = {
    "beijing": "京", "tianjin": "津", "shanghai": "沪", "chongqing": "渝", "hebei": "冀", "henan": "豫", "yunnan": "云", "liaoning": "辽",
    "heilongjiang": "黑", "hunan": "湘", "anhui": "皖", "shandong": "鲁", "xinjiang": "新", "jiangsu": "苏", "zhejiang": "浙",
    "jiangxi": "赣", "hubei": "鄂", "guangxi": "桂", "gansu": "甘", "shanxi": "晋", "shaanxi": "陕", "jilin": "吉", "fujian": "闽",
    "guizhou": "贵", "guangdong": "粤", "qinghai": "青", "sichuan": "川", "ningxia": "宁", "hainan": "琼",
    "jing": "京", "hu": "沪", "yun": "云", "liao": "辽", "hei": "黑", "xiang": "湘", "wan": "皖", "lu": "鲁", "xin": "新", "su": "苏",
    "zhe": "浙", "min": "闽", "yue": "粤", "qing": "青", "chuan": "川", "ning": "宁", "qiong": "琼",
}  # fmt: skip
_PROVINCE: Final = rf"(?:[{_PROVINCES}]|(?<![a-z])(?:{'|'.join(sorted(_SPELT, key=len, reverse=True))}))"
_GAP: Final = r"[ .·•・‧\-]{0,2}"
_LAST: Final = "[学警港澳挂领使超]"
#: New energy: small cars have their letter first (D12345, DA1234), large ones last (12345D).
_NEW_ENERGY: Final = r"[A-HJK][A-HJ-NP-Z0-9][0-9]{4}|[0-9]{5}[A-HJK]"
_ORDINARY: Final = rf"[A-Z0-9]{{5}}|[A-Z0-9]{{4}}{_GAP}{_LAST}"
_PLATE: Final = re.compile(
    rf"(?P<province>{_PROVINCE}){_GAP}(?P<place>[A-Z]){_GAP}(?:(?P<energy>{_NEW_ENERGY})"
    rf"|(?P<ordinary>{_ORDINARY}))(?![A-Z0-9])",
    re.IGNORECASE | re.ASCII,
)
#: Written in groups: 粤B 123 45, 粤A D 12345. Tried only where the serial is not in one piece.
_GROUPED: Final = re.compile(
    rf"(?P<province>{_PROVINCE}){_GAP}(?P<place>[A-Z])(?P<serial>(?:[ .·-]{{1,2}}[A-Z0-9]{{1,5}}){{1,3}})(?![A-Z0-9])",
    re.IGNORECASE | re.ASCII,
)
_EMBASSY: Final = re.compile(
    r"(?<![0-9])(?P<number>[0-9]{3}[ ·]?[0-9]{3})(?P<last>[使领])|使[ ]?(?P<old>[0-9]{3}[ ·]?[0-9]{3})(?![0-9])"
)
_HAN_FIGURES: Final = str.maketrans("零〇一幺二两三四五六七八九", "0011223456789")
#: Three or more Chinese figures together are read out: 粤B幺二三四五; one is a word (一台丰田).
_READ_OUT: Final = re.compile(r"[零〇一幺二两三四五六七八九]{3,}")
_MISTYPED: Final = str.maketrans("IO", "10")
_NEAR: Final = 30
"""Characters before a plate that may say it is the old one."""
_NOT_THIS: Final = re.compile(
    r"(?:不是|并非|而非|别写|不再是|原来(?:是|的)?|以前(?:是|的)?|旧的?|老的?|从|由|把|替换|注销"
    r"|\b(?:not|isn'?t|no longer|old|from|was|instead of|rather than|replac(?:e|ing)))"
    r"(?:车牌号?|牌照|车|号牌|plate|car|number|the|my|one)*\s*(?:是|为|is|was)?\s*[:,(]?\s*$",
    re.IGNORECASE,
)
_NOT_THAT: Final = re.compile(
    r"\s*[,,)]?\s*(?:这个|那个|那辆|已经?)*\s*(?:卖了|报废|不用了|不开了|注销|换了|换成|改成|改为|变更为|变成|错了|是错的"
    r"|不对|写错|was wrong|is wrong|is sold|sold|to\b|→|->)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Plate:
    """A plate found: `number` as it is kept, `text` as it was said."""

    number: str
    text: str
    start: int
    end: int


def _province(said: str) -> str:
    return _SPELT.get(said.lower(), said)


def _serial(said: str) -> str:
    return re.sub(r"[^A-Z0-9学警港澳挂领使超]", "", said.upper()).translate(_MISTYPED)


def _fits(number: str) -> bool:
    return re.fullmatch(rf"[{_PROVINCES}][A-Z](?:{_NEW_ENERGY}|[A-Z0-9]{{5}}|[A-Z0-9]{{4}}{_LAST})", number) is not None


def _places(read: str) -> Iterator[tuple[str, int, int]]:
    for match in _PLATE.finditer(read):
        said = match["energy"] or match["ordinary"]
        yield _province(match["province"]) + match["place"].upper() + _serial(said), *match.span()
    for match in _GROUPED.finditer(read):
        number = _province(match["province"]) + match["place"].upper() + _serial(match["serial"])
        if _fits(number):
            yield number, *match.span()
    for match in _EMBASSY.finditer(read):
        digits = re.sub(r"[^0-9]", "", match["number"] or match["old"])
        yield f"{digits}{match['last'] or '使'}", *match.span()


def find(text: str) -> tuple[Plate, ...]:
    """Every plate in the text, in order."""
    read = _READ_OUT.sub(lambda run: run[0].translate(_HAN_FIGURES), simple(text))
    found: list[Plate] = []
    for number, start, end in sorted(_places(read), key=lambda place: (place[1], -place[2])):
        if not found or start >= found[-1].end:
            found.append(Plate(number, text[start:end], start, end))
    return tuple(found)


def plate(text: str) -> str | None:
    """The plate that is given, or None; one that is put right or replaced by another is not given.

    Args:
        text: "不是粤B12345,是粤B12354", "my plate is 浙A 9K2Q7".
    """
    read = simple(text)
    found = find(text)
    given = [
        p for p in found if not _NOT_THIS.search(read[max(0, p.start - _NEAR) : p.start]) and not _NOT_THAT.match(read, p.end)
    ]
    return given[-1].number if given else None
