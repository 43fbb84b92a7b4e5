"""Read ISIC 2018 task 3 (HAM10000): 10,015 dermoscopic photographs in seven classes."""

from aduni.data.image_data import ImageData
from aduni.data.image_files import check_images, find_files
from aduni.data.image_table import ImageTable, one_hot_columns, one_hot_labels, read_csv
from aduni.data.names import escape, group_names
from aduni.data.places import RELEASES, check_release
from aduni.errors import UserError

PREFIX = "ISIC2018_Task3_Training"
CLASSES = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]


class ISIC2018(ImageData):
    """ISIC 2018 in its official layout: one-hot ground truth, lesion groupings, 600 x 450 JPEGs."""

    title = "isic2018"
    obtain = RELEASES["ISIC2018"].obtain

    def read_table(self) -> ImageTable:
        """Read the labels from the ground truth and the groups from the lesion groupings."""
        check_release(self.root, RELEASES["ISIC2018"])
        truth_path = self.root / f"{PREFIX}_GroundTruth" / f"{PREFIX}_GroundTruth.csv"
        if not truth_path.exists():
            self._refuse_other_release()
        truth = read_csv(truth_path, ["image", *CLASSES])
        images = truth["image"].tolist()
        check_images(images, truth_path)
        labels = one_hot_labels(truth, CLASSES, images, truth_path)
        files = find_files(images, [self.root / f"{PREFIX}_Input"], [".jpg"])
        return ImageTable(images, labels, CLASSES, self._lesions(images), files, ordinal=False)

    def _refuse_other_release(self) -> None:
        for path in sorted(self.root.glob("*GroundTruth.csv")):
            names = ", ".join(map(escape, one_hot_columns(read_csv(path, ["image"]))))
            raise UserError(
                f"{path} is not the ground truth of ISIC 2018 (it has a column for each of "
                f"{names}); set dataset.root to the release of 2018, or write one column of class "
                "names and read the table with dataset=csv."
            )

    def _lesions(self, images: list[str]) -> list[str]:
        path = self.root / f"{PREFIX}_LesionGroupings.csv"
        lesions = read_csv(path, ["image", "lesion_id"])
        check_images(lesions["image"].tolist(), path)
        lesion_of = dict(zip(lesions["image"], lesions["lesion_id"], strict=True))
        missing = [image for image in images if image not in lesion_of]
        if missing:
            raise UserError(
                f"{path} has no lesion for {len(missing)} images, first {escape(missing[0])}; "
                "fetch the official file again."
            )
        return group_names([lesion_of[image] for image in images], images)
