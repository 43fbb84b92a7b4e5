"""Try learning rates for each row of a profile, on the validation part of fold 0.

    python -m scripts.tuning study results/study/tuning.csv --rates 0.0005 0.001 0.002

Each row of the profile's first table runs on each of its data sets with each rate, in place of the
row's own, with seed 100 and the profile's overrides. The file keeps macro F1 of the validation part
at the selected epoch; what it holds is not run again, and an interrupted run goes on at the next
call. `scripts/leaderboard.py` writes the file as tables into the documentation.
"""

from argparse import ArgumentParser, RawDescriptionHelpFormatter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from hydra import compose, initialize_config_dir

from aduni.cli.app import run_command
from aduni.errors import UserError
from aduni.reproduce.jobs import train_planned
from aduni.reproduce.planning import overrides_of, planned_run, write_plan
from aduni.reproduce.settings import Reproduction, read_reproduction
from aduni.reproduce.splits import SplitHashes
from aduni.results.plan import Plan, PlannedRun, failure_of, run_folder, state_of
from aduni.system.atomic_files import write_csv
from aduni.system.program import CONF
from scripts.leaderboard import joined, kept_runs

FOLD, SEED = 0, 100
"""The seed is none of those that are tested."""

CELL = ["row", "lr", "dataset"]
SCORE = "validation_macro_f1"


def main() -> None:
    """Run what the command line asks for, and keep its scores."""
    parser = ArgumentParser(description=__doc__, formatter_class=RawDescriptionHelpFormatter)
    parser.add_argument("profile", help="name in conf/profile")
    parser.add_argument("file", type=Path, help="table of the scores, made or added to")
    parser.add_argument("--rates", type=float, nargs="+", required=True)
    parser.add_argument("--output", type=Path, help="folder of the runs")
    parser.add_argument("--jobs", type=int, default=1, help="runs at a time (default: 1)")
    arguments = parser.parse_args()
    output = arguments.output or Path("outputs", "tuning", arguments.profile)
    output.mkdir(parents=True, exist_ok=True)
    with initialize_config_dir(str(CONF), version_base="1.3"):
        overrides = [f"profile={arguments.profile}", f"name={arguments.profile}", "logger=csv"]
        config = compose("reproduce", [*overrides, f"output={output}"])
        settings = read_reproduction(config)
        known = _cells_of(arguments.file)
        runs = tuple(run for cell, run in planned(settings, arguments.rates) if cell not in known)
    plan = Plan(profile=arguments.profile, folds=(FOLD,), runs=runs)
    write_plan(plan, settings)
    print(f"{len(runs)} runs to do; the scores of all others are in {arguments.file}.", flush=True)
    run_all(output, plan, arguments.file, arguments.jobs)


def planned(
    settings: Reproduction, rates: Sequence[float]
) -> Iterator[tuple[tuple[str, float, str], PlannedRun]]:
    """Yield row, rate and data set of each run, and the run."""
    hashes = SplitHashes(settings.output)
    for rate in rates:
        for dataset in settings.chosen_datasets:
            for row in settings.tables_of(dataset)["methods"].rows:
                own = overrides_of(settings, dataset, (), row)
                kept = [override for override in own if not override.startswith("lr=")]
                labels = (("methods", row.label),)
                run = planned_run((*kept, f"lr={rate}"), FOLD, SEED, hashes, labels)
                yield (row.label, rate, dataset), run


def run_all(output: Path, plan: Plan, file: Path, jobs: int) -> None:
    """Train the runs of a plan, several at a time, and keep the score of each that ends."""
    with ThreadPoolExecutor(jobs) as pool:
        for _ in pool.map(lambda run: train_planned(output, plan, run.id), plan.runs):
            keep(output, file)
    for run in plan.runs:
        folder = run_folder(output, run)
        if state_of(folder) == "failed":
            raise UserError(f"{folder.path} failed; mend this, and run again: {failure_of(folder)}")


def keep(output: Path, file: Path) -> None:
    """Add the scores of the finished runs in a folder to the table."""
    runs = kept_runs(output)
    if len(runs):
        before = pd.read_csv(file) if file.is_file() else None
        write_csv(joined(before, runs[[*CELL, SCORE]].round({SCORE: 6}), CELL), file)


def _cells_of(file: Path) -> set[tuple[str, float, str]]:
    """Return row, rate and data set of every score in the table."""
    if not file.is_file():
        return set()
    return set(pd.read_csv(file)[CELL].itertuples(index=False, name=None))


if __name__ == "__main__":
    run_command(main)
