"""Who may read what, said a second time.

Nothing of the product's rules is used here: who belongs where is kept from what the model saw being given, and what a role may
see stands in the tables below. The rows of the database serve as facts alone: what stands in a ticket, who said what to whom.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import select

from bot.database import EVERY, Database
from bot.tables import table
from tests.canary.mint import Mint

ZONE = ZoneInfo("Asia/Shanghai")
DESK = frozenset({"steward", "supervisor", "manager"})
#: role → the kinds of ticket it works on. The desk sees everything of its community.
KINDS: Mapping[str, frozenset[str]] = {
    "technician": frozenset({"repair", "emergency", "service_order"}),
    "cashier": frozenset({"fee_case", "enquiry", "service_order", "repair"}),
    "guard": frozenset({"emergency"}),
    "cleaner": frozenset({"emergency"}),
}
_SMALL = ("conversation", "resident", "membership", "ticket", "ticket_event", "survey_answer", "ticket_photo", "staff", "media", "invite")


class Leak(AssertionError):
    """A token was shown to somebody whose it is not."""


@dataclass(frozen=True)
class Snapshot:
    """The facts at one moment."""

    rows: Mapping[str, list[Any]]
    now: datetime

    @property
    def today(self) -> date:
        return self.now.astimezone(ZONE).date()

    def talk(self, talk_id: int) -> Any:
        return next(r for r in self.rows["conversation"] if r.id == talk_id)


def snapshot(database: Database, now: datetime) -> Snapshot:
    def read(conn: Any) -> dict[str, list[Any]]:
        return {name: list(conn.execute(select(table(name)).order_by(table(name).c.id))) for name in _SMALL}

    return Snapshot(database.read(EVERY, read), now)


@dataclass(frozen=True)
class Stay:
    """Somebody belongs to a household, as the model saw it given."""

    household: int
    resident: int
    role: str
    since: date | None
    until: date | None

    def holds(self, today: date) -> bool:
        return (self.since is None or self.since <= today) and (self.until is None or today <= self.until)


@dataclass
class Oracle:
    """What the model knows, and the question whether somebody may read a token."""

    mint: Mint
    #: membership row → what was given; gone when it was ended.
    stays: dict[int, Stay] = field(default_factory=dict)
    said: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))  # conversation → tokens it wrote
    raw: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))  # conversation → its words
    told: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))  # conversation → what staff wrote to it
    heard: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))  # conversation → what it rightly got before
    noticed: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))  # staff → what they were rightly told before
    typed: dict[int, set[str]] = field(default_factory=lambda: defaultdict(set))  # community → what its staff wrote down
    groups: set[int] = field(default_factory=set)
    recognised: set[tuple[int, int]] = field(default_factory=set)  # (conversation, household) that staff decided on
    codes_used: set[int] = field(default_factory=set)

    # ── what was given ──

    def begin(self, facts: Snapshot) -> None:
        """The registers as they were handed in."""
        for row in facts.rows["membership"]:
            self.stays[row.id] = Stay(row.household_id, row.resident_id, row.role, row.since, row.until)

    def homes(self, resident: int | None, today: date) -> tuple[Stay, ...]:
        return tuple(s for s in self.stays.values() if s.resident == resident and s.holds(today))

    def watch(self, before: Snapshot, after: Snapshot) -> None:
        """Nobody comes to belong anywhere, or to be anybody, unless somebody gave it. Raises Leak."""
        was = {r.id: r for r in before.rows["membership"]}
        used_now = [i for i in after.rows["invite"] if i.used_at is not None and i.id not in self.codes_used]
        for row in after.rows["membership"]:
            known = was.get(row.id)
            if row.revoked_at is not None:
                self.stays.pop(row.id, None)
            elif known is None:
                self._given(row, used_now, before, after)
                self.stays[row.id] = Stay(row.household_id, row.resident_id, row.role, row.since, row.until)
            elif known.revoked_at is not None or (known.until, known.household_id, known.resident_id) != (
                row.until, row.household_id, row.resident_id,
            ):  # fmt: skip
                raise Leak(f"membership {row.id} was changed by nobody")
        persons = {r.id: (r.resident_id, r.staff_id) for r in before.rows["conversation"]}
        for row in after.rows["conversation"]:
            if (row.resident_id, row.staff_id) != persons.get(row.id, (None, None)):
                self._became(row, used_now, after)
        self.codes_used.update(i.id for i in used_now)

    def _given(self, row: Any, used: Iterable[Any], before: Snapshot, after: Snapshot) -> None:
        for code in used:
            if code.household_id == row.household_id and self._good(code, before, after):
                return
        resident_talks = [c.id for c in after.rows["conversation"] if c.resident_id == row.resident_id]
        if any((talk, row.household_id) in self.recognised for talk in resident_talks):
            return
        raise Leak(f"household {row.household_id} was given to resident {row.resident_id} by nobody")

    def _good(self, code: Any, before: Snapshot, after: Snapshot) -> bool:
        """Whether the maker of this code could still give what it gives."""
        if code.expires_at <= before.now or code.revoked_at is not None:
            return False
        if code.made_by_staff is not None:
            maker = next(s for s in after.rows["staff"] if s.id == code.made_by_staff)
            return maker.role in DESK and maker.community_id == code.community_id
        mine = [s for s in self.homes(code.made_by_resident, before.today) if s.household == code.household_id]
        if code.resident_id == code.made_by_resident:
            return any(s.role == code.role for s in mine)
        return any(s.role == "owner" for s in mine)

    def _became(self, talk: Any, used: Iterable[Any], after: Snapshot) -> None:
        """The conversation is somebody now, or somebody else."""
        if talk.resident_id is None and talk.staff_id is None:
            return
        mine = [code for code in used if code.used_by == talk.id and code.community_id == talk.community_id]
        words = " ".join(self.raw[talk.id])
        bare = words.upper().replace("-", "")
        presented = any(
            code.code_hash == hashlib.sha256(bare[at : at + 10].encode()).hexdigest()
            for code in mine
            for at in range(len(bare) - 9)
        )
        if talk.bound_by == "roster":
            who = next(r for r in after.rows["resident"] if r.id == talk.resident_id)
            if who.name in words and who.phone[-4:] in words and who.community_id == talk.community_id:
                return
        elif (talk.bound_by == "invite" and presented) or (
            talk.bound_by == "staff" and any(t == talk.id for t, _ in self.recognised)
        ):
            return
        raise Leak(f"conversation {talk.id} became resident {talk.resident_id} / staff {talk.staff_id} ({talk.bound_by}) by nobody's leave")

    # ── what a resident may read ──

    def of_talk(self, talk_id: int, facts: Snapshot, *, copy: bool = False) -> frozenset[str]:
        """What this conversation may be told. `copy`: in the copy of its own data, with contacts and ratings."""
        talk, find = facts.talk(talk_id), self.mint.found
        out = self.said[talk_id] | self.told[talk_id] | self.heard[talk_id]
        if talk_id in self.groups:
            return self.of_group(talk_id, facts)
        out |= {text for text, token in self.mint.known.items() if token.sort == "room" and token.community == talk.community_id}
        homes = self.homes(talk.resident_id, facts.today) if talk.resident_id is not None else ()
        people = {r.id: r for r in facts.rows["resident"]}
        if talk.resident_id is not None:
            out |= find(people[talk.resident_id].name, people[talk.resident_id].phone)
        for home in homes:
            if home.role == "owner":
                members = [s for s in self.stays.values() if s.household == home.household and s.holds(facts.today)]
                out |= find(*(people[s.resident].name for s in members))
        mine = {home.household for home in homes}
        answers = {a.ticket_id: a for a in facts.rows["survey_answer"]}
        for t in facts.rows["ticket"]:
            own = t.conversation_id == talk_id and t.community_id == talk.community_id
            shown = own if t.household_id is None else t.household_id in mine
            if shown or (copy and own):
                out |= find(t.number, t.description, t.location, t.subject, t.appointment_text) | self._news(t, facts)
            if copy and own:
                out |= find(t.contact, t.contact_name, answers[t.id].comment if t.id in answers else "")
        return frozenset(out)

    def of_group(self, talk_id: int, facts: Snapshot) -> frozenset[str]:
        """What may be said where everybody reads: what was said there, and news of a danger reported there."""
        mine = [t for t in facts.rows["ticket"] if t.conversation_id == talk_id and t.kind == "emergency"]
        own = frozenset(self.said[talk_id])
        return own.union(*(self.mint.found(t.number, t.description) | self._news(t, facts) for t in mine))

    def _news(self, ticket: Any, facts: Snapshot) -> frozenset[str]:
        """What staff wrote with a step of this ticket, for the resident."""
        return self.mint.found(
            *(e.note for e in facts.rows["ticket_event"]
              if e.ticket_id == ticket.id and e.by_role != "resident" and e.action != "internal_note")
        )  # fmt: skip

    # ── what staff may read ──

    def of_staff(self, staff_id: int, facts: Snapshot, *, notice: bool = False) -> frozenset[str]:
        """What this colleague may read on a page, or (`notice`) be told."""
        me = next(s for s in facts.rows["staff"] if s.id == staff_id)
        here = {c.id for c in facts.rows["conversation"] if c.community_id == me.community_id}
        own = frozenset(t for t, token in self.mint.known.items() if token.community == me.community_id)
        written = frozenset(t for talk, tokens in self.said.items() if talk in here for t in tokens)
        hidden = self.mint.of(own | written, "duty", "reference")
        typed = self.mint.of(written, "duty")  # whoever gives a colleague's number as their own
        if me.role in DESK:
            return ((own | written) - hidden) | typed | self.typed[me.community_id]
        out: set[str] = set()
        if me.role == "cashier":
            out |= self.mint.of(own, "name", "room")
        for t in facts.rows["ticket"]:
            if t.community_id != me.community_id or t.kind not in KINDS[me.role]:
                continue
            work, person = self._standing_in(t, facts)
            if t.assignee_id == me.id or (notice and t.kind == "emergency"):
                out |= work | person | self.said.get(t.conversation_id or 0, set())
            else:
                out |= work - self.mint.of(work, "phone", "duty")
        # What was said for no ticket in particular may stand beside one; what was said for another kind may not.
        out |= {t for t in self.mint.of(written, "words", "number") if self.mint.known[t].aim in ("", *KINDS[me.role])}
        return frozenset(out)

    def _standing_in(self, t: Any, facts: Snapshot) -> tuple[frozenset[str], frozenset[str]]:
        """What stands in a ticket: of the work, and of the person who asked for it."""
        events = [e for e in facts.rows["ticket_event"] if e.ticket_id == t.id]
        kept = {m.reference: m.kept for m in facts.rows["media"]}
        work = [t.number, t.description, t.location, t.subject, t.appointment_text, t.room_label, t.pause_reason]
        work += [e.note for e in events] + [a.comment for a in facts.rows["survey_answer"] if a.ticket_id == t.id]
        work += [x for p in facts.rows["ticket_photo"] if p.ticket_id == t.id for x in (p.path, kept.get(p.reference))]
        work += [
            o.number for o in facts.rows["ticket"] if (o.id == t.linked_to or o.linked_to == t.id) and o.kind == t.kind
        ]
        return self.mint.found(*work), self.mint.found(t.contact, t.contact_name, *(e.by_name for e in events))

    # ── the verdict ──

    def judge(self, who: str, text: str, allowed: frozenset[str]) -> frozenset[str]:
        """The tokens of the text, when all of them may be read. Raises Leak."""
        shown = self.mint.found(text)
        wrong = sorted(shown - allowed)
        if wrong:
            token = self.mint.known[wrong[0]]
            at = text.find(wrong[0])
            raise Leak(f"{who} was shown {token} in …{text[max(0, at - 160) : at + 60]!r}…")
        return shown

    def nothing(self, where: str, text: str) -> None:
        """Personal data must not be there at all; a ticket's number is none. Raises Leak."""
        shown = self.mint.found(text) - self.mint.of(self.mint.found(text), "number")
        if shown:
            raise Leak(f"{where} holds {self.mint.known[sorted(shown)[0]]}: {text[:1200]!r}")


def words_of(payload: Mapping[str, Any]) -> str:
    """All of a message that came in."""
    return json.dumps(payload, ensure_ascii=False)
