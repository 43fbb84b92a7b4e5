"""Build a table from finished runs: a cell for each row, data set and metric."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from statistics import fmean, stdev

from aduni.metrics.fold_intervals import MIN_FOLDS, interval_over_folds
from aduni.metrics.metric import Metric
from aduni.metrics.names import ALWAYS, METRICS, check_columns
from aduni.reporting.tables.definitions import Definition, PaperFigure, Row
from aduni.reporting.tables.fold_means import fold_means, value_of
from aduni.reporting.tables.table import TITLES, Cell, Runs, Table, TableRow, Unit, title_of
from aduni.results.finished_runs import Run
from aduni.results.plan import Plan, States

ROUNDING = 1e-12


def rivals(rows: Sequence[TableRow], block: str) -> list[TableRow]:
    """Return the rows that compete for the best of a block: its own, and those of no block."""
    return [row for row in rows if row.block in (block, "")]


def with_best(rows: list[TableRow]) -> Iterator[TableRow]:
    """Mark the cells that are not detectably behind the best of their block.

    The 95 % t interval of their difference to it over the common folds contains 0. Only complete
    cells of at least three folds compete, and at least two.
    """
    for row in rows:
        columns = zip(*(rival.cells for rival in rivals(rows, row.block)), strict=True)
        pairs = zip(row.cells, columns, strict=True)
        cells = (replace(cell, best=_is_near_best(cell, column)) for cell, column in pairs)
        yield replace(row, cells=tuple(cells))


def _competes(cell: Cell) -> bool:
    return cell.folds >= MIN_FOLDS and not cell.lacking and cell.metric.best is not None


def _is_near_best(cell: Cell, column: tuple[Cell, ...]) -> bool:
    rivals = [rival for rival in column if _competes(rival)]
    if not _competes(cell) or len(rivals) < 2:
        return False
    sign = 1 if cell.metric.best == "highest" else -1
    best = max(rivals, key=lambda rival: sign * (rival.mean or 0.0))
    common = cell.values.keys() & best.values.keys()
    differences = [sign * (cell.values[fold] - best.values[fold]) for fold in sorted(common)]
    interval = interval_over_folds(differences)
    return interval is not None and interval[1] >= -ROUNDING


def matched_runs(
    name: str, definition: Definition, runs: Sequence[Run], plan: Plan | None
) -> list[tuple[str, Run]]:
    """Return pairs of row label and run: those of the plan, or those that have the row's values."""
    planned = {run.folder: run.rows for run in plan.runs} if plan else {}

    def belongs(row: Row, run: Run) -> bool:
        rows = planned.get(run.folder.path.name)
        return row.holds(run.config) if rows is None else (name, row.label) in rows

    return [(row.label, run) for row in definition.rows for run in runs if belongs(row, run)]


def build_table(
    name: str,
    definition: Definition,
    runs: Sequence[Run],
    *,
    plan: Plan | None = None,
    states: States | None = None,
    columns: Sequence[str] = (),
) -> Table:
    """Build a table from finished runs; without a plan, of all folds and seeds of its rows."""
    found = matched_runs(name, definition, runs, plan)
    return table_of(name, definition, found, plan=plan, states=states, columns=columns)


def table_of(
    name: str,
    definition: Definition,
    found: list[tuple[str, Run]],
    *,
    plan: Plan | None = None,
    states: States | None = None,
    columns: Sequence[str] = (),
) -> Table:
    """Build a table from pairs of a row's label and a run."""
    check_columns(columns)
    metrics = tuple(METRICS[column] for column in dict.fromkeys((*ALWAYS, *columns)))
    planned = _planned(name, found, plan)
    chosen, warnings = _newest(found, planned)
    rows = []
    for row in definition.rows:
        cells = []
        for dataset, metric in product(planned, metrics):
            units = chosen.get((row.label, dataset), {})
            state = _state(plan, states or {}, (name, row.label), dataset)
            paper = row.paper.get(dataset, {}).get(metric.key)
            cells.append(cell_over(dataset, metric, units, planned[dataset], paper, state))
        rows.append(TableRow(row.name, row.block, row.label, tuple(cells)))
    return Table(
        name,
        definition.title,
        datasets=tuple(planned),
        metrics=metrics,
        rows=tuple(with_best(rows)),
        warnings=tuple(warnings),
        pairs=definition.pairs,
        runs=chosen,
        planned=planned,
    )


