"""Read the lines of CSV tables, and explain why a file is not one."""

import codecs
import csv
from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from aduni.errors import UserError
from aduni.shortage import raise_shortage

SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
"""Separators that other programs write."""

KINDS = {
    b"PK\x03\x04": "a workbook of Excel or another archive",
    b"\xd0\xcf\x11\xe0": "a workbook of an old Excel",
    b"\x1f\x8b": "a compressed file",
    codecs.BOM_UTF16_LE: "UTF-16 text",
    codecs.BOM_UTF16_BE: "UTF-16 text",
}
"""First bytes of other kinds of files that users give as tables."""

Line = tuple[int, list[str]]
"""Number of a line, and its cells."""


def csv_lines(path: Path, remedy: str) -> list[Line]:
    """Read all lines that are not blank; the remedy is for a missing file.

    Raises:
        UserError: if the file is missing, or is not UTF-8 text with commas.
    """
    if not path.exists():
        raise UserError(f"{path} is missing; {remedy}.")
    if not path.is_file():  # reading a pipe would block
        kind = "a folder" if path.is_dir() else "no file"
        raise UserError(f"{path} is {kind}, not a table; {remedy}.")
    text = _text(path)
    if text.lower().startswith("sep="):
        first = text.splitlines()[0]
        raise UserError(f"{path} begins with the line '{first}', which no header is; remove it.")
    try:
        return _lines(text)
    except csv.Error as error:
        raise UserError(
            f"{path} cannot be read as a CSV table ({error}); save it as UTF-8 text with commas."
        ) from error


def check_separator(path: Path, header: Sequence[str]) -> None:
    """Raise UserError if the cells of a header are not separated by commas."""
    line = ",".join(header)
    separator = max(SEPARATORS, key=line.count)
    if line.count(separator) >= len(header):
        raise UserError(
            f"{path} is no table with commas: its cells are separated by {SEPARATORS[separator]}; "
            "save it with commas."
        )


def _text(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise_shortage(error)
        raise UserError(
            f"{path} cannot be read ({error.strerror}); check its permissions."
        ) from error
    kind = next((kind for start, kind in KINDS.items() if content.startswith(start)), None)
    if kind is None and b"\0" in content[:1000]:
        kind = "UTF-16 text or no text"
    if kind:
        raise UserError(f"{path} is {kind}, not a CSV table; save it as UTF-8 text with commas.")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UserError(
            f"{path} is no UTF-8 text (byte {error.object[error.start]:#x} in line {line}); save "
            "it as UTF-8 text with commas (in Excel: CSV UTF-8)."
        ) from error


def _lines(text: str) -> list[Line]:
    reader = csv.reader(StringIO(text, newline=""), strict=True)
    lines, number = [], 1
    for cells in reader:
        if cells:
            lines.append((number, cells))
        number = reader.line_num + 1
    return lines
