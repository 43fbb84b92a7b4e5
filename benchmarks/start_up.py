"""Seconds from the command to the first training step, and of the imports alone."""

import sys
import time
from pathlib import Path

from benchmarks.children import TRAIN, run_child
from benchmarks.first_step import MARK
from benchmarks.measure import ratio, spread
from benchmarks.part import Bench, Row, Section

IMPORTS = f"""
import torch, torchvision, pytorch_lightning, albumentations
import os, time
open(os.environ[{MARK!r}], "w").write(repr(time.time()))
"""


def measure(bench: Bench) -> Section:
    """Alternate both, each in a process of its own; the first round fills all caches."""
    imports_alone = [sys.executable, "-c", IMPORTS]
    rounds = []
    for number in range(bench.effort.starts + 1):
        train = training(bench.scratch, number)
        mark = bench.scratch / "mark"
        rounds.append([*seconds_to_mark(train, mark), *seconds_to_mark(imports_alone, mark)])
    first_step, after_it, imports = map(list, zip(*rounds[1:], strict=True))
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
        "python src/train.py dataset=digits with a warm cache, from the start of the process "
        "until its first step has its batch and begins; imports: torch, torchvision, "
        "pytorch_lightning, albumentations. Seconds on the wall, alternately.",
    )
    return Section("Start-up", rows, notes, {"start_up": ratio(first_step, imports)})


def training(scratch: Path, number: int) -> list[str]:
    """Return the command of a training that marks its first step and ends there."""
    words = [
        "dataset=digits",
        "trainer=cpu",
        f"dataset.cache_dir={scratch / 'cache'}",
        f"hydra.run.dir={scratch / f'run{number}'}",
        "+trainer.profiler._target_=benchmarks.first_step.FirstStep",
    ]
    return [sys.executable, str(TRAIN), *words]


def seconds_to_mark(command: list[str], mark: Path) -> list[float]:
    """Return the seconds from a child's start to the times that it writes into `mark`."""
    mark.unlink(missing_ok=True)
    started = time.time()
    run_child(command, variables={MARK: str(mark), "NO_ALBUMENTATIONS_UPDATE": "1"})
    return [float(word) - started for word in mark.read_text().split()]
