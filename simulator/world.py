"""One simulation: the desk put together, the people set going, and at the end the oracle asked.

Everything is as in production except what the composition root hands in: the clock, chance, a phrase book for the language model,
and a folder that is thrown away.
"""

from __future__ import annotations

import asyncio
import atexit
import hashlib
import io
import logging
import os
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import structlog
from PIL import Image
from sqlalchemy import Connection, func, select

from bot.app import build_core, open_database
from bot.channels import Channel
from bot.channels.console import StaffBoard
from bot.clock import DeskClock
from bot.core.domain import Script
from bot.database import EVERY, Database
from bot.hearing import Ear
from bot.media import MediaStore
from bot.notebook import Notes
from bot.office import open_office
from bot.outbox import Outgoing
from bot.reception import Post, Reception
from bot.settings import ROOT, Settings
from bot.store import Flood
from bot.tables import table
from bot.turns import Desk
from bot.workers import Pace, Workers
from simulator import colleagues, oracle, strangers
from simulator.chance import Chance
from simulator.mishaps import DISK, Disk, DiskFailed
from simulator.people import PATIENCE, Deed, Home, PhraseBook, Resident, a_resident, marks
from simulator.platforms import Attempt, Platform, platforms
from simulator.virtual_time import SimulatedClock, VirtualLoop

#: Monday, nine o'clock in the community.
MORNING: Final = datetime(2027, 3, 1, 1, 0, tzinfo=UTC)
#: Longer than any wait between two tries of the outbox.
AFTERWARDS: Final = timedelta(hours=3)
#: How many of the staff act on tickets at once; which of them have a chat of their own, and who makes their codes.
_AT_WORK: Final = 4
_WITH_A_CHAT: Final = ("刘师傅", "丁小雯")
_MANAGER: Final = "方经理"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to simulate.

    Args:
        messages: of residents and staff to the desk, in all.
        residents: how many people write.
        rough: how much goes wrong on the way: 1 as in the tables of `mishaps`, 0 nothing.
        longest: seconds of real time after which people stop writing.
        reply_only: the share of people whose account may only reply (WeChat).
        processes: how many of them the desk has, on one database.
        patience: seconds that somebody waits for an answer.
        afterwards: how long the desk may take for what is owed when nobody writes any more.
        stories: what happens besides (`stories`).
        tamper: changes the adapter before it is used: a test takes a guard away.
    """

    channel: str
    seed: int
    messages: int
    residents: int = 60
    rough: float = 1.0
    longest: float = 3600.0
    reply_only: float = 0.0
    processes: int = 1
    patience: float = PATIENCE
    afterwards: timedelta = AFTERWARDS
    stories: tuple[Story, ...] = ()
    tamper: Callable[[Any], None] = lambda channel: None

    @property
    def command(self) -> str:
        """What replays it."""
        rough = f" --rough {self.rough:g}" if self.rough != 1.0 else ""
        rough += f" --reply-only {self.reply_only:g}" if self.reply_only else ""
        return (
            f"python -m simulator --channel {self.channel} --seed {self.seed} --messages {self.messages}"
            f" --residents {self.residents}{rough}"
        )


@dataclass(frozen=True, slots=True)
class Report:
    """What came of it. `faults` are the oracle's findings; none is well."""

    plan: Plan
    faults: tuple[str, ...]
    figures: dict[str, int]
    happened: Counter[str]
    lived: timedelta
    seconds: float
    #: Of what residents sent and saw: the same for the same seed, where nobody computes in a thread.
    digest: str

    @property
    def ok(self) -> bool:
        return not self.faults


#: Something that happens besides what everybody does.
Story: TypeAlias = Callable[["World"], Coroutine[Any, Any, None]]


class Logged(logging.Handler):
    """What libraries wrote into the log at INFO and above, which is what a desk's log keeps."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())

    def __enter__(self) -> Logged:
        logging.getLogger().addHandler(self)
        return self

    def __exit__(self, *error: object) -> None:
        logging.getLogger().removeHandler(self)


class PacedWorkers(Workers):
    """The workers with their ticks on the simulation's time: a scheduler that asks the system for the time cannot."""

    #: Sends that were ended for taking too long.
    cut_short: list[str]

    async def _send(self, row: Outgoing) -> tuple[str, str, str, timedelta | None]:
        begun = self.desk.machine.now()
        said = await super()._send(row)
        if self.desk.machine.now() - begun >= self.pace.send_limit:
            self.cut_short.append(row.text)
        return said

    def start(self, *, inbox_loops: int = 2) -> None:
        self._tasks = [asyncio.create_task(self._inbox_loop()) for _ in range(inbox_loops)]
        self._tasks.append(asyncio.create_task(self._outbox_loop()))
        self._tasks.append(asyncio.create_task(self._every("tick", self.tick)))
        self._tasks.append(asyncio.create_task(self._every("sweep", self.sweep)))

    async def _every(self, span: str, work: Callable[[], Any]) -> None:
        while True:
            await asyncio.sleep(getattr(self.pace, span).total_seconds())
            try:
                await work()
            except Exception:
                structlog.get_logger().exception("tick_failed")


