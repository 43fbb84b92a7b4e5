"""Report how many images of a published split have their lesion or a copy in training."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from aduni.data.image_data import ImageData
from aduni.data.names import escape
from aduni.data.splits.leaks import leaks
from aduni.data.splits.published import PublishedSplit, read_published_split
from aduni.errors import UserError
from aduni.system.atomic_files import write_csv, write_text

Leaks = Mapping[str, Mapping[str, NDArray[np.bool_]]]
"""Of each part and kind of leak, whether each image leaks (p,)."""

LEAKS_TABLE = "split_leaks.md"
LEAKING_IMAGES = "split_leaks.csv"


def report_published_split(
    console: Console, data: ImageData, files: Sequence[Path], folder: Path
) -> None:
    """Print what a split lists and a table of its leaks; write the table and the leaking images."""
    split = read_published_split(files, data.table.images)
    for part in ("train", "test"):
        if not len(split.rows[part]):
            raise UserError(
                f"{' and '.join(map(str, files))} has no {part} part; add the file that lists it."
            )
    listed = _listed(split, data)
    console.print(f"Split {', '.join(escape(file.name) for file in files)}: {listed[0]}")
    for sentence in listed[1:]:
        console.print(sentence)
    found = {
        part: leaks(split, data.table, data.cache.originals, part)
        for part in ("test", "validation")
        if len(split.rows[part])
    }
    counts = _counts(found)
    table = Table("in training", title="Images that leak")
    for title in counts.columns:
        table.add_column(title, justify="right")
    for kind, cells in zip(counts.index, counts.to_numpy().tolist(), strict=True):
        table.add_row(kind, *cells)
    console.print(table)
    write_text(_markdown(data.title, files, listed, counts), folder / LEAKS_TABLE)
    console.print(f"The table, to be cited: {folder / LEAKS_TABLE}", soft_wrap=True)
    images = _images(found, split, data)
    (folder / LEAKING_IMAGES).unlink(missing_ok=True)
    if len(images):
        write_csv(images, folder / LEAKING_IMAGES)
        console.print(f"The leaking images: {folder / LEAKING_IMAGES}", soft_wrap=True)


def _listed(split: PublishedSplit, data: ImageData) -> list[str]:
    """Return sentences on how many images a split lists, and how many it does not know."""
    sizes = [f"{len(rows)} {part}" for part, rows in split.rows.items() if len(rows)]
    left = len(data.table.images) - len(np.unique(np.concatenate([*split.rows.values()])))
    sentences = [f"{', '.join(sizes)}; {left} images are not listed."]
    if split.unknown:
        first = escape(split.unknown[0])
        sentences.append(
            f"{len(split.unknown)} names are no images of {data.title} (first: {first})."
        )
    return sentences


def _counts(found: Leaks) -> pd.DataFrame:
    """Return a row for each kind of leak: count and per cent of each part, as texts."""

    def text(leaking: NDArray[np.bool_]) -> str:
        return f"{leaking.sum()} ({100 * leaking.mean():.1f} %)"

    return pd.DataFrame(
        {
            f"of {len(kinds['any'])} {part} images": {kind: text(of) for kind, of in kinds.items()}
            for part, kinds in found.items()
        }
    )


def _images(found: Leaks, split: PublishedSplit, data: ImageData) -> pd.DataFrame:
    """Return image, part and kinds of each image that leaks."""
    images = np.array(data.table.images, dtype=object)
    frames = [
        pd.DataFrame({"image": images[split.rows[part]], "part": part, **kinds})
        for part, kinds in found.items()
    ]
    frame = pd.concat(frames, ignore_index=True)
    return frame[frame["any"]]


def _markdown(
    title: str, files: Sequence[Path], listed: Sequence[str], counts: pd.DataFrame
) -> str:
    """Return the table with what identifies it: data set, files with SHA-256, date."""
    header = ["in training", *counts.columns]
    rows = [header, ["---", *["---:"] * len(counts.columns)]]
    rows += [
        [kind, *cells] for kind, cells in zip(counts.index, counts.to_numpy().tolist(), strict=True)
    ]
    return "\n".join(
        [
            f"# Images of a split of {title} that leak",
            "",
            *(
                f"- {escape(file.name)}, SHA-256 {hashlib.sha256(file.read_bytes()).hexdigest()}"
                for file in files
            ),
            f"- counted on {date.today().isoformat()} by `aduni audit`",
            "",
            " ".join(listed),
            "An image leaks if its lesion or patient, an identical copy or a near copy (the same "
            "photograph saved anew, mirrored or turned) is in the training part.",
            "",
            *("| " + " | ".join(row) + " |" for row in rows),
            "",
        ]
    )
