"""The flows, by name. To add one, write its row in `requests` and list it here."""

from __future__ import annotations

from collections.abc import Mapping

from bot.core.flows.form import Flow
from bot.core.flows.requests import COMPLAINT, ENQUIRY, FEE, FEEDBACK, PERMIT, REPAIR, SERVICE
from bot.core.talk import Talk

FLOWS: Mapping[str, Flow] = {flow.name: flow for flow in (REPAIR, COMPLAINT, SERVICE, FEE, PERMIT, ENQUIRY, FEEDBACK)}
BY_INTENT: Mapping[str, Flow] = {intent: flow for flow in FLOWS.values() for intent in flow.intents}


def in_hand(talk: Talk) -> Flow | None:
    """The flow whose form is being filled; None where there is none."""
    return FLOWS.get(talk.state.flow or "")
