"""What the processes of a machine that train together do when one of them is lost.

Operations that wait for a lost process may wait for ever, so a thread looks after the others.
"""

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import NoReturn

LOOK = 0.2  # seconds between two looks
PATIENCE = 10.0
"""Seconds that a process which cannot go on leaves to the watch, which may know why."""

FOLLOWING = 1.0
"""Seconds that a signal to one of the processes has to reach the first one; then it is told."""

STOPPING = 40.0  # seconds that the first process has for an end of its own once others were stopped
STOPPED = {-signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGTERM}

log = logging.getLogger(__name__)


class Watchdog:
    """The first process's, over those that it began: if one fails, it ends all.

    Args:
        others: in the order of their numbers, from 1.
        folder: of the run.
    """

    def __init__(self, others: Sequence["subprocess.Popen[bytes]"], folder: str) -> None:
        self._others, self._folder = others, folder
        self._over = threading.Event()
        threading.Thread(target=self._look, daemon=True, name="watch").start()

    def end(self, patience: float) -> None:
        """Wait for the others' end; whoever is left after so many seconds is killed."""
        limit = time.monotonic() + patience
        while self._running() and time.monotonic() < limit and not self._over.wait(LOOK):
            pass
        self._over.set()
        for process in self._others:
            process.kill()
        for process in self._others:
            process.wait()

    def _running(self) -> bool:
        return any(process.poll() is None for process in self._others)

    def _look(self) -> None:
        while not self._over.wait(LOOK):
            for number, process in enumerate(self._others, start=1):
                if process.poll():  # neither running nor ended well
                    self._lost(number, process.returncode)
                    return

    def _lost(self, number: int, status: int) -> None:
        if status in STOPPED:
            if self._over.wait(FOLLOWING):
                return
            os.kill(os.getpid(), -status if status < 0 else status - 128)
            if self._over.wait(STOPPING):
                return
        if self._over.is_set():
            return
        how = f"ended with status {status} (train_ddp_process_{number}.log)"
        if status < 0:
            how = f"was ended by {signal.Signals(-status).name}"
        for process in self._others:
            process.kill()
        _leave(f"Process {number} of {len(self._others) + 1} {how}; {remedy(self._folder)}")


def monitor_parent(parent: int, folder: str, *, speaks: bool) -> None:
    """Leave when the first process does.

    Args:
        parent: number of that process.
        folder: of the run.
        speaks: whether it is this process that says so.
    """

    def look() -> None:
        while os.getppid() == parent:
            time.sleep(LOOK)
        _leave(f"The first process was lost; {remedy(folder)}" if speaks else "")

    threading.Thread(target=look, daemon=True, name="watch").start()


def remedy(folder: str) -> str:
    """How to go on, as the end of a sentence."""
    return f"resume={folder} continues the run, with any number of processes (trainer.devices=)."


def _leave(sentence: str) -> NoReturn:
    """At once: the main thread may be waiting for what will never come."""
    try:
        if sentence:
            log.error("%s", sentence)
            print(f"error: {sentence}", file=sys.stderr, flush=True)
    finally:  # whoever listened may be gone as well
        os._exit(1)
