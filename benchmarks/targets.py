"""The targets, and whether the measured figures meet them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benchmarks.measure import Spread
from benchmarks.part import Row, Section


@dataclass(frozen=True)
class Target:
    """One line of the table."""

    what: str  # is measured
    key: str  # of the figure
    limit: float  # that its median is compared with
    side: Literal["at least", "at most"]
    gpu: bool = False  # measured on a GPU only


TARGETS = (
    Target("data path, 384 px, times the released loader", "data_path_384", 5, "at least"),
    Target("the same, stretch", "data_path_384", 9, "at least"),
    Target("data path, 64 px, times the released loader", "data_path_64", 8, "at least"),
    Target("the same, stretch", "data_path_64", 15, "at least"),
    Target("AduC, B = 512, time over the floor's", "loss_time_512", 1.5, "at most"),
    Target("AduC, B = 1024, time over the floor's", "loss_time_1024", 1.5, "at most"),
    Target("AduC, B = 512, matrices of N x N", "loss_memory_512", 4, "at most"),
    Target("AduC, B = 1024, matrices of N x N", "loss_memory_1024", 4, "at most"),
    Target("step efficiency, CPU, 64 px, 1 worker with a core", "step_cpu", 0.95, "at least"),
    Target("the same, all cores to the model", "step_cpu_shared", 0.95, "at least"),
    Target("step efficiency, GPU, 384 px, bf16", "step_gpu", 0.9, "at least", gpu=True),
    Target("evaluation over the bare forward, CPU", "evaluation_cpu", 0.9, "at least"),
    Target("evaluation over the bare forward, GPU", "evaluation_cuda", 0.9, "at least", gpu=True),
    Target("features over the bare forward, CPU", "features_cpu", 0.9, "at least"),
    Target("isic2018, 384 px, 400 epochs, minutes", "isic_minutes", 45, "at most", gpu=True),
    Target("digits, until the first step begins, over the imports", "start_up", 1.3, "at most"),
    Target("memory beside the map, 16x over 1x as many images", "memory_growth", 1.05, "at most"),
    Target("CPU time of a table's row, 200,000 rows over 12,500", "row_growth", 1.5, "at most"),
    Target("CPU time of a further image of 200,000 over 50,000", "size_growth", 1.5, "at most"),
)


def verdict(target: Target, figure: Spread | None, *, has_gpu: bool) -> str:
    """Return met, not met, or why there is no figure."""
    if figure is None:
        return "no GPU here" if target.gpu and not has_gpu else "not measured"
    above, below = figure.median >= target.limit, figure.median <= target.limit
    return "met" if (above if target.side == "at least" else below) else "not met"


def target_section(figures: Mapping[str, Spread], *, has_gpu: bool) -> Section:
    """Return the table of targets, from the figures of all parts that were measured."""
    rows: list[Row] = [
        {
            "what": target.what,
            "measured": figures.get(target.key),
            "target": f"{target.side} {target.limit:g}",
            "verdict": verdict(target, figures.get(target.key), has_gpu=has_gpu),
        }
        for target in TARGETS
    ]
    return Section("Targets", rows)
