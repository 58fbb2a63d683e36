"""A new model is brought up beside the old one, and no sentence is lost while they change places."""

from __future__ import annotations

import asyncio
import io
import os
import sys
import tarfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.nlu import RasaNlu
from bot.rasa_keeper import RasaKeeper
from bot.rasa_server import HOST, RasaHandle, RasaServer, model_name
from tests.nlu.test_server_child import free_port

# Answers like Rasa with the model named on its command line; a model called "broken" ends at once, and reading takes a while.
STUB = """
import http.server, json, os, sys, threading, time
port, model = int(sys.argv[1]), sys.argv[2]
if model.startswith("broken"):
    sys.exit(3)
class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, body):
        body = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_GET(self):
        self.answer({"model_file": model + ".tar.gz"})
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(0.15)
        self.answer({"intent": {"name": "repair", "confidence": 1.0}, "entities": [],
                     "intent_ranking": [{"name": "repair", "confidence": 1.0}]})
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
"""


class Office:
    """A folder of models and what is wanted of it; makes servers as the composition root does."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.models = root / "models"
        self.models.mkdir()
        self.newest = self.train("one")
        self.servers: list[RasaServer] = []

    def train(self, name: str) -> Path:
        path = self.models / f"{name}.tar.gz"
        with tarfile.open(path, "w:gz") as archive:
            archive.addfile(tarfile.TarInfo("metadata.json"), io.BytesIO())
        self.newest = path
        return path

    def prepare(self, path: Path) -> RasaServer:
        server = RasaServer(
            path,
            root=self.root,
            var=self.root / "var",
            port=free_port(),
            command=lambda at: [sys.executable, "-c", STUB, str(at), model_name(path)],
        )
        self.servers.append(server)
        return server


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    made = Office(tmp_path)
    yield made
    for server in made.servers:
        await server.stop()


async def keeper_of(office: Office) -> RasaKeeper:
    server = office.prepare(office.newest)
    await server.start(lambda line: None)
    handle = RasaHandle(server.url, server.token, model_name(office.newest), server)
    return RasaKeeper(
        handle, models=office.models, wanted=lambda: office.newest, prepare=office.prepare, look=0.05
    )


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await asyncio.sleep(0.02)


async def test_a_newly_trained_model_takes_over_and_every_sentence_is_answered(office: Office) -> None:
    keeper = await keeper_of(office)
    said: list[str] = []
    watching = asyncio.create_task(keeper.watch(said.append))
    read: list[str] = []
    ended = asyncio.Event()

    async def resident() -> None:
        while not ended.is_set():
            read.append((await keeper.parse("水管漏了", "zh")).model)

    residents = [asyncio.create_task(resident()) for _ in range(4)]
    await until(lambda: len(read) >= 8)
    old = keeper.handle.server
    assert old is not None
    office.train("two")
    await until(lambda: read[-1] == "two" and old.pid is None)
    ended.set()
    await asyncio.gather(*residents)  # a lost sentence would be raised here
    assert set(read) == {"one", "two"}
    assert keeper.model == await keeper.health() == "two"
    assert said[-1] == "sentences are now read by model two"
    watching.cancel()
    await keeper.stop()
    assert all(server.pid is None for server in office.servers)


async def test_a_model_that_does_not_start_is_told_once_and_the_old_one_goes_on(office: Office) -> None:
    keeper = await keeper_of(office)
    said: list[str] = []
    watching = asyncio.create_task(keeper.watch(said.append))
    await asyncio.sleep(0.1)
    office.train("broken")
    await until(lambda: any("goes on with model one" in line for line in said))
    tries = len(office.servers)
    os.utime(office.models)  # the folder changes again, the wanted model does not
    await asyncio.sleep(0.3)
    assert len(office.servers) == tries
    assert (await keeper.parse("水管漏了", "zh")).model == "one"
    watching.cancel()
    await keeper.stop()


async def test_a_server_of_somebody_else_is_used_and_neither_changed_nor_stopped(office: Office) -> None:
    server = office.prepare(office.newest)
    await server.start(lambda line: None)
    handle = RasaHandle(server.url, server.token, "one", None)
    keeper = RasaKeeper(
        handle, models=office.models, wanted=lambda: office.newest, prepare=office.prepare, look=0.05
    )
    office.train("two")
    await keeper.watch(lambda line: None)  # returns: there is nothing to mind
    assert keeper.model == "one"
    await keeper.stop()
    client = RasaNlu(f"http://{HOST}:{server.url.rsplit(':', 1)[1]}", server.token)
    assert await client.health() == "one"
    await client.aclose()


async def test_a_child_that_dies_is_started_again_also_after_a_change_of_model(office: Office) -> None:
    keeper = await keeper_of(office)
    watching = asyncio.create_task(keeper.watch(lambda line: None))
    await asyncio.sleep(0.1)
    office.train("two")
    await until(lambda: keeper.model == "two" and keeper.handle.server is not None)
    server = keeper.handle.server
    assert server is not None
    first = server.pid
    assert first is not None
    os.killpg(first, 9)
    await until(lambda: server.pid not in (None, first))
    watching.cancel()
    await keeper.stop()
