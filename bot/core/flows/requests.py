"""The requests that end in a ticket: what each asks for, in order, and what it becomes.

A public-area fault needs no appointment (DOMAIN.md, Repair). A stranger may ask for all of these; the ticket then says
that the requester is not verified.
"""

from __future__ import annotations

from collections.abc import Callable

from bot.core.flows.form import Flow, Slot, Slots
from bot.core.talk import Talk
from bot.core.types import Priority


def _home(slots: Slots) -> bool:
    return not slots.get("public")


def _what(ask: str) -> Slot:
    return Slot("what", ask, lambda s: not s.get("description"))


_ROOM = Slot("room", "utter_ask_room", lambda s: _home(s) and not s.get("room"))
_SPOT = Slot("location", "utter_ask_location", lambda s: not _home(s) and not s.get("location"))
_WHEN = Slot("when", "utter_ask_when", lambda s: _home(s) and not s.get("when") and not s.get("when_any"))
_CONTACT = Slot("contact", "utter_ask_contact", lambda s: not s.get("contact") and not s.get("contact_none"))


def _repair_category(talk: Talk, slots: Slots) -> tuple[str, Priority]:
    text = slots.get("description", "").lower()
    if any(word in text for word in talk.script.policy.urgent_words):
        return "urgent", Priority.URGENT
    return "general", Priority.NORMAL


def _always(category: str, priority: Priority = Priority.NORMAL) -> Callable[[Talk, Slots], tuple[str, Priority]]:
    return lambda talk, slots: (category, priority)


REPAIR = Flow(
    name="repair",
    intents=("repair",),
    kind="repair",
    form=(_what("utter_ask_what_repair"), _ROOM, _SPOT, _WHEN, _CONTACT),
    summary=lambda s: "utter_summary_repair" if _home(s) else "utter_summary_repair_public",
    opened="utter_opened_repair",
    role="technician",
    category=_repair_category,
)
COMPLAINT = Flow(
    name="complaint",
    intents=("complaint",),
    kind="complaint",
    form=(_what("utter_ask_what_complaint"), Slot("location", "utter_ask_location", lambda s: False), _CONTACT),
    summary=lambda s: "utter_summary_other",
    opened="utter_opened_complaint",
    role="steward",
    category=_always("general"),
)
SERVICE = Flow(
    name="service_request",
    intents=("service_request",),
    kind="service_order",
    form=(_what("utter_ask_what_service_order"), _ROOM, _WHEN, _CONTACT),
    summary=lambda s: "utter_summary_repair",
    opened="utter_opened_service_order",
    role="steward",
    category=_always("general"),
)
FEE = Flow(
    name="fee_case",
    intents=(),
    kind="fee_case",
    form=(_what("utter_ask_what_fee_case"), _ROOM, _CONTACT),
    summary=lambda s: "utter_summary_other",
    opened="utter_opened_fee_case",
    role="cashier",
    category=_always("question"),
)
PERMIT = Flow(
    name="permit",
    intents=("permit",),
    kind="enquiry",
    form=(_what("utter_ask_what_permit"), _ROOM, _CONTACT),
    summary=lambda s: "utter_summary_other",
    opened="utter_opened_permit",
    role="steward",
    category=_always("permit"),
)
ENQUIRY = Flow(
    name="enquiry",
    intents=(),
    kind="enquiry",
    form=(_what("utter_ask_what_complaint"), _CONTACT),
    summary=lambda s: "utter_summary_other",
    opened="utter_opened_enquiry",
    role="steward",
    category=_always("question"),
)
#: Praise or a suggestion: nothing is asked; who wants an answer will say so.
FEEDBACK = Flow(
    name="feedback",
    intents=(),
    kind="enquiry",
    form=(),
    summary=lambda s: "utter_summary_other",
    opened="utter_feedback_thanks",
    role="steward",
    category=_always("feedback", Priority.LOW),
)
