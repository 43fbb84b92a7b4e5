"""Read ISIC 2019: 25,331 dermoscopic photographs in eight classes."""

from aduni.data.image_data import ImageData
from aduni.data.image_files import check_images, find_files
from aduni.data.image_table import ImageTable, one_hot_labels, read_csv
from aduni.data.names import escape, group_names
from aduni.data.places import RELEASES, check_release
from aduni.errors import UserError

PREFIX = "ISIC_2019_Training"
CLASSES = ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC"]
UNKNOWN = "UNK"
"""Class of the official test part alone."""
METADATA = ["age_approx", "anatom_site_general", "sex"]


class ISIC2019(ImageData):
    """ISIC 2019 in its official layout: one-hot ground truth, metadata with lesions, JPEGs.

    Some names end in _downsampled, in the tables as in the folder.
    """

    title = "isic2019"
    obtain = RELEASES["ISIC2019"].obtain

    def read_table(self) -> ImageTable:
        """Read the labels from the ground truth, the lesions and the rest from the metadata."""
        check_release(self.root, RELEASES["ISIC2019"])
        path = self.root / f"{PREFIX}_GroundTruth.csv"
        truth = read_csv(path, ["image", *CLASSES, UNKNOWN])
        images = truth["image"].tolist()
        check_images(images, path)
        labels = one_hot_labels(truth, [*CLASSES, UNKNOWN], images, path)
        if (labels == len(CLASSES)).any():
            image = images[int((labels == len(CLASSES)).argmax())]
            raise UserError(
                f"{path} gives {escape(image)} the class {UNKNOWN}, which the training "
                "release does not have; remove the row."
            )
        other = self.root / f"{PREFIX}_Metadata.csv"
        frame = read_csv(other, ["image", "lesion_id", *METADATA])
        check_images(frame["image"].tolist(), other)
        missing = sorted(set(images) - set(frame["image"]))
        if missing:
            raise UserError(
                f"{other} has no row for {len(missing)} images, first {escape(missing[0])}; fetch "
                "the official file again."
            )
        rows = frame.set_index("image").loc[images].reset_index()
        return ImageTable(
            images,
            labels,
            CLASSES,
            group_names(rows["lesion_id"].tolist(), images),
            find_files(images, [self.root / f"{PREFIX}_Input"], [".jpg"]),
            ordinal=False,
            metadata=rows[METADATA],
        )
