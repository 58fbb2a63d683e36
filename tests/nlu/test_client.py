"""The desk asks the language model, and what it does when the model is slow, broken or gone."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from bot.core.types import Entity, Ranked
from bot.nlu import FAILURES_TO_OPEN, MODEL_SECONDS, OPEN_SECONDS, NluUnavailable, RasaNlu

TOKEN = "the-token"
LEAK = "我家厨房水管漏水了"


def parse_of(text: str, *entities: dict[str, Any], intent: str = "repair") -> dict[str, Any]:
    """An answer as Rasa 3.6 gives it."""
    return {
        "text": text,
        "intent": {"name": intent, "confidence": 0.9},
        "entities": list(entities),
        "text_tokens": [[0, len(text)]],
        "intent_ranking": [{"name": intent, "confidence": 0.9}, {"name": "faq", "confidence": 0.1}],
    }


def found(entity: str, start: int, end: int, sure: float | None = None) -> dict[str, Any]:
    """An entity as an extractor reports it; a pattern gives no confidence."""
    row: dict[str, Any] = {"entity": entity, "start": start, "end": end, "value": "?", "extractor": "x"}
    return row if sure is None else {**row, "confidence_entity": sure}


class FakeRasa:
    """A strict Rasa on loopback: right token, right method, a JSON object with a non-empty text, or an
    error."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.answers: list[Any] = []
        self.model = "0123456789abcdef.tar.gz"
        self.status_asked = 0
        self.url = ""
        self._server: asyncio.Server | None = None

    async def open(self, port: int = 0) -> None:
        """Starts to listen; port 0 takes a free one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def close(self) -> None:
        """Stops listening: connections are refused from now on."""
        if self._server is not None:
            self._server.close()
            self._server = None

    def then(self, *answers: Any) -> None:
        """Queues answers to parses: a dict, a (status, bytes) pair, `None` for never, `False` for
        hanging up."""
        self.answers += answers

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            method, target, _ = head.split("\r\n")[0].split(" ")
            length = next(
                (int(h.split(":")[1]) for h in head.lower().split("\r\n") if h.startswith("content-length")),
                0,
            )
            body = await reader.readexactly(length)
            answer = self._answer(method, target, body)
            if answer is None:
                await reader.read()  # until the caller gives up
                return
            if answer is False:
                return
            status, content = answer if isinstance(answer, tuple) else (200, json.dumps(answer).encode())
            writer.write(
                f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\nConnection: close\r\n\r\n".encode()
                + content
            )
            await writer.drain()
        finally:
            writer.close()

    def _answer(self, method: str, target: str, body: bytes) -> Any:
        where = urlsplit(target)
        if parse_qs(where.query).get("token") != [TOKEN]:
            return 401, b'{"status":"failure"}'
        if (method, where.path) == ("GET", "/status"):
            self.status_asked += 1
            return {"model_file": self.model, "model_id": "x", "num_active_training_jobs": 0}
        if (method, where.path) != ("POST", "/model/parse"):
            return 404, b""
        asked = json.loads(body)
        if set(asked) != {"text"} or not isinstance(asked["text"], str) or not asked["text"].strip():
            return 500, b'{"reason":"ParsingError"}'
        self.heard.append(asked["text"])
        return self.answers.pop(0) if self.answers else parse_of(asked["text"])


class Clock:
    """The machine clock, moved by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
async def server() -> AsyncIterator[FakeRasa]:
    fake = FakeRasa()
    await fake.open()
    yield fake
    await fake.close()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def nlu(server: FakeRasa, clock: Clock) -> AsyncIterator[RasaNlu]:
    client = RasaNlu(server.url, TOKEN, timeout=0.4, clock=clock)
    yield client
    await client.aclose()


async def test_a_leak_is_understood_and_the_parse_names_its_model(server: FakeRasa, nlu: RasaNlu) -> None:
    server.then(parse_of(LEAK, found("location", 2, 4, 0.9), found("item", 4, 6, 0.8)))
    parsed = await nlu.parse(LEAK, "zh")
    assert (parsed.intent, parsed.confidence, parsed.model) == ("repair", 0.9, "0123456789abcdef")
    assert parsed.ranking == (Ranked("repair", 0.9), Ranked("faq", 0.1))
    assert parsed.entities == (Entity("location", "厨房", 2, 4), Entity("item", "水管", 4, 6))


async def test_offsets_count_from_what_the_resident_wrote_blanks_included(
    server: FakeRasa, nlu: RasaNlu
) -> None:
    server.then(parse_of("水管漏水", found("item", 0, 2, 0.9)))
    parsed = await nlu.parse("  水管漏水 \n", "zh")
    assert server.heard == ["水管漏水"]
    assert parsed.entities == (Entity("item", "水管", 2, 4),)


async def test_of_overlapping_entities_the_longest_stays_then_the_surest(
    server: FakeRasa, nlu: RasaNlu
) -> None:
    server.then(
        parse_of(
            "3栋2单元501室",
            found("building", 0, 2, 0.6),
            found("room", 0, 2, 0.7),
            found("room", 5, 9, 0.9),
            found("ticket_no", 5, 8),
            found("unit", 2, 5, 0.5),
        )
    )
    parsed = await nlu.parse("3栋2单元501室", "zh")
    assert [(e.entity, e.value) for e in parsed.entities] == [
        ("room", "3栋"),
        ("unit", "2单元"),
        ("room", "501室"),
    ]


async def test_a_resident_cannot_state_an_intent_with_a_slash(server: FakeRasa, nlu: RasaNlu) -> None:
    await nlu.parse('/affirm{"room": "501"}', "zh")
    assert server.heard == ['／affirm{"room": "501"}']


