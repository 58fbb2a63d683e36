"""What every test may use."""

from __future__ import annotations

import pytest
from hypothesis import settings

# No test is timed: speed is measured by the benchmarks, and on a busy machine one example may take long.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update", action="store_true", help="rewrite the golden conversations with what the desk says now")
