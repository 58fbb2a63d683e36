"""Cuts a sentence into words with jieba and the estate's own words, whatever script it is written in.

Rasa's JiebaTokenizer keeps blanks as tokens, so in English each word's only neighbours are blanks and
the entity extractor learns nothing from context; it also sees 棟 and 栋, or ５ and 5, as strangers. Token
texts are normalised, offsets stay those of the message.
"""

from __future__ import annotations

from typing import Any

import jieba
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.tokenizers.jieba_tokenizer import JiebaTokenizer
from rasa.nlu.tokenizers.tokenizer import Token
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.components.writing import normalise


def _is_han(word: str) -> bool:
    return all("\u4e00" <= character <= "\u9fff" for character in word)


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.MESSAGE_TOKENIZER, is_trainable=True)
class DeskTokenizer(JiebaTokenizer):
    """JiebaTokenizer without blanks, on normalised text."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """Adds `han`: `words` as jieba cuts them, or single `characters`."""
        return {**JiebaTokenizer.get_default_config(), "han": "words"}

    def tokenize(self, message: Message, attribute: str) -> list[Token]:
        """Cuts the attribute's text; every token is a non-blank slice of it."""
        text = normalise(message.get(attribute))
        single = self._config["han"] == "characters"
        tokens = []
        for word, start, _ in jieba.tokenize(text):
            if word.isspace():
                continue
            if single and _is_han(word):
                tokens += [Token(character, start + i) for i, character in enumerate(word)]
            else:
                tokens.append(Token(word, start))
        return self._apply_token_pattern(tokens)

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Leaves the sentences as they are: nothing that is trained reads tokens, and cutting them all takes a quarter of a minute."""
        return training_data
