"""Predictions in several samples, and slow metrics that scikit-learn does not have."""

import numpy as np

from aduni.metrics.samples import Samples

IMAGES, CLASSES, SAMPLES = 60, 3, 8


def drawn(seed: int = 0) -> Samples:
    """Return predictions of groups, with ties, drawn with repetition; the first sample is all."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=IMAGES)
    logs = rng.normal(size=(IMAGES, CLASSES)).round(1) + 1.5 * np.eye(CLASSES)[labels]
    probabilities = np.exp(logs) / np.exp(logs).sum(axis=1, keepdims=True)
    probabilities[: IMAGES // 6] = probabilities[0]  # ties
    members = rng.integers(20, size=IMAGES)
    members[:20] = np.arange(20)
    draws = np.stack([np.ones(20), *rng.multinomial(20, np.full(20, 1 / 20), size=SAMPLES - 1)])
    return Samples(labels, probabilities, members, draws.astype(np.uint8))


def binned_gap(truth, score) -> float:
    total = 0.0
    for low in range(15):
        edges = low / 15, (low + 1) / 15
        inside = [i for i, s in enumerate(score) if edges[0] < s <= edges[1] or s == low == 0]
        if inside:
            total += abs(sum(truth[i] - score[i] for i in inside)) / len(score)
    return total


def slow_calibration_error(correct, confidence, bins, *, right_edge: bool) -> float:
    """Bin by bin, image by image; a confidence on an edge belongs to the bin below, or above."""
    total = 0.0
    for number in range(bins):
        low, high = number / bins, (number + 1) / bins
        gap = 0.0
        for is_right, value in zip(correct, confidence, strict=True):
            inside = low < value <= high if right_edge else low <= value < high
            outermost = (value == 0 and number == 0) or (value == 1 and number == bins - 1)
            if inside or outermost:
                gap += is_right - value
        total += abs(gap)
    return total / len(confidence)


def slow_selective_risks(labels, predicted, probabilities) -> list[float]:
    """Of the 1, 2, ... most certain images the errors; images that tie err as their mean does."""
    certain = [max(row) for row in probabilities]
    risks = []
    for kept in range(1, len(labels) + 1):
        limit = sorted(certain, reverse=True)[kept - 1]
        above = [i for i, value in enumerate(certain) if value > limit]
        tied = [i for i, value in enumerate(certain) if value == limit]
        rate = sum(labels[i] != predicted[i] for i in tied) / len(tied)
        wrong = sum(labels[i] != predicted[i] for i in above) + rate * (kept - len(above))
        risks.append(wrong / kept)
    return risks


def group_weights(groups):
    """Return (n,) weights with which every group counts the same; their sum is 1."""
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    return 1 / (sizes[member] * len(sizes))
