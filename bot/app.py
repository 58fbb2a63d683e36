"""The composition root: settings and files in, a running desk out. The only module that knows everything."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import random
import shutil
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from sqlalchemy import select

from bot import accounts, migrations, office, register_import, suggestions
from bot.channels import Announces, Channel
from bot.channels.webchat import WebChat
from bot.clock import Clock, DeskClock, MachineClock
from bot.core import deadlines, dialogue, texts, tickets
from bot.core.calendar import Calendar
from bot.core.codec import state_from_json, state_to_json
from bot.core.domain import Mistake, Mistakes, Script
from bot.core.types import Community, Event, Facts, NeedMore, Parsed, State, TicketView, Turn
from bot.database import EVERY, Database
from bot.faq import Finder
from bot.hearing import Ear
from bot.media import MediaStore
from bot.nlu import NluUnavailable
from bot.notebook import Notes
from bot.rasa_keeper import PATIENCE_SECONDS, RasaKeeper
from bot.rasa_server import RasaServer, find_or_start, wanted_model
from bot.reception import Post, Reception
from bot.settings import Settings
from bot.store import Flood
from bot.tables import table
from bot.turns import Desk
from bot.understanding import Nlu
from bot.web.live import Watch
from bot.work import Core
from bot.workers import Pace, Workers

Progress = Callable[[str], None]


class FixedClock:
    """A clock that stands still until the desk clock's offset moves it: for scripted conversations."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at


class NoNlu:
    """The tested mode without Rasa: every parse is unavailable, at once."""

    async def parse(self, text: str, language: str) -> Parsed:
        raise NluUnavailable("this desk was started without a language model")


@dataclass(slots=True)
class App:
    """A desk put together."""

    settings: Settings
    script: Script
    database: Database
    desk: Desk
    ear: Ear
    workers: Workers
    community_id: int
    media: MediaStore
    watch: Watch
    reception: Reception
    rasa: RasaKeeper | None = None


def build_core(script: Script, year: int, site: str = "") -> Core:
    """The pure core with script, policy and calendars bound to it. `site`: where the pages are reached."""
    calendars: dict[str, Calendar] = {}

    def calendar(community: Community) -> Calendar:
        if community.zone.key not in calendars:
            calendars[community.zone.key] = office.calendar(script, community.zone, year)
        return calendars[community.zone.key]

    def step(state: State, event: Event, facts: Facts) -> Turn | NeedMore:
        return dialogue.step(script, state, event, replace(facts, calendar=calendar(facts.community)))

    def due(community: Community, ticket: TicketView, paused: timedelta) -> tuple[deadlines.Due, ...]:
        return deadlines.deadlines(ticket, script.policy, calendar(community), paused)

    def words(key: str, values: Any, language: str) -> str:
        return texts.words(script, "en" if language == "en" else "zh", key, **dict(values))

    return Core(
        step=step,
        move=tickets.move,
        deadlines=due,
        encode=state_to_json,
        decode=state_from_json,
        is_open=tickets.is_open,
        initial=tickets.INITIAL,
        kind_codes=tickets.KIND_CODES,
        words=words,
        policy=script.policy,
        intents=script.intents,
        site=site,
    )


def open_database(settings: Settings, progress: Progress) -> Database:
    """The database, migrated; with the demo estate when it is new and no other was named."""
    settings.var.mkdir(parents=True, exist_ok=True)
    fresh = _from_template(settings, progress)
    database = Database(settings.database)
    if not fresh:
        migrations.upgrade(database.writer)
        weak = database.unguarded()
        if weak:
            progress(weak)
        if database.read(EVERY, lambda c: c.scalar(select(table("community").c.id).limit(1))) is None:
            progress("loading the demo estate …")
            report = register_import.import_registers(database, settings.root / "data" / "demo", MachineClock().now())
            if report.problems:
                raise SystemExit("\n".join(str(p) for p in report.problems[:20]))
    return database


def _from_template(settings: Settings, progress: Progress) -> bool:
    """A new SQLite database starts as a copy of one that already holds the demo estate. Whether it did."""
    path = settings.database.removeprefix("sqlite:///")
    if not settings.database.startswith("sqlite:///") or os.path.exists(path):
        return False
    template = settings.var / f"demo-{_fingerprint(settings.root)}.db"
    if not template.exists():
        progress("making the demo estate …")
        making = template.with_suffix(f".{os.getpid()}")
        database = Database(f"sqlite:///{making}")
        migrations.upgrade(database.writer)
        report = register_import.import_registers(database, settings.root / "data" / "demo", MachineClock().now())
        database.close()  # the last connection to close writes the WAL back into the file
        if report.problems:
            raise SystemExit("\n".join(str(p) for p in report.problems[:20]))
        os.replace(making, template)
        for leftover in (f"{making}-wal", f"{making}-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.remove(leftover)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(template, path)
    return True


def _fingerprint(root: Path) -> str:
    """Changes when the demo estate or the database's shape does."""
    digest = hashlib.sha256()
    for path in sorted([*(root / "data" / "demo").iterdir(), *(root / "bot" / "migrations" / "versions").glob("*.py")]):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


async def start_rasa(settings: Settings, progress: Progress, patience: float = PATIENCE_SECONDS) -> RasaKeeper | None:
    """The language model, found or started; None where the settings say to do without.

    `patience`: seconds a parse may take. A resident waits two; an evaluation, which asks for many at once, has time.

    Raises:
        RasaNotStarted: with a sentence for the operator.
    """
    if not settings.rasa:
        return None
    handle = await find_or_start(
        url=settings.rasa_url,
        token=settings.rasa_token,
        model_path=wanted_model(settings.root),
        root=settings.root,
        var=settings.var,
        progress=progress,
    )
    return RasaKeeper(
        handle,
        models=settings.root / "nlu" / "models",
        wanted=lambda: wanted_model(settings.root),
        prepare=lambda path: RasaServer(path, root=settings.root, var=settings.var),
        patience=patience,
    )


def listed_accounts(settings: Settings) -> tuple[accounts.Listed, ...]:
    """The accounts of data/channels.yml. Raises Mistakes."""
    return accounts.read(office.parsed(settings.root / accounts.FILE), _secret)


def _secret(name: str) -> str | None:
    """A secret by the name of its variable: of the environment, else of `.env`, like the settings."""
    return os.environ.get(name) or dotenv_values(".env").get(name)


def posts_of(
    settings: Settings, script: Script, database: Database, machine: Clock, media: MediaStore
) -> tuple[Post, ...]:
    """The accounts of data/channels.yml as channels. Raises Mistakes, also for a community that does not exist."""
    listed = listed_accounts(settings)
    if not listed:
        return ()
    from bot import (
        platforms,  # their libraries take a good part of a start, and most starts need none of them
    )

    table_ = table("community")
    communities = {
        row.code: row.id for row in database.read(EVERY, lambda c: c.execute(select(table_.c.code, table_.c.id)).all())
    }
    missing = [one for one in listed if one.community not in communities]
    if missing:
        raise Mistakes(
            tuple(
                Mistake(
                    accounts.FILE, f"{one.channel} {one.name}", f"there is no community {one.community}",
                    f"Known: {', '.join(sorted(communities))}. Import its registers, or write another code.",
                )
                for one in missing
            )
        )  # fmt: skip

    async def picture(name: str) -> bytes:
        return (await asyncio.to_thread(media.open, name))[0]

    parts = platforms.Parts(machine.now, script, picture, media)
    return tuple(
        Post(
            communities[one.community],
            platforms.PLATFORMS[one.channel].build(
                one.account, Notes(database, communities[one.community], one.channel, one.name, machine), parts
            ),
        )
        for one in listed
    )


def _check_shadow(script: Script, database: Database, channels: tuple[tuple[str, str], ...]) -> None:
    """Raises Mistakes for a place of policy's shadow mode that is nowhere: the desk would speak where it should be silent."""
    codes = database.read(EVERY, lambda c: c.scalars(select(table("community").c.code)).all())
    nowhere = suggestions.unused(script.policy, codes, channels)
    if nowhere:
        known = ", ".join(sorted(codes))
        accounts_ = ", ".join(sorted({f"{name}/{account}" if account else name for name, account in channels}))
        raise Mistakes(
            tuple(
                Mistake(
                    "data/policy.yml", "shadow.accounts", f"'{place}' is nowhere at this desk",
                    f"Communities: {known}; channels: {accounts_}. Write one of those, or remove it.",
                )
                for place in nowhere
            )
        )  # fmt: skip


@contextlib.asynccontextmanager
async def open_app(
    settings: Settings,
    channels: tuple[Channel, ...],
    *,
    at: datetime | None = None,
    pace: Pace | None = None,
    nlu: Nlu | None = None,
    script: Script | None = None,
    pages: bool = False,
    platforms: bool = False,
    alone: bool = True,
    progress: Progress = lambda line: None,
) -> AsyncIterator[App]:
    """A desk, ready but with its loops not started. `at` fixes the desk clock (aware); `nlu` replaces Rasa; `script`: the office's
    files where they are read already (they take a second and more); `pages`: the residents' page is one of the channels; `platforms`: so are the accounts of data/channels.yml; `alone`: false
    for a look beside a desk that serves.

    Raises Mistakes, RasaNotStarted or AlreadyServing, each with a sentence for the operator.
    """
    script = script or office.open_office(settings.root)
    database = open_database(settings, progress)
    held = database.hold_alone() if alone else None
    keeper: RasaKeeper | None = None
    try:
        machine = MachineClock()
        base: Clock = FixedClock(at.astimezone(UTC)) if at else machine
        clock = DeskClock(base)
        clock.load(database)
        desk = Desk(database, build_core(script, base.now().year, settings.site), clock, machine)
        if nlu is None:
            keeper = await start_rasa(settings, progress)
        # A scripted conversation waits for the index: what it is answered must not hang on how fast the machine is.
        finder = Finder(script.faq, script.policy.faq_sure, patience=120.0 if at else 2.0)
        if keeper is not None:
            finder.begin()
        ear = Ear(nlu or keeper or NoNlu(), script, finder)
        media = MediaStore(settings.var / "media")
        watch = Watch(database)
        posts = posts_of(settings, script, database, machine, media) if platforms else ()
        local = (*channels, *((WebChat(watch.wake),) if pages else ()))
        by_name = {(c.name, c.account): c for c in (*local, *(post.channel for post in posts))}
        if platforms:
            _check_shadow(script, database, tuple(by_name))
        holder = f"{socket.gethostname()}-{os.getpid()}"
        policy = script.policy
        flood = Flood(policy.flood_window, policy.flood_per_speaker, policy.flood_per_account)
        pace = replace(pace or Pace(burst=policy.burst_window), flood=flood)
        desk.plan_purge()
        desk.plan_reports()
        for post in posts:
            if isinstance(post.channel, Announces):
                desk.plan_digest(post.community_id, post.channel.name, post.channel.account, post.channel.digest_at)
        workers = Workers(desk, holder, ear.hear, by_name, random.random, pace, media)
        community_id = database.read(
            EVERY,  # which one it is, by its code
            lambda c: c.scalar(select(table("community").c.id).where(table("community").c.code == settings.community)),
        )
        if community_id is None:
            raise SystemExit(f"There is no community {settings.community}; set DESK_COMMUNITY or import its registers.")
        reception = Reception(workers, script.triage, posts, holder)
        yield App(settings, script, database, desk, ear, workers, community_id, media, watch, reception, keeper)
        await watch.close()
    finally:
        if keeper is not None:
            await keeper.stop()
        database.close()
        if held is not None:
            held.close()
