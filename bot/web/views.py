"""What the staff's templates are given: rows and dossiers turned into plain values in the reader's language and zone.

Masking is decided here: telephones in full only for those who work on the matter.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from bot import boards, homes, suggestions, switchboard
from bot.boards import Reader
from bot.channels import in_language
from bot.core import access, masking, shadow, texts
from bot.core.domain import Script
from bot.core.tickets import TRANSITIONS, WORK_PATH
from bot.core.types import Community
from bot.sessions import Signed
from bot.transcripts import Line
from bot.web.pages import word, words

_WEEKDAYS = ("周一", "周二", "周三", "周四", "周五", "周六", "周日")
_SHORT = 60


def reader_of(signed: Signed) -> Reader:
    """What this member of staff may see of tickets."""
    role = signed.staff.role
    return Reader(signed.community_id, signed.staff.id, role, tuple(sorted(access.SEES.get(role, frozenset()))))


# ── time in words ──


def clock_text(now: datetime, community: Community, language: str) -> str:
    """The desk clock: 11-23 周一 10:05."""
    local = now.astimezone(community.zone)
    day = _WEEKDAYS[local.weekday()] if language != "en" else f"{local:%a}"
    return f"{local:%m-%d} {day} {local:%H:%M}"


def span(length: timedelta, language: str) -> str:
    """A length of time in its largest unit: 20 分钟, 3 小时, 2 天."""
    minutes = int(length.total_seconds() // 60)
    for unit, size in (("days", 1440), ("hours", 60)):
        if minutes >= 2 * size:
            return word(f"span_{unit}", language).replace("{n}", str(minutes // size))
    return word("span_minutes", language).replace("{n}", str(minutes))


def tools(script: Script, community: Community, now: datetime, language: str) -> dict[str, Callable[..., Any]]:
    """The functions a template calls: `status`, `when`, `ago`, `due`, `w`."""

    def status(kind: str, name: str) -> str:
        return texts.words(script, "en" if language == "en" else "zh", f"utter_status_{name}")

    def when(at: datetime) -> str:
        return f"{at.astimezone(community.zone):%m-%d %H:%M}"

    def ago(at: datetime) -> str:
        if now - at < timedelta(minutes=1):
            return word("just_now", language)
        return word("ago", language).replace("{span}", span(now - at, language))

    def due(at: datetime) -> dict[str, Any]:
        late = at <= now
        key = "late_by" if late else "left"
        return {"text": word(key, language).replace("{span}", span(abs(at - now), language)), "late": late}

    def w(key: str) -> str:
        known = words()
        # A word of a newer release, or an old row's: shown as it is rather than no page at all.
        return known[key][language == "en"] if key in known else key.partition("_")[2] or key

    return {"status": status, "when": when, "ago": ago, "due": due, "w": w}


# ── tickets ──


def _place(row: Any) -> str:
    return str(row.location if row.public_area else row.room_label or row.location)


def visit_text(row: Any, community: Community, now: datetime, language: str) -> str:
    """When somebody is at home: 明天 14:00–18:00, 11-25 周三 09:00–12:00, 11-28 周六 08:00–11-29 周日 21:00."""
    if not (row.appointment_start and row.appointment_end):
        return ""
    return visit_between(row.appointment_start, row.appointment_end, community, now, language)


def visit_between(start: datetime, end: datetime, community: Community, now: datetime, language: str) -> str:
    """A visit as `visit_text` shows it."""
    start, end = start.astimezone(community.zone), end.astimezone(community.zone)
    today = now.astimezone(community.zone).date()
    until = "" if end.date() == start.date() else f"{_visit_day(end.date(), today, language)} "
    return f"{_visit_day(start.date(), today, language)} {start:%H:%M}–{until}{end:%H:%M}"


def _visit_day(day: date, today: date, language: str) -> str:
    ahead = (day - today).days
    if ahead in (0, 1):
        return word(("today", "tomorrow")[ahead], language)
    return f"{day:%m-%d} {_WEEKDAYS[day.weekday()] if language != 'en' else f'{day:%a}'}"


def _in_full(row: Any, signed: Signed) -> bool:
    """Whether the reader is shown the person of this ticket with name and telephone."""
    return access.may(signed.staff.role, "contact") or row.assignee_id == signed.staff.id


def ticket_row(one: boards.Row, community: Community, now: datetime, signed: Signed) -> dict[str, Any]:
    """A ticket in a list."""
    row, language = one.row, signed.language
    said = str if _in_full(row, signed) else masking.telephones
    due = one.next_due
    return {
        "number": row.number,
        "url": f"/desk/tickets/{row.number}",
        "kind": row.kind,
        "status": row.status,
        "priority": row.priority,
        "category": row.category,
        "item": _shortened(said(row.description)) or row.number,
        "place": said(_place(row)),
        "contact_masked": masking.phone(row.contact or ""),
        "appointment": visit_text(row, community, now, language),
        "assignee": one.assignee,
        "opened_at": row.opened_at,
        "next_due": {"clock": due.clock, "at": due.at, "late": due.late or due.at <= now} if due else None,
        "urged": row.urged_at is not None,
        "rework": row.rework,
        "escalated": one.escalated,
        "unverified": not row.requester_verified and row.conversation_id is not None,
        "photos": one.photos,
    }


def _shortened(text: str, limit: int = _SHORT) -> str:
    flat = " ".join((text or "").split())
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def ticket_page(
    script: Script,
    dossier: boards.Dossier,
    staff: Iterable[Any],
    on_duty: frozenset[int],
    community: Community,
    now: datetime,
    signed: Signed,
) -> dict[str, Any]:
    """One ticket with everything about it, and what the reader may do with it now."""
    row = dossier.ticket.row
    role = signed.staff.role
    in_full = _in_full(row, signed)
    said = str if in_full else masking.telephones  # a resident's own words may hold the telephone that is masked beside them
    ticket = {
        **ticket_row(dossier.ticket, community, now, signed),
        "description": said(row.description),
        "room": row.room_label,
        "location": said(row.location),
        "public_area": row.public_area,
        "contact": row.contact if in_full else masking.phone(row.contact or ""),
        "contact_name": row.contact_name if in_full else masking.name(row.contact_name or ""),
        "requester_verified": row.requester_verified,
        "pause_reason": said(row.pause_reason),
        "resume_at": row.resume_at,
        "closed_by": row.closed_by,
        "version": row.version,
        "linked": _link(dossier.linked),
        "follow_ups": [_link(one) for one in dossier.follow_ups],
        "conversation_url": f"/desk/talks/{row.conversation_id}"
        if row.conversation_id and access.may(role, "talk")
        else None,
        "score": dossier.answer.score if dossier.answer else None,
        "score_comment": said(dossier.answer.comment) if dossier.answer else "",
    }
    waiting = [e for e in dossier.escalations if e.acknowledged_at is None]
    return {
        "ticket": ticket,
        "may_call": bool(row.contact) and in_full,
        "deadlines": [
            {"clock": d.clock, "at": d.at, "status": "late" if d.status == "done" else d.status, "late": d.late}
            for d in dossier.deadlines
        ],
        "timeline": [_event(row.kind, e, signed.language, in_full) for e in dossier.timeline],
        "words": [
            {"at": m.received_at, "text": m.payload["text"]}
            for m in dossier.words
            # What else was written around that time may be about anything, the reader too: it is for the desk. The words the
            # ticket was made of are its description.
            if access.may(role, "talk")
        ],
        "photos": [
            {"url": f"/desk/media/{p.kept}?size=small" if p.kept else None, "full": f"/desk/media/{p.kept}",
             "failed": bool(p.failed) and not p.kept, "at": p.at,
             "by": "resident" if p.by_role == "resident" else "staff"}
            for p in dossier.photos
        ],
        "actions": actions(script, row.kind, row.status, role),
        "staff": [
            {"id": s.id, "name": s.name, "role": s.role, "on_duty": s.id in on_duty}
            for s in staff
            if s.active and access.sees(s.role, row.kind)
        ],
        "escalations": [
            {"clock": e.kind, "level": e.level, "at": e.at, "acknowledged_at": e.acknowledged_at,
             "acknowledged_by": e.acknowledged_name if e.acknowledged_at else None}
            for e in dossier.escalations
        ],
        "can_acknowledge": bool(waiting) and access.may(role, "acknowledge"),
    }  # fmt: skip


def _link(row: Any) -> dict[str, str] | None:
    return None if row is None else {"number": row.number, "url": f"/desk/tickets/{row.number}"}


#: Moves and lines the resident never hears of.
_INSIDE = frozenset({"internal_note", "acknowledge", "assign", "investigate", "visit", "refer"})


def _event(kind: str, event: Any, language: str, in_full: bool) -> dict[str, Any]:
    note = event.note if in_full else masking.telephones(event.note)
    told = event.by_role != "resident" and event.action not in _INSIDE and kind != "follow_up"
    return {
        "at": event.at,
        "who": event.by_name if in_full or event.by_role != "resident" else masking.name(event.by_name),
        "role": event.by_role,
        "action": event.action,
        "from_status": event.from_status,
        "to_status": event.to_status,
        "note": word(f"channel_{event.note}", language) if event.action == "open" and event.note else note,
        "internal": event.action == "internal_note",
        "told": told and event.from_status != event.to_status,
    }


#: Which fields a step asks for besides its note.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "assign": ("assignee", "appointment"),
    "pause": ("resume_at",),
    "done": ("photo",),
    "secure": ("photo",),
}
_DANGER = frozenset({"cancel", "reject", "decline", "stand_down"})
#: Moves that are not pressed on the ticket's page: the resident's word, or the conversation's page.
_ELSEWHERE = frozenset({"hand_back"})


def actions(script: Script, kind: str, status: str, role: str) -> list[dict[str, Any]]:
    """What this role may do now: the next step of the usual way first."""
    able = {a: r for a, r in TRANSITIONS[kind][status].items() if role in r.by and a not in _ELSEWHERE}
    usual = next((a for a in (*WORK_PATH[kind], "resume", "close", "visit", "confirm") if a in able), None)
    out = [
        {
            "action": action,
            "needs_note": rule.needs_note,
            "told": _reads_note(script, kind, action, rule.to),
            "primary": action == usual,
            "danger": action in _DANGER,
            "fields": FIELDS.get(action, ()),
        }
        for action, rule in able.items()
    ]
    return sorted(out, key=lambda one: (not one["primary"], one["danger"]))


def _reads_note(script: Script, kind: str, action: str, to: str) -> bool:
    """Whether the resident's news of this move carries the note: its text in domain.yml says so."""
    if kind == "follow_up" or action in _INSIDE:
        return False
    response = script.responses.get(f"utter_moved_{to}")
    return response is not None and any("{note}" in variant.text for variant in response["zh"])


