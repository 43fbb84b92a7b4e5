"""Report whether a data set is complete and clean, and build its image cache."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from aduni.auditing import findings
from aduni.auditing.contact_sheet import (
    Sheet,
    file_name,
    write_conflicts_sheet,
    write_contact_sheets,
)
from aduni.auditing.page import write_audit_page
from aduni.auditing.published_split import report_published_split
from aduni.auditing.warnings import (
    darkness,
    flatness,
    nested_copy,
    respelt,
    ungrouped,
    unused_range,
)
from aduni.data.cache.image_cache import MAX_WAITING
from aduni.data.download.archives import download
from aduni.data.image_data import ImageData
from aduni.data.loading.samplers import imbalance_ratio, suggest_sampler
from aduni.data.names import escape, is_missing
from aduni.data.shard import Shard
from aduni.data.shortcuts.features import measure_shard
from aduni.data.splits.predefined import PARTS
from aduni.data.splits.published import read_published_split
from aduni.data.walk import format_counts
from aduni.errors import UserError
from aduni.system.atomic_files import write_csv
from aduni.system.fonts import boxes_warning, letters_without_glyph
from aduni.system.output_folder import check_output
from aduni.system.threads import map_ahead

UNREADABLE = "unreadable.csv"
"""List that an audit of unreadable images leaves, without a page."""


def prepare(
    data: ImageData, *, fetch: bool, output: Path | None, shard: Shard | None = None
) -> None:
    """Download missing archives, build the cache and audit the data set, or build one shard."""
    if fetch:
        if data.archives:
            download(data.archives, data.root)
        else:
            print(f"Nothing is downloaded for {data.title}: {data.obtain}.")
    if shard:
        folder = data.build_shard(shard)
        measure_shard(data, shard)
        print(
            f"Shard {shard} of {data.title} is complete: {folder}. When all {shard.count} are, run "
            "the same command without shard=: it merges them and audits the data set."
        )
        return
    audit(data, output=output)


def audit(
    data: ImageData,
    *,
    output: Path | None,
    split: Sequence[Path] = (),
    console: Console | None = None,
) -> list[str]:
    """Verify all rows and images, build the cache, print a report, and audit a published split.

    Page, lists of images and contact sheets go to `output`, by default outputs/audit/TITLE. A given
    `console` must record.

    Returns:
        A sentence for each finding in the images, their copies and their split.
    """
    console = console or Console(markup=False, emoji=False, record=True)  # names are not markup
    if split:  # names are checked before images are read
        read_published_split(split, data.table.images)
    _print_classes(console, data)
    folder = output or Path("outputs", "audit", data.title)
    check_output(folder, "aduni audit", own=[UNREADABLE])
    folder.mkdir(parents=True, exist_ok=True)
    _verify_cache(data, folder)
    conflicts = write_conflicts_sheet(data, folder / "conflicting.jpg")
    sentences = []
    for sentence in _sentences(data, folder, conflicts):
        sentences.append(sentence)
        console.print(sentence)
    missing = letters_without_glyph(map(file_name, data.table.images))
    sheets = write_contact_sheets(data, folder)
    console.print(f"Contact sheets of {len(sheets)} classes: {folder}", soft_wrap=True)
    if missing:
        console.print(boxes_warning(missing, "the contact sheets"))
    size = data.cache.pixels.nbytes / 2**20
    checked = "checksums of all rows are right"
    console.print(f"Cache: {data.cache.folder} ({size:.0f} MiB; {checked})", soft_wrap=True)
    if split:
        report_published_split(console, data, split, folder)
    shown = [*([conflicts] if conflicts else []), *sheets]
    page = write_audit_page(folder, data.title, console.export_text(), shown)
    console.print(f"Page: {page}", soft_wrap=True)
    return sentences


def _sentences(data: ImageData, folder: Path, conflicts: Sheet | None) -> Iterator[str]:
    """Yield what was found in the images; lists of them are written to the folder."""
    from aduni.auditing.shortcuts import find_shortcuts  # imports scikit-learn, most of a second

    yield from _of_images(data)
    yield from _of_copies(data, folder)
    if conflicts:
        yield f"Copies with conflicting labels: {conflicts.shown} drawn in {conflicts.file}."
    for sentence in filter(None, (nested_copy(data), ungrouped(data.table))):
        yield f"Warning: {sentence}"
    if data.table.groups is not None:
        yield from findings.group_remarks(data.table)
    yield from _of_split(data, folder)
    shortcuts = find_shortcuts(data)
    for shortcut in shortcuts:
        yield f"Shortcut: {shortcut}."
    if not shortcuts:
        yield "No rule about borders or files tells a class far above chance."


def _print_classes(console: Console, data: ImageData) -> None:
    """Print the class counts and advice based on them, before any image is read."""
    names, counts = data.table.class_names, data.table.class_counts
    table = Table("class", title=f"{data.title}: images of each class")
    table.add_column("found", justify="right")
    parts = data.table.parts
    sides = [] if parts is None else [part for part in PARTS if part in parts[parts != "unused"]]
    columns = [
        np.bincount(data.table.labels[parts == side], minlength=len(names)) for side in sides
    ]
    paper = data.paper_counts
    for title in [*sides, *(["paper"] if paper else [])]:
        table.add_column(title, justify="right")
    for number, name in enumerate(names):
        cells = [str(counts[number]), *(str(column[number]) for column in columns)]
        table.add_row(name, *cells, *([str(paper[name])] if paper else []))
    console.print(table)
    sampler, reason = suggest_sampler(counts)
    console.print(
        f"Imbalance ratio {imbalance_ratio(counts):.1f} (most frequent class to rarest); "
        f"suggested for AdUni: sampler={sampler} ({reason})."
    )
    if sentence := respelt(data.table):
        console.print(sentence)
    for name in filter(is_missing, names):
        console.print(f"Class {name} may stand for images whose class is not known.")


def _verify_cache(data: ImageData, folder: Path) -> None:
    """Build and verify the cache; if several images are unreadable, list them in a file."""
    file = folder / UNREADABLE
    file.unlink(missing_ok=True)
    try:
        data.verify_cache()
    except UserError as error:
        unreadable = _unreadable_images(data)
        if len(unreadable) < 2:
            raise
        write_csv(unreadable, file)
        raise UserError(
            f"{len(unreadable)} images cannot be read, listed in {file}; the first: {error}"
        ) from error


def _unreadable_images(data: ImageData) -> pd.DataFrame:

    def reason(row: int) -> str:
        try:
            data.open_image(row)
        except UserError as error:
            return str(error)
        return ""

    images = data.table.images
    reasons = list(map_ahead(reason, range(len(images)), MAX_WAITING))
    frame = pd.DataFrame({"image": images, "reason": reasons})
    return frame[frame["reason"] != ""]


def _of_images(data: ImageData) -> Iterator[str]:
    count = len(data.table.images)
    yield f"{count} rows; each image was readable when the cache was built."
    extra, others = findings.unused_files(data)
    yield f"{len(extra)} image files without a row{_first(extra)}."
    if others:
        yield f"Files of other kinds: {format_counts(others)} passed over."
    originals, side = data.cache.originals, data.image_size
    order = (originals["width"] * originals["height"]).sort_values().index
    smallest, largest = (
        f"{originals['width'][i]} x {originals['height'][i]}" for i in order[[0, -1]]
    )
    yield f"Originals from {smallest} to {largest} pixels, resized to {side} x {side}."
    levels = data.sources.highest[data.sources.highest > 0]
    if len(levels):
        yield (
            f"{len(levels)} images of 16 bits hold grey levels up to {levels.max()} and are read "
            f"as {data.bits} bits."
        )
    for sentence in filter(None, (unused_range(data), darkness(data), flatness(data))):
        yield f"Warning: {sentence}"
    small = findings.small_images(data)["image"].tolist()
    if small:
        yield f"{len(small)} of them have a side below {side} px{_first(small)}."


def _of_copies(data: ImageData, folder: Path) -> Iterator[str]:
    """Yield the number of copies, and list them in files."""
    lists = {"copies.csv": findings.duplicates(data), "near_copies.csv": findings.near_copies(data)}
    kinds = "pixel-identical images", "near copies (saved anew, mirrored or turned)"
    for (name, copies), kind in zip(lists.items(), kinds, strict=True):
        conflicting = copies.loc[copies["conflicting"], "copies"].nunique()
        sets, location = copies["copies"].nunique(), _write_list(copies, folder / name)
        found = f"{sets} set{'s' * (sets != 1)} of {kind} ({len(copies)} files)"
        yield (
            f"{found}, {conflicting} with conflicting labels{location}." if sets else f"No {kind}."
        )


def _of_split(data: ImageData, folder: Path) -> Iterator[str]:
    """Yield leakage or classes too small for folds, and whether training would be refused."""
    leaks = findings.leakage(data)
    location = _write_list(leaks, folder / "leakage.csv")
    if data.table.parts is not None:
        left_out = int(leaks["left_out"].sum())
        yield (
            f"Given split: {len(leaks)} images have a copy, lesion or patient on another side"
            f"{location}; dataset.split=cleaned would leave out {left_out}."
        )
    else:
        for name, count in findings.small_classes(data):
            yield f"Class {name} has only {count} independent image{'s' * (count != 1)}."
    try:
        _ = data.parts
    except UserError as error:
        yield f"Training would be refused: {error}"


def _write_list(frame: pd.DataFrame, file: Path) -> str:
    file.unlink(missing_ok=True)
    if not len(frame):
        return ""
    write_csv(frame, file)
    return f", listed in {file}"


def _first(names: list[str]) -> str:
    return f" (first: {escape(names[0])})" if names else ""
