"""Shadow mode on both engines: residents hear nothing that no colleague has sent, staff decide, and the week is counted."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from bot import app as desk_app
from bot import misreadings, store, suggestions
from bot.core.access import Refused
from bot.core.domain import Mistakes, Script
from bot.core.tickets import IllegalMove
from bot.core.types import Parsed, Ranked
from bot.hearing import Ear
from bot.tables import table
from bot.turns import Desk, NotYours, Overtaken
from bot.work import NotFound
from tests.store.office import MORNING, POLICY, Office
from tests.texts import office_texts
from tests.turns.test_staff import LEAK as DRAFT

ZHANG, LIU, CHEN = 1, 2, 3  # technician, steward, supervisor
LEAK = "我家厨房水管漏水了"
NOISE = "楼上半夜一直很吵"
READ = {LEAK: "repair", NOISE: "complaint", "明天下午": "inform", "对": "affirm", "转人工": "handoff", "着火了": "emergency",
        "修好了吗": "ticket_status", "你好": "greet", "那个事": "greet", "烟很大": "inform", "电梯停了": "repair"}  # fmt: skip


class Reader:
    """A language model that knows the sentences of these tests."""

    async def parse(self, text: str, language: str) -> Parsed:
        return Parsed(text, READ[text], 0.9, (Ranked(READ[text], 0.9),), (), "m1")


@pytest.fixture(scope="module")
def texts() -> Script:
    return office_texts()


def shadowed(front: Office, texts: Script, *places: str) -> Office:
    """The office with the desk's own core, in shadow mode at these places."""
    core = desk_app.build_core(texts, 2027)
    core = replace(core, policy=replace(core.policy, shadow=frozenset(places)))
    front.desk = Desk(front.database, core, front.clock, front.machine)
    front.workers.desk = front.desk
    front.workers._hear = Ear(Reader(), texts).hear
    return front


@pytest.fixture
def front(front_desk: Office, texts: Script) -> Office:
    return shadowed(front_desk, texts, "CY/telegram")


@pytest.fixture
async def wang(front: Office) -> Office:
    """The Wangs have reported a leak: conversation 1, suggestion 1."""
    front.say(LEAK)
    front.bind("wang", 1)
    await front.answer()
    return front


def sent(front: Office) -> list[tuple[str, str]]:
    """What went to residents: (author, text)."""
    return [(a, t) for a, t, c in front.rows("outbox", "author", "text", "conversation_id") if c is not None]


def notices(front: Office) -> list[str]:
    return [t for t, c in front.rows("outbox", "text", "conversation_id") if c is None]


def state(front: Office) -> dict[str, Any]:
    return dict(front.rows("conversation", "state", id=1)[0][0])


def judged(front: Office) -> list[tuple[Any, ...]]:
    return front.rows("suggestion", "judged", "should_be", "judged_by")


def shown(front: Office, suggestion: int) -> suggestions.Kept:
    found = front.database.read(1, lambda c: suggestions.one(c, 1, 1, suggestion))
    assert found is not None
    return found


async def confirmed(front: Office) -> int:
    """The leak up to the resident's yes, each answer sent by the steward. The number of the suggestion that files it."""
    for number, words in enumerate(("明天下午", "对"), 2):
        assert front.desk.judge(1, LIU, 1, number - 1, "sent")
        await front.talk(words)
    return 3


# ── nothing by itself ──


async def test_a_message_is_read_and_suggested_and_nothing_is_sent(wang: Office) -> None:
    assert sent(wang) == [] and notices(wang) == []
    assert wang.rows("ticket", "id") == [] and wang.rows("due", "id", subject_type="conversation") == []
    assert wang.rows("consent", "id") == []
    (row,) = wang.rows("suggestion", "conversation_id", "inbox_id", "intent", "confidence", "alarm", "model", "judged")
    assert row == (1, 1, "repair", 0.9, False, "m1", "")
    assert [say.key for say in shown(wang, 1).said] == ["utter_privacy_notice", "utter_ask_when"]
    assert (state(wang)["flow"], state(wang)["open_question"], state(wang)["noticed"]) == (None, None, "")
    assert wang.rows("inbox", "status") == [("done",)]


