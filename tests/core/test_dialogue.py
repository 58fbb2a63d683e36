"""Stories of the front desk, told with `step` alone: what the resident says, what the desk answers, what is filed."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import pytest
from stage import OWNER, PHONE, ROOMS, STRANGER, Stage, heard, local, photo, ticket, visit

from bot.core.types import (
    AmendTicket,
    CancelReminders,
    Entity,
    Escalate,
    Heard,
    Matter,
    Media,
    Misread,
    MoveTicket,
    Priority,
    Remind,
    SaveAnswer,
    Triage,
)

FIRE = Triage("fire", "着火")


def at_summary(**changes: Any) -> Stage:
    """A repair of the owner's, ready to be confirmed."""
    stage = Stage(OWNER, **changes).says("厨房水龙头漏水", "repair").says("明天下午")
    assert stage.state.asking == "confirm" and stage.keys[-1] == "utter_summary_repair"
    return stage


def filed(**changes: Any) -> Stage:
    stage = at_summary(**changes).says("对", "affirm")
    assert len(stage.tickets) == 1
    return stage


def resolved(**changes: Any) -> Stage:
    """A repair that the technician reports done."""
    stage = filed(**changes).staff("accept").staff("depart").staff("arrive").staff("done", note="换了阀芯")
    assert stage.tickets[0].status == "resolved"
    return stage


# ── A repair ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_stranger_reports_a_repair_in_chinese_step_by_step() -> None:
    stage = Stage(STRANGER).says("我家厨房水龙头漏水了", "repair")
    assert stage.keys == ("utter_ask_room",)
    assert stage.says("4栋1单元703").keys == ("utter_ask_when",)
    assert stage.says("明天下午").keys == ("utter_ask_contact",)
    assert stage.says(PHONE).keys == ("utter_summary_repair",)
    assert "4栋1单元703" in stage.text and PHONE in stage.text and "厨房水龙头漏水" in stage.text
    assert not stage.tickets
    stage.says("对", "affirm")
    (opened,) = stage.opened
    assert stage.keys == ("utter_opened_repair",) and "{number}" in stage.text
    draft = opened.draft
    assert (draft.kind, draft.category, draft.contact) == ("repair", "general", PHONE)
    assert draft.room == ROOMS[0]
    assert not draft.requester_verified and draft.household_id is None
    assert draft.appointment is not None and draft.appointment.start == local(2026, 3, 5, 14)
    assert [t.role for t in stage.told] == ["technician"]
    assert stage.state.flow is None and not stage.state.slots


def test_a_stranger_reports_a_repair_in_english_step_by_step() -> None:
    stage = Stage(STRANGER).says("the kitchen tap in my flat is leaking", "repair")
    assert stage.keys == ("utter_ask_room",) and "Which home" in stage.text
    assert stage.says("Building 4 unit 1 flat 703").keys == ("utter_ask_when",)
    assert stage.says("tomorrow afternoon").keys == ("utter_ask_contact",)
    assert stage.says(PHONE).keys == ("utter_summary_repair",)
    stage.says("yes please", "affirm")
    assert stage.opened[0].draft.room == ROOMS[0] and "Registered as {number}" in stage.text


def test_the_owner_is_asked_only_what_is_not_on_file() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair")
    assert stage.keys == ("utter_ask_when",)
    stage.says("明天下午").says("对", "affirm")
    draft = stage.opened[0].draft
    assert draft.requester_verified and draft.household_id == 11
    assert (draft.contact, draft.contact_name, draft.room) == (PHONE, "王女士", ROOMS[0])


@pytest.mark.parametrize(
    "answers",
    [
        ("4栋1单元703", "明天下午", PHONE),
        (PHONE, "4栋1单元703", "明天下午"),
        ("明天下午", PHONE, "4栋1单元703"),
        (f"4栋1单元703，电话{PHONE}", "明天下午"),
        (f"4栋1单元703，明天下午在家，电话{PHONE}",),
    ],
)
def test_answers_come_in_any_order_and_several_at_once(answers: tuple[str, ...]) -> None:
    stage = Stage(STRANGER).says("厨房水龙头漏水", "repair")
    for answer in answers:
        stage.says(answer)
    assert stage.keys[-1] == "utter_summary_repair"
    stage.says("对", "affirm")
    draft = stage.opened[0].draft
    assert (draft.room, draft.contact) == (ROOMS[0], PHONE)
    assert draft.appointment is not None and draft.appointment.start == local(2026, 3, 5, 14)


@pytest.mark.parametrize(
    "words",
    [
        f"4栋1单元703厨房水龙头漏水，明天下午在家，电话{PHONE}",
        f"The kitchen tap leaks at Building 4 unit 1 flat 703, I am home tomorrow afternoon, phone {PHONE}",
    ],
)
def test_who_says_everything_at_once_is_shown_the_summary_at_once(words: str) -> None:
    stage = Stage(STRANGER).says(words, "repair")
    assert stage.keys == ("utter_summary_repair",)
    assert not stage.opened


def test_a_fault_in_common_parts_needs_no_home_and_no_appointment() -> None:
    stage = Stage(OWNER).says("9号楼一楼大厅的灯不亮了", "repair")
    assert stage.keys == ("utter_summary_repair_public",)
    stage.says("对", "affirm")
    draft = stage.opened[0].draft
    assert draft.public_area and draft.appointment is None and draft.location


def test_a_burst_pipe_is_urgent() -> None:
    stage = Stage(OWNER).says("家里水管爆了，爆管了", "repair").says("今天下午").says("对", "affirm")
    assert (stage.opened[0].draft.category, stage.opened[0].draft.priority) == ("urgent", Priority.URGENT)


