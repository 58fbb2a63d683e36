"""What a resident who is known may do about the own household: see who belongs to it, bring in family or a tenant, end that
again, use another device, leave.

Only an owner brings in or removes others, and only of the own household: every button is checked against the bindings of today.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from bot.core.flows import emergency
from bot.core.resolve import answer, enddate
from bot.core.talk import Talk
from bot.core.types import Binding, Button, Disclose, Heard, MakeInvite, Member, NeedMembers, Revoke, Unbind

FLOW = "household"
_MOST_SHOWN = 8
#: What is offered: what the button sends back, its label, whether an owner alone sees it.
_CHOICES = (
    ("house:family", "utter_label_house_family", True),
    ("house:tenant", "utter_label_house_tenant", True),
    ("house:list", "utter_label_house_list", True),
    ("house:me", "utter_label_house_me", False),
    ("bind:more", "utter_label_bind_more", False),
    ("house:leave", "utter_label_house_leave", False),
)


def menu(talk: Talk) -> None:
    """The homes the speaker is bound to, and what can be done with them."""
    talk.become(open_question=None)
    rooms = talk.listed(talk.home(b.room) for b in talk.facts.speaker.bindings)
    owns = any(b.role == "owner" for b in talk.facts.speaker.bindings)
    buttons = tuple(Button(talk.words(key), value) for value, key, for_owner in _CHOICES if owns or not for_owner)
    talk.ask("utter_bound", "household", buttons=buttons, rooms=rooms)


def button(talk: Talk, rest: str, heard: Heard) -> None:
    """house:family|tenant|list|me[:household] · house:remove:<membership> · house:leave"""
    verb, _, argument = rest.partition(":")
    handler = _BUTTONS.get(verb)
    if handler is None or not talk.facts.speaker.bindings:
        talk.say("utter_stale_button")
        return
    handler(talk, argument)


def _home(talk: Talk, verb: str, argument: str, *, owner: bool) -> Binding | None:
    """The household that is meant; asked for when the speaker has several. None: asked, or not the speaker's to decide."""
    fits = [b for b in talk.facts.speaker.bindings if b.role == "owner" or not owner]
    chosen = [b for b in fits if str(b.household_id) == argument] if argument else fits
    if len(chosen) == 1:
        return chosen[0]
    if chosen:
        buttons = tuple(Button(talk.home(b.room), f"house:{verb}:{b.household_id}") for b in chosen)
        talk.ask("utter_which_home", "household", buttons=buttons)
    else:
        talk.say("utter_owner_only")
    return None


def _invite(talk: Talk, argument: str) -> None:
    home = _home(talk, "family", argument, owner=True)
    if home is not None:
        made = talk.line("utter_invite_made", room=talk.home(home.room), role=talk.words("utter_part_role_family"))
        talk.do(MakeInvite(home.household_id, "family", then=(made,)))


def _let(talk: Talk, argument: str) -> None:
    home = _home(talk, "tenant", argument, owner=True)
    if home is not None:
        emergency.park(talk)
        talk.become(flow=FLOW, asking="until", slots={"household_id": home.household_id}, misses=0)
        talk.ask("utter_lease_until", "household")


def _own_device(talk: Talk, argument: str) -> None:
    home = talk.facts.speaker.bindings[0]
    made = talk.line("utter_invite_own")
    talk.do(MakeInvite(home.household_id, home.role, resident_id=talk.facts.speaker.resident_id, then=(made,)))


def _members(talk: Talk, argument: str) -> None:
    home = _home(talk, "list", argument, owner=True)
    if home is None:
        return
    members: tuple[Member, ...] = talk.gather(NeedMembers(home.household_id))
    others = [m for m in members if m.resident_id != talk.facts.speaker.resident_id][:_MOST_SHOWN]
    lines = "\n".join(_line(talk, m) for m in members[:_MOST_SHOWN])
    buttons = tuple(
        Button(talk.words("utter_label_remove", name=m.name), f"house:remove:{m.membership_id}") for m in others
    )
    talk.do(Disclose(home.household_id, "members"))
    if buttons:
        talk.ask("utter_members", "household", buttons=buttons, room=talk.home(home.room), members=lines)
    else:
        talk.say("utter_members", room=talk.home(home.room), members=lines)


def _line(talk: Talk, member: Member) -> str:
    until = talk.words("utter_part_until", day=member.until.isoformat()) if member.until else ""
    return f"{member.name}　{talk.words(f'utter_part_role_{member.role}')}{until}"


def _found(talk: Talk, membership_id: str) -> tuple[Binding, Member] | None:
    """A member of a household the speaker owns, who is not the speaker. Looked up again at every step."""
    for home in talk.facts.speaker.bindings:
        if home.role != "owner":
            continue
        members: tuple[Member, ...] = talk.gather(NeedMembers(home.household_id))
        for member in members:
            if str(member.membership_id) == membership_id and member.resident_id != talk.facts.speaker.resident_id:
                return home, member
    return None


def _ask_remove(talk: Talk, argument: str) -> None:
    found = _found(talk, argument)
    if found is None:
        talk.say("utter_stale_button")
        return
    emergency.park(talk)
    talk.become(flow=FLOW, asking="remove", slots={"membership_id": argument}, misses=0)
    talk.ask("utter_remove_confirm", "household", name=found[1].name, room=talk.home(found[0].room))


def _ask_leave(talk: Talk, argument: str) -> None:
    emergency.park(talk)
    talk.become(flow=FLOW, asking="leave", slots={}, misses=0)
    talk.ask("utter_leave_confirm", "household")


_BUTTONS: Mapping[str, Callable[[Talk, str], None]] = {
    "family": _invite,
    "tenant": _let,
    "list": _members,
    "me": _own_device,
    "remove": _ask_remove,
    "leave": _ask_leave,
}


def heard(talk: Talk, heard: Heard) -> bool:
    """An answer to what was asked here. False: the words are about something else, and the question is dropped."""
    if talk.state.flow != FLOW:
        return False
    asking, slots = talk.state.asking, talk.state.slots
    if asking == "until":
        return _until(talk, heard)
    said = answer.yes_no(heard.text)
    _leave_flow(talk)
    if said is None:
        return False
    if not said:
        talk.say("utter_unchanged")
    elif asking == "leave":
        talk.do(Unbind())
        talk.say("utter_left")
    else:
        _remove(talk, str(slots["membership_id"]))
    return True


def _until(talk: Talk, heard: Heard) -> bool:
    household_id = talk.state.slots["household_id"]
    home = next((b for b in talk.facts.speaker.bindings if b.household_id == household_id and b.role == "owner"), None)
    last = enddate.last_day(heard.text, talk.local_now.date())
    if home is None:
        _leave_flow(talk)
        talk.say("utter_owner_only")
    elif last is not None:
        _leave_flow(talk)
        made = talk.line("utter_invite_tenant", room=talk.home(home.room), day=last.isoformat())
        talk.do(MakeInvite(home.household_id, "tenant", until=last, then=(made,)))
    elif talk.state.misses:
        _leave_flow(talk)
        return False
    else:
        talk.become(misses=1)
        talk.ask("utter_lease_until", "household")
    return True


def _remove(talk: Talk, membership_id: str) -> None:
    found = _found(talk, membership_id)
    if found is None:
        talk.say("utter_stale_button")
        return
    home, member = found
    talk.do(Revoke(member.membership_id, home.household_id))
    talk.say("utter_removed", name=member.name, room=talk.home(home.room))


def _leave_flow(talk: Talk) -> None:
    talk.become(flow=None, asking=None, slots={}, open_question=None, misses=0)


