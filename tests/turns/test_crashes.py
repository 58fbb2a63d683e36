"""The process is killed at every named point. It is started again, the platform delivers again: nothing is lost and
there is one ticket, on both engines.

The child is forked with its own connections and kills itself with SIGKILL: no handler, no rollback, no goodbye.
"""

from __future__ import annotations

import asyncio
import os
import signal
from datetime import timedelta
from pathlib import Path

import pytest

import bot.database
from bot.app import build_core
from bot.channels import Inbound, Limits, Message, Reach
from bot.core.types import Remind, Say, TicketDraft, Turn
from bot.database import Database
from bot.turns import Desk
from tests.channels.test_wecom_robot import POINTS as DIGEST
from tests.store.office import MORNING, HandClock, Office, office, open_office, story
from tests.texts import office_texts
from tests.turns.test_identity import POINTS as IDENTITY
from tests.turns.test_shadow import POINTS as JUDGE

ACCEPT = ("accept.inbox", "accept.ready", "accept.committed")
TURN = (
    "claim.marked",
    "claim.committed",
    "turn.heard",
    "turn.tickets",
    "turn.locked",
    "turn.loaded",
    "turn.stepped",
    "turn.numbered",
    "turn.ticket",
    "turn.dues",
    "turn.effect",
    "turn.outbox",
    "turn.inbox",
    "turn.saved",
    "turn.committed",
)
SEND = ("send.claimed", "send.sent", "send.settled")
DUE = ("due.claimed", "due.marked", "due.saved")
ACT = ("act.moved", "act.saved")
STAFF = ("take.moved", "take.saved", "file.saved", "say.saved")
MORE_THAN_ANY_LEASE = timedelta(minutes=5)


class Paper:
    """A platform that outlives the process: what it was given stands in a file."""

    limits = Limits()
    reach: Reach = "always"

    def __init__(self, name: str, account: str, path: Path) -> None:
        self.name, self.account, self._path = name, account, path

    async def send(self, to: str, message: Message) -> str:
        with self._path.open("a", encoding="utf-8") as paper:
            paper.write(f"{to}|{message.text}\n")
        return str(message.id)


def killer(name: str) -> None:
    if name == os.environ.get("DESK_CRASH_AT"):
        os.kill(os.getpid(), signal.SIGKILL)


