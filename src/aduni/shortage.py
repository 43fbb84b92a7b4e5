"""Tell a machine that lacks memory, file handles or processes from a file that is damaged."""

import errno

FREE_SOME = "free some, or use a machine that has more"

GPU = (
    "CUDA out of memory",
    "CUDA error: out of memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "HIP out of memory",
    "MPS backend out of memory",
)
COMPUTER = (
    "can't allocate memory",
    "Cannot allocate memory",
    "DefaultCPUAllocator",
    "could not create a primitive",  # oneDNN
    "could not create a memory",
    "std::bad_alloc",
    "Unable to allocate",  # numpy, out of a loader process
)
FILES = (
    "Too many open files",
    "received 0 items of ancdata",  # torch, of a tensor that another process sends
)
PROCESSES = ("can't start new thread",)
UNSUPPORTED = "primitive descriptor"
"""Of oneDNN: it has no such operation, whatever memory there is."""

NUMBERS = {
    errno.ENOMEM: COMPUTER,
    errno.EMFILE: FILES,
    errno.ENFILE: FILES,
    errno.EAGAIN: PROCESSES,  # of a fork
}
WORDED = (MemoryError, RuntimeError, OSError, ImportError)
"""What torch, numpy, Python and the loader of libraries say it with."""


def shortage(error: BaseException, remedy: str = FREE_SOME) -> str | None:
    """Say in one sentence what the machine ran out of; None where the error is of another kind.

    Args:
        error: of any kind; those that it came from count, as one in the clearing up hides them.
        remedy: what the user can do where memory ran out.
    """
    kind = _kind(_short(error))
    if kind is None:
        return None
    if kind in (GPU, COMPUTER):
        return f"The memory of the {'GPU' if kind is GPU else 'computer'} ran out; {remedy}."
    if kind is FILES:
        return (
            "Too many files are open; allow more (run ulimit -n 4096 in the same shell before the "
            "command), or lower num_workers."
        )
    return (
        "No further process or thread can be started; allow more (ulimit -u, or the container's "
        "limit), or lower num_workers."
    )


def raise_shortage(error: BaseException) -> None:
    """Raise the error that says that the machine is short of something: it says nothing of a file.

    Args:
        error: of the reading of a file; where it is of another kind, nothing happens.
    """
    short = _short(error)
    if short is not None:
        raise short


def _short(error: BaseException | None) -> BaseException | None:
    while error is not None and _kind(error) is None:
        error = error.__cause__ or error.__context__
    return error


def _kind(error: BaseException | None) -> tuple[str, ...] | None:
    if not isinstance(error, WORDED):
        return None
    text = str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return NUMBERS.get(error.errno)
    for kind in (GPU, FILES, PROCESSES, COMPUTER):
        if any(words in text for words in kind) and UNSUPPORTED not in text:
            return kind
    return COMPUTER if isinstance(error, MemoryError) else None
