"""Pictures of which nobody owns the rights: smooth colours with noise."""

from pathlib import Path

import numpy as np
from PIL import Image

WIDTH, HEIGHT = 600, 450
"""Of the photographs of ISIC 2018, pixels."""

QUALITY = 90


def smooth_picture(seed: int, width: int, height: int) -> Image.Image:
    """Coloured blotches, RGB, the same for the same seed."""
    rng = np.random.default_rng([seed, width, height])
    blotches = rng.integers(30, 226, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(blotches).resize((width, height), Image.Resampling.BICUBIC)


def noisy_picture(seed: int, width: int = WIDTH, height: int = HEIGHT) -> Image.Image:
    """Blotches with a camera's noise (standard deviation 6 of 255): a JPEG has work to do."""
    rng = np.random.default_rng([seed, 1])
    smooth = np.asarray(smooth_picture(seed, width, height), dtype=np.int16)
    noise = np.round(rng.normal(0, 6, smooth.shape)).astype(np.int16)
    return Image.fromarray(np.clip(smooth + noise, 0, 255).astype(np.uint8))


def write_jpegs(folder: Path, count: int, width: int = WIDTH, height: int = HEIGHT) -> list[Path]:
    """Files 00000.jpg and so on; the folder is made."""
    folder.mkdir(parents=True)
    files = [folder / f"{number:05d}.jpg" for number in range(count)]
    for number, file in enumerate(files):
        noisy_picture(number, width, height).save(file, quality=QUALITY)
    return files
