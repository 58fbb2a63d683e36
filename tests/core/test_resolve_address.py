"""Which room is meant: however it is written, put right, shared out over two messages, or not said at all."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.resolve.where import address
from bot.core.resolve.where.address import Ambiguous, Found, Partial, Unverified
from bot.core.resolve.where.room import Parts
from bot.core.types import RoomRef
from tests.core import estate
from tests.core.estate import HT, YH


def asked(text: str, community: str = YH, home: str | None = None, before: str | None = None) -> address.Answer | None:
    """What is known after this message, and the one before it in the same request."""
    look = estate.lookup(community)
    bound = [estate.by_code(community)[home]] if home else []
    known = address.resolve(before, home=bound, lookup=look) if before else None
    return address.resolve(text, home=bound, before=known.said if known else None, lookup=look) or known


def found(*said: str, community: str = YH, home: str | None = None) -> str | None:
    before, text = said if len(said) == 2 else (None, said[0])
    answer = asked(text, community, home, before)
    return estate.code(answer.room) if isinstance(answer, Found) else None


# ── However it is written ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "said",
    [
        "4栋1单元703", "4幢1单元703室", "四号楼一单元七零三", "四栋幺单元七〇三", "四栋一单元七百零三", "4栋一单元 七楼三号", "4栋1单元7楼03",
        "4号楼1门703", "4号1单元703", "4#1-703", "4栋1-703", "四栋1-703", "4-1-703", "4—1—703", "4/1/703", "4 1 703", "04-01-0703", "四杠一杠七零三",
        "1单元703(4栋)", "703,4栋1单元", "703室，1单元，4栋", "４栋１单元７０３", "4棟1單元703", "四號樓一單元七零三室", "4懂1单园703", "四动一担元七零三",
        "4床1单元703", "4号搂1单元703", "房号4-1-0703", "楼号:4\n单元:1\n房号:703", "4栋1单元7o3", "😭4-1-703😭", "水龙头关不上。——4栋1单元703 李女士",
        "麻烦来4栋1单元七零三一下", "业主王建国 4栋1单元703 13900000001", "4栋1单元703,电话13900001111",
        "Building 4 Unit 1 Flat 703", "bldg 4, unit 1, #703", "flat 703, unit 1, building 4", "703 in unit 1 of building 4", "Block four, unit one, apt seven-oh-three",
        "building 4 unit 1 7th floor flat 3", "flat 3 on the 7th floor, unit 1, building 4", "4th building, 1st unit, 703", "block 4-1, flat 703", "flat 1-703 in building 4",
        "bldg4unit1rm703", "B4 U1 703", "buidling 4 untit 1 falt 703", "building for unit won flat seven oh three", "four dash one dash 703",
        "Bldg. 4, Unit 1, #07-03", "my building is 4, my unit is 1, and my flat is 703", "Kind regards, Emily, 4-1-703",
    ],
)  # fmt: skip
def test_an_address_is_found_however_it_is_written(said: str) -> None:
    assert found(said) == "4-1-703"


@pytest.mark.parametrize(
    "said",
    [
        "A座1203", "a座12楼03", "A座十二楼三号", "A做1203", "Ａ座１２０３", "A栋1203", "A楼1203", "A塔1203", "A1203", "a1203", "A 1203", "1203室(A座)", "A座一千二百零三",
        "A座十二零三", "Tower A 1203", "tower a, floor 12, unit 3", "unit 1203 of tower A", "Tower A #12-03", "12/F unit 3 tower A", "twelve oh three in tower A", "towerA 1203", "A tower 1203",
    ],
)  # fmt: skip
def test_a_tower_has_no_units(said: str) -> None:
    assert found(said, community=HT) == "A-1203"


@pytest.mark.parametrize(
    ("said", "room"),
    [
        ("商业街2号店铺漏水,我是老板", "S-S02"), ("S02", "S-S02"), ("2号商铺没电", "S-S02"), ("shop S02, our shutter is stuck", "S-S02"),
        ("我的车位B1-003被占了", "P-B1-003"), ("地下一层 B1-003", "P-B1-003"), ("负一层003号车位,我的", "P-B1-003"), ("my bay is P-B1-003", "P-B1-003"),
    ],
)  # fmt: skip
def test_shops_and_bays_are_rooms(said: str, room: str) -> None:
    assert found(said) == room


@pytest.mark.parametrize("community", [YH, HT])
def test_every_kind_of_label_said_alone_is_its_room(community: str) -> None:
    rooms = estate.rooms(community)
    shops_and_bays = [room for room in rooms if not room.room.isdigit() or "铺" in room.label]
    for room in (*shops_and_bays, *rooms[::29]):
        assert address.resolve(room.label, lookup=estate.lookup(community)) == Found(address.parts_of(room), room)


@given(st.sampled_from([YH, HT]).flatmap(lambda c: st.tuples(st.just(c), st.sampled_from(estate.rooms(c)))))
def test_a_rooms_label_and_its_code_said_alone_are_that_room(drawn: tuple[str, RoomRef]) -> None:
    community, room = drawn
    for said in (room.label, estate.code(room)):
        for home in ([], [estate.rooms(community)[300]]):
            answer = address.resolve(said, home=home, lookup=estate.lookup(community))
            assert isinstance(answer, Found) and answer.room == room


# ── What is not enough ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("said", ["703", "#703", "七零三", "7楼03", "我家703", "4栋703", "4-703", "1单元703", "flat 703 in block 4", "703 here, no water", "1栋101"])
def test_what_fits_several_rooms_is_asked(said: str) -> None:
    answer = asked(said)
    assert isinstance(answer, Ambiguous) and len(answer.rooms) > 1


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ("4栋1单元705", Parts("4", "1", "705")), ("25栋1单元101", Parts("25", "1", "101")), ("A座703", Parts("A", None, "703")), ("1-1-101", Parts("1", "1", "101")),
        ("地下二层 C-058", Parts(None, None, "C-058")), ("S12商铺想装招牌", Parts("S", None, "S12")), ("building 4 unit 4 flat 703", Parts("4", "4", "703")),
    ],
)  # fmt: skip
def test_an_address_the_register_does_not_hold_is_kept_as_said(said: str, parts: Parts) -> None:
    assert asked(said) == Unverified(parts)


@pytest.mark.parametrize(
    ("said", "parts"),
    [
        ("4栋", Parts("4")), ("我住四号楼", Parts("4")), ("2单元", Parts(None, "2")), ("4栋1单元7楼的,厨房漏水", Parts("4", "1")), ("九幢的业主,家里没暖气", Parts("9")),
        ("building 12 unit 3, kitchen clogged", Parts("12", "3")), ("我在A座上班,空调坏了", Parts("A")), ("4栋没电了", Parts("4")),
    ],
)  # fmt: skip
def test_a_part_is_asked_to_be_completed(said: str, parts: Parts) -> None:
    assert asked(said) == Partial(parts)


@pytest.mark.parametrize(
    "said",
    [
        "13812345678", "手机尾号0703", "车牌尾号七零三", "京A·XX703", "7月03号停水吗", "4号下午", "12:03停电的", "2026年物业费", "物业费703元", "扣我703", "1203度电", "电表读数1203",
        "坐703路公交到哪", "工单WX-0703到哪了", "YH-BX-20261123-0001", "有703把椅子要搬", "打了120", "快递放在1203柜子里", "1单元门口的灯坏了", "9号楼北门的灯不亮",
        "3栋2单元电梯坏了", "4栋和5栋之间的路灯不亮", "B1-003停的车漏油了", "楼上803太吵", "投诉803", "举报4栋1单元803群租", "4栋1单元803天天吵架", "对门702装修", "谢谢",
        "call me at 555-0703", "card ending 1203", "I paid 1203 rmb", "the 703 bus", "my meter reads 1203", "see you in 2026", "the lift in building 3 is stuck",
        "803 upstairs is so loud", "noise from 803", "please ask 803 to keep it down", "someone at flat 803 keeps drilling",
    ],
)  # fmt: skip
def test_what_is_no_room_of_the_speakers_says_nothing_of_it(said: str) -> None:
    assert asked(said) is None


# ── What was said before ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("before", "said", "room"),
    [
        ("4栋1单元", "703", "4-1-703"), ("4栋", "1-703", "4-1-703"), ("703", "4栋1单元的", "4-1-703"), ("4栋703", "一单元", "4-1-703"), ("4栋1单元703", "打错了,是603", "4-1-603"),
        ("4栋1单元703", "我打错单元了,是3单元", "4-3-703"), ("4栋1单元703", "不是4栋,是5栋", "5-1-703"), ("4栋1单元703", "5栋2单元301", "5-2-301"), ("4栋1单元705", "哦是704", "4-1-704"),
        ("4栋1单元703", "谢谢", "4-1-703"), ("4栋1单元703", "楼上803漏的", "4-1-703"), ("4栋1单元703", "603也漏了", "4-1-703"), ("4栋1单元703", "明天下午三点", "4-1-703"),
        ("flat 703", "block 4, unit 1", "4-1-703"), ("4-1-703", "sorry, unit 2", "4-2-703"), ("building 4 unit 1 flat 703", "typo, I meant 603", "4-1-603"),
    ],
)  # fmt: skip
def test_a_part_said_later_completes_or_replaces(before: str, said: str, room: str) -> None:
    assert found(before, said) == room


@pytest.mark.parametrize(
    ("said", "room"),
    [
        ("4栋1单元703,哦说错了603", "4-1-603"), ("不是4栋是5栋1单元703", "5-1-703"), ("5栋1单元703,打错了,4栋", "4-1-703"), ("not building 4, building 5 unit 1 flat 703", "5-1-703"),
        ("not 8-1-304 but 8-1-303", "8-1-303"),
    ],
)  # fmt: skip
def test_a_correction_in_the_same_message_counts(said: str, room: str) -> None:
    assert found(said) == room


def test_another_building_said_without_correcting_begins_anew() -> None:
    assert asked("5栋", before="4栋1单元703") == Partial(Parts("5"))


# ── The room one is bound to ────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "said",
    ["703", "4栋703", "1单元703,灯闪", "我家马桶堵了", "家里没电", "厨房漏水", "暖气一晚上没热", "楼上漏水漏到我家了", "4栋的,家里没水", "my toilet is blocked", "no power in my flat"],
)  # fmt: skip
def test_home_answers_where_it_fits_or_is_spoken_of(said: str) -> None:
    assert found(said, home="4-1-703") == "4-1-703"


@pytest.mark.parametrize(
    "said",
    ["电梯坏了", "楼道灯不亮", "4栋1单元电梯坏了", "楼上太吵了", "对门养狗太吵", "我爸妈家厨房漏水", "我另外还有一套,水管爆了", "物业费多少钱", "803漏水,走廊都湿了", "my neighbour smokes on the balcony"],
)  # fmt: skip
def test_home_does_not_answer_for_what_is_elsewhere(said: str) -> None:
    assert not isinstance(asked(said, home="4-1-703"), Found)


@pytest.mark.parametrize(
    ("said", "room"),
    [("我妈家5栋2单元301马桶堵了", "5-2-301"), ("租给别人的那套,8栋1单元303,租客说没热水", "8-1-303"), ("I've moved to 5-2-401, the study light there doesn't work", "5-2-401")],
)  # fmt: skip
def test_an_address_that_is_said_comes_before_the_one_on_file(said: str, room: str) -> None:
    assert found(said, home="4-1-703") == room


@pytest.mark.parametrize("said", ["我妹那套2501,厨房堵了", "我朋友住1301,空调不冷"])
def test_a_number_alone_is_not_completed_from_the_home_on_file(said: str) -> None:
    assert isinstance(asked(said, HT, "A-1203"), Ambiguous)


def test_who_is_bound_to_several_rooms_is_asked_which() -> None:
    home = [estate.by_code(YH)[code] for code in ("4-1-703", "5-2-301", "P-B1-003")]
    look = estate.lookup(YH)
    flats = tuple(home[:2])
    assert address.resolve("我家马桶堵了", home=home, lookup=look) == Ambiguous(Parts(), flats)
    assert address.resolve("5栋的,马桶堵了", home=home, lookup=look) == Found(Parts("5", "2", "301"), home[1])
    assert address.resolve("我的车位被占了", home=home, lookup=look) == Found(Parts("P", None, "B1-003"), home[2])


# ── Neighbours ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "home", "others"),
    [
        ("楼上803漏水,滴到我家客厅了", "4-1-703", ["4-1-803"]), ("隔壁704装修", "4-1-703", ["4-1-704"]), ("投诉5栋803,高空抛物", "4-1-703", ["5-803"]), ("楼上803太吵", None, ["803"]),
        ("我3-2-501的,隔壁502装修", None, ["3-2-502"]), ("2003 above and 1803 below are fine, only my kitchen has no water", "4-1-1903", ["4-1-2003", "4-1-1803"]),
        ("4栋1单元703", None, []), ("803漏水了,我家客厅淹了", "4-1-703", ["4-1-803"]),
    ],
)  # fmt: skip
def test_other_peoples_rooms_are_named_as_fully_as_is_known(said: str, home: str | None, others: list[str]) -> None:
    bound = [estate.by_code(YH)[home]] if home else []
    assert [estate.code(other) for other in address.neighbours(said, home=bound)] == others


NEIGHBOUR = ["楼上{}漏水", "隔壁{}太吵", "投诉{}", "{}那户天天吵", "neighbour in {} is noisy", "{} above me is leaking", "complaint about {}"]


@given(st.sampled_from(estate.rooms(YH)).filter(lambda room: bool(room.unit)), st.sampled_from(NEIGHBOUR))
def test_a_neighbours_number_is_never_the_speakers_room(room: RoomRef, saying: str) -> None:
    for said in (room.room, estate.code(room)):
        assert address.resolve(saying.format(said), lookup=estate.lookup(YH)) is None


# ── What must always hold ───────────────────────────────────────────────────────────────────────────────────────────

PIECES = [
    "4栋", "25号楼", "A座", "一单元", "9单元", "703", "1203", "705", "七零三", "室", "-", "#", "楼上", "隔壁", "我家", "不是", "打错了", "B1-003", "C-058", "S02", "S12",
    "3栋2单元电梯", "unit ", "flat ", "building 4 ", "tower a ", " above", "my ", "sorry ", ",", " ", "。", "漏水", "吵", "13812345678", "1", "的", "厨房",
]  # fmt: skip
TEXTS = st.text() | st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
HOMES = st.sampled_from([(), ("4-1-703",), ("P-B1-003",), ("4-1-703", "5-2-301")])
BEFORE = st.none() | st.builds(
    Parts, st.sampled_from([None, "4", "A", "25"]), st.sampled_from([None, "1"]), st.sampled_from([None, "703", "705"])
)


@given(TEXTS, HOMES, BEFORE)
def test_what_is_resolved_is_in_the_register_or_marked_unverified(text: str, homes: tuple[str, ...], before: Parts | None) -> None:
    home = [estate.by_code(YH)[code] for code in homes]
    questions: list[tuple[str | None, ...]] = []

    def look(*parts: str | None) -> tuple[RoomRef, ...]:
        questions.append(parts)
        return tuple(estate.lookup(YH)(*parts))

    answer = address.resolve(text, home=home, before=before, lookup=look)
    assert len(questions) <= 1, "the register is asked once"
    match answer:
        case Found(said, room):
            assert room in estate.rooms(YH) and room.verified and said == address.parts_of(room)
        case Ambiguous(_, rooms):
            assert len(rooms) > 1 and set(rooms) <= set(estate.rooms(YH))
        case Unverified(said):
            assert said.room and not any(
                (room.building, room.unit or None, room.room) == (said.building, said.unit, said.room) for room in estate.rooms(YH)
            )
        case Partial(said):
            assert said != Parts()
    address.neighbours(text, home=home, before=before)


@given(
    st.builds(
        Parts,
        st.sampled_from(["4", "25", "A", "E"]),
        st.sampled_from([None, "1", "7"]),
        st.sampled_from(["705", "2501", "109", "3107"]),
    )
    | st.builds(Parts, room=st.sampled_from(["C-058", "B1-120", "D-004"]))
)
def test_the_label_of_an_unknown_address_said_alone_is_that_address(said: Parts) -> None:
    answer = address.resolve(address.label(said), lookup=lambda *parts: ())
    assert answer == Unverified(said)


def test_a_label_is_read_as_it_is_shown_on_a_button() -> None:
    room = replace(estate.by_code(YH)["4-2-703"], id=9)
    answer = address.resolve("4栋2单元703", home=[room], lookup=estate.lookup(YH))
    assert answer == Found(Parts("4", "2", "703"), room)
