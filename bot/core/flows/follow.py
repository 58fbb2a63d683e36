"""What is already filed: progress, urging, withdrawing, rescheduling, adding, and the answers to what staff did.

A ticket is only ever spoken of to its own household or the conversation that opened it; a number alone opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC

from bot.core.resolve import ticketno, when
from bot.core.talk import Talk, shorten
from bot.core.tickets import TRANSITIONS, is_open
from bot.core.types import (
    AmendTicket,
    Appointment,
    Button,
    CancelReminders,
    Heard,
    Matter,
    MoveTicket,
    NeedRecent,
    NeedTicket,
    OpenTicket,
    Priority,
    Remind,
    Tell,
    TicketDraft,
    TicketView,
    raised,
)

_MOST_LINES = 3
#: Reported done, and not yet ended: the resident has the word.
_DONE = frozenset({"resolved", "awaiting_payment", "replied", "answered"})
#: Nobody has reported to be at the resident's door.
_NOT_THERE_YET = frozenset({"submitted", "accepted", "dispatched", "requested", "quoted", "ordered", "confirmed"})
#: The work waits for the resident's yes to a price.
_QUOTED = frozenset({"quoted", "quote_pending"})
NO_SHOW = "no_show"
HIDDEN = frozenset({"follow_up"})  # the office's own work on a low score: not a request of the resident's

#: Within a question about one ticket, these say that nobody was there at all, or that it is not done. They only ever answer; they
#: never open anything.
_NOBODY_CAME = re.compile(
    r"没人来|没来过|没(?:有)?(?:人|师傅)(?:来|上门)|人影|没(?:见|看)(?:着|到|见)(?:过)?(?:人|师傅)|根本没来|压根(?:就)?没来|"
    r"\b(?:nobody|no one|no-one|never) (?:ever |even )?(?:came|showed|turned up|been here)\b|\bhaven'?t seen any(?:one|body)\b",
    re.I,
)
_NOT_FIXED = re.compile(
    r"没修好|沒修好|没弄好|没好|没解决|还(?:是|在)?(?:漏|坏|不|没|堵|响)|又(?:漏|坏|堵|不)|没人来|没来|人影|"
    r"\bnot (?:fixed|done|working|solved)\b|\bstill\b|\bnobody came\b|\bno one came\b|\bagain\b",
    re.I,
)
_FIXED = re.compile(r"^(?:这[回次下]|现在|终于|总算|已经|都|真的?)*(?:修好了?|好了|可以了|没问题了?|搞定了?|弄好了|能用了|通了|不[漏滴响堵晃]了)|\b(?:is|it's|all) (?:fixed|good|fine|working)\b|^fixed", re.I)
_URGE = re.compile(
    r"催|快点|快些|赶紧|尽快|多久|怎么还|还没|一直没|没人|等了|几天了|什么时候(?:来|到|修)|"
    r"\burge\b|\bhurry\b|\bhow long\b|\bstill\b|\bnobody\b|\bno one\b|\bwaiting\b|\bwhen (?:will|is|are)\b",
    re.I,
)
_KEEP = re.compile(
    r"还是(?:来|修|办|留|报|要|弄|安排)|(?:不|别|先不|先别)(?:取消|撤)|留着|保留|继续(?:修|办)|\bkeep\b|\bdon'?t (?:cancel|withdraw)\b|\bdo not (?:cancel|withdraw)\b|\bstill (?:want|need)\b",
    re.I,
)
_WITHDRAW = re.compile(r"取消|撤销|撤回|撤了|撤掉|撤单|不用(?:来|修|了)|不修了|\bcancel\b|\bwithdraw\b|\bno need\b|\bcall off\b", re.I)


def nobody_came(text: str) -> bool:
    """Whether the resident says that nobody was there at all."""
    return bool(_NOBODY_CAME.search(text))


def not_fixed(text: str) -> bool:
    return bool(_NOT_FIXED.search(text))


def keeps(text: str) -> bool:
    """Whether a ticket that was to be withdrawn is to stay after all: 算了,还是修吧; "no wait, keep it"."""
    return bool(_KEEP.search(text))


def chases(talk: Talk, matter: Matter) -> bool:
    """Whether a complaint or a fault is in truth about a request that is open: it urges, and names no other thing (LABELS rule 8)."""
    tickets = visible(talk)
    if not tickets or not (nobody_came(matter.text) or (talk.upset and _URGE.search(matter.text))):
        return False
    return not matter.values("item") or len(meant(tickets, matter)) == 1


def meant(tickets: tuple[TicketView, ...], matter: Matter) -> tuple[TicketView, ...]:
    """Those of which the words speak: the thing or the place that the model marked stands in them. All, where none is marked or fits."""
    named = [value.lower() for kind in ("item", "fault", "location") for value in matter.values(kind)]

    def fits(ticket: TicketView) -> int:
        before = f"{ticket.description} {ticket.location}".lower()
        return sum(name in before for name in named)

    best = max(map(fits, tickets), default=0)
    return tuple(t for t in tickets if fits(t) == best) if best else tickets


def withdraws(text: str) -> bool:
    return bool(_WITHDRAW.search(text))


def fixed(text: str) -> bool:
    return bool(_FIXED.search(text.strip())) and not not_fixed(text)


def visible(talk: Talk) -> tuple[TicketView, ...]:
    """The speaker's open tickets, the latest first."""
    return tuple(t for t in talk.facts.open_tickets if t.kind not in HIDDEN)


