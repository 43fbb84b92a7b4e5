"""Floors: methods without a network, which an honest result must lie above."""

from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from aduni.methods.base import DataInfo, Method, Stage

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

INVERSE_PENALTIES = (0.1, 1.0, 10.0)
LEAF_SIZES = (1, 3, 10)
TREES = 200
MAX_STEPS = 1000
"""Steps of the logistic regression, far more than standardised features need."""


class Floor(Method):
    """Classifier of a few numbers about each image, chosen on the validation part.

    Nothing is trained in epochs, and no model is stored: it learns again within seconds.

    Args:
        info: facts about the data.
        features: numbers that it learns from: none (the class frequencies alone), those of the
            border, of a thumbnail, or of the file.
    """

    def __init__(
        self, info: DataInfo, *, features: Literal["none", "border", "thumbnail", "file"]
    ) -> None:
        super().__init__()
        self.features, self.classes = features, info.classes
        self._model: Any = None

    @property
    def stages(self) -> tuple[Stage, ...]:
        return ()

    def fit(
        self, train: tuple[Floats, Ints], selecting: tuple[Floats, Ints], seed: int
    ) -> dict[str, Any]:
        """Fit all candidates and keep the one of the highest macro F1, the first of equal ones.

        Args:
            train: (n, F) features and (n,) labels of the training part.
            selecting: (m, F) features and (m,) labels of the part that selects.
            seed: of the trees.

        Returns:
            The learner's name and the macro F1 of each candidate on the part that selects.
        """
        scores: dict[str, float] = {}
        models = {name: model.fit(*train) for name, model in self._candidates(seed)}
        features, labels = selecting
        for name, model in models.items():
            predicted, classes = model.predict(features), range(self.classes)
            scores[name] = f1_score(labels, predicted, labels=classes, average="macro")
        learner = max(scores, key=lambda name: scores[name])
        self._model = models[learner]
        return {"learner": learner, "candidates": scores}

    def probabilities(self, features: Floats) -> Floats:
        """Return the (n, C) probabilities of (n, F) features."""
        return np.asarray(self._model.predict_proba(features), dtype=np.float64)

    def _candidates(self, seed: int) -> Iterator[tuple[str, ClassifierMixin]]:
        if self.features == "none":
            yield "class frequencies", DummyClassifier(strategy="prior")
            return
        for weight in (None, "balanced"):
            words = ", balanced classes" if weight else ""
            for c in INVERSE_PENALTIES:
                linear = LogisticRegression(C=c, class_weight=weight, max_iter=MAX_STEPS)
                name = f"logistic regression, C = {c:g}{words}"
                yield name, make_pipeline(StandardScaler(), linear)
            for leaf in LEAF_SIZES:
                settings = {"min_samples_leaf": leaf, "class_weight": weight, "random_state": seed}
                yield (
                    f"extra trees, leaves of {leaf}{words}",
                    ExtraTreesClassifier(TREES, **settings),
                )
