"""Memory that ran out, in one sentence."""

from collections.abc import Iterator
from contextlib import contextmanager

from aduni.errors import UserError
from aduni.shortage import shortage


@contextmanager
def memory_explained(remedy: str) -> Iterator[None]:
    """Say what the machine ran out of.

    Args:
        remedy: what the user can do where it is memory.

    Raises:
        UserError: in place of whatever says so.
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


def smaller_batch(batch_size: int) -> str:
    """The remedy of a training."""
    half = max(2, batch_size // 2)
    return (
        f"batch_size={batch_size} is too large here: take a smaller one, for example "
        f"batch_size={half}, or a smaller dataset.image_size"
    )
