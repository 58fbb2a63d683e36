"""The proof that the canary can die: one guard after the other is taken away, and each time it is noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import and_, bindparam, or_, select, true

from bot import boards, casebook, identity, photos, privacy, work
from bot.core import access, dialogue, masking
from bot.core.flows import household
from bot.core.types import Heard
from bot.database import Database
from bot.web import views
from tests.canary.driver import EVENTS, Canary
from tests.canary.oracle import Leak
from tests.web.site import running


@dataclass(frozen=True)
class Mutant:
    """A guard that is taken away. `most`: the events that lead there, made more frequent."""

    name: str
    harm: Callable[[pytest.MonkeyPatch], None]
    most: tuple[Callable[[Canary], Any], ...] = ()


def _no_end_of_memberships(patch: pytest.MonkeyPatch) -> None:
    """Who has moved out still belongs."""
    lasting = and_(true(), bindparam("today", type_=identity.MEMBERSHIP.c.since.type).is_not(None))
    m = identity.MEMBERSHIP
    patch.setattr(
        identity, "_BINDINGS",
        select(m.c.id, m.c.household_id, m.c.role, m.c.until, *identity._ROOM_COLUMNS).select_from(identity._HOMES)
        .where(m.c.community_id == bindparam("community_id"), m.c.resident_id == bindparam("resident_id"), lasting),
    )  # fmt: skip
    households = select(m.c.household_id).where(
        m.c.community_id == bindparam("community_id"), m.c.resident_id == bindparam("resident_id"), lasting
    )
    own = or_(casebook.TICKET.c.household_id.is_(None) & (casebook.TICKET.c.conversation_id == bindparam("conversation_id")),
              casebook.TICKET.c.household_id.in_(households))  # fmt: skip
    patch.setattr(casebook, "_RECENT", casebook._SEEN.where(own).order_by(casebook.TICKET.c.id.desc()).limit(5))
    open_ids = select(casebook.TICKET.c.id).where(casebook._COMMUNITY, casebook.TICKET.c.open, own)
    patch.setattr(
        casebook, "_LOCK_OPEN",
        casebook._SEEN.where(or_(casebook.TICKET.c.id.in_(open_ids), casebook.TICKET.c.id.in_(bindparam("also", expanding=True)))),
    )  # fmt: skip


def _a_number_opens_any_ticket(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(casebook, "_OWN_NUMBER", casebook._SEEN.where(casebook.TICKET.c.number == bindparam("number")))


def _recent_tickets_are_everybodys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(casebook, "_RECENT", casebook._SEEN.order_by(casebook.TICKET.c.id.desc()).limit(5))


def _every_open_ticket_is_the_speakers(patch: pytest.MonkeyPatch) -> None:
    open_ids = select(casebook.TICKET.c.id).where(casebook._COMMUNITY, casebook.TICKET.c.open)
    patch.setattr(
        casebook, "_LOCK_OPEN",
        casebook._SEEN.where(or_(casebook.TICKET.c.id.in_(open_ids), casebook.TICKET.c.id.in_(bindparam("also", expanding=True)))),
    )  # fmt: skip
    patch.setattr(work.Work, "_is_speakers", lambda self, case: True)


def _news_reach_who_has_moved_out(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(work.Work, "_is_speakers", lambda self, case: case.view.conversation_id == (self.talk and self.talk.id))


def _every_role_sees_every_kind(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(access, "SEES", dict.fromkeys(access.SEES, frozenset(access._ALL_KINDS)))


def _everybody_may_everything(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(access, "CAN", dict.fromkeys(access.CAN, access._EVERYBODY))


def _pages_know_no_community(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(boards, "_seen", lambda reader: boards.TICKET.c.kind.in_(reader.kinds))


def _telephones_are_not_masked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(masking, "phone", lambda number: number)


def _names_are_not_masked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(masking, "name", lambda full: full)


def _words_are_everybodys(patch: pytest.MonkeyPatch) -> None:
    true_page = views.ticket_page

    def page(script: Any, dossier: boards.Dossier, *rest: Any) -> dict[str, Any]:
        said = [{"at": m.received_at, "text": m.payload["text"]} for m in dossier.words]
        return {**true_page(script, dossier, *rest), "words": said}

    patch.setattr(views, "ticket_page", page)


def _any_telephone_fits(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(identity, "_same_phone", lambda on_file, tail, whole: True)


def _members_are_those_of_all_homes(patch: pytest.MonkeyPatch) -> None:
    m, r = identity.MEMBERSHIP, identity.RESIDENT
    patch.setattr(
        identity, "_MEMBERS",
        select(m.c.id, m.c.resident_id, m.c.role, m.c.until, r.c.name).join_from(m, r, m.c.resident_id == r.c.id)
        .where(m.c.community_id == bindparam("community_id"), identity.CURRENT).limit(20),
    )  # fmt: skip


def _codes_outlast_their_maker(patch: pytest.MonkeyPatch) -> None:
    """A code for one's own device is worth something after one has moved out."""
    patch.setattr(identity, "_may_still_give", lambda conn, community_id, row, today: True)


