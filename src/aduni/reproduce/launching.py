"""Runs are placed by Hydra's launchers until nothing is left that can be trained."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aduni.errors import UserError
from aduni.reproduce.jobs import INTERRUPTED, ended
from aduni.results.plan import Plan, PlannedRun, run_folder, state_of

REPRODUCE = Path(__file__).resolve().parents[2] / "reproduce.py"
PATIENCE = 2  # seconds between two looks at what another process trains


def train_all(root: Path, plan: Plan, runs: Sequence[PlannedRun], overrides: list[str]) -> None:
    """Train what is not finished; several calls at once share the work.

    Runs of one turn are placed together, before those of the next. A run that needs another's first
    stage waits for it. What fails is not tried twice in one call.

    Args:
        root: of the reproduction.
        plan: holds first stages, too.
        runs: those of this call.
        overrides: of reproduce.py, which every job repeats.

    Raises:
        UserError: the launcher failed.
        KeyboardInterrupt: somebody interrupted a job.
    """
    tried: set[str] = set()
    while True:
        states = {run.id: state_of(run_folder(root, run)) for run in plan.runs}
        open_runs = [run for run in runs if states[run.id] != "done" and run.id not in tried]
        ready = [
            run for run in open_runs if not run.first_stage or states[run.first_stage] == "done"
        ]
        mine = _of_one_turn([run for run in ready if states[run.id] != "running"])
        if mine:
            _launch(root, [run.id for run in mine], overrides)
            tried |= {run.id for run in mine if _has_failed(root, run)}
        elif ready or any(states[run.first_stage or run.id] == "running" for run in open_runs):
            time.sleep(PATIENCE)  # another call trains it
        else:
            return


def _of_one_turn(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Those of the first run's turn."""
    return [run for run in runs if run.turn == runs[0].turn]


def _has_failed(root: Path, run: PlannedRun) -> bool:
    return state_of(run_folder(root, run)) not in ("done", "running")


def _launch(root: Path, identities: list[str], overrides: list[str]) -> None:
    """A Hydra multirun with a job for each run."""
    quoted = ",".join(f"'{identity}'" for identity in identities)  # one may look like a number
    jobs = [f"job={quoted}", f"hydra.sweep.dir={root / '.jobs'}"]
    command = [sys.executable, str(REPRODUCE), "--multirun", *jobs, *overrides]
    status = ended(subprocess.Popen(command), patience=120)
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    if status:
        raise UserError(
            f"Hydra's launcher ended with status {status}; see its message above, and call again."
        )
