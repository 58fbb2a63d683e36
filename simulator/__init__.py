"""A simulated estate: residents, staff and platforms live through days in minutes, and the real desk serves them.

What is real: the desk (database, core, workers, leases), the channel adapters with their own HTTP over loopback, the platforms'
limits as the strict fakes of `tests.fakes` count them. What is simulated: time, people, and what goes wrong on the way. Nothing
waits: when nobody has anything left to do, the clock moves to the next instant at which somebody has.

A package of its own beside `bot` and `tests`, because it is a command people run and not a test; the tests run it too, shortly.
The desk must never import it.
"""
