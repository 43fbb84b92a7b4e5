"""Batches of images that threads decode while the model computes."""

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

Sizes = list[NDArray[np.uint8]]


@dataclass(frozen=True)
class Images:
    """A batch of them.

    Attributes:
        files: N that could be read.
        pixels: format of side S -> (N, 3, S, S) uint8.
        unreadable: files that came between them -> what is wrong, as a sentence.
    """

    files: list[Path]
    pixels: dict[InputFormat, Tensor]
    unreadable: dict[Path, str]


def read_batches(
    files: Sequence[Path], formats: Sequence[InputFormat], batch_size: int
) -> Iterator[Images]:
    """All images in order, with a progress bar.

    Two batches are decoded ahead, whatever the number of images.

    Args:
        files: of the images.
        formats: that models take, each once.
        batch_size: files of a batch, unreadable ones among them.
    """
    coming = track(_read_ahead(files, formats, 2 * batch_size), "Predicting", total=len(files))
    while some := list(islice(coming, batch_size)):
        yield _batch(some, formats)


def _read_ahead(
    files: Iterable[Path], formats: Sequence[InputFormat], ahead: int
) -> Iterator[tuple[Path, Sizes | UserError]]:
    # Pillow releases the interpreter lock while it decodes and resizes.
    pool = ThreadPoolExecutor(usable_cpus())
    waiting: deque[tuple[Path, Future[Sizes | UserError]]] = deque()
    try:
        for file in files:
            waiting.append((file, pool.submit(_read, file, formats)))
            if len(waiting) > ahead:
                first, future = waiting.popleft()
                yield first, future.result()
        for file, future in waiting:
            yield file, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def _read(file: Path, formats: Sequence[InputFormat]) -> Sizes | UserError:
    try:
        return read_formats(file, formats)
    except UserError as error:
        return error


def _batch(
    some: Iterable[tuple[Path, Sizes | UserError]], formats: Sequence[InputFormat]
) -> Images:
    read: dict[Path, Sizes] = {}
    unreadable: dict[Path, str] = {}
    for file, found in some:
        if isinstance(found, UserError):
            unreadable[file] = str(found)
        else:
            read[file] = found
    stacks = zip(*read.values(), strict=True)
    pixels = {f: torch.from_numpy(np.stack(p)) for f, p in zip(formats, stacks, strict=False)}
    return Images(list(read), pixels, unreadable)
