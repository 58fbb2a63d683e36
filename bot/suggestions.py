"""What the desk would have answered in shadow mode, as rows: kept, shown, judged; and how often staff agreed.

Everything runs inside a transaction of the caller and reads no clock. What is suggested, and what a press does, is decided in
`core.shadow`; here it is written and counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, insert, or_, select, update

from bot.core.policy import Policy
from bot.core.shadow import Judgement, Suggestion
from bot.core.types import Button, Community, Priority, Say, TicketDraft
from bot.tables import table

SUGGESTION, STAFF = table("suggestion"), table("staff")
#: What nobody has judged for so long is not waited for any more: it counts as ignored.
WAITS = timedelta(hours=24)
_MOST = 100
_GONE: Mapping[str, Any] = {"heard": {}, "before": {}, "after": {}}

_OWN = (
    SUGGESTION.c.community_id == bindparam("of_community"),
    SUGGESTION.c.conversation_id == bindparam("of_conversation"),
)
_KEEP = insert(SUGGESTION)
_LATEST = select(SUGGESTION).where(*_OWN, SUGGESTION.c.inbox_id.is_not(None)).order_by(SUGGESTION.c.id.desc()).limit(1)
_ONE = select(SUGGESTION).where(*_OWN, SUGGESTION.c.id == bindparam("of_id"))
_OVERTAKEN = (
    select(SUGGESTION.c.id)
    .where(
        *_OWN,
        SUGGESTION.c.id > bindparam("of_id"),
        or_(SUGGESTION.c.alarm, SUGGESTION.c.judged.in_(("sent", "edited"))),
        SUGGESTION.c.inbox_id.is_not(None),
    )
    .limit(1)
)
_JUDGE = (
    update(SUGGESTION)
    .where(*_OWN, SUGGESTION.c.id == bindparam("of_id"))
    .values(
        judged=bindparam("how"), should_be=bindparam("meant"), judged_by=bindparam("by"), judged_at=bindparam("now"), **_GONE
    )
)
_RENEW = (
    update(SUGGESTION)
    .where(*_OWN, SUGGESTION.c.id == bindparam("of_id"))
    .values(after=bindparam("new_after"), said=bindparam("new_said"), does=bindparam("new_does"))
)
_OF_TALK = (
    select(SUGGESTION, func.coalesce(STAFF.c.name, "").label("judge"))
    .select_from(
        SUGGESTION.outerjoin(STAFF, and_(STAFF.c.community_id == SUGGESTION.c.community_id, STAFF.c.id == SUGGESTION.c.judged_by))
    )
    .where(*_OWN)
    .order_by(SUGGESTION.c.id.desc())
    .limit(_MOST)
)
_WAITING = select(func.count(SUGGESTION.c.conversation_id.distinct())).where(
    SUGGESTION.c.community_id == bindparam("of_community"),
    SUGGESTION.c.judged_at.is_(None),
    SUGGESTION.c.at > bindparam("since"),
)


@dataclass(frozen=True, slots=True)
class Kept:
    """A suggestion as it was kept. `inbox_id` None: news, of the ticket `ticket_id`. `tickets` and `does` are plain values for a page."""

    id: int
    inbox_id: int | None
    ticket_id: int | None
    at: datetime
    language: str
    intent: str
    confidence: float
    alarm: bool
    said: tuple[Say, ...]
    tickets: tuple[Mapping[str, Any], ...]
    does: tuple[str, ...]
    heard: Mapping[str, Any]
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    judged: str
    should_be: str
    judged_at: datetime | None
    judge: str = ""

    @property
    def words_alone(self) -> bool:
        """Whether a press sends words and does nothing else: what there was to do has been done."""
        return self.alarm or self.inbox_id is None


def keep(
    conn: Connection,
    community_id: int,
    conversation_id: int,
    made: Suggestion,
    at: datetime,
    *,
    language: str,
    inbox_id: int | None = None,
    ticket_id: int | None = None,
    model: str = "",
    heard: Mapping[str, Any] | None = None,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write one down, in the transaction of the turn it is of. `heard`, `before` and `after` (states) as the codec writes them."""
    conn.execute(
        _KEEP,
        {
            "community_id": community_id, "conversation_id": conversation_id, "inbox_id": inbox_id, "ticket_id": ticket_id,
            "at": at,
            "language": language, "intent": made.intent, "confidence": made.confidence, "alarm": made.alarm, "model": model,
            "heard": dict(heard or {}), "before": dict(before or {}), "after": dict(after or {}),
            **{f"{name}": value for name, value in _shown(made).items()},
        },
    )  # fmt: skip


