"""Random speakers and staff over the whole product: everything they can say, press, open and forge, one event after the other."""

from __future__ import annotations

import io
import itertools
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import httpx
import structlog
from PIL import Image
from sqlalchemy import select

from bot import digest, identity, sessions, store
from bot.channels import Inbound
from bot.core.access import Refused
from bot.core.shadow import NOTICE
from bot.core.tickets import TRANSITIONS, IllegalMove
from bot.core.types import Media, Parsed, Ranked
from bot.database import EVERY, Database
from bot.hearing import Ear
from bot.nlu import NluUnavailable
from bot.tables import table
from bot.turns import NotYours
from bot.web.entry import COOKIE
from bot.work import NotFound
from tests.canary.estate import CODES, Estate, Mouth, Worker, furnish
from tests.canary.mint import Mint
from tests.canary.oracle import DESK, Leak, Oracle, Snapshot, snapshot, words_of
from tests.store.office import Platform
from tests.texts import office_texts
from tests.web.site import Resident, Site, open_site

INTENTS = ("repair", "complaint", "service_request", "fee_query", "permit", "feedback", "emergency", "ticket_status", "ticket_change",
           "handoff", "bind", "rate", "inform", "affirm", "deny", "greet", "thank", "cancel", "faq", "out_of_scope")  # fmt: skip
#: What a request is about → the kind of ticket its words are for, and how it is said.
REQUESTS = {
    "repair": ("repair", "厨房漏水"), "complaint": ("complaint", "楼上太吵"), "service_request": ("service_order", "想请人擦窗"),
    "feedback": ("enquiry", "建议加路灯"), "permit": ("enquiry", "要装修"),
}  # fmt: skip
ANSWERS = ("对", "对", "是", "不是", "确定", "取消", "随时", "同意", "1", "2", "5", "明天下午", "修好了", "没修好", "不同意", "租客", "你好")
FORGED = ("house:family", "house:tenant", "house:list", "house:me", "house:leave", "bind:", "bind:more", "bind:papers", "bind:again",
          "privacy:", "privacy:held", "privacy:export", "privacy:forget", "yes", "no", "cancel", "staff:leave", "greet:",
          *(f"menu:{name}" for name in INTENTS))  # fmt: skip
NUMBERED = ("house:remove:{}", "house:list:{}", "house:family:{}", "house:me:{}", "confirm:{}", "not_fixed:{}", "withdraw:{}",
            "dispute:{}", "agree:{}", "decline:{}", "rate:{}:1", "rate:{}:5")  # fmt: skip
PAGES = ("/desk?tab=all", "/desk?tab=mine", "/desk?tab=free", "/desk?tab=overdue", "/desk/talks?tab=all", "/desk/talks", "/desk/calls",
         "/desk/notices", "/desk/file", "/desk/digest", "/desk/duty", "/desk/people", "/desk/people?tab=staff", "/desk/rooms",
         "/desk/disclosures")  # fmt: skip
_CODE = re.compile(r"(?<![0-9A-Z])[2-9A-HJKMNP-TW-Z]{5}-[2-9A-HJKMNP-TW-Z]{5}(?![0-9A-Z])")
_COPY = re.compile(r"/mine/[\w-]+")


@dataclass
class Parrot:
    """A language model that reads what the driver says it reads, and anything at all into the rest."""

    rng: Random
    meant: dict[str, str] = field(default_factory=dict)

    async def parse(self, text: str, language: str) -> Parsed:
        intent = self.meant.get(text)
        if intent is None:
            if self.rng.random() < 0.15:
                raise NluUnavailable("out of order")
            intent, sure = self.rng.choice(INTENTS), self.rng.choice((0.3, 0.6, 0.97))
        else:
            sure = 0.97
        return Parsed(text, intent, sure, (Ranked(intent, sure),), (), "parrot")


