"""A small office for the tests: one community, a household, staff; clocks that only the test moves; a core of a few words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml
from sqlalchemy import Connection, insert, select, text

from bot import store
from bot.channels import Inbound, Limits, Message, SendError
from bot.clock import DeskClock
from bot.core import policy
from bot.core.codec import state_from_json, state_to_json
from bot.core.tickets import INITIAL, KIND_CODES, is_open, move
from bot.core.types import (
    Community,
    Event,
    Facts,
    Heard,
    NeedMore,
    OpenTicket,
    Remind,
    Say,
    State,
    Tell,
    TicketDraft,
    TicketMoved,
    TicketView,
    TimerFired,
    Turn,
)
from bot.database import EVERY, Database
from bot.store import Accepted, Claim
from bot.tables import table
from bot.turns import Desk
from bot.work import Core
from bot.workers import Hearing, Pace, Workers

MORNING = datetime(2027, 3, 1, 1, 0, tzinfo=UTC)
"""Monday, nine o'clock in Beijing."""
LEASE = timedelta(seconds=30)
BURST = timedelta(seconds=1)


class HandClock:
    """A machine clock that only the test moves."""

    def __init__(self, now: datetime = MORNING) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def forward(self, by: timedelta) -> None:
        self._now += by


@dataclass(frozen=True)
class Clockwork:
    kind: str
    round: int
    at: datetime


def first_response_in_an_hour(_: Community, ticket: TicketView, paused: timedelta) -> Sequence[Clockwork]:
    """A repair is to be answered within an hour and done within a day; a pause puts the day off."""
    assert ticket.opened_at is not None
    if not is_open(ticket) or ticket.status == "resolved":
        return ()
    clocks = []
    if ticket.status in ("submitted", "open"):
        clocks.append(Clockwork("sla_first_response", 1, ticket.opened_at + timedelta(hours=1)))
    if ticket.status != "on_hold":
        clocks.append(Clockwork("sla_resolve", 1, ticket.opened_at + timedelta(hours=24) + paused))
    return clocks


Answer = Callable[[State, Event, Facts], Turn | NeedMore]


@dataclass
class Script:
    """What the stub core answers: to the exact words heard, to a staff action, to a timer. The test adds its own."""

    heard: dict[str, Answer] = field(default_factory=dict)
    moved: Answer = lambda state, event, facts: Turn(
        state, (Say(f"{_moved(event).ticket.number} {_moved(event).action}", key="utter_moved"),)
    )
    timers: dict[str, Answer] = field(default_factory=dict)

    def step(self, state: State, event: Event, facts: Facts) -> Turn | NeedMore:
        if isinstance(event, TimerFired):
            answer = self.timers.get(event.kind)
            return answer(state, event, facts) if answer else Turn(state)
        if isinstance(event, TicketMoved):
            return self.moved(state, event, facts)
        said = event.button or event.text
        answer = self.heard.get(said, _repeat)
        turn = answer(state, event, facts)
        return (
            turn if isinstance(turn, NeedMore) else Turn(turn.state.but(turns=state.turns + 1), turn.effects)
        )


def _moved(event: Event) -> TicketMoved:
    assert isinstance(event, TicketMoved)
    return event


def _repeat(state: State, event: Event, facts: Facts) -> Turn:
    assert isinstance(event, Heard)
    return Turn(state, (Say(f"您说:{event.button or event.text}", key="utter_repeat"),))


def ask_confirmation(state: State, event: Event, facts: Facts) -> Turn:
    assert isinstance(event, Heard)
    return Turn(state.but(slots={"draft": event.text}), (Say("确认报修吗?", key="utter_confirm"),))


def on_yes(state: State, event: Event, facts: Facts) -> Turn:
    """Opens the ticket that was asked about; without a question "是" means nothing."""
    draft = state.slots.get("draft")
    if draft is None:
        return Turn(state, (Say("请问有什么可以帮您?", key="utter_hello"),))
    household = facts.speaker.bindings[0].household_id if facts.speaker.bindings else None
    ticket = TicketDraft("repair", "minor", str(draft), contact="13800000000", household_id=household)
    return Turn(
        state.but(slots={}),
        (
            OpenTicket(ticket, (Say("已登记,单号{number}", key="utter_filed"),)),
            Tell("technician", "utter_staff_new_ticket"),
            Remind("survey", facts.now + timedelta(days=2)),
        ),
    )


def story() -> Script:
    """A resident reports a leak and confirms it."""
    return Script(heard={"水管漏水": ask_confirmation, "是": on_yes})


def words(key: str, values: Mapping[str, Any], language: str) -> str:
    return f"{key} {values.get('number', '')} {language}".strip()


POLICY = policy.load(yaml.safe_load((Path(__file__).parents[2] / "data" / "policy.yml").read_text(encoding="utf-8")))


def core(script: Script) -> Core:
    return Core(
        step=script.step,
        move=move,
        deadlines=first_response_in_an_hour,
        encode=state_to_json,
        decode=state_from_json,
        is_open=is_open,
        initial=INITIAL,
        kind_codes=KIND_CODES,
        words=words,
        policy=POLICY,
        site="https://desk.example",
    )


