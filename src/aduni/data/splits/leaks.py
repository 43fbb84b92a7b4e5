"""Tell which images of a published split have their lesion, patient or a copy in training."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.image_table import ImageTable
from aduni.data.splits.published import PublishedSplit


def leaks(
    split: PublishedSplit, table: ImageTable, originals: pd.DataFrame, part: str = "test"
) -> dict[str, NDArray[np.bool_]]:
    """Tell which images of a part have their lesion or patient, or a copy, in training.

    Returns:
        (p,) for each kind, in the order of the part's rows; `any` is the last. A near copy is
        counted where there is no exact one.
    """
    train, rows = split.rows["train"], split.rows[part]

    def shared(names: list[object]) -> NDArray[np.bool_]:
        numbers = pd.factorize(np.asarray(names, dtype=object))[0]
        return np.isin(numbers[rows], numbers[train])

    exact = shared(originals["sha256"].tolist())
    kinds = {} if table.groups is None else {"lesion or patient": shared([*table.groups])}
    kinds |= {"exact copy": exact, "near copy": shared(originals["near"].tolist()) & ~exact}
    return kinds | {"any": np.logical_or.reduce([*kinds.values()])}
