"""Which of several processes this one is, known from the environment before torch is."""

import os

FIRST_BY_LAUNCHER = (("RANK",), ("SLURM_PROCID",), ("NODE_RANK", "LOCAL_RANK"))
"""What torchrun, SLURM and Lightning's own launcher set; the first that is set decides."""


def is_first_process() -> bool:
    """Whether this process writes the files."""
    for names in FIRST_BY_LAUNCHER:
        numbers = [int(os.environ[name]) for name in names if name in os.environ]
        if numbers:
            return not any(numbers)
    return True