async def test_whatever_happens_residents_hear_nothing_of_the_desk(wang: Office) -> None:
    """Words, buttons, a flood's word, news of tickets, surveys, drafts, a hand-over: days of it."""
    front = wang
    await front.talk("明天下午", "对", "转人工", "着火了", "烟很大", "修好了吗", NOISE, "你好")
    front.say("", button="menu:repair")
    front.say("什么都没读懂")  # the reader breaks on it: parked after three tries
    for _ in range(4):
        await front.answer()
        front.machine.forward(timedelta(seconds=5))
    front.desk.calm(1, 1)
    number = front.desk.file_ticket(1, LIU, DRAFT, "phone", "form", 1)
    for action, who in (("accept", ZHANG), ("depart", ZHANG), ("arrive", ZHANG), ("done", ZHANG)):
        front.desk.act_on_ticket(1, who, number, action, "换了密封圈")
    front.desk.take_over(1, LIU, 1)
    await front.talk("你好")
    front.desk.act_on_ticket(1, LIU, front.desk.take_over(1, LIU, 1), "hand_back")
    front.desk.advance(front.clock.now() + timedelta(days=10))
    assert [line for line in sent(front) if not line[0]] == []
    assert front.rows("inbox", "status", status="new") == []
    assert ("parked",) in front.rows("inbox", "status")


@pytest.mark.parametrize("place", ["CY", "CY/telegram", "CY/telegram/bot"])
async def test_it_is_switched_on_for_a_community_a_channel_or_an_account(front_desk: Office, texts: Script, place: str) -> None:
    front = shadowed(front_desk, texts, place)
    await front.talk("你好")
    assert sent(front) == [] and len(front.rows("suggestion", "id")) == 1


@pytest.mark.parametrize("place", ["HD", "CY/wechat", "CY/telegram/other"])
async def test_elsewhere_the_desk_answers_as_ever(front_desk: Office, texts: Script, place: str) -> None:
    front = shadowed(front_desk, texts, place)
    await front.talk("你好")
    assert len(sent(front)) == 2 and front.rows("suggestion", "id") == []


async def test_a_colleagues_own_chat_is_never_shadowed(front: Office) -> None:
    front.say("你好", address="liu")
    talk = table("conversation")
    theirs = talk.update().where(talk.c.community_id == 1, talk.c.address == "liu").values(staff_id=LIU)
    front.database.write(1, lambda c: c.execute(theirs))
    await front.answer()
    assert len(sent(front)) == 1 and front.rows("suggestion", "id") == []


# ── life safety ──


async def test_an_emergency_reaches_everyone_on_duty_at_once_and_its_clocks_run(front: Office) -> None:
    await front.talk("着火了")
    assert front.rows("ticket", "kind", "status", "category") == [("emergency", "open", "fire")]
    assert len(notices(front)) >= 3 and all("着火" in text for text in notices(front))
    assert sent(front) == []
    assert ("sla_first_response",) in front.rows("due", "kind", subject_type="ticket")
    kept = shown(front, 1)
    assert (kept.intent, kept.alarm, [say.key for say in kept.said]) == (
        "emergency", True, ["utter_safety_fire", "utter_emergency_opened"],
    )  # fmt: skip
    before = len(notices(front))
    front.desk.advance(front.clock.now() + timedelta(minutes=6))
    assert len(notices(front)) > before, "nobody answered for it: it escalates"
    assert sent(front) == []


async def test_the_safety_line_goes_out_with_one_press_and_nothing_is_filed_twice(front: Office) -> None:
    await front.talk("着火了", "烟很大")
    assert front.desk.judge(1, LIU, 1, 1, "sent")
    assert [author for author, _ in sent(front)] == ["刘管家"] * 2 and "119" in sent(front)[0][1]
    assert len(front.rows("ticket", "id")) == 1
    assert [n for (n,) in front.rows("ticket_event", "action", action="note")] == ["note"], "what was said further is on the ticket"
    assert front.rows("outbox", "rank", conversation_id=1)[0] == (0,)


