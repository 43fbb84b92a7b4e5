"""Rank the images whose label is likely to be wrong, by models that were not trained on them.

Confident learning: Northcutt, Jiang and Chuang 2021 (arXiv 1911.00068), section 3.
"""

import numpy as np

from aduni.metrics.samples import Floats, Ints

MAX_STEPS, TOLERANCE = 1_000, 1e-6
LEAST = 1e-12
"""Probabilities are taken to be this far from 0 at least, so that ratios are finite."""


def class_thresholds(labels: Ints, probabilities: Floats) -> Floats:
    """Return (C,) mean probabilities of each class over its own images; infinite without images.

    Source: equation 2 of the paper.
    """
    classes = probabilities.shape[1]
    own = probabilities[np.arange(len(labels)), labels]
    sums = np.bincount(labels, weights=own, minlength=classes)
    counts = np.bincount(labels, minlength=classes)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.inf)


def confident_classes(labels: Ints, probabilities: Floats) -> Ints:
    """Return (n,) classes that each image surely shows; -1 where it reaches no class's threshold.

    Of several it is the most probable one. Source: equation 1 of the paper.
    """
    reached = probabilities >= class_thresholds(labels, probabilities) - 1e-12
    likely = np.where(reached, probabilities, -1.0)
    return np.where(reached.any(axis=1), likely.argmax(axis=1), -1)


def match_frequencies(labels: Ints, probabilities: Floats) -> Floats:
    """Weigh the classes so that each is as probable in the mean over all images as it is frequent.

    A loss for imbalanced classes gives rare ones more probability than their share. Frequent labels
    then look wrong where they are only less probable than for the images at hand.

    Args:
        labels: (n,) given classes; one without images keeps its weight.
        probabilities: (n, C).
    """
    counts = np.bincount(labels, minlength=probabilities.shape[1])
    matched = np.maximum(probabilities, LEAST)
    for _ in range(MAX_STEPS):
        matched = matched / matched.sum(axis=1, keepdims=True)
        factors = np.where(counts > 0, counts / matched.sum(axis=0), 1.0)
        if np.abs(factors - 1).max() < TOLERANCE:
            break
        matched = matched * factors
    return np.asarray(matched / matched.sum(axis=1, keepdims=True))


def rank_label_errors(labels: Ints, probabilities: Floats) -> tuple[Ints, Ints]:
    """Return the images whose confident class is not their label, the likeliest errors first.

    The class has to be more probable than the label, and they are ordered by how many times. That
    the thresholds choose the images, but do not order them, is measured: by the gap between both
    probabilities less their thresholds, labels of well recognised classes came first.

    Args:
        labels: (n,) given classes.
        probabilities: (n, C) of models that were not trained on the image, of classes that are as
            frequent as the labels (see `match_frequencies`).

    Returns:
        rows (m,), and (m,) the classes that they seem to show.
    """
    confident = confident_classes(labels, probabilities)
    every = np.arange(len(labels))
    label, other = probabilities[every, labels], probabilities[every, confident]
    rows = np.flatnonzero((confident >= 0) & (confident != labels) & (other > label))
    ratios = label[rows] / np.maximum(other[rows], LEAST)
    rows = rows[np.argsort(ratios, kind="stable")]
    return rows, confident[rows]
