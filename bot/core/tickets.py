"""Every transition of every kind of ticket, in tables, and the one function that applies them.

The rules, numbered so that tests and reviewers can point at them:

1. A ticket changes its status by `move` alone. What the table does not list is illegal, raises `IllegalMove` and changes
   nothing.
2. Who may make a move is part of the rule. "clock" is the due row that fired; it never acts for a person.
3. No status without a way out, and every ticket can reach an end (`ENDS`). A test walks the tables to prove it.
4. A move that needs a reason (a pause, a return, a rejection, a false alarm) is illegal without a note: the resident
   will be told why.
5. "not_fixed" counts: at the second the ticket escalates (DOMAIN.md, Repair).

Nothing here reads a clock: the instant of a move is passed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias

from bot.core.types import TicketView

#: Two letters of the ticket number, from the Chinese name of the kind.
KIND_CODES: Mapping[str, str] = MappingProxyType(
    {
        "repair": "BX",  # 报修
        "complaint": "TS",  # 投诉
        "emergency": "JJ",  # 紧急
        "service_order": "FW",  # 服务
        "fee_case": "FY",  # 费用
        "follow_up": "HF",  # 回访
        "enquiry": "ZX",  # 咨询
    }
)

RESIDENT, CLOCK = "resident", "clock"
DESK_STAFF = frozenset({"steward", "supervisor", "manager"})
WORKERS = frozenset({"technician"}) | DESK_STAFF
CASHIERS = frozenset({"cashier"}) | DESK_STAFF
EVERYONE_ON_DUTY = frozenset({"technician", "cashier", "guard"}) | DESK_STAFF
BOSSES = frozenset({"supervisor", "manager"})


class IllegalMove(Exception):
    """The table has no such move for this ticket, this person or without a reason. The message says which and what is
    allowed instead; it is meant to be shown to staff. `why` is "status", "role", "note" or "person", for a page that says it in
    its own language."""

    def __init__(self, message: str, why: str) -> None:
        super().__init__(message)
        self.why = why


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of a table: where the action leads, who may take it, whether it needs a reason, and what it marks."""

    to: str
    by: frozenset[str]
    needs_note: bool = False
    assigns: bool = False  # the actor becomes the owner of the work
    counts_rework: bool = False
    closes_as: str = ""  # who closed it: said exactly where `to` is an end, a test walks the tables


@dataclass(frozen=True, slots=True)
class TicketEvent:
    """One line of the audit trail."""

    action: str
    from_status: str
    to_status: str
    by_role: str
    at: datetime
    note: str = ""


Table: TypeAlias = Mapping[str, Mapping[str, Rule]]


def _by(*roles: str | frozenset[str]) -> frozenset[str]:
    out: set[str] = set()
    for role in roles:
        out |= {role} if isinstance(role, str) else role
    return frozenset(out)


_CANCEL = Rule("cancelled", _by(RESIDENT, DESK_STAFF), closes_as="resident")
_REJECT = Rule("rejected", DESK_STAFF, needs_note=True, closes_as="staff")
_HOLD = Rule("on_hold", WORKERS, needs_note=True)

