"""Means of a metric over frequent, less frequent and rare classes."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aduni.metrics.samples import Floats

MANY, FEW = 100, 20
"""Images of a class in the training part: above the first number many, below the second few.

Source: Liu et al. 2019 (arXiv 1904.05160), section 5.
"""


def rarity_masks(training_counts: Sequence[int]) -> dict[str, NDArray[np.bool_]]:
    """Return which of C classes have many, medium and few images; kinds without classes are absent.

    Args:
        training_counts: (C,) images of each class in the training part.
    """
    counts = np.array(training_counts)
    masks = {
        "many": counts > MANY,
        "medium": (counts >= FEW) & (counts <= MANY),
        "few": counts < FEW,
    }
    return {name: mask for name, mask in masks.items() if mask.any()}


def means_by_rarity(values: Floats, training_counts: Sequence[int]) -> dict[str, Floats]:
    """Return (S,) means of (S, C) values over the classes of each kind; NaN where one is."""
    masks = rarity_masks(training_counts)
    return {name: np.asarray(values[:, mask].mean(axis=1)) for name, mask in masks.items()}
