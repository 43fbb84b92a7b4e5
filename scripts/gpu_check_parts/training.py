"""The step benchmark's GPU row alone: epochs of a real training over bare steps."""

import tempfile
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir

from benchmarks.children import ROOT
from benchmarks.part import Bench, Effort, Section
from benchmarks.step import row_of_gpu
from gpu_check_parts.size import Size
from gpu_check_parts.workload import report


def measure(size: Size, folder: Path) -> dict[str, Any]:
    """Return the row; its validation part is smaller than that of ISIC 2018."""
    effort = _effort(size)
    with (
        tempfile.TemporaryDirectory() as scratch,
        initialize_config_dir(str(ROOT / "conf"), version_base="1.3"),
    ):
        bench = Bench(effort, Path(scratch), folder)
        row, figures = row_of_gpu(bench, size.trainer)
    note = (
        f"Epochs of {effort.gpu_images} images, {effort.epochs} after one of warm-up, each with "
        f"{effort.gpu_bare_steps} bare steps behind it."
    )
    return report(Section("Step efficiency", [row], (note,), figures))


def _effort(size: Size) -> Effort:
    """Return sizes of the step benchmark: 30 steps an epoch, so that it ends within its minutes."""
    steps, epochs, bare = (2, 1, 1) if size.is_small else (30, 2, 30)
    return Effort(
        epochs=epochs,
        gpu_image_size=size.side,
        gpu_batch_size=size.batch,
        gpu_images=steps * size.batch,
        gpu_held_out=max(2 * size.batch, 7),
        gpu_bare_steps=bare,
    )
