"""One spelling for what residents write in several: full-width, traditional, and what a voice keyboard makes of an address.

`plain` keeps the length of a text, so that spans found in the plain text point into the text as it was sent. The readers of
rooms and places match on plain text alone. English slips change the length and stand in the patterns of `room`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from bot.core.resolve.hanzi import simple
from bot.core.resolve.numerals import ZH_NUMERAL

#: Traditional and simplified by turns: the words of homes and their faults that `hanzi` does without.
_PAIRS: Final = "舖铺側侧傳传櫥橱冇没凍冻閥阀儲储紗纱鉸铰"
_HOUSEHOLD: Final[Mapping[int, str]] = {
    ord(old): new for old, new in zip(_PAIRS[::2], _PAIRS[1::2], strict=True)
}

_COUNTED: Final = rf"(?<=[0-9A-Za-z{ZH_NUMERAL[1:-1]}])"
_GOES_ON: Final = rf"(?=\s?(?:[0-9]|{ZH_NUMERAL}|单元|$)|[的,。.!?;()\s])"

#: What was typed or heard, and what was meant: as long as each other. Most sound alike; what follows a number shows which is meant.
SLIPS: Final = tuple(
    (re.compile(heard), meant)
    for heard, meant in (
        (rf"{_COUNTED}(?:单[园员圆原远源院缘]|担[元园]|[丹但旦蛋淡]元)", "单元"),
        (rf"{_COUNTED}(?:[好浩]楼|号[搂娄喽篓])", "号楼"),
        (rf"{_COUNTED}(?:懂(?!得)|[动冻洞董咚恫](?![静作手画车]){_GOES_ON})", "栋"),
        (rf"{_COUNTED}[床撞状](?=\s?(?:[0-9]|{ZH_NUMERAL})+\s?(?:单元|[0-9]{{2}}))", "幢"),
        (r"(?<=[A-Ha-h])[做坐作坊](?=\s?(?:[0-9]{3}|[零〇一二三四五六七八九十]{2})|的|$)", "座"),
        (r"(?<=[0-9]{3})[士市式试适](?![0-9])", "室"),
        (r"(?<![什怎那这多要])[么妖夭腰](?=\s?(?:单元|栋|号楼|[零〇幺二三四五六七八九]))", "幺"),
        (rf"(?<=[0-9A-Za-z一二三四五六七八九十])[杠槓](?=\s?(?:[0-9]|{ZH_NUMERAL}))", "-"),
        (r"(?<=[0-9])[oO](?=[0-9])", "0"),
    )
)


def plain(text: str) -> str:
    """The text half-width, in simplified characters, with the usual slips in an address put right; same length."""
    spelled = simple(text).translate(_HOUSEHOLD)
    for heard, meant in SLIPS:
        spelled = heard.sub(meant, spelled)
    return spelled
