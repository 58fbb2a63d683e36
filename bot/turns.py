"""The use cases: a resident was heard, a ticket was moved, staff spoke or filed, a due row fired.

Each is: lock (tickets in the order of their ids, then the conversation) → load the facts → `step` → apply its effects →
save, in one transaction. So either everything of a turn exists or nothing does, whatever crashes. Nothing here sends,
parses or waits; nothing outside writes conversations, tickets, due rows or the outbox.

`step` may name a ticket that was not locked (an older one, found by its number). Locking it after the conversation would
break the lock order, so the transaction is begun again with that ticket among the first locks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from typing import Any, Literal, Protocol, TypeVar
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, select

from bot import (
    cards,
    casebook,
    digest,
    dues,
    escalations,
    identity,
    misreadings,
    outbox,
    photos,
    privacy,
    receipts,
    rota,
    store,
    suggestions,
)
from bot.casebook import Asker, Case
from bot.channels import tapped
from bot.clock import Clock, DeskClock
from bot.core import access, codec, shadow, tickets
from bot.core.flows.binding import ROLES
from bot.core.resolve import invitecode
from bot.core.tickets import IllegalMove
from bot.core.types import (
    Button,
    Community,
    Forget,
    Heard,
    Media,
    OpenTicket,
    Priority,
    Recognised,
    Say,
    StaffSaid,
    State,
    Tell,
    TicketDraft,
    TicketFiled,
    TicketMoved,
    TicketView,
    TimerFired,
)
from bot.database import EVERY, Database, crash_point
from bot.dues import DueRow
from bot.identity import NewHousehold
from bot.rota import Colleague
from bot.store import Claim, ClaimLost, Talk
from bot.tables import table
from bot.work import STAFF_TALK, Change, Core, LockFirst, NotFound, Work

T = TypeVar("T", covariant=True)

LOCK_ROUNDS = 4
_FLOOD = "utter_flood"
#: Due rows that are no turn of a conversation: the workers carry them out.
BESIDES_TURNS = (photos.SUBJECT, privacy.SUBJECT, cards.SUBJECT, digest.SUBJECT)


class _UseCase(Protocol[T]):
    """A transaction that must lock the tickets in `also` besides those it knows of."""

    def __call__(self, conn: Connection, also: frozenset[int]) -> T: ...


class NotYours(Exception):
    """The conversation is not in this colleague's hands; the message is for staff."""


class Overtaken(Exception):
    """What is to be sent answers a message after which the conversation has gone on."""


class DayOver(ValueError):
    """Somebody is to belong to a household until a day that is over already."""


class ShownOnce(Exception):
    """A form that makes a code was sent twice. Only the code's hash is kept, so it cannot be shown again."""


_TICKET = table("ticket")
_REFERENCE = (_TICKET.c.id, _TICKET.c.kind, _TICKET.c.conversation_id, _TICKET.c.resident_id)
_BY_NUMBER = select(*_REFERENCE).where(
    _TICKET.c.community_id == bindparam("community_id"), _TICKET.c.number == bindparam("number")
)
_BY_ID = select(*_REFERENCE).where(
    _TICKET.c.community_id == bindparam("community_id"), _TICKET.c.id == bindparam("id")
)
_COMMUNITY = table("community")
_CONVERSATION = table("conversation")
_LATEST_TALK = (
    select(_CONVERSATION.c.id)
    .where(
        _CONVERSATION.c.community_id == bindparam("community_id"),
        _CONVERSATION.c.resident_id == bindparam("resident_id"),
        _CONVERSATION.c.staff_id.is_(None),
    )
    .order_by(_CONVERSATION.c.id.desc())
    .limit(1)
)


