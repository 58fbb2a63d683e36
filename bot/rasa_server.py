"""Finds a Rasa server with the right model, or runs one as a child and keeps it alive.

The desk works without Rasa, so nothing here may bring the desk down or hold it up: a start that fails
says in one sentence why and what to do. The child never outlives the desk, its token is never on a
command line, and its log never holds what a resident wrote.

The child reads a pipe whose other end only this process holds, and ends with it. Linux's
PR_SET_PDEATHSIG would do the same, but follows the thread that started the child, needs code between
fork and exec, and exists nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import tarfile
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from bot.nlu import NluUnavailable, RasaNlu

log = logging.getLogger(__name__)

HOST: Final = "127.0.0.1"
DEFAULT_PORT: Final = 5005
READY_SECONDS: Final = 240.0
"""A start takes about 20 s, on a machine busy with other work well over a minute."""
POLL_SECONDS: Final = 0.25
STOP_SECONDS: Final = 5.0
FAILURES_TO_GIVE_UP: Final = 5
WINDOW_SECONDS: Final = 600.0
FIRST_PAUSE_SECONDS: Final = 1.0
LONGEST_PAUSE_SECONDS: Final = 60.0
EXIT_BAD_MODEL: Final = 3
"""As nlu/serve.py has it."""
QUIET: Final = {
    "RASA_TELEMETRY_ENABLED": "false",
    "CUDA_VISIBLE_DEVICES": "-1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "PYTHONWARNINGS": "ignore",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
    # One sentence at a time needs no thread pools, and the desk shares the machine.
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
}

Progress = Callable[[str], None]
Command = Callable[[int], Sequence[str]]


class RasaNotStarted(Exception):
    """Why there is no Rasa and what to do about it, in one sentence."""


def wanted_model(root: Path) -> Path:
    """The model that belongs to the present training data, whether or not it has been trained.

    Args:
        root: the project's folder.

    Raises:
        RasaNotStarted: a file the name is computed from is missing.
    """
    # Standard library only, so any Python can run it; a process of its own keeps nlu/ out of our imports.
    asked = subprocess.run(
        [sys.executable, str(root / "nlu" / "train.py"), "--print-name"],
        capture_output=True,
        text=True,
        check=False,
    )
    if asked.returncode:
        raise RasaNotStarted(f"The language model's name cannot be computed: {asked.stderr.strip()}")
    return root / asked.stdout.strip()


def model_name(model_path: Path) -> str:
    """The name as Rasa's status and the parses carry it."""
    return model_path.name.removesuffix(".tar.gz")


