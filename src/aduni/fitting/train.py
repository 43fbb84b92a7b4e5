"""Train the runs of a fit within its time, through the jobs of reproduce.py."""

from collections.abc import Sequence
from pathlib import Path

from aduni.cli.arguments import quoted
from aduni.config.times import exact_time
from aduni.fitting.clock import Clock
from aduni.fitting.fit_settings import FitSettings
from aduni.reproduce.jobs import train_all
from aduni.results.plan import Plan, PlannedRun, run_folder, state_of
from aduni.system.atomic_files import write_json

END_SECONDS = 15.0
"""Time that is kept for the decision and the page."""
AFTER_TRAINING_SECONDS = 20.0
"""Time that a run needs beside its epochs: start, test and pages."""


def train(folder: Path, runs: Sequence[PlannedRun], clock: Clock, settings: FitSettings) -> None:
    """Train what is not finished: first the quick runs, then the fine-tuned ones.

    Of the time that is left each fine-tuned run gets an equal share, so that a slow machine
    shortens all of them alike.
    """
    fine_tuned = [run for run in runs if is_fine_tuned(run, settings)]
    quick = [run for run in runs if run not in fine_tuned]
    _train_group(folder, runs, quick, clock, settings)
    pending = [run for run in fine_tuned if state_of(run_folder(folder, run)) != "done"]
    at_once = max(len(settings.gpus), 1)
    for start in range(0, len(pending), at_once):
        rounds = -(-(len(pending) - start) // at_once)
        seconds = (clock.left - END_SECONDS) / rounds - AFTER_TRAINING_SECONDS
        if seconds <= 0:
            return
        limited = {run.id: _limited(run, seconds) for run in pending[start : start + at_once]}
        runs = [limited.get(run.id, run) for run in runs]
        _train_group(folder, runs, list(limited.values()), clock, settings)


def is_fine_tuned(run: PlannedRun, settings: FitSettings) -> bool:
    """Tell whether a run trains all weights, which takes minutes and more."""
    rows = (settings.preset.rows.get(label) for _, label in run.rows)
    return any(row is not None and not row.is_frozen for row in rows)


def _limited(run: PlannedRun, seconds: float) -> PlannedRun:
    """Return a run that ends after this time, at the end of an epoch."""
    limit = f"max_time={exact_time(int(seconds))}"
    return run.model_copy(update={"overrides": (*run.overrides, limit)})


def _train_group(
    folder: Path,
    runs: Sequence[PlannedRun],
    group: Sequence[PlannedRun],
    clock: Clock,
    settings: FitSettings,
) -> None:
    folds = tuple(dict.fromkeys(run.fold for run in runs))
    plan = Plan(profile="fit", folds=folds, runs=tuple(runs))
    write_json(plan.model_dump(mode="json"), folder / "plan.json")
    overrides = [f"output={quoted(str(folder))}", "name=fit"]
    if settings.gpus:
        overrides += [f"gpus=[{','.join(map(str, settings.gpus))}]"]
        overrides += ["hydra/launcher=joblib", f"hydra.launcher.n_jobs={len(settings.gpus)}"]
    train_all(folder, plan, group, overrides, until=clock.end - END_SECONDS)
