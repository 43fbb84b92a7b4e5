"""The step benchmark's GPU row alone: epochs of a real training over bare steps."""

import tempfile
from pathlib import Path

from hydra import initialize_config_dir

from benchmarks.children import ROOT
from benchmarks.part import Bench, Section
from benchmarks.step import row_of_gpu
from gpu_check_parts.size import Size


def measure(size: Size, folder: Path) -> Section:
    """Return the row; its validation part is smaller than that of ISIC 2018."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        initialize_config_dir(str(ROOT / "conf"), version_base="1.3"),
    ):
        bench = Bench(size.effort, Path(scratch), folder)
        row, figures = row_of_gpu(bench, size.trainer)
    return Section("Step efficiency", [row], (_note(size),), figures)


def _note(size: Size) -> str:
    effort = size.effort
    return (
        f"Epochs of {effort.gpu_images} images, {effort.epochs} after one of warm-up, each with "
        f"{effort.gpu_bare_steps} bare steps behind it."
    )
