"""How a message of a resident's is heard, one file a kind of listening. `core/dialogue.py` holds the order.

From the top down, and imported in that direction alone: `buttons` (a tap, a command, a number) may answer what `questions` and
`filling` wait for; these hand what is neither answer nor value to `fresh`; all read a message with `words`. `safety` stands beside
them. What a flow does lies in `core/flows/`; here is only decided to whom a message belongs.
"""
