"""Read EyePACS (Kaggle 2015): 35,126 fundus photographs of two eyes a patient in five grades."""

from aduni.data.datasets.aptos import GRADES, grades_of
from aduni.data.image_data import ImageData
from aduni.data.image_files import check_images, find_files
from aduni.data.image_table import ImageTable, read_csv
from aduni.data.names import escape
from aduni.data.places import RELEASES, check_release
from aduni.errors import UserError

SIDES = ("left", "right")


class EyePACS(ImageData):
    """EyePACS in Kaggle's layout: trainLabels.csv (image, level 0 to 4) and train/10_left.jpeg."""

    title = "eyepacs"
    obtain = RELEASES["EyePACS"].obtain

    def read_table(self) -> ImageTable:
        """Read the grades; both eyes of a patient, whose number a name begins with, are a group."""
        check_release(self.root, RELEASES["EyePACS"])
        path = self.root / "trainLabels.csv"
        frame = read_csv(path, ["image", "level"])
        images = frame["image"].tolist()
        check_images(images, path)
        parts = [image.rpartition("_") for image in images]
        for image, (patient, _, side) in zip(images, parts, strict=True):
            if not patient or side not in SIDES:
                raise UserError(
                    f"{path} has the image {escape(image)}, which is no PATIENT_left or "
                    "PATIENT_right; correct the row."
                )
        labels = grades_of(images, frame["level"].tolist(), path)
        files = find_files(images, [self.root / "train"], [".jpeg", ".jpg", ".png"])
        patients = [patient for patient, *_ in parts]
        eyes = frame.assign(eye=[side for *_, side in parts])[["eye"]]
        return ImageTable(images, labels, GRADES, patients, files, ordinal=True, metadata=eyes)
