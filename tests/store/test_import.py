"""Registers into a real database: all or nothing, twice is once, and nobody inherits another household's life."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection, func, select

from bot import rota
from bot.core.types import Community
from bot.database import Database
from bot.register_import import Report, import_registers
from bot.tables import table

DEMO = Path(__file__).parents[2] / "data" / "demo"
PEOPLE = "community,building,unit,room,name,phone,role,language,since,until\n"
REGISTERS = ("community", "building", "unit", "room", "household", "resident", "membership", "staff", "duty")


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A copy of the demo estate that a test may edit."""
    return Path(shutil.copytree(DEMO, tmp_path / "estate"))


@pytest.fixture
def imported(database: Database, demo: Path) -> Database:
    assert import_registers(database, demo).ok
    return database


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every register row, without its number."""

    def query(conn: Connection) -> dict[str, list[tuple[object, ...]]]:
        return {
            name: sorted((tuple(row)[1:] for row in conn.execute(select(table(name)))), key=repr)
            for name in REGISTERS
        }

    return database.read(query)


def count(database: Database, name: str) -> int:
    return database.read(lambda conn: conn.scalar(select(func.count()).select_from(table(name))) or 0)


def handed_in(folder: Path, *people: str) -> Path:
    path = folder / "residents.csv"
    path.write_text(PEOPLE + "".join(f"{person}\n" for person in people), "utf-8")
    return path


def household_of(database: Database, phone: str) -> list[tuple[int, str, object]]:
    """(household, role, until) of everybody with this telephone, oldest first."""
    resident, membership = table("resident"), table("membership")
    query = (
        select(membership.c.household_id, membership.c.role, membership.c.until)
        .join(resident, resident.c.id == membership.c.resident_id)
        .where(resident.c.phone == phone)
        .order_by(membership.c.id)
    )
    return database.read(lambda conn: [(h, role, until) for h, role, until in conn.execute(query)])


def told(report: Report) -> str:
    return "\n".join(report.lines())


# ── The demo estate ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_demo_estate_is_there_after_one_import(imported: Database) -> None:
    room = table("room")

    def query(conn: Connection) -> list[tuple[object, ...]]:
        wanted = (("4", "1", "703"), ("A", "", "1203"))
        parts = (room.c.building_code, room.c.unit_code, room.c.room_code)
        found = conn.execute(select(*parts, room.c.label, room.c.floor).order_by(room.c.id))
        return [tuple(row) for row in found if tuple(row)[:3] in wanted]

    assert imported.read(query) == [("4", "1", "703", "4栋1单元703", "7"), ("A", "", "1203", "A座1203", "12")]
    assert count(imported, "community") == 2
    assert count(imported, "unit") == 60
    assert count(imported, "room") == 20 * 3 * 24 * 4 + 3 * 30 * 6 - 3 + 18
    assert count(imported, "resident") == 60 and count(imported, "membership") == 62


def test_importing_twice_changes_nothing(imported: Database, demo: Path) -> None:
    before = rows(imported)
    report = import_registers(imported, demo)
    assert report.ok and report.changes == 0
    assert rows(imported) == before


def test_a_dry_run_tells_what_would_come_and_writes_nothing(database: Database, demo: Path) -> None:
    report = import_registers(database, demo, dry_run=True)
    assert report.ok and report.dry_run
    assert report.tallies["rooms"].added == count(database, "room") + 6315
    assert all(not found for found in rows(database).values())
    assert report.tallies == import_registers(database, demo).tallies


def test_at_every_hour_of_a_week_the_rota_finds_who_must_answer(imported: Database) -> None:
    zone = ZoneInfo("Asia/Shanghai")
    monday = datetime(2026, 11, 23, 0, 30, tzinfo=zone).astimezone(UTC)

    def query(conn: Connection) -> None:
        for id_, code in conn.execute(select(table("community").c.id, table("community").c.code)).all():
            community = Community(id_, code, "", "", zone)
            for hour in range(7 * 24):
                now = monday + timedelta(hours=hour)
                technicians = rota.audience(conn, community, now, "technician")
                assert len(technicians) == 2, (code, hour)  # of four: those off duty are left to sleep
                assert len(rota.audience(conn, community, now, "guard")) == 1, (code, hour)
                assert len(rota.audience(conn, community, now, "supervisor")) == 1, (code, hour)

    imported.read(query)


# ── All or nothing ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_bad_row_keeps_everything_out(database: Database, demo: Path) -> None:
    with (demo / "staff.csv").open("a", encoding="utf-8") as file:
        file.write("YH,新来的,wizard,,13900008199\n")
    report = import_registers(database, demo)
    assert not report.ok and report.changes == 0
    assert "staff.csv, row 35, column role: unknown role “wizard”" in told(report)
    assert "nothing was imported" in told(report)
    assert all(not found for found in rows(database).values())


def test_a_failure_in_the_middle_leaves_the_database_as_it_was(
    imported: Database, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(imported)
    text_ = (demo / "communities.csv").read_text("utf-8").replace("Yunhu Gardens", "Cloud Lake")
    (demo / "communities.csv").write_text(text_, "utf-8")

    def power_cut(_: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr("bot.register_import._Writing.duty", power_cut)
    with pytest.raises(OSError, match="power cut"):
        import_registers(imported, demo)
    assert rows(imported) == before


# ── What changes ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_corrected_name_is_a_change_of_the_same_person(imported: Database, demo: Path) -> None:
    residents = (demo / "residents.csv").read_text("utf-8").replace("陈思远", "陈思源")
    (demo / "residents.csv").write_text(residents, "utf-8")
    report = import_registers(imported, demo)
    assert report.changes == 1
    assert "name 陈思远 → 陈思源" in told(report)
    assert count(imported, "resident") == 60


def test_a_number_that_passed_to_a_stranger_does_not_inherit_the_household(
    imported: Database, tmp_path: Path
) -> None:
    before = rows(imported)
    path = handed_in(tmp_path, "YH,5,1,1002,新业主,13900000008,owner,zh,,")
    report = import_registers(imported, path)
    (problem,) = report.problems
    assert (problem.file, problem.row, problem.column) == ("residents.csv", 2, "phone")
    assert "139****0008 belongs to 陈思远 in the database and to 新业主 here" in problem.problem
    assert rows(imported) == before


def test_once_the_former_person_has_left_the_number_may_be_somebody_elses(
    imported: Database, tmp_path: Path
) -> None:
    assert import_registers(
        imported, handed_in(tmp_path, "YH,2,2,501,陈思远,13900000008,owner,zh,,2026-10-31")
    ).ok
    report = import_registers(
        imported, handed_in(tmp_path, "YH,5,1,1002,新业主,13900000008,owner,zh,2026-11-01,")
    )
    assert report.ok and count(imported, "resident") == 61
    former, new = household_of(imported, "13900000008")
    assert former[0] != new[0] and former[2] is not None and new[2] is None


def test_tenants_have_a_household_of_their_own(imported: Database) -> None:
    (owner,) = household_of(imported, "13900000013")  # 卫东升
    (emily,), (daniel,) = household_of(imported, "13900000014"), household_of(imported, "13900000015")
    assert (owner[1], emily[1]) == ("owner", "tenant")
    assert owner[0] != emily[0] == daniel[0]


def test_new_tenants_do_not_move_into_the_household_of_the_former_ones(
    imported: Database, tmp_path: Path
) -> None:
    path = handed_in(
        tmp_path,
        "YH,4,3,703,Emily Carter,13900000014,tenant,en,,2026-10-31",
        "YH,4,3,703,Daniel Carter,13900000015,tenant,en,,2026-10-31",
        "YH,4,3,703,新租户,13900000901,tenant,zh,2026-11-01,",
    )
    assert import_registers(imported, path).ok
    (emily,), (new,) = household_of(imported, "13900000014"), household_of(imported, "13900000901")
    assert str(emily[2]) == "2026-10-31" and new[0] != emily[0]
    again = import_registers(imported, path)
    assert again.changes == 0 and count(imported, "membership") == 63


def test_a_newborn_of_the_family_joins_the_household_that_is_there(
    imported: Database, tmp_path: Path
) -> None:
    assert import_registers(imported, handed_in(tmp_path, "YH,4,1,703,王小宝,13900000902,family,zh,,")).ok
    assert household_of(imported, "13900000902")[0][0] == household_of(imported, "13900000001")[0][0]


def test_an_old_file_does_not_let_back_in_who_has_left(
    imported: Database, demo: Path, tmp_path: Path
) -> None:
    import_registers(
        imported, handed_in(tmp_path, "YH,4,3,703,Emily Carter,13900000014,tenant,en,,2026-10-31")
    )
    report = import_registers(imported, demo)
    assert report.changes == 0
    assert "Emily Carter in YH-4-3-703 ended on 2026-10-31, the file names no end; it stays ended." in told(
        report
    )


def test_who_is_missing_from_the_file_stays_and_is_mentioned(imported: Database, tmp_path: Path) -> None:
    report = import_registers(imported, handed_in(tmp_path, "YH,4,1,703,王建国,13900000001,owner,zh,,"))
    assert report.changes == 0 and count(imported, "membership") == 62
    assert "present memberships of these communities not in the file" in told(report)


def test_the_rota_of_a_community_is_what_the_file_says_and_the_other_ones_stays(
    imported: Database, tmp_path: Path
) -> None:
    duty, before = table("duty"), count(imported, "duty")
    path = tmp_path / "duty.csv"
    path.write_text("community,staff,days,start,end\nYH,方经理,daily,08:00,08:00\n", "utf-8")
    report = import_registers(imported, path)
    owner = select(table("community").c.id).where(table("community").c.code == "YH").scalar_subquery()
    mine = imported.read(
        lambda conn: conn.execute(
            select(duty.c.weekday, duty.c.start_minute, duty.c.end_minute).where(duty.c.community_id == owner)
        ).all()
    )
    assert sorted(tuple(row) for row in mine) == [(weekday, 480, 480) for weekday in range(7)]
    assert count(imported, "duty") == before - report.tallies["duty"].removed + 7 > 7
    assert "no longer on duty: 刘师傅, mon 08:00–20:00" in told(report)


def test_who_resigned_is_marked_and_kept(imported: Database, tmp_path: Path) -> None:
    staff = table("staff")
    path = tmp_path / "staff.csv"
    path.write_text("小区,姓名,岗位,技能,电话,在职\nYH,马师傅,维修,电;电梯,13900008102,否\n", "gb18030")
    report = import_registers(imported, path)
    assert report.changes == 1 and "active True → False" in told(report)
    query = select(staff.c.active, staff.c.skills).where(staff.c.name == "马师傅")
    assert imported.read(lambda conn: tuple(conn.execute(query).one())) == (False, ["electric", "lift"])


def test_a_renamed_building_renames_its_rooms(imported: Database, demo: Path) -> None:
    buildings = (demo / "buildings.csv").read_text("utf-8").replace("YH,20,20栋", "YH,20,听雨阁")
    (demo / "buildings.csv").write_text(buildings, "utf-8")
    report = import_registers(imported, demo)
    assert report.tallies["rooms"].changed == 3 * 24 * 4
    assert "… and 268 more" in told(report)
    assert import_registers(imported, demo).changes == 0


def test_a_room_taken_from_the_estate_stays_because_tickets_may_speak_of_it(
    imported: Database, demo: Path
) -> None:
    with (demo / "rooms.csv").open("a", encoding="utf-8") as file:
        file.write("YH,20,3,2404,,absent\n")
    report = import_registers(imported, demo)
    assert report.ok and report.changes == 0
    assert "YH 20栋3单元2404: absent in the file; it stays" in told(report)


def test_the_report_shows_no_whole_telephone_number_that_is_in_order(
    imported: Database, tmp_path: Path
) -> None:
    path = tmp_path / "staff.csv"
    path.write_text(
        "community,name,role,skills,phone\nYH,马师傅,technician,electric;lift,13900008198\n", "utf-8"
    )
    report = import_registers(imported, path)
    assert "phone 139****8102 → 139****8198" in told(report)
    assert "13900008198" not in told(report)
