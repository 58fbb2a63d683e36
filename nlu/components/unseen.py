"""Which training sentences the encoder is never tuned on, so that they can weigh it against what is learnt beside it."""

from __future__ import annotations

import hashlib

_SHARE = 0.06


def unseen(text: str) -> bool:
    """Whether a training sentence is kept from the encoder: a lot that belongs to the sentence for good."""
    return int(hashlib.sha256(text.encode()).hexdigest()[:8], 16) / 2**32 < _SHARE
