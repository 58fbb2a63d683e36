"""The intent of a message: a linear classifier over its words, its character pieces and its meaning as a whole.

Logistic regression, one intent against the rest, fitted by averaged stochastic gradient descent: seconds where Rasa's
classifier needs minutes on as many sentences. The words and pieces of a message are brought to length one, so that a long
post does not shout; the sentence encoder's vector stands beside them. A temperature, read off sentences that were held
back, makes a confidence mean what it says.

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
from scipy.sparse import csr_matrix, hstack, vstack
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import normalize

from nlu.components.sentence import SentenceEncoder
from nlu.components.writing import normalise

logger = logging.getLogger(__name__)

_WEIGHTS, _NAMES = "weights.npz", "intents.json"
#: A piece that one sentence alone has teaches nothing about another.
_TWICE = 2
_LONGEST_PIECE = 5
_HELD_BACK = 0.12
_TEMPERATURES = np.geomspace(0.5, 80.0, 80)
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

    def learn(self, texts: list[str]) -> None:
        """Which words and runs there are."""
        for vectorizer in (self._words, self._runs):
            vectorizer.fit(map(_plain, texts))

    def read(self, texts: list[str]) -> csr_matrix:
        """A row a text, of length one: a long post does not shout."""
        plain = [_plain(text) for text in texts]
        rows = hstack([self._words.transform(plain), self._runs.transform(plain)], dtype=np.float32)
        return normalize(rows.tocsr())

    def kept(self) -> dict[str, list[str]]:
        """What another `Pieces` is made of that reads alike."""
        return {
            "words": [str(w) for w in self._words.get_feature_names_out()],
            "runs": [str(r) for r in self._runs.get_feature_names_out()],
        }


def _plain(text: str) -> str:
    return normalise(text).lower()


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class DeskIntentClassifier(IntentClassifier, GraphComponent):
    """Sets `intent` and `intent_ranking`, surest first."""

    @classmethod
    def required_components(cls) -> list[type]:
        return [SentenceEncoder]

    @staticmethod
    def required_packages() -> list[str]:
        return ["sklearn", "scipy", "jieba"]

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """`alpha`: how strongly weights are held small. `pieces`, `meaning`: how loud each is. `epochs`: walks over the
        sentences. `ranking_length`: 0 for all intents."""
        return {"alpha": 3e-6, "pieces": 6.0, "meaning": 3.0, "epochs": 12, "ranking_length": 0}

    def __init__(
        self, config: dict[str, Any], model_storage: ModelStorage, resource: Resource
    ) -> None:
        self._config = {**self.get_default_config(), **config}
        self._model_storage = model_storage
        self._resource = resource
        self._pieces = Pieces()
        self._intents: list[str] = []
        self._weights: np.ndarray[Any, Any] = np.zeros((0, 0), dtype=np.float32)
        self._bias: np.ndarray[Any, Any] = np.zeros(0, dtype=np.float32)
        self._temperature = 1.0

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
        """Fits the classifier, reads the temperature off what was held back, then fits on everything."""
        messages = [m for m in training_data.intent_examples if m.get(INTENT) and m.get(TEXT)]
        self._pieces.learn([m.get(TEXT) for m in messages])
        features = self._features(messages)
        labels = np.array([m.get(INTENT) for m in messages])
        if len(set(labels)) < 2:
            logger.warning("fewer than two intents: nothing to learn")
            return self._resource
        self._temperature = self._calibrated(features, labels)
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

    def _calibrated(self, features: csr_matrix, labels: np.ndarray[Any, Any]) -> float:
        rare = {name for name in set(labels) if (labels == name).sum() < 20}
        if rare:
            return 1.0  # too little to hold anything back, as in a test
        learn, judge, taught, true = train_test_split(
            features, labels, test_size=_HELD_BACK, random_state=_SEED, stratify=labels
        )
        fitted = self._fitted(learn, taught)
        scores = fitted.decision_function(judge)
        right = np.searchsorted(fitted.classes_, true)

        def surprise(temperature: float) -> float:
            sure = _softmax(scores / temperature)[np.arange(len(right)), right]
            return float(-np.log(np.maximum(sure, 1e-12)).mean())

        return float(min(_TEMPERATURES, key=surprise))

    def _keep(self, fitted: SGDClassifier) -> None:
        self._intents = [str(name) for name in fitted.classes_]
        # A row per feature: a message has some hundred of a hundred thousand.
        self._weights = np.ascontiguousarray(fitted.coef_.T, dtype=np.float32)
        self._bias = fitted.intercept_.astype(np.float32)

    # ── reading ──

    def _features(self, messages: list[Message]) -> csr_matrix:
        pieces = self._pieces.read([m.get(TEXT) for m in messages]) * self._config["pieces"]
        vectors = [m.get_dense_features(attribute=TEXT)[1] for m in messages]
        meaning = vstack([csr_matrix(v.features, dtype=np.float32) for v in vectors]) * self._config["meaning"]
        return hstack([pieces, meaning]).tocsr()

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets `intent` and `intent_ranking`; a message without words gets none."""
        for message in messages:
            if not self._intents or message.get_dense_features(attribute=TEXT)[1] is None:
                message.set("intent", {"name": None, "confidence": 0.0}, add_to_output=True)
                message.set("intent_ranking", [], add_to_output=True)
                continue
            found = self._features([message])
            scores = self._bias + found.data @ self._weights[found.indices]
            sure = _softmax(scores[np.newaxis, :] / self._temperature)[0]
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
            kept = {"intents": self._intents, "temperature": self._temperature, **self._pieces.kept()}
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
        made._intents, made._temperature = kept["intents"], kept["temperature"]
        made._pieces = Pieces(kept["words"], kept["runs"])
        return made


def _softmax(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    odds = np.exp(scores - scores.max(axis=1, keepdims=True))
    return odds / odds.sum(axis=1, keepdims=True)