def test_the_door_number_alone_is_asked_back_when_two_homes_fit_and_a_tap_settles_it() -> None:
    stage = Stage(STRANGER).says("厨房水龙头漏水", "repair").says("4栋703")
    assert stage.keys == ("utter_ask_room_which",)
    assert [b.label for b in stage.lines[0].buttons] == ["4栋1单元703", "4栋2单元703"]
    assert stage.taps(stage.lines[0].buttons[1].value).keys == ("utter_ask_when",)
    stage.says("明天下午").says(PHONE).says("对", "affirm")
    assert stage.opened[0].draft.room == ROOMS[1]


def test_a_bare_number_picks_the_home_too() -> None:
    stage = Stage(STRANGER).says("厨房水龙头漏水", "repair").says("4栋703").says("2")
    assert stage.state.slots["room"]["label"] == "4栋2单元703"


def test_a_home_the_register_does_not_know_is_taken_as_said_and_marked() -> None:
    stage = Stage(STRANGER).says("厨房水龙头漏水", "repair").says("8栋1单元101").says("明天下午").says(PHONE)
    assert stage.keys == ("utter_summary_repair",) and "待核实" in stage.text
    draft = stage.says("对", "affirm").opened[0].draft
    assert draft.room is not None and draft.room.id is None and not draft.room.verified


def test_the_neighbours_room_is_not_the_speakers() -> None:
    stage = Stage(STRANGER).says("隔壁5栋2单元301天天半夜吵", "complaint")
    assert not stage.state.slots.get("room")
    stage = Stage(OWNER).says("楼上803漏水到我家厨房了", "repair")
    assert stage.state.slots["room"]["label"] == "4栋1单元703"


def test_a_fault_since_last_night_is_not_an_appointment() -> None:
    stage = Stage(OWNER).says("昨晚开始厨房水龙头一直漏", "repair")
    assert stage.keys == ("utter_ask_when",)


def test_a_visit_in_the_past_is_asked_again() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair").says("昨天下午")
    assert stage.keys == ("utter_when_past",) and stage.state.asking == "when"
    assert stage.says("明天下午").keys == ("utter_summary_repair",)


@pytest.mark.parametrize("words", ["跳过", "不知道"])
def test_who_does_not_know_when_is_not_asked_for_ever(words: str) -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair").says(words)
    assert stage.keys == ("utter_summary_repair",)
    assert stage.says("对", "affirm").opened[0].draft.appointment is None


def test_a_telephone_number_with_too_few_digits_is_asked_again() -> None:
    stage = Stage(STRANGER).says("厨房水龙头漏水", "repair").says("4栋1单元703").says("明天下午").says("1380013")
    assert stage.keys == ("utter_contact_unclear",) and stage.state.asking == "contact"


def test_photos_sent_during_the_form_go_with_the_ticket() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair")
    stage.take(Heard(media=(photo("a"),)))
    assert stage.keys[0] == "utter_photo_kept" and stage.keys[-1] == "utter_ask_when"
    stage.take(heard("明天下午", media=(photo("b"),)))
    stage.says("对", "affirm")
    assert [m.reference for m in stage.opened[0].draft.photos] == ["a", "b"]


# ── At the summary ──────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        ("不对，是5栋2单元301", "room", ROOMS[2]),
        ("电话改成13911112222", "contact", "13911112222"),
        ("改到后天上午", "when", local(2026, 3, 6, 9)),
    ],
)
def test_a_correction_at_the_summary_is_taken_and_shown_again(words: str, field: str, value: object) -> None:
    stage = at_summary().says(words)
    assert stage.keys == ("utter_changed", "utter_summary_repair") and not stage.opened
    draft = stage.says("对", "affirm").opened[0].draft
    seen = {"room": draft.room, "contact": draft.contact, "when": draft.appointment and draft.appointment.start}
    assert seen[field] == value


def test_no_at_the_summary_asks_what_to_change() -> None:
    stage = at_summary().says("不对", "deny")
    assert stage.keys == ("utter_ask_change",)
    assert stage.says("改到后天上午").keys == ("utter_changed", "utter_summary_repair")


def test_a_correction_to_somebody_elses_home_is_no_longer_verified() -> None:
    draft = at_summary().says("不对，是5栋2单元301").says("对", "affirm").opened[0].draft
    assert draft.household_id is None and not draft.requester_verified


def test_a_further_detail_at_the_summary_is_added_and_nothing_is_filed_yet() -> None:
    stage = at_summary().says("水龙头下面的柜子也湿了", "repair")
    assert stage.keys[-1] == "utter_summary_repair" and not stage.opened
    assert "柜子也湿了" in stage.says("对", "affirm").opened[0].draft.description


@pytest.mark.parametrize("answer", ["tap", "1", "对", "好的"])
def test_a_tap_a_number_and_a_word_are_the_same_yes(answer: str) -> None:
    stage = at_summary()
    stage.taps("yes") if answer == "tap" else stage.says(answer)
    assert len(stage.opened) == 1


def test_the_same_yes_twice_files_one_ticket() -> None:
    stage = filed().says("对", "affirm")
    assert len(stage.tickets) == 1 and stage.keys
    stage.taps("yes")
    assert len(stage.tickets) == 1 and stage.keys


def test_the_same_report_twice_is_one_form() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair").says("厨房水龙头漏水", "repair")
    assert stage.state.flow == "repair" and not stage.state.frames and not stage.state.agenda
    stage.says("明天下午").says("对", "affirm")
    assert len(stage.tickets) == 1 and stage.state.flow is None


# ── Cancel ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("words", ["取消", "算了", "cancel", "never mind"])
@pytest.mark.parametrize("steps", range(5))
def test_cancel_works_at_every_point_of_a_form(words: str, steps: int) -> None:
    stage = Stage(STRANGER).says("厨房水龙头漏水", "repair")
    for answer in ("4栋1单元703", "明天下午", PHONE, "不对")[:steps]:
        stage.says(answer)
    stage.says(words, "cancel")
    assert stage.keys == ("utter_cancelled",)
    assert stage.state.flow is None and not stage.state.slots and stage.state.draft_expires is None
    stage.says("对", "affirm")
    assert not stage.tickets


