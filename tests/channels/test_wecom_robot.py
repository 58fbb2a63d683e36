"""The group robot, against the same strict platform."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest

from bot.channels import Announces, Channel, Checks, Message, SendError
from bot.channels.wecom import Robot, RobotAccount, robot
from bot.channels.wecom.account import Form
from bot.channels.wecom.pace import Pace
from bot.core.types import Button
from bot.database import Database
from bot.workers import Workers
from tests.channels.lines import Clock as DeskClock
from tests.fakes.wecom import Clock, FakeWeCom, Fault, MemoryNotebook, serving
from tests.store.engines import database, postgres_server, postgres_url, sqlite_template, url
from tests.store.office import Office, office, open_office, story

__all__ = ["database", "postgres_server", "postgres_url", "sqlite_template", "url"]


@dataclass
class Group:
    """A group with a robot in it."""

    clock: Clock
    platform: FakeWeCom
    notebook: MemoryNotebook
    robots: list[Robot]
    base: str

    def robot(self, form: Form = "markdown", key: str | None = None, pace: Pace = robot.ROBOT_PACE) -> Robot:
        account = RobotAccount("YH", "digest", key or self.platform.robot_key, form)
        made = Robot(account, self.notebook, self.clock, base=self.base, patience=(5.0, 10.0), pace=pace)
        self.robots.append(made)
        return made

    @property
    def said(self) -> list[str]:
        return [shown.text for shown in self.platform.group]


@pytest.fixture
async def group() -> AsyncIterator[Group]:
    clock = Clock()
    platform, robots = FakeWeCom(clock), list[Robot]()
    async with serving(platform.app) as url:
        yield Group(clock, platform, MemoryNotebook(clock), robots, url + "/cgi-bin/")
        platform.released.set()
        for made in robots:
            await made.close()


async def test_a_digest_is_said_in_the_group(group: Group) -> None:
    speaker = group.robot()
    as_channel: Channel = speaker
    assert (as_channel.name, as_channel.account, as_channel.limits.bytes) == ("wecom-robot", "digest", 4096)
    assert isinstance(speaker, Checks)
    await speaker.send("digest", Message(1, "**今日** 新报修 12，完成 9，超时 1"))
    assert group.said == ["**今日** 新报修 12，完成 9，超时 1"] and group.platform.group[0].kind == "markdown"
    assert group.platform.violations == [] and group.platform.tokens_given == 0


@pytest.mark.parametrize(("form", "least"), [("text", 3), ("markdown", 2)])
async def test_a_long_digest_is_said_in_pieces(group: Group, form: Form, least: int) -> None:
    await group.robot(form).send("digest", Message(1, "3栋 超时未接单 1 件\n" * 200))
    assert len(group.said) >= least and "\n".join(group.said) == ("3栋 超时未接单 1 件\n" * 200).strip()
    assert group.platform.violations == []


async def test_a_long_digest_is_refused_without_it(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(robot, "pieces", lambda text, most: (text,))
    with pytest.raises(SendError):
        await group.robot().send("digest", Message(1, "水" * 2000))
    assert group.platform.violations == ["a robot's message of 6000 bytes"]


async def test_what_was_said_is_not_said_again(group: Group) -> None:
    speaker, text = group.robot(), "3栋 超时未接单 1 件\n" * 200
    group.platform.faults = [Fault("webhook/send", {"errcode": 0}), Fault("webhook/send", 503)]
    with pytest.raises(SendError) as down:
        await speaker.send("digest", Message(1, text))
    assert down.value.retryable
    await group.robot().send("digest", Message(1, text))
    assert len(group.said) == 1  # the first piece was answered by the fault in the platform's place


async def test_twenty_a_minute(group: Group) -> None:
    one, two = group.robot(), group.robot()
    for n in range(20):
        await (one if n % 2 else two).send("digest", Message(n, f"第{n}条"))
    with pytest.raises(SendError) as early:
        await one.send("digest", Message(20, "第20条"))
    assert early.value.retryable and early.value.after is not None
    group.clock.ahead(seconds=early.value.after.total_seconds())
    await one.send("digest", Message(20, "第20条"))
    assert len(group.said) == 21 and group.platform.violations == []


async def test_the_platform_refuses_the_twenty_first_without_it(group: Group) -> None:
    hasty = group.robot(pace=Pace(1000))
    for n in range(20):
        await hasty.send("digest", Message(n, f"第{n}条"))
    with pytest.raises(SendError) as refused:
        await hasty.send("digest", Message(20, "第20条"))
    assert refused.value.retryable and group.platform.violations == ["the robot talks too much"]


async def test_an_answer_that_never_came_is_left_open(group: Group) -> None:
    group.platform.faults = [Fault("webhook/send", "drop", "after")]
    with pytest.raises(SendError) as lost:
        await group.robot().send("digest", Message(1, "今日"))
    assert lost.value.unconfirmed and not lost.value.retryable and len(group.said) == 1


async def test_nothing_is_said_with_nothing_to_say(group: Group) -> None:
    with pytest.raises(SendError) as refused:
        await group.robot().send("digest", Message(1, "  "))
    assert not refused.value.retryable


async def test_choices_are_numbered(group: Group) -> None:
    await group.robot("text").send("digest", Message(1, "谁去？", (Button("我", "me"),)))
    assert group.said == ["谁去？\n\n1. 我"]


async def test_a_robot_that_was_removed_is_found_without_a_word_in_the_group(group: Group) -> None:
    [fine] = await group.robot().check()
    [gone] = await group.robot(key="693a91f6-gone").check()
    assert fine.ok and not gone.ok and "93000" in gone.what and gone.remedy
    group.platform.faults = [Fault("webhook/send", "drop")]
    [silent] = await group.robot().check()
    assert not silent.ok and group.said == []


# ── the day's figures ──


def with_robot(group: Group, database: Database, clock: DeskClock, at: time = time(18)) -> Office:
    """The office, started with this robot listed."""
    front = office(database, story(), clock)  # type: ignore[arg-type]
    account = RobotAccount("CY", "digest", group.platform.robot_key, "markdown", at)
    speaker = Robot(account, group.notebook, group.clock, base=group.base, patience=(2.0, 4.0))
    group.robots.append(speaker)
    assert isinstance(speaker, Announces)
    channels: dict[tuple[str, str], Any] = {
        ("wecom-robot", "digest"): speaker, ("telegram", "bot"): front.telegram, ("desk", ""): front.staff_page,
    }  # fmt: skip
    front.workers = Workers(front.desk, "w1", front.workers._hear, channels, lambda: 0.5, front.workers.pace)
    front.desk.plan_digest(1, "wecom-robot", "digest", speaker.digest_at)
    return front


async def passes(front: Office, clock: DeskClock, until: datetime) -> None:
    clock.at = until
    await front.workers.tick()
    await front.deliver()


async def test_the_group_is_told_the_day_at_its_hour_once_a_day(group: Group, database: Database) -> None:
    clock = DeskClock()  # ten in the morning there
    open_office(database)
    front = with_robot(group, database, clock)
    front = with_robot(group, database, clock)  # started a second time
    await front.talk("水管漏水", "是")
    await passes(front, clock, datetime(2026, 11, 27, 9, 59, tzinfo=UTC))
    assert group.said == []
    for _ in range(2):
        await passes(front, clock, datetime(2026, 11, 27, 10, 0, tzinfo=UTC))
    (told,) = group.said
    assert told.startswith("朝阳花园 2026-11-27 日报") and "repair 1" in told
    await passes(front, clock, datetime(2026, 11, 28, 10, 0, tzinfo=UTC))
    assert len(group.said) == 2 and "opened: 0" in group.said[1]
    assert group.platform.violations == []


async def test_a_desk_that_stood_still_at_the_hour_tells_that_day_when_it_starts(group: Group, database: Database) -> None:
    clock = DeskClock()
    open_office(database)
    with_robot(group, database, clock)
    clock.at += timedelta(days=1)
    front = with_robot(group, database, clock)
    await passes(front, clock, clock.at)
    assert [text.split()[1] for text in group.said] == ["2026-11-27"]
    await passes(front, clock, datetime(2026, 11, 28, 10, 0, tzinfo=UTC))
    assert [text.split()[1] for text in group.said] == ["2026-11-27", "2026-11-28"]


#: Where the telling may die. What SIGKILL does to a transaction is shown in tests/turns/test_crashes.py.
POINTS = ("digest.told",)


@pytest.mark.parametrize("point", POINTS)
async def test_a_desk_that_dies_while_it_tells_the_day_tells_it_once(
    group: Group, database: Database, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    clock = DeskClock()
    open_office(database)
    front = with_robot(group, database, clock)

    def die(name: str) -> None:
        if name == point:
            raise RuntimeError("the process died here")

    monkeypatch.setattr("bot.turns.crash_point", die)
    with suppress(RuntimeError):
        await passes(front, clock, datetime(2026, 11, 27, 10, 0, tzinfo=UTC))
    assert group.said == [] and front.rows("outbox", "id") == []
    monkeypatch.undo()
    for minutes in (5, 10):  # longer than any lease
        await passes(front, clock, datetime(2026, 11, 27, 10, minutes, tzinfo=UTC))
    assert [text.split()[1] for text in group.said] == ["2026-11-27"]


async def test_another_hour_takes_the_place_of_the_first_and_a_robot_that_is_not_listed_says_nothing(group: Group, database: Database) -> None:
    clock = DeskClock()
    open_office(database)
    with_robot(group, database, clock)
    front = with_robot(group, database, clock, time(19))
    await passes(front, clock, datetime(2026, 11, 27, 10, 0, tzinfo=UTC))
    assert group.said == []
    await passes(front, clock, datetime(2026, 11, 27, 11, 0, tzinfo=UTC))
    assert len(group.said) == 1
    bare = office(database, story(), clock)  # type: ignore[arg-type]
    await passes(bare, clock, datetime(2026, 11, 28, 11, 0, tzinfo=UTC))
    assert len(group.said) == 1 and bare.rows("due", "id", status="pending", subject_type="digest") == []


async def test_a_digest_the_robot_cannot_say_is_shown_to_staff(group: Group, database: Database) -> None:
    clock = DeskClock()
    open_office(database)
    front = with_robot(group, database, clock)
    group.platform.faults = [Fault("webhook/send", {"errcode": 45002})]
    await passes(front, clock, datetime(2026, 11, 27, 10, 0, tzinfo=UTC))
    ((reason, text),) = front.rows("phone_task", "reason", "text")
    assert reason.startswith("failed: 企业微信 45002") and "日报" in text
