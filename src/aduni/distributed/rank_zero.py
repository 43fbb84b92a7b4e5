"""Find out from the environment, without torch, whether this process has rank zero."""

import os

RANK_VARIABLES = (("RANK",), ("SLURM_PROCID",), ("NODE_RANK", "LOCAL_RANK"))
"""Variables set by torchrun, SLURM and Lightning's launcher; the first group that is set counts."""


def is_first_process() -> bool:
    """Return whether this process has rank zero, and so writes the files."""
    for names in RANK_VARIABLES:
        ranks = [int(os.environ[name]) for name in names if name in os.environ]
        if ranks:
            return not any(ranks)
    return True
