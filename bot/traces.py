"""Where a fault happened, as a log may say it: the frames and the kinds of error, never their messages.

A message may repeat what a resident wrote (`int("…")` does), and a driver's may name a row's values. Whoever needs the message
finds it with the row that failed: the inbox, the due row and the outbox keep it.
"""

from __future__ import annotations

import traceback

_MOST_CAUSES = 5


def trace(error: BaseException) -> str:
    """The frames of the error and of its causes, the deepest cause first."""
    chain: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and len(chain) < _MOST_CAUSES:
        chain.append(at)
        at = at.__cause__ or (None if at.__suppress_context__ else at.__context__)
    return "\n".join("".join(traceback.format_tb(one.__traceback__)) + type(one).__qualname__ for one in reversed(chain))
