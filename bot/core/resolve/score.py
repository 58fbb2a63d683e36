"""The score of a return visit, 1 to 5, in whatever words it is given.

5 很满意, 4 满意, 3 基本满意, 2 不满意, 1 很不满意 (DOMAIN: Surveys). It must never turn a time, an amount or a
number out of range into a score: None means "ask again", and asking again is better than a rating nobody gave.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from bot.core.resolve.numerals import EN_NUMERAL, fold, number

_N: Final = rf"[0-9]+(?:\.[0-9]+)?|[一二两三四五六七八九十]{{1,3}}|{EN_NUMERAL}"
_MARKED: Final = re.compile(
    rf"(?<![0-9.点时:一二三四五六七八九十])(?P<n>{_N})\s*(?:分(?!钟|之|钟头|多钟)|(?:颗)?星(?!期)|stars?\b|points?\b|/\s*5(?![0-9])|out of (?:5|five)\b)",
    re.IGNORECASE | re.ASCII,
)
_BARE: Final = re.compile(
    rf"[\W_]*(?:(?:我?给|打|评|就|算|大概|ok|okay|i guess|i'd say|i would say|i'd give(?: it)?|a|it's|maybe|"
    rf"rating|score)[\W_]*)*(?P<n>{_N})[\W_]*(?:吧|了|啊|哈|please|i guess|i think|from me|for me)?[\W_]*",
    re.IGNORECASE,
)
_STARS: Final = re.compile(r"[⭐★🌟]")
# First match wins: the stronger and the negated wording stand before the word they contain.
_WORDS: Final[Sequence[tuple[int, str]]] = (
    (1, r"(?:很|非常|极其?|十分|特别|太|超级?)不满意?|(?:very|really|extremely|totally)\s+(?:dissatisfied|unsatisfied|unhappy|disappointed)|极差|太差|差劲|差评|terrible|awful|horrible|the worst|一星"),
    (3, r"(?:不算|谈不上|没有)(?:很|太)?不满意|not (?:bad|too bad|dissatisfied)"),
    (2, r"不(?:是)?(?:很|太|怎么|大|够)?满意|没(?:有)?(?:很|多)?满意|(?:dis|un)satisfied|not (?:very |really |so |that |at all )?(?:satisfied|happy|good|great)|unhappy|disappointed|不怎么样|不太行|不好|较差|很差|poor\b|bad\b"),
    (3, r"基本满意|还算满意|比较?一般|一般|马马虎虎|凑合|还行|还可以|过得去|中规中矩|so[- ]?so|average|\bfair\b|acceptable|\bmeh\b"),
    (5, r"(?:很|非常|十分|特别|相当|超级?|太|最|百分百)满意|没得说|没话说|没的说|挑不出毛病|无可挑剔|完美|满分|五星好评|(?:very|really|extremely|totally|completely)\s+(?:satisfied|happy|good)|excellent|perfect|great\b|amazing|fantastic"),
    (4, r"满意(?!度|吗|没|不)|挺好|不错|蛮好|\bsatisfied|\bhappy\b|\bgood\b"),
)  # fmt: skip
_WORD_SCORES: Final = tuple((score, re.compile(pattern, re.IGNORECASE)) for score, pattern in _WORDS)
_QUESTION: Final = re.compile(r"[?]\s*$|什么|怎么(?!样)|吗\W*$|\bwhat\b|\bhow do\b", re.IGNORECASE)
_CORRECTION: Final = re.compile(
    r"改成|改为|不对|说错|点错|应该是|还是给|instead|i mean|sorry|correction", re.IGNORECASE
)


def _in_range(word: str) -> int | None:
    value = number(word)
    return value if value is not None and 1 <= value <= 5 else None


def score(text: str) -> int | None:
    """The score given in an answer to a survey, 1 to 5, or None when there is none or it is out of range.

    A figure counts before words ("马马虎虎,3分吧"), and where two figures differ only a correction decides.
    """
    folded = fold(text)
    figures = [_in_range(match["n"]) for match in _MARKED.finditer(folded)]
    if figures:
        return figures[-1] if len(set(figures)) == 1 or _CORRECTION.search(folded) else None
    bare = _BARE.fullmatch(folded)
    if bare:
        return _in_range(bare["n"])
    guess = re.search(rf"(?:i guess|i'd say|i say|就给|给个?|打个?)\s*(?P<n>{_N})\W*$", folded, re.IGNORECASE)
    if guess:
        return _in_range(guess["n"])
    stars = len(_STARS.findall(folded))
    if stars:
        return stars if stars <= 5 else None
    if _QUESTION.search(folded):
        return None
    for value, pattern in _WORD_SCORES:
        if pattern.search(folded):
            return value
    return None
