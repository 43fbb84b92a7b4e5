"""Keep the figures of a reproduction's runs, and write them as tables into the documentation.

    python scripts/leaderboard.py outputs/reproduce/heads results/heads   # keep, then write
    python scripts/leaderboard.py                                         # write what is kept

Of each finished run `runs.csv` keeps its row, data set, fold, seed, learning rate and metrics;
predictions are not kept. Runs that it holds and the reproduction lacks stay, so that folds can run
one after another; delete the file to begin anew. A table of a page stands behind the mark
`<!-- runs heads: aptos -->`: a line for each row with its means over folds, the 95 % t interval of
macro F1, and the difference to the first row. Bold: not detectably behind the best (the interval of
the difference over folds holds 0). Behind `<!-- tuning heads: aptos -->` stands what the rates were
chosen by, and behind `<!-- summary heads -->` a few rows of all data sets.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from aduni.cli.app import run_command
from aduni.errors import UserError
from aduni.metrics.fold_intervals import MIN_FOLDS, interval_over_folds
from aduni.reporting.tables.table import title_of
from aduni.results.plan import read_plan, run_folder
from aduni.results.run_files import read_config, read_metrics
from aduni.system.atomic_files import read_yaml, write_csv

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / name for name in ("README.md", "docs/leaderboard.md", "docs/findings.md")]
MARK = re.compile(r"(<!-- (runs|tuning|summary) (\w+)(?:: (\w+))? -->\n)(?:.+\n)*")
KEPT = ("accuracy", "macro_f1", "balanced_accuracy", "macro_auroc", "quadratic_kappa")
SHOWN = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy", "macro_auroc": "AUROC"}
UNIT = ["dataset", "row", "fold"]
FLOORS = {row["name"] for row in read_yaml(ROOT / "conf" / "table" / "floors.yaml")["rows"]}
SUMMARY = ("AdUni", "Balanced Softmax", "CE")
SPACE = "\N{NO-BREAK SPACE}"
"""Keeps an interval on one line."""


def main() -> None:
    """Keep the runs that the command line names, if it does, and write the page."""
    if len(sys.argv) not in (1, 3):
        raise UserError("Give the folder of a reproduction and the one to keep it in, or neither.")
    if len(sys.argv) == 3:
        source, target = map(Path, sys.argv[1:])
        target.mkdir(parents=True, exist_ok=True)
        file = target / "runs.csv"
        before = pd.read_csv(file) if file.is_file() else None
        write_csv(joined(before, kept_runs(source), [*UNIT, "seed"]), file)
    for page in PAGES:
        page.write_text(with_tables(page.read_text()))


def kept_runs(source: Path) -> pd.DataFrame:
    """Return a line for each finished run of a reproduction and each of its rows."""
    plan = read_plan(source)
    if plan is None:
        raise UserError(f"{source} has no plan.json; give the folder of a reproduction.")
    lines = []
    for run in plan.runs:
        folder = run_folder(source, run)
        if folder.metrics.is_file():
            metrics = read_metrics(folder)
            figures = {key: metrics["test"][key] for key in KEPT}
            lr = None if metrics["selected_epoch"] is None else read_config(folder).get("lr")
            for _, row in run.rows:
                lines.append(
                    {
                        **{"dataset": run.dataset, "row": row, "fold": run.fold, "seed": run.seed},
                        **{"lr": lr, "train_seconds": metrics["train_seconds"]},
                        "validation_macro_f1": (metrics["validation"] or {}).get("macro_f1"),
                        **figures,
                    }
                )
    return pd.DataFrame(lines)


def joined(before: pd.DataFrame | None, now: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    """Return the lines of both, sorted by the keys; of those that both have, the line of now."""
    lines = pd.concat([before, now]).drop_duplicates(keys, keep="last")
    return lines.sort_values(keys, ignore_index=True)


def with_tables(page: str) -> str:
    """Return a page with all its tables made anew."""

    def made(mark: re.Match[str]) -> str:
        name = {"tuning": "tuning.csv"}.get(mark[2], "runs.csv")
        frame = pd.read_csv(ROOT / "results" / mark[3] / name)
        if mark[4]:
            frame = frame[frame["dataset"] == mark[4]]
        lines = {"runs": table_of, "tuning": tuning_of, "summary": summary_of}[mark[2]]
        return mark[1] + "".join(f"{line}\n" for line in lines(frame))

    return MARK.sub(made, page)


def table_of(runs: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of the table of one data set, its best row first."""
    figures = [*KEPT, "validation_macro_f1"]
    folds = runs.groupby(UNIT)[figures].mean().droplevel("dataset")
    means = folds.groupby("row").mean().sort_values("macro_f1", ascending=False)
    first = "CE"
    titles = [title_of(runs["dataset"].iloc[0]), "macro F1", f"to {first}", *SHOWN.values()]
    yield f"| {' | '.join(titles)} |"
    yield "|---|---|---|" + "---|" * len(SHOWN)
    best = folds.loc[means.index[0], "macro_f1"]
    for row, mean in means.iterrows():
        own = folds.loc[row, "macro_f1"]
        behind = _interval(best - own)
        is_best = len(own) >= MIN_FOLDS and (behind is None or behind[0] <= 0)
        middle = f"{mean['macro_f1']:.3f}"
        gap = own - folds.loc[first, "macro_f1"]
        cells = [
            f"{f'**{middle}**' if is_best else middle} ({_ends(own)})",
            "" if row == first else f"{gap.mean():+.3f} ({_ends(gap, '+.3f')})",
            *(f"{mean[key]:.3f}" for key in SHOWN),
        ]
        yield f"| {row} | {' | '.join(cells)} |"