def test_the_cancel_button_does_the_same() -> None:
    assert at_summary().taps("cancel").keys == ("utter_cancelled",)


def test_cancel_with_nothing_in_progress_says_so() -> None:
    assert Stage().says("取消", "cancel").keys == ("utter_nothing_to_cancel",)


# ── Menu, buttons, misses ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_greeting_shows_the_menu_and_a_number_chooses() -> None:
    stage = Stage().says("你好", "greet")
    assert stage.keys == ("utter_greet",) and "悦和花园" in stage.text
    assert stage.says("2").keys == ("utter_ask_what_complaint",)
    assert stage.state.flow == "complaint"


def test_a_choice_may_be_typed_as_it_stands_on_its_button() -> None:
    stage = Stage().says("你好", "greet").says("报修", "inform", 0.3)
    assert stage.keys == ("utter_ask_what_repair",) and stage.state.flow == "repair"


def test_an_english_greeting_is_answered_in_english() -> None:
    assert "Yuehe Garden" in Stage().says("hello", "greet").text


def test_a_number_beyond_the_menu_is_no_choice() -> None:
    stage = Stage().says("你好", "greet").says("9")
    assert stage.state.flow is None and stage.keys == ("utter_not_understood",)


def test_a_menu_tap_and_a_description_make_a_repair() -> None:
    stage = Stage(OWNER).taps("menu:repair")
    assert stage.keys == ("utter_ask_what_repair",)
    assert stage.says("卧室插座没电").keys == ("utter_ask_when",)
    draft = stage.says("明天下午").says("对", "affirm").opened[0].draft
    assert draft.description == "卧室插座没电"


def test_a_suggested_time_can_be_tapped() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair")
    assert stage.taps(stage.lines[0].buttons[2].value).keys == ("utter_summary_repair",)


@pytest.mark.parametrize("value", ["yes", "no", "say:when:明天下午", "pick:4栋1单元703", "confirm:1", "rate:1:5", "nonsense", ""])
def test_a_button_of_long_ago_is_answered_kindly_and_changes_nothing(value: str) -> None:
    stage = Stage(OWNER).taps(value)
    assert stage.keys and not stage.opened
    assert all(not isinstance(e, MoveTicket | SaveAnswer) for e in stage.effects)


def test_a_stale_tap_in_the_middle_of_a_form_asks_the_forms_question_again() -> None:
    """Not the menu: its numbers would then be taken for the summary's."""
    stage = at_summary().taps("nonsense")
    assert stage.keys == ("utter_stale_button", "utter_summary_repair")
    assert len(stage.says("1").opened) == 1


@pytest.mark.parametrize("value", ["confirm:²", "withdraw:²", "rate:²:5", "rate:1:12", "rate:1:", "rate:1:9", "menu:nothing"])
def test_a_button_nobody_showed_is_answered_and_changes_nothing(value: str) -> None:
    """A web page may send anything as a tap."""
    stage = filed()
    stage.state = stage.state.but(survey=1)
    stage.taps(value)
    assert stage.keys and all(not isinstance(e, MoveTicket | SaveAnswer) for e in stage.effects)


def test_a_menu_tap_in_the_middle_of_a_form_does_not_lose_the_form() -> None:
    stage = at_summary().taps("menu:complaint")
    kept = stage.state.flow == "repair" or any(f.flow == "repair" for f in stage.state.frames)
    assert kept or "utter_cancelled" in stage.keys


def test_half_understood_is_asked_back_and_a_yes_opens_it() -> None:
    stage = Stage(OWNER).says("水龙头那个", "repair", 0.4)
    assert stage.keys == ("utter_confirm_intent_repair",)
    assert stage.says("是的", "affirm").keys == ("utter_ask_when",)
    assert stage.state.slots["description"] == "水龙头那个"


def test_half_understood_and_wrong_shows_the_menu() -> None:
    stage = Stage(OWNER).says("水龙头那个", "repair", 0.4).says("不是", "deny")
    assert stage.keys == ("utter_menu",) and stage.state.flow is None and not stage.state.agenda


def test_not_understood_twice_brings_a_person() -> None:
    stage = Stage(OWNER).says("呱呱呱", "faq", 0.1)
    assert stage.keys == ("utter_not_understood",) and not stage.opened
    stage.says("呱呱呱呱", "faq", 0.1)
    assert stage.opened[0].draft.category == "handoff" and stage.keys == ("utter_handoff_misses",)
    assert stage.state.mode == "human"
    assert stage.told[0].role == "steward"


def test_understood_in_between_forgives_the_first_miss() -> None:
    stage = Stage(OWNER).says("呱呱呱", "faq", 0.1).says("谢谢", "thank").says("呱呱呱", "faq", 0.1)
    assert not stage.tickets


def test_not_understood_within_a_form_brings_a_person_with_what_was_said() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair").says("呱呱", "faq", 0.1)
    assert stage.keys == ("utter_when_unclear",)
    stage.says("呱呱", "faq", 0.1).says("呱呱", "faq", 0.1)
    assert "厨房水龙头漏水" in stage.tickets[0].description and stage.tickets[0].category == "handoff"


# ── What the model read badly ───────────────────────────────────────────────────────────────────────────────────────


def misread(stage: Stage) -> list[tuple[str, str, str, str]]:
    return [(e.why, e.heard_as, e.should_be, e.text) for e in stage.effects if isinstance(e, Misread)]


def test_a_message_nothing_could_be_made_of_is_kept_for_review_and_what_is_picked_next_names_it() -> None:
    stage = Stage(OWNER).says("阳台那个玩意儿嘎吱嘎吱", "faq", 0.1)
    assert misread(stage) == [("unsure", "faq", "", "阳台那个玩意儿嘎吱嘎吱")]
    stage.taps("menu:repair")
    assert misread(stage) == [("chosen", "faq", "repair", "阳台那个玩意儿嘎吱嘎吱")]
    assert stage.state.slots["description"] == "阳台那个玩意儿嘎吱嘎吱"  # said once is enough


