"""Say in a few sentences which row is ahead, by how much, and how sure that is."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from aduni.metrics.fold_intervals import MIN_FOLDS, verdict
from aduni.metrics.names import METRICS
from aduni.report.statistics.paired import Comparison
from aduni.report.tables.own_settings import OURS, validation_mean
from aduni.report.tables.table import Table, title_of

METRIC = "macro_f1"
MAX_SENTENCES = 3
WORDS = {
    "ahead": "{row} is ahead",
    "behind": "{row} is behind",
    "equivalent": "equivalent: the interval lies within the margin",
    "not resolved": "not resolved",
    "too few folds": f"no verdict with fewer than {MIN_FOLDS} folds",
}


def title(table: Table, fallback: str) -> str:
    """Return the title of the page: what is compared, and on which data."""
    trained = [
        row.label
        for row in table.rows
        if not any(table.is_floor(row.label, dataset) for dataset in table.datasets)
    ]
    are_named = len(trained) <= 3 and not any("=" in label for label in trained)
    what = " and ".join(trained) if are_named else f"{len(trained)} settings"
    sizes = [_size(table, dataset) for dataset in table.datasets]
    return f"{what} on {' and '.join(sizes)}" if trained and sizes else f"AdUni: {fallback}"


def sentences(table: Table, comparisons: Sequence[Comparison]) -> list[str]:
    """Return at most three sentences on the first row and the best of the others.

    For each data set AdUni, or without it the row that is best on the validation parts, against
    the first row.
    """
    return list(_sentences(table, comparisons))[:MAX_SENTENCES]


def _sentences(table: Table, comparisons: Sequence[Comparison]) -> Iterator[str]:
    for dataset in table.datasets:
        first = table.rows[0].label
        found = [
            each
            for each in comparisons
            if (each.table, each.dataset, each.metric, each.baseline)
            == (table.name, dataset, METRIC, first)
            and each.difference is not None
            and not table.is_floor(each.row, dataset)
        ]
        if found:
            yield _sentence(table, max(found, key=lambda each: _rank(table, each)))


def _rank(table: Table, each: Comparison) -> tuple[bool, float]:
    runs = table.runs[each.row, each.dataset].values()
    ours = any(run.config["names"]["method"] == OURS for run in runs)
    return ours, validation_mean(runs)


def _sentence(table: Table, best: Comparison) -> str:
    row, base = (_mean(table, label, best) for label in (best.row, best.baseline))
    ends = best.over_folds if best.folds >= MIN_FOLDS else None
    interval = f" ({ends[0]:+.2f} to {ends[1]:+.2f})" if ends else ""
    word = WORDS[verdict(best.over_folds, best.folds)].format(row=best.row)
    return (
        f"{title_of(best.dataset)}: {best.row} {row}, {best.baseline} {base} "
        f"{METRICS[METRIC].title.lower().replace('f1', 'F1')}: {best.difference:+.2f}{interval} "
        f"over {best.folds} fold{'s' * (best.folds != 1)}: {word}."
    )


def _mean(table: Table, label: str, each: Comparison) -> str:
    """Return the mean over the folds that are compared."""
    row = next(row for row in table.rows if row.label == label)
    cell = next(c for c in row.cells if (c.dataset, c.metric.key) == (each.dataset, METRIC))
    return f"{fmean(cell.values[fold] for fold, _ in each.fold_differences):.2f}"


def _size(table: Table, dataset: str) -> str:
    run = next(
        run for (_, name), units in table.runs.items() if name == dataset for run in units.values()
    )
    used = run.split[run.split["part"] != "unused"]["image"].nunique()
    return f"{title_of(dataset)} ({used:,} images, {len(run.class_names)} classes)"
