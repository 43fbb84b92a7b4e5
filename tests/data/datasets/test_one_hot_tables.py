"""dataset=csv with one-hot columns, metadata columns and a declared order."""

import pytest

from aduni.config.build import build_data
from composing import settings_of
from own_data import blotches


@pytest.fixture
def data(tmp_path):
    """A table of 24 images, a third of each class but one, which has none."""
    lines = ["image,MEL,NV,UNK,camera,age"]
    for number in range(24):
        blotches(number).save(tmp_path / f"{number}.png")
        cells = "0,1,0" if number % 3 else "1.0,0.0,0.0"
        lines.append(f"{number},{cells},c{number % 2},{40 + number}")
    (tmp_path / "table.csv").write_text("\n".join(lines) + "\n")

    def build(*overrides):
        words = (f"dataset.csv={tmp_path / 'table.csv'}", f"dataset.cache_dir={tmp_path / 'c'}")
        return build_data(settings_of("dataset=csv", *words, *overrides, "num_workers=0"))

    return build


def test_one_hot_columns_are_classes_in_their_order(data):
    table = data("dataset.label_columns=[NV,UNK,MEL]").table

    assert table.class_names == ["NV", "MEL"]  # UNK has no image
    assert table.labels.tolist() == [int(number % 3 == 0) for number in range(24)]
    assert not table.is_ordinal
    declared = data("dataset.label_columns=[NV,UNK,MEL]", "dataset.classes=[MEL,NV]").table
    assert (declared.class_names, declared.is_ordinal) == (["MEL", "NV"], True)


def test_an_order_can_be_said_or_denied(data):
    words = ("dataset.label_columns=[NV,MEL]", "dataset.classes=[MEL,NV]")
    assert not data(*words, "dataset.ordinal=false").table.is_ordinal
    assert data(words[0], "dataset.ordinal=true").table.is_ordinal


def test_rows_without_a_class_and_columns_that_lack_are_refused(data, refusal, tmp_path):
    file = tmp_path / "table.csv"
    refusal(lambda: data("dataset.label_columns=[NV,BCC]").table, "label_columns.1=BCC", file)
    refusal(lambda: data("dataset.label_columns=[MEL,UNK]").table, file, "1 exactly one of")
    sentence = r"give them as dataset.label_columns=[MEL,NV,UNK]"
    refusal(lambda: data().table, file, sentence)


def test_metadata_columns_are_kept_in_the_split(data):
    split = data(
        "dataset.label_columns=[MEL,NV]",
        "dataset.metadata_columns=[camera,age,NV]",
        "protocol.folds=2",
        "protocol.validation_fraction=0.5",
    ).split

    assert list(split.columns) == ["image", "label", "group", "part", "camera", "age", "NV"]
    assert split["camera"].tolist() == ["c0", "c1"] * 12
    assert split["age"].tolist() == [str(40 + number) for number in range(24)]