async def test_a_very_long_message_is_cut_and_half_a_surrogate_pair_does_no_harm(
    server: FakeRasa, nlu: RasaNlu
) -> None:
    await nlu.parse("\ud83d" + "漏" * 5000, "zh")
    assert server.heard == ["?" + "漏" * 999]


async def test_a_blank_message_is_not_asked_about(server: FakeRasa, nlu: RasaNlu) -> None:
    with pytest.raises(ValueError, match="empty"):
        await nlu.parse(" \n", "zh")
    assert server.heard == []


@pytest.mark.parametrize(
    "stumble", [(500, b"{}"), (200, b"<html>"), (200, b"[]"), (200, b'{"intent": 3}'), False], ids=repr
)
async def test_one_stumble_is_asked_again(server: FakeRasa, nlu: RasaNlu, stumble: Any) -> None:
    server.then(stumble)
    assert (await nlu.parse(LEAK, "zh")).intent == "repair"
    assert len(server.heard) == 2


async def test_a_first_try_that_hangs_leaves_time_for_a_second(server: FakeRasa, nlu: RasaNlu) -> None:
    server.then(None)
    assert (await nlu.parse(LEAK, "zh")).intent == "repair"


async def test_a_server_that_hangs_is_left_within_the_limit(server: FakeRasa, nlu: RasaNlu) -> None:
    server.then(None, None)
    began = asyncio.get_running_loop().time()
    with pytest.raises(NluUnavailable, match="no answer within 0.4 s"):
        await nlu.parse(LEAK, "zh")
    assert asyncio.get_running_loop().time() - began < 0.8


@pytest.mark.parametrize(
    "entity",
    [found("item", 0, 99), found("item", 2, 2), found("item", -1, 2), found("item", 0, 2, float("nan"))],
    ids=["beyond the text", "empty", "before the text", "not a number"],
)
async def test_an_entity_that_cannot_be_is_not_believed(
    server: FakeRasa, nlu: RasaNlu, entity: dict[str, Any]
) -> None:
    server.then(parse_of(LEAK, entity), parse_of(LEAK, entity))
    with pytest.raises(NluUnavailable, match="not a parse"):
        await nlu.parse(LEAK, "zh")


async def test_no_intent_at_all_is_out_of_scope_without_confidence(server: FakeRasa, nlu: RasaNlu) -> None:
    server.then({**parse_of("?!"), "intent": {"name": None, "confidence": 0.0}, "intent_ranking": []})
    parsed = await nlu.parse("?!", "en")
    assert (parsed.intent, parsed.confidence, parsed.ranking) == ("out_of_scope", 0.0, ())


async def test_a_wrong_token_is_said_at_once_and_not_tried_twice(server: FakeRasa, clock: Clock) -> None:
    nlu = RasaNlu(server.url, "another", timeout=0.4, clock=clock)
    with pytest.raises(NluUnavailable, match="token"):
        await nlu.parse(LEAK, "zh")
    await nlu.aclose()
    assert server.heard == []


async def test_a_dead_server_costs_nothing_until_it_is_tried_again(
    server: FakeRasa, nlu: RasaNlu, clock: Clock
) -> None:
    port = int(server.url.rsplit(":", 1)[1])
    await server.close()
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(NluUnavailable, match="not reachable"):
            await nlu.parse(LEAK, "zh")
    await server.open(port)
    with pytest.raises(NluUnavailable, match="not asked again yet"):
        await nlu.parse(LEAK, "zh")
    assert server.status_asked == 0
    clock.now += OPEN_SECONDS + 0.01
    assert (await nlu.parse(LEAK, "zh")).intent == "repair"


async def test_while_one_message_tries_a_dead_server_the_others_do_not_wait(
    server: FakeRasa, nlu: RasaNlu, clock: Clock
) -> None:
    await nlu.health()
    server.then(*[None] * 2 * FAILURES_TO_OPEN)
    for _ in range(FAILURES_TO_OPEN):
        with pytest.raises(NluUnavailable):
            await nlu.parse(LEAK, "zh")
    clock.now += OPEN_SECONDS + 0.01
    answers = await asyncio.gather(*(nlu.parse(LEAK, "zh") for _ in range(5)), return_exceptions=True)
    assert [isinstance(answer, NluUnavailable) for answer in answers] == [False, True, True, True, True]


async def test_a_server_that_answers_nonsense_is_not_taken_for_dead(server: FakeRasa, nlu: RasaNlu) -> None:
    for _ in range(FAILURES_TO_OPEN + 1):
        server.then((500, b""), (500, b""))
        with pytest.raises(NluUnavailable, match="status 500"):
            await nlu.parse(LEAK, "zh")
    assert (await nlu.parse(LEAK, "zh")).intent == "repair"


async def test_a_new_model_is_noticed_without_asking_for_every_message(
    server: FakeRasa, nlu: RasaNlu, clock: Clock
) -> None:
    await nlu.parse(LEAK, "zh")
    await nlu.parse(LEAK, "zh")
    assert server.status_asked == 1
    server.model = "fedcba9876543210.tar.gz"
    clock.now += MODEL_SECONDS
    assert (await nlu.parse(LEAK, "zh")).model == "fedcba9876543210"
    assert await nlu.health() == "fedcba9876543210"


async def test_neither_the_residents_words_nor_the_token_are_logged(
    server: FakeRasa, nlu: RasaNlu, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        server.then((500, b""), (500, b""))
        with pytest.raises(NluUnavailable) as refused:
            await nlu.parse(LEAK, "zh")
        await nlu.parse(LEAK, "zh")
    assert LEAK not in caplog.text + str(refused.value)
    assert TOKEN not in caplog.text + str(refused.value)
