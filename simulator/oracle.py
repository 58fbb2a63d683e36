"""Whether all went well, judged by what people and platforms saw, and by the rows the desk left; never by the desk's own rules.

Each rule below is a function that yields sentences. The rows are read as a clerk would read them: what was kept, what was said,
which telephone calls are owed.

1. Nothing the desk did was against a platform's rules, as its fake counts them.
2. Each message a platform was acknowledged for is in the inbox, once, in the order in which it was sent.
3. Each is answered, or there is a reason why not: the person had left, a colleague has the conversation, more came at once than
   is heard (and that was said), a connection broke so that nobody can know, or a telephone call is owed.
4. No ticket without a yes to its summary; none twice for one yes; and what a resident was told is what was filed.
5. What the desk believes it sent arrived, once, and in order.
6. In the end nothing waits to be heard, sent or fetched; what could not be sent is owed as a telephone call. Where an account may
   only reply, what it has to say is said when the resident writes next, or is owed as a call because they did not.
7. No stranger came in, and nothing strange that a platform itself may send was refused.
8. No error ended anything unseen, no send was cut short in the middle, no secret was written into the log.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from bot.core.types import RANK
from bot.database import EVERY
from bot.tables import table
from simulator.people import Deed, mark_in

if TYPE_CHECKING:
    from simulator.world import World

#: More than this of one kind says no more.
_MOST: Final = 20


def faults(world: World) -> list[str]:
    """The findings, at most twenty a rule."""
    books = Books(world)
    found: list[str] = []
    for rule in RULES:
        said = list(rule(world, books))
        found += said[:_MOST]
        if len(said) > _MOST:
            found.append(f"… and {len(said) - _MOST} more of these")
    return found


def figures(world: World) -> dict[str, int]:
    """How much of what there was."""
    books = Books(world)
    outbox = Counter(row.status for row in books.outbox if row.channel == world.platform.name)
    return {
        "messages in": len(world.deeds),
        "in the inbox": len(books.inbox),
        "of them not heard at once (flood)": sum(row.status == "muted" for row in books.inbox),
        "tickets": len(books.tickets),
        **{f"messages out, {status}": count for status, count in sorted(outbox.items())},
        "photos kept": sum(row.status == "kept" for row in books.photos),
        "telephone calls owed": len(books.calls),
        "calls of the adapter": world.platform.road.calls,
    }


class Books:
    """The rows at the end."""

    def __init__(self, world: World) -> None:
        self.inbox = self._rows(world, "inbox")
        self.outbox = self._rows(world, "outbox")
        self.tickets = self._rows(world, "ticket")
        self.calls = self._rows(world, "phone_task")
        #: Those for what was not sent; a call about what may have arrived excuses nothing here.
        self.unsent = [row for row in self.calls if not row.reason.startswith("unconfirmed")]
        self.photos = self._rows(world, "media")
        self.conversations = {row.id: row for row in self._rows(world, "conversation")}

    @staticmethod
    def _rows(world: World, name: str) -> Sequence[Any]:
        t = table(name)
        query = select(t).where(t.c.community_id == world.community_id).order_by(t.c.id)
        return world.database.read(EVERY, lambda conn: conn.execute(query).all())


# ── 1 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def against_the_rules(world: World, books: Books) -> Iterator[str]:
    for violation, count in Counter(world.platform.violations).items():
        yield f"violation, {count} times: {violation}"


# ── 2 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def _content(row: Any) -> str:
    payload: Mapping[str, Any] = row.payload
    return str(payload.get("tap") or payload.get("text") or "")


def kept(world: World, books: Books) -> Iterator[str]:
    waiting = world.platform.waiting()
    by_place: dict[str, list[Deed]] = defaultdict(list)
    for deed in world.deeds:
        by_place[deed.sent.address].append(deed)
    rows_at: dict[str, list[Any]] = defaultdict(list)
    for row in books.inbox:
        rows_at[books.conversations[row.conversation_id].address].append(row)
    for place in [*by_place, *(place for place in rows_at if place not in by_place)]:
        deeds = by_place.get(place, [])
        # Leaving is no message of theirs, and may come between any two.
        rows = [row for row in rows_at[place] if row.payload.get("event") != "left"]
        yield from (_in_order if world.platform.ordered else _in_any_order)(place, deeds, rows, waiting)


def _in_order(place: str, deeds: Sequence[Deed], rows: Sequence[Any], waiting: frozenset[int]) -> Iterator[str]:
    at = 0
    for deed in deeds:
        if at < len(rows) and _content(rows[at]) == deed.sent.content:
            replaces = str(rows[at].payload.get("replaces", ""))
            if replaces != deed.sent.corrects:
                yield f"in the inbox as a correction of {replaces!r}, not of {deed.sent.corrects!r}: {deed}"
            if rows[at].payload.get("phone"):
                yield f"in the inbox with a telephone that is not theirs: {deed}"
            at += 1
        elif deed.sent.taken is not False and deed.sent.update not in waiting:
            had = _content(rows[at])[:40] if at < len(rows) else "nothing more"
            yield f"acknowledged, but not in the inbox at its place, where there is {had!r}: {deed}"
            return
    for row in rows[at:]:
        yield f"in the inbox of {place}, but nobody sent it: {_content(row)[:40]!r}"


def _in_any_order(place: str, deeds: Sequence[Deed], rows: Sequence[Any], waiting: frozenset[int]) -> Iterator[str]:
    kept = Counter(_content(row) for row in rows)
    for deed in deeds:
        if kept[deed.sent.content]:
            kept[deed.sent.content] -= 1
        elif deed.sent.update not in waiting:
            yield f"acknowledged, but not in the inbox: {deed}"
    for content, count in kept.items():
        if count:
            yield f"in the inbox of {place}, but nobody sent it, {count} times: {content[:40]!r}"


# ── 3 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


#: What is said, once a window, to somebody who writes more than is heard at once.
_CALMED: Final = "您发得有点快"


def taken(world: World, books: Books) -> Iterator[str]:
    for deed in world.deeds:
        if deed.sent.taken is False:
            yield f"not taken by the desk until the platform gave up: {deed}"


def answered(world: World, books: Books) -> Iterator[str]:
    unheard = {(books.conversations[row.conversation_id].address, _content(row)) for row in books.inbox if row.status == "muted"}
    calls = {books.conversations[row.conversation_id].address for row in books.unsent if row.conversation_id}
    for deed in world.deeds:
        place = deed.sent.address
        if place != deed.who:  # a group: not its member's chat
            if not world.platform.seen(place) and not world.platform.road.lost.get(place):
                yield f"said in a group, and never answered there: {deed}"
            continue
        if deed.gave_up is None or deed.excuse or deed.sent.taken is False:
            continue
        if place in calls and not world.platform.may_only_reply(place):  # there an answer comes in time, or waits for the next message
            continue
        if any(deed.at <= at <= deed.gave_up for at in world.platform.road.lost.get(place, ())):
            continue
        if any(who == place and left <= deed.gave_up and deed.at <= back for who, left, back in world.absences):
            continue
        if (place, deed.sent.content) in unheard and any(_CALMED in seen.text for seen in world.platform.seen(place)):
            continue
        yield f"not answered within half an hour: {deed}"


def waited_for(world: World, books: Books) -> Iterator[str]:
    """Whoever was still waiting when it all ended, or wrote without waiting."""
    last: dict[str, Deed] = {}
    for deed in world.deeds:
        if deed.sent.address == deed.who and deed.sent.taken is not False:
            last[deed.who] = deed
    calls = {books.conversations[row.conversation_id].address for row in books.unsent if row.conversation_id}
    for who, deed in last.items():
        excused = deed.excuse or who in calls or any(at >= deed.at for at in world.platform.road.lost.get(who, ()))
        if not excused and len(world.platform.seen(who)) <= deed.before:
            yield f"the last message of {who} is not answered: {deed}"


# ── 4 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def filed(world: World, books: Books) -> Iterator[str]:
    by_mark: dict[str, list[Any]] = defaultdict(list)
    for ticket in books.tickets:
        if ticket.kind == "repair" and (mark := mark_in(ticket.description)):
            by_mark[mark].append(ticket)
    for mark, tickets in by_mark.items():
        yeses = len(world.assents.get(mark, ()))
        who = books.conversations[tickets[0].conversation_id].address
        if not yeses and not world.yeses[who]:
            yield f"a ticket without a yes: {tickets[0].number} ({mark})"
        elif len(tickets) > max(yeses, 1):
            yield f"{len(tickets)} tickets for {yeses} yes: {', '.join(t.number for t in tickets)} ({mark})"
    numbers = {ticket.number for ticket in books.tickets}
    for person in world.people:
        for message in world.platform.seen(person.who):
            for number in re.findall(r"单号(YH-[A-Z]{2}-[0-9]{8}-[0-9]{4,})", message.text):
                if number not in numbers:
                    yield f"{person.who} was told of {number}, which there is not"


# ── 5 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def delivered(world: World, books: Books) -> Iterator[str]:
    said: dict[str, list[Any]] = defaultdict(list)
    for row in books.outbox:
        if row.channel == world.platform.name:
            said[row.address].append(row)
    for who, rows in said.items():
        tried = Counter(_words(row) for row in rows)
        # Of what may have arrived nobody knows by which way.
        tried.update(_brief(row.text) for row in rows if row.status == "sent_unconfirmed" and row.error)
        sent = Counter(_words(row) for row in rows if row.status == "sent")
        arrived: Counter[str] = Counter()
        authors = {f"{row.author}:" for row in rows if row.author}
        letters = {text for text in tried if len(text.encode()) > _LETTER}
        for message in world.platform.seen(who):
            arrived.update((_brief(message.text),) if message.brief else _parts(_plain(message.text), tried, authors))
        for letter in letters:
            yield from _letter(who, letter, sent.pop(letter, 0), tried[letter], arrived)
        for text, count in sent.items():
            if arrived[text] < count:
                yield f"{count} times sent to {who}, but arrived {arrived[text]} times: {text[:50]!r}"
        for text, count in arrived.items():
            if count > tried[text]:
                yield f"arrived {count} times at {who}, but said {tried[text]} times: {text[:50]!r}"


#: Bytes that every platform takes at once, so that more may come in several messages.
_LETTER: Final = 2000


def _letter(who: str, letter: str, sent: int, tried: int, arrived: Counter[str]) -> Iterator[str]:
    """Whether a long text came whole and once; its parts are taken out of what arrived."""
    came = 0
    for text in [text for text in arrived if text and len(text) > 3 and text in letter]:
        came += len(text) * arrived.pop(text)
    if came < len(letter) * sent:
        yield f"{sent} times sent to {who}, but arrived in part: {came} of {len(letter) * sent} characters of {letter[:20]!r}"
    if came > len(letter) * tried:
        yield f"arrived at {who}: {came} characters of {letter[:20]!r}, but said {len(letter)}, {tried} times"


def _words(row: Any) -> str:
    return _brief(row.text) if row.external_id.startswith(("template:", "notice:")) else _plain(row.text)


def _brief(text: str) -> str:
    """What surely is of it in a template or notice, which holds the beginning alone."""
    return "begins: " + re.sub(r"[\s…]+", "", text)[:30]


def _parts(text: str, known: Collection[str], authors: Collection[str]) -> Sequence[str]:
    """The messages that one is put together from (a passive reply holds several), or itself; without the names of who said them."""
    if text in known:
        return (text,)
    for author in authors:
        text = text.replace(author, "")
    whole: dict[int, tuple[str, ...]] = {len(text): ()}
    for at in range(len(text) - 1, -1, -1):
        for word in known:
            if word and at + len(word) in whole and text.startswith(word, at):
                whole[at] = (word, *whole[at + len(word)])
                break
    return whole.get(0) or (text,)


def _plain(text: str) -> str:
    """The words alone: a card sets them in two fields, and choices may follow as lines."""
    return re.sub(r"[\s\x00-\x1f]+", "", re.sub(r"^(?:[0-9]+\. |· ).*$", "", text, flags=re.MULTILINE))


def in_order(world: World, books: Books) -> Iterator[str]:
    """What certainly arrived did so in the order in which it was said; what is more important may overtake."""
    said: dict[str, list[Any]] = defaultdict(list)
    for row in books.outbox:
        if row.channel == world.platform.name:
            said[row.address].append(row)
    for who, rows in said.items():
        texts = Counter(_plain(row.text) for row in rows)
        places = {_plain(m.text): m.number for m in world.platform.seen(who)}
        # Words said once only: of others nobody can tell which is which.
        once = [
            (row, places[plain])
            for row in rows
            if row.status == "sent" and texts[plain := _plain(row.text)] == 1 and plain in places
        ]
        for (row, place), (after, place_after) in pairwise(once):
            if row.rank <= after.rank and place > place_after:
                yield f"out of order at {who}: {row.text[:40]!r} came after {after.text[:40]!r}"


# ── 6 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def settled(world: World, books: Books) -> Iterator[str]:
    if world.platform.waiting():
        yield f"{len(world.platform.waiting())} updates were never acknowledged"
    for row in books.inbox:
        if row.status == "new":
            yield f"never heard: {_content(row)[:40]!r} of {books.conversations[row.conversation_id].address}"
    for row in books.photos:
        if row.status == "pending":
            yield f"a photo was never fetched: {row.reference}"
    owed = Counter((row.conversation_id, row.text) for row in books.unsent)
    doubted = Counter((row.conversation_id, row.text) for row in books.calls)
    away = {who for who, _, _ in world.absences}
    for row in books.outbox:
        if row.status in ("ready", "retry", "claimed"):
            if row.status != "claimed" and world.platform.may_only_reply(row.address) and world.clock.now() - row.next_at < _WAITS[1] + _LOOKS:
                continue
            yield f"never sent: {row.text[:40]!r} to {row.address} ({row.status}, {row.attempts} tries, {row.error})"
        elif row.status == "sent_unconfirmed" and row.error and row.ticket_id and not doubted[row.conversation_id, row.text]:
            yield f"news of a ticket may not have arrived, and no call is owed: {row.text[:40]!r} to {row.address}"
        elif row.status in ("failed", "expired"):
            if not owed[row.conversation_id, row.text]:
                yield f"not sent ({row.error}), and no call is owed: {row.text[:40]!r} to {row.address}"
            elif row.status == "failed" and row.channel == world.platform.name and row.address not in away:
                if not world.platform.may_only_reply(row.address):
                    yield f"failed, though {row.address} was there: {row.error}"
                elif after := _contact_after(world, row):
                    yield f"failed, though {row.address} wrote meanwhile: {row.text[:40]!r}, {after}"


#: For as long urgent news waits for a resident to write, and all other (bot.workers.Pace); less what a delivery may take.
_WAITS: Final = (timedelta(minutes=2), timedelta(hours=24))
_TAKES: Final = timedelta(seconds=30)
#: How seldom the desk looks for it on the passed-over day (`world._settle`).
_LOOKS: Final = timedelta(hours=1)


def _contact_after(world: World, row: Any) -> Deed | None:
    """The message that what had to wait should have been said with."""
    begun = row.next_at
    until = begun + _WAITS[row.rank > RANK["urgent"]] - _TAKES
    wrote = (d for d in world.deeds if d.who == row.address and d.sent.taken is not False)
    return next((deed for deed in wrote if begun < deed.at < until), None)


# ── 7 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def kept_out(world: World, books: Books) -> Iterator[str]:
    for attempt in world.attempts:
        if attempt.status not in attempt.right:
            yield f"{attempt.what} was answered {attempt.status}"


# ── 8 ───────────────────────────────────────────────────────────────────────────────────────────────────────────────


def quietly(world: World, books: Books) -> Iterator[str]:
    yield from (f"an error that nobody caught: {error}" for error in world.uncaught)
    yield from (f"a send was cut short: {text[:40]!r}" for text in world.workers.cut_short)
    for secret in world.platform.secrets:
        if any(secret in line for line in world.logged.lines):
            yield f"a secret stands in the log: {secret[:6]}…"


RULES: Final[Sequence[Callable[[Any, Books], Iterator[str]]]] = (
    against_the_rules,
    kept,
    taken,
    answered,
    waited_for,
    filed,
    delivered,
    in_order,
    settled,
    kept_out,
    quietly,
)
