"""The matter without what only leads up to it: "Hi, three things: 1. the shower leaks" is about "the shower leaks".

For descriptions and announcements, which people read at a glance. It must never take anything of the matter: what is left out
stands at the very beginning and is one of a few set phrases; where nothing would remain, nothing is left out.
"""

from __future__ import annotations

import re
from typing import Final

from bot.core.resolve.numerals import fold

_LEADS: Final = re.compile(
    r"(?:您好|你好|你们好|早上好|上午好|中午好|下午好|晚上好|早安|hi|hello|hey|good (?:morning|afternoon|evening)|dear (?:all|team|sirs?))(?: there| team| all)?(?=[\s,，。.!！~～、:：]|$)"
    r"|(?:请问|麻烦问一下|那个|是这样的?|跟你们?说一?下)(?=[\s,，。:：、])"
    r"|(?:我)?(?:有|反映|说)?[一两二三几]件?个?(?:事|事情|问题)(?=[,，:：。])|(?:one|two|three|a few|a couple of) things?(?=[,:.])"
    r"|(?:另外|还有|此外|顺便|对了|再有|oh and|and also|also|and|by the way|btw|one more thing|another thing|plus)(?=[\s,，:：、]|(?<=[\u3400-\u9fff])(?![一的那]))"
    r"|[(（]?(?:[1-5]|[一二三四五])[.、)）:：](?![0-9])|[①②③④⑤]|第[一二三][,，、]",
    re.IGNORECASE,
)
_BLANK: Final = " \t\n,，。.!！~～、:：;；"


def bare(text: str) -> str:
    """The words without greeting, announcement, list number and 另外 in front; the same words where nothing else is said."""
    rest = text.strip()
    while match := _LEADS.match(fold(rest)):  # folding keeps lengths
        rest = rest[match.end() :].lstrip(_BLANK)
    return rest or text.strip()
