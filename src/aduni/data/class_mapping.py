"""Translate the labels of another source into the classes of a model, by a table or by name."""

from collections.abc import Sequence
from pathlib import Path

from aduni.data.image_table import read_csv
from aduni.data.names import escape
from aduni.errors import UserError, did_you_mean

COLUMNS = ("label", "class")
REMEDY = "set class_mapping to a CSV with the columns label and class"


def map_classes(
    labels: Sequence[str], class_names: Sequence[str], file: Path | None
) -> dict[str, str | None]:
    """Return the class of each label of another source, None for images that are to be left out.

    Args:
        labels: class names of the other source.
        class_names: classes of the model.
        file: CSV with the columns label and class, in which an empty class leaves images out; None
            if the labels are named as the classes.

    Raises:
        UserError: if a label has no class, or a class is not one of the model.
    """
    mapping = _read(file, class_names) if file else {name: name for name in class_names}
    missing = [label for label in labels if label not in mapping]
    if not missing:
        return {label: mapping[label] for label in labels}
    names = ", ".join(map(escape, missing))
    if file:
        raise UserError(
            f"class_mapping={file} has no row for {names}; add one, with an empty class to leave "
            "these images out."
        )
    raise UserError(
        f"The model has no class {names}{did_you_mean(missing[0], class_names)}; it has "
        f"{', '.join(map(escape, class_names))}: {REMEDY}, which may be empty."
    )


def _read(file: Path, class_names: Sequence[str]) -> dict[str, str | None]:
    frame = read_csv(file, COLUMNS, REMEDY)
    mapping: dict[str, str | None] = {}
    for label, name in zip(frame["label"].str.strip(), frame["class"], strict=True):
        if label in mapping:
            raise UserError(f"{file} has several rows for {escape(label)}; keep one.")
        if name and name not in class_names:
            raise UserError(
                f"{file} gives {escape(label)} the class {escape(name)}, which the model lacks"
                f"{did_you_mean(name, class_names)}; choose from "
                f"{', '.join(map(escape, class_names))}, or leave the cell empty."
            )
        mapping[label] = name or None
    return mapping