# ── conversations ──


def talk_row(talk: switchboard.Talk, language: str) -> dict[str, Any]:
    """A conversation in the list."""
    return {
        "id": talk.id,
        "url": f"/desk/talks/{talk.id}",
        "name": talk.name or word("stranger", language),
        "room": talk.room,
        "channel": talk.channel,
        "mode": talk.state.get("mode", "desk"),
        "waiting": bool(talk.handover) and talk.owner_id is None,
        "owner": talk.owner,
        "last_text": _shortened(talk.last_text, 80),
        "last_at": talk.last_at,
        "unread": 0,
    }


def talk_page(
    talk: switchboard.Talk, lines: Iterable[Line], busy: bool, tickets: Iterable[Any], signed: Signed, *, shadowed: bool = False
) -> dict[str, Any]:
    """A conversation, a summary of where it stands, and what the reader may do in it."""
    state = talk.state
    mine = talk.owner_id == signed.staff.id and bool(talk.handover)
    human = state.get("mode") == "human"
    return {
        "talk": {
            **talk_row(talk, signed.language),
            "verified": talk.resident_id is not None,
            "language": state.get("language", "zh"),
            "mine": mine,
            "can_take": not (mine and human),
            "shadowed": shadowed,
            "can_say": (mine and human) or (shadowed and not human),
            "can_hand_back": mine and human,
            "typing": busy,
        },
        "summary": {
            "flow": state.get("flow") or "",
            "asking": state.get("asking") or "",
            "slots": [
                {"label_key": f"slot_{name}", "value": value}
                for name, value in ((n, _slot(v)) for n, v in (state.get("slots") or {}).items())
                if value and f"slot_{name}" in words()
            ],
            "open_tickets": [
                {"number": t.number, "url": f"/desk/tickets/{t.number}", "kind": t.kind, "status": t.status,
                 "item": _shortened(t.description, 40)}
                for t in tickets
            ],
        },
        "messages": [
            {
                "key": line.key,
                "from": line.side,
                "name": line.name,
                "text": line.text,
                "buttons": [b.label for b in line.buttons],
                "photos": [
                    {"url": f"/desk/media/{p.kept}?size=small" if p.kept else None, "full": f"/desk/media/{p.kept}",
                     "failed": p.failed, "by": "resident" if line.side == "resident" else "staff", "at": line.at}
                    for p in line.photos
                ],
                "at": line.at,
                "status": line.status,
                "suggested": [],
            }
            for line in lines
        ],
    }  # fmt: skip


