"""Protocols: which images train, select the checkpoint and test."""

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, NonNegativeInt

from aduni.data.connected import connected_groups
from aduni.data.image_table import PART_DTYPE, ImageTable
from aduni.data.loading.samplers import Ints
from aduni.data.splits.needed_images import needed_images, suggest_settings
from aduni.errors import UserError


def _check_unit_fraction(fraction: float) -> float:
    """Check that a fraction is 1/k, since a part is one of k folds."""
    parts = 1 / fraction if fraction else 0
    if abs(parts - round(parts)) > 0.01:
        nearest = " or ".join(f"{1 / k:.4g}" for k in (math.ceil(parts), math.floor(parts)))
        raise ValueError(f"is not one divided by a whole number; take {nearest}")
    return fraction


@dataclass(frozen=True)
class Protocol:
    """How a data set is divided and how the checkpoint is chosen.

    Attributes:
        name: name shown with every result.
        folds: k of the k-fold cross-validation.
        grouped: keep the images of a lesion and pixel-identical images in one part.
        near_duplicates: also group photographs that were saved anew (see `near_copies`).
        validation_fraction: share of the training folds that selects the checkpoint, one divided
            by a whole number; 0 selects on the test part.
        calibration_fraction: share of the training images left after that which is kept for
            prediction sets alone, one divided by a whole number; 0 for none.
        select: `macro_f1`, or `accuracy_and_macro_f1` if both must improve (released code).
        split_seed: seed of the shuffle, separate from the run's so that seeds share their folds.
        split_file: a split.csv of a run, or the files of a published split, to use instead.
        caveat: caution shown with every result.
    """

    name: str
    folds: Annotated[int, Field(ge=2)] = 5
    grouped: bool = True
    near_duplicates: bool = False
    validation_fraction: Annotated[
        float, Field(ge=0, le=0.5), AfterValidator(_check_unit_fraction)
    ] = 0.2
    calibration_fraction: Annotated[
        float, Field(ge=0, le=0.5), AfterValidator(_check_unit_fraction)
    ] = 0.0
    select: Literal["macro_f1", "accuracy_and_macro_f1"] = "macro_f1"
    split_seed: NonNegativeInt = 0
    split_file: str | list[str] | None = None
    caveat: str | None = None

    @property
    def split_files(self) -> list[Path]:
        """Files of the split to use instead of the protocol's folds; none if there are none."""
        files = [self.split_file] if isinstance(self.split_file, str) else self.split_file
        return [Path(file) for file in files or [] if file]

    @property
    def selected_on(self) -> str:
        """Part whose metrics select the checkpoint."""
        return "validation" if self.validation_fraction > 0 else "test"

    @property
    def reported(self) -> tuple[str, ...]:
        """Parts that are predicted."""
        validation = ("validation",) if self.validation_fraction > 0 else ()
        calibration = ("calibration",) if self.calibration_fraction > 0 else ()
        return (*validation, *calibration, "test")

    @property
    def needed(self) -> int:
        """Smallest number of independent images of a class for which folds can be made."""
        return needed_images(self.folds, self._validation_parts)

    @property
    def _validation_parts(self) -> int:
        """k of the validation part, which is 1/k of the training folds; 0 without one."""
        return round(1 / self.validation_fraction) if self.validation_fraction > 0 else 0

    def check_fold(self, fold: int) -> None:
        if fold >= self.folds:
            raise UserError(
                f"fold={fold} does not exist: the protocol has folds 0 to {self.folds - 1}."
            )

    def split(self, table: ImageTable, groups: Ints, fold: int) -> NDArray[np.str_]:
        """Return the part of each row."""
        self.check_counts(table, groups)
        rows = np.arange(len(table.labels))
        training, test = self._divide(table.labels, groups, rows, self.folds, fold)
        parts = np.full(len(rows), "train", dtype=PART_DTYPE)
        parts[test] = "test"
        if self.validation_fraction > 0:
            parts[self._validation(table.labels, groups, training)] = "validation"
        if self.calibration_fraction > 0:
            left = np.flatnonzero(parts == "train")
            parts[self.rows_of_part("calibration", table, groups, left)] = "calibration"
        return parts

    def rows_of_part(
        self,
        part: Literal["validation", "calibration"],
        table: ImageTable,
        groups: Ints,
        rows: Ints,
    ) -> Ints:
        """Select those of the (m,) training rows that become another part.

        Raises:
            UserError: if a class has too few independent images.
        """
        key = f"{part}_fraction"
        parts = round(1 / getattr(self, key))
        name, available = min(self.available(table, groups, rows), key=itemgetter(1))
        if available < parts:
            raise UserError(
                f"Class {name} has {available} independent image{'s' * (available != 1)} in the "
                f"training part, too few for a {part} part of 1/{parts} of it: {parts} are "
                f"needed; add images or raise protocol.{key}."
            )
        return self._divide(table.labels, groups, rows, parts, 0)[1]

    def _validation(self, labels: Ints, groups: Ints, training: Ints) -> Ints:
        return self._divide(labels, groups, training, self._validation_parts, 0)[1]

    def _divide(
        self, labels: Ints, groups: Ints, rows: Ints, k: int, fold: int
    ) -> tuple[Ints, Ints]:
        # Imported here, since scikit-learn takes most of a second, and given splits need none.
        from sklearn.model_selection import StratifiedKFold

        from aduni.data.splits.folds import GroupFolds

        cls = GroupFolds if self.grouped else StratifiedKFold
        splitter = cls(k, shuffle=True, random_state=self.split_seed)
        grouping = groups[rows] if self.grouped else None
        others, selected = list(splitter.split(rows, labels[rows], grouping))[fold]
        return rows[others], rows[selected]

    def check_counts(self, table: ImageTable, groups: Ints) -> None:
        """Raise UserError if a class has too few independent images for the folds."""
        folds, parts, needed = self.folds, self._validation_parts, self.needed
        validation = f" and a validation part of 1/{parts} of the training ones" if parts else ""
        rows = np.arange(len(table.labels))
        name, available = min(self.available(table, groups, rows), key=itemgetter(1))
        if available < needed:
            settings = suggest_settings(available, folds, parts)
            raise UserError(
                f"Class {name} has {available} independent image{'s' * (available != 1)}, too few "
                f"for {folds} folds{validation}: {needed} are needed; add images, or "
                f"{f'set {settings}' if settings else 'leave the class out'}."
            )

    def available(self, table: ImageTable, groups: Ints, rows: Ints) -> Iterator[tuple[str, int]]:
        """Yield each class name with the number of its independent images among the rows."""
        for number, name in enumerate(table.class_names):
            class_rows = rows[table.labels[rows] == number]
            yield name, len(np.unique(groups[class_rows])) if self.grouped else len(class_rows)


