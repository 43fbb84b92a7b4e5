"""Read APTOS 2019 blindness detection: 3,662 fundus photographs in five grades."""

from pathlib import Path

import numpy as np

from aduni.data.image_data import ImageData
from aduni.data.image_files import check_images, find_files
from aduni.data.image_table import ImageTable, read_csv
from aduni.data.loading.samplers import Ints
from aduni.data.names import escape, plain_number
from aduni.data.places import RELEASES, check_release
from aduni.errors import UserError

GRADES = ["no DR", "mild", "moderate", "severe", "proliferative"]


class APTOS(ImageData):
    """APTOS 2019 in its official layout: train.csv (id_code, diagnosis 0 to 4) and train_images/.

    Photographs may be .png as published, or .jpg or .jpeg as in the competition of 2015.
    """

    title = "aptos"
    obtain = RELEASES["APTOS"].obtain

    def read_table(self) -> ImageTable:
        """Read the labels from train.csv, which names no patients or lesions."""
        check_release(self.root, RELEASES["APTOS"])
        path = self.root / "train.csv"
        frame = read_csv(path, ["id_code", "diagnosis"])
        images = frame["id_code"].tolist()
        check_images(images, path)
        labels = grades_of(images, frame["diagnosis"].tolist(), path)
        files = find_files(images, [self.root / "train_images"], [".png", ".jpg", ".jpeg"])
        return ImageTable(images, labels, GRADES, None, files, ordinal=True)


def grades_of(images: list[str], cells: list[str], path: Path) -> Ints:
    """Return the (n,) grades of images; raise UserError for one that is not 0 to 4."""
    known = [str(grade) for grade in range(len(GRADES))]
    grades = list(map(plain_number, cells))
    for image, cell, grade in zip(images, cells, grades, strict=True):
        if grade not in known:
            raise UserError(
                f"{path} gives {escape(image)} the diagnosis '{escape(cell)}'; it must be one of "
                f"{', '.join(known)}."
            )
    return np.array(list(map(int, grades)), dtype=np.int64)
