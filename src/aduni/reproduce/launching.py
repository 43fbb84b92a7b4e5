"""Launch the runs of a plan by Hydra's launchers until none is left to train."""

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from aduni.errors import UserError
from aduni.reproduce.jobs import INTERRUPTED, wait_for
from aduni.results.plan import Plan, PlannedRun, run_folder, state_of

REPRODUCE = Path(__file__).resolve().parents[2] / "reproduce.py"
POLL_SECONDS = 2


def train_all(root: Path, plan: Plan, runs: Sequence[PlannedRun], overrides: list[str]) -> None:
    """Train all unfinished runs; several calls at the same time share the work.

    Runs of one turn are launched together, before those of the next. A run that needs the first
    stage of another one waits for it. A failed run is not tried again in the same call.

    Args:
        root: folder of the reproduction.
        plan: plan, which contains the first stages too.
        runs: runs of this call.
        overrides: overrides of reproduce.py, which every job repeats.

    Raises:
        UserError: if the launcher failed.
        KeyboardInterrupt: if a job was interrupted.
    """
    failed: set[str] = set()
    while True:
        states = {run.id: state_of(run_folder(root, run)) for run in plan.runs}
        pending = [run for run in runs if states[run.id] != "done" and run.id not in failed]
        ready = [run for run in pending if not run.first_stage or states[run.first_stage] == "done"]
        idle = [run for run in ready if states[run.id] != "running"]
        batch = [run for run in idle if run.turn == idle[0].turn]
        if batch:
            _launch(root, [run.id for run in batch], overrides)
            for run in batch:
                if state_of(run_folder(root, run)) not in ("done", "running"):
                    failed.add(run.id)
        elif ready or any(states[run.first_stage or run.id] == "running" for run in pending):
            time.sleep(POLL_SECONDS)  # another call trains it
        else:
            return


def _launch(root: Path, run_ids: list[str], overrides: list[str]) -> None:
    """Call reproduce.py as a Hydra multirun with a job for each run."""
    jobs = ",".join(f"'{run_id}'" for run_id in run_ids)  # an id may look like a number
    arguments = ["--multirun", f"job={jobs}", f"hydra.sweep.dir={root / '.jobs'}", *overrides]
    process = subprocess.Popen([sys.executable, str(REPRODUCE), *arguments])
    status = wait_for(process, timeout=120)
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    if status:
        raise UserError(
            f"Hydra's launcher ended with status {status}; see its message above, and call again."
        )
