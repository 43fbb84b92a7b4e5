"""Train the runs of a plan: all by Hydra's launchers, each job by train.py."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from aduni.cli.arguments import quoted
from aduni.errors import UserError
from aduni.results.plan import Plan, PlannedRun, is_locked, run_folder, state_of
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_json, write_json
from aduni.system.program import command_words

INTERRUPTED = 130  # exit status
POLL_SECONDS = 2


def train_planned(
    root: Path, plan: Plan, run_id: str, *, gpus: Sequence[int] = (), logging: Sequence[str] = ()
) -> None:
    """Train a planned run to its end, or return at once if it is finished or being trained.

    A failure is written to the run's folder and not raised, so that other runs continue.

    Args:
        gpus: GPUs of which the run takes one that is free; if empty, train.py chooses.
    """
    runs = {run.id: run for run in plan.runs}
    if run_id not in runs:
        raise UserError(
            f"job={run_id} is not a run of {root / 'plan.json'}; run reproduce.py without job."
        )
    run = runs[run_id]
    folder = run_folder(root, run)
    if state_of(folder) in ("done", "running"):
        return
    folder.path.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.job_lock, timeout=1), _free_gpu(gpus, root) as environment:
            folder.failure.unlink(missing_ok=True)
            name = _name(run)
            print(f"{name}: {'goes on' if folder.can_continue() else 'starts'}", flush=True)
            status = _call_train(_overrides(root, runs, run, logging), folder, environment)
            _finish(folder, status, name)
    except Timeout:
        return  # another job has locked the run


def _name(run: PlannedRun) -> str:
    """Return data set, first row, fold and seed, or the folder of a first stage without a row."""
    if not run.rows:
        return run.folder
    return f"{run.dataset}, {run.rows[0][1]}, fold {run.fold}, seed {run.seed}"


def _overrides(
    root: Path, runs: dict[str, PlannedRun], run: PlannedRun, logging: Sequence[str]
) -> list[str]:
    folder = run_folder(root, run)
    if folder.can_continue():
        from aduni.config.resume import may_change  # imports torch

        return [f"resume={quoted(str(folder.path))}", *filter(may_change, run.overrides), *logging]
    first_stage = []
    if run.first_stage:
        checkpoint = run_folder(root, runs[run.first_stage]).checkpoint("best")
        first_stage = [f"method.stage1_ckpt={quoted(str(checkpoint))}"]
    return [*run.overrides, *first_stage, *logging, f"hydra.run.dir={quoted(str(folder.path))}"]


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
    with folder.console.open("w") as console:
        process = subprocess.Popen(
            [*command_words("train"), *overrides],
            env=environment,
            stdout=console,
            stderr=subprocess.STDOUT,
        )
        return wait_for(process, timeout=60)


def wait_for(process: "subprocess.Popen[bytes]", timeout: float, until: float | None = None) -> int:
    """Return the exit status of a child process, which is terminated if waiting is interrupted.

    Args:
        timeout: seconds that it has to end.
        until: time.monotonic() at which it is terminated, and TimeoutExpired raised.
    """
    try:
        return process.wait(None if until is None else max(until - time.monotonic(), 0))
    except BaseException:  # Ctrl-C reaches the child too, but SIGTERM only this process
        process.terminate()
        process.wait(timeout=timeout)
        raise


def _finish(folder: RunFolder, status: int, name: str) -> None:
    """Delete the checkpoints for a resume after a training, or write down why it failed."""
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    if status == 0:
        for checkpoint in ("last", "previous"):
            folder.checkpoint(checkpoint).unlink(missing_ok=True)
        metrics = read_json(folder.metrics)
        part = metrics["selected_on"]  # which leaves the test part to the report
        print(f"{name}: {part} macro F1 {metrics[part]['macro_f1']:.3f}", flush=True)
    elif not is_locked(folder.lock):
        reason = _failure_reason(folder, status)
        write_json({"reason": reason, "status": status}, folder.failure)
        print(f"{name}: failed: {reason}", flush=True)


def _failure_reason(folder: RunFolder, status: int) -> str:
    """Return the last error that the training printed, or else how it ended."""
    lines = folder.console.read_text(errors="replace").splitlines()
    errors = [line.removeprefix("error: ") for line in lines if line.startswith("error: ")]
    if status < 0:
        return f"It was ended by the signal {signal.Signals(-status).name}."
    return errors[-1] if errors else f"It ended with status {status}: {lines[-1] if lines else ''}"


def train_all(
    root: Path,
    plan: Plan,
    runs: Sequence[PlannedRun],
    overrides: list[str],
    until: float | None = None,
) -> None:
    """Train all unfinished runs; several calls at the same time share the work.

    Runs of one turn are launched together, before those of the next. A run that needs the first
    stage of another one waits for it. A failed run is not tried again in the same call.

    Args:
        overrides: of reproduce.py, for each job.
        until: time.monotonic() at which what runs is stopped, and nothing starts any more.
    """
    failed: set[str] = set()
    while until is None or time.monotonic() < until:
        states = {run.id: state_of(run_folder(root, run)) for run in plan.runs}
        pending = [run for run in runs if states[run.id] != "done" and run.id not in failed]
        ready = [run for run in pending if not run.first_stage or states[run.first_stage] == "done"]
        idle = [run for run in ready if states[run.id] != "running"]
        batch = [run for run in idle if run.turn == idle[0].turn]
        if batch:
            _launch(root, [run.id for run in batch], overrides, until)
            for run in batch:
                if state_of(run_folder(root, run)) not in ("done", "running"):
                    failed.add(run.id)
        elif ready or any(states[run.first_stage or run.id] == "running" for run in pending):
            time.sleep(POLL_SECONDS)  # another call trains it
        else:
            return


def _launch(root: Path, run_ids: list[str], overrides: list[str], until: float | None) -> None:
    """Call reproduce.py as a Hydra multirun with a job for each run."""
    jobs = ",".join(f"'{run_id}'" for run_id in run_ids)  # an id may look like a number
    arguments = [
        "--multirun",
        f"job={jobs}",
        f"hydra.sweep.dir={quoted(str(root / '.jobs'))}",
        *overrides,
    ]
    process = subprocess.Popen([*command_words("reproduce"), *arguments])
    try:
        status = wait_for(process, timeout=120, until=until)
    except subprocess.TimeoutExpired:
        print("The time is over: what was being trained is stopped, and can go on.", flush=True)
        return
    if status == INTERRUPTED:
        raise KeyboardInterrupt
    if status:
        raise UserError(
            f"Hydra's launcher ended with status {status}; see its message above, and call again."
        )
