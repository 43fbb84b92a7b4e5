"""Predictions for images: probabilities, and features if requested."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aduni.inference.images import Source


@dataclass(frozen=True)
class Predictions:
    """Predictions for n images: (n, C) probabilities, and (n, D) features if requested."""

    files: Sequence[Source]
    probabilities: NDArray[np.float64]
    features: NDArray[np.float32] | None
    unreadable: int


def join(parts: Sequence[Predictions], order: Sequence[Source]) -> Predictions:
    """Join predictions of different images, in an order of these and possibly more images."""
    place = {file: row for row, file in enumerate(order)}
    files = [file for part in parts for file in part.files]
    rows = np.argsort([place[file] for file in files], kind="stable")
    features = [part.features for part in parts if part.features is not None]
    return Predictions(
        [files[row] for row in rows],
        np.concatenate([part.probabilities for part in parts])[rows],
        np.concatenate(features)[rows] if features else None,
        sum(part.unreadable for part in parts),
    )
