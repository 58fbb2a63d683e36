"""The tuned encoder's weights, and how they are run: numpy and onnxruntime, nothing of Rasa.

`encoder.py` makes a component of it; `../encoder/retag.py` learns from what its last layer says.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from nlu.components.marks import Reading
from nlu.components.subwords import END, START, Piece, Subwords
from nlu.components.writing import normalise

PIECES, LAYERS, NAMES = "pieces.npz", "layers.onnx", "names.json"
WEIGHTS = Path(__file__).resolve().parent.parent / "encoder"
_SLOWER_TOGETHER = ["SkipLayerNormFusion"]
"""What onnxruntime 1.32 must not join: a sum and the norm after it take three times as long in one operator as in two (a sixth of the layers)."""


class Encoder:
    """The weights, and how they are run."""

    def __init__(self, folder: Path) -> None:
        """Reads the weights in a folder.

        Raises:
            FileNotFoundError: one of the three files is missing.
        """
        names = json.loads((folder / NAMES).read_text(encoding="utf-8"))
        self.intents: list[str] = names["intents"]
        self.tags: list[str] = names["tags"]
        with np.load(folder / PIECES, allow_pickle=False) as kept:
            listed = kept["pieces"].tobytes().decode().split("\n")
            self._subwords = Subwords(listed, kept["scores"])
            # Four bits a number, as the base model came; a message needs a few dozen rows.
            self._nibbles, self._scales = kept["nibbles"], kept["scales"]
            self._positions = kept["positions"].astype(np.float32)
        options = onnxruntime.SessionOptions()
        # One thread: the server answers one message at a time, and a second core is the desk's.
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        layers = (folder / LAYERS).read_bytes()
        self.layers = onnxruntime.InferenceSession(
            layers, options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOWER_TOGETHER
        )

    def read(self, text: str) -> Reading:
        """Reads one message; of a very long one, the middle is passed over."""
        pieces, embedded = self.embedded(text)
        intents, tags = (found[0] for found in self.layers.run(["intents", "tags"], {"embedded": embedded}))
        scores = dict(zip(self.intents, map(float, intents), strict=True))
        return Reading(scores, pieces, _likelihoods(tags[1:-1]), self.tags)

    def embedded(self, text: str) -> tuple[list[Piece], np.ndarray[Any, Any]]:
        """The pieces of a message, and what goes into the layers: a row for each, and one at either end."""
        pieces = self._subwords.read(normalise(text))
        most = len(self._positions) - 2
        if len(pieces) > most:
            head = len(self._positions) // 2
            pieces = pieces[:head] + pieces[len(pieces) - (most - head) :]
        numbers = np.array([START, *(piece.number for piece in pieces), END])
        return pieces, (self._rows(numbers) + self._positions[: len(numbers)])[np.newaxis]

    def _rows(self, numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        packed = self._nibbles[numbers]
        blocks = np.concatenate([packed & 15, packed >> 4], axis=2).astype(np.float32) - 8
        rows: np.ndarray[Any, Any] = blocks * self._scales[numbers].astype(np.float32)[:, :, np.newaxis]
        return rows.reshape(len(numbers), -1)


def _likelihoods(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    odds: np.ndarray[Any, Any] = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)
