"""One call of benchmark.py: the chosen parts, one after another."""

import tempfile
from importlib import import_module
from pathlib import Path

import torch
from rich.console import Console
from rich.markdown import Markdown

from benchmarks.measure import wall_clock
from benchmarks.part import Bench, Effort, Section
from benchmarks.results import markdown, measured_on, write_results
from benchmarks.settings import PARTS, BenchmarkSettings
from benchmarks.targets import target_section

MODULES = {part: import_module(f"benchmarks.{part}") for part in PARTS}
"""The parts, imported before the command sets Lightning's log level, which its import resets."""


def benchmark(settings: BenchmarkSettings, effort: Effort) -> None:
    """Measure, print and write the parts, each the module of its name, after every one of them."""
    output = settings.output.resolve()
    output.mkdir(parents=True, exist_ok=True)
    origin = measured_on()
    console = Console()
    sections: dict[str, Section] = {}
    for name in settings.chosen:
        started = wall_clock()
        with tempfile.TemporaryDirectory(dir=output, prefix=".scratch-") as scratch:
            section = sections[name] = MODULES[name].measure(Bench(effort, Path(scratch), output))
        console.print(Markdown(markdown(section)))
        console.print(f"{name}: {wall_clock() - started:.0f} s")
        figures = {k: v for section in sections.values() for k, v in section.figures.items()}
        targets = target_section(figures, has_gpu=torch.cuda.is_available())
        write_results(sections, targets, origin, output)
    console.print(Markdown(markdown(targets)))
    console.print("Results:", str(output), soft_wrap=True)
