"""Who is asking: the three ways from a stranger to a resident of a room.

- An invite code, typed, scanned or carried by a link: once, after the speaker agreed.
- The roster: room, name and the last four figures of the telephone on file. Tries are limited for the speaker and for the room,
  each further one waits longer, and no answer tells what was wrong, whether the room is lived in, or who is locked out.
- Papers: staff look at them and decide.

Faults, dangers and nuisances are taken from anybody; this flow never stands in their way: whoever turns to something else in the
middle of it is heard.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from bot.core.flows import emergency, form, household
from bot.core.policy import Policy
from bot.core.resolve import answer, invitecode, phone
from bot.core.resolve import name as names
from bot.core.resolve.where import room as rooms
from bot.core.talk import Talk
from bot.core.types import (
    BindTo,
    Consented,
    Heard,
    Invitation,
    InviteView,
    Matter,
    Media,
    NeedInvite,
    NeedRoster,
    NoteAttempt,
    OpenTicket,
    Recognised,
    Redeem,
    RoomRef,
    Roster,
    Tell,
    TicketDraft,
)

FLOW = "bind"
Slots = Mapping[str, Any]

#: Answers to "as whom?", the first that fits: "业主委托的代理" is an agent, "房东的老婆" is family.
ROLES: Mapping[str, re.Pattern[str]] = {
    "agent": re.compile(r"代理|受托|委托|中介|\bagent\b", re.IGNORECASE),
    "family": re.compile(r"家属|家人|家里人|老婆|老公|爱人|妻子|丈夫|子女|儿子|女儿|父母|爸|妈|\b(?:family|wife|husband|spouse|son|daughter|parent)", re.I),
    "tenant": re.compile(r"租客|租户|承租|租房|租的|\b(?:tenant|renter|renting|i rent)\b", re.IGNORECASE),
    "owner": re.compile(r"业主|房东|房主|户主|\b(?:owner|landlord|i own)\b", re.IGNORECASE),
}


#: Who somebody else is, and how to reach them: never told, and no reason to ask the speaker for a binding.
_OF_OTHERS = re.compile(
    r"住的?是谁|谁住(?:在|那|的)|(?:业主|房主|房东|户主|租客|他|她|邻居|楼[上下]|隔壁)[^,，。]{0,6}(?:电话|手机|号码|联系方式|叫什么|名字|姓什么|是谁)|\bwho (?:lives|owns|is living)\b|"
    r"\b(?:owner|neighbou?r|tenant|landlord|his|her|their)(?:'s)? (?:name|phone|number|contact|telephone)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is asked for, while `wanted` says so."""

    name: str
    ask: str
    wanted: Callable[[Slots], bool]


#: In asking order. `by` is the way in: roster or papers.
_STEPS = (
    Step("consent", "utter_bind_consent", lambda s: "consent" not in s),
    Step("room", "utter_bind_room", lambda s: not s.get("room")),
    Step("name", "utter_bind_name", lambda s: not s.get("name")),
    Step("tail", "utter_bind_tail", lambda s: s.get("by") != "papers" and not s.get("tail") and not s.get("phone")),
    Step("role", "utter_bind_role", lambda s: s.get("by") == "papers" and not s.get("role")),
    Step("papers_ok", "utter_bind_papers_consent", lambda s: s.get("by") == "papers" and "papers_ok" not in s),
    Step("photos", "utter_bind_papers", lambda s: bool(s.get("papers_ok")) and not s.get("photos")),
    Step("contact", "utter_ask_contact", lambda s: s.get("by") == "papers" and not s.get("contact")),
)


# ── An invite code ──────────────────────────────────────────────────────────────────────────────────────────────────


def invited(talk: Talk, heard: Heard) -> bool:
    """A code was typed or came with a link. Nothing is redeemed before the speaker has agreed: a preview may open a link."""
    code = invitecode.find(heard.start) or invitecode.find(heard.text)
    if code is None:
        return False
    view = _invite(talk, code)
    if view is None:
        if not (heard.start or talk.state.flow == FLOW or invitecode.is_only(heard.text)):
            return False  # a number of some other kind, in the middle of other words
        talk.do(NoteAttempt("code", matched=False))
        talk.say("utter_invite_void")
        return True
    emergency.park(talk)
    talk.become(flow=FLOW, asking="invite", slots={"code": code}, misses=0)
    if view.colleague:
        talk.ask("utter_invite_staff", "bind", name=view.colleague)
    else:
        talk.ask("utter_invite_household", "bind", room=talk.home(view.room) if view.room else "", role=_role(talk, view.role))
    return True


