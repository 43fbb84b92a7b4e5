"""A page of thumbnails for each class: what no table of labels tells."""

import re
from functools import cache
from io import BytesIO
from itertools import groupby
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont, ImageOps

from aduni.data.loading.samplers import Ints
from aduni.data.module import ImageDataModule
from aduni.system.atomic_files import atomic_write
from aduni.system.fonts import first_font, font_of

COLUMNS, MOST = 8, 48
SIDE, GAP, LINE = 128, 8, 14
"""Of a thumbnail, between them, and of the line with its name: pixels."""
PAPER, INK = (255, 255, 255), (40, 40, 40)
SIZE = 10
"""Of the type, in pixels."""
LETTERS = 20
"""Of the end of a file's name, as many as fit under a thumbnail."""


def write_contact_sheets(data: ImageDataModule, folder: Path) -> list[Path]:
    """A JPEG for each class with images, NUMBER_NAME.jpg.

    Args:
        data: the data set.
        folder: exists.
    """
    table = data.table
    written = []
    for number, name in enumerate(table.class_names):
        rows = evenly(np.flatnonzero(table.labels == number), MOST)
        if len(rows):
            plain = re.sub(r"[^A-Za-z0-9.-]+", "_", name)[:40]
            file = folder / f"{number:0{len(str(len(table.class_names) - 1))}}_{plain}.jpg"
            buffer = BytesIO()  # Pillow does not say that a disk is full
            contact_sheet(data, rows).save(buffer, format="JPEG", quality=88)
            with atomic_write(file) as temporary:
                temporary.write_bytes(buffer.getvalue())
            written.append(file)
    return written


def evenly(rows: Ints, most: int) -> Ints:
    """At most so many of the rows, the first and the last among them, evenly spaced."""
    chosen = np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(np.int64)
    return rows[chosen]


def contact_sheet(data: ImageDataModule, rows: Ints) -> Image.Image:
    """Thumbnails of rows, eight side by side, each above the end of its file's name.

    Args:
        data: the data set.
        rows: (n,) of its table, n > 0.
    """
    columns = min(len(rows), COLUMNS)
    lines = -(-len(rows) // COLUMNS)
    size = (columns * (SIDE + GAP) + GAP, lines * (SIDE + LINE + GAP) + GAP)
    sheet = Image.new("RGB", size, PAPER)
    pen = ImageDraw.Draw(sheet)
    for position, row in enumerate(rows):
        left = GAP + position % COLUMNS * (SIDE + GAP)
        top = GAP + position // COLUMNS * (SIDE + LINE + GAP)
        picture = ImageOps.contain(data.open_image(int(row)), (SIDE, SIDE))
        spare = (SIDE - picture.width) // 2, (SIDE - picture.height) // 2
        sheet.paste(picture, (left + spare[0], top + spare[1]))
        _write(pen, (left, top + SIDE + 1), name_of(data.table.images[row])[-LETTERS:])
    return sheet


def name_of(image: str) -> str:
    """Of an image's file, without its folders."""
    return image.rpartition("/")[2]


def _write(pen: ImageDraw.ImageDraw, place: tuple[int, int], name: str) -> None:
    """Draw the end of a name, as much of it as a thumbnail is wide."""
    while sum(font.getlength(text) for font, text in _runs(name)) > SIDE:
        name = name[1:]
    left, top = place
    for font, text in _runs(name):
        pen.text((left, top), text, fill=INK, font=font)
        left += round(font.getlength(text))


def _runs(name: str) -> list[tuple[ImageFont.FreeTypeFont, str]]:
    """A name in pieces of one font each."""
    return [(font, "".join(letters)) for font, letters in groupby(name, _font)]


def _font(letter: str) -> ImageFont.FreeTypeFont:
    """The built-in font has few letters beyond ASCII."""
    return _loaded("" if letter.isascii() else font_of(letter) or first_font())


@cache
def _loaded(path: str) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(SIZE)
    if path:  # which may say the number of a font in a file of several
        font = ImageFont.truetype(path, SIZE, index=getattr(path, "face_index", 0))
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