class _Lines(logging.Handler):
    """What the libraries log."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Canary:
    """One run: a world made of a seed, and the events that the seed brings."""

    def __init__(self, database: Database, folder: Path, seed: int, *, shadow: str = "") -> None:
        """`shadow`: where the desk only reads and suggests; staff then decide about what it suggests."""
        self.seed = seed
        self.pages = (*PAGES, "/desk/shadow") if shadow else PAGES
        self.events = {**EVENTS, Canary.judges: 14} if shadow else EVENTS
        self.rng = Random(seed)
        self.mint = Mint(self.rng)
        self.estate: Estate = furnish(database, self.mint, self.rng)
        self.platforms = [Platform("telegram"), Platform("telegram")]
        for number, platform in enumerate(self.platforms, 1):
            platform.account = f"bot{number}"
        self.site: Site = open_site(database, folder, demo=False, channels=self.platforms)
        self.parrot = Parrot(self.rng)
        if shadow:
            core = self.site.desk.core
            self.site.desk.core = replace(core, policy=replace(core.policy, shadow=frozenset({shadow})))
        self.site.workers._hear = Ear(self.parrot, office_texts()).hear
        self.site.desk.plan_purge()
        self.oracle = Oracle(self.mint)
        self.database = database
        self._ids = itertools.count(1)
        self._outbox = self._inbox = self._ticket = 0
        self.codes: list[str] = []
        self.copies: list[tuple[int, str]] = []  # (conversation, the link that hands out its copy)
        self.buttons: list[tuple[int, str, str]] = []  # (conversation, value, tap)
        self.taken = 0  # copies that were handed out
        self.photos: list[tuple[int, str]] = []
        self.event = "the beginning"
        self._logs: list[Any] = []
        self._library = _Lines()
        self._in_public: set[int] = set()  # conversations that were spoken in before everybody's eyes since the last verdict
        self._sessions: dict[int, tuple[str, str]] = {}
        self._http: httpx.AsyncClient = self.site.browser()
        self.facts: Snapshot = self._look()
        self.oracle.begin(self.facts)
        self.seen_events: dict[str, int] = {}

    # ── looking ──

    def _look(self) -> Snapshot:
        return snapshot(self.database, self.site.clock.now())

    async def run(self, events: int, *, every: int = 2) -> None:
        """Every nth of the register's people files something, then come the events. Raises Leak, with the seed, the event, the
        speaker and the token."""
        with structlog.testing.capture_logs() as self._logs:
            logging.getLogger().addHandler(self._library)
            try:
                await self._prologue(every)
                for number in range(events):
                    await self._one(number)
                await self._epilogue()
            except Leak as leak:
                raise Leak(f"seed {self.seed}, {self.event}: {leak}") from leak.__cause__
            finally:
                logging.getLogger().removeHandler(self._library)

    async def _one(self, number: int) -> None:
        does = self.rng.choices(list(self.events), weights=list(self.events.values()))[0]
        self.event = f"event {number}: {does.__name__}"
        self.seen_events[does.__name__] = self.seen_events.get(does.__name__, 0) + 1
        await does(self)
        await self._settled()

    async def _settled(self) -> None:
        """Everything that comes of the event, and the verdict on it."""
        before = self.facts
        await self.site.settle()
        self.facts = self._look()
        self._read_inbox()
        self.oracle.watch(before, self.facts)
        for t in self.facts.rows["ticket"][self._ticket :]:
            self.mint.keep(t.number, "number", t.community_id)
        self._ticket = len(self.facts.rows["ticket"])
        for m in self.facts.rows["media"]:
            if m.kept:
                self.mint.keep(m.kept, "photo", m.community_id)
                if (m.community_id, m.kept) not in self.photos:
                    self.photos.append((m.community_id, m.kept))
                    self.oracle.said[m.conversation_id].add(m.kept)
        self._judge_outbox(before)
        self._judge_logs()

    def _read_inbox(self) -> None:
        inbox = table("inbox")
        query = select(inbox).where(inbox.c.id > self._inbox).order_by(inbox.c.id)
        for row in self.database.read(EVERY, lambda c: c.execute(query).all()):
            self._inbox = row.id
            words = words_of(row.payload)
            self.oracle.raw[row.conversation_id].append(words)
            self.oracle.said[row.conversation_id] |= self.mint.found(words)

    def _judge_outbox(self, before: Snapshot) -> None:
        outbox = table("outbox")
        query = select(outbox).where(outbox.c.id > self._outbox).order_by(outbox.c.id)
        for row in self.database.read(EVERY, lambda c: c.execute(query).all()):
            self._outbox = row.id
            text = " ".join([row.text, *(" ".join(pair) for pair in row.buttons), *row.photos])
            if row.conversation_id is None:
                allowed = self.oracle.of_staff(row.staff_id, before, notice=True) | self.oracle.of_staff(
                    row.staff_id, self.facts, notice=True
                )
                self.oracle.noticed[row.staff_id] |= self.oracle.judge(f"staff {row.staff_id} ({row.key})", text, allowed)
                continue
            talk = self.facts.talk(row.conversation_id)
            if talk.id in self._in_public:
                allowed = self.oracle.of_group(talk.id, self.facts)
            elif talk.staff_id is not None:
                allowed = self.oracle.of_staff(talk.staff_id, self.facts, notice=True) | self._of_talk(row.conversation_id, before)
            else:
                allowed = self._of_talk(row.conversation_id, before)
            shown = self.oracle.judge(f"{talk.channel} {talk.address} ({row.key})", text, allowed)
            self.oracle.heard[row.conversation_id] |= shown
            self._note_codes(row.text)
            self.copies += [(row.conversation_id, link) for link in _COPY.findall(row.text)]
            self.buttons += [
                (row.conversation_id, value, f"{row.id}.{at}") for at, (_, value) in enumerate(row.buttons)
            ]
        self._in_public.clear()

    def _note_codes(self, text: str) -> None:
        self.codes += [code for code in _CODE.findall(text) if code not in self.codes]

    def _of_talk(self, talk_id: int, before: Snapshot, *, copy: bool = False) -> frozenset[str]:
        """What was this conversation's before the event, or is after it."""
        mine = self.oracle.of_talk(talk_id, self.facts, copy=copy)
        if any(r.id == talk_id for r in before.rows["conversation"]):
            mine |= self.oracle.of_talk(talk_id, before, copy=copy)
        return mine

    def _judge_logs(self) -> None:
        for line in self._logs:
            if line.get("log_level") != "debug":
                self.oracle.nothing("a log line", str(line))
        for text in self._library.lines:
            self.oracle.nothing("a line of a library's log", text)
        self._logs.clear()
        self._library.lines.clear()

    # ── choosing ──

    def mouth(self) -> Mouth:
        return self.rng.choice(self.estate.mouths)

    def worker(self, *roles: str) -> Worker:
        return self.rng.choice([w for w in self.estate.staff if not roles or w.role in roles])

    def ticket(self, community: int | None = None) -> Any:
        found = [t for t in self.facts.rows["ticket"] if community in (None, t.community_id)]
        return self.rng.choice(found[-40:]) if found else None

    def talk_of(self, mouth: Mouth) -> int | None:
        address = self._page(mouth).address if mouth.token else mouth.address
        return next((c.id for c in self.facts.rows["conversation"]
                     if (c.community_id, c.channel, c.account, c.address) == (mouth.community, mouth.channel, mouth.account, address)), None)  # fmt: skip

    # ── residents speak ──

    def _page(self, mouth: Mouth) -> Resident:
        return Resident(self.site, self._http, mouth.token, CODES[mouth.community])

    async def say(self, mouth: Mouth, text: str = "", **more: Any) -> None:
        self.event += f" | {mouth.community}/{mouth.channel}/{mouth.address or mouth.token[:6]} says {text!r} {more or ''}"
        if mouth.token:
            if more.keys() <= {"button", "photo"} and (text or more.get("button") or more.get("photo")):
                answer = await self._page(mouth).deliver(text=text, id=f"message-{next(self._ids):06d}", **more)
                assert answer.status_code in (202, 400), answer.text
            return
        group = more.pop("group", False) or mouth.group
        message = Inbound("telegram", mouth.account, f"m{next(self._ids)}", mouth.address, text, group=group, **more)
        accepted = await self.site.workers.accept(mouth.community, message)
        if mouth.group:
            self.oracle.groups.add(accepted.conversation_id)
        if group:
            self._in_public.add(accepted.conversation_id)

    async def says(self, mouth: Mouth, *texts: str) -> None:
        for text in texts:
            await self.say(mouth, text)
            await self._settled()

    def _mean(self, text: str, intent: str) -> str:
        self.parrot.meant[text] = intent
        return text

    async def asks_for_something(self) -> None:
        """A request from its first words to its ticket, or given up on the way."""
        mouth, intent = self.mouth(), self.rng.choice(list(REQUESTS))
        aim, words = REQUESTS[intent]
        text = self._mean(f"{self.mint.word('words', mouth.community, aim)}{words}", intent)
        phone = self.mint.phone(mouth.community)
        home = self.rng.choice(self.estate.homes)
        steps = [text, self.rng.choice((home.said, "跳过", "随时")), "随时", phone, "对", "对"]
        await self.says(mouth, *steps[: self.rng.randint(1, 6)])

    async def small_talk(self) -> None:
        mouth = self.mouth()
        await self.say(mouth, f"{self.mint.word('words', mouth.community)}{self.rng.choice(('怎么办', '谢谢', '好的吗'))}")

    async def danger(self) -> None:
        mouth = self.mouth()
        aim = self.mint.word("words", mouth.community, "emergency")
        await self.says(mouth, f"{aim}着火了", *(["在楼道", "已经没事了"] if self.rng.random() < 0.5 else []))

    async def fees(self) -> None:
        mouth = self.mouth()
        text = self._mean(f"{self.mint.sum(mouth.community, 'fee_case')}元物业费对吗", "fee_query")
        await self.says(mouth, text, "好的", self.mint.phone(mouth.community), "对")

    async def answers(self) -> None:
        await self.say(self.mouth(), self.rng.choice(ANSWERS))

    async def wants_a_person(self) -> None:
        mouth = self.mouth()
        await self.says(mouth, "转人工", f"{self.mint.word('words', mouth.community, 'enquiry')}要找人")

    async def asks_about_anothers(self) -> None:
        """By a number, a room, a name or a telephone that is somebody's."""
        mouth, ticket, person = self.mouth(), self.ticket(), self.rng.choice(self.estate.people)
        said = self.rng.choice((ticket.number if ticket else "", person.home.said, person.name, person.phone))
        intent = self.rng.choice(("ticket_status", "ticket_change", "inform", "fee_query"))
        await self.says(mouth, self._mean(f"{said}到哪了", intent))

    async def status(self) -> None:
        await self.say(self.mouth(), self._mean("我的工单到哪了", "ticket_status"))

    async def changes_something(self) -> None:
        mouth = self.mouth()
        await self.says(mouth, self._mean(self.rng.choice(("不修了", "改到明天下午", "快点来")), "ticket_change"), self.rng.choice(("确定", "不是")))

    async def binds(self) -> None:
        """By the roster: as somebody's neighbour guesses, or rightly."""
        mouth = self.mouth()
        right = mouth.who if mouth.who is not None and self.rng.random() < 0.6 else self.rng.choice(self.estate.people)
        wrong = self.rng.choice(self.estate.people)
        home = self.rng.choice((right.home, right.home, wrong.home)).said
        name = self.rng.choice((right.name, right.name, wrong.name))
        tail = self.rng.choice((right.phone[-4:], right.phone[-4:], wrong.phone[-4:]))
        await self.says(mouth, "/bind")
        await self.say(mouth, button="bind:more")
        await self._settled()
        await self.says(mouth, "同意", home, name, tail)

    async def applies_with_papers(self) -> None:
        mouth, home = self.mouth(), self.rng.choice(self.estate.homes)
        await self.says(mouth, "/bind", "同意")
        await self.say(mouth, button="bind:papers")
        await self._settled()
        name = f"Anna {self.mint.word('name', mouth.community)}"
        await self.says(mouth, home.said, name, "租客", "不同意", self.mint.phone(mouth.community))

    async def redeems(self) -> None:
        """A code that was made for somebody, somewhere."""
        if self.codes:
            mouth = self.mouth()
            name = f"Anna {self.mint.word('name', mouth.community)}"
            await self.says(mouth, self.rng.choice(self.codes[-12:]), "同意", name)

    async def presses(self) -> None:
        """A button this conversation was shown."""
        mouth = self.mouth()
        mine = [b for b in self.buttons if b[0] == self.talk_of(mouth)]
        if mine:
            _, value, tap = self.rng.choice(mine[-30:])
            await self.say(mouth, **({"tap": tap} if not mouth.token and self.rng.random() < 0.5 else {"button": value}))

    async def presses_anothers(self) -> None:
        """A button, or the short token of one, that somebody else was shown."""
        mouth = self.mouth()
        if self.buttons:
            _, value, tap = self.rng.choice(self.buttons[-200:])
            await self.say(mouth, **({"tap": tap} if not mouth.token and self.rng.random() < 0.5 else {"button": value}))

    async def forges(self) -> None:
        """A button nobody was shown."""
        mouth = self.mouth()
        home = self.rng.choice(self.estate.homes)
        number = self.rng.choice((self.rng.randint(1, 60), home.household, self.ticket().id if self.facts.rows["ticket"] else 1))
        numbered = [b.format(number) for b in NUMBERED]
        await self.say(mouth, button=self.rng.choice(self.rng.choice((FORGED, numbered, numbered, (f"pick:{home.label}",)))))

    async def presses_on(self) -> None:
        """What leads somewhere: the button, then a yes."""
        mouth = self.mouth()
        talk = self.talk_of(mouth)
        mine = [v for t, v, _ in self.buttons if t == talk and v.startswith(("house:remove", "privacy:forget", "house:leave", "withdraw"))]
        value = self.rng.choice(mine) if mine and self.rng.random() < 0.7 else self.rng.choice(("privacy:forget", "house:leave", "house:list"))
        if value == "privacy:forget" and self.rng.random() < 0.7:
            value = "house:me"
        await self.say(mouth, button=value)
        await self._settled()
        await self.say(mouth, "确定")

    async def moves_out(self) -> None:
        """Somebody makes sure of a code while they still may, and is moved out by the desk."""
        mouth = self.rng.choice([m for m in self.estate.mouths if m.who is not None])
        await self.say(mouth, button=self.rng.choice(("house:me", "house:me", "house:family")))
        await self._settled()
        talk_id = self.talk_of(mouth)
        resident = self.facts.talk(talk_id).resident_id if talk_id is not None else None
        for row in self.facts.rows["membership"]:
            if row.resident_id == resident and row.revoked_at is None and self.rng.random() < 0.8:
                desk = next(w for w in self.estate.staff if w.community == row.community_id and w.role == "steward")
                self.event += f" | {desk.name} ends {row.id}"
                self.site.desk.end_membership(desk.community, desk.id, row.id)
                await self._settled()
        if self.codes and self.rng.random() < 0.5:
            other = self.mouth()
            await self.says(other, self.codes[-1], "同意", f"Anna {self.mint.word('name', other.community)}")
        await self.say(mouth, self._mean("我的工单到哪了", "ticket_status"))

    async def sends_a_photo(self) -> None:
        mouth = self.mouth()
        if mouth.token:
            picture = io.BytesIO()
            colour = tuple(self.rng.randrange(256) for _ in range(3))
            Image.new("RGB", (12, 12), colour).save(picture, "PNG")
            kept = (await self._page(mouth).hand_in(picture.getvalue())).json().get("photo")
            await self._settled()
            await self.say(mouth, photo=kept)
        else:
            await self.say(mouth, media=(Media("photo", self.mint.word("reference", mouth.community)),))

    async def writes_in_private_to_a_group(self) -> None:
        """A resident speaks where everybody reads."""
        mouth = self.mouth()
        if not mouth.token:
            await self.say(mouth, self._mean("我的工单到哪了", "ticket_status"), group=True)

    async def reads_the_page(self) -> None:
        """The page's conversation from its beginning, and every photo there is."""
        mouth = self.rng.choice([m for m in self.estate.mouths if m.token])
        code = self.rng.choice((mouth.community, mouth.community, 3 - mouth.community))
        headers = self._page(mouth).headers
        answer = await self._http.get(f"/chat/{CODES[code]}/messages", params={"after": ""}, headers=headers)
        talk = self.talk_of(mouth) if code == mouth.community else None
        mine = self._of_talk(talk, self.facts) if talk else frozenset()
        self.oracle.judge(f"the page {mouth.token[:6]}", answer.text, mine)
        if self.photos:
            _, kept = self.rng.choice(self.photos)
            answer = await self._http.get(f"/chat/{CODES[code]}/photos/{kept}", headers=headers)
            if answer.status_code == 200:
                self.oracle.judge(f"the page {mouth.token[:6]}", kept, mine)

    # ── staff ──

    def _let_in(self, worker: Worker) -> tuple[dict[str, str], str]:
        token, csrf = self._sessions.get(worker.id, ("", ""))
        found = self.database.read(EVERY, lambda c: sessions.find(c, token, self.site.machine.now()))
        if found is None:
            token = self.database.write(EVERY, lambda c: sessions.open_session(c, worker.community, worker.id, self.site.machine.now()))
            found = self.database.read(EVERY, lambda c: sessions.find(c, token, self.site.machine.now()))
            assert found is not None
            csrf = found[0].csrf
            self._sessions[worker.id] = (token, csrf)
        return {"cookie": f"{COOKIE}={token}"}, csrf

    async def open(self, worker: Worker, path: str, asked: str = "") -> httpx.Response:
        """A page as this colleague gets it; `asked` is what they typed."""
        cookie, _ = self._let_in(worker)
        answer = await self._http.get(path, headers=cookie)
        self._judge_page(worker, path, answer.text, asked)
        return answer

    def _judge_page(self, worker: Worker, path: str, text: str, asked: str = "") -> None:
        allowed = self.oracle.of_staff(worker.id, self.facts) | self.mint.found(asked)
        if path.startswith("/desk/notices"):
            allowed |= self.oracle.noticed[worker.id]
        self.event += f" | {worker.name} opens {path}"
        self.oracle.judge(f"{worker.name} at {path}", text, allowed)

    async def post(self, worker: Worker, path: str, typed: dict[str, str]) -> httpx.Response:
        """A form, and the page that follows it."""
        cookie, csrf = self._let_in(worker)
        self.event += f" | {worker.name} posts {path} {typed}"
        answer = await self._http.post(path, data={"csrf": csrf, **typed}, headers=cookie)
        assert answer.status_code != 500, answer.text[:2000]
        await self._settled()
        self._judge_page(worker, path, answer.text, " ".join(typed.values()))
        return answer

    async def looks_at_a_page(self) -> None:
        worker = self.worker()
        path = self.rng.choice(self.pages)
        person = self.rng.choice(self.estate.people)
        asked = self.rng.choice(("", "", person.name[-7:], person.phone, person.home.label))
        if asked and path in ("/desk/people", "/desk/rooms", "/desk?tab=all"):
            path += ("&" if "?" in path else "?") + f"q={asked}"
        await self.open(worker, path, asked)

    async def looks_at_a_ticket(self) -> None:
        """A ticket of either community, by a colleague of either."""
        ticket = self.ticket()
        if ticket is not None:
            await self.open(self.worker(), f"/desk/tickets/{ticket.number}")

    async def looks_at_a_talk(self) -> None:
        talk = self.rng.choice(self.facts.rows["conversation"])
        await self.open(self.worker(), f"/desk/talks/{talk.id}")

    async def looks_somebody_up(self) -> None:
        """A home or a resident of either community, by a colleague of either."""
        await self.open(self.worker(), self._lookup())

    def _lookup(self) -> str:
        home, person = self.rng.choice(self.estate.homes), self.rng.choice(self.estate.people)
        return self.rng.choice((f"/desk/rooms/{home.household}", f"/desk/people/{person.id}"))

    async def gives_a_code_at_the_counter(self) -> None:
        """For a household of either community, by any role, on the page of a room that need not be its own."""
        worker, home = self.worker(), self.rng.choice(self.estate.homes)
        room = self.rng.choice((home, home, home, self.rng.choice(self.estate.homes)))
        typed = {"household": str(home.household), "role": self.rng.choice(("owner", "family", "tenant")), "once": f"c{next(self._ids)}"}
        answer = await self.post(worker, f"/desk/rooms/{room.household}/invite", typed)
        self._note_codes(answer.text)

    async def looks_at_a_photo(self) -> None:
        if self.photos:
            worker = self.worker()
            _, kept = self.rng.choice(self.photos)
            cookie, _ = self._let_in(worker)
            answer = await self._http.get(f"/desk/media/{kept}", headers=cookie)
            if answer.status_code == 200:
                self._judge_page(worker, "/desk/media", kept)

    async def works(self) -> None:
        """A step of a ticket, of any kind, by any role, with words for the resident."""
        ticket = self.ticket()
        if ticket is None:
            return
        steps = TRANSITIONS[ticket.kind][ticket.status]
        if not steps:
            return
        action = self.rng.choice(list(steps))
        roles = [r for r in steps[action].by if r not in ("resident", "clock")]
        here = [w for w in self.estate.staff if w.community == ticket.community_id and w.role in roles]
        worker = self.rng.choice(here) if here and self.rng.random() < 0.85 else self.worker()
        note = f"{self.mint.word('words', ticket.community_id, ticket.kind)} {self.mint.sum(ticket.community_id, ticket.kind)}"
        typed = {"action": action, "note": note}
        if action == "assign":
            typed["assignee"] = str(self.worker("technician").id)
        if worker.community == ticket.community_id and ticket.conversation_id:
            self._tell(ticket, note)
        await self.post(worker, f"/desk/tickets/{ticket.number}/act", typed)

    def _tell(self, ticket: Any, note: str) -> None:
        """News of a household's ticket is for who belongs to the household; of others, for who asked."""
        talk = self.facts.talk(ticket.conversation_id)
        homes = {s.household for s in self.oracle.homes(talk.resident_id, self.facts.today)} if talk.resident_id else set()
        if ticket.household_id is None or ticket.household_id in homes:
            self.oracle.told[talk.id] |= self.mint.found(note)

    async def notes(self) -> None:
        ticket = self.ticket()
        if ticket is not None:
            worker = self.worker()
            words = self.mint.word("inside", ticket.community_id, ticket.kind)
            await self.post(worker, f"/desk/tickets/{ticket.number}/note", {"note": words, "once": f"n{next(self._ids)}"})

    async def takes_over(self) -> None:
        """A colleague takes a conversation, writes in it, gives it back."""
        talk = self.rng.choice([c for c in self.facts.rows["conversation"] if c.staff_id is None])
        worker = self.worker()
        await self.post(worker, f"/desk/talks/{talk.id}/take", {})
        words = self.mint.word("words", talk.community_id, "enquiry")
        if worker.community == talk.community_id and worker.role in DESK:
            self.oracle.told[talk.id].add(words)
        await self.post(worker, f"/desk/talks/{talk.id}/say", {"text": words, "once": f"s{next(self._ids)}"})
        if self.rng.random() < 0.7:
            await self.post(worker, f"/desk/talks/{talk.id}/hand-back", {})

    async def judges(self) -> None:
        """Colleagues decide about what the desk suggested: mostly those who may, now or long after."""
        suggestion = table("suggestion")
        waiting = select(suggestion).where(suggestion.c.judged == "").order_by(suggestion.c.id)
        for _ in range(4):
            rows = self.database.read(EVERY, lambda c: c.execute(waiting).all())
            if rows:
                await self._judges(self.rng.choice(rows[-12:]))

    async def _judges(self, row: Any) -> None:
        here = [w for w in self.estate.staff if w.community == row.community_id and w.role in DESK]
        worker = self.rng.choice(here) if self.rng.random() < 0.85 else self.worker()
        typed = {"suggestion": str(row.id), "how": self.rng.choice(("sent", "sent", "sent", "agreed", "refused")), "should_be": "repair"}
        typed["text"] = "\n".join(text for text, _, key, _ in row.said if key != NOTICE)
        if not typed["text"] or self.rng.random() < 0.2:
            typed["text"] = self.mint.word("words", row.community_id, "enquiry")
            if worker.community == row.community_id and worker.role in DESK and typed["how"] == "sent":
                self.oracle.told[row.conversation_id].add(typed["text"])
        await self.post(worker, f"/desk/talks/{row.conversation_id}/judge", typed)

    async def files(self) -> None:
        """At the counter: for a member, for somebody who was one, for somebody who says so."""
        worker = self.worker(*DESK)
        person = self.rng.choice([p for p in self.estate.people if p.community == worker.community])
        other = self.rng.choice(self.estate.people)
        kind = self.rng.choice(("repair", "complaint", "service_order", "fee_case", "enquiry"))
        words = self.mint.word("words", worker.community, kind)
        typed = {
            "kind": kind, "source": "counter", "room": person.home.said, "description": f"{words}请处理", "priority": "normal",
            "contact_name": self.rng.choice((person.name, person.name, other.name, "路人")),
            "contact": self.rng.choice((person.phone, person.phone, other.phone, self.mint.phone(worker.community))),
            "once": f"f{next(self._ids)}",
        }  # fmt: skip
        self.oracle.typed[worker.community] |= self.mint.found(" ".join(typed.values()))
        await self.post(worker, "/desk/file", typed)

    async def calls(self) -> None:
        await self.post(self.worker(), f"/desk/calls/{self.rng.randint(1, 20)}/done", {"outcome": "reached"})

    async def decides_who_belongs(self) -> None:
        """Codes, applications, ends of memberships: by any role, of either community."""
        worker, desk = self.worker(), self.site.desk
        right = worker.role in DESK
        home = self.rng.choice(self.estate.homes)
        stays = self.facts.rows["membership"]
        applications = [t for t in self.facts.rows["ticket"] if (t.kind, t.category) == ("enquiry", "binding")]
        self.event += f" | {worker.name}"
        try:
            match self.rng.randrange(5):
                case 0 | 1:
                    role = self.rng.choice(("owner", "family", "tenant"))
                    self.codes.append(desk.invite_into(worker.community, worker.id, home.household, role))
                case 2:
                    self.codes.append(desk.invite_colleague(worker.community, worker.id, self.worker().id))
                case 3:
                    stay = self.rng.choice(stays[-30:])
                    self.event += f" ends {stay.id}"
                    desk.end_membership(worker.community, worker.id, stay.id)
                case 4 if applications:
                    found = self.rng.choice(applications)
                    desk.recognise(worker.community, worker.id, found.number, home.household, "tenant")
                    if right and home.community == worker.community == found.community_id:
                        self.oracle.recognised.add((found.conversation_id, home.household))
        except (Refused, NotFound, IllegalMove, NotYours):
            pass

    async def reads_the_office_books(self) -> None:
        """The digest, the log of disclosures: what `bot digest` and `bot disclosures` print."""
        boss = self.worker("supervisor", "manager")
        now = self.site.clock.now()

        def read(conn: Any) -> str:
            community = store.community(conn, boss.community)
            lines = digest.lines(digest.read(conn, community, self.facts.today, now))
            log = identity.disclosures(conn, boss.community, now - timedelta(days=90), now + timedelta(days=1))
            return "\n".join([*lines, *(str(tuple(row)) for row in log)])

        self._judge_page(boss, "the books", self.database.read(EVERY, read))

    async def takes_a_copy(self) -> None:
        """Somebody asks for the copy of what is held about them, and whoever has the link takes it; a used link hands out nothing."""
        mouth = self.mouth()
        await self.say(mouth, button="privacy:export")
        await self._settled()
        if not self.copies:
            return
        talk_id, link = self.rng.choice(self.copies[-4:])
        self.event += f" | opens {link} of conversation {talk_id}"
        preview = await self._http.get(link)
        self.oracle.judge("a preview of the link", preview.text, frozenset())
        allowed = self._of_talk(talk_id, self.facts, copy=True)
        if self.facts.talk(talk_id).staff_id is not None:
            allowed |= self.oracle.heard[talk_id]
        answer = await self._http.post(link)
        assert answer.status_code in (200, 410), answer.text[:2000]
        self.oracle.judge(f"the copy of conversation {talk_id}", answer.text, allowed)
        self.taken += answer.status_code == 200

    # ── time, and what goes wrong ──

    async def time_passes(self) -> None:
        self.site.machine.forward(self.rng.choice((timedelta(minutes=20), timedelta(hours=3), timedelta(hours=20))))

    async def something_breaks(self) -> None:
        """A fault in the middle of a turn whose message repeats what was said, as `int("…")` does."""
        mouth = self.rng.choice([m for m in self.estate.mouths if not m.token])
        text = f"{self.mint.word('words', mouth.community)}还好吗"
        true_step = self.site.desk.core.step

        def broken(state: Any, event: Any, facts: Any) -> Any:
            if text in getattr(event, "text", ""):
                raise ValueError(f"invalid literal for int() with base 10: {event.text!r}")
            return true_step(state, event, facts)

        core = self.site.desk.core
        object.__setattr__(self.site.desk, "core", type(core)(**{**{f: getattr(core, f) for f in core.__slots__}, "step": broken}))
        await self.say(mouth, text)
        for _ in range(3):
            await self._settled()
            self.site.machine.forward(timedelta(seconds=5))
        self.site.desk.core = core

    async def _prologue(self, every: int) -> None:
        """Something has been filed before the random part begins, and the desk has worked on some of it."""
        for mouth in [m for m in self.estate.mouths if m.who is not None and not m.token][::every]:
            self.event = "the prologue"
            aim, words = REQUESTS[self.rng.choice(("repair", "complaint", "service_request"))]
            intent = next(i for i, (kind, _) in REQUESTS.items() if kind == aim)
            text = self._mean(f"{self.mint.word('words', mouth.community, aim)}{words}", intent)
            for said in (text, "随时", "对", "对"):
                await self.say(mouth, said)
                await self.site.settle()
            await self._settled()
        for _ in range(10):
            self.event = "the prologue"
            await self.works()

    async def _epilogue(self) -> None:
        """Copies are taken, and every role opens pages, homes and tickets of either community once more."""
        for _ in range(8):
            self.event = "the epilogue"
            await self.takes_a_copy()
        for worker in self.estate.staff:
            self.event = "the epilogue"
            for path in self.rng.sample(self.pages, 5):
                await self.open(worker, path)
            for _ in range(3):
                await self.open(worker, self._lookup())
            for ticket in self.rng.sample(self.facts.rows["ticket"], min(5, len(self.facts.rows["ticket"]))):
                await self.open(worker, f"/desk/tickets/{ticket.number}")


