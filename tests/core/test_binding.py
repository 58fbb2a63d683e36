"""Who is asking: the ways in, and what they never tell."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest
from stage import OWNER, POLICY, ROOMS, STRANGER, Stage, heard, photo

from bot.core.resolve import enddate, invitecode
from bot.core.types import (
    Binding,
    BindTo,
    Colleague,
    Consented,
    Disclose,
    Heard,
    InviteView,
    MakeInvite,
    Matter,
    Member,
    NoteAttempt,
    Recognised,
    Redeem,
    Revoke,
    SignIn,
    Speaker,
    Triage,
    Unbind,
)

CODE = "K7M2Q9XRTD"
HOME = InviteView(ROOMS[0], "family")


def asks_to_bind(stage: Stage | None = None) -> Stage:
    stage = stage or Stage()
    return stage.says("绑定一下房号", "bind")


def through_to_the_tail(stage: Stage, room: str = "4栋1单元703", name: str = "王建国") -> Stage:
    return asks_to_bind(stage).taps("yes").says(room).says(name)


def of(stage: Stage, kind: type) -> list[object]:
    return [e for e in stage.effects if isinstance(e, kind)]


# ── the roster ──


def test_room_name_and_last_four_make_a_stranger_a_resident() -> None:
    stage = through_to_the_tail(Stage())
    assert stage.keys == ("utter_bind_tail",)
    stage.says("8000")
    assert of(stage, BindTo) == [BindTo(7, 11)]
    assert of(stage, NoteAttempt) == [NoteAttempt("4-1-703", True)]
    assert stage.keys == ("utter_bind_done",) and "4栋1单元703（业主）" in stage.text
    assert stage.state.flow is None and stage.state.slots == {}


def test_consent_comes_first_and_is_kept() -> None:
    stage = asks_to_bind()
    assert stage.keys == ("utter_bind_consent",)
    stage.taps("yes")
    assert of(stage, Consented) == [Consented("binding", POLICY.notice_version, True)]
    assert stage.keys == ("utter_bind_room",)


def test_without_consent_nothing_is_asked_and_a_fault_is_still_taken() -> None:
    stage = asks_to_bind().taps("no")
    assert of(stage, Consented) == [Consented("binding", POLICY.notice_version, False)]
    assert stage.keys == ("utter_bind_declined",) and stage.state.flow is None
    assert stage.says("厨房水管漏水", "repair").state.flow == "repair"


def test_what_was_said_at_once_is_not_asked_again() -> None:
    stage = Stage().says("我是4栋1单元703的,我叫王建国,电话尾号8000,帮我绑定", "bind")
    assert stage.keys == ("utter_bind_consent",)
    stage.taps("yes")
    assert of(stage, BindTo) == [BindTo(7, 11)]


@pytest.mark.parametrize(
    ("room", "name", "tail"),
    [
        ("4栋1单元703", "王建国", "0000"),  # the telephone is another
        ("4栋1单元703", "李四", "8000"),  # nobody of that name lives there
        ("4栋2单元703", "王建国", "8000"),  # a room the register has, of others
        ("99栋9单元901", "王建国", "8000"),  # a room there is not
    ],
)
def test_whatever_was_wrong_the_answer_is_the_same(room: str, name: str, tail: str) -> None:
    stage = through_to_the_tail(Stage(), room, name).says(tail)
    assert stage.keys == ("utter_bind_failed",)
    assert stage.text == "没有核对上。请检查房号、姓名和电话后四位后再试，或交给客服核实。"
    assert [b.value for b in stage.lines[0].buttons] == ["bind:again", "bind:papers", "cancel"]
    assert not of(stage, BindTo) and [a.matched for a in of(stage, NoteAttempt)] == [False]  # type: ignore[attr-defined]


def test_after_a_failure_the_next_try_waits_longer_each_time() -> None:
    stage = through_to_the_tail(Stage()).says("0000")
    stage.taps("bind:again").says("4栋1单元703").says("王建国").says("8000")
    assert stage.keys == ("utter_bind_wait",) and not of(stage, BindTo)
    stage.now += POLICY.try_again_after
    stage.taps("bind:again").says("4栋1单元703").says("王建国").says("0001")
    assert stage.keys == ("utter_bind_failed",)
    stage.now += POLICY.try_again_after
    stage.taps("bind:again").says("4栋1单元703").says("王建国").says("8000")
    assert stage.keys == ("utter_bind_wait",), "the second failure doubles the wait"
    stage.now += POLICY.try_again_after
    stage.taps("bind:again").says("4栋1单元703").says("王建国").says("8000")
    assert of(stage, BindTo)


def test_used_up_tries_lock_out_until_the_window_has_passed_right_or_wrong() -> None:
    stage = Stage()
    stage.tries = [("1-1-101", stage.now - timedelta(hours=1))] * POLICY.tries_per_speaker
    through_to_the_tail(stage).says("8000")
    assert stage.keys == ("utter_bind_wait",) and not of(stage, BindTo)
    stage.now += POLICY.tries_window
    stage.taps("bind:again").says("4栋1单元703").says("王建国").says("8000")
    assert of(stage, BindTo)


def test_a_room_that_was_tried_too_often_waits_whoever_asks_and_in_the_same_words() -> None:
    others = Stage()
    others.tries = [("4-1-703", others.now - timedelta(minutes=5))] * POLICY.tries_per_room
    speaker = Stage()
    speaker.tries = [("x", speaker.now - timedelta(hours=1))] * POLICY.tries_per_speaker
    texts = {through_to_the_tail(stage).says("8000").text for stage in (others, speaker)}
    assert len(texts) == 1 and not of(others, BindTo)


def test_a_telephone_the_platform_vouches_for_needs_no_last_four() -> None:
    stage = asks_to_bind().taps("yes")
    stage.take(replace(heard("4栋1单元703"), phone="+8613800138000"))
    stage.says("王建国")
    assert of(stage, BindTo) == [BindTo(7, 11)]


def test_a_fault_in_the_middle_is_heard_and_the_binding_is_over() -> None:
    stage = through_to_the_tail(Stage()).says("家里水管漏水了,快来人", "repair")
    assert stage.state.flow == "repair"


def test_a_danger_in_the_middle_comes_first() -> None:
    stage = through_to_the_tail(Stage())
    stage.take(replace(heard("着火了", "emergency"), triage=Triage("fire", "着火")))
    assert stage.keys[0] == "utter_safety_fire"


def test_nothing_understood_three_times_goes_to_staff() -> None:
    stage = asks_to_bind().taps("yes").says("嗯呢那个").says("就是那个嘛").says("啊这个")
    assert stage.state.slots["by"] == "papers"


# ── papers ──


def test_papers_are_agreed_to_apart_and_go_to_staff() -> None:
    stage = asks_to_bind().taps("yes").taps("bind:papers").says("4栋1单元703").says("王建国").taps("say:role:租客")
    assert stage.keys == ("utter_bind_papers_consent",)
    stage.taps("yes")
    assert of(stage, Consented) == [Consented("papers", POLICY.notice_version, True)]
    assert stage.keys == ("utter_bind_papers",)
    stage.take(Heard(media=(photo(),)))
    assert stage.keys == ("utter_ask_contact",)
    stage.says("13900001111")
    draft = stage.opened[0].draft
    assert (draft.kind, draft.category, draft.contact) == ("enquiry", "binding", "13900001111")
    assert draft.room == ROOMS[0] and [m.reference for m in draft.photos] == ["photo-1"]
    assert not draft.requester_verified and draft.household_id is None
    assert [t.role for t in stage.told] == ["steward"]


def test_without_consent_to_papers_the_counter_is_the_way_and_no_photo_is_asked() -> None:
    stage = asks_to_bind().taps("yes").taps("bind:papers").says("4栋1单元703").says("王建国").says("我是业主的老婆")
    stage.taps("no").says("13900001111")
    assert stage.opened[0].draft.photos == () and "家属" in stage.opened[0].draft.description


def test_what_staff_decided_is_said() -> None:
    stage = Stage()
    stage.take(Recognised(ROOMS[0], "tenant", "刘管家"))
    assert stage.text == "刘管家已核实，您已绑定4栋1单元703（租客）。"


# ── an invite ──


@pytest.mark.parametrize("said", ["K7M2Q-9XRTD", "绑定码 k7m2q 9xrtd", "Ｋ７Ｍ２Ｑ９ＸＲＴＤ"])
def test_a_typed_code_is_shown_first_and_redeemed_only_on_yes(said: str) -> None:
    stage = Stage(invites={CODE: HOME}).says(said, "inform", 0.3)
    assert stage.keys == ("utter_invite_household",) and not of(stage, Redeem)
    stage.taps("yes")
    assert stage.keys == ("utter_invite_name",)
    stage.says("我叫李秀梅")
    assert of(stage, Redeem) == [Redeem(CODE, "李秀梅")]
    assert stage.keys == ("utter_bind_done",)


def test_a_scanned_code_of_somebody_on_file_asks_no_name() -> None:
    stage = Stage(invites={CODE: replace(HOME, named=True)})
    stage.take(Heard(start=CODE, event="arrived"))
    assert stage.keys == ("utter_invite_household",)
    stage.says("同意", "affirm")
    assert of(stage, Redeem) == [Redeem(CODE)]


def test_a_code_refused_changes_nothing() -> None:
    stage = Stage(invites={CODE: HOME}).says(CODE).taps("no")
    assert stage.keys == ("utter_bind_declined",) and not of(stage, Redeem)


@pytest.mark.parametrize("start", [False, True])
def test_a_code_that_opens_nothing_counts_as_a_try(start: bool) -> None:
    stage = Stage()
    stage.take(Heard(start=CODE, event="arrived") if start else heard(CODE))
    assert stage.keys == ("utter_invite_void",)
    assert of(stage, NoteAttempt) == [NoteAttempt("code", False)]


def test_whoever_guessed_too_often_gets_the_same_answer_for_a_good_code() -> None:
    stage = Stage(invites={CODE: HOME})
    stage.tries = [("code", stage.now - timedelta(hours=1))] * POLICY.tries_per_speaker
    stage.says(CODE)
    assert stage.keys == ("utter_invite_void",)


def test_a_code_used_by_somebody_else_meanwhile_is_void() -> None:
    stage = Stage(invites={CODE: replace(HOME, named=True)}).says(CODE)
    stage.invites.clear()
    stage.taps("yes")
    assert stage.keys == ("utter_invite_void",) and not of(stage, Redeem)


def test_letters_and_figures_in_other_words_are_no_code() -> None:
    stage = Stage().says("快递单号ABCDE23456到了吗,门口没看到,麻烦帮忙找一下在不在门卫室", "faq")
    assert "utter_invite_void" not in stage.keys and not of(stage, NoteAttempt)


def test_a_colleague_is_asked_by_name_and_told_where_notices_come() -> None:
    stage = Stage(invites={CODE: InviteView(None, "", "刘师傅")}).says(CODE)
    assert stage.keys == ("utter_invite_staff",) and "刘师傅" in stage.text
    stage.taps("yes")
    assert of(stage, Redeem) == [Redeem(CODE)] and stage.keys == ("utter_bind_done_staff",)


# ── a household ──

TENANT = Member(31, 8, "陈租客", "tenant", date(2026, 12, 31))
ME = Member(21, 7, "王女士", "owner")


def test_who_is_known_sees_what_can_be_done() -> None:
    stage = asks_to_bind(Stage(OWNER))
    assert stage.keys == ("utter_bound",)
    values = [b.value for b in stage.lines[0].buttons]
    assert values == ["house:family", "house:tenant", "house:list", "house:me", "bind:more", "house:leave"]


def test_only_an_owner_is_offered_and_allowed_to_bring_in_others() -> None:
    tenant = Speaker(8, "陈租客", "", (Binding(11, ROOMS[0], "tenant", 31),))
    stage = asks_to_bind(Stage(tenant))
    assert [b.value for b in stage.lines[0].buttons] == ["house:me", "bind:more", "house:leave"]
    for forged in ("house:family", "house:tenant", "house:list", "house:family:11", "house:list:11"):
        stage.taps(forged)
        assert stage.keys == ("utter_owner_only",) and not of(stage, MakeInvite)
    assert not of(stage.taps("house:remove:21"), Revoke)


def test_a_button_for_another_household_opens_nothing() -> None:
    stage = Stage(OWNER).taps("house:family:12")
    assert stage.keys == ("utter_owner_only",) and not of(stage, MakeInvite)


def test_family_get_a_code_and_a_tenant_one_until_the_lease_ends() -> None:
    stage = Stage(OWNER).taps("house:family")
    made = of(stage, MakeInvite)[0]
    assert isinstance(made, MakeInvite) and (made.household_id, made.role, made.until) == (11, "family", None)
    assert "{code}" in made.then[0].text
    stage.taps("house:tenant").says("明年6月30日")
    made = of(stage, MakeInvite)[0]
    assert isinstance(made, MakeInvite) and (made.role, made.until) == ("tenant", date(2027, 6, 30))


def test_a_lease_that_is_over_is_asked_again() -> None:
    stage = Stage(OWNER).taps("house:tenant").says("2020年1月1日")
    assert stage.keys == ("utter_lease_until",) and not of(stage, MakeInvite)


def test_members_are_shown_to_the_owner_and_logged() -> None:
    stage = Stage(OWNER, members=(ME, TENANT)).taps("house:list")
    assert "陈租客　租客，至2026-12-31" in stage.text
    assert of(stage, Disclose) == [Disclose(11, "members")]
    assert [b.value for b in stage.lines[0].buttons] == ["house:remove:31"]


def test_removing_takes_a_second_yes() -> None:
    stage = Stage(OWNER, members=(ME, TENANT)).taps("house:remove:31")
    assert stage.keys == ("utter_remove_confirm",) and not of(stage, Revoke)
    stage.taps("yes")
    assert of(stage, Revoke) == [Revoke(31, 11)]
    assert stage.taps("house:remove:31").keys == ("utter_stale_button",), "pressed again it means nothing"


def test_an_owner_cannot_remove_the_own_membership_by_a_made_up_button() -> None:
    stage = Stage(OWNER, members=(ME, TENANT)).taps("house:remove:21")
    assert stage.keys == ("utter_stale_button",)


def test_leaving_unbinds_this_conversation() -> None:
    stage = Stage(OWNER).taps("house:leave").taps("yes")
    assert of(stage, Unbind) == [Unbind()] and stage.keys == ("utter_left",)
    assert Stage(OWNER).taps("house:leave").taps("no").keys == ("utter_unchanged",)


def test_another_device_gets_a_code_of_the_same_person() -> None:
    made = of(Stage(OWNER).taps("house:me"), MakeInvite)[0]
    assert isinstance(made, MakeInvite) and made.resident_id == OWNER.resident_id


# ── the end of a binding ──


def test_a_form_about_a_home_that_is_not_ones_own_any_more_is_dropped_with_a_word() -> None:
    stage = Stage(OWNER).says("厨房水管漏水", "repair")
    assert stage.state.slots["household_id"] == 11
    stage.speaker = replace(OWNER, bindings=())
    stage.says("明天下午")
    assert stage.keys[0] == "utter_binding_ended" and stage.state.flow is None
    assert "4栋1单元703" not in stage.text and not stage.opened


def test_a_parked_form_is_dropped_too() -> None:
    stage = Stage(OWNER).says("厨房水管漏水", "repair")
    stage.take(replace(heard("着火了", "emergency"), triage=Triage("fire", "着火")))
    assert stage.state.frames
    stage.speaker = replace(OWNER, bindings=())
    stage.says("已经出来了")
    assert not stage.state.frames


# ── strangers, groups, colleagues ──


def test_a_stranger_is_led_to_binding_before_anything_about_an_account() -> None:
    stage = Stage().says("我家物业费多少", "fee_query")
    assert stage.keys == ("utter_bind_needed",)
    stage.taps("bind:")
    assert stage.keys == ("utter_bind_consent",)


def test_a_number_of_somebody_elses_ticket_and_one_of_nobodys_are_answered_alike() -> None:
    a = Stage().says("YH-BX-20260304-0001到哪了", "ticket_status").text
    b = Stage().says("YH-BX-20260304-9999到哪了", "ticket_status").text
    assert a == b


def test_in_a_group_nothing_personal_is_spoken_of_even_by_a_resident() -> None:
    stage = Stage(OWNER).says("我的报修到哪了", "ticket_status", group=True)
    assert stage.keys == ("utter_group_private",)
    assert stage.says("水管漏了", "repair", group=True).keys == ("utter_group_private",)
    assert stage.state.flow is None


def test_a_danger_in_a_group_is_heard() -> None:
    stage = Stage()
    stage.take(replace(heard("着火了", "emergency", group=True), triage=Triage("fire", "着火")))
    assert stage.keys[0] == "utter_safety_fire" and stage.opened


def test_a_colleague_gets_the_way_in_and_no_resident_s_menu() -> None:
    speaker = Speaker(colleague=Colleague(3, "刘师傅", "technician"))
    stage = Stage(speaker, state=Stage().state.but(noticed="")).says("在吗", "greet")
    sign_in = of(stage, SignIn)[0]
    assert isinstance(sign_in, SignIn) and "{link}" in sign_in.then[0].text
    assert stage.keys == ("utter_colleague",), "no notice to residents, no menu"
    assert of(stage.taps("staff:leave"), Unbind)


# ── arriving, leaving, the notice ──


def test_the_first_answer_of_all_carries_the_notice_once() -> None:
    stage = Stage(state=Stage().state.but(noticed=""))
    stage.says("您好", "greet")
    assert stage.keys == ("utter_privacy_notice", "utter_greet")
    assert of(stage, Consented) == [Consented("notice", POLICY.notice_version, True)]
    assert stage.says("您好", "greet").keys == ("utter_greet",)


def test_a_new_version_is_told_again() -> None:
    stage = Stage(state=Stage().state.but(noticed="2020-01"))
    assert "utter_privacy_notice" in stage.says("您好", "greet").keys


def test_words_that_save_a_life_come_before_the_notice() -> None:
    stage = Stage(state=Stage().state.but(noticed=""))
    stage.take(replace(heard("着火了", "emergency"), triage=Triage("fire", "着火")))
    assert stage.keys[0] == "utter_safety_fire" and stage.keys[-1] == "utter_privacy_notice"


def test_who_opens_the_chat_is_greeted_and_who_leaves_hears_nothing() -> None:
    stage = Stage()
    stage.take(Heard(event="arrived"))
    assert stage.keys == ("utter_greet",)
    stage.take(Heard(event="left"))
    assert stage.keys == ()


@pytest.mark.parametrize(
    ("typed", "key"),
    [("/start", "utter_greet"), ("菜单", "utter_greet"), ("/bind@yhbot", "utter_bind_consent"), ("隐私", "utter_privacy"),
     ("Privacy", "utter_privacy"), ("我的信息", "utter_privacy"), ("/privacy", "utter_privacy")],
)  # fmt: skip
def test_commands_are_heard_wherever_they_stand_alone(typed: str, key: str) -> None:
    stage = Stage(state=Stage().state)
    stage.take(Heard(typed, (Matter(typed, "out_of_scope", 0.9),)))
    assert stage.keys == (key,)


# ── privacy ──


def test_what_is_held_is_told_in_numbers_and_logged_for_who_is_bound() -> None:
    stage = Stage(OWNER).taps("privacy:held")
    assert "4条消息" in stage.text and of(stage, Disclose) == [Disclose(11, "held")]
    assert not of(Stage().taps("privacy:held"), Disclose)


def test_forgetting_takes_a_second_yes_and_empties_the_state() -> None:
    stage = Stage(OWNER).taps("privacy:forget")
    assert stage.keys == ("utter_forget_confirm",)
    stage.taps("no")
    assert stage.keys == ("utter_unchanged",) and stage.speaker is OWNER
    stage.taps("privacy:forget").taps("yes")
    assert stage.speaker is STRANGER and stage.state.slots == {} and stage.state.flow is None


# ── what people write ──


@pytest.mark.parametrize("text", ["13900005678", "YH-BX-20261123-0001", "recommended", "2345678923", "", "一二三四五"])
def test_what_is_no_code(text: str) -> None:
    assert invitecode.find(text) is None


@pytest.mark.parametrize(
    ("text", "until"),
    [
        ("2027年6月30日", date(2027, 6, 30)), ("6月30号", date(2026, 6, 30)), ("明年六月底", date(2027, 6, 30)),
        ("一年", date(2027, 3, 4)), ("半年", date(2026, 9, 4)), ("two years", date(2028, 3, 4)), ("2月28日", date(2027, 2, 28)),
        ("30 June 2027", date(2027, 6, 30)), ("2027-06-30", date(2027, 6, 30)), ("12月", date(2026, 12, 31)),
        ("2月30日", None), ("昨天", None), ("2020年1月1日", None), ("以后再说", None),
    ],
)  # fmt: skip
def test_the_end_of_a_lease(text: str, until: date | None) -> None:
    assert enddate.last_day(text, date(2026, 3, 4)) == until