async def test_a_form_that_was_never_shown_is_not_parked_by_an_emergency(wang: Office) -> None:
    await wang.talk("着火了")
    assert state(wang)["flow"] == "emergency" and state(wang)["frames"] == []


# ── what staff make of it ──


async def test_an_answer_that_is_sent_was_asked_and_the_conversation_goes_on_from_it(wang: Office) -> None:
    assert wang.desk.judge(1, LIU, 1, 1, "sent")
    assert [author for author, _ in sent(wang)] == ["刘管家", "刘管家"]
    assert state(wang)["flow"] == "repair" and state(wang)["asking"] == "when"
    assert wang.rows("consent", "purpose") == [("notice",)]
    assert judged(wang) == [("sent", "", LIU)]
    assert wang.rows("suggestion", "heard", "before", "after") == [({}, {}, {})], "what is not needed any more is not kept"
    await wang.talk("明天下午")
    assert [say.key for say in shown(wang, 2).said] == ["utter_summary_repair"]


async def test_the_ticket_is_filed_with_the_press_in_the_colleagues_name(wang: Office) -> None:
    last = await confirmed(wang)
    assert wang.rows("ticket", "id") == []
    assert wang.desk.judge(1, LIU, 1, last, "sent")
    ((number, status, household, room),) = wang.rows("ticket", "number", "status", "household_id", "room_label")
    assert (status, household, room) == ("submitted", 1, "3-2-501")
    assert number in sent(wang)[-1][1] and sent(wang)[-1][0] == "刘管家"
    assert wang.rows("ticket_event", "action", "by_role", "by_name") == [("open", "steward", "刘管家")]
    assert any("漏水" in text for text in notices(wang)), "the technician is told as of any ticket"
    assert [how for how, _, _ in judged(wang)] == ["sent"] * 3


async def test_the_next_message_is_read_as_an_answer_while_the_last_is_undecided(wang: Office) -> None:
    """Residents go on without having been asked; three messages make a whole request, filed with one press."""
    await wang.talk("明天下午", "对")
    assert [t["kind"] for t in shown(wang, 3).tickets] == ["repair"]
    assert state(wang)["flow"] is None and sent(wang) == []
    assert wang.desk.judge(1, LIU, 1, 3, "sent")
    assert len(wang.rows("ticket", "id")) == 1
    with pytest.raises(Overtaken):
        wang.desk.judge(1, LIU, 1, 2, "sent")
    assert wang.desk.judge(1, LIU, 1, 2, "agreed")


@pytest.mark.parametrize("how", ["agreed", "refused"])
async def test_what_was_not_sent_was_not_asked(wang: Office, how: Any) -> None:
    wang.desk.judge(1, LIU, 1, 1, how, should_be="complaint")
    await wang.talk("明天下午")
    assert [say.key for say in shown(wang, 2).said][-1] != "utter_summary_repair"
    assert sent(wang) == []


async def test_what_waits_too_long_is_not_gone_on_from(wang: Office) -> None:
    wang.machine.forward(POLICY.draft_drop_after)
    await wang.talk("明天下午")
    assert "utter_summary_repair" not in [say.key for say in shown(wang, 2).said]


async def test_words_and_fields_are_put_right_before_they_go(wang: Office) -> None:
    last = await confirmed(wang)
    fields = {"description": "水表前的接头漏水", "contact": "13911112222"}
    assert wang.desk.judge(1, LIU, 1, last, "sent", words="已登记,单号{number},师傅会来。", fields=fields)
    ((number, description, contact),) = wang.rows("ticket", "number", "description", "contact")
    assert (description, contact) == ("水表前的接头漏水", "13911112222")
    assert sent(wang)[-1] == ("刘管家", f"已登记,单号{number},师傅会来。")
    assert judged(wang)[-1] == ("edited", "", LIU)


