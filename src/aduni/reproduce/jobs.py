"""Train one planned run; the call can be repeated any number of times."""

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
INTERRUPTED = 130  # exit status


def train_planned(
    root: Path, plan: Plan, run_id: str, *, gpus: Sequence[int] = (), logging: Sequence[str] = ()
) -> None:
    """Train a planned run to its end, or return at once if it is finished or being trained.

    A failure is written to the run's folder and not raised, so that other runs continue.

    Args:
        root: folder of the reproduction.
        plan: plan that contains the run.
        run_id: id of the run.
        gpus: GPUs of which the run takes one that is free; if empty, train.py chooses.
        logging: overrides of train.py for the W&B logger.

    Raises:
        UserError: if the plan has no such run.
        KeyboardInterrupt: if the training was interrupted.
    """
    runs = {run.id: run for run in plan.runs}
    if run_id not in runs:
        raise UserError(
            f"job={run_id} is no run of {root / 'plan.json'}; run reproduce.py without job."
        )
    run = runs[run_id]
    folder = run_folder(root, run)
    if state_of(folder) in ("done", "running"):
        return
    folder.path.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.job_lock, timeout=1), _free_gpu(gpus, root) as environment:
            folder.failure.unlink(missing_ok=True)
            print(f"{run.folder}: {'goes on' if folder.can_continue() else 'starts'}", flush=True)
            status = _call_train(_overrides(root, runs, run, logging), folder, environment)
            _finish(folder, status)
    except Timeout:
        return  # another job has locked the run


def _overrides(
    root: Path, runs: dict[str, PlannedRun], run: PlannedRun, logging: Sequence[str]
) -> list[str]:
    folder = run_folder(root, run)
    if folder.can_continue():
        from aduni.config.resume import may_change  # imports torch

        return [f"resume={folder.path}", *filter(may_change, run.overrides)]
    first_stage = []
    if run.first_stage:
        checkpoint = run_folder(root, runs[run.first_stage]).checkpoint("best")
        first_stage = [f"method.stage1_ckpt={checkpoint}"]
    return [*run.overrides, *first_stage, *logging, f"hydra.run.dir={folder.path}"]


@contextmanager
def _free_gpu(gpus: Sequence[int], root: Path) -> Iterator[dict[str, str]]:
    """Wait for a GPU that no other job of the reproduction uses; yield the environment with it."""
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


def _call_train(overrides: list[str], folder: RunFolder, environment: dict[str, str]) -> int:
    """Run train.py with its output in the run's folder, and return its exit status."""
    with folder.console.open("w") as console:
        process = subprocess.Popen(
            [sys.executable, os.path.relpath(TRAIN), *overrides],
            env=environment,
            stdout=console,
            stderr=subprocess.STDOUT,
        )
        return wait_for(process, timeout=60)


def wait_for(process: "subprocess.Popen[bytes]", timeout: float) -> int:
    """Return the exit status of a child process, which is terminated on an interruption.

    Args:
        process: the child process.
        timeout: seconds to wait for its end after an interruption.
    """
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()  # Ctrl-C reaches the child too, but SIGTERM only this process
        process.wait(timeout=timeout)
        raise


def _finish(folder: RunFolder, status: int) -> None:
    """Delete the checkpoints for a resume after a training, or write down why it failed."""
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    if status == 0:
        for name in ("last", "previous"):
            folder.checkpoint(name).unlink(missing_ok=True)
        macro_f1 = read_json(folder.metrics)["test"]["macro_f1"]
        print(f"{folder.path.name}: macro F1 {macro_f1:.3f}", flush=True)
    elif not is_locked(folder.lock):
        reason = _failure_reason(folder, status)
        write_json({"reason": reason, "status": status}, folder.failure)
        print(f"{folder.path.name}: failed: {reason}", flush=True)


def _failure_reason(folder: RunFolder, status: int) -> str:
    """Return the last error that the training printed, or else how it ended."""
    lines = folder.console.read_text(errors="replace").splitlines()
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if status < 0:
        return f"It was ended by the signal {signal.Signals(-status).name}."
    return errors[-1] if errors else f"It ended with status {status}: {lines[-1] if lines else ''}"
