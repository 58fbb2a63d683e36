"""An event loop whose time is the simulation's.

It is the ordinary selector loop: sockets, callbacks and timers work as ever, so the desk, the adapters and the platforms run
unchanged. Only the waiting differs. When nothing is ready and nobody computes, the loop does not wait for the next timer; it sets
its own clock forward to it. So `asyncio.sleep(3600)` costs nothing, a time-out still comes in its turn, and what two sides say
to each other on loopback takes no time at all, as long as nobody is told to be slow.

Whether somebody computes is known because every thread the program starts goes through `run_in_executor`. Whether something is
on its way is known where both ends of a connection are the loop's: what one wrote and the other has not read yet is counted. What
a thread sends or reads is none of that: as long as it waits for an answer, it computes. The
transactions of the desk are run in the loop's own thread, one after the other: so their order is the same each time, and a
seed replays.
"""

from __future__ import annotations

import asyncio
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Executor
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

#: How long the sockets must be silent after the last word before it is believed that nobody hangs up, in seconds.
_SILENCE: Final = 0.0005
#: How long to wait for what was written and is not read. It may never be: who wrote may have hung up on a late answer.
_ON_ITS_WAY: Final = 0.25
#: How long to wait at once for threads that compute.
_A_WHILE: Final = 0.05
#: Nobody has anything to do, ever: a fault of the simulation.
_FOR_EVER: Final = 20.0


class Stuck(RuntimeError):
    """Everybody waits for somebody else."""


class VirtualLoop(asyncio.SelectorEventLoop):
    """Runs on its own time. `jumps` counts how often it was set forward.

    Args:
        inline: whether a thread pool of this name is to run in the loop's thread.
    """

    def __init__(self, inline: Callable[[str], bool] = lambda name: name.startswith("desk-db")) -> None:
        self._at = 0.0
        self._computing = 0
        self._spoken = False
        self._inline = inline
        #: The addresses from which the loop's own connections go out.
        self.callers: set[Any] = set()
        self.on_its_way = 0
        self.jumps = 0
        super().__init__(_Patient(self))

    def time(self) -> float:
        return self._at

    def run_in_executor(self, executor: Executor | None, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:  # type: ignore[override]
        if executor is not None and self._inline(getattr(executor, "_thread_name_prefix", "")):
            return self._in_turn(func, *args)
        self._computing += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._computed)
        return future

    def _in_turn(self, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        future = self.create_future()

        def run() -> None:
            if future.cancelled():
                return
            try:
                future.set_result(func(*args))
            except Exception as error:
                future.set_exception(error)

        self.call_soon(run)
        return future

    def _computed(self, future: asyncio.Future[Any]) -> None:
        self._computing -= 1

    def _make_socket_transport(self, sock: socket.socket, *args: Any, server: Any = None, **kwargs: Any) -> Any:
        counted = _Counted(self, sock, accepted=server is not None)
        return super()._make_socket_transport(counted, *args, server=server, **kwargs)  # type: ignore[misc]

    def waits(self, select: Callable[[float], list[Any]], timeout: float | None) -> list[Any]:
        """What the sockets have. With nothing to be had, the time of the next timer has come."""
        begun = time.monotonic()
        while True:
            if ready := select(0.0):
                self._spoken = True
                return ready
            if timeout is not None and timeout <= 0:
                return []
            waited = time.monotonic() - begun
            if self._computing:
                patience = _A_WHILE
            elif self.on_its_way and waited < _ON_ITS_WAY:
                patience = _ON_ITS_WAY
            elif self._spoken:
                patience, self._spoken = _SILENCE, False
            elif timeout is not None:
                self.on_its_way = 0
                self._at += timeout
                self.jumps += 1
                return []
            elif waited > _FOR_EVER:
                raise Stuck("nobody has anything left to do, and nobody waits for a time")
            else:
                patience = _A_WHILE
            if ready := select(patience):
                self._spoken = True
                return ready


class _Counted(socket.socket):
    """A socket that tells its loop how much it wrote and read, if the other end is the loop's as well. It takes the other's place.

    Args:
        accepted: somebody called; else it is the loop that calls.
    """

    def __init__(self, loop: VirtualLoop, sock: socket.socket, *, accepted: bool) -> None:
        super().__init__(sock.family, sock.type, sock.proto, fileno=sock.detach())
        self.setblocking(False)
        self._of = loop
        self._caller: Any = None
        with suppress(OSError):  # whoever called may be gone
            self._caller = self.getpeername() if accepted else self.getsockname()
        if not accepted:
            loop.callers.add(self._caller)

    def _count(self, count: int) -> None:
        # Asked only now: a call may be accepted before its caller knows that it got through.
        if self._caller in self._of.callers:
            self._of.on_its_way += count

    def send(self, data: Any, *args: Any) -> int:
        count = super().send(data, *args)
        self._count(count)
        return count

    def recv(self, *args: Any) -> bytes:
        data = super().recv(*args)
        self._count(-len(data))
        return data

    def close(self) -> None:
        if self.fileno() >= 0 and self.getsockname() == self._caller:
            self._of.callers.discard(self._caller)  # a thread may call from there next
        super().close()


class _Patient(selectors.DefaultSelector):
    """The selector of a `VirtualLoop`."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[Any]:
        return self._loop.waits(super().select, timeout)


class SimulatedClock:
    """The machine clock of a simulation: the loop's time, from an instant on. Also what the fakes read."""

    def __init__(self, loop: VirtualLoop, begin: datetime) -> None:
        self._loop = loop
        self._begin = begin

    def now(self) -> datetime:
        return self._begin + timedelta(seconds=self._loop.time())

    def __call__(self) -> datetime:
        return self.now()