@dataclass
class World:
    """All that one simulation knows."""

    plan: Plan
    clock: SimulatedClock
    chance: Chance
    platform: Platform
    database: Database
    desk: Desk
    desk_clock: DeskClock
    community_id: int
    reception: Reception
    workers: PacedWorkers
    phrases: PhraseBook
    marks: Iterator[str] = field(default_factory=marks)
    deeds: list[Deed] = field(default_factory=list)
    #: Mark of a request → the summaries somebody said yes to.
    assents: dict[str, set[tuple[str, int]]] = field(default_factory=dict)
    #: How often each person said yes to anything.
    yeses: Counter[str] = field(default_factory=Counter)
    absences: list[tuple[str, datetime, datetime]] = field(default_factory=list)
    people: list[Resident] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    #: What a loop's tasks raised and nobody caught, and what the log of a library said.
    uncaught: list[str] = field(default_factory=list)
    logged: Logged = field(default_factory=lambda: Logged())
    disk: Disk | None = None
    counted: int = 0
    begun: float = field(default_factory=time.monotonic)
    photo: bytes = b""
    _homes: list[Home] = field(default_factory=list)

    @property
    def goes_on(self) -> bool:
        return self.counted < self.plan.messages and time.monotonic() - self.begun < self.plan.longest

    def newcomer(self, who: str) -> Resident:
        number = len(self.people)
        person = a_resident(self, who, self._homes[number % len(self._homes)], self.chance.stream("person", number))
        self.people.append(person)
        return person


    async def code_for(self, home: Home) -> str:
        """What the QR code on a printed invite shows; "" when the platform gave none just now."""
        desk, community = self.desk, self.community_id
        code = await self.database.hop(
            lambda: desk.invite_into(community, None, home.household_id, "family", resident_id=home.resident_id, printed=True)
        )
        links = await self.reception.links(community, code, timedelta(days=7))
        return next((link for _, link in links), "")


def _homes(database: Database) -> list[Home]:
    """Who lives where, of the demo estate."""
    r, m, h, room, c = (table(n) for n in ("resident", "membership", "household", "room", "community"))
    query = (
        select(room.c.label, r.c.name, r.c.phone, r.c.id, h.c.id)
        .join_from(r, m, (m.c.resident_id == r.c.id) & (m.c.community_id == r.c.community_id))
        .join(h, (h.c.id == m.c.household_id) & (h.c.community_id == m.c.community_id))
        .join(room, (room.c.id == h.c.room_id) & (room.c.community_id == h.c.community_id))
        .join(c, c.c.id == r.c.community_id)
        .where(c.c.code == "YH")
        .order_by(r.c.id)
    )
    return [Home(*row) for row in database.read(EVERY, lambda conn: conn.execute(query).all())]


def simulate(plan: Plan) -> Report:
    """Run one simulation to its end."""
    loop = VirtualLoop()
    before = structlog.get_config()
    # What goes wrong here is meant to; the oracle speaks, not the log.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        asyncio.set_event_loop(loop)
        return loop.run_until_complete(_simulate(plan, loop))
    finally:
        structlog.configure(**before)
        asyncio.set_event_loop(None)
        loop.close()


@cache
def _script() -> Script:
    """The office's own texts and rules."""
    return open_office(ROOT)


