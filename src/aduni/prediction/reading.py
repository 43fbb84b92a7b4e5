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

from aduni.data.cache import usable_cpus
from aduni.errors import UserError
from aduni.inference import read_sizes

Sizes = list[NDArray[np.uint8]]


@dataclass(frozen=True)
class Images:
    """A batch of them.

    Attributes:
        files: N that could be read.
        pixels: side S in pixels -> (N, 3, S, S) uint8.
        unreadable: files that came between them -> what is wrong, as a sentence.
    """

    files: list[Path]
    pixels: dict[int, Tensor]
    unreadable: dict[Path, str]


def read_batches(files: Sequence[Path], sides: Sequence[int], batch_size: int) -> Iterator[Images]:
    """All images in order, with a progress bar.

    Two batches are decoded ahead, whatever the number of images.

    Args:
        files: of the images.
        sides: that models take, each once.
        batch_size: files of a batch, unreadable ones among them.
    """
    coming = track(_read_ahead(files, sides, 2 * batch_size), "Predicting", total=len(files))
    while some := list(islice(coming, batch_size)):
        yield _batch(some, sides)


def _read_ahead(
    files: Iterable[Path], sides: Sequence[int], ahead: int
) -> Iterator[tuple[Path, Future[Sizes]]]:
    # Pillow releases the interpreter lock while it decodes and resizes.
    pool = ThreadPoolExecutor(usable_cpus())
    waiting: deque[tuple[Path, Future[Sizes]]] = deque()
    try:
        for file in files:
            waiting.append((file, pool.submit(read_sizes, file, sides)))
            if len(waiting) > ahead:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        pool.shutdown(cancel_futures=True)


def _batch(some: Iterable[tuple[Path, Future[Sizes]]], sides: Sequence[int]) -> Images:
    read: dict[Path, Sizes] = {}
    unreadable: dict[Path, str] = {}
    for file, future in some:
        try:
            read[file] = future.result()
        except UserError as error:
            unreadable[file] = str(error)
    stacks = zip(*read.values(), strict=True)
    pixels = {s: torch.from_numpy(np.stack(p)) for s, p in zip(sides, stacks, strict=False)}
    return Images(list(read), pixels, unreadable)
