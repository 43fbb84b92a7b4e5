"""Predictions of patients or lesions from those of their images."""

from collections.abc import Callable
from typing import Literal

import numpy as np

from aduni.metrics.samples import Floats, Ints

Rule = Literal["mean", "max", "noisy_or"]

_RULES: dict[Rule, Callable[[Floats], Floats]] = {
    "mean": lambda images: images.mean(axis=0),
    "max": lambda images: images.max(axis=0),
    "noisy_or": lambda images: 1 - (1 - images).prod(axis=0),
}
"""Each maps the probabilities (m, C) of a group's images to one number for each class."""


def group_probabilities(probabilities: Floats, groups: Ints, rule: Rule) -> tuple[Ints, Floats]:
    """Return the G group numbers, sorted, and their (G, C) probabilities.

    The maximum, and the chance that one image at least shows the class if images were independent
    (noisy or), are divided by their sum over the classes.

    Args:
        probabilities: (n, C) of images.
        groups: (n,) number of the group of each image.
        rule: how the images of a group count.
    """
    names, starts = np.unique(np.sort(groups), return_index=True)
    ordered = probabilities[np.argsort(groups, kind="stable")]
    values = np.stack([_RULES[rule](images) for images in np.split(ordered, starts[1:])])
    return names, values / values.sum(axis=1, keepdims=True)


def group_labels(labels: Ints, groups: Ints, *, ordinal: bool) -> Ints:
    """Return (G,) classes of the groups, sorted by number; -1 where its images have several.

    Grades are those of the worst image of a group, the highest.
    """
    names, member = np.unique(groups, return_inverse=True)
    highest, lowest = np.full(len(names), -1), np.full(len(names), np.iinfo(np.int64).max)
    np.maximum.at(highest, member, labels)
    np.minimum.at(lowest, member, labels)
    return highest if ordinal else np.where(highest == lowest, highest, -1)
