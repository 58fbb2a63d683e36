"""When a ticket must be answered, reached and done. One function, from the ticket, the policy and the calendar.

A clock counts from the opening of the ticket. Which clocks still run depends on its status: `first_response` stops when
somebody owns it, `next_step` when the next step is taken, `resolve` when the resident is asked or the ticket has ended.
A pause that policy allows stops `resolve`; the store adds the paused time when it resumes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.calendar import Calendar
from bot.core.policy import Policy
from bot.core.tickets import INITIAL, is_open
from bot.core.types import TicketView


@dataclass(frozen=True, slots=True)
class Due:
    """A due row to be: unique per (ticket, kind, round). `at` is a desk-clock instant in UTC."""

    kind: str
    round: int
    at: datetime


#: Per kind: the statuses in which the next step (on site, feedback) is still owed.
BEFORE_NEXT_STEP: Mapping[str, frozenset[str]] = {
    "repair": frozenset({"submitted", "accepted", "dispatched", "en_route"}),
    "complaint": frozenset({"submitted", "acknowledged", "investigating"}),
    "emergency": frozenset({"open", "called"}),
}
#: Per kind: the statuses in which the work counts as done, though the ticket is still open.
DONE: Mapping[str, frozenset[str]] = {
    "repair": frozenset({"resolved", "awaiting_payment"}),
    "complaint": frozenset({"replied", "accepted", "visited"}),
    "emergency": frozenset({"secured"}),
    "fee_case": frozenset({"answered", "accepted"}),
    "enquiry": frozenset({"answered"}),
    "follow_up": frozenset({"settled"}),
}


def running(ticket: TicketView, clock: str) -> bool:
    """Whether this clock still runs: the thing it asks for has not happened."""
    if not is_open(ticket):
        return False
    if clock == "first_response":
        return ticket.status == INITIAL[ticket.kind] and not ticket.assignee
    if clock == "next_step":
        return ticket.status in BEFORE_NEXT_STEP.get(ticket.kind, frozenset())
    return ticket.status not in DONE.get(ticket.kind, frozenset())


def deadlines(
    ticket: TicketView, policy: Policy, calendar: Calendar, paused: timedelta = timedelta(0)
) -> tuple[Due, ...]:
    """The due rows a ticket should have now. `paused` is the time its pausable clocks stood still so far.

    A ticket that is on hold has no pausable clock running. Raises ValueError for a ticket without an opening instant.
    """
    if ticket.opened_at is None:
        raise ValueError(f"{ticket.number}: a ticket that was never opened has no deadlines")
    out: list[Due] = []
    for allowance in policy.allowances(ticket.kind, ticket.category):
        if not running(ticket, allowance.name):
            continue
        if allowance.pausable and ticket.status == "on_hold":
            continue
        if allowance.working_days:
            at = calendar.add_working_days(ticket.opened_at, allowance.working_days)
        elif allowance.clock == "service":
            at = calendar.add_service(ticket.opened_at, allowance.within)
        else:
            at = ticket.opened_at + allowance.within
        out.append(Due(f"sla_{allowance.name}", 1, at + paused if allowance.pausable else at))
    return tuple(out)
