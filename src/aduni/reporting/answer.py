"""Say in a few sentences which row is ahead, by how much, and how sure that is."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from aduni.metrics.fold_intervals import MIN_FOLDS, Verdict, verdict
from aduni.reporting.statistics.classes import class_counts
from aduni.reporting.statistics.paired import Comparison
from aduni.reporting.tables.own_settings import OURS, validation_mean
from aduni.reporting.tables.table import Cell, Table, title_of

METRIC = "macro_f1"
NAME = "macro F1"
MAX_SENTENCES = 3
WORDS: dict[Verdict, str] = {
    "ahead": "{row} is ahead",
    "equivalent": "equivalent: the interval lies within the margin",
    "not resolved": "not resolved",
    "too few folds": f"no verdict with fewer than {MIN_FOLDS} folds",
}
"""Verdict -> what is said of the better row; it is never behind."""


def title(table: Table, fallback: str) -> str:
    """Return the title of the page: what is compared, and on which data."""
    trained = [
        row.label
        for row in table.rows
        if not any(table.is_floor(row.label, dataset) for dataset in table.datasets)
    ]
    are_named = len(trained) <= 3 and not any("=" in label for label in trained)
    first = ", ".join(trained[:-1])
    named = f"{first} and {trained[-1]}" if first else "".join(trained)
    what = named if are_named else f"{len(trained)} settings"
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
        elif table.runs.get((first, dataset)) and not table.is_floor(first, dataset):
            yield _alone(table, first, dataset)


def _rank(table: Table, each: Comparison) -> tuple[bool, float]:
    runs = table.runs[each.row, each.dataset].values()
    ours = any(run.config["names"]["method"] == OURS for run in runs)
    return ours, validation_mean(runs)


def _sentence(table: Table, best: Comparison) -> str:
    """Say two results, the better first, and the difference, the first minus the second."""
    difference = best.difference or 0.0
    is_behind = difference < 0
    first, second = (best.baseline, best.row) if is_behind else (best.row, best.baseline)
    over_folds, corrected = (
        _reversed(each) if is_behind else each for each in (best.over_folds, best.corrected)
    )
    interval = f" ({_ends(over_folds)})" if over_folds and best.folds >= MIN_FOLDS else ""
    found = verdict(over_folds, best.folds)
    word = WORDS[found].format(row=_quoted(first))
    if found == "ahead" and verdict(corrected, best.folds) != found:
        ends = _ends(corrected) if corrected else "not known"
        word += f", but not by the interval corrected for overlapping training ({ends})"
    return (
        f"{title_of(best.dataset)}: {_quoted(first)} {_mean(table, first, best)} {NAME}, "
        f"{_quoted(second)} {_mean(table, second, best)}; difference {abs(difference):.2f}"
        f"{interval} over {best.folds} fold{'s' * (best.folds != 1)}: {word}."
    )


def _reversed(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    """Return the interval of the difference with its sides exchanged."""
    return (-interval[1], -interval[0]) if interval else None


def _alone(table: Table, label: str, dataset: str) -> str:
    """Say the result of the only row."""
    cell = _cell(table, label, dataset)
    value = "undefined" if cell.mean is None else f"{cell.mean:.2f}"
    deviation = "" if cell.deviation is None else f" ± {cell.deviation:.2f}"
    return (
        f"{title_of(dataset)}: {_quoted(label)} {value}{deviation} {NAME} over {cell.folds} "
        f"fold{'s' * (cell.folds != 1)}; there is no other setting to compare it with."
    )


def _quoted(label: str) -> str:
    """Put a label that names keys in quotes, since numbers follow."""
    return f"'{label}'" if "," in label else label


def _ends(interval: tuple[float, float]) -> str:
    return f"{interval[0]:z.2f} to {interval[1]:z.2f}"


def _mean(table: Table, label: str, each: Comparison) -> str:
    """Return the mean over the folds that are compared."""
    values = _cell(table, label, each.dataset).values
    return f"{fmean(values[fold] for fold, _ in each.fold_differences):.2f}"


def _cell(table: Table, label: str, dataset: str) -> Cell:
    row = next(row for row in table.rows if row.label == label)
    return next(c for c in row.cells if (c.dataset, c.metric.key) == (dataset, METRIC))


def _size(table: Table, dataset: str) -> str:
    runs = [
        run for (_, name), units in table.runs.items() if name == dataset for run in units.values()
    ]
    used = sum(class_counts(runs).values())
    run = runs[0]
    return f"{title_of(dataset)} ({used:,} images, {len(run.class_names)} classes)"
