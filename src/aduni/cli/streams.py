"""Standard streams that are closed, or whose reader has gone: the work is not lost with them."""

import contextlib
import errno
import io
import os
import sys
from typing import IO, Any, BinaryIO, cast

ERROR = 2  # descriptor of standard error
ESCAPED = "backslashreplace"
GONE = (errno.EPIPE, errno.EIO, errno.EBADF, errno.ENXIO)
"""Nobody reads any more: a pager or `head` has ended, the terminal has been closed."""


def keep_streams() -> None:
    """Let a command go on where standard output or error cannot be written to any more.

    What it prints is then dropped: its results are files. A closed stream becomes the null device;
    the next file that is opened would take its number, and what is printed. Texts that the
    stream's encoding does not have are written with escapes.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdin is None:
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115  # as long as we run
    sys.stdout = _kept(sys.stdout, sys.__stdout__, 1)
    sys.stderr = _kept(sys.stderr, sys.__stderr__, 2)


class _Stream(io.FileIO):
    """A descriptor that takes everything once its reader has gone."""

    def write(self, data: Any) -> int:
        """Write as a file does, or drop what nobody reads."""
        try:
            return super().write(data)
        except OSError as error:
            with contextlib.suppress(OSError):  # what is printed from now on goes nowhere
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, self.fileno())
                os.close(null)
            if error.errno in GONE or self.fileno() == ERROR:
                return memoryview(data).nbytes
            error.filename = "standard output"  # of a full disk
            raise


def _kept(stream: IO[str] | None, original: IO[str] | None, number: int) -> IO[str]:
    """The stream on such a descriptor, unless somebody has put another one in its place."""
    raw = _Stream(number, "w", closefd=False)
    if stream is None:
        buffer = io.BufferedWriter(raw)
        return io.TextIOWrapper(buffer, "utf-8", ESCAPED, line_buffering=number == ERROR)
    plain = isinstance(stream, io.TextIOWrapper) and stream is original  # no notebook, no test
    if not plain or not isinstance(_raw(stream), io.FileIO):  # a console of Windows
        return stream
    assert isinstance(stream, io.TextIOWrapper)
    is_buffered = isinstance(stream.buffer, io.BufferedWriter)
    return io.TextIOWrapper(
        io.BufferedWriter(raw) if is_buffered else cast(BinaryIO, raw),
        stream.encoding,
        ESCAPED if stream.errors == "strict" else stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _raw(stream: IO[str]) -> object:
    """What writes to the descriptor; of an unbuffered stream that is its buffer."""
    buffer = getattr(stream, "buffer", None)
    return getattr(buffer, "raw", buffer)
