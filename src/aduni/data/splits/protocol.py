"""Protocols: which images train, select the checkpoint, and test."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pydantic import AfterValidator, Field, NonNegativeInt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from sklearn.model_selection import StratifiedKFold

from aduni.data.image_table import ImageTable
from aduni.data.loading.samplers import Ints
from aduni.data.splits.fold_sizes import needed_images, settings_for
from aduni.data.splits.stratified_group_kfold import GroupFolds
from aduni.errors import UserError


def _one_of_k(fraction: float) -> float:
    """A part is a fold of k: its share is 1/k."""
    parts = 1 / fraction if fraction else 0
    if abs(parts - round(parts)) > 0.01:
        nearest = " or ".join(f"{1 / k:.4g}" for k in (math.ceil(parts), math.floor(parts)))
        raise ValueError(f"is not one divided by a whole number; take {nearest}")
    return fraction


@dataclass(frozen=True)
class Protocol:
    """How a data set is divided and how the checkpoint is chosen.

    Attributes:
        name: shown with every result.
        folds: k of the k-fold cross-validation.
        grouped: keep lesions and pixel-identical images on one side.
        validation_fraction: share of the training folds that selects the checkpoint, one divided
            by a whole number; 0 selects on the test part.
        select: `macro_f1`, or `accuracy_and_macro_f1` where both must improve (released code).
        split_seed: of the shuffle; apart from the run's seed, so that seeds share their folds.
        split_file: a split.csv to use instead.
        caveat: caution shown with every result.
    """

    name: str
    folds: Annotated[int, Field(ge=2)] = 5
    grouped: bool = True
    validation_fraction: Annotated[float, Field(ge=0, le=0.5), AfterValidator(_one_of_k)] = 0.2
    select: Literal["macro_f1", "accuracy_and_macro_f1"] = "macro_f1"
    split_seed: NonNegativeInt = 0
    split_file: str | None = None
    caveat: str | None = None

    @property
    def selected_on(self) -> str:
        """The part whose scores choose the checkpoint."""
        return "validation" if self.validation_fraction > 0 else "test"

    @property
    def reported(self) -> tuple[str, ...]:
        """The parts whose figures are reported."""
        return ("validation", "test") if self.validation_fraction > 0 else ("test",)

    @property
    def needed(self) -> int:
        """Independent images of a class without which the folds cannot be made."""
        return needed_images(self.folds, self._validation_parts)

    @property
    def _validation_parts(self) -> int:
        """Of so many parts of the training folds one is the validation part; 0 without one."""
        return round(1 / self.validation_fraction) if self.validation_fraction > 0 else 0

    def check_fold(self, fold: int) -> None:
        """Raise UserError where there is no such fold."""
        if fold >= self.folds:
            raise UserError(
                f"fold={fold} does not exist: the protocol has folds 0 to {self.folds - 1}."
            )

    def split(self, table: ImageTable, groups: Ints, fold: int) -> NDArray[np.str_]:
        """The part of each row.

        Args:
            table: labels and class names.
            groups: (n,) group numbers (see `group_rows`).
            fold: which fold is the test part, 0 .. folds - 1.

        Raises:
            UserError: too few images or groups of a class for the folds.
        """
        self._check_enough(table, groups)
        rows = np.arange(len(table.labels))
        training, test = self._divide(table.labels, groups, rows, self.folds, fold)
        parts = np.full(len(rows), "train", dtype="<U10")
        parts[test] = "test"
        if self.validation_fraction > 0:
            parts[self._validation(table.labels, groups, training)] = "validation"
        return parts

    def validation_rows(self, table: ImageTable, groups: Ints, training: Ints) -> Ints:
        """Which rows of a training part are to select the checkpoint instead.

        Args:
            table: labels and class names.
            groups: (n,) group numbers (see `group_rows`).
            training: (m,) rows of the part.

        Raises:
            UserError: too few images or groups of a class.
        """
        parts = round(1 / self.validation_fraction)
        for name, available in self.available(table, groups, training):
            if available < parts:
                raise UserError(
                    f"Class {name} has {available} independent images in the training part, too "
                    f"few for a validation part of 1/{parts} of it: {parts} are needed; add images "
                    "or raise protocol.validation_fraction."
                )
        return self._validation(table.labels, groups, training)

    def _validation(self, labels: Ints, groups: Ints, training: Ints) -> Ints:
        return self._divide(labels, groups, training, round(1 / self.validation_fraction), 0)[1]

    def _divide(
        self, labels: Ints, groups: Ints, rows: Ints, k: int, fold: int
    ) -> tuple[Ints, Ints]:
        """(rows of the other folds, rows of the fold)."""
        cls = GroupFolds if self.grouped else StratifiedKFold
        splitter = cls(k, shuffle=True, random_state=self.split_seed)
        grouping = groups[rows] if self.grouped else None
        inside, outside = list(splitter.split(rows, labels[rows], grouping))[fold]
        return rows[inside], rows[outside]

    def _check_enough(self, table: ImageTable, groups: Ints) -> None:
        folds, parts, needed = self.folds, self._validation_parts, self.needed
        validation = f" and a validation part of 1/{parts} of the training ones" if parts else ""
        for name, available in self.available(table, groups, np.arange(len(table.labels))):
            if available < needed:
                enough = settings_for(available, folds, parts)
                raise UserError(
                    f"Class {name} has {available} independent images, too few for {folds} folds"
                    f"{validation}: {needed} are needed; add images, or "
                    f"{f'set {enough}' if enough else 'leave the class out'}."
                )

    def available(self, table: ImageTable, groups: Ints, rows: Ints) -> Iterator[tuple[str, int]]:
        """Each class with how many of its images among the rows are independent."""
        for number, name in enumerate(table.class_names):
            members = rows[table.labels[rows] == number]
            yield name, len(np.unique(groups[members])) if self.grouped else len(members)


def group_rows(table: ImageTable, pixel_digests: list[str]) -> Ints:
    """Group numbers: rows that share a name in `table.groups` or all their pixels belong together.

    Args:
        table: n rows.
        pixel_digests: n digests of the original pixels.

    Returns:
        (n,) numbers from 0.
    """
    n = len(table.images)
    columns = [pd.factorize(np.array(pixel_digests))[0]]
    if table.groups is not None:
        columns.append(pd.factorize(np.array(table.groups))[0] + n)
    links = np.concatenate(columns)
    rows = np.tile(np.arange(n), len(columns))
    size = int(max(links.max(), n)) + 1
    edges = coo_array((np.ones(len(rows)), (rows, links + n)), shape=(size + n, size + n))
    groups: Ints = connected_components(edges, directed=False)[1][:n].astype(np.int64)
    return pd.factorize(groups)[0].astype(np.int64)


def check_parts(
    table: ImageTable, parts: NDArray[np.str_], protocol: Protocol, *, given: bool = False
) -> None:
    """Raise UserError where a class is empty in a part that needs it.

    Args:
        table: labels and class names.
        parts: (n,) the part of each row.
        protocol: by which they were made, or are used.
        given: whether the data set brought them along.
    """
    for part in sorted({"train", "test", protocol.selected_on}):
        counts = np.bincount(table.labels[parts == part], minlength=len(table.class_names))
        for name, count in zip(table.class_names, counts, strict=True):
            if count == 0:
                raise UserError(
                    f"Class {name} has no image in the {part} part; "
                    f"{_another_split(protocol, part, given=given)}."
                )


def _another_split(protocol: Protocol, part: str, *, given: bool) -> str:
    """What to do where a class is missing from a part."""
    if protocol.split_file:
        return "set protocol.split_file to another split, or to null to make folds"
    if given:
        return f"add images of it to the given {part} part, or make folds: dataset.split=ignore"
    return "choose another fold or protocol.split_seed, or add images of it"