def furnish(conn: Connection) -> None:
    """Community 1 (CY) with rooms 3-2-501 and 3-2-502, the Wangs in 501, and staff; community 2 (HD), empty."""
    conn.execute(
        insert(table("community")),
        [
            {"id": 1, "code": "CY", "name": "朝阳花园", "zone": "Asia/Shanghai", "duty_phone": "010-1"},
            {"id": 2, "code": "HD", "name": "海淀家园", "zone": "Asia/Shanghai", "duty_phone": "010-2"},
        ],
    )
    rooms = [{"id": n, "community_id": 1, "building_code": "3", "unit_code": "2", "room_code": code, "label": f"3-2-{code}"}
             for n, code in ((1, "501"), (2, "502"))]  # fmt: skip
    conn.execute(insert(table("room")), rooms)
    conn.execute(insert(table("household")), [{"id": n, "community_id": 1, "room_id": n} for n in (1, 2)])
    conn.execute(
        insert(table("resident")),
        [{"id": 1, "community_id": 1, "name": "王芳", "phone": "13800000000"},
         {"id": 2, "community_id": 1, "name": "李强", "phone": "13900000000"}],
    )  # fmt: skip
    conn.execute(
        insert(table("membership")),
        [{"community_id": 1, "household_id": n, "resident_id": n, "role": "owner"} for n in (1, 2)],
    )
    conn.execute(
        insert(table("staff")),
        [{"id": n, "community_id": 1, "name": name, "role": role}
         for n, name, role in ((1, "张师傅", "technician"), (2, "刘管家", "steward"), (3, "陈主管", "supervisor"))],
    )  # fmt: skip
    if conn.dialect.name == "postgresql":  # its sequences do not know the ids given above
        for name in ("community", "room", "household", "resident", "staff"):
            conn.execute(text(f"SELECT setval(pg_get_serial_sequence('{name}', 'id'), 1000)"))


class Platform:
    """A channel that keeps what it was given, and refuses what the test says."""

    def __init__(self, name: str = "telegram") -> None:
        self.name = name
        self.account = "bot" if name != "desk" else ""
        self.limits = Limits()
        self.sent: list[tuple[str, str]] = []
        self.refusals: list[SendError] = []
        #: How it calls the next messages; {} is the desk's own number of one.
        self.names: list[str] = []

    @property
    def reach(self) -> Any:
        return "always"

    async def send(self, to: str, message: Message) -> str:
        if self.refusals:
            raise self.refusals.pop(0)
        self.sent.append((to, message.text))
        return self.names.pop(0).format(message.id) if self.names else f"{self.name}-{len(self.sent)}"


async def plainly(claim: Claim) -> Hearing:
    """Hears the words as they are; no language model."""
    rows = [r.message for r in claim.rows]
    heard = Heard("\n".join(m.text for m in rows if m.text), button=rows[0].button, understood=False)
    return Hearing(heard)


@dataclass
class Office:
    """Everything a test of the use cases needs, on hand clocks."""

    database: Database
    machine: HandClock
    clock: DeskClock
    script: Script
    desk: Desk
    workers: Workers
    telegram: Platform
    staff_page: Platform
    _ids: int = 0

    def say(
        self, text: str, *, address: str = "wang", button: str | None = None, external_id: str = ""
    ) -> Accepted:
        """The resident writes, and the burst window passes."""
        self._ids += 1
        message = Inbound("telegram", "bot", external_id or f"m{self._ids}", address, text, button)
        accepted = self.database.write(
            1,
            lambda c: store.accept(
                c, 1, message, now=self.clock.now(), machine_now=self.machine.now(), burst=BURST
            )
        )
        return accepted

    async def answer(self) -> int:
        """Let everything that waits be heard and answered. Returns how many bursts were."""
        self.machine.forward(BURST)
        count = 0
        while await self.workers.hear_one():
            count += 1
        return count

    async def deliver(self) -> None:
        while await self.workers.send_some():
            pass

    async def talk(self, *texts: str, address: str = "wang") -> None:
        for words in texts:
            self.say(words, address=address)
            await self.answer()

    def bind(self, address: str, resident_id: int) -> None:
        c = table("conversation")
        self.database.write(
            EVERY,
            lambda conn: conn.execute(
                c.update().where(c.c.address == address).values(resident_id=resident_id)
            )
        )

    def rows(self, name: str, /, *columns: str, **where: Any) -> list[tuple[Any, ...]]:
        t = table(name)
        query = select(*(t.c[c] for c in columns)).where(*(t.c[k] == v for k, v in where.items()))
        return [
            tuple(r) for r in self.database.read(EVERY, lambda c: c.execute(query.order_by(*t.primary_key)).all())
        ]


def open_office(database: Database, script: Script | None = None) -> Office:
    """A furnished office on this database."""
    database.write(EVERY, furnish)
    return office(database, script or story())


def office(
    database: Database, script: Script, machine: HandClock | None = None, holder: str = "w1"
) -> Office:
    machine = machine or HandClock()
    clock = DeskClock(machine)
    clock.load(database)
    desk = Desk(database, core(script), clock, machine)
    telegram, page = Platform(), Platform("desk")
    workers = Workers(
        desk,
        holder,
        plainly,
        {("telegram", "bot"): telegram, ("desk", ""): page},
        jitter=lambda: 0.5,
        pace=Pace(lease=LEASE, burst=BURST),
    )
    return Office(database, machine, clock, script, desk, workers, telegram, page)
