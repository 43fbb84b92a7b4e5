"""Read the split file that a protocol gives: of a run, or as others publish it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.image_table import ImageTable
from aduni.data.loading.samplers import Ints
from aduni.data.splits.leaks import leaks
from aduni.data.splits.predefined import COLUMNS, divide_as_given, read_split
from aduni.data.splits.protocol import Protocol
from aduni.data.splits.published import read_published_split


def read_given(
    protocol: Protocol, table: ImageTable, groups: Ints, originals: pd.DataFrame
) -> tuple[NDArray[np.str_], str | None]:
    """Read the protocol's split_file: parts (n,), and the caveat that goes with every result.

    The groups of a run's split.csv are checked. A published split is used as it is, and the caveat
    says how far it leaks.
    """
    files = protocol.split_files
    if len(files) == 1 and _is_run_split(files[0]):
        grouped = protocol.grouped and not protocol.caveat  # which says that it leaks
        return read_split(files[0], table, groups, grouped), protocol.caveat
    split = read_published_split(files, table.images)
    split.check_complete(files, table)
    found = leaks(split, table, originals)["any"]
    caveat = (
        f"{found.sum()} of {len(found)} test images ({100 * found.sum() / max(len(found), 1):.1f} "
        "%) have their lesion, patient or a copy in training (split of "
        f"{', '.join(file.name for file in files)})"
    )
    caveats = [caveat] if protocol.caveat is None else [protocol.caveat, caveat]
    given = replace(table, parts=split.parts)
    parts = divide_as_given(given, groups, protocol, cleaned=False, may_leak=True)
    return parts, "; ".join(caveats)


def _is_run_split(file: Path) -> bool:
    """Tell whether a file is the split.csv of a run, as a missing file is taken to be."""
    try:
        with file.open("rb") as opened:
            return opened.readline(200).startswith(",".join(COLUMNS[:3]).encode())
    except OSError:
        return True
