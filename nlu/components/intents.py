"""Rasa's logistic regression, asked only about the features a sentence has.

A sentence has some hundred of the eighty thousand features. scikit-learn brings all of the weights
into another order for every sentence, which costs more than all the rest of a parse; here they are
kept in that order. The answer is the same.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.nlu.classifiers.logistic_regression_classifier import LogisticRegressionClassifier
from rasa.shared.nlu.training_data.message import Message


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class DeskIntentClassifier(LogisticRegressionClassifier):
    """LogisticRegressionClassifier with a fast `process`."""

    _weights: np.ndarray[Any, Any] | None = None
    """A row per feature, a column per intent."""

    def process(self, messages: list[Message]) -> list[Message]:
        """Sets `intent` and `intent_ranking`, surest first."""
        if self._weights is None:
            self._weights = np.ascontiguousarray(self.clf.coef_.T)
        features = self._create_X(messages).tocsr()
        for row, message in enumerate(messages):
            span = slice(features.indptr[row], features.indptr[row + 1])
            scores = self.clf.intercept_ + features.data[span] @ self._weights[features.indices[span]]
            odds = np.exp(scores - scores.max())
            sure = odds / odds.sum()
            ranking = [
                {"name": str(self.clf.classes_[i]), "confidence": float(sure[i])}
                for i in np.argsort(-sure, kind="stable")
            ]
            message.set("intent", ranking[0], add_to_output=True)
            length = self.config["ranking_length"] or len(ranking)
            message.set("intent_ranking", ranking[:length], add_to_output=True)
        return messages
