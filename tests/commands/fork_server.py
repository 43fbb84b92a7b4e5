"""Runs train.py in forked processes, so that libraries are imported once for many runs.

A line of standard input is a run: a JSON list of what to do and the overrides. The answer is a line
with its status. To be done are: nothing (""), or death at the
first renaming to a file of a name ("last.ckpt", or "classifier/last.ckpt" of a folder), just before
it ("rename NAME"), just after it ("renamed NAME"), or before it with half of the file written
("half NAME"); or death after some time ("after SECONDS").
"""

import json
import logging
import os
import runpy
import signal
import sys
import time
from pathlib import Path

import torch

import aduni.evaluation.evaluate_checkpoint  # noqa: F401  with all that training needs

TRAIN = Path(__file__).resolve().parents[2] / "src" / "train.py"


def main() -> None:
    """Until the end of standard input."""
    torch.set_num_threads(1)
    for line in sys.stdin:
        death, *overrides = json.loads(line)
        process = os.fork()
        if process == 0:
            _train(death, overrides)
        moment, _, seconds = death.partition(" ")
        if moment == "after":
            _kill(process, time.monotonic() + float(seconds))
        print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]), flush=True)


def _kill(process: int, when: float) -> None:
    """Unless it has ended by then."""
    while time.monotonic() < when:
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)  # it has not been waited for, so the number is its own


def _train(death: str, overrides: list[str]) -> None:
    """Does not return."""
    quiet = os.open(os.devnull, os.O_RDWR)
    os.dup2(quiet, 0)
    os.dup2(quiet, 1)
    os.setsid()
    _die_when(*death.split())
    sys.argv = [str(TRAIN), *overrides]
    status = 0
    try:
        runpy.run_path(str(TRAIN), run_name="__main__")
    except SystemExit as stop:
        status = int(stop.code or 0)
    except BaseException:
        logging.exception("training failed")
        status = 99
    os._exit(status)


def _die_when(moment: str = "", name: str = "") -> None:
    rename = os.replace

    def replace(source: Path, target: Path) -> None:
        if not str(target).endswith(f"/{name}"):
            rename(source, target)
            return
        if moment == "half":
            os.truncate(source, os.path.getsize(source) // 2)
        elif moment == "renamed":
            rename(source, target)
        os.kill(os.getpid(), signal.SIGKILL)

    if moment in ("half", "rename", "renamed"):
        os.replace = replace


if __name__ == "__main__":
    main()
