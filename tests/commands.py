"""The commands of `bot`, run in this process: what starts a new one costs seconds, and the sentences are the same.

That `python -m bot` starts at all is tried by `tests/channels/test_command_line.py`, with real processes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import structlog
from typer.testing import CliRunner

from bot.__main__ import cli


@dataclass(frozen=True)
class Done:
    """How a command ended, and what it wrote."""

    returncode: int
    stdout: str
    stderr: str


def bot(environment: Mapping[str, str], *arguments: str, lines: str = "") -> Done:
    """Run a command.

    Args:
        environment: set on top of this process's own.
        lines: what is typed.
    """
    with _logs_as_they_were():
        ended = CliRunner().invoke(cli, arguments, input=lines, env=environment, prog_name="bot")
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    return Done(ended.exit_code, ended.stdout, ended.stderr)


@contextmanager
def _logs_as_they_were() -> Iterator[None]:
    """A command sends its logs to its own standard error, which is gone when it ends."""
    before = structlog.get_config() if structlog.is_configured() else None
    try:
        yield
    finally:
        structlog.reset_defaults()
        if before is not None:
            structlog.configure(**before)
