"""Names in settings match those of the data, however YAML reads them."""

import numpy as np
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from pydantic import TypeAdapter

from aduni.data.datasets.aptos import GRADES
from aduni.data.datasets.user_images import number_classes
from aduni.data.image_table import ImageTable
from aduni.data.names import ClassName, Name, are_increasing, match_name

MEANT = {
    "[0,1,2]": ["0", "1", "2"],
    '["02","01","10"]': ["2", "1", "10"],
    "[02,01,10]": ["2", "1", "10"],
    "[10.0,2,1]": ["10", "2", "1"],
    "[True,False]": ["True", "False"],
    "[false,true]": ["FALSE", "true"],
    "[no,yes]": ["no", "yes"],
    "[1e5,1_000]": ["1e5", "1_000"],
    "[1_000,x]": ["1000", "x"],
    "[null,None,NA,nan,inf]": ["null", "None", "NA", "nan", "inf"],
    "['null','nan']": ["NULL", "NaN"],
    "[mild,no DR]": ["mild", "no DR"],
    "[0.5,1.5]": ["0.50", "1.5"],
}
"""What is written on the command line, and the names that the classes have."""


def value_of(text):
    return OverridesParser.create().parse_override(f"key={text}").value()


@pytest.mark.parametrize("text", MEANT)
def test_classes_in_a_setting_are_the_labels_names(text):
    written = TypeAdapter(list[ClassName]).validate_python(value_of(text))
    labels = [*MEANT[text], MEANT[text][0]]

    names, numbers = number_classes(labels, written)
    assert names == MEANT[text]
    assert numbers.tolist() == [*range(len(names)), 0]


def test_shares_of_classes_are_the_labels_names():
    shares = TypeAdapter(dict[ClassName, float]).validate_python(
        value_of("{True: 0.25, 01: 0.25, 1e5: 0.25, null: 0.25}")
    )
    names = ["true", "1", "1e5", "null"]
    assert [match_name(name, names) for name in shares] == names


def test_a_name_that_two_classes_could_have_is_not_guessed(refusal):
    assert match_name("1", ["01", "1.0", "x"]) == "1"
    assert match_name("01", ["01", "1.0", "x"]) == "01"
    refusal(
        lambda: number_classes(["True", "yes", "x"], ["true", "yes", "x"]), "Class True is not in"
    )
    refusal(lambda: number_classes(["1", "2"], ["1", "01", "2"]), "comes twice")


def test_columns_may_be_called_like_values():
    columns = [TypeAdapter(Name).validate_python(value_of(text)) for text in ("None", "nan", "1")]
    assert columns == ["None", "nan", "1"]
    assert TypeAdapter(Name | None).validate_python(value_of("null")) is None
    assert (
        match_name(TypeAdapter(Name).validate_python(value_of("true")), ["image", "TRUE"]) == "TRUE"
    )


@pytest.mark.parametrize(
    ("names", "ordinal"),
    [
        (["0", "1", "2"], True),
        (["-1", "0", "10"], True),
        (["0.5", "1.5"], True),
        (["0.5", "10.5", "2.5"], False),  # decimals are ordered as texts
        (["mild", "severe"], False),
        (["1", "x"], False),
        (["1e5", "2e5"], False),
        (["inf", "nan"], False),
    ],
)
def test_numbers_that_grow_are_grades(names, ordinal):
    assert are_increasing(names) == ordinal
    table = ImageTable([], np.array([], dtype=np.int64), names)
    assert table.is_ordinal == ordinal


def test_data_sets_say_themselves_whether_their_classes_are_grades(make_data, aptos, isic):
    assert make_data("aptos", aptos.root).table.class_names == GRADES
    assert make_data("aptos", aptos.root).table.is_ordinal
    assert not make_data("isic2018", isic.root).table.is_ordinal
    assert not make_data("digits", "").table.is_ordinal
