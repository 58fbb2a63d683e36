"""What an update of the registers finds out: who is who, who came, moved and left, and what only the operator can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot import register_told
from bot.register_changes import (
    REGISTER,
    WHOLE,
    Altered,
    Comparison,
    Gone,
    Joined,
    Left,
    Moved,
    Options,
    PersonAdded,
    Standing,
    StoredCommunity,
    StoredMembership,
)
from bot.register_compare import compare
from bot.registers import NEW, BuildingRow, DutyRow, Registers, ResidentRow, RoomKey, StaffRow, grid
from tests.core.register_model import applied

TODAY = date(2026, 11, 27)
ESTATE = Standing(communities={"YH": StoredCommunity(1, "YH", "云湖花园", "Yunhu", "Asia/Shanghai", "010", TODAY)})
BUILDING = BuildingRow("YH", "4", "4栋", 1, 3, 4, ("1", "2", "3"))
A, B, C, D = (f"1390000000{n}" for n in range(1, 5))


def rooms() -> Registers:
    return Registers(buildings=(BUILDING,), rooms=tuple(grid(BUILDING)), files={"buildings": "b.csv", "rooms": "r.csv"})


def home(room: str) -> RoomKey:
    return "YH", "4", "1", room


def who(room: str, name: str, phone: str, role: str = "owner", former: str = "", **dates: date) -> ResidentRow:
    """A row of the file; its number is the order in `people`."""
    return ResidentRow(*home(room), name, phone, role, "zh", **dates, former_phone=former)


def people(*rows: ResidentRow) -> Registers:
    numbered = tuple(replace(row, origin=("residents.csv", number)) for number, row in enumerate(rows, 2))
    return Registers(residents=numbered, files={"residents": "residents.csv"})


def built() -> Standing:
    return applied(ESTATE, compare(ESTATE, rooms()).changes)


def lived_in(*rows: ResidentRow) -> Standing:
    """The estate with these people in it."""
    found = compare(standing := built(), people(*rows))
    assert not found.problems
    return applied(standing, found.changes)


def update(standing: Standing, *rows: ResidentRow, options: Options = WHOLE) -> Comparison:
    return compare(standing, people(*rows), options)


def by_the_desk(standing: Standing, phone: str, **changes: Any) -> Standing:
    """What the desk does to the membership of whoever has this number."""
    (resident,) = [r.id for r in standing.residents if r.phone == phone]
    return replace(
        standing,
        memberships=tuple(replace(m, **changes) if m.resident_id == resident else m for m in standing.memberships),
    )


def kinds(found: Comparison) -> list[str]:
    assert [str(problem) for problem in found.problems] == []
    return [type(change).__name__ for change in found.changes]


def asked(found: Comparison) -> list[tuple[int, str]]:
    """Row and column of each problem."""
    return [(problem.row, problem.column) for problem in found.problems]


def present(standing: Standing) -> list[tuple[str, str, str, str]]:
    names = {r.id: r for r in standing.residents}
    return sorted(
        (names[m.resident_id].name, names[m.resident_id].phone, m.room[3], m.role)
        for m in standing.memberships
        if m.present(TODAY)
    )


def household(standing: Standing, phone: str) -> int:
    """The household in which whoever has this number lives now."""
    (resident,) = [r.id for r in standing.residents if r.phone == phone]
    (found,) = {m.household_id for m in standing.memberships if m.resident_id == resident and m.present(TODAY)}
    return found


# ── New, moved, left ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_rows_again_change_nothing() -> None:
    rows = (who("101", "王芳", A), who("102", "李强", B, "tenant"))
    assert kinds(update(lived_in(*rows), *rows)) == []


def test_somebody_new_is_added_and_joins() -> None:
    found = update(lived_in(who("101", "王芳", A)), who("101", "王芳", A), who("101", "李强", B, "family"))
    assert kinds(found) == ["PersonAdded", "Joined"]


def test_whoever_is_not_in_the_register_any_more_has_left() -> None:
    found = update(lived_in(who("101", "王芳", A), who("102", "李强", B)), who("101", "王芳", A))
    (left,) = found.changes
    assert isinstance(left, Left) and (left.name, left.room) == ("李强", home("102"))


def test_in_a_part_of_the_register_nobody_leaves_by_being_missing() -> None:
    standing = lived_in(who("101", "王芳", A), who("102", "李强", B))
    assert kinds(update(standing, who("101", "王芳", A), options=Options(part=True))) == []


def test_a_community_that_the_file_does_not_name_is_left_alone() -> None:
    standing = lived_in(who("101", "王芳", A))
    assert kinds(compare(standing, Registers(files={"residents": "residents.csv"}))) == []


def test_the_same_person_in_another_room_has_moved_and_brings_nothing_along() -> None:
    before = lived_in(who("101", "王芳", A), who("102", "李强", B))
    found = update(before, who("103", "王芳", A), who("102", "李强", B))
    (moved,) = found.changes
    assert isinstance(moved, Moved) and (moved.left.room, moved.joined.room) == (home("101"), home("103"))
    assert household(applied(before, found.changes), A) not in {m.household_id for m in before.memberships}


def test_a_second_home_is_new_and_the_first_one_stays() -> None:
    found = update(lived_in(who("101", "王芳", A)), who("101", "王芳", A), who("103", "王芳", A))
    assert kinds(found) == ["Joined"]


def test_from_family_to_owner_is_a_change_from_owner_to_tenant_another_household() -> None:
    standing = lived_in(who("101", "王芳", A, "family"))
    assert kinds(update(standing, who("101", "王芳", A, "owner"))) == ["Altered"]
    assert kinds(update(standing, who("101", "王芳", A, "tenant"))) == ["Moved"]


def test_dates_are_changed_and_an_empty_one_says_nothing() -> None:
    end = date(2027, 6, 30)
    standing = lived_in(who("101", "王芳", A, "tenant", until=end))
    later = update(standing, who("101", "王芳", A, "tenant", until=end + timedelta(days=365)))
    assert [c.values for c in later.changes if isinstance(c, Altered)] == [(("until", end, date(2028, 6, 29)),)]
    silent = update(standing, who("101", "王芳", A, "tenant"))
    assert kinds(silent) == [] and "it stays ended" in silent.notices[0]


# ── Who is who ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_new_number_in_the_same_home_under_the_same_name_is_the_same_person() -> None:
    found = update(lived_in(who("101", "王芳", A), who("102", "李强", B)), who("101", "王芳", C), who("102", "李强", B))
    (change,) = found.changes
    assert isinstance(change, Altered) and change.values == (("phone", A, C),)


def test_a_name_put_right_at_the_same_number_and_home_is_the_same_person() -> None:
    (change,) = update(lived_in(who("101", "王方", A)), who("101", "王芳", A)).changes
    assert isinstance(change, Altered) and change.values == (("name", "王方", "王芳"),)


def test_a_namesake_elsewhere_is_somebody_else_while_the_first_one_stays() -> None:
    found = update(lived_in(who("101", "王芳", A)), who("101", "王芳", A), who("102", "王芳", B))
    assert kinds(found) == ["PersonAdded", "Joined"]


@pytest.mark.parametrize(
    ("rows", "question"),
    [
        ([who("103", "王芳", C)], "would leave; they may be one person"),
        ([who("103", "赵敏", A)], "belongs to 王* in the register and to 赵* here"),
        ([who("101", "王芳", B), who("101", "李强", A, "family")], "belongs to 李*, 王* in the register and to 王* here"),
        ([who("101", "王芳", C), who("101", "王芳", D)], "more than one row may be 王* of the register"),
    ],
)
def test_what_may_be_one_person_or_two_is_asked_with_the_row(rows: list[ResidentRow], question: str) -> None:
    found = update(lived_in(who("101", "王芳", A), who("101", "李强", B, "family")), *rows)
    assert asked(found)[0] == (2, "former_phone")
    assert question in found.problems[0].problem and "write new" in found.problems[0].remedy


def test_two_of_one_name_in_one_home_and_a_number_that_is_neithers_is_asked() -> None:
    found = update(lived_in(who("101", "王芳", A), who("101", "王芳", B)), who("101", "王芳", C))
    assert asked(found) == [(2, "former_phone")]


def test_the_former_number_tells_that_it_is_the_same_person() -> None:
    found = update(lived_in(who("101", "王芳", A)), who("103", "王方方", C, former=A))
    assert kinds(found) == ["Altered", "Moved"]


def test_the_word_new_tells_that_it_is_somebody_else() -> None:
    standing = lived_in(who("101", "王芳", A))
    found = update(standing, who("103", "王芳", C, former=NEW))
    assert kinds(found) == ["PersonAdded", "Joined", "Left"]
    passed_on = update(standing, who("103", "赵敏", A, former=NEW))
    assert kinds(passed_on) == ["PersonAdded", "Joined", "Left"]


def test_an_answer_that_stays_in_the_file_is_not_acted_on_again() -> None:
    before = lived_in(who("101", "王芳", A), who("102", "李强", B))
    rows = (who("103", "王芳", C, former=A), who("104", "李强", D, former=NEW))
    after = applied(before, update(before, *rows).changes)
    assert kinds(update(after, *rows)) == []


@pytest.mark.parametrize("former", [D, B])
def test_a_former_number_that_nobody_had_or_somebody_still_has_is_told(former: str) -> None:
    standing = lived_in(who("101", "王芳", A), who("102", "李强", B))
    found = update(standing, who("101", "王芳", C, former=former), who("102", "李强", B))
    assert asked(found) == [(2, "former_phone")]


def test_numbers_may_be_handed_round_when_the_file_says_so() -> None:
    before = lived_in(who("101", "王芳", A), who("101", "李强", B, "family"))
    found = update(before, who("101", "王芳", B, former=A), who("101", "李强", A, "family", former=B))
    assert [c.values for c in found.changes if isinstance(c, Altered)] == [(("phone", A, B),), (("phone", B, A),)]


def test_the_number_of_somebody_who_left_may_be_somebody_elses() -> None:
    before = lived_in(who("101", "王芳", A), who("102", "李强", B))
    gone = applied(before, update(before, who("102", "李强", B)).changes)
    assert kinds(update(gone, who("102", "李强", B), who("103", "赵敏", A))) == ["PersonAdded", "Joined"]


def with_a_double(standing: Standing, *, present: bool, source: str = REGISTER) -> Standing:
    """Stored a second time under the same number and name, with a membership of their own."""
    (own,), (resident,) = standing.memberships, standing.residents
    double = replace(own, id=own.id + 1, resident_id=2, source=source, revoked_on=None if present else TODAY)
    return replace(standing, residents=(resident, replace(resident, id=2)), memberships=(own, double))


def test_of_two_with_one_number_and_name_the_one_who_is_there_is_meant() -> None:
    standing = lived_in(who("101", "王芳", A))
    assert kinds(update(with_a_double(standing, present=False), who("101", "王芳", A))) == []
    shared = update(with_a_double(standing, present=True, source="invite"), who("101", "王芳", A))
    assert kinds(shared) == [] and "王* and 王*, added at the desk, share 139****0001" in shared.notices[0]
    own_by_the_desk = by_the_desk(standing, A, source="staff")
    found = update(with_a_double(own_by_the_desk, present=False), who("101", "王芳", A))
    assert [c.values for c in found.changes if isinstance(c, Altered)] == [(("source", "staff", REGISTER),)]


def test_two_people_of_the_register_with_one_number_and_name_are_told() -> None:
    standing = with_a_double(lived_in(who("101", "王芳", A)), present=True)
    assert asked(update(standing, who("101", "王芳", A))) == [(2, "phone")]


def test_in_a_part_of_the_register_a_namesake_at_home_is_asked_about() -> None:
    found = update(lived_in(who("101", "王芳", A)), who("101", "王芳", C), options=Options(part=True))
    assert asked(found) == [(2, "former_phone")]


# ── The desk's own people ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("source", ["invite", "staff"])
def test_whom_the_desk_added_is_not_in_the_files_and_stays(source: str) -> None:
    standing = by_the_desk(lived_in(who("101", "王芳", A), who("101", "王小宝", B, "family")), B, source=source)
    assert kinds(update(standing, who("101", "王芳", A))) == []


def test_once_in_the_register_somebody_invited_is_the_registers() -> None:
    rows = (who("101", "王芳", A), who("101", "王小宝", B, "family"))
    invited = by_the_desk(lived_in(*rows), B, source="invite")
    found = update(invited, *rows)
    assert [c.values for c in found.changes if isinstance(c, Altered)] == [(("source", "invite", REGISTER),)]
    assert kinds(update(applied(invited, found.changes), rows[0])) == ["Left"]


def test_somebody_invited_with_another_number_is_not_taken_for_the_row_of_that_name() -> None:
    standing = by_the_desk(lived_in(who("101", "王芳", A), who("101", "王小宝", B, "family")), B, source="invite")
    found = update(standing, who("101", "王芳", A), who("101", "王小宝", C, "family"))
    assert asked(found) == [(3, "former_phone")]


def test_a_number_of_somebody_invited_is_not_given_to_a_second_person() -> None:
    standing = by_the_desk(lived_in(who("101", "王芳", A), who("101", "王小宝", B, "family")), B, source="invite")
    found = update(standing, who("101", "王芳", A), who("103", "赵敏", B, former=NEW))
    assert asked(found) == [(3, "phone")]


def test_an_invited_person_left_alone_in_a_household_is_mentioned() -> None:
    standing = by_the_desk(lived_in(who("101", "王芳", A), who("101", "王小宝", B, "family")), B, source="invite")
    found = update(standing, who("101", "赵敏", C))
    assert kinds(found) == ["PersonAdded", "Joined", "Left"]
    assert "1 added at the desk stays in a household whose people have all left" in found.notices[0]
    assert household(after := applied(standing, found.changes), C) != household(after, B)


def test_what_the_desk_ended_stays_ended_until_somebody_comes_back_later() -> None:
    yesterday = TODAY - timedelta(days=1)
    standing = by_the_desk(lived_in(who("101", "王芳", A)), A, revoked_on=yesterday)
    found = update(standing, who("101", "王芳", A, since=date(2020, 1, 1)))
    assert kinds(found) == [] and "was ended at the desk on 2026-11-26" in found.notices[0]
    assert kinds(update(standing, who("101", "王芳", A, since=yesterday))) == []
    assert kinds(update(standing, who("101", "王芳", A, since=TODAY))) == ["Joined"]


def test_who_was_left_out_by_mistake_comes_back_as_the_same_person_into_the_same_household() -> None:
    rows = (who("101", "王芳", A), who("102", "李强", B))
    before = lived_in(*rows)
    without = applied(before, update(before, rows[1]).changes)
    found = update(without, *rows)
    assert kinds(found) == ["Joined"]
    assert household(applied(without, found.changes), A) == household(before, A)


def test_a_row_that_is_over_lets_nobody_back_in() -> None:
    before = lived_in(who("101", "王芳", A), who("102", "李强", B))
    gone = applied(before, update(before, who("102", "李强", B)).changes)
    assert kinds(update(gone, who("101", "王芳", A, until=TODAY - timedelta(days=1)), who("102", "李强", B))) == []


# ── Households ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_buyer_does_not_join_the_household_of_the_seller() -> None:
    before = lived_in(who("101", "王芳", A), who("101", "李强", B, "family"))
    found = update(before, who("101", "赵敏", C))
    assert household(applied(before, found.changes), C) != household(before, A)


def test_a_buyer_does_not_join_the_seller_whose_last_day_is_said_in_the_same_file() -> None:
    before = lived_in(who("101", "王芳", A))
    found = update(before, who("101", "王芳", A, until=TODAY + timedelta(days=30)), who("101", "赵敏", C))
    assert kinds(found) == ["Altered", "PersonAdded", "Joined"]
    assert household(after := applied(before, found.changes), C) != household(after, A)


def test_owners_of_different_times_who_come_back_together_do_not_open_each_others_past() -> None:
    first = lived_in(who("101", "王芳", A), who("102", "李强", B))
    second = applied(first, update(first, who("101", "赵敏", C), who("102", "李强", B)).changes)
    empty = applied(second, update(second, who("102", "李强", B)).changes)
    both = update(empty, who("101", "王芳", A), who("101", "赵敏", C), who("102", "李强", B))
    assert household(applied(empty, both.changes), A) not in {m.household_id for m in empty.memberships}


def test_a_newborn_joins_the_household_that_stays() -> None:
    before = lived_in(who("101", "王芳", A))
    found = update(before, who("101", "王芳", A), who("101", "王小宝", C, "family"))
    assert household(applied(before, found.changes), C) == household(before, A)


def test_new_tenants_share_a_household_that_was_nobodys() -> None:
    before = lived_in(who("101", "王芳", A), who("101", "Emily", B, "tenant"))
    after = applied(before, update(before, who("101", "王芳", A), who("101", "甲", C, "tenant"), who("101", "乙", D, "tenant")).changes)
    assert household(after, C) == household(after, D) not in {household(before, A), household(before, B)}


# ── A file that was cut short ───────────────────────────────────────────────────────────────────────────────────────


def test_many_leavers_at_once_need_the_operators_word() -> None:
    rows = [who(f"{floor}0{door}", f"住户{floor}{door}", f"139000001{floor}{door}") for floor in (1, 2, 3) for door in (1, 2, 3)]
    standing = lived_in(*rows)
    found = update(standing, *rows[:3])
    assert [str(problem) for problem in found.problems] == [
        "residents.csv: 6 of the 9 memberships of YH are not in the file; hand in the whole register, or say --part if these "
        "rows are only a part of it, or --leavers 6 if so many have left."
    ]
    assert kinds(update(standing, *rows[:3], options=Options(leavers=6))) == ["Left"] * 6
    assert kinds(update(standing, *rows[:4])) == ["Left"] * 5


def test_one_in_five_may_leave_unasked() -> None:
    homes = [f"{floor}0{door}" for floor in (1, 2, 3) for door in (1, 2, 3, 4)]
    rows = [who(room, f"住户{room}{n}", f"13900{n}00{room}") for room in homes for n in (1, 2, 3)]
    standing = lived_in(*rows)
    assert kinds(update(standing, *rows[7:])) == ["Left"] * 7
    assert "8 of the 36 memberships" in update(standing, *rows[8:]).problems[0].problem


# ── The estate ──────────────────────────────────────────────────────────────────────────────────────────────────────


def smaller() -> Registers:
    building = replace(BUILDING, floors=2, floor_labels=("1", "2"))
    return replace(rooms(), buildings=(building,), rooms=tuple(grid(building)))


def test_rooms_that_are_gone_are_deleted_when_nothing_speaks_of_them() -> None:
    found = compare(built(), smaller())
    assert {type(change) for change in found.changes} == {Gone} and len(found.changes) == 4
    assert kinds(compare(applied(built(), found.changes), smaller())) == []


def test_a_room_with_a_ticket_is_named_and_nothing_is_deleted() -> None:
    standing = built()
    standing = replace(standing, tickets={standing.rooms[home("301")].id: ("YH-BX-20261123-0001", 3)})
    (problem,) = compare(standing, smaller()).problems
    assert "4栋1单元301 (ticket YH-BX-20261123-0001 and 2 more)" in problem.problem
    assert problem.file == "r.csv" and "keep them in the register" in problem.remedy


def test_a_room_in_which_somebody_lives_is_named_whether_or_not_the_residents_are_handed_in() -> None:
    standing = lived_in(who("301", "王芳", A))
    assert "somebody lives there" in compare(standing, smaller()).problems[0].problem
    both = replace(smaller(), residents=people(who("301", "王芳", A)).residents, files=smaller().files | {"residents": "p.csv"})
    assert asked(compare(standing, both)) == [(2, "room")]


def test_a_room_in_which_people_lived_once_stays_and_is_mentioned() -> None:
    standing = lived_in(who("301", "王芳", A), who("101", "李强", B))
    left = applied(standing, update(standing, who("101", "李强", B)).changes)
    found = compare(left, smaller())
    assert len([c for c in found.changes if isinstance(c, Gone)]) == 3
    assert found.notices == ["YH 4栋1单元301: not in the files any more; it stays, people have lived there."]


def test_a_building_that_is_gone_goes_with_its_units() -> None:
    other = replace(BUILDING, code="5", name="5栋")
    with_both = replace(rooms(), buildings=(BUILDING, other), rooms=(*grid(BUILDING), *grid(other)))
    standing = applied(ESTATE, compare(ESTATE, with_both).changes)
    found = compare(standing, rooms())
    assert [c.table for c in found.changes if isinstance(c, Gone)] == ["room"] * 12 + ["unit", "building"]
    assert kinds(compare(standing, rooms(), Options(part=True))) == []


def test_without_the_rooms_register_no_room_is_gone() -> None:
    alone = replace(smaller(), files={"buildings": "b.csv"})
    assert kinds(compare(built(), alone)) == []


# ── Staff and rota ──────────────────────────────────────────────────────────────────────────────────────────────────


def member(name: str, phone: str, *, active: bool = True, former: str = "") -> StaffRow:
    return StaffRow("YH", name, "technician", ("plumbing",), phone, "zh", active, ("staff.csv", 2), former)


def office(*members: StaffRow, duty: tuple[DutyRow, ...] | None = None) -> Registers:
    files = {"staff": "staff.csv"} | ({} if duty is None else {"duty": "duty.csv"})
    return Registers(staff=members, duty=duty or (), files=files)


def employed(*members: StaffRow, duty: tuple[DutyRow, ...] = ()) -> Standing:
    return applied(ESTATE, compare(ESTATE, office(*members, duty=duty)).changes)


def shift(name: str) -> DutyRow:
    return DutyRow("YH", name, (0, 1), (), 480, 1200, ("duty.csv", 2))


def test_staff_who_are_not_in_the_register_any_more_are_marked_and_their_open_work_is_named() -> None:
    standing = employed(member("刘师傅", A), member("马师傅", B))
    standing = replace(standing, staff=tuple(replace(s, open_tickets=2) for s in standing.staff))
    found = compare(standing, office(member("刘师傅", A)))
    (change,) = found.changes
    assert isinstance(change, Altered) and change.resigned
    assert found.notices == ["YH 马师傅 leaves 2 open tickets; assign them to somebody else."]


def test_a_successor_may_take_over_the_telephone_when_the_file_says_who_left() -> None:
    standing = employed(member("刘师傅", A))
    assert asked(compare(standing, office(member("马师傅", A)))) == [(2, "phone")]
    found = compare(standing, office(member("刘师傅", A, active=False), member("马师傅", A)))
    assert kinds(found) == ["Altered", "Added"]


def test_a_new_name_of_the_same_colleague_is_said_in_former_name() -> None:
    standing = employed(member("刘师傅", A), duty=(shift("刘师傅"),))
    found = compare(standing, office(member("刘工", A, former="刘师傅"), duty=(shift("刘工"),)))
    assert [c.values for c in found.changes if isinstance(c, Altered)] == [(("name", "刘师傅", "刘工"),)]
    assert kinds(found) == ["Altered"]  # the rota is that of the same person
    assert kinds(compare(applied(standing, found.changes), office(member("刘工", A, former="刘师傅")))) == []


def test_a_namesake_of_somebody_who_resigned_does_not_become_them() -> None:
    standing = employed(member("刘师傅", A, active=False))
    assert asked(compare(standing, office(member("刘师傅", B)))) == [(2, "name")]
    assert kinds(compare(standing, office(member("刘师傅", B, former="刘师傅")))) == ["Altered"]
    assert kinds(compare(standing, office(member("刘师傅", A)))) == ["Altered"]


def test_the_rota_is_replaced_and_keeps_what_is_the_same() -> None:
    standing = employed(member("刘师傅", A), member("马师傅", B), duty=(shift("刘师傅"),))
    found = compare(standing, Registers(duty=(replace(shift("刘师傅"), weekdays=(1,)), shift("马师傅")), files={"duty": "duty.csv"}))
    assert kinds(found) == ["ShiftRemoved", "ShiftAdded", "ShiftAdded"] and found.same["duty"] == 1


def test_who_has_resigned_cannot_be_on_the_rota() -> None:
    standing = employed(member("刘师傅", A), member("马师傅", B))
    found = compare(standing, office(member("马师傅", B), duty=(shift("刘师傅"),)))
    assert asked(found) == [(2, "staff")]


# ── In words ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_every_change_of_a_person_is_a_line_without_a_whole_name_or_number() -> None:
    standing = lived_in(who("101", "王芳", A), who("102", "李强", B), who("103", "赵敏", C))
    found = update(standing, who("104", "王芳", A), who("102", "李强", D), who("201", "Emily Carter", "13900000005", "tenant"))
    assert register_told.lines(found, ["residents"]) == [
        "  residents: 1 new, 1 moved, 1 changed, 1 left, 0 as before",
        "    new: Emily C. 139****0005 in YH-4-1-201 as tenant",
        "    moved: 王* 139****0001 from YH-4-1-101 as owner to YH-4-1-104 as owner",
        "    changed: 李* in YH-4-1-102: telephone 139****0002 → 139****0004",
        "    left: 赵* 139****0003 in YH-4-1-103 as owner; access ends at once",
    ]
    assert register_told.summary(found) == "1 new, 1 moved, 1 changed, 1 left"


# ── What always holds ───────────────────────────────────────────────────────────────────────────────────────────────

NAMES = st.sampled_from(["王芳", "李强", "赵敏"])
ROOMS = st.sampled_from(["101", "102", "103"])
PHONES = st.sampled_from([f"1390000000{n}" for n in range(8)])
DATES = st.sampled_from([None, None, TODAY - timedelta(days=30), TODAY + timedelta(days=30)])


@st.composite
def files(draw: st.DrawFn) -> tuple[ResidentRow, ...]:
    """A register as `registers.check` lets it through: a number has one name, and stands once for a room and side."""
    rows = []
    for phone, name in draw(st.dictionaries(PHONES, NAMES, min_size=1, max_size=5)).items():
        former = draw(st.sampled_from(["", "", "", NEW, A, B]))
        for room, role in draw(st.dictionaries(ROOMS, st.sampled_from(["owner", "family", "tenant"]), min_size=1, max_size=2)).items():
            since, until = draw(st.sampled_from([None, None, TODAY - timedelta(days=60), TODAY])), draw(DATES)
            if since and until and until < since:
                until = None
            rows.append(replace(who(room, name, phone, role, former), since=since, until=until))
    return tuple(rows)


@st.composite
def as_the_desk_left_it(draw: st.DrawFn, standing: Standing) -> Standing:
    """Some memberships were ended at the desk, some began there."""
    touched = []
    for membership in standing.memberships:
        done = draw(st.sampled_from(["nothing", "nothing", "revoked", "invited"]))
        changes: Mapping[str, Mapping[str, Any]] = {
            "nothing": {},
            "revoked": {"revoked_on": TODAY - timedelta(days=1)},
            "invited": {"source": "invite"},
        }
        touched.append(replace(membership, **changes[done]))
    return replace(standing, memberships=tuple(touched))


def answered(standing: Standing, rows: Iterable[ResidentRow]) -> tuple[tuple[ResidentRow, ...], Comparison]:
    """The file with every question answered by "new", as an operator would who knows them all to be strangers."""
    rows = tuple(rows)
    for _ in range(len(rows) + 1):
        found = update(standing, *rows, options=Options(leavers=99))
        questions = {rows[problem.row - 2].phone for problem in found.problems if problem.column == "former_phone"}
        if not questions:
            return rows, found
        rows = tuple(replace(row, former_phone=NEW) if row.phone in questions else row for row in rows)
    raise AssertionError("a question that “new” does not answer")


@given(st.data())
def test_an_update_makes_the_register_what_the_file_says_and_is_then_done(data: st.DataObject) -> None:
    _, first = answered(built(), data.draw(files()))
    before = data.draw(as_the_desk_left_it(applied(built(), first.changes)))
    rows, found = answered(before, data.draw(files()))
    if found.problems:
        assert {problem.column for problem in found.problems} == {"phone"}  # two people of one number, who both stay
        return
    after = applied(before, found.changes)

    again = update(after, *rows, options=Options(leavers=99))
    assert (again.changes, again.problems) == ([], [])

    said = {(row.name, row.phone, row.room, row.role) for row in rows}
    names = {r.id: r for r in after.residents}
    old = {m.id: m for m in before.memberships}
    for membership in after.memberships:
        person = names[membership.resident_id]
        here = (person.name, person.phone, membership.room[3], membership.role)
        if membership.present(TODAY) and membership.source == REGISTER:
            assert here in said  # who is not in the file has left
        if membership.id in old and here not in said and old[membership.id].source != REGISTER:
            assert replace(membership, role=old[membership.id].role) == old[membership.id]  # the desk's own people stay
    for row in rows:
        if row.until is None or row.until >= TODAY:
            here = (row.name, row.phone, row.room, row.role)
            ended = [m for m in after.memberships if m.place == (row.key, row.leases) and not m.present(TODAY)]
            assert here in present(after) or ended  # ended at the desk or by an earlier date: it stays so
    numbers = [names[id_].phone for id_ in {m.resident_id for m in after.memberships if m.present(TODAY)}]
    assert len(numbers) == len(set(numbers))


@given(st.data())
def test_nobody_is_let_into_a_household_of_strangers(data: st.DataObject) -> None:
    _, first = answered(built(), data.draw(files()))
    before = data.draw(as_the_desk_left_it(applied(built(), first.changes)))
    _, found = answered(before, data.draw(files()))
    if found.problems:
        return
    after = applied(before, found.changes)
    members = _members(before)
    staying = _members(after, of={m.id for m in before.memberships if m.revoked_on is None})
    for change in found.changes:
        joined = change.joined if isinstance(change, Moved) else change
        if isinstance(joined, Joined) and joined.household_id is not None:
            somebody = staying.get(joined.household_id, set())
            theirs = joined.resident_id in members[joined.household_id]
            companions = {
                c.resident_id for c in found.changes
                if isinstance(c, Joined) and c.household_id == joined.household_id
            } & members[joined.household_id]  # fmt: skip
            assert somebody or theirs or companions


def _members(standing: Standing, of: set[int] | None = None) -> dict[int, set[int | None]]:
    """Household → who belongs to it, of the memberships that are not revoked if `of` names some."""
    found: dict[int, set[int | None]] = {}
    for membership in standing.memberships:
        if of is None or (membership.id in of and membership.revoked_on is None):
            found.setdefault(membership.household_id, set()).add(membership.resident_id)
    return found


@given(st.data())
def test_people_never_become_one(data: st.DataObject) -> None:
    """Whoever has a row of their own keeps a number in the database of their own; only a name or a number may change."""
    rows, first = answered(built(), data.draw(files()))
    if first.problems:
        return
    standing = applied(built(), first.changes)
    assert len({m.resident_id for m in standing.memberships}) == len({row.phone for row in rows})
    _, found = answered(standing, data.draw(files()))
    if found.problems:
        return
    kept = [c.resident_id for c in found.changes if isinstance(c, Joined) and c.resident_id is not None]
    new = [c.person for c in found.changes if isinstance(c, PersonAdded)]
    assert len(new) == len(set(new))
    both = {c.id for c in found.changes if isinstance(c, Altered) and c.table == "resident"}
    names = {r.id: r for r in standing.residents}
    for id_ in both:
        altered = {column for c in found.changes if isinstance(c, Altered) and (c.table, c.id) == ("resident", id_) for column, _, _ in c.values}
        if altered >= {"name", "phone"}:
            assert names[id_].phone in (A, B)  # only where `former_phone` said so
    assert all(id_ in names for id_ in kept)


@given(st.lists(st.tuples(st.sampled_from("甲乙丙丁"), st.sampled_from([A, B, C, D]), st.booleans()), max_size=4, unique_by=lambda m: m[0]),
       st.lists(st.tuples(st.sampled_from("甲乙丙丁"), st.sampled_from([A, B, C, D]), st.booleans()), min_size=1, max_size=4, unique_by=lambda m: m[0]))  # fmt: skip
def test_staff_and_rota_become_what_the_files_say(first: list[tuple[str, str, bool]], then: list[tuple[str, str, bool]]) -> None:
    standing = employed(*(member(name, phone, active=active) for name, phone, active in first))
    members = [member(name, phone, active=active) for name, phone, active in then]
    duty = tuple(shift(m.name) for m in members if m.active)
    found = compare(standing, office(*members, duty=duty))
    if found.problems:
        return
    after = applied(standing, found.changes)
    assert {s.name for s in after.staff if s.active} == {m.name for m in members if m.active}
    assert len(after.duty) == 2 * len(duty)
    assert kinds(compare(after, office(*members, duty=duty))) == []


def test_a_membership_stored_twice_is_seen_once() -> None:
    """An invitation to somebody the register already has: the register's own is the one that is compared."""
    standing = lived_in(who("101", "王芳", A))
    (own,) = standing.memberships
    twice = replace(standing, memberships=(own, StoredMembership(99, own.resident_id, own.household_id, own.room, "owner", None, None, "invite")))
    assert kinds(update(twice, who("101", "王芳", A))) == []
