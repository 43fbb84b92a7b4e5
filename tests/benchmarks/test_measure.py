"""Medians, quartiles, ratios and rounds, against numbers worked out by hand."""

import time

import cv2
import pytest
import torch

from benchmarks.measure import Spread, alternate, one_thread, rate, ratio, timed, wall_clock
from benchmarks.measure import spread as spread_of


def test_median_and_quartiles():
    assert spread_of([5.0, 1.0, 2.0, 4.0, 3.0]) == Spread(3.0, 2.0, 4.0, 5)
    assert spread_of([1.0, 2.0, 3.0, 4.0]) == Spread(2.5, 1.75, 3.25, 4)
    assert spread_of([7.0]) == Spread(7.0, 7.0, 7.0, 1)


def test_a_rate_is_amount_over_seconds():
    assert rate(100, [1.0, 2.0, 4.0]) == Spread(50.0, 37.5, 75.0, 3)


def test_a_ratio_is_of_pairs_not_of_medians():
    # A machine that is ten times slower in the second turn does not change the ratio.
    assert ratio([2.0, 20.0, 4.0], [1.0, 10.0, 2.0]) == Spread(2.0, 2.0, 2.0, 3)
    pairs = ratio([1.0, 9.0, 4.0], [1.0, 3.0, 8.0])
    assert pairs.median == 1.0  # of 1, 3, 0.5; the medians' ratio would be 4 / 3
    with pytest.raises(ValueError, match="argument"):
        ratio([1.0], [1.0, 2.0])


def test_calls_alternate_and_the_first_round_is_not_counted():
    order = []
    now = iter([0, 9, 10, 19, 20, 21, 30, 32, 40, 43, 50, 54])
    calls = {"a": lambda: order.append("a"), "b": lambda: order.append("b")}
    seconds = alternate(calls, 2, lambda: float(next(now)))
    assert order == ["a", "b"] * 3
    assert seconds == {"a": [1.0, 3.0], "b": [2.0, 4.0]}


def test_a_gpu_is_waited_for_on_both_sides(monkeypatch):
    events = []
    monkeypatch.setattr(torch.accelerator, "is_available", lambda: True)
    monkeypatch.setattr(torch.accelerator, "synchronize", lambda: events.append("wait"))
    monkeypatch.setattr(time, "perf_counter", lambda: events.append("clock") or 1.0)
    assert timed(lambda: events.append("call"), wall_clock) == 0.0
    assert events == ["wait", "clock", "call", "wait", "clock"]


def test_one_thread_is_given_back():
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(2)
    with one_thread():
        assert torch.get_num_threads() == 1
        assert cv2.getNumThreads() == 1  # opencv's word for none beside the caller's
    assert torch.get_num_threads() == 2
    assert cv2.getNumThreads() == before[1]
    torch.set_num_threads(before[0])
