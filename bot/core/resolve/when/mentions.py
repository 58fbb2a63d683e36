"""The times of a message, each as the speaker meant it: a day with its hours, and whether it is offered, refused or only told."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from bot.core.resolve import phone, ticketno
from bot.core.resolve.when import bounds, clauses, days, neighbours
from bot.core.resolve.when.clauses import Standing
from bot.core.resolve.when.days import Day, weekday_in
from bot.core.resolve.when.hours import POINT, Hours
from bot.core.resolve.when.hours import find as find_hours
from bot.core.resolve.when.parts import ANY, DAY_END, DAY_START


@dataclass(slots=True)
class Mention:
    """One time of a message. `own_day`: the day was said with it, not taken from an earlier one. `until`: where a stretch over
    several days ends."""

    day: Day | None
    hours: Hours | None
    start: int
    end: int
    standing: Standing
    own_day: bool = False
    until: tuple[Day, Hours] | None = None

    @property
    def any_time(self) -> bool:
        """随时, with nothing narrower said."""
        return self.hours is not None and self.hours.part == ANY

    @property
    def from_now(self) -> bool:
        """现在, 尽快, 半小时后."""
        return self.hours is not None and self.hours.soon is not None


_LISTED: Final = re.compile(r"[\s,、;]*")
_ENOUGH_TO_TELL: Final = 12
"""A clause with 现在 that is longer than this and offers nothing tells of the trouble; in characters."""


def mentions(text: str, today: date) -> list[Mention]:
    """Every time of a text in plain words, in order."""
    blocked = [(found.start, found.end) for found in phone.find(text)] + list(ticketno.spans(text))
    named = neighbours.together(text, days.find(text, today, blocked), today)
    tokens: list[Day | Hours] = [*named, *find_hours(text, named, blocked)]
    tokens.sort(key=lambda token: (token.start, isinstance(token, Hours), token.end))
    standings = _standings(text, tokens, today)
    found: list[Mention] = []
    for index, token in enumerate(tokens):
        following = tokens[index + 1] if index + 1 < len(tokens) else None
        if found and found[-1].standing == standings[index] and _attach(text, found[-1], token, following):
            continue
        day, hours = (token, None) if isinstance(token, Day) else (None, token)
        found.append(Mention(day, hours, token.start, token.end, standings[index], own_day=day is not None))
    found = _stretches(text, found)
    found = _after_that(text, found)
    _complete(text, found)
    return found


# ── What is said of each time ─────────────────────────────────────────────────────────────────────────────────────────


def _standings(text: str, tokens: Sequence[Day | Hours], today: date) -> list[Standing]:
    """Times with nothing but 和, 或 or 的 between them share what is said of them."""
    standings: list[Standing] = []
    hours_said = any(isinstance(token, Hours) for token in tokens)
    while len(standings) < len(tokens):
        first = len(standings)
        run = [tokens[first]]
        end = tokens[first].end
        for token in tokens[first + 1 :]:
            if token.start > end and not clauses.CONNECTIVE.fullmatch(text, end, token.start):
                break
            run.append(token)
            end = max(end, token.end)
        begin = tokens[first - 1].end if first else 0
        last = first + len(run)
        behind = max(tokens[last].start if last < len(tokens) else len(text), end)
        ahead = any(isinstance(each, Day) and each.kind == "relative" and each.dates[:1] > (today,) for each in run)
        meant = clauses.standing(text, (run[0].start, end), (begin, behind), ahead_of_today=ahead)
        for token in run:
            bare_today = not hours_said and isinstance(token, Day) and token.kind == "relative" and token.dates == (today,)
            clause = clauses.clause(text, token.start, end, behind)
            standings.append(_loose(token, meant, clause, bare_today=bare_today))
    return standings


def _loose(token: Day | Hours, meant: Standing, clause: str, *, bare_today: bool) -> Standing:
    """Loose words are a time only where a visit is spoken of: 待会儿在家 but not 待会儿再说, 昨天我在家 but not 昨天买的, 今天来吧
    but not 今天水好黄."""
    if meant != "offered":
        return meant
    if isinstance(token, Day):
        loose = token.unclear == "past" or bare_today
        return "told" if loose and not clauses.OFFER.search(clause) and not clauses.says_little(clause) else meant
    if token.soon is None:
        return meant
    if token.soon.kind == "later":
        return meant if clauses.AVAILABLE.search(clause) else "told"
    told = token.soon.kind == "now" and len(clause.strip()) > _ENOUGH_TO_TELL and not clauses.OFFER.search(clause)
    return "told" if told and "就" not in clause else meant


# ── Days and hours that belong together ───────────────────────────────────────────────────────────────────────────────


def _attach(text: str, last: Mention, token: Day | Hours, following: Day | Hours | None) -> bool:
    """Add a day or hours to the mention before it, where it belongs there; whether it did."""
    between = text[last.end : token.start]
    if isinstance(token, Hours):
        if last.hours is not None or last.day is None:
            return False
        if last.day.unclear == "past" and clauses.BOUNDARY.search(between):
            return False
        last.hours = token
    elif last.day and neighbours.spoken_of_as(between):  # 10/4 in the morning, that's Saturday
        one = neighbours.same_day(last.day, token, tight=True)
        if one is None:
            return False
        last.day = one
    else:
        if last.day is not None or last.hours is None or last.any_time:
            return False
        if clauses.SENTENCE_END.search(between) or clauses.CORRECTION.search(between):
            return False
        if between and isinstance(following, Hours) and clauses.CONNECTIVE.fullmatch(text, token.end, following.start):
            return False  # the day goes with the hours behind it
        last.day, last.own_day = token, True
    last.end = max(last.end, token.end)
    return True


def _stretches(text: str, found: Sequence[Mention]) -> list[Mention]:
    """周六上午8点到周日晚上9点: one stretch over several days."""
    kept: list[Mention] = []
    for mention in found:
        last = kept[-1] if kept else None
        if last and bounds.until(text, last.end, mention.start) and _runs_on(last, mention):
            assert mention.day and mention.hours
            last.until, last.end = (mention.day, mention.hours), mention.end
        else:
            kept.append(mention)
    return kept


def _runs_on(first: Mention, second: Mention) -> bool:
    if not (first.day and second.day and first.hours and second.hours) or first.until or first.from_now or second.from_now:
        return False
    return first.day.dates[:1] < second.day.dates[-1:]


def _after_that(text: str, found: Sequence[Mention]) -> list[Mention]:
    """七点到家,之后都行: instead of the instant what follows it. 五点前不在,之后可以: what follows the hours refused."""
    if not found or not (last := found[-1]).hours or last.from_now or last.hours.unclear:
        return list(found)
    match = clauses.AFTER_THAT.match(text, last.end)
    offered = last.standing == "offered"
    begin = last.hours.begin if last.hours.open == "after" or (offered and last.hours.point) else last.hours.finish
    if not match or begin >= DAY_END or clauses.REFUSAL_BEHIND.search(clauses.behind(text, match.end(), len(text))):
        return list(found)
    hours = Hours(last.start, match.end(), begin, DAY_END, open="after")
    if match["before"]:
        first = min(DAY_START, last.hours.begin - POINT)
        hours = replace(hours, begin=first, finish=last.hours.begin, open="before")
    follows = Mention(last.day, hours, last.start, match.end(), "offered", own_day=last.own_day)
    return [*found[:-1], follows] if offered else [*found, follows]


# ── What a time leaves out ────────────────────────────────────────────────────────────────────────────────────────────


def _complete(text: str, found: Sequence[Mention]) -> None:
    """What a later time leaves out it takes from an earlier one, and the first of two alternatives from the second."""
    for earlier, later in itertools.pairwise(found):
        between = text[earlier.end : later.start]
        if later.day is None and _gives_its_day(earlier, later):
            later.day = earlier.day
        elif earlier.day and later.day and later.own_day:
            later.day = _of_that_week(earlier.day, later.day)
        same = earlier.day and later.day and earlier.day.dates and set(earlier.day.dates) == set(later.day.dates)
        linked = same or clauses.CORRECTION.search(between) or clauses.ALTERNATIVE.search(between)
        if later.hours is None and linked and earlier.standing == "offered" and not earlier.from_now:
            later.hours = earlier.hours
    for later, earlier in itertools.pairwise(reversed(found)):
        either = clauses.ALTERNATIVE.search(text, earlier.end, later.start)
        if earlier.hours is None and either and not later.from_now:
            earlier.hours = later.hours
    denied = {each for mention in found if mention.day for each in mention.day.denied}
    for mention in found:  # 那后天周五,后天上午: a day that was contradicted stays so
        day = mention.day
        if day and day.kind == "relative" and set(day.dates) & denied:
            mention.day = replace(day, dates=(), unclear="conflict")


def _gives_its_day(earlier: Mention, later: Mention) -> bool:
    if earlier.day is None or earlier.day.unclear == "past" or earlier.standing not in ("offered", "refused"):
        return False
    return not (later.from_now or (later.any_time and earlier.standing == "refused"))


def _of_that_week(earlier: Day, later: Day) -> Day:
    """下周吧,周三 and 下周三不行,周四吧: a weekday of the week spoken of."""
    if earlier.monday is None or later.weekday is None or not later.rolls:
        return later
    if earlier.weekday is not None and later.weekday <= earlier.weekday:
        return later
    return replace(later, dates=weekday_in(earlier.monday, later.weekday), rolls=False, monday=earlier.monday)


def _narrows(earlier: Mention, later: Mention) -> bool:
    """下午,三点以后都行: the later hours lie in the part of the day said before."""
    if not (earlier.hours and later.hours and earlier.hours.part) or earlier.day != later.day:
        return False
    return earlier.hours.begin <= later.hours.begin and later.hours.finish <= earlier.hours.finish


def alternative(text: str, earlier: Mention, later: Mention) -> bool:
    """Whether the later time is offered beside the earlier one, so that the first of both is taken."""
    between = text[earlier.end : later.start]
    either = clauses.ALTERNATIVE.search(between)
    if clauses.CORRECTION.search(between) and not either:
        return False
    if either or clauses.ALSO.match(text, later.end):
        return True
    if _narrows(earlier, later):
        return False
    if _LISTED.fullmatch(between) and earlier.own_day and later.own_day:
        return True
    return clauses.BOTH.match(text, later.end) is not None and clauses.CONNECTIVE.fullmatch(between.strip(" ,")) is not None
