"""Who belongs where, after any sequence of what can happen: a model beside the desk, on a real SQLite file.

The model keeps what it was told: who gave what to whom, until when, who took it away. It knows none of the desk's tables; after
every step the rows are compared with it. Conversations are held with the real core and no language model.
"""

from __future__ import annotations

import asyncio
import re
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import insert

from bot import casebook, identity
from bot.casebook import Asker
from bot.core.access import Refused
from bot.database import EVERY, Database
from bot.tables import table
from bot.work import NotFound
from tests.store.office import POLICY, open_office
from tests.turns.test_identity import real, says

TECHNICIAN, STEWARD, SUPERVISOR, FOREIGN_STEWARD = 1, 2, 3, 4
ADDRESSES = ("ann", "bob", "cid")
HOMES = {1: ("3栋2单元501", "3-2-501"), 2: ("3栋2单元502", "3-2-502")}
#: Of the register: resident → (name, last four figures, home).
PEOPLE = {1: ("王芳", "0000", 1), 2: ("李强", "1234", 2), 3: ("陈晨", "5678", 1)}
_CODE = re.compile(r"(?<!\w)[0-9A-Z]{5}-[0-9A-Z]{5}(?!\w)")

addresses = st.sampled_from(ADDRESSES)
homes = st.sampled_from(sorted(HOMES))


@dataclass
class Stay:
    """A membership as it was given."""

    id: int
    household: int
    resident: int
    role: str
    until: date | None = None
    ended: bool = False

    def holds(self, today: date) -> bool:
        return not self.ended and (self.until is None or today <= self.until)


@dataclass
class Code:
    """A code as it was made. `giver` is the resident who made it."""

    text: str
    expires: datetime
    household: int | None = None
    role: str = ""
    until: date | None = None
    resident: int | None = None
    staff: int | None = None
    giver: int | None = None
    foreign: bool = False
    used: bool = False


@dataclass
class Guess:
    at: datetime
    room: str


@dataclass
class Model:
    """What was given, taken and tried."""

    stays: list[Stay] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)
    who: dict[str, tuple[str, int] | None] = field(default_factory=lambda: dict.fromkeys(ADDRESSES))
    guesses: dict[str, list[Guess]] = field(default_factory=lambda: {a: [] for a in ADDRESSES})
    at_rooms: list[Guess] = field(default_factory=list)
    trail: Counter[str] = field(default_factory=Counter)

    def homes(self, resident: int | None, today: date) -> list[Stay]:
        return [s for s in self.stays if s.resident == resident and s.holds(today)]


