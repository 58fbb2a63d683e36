"""Short answers to the desk's own questions: yes, no, cancel, skip, a number from a menu.

Only meaningful while a question stands open. It must never read a longer message as a plain yes or no: whoever
adds something ("好的,另外灯坏了") has said more than yes, and the rest must be heard. A bare yes may carry
courtesy, nothing else.
"""

from __future__ import annotations

import re
from typing import Final

from bot.core.resolve.numerals import fold, number

_EDGE: Final = " \t\r\n,。.!?~、;:…\"'“”‘’()👌👍🙏😊😄🙂"
_TAIL: Final = r"(?:的|了|啊|呀|吧|哦|噢|喔|嘛|呢|哈|啦|滴|哒|嗯)*"
_COURTESY: Final = r"(?:[\s,。.!、~]*(?:多?谢谢?|感谢|麻烦|辛苦)(?:您|你|了|啦|们)*|[\s,.!]*(?:thanks|thank you|thx|please|pls)(?: very much| a lot| so much)?)*"

_YES_ZH: Final = (
    r"嗯|恩|唔|哎|诶|好|好好|行|中|成|可以|可|对|对对对?|是|是是|没错|没问题|没毛病|没意见|正确|确认|确定|确实|同意|要|需要|"
    r"当然|必须|就这样|就这么办|就这么定|按你说|按您说|照办|都对|无误|没有错|不错|那行|那好|那就这样|行行|好嘞|好滴|好哒|好呀|得|妥|提交|中"
)
_YES_EN: Final = (
    r"y|ye|yes|yep|yeah|yea|yup|ya|sure(?: thing)?|ok|okay|okey|k|kk|of course|certainly|absolutely|definitely|right|correct|"
    r"that'?s (?:right|correct|it|fine)|sounds good|(?:that )?looks good|all good|fine|go ahead|please do|confirm(?:ed)?|do it|affirmative|"
    r"no problem|why not|i do|it is|alright|all right|good|great|perfect"
)
_NO_ZH: Final = (
    r"不|不不|不了|不用|不用麻烦|不要|不必|不是|不对|不行|不可以|不好|不需要|不同意|不确认|没|没有|没呢|否|错|错误|不正确|有误|算|别|免|先不|暂时不用|"
    r"先不用|不是这样|不是的|不太行|不太对|取消|不想|不弄"
)
_NO_EN: Final = (
    r"n|no|nope|nah|not? really|no way|not (?:now|yet|right|correct|quite|needed|necessary|at all)|wrong|incorrect|"
    r"that'?s (?:wrong|not right|not it|incorrect)|never ?mind|don'?t|do not|no need|it'?s not|negative|cancel"
)
_REPEAT: Final = r"(?:[\s,、。.!!]*(?:{0}){1}){{1,4}}"


def _whole(words_zh: str, words_en: str) -> re.Pattern[str]:
    zh = _REPEAT.format(words_zh, _TAIL)
    en = rf"(?:{words_en})(?:[\s,.!]+(?:{words_en}))*"
    return re.compile(rf"(?:{zh}|{en}|(?:ok|okay)[\s,]*{_TAIL}){_COURTESY}", re.IGNORECASE)


def _only(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{words}){_TAIL}{_COURTESY}", re.IGNORECASE)


_YES: Final = _whole(_YES_ZH, _YES_EN)
_NO: Final = re.compile(
    rf"(?:{_REPEAT.format(_NO_ZH, _TAIL)}|(?:{_NO_EN})(?:[\s,.!]+(?:{_NO_EN}))*){_COURTESY}", re.IGNORECASE
)
_REPEATED: Final = re.compile(r"([\u3400-\u9fff])\1+")
_LONGEST: Final = 32
"""Characters; bounds the work of matching too."""
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


def yes_no(text: str) -> bool | None:
    """True for a plain yes, False for a plain no, None for anything that says more or something else."""
    folded = _bare(text)
    if not folded:
        return True if any(sign in text for sign in ("👌", "👍")) else None
    # Repeated syllables (嗯嗯嗯) say the same as one; a longer text says more than yes or no.
    folded = _REPEATED.sub(r"\1", folded)
    if len(folded) > _LONGEST:
        return None
    if _YES.fullmatch(folded):  # first: 没错 and 没问题 begin like a no
        return True
    return False if _NO.fullmatch(folded) else None


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
