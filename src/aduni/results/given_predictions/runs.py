"""Turn tables of predictions that any program wrote into the runs of a report."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.names import escape
from aduni.data.splits.predefined import split_hash
from aduni.errors import UserError
from aduni.metrics.evaluation import evaluate
from aduni.results.finished_runs import Run
from aduni.results.given_predictions.table import PREDICTED, PredictionTable, read_table, some
from aduni.results.predictions_csv import labels_and_probabilities, probability_columns
from aduni.results.run_folder import RunFolder

UNIT = ["model", "fold", "seed"]
"""Columns of one run."""


@dataclass(frozen=True)
class GivenRun(Run):
    """Predictions of a model that was trained elsewhere, of one fold and seed.

    Attributes:
        file: table that they come from.
    """

    file: Path

    @property
    def link(self) -> Path:
        """The table, which the page links."""
        return self.file

    @property
    def age(self) -> int:
        """No table is newer than another: of one model, fold and seed there is one."""
        return 0

    @property
    def command(self) -> str:
        """Nothing: the command that trained the model is not known."""
        return ""


@dataclass(frozen=True)
class PredictionTables:
    """Runs of tables of predictions.

    Attributes:
        forms: how the values of which files were understood.
        missing: sentences on what the tables lack, and what the page lacks for it.
    """

    runs: Sequence[Run]
    forms: str
    missing: list[str]


def read_prediction_tables(
    tables: Mapping[Path, pd.DataFrame] | Sequence[Path], dataset: str, *, ordinal: bool = False
) -> PredictionTables:
    """Read tables with the columns id, label and a p_CLASS for each class.

    Columns that may stand beside them are model (else the name of the file), fold and seed (else
    0), part (train, validation, test or unused; else test), group of images that belong to one
    patient or lesion (else each image is one), and any others, which describe the images. A label
    is a class, or its place among the columns from 0. Rows of the training part need no
    probabilities. Values that are no probabilities are taken as logits, whose softmax is theirs.

    Args:
        tables: CSV files, plain or compressed, or frames by the name that stands for their file.
        dataset: name of the data set on the page.
        ordinal: whether the classes are grades, in the order of their columns.

    Raises:
        UserError: if a table cannot be understood, or models were tested on different images.
    """
    named = tables if isinstance(tables, Mapping) else {file: read_table(file) for file in tables}
    checked = {file: PredictionTable.of(file, frame) for file, frame in named.items()}
    first, *others = checked.items()
    for file, table in others:
        if table.classes != first[1].classes:
            raise UserError(
                f"{file} has the classes {some(table.classes)}, {first[0]} "
                f"{some(first[1].classes)}; give models of the same classes, in one order."
            )
    frame = pd.concat([table.frame for table in checked.values()], ignore_index=True)
    frame["group"] = _group_numbers(frame["group"])
    _check_units(frame)
    _check_images(frame)
    runs = [
        _run(key, rows, first[1].classes, dataset, ordinal)
        for key, rows in frame.groupby(UNIT, sort=False)
    ]
    return PredictionTables(runs, _forms(checked), list(_missing(checked, frame)))


def _group_numbers(groups: pd.Series) -> NDArray[np.int64]:
    """Return the numbers of groups, which a run's split.csv has already."""
    if groups.str.fullmatch(r"\d{1,9}").all():
        return groups.to_numpy(dtype=np.int64)
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def _check_units(frame: pd.DataFrame) -> None:
    """Raise UserError if a model, fold and seed has an image twice, or no test image."""
    twice = frame[frame.duplicated([*UNIT, "id"])]
    if len(twice):
        row = twice.iloc[0]
        files = ", ".join(frame.loc[frame["model"] == row["model"], "file"].unique()[:3])
        raise UserError(
            f"{len(twice)} images come twice for a model, fold and seed, first "
            f"{escape(row['id'])} of {escape(row['model'])}, fold {row['fold']}, seed "
            f"{row['seed']} ({files}); give columns model, fold and seed that tell them apart."
        )
    for key, rows in frame.groupby(UNIT, sort=False):
        if not (rows["part"] == "test").any():
            model, fold, seed = key
            raise UserError(
                f"{rows['file'].iloc[0]} has no test part of {escape(str(model))}, fold {fold}, "
                f"seed {seed}; give its rows with test in the column part."
            )