# ── what the desk would have answered ──

#: What only the store fills in, as a reader sees it before.
_HOLES = ("number", "code", "link")


def _readable(text: str, language: str) -> str:
    for hole in _HOLES:
        text = text.replace(f"{{{hole}}}", word(f"hole_{hole}", language))
    return text


def with_holes(text: str, language: str) -> str:
    """What staff wrote around a number that is still to come, as the store reads it."""
    for hole in _HOLES:
        text = text.replace(word(f"hole_{hole}", language), f"{{{hole}}}")
    return text


def suggested_words(kept: suggestions.Kept, language: str) -> str:
    """The desk's words as one text to be edited; the privacy notice goes out as it is."""
    return "\n".join(_readable(say.text, language) for say in kept.said if say.key != shadow.NOTICE)


def suggest(
    messages: list[dict[str, Any]], kept: Iterable[suggestions.Kept], community: Community, now: datetime, language: str
) -> None:
    """Put each suggestion beside the message it answers; news of a ticket beside the last message before it."""
    beside = {one["key"]: one for one in messages}
    for one in kept:
        before = [m for m in messages if m["at"] <= one.at] or messages[:1]
        line = beside.get(f"i{one.inbox_id}") if one.inbox_id else before[-1] if before else None
        if line is not None:
            line["suggested"].append(_suggested(one, community, now, language))