def group_rows(table: ImageTable, copies: Sequence[Hashable]) -> Ints:
    """Number from 0 the groups (n,) of rows that share a name in `table.groups` or in `copies`."""
    n = len(table.images)
    columns = [pd.factorize(np.array(copies))[0]]
    if table.groups is not None:
        columns.append(pd.factorize(np.array(table.groups))[0] + n)
    links = np.concatenate(columns)
    rows = np.tile(np.arange(n), len(columns))
    names = int(links.max(initial=0)) + 1
    groups = connected_groups(rows, links + n, n + names)[:n]
    return pd.factorize(groups)[0].astype(np.int64)


def check_parts(
    table: ImageTable, parts: NDArray[np.str_], protocol: Protocol, *, given: bool = False
) -> None:
    """Raise UserError if a class has no image in a part that needs one, given or divided off."""
    for part in sorted({"train", "test", protocol.selected_on}):
        counts = np.bincount(table.labels[parts == part], minlength=len(table.class_names))
        for name, count in zip(table.class_names, counts, strict=True):
            if count == 0:
                raise UserError(
                    f"Class {name} has no image in the {part} part; "
                    f"{_split_remedy(protocol, part, given=given)}."
                )


def _split_remedy(protocol: Protocol, part: str, *, given: bool) -> str:
    if protocol.split_file:
        return "set protocol.split_file to another split, or to null to make folds"
    if given:
        return f"add images of it to the given {part} part, or make folds: dataset.split=ignore"
    return "choose another fold or protocol.split_seed, or add images of it"
