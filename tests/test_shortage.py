"""Test that a lack of resources is distinguished from damaged files."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from aduni.checkpoints.load import load_checkpoint
from aduni.data.cache.integrity import cache_fault
from aduni.inference.images import read_image
from aduni.shortage import raise_shortage, shortage

SRC = Path(__file__).resolve().parents[1] / "src"
FULL_TABLE = OSError(errno.EMFILE, os.strerror(errno.EMFILE), "/images/a.png")
SHORT = {
    "memory of the GPU": [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("MPS backend out of memory (MPS allocated: 9 GB)"),
    ],
    "memory of the computer": [
        RuntimeError("could not create a primitive"),
        RuntimeError("could not create a memory object"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:121] . DefaultCPUAllocator: can't allocate"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 9 bytes."),
        RuntimeError("Caught RuntimeError in DataLoader worker process 0.\nstd::bad_alloc"),
        MemoryError("std::bad_alloc"),
        MemoryError(),
        np._core._exceptions._ArrayMemoryError((2**50,), np.dtype("u1")),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libtorch.so: failed to map segment: Cannot allocate memory"),
    ],
    "Too many files are open": [
        FULL_TABLE,
        OSError(errno.ENFILE, "Too many open files in system"),
        OSError("Caught OSError in DataLoader worker process 0.\n[Errno 24] Too many open files"),
        RuntimeError("unable to open shared memory object </torch_1_2>: Too many open files (24)"),
        RuntimeError("received 0 items of ancdata"),
        ImportError("libz.so: cannot open shared object file: Too many open files"),
    ],
    "No further process or thread": [
        BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
        RuntimeError("can't start new thread"),
    ],
}
OTHERS = [
    RuntimeError("shapes differ"),
    RuntimeError("could not create a primitive descriptor for a convolution"),
    OSError(errno.ENOENT, "No such file or directory"),
    ValueError("Too many open files"),
]


@pytest.mark.parametrize(("words", "error"), [(w, e) for w, es in SHORT.items() for e in es])
def test_a_shortage_is_one_sentence(words, error):
    sentence = shortage(error)
    assert words in sentence
    assert "\n" not in sentence
    assert "; " in sentence
    with pytest.raises(type(error)):
        raise_shortage(error)


@pytest.mark.parametrize("error", OTHERS)
def test_other_errors_are_none(error):
    assert shortage(error) is None
    raise_shortage(error)


def test_an_error_of_the_clearing_up_does_not_hide_a_shortage():
    error = RuntimeError("Please call `iter(combined_loader)` first.")
    error.__context__ = FULL_TABLE
    assert "Too many files" in shortage(error)


@pytest.fixture
def no_files_left(monkeypatch):
    """Make every further attempt to open a file fail."""

    def refuse(*_, **__):
        raise FULL_TABLE

    def shut():
        for name in ("builtins.open", "io.open"):
            monkeypatch.setattr(name, refuse)

    return shut


def _image(folder: Path) -> Path:
    file = folder / "a.png"
    Image.new("RGB", (5, 5)).save(file)
    return file


def test_an_image_is_not_called_unreadable(tmp_path, no_files_left):
    """An image called unreadable would be left out with skip_unreadable=true."""
    file = _image(tmp_path)
    no_files_left()
    with pytest.raises(OSError, match="Too many open files"):
        read_image(file, 4)


def test_a_checkpoint_is_not_called_damaged(tmp_path, no_files_left):
    """A checkpoint called damaged would make a resumed run start again and overwrite good ones."""
    file = tmp_path / "last.ckpt"
    torch.save({}, file)
    no_files_left()
    with pytest.raises(OSError, match="Too many open files"):
        load_checkpoint(file, "resume")


def test_a_cache_is_not_called_damaged(tmp_path, no_files_left):
    """A cache called damaged would be built again."""
    (tmp_path / "SHA256SUMS").write_text("")
    no_files_left()
    with pytest.raises(OSError, match="Too many open files"):
        cache_fault(tmp_path, ["a"], 4, every_row=False)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            "OSError(errno.EMFILE, 'Too many open files')",
            "A loader process cannot send its batch: Too many files are open",
        ),
        ("BrokenPipeError()", ""),  # the training has ended, and says why
    ],
)
def test_a_loader_process_that_cannot_send_a_batch_ends(error, said):
    """Otherwise its sending thread would print a traceback while the training waits for ever."""
    program = f"""
import errno
from aduni.data.loading.dataloaders import _init_worker
from multiprocessing.queues import Queue

_init_worker(0, lower_priority=False)
Queue._on_queue_feeder_error({error}, None)
print("it went on")
"""
    finished = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(SRC)},
    )
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert finished.stderr.startswith(said)
    assert bool(finished.stderr) == bool(said)
    assert "Traceback" not in finished.stderr