def test_a_no_to_what_was_read_into_a_message_is_kept_for_review() -> None:
    stage = Stage(OWNER).says("水龙头那个", "repair", 0.4).says("不是", "deny")
    assert misread(stage) == [("refused", "repair", "", "水龙头那个")]


def test_when_a_person_must_be_brought_in_both_messages_are_kept() -> None:
    stage = Stage(OWNER).says("呱呱呱", "faq", 0.1).says("呱呱呱呱", "rate", 0.2)
    assert misread(stage) == [("person", "rate", "", "呱呱呱呱")]


def test_a_message_that_was_understood_in_between_is_not_blamed_for_what_is_picked_later() -> None:
    stage = Stage(OWNER).says("呱呱呱", "faq", 0.1).says("谢谢", "thank").taps("menu:complaint")
    assert misread(stage) == []


def test_what_is_kept_for_review_names_nobody() -> None:
    text = "我是4栋1单元703的王建国，13800138000，粤B12345，那个怎么说"
    marked = (("person_name", "王建国"), ("plate", "粤B12345"), ("room", "703"))
    entities = tuple(Entity(kind, value, text.index(value), text.index(value) + len(value)) for kind, value in marked)
    stage = Stage(OWNER)
    stage.take(Heard(text, (Matter(text, "faq", 0.1, (), entities),)))
    assert misread(stage)[0][3] == "我是0栋0单元000的某某，00000000000，粤A00000，那个怎么说"


# ── A person ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_person_is_asked_for_and_the_desk_keeps_quiet_until_they_are_done() -> None:
    stage = Stage(OWNER).says("转人工", "handoff")
    assert stage.keys == ("utter_handoff",) and stage.state.mode == "human"
    stage.says("我家的事你们到底管不管", "complaint")
    assert not stage.lines and any(isinstance(e, AmendTicket) for e in stage.effects)
    stage.staff("accept", "steward", name="小陈").staff("answer", "steward", note="已电话说明", name="小陈")
    assert stage.state == stage.state.but(mode="desk")
    assert stage.says("谢谢", "thank").keys == ("utter_thank",)


def test_at_night_a_call_back_is_promised_and_the_desk_stays() -> None:
    stage = Stage(OWNER, on_duty=False).says("转人工", "handoff")
    assert stage.keys == ("utter_handoff_off_duty",) and "010-60000000" in stage.text
    assert stage.state.mode == "desk" and len(stage.tickets) == 1


def test_triage_runs_while_a_person_is_talking() -> None:
    stage = Stage(OWNER).says("转人工", "handoff")
    stage.take(heard("厨房着火了", "emergency", triage=FIRE))
    assert stage.keys[0] == "utter_safety_fire" and stage.opened[0].draft.kind == "emergency"


def test_after_two_idle_hours_the_desk_is_back_with_a_word() -> None:
    stage = Stage(OWNER).says("转人工", "handoff")
    assert any(isinstance(e, Remind) and e.kind == "human_idle" for e in stage.effects)
    stage.waits(hours=2).fires("human_idle")
    assert stage.state.mode == "desk" and stage.keys == ("utter_handoff_waiting",), "nobody had come"
    assert {told.role for told in stage.told} == {"steward", "supervisor"}


@pytest.mark.parametrize(
    ("said", "number"),
    [
        ("最后四位应该是8806", PHONE[:-4] + "8806"), ("倒数第二位是5不是3", PHONE[:-2] + "5" + PHONE[-1]),
        ("别打13900001111,打13900002222", "13900002222"), ("不用改", PHONE),
    ],
)  # fmt: skip
def test_the_telephone_on_the_summary_is_put_right_digit_by_digit(said: str, number: str) -> None:
    stage = at_summary()
    stage.says(said)
    assert stage.state.slots.get("contact") == number or (stage.opened and stage.opened[0].draft.contact == number)


def test_a_voice_note_is_honestly_passed_on() -> None:
    stage = Stage(OWNER)
    stage.take(Heard(media=(Media("voice", "v1"),)))
    assert stage.keys == ("utter_voice",) and stage.opened[0].draft.category == "voice"


# ── Emergency ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_fire_the_safety_line_comes_first_then_the_ticket_then_everyone_on_duty() -> None:
    stage = Stage(OWNER)
    stage.take(heard("我家厨房着火了", "emergency", triage=FIRE))
    assert stage.keys == ("utter_safety_fire", "utter_emergency_opened_at")
    assert "119" in stage.lines[0].text and all(line.priority is Priority.EMERGENCY for line in stage.lines)
    draft = stage.opened[0].draft
    assert (draft.kind, draft.category, draft.room, draft.contact) == ("emergency", "fire", ROOMS[0], PHONE)
    assert {t.role for t in stage.told} >= {"technician", "guard", "steward", "supervisor", "manager"}


def test_danger_the_classifier_is_sure_of_needs_no_rule() -> None:
    stage = Stage(OWNER).says("我爸不行了快来", "emergency")
    assert stage.keys == ("utter_safety_general", "utter_emergency_opened_at")


def test_one_fire_is_one_ticket_however_often_it_is_shouted() -> None:
    stage = Stage(OWNER)
    for _ in range(3):
        stage.take(heard("着火了", "emergency", triage=FIRE))
        assert stage.keys[0] == "utter_safety_fire"
    assert len(stage.tickets) == 1


