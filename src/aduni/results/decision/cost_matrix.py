"""Read a table of what each decision costs, by true class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from aduni.errors import UserError, did_you_mean
from aduni.metrics.samples import Floats
from aduni.system.atomic_files import readable


def read_cost_matrix(file: Path, class_names: Sequence[str]) -> Floats:
    """Return (C, C) costs of deciding for the column's class where the row's is true.

    Args:
        file: CSV whose first column names the true class, with a column for each class.
        class_names: C names.

    Raises:
        UserError: if a class has no row or column, or a cell is not a number.
    """
    remedy = "give a row for each true class, with a column for the cost of each decision"
    with readable(file, "set cost_matrix to a CSV file"):
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    table = table.set_index(table.columns[0])
    table.index, table.columns = table.index.str.strip(), table.columns.str.strip()
    for axis, found in (("row", table.index), ("column", table.columns)):
        for name in class_names:
            if list(found).count(name) != 1:
                number = "several" if name in found else "no"
                raise UserError(
                    f"cost_matrix={file} has {number} {axis} of {name}"
                    f"{did_you_mean(name, list(found))}; {remedy}."
                )
    costs = table.loc[list(class_names), list(class_names)].apply(pd.to_numeric, errors="coerce")
    wrong = np.argwhere(~np.isfinite(costs.to_numpy(dtype=np.float64)))
    if len(wrong):
        row, column = (class_names[place] for place in wrong[0])
        raise UserError(
            f"cost_matrix={file} has no number where {row} is true and {column} is decided; "
            f"{remedy}."
        )
    return np.asarray(costs, dtype=np.float64)
