"""Round the probabilities of predictions.csv, for runs that are kept for long."""

from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.metrics.evaluation import evaluate
from aduni.results.metrics_json import is_ordinal
from aduni.results.predictions_csv import (
    labels_and_probabilities,
    probability_columns,
    read_predictions,
)
from aduni.results.run_files import read_metrics
from aduni.results.run_folder import RunFolder
from aduni.system.csv_escape import save_csv

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def with_short_predictions(run: RunFolder, decimals: int) -> tuple[str, dict[str, Any]]:
    """Return predictions.csv with rounded probabilities, and metrics.json with what these give.

    Every decision stays, and with it all metrics that go by decisions alone.
    """
    metrics = dict(read_metrics(run))
    names = list(metrics["training_counts"])
    columns = probability_columns(names)
    frame = read_predictions(run.stored_predictions, names)
    chosen = pd.Index(names).get_indexer(pd.Index(frame["predicted"])).astype(np.int64)
    frame[columns] = rounded(frame[columns].to_numpy(), chosen, decimals)
    for part in ("validation", "test"):
        rows = frame[frame["part"] == part]
        if len(rows):
            labels, probabilities = labels_and_probabilities(rows, names)
            found = evaluate(labels, probabilities, names, ordinal=is_ordinal(metrics))
            metrics[part] = {**metrics[part], **found}
    table = StringIO()
    save_csv(frame, table)
    return table.getvalue(), metrics


def rounded(probabilities: Floats, chosen: Ints, decimals: int) -> Floats:
    """Round probabilities so that rows still sum to 1 and the chosen class leads.

    Args:
        probabilities: (n, C), whose rows sum to 1.
        chosen: (n,) the most probable class of each row.
        decimals: of the result.
    """
    units = 10**decimals
    exact = probabilities * units
    counts = np.floor(exact).astype(np.int64)
    lacking = units - counts.sum(axis=1)
    # The largest remainders get the units that are lacking.
    ranks = np.argsort(np.argsort(counts - exact, axis=1, kind="stable"), axis=1)
    counts += ranks < lacking[:, None]
    leading = counts.argmax(axis=1)
    tied = np.flatnonzero(leading != chosen)
    counts[tied, leading[tied]] -= 1
    counts[tied, chosen[tied]] += 1
    shares: Floats = counts / units
    return shares
