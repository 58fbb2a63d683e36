"""The command line. Each command reads its settings, calls one thing and turns what can go wrong into a sentence."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import tempfile
from collections.abc import Coroutine, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from rich.console import Console
from sqlalchemy.exc import OperationalError

from bot import app as desk_app
from bot import migrations, nlu_eval, nlu_review, office, register_import, register_update, talks, terminal
from bot.channels import Message
from bot.channels.console import ConsoleChannel, StaffBoard
from bot.clock import DeskClock, MachineClock
from bot.core.domain import Mistakes
from bot.core.types import Language
from bot.database import AlreadyServing, Database
from bot.rasa_server import RasaNotStarted
from bot.register_changes import Options
from bot.session import BadLine, Session
from bot.settings import Settings
from bot.web.pages import WordsMistaken, words
from bot.workers import Pace

cli = typer.Typer(add_completion=False, no_args_is_help=True, help="The resident-service front desk.")
privacy_cli = typer.Typer(no_args_is_help=True, help="Requests about personal data that came by letter; the purge.")
cli.add_typer(privacy_cli, name="privacy")
errors = Console(stderr=True, highlight=False, soft_wrap=True)


def quiet_logs(level: int = logging.WARNING) -> None:
    """Logs to standard error, without message texts (no call site passes one above debug)."""
    logging.basicConfig(level=level, stream=sys.stderr, format="%(levelname)s %(name)s %(message)s")
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run to the end; what an operator can mend is one sentence and exit status 1, Ctrl-C is a clean end."""
    try:
        asyncio.run(main)
    except (Mistakes, RasaNotStarted, AlreadyServing, BadLine) as known:
        errors.print(str(known), style="red")
        raise typer.Exit(1) from None
    except OSError as error:
        errors.print(f"The system refused: {error.strerror or error} {error.filename or ''}".strip(), style="red")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


def _stage(said: str) -> nlu_eval.Stage:
    if said == "classifier":
        return "classifier"
    if said == "desk":
        return "desk"
    raise typer.BadParameter("--stage is classifier or desk")


def progress(line: str) -> None:
    errors.print(f"· {line}", style="dim")


As = Annotated[str | None, typer.Option("--as", help="speak as the first person of this room, or as this resident")]
Db = Annotated[str, typer.Option("--db", help="database URL; none: a fresh copy of the demo estate")]
Lang = Annotated[str | None, typer.Option("--lang", help="zh or en, until the speaker's words tell")]
Conversation = Annotated[int, typer.Argument(help="its number: the last part of its page's address, /desk/talks/12")]
Stage = Annotated[str, typer.Option("--stage", help="classifier, or desk (with triage and splitting)")]


@cli.command()
def chat(
    as_: As = None,
    db: Db = "",
    at: Annotated[str | None, typer.Option("--at", help="where the desk clock stands: an ISO time")] = None,
    lang: Lang = None,
    json_: Annotated[bool, typer.Option("--json", help="one JSON object a line, in and out")] = False,
    record: Annotated[Path | None, typer.Option("--record", help="write the conversation as a talk to this file")] = None,
    rasa: Annotated[bool, typer.Option("--rasa/--no-rasa", help="with or without the language model")] = True,
) -> None:
    """Talk to the desk in this terminal."""
    quiet_logs()
    if lang not in (None, "zh", "en"):
        raise typer.BadParameter("--lang is zh or en")
    language: Language | None = "zh" if lang == "zh" else "en" if lang == "en" else None
    instant = _instant(at)
    if json_ or record:
        run(_scripted(as_, db, instant, language, rasa, record))
    else:
        run(terminal.chat(_settings(db, rasa), as_, language, progress, instant))


def _instant(at: str | None) -> datetime | None:
    if at is None:
        return None
    try:
        instant = datetime.fromisoformat(at)
    except ValueError:
        raise typer.BadParameter(f"--at: '{at}' is not an ISO time, for example 2026-11-23T10:00+08:00") from None
    return instant  # without an offset it is meant in the community's zone; see `_in_zone`


def _settings(db: str = "", rasa: bool = True) -> Settings:
    settings = Settings()
    changes: dict[str, Any] = {}
    if db:
        changes["db"] = db
    if not rasa:
        changes["rasa"] = False
    return settings.model_copy(update=changes)


