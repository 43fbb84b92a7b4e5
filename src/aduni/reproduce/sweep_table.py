"""Print the table of a multirun at its end: settings by folds, mean and deviation.

The last column has the validation part's mean, so that who tries settings need not choose by test
images.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from aduni.system.program import command_text

if TYPE_CHECKING:  # the imports of a multirun's end would delay its beginning
    from rich.table import Table

    from aduni.results.finished_runs import Run

Scores = dict[str, dict[tuple[int, int], float]]
"""Macro F1 by setting, then by fold and seed."""

MAX_COLUMNS = 6
"""Of more folds and seeds than these, only mean and deviation have room."""


class SweepTable(Callback):
    """Hydra callback of train.py."""

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Print the table of the sweep's finished runs, and the command of their report."""
        from aduni.cli.end_summary import print_tables
        from aduni.cli.mistyped.quoting import to_argument
        from aduni.results.finished_runs import read_runs

        folder = Path(config.hydra.sweep.dir)
        runs, problems = read_runs(folder)
        unread = [f"Left out: {each.folder} ({each.reason})" for each in problems]
        report = f"Next: {command_text('report')} {to_argument('runs', str(folder))}"
        print_tables(*sweep_tables(runs), *unread, report)


def sweep_tables(runs: "Sequence[Run]") -> "Iterator[Table]":
    """Yield a table of macro F1 for each data set."""
    from aduni.reporting.tables.own_settings import setting_labels

    labels = setting_labels(runs)
    for dataset in dict.fromkeys(run.dataset for run in runs):
        tested: Scores = {}
        validated: Scores = {}
        for run in runs:
            if run.dataset == dataset:
                label = labels[run.folder.path]
                scores = tested.setdefault(label, {})
                scores[run.fold, run.seed] = float(run.test["macro_f1"])
                if validation := run.metrics["validation"]:
                    scores = validated.setdefault(label, {})
                    scores[run.fold, run.seed] = float(validation["macro_f1"])
        yield _table(dataset, tested, validated)


def _table(dataset: str, tested: Scores, validated: Scores) -> "Table":
    from rich.table import Table

    keys = sorted({key for scores in tested.values() for key in scores})
    shown = keys if len(keys) <= MAX_COLUMNS else []
    several = len({seed for _, seed in keys}) > 1
    table = Table("setting", title=f"{dataset}: macro F1 of the test part; choose by validation")
    names = [f"fold {fold}, seed {seed}" if several else f"fold {fold}" for fold, seed in shown]
    for name in (*names, "mean", "deviation", "validation mean"):
        table.add_column(name, justify="right")
    for label, scores in tested.items():
        values = [*scores.values()]
        cells = [f"{scores[key]:.4f}" if key in scores else "-" for key in shown]
        deviation = f"{stdev(values):.4f}" if len(values) > 1 else "-"
        chosen = f"{fmean(validated[label].values()):.4f}" if label in validated else "-"
        table.add_row(label, *cells, f"{fmean(values):.4f}", deviation, chosen)
    return table
