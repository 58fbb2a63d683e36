"""The speaker's own name, as it is said: 刘女士, 欧阳, 小陈, 何太, "Mrs Liu", Li Lei. Titles are kept.

For binding a resident, visitors and letters in later rounds, and for the contact of a ticket. It must never take somebody else's
name for the speaker's (找张工, 上次来的张师傅, "the plumber Tom"), nor a word that only begins like a surname (方便, 高层).

A name counts behind words that lead one in (我叫, 我姓, 联系人, "this is", "call me"), or as a clause of its own. What is denied
("不是李睿,是李雷", "not Li Rui, Li Lei") is left out. The names themselves are read in `hanname` and `latinname`.
"""

from __future__ import annotations

from typing import Final

from bot.core.resolve import hanname, latinname
from bot.core.resolve.hanzi import simple

_LONGEST: Final = 200
"""Characters looked at: a name is said at once."""


def name(text: str) -> str | None:
    """The speaker's own name as it is said, with its title, or None when it is not given.

    Args:
        text: "我是3栋的小陈", "我姓张,弓长张", "this is Mrs Liu speaking".
    """
    said = text[:_LONGEST]
    read = simple(said)
    if not any(hanname.is_han(character) for character in read):
        return latinname.find(read)
    places = hanname.find(read)
    return "".join(said[start:end] for start, end in places).strip() or latinname.in_chinese(said)