async def _scripted(
    as_: str | None, db: str, at: datetime | None, language: Language | None, rasa: bool, record: Path | None
) -> None:
    shown: list[tuple[str, Message]] = []
    with tempfile.TemporaryDirectory(prefix="desk-") as folder:
        settings = _settings(db or f"sqlite:///{folder}/desk.db", rasa)
        channels = (ConsoleChannel(lambda to, message: shown.append((to, message))), StaffBoard())
        at = terminal.in_zone(settings, at) if at else datetime.now(UTC)
        async with desk_app.open_app(settings, channels, at=at, pace=Pace(burst=terminal.NO_WAIT), progress=progress) as app:
            session = Session(app, shown)
            session.begin(as_, language)
            recording = talks.RecordingNlu(app.ear.nlu)
            app.ear.nlu = recording
            turns: list[dict[str, Any]] = []
            async for line in terminal.lines():
                answer = await _one(session, line)
                if "error" not in answer:
                    turns.append(talks.turn(answer, recording.taken()))
                sys.stdout.write(json.dumps(answer, ensure_ascii=False) + "\n")
                sys.stdout.flush()
            if record is not None:
                talks.write(record, talks.Talk(record.stem.replace("-", " "), as_, at, language, tuple(turns)))


async def _one(session: Session, line: str) -> dict[str, Any]:
    try:
        given = json.loads(line) if line.lstrip().startswith("{") else {"text": line}
        if not isinstance(given, dict):
            raise BadLine("an object or plain text is needed")
        return await session.line(given)
    except json.JSONDecodeError as error:
        return {"error": f"not JSON: {error.msg} at character {error.pos + 1}", "in": line}
    except BadLine as bad:
        return {"error": str(bad), "in": line}
    except (TypeError, ValueError, KeyError) as error:
        return {"error": f"the line cannot be carried out: {error}", "in": line}


@cli.command()
def demo() -> None:
    """The whole desk with the demo estate, in a browser: resident, staff, supervisor, and a clock to move."""
    quiet_logs()
    run(terminal.serve(_settings(), progress, demo=True))


@cli.command()
def serve(rasa: Annotated[bool, typer.Option("--rasa/--no-rasa")] = True) -> None:
    """Run the desk: workers, language model, the residents' page and the staff's. Ctrl-C ends it."""
    quiet_logs(logging.INFO)
    run(terminal.serve(_settings(rasa=rasa), progress))


@cli.command("staff-link")
def staff_link(who: Annotated[str, typer.Argument(help="name or role of a member of staff")], db: Db = "") -> None:
    """Print a one-time link with which a member of staff logs in to the pages (15 minutes)."""
    quiet_logs()
    run(terminal.staff_link(_settings(db), who))


@cli.command()
def desk(by: Annotated[str, typer.Option("--by", help="who is acting: a member of staff")] = "", db: Db = "") -> None:
    """The staff's terminal: open tickets, notices, and the actions allowed now."""
    quiet_logs()
    run(terminal.desk(_settings(db), by))


@cli.command()
def digest(db: Db = "", day: Annotated[str, typer.Option(help="a local date; none: today")] = "") -> None:
    """The supervisor's day."""
    quiet_logs()
    run(terminal.print_digest(_settings(db), day))


@cli.command()
def shadow(db: Db = "", day: Annotated[str, typer.Option(help="the last local date of seven; none: today")] = "") -> None:
    """Shadow mode: what the desk read in seven days, and how often staff agreed (docs/shadow-mode.md)."""
    quiet_logs()
    run(terminal.print_shadow(_settings(db), day))


channels_cli = typer.Typer(help="The accounts of data/channels.yml: ask their platforms, tell them what they need.", no_args_is_help=True)
cli.add_typer(channels_cli, name="channels")


@channels_cli.command("check")
def channels_check(db: Db = "") -> None:
    """Ask every platform whether its account works, and say in plain words what the office must mend."""
    quiet_logs()
    _channels(db, prepare=False)


@channels_cli.command("prepare")
def channels_prepare(db: Db = "") -> None:
    """Tell the platforms what the desk needs (menu, webhook or none), then check."""
    quiet_logs()
    _channels(db, prepare=True)


