"""Child processes, which import this package by train.py's settings, and their memory."""

import os
import shlex
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measure import MIB

ROOT = Path(__file__).resolve().parents[1]
TRAIN = ROOT / "src" / "train.py"
POLL_SECONDS = 0.02


def run_child(
    command: list[str],
    watch: Callable[[psutil.Popen], Any] = lambda process: None,
    variables: Mapping[str, str] = {},
) -> None:
    """Run a command to its end, with this repository on Python's path, and watch its process.

    Raises:
        RuntimeError: it failed; the message has the end of what it printed.
    """
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, **variables}
    with tempfile.TemporaryFile("w+") as printed:
        process = psutil.Popen(command, env=environment, stdout=printed, stderr=subprocess.STDOUT)
        while process.poll() is None:
            watch(process)
            time.sleep(POLL_SECONDS)
        if process.returncode:
            printed.seek(0)
            raise RuntimeError(f"{shlex.join(command)} failed:\n{printed.read()[-2000:]}")


def peak_of_child(command: list[str]) -> tuple[float, float]:
    """Run a command; return the most MiB of its own and of its files' pages (Linux).

    Own pages are heap, stacks and tensors. The system takes the pages of mapped files back when it
    needs them.
    """
    seen = [(0, 0)]

    def watch(process: psutil.Popen) -> None:
        with suppress(psutil.NoSuchProcess):  # it has just ended
            memory = process.memory_info()
            seen.append((memory.rss - memory.shared, memory.shared))

    run_child(command, watch)
    own, files = zip(*seen, strict=True)
    return max(own) / MIB, max(files) / MIB
