"""Lists of words written down as they are read by people: words between blanks, phrases between bars.

For the vocabularies of this folder; a list of a hundred quoted words can be checked by nobody.
"""

from __future__ import annotations


def words(listed: str) -> tuple[str, ...]:
    """The words of a list; blanks and line breaks stand between them."""
    return tuple(listed.split())


def phrases(listed: str) -> tuple[str, ...]:
    """The phrases of a list, which may hold blanks; bars and line breaks stand between them."""
    return tuple(phrase.strip() for line in listed.splitlines() for phrase in line.split("|") if phrase.strip())
