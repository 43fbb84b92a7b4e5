"""A loader process that is killed ends the training at once, with a sentence that says so."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

PATIENCE = 300  # seconds; on a busy machine, Python alone may take one minute to start
PROC = Path("/proc")


def loaders_of(parent: int) -> list[int]:
    """Its child processes that load images: they stand ten steps behind."""
    found = []
    for folder in PROC.glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended in the meantime
            continue
        if int(fields[1]) == parent and int(fields[16]) > 0:
            found.append(int(folder.name))
    return found


def wait_for(condition, process: subprocess.Popen[str]):
    limit = time.monotonic() + PATIENCE
    while not (found := condition()):
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < limit
        time.sleep(0.05)
    return found


@pytest.mark.slow
@pytest.mark.skipif(not PROC.is_dir(), reason="finds the loader processes in /proc")
def test_a_killed_worker_ends_the_run_with_one_sentence(root, quick, cache, tmp_path):
    run = tmp_path / "run"
    changed = ("epochs=1000", "num_workers=2", f"dataset.cache_dir={cache}", f"hydra.run.dir={run}")
    training = subprocess.Popen(
        [sys.executable, str(root / "src" / "train.py"), *quick, *changed],
        cwd=root,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for((run / "checkpoints" / "last.ckpt").exists, training)
        workers = wait_for(lambda: loaders_of(training.pid), training)
        os.kill(workers[0], signal.SIGKILL)
        _, err = training.communicate(timeout=PATIENCE)
    finally:
        training.kill()

    assert training.returncode == 1
    assert len(err.splitlines()) == 1, err
    (sentence,) = err.splitlines()
    assert sentence.startswith("error: A loader process ended before its time (DataLoader worker")
    assert sentence.endswith(
        "run again with resume= the run's folder, and where memory, shared memory (/dev/shm) or "
        "open files are short with a lower num_workers, at the least num_workers=0."
    )
    assert "A loader process ended" in (run / "train.log").read_text()
    assert (run / "checkpoints" / "last.ckpt").exists()
    assert not (run / "metrics.json").exists()
    assert not any((PROC / str(worker)).exists() for worker in workers)
