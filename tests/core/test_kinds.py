"""data/kinds.yml: which fee and which permit a resident's words mean, and what is told to an office that mistypes a word."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot import office
from bot.core.resolve.kinds import FEES, PERMITS, Kinds, KindsError, load

ROOT = Path(__file__).parents[2]
RAW: dict[str, Any] = yaml.safe_load((ROOT / "data" / "kinds.yml").read_text(encoding="utf-8"))
KINDS = load(RAW)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("物业费的滞纳金", "late_fee"), ("公摊水电费", "shared_utilities"), ("不是水费,是电费", "electricity"), ("上次通下水道花的钱", "repair_charge"),
        ("装修保证金", "renovation_deposit"), ("门禁卡押金", "deposit"), ("水", "water"), ("暖气费", "heating"), ("这个月电怎么这么贵", "electricity"),
        ("car park money", "parking"), ("common area electricity", "shared_utilities"), ("the plumber charged me 200", "repair_charge"),
        ("水管漏水", None), ("燃气泄漏", None), ("转人工", None), ("水电费", None), ("维修基金", None), ("I am fine", None), ("no power", None),
    ],
)  # fmt: skip
def test_which_fee_is_meant(text: str, kind: str | None) -> None:
    assert KINDS.fee(text) == kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("搬冰箱出门要开的条", "goods_release"), ("搬家预约电梯", "lift_booking"), ("门禁卡坏了换一张", "access_card"), ("停车卡丢了", "car_pass"),
        ("不是装修,是搬家", "move_out"), ("我是租客要装修", "renovation"), ("周末能装修吗", "extended_hours"), ("朋友来玩要登记吗", "visitor"),
        ("moving out next week", "move_out"), ("take a sofa out", "goods_release"), ("weld on the balcony", "hot_work"),
        ("门禁坏了", None), ("充电桩坏了", None), ("楼上装修太吵", None), ("狗叫", None), ("dog barking", None), ("where do I sign the form", None),
    ],
)  # fmt: skip
def test_which_permit_is_meant(text: str, kind: str | None) -> None:
    assert KINDS.permit(text) == kind


def edited(path: str, value: Any) -> dict[str, Any]:
    """The shipped words with one key set, or taken out when the value is `...`."""
    raw = deepcopy(RAW)
    *parents, last = path.split(".")
    place = raw
    for parent in parents:
        place = place[parent]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return raw


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("version", 2, "version: is 2; this desk reads version 1"),
        ("fees.kinds.water", ..., "fees.kinds.water: is missing; add its words"),
        ("fees.kinds.wattr", {"zh": ["x"], "en": ["x"]}, "fees.kinds.wattr: is not known to the desk; known: property"),
        ("fees.kinds.water.zh", [], "fees.kinds.water.zh: has no patterns; add at least one, both languages are required"),
        ("fees.kinds.water.zh", ["水("], "fees.kinds.water.zh[0]: is not a regular expression"),
        ("fees.kinds.water.zh", ["水*"], "fees.kinds.water.zh[0]: matches the empty text and so every message"),
        ("fees.kinds.water.zh", [7], "fees.kinds.water.zh[0]: is no pattern; write it in single quotes"),
        ("fees.kinds.water.alone", "水", "fees.kinds.water.alone: is not a list of words"),
        ("fees.kinds.water.fr", ["eau"], "fees.kinds.water.fr: unknown key; known: zh, en, alone"),
        ("fees.kinds.water", ["水"], "fees.kinds.water: holds no words; write fees.kinds.water.zh"),
        ("permits.aside.en", "x", "permits.aside.en: has no patterns"),
        ("permits", ..., "permits: is missing; add permits.kinds with a row for each of move_in"),
        ("permits.words", [], "permits.words: unknown key; known: aside, kinds"),
        ("visits", {}, "visits: unknown key; known: version, fees, permits"),
    ],
)
def test_a_mistake_is_told_with_file_key_and_remedy(path: str, value: Any, told: str) -> None:
    with pytest.raises(KindsError) as refused:
        load(edited(path, value))
    assert f"data/kinds.yml: {told}" in str(refused.value)


def test_all_mistakes_are_told_at_once() -> None:
    raw = edited("fees.kinds.water", ...)
    raw["permits"]["kinds"]["pet"]["zh"] = ["("]
    with pytest.raises(KindsError) as refused:
        load(raw)
    assert len(str(refused.value).splitlines()) == 2


def test_the_office_reads_the_words_and_names_what_is_wrong(tmp_path: Path) -> None:
    assert office.open_office(ROOT).kinds.fee("物业费") == "property"
    (tmp_path / "data").mkdir()
    for file in ("domain.yml", "data/policy.yml", "data/triage.yml"):
        (tmp_path / file).write_text((ROOT / file).read_text(encoding="utf-8"), encoding="utf-8")
    with pytest.raises(office.Mistakes) as refused:
        office.open_office(tmp_path)
    assert "kinds.yml: the file: is missing. Restore it from the release." in str(refused.value)


def test_without_words_no_kind_is_known() -> None:
    assert Kinds().fee("物业费") is None and Kinds().permit("装修") is None


@given(st.text() | st.text("水电气费公摊装修押金停车卡门禁证办不是 water gas fee card dog", max_size=30))
def test_whatever_is_written_a_kind_is_one_of_the_list_or_none(text: str) -> None:
    assert KINDS.fee(text) in (None, *FEES)
    assert KINDS.permit(text) in (None, *PERMITS)


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["version", "fees", "permits", "kinds", "aside", "zh", "en", "alone", "water", "pet"]), inner, max_size=4), max_leaves=12)
)  # fmt: skip
def test_whatever_the_file_holds_it_is_read_or_refused_in_words(raw: Any) -> None:
    with pytest.raises(KindsError):
        load(raw)
