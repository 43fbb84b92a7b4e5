"""Print the progress of a reproduction and estimate the time left."""

import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from aduni.errors import UserError
from aduni.results.history_csv import read_history
from aduni.results.plan import (
    FLOORS,
    SWITCHES,
    Plan,
    PlannedRun,
    State,
    failure_of,
    run_folder,
    state_of,
)
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_json, read_yaml

TABLES = {"methods": "table 1", "sampling": "table 2", SWITCHES: "table 3", FLOORS: "floors"}
"""Names that the paper and the command line have for tables."""


def print_status(root: Path, plan: Plan, runs: Sequence[PlannedRun]) -> None:
    """Print a line for each unfinished run, the number of runs by state, and the time left."""
    states = {run.id: state_of(run_folder(root, run)) for run in plan.runs}
    unfinished = [run for run in runs if states[run.id] != "done"]
    lines = [(*_names(run), states[run.id]) for run in unfinished]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for run, words in zip(unfinished, lines, strict=True):
        padded = (word.ljust(width) for word, width in zip(words, widths, strict=True))
        print("  ".join([*padded, _detail(root, run, states)]).rstrip())
    counts = Counter(states[run.id] for run in runs)
    print(", ".join(f"{count} {state}" for state, count in counts.items()))
    print(_estimate(root, plan, runs, states))


def _names(run: PlannedRun) -> tuple[str, str, str, str]:
    """Return data set, table and row of a run, the first of several, its fold and its seed."""
    table, label = run.rows[0]
    others = f" (and {len(run.rows) - 1} more)" if len(run.rows) > 1 else ""
    row = f"{TABLES.get(table, table)}: {label}{others}"
    return run.dataset, row, f"fold {run.fold}", f"seed {run.seed}"


def _detail(root: Path, run: PlannedRun, states: dict[str, State]) -> str:
    folder = run_folder(root, run)
    state = states[run.id]
    if state == "failed":
        return f"{failure_of(folder)} See {folder.console}."
    if state in ("running", "stopped") and folder.config.exists():
        done, planned = _epochs(folder)
        return f"epoch {done} of {planned}"
    if run.first_stage and states[run.first_stage] != "done":
        return "waits for its first stage"
    return ""


def _estimate(root: Path, plan: Plan, runs: Sequence[PlannedRun], states: dict[str, State]) -> str:
    """Estimate the training time left from the finished runs."""
    unfinished = [run for run in runs if states[run.id] != "done"]
    if not unfinished:
        return "All runs are finished."
    finished = [run for run in plan.runs if states[run.id] == "done"]
    seconds = {run: _train_seconds(run_folder(root, run)) for run in finished}
    if not seconds:
        return "Time left: known once a run is finished."
    total = 0.0
    for run in unfinished:
        folder = run_folder(root, run)
        done, planned = _epochs(folder) if folder.config.exists() else (0, 1)
        total += _expected_seconds(run, seconds) * (1 - min(done / planned, 1))
    parallel = max(sum(state == "running" for state in states.values()), 1)
    return f"Time left: about {_format_duration(total / parallel)}, with {parallel} at a time."


def _expected_seconds(run: PlannedRun, seconds: dict[PlannedRun, float]) -> float:
    """Return the mean of runs of the same rows and data set, else of the data set, else of all."""
    same_data = [s for other, s in seconds.items() if other.dataset == run.dataset]
    same_row = [
        s for other, s in seconds.items() if (other.dataset, other.rows) == (run.dataset, run.rows)
    ]
    return statistics.mean(same_row or same_data or seconds.values())


def _train_seconds(folder: RunFolder) -> float:
    value = read_json(folder.metrics).get("train_seconds")
    return float(value) if isinstance(value, int | float) else 0.0


def _epochs(folder: RunFolder) -> tuple[int, int]:
    try:
        planned = int(read_yaml(folder.config)["epochs"])
        done = len(read_history(folder.history))
    except (UserError, KeyError, ValueError, OSError):  # the next attempt reports it
        return 0, 1
    return min(done, planned), max(planned, 1)


def _format_duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
