"""What the language model's tests share: the real server, started once or found running."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from bot.rasa_server import RasaHandle, RasaNotStarted, find_or_start, wanted_model

ROOT = Path(__file__).resolve().parents[2]


def _do_without(reason: str) -> NoReturn:
    """Skips with the reason, or fails where everything must be there."""
    if os.environ.get("REQUIRE_ALL") == "1":
        pytest.fail(reason)
    pytest.skip(reason)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One server is enough: whatever needs it runs in one worker."""
    for item in items:
        if "rasa" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.xdist_group("rasa"))


@pytest.fixture(scope="session")
def rasa(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RasaHandle]:
    """A Rasa server with the model that belongs to the present training data."""
    if not (ROOT / "nlu" / ".venv" / "bin" / "python").exists():
        _do_without("nlu/.venv is missing: make setup")
    try:
        model = wanted_model(ROOT)
    except RasaNotStarted as error:
        _do_without(str(error))
    if not model.exists():
        _do_without(f"{model.name} is not trained: make train")
    # A loop of its own: a test's loop ends with the test, the server does not.
    with asyncio.Runner() as runner:
        handle = runner.run(
            find_or_start(
                url=f"http://127.0.0.1:{_free_port()}",
                token=None,
                model_path=model,
                root=ROOT,
                # Another folder than a running desk's, whose token file must stay.
                var=tmp_path_factory.mktemp("var"),
                progress=lambda line: print(line, file=sys.stderr),
            )
        )
        yield handle
        runner.run(handle.stop())
