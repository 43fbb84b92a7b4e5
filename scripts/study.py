"""Write the tables and the figure of docs/findings.md from the kept runs of the study.

    python scripts/study.py

The kept runs are in results/study. Behind `<!-- scores: aptos -->` stands a line for each row,
floors included: its folds and seeds, and means over folds of the test part's metrics. Behind
`<!-- primary -->` stand the differences of macro F1 that the question is about, and behind
`<!-- secondary: aptos -->` those of all other rows to AdUni. How they are computed was fixed before
the runs: docs/findings.md, "Statistics".
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from statistics import fmean

from aduni.cli.app import run_command
from aduni.errors import UserError
from aduni.metrics.fold_intervals import Verdict, interval_over_folds, verdict
from aduni.metrics.names import METRICS
from aduni.reporting.figures.differences import draw_differences
from aduni.reporting.figures.style import save
from aduni.reporting.statistics.paired import (
    common_runs,
    corrected_t_test,
    fold_differences,
    test_share,
)
from aduni.reporting.statistics.tuned_logit_adjustment import with_tuned_adjustment
from aduni.reporting.tables.fold_means import fold_means
from aduni.reporting.tables.table import title_of
from aduni.results.finished_runs import Run, read_run
from aduni.results.plan import read_plan, run_folder

ROOT = Path(__file__).resolve().parents[1]
STUDY = ROOT / "results" / "study"
PAGE = ROOT / "docs" / "findings.md"
MARK = re.compile(r"(<!-- (scores|primary|secondary)(?:: (\w+))? -->\n)(?:.+\n)*")
DATASETS = ("aptos", "isic2018")
METHOD, CE, POST_HOC = "AdUni", "CE", "CE, post-hoc adjustment"
BASELINES = (CE, POST_HOC, "Balanced Softmax")
PLANNED_TESTS = len(DATASETS) * len(BASELINES)
FOLDS, SEEDS = 5, 2
"""Planned of a primary row; a secondary one has one seed."""
LEVEL = 0.05
SHOWN = ("macro_f1", "accuracy", "balanced_accuracy", "macro_auroc")

Units = Mapping[tuple[int, int], Run]
"""Runs of a row by fold and seed."""


def main() -> None:
    """Write the tables of the page, and the figure beside it."""
    rows = rows_of(STUDY)
    PAGE.write_text(with_tables(PAGE.read_text(), rows))
    draw(rows, PAGE.parent / "pictures")


def rows_of(source: Path) -> dict[str, dict[str, Units]]:
    """Return the finished runs of a reproduction by data set and row.

    Post-hoc adjustment is not trained: it is CE's runs, each with the tau that its validation part
    gives.
    """
    plan = read_plan(source)
    if plan is None:
        raise UserError(f"{source} has no plan.json; give the folder of a reproduction.")
    found: dict[str, dict[str, dict[tuple[int, int], Run]]] = defaultdict(lambda: defaultdict(dict))
    for planned in plan.runs:
        folder = run_folder(source, planned)
        if folder.metrics.is_file():
            run = read_run(folder)
            for _, row in planned.rows:
                found[planned.dataset][row][run.fold, run.seed] = run
    for rows in found.values():
        moved = {unit: with_tuned_adjustment(run) for unit, run in rows.get(CE, {}).items()}
        rows[POST_HOC] = {unit: run for unit, run in moved.items() if run}
    return {dataset: dict(found.get(dataset, {})) for dataset in DATASETS}


@dataclass(frozen=True)
class Difference:
    """Macro F1 of one row minus that of another, fold by fold, each the mean over seeds."""

    dataset: str
    row: str
    baseline: str
    folds: tuple[float, ...]
    runs: int
    """Runs that each of the two rows has."""
    share: float
    """Test images to training images, for the corrected interval."""

    @cached_property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % t interval of the mean over folds."""
        return interval_over_folds(self.folds)

    @cached_property
    def corrected(self) -> tuple[float, float] | None:
        """The same, widened for training parts that overlap (Nadeau and Bengio 2003)."""
        return interval_over_folds(self.folds, self.share)

    @cached_property
    def p(self) -> float | None:
        """Two-sided p of the paired t-test over folds."""
        return corrected_t_test(self.folds, 0.0)[0]


def difference(rows: Mapping[str, Units], dataset: str, row: str, baseline: str) -> Difference:
    """Compare two rows of a data set over the folds and seeds that both have."""
    a, b, _ = common_runs(dict(rows.get(row, {})), dict(rows.get(baseline, {})))
    folds = tuple(fold_differences(a, b, "macro_f1").values())
    share = (test_share(a) or 0.0) if a else 0.0
    return Difference(dataset, row, baseline, folds, len(a), share)


def holm(ps: Sequence[float], tests: int) -> list[float]:
    """Return Holm's adjusted p values; tests that have not been run yet count as not significant.

    The i-th smallest of m is max_{j <= i} (m - j + 1) p_(j), at most 1.
    """
    order = sorted(range(len(ps)), key=lambda i: ps[i])
    adjusted, highest = [0.0] * len(ps), 0.0
    for rank, i in enumerate(order):
        highest = max(highest, min(1.0, (tests - rank) * ps[i]))
        adjusted[i] = highest
    return adjusted


