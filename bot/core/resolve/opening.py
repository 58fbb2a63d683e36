"""The matter without what only leads up to it: "Hi, three things: 1. the shower leaks" is about "the shower leaks".

For descriptions, summaries and announcements, which people read at a glance; the ticket keeps every word. `bare` must never take
anything of the matter: what is left out stands at the very beginning and is one of a few set phrases; where nothing would
remain, nothing is left out. `gist` shows of a long story the clauses in which the language model marked the thing or the trouble.
"""

from __future__ import annotations

import re
from typing import Final

from bot.core.resolve.numerals import fold
from bot.core.types import Matter

_LEADS: Final = re.compile(
    r"(?:您好|你好|你们好|早上好|上午好|中午好|下午好|晚上好|早安|hi|hello|hey|good (?:morning|afternoon|evening)|dear (?:all|team|sirs?))(?: there| team| all)?(?=[\s,，。.!！~～、:：]|$)"
    r"|(?:请问|麻烦问一下|那个|是这样的?|跟你们?说一?下)(?=[\s,，。:：、])"
    r"|(?:我)?(?:有|反映|说)?[一两二三几]件?个?(?:事|事情|问题)(?=[,，:：。])|(?:one|two|three|a few|a couple of) things?(?=[,:.])|(?:just )?(?:a |one )?quick question(?=[\s,:.])"
    r"|(?:另外|还有|此外|顺便|对了|再有|oh and|and also|also|and|by the way|btw|one more thing|another thing|plus)(?=[\s,，:：、]|(?<=[\u3400-\u9fff])(?![一的那]))"
    r"|[(（]?(?:[1-5]|[一二三四五])[.、)）:：](?![0-9])|[①②③④⑤]|第[一二三][,，、]",
    re.IGNORECASE,
)
#: What led on to another matter.
_TAIL: Final = re.compile(r"(?:[,，、;；\s]|(?<=,)\s+and)+$", re.IGNORECASE)
_BLANK: Final = " \t\n,，。.!！~～、:：;；"


def bare(text: str) -> str:
    """The words without greeting, announcement, list number and 另外 in front; the same words where nothing else is said."""
    rest = text.strip()
    while match := _LEADS.match(fold(rest)):  # folding keeps lengths
        rest = rest[match.end() :].lstrip(_BLANK)
    return _TAIL.sub("", rest) or text.strip()


#: The kind of request alone, without a word of what it is about.
_ONLY_ASKS: Final = re.compile(
    r"(?:你好|您好)?[,，]?(?:我|我们|我家)?(?:想|要|需要|想要)?(?:申请|办理?|登记|提交?|来)?(?:一?[个下]|点)?(?:报修|维修|修理|修东西|投诉|建议|反映问题|办证|开证明|开个?证明|办手续)(?:一?下)?"
    r"|(?:hi|hello)?[, ]*(?:i )?(?:want|need|would like|'d like|wanna)?(?: to)?(?: (?:make|file|report|request|have))?(?: an?)? ?(?:repairs?|complaint|complain|permit|report a (?:repair|fault|problem))",
    re.IGNORECASE,
)
_END: Final = " \t\n,，。.!！?？~～;；吧啊呀please谢"
_CLAUSE: Final = re.compile(r"[^,，。!！?？;；\n]+[,，。!！?？;；\n]*|[,，。!！?？;；\n]+")
_SHORT: Final = 40
"""Characters (a Latin letter is half a one) that are read at a glance."""


def only_asks(text: str) -> bool:
    """Whether these words only name a kind of request: 我要报修, "repair please"."""
    return _ONLY_ASKS.fullmatch(fold(text).strip(_END).strip()) is not None


def gist(matter: Matter, fields: frozenset[str] = frozenset()) -> str:
    """What a long message is about, in its own words: the clauses that hold what the model marked as item or fault.

    A message that is short, or in which nothing was marked, is given bare.

    Args:
        fields: marks that are shown elsewhere; a clause that holds nothing else is left out.
    """
    text = _without(matter, fields)
    named = [e.value for e in matter.entities if e.entity in ("item", "fault")]
    marks = [m.span() for value in named for m in re.finditer(re.escape(value), text)]
    if sum(1 if character.isascii() else 2 for character in text) <= 2 * _SHORT or not marks:
        return bare(text).rstrip(",，。;； ")
    kept = [m[0] for m in _CLAUSE.finditer(text) if any(m.start() < end and start < m.end() for start, end in marks)]
    return bare("".join(kept[:_MOST_CLAUSES])).rstrip(",，。;； ") or bare(text)


_MOST_CLAUSES: Final = 3


def _without(matter: Matter, fields: frozenset[str]) -> str:
    """The text without clauses that only give an address, a telephone or a time which have fields of their own."""

    def held(clause: re.Match[str], kinds: frozenset[str]) -> bool:
        return any(e.entity in kinds and clause.start() < e.end and e.start < clause.end() for e in matter.entities)

    kept = [c[0] for c in _CLAUSE.finditer(matter.text) if not held(c, fields) or held(c, _TELLS)]
    return "".join(kept).strip() or matter.text


_TELLS: Final = frozenset({"item", "fault", "location", "permit_type", "fee_type"})
