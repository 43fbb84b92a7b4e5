"""Writing and reading of CSV files in which spreadsheets find no formulas.

A leading = + - @, tab or line end begins a formula in Excel, LibreOffice or Google Sheets, quoted
or not; an apostrophe before it makes it text (OWASP, "CSV injection").
"""

import csv
import re
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Literal, TextIO

import pandas as pd

FORMULA = re.compile(r"'*[=+\-@\t\r\n]")
"""Leading apostrophes are matched too, so that unescaping restores exactly what was escaped."""

EXACT: Any = {"float_precision": "round_trip"} if pd.__version__.startswith("2.") else {}
"""The default of pandas 2 changes last digits; pandas 3 deprecates the argument."""


def escape_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before each text that begins like a formula."""
    return _map_texts(frame, lambda text: f"'{text}" if FORMULA.match(text) else text)


def unescape_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table as it was before `escape_formulas`."""
    return _map_texts(frame, lambda text: text.removeprefix("'") if FORMULA.match(text) else text)


def save_csv(frame: pd.DataFrame, path: Path | TextIO) -> None:
    """Write a table, escaped, so that `read_saved` restores it."""
    frame = escape_formulas(frame)
    texts = frame.select_dtypes(["object", "string"])
    # Python 3.11 does not quote a carriage return, at which a reader would end the line.
    has_returns = texts.map(lambda value: "\r" in str(value)).to_numpy().any()
    quoting: Literal[0, 2] = csv.QUOTE_NONNUMERIC if has_returns else csv.QUOTE_MINIMAL
    frame.to_csv(path, index=False, quoting=quoting)


def read_saved(path: Path, texts: Collection[str]) -> pd.DataFrame:
    """Read a table that `save_csv` wrote, plain or compressed.

    Args:
        texts: columns to read as texts, since a class may be called NA, 01 or 1e5. All others are
            numbers, with NaN for empty cells.

    Raises:
        ValueError, OSError, EOFError or zlib.error: if the table is missing or damaged.
    """
    types = dict.fromkeys(texts, "str")
    frame = pd.read_csv(
        path,
        dtype=types,
        keep_default_na=False,
        na_values=[""],
        **EXACT,
    )
    if not isinstance(frame.index, pd.RangeIndex):
        raise ValueError("a row has more cells than the header")
    empty = {name: frame[name].fillna("") for name in texts if name in frame.columns}
    return unescape_formulas(frame.assign(**empty))


def _map_texts(frame: pd.DataFrame, function: Callable[[str], str]) -> pd.DataFrame:
    def map_cell(value: Any) -> Any:
        return function(value) if isinstance(value, str) else value

    texts = frame.select_dtypes(["object", "string"]).columns
    return frame.assign(**{name: frame[name].map(map_cell) for name in texts})
