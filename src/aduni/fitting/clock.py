"""Keep the time of a fit, over all calls that work on it."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from aduni.system.atomic_files import write_json

SECONDS_BETWEEN_NOTES = 2.0


class Clock:
    """Time that a fit has used and has left.

    Args:
        file: where the seconds of earlier calls stand, which a killed call has noted, too.
        max_seconds: time for everything.
    """

    def __init__(self, file: Path, max_seconds: float) -> None:
        self._file, self._max_seconds = file, max_seconds
        self._started, self._earlier = time.monotonic(), _read(file)

    @property
    def used(self) -> float:
        return self._earlier + time.monotonic() - self._started

    @property
    def left(self) -> float:
        return self._max_seconds - self.used

    @property
    def end(self) -> float:
        """Value of time.monotonic() at which the time is over."""
        return time.monotonic() + self.left

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Write the time every few seconds, so that a later call knows it after a kill."""
        finished = threading.Event()

        def note() -> None:
            while not finished.wait(SECONDS_BETWEEN_NOTES):
                self._write()

        thread = threading.Thread(target=note, daemon=True, name="clock")
        thread.start()
        try:
            yield
        finally:
            finished.set()
            thread.join()
            self._write()

    def _write(self) -> None:
        write_json({"seconds": round(self.used, 1)}, self._file)


def _read(file: Path) -> float:
    """Return the seconds in a file; 0 if it is missing or cut, as a full disk may leave it."""
    try:
        return float(json.loads(file.read_text())["seconds"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0.0
