"""Telephone numbers: Chinese mobiles and landlines, service numbers, and foreign numbers in E.164.

It must never put a whole number into a text: what is shown to anyone is `mask`ed.
Mobile: 11 digits from 13 to 19. Landline: area code (3–4 digits with its 0) and 7–8 digits, extension allowed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from bot.core.resolve import ticketno
from bot.core.resolve.numerals import fold

_SEP: Final = r"[ \-‐–]?"
_MOBILE: Final = rf"(?:(?:\+|00)?86{_SEP})?(?P<mobile>1[3-9][0-9](?:{_SEP}[0-9]){{8}})"
_FOREIGN: Final = rf"(?P<foreign>(?:\+|00)(?!86)[1-9](?:{_SEP}[0-9]){{6,13}})"
_LANDLINE: Final = (
    rf"(?:(?:\+|00)86{_SEP}(?P<area_abroad>10|2[0-9]|[3-9][0-9]{{2}})|\(?(?P<area>010|02[0-9]|0[3-9][0-9]{{2}})\)?)"
    rf"{_SEP}(?P<local>[2-8][0-9]{{2,3}}{_SEP}[0-9]{{4}})(?:(?:转|ext\.?|-| )\s?(?P<extension>[0-9]{{1,5}}))?"
)
_SERVICE: Final = rf"(?P<service>[48]00{_SEP}[0-9]{{3}}{_SEP}[0-9]{{4}})"
_PHONE: Final = re.compile(
    rf"(?<![0-9+])(?:{_MOBILE}|{_FOREIGN}|{_LANDLINE}|{_SERVICE})(?![0-9])", re.IGNORECASE | re.ASCII
)
# "尾号是5678", "后四位改成5678", "last four 5678"
_TAIL: Final = re.compile(
    r"(?:尾号|后四位|后4位|末四位|最后四位|last\s+(?:four|4)(?:\s+digits)?)[^0-9]{0,12}(?P<tail>[0-9]{4})(?![0-9])",
    re.IGNORECASE | re.ASCII,
)
_BARE_TAIL: Final = re.compile(
    r"(?:[^0-9]*(?:打错|写错|错了|不对|应该是|改成|wrong|should be|meant|sorry)[^0-9]*)(?P<tail>[0-9]{4})[^0-9]*",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Phone:
    """A number found. `number` is the 11-digit mobile, "010-65123456[-123]", "400-800-1234" or "+4479…"."""

    number: str
    text: str
    start: int
    end: int


def _digits(text: str) -> str:
    return re.sub(r"[^0-9]", "", text)


def _canonical(match: re.Match[str]) -> str:
    group = match.groupdict()
    if group["mobile"]:
        return _digits(group["mobile"])
    if group["foreign"]:
        digits = _digits(group["foreign"])
        return "+" + (digits[2:] if group["foreign"].startswith("00") else digits)
    if group["service"]:
        digits = _digits(group["service"])
        return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"
    area = group["area"] or "0" + group["area_abroad"]
    extension = f"-{group['extension']}" if group["extension"] else ""
    return f"{area}-{_digits(group['local'])}{extension}"


def find(text: str) -> tuple[Phone, ...]:
    """Every telephone number in the text, in order; ticket numbers are left alone."""
    folded = fold(text)
    taken = ticketno.spans(text)
    return tuple(
        Phone(_canonical(match), text[match.start() : match.end()], match.start(), match.end())
        for match in _PHONE.finditer(folded)
        if not any(match.start() < end and start < match.end() for start, end in taken)
    )


def correct_tail(number: str, text: str) -> str | None:
    """The number with its last four digits replaced, when the text corrects them; None when it does not.

    Args:
        number: the number given before, in the form `find` returns.
        text: "尾号错了,是5678", "last four should be 5678", "打错了,应该是5678".
    """
    folded = fold(text)
    found = list(_TAIL.finditer(folded))
    match = found[-1] if found else _BARE_TAIL.fullmatch(folded)
    if match is None or not re.search(r"[0-9]{4}$", number, re.ASCII):
        return None
    return number[:-4] + match["tail"]


def mask(number: str) -> str:
    """The number as it may be shown: 138****5678, 010-****3456, +44****0123; short ones wholly hidden."""
    if len(number) < 7:
        return "*" * len(number)
    if number.isdigit():
        return f"{number[:3]}****{number[-4:]}"
    if number.startswith("+"):
        return f"{number[:3]}****{number[-4:]}"
    area, *local = number.split("-")
    return (
        f"{area}-****{next((part[-4:] for part in local if len(part) >= 4), '')}"  # an extension is left out
    )
