"""Print the name, the version and the command line, before imports that take seconds."""

import sys
from functools import cache
from importlib import metadata

from aduni.distributed.rank_zero import is_first_process
from aduni.system.program import shortened, typed_words


@cache  # once a process: the jobs of a multirun share it
def print_banner() -> None:
    """Print a line such as "AdUni 0.1.0: train.py method=ce", on the first process and job.

    The jobs of a reproduction, whose command line nobody typed, have none.
    """
    is_planned_job = any(arg.startswith("job=") for arg in sys.argv[1:])
    if is_first_process() and not is_planned_job and not _job_number():
        print(f"AdUni {version()}: {shortened(typed_words())}", flush=True)


def _job_number() -> int | None:
    """Return the number of a job of a multirun, which may have a process of its own, else None."""
    from hydra.core.hydra_config import HydraConfig  # here, as --help does without Hydra
    from omegaconf import OmegaConf

    if not HydraConfig.initialized():
        return None
    job = HydraConfig.get().job
    return None if OmegaConf.is_missing(job, "num") else job.num


def version() -> str:
    """Return the version of the installed package; of a checkout on Python's path it is unknown."""
    try:
        return metadata.version("aduni")
    except metadata.PackageNotFoundError:
        return "(not installed)"
