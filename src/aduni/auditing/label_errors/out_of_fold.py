"""Collect the test predictions of a setting: each image by models that were not trained on it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aduni.data.names import escape
from aduni.errors import UserError, did_you_mean
from aduni.metrics.label_errors import match_frequencies
from aduni.metrics.samples import Floats, Ints
from aduni.reporting.tables.own_settings import setting_labels, validation_mean
from aduni.results.finished_runs import Run


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of one setting on one data set.

    Attributes:
        row: name of the setting, as a report has it.
        runs: its runs.
        images: n images that were in a test part.
        labels: (n,) their given classes.
        probabilities: (n, C) mean over the runs that had the image in their test part, of classes
            that are as frequent as the labels.
        given: label of every image of the data set, as far as the runs know it.
    """

    row: str
    runs: list[Run]
    images: list[str]
    labels: Ints
    probabilities: Floats
    given: dict[str, str]

    @property
    def class_names(self) -> list[str]:
        return self.runs[0].class_names


def read_out_of_fold(runs: Sequence[Run], row: str | None, source: str) -> OutOfFold:
    """Collect the predictions of a setting, by default the one that is best on validation.

    Args:
        runs: finished runs, of which those without a network are left out.
        row: name of the setting; None for the best one.
        source: what the user gave, as runs=DIR, for errors.

    Raises:
        UserError: if they are of several data sets, classes or versions of the labels, or if there
            is no such setting.
    """
    trained = [run for run in runs if not run.is_floor]
    if not trained:
        raise UserError(f"{source} holds no finished run of a model; give a folder that does.")
    titles = sorted({run.dataset for run in trained})
    if len(titles) > 1:
        raise UserError(
            f"{source} holds runs on several data sets, {', '.join(map(escape, titles))}; give the "
            "folder of one of them."
        )
    name, chosen = _of_row(trained, row)
    if any(run.class_names != chosen[0].class_names for run in chosen):
        raise UserError(f"{source} holds runs with different classes; give a folder of one kind.")
    given = _labels(chosen, source)
    columns = [run.test_predictions() for run in chosen]
    frames = [pd.DataFrame(part, index=images) for images, _, part in columns]
    means = pd.concat(frames).groupby(level=0).mean()
    images = [str(image) for image in means.index]
    numbers = {each: number for number, each in enumerate(chosen[0].class_names)}
    labels = np.array([numbers[given[image]] for image in images], dtype=np.int64)
    matched = match_frequencies(labels, means.to_numpy(dtype=np.float64))
    return OutOfFold(name, chosen, images, labels, matched, given)


def _of_row(runs: Sequence[Run], row: str | None) -> tuple[str, list[Run]]:
    labels = setting_labels(runs)
    of_row: dict[str, list[Run]] = {}
    for run in runs:
        of_row.setdefault(labels[run.folder.path], []).append(run)
    if row is not None and row not in of_row:
        raise UserError(
            f"row={row} is not a row{did_you_mean(row, of_row)}; choose one of "
            f"{', '.join(sorted(of_row))}."
        )
    name = row or max(sorted(of_row), key=lambda each: validation_mean(of_row[each]))
    return name, of_row[name]


def _labels(runs: Sequence[Run], source: str) -> dict[str, str]:
    """Return the label of each image, on which the runs have to agree."""
    given: dict[str, str] = {}
    for run in runs:
        for image, label in zip(run.split["image"], run.split["label"], strict=True):
            if given.setdefault(str(image), str(label)) != label:
                raise UserError(
                    f"{source} holds runs with different labels of {escape(str(image))}, "
                    f"{escape(given[image])} and {escape(str(label))}; give the folder of runs on "
                    "one version of the labels."
                )
    return given