def _named(talk: Talk, text: str) -> tuple[TicketView | None, bool]:
    """The ticket whose number was said, and whether a number was said at all."""
    for number in ticketno.numbers(text):
        return talk.gather(NeedTicket(number)), True
    return None, False


def progress(talk: Talk, text: str) -> None:
    """"我的报修到哪了": the tickets as they stand; urged when the words urge."""
    named, said = _named(talk, text)
    if said and named is None:
        talk.say("utter_status_unknown_number")
        return
    tickets = (named,) if named else visible(talk)
    if not tickets:
        tickets = tuple(t for t in talk.gather(NeedRecent()) if t.kind not in HIDDEN)[:1]
    if not tickets:
        _nothing(talk)
        return
    if (not_fixed(text) or nobody_came(text)) and (done := _said_to_be_done(talk, tickets)) is not None:
        take_up(talk, done, text)
        return
    for ticket in tickets[:_MOST_LINES]:
        talk.say("utter_status_line", **_line(talk, ticket))
    if not is_open(tickets[0]):
        return
    if talk.upset or _URGE.search(text) or _missed(talk, tickets[0]):
        urge(talk, tickets[0], text)
    elif _urged_of_late(talk, tickets[0]):
        talk.say("utter_urged_already")


def quoted(talk: Talk) -> TicketView | None:
    """The request whose quote waits for the speaker's yes, where it is one alone."""
    waiting = [t for t in visible(talk) if t.status in _QUOTED and t.quote]
    return waiting[0] if len(waiting) == 1 else None


def quote_again(talk: Talk, ticket: TicketView) -> None:
    """The quote as it was told, with its buttons: "报价多少来着"."""
    _tell_quote(talk, ticket, f"utter_moved_{ticket.status}")


def _tell_quote(talk: Talk, ticket: TicketView, key: str) -> None:
    talk.ask(key, "quote", ticket.id, number=ticket.number, note=ticket.quote, id=ticket.id)


_DEAR = re.compile(
    r"(?:太|好|真|有点|有些|这么|那么|恁|死|贼|蛮|挺|忒)(?:\s*)贵|贵(?:了|啊|吧|得|呀|死)|便宜|优惠|打(?:个|点)?折|(?:少|降|减|抹)(?:点|些|一点|一些|零)|砍价|讲价|还价"
    r"|\b(?:expensive|pricey|dear|cheaper|discount|overpriced|rip.?off|steep|too much|lower (?:the )?price|less than that)\b",
    re.IGNORECASE,
)
"""Words that find a price too high or ask for a lower one."""
_REFUSED = re.compile(r"不(?![是能会便])[\u4e00-\u9fff]{1,2}了")  # 不做了, 不装了


