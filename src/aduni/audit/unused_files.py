"""Find files among those of a data set that do not belong to it."""

from collections import Counter
from collections.abc import Mapping

from aduni.data.module import ImageDataModule
from aduni.data.walk import list_folder


def unused_files(data: ImageDataModule) -> tuple[list[str], Mapping[str, int]]:
    """Search the folders of the images and their parents up to the root for other files.

    Returns:
        Names of image files without a row, and numbers of files of other kinds by suffix: below the
        root if the data set searches it, else in the folders of the images.
    """
    files = data.table.files
    if files is None:
        return [], {}
    known = {file.absolute() for file in files}
    root, folders = data.root.absolute(), {file.parent for file in known}
    parents = {parent for folder in folders for parent in folder.parents if root in parent.parents}
    images: list[str] = []
    others: Counter[str] = Counter()
    for folder in folders | parents | {root}:
        content = list_folder(folder)
        images += [file.name for file in content.images if file not in known]
        if folder in folders:
            others += content.passed_over
    return sorted(images), others if data.table.passed_over is None else data.table.passed_over
