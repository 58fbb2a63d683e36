"""What a message says, read whole by a small transformer that was tuned on the desk's own sentences (`nlu/encoder/`).

It knows words that no training sentence of ours holds, from the text its base model was trained on. It gives a score for each intent,
which `intents.py` weighs against what it learnt itself, and for each piece of the message a likelihood of each tag, which `marks.py`
joins with those of the linear chain. Its weights come with the repository and are copied into the model: a model is
whole by itself, and training one does not tune them.

It must never be asked about a sentence it was tuned on when something is to be learnt from its answer: it knows those by heart.
`unseen.py` says which were kept from it.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.components.marks import Reading
from nlu.components.subwords import END, START, Subwords
from nlu.components.unseen import unseen
from nlu.components.writing import normalise

#: Under this name a message carries what the encoder read.
READ = "encoder"
PIECES, LAYERS, NAMES = "pieces.npz", "layers.onnx", "names.json"
WEIGHTS = Path(__file__).resolve().parent.parent / "encoder"


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
        self._layers = onnxruntime.InferenceSession(layers, options, providers=["CPUExecutionProvider"])

    def read(self, text: str) -> Reading:
        """Reads one message; of a very long one, the middle is passed over."""
        pieces = self._subwords.read(normalise(text))
        most = len(self._positions) - 2
        if len(pieces) > most:
            head = len(self._positions) // 2
            pieces = pieces[:head] + pieces[len(pieces) - (most - head) :]
        numbers = np.array([START, *(piece.number for piece in pieces), END])
        embedded = self._rows(numbers) + self._positions[: len(numbers)]
        intents, tags = (found[0] for found in self._layers.run(["intents", "tags"], {"embedded": embedded[np.newaxis]}))
        scores = dict(zip(self.intents, map(float, intents), strict=True))
        return Reading(scores, pieces, _likelihoods(tags[1:-1]), self.tags)

    def _rows(self, numbers: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        packed = self._nibbles[numbers]
        blocks = np.concatenate([packed & 15, packed >> 4], axis=2).astype(np.float32) - 8
        rows: np.ndarray[Any, Any] = blocks * self._scales[numbers].astype(np.float32)[:, :, np.newaxis]
        return rows.reshape(len(numbers), -1)


def _likelihoods(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    odds: np.ndarray[Any, Any] = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=True)
class TunedEncoder(GraphComponent):
    """Puts what it read into each message, under `READ`."""

    @staticmethod
    def required_packages() -> list[str]:
        return ["numpy", "onnxruntime"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Nothing to set."""
        return {}

    def __init__(self, encoder: Encoder, model_storage: ModelStorage, resource: Resource) -> None:
        self._encoder = encoder
        self._model_storage = model_storage
        self._resource = resource

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> TunedEncoder:
        return cls(Encoder(WEIGHTS), model_storage, resource)

    def train(self, training_data: TrainingData) -> Resource:
        """Copies the weights into the model; they were tuned before (`encoder/tune.py`)."""
        with self._model_storage.write_to(self._resource) as folder:
            for name in (PIECES, LAYERS, NAMES):
                shutil.copyfile(WEIGHTS / name, folder / name)
        return self._resource

    def process(self, messages: list[Message]) -> list[Message]:
        """Reads each message that has words."""
        for message in messages:
            if message.get(TEXT):
                message.set(READ, self._encoder.read(message.get(TEXT)))
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Reads only what the encoder was not tuned on: the rest it would say by heart."""
        self.process([m for m in training_data.training_examples if m.get(TEXT) and unseen(m.get(TEXT))])
        return training_data

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> TunedEncoder:
        """Reads the model's own copy of the weights.

        Raises:
            FileNotFoundError: the model holds none.
        """
        with model_storage.read_from(resource) as folder:
            return cls(Encoder(folder), model_storage, resource)
