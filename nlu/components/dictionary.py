"""Tells jieba the estate's own words (`../dictionary/`), for the components that cut messages with it.

In the place of a tokenizer, because Rasa's for jieba brings the words into the model and out again; but no component of this pipeline
reads tokens, so it makes none: that took a twentieth of a parse.
"""

from __future__ import annotations

from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.tokenizers.jieba_tokenizer import JiebaTokenizer
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=True)
class EstateDictionary(JiebaTokenizer):
    """Loads the files of `dictionary_path` into jieba; messages pass as they are."""

    def process(self, messages: list[Message]) -> list[Message]:
        """Leaves messages as they are."""
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Leaves the training sentences as they are."""
        return training_data
