"""Classes of a report's runs: how many images they have, their order, their test predictions."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.results.finished_runs import Run

MIN_PROBABILITY = 1e-12
"""Keeps the loss of a rounded zero finite."""

Losses = dict[str, NDArray[np.float64]]


def class_counts(runs: Sequence[Run]) -> dict[str, int]:
    """Count the images of each class in all used parts: grades in order, else the largest first.

    Of another source than the training's only the test images count: the others are not its own.
    """
    splits = {run.metrics["split_hash"]: _own_images(run) for run in runs}  # most runs share one
    every = pd.concat(splits.values())
    found = every.drop_duplicates("image")["label"].value_counts()
    counts = {name: int(found.get(name, 0)) for name in runs[0].class_names}
    return counts if runs[0].ordinal else dict(sorted(counts.items(), key=lambda item: -item[1]))


def _own_images(run: Run) -> pd.DataFrame:
    split = run.split
    return split[split["part"] == "test" if run.trained_on else split["part"] != "unused"]


def class_order(rows: Mapping[str, Sequence[Run]]) -> list[str]:
    return list(class_counts(next(iter(rows.values()))))


def pooled_test(
    runs: Sequence[Run], class_names: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (n,) classes and (n, C) probabilities of the test parts, one run after another."""
    labels, probabilities = [], []
    for run in runs:
        columns = [run.class_names.index(name) for name in class_names]
        _, codes, table = run.test_predictions()
        labels.append(np.argsort(columns)[codes])  # the new number of each old one
        probabilities.append(table[:, columns])
    return np.concatenate(labels), np.concatenate(probabilities)


def losses_by_class(runs: Sequence[Run], class_names: Sequence[str]) -> Losses:
    """Return -log p_y in nats of each test image, all folds pooled, by true class."""
    labels, probabilities = pooled_test(runs, class_names)
    true = np.maximum(probabilities[np.arange(len(labels)), labels], MIN_PROBABILITY)
    losses = -np.log(true)
    return {name: losses[labels == c] for c, name in enumerate(class_names)}
