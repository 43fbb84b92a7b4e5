"""HAM10000 of Kaggle, ISIC 2019 and EyePACS, on miniatures in their layouts."""

import csv
from pathlib import Path

import numpy as np
import pytest

from aduni.config.build import build_data
from composing import settings_of
from own_data import blotches


def _table(file: Path, header: str, rows) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", newline="") as opened:
        csv.writer(opened).writerows([header.split(","), *rows])


def _data(name, root, *overrides):
    words = (f"dataset.root={root}", f"dataset.cache_dir={root / 'cache'}", *overrides)
    return build_data(
        settings_of(f"dataset={name}", *words, "dataset.image_size=16", "num_workers=0")
    )


@pytest.fixture
def ham(tmp_path):
    """Two folders, eight lesions a class, of which the first was photographed twice."""
    rows = []
    for dx in ["nv", "mel", "bkl", "bcc", "akiec", "vasc", "df"]:
        for i in range(9):
            image = f"ISIC_{24306 + len(rows):07d}"
            file = tmp_path / f"HAM10000_images_part_{1 + len(rows) % 2}" / f"{image}.jpg"
            file.parent.mkdir(exist_ok=True)
            blotches(len(rows)).save(file)
            age = "" if i == 3 else "45.0"
            rows.append([f"HAM_{dx}{max(i, 1)}", image, dx, "histo", age, "male", "back"])
    header = "lesion_id,image_id,dx,dx_type,age,sex,localization"
    _table(tmp_path / "HAM10000_metadata.csv", header, rows)
    return tmp_path


def test_ham10000_has_two_folders_lesions_and_metadata(ham):
    data = _data("ham10000", ham)

    assert data.table.class_counts.tolist() == [9] * 7
    assert data.table.class_names[:2] == ["mel", "nv"]
    assert data.table.class_names[data.table.labels[0]] == "nv"
    assert [file.parent.name[-1] for file in data.table.files[:3]] == ["1", "2", "1"]
    assert len(np.unique(data.groups)) == 8 * 7
    assert data.groups[0] == data.groups[1] != data.groups[2]
    assert not data.table.is_ordinal
    split = data.split
    assert split["age"].tolist()[:5] == ["45.0"] * 3 + ["", "45.0"]
    assert set(split["localization"]) == {"back"}
    assert list(split.columns[:4]) == ["image", "label", "group", "part"]


def test_a_split_with_metadata_is_read_back(ham, tmp_path):
    data = _data("ham10000", ham)
    data.split.to_csv(tmp_path / "split.csv", index=False)
    again = _data("ham10000", ham, f"protocol.split_file={tmp_path / 'split.csv'}")
    assert again.split_hash == data.split_hash
    # Metadata are beside the split: they do not change its name.
    table = (ham / "HAM10000_metadata.csv").read_text().replace("back", "face")
    (ham / "HAM10000_metadata.csv").write_text(table)
    other = _data("ham10000", ham)
    assert other.split_hash == data.split_hash
    assert set(other.split["localization"]) == {"face"}


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [(",nv,", ",naevus,", "dx 'naevus'"), ("image_id", "id", "no column 'image_id'")],
)
def test_ham10000_refuses_other_tables(ham, refusal, old, new, named):
    file = ham / "HAM10000_metadata.csv"
    file.write_text(file.read_text().replace(old, new))
    refusal(lambda: _data("ham10000", ham).table, file, named)


def test_ham10000_needs_both_folders(ham, refusal):
    (ham / "HAM10000_images_part_2").rename(ham / "elsewhere")
    refusal(lambda: _data("ham10000", ham).table, "HAM10000_images_part_2 is missing")


@pytest.fixture
def isic2019(tmp_path):
    """Twelve images a class; names with _downsampled, UNK without images, lesions half missing."""
    classes = ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC", "UNK"]
    truth, metadata = [], []
    folder = tmp_path / "ISIC_2019_Training_Input"
    folder.mkdir()
    for number in range(12 * 8):
        image = f"ISIC_{number:07d}{'_downsampled' if number % 3 == 0 else ''}"
        blotches(number).save(folder / f"{image}.jpg")
        truth.append([image, *("1.0" if i == number // 12 else "0.0" for i in range(9))])
        lesion = "" if number % 2 else f"MSK4_{number // 4:07d}"
        metadata.append([image, "55.0", "anterior torso", lesion, "female"])
    prefix = str(tmp_path / "ISIC_2019_Training")
    _table(Path(f"{prefix}_GroundTruth.csv"), ",".join(["image", *classes]), truth)
    header = "image,age_approx,anatom_site_general,lesion_id,sex"
    _table(Path(f"{prefix}_Metadata.csv"), header, metadata[::-1])
    return tmp_path


def test_isic2019_has_unknown_lesions_and_long_names(isic2019):
    data = _data("isic2019", isic2019)

    assert data.table.class_names == ["MEL", "NV", "BCC", "AK", "BKL", "DF", "VASC", "SCC"]
    assert data.table.labels.tolist() == [number // 12 for number in range(96)]
    assert data.table.images[0] == "ISIC_0000000_downsampled"
    assert data.groups[0] == data.groups[2] != data.groups[1]
    assert len({*data.groups.tolist()}) == 48 + 24  # 48 alone, 48 in pairs
    assert set(data.split["age_approx"]) == {"55.0"}


def test_isic2019_refuses_unknown_classes_and_images_without_metadata(isic2019, refusal):
    truth = isic2019 / "ISIC_2019_Training_GroundTruth.csv"
    lines = truth.read_text().splitlines()
    whole = list(lines)
    lines[1] = "ISIC_0000000_downsampled,0,0,0,0,0,0,0,0,1"
    truth.write_text("\n".join(lines))
    refusal(lambda: _data("isic2019", isic2019).table, truth, "the class UNK")
    lines[1] = "ISIC_0000000_downsampled,1,0,0,0,0,0,0,0,1"
    truth.write_text("\n".join(lines))
    refusal(lambda: _data("isic2019", isic2019).table, truth, "exactly one of the classes")
    truth.write_text("\n".join(whole))
    metadata = isic2019 / "ISIC_2019_Training_Metadata.csv"
    metadata.write_text("\n".join(metadata.read_text().splitlines()[:-1]))
    refusal(lambda: _data("isic2019", isic2019).table, metadata, "no row for 1 images")


@pytest.fixture
def eyepacs(tmp_path):
    """Two eyes of 8 patients a grade."""
    (tmp_path / "train").mkdir()
    rows = []
    for number in range(40):
        for side in ("left", "right"):
            blotches(len(rows)).save(tmp_path / "train" / f"{number}_{side}.jpeg")
            rows.append([f"{number}_{side}", number % 5])
    _table(tmp_path / "trainLabels.csv", "image,level", rows)
    return tmp_path


def test_eyepacs_keeps_the_eyes_of_a_patient_together(eyepacs):
    data = _data("eyepacs", eyepacs)

    assert data.table.is_ordinal
    assert data.table.class_counts.tolist() == [16] * 5
    assert data.groups.tolist() == [number // 2 for number in range(80)]
    assert data.split.groupby("group")["part"].nunique().eq(1).all()
    assert data.split["eye"].tolist() == ["left", "right"] * 40


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [("7_left", "7_both", "7_both"), ("7_left,2", "7_left,5", "diagnosis '5'")],
)
def test_eyepacs_refuses_other_names_and_levels(eyepacs, refusal, old, new, named):
    file = eyepacs / "trainLabels.csv"
    file.write_text(file.read_text().replace(f"\n{old}", f"\n{new}"))
    refusal(lambda: _data("eyepacs", eyepacs).table, file, named)
