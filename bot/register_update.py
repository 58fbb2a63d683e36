"""An update of the registers as its operator sees it: shown, asked about, carried out, and shown anew if it is out of date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final, Literal, TypeAlias

from sqlalchemy.exc import IntegrityError

from bot import register_import, register_told
from bot.register_import import Plan, RegistersChanged, Source, Transactions

Outcome: TypeAlias = Literal["imported", "nothing to do", "shown", "refused", "declined", "moving"]
"""How it ended. `refused`: mistakes in the files; `moving`: the registers changed each time before they could be written."""

TRIES: Final = 5


def update(
    store: Transactions,
    source: Source,
    clock: Callable[[], datetime],
    say: Callable[[str], None],
    agree: Callable[[str], bool],
    *,
    dry_run: bool = False,
) -> Outcome:
    """Show what the files would change and carry it out if the operator agrees.

    Args:
        clock: the desk clock.
        say: takes the lines of the plan, one by one.
        agree: is asked once for every plan that was shown; what it has not seen is not carried out.
        dry_run: show, then stop.
    """
    shown = register_import.plan(store, source, clock())
    for _ in range(TRIES):
        for line in shown.lines():
            say(line)
        if not shown.ok:
            return "refused"
        if dry_run:
            return "shown"
        if not shown.changes:
            return "nothing to do"
        if not agree("Import these changes?"):
            say("Nothing was imported.")
            return "declined"
        try:
            register_import.apply(store, shown, clock())
        except (RegistersChanged, IntegrityError) as changed:
            say("The registers have changed since this was shown; nothing was imported. What would change now:")
            shown = _anew(store, source, clock, changed)
            continue
        say(f"Imported: {register_told.summary(shown.comparison)}.")
        return "imported"
    say("The registers changed every time; nothing was imported. Try again later.")
    return "moving"


def _anew(store: Transactions, source: Source, clock: Callable[[], datetime], changed: Exception) -> Plan:
    if isinstance(changed, RegistersChanged):
        return changed.plan
    return register_import.plan(store, source, clock())  # a ticket came for a room that was to be deleted
