"""Test the audit: duplicates, conflicts, leakage, small classes and images, contact sheets."""

import shutil
from functools import partial

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from aduni.auditing.contact_sheet import (
    contact_sheet,
    pick_evenly,
    write_conflicts_sheet,
    write_contact_sheets,
)
from aduni.auditing.findings import (
    duplicates,
    group_remarks,
    leakage,
    near_copies,
    similar_names,
    small_classes,
    small_images,
)
from aduni.auditing.warnings import (
    conflicting_labels,
    darkness,
    flatness,
    nested_copy,
    unused_range,
    warnings_of,
)
from aduni.data.image_table import ImageTable
from aduni.data.names import group_names
from own_data import blotches, class_folders, table


@pytest.fixture
def make(make_data, tmp_path):
    """Make the data set in tmp_path/own, whose images 0 and 20, of two classes, are copies of 1."""
    file = table(tmp_path / "own")
    pictures = tmp_path / "own" / "pictures"
    for copy in (0, 20):
        (pictures / f"{copy:03d}.png").write_bytes((pictures / "001.png").read_bytes())
    (pictures / "031.png").write_bytes((pictures / "030.png").read_bytes())
    columns = {"image_column": "name", "label_column": "finding"}
    return partial(make_data, "csv", csv=str(file), title="mine", **columns)


def test_copies_are_listed_by_group_and_conflicts_are_marked(make):
    found = duplicates(make())

    assert found["copies"].tolist() == [1, 1, 1, 2, 2]
    numbers = ["000", "001", "020", "030", "031"]
    assert found["image"].tolist() == [f"pictures/{number}" for number in numbers]
    assert found["label"].tolist() == ["benign"] * 2 + ["malignant"] + ["unclear"] * 2
    assert found["conflicting"].tolist() == [True] * 3 + [False] * 2
    assert "part" not in found


def test_near_copies_are_listed_apart_from_identical_ones(make, tmp_path):
    pictures = tmp_path / "own" / "pictures"
    with Image.open(pictures / "001.png") as image:
        image.transpose(Image.Transpose.ROTATE_90).resize((60, 50)).save(pictures / "022.png")
    data = make()
    found = near_copies(data)

    numbers = ["000", "001", "020", "022"]
    assert found["image"].tolist() == [f"pictures/{number}" for number in numbers]
    assert found["copies"].tolist() == [1] * 4
    assert found["conflicting"].all()
    assert found["difference"].between(0, 2).all()
    assert (found["difference"] * 1e4 % 1).round(6).isin([0, 1]).all()
    assert len(duplicates(data)) == 5
    assert "1 picture has conflicting labels (4 files" in conflicting_labels(data)


def test_copies_with_conflicting_labels_are_drawn_with_them(make, tmp_path):
    file = tmp_path / "conflicting.jpg"
    drawn = write_conflicts_sheet(make(), file)
    assert (drawn.file, drawn.count, drawn.shown) == (file, 3, 3)
    with Image.open(file) as sheet:
        assert sheet.size == (3 * 136 + 8, 150 + 8)
    pictures = tmp_path / "own" / "pictures"
    blotches(20).save(pictures / "020.png")
    assert write_conflicts_sheet(make(), file) is None
    assert not file.exists()


def test_leakage_is_by_copy_and_by_group(make, tmp_path):
    file = tmp_path / "own" / "labels.csv"
    frame = pd.read_csv(file, dtype=str)
    frame.loc[[4, 6], "patient"] = "same"
    frame.to_csv(file, index=False)
    data = make(split_column="side", group_column="patient", split="ignore")
    found = leakage(data).set_index("image")

    # By picture: 0, 1 and 20 train, so nothing leaks there; 30 (val) is a copy of 31 (test).
    assert sorted(found.index) == [f"pictures/{n}" for n in ("004", "006", "030", "031")]
    assert found["part"].to_dict() == {
        "pictures/004": "train",
        "pictures/006": "validation",
        "pictures/030": "validation",
        "pictures/031": "test",
    }
    assert found.index[found["left_out"]].tolist() == ["pictures/004", "pictures/030"]
    assert list(duplicates(data)["part"]) == ["train"] * 3 + ["validation", "test"]


def test_without_a_given_split_nothing_leaks(make):
    assert not len(leakage(make()))


