"""The staff: they take tickets, go, come back and say what they did; they speak with those who asked for a person.

They act through the desk's own use cases, as the pages do. Two of them have a chat as well, where notices arrive with the next
steps as buttons: those they press, sometimes one that somebody else has pressed meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from bot.core.tickets import IllegalMove
from bot.database import EVERY
from bot.tables import table
from bot.turns import NotYours
from simulator.mishaps import DiskFailed

if TYPE_CHECKING:
    from simulator.people import Resident
    from simulator.world import World

_TICKET = table("ticket")
_STAFF = table("staff")

#: Kind and status of a ticket → by which role which step, mostly. What is not here waits for the resident, or for a clock.
STEPS: Final[Mapping[tuple[str, str], tuple[tuple[str, str], ...]]] = {
    ("repair", "submitted"): (("technician", "accept"), ("technician", "accept"), ("steward", "acknowledge")),
    ("repair", "accepted"): (("technician", "accept"),),
    ("repair", "dispatched"): (("technician", "depart"), ("technician", "arrive"), ("technician", "return")),
    ("repair", "en_route"): (("technician", "arrive"),),
    ("repair", "in_progress"): (("technician", "done"), ("technician", "done"), ("technician", "pause")),
    ("repair", "on_hold"): (("technician", "resume"),),
    ("emergency", "open"): (("guard", "accept"), ("guard", "arrive")),
    ("emergency", "called"): (("guard", "arrive"),),
    ("emergency", "on_site"): (("guard", "secure"), ("guard", "stand_down")),
    ("emergency", "secured"): (("supervisor", "close"),),
    ("enquiry", "open"): (("steward", "take"), ("steward", "answer")),
    ("enquiry", "owned"): (("steward", "speak"), ("steward", "hand_back"), ("steward", "answer")),
    ("follow_up", "open"): (("steward", "accept"),),
    ("follow_up", "contacted"): (("steward", "settle"),),
}

#: Buttons in a colleague's chat after which it would no longer be one.
_NOT_PRESSED: Final = frozenset({"解除本对话绑定"})

#: How far the desk clock is moved at once.
HOURS: Final = tuple(timedelta(hours=h) for h in (1, 3, 8, 24))


async def work(world: World, number: int) -> None:
    """A member of staff looks at what is open every now and then, and moves something on."""
    chance = world.chance.stream("colleague", number)
    colleagues: dict[str, list[int]] = {}
    rows = world.database.read(EVERY,
        lambda c: c.execute(
            select(_STAFF.c.id, _STAFF.c.role).where(_STAFF.c.community_id == world.community_id).order_by(_STAFF.c.id)
        ).all()
    )
    for row in rows:
        colleagues.setdefault(row.role, []).append(row.id)
    once = 0
    while world.goes_on:
        await asyncio.sleep(chance.uniform(2.0, 12.0))
        tickets = world.database.read(EVERY,
            lambda c: c.execute(
                select(_TICKET.c.number, _TICKET.c.kind, _TICKET.c.status, _TICKET.c.conversation_id, _TICKET.c.assignee_id)
                .where(_TICKET.c.community_id == world.community_id, _TICKET.c.status.in_(sorted({s for _, s in STEPS})))
                .order_by(_TICKET.c.id)
                .limit(60)
            ).all()
        )
        todo = [ticket for ticket in tickets if (ticket.kind, ticket.status) in STEPS]
        if not todo:
            continue
        ticket = chance.choice(todo)
        role, step = chance.choice(STEPS[ticket.kind, ticket.status])
        who = ticket.assignee_id or chance.choice(colleagues[role])
        once += 1
        # Two colleagues may press at the same moment, and the disk may fail: then they are told so, and look again.
        with suppress(IllegalMove, NotYours, DiskFailed):
            await world.database.hop(partial(_press, world, who, ticket, step, f"simulated-{number}-{once}"))


def _press(world: World, who: int, ticket: Any, step: str, once: str) -> None:
    desk, community = world.desk, world.community_id
    if step == "take":
        desk.take_over(community, who, ticket.conversation_id)
    elif step == "speak":
        desk.speak(community, who, ticket.conversation_id, "您好，物业费请到前台。", once)
    else:
        desk.act_on_ticket(community, who, ticket.number, step, "已处理")


async def join(world: World, who: str, colleague: int, manager: int) -> None:
    """A colleague makes a chat their own, with a code."""
    code = await world.database.hop(lambda: world.desk.invite_colleague(world.community_id, manager, colleague))
    resident = world.newcomer(who)
    await resident.send("comes", world.platform.comes(who))
    await resident.say(code)
    await resident.choose("确认", "是的")
    while world.goes_on:
        await resident.pause(60)
        if world.goes_on:
            await _press_a_button(resident)


async def _press_a_button(colleague: Resident) -> None:
    """A step of a ticket, from its notice: of the latest mostly, and now and then from further up. With none there, the way in."""
    chance = colleague.chance
    notices = [message for message in colleague.world.platform.seen(colleague.who)[-12:] if message.buttons]
    if not notices or chance.random() < 0.15:
        await colleague.say("登录")
        return
    message = notices[-1] if chance.random() < 0.7 else chance.choice(notices)
    position = chance.randrange(len(message.buttons))
    if message.buttons[position] not in _NOT_PRESSED:
        await colleague.tap(message.buttons[position], message)


async def nights(world: World) -> None:
    """Time passes at the desk, too: hours or a day at once, so that surveys, reminders and deadlines come due."""
    chance = world.chance.stream("nights")
    while world.goes_on:
        await asyncio.sleep(chance.uniform(240.0, 900.0))
        if world.goes_on:
            until = world.desk_clock.now() + chance.choice(HOURS)
            await world.database.hop(partial(world.desk.advance, until))
