"""Short stories: what happens so seldom in an estate that chance would have to live long to meet it, told on purpose.

Each is one function of the world, given to a `Plan` beside (or in place of) the people who do as chance will have it. Where a story
needs the platform to do something particular, it asks its fake.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select

from bot.core.tickets import IllegalMove
from bot.database import EVERY
from bot.tables import table
from simulator.platforms import Sent
from simulator.strangers import knock
from tests.fakes.wecom import Fault

if TYPE_CHECKING:
    from simulator.people import Resident
    from simulator.world import Story, World

#: Letters of the office that no platform takes at once: 5,000 characters, and 3,000 that count twice on Telegram.
LETTER: Final = "".join(f"第{n}条：请各位住户在本月底以前到前台办理登记，逾期按规定处理，谢谢配合。" for n in range(1, 131))
FACES: Final = "".join(f"{'😀' * 29}。" for _ in range(100))
LONGER: Final = LETTER * 25
#: Of three pieces at WeChat and WeCom, with what would end its field in XML, and what no XML may hold.
MARKED: Final = "".join(f"第{n}款]]><b>：请在月底以前办理登记，逾期按规定处理，谢谢配合\x0b。" for n in range(1, 61))

_FIRST: Final = 900


async def somebody(world: World, number: int = 0) -> Resident:
    """A person who has just opened the chat."""
    who = world.platform.person(_FIRST + number)
    person = world.newcomer(who)
    person.hurry, person.clumsy = 1.0, 0.0
    await person.send("comes", world.platform.comes(who))
    return person


def _steward(world: World) -> int:
    s = table("staff")
    query = select(s.c.id).where(s.c.community_id == world.community_id, s.c.role == "steward").order_by(s.c.id)
    return int(world.database.read(EVERY, lambda c: c.scalars(query).first() or 0))


def _conversation(world: World, who: str) -> int:
    t = table("conversation")
    query = select(t.c.id).where(t.c.community_id == world.community_id, t.c.address == who)
    return int(world.database.read(EVERY, lambda c: c.scalar(query) or 0))


def write(world: World, who: str, *letters: str) -> None:
    """A colleague has taken the conversation, and writes."""
    conversation, steward = _conversation(world, who), _steward(world)
    world.desk.take_over(world.community_id, steward, conversation)
    for number, words in enumerate(letters):
        world.desk.speak(world.community_id, steward, conversation, words, f"{who}-{world.clock.now().timestamp()}-{number}")
    world.workers.outbox_bell.ring()


def trick(what: str) -> Story:
    """A stranger comes to the door."""

    async def told(world: World) -> None:
        await knock(world, what)
        await asyncio.sleep(10)

    return told


def letters(*words: str, after: float = 30.0) -> Story:
    """A colleague writes this, one right after the other."""

    async def told(world: World) -> None:
        person = await somebody(world)
        await person.say("您好")
        write(world, person.who, *words)
        await asyncio.sleep(after)

    return told


def broken(words: str, break_at: Callable[[Any], None]) -> Story:
    """A letter of several parts, of which the second is refused for now."""

    async def told(world: World) -> None:
        person = await somebody(world)
        await person.say("您好")
        seen = world.platform.seen(person.who)
        until = len(seen) + 2  # who is writing is said first
        write(world, person.who, words)
        while len(seen) < until:
            await world.platform.arrived[person.who].wait()
            world.platform.arrived[person.who].clear()
        break_at(world.platform)
        await asyncio.sleep(60)

    return told


async def correction(world: World) -> None:
    """What was said is put right."""
    person = await somebody(world)
    await person.say("您好")
    await person.send("edits", world.platform.edits(person.who, "谢谢"))


async def crowd(world: World) -> None:
    """Forty people open the chat at the same moment."""
    async with asyncio.TaskGroup() as all_of_them:
        for number in range(40):
            all_of_them.create_task(somebody(world, number))


# ── Telegram ────────────────────────────────────────────────────────────────────────────────────────────────────────


async def lively_group(world: World) -> None:
    """A group asks more often than Telegram lets a bot answer."""
    person = await somebody(world)
    for _ in range(24):
        await person.send("asks in the group", world.platform.says_in_group(person.who))
        await asyncio.sleep(2.2)
    await asyncio.sleep(90)


async def group_talk(world: World) -> None:
    """The bot is sent all that a group says."""
    person, fake = await somebody(world), _fake(world)
    fake.reads_all = True
    fake.says(int(person.who), "今晚谁打麻将", chat=fake.group())
    await asyncio.sleep(10)


async def group_moves(world: World) -> None:
    """A group becomes another chat while two answers wait for it."""
    person, fake = await somebody(world), _fake(world)
    fake.refuse("sendMessage", 429, "Too Many Requests: retry after 4", retry_after=4)
    for _ in range(2):
        await person.send("asks in the group", world.platform.says_in_group(person.who))
        await asyncio.sleep(1.6)
    group = next(chat for chat in fake.chats if chat < 0)
    new = fake.upgrades(int(person.who), group)
    await asyncio.sleep(60)
    # To its members it is one group.
    for message in world.platform.seen(str(new)):
        world.platform._read[str(group)].append(message)  # type: ignore[attr-defined]


async def told_to_wait(world: World) -> None:
    """Telegram wants a chat left alone; then somebody cries fire in it."""
    person, fake = await somebody(world), _fake(world)
    fake.refuse("sendMessage", 429, "Too Many Requests: retry after 35", retry_after=35)
    await person.send("says", world.platform.says(person.who, "您好"), wait=False)
    await asyncio.sleep(3)
    await person.say("楼道里着火了")
    await asyncio.sleep(60)


async def other_program(world: World) -> None:
    """Another program of the office has asked Telegram for words alone."""
    person, fake = await somebody(world), _fake(world)
    fake.allowed = frozenset({"message"})
    await asyncio.sleep(60)
    await person.say("您好")
    await person.tap(person.last.buttons[0] if person.last else "")


async def numbers_begin_anew(world: World) -> None:
    """After a silent week Telegram's numbers begin anew."""
    person = await somebody(world)
    await asyncio.sleep(60)
    _fake(world).next_update = 17
    await person.say("您好")