class RasaServer:
    """One Rasa process of ours.

    Args:
        model_path: the trained model, `nlu/models/<hash>.tar.gz`.
        root: the project's folder, with `nlu/.venv` in it.
        var: folder for `rasa.token` and `log/rasa.log`; made when missing.
        port: wanted port on loopback; another free one is used when it is taken.
        command: what to run for a port; default is nlu/serve.py in its environment.
        sleep: waits between restarts; only tests pass one.
        clock: the machine clock in seconds.
    """

    def __init__(
        self,
        model_path: Path,
        *,
        root: Path,
        var: Path,
        port: int = DEFAULT_PORT,
        command: Command | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._model_path = model_path.resolve()  # the child stands in another folder
        self._root = root
        self._var = var
        self._port = port
        self._command = command
        self._sleep = sleep
        self._clock = clock
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self.token = secrets.token_urlsafe(24)

    @property
    def url(self) -> str:
        """Where it answers; final once `start` has returned."""
        return f"http://{HOST}:{self._port}"

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if running and self._process else None

    async def start(self, progress: Progress) -> None:
        """Starts the child and returns when it answers.

        Raises:
            RasaNotStarted: no environment, no model, a model that cannot be loaded, or no answer in time.
        """
        self._stopping = False
        self._check_model()
        command = self._command or self._own_command()
        port = _free_port(self._port)
        if port != self._port:
            progress(f"port {self._port} is taken by another program; Rasa uses {port}")
            self._port = port
        self._keep_token()
        begun = self._clock()
        progress(f"starting Rasa with model {model_name(self._model_path)} …")
        await self._spawn(command)
        try:
            await self._answers(begun)
        except BaseException:
            await self._end()
            raise
        progress(f"Rasa is ready after {self._clock() - begun:.1f} s")

    async def stop(self) -> None:
        """Ends the child: asks, waits 5 s, then kills. Does nothing when there is none."""
        self._stopping = True
        await self._end()

    async def watch(self, progress: Progress) -> None:
        """Restarts the child whenever it dies; returns after `stop`, or when it gives up.

        It gives up after 5 deaths or failed starts in 10 minutes, and says so; the desk goes on without Rasa.
        """
        deaths: deque[float] = deque()
        while not self._stopping and self._process is not None:
            await self._process.wait()
            while not self._stopping:
                now = self._clock()
                deaths.append(now)
                while deaths[0] < now - WINDOW_SECONDS:
                    deaths.popleft()
                if len(deaths) >= FAILURES_TO_GIVE_UP:
                    progress(
                        f"Rasa stopped {len(deaths)} times in {WINDOW_SECONDS / 60:.0f} minutes and is "
                        f"not started again; the desk goes on with buttons and menus. See {self.log_path}."
                    )
                    log.error("rasa given up after %d deaths", len(deaths))
                    return
                progress("Rasa stopped; starting it again")
                await self._sleep(min(FIRST_PAUSE_SECONDS * 2 ** (len(deaths) - 1), LONGEST_PAUSE_SECONDS))
                if self._stopping:
                    return
                try:
                    await self.start(progress)
                    break
                except RasaNotStarted as error:
                    progress(str(error))

    @property
    def log_path(self) -> Path:
        """The child's warnings and errors; never what a resident wrote."""
        return self._var / "log" / "rasa.log"

    def _check_model(self) -> None:
        if not self._model_path.is_file():
            raise RasaNotStarted(f"There is no model {model_name(self._model_path)} yet: run `make train`.")
        try:
            with tarfile.open(self._model_path) as archive:
                archive.getmember("metadata.json")
        except (tarfile.TarError, OSError, EOFError, KeyError):
            raise self._bad_model() from None

    def _bad_model(self) -> RasaNotStarted:
        return RasaNotStarted(
            f"The model {self._model_path.name} is damaged and cannot be loaded: "
            "delete it and run `make train`."
        )

    def _own_command(self) -> Command:
        python = self._root / "nlu" / ".venv" / "bin" / "python"
        if not python.exists():
            raise RasaNotStarted("Rasa's own environment nlu/.venv is missing: run `make setup`.")
        serve = str(self._root / "nlu" / "serve.py")
        return lambda port: [str(python), serve, "--model", str(self._model_path), "--port", str(port)]

    def _keep_token(self) -> None:
        self._var.mkdir(parents=True, exist_ok=True)
        path = self._var / "rasa.token"
        fresh = path.with_suffix(".token.new")
        with contextlib.suppress(FileNotFoundError):
            fresh.unlink()
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(self.token)
        fresh.replace(path)

    async def _spawn(self, command: Command) -> None:
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        with self.log_path.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *command(self._port),
                stdin=asyncio.subprocess.PIPE,
                stdout=output,
                stderr=output,
                # A session of its own: Ctrl-C reaches the desk alone, which then ends the child in order.
                start_new_session=True,
                cwd=self._root / "nlu" if (self._root / "nlu").is_dir() else self._root,
                env={**os.environ, **QUIET, "RASA_TOKEN": self.token},
            )

    async def _answers(self, begun: float) -> None:
        """Returns once the child names the model as loaded."""
        process = self._process
        assert process is not None
        died = asyncio.ensure_future(process.wait())
        try:
            while self._clock() - begun < READY_SECONDS:
                # A fresh client each time: its breaker must not slow the polling down.
                client = RasaNlu(self.url, self.token, timeout=1.0)
                try:
                    if await client.health() == model_name(self._model_path):
                        return
                except NluUnavailable:
                    pass
                finally:
                    await client.aclose()
                await asyncio.wait({died}, timeout=POLL_SECONDS)
                if died.done():
                    if died.result() == EXIT_BAD_MODEL:
                        raise self._bad_model()
                    raise RasaNotStarted(
                        f"Rasa ended with code {died.result()} while starting: see {self.log_path}."
                    )
        finally:
            died.cancel()
        raise RasaNotStarted(f"Rasa did not answer within {READY_SECONDS:.0f} s: see {self.log_path}.")

    async def _end(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


@dataclass(frozen=True, slots=True)
class RasaHandle:
    """A Rasa that answers with the right model. `server` is ours to watch and stop, or None when it
    was there already."""

    url: str
    token: str
    model: str
    server: RasaServer | None

    async def stop(self) -> None:
        """Ends the server if it is ours."""
        if self.server is not None:
            await self.server.stop()


async def find_or_start(
    *, url: str, token: str | None, model_path: Path, root: Path, var: Path, progress: Progress
) -> RasaHandle:
    """Uses the Rasa at `url` when it has the model, otherwise starts one on this machine.

    Args:
        url: where to look first; its port is the one a server of ours tries first.
        token: the token of the Rasa at `url`; None takes the one a desk on this machine left in
        `var/rasa.token`. model_path: the model it must have loaded.
        root: the project's folder.
        var: folder for token and log.
        progress: told, in one line each, what happens.

    Raises:
        RasaNotStarted: as `RasaServer.start`.
    """
    if token is None:
        with contextlib.suppress(OSError):
            token = (var / "rasa.token").read_text().strip()
    wanted = model_name(model_path)
    client = RasaNlu(url, token or "", timeout=1.0)
    try:
        loaded = await client.health()
        if loaded == wanted:
            progress(f"using the Rasa at {url} with model {wanted}")
            return RasaHandle(url, token or "", wanted, None)
        progress(f"the Rasa at {url} has model {loaded}, not {wanted}")
    except NluUnavailable:
        pass
    finally:
        await client.aclose()
    server = RasaServer(model_path, root=root, var=var, port=urlsplit(url).port or DEFAULT_PORT)
    await server.start(progress)
    return RasaHandle(server.url, server.token, wanted, server)


def _free_port(wanted: int) -> int:
    """The wanted port of loopback if nobody listens there, else one the system picks."""
    for port in (wanted, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As servers do: a connection of the last run that lingers is not somebody listening.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise RasaNotStarted("No free port on this machine for Rasa.")
