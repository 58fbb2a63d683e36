"""What a message says, read whole by a small transformer that was tuned on the desk's own sentences (`nlu/encoder/`).

It knows words that no training sentence of ours holds, from the text its base model was trained on. It gives a score for each intent,
which `intents.py` weighs against what it learnt itself, and for each piece of the message a likelihood of each tag, which `marks.py`
joins with those of the linear chain. Its weights come with the repository and are copied into the model: a model is
whole by itself, and training one does not tune them.

It must never be asked about a sentence it was tuned on when something is to be learnt from its answer: it knows those by heart.
`unseen.py` says which were kept from it.
"""

from __future__ import annotations

import shutil
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.shared.nlu.constants import TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.components.unseen import unseen
from nlu.components.weights import LAYERS, NAMES, PIECES, WEIGHTS, Encoder

#: Under this name a message carries what the encoder read.
READ = "encoder"


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