async def unreadable(world: World) -> None:
    """An update of a kind that the library cannot read."""
    _fake(world).raw({"message": {"text": "?"}})
    await asyncio.sleep(2)
    await (await somebody(world)).say("您好")


async def strangers_card(world: World) -> None:
    """The card of somebody else, with their telephone."""
    person, fake = await somebody(world), _fake(world)

    async def shows() -> Sent:
        update = fake.next_update
        fake.says(int(person.who), None, contact={"phone_number": "8613800001234", "first_name": "芳", "user_id": 1})
        return Sent(person.who, "芳 +8613800001234", update=update)

    await person.send("shows a card", shows())


async def late_answer(world: World) -> None:
    """A tap of which the desk hears an hour later."""
    person, fake = await somebody(world), _fake(world)
    await person.say("您好")
    fake.refuse("getUpdates", 429, "Too Many Requests: retry after 3600", retry_after=3600)
    await asyncio.sleep(30)
    last = person.last
    assert last is not None
    await person.tap(last.buttons[0], last, wait=False)
    await asyncio.sleep(3700)


async def poll_must_wait(world: World) -> None:
    """Telegram wants to be left alone."""
    await somebody(world)
    _fake(world).refuse("getUpdates", 429, "Too Many Requests: retry after 20", retry_after=20)
    await asyncio.sleep(60)


async def blocks(world: World) -> None:
    """Somebody writes, and blocks the desk before it can answer."""
    person = await somebody(world)
    await person.send("says", world.platform.says(person.who, "您好"), wait=False, excuse="they left at once")
    begun = world.clock.now()
    await world.platform.leaves(person.who)
    await asyncio.sleep(120)
    world.absences.append((person.who, begun, world.clock.now()))


# ── WeChat ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _fake(world: World) -> Any:
    platform: Any = world.platform
    return platform.quiet if platform.name == "wechat" and platform._reply_only else platform.fake


async def outside_every_window(world: World) -> None:
    """All somebody does is press "a person, please", and the colleague answers two minutes later."""
    platform: Any = world.platform
    who = platform.person(_FIRST)
    person = world.newcomer(who)
    await person.send("comes", platform.comes(who))
    await asyncio.sleep(2)
    await person.send("presses the menu", platform._happens(who, "CLICK", "menu:handoff"))
    await asyncio.sleep(120)
    write(world, who, "您好，物业费请到前台办理，带上户主的身份证。")
    await asyncio.sleep(60)