def test_a_class_is_nearly_empty_by_its_independent_images(make):
    # Eight unclear pictures, two of them copies of each other: seven, which is just enough.
    assert small_classes(make()) == []
    assert small_classes(make(rules={"folds": 8})) == [("unclear", 7)]


def test_flat_images_are_named(make, tmp_path):
    assert flatness(make()) is None
    Image.new("RGB", (24, 20), (200, 40, 40)).save(tmp_path / "own" / "pictures" / "004.png")
    found = flatness(make())
    assert "1 image spans fewer than 10 of 255 levels (first: pictures/004)" in found


def test_spellings_of_one_class_are_noticed():
    assert similar_names(["MEL", "mel", "NV", "B CC", "bcc", "bkl"]) == [
        ["MEL", "mel"],
        ["B CC", "bcc"],
    ]
    assert similar_names(["p1", "p1.0", "p1.00", "p10", "1.05", "1"]) == [["p1", "p1.0", "p1.00"]]


def _remarks(cells):
    images = [f"i{number}" for number in range(len(cells))]
    labels = np.zeros(len(cells), dtype=np.int64)
    return group_remarks(ImageTable(images, labels, ["a"], group_names(cells, images)))


def test_groups_are_counted_without_the_rows_that_have_none():
    counted, alone = _remarks([f"p{i // 2}" for i in range(60)] + ["nan"] * 30)

    assert counted.startswith("30 lesions or patients, 30 of them with several photographs")
    assert "(30 more photographs than" in counted
    assert alone == "30 rows name no lesion or patient; each of them stands alone."


@pytest.mark.parametrize(("size", "named"), [(9, False), (10, True), (11, True)])
def test_a_group_of_a_tenth_of_the_rows_is_named(size, named):
    remarks = _remarks(["no number"] * size + [f"p{i}" for i in range(100 - size)])

    words = f"A tenth of the rows or more have one lesion or patient: no number ({size} rows); if"
    assert any(remark.startswith(words) for remark in remarks) == named


def test_spellings_of_one_patient_are_named():
    remarks = _remarks([f"p{i}" for i in range(40)] + ["P1", "p 2", "p3.0", "4", "4.0"])

    (spellings,) = (remark for remark in remarks if "spellings" in remark)
    assert ": p1 = P1, p2 = p 2, p3 = p3.0; they may stand on two sides" in spellings


def test_images_smaller_than_the_models_are_listed(make, tmp_path):
    blotches(5, (40, 15)).save(tmp_path / "own" / "pictures" / "005.png")

    found = small_images(make())
    assert found.to_numpy().tolist() == [["pictures/005", 40, 15]]


@pytest.mark.parametrize("count", [1, 2, 47, 48, 49, 1000])
def test_chosen_rows_are_distinct_and_evenly_spaced(count):
    rows = np.arange(count) * 3
    chosen = pick_evenly(rows, 48)

    assert len(chosen) == len(set(chosen)) == min(count, 48)
    assert {rows[0], rows[-1]} & set(chosen) == {rows[0], rows[-1]} or count == 1
    gaps = np.diff(chosen)
    assert not len(gaps) or gaps.max() - gaps.min() <= 3


def test_a_sheet_shows_each_picture_in_its_place(make_data, tmp_path):
    root = tmp_path / "folders"
    class_folders(root)
    for number, colour in enumerate([(200, 0, 0), (0, 200, 0), (0, 0, 200)]):
        Image.new("RGB", (60, 30), colour).save(root / "benign" / f"{number:03d}.png")
    data = make_data("folder", root, title="mine")
    sheet = contact_sheet(data, np.arange(10))

    assert sheet.size == (8 * 136 + 8, 2 * 150 + 8)
    for number, colour in enumerate([(200, 0, 0), (0, 200, 0), (0, 0, 200)]):
        assert sheet.getpixel((8 + number * 136 + 64, 8 + 64)) == colour
        assert sheet.getpixel((8 + number * 136 + 64, 8 + 10)) == (255, 255, 255)  # twice as wide
    assert sheet.getpixel((8 + 7 * 136 + 64, 8 + 64)) != (255, 255, 255)
    assert sheet.getpixel((8 + 2 * 136 + 64, 8 + 150 + 64)) == (
        255,
        255,
        255,
    )  # row 10 is not there