def _channels(db: str, prepare: bool) -> None:
    well = True

    async def main() -> None:
        nonlocal well
        well = await terminal.check_channels(_settings(db), prepare=prepare)

    run(main())
    if not well:
        raise typer.Exit(1)


@cli.command()
def invite(
    room: Annotated[str, typer.Argument(help="a room as the register spells it, for example 4栋1单元703")] = "",
    role: Annotated[str, typer.Argument(help="owner, family, tenant or agent")] = "",
    staff: Annotated[str, typer.Option("--staff", help="instead of a room: name or role of a colleague")] = "",
    name: Annotated[str, typer.Option("--name", help="whom the code is for")] = "",
    until: Annotated[str, typer.Option("--until", help="the last day of the lease or mandate, for example 2027-06-30")] = "",
    db: Db = "",
) -> None:
    """Print a code that links a chat to a household, or with --staff to a colleague. It works once."""
    quiet_logs()
    if bool(staff) == bool(room) or (room and not role):
        raise typer.BadParameter("give a room and a role, or --staff and a name")
    if staff:
        run(terminal.invite_staff(_settings(db), staff))
    else:
        run(terminal.invite(_settings(db), room, role, name, until))


talks_cli = typer.Typer(help="Golden conversations (tests/talks).", no_args_is_help=True)
cli.add_typer(talks_cli, name="talks")
Talks = Annotated[list[Path], typer.Argument(help="files of talks", exists=True, dir_okay=False)]


@talks_cli.command("record")
def talks_record(files: Talks) -> None:
    """Hold each with the language model, write how its lines were read and what came of them, and print it for reading."""
    quiet_logs()
    run(talks.record(files, _settings(), typer.echo, progress))


@talks_cli.command("show")
def talks_show(files: Talks) -> None:
    """Print recorded talks for reading."""
    for file in files:
        typer.echo("\n".join(talks.told(talks.read(file))))


@cli.command()
def disclosures(
    day: Annotated[str, typer.Option("--day", help="the last local date; none: today")] = "",
    days: Annotated[int, typer.Option("--days", min=1, help="how many days, ending with that one")] = 1,
    db: Db = "",
) -> None:
    """Who was shown which household's personal data, the latest first."""
    quiet_logs()
    run(terminal.print_disclosures(_settings(db), day, days))


@privacy_cli.command("export")
def privacy_export(conversation: Conversation, db: Db = "") -> None:
    """Write everything held about the person of a conversation to standard output, as JSON."""
    quiet_logs()
    run(terminal.export(_settings(db), conversation))


@privacy_cli.command("forget")
def privacy_forget(
    conversation: Conversation, yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False, db: Db = ""
) -> None:
    """Erase a conversation's identity, as its resident could in the chat. It cannot be undone."""
    quiet_logs()
    if not yes:
        typer.confirm(f"Erase address, binding, words and photos of conversation {conversation} for good?", abort=True)
    run(terminal.forget(_settings(db), conversation))


@privacy_cli.command("purge")
def privacy_purge(db: Db = "") -> None:
    """Remove what is older than data/policy.yml keeps, as the nightly purge does, and say how much it was."""
    quiet_logs()
    run(terminal.purge(_settings(db)))


@cli.command()
def check() -> None:
    """Read domain.yml, data/*.yml (with the secrets that channels.yml names) and the pages' words, and name each mistake.

    On PostgreSQL it also says when the database's role is one that row-level security does not bind.
    """
    try:
        script = office.open_office(Settings().root)
        desk_app.listed_accounts(Settings())
        words()
    except WordsMistaken as mistaken:
        errors.print(str(mistaken), style="red")
        raise typer.Exit(1) from None
    except Mistakes as mistakes:
        for mistake in mistakes.found:
            errors.print(str(mistake), style="red")
        raise typer.Exit(1) from None
    Console().print(f"{len(script.responses)} texts, {len(script.intents)} intents, {len(script.policy.clocks)} clocks: all right")
    _look_at_role(Settings())


def _look_at_role(settings: Settings) -> None:
    """A word where PostgreSQL would not keep communities apart. The files are right all the same."""
    if not settings.database.startswith("postgresql"):
        return
    database = Database(settings.database)
    try:
        weak = database.unguarded()
    except OperationalError:
        weak = "The database of DESK_DB could not be reached, so its role was not looked at."
    finally:
        database.close()
    if weak is not None:
        errors.print(weak, style="yellow", markup=False)


