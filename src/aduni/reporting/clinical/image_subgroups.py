"""Divide test images into subgroups, by columns of split.csv or of a table of the user's."""

import re
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.errors import UserError, did_you_mean
from aduni.reporting.clinical.model_predictions import ModelPredictions, SeedPredictions
from aduni.reporting.questions import Questions
from aduni.system.atomic_files import readable

BANDS = 4
MAX_VALUES = 10
"""Numbers of more different values than this are told apart by their quartiles."""
NUMBER = r"(-?\d+(?:\.\d+)?)"
MISSING = "(missing)"
OWN = ("image", "label", "group", "part")
"""Columns of split.csv that are no subgroups."""


def subgroups_of(models: Sequence[ModelPredictions], questions: Questions) -> dict[str, pd.Series]:
    """Return the subgroup of each image of the test parts, by what tells them apart."""
    seeds = [seed for model in models for seed in model.seeds]
    rows = pd.concat([seed.rows for seed in seeds]).drop_duplicates("image").set_index("image")
    if questions.subgroup_table:
        rows = rows.join(read_subgroup_table(questions.subgroup_table, rows.index))
    return {name: subgroup_values(rows, name) for name in questions.subgroups}


def in_order(values: pd.Series) -> list[str]:
    """Return the subgroups by name, with numbers in it by their size, and images of none last."""
    return sorted(values.unique(), key=lambda value: (value == MISSING, _pieces(value)))


def _pieces(text: str) -> list[tuple[str, float]]:
    """Return the parts of a text between numbers, each with the number that follows it."""
    found = [*re.split(NUMBER, text), "0"]
    return [(found[i], float(found[i + 1])) for i in range(0, len(found), 2)]


def of_images(values: pd.Series, seed: SeedPredictions) -> NDArray[np.object_]:
    """Return the values of a seed's images, in their order."""
    return values.loc[seed.rows["image"]].to_numpy(dtype=object)


def read_subgroup_table(file: Path, images: pd.Index) -> pd.DataFrame:
    """Read the columns of a table by image: its column image or id, or its first one.

    Raises:
        UserError: if an image has no row, or several.
    """
    with readable(file, "set subgroup_table to a CSV file"):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    key = next((name for name in ("image", "id") if name in table.columns), table.columns[0])
    table = table.set_index(key)
    table.index = table.index.map(lambda name: name if name in images else Path(name).stem)
    missing, repeated = images.difference(table.index), table.index[table.index.duplicated()]
    if len(missing):
        raise UserError(
            f"{file} has no row of {missing[0]} in its column {key} ({len(missing)} of "
            f"{len(images)} images); complete it."
        )
    if repeated.isin(images).any():
        raise UserError(f"{file} has several rows of {repeated[0]}; leave one of them.")
    return table.drop(columns=[name for name in OWN if name in table.columns])


def subgroup_values(rows: pd.DataFrame, name: str) -> pd.Series:
    """Return the subgroup of each image.

    Args:
        rows: what is known of each image.
        name: of a column; several joined by + stand for all combinations of their values.

    Raises:
        UserError: if there is no such column.
    """
    parts = [_values(rows, column) for column in name.split("+")]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + ", " + part
    return joined


def _values(rows: pd.DataFrame, column: str) -> pd.Series:
    known = [str(each) for each in rows.columns if each not in OWN]
    if column not in known:
        remedy = (
            f"choose from {', '.join(known)}"
            if known
            else ("train with dataset.metadata_columns, or give subgroup_table=FILE")
        )
        raise UserError(
            f"subgroups={column} is not a column that is known of the images"
            f"{did_you_mean(column, known)}; {remedy}."
        )
    texts = rows[column].fillna("").astype(str).str.strip()
    numbers = pd.to_numeric(texts.where(texts != ""), errors="coerce")
    is_number = numbers.notna() | (texts == "")
    if is_number.all() and numbers.nunique() > MAX_VALUES:
        texts = _bands(numbers)
    return texts.replace("", MISSING).astype(str)


def _bands(numbers: pd.Series) -> pd.Series:
    """Return the quartile band of each number as a text, which is empty where there is none.

    A band holds its lower limit, not its upper one; the last has no upper limit.
    """
    known = numbers.dropna().to_numpy(dtype=np.float64)
    inner = np.unique(np.quantile(known, np.arange(1, BANDS) / BANDS))
    limits = [float(known.min()), *inner[inner > known.min()]]
    names = [f"{low:g} to under {high:g}" for low, high in pairwise(limits)]
    names.append(f"from {limits[-1]:g}")
    place = np.searchsorted(limits[1:], numbers.fillna(0), side="right")
    return pd.Series(np.array(names, dtype=object)[place], numbers.index).where(numbers.notna(), "")
