"""Errors of exhausted memory and other resources, in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from aduni.errors import UserError
from aduni.shortage import shortage


@contextmanager
def explain_out_of_memory(remedy: str) -> Iterator[None]:
    """Convert errors of exhausted resources within the block to a UserError.

    Args:
        remedy: advice for the user if memory ran out.

    Raises:
        UserError: if the machine ran out of memory, open files or processes.
    """
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
