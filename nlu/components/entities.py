"""Rasa's CRF extractor, but what was trained is kept, not the sentences to train it from again.

Rasa 3.6.21 stopped pickling the CRF (CVE-2024-49375) and since then stores its training sentences and
trains anew at every load, so a server starts as slowly as it was trained. CRFsuite's own model file is
plain data that runs nothing: we keep it.
"""

from __future__ import annotations

import shutil
from collections import OrderedDict
from typing import Any

import sklearn_crfsuite
from rasa.engine.graph import ExecutionContext
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.crf_entity_extractor import CRFEntityExtractor, CRFToken

_SUFFIX = ".crfsuite"
_LONGEST = 45
"""Tokens: characters of Chinese, words of English."""
_MOST = 8000


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class DeskEntityExtractor(CRFEntityExtractor):
    """CRFEntityExtractor that loads in milliseconds, and learns from sentences of ordinary length alone."""

    @classmethod
    def train_model(
        cls, df_train: list[list[CRFToken]], config: dict[str, Any], crf_order: list[str]
    ) -> OrderedDict[str, sklearn_crfsuite.CRF]:
        """Fits on at most `_MOST` sentences, spread evenly over all of them.

        The time grows with every token, and a name is told by its neighbours, not by a long post: with all sentences a
        training takes more than ten minutes.
        """
        short = [sentence for sentence in df_train if len(sentence) <= _LONGEST]
        step = max(1.0, len(short) / _MOST)
        chosen = [short[int(i * step)] for i in range(min(len(short), _MOST))]
        fitted: OrderedDict[str, sklearn_crfsuite.CRF] = super().train_model(chosen, config, crf_order)
        return fitted

    def persist(self, dataset: list[list[CRFToken]]) -> None:
        """Copies each tag's CRFsuite file into the model; the sentences stay out of it."""
        with self._model_storage.write_to(self._resource) as folder:
            for tag, tagger in self.entity_taggers.items():
                shutil.copyfile(tagger.modelfile.name, folder / f"{tag}{_SUFFIX}")

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> DeskEntityExtractor:
        """Opens the CRFsuite files.

        Raises:
            ValueError: the model holds none; a server without entities must not look healthy.
        """
        taggers: OrderedDict[str, sklearn_crfsuite.CRF] = OrderedDict()
        with model_storage.read_from(resource) as folder:
            for file in sorted(folder.glob(f"*{_SUFFIX}")):
                tagger = sklearn_crfsuite.CRF(model_filename=str(file))
                tagger.tagger_  # noqa: B018 - opens the file now, while it is sure to exist
                taggers[file.name.removesuffix(_SUFFIX)] = tagger
        extractor = cls(config, model_storage, resource, taggers)
        extractor.crf_order = list(taggers)
        return extractor
