"""Registers into a real database: all or nothing, twice is once, and nobody inherits another household's life."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.exc import OperationalError

from bot import register_import, register_update, rota
from bot.core.types import Community
from bot.database import EVERY, Database
from bot.register_changes import Added, Left, Moved, Options, ShiftRemoved
from bot.register_import import Plan, RegistersChanged, import_registers, plan, read, stand
from bot.tables import table
from tests.core.register_model import applied
from tests.store.office import Office

DEMO = Path(__file__).parents[2] / "data" / "demo"
PEOPLE = "community,building,unit,room,name,phone,role,language,since,until\n"
NOW = datetime(2026, 11, 27, 2, 0, tzinfo=UTC)
"""Ten o'clock in Beijing."""
PART = Options(part=True)
REGISTERS = ("community", "building", "unit", "room", "household", "resident", "membership", "staff", "duty")


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    """A copy of the demo estate that a test may edit."""
    return Path(shutil.copytree(DEMO, tmp_path / "estate"))


@pytest.fixture
def imported(database: Database, demo: Path) -> Database:
    assert import_registers(database, demo, NOW).ok
    return database


def update_from(database: Database, path: Path, options: Options = PART) -> Plan:
    """What is handed in here are a few rows: a part of the register."""
    return import_registers(database, path, NOW, options)


