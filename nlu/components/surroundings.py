"""What stands around each sign of a message: the evidence by which entities are told.

A sign is a Han character, a Latin word, a run of figures or any other mark. Chinese has no blanks, and a word that jieba cut may
glue a place to a thing, so signs are tagged one by one; the word each belongs to, and its part of speech, is evidence beside the
neighbours. Offsets are those of the message (`writing.normalise` keeps lengths).
"""

from __future__ import annotations

import re
from typing import NamedTuple

import jieba.posseg

from nlu.components.writing import normalise

_SIGN = re.compile(r"[\u3400-\u9fff]|[A-Za-z]+|[0-9]+|\S")
_HAN = re.compile(r"[\u3400-\u9fff]")
_FIGURES = frozenset("零〇一二三四五六七八九十百千两半几")
_EDGES = ("∅",) * 2
_LONGEST = 700
"""Signs read of one message; what follows bears no marks."""
#: Numbers that tell by their form alone what they are.
_FORMS = (
    ("phone", re.compile(r"(?<![0-9])(?:1[3-9][0-9]{9}|0[0-9]{2,3}-?[2-8][0-9]{6,7})(?![0-9])")),
    ("plate", re.compile(r"[\u3400-\u9fff][A-Z][·.\s]?[A-Z0-9]{5,6}(?![A-Z0-9])")),
    ("reference", re.compile(r"(?<![A-Za-z0-9])[A-Z]{1,4}-?[0-9]{3,}(?:-[0-9]+)*(?![0-9])")),
    ("address", re.compile(r"(?<![0-9-])[0-9A-Z]{1,2}-(?:[0-9]{1,2}-)?[0-9]{3,4}(?![0-9-])")),
)


class Sign(NamedTuple):
    """One sign and where it stands."""

    text: str
    start: int
    end: int


def signs(text: str) -> list[Sign]:
    """The signs of a message, in order."""
    found = (Sign(match.group(), *match.span()) for match in _SIGN.finditer(normalise(text)))
    return [sign for sign, _ in zip(found, range(_LONGEST), strict=False)]


def _shape(sign: str) -> str:
    if sign[0].isdigit():
        return "9" * min(len(sign), 5)
    if _HAN.match(sign):
        return "figure" if sign in _FIGURES else "han"
    if sign[0].isalpha():
        case = "A" if sign.isupper() else "Aa" if sign[0].isupper() else "a"
        return f"{case}{len(sign)}" if len(sign) < 3 else case
    return sign


class _Word(NamedTuple):
    """A word as jieba cut it, and where in it a character stands."""

    text: str
    kind: str
    at: int


def _words(plain: str) -> list[_Word]:
    """For each character the word it stands in. Words jieba's list lacks stay in characters: guessing them took a third of a parse and helped no mark."""
    found: list[_Word] = []
    for word, kind in jieba.posseg.cut(plain, HMM=False):
        found += [_Word(word.lower(), kind, at) for at in range(len(word))]
    return found


def evidence(text: str, among: list[Sign], intent: str) -> list[list[str]]:
    """For each sign the features that hold of it.

    Args:
        intent: of the whole message. Which nouns are the matter's takes its sense: 电梯 is an item where it is to be mended, and the
            place where somebody smoked.
    """
    plain = normalise(text)
    words = _words(plain)
    forms = {
        at: name for name, pattern in _FORMS for match in pattern.finditer(plain) for at in range(*match.span())
    }
    # Two edges on each side, so that every sign has neighbours: what stands beside sign i is at i + 2.
    low = [*_EDGES, *(sign.text.lower() for sign in among), *_EDGES]

    rows = []
    for i, sign in enumerate(among):
        b, c, own, e, f = low[i : i + 5]
        held = [f"-2:{b}", f"-1:{c}", f"0:{own}", f"1:{e}", f"2:{f}", f"shape 0:{_shape(sign.text)}"]
        held += [f"-2::{b} {c}", f"-1::{c} {own}", f"0::{own} {e}", f"1::{e} {f}", f"-1:::{c} {own} {e}"]
        word = words[sign.start]
        first, after = sign.start - word.at, sign.start - word.at + len(word.text)
        place = ("B" if word.at == 0 else "I") + ("E" if sign.end >= after else "")
        held += [f"word {word.text}", f"kind {word.kind} {place}"]
        held += [f"in {intent}", f"in {intent} 0:{own}", f"in {intent} word {word.text}", f"in {intent} kind {word.kind}"]
        if first > 0:
            held.append(f"word before {words[first - 1].text}")
        if after < len(words):
            held.append(f"word after {words[after].text}")
        if sign.text[0].isascii() and sign.text[0].isalpha():
            held += dict.fromkeys(f"ends {own[-n:]}" for n in (2, 3, 4))
        if sign.start in forms:
            held.append(f"form {forms[sign.start]}")
        rows.append(held)
    return rows
