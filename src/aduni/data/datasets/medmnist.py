"""MedMNIST's data sets of flat images, with their official split."""

import shutil
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from aduni.data.datasets.user_images import OwnImages
from aduni.data.download.unzip import ALLOWANCE, GROWTH
from aduni.data.image_table import ImageTable
from aduni.errors import UserError, did_you_mean
from aduni.shortage import raise_shortage
from aduni.system.npz import read_array
from aduni.system.temporary import temporary_name

PARTS = {"train": "train", "val": "validation", "test": "test"}
"""The archive's names of the parts, and ours."""


class MedMNIST(OwnImages):
    """One of the data sets of the package medmnist, from its .npz archive.

    Args:
        name: as the package has it.
        size: side of the archive's images, pixels.
        kwargs: see OwnImages; `root` is the folder of the archives.

    Raises:
        UserError: there is no such data set, or it has no single label for a flat image.
    """

    obtain = "the package medmnist fetches it when it is read"

    def __init__(self, *, name: str, size: Literal[28, 64, 128, 224] = 28, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name, self.size = name, size
        self._info = _info(name)
        self._lock = Lock()

    @property
    def file(self) -> Path:
        """The archive, by the package's names."""
        return self.root / f"{self.name}{'' if self.size == 28 else f'_{self.size}'}.npz"

    @property
    def source_files(self) -> list[Path]:
        """The archive."""
        return [self.file]

    def read_rows(self) -> ImageTable:
        """Images train_000000 to test_..., in the archive's order; fetched where it is missing."""
        if not self.file.exists():
            self._fetch()
        names = [str(self._info["label"][str(i)]) for i in range(len(self._info["label"]))]
        images, labels, parts = [], [], []
        for theirs, ours in PARTS.items():
            numbers = self._array(f"{theirs}_labels")
            wrong = numbers.ndim != 2 or numbers.shape[1] != 1 or numbers.dtype.kind not in "iu"
            if wrong or not np.isin(numbers, np.arange(len(names))).all():
                raise self._foreign(f"{theirs}_labels are not one of {len(names)} classes each")
            images += [f"{theirs}_{i:06d}" for i in range(len(numbers))]
            labels.append(numbers[:, 0].astype(np.int64))
            parts += [ours] * len(numbers)
        graded = self._info["task"] == "ordinal-regression"
        sides = np.array(parts, dtype="<U10")
        return ImageTable(images, np.concatenate(labels), names, parts=sides, ordinal=graded)

    def open_image(self, row: int) -> Image.Image:
        """Grey levels or colours as the archive has them, RGB."""
        with self._lock:  # threads ask for images
            pixels = self._pixels
        part, number = self.table.images[row].split("_")
        return Image.fromarray(pixels[part][int(number)]).convert("RGB")

    @cached_property
    def _pixels(self) -> dict[str, NDArray[np.uint8]]:
        """(n, H, W) or (n, H, W, 3) of each part; read only where the cache is to be built."""
        found = {}
        for part in PARTS:
            pixels = self._array(f"{part}_images")
            flat = pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[3] == 3)
            known = sum(image.startswith(f"{part}_") for image in self.table.images)
            if pixels.dtype != np.uint8 or not flat or len(pixels) != known:
                raise self._foreign(f"{part}_images are not {known} flat 8-bit images")
            found[part] = pixels
        return found

    def _array(self, name: str) -> NDArray[Any]:
        try:
            most = GROWTH * self.file.stat().st_size + ALLOWANCE
            return read_array(self.file, name, most)
        except Exception as error:  # zipfile, zlib and numpy each raise kinds of their own
            raise_shortage(error)
            raise self._foreign(" ".join(str(error).split()) or type(error).__name__) from error

    def _foreign(self, why: str) -> UserError:
        return UserError(
            f"{self.file} is no whole archive of MedMNIST's {self.name} ({why}); remove it, and "
            "the next call fetches it again."
        )

    def _fetch(self) -> None:
        """By the package, which checks the sum; the archive appears whole."""
        import medmnist  # type: ignore[import-untyped]

        published = getattr(medmnist, self._info["python_class"])
        self.root.mkdir(parents=True, exist_ok=True)
        with FileLock(self.root / ".download.lock"):
            if self.file.exists():
                return  # another process was faster
            folder = temporary_name(self.file)
            folder.mkdir()
            try:
                published(split="test", root=str(folder), size=self.size, download=True)
                (folder / self.file.name).replace(self.file)
            except RuntimeError as error:
                raise_shortage(error)
                address = self._info["url" if self.size == 28 else f"url_{self.size}"]
                raise UserError(
                    f"MedMNIST's {self.name} cannot be fetched; check the connection, or put "
                    f"{address} into {self.root} as {self.file.name}."
                ) from error
            finally:
                shutil.rmtree(folder, ignore_errors=True)


def _info(name: str) -> dict[str, Any]:
    """What the package knows of a data set."""
    from medmnist.info import INFO  # type: ignore[import-untyped]  # takes seconds

    flat = [
        key for key, info in INFO.items() if "3d" not in key and "multi-label" not in info["task"]
    ]
    if name in flat:
        return dict(INFO[name])
    if name in INFO:
        kind = "solid images" if "3d" in name else "several labels for an image"
        raise UserError(f"dataset.name={name} has {kind}; choose one of {', '.join(flat)}.")
    raise UserError(
        f"dataset.name={name} is no data set of MedMNIST{did_you_mean(name, flat)}; choose one of "
        f"{', '.join(flat)}."
    )
