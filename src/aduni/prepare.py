"""Is a data set complete and clean? And its resized images, ready for training."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from omegaconf import DictConfig
from pydantic import BaseModel
from rich.console import Console
from rich.table import Table

from aduni.config import Node, read
from aduni.data.download import download
from aduni.data.module import ImageDataModule
from aduni.data.tables import shown
from aduni.errors import UserError

IMAGE_SUFFIXES = {".jpg", ".jpeg", ".png"}


class PrepareSettings(BaseModel, extra="ignore"):
    """What prepare.py needs; a data set's YAML brings training settings along."""

    dataset: Node
    protocol: Node
    download: bool
    verbose: bool


@dataclass(frozen=True)
class Duplicates:
    """Pixel-identical images.

    Attributes:
        groups: of two files or more.
        files: in these groups.
        conflicting: groups whose files carry different labels.
    """

    groups: int
    files: int
    conflicting: int


def read_prepare_settings(config: DictConfig, overrides: Sequence[str]) -> PrepareSettings:
    """Checked settings.

    Args:
        config: composed.
        overrides: key=value pairs of the command line.

    Raises:
        UserError: as `read_settings`, or an override is of training and would do nothing.
    """
    keys = PrepareSettings.model_fields
    for override in overrides:
        key = override.lstrip("+~").split("=")[0]
        if key.split(".")[0] not in keys:
            raise UserError(
                f"{key} is no key of prepare.py; leave it out (its keys are {', '.join(keys)})."
            )
    return read(config, PrepareSettings, ("dataset", "protocol"))


def prepare(data: ImageDataModule, *, fetch: bool) -> None:
    """Fetch what can be fetched, verify every row and image, build the cache, and print a report.

    Args:
        data: the data set.
        fetch: download the official archives that are missing.

    Raises:
        UserError: whatever is missing or unreadable.
    """
    console = Console(markup=False, emoji=False)  # names of files and classes are no markup
    if fetch:
        if data.archives:
            download(data.archives, data.root)
        else:
            console.print(f"Nothing is downloaded for {data.title}: {data.obtain}.")
    table = data.table
    data.verify_cache()
    console.print(_counts(data))
    console.print(f"{len(table.images)} rows; each image was readable when the cache was built.")
    extra = files_without_row(data)
    console.print(f"{len(extra)} image files without a row{_first(extra)}.")
    found = duplicates(data)
    console.print(
        f"{found.groups} groups of pixel-identical images ({found.files} files); "
        f"{found.conflicting} of them carry conflicting labels."
    )
    if table.groups is not None:
        lesions = pd.Series(table.groups).value_counts()
        console.print(
            f"{len(lesions)} lesions, {int((lesions > 1).sum())} with several photographs; "
            f"{len(table.images) - len(lesions)} photographs show a lesion already seen."
        )
    console.print(_sizes(data))
    size = data.cache.pixels.nbytes / 2**20
    checked = "checksums of all rows are right"
    console.print(f"Cache: {data.cache.folder} ({size:.0f} MiB; {checked})", soft_wrap=True)


def duplicates(data: ImageDataModule) -> Duplicates:
    """Count the groups of pixel-identical originals."""
    originals = data.cache.originals.assign(label=data.table.labels)
    grouped = originals.groupby("sha256")["label"].agg(["size", "nunique"])
    repeated = grouped[grouped["size"] > 1]
    return Duplicates(
        groups=len(repeated),
        files=int(repeated["size"].sum()),
        conflicting=int((repeated["nunique"] > 1).sum()),
    )


def files_without_row(data: ImageDataModule) -> list[str]:
    """Names of the image files beside the table's that no row mentions."""
    files = data.table.files
    if files is None:
        return []
    known = {file.name for file in files}
    beside = (entry for folder in {file.parent for file in files} for entry in folder.iterdir())
    images = {entry.name for entry in beside if entry.suffix.lower() in IMAGE_SUFFIXES}
    return sorted(images - known)


def _counts(data: ImageDataModule) -> Table:
    table = Table("class", title=f"{data.title}: images of each class")
    table.add_column("found", justify="right")
    if data.paper_counts is not None:
        table.add_column("paper", justify="right")
    for name, count in zip(data.table.class_names, data.table.class_counts, strict=True):
        paper = [] if data.paper_counts is None else [str(data.paper_counts[name])]
        table.add_row(name, str(count), *paper)
    return table


def _sizes(data: ImageDataModule) -> str:
    originals = data.cache.originals
    order = (originals["width"] * originals["height"]).sort_values().index
    small, large = (f"{originals['width'][i]} x {originals['height'][i]}" for i in order[[0, -1]])
    return (
        f"Originals from {small} to {large} pixels, "
        f"resized to {data.image_size} x {data.image_size}."
    )


def _first(names: list[str]) -> str:
    return f" (first: {shown(names[0])})" if names else ""