def edited(folder: Path, register: str, *changes: tuple[str, str]) -> Path:
    """The demo estate with this file changed."""
    path = folder / f"{register}.csv"
    text = path.read_text("utf-8")
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text, "utf-8")
    return folder


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every register row, without its number."""

    def query(conn: Connection) -> dict[str, list[tuple[object, ...]]]:
        return {
            name: sorted((tuple(row)[1:] for row in conn.execute(select(table(name)))), key=repr)
            for name in REGISTERS
        }

    return database.read(EVERY, query)


def count(database: Database, name: str) -> int:
    return database.read(EVERY, lambda conn: conn.scalar(select(func.count()).select_from(table(name))) or 0)


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
    return database.read(EVERY, lambda conn: [(h, role, until) for h, role, until in conn.execute(query)])


def told(report: Plan) -> str:
    return "\n".join(report.lines())


# ── The demo estate ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_demo_estate_is_there_after_one_import(imported: Database) -> None:
    room = table("room")

    def query(conn: Connection) -> list[tuple[object, ...]]:
        wanted = (("4", "1", "703"), ("A", "", "1203"))
        parts = (room.c.building_code, room.c.unit_code, room.c.room_code)
        found = conn.execute(select(*parts, room.c.label, room.c.floor).order_by(room.c.id))
        return [tuple(row) for row in found if tuple(row)[:3] in wanted]

    assert imported.read(EVERY, query) == [("4", "1", "703", "4栋1单元703", "7"), ("A", "", "1203", "A座1203", "12")]
    assert count(imported, "community") == 2
    assert count(imported, "unit") == 60
    assert count(imported, "room") == 20 * 3 * 24 * 4 + 3 * 30 * 6 - 3 + 18
    assert count(imported, "resident") == 60 and count(imported, "membership") == 62


def test_importing_twice_changes_nothing(imported: Database, demo: Path) -> None:
    before = rows(imported)
    report = import_registers(imported, demo, NOW)
    assert report.ok and report.changes == ()
    assert rows(imported) == before


def test_a_plan_tells_what_would_come_and_writes_nothing(database: Database, demo: Path) -> None:
    shown = plan(database, read(demo), NOW)
    assert shown.ok and "rooms: 6315 new, 0 as before" in told(shown)
    assert all(not found for found in rows(database).values())
    assert shown.changes == import_registers(database, demo, NOW).changes


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

    imported.read(EVERY, query)


# ── All or nothing ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_one_bad_row_keeps_everything_out(database: Database, demo: Path) -> None:
    with (demo / "staff.csv").open("a", encoding="utf-8") as file:
        file.write("YH,新来的,wizard,,13900008199\n")
    report = import_registers(database, demo, NOW)
    assert not report.ok and report.changes == ()
    assert "staff.csv, row 35, column role: unknown role “wizard”" in told(report)
    assert "nothing was imported" in told(report)
    assert all(not found for found in rows(database).values())


def test_a_failure_in_the_middle_leaves_the_database_as_it_was(
    imported: Database, demo: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows(imported)
    text_ = (demo / "communities.csv").read_text("utf-8").replace("Yunhu Gardens", "Cloud Lake")
    (demo / "communities.csv").write_text(text_, "utf-8")

    def power_cut(*_: object) -> None:
        raise OSError("power cut")

    monkeypatch.setattr("bot.register_import._Writing.duty", power_cut)
    with pytest.raises(OSError, match="power cut"):
        import_registers(imported, demo, NOW)
    assert rows(imported) == before


# ── What changes ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_corrected_name_is_a_change_of_the_same_person(imported: Database, demo: Path) -> None:
    report = import_registers(imported, edited(demo, "residents", ("陈思远", "陈思源")), NOW)
    assert len(report.changes) == 1
    assert "changed: 陈** in YH-2-2-501: name 陈** → 陈**" in told(report)
    assert count(imported, "resident") == 60


def test_a_number_that_passed_to_a_stranger_does_not_inherit_the_household(
    imported: Database, tmp_path: Path
) -> None:
    before = rows(imported)
    report = update_from(imported, handed_in(tmp_path, "YH,5,1,1002,新业主,13900000008,owner,zh,,"))
    (problem,) = report.problems
    assert (problem.file, problem.row, problem.column) == ("residents.csv", 2, "former_phone")
    assert "139****0008 belongs to 陈** in the register and to 新** here" in problem.problem
    assert rows(imported) == before


def test_once_the_former_person_has_left_the_number_may_be_somebody_elses(
    imported: Database, tmp_path: Path
) -> None:
    assert update_from(
        imported, handed_in(tmp_path, "YH,2,2,501,陈思远,13900000008,owner,zh,,2026-10-31")
    ).ok
    report = update_from(
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
    assert update_from(imported, path).ok
    (emily,), (new,) = household_of(imported, "13900000014"), household_of(imported, "13900000901")
    assert str(emily[2]) == "2026-10-31" and new[0] != emily[0]
    again = update_from(imported, path)
    assert again.changes == () and count(imported, "membership") == 63


def test_a_newborn_of_the_family_joins_the_household_that_is_there(
    imported: Database, tmp_path: Path
) -> None:
    assert update_from(imported, handed_in(tmp_path, "YH,4,1,703,王小宝,13900000902,family,zh,,")).ok
    assert household_of(imported, "13900000902")[0][0] == household_of(imported, "13900000001")[0][0]


def test_an_old_file_does_not_let_back_in_who_has_left(
    imported: Database, demo: Path, tmp_path: Path
) -> None:
    update_from(imported, handed_in(tmp_path, "YH,4,3,703,Emily Carter,13900000014,tenant,en,,2026-10-31"))
    report = import_registers(imported, demo, NOW)
    assert report.changes == ()
    assert "Emily C. in YH-4-3-703 ended on 2026-10-31, the file names no end; it stays ended." in told(report)


def test_a_few_rows_alone_are_taken_for_a_file_cut_short_unless_called_a_part(
    imported: Database, tmp_path: Path
) -> None:
    path = handed_in(tmp_path, "YH,4,1,703,王建国,13900000001,owner,zh,,")
    assert "say --part if these rows are only a part of it" in told(import_registers(imported, path, NOW))
    assert update_from(imported, path).changes == ()


def test_the_rota_of_a_community_is_what_the_file_says_and_the_other_ones_stays(
    imported: Database, tmp_path: Path
) -> None:
    duty, before = table("duty"), count(imported, "duty")
    path = tmp_path / "duty.csv"
    path.write_text("community,staff,days,start,end\nYH,方经理,daily,08:00,08:00\n", "utf-8")
    report = import_registers(imported, path, NOW)
    owner = select(table("community").c.id).where(table("community").c.code == "YH").scalar_subquery()
    mine = imported.read(
        EVERY,
        lambda conn: conn.execute(
            select(duty.c.weekday, duty.c.start_minute, duty.c.end_minute).where(duty.c.community_id == owner)
        ).all(),
    )
    assert sorted(tuple(row) for row in mine) == [(weekday, 480, 480) for weekday in range(7)]
    removed = sum(isinstance(change, ShiftRemoved) for change in report.changes)
    assert count(imported, "duty") == before - removed + 7 > 7
    assert "gone: YH 刘师傅, mon 08:00–20:00" in told(report)


def test_who_resigned_is_marked_and_kept(imported: Database, tmp_path: Path) -> None:
    staff = table("staff")
    path = tmp_path / "staff.csv"
    path.write_text("小区,姓名,岗位,技能,电话,在职\nYH,马师傅,维修,电;电梯,13900008102,否\n", "gb18030")
    report = update_from(imported, path)
    assert len(report.changes) == 1 and "left: YH 马师傅" in told(report)
    query = select(staff.c.active, staff.c.skills).where(staff.c.name == "马师傅")
    assert imported.read(EVERY, lambda conn: tuple(conn.execute(query).one())) == (False, ["electric", "lift"])


def test_a_renamed_building_renames_its_rooms(imported: Database, demo: Path) -> None:
    edited(demo, "buildings", ("YH,20,20栋", "YH,20,听雨阁"))
    report = import_registers(imported, demo, NOW)
    assert "rooms: 288 changed, 6027 as before" in told(report)
    assert "changed: … and 268 more rooms" in told(report)
    assert import_registers(imported, demo, NOW).changes == ()


def test_a_new_room_of_the_estate_may_have_people_at_once(imported: Database, demo: Path) -> None:
    edited(demo, "rooms", ("YH,S,,S01,", "YH,S,,S99,商业街S99号,shop\nYH,S,,S01,"))
    with (demo / "residents.csv").open("a", encoding="utf-8") as file:
        file.write("YH,S,,S99,新店主,13900000903,owner,zh\n")
    report = import_registers(imported, demo, NOW)
    assert [type(change).__name__ for change in report.changes] == ["Added", "PersonAdded", "Joined"]
    assert len(household_of(imported, "13900000903")) == 1


def test_a_room_taken_from_the_estate_is_deleted_unless_a_ticket_speaks_of_it(imported: Database, demo: Path) -> None:
    with (demo / "rooms.csv").open("a", encoding="utf-8") as file:
        file.write("YH,20,3,2404,,absent\n")
    file_ticket(imported, "2404")
    report = import_registers(imported, demo, NOW)
    assert "20栋3单元2404 (ticket YH-BX-20261123-0001)" in str(report.problems[0])
    assert count(imported, "room") == 6315
    imported.write(EVERY, lambda conn: conn.execute(table("ticket").delete()))
    assert "gone: YH 20栋3单元2404" in told(import_registers(imported, demo, NOW))
    assert count(imported, "room") == 6314


def test_the_report_shows_no_whole_telephone_number_that_is_in_order(
    imported: Database, tmp_path: Path
) -> None:
    path = tmp_path / "staff.csv"
    path.write_text(
        "community,name,role,skills,phone\nYH,马师傅,technician,electric;lift,13900008198\n", "utf-8"
    )
    report = update_from(imported, path)
    assert "telephone 139****8102 → 139****8198" in told(report)
    assert "13900008198" not in told(report)


# ── Who came, moved and left ────────────────────────────────────────────────────────────────────────────────────────


def a_month_passes(demo: Path) -> None:
    """王建国 has moved, 李秀梅 has left, a new owner has come, and 陈思远 has another number."""
    edited(
        demo, "residents",
        ("YH,4,1,703,王建国", "YH,2,2,402,王建国"),
        ("YH,4,1,703,李秀梅,13900000002,family,zh\n", "YH,9,1,101,新业主,13900000904,owner,zh\n"),
        ("陈思远,13900000008", "陈思远,13900000905"),
    )  # fmt: skip


@pytest.fixture
def a_month_later(imported: Database, demo: Path) -> tuple[Database, Path]:
    a_month_passes(demo)
    return imported, demo


def file_ticket(database: Database, room_code: str) -> None:
    room, ticket = table("room"), table("ticket")

    def open_one(conn: Connection) -> None:
        wanted = (room.c.building_code == "20", room.c.unit_code == "3", room.c.room_code == room_code)
        found = conn.execute(select(room.c.id, room.c.community_id).where(*wanted)).one()
        conn.execute(
            insert(ticket).values(
                community_id=found.community_id, number="YH-BX-20261123-0001", kind="repair", status="submitted",
                room_id=found.id, opened_at=NOW, updated_at=NOW,
            )
        )  # fmt: skip

    database.write(EVERY, open_one)


def memberships(database: Database, phone: str) -> list[tuple[Any, ...]]:
    """(room, revoked at, source, ended by) of whoever has this number, oldest first."""
    m, r, h, room = (table(name) for name in ("membership", "resident", "household", "room"))
    query = (
        select(room.c.label, m.c.revoked_at, m.c.source, m.c.ended_by)
        .join(r, r.c.id == m.c.resident_id)
        .join(h, h.c.id == m.c.household_id)
        .join(room, room.c.id == h.c.room_id)
        .where(r.c.phone == phone)
        .order_by(m.c.id)
    )
    return database.read(EVERY, lambda conn: [tuple(row) for row in conn.execute(query)])


def events(database: Database) -> list[tuple[str, str, str]]:
    """(what, telephone, note) in the order of writing, with the instant checked."""
    event, r = table("identity_event"), table("resident")
    query = select(event.c.what, r.c.phone, event.c.note, event.c.at).join(r, r.c.id == event.c.resident_id)

    def found(conn: Connection) -> list[tuple[str, str, str]]:
        lines = conn.execute(query.order_by(event.c.id)).all()
        assert {line.at for line in lines} <= {NOW, LATER}
        return [(what, phone, note) for what, phone, note, _ in lines]

    return database.read(EVERY, found)


LATER = NOW + timedelta(days=30)


def test_who_moved_and_who_left_is_out_at_once_and_nothing_is_deleted(a_month_later: tuple[Database, Path]) -> None:
    database, demo = a_month_later
    report = import_registers(database, demo, LATER)
    assert "residents: 1 new, 1 moved, 1 changed, 1 left, 59 as before" in told(report)
    assert memberships(database, "13900000001") == [
        ("4栋1单元703", LATER, "register", "register"),
        ("2栋2单元402", None, "register", ""),
    ]
    assert memberships(database, "13900000002") == [("4栋1单元703", LATER, "register", "register")]
    assert len(memberships(database, "13900000905")) == 1 and memberships(database, "13900000008") == []
    assert import_registers(database, demo, LATER).changes == ()


def test_every_membership_that_begins_or_ends_is_a_line_of_the_audit_trail(a_month_later: tuple[Database, Path]) -> None:
    database, demo = a_month_later
    before = events(database)
    assert len(before) == 62 and {(what, note) for what, _, note in before} == {("membership_begun", "register")}
    edited(demo, "residents", ("phone,role,language\n", "phone,role,language,until\n"), ("13900000013,owner,zh", "13900000013,owner,zh,2027-01-31"), ("13900000904,owner,zh", "13900000904,owner,zh,2027-12-31"))
    assert import_registers(database, demo, LATER).ok
    assert sorted(events(database)[62:]) == [
        ("membership_begun", "13900000001", "register"),
        ("membership_begun", "13900000904", "register: until 2027-12-31"),
        ("membership_ended", "13900000001", "register"),
        ("membership_ended", "13900000002", "register"),
        ("membership_ended", "13900000013", "register: until 2027-01-31"),
    ]


def test_whom_the_desk_let_in_stays_when_the_file_does_not_know_them(imported: Database, demo: Path) -> None:
    membership, resident = table("membership"), table("resident")

    def invited(conn: Connection) -> None:
        inviter = conn.execute(
            select(membership.c.community_id, membership.c.household_id)
            .join(resident, resident.c.id == membership.c.resident_id)
            .where(resident.c.phone == "13900000001")
        ).one()
        made = insert(resident).values(community_id=inviter.community_id, name="王小宝", phone="13900000906")
        (id_,) = conn.execute(made).inserted_primary_key or ()
        conn.execute(
            insert(membership).values(
                community_id=inviter.community_id, household_id=inviter.household_id, resident_id=id_,
                role="family", source="invite",
            )
        )  # fmt: skip

    imported.write(EVERY, invited)
    assert import_registers(imported, demo, LATER).changes == ()
    assert memberships(imported, "13900000906") == [("4栋1单元703", None, "invite", "")]


def test_whoever_was_a_member_before_sources_were_kept_is_of_the_register(imported: Database, demo: Path) -> None:
    def to(revision: str) -> None:
        with imported.writer.begin() as conn:
            config = Config()
            config.set_main_option("script_location", "bot:migrations")
            config.attributes["connection"] = conn
            (command.downgrade if revision == "0004" else command.upgrade)(config, revision)

    to("0004")
    to("head")
    a_month_passes(demo)
    assert import_registers(imported, demo, LATER).ok
    assert memberships(imported, "13900000002") == [("4栋1单元703", LATER, "register", "register")]


def test_a_membership_written_without_its_source_is_the_desks(front_desk: Office) -> None:
    assert set(front_desk.rows("membership", "source")) == {("staff",)}


def test_open_invitations_of_who_left_end_with_them(a_month_later: tuple[Database, Path]) -> None:
    database, demo = a_month_later
    invite, membership, resident = table("invite"), table("membership"), table("resident")

    def invitations(conn: Connection) -> None:
        for number, phone in enumerate(("13900000001", "13900000003")):
            own = conn.execute(
                select(membership.c.community_id, membership.c.household_id, membership.c.resident_id)
                .join(resident, resident.c.id == membership.c.resident_id)
                .where(resident.c.phone == phone)
            ).one()
            conn.execute(
                insert(invite).values(
                    community_id=own.community_id, household_id=own.household_id, made_by_resident=own.resident_id,
                    code_hash=str(number), made_at=NOW, expires_at=LATER + timedelta(days=7),
                )
            )  # fmt: skip

    database.write(EVERY, invitations)
    assert import_registers(database, demo, LATER).ok
    ended = database.read(EVERY, lambda conn: list(conn.scalars(select(invite.c.revoked_at).order_by(invite.c.code_hash))))
    assert ended == [LATER, None]  # 王晓雨 still lives there


def test_the_database_becomes_what_the_model_says(database: Database, demo: Path) -> None:
    """The model by which the comparison is checked does what the import does, on both engines."""
    last = "YH,20,20栋,3,24,4,\n"
    edited(demo, "buildings", (last, f"{last}YH,21,21栋,1,2,2,\n"))
    empty = database.read(EVERY, lambda conn: stand(conn, [], NOW))
    first = import_registers(database, demo, NOW)
    today = NOW.date()
    assert database.read(EVERY, lambda conn: stand(conn, ["YH", "HT"], NOW)) == applied(empty, first.changes, today)
    a_month_passes(demo)
    edited(demo, "buildings", ("YH,21,21栋,1,2,2,\n", "YH,22,22栋,1,2,2,\n"))
    edited(demo, "staff", ("YH,刘师傅,technician", "YH,新师傅,technician"), ("13900008101", "13900008191"))
    edited(demo, "duty", ("刘师傅", "新师傅"))
    before = database.read(EVERY, lambda conn: stand(conn, ["YH", "HT"], LATER))
    report = import_registers(database, demo, LATER)
    assert report.ok
    assert {type(change).__name__ for change in report.changes} == {
        "Added", "Altered", "Gone", "PersonAdded", "Joined", "Left", "Moved", "ShiftAdded", "ShiftRemoved"
    }  # fmt: skip
    assert database.read(EVERY, lambda conn: stand(conn, ["YH", "HT"], LATER)) == applied(before, report.changes)


def test_a_workbook_updates_as_the_folder_does(a_month_later: tuple[Database, Path], tmp_path: Path) -> None:
    database, demo = a_month_later
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for file in sorted(demo.glob("*.csv")):
        sheet = book.create_sheet(file.stem)
        for line in file.read_text("utf-8").splitlines():
            sheet.append([cell.strip('"') for cell in line.split(",")] if '"' not in line else _quoted(line))
    book.save(tmp_path / "estate.xlsx")
    folder, workbook = plan(database, read(demo), LATER), plan(database, read(tmp_path / "estate.xlsx"), LATER)
    assert workbook.changes == folder.changes
    kinds = [type(change) for change in workbook.changes]
    assert (kinds.count(Moved), kinds.count(Left), kinds.count(Added)) == (1, 1, 0)


def _quoted(line: str) -> list[str]:
    before, quoted, after = line.split('"')
    return [*before.rstrip(",").split(","), quoted, *after.lstrip(",").split(",")]


def test_a_mistake_in_a_workbook_is_told_with_its_sheet_and_row(imported: Database, tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    sheet.title = "住户"
    sheet.append(["小区", "楼栋", "单元", "房号", "姓名", "电话", "身份", "原电话"])
    sheet.append(["YH", 4, 1, 703, "王建国", 13900000907, "业主", 13900000777])
    book.save(tmp_path / "people.xlsx")
    report = update_from(imported, tmp_path / "people.xlsx")
    assert str(report.problems[0]).startswith("people.xlsx › 住户, row 2, column former_phone: nobody has 139****0777")


# ── What was shown is what is applied ───────────────────────────────────────────────────────────────────────────────


def someone_leaves(database: Database, phone: str) -> None:
    """At the desk, while the operator reads."""
    membership, resident = table("membership"), table("resident")
    own = select(resident.c.id).where(resident.c.phone == phone).scalar_subquery()
    database.write(EVERY,
        lambda conn: conn.execute(update(membership).where(membership.c.resident_id == own).values(revoked_at=LATER))
    )


def test_a_plan_that_is_out_of_date_is_not_applied(a_month_later: tuple[Database, Path]) -> None:
    database, demo = a_month_later
    shown = plan(database, read(demo), LATER)
    someone_leaves(database, "13900000002")
    before = rows(database)
    with pytest.raises(RegistersChanged) as changed:
        register_import.apply(database, shown, LATER)
    assert rows(database) == before
    assert len(shown.changes) == len(changed.value.plan.changes) + 1
    register_import.apply(database, changed.value.plan, LATER)
    assert plan(database, read(demo), LATER).changes == ()


def test_what_does_not_touch_the_plan_does_not_hold_it_up(a_month_later: tuple[Database, Path]) -> None:
    database, demo = a_month_later
    shown = plan(database, read(demo), LATER)
    file_ticket(database, "2404")
    assert register_import.apply(database, shown, LATER).changes == shown.changes


def test_files_changed_after_they_were_shown_are_not_read_again(a_month_later: tuple[Database, Path]) -> None:
    database, demo = a_month_later
    shown = plan(database, read(demo), LATER)
    (demo / "residents.csv").write_text(PEOPLE, "utf-8")
    register_import.apply(database, shown, LATER)
    assert len(memberships(database, "13900000904")) == 1


def test_a_plan_with_problems_cannot_be_applied(imported: Database, tmp_path: Path) -> None:
    shown = plan(imported, read(handed_in(tmp_path, "YH,5,1,1002,新业主,13900000008,owner,zh,,"), PART), NOW)
    with pytest.raises(ValueError, match="problems"):
        register_import.apply(imported, shown, NOW)


def asked(database: Database, demo: Path, agree: Callable[[str], bool], dry_run: bool = False) -> tuple[str, list[str]]:
    said: list[str] = []
    outcome = register_update.update(database, read(demo), lambda: LATER, said.append, agree, dry_run=dry_run)
    return outcome, said


def test_the_operator_is_shown_the_changes_and_asked(a_month_later: tuple[Database, Path]) -> None:
    database, demo = a_month_later
    before = rows(database)
    assert asked(database, demo, lambda _: False)[0] == "declined"
    assert asked(database, demo, lambda _: pytest.fail("asked"), dry_run=True)[0] == "shown"
    assert rows(database) == before
    outcome, said = asked(database, demo, lambda _: True)
    assert outcome == "imported" and said[-1] == "Imported: 1 new, 1 moved, 1 changed, 1 left."
    assert asked(database, demo, lambda _: pytest.fail("asked"))[0] == "nothing to do"


def test_what_changed_while_the_operator_read_is_shown_before_it_is_asked_again(
    a_month_later: tuple[Database, Path],
) -> None:
    database, demo = a_month_later
    questions: list[str] = []

    def slow_reader(question: str) -> bool:
        questions.append(question)
        if len(questions) == 1:
            someone_leaves(database, "13900000002")
        return True

    outcome, said = asked(database, demo, slow_reader)
    assert outcome == "imported" and len(questions) == 2
    again = said.index("The registers have changed since this was shown; nothing was imported. What would change now:")
    assert "estate: 1 new, 1 moved, 1 changed, 1 left." in said[:again]
    assert "estate: 1 new, 1 moved, 1 changed." in said[again:]


def test_registers_that_never_stand_still_are_given_up(a_month_later: tuple[Database, Path]) -> None:
    database, demo = a_month_later
    people = iter([f"139000000{n}" for n in (16, 17, 18, 20, 21, 22, 23)])

    def unlucky(_: str) -> bool:
        membership, resident = table("membership"), table("resident")
        one = select(resident.c.id).where(resident.c.phone == next(people)).scalar_subquery()
        database.write(EVERY, lambda conn: conn.execute(update(membership).where(membership.c.resident_id == one).values(source="invite")))
        return True

    outcome, _ = asked(database, demo, unlucky)
    assert outcome == "moving" and memberships(database, "13900000904") == []


# ── Beside a desk at work (PostgreSQL; SQLite has one writer) ───────────────────────────────────────────────────────


@pytest.fixture
def at_work(postgres_url: str, demo: Path) -> Iterator[tuple[Database, Path]]:
    database = Database(postgres_url)
    assert import_registers(database, demo, NOW).ok
    a_month_passes(demo)
    yield database, demo
    database.close()


def meanwhile(monkeypatch: pytest.MonkeyPatch, step: str, happens: Callable[[], None]) -> None:
    """Between what the update has found and this step of its writing, once."""
    carry_out = getattr(register_import._Writing, step)
    left = [happens]

    def interrupted(self: Any, *arguments: Any) -> None:
        if left:
            left.pop()()
        carry_out(self, *arguments)

    monkeypatch.setattr(register_import._Writing, step, interrupted)


def test_while_an_update_is_written_nobody_else_writes_people_and_tickets_go_on(
    at_work: tuple[Database, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, demo = at_work
    refused: list[str] = []

    def desk() -> None:
        def revoke(conn: Connection) -> None:
            conn.execute(text("SET LOCAL lock_timeout = '50ms'"))
            conn.execute(update(table("membership")).values(revoked_at=LATER))

        with pytest.raises(OperationalError) as waits:
            database.write(EVERY, revoke)
        refused.append(waits.value.orig.sqlstate)  # type: ignore[union-attr]
        file_ticket(database, "2404")

    shown = plan(database, read(demo), LATER)
    meanwhile(monkeypatch, "run", desk)
    register_import.apply(database, shown, LATER)
    assert refused == ["55P03"] and count(database, "ticket") == 1
    assert len(memberships(database, "13900000904")) == 1


def test_a_ticket_for_a_room_that_is_just_being_deleted_keeps_the_room(
    at_work: tuple[Database, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    database, demo = at_work
    with (demo / "rooms.csv").open("a", encoding="utf-8") as file:
        file.write("YH,20,3,2404,,absent\n")
    meanwhile(monkeypatch, "_delete", lambda: file_ticket(database, "2404"))
    outcome, said = asked(database, demo, lambda _: True)
    assert outcome == "refused" and "20栋3单元2404 (ticket YH-BX-20261123-0001)" in "\n".join(said)
    assert count(database, "room") == 6315 and memberships(database, "13900000904") == []
