"""What a good clerk does besides the form: one fault one ticket, regret, one step back, answers in danger, words kept.

Told with `step` alone, like test_dialogue. The marks are those the language model would make.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import yaml
from stage import OWNER, PHONE, POLICY, ROOMS, RULES, STRANGER, Stage, heard, photo, ticket, visit

from bot.core import danger
from bot.core.resolve import language, opening
from bot.core.resolve.score import says_more
from bot.core.types import AmendTicket, Binding, Entity, Heard, Matter, MoveTicket, Priority, Triage

GAS = Triage("gas", "煤气味")
TWO_HOMES = replace(OWNER, bindings=(Binding(11, ROOMS[0], "owner", 21), Binding(12, ROOMS[3], "owner", 22)))


def matter(text: str, intent: str = "repair", confidence: float = 0.95, **marks: str) -> Matter:
    """A matter with its marks, e.g. item="水管"; each stands in the text."""
    entities = tuple(Entity(kind, value, text.index(value), text.index(value) + len(value)) for kind, value in marks.items())
    return Matter(text, intent, confidence, (), entities)


def said(stage: Stage, text: str, intent: str = "repair", **marks: str) -> Stage:
    stage.take(Heard(text, (matter(text, intent, **marks),)))
    return stage


def with_repair(**changes: Any) -> Stage:
    """An owner with one repair: the tap in the kitchen."""
    fields = {"room": ROOMS[0].label, "location": "厨房", "contact": PHONE, "updated_at": Stage().now, **changes}
    return Stage(OWNER, tickets=[ticket(**fields)])


# ── One fault, one ticket ───────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_reported_before_is_offered_for_adding_to() -> None:
    stage = said(with_repair(), "厨房水龙头漏得更厉害了", item="水龙头", location="厨房")
    assert stage.keys == ("utter_same_open",) and "YH-BX-0001" in stage.text and not stage.opened
    stage.says("是同一件", "affirm")
    amended = [e for e in stage.effects if isinstance(e, AmendTicket)]
    assert [(e.ticket_id, e.note) for e in amended] == [(1, "厨房水龙头漏得更厉害了")] and stage.keys == ("utter_note_added",)
    assert stage.told[0].role == "assignee" and stage.state.flow is None


@pytest.mark.parametrize("no", ["不是", "是另外一个", "no, a different one"])
def test_another_fault_of_the_same_thing_is_a_ticket_of_its_own(no: str) -> None:
    stage = said(with_repair(), "厨房水龙头也松了", item="水龙头", location="厨房").says(no)
    assert stage.state.flow == "repair" and stage.state.asking == "when"


def test_what_is_said_with_the_no_is_kept() -> None:
    stage = said(with_repair(), "水龙头也漏", item="水龙头").says("不是同一个，是阳台的")
    assert "阳台的" in stage.state.slots["description"]


@pytest.mark.parametrize(
    ("text", "marks"),
    [
        ("卧室灯坏了", {"item": "灯", "location": "卧室"}),
        ("阳台水龙头漏水", {"item": "水龙头", "location": "阳台"}),
        ("好像哪里坏了", {}),
    ],
)
def test_another_thing_another_place_or_nothing_marked_is_not_offered(text: str, marks: dict[str, str]) -> None:
    assert said(with_repair(), text, **marks).keys == ("utter_ask_when",)


def test_work_that_was_closed_is_taken_up_again_within_the_days_of_policy_and_linked_after_them() -> None:
    stage = with_repair(status="closed").waits(days=20)
    assert said(stage, "厨房水龙头又漏了", item="水龙头").keys == ("utter_same_done",)
    stage.taps("yes")
    assert [(e.ticket_id, e.action) for e in stage.effects if isinstance(e, MoveTicket)] == [(1, "reopen")]
    assert stage.tickets[0].status == "in_progress"
    late = with_repair(status="closed").waits(days=POLICY.reopen_within.days + 1)
    assert said(late, "厨房水龙头又漏了", item="水龙头").keys == ("utter_ask_when",)
    assert late.state.slots["linked_to"] == 1
    assert late.says("明天下午").taps("yes").opened[0].draft.linked_to == 1


# ── Reported done, and nobody came ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["写着已完成，我连人影都没见着", "it says completed but nobody ever came to my door"])
def test_nobody_came_reopens_and_may_be_a_complaint_with_the_repairs_times(text: str) -> None:
    stage = with_repair(status="resolved", appointment=visit(4, 14, 18))
    stage.says(text, "ticket_status")
    assert stage.keys == ("utter_not_fixed", "utter_no_show")
    assert [e.action for e in stage.effects if isinstance(e, MoveTicket)] == ["not_fixed"]
    stage.taps("yes")
    draft = stage.opened[0].draft
    assert (draft.kind, draft.category, draft.linked_to, draft.priority) == ("complaint", "no_show", 1, Priority.HIGH)
    assert "YH-BX-0001" in draft.description and "2026-03-04 10:00" in draft.description, "with its times, in the community's zone"
    assert {told.role for told in stage.told} == {"supervisor"}, "whoever did the work is not told"


def test_a_no_to_the_complaint_leaves_the_repair_taken_up() -> None:
    stage = with_repair(status="resolved").says("根本没来过人", "ticket_status").taps("no")
    assert not stage.opened and stage.tickets[0].status == "in_progress"


# ── Anger, urging ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_week_and_nobody_came_finds_the_ticket_says_sorry_and_urges_it() -> None:
    stage = with_repair(appointment=visit(5, 9, 12)).waits(days=7)
    stage.says("都一个礼拜了没人管，你们到底修不修！", "complaint")
    assert stage.keys == ("utter_regret", "utter_status_line", "utter_urged") and not stage.opened
    assert "未到访" in stage.text, "the visit that was missed is not told as one to come"
    urged = next(e for e in stage.effects if isinstance(e, AmendTicket))
    assert urged.kind == "urge" and urged.priority is Priority.HIGH
    assert {told.role for told in stage.told} == {"assignee", "supervisor"}
    assert stage.says("现在呢", "ticket_status").keys == ("utter_status_line", "utter_urged_already"), "once in four hours"


def test_a_missed_visit_is_regretted_also_where_nobody_is_angry() -> None:
    stage = with_repair(appointment=visit(4, 14, 18)).waits(hours=9)
    assert "utter_regret" in stage.says("我的报修怎么样了", "ticket_status").keys


def test_regret_is_said_once_in_a_while_and_the_request_comes_sooner() -> None:
    stage = Stage(OWNER).says("电梯三天两头坏，你们物业到底管不管", "complaint")
    assert stage.keys[0] == "utter_regret"
    assert "utter_regret" not in stage.says("太过分了，你们物业到底管不管", "complaint").keys
    stage = Stage(OWNER).says("楼上天天半夜拖椅子，反映了三次了没人管", "complaint").taps("yes")
    assert stage.opened[0].draft.priority is Priority.HIGH


def test_who_is_angry_and_asks_for_a_person_gets_one_without_a_form() -> None:
    stage = Stage(OWNER).says("你们太过分了，叫你们经理来", "handoff")
    assert stage.keys == ("utter_regret", "utter_handoff") and stage.opened[0].draft.priority is Priority.HIGH
    assert stage.state.flow is None


def test_bare_insults_are_not_read_back_for_checking() -> None:
    stage = Stage(OWNER).says("你们物业就是一群废物", "complaint")
    assert stage.keys == ("utter_regret", "utter_ask_what_complaint")
    assert stage.says("叫你们经理出来", "handoff").opened[0].draft.category == "handoff", "and a person may be had at once"


# ── The form: back, again, in any order ─────────────────────────────────────────────────────────────────────────────


def test_one_step_back_asks_what_was_answered_last_and_keeps_what_is_on_file() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair").says("明天下午")
    stage.says("上一步")
    assert stage.keys == ("utter_step_back", "utter_ask_when") and stage.state.slots["contact"] == PHONE
    assert stage.says("后天下午").keys == ("utter_summary_repair",)


def test_starting_over_begins_with_the_first_question() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair").says("重新来")
    assert stage.keys == ("utter_start_over", "utter_ask_what_repair")


def test_what_is_said_before_the_matter_fills_the_form_to_come() -> None:
    stage = Stage(STRANGER).says("我的电话13800138000，住4栋1单元703")
    assert stage.keys == ("utter_ask_matter",)
    stage.says("厨房水龙头漏水", "repair")
    assert stage.keys == ("utter_ask_when",) and stage.state.slots["contact"] == PHONE


def test_an_answer_to_something_else_is_said_back() -> None:
    stage = Stage(STRANGER).says("厨房水龙头漏水", "repair").says("周六上午")
    assert stage.keys == ("utter_noted_value", "utter_ask_room") and "周六" in stage.text


def test_a_telephone_in_a_form_is_an_answer_whatever_it_reads_like() -> None:
    stage = Stage(STRANGER).says("厨房水龙头漏水", "repair").says("先留个电话吧，13800138000", "handoff")
    assert not stage.opened and stage.state.slots["contact"] == PHONE


def test_hours_said_after_the_day_are_hours_of_that_day() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair").says("大后天").says("上午")
    assert stage.state.slots["when"]["start"].startswith("2026-03-07T01:00")


def test_a_yes_answered_with_a_value_is_a_yes() -> None:
    stage = Stage(OWNER).says("水龙头那个", "repair", 0.4)
    assert stage.keys == ("utter_confirm_intent_repair",)
    assert stage.says("明天上午").keys == ("utter_summary_repair",)


def test_another_matter_that_speaks_of_a_night_is_not_the_night_of_the_visit() -> None:
    stage = Stage(OWNER).says("客厅插座没电", "repair").says("另外楼上晚上老是钻墙", "complaint")
    assert stage.keys == ("utter_kept_for_later", "utter_ask_when") and not stage.state.slots.get("when")


@pytest.mark.parametrize("text", ["没有电话", "就不留了", "I'd rather not"])
def test_nobody_must_leave_a_number(text: str) -> None:
    stage = Stage(STRANGER).says("小区南门的灯不亮", "repair")
    assert stage.state.asking == "contact"
    assert stage.says(text, "cancel").keys == ("utter_summary_repair_public",)


def test_the_same_words_a_second_time_are_no_miss() -> None:
    stage = Stage(OWNER).says("书房插座没电了", "repair").says("书房插座没电了", "repair")
    assert stage.keys == ("utter_ask_when",) and stage.state.misses == 0


def test_a_further_detail_while_something_is_asked_is_kept() -> None:
    stage = Stage(OWNER).says("灯坏了", "repair").says("厨房的灯", "repair", 0.6)
    assert stage.keys == ("utter_noted_more", "utter_ask_when") and "厨房的灯" in stage.state.slots["description"]


def test_a_kind_of_request_alone_is_no_description() -> None:
    assert Stage(OWNER).says("我要报修", "repair").keys == ("utter_ask_what_repair",)


def test_whose_of_two_homes_is_asked_as_hers() -> None:
    assert Stage(TWO_HOMES).says("灯坏了", "repair").keys == ("utter_ask_room_mine",)


def test_a_photo_before_the_words_goes_with_them() -> None:
    stage = Stage(OWNER)
    stage.take(Heard(media=(photo("p1"),)))
    assert stage.keys == ("utter_photo_first",)
    stage.says("水槽下面滴水", "repair").says("明天上午").taps("yes")
    assert [p.reference for p in stage.opened[0].draft.photos] == ["p1"]


def test_a_photo_for_what_is_filed_is_told_to_whoever_works_on_it() -> None:
    stage = with_repair()
    stage.take(Heard(media=(photo("p2"),)))
    assert stage.keys == ("utter_note_added",) and stage.told[0].role == "assignee"


def test_a_yes_to_what_shall_be_changed_files_nothing() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair").says("明天下午").taps("no").says("好", "affirm")
    assert not stage.tickets and stage.keys == ("utter_summary_repair",)


def test_an_urgent_repair_waits_for_no_appointment() -> None:
    stage = Stage(OWNER).says("厨房水管爆了，到处喷水", "repair")
    assert stage.keys == ("utter_urgent", "utter_summary_repair")
    assert stage.taps("yes").opened[0].draft.priority is Priority.URGENT


def test_under_a_summary_half_a_complaint_is_a_further_detail() -> None:
    stage = Stage(OWNER).says("please make a visitor code for my parents", "permit").says("they come on Saturday by car", "complaint", 0.56)
    assert stage.keys == ("utter_summary_other",) and "by car" in stage.text


# ── What is already filed ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("text", ["算了，还是修吧", "no wait, keep it", "先别取消"])
def test_a_no_to_a_withdrawal_keeps_the_ticket(text: str) -> None:
    stage = with_repair().says("取消报修", "ticket_change")
    assert stage.says(text, "cancel").keys == ("utter_kept",) and stage.tickets[0].status == "submitted"


def test_the_one_that_is_named_is_withdrawn() -> None:
    stage = Stage(OWNER, tickets=[ticket(number=1), ticket(number=2, description="卫生间门关不上")])
    said(stage, "水龙头不用修了，取消", "ticket_change", item="水龙头")
    assert stage.keys == ("utter_withdraw_confirm",) and "YH-BX-0001" in stage.text


def test_a_no_with_its_reason_disputes_a_reply() -> None:
    stage = Stage(OWNER, tickets=[ticket("complaint", "investigating")]).staff("reply", "steward", "已劝告")
    stage.says("不认可，根本没剪过", "complaint")
    assert [(e.action, e.note) for e in stage.effects if isinstance(e, MoveTicket)] == [("dispute", "不认可，根本没剪过")]


def test_not_doing_it_declines_a_quote() -> None:
    stage = Stage(OWNER, tickets=[ticket("service_order", "requested")]).staff("quote", "steward", "160元")
    stage.says("不做了", "cancel")
    assert [e.action for e in stage.effects if isinstance(e, MoveTicket)] == ["decline"]


def test_a_low_score_with_its_reason_asks_for_none() -> None:
    stage = with_repair(status="closed").fires("survey", 1)
    stage.says("2分，师傅迟到两个小时还把地弄脏了", "rate")
    assert stage.keys == ("utter_survey_followed",) and stage.state.flow is None
    assert stage.opened[0].draft.description == "2分，师傅迟到两个小时还把地弄脏了"


@pytest.mark.parametrize(
    ("text", "more"),
    [("2分", False), ("给两星吧", False), ("2分，很差", False), ("1分，地板全弄湿了也没擦", True), ("two stars, he left a mess on the floor", True)],
)
def test_a_score_says_more_where_a_reason_follows(text: str, more: bool) -> None:
    assert says_more(text) is more


def test_why_it_was_low_may_read_like_a_complaint() -> None:
    stage = with_repair(status="closed").fires("survey", 1).says("2分", "rate")
    assert stage.keys == ("utter_survey_reason",)
    assert stage.says("师傅迟到两个小时", "complaint").state.flow is None and not stage.opened


# ── Danger ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def in_danger(kind: Triage = GAS, speaker: Any = OWNER) -> Stage:
    stage = Stage(speaker)
    stage.take(heard("家里有煤气味", "emergency", triage=kind))
    return stage


@pytest.mark.parametrize(
    ("kind", "text", "key"),
    [
        ("gas", "能开灯看看吗？", "utter_danger_no_spark"),
        ("gas", "Can I turn on the light to check?", "utter_danger_no_spark"),
        ("gas", "能打电话吗", "utter_danger_call_outside"),
        ("fire", "能坐电梯下去吗", "utter_danger_no_lift"),
        ("fire", "我家猫还在里面，能回去拿吗", "utter_danger_not_back"),
        ("trapped_lift", "can we push the doors open?", "utter_danger_no_prying"),
        ("trapped_lift", "会不会缺氧", "utter_danger_lift_air"),
        ("electric", "should I touch the fuse box?", "utter_danger_mains"),
        ("injury", "要不要把他扶起来", "utter_danger_no_moving"),
        ("gas", "有人出来了吗？", "utter_danger_who_comes"),
        ("gas", "我们都出来了", "utter_danger_stay_out"),
        ("gas", "阀门我关了", "utter_danger_valve_shut"),
    ],
)
def test_what_is_asked_in_danger_is_answered_and_the_desk_stays(kind: str, text: str, key: str) -> None:
    stage = in_danger(Triage(kind, "x")).says(text, "permit")
    assert stage.keys == (key,) and stage.state.flow == "emergency" and len(stage.tickets) == 1


def test_a_question_that_no_row_knows_gets_the_safety_rule_again_never_a_guess() -> None:
    assert in_danger().says("我该不该先喂猫？", "out_of_scope").keys == ("utter_danger_unsure", "utter_safety_gas")


def test_where_it_is_goes_on_the_ticket_and_is_added_to() -> None:
    stage = Stage(STRANGER)
    stage.take(heard("有煤气味", "emergency", triage=GAS))
    assert stage.keys[-1] == "utter_emergency_opened"
    assert stage.says("6栋2单元").keys == ("utter_emergency_where",)
    placed = [e for e in stage.effects if isinstance(e, AmendTicket)]
    assert [(e.kind, e.location) for e in placed] == [("place", "6栋2单元")]
    stage.says("在3单元", media=(photo("p9"),))
    assert [[p.reference for p in e.photos] for e in stage.effects if isinstance(e, AmendTicket)] == [["p9"]], "with its photo"
    stage.says("13900007777")
    assert [e.contact for e in stage.effects if isinstance(e, AmendTicket)] == ["13900007777"]


def test_thanks_once_it_was_seen_to_alarms_nobody() -> None:
    stage = in_danger().staff("accept", "guard").staff("arrive", "guard").staff("secure", "guard", "阀门已关")
    stage.says("谢谢你们", "thank")
    assert stage.keys == ("utter_emergency_glad",) and not stage.told and stage.state.flow is None


def test_what_was_put_aside_is_taken_up_when_asked_for() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair")
    stage.take(heard("家里有煤气味", "emergency", triage=GAS))
    stage.says("那我的水龙头呢", "ticket_status")
    assert stage.keys == ("utter_back_to_form", "utter_ask_when")


def test_still_leaking_is_an_answer_and_no_emergency_without_a_rule_that_says_so() -> None:
    stage = with_repair(status="in_progress").staff("done", note="换了阀芯")
    stage.says("还在漏", "emergency", 0.89)
    assert stage.tickets[0].status == "in_progress" and len(stage.tickets) == 1


# ── Persons, languages, others ──────────────────────────────────────────────────────────────────────────────────────


def test_a_hand_over_carries_what_the_form_had_gathered() -> None:
    stage = Stage(OWNER).says("厨房水龙头漏水", "repair").says("明天下午").says("还是转人工吧", "handoff")
    words = stage.opened[0].draft.description
    assert "厨房水龙头漏水" in words and "14:00" in words and ROOMS[0].label in words


def test_with_nobody_there_it_is_said_when_somebody_will_be() -> None:
    stage = Stage(OWNER, on_duty=False).waits(hours=10).says("转人工", "handoff")
    assert stage.keys == ("utter_handoff_off_duty",) and "明天(5日 周四)08:30" in stage.text and "010-60000000" in stage.text


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ("Sorry, can we continue in English?", "en"),
        ("请用英语", "en"),
        ("说中文吧", "zh"),
        ("你们会说英语吗", None),
        ("my English teacher lives in 4-1-703 and her tap drips", None),
    ],
)
def test_a_language_is_asked_for(text: str, asked: str | None) -> None:
    assert language.asked_for(text) == asked


def test_the_language_changes_and_the_question_stays() -> None:
    stage = Stage(OWNER).says("厨房灯坏了", "repair").says("Sorry, can we continue in English?", "cancel")
    assert stage.keys == ("utter_language", "utter_ask_when") and stage.state.language == "en"
    assert "home" in stage.text


def test_a_single_ok_changes_no_language() -> None:
    assert Stage(OWNER).says("厨房灯坏了", "repair").says("明天上午").says("ok", "affirm").state.language == "zh"


@pytest.mark.parametrize("text", ["4栋1单元703住的是谁，电话给我一个", "who lives in 4-1-703?"])
def test_nothing_is_told_of_others_and_nobody_is_led_into_binding(text: str) -> None:
    stage = Stage(STRANGER).says(text, "bind", 0.5)
    assert stage.keys == ("utter_not_told_of_others",) and stage.state.flow is None


def test_english_speakers_read_an_english_address() -> None:
    stage = Stage(OWNER).says("the kitchen tap is leaking", "repair").says("tomorrow afternoon")
    assert "Building 4 unit 1 flat 703" in stage.text


# ── Words at a glance ───────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("您好，厨房水管漏水", "厨房水管漏水"),
        ("Hi, three things: 1. the shower leaks", "the shower leaks"),
        ("oh and someone parked in my bay", "someone parked in my bay"),
        ("另外灯坏了", "灯坏了"),
        ("二是门关不上", "二是门关不上"),
        ("你好", "你好"),
        ("一号楼电梯坏了", "一号楼电梯坏了"),
    ],
)
def test_what_leads_up_to_the_matter_is_left_out(text: str, left: str) -> None:
    assert opening.bare(text) == left


def test_of_a_long_story_the_fault_is_shown() -> None:
    story = "同志你好啊，我是16栋的老邹，今年七十二了，昨天我女儿从外地回来，晚上给我做了一桌子菜，厨房水池的水下不去，我拿皮搋子搋了半天也不行"
    assert opening.gist(matter(story, item="水池", fault="下不去")) == "厨房水池的水下不去"


def test_what_has_a_field_of_its_own_is_not_shown_twice() -> None:
    text = "water heater not heating, building 4 unit 1 flat 703, my phone 13900008805"
    said_so = matter(text, item="water heater", fault="not heating", room="703", phone="13900008805")
    assert opening.gist(said_so, frozenset({"room", "phone"})) == "water heater not heating"
    assert opening.gist(said_so) == text, "where a form has no such field, nothing is lost"


def test_a_question_asked_again_is_worded_otherwise_and_the_same_conversation_reads_the_same() -> None:
    def asked() -> list[str]:
        stage = Stage(OWNER).says("厨房水龙头漏水", "repair")
        return [stage.lines[-1].text, stage.says("厨房水龙头漏水", "repair").lines[-1].text]

    first, again = asked()
    assert first != again and [first, again] == asked()


# ── data/danger.yml ─────────────────────────────────────────────────────────────────────────────────────────────────

ROW = {"dangers": ["gas"], "zh": ["开灯"], "en": ["light"], "answer": "utter_danger_no_spark"}


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({**ROW, "dangers": ["gass"]}, "rows[0].dangers: unknown danger gass"),
        ({**ROW, "dangers": []}, "rows[0].dangers: is not a list"),
        ({**ROW, "en": []}, "rows[0].en: is not a list of words; both languages are required"),
        ({**ROW, "answer": ""}, "rows[0].answer: is missing"),
        ({**ROW, "told": "yes"}, "rows[0].told: is neither true nor false"),
        ({**ROW, "anwser": "x"}, "rows[0].anwser: unknown key"),
        ("开灯", "rows[0]: is no row"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_its_key(row: Any, told: str) -> None:
    with pytest.raises(danger.DangerError) as refused:
        danger.load({"rows": [row]}, {known.name for known in RULES.dangers})
    assert told in str(refused.value)


def test_words_are_found_in_any_writing_and_english_ones_stand_whole() -> None:
    rows = danger.load(yaml.safe_load(yaml.safe_dump({"rows": [ROW]})), {"gas"})
    assert rows.answer("gas", "能開燈嗎") == rows.answer("gas", "turn on the LIGHT?") == "utter_danger_no_spark"
    assert rows.answer("gas", "a delightful day?") is None and rows.answer("fire", "开灯") is None
    assert danger.load({"rows": [{**ROW, "dangers": ["any"]}]}, {"gas"}).answer("fire", "开灯")


def test_an_idle_hand_over_that_somebody_took_comes_back_with_the_usual_word() -> None:
    stage = Stage(OWNER).says("转人工", "handoff").staff("accept", "steward")
    stage.now += timedelta(hours=2)
    assert stage.fires("human_idle").keys == ("utter_human_returns",)
