"""Freed memory stays in the process, so that the next batch costs no page faults."""

import subprocess
import sys

import pytest

MEASURE = """
import resource, sys
import torch
from aduni.system.freed_memory import keep_freed_memory

if sys.argv[1] == "kept":
    keep_freed_memory()

def faults(bytes):
    for _ in range(3):
        torch.ones(bytes, dtype=torch.uint8)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(4):
        torch.ones(bytes, dtype=torch.uint8)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

faults(2**26)  # the heap finds its size
print(faults(2**26))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mallopt is of Linux's C library")
def test_blocks_of_64_mib_are_taken_again():
    def faults(how):
        command = [sys.executable, "-c", MEASURE, how]
        return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)

    assert faults("kept") < 100  # a page has 4 KiB, or 2 MiB where the system makes huge ones
    assert faults("given back") > 100
