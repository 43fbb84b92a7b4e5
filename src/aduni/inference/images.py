"""What commands on images of one's own share: finding the files, reading them, and the device."""

import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from aduni.data.cache.decode import (
    ALL_BITS,
    BeyondRangeError,
    InputFormat,
    decode_image,
    resize_image,
)
from aduni.data.image_table import SUFFIXES, escape
from aduni.data.walk import file_fault, format_counts, walk
from aduni.errors import UserError
from aduni.shortage import raise_shortage

STANDARD_INPUT = "-"


def image_files(sources: Sequence[str]) -> list[Path]:
    """The images that are meant, in the order given; those of a folder sorted, no path twice.

    Args:
        sources: files, folders, which are searched with all that they and links in them hold, and
            `-` for the sources that standard input lists, one a line. Hidden files and folders
            in a folder are left out; what ends as no image does is counted on standard error. A
            file that is named itself may end in anything.

    Raises:
        UserError: a source is missing, a folder cannot be read, or there is no image.
    """
    found: dict[str, Path] = {}
    passed_over: Counter[str] = Counter()
    for source in _listed(sources):
        for file in _images_of(Path(source), passed_over):
            found.setdefault(os.path.abspath(file), file)
    others = format_counts(passed_over)
    if not found:
        beside = f" ({others} passed over)" if others else ""
        raise UserError(
            f"There is no image in {_names(sources)}{beside}; give image files, or folders with "
            f"files that end in {', '.join(SUFFIXES)}."
        )
    if others:
        print(f"passed over: {others}", file=sys.stderr)
    return list(found.values())


def read_image(file: Path, side: int, bits: int = ALL_BITS) -> NDArray[np.uint8]:
    """(3, side, side) pixels as a model takes them.

    Args:
        file: of any size and shape.
        side: of the square that it is resized to, pixels.
        bits: of the grey levels that 16-bit files hold.

    Raises:
        UserError: no image, a damaged one, or one with higher grey levels.
    """
    return read_formats(file, [InputFormat(side, bits)])[0]


def read_formats(file: Path, formats: Sequence[InputFormat]) -> list[NDArray[np.uint8]]:
    """As `read_image`, for models of several formats: decoded once where their bits agree."""
    try:
        if reason := file_fault(file):  # reading a pipe would block
            raise OSError(reason)
        of_bits = {bits: decode_image(file, bits) for bits in {each.bits for each in formats}}
        squares = [resize_image(of_bits[each.bits], each.side) for each in formats]
        return [np.ascontiguousarray(square.transpose(2, 0, 1)) for square in squares]
    except BeyondRangeError as error:
        raise UserError(
            f"{escape(str(file))} {error}, as the model was trained; convert it to that range, or "
            "leave it out."
        ) from error
    except Exception as error:  # of damaged files Pillow raises errors of many kinds
        raise_shortage(error)
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(
            f"{escape(str(file))} is not a readable image ({reason}); restore the file or leave it "
            "out."
        ) from error


def device() -> torch.device:
    """The first GPU, where there is one."""
    return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")


def _listed(sources: Sequence[str]) -> Iterator[str]:
    for source in sources:
        if source == STANDARD_INPUT:
            lines = sys.stdin.buffer.read().split(b"\n")
            yield from (os.fsdecode(name) for line in lines if (name := line.removesuffix(b"\r")))
        else:
            yield source


def _images_of(source: Path, passed_over: Counter[str]) -> Iterator[Path]:
    """What cannot be read is among them: whoever reads it says its name."""
    if source.is_file():
        yield source
    elif source.is_dir():
        found = walk(source)
        passed_over.update(found.passed_over)
        yield from sorted([*found.images, *found.unreadable])
    else:
        what = "is neither file nor folder" if source.exists() else "is missing"
        raise UserError(f"{escape(str(source))} {what}; give image files or folders of images.")


def _names(sources: Sequence[str]) -> str:
    names = ["standard input" if source == STANDARD_INPUT else source for source in sources]
    return escape(", ".join(names))
