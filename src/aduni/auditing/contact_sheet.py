"""Draw pages of thumbnails for inspection by eye: of each class, and of conflicting copies."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from itertools import groupby
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw, ImageFont, ImageOps

from aduni.auditing.findings import duplicates
from aduni.data.image_data import ImageData
from aduni.data.loading.samplers import Ints
from aduni.system.atomic_files import atomic_write
from aduni.system.fonts import default_font_path, find_font

COLUMNS, MAX_THUMBNAILS, MAX_CONFLICTING = 8, 48, 160
SIDE, GAP, CAPTION_HEIGHT, FONT_SIZE = 128, 8, 14, 10
"""Side of a thumbnail, gap between two, height and font size of a caption, in pixels."""
BACKGROUND, TEXT_COLOUR = (255, 255, 255), (40, 40, 40)
MAX_CAPTION_LETTERS = 20


@dataclass(frozen=True)
class Sheet:
    """A written sheet of thumbnails.

    Attributes:
        name: of what it shows, a class for example.
        count: number of images of this kind, of which the sheet has `shown`.
        note: sentence on the captions.
    """

    file: Path
    name: str
    count: int
    shown: int
    note: str = ""


def write_contact_sheets(data: ImageData, folder: Path) -> list[Sheet]:
    """Write a JPEG for each class with images, called NUMBER_NAME.jpg."""
    table = data.table
    sheets = []
    for number, name in enumerate(table.class_names):
        of_class = np.flatnonzero(table.labels == number)
        rows = pick_evenly(of_class, MAX_THUMBNAILS)
        if len(rows):
            plain = re.sub(r"[^A-Za-z0-9.-]+", "_", name)[:40]
            file = folder / f"{number:0{len(str(len(table.class_names) - 1))}}_{plain}.jpg"
            _save(contact_sheet(data, rows), file)
            sheets.append(Sheet(file, name, len(of_class), len(rows)))
    return sheets


def write_conflicts_sheet(data: ImageData, file: Path) -> Sheet | None:
    """Draw the copies with conflicting labels; without any there is no file."""
    file.unlink(missing_ok=True)
    copies = duplicates(data, "near")
    copies = copies[copies["conflicting"]]
    shown = copies[:MAX_CONFLICTING]
    rows = pd.Index(data.table.images).get_indexer(pd.Index(shown["image"]))
    numbers = pd.factorize(shown["copies"])[0] + 1
    captions = [f"{n} {label}" for n, label in zip(numbers, shown["label"], strict=True)]
    if not len(rows):
        return None
    _save(contact_sheet(data, rows.astype(np.int64), captions), file)
    note = "Below each image are the number of its set of copies and its label."
    return Sheet(file, "Copies with conflicting labels", len(copies), len(rows), note)


def _save(sheet: Image.Image, file: Path) -> None:
    buffer = BytesIO()  # Pillow would hide the error of a full disk
    sheet.save(buffer, format="JPEG", quality=88)
    with atomic_write(file) as temporary:
        temporary.write_bytes(buffer.getvalue())


def pick_evenly(rows: Ints, max_count: int) -> Ints:
    """Return at most `max_count` evenly spaced rows, including the first and the last."""
    picked = np.linspace(0, len(rows) - 1, min(len(rows), max_count)).round().astype(np.int64)
    return rows[picked]


def contact_sheet(
    data: ImageData, rows: Ints, captions: Sequence[str] | None = None
) -> Image.Image:
    """Draw thumbnails in rows of eight, each above its caption or the end of its file's name."""
    if captions is None:
        captions = [file_name(data.table.images[row]) for row in rows]
    return arrange((data.open_image(int(row)) for row in rows), captions)


def arrange(
    pictures: Iterable[Image.Image], captions: Sequence[str], columns: int = COLUMNS
) -> Image.Image:
    """Draw thumbnails of pictures, in lines of some columns, each above its caption."""
    lines, across = -(-len(captions) // columns), min(len(captions), columns)
    size = (across * (SIDE + GAP) + GAP, lines * (SIDE + CAPTION_HEIGHT + GAP) + GAP)
    sheet = Image.new("RGB", size, BACKGROUND)
    pen = ImageDraw.Draw(sheet)
    for position, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left = GAP + position % columns * (SIDE + GAP)
        top = GAP + position // columns * (SIDE + CAPTION_HEIGHT + GAP)
        thumbnail = ImageOps.contain(picture, (SIDE, SIDE))
        margin = (SIDE - thumbnail.width) // 2, (SIDE - thumbnail.height) // 2
        sheet.paste(thumbnail, (left + margin[0], top + margin[1]))
        _draw_caption(pen, left, top + SIDE + 1, caption)
    return sheet


def file_name(image: str) -> str:
    """Return the file name of an image without its folders."""
    return image.rpartition("/")[2]


def _draw_caption(pen: ImageDraw.ImageDraw, left: int, top: int, name: str) -> None:
    """Draw the end of a name, cut to the width of a thumbnail."""
    name = name[-MAX_CAPTION_LETTERS:]
    while sum(font.getlength(text) for font, text in _split_by_font(name)) > SIDE:
        name = name[1:]
    for font, text in _split_by_font(name):
        pen.text((left, top), text, fill=TEXT_COLOUR, font=font)
        left += round(font.getlength(text))


def _split_by_font(name: str) -> list[tuple[ImageFont.FreeTypeFont, str]]:
    return [(font, "".join(letters)) for font, letters in groupby(name, _font_for)]


def _font_for(letter: str) -> ImageFont.FreeTypeFont:
    # Pillow's built-in font has few letters beyond ASCII.
    return _load_font("" if letter.isascii() else find_font(letter) or default_font_path())


@cache
def _load_font(path: str) -> ImageFont.FreeTypeFont:
    font = ImageFont.load_default(FONT_SIZE)
    if path:  # `face_index` selects one of several fonts in a file
        font = ImageFont.truetype(path, FONT_SIZE, index=getattr(path, "face_index", 0))
    assert isinstance(font, ImageFont.FreeTypeFont)
    return font
