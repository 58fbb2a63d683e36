"""A room in a form: asked for, completed, put right; and where an emergency is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.core.types import Binding, RoomRef, Triage
from tests.core.stage import OWNER, ROOMS, STRANGER, Stage, heard

LEAK = "厨房水龙头漏水"
BAY = RoomRef("地下车库B1-003车位", "P", "", "B1-003", 9, True)


def label(stage: Stage) -> str | None:
    room = stage.state.slots.get("room")
    return room and str(room["label"])


@pytest.mark.parametrize(
    ("said", "room"),
    [
        ("四号楼一单元七零三", "4栋1单元703"), ("4懂1单园703", "4栋1单元703"), ("4栋1门7楼03", "4栋1单元703"), ("flat 703, unit 1, building 4", "4栋1单元703"),
        ("4栋1单元703,打错了,2单元", "4栋2单元703"), ("我的车位B1-003", "地下车库B1-003车位"),
    ],
)  # fmt: skip
def test_the_room_is_understood_however_it_is_written(said: str, room: str) -> None:
    stage = Stage(STRANGER, rooms=(*ROOMS, BAY)).says(LEAK, "repair").says(said)
    assert label(stage) == room and stage.rounds <= 1


def test_a_part_is_kept_until_the_rest_is_said() -> None:
    stage = Stage(STRANGER).says(LEAK, "repair").says("4栋")
    assert stage.keys == ("utter_ask_room_rest",) and "4栋" in stage.lines[0].text and label(stage) is None
    stage.says("2-703")
    assert label(stage) == "4栋2单元703"


def test_a_number_that_fits_nothing_is_asked_for_again() -> None:
    stage = Stage(STRANGER).says(LEAK, "repair").says("909")
    assert stage.keys == ("utter_ask_room_rest",) and label(stage) is None


def test_an_address_not_in_the_register_is_marked() -> None:
    stage = Stage(STRANGER).says(LEAK, "repair").says("地下二层 C-058")
    assert label(stage) == "C-058" and not stage.state.slots["room"]["verified"]


def test_a_neighbour_named_later_does_not_take_the_place_of_the_room() -> None:
    stage = Stage(STRANGER).says(LEAK, "repair").says("4栋1单元703").says("803也漏了,从楼上来的")
    assert label(stage) == "4栋1单元703"


def test_somebody_elses_home_is_not_guessed_from_the_one_on_file() -> None:
    assert label(Stage(OWNER).says("我妹那套502,厨房堵了", "repair")) is None
    assert label(Stage(OWNER).says("我妈家5栋2单元301马桶堵了", "repair")) == "5栋2单元301"
    assert label(Stage(OWNER).says("我弟住3栋,他家马桶堵了", "repair")) is None


def test_the_room_shown_in_the_summary_can_be_put_right_by_its_number() -> None:
    stage = Stage(OWNER, rooms=(*ROOMS, RoomRef("4栋1单元603", "4", "1", "603", 8, True)))
    stage.says(LEAK, "repair").says("明天下午").says("不对,是603")
    assert label(stage) == "4栋1单元603" and stage.keys[0] == "utter_changed"


def test_a_further_word_about_the_home_changes_nothing() -> None:
    stage = Stage(OWNER).says(LEAK, "repair").says("明天下午").says("我家水压也低", "repair")
    assert label(stage) == "4栋1单元703" and "utter_changed" not in stage.keys


def test_the_household_goes_with_its_room_alone() -> None:
    stage = Stage(OWNER).says("5栋2单元301厨房漏水", "repair")
    assert stage.state.slots["household_id"] is None
    stage.says("不好意思,是4栋1单元703")
    assert stage.state.slots["household_id"] == 11


FIRE = Triage("fire", "着火")


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ("我家厨房着火了", "4栋1单元703"), ("着火了", "4栋1单元703"), ("楼上803着火了", "4栋1单元803"), ("5栋着火了", "5栋"), ("3栋2单元电梯里着火了", "3栋2单元"),
        ("4栋1单元703着火了", "4栋1单元703"), ("对面5栋2单元301着火了", "5栋2单元301"),
    ],
)  # fmt: skip
def test_an_emergency_is_where_it_is_said_to_be(said: str, where: str) -> None:
    stage = Stage(OWNER)
    stage.take(heard(said, "emergency", triage=FIRE))
    (opened,) = stage.opened
    assert opened.draft.room is not None and opened.draft.room.label == where
    assert stage.rounds == 0, "an emergency does not wait for the register"


def test_of_several_homes_an_emergency_takes_none() -> None:
    both = replace(OWNER, bindings=(Binding(11, ROOMS[0], "owner"), Binding(12, ROOMS[2], "owner")))
    stage = Stage(both)
    stage.take(heard("我家着火了", "emergency", triage=FIRE))
    assert stage.opened[0].draft.room is None