def _invite(talk: Talk, code: str) -> InviteView | None:
    """What the code opens; nothing once the speaker has tried too many that opened nothing."""
    policy = talk.script.policy
    found: Invitation = talk.gather(NeedInvite(code, talk.facts.now - policy.tries_window))
    return None if len(found.tries_of_speaker) >= policy.tries_per_speaker else found.view


def _redeem(talk: Talk) -> None:
    code, name = str(talk.state.slots["code"]), str(talk.state.slots.get("name", ""))
    view = _invite(talk, code)
    if view is not None and not (view.colleague or view.named or talk.facts.speaker.known or name):
        talk.become(asking="invite_name")
        talk.ask("utter_invite_name", "bind")
        return
    _leave(talk)
    if view is None:  # taken by somebody else, or run out, since it was shown
        talk.say("utter_invite_void")
        return
    talk.do(Consented("binding", talk.script.policy.notice_version, given=True), Redeem(code, name))
    if view.colleague:
        talk.say("utter_bind_done_staff", name=view.colleague)
    else:
        done(talk, view.room, view.role)


def _role(talk: Talk, role: str) -> str:
    return talk.words(f"utter_part_role_{role}")


def done(talk: Talk, room: RoomRef | None, role: str) -> None:
    talk.ask("utter_bind_done", "menu", room=talk.home(room) if room else "", role=_role(talk, role))


# ── By the roster, or by papers ─────────────────────────────────────────────────────────────────────────────────────


def begin(talk: Talk, matter: Matter | None, heard: Heard, *, another: bool = False) -> None:
    """Somebody wants to be known. Who is known already sees what can be done with it; `another` home is bound like the first."""
    if matter is not None and _OF_OTHERS.search(matter.text):
        talk.ask("utter_not_told_of_others", "menu")
        return
    if talk.facts.speaker.bindings and not another:
        household.menu(talk)
        return
    emergency.park(talk)
    talk.become(flow=FLOW, asking=None, slots={}, misses=0, open_question=None)
    if heard.phone:
        _set(talk, phone=heard.phone)
    if matter is not None:
        _read(talk, matter.text, heard)
    _ask_next(talk)


def heard(talk: Talk, heard: Heard) -> bool:
    """An answer within this flow. False: the words are about something else, and the flow is over."""
    if talk.state.flow != FLOW:
        return False
    asking = talk.state.asking or ""
    if asking == "invite":
        return _answer_invite(talk, heard)
    if asking == "invite_name":
        return _name_for_invite(talk, heard)
    if heard.phone:
        _set(talk, phone=heard.phone)
    filled = _read(talk, heard.text, heard)
    if form.remark(talk, frozenset(n for n in filled if n.startswith("unclear:"))):
        return True
    if not filled and not heard.phone:
        if _elsewhere(talk, heard):
            _leave(talk)
            return False
        misses = talk.state.misses + 1
        talk.become(misses=misses)
        if misses > talk.script.policy.misses_before_person:
            _by_papers(talk)
            return True
    else:
        talk.become(misses=0)
    if talk.state.slots.get("consent") is False:
        _leave(talk)
        talk.say("utter_bind_declined")
        return True
    _ask_next(talk)
    return True


def _answer_invite(talk: Talk, heard: Heard) -> bool:
    said = answer.yes_no(heard.text)
    if said is None:
        if _elsewhere(talk, heard):
            _leave(talk)
            return False
        talk.say("utter_bind_yes_or_no")
    elif said:
        _redeem(talk)
    else:
        talk.do(Consented("binding", talk.script.policy.notice_version, given=False))
        _leave(talk)
        talk.say("utter_bind_declined")
    return True


def _name_for_invite(talk: Talk, heard: Heard) -> bool:
    said = _whole_name(heard.text)
    if said is None and _elsewhere(talk, heard):
        _leave(talk)
        return False
    if said is None:
        talk.ask("utter_invite_name", "bind")
    else:
        _set(talk, name=said)
        _redeem(talk)
    return True


