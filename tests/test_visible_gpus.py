"""Tests compute on the CPU, whatever the machine has, unless they are marked gpu."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from visible_gpus import selects_gpu

TESTS = Path(__file__).resolve().parent

# Nothing that tests/conftest.py imports may look for a GPU: the variable would come too late.
LOOKS = """
import torch
def look(*_):
    raise AssertionError("torch looks for GPUs")
torch._C._cuda_getDeviceCount = torch.cuda.device_count = torch.cuda.is_available = look
torch.cuda._device_count_nvml = torch.accelerator.is_available = look
import conftest
"""


def test_no_gpu_is_seen_here():
    assert os.environ["CUDA_VISIBLE_DEVICES"] == ""
    assert not torch.cuda.is_available()


@pytest.mark.parametrize("expression", ["gpu", "gpu and not slow", "not slow and gpu"])
def test_expressions_that_ask_for_a_gpu(expression):
    assert selects_gpu(expression)


@pytest.mark.parametrize("expression", ["", "not slow", "slow", "not gpu", "not slow and not gpu"])
def test_expressions_that_do_not(expression):
    assert not selects_gpu(expression)


def test_gpus_are_hidden_before_torch_looks_for_them():
    path = os.pathsep.join(str(folder) for folder in (TESTS, TESTS.parent / "src"))
    subprocess.run(
        [sys.executable, "-c", LOOKS], env={**os.environ, "PYTHONPATH": path}, check=True
    )
