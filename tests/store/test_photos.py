"""Photos that stay on their platform until they are fetched: never forgotten, fetched once, given up in the open."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import bot.database
from bot import boards, photos
from bot.boards import Reader
from bot.channels import Inbound, SendError
from bot.core.types import AmendTicket, Heard, Media, Say, State, Turn
from bot.media import MediaStore
from bot.workers import Hearing, Pace, Workers
from tests.store.office import BURST, LEASE, Office, Platform

A_WHILE = timedelta(minutes=1)


def picture(colour: str = "green") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (20, 20), colour).save(out, "PNG")
    return out.getvalue()


class Album(Platform):
    """A platform that keeps its photos. `answers` are given one after the other; then the picture comes."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        self.answers: list[bytes | Exception] = []
        self.hangs = False

    async def fetch(self, media: Media) -> bytes:
        self.asked.append(media.reference)
        if self.hangs:
            await asyncio.sleep(60)
        answer = self.answers.pop(0) if self.answers else picture()
        if isinstance(answer, Exception):
            raise answer
        return answer


@dataclass
class Bench:
    """The office, its album, and the store its photos end in."""

    front: Office
    album: Album
    media: MediaStore
    workers: Workers
    _ids: list[int] = field(default_factory=list)

    async def receive(self, *references: str, external_id: str = "", text: str = "", address: str = "wang") -> None:
        self._ids.append(1)
        pictures = tuple(Media("photo", r) for r in references)
        external_id = external_id or f"photo-{len(self._ids)}"
        await self.workers.accept(1, Inbound("telegram", "bot", external_id, address, text, None, pictures))

    async def ticks(self, times: int = 1) -> None:
        for _ in range(times):
            await self.workers.tick()
            self.front.machine.forward(A_WHILE)

    def rows(self) -> list[tuple[Any, ...]]:
        return self.front.rows("media", "reference", "status", "kept")

    def due(self) -> list[tuple[Any, ...]]:
        return self.front.rows("due", "subject_type", "kind", "status", "attempts")


async def hear(claim: Any) -> Hearing:
    messages = [r.message for r in claim.rows]
    return Hearing(Heard("\n".join(m.text for m in messages if m.text), media=tuple(p for m in messages for p in m.media),
                         understood=False))  # fmt: skip


@pytest.fixture
def bench(front_desk: Office, tmp_path: Path) -> Bench:
    album, media = Album(), MediaStore(tmp_path / "media")
    channels = {("telegram", "bot"): album, ("desk", ""): front_desk.staff_page}
    pace = Pace(lease=LEASE, burst=BURST, send_limit=timedelta(seconds=0.2))
    workers = Workers(front_desk.desk, "w1", hear, channels, jitter=lambda: 0.5, pace=pace, media=media)
    front_desk.workers = workers
    return Bench(front_desk, album, media, workers)


# ── received ──


