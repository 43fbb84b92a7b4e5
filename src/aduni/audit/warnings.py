"""What a training should not begin with unsaid: each a sentence, from what the cache knows."""

from collections import Counter
from collections.abc import Iterator
from itertools import combinations

import numpy as np

from aduni.audit.findings import duplicates
from aduni.data.cache.decode import BITS
from aduni.data.image_table import shown
from aduni.data.module import ImageDataModule

DARK = 32
"""Levels of 256: a data set without a brighter pixel is nearly black to a model."""
MOST = 0.5
"""Share of the images beside a folder that it must hold to count as their copy."""
CANDIDATES = 10
"""Folders that are looked at, those with the most copies."""


def warnings_of(data: ImageDataModule) -> list[str]:
    """All that apply."""
    found = (conflicting_labels(data), nested_copy(data), unused_range(data), darkness(data))
    return [sentence for sentence in found if sentence]


def conflicting_labels(data: ImageDataModule) -> str | None:
    """Identical pictures of several classes."""
    copies = duplicates(data)
    copies = copies[copies["conflicting"]]
    if not len(copies):
        return None
    first = copies[copies["copies"] == copies["copies"].iloc[0]].drop_duplicates("label")
    pair = zip(first["image"][:2], first["label"][:2], strict=True)
    named = ", ".join(f"{shown(image)} as {shown(label)}" for image, label in pair)
    return (
        f"{copies['copies'].nunique()} pictures have conflicting labels ({len(copies)} files, "
        f"first {named}); src/prepare.py lists them."
    )


def nested_copy(data: ImageDataModule) -> str | None:
    """A folder that holds what lies beside it once more, as archives do that were packed twice."""
    digests = data.cache.originals["sha256"]
    rows = np.flatnonzero(digests.duplicated(keep=False).to_numpy())
    digest_of = {data.table.images[row]: digests[row] for row in rows}
    repeated = Counter(
        place
        for image, digest in digest_of.items()
        for place, outside in _outside_of_folders(image)
        if digest_of.get(outside) == digest
    )
    found = []
    for (above, folder), count in repeated.most_common(CANDIDATES):
        images = [image for image in data.table.images if image.startswith(above)]
        beside = sum(not image.startswith(folder) for image in images)
        found.append((count / max(beside, 1), above, folder, count, beside))
    share, above, folder, count, beside = max(found, default=(0.0, "", "", 0, 0))
    if share < MOST:
        return None
    return (
        f"The folder {shown(folder[:-1])} holds {shown(above[:-1]) or 'the data set'} once more: "
        f"{count} of the {beside} images beside it lie in it again; move it away."
    )


def _outside_of_folders(image: str) -> Iterator[tuple[tuple[str, str], str]]:
    """((folder above, folder inside, each with its last slash), the image's name without it)."""
    names = image.split("/")
    starts = ["".join(f"{name}/" for name in names[:depth]) for depth in range(len(names))]
    for first, second in combinations(range(len(names)), 2):
        yield (starts[first], starts[second]), starts[first] + "/".join(names[second:])


def unused_range(data: ImageDataModule) -> str | None:
    """Grey levels of 16-bit files that need fewer bits than they are read with."""
    levels = data.sources.highest
    deep = levels[levels > 0]
    if not len(deep) or data.sources.bits >= data.bits:
        return None
    highest = int(deep.max())
    return (
        f"{len(deep)} images of 16 bits hold grey levels up to {highest}, of which dataset.bits="
        f"{data.bits} makes {(highest >> (data.bits - BITS[0])) + 1} of 256: set dataset.bits="
        f"{data.sources.bits}, or auto."
    )


def darkness(data: ImageDataModule) -> str | None:
    """No pixel of the whole data set is bright."""
    brightest = int(data.cache.originals["brightest"].max())
    if brightest >= DARK:
        return None
    return (
        f"No pixel of any image is above {brightest} of 255, so a model sees nearly black; 16-bit "
        "files that hold fewer bits need dataset.bits=auto, other images another scale."
    )
