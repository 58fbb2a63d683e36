"""Short answers to the desk's own questions: cancel, skip, a number from a menu; yes and no are read in `assent`.

Only meaningful while a question stands open. A longer message is never read as a bare answer: whoever adds something has
said more, and the rest must be heard.
"""

from __future__ import annotations

import re
from typing import Final

from bot.core.resolve.assent import yes_no
from bot.core.resolve.numerals import fold, number

__all__ = ["beside", "is_cancel", "is_skip", "leads", "menu_number", "yes_no"]

_EDGE: Final = " \t\r\n,。.!?~、;:…\"'“”‘’()👌👍🙏😊😄🙂"
_TAIL: Final = r"(?:的|了|啊|呀|吧|哦|噢|喔|嘛|呢|哈|啦|滴|哒|嗯)*"
_COURTESY: Final = r"(?:[\s,。.!、~]*(?:多?谢谢?|感谢|麻烦|辛苦)(?:您|你|了|啦|们)*|[\s,.!]*(?:thanks|thank you|thx|please|pls)(?: very much| a lot| so much)?)*"


def _only(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{words}){_TAIL}{_COURTESY}", re.IGNORECASE)


_CANCEL: Final = _only(
    r"(?:(?:那|我|还是|先|帮我|请|就|给我)[\s,,]*)*(?:取消|算了|算啦|不弄了|不报了|不修了|不办了|不用了|不要了|撤销|撤了|作罢|退出|停止|不搞了|不填了)"
    r"(?:[\s,、]*(?:取消|算了|不弄了|不报了|不修了|不办了|不用了|不要了|不填了))*"
    r"|(?:please )?(?:cancel|stop|quit|abort|forget)(?: (?:it|this|that|everything|please))?|never ?mind|forget about it|leave it"
)
_SKIP: Final = _only(
    r"跳过|略过|略|下一[步个题]|没有?(?:照片|图|备注|补充|要补充)?|没有其他|无|不填|先不填|暂无|不想说|不方便说|不知道|没拍"
    r"|skip(?: (?:it|this|that))?|none|nothing(?: else)?|n/?a|no (?:photos?|pictures?|comment)|next|pass|don'?t know|not sure|rather not(?: say)?"
)
_CIRCLED: Final = {chr(0x2460 + index): index + 1 for index in range(20)}
_MENU: Final = re.compile(
    r"(?:我?(?:要|选|选择|按|回复)|(?:the )?(?:option|number|no\.?|#|choose|pick|i(?:'d)? (?:choose|pick|take)))?\s*"
    r"(?:第)?\s*(?P<n>[0-9]{1,2}|[一二两三四五六七八九十]{1,2}|one|two|three|four|five|six|seven|eight|nine)\s*"
    r"(?:[.、))号项条种]|个|号吧|please)?\s*(?:吧|的)?",
    re.IGNORECASE,
)
_KEYCAP: Final = re.compile(r"([0-9])\ufe0f?\u20e3")
_ORDINALS: Final = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
_ORDINAL: Final = re.compile(
    r"(?:the )?(?P<n>first|second|third|fourth|fifth)(?: one)?(?: please)?", re.IGNORECASE
)


def _bare(text: str) -> str:
    return fold(text).strip(_EDGE)


def leads(text: str) -> bool | None:
    """The yes or no with which a longer answer to an open question begins: "不认可,根本没剪过", "no, I don't accept that. …"."""
    head, mark, _ = re.split(r"([,，。.!！;；\n])", text.strip(), maxsplit=1) if re.search(r"[,，。.!！;；\n]", text.strip()) else (text, "", "")
    return yes_no(head) if mark else None


def beside(text: str) -> bool | None:
    """The last plain yes or no among the clauses of a message that says more: "有点贵,好吧", "too much, no thanks"."""
    said = [plain for clause in re.split(r"[,，。.!！?？;；]", text) if (plain := yes_no(clause)) is not None]
    return said[-1] if said else None


def is_cancel(text: str) -> bool:
    """Whether the message drops what is under way and says nothing else: 取消, 算了, never mind."""
    return _CANCEL.fullmatch(_bare(text)) is not None


def is_skip(text: str) -> bool:
    """Whether the message passes over an optional question: 跳过, 没有, none."""
    return _SKIP.fullmatch(_bare(text)) is not None


def menu_number(text: str) -> int | None:
    """The number chosen from a numbered menu: "2", "2.", 选2, 第二个, ②, "option 2"; None when it is not bare."""
    stripped = _bare(text)
    if stripped in _CIRCLED:
        return _CIRCLED[stripped]
    folded = _KEYCAP.sub(r"\1", _bare(text))
    ordinal = _ORDINAL.fullmatch(folded)
    if ordinal:
        return _ORDINALS[ordinal["n"].lower()]
    match = _MENU.fullmatch(folded)
    return number(match["n"]) if match else None