def notices(*answers: str, letters: int = 1, again: bool = False, spoiled: bool = False) -> Story:
    """The same on an account without the right to send templates. They have answered so when asked whether they want notices;
    then a colleague writes.

    Args:
        again: each answer is delivered a second time, half a minute later.
        spoiled: WeChat takes the first notice and does not deliver it.
    """

    async def told(world: World) -> None:
        platform: Any = world.platform
        fake, now = _fake(world), world.clock.now()
        fake.unauthorised.add("/cgi-bin/message/template/send")
        who = platform.person(_FIRST)
        person = world.newcomer(who)
        await person.send("comes", platform.comes(who))
        await person.send("presses the menu", platform._happens(who, "CLICK", "menu:handoff"))
        said = [fake.pops_up({"tmpl-2": answer}, who) for answer in answers]
        for number, fields in enumerate(said):  # some seconds between one answer and the next
            fields["CreateTime"] = str(int(fields["CreateTime"]) + 5 * number)
            await asyncio.sleep(5)
            await fake.deliver(fields)
        await asyncio.sleep(30)
        for fields in said if again else ():
            await fake.deliver(fields)
        await asyncio.sleep(90)
        if spoiled:
            fake.spoiled.append((107, "system failed"))
        if spoiled or letters > fake.agreed[who, "tmpl-2"]:  # then a call is right
            world.absences.append((who, now, now + timedelta(days=1)))
        write(world, who, *(f"第{n}件事：请到前台办理。" for n in range(1, letters + 1)))
        await asyncio.sleep(60)

    return told


def template_goes_wrong(*faults: int | str, then: float = 60.0, writes: bool = False) -> Story:
    """The same, and WeChat's template interface fails in these ways, one after the other. `writes`: then they write."""

    async def told(world: World) -> None:
        _fake(world).fail("/cgi-bin/message/template/send", *faults)
        await outside_every_window(world)
        if writes:
            await world.people[-1].say("在吗")
        await asyncio.sleep(then)

    return told


def service_goes_wrong(*codes: int, letters: int = 1, then: float = 60.0, times: int = 1) -> Story:
    """A colleague writes, and WeChat refuses so many times with these codes. `times`: five seconds later the same once more."""

    async def told(world: World) -> None:
        person = await somebody(world)
        await person.say("您好")
        for time in range(times):
            _fake(world).fail("/cgi-bin/message/custom/send", *codes)
            write(world, person.who, *(f"第{n}件事，第{time}次：请到前台。" for n in range(1, letters + 1)))
            await asyncio.sleep(5)
        await asyncio.sleep(then)

    return told


async def follows_again(world: World) -> None:
    """Somebody writes, leaves, and follows again: what was left of the window is gone."""
    platform: Any = world.platform
    person = await somebody(world)
    await person.say("您好")
    begun = world.clock.now()
    await platform.leaves(person.who)
    await asyncio.sleep(30)
    world.absences.append((person.who, begun, world.clock.now()))
    await person.send("comes back", platform.returns(person.who))
    await asyncio.sleep(90)
    write(world, person.who, "您好，物业费请到前台。")
    await asyncio.sleep(30)


async def delivered_late(world: World) -> None:
    """A message is delivered again after a colleague has used up the window that it opened."""
    platform: Any = world.platform
    person, fake = await somebody(world), _fake(world)
    await person.say("转人工")
    write(world, person.who, "您好。")
    await asyncio.sleep(70)  # the minute after following is over
    fields = fake.message("text", person.who, Content="在吗")
    await person.send("says", _said(platform, person.who, "在吗", fields), excuse="a person has the conversation", wait=False)
    await asyncio.sleep(5)
    write(world, person.who, *(f"第{n}件事：请到前台。" for n in range(1, 6)))
    await asyncio.sleep(10)
    await fake.post(_exchange(fields))
    write(world, person.who, "还有一件事。")
    await asyncio.sleep(60)


def while_they_write(*letters: str) -> Story:
    """A colleague writes while WeChat waits for an answer, so that it goes out with it."""

    async def told(world: World) -> None:
        person = await somebody(world)
        await person.say("转人工")
        write(world, person.who, "您好。")
        await asyncio.sleep(10)
        asking = asyncio.create_task(person.say("在吗"))
        await asyncio.sleep(0.3)
        write(world, person.who, *letters)
        await asking

    return told


async def _said(platform: Any, who: str, words: str, fields: Any) -> Sent:
    sent: Sent = platform._deliver(who, words, fields)
    return sent


def _exchange(fields: Any) -> Any:
    from tests.fakes.wechat import Exchange

    return Exchange(fields)