class Bindings(RuleBasedStateMachine):
    """The desk and its model."""

    template: ClassVar[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="bindings-"))
        shutil.copy(self.template, self.folder / "desk.db")
        self.database = Database(f"sqlite:///{self.folder / 'desk.db'}")
        self.office = real(open_office(self.database))
        self.loop = asyncio.new_event_loop()
        self.model = Model()
        self.names = iter(f"{family}{given}" for given in "安宁静文" for family in "赵钱孙周吴郑冯")

    def teardown(self) -> None:
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.database.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @initialize()
    def furnish(self) -> None:
        def write(conn: Any) -> None:
            conn.execute(insert(table("resident")), [{"id": 3, "community_id": 1, "name": "陈晨", "phone": "13500005678"}])
            conn.execute(table("resident").update().where(table("resident").c.id == 2).values(phone="13900001234"))
            conn.execute(insert(table("membership")), [{"id": 3, "community_id": 1, "household_id": 1, "resident_id": 3, "role": "tenant",
                                                        "until": date(2027, 3, 3)}])  # fmt: skip
            conn.execute(insert(table("room")), [{"id": 3, "community_id": 2, "building_code": "3", "unit_code": "2", "room_code": "501", "label": "3-2-501"}])
            conn.execute(insert(table("household")), [{"id": 3, "community_id": 2, "room_id": 3}])
            conn.execute(insert(table("staff")), [{"id": FOREIGN_STEWARD, "community_id": 2, "name": "赵管家", "role": "steward"}])
            now = self.office.clock.now()
            conn.execute(insert(table("ticket")), [
                {"community_id": 1, "number": f"CY-BX-20270301-000{n}", "kind": "repair", "status": "submitted", "household_id": n,
                 "opened_at": now, "updated_at": now} for n in HOMES
            ])  # fmt: skip

        self.database.write(EVERY, write)
        self.model.stays = [Stay(1, 1, 1, "owner"), Stay(2, 2, 2, "owner"), Stay(3, 1, 3, "tenant", date(2027, 3, 3))]
        for address, resident in (("ann", 1), ("bob", 3)):  # two of one home are known from before
            self.say(address, "/start")
            self.office.bind(address, resident)
            self.model.who[address] = ("resident", resident)

    # ── what both sides know ──

    @property
    def now(self) -> datetime:
        return self.office.clock.now()

    @property
    def today(self) -> date:
        return (self.now + timedelta(hours=8)).date()

    def say(self, address: str, *texts: str, button: str = "") -> str:
        return self.loop.run_until_complete(says(self.office, address, *texts, button=button))

    def afresh(self, address: str) -> None:
        """Whatever was being asked is dropped."""
        self.say(address, button="cancel")

    def talk(self, address: str) -> Any:
        found = self.office.rows("conversation", "id", "resident_id", "staff_id", address=address, community_id=1)
        return found[0] if found else (None, None, None)

    def resident(self, address: str) -> int | None:
        who = self.model.who[address]
        return who[1] if who is not None and who[0] == "resident" else None

    def is_colleague(self, address: str) -> bool:
        who = self.model.who[address]
        return who is not None and who[0] == "staff"

    def mine(self, address: str) -> list[Stay]:
        return self.model.homes(self.resident(address), self.today)

    def lately(self, guesses: list[Guess]) -> list[Guess]:
        return [g for g in guesses if g.at > self.now - POLICY.tries_window]

    def joins(self, household: int, resident: int, role: str, until: date | None) -> None:
        if all(s.household != household for s in self.model.homes(resident, self.today)):
            new = max(i for (i,) in self.office.rows("membership", "id"))
            self.model.stays.append(Stay(new, household, resident, role, until))

    # ── codes are made ──

    @rule(household=homes, role=st.sampled_from(("owner", "family", "tenant")), days=st.sampled_from((None, 1, 3)))
    def staff_invite(self, household: int, role: str, days: int | None) -> None:
        with pytest.raises(Refused):
            self.office.desk.invite_into(1, TECHNICIAN, household, role)
        with pytest.raises(NotFound):
            self.office.desk.invite_into(2, FOREIGN_STEWARD, household, role)
        until = None if days is None else self.today + timedelta(days=days)
        text = self.office.desk.invite_into(1, STEWARD, household, role, until=until)
        self.model.codes.append(Code(text, self.now + POLICY.invite_valid, household, role, until))
        self.model.trail["invited"] += 1

    @rule(resident=st.sampled_from(sorted(PEOPLE)))
    def staff_invite_somebody_of_the_register(self, resident: int) -> None:
        home = PEOPLE[resident][2]
        text = self.office.desk.invite_into(1, STEWARD, home, "family", resident_id=resident)
        self.model.codes.append(Code(text, self.now + POLICY.invite_valid, home, "family", resident=resident))
        self.model.trail["invited"] += 1

    @rule()
    def another_community_invites(self) -> None:
        text = self.office.desk.invite_into(2, FOREIGN_STEWARD, 3, "family")
        self.model.codes.append(Code(text, self.now + POLICY.invite_valid, 3, "family", foreign=True))
        self.model.trail["invited"] += 1

    @rule(staff=st.sampled_from((TECHNICIAN, STEWARD)))
    def a_colleague_is_invited(self, staff: int) -> None:
        text = self.office.desk.invite_colleague(1, SUPERVISOR, staff)
        self.model.codes.append(Code(text, self.now + POLICY.staff_invite_valid, staff=staff))
        self.model.trail["invited"] += 1

    @rule(address=addresses, household=homes)
    def a_resident_invites_family(self, address: str, household: int) -> None:
        self.afresh(address)
        found = _CODE.findall(self.say(address, button=f"house:family:{household}"))
        owns = any(s.household == household and s.role == "owner" for s in self.mine(address))
        assert len(found) == int(owns), "an owner alone brings somebody in, and into the own home alone"
        for text in found:
            self.model.codes.append(
                Code(text, self.now + POLICY.invite_valid, household, "family", giver=self.resident(address))
            )
            self.model.trail["invited"] += 1

    @rule(address=addresses)
    def a_resident_takes_another_device(self, address: str) -> None:
        self.afresh(address)
        found = _CODE.findall(self.say(address, button="house:me"))
        mine = self.mine(address)
        assert len(found) == int(bool(mine))
        for text in found:
            me = self.resident(address)
            self.model.codes.append(
                Code(text, self.now + POLICY.invite_valid, mine[0].household, mine[0].role, resident=me, giver=me)
            )
            self.model.trail["invited"] += 1

    # ── ways in ──

    def _is_good(self, code: Code) -> bool:
        if code.used or code.foreign or code.expires <= self.now:
            return False
        if code.giver is None:
            return True
        given = [s for s in self.model.homes(code.giver, self.today) if s.household == code.household]
        return any(s.role == "owner" or code.resident == code.giver for s in given)

    @precondition(lambda self: self.model.codes)
    @rule(address=addresses, data=st.data())
    def somebody_redeems(self, address: str, data: st.DataObject) -> None:
        self._redeems(address, data.draw(st.sampled_from(self.model.codes[-4:])))

    @precondition(lambda self: self.model.codes)
    @rule(address=addresses)
    def somebody_redeems_the_latest(self, address: str) -> None:
        self._redeems(address, self.model.codes[-1])

    def _redeems(self, address: str, code: Code) -> None:
        self.afresh(address)
        if self.is_colleague(address):
            self.say(address, code.text, "同意")
            return
        self.say(address, code.text)
        allowed = len(self.lately(self.model.guesses[address])) < POLICY.tries_per_speaker
        if not (allowed and self._is_good(code)):
            self.model.guesses[address].append(Guess(self.now, "code"))
            self.say(address, "同意", next(self.names))
            return
        before = self.resident(address)
        self.say(address, "同意")
        if code.staff is None and code.resident is None and before is None:
            assert self.talk(address)[1] is None, "nobody is anybody before they said who"
            self.say(address, next(self.names))
        code.used = True
        self.model.trail["bound"] += 1
        if code.staff is not None:
            self.model.who[address] = ("staff", code.staff)
            return
        became = self.talk(address)[1]
        assert became is not None, "a good code was refused"
        known = {s.resident for s in self.model.stays}
        assert became == (code.resident or before) or (code.resident is before is None and became not in known)
        assert code.household is not None
        self.joins(code.household, became, code.role, code.until)
        self.model.who[address] = ("resident", became)

    @rule(
        address=addresses, resident=st.sampled_from(sorted(PEOPLE)),
        wrong=st.sampled_from(("", "", "name", "tail", "room")),
    )  # fmt: skip
    def somebody_is_looked_up_in_the_roster(self, address: str, resident: int, wrong: str) -> None:
        name, tail, home = PEOPLE[resident]
        said, key = HOMES[3 - home if wrong == "room" else home]
        self.afresh(address)
        self.say(address, button="bind:more")
        answer = self.say(
            address, "同意", said, "孙悟空" if wrong == "name" else name, "9999" if wrong == "tail" else tail
        )
        if self.is_colleague(address):
            return
        own, there = self.lately(self.model.guesses[address]), [g for g in self.lately(self.model.at_rooms) if g.room == key]
        too_soon = bool(own) and self.now < max(g.at for g in own) + POLICY.try_again_after * 2 ** (len(own) - 1)
        if len(own) >= POLICY.tries_per_speaker or len(there) >= POLICY.tries_per_room or too_soon:
            assert "已绑定" not in answer
            return
        if not wrong and any(s.household == home for s in self.model.homes(resident, self.today)):
            self.model.who[address] = ("resident", resident)
            self.model.trail["bound"] += 1
            return
        guess = Guess(self.now, key)
        self.model.guesses[address].append(guess)
        self.model.at_rooms.append(guess)

    @rule(address=addresses, household=homes)
    def staff_recognise_an_applicant(self, address: str, household: int) -> None:
        if self.is_colleague(address):
            return
        self.afresh(address)
        self.say(address, button="bind:papers")
        self.say(address, "同意", HOMES[household][0], next(self.names), "租客", "不同意", "13811112222")
        talk_id, before, _ = self.talk(address)
        number = self.office.rows("ticket", "number", category="binding", conversation_id=talk_id)[-1][0]
        with pytest.raises(Refused):
            self.office.desk.recognise(1, TECHNICIAN, number, household, "tenant")
        self.office.desk.recognise(1, STEWARD, number, household, "tenant")
        became = self.talk(address)[1]
        assert became == before if before is not None else became not in {s.resident for s in self.model.stays}
        self.joins(household, became, "tenant", None)
        self.model.who[address] = ("resident", became)
        self.model.trail["bound"] += 1

    # ── ways out ──

    @rule(address=addresses, data=st.data())
    def a_resident_removes_somebody(self, address: str, data: st.DataObject) -> None:
        stay = data.draw(st.sampled_from(self.model.stays))
        owned = {s.household for s in self.mine(address) if s.role == "owner"}
        may = stay.household in owned and stay.holds(self.today) and stay.resident != self.resident(address)
        self.afresh(address)
        self.say(address, button=f"house:remove:{stay.id}")
        self.say(address, "确定")
        if may:
            stay.ended = True
            self.model.trail["revoked"] += 1

    @rule(data=st.data())
    def staff_end_a_membership(self, data: st.DataObject) -> None:
        stay = data.draw(st.sampled_from(self.model.stays))
        for community, staff in ((1, TECHNICIAN), (2, FOREIGN_STEWARD)):
            with pytest.raises((Refused, NotFound)):
                self.office.desk.end_membership(community, staff, stay.id)
        if stay.ended:
            with pytest.raises(NotFound):
                self.office.desk.end_membership(1, STEWARD, stay.id)
            return
        self.office.desk.end_membership(1, STEWARD, stay.id)
        stay.ended = True
        self.model.trail["revoked"] += 1

    @rule(address=addresses, device=addresses)
    def somebody_moves_out_with_a_code_in_the_pocket(self, address: str, device: str) -> None:
        before = len(self.model.codes)
        self.a_resident_takes_another_device(address)
        for stay in self.mine(address):
            self.office.desk.end_membership(1, STEWARD, stay.id)
            stay.ended = True
            self.model.trail["revoked"] += 1
        for code in self.model.codes[before:]:
            self._redeems(device, code)

    @rule(address=addresses)
    def somebody_leaves(self, address: str) -> None:
        self.afresh(address)
        if self.is_colleague(address):
            self.say(address, button="staff:leave")
        elif self.mine(address):
            self.say(address, button="house:leave")
            self.say(address, "确定")
        else:
            self.say(address, button="house:leave")
            return
        self.model.who[address] = None
        self.model.trail["unbound"] += 1

    @rule(address=addresses)
    def somebody_is_forgotten(self, address: str) -> None:
        self.afresh(address)
        self.say(address, button="privacy:forget")
        self.say(address, "确定")
        if self.is_colleague(address):
            return
        self.model.who[address] = None
        self.model.guesses[address] = []  # a new contact; at the rooms it stays counted
        self.model.trail["unbound"] += 1
        self.model.trail["forgotten"] += 1

    @rule(by=st.sampled_from((timedelta(minutes=1), timedelta(minutes=10), timedelta(hours=7), timedelta(hours=25))))
    def time_passes(self, by: timedelta) -> None:
        self.office.machine.forward(by)

    # ── what always holds ──

    @invariant()
    def everybody_is_who_they_were_said_to_be(self) -> None:
        for address, who in self.model.who.items():
            _, resident, staff = self.talk(address)
            assert (resident, staff) == ((None, None) if who is None else (who[1], None) if who[0] == "resident" else (None, who[1]))

    @invariant()
    def everybody_has_the_homes_they_were_given(self) -> None:
        for (resident,) in self.office.rows("resident", "id", community_id=1):
            has = self.database.read(EVERY, lambda c, r=resident: identity.bindings(c, 1, r, self.today))  # type: ignore[misc]
            assert [(b.household_id, b.role, b.until) for b in has] == [
                (s.household, s.role, s.until) for s in self.model.homes(resident, self.today)
            ]

    @invariant()
    def a_ticket_is_its_members_of_today(self) -> None:
        for address in ADDRESSES:
            talk_id = self.talk(address)[0]
            asker = Asker(1, talk_id, self.resident(address), self.today)
            mine = {s.household for s in self.mine(address)}
            for household in HOMES:
                number = f"CY-BX-20270301-000{household}"
                seen = self.database.read(EVERY, lambda c, a=asker, n=number: casebook.own_by_number(c, a, n))  # type: ignore[misc]
                assert (seen is not None) == (household in mine), (address, household)

    @invariant()
    def a_code_is_used_once_and_kept_as_a_hash(self) -> None:
        used = [row for row in self.office.rows("invite", "used_at", "used_by") if row[0] is not None]
        assert len(used) == sum(code.used for code in self.model.codes)
        assert all(by is not None for _, by in used)

    @invariant()
    def every_change_has_its_line(self) -> None:
        assert Counter(what for (what,) in self.office.rows("identity_event", "what")) == self.model.trail

    @invariant()
    def tries_stay_within_their_limits(self) -> None:
        rows = self.office.rows("bind_attempt", "conversation_id", "room", "at", matched=False)
        at_rooms = [(room, at) for _, room, at in rows if room != "code"]
        assert Counter(at_rooms) == Counter((g.room, g.at) for g in self.model.at_rooms)
        for room, at in at_rooms:
            within = [a for r, a in at_rooms if r == room and at - POLICY.tries_window < a <= at]
            assert len(within) <= POLICY.tries_per_room
        for talk_id, _, at in rows:
            within = [a for t, r, a in rows if t == talk_id and r != "code" and at - POLICY.tries_window < a <= at]
            assert len(within) <= POLICY.tries_per_speaker


@pytest.fixture
def machine(sqlite_template: Path) -> Iterator[type[Bindings]]:
    Bindings.template = sqlite_template
    yield Bindings


def test_any_sequence_leaves_everybody_with_what_they_were_given(machine: type[Bindings]) -> None:
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=25, stateful_step_count=25, derandomize=True, deadline=None, database=None,
            phases=(Phase.generate,),  # a failing sequence is short enough as it is, and each takes seconds
            suppress_health_check=list(HealthCheck),
        ),
    )  # fmt: skip
