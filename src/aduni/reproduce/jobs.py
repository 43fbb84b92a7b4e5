"""One planned run as a command that can be called any number of times."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from aduni.errors import UserError
from aduni.results.plan import Plan, PlannedRun, is_locked, run_folder, state_of
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_json, write_json

TRAIN = Path(__file__).resolve().parents[2] / "train.py"
INTERRUPTED = 130


def train_planned(
    root: Path, plan: Plan, identity: str, *, gpus: Sequence[int] = (), logging: Sequence[str] = ()
) -> None:
    """Train a planned run to its end; returns at once where it is finished or being trained.

    A failure is noted in the run's folder and raises nothing, so that other runs go on.

    Args:
        root: of the reproduction.
        plan: holds the run.
        identity: of the run.
        gpus: the run takes one that no other run has; empty to leave the choice to train.py.
        logging: overrides of train.py for the dashboard.

    Raises:
        UserError: the plan has no such run.
        KeyboardInterrupt: the training was interrupted.
    """
    runs = {run.id: run for run in plan.runs}
    if identity not in runs:
        raise UserError(
            f"job={identity} is no run of {root / 'plan.json'}; run reproduce.py without job."
        )
    run = runs[identity]
    folder = run_folder(root, run)
    if state_of(folder) in ("done", "running"):
        return
    folder.path.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.job_lock, timeout=1), _one_of(gpus, root) as environment:
            folder.failure.unlink(missing_ok=True)
            print(f"{run.folder}: {'goes on' if folder.can_continue() else 'starts'}", flush=True)
            status = _call(_command(root, runs, run, logging), folder, environment)
            _settle(folder, status)
    except Timeout:
        return  # another job was faster


def _command(
    root: Path, runs: dict[str, PlannedRun], run: PlannedRun, logging: Sequence[str]
) -> list[str]:
    folder = run_folder(root, run)
    if folder.can_continue():
        # It takes torch, which a call that trains nothing does without.
        from aduni.config.resume import may_change

        return [f"resume={folder.path}", *filter(may_change, run.overrides)]
    first = []
    if run.first_stage:
        checkpoint = run_folder(root, runs[run.first_stage]).checkpoint("best")
        first = [f"method.stage1_ckpt={checkpoint}"]
    return [*run.overrides, *first, *logging, f"hydra.run.dir={folder.path}"]


@contextmanager
def _one_of(gpus: Sequence[int], root: Path) -> Iterator[dict[str, str]]:
    """Environment with a GPU that is free among a reproduction's jobs on this machine."""
    if not gpus:
        yield dict(os.environ)
        return
    while True:
        for gpu in gpus:
            try:
                with FileLock(root / f".gpu{gpu}.lock", blocking=False):
                    yield {**os.environ, "CUDA_VISIBLE_DEVICES": str(gpu)}
                    return
            except Timeout:
                continue
        time.sleep(1)


def _call(overrides: list[str], folder: RunFolder, environment: dict[str, str]) -> int:
    """Exit status of train.py; what it prints goes into the run's folder."""
    with folder.console.open("w") as console:
        process = subprocess.Popen(
            [sys.executable, os.path.relpath(TRAIN), *overrides],
            env=environment,
            stdout=console,
            stderr=subprocess.STDOUT,
        )
        return ended(process, patience=60)


def ended(process: "subprocess.Popen[bytes]", patience: float) -> int:
    """Exit status of a child; an interruption reaches it, and its last words are waited for.

    Args:
        process: the child.
        patience: seconds for its last words.
    """
    try:
        return process.wait()
    except KeyboardInterrupt:  # of Ctrl-C the child knows, of SIGTERM to this process it does not
        process.terminate()
        process.wait(timeout=patience)
        raise


def _settle(folder: RunFolder, status: int) -> None:
    """Tidy up after a training, or note why it failed."""
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    if status == 0:
        for name in ("last", "previous"):  # nothing is left to resume
            folder.checkpoint(name).unlink(missing_ok=True)
        macro_f1 = read_json(folder.metrics)["test"]["macro_f1"]
        print(f"{folder.path.name}: macro F1 {macro_f1:.3f}", flush=True)
    elif not is_locked(folder.lock):
        reason = _reason(folder, status)
        write_json({"reason": reason, "status": status}, folder.failure)
        print(f"{folder.path.name}: failed: {reason}", flush=True)


def _reason(folder: RunFolder, status: int) -> str:
    """The last error in what the training printed."""
    lines = folder.console.read_text(errors="replace").splitlines()
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if status < 0:
        return f"It was ended by the signal {signal.Signals(-status).name}."
    return errors[-1] if errors else f"It ended with status {status}: {lines[-1] if lines else ''}"