def button(talk: Talk, rest: str, heard: Heard) -> None:
    """bind: begin · bind:more: another home · bind:again: another try · bind:papers: let staff decide."""
    if rest == "papers":
        _by_papers(talk)
    elif rest == "again" and talk.state.flow == FLOW:
        talk.become(slots={k: v for k, v in talk.state.slots.items() if k in ("consent", "phone")})
        _ask_next(talk)
    else:
        begin(talk, None, heard, another=rest == "more")


def _by_papers(talk: Talk) -> None:
    if talk.state.flow != FLOW:
        emergency.park(talk)
        talk.become(flow=FLOW, slots={}, open_question=None)
    talk.become(misses=0)
    _set(talk, by="papers")
    if contact := talk.facts.speaker.phone or talk.state.slots.get("phone"):
        _set(talk, contact=contact)
    _ask_next(talk)


def _elsewhere(talk: Talk, heard: Heard) -> bool:
    """Whether the classifier is sure of some other matter."""
    top = heard.matters[0] if heard.matters else None
    # A name or four figures alone are out of scope to the classifier, and answers here.
    answers = ("inform", "affirm", "deny", "bind", "thank", "rate", "greet", "cancel", "ticket_change", "out_of_scope")
    return top is not None and top.confidence >= talk.script.policy.sure and top.intent not in answers


def _set(talk: Talk, **values: Any) -> None:
    talk.become(slots={**talk.state.slots, **values})


def _leave(talk: Talk) -> None:
    talk.become(flow=None, asking=None, slots={}, open_question=None, misses=0)


def _ask_next(talk: Talk) -> None:
    slots = talk.state.slots
    for step in _STEPS:
        if step.wanted(slots):
            talk.become(asking=step.name)
            if step.name == "room" and slots.get("room_choices"):
                form.ask_which_room(talk)
            else:
                talk.ask(step.ask, "bind", version=talk.script.policy.notice_version)
            return
    if slots.get("by") == "papers":
        _apply(talk)
    else:
        _try(talk)


def ask_next(talk: Talk) -> None:
    """Ask again for what is still wanted."""
    _ask_next(talk)


def _try(talk: Talk) -> None:
    """Compare with the roster, unless the tries are used up. The same words for every reason it may fail."""
    slots, policy = talk.state.slots, talk.script.policy
    place = slots["room"]
    found: Roster = talk.gather(
        NeedRoster(
            place["building"], place["unit"], place["room"], slots["name"], talk.facts.now - policy.tries_window,
            slots.get("tail", ""), slots.get("phone", ""),
        )
    )  # fmt: skip
    room = key_of(place["building"], place["unit"], place["room"])
    if must_wait(found, policy, talk.facts.now):
        talk.become(asking="failed")
        talk.ask("utter_bind_wait", "bind", duty_phone=talk.facts.community.duty_phone)
    elif found.match is None or found.resident_id is None:
        talk.do(NoteAttempt(room, matched=False))
        talk.become(asking="failed")
        talk.ask("utter_bind_failed", "bind")
    else:
        talk.do(NoteAttempt(room, matched=True), BindTo(found.resident_id, found.match.household_id))
        _leave(talk)
        done(talk, found.match.room, found.match.role)


def key_of(building: str, unit: str, room: str) -> str:
    """The room as it was said, for counting tries at it."""
    return "-".join((building, unit, room))


def must_wait(found: Roster, policy: Policy, now: datetime) -> bool:
    """Whether the tries of the speaker or at the room are used up, or the last failure was too short a while ago."""
    own = sorted(found.tries_of_speaker)
    if len(own) >= policy.tries_per_speaker or len(found.tries_at_room) >= policy.tries_per_room:
        return True
    return bool(own) and now < own[-1] + policy.try_again_after * 2 ** (len(own) - 1)


def _apply(talk: Talk) -> None:
    """An application with papers: an enquiry that a colleague decides. The papers are kept as policy says."""
    slots = talk.state.slots
    place = RoomRef(**slots["room"])
    words = talk.words("utter_part_bind_application", room=place.label, name=slots["name"], role=_role(talk, slots["role"]))
    photos = tuple(Media(kind, reference, path) for kind, reference, path in slots.get("photos", []))
    draft = TicketDraft(
        "enquiry", "binding", words, room=place, contact=slots["contact"], contact_name=slots["name"], photos=photos
    )
    _leave(talk)
    talk.do(OpenTicket(draft, then=(talk.line("utter_bind_applied"),)), Tell("steward", "utter_staff_binding", {"text": words}))


