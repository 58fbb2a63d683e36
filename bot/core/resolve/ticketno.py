"""Our ticket numbers in a resident's message: YH-BX-20261123-0001.

Community code, kind of ticket, the local date it was filed, and a sequence within that day. A number found
here opens nothing: whether the speaker may see the ticket is decided where the ticket is loaded.
"""

from __future__ import annotations

import re
from typing import Final

from bot.core.resolve.numerals import fold

KINDS: Final = ("BX", "TS", "JJ", "FW", "FY", "HF", "ZX")
"""报修 repair, 投诉 complaint, 紧急 emergency, 服务 paid service, 费用 fee case, 回访 follow-up, 咨询 enquiry."""

_GAP: Final = r"\s{0,2}[-‐‑–—_]?\s{0,2}"
# The date's shape is checked, so that a hyphenless number cannot be cut in the wrong place.
_NUMBER: Final = re.compile(
    rf"(?<![A-Za-z0-9])([A-Z0-9]{{2,6}}?){_GAP}({'|'.join(KINDS)}){_GAP}"
    rf"(20[0-9]{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])){_GAP}([0-9]{{4,8}})(?![0-9])",
    re.IGNORECASE | re.ASCII,
)


def spans(text: str) -> tuple[tuple[int, int], ...]:
    """Where ticket numbers stand, as (start, end); other readers leave these places alone."""
    return tuple(match.span() for match in _NUMBER.finditer(fold(text)))


def numbers(text: str) -> tuple[str, ...]:
    """Every ticket number in the text, in its canonical form, in order, without repeats."""
    found = ("-".join(match.groups()).upper() for match in _NUMBER.finditer(fold(text)))
    return tuple(dict.fromkeys(found))