def _shown(made: Suggestion) -> dict[str, Any]:
    return {
        "said": [[s.text, [[b.label, b.value] for b in s.buttons], s.key, str(s.priority)] for s in made.said],
        "does": {"tickets": [_fields(draft) for draft in made.drafts], "also": list(made.does)},
    }


def _fields(draft: TicketDraft) -> dict[str, Any]:
    visit = draft.appointment
    return {
        "kind": draft.kind,
        "category": draft.category,
        "priority": str(draft.priority),
        "description": draft.description,
        "room": draft.room.label if draft.room else "",
        "location": draft.location,
        "visit": [visit.start.isoformat(), visit.end.isoformat()] if visit else [],
        "contact": draft.contact,
        "contact_name": draft.contact_name,
    }


def _kept(row: Any) -> Kept:
    said = tuple(
        Say(text, tuple(Button(label, value) for label, value in buttons), key=key, priority=Priority(priority))
        for text, buttons, key, priority in row.said
    )
    return Kept(
        row.id, row.inbox_id, row.ticket_id, row.at, row.language, row.intent, row.confidence, row.alarm, said,
        tuple(row.does.get("tickets", ())), tuple(row.does.get("also", ())), row.heard, row.before, row.after,
        row.judged, row.should_be, row.judged_at, getattr(row, "judge", ""),
    )  # fmt: skip


def same(kept: Kept, made: Suggestion) -> bool:
    """Whether this is what staff were shown."""
    shown = _shown(made)
    said = [[s.text, [[b.label, b.value] for b in s.buttons], s.key, str(s.priority)] for s in kept.said]
    return bool(said == shown["said"]) and {"tickets": list(kept.tickets), "also": list(kept.does)} == shown["does"]


def renew(conn: Connection, community_id: int, conversation_id: int, kept: Kept, made: Suggestion, after: Mapping[str, Any]) -> None:
    """What the desk would answer has changed since it was shown."""
    shown = _shown(made)
    conn.execute(
        _RENEW,
        {
            "of_community": community_id, "of_conversation": conversation_id, "of_id": kept.id, "new_after": dict(after),
            "new_said": shown["said"], "new_does": shown["does"],
        },
    )  # fmt: skip


def latest(conn: Connection, community_id: int, conversation_id: int) -> Kept | None:
    """What was suggested to the last message of a conversation."""
    row = conn.execute(_LATEST, {"of_community": community_id, "of_conversation": conversation_id}).one_or_none()
    return None if row is None else _kept(row)


def one(conn: Connection, community_id: int, conversation_id: int, suggestion_id: int) -> Kept | None:
    """A suggestion of this conversation. The conversation is locked by the caller, and with it what is judged of it."""
    row = conn.execute(
        _ONE, {"of_community": community_id, "of_conversation": conversation_id, "of_id": suggestion_id}
    ).one_or_none()
    return None if row is None else _kept(row)


def overtaken(conn: Connection, community_id: int, conversation_id: int, suggestion_id: int) -> bool:
    """Whether a later message has been answered, or was about a danger: the conversation has gone on from there."""
    at = {"of_community": community_id, "of_conversation": conversation_id, "of_id": suggestion_id}
    return conn.execute(_OVERTAKEN, at).first() is not None


