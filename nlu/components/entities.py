"""Which substrings of a message name what: a linear chain over its signs (CRFsuite), learnt from the marked sentences, joined with
what the tuned encoder makes of each (`marks.py`).

It learns by passive-aggressive updates, a minute where the usual L-BFGS takes a quarter of an hour on as many sentences
(measured: README.md). Rasa's own CRF extractor is not used: since CVE-2024-49375 it keeps its training sentences and learns anew at
every load, and its features are fixed. CRFsuite's model file is plain data that runs nothing.

Sentences of a block with `metadata: {entities: unmarked}` are passed over: they would teach that nothing is named in them.
"""

from __future__ import annotations

import ctypes
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pycrfsuite
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, INTENT, INTENT_NAME_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from nlu.components.encoder import READ, TunedEncoder
from nlu.components.marks import NOTHING, joined
from nlu.components.surroundings import Sign, evidence, signs

logger = logging.getLogger(__name__)

_FILE = "entities.crfsuite"
UNMARKED = {"entities": "unmarked"}
_SEED = 20261128


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=True)
class DeskEntityExtractor(EntityExtractorMixin, GraphComponent):
    """Adds `entities`, each with its offsets, value and confidence.

    It reads the intent, so it stands behind the classifier. Rasa cannot hold us to that: when it trains, no classifier reads.
    """

    @classmethod
    def required_components(cls) -> list[type]:
        return [TunedEncoder]

    @staticmethod
    def required_packages() -> list[str]:
        return ["sklearn_crfsuite", "jieba"]  # the first brings pycrfsuite

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """`walks`: how often all sentences are gone through. `longest`: signs of a sentence that is still learnt from."""
        return {"walks": 8, "longest": 160}

    def __init__(self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = {**self.get_default_config(), **config}
        self._model_storage = model_storage
        self._resource = resource
        self._tagger: pycrfsuite.Tagger | None = None
        self._held = b""  # CRFsuite reads these bytes as long as the tagger lives, and keeps no hold of them itself

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> DeskEntityExtractor:
        return cls(config, model_storage, resource)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Every setting has a default."""

    # ── training ──

    def train(self, training_data: TrainingData) -> Resource:
        """Fits on the marked sentences; the model is a file of CRFsuite's own."""
        trainer = pycrfsuite.Trainer(algorithm="pa", verbose=False)
        trainer.set_params({"max_iterations": self._config["walks"], "feature.possible_transitions": True})
        learnt = 0
        for message in training_data.nlu_examples:
            if not message.get(TEXT) or _unmarked(message):
                continue
            among = signs(message.get(TEXT))
            if not among or len(among) > self._config["longest"]:
                continue
            seen = evidence(message.get(TEXT), among, message.get(INTENT) or "")
            trainer.append(seen, tags(among, message.get(ENTITIES, [])))
            learnt += 1
        if not learnt:
            logger.warning("no marked sentence: no entities will be found")
            return self._resource
        _order_is_the_same_each_time()
        with self._model_storage.write_to(self._resource) as folder:
            trainer.train(str(folder / _FILE))
        return self._resource

    # ── reading ──

    def process(self, messages: list[Message]) -> list[Message]:
        """Adds what is named in each message to its entities."""
        for message in messages:
            if self._tagger is None or not message.get(TEXT):
                continue
            found = self._found(message)
            kept = message.get(ENTITIES, []) + self.add_extractor_name(found)
            message.set(ENTITIES, kept, add_to_output=True)
        return messages

    def _found(self, message: Message) -> list[dict[str, Any]]:
        text: str = message.get(TEXT)
        among = signs(text)
        if not among:
            return []
        assert self._tagger is not None
        intent = (message.get(INTENT) or {}).get(INTENT_NAME_KEY) or ""
        said = self._tagger.tag(evidence(text, among, intent))
        return [
            {
                "entity": mark.kind,
                "start": among[mark.first].start,
                "end": among[mark.last].end,
                "value": text[among[mark.first].start : among[mark.last].end],
                "confidence_entity": mark.sure,
            }
            for mark in joined(among, said, message.get(READ))
        ]

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Nothing after it needs the training sentences' entities."""
        return training_data

    # ── keeping ──

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> DeskEntityExtractor:
        """Reads CRFsuite's file into memory.

        Raises:
            FileNotFoundError: the model holds none; a server without entities must not look healthy.
        """
        made = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            made._tagger = pycrfsuite.Tagger()
            made._held = Path(folder / _FILE).read_bytes()
            made._tagger.open_inmemory(made._held)
        return made


def _order_is_the_same_each_time() -> None:
    """CRFsuite walks through the sentences in an order it draws with the C library's `rand`, which has been drawn from before: begun anew,
    the same sentences give the same model."""
    ctypes.CDLL(None).srand(_SEED)


def _unmarked(message: Message) -> bool:
    return bool((message.get("metadata") or {}).get("intent") == UNMARKED)


def tags(among: Sequence[Sign], entities: Sequence[dict[str, Any]]) -> list[str]:
    """One tag a sign: B-, I-, L- and U- with the type for the first, inner, last and only sign of a mark."""
    said = [NOTHING] * len(among)
    for entity in entities:
        inside = [i for i, sign in enumerate(among) if sign.start < entity["end"] and entity["start"] < sign.end]
        for at, i in enumerate(inside):
            place = "U" if len(inside) == 1 else "B" if at == 0 else "L" if at == len(inside) - 1 else "I"
            said[i] = f"{place}-{entity['entity']}"
    return said
