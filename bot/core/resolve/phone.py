"""Telephone numbers: Chinese mobiles and landlines, service numbers, and foreign numbers in E.164.

`find` serves every reader of messages and registers, and whoever must not take a telephone for something else (rooms, times,
amounts). Which number is meant when several are said, and every correction, is read in `contact`.

It must never put a whole number into a text: what is shown to anyone is `mask`ed.
Mobile: 11 digits from 13 to 19. Landline: area code (3–4 digits with its 0) and 7–8 digits, extension allowed; without its
area code it is no number that could be called, and is left alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from bot.core.resolve import ticketno
from bot.core.resolve.numerals import EN_NUMBERS, fold

_SEP: Final = r"(?: ?[-‐‑–—] ?| )?"
_MOBILE: Final = (
    rf"(?:\(?(?:\+|00)?86\)?{_SEP})?(?P<mobile>1[3-9][0-9](?:\.[0-9]{{4}}\.[0-9]{{4}}|(?:{_SEP}[0-9]){{8}}))"
)
_FOREIGN: Final = rf"(?P<foreign>(?:\+|00)(?!86)[1-9](?:{_SEP}[0-9]){{6,13}})"
_LANDLINE: Final = (
    rf"(?:(?:\+|00)86{_SEP}(?:\(0\))?(?P<area_abroad>10|2[0-9]|[3-9][0-9]{{2}})"
    rf"|\(?(?P<area>010|02[0-9]|0[3-9][0-9]{{2}})\)?)"
    rf"(?:{_SEP}|[^0-9]{{1,6}}(?:电话|号码|座机)?[:是]?)(?P<local>[2-8][0-9]{{2,3}}{_SEP}[0-9]{{4}})"
    rf"(?:(?:转|分机|ext\.?|-| )\s?(?P<extension>[0-9]{{1,5}}))?"
)
_SERVICE: Final = rf"(?P<service>[48]00{_SEP}[0-9]{{3}}{_SEP}[0-9]{{4}})"
_PHONE: Final = re.compile(
    rf"(?<![0-9+])(?:{_MOBILE}|{_FOREIGN}|{_LANDLINE}|{_SERVICE})(?![0-9])",
    re.IGNORECASE | re.ASCII,
)
# Longer numbers of which a part may look like a telephone: cards written in groups, identity cards, what is labelled as another.
_OTHER: Final = re.compile(
    r"(?<![0-9])(?:[0-9]{4}[ -]){3,4}[0-9]{1,4}(?![0-9])|(?<![0-9])[0-9]{6}[ -]?(?:19|20)[0-9]{6}[ -]?[0-9]{3}[0-9Xx]"
    r"|(?:身份证|银行卡|储蓄卡|卡号|账号|帐号|户号|订单|运单|快递单|流水"
    r"|合同)(?:号码?)?[:是为\s]{0,3}[A-Za-z]{0,4}[0-9](?:[ -]?[0-9])+",
    re.IGNORECASE | re.ASCII,
)
# Read out figure by figure: 幺三五零零零零幺幺二二; "one three nine, double zero …".
_HAN: Final = {
    **dict.fromkeys("零〇洞", "0"), **dict.fromkeys("一幺", "1"), **dict.fromkeys("二两", "2"), "三": "3", "四": "4", "五": "5",
    "六": "6", **dict.fromkeys("七拐", "7"), "八": "8", "九": "9", "、": " ",
}  # fmt: skip
_HAN_FIGURES: Final = str.maketrans(_HAN)
_HAN_READ: Final = re.compile(r"[0-9零〇洞一幺二两三四五六七拐八九](?:[ 、-]?[0-9零〇洞一幺二两三四五六七拐八九]){6,}")
_FEWEST_HAN: Final = 3
"""Fewer Chinese figures in a run of digits are no reading out: "统一13900001234"."""
_EN_FIGURES: Final = {word: str(value) for word, value in EN_NUMBERS.items() if value < 10} | {"zero": "0", "oh": "0", "o": "0"}
_EN_FIGURE: Final = rf"(?:(?:double|triple)[ -])?(?:{'|'.join(_EN_FIGURES)}|[0-9]+)"
_EN_READ: Final = re.compile(rf"\b{_EN_FIGURE}(?:[ ,-]{{1,2}}{_EN_FIGURE}){{4,}}\b", re.IGNORECASE | re.ASCII)

_FOUR: Final = re.compile(r"(?<![0-9])[0-9]{4}(?![0-9])|(?<![零〇洞一幺二两三四五六七拐八九])[零〇洞一幺二两三四五六七拐八九]{4}(?![零〇洞一幺二两三四五六七拐八九])")


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


def _in_figures(folded: str) -> str:
    """The text with Chinese figures that are read out written as digits; same length."""

    def written(run: re.Match[str]) -> str:
        han = sum(character in _HAN for character in run[0])
        return run[0].translate(_HAN_FIGURES) if han >= _FEWEST_HAN else run[0]

    return _HAN_READ.sub(written, folded)


def _read_in_english(folded: str) -> Iterator[tuple[str, int, int]]:
    """Numbers read out in English words, in canonical form, and where they stand."""
    for run in _EN_READ.finditer(folded):
        said = re.findall(rf"(double|triple)?[ -]?\b({'|'.join(_EN_FIGURES)}|[0-9]+)\b", run[0].lower())
        digits = "".join(_EN_FIGURES.get(word, word) * {"double": 2, "triple": 3}.get(times, 1) for times, word in said)
        match = None if run[0].replace(" ", "").isdigit() else _PHONE.fullmatch(digits)
        if match:
            yield _canonical(match), *run.span()


def fours(text: str) -> Iterator[tuple[int, str]]:
    """Every run of exactly four figures, and where it stands: "尾号8806", "零零零一"."""
    for match in _FOUR.finditer(fold(text)):
        yield match.start(), match[0].translate(_HAN_FIGURES)


def find(text: str) -> tuple[Phone, ...]:
    """Every telephone number in the text, in order; ticket numbers, cards and other long numbers are left alone."""
    folded = fold(text)
    figures = _in_figures(folded)
    taken = [*ticketno.spans(text), *(match.span() for match in _OTHER.finditer(figures))]
    places = [(_canonical(match), *match.span()) for match in _PHONE.finditer(figures)] + list(_read_in_english(folded))
    return tuple(
        Phone(number, text[start:end], start, end)
        for number, start, end in sorted(places, key=lambda place: place[1])
        if not any(start < last and first < end for first, last in taken)
    )


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