def test_each_class_has_a_sheet_and_no_other_file_is_touched(make_data, tmp_path):
    root = tmp_path / "folders"
    class_folders(root)
    (root / "unclear").rename(root / "not / sure?".replace("/", "-"))
    folder = tmp_path / "sheets"
    folder.mkdir()
    (folder / "mine.jpg").write_text("a photograph of somebody's")
    written = write_contact_sheets(make_data("folder", root, title="mine"), folder)

    assert [sheet.file.name for sheet in written] == [
        "0_benign.jpg",
        "1_malignant.jpg",
        "2_not_-_sure_.jpg",
    ]
    assert sorted(file.name for file in folder.iterdir()) == [
        *(sheet.file.name for sheet in written),
        "mine.jpg",
    ]
    for sheet in written:
        with Image.open(sheet.file) as image:
            assert image.format == "JPEG"


# What a training begins with


def test_a_clean_data_set_has_no_warning(make_data, tmp_path):
    class_folders(tmp_path / "skin")

    assert warnings_of(make_data("folder", tmp_path / "skin", title="mine")) == []


def test_conflicting_labels_are_counted_by_picture_and_the_first_is_named(make):
    assert conflicting_labels(make()) == (
        "1 picture has conflicting labels (3 files, first pictures/000 as benign, pictures/020 "
        "as malignant); python src/prepare.py lists them."
    )


@pytest.mark.parametrize("inside", ["skin", "backup/skin", "benign/skin", "benign/x/y"])
def test_a_data_set_that_holds_itself_once_more_is_noticed(make_data, tmp_path, inside):
    root = tmp_path / "skin"
    class_folders(root)
    shutil.copytree(root, tmp_path / "copy")
    shutil.copytree(tmp_path / "copy", root / inside)

    found = nested_copy(make_data("folder", root, title="mine"))
    assert found == (
        f"The folder {inside} holds the data set once more: 32 of the 32 images beside it lie in "
        "it again; move it away."
    )


def test_a_class_that_holds_itself_once_more_is_noticed(make_data, tmp_path):
    root = tmp_path / "skin"
    files = class_folders(root)
    (root / "benign" / "benign").mkdir()
    for file in files[:15]:
        shutil.copy(file, root / "benign" / "benign")

    found = nested_copy(make_data("folder", root, title="mine"))
    assert found is not None
    assert "folder benign/benign holds benign once more: 15 of the 15 images" in found


def test_copies_in_other_places_are_no_nested_data_set(make_data, tmp_path):
    root = tmp_path / "skin"
    files = class_folders(root)
    for file in files[:5]:
        shutil.copy(file, root / "unclear" / f"copy_{file.name}")
    (root / "benign" / "benign").mkdir()
    shutil.copy(files[0], root / "benign" / "benign")

    assert nested_copy(make_data("folder", root, title="mine")) is None


@pytest.mark.parametrize(("brightest", "dark"), [(31, True), (32, False)])
def test_a_data_set_without_a_bright_pixel_is_noticed(make_data, tmp_path, brightest, dark):
    root = tmp_path / "skin"
    for file in class_folders(root):
        Image.new("L", (20, 20), int(file.stem) % 20).save(file)
    picture = Image.new("L", (20, 20))
    picture.putpixel((19, 3), brightest)
    picture.save(root / "benign" / "004.png")

    found = darkness(make_data("folder", root, title="mine"))
    assert (found is not None) is dark
    assert not dark or "above 31 of 255" in found


def test_grey_levels_that_fewer_bits_hold_are_noticed(make_data, tmp_path):
    root = tmp_path / "x"
    for file in class_folders(root):
        levels = np.random.default_rng(int(file.stem)).integers(0, 2000, (20, 20), dtype=np.uint16)
        levels[0, 0] = 2047
        Image.fromarray(levels).save(file)
    found = {}
    for bits in (16, 14, 12, "auto"):
        data = make_data("folder", root, title="x", bits=bits)
        data.verify_cache()
        found[bits] = unused_range(data)

    assert found[12] is found["auto"] is None
    assert "use 8 of 256 levels: set dataset.bits=12, or auto" in found[16]
    assert "32 images of 16 bits hold grey levels up to 2047" in found[14]
    assert "dataset.bits=14 they use 32 of 256 levels" in found[14]
