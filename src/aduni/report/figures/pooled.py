"""Class order and pooled predictions of runs, for several figures."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from aduni.report.figures.figure import Rows
from aduni.results.finished_runs import Run


def class_counts(run: Run) -> dict[str, int]:
    """Count the images of each class in all used parts, the largest class first."""
    used = run.split[run.split["part"] != "unused"]
    found = used.drop_duplicates("image")["label"].value_counts()
    counts = {name: int(found.get(name, 0)) for name in run.class_names}
    return dict(sorted(counts.items(), key=lambda item: -item[1]))


def class_order(rows: Rows) -> list[str]:
    """Return the class names, the largest class first."""
    return list(class_counts(next(iter(rows.values()))[0]))


def pooled_test(
    runs: Sequence[Run], class_names: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return (n,) classes and (n, C) probabilities of the test parts, one run after another.

    Args:
        runs: at least one.
        class_names: the order that class numbers and columns get.
    """
    labels, probabilities = [], []
    for run in runs:
        columns = [run.class_names.index(name) for name in class_names]
        _, codes, table = run.test_predictions()
        labels.append(np.argsort(columns)[codes])  # the new number of each old one
        probabilities.append(table[:, columns])
    return np.concatenate(labels), np.concatenate(probabilities)