class Desk:
    """The use cases over one database. `clock` is the desk clock, `machine` the machine clock."""

    def __init__(self, database: Database, core: Core, clock: DeskClock, machine: Clock) -> None:
        self.database = database
        self.core = core
        self.clock = clock
        self.machine = machine

    # ── a resident was heard ──

    def take_turn(
        self,
        claim: Claim,
        heard: Heard,
        parses: Mapping[int, tuple[Mapping[str, Any] | None, str]] | None = None,
    ) -> None:
        """Answer one burst. `parses` (inbox id → parse as JSON, hash of the model) is kept on the rows.

        Raises ClaimLost, with nothing written, when the lease ended and another worker has the conversation.
        """

        def turn(conn: Connection, also: frozenset[int]) -> None:
            work = self._begin(conn, claim.community_id, claim.conversation_id, claim.resident_id, also)
            _check_held(work, claim)
            work.inbox_id = claim.rows[-1].id
            state = work.step(heard)
            for row in claim.rows:
                if named := tapped(row.message.tap):
                    outbox.arrived(conn, claim.community_id, claim.conversation_id, named[0], work.now)
            store.finish(conn, claim, self.core.encode(state), work.machine_now, parses=parses)
            crash_point("turn.saved")

        self._locking(claim.community_id, turn)
        crash_point("turn.committed")

    def park(self, claim: Claim, why: str) -> None:
        """Give up on a burst that failed three times: the resident is told, staff get it, later messages go on.

        Where even that fails, the rows are parked all the same and staff get a phone task.
        """

        def hand_over(conn: Connection, also: frozenset[int]) -> None:
            work = self._begin(conn, claim.community_id, claim.conversation_id, claim.resident_id, also)
            talk = _check_held(work, claim)
            work.speaker = store.speaker(conn, claim.community_id, talk, work.asker.today)
            try:
                language: str = self.core.decode(talk.state).language
            except (ValueError, KeyError, TypeError):
                language = "zh"  # the state itself may be what cannot be read
            words = " ".join(r.message.text for r in claim.rows).strip()
            draft = TicketDraft(
                "enquiry",
                "handoff",
                words,
                priority=Priority.HIGH,
                contact=work.speaker.phone,
                contact_name=work.speaker.name,
            )
            told = self.core.words("utter_parked", {"duty_phone": work.community.duty_phone}, language)
            work.apply(
                (
                    OpenTicket(draft, (Say(told, key="utter_parked", priority=Priority.HIGH),)),
                    Tell("steward", "utter_staff_handoff", {"text": words}, priority=Priority.HIGH),
                )
            )
            store.finish(conn, claim, talk.state, work.machine_now, status="parked")

        def at_least(conn: Connection) -> None:
            casebook.phone_task(
                conn,
                claim.community_id,
                " ".join(r.message.text for r in claim.rows),
                f"parked: {why}"[:500],
                self.clock.now(),
                conversation_id=claim.conversation_id,
            )
            store.finish(conn, claim, claim.state, self.machine.now(), status="parked")

        try:
            self._locking(claim.community_id, hand_over)
        except ClaimLost:
            raise
        except Exception:
            self.database.write(claim.community_id, at_least)

    def calm(self, community_id: int, conversation_id: int) -> None:
        """Tell whoever floods the desk that all of it is kept: once a window, not for every message."""

        def say(conn: Connection) -> None:
            now = self.clock.now()
            if outbox.said_since(conn, community_id, conversation_id, _FLOOD, now - self.core.policy.flood_window):
                return
            talk = store.lock_talk(conn, community_id, conversation_id)
            community = store.community(conn, community_id)
            if self.core.policy.shadows(community.code, talk.address.channel, talk.address.account):
                return
            language = self.core.decode(talk.state).language
            words = self.core.words(_FLOOD, {"duty_phone": community.duty_phone}, language)
            letter = outbox.row(
                community_id, talk.address, Say(words, key=_FLOOD), desk_now=now, machine_now=self.machine.now()
            )
            outbox.put(conn, [letter])

        self.database.write(community_id, say)

    # ── a ticket was moved ──

    def act_on_ticket(
        self,
        community_id: int,
        staff_id: int,
        number: str,
        action: str,
        note: str = "",
        change: Change | None = None,
    ) -> TicketView:
        """A member of staff takes an action. Returns the ticket as it then stands.

        Raises what `move` raises (its sentence is for staff; a second identical act is refused by the table),
        NotFound, and Refused for a kind of ticket the role does not see. Nothing is changed then.
        """

        def act(conn: Connection, also: frozenset[int]) -> TicketView:
            return self._act(conn, also, community_id, staff_id, number, action, note, change or Change())

        return self._locking(community_id, act)

    def _act(
        self, conn: Connection, also: frozenset[int], community_id: int, staff_id: int, number: str, action: str, note: str,
        change: Change,
    ) -> TicketView:  # fmt: skip
        found = conn.execute(_BY_NUMBER, {"community_id": community_id, "number": number}).one_or_none()
        if found is None:
            raise NotFound(f"there is no ticket {number} here")
        actor = _colleague(conn, community_id, staff_id)
        access.demand_kind(actor.role, found.kind)
        work = self._begin_ticket(conn, community_id, found, also)
        case = work.cases[found.id]
        before = case.view
        if change.version is not None and change.version != casebook.version(conn, community_id, found.id):
            raise IllegalMove(f"{number} has changed since this page was shown", "status")
        stated = replace(
            before,
            appointment=change.appointment or before.appointment,
            resume_at=change.resume_at or before.resume_at,
        )
        after, _ = self.core.move(stated, action, actor.role, work.now, note, actor.name)
        if action == "assign" and change.assignee_id is None:
            raise IllegalMove(f"{number}: 'assign' needs the name of a colleague", "person")
        assignee_id = case.assignee_id
        if change.assignee_id is not None:
            assignee = rota.colleague(conn, community_id, change.assignee_id)
            if assignee is None:
                raise NotFound("whoever was named is not an active member of staff of this community")
            if not access.sees(assignee.role, before.kind):
                raise IllegalMove(f"{number}: whoever was named does not work on this kind of ticket", "person")
            assignee_id, after = assignee.id, replace(after, assignee=assignee.name)
        elif not after.assignee:
            assignee_id = None
        elif after.assignee == actor.name and after.assignee != before.assignee:
            assignee_id = actor.id
        if change.photos:
            casebook.add_photos(conn, community_id, found.id, change.photos, work.now, actor.role)
            after = replace(after, photos=after.photos + len(change.photos))
        work.write(case, after, assignee_id)
        work.note(before, after, action, actor.role, actor.name, actor.id, note)
        crash_point("act.moved")
        work.talk = self._talk_of(conn, work, found)
        state = work.step(TicketMoved(after, action, actor.role, actor.name, note))
        if work.talk is not None:
            store.save_state(conn, community_id, work.talk.id, self.core.encode(state))
        crash_point("act.saved")
        self._redraw(conn, community_id, after, actor)
        return work.cases[found.id].view

    def _redraw(self, conn: Connection, community_id: int, ticket: TicketView, actor: Colleague) -> None:
        """Cards about this ticket in colleagues' chats show buttons that mean something else now: they are changed soon after."""
        if cards.are_out(conn, community_id, ticket.id):
            words = self.core.words(f"utter_status_{ticket.status}", {}, actor.language)
            data = {"text": f"{actor.name}：{words}"}
            dues.remind(conn, community_id, (cards.SUBJECT, ticket.id), "redraw", 1, self.clock.now(), data)

    def add_note(self, community_id: int, staff_id: int, number: str, words: str, once: str) -> None:
        """An internal line on the ticket: staff alone read it. Raises NotFound, Refused."""

        def add(conn: Connection) -> None:
            found = conn.execute(_BY_NUMBER, {"community_id": community_id, "number": number}).one_or_none()
            if found is None:
                raise NotFound(f"there is no ticket {number} here")
            actor = _colleague(conn, community_id, staff_id)
            access.demand_kind(actor.role, found.kind)
            if receipts.take(conn, community_id, once, self.clock.now()) is not None:
                return
            case = casebook.lock(conn, community_id, found.id)
            assert case is not None
            casebook.note(
                conn, community_id, case.view, case.view, "internal_note", self.clock.now(),
                by_role=actor.role, by_id=actor.id, by_name=actor.name, words=words,
            )  # fmt: skip

        self.database.write(community_id, add)

    def acknowledge(self, community_id: int, staff_id: int, number: str) -> int:
        """A member of staff takes note of the escalations of a ticket. Returns how many were open. Raises NotFound, Refused."""

        def take_note(conn: Connection) -> int:
            found = conn.execute(_BY_NUMBER, {"community_id": community_id, "number": number}).one_or_none()
            if found is None:
                raise NotFound(f"there is no ticket {number} here")
            actor = _colleague(conn, community_id, staff_id)
            access.demand(actor.role, "acknowledge")
            access.demand_kind(actor.role, found.kind)
            case = casebook.lock(conn, community_id, found.id)
            assert case is not None
            count = escalations.acknowledge(conn, community_id, found.id, staff_id, self.clock.now())
            if count:
                casebook.note(
                    conn, community_id, case.view, case.view, "acknowledge", self.clock.now(),
                    by_role=actor.role, by_id=actor.id, by_name=actor.name, words="",
                )  # fmt: skip
            return count

        return self.database.write(community_id, take_note)

    # ── staff file for a caller, and speak in a conversation ──

    def file_ticket(
        self,
        community_id: int,
        staff_id: int,
        draft: TicketDraft,
        source: Literal["counter", "phone"],
        once: str,
        resident_id: int | None = None,
    ) -> str:
        """File a ticket for somebody who stands at the counter or rings. Returns its number.

        News goes to the requester: into the latest conversation of `resident_id`, else as a phone task. `once` names
        this showing of the form; sent twice it files one ticket. Raises NotFound, Refused.
        """

        def file(conn: Connection, also: frozenset[int]) -> str:
            actor = _colleague(conn, community_id, staff_id)
            access.demand(actor.role, "file")
            first = receipts.take(conn, community_id, once, self.clock.now())
            if first is not None:
                return first
            conversation_id = conn.scalar(
                _LATEST_TALK, {"community_id": community_id, "resident_id": resident_id}
            )
            work = self._begin(conn, community_id, conversation_id, resident_id, also)
            work.actor = actor
            state = work.step(TicketFiled(draft, actor.name, source))
            if work.talk is not None:
                store.save_state(conn, community_id, work.talk.id, self.core.encode(state))
            assert work.opened is not None
            receipts.keep(conn, community_id, once, work.opened.number)
            crash_point("file.saved")
            return work.opened.number

        return self._locking(community_id, file)

    def take_over(self, community_id: int, staff_id: int, conversation_id: int) -> str:
        """A member of staff takes a conversation: the hand-over that waits, or one made for it. Returns its number.

        From then on the desk keeps quiet there and the words go to this colleague. Raises NotFound, IllegalMove, Refused.
        """

        def take(conn: Connection, also: frozenset[int]) -> str:
            actor = _colleague(conn, community_id, staff_id)
            access.demand(actor.role, "talk")
            work = self._begin_talk(conn, community_id, conversation_id, also)
            work.actor = actor
            case = _handover(work, conversation_id)
            if case is None:
                # A colleague may have made one between our reading of the tickets and the lock of the conversation.
                late = casebook.handover_of(conn, community_id, conversation_id)
                if late is not None:
                    raise LockFirst(late)
            elif case.assignee_id == actor.id and self.core.decode(_state(work)).mode == "human":
                return case.view.number
            if case is None:
                words = self.core.words("utter_part_taken_over", {}, actor.language)
                who = work.speaker
                draft = TicketDraft("enquiry", "handoff", words, contact=who.phone, contact_name=who.name)
                work.open(OpenTicket(draft, source="desk"))
                assert work.opened is not None
                case = work.cases[work.opened.id]
            after, _ = self.core.move(case.view, "accept", actor.role, work.now, "", actor.name)
            work.write(case, after, actor.id)
            work.note(case.view, after, "accept", actor.role, actor.name, actor.id)
            crash_point("take.moved")
            assert work.talk is not None
            state = work.step(TicketMoved(after, "accept", actor.role, actor.name))
            store.save_state(conn, community_id, work.talk.id, self.core.encode(state))
            crash_point("take.saved")
            return after.number

        return self._locking(community_id, take)

    def speak(
        self,
        community_id: int,
        staff_id: int,
        conversation_id: int,
        words: str,
        once: str,
        pictures: tuple[Media, ...] = (),
    ) -> None:
        """The colleague who has the conversation writes in it; in shadow mode, where the desk is silent, whoever of the desk is
        there while nobody has it. Raises NotYours, NotFound, Refused; nothing is sent then."""

        def say(conn: Connection, also: frozenset[int]) -> None:
            actor = _colleague(conn, community_id, staff_id)
            access.demand(actor.role, "talk")
            if receipts.take(conn, community_id, once, self.clock.now()) is not None:
                return
            work = self._begin_talk(conn, community_id, conversation_id, also)
            case = _handover(work, conversation_id)
            with_a_person = case is not None and self.core.decode(_state(work)).mode == "human"
            mine = with_a_person and case is not None and case.assignee_id == staff_id
            if not mine and (with_a_person or not work.shadowed):
                raise NotYours("take the conversation over first, then write")
            state = work.step(StaffSaid(actor.name, words, pictures))
            store.save_state(conn, community_id, conversation_id, self.core.encode(state))
            crash_point("say.saved")

        self._locking(community_id, say)

    # ── shadow mode ──

    def judge(
        self, community_id: int, staff_id: int, conversation_id: int, suggestion_id: int, how: Literal["sent", "agreed", "refused"],
        *, should_be: str = "", words: str = "", fields: Mapping[str, str] | None = None,
    ) -> bool:  # fmt: skip
        """A colleague decides about what the desk would have answered: sent as shown (with `words` in theirs, with `fields` of
        the ticket put right), right but dealt with in another way, or wrong, and what it should have been.

        False: the desk would answer something else by now, which is shown instead; nothing is sent then. Raises Overtaken,
        NotFound, Refused, ValueError for an intent there is none of; IllegalMove when it was decided before.
        """

        def decide(conn: Connection, also: frozenset[int]) -> bool:
            actor = _colleague(conn, community_id, staff_id)
            access.demand(actor.role, "talk")
            work = self._begin_talk(conn, community_id, conversation_id, also)
            found = suggestions.one(conn, community_id, conversation_id, suggestion_id)
            if found is None:
                raise NotFound("there is no such suggestion here")
            if found.judged:
                raise IllegalMove("somebody has decided about this already", "status")
            if how == "sent":
                if not (found.heard or found.said):  # erased since
                    raise NotFound("there is nothing left of that suggestion")
                if not found.words_alone and suggestions.overtaken(conn, community_id, conversation_id, suggestion_id):
                    raise Overtaken("the conversation has gone on since")
                state = work.carry_out(found, actor, words, fields or {})
                if state is None:
                    return False
                crash_point("judge.sent")
                store.save_state(conn, community_id, conversation_id, self.core.encode(state))
            elif how == "refused" and found.intent:
                if should_be not in self.core.intents:
                    raise ValueError(f"'{should_be}' is no intent")
                language: Literal["zh", "en"] = "en" if found.language == "en" else "zh"
                heard = codec.heard_from_json(found.heard) if found.heard else Heard()
                if misread := shadow.correction(heard, language, found.intent, found.confidence, should_be):
                    misreadings.keep(conn, community_id, misread, work.now)
            ended: shadow.Judgement = "edited" if how == "sent" and (words or fields) else how
            suggestions.judge(
                conn, community_id, conversation_id, suggestion_id, ended, should_be if how == "refused" else "", staff_id, work.now
            )
            crash_point("judge.saved")
            return True

        return self._locking(community_id, decide)

    def plan_reports(self) -> None:
        """See to it that every community in shadow mode has its next report."""

        def plan(conn: Connection) -> None:
            for (community_id,) in conn.execute(select(_COMMUNITY.c.id)).all():
                community = store.community(conn, community_id)
                waits = dues.waits(conn, community_id, (suggestions.SUBJECT, community_id), suggestions.REPORT)
                if not waits and suggestions.listens_here(self.core.policy, community.code):
                    self._plan_report(conn, community)

        self.database.write(EVERY, plan)  # each community has its own week

    def _plan_report(self, conn: Connection, community: Community) -> None:
        at = suggestions.next_report(self.core.policy, self.clock.now(), community)
        dues.remind(conn, community.id, (suggestions.SUBJECT, community.id), suggestions.REPORT, 1, at, {})

    def _fire_report(self, due: DueRow) -> bool:
        """Tell the supervisors how often staff agreed in the seven days before. One last time when it has been switched off."""

        def tell(conn: Connection, also: frozenset[int]) -> bool:
            if not dues.settle(conn, due, "done"):
                return False
            work = self._begin(conn, due.community_id, None, None, also)
            today = due.at.astimezone(work.community.zone).date()
            found = suggestions.report(conn, work.community, today - timedelta(days=7))
            if found.lines:
                total = found.total
                values = {
                    "since": f"{found.since:%m-%d}", "until": f"{found.until - timedelta(days=1):%m-%d}", "read": total.heard,
                    "judged": total.judged, "right": suggestions.share(total.right, total.judged), "sent": total.sent,
                    "edited": total.edited, "agreed": total.agreed, "refused": total.refused,
                    "missed": suggestions.share(found.missed, found.emergencies), "false": found.false,
                }  # fmt: skip
                work.apply((Tell("supervisor", "utter_staff_shadow_report", values),))
            if suggestions.listens_here(self.core.policy, work.community.code):
                self._plan_report(conn, work.community)
            return True

        return self._locking(due.community_id, tell)

    # ── who belongs where ──

    def invite_into(
        self, community_id: int, staff_id: int | None, home: int | NewHousehold, role: str, *, name: str = "",
        until: date | None = None, resident_id: int | None = None, printed: bool = False, once: str = "",
    ) -> str:  # fmt: skip
        """A code that makes whoever redeems it a member of the household, as it is shown. `printed`: a sheet lasts longer.

        `staff_id` None is the operator at the command line. `once` names the showing of a form. Raises Refused, NotFound,
        ShownOnce, DayOver, ValueError for a role nobody can have.
        """
        _check_role(role)

        def make(conn: Connection) -> str:
            _demand(conn, community_id, staff_id, "bind")
            policy, now = self.core.policy, self.clock.now()
            _check_until(until, now, store.community(conn, community_id).zone)
            _first_time(conn, community_id, once, now)
            found = identity.household_of(conn, community_id, home)
            if found is None:
                raise NotFound("there is no such household here")
            lasts = policy.printed_invite_valid if printed else policy.invite_valid
            return identity.make_invite(
                conn, community_id, now=now, expires_at=now + lasts, household_id=found[0], role=role,
                resident_id=resident_id, name=name, until=until, by_staff=staff_id,
            )  # fmt: skip

        return invitecode.written(self.database.write(community_id, make))

    def invite_colleague(self, community_id: int, staff_id: int | None, colleague_id: int, once: str = "") -> str:
        """A code that makes a conversation a colleague's, as it is shown. Raises Refused, NotFound, ShownOnce."""

        def make(conn: Connection) -> str:
            if colleague_id != staff_id:  # one's own other device needs no leave
                _demand(conn, community_id, staff_id, "appoint")
            _colleague(conn, community_id, colleague_id)
            now = self.clock.now()
            _first_time(conn, community_id, once, now)
            return identity.make_invite(
                conn, community_id, now=now, expires_at=now + self.core.policy.staff_invite_valid, staff_id=colleague_id,
                by_staff=staff_id,
            )  # fmt: skip

        return invitecode.written(self.database.write(community_id, make))

    def withdraw_invite(self, community_id: int, staff_id: int, invite_id: int) -> None:
        """A code that went astray opens nothing any more. Raises Refused, and NotFound when it was used or withdrawn."""

        def withdraw(conn: Connection) -> None:
            _demand(conn, community_id, staff_id, "bind")
            if not identity.withdraw(conn, community_id, invite_id, self.clock.now(), staff_id):
                raise NotFound("that invite has been used or withdrawn, or there is none")

        self.database.write(community_id, withdraw)

    def recognise(
        self, community_id: int, staff_id: int, number: str, home: int | NewHousehold, role: str, until: date | None = None
    ) -> None:
        """The papers of an application are right: its conversation belongs to this household from now on, and the application is
        answered. A second press is refused by the transition table. Raises Refused, NotFound, IllegalMove, ValueError."""
        _check_role(role)

        def decide(conn: Connection, also: frozenset[int]) -> None:
            found = conn.execute(_BY_NUMBER, {"community_id": community_id, "number": number}).one_or_none()
            actor = _colleague(conn, community_id, staff_id)
            access.demand(actor.role, "bind")
            if found is None or found.conversation_id is None:
                raise NotFound(f"there is no application {number} here")
            _check_until(until, self.clock.now(), store.community(conn, community_id).zone)
            place = identity.household_of(conn, community_id, home)
            if place is None:
                raise NotFound("there is no such household here")
            household_id, room = place
            work = self._begin_ticket(conn, community_id, found, also)
            work.actor = actor
            case = work.cases[found.id]
            if (case.view.kind, case.view.category) != ("enquiry", "binding"):
                raise NotFound(f"{number} is no application to be linked")
            said, now, today = case.view, work.now, work.asker.today
            after = said
            for action in ("accept", "answer"):
                if action == "accept" and after.status != "open":
                    continue
                moved, _ = self.core.move(after, action, actor.role, now, room.label, actor.name)
                work.write(work.cases[found.id], moved, actor.id)
                work.note(after, moved, action, actor.role, actor.name, actor.id)
                after = moved
            crash_point("recognise.moved")
            work.talk = self._talk_of(conn, work, found)
            assert work.talk is not None
            language = self.core.decode(_state(work)).language
            resident_id = work.talk.resident_id or identity.new_resident(
                conn, community_id, case.contact_name, said.contact, language
            )
            identity.join(conn, community_id, household_id, resident_id, role, today, until, "staff")
            identity.bind(conn, community_id, work.talk.id, resident_id, household_id, "staff", now, staff_id)
            work.talk = self._talk_of(conn, work, found)  # as it is now: whose it is has changed
            assert work.talk is not None
            work.subject = None
            state = work.step(Recognised(room, role, actor.name))
            store.save_state(conn, community_id, work.talk.id, self.core.encode(state))
            crash_point("recognise.saved")

        self._locking(community_id, decide)

    def end_membership(self, community_id: int, staff_id: int, membership_id: int) -> None:
        """Somebody has moved out: at once, in every conversation of theirs. Raises Refused, NotFound."""

        def end(conn: Connection) -> None:
            _demand(conn, community_id, staff_id, "bind")
            if not identity.revoke(conn, community_id, membership_id, self.clock.now(), by_staff=staff_id):
                raise NotFound("that membership has ended already, or there is none")

        self.database.write(community_id, end)

    def forget(self, community_id: int, conversation_id: int) -> None:
        """Erase the identity of a conversation at somebody's written request, as the resident can in the chat; its last words are
        those of the chat. Only the operator at the command line does this. Raises NotFound, also when it was erased before."""

        def erase(conn: Connection, also: frozenset[int]) -> None:
            work = self._begin_talk(conn, community_id, conversation_id, also)
            assert work.talk is not None
            if work.talk.address.address.startswith(privacy.ERASED):
                raise NotFound(f"conversation {conversation_id} has been erased before")
            before = self.core.decode(_state(work))
            words = self.core.words("utter_forgotten", {}, before.language)
            work.apply((Forget(Say(words, key="utter_forgotten")),))
            store.silence(conn, community_id, conversation_id)
            after = State(language=before.language, noticed=before.noticed)
            store.save_state(conn, community_id, conversation_id, self.core.encode(after))

        self._locking(community_id, erase)

    # ── what is too old ──

    def plan_purge(self) -> None:
        """See to it that every community has its next nightly purge."""

        def plan(conn: Connection) -> None:
            now = self.clock.now()
            for row in conn.execute(select(_COMMUNITY.c.id, _COMMUNITY.c.zone)).all():
                if not dues.waits(conn, row.id, (privacy.SUBJECT, row.id), privacy.PURGE):
                    dues.remind(conn, row.id, (privacy.SUBJECT, row.id), privacy.PURGE, 1, _next_night(now, row.zone), {})

        self.database.write(EVERY, plan)  # each community has its own night

    def purge(self, due: DueRow) -> bool:
        """Remove what policy no longer keeps, and plan the next night. False: the claim was lost, and nothing was removed."""

        def clean(conn: Connection) -> bool:
            if not dues.settle(conn, due, "done"):
                return False
            policy, now = self.core.policy, self.clock.now()
            privacy.purge(conn, due.community_id, policy.keep, policy.keep_misread, now, self.machine.now())
            crash_point("purge.done")
            zone = store.community(conn, due.community_id).zone.key
            dues.remind(
                conn, due.community_id, (privacy.SUBJECT, due.subject_id), privacy.PURGE, 1, _next_night(now, zone), {}
            )
            return True

        return self.database.write(due.community_id, clean)

    def purge_now(self, community_id: int) -> dict[str, int]:
        """What the nightly purge would remove, removed at once: how many rows of each kind. Files are the caller's matter."""

        def clean(conn: Connection) -> dict[str, int]:
            policy, now = self.core.policy, self.clock.now()
            return privacy.purge(conn, community_id, policy.keep, policy.keep_misread, now, self.machine.now())

        return self.database.write(community_id, clean)

    # ── the day's figures for a group of colleagues ──

    def plan_digest(self, community_id: int, channel: str, account: str, at: time) -> None:
        """See to it that this group is told the next digest at that hour of the community's clock."""

        def plan(conn: Connection) -> None:
            data = {"channel": channel, "account": account, "at": at.isoformat("minutes")}
            # One that waits may be late because nobody ran: it is not put off to the next day.
            if not dues.waits(conn, community_id, (digest.SUBJECT, community_id), digest.kind(data)):
                self._next_digest(conn, community_id, data, store.community(conn, community_id).zone.key)

        self.database.write(community_id, plan)

    def tell_digest(self, due: DueRow) -> bool:
        """Write the digest of the day on which it was due for the group, and plan the next. False: the claim was lost."""

        def tell(conn: Connection) -> bool:
            if not dues.settle(conn, due, "done"):
                return False
            community, now = store.community(conn, due.community_id), self.clock.now()
            words = "\n".join(digest.lines(digest.read(conn, community, due.at.astimezone(community.zone).date(), now)))
            group = outbox.Address(due.data["channel"], due.data["account"], due.data["account"])
            say = Say(words, key="digest")
            outbox.put(conn, [outbox.row(community.id, group, say, desk_now=now, machine_now=self.machine.now())])
            crash_point("digest.told")
            self._next_digest(conn, community.id, due.data, community.zone.key)
            return True

        return self.database.write(due.community_id, tell)

    def _next_digest(self, conn: Connection, community_id: int, data: Mapping[str, str], zone: str) -> None:
        at = _next_at(self.clock.now(), zone, time.fromisoformat(data["at"]))
        dues.remind(conn, community_id, (digest.SUBJECT, community_id), digest.kind(data), 1, at, dict(data))

    # ── a timer fired ──

    def fire_due(self, due: DueRow) -> bool:
        """Fire a claimed due row. False: it was cancelled meanwhile, or the claim was lost; nothing is done then."""
        if due.subject_type == STAFF_TALK:
            return self._fire_step(due)
        if due.subject_type == suggestions.SUBJECT:
            return self._fire_report(due)

        def fire(conn: Connection, also: frozenset[int]) -> bool:
            work: Work
            if due.subject_type == "ticket":
                found = conn.execute(
                    _BY_ID, {"community_id": due.community_id, "id": due.subject_id}
                ).one_or_none()
                if found is None:
                    return dues.settle(conn, due, "done", "its ticket is gone")
                work = self._begin_ticket(conn, due.community_id, found, also)
                work.talk = self._talk_of(conn, work, found)
            elif due.subject_type != "conversation":
                raise ValueError(f"a due row about a {due.subject_type} is no turn")
            else:
                resident_id = store.resident_of(conn, due.community_id, due.subject_id)
                work = self._begin(conn, due.community_id, due.subject_id, resident_id, also)
            if not dues.settle(conn, due, "done"):
                return False
            crash_point("due.marked")
            ticket = work.subject.view if work.subject else None
            state = work.step(TimerFired(due.kind, due.round, ticket, due.data))
            if work.talk is not None:
                store.save_state(conn, due.community_id, work.talk.id, self.core.encode(state))
            crash_point("due.saved")
            return True

        return self._locking(due.community_id, fire)

    def _fire_step(self, due: DueRow) -> bool:
        """A step that a colleague took in a chat: taken, or refused with a sentence. Nothing of a refused step is written."""
        number, action = str(due.data["number"]), str(due.data["action"])

        def take(conn: Connection, also: frozenset[int]) -> bool:
            if not dues.settle(conn, due, "done"):
                return False
            talk = store.talk_of(conn, due.community_id, due.subject_id)
            if talk.staff_id is None:
                return True  # unbound since
            after = self._act(conn, also, due.community_id, talk.staff_id, number, action, "", Change())
            self._answer_colleague(conn, due, talk, "utter_staff_step", number, after)
            return True

        def refuse(conn: Connection) -> bool:
            if not dues.settle(conn, due, "done", "refused"):
                return False
            talk = store.talk_of(conn, due.community_id, due.subject_id)
            self._answer_colleague(conn, due, talk, "utter_staff_step_refused", number, None)
            return True

        try:
            return self._locking(due.community_id, take)
        except (IllegalMove, NotFound, access.Refused):
            return self.database.write(due.community_id, refuse)

    def _answer_colleague(
        self, conn: Connection, due: DueRow, talk: Talk, key: str, number: str, after: TicketView | None
    ) -> None:
        colleague = rota.colleague(conn, due.community_id, talk.staff_id) if talk.staff_id is not None else None
        if colleague is None:
            return
        status = self.core.words(f"utter_status_{after.status}", {}, colleague.language) if after else ""
        words = self.core.words(key, {"number": number, "status": status}, colleague.language)
        buttons = () if after is None else tuple(
            Button(self.core.words(f"utter_act_{step}", {}, colleague.language), f"act:{number}:{step}")
            for step in tickets.steps(after.kind, after.status, colleague.role)
        )
        letter = outbox.row(
            due.community_id, talk.address, Say(words, buttons, key=key), desk_now=self.clock.now(),
            machine_now=self.machine.now(), ticket_id=after.id if after else None,
        )  # fmt: skip
        outbox.put(conn, [letter])

    def claim_due(
        self, until: datetime, token: str, lease: timedelta, besides: tuple[str, ...] = ()
    ) -> DueRow | None:
        """The earliest due row at this desk-clock instant, claimed; none about a subject of the types in `besides`."""
        # Whose row is next is what the claim finds out.
        return self.database.write(EVERY, lambda c: dues.claim(c, until, token, self.machine.now(), lease, besides))

    def give_up_due(self, due: DueRow, why: str) -> None:
        """After a failure: again a little later; after the third one parked, with a phone task for staff."""

        def give_up(conn: Connection) -> None:
            if due.attempts < dues.MAX_ATTEMPTS:
                again = self.machine.now() + timedelta(seconds=2.0**due.attempts)
                dues.release(conn, due, again, why[:2000])
            elif dues.settle(conn, due, "parked", why[:2000]):
                casebook.phone_task(
                    conn,
                    due.community_id,
                    f"{due.kind} ({due.round})",
                    "a due row could not be fired",
                    self.clock.now(),
                    ticket_id=due.subject_id if due.subject_type == "ticket" else None,
                    conversation_id=due.subject_id if due.subject_type == "conversation" else None,
                )

        self.database.write(due.community_id, give_up)

    def advance(
        self, until: datetime, token: str = "advance", after_each: Callable[[DueRow], None] | None = None
    ) -> int:
        """Move the desk clock to `until`. Every due row fires at its own instant, in order, those created on the way
        included. Returns how many fired. Demonstrations, tests and simulations alone do this."""
        fired = 0
        lease = timedelta(minutes=1)
        # A photo is fetched by the workers, which can wait for a platform; what is purged is removed by them too.
        while (due := self.claim_due(until, token, lease, BESIDES_TURNS)) is not None:
            self._move_clock(max(due.at, self.clock.now()))
            try:
                fired += self.fire_due(due)
            except Exception as error:
                self.give_up_due(due, repr(error))
                continue
            if after_each is not None:
                after_each(due)
        self._move_clock(max(until, self.clock.now()))
        return fired

    # ── beneath ──

    def _move_clock(self, instant: datetime) -> None:
        self.database.write(EVERY, lambda conn: self.clock.move_to(conn, instant))()  # of the deployment

    def _locking(self, community_id: int, use_case: _UseCase[T]) -> T:
        also: frozenset[int] = frozenset()
        for _ in range(LOCK_ROUNDS):
            try:
                return self.database.write(community_id, partial(use_case, also=also))
            except LockFirst as missing:
                if missing.ticket_id in also:
                    raise NotFound(f"there is no ticket with id {missing.ticket_id} here") from None
                also |= {missing.ticket_id}
        raise RuntimeError("a turn names more and more tickets that it did not see before")

    def _begin(
        self,
        conn: Connection,
        community_id: int,
        conversation_id: int | None,
        resident_id: int | None,
        also: frozenset[int],
        *,
        locked_talk: bool = True,
    ) -> Work:
        community = store.community(conn, community_id)
        now = self.clock.now()
        today = now.astimezone(community.zone).date()
        asker = Asker(community_id, conversation_id, resident_id, today)
        cases = {c.view.id: c for c in casebook.lock_open(conn, asker, also)}
        crash_point("turn.tickets")
        talk = None
        if locked_talk and conversation_id is not None:
            talk = store.lock_talk(conn, community_id, conversation_id)
            crash_point("turn.locked")
        return Work(conn, self.core, community, now, self.machine.now(), cases, talk, asker)

    def _begin_ticket(self, conn: Connection, community_id: int, found: Any, also: frozenset[int]) -> Work:
        """Lock the ticket with the other open ones of its conversation, in one order; the conversation comes later."""
        resident_id = (
            store.resident_of(conn, community_id, found.conversation_id)
            if found.conversation_id is not None
            else None
        )
        work = self._begin(
            conn, community_id, found.conversation_id, resident_id, also | {found.id}, locked_talk=False
        )
        work.subject = work.cases[found.id]
        return work

    def _begin_talk(self, conn: Connection, community_id: int, conversation_id: int, also: frozenset[int]) -> Work:
        """Lock the conversation with its open tickets. Raises NotFound when it is not of this community."""
        if not store.holds_talk(conn, community_id, conversation_id):
            raise NotFound("there is no such conversation here")
        resident_id = store.resident_of(conn, community_id, conversation_id)
        work = self._begin(conn, community_id, conversation_id, resident_id, also)
        assert work.talk is not None
        work.speaker = store.speaker(conn, community_id, work.talk, work.asker.today)
        return work

    def _talk_of(self, conn: Connection, work: Work, found: Any) -> Talk | None:
        if found.conversation_id is None:
            return None
        return store.lock_talk(conn, work.community.id, found.conversation_id)


