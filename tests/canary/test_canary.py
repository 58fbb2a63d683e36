"""The canary: in a world where everything that is anybody's carries a token, no text may ever reach somebody whose it is not.

Random speakers (neighbours, strangers, people who have moved out, staff of every role and of the other community) do everything
that can be done; after each event every text that left is judged (`oracle`). A failing run names the seed, the event, the speaker
and the token; `CANARY_SEEDS=17 CANARY_EVENTS=500 python -m pytest tests/canary` runs others.

That it can fail is shown in test_guards.py.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from sqlalchemy import and_, select

from bot.database import EVERY, Database
from bot.tables import table
from tests.canary.driver import Canary
from tests.canary.estate import CODES
from tests.web.site import running

SEEDS = tuple(int(seed) for seed in os.environ.get("CANARY_SEEDS", "1,2").split(","))
LENGTH = int(os.environ.get("CANARY_EVENTS", "120"))


@pytest.mark.parametrize("seed", SEEDS)
async def test_nothing_reaches_whose_it_is_not(database: Database, tmp_path: Path, seed: int) -> None:
    canary = Canary(database, tmp_path, seed)
    async with running(canary.site):
        await canary.run(LENGTH)
    assert sum(canary.seen_events.values()) == LENGTH
    assert len(canary.facts.rows["ticket"]) > 12 and canary._outbox > LENGTH and canary.taken, "hardly anything happened"


async def test_in_shadow_mode_neither_and_nothing_that_nobody_sent(database: Database, tmp_path: Path) -> None:
    """One community is in shadow mode. What goes to its residents was sent by somebody, and reaches whose it is."""
    canary = Canary(database, tmp_path, SEEDS[0], shadow=CODES[1])
    async with running(canary.site):
        await canary.run(LENGTH)
    outbox, talk = table("outbox"), table("conversation")
    said = (
        select(outbox.c.author, outbox.c.text)
        .join(talk, and_(talk.c.community_id == outbox.c.community_id, talk.c.id == outbox.c.conversation_id))
        .where(outbox.c.community_id == 1, talk.c.staff_id.is_(None))
    )
    lines = database.read(EVERY, lambda c: c.execute(said).all())
    by_staff = [line for line in lines if line.author]
    assert len(by_staff) > 12, "hardly anything was sent"
    assert [line for line in lines if not line.author] == []
