"""Keep freed memory within the process, for a network's next batch."""

import contextlib
import ctypes
import sys

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Numbers of options in glibc's malloc.h."""
LARGEST = 2**30
"""Bytes up to which a freed block is kept; glibc's own limit is 32 MiB."""


def keep_freed_memory() -> None:
    """Let glibc keep freed memory rather than give it back to the system; else do nothing.

    A network frees its activations after each batch. Memory that was given back is set to zero page
    by page when it is asked for again: half of a fine-tuning's time on a CPU at 224 px
    (docs/performance.md). The most memory that a process holds grows by up to a third.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library
        mallopt = ctypes.CDLL("libc.so.6").mallopt
        mallopt(M_MMAP_THRESHOLD, LARGEST)
        mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
