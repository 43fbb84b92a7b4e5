"""Leave the caller's process as it was before a training."""

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

VARIABLES = ("PL_GLOBAL_SEED", "PL_SEED_WORKERS", "CUBLAS_WORKSPACE_CONFIG")


@contextmanager
def process_as_before() -> Iterator[None]:
    """Restore random numbers, threads, deterministic algorithms and variables at the end."""
    variables = {name: os.environ.get(name) for name in VARIABLES}
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 (the caller's own)
    threads = torch.get_num_threads()
    is_strict = torch.are_deterministic_algorithms_enabled()
    warns_only = torch.is_deterministic_algorithms_warn_only_enabled()
    cudnn = torch.backends.cudnn
    flags = (cudnn.deterministic, cudnn.benchmark)
    try:
        with torch.random.fork_rng():
            yield
    finally:
        for name, value in variables.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(is_strict, warn_only=warns_only)
        cudnn.deterministic, cudnn.benchmark = flags
