"""Memory that runs out ends in one sentence with a batch size to try."""

import errno
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from aduni.errors import UserError
from aduni.system.out_of_memory import explain_out_of_memory, suggest_smaller_batch

SRC = Path(__file__).resolve().parents[2] / "src"

# A run whose address space may grow by so little that one batch does not fit.
LIMITED = """
import resource, runpy, sys
import aduni.training.run, aduni.cli.app, aduni.config.resume
pages = int(open("/proc/self/statm").read().split()[0])
limit = pages * resource.getpagesize() + 600 * 2**20
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
runpy.run_path(sys.argv[0], run_name="__main__")
"""

EXHAUSTED = {
    "GPU": (
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    ),
    "computer": (
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes."),
        RuntimeError("unable to mmap 9 bytes from file <f>: Cannot allocate memory (12)"),
        RuntimeError("std::bad_alloc"),
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ),
}


def raising(error: Exception) -> None:
    with explain_out_of_memory(suggest_smaller_batch(128)):
        raise error


@pytest.mark.parametrize(
    ("place", "error"), [(place, e) for place, errors in EXHAUSTED.items() for e in errors]
)
def test_a_smaller_batch_is_suggested(place, error, refusal):
    refusal(lambda: raising(error), f"memory of the {place} ran out", "batch_size=64")


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), OSError(errno.ENOENT, "no"), UserError("mine.")]
)
def test_other_errors_stay_what_they_are(error):
    with pytest.raises(type(error)) as raised:
        raising(error)
    assert raised.value is error


def test_the_smallest_batch_is_two():
    assert "batch_size=2," in suggest_smaller_batch(3)


def test_a_gpu_that_is_full_in_mid_training(train, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")

    monkeypatch.setattr("aduni.methods.aduni.AdUni.loss", full)
    finished, run = train()

    assert finished.status == 1
    assert "The memory of the GPU ran out" in finished.err
    assert "batch_size=16" in finished.err
    assert "ran out" in (run / "train.log").read_text()
    assert not (run / "metrics.json").exists()


def test_a_gpu_that_is_full_in_evaluation(past_run, command, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    run = past_run("epochs=1")
    monkeypatch.setattr("aduni.methods.aduni.AdUni.forward", full)
    finished = command("evaluate", f"ckpt={run}/checkpoints/best.ckpt")

    assert finished.status == 1
    assert "The memory of the GPU ran out" in finished.err
    assert "CUDA_VISIBLE_DEVICES" in finished.err


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux'")
def test_a_computer_that_is_full(tmp_path, cache):
    options = [
        *("method=ce", "trainer=cpu", "num_workers=0", "epochs=1", "batch_size=300"),
        *("dataset.image_size=128", "encoder.stem=standard", "sampler=none"),
        *(f"dataset.cache_dir={cache}", f"hydra.run.dir={tmp_path}/run"),
    ]
    command = [sys.executable, "-c", f"import sys; sys.argv[:1] = []\n{LIMITED}"]
    command += [str(SRC / "train.py"), *options]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)

    assert finished.returncode == 1, finished.stderr
    assert "error: The memory of the computer ran out; batch_size=300" in finished.stderr
    assert "batch_size=150" in finished.stderr
    assert "Traceback" not in finished.stderr