def _next_night(now: datetime, zone: str) -> datetime:
    """The next three o'clock of the community's night."""
    return _next_at(now, zone, time(3))


def _next_at(now: datetime, zone: str, at: time) -> datetime:
    """The next time it is `at` there, after now."""
    local = now.astimezone(ZoneInfo(zone))
    then = datetime.combine(local.date(), at, local.tzinfo)
    return (then if then > local else then + timedelta(days=1)).astimezone(UTC)


def _colleague(conn: Connection, community_id: int, staff_id: int) -> Colleague:
    actor = rota.colleague(conn, community_id, staff_id)
    if actor is None:
        raise NotFound("you are not an active member of staff of this community")
    return actor


def _demand(conn: Connection, community_id: int, staff_id: int | None, capability: access.Capability) -> None:
    """Raises Refused, NotFound. Nobody (None) is the operator at the command line, who has the database itself."""
    if staff_id is not None:
        access.demand(_colleague(conn, community_id, staff_id).role, capability)


def _first_time(conn: Connection, community_id: int, once: str, now: datetime) -> None:
    if once and receipts.take(conn, community_id, once, now) is not None:
        raise ShownOnce("the code of this form was made and shown before")


def _check_until(until: date | None, now: datetime, zone: ZoneInfo) -> None:
    if until is not None and until < now.astimezone(zone).date():
        raise DayOver(f"{until} is over already; give a day to come")


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise ValueError(f"'{role}' is no role in a household; known: {', '.join(ROLES)}")


def _handover(work: Work, conversation_id: int) -> Case | None:
    """The open hand-over of this conversation: waiting, or in a colleague's hands."""
    return next(
        (
            c
            for c in work.cases.values()
            if c.view.kind == "enquiry"
            and c.view.category == "handoff"
            and c.view.conversation_id == conversation_id
            and c.view.status in ("open", "owned")
        ),
        None,
    )


def _state(work: Work) -> Mapping[str, Any]:
    return work.talk.state if work.talk else {}


def _check_held(work: Work, claim: Claim) -> Talk:
    talk = work.talk
    if talk is None or talk.claimed_by != claim.token:
        raise ClaimLost(f"conversation {claim.conversation_id} is no longer held by {claim.token}")
    return talk