_REPAIR: Table = {
    "submitted": {
        "accept": Rule("dispatched", WORKERS, assigns=True),
        "assign": Rule("dispatched", DESK_STAFF),
        "acknowledge": Rule("accepted", DESK_STAFF),
        "reject": _REJECT,
        "cancel": _CANCEL,
    },
    "accepted": {
        "accept": Rule("dispatched", WORKERS, assigns=True),
        "assign": Rule("dispatched", DESK_STAFF),
        "reject": _REJECT,
        "cancel": _CANCEL,
    },
    "dispatched": {
        "depart": Rule("en_route", WORKERS),
        "arrive": Rule("in_progress", WORKERS),
        "return": Rule("accepted", WORKERS, needs_note=True),
        "assign": Rule("dispatched", DESK_STAFF),
        "pause": _HOLD,
        "cancel": _CANCEL,
    },
    "en_route": {
        "arrive": Rule("in_progress", WORKERS),
        "return": Rule("accepted", WORKERS, needs_note=True),
        "pause": _HOLD,
        "cancel": _CANCEL,
    },
    "in_progress": {
        "done": Rule("resolved", WORKERS, needs_note=True),
        "pause": _HOLD,
        "return": Rule("accepted", WORKERS, needs_note=True),
        "quote": Rule("quote_pending", WORKERS, needs_note=True),
    },
    "on_hold": {
        "resume": Rule("in_progress", WORKERS | {CLOCK}),
        "return": Rule("accepted", WORKERS, needs_note=True),
        "cancel": Rule("cancelled", DESK_STAFF, needs_note=True, closes_as="staff"),
    },
    "quote_pending": {
        "agree": Rule("in_progress", _by(RESIDENT, DESK_STAFF)),
        "decline": Rule("cancelled", _by(RESIDENT, DESK_STAFF), closes_as="resident"),
        "pause": _HOLD,
    },
    "resolved": {
        "confirm": Rule("closed", _by(RESIDENT, DESK_STAFF), closes_as="resident"),
        "bill": Rule("awaiting_payment", WORKERS, needs_note=True),
        "not_fixed": Rule("in_progress", _by(RESIDENT, DESK_STAFF), counts_rework=True),
        "timeout": Rule("closed", _by(CLOCK), closes_as="timeout"),
    },
    "awaiting_payment": {
        "paid": Rule("closed", CASHIERS, closes_as="paid"),
        "not_fixed": Rule("in_progress", _by(RESIDENT, DESK_STAFF), counts_rework=True),
    },
    "closed": {"reopen": Rule("in_progress", _by(RESIDENT, DESK_STAFF), counts_rework=True)},
    "cancelled": {},
    "rejected": {"reopen": Rule("accepted", BOSSES, needs_note=True)},
}

_COMPLAINT: Table = {
    "submitted": {
        "accept": Rule("acknowledged", DESK_STAFF, assigns=True),
        "cancel": _CANCEL,
    },
    "acknowledged": {
        "investigate": Rule("investigating", DESK_STAFF),
        "reply": Rule("replied", DESK_STAFF, needs_note=True),
        "cancel": _CANCEL,
    },
    "investigating": {
        "reply": Rule("replied", DESK_STAFF, needs_note=True),
        "cancel": _CANCEL,
    },
    "replied": {
        "confirm": Rule("accepted", _by(RESIDENT, DESK_STAFF)),
        "dispute": Rule("disputed", _by(RESIDENT, DESK_STAFF)),
        # Silence does not close a complaint: it is visited all the same, and the audit line says "timeout".
        "timeout": Rule("accepted", _by(CLOCK)),
    },
    # Reviewed once, by a different person; then it is visited, agreed or not.
    "disputed": {"review": Rule("accepted", BOSSES, needs_note=True)},
    "accepted": {"visit": Rule("visited", DESK_STAFF, needs_note=True)},
    "visited": {"close": Rule("closed", DESK_STAFF, closes_as="staff")},
    "closed": {"reopen": Rule("investigating", DESK_STAFF, needs_note=True)},
    "cancelled": {},
}

_EMERGENCY: Table = {
    "open": {
        "accept": Rule("called", EVERYONE_ON_DUTY, assigns=True),
        "arrive": Rule("on_site", EVERYONE_ON_DUTY, assigns=True),
        "stand_down": Rule("false_alarm", EVERYONE_ON_DUTY, needs_note=True, closes_as="false_alarm"),
    },
    "called": {
        "arrive": Rule("on_site", EVERYONE_ON_DUTY),
        "stand_down": Rule("false_alarm", EVERYONE_ON_DUTY, needs_note=True, closes_as="false_alarm"),
    },
    "on_site": {
        "secure": Rule("secured", EVERYONE_ON_DUTY, needs_note=True),
        "stand_down": Rule("false_alarm", EVERYONE_ON_DUTY, needs_note=True, closes_as="false_alarm"),
    },
    "secured": {"close": Rule("closed", BOSSES, needs_note=True, closes_as="staff")},
    "closed": {},
    "false_alarm": {"reopen": Rule("open", EVERYONE_ON_DUTY, needs_note=True)},
}

