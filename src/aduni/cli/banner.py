"""Print the name, the version and the command line, before imports that take seconds."""

import shlex
import sys
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from aduni.distributed.rank_zero import is_first_process


@cache  # once a process: the jobs of a multirun share it
def print_banner() -> None:
    """Print one line on the first process, such as "AdUni 0.1.0: train.py method=ce"."""
    if is_first_process():
        words = shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])
        print(f"AdUni{_version()}: {words}", flush=True)


def _version() -> str:
    """Return the version after a blank; nothing for a checkout that is only on Python's path."""
    try:
        return f" {version('aduni')}"
    except PackageNotFoundError:
        return ""