def hangs_up(seconds: float, times: int) -> Story:
    """WeChat hangs up so soon, so often, and does not ask again."""

    async def told(world: World) -> None:
        platform: Any = world.platform
        person, fake = await somebody(world), _fake(world)
        fields = fake.message("text", person.who, Content="您好")
        exchange, usual = _exchange(fields), fake.hang_up

        async def goes() -> Sent:
            fake.hang_up = seconds
            for _ in range(times):
                await fake.post(exchange)
            fake.hang_up = usual
            platform._passed(person.who)
            return Sent(person.who, "您好")

        await person.send("says", goes())

    return told


def disk_fails(times: int) -> Story:
    """A message comes, and the disk does not take it so often, one time after the other."""

    async def told(world: World) -> None:
        person = await somebody(world)
        assert world.disk is not None
        world.disk.next += ["accept.inbox"] * times
        await person.say("您好")

    return told


def slow_turn(seconds: float) -> Story:
    """The desk takes so long to understand."""

    async def told(world: World) -> None:
        person = await somebody(world)
        await person.say("您好")
        world.phrases.slow = seconds
        await person.say("今天天气真好")
        world.phrases.slow = 0.0

    return told


async def keys_change(world: World) -> None:
    """The office's new key comes into use."""
    person, fake = await somebody(world), _fake(world)
    await person.say("您好")
    fake.aes_key = world.platform.next_key  # type: ignore[attr-defined]
    await person.say("谢谢")


async def another_host(world: World) -> None:
    """A photo's address that is not WeChat's. Its account may fetch photos by their address alone."""
    platform: Any = world.platform
    person, fake = await somebody(world), _fake(world)
    media = fake.sends(world.photo)
    address = f"{fake.url.replace('127.0.0.1', 'localhost')}/mmbiz/{media}"
    fields = fake.message("image", person.who, MediaId="gone", PicUrl=address)
    await person.send("shows a photo", _said(platform, person.who, "", fields))
    await asyncio.sleep(400)


# ── WeCom ───────────────────────────────────────────────────────────────────────────────────────────────────────────


async def talkative(world: World) -> None:
    """A colleague writes to one member more than WeCom delivers in a minute."""
    person = await somebody(world)
    write(world, person.who, *(f"第{n}件事：请到前台。" for n in range(1, 36)))
    await asyncio.sleep(150)


def answered(*faults: Fault, words: str = "您好，物业费请到前台。", then: float = 60.0) -> Story:
    """A colleague writes, and WeCom answers in these ways."""

    async def told(world: World) -> None:
        person = await somebody(world)
        await person.say("您好")
        _fake(world).faults += faults
        write(world, person.who, words)
        await asyncio.sleep(then)

    return told


def card_goes_wrong(*faults: Fault, crash: bool = False) -> Story:
    """The question when somebody is at home is a card: it is answered in these ways, or its sender dies when it has gone out."""

    async def told(world: World) -> None:
        person = await somebody(world)
        await person.say("厨房水管漏水")
        _fake(world).faults += faults
        assert world.disk is not None
        if crash:
            world.disk.next.append("send.sent")
        await person.say(person.home.room)
        await asyncio.sleep(240)

    return told


async def desk_away(world: World) -> None:
    """The answer to a message is lost; then the desk is switched off for five hours."""
    person = await somebody(world)
    await person.say("您好")
    _fake(world).faults.append(Fault("message/send", "drop", "after"))
    write(world, person.who, "您好，物业费请到前台。")
    await asyncio.sleep(1.2)
    await world.workers.stop()
    await asyncio.sleep(5 * 3600)
    world.workers.start()
    await asyncio.sleep(30)


async def wrong_register(world: World) -> None:
    """Somebody has entered "everybody" as a member of the staff."""
    from bot import outbox
    from bot.core.types import Say

    to, now = outbox.Address(world.platform.name, "staff", "@all"), world.clock.now()
    row = outbox.row(world.community_id, to, Say("今日工单：无。"), desk_now=now, machine_now=now)
    world.absences.append(("@all", now, now + timedelta(days=1)))
    await world.database.run(world.community_id, lambda conn: outbox.put(conn, [row]))
    await asyncio.sleep(30)


async def nobody_got_it(world: World) -> None:
    """WeCom says that all is well, and names the member who got nothing."""
    now = world.clock.now()
    person = await somebody(world)
    await person.say("您好")
    world.absences.append((person.who, now, now + timedelta(days=1)))
    _fake(world).faults.append(Fault("message/send", {"errcode": 0, "invaliduser": person.who, "msgid": "m0"}))
    with suppress(IllegalMove):
        write(world, person.who, "您好，物业费请到前台。")
    await asyncio.sleep(30)