def passes_gate(rows: Mapping[str, Units]) -> bool:
    """Tell whether CE's validation macro F1 lies above the highest floor's, in the same folds."""
    own = rows.get(CE, {})
    folds = {fold for fold, _ in own}
    floors = [
        [run for (fold, _), run in units.items() if fold in folds]
        for units in rows.values()
        if units and _is_floor(units)
    ]
    means = [_validation_mean(runs) for runs in floors if runs]
    return bool(means) and _validation_mean(own.values()) > max(means)


def with_tables(page: str, rows: Mapping[str, Mapping[str, Units]]) -> str:
    """Return a page with all its tables made anew."""

    def made(mark: re.Match[str]) -> str:
        if mark[2] == "scores":
            lines = scores_of(rows[mark[3]], mark[3])
        elif mark[2] == "primary":
            lines = primary_of(rows)
        else:
            lines = secondary_of(rows[mark[3]], mark[3])
        return mark[1] + "".join(f"{line}\n" for line in lines)

    return MARK.sub(made, page)


def scores_of(rows: Mapping[str, Units], dataset: str) -> Iterator[str]:
    """Yield the lines of the scores of one data set, the highest macro F1 first."""
    titles = [METRICS[key].title for key in SHOWN]
    yield f"| {title_of(dataset)} | folds, seeds | {' | '.join(titles)} |"
    yield "|---|---|" + "---:|" * len(SHOWN)
    means = {
        row: [fmean(fold_means(units.values(), METRICS[key]).values()) for key in SHOWN]
        for row, units in rows.items()
        if units
    }
    for row, values in sorted(means.items(), key=lambda item: -item[1][0]):
        folds, seeds = (len({unit[part] for unit in rows[row]}) for part in (0, 1))
        cells = " | ".join(f"{value:.3f}" for value in values)
        yield f"| {row} | {folds}, {seeds} | {cells} |"


def primary_of(rows: Mapping[str, Mapping[str, Units]]) -> Iterator[str]:
    """Yield the lines of the six differences that the question is about."""
    yield f"| | {METHOD} minus | difference | t interval | corrected | p | Holm | verdict |"
    yield "|---|---|---:|---|---|---:|---:|---|"
    found = [
        difference(rows[dataset], dataset, METHOD, baseline)
        for dataset in DATASETS
        for baseline in BASELINES
    ]
    finished = [each for each in found if each.runs == FOLDS * SEEDS]
    compared = [each for each in finished if passes_gate(rows[each.dataset])]
    tested = {each: each.p for each in compared if each.p is not None}
    adjusted = dict(zip(tested, holm(list(tested.values()), PLANNED_TESTS), strict=True))
    for each in found:
        if each in compared:
            yield _line(each, adjusted.get(each))
        elif each in finished:
            yield _without_figures(each, "no comparison: CE is not above the floors")
        else:
            yield _without_figures(each, f"unfinished: {each.runs} of {FOLDS * SEEDS} runs")


def secondary_of(rows: Mapping[str, Units], dataset: str) -> Iterator[str]:
    """Yield the lines of AdUni's differences to all finished rows that are not primary."""
    yield f"| {title_of(dataset)} | {METHOD} minus it | t interval |"
    yield "|---|---:|---|"
    if not passes_gate(rows):
        return
    for row, units in rows.items():
        if row not in (METHOD, *BASELINES) and units and not _is_floor(units):
            each = difference(rows, dataset, METHOD, row)
            if len(each.folds) == FOLDS:
                yield f"| {row} | {fmean(each.folds):+.3f} | {_ends(each.interval)} |"


def _line(each: Difference, adjusted: float | None) -> str:
    names = f"{title_of(each.dataset)} | {each.baseline}"
    ps = ["" if p is None else f"{p:.3f}" for p in (each.p, adjusted)]
    cells = (_ends(each.interval), _ends(each.corrected), *ps, decided(each, adjusted))
    return f"| {names} | {fmean(each.folds):+.3f} | {' | '.join(cells)} |"


def _without_figures(each: Difference, reason: str) -> str:
    """Return a line without figures: looking early would change what an interval means."""
    return f"| {title_of(each.dataset)} | {each.baseline} | | | | | | {reason} |"


def decided(each: Difference, adjusted: float | None) -> Verdict:
    """Return the verdict of a primary difference: ahead and behind go by Holm's p."""
    shown = verdict(each.interval, len(each.folds))
    is_clear = adjusted is not None and adjusted < LEVEL
    return "not resolved" if shown in ("ahead", "behind") and not is_clear else shown


def draw(rows: Mapping[str, Mapping[str, Units]], folder: Path) -> None:
    """Draw the primary differences, folds as dots; nothing before all of a data set are there."""
    found: dict[str, tuple[float, ...]] = {}
    for dataset in DATASETS:
        own = [difference(rows[dataset], dataset, METHOD, base) for base in BASELINES]
        if all(each.runs == FOLDS * SEEDS for each in own) and passes_gate(rows[dataset]):
            found |= {f"{title_of(dataset)}, {each.baseline}": each.folds for each in own}
    if found:
        _, pdf = save(draw_differences(found, f"{METHOD} minus its baselines"), folder, "primary")
        pdf.unlink()


def _is_floor(units: Units) -> bool:
    return next(iter(units.values())).is_floor


def _validation_mean(runs: Iterable[Run]) -> float:
    return fmean(run.metrics["validation"]["macro_f1"] for run in runs)


def _ends(interval: tuple[float, float] | None) -> str:
    return "" if interval is None else f"{interval[0]:+.3f} to {interval[1]:+.3f}"


if __name__ == "__main__":
    run_command(main)
