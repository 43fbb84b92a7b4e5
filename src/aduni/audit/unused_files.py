"""Files that lie beside the images of a data set and are no part of it."""

from collections import Counter
from collections.abc import Mapping

from aduni.data.module import ImageDataModule
from aduni.data.walk import listed


def unused_files(data: ImageDataModule) -> tuple[list[str], Mapping[str, int]]:
    """Look into the folders of the images and into those above them, up to the root.

    Returns:
        The names of image files that no row mentions, and how many files of other kinds there are
        by suffix: below the root where the data set searches it, else beside the images.
    """
    files = data.table.files
    if files is None:
        return [], {}
    known = {file.absolute() for file in files}
    root, holding = data.root.absolute(), {file.parent for file in known}
    above = {outer for folder in holding for outer in folder.parents if root in outer.parents}
    images: list[str] = []
    others: Counter[str] = Counter()
    for folder in holding | above | {root}:
        found = listed(folder)
        images += [file.name for file in found.images if file not in known]
        if folder in holding:
            others += found.passed_over
    return sorted(images), others if data.table.passed_over is None else data.table.passed_over
