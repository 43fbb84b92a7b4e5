"""End all training processes of a machine if one of them fails.

Collective operations may wait for a lost process for ever, so a thread monitors the processes.
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

POLL_SECONDS = 0.2
EXIT_GRACE_SECONDS = 10.0
"""Seconds a failing process waits before it reports, so that the watchdog can report the cause
first, and seconds that other processes have to end before they are killed."""

ABORT_SECONDS = 2 * EXIT_GRACE_SECONDS
"""Seconds that a failing process has to end by itself, of which it may wait a grace period."""

SIGNAL_DELIVERY_SECONDS = 1.0
"""Seconds that a signal to another process has to reach the first one, before it is forwarded."""

SHUTDOWN_SECONDS = 40.0
"""Seconds that the first process has to end by itself after a signal."""

SIGNAL_STATUSES = {-signal.SIGINT, -signal.SIGTERM, 128 + signal.SIGINT, 128 + signal.SIGTERM}
"""Exit statuses of processes that a signal has stopped on purpose."""

log = logging.getLogger(__name__)


class Watchdog:
    """Monitor of the processes that the first one has started: if one fails, it ends all."""

    def __init__(self, others: Sequence["subprocess.Popen[bytes]"], folder: str) -> None:
        self._others, self._folder = others, folder
        self._finished = threading.Event()
        threading.Thread(target=self._poll, daemon=True, name="watchdog").start()

    def end(self, grace_seconds: float) -> None:
        """Wait until the other processes have ended; kill those that run after the grace period."""
        limit = time.monotonic() + grace_seconds
        while any(process.poll() is None for process in self._others) and time.monotonic() < limit:
            if self._finished.wait(POLL_SECONDS):
                break
        self.kill()
        for process in self._others:
            process.wait()

    def kill(self) -> None:
        """Kill the other processes without waiting for their end."""
        self._finished.set()
        for process in self._others:
            process.kill()

    def _poll(self) -> None:
        while not self._finished.wait(POLL_SECONDS):
            for number, process in enumerate(self._others, start=1):
                if process.poll():  # 0 for success, None while running
                    self._handle_exit(number, process.returncode)
                    return

    def _handle_exit(self, number: int, status: int) -> None:
        if status in SIGNAL_STATUSES:
            if self._finished.wait(SIGNAL_DELIVERY_SECONDS):
                return
            os.kill(os.getpid(), -status if status < 0 else status - 128)
            if self._finished.wait(SHUTDOWN_SECONDS):
                return
        if self._finished.is_set():
            return
        how = f"ended with status {status} (train_ddp_process_{number}.log)"
        if status < 0:
            how = f"was ended by {signal.Signals(-status).name}"
        for process in self._others:
            process.kill()
        exit_now(f"Process {number} of {len(self._others) + 1} {how}; {resume_hint(self._folder)}")


def monitor_parent(parent: int, folder: str, *, reports: bool) -> None:
    """Exit as soon as the first process, the parent of this one, has ended; report it if asked."""

    def poll() -> None:
        while os.getppid() == parent:
            time.sleep(POLL_SECONDS)
        exit_now(f"The first process was lost; {resume_hint(folder)}" if reports else "")

    threading.Thread(target=poll, daemon=True, name="watchdog").start()


def resume_hint(folder: str) -> str:
    """Return how to continue the run, as the end of a sentence."""
    return f"resume={folder} continues the run, with any number of processes (trainer.devices=)."


def exit_now(sentence: str, *, prints: bool = True) -> NoReturn:
    """Report, or log only, and exit without the main thread, which may be waiting for ever."""
    try:
        if sentence:
            log.error("%s", sentence)
            if prints:
                print(f"error: {sentence}", file=sys.stderr, flush=True)
    finally:  # printing fails if the reader of standard error has ended, too
        os._exit(1)
