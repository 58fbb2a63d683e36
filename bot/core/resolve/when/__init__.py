"""When somebody is at home: a resident's words for a visiting time, turned into a window, and back into words.

A message is put into plain words (`dialect`), its days (`days`, `neighbours`) and hours (`parts`, `clock`, `hours`) are read and
joined into mentions, what is said of each is weighed (`clauses`, `mentions`), and one window is chosen (`choice`). `windows` has
the result and its rendering. `now` decides the day and the time zone. No module here may fix a time that nobody can have meant:
what is over, falls into the small hours or contradicts itself comes back as `Unclear`, so that the desk asks.

Own rules, because the kept libraries read dates and not visits. Measured on the even lines of tests/annotated/times: the outcome
and, of a window, start and end right (an instant taken as one hour, a date as 8–21); in brackets, of the windows the day right:

    dateparser 1.5.0                      zh 0.14 (0.37)   en 0.11 (0.61)    no range, no part of a day
    jionlp 1.5.31                         zh 0.24 (0.57)   no English        三点半 is 03:30
    recognizers-text-suite 1.0.2a2        zh 0.25 (0.62)   en 0.21 (0.49)    三点半 is both; imports with emoji 1 only

None of them knows a refusal, an exception, a correction, a conflict, or a time that is the trouble's and not the visit's
(docs/decisions/0011-own-rules-for-visiting-times.md; tests/core/test_annotated_times.py has our own figures).
"""

from __future__ import annotations

from bot.core.resolve.when.choice import parse_when, windows
from bot.core.resolve.when.parts import PARTS
from bot.core.resolve.when.windows import Reason, Unclear, Window, render, render_moment

__all__ = ["PARTS", "Reason", "Unclear", "Window", "parse_when", "render", "render_moment", "windows"]
