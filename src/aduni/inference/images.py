"""Find and read a user's images, and select the device to compute on."""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track
from torch import Tensor

from aduni.data.cache.decode import (
    ALL_BITS,
    BeyondRangeError,
    InputFormat,
    convert_image,
    decode_image,
    resize_image,
)
from aduni.data.image_table import SUFFIXES
from aduni.data.names import escape
from aduni.data.places import STANDARD_INPUT, check_image_sources
from aduni.data.walk import file_fault, format_counts, walk
from aduni.errors import UserError
from aduni.shortage import raise_shortage
from aduni.system.threads import map_ahead

Pixels = list[NDArray[np.uint8]]


@dataclass(frozen=True, eq=False)
class GivenImage:
    """An image in memory, which stands where files do; `name` is what tables call it."""

    name: str
    image: Image.Image

    def __str__(self) -> str:
        return self.name


Source = Path | GivenImage


def image_files(sources: Sequence[str]) -> list[Path]:
    """Return the image files of the sources in order, without duplicate paths.

    A source is a file of any suffix, a folder, or `-` for the sources that standard input lists,
    one a line. Folders and links in them are searched recursively, in sorted order and without
    hidden files; their other files are counted on standard error.
    """
    files: dict[str, Path] = {}
    skipped: Counter[str] = Counter()
    for source in _expand_standard_input(sources):
        for file in _files_of(Path(source), skipped):
            files.setdefault(os.path.abspath(file), file)
    others = format_counts(skipped)
    if not files:
        names = ", ".join("standard input" if name == STANDARD_INPUT else name for name in sources)
        beside = f" ({others} passed over)" if others else ""
        raise UserError(
            f"There is no image in {escape(names)}{beside}; give image files, or folders with "
            f"files that end in {', '.join(SUFFIXES)}."
        )
    if others:
        print(f"passed over: {others}", file=sys.stderr)
    return list(files.values())


def read_image(file: Path, side: int, bits: int = ALL_BITS) -> NDArray[np.uint8]:
    """Read an image as the (3, side, side) pixels that a model expects."""
    return read_formats(file, [InputFormat(side, bits)])[0]


def read_formats(file: Source, formats: Sequence[InputFormat]) -> list[NDArray[np.uint8]]:
    """Read an image as `read_image` does, in several formats; decode it once for equal bits."""
    try:
        images = {bits: _decode(file, bits) for bits in {each.bits for each in formats}}
        squares = [resize_image(images[each.bits], each.side) for each in formats]
        return [np.ascontiguousarray(square.transpose(2, 0, 1)) for square in squares]
    except BeyondRangeError as error:
        raise UserError(
            f"{escape(str(file))} {error}, as the model was trained; convert it to that range, or "
            "leave it out."
        ) from error
    except Exception as error:  # Pillow raises many types for damaged files
        raise_shortage(error)
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{escape(str(file))} is not a readable image ({reason}); restore the file or leave it "
            "out."
        ) from error


def _decode(source: Source, bits: int) -> Image.Image:
    if isinstance(source, GivenImage):
        return convert_image(source.image, bits)
    if reason := file_fault(source):  # reading a pipe would block
        raise OSError(reason)
    return decode_image(source, bits)


def device() -> torch.device:
    """Return the first GPU, or the CPU if there is none."""
    return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def _expand_standard_input(sources: Sequence[str]) -> Iterator[str]:
    for source in sources:
        if source == STANDARD_INPUT:
            lines = sys.stdin.buffer.read().split(b"\n")
            yield from (os.fsdecode(name) for line in lines if (name := line.removesuffix(b"\r")))
        else:
            yield source


def _files_of(source: Path, skipped: Counter[str]) -> Iterator[Path]:
    """Yield the files of a source, with unreadable ones, which are reported when they are read."""
    if source.is_file():
        yield source
    elif source.is_dir():
        content = walk(source)
        skipped.update(content.passed_over)
        yield from sorted([*content.images, *content.unreadable])
    else:
        check_image_sources([str(source)])


@dataclass(frozen=True)
class ImageBatch:
    """Readable files with pixels (N, 3, S, S) uint8 by format, and errors of unreadable files."""

    files: list[Source]
    pixels: dict[InputFormat, Tensor]
    unreadable: dict[Source, str]


def read_batches(
    files: Sequence[Source],
    formats: Sequence[InputFormat],
    batch_size: int,
    *,
    silent: bool = False,
) -> Iterator[ImageBatch]:
    """Yield all images in order, with a progress bar unless silent; decode two batches ahead."""
    work = map_ahead(partial(_read, formats), files, 2 * batch_size)
    images = iter(track(work, "Predicting", total=len(files), disable=silent))
    while batch := list(islice(images, batch_size)):
        unreadable = {file: str(read) for file, read in batch if isinstance(read, UserError)}
        readable = [(file, read) for file, read in batch if not isinstance(read, UserError)]
        pixels = [each for _, each in readable]  # a list: a caller may give a file twice
        stacks = [torch.from_numpy(np.stack(p)) for p in zip(*pixels, strict=True)]
        by_format = dict(zip(formats, stacks, strict=False))  # no stacks if no file is readable
        yield ImageBatch([file for file, _ in readable], by_format, unreadable)


def _read(formats: Sequence[InputFormat], file: Source) -> tuple[Source, Pixels | UserError]:
    try:
        return file, read_formats(file, formats)
    except UserError as error:
        return file, error
