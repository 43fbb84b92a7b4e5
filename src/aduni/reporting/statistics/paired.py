"""Compare rows in pairs, over the folds and seeds that both have."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean, variance

import numpy as np
import pandas as pd

from aduni.metrics.fold_intervals import interval_over_folds
from aduni.metrics.interval import ENDS
from aduni.reporting.statistics.row_bootstrap import bootstrap, pooled_outcomes
from aduni.reporting.tables.build_table import rivals
from aduni.reporting.tables.table import Table, Unit
from aduni.results.finished_runs import Run

Units = dict[Unit, Run]

COMPARED = ("accuracy", "macro_f1")


@dataclass(frozen=True)
class Comparison:
    """The difference of two rows, over the folds and seeds that both have.

    Attributes:
        baseline: label of the row that is subtracted.
        difference: mean of the folds' differences; None without a common fold.
        over_folds: 95 % t interval of the difference over folds; None with fewer than two.
        corrected: the same, widened for training parts that overlap (Nadeau and Bengio 2003).
        pooled: mean over seeds of the difference on the test predictions of all folds, whose 95 %
            bootstrap interval is `interval`.
        p: two-sided p of the corrected resampled t-test; None if it cannot be computed.
    """

    table: str
    dataset: str
    metric: str
    row: str
    baseline: str
    folds: int
    difference: float | None
    fold_differences: tuple[tuple[int, float], ...]
    over_folds: tuple[float, float] | None
    corrected: tuple[float, float] | None
    pooled: float | None
    interval: tuple[float, float] | None
    p: float | None
    note: str


def compare(table: Table) -> list[Comparison]:
    """Compare every row with the first, the defined pairs, and each block's best two.

    Rows without a run are passed over; only complete cells can be best or runner-up.
    """
    found = []
    for dataset in table.datasets:
        pairs = {metric: list(_pairs(table, dataset, metric)) for metric in COMPARED}
        distinct = dict.fromkeys(pair for of_metric in pairs.values() for pair in of_metric)
        done = {pair: _compare(table, dataset, *pair) for pair in distinct}
        found += [done[pair][metric] for metric in COMPARED for pair in pairs[metric]]
    return found


def comparison_frame(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return one line for each comparison, NaN for absent numbers.

    The ends of the intervals are `folds_low`, `folds_high`, `corrected_low`, `corrected_high`, and
    `low` and `high` of the bootstrap.
    """
    intervals = {"over_folds": "folds_", "corrected": "corrected_", "interval": ""}
    ends = [f"{prefix}{end}" for prefix in intervals.values() for end in ("low", "high")]
    rows = []
    for comparison in comparisons:
        held = asdict(comparison)
        pairs = (held[name] or (None, None) for name in intervals)
        values = [value for pair in pairs for value in pair]
        rows.append({**held, "figure": held["metric"], **dict(zip(ends, values, strict=True))})
    names = ("table", "dataset", "figure", "row", "baseline", "folds", "difference")
    columns = (*names, *ends[:4], "pooled", *ends[4:], "p", "note")
    numbers = dict.fromkeys(("difference", "pooled", *ends, "p"), np.float64)
    return pd.DataFrame(rows, columns=columns).astype(numbers)


def power_note(folds: int) -> str:
    """Return a sentence on what a test over so few folds cannot show."""
    if folds < 2:
        return "With fewer than two folds there is no test over folds."
    return (
        f"With {folds} folds a rank or sign-flip test cannot give a two-sided p below "
        f"2/2^{folds} = {2 / 2**folds:.4g}, so none is reported."
    )


def corrected_t_test(differences: Sequence[float], ratio: float | None) -> tuple[float | None, str]:
    """Return the two-sided p of the corrected resampled t-test, or None and the reason.

    t = mean(d) / sqrt((1/k + ratio) var(d)) of k folds, with k - 1 degrees of freedom and ratio
    n_test/n_train, which makes up for training parts that overlap. Source: Nadeau and Bengio 2003,
    "Inference for the generalization error".
    """
    from scipy.special import stdtr  # takes a third of a second

    k = len(differences)
    if k < 2:
        return None, power_note(k)
    if ratio is None:
        return None, "The size of the training parts is not known: no corrected t-test."
    if np.ptp(differences) < 1e-12:  # rounding alone
        if abs(differences[0]) < 1e-12:
            return 1.0, ""
        return None, "The folds' differences have no spread, so there is no t-test."
    t = fmean(differences) / math.sqrt((1 / k + ratio) * variance(differences))
    return float(2 * stdtr(k - 1, -abs(t))), ""


