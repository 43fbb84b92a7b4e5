"""Report how many test images of a published split have their lesion or a copy in training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from aduni.data.image_table import escape
from aduni.data.module import ImageDataModule
from aduni.data.splits.published import leaks, read_published_split
from aduni.errors import UserError
from aduni.system.atomic_files import write_csv


def print_published_split(
    console: Console, data: ImageDataModule, files: Sequence[Path], output: Path
) -> None:
    """Print what a split lists and a table of its leaks, and list the leaking test images."""
    split = read_published_split(files, data.table.images)
    for part in ("train", "test"):
        if not len(split.rows[part]):
            raise UserError(
                f"{' and '.join(map(str, files))} has no {part} part; add the file that lists it."
            )
    sizes = [f"{len(np.unique(rows))} {part}" for part, rows in split.rows.items() if len(rows)]
    left = len(data.table.images) - len(np.unique(np.concatenate([*split.rows.values()])))
    names = ", ".join(escape(file.name) for file in files)
    console.print(f"Split {names}: {', '.join(sizes)}; {left} images are not listed.")
    if split.unknown:
        first = escape(split.unknown[0])
        console.print(f"{len(split.unknown)} names are no images of {data.title} (first: {first}).")
    found = leaks(split, data.table, data.cache.originals)
    table = Table("in training", title=f"Leaks of {len(found['any'])} test images")
    for title in ("test images", "per cent"):
        table.add_column(title, justify="right")
    for kind, rows in found.items():
        table.add_row(kind, str(rows.sum()), f"{100 * rows.mean():.1f}")
    console.print(table)
    test = np.unique(split.rows["test"])
    frame = pd.DataFrame({"image": np.array(data.table.images, dtype=object)[test], **found})
    output.unlink(missing_ok=True)
    if found["any"].any():
        write_csv(frame[frame["any"]], output)
        console.print(f"The leaking test images: {output}", soft_wrap=True)