def test_an_emergency_in_the_middle_of_a_form_parks_it_and_comes_back_to_its_question() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair")
    stage.take(heard("着火了着火了", "emergency", triage=FIRE))
    assert stage.state.flow == "emergency" and [f.flow for f in stage.state.frames] == ["repair"]
    assert stage.says("在阳台").keys == ("utter_emergency_where",)
    stage.says("火灭了，没事了")
    assert stage.keys[0] == "utter_emergency_safe"
    assert stage.state.flow == "repair" and stage.state.asking == "when"
    assert stage.keys[-1] == "utter_ask_when", "back in the form, its question is asked again"
    assert stage.says("明天下午").keys == ("utter_summary_repair",)
    stage.says("对", "affirm")
    assert [t.kind for t in stage.tickets] == ["emergency", "repair"]


def test_a_parked_summary_is_shown_again_before_a_yes_counts() -> None:
    stage = at_summary()
    stage.take(heard("着火了", "emergency", triage=FIRE))
    stage.says("火灭了，没事了")
    assert stage.keys[-1] == "utter_summary_repair"
    assert len(stage.says("对", "affirm").opened) == 1


def test_staff_end_the_emergency_and_the_desk_is_free_again() -> None:
    stage = Stage(OWNER)
    stage.take(heard("着火了", "emergency", triage=FIRE))
    stage.staff("accept", "guard", name="赵队").staff("stand_down", "guard", note="烟感误报", name="赵队")
    assert stage.keys == ("utter_moved_false_alarm",)
    assert stage.says("厨房水龙头漏水", "repair").keys == ("utter_ask_when",)


def test_thanks_for_the_stand_down_does_not_file_the_parked_form() -> None:
    stage = at_summary()
    stage.take(heard("着火了", "emergency", triage=FIRE))
    stage.staff("stand_down", "guard", note="烟感误报", name="赵队")
    stage.says("好的", "affirm")
    assert not stage.opened, "the summary was not the last thing shown"


def test_with_the_language_service_down_danger_is_still_heard() -> None:
    stage = Stage(OWNER)
    stage.take(Heard("着火了", triage=FIRE, understood=False))
    assert stage.keys[0] == "utter_safety_fire" and stage.opened


# ── Two matters, questions in between ───────────────────────────────────────────────────────────────────────────────


def test_two_matters_in_one_message_are_taken_one_after_the_other() -> None:
    stage = Stage(OWNER)
    repair, noise = Matter("水龙头漏水", "repair", 0.9), Matter("楼上半夜装修太吵", "complaint", 0.9)
    stage.take(Heard("水龙头漏水，另外楼上半夜装修太吵", (repair, noise)))
    assert stage.state.flow == "repair" and stage.state.agenda == (noise,)
    stage.says("明天下午").says("对", "affirm")
    assert stage.keys[:2] == ("utter_opened_repair", "utter_next_matter")
    assert stage.state.flow == "complaint" and stage.state.slots["description"] == "楼上半夜装修太吵"
    stage.says("对", "affirm")
    assert [t.kind for t in stage.tickets] == ["repair", "complaint"]
    assert stage.tickets[0].description == "水龙头漏水"


def test_the_second_matter_survives_an_asking_back_of_the_first() -> None:
    stage = Stage(OWNER)
    stage.take(Heard("…", (Matter("水龙头那个", "repair", 0.4), Matter("楼上太吵", "complaint", 0.9))))
    assert stage.keys == ("utter_confirm_intent_repair",)
    stage.says("是的", "affirm").says("明天下午").says("对", "affirm")
    assert stage.state.flow == "complaint"


def test_another_request_during_a_form_is_kept_for_afterwards() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair").says("楼上天天半夜吵得睡不着", "complaint")
    assert stage.keys == ("utter_kept_for_later", "utter_ask_when")
    stage.says("明天下午").says("对", "affirm")
    assert stage.state.flow == "complaint"


def test_a_question_in_between_is_answered_and_the_form_goes_on() -> None:
    stage = filed().says("卧室灯坏了", "repair").says("我上次的报修到哪了", "ticket_status")
    assert stage.keys == ("utter_status_line", "utter_ask_when")


def test_an_honest_answer_where_the_desk_holds_none_and_an_offer_to_pass_it_on() -> None:
    stage = Stage(OWNER).says("物业费多少钱", "fee_query")
    assert stage.keys == ("utter_fee_no_figure",) and not stage.opened
    stage.says("好的", "affirm")
    assert stage.opened[0].draft.kind == "fee_case" and stage.keys == ("utter_opened_fee_case",), "a second yes would be one too many"


def test_an_offer_declined_is_let_go() -> None:
    stage = Stage(OWNER).says("泳池几点开", "faq").taps("no")
    assert stage.keys == ("utter_affirm_idle",) and not stage.state.agenda and stage.state.flow is None


# ── What is already filed ───────────────────────────────────────────────────────────────────────────────────────────


def test_progress_shows_the_ticket_as_it_stands() -> None:
    stage = filed().staff("accept").says("我的报修到哪了", "ticket_status")
    assert stage.keys == ("utter_status_line",)
    assert "YH-BX-0001" in stage.text and "已派单" in stage.text and "李师傅" in stage.text


def test_urging_is_passed_on_once_in_four_hours() -> None:
    stage = filed().staff("accept").says("怎么还没人来，催一下", "ticket_status")
    assert stage.keys == ("utter_status_line", "utter_urged")
    assert stage.waits(hours=3).says("快点啊，催一下", "ticket_status").keys[-1] == "utter_urged_already"
    assert stage.waits(hours=2).says("快点啊，催一下", "ticket_status").keys[-1] == "utter_urged"


def test_another_households_ticket_number_opens_nothing() -> None:
    stage = Stage(OWNER).says("YH-BX-0099到哪了", "ticket_status")
    assert "YH-BX-0099" not in stage.text and not stage.told


def test_withdrawing_is_asked_back_and_then_done() -> None:
    stage = filed().says("不用来修了，取消报修吧", "ticket_change")
    assert stage.keys == ("utter_withdraw_confirm",) and stage.tickets[0].status == "submitted"
    stage.says("确定", "affirm")
    assert stage.keys == ("utter_withdrawn",) and stage.tickets[0].status == "cancelled"


