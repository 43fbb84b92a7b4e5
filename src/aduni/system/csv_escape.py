"""Texts that a spreadsheet would take for formulas, written so that none does, and read back.

A leading = + - @, tab or line end begins a formula in Excel, LibreOffice or Google Sheets, quoted
or not; an apostrophe before it makes it text (OWASP, "CSV injection").
"""

import csv
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Literal

import pandas as pd

FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
"""With the apostrophes of earlier turns: what is restored is exactly what was escaped."""


def escape_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """The table with an apostrophe before each text that begins like a formula."""
    return _changed(frame, lambda text: f"'{text}" if FORMULA.match(text) else text)


def unescape_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """The table as it was before `escape_formulas`."""
    return _changed(frame, lambda text: text.removeprefix("'") if FORMULA.match(text) else text)


def save_csv(frame: pd.DataFrame, path: Path) -> None:
    """Write a table, escaped, so that `unescape_formulas` of what pandas reads is the table."""
    frame = escape_formulas(frame)
    texts = frame.select_dtypes(["object", "string"])
    # Python 3.11 leaves a carriage return without quotes, and a reader ends the line there.
    returns = texts.map(lambda value: "\r" in str(value)).to_numpy().any()
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if returns else csv.QUOTE_MINIMAL
    frame.to_csv(path, index=False, quoting=quoting)


def read_saved(path: Path, texts: Collection[str]) -> pd.DataFrame:
    """Read a table that `save_csv` wrote, plain or compressed.

    Args:
        path: of the table.
        texts: columns that are texts, whatever they look like: a class may be called NA, 01 or
            1e5. All others are numbers, and NaN where a cell is empty.

    Raises:
        ValueError, OSError, EOFError or zlib.error: there is no such table.
    """
    types = dict.fromkeys(texts, "str")
    frame = pd.read_csv(path, dtype=types, keep_default_na=False, na_values=[""])
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("a row has more cells than the header")
    empty = {name: frame[name].fillna("") for name in texts if name in frame.columns}
    return unescape_formulas(frame.assign(**empty))


def _changed(frame: pd.DataFrame, change: Callable[[str], str]) -> pd.DataFrame:
    def cell(value: Any) -> Any:
        return change(value) if isinstance(value, str) else value

    texts = frame.select_dtypes(["object", "string"]).columns
    return frame.assign(**{name: frame[name].map(cell) for name in texts})
