"""Average a metric over the seeds of each fold, so that no fold counts more for having more."""

from collections import defaultdict
from collections.abc import Iterable
from statistics import fmean

from aduni.metrics.metric import Metric
from aduni.results.finished_runs import Run


def value_of(run: Run, metric: Metric) -> float | None:
    """Return a metric of the test part, or of the run itself, such as its training time."""
    value = (run.test if metric.function else run.metrics)[metric.key]
    return None if value is None else float(value)


def fold_means(runs: Iterable[Run], metric: Metric) -> dict[int, float]:
    """Return the mean over seeds of each fold with a value, in the order of folds."""
    values: dict[int, list[float]] = defaultdict(list)
    for run in runs:
        value = value_of(run, metric)
        if value is not None:
            values[run.fold].append(value)
    return {fold: fmean(found) for fold, found in sorted(values.items())}
