"""The memory counters, against allocations of a known size."""

import sys

import psutil
import pytest
import torch

from benchmarks.children import peak_of_child
from benchmarks.measure import peak_bytes, sum_peak

CPU = torch.device("cpu")
SIDE = 500
MATRIX = 4 * SIDE * SIDE


def test_tensors_that_are_alive_at_once_are_added():
    def two_of_three():
        first = torch.empty(SIDE, SIDE)
        second = torch.empty(SIDE, SIDE)
        del first
        third = torch.empty(SIDE, SIDE)
        return second, third

    assert peak_bytes(two_of_three, CPU) == 2 * MATRIX


def test_what_was_alive_before_does_not_count_even_if_it_goes():
    held = [torch.empty(SIDE, SIDE)]

    def replace():
        held.clear()
        held.append(torch.empty(SIDE, SIDE))

    assert peak_bytes(replace, CPU) == MATRIX


def test_what_the_backward_pass_and_kernels_allocate_is_seen():
    values = torch.randn(SIDE, SIDE, requires_grad=True)

    def squared():
        values.grad = None
        values.square().sum().backward()

    assert 2 * MATRIX <= peak_bytes(squared, CPU) <= 3 * MATRIX + 100  # square, its gradients


def test_no_allocation_is_no_memory():
    assert peak_bytes(lambda: None, CPU) == 0


def _event(number, address, size):
    return {"name": "[memory]", "args": {"Ev Idx": number, "Addr": address, "Bytes": size}}


def test_events_are_summed_in_their_order():
    events = [_event(2, 1, -10), _event(0, 1, 10), _event(1, 2, 5), _event(3, 3, 7), {"name": "x"}]
    assert sum_peak(events) == 15
    assert sum_peak([_event(0, 9, -100), _event(1, 1, 10)]) == 10
    assert sum_peak([_event(0, 9, -7), _event(1, 9, 10), _event(2, 9, -10), _event(3, 1, 4)]) == 10


@pytest.mark.skipif(not psutil.LINUX, reason="other systems do not tell pages apart")
def test_a_child_s_own_pages_and_those_of_its_map_are_told_apart(tmp_path):
    file = tmp_path / "map"
    file.write_bytes(bytes(40 * 2**20))
    script = f"""
import mmap, time
own = bytearray(60 * 2**20)
with open({str(file)!r}, "rb") as opened:
    mapped = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
    total = sum(mapped[i] for i in range(0, len(mapped), 4096))
    time.sleep(0.5)
"""
    own, files = peak_of_child([sys.executable, "-c", script])
    assert 60 <= own < 100
    assert 40 <= files < 80


@pytest.mark.skipif(not psutil.LINUX, reason="other systems do not tell pages apart")
def test_a_child_that_fails_says_why():
    with pytest.raises(RuntimeError, match="out of luck"):
        peak_of_child([sys.executable, "-c", "raise SystemExit('out of luck')"])
