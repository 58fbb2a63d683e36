"""Reading values out of what a resident wrote: rooms, times, phones, scores, answers, ticket numbers, money, periods, names …

Every function here is pure. It takes the text (and `now` or `today`, where time matters) and returns frozen values;
it must never look at a clock, a file, a register or a model, and it must never raise on any text.
Whether a room exists is for the estate register to say; here is only what was said.
"""

from __future__ import annotations
