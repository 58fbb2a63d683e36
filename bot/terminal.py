"""The desk in a terminal: a chat for a resident, a board for staff, and the running of both. Shows; decides nothing."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import uvicorn
from rich.console import Console
from sqlalchemy import Connection, select, text

from bot import app as desk_app
from bot import digest as digests
from bot import homes, identity, office, privacy, sessions, store, suggestions, web
from bot.app import App, Progress
from bot.channels import Checks, Finding, Listens, Message, Prepares
from bot.channels.console import ConsoleChannel, StaffBoard
from bot.clock import DeskClock, MachineClock
from bot.core.access import SEES, Refused
from bot.core.tickets import IllegalMove, allowed
from bot.core.types import Language, TicketView
from bot.database import EVERY, Database
from bot.identity import NewHousehold
from bot.media import MediaStore
from bot.nlu import NluUnavailable
from bot.session import SPOKEN, BadLine, Session
from bot.settings import Settings
from bot.tables import table
from bot.turns import Desk
from bot.web.demo import is_loopback
from bot.work import NotFound
from bot.workers import Pace

NO_WAIT = timedelta(0)
TICKET, OUTBOX, STAFF, COMMUNITY = table("ticket"), table("outbox"), table("staff"), table("community")
screen = Console(highlight=False, soft_wrap=True)


async def lines() -> AsyncIterator[str]:
    """The lines of standard input, until it ends; blank ones are passed over."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        if line.strip():
            yield line.strip()


def in_zone(settings: Settings, at: datetime) -> datetime:
    """An instant given without an offset is meant where the community is."""
    if at.tzinfo is not None:
        return at
    database = desk_app.open_database(settings, lambda line: None)
    try:
        of = select(COMMUNITY.c.zone).where(COMMUNITY.c.code == settings.community)
        zone = database.read(EVERY, lambda c: c.scalar(of))  # which one it is, by its code
    finally:
        database.close()
    return at.replace(tzinfo=ZoneInfo(zone or "Asia/Shanghai"))


def show(message: Message, who: str = "客服") -> None:
    """A message with its choices numbered, as a text-only channel shows them."""
    screen.print(f"[bold cyan]{message.author or who}[/] ", end="")
    screen.print(message.text, markup=False)
    for number, button in enumerate(message.buttons, 1):
        screen.print(f"    {number}. {button.label}", markup=False)


def _board(to: str, message: Message) -> None:
    screen.print("    〔员工通知 staff〕 ", end="", style="dim")
    screen.print(message.text, style="dim", markup=False)


# ── a resident ──────────────────────────────────────────────────────────────────────────────────────────────────────

_HELP = (
    "直接打字即可。命令：/as 4栋1单元703 换人说话 · /work 让员工把最近的工单做完 · /act accept 员工动作 · "
    "/advance 26h 拨快时钟 · /digest 日报 · /quit 退出"
)


async def chat(
    settings: Settings, as_: str | None, language: Language | None, progress: Progress, at: datetime | None
) -> None:
    """Talk to the desk here; everything runs in this process."""
    shown: list[tuple[str, Message]] = []

    def heard_back(to: str, message: Message) -> None:
        shown.append((to, message))
        show(message)

    channels = (ConsoleChannel(heard_back), StaffBoard(_board))
    at = in_zone(settings, at) if at else None
    async with desk_app.open_app(settings, channels, at=at, pace=Pace(burst=NO_WAIT), progress=progress) as app:
        await _converse(app, shown, as_, language, progress)


async def _converse(
    app: App, shown: list[tuple[str, Message]], as_: str | None, language: Language | None, progress: Progress
) -> None:
    watching = asyncio.create_task(app.rasa.watch(progress)) if app.rasa else None
    session = Session(app, shown)
    session.begin(as_, language)
    screen.print(_HELP, style="dim", markup=False)
    # What staff do in another terminal, and what falls due, reaches this one while nobody types.
    app.workers.start(inbox_loops=1)
    try:
        while True:
            screen.print("[bold green]您[/] ", end="")
            line = await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
            if not line or line.strip() in ("/quit", "/exit"):
                return
            if line.strip():
                session = await _typed(app, session, shown, line.strip())
    finally:
        await app.workers.stop()
        if watching:
            watching.cancel()


