"""Keep a command running if its standard streams are closed or their reader has gone."""

import contextlib
import errno
import io
import os
import sys
from typing import IO, Any, BinaryIO, cast

STDERR = 2
NO_READER = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO)
"""Errors after a pager or `head` has ended, or the terminal has been closed."""


def protect_streams() -> None:
    """Replace the standard streams by ones that drop their output if nobody can read it.

    The results of a command are files, so its output is not worth failing for. A closed stream
    is opened on the null device; otherwise the next file that is opened would get its descriptor,
    and receive the output. Characters outside a stream's encoding are escaped.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor, which is this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # until exit
    sys.stdout = _protected(sys.stdout, sys.__stdout__, 1)
    sys.stderr = _protected(sys.stderr, sys.__stderr__, STDERR)


class _DroppingFile(io.FileIO):
    """File that accepts and drops everything once its reader has gone."""

    def write(self, data: Any) -> int:
        """Write to the descriptor, or redirect it to the null device if that fails."""
        try:
            return super().write(data)
        except OSError as error:
            with contextlib.suppress(OSError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, self.fileno())
                os.close(null)
            if error.errno in NO_READER or self.fileno() == STDERR:
                return memoryview(data).nbytes
            error.filename = "standard output"  # the disk is full
            raise


def _protected(stream: IO[str] | None, original: IO[str] | None, number: int) -> IO[str]:
    """Return a protected stream on the descriptor, or `stream` if it is a replacement."""
    raw = _DroppingFile(number, "w", closefd=False)
    if stream is None:
        buffer = io.BufferedWriter(raw)
        is_stderr = number == STDERR
        return io.TextIOWrapper(buffer, "utf-8", "backslashreplace", line_buffering=is_stderr)
    if not isinstance(stream, io.TextIOWrapper) or stream is not original:  # a notebook, a test
        return stream
    # The buffer of an unbuffered stream writes to the descriptor itself.
    if not isinstance(getattr(stream.buffer, "raw", stream.buffer), io.FileIO):  # Windows' console
        return stream
    is_buffered = isinstance(stream.buffer, io.BufferedWriter)
    return io.TextIOWrapper(
        io.BufferedWriter(raw) if is_buffered else cast(BinaryIO, raw),
        stream.encoding,
        "backslashreplace" if stream.errors == "strict" else stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )
