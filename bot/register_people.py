"""Who is who among residents when the registers are handed in again, and whose membership begins, moves, changes or ends.

Pure, like `bot.register_compare`, of which it is a part. Files have no numbers of persons, so a person is recognised by what
stays. In this order, each rule only for those whom the one before left over:

1. Telephone and name as before: the same person, wherever they live now.
2. `former_phone` holds a number: the same person as the one who had it, whatever else has changed.
3. Telephone as before, name not: the name was put right, if all their present homes stand in the rows; nobody present has
   the number: somebody new, for numbers pass on. Otherwise it is not known.
4. Name as before, in one of their homes, and the old number in no row: the number changed.
5. Nobody has number or name: somebody new. So is whose `former_phone` says "new".

What two rules say differently, what fits two people, a namesake elsewhere who would leave in the same update, and what would
join somebody whom the desk added to somebody of another number: a problem with the row, to be answered in `former_phone`.
Two people are never made one without the operator's word; one person taken for two would lose access, so that is asked too.

A membership is known by person, room and side of the lease.

- Missing in the file: ended, if the register began it. What an invitation or the staff began is not in the files and stays;
  once it stands there it is the register's.
- Ended at the desk: stays ended, whatever an old file says; who comes back gets a `since` after that day. Ended by an update:
  begins again when it stands in the file again. An empty date says nothing.
- A household is joined only while somebody of the register, with the same room, side and `until`, stays in it. Whoever comes
  after everybody has left founds a new one, and sees nothing of what the former people filed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Final, TypeAlias

from bot.core.masking import name as masked
from bot.core.masking import phone as masked_phone
from bot.register_changes import (
    REGISTER,
    Altered,
    Comparison,
    Joined,
    Left,
    Moved,
    Options,
    PersonAdded,
    Place,
    Standing,
    StoredMembership,
    StoredResident,
    shown,
)
from bot.registers import NEW, Problem, Registers, ResidentRow, RoomKey

FEW_LEAVERS: Final = 5
"""So many may leave a community at once unasked; more than these, and more than one in five, may be a file cut short."""
SHARE_OF_LEAVERS: Final = 5

HouseholdKey: TypeAlias = tuple[RoomKey, bool, date | None]


class People:
    """The residents of every community that the file names."""

    def __init__(self, standing: Standing, found: Registers, options: Options) -> None:
        rows: dict[str, list[ResidentRow]] = defaultdict(list)
        for row in found.residents:
            rows[row.community].append(row)
        self.file = found.files.get("residents", "")
        self.options = options
        self.communities = [_Community(code, own, standing, options) for code, own in rows.items()]
        self.inhabited: dict[RoomKey, tuple[str, int] | None] = {}
        """Rooms in which somebody lives after the update, with the row that says so, or None where no row does."""
        for membership in standing.memberships:
            code = membership.room[0]
            if membership.present(standing.communities[code].today) and code not in rows:
                self.inhabited[membership.room] = None
        for community in self.communities:
            self.inhabited |= community.inhabited()

    def add_to(self, result: Comparison) -> None:
        leavers = sum(community.leaving for community in self.communities)
        for community in self.communities:
            many = community.leaving > FEW_LEAVERS and community.leaving * SHARE_OF_LEAVERS > community.present
            if many and leavers > self.options.leavers:
                community.problems.append(
                    Problem(
                        self.file, 0, "",
                        f"{community.leaving} of the {community.present} memberships of {community.code} are not in the file",
                        f"hand in the whole register, or say --part if these rows are only a part of it, or --leavers {leavers} "
                        "if so many have left",
                    )
                )  # fmt: skip
            result.changes.extend(community.changes)
            result.problems.extend(community.problems)
            result.notices.extend(community.notices)
            result.same["residents"] += community.same


class _Community:
    """One community: recognise, compare, find households. All of it in the constructor; then it is only read."""

    def __init__(self, code: str, rows: list[ResidentRow], standing: Standing, options: Options) -> None:
        self.code, self.rows, self.part = code, rows, options.part
        community = standing.communities.get(code)
        self.today = community.today if community else date.min
        self.stored = {r.id: r for r in standing.residents if r.community == code}
        self.by_phone: dict[str, list[StoredResident]] = defaultdict(list)
        self.by_name: dict[str, list[StoredResident]] = defaultdict(list)
        for resident in self.stored.values():
            if resident.phone:
                self.by_phone[resident.phone].append(resident)
            self.by_name[resident.name].append(resident)
        self.memberships: dict[int, list[StoredMembership]] = defaultdict(list)
        for membership in standing.memberships:
            if membership.room[0] == code:
                self.memberships[membership.resident_id].append(membership)
        self.persons: dict[str, list[ResidentRow]] = defaultdict(list)
        for row in rows:
            self.persons[row.phone].append(row)
        self.who: dict[str, StoredResident | None] = {}
        self.changes: list[Altered | PersonAdded | Joined | Left | Moved] = []
        self.problems: list[Problem] = []
        self.notices: list[str] = []
        self.same = 0
        self.adopted: set[int] = set()
        self.dates: dict[int, date | None] = {}
        self._recognise()
        self._numbers_of_two()
        if not self.problems:
            self._compare()
        ended = {change.membership_id for change in self._lefts()}
        self.leaving = sum(isinstance(change, Left) for change in self.changes)
        registered = [m for own in self.memberships.values() for m in own if m.present(self.today) and m.source == REGISTER]
        self.present = len(registered)
        self._remaining = [m for own in self.memberships.values() for m in own if m.present(self.today) and m.id not in ended]

    def inhabited(self) -> dict[RoomKey, tuple[str, int] | None]:
        rows: dict[RoomKey, tuple[str, int] | None] = {
            row.key: row.origin for row in self.rows if row.until is None or row.until >= self.today
        }
        return {membership.room: None for membership in self._remaining} | rows

    # ── Who is who ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _recognise(self) -> None:
        for phone, rows in self.persons.items():
            if found := self._one(r for r in self.by_phone[phone] if r.name == rows[0].name):
                self._is(phone, found)
        taken = {r.id for r in self.who.values() if r}
        for phone, rows in self.persons.items():
            if phone not in self.who and rows[0].former_phone not in ("", NEW):
                self._by_former_phone(phone, rows[0], taken)
        taken |= {r.id for r in self.who.values() if r}
        claims = {
            phone: self._by_number_or_home(phone, rows, taken)
            for phone, rows in self.persons.items()
            if phone not in self.who and rows[0].former_phone != NEW
        }
        times = Counter(found.id for found in claims.values() if found)
        for phone, claimed in claims.items():
            if claimed and times[claimed.id] > 1:
                self._ask(self.persons[phone][0], f"more than one row may be {masked(claimed.name)} of the register")
            elif claimed:
                self.who[phone] = claimed
        taken |= {r.id for r in self.who.values() if r}
        for phone, rows in self.persons.items():
            if phone not in self.who:
                if rows[0].former_phone != NEW:
                    self._namesakes(rows[0], taken)
                self.who[phone] = None

    def _is(self, phone: str, found: list[StoredResident]) -> None:
        if len(found) > 1:
            self._problem(
                self.persons[phone][0], "phone",
                f"{masked_phone(phone)} and this name are those of {len(found)} people of the register",
                "end the memberships of all but one at the desk",
            )  # fmt: skip
        self.who[phone] = found[-1]

    def _one(self, candidates: Iterable[StoredResident]) -> list[StoredResident]:
        """Those of the candidates who may be meant: present ones of the register, else present ones, else the latest."""
        found = list(candidates)
        registered = [r for r in found if any(m.source == REGISTER for m in self._present(r))]
        return registered or [r for r in found if self._present(r)] or found[-1:]

    def _by_former_phone(self, phone: str, row: ResidentRow, taken: set[int]) -> None:
        found = self._one(r for r in self.by_phone[row.former_phone] if r.id not in taken)
        if len(found) == 1 and all(r is None or r.id != found[0].id for r in self.who.values()):
            self.who[phone] = found[0]
            return
        had = "nobody has" if not found else "more than one person has"
        self._problem(
            row, "former_phone", f"{had} {masked_phone(row.former_phone)} in the register, or a row still gives it",
            "correct it; leave it empty, or write new, for somebody who was not in the register",
        )  # fmt: skip
        self.who[phone] = None

    def _by_number_or_home(self, phone: str, rows: list[ResidentRow], taken: set[int]) -> StoredResident | None:
        """Rules 3 and 4."""
        rooms, places = {row.key for row in rows}, {(row.key, row.leases) for row in rows}
        numbered = [r for r in self.by_phone[phone] if r.id not in taken and self._present(r)]
        at_home = [
            r
            for r in self.by_name[rows[0].name]
            if r.id not in taken and any(m.room in rooms for m in self._present(r)) and r not in numbered
        ]
        if len(numbered) == 1 and not at_home and all(m.place in places for m in self._present(numbered[0])):
            return numbered[0]
        if numbered:
            others = ", ".join(masked(r.name) for r in (*numbered, *at_home))
            self._ask(rows[0], f"{masked_phone(phone)} belongs to {others} in the register and to {masked(rows[0].name)} here")
        elif len(at_home) > 1:
            self._ask(rows[0], f"{len(at_home)} people of the name {masked(rows[0].name)} live in {shown(rows[0].key)}")
        elif at_home:
            if self._leaves(at_home[0]) or not at_home[0].phone:
                return at_home[0]
            self._ask(rows[0], f"somebody of this name lives in {shown(rows[0].key)} with the telephone "
                               f"{masked_phone(at_home[0].phone)}, and does not leave")  # fmt: skip
        return None

    def _namesakes(self, row: ResidentRow, taken: set[int]) -> None:
        """Moved with a new number, or one of two people of the same name: it cannot be known."""
        for resident in self.by_name[row.name]:
            if resident.id not in taken and self._leaves(resident) and not self._told(row):
                home = shown(self._present(resident)[0].room)
                self._ask(row, f"{masked(row.name)} of {home}, {masked_phone(resident.phone)}, would leave; they may be one person")
                return

    def _leaves(self, resident: StoredResident) -> bool:
        """Whether all of somebody's present memberships end if no row is theirs."""
        present = self._present(resident)
        return bool(present) and not self.part and all(m.source == REGISTER for m in present)

    def _numbers_of_two(self) -> None:
        """No update gives somebody the number of a person who stays; where two share one already it is mentioned."""
        recognised = {r.id for r in self.who.values() if r}
        for phone, rows in self.persons.items():
            already = (person := self.who[phone]) is not None and person.phone == phone
            for other in self.by_phone[phone]:
                if other.id in recognised or not self._present(other) or self._leaves(other):
                    continue
                if already:
                    self.notices.append(
                        f"residents: {masked(rows[0].name)} and {masked(other.name)}, added at the desk, share "
                        f"{masked_phone(phone)}; if they are one person end one of the two at the desk."
                    )
                elif not self._told(rows[0]):
                    self._problem(
                        rows[0], "phone", f"{masked_phone(phone)} belongs to {masked(other.name)}, who stays",
                        "correct the number, or end that membership first; if they are one person write the number into "
                        "former_phone",
                    )  # fmt: skip

    def _present(self, resident: StoredResident) -> list[StoredMembership]:
        return [m for m in self.memberships[resident.id] if m.present(self.today)]

    def _told(self, row: ResidentRow) -> bool:
        return any((problem.file, problem.row) == row.origin for problem in self.problems)

    def _ask(self, row: ResidentRow, problem: str) -> None:
        self._problem(
            row, "former_phone", problem,
            "if this is the same person write their telephone in the register into former_phone, if it is somebody else write new",
        )  # fmt: skip

    def _problem(self, row: ResidentRow, column: str, problem: str, remedy: str) -> None:
        self.problems.append(Problem(*row.origin, column, problem, remedy))

    # ── What becomes of their memberships ───────────────────────────────────────────────────────────────────────────

    def _compare(self) -> None:
        joined: dict[str, list[Joined]] = defaultdict(list)
        former: dict[tuple[str, Place], int] = {}
        said: set[tuple[int, Place]] = set()
        for phone, rows in self.persons.items():
            resident = self.who[phone]
            before = len(self.changes)
            if resident is None:
                self.changes.append(PersonAdded((self.code, phone), rows[0].name, rows[0].language))
            else:
                self._person(resident, rows[0])
            for row in rows:
                membership = self._latest(resident, row)
                if resident:
                    said.add((resident.id, (row.key, row.leases)))
                if not self._begins(row, membership):
                    if membership and membership.revoked_on is None:
                        self._dates(membership, row)
                    continue
                joined[phone].append(
                    Joined((self.code, phone), resident.id if resident else None, row.name, row.key, row.role,
                           row.since, row.until, None)
                )  # fmt: skip
                if membership and membership.ended_by == REGISTER:
                    former[phone, (row.key, row.leases)] = membership.household_id
            self.same += len(rows) * (len(self.changes) == before and not joined[phone])
        left = [] if self.part else self._missing(said)
        self._settle(joined, left, former)
        self._abandoned(left)

    def _person(self, resident: StoredResident, row: ResidentRow) -> None:
        after = (("name", row.name), ("phone", row.phone), ("language", row.language))
        values = tuple((c, getattr(resident, c), value) for c, value in after if getattr(resident, c) != value)
        if values:
            title = f"{masked(resident.name)} in {shown(row.key)}"
            self.changes.append(Altered("resident", self.code, resident.id, values, title))

    def _latest(self, resident: StoredResident | None, row: ResidentRow) -> StoredMembership | None:
        """The membership this row speaks of: one that is present, of the register if there are two, else the latest."""
        if resident is None:
            return None
        own = [m for m in self.memberships[resident.id] if m.place == (row.key, row.leases)]
        return max(own, key=lambda m: (m.present(self.today), m.source == REGISTER, m.id), default=None)

    def _begins(self, row: ResidentRow, membership: StoredMembership | None) -> bool:
        """Whether the row begins a membership, new or again."""
        if membership is None:
            return True
        ended = membership.revoked_on or membership.until
        if row.since and ended and row.since > ended:
            return True
        over = row.until is not None and row.until < self.today
        if membership.revoked_on is None or over:
            return False
        if membership.ended_by == REGISTER:
            return True
        self.notices.append(
            f"residents: {masked(row.name)} in {shown(row.key)} was ended at the desk on {membership.revoked_on}; it stays "
            "ended. Who comes back gets a since after that day."
        )
        return False

    def _dates(self, membership: StoredMembership, row: ResidentRow) -> None:
        """An empty date says nothing: an old file must not give back what has been ended."""
        if membership.until and not row.until:
            self.notices.append(
                f"residents: {masked(row.name)} in {shown(row.key)} ended on {membership.until}, the file names no end; it "
                "stays ended."
            )
        wanted = (
            ("role", row.role),
            ("since", row.since or membership.since),
            ("until", row.until or membership.until),
            ("source", REGISTER),
        )
        values = tuple((c, getattr(membership, c), v) for c, v in wanted if getattr(membership, c) != v)
        self.adopted.add(membership.id)
        self.dates[membership.id] = row.until or membership.until
        if values:
            title = f"{masked(row.name)} in {shown(row.key)}"
            self.changes.append(Altered("membership", self.code, membership.id, values, title))

    def _missing(self, said: set[tuple[int, Place]]) -> list[Left]:
        return [
            Left(m.id, resident_id, m.household_id, person.name, person.phone, m.room, m.role)
            for resident_id, person in self.stored.items()
            for m in self.memberships[resident_id]
            if m.present(self.today) and m.source == REGISTER and (resident_id, m.place) not in said
        ]

    def _settle(self, joined: dict[str, list[Joined]], left: list[Left], former: dict[tuple[str, Place], int]) -> None:
        """Households for those who join; who both leaves and joins has moved."""
        households: dict[HouseholdKey, int] = {}
        ended = {one.membership_id for one in left}
        for membership in sorted((m for own in self.memberships.values() for m in own), key=lambda m: m.id):
            registered = membership.source == REGISTER or membership.id in self.adopted
            if registered and membership.revoked_on is None and membership.id not in ended:
                until = self.dates.get(membership.id, membership.until)
                households[(*membership.place, until)] = membership.household_id
        theirs: dict[HouseholdKey, set[int]] = defaultdict(set)
        for phone, begun in joined.items():
            for one in begun:
                if (id_ := former.get((phone, one.place))) is not None:
                    theirs[(*one.place, one.until)].add(id_)
        for key, ids in theirs.items():
            if len(ids) == 1:
                households.setdefault(key, *ids)
        leaving: dict[int, list[Left]] = defaultdict(list)
        for gone in left:
            leaving[gone.resident_id].append(gone)
        for begun in joined.values():
            for one in begun:
                placed = replace(one, household_id=households.get((*one.place, one.until)))
                own = leaving.get(one.resident_id) if one.resident_id is not None else None
                self.changes.append(Moved(own.pop(0), placed) if own else placed)
        self.changes.extend(gone for own in leaving.values() for gone in own)

    def _abandoned(self, left: list[Left]) -> None:
        """Whoever was invited into a household whose people have all left is the desk's to decide on."""
        ended = {one.membership_id for one in left}
        remaining: dict[int, list[StoredMembership]] = defaultdict(list)
        for own in self.memberships.values():
            for membership in own:
                if membership.present(self.today) and membership.id not in ended:
                    remaining[membership.household_id].append(membership)
        for household in dict.fromkeys(one.household_id for one in left):
            stay = remaining[household]
            if stay and not any(m.source == REGISTER or m.id in self.adopted for m in stay):
                self.notices.append(
                    f"residents: {shown(stay[0].room)}: {len(stay)} added at the desk stay{'s' * (len(stay) == 1)} in a household "
                    "whose people have all left; end what should end at the desk."
                )

    def _lefts(self) -> list[Left]:
        return [c.left if isinstance(c, Moved) else c for c in self.changes if isinstance(c, Moved | Left)]