async def _typed(app: App, session: Session, shown: list[tuple[str, Message]], line: str) -> Session:
    command, _, rest = line.partition(" ")
    try:
        if command == "/as":
            fresh = Session(app, shown)
            fresh.begin(rest.strip() or None)
            return fresh
        if command == "/digest":
            for row in _digest_lines(app.database, app.community_id, app.desk.clock.now(), None):
                screen.print(row, markup=False)
        elif command == "/act":
            action, _, note = rest.partition(" ")
            await session.line({"act": action, "ticket": "last", "note": note})
        elif command == "/work":
            await session.line({"work": rest.strip() or "last"})
        elif command == "/advance":
            await session.line({"advance": rest.strip()})
        else:
            await session.line({"text": line})
    except BadLine as bad:
        screen.print(str(bad), style="red", markup=False)
    return session


# ── the server ──────────────────────────────────────────────────────────────────────────────────────────────────────


@contextlib.asynccontextmanager
async def _pages(app: App, progress: Progress, demo: bool = False) -> AsyncIterator[bool]:
    """The web pages, for as long as the context lasts. Yields whether they are up: a taken port is one sentence."""

    async def ready() -> dict[str, Any]:
        database = True
        try:
            await app.database.ask(EVERY, lambda c: c.execute(text("SELECT 1")).scalar())
        except Exception:
            database = False
        model = None
        if app.rasa is not None:
            with contextlib.suppress(NluUnavailable):
                model = await app.rasa.health()
        # The desk serves without its language model, so the model does not decide readiness; it is told.
        return {"ready": database, "database": database, "nlu_model": model}

    settings = app.settings
    site = web.Site(
        app.workers, app.script, app.media, app.watch, settings.site, settings.embed_origins,
        printed=_login_link if demo else None,
        demo=(app.community_id, settings.community, settings.host) if demo else None,
        platforms=app.reception.routes(),
        links=app.reception.links,
    )  # fmt: skip
    config = uvicorn.Config(
        web.build(ready, site, lambda: app.rasa.model if app.rasa else None), host=settings.host, port=settings.port, log_level="critical", lifespan="off",
        timeout_graceful_shutdown=5, server_header=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    taken = asyncio.Event()

    async def serving() -> None:
        try:
            await server.serve()
        except SystemExit:
            progress(f"port {settings.port} is taken, so there are no pages; free it or set DESK_PORT to another")
            taken.set()

    task = asyncio.create_task(serving())
    while not (server.started or taken.is_set()):
        await asyncio.sleep(0.02)
    try:
        yield not taken.is_set()
    finally:
        await app.watch.close()
        server.should_exit = True
        await task


def _login_link(name: str, link: str) -> None:
    screen.print(f"    〔登录链接 login link〕 {name}  {link}", markup=False)


async def serve(settings: Settings, progress: Progress, *, demo: bool = False) -> None:
    """The workers and the pages, until a signal. `demo` adds the start page that lets anybody be anybody."""
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    if demo and not is_loopback(settings.host):
        raise BadLine(f"The demo lets anybody be anybody, so it serves on 127.0.0.1 alone; DESK_HOST is {settings.host}.")
    board = StaffBoard(_board) if demo else StaffBoard()
    async with (
        desk_app.open_app(settings, (board,), pages=True, platforms=True, progress=progress) as app,
        _pages(app, progress, demo) as pages,
    ):
        if demo and not pages:
            return
        app.workers.start()
        app.reception.start()
        for post in app.reception.posts:
            progress(f"{post.channel.name} {post.channel.account}: {'listening' if isinstance(post.channel, Listens) else 'waiting to be called'}")
        watching = asyncio.create_task(app.rasa.watch(progress)) if app.rasa else None
        if demo:
            screen.print(_DEMO_HELP.format(site=settings.site, code=settings.community), markup=False)
        else:
            progress(f"serving at {settings.site}: /chat/{settings.community} for residents, /desk for staff; Ctrl-C ends it")
        await ended.wait()
        progress("ending: letting what is on its way arrive")
        if watching:
            watching.cancel()
        await app.reception.stop()
        await app.workers.stop()
        await app.reception.close()


async def check_channels(settings: Settings, *, prepare: bool = False) -> bool:
    """Ask the platforms whether the accounts work; `prepare` first sets there what the desk needs. Whether all is well."""
    well = True
    async with desk_app.open_app(
        settings.model_copy(update={"rasa": False}), (), platforms=True, alone=False
    ) as app:
        if not app.reception.posts:
            screen.print("data/channels.yml lists no account; see docs/channels/ for how to get one.")
        for post in app.reception.posts:
            screen.print(f"[bold]{post.channel.name} {post.channel.account}[/]")
            findings: list[Finding] = []
            if prepare and isinstance(post.channel, Prepares):
                findings.extend(await post.channel.prepare())
            if isinstance(post.channel, Checks):
                findings.extend(await post.channel.check())
            for finding in findings:
                well = well and finding.ok
                screen.print(f"  {'✓' if finding.ok else '✗'} {finding.what}", markup=False)
                if finding.remedy and not finding.ok:
                    screen.print(f"    → {finding.remedy}", markup=False)
        await app.reception.close()
    return well


_DEMO_HELP = """
  打开 open   {site}
  住户 resident   {site}/chat/{code}      员工 staff   {site}/desk
  另开终端 another terminal:  make desk · make digest      结束 end: Ctrl-C
"""


async def staff_link(settings: Settings, who: str) -> None:
    """A one-time login link for a member of staff, printed: the way in before any channel is connected."""
    running, database, community = _staff_desk(settings)
    try:
        person = _staff(database, community, who)
        machine_now = running.machine.now()
        token = database.write(community, lambda conn: sessions.invite(conn, community, person.id, machine_now))
        screen.print(f"{person.name} ({person.role}): {settings.site}/desk/login/{token}", markup=False)
    finally:
        database.close()


# ── staff ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def _staff_desk(settings: Settings) -> tuple[Desk, Database, int]:
    script = office.open_office(settings.root)
    database = desk_app.open_database(settings, lambda line: None)
    machine = MachineClock()
    clock = DeskClock(machine)
    clock.load(database)
    community = database.read(
        EVERY,  # which one it is, by its code
        lambda c: c.scalar(select(COMMUNITY.c.id).where(COMMUNITY.c.code == settings.community)),
    )
    if community is None:
        raise BadLine(f"There is no community {settings.community}; set DESK_COMMUNITY or import its registers.")
    core = desk_app.build_core(script, machine.now().year, settings.site)
    return Desk(database, core, clock, machine), database, int(community)


_DESK_HELP = (
    "list 工单 · notices 通知 · <action> NUMBER [note] 例如 accept YH-BX-20261123-0001 / done NUMBER 已换阀芯 · "
    "ack NUMBER 确认升级 · as NAME 换人 · quit"
)


async def desk(settings: Settings, by: str) -> None:
    """A staff member's terminal beside a running desk, on the same database."""
    running, database, community = _staff_desk(settings)
    try:
        me = _staff(database, community, by)
        screen.print(f"{me.name} ({me.role})　{_DESK_HELP}", markup=False)
        _list(running, database, community, me.role)
        async for line in lines():
            word, _, rest = line.partition(" ")
            if word in ("quit", "exit"):
                return
            try:
                if word == "list":
                    _list(running, database, community, me.role)
                elif word == "notices":
                    _notices(database, community, me.id)
                elif word == "as":
                    me = _staff(database, community, rest.strip())
                elif word == "ack":
                    count = running.acknowledge(community, me.id, _number(database, community, rest.strip()))
                    screen.print(f"已确认 acknowledged: {count}")
                else:
                    number, _, note = rest.strip().partition(" ")
                    action = SPOKEN.get(word, word)
                    view = running.act_on_ticket(
                        community, me.id, _number(database, community, number), action, note.strip()
                    )
                    screen.print(f"{view.number} → {view.status}", markup=False)
            except (IllegalMove, NotFound, Refused, BadLine) as refused:
                screen.print(str(refused), style="red", markup=False)
    finally:
        database.close()


def _staff(database: Database, community: int, named: str) -> Any:
    query = select(STAFF.c.id, STAFF.c.name, STAFF.c.role).where(STAFF.c.community_id == community, STAFF.c.active)
    staff = database.read(community, lambda c: c.execute(query.order_by(STAFF.c.id)).all())
    found = next((s for s in staff if named in (s.name, s.role)), None) if named else None
    if found is None and named:
        raise BadLine(f"there is nobody named {named}; there are: " + ", ".join(f"{s.name} ({s.role})" for s in staff))
    found = found or next((s for s in staff if s.role == "technician"), None)
    if found is None:
        raise BadLine("there is no staff in the register; import it with `bot import`")
    return found


def _number(database: Database, community: int, said: str) -> str:
    """A ticket number, in full or by its ending ("1" is …-0001 when that is clear)."""
    if not said:
        raise BadLine("which ticket? give its number")
    query = select(TICKET.c.number).where(TICKET.c.community_id == community, TICKET.c.number.like(f"%{said.upper()}"))
    found = database.read(community, lambda c: c.scalars(query.limit(3)).all())
    exact = [n for n in found if n == said.upper()]
    if len(exact or found) != 1:
        raise BadLine(f"{said}: " + ("no such ticket" if not found else "several tickets end so; give the whole number"))
    return str((exact or found)[0])


def _list(running: Desk, database: Database, community: int, role: str) -> None:
    query = (
        select(TICKET)
        .where(
            TICKET.c.community_id == community, TICKET.c.open, TICKET.c.kind.in_(sorted(SEES.get(role, frozenset())))
        )
        .order_by(TICKET.c.priority, TICKET.c.id)
    )  # fmt: skip
    rows = database.read(community, lambda c: c.execute(query.limit(50)).all())
    zone = database.read(community, lambda c: store.community(c, community)).zone
    if not rows:
        screen.print("  没有在办工单 no open tickets")
    for row in rows:
        view = TicketView(row.id, row.number, row.kind, row.status)
        can = " ".join(allowed(view, role)) or "–"
        place = row.location if row.public_area else (row.room_label or row.location)
        visit = f" {row.appointment_start.astimezone(zone):%m-%d %H:%M}" if row.appointment_start else ""
        screen.print(f"  {row.number}  {row.status:<14}{row.priority:<10}{place}{visit}  {row.description[:30]}", markup=False)
        screen.print(f"      可做 allowed: {can}", style="dim", markup=False)


def _notices(database: Database, community: int, staff_id: int) -> None:
    own = select(OUTBOX.c.text).where(OUTBOX.c.community_id == community, OUTBOX.c.staff_id == staff_id)
    query = own.order_by(OUTBOX.c.id.desc()).limit(20)
    for words in reversed(database.read(community, lambda c: c.scalars(query).all())):
        screen.print(f"  {words}", markup=False)


# ── the operator: invites, requests about personal data ─────────────────────────────────────────────────────────────


def _day(said: str) -> date | None:
    try:
        return date.fromisoformat(said) if said else None
    except ValueError:
        raise BadLine(f"'{said}' is not a date; write for example 2026-11-23") from None


def _home(database: Database, community: int, said: str, now: datetime) -> int | NewHousehold:
    """The household of a room as the register spells it. A room of several is for the page, where they can be told apart."""
    today = now.astimezone(database.read(community, lambda c: store.community(c, community)).zone).date()
    found = database.read(community, lambda c: homes.matching(c, community, None, said, now, today))
    exact = [home for home in found if home.label == said] or list(found)
    if len(exact) != 1:
        fits = "、".join(home.label for home in exact[:5])
        raise BadLine(f"{said}: " + (f"several rooms fit: {fits}" if exact else "there is no such room in the register"))
    lived_in = [h for h in exact[0].households if h.here] or list(exact[0].households)
    if len(lived_in) > 1:
        raise BadLine(f"{exact[0].label} has several households; choose on its page, /desk/rooms/{exact[0].id}")
    return lived_in[0].id if lived_in else NewHousehold(exact[0].id)


async def invite(settings: Settings, room: str, role: str, name: str, until: str) -> None:
    """A code for a room, printed once."""
    running, database, community = _staff_desk(settings)
    try:
        now = running.clock.now()
        home = _home(database, community, room, now)
        code = running.invite_into(community, None, home, role, name=name, until=_day(until))
        _code(settings, code, now + running.core.policy.invite_valid)
    except (ValueError, NotFound) as wrong:
        raise BadLine(str(wrong)) from None
    finally:
        database.close()


async def invite_staff(settings: Settings, who: str) -> None:
    """A code that makes a chat a colleague's, printed once."""
    running, database, community = _staff_desk(settings)
    try:
        person = _staff(database, community, who)
        code = running.invite_colleague(community, None, person.id)
        screen.print(f"{person.name} ({person.role})", markup=False)
        _code(settings, code, running.clock.now() + running.core.policy.staff_invite_valid)
    finally:
        database.close()


def _code(settings: Settings, code: str, until: datetime) -> None:
    screen.print(f"{code}  (until {until:%Y-%m-%d %H:%M} UTC, once)", markup=False)
    screen.print(f"{settings.site}/chat/{settings.community}?start={code}", markup=False)


async def print_disclosures(settings: Settings, day: str, days: int) -> None:
    """The log of who was shown what: `days` local days that end with `day` (none: today)."""
    running, database, community = _staff_desk(settings)
    try:
        zone = database.read(community, lambda c: store.community(c, community)).zone
        last = _day(day) or running.clock.now().astimezone(zone).date()
        since = datetime.combine(last - timedelta(days=days - 1), time(), zone).astimezone(UTC)
        until = datetime.combine(last + timedelta(days=1), time(), zone).astimezone(UTC)
        skip, rows = 0, database.read(community, lambda c: identity.disclosures(c, community, since, until))
        while rows:
            for row in rows:
                whom = f"{row.staff} ({row.role})" if row.staff else f"resident, {row.channel}" if row.channel else "operator"
                screen.print(f"{row.at.astimezone(zone):%Y-%m-%d %H:%M}  {whom}  {row.what}  {row.label or '–'}", markup=False)
            skip += len(rows)
            rows = database.read(community, lambda c, skip=skip: identity.disclosures(c, community, since, until, skip=skip))  # type: ignore[misc]
        if not skip:
            screen.print("no disclosures in this time")
    finally:
        database.close()


async def export(settings: Settings, conversation: int) -> None:
    """Everything held about the person of a conversation, as JSON on standard output; the log says that it was handed out."""
    running, database, community = _staff_desk(settings)
    try:
        now = running.clock.now()

        def take(conn: Connection) -> str:
            if not store.holds_talk(conn, community, conversation):
                raise BadLine(f"there is no conversation {conversation} here")
            today = now.astimezone(store.community(conn, community).zone).date()
            resident_id = store.resident_of(conn, community, conversation)
            bound = identity.bindings(conn, community, resident_id, today) if resident_id is not None else ()
            identity.disclose(conn, community, "export", now, household_ids=[b.household_id for b in bound] or [None])
            return privacy.as_json(privacy.export_of(conn, community, conversation, today))

        sys.stdout.write(database.write(community, take) + "\n")
    finally:
        database.close()


async def forget(settings: Settings, conversation: int) -> None:
    """Erase the identity of a conversation."""
    running, database, community = _staff_desk(settings)
    try:
        running.forget(community, conversation)
        screen.print(f"conversation {conversation} is erased: its address, binding, words and photos")
    except NotFound as missing:
        raise BadLine(str(missing)) from None
    finally:
        database.close()


async def purge(settings: Settings) -> None:
    """What is older than policy keeps is removed now, and the files of photos that no row names any more."""
    running, database, community = _staff_desk(settings)
    try:
        gone = running.purge_now(community)
        # A file is kept under its content, so rows of any community may name it.
        files = MediaStore(settings.var / "media").drop_others(database.read(EVERY, privacy.kept_photos))
        for kind, count in sorted(gone.items()):
            screen.print(f"{kind} {count}")
        screen.print(f"photo files {files}")
    finally:
        database.close()


# ── the digest ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _digest_lines(database: Database, community: int, now: datetime, day: date | None) -> tuple[str, ...]:
    def read(conn: Any) -> digests.Digest:
        whose = store.community(conn, community)
        return digests.read(conn, whose, day or now.astimezone(whose.zone).date(), now)

    return digests.lines(database.read(community, read))


async def print_shadow(settings: Settings, day: str) -> None:
    """How often staff agreed in shadow mode: the seven local days that end with this one, or with today on the desk clock."""
    running, database, community = _staff_desk(settings)
    try:
        now, asked = running.clock.now(), _day(day)

        def read(conn: Connection) -> suggestions.Report:
            whose = store.community(conn, community)
            last = asked or now.astimezone(whose.zone).date()
            return suggestions.report(conn, whose, last - timedelta(days=6))

        for row in suggestions.lines(database.read(community, read)):
            screen.print(row, markup=False, highlight=False)
    finally:
        database.close()


async def print_digest(settings: Settings, day: str) -> None:
    """The digest of a local day, or of today on the desk clock."""
    running, database, community = _staff_desk(settings)
    try:
        for row in _digest_lines(database, community, running.clock.now(), _day(day)):
            screen.print(row, markup=False)
    finally:
        database.close()
