"""The score of a return visit, 1 to 5, in whatever words it is given.

For the survey after a repair and, in later rounds, the yearly opinion survey. 5 很满意, 4 满意, 3 基本满意 or 一般, 2 不满意, 1
很不满意 or an insult (DOMAIN: Surveys). It must never turn a time, an amount or a number out of range into a score: None means "ask
again", and asking again is better than a rating nobody gave.

A figure counts before words ("马马虎虎,3分吧"). A figure with its unit (4分, 四星, 4/5) is believed first, then one that is led
in (给4, so 4), then one that stands alone. A figure that is taken back (本来想给5分, not a 5) is none; where two different ones
are left, only a correction decides. Words are read in `praise`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from bot.core.resolve.hanzi import simple
from bot.core.resolve.numerals import EN_NUMERAL, ZH_NUMERAL, number
from bot.core.resolve.praise import worded

_DIGITS: Final = r"[0-9]+(?:\.[0-9]+)?"
_ZH: Final = rf"{ZH_NUMERAL}{{1,3}}"
_ANY: Final = rf"(?:{_DIGITS}|{_ZH}|{EN_NUMERAL}|zero|half)"
_FIGURE: Final = rf"(?P<n>{_ANY})"
_HAN: Final = r"[\u4e00-\u9fff]"

#: With its unit. The minute, the week and the proverb (一分钱一分货) are none.
_POINTS: Final = r"分(?![钟之钱货制半店期别开])"
_STARS: Final = r"[颗个]?\s?[星心⭐★🌟☆](?![期半])(?![^\s,。.!?]{0,2}(?:手机|冰箱|电视|酒店))"
_MARKED: Final = re.compile(
    rf"(?<![0-9.点时:负第百十一二三四五六七八九A-Za-z#-]){_FIGURE}\s*"
    rf"(?:{_POINTS}|{_STARS}|[- ]?stars?\b|[- ]?points?\b|/\s*[0-9]+(?![0-9/])|(?:out ?(?:of|ta)|of) (?:[0-9]+|five|ten)\b"
    r"|(?:fen|xing)\b)",
    re.IGNORECASE,
)
#: What may go on behind a figure without a unit. Any other word there is what it counts: 3次, 5 yuan.
_ZH_GOES_ON: Final = r"[吧了呗啊哈呀咯嘛哦也都但就才]|因|主要|不过|不能|不是|不对|谢|师傅|满意|好|辛苦|改|是"
_EN_GOES_ON: Final = (
    r"(?:not|but|because|cause|cuz|as|since|for|from|please|thanks|all|and|i|he|they|she|instead|rather|then|though|only|if"
    r"|would"
    r"|still|very|so|good|great|bad|poor|excellent|satisfied|average|fine|ok|okay|happy|awful|terrible|perfect|nice|quick"
    r"|fast|slow|late)\b"
)
_NO_UNIT: Final = rf"(?![0-9])(?!\s*(?!{_ZH_GOES_ON}){_HAN})(?!\s*(?!{_EN_GOES_ON})[a-z])"
#: Led in by the words of giving.
_GIVING: Final = (
    r"(?:[给打评选按就算是改回]|来个|给[个他她你们了]{1,2}|回复|得分|分数|评分|评价|打分|改成|改为|其实|应该"
    r"|score|rating|rate(?: it| this| him)?|says?|said|give(?: it| him| you| them)?|call it|make it|meant?|it'?s|that'?s|is"
    r"|an?|so|just"
    r"|only|solid|strong|clear|full|maybe|around|about|guess|choose|pick|go(?:es)? (?:for|with)|settle for|actually|oops"
    r"|sorry|probably"
    r"|easily|definitely|honestly|barely|overall|final(?:ly)?|no|change (?:it|that|my score)? ?to|be)"
)
_LED: Final = re.compile(rf"{_GIVING}[\s:,是个]{{0,3}}{_FIGURE}{_NO_UNIT}", re.IGNORECASE)
#: Alone in its clause, behind the words for it, or in front of them or of the reason: "4 满意", "5 because …".
_ALONE: Final = re.compile(
    r"(?:(?:(?:^|[,。.!;:、—])\s*|-\s+)|(?:满意度?|一般|不错|挺好|很好|谢谢|辛苦了?|不对|不是|错了|good|great|satisfied|happy"
    r"|thanks|okay|ok|fine|bad|poor|meh)\s*)"
    rf"{_FIGURE}(?=\s*(?:[,。!;、)~—]|\.(?![0-9])|-\s|$|[吧了啊哈呀咯呗嘛哦噢]|{_EN_GOES_ON}"
    r"|[:=.]?\s?(?:很|非常|基本|不|较|一般|满意)))",
    re.IGNORECASE,
)

#: The scale itself, named: 满分5分, 5分制.
_SCALE: Final = re.compile(
    rf"(?:满分|总分|最高)(?:是|为)?\s?(?:{_DIGITS}|{_ZH})\s?分|(?<![0-9])(?:{_DIGITS}|{_ZH})分制|on a scale of \w+ to \w+"
    r"|[1一]\s?(?:到|-|~|至)\s?[5五]\s?分?(?:的话|里|中)",
    re.IGNORECASE,
)
_NEAR: Final = 30
"""Characters before a figure that may take it back."""
#: Around a figure that is not given.
_TAKEN_BACK: Final = re.compile(
    r"(?:本来|原本|原来|本想|刚[才刚](?![那这的])|之前|开始|不是|不给|不值|不能给|没到|没有|从|扣掉?|减|少|加|差|不到|不足|不止|低于"
    r"|高于|超过"
    r"|not|isn'?t|wasn'?t|would(?: have|'ve)?|could have|should have|was going to|instead of|rather than|less than"
    r"|more than|minus|lose|lost|docked)"
    r"[^,。.!?;0-9一二三四五]{0,12}$",
    re.IGNORECASE,
)
_TAKEN_BACK_BEHIND: Final = re.compile(
    r"(?:的话)?[都也]?(?:没有|不值|给不了|不可能|不到)|[都也]没|改成|改为|变成"
    r"|\s*,?\s*(?:不是|不对|错了|说错|no,?\s*(?=[1-5])|oops)"
    r"|\s*(?:stars?|points?)? (?:is|would be) (?:too much|too high|too generous|wrong)",
    re.IGNORECASE,
)
_DEDUCTED: Final = re.compile(
    rf"(?:扣掉?|减掉?|少|minus|docked|lose|lost)\s?(?:了|个|one|a)?\s?{_FIGURE}?\s?(?:分|points?|stars?|星)",
    re.IGNORECASE,
)
#: 一星都嫌多: the lowest there is.
_GRUDGED: Final = re.compile(
    r"[1一](?:分|[颗个]?星)[^,。.!?]{0,4}[都也](?:嫌|不想|不愿|不配|不值|不给|给多|多)"
    r"|(?:one|1|single) star is (?:too|more than)",
    re.IGNORECASE,
)
_BETWEEN: Final = re.compile(
    rf"(?<![0-9.])(?:{_DIGITS}|{_ZH})\s?[分星]?\s?(?:到|至|或者?|-|~|还是|和|/(?=[1-5]\s?分)|、|or|to)\s?(?:{_DIGITS}|{_ZH}"
    rf"|{EN_NUMERAL})\s?(?:分|星|stars?|points?|$)",
    re.IGNORECASE,
)
_CORRECTION: Final = re.compile(
    r"改|不对|[说点打按选给发手]错|手滑|手抖|应该是|其实|还是给|更正|重新|最后给|实际|不,"
    r"|instead|i mean|meant|sorry|correction|typo|actually|wrong|rather|make (?:it|that)|change",
    re.IGNORECASE,
)
_SIGN: Final = re.compile(r"[⭐★🌟]")
_SIGN_TIMES: Final = re.compile(r"[⭐★🌟]\s?[x×*]\s?([0-9])(?![0-9])", re.IGNORECASE)

#: Praise that is withheld.
_WITHHELD: Final = re.compile(
    r"(?:不|没|不能|给不了|打不了|不到|不配|不值|别想)(?:得|想)?[给打要]?(?:个|你们)?(?:满分|好评|[五5]星)"
)
_CLAUSE: Final = re.compile(r"[^,。!?;\n]*[,。!?;\n]*")
_QUESTION: Final = re.compile(
    r"[?]|什么(?!问题|毛病|可挑|破|垃圾|玩意|鬼|东西|态度|服务|水平|素质)|怎么(?!样|这么|会这么)|为什么|[吗么]\W*$|哪个"
    r"|多少|几[分星]"
    r"|\bwhat(?! a )\b|\bhow (?:do|does|many|is|can|much)\b|\bwhy\b|\bis \w+ good or bad|\bwhich\b",
    re.IGNORECASE,
)
#: In a question a figure counts where it stands apart: "怎么才来 2分", "5分够了吧?".
_APART: Final = re.compile(
    rf"(?:^|\s){_ANY}\s?(?:[颗个]?[分星]|stars?)\W*$|^\W*{_ANY}[分星][^吗]*吧\W*$",
    re.IGNORECASE,
)
#: The rating is put off or refused.
_LATER: Final = re.compile(
    r"再(?:打分|评|说)|[不没](?:想|打算|能|法|好|方便)?(?:评|打分)|没法(?:给|评)|先不|以后|晚点|等[^,。]{0,8}再"
    r"|can(?:'?t|not) (?:rate|score|say|judge)|won'?t rate|(?:rate|score|decide|tell you|answer) (?:it |you |this )?later"
    r"|not (?:yet|finished|done)|isn'?t (?:finished|done)|too (?:early|soon)|stop (?:sending|asking)|hasn'?t|haven'?t",
    re.IGNORECASE,
)

_KEYCAP: Final = re.compile("[\ufe0f\u20e3]")
_CIRCLED: Final = {0x2460 + index: str(index + 1) for index in range(9)}
_PINYIN: Final = {"yi": "1", "er": "2", "liang": "2", "san": "3", "si": "4", "wu": "5"}
_SPELT: Final = re.compile(rf"(?<![a-z])({'|'.join(_PINYIN)}) ?(?=(?:fen|xing)\b)", re.IGNORECASE)
#: 十分满意 is no ten.
_ADVERB: Final = re.compile(rf"(?<![一二三四五六七八九0-9])十分(?={_HAN})(?![吧了啊啦呀的钟之制])")


def _plain(text: str) -> str:
    """Half-width, simplified, with ⑤, 5️⃣ and "wu fen" as figures."""
    plain = _ADVERB.sub("非常", _KEYCAP.sub("", simple(text)).translate(_CIRCLED))
    return _SPELT.sub(lambda match: _PINYIN[match[1].lower()], plain)


def _told(text: str) -> str:
    """The text without its questions: who asks what a score means gives none."""
    return "".join(
        clause for clause in _CLAUSE.findall(text) if not _QUESTION.search(clause) or _APART.search(clause)
    )


def _value(word: str) -> float | None:
    """The figure as a number; 4.0 is 4, and 4.5 is a figure nobody may give."""
    try:
        return float(word)
    except ValueError:
        return {"zero": 0, "half": 0.5}.get(word.lower(), number(word))


def _given(text: str, pattern: re.Pattern[str]) -> Iterator[float | None]:
    """The figures the pattern finds, without those that are taken back."""
    for match in pattern.finditer(text):
        before = text[max(0, match.start("n") - _NEAR) : match.start("n")]
        if not _TAKEN_BACK.search(before) and not _TAKEN_BACK_BEHIND.match(text, match.end()):
            yield _value(match["n"])


def _decided(values: Sequence[float | None], corrects: bool) -> int | None:
    """The one figure, or the last of several where the text corrects itself; None when it is out of range."""
    value = values[-1] if len(set(values)) == 1 or corrects else None
    return int(value) if value in (1, 2, 3, 4, 5) else None


def score(text: str) -> int | None:
    """The score given in an answer to a survey, 1 to 5, or None when there is none or it is out of range.

    Args:
        text: the answer as sent, in either language.
    """
    told = _WITHHELD.sub(" ", _told(_SCALE.sub(" ", _plain(text))))
    corrects = _CORRECTION.search(told) is not None
    if _GRUDGED.search(told):
        return 1
    if _BETWEEN.search(told) and not corrects:
        return None
    deducted = _DEDUCTED.search(told)
    for pattern in (_MARKED, _LED, _ALONE):
        if values := list(_given(told, pattern)):
            # "5分,扣一分,4分吧": what is left after the deduction stands last.
            return _decided(values, corrects or deducted is not None)
    if times := _SIGN_TIMES.search(told):
        return _decided([_value(times[1])], corrects)
    if signs := _SIGN.findall(told):
        return _decided([float(len(signs))], corrects)
    if _LATER.search(told):
        return None
    if deducted:  # 扣一分 is four
        less = _value(deducted["n"]) if deducted["n"] else 1.0
        return None if less is None else _decided([5 - less], corrects)
    return worded(told)


def says_more(text: str) -> bool:
    """Whether a rating comes with its reason: a clause of some length without any figure ("2分,师傅迟到两个小时还把地弄脏了")."""
    clauses = re.split(r"[,，。.!！;；\n]|\s+(?:because|cause|as|since|and)\s+|因为|主要是?", text)
    return any(sum(1 if c.isascii() else 2 for c in clause.strip()) >= _REASON and worded(clause) is None for clause in clauses[1:])


_REASON: Final = 10
"""Width of a clause that tells a reason, a Chinese character counting two."""
