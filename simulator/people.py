"""Residents: what they are like, what they come for, and how they answer what the desk asks. They know the chat, nothing else.

A resident reads the last message and says or taps what it asks for, and sometimes does something else. After each message they
wait for an answer; one that does not come is reported to the oracle, with the time at which they gave up.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final, TypeAlias

from bot.core.types import Parsed, Ranked
from simulator.platforms import Seen, Sent

if TYPE_CHECKING:
    from simulator.world import World

#: Seconds somebody waits for an answer. Longer than the outbox's waits between its tries in a bad quarter of an hour.
PATIENCE: Final = 1800.0
_STEPS: Final = 14

# ── What they say, and what it means ────────────────────────────────────────────────────────────────────────────────

FAULTS: Final = ("厨房水管漏水", "卫生间的灯不亮了", "马桶堵了", "阳台的门关不上", "客厅插座松了", "热水器不出热水")
WHEN: Final = ("明天下午", "后天上午", "明天上午", "后天下午")
TALK: Final = ("您好", "谢谢", "好的", "今天天气真好", "hello", "你们几点上班")
#: Words of a request's own mark: harmless to every reader of rooms, times and names.
_MARKS: Final = "梅兰竹菊松柏桃李荷莲枫桐"

#: Words that are in a message → what it is about. The first that fits counts; the rest answers a question.
MEANINGS: Final = (
    ("我要报修", "repair"),
    *((fault, "repair") for fault in FAULTS),
    ("到哪了", "ticket_status"),
    ("催一下", "ticket_change"),
    ("不修了", "ticket_change"),
    ("转人工", "handoff"),
    ("绑定", "bind"),
    ("您好", "greet"),
    ("hello", "greet"),
    ("谢谢", "thank"),
    ("天气", "out_of_scope"),
    ("几点上班", "faq"),
    ("取消", "cancel"),
)


@dataclass(slots=True)
class PhraseBook:
    """The language model's stand-in: a table. What is not in it is said to be an answer to whatever was asked. `slow`: how long it
    thinks, in seconds."""

    slow: float = 0.0

    async def parse(self, text: str, language: str) -> Parsed:
        await asyncio.sleep(self.slow)
        intent = next((meaning for words, meaning in MEANINGS if words in text), "inform")
        return Parsed(text, intent, 0.95, (Ranked(intent, 0.95),), (), "phrase book")


def marks() -> Iterator[str]:
    """A mark for each request, never twice: it shows whose ticket is whose."""
    for letters in itertools.product(_MARKS, repeat=4):
        yield "".join(letters)


@dataclass(frozen=True, slots=True)
class Home:
    """What the register knows of a resident."""

    room: str
    name: str
    phone: str
    resident_id: int
    household_id: int


# ── What they did ───────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class Deed:
    """One message of a resident.

    Args:
        expects: whether the desk owes an answer in this chat; else the reason why not.
        before: how many messages had reached the chat when it was sent.
        gave_up: when nothing had come for as long as somebody waits.
    """

    who: str
    sent: Sent
    at: datetime
    before: int
    what: str
    excuse: str = ""
    gave_up: datetime | None = None

    def __str__(self) -> str:
        return f"{self.at:%d. %H:%M:%S} {self.who}: {self.what} ({self.sent.content[:40]})"


# ── Residents ───────────────────────────────────────────────────────────────────────────────────────────────────────

#: (what stands in the last message) → what a resident does about it. The first that fits counts.
Answer: TypeAlias = Callable[["Resident"], Awaitable[None]]


@dataclass
class Resident:
    """Somebody with a chat.

    Args:
        hurry: seconds between two messages of a conversation, on average.
        rest: seconds between two errands, on average.
        clumsy: how often they do something that was not asked for, 0 to 1.
    """

    world: World
    who: str
    home: Home
    chance: random.Random
    hurry: float
    rest: float
    clumsy: float
    mark: str = ""
    bound: bool = False
    with_person: bool = False
    handed: str = ""
    read_to: int = 0
    errands: Mapping[str, float] = field(default_factory=dict)

    # ── beneath everything they do ──

    @property
    def last(self) -> Seen | None:
        seen = self.world.platform.seen(self.who)
        return seen[-1] if seen else None

    def read(self) -> None:
        """Look at what came: what it says about who is on the other side."""
        seen = self.world.platform.seen(self.who)
        for message in seen[self.read_to :]:
            for words, there in _PERSON:
                if words in message.text:
                    self.with_person = there
            if handed := _HANDED.search(message.text):
                self.handed = handed[1]
            # A colleague may answer another of their enquiries meanwhile, and is not gone for that.
            if self.handed in _REPLIED.findall(message.text):
                self.with_person, self.handed = False, ""
        self.read_to = len(seen)

    async def pause(self, mean: float) -> None:
        await asyncio.sleep(min(self.chance.expovariate(1.0 / mean), 8 * mean))

    async def send(self, what: str, sending: Awaitable[Sent | None], *, wait: bool = True, excuse: str = "") -> None:
        """Send, count it, and wait for an answer."""
        world = self.world
        self.read()
        before, at = len(world.platform.seen(self.who)), world.clock.now()
        world.counted += 1
        sent = await sending
        if sent is None:
            world.counted -= 1
            return
        if self.with_person and not excuse:
            excuse = "a person has the conversation"
        deed = Deed(self.who, sent, at, before, what, excuse)
        world.deeds.append(deed)
        if sent.address != self.who or not wait:
            return
        patience = 60.0 if excuse else world.plan.patience
        if not await self._answered(before, patience):
            deed.gave_up = world.clock.now()
        self.read()

    async def _answered(self, before: int, patience: float) -> bool:
        arrived = self.world.platform.arrived[self.who]
        try:
            async with asyncio.timeout(patience):
                while len(self.world.platform.seen(self.who)) <= before:
                    arrived.clear()
                    await arrived.wait()
        except TimeoutError:
            return False
        # What belongs to it may follow: two messages, a second apart.
        await self.pause(self.hurry)
        return True

    async def say(self, words: str, *, wait: bool = True) -> None:
        self.assent(words in _YES_WORDS)
        await self.send("says", self.world.platform.says(self.who, words), wait=wait)

    async def tap(self, label: str, message: Seen | None = None, *, wait: bool = True) -> None:
        message = message or self.last
        assert message is not None
        position = next(at for at, name in enumerate(message.buttons) if label in name)
        self.assent(self.world.platform.means(self.who, message, position) in _YES_BUTTONS)
        await self.send(f"taps {label}", self.world.platform.taps(self.who, message, position), wait=wait)

    def assent(self, yes: bool) -> None:
        """A yes is meant for the summary that was shown last; whoever taps about may hit any."""
        if not yes:
            return
        summaries = [m for m in self.world.platform.seen(self.who) if "请核对" in m.text and "记号" in m.text]
        for message in summaries[-1:]:
            self.world.assents.setdefault(mark_in(message.text), set()).add((self.who, message.number))
        self.world.yeses[self.who] += 1

    async def choose(self, label: str, words: str) -> None:
        """Tap it where it is offered, mostly; else say it."""
        offered = self.last is not None and any(label in name for name in self.last.buttons)
        if offered and self.chance.random() < 0.7:
            await self.tap(label)
        else:
            await self.say(words)

    # ── a life ──

    async def live(self) -> None:
        await self.pause(self.rest)
        await self.send("comes", self.world.platform.comes(self.who))
        names, weights = list(self.errands), list(self.errands.values())
        while self.world.goes_on:
            await self.pause(self.rest)
            if not self.world.goes_on:
                return
            self.read()
            await ERRANDS[self.chance.choices(names, weights)[0]](self)

    async def converse(self, until: Sequence[str]) -> None:
        """Answer what is asked, step by step, until one of these words comes, or nothing is asked."""
        for _ in range(_STEPS):
            message = self.last
            if message is None or not self.world.goes_on or any(words in message.text for words in until):
                return
            if self.chance.random() < self.clumsy:
                await self.chance.choice(SLIPS)(self)
                continue
            answer = next((answer for words, answer in ANSWERS if words in message.text), None)
            if answer is None:
                return
            await answer(self)


def mark_in(text: str) -> str:
    """The mark of the request a text speaks of; "" where there is none."""
    at = text.find("记号")
    return text[at + 2 : at + 6] if at >= 0 else ""


#: What tells a resident that a person is there, or no longer.
_PERSON: Final = (
    ("已转人工", True),
    ("已转给同事", True),
    ("来为您服务", True),
    ("自动服务继续", False),
)
#: The enquiry by which a colleague was asked for; and the enquiries that were answered, which ends the talk about them.
_HANDED: Final = re.compile(r"已转(?:人工|给同事)，单号(YH-[A-Z]{2}-[0-9]{8}-[0-9]{4,})")
_REPLIED: Final = re.compile(r"关于(YH-[A-Z]{2}-[0-9]{8}-[0-9]{4,})的答复：")
#: Thanks for a summary count as a yes to it.
_YES_WORDS: Final = frozenset({"对", "是的", "好的", "同意", "确认", "谢谢"})
_YES_BUTTONS: Final = frozenset({"对，提交", "是", "好的", "同意", "继续", "确定撤销", "修好了", "确定", "确认", "认可"})


def _saying(*words: str) -> Answer:
    async def answer(who: Resident) -> None:
        await who.say(who.chance.choice(words))

    return answer


def _choosing(label: str, *words: str) -> Answer:
    async def answer(who: Resident) -> None:
        await who.choose(label, who.chance.choice(words))

    return answer


async def _fault(who: Resident) -> None:
    await who.say(f"{who.chance.choice(FAULTS)}，记号{who.mark}")


async def _same(who: Resident) -> None:
    """Another fault of theirs is open: mostly this one is another, since each has a mark of its own."""
    if who.chance.random() < 0.8:
        await who.choose("是另一件", "是另一件事")
    else:
        await who.choose("是同一件", "是同一件事")


async def _same_place(who: Resident) -> None:
    if who.chance.random() < 0.8:
        await who.choose("是新问题", "是新问题")
    else:
        await who.choose("是同一处", "是同一处")


async def _matter(who: Resident) -> None:
    """What it is about: whoever came to report has not said so yet; everybody else makes a new errand of it."""
    if not who.mark:
        who.mark = next(who.world.marks)
    await _fault(who)


async def _room(who: Resident) -> None:
    await who.say(who.home.room)


async def _phone(who: Resident) -> None:
    await who.say(who.home.phone)


async def _name(who: Resident) -> None:
    await who.say(who.home.name)


async def _tail(who: Resident) -> None:
    await who.say(who.home.phone[-4:] if who.chance.random() < 0.9 else "1234")


async def _when(who: Resident) -> None:
    if who.chance.random() < 0.4:
        await who.choose("明天下午", "明天下午")
    else:
        await who.say(who.chance.choice(WHEN))


async def _check(who: Resident) -> None:
    drawn = who.chance.random()
    if drawn < 0.08:
        await who.choose("取消", "取消")
    elif drawn < 0.16:
        await who.choose("要改一下", "不对")
    elif drawn < 0.28 and who.last is not None and who.last.buttons:
        # Twice, before an answer comes: one request all the same.
        message = who.last
        await who.tap("对，提交", message, wait=False)
        await who.tap("对，提交", message)
    else:
        await who.choose("对，提交", who.chance.choice(("对", "是的")))


async def _fixed(who: Resident) -> None:
    if who.chance.random() < 0.85:
        await who.choose("修好了", "修好了")
    else:
        await who.choose("没修好", "没修好")


async def _score(who: Resident) -> None:
    await who.choose(who.chance.choice(("5", "4", "2")), "5分")


ANSWERS: Final[Sequence[tuple[str, Answer]]] = (
    ("请核对", _check),
    ("请回复“同意”", _saying("同意")),
    ("同意吗", _choosing("同意", "同意")),
    ("说的是同一件事吗", _same),
    ("是同一处没修好吗", _same_place),
    ("没人上门", _choosing("要", "要的")),
    ("请问是什么事", _matter),
    ("哪一栋、哪个单元", _room),
    ("请问是哪一处", _room),
    ("具体在哪个位置", _saying("3号楼北门", "地下车库B区")),
    ("您是要报修吗", _choosing("是", "是的")),
    ("您想办哪一项", _matter),
    ("要帮您转给工作人员吗", _choosing("不用了", "不用了")),
    ("要转达给同事和主管吗", _choosing("请转达", "请转达")),
    ("要撤销哪一张", _saying("不撤销了")),
    ("您认可吗", _choosing("认可", "认可")),
    ("业主、家属、租客还是受托人", _choosing("业主", "业主")),
    ("哪一户", _room),
    ("没听清房号", _room),
    ("几户都像", _room),
    ("您的房号", _room),
    ("什么时候在家", _when),
    ("再说一个时间", _when),
    ("没听清是什么时间", _when),
    ("白天或晚上的时间", _when),
    ("联系电话", _phone),
    ("号码好像不完整", _phone),
    ("哪里坏了", _fault),
    ("登记的姓名", _name),
    ("后四位？", _tail),
    ("没有核对上", _choosing("先不绑定", "取消")),
    ("不能再核对", _choosing("先不绑定", "取消")),
    ("要改哪一项", _saying("改到后天上午", "电话13900000009")),
    ("要继续吗", _choosing("继续", "好的")),
    ("确认吗", _choosing("确认", "是的")),
    ("请问修好了吗", _fixed),
    ("打个分", _score),
    ("哪里不好", _saying("师傅来得太晚")),
    ("确定撤销", _choosing("不撤销", "不")),
    ("系统正忙", _choosing("报修", "我要报修")),
)


# ── What they come for ──────────────────────────────────────────────────────────────────────────────────────────────


async def report(who: Resident) -> None:
    """Something is broken: said at once, or from the menu."""
    who.mark = next(who.world.marks)
    if who.chance.random() < 0.6:
        words = f"{who.chance.choice(FAULTS)}，记号{who.mark}"
        if who.chance.random() < 0.15:
            await who.say(words, wait=False)
        await who.say(words)
    else:
        await who.choose("报修", "我要报修")
    await who.converse(("工单号",))


async def bind(who: Resident) -> None:
    """Their home is to be known."""
    if who.bound:
        return
    await who.say("绑定")
    await who.converse(("已绑定", "本对话已绑定"))
    who.bound = any("已绑定" in message.text for message in who.world.platform.seen(who.who))


async def progress(who: Resident) -> None:
    await who.choose("查进度", who.chance.choice(("我的报修到哪了", "帮我催一下", "/status")))
    await who.converse(("待受理",))


async def answer(who: Resident) -> None:
    """Something was asked while they were away: a survey, whether it is fixed."""
    await who.converse(())


async def chat(who: Resident) -> None:
    await who.say(who.chance.choice(TALK))


async def flood(who: Resident) -> None:
    """More than the desk hears at once: it says so, and keeps all of it."""
    for number in range(who.chance.randint(4, 26)):
        await who.send("floods", who.world.platform.says(who.who, f"在吗{number}"), wait=False, excuse="one of many at once")
        await asyncio.sleep(who.chance.choice((0.1, 0.4, 1.5)))
    await asyncio.sleep(90)  # the window passes
    await who.say("您好")


async def stale(who: Resident) -> None:
    """An old message is still there, and so are its buttons."""
    old = [message for message in who.world.platform.seen(who.who)[-30:] if message.buttons]
    if old:
        message = who.chance.choice(old)
        await who.tap(who.chance.choice(message.buttons), message)


async def correct(who: Resident) -> None:
    await who.say("您好")
    who.assent(True)
    await who.send("edits", who.world.platform.edits(who.who, "谢谢"))


async def show(who: Resident) -> None:
    await who.send("shows a photo", who.world.platform.shows(who.who, who.world.photo))


async def person(who: Resident) -> None:
    await who.choose("转人工", "转人工")
    for _ in range(who.chance.randint(0, 2)):
        await who.say("在吗，我想问物业费的事")


async def danger(who: Resident) -> None:
    await who.say("楼道里着火了")
    await who.say("已经灭了，人没事")


async def voice(who: Resident) -> None:
    await who.send("speaks", who.world.platform.does(who.who, "voice"))


async def place(who: Resident) -> None:
    await who.send("shows a place", who.world.platform.does(who.who, "place"))


async def menu(who: Resident) -> None:
    await who.send("presses the menu", who.world.platform.does(who.who, "menu"))
    await who.converse(("工单号",))


async def scan(who: Resident) -> None:
    """The office has printed a code for their home."""
    code = await who.world.code_for(who.home)
    if code:
        await who.send("scans", who.world.platform.does(who.who, "scan", code))
        await who.converse(("已绑定",))


async def in_group(who: Resident) -> None:
    await who.send("asks in the group", who.world.platform.says_in_group(who.who))


async def leave(who: Resident) -> None:
    """They block the desk for a while; what they wrote just before may never be answered, and news of tickets not arrive."""
    words = f"{who.chance.choice(FAULTS)}，算了"
    await who.send("says", who.world.platform.says(who.who, words), wait=False, excuse="they left at once")
    at = who.world.clock.now()
    await who.world.platform.leaves(who.who)
    await who.pause(600)
    coming = who.world.platform.returns(who.who)
    who.world.absences.append((who.who, at, who.world.clock.now() + timedelta(seconds=1)))
    await who.send("comes back", coming)
    await who.pause(60)
    await who.say("您好")


ERRANDS: Final[Mapping[str, Answer]] = {
    "report": report,
    "bind": bind,
    "progress": progress,
    "answer": answer,
    "chat": chat,
    "flood": flood,
    "stale": stale,
    "correct": correct,
    "show": show,
    "person": person,
    "danger": danger,
    "voice": voice,
    "place": place,
    "menu": menu,
    "scan": scan,
    "in_group": in_group,
    "leave": leave,
}

#: What they do in the middle of something else.
SLIPS: Final[Sequence[Answer]] = (chat, stale, show, correct)

#: What somebody comes for, and how often: the common kind of resident. Each differs from it.
COMMON: Final[Mapping[str, float]] = {
    "report": 10,
    "bind": 2,
    "progress": 3,
    "answer": 6,
    "chat": 3,
    "flood": 0.3,
    "stale": 1.5,
    "correct": 1,
    "show": 1,
    "person": 0.6,
    "danger": 0.2,
    "in_group": 0.5,
    "leave": 0.3,
}


#: What they come for besides, by platform.
ALSO: Final[Mapping[str, Mapping[str, float]]] = {"wechat": {"voice": 0.4, "place": 0.4, "menu": 1.5, "scan": 0.4}}


def a_resident(world: World, who: str, home: Home, chance: random.Random) -> Resident:
    """Somebody, as chance will have it."""
    common = {**COMMON, **ALSO.get(world.platform.name, {})}
    taste = {name: weight * chance.choice((0.2, 0.6, 1.0, 1.0, 1.0, 2.0, 3.0)) for name, weight in common.items()}
    return Resident(
        world, who, home, chance, hurry=chance.choice((2.0, 4.0, 9.0)), rest=chance.choice((15.0, 40.0, 90.0)),
        clumsy=chance.choice((0.0, 0.05, 0.15)), errands=taste,
    )  # fmt: skip