def finds_dear(text: str) -> bool:
    """Whether these words find the price high and leave it at that: "太贵了吧", "could it be cheaper?", but not "太贵了，不装了"."""
    return _DEAR.search(text) is not None and _REFUSED.search(text) is None


def quote_once_more(talk: Talk, ticket: TicketView, text: str) -> None:
    """The quote again, with a way to somebody who may speak of its price: finding it dear does not decline it yet."""
    if talk.state.flow is None:
        talk.become(slots={"unheard": f"{ticket.number} {ticket.quote}: {text.strip()}"})  # for the person who may be asked for next
    _tell_quote(talk, ticket, "utter_quote_dear")


def _said_to_be_done(talk: Talk, tickets: tuple[TicketView, ...]) -> TicketView | None:
    """The work that was reported done, where one alone can be meant: among what is open, else the latest that was closed."""
    done = [t for t in tickets if not is_under_way(t) and may_take_up(talk, t)]
    return done[0] if len(done) == 1 else None


def is_under_way(ticket: TicketView) -> bool:
    """Whether somebody still works on it: words can be added, and nothing has been reported done."""
    return is_open(ticket) and ticket.status not in _DONE


def _taking_up(ticket: TicketView) -> str:
    """The action by which a resident has work that was reported done taken up again; "" where there is none."""
    if ticket.kind != "repair":
        return ""
    rules = TRANSITIONS[ticket.kind][ticket.status]
    return next((action for action in ("not_fixed", "reopen") if action in rules and "resident" in rules[action].by), "")


def may_take_up(talk: Talk, ticket: TicketView) -> bool:
    """Within the days of policy the same ticket is opened again."""
    if not _taking_up(ticket):
        return False
    since = ticket.updated_at or ticket.opened_at
    return is_open(ticket) or since is None or talk.facts.now - since <= talk.script.policy.reopen_within


def take_up(talk: Talk, ticket: TicketView, text: str) -> None:
    """Not fixed after all. Where nobody even came, the resident may have that looked into as a complaint."""
    talk.become(open_question=None)
    _again(talk, ticket, text, _taking_up(ticket))
    if nobody_came(text):
        talk.ask("utter_no_show", NO_SHOW, ticket.id, number=ticket.number)


def complain_of_no_show(talk: Talk, ticket: TicketView) -> None:
    """The complaint that work was reported done and nobody had come: with the repair's times, for the supervisor to check. Whoever
    did the work is not told (DOMAIN.md, Complaint)."""
    talk.become(open_question=None)
    zone = talk.facts.community.zone
    at = {name: f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment else "–"
          for name, moment in (("opened", ticket.opened_at), ("changed", ticket.updated_at))}  # fmt: skip
    visit = talk.when(ticket.appointment) if ticket.appointment else talk.words("utter_part_none")
    words = talk.words("utter_part_no_show", number=ticket.number, visit=visit, **at)
    speaker = talk.facts.speaker
    home = next((b for b in speaker.bindings if b.room.label == ticket.room), None)
    draft = TicketDraft(
        "complaint", "no_show", words, Priority.HIGH,
        room=home.room if home else None,
        contact=ticket.contact or speaker.phone, contact_name=speaker.name,
        requester_verified=home is not None, household_id=home.household_id if home else None, linked_to=ticket.id,
    )  # fmt: skip
    talk.do(
        OpenTicket(draft, then=(talk.line("utter_opened_complaint"),)),
        Tell("supervisor", "utter_staff_new_ticket", {"item": words, "where": ticket.room, "when": "", "contact": draft.contact},
             priority=Priority.HIGH),
    )  # fmt: skip


def _nothing(talk: Talk) -> None:
    """Nothing of the speaker's is filed, as far as this conversation knows: a stranger may be known by another one."""
    if talk.facts.speaker.bindings:
        talk.ask("utter_status_none", "menu")
    else:
        talk.ask("utter_status_none_here", "bind_needed")


