"""Read MedMNIST's 2D data sets, with their official split."""

import shutil
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Literal

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray
from PIL import Image

from aduni.data.datasets.user_images import UserImages
from aduni.data.download.archives import EXTRA_BYTES, MAX_EXPANSION
from aduni.data.image_table import PART_DTYPE, ImageTable
from aduni.errors import UserError, did_you_mean, missing_extra
from aduni.shortage import raise_shortage
from aduni.system.npz import read_array
from aduni.system.temporary import temporary_name

PARTS = {"train": "train", "val": "validation", "test": "test"}


class MedMNIST(UserImages):
    """Data set of the package medmnist, read from its .npz archive.

    Args:
        name: name in the package.
        size: side of the archive's images, pixels.
        kwargs: see UserImages; `root` is the folder of the archives.
    """

    obtain = "the package medmnist fetches it when it is read"

    def __init__(self, *, name: str, size: Literal[28, 64, 128, 224] = 28, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.name, self.size = name, size
        self._info = _info(name)
        self._lock = Lock()

    @property
    def file(self) -> Path:
        """Path of the archive, named as by the package."""
        return self.root / f"{self.name}{'' if self.size == 28 else f'_{self.size}'}.npz"

    @property
    def source_files(self) -> list[Path]:
        return [self.file]

    def read_rows(self) -> ImageTable:
        """Read the rows train_000000 to test_...; fetch the archive if it is missing."""
        if not self.file.exists():
            self._fetch()
        names = [str(self._info["label"][str(i)]) for i in range(len(self._info["label"]))]
        images, labels, parts = [], [], []
        for prefix, part in PARTS.items():
            numbers = self._array(f"{prefix}_labels")
            wrong = numbers.ndim != 2 or numbers.shape[1] != 1 or numbers.dtype.kind not in "iu"
            if wrong or not np.isin(numbers, np.arange(len(names))).all():
                raise self._damaged(f"{prefix}_labels are not one of {len(names)} classes each")
            images += [f"{prefix}_{i:06d}" for i in range(len(numbers))]
            labels.append(numbers[:, 0].astype(np.int64))
            parts += [part] * len(numbers)
        ordinal = self._info["task"] == "ordinal-regression"
        part_array = np.array(parts, dtype=PART_DTYPE)
        return ImageTable(images, np.concatenate(labels), names, parts=part_array, ordinal=ordinal)

    def open_image(self, row: int) -> Image.Image:
        """Open an image as RGB, with the archive's grey levels or colours."""
        with self._lock:  # several threads open images
            pixels = self._pixels
        part, number = self.table.images[row].split("_")
        return Image.fromarray(pixels[part][int(number)]).convert("RGB")

    @cached_property
    def _pixels(self) -> dict[str, NDArray[np.uint8]]:
        arrays = {}
        for part in PARTS:
            pixels = self._array(f"{part}_images")
            flat = pixels.ndim == 3 or (pixels.ndim == 4 and pixels.shape[3] == 3)
            count = sum(image.startswith(f"{part}_") for image in self.table.images)
            if pixels.dtype != np.uint8 or not flat or len(pixels) != count:
                raise self._damaged(f"{part}_images are not {count} flat 8-bit images")
            arrays[part] = pixels
        return arrays

    def _array(self, name: str) -> NDArray[Any]:
        try:
            max_bytes = MAX_EXPANSION * self.file.stat().st_size + EXTRA_BYTES
            return read_array(self.file, name, max_bytes)
        except Exception as error:  # zipfile, zlib and numpy raise errors of many kinds
            raise_shortage(error)
            raise self._damaged(" ".join(str(error).split()) or type(error).__name__) from error

    def _damaged(self, reason: str) -> UserError:
        return UserError(
            f"{self.file} is not a whole archive of MedMNIST's {self.name} ({reason}); remove it, "
            "and the next call fetches it again."
        )

    def _fetch(self) -> None:
        """Fetch the archive by the package, which checks its sum, and move it into place."""
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
    try:
        from medmnist.info import INFO  # type: ignore[import-untyped]  # takes seconds
    except ModuleNotFoundError as error:
        raise missing_extra("dataset=medmnist", str(error.name), "medmnist") from error

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
