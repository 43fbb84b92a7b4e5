"""Divide test images into subgroups, by columns of split.csv or of a table of the user's."""

import math
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.names import is_missing
from aduni.errors import UserError, did_you_mean
from aduni.reporting.clinical.model_predictions import ModelPredictions, SeedPredictions
from aduni.reporting.questions import Questions
from aduni.reporting.tables.table import title_of
from aduni.system.atomic_files import readable

BANDS = 4
MAX_VALUES = 10
"""Numbers of more different values than this are told apart by their quartiles."""
NUMBER = r"(-?\d+(?:\.\d+)?)"
MISSING = "(missing)"
Bands = Mapping[str, tuple[float, ...]]
OWN = ("image", "label", "group", "part")
"""Columns of split.csv that are no subgroups."""


def subgroups_of(models: Sequence[ModelPredictions], questions: Questions) -> dict[str, pd.Series]:
    """Return the subgroup of each image of the test parts, by what tells them apart."""
    rows, bands = _rows(models), questions.subgroup_bands or {}
    if questions.subgroup_table and questions.subgroups:
        rows = rows.join(read_subgroup_table(questions.subgroup_table, rows.index))
    return {name: subgroup_values(rows, name, bands) for name in questions.subgroups}


def answerable(
    models: Mapping[str, Sequence[ModelPredictions]], questions: Questions
) -> tuple[dict[str, Questions], list[str]]:
    """Return the questions by data set, without subgroups that only other data sets know.

    Also returns a sentence on each that is left out. What no data set knows stays: it is refused.
    """
    unknown = {name: _unknown(of_dataset, questions) for name, of_dataset in models.items()}
    nowhere = set.intersection(*map(set, unknown.values())) if unknown else set()
    asked, left_out = {}, []
    for dataset, names in unknown.items():
        kept = [name for name in questions.subgroups if name not in names or name in nowhere]
        asked[dataset] = questions.model_copy(update={"subgroups": tuple(kept)})
        left_out += [
            f"Subgroups by {name} are left out for {title_of(dataset)}, of whose images they are "
            "not known."
            for name in names
            if name not in nowhere
        ]
    return asked, left_out


def _unknown(models: Sequence[ModelPredictions], questions: Questions) -> list[str]:
    """Return the subgroups that are asked for and that nothing is known of for these images.

    A table that has no row of any of the images says nothing of them.
    """
    rows, known = _rows(models), set[str]()
    if questions.subgroup_table:
        table = _read_table(questions.subgroup_table, rows.index)
        known = set(table.columns) if table.index.isin(rows.index).any() else set()
    known = (known | set(rows.columns)) - set(OWN)
    return [name for name in questions.subgroups if not set(name.split("+")) <= known]


def _rows(models: Sequence[ModelPredictions]) -> pd.DataFrame:
    seeds = [seed for model in models for seed in model.seeds]
    return pd.concat([seed.rows for seed in seeds]).drop_duplicates("image").set_index("image")


def in_order(values: pd.Series) -> list[str]:
    """Return the subgroups by name, with numbers in it by their size, and images of none last."""
    return sorted(values.unique(), key=lambda value: (value == MISSING, _pieces(value)))


def _pieces(text: str) -> list[tuple[str, float]]:
    """Return the parts of a text between numbers, each with the number that follows it.

    Bands are told apart by where they begin, alone and in combinations.
    """
    found: list[tuple[str, float]] = []
    for part in text.split(", "):
        if band := re.fullmatch(rf"under {NUMBER}|{NUMBER} to under {NUMBER}|from {NUMBER}", part):
            begin = band[2] or band[4]
            found.append(("", float(begin) if begin else -math.inf))
            continue
        pieces = [*re.split(NUMBER, part), "0"]
        found += [(pieces[i], float(pieces[i + 1])) for i in range(0, len(pieces), 2)]
    return found


def of_images(values: pd.Series, seed: SeedPredictions) -> NDArray[np.object_]:
    """Return the values of a seed's images, in their order."""
    return values.loc[seed.rows["image"]].to_numpy(dtype=object)


def read_subgroup_table(file: Path, images: pd.Index) -> pd.DataFrame:
    """Read the columns of a table by image: its column image or id, or its first one.

    Raises:
        UserError: if an image has no row, or several.
    """
    table = _read_table(file, images)
    missing, repeated = images.difference(table.index), table.index[table.index.duplicated()]
    if len(missing):
        raise UserError(
            f"{file} has no row of {missing[0]} in its column {table.index.name} "
            f"({len(missing)} of {len(images)} images); complete it."
        )
    if repeated.isin(images).any():
        raise UserError(f"{file} has several rows of {repeated[0]}; leave one of them.")
    return table.drop(columns=[name for name in OWN if name in table.columns])


def _read_table(file: Path, images: pd.Index) -> pd.DataFrame:
    with readable(file, "set subgroup_table to a CSV file"):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    key = next((name for name in ("image", "id") if name in table.columns), table.columns[0])
    table = table.set_index(key)
    table.index = table.index.map(lambda name: name if name in images else Path(name).stem)
    return table


def subgroup_values(rows: pd.DataFrame, name: str, bands: Bands) -> pd.Series:
    """Return the subgroup of each image.

    Args:
        rows: what is known of each image.
        name: of a column; several joined by + stand for all combinations of their values.
        bands: limits between the bands of a column of numbers, by its name.

    Raises:
        UserError: if there is no such column, or a column with limits has a text.
    """
    parts = [_values(rows, column, bands.get(column)) for column in name.split("+")]
    joined = parts[0]
    for part in parts[1:]:
        joined = joined + ", " + part
    return joined


def _values(rows: pd.DataFrame, column: str, limits: tuple[float, ...] | None = None) -> pd.Series:
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
    texts = texts.mask(texts.map(is_missing).astype(bool), "")
    numbers = pd.to_numeric(texts.where(texts != ""), errors="coerce")
    is_text = numbers.isna() & (texts != "")
    if limits is not None:
        if is_text.any():
            raise UserError(
                f"subgroup_bands.{column}: the column has {texts[is_text].iloc[0]!r}, which is no "
                "number; leave the cell empty where it is unknown, or leave out the bands."
            )
        texts = _bands(numbers, None, limits)
    elif not is_text.any() and numbers.nunique() > MAX_VALUES:
        lowest = float(numbers.min())
        inner = np.unique(numbers.quantile(np.arange(1, BANDS) / BANDS))
        texts = _bands(numbers, lowest, tuple(inner[inner > lowest]))
    return texts.replace("", MISSING).astype(str)


def _bands(numbers: pd.Series, lowest: float | None, limits: tuple[float, ...]) -> pd.Series:
    """Return the band of each number as a text, which is empty where there is none.

    A band holds its lower limit, not its upper one; the last has no upper limit.

    Args:
        lowest: number that the first band begins with; None for no lower limit.
        limits: between the bands, increasing.
    """
    ends = [lowest, *limits]
    names = [
        f"under {_digits(high)}" if low is None else f"{_digits(low)} to under {_digits(high)}"
        for low, high in pairwise(ends)
    ]
    names.append(f"from {_digits(ends[-1])}")
    place = np.searchsorted(limits, numbers.fillna(0), side="right")
    return pd.Series(np.array(names, dtype=object)[place], numbers.index).where(numbers.notna(), "")


def _digits(number: float | None) -> str:
    """Return a number as people write it: whole ones in full, others with six digits."""
    assert number is not None
    return f"{number:.0f}" if float(number).is_integer() else f"{number:g}"