def recognised(talk: Talk, event: Recognised) -> None:
    """Staff have decided."""
    if talk.state.flow == FLOW:
        _leave(talk)
    talk.say("utter_bind_recognised", room=talk.home(event.room), role=_role(talk, event.role), staff=event.by_name)


# ── What was said ───────────────────────────────────────────────────────────────────────────────────────────────────


def _read(talk: Talk, text: str, heard: Heard) -> set[str]:
    """Fill whatever these words answer, in any order and several at once; the names of what was filled."""
    filled: set[str] = set()
    for read in (_read_consent, _read_room, _read_name, _read_tail, _read_role, _read_papers, _read_contact):
        filled |= read(talk, text, heard)
    return filled


def _read_consent(talk: Talk, text: str, heard: Heard) -> set[str]:
    asking = talk.state.asking
    said = answer.yes_no(text)
    if asking not in ("consent", "papers_ok") or said is None:
        return set()
    purpose = "binding" if asking == "consent" else "papers"
    talk.do(Consented("binding" if purpose == "binding" else "papers", talk.script.policy.notice_version, given=said))
    _set(talk, **{asking: said})
    return {asking}


def _read_room(talk: Talk, text: str, heard: Heard) -> set[str]:
    return form.read_room(talk, text, talk.state.asking, opening=talk.state.asking is None)


def _read_name(talk: Talk, text: str, heard: Heard) -> set[str]:
    if talk.state.slots.get("name") and talk.state.asking != "name":
        return set()
    said = _whole_name(text) if talk.state.asking == "name" else names.name(text)
    if not said:
        return set()
    _set(talk, name=said)
    return {"name"}


def _whole_name(text: str) -> str | None:
    """The answer to "under which name?": the name a sentence holds ("我叫王建国"), else the whole of a short answer."""
    bare = text.strip(" \t\n,，。.!！:：")
    if led_in := names.name(text):
        return led_in
    return bare if 2 <= len(bare) <= 30 and not any(c.isdigit() for c in bare) and not _is_answer(bare) else None


def _is_answer(text: str) -> bool:
    return answer.yes_no(text) is not None or answer.is_cancel(text) or "\n" in text


def _read_tail(talk: Talk, text: str, heard: Heard) -> set[str]:
    if talk.state.slots.get("by") == "papers":
        return set()
    whole = phone.find(text)
    if whole:
        _set(talk, tail=whole[-1].number[-4:])
        return {"tail"}
    spoken_of = any(word in text for word in ("尾号", "后四位", "最后四位", "末四位")) or "last four" in text.lower()
    taken = [(m.start, m.end) for m in rooms.mentions(text)] if talk.state.asking != "tail" else []
    if talk.state.asking != "tail" and not spoken_of:
        return set()
    for start, figures in phone.fours(text):
        if not any(begin <= start < end for begin, end in taken):
            _set(talk, tail=figures)
            return {"tail"}
    return set()


def _read_role(talk: Talk, text: str, heard: Heard) -> set[str]:
    if talk.state.slots.get("role") and talk.state.asking != "role":
        return set()
    said = next((role for role, words in ROLES.items() if words.search(text)), None)
    if said is None:
        return set()
    _set(talk, role=said)
    return {"role"} if talk.state.asking == "role" else set()


def _read_papers(talk: Talk, text: str, heard: Heard) -> set[str]:
    if talk.state.asking != "photos":
        return set()
    if form.keep_photos(talk, heard):
        return {"photos"}
    if answer.is_skip(text):
        _set(talk, papers_ok=False)  # brought to the counter instead
        return {"photos"}
    return set()


def _read_contact(talk: Talk, text: str, heard: Heard) -> set[str]:
    if talk.state.slots.get("by") != "papers" or talk.state.asking != "contact":
        return set()
    found = phone.find(text)
    if not found:
        return set()
    _set(talk, contact=found[-1].number)
    return {"contact"}