@pytest.mark.parametrize("words", ["不", "算了"])
def test_second_thoughts_keep_the_ticket(words: str) -> None:
    stage = filed().says("不用来修了，取消报修吧", "ticket_change").says(words, "deny")
    assert stage.keys == ("utter_kept",) and stage.tickets[0].status == "submitted"


def test_what_is_being_worked_on_is_not_withdrawn_here_but_somebody_is_told() -> None:
    stage = filed().staff("accept").staff("arrive").says("取消报修", "ticket_change")
    assert stage.keys == ("utter_cannot_withdraw",) and stage.told
    assert stage.tickets[0].status == "in_progress"


def test_a_withdrawal_confirmed_after_the_technician_began_is_told_so_and_moves_nothing() -> None:
    stage = filed().staff("accept").says("不用来修了，取消报修吧", "ticket_change")
    assert stage.keys == ("utter_withdraw_confirm",)
    stage.staff("arrive").says("确定", "affirm")
    assert stage.tickets[0].status == "in_progress" and stage.keys
    assert "utter_withdrawn" not in stage.keys


def test_rescheduling_moves_the_visit_and_tells_the_technician() -> None:
    stage = filed().staff("accept").says("改到后天上午来", "ticket_change")
    assert stage.keys == ("utter_rescheduled",)
    moved = stage.tickets[0].appointment
    assert moved is not None and moved.start == local(2026, 3, 6, 9)
    assert [t.role for t in stage.told] == ["assignee"]


def test_a_photo_after_filing_goes_to_the_ticket() -> None:
    stage = filed()
    stage.take(Heard(media=(photo(),)))
    assert stage.keys == ("utter_note_added",)
    assert [e.kind for e in stage.effects if isinstance(e, AmendTicket)] == ["photo"]


# ── News of a ticket ────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_resident_hears_of_every_step_in_its_own_words() -> None:
    stage = filed()
    heard_of = [
        (stage.staff("accept").keys, "李师傅"),
        (stage.staff("depart").keys, "李师傅"),
        (stage.staff("arrive").keys, "李师傅"),
    ]
    assert [keys for keys, _ in heard_of] == [("utter_moved_dispatched",), ("utter_moved_en_route",), ("utter_moved_in_progress",)]
    assert "李师傅" in stage.text and "YH-BX-0001" in stage.text
    stage.staff("pause", note="等待配件")
    assert stage.keys == ("utter_moved_on_hold",) and "等待配件" in stage.text


def test_no_placeholder_is_ever_left_in_the_news() -> None:
    stage = filed()
    for action, note in (("accept", ""), ("depart", ""), ("arrive", ""), ("quote", "换电机350元")):
        assert "{" not in stage.staff(action, note=note).text
    assert stage.keys == ("utter_moved_quote_pending",) and "350" in stage.text
    assert all("{" not in button.value for line in stage.lines for button in line.buttons)


def test_a_repair_turned_down_says_why() -> None:
    stage = filed().staff("reject", "steward", note="由供电局负责，电话95598", name="小陈")
    assert stage.keys == ("utter_moved_rejected",) and "95598" in stage.text


def test_a_quote_is_agreed_with_a_word() -> None:
    stage = filed().staff("accept").staff("arrive").staff("quote", note="换电机350元").says("同意", "affirm")
    assert stage.keys == ("utter_agreed",) and stage.tickets[0].status == "in_progress"


@pytest.mark.parametrize(
    ("words", "intent"),
    [("太贵了吧", "deny"), ("有点贵", "fee_query"), ("能便宜点吗", "fee_query"), ("that's way too expensive", "deny"), ("could it be cheaper?", "faq")],
)
def test_finding_a_quote_dear_declines_nothing(words: str, intent: str) -> None:
    stage = filed().staff("accept").staff("arrive").staff("quote", note="换电机350元").says(words, intent)
    assert stage.keys == ("utter_quote_dear",) and "350" in stage.text
    assert stage.tickets[0].status == "quote_pending"
    stage.taps("menu:handoff")
    asked = stage.opened[-1].draft.description
    assert words in asked and "350" in asked


@pytest.mark.parametrize(
    ("words", "intent", "status"),
    [
        ("太贵了，不修了", "deny", "cancelled"),
        ("太贵了算了", "cancel", "cancelled"),
        ("oh thats too much, no thanks", "deny", "cancelled"),
        ("有点贵，好吧", "affirm", "in_progress"),
    ],
)
def test_what_is_said_beside_it_counts(words: str, intent: str, status: str) -> None:
    stage = filed().staff("accept").staff("arrive").staff("quote", note="换电机350元").says(words, intent)
    assert stage.tickets[0].status == status


def test_a_quote_is_declined_with_a_tap() -> None:
    stage = filed().staff("accept").staff("arrive").staff("quote", note="换电机350元").taps("decline:1")
    assert stage.keys == ("utter_declined",) and stage.tickets[0].status == "cancelled"


def test_news_in_the_middle_of_a_form_leaves_the_form_alone() -> None:
    stage = resolved_during_a_form()
    assert stage.state.asking == "confirm"
    assert [t.kind for t in stage.says("对", "affirm").tickets] == ["repair", "repair"]
    assert stage.tickets[0].status == "resolved"


def resolved_during_a_form() -> Stage:
    stage = filed().staff("accept").staff("arrive").says("卧室灯坏了", "repair").says("明天下午")
    stage.staff("done", note="换了阀芯")
    assert stage.keys == ("utter_moved_resolved",)
    return stage


def test_a_reply_to_a_complaint_can_be_disputed() -> None:
    stage = Stage(OWNER, tickets=[ticket("complaint", "investigating")])
    stage.staff("reply", "steward", note="已与楼上沟通", name="小陈")
    assert stage.keys == ("utter_moved_replied",)
    assert stage.says("不认可", "deny").keys == ("utter_disputed",) or stage.taps("dispute:1").keys == ("utter_disputed",)
    assert stage.tickets[0].status == "disputed"