_SERVICE_ORDER: Table = {
    "requested": {
        "accept": Rule("requested", WORKERS, assigns=True),
        "quote": Rule("quoted", WORKERS, needs_note=True),
        "decline": Rule("declined", DESK_STAFF, needs_note=True, closes_as="staff"),
        "cancel": _CANCEL,
    },
    "quoted": {
        "agree": Rule("ordered", _by(RESIDENT, DESK_STAFF)),
        "decline": Rule("declined", _by(RESIDENT, DESK_STAFF), closes_as="resident"),
        "cancel": _CANCEL,
    },
    "ordered": {"accept": Rule("confirmed", WORKERS, assigns=True), "cancel": _CANCEL},
    "confirmed": {"done": Rule("done", WORKERS, needs_note=True), "cancel": _CANCEL},
    "done": {"paid": Rule("paid", CASHIERS), "not_fixed": Rule("confirmed", _by(RESIDENT), counts_rework=True)},
    "paid": {"close": Rule("closed", CASHIERS | {CLOCK}, closes_as="staff")},
    "closed": {},
    "declined": {},
    "cancelled": {},
}

_FEE_CASE: Table = {
    "open": {"accept": Rule("with_cashier", CASHIERS, assigns=True), "cancel": _CANCEL},
    "with_cashier": {"answer": Rule("answered", CASHIERS, needs_note=True), "cancel": _CANCEL},
    "answered": {
        "confirm": Rule("accepted", _by(RESIDENT, DESK_STAFF)),
        "dispute": Rule("disputed", _by(RESIDENT, DESK_STAFF)),
        "timeout": Rule("closed", _by(CLOCK), closes_as="timeout"),
    },
    "disputed": {"review": Rule("accepted", BOSSES, needs_note=True)},
    "accepted": {"close": Rule("closed", CASHIERS | {CLOCK}, closes_as="staff")},
    "closed": {"reopen": Rule("with_cashier", CASHIERS, needs_note=True)},
    "cancelled": {},
}

_FOLLOW_UP: Table = {
    "open": {"accept": Rule("contacted", DESK_STAFF, assigns=True)},
    "contacted": {
        "settle": Rule("settled", DESK_STAFF, needs_note=True),
        "refer": Rule("referred", DESK_STAFF, needs_note=True),
    },
    "referred": {"settle": Rule("settled", DESK_STAFF, needs_note=True)},
    "settled": {"close": Rule("closed", DESK_STAFF, closes_as="staff")},
    "closed": {},
}

_ENQUIRY: Table = {
    "open": {
        "accept": Rule("owned", EVERYONE_ON_DUTY, assigns=True),
        "answer": Rule("answered", EVERYONE_ON_DUTY, needs_note=True),
        "cancel": _CANCEL,
    },
    "owned": {
        # A colleague takes the conversation over, and gives it back to the desk when it is settled.
        "accept": Rule("owned", DESK_STAFF, assigns=True),
        "hand_back": Rule("closed", EVERYONE_ON_DUTY, closes_as="staff"),
        "answer": Rule("answered", EVERYONE_ON_DUTY, needs_note=True),
        "return": Rule("open", EVERYONE_ON_DUTY, needs_note=True),
        "cancel": _CANCEL,
    },
    "answered": {
        "close": Rule("closed", EVERYONE_ON_DUTY | {CLOCK}, closes_as="staff"),
        "reopen": Rule("owned", _by(RESIDENT, DESK_STAFF)),
        "timeout": Rule("closed", _by(CLOCK), closes_as="timeout"),
    },
    "closed": {"reopen": Rule("owned", _by(RESIDENT, DESK_STAFF))},
    "cancelled": {},
}

#: kind → status → action → rule. Read it as the trade's state diagram.
TRANSITIONS: Mapping[str, Table] = MappingProxyType(
    {
        "repair": _REPAIR,
        "complaint": _COMPLAINT,
        "emergency": _EMERGENCY,
        "service_order": _SERVICE_ORDER,
        "fee_case": _FEE_CASE,
        "follow_up": _FOLLOW_UP,
        "enquiry": _ENQUIRY,
    }
)

INITIAL: Mapping[str, str] = MappingProxyType(
    {
        "repair": "submitted",
        "complaint": "submitted",
        "emergency": "open",
        "service_order": "requested",
        "fee_case": "open",
        "follow_up": "open",
        "enquiry": "open",
    }
)