def _check_images(frame: pd.DataFrame) -> None:
    """Raise UserError if models have other test images in a fold, or another label of an image."""
    labels = frame.groupby("id")["label"].nunique()
    if (labels > 1).any():
        image = labels.index[labels > 1][0]
        found = frame.loc[frame["id"] == image, "label"].unique()
        raise UserError(
            f"{(labels > 1).sum()} images have several labels, first {escape(image)} "
            f"({some(found)}); give one label of each."
        )
    tested = frame[frame["part"] == "test"]
    for fold, rows in tested.groupby("fold", sort=False):
        images = {
            key: set(of_run["id"]) for key, of_run in rows.groupby(["model", "seed"], sort=False)
        }
        (first, held), *others = images.items()
        for other, its in others:
            if its != held:
                one, two = escape(str(first[0])), escape(str(other[0]))
                raise UserError(
                    f"{one} and {two} were tested on different images in fold {fold}: "
                    f"{len(held & its)} of both, {len(held - its)} of {one} alone, "
                    f"{len(its - held)} of {two} alone; give the same test images."
                )


def _run(
    key: tuple[Any, ...], rows: pd.DataFrame, classes: list[str], dataset: str, ordinal: bool
) -> GivenRun:
    """Return the run of a model, fold and seed; what a training alone knows is None."""
    model, fold, seed = str(key[0]), int(key[1]), int(key[2])
    file = Path(rows["file"].iloc[0])
    columns = probability_columns(classes)
    split = rows.drop(columns=[*columns, "file", *UNIT, "predicted"], errors="ignore")
    split = split.rename(columns={"id": "image"}).reset_index(drop=True)
    predicted = rows[rows["part"].isin(PREDICTED)]
    predicted = predicted.rename(columns={"id": "image"})[["image", "part", "label", *columns]]
    chosen = np.array(classes)[predicted[columns].to_numpy().argmax(axis=1)]
    predicted = predicted.assign(predicted=chosen).reset_index(drop=True)
    counts = split.loc[split["part"] == "train", "label"].value_counts()
    parts = {
        part: evaluate(*labels_and_probabilities(of_part, classes), classes, ordinal=ordinal)
        for part, of_part in predicted.groupby("part")
    }
    metrics = {
        **dict.fromkeys(("epochs", "batch_size", "image_size", "train_seconds", "hardware")),
        **dict.fromkeys(("git_commit", "caveat", "selected_epoch", "selected_on")),
        **{"method": model, "dataset": dataset, "fold": fold, "seed": seed, "versions": {}},
        **{"protocol": "as in the table", "split_hash": split_hash(split)},
        "training_counts": {name: int(counts.get(name, 0)) for name in classes},
        "task": "ordinal" if ordinal else "multiclass",
        **{part: parts.get(part) for part in ("validation", "test")},
    }
    names = {"method": model}
    config = {"names": names, "method": {"_target_": None}, "protocol": {"name": "given"}}
    folder = RunFolder(file / f"{model}, fold {fold}, seed {seed}")
    return GivenRun(folder, config, metrics, predicted, split, pd.DataFrame(), file)


def _forms(checked: Mapping[Path, PredictionTable]) -> str:
    forms: dict[str, list[str]] = {}
    for file, table in checked.items():
        forms.setdefault(table.form, []).append(file.name)
    return "; ".join(f"{form} ({some(files)})" for form, files in forms.items())


def _missing(checked: Mapping[Path, PredictionTable], frame: pd.DataFrame) -> Iterator[str]:
    """Yield what the tables lack, and what the page lacks for it."""
    parts = set(frame["part"])
    if "validation" not in parts:
        yield "There is no validation part: thresholds and logit adjustment are not tuned."
    elif "train" not in parts:
        yield (
            "There is no training part, whose rows need no probabilities: logit adjustment, which "
            "takes its class counts, is not tuned."
        )
    if not all("group" in table.given for table in checked.values()):
        yield "There is no column group: intervals take each image as independent of the others."
