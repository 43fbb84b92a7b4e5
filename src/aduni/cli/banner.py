"""Print the name, the version and the command line, before imports that take seconds."""

import shlex
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from aduni.distributed.rank_zero import is_first_process


@cache  # once a process: the jobs of a multirun share it
def print_banner() -> None:
    """Print a line such as "AdUni 0.1.0: train.py method=ce", on the first process and job.

    The jobs of a reproduction, whose command line nobody typed, have none.
    """
    is_planned_job = any(arg.startswith("job=") for arg in sys.argv[1:])
    if is_first_process() and not is_planned_job and not _job_number():
        words = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        print(f"AdUni{_version()}: {words}", flush=True)


def _job_number() -> int | None:
    """Return the number of a job of a multirun, which may have a process of its own, else None."""
    from hydra.core.hydra_config import HydraConfig  # here, as --help does without Hydra
    from omegaconf import OmegaConf

    if not HydraConfig.initialized():
        return None
    job = HydraConfig.get().job
    return None if OmegaConf.is_missing(job, "num") else job.num


def _version() -> str:
    """Return the version after a blank; nothing for a checkout that is only on Python's path."""
    try:
        return f" {version('aduni')}"
    except PackageNotFoundError:
        return ""
