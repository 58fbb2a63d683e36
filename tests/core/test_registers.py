"""The registers as people hand them in: spreadsheets with the usual mistakes, each told in one clear sentence."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from pathlib import Path

import openpyxl
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot import registers
from bot.core.policy import WEEKDAYS
from bot.core.resolve.where import room as rooms
from bot.registers import (
    REGISTERS,
    Known,
    Registers,
    ResidentRow,
    Row,
    Sheets,
    StaffRow,
    check,
    floor_labels,
    read,
)

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "data" / "demo"

ESTATE = {
    "communities": "code,name,name_en,zone,duty_phone\nYH,云湖花园,Yunhu Gardens,Asia/Shanghai,13900009001\n",
    "buildings": "community,code,name,units,floors,rooms_per_floor,floor_labels\nYH,4,4栋,3,8,4,\nYH,A,A座,0,12,3,\n",
}
PEOPLE = "community,building,unit,room,name,phone,role,language\n"
STAFF = "community,name,role,skills,phone\n"
DUTY = "community,staff,days,start,end\n"


def handed_in(folder: Path, **files: str | bytes) -> Registers:
    for name, content in (ESTATE | files).items():
        data = content.encode() if isinstance(content, str) else content
        (folder / f"{name}.csv").write_bytes(data)
    return check(read(folder))


def sentences(found: Registers) -> list[str]:
    return [str(problem) for problem in found.problems]


# ── The demo estate ─────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def demo() -> Registers:
    return check(read(DEMO))


def test_the_demo_estate_has_no_mistake(demo: Registers) -> None:
    assert sentences(demo) == []
    assert demo.notices == ()
    assert [(c.code, c.name, c.zone) for c in demo.communities] == [
        ("YH", "云湖花园", "Asia/Shanghai"),
        ("HT", "海天中心", "Asia/Shanghai"),
    ]
    # 20 buildings × 3 units × 24 floors × 4, 3 towers × 30 floors × 6, less 3 absent, and 18 shops and bays
    assert len(demo.rooms) == 20 * 3 * 24 * 4 + 3 * 30 * 6 - 3 + 18


@pytest.mark.parametrize(
    "said",
    ["4栋1单元703", "四号楼一单元七零三", "4-1-703", "2栋2单元501", "4栋1单元603", "A座1203", "Tower B 1203"],
)
def test_a_room_as_residents_say_it_stands_in_the_demo_under_the_same_codes(
    said: str, demo: Registers
) -> None:
    (mention,) = rooms.mentions(said)
    parts = (mention.building, mention.unit or "", mention.room)
    assert [room for room in demo.rooms if room.key[1:] == parts]


def test_the_people_of_the_stories_live_in_the_demo(demo: Registers) -> None:
    def roles(*key: str) -> list[str]:
        return [resident.role for resident in demo.residents if resident.key == key]

    assert roles("YH", "4", "1", "703")[:2] == ["owner", "family"]
    for key in (("YH", "2", "2", "501"), ("YH", "4", "1", "603"), ("HT", "A", "", "1203")):
        assert "owner" in roles(*key)
    assert sum(r.language == "en" and r.role == "tenant" for r in demo.residents) >= 5


def test_every_telephone_of_the_demo_is_of_the_fictional_range(demo: Registers) -> None:
    people: tuple[ResidentRow | StaffRow, ...] = (*demo.residents, *demo.staff)
    numbers = [person.phone for person in people] + [c.duty_phone for c in demo.communities]
    assert {number[:7] for number in numbers} == {"1390000"}
    assert not {p.phone for p in demo.residents} & {p.phone for p in demo.staff}


def covered(demo: Registers, community: str, role: str) -> set[tuple[int, int]]:
    """The minutes of the week, by weekday, at which somebody of the role is on duty."""
    names = {member.name for member in demo.staff if (member.community, member.role) == (community, role)}
    minutes = set()
    for duty in demo.duty:
        if duty.community == community and duty.staff in names:
            length = (duty.end - duty.start - 1) % 1440 + 1
            for weekday in duty.weekdays:
                for minute in range(duty.start, duty.start + length):
                    minutes.add(((weekday + minute // 1440) % 7, minute % 1440))
    return minutes


@pytest.mark.parametrize("community", ["YH", "HT"])
@pytest.mark.parametrize("role", ["technician", "guard", "supervisor", "manager"])
def test_somebody_is_on_duty_day_and_night(role: str, community: str, demo: Registers) -> None:
    assert len(covered(demo, community, role)) == 7 * 1440


@pytest.mark.parametrize("community", ["YH", "HT"])
@pytest.mark.parametrize("role", ["steward", "cashier"])
def test_the_counter_is_staffed_in_the_service_hours_of_the_policy(
    role: str, community: str, demo: Registers
) -> None:
    hours: Mapping[str, list[str]] = yaml.safe_load((ROOT / "data/policy.yml").read_text("utf-8"))[
        "service_hours"
    ]
    service = set()
    for weekday, day in enumerate(WEEKDAYS):
        for span in hours[day]:
            start, end = (time.fromisoformat(part) for part in span.split("-"))
            service |= {
                (weekday, minute)
                for minute in range(start.hour * 60 + start.minute, end.hour * 60 + end.minute)
            }
    assert service and covered(demo, community, role) == service


def test_both_trades_are_covered_at_every_hour_by_the_technicians(demo: Registers) -> None:
    for community in ("YH", "HT"):
        skills = {
            s for m in demo.staff if (m.community, m.role) == (community, "technician") for s in m.skills
        }
        assert {"plumbing", "electric"} <= skills


# ── Files as they come ──────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gbk", "gb18030", "utf-16"])
def test_a_file_is_read_in_whatever_encoding_excel_saved_it(encoding: str, tmp_path: Path) -> None:
    row = "YH,4,1,703,王建国,13900000001,业主,中文\n"
    found = handed_in(tmp_path, residents=(PEOPLE + row).encode(encoding))
    assert sentences(found) == []
    assert (found.residents[0].name, found.residents[0].role) == ("王建国", "owner")


def test_a_file_in_no_known_encoding_is_named_with_its_remedy(tmp_path: Path) -> None:
    found = handed_in(tmp_path, residents=PEOPLE.encode() + b"YH,4,1,703,\xff\xff\xff,13900000001,owner,\n")
    assert sentences(found) == [
        "residents.csv: the text is neither UTF-8 nor GBK; save it again as “CSV UTF-8”."
    ]


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_the_separator_of_the_machines_region_does_not_matter(separator: str, tmp_path: Path) -> None:
    text = (PEOPLE + "YH,4,1,703,王建国,13900000001,owner,zh\r\n").replace(",", separator)
    assert len(handed_in(tmp_path, residents=text).residents) == 1


def test_chinese_headings_and_everyday_words_are_understood(tmp_path: Path) -> None:
    text = "小区,楼栋,单元,房号,姓名,手机号,身份,语言\nyh,四号楼,一单元,703室,王建国,１３９００００００01,业主,\n"
    (resident,) = handed_in(tmp_path, residents=text).residents
    assert resident.key == ("YH", "4", "1", "703")
    assert (resident.phone, resident.role, resident.language) == ("13900000001", "owner", "zh")


def test_a_workbook_says_the_same_as_the_folder(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, lines in {
        "小区": ["code,name,name_en,zone,duty_phone", "YH,云湖花园,Yunhu Gardens,Asia/Shanghai,13900009001"],
        "楼栋": ["community,code,name,units,floors,rooms_per_floor", "YH,4,4栋,3,8,4"],
    }.items():
        sheet = book.create_sheet(title)
        for line in lines:
            sheet.append([int(cell) if cell.isdigit() else cell for cell in line.split(",")])
    book.create_sheet("residents").append(PEOPLE.strip().split(","))
    book["residents"].append(["YH", 4.0, 1, 703, "王建国", 13900000001, "owner", None])
    book.create_sheet("staff").append(STAFF.strip().split(","))
    book["staff"].append(["YH", "刘师傅", "维修", None, "13900008101"])
    book.create_sheet("duty").append(DUTY.strip().split(","))
    book["duty"].append(["YH", "刘师傅", "周一至周五", time(8, 30), time(18, 0)])
    book["duty"].append(["YH", "刘师傅", "周六", time(8, 30), timedelta(hours=24)])
    book.create_sheet("notes").append(["anything"])
    book.save(tmp_path / "estate.xlsx")

    found = check(read(tmp_path / "estate.xlsx"))

    assert sentences(found) == []
    assert found.notices == ("estate.xlsx › notes: not one of the registers, left alone.",)
    assert (found.residents[0].key, found.residents[0].phone) == (("YH", "4", "1", "703"), "13900000001")
    assert (found.duty[0].weekdays, found.duty[0].start, found.duty[0].end) == ((0, 1, 2, 3, 4), 510, 1080)
    assert (found.duty[1].weekdays, found.duty[1].start, found.duty[1].end) == ((5,), 510, 1440)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("estate.xlsx", b"no workbook at all", "estate.xlsx: this is not a workbook that can be opened"),
        ("estate.xls", b"\xd0\xcf\x11\xe0", "estate.xls: this kind of file is not read here"),
        ("residents.csv", b'a,"b\n', "residents.csv: a quotation mark is not closed"),
    ],
)
def test_a_file_that_cannot_be_opened_is_told_and_raises_nothing(
    name: str, content: bytes, said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    assert sentences(check(read(tmp_path / name)))[0].startswith(said)


def test_a_wrong_path_and_an_empty_folder_are_told(tmp_path: Path) -> None:
    assert "there is no such file" in sentences(check(read(tmp_path / "nothing")))[0]
    assert "no register was found" in sentences(check(read(tmp_path)))[0]


# ── Mistakes, each one sentence ─────────────────────────────────────────────────────────────────────────────────────

GOOD = "YH,4,1,703,王建国,13900000001,owner,zh\n"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("XX,4,1,703,王建国,13900000001,owner,\n", "row 2, column community: unknown community “XX”; add it to communities"),
        ("YH,9,1,703,王建国,13900000001,owner,\n", "row 2, column building: YH has no building “9”; add it to buildings"),
        ("YH,4,7,703,王建国,13900000001,owner,\n", "row 2, column unit: building 4 of YH has no unit “7”; write 1 to 3"),
        ("YH,4,,703,王建国,13900000001,owner,\n", "row 2, column unit: building 4 of YH has units; write the unit"),
        ("YH,A,1,703,王建国,13900000001,owner,\n", "row 2, column unit: building A of YH has no units; leave the unit empty"),
        ("YH,4,1,999,王建国,13900000001,owner,\n", "row 2, column room: YH has no room 4-1-999; correct the address"),
        ("YH,4,1,703,,13900000001,owner,\n", "row 2, column name: name is empty; fill it in"),
        ("YH,4,1,703,王建国,1390000,owner,\n", "row 2, column phone: “1390000” is not a telephone number; write one"),
        ("YH,4,1,703,王建国,1.39E+10,owner,\n", "row 2, column phone: the spreadsheet has turned the telephone into"),
        ("YH,4,1,703,王建国,13900000001,房东太太,\n", "row 2, column role: unknown role “房东太太”; write one of owner"),
        ("YH,4,1,703,王建国,13900000001,owner,法语\n", "row 2, column language: unknown language “法语”; write one of zh, en"),
        (GOOD + GOOD, "row 3, column phone: 139****0001 stands twice for this room; keep one"),
        (GOOD + "YH,4,1,603,李四,13900000001,owner,\n", "row 3, column phone: 139****0001 is given to both 王建国 and 李四"),
        ("\n,,,\n" + "YH,4,1,703,王建国,x,owner,\n", "row 4, column phone: “x” is not a telephone number"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_residents_row_is_told_with_row_column_and_remedy(
    rows: str, said: str, tmp_path: Path
) -> None:
    found = handed_in(tmp_path, residents=PEOPLE + rows)
    (sentence,) = sentences(found)
    assert sentence.startswith(f"residents.csv, {said}")


@pytest.mark.parametrize(
    ("register", "text", "said"),
    [
        ("communities", "code,name,name_en,zone,duty_phone\nYH,云湖,Yunhu,Mars/North,13900009001\n", "unknown time zone “Mars/North”"),
        ("communities", ESTATE["communities"] + "海天,海天,Haitian,,13900009002\n", "“海天” cannot begin a ticket number"),
        ("buildings", ESTATE["buildings"] + "YH,4号楼,4栋,3,8,4,\n", "the building 4 of YH stands twice"),
        ("buildings", ESTATE["buildings"] + "YH,5,5栋,3,many,4,\n", "“many” is not a whole number from 0 to 200"),
        ("buildings", ESTATE["buildings"] + "YH,5,5栋,50,200,99,\n", "would have more than 20000 rooms"),
        ("buildings", ESTATE["buildings"] + 'YH,5,5栋,1,3,1,"1-2,4,5"\n', "4 floors are named, but floors says 3"),
        ("rooms", "community,building,unit,room,label,kind\nYH,4,1,S01,,shop\nYH,4,1,s01,,shop\n", "the room YH-4-1-S01 stands twice"),
        ("rooms", "community,building,unit,room,label,kind\nYH,4,1,S01,,castle\n", "unknown kind “castle”"),
        ("staff", STAFF + "YH,刘师傅,wizard,,13900008101\n", "unknown role “wizard”"),
        ("staff", STAFF + "YH,刘师傅,维修,juggling,13900008101\n", "unknown skill “juggling”"),
        ("staff", STAFF + "YH,刘师傅,维修,,13900008101\nYH,马师傅,维修,,13900008101\n", "139****8101 belongs to another"),
        ("duty", DUTY + "YH,无名氏,daily,08:00,20:00\n", "YH has no member of staff “无名氏”"),
        ("staff", "community,name,skills,phone\nYH,刘师傅,,13900008101\n", "the column role is missing; add a column headed role or 岗位"),
    ],
)  # fmt: skip
def test_a_mistake_in_another_register_is_one_sentence(
    register: str, text: str, said: str, tmp_path: Path
) -> None:
    (sentence,) = sentences(handed_in(tmp_path, **{register: text}))
    assert said in sentence and sentence.startswith(f"{register}.csv, row ")


@pytest.mark.parametrize(
    ("days", "start", "end", "said"),
    [
        ("someday", "08:00", "20:00", "“someday” is not a day"),
        ("daily", "8 o'clock", "20:00", "“8 o'clock” is not a time of day"),
        ("daily", "24:00", "08:00", "“24:00” is not a time of day"),
        ("2026-02-30", "08:00", "20:00", "“2026-02-30” is not a date"),
    ],
)
def test_a_shift_nobody_could_keep_is_told(
    days: str, start: str, end: str, said: str, tmp_path: Path
) -> None:
    staff = STAFF + "YH,刘师傅,维修,水,13900008101\n"
    found = handed_in(tmp_path, staff=staff, duty=DUTY + f"YH,刘师傅,{days},{start},{end}\n")
    assert [said in sentence for sentence in sentences(found)] == [True]


@pytest.mark.parametrize(
    ("days", "weekdays", "dates"),
    [
        ("daily", (0, 1, 2, 3, 4, 5, 6), ()),
        ("sat-mon", (0, 5, 6), ()),
        ("周一至周三、周五", (0, 1, 2, 4), ()),
        ("周一至三", (0, 1, 2), ()),
        ("2026-10-01 2026-10-02", (), (date(2026, 10, 1), date(2026, 10, 2))),
    ],
)
def test_days_are_read_as_a_rota_writes_them(
    days: str, weekdays: tuple[int, ...], dates: tuple[date, ...], tmp_path: Path
) -> None:
    staff = STAFF + "YH,刘师傅,维修,水,13900008101\n"
    found = handed_in(tmp_path, staff=staff, duty=DUTY + f"YH,刘师傅,{days},20:00,08:00\n")
    assert sentences(found) == []
    assert (found.duty[0].weekdays, found.duty[0].dates) == (weekdays, dates)


def test_a_wrong_building_is_told_once_not_again_for_everybody_who_lives_there(tmp_path: Path) -> None:
    buildings = ESTATE["buildings"].replace("YH,4,4栋,3,8", "YH,4,4栋,three,8")
    people = PEOPLE + "".join(
        f"YH,4,1,{floor}01,住户{floor},1390000000{floor},owner,\n" for floor in range(1, 8)
    )
    found = handed_in(tmp_path, buildings=buildings, residents=people)
    assert sentences(found) == [
        "buildings.csv, row 2, column units: “three” is not a whole number from 0 to 50; write it in figures."
    ]


def test_a_register_without_its_column_is_told_once_not_again_for_every_shift(tmp_path: Path) -> None:
    staff = "community,name,skills,phone\nYH,刘师傅,,13900008101\n"
    found = handed_in(tmp_path, staff=staff, duty=DUTY + "YH,刘师傅,daily,08:00,20:00\n")
    assert [problem.file for problem in found.problems] == ["staff.csv"]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [("", ""), ("new", "new"), ("新", "new"), (" 无 ", "new"), ("139 0000 0009", "13900000009")],
)
def test_the_former_telephone_is_a_number_or_the_word_new(written: str, read_as: str, tmp_path: Path) -> None:
    text = PEOPLE.replace("\n", ",原电话\n") + f"YH,4,1,703,王建国,13900000001,owner,zh,{written}\n"
    (resident,) = handed_in(tmp_path, residents=text).residents
    assert resident.former_phone == read_as


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("YH,4,1,703,王建国,13900000001,owner,zh,before\n", "row 2, column former_phone: “before” is not a telephone number"),
        (
            "YH,4,1,703,王建国,13900000001,owner,zh,13900000009\nYH,4,1,603,王建国,13900000001,owner,zh,\n",
            "row 3, column former_phone: 王建国 has two former telephones; write the same one in each row",
        ),
    ],
)
def test_a_former_telephone_that_cannot_be_is_told(rows: str, said: str, tmp_path: Path) -> None:
    (sentence,) = sentences(handed_in(tmp_path, residents=PEOPLE.replace("\n", ",former_phone\n") + rows))
    assert sentence.startswith(f"residents.csv, {said}")


def test_a_successor_may_have_the_telephone_of_whoever_resigned(tmp_path: Path) -> None:
    heading = STAFF.replace("\n", ",active,former_name\n")
    rows = "YH,刘师傅,维修,水,13900008101,否,\nYH,马师傅,维修,水,13900008101,,\nYH,刘工,维修,,13900008102,,刘师傅\n"
    found = handed_in(tmp_path, staff=heading + rows)
    assert sentences(found) == []
    assert [(member.active, member.former_name) for member in found.staff] == [(False, ""), (True, ""), (True, "刘师傅")]


def test_all_mistakes_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    found = handed_in(
        tmp_path,
        residents=PEOPLE + GOOD + "YH,4,1,999,甲,13900000002,owner,\nYH,4,1,603,乙,13900000003,king,\n",
        staff=STAFF + "YH,刘师傅,wizard,,13900008101\n",
    )
    assert [(problem.file, problem.row) for problem in found.problems] == [
        ("residents.csv", 3),
        ("residents.csv", 4),
        ("staff.csv", 2),
    ]


def test_a_column_nobody_asked_for_is_noticed_and_holds_nothing_up(tmp_path: Path) -> None:
    found = handed_in(tmp_path, residents=PEOPLE.replace("\n", ",备注\n") + GOOD.replace("\n", ",养狗\n"))
    assert sentences(found) == []
    assert found.notices == ("residents.csv: no use for the column 备注.",)


_WORDS = st.sampled_from(
    ["YH", "4", "1", "703", "0", "24:00", "mon-sun", "20-1", "2026-99-99", "١٢", "²", "-", "——", "1e9"]
)


@given(st.data())
def test_whatever_stands_in_the_cells_becomes_a_row_or_a_sentence(data: st.DataObject) -> None:
    known = Known(frozenset({"YH"}), {("YH", "4"): ("4栋", 3)}, frozenset({("YH", "4", "1", "703")}))
    register = data.draw(st.sampled_from(REGISTERS))
    cells = {column.name: data.draw(st.one_of(_WORDS, st.text(max_size=8))) for column in register.columns}
    found = check(Sheets({register.name: (Row("file.csv", 2, cells),)}), known)
    taken = (found.communities, found.buildings, found.rooms, found.residents, found.staff, found.duty)
    assert (len(found.problems) == 1) != bool(any(taken) or found.absent_rooms)


# ── The estate ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_estate_without_a_fourth_floor_counts_its_floors_as_the_lift_does(tmp_path: Path) -> None:
    buildings = ESTATE["buildings"] + 'YH,5,5栋,1,4,1,"1-3,5"\n'
    found = handed_in(tmp_path, buildings=buildings)
    assert [room.label for room in found.rooms if room.building == "5"] == [
        "5栋1单元101", "5栋1单元201", "5栋1单元301", "5栋1单元501",
    ]  # fmt: skip
    assert floor_labels("1-3,3A,5", 5) == ("1", "2", "3", "3A", "5")


def test_the_exceptions_change_the_grid(tmp_path: Path) -> None:
    rows = "YH,A,,101,A座101商铺,shop\nYH,A,,102,,absent\nYH,A,,M01,,storage\n"
    found = handed_in(tmp_path, rooms="community,building,unit,room,label,kind\n" + rows)
    first_floor = {
        room.room: (room.label, room.kind)
        for room in found.rooms
        if room.building == "A" and room.floor != "2"
    }
    assert first_floor["101"] == ("A座101商铺", "shop")
    assert first_floor["M01"] == ("A座M01", "storage")
    assert "102" not in first_floor and found.absent_rooms == (("YH", "A", "", "102"),)


def test_nobody_can_live_in_a_room_that_is_not_there(tmp_path: Path) -> None:
    found = handed_in(
        tmp_path,
        rooms="community,building,unit,room,label,kind\nYH,A,,102,,absent\n",
        residents=PEOPLE + "YH,A,,102,王建国,13900000001,owner,\n",
    )
    assert [problem.column for problem in found.problems] == ["room"]


@pytest.mark.parametrize(
    ("kind", "written", "code"),
    [
        ("building", "4栋", "4"), ("building", "四号楼", "4"), ("building", "04", "4"), ("building", "a座", "A"),
        ("building", "Tower B", "B"), ("unit", "1单元", "1"), ("unit", "01", "1"), ("room", "703室", "703"),
        ("room", "7 03", "703"), ("room", "３A01", "3A01"), ("room", "b1-012", "B1-012"),
        ("room", "二楼左边", None), ("building", "北门那栋", None),
    ],
)  # fmt: skip
def test_codes_are_what_residents_words_are_normalised_to(kind: str, written: str, code: str | None) -> None:
    assert registers.code(kind, written) == code  # type: ignore[arg-type]


def test_residents_alone_are_judged_against_what_the_database_knows(tmp_path: Path) -> None:
    (tmp_path / "residents.csv").write_text(PEOPLE + GOOD + "YH,4,1,603,李四,13900000002,owner,\n", "utf-8")
    known = Known(frozenset({"YH"}), {("YH", "4"): ("4栋", 3)}, frozenset({("YH", "4", "1", "703")}))
    found = check(read(tmp_path / "residents.csv"), known)
    assert [(problem.row, problem.column) for problem in found.problems] == [(3, "room")]
    assert [resident.key for resident in found.residents] == [("YH", "4", "1", "703")]
