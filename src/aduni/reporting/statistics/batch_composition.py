"""Count majority and minority images in a batch, and in PaCo's queue (statistic of the paper)."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from aduni.data.loading.samplers import (
    InstanceBalanced,
    Ints,
    Progressive,
    Sampler,
    SquareRoot,
    Upsample,
)
from aduni.errors import UserError
from aduni.results.finished_runs import Run

SAMPLERS: Mapping[str, Sampler] = {
    "w/o sampling": InstanceBalanced(),
    "up-sampling": Upsample(),
    "SqRt sampling": SquareRoot(),
    "ProBal sampling": Progressive(),
}
QUEUE = 1024
"""K of the paper, and PaCo's default."""
MAX_EPOCHS = 20
"""Epochs that are simulated, evenly spread over the stage."""
PAPER_BATCH_SIZE = 128
PAPER_BATCH, PAPER_QUEUE = (70, 14), (795, 68)
"""Mean images of the majority and the minority on APTOS, B = 128: AdUni's batch, PaCo's queue.

Source: the paper's introduction.
"""

Pair = tuple[float, float]


def training_labels(run: Run) -> Ints:
    """Return (n,) class numbers of a run's training part."""
    labels = run.split.loc[run.split["part"] == "train", "label"]
    return pd.Categorical(labels, categories=run.class_names).codes.astype(np.int64)


def batch_statistic(
    labels: Ints,
    samplers: Mapping[str, Sampler] = SAMPLERS,
    *,
    epochs: int,
    seed: int,
    batch_size: int,
    queue: int = QUEUE,
) -> pd.DataFrame:
    """Return sampler, majority, minority, queue_majority, queue_minority: mean images, not views.

    The queue is the one that a batch meets, before its own labels join; it continues from one epoch
    to the next. Only full queues count. Values are None for a queue that is never full, and for a
    sampler that does not suit the batch size.
    """
    counts = np.bincount(labels)
    rarest = np.where(counts > 0, counts, len(labels)).argmin()
    rows = []
    for name, sampler in samplers.items():
        try:
            sizes, drawn = _drawn(sampler, labels, epochs, seed, batch_size)
        except UserError:
            rows.append((name, None, None, None, None))
            continue
        extremes = np.stack([drawn == counts.argmax(), drawn == rarest])
        in_queue = _mean_in_queue(extremes, sizes, queue) or (None, None)
        rows.append((name, *(extremes.sum(axis=1) / len(sizes)).tolist(), *in_queue))
    columns = ["sampler", "majority", "minority", "queue_majority", "queue_minority"]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def _drawn(
    sampler: Sampler, labels: Ints, epochs: int, seed: int, batch_size: int
) -> tuple[Ints, Ints]:
    chosen = np.unique(np.linspace(0, epochs - 1, min(epochs, MAX_EPOCHS)).round().astype(int))
    batches = [
        batch
        for epoch in chosen.tolist()
        for batch in sampler.batches(
            labels, epoch=epoch, epochs=epochs, seed=seed, batch_size=batch_size
        )
    ]
    return np.array([len(batch) for batch in batches]), labels[np.concatenate(batches)]


def _mean_in_queue(extremes: Ints, sizes: Ints, queue: int) -> Pair | None:
    """Average (2, m) indicators of majority and minority over the steps with a full queue."""
    starts = np.cumsum(sizes) - sizes
    starts = starts[starts >= queue]
    if not len(starts):
        return None
    before = np.concatenate([np.zeros((2, 1), int), extremes.cumsum(axis=1)], axis=1)
    majority, minority = (before[:, starts] - before[:, starts - queue]).mean(axis=1)
    return float(majority), float(minority)
