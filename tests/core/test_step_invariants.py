"""What must always hold, whatever is said, tapped, sent, moved or comes due, in whatever order.

The rules, by the names used below: answered, asked first, faithful, bounded, pure, lawful.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any, TypeAlias

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from stage import INTENTS, OWNER, PHONE, RESPONSES, RULES, STRANGER, Stage, photo

from bot.core.resolve import answer
from bot.core.tickets import CLOCK, EVERYONE_ON_DUTY, RESIDENT, TRANSITIONS, allowed
from bot.core.types import (
    RANK,
    Heard,
    Matter,
    Media,
    MoveTicket,
    OpenTicket,
    State,
    TicketMoved,
    TimerFired,
    Triage,
)

#: Tickets that are opened on the spot: danger, a person, a voice note, a low score (DOMAIN.md).
ON_THE_SPOT = {("enquiry", "handoff"), ("enquiry", "voice"), ("follow_up", "low_score")}
TIMERS = (
    "survey", "survey_reminder", "survey_expiry", "auto_close", "resume", "escalation_ack", "escalation_rework", "draft_ask",
    "draft_drop", "human_idle", "sla_first_response", "sla_next_step", "sla_resolve", "a_kind_of_a_newer_release",
)  # fmt: skip
SENTENCES = (
    "厨房水龙头漏水", "4栋1单元703", "4栋703", "703", "明天下午", "昨天下午", "凌晨3点", PHONE, "1380013", "对", "好的", "不对", "取消",
    "算了", "修好了", "没修好", "还是漏", "5", "1", "2", "9", "谢谢", "马马虎虎,3分吧", "跳过", "催一下，怎么还没人来", "不修了，取消报修",
    "YH-BX-0001", "改到后天上午", "隔壁5栋2单元301太吵", "9号楼大厅的灯坏了", "火灭了，没事了", "楼上803漏水到我家", "转人工", "同意",
    "the tap in my flat leaks", "Building 4 unit 1 flat 703", "tomorrow afternoon", "yes", "no", "cancel", "not fixed",
    "very satisfied", "{number}{0}{", "‮", "٣", "²", "", "   ",
)  # fmt: skip
BUTTONS = (
    "yes", "no", "cancel", "menu:repair", "menu:complaint", "menu:fee_query", "menu:permit", "menu:ticket_status", "menu:handoff",
    "menu:nothing", "say:when:明天下午", "say:", "say", "pick:4栋1单元703", "pick:", "confirm:1", "confirm:2", "not_fixed:1",
    "not_fixed:9", "dispute:1", "agree:1", "decline:2", "withdraw:1", "withdraw:", "rate:1:5", "rate:1:1", "rate:2:3", "rate:1",
    "rate:1:12", "rate:x:5", "confirm:²", "", ":", "nonsense",
)  # fmt: skip

Happening: TypeAlias = Callable[[Stage], "Heard | TicketMoved | TimerFired | None"]

texts = st.sampled_from(SENTENCES) | st.text(max_size=30) | st.text(string.printable, max_size=12)
confidences = st.sampled_from([0.0, 0.1, 0.3, 0.45, 0.55, 0.95, 1.0])
matters = st.builds(Matter, texts, st.sampled_from(sorted(INTENTS)), confidences)
media = st.lists(st.sampled_from([photo(), Media("voice", "v"), Media("file", "f")]), max_size=2).map(tuple)


@st.composite
def messages(draw: st.DrawFn) -> Heard:
    text = draw(texts)
    several = draw(st.lists(matters, max_size=2))
    first = Matter(text, draw(st.sampled_from(sorted(INTENTS))), draw(confidences))
    understood = draw(st.integers(0, 5)) > 0
    danger = draw(st.sampled_from([None] * 9 + [RULES.dangers[0].name, "a_danger_of_a_newer_release"]))
    return Heard(
        text,
        (first, *several) if understood and text.strip() else (),
        Triage(danger, text) if danger else None,
        None,
        draw(media) if draw(st.integers(0, 4)) == 0 else (),
        draw(st.sampled_from([None, None, None, "39.9,116.4"])),
        understood,
        draw(st.sampled_from([None, None, "zh", "en"])),
    )


def spoken() -> st.SearchStrategy[Happening]:
    return messages().map(lambda heard: lambda stage: heard)


def tapped() -> st.SearchStrategy[Happening]:
    return (st.sampled_from(BUTTONS) | st.text(max_size=8)).map(lambda value: lambda stage: Heard(button=value))


def tapped_as_shown() -> st.SearchStrategy[Happening]:
    """One of the buttons of the last message, or what the open question offered."""

    def tap(index: int) -> Happening:
        def find(stage: Stage) -> Heard | None:
            shown = [b.value for line in stage.lines for b in line.buttons]
            question = stage.state.open_question
            shown += [b.value for b in question.choices] if question else []
            return Heard(button=shown[index % len(shown)]) if shown else None

        return find

    return st.integers(0, 9).map(tap)


def answered_well() -> st.SearchStrategy[Happening]:
    """What a willing resident would say to the question that is open, so that the talk gets somewhere."""
    good = {"room": "4栋1单元703", "when": "明天下午", "contact": PHONE, "location": "北门", "what": "厨房水龙头漏水", "confirm": "对"}

    def find(stage: Stage) -> Heard:
        text = good.get(stage.state.asking or "", "厨房水龙头漏水")
        intent = "repair" if stage.state.flow is None else "affirm" if text == "对" else "inform"
        return Heard(text, (Matter(text, intent, 0.95),))

    return st.just(find)


def moved() -> st.SearchStrategy[Happening]:
    """Staff, or a resident at the counter, moves one of the tickets."""

    def by(index: int, choice: int, role: str) -> Happening:
        def find(stage: Stage) -> TicketMoved | None:
            if not stage.tickets:
                return None
            subject = stage.tickets[index % len(stage.tickets)]
            can = allowed(subject, role)
            if not can:
                return None
            action = can[choice % len(can)]
            after = stage._move(subject.id, action, role, "因为{note}", "李师傅")
            return TicketMoved(after, action, role, "李师傅", "因为{note}")

        return find

    roles = st.sampled_from([*sorted(EVERYONE_ON_DUTY), RESIDENT, CLOCK])
    return st.builds(by, st.integers(0, 5), st.integers(0, 5), roles)


def came_due() -> st.SearchStrategy[Happening]:
    def fire(kind: str, index: int | None, round: int, level: int) -> Happening:
        def find(stage: Stage) -> TimerFired:
            subject = None
            if index is not None and stage.tickets:
                subject = stage.tickets[index % len(stage.tickets)]
            data: dict[str, Any] = {"clock": "resolve", "level": level} if kind == "escalation_ack" else {}
            return TimerFired(kind, round, subject, data)

        return find

    return st.builds(
        fire, st.sampled_from(TIMERS), st.none() | st.integers(0, 5), st.integers(1, 3), st.integers(2, 5)
    )


happenings = st.lists(
    st.tuples(
        st.sampled_from([0, 0, 0, 10, 60, 60 * 26]),
        st.one_of(
            spoken(), answered_well(), answered_well(), tapped_as_shown(), tapped_as_shown(), spoken(), tapped(), moved(), came_due()
        ),
    ),
    min_size=1,
    max_size=14,
)
speakers = st.sampled_from([STRANGER, OWNER, replace(OWNER, bindings=(*OWNER.bindings, OWNER.bindings[0]))])
few = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def play(stage: Stage, waited: int, happening: Happening, check: Callable[[State, Any], None]) -> None:
    stage.waits(minutes=waited)
    event = happening(stage)
    if event is not None:
        before = stage.state
        stage.take(event)  # faithful and bounded: the stage reads back what it wrote and counts the rounds
        check(before, event)


@few
@given(happenings, speakers, st.booleans())
def test_answered_whoever_speaks_to_the_desk_is_answered(told: Any, speaker: Any, on_duty: bool) -> None:
    stage = Stage(speaker, on_duty=on_duty)

    def check(before: State, event: Any) -> None:
        if isinstance(event, Heard) and before.mode == "desk":
            assert stage.lines, f"silence to {event!r}"
        for line in stage.lines:
            assert line.text.strip() and line.key in RESPONSES
            assert line.priority in RANK

    for waited, happening in told:
        play(stage, waited, happening, check)


@few
@given(happenings, speakers)
def test_asked_first_nothing_is_filed_but_by_a_yes_to_a_summary_that_was_shown(told: Any, speaker: Any) -> None:
    stage = Stage(speaker)

    def check(before: State, event: Any) -> None:
        for effect in stage.effects:
            if not isinstance(effect, OpenTicket):
                continue
            draft = effect.draft
            assert draft.kind in TRANSITIONS and effect.then
            if draft.kind == "emergency" or (draft.kind, draft.category) in ON_THE_SPOT:
                continue
            question = before.open_question
            assert question is not None, "filed with nothing asked"
            if question.kind == "confirm":
                assert before.asking == "confirm", f"filed while {before.asking} was asked"
            else:  # the offer to pass these very words on, with nothing left to ask; or the complaint that nobody came
                assert question.kind in ("pass_on", "no_show"), f"the last question was {question}"
            said = event.button or event.text
            yes = (
                said == "yes"
                or answer.yes_no(said) is True
                or answer.menu_number(said) == 1
                or (event.matters and event.matters[0].intent == "thank")
                or (stage.surely(event, "affirm") and any(c.isalpha() for c in said))
            )
            assert yes, f"filed on {said!r}"
            # A person asked for besides is there without a question; a second request is not.
            opened = [e.draft for e in stage.effects if isinstance(e, OpenTicket)]
            assert len([d for d in opened if (d.kind, d.category) not in ON_THE_SPOT]) == 1

    for waited, happening in told:
        play(stage, waited, happening, check)


@few
@given(happenings, speakers)
def test_pure_the_same_arguments_give_the_same_turn(told: Any, speaker: Any) -> None:
    stage = Stage(speaker)
    for waited, happening in told:
        stage.waits(minutes=waited)
        event = happening(stage)
        if event is None:
            continue
        kept = (stage.state, stage.facts())
        first = stage.outcome(event)
        assert stage.outcome(event) == first
        assert (stage.state, stage.facts()) == kept, "an argument was changed"
        stage.take(event)


@few
@given(happenings, speakers)
def test_lawful_the_desk_never_asks_for_a_move_the_tables_forbid(told: Any, speaker: Any) -> None:
    """The stage moves tickets by `move`, which raises; and only tickets of this conversation are moved."""
    stage = Stage(speaker)

    def check(before: State, event: Any) -> None:
        ids = {t.id for t in stage.tickets}
        for effect in stage.effects:
            if isinstance(effect, MoveTicket):
                assert effect.ticket_id in ids and effect.by_role in (RESIDENT, CLOCK)
                assert effect.by_role == RESIDENT or isinstance(event, TimerFired)

    for waited, happening in told:
        play(stage, waited, happening, check)


@few
@given(happenings)
def test_kept_small_a_conversation_never_grows_without_end(told: Any) -> None:
    stage = Stage(OWNER)

    def check(before: State, event: Any) -> None:
        state = stage.state
        assert len(state.agenda) <= 3
        assert len({f.flow for f in state.frames}) == len(state.frames)  # one parked form of each kind at most
        assert state.mode in ("desk", "human") and state.language in ("zh", "en")
        assert state.turns == before.turns + isinstance(event, Heard)
        if state.draft_expires is not None:
            assert state.draft_expires - stage.now <= timedelta(hours=24)

    for waited, happening in told:
        play(stage, waited, happening, check)


@given(st.text(max_size=200), st.sampled_from(sorted(INTENTS)), confidences)
def test_any_text_at_all_is_answered_as_the_first_message(text: str, intent: str, confidence: float) -> None:
    stage = Stage(STRANGER)
    stage.take(Heard(text, (Matter(text, intent, confidence),)))
    assert stage.lines
