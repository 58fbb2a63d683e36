"""Subscription notices (订阅通知): who has agreed is counted as WeChat counts it, and what was not delivered reaches staff."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.channels import AGREED, SendError
from bot.channels.wechat import inbound
from bot.channels.wechat.account import Form, _form
from bot.channels.wechat.agreements import KEEP, Agreements
from tests.channels.wechat_stage import NEWS, NOTICE, Stage, opened
from tests.fakes import wechat as fakes
from tests.fakes.wechat import OPENID
from tests.fakes.wechat_desk import Clock, Notes

YES, NO = {"tmpl-1": "accept"}, {"tmpl-1": "reject"}
LONG_TERM = {"notices": [fakes.Form("tmpl-1", ("thing4", "thing2", "phrase3"), long_term=True)]}


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """An account with a notice and nothing else beyond its windows, of which none is open."""
    async with opened(notice=NEWS) as made:
        yield made


async def _agrees(stage: Stage, answers: dict[str, str] = YES) -> fakes.Exchange:
    stage.clock.forward(seconds=5)
    return await stage.wechat.deliver(stage.wechat.pops_up(answers))


async def _refused(stage: Stage) -> str:
    with pytest.raises(SendError) as refused:
        await stage.send("师傅已出发")
    assert not refused.value.retryable
    return str(refused.value)


async def test_who_has_not_agreed_is_not_even_tried(stage: Stage) -> None:
    assert "has not agreed to notices" in await _refused(stage)
    assert not [page for page in stage.notes.pages if page.startswith(AGREED)], "of who has agreed to nothing nothing is kept"
    assert stage.wechat.called(NOTICE) == 0 and stage.wechat.violations == []


async def test_uncounted_wechat_would_refuse_it(stage: Stage) -> None:
    stage.channel.agreements._strict = False
    assert "43101" in await _refused(stage)
    assert stage.wechat.violations == ["a notice that the resident has not agreed to"]


async def test_each_agreement_is_one_notice(stage: Stage) -> None:
    await _agrees(stage)
    await _agrees(stage)
    for news in ("师傅已出发", "师傅到了"):
        assert (await stage.send(news)).startswith("notice:")
    await _refused(stage)
    assert stage.wechat.called(NOTICE) == 2 and stage.wechat.violations == []


async def test_an_agreement_to_another_notice_is_none_to_this_one(stage: Stage) -> None:
    await _agrees(stage, {"tmpl-2": "accept", "tmpl-1": "reject"})
    await _refused(stage)
    await _agrees(stage, {"tmpl-2": "reject", "tmpl-1": "accept"})
    await stage.send("师傅已出发")
    assert stage.wechat.violations == []


async def test_an_agreement_delivered_twice_is_one(stage: Stage) -> None:
    exchange = await _agrees(stage)
    await stage.wechat.post(exchange)
    await stage.send("师傅已出发")
    await stage.wechat.post(exchange)
    await _refused(stage)
    assert stage.wechat.violations == []


async def test_an_agreement_told_late_and_twice_is_one(stage: Stage) -> None:
    told = stage.wechat.pops_up(YES)
    stage.clock.forward(minutes=30)
    exchange = await stage.wechat.deliver(told)
    await stage.wechat.post(exchange)
    await stage.send("师傅已出发")
    await _refused(stage)
    assert stage.wechat.violations == []


@pytest.mark.parametrize("how", ["declines", "switches it off"])
async def test_a_refusal_takes_back_what_was_agreed_to_before(stage: Stage, how: str) -> None:
    wechat = stage.wechat
    exchange = await _agrees(stage)
    stage.clock.forward(seconds=5)
    await wechat.deliver(wechat.pops_up(NO) if how == "declines" else wechat.switches_off("tmpl-1"))
    await wechat.post(exchange)  # the agreement comes once more, and late
    await _refused(stage)
    await _agrees(stage)
    await stage.send("师傅已出发")
    assert wechat.violations == []


async def test_a_refusal_that_comes_late_takes_back_nothing_that_was_agreed_to_after_it(stage: Stage) -> None:
    late = stage.wechat.pops_up(NO)
    await _agrees(stage)
    await stage.wechat.deliver(late)
    await stage.send("师傅已出发")
    assert stage.wechat.violations == []


async def test_a_long_term_notice_is_agreed_to_once() -> None:
    async with opened(notice=replace(NEWS, long_term=True), fake=LONG_TERM) as stage:
        await _refused(stage)
        await _agrees(stage)
        for number in range(5):
            await stage.send(f"进展 {number}")
        stage.clock.forward(seconds=5)
        await stage.wechat.deliver(stage.wechat.switches_off("tmpl-1"))
        await _refused(stage)
        assert stage.wechat.called(NOTICE) == 5 and stage.wechat.violations == []


@pytest.mark.parametrize("long_term", [False, True])
async def test_wechats_own_word_ends_it(long_term: bool) -> None:
    async with opened(notice=replace(NEWS, long_term=long_term), fake=LONG_TERM if long_term else None) as stage:
        await _agrees(stage)
        await _agrees(stage)
        stage.wechat.fail(NOTICE, 43101)
        assert "43101" in await _refused(stage)
        assert "43101" not in await _refused(stage)
        assert stage.wechat.called(NOTICE) == 1 and stage.wechat.violations == []


async def test_what_wechat_refused_or_never_got_uses_nothing_up(stage: Stage) -> None:
    await _agrees(stage)
    await stage.channel.client.token()
    stage.wechat.fail(NOTICE, -1, (503, {}), 45011)
    for _ in range(3):
        with pytest.raises(SendError) as refused:
            await stage.send("师傅已出发")
        assert refused.value.retryable and not refused.value.unconfirmed
    assert await stage.send("师傅已出发") and stage.wechat.texts("notice") == ["师傅已出发 | … | 工单进度"]


async def test_what_may_have_arrived_has_used_its_agreement(stage: Stage) -> None:
    await _agrees(stage)
    await stage.channel.client.token()
    stage.wechat.fail(NOTICE, fakes.LOST)
    with pytest.raises(SendError) as lost:
        await stage.send("师傅已出发")
    assert lost.value.unconfirmed
    await _refused(stage)
    assert stage.wechat.violations == []


async def test_two_processes_share_one_agreement(stage: Stage) -> None:
    await _agrees(stage)
    other = stage.beside()
    messages = [stage.desk.message(f"进展 {n}") for n in range(4)]
    results = await asyncio.gather(*((stage.channel, other)[n % 2].send(OPENID, m) for n, m in enumerate(messages)), return_exceptions=True)
    assert sum(isinstance(r, str) for r in results) == 1 and stage.wechat.violations == []


async def test_who_has_left_still_gets_what_they_agreed_to(stage: Stage) -> None:
    await _agrees(stage)
    await stage.wechat.happens("unsubscribe")
    assert (await stage.send("师傅已出发")).startswith("notice:")


async def test_it_is_forgotten_when_nothing_has_happened_for_long(stage: Stage) -> None:
    await _agrees(stage)
    stage.clock.forward(days=KEEP.days + 1)
    await _refused(stage)


# ── What WeChat says later ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("numbered", [False, True])
async def test_a_notice_that_was_taken_and_not_delivered_fails_once(stage: Stage, numbered: bool) -> None:
    stage.wechat.numbers_notices = numbered
    await _agrees(stage)
    await _agrees(stage)
    stage.desk.rows.clear()
    stage.desk.say(OPENID, "师傅已出发", "师傅到了")
    stage.wechat.spoiled.extend([(0, "success"), (107, "system failed")])
    await stage.desk.drain(stage.channel)
    assert stage.desk.statuses() == ["sent", "sent"]
    again = list(stage.wechat.reports)
    await stage.wechat.report()
    first, second = stage.desk.rows
    assert {first.status, second.status} == {"sent", "failed"} and (not numbered or second.status == "failed")
    failed = second if second.status == "failed" else first
    assert "没有送达（107 system failed）" in failed.why and "Telephone" in failed.why
    for fields in again:
        await stage.wechat.deliver(fields)
    assert sorted(stage.desk.statuses()) == ["failed", "sent"]


async def test_a_template_that_was_taken_and_not_delivered_fails() -> None:
    async with opened(template=NEWS) as stage:
        stage.desk.say(OPENID, "师傅已出发")
        await stage.desk.drain(stage.channel)
        number = stage.desk.rows[-1].external_id.removeprefix("template:")
        await stage.wechat.happens("TEMPLATESENDJOBFINISH", MsgID=number, Status="success")
        assert stage.desk.statuses() == ["sent"]
        await stage.wechat.happens("TEMPLATESENDJOBFINISH", MsgID=number, Status="failed:user block")
        assert stage.desk.statuses() == ["failed"] and "住户拒收" in stage.desk.rows[-1].why


async def test_a_report_that_cannot_be_kept_is_asked_for_again() -> None:
    async with opened(notice=NEWS, hang_up=0.4) as stage:
        await _agrees(stage)
        stage.desk.say(OPENID, "师傅已出发")
        stage.wechat.spoiled.append((107, "system failed"))
        await stage.desk.drain(stage.channel)
        stage.desk.refusals = 1
        await stage.wechat.report()
        assert stage.desk.refusals == 0 and stage.desk.statuses() == ["failed"]


# ── Reading the events ───────────────────────────────────────────────────────────────────────────────────────────────


def _event(event: str, element: str, *lines: str) -> inbound.Arrival:
    return inbound.read(
        "yh-mp",
        f"<xml><ToUserName>gh_1</ToUserName><FromUserName>{OPENID}</FromUserName><CreateTime>1610969440</CreateTime><MsgType>event</MsgType>"
        f"<Event>{event}</Event><{element}>{''.join(f'<List>{line}</List>' for line in lines)}</{element}></xml>",
    )


_ACCEPT = "<TemplateId>a</TemplateId><SubscribeStatusString>accept</SubscribeStatusString><PopupScene>2</PopupScene>"
_REJECT = "<TemplateId>b</TemplateId><SubscribeStatusString>reject</SubscribeStatusString>"


def test_a_pop_up_of_several_notices_and_of_one() -> None:
    assert _event("subscribe_msg_popup_event", "SubscribeMsgPopupEvent", _ACCEPT, _REJECT).agreements == (("a", True), ("b", False))
    one = _event("subscribe_msg_popup_event", "SubscribeMsgPopupEvent", _ACCEPT)
    assert one.agreements == (("a", True),) and one.inbound is None and one.opens is None and not one.closes


@pytest.mark.parametrize("element", ["SubscribeMsgChangeEvent", "SubscribeMsgPopupEvent"])
def test_a_change_takes_back_and_never_gives(element: str) -> None:
    assert _event("subscribe_msg_change_event", element, _REJECT, _ACCEPT).agreements == (("b", False),)


@pytest.mark.parametrize("line", ["", "<TemplateId>a</TemplateId>", "<TemplateId>a</TemplateId><SubscribeStatusString>maybe</SubscribeStatusString>"])
def test_what_says_nothing_about_a_notice_changes_nothing(line: str) -> None:
    assert _event("subscribe_msg_popup_event", "SubscribeMsgPopupEvent", line).agreements == ()
    assert _event("subscribe_msg_popup_event", "SubscribeMsgPopupEvent").agreements == ()
    assert _event("subscribe_msg_sent_event", "SubscribeMsgSentEvent", line).lost == ()


def test_what_was_sent_is_lost_when_it_has_an_error() -> None:
    sent = "<TemplateId>a</TemplateId><MsgID>{}</MsgID><ErrorCode>{}</ErrorCode><ErrorStatus>{}</ErrorStatus>"
    arrival = _event("subscribe_msg_sent_event", "SubscribeMsgSentEvent", sent.format(1, 0, "success"), sent.format(2, 107, "system failed"))
    assert arrival.lost == (("notice:2", "107 system failed"),)


# ── What the office writes ───────────────────────────────────────────────────────────────────────────────────────────


def test_whether_a_notice_is_long_term_is_said_of_the_notice() -> None:
    entry = {"id": "n-1", "fields": {"thing1": "{text}"}}
    assert _form("wechat", "notice", {**entry, "long_term": True}) == Form("n-1", {"thing1": "{text}"}, long_term=True)
    with pytest.raises(ValueError, match="notice.long_term is true"):
        _form("wechat", "notice", {**entry, "long_term": "yes"})
    with pytest.raises(ValueError, match="template takes id, fields and link"):
        _form("wechat", "template", {**entry, "long_term": True})


@pytest.mark.parametrize(("here", "there"), [(False, True), (True, False)])
async def test_check_finds_the_other_kind(here: bool, there: bool) -> None:
    forms = {"notices": [fakes.Form("tmpl-1", ("thing4", "thing2", "phrase3"), long_term=there)]}
    async with opened(notice=replace(NEWS, long_term=here), fake=forms) as stage:
        found = [f for f in await stage.channel.check() if not f.ok and "notice" in f.what]
        assert len(found) == 1 and f"notice.long_term: {str(there).lower()}" in found[0].remedy


# ── However deliveries are mixed up ──────────────────────────────────────────────────────────────────────────────────


@given(
    deeds=st.lists(st.booleans(), min_size=1, max_size=8),
    order=st.randoms(use_true_random=False),
)
async def test_in_whatever_order_and_however_often_the_events_come_the_count_is_the_same(deeds: list[bool], order: Any) -> None:
    """One agreement or refusal a second; the last refusal leaves what was agreed to after it."""
    clock = Clock()
    agreements = Agreements(Notes(clock))
    start = clock.at.replace(microsecond=0)
    events = [(start + timedelta(seconds=n), agreed) for n, agreed in enumerate(deeds)]
    right = len(deeds) - 1 - max((n for n, agreed in enumerate(deeds) if not agreed), default=-1)
    arriving = [*events, *(e for e in events if order.random() < 0.5)]
    order.shuffle(arriving)
    for at, agreed in arriving:
        await (agreements.agreed if agreed else agreements.refused)(OPENID, NEWS.id, at.astimezone(UTC))
    taken = 0
    while await agreements.take(OPENID, NEWS) is not None:
        taken += 1
    assert taken == right


def test_seconds_are_counted_as_wechat_counts_them() -> None:
    assert datetime.fromtimestamp(1610969440, UTC) == _event("subscribe_msg_popup_event", "SubscribeMsgPopupEvent", _ACCEPT).sent_at
