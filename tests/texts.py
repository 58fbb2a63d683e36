"""The office's own texts and rules, read once in a process: reading them takes a second."""

from __future__ import annotations

from functools import cache

from bot.core.domain import Script
from bot.office import open_office
from bot.settings import ROOT


@cache
def office_texts() -> Script:
    """The script of the office's files as they are. It is never changed, so whoever asks may share it."""
    return open_office(ROOT)