async def test_a_visit_is_the_day_the_resident_meant_however_late_the_press(wang: Office) -> None:
    last = await confirmed(wang)
    wang.machine.forward(timedelta(hours=20))
    assert wang.desk.judge(1, LIU, 1, last, "sent")
    ((start,),) = wang.rows("ticket", "appointment_start")
    assert start.astimezone(UTC).date() == date(2027, 3, 2)


async def test_what_has_changed_since_is_shown_and_not_sent(wang: Office) -> None:
    """The yes would file it; meanwhile the household's membership ended."""
    last = await confirmed(wang)
    wang.desk.end_membership(1, LIU, 1)
    before = sent(wang)
    assert wang.desk.judge(1, LIU, 1, last, "sent") is False
    assert sent(wang) == before and wang.rows("ticket", "id") == [] and judged(wang)[-1] == ("", "", None)
    assert shown(wang, last).tickets == ()
    assert wang.desk.judge(1, LIU, 1, last, "sent") is True


#: Where a decision may die. What SIGKILL does to a transaction is shown in test_crashes.
POINTS = ("judge.sent", "judge.saved")


@pytest.mark.parametrize("point", POINTS)
async def test_a_decision_that_dies_in_between_is_none_and_may_be_made_again(
    wang: Office, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    def die(name: str) -> None:
        if name == point:
            raise RuntimeError("the process died here")

    before = (sent(wang), judged(wang), state(wang))
    monkeypatch.setattr("bot.turns.crash_point", die)
    with pytest.raises(RuntimeError, match="died here"):
        wang.desk.judge(1, LIU, 1, 1, "sent")
    assert (sent(wang), judged(wang), state(wang)) == before
    monkeypatch.undo()
    assert wang.desk.judge(1, LIU, 1, 1, "sent")
    assert judged(wang)[0][0] == "sent" and len(sent(wang)) == len(before[0]) + 2


async def test_two_colleagues_decide_once(wang: Office) -> None:
    assert wang.desk.judge(1, LIU, 1, 1, "agreed")
    with pytest.raises(IllegalMove):
        wang.desk.judge(1, CHEN, 1, 1, "sent")
    assert sent(wang) == [] and judged(wang) == [("agreed", "", LIU)]


async def test_who_may_decide_and_about_what(wang: Office) -> None:
    with pytest.raises(Refused):
        wang.desk.judge(1, ZHANG, 1, 1, "sent")
    with pytest.raises(NotFound):
        wang.desk.judge(1, LIU, 1, 99, "sent")
    with pytest.raises(NotFound):
        wang.desk.judge(2, LIU, 1, 1, "sent")
    with pytest.raises(ValueError, match="no intent"):
        wang.desk.judge(1, LIU, 1, 1, "refused", should_be="weather")
    assert judged(wang) == [("", "", None)] and sent(wang) == []


async def test_a_correction_is_there_to_learn_from_masked(front: Office) -> None:
    await front.talk("那个事")
    front.desk.judge(1, LIU, 1, 1, "refused", should_be="ticket_status")
    (kept,) = front.database.read(1, lambda c: misreadings.waiting(c, 1))
    assert (kept.text, kept.heard_as, kept.should_be, kept.why) == ("那个事", "greet", "ticket_status", "staff")
    await front.talk("你好")
    front.desk.judge(1, LIU, 1, 2, "refused", should_be="greet")
    assert len(front.database.read(1, lambda c: misreadings.waiting(c, 1))) == 1, "the label was right"


async def test_staff_write_there_without_taking_it_and_the_desk_stays_silent(wang: Office) -> None:
    wang.desk.speak(1, LIU, 1, "您好,师傅下午来", "once-1")
    assert sent(wang) == [("刘管家", "您好,师傅下午来")]
    wang.desk.take_over(1, CHEN, 1)
    with pytest.raises(NotYours):
        wang.desk.speak(1, LIU, 1, "我再说一句", "once-2")
    await wang.talk("你好")
    assert len(wang.rows("suggestion", "id")) == 1, "a person has it: the words go to them, and nothing is suggested"
    assert sent(wang) == [("刘管家", "您好,师傅下午来")]


async def test_news_of_a_ticket_waits_and_asks_when_it_is_sent(wang: Office) -> None:
    number = wang.desk.file_ticket(1, LIU, DRAFT, "phone", "form", 1)
    for action in ("accept", "depart", "arrive", "done"):
        wang.desk.act_on_ticket(1, ZHANG, number, action, "换了密封圈")
    assert sent(wang) == [] and state(wang)["open_question"] is None
    news = [i for i, inbox in wang.rows("suggestion", "id", "inbox_id") if inbox is None]
    assert number in shown(wang, news[-1]).said[0].text
    assert wang.desk.judge(1, LIU, 1, news[-1], "sent")
    assert state(wang)["open_question"]["kind"] == "resolved" and number in sent(wang)[-1][1]


async def test_news_of_a_home_is_not_for_who_has_moved_out_since(wang: Office) -> None:
    number = wang.desk.file_ticket(1, LIU, replace(DRAFT, household_id=1), "phone", "form", 1)
    wang.desk.act_on_ticket(1, ZHANG, number, "accept")
    news = [i for i, inbox in wang.rows("suggestion", "id", "inbox_id") if inbox is None]
    wang.desk.end_membership(1, LIU, 1)
    for one in news:
        wang.desk.judge(1, LIU, 1, one, "sent")
    assert sent(wang) == [], "it becomes a call"
    assert len(wang.rows("phone_task", "id")) == len(news) > 0


# ── what is kept, and for how long ──


async def test_suggestions_are_purged_with_the_table_of_policy(wang: Office) -> None:
    wang.machine.forward(POLICY.keep["suggestions"] - timedelta(minutes=1))
    assert wang.desk.purge_now(1)["suggestions"] == 0
    wang.machine.forward(timedelta(hours=1))
    assert wang.desk.purge_now(1)["suggestions"] == 1 and wang.rows("suggestion", "id") == []


async def test_who_is_forgotten_is_forgotten_here_too_but_for_the_count(wang: Office) -> None:
    wang.desk.forget(1, 1)
    assert wang.rows("suggestion", "heard", "before", "after", "said", "does", "intent") == [({}, {}, {}, [], {}, "repair")]
    assert sent(wang) == [], "not even the last word, which would be the desk's"
    with pytest.raises(NotFound):
        wang.desk.judge(1, LIU, 1, 1, "sent")
    assert wang.desk.judge(1, LIU, 1, 1, "refused", should_be="complaint")
    assert wang.database.read(1, lambda c: misreadings.waiting(c, 1)) == ()


# ── the week ──

IDS = itertools.count(1)


def put(front: Office, intent: str, at: datetime = MORNING, **more: Any) -> None:
    """A suggestion as it stands after a week; `judged` with the label that was meant."""
    values = {
        "community_id": 1, "conversation_id": 1, "inbox_id": next(IDS), "at": at, "language": "zh", "intent": intent, "confidence": 0.9,
        "alarm": intent == "emergency", **more,
    }  # fmt: skip
    if more.get("judged"):
        values |= {"judged_by": LIU, "judged_at": at}
    front.database.write(1, lambda c: c.execute(insert(table("suggestion")).values(**values)))


@pytest.fixture
def week(front: Office) -> Iterator[Office]:
    front.say("你好")
    for _ in range(3):
        put(front, "repair", judged="sent")
    put(front, "repair", judged="edited")
    put(front, "repair", judged="refused", should_be="repair")  # the label was right, the answer was not
    put(front, "repair", judged="refused", should_be="complaint")
    put(front, "repair")  # nobody looked at it
    put(front, "complaint", judged="agreed")
    put(front, "emergency", judged="agreed")
    put(front, "emergency", judged="refused", should_be="repair")
    put(front, "inform", judged="refused", should_be="emergency")  # missed
    put(front, "inform", judged="refused", should_be="emergency", alarm=True)  # said further about a danger: staff were told
    put(front, "", judged="sent")  # news of a ticket
    put(front, "repair", MORNING + timedelta(days=7), judged="refused", should_be="faq")
    yield front


def the_report(front: Office, since: date = date(2027, 3, 1)) -> suggestions.Report:
    return front.database.read(1, lambda c: suggestions.report(c, store.community(c, 1), since))


def test_the_report_counts_what_was_judged_by_label_and_in_all(week: Office) -> None:
    found = the_report(week)
    assert found.lines == (
        suggestions.Line("repair", 7, 6, 5, 3, 1, 0, 2),
        suggestions.Line("emergency", 2, 2, 1, 0, 0, 1, 1),
        suggestions.Line("inform", 2, 2, 0, 0, 0, 0, 2),
        suggestions.Line("complaint", 1, 1, 1, 0, 0, 1, 0),
    )
    total = found.total
    assert (total.heard, total.judged, total.right, total.ignored) == (12, 11, 7, 1)
    assert (found.emergencies, found.missed, found.false) == (3, 1, 1)
    assert found.mistaken == (("inform", "emergency", 2), ("emergency", "repair", 1), ("repair", "complaint", 1))


def test_the_report_names_nobody_and_says_nothing_of_nothing(week: Office) -> None:
    words = "\n".join(suggestions.lines(the_report(week)))
    assert "7/11 (64 %)" in words and "1/3 (33 %)" in words
    assert "刘管家" not in words
    empty = "\n".join(suggestions.lines(the_report(week, date(2027, 5, 3))))
    assert "label right: –" in empty and "%" not in empty


def test_on_monday_the_supervisor_is_told_and_the_next_week_is_planned(week: Office) -> None:
    week.desk.plan_reports()
    week.desk.plan_reports()
    monday = datetime(2027, 3, 8, 1, tzinfo=UTC)
    assert week.rows("due", "at", "status", kind=suggestions.REPORT) == [(monday, "pending")]
    week.desk.advance(monday)
    told = week.rows("outbox", "staff_id", "text", key="utter_staff_shadow_report")
    assert [who for who, _ in told] == [CHEN]
    assert "7/11 (64 %)" in told[0][1] and "1/3 (33 %)" in told[0][1] and "03-01–03-07" in told[0][1]
    assert week.rows("due", "at", "status", kind=suggestions.REPORT) == [(monday + timedelta(days=7), "pending")]


def test_switched_off_it_is_told_a_last_time_and_no_more(week: Office, texts: Script) -> None:
    week.desk.plan_reports()
    shadowed(week, texts)
    week.desk.advance(datetime(2027, 3, 8, 1, tzinfo=UTC))
    assert len(week.rows("outbox", "id", key="utter_staff_shadow_report")) == 1
    assert week.rows("due", "status", kind=suggestions.REPORT) == [("done",)]


def test_a_place_that_is_nowhere_is_named() -> None:
    policy = replace(POLICY, shadow=frozenset({"CY", "CY/webchat", "CY/telegram/bot", "CX", "CY/telegramm", "CY/telegram/bot2"}))
    channels = (("webchat", ""), ("telegram", "bot"))
    assert suggestions.unused(policy, ["CY", "HD"], channels) == ("CX", "CY/telegram/bot2", "CY/telegramm")


def test_the_desk_does_not_start_with_a_place_that_is_nowhere(front: Office, texts: Script) -> None:
    def there(place: str) -> None:
        script = replace(texts, policy=replace(texts.policy, shadow=frozenset({place})))
        desk_app._check_shadow(script, front.database, (("webchat", ""), ("telegram", "bot")))

    there("CY/webchat")
    with pytest.raises(Mistakes, match="'CY/wechat' is nowhere at this desk") as refused:
        there("CY/wechat")
    assert "telegram/bot" in str(refused.value) and "shadow.accounts" in str(refused.value)
