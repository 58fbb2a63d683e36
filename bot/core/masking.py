"""Personal data as it is shown to those who need not know it in full."""

from __future__ import annotations

from bot.core.resolve.phone import mask as phone

__all__ = ["name", "phone"]


def name(full: str) -> str:
    """王*: the family name alone; of a Latin name the first word and an initial."""
    words = full.split()
    if len(words) > 1 and full.isascii():
        return f"{words[0]} {words[-1][0]}."
    return f"{full[:1]}{'*' * (len(full) - 1)}"
