"""Distinguish a lack of memory, open files or processes from other errors."""

import errno

DEFAULT_REMEDY = "free some, or use a machine that has more"

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
    "Unable to allocate",  # numpy, in a loader process
)
FILES = (
    "Too many open files",
    "received 0 items of ancdata",  # torch, when receiving a tensor from another process
)
PROCESSES = ("can't start new thread",)
UNSUPPORTED_OPERATION = "primitive descriptor"
"""Part of oneDNN's message for an operation that it lacks, which is no shortage of memory."""

KIND_BY_ERRNO = {
    errno.ENOMEM: COMPUTER,
    errno.EMFILE: FILES,
    errno.ENFILE: FILES,
    errno.EAGAIN: PROCESSES,  # raised by a fork
}
ERROR_TYPES = (MemoryError, RuntimeError, OSError, ImportError)
"""Errors that torch, numpy, Python and the loader of shared libraries raise for a shortage."""


def shortage(error: BaseException, remedy: str = DEFAULT_REMEDY) -> str | None:
    """Word what the machine ran out of as one sentence; return None for any other error.

    Args:
        error: any error; its causes and contexts are searched too, as an error during clean-up
            may hide the first one.
    """
    kind = _kind(_find_cause(error))
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
    """Re-raise an error of reading a file if a shortage, and not the file, is its cause."""
    cause = _find_cause(error)
    if cause is not None:
        raise cause


def _find_cause(error: BaseException | None) -> BaseException | None:
    while error is not None and _kind(error) is None:
        error = error.__cause__ or error.__context__
    return error


def _kind(error: BaseException | None) -> tuple[str, ...] | None:
    if not isinstance(error, ERROR_TYPES):
        return None
    text = str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return KIND_BY_ERRNO.get(error.errno)
    for kind in (GPU, FILES, PROCESSES, COMPUTER):
        if any(part in text for part in kind) and UNSUPPORTED_OPERATION not in text:
            return kind
    return COMPUTER if isinstance(error, MemoryError) else None
