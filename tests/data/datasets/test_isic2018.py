"""ISIC 2018 task 3 is read in its official layout, and refused when damaged."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

CLASSES = ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
FIRST = "ISIC_0024306,1.0,0.0,0.0"  # begin of the first row, a melanoma


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def without_line(path: Path, start: str) -> None:
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if not line.startswith(start)]
    assert len(kept) == len(lines) - 1
    path.write_text("".join(kept))


def test_table_has_images_classes_lesions_and_files_of_the_official_layout(isic, make_data):
    table = make_data("isic2018", isic.root).table

    assert table.class_names == CLASSES
    assert table.images == [f"ISIC_{24306 + i:07d}" for i in range(70)]
    assert table.labels.tolist() == [c for c in range(7) for _ in range(10)]
    assert table.labels.dtype == np.int64
    # Photographs 8 and 9 of each class show lesions 0 and 1 again.
    assert table.groups[:10] == [f"HAM_0{i % 8}" for i in range(10)]
    folder = isic.root / "ISIC2018_Task3_Training_Input"
    assert table.files == [folder / f"{image}.jpg" for image in table.images]


def test_class_follows_the_column_name_and_not_its_place(isic, make_data):
    truth = pd.read_csv(isic.table)
    truth[["image", *reversed(CLASSES)]].to_csv(isic.table, index=False)

    assert make_data("isic2018", isic.root).table.class_counts.tolist() == [10] * 7
    assert make_data("isic2018", isic.root).table.labels[0] == CLASSES.index("MEL")


def test_one_hot_cells_may_be_whole_numbers(isic, make_data):
    isic.table.write_text(isic.table.read_text().replace("1.0", "1").replace("0.0", "0"))

    assert make_data("isic2018", isic.root).table.class_counts.tolist() == [10] * 7


def test_rows_of_the_lesion_table_may_come_in_any_order(isic, make_data):
    before = make_data("isic2018", isic.root).table.groups
    pd.read_csv(isic.lesions)[::-1].to_csv(isic.lesions, index=False)

    assert make_data("isic2018", isic.root).table.groups == before


def test_photographs_of_the_official_size_are_read_and_recorded(isic, make_data):
    for file in isic.images.iterdir():
        with Image.open(file) as image:
            image.resize((600, 450)).save(file)
    data = make_data("isic2018", isic.root)

    assert data.cache.pixels.shape == (70, 16, 16, 3)
    assert set(data.cache.originals["width"]) == {600}
    assert set(data.cache.originals["height"]) == {450}


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (",BCC,", ",SCC,", "'BCC'"),
        (FIRST, "ISIC_0024306,0.0,0.0,0.0", "exactly one of the classes"),
        (FIRST, "ISIC_0024306,1.0,1.0,0.0", "exactly one of the classes"),
        (FIRST, "ISIC_0024306,,0.0,0.0", "ISIC_0024306"),
        (FIRST, "ISIC_0024306,0.5,0.0,0.0", "ISIC_0024306"),
        (FIRST, "ISIC_0024306,melanoma,0.0,0.0", "ISIC_0024306"),
        (FIRST, "ISIC_0024307,1.0,0.0,0.0", "2 rows for ISIC_0024307"),
        (FIRST, "caf\udce9,1.0,0.0,0.0", "_GroundTruth.csv"),
    ],
    ids=["column", "none", "two", "empty", "half", "word", "twice", "not UTF-8"],
)
def test_damaged_ground_truth_is_refused(isic, make_data, refusal, old, new, words):
    text = isic.table.read_text().replace(old, new, 1)
    isic.table.write_text(text, errors="surrogateescape")

    refusal(make_data("isic2018", isic.root).prepare_data, isic.table, words)


def test_missing_root_is_named_with_the_way_to_get_the_data(tmp_path, make_data, refusal):
    data = make_data("isic2018", tmp_path / "nowhere")

    refusal(data.prepare_data, tmp_path / "nowhere", "dataset.root", "download=true")


@pytest.mark.parametrize("name", ["table", "lesions", "images"])
def test_missing_piece_of_the_release_is_named(isic, make_data, refusal, name):
    piece = getattr(isic, name)
    shutil.rmtree(piece) if piece.is_dir() else piece.unlink()

    refusal(make_data("isic2018", isic.root).prepare_data, piece)


def test_row_without_photograph_is_named(isic, make_data, refusal):
    (isic.images / "ISIC_0024310.jpg").unlink()

    data = make_data("isic2018", isic.root)
    refusal(data.prepare_data, isic.images, "1 of 70 rows", "ISIC_0024310.jpg")


def test_photographs_without_row_are_ignored(isic, make_data):
    # The official archive has a licence and an attribution beside the photographs.
    (isic.images / "ATTRIBUTION.txt").write_text("HAM10000")
    shutil.copy(isic.images / "ISIC_0024306.jpg", isic.images / "ISIC_9999999.jpg")

    assert len(make_data("isic2018", isic.root).table.images) == 70


def test_photograph_without_lesion_is_named(isic, make_data, refusal):
    without_line(isic.lesions, "ISIC_0024307")

    data = make_data("isic2018", isic.root)
    refusal(data.prepare_data, isic.lesions, "1 images", "ISIC_0024307")


def test_photograph_with_two_lesions_is_named(isic, make_data, refusal):
    edit(isic.lesions, "ISIC_0024308", "ISIC_0024307")

    data = make_data("isic2018", isic.root)
    refusal(data.prepare_data, isic.lesions, "2 rows for ISIC_0024307")


def test_lesion_table_without_lesions_is_refused(isic, make_data, refusal):
    edit(isic.lesions, "lesion_id", "lesion")

    refusal(make_data("isic2018", isic.root).prepare_data, isic.lesions, "'lesion_id'")


def test_class_without_photographs_is_named(isic, make_data, refusal):
    truth = pd.read_csv(isic.table)
    truth[truth["DF"] == 0].to_csv(isic.table, index=False)

    data = make_data("isic2018", isic.root)
    refusal(lambda: data.parts, "DF", "0 ")


@pytest.mark.real_data
def test_real_table_has_the_published_counts_and_lesions(real_data, make_data):
    table = make_data("isic2018", real_data / "isic2018").table

    counts = dict(zip(table.class_names, table.class_counts.tolist(), strict=True))
    published = {"NV": 6705, "MEL": 1113, "BKL": 1099, "BCC": 514, "AKIEC": 327, "VASC": 142}
    assert counts == {**published, "DF": 115}
    assert len(table.images) == len(set(table.images)) == 10015
    assert len(set(table.groups)) == 7470
    assert make_data("isic2018").paper_counts == counts


@pytest.mark.real_data
def test_real_lesions_stay_on_one_side_of_every_fold(real_data, make_data):
    # Without the photographs: no pixel is needed to see that no lesion is torn.
    data = make_data("isic2018", real_data / "isic2018")
    lesions = pd.Series(pd.factorize(np.array(data.table.groups))[0])
    parts = data.protocol.split(data.table, lesions.to_numpy(), fold=2)

    assert pd.Series(parts).groupby(lesions).nunique().max() == 1
    plain = make_data("isic2018", protocol="paper").protocol
    leaky = pd.Series(plain.split(data.table, lesions.to_numpy(), fold=2))
    torn = leaky.groupby(lesions).transform("nunique") > 1
    # What the paper's protocol does: about 40 % of its test images have their lesion in training.
    assert 0.35 < torn[leaky == "test"].mean() < 0.45


@pytest.mark.real_data
def test_real_photographs_become_batches(isic_subset, make_data, check_subset):
    data = make_data("isic2018", isic_subset.root, image_size=32)

    check_subset(data, (200, 150))
    # Four of the sixty photographs show a lesion that another one shows, too.
    assert len(set(data.groups)) == 56


def test_the_release_of_another_year_is_refused_with_its_columns(tmp_path, make_data, refusal):
    rows = [f"ISIC_{i:07d},{float(i % 2 == 0)},{float(i % 2 == 1)},0.0" for i in range(8)]
    truth = tmp_path / "ISIC_2019_Training_GroundTruth.csv"
    truth.write_text("\n".join(["image,MEL,NV,UNK", *rows]) + "\n")

    data = make_data("isic2018", tmp_path)
    refusal(lambda: data.table, truth, "a column for each of MEL, NV, UNK", "dataset=csv")
