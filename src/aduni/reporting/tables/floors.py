"""Floors beside a table: rows of methods without a network, and warnings of rows below them."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from statistics import fmean

from aduni.metrics.names import METRICS
from aduni.reporting.tables.build_table import cell_over, matched_runs
from aduni.reporting.tables.definitions import Definition
from aduni.reporting.tables.fold_means import fold_means
from aduni.reporting.tables.table import Runs, Table, TableRow, Unit, title_of
from aduni.results.finished_runs import Run
from aduni.results.plan import FLOORS, Plan

COMPARED = METRICS["macro_f1"]


def with_floors(
    table: Table, floors: Definition, runs: Sequence[Run], plan: Plan | None = None
) -> Table:
    """Add the floors that have runs on the data sets and folds of the table, whatever their seeds.

    A table without data sets gets those of the floors. Of several runs the newest counts.
    """
    pairs = matched_runs(FLOORS, floors, runs, plan)
    pairs.sort(key=lambda pair: pair[1].age)
    own = table.rows if table.planned else ()  # without data sets, its rows have no cells
    planned = table.planned or _planned([run for _, run in pairs])
    found: Runs = defaultdict(dict)
    for label, run in pairs:
        if run.fold in {fold for fold, _ in planned.get(run.dataset, ())}:
            found[label, run.dataset][run.fold, run.seed] = run
    table = replace(table, datasets=tuple(planned), planned=planned, runs={**table.runs, **found})
    rows = [
        TableRow(
            row.name,
            FLOORS,
            row.label,
            tuple(
                cell_over(
                    dataset,
                    metric,
                    found.get((row.label, dataset), {}),
                    table.planned_of(row.label, dataset),
                    None,
                    "not run",
                )
                for dataset, metric in product(planned, table.metrics)
            ),
        )
        for row in floors.rows
        if any(label == row.label for label, _ in found)
    ]
    return replace(table, rows=(*own, *rows))


def _planned(runs: Iterable[Run]) -> dict[str, set[Unit]]:
    planned: dict[str, set[Unit]] = defaultdict(set)
    for run in runs:
        planned[run.dataset].add((run.fold, run.seed))
    return dict(planned)


def below_floor(tables: Sequence[Table]) -> Iterator[str]:
    """Yield a sentence for each data set with rows whose macro F1 is below a floor's.

    Each row is compared with the floors on the folds that both have, by means over seeds and then
    over folds. A row in several tables is named once.
    """
    for dataset in dict.fromkeys(name for table in tables for name in table.datasets):
        below: dict[str, dict[str, None]] = defaultdict(dict)
        for table in tables:
            floors = [r for r in table.rows if table.is_floor(r.label, dataset)]
            means_of = {
                floor.name: fold_means(table.runs[floor.label, dataset].values(), COMPARED)
                for floor in floors
            }
            for row in table.rows:
                units = table.runs.get((row.label, dataset), {})
                own = fold_means(units.values(), COMPARED)
                pairs = [
                    (*_means(means_of[floor.name], own), floor.name)
                    for floor in floors
                    if row not in floors
                ]
                floor_mean, mean, name = max(pairs, default=(0.0, 0.0, ""))
                if mean < floor_mean:
                    below[f"{name} ({floor_mean:.3f})"][f"{row.label} ({mean:.3f})"] = None
        if below:
            lines = "; ".join(f"{floor}: {', '.join(rows)}" for floor, rows in below.items())
            yield f"{title_of(dataset)}: below the macro F1 of the highest floor, {lines}."


def _means(floor: dict[int, float], row: dict[int, float]) -> tuple[float, float]:
    """Return the means of both over their common folds, 0 without any."""
    folds = floor.keys() & row.keys()
    if not folds:
        return 0.0, 0.0
    return fmean(floor[fold] for fold in folds), fmean(row[fold] for fold in folds)
