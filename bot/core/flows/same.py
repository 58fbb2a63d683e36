"""One fault, one ticket: what is reported again is offered for adding to, or for taking up again.

Asked, never decided: two leaks in one kitchen are possible, and only the resident knows. What the language model marked as
the thing ("水管"), or, where it marked none, as the trouble ("漏水"), stands in the older words; a place that was named and is
another one speaks against it. Work that was done is taken up again within the days of policy (`repair.reopen_within`); later
the new ticket names the old one (DOMAIN.md, Other kinds of ticket).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from bot.core.flows import follow
from bot.core.flows.form import Flow
from bot.core.talk import Talk, shorten
from bot.core.types import Heard, Matter, NeedRecent, TicketView

QUESTION = "same"
_SAME = re.compile(r"同一|一样的事|就是(?:那|这|它)|还是(?:那|这)个|\b(?:the|that) same\b|\bsame (?:one|thing|problem|issue|leak)\b", re.I)
_OTHER = re.compile(r"不是|另(?:外|一)|别的|不同|不一样|新的|\banother\b|\bdifferent\b|\bnot the same\b|\bnew (?:one|problem|issue)\b", re.I)


def offer(talk: Talk, flow: Flow, matter: Matter) -> bool:
    """Ask whether this is what was reported before. False: nothing is like it, or it is too long ago; the form goes on."""
    ticket = next((t for t in _candidates(talk, flow) if _like(t, matter)), None)
    if ticket is None:
        return False
    if not follow.is_under_way(ticket) and not follow.may_take_up(talk, ticket):
        talk.become(slots={**talk.state.slots, "linked_to": ticket.id})
        return False
    key = "utter_same_open" if follow.is_under_way(ticket) else "utter_same_done"
    talk.become(asking=QUESTION)
    talk.ask(key, QUESTION, ticket.id, number=ticket.number, item=shorten(ticket.description, 20), status=talk.status(ticket))
    return True


def said(text: str) -> bool | None:
    """Whether it is the same, in words that are neither a yes nor a no."""
    return False if _OTHER.search(text) else True if _SAME.search(text) else None


def settle(talk: Talk, flow: Flow, ticket_id: int | None, same: bool, heard: Heard) -> bool:
    """The answer: a yes puts the words on the older ticket, a no goes on with the form. False: the ticket is the speaker's no
    longer, and the form goes on too."""
    talk.become(open_question=None)
    ticket = next((t for t in _candidates(talk, flow) if t.id == ticket_id), None) if same else None
    if ticket is None:
        return False
    words = str(talk.state.slots.get("description", heard.text))
    talk.become(flow=None, asking=None, slots={}, misses=0, draft_expires=None)
    if follow.is_under_way(ticket):
        follow.add(talk, ticket, words, heard)
    else:
        follow.take_up(talk, ticket, words)
    return True


def _candidates(talk: Talk, flow: Flow) -> Iterator[TicketView]:
    """The speaker's open tickets of this kind; then, asked of the store only if none of them fits, those of late."""
    yield from (t for t in follow.visible(talk) if t.kind == flow.kind)
    yield from (t for t in talk.gather(NeedRecent()) if t.kind == flow.kind and t.status == "closed")


def _like(ticket: TicketView, matter: Matter) -> bool:
    things = matter.values("item") or matter.values("fault")
    places = matter.values("location")
    before = f"{ticket.description} {ticket.location}".lower()
    here = not places or not ticket.location or any(place.lower() in before for place in places)
    return here and any(thing.lower() in before for thing in things)
