"""Order the images whose label may be wrong: conflicting copies, then likely errors."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from aduni.auditing.label_errors.out_of_fold import OutOfFold
from aduni.metrics.label_errors import rank_label_errors

CONFLICT, LIKELY = "conflicting copy", "likely error"
COLUMNS = ("image", "label", "suggested", "p_label", "p_suggested", "reason", "copies", "corrected")
"""Columns of label_errors.csv; `copies` numbers the sets of copies, a person fills in the last."""
DIGITS = 6
"""Decimals of probabilities."""


def suspects(predictions: OutOfFold, copies: Sequence[Sequence[str]]) -> pd.DataFrame:
    """List the images whose label may be wrong, each once.

    Args:
        predictions: of the images that were in a test part.
        copies: sets of images that show the same picture; those with one label are passed over.

    Returns:
        A row for each image with `COLUMNS`. Of conflicting copies the most probable one of their
        labels is suggested; without predictions of them it is empty, and so are probabilities.
    """
    row_of = {image: row for row, image in enumerate(predictions.images)}
    known = ([image for image in group if image in predictions.given] for group in copies)
    conflicts = [g for g in known if len({predictions.given[image] for image in g}) > 1]
    lines: list[dict[str, Any]] = []
    for number, group in enumerate(conflicts, start=1):
        lines += _conflict(predictions, row_of, group, number)
    listed = {line["image"] for line in lines}
    lines += [line for line in _likely(predictions) if line["image"] not in listed]
    return pd.DataFrame(lines, columns=COLUMNS)


def _conflict(
    predictions: OutOfFold, row_of: dict[str, int], group: Sequence[str], number: int
) -> Iterator[dict[str, Any]]:
    """Yield a line for each image of a set of copies."""
    names, given = predictions.class_names, predictions.given
    rows = [row_of[image] for image in group if image in row_of]
    labels = sorted({names.index(given[image]) for image in group})
    suggested = ""
    if rows:
        means = predictions.probabilities[rows].mean(axis=0)
        suggested = names[max(labels, key=lambda label: means[label])]
    for image in group:
        line = _line(predictions, row_of.get(image), given[image], suggested)
        yield {"image": image, **line, "reason": CONFLICT, "copies": str(number)}


def _likely(predictions: OutOfFold) -> Iterator[dict[str, Any]]:
    names = predictions.class_names
    rows, classes = rank_label_errors(predictions.labels, predictions.probabilities)
    for row, label in zip(rows.tolist(), classes.tolist(), strict=True):
        image = predictions.images[row]
        line = _line(predictions, row, predictions.given[image], names[label])
        yield {"image": image, **line, "reason": LIKELY, "copies": ""}


def _line(
    predictions: OutOfFold, row: int | None, label: str, suggested: str
) -> dict[str, str | float]:
    names = predictions.class_names
    shares = [
        np.nan
        if row is None
        else round(float(predictions.probabilities[row, names.index(name)]), DIGITS)
        for name in (label, suggested or label)
    ]
    return {
        "label": label,
        "suggested": suggested,
        "p_label": shares[0],
        "p_suggested": shares[1],
        "corrected": "",
    }
