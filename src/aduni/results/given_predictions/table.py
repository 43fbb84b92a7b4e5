"""Read and check one table of predictions that any program wrote."""

import glob
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.image_table import check_separator
from aduni.data.names import escape
from aduni.data.splits.predefined import LISTED_PARTS
from aduni.errors import UserError
from aduni.results.predictions_csv import probability_column, probability_columns
from aduni.shortage import raise_shortage
from aduni.system.csv_escape import unescape_formulas

PREFIX = "p_"
OPTIONAL = ("model", "fold", "seed", "part", "group")
PREDICTED = ("validation", "calibration", "test")
"""Parts whose rows have probabilities."""
SUM_TOLERANCE = 0.01
"""By how much the sum of a row's probabilities may differ from 1: rounding of half precision."""

Floats = NDArray[np.float64]


def table_files(patterns: str | Sequence[str]) -> list[Path]:
    """Return the files that the patterns of `predictions=` name; each has to name one."""
    found: list[str] = []
    for pattern in (patterns,) if isinstance(patterns, str) else patterns:
        files = sorted(glob.glob(pattern, recursive=True))
        if not files:
            raise UserError(f"predictions={pattern} names no file; give CSV tables.")
        found += files
    return [Path(file) for file in dict.fromkeys(found)]


def read_table(file: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(file, dtype=str, keep_default_na=False)
    except Exception as error:  # pandas and decompressors raise errors of many kinds
        raise_shortage(error)
        reason = " ".join(str(error).split())
        raise UserError(f"{file} is not a readable CSV table ({reason}); save it again.") from error
    return frame


@dataclass(frozen=True)
class PredictionTable:
    """A table whose columns have their types and whose values are probabilities.

    Attributes:
        given: optional columns that it has.
        form: how its values were understood.
    """

    frame: pd.DataFrame
    classes: list[str]
    given: frozenset[str]
    form: str

    @classmethod
    def of(cls, file: Path, given: pd.DataFrame) -> "PredictionTable":
        """Check a table; the columns that it lacks get their defaults."""
        frame = unescape_formulas(given)
        if "id" in frame.columns:  # `image` is the reports' own name for it
            frame = frame.rename(columns={"image": "image_file"})
        else:
            frame = frame.rename(columns={"image": "id"})
        classes = [str(c).removeprefix(PREFIX) for c in frame.columns if str(c).startswith(PREFIX)]
        _check_columns(file, frame, classes)
        texts = frame.drop(columns=probability_columns(classes)).astype(str)
        texts = texts.assign(
            label=_labels(file, texts["label"], classes),
            part=_parts(file, texts),
            model=_models(file, texts),
            group=texts.get("group", texts["id"]),
            fold=_numbers(file, texts, "fold"),
            seed=_numbers(file, texts, "seed"),
            file=str(file),
        )
        values, form = _probabilities(file, frame, classes, texts["part"])
        table = pd.DataFrame(values, columns=probability_columns(classes))
        optional = frozenset(name for name in OPTIONAL if name in frame.columns)
        return cls(texts.reset_index(drop=True).join(table), classes, optional, form)


def _check_columns(file: Path, frame: pd.DataFrame, classes: Sequence[str]) -> None:
    for name in ("id", "label"):
        if name not in frame.columns:
            check_separator(file, list(map(str, frame.columns)))
            raise UserError(
                f"{file} has no column {name} (it has {some(map(str, frame.columns))}); give id, "
                "label and a column p_CLASS for each class."
            )
    if len(classes) < 2:
        raise UserError(
            f"{file} has {len(classes)} column{'s' * (len(classes) != 1)} of probabilities; give "
            "one for each class, named p_ and the class, also for two classes."
        )
    if frame.empty:
        raise UserError(f"{file} has no rows; give a row for each image.")


def _labels(file: Path, labels: pd.Series, classes: Sequence[str]) -> pd.Series:
    """Return the classes of the rows, which are given by their names or places."""
    if labels.isin(classes).all():
        return labels
    places = {str(place): name for place, name in enumerate(classes)}
    found = labels.str.removesuffix(".0").map(places)
    if found.notna().all():
        return found
    known = labels.isin(classes)
    wrong = str(labels[~known if known.any() else found.isna()].iloc[0])
    column = f"add a column {probability_column(escape(wrong))}, or " if known.any() else ""
    raise UserError(
        f"{file} has the label '{escape(wrong)}', which is not a class of {some(classes)}, and no "
        f"place among them from 0; {column}correct it."
    )


def _models(file: Path, texts: pd.DataFrame) -> "pd.Series[str] | str":
    given = texts.get("model")
    if given is None:
        return file.name.split(".")[0]
    nameless = int((given.str.strip() == "").sum())
    if nameless:
        raise UserError(
            f"{file} has no name in the column model of {nameless} rows; complete them, or remove "
            "the column."
        )
    return given


def _parts(file: Path, texts: pd.DataFrame) -> pd.Series:
    given = texts.get("part")
    if given is None:
        return pd.Series("test", index=texts.index)
    found = given.str.strip().str.lower().map(LISTED_PARTS)
    if found.isna().any():
        wrong = escape(given[found.isna()].iloc[0])
        raise UserError(
            f"{file} has the part '{wrong}'; write train, validation, calibration, test or unused "
            "in each row."
        )
    return found


def _numbers(file: Path, texts: pd.DataFrame, name: str) -> pd.Series:
    given = texts.get(name)
    if given is None:
        return pd.Series(0, index=texts.index)
    numbers = given.str.removesuffix(".0")
    wrong = given[~numbers.str.fullmatch(r"\d{1,9}")]
    if len(wrong):
        raise UserError(
            f"{file} has the {name} '{escape(wrong.iloc[0])}', which is not a number; "
            "write whole numbers from 0."
        )
    return numbers.astype(np.int64)


def _probabilities(
    file: Path, frame: pd.DataFrame, classes: Sequence[str], parts: pd.Series
) -> tuple[Floats, str]:
    """Return (n, C) probabilities, and how they were given; those of other parts may be NaN."""
    columns = frame[probability_columns(classes)]
    values = columns.apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
    used = parts.isin(PREDICTED).to_numpy()
    wrong = np.flatnonzero(used & ~np.isfinite(values).all(axis=1))
    if len(wrong):
        raise UserError(
            f"{file} has no number in a p_ column of {escape(str(frame['id'].iloc[wrong[0]]))} "
            f"({len(wrong)} such rows); complete or remove them."
        )
    held = values[used]
    sums = held.sum(axis=1)
    if ((held < 0) | (held > 1)).any():
        if (held >= 0).all() and (np.abs(sums - 100) <= 100 * SUM_TOLERANCE).all():
            raise UserError(
                f"{file} has percentages, whose sums are 100; give them divided by 100."
            )
        shifted = np.exp(values - values.max(axis=1, keepdims=True))
        return shifted / shifted.sum(axis=1, keepdims=True), "logits, softmax taken"
    if (np.abs(sums - 1) > SUM_TOLERANCE).any():
        raise UserError(
            f"{file} has values from 0 to 1 whose sums over the classes are from {sums.min():.3g} "
            f"to {sums.max():.3g}; give probabilities of exclusive classes, or logits."
        )
    return values / values.sum(axis=1, keepdims=True), "probabilities"


def some(names: Iterable[str]) -> str:
    """List at most eight names."""
    listed = [escape(str(name)) for name in names]
    return ", ".join([*listed[:8], *([f"and {len(listed) - 8} more"] if len(listed) > 8 else [])])
