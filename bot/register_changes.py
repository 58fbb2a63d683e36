"""The registers as they stand, and what an update of them may change: the words of `bot.register_compare`.

Values only, frozen and without a row of the database behind them, so that a comparison can be looked at, counted, shown to
an operator and carried out by somebody else (`bot.register_import`).
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final, TypeAlias

from bot.registers import Problem, RoomKey

PersonKey: TypeAlias = tuple[str, str]
"""Community and telephone: how the rows of a file say who somebody is."""
Place: TypeAlias = tuple[RoomKey, bool]
"""A room, and which of its households: that of the owners (False) or that of the tenants (True)."""

REGISTER: Final = "register"
"""`membership.source` and `ended_by` of what an update began or ended."""


# ── The registers as they stand ─────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class StoredCommunity:
    """`today` is the local date at which the comparison is made."""

    id: int
    code: str
    name: str
    name_en: str
    zone: str
    duty_phone: str
    today: date


@dataclass(frozen=True, slots=True)
class StoredRoom:
    id: int
    label: str
    floor: str


@dataclass(frozen=True, slots=True)
class StoredResident:
    id: int
    community: str
    name: str
    phone: str
    language: str


@dataclass(frozen=True, slots=True)
class StoredMembership:
    """`revoked_on` is the local date of `revoked_at`."""

    id: int
    resident_id: int
    household_id: int
    room: RoomKey
    role: str
    since: date | None
    until: date | None
    source: str
    revoked_on: date | None = None
    ended_by: str = ""

    @property
    def place(self) -> Place:
        return self.room, self.role == "tenant"

    def present(self, today: date) -> bool:
        """Not over; one that has not begun yet counts."""
        return self.revoked_on is None and (self.until is None or self.until >= today)


@dataclass(frozen=True, slots=True)
class StoredStaff:
    id: int
    community: str
    name: str
    role: str
    skills: tuple[str, ...]
    phone: str
    language: str
    active: bool
    open_tickets: int = 0


@dataclass(frozen=True, slots=True)
class Shift:
    """A shift on a weekday (0 = Monday) or a date, in minutes of the local day."""

    weekday: int | None
    day: date | None
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Standing:
    """The registers of the communities that the files name, as the database has them.

    Rows that have an order stand in the order of their ids. `tickets`: of a room's id, one ticket number and how many there
    are; `lived_in`: rooms with a household, of whatever time. `duty`: (member of staff, shift) → id.
    """

    communities: Mapping[str, StoredCommunity] = field(default_factory=dict)
    buildings: Mapping[tuple[str, str], tuple[int, str]] = field(default_factory=dict)  # id, name
    units: Mapping[tuple[str, str, str], int] = field(default_factory=dict)
    rooms: Mapping[RoomKey, StoredRoom] = field(default_factory=dict)
    residents: tuple[StoredResident, ...] = ()
    memberships: tuple[StoredMembership, ...] = ()
    staff: tuple[StoredStaff, ...] = ()
    duty: Mapping[tuple[int, Shift], int] = field(default_factory=dict)
    tickets: Mapping[int, tuple[str, int]] = field(default_factory=dict)
    lived_in: frozenset[int] = frozenset()


# ── What would change ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Added:
    """A new row of `table` in a community, without its keys; `title` names it for a reader."""

    table: str
    community: str
    values: tuple[tuple[str, Any], ...]
    title: str


@dataclass(frozen=True, slots=True)
class Altered:
    """A stored row of `table` with what it says before and after, by column."""

    table: str
    community: str
    id: int
    values: tuple[tuple[str, Any, Any], ...]
    title: str

    @property
    def resigned(self) -> bool:
        return self.table == "staff" and ("active", True, False) in self.values


@dataclass(frozen=True, slots=True)
class Gone:
    """A building, unit or room to which nothing refers: its row is deleted."""

    table: str
    community: str
    id: int
    title: str


@dataclass(frozen=True, slots=True)
class PersonAdded:
    """Somebody the register did not know; their memberships are `Joined` with the same key."""

    person: PersonKey
    name: str
    language: str


@dataclass(frozen=True, slots=True)
class Joined:
    """A membership begins. `resident_id` None: of the `PersonAdded` with this key. `household_id` None: of a household that
    is founded for all who join with the same room, side and `until`."""

    person: PersonKey
    resident_id: int | None
    name: str
    room: RoomKey
    role: str
    since: date | None
    until: date | None
    household_id: int | None

    @property
    def place(self) -> Place:
        return self.room, self.role == "tenant"


@dataclass(frozen=True, slots=True)
class Left:
    """A membership ends at once."""

    membership_id: int
    resident_id: int
    household_id: int
    name: str
    phone: str
    room: RoomKey
    role: str


@dataclass(frozen=True, slots=True)
class Moved:
    """The same person in another room, or in the same one on the other side of the lease."""

    left: Left
    joined: Joined


@dataclass(frozen=True, slots=True)
class ShiftAdded:
    """`staff_id` None: of the new member of staff of this name."""

    community: str
    staff: str
    staff_id: int | None
    shift: Shift


@dataclass(frozen=True, slots=True)
class ShiftRemoved:
    community: str
    staff: str
    id: int
    shift: Shift


Change: TypeAlias = (
    Added | Altered | Gone | PersonAdded | Joined | Left | Moved | ShiftAdded | ShiftRemoved
)


@dataclass(frozen=True, slots=True)
class Options:
    """`part`: the files are a part of the registers, who is missing stays. `leavers`: how many memberships the operator
    expects to end, where they are so many that the file may have been cut short."""

    part: bool = False
    leavers: int = 0


WHOLE: Final = Options()
"""The files are the registers."""


@dataclass(slots=True)
class Comparison:
    """Changes in the order in which they can be carried out. With `problems` nothing may be. `same` counts rows by register."""

    changes: list[Change] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    same: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    @property
    def fingerprint(self) -> str:
        """Two comparisons with the same fingerprint change the same rows in the same way."""
        return hashlib.sha256(repr((self.changes, self.problems)).encode()).hexdigest()

    def alter(
        self,
        register: str,
        target: str,
        community: str,
        id_: int,
        pairs: Iterable[tuple[str, Any, Any]],
        title: str,
    ) -> bool:
        """Note what differs of (column, before, after); nothing: the row is as before. Whether anything did."""
        values = tuple((column, before, after) for column, before, after in pairs if before != after)
        if values:
            self.changes.append(Altered(target, community, id_, values, title))
        else:
            self.same[register] += 1
        return bool(values)


def shown(room: RoomKey) -> str:
    """YH-4-1-703."""
    return "-".join(filter(None, room))
