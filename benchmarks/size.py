"""Time and memory of whole commands with up to 200,000 images, which should grow in proportion."""

import csv
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor, nn

from aduni.config.build import build_data
from aduni.data.loading.batch_samplers import TrainingBatchSampler
from aduni.data.loading.samplers import InstanceBalanced
from aduni.reproduce.planning import settings_of
from benchmarks.children import ROOT, peak_of_child
from benchmarks.measure import cpu_clock, spread, timed
from benchmarks.part import Bench, Row, Section

SIDE = 32
"""Side of the images, pixels."""
FOLDER = 2500
"""Images of a folder."""
CLASSES = ("benign", "malignant", "unclear")


class Tiny(nn.Module):
    """Network that takes next to no time: these figures are about everything else."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 8, 8, stride=8), nn.BatchNorm2d(8), nn.ReLU())

    def forward(self, images: Tensor) -> Tensor:
        """Return (N, 8) features of (N, 3, H, W) images."""
        features: Tensor = self.layers(images).mean(dim=(2, 3))
        return features


def measure(bench: Bench) -> Section:
    """Return a row for every number of images."""
    sizes = bench.effort.image_counts
    folders = _write_images(bench.scratch / "images", max(sizes))
    rows: list[Row] = []
    for count in sizes:
        rows += _rows(bench, count, folders[: -(-count // FOLDER)])
    notes = (
        f"JPEG files of {SIDE} x {SIDE} pixels. CPU seconds of all threads; memory: the most that "
        "a process of its own held beside pages of files. A start is a training of two batches "
        "with its evaluation; folds and an epoch's order are made by one process.",
    )
    return Section("Size", rows, notes, {"size_growth": spread([_growth(rows)])})


def _growth(rows: list[Row]) -> float:
    """Return the CPU time of a further image at the largest count over that at the smaller ones.

    It is that of all steps together, since each start-up varies by seconds.
    """
    seconds: dict[float, float] = {}
    for row in rows:
        count = float(row["images"])  # type: ignore[arg-type]
        seconds[count] = seconds.get(count, 0.0) + float(row["CPU s"])  # type: ignore[arg-type]
    slopes = np.diff(list(seconds.values())) / np.diff(list(seconds))
    return float(slopes[-1] / slopes[0])


def _rows(bench: Bench, count: int, folders: list[Path]) -> list[Row]:
    place = bench.scratch / str(count)
    place.mkdir()
    table = _write_table(bench.scratch / f"{count}.csv", folders, count)
    data = [
        *("dataset=csv", f"dataset.csv={table}", "dataset.group_column=patient"),
        *(f"dataset.image_size={SIDE}", f"dataset.cache_dir={bench.scratch / 'cache'}"),
    ]
    training = [
        *data,
        *("method=ce", "encoder.name=benchmarks.size.Tiny", "encoder.adaptation=full"),
        *("encoder.weights=null", "epochs=1", "num_workers=0", "trainer=cpu"),
    ]
    run = place / "run"
    ckpt = run / "checkpoints" / "best.ckpt"
    images = ",".join(map(str, folders))
    commands = {
        "prepare": ["prepare", *data, f"output={place / 'audit'}"],
        "start": ["train", *training, "sampler.epoch_length=2", f"hydra.run.dir={run}"],
        "predict": [
            *("predict", f"ckpt={ckpt}", f"images=[{images}]", f"output={place / 'p.csv'}"),
            "trust=[benchmarks]",
        ],
        "report": ["report", f"runs={run}", f"output={place / 'report'}"],
    }
    rows = [_row(name, count, *_child(words)) for name, words in commands.items()]
    made = build_data(settings_of(training))
    _ = made.cache
    steps: dict[str, Callable[[], Any]] = {
        "folds": lambda: made.parts,
        "an epoch's order": lambda: _draw(made),
    }
    return rows + [_row(name, count, timed(step, cpu_clock), None) for name, step in steps.items()]


def _row(step: str, count: int, seconds: float, memory: float | None) -> Row:
    return {"step": step, "images": count, "CPU s": seconds, "own memory, MiB": memory}


def _child(words: list[str]) -> tuple[float, float]:
    """Return CPU seconds and the most MiB of a command."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, str(ROOT / "src" / f"{words[0]}.py"), *words[1:]]
    memory, _ = peak_of_child(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, memory


def _draw(data: Any) -> None:
    rows = data.rows("train")
    labels = data.table.labels[rows]
    for _ in TrainingBatchSampler(
        InstanceBalanced(), rows, labels, epochs=1, seed=0, batch_size=64, first_epoch=0
    ):
        pass


def _write_images(root: Path, count: int) -> list[Path]:
    """Write random blotches, and return the folders that they lie in."""
    rng = np.random.default_rng(0)
    for start in range(0, count, FOLDER):
        folder = root / f"{start // FOLDER:03d}"
        folder.mkdir(parents=True)
        coarse = rng.integers(30, 226, (min(FOLDER, count - start), 6, 8, 3), dtype=np.uint8)
        for number, blotches in enumerate(coarse, start):
            image = Image.fromarray(blotches).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
            image.save(folder / f"{number:06d}.jpg", quality=90)
    return sorted(root.iterdir())


def _write_table(file: Path, folders: list[Path], count: int) -> Path:
    with file.open("w", newline="") as opened:
        writer = csv.writer(opened)
        writer.writerow(("image", "label", "patient"))
        for row in range(count):
            patient = row // 3
            image = folders[row // FOLDER].relative_to(file.parent) / f"{row:06d}.jpg"
            writer.writerow((image, CLASSES[patient % len(CLASSES)], f"p{patient}"))
    return file
