"""One call of benchmark.py: the chosen parts, one after another."""

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from rich.console import Console

from benchmarks.cache_building import measure_cache
from benchmarks.data_path import measure_data_path
from benchmarks.effort import Effort
from benchmarks.evaluation import measure_evaluation
from benchmarks.growth import measure_growth
from benchmarks.loss import measure_loss
from benchmarks.measure import WALL
from benchmarks.profiling import measure_profile
from benchmarks.results import measured_on, print_results, write_results
from benchmarks.row_growth import measure_rows
from benchmarks.section import Bench, Section
from benchmarks.settings import BenchmarkSettings
from benchmarks.start_up import measure_start_up
from benchmarks.step import measure_step
from benchmarks.targets import target_rows

MEASURES: dict[str, Callable[[Bench], Section]] = {
    "data_path": measure_data_path,
    "loss": measure_loss,
    "step": measure_step,
    "evaluation": measure_evaluation,
    "start_up": measure_start_up,
    "cache": measure_cache,
    "growth": measure_growth,
    "rows": measure_rows,
    "profile": measure_profile,
}


def benchmark(settings: BenchmarkSettings, effort: Effort) -> None:
    """Measure, print and write; the results so far are written after every part.

    Args:
        settings: checked.
        effort: how much is measured.

    Raises:
        subprocess.CalledProcessError: a child process failed.
    """
    output = settings.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    origin = measured_on()
    console = Console()
    sections: dict[str, Section] = {}
    rows = target_rows({}, has_gpu=torch.cuda.is_available())
    for name in settings.chosen:
        started = WALL()
        with tempfile.TemporaryDirectory(dir=output, prefix=".scratch-") as scratch:
            sections[name] = _measured(name, Bench(effort, Path(scratch), output), console)
        console.print(f"{name}: {WALL() - started:.0f} s")
        figures = {k: v for section in sections.values() for k, v in section.figures.items()}
        rows = target_rows(figures, has_gpu=torch.cuda.is_available())
        write_results(sections, rows, origin, output)
    print_results(sections, rows, output)


def _measured(name: str, bench: Bench, console: Console) -> Section:
    """One part; what a child process printed is shown where it failed."""
    try:
        return MEASURES[name](bench)
    except subprocess.CalledProcessError as error:
        console.print(error.stderr, markup=False)
        raise