def judge(
    conn: Connection, community_id: int, conversation_id: int, suggestion_id: int, how: Judgement, should_be: str, by: int,
    at: datetime,
) -> None:  # fmt: skip
    """Who said what of it, and when. What was needed to carry it out is needed no more."""
    conn.execute(
        _JUDGE,
        {
            "of_community": community_id, "of_conversation": conversation_id, "of_id": suggestion_id,
            "how": how, "meant": should_be, "by": by, "now": at,
        },
    )  # fmt: skip


def of_talk(conn: Connection, community_id: int, conversation_id: int) -> tuple[Kept, ...]:
    """The latest of a conversation, at most 100, in order."""
    rows = conn.execute(_OF_TALK, {"of_community": community_id, "of_conversation": conversation_id}).all()
    return tuple(_kept(row) for row in reversed(rows))


def waiting(conn: Connection, community_id: int, now: datetime) -> int:
    """In how many conversations something suggested today waits for staff."""
    return conn.scalar(_WAITING, {"of_community": community_id, "since": now - WAITS}) or 0


# ── the report ──

_RIGHT = and_(SUGGESTION.c.judged_at.is_not(None), or_(SUGGESTION.c.judged != "refused", SUGGESTION.c.should_be == SUGGESTION.c.intent))
_MEANT = case((SUGGESTION.c.judged == "refused", SUGGESTION.c.should_be), else_=SUGGESTION.c.intent)


def _count(condition: Any) -> Any:
    return func.coalesce(func.sum(case((condition, 1), else_=0)), 0)


_COUNTS = (
    func.count().label("heard"),
    _count(SUGGESTION.c.judged_at.is_not(None)).label("judged"),
    _count(_RIGHT).label("right"),
    *(_count(SUGGESTION.c.judged == how).label(how) for how in ("sent", "edited", "agreed", "refused")),
)
#: Messages with words that the model read; news of tickets, photos and buttons have no label to agree with.
_READ = and_(
    SUGGESTION.c.community_id == bindparam("of_community"),
    SUGGESTION.c.at >= bindparam("since"),
    SUGGESTION.c.at < bindparam("until"),
    SUGGESTION.c.intent != "",
)
_BY_INTENT = select(SUGGESTION.c.intent, *_COUNTS).where(_READ).group_by(SUGGESTION.c.intent).order_by(func.count().desc(), SUGGESTION.c.intent)
_MISTAKEN = (
    select(SUGGESTION.c.intent, SUGGESTION.c.should_be, func.count().label("count"))
    .where(_READ, SUGGESTION.c.judged == "refused", SUGGESTION.c.should_be != SUGGESTION.c.intent)
    .group_by(SUGGESTION.c.intent, SUGGESTION.c.should_be)
    .order_by(func.count().desc(), SUGGESTION.c.intent, SUGGESTION.c.should_be)
    .limit(20)
)
_JUDGED = and_(_READ, SUGGESTION.c.judged_at.is_not(None))
_DANGERS = select(
    _count(_MEANT == "emergency").label("were"),
    _count(and_(_MEANT == "emergency", ~SUGGESTION.c.alarm)).label("missed"),
    _count(and_(SUGGESTION.c.intent == "emergency", _MEANT != "emergency")).label("false"),
).where(_JUDGED)


@dataclass(frozen=True, slots=True)
class Line:
    """Counts of one label, or of all: messages read so, judged by staff, of them the label right, and how each was judged."""

    intent: str
    heard: int
    judged: int
    right: int
    sent: int
    edited: int
    agreed: int
    refused: int

    @property
    def ignored(self) -> int:
        """Nobody judged them: they count neither for nor against."""
        return self.heard - self.judged


