"""A long text in pieces that the platform takes whole, cut where a reader would pause."""

from __future__ import annotations

#: Where a cut reads well, best first: after a line, after a sentence, after a clause.
_PAUSES = (
    ("\n",),
    ("。", "！", "？", "；", "…", "!", "?", ";", ". "),
    ("，", "、", "：", ",", ":", " "),
)
#: A cut that leaves less than this share of a piece is not worth its place; a worse place farther on is better.
_LEAST = 3


def pieces(text: str, most: int) -> tuple[str, ...]:
    """The text in order, each piece at most `most` bytes of UTF-8. Nothing but the white space at a cut is lost."""
    out: list[str] = []
    rest = text.strip()
    while len(rest.encode()) > most:
        cut = _cut(rest, _fits(rest, most))
        out.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    out.append(rest)
    return tuple(piece for piece in out if piece)


def _fits(text: str, most: int) -> int:
    """How many characters fit into `most` bytes; at least one, so that every cut gets on."""
    return max(1, len(text.encode()[:most].decode("utf-8", "ignore")))


def _cut(text: str, most: int) -> int:
    for pauses in _PAUSES:
        ends = (text.rfind(pause, 0, most) + len(pause) for pause in pauses if pause in text[:most])
        last = max(ends, default=0)
        if last >= max(1, most // _LEAST):
            return last
    return most
