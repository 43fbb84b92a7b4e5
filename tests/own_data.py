"""Small data sets such as users have: class folders, a table, an archive of MedMNIST."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

CLASSES = ("benign", "malignant", "unclear")
SIZES = (15, 9, 8)


def blotches(number: int, size: tuple[int, int] = (24, 20)) -> Image.Image:
    """A picture of its own for each number."""
    pixels = np.random.default_rng(number).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC)


def class_folders(root: Path, sizes: Sequence[int] = SIZES, first: int = 0) -> list[Path]:
    """ROOT/CLASS/NUMBER.png; pictures count from `first`."""
    files = []
    for name, size in zip(CLASSES, sizes, strict=True):
        (root / name).mkdir(parents=True, exist_ok=True)
        for _ in range(size):
            file = root / name / f"{first + len(files):03d}.png"
            blotches(first + len(files)).save(file)
            files.append(file)
    return files


def table(root: Path, sizes: Sequence[int] = SIZES) -> Path:
    """ROOT/labels.csv: name, finding, patient and side of the pictures in ROOT/pictures."""
    (root / "pictures").mkdir(parents=True, exist_ok=True)
    lines = ["name,finding,patient,side"]
    for label, size in zip(CLASSES, sizes, strict=True):
        for i in range(size):
            number = len(lines) - 1
            blotches(number).save(root / "pictures" / f"{number:03d}.png")
            side = ("train", "train", "val", "test")[i % 4]
            lines.append(f"pictures/{number:03d},{label},p{number},{side}")
    (root / "labels.csv").write_text("\n".join(lines) + "\n")
    return root / "labels.csv"


def archive(root: Path, name: str = "dermamnist", classes: int = 7, **changes: np.ndarray) -> Path:
    """ROOT/NAME.npz in MedMNIST's layout: 28 px, colours, a label of one column."""
    root.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    arrays = {}
    for part, size in (("train", 6), ("val", 3), ("test", 4)):
        count = size * classes
        arrays[f"{part}_images"] = rng.integers(0, 256, (count, 28, 28, 3), dtype=np.uint8)
        arrays[f"{part}_labels"] = (np.arange(count) % classes).astype(np.uint8)[:, None]
    np.savez_compressed(root / f"{name}.npz", **{**arrays, **changes})
    return root / f"{name}.npz"