def _pairs(table: Table, dataset: str, metric: str) -> Iterator[tuple[str, str]]:
    first, *others = (row.label for row in table.rows)
    held = {label for label, name in table.runs if name == dataset}
    pairs = [(label, first) for label in others if label in held]
    pairs += [pair for pair in table.pairs if held.issuperset(pair)]
    for block in dict.fromkeys(row.block for row in table.rows):
        ranks = []
        for row in rivals(table.rows, block):
            cell = next(c for c in row.cells if (c.dataset, c.metric.key) == (dataset, metric))
            if cell.mean is not None and not cell.lacking:
                ranks.append((cell.mean, row.label))
        ranks.sort(key=lambda rank: -rank[0])  # stable: the upper of two equal rows comes first
        best = tuple(label for _, label in ranks[:2])
        if len(best) == 2 and best[::-1] not in pairs:
            pairs.append(best)
    yield from dict.fromkeys(pairs)


def _compare(table: Table, dataset: str, row: str, baseline: str) -> dict[str, Comparison]:
    a, b, notes = common_runs(table.runs[row, dataset], table.runs.get((baseline, dataset), {}))
    folds = sorted({fold for fold, _ in a})
    of_sample, interval = {}, {}
    share: float | None = 0.0
    if folds:
        share = test_share(a)
        classes = len(next(iter(a.values())).class_names)
        sample, resamples = bootstrap(pooled_outcomes(a, b), classes)
        ends = np.quantile(resamples, ENDS, axis=0)
        of_sample = dict(zip(COMPARED, sample.tolist(), strict=True))
        interval = dict(zip(COMPARED, map(tuple, ends.T.tolist()), strict=True))
    found = {}
    for metric in COMPARED:
        by_fold = fold_differences(a, b, metric)
        differences = list(by_fold.values())
        p, reason = corrected_t_test(differences, share)
        found[metric] = Comparison(
            table.name,
            dataset,
            metric,
            row,
            baseline,
            folds=len(folds),
            difference=fmean(differences) if folds else None,
            fold_differences=tuple(by_fold.items()),
            over_folds=interval_over_folds(differences),
            corrected=None if share is None else interval_over_folds(differences, share),
            pooled=of_sample.get(metric),
            interval=interval.get(metric),
            p=p,
            note=" ".join(filter(None, (*notes, reason))),
        )
    return found


def fold_differences(row: Units, baseline: Units, metric: str) -> dict[int, float]:
    """Return the difference of each fold, the mean over its seeds, of runs that both have."""
    values = defaultdict(list)
    for unit, run in row.items():
        values[unit[0]].append(run.test[metric] - baseline[unit].test[metric])
    return {fold: fmean(values[fold]) for fold in sorted(values)}


def common_runs(row: Units, baseline: Units) -> tuple[Units, Units, list[str]]:
    """Return runs of the same fold and seed on the same test images, and sentences on others."""
    both = sorted(row.keys() & baseline.keys())
    units = [unit for unit in both if _test_part(row[unit]) == _test_part(baseline[unit])]
    notes = []
    if len(units) < len(both):
        folds = sorted({fold for fold, _ in set(both) - set(units)})
        notes.append(f"Test images differ in fold {', '.join(map(str, folds))}, left out here.")
    if not units:
        notes.append("The rows have no fold and seed in common.")
    return {u: row[u] for u in units}, {u: baseline[u] for u in units}, notes


def _test_part(run: Run) -> list[list[str]]:
    test = run.split[run.split["part"] == "test"].sort_values("image")
    return [test["image"].tolist(), test["label"].tolist()]


def test_share(runs: Units) -> float | None:
    """Return n_test/n_train, the mean over runs.

    Where no training part is known it is what other folds test; None if they test the same.
    """
    sizes = [run.split["part"].value_counts() for run in runs.values()]
    if all("train" in n for n in sizes):
        return fmean(n["test"] / (n["train"] + n.get("validation", 0)) for n in sizes)
    tested = [run.split.loc[run.split["part"] == "test", "image"] for run in runs.values()]
    others = pd.concat(tested).nunique() - np.array([len(images) for images in tested])
    return fmean(len(t) / n for t, n in zip(tested, others, strict=True)) if all(others) else None
