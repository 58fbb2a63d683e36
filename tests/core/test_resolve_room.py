"""Where somebody lives, and where the trouble is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.resolve.where.place import is_public, place
from bot.core.resolve.where.room import Parts, mentions, merge

FULL_WIDTH = str.maketrans("0123456789-", "".join(chr(ord(sign) + 0xFEE0) for sign in "0123456789-"))


def parts(text: str) -> list[tuple[str | None, str | None, str | None]]:
    return [(mention.building, mention.unit, mention.room) for mention in mentions(text)]


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("4栋1单元703", ("4", "1", "703")),
        ("4栋 1单元 703室", ("4", "1", "703")),
        ("4幢703", ("4", None, "703")),
        ("四号楼一单元七零三", ("4", "1", "703")),
        ("四号楼一单元七零三室", ("4", "1", "703")),
        ("4-1-703", ("4", "1", "703")),
        ("4#1-703", ("4", "1", "703")),
        ("A座1203", ("A", None, "1203")),
        ("b座1203", ("B", None, "1203")),
        ("Tower B 1203", ("B", None, "1203")),
        ("Building 4 unit 1 flat 703", ("4", "1", "703")),
        ("flat 703, unit 1, building 4", ("4", "1", "703")),
        ("703", (None, None, "703")),
        ("603室", (None, None, "603")),
        ("unit 703", (None, None, "703")),
        ("十二栋", ("12", None, None)),
        ("二十号楼", ("20", None, None)),
        ("三单元五零一", (None, "3", "501")),
        ("7栋301,电话13800001111", ("7", None, "301")),
        ("4-1-703".translate(FULL_WIDTH), ("4", "1", "703")),
        ("\uff14栋\uff11单元\uff17\uff10\uff13", ("4", "1", "703")),
        ("打错了,是603", (None, None, "603")),
        ("不是703,是603", (None, None, "603")),
        ("sorry, 603", (None, None, "603")),
    ],
)
def test_an_address_is_read_however_it_is_written(
    text: str, address: tuple[str | None, str | None, str | None]
) -> None:
    assert parts(text) == [address]


@pytest.mark.parametrize(
    "text",
    [
        "13812345678",
        "010-65123456",
        "下午3点",
        "100-200元",
        "2026-11-23",
        "23-11-2026",
        "YH-BX-20261123-0001",
        "物业费500",
        "800块押金退吗",
        "3楼电梯坏了",
        "400-800-1234",
        "",
        "楼上太吵",
    ],
)
def test_other_numbers_are_no_rooms(text: str) -> None:
    assert parts(text) == []


@pytest.mark.parametrize(
    ("text", "owners"),
    [
        ("我是4栋703的,楼上803太吵", [("703", "own"), ("803", "other")]),
        ("楼上漏水,我家703", [("703", "own")]),
        ("楼下603漏水", [("603", "other")]),
        ("隔壁702天天装修", [("702", "other")]),
        ("neighbour in 803 is noisy, I'm in 703", [("803", "other"), ("703", "own")]),
        ("4栋1单元703", [("703", "unknown")]),
    ],
)
def test_the_neighbours_number_is_not_the_speakers(text: str, owners: list[tuple[str, str]]) -> None:
    assert [(mention.room, mention.whose) for mention in mentions(text)] == owners


def test_an_address_said_in_two_messages_is_put_together_and_corrected() -> None:
    (first,), (second,), (third,) = mentions("4栋1单元"), mentions("703"), mentions("打错了,是603")
    address = merge(merge(None, first), second)
    assert (address.building, address.unit, address.room) == ("4", "1", "703")
    corrected = merge(address, third)
    assert (corrected.building, corrected.unit, corrected.room) == ("4", "1", "603")


@pytest.mark.parametrize(
    ("text", "public", "spot"),
    [
        ("楼道灯坏了", True, "楼道"),
        ("我家门口的电梯", True, "电梯"),
        ("大堂的卫生间", True, "大堂的卫生间"),
        ("不是家里,是楼道", True, "楼道"),
        ("小区门口", True, "小区门口"),
        ("公区", True, "公区"),
        ("lobby light is out", True, "lobby"),
        ("厨房漏水", False, "厨房"),
        ("家里", False, "家里"),
        ("kitchen tap", False, "kitchen"),
        ("at home", False, "at home"),
        ("灯坏了", None, None),
        ("", None, None),
    ],
)
def test_home_and_common_parts_are_told_apart(text: str, public: bool | None, spot: str | None) -> None:
    assert is_public(text) is public
    assert place(text) == spot


PIECES = [
    "4栋",
    "一单元",
    "703",
    "室",
    "-",
    "#",
    "A座",
    "楼上",
    "我家",
    "unit ",
    "flat ",
    "七零三",
    "十",
    "不是",
    "13812345678",
    " ",
    "1",
]


@given(st.text() | st.lists(st.sampled_from(PIECES), max_size=8).map("".join))
def test_no_text_whatever_breaks_the_reading(text: str) -> None:
    found: Parts | None = None
    for mention in mentions(text):
        assert text[mention.start : mention.end] == mention.text
        assert mention.building or mention.unit or mention.room
        found = merge(found, mention)
    is_public(text)
    spot = place(text)
    assert spot is None or spot in text