#: Statuses in which nothing more is owed; a ticket in one of them is not "open".
ENDS: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "repair": frozenset({"closed", "cancelled", "rejected"}),
        "complaint": frozenset({"closed", "cancelled"}),
        "emergency": frozenset({"closed", "false_alarm"}),
        "service_order": frozenset({"closed", "declined", "cancelled"}),
        "fee_case": frozenset({"closed", "cancelled"}),
        "follow_up": frozenset({"closed"}),
        "enquiry": frozenset({"closed", "cancelled"}),
    }
)

#: The shortest honest way of a piece of work to "the resident is asked", per kind: used by drills and demonstrations.
WORK_PATH: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "repair": ("accept", "depart", "arrive", "done"),
        "complaint": ("accept", "investigate", "reply"),
        "emergency": ("accept", "arrive", "secure"),
        "service_order": ("accept", "quote"),
        "fee_case": ("accept", "answer"),
        "follow_up": ("accept", "settle"),
        "enquiry": ("accept", "answer"),
    }
)


def unreachable(
    transitions: Mapping[str, Table] = TRANSITIONS, initial: Mapping[str, str] = INITIAL
) -> tuple[tuple[str, str], ...]:
    """The (kind, status) pairs that no chain of moves leads to from the kind's first status."""
    lost: list[tuple[str, str]] = []
    for kind, table in transitions.items():
        seen, todo = {initial[kind]}, [initial[kind]]
        while todo:
            reached = {rule.to for rule in table[todo.pop()].values()} - seen
            seen |= reached
            todo.extend(reached)
        lost.extend((kind, status) for status in table if status not in seen)
    return tuple(lost)


#: Steps of the work that are taken with one press, in the order in which they are offered: no reason, no name, no money.
STEPS = ("accept", "acknowledge", "investigate", "depart", "arrive", "resume")
_MOST_STEPS = 3


def steps(kind: str, status: str, role: str) -> tuple[str, ...]:
    """The next steps this role may take with one press, at most 3."""
    rules = TRANSITIONS[kind][status]
    able = (a for a in STEPS if a in rules and role in rules[a].by and not rules[a].needs_note)
    return tuple(able)[:_MOST_STEPS]


def is_open(ticket: TicketView) -> bool:
    """Whether something is still owed on this ticket."""
    return ticket.status not in ENDS[ticket.kind]


def allowed(ticket: TicketView, by_role: str) -> tuple[str, ...]:
    """The actions this role may take now, in the table's order: what a staff page shows as buttons."""
    return tuple(a for a, rule in TRANSITIONS[ticket.kind][ticket.status].items() if by_role in rule.by)


def move(
    ticket: TicketView, action: str, by_role: str, at: datetime, note: str = "", by_name: str = ""
) -> tuple[TicketView, TicketEvent]:
    """Apply one action and return the ticket as it then stands, with the line for its audit trail.

    `at` is the desk clock's instant (aware, UTC). Raises `IllegalMove` when the table has no such row for this status,
    when the role may not take it, or when a needed reason is missing; nothing is changed then.
    """
    table = TRANSITIONS[ticket.kind]
    rule = table[ticket.status].get(action)
    if rule is None:
        can = ", ".join(allowed(ticket, by_role)) or "nothing"
        raise IllegalMove(f"{ticket.number} is {ticket.status}: '{action}' is not possible now; possible: {can}", "status")
    if by_role not in rule.by:
        raise IllegalMove(f"{ticket.number}: '{action}' is not for role {by_role}; it is for {', '.join(sorted(rule.by))}", "role")
    if rule.needs_note and not note.strip():
        raise IllegalMove(f"{ticket.number}: '{action}' needs a note that says why or what was done", "note")
    moved = replace(
        ticket,
        status=rule.to,
        updated_at=at,
        assignee=by_name if rule.assigns and by_name else ("" if action == "return" else ticket.assignee),
        pause_reason=note if rule.to == "on_hold" else "",
        quote=note if action == "quote" else ticket.quote,
        rework=ticket.rework + 1 if rule.counts_rework else ticket.rework,
        closed_by=rule.closes_as,
    )
    return moved, TicketEvent(action, ticket.status, rule.to, by_role, at, note)
