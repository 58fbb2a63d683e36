"""Everything that is left to chance, from one seed.

Each person, and each kind of fault in each chat, draws from a stream of its own. So what one of them does does not depend on
how often another one has drawn, and a seed replays even where two messages to different people change places.
"""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Chance:
    """The streams of one seed."""

    seed: int
    _drawn: Counter[str] = field(default_factory=Counter)

    def stream(self, *of: object) -> random.Random:
        """A stream by its name. Asked for twice, it begins anew."""
        return random.Random(f"{self.seed}/" + "/".join(map(str, of)))

    def next(self, *of: object) -> float:
        """The next number, 0 to 1, of the stream of this name."""
        name = "/".join(map(str, of))
        self._drawn[name] += 1
        return random.Random(f"{self.seed}/{name}/{self._drawn[name]}").random()
