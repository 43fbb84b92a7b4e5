"""Read batches of images in threads while the model computes."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from torch import Tensor

from aduni.data.cache.decode import InputFormat
from aduni.data.cache.image_cache import usable_cpus
from aduni.errors import UserError
from aduni.inference.images import read_formats

Pixels = list[NDArray[np.uint8]]
"""One image in several formats."""


@dataclass(frozen=True)
class ImageBatch:
    """A batch of images.

    Attributes:
        files: N readable files.
        pixels: format of side S -> (N, 3, S, S) uint8.
        unreadable: unreadable file -> sentence on what is wrong.
    """

    files: list[Path]
    pixels: dict[InputFormat, Tensor]
    unreadable: dict[Path, str]


def read_batches(
    files: Sequence[Path], formats: Sequence[InputFormat], batch_size: int
) -> Iterator[ImageBatch]:
    """Yield all images in order, with a progress bar; two batches are decoded ahead.

    Args:
        files: image files.
        formats: distinct formats that the models expect.
        batch_size: number of files in a batch, including unreadable ones.
    """
    images = track(_read_ahead(files, formats, 2 * batch_size), "Predicting", total=len(files))
    while batch := list(islice(images, batch_size)):
        readable: dict[Path, Pixels] = {}
        unreadable: dict[Path, str] = {}
        for file, pixels in batch:
            if isinstance(pixels, UserError):
                unreadable[file] = str(pixels)
            else:
                readable[file] = pixels
        stacks = [torch.from_numpy(np.stack(p)) for p in zip(*readable.values(), strict=True)]
        by_format = dict(zip(formats, stacks, strict=False))  # no stacks if no file is readable
        yield ImageBatch(list(readable), by_format, unreadable)


def _read_ahead(
    files: Iterable[Path], formats: Sequence[InputFormat], ahead: int
) -> Iterator[tuple[Path, Pixels | UserError]]:
    # Pillow releases the interpreter lock while it decodes and resizes.
    pool = ThreadPoolExecutor(usable_cpus())
    pending: deque[tuple[Path, Future[Pixels | UserError]]] = deque()
    try:
        for file in files:
            pending.append((file, pool.submit(_read, file, formats)))
            if len(pending) > ahead:
                first, future = pending.popleft()
                yield first, future.result()
        for file, future in pending:
            yield file, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read(file: Path, formats: Sequence[InputFormat]) -> Pixels | UserError:
    try:
        return read_formats(file, formats)
    except UserError as error:
        return error