def _line(talk: Talk, ticket: TicketView) -> dict[str, str]:
    more = ""
    if ticket.status == "on_hold" and ticket.pause_reason:
        more += talk.words("utter_part_paused", note=ticket.pause_reason)
    if ticket.assignee and is_open(ticket):
        more += talk.words("utter_part_assignee", staff=ticket.assignee)
    if ticket.appointment and is_open(ticket):
        key = "utter_part_missed" if _missed(talk, ticket) else "utter_part_appointment"
        more += talk.words(key, when=talk.when(ticket.appointment))
    return {
        "number": ticket.number,
        "item": shorten(ticket.description, 20),
        "status": talk.status(ticket),
        "more": more,
    }


def _missed(talk: Talk, ticket: TicketView) -> bool:
    """Whether the visit that was agreed has passed and nobody has reported to be there."""
    visit = ticket.appointment
    return visit is not None and visit.end < talk.facts.now and ticket.status in _NOT_THERE_YET


def _urged_of_late(talk: Talk, ticket: TicketView) -> bool:
    return ticket.urged_at is not None and talk.facts.now - ticket.urged_at < talk.script.policy.urge_every


def urge(talk: Talk, ticket: TicketView, text: str) -> None:
    """催单: a note, a notification and at most one step of priority, once per policy's interval (DOMAIN.md, Other kinds of ticket).
    A visit that was missed, and anger, also reach the supervisor."""
    if _urged_of_late(talk, ticket):
        talk.say("utter_urged_already")
        return
    told = {"number": ticket.number}
    talk.do(
        AmendTicket(ticket.id, "urge", text.strip(), priority=raised(ticket.priority)),
        Tell("assignee", "utter_staff_urged", told, ticket_id=ticket.id, priority=Priority.HIGH),
    )
    if _missed(talk, ticket):
        talk.regret()
    if talk.upset or _missed(talk, ticket):
        talk.do(Tell("supervisor", "utter_staff_urged", told, ticket_id=ticket.id, priority=Priority.HIGH))
    talk.say("utter_urged")


def change(talk: Talk, matter: Matter, heard: Heard) -> None:
    """Withdraw, reschedule, or add to a ticket."""
    text = matter.text
    named, said = _named(talk, text)
    if said and named is None:
        talk.say("utter_status_unknown_number")
        return
    tickets = (named,) if named else meant(visible(talk), matter)
    tickets = tuple(t for t in tickets if is_open(t))
    if not tickets:
        _nothing(talk)
        return
    window = when.parse_when(text, talk.local_now)
    if _WITHDRAW.search(text) and not isinstance(window, when.Window):
        if len(tickets) > 1:
            buttons = tuple(
                Button(f"{t.number} {shorten(t.description, 10)}", f"withdraw:{t.id}") for t in tickets[:_MOST_LINES]
            )
            talk.ask("utter_withdraw_which", "withdraw_which", buttons=buttons)
            return
        ask_withdraw(talk, tickets[0])
        return
    ticket = tickets[0]
    if isinstance(window, when.Window) and ticket.kind in ("repair", "service_order"):
        reschedule(talk, ticket, Appointment(window.start.astimezone(UTC), window.end.astimezone(UTC), window.text))
        return
    add(talk, ticket, text, heard)


def add(talk: Talk, ticket: TicketView, text: str, heard: Heard) -> None:
    """Put these words, and the photos that came with them, on the ticket; words that urge also urge."""
    photos = tuple(m for m in heard.media if m.kind == "photo")
    words = text.strip() or talk.words("utter_part_photo")
    talk.do(
        AmendTicket(ticket.id, "note" if text.strip() else "photo", text.strip(), photos),
        Tell("assignee", "utter_staff_resident_said", {"number": ticket.number, "text": shorten(words, 120)}, ticket.id),
    )
    talk.say("utter_note_added", number=ticket.number)
    if _URGE.search(text):
        urge(talk, ticket, text)


def reschedule(talk: Talk, ticket: TicketView, appointment: Appointment) -> None:
    words = talk.when(appointment)
    talk.do(
        AmendTicket(ticket.id, "appointment", words, appointment=appointment),
        Tell("assignee", "utter_staff_rescheduled", {"number": ticket.number, "when": words}, ticket_id=ticket.id),
    )
    talk.say("utter_rescheduled", when=words)


def _may_withdraw(ticket: TicketView) -> bool:
    rule = TRANSITIONS[ticket.kind][ticket.status].get("cancel")
    return rule is not None and "resident" in rule.by


