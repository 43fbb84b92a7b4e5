"""For a child process: note the time of the first optimiser step, and end there."""

import os
import time
from pathlib import Path

from pytorch_lightning.profilers import Profiler

MARK = "ADUNI_FIRST_STEP"
"""Environment variable: the file that receives the time, in seconds since the epoch."""


class FirstStep(Profiler):
    """Lightning tells its profiler when an action is over.

    So train.py is measured as it is: trainer.profiler is an argument of its trainer.
    """

    def start(self, action_name: str) -> None:
        """Nothing to note."""

    def stop(self, action_name: str) -> None:
        """The first step ends the process: nothing else is waited for."""
        if action_name.endswith(".optimizer_step"):
            Path(os.environ[MARK]).write_text(repr(time.time()))
            os._exit(0)
