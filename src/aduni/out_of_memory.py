"""Memory that ran out, in one sentence."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from aduni.errors import UserError

GPU = ("CUDA error: out of memory", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED")
CPU = ("can't allocate memory", "Cannot allocate memory", "std::bad_alloc")
"""Words of RuntimeErrors that have no class of their own."""


@contextmanager
def memory_explained(remedy: str) -> Iterator[None]:
    """Say what ran out of memory.

    Args:
        remedy: what the user can do.

    Raises:
        UserError: in place of whatever says that there is no memory.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        place = _place(error)
        if place is None:
            raise
        raise UserError(f"The memory of the {place} ran out; {remedy}.") from error


def smaller_batch(batch_size: int) -> str:
    """The remedy of a training."""
    half = max(2, batch_size // 2)
    return (
        f"batch_size={batch_size} is too large here: take a smaller one, for example "
        f"batch_size={half}, or a smaller dataset.image_size"
    )


def _place(error: Exception) -> str | None:
    """None where the error is of another kind."""
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError) or any(words in text for words in GPU):
        return "GPU"
    if isinstance(error, OSError):
        return "computer" if error.errno == errno.ENOMEM else None
    if isinstance(error, MemoryError) or any(words in text for words in CPU):
        return "computer"
    return None
