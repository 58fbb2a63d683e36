"""Shadow mode: of a turn nothing is done that a resident could notice, and nothing waits that must not."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stage import OWNER, PHONE, STRANGER, Stage, heard
from test_codec import matters, states, words

from bot.core import codec, shadow
from bot.core.types import (
    AmendTicket,
    Button,
    Consented,
    Entity,
    Export,
    Forget,
    Heard,
    Matter,
    Media,
    Misread,
    OpenQuestion,
    OpenTicket,
    Say,
    Speaker,
    State,
    Tell,
    TicketDraft,
    Triage,
    Turn,
)

LEAK = "我家厨房水管漏水了"
FIRE = Heard("着火了", (Matter("着火了", "emergency", 0.9),), Triage("fire", "着火"))


def new(speaker: Speaker = OWNER) -> Stage:
    """Somebody who has never heard from the desk, not even its notice."""
    return Stage(speaker, state=State())


def summary() -> Stage:
    """A repair up to its confirmation."""
    return Stage(OWNER).says(LEAK, "repair").says("明天下午", "inform")


# ── what is shown ──


def test_a_suggestion_says_what_was_read_and_what_would_be_answered() -> None:
    said = heard(LEAK, "repair", 0.83)
    turn = new().outcome(said)
    made = shadow.suggestion(said, turn)
    assert (made.intent, made.confidence, made.alarm) == ("repair", 0.83, False)
    assert [say.key for say in made.said] == ["utter_privacy_notice", "utter_ask_when"]
    assert made.drafts == () and made.does == ()


def test_a_confirmed_request_shows_the_ticket_with_its_fields() -> None:
    stage = summary()
    said = heard("对", "affirm")
    made = shadow.suggestion(said, stage.outcome(said))
    (draft,) = made.drafts
    assert (draft.kind, draft.contact, draft.room and draft.room.label) == ("repair", PHONE, "4栋1单元703")
    assert "漏水" in draft.description and draft.appointment is not None
    assert any("{number}" in say.text for say in made.said)


def test_what_else_would_be_done_is_named_once() -> None:
    turn = Turn(State(), (AmendTicket(1, "note"), AmendTicket(1, "photo"), Export()))
    assert shadow.suggestion(Heard("x"), turn).does == ("amend", "export")


def test_a_photo_has_no_label() -> None:
    made = shadow.suggestion(Heard(media=(Media("photo", "p1"),)), Turn(State()))
    assert (made.intent, made.confidence) == ("", 0.0)


# ── what is done at once ──


@pytest.mark.parametrize("speaker", [OWNER, STRANGER])
def test_of_an_ordinary_turn_nothing_is_done(speaker: Speaker) -> None:
    assert shadow.at_once(new(speaker).outcome(heard(LEAK, "repair"))) == ()
    assert shadow.at_once(summary().outcome(heard("对", "affirm"))) == ()


def test_what_was_read_badly_is_kept_at_once_and_not_again_on_the_press() -> None:
    turn = new().outcome(heard("嗯那个啥来着", "out_of_scope", 0.1))
    assert [type(effect) for effect in shadow.at_once(turn)] == [Misread]
    assert not any(isinstance(effect, Misread) for effect in shadow.on_press(turn))


def test_an_emergency_is_filed_and_told_at_once_but_not_a_word_is_said() -> None:
    turn = new().outcome(FIRE)
    effects = shadow.at_once(turn)
    assert shadow.alarm(turn)
    (opened,) = [e for e in effects if isinstance(e, OpenTicket)]
    assert opened.draft.kind == "emergency" and opened.then == ()
    assert {e.role for e in effects if isinstance(e, Tell)} == {"technician", "guard", "steward", "supervisor", "manager"}
    assert shadow.lines(effects) == () and not any(isinstance(e, Consented) for e in effects)


def test_the_safety_line_is_suggested_and_the_privacy_notice_waits() -> None:
    turn = new().outcome(FIRE)
    made = shadow.suggestion(FIRE, turn)
    assert made.intent == "emergency" and made.alarm
    assert [say.key for say in made.said] == ["utter_safety_fire", "utter_emergency_opened_at"]
    assert shadow.as_heard(State(), turn).noticed == "" and turn.state.noticed != ""


def test_what_is_said_further_about_a_danger_reaches_staff_at_once() -> None:
    stage = new()
    stage.take(FIRE)
    turn = stage.outcome(heard("烟很大", "inform"))
    assert shadow.alarm(turn) and any(isinstance(e, AmendTicket) for e in shadow.at_once(turn))


def test_with_a_person_the_words_go_to_them_as_ever() -> None:
    stage = Stage(OWNER).says("转人工", "handoff")
    turn = stage.outcome(heard("我等着", "inform"))
    assert shadow.with_a_person(stage.state, turn)
    assert not shadow.with_a_person(State(), Stage(OWNER).outcome(heard(LEAK, "repair")))


# ── the state ──


def test_what_was_only_suggested_was_not_said_or_asked() -> None:
    turn = new().outcome(heard("My kitchen pipe is leaking badly", "repair", language="en"))
    after = shadow.as_heard(State(), turn)
    assert after == State(language="en", turns=1)


@given(states, states)
def test_words_kept_back_open_no_question(before: State, after: State) -> None:
    kept = shadow.unsaid(before, after)
    assert kept.open_question in (None, before.open_question)
    assert kept.survey in (None, before.survey)
    assert kept.noticed == before.noticed
    assert (kept.flow, kept.mode, kept.slots) == (after.flow, after.mode, after.slots)


def test_news_that_is_sent_later_asks_what_it_asks() -> None:
    asked = State(open_question=OpenQuestion("resolved", (), 1), survey=None)
    assert shadow.asked(State(), asked).open_question == asked.open_question
    assert shadow.asked(State(flow="repair"), asked) == State(flow="repair"), "a form goes on"


# ── the press ──


def test_a_press_does_all_the_rest_in_the_colleagues_name() -> None:
    turn = summary().outcome(heard("对", "affirm"))
    effects = shadow.in_their_name(shadow.on_press(turn), "刘管家")
    assert {say.author for say in shadow.lines(effects)} == {"刘管家"}
    assert [type(e) for e in effects] == [type(e) for e in turn.effects]


def test_their_own_words_stand_where_the_number_is_filled_in_and_keep_the_choices() -> None:
    opened = OpenTicket(TicketDraft("repair", "general", "漏水"), (Say("单号{number}", (Button("催办", "menu:x"),), key="utter_filed"),))
    effects = shadow.in_their_words((Say("好的"), opened, Tell("technician", "k")), "刘管家", "登记好了,{number}")
    assert effects == (
        OpenTicket(opened.draft, (Say("登记好了,{number}", (Button("催办", "menu:x"),), key="utter_filed", author="刘管家"),)),
        Tell("technician", "k"),
    )


def test_their_own_words_leave_the_privacy_notice_as_it_is() -> None:
    turn = new().outcome(heard(LEAK, "repair"))
    notice, mine = shadow.lines(shadow.in_their_words(shadow.on_press(turn), "刘管家", "哪天方便?"))
    assert notice.key == shadow.NOTICE and notice.text == shadow.lines(turn.effects)[0].text
    assert (mine.text, mine.author) == ("哪天方便?", "刘管家")


def test_their_own_words_can_answer_where_the_desk_would_not() -> None:
    assert shadow.in_their_words((), "刘管家", "您好") == (Say("您好", key=shadow.STAFF_KEY, author="刘管家"),)
    forget = Forget(Say("已删除"))
    assert shadow.in_their_words((forget,), "刘管家", "好了") == (Forget(Say("好了", key="staff", author="刘管家")),)


def test_a_ticket_is_put_right_in_what_may_be_put_right() -> None:
    opened = OpenTicket(TicketDraft("repair", "general", "漏水", contact=PHONE))
    (right,) = shadow.put_right((opened,), {"description": "水表漏水", "kind": "complaint", "contact": ""})
    assert right == OpenTicket(replace(opened.draft, description="水表漏水"))


# ── learning from it ──


def test_a_correction_is_masked_and_says_what_was_meant() -> None:
    text = "我是王建国,4栋1单元703,电话13800138000,楼上太吵"
    said = Heard(text, (Matter(text, "repair", 0.6, entities=(Entity("person_name", "王建国", 2, 5),)),), model="m1")
    kept = shadow.correction(said, "zh", "repair", 0.6, "complaint")
    assert kept is not None
    assert (kept.why, kept.heard_as, kept.should_be, kept.model) == ("staff", "repair", "complaint", "m1")
    assert not any(secret in kept.text for secret in ("王建国", "703", "13800138000")) and "太吵" in kept.text


@pytest.mark.parametrize(("text", "should_be"), [("", "complaint"), ("漏水", "repair"), ("漏水", "")])
def test_there_is_no_correction_without_words_or_another_label(text: str, should_be: str) -> None:
    assert shadow.correction(Heard(text), "zh", "repair", 0.6, should_be) is None


@given(
    st.builds(
        Heard,
        words,
        st.lists(matters, max_size=3).map(tuple),
        st.none() | st.builds(Triage, words, words),
        st.none() | words,
        st.lists(st.builds(Media, st.sampled_from(["photo", "voice"]), words, st.none() | words), max_size=2).map(tuple),
        st.none() | words,
        st.booleans(),
        st.sampled_from([None, "zh", "en"]),
        words,
        words,
        words,
        st.booleans(),
        st.sampled_from(["", "arrived", "left"]),
    )
)
def test_what_was_heard_survives_being_written_and_read(said: Heard) -> None:
    assert codec.heard_from_json(json.loads(json.dumps(codec.heard_to_json(said)))) == said


def test_nothing_that_can_be_heard_is_left_out_of_it() -> None:
    assert set(codec.heard_to_json(Heard())) == {field.name for field in fields(Heard)}
