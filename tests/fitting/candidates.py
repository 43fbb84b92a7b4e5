"""Candidates made by hand, whose predictions are known."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from aduni.fitting.decision import Candidate
from aduni.metrics.names import OF_PREDICTIONS
from aduni.results.finished_runs import Run
from aduni.results.run_folder import RunFolder

NAMES = ["common", "less", "rare"]


def run_of(
    labels: Sequence[int],
    predicted: Sequence[int],
    *,
    test: Sequence[int] | None = None,
    groups: Sequence[int] | None = None,
    fold: int = 0,
    seed: int = 0,
    image_size: int = 64,
) -> Run:
    """A run that predicts these classes of the validation part, and `test` of as many test images.

    Args:
        labels: of both parts.
        predicted: of the validation part.
        test: of the test part; None for the same.
        groups: of the validation images; None for one each.
        fold: also part of the images' names.
        seed: of the training.
        image_size: in pixels.
    """
    tables = []
    own = range(len(labels)) if groups is None else groups
    for part, guesses in (("validation", predicted), ("test", predicted if test is None else test)):
        probabilities = np.full((len(labels), len(NAMES)), 0.1)
        probabilities[np.arange(len(labels)), list(guesses)] = 0.8
        table = pd.DataFrame(probabilities, columns=[f"p_{name}" for name in NAMES])
        table["image"] = [f"{part}_{fold}_{i:04d}" for i in range(len(labels))]
        table["label"] = [NAMES[label] for label in labels]
        offset = 0 if part == "validation" else 10_000 + 1_000 * fold
        tables.append(table.assign(part=part, group=np.array(list(own)) + offset))
    whole = pd.concat(tables, ignore_index=True)
    metrics = {
        "fold": fold,
        "seed": seed,
        "image_size": image_size,
        "task": "multiclass",
        "training_counts": dict.fromkeys(NAMES, 5),
    }
    split = whole[["image", "label", "group", "part"]]
    return Run(RunFolder(Path("none")), {}, metrics, whole, split, pd.DataFrame())


def candidate(label: str, runs: Sequence[Run], target: str = "macro_f1") -> Candidate:
    return Candidate(label, runs, OF_PREDICTIONS[target])
