"""Keeps a Rasa with the newest trained model behind one client, without a message lost in between.

`PUT /model` freezes a Rasa for half a minute and grows its memory, so a new model gets a new process: it is started beside the
old one, sentences go to it once it answers, and the old one is ended when the sentences on their way have come back. While both
run they need twice the memory (0.7 to 1 GB each). A new model that does not start changes nothing: the old one goes on.

This module must never stop a server that is not ours, nor try the same unusable model again and again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from bot.core.types import Parsed
from bot.nlu import RasaNlu
from bot.rasa_server import Progress, RasaHandle, RasaNotStarted, RasaServer, model_name

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 20.0
"""How often the folder of models is looked at. Only a change in it costs more than one system call."""
PATIENCE_SECONDS: Final = 2.0
"""What a resident waits for the model at most (DESIGN: limit 2 s)."""


class _Line:
    """One client and the sentences it is reading just now."""

    def __init__(self, handle: RasaHandle, patience: float) -> None:
        self.handle = handle
        self.nlu = RasaNlu(handle.url, handle.token, timeout=patience)
        self._reading = 0
        self._quiet = asyncio.Event()
        self._quiet.set()

    async def parse(self, text: str, language: str) -> Parsed:
        self._reading += 1
        self._quiet.clear()
        try:
            return await self.nlu.parse(text, language)
        finally:
            self._reading -= 1
            if not self._reading:
                self._quiet.set()

    async def end(self, patience: float) -> None:
        """Waits for the sentences on their way, at most `patience` seconds, then ends client and server."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                await self._quiet.wait()
        await self.nlu.aclose()
        await self.handle.stop()


class RasaKeeper:
    """Reads sentences with the newest model there is (an `Nlu`).

    Args:
        handle: the Rasa that answers now. One that is not ours (`server` None) is used as it is and never switched.
        models: the folder in which trained models appear.
        wanted: the path of the model that belongs to the present training data, trained or not; it may raise RasaNotStarted.
        prepare: makes the server for a model, not yet started.
        patience: seconds a parse may take.
        look: seconds between two looks at the folder.
    """

    def __init__(
        self,
        handle: RasaHandle,
        *,
        models: Path,
        wanted: Callable[[], Path],
        prepare: Callable[[Path], RasaServer],
        patience: float = PATIENCE_SECONDS,
        look: float = LOOK_SECONDS,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._models = models
        self._wanted = wanted
        self._prepare = prepare
        self._patience = patience
        self._look = look
        self._sleep = sleep
        self._line = _Line(handle, patience)
        self._watching: asyncio.Task[None] | None = None
        self._refused: set[Path] = set()

    @property
    def model(self) -> str:
        """The hash of the model that reads now."""
        return self._line.handle.model

    @property
    def handle(self) -> RasaHandle:
        """The Rasa that reads now."""
        return self._line.handle

    async def parse(self, text: str, language: str) -> Parsed:
        """Reads one sentence; raises NluUnavailable as `RasaNlu.parse`."""
        return await self._line.parse(text, language)

    async def health(self) -> str:
        """Asks the server which model it has loaded; raises NluUnavailable when it does not answer."""
        return await self._line.nlu.health()

    async def watch(self, progress: Progress) -> None:
        """Restarts a Rasa of ours whenever it dies and changes to a newer model when one has been trained; until cancelled."""
        if self._line.handle.server is None:
            return
        self._mind(progress)
        seen = self._stamp()
        try:
            while True:
                await self._sleep(self._look)
                stamp = self._stamp()
                if stamp == seen:
                    continue
                seen = stamp
                await self._change(progress)
        finally:
            if self._watching is not None:
                self._watching.cancel()

    def _mind(self, progress: Progress) -> None:
        server = self._line.handle.server
        assert server is not None
        self._watching = asyncio.create_task(server.watch(progress))

    def _stamp(self) -> int:
        try:
            return self._models.stat().st_mtime_ns
        except OSError:
            return 0

    async def _change(self, progress: Progress) -> None:
        """Brings up the wanted model if it has been trained and another one is loaded."""
        try:
            path = await asyncio.to_thread(self._wanted)
        except RasaNotStarted as error:
            progress(str(error))
            return
        if model_name(path) == self.model or path in self._refused or not path.is_file():
            return
        progress(f"a new language model, {model_name(path)}, is there; bringing it up beside the old one")
        server = self._prepare(path)
        try:
            await server.start(progress)
        except RasaNotStarted as error:
            self._refused.add(path)
            progress(f"{error} The desk goes on with model {self.model}.")
            log.error("rasa_new_model_refused model=%s", model_name(path))
            return
        except BaseException:
            await server.stop()
            raise
        old, watching = self._line, self._watching
        self._line = _Line(RasaHandle(server.url, server.token, model_name(path), server), self._patience)
        if watching is not None:
            watching.cancel()
        self._mind(progress)
        await old.end(self._patience)
        progress(f"sentences are now read by model {self.model}")

    async def stop(self) -> None:
        """Ends the client, and the server if it is ours."""
        if self._watching is not None:
            self._watching.cancel()
        await self._line.end(0.0)
