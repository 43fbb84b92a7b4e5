"""Arrays of an .npz, of which nothing is unpacked before its size is known."""

import math
from pathlib import Path
from typing import IO, Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
LARGEST_HEADER = 16_384
"""Bytes before the numbers; numpy writes some hundreds."""


def read_array(path: Path, name: str, most: int) -> NDArray[Any]:
    """Read one array of an .npz file, as numpy writes them.

    A few hundred kilobytes can become gigabytes: the archive's directory says how many, and no
    more than that is unpacked of a member. Nothing is unpickled.

    Args:
        path: of the file.
        name: of the array.
        most: bytes that its numbers may take.

    Raises:
        ValueError: it is larger, or holds objects.
        Exception: of zipfile, zlib and numpy, of many kinds, where the file is damaged.
    """
    with ZipFile(path) as archive:
        member = archive.getinfo(f"{name}.npy")
        if member.file_size > most + LARGEST_HEADER:
            raise ValueError(f"{name} would take {member.file_size} bytes, {most} at most")
        if member.compress_type not in (ZIP_STORED, ZIP_DEFLATED):
            raise ValueError(f"{name} is compressed in a way that numpy does not write")
        with archive.open(member) as opened:
            _check_header(opened, name, member.file_size)
        with archive.open(member) as opened:
            array: NDArray[Any] = npy.read_array(opened, allow_pickle=False)
            if opened.read(1):  # also where the checksum is looked at
                raise ValueError(f"{name} goes on after its numbers")
    return array


def _check_header(opened: IO[bytes], name: str, size: int) -> None:
    """Raise ValueError where an array claims to have more numbers than its file holds."""
    shape, _, dtype = HEADERS[npy.read_magic(opened)](opened)
    if dtype.hasobject:
        raise ValueError(f"{name} holds objects, no numbers")
    if opened.tell() + math.prod(shape) * dtype.itemsize != size or np.min(shape, initial=0) < 0:
        raise ValueError(f"{name} says another shape than it has")
