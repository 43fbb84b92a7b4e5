"""For a child process: note when the first training step begins and ends, and end there."""

import os
import time
from pathlib import Path

from pytorch_lightning.profilers import Profiler

MARK = "ADUNI_FIRST_STEP"
"""Environment variable: the file that receives the times, in seconds since the epoch."""


class FirstStep(Profiler):
    """Lightning tells its profiler when an action begins and when it is over.

    So train.py is measured as it is: trainer.profiler is an argument of its trainer.
    """

    begun = 0.0

    def start(self, action_name: str) -> None:
        """The batch is there; forward, backward and update are about to begin."""
        if _is_step(action_name):
            self.begun = time.time()

    def stop(self, action_name: str) -> None:
        """The first step ends the process: nothing else is waited for."""
        if _is_step(action_name):
            Path(os.environ[MARK]).write_text(f"{self.begun!r} {time.time()!r}")
            os._exit(0)


def _is_step(action_name: str) -> bool:
    """Lightning runs forward and backward within the optimiser's step."""
    return action_name.endswith(".optimizer_step")
