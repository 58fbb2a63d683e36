"""Where: the room a message is about, and the place in a home or a common part.

`address` decides which room of the register is the speaker's; `room` finds what was said of rooms, `place` what was said of places.
Beneath them: `doornumber` (a floor and a flat), `figures` (numbers that are no rooms), `whose` (the speaker's or another's),
`homes`, `commons` and `faults` (the words of a home, of common parts, of trouble), `wording` (what stands around a bare number) and
`spelling` (slips of the keyboard).
"""
