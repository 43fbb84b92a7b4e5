"""Part (e): seconds from the command to the first training step, and of the imports alone."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from benchmarks.children import child_environment
from benchmarks.composing import TRAIN
from benchmarks.first_step import MARK
from benchmarks.measure import ratio, spread
from benchmarks.section import Bench, Row, Section

IMPORTS = f"""
import torch, torchvision, pytorch_lightning, albumentations
import os, time
open(os.environ[{MARK!r}], "w").write(repr(time.time()))
"""
DATASET = "digits"


def measure_start_up(bench: Bench) -> Section:
    """Both in turns, each in a process of its own; the first turn fills all caches."""
    calls = (partial(_train, bench.scratch), partial(_imports, bench.scratch))
    turns = [[*calls[0](turn), *calls[1](turn)] for turn in range(bench.effort.start_turns + 1)]
    first_step, after_it, imports = map(list, zip(*turns[1:], strict=True))
    seconds = {
        "train.py to its first step": first_step,
        "train.py to the end of that step": after_it,
        "imports alone": imports,
    }
    rows: list[Row] = [
        {"what": name, "seconds": spread(values), "of the imports": ratio(values, imports)}
        for name, values in seconds.items()
    ]
    notes = (
        f"python src/train.py dataset={DATASET} with a warm cache, from the start of the process "
        "until its first step has its batch and begins; imports: torch, torchvision, "
        "pytorch_lightning, albumentations. Seconds on the wall, in turns.",
    )
    return Section("Start-up", rows, notes, {"start_up": ratio(first_step, imports)})


def _train(scratch: Path, turn: int) -> list[float]:
    """Until the first step begins, and until it ends."""
    words = [
        f"dataset={DATASET}",
        f"dataset.cache_dir={scratch / 'cache'}",
        f"hydra.run.dir={scratch / f'run{turn}'}",
        "+trainer.profiler._target_=benchmarks.first_step.FirstStep",
    ]
    return seconds_to_mark([sys.executable, str(TRAIN), *words], scratch / "mark")


def _imports(scratch: Path, turn: int) -> list[float]:
    return seconds_to_mark([sys.executable, "-c", IMPORTS], scratch / "mark")


def seconds_to_mark(command: list[str], mark: Path) -> list[float]:
    """From the start of a child process to the times that it writes into `mark`.

    Raises:
        subprocess.CalledProcessError: it ended without; `stderr` has what it printed.
    """
    mark.unlink(missing_ok=True)
    environment = {**child_environment(), MARK: str(mark), "NO_ALBUMENTATIONS_UPDATE": "1"}
    with tempfile.TemporaryFile("w+") as printed:
        started = time.time()
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            process.wait()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # its loader's processes too
        if not mark.exists():
            printed.seek(0)
            raise subprocess.CalledProcessError(
                process.returncode, command, stderr=printed.read()[-2000:]
            )
    return [float(word) - started for word in mark.read_text().split()]