def _suggested(one: suggestions.Kept, community: Community, now: datetime, language: str) -> dict[str, Any]:
    offered = next((say.buttons for say in reversed(one.said) if say.buttons), ())
    return {
        "id": one.id,
        "news": one.inbox_id is None,
        "intent": one.intent,
        "percent": round(100 * one.confidence),
        "alarm": one.alarm,
        "said": [_readable(say.text, language) for say in one.said],
        "words": suggested_words(one, language),
        "buttons": [b.label for b in offered],
        "tickets": [{**ticket, "visit": _visit_of(ticket["visit"], community, now, language)} for ticket in one.tickets],
        "does": list(one.does),
        "done": one.words_alone,
        "judged": one.judged,
        "should_be": one.should_be,
        "judge": one.judge,
        "judged_at": one.judged_at,
        "empty": not (one.said or one.tickets or one.does),
    }


def _visit_of(visit: Sequence[str], community: Community, now: datetime, language: str) -> str:
    if not visit:
        return ""
    start, end = (datetime.fromisoformat(at) for at in visit)
    return visit_between(start, end, community, now, language)


def _slot(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("label") or value.get("text") or "")
    return value if isinstance(value, str) else ""


# ── people, rooms and what was shown of them ──


def _stay(stay: homes.Stay, *, full: bool) -> dict[str, Any]:
    return {
        "id": stay.id,
        "name": stay.name,
        "person_url": f"/desk/people/{stay.resident_id}",
        "phone": stay.phone if full else masking.phone(stay.phone),
        "room": stay.room,
        "room_url": f"/desk/rooms/{stay.room_id}",
        "role": stay.role,
        "since": stay.since,
        "until": stay.until,
        "revoked_at": stay.revoked_at,
        "state": stay.state,
    }


def _chat(chat: homes.Chat, name: str) -> dict[str, Any]:
    return {"name": name, "channel": chat.channel, "bound_by": chat.bound_by, "bound_at": chat.bound_at}


def person(one: homes.Person, *, full: bool) -> dict[str, Any]:
    """A resident with all homes. `full`: with the whole telephone."""
    return {
        "url": f"/desk/people/{one.id}",
        "name": one.name,
        "phone": one.phone if full else masking.phone(one.phone),
        "homes": [_stay(stay, full=full) for stay in one.stays],
        "chats": [_chat(chat, one.name) for chat in one.chats],
    }