def process(
    url: str, paper: Path, now_after: timedelta, crash_at: str, *, act: bool = False, staff: bool = False
) -> int:
    """One life of the desk: the platform delivers (again) what was not acknowledged, everything that waits is done."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    code = 1
    try:
        os.environ["DESK_CRASH_AT"] = crash_at
        bot.database.crash_hook = killer
        asyncio.run(_staffs_life(url, paper, now_after) if staff else _life(url, paper, now_after, act))
        code = 0
    finally:
        os._exit(code)


async def _life(url: str, paper: Path, now_after: timedelta, act: bool) -> None:
    database = Database(url)
    script = story()
    script.timers["survey"] = lambda s, e, f: Turn(
        s, (Say("请评分"), Remind("survey_again", f.now + timedelta(days=1)))
    )
    desk = office(database, script, HandClock(MORNING + now_after), f"process-{os.getpid()}")
    desk.workers._channels = {
        ("telegram", "bot"): Paper("telegram", "bot", paper),
        ("desk", ""): Paper("desk", "", paper),
    }
    for external_id, text in (("1", "水管漏水"), ("2", "是")):
        # Delivered every time: an acknowledgement may have been lost on the way as well.
        await desk.workers.accept(1, Inbound("telegram", "bot", external_id, "wang", text))
        await desk.answer()
    await desk.workers.sweep()
    await desk.deliver()
    if act:
        number = desk.rows("ticket", "number")[0][0]
        if not desk.rows("ticket_event", "id", action="accept"):
            desk.desk.act_on_ticket(1, 1, number, "accept")
        await desk.deliver()
        desk.machine.forward(timedelta(days=2))
        await desk.workers.tick()
        await desk.deliver()
    database.close()


async def _staffs_life(url: str, paper: Path, now_after: timedelta) -> None:
    """A colleague takes a conversation, writes in it, and files a ticket for the caller; each form is sent until it is answered."""
    database = Database(url)
    desk = office(database, story(), HandClock(MORNING + now_after), f"process-{os.getpid()}")
    core = build_core(office_texts(), MORNING.year)
    desk.desk = desk.workers.desk = Desk(database, core, desk.clock, desk.machine)
    desk.workers._channels = {
        ("telegram", "bot"): Paper("telegram", "bot", paper),
        ("desk", ""): Paper("desk", "", paper),
    }
    await desk.workers.accept(1, Inbound("telegram", "bot", "1", "wang", "您好"))
    await desk.answer()
    desk.bind("wang", 1)
    if not desk.rows("ticket", "id", category="handoff", status="owned"):
        desk.desk.take_over(1, 2, 1)
    desk.desk.speak(1, 2, 1, "您好，请讲。", "say-1")
    draft = TicketDraft("repair", "general", "厨房漏水", contact="13800000000")
    desk.desk.file_ticket(1, 2, draft, "counter", "form-1", 1)
    await desk.workers.sweep()
    await desk.deliver()
    database.close()


@pytest.fixture
def new_office(url: str) -> str:
    database = Database(url)
    open_office(database)
    database.close()
    return url


def look(url: str) -> tuple[Database, Office]:
    database = Database(url)
    return database, office(database, story())


@pytest.mark.parametrize("point", [*ACCEPT, *TURN, *SEND])
def test_a_crash_loses_nothing_and_opens_no_second_ticket(
    new_office: str, tmp_path: Path, point: str
) -> None:
    paper = tmp_path / "paper"
    assert process(new_office, paper, timedelta(0), point) == -signal.SIGKILL
    assert process(new_office, paper, MORE_THAN_ANY_LEASE, "") == 0

    database, desk = look(new_office)
    tickets = desk.rows("ticket", "number", "description")
    assert [d for _, d in tickets] == ["水管漏水"]
    assert desk.rows("ticket_event", "action") == [("open",)]
    assert {s for (s,) in desk.rows("inbox", "status")} == {"done"}
    assert len(desk.rows("inbox", "id")) == 2
    assert sorted(k for (k,) in desk.rows("due", "kind")) == ["sla_first_response", "sla_resolve", "survey"]
    assert {s for (s,) in desk.rows("outbox", "status")} == {"sent"}
    assert len(desk.rows("outbox", "id")) == 3
    assert desk.rows("conversation", "ready_at", "claimed_by", "claimed_until") == [(None, None, None)]
    database.close()

    said = paper.read_text(encoding="utf-8").splitlines()
    wanted = [
        "wang|确认报修吗?",
        f"wang|已登记,单号{tickets[0][0]}",
        f"staff:1|utter_staff_new_ticket {tickets[0][0]} zh",
    ]
    assert set(said) == set(wanted)
    # At least once: only a message that was on its way when the process died may have come twice.
    assert len(said) <= 3 + (point in ("send.sent", "send.settled"))


@pytest.mark.parametrize("point", [*ACT, *DUE])
def test_a_crash_while_staff_act_or_a_timer_fires_leaves_all_or_nothing(
    new_office: str, tmp_path: Path, point: str
) -> None:
    paper = tmp_path / "paper"
    assert process(new_office, paper, timedelta(0), point, act=True) == -signal.SIGKILL
    assert process(new_office, paper, MORE_THAN_ANY_LEASE, "", act=True) == 0

    database, desk = look(new_office)
    assert desk.rows("ticket_event", "action") == [("open",), ("accept",)]
    assert desk.rows("ticket", "status", "version") == [("dispatched", 2)]
    texts = [t for (t,) in desk.rows("outbox", "text", channel="telegram")]
    assert texts.count("请评分") == 1
    assert {s for (s,) in desk.rows("outbox", "status")} == {"sent"}
    assert desk.rows("due", "kind", "status", kind="survey") == [("survey", "done")]
    assert desk.rows("due", "kind", "status", kind="survey_again") == [("survey_again", "pending")]
    database.close()


@pytest.mark.parametrize("point", STAFF)
def test_a_crash_while_staff_take_speak_or_file_leaves_all_or_nothing_and_the_form_sent_again_counts_once(
    new_office: str, tmp_path: Path, point: str
) -> None:
    paper = tmp_path / "paper"
    office_texts()  # before the fork, once for all processes
    assert process(new_office, paper, timedelta(0), point, staff=True) == -signal.SIGKILL

    database, desk = look(new_office)
    taken, filed = ("handoff",), ("general",)
    kept = {"take.moved": [], "take.saved": [], "say.saved": [taken], "file.saved": [taken]}
    assert desk.rows("ticket", "category") == kept[point]
    assert len(desk.rows("receipt", "id")) == (point == "file.saved")
    assert [t for (t,) in desk.rows("outbox", "text", author="刘管家")] == ["您好，请讲。"] * (point == "file.saved")
    mode = desk.rows("conversation", "state")[0][0]["mode"]
    assert mode == ("desk" if point.startswith("take") else "human")
    database.close()

    assert process(new_office, paper, MORE_THAN_ANY_LEASE, "", staff=True) == 0
    database, desk = look(new_office)
    assert desk.rows("ticket", "category") == [taken, filed]
    assert desk.rows("ticket_event", "action") == [("open",), ("accept",), ("open",)]
    assert len(desk.rows("receipt", "id")) == 2
    assert {s for (s,) in desk.rows("outbox", "status")} == {"sent"}
    number = desk.rows("ticket", "number", category="general")[0][0]
    database.close()
    said = [line for line in paper.read_text(encoding="utf-8").splitlines() if line.startswith("wang|")]
    for words in ("客服刘管家来为您服务", "您好，请讲。", number):
        assert sum(words in line for line in said) == 1, words


def test_the_points_above_are_all_the_points_there_are() -> None:
    import re

    source = "".join(
        Path(bot.database.__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
        for name in ("store", "turns", "work", "workers", "outbox", "dues", "casebook")
    )
    assert set(re.findall(r'crash_point\("([a-z.]+)"\)', source)) == {
        *ACCEPT,
        *TURN,
        *SEND,
        *DUE,
        *ACT,
        *STAFF,
        *IDENTITY,
        *JUDGE,
        *DIGEST,
    }
