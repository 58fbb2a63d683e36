"""The number to call a resident on: the one that is meant among those said, and the number on file put right.

For every form that asks for a telephone, and for binding a resident. Residents rarely say a number twice in full: they mend it
("尾号错了,是8806", "倒数第二位是5不是3", "third digit is 7"). It must never make a number out of a doubtful correction: what is
mended is a telephone number again, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from bot.core.resolve import phone
from bot.core.resolve.hanzi import simple
from bot.core.resolve.numerals import number, spoken_digits

_N: Final = r"[0-9]{1,2}|[一二两三四五六七八九十]{1,2}|one|two|three|four|five|six|seven|eight"
_ORDINALS: Final = {
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "eleventh": 11, "last": 1,
}  # fmt: skip
_ORDINAL: Final = rf"{'|'.join(_ORDINALS)}|[0-9]{{1,2}}(?:st|nd|rd|th)"
_COUNTED: Final = r"(?:位数?|个(?:数字?|号码?)?|码)"
_DIGIT_WORD: Final = r"(?:\s?(?:digits?|numbers?|figures?|ones?|chars?))"
_NEAR: Final = 30
"""Characters before a number that may say it is the old one."""
_LONGEST: Final = 300
"""Characters of a correction that are looked at."""
#: Where in the number: counted from its end, from its front, or one place.
_PLACES: Final = re.compile(
    rf"(?P<back>倒数第?(?P<back_n>{_N}){_COUNTED}?)"
    rf"|(?P<place>第(?P<place_n>{_N}){_COUNTED})"
    rf"|(?P<tail>(?:最后面?|后面?|末尾?|尾)的?(?:(?P<tail_n>{_N}){_COUNTED})|尾[号数]|末尾|结尾|最后(?={_COUNTED}?是))"
    rf"|(?P<head>(?:开头|前面?|头|最前面?)的?(?:(?P<head_n>{_N}){_COUNTED})|开头|号段|打头)"
    rf"|(?P<middle>中间那?的?(?:(?P<middle_n>{_N}){_COUNTED}))"
    rf"|(?P<en_back>(?:the )?(?P<en_back_n>{_ORDINAL}|next)[ -](?:to|from)[ -](?:the )?(?:last"
    rf"|end)(?:[ -]one)?{_DIGIT_WORD}?|(?P<en_back2_n>second|third|fourth)[ -]last{_DIGIT_WORD}?"
    rf"|(?P<en_back3_n>{_ORDINAL}) digit from the end)"
    rf"|(?P<en_tail>(?:the )?last (?P<en_tail_n>{_N}){_DIGIT_WORD}?|(?:the )?last{_DIGIT_WORD}|(?:it )?ends? (?:with|in)"
    r"|ending(?: (?:with|in))?|(?:the )?(?:tail|end)\b)"
    rf"|(?P<en_head>(?:the )?first (?P<en_head_n>{_N}){_DIGIT_WORD}?|(?:it )?(?:starts?|begins?) with|(?:the )?prefix)"
    rf"|(?P<en_middle>(?:the )?middle (?P<en_middle_n>{_N}){_DIGIT_WORD}?)"
    rf"|(?P<en_place>(?:the )?(?P<en_place_n>{_ORDINAL}){_DIGIT_WORD})",
    re.IGNORECASE,
)
_FIGURES: Final = re.compile(
    r"(?<![0-9])(?:[0-9]{1,8}|[零〇一幺二两三四五六七八九]{1,8})(?![0-9])"
    r"|\b(?:zero|one|two|three|four|five|six|seven|eight|nine)\b",
    re.IGNORECASE,
)
#: Figures that are called wrong, by what stands before or behind them.
_WRONG_BEFORE: Final = re.compile(
    r"(?:不是|而非|并非|不该是|不应该?是|写成了?|打成了?|输成了?|当成了?|错成了?|not(?: an?| the)?|instead of|rather than"
    r"|isn'?t(?: an?)?|wasn'?t|no longer)\s*[:,]?\s*$",
    re.IGNORECASE,
)
_WRONG_BEHIND: Final = re.compile(
    r"\s*(?:是错的?|错了|不对|写错|打错|(?:要)?改成|(?:要)?改为|(?:应该?|要)?换成|应该?是|is wrong|should (?:be|read)"
    r"|needs to be|→|->|to be\b|becomes)",
    re.IGNORECASE,
)
_BARE: Final = re.compile(
    r"[^0-9]*(?:错|不对|应该?是|改成|改为|更正|wrong|should be|meant|sorry|correct|typo)[^0-9]*(?P<tail>[0-9]{4})[^0-9]*",
    re.IGNORECASE,
)
_SWAPPED: Final = re.compile(
    r"反了|颠倒|[写打弄搞]反|对调|调换|swapped|reversed|wrong way r?a?round|mixed up|transposed",
    re.IGNORECASE,
)
_SAME: Final = re.compile(
    r"还是(?:原来|之前|以前|这个|那个|上次)|(?:没|不)变|不用[改换]|没换|就(?:是|用|打)(?:这个|那个|原来|之前)|原来那?个?号"
    r"|same (?:number|one|phone)|unchanged|no change|still the same|hasn'?t changed",
    re.IGNORECASE,
)
#: A whole number that is not the one to call.
_OLD_BEFORE: Final = re.compile(
    r"(?:不是|别打|不要打|别用|不用|而非|原来(?:是|的)?|以前(?:是|的)?|之前(?:是|的)?|旧的?|老的?|错写成|写成了?|打成了?|从"
    r"|把|\b(?:not|isn'?t|instead of|don'?t (?:use|call|ring)|old(?: one| number)?|rather than|from|was))"
    r"(?:号码?|电话|手机号?|那个|number|phone)?(?:了|是|is|was)?\s*[:,]?\s*$",
    re.IGNORECASE,
)
_OLD_BEHIND: Final = re.compile(
    r"\s*[,,]?\s*(?:这个|那个|号码?|已经?|it|that one)*\s*(?:停用|不用了|不再用|注销|作废|换了|换号|错了|是错的|丢了|停机"
    r"|空号|不对|打错|写错|改成|改为|换成|不要了|is (?:wrong|old|dead|out of)|no longer|doesn'?t work|wrong)",
    re.IGNORECASE,
)
_LATER_COUNTS: Final = re.compile(
    r"改|换|更正|应该|不对|说错|打错|写错|不不|哦不|新|换号|instead|change|sorry|actually|correction|meant|new|no,|wrong"
    r"|rather",
    re.IGNORECASE,
)


def given(text: str, current: str | None = None) -> str | None:
    """The number to call from now on, in the form `phone.find` returns, or None when the text gives none.

    Args:
        text: what was said.
        current: the number on file, which the text may put right or confirm.
    """
    plain = simple(text)
    found = phone.find(text)
    if not found:
        return correct(current, text) if current else None
    meant = [
        n for n in found if not _OLD_BEFORE.search(plain[max(0, n.start - _NEAR) : n.start]) and not _OLD_BEHIND.match(plain, n.end)
    ]
    if not meant:
        return None
    return meant[-1 if _LATER_COUNTS.search(plain) else 0].number


def correct(current: str, text: str) -> str | None:
    """The number on file with the digits replaced that the text corrects; None when it corrects none, or in doubt.

    Args:
        current: the number on file, in the form `phone.find` returns.
        text: "最后一位是5", "前三位应该是150", "倒数第二位是5不是3", "last three digits: 345", "8806不是8860".
    """
    plain = simple(text[:_LONGEST])
    mended = _at_places(current, plain)
    if mended is None and (bare := _BARE.fullmatch(plain)):
        mended = _put(current, -4, bare["tail"])
    if mended is None:
        mended = _in_place_of(current, plain)
    if mended is None and _SAME.search(plain):
        mended = current
    whole = phone.find(mended) if mended else ()
    return mended if len(whole) == 1 and whole[0].number == mended else None


def _at_places(current: str, text: str) -> str | None:
    """Every place the text names, with the figures said for it."""
    places = list(_PLACES.finditer(text))
    mended: str | None = None
    for index, place in enumerate(places):
        until = places[index + 1].start() if index + 1 < len(places) else len(text)
        number_so_far = mended or current
        start, length = _where(place, sum(character.isdigit() for character in current))
        if _SWAPPED.search(text, place.end(), until) and length == 2:
            pair = _digits(number_so_far)[start : start + 2 or None]
            mended = _put(number_so_far, start, pair[::-1])
            continue
        right = _right(text, place.end(), until) or (_right(text, 0, place.start()) if len(places) == 1 else None)
        if right is None or (length is not None and len(right) != length):
            return None
        mended = _put(number_so_far, start if length is not None or start == 0 else -len(right), right)
        if mended is None:
            return None
    return mended


def _where(place: re.Match[str], digits: int) -> tuple[int, int | None]:
    """Where a place begins among the digits (negative from the end) and how many digits it has; None when not said."""
    said = {name: value for name, value in place.groupdict().items() if value}
    count = next((_count(value) for name, value in said.items() if name.endswith("_n")), None)
    kind = next(name for name in said if not name.endswith("_n")).removeprefix("en_")
    if kind == "back":
        return -(count or 1), 1
    if kind == "place":
        return ((count or 1) - 1, 1) if place["en_place_n"] is None or place["en_place_n"].lower() != "last" else (-1, 1)
    if kind == "middle":
        return (3, 4) if digits == 11 and count in (None, 4) else (digits, count)
    if kind == "head":
        return 0, count
    if count is None and re.search(r"last (?:digit|number|figure|one)\b", place[0], re.IGNORECASE):
        count = 1
    return (-count, count) if count else (-1, None)


def _count(word: str) -> int | None:
    lower = word.lower()
    if lower == "next":  # next to last
        return 2
    return _ORDINALS.get(lower) or number(re.sub(r"(?:st|nd|rd|th)$", "", lower))


def _figures(text: str, start: int, end: int) -> tuple[list[str], list[str]]:
    """The figures said in a stretch of the text: those meant, and those called wrong."""
    right: list[str] = []
    wrong: list[str] = []
    for match in _FIGURES.finditer(text, start, end):
        digits = spoken_digits(match[0]) or str(number(match[0]) or 0)
        called_wrong = _WRONG_BEFORE.search(text, start, match.start()) or _WRONG_BEHIND.match(text, match.end(), end)
        (wrong if called_wrong else right).append(digits)
    return right, wrong


def _right(text: str, start: int, end: int) -> str | None:
    right, _ = _figures(text, start, end)
    return right[0] if len(set(right)) == 1 else None


def _in_place_of(current: str, text: str) -> str | None:
    """"8806不是8860", "34改成43": the wrong figures, if they stand in the number once, give way to the right ones."""
    right, wrong = _figures(text, 0, len(text))
    digits = _digits(current)
    if len(set(right)) != 1 or len(set(wrong)) != 1 or len(right[0]) != len(wrong[0]) or digits.count(wrong[0]) != 1:
        return None
    return _put(current, digits.index(wrong[0]), right[0])


def _digits(text: str) -> str:
    return "".join(character for character in text if character.isdigit())


def _put(current: str, start: int, figures: str) -> str | None:
    """The number with `figures` written over its digits from `start` on (from the end when negative)."""
    places: Sequence[int] = [index for index, character in enumerate(current) if character.isdigit()]
    first = start if start >= 0 else len(places) + start
    if first < 0 or first + len(figures) > len(places):
        return None
    out = list(current)
    for index, figure in zip(places[first:], figures, strict=False):
        out[index] = figure
    return "".join(out)
