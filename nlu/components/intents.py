"""The intent of a message: what its words and runs of characters say, and what the tuned encoder made of the whole, weighed.

The first is logistic regression, one intent against the rest, fitted by averaged stochastic gradient descent: seconds where
Rasa's classifier needs minutes on as many sentences. The words and runs of a message are brought to length one, so that a long
post does not shout. Its scores and the encoder's are added, each times a weight. Both weights are read off sentences that
neither was fitted on (`unseen.py`), so that a confidence means what it says; then the first is fitted on everything.

What is kept is plain arrays: loading runs nothing (CVE-2024-49375).
"""

from __future__ import annotations

import itertools
import json
import logging
from typing import Any

import jieba
import numpy as np
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.constants import INTENT, TEXT
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData
from scipy.optimize import minimize
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import normalize

from nlu.components.encoder import READ, TunedEncoder
from nlu.components.unseen import unseen
from nlu.components.writing import normalise

logger = logging.getLogger(__name__)

_WEIGHTS, _NAMES = "weights.npz", "intents.json"
#: A piece that one sentence alone has teaches nothing about another.
_TWICE = 2
_LONGEST_PIECE = 5
_LOUDNESS = 6.0
"""Length of a message's row of words and runs: how far one step of the descent can turn it."""
_WEIGHTS_AT_FIRST = (0.03, 0.8)
_FEW = 100
"""Fewer unseen sentences than this say nothing about weights."""
_SEED = 20261123


def _words(text: str) -> list[str]:
    """Words and pairs of neighbouring words."""
    single = [word for word in jieba.cut(text) if not word.isspace()]
    return [*single, *(f"{one}_{two}" for one, two in itertools.pairwise(single))]


class Pieces:
    """The words and the runs of one to five characters of a text, each there or not."""

    def __init__(self, words: list[str] | None = None, runs: list[str] | None = None) -> None:
        self._words = CountVectorizer(analyzer=_words, binary=True, min_df=_TWICE, vocabulary=words)
        self._runs = CountVectorizer(
            analyzer="char_wb", ngram_range=(1, _LONGEST_PIECE), binary=True, min_df=_TWICE, vocabulary=runs
        )
        self._of_words, self._of_runs = self._words.build_analyzer(), self._runs.build_analyzer()
        for vectorizer, known in ((self._words, words), (self._runs, runs)):
            if known is not None:
                vectorizer.vocabulary_ = {name: at for at, name in enumerate(known)}

    def learn(self, texts: list[str]) -> csr_matrix:
        """Which words and runs there are; the texts' own rows."""
        plain = [_plain(text) for text in texts]
        return _even(hstack([self._words.fit_transform(plain), self._runs.fit_transform(plain)], dtype=np.float32))

    def places(self, text: str) -> list[int]:
        """The columns of a text's row that are not empty, each once: all that a reading needs."""
        plain = _plain(text)
        words, runs = self._words.vocabulary_, self._runs.vocabulary_
        said = {at for word in self._of_words(plain) if (at := words.get(word)) is not None}
        more = {len(words) + at for run in self._of_runs(plain) if (at := runs.get(run)) is not None}
        return [*said, *more]

    def kept(self) -> dict[str, list[str]]:
        """What another `Pieces` is made of that reads alike."""
        return {
            "words": [str(w) for w in self._words.get_feature_names_out()],
            "runs": [str(r) for r in self._runs.get_feature_names_out()],
        }


def _even(rows: csr_matrix) -> csr_matrix:
    """Rows of one length: a long post does not shout."""
    return normalize(rows.tocsr()) * _LOUDNESS