def test_the_offices_own_follow_up_is_not_news() -> None:
    stage = Stage(OWNER, tickets=[ticket("follow_up")])
    assert stage.staff("accept", "supervisor").keys == ()


# ── Done? ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("words", "intent"), [("修好了", "affirm"), ("好的", "affirm"), ("谢谢", "thank"), ("it is fixed", "affirm")])
def test_the_resident_confirms(words: str, intent: str) -> None:
    stage = resolved().says(words, intent)
    assert stage.tickets[0].status == "closed" and stage.keys == ("utter_confirmed",)


@pytest.mark.parametrize(
    ("words", "intent"), [("还是漏水", "repair"), ("没修好", "deny"), ("没有", "deny"), ("still leaking", "repair")]
)
def test_not_fixed_goes_back_to_work_and_opens_no_second_ticket(words: str, intent: str) -> None:
    stage = resolved().says(words, intent)
    assert stage.tickets[0].status == "in_progress" and stage.tickets[0].rework == 1
    assert stage.keys == ("utter_not_fixed",) and len(stage.tickets) == 1
    assert any(isinstance(e, CancelReminders) for e in stage.effects)


def test_the_second_not_fixed_brings_the_supervisor() -> None:
    stage = resolved().taps("not_fixed:1")
    assert "supervisor" not in [t.role for t in stage.told]
    stage.staff("done", note="又换一次").taps("not_fixed:1")
    assert stage.tickets[0].rework == 2
    assert "supervisor" in [t.role for t in stage.told]
    assert any(isinstance(e, Remind) and e.kind == "escalation_rework" for e in stage.effects)
    stage.fires("escalation_rework", 1)
    assert [e.clock for e in stage.effects if isinstance(e, Escalate)] == ["rework"]


def test_a_confirmation_tapped_twice_is_told_how_it_stands() -> None:
    stage = resolved().taps("confirm:1").taps("confirm:1")
    assert stage.keys and not any(isinstance(e, MoveTicket) for e in stage.effects)


def test_a_tap_on_an_older_message_of_the_same_ticket_changes_nothing() -> None:
    stage = resolved().taps("not_fixed:1").taps("confirm:1")
    assert stage.keys == ("utter_stale_button", "utter_status_line") and stage.tickets[0].status == "in_progress"


def test_seven_silent_days_close_the_ticket_with_a_word() -> None:
    stage = resolved()
    (due,) = [e for e in stage.effects if isinstance(e, Remind) and e.kind == "auto_close"]
    assert due.at - stage.now == timedelta(days=7)
    stage.waits(days=7).fires("auto_close", 1)
    assert stage.tickets[0].closed_by == "timeout" and stage.keys == ("utter_auto_closed",)


def test_who_answered_in_time_is_not_closed_by_the_clock() -> None:
    stage = resolved().taps("not_fixed:1").waits(days=7).fires("auto_close", 1)
    assert stage.effects == () and stage.tickets[0].status == "in_progress"


# ── The survey ──────────────────────────────────────────────────────────────────────────────────────────────────────


def surveyed() -> Stage:
    stage = resolved().taps("confirm:1").waits(hours=2).fires("survey", 1)
    assert stage.keys == ("utter_survey",) and stage.state.survey == 1
    return stage


def test_the_survey_is_set_for_two_hours_after_the_work_and_never_for_the_night() -> None:
    asked = [e.at for e in resolved().effects if isinstance(e, Remind) and e.kind == "survey"]
    assert asked == [local(2026, 3, 4, 12).astimezone(UTC)]
    evening = [
        e.at for e in resolved(now=local(2026, 3, 4, 20).astimezone(UTC)).effects if isinstance(e, Remind) and e.kind == "survey"
    ]
    assert evening == [local(2026, 3, 5, 9)]


@pytest.mark.parametrize(("words", "score"), [("5", 5), ("马马虎虎,3分吧", 3), ("很满意", 5), ("very satisfied", 5)])
def test_a_good_score_is_thanked_for(words: str, score: int) -> None:
    stage = surveyed().says(words, "rate")
    assert [(e.ticket_id, e.score) for e in stage.effects if isinstance(e, SaveAnswer)] == [(1, score)]
    assert stage.keys == ("utter_survey_thanks",) and not stage.opened and stage.state.survey is None
    assert any(isinstance(e, CancelReminders) for e in stage.effects)


@pytest.mark.parametrize("answer", ["1", "rate:1:2"])
def test_a_low_score_opens_a_follow_up_and_asks_why(answer: str) -> None:
    stage = surveyed()
    stage.taps(answer) if ":" in answer else stage.says(answer, "rate")
    draft = stage.opened[0].draft
    assert (draft.kind, draft.linked_to) == ("follow_up", 1) and stage.keys == ("utter_survey_reason",)
    assert "supervisor" in [t.role for t in stage.told]
    stage.says("师傅迟到两个小时", "complaint", 0.4)
    assert [(e.score, e.comment) for e in stage.effects if isinstance(e, SaveAnswer)] == [(None, "师傅迟到两个小时")]
    assert stage.keys == ("utter_survey_followed",)
    assert stage.state.flow is None


def test_a_score_is_saved_once() -> None:
    stage = surveyed().taps("rate:1:5").taps("rate:1:1")
    assert stage.keys == ("utter_rate_nothing",) and not any(isinstance(e, SaveAnswer) for e in stage.effects)


def test_a_repair_reported_under_an_open_survey_is_a_repair_and_no_rating() -> None:
    stage = surveyed().says("卧室灯又坏了3个", "repair")
    assert stage.state.flow == "repair" and not any(isinstance(e, SaveAnswer) for e in stage.effects)


