"""`bot import` as an operator runs it: shown, asked, applied, with an exit status for scripts."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import openpyxl
import pytest

from tests.channels.test_command_line import environment
from tests.commands import bot

__all__ = ["environment"]

FILES = {
    "communities": "code,name,name_en,zone,duty_phone\nYH,云湖花园,Yunhu,Asia/Shanghai,13900009001\n",
    "buildings": "community,code,name,units,floors,rooms_per_floor\nYH,4,4栋,1,3,4\n",
    "rooms": "community,building,unit,room,label,kind\nYH,4,1,S01,商铺,shop\n",
    "residents": "community,building,unit,room,name,phone,role\n"
    "YH,4,1,101,王建国,13900000001,owner\nYH,4,1,102,李秀梅,13900000002,owner\n",
    "staff": "community,name,role,skills,phone\nYH,刘师傅,technician,plumbing,13900008101\n",
    "duty": "community,staff,days,start,end\nYH,刘师傅,daily,08:00,20:00\n",
}
A_MONTH_LATER = (
    "community,building,unit,room,name,phone,role\n"
    "YH,4,1,103,王建国,13900000001,owner\nYH,4,1,201,赵文博,13900000003,owner\n"
)


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    folder = tmp_path / "estate"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / f"{name}.csv").write_text(text, "utf-8")
    return folder


def people(environment: dict[str, str]) -> list[tuple[str, str, bool]]:
    """(name, room, still there)"""
    with sqlite3.connect(Path(environment["DESK_VAR"]) / "desk.db") as conn:
        found = conn.execute(
            "SELECT r.name, o.room_code, m.revoked_at IS NULL FROM membership m JOIN resident r ON r.id = m.resident_id "
            "JOIN household h ON h.id = m.household_id JOIN room o ON o.id = h.room_id ORDER BY m.id"
        ).fetchall()
    conn.close()
    return [(name, room, bool(there)) for name, room, there in found]


BEFORE = [("王建国", "101", True), ("李秀梅", "102", True)]
AFTER = [("王建国", "101", False), ("李秀梅", "102", False), ("王建国", "103", True), ("赵文博", "201", True)]


def test_an_update_is_shown_masked_and_imported_when_agreed_to(environment: dict[str, str], estate: Path) -> None:
    assert bot(environment, "import", str(estate), "--yes").returncode == 0
    assert people(environment) == BEFORE
    (estate / "residents.csv").write_text(A_MONTH_LATER, "utf-8")

    looked = bot(environment, "import", str(estate), "--dry-run")
    assert looked.returncode == 0 and people(environment) == BEFORE
    assert "    moved: 王** 139****0001 from YH-4-1-101 as owner to YH-4-1-103 as owner\n" in looked.stdout
    assert "    left: 李** 139****0002 in YH-4-1-102 as owner; access ends at once\n" in looked.stdout
    assert "    new: 赵** 139****0003 in YH-4-1-201 as owner\n" in looked.stdout
    assert "赵文博" not in looked.stdout and "Import these changes?" not in looked.stdout

    declined = bot(environment, "import", str(estate), lines="n\n")
    assert declined.returncode == 3 and "Nothing was imported." in declined.stdout
    unattended = bot(environment, "import", str(estate))
    assert unattended.returncode == 3 and "Add --yes" in unattended.stderr
    assert people(environment) == BEFORE

    agreed = bot(environment, "import", str(estate), lines="y\n")
    assert agreed.returncode == 0 and "Imported: 1 new, 1 moved, 1 left." in agreed.stdout
    assert people(environment) == AFTER
    again = bot(environment, "import", str(estate))
    assert again.returncode == 0 and "estate: no change." in again.stdout


def test_a_workbook_of_one_sheet_updates_what_it_names(environment: dict[str, str], estate: Path, tmp_path: Path) -> None:
    assert bot(environment, "import", str(estate), "--yes").returncode == 0
    book = openpyxl.Workbook()
    book.worksheets[0].title = "住户"
    for line in A_MONTH_LATER.splitlines():
        book.worksheets[0].append(line.split(","))
    book.save(tmp_path / "people.xlsx")
    assert bot(environment, "import", str(tmp_path / "people.xlsx"), "--yes").returncode == 0
    assert people(environment) == AFTER


def test_mistakes_are_told_with_their_row_and_nothing_is_imported(environment: dict[str, str], estate: Path) -> None:
    assert bot(environment, "import", str(estate), "--yes").returncode == 0
    (estate / "residents.csv").write_text(A_MONTH_LATER + "YH,4,1,202,李秀梅,13900000009,owner\n", "utf-8")
    told = bot(environment, "import", str(estate), "--yes")
    assert told.returncode == 1 and people(environment) == BEFORE
    assert "residents.csv, row 4, column former_phone: 李** of YH-4-1-102, 139****0002, would leave; they may be one person" in told.stdout


def test_many_who_leave_at_once_are_to_be_confirmed_by_their_number(environment: dict[str, str], estate: Path) -> None:
    heading = FILES["residents"].splitlines()[0]
    rows = [f"YH,4,1,{floor}0{door},住户,139000001{floor}{door},owner" for floor in (1, 2, 3) for door in (1, 2, 3)]
    (estate / "residents.csv").write_text("\n".join([heading, *rows]), "utf-8")
    assert bot(environment, "import", str(estate), "--yes").returncode == 0
    (estate / "residents.csv").write_text("\n".join([heading, *rows[:2]]), "utf-8")
    assert bot(environment, "import", str(estate), "--yes").returncode == 1
    part = bot(environment, "import", str(estate / "residents.csv"), "--yes", "--part")
    assert part.returncode == 0 and "no change" in part.stdout
    meant = bot(environment, "import", str(estate), "--yes", "--leavers", "7")
    assert meant.returncode == 0 and "Imported: 7 left." in meant.stdout
