"""Prediction sets against MAPIE, an independent implementation, with one image a group."""

import numpy as np
import pytest
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import APSConformityScore, LACConformityScore
from sklearn.base import BaseEstimator, ClassifierMixin

from aduni.metrics.conformal.prediction_sets import calibrate_sets

CLASSES = 4
SCORES = {"lac": LACConformityScore, "aps": APSConformityScore}


class GivenProbabilities(ClassifierMixin, BaseEstimator):
    """What MAPIE takes for a fitted model: it returns the probabilities that it is given."""

    classes_ = np.arange(CLASSES)

    def predict_proba(self, probabilities):
        return probabilities

    def predict(self, probabilities):
        return probabilities.argmax(axis=1)

    def __sklearn_is_fitted__(self) -> bool:
        return True


class One(np.random.RandomState):
    """MAPIE subtracts u times the class's own probability from its score; here u is always 1."""

    def uniform(self, low=0.0, high=1.0, size=None):
        return np.ones(size)


def images_of(rng, count: int):
    labels = np.r_[np.arange(CLASSES), rng.choice(CLASSES, size=count, p=[0.5, 0.25, 0.15, 0.1])]
    logits = rng.normal(size=(len(labels), CLASSES)) + 2 * np.eye(CLASSES)[labels]
    return labels, np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def by_mapie(score: str, level: float, labels, probabilities, new):
    """Return MAPIE's threshold, and (n, C) sets for new images.

    With `include_last_label=True` a set ends with the class at which the sum of probabilities
    reaches the threshold, which is the last one with less than that before it.
    """
    kept = SCORES[score]()
    classifier = SplitConformalClassifier(
        GivenProbabilities(),
        confidence_level=level,
        conformity_score=kept,
        prefit=True,
        random_state=One(),
    )
    classifier.conformalize(probabilities, labels)
    _, sets = classifier.predict_set(new, {"include_last_label": True})
    return float(kept.quantiles_[0]), sets[:, :, 0]


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
@pytest.mark.parametrize("score", SCORES)
def test_thresholds_and_sets_are_those_of_mapie(score, level):
    """With 40 to 119 images, among them numbers at which the level is reached exactly."""
    rng = np.random.default_rng(6)
    for count in range(40 - CLASSES, 120 - CLASSES, 3):
        labels, probabilities = images_of(rng, count)
        _, new = images_of(rng, 150)
        found = calibrate_sets(
            labels, probabilities, np.arange(len(labels)), score=score, confidence_level=level
        )
        threshold, sets = by_mapie(score, level, labels, probabilities, new)
        assert found.thresholds == pytest.approx([threshold] * CLASSES, abs=1e-12)
        assert (found.sets(new) == sets).all()
