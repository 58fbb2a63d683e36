"""A ticket that staff file for a caller: whoever does the work is told as if the resident had written."""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.flows import FLOWS
from bot.core.flows.emergency import ROLES
from bot.core.talk import Talk, shorten
from bot.core.types import OpenTicket, Say, Tell, TicketFiled

#: kind → the role that works on it, as in the residents' own requests.
_ROLE: Mapping[str, str] = {"follow_up": "supervisor", **{flow.kind: flow.role for flow in FLOWS.values()}}


def announce(talk: Talk, event: TicketFiled) -> None:
    """Open it, tell who works on it and, where the requester can be written to, the requester."""
    draft = event.draft
    where = draft.location if draft.public_area or draft.room is None else draft.room.label
    then: tuple[Say, ...] = ()
    if talk.facts.conversation_id is not None:
        then = (talk.line("utter_filed_for_you", item=shorten(draft.description)),)
    talk.do(OpenTicket(draft, then, event.source))
    item = shorten(draft.description)
    if draft.kind == "emergency":
        for role in ROLES:
            talk.do(Tell(role, "utter_staff_emergency", {"item": item, "where": where}, priority=draft.priority))
        return
    values = {
        "item": item,
        "where": where,
        "when": talk.when(draft.appointment) if draft.appointment else "",
        "contact": draft.contact,
    }
    talk.do(Tell(_ROLE[draft.kind], "utter_staff_new_ticket", values, priority=draft.priority))