@cli.command()
def migrate(db: Db = "") -> None:
    """Bring the database to this release's shape."""
    settings = _settings(db)
    settings.var.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    migrations.upgrade(database.writer)
    database.close()


@cli.command("import")
def import_(
    source: Path,
    db: Db = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="show what would change, change nothing")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="show it, and import without asking")] = False,
    part: Annotated[bool, typer.Option("--part", help="the files are a part of the registers: who is missing stays")] = False,
    leavers: Annotated[int, typer.Option("--leavers", min=0, help="so many memberships end, and that is meant")] = 0,
) -> None:
    """Update the registers from a folder of CSV files, one CSV or one workbook: all of it or nothing.

    Exit status: 0 imported, shown or nothing to do; 1 mistakes in the files; 3 not agreed to, so not imported.
    """
    quiet_logs()
    settings = _settings(db)
    settings.var.mkdir(parents=True, exist_ok=True)
    database = Database(settings.database)
    try:
        migrations.upgrade(database.writer)
        clock = DeskClock(MachineClock())
        clock.load(database)
        files = register_import.read(source, Options(part, leavers))
        agree = (lambda question: True) if yes else _agree
        outcome = register_update.update(database, files, clock.now, print, agree, dry_run=dry_run)
    finally:
        database.close()
    if status := IMPORT_STATUS[outcome]:
        raise typer.Exit(status)


IMPORT_STATUS: Mapping[register_update.Outcome, int] = {
    "imported": 0, "nothing to do": 0, "shown": 0, "refused": 1, "declined": 3, "moving": 3
}  # fmt: skip


def _agree(question: str) -> bool:
    """Ask at the terminal; nobody there to answer is no."""
    try:
        return typer.confirm(question)
    except typer.Abort:
        errors.print("Nobody answered. Add --yes to import without being asked.")
        return False


@cli.command("nlu-parse")
def nlu_parse(stage: Stage = "classifier") -> None:
    """Read sentences from standard input, write what the language model makes of each."""
    quiet_logs()

    async def main() -> None:
        settings = _settings()
        nlu = await desk_app.start_rasa(settings, progress, patience=30.0)
        if nlu is None:
            raise BadLine("Without a language model there is nothing to ask: unset DESK_RASA=false.")
        try:
            script = office.open_office(settings.root)
            await nlu_eval.parse_lines(
                nlu, script.triage, _stage(stage), sys.stdin.buffer, partial(print, flush=True)
            )
        finally:
            await nlu.stop()

    run(main())


@cli.command("nlu-eval")
def nlu_eval_(
    file: Path, stage: Stage = "classifier", json_: Annotated[bool, typer.Option("--json")] = False
) -> None:
    """Measure the language model on labelled sentences."""
    quiet_logs()
    code = 0

    async def main() -> None:
        nonlocal code
        settings = _settings()
        nlu = await desk_app.start_rasa(settings, progress, patience=30.0)
        if nlu is None:
            raise BadLine("Without a language model there is nothing to ask: unset DESK_RASA=false.")
        try:
            script = office.open_office(settings.root)
            code = await nlu_eval.evaluate_file(
                nlu, script.triage, file, _stage(stage), as_json=json_, console=Console(), errors=errors
            )
        finally:
            await nlu.stop()

    run(main())
    raise typer.Exit(code)


@cli.command("nlu-review")
def nlu_review_(
    label: Annotated[
        list[str] | None, typer.Option("--label", help="ID=intent: put the sentence into data/nlu under this intent")
    ] = None,
    agree: Annotated[bool, typer.Option("--agree", help="label all those whose meaning somebody has said")] = False,
    drop: Annotated[list[int] | None, typer.Option("--drop", help="ID: nothing to learn from it")] = None,
    json_: Annotated[bool, typer.Option("--json", help="one JSON object a line")] = False,
    db: Db = "",
) -> None:
    """Messages the language model read badly, masked: list them, label them into data/nlu, or drop them."""
    settings = _settings(db)
    try:
        nlu_review.run(settings, label or (), agree, drop or (), json_, Console(highlight=False, soft_wrap=True))
    except BadLine as bad:
        errors.print(str(bad), style="red", markup=False)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    cli()
