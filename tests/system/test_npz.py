"""Test that an array of an .npz is read within its limit of size, and nothing else is unpacked."""

import io
import pickle
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from aduni.system.npz import read_array

NUMBERS = {
    "float16": np.arange(12, dtype=np.float16).reshape(3, 4),
    "by columns": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
    "big-endian": np.arange(12, dtype=">i4"),
    "bytes": np.arange(12, dtype=np.uint8),
    "a number": np.array(3),
    "nothing": np.zeros((0, 4)),
    "texts": np.array(["a", "bc"]),
}


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("kind", NUMBERS)
def test_what_numpy_writes_is_read(kind, save, tmp_path):
    save(tmp_path / "a.npz", other=np.ones(3), own=NUMBERS[kind])
    read = read_array(tmp_path / "a.npz", "own", NUMBERS[kind].nbytes)
    np.testing.assert_array_equal(read, NUMBERS[kind], strict=True)


def _write(path: Path, content: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("own.npy", content)
    return path


def _npy(shape: tuple[int, ...], content: bytes, descr: str = "<f4", version: int = 1) -> bytes:
    header = repr({"descr": descr, "fortran_order": False, "shape": shape}).encode() + b"\n"
    buffer = io.BytesIO()
    buffer.write(b"\x93NUMPY" + bytes([version, 0]) + len(header).to_bytes(2, "little") + header)
    return buffer.getvalue() + content


REFUSED = {
    "larger than it may be": (_npy((50_000,), bytes(200_000)), "would take"),
    "more numbers than it has": (_npy((10**12,), bytes(40)), "another shape"),
    "fewer numbers than it has": (_npy((5,), bytes(40)), "another shape"),
    "a negative shape": (_npy((-1, -10), bytes(40)), "another shape"),
    "pickled objects": (_npy((1,), pickle.dumps([1]), "|O"), "objects"),
    "another version": (_npy((10,), bytes(40), version=9), "9"),
    "no array": (b"PK", "magic"),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_other_content_is_refused(fault, tmp_path):
    content, words = REFUSED[fault]
    file = _write(tmp_path / "a.npz", content)
    with pytest.raises((ValueError, KeyError), match=words):
        read_array(file, "own", 40)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_that_unpacks_without_limit_is_refused(method, tmp_path):
    file = _write(tmp_path / "a.npz", _npy((10,), bytes(40)), method)
    with pytest.raises(ValueError, match="compressed"):
        read_array(file, "own", 40)


@pytest.mark.parametrize("claimed", [True, False])
def test_a_bomb_takes_no_memory(claimed, tmp_path):
    size = 2**26
    file = _write(tmp_path / "a.npz", _npy((size // 4,), bytes(size)))
    if not claimed:  # a directory that says less than there is
        content = bytearray(file.read_bytes())
        entry = content.rindex(b"PK\x01\x02")
        content[entry + 24 : entry + 28] = (100).to_bytes(4, "little")
        file.write_bytes(bytes(content))
    assert file.stat().st_size < size / 900
    tracemalloc.start()
    with pytest.raises(Exception, match=r"would take|another shape|CRC"):
        read_array(file, "own", 1000)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 2**20


def test_an_array_that_is_missing_is_a_fault(tmp_path):
    np.savez(tmp_path / "a.npz", other=np.ones(3))
    with pytest.raises(KeyError):
        read_array(tmp_path / "a.npz", "own", 100)