def _planned(name: str, found: list[tuple[str, Run]], plan: Plan | None) -> dict[str, set[Unit]]:
    ours = [run for run in plan.runs if name in dict(run.rows)] if plan else []
    folds = plan.folds if plan else ()
    planned = {(run.dataset, fold, run.seed) for run in ours for fold in folds}
    others = {(run.dataset, run.fold, run.seed) for _, run in found}
    names = {dataset for dataset, *_ in planned | others}
    units = {}
    for dataset in (*(n for n in TITLES if n in names), *sorted(names - TITLES.keys())):
        members = [u for u in planned if u[0] == dataset] or [u for u in others if u[0] == dataset]
        units[dataset] = set(product({fold for _, fold, _ in members}, {s for *_, s in members}))
    return units


def _newest(found: list[tuple[str, Run]], planned: dict[str, set[Unit]]) -> tuple[Runs, list[str]]:
    """Choose one run for each row, data set, fold and seed; return sentences on the others."""
    chosen: Runs = defaultdict(dict)
    twice, outside = [], []
    for label, run in sorted(found, key=lambda pair: pair[1].age):
        unit, path = (run.fold, run.seed), run.folder.path
        which = f"({label}, {title_of(run.dataset)}, fold {run.fold}, seed {run.seed})"
        if unit not in planned[run.dataset]:
            outside.append(f"{path} {which}")
            continue
        units = chosen[label, run.dataset]
        if unit in units:
            twice.append(f"{path}, not {units[unit].folder.path} {which}")
        units[unit] = run
    kinds = {
        "Of several runs of one kind the newest counts": twice,
        "Left out, since the plan has no such fold or seed": outside,
    }
    return dict(chosen), [f"{text}: {'; '.join(runs)}." for text, runs in kinds.items() if runs]


def _state(plan: Plan | None, states: States, row: tuple[str, str], dataset: str) -> str:
    ours = [r for r in plan.runs if row in r.rows and r.dataset == dataset] if plan else []
    reasons = dict(states[run.id] for run in reversed(ours) if run.id in states)
    if "running" not in reasons and "failed" in reasons:
        return f"failed: {reasons['failed']}"
    words = {"running": "running", "stopped": "stopped", "done": "left out"}
    return next((text for state, text in words.items() if state in reasons), "not run")


def cell_over(
    dataset: str,
    metric: Metric,
    runs: dict[Unit, Run],
    planned: set[Unit],
    paper: PaperFigure | None,
    state: str,
) -> Cell:
    """Summarise a row's runs on a data set; `state` says why there are none."""
    values_of = fold_means(runs.values(), metric)
    folds = list(values_of.values())
    planned_folds = len({fold for fold, _ in planned})
    number = sum(value_of(run, metric) is not None for run in runs.values())
    lacking = "" if number == len(planned) else f"{number} of {len(planned)} runs"
    if len(folds) < planned_folds:
        lacking = f"{len(folds)} of {planned_folds} folds"
    ordered = not metric.ordinal or any(run.ordinal for run in runs.values())
    undefined = "undefined" if ordered else "classes without order"
    return Cell(
        dataset,
        metric,
        mean=fmean(folds) if folds else None,
        deviation=stdev(folds) if len(folds) > 1 else None,
        values=values_of,
        planned_folds=planned_folds,
        lacking=lacking,
        paper=paper,
        state="" if folds else undefined if runs else state,
    )
