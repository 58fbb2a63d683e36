"""Words of danger as they are mistyped: what is put right, and what is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.slips import heard_alike, slipped, spelling

SPELLING = spelling(
    {"zh": {"火烛": "着火", "火": "火"}, "en": {"gaz": "gas", "Plz": "please"}},
    {"zh": ["着火", "电梯"], "en": ["smoke", "lift", "smell", "gas"]},
    ["着捉灼", "梯踢"],
    ["lit", "电踢", "smoe"],
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("捉火了", "着火了"), ("灼火", "着火"), ("火烛!", "着火!"), ("电踢", "电踢"), ("smkoe", "smoke"), ("smmoke", "smoke"), ("smok", "smoke"),
        ("smooke", "smoke"), ("Smokee", "smoke"), ("msoke", "msoke"), ("smoe", "smoe"), ("lfit", "lift"), ("liftt", "lift"), ("lit", "lit"),
        ("lif", "lif"), ("GAZ", "gas"), ("gaz's", "gaz's"), ("smel smoke", "smell smoke"), ("smell", "smell"), ("著火", "着火"), ("ＧＡＳ", "GAS"),
        ("ggas", "ggas"), ("gass", "gas"), ("", ""),
    ],
)  # fmt: skip
def test_a_slip_is_read_as_it_was_meant(typed: str, meant: str) -> None:
    assert SPELLING.read(typed).text == meant


def test_what_is_read_knows_where_it_stood() -> None:
    read = SPELLING.read("a smok, 火烛了")
    assert read.text == "a smoke, 着火了"
    assert read.origin == (0, 1, 2, 3, 4, 5, 5, 6, 7, 8, 9, 10, 11)
    assert read.sent(2, 7) == (2, 6) and read.sent(9, 11) == (8, 10)
    assert read.sent(6, 6) == (5, 5)


def test_without_chinese_slips_nothing_is_searched() -> None:
    english = spelling({"zh": {}, "en": {"gaz": "gas"}}, {"zh": [], "en": []}, [], [])
    assert english.read("火 gaz").text == "火 gas"


def test_longer_slips_come_first() -> None:
    nested = spelling({"zh": {"甲": "乙", "甲丙": "丁"}, "en": {}}, {"zh": [], "en": []}, [], [])
    assert nested.read("甲丙甲").text == "丁乙"


def test_one_character_is_put_for_another_of_its_sound() -> None:
    assert list(heard_alike("着火", ["着捉灼", "火伙"])) == ["捉火", "灼火", "着伙"]
    assert list(heard_alike("电梯", ["着捉"])) == []


def test_a_finger_slips_behind_the_first_letter() -> None:
    assert set(slipped("fire")) == {"fiire", "firre", "firee", "frie", "fier"}
    assert set(slipped("smoke")) == {
        "smmoke", "smooke", "smokke", "smokee", "somke", "smkoe", "smoek", "soke", "smke", "smoe", "smok",
    }  # fmt: skip


@given(st.text(max_size=80))
def test_any_text_is_read_and_every_place_is_in_it(text: str) -> None:
    read = SPELLING.read(text)
    assert len(read.origin) == len(read.text) + 1
    assert list(read.origin) == sorted(read.origin) and read.origin[-1] == len(text)