def home(one: homes.Home, *, full: bool) -> dict[str, Any]:
    """A room with its households. `full`: with whole telephones."""
    names = {s.resident_id: s.name for h in one.households for s in h.stays}
    return {
        "id": one.id,
        "url": f"/desk/rooms/{one.id}",
        "label": one.label,
        "households": [
            {
                "id": household.id,
                "who": _who(household, full=True),
                "members": [_stay(stay, full=full) for stay in household.stays],
                "invites": [
                    {"id": i.id, "role": i.role, "name": i.name, "by": i.by, "by_staff": i.by_staff, "until": i.until,
                     "expires_at": i.expires_at}
                    for i in household.invites
                ],
            }
            for household in one.households
        ],
        "chats": [_chat(chat, names.get(chat.resident_id, "")) for chat in one.chats],
    }  # fmt: skip


def _who(household: homes.Household, *, full: bool) -> list[tuple[str, str]]:
    """Role and name of those who belong to it today; of a name without `full` the first letter."""
    return [(s.role, s.name if full else masking.name(s.name)) for s in household.here]


def application(row: Any, said: str, found: Sequence[homes.Home]) -> dict[str, Any]:
    """What an application to be linked is decided by: the room that was claimed, and the households it may mean.

    Names are masked here: who looks for a room should not read who lives in ten others.
    """
    return {
        "said": said,
        "room_url": f"/desk/rooms/{row.room_id}" if row.room_id is not None else None,
        "more": len(found) == homes.MOST_ROOMS,
        "homes": [
            {"id": one.id, "label": one.label,
             "households": [{"id": h.id, "who": _who(h, full=False)} for h in one.households]}
            for one in found
        ],
    }  # fmt: skip


def disclosure(row: Any, language: str) -> dict[str, Any]:
    """A line of the log of who was shown what."""
    kind, _, which = str(row.what).partition(" ")
    known = f"shown_{kind}" in words()
    return {
        "at": row.at,
        "staff": row.staff or "",
        "role": row.role or "",
        "channel": row.channel or "",
        "what": word(f"shown_{kind}", language) if known else kind,
        "which": which,
        "url": {"ticket": f"/desk/tickets/{which}", "conversation": f"/desk/talks/{which}", "person": f"/desk/people/{which}"}.get(kind),
        "room": row.label or "",
        "room_url": f"/desk/rooms/{row.room_id}" if row.room_id is not None else None,
    }


# ── the rest ──


#: Of these kinds of call the rest of the reason is for staff: what a channel said, and the way out. Of others it is for the log.
_EXPLAINED = ("failed", "unconfirmed")


def call(one: Any, language: str) -> dict[str, Any]:
    """A call to be made. The number is for those who ring."""
    contact = one.contact or one.ticket_contact or ""
    kind, _, why = one.reason.partition(":")
    return {
        "id": one.id,
        "text": one.text,
        "reason": kind,
        "why": in_language(why.strip(), language) if kind in _EXPLAINED else "",
        "contact": contact,
        "contact_masked": masking.phone(contact),
        "ticket": {"number": one.number, "url": f"/desk/tickets/{one.number}"} if one.number else None,
        "talk_url": f"/desk/talks/{one.conversation_id}" if one.conversation_id else None,
        "created_at": one.created_at,
    }


def duty(
    week: Iterable[tuple[Any, Iterable[Any]]], staff: Iterable[Any], present: frozenset[int], language: str
) -> dict[str, Any]:
    """The rota of seven days, and who is there now (last night's shift may still run)."""
    days = list(week)
    return {
        "days": [
            {
                "date": f"{day:%m-%d} {_WEEKDAYS[day.weekday()] if language != 'en' else f'{day:%a}'}",
                "today": index == 0,
                "shifts": [
                    {"start": s.start, "end": s.end, "name": s.name, "role": s.role, "now": s.now} for s in shifts
                ],
            }
            for index, (day, shifts) in enumerate(days)
        ],
        "on_duty_now": [
            {"name": s.name, "role": s.role, "phone_masked": masking.phone(s.phone)} for s in staff if s.id in present
        ],
    }
