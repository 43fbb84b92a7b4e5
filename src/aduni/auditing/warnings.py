"""Warnings about a data set before training, each a sentence, from data in the image cache."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from aduni.auditing.findings import duplicates, similar_names
from aduni.data.cache.decode import BITS
from aduni.data.image_data import ImageData
from aduni.data.image_table import ImageTable
from aduni.data.names import escape
from aduni.system.program import command_text

DARK_LEVEL = 32
"""Level of 256 below which a data set's brightest pixel means images nearly black to a model."""
FLAT_SPREAD = 10
"""Levels of 255 that an image must span in one of its colours to show anything."""
MIN_COPY_SHARE = 0.5
"""Share of the images beside a folder that it must contain to count as their copy."""
MAX_CANDIDATES = 10
"""Folders that are compared: those with the most copies."""


def warnings_of(data: ImageData) -> list[str]:
    warnings = (
        *(ungrouped(data.table), respelt(data.table), conflicting_labels(data), nested_copy(data)),
        *(unused_range(data), darkness(data)),
    )
    return [sentence for sentence in warnings if sentence]


def ungrouped(table: ImageTable) -> str | None:
    """Warn if a table names patients or lesions, and nothing keeps their images together."""
    column = table.unused_groups
    if column is None:
        return None
    return (
        f"The column {escape(column)} has values of several images, which the split may part; "
        f"if they name patients or lesions, give dataset.group_column={escape(column)}."
    )


def respelt(table: ImageTable) -> str | None:
    """Warn if class names differ only in capitals, spaces or a final .0."""
    spellings = [" = ".join(map(escape, names)) for names in similar_names(table.class_names)]
    if not spellings:
        return None
    return f"Perhaps one class in several spellings: {', '.join(spellings)}; write it in one way."


def conflicting_labels(data: ImageData) -> str | None:
    """Warn if identical images or near copies have different labels."""
    copies = duplicates(data, "near")
    copies = copies[copies["conflicting"]]
    if not len(copies):
        return None
    first = copies[copies["copies"] == copies["copies"].iloc[0]].drop_duplicates("label")
    pair = zip(first["image"][:2], first["label"][:2], strict=True)
    named = ", ".join(f"{escape(image)} as {escape(label)}" for image, label in pair)
    count = copies["copies"].nunique()
    pictures = "1 picture has" if count == 1 else f"{count} pictures have"
    return (
        f"{pictures} conflicting labels ({len(copies)} files, "
        f"first {named}); {command_text('prepare')} lists them."
    )


def nested_copy(data: ImageData) -> str | None:
    """Warn if a folder contains copies of the images beside it, as a nested archive does."""
    digests = data.cache.originals["sha256"]
    rows = np.flatnonzero(digests.duplicated(keep=False).to_numpy())
    digest_of = {data.table.images[row]: digests[row] for row in rows}
    repeated = Counter(
        folders
        for image, digest in digest_of.items()
        for folders, outside in _without_inner_folders(image)
        if digest_of.get(outside) == digest
    )
    candidates = []
    for (above, folder), count in repeated.most_common(MAX_CANDIDATES):
        images = [image for image in data.table.images if image.startswith(above)]
        beside = sum(not image.startswith(folder) for image in images)
        candidates.append((count / max(beside, 1), above, folder, count, beside))
    share, above, folder, count, beside = max(candidates, default=(0.0, "", "", 0, 0))
    if share < MIN_COPY_SHARE:
        return None
    return (
        f"The folder {escape(folder[:-1])} holds {escape(above[:-1]) or 'the data set'} once more: "
        f"{count} of the {beside} images beside it lie in it again; move it away."
    )


def _without_inner_folders(image: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield ((outer folder/, inner folder/), image name without the inner folder)."""
    names = image.split("/")
    starts = ["".join(f"{name}/" for name in names[:depth]) for depth in range(len(names))]
    for first, second in combinations(range(len(names)), 2):
        yield (starts[first], starts[second]), starts[first] + "/".join(names[second:])


def unused_range(data: ImageData) -> str | None:
    """Warn if 16-bit files use fewer bits than they are read with."""
    levels = data.sources.highest[data.sources.highest > 0]
    if not len(levels) or data.sources.bits >= data.bits:
        return None
    highest = int(levels.max())
    return (
        f"{len(levels)} images of 16 bits hold grey levels up to {highest}; with dataset.bits="
        f"{data.bits} they use {(highest >> (data.bits - BITS[0])) + 1} of 256 levels: set "
        f"dataset.bits={data.sources.bits}, or auto."
    )


def darkness(data: ImageData) -> str | None:
    """Warn if no pixel of the whole data set is bright."""
    brightest = int(data.cache.originals["brightest"].max())
    if brightest >= DARK_LEVEL:
        return None
    return (
        f"No pixel of any image is above {brightest} of 255, so a model sees nearly black; 16-bit "
        "files that hold fewer bits need dataset.bits=auto; rescale the grey levels of other files."
    )


def flatness(data: ImageData) -> str | None:
    """Warn if images, as they are cached, are nearly of one colour."""
    pixels = data.cache.pixels
    flat = [
        row for row in range(len(pixels)) if np.ptp(pixels[row], axis=(0, 1)).max() < FLAT_SPREAD
    ]
    if not flat:
        return None
    first = escape(data.table.images[flat[0]])
    images = "1 image spans" if len(flat) == 1 else f"{len(flat)} images span"
    return (
        f"{images} fewer than {FLAT_SPREAD} of 255 levels (first: {first}), in which a model sees "
        "next to nothing; replace or remove what is flat, and correct the window of a DICOM file."
    )