@dataclass(frozen=True, slots=True)
class Report:
    """How often staff agreed, from `since` until before `until` (local dates). Counts alone: no name, room or word of anybody.

    `mistaken`: read as, meant as, how often. `emergencies`: messages that were about a danger in staff's judgement, the
    `missed` ones among them that called nobody, and those `false`ly taken for one.
    """

    since: date
    until: date
    lines: tuple[Line, ...]
    mistaken: tuple[tuple[str, str, int], ...]
    emergencies: int
    missed: int
    false: int

    @property
    def total(self) -> Line:
        names = ("heard", "judged", "right", "sent", "edited", "agreed", "refused")
        return Line("", *(sum(getattr(line, name) for line in self.lines) for name in names))


def report(conn: Connection, community: Community, since: date, days: int = 7) -> Report:
    """The report of `days` local days, beginning with `since`."""
    first, after = (datetime.combine(day, time(), community.zone).astimezone(UTC) for day in (since, since + timedelta(days=days)))
    within = {"of_community": community.id, "since": first, "until": after}
    dangers = conn.execute(_DANGERS, within).one()
    return Report(
        since,
        since + timedelta(days=days),
        tuple(Line(*row) for row in conn.execute(_BY_INTENT, within).all()),
        tuple((row[0], row[1], row[2]) for row in conn.execute(_MISTAKEN, within).all()),
        dangers[0],
        dangers[1],
        dangers[2],
    )


def share(part: int, whole: int) -> str:
    """A share with what it is of: "12/15 (80 %)"; of nothing there is none."""
    return f"{part}/{whole} ({round(100 * part / whole)} %)" if whole else "–"


def lines(found: Report) -> tuple[str, ...]:
    """The report in words, for a terminal."""
    total, last = found.total, found.until - timedelta(days=1)
    out = [
        f"试运行 Shadow mode {found.since:%Y-%m-%d} – {last:%Y-%m-%d}",
        f"读到 read {total.heard}   评过 judged {total.judged}   没评 ignored {total.ignored}",
        f"类别正确 label right: {share(total.right, total.judged)}",
        f"照发 sent {total.sent}   改后发 edited {total.edited}   另行处理 dealt with otherwise {total.agreed}   否定 refused {total.refused}",
        f"漏报紧急 emergencies missed: {share(found.missed, found.emergencies)}   误报 false alarms: {found.false}",
        f"{'':<18}{'read':>6}{'judged':>8}{'right':>7}{'sent':>6}{'edited':>8}{'agreed':>8}{'refused':>9}",
    ]
    out += [
        f"{one.intent:<18}{one.heard:>6}{one.judged:>8}{one.right:>7}{one.sent:>6}{one.edited:>8}{one.agreed:>8}{one.refused:>9}"
        for one in found.lines
    ]
    out += [f"读作 read as {read}, 应为 meant {meant}: {count}" for read, meant, count in found.mistaken]
    return tuple(out)


# ── when it is told ──

#: A `due` row of this kind about a community tells its supervisors how the week was.
SUBJECT, REPORT = "shadow", "shadow_report"


def listens_here(policy: Policy, code: str) -> bool:
    """Whether the desk is in shadow mode anywhere in this community."""
    return any(place.partition("/")[0] == code for place in policy.shadow)


def next_report(policy: Policy, now: datetime, community: Community) -> datetime:
    """The next instant at which policy wants the report."""
    local = now.astimezone(community.zone)
    day = local.date() + timedelta(days=(policy.shadow_report_day - local.weekday()) % 7)
    at = datetime.combine(day, policy.shadow_report_at, community.zone)
    if at <= local:
        at = datetime.combine(day + timedelta(days=7), policy.shadow_report_at, community.zone)
    return at.astimezone(UTC)


def unused(policy: Policy, codes: Iterable[str], channels: Sequence[tuple[str, str]]) -> tuple[str, ...]:
    """Places of policy that are nowhere: one mistyped would have the desk speak where it should be silent.

    `channels`: (name, account) of those this desk runs.
    """
    known = set(codes)

    def there(place: str) -> bool:
        code, _, rest = place.partition("/")
        name, slash, account = rest.partition("/")
        return code in known and (not rest or any(c == name and (not slash or a == account) for c, a in channels))

    return tuple(sorted(place for place in policy.shadow if not there(place)))
