"""The desk runs Rasa as a child: it starts it, misses it when it dies, and takes it along when it goes."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import socket
import stat
import sys
import tarfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from bot.nlu import RasaNlu
from bot.rasa_server import (
    EXIT_BAD_MODEL,
    FAILURES_TO_GIVE_UP,
    HOST,
    RasaNotStarted,
    RasaServer,
    find_or_start,
    model_name,
)

# Answers /status like Rasa with the model named on its command line, and ends when its standard input does.
STUB = """
import http.server, json, os, sys, threading
port, model = int(sys.argv[1]), sys.argv[2]
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ours = self.path == "/status?token=" + os.environ["RASA_TOKEN"]
        body = json.dumps({"model_file": model + ".tar.gz"}).encode()
        self.send_response(200 if ours else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
server.serve_forever()
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


async def at_once(_: float) -> None:
    """A pause that takes no time."""


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "0123456789abcdef.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.addfile(tarfile.TarInfo("metadata.json"), io.BytesIO())
    return path


@pytest.fixture
def said() -> list[str]:
    return []


Make = Callable[..., RasaServer]


@pytest.fixture
async def make(tmp_path: Path, model: Path) -> AsyncIterator[Make]:
    made: list[RasaServer] = []

    def child(script: str = STUB, port: int | None = None) -> RasaServer:
        server = RasaServer(
            model,
            root=tmp_path,
            var=tmp_path / "var",
            port=port or free_port(),
            command=lambda at: [sys.executable, "-c", script, str(at), model_name(model)],
            sleep=at_once,
        )
        made.append(server)
        return server

    yield child
    for server in made:
        await server.stop()


async def test_the_child_answers_once_started_and_is_gone_once_stopped(make: Make, said: list[str]) -> None:
    server = make()
    await server.start(said.append)
    client = RasaNlu(server.url, server.token)
    assert await client.health() == "0123456789abcdef"
    await client.aclose()
    assert "ready after" in said[-1]
    pid = server.pid
    assert pid is not None
    await server.stop()
    assert server.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_the_token_is_kept_for_its_owner_alone_and_not_on_the_command_line(
    make: Make, said: list[str], tmp_path: Path
) -> None:
    server = make()
    await server.start(said.append)
    kept = tmp_path / "var" / "rasa.token"
    assert kept.read_text() == server.token
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert server.token.encode() not in Path(f"/proc/{server.pid}/cmdline").read_bytes()


async def test_a_killed_child_is_started_again(make: Make, said: list[str]) -> None:
    server = make()
    await server.start(said.append)
    first = server.pid
    assert first is not None
    again = asyncio.Event()

    def progress(line: str) -> None:
        said.append(line)
        if "ready after" in line:
            again.set()

    watching = asyncio.create_task(server.watch(progress))
    os.kill(first, signal.SIGKILL)
    async with asyncio.timeout(20):
        await again.wait()
    assert server.pid not in (None, first)
    await server.stop()
    async with asyncio.timeout(5):
        await watching


async def test_a_child_that_keeps_dying_is_given_up_with_a_clear_word(make: Make, said: list[str]) -> None:
    server = make()
    await server.start(said.append)

    def progress(line: str) -> None:
        said.append(line)
        if "ready after" in line and server.pid:
            os.kill(server.pid, signal.SIGKILL)

    watching = asyncio.create_task(server.watch(progress))
    assert server.pid is not None
    os.kill(server.pid, signal.SIGKILL)
    async with asyncio.timeout(40):
        await watching
    assert f"Rasa stopped {FAILURES_TO_GIVE_UP} times" in said[-1]
    assert "goes on with buttons and menus" in said[-1]


async def test_a_port_taken_by_another_program_is_left_to_it(make: Make, said: list[str]) -> None:
    with socket.socket() as other:
        other.bind((HOST, 0))
        other.listen()
        taken = other.getsockname()[1]
        server = make(port=taken)
        await server.start(said.append)
        assert not server.url.endswith(f":{taken}")
        assert "taken by another program" in said[0]


async def test_a_model_rasa_cannot_load_is_said_with_the_way_out(make: Make, said: list[str]) -> None:
    server = make(f"raise SystemExit({EXIT_BAD_MODEL})")
    with pytest.raises(RasaNotStarted, match="damaged.*make train"):
        await server.start(said.append)
    assert server.pid is None


async def test_a_child_that_ends_while_starting_is_said_with_its_log(make: Make, said: list[str]) -> None:
    with pytest.raises(RasaNotStarted, match=r"code 7 while starting: see .*rasa\.log"):
        await make("raise SystemExit(7)").start(said.append)


async def test_a_truncated_model_file_is_found_before_anything_is_started(
    make: Make, said: list[str], model: Path
) -> None:
    model.write_bytes(model.read_bytes()[:20])
    with pytest.raises(RasaNotStarted, match="damaged.*make train"):
        await make().start(said.append)
    assert said == []


async def test_without_a_model_the_way_to_one_is_said(make: Make, said: list[str], model: Path) -> None:
    model.unlink()
    with pytest.raises(RasaNotStarted, match="make train"):
        await make().start(said.append)


async def test_without_rasas_environment_the_way_to_it_is_said(
    tmp_path: Path, model: Path, said: list[str]
) -> None:
    server = RasaServer(model, root=tmp_path, var=tmp_path / "var")
    with pytest.raises(RasaNotStarted, match="nlu/.venv is missing.*make setup"):
        await server.start(said.append)


async def test_a_rasa_that_runs_with_the_right_model_is_used(
    make: Make, said: list[str], tmp_path: Path, model: Path
) -> None:
    running = make()
    await running.start(said.append)
    handle = await find_or_start(
        url=running.url,
        token=None,
        model_path=model,
        root=tmp_path,
        var=tmp_path / "var",
        progress=said.append,
    )
    assert (handle.url, handle.token, handle.server) == (running.url, running.token, None)
    await handle.stop()
    assert running.pid is not None


async def test_a_child_ends_when_the_desk_is_killed_outright(tmp_path: Path, model: Path) -> None:
    desk = f"""
import asyncio, sys
from pathlib import Path
from bot.rasa_server import RasaServer
async def main():
    server = RasaServer(Path({str(model)!r}), root=Path({str(tmp_path)!r}),
        var=Path({str(tmp_path / "var")!r}), port={free_port()},
        command=lambda at: [sys.executable, "-c", {STUB!r}, str(at), {model_name(model)!r}])
    await server.start(lambda line: None)
    print(server.pid, flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", desk, stdout=asyncio.subprocess.PIPE, cwd=Path(__file__).resolve().parents[2]
    )
    assert process.stdout is not None
    async with asyncio.timeout(20):
        child = int(await process.stdout.readline())
        watched = os.pidfd_open(child)
        gone = asyncio.Event()
        asyncio.get_running_loop().add_reader(watched, gone.set)
        process.kill()
        await process.wait()
        await gone.wait()
    asyncio.get_running_loop().remove_reader(watched)
    os.close(watched)