def _members_are_shown_to_tenants(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(household, "_home", lambda talk, verb, argument, owner: next(iter(talk.facts.speaker.bindings), None))


def _the_copy_is_of_everybody(patch: pytest.MonkeyPatch) -> None:
    true_rows = privacy._rows

    def rows(conn: Any, name: str, columns: str, **where: Any) -> Any:
        return true_rows(conn, name, columns, **{k: v for k, v in where.items() if k != "conversation_id"})

    patch.setattr(privacy, "_rows", rows)


def _homes_are_shown_in_full(patch: pytest.MonkeyPatch) -> None:
    """Whoever may look a home up sees its telephones."""
    true_home, true_person = views.home, views.person
    patch.setattr(views, "home", lambda home, *, full: true_home(home, full=True))
    patch.setattr(views, "person", lambda one, *, full: true_person(one, full=True))


def _a_link_hands_out_what_was_asked_for_last(patch: pytest.MonkeyPatch) -> None:
    """The copy is of whoever asked for one most recently."""
    true_take = privacy.take_export

    def take(conn: Any, token: str, machine_now: Any) -> Any:
        found = true_take(conn, token, machine_now)
        whose = select(privacy.EXPORT.c.community_id, privacy.EXPORT.c.conversation_id)
        last = conn.execute(whose.order_by(privacy.EXPORT.c.id.desc()).limit(1)).one()
        return found and tuple(last)

    patch.setattr(privacy, "take_export", take)


def _photos_are_everybodys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(photos, "sent_by", lambda conn, community_id, conversation_id, kept: True)


def _staff_photos_are_everybodys(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(boards, "sees_photo", lambda conn, reader, kept, talks: True)


def _a_group_is_a_chat_like_any_other(patch: pytest.MonkeyPatch) -> None:
    true_hear = dialogue._hear

    def hear(talk: Any, heard: Heard) -> None:
        true_hear(talk, replace(heard, group=False))

    patch.setattr(dialogue, "_hear", hear)


def _what_was_said_is_logged(patch: pytest.MonkeyPatch) -> None:
    true_step = dialogue.step

    def step(script: Any, state: Any, event: Any, facts: Any) -> Any:
        structlog.get_logger().info("heard", text=getattr(event, "text", ""))
        return true_step(script, state, event, facts)

    patch.setattr(dialogue, "step", step)


def _a_neighbour_sees_who_lives_next_door(patch: pytest.MonkeyPatch) -> None:
    """Anybody may look at any household by its number."""

    def home(talk: Any, verb: str, argument: str, owner: bool) -> Any:
        mine = talk.facts.speaker.bindings[0]
        return replace(mine, household_id=int(argument)) if argument.isdigit() else mine

    patch.setattr(household, "_home", home)


MUTANTS = (
    Mutant("memberships never end", _no_end_of_memberships, (Canary.moves_out,)),
    Mutant("a number opens any ticket", _a_number_opens_any_ticket, (Canary.asks_about_anothers,)),
    Mutant("recent tickets are everybody's", _recent_tickets_are_everybodys, (Canary.status,)),
    Mutant("open tickets are everybody's", _every_open_ticket_is_the_speakers, (Canary.status,)),
    Mutant("news reach who has moved out", _news_reach_who_has_moved_out, (Canary.works, Canary.moves_out)),
    Mutant("every role sees every kind", _every_role_sees_every_kind, (Canary.looks_at_a_ticket,)),
    Mutant("everybody may everything", _everybody_may_everything, (Canary.looks_at_a_page,)),
    Mutant("pages know no community", _pages_know_no_community, (Canary.looks_at_a_ticket, Canary.looks_at_a_page)),
    Mutant("telephones are not masked", _telephones_are_not_masked, (Canary.looks_at_a_ticket,)),
    Mutant("names are not masked", _names_are_not_masked, (Canary.looks_at_a_ticket,)),
    Mutant("words are everybody's", _words_are_everybodys, (Canary.looks_at_a_ticket, Canary.asks_for_something)),
    Mutant("any telephone fits", _any_telephone_fits, (Canary.binds,)),
    Mutant("members are those of all homes", _members_are_those_of_all_homes, (Canary.presses_on,)),
    Mutant("codes outlast their maker", _codes_outlast_their_maker, (Canary.moves_out,)),
    Mutant("members are shown to tenants", _members_are_shown_to_tenants, (Canary.presses_on,)),
    Mutant("neighbours are shown", _a_neighbour_sees_who_lives_next_door, (Canary.forges,)),
    Mutant("the copy is of everybody", _the_copy_is_of_everybody, (Canary.takes_a_copy,)),
    Mutant("a link hands out another's copy", _a_link_hands_out_what_was_asked_for_last, (Canary.takes_a_copy,)),
    Mutant("homes are shown in full", _homes_are_shown_in_full, (Canary.looks_somebody_up,)),
    Mutant("photos are everybody's", _photos_are_everybodys, (Canary.reads_the_page, Canary.sends_a_photo)),
    Mutant("staff see every photo", _staff_photos_are_everybodys, (Canary.looks_at_a_photo, Canary.sends_a_photo)),
    Mutant("a group is a chat", _a_group_is_a_chat_like_any_other, (Canary.writes_in_private_to_a_group, Canary.status)),
    Mutant("what was said is logged", _what_was_said_is_logged),
)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
async def test_a_guard_taken_away_is_noticed(
    mutant: Mutant, sqlite_database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    canary = Canary(sqlite_database, tmp_path, 5)
    for event in EVENTS:
        monkeypatch.setitem(EVENTS, event, 60 if event in mutant.most else 2)
    mutant.harm(monkeypatch)
    async with running(canary.site):
        with pytest.raises(Leak, match=r"seed 5, "):
            await canary.run(400, every=4)
