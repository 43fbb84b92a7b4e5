"""Errors of exhausted memory and other resources, in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from aduni.errors import UserError
from aduni.shortage import shortage

FREE_GPU_MEMORY = (
    "free some, or hide the GPU with the environment variable CUDA_VISIBLE_DEVICES= to use the CPU"
)


@contextmanager
def explain_out_of_memory(remedy: str) -> Iterator[None]:
    """Convert errors of exhausted resources to a UserError; `remedy` is for a lack of memory."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        sentence = shortage(error, remedy)
        if sentence is None:
            raise
        raise UserError(sentence) from error


def suggest_smaller_batch(batch_size: int) -> str:
    """Return advice for a training that ran out of memory."""
    half = max(2, batch_size // 2)
    return (
        f"batch_size={batch_size} is too large here: take a smaller one, for example "
        f"batch_size={half}, or a smaller dataset.image_size"
    )
