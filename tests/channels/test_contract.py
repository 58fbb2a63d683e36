"""What every channel promises the desk (`bot.channels`, DESIGN.md), told once and played on every line.

The lines are in `lines.py`: Telegram polled, Telegram by webhook, an Official Account of WeChat, an application of WeCom, each
against its strict platform on loopback, and the terminal, which has no platform. Where a platform cannot do something,
`CAPABILITIES` says so, and the test looks at what is done instead. The residents' page has no platform either: it reads the
rows themselves, and its side of the contract is in `tests/web/test_chat_api.py`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot import outbox
from bot.channels import Channel, Checks, Fetches, Inbound, Listens, Message, SendError, Serves, in_language
from bot.core.types import Button, Say
from bot.database import EVERY, Database
from tests.channels.lines import CAPABILITIES, CODE, LINES, PHOTO, TEXTS, Desk, Failure, Kind, Line, RealDesk
from tests.store.engines import postgres_server, sqlite_template, url

__all__ = ["postgres_server", "sqlite_template", "url"]

HEARING = tuple(name for name in LINES if name != "console")
CALLED = tuple(name for name in LINES if CAPABILITIES[name].called)
BREAKING = tuple(name for name in LINES if CAPABILITIES[name].doubt != "never")
on_every_line = pytest.mark.parametrize("line", LINES, indirect=True)
on_every_line_that_hears = pytest.mark.parametrize("line", HEARING, indirect=True)
on_every_line_that_breaks = pytest.mark.parametrize("line", BREAKING, indirect=True)


@pytest.fixture
async def line(request: pytest.FixtureRequest) -> AsyncIterator[Line]:
    made: Line = LINES[request.param](Desk())
    async with made.open():  # type: ignore[attr-defined]
        yield made
        assert made.violations == []


# ── What it is ──────────────────────────────────────────────────────────────────────────────────────────────────────


@on_every_line
async def test_it_is_a_channel_with_what_its_platform_wants(line: Line) -> None:
    as_channel: Channel = line.channel
    assert as_channel.name and as_channel.reach == "always" if line.can.speaks_first else as_channel.reach == "window"
    assert isinstance(line.channel, Serves) == line.can.called
    assert isinstance(line.channel, Listens) == (line.name == "telegram-polled")
    assert (isinstance(line.channel, Checks) and isinstance(line.channel, Fetches)) or line.name == "console"


# ── Heard ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@on_every_line_that_hears
async def test_words_are_heard_as_they_were_written(line: Line) -> None:
    await line.says("厨房水管漏水 😭\n4栋1单元703 <b>&amp;]]>")
    (heard,) = line.desk.heard
    assert heard.text == "厨房水管漏水 😭\n4栋1单元703 <b>&amp;]]>"
    assert (heard.channel, heard.account, heard.address) == (line.channel.name, line.channel.account, line.address("wang"))
    assert heard == replace(heard, button=None, media=(), location=None, tap="", start="", event="", phone="", group=False)
    assert Inbound.from_json(heard.channel, heard.account, heard.external_id, json.loads(json.dumps(heard.to_json()))) == heard


@pytest.mark.parametrize("kind", ["photo", "voice", "place", "arrived", "left"])
@on_every_line_that_hears
async def test_other_things_are_heard_alike(line: Line, kind: Kind) -> None:
    await line.does(kind)
    (heard,) = line.desk.heard
    assert heard.address == line.address("wang") and heard.external_id and heard.text == ""
    if kind == "photo":
        assert [m.kind for m in heard.media] == ["photo"]
        assert await line.channel.fetch(heard.media[0]) == PHOTO
    elif kind == "voice":
        assert [m.kind for m in heard.media] == ["voice"]
    elif kind == "place":
        assert heard.location is not None and "31.2304" in heard.location and "121.4737" in heard.location
    else:
        assert heard.event == kind
    if kind == "arrived" and line.can.codes:
        assert heard.start == CODE
    elif kind == "arrived":
        await line.says(CODE)  # typed: the dialogue finds a code in words
        assert line.desk.heard[-1].text == CODE


@on_every_line_that_hears
async def test_what_could_not_be_kept_is_not_acknowledged_and_comes_again(line: Line) -> None:
    line.desk.away = 1
    await line.says("漏水")
    assert [m.text for m in line.desk.heard] == ["漏水"] and line.desk.deliveries == 2


@on_every_line_that_hears
async def test_a_process_that_dies_between_keeping_and_acknowledging_leaves_one_message(line: Line) -> None:
    line.desk.dies = 1
    await line.says("漏水")
    assert [m.text for m in line.desk.heard] == ["漏水"] and line.desk.deliveries == 2


@on_every_line_that_hears
async def test_a_redelivery_is_the_same_message_and_the_same_words_again_are_another(line: Line) -> None:
    await line.says("漏水")
    await line.again()
    assert line.desk.deliveries == 2 and len(line.desk.heard) == 1
    await line.says("漏水")
    assert [m.text for m in line.desk.heard] == ["漏水", "漏水"]


@on_every_line_that_hears
async def test_what_a_person_says_keeps_its_order_when_one_is_not_kept_at_first(line: Line) -> None:
    for number, text in enumerate(("一", "二", "三", "四")):
        line.desk.away = number % 2
        await line.says(text)
    assert [m.text for m in line.desk.heard] == ["一", "二", "三", "四"]


@pytest.mark.parametrize("line", [name for name in LINES if CAPABILITIES[name].groups], indirect=True)
async def test_in_a_group_only_what_is_said_to_the_desk_is_heard(line: Line) -> None:
    await line.says_in_group("今晚谁打麻将", to_the_desk=False)
    assert line.desk.deliveries == 0
    await line.says_in_group("电梯坏了", to_the_desk=True)
    assert [(m.text, m.group) for m in line.desk.heard] == [("电梯坏了", True)]


# ── Strangers ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("line", CALLED, indirect=True)
async def test_what_the_platform_did_not_send_is_refused_and_nothing_of_it_is_kept(line: Line, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    forgeries = line.forgeries()
    assert len(forgeries) >= 3
    for name, forged in forgeries.items():
        assert 400 <= await forged("把门打开") < 500, name
    assert line.desk.deliveries == 0
    written = caplog.text + "".join(capsys.readouterr()) + str(line.notes.pages)
    assert "把门打开" not in written and not any(secret in written for secret in line.secrets)


# ── Sent ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@on_every_line
async def test_what_is_sent_arrives_once_in_order_at_the_right_person(line: Line) -> None:
    await line.meets("wang", "li")
    for number, text in enumerate(("一。<b>*x*</b> & 😀", "二", "三"), 1):
        assert await line.deliver(text, number=number) == "sent"
    assert await line.deliver("给李的", "li", number=4) == "sent"
    assert line.seen() == ["一。<b>*x*</b> & 😀", "二", "三"] and line.seen("li") == ["给李的"]


@on_every_line
async def test_a_long_text_arrives_whole_cut_where_a_sentence_ends(line: Line) -> None:
    await line.meets("wang")
    sentence = "装修垃圾请装袋后放到指定地点，不要堆在楼道里。"
    limits = line.channel.limits
    longest = limits.characters or limits.bytes // 3 or 1000
    text = sentence * (2 * longest // len(sentence) + 1)
    assert await line.deliver(text) == "sent"
    parts = line.seen()
    assert "".join(parts) == text and all(part.endswith("。") for part in parts)
    assert len(parts) == (1 if line.name == "console" else 3), "no more parts than are needed"


#: Characters a piece leaves free: for its beginning, its full stop, and the mark that WeCom's adapter may put behind it.
ROOM = 8 + 12


@on_every_line_that_breaks
async def test_of_a_long_text_what_has_arrived_is_not_sent_again(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    await line.meets("wang")
    limits = line.channel.limits
    longest = limits.characters or limits.bytes // 3
    failed = 0

    async def fails_after_the_first(page: str, edit: Any, keep: timedelta) -> Any:
        nonlocal failed
        if len(line.seen()) == 1 and not failed:  # how far it has come is being noted
            failed += 1
            line.fails("failing")
        return await noted(page, edit, keep)

    noted = line.notes.change
    monkeypatch.setattr(line.notes, "change", fails_after_the_first)
    text = "".join(f"第{n}段" + "水" * (longest - ROOM) + "。" for n in (1, 2, 3))
    assert await line.deliver(text) == "sent" and failed == 1
    assert [part[:3] for part in line.seen()] == ["第1段", "第2段", "第3段"]


@on_every_line_that_breaks
async def test_choices_are_shown_and_what_is_chosen_comes_back(line: Line) -> None:
    await line.meets("wang")
    await line.deliver("请核对", buttons=(Button("对，提交", "yes:" + "x" * 200), Button("修改", "no:")), number=42)
    await line.presses("修改")
    (heard,) = line.desk.heard
    assert heard.address == line.address("wang")
    if line.can.buttons:
        assert (heard.tap, heard.text) == ("42.1", ""), "a token: what it means stays with the desk"
    else:
        assert (heard.tap, heard.text) == ("", "2") and line.seen()[-1].endswith("1. 对，提交\n2. 修改")
    assert "x" * 200 not in "".join(line.seen())


@on_every_line_that_breaks
async def test_a_photo_arrives_with_its_words(line: Line) -> None:
    await line.meets("wang")
    await line.channel.send(line.address("wang"), Message(1, "换好了", photos=("a",)))
    assert line.seen() == ["换好了"] and line.pictures() == [PHOTO]


# ── Not sent ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def refused(line: Line, how: Failure) -> SendError:
    line.fails(how)
    with pytest.raises(SendError) as caught:
        await line.send("师傅明天上午到")
    error = caught.value
    # For staff: both languages, and nothing of the person, the message or the secrets.
    assert in_language(str(error), "zh").endswith("。") and in_language(str(error), "en")[0].isascii()
    assert not any(word in str(error) for word in (line.address("wang"), "师傅", *line.secrets))
    return error


@on_every_line_that_breaks
async def test_a_failing_platform_is_tried_again_and_the_message_comes_once(line: Line) -> None:
    await line.meets("wang")
    error = await refused(line, "failing")
    assert error.retryable and not error.unconfirmed and error.after is None
    assert await line.deliver("师傅明天上午到") == "sent" and line.seen() == ["师傅明天上午到"]


@on_every_line_that_breaks
async def test_a_platform_that_asks_to_wait_is_waited_for_and_nobody_else_waits(line: Line) -> None:
    await line.meets("wang", "li")
    error = await refused(line, "wait")
    assert error.retryable and not error.unconfirmed and error.after is not None and error.after > timedelta(0)
    await line.send("您好", "li", number=2)
    assert line.seen("li") == ["您好"] and line.seen() == []
    line.clock.forward(error.after)
    assert await line.deliver("师傅明天上午到") == "sent" and line.seen() == ["师傅明天上午到"]


@pytest.mark.parametrize("how", ["person", "message"])
@on_every_line_that_breaks
async def test_a_person_who_is_gone_and_a_message_that_is_wrong_are_not_tried_again(line: Line, how: Failure) -> None:
    await line.meets("wang", "li")
    error = await refused(line, how)
    assert not error.retryable and not error.unconfirmed
    await line.send("您好", "li", number=2)
    assert line.seen() == [] and line.seen("li") == ["您好"]


@pytest.mark.parametrize("how", ["cut", "lost"])
@on_every_line_that_breaks
async def test_a_connection_that_breaks_doubles_nothing_and_hides_no_doubt(line: Line, how: Failure) -> None:
    await line.meets("wang")
    await line.send("先说一句", number=9)  # so that it is this message whose connection breaks
    line.clock.forward(timedelta(seconds=2))
    error = await refused(line, how)
    if line.can.doubt == "perhaps":
        assert error.unconfirmed
    else:
        assert error.retryable and not error.unconfirmed
        assert await line.deliver("师傅明天上午到") == "sent"
    arrived = how == "lost" or line.can.doubt == "once"
    assert line.seen() == ["先说一句"] + ["师傅明天上午到"] * arrived


# ── Logs ────────────────────────────────────────────────────────────────────────────────────────────────────────────


@on_every_line_that_breaks
async def test_no_log_above_debug_holds_a_secret_an_address_or_a_word(line: Line, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    with caplog.at_level(logging.INFO):
        await line.meets("wang")
        line.desk.away = 1
        await line.says("我的电话13800001234")
        await line.does("photo")
        await line.channel.fetch(line.desk.heard[-1].media[0])
        failures: tuple[Failure, ...] = ("failing", "wait", "person", "message", "cut", "lost")
        for number, how in enumerate(failures, 10):
            line.fails(how)
            await line.deliver("您的电话13800001234", number=number)
            line.clock.forward(timedelta(minutes=20))
        await line.channel.check()
        await line.does("left")
    written = caplog.text + "".join(capsys.readouterr())
    assert "not_" in written or "refused" in written, "something was logged"
    for word in ("13800001234", "电话", line.address("wang") if len(line.address("wang")) > 4 else "wang", *line.secrets):
        assert word not in written


# ── With the real desk behind it ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def at_the_desk(line: Line, tmp_path: Any, sqlite_template: Any) -> AsyncIterator[RealDesk]:
    path = tmp_path / "desk.db"
    path.write_bytes(sqlite_template.read_bytes())
    database = Database(f"sqlite:///{path}")
    desk = RealDesk(database, line)
    await line.says("菜单")
    await desk.answers()  # with the notice that is given once
    yield desk
    database.close()


@on_every_line_that_breaks
async def test_a_choice_means_at_the_desk_what_it_carried(line: Line, at_the_desk: RealDesk) -> None:
    await line.says("菜单")
    assert any("请直接说您的事" in text for text in await at_the_desk.answers())
    await line.presses("报修")
    (asked,) = await at_the_desk.answers()
    assert "哪里坏了" in asked


@on_every_line_that_breaks
async def test_a_redelivery_is_one_row_and_one_answer(line: Line, at_the_desk: RealDesk) -> None:
    await line.says("菜单")
    await line.again()
    answers = await at_the_desk.answers()
    await line.again()
    assert len(answers) == 1 and await at_the_desk.answers() == []
    assert at_the_desk.front.rows("inbox", "status") == [("done",), ("done",)]


@pytest.mark.parametrize("line", [name for name in BREAKING if CAPABILITIES[name].buttons], indirect=True)
async def test_a_stale_and_a_double_tap_are_answered_kindly_and_do_nothing(line: Line, at_the_desk: RealDesk) -> None:
    await line.says("菜单")
    await at_the_desk.answers()
    front = at_the_desk.front
    conversation = front.rows("conversation", "id", "channel", "account", "address")[0]
    to = outbox.Address(*conversation[1:], conversation_id=conversation[0])
    old = Say("请核对", (Button("对，提交", "yes:"),))
    now = line.clock.now()
    front.database.write(EVERY, lambda c: outbox.put(c, [outbox.row(1, to, old, desk_now=now, machine_now=now)]))
    assert await at_the_desk.answers() == ["请核对"]
    for _ in range(2):
        await line.presses("对，提交")
        answers = "\n".join(await at_the_desk.answers())
        assert any(variant.text in answers for variant in TEXTS.responses["utter_stale_button"]["zh"])
    assert front.rows("ticket", "id") == []


@on_every_line_that_breaks
async def test_what_fails_for_good_stands_among_the_calls_with_the_way_out(line: Line, at_the_desk: RealDesk) -> None:
    await line.says("菜单")
    line.fails("person")
    assert await at_the_desk.answers() == []
    ((reason,),) = at_the_desk.front.rows("phone_task", "reason")
    kind, _, why = reason.partition(": ")
    assert kind == "failed" and in_language(why, "zh").endswith("。") and line.address("wang") not in why
    assert ("打电话" if line.name != "wecom" else "可见范围") in in_language(why, "zh")


@pytest.mark.parametrize("line", [name for name in BREAKING if CAPABILITIES[name].doubt == "perhaps"], indirect=True)
async def test_what_may_not_have_arrived_stands_among_the_calls_until_it_shows_that_it_did(line: Line, at_the_desk: RealDesk) -> None:
    await line.says("菜单")
    line.fails("lost")
    assert len(await at_the_desk.answers()) == 1
    rows: Callable[[], list[tuple[Any, ...]]] = lambda: at_the_desk.front.rows("phone_task", "status", "outcome")  # noqa: E731
    assert at_the_desk.front.rows("phone_task", "reason")[0][0].startswith("unconfirmed: ") and rows() == [("open", "")]
    assert "sent_unconfirmed" in {status for (status,) in at_the_desk.front.rows("outbox", "status")}
    if line.can.buttons:
        await line.presses("报修")
        await at_the_desk.answers()
        assert rows() == [("done", "arrived")]

