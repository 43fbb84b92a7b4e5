"""Milliseconds of the pieces of a step, with and without cudnn.benchmark."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.utils.benchmark import Timer

from aduni.data.augmentation.gpu.augment import FUSED
from benchmarks.loss import forward_backward, loss_input, ours
from benchmarks.measure import spread
from benchmarks.part import Row, Section
from gpu_check_parts.size import Size
from gpu_check_parts.workload import Workload, cudnn_benchmark, report

MAKE_VIEWS = ("augmentation", "whole step")


def measure(size: Size, folder: Path) -> dict[str, Any]:
    """Return a row for each piece: first those without convolutions, then whole steps."""
    work = Workload(size)
    rows = [_row(what, "-", call, size) for what, call in _pieces(work).items()]
    for enabled in (False, True):
        with cudnn_benchmark(enabled):
            for what, call in _steps(work).items():
                rows.append(_row(what, "on" if enabled else "off", call, size))
    notes = (
        f"AdUni, ResNet-18, {size.side} px, B = {size.batch}, two views, bf16-mixed, from random "
        "uint8 images on the device; torch.utils.benchmark, milliseconds a call, with quartiles.",
        "Bare: forward, backward and optimiser of the model on normalised floats. Whole: the "
        "augmentation and the step. Loss: AduC alone, forward and backward in float32.",
    )
    return report(Section("Kernels", rows, notes))


def _pieces(work: Workload) -> dict[str, Callable[[], Any]]:
    given = loss_input("AduC", work.size.batch, work.size.device)
    return {
        "augmentation": work.augmented,
        "normalising": work.normalised,
        "loss": partial(forward_backward, ours, given),
    }


def _steps(work: Workload) -> dict[str, Callable[[], Any]]:
    return {"bare step": work.bare(), "step": work.trained, "whole step": work.whole}


def _row(what: str, benchmark: str, call: Callable[[], Any], size: Size) -> Row:
    for _ in range(1 if size.is_small else 3):  # plans convolutions, fills the allocator's cache
        call()
    threads = torch.get_num_threads()
    timer = Timer("call()", globals={"call": call}, num_threads=threads)
    times = timer.blocked_autorange(min_run_time=size.seconds).times
    return {
        "what": f"{what}, unfused" if FUSED.has_failed and what in MAKE_VIEWS else what,
        "cudnn.benchmark": benchmark,
        "ms": spread([1000 * seconds for seconds in times]),
        "GiB at most": _peak(call, size),
    }


def _peak(call: Callable[[], Any], size: Size) -> float | None:
    """Return the most memory that is allocated during a call, all tensors counted."""
    if size.device != "cuda":
        return None
    torch.cuda.reset_peak_memory_stats()
    call()
    return torch.cuda.max_memory_allocated() / 2**30
