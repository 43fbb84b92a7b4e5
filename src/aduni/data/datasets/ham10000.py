"""Read HAM10000 in Kaggle's layout: 10,015 dermoscopic photographs in seven classes."""

import numpy as np

from aduni.data.image_data import ImageData
from aduni.data.image_files import check_images, find_files
from aduni.data.image_table import ImageTable, read_csv
from aduni.data.names import escape, group_names
from aduni.data.places import RELEASES, check_release
from aduni.errors import UserError

CLASSES = ["mel", "nv", "bcc", "akiec", "bkl", "df", "vasc"]
"""In the order of ISIC 2018, whose training images these are."""
METADATA = ["dx_type", "age", "sex", "localization"]


class HAM10000(ImageData):
    """HAM10000: HAM10000_metadata.csv, and photographs in HAM10000_images_part_1 and _part_2."""

    title = "ham10000"
    obtain = RELEASES["HAM10000"].obtain

    def read_table(self) -> ImageTable:
        """Read labels, lesions and metadata from HAM10000_metadata.csv."""
        check_release(self.root, RELEASES["HAM10000"])
        path = self.root / "HAM10000_metadata.csv"
        frame = read_csv(path, ["image_id", "lesion_id", "dx", *METADATA])
        images = frame["image_id"].tolist()
        check_images(images, path)
        unknown = np.flatnonzero(~frame["dx"].isin(CLASSES))
        if len(unknown):
            raise UserError(
                f"{path} gives {escape(images[unknown[0]])} the dx "
                f"'{escape(frame['dx'][unknown[0]])}'; it must be one of {', '.join(CLASSES)}."
            )
        folders = [self.root / f"HAM10000_images_part_{part}" for part in (1, 2)]
        return ImageTable(
            images,
            np.array([CLASSES.index(dx) for dx in frame["dx"]], dtype=np.int64),
            CLASSES,
            group_names(frame["lesion_id"].tolist(), images),
            find_files(images, folders, [".jpg"]),
            ordinal=False,
            metadata=frame[METADATA],
        )