#: What may happen, and how often of a hundred or so.
EVENTS: dict[Callable[[Canary], Awaitable[None]], int] = {
    Canary.asks_for_something: 8, Canary.small_talk: 2, Canary.danger: 2, Canary.fees: 2, Canary.answers: 8, Canary.wants_a_person: 2,
    Canary.asks_about_anothers: 5, Canary.status: 6, Canary.changes_something: 3, Canary.binds: 4, Canary.applies_with_papers: 2,
    Canary.redeems: 5, Canary.presses: 8, Canary.presses_anothers: 5, Canary.forges: 7, Canary.presses_on: 6, Canary.sends_a_photo: 3,
    Canary.writes_in_private_to_a_group: 1, Canary.reads_the_page: 3, Canary.looks_at_a_page: 7, Canary.looks_at_a_ticket: 8,
    Canary.looks_at_a_talk: 2, Canary.looks_at_a_photo: 2, Canary.works: 9, Canary.notes: 2, Canary.takes_over: 2, Canary.files: 4,
    Canary.looks_somebody_up: 5, Canary.gives_a_code_at_the_counter: 3, Canary.calls: 1, Canary.decides_who_belongs: 7, Canary.reads_the_office_books: 2, Canary.takes_a_copy: 3, Canary.time_passes: 4,
    Canary.something_breaks: 1, Canary.moves_out: 2,
}  # fmt: skip