@cache
def _estate() -> Path:
    """A folder in which the demo estate is kept ready, for as long as this program runs."""
    folder = tempfile.mkdtemp(prefix="simulator-estate-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return Path(folder)


def _in_memory() -> str | None:
    """A disk that need not be waited for: what is written is thrown away. None: the usual place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


async def _simulate(plan: Plan, loop: VirtualLoop) -> Report:
    clock, chance = SimulatedClock(loop, MORNING), Chance(plan.seed)
    platform = platforms()[plan.channel](clock, chance, plan.reply_only)
    platform.road.rough = plan.rough
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="simulator-", dir=_in_memory())))
        settings = Settings().model_copy(
            update={"var": _estate(), "db": f"sqlite:///{folder}/desk.db", "base_url": "https://desk.example"}
        )
        database = open_database(settings, lambda line: None)
        stack.callback(database.close)
        script = _script()
        desk_clock = DeskClock(clock)
        desk = Desk(database, build_core(script, MORNING.year, settings.site), desk_clock, clock)
        community_id = database.read(EVERY, lambda c: c.scalar(select(table("community").c.id).where(table("community").c.code == "YH")))
        assert community_id is not None
        await stack.enter_async_context(platform.running())
        policy = script.policy
        pace = Pace(
            burst=policy.burst_window,
            flood=Flood(policy.flood_window, policy.flood_per_speaker, policy.flood_per_account),
            poll=timedelta(seconds=2),
            tick=timedelta(seconds=5),
            sweep=timedelta(seconds=10),
        )
        jitter = chance.stream("outbox")
        media = MediaStore(folder / "media")
        phrases = PhraseBook()
        hear = Ear(phrases, script).hear
        processes: list[tuple[PacedWorkers, Reception]] = []
        for number in range(plan.processes):
            channels = platform.channels(lambda account: Notes(database, community_id, platform.name, account, clock))
            for channel in channels:
                plan.tamper(channel)
            by_name: dict[tuple[str, str], Channel] = {(c.name, c.account): c for c in channels}
            by_name["desk", ""] = StaffBoard()
            workers = PacedWorkers(desk, f"process {number}", hear, by_name, jitter.random, pace, media)
            workers.cut_short = []
            posts = [Post(community_id, c) for c in channels]
            processes.append((workers, Reception(workers, script.triage, posts, f"process {number}")))
        workers, reception = processes[0]
        await stack.enter_async_context(platform.serve(reception.routes()))
        world = World(plan, clock, chance, platform, database, desk, desk_clock, community_id, reception, workers, phrases, photo=_photo())
        world._homes = _homes(database)
        stack.enter_context(world.logged)
        loop.set_exception_handler(lambda _, context: _note(world, context))
        disk = world.disk = stack.enter_context(Disk(chance, DISK, plan.rough))
        for workers, reception in processes:
            workers.start()
            reception.start()
        try:
            await _live(world, community_id)
            platform.road.rough = disk.rough = 0.0
            await _settle(world)
        finally:
            for workers, reception in processes:
                await reception.stop()
                await workers.stop()
                await reception.close()
        happened = platform.road.happened + disk.happened
        faults = oracle.faults(world)
        return Report(
            plan, tuple(faults), oracle.figures(world), happened, clock.now() - MORNING, time.monotonic() - world.begun,
            _digest(world),
        )


def _note(world: World, context: dict[str, Any]) -> None:
    """An error that ended a task unseen. A failing disk may do that: what was to be written is in the database all the same."""
    error = context.get("exception")
    if not isinstance(error, DiskFailed):
        world.uncaught.append(f"{type(error).__name__}: {error}" if error else str(context.get("message")))


async def _live(world: World, community_id: int) -> None:
    """Everybody does what they do until the messages are used up."""
    platform = world.platform
    s = table("staff")
    staff = {
        row.name: row.id
        for row in world.database.read(EVERY,
            lambda c: c.execute(select(s.c.id, s.c.name).where(s.c.community_id == community_id)).all()
        )
    }
    # It ends when all have: whoever has just sent the last message waits for the answer to it.
    async with asyncio.TaskGroup() as everybody:
        for number in range(world.plan.residents):
            everybody.create_task(world.newcomer(platform.person(number)).live())
        for number in range(_AT_WORK):
            everybody.create_task(colleagues.work(world, number))
        for number, name in enumerate(_WITH_A_CHAT if world.goes_on else (), start=world.plan.residents):
            everybody.create_task(colleagues.join(world, platform.person(number), staff[name], staff[_MANAGER]))
        everybody.create_task(colleagues.nights(world))
        everybody.create_task(strangers.roam(world))
        for story in world.plan.stories:
            everybody.create_task(story(world))


async def _settle(world: World) -> None:
    """Nobody writes any more and nothing goes wrong: what is owed goes out. What waits for somebody to write has become a call to
    make a day later, of which all but its end is passed over."""
    o, i, c, m = table("outbox"), table("inbox"), table("conversation"), table("media")
    until = world.clock.now() + world.plan.afterwards
    waits = [person.who for person in world.people if world.platform.may_only_reply(person.who)]

    def left(conn: Connection) -> int:
        return sum(
            conn.execute(select(func.count()).where(condition)).scalar_one()
            for condition in (
                o.c.status.in_(("ready", "retry", "claimed")) & o.c.address.not_in(waits),
                i.c.status == "new",
                c.c.ready_at.is_not(None),
                m.c.status == "pending",
            )
        )

    while (world.platform.waiting() or world.database.read(EVERY, left) > 0) and world.clock.now() < until:
        await asyncio.sleep(5)
    await asyncio.sleep(5)
    if waits:
        usual, still = world.workers.pace, timedelta(hours=1)
        world.workers.pace = replace(usual, poll=still, tick=still, sweep=still)
        await asyncio.sleep((usual.reply_waits + still).total_seconds() + 10)


def _digest(world: World) -> str:
    """Without the colleagues' chats: their codes and links are secrets, and so of no seed."""
    residents = world.people[: world.plan.residents]
    names = {person.who for person in residents}
    lived = hashlib.sha256()
    for deed in world.deeds:
        if deed.who in names:
            lived.update(f"{deed.at.isoformat()} {deed.who} {deed.sent.content}\n".encode())
    for person in residents:
        for message in world.platform.seen(person.who):
            lived.update(f"{person.who} {message.number} {message.text}\n".encode())
    return lived.hexdigest()[:12]


def _photo() -> bytes:
    """A picture of a leak."""
    drawn = io.BytesIO()
    Image.new("RGB", (64, 48), (120, 140, 160)).save(drawn, "JPEG")
    return drawn.getvalue()