def summary_of(runs: pd.DataFrame) -> Iterator[str]:
    """Yield macro F1 of a few rows, of the highest one and the highest floor, on all data sets."""
    datasets = list(runs["dataset"].unique())
    is_floor = runs["row"].isin(FLOORS)
    trained, floors = (_means(runs[kind]) for kind in (~is_floor, is_floor))
    yield f"| macro F1 | {' | '.join(map(title_of, datasets))} |"
    yield "|---|" + "---|" * len(datasets)
    cells = " | ".join(_best(trained[dataset]) for dataset in datasets)
    yield f"| highest row | {cells} |"
    for row in SUMMARY:
        yield f"| {row} | {' | '.join(_cell(trained[dataset][row]) for dataset in datasets)} |"
    cells = " | ".join(_best(floors[dataset]) for dataset in datasets)
    yield f"| highest floor (no network) | {cells} |"


def _means(runs: pd.DataFrame) -> "pd.Series[float]":
    """Return macro F1 of each data set, row and fold."""
    return runs.groupby(UNIT)["macro_f1"].mean()


def _best(folds: "pd.Series[float]") -> str:
    """Return the name of the row with the highest mean, its cell, and the number of rows."""
    means = folds.groupby("row").mean()
    row = means.idxmax()
    return f"{row} {_cell(folds[row])}, of {len(means)}"


def _cell(folds: "pd.Series[float]") -> str:
    return f"{folds.mean():.3f} ({_ends(folds)})"


def tuning_of(tuning: pd.DataFrame) -> Iterator[str]:
    """Yield the lines of a table: macro F1 of the validation part for each row and rate."""
    if tuning.empty:
        return
    scores = tuning.pivot(index="row", columns="lr", values="validation_macro_f1")
    yield f"| {title_of(tuning['dataset'].iloc[0])} | {' | '.join(map(str, scores.columns))} |"
    yield "|---|" + "---:|" * len(scores.columns)
    for row in tuning["row"].unique():
        cells = ["" if pd.isna(score) else f"{score:.3f}" for score in scores.loc[row]]
        yield f"| {row} | {' | '.join(cells)} |"


def _interval(values: pd.Series) -> tuple[float, float] | None:
    """Return the t interval of a mean over folds; None where all are 0."""
    values = values.dropna()
    return interval_over_folds(values.tolist()) if values.abs().max() > 0 else None


def _ends(values: pd.Series, form: str = ".3f") -> str:
    folds = values.dropna().tolist()
    ends = interval_over_folds(folds) if len(folds) >= MIN_FOLDS else None
    return "too few folds" if ends is None else f"{ends[0]:{form}}{SPACE}to{SPACE}{ends[1]:{form}}"


if __name__ == "__main__":
    run_command(main)
