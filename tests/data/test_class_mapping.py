"""Labels of another source become classes of the model by a table, or by their names."""

import pytest

from aduni.data.class_mapping import map_classes

CLASSES = ["no DR", "mild", "severe"]


@pytest.fixture
def write(tmp_path):
    def call(text: str):
        file = tmp_path / "classes.csv"
        file.write_text(text)
        return file

    return call


def test_labels_become_classes_by_the_table(write):
    file = write("label,class\n0,no DR\n1,mild\n2,severe\n3,severe\nungradable,\nunused,mild\n")
    found = map_classes(["0", "1", "2", "3", "ungradable"], CLASSES, file)
    assert found == {"0": "no DR", "1": "mild", "2": "severe", "3": "severe", "ungradable": None}


def test_without_a_table_labels_are_named_as_the_classes():
    assert map_classes(["severe", "mild"], CLASSES, None) == {"severe": "severe", "mild": "mild"}


def test_what_does_not_fit_is_refused(write, refusal):
    without = write("label,class\n0,no DR\n")
    refusal(lambda: map_classes(["0", "1"], CLASSES, without), without, "no row for 1")
    unknown = write("label,class\n0,none\n")
    refusal(lambda: map_classes(["0"], CLASSES, unknown), unknown, "none", "no DR, mild, severe")
    twice = write("label,class\n0,mild\n0,severe\n")
    refusal(lambda: map_classes(["0"], CLASSES, twice), twice, "several rows for 0")
    other = write("theirs,ours\n0,mild\n")
    refusal(lambda: map_classes(["0"], CLASSES, other), other, "no column 'label'")
    refusal(lambda: map_classes(["Severe"], CLASSES, None), "no class Severe", "class_mapping")
