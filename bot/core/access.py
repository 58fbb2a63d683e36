"""What a role of the staff may see and do: one table for every page, command and use case.

Moves of a ticket are decided by its transition table (`tickets.Rule.by`); this table decides everything around them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, TypeAlias

from bot.core.tickets import TRANSITIONS

Capability: TypeAlias = Literal[
    "queue", "notices", "duty", "talk", "file", "calls", "people", "rooms", "contact", "digest", "acknowledge", "bind",
    "appoint", "disclosures", "shadow"
]

_EVERYBODY = frozenset({"technician", "cleaner", "steward", "cashier", "guard", "supervisor", "manager"})
_DESK = frozenset({"steward", "supervisor", "manager"})
_BOSSES = frozenset({"supervisor", "manager"})

#: capability → the roles that have it. `contact`: telephone numbers in full on any ticket, not just one's own. `bind`: invites,
#: applications and the end of memberships. `appoint`: a code that makes a conversation a colleague's. `disclosures`: the log.
#: `shadow`: how often staff agreed with what the desk suggested; to decide about a suggestion is `talk`.
CAN: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "queue": _EVERYBODY,
        "notices": _EVERYBODY,
        "duty": _EVERYBODY,
        "talk": _DESK,
        "file": _DESK,
        "calls": _DESK,
        "contact": _DESK,
        "people": _DESK | {"cashier"},
        "rooms": _DESK | {"cashier"},
        "digest": _BOSSES,
        "acknowledge": _BOSSES,
        "bind": _DESK,
        "appoint": _BOSSES,
        "disclosures": _BOSSES,
        "shadow": _BOSSES,
    }
)

_ALL_KINDS = frozenset(TRANSITIONS)
#: role → the kinds of ticket it sees. Complaints and follow-ups stay with the desk: a complaint may be about a colleague.
SEES: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "technician": frozenset({"repair", "emergency", "service_order"}),
        "guard": frozenset({"emergency"}),
        "cleaner": frozenset({"emergency"}),
        "cashier": frozenset({"fee_case", "enquiry", "service_order", "repair"}),
        **dict.fromkeys(_DESK, _ALL_KINDS),
    }
)


class Refused(Exception):
    """This role may not do that. `what` is the capability, or the kind of ticket it does not see."""

    def __init__(self, role: str, what: str) -> None:
        super().__init__(f"the role {role} may not do that: it lacks '{what}'")
        self.what = what


def may(role: str, capability: Capability) -> bool:
    """Whether the role has the capability. A role nobody knows has none."""
    return role in CAN[capability]


def capabilities(role: str) -> frozenset[str]:
    """Everything the role may do: what a page offers."""
    return frozenset(name for name, roles in CAN.items() if role in roles)


def sees(role: str, kind: str) -> bool:
    """Whether tickets of this kind are shown to the role."""
    return kind in SEES.get(role, frozenset())


def demand(role: str, capability: Capability) -> None:
    """Raises Refused when the role lacks the capability."""
    if not may(role, capability):
        raise Refused(role, capability)


def demand_kind(role: str, kind: str) -> None:
    """Raises Refused when tickets of this kind are not for the role."""
    if not sees(role, kind):
        raise Refused(role, kind)