async def test_a_photo_received_is_a_photo_to_be_fetched_in_the_same_transaction(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(name: str) -> None:
        if name == "accept.inbox":
            raise KeyboardInterrupt

    monkeypatch.setattr(bot.database, "crash_hook", die)
    with pytest.raises(KeyboardInterrupt):
        bench.front.database.write(
            1,
            lambda c: bot.store.accept(
                c, 1, Inbound("telegram", "bot", "1", "wang", "", None, (Media("photo", "file-1"),)),
                now=bench.front.clock.now(), machine_now=bench.front.machine.now(), burst=BURST, fetches=True,
            )
        )  # fmt: skip
    assert (bench.front.rows("inbox", "id"), bench.rows(), bench.due()) == ([], [], [])
    monkeypatch.undo()
    await bench.receive("file-1", external_id="1")
    assert len(bench.front.rows("inbox", "id")) == 1
    assert bench.rows() == [("file-1", "pending", "")] and bench.due() == [("media", "media_fetch", "pending", 0)]
    assert bench.front.rows("due", "at") == [(bench.front.clock.now(),)]


async def test_fetched_it_is_kept_and_the_row_says_where(bench: Bench) -> None:
    await bench.receive("file-1")
    await bench.ticks()
    ((_, status, kept),) = bench.rows()
    assert status == "kept" and bench.media.open(kept)[1] == "image/png"
    assert bench.due() == [("media", "media_fetch", "done", 1)] and bench.album.asked == ["file-1"]
    await bench.ticks(3)
    assert bench.album.asked == ["file-1"]


async def test_a_redelivery_is_fetched_once(bench: Bench) -> None:
    for _ in range(2):
        await bench.receive("file-1", external_id="the-same")
    await bench.ticks()
    await bench.receive("file-1", external_id="the-same")  # delivered again after it was fetched
    await bench.receive("file-1", external_id="sent-again")  # the resident forwards the same photo
    await bench.ticks(2)
    assert bench.album.asked == ["file-1"] and len(bench.rows()) == 1


async def test_an_album_of_photos_is_fetched_photo_by_photo(bench: Bench) -> None:
    bench.album.answers = [picture("red"), SendError("busy", retryable=True), picture("blue")]
    await bench.receive("a", "b", "c")
    await bench.ticks(2)
    assert [(r, s) for r, s, _ in bench.rows()] == [("a", "kept"), ("b", "kept"), ("c", "kept")]
    assert sorted(bench.album.asked) == ["a", "b", "b", "c"]


async def test_the_same_reference_in_two_conversations_is_two_photos(bench: Bench) -> None:
    await bench.receive("file-1", address="wang")
    await bench.receive("file-1", address="li")
    await bench.ticks()
    assert [s for _, s, _ in bench.rows()] == ["kept", "kept"]


async def test_voice_is_not_fetched(bench: Bench) -> None:
    voice = Inbound("telegram", "bot", "v1", "wang", "", None, (Media("voice", "voice-1"),))
    await bench.workers.accept(1, voice)
    assert bench.rows() == [] and bench.due() == []


async def test_a_channel_that_cannot_fetch_makes_no_promise(front_desk: Office) -> None:
    photo = Inbound("telegram", "bot", "p1", "wang", "", None, (Media("photo", "file-1"),))
    await front_desk.workers.accept(1, photo)
    assert front_desk.rows("media", "id") == [] and front_desk.rows("due", "id") == []


# ── what goes wrong ──


async def test_what_fails_is_tried_again_a_little_later(bench: Bench) -> None:
    bench.album.answers = [SendError("busy", retryable=True)]
    await bench.receive("file-1")
    await bench.workers.tick()
    assert bench.rows() == [("file-1", "pending", "")] and bench.due() == [("media", "media_fetch", "pending", 1)]
    await bench.workers.tick()  # not at once
    assert bench.album.asked == ["file-1"]
    bench.front.machine.forward(A_WHILE)
    await bench.workers.tick()
    assert bench.rows()[0][1] == "kept" and bench.front.rows("phone_task", "id") == []


async def test_at_the_third_failure_it_is_given_up_in_the_open(bench: Bench) -> None:
    bench.album.answers = [SendError("gone", retryable=True) for _ in range(5)]
    await bench.receive("file-1")
    await bench.ticks(6)
    assert len(bench.album.asked) == 3 and bench.rows() == [("file-1", "failed", "")]
    assert bench.due()[0][2] == "done" and bench.front.rows("phone_task", "id") == []


async def test_what_the_platform_refuses_for_good_is_not_asked_for_again(bench: Bench) -> None:
    bench.album.answers = [SendError("the file is gone", retryable=False)]
    await bench.receive("file-1")
    await bench.ticks(3)
    assert bench.album.asked == ["file-1"] and bench.rows() == [("file-1", "failed", "")]


@pytest.mark.parametrize("content", [b"%PDF-1.7", b"", b"\x89PNG\r\n\x1a\n cut short", b"x" * (11 * 1024 * 1024)],
                         ids=["a document", "nothing", "cut short", "too large"])  # fmt: skip
async def test_what_is_no_picture_is_final(bench: Bench, content: bytes) -> None:
    bench.album.answers = [content]
    await bench.receive("file-1")
    await bench.ticks(3)
    assert bench.album.asked == ["file-1"] and bench.rows() == [("file-1", "failed", "")]


@pytest.mark.parametrize("how", ["slow", "fault"])
async def test_a_slow_platform_or_a_fault_of_the_channel_is_given_up_in_the_open_too(bench: Bench, how: str) -> None:
    bench.album.hangs = how == "slow"
    bench.album.answers = [KeyError("file_path") for _ in range(5)]
    await bench.receive("file-1")
    await bench.ticks(5)
    assert len(bench.album.asked) == 3 and bench.rows() == [("file-1", "failed", "")]
    assert bench.front.rows("phone_task", "id") == []  # nobody is to ring because of a photo


async def test_one_photo_that_hangs_does_not_keep_the_others(bench: Bench) -> None:
    bench.album.answers = [KeyError("a fault of the channel")]
    await bench.receive("broken")
    await bench.receive("good")
    await bench.ticks()
    assert {r: s for r, s, _ in bench.rows()} == {"broken": "pending", "good": "kept"}


async def test_a_process_that_died_while_fetching_fetches_again(bench: Bench) -> None:
    await bench.receive("file-1")
    assert bench.front.desk.claim_due(bench.front.clock.now(), "dead", LEASE) is not None
    await bench.workers.tick()
    assert bench.album.asked == []  # the other process may still be at it
    bench.front.machine.forward(LEASE)
    await bench.workers.tick()
    assert bench.rows()[0][1] == "kept"


async def test_a_photo_fetched_by_two_processes_is_settled_by_one(bench: Bench) -> None:
    """The lease ended while the first was still fetching: the second one's result stands."""
    await bench.receive("file-1")
    late = bench.front.desk.claim_due(bench.front.clock.now(), "slow", LEASE)
    assert late is not None
    bench.front.machine.forward(LEASE)
    await bench.workers.tick()
    kept = bench.rows()[0][2]
    bench.album.answers = [b"not a picture any more"]
    await bench.workers._fetch(late)
    assert bench.rows() == [("file-1", "kept", kept)]


async def test_a_channel_taken_out_of_use_leaves_its_photos_failed(bench: Bench) -> None:
    await bench.receive("file-1")
    bench.workers._channels = {}
    await bench.ticks(4)
    assert bench.rows() == [("file-1", "failed", "")]


async def test_moving_the_clock_swallows_no_photo_that_waits(bench: Bench) -> None:
    await bench.receive("file-1")
    bench.front.desk.advance(bench.front.clock.now() + timedelta(hours=1))
    await bench.ticks()
    assert bench.rows()[0][1] == "kept"


# ── as staff see it ──


async def test_the_dossier_shows_pending_kept_and_failed(bench: Bench) -> None:
    front = bench.front
    await front.talk("水管漏水", "是")
    ticket_id, number = front.rows("ticket", "id", "number")[0]

    def attach(state: State, event: Any, facts: Any) -> Turn:
        return Turn(state, (AmendTicket(ticket_id, "photo", photos=event.media), Say("收到照片")))

    front.script.heard[""] = attach
    bench.album.answers = [picture("red"), SendError("gone", retryable=False), SendError("busy", retryable=True)]
    await bench.receive("first", "second", "third")
    await front.answer()
    reader = Reader(1, 1, "technician", ("repair",))

    def shown() -> list[tuple[bool, bool]]:
        dossier = front.database.read(1, lambda c: boards.dossier(c, reader, number))
        assert dossier is not None and dossier.ticket.photos == 3
        return [(bool(p.kept), bool(p.failed)) for p in dossier.photos]

    assert shown() == [(False, False)] * 3
    await bench.workers.tick()
    assert shown() == [(True, False), (False, True), (False, False)]
    bench.front.machine.forward(A_WHILE)
    await bench.workers.tick()
    assert shown() == [(True, False), (False, True), (True, False)]


async def test_a_photo_is_seen_by_who_sees_its_ticket_and_by_who_reads_conversations(bench: Bench) -> None:
    front = bench.front
    await bench.receive("file-1")
    await bench.ticks()
    kept = bench.rows()[0][2]
    sees: Callable[[Reader, bool], bool] = lambda reader, talks: front.database.read(  # noqa: E731
        reader.community_id, lambda c: boards.sees_photo(c, reader, kept, talks=talks)
    )
    assert sees(Reader(1, 2, "steward", ()), True) and not sees(Reader(1, 1, "technician", ("repair",)), False)
    assert not sees(Reader(2, 9, "steward", ("repair",)), True)
    assert front.database.read(1, lambda c: photos.sent_by(c, 1, 1, kept))
    assert not front.database.read(1, lambda c: photos.sent_by(c, 1, 2, kept))
    assert not front.database.read(2, lambda c: photos.sent_by(c, 2, 1, kept))
