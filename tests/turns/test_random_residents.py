"""Random residents at the real store: duplicates, late and reordered deliveries, bursts, a colleague in between, days that pass.

Whatever comes in whatever order: every delivery is kept once and heard once, nobody who spoke to the desk is left without an answer,
no ticket is opened without a yes of its own, and what the conversation remembers can be read again. Held with the real core and
no language model; `simulator/` does the same with one, over the channels.
"""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from bot.channels import Inbound
from bot.core.access import Refused
from bot.core.codec import state_from_json
from bot.core.resolve import answer
from bot.core.tickets import TRANSITIONS, IllegalMove
from bot.database import Database
from tests.store.office import Office, open_office
from tests.turns.test_identity import real

WHO = ("ann", "bob")
TEXTS = (
    "厨房水管漏水了", "3栋2单元501", "502", "明天下午", "13900001234", "对", "好的", "不对", "取消", "1", "2", "着火了", "火灭了", "转人工",
    "上一步", "重新来", "修好了", "没修好", "没有电话", "算了，还是修吧", "the tap leaks", "yes", "我要报修", "🙂", " ",
)  # fmt: skip
BUTTONS = ("menu:repair", "menu:complaint", "menu:handoff", "yes", "no", "cancel", "confirm:1", "not_fixed:1", "rate:1:2", "stale:9")
ACTIONS = ("accept", "depart", "arrive", "done", "answer", "hand_back", "stand_down", "secure")

messages = st.tuples(st.sampled_from(WHO), st.one_of(st.sampled_from(TEXTS), st.sampled_from(BUTTONS).map(lambda b: f"!{b}")))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("say"), messages),
        st.tuples(st.just("burst"), st.lists(messages, min_size=2, max_size=4)),
        st.tuples(st.just("reversed"), st.lists(messages, min_size=2, max_size=3)),
        st.tuples(st.just("again"), st.integers(0, 30)),
        st.tuples(st.just("staff"), st.sampled_from(ACTIONS)),
        st.tuples(st.just("wait"), st.sampled_from((1, 26, 170))),
    ),
    max_size=14,
)
FILED = (
    ("say", ("ann", "!menu:repair")), ("say", ("ann", "厨房水管漏水了")), ("say", ("ann", "3栋2单元501")), ("say", ("ann", "明天下午")),
    ("say", ("ann", "13900001234")), ("burst", [("ann", "对"), ("bob", "!menu:repair")]), ("again", 5), ("again", 5),
)  # fmt: skip


class Estate:
    """The desk, and what was delivered to it."""

    def __init__(self, office: Office) -> None:
        self.office = office
        self.delivered: list[Inbound] = []

    async def deliver(self, said: tuple[str, str], number: int) -> None:
        who, words = said
        text, button = ("", words[1:]) if words.startswith("!") else (words, None)
        message = Inbound("telegram", "bot", f"m{number}", who, text, button)
        self.delivered.append(message)
        await self.office.workers.accept(1, message)

    async def play(self, step: tuple[str, Any]) -> None:
        kind, what = step
        number = len(self.delivered)
        if kind in ("say", "burst"):
            for at, said in enumerate([what] if kind == "say" else what):
                await self.deliver(said, number + at)
        elif kind == "reversed":
            for at, said in reversed(list(enumerate(what))):
                await self.deliver(said, number + at)
        elif kind == "again" and self.delivered:
            accepted = await self.office.workers.accept(1, self.delivered[what % number])
            assert accepted.duplicate
        elif kind == "staff":
            await self.staff_acts(what)
        elif kind == "wait":
            self.office.machine.forward(timedelta(hours=what))
        await self.office.answer()

    async def staff_acts(self, action: str) -> None:
        role = {"hand_back": 2, "answer": 2}.get(action, 1)
        for number, ticket_kind, status in self.office.rows("ticket", "number", "kind", "status"):
            if action in TRANSITIONS[ticket_kind][status]:
                try:
                    await asyncio.to_thread(self.office.desk.act_on_ticket, 1, role, number, action, note="看过了")
                except (IllegalMove, Refused):
                    continue
                return

    def check(self) -> None:
        office = self.office
        kept = office.rows("inbox", "external_id", "status")
        assert len(kept) == len({name for name, _ in kept}) == len(self.delivered), "kept once"
        assert {status for _, status in kept} <= {"done"}, "heard once, and by now"
        heard = {address for (address,) in office.rows("outbox", "address")}
        assert {m.address for m in self.delivered} <= heard, "nobody is left without an answer"
        agreed = sum(m.button == "yes" or answer.yes_no(m.text) is True for m in self.delivered)
        filed = office.rows("ticket", "number", "kind", "category")
        assert len({number for number, _, _ in filed}) == len(filed)
        assert sum(kind in ("repair", "complaint", "service_order", "fee_case") for _, kind, _ in filed) <= agreed, "none without a yes of its own"
        for (state,) in office.rows("conversation", "state"):
            state_from_json(state)


@settings(
    max_examples=60, deadline=None, derandomize=True, database=None, phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)  # fmt: skip
@given(steps)
@example(list(FILED))
def test_whatever_residents_send_is_kept_heard_and_answered_once(sqlite_template: Path, told: list[tuple[str, Any]]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="residents-"))
    try:
        shutil.copy(sqlite_template, folder / "desk.db")
        database = Database(f"sqlite:///{folder / 'desk.db'}")
        estate = Estate(real(open_office(database)))

        async def live() -> None:
            for step in told:
                await estate.play(step)
            await estate.office.answer()

        asyncio.run(live())
        estate.check()
        if told == list(FILED):
            assert [kind for (kind,) in estate.office.rows("ticket", "kind")] == ["repair"], "one yes, one ticket, however often it comes"
        database.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
