"""Two communities with the same buildings, and a token in everything that is anybody's."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Any

from sqlalchemy import Connection, insert, text

from bot.database import EVERY, Database
from bot.tables import table
from tests.canary.mint import Mint

CODES = {1: "YH", 2: "LC"}
ROLES = ("technician", "technician", "cleaner", "guard", "cashier", "steward", "supervisor", "manager")
FIRST_DAY = date(2026, 11, 23)


@dataclass(frozen=True)
class Home:
    """A room and its household; `said` is its address as a resident says it."""

    community: int
    household: int
    label: str
    said: str


@dataclass(frozen=True)
class Person:
    """Somebody of the register."""

    community: int
    id: int
    name: str
    phone: str
    home: Home
    role: str


@dataclass(frozen=True)
class Worker:
    community: int
    id: int
    name: str
    role: str


@dataclass(frozen=True)
class Mouth:
    """Somebody who can write: an address on a channel. `who` is whom the register takes it for at the beginning."""

    community: int
    channel: str
    account: str
    address: str
    who: Person | None = None
    group: bool = False
    token: str = ""  # of a page


@dataclass
class Estate:
    homes: list[Home] = field(default_factory=list)
    people: list[Person] = field(default_factory=list)
    staff: list[Worker] = field(default_factory=list)
    mouths: list[Mouth] = field(default_factory=list)


def furnish(database: Database, mint: Mint, rng: Random) -> Estate:
    """Write the registers. Of each household somebody can write already; of some, somebody who has moved out can, too."""
    made = Estate()
    rows: dict[str, list[dict[str, Any]]] = {
        name: [] for name in ("community", "room", "household", "resident", "membership", "staff", "conversation")
    }
    for community, code in CODES.items():
        rows["community"].append(
            {"id": community, "code": code, "name": code, "name_en": code, "zone": "Asia/Shanghai", "duty_phone": "010-1"}
        )
        for role in ROLES:
            worker = Worker(community, len(made.staff) + 1, f"{code}{role}{len(made.staff)}", role)
            made.staff.append(worker)
            rows["staff"].append(
                {"id": worker.id, "community_id": community, "name": worker.name, "role": role, "phone": mint.phone(community, "duty")}
            )
        for number, (building, unit, room) in enumerate(
            [(b, u, r) for b in ("1", "2") for u in ("1", "2") for r in ("101", "102", "201")]
        ):
            place = len(made.homes) + 1
            label = f"{building}-{unit}-{room} {mint.word('room', community)}"
            home = Home(community, place, label, f"{building}栋{unit}单元{room}")
            made.homes.append(home)
            rows["room"].append(
                {"id": place, "community_id": community, "building_code": building, "unit_code": unit, "room_code": room, "label": label}
            )
            rows["household"].append({"id": place, "community_id": community, "room_id": place})
            for role, since, until in _household(number):
                _move_in(made, rows, mint, home, role, since, until)
        for n in range(3):
            made.mouths.append(Mouth(community, "telegram", f"bot{community}", f"stranger{community}-{n}"))
        made.mouths.append(Mouth(community, "telegram", f"bot{community}", f"group{community}", group=True))
    for n in range(4):
        who = made.people[rng.randrange(len(made.people))]
        token = f"page-{n}-" + "x" * 32
        made.mouths.append(Mouth(who.community, "webchat", "", "", who if n % 2 else None, token=token))

    def write(conn: Connection) -> None:
        for name, values in rows.items():
            conn.execute(insert(table(name)), values)
            if conn.dialect.name == "postgresql" and name not in ("membership", "conversation"):
                conn.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), 1000)"))

    database.write(EVERY, write)
    return made


def _household(number: int) -> list[tuple[str, date | None, date | None]]:
    """Who lives in the nth room: role, since, until. Leases end on different days of the first week; one has ended long ago."""
    ends = FIRST_DAY + timedelta(days=number % 4)
    return [
        ("owner", None, None),
        [("family", None, None), ("tenant", None, ends), ("tenant", None, FIRST_DAY - timedelta(days=9))][number % 3],
    ]


def _move_in(
    made: Estate, rows: dict[str, list[dict[str, Any]]], mint: Mint, home: Home, role: str, since: date | None, until: date | None
) -> None:
    community, number = home.community, len(made.people) + 1
    person = Person(community, number, f"Anna {mint.word('name', community)}", mint.phone(community), home, role)
    made.people.append(person)
    rows["resident"].append({"id": number, "community_id": community, "name": person.name, "phone": person.phone})
    rows["membership"].append(
        {"community_id": community, "household_id": home.household, "resident_id": number, "role": role, "since": since, "until": until}
    )
    mouth = Mouth(community, "telegram", f"bot{community}", f"tg-{number}", person)
    made.mouths.append(mouth)
    bound = number % 5 != 0  # some must find their way in themselves
    rows["conversation"].append(
        {"community_id": community, "channel": mouth.channel, "account": mouth.account, "address": mouth.address,
         "resident_id": number if bound else None, "bound_by": "roster" if bound else "", "state": {}, "state_version": 0}
    )  # fmt: skip