def _plain(text: str) -> str:
    return normalise(text).lower()


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class DeskIntentClassifier(IntentClassifier, GraphComponent):
    """Sets `intent` and `intent_ranking`, surest first."""

    @classmethod
    def required_components(cls) -> list[type]:
        return [TunedEncoder]

    @staticmethod
    def required_packages() -> list[str]:
        return ["sklearn", "scipy", "jieba"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """`alpha`: how strongly weights are held small. `epochs`: walks over the sentences. `words`, `encoder`: whether each has a
        say. `ranking_length`: 0 for all intents."""
        return {"alpha": 3e-6, "epochs": 12, "words": True, "encoder": True, "ranking_length": 0}

    def __init__(self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource) -> None:
        self._config = {**self.get_default_config(), **config}
        self._model_storage = model_storage
        self._resource = resource
        self._pieces = Pieces()
        self._intents: list[str] = []
        self._weights: np.ndarray[Any, Any] = np.zeros((0, 0), dtype=np.float32)
        self._bias: np.ndarray[Any, Any] = np.zeros(0, dtype=np.float32)
        self._mix = _WEIGHTS_AT_FIRST

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> DeskIntentClassifier:
        return cls(config, model_storage, resource)

    @classmethod
    def validate_config(cls, config: dict[str, Any]) -> None:
        """Every setting has a default."""

    # ── training ──

    def train(self, training_data: TrainingData) -> Resource:
        """Fits on what the encoder has seen, reads the two weights off what it has not, then fits on everything."""
        messages = [m for m in training_data.intent_examples if m.get(INTENT) and m.get(TEXT)]
        labels = np.array([m.get(INTENT) for m in messages])
        if len(set(labels)) < 2:
            logger.warning("fewer than two intents: nothing to learn")
            return self._resource
        features = self._pieces.learn([m.get(TEXT) for m in messages])
        back = np.array([unseen(m.get(TEXT)) for m in messages])
        if back.sum() >= _FEW and set(labels[~back]) == set(labels):
            self._keep(self._fitted(features[~back], labels[~back]))
            judges = [m for m, kept in zip(messages, back, strict=True) if kept]
            self._mix = self._weighed(features[back] @ self._weights + self._bias, judges)
        self._keep(self._fitted(features, labels))
        self._persist()
        return self._resource

    def _fitted(self, features: csr_matrix, labels: np.ndarray[Any, Any]) -> SGDClassifier:
        return SGDClassifier(
            loss="log_loss",
            alpha=self._config["alpha"],
            max_iter=self._config["epochs"],
            tol=None,
            average=True,
            n_jobs=2,
            random_state=_SEED,
        ).fit(features, labels)

    def _weighed(self, said: np.ndarray[Any, Any], judges: list[Message]) -> tuple[float, float]:
        """The weights under which the judges' own intents surprise least."""
        read = np.stack([self._encoded(m) for m in judges])
        right = [self._intents.index(m.get(INTENT)) for m in judges]
        heard = np.array([self._config["words"], self._config["encoder"]], dtype=float)

        def surprise(weights: np.ndarray[Any, Any]) -> float:
            words, encoder = weights * heard
            sure = _softmax(words * said + encoder * read)[np.arange(len(right)), right]
            return float(-np.log(np.maximum(sure, 1e-12)).mean())

        found = minimize(surprise, _WEIGHTS_AT_FIRST, method="Nelder-Mead").x * heard
        return float(found[0]), float(found[1])

    def _encoded(self, message: Message) -> np.ndarray[Any, Any]:
        """The encoder's scores in the order of the intents; one it was not tuned on gets the middle of the others."""
        read: dict[str, float] = message.get(READ).intents if message.get(READ) else {}
        middle = float(np.mean(list(read.values()))) if read else 0.0
        return np.array([read.get(intent, middle) for intent in self._intents])

    def _keep(self, fitted: SGDClassifier) -> None:
        self._intents = [str(name) for name in fitted.classes_]
        # A row per feature: a message has some hundred of a hundred thousand.
        self._weights = np.ascontiguousarray(fitted.coef_.T, dtype=np.float32)
        self._bias = fitted.intercept_.astype(np.float32)

    # ── reading ──

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets `intent` and `intent_ranking`; a message without words gets none."""
        for message in messages:
            if not self._intents or not (message.get(TEXT) or "").strip():
                message.set("intent", {"name": None, "confidence": 0.0}, add_to_output=True)
                message.set("intent_ranking", [], add_to_output=True)
                continue
            places = self._pieces.places(message.get(TEXT))
            loud = _LOUDNESS / np.sqrt(max(1, len(places)))
            said = self._bias + loud * self._weights[places].sum(axis=0)
            words, encoder = self._mix
            sure = _softmax((words * said + encoder * self._encoded(message))[np.newaxis, :])[0]
            ranking = [
                {"name": self._intents[i], "confidence": float(sure[i])}
                for i in np.argsort(-sure, kind="stable")
            ]
            message.set("intent", ranking[0], add_to_output=True)
            length = self._config["ranking_length"] or len(ranking)
            message.set("intent_ranking", ranking[:length], add_to_output=True)
        return messages

    def process_training_data(self, training_data: TrainingData) -> TrainingData:
        """Nothing after it needs the training sentences' intents."""
        return training_data

    # ── keeping ──

    def _persist(self) -> None:
        with self._model_storage.write_to(self._resource) as folder:
            np.savez_compressed(folder / _WEIGHTS, weights=self._weights, bias=self._bias)
            kept = {"intents": self._intents, "mix": self._mix, **self._pieces.kept()}
            (folder / _NAMES).write_text(json.dumps(kept, ensure_ascii=False), encoding="utf-8")

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> DeskIntentClassifier:
        """Reads the arrays.

        Raises:
            FileNotFoundError: the model holds none; a server that knows no intent must not look healthy.
        """
        made = cls(config, model_storage, resource)
        with model_storage.read_from(resource) as folder:
            arrays = np.load(folder / _WEIGHTS, allow_pickle=False)
            made._weights, made._bias = np.ascontiguousarray(arrays["weights"]), arrays["bias"]
            kept = json.loads((folder / _NAMES).read_text(encoding="utf-8"))
        made._intents, made._mix = kept["intents"], (kept["mix"][0], kept["mix"][1])
        made._pieces = Pieces(kept["words"], kept["runs"])
        return made


def _softmax(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)