def ask_withdraw(talk: Talk, ticket: TicketView) -> None:
    if not _may_withdraw(ticket):
        talk.do(Tell("assignee", "utter_staff_wants_withdrawn", {"number": ticket.number}, ticket_id=ticket.id))
        talk.say("utter_cannot_withdraw", number=ticket.number)
        return
    talk.ask("utter_withdraw_confirm", "withdraw", ticket.id, number=ticket.number, item=shorten(ticket.description, 20))


def withdraw(talk: Talk, ticket: TicketView, text: str) -> None:
    """The resident confirmed. Work may have begun since the question was put: then it is told, and nothing moves."""
    if not _may_withdraw(ticket):
        talk.become(open_question=None)
        ask_withdraw(talk, ticket)
        return
    talk.do(
        MoveTicket(ticket.id, "cancel", note=text.strip()),
        CancelReminders(("survey", "survey_reminder", "auto_close"), ticket.id),
        Tell("assignee", "utter_staff_withdrawn", {"number": ticket.number}, ticket_id=ticket.id),
    )
    talk.become(open_question=None)
    talk.say("utter_withdrawn", number=ticket.number)


def _confirm(talk: Talk, ticket: TicketView, text: str) -> None:
    talk.do(
        MoveTicket(ticket.id, "confirm", note=text.strip()),
        CancelReminders(("auto_close",), ticket.id),
        Tell("assignee", "utter_staff_confirmed", {"number": ticket.number}, ticket_id=ticket.id),
    )
    talk.say("utter_confirmed" if ticket.kind == "repair" else "utter_accepted", number=ticket.number)


def _not_fixed(talk: Talk, ticket: TicketView, text: str) -> None:
    take_up(talk, ticket, text)


def _again(talk: Talk, ticket: TicketView, text: str, action: str) -> None:
    rework = ticket.rework + 1
    talk.do(
        MoveTicket(ticket.id, action, note=text.strip()),
        CancelReminders(("auto_close", "survey", "survey_reminder"), ticket.id),
        Tell("assignee", "utter_staff_not_fixed", {"number": ticket.number, "rework": rework}, ticket_id=ticket.id),
    )
    if rework >= talk.script.policy.rework_escalates_at:
        escalated = {"number": ticket.number, "rework": rework}
        talk.do(Tell("supervisor", "utter_staff_not_fixed", escalated, ticket_id=ticket.id))
        talk.do(Remind("escalation_rework", talk.facts.now, ticket.id, round=rework))
    talk.say("utter_not_fixed", number=ticket.number)


def _dispute(talk: Talk, ticket: TicketView, text: str) -> None:
    talk.do(
        MoveTicket(ticket.id, "dispute", note=text.strip()),
        Tell("supervisor", "utter_staff_resident_said", {"number": ticket.number, "text": shorten(text, 120)}, ticket.id),
    )
    talk.say("utter_disputed", number=ticket.number)


def _agree(talk: Talk, ticket: TicketView, text: str) -> None:
    talk.do(MoveTicket(ticket.id, "agree", note=text.strip()))
    talk.say("utter_agreed", number=ticket.number)


def _decline(talk: Talk, ticket: TicketView, text: str) -> None:
    talk.do(MoveTicket(ticket.id, "decline", note=text.strip()))
    talk.say("utter_declined", number=ticket.number)


_ANSWERS: Mapping[str, Callable[[Talk, TicketView, str], None]] = {
    "confirm": _confirm,
    "not_fixed": _not_fixed,
    "dispute": _dispute,
    "agree": _agree,
    "decline": _decline,
}


def answer(talk: Talk, action: str, ticket: TicketView, text: str) -> None:
    """The resident's word on a ticket. A tap that comes too late is answered kindly and changes nothing."""
    rule = TRANSITIONS[ticket.kind][ticket.status].get(action)
    if rule is None or "resident" not in rule.by:
        talk.say("utter_stale_button")
        talk.say("utter_status_line", **_line(talk, ticket))
        return
    talk.become(open_question=None)
    _ANSWERS[action](talk, ticket, text)