def test_a_rating_tapped_during_a_form_leaves_the_form_where_it_was() -> None:
    stage = surveyed().says("卧室灯坏了", "repair").says("明天下午")
    assert stage.state.asking == "confirm"
    stage.taps("rate:1:5")
    assert any(isinstance(e, SaveAnswer) for e in stage.effects)
    assert len(stage.says("1").opened) == 1, "the numbers of the summary still count"


def test_the_reason_for_a_low_score_does_not_end_up_in_the_form() -> None:
    stage = surveyed().says("卧室灯坏了", "repair").says("明天下午").taps("rate:1:1").says("师傅态度很差")
    assert "态度" not in stage.state.slots.get("description", "")
    assert "态度" not in stage.says("对", "affirm").text


def test_a_cancelled_or_silent_ticket_is_never_surveyed() -> None:
    stage = filed().says("取消报修", "ticket_change").says("确定", "affirm").fires("survey", 1)
    assert stage.effects == ()
    stage = resolved().waits(days=7).fires("auto_close", 1).fires("survey", 1)
    assert stage.effects == ()


def test_the_survey_waits_while_a_person_or_an_emergency_has_the_word() -> None:
    stage = resolved().taps("confirm:1").says("转人工", "handoff").waits(hours=2).fires("survey", 1)
    assert stage.keys == () and [e.kind for e in stage.effects if isinstance(e, Remind)] == ["survey"]


def test_one_reminder_then_it_expires_silently() -> None:
    stage = surveyed().waits(hours=24).fires("survey_reminder", 1)
    assert stage.keys == ("utter_survey_reminder",)
    stage.waits(days=6).fires("survey_expiry", 1)
    assert not stage.lines and stage.state.survey is None
    assert stage.fires("survey_reminder", 1).effects == ()


# ── Overdue ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_overdue_ticket_is_escalated_and_goes_up_when_nobody_acknowledges() -> None:
    stage = filed().fires("sla_first_response", 1)
    assert [(e.clock, e.level) for e in stage.effects if isinstance(e, Escalate)] == [("first_response", 1)]
    assert [t.role for t in stage.told] == ["supervisor"]
    (again,) = [e for e in stage.effects if isinstance(e, Remind)]
    stage.fires(again.kind, 1, again.round, **again.data)
    assert [t.role for t in stage.told] == ["manager"] and stage.keys == ()


def test_a_clock_that_was_answered_in_time_stays_silent() -> None:
    assert filed().staff("accept").fires("sla_first_response", 1).effects == ()


# ── Drafts ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_form_left_lying_is_asked_about_once_and_then_dropped_with_a_word() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair")
    assert [e.at - stage.now for e in stage.effects if isinstance(e, Remind)] == [timedelta(minutes=30)]
    stage.waits(minutes=30).fires("draft_ask")
    assert stage.keys == ("utter_draft_question",)
    stage.waits(days=1).fires("draft_drop")
    assert stage.keys == ("utter_draft_dropped",) and stage.state.flow is None and not stage.tickets


def test_several_forms_begun_within_half_an_hour_are_asked_about_once() -> None:
    """Each has set a timer; only the last is still open."""
    stage = at_summary().says("对", "affirm").says("厨房水龙头漏水", "repair").waits(minutes=30)
    assert stage.fires("draft_ask").keys == ("utter_draft_question",)
    stage.fires("draft_ask", round=7)
    assert stage.effects == ()


def test_thanks_to_the_question_whether_to_go_on_files_nothing() -> None:
    stage = at_summary().waits(minutes=30).fires("draft_ask").says("谢谢", "thank")
    assert not stage.opened


def test_go_on_shows_the_question_again_and_files_nothing() -> None:
    stage = at_summary().waits(minutes=30).fires("draft_ask")
    stage.taps("yes")
    assert stage.keys == ("utter_summary_repair",) and not stage.opened


def test_who_is_still_talking_is_not_asked_whether_to_go_on() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair").waits(minutes=20).says("明天下午").waits(minutes=10)
    stage.fires("draft_ask")
    assert stage.keys == () and [e.kind for e in stage.effects if isinstance(e, Remind)] == ["draft_ask"]


# ── Language service down ───────────────────────────────────────────────────────────────────────────────────────────


def deaf(text: str, **changes: Any) -> Heard:
    return Heard(text, understood=False, **changes)


def test_with_the_language_service_down_the_menu_files_what_was_already_said() -> None:
    stage = Stage(OWNER)
    stage.take(deaf("厨房水龙头漏水"))
    assert stage.keys == ("utter_degraded",) and len(stage.lines[0].buttons) == 6
    stage.take(deaf("1"))
    assert stage.state.flow == "repair" and stage.keys == ("utter_ask_when",)
    stage.take(deaf("明天下午"))
    stage.take(deaf("对"))
    assert stage.opened[0].draft.description == "厨房水龙头漏水"


def test_with_the_language_service_down_a_person_can_be_reached() -> None:
    stage = Stage(OWNER)
    stage.take(deaf("有事找你们"))
    stage.taps("menu:handoff")
    assert stage.opened[0].draft.category == "handoff" and stage.opened[0].draft.description == "有事找你们"


def test_with_the_language_service_down_a_form_goes_on_and_cancel_works() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair")
    stage.take(deaf("取消"))
    assert stage.keys == ("utter_cancelled",)


# ── Language ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_desk_follows_the_residents_language_within_a_form() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair").says("tomorrow afternoon please")
    assert stage.text.startswith("Please check")


def test_a_bare_number_keeps_the_language() -> None:
    stage = Stage(STRANGER).says("the tap in my flat is leaking", "repair").says("4-1-703").says("tomorrow afternoon").says(PHONE)
    assert stage.text.startswith("Please check")


def test_a_visit_in_the_progress_line_is_shown_in_local_time() -> None:
    stage = Stage(OWNER, tickets=[ticket(appointment=visit(5, 14, 18))]).says("我的报修到哪了", "ticket_status")
    assert "下午" in stage.text or "14:00" in stage.text
