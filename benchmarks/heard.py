"""What a turn costs with the language model: `python -m benchmarks.heard [URL]`.

A stranger reports a leak, in the words of the golden conversation, over and over in many conversations at once; every
message goes the whole way: accepted, claimed, parsed by the real Rasa server, answered, sent. Prints turns a second and
where the time goes. Nothing is asserted: speed is reported, not tested.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime

from bot.app import open_app
from bot.channels import Inbound
from bot.channels.console import ConsoleChannel, StaffBoard
from bot.core.types import Parsed
from bot.settings import Settings
from bot.terminal import NO_WAIT
from bot.understanding import Nlu
from bot.workers import Pace

STORY = ("我家厨房水管漏水了", "4栋1单元703", "明天下午", "13900001234", "打错了,是603", "对")
CONVERSATIONS = 40
AT_ONCE = 8


class Timed:
    """The language model with a stop-watch."""

    def __init__(self, nlu: Nlu) -> None:
        self._nlu = nlu
        self.took: list[float] = []

    async def parse(self, text: str, language: str) -> Parsed:
        begun = time.perf_counter()
        try:
            return await self._nlu.parse(text, language)
        finally:
            self.took.append(time.perf_counter() - begun)


async def main(url: str) -> None:
    """Measure on this database (none: a temporary SQLite file)."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        settings = Settings().model_copy(update={"db": url or f"sqlite:///{folder}/bench.db"})
        channels = (ConsoleChannel(lambda to, message: None), StaffBoard())
        async with open_app(settings, channels, at=datetime.now(UTC), pace=Pace(burst=NO_WAIT), progress=print) as app:
            timed = Timed(app.ear.nlu)
            app.ear.nlu = timed
            turns: list[float] = []

            async def hear() -> None:
                while True:
                    begun = time.perf_counter()
                    if not await app.workers.hear_one():
                        return
                    turns.append(time.perf_counter() - begun)

            begun, cpu = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
            for number, words in enumerate(STORY):
                for talk in range(CONVERSATIONS):
                    message = Inbound("console", "", f"bench-{talk}-{number}", f"bench-{talk}", text=words)
                    await app.workers.accept(app.community_id, message, at_once=True)
                await asyncio.gather(*(hear() for _ in range(AT_ONCE)))
                while await app.workers.send_some():
                    pass
            seconds, used = time.perf_counter() - begun, resource.getrusage(resource.RUSAGE_SELF)
            spent = used.ru_utime + used.ru_stime - cpu.ru_utime - cpu.ru_stime
            count = len(STORY) * CONVERSATIONS
            print(f"{count} turns with the language model, {AT_ONCE} at once: {count / seconds:.0f} a second")
            print(f"  a turn waits {1000 * statistics.median(turns):.1f} ms (median), of which the model {1000 * statistics.median(timed.took):.1f} ms")
            print(f"  the desk's own CPU: {1000 * spent / count:.1f} ms a turn")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else ""))
