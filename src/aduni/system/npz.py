"""Read arrays of .npz files with a limit on their unpacked size."""

import math
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

HEADER_READERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
MAX_HEADER_BYTES = 16_384
"""Most bytes of a header; numpy writes a few hundred."""


def read_array(path: Path, name: str, max_bytes: int) -> NDArray[Any]:
    """Read one array of an .npz file that numpy has written.

    A few hundred kilobytes can unpack to gigabytes, so the size that the archive's directory states
    is checked first, and no more than that is unpacked. Nothing is unpickled.

    Raises:
        ValueError: if the array is larger, or holds objects.
        Exception: of many kinds, from zipfile, zlib and numpy, if the file is damaged.
    """
    with ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        if member.file_size > max_bytes + MAX_HEADER_BYTES:
            raise ValueError(f"{name} would take {member.file_size} bytes, {max_bytes} at most")
        if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise ValueError(f"{name} is compressed in a way that numpy does not write")
        with archive.open(member) as opened:
            _check_header(opened, name, member.file_size)
        with archive.open(member) as opened:
            array: NDArray[Any] = npy.read_array(opened, allow_pickle=False)
            if opened.read(1):  # reading to the end also verifies the checksum
                raise ValueError(f"{name} goes on after its numbers")
    return array


def _check_header(opened: IO[bytes], name: str, size: int) -> None:
    """Raise ValueError if the header's shape and type do not match the size, or name objects."""
    shape, _, dtype = HEADER_READERS[npy.read_magic(opened)](opened)
    if dtype.hasobject:
        raise ValueError(f"{name} holds objects, no numbers")
    if opened.tell() + math.prod(shape) * dtype.itemsize != size or np.min(shape, initial=0) < 0:
        raise ValueError(f"{name} says another shape than it has")
