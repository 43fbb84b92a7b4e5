"""Given splits: leakage, cleaning and the validation part."""

import shutil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import composing  # noqa: F401  registers the resolver of titles
from aduni.data.image_table import ImageTable
from aduni.data.splits.predefined import divide_as_given, leaking, outranked
from own_data import class_folders

ORDER = ["unused", "train", "validation", "test"]
rows = st.lists(st.tuples(st.sampled_from(ORDER), st.integers(0, 6)), min_size=1, max_size=25)


def table_of(parts, labels=None) -> ImageTable:
    count = len(parts)
    numbers = np.zeros(count, dtype=np.int64) if labels is None else np.array(labels)
    names = [f"c{i}" for i in range(numbers.max() + 1)]
    images = [f"i{i}" for i in range(count)]
    return ImageTable(images, numbers, names, parts=np.array(parts, dtype="<U11"))


@given(rows)
def test_leaking_and_outranked_are_what_loops_find(pairs):
    parts, groups = (np.array(column) for column in zip(*pairs, strict=True))

    torn, lower = [], []
    for row, (part, group) in enumerate(pairs):
        others = {p for p, g in pairs if g == group} - {"unused"}
        if part != "unused" and others != {part}:
            torn.append(row)
            if ORDER.index(part) < max(map(ORDER.index, others)):
                lower.append(row)
    found = leaking(parts, groups)
    assert sorted(found.tolist()) == torn
    assert groups[found].tolist() == sorted(groups[found])
    assert outranked(parts, groups).tolist() == lower


@given(rows)
def test_a_cleaned_split_has_its_whole_test_part_and_leaks_no_more(pairs):
    parts, groups = (np.array(column) for column in zip(*pairs, strict=True))
    cleaned = parts.astype("<U11")
    cleaned[outranked(parts, groups)] = "unused"

    assert np.array_equal(cleaned == "test", parts == "test")
    assert not len(leaking(cleaned, groups))
    for group in set(groups):
        assert (cleaned[groups == group] != "unused").any() == (
            parts[groups == group] != "unused"
        ).any()


PARTS = ["train"] * 4 + ["validation"] * 2 + ["test"] * 2
LEAKING = np.array([0, 1, 2, 3, 3, 5, 6, 0])


def test_given_parts_are_kept(make_protocol):
    table, alone = table_of(PARTS), np.arange(8)

    parts = divide_as_given(table, alone, make_protocol(), cleaned=False)
    assert parts.tolist() == PARTS


def test_without_a_validation_part_the_protocol_trains_on_it(make_protocol):
    table = table_of(PARTS)

    parts = divide_as_given(table, LEAKING, make_protocol("paper"), cleaned=False)
    assert parts.tolist() == ["train"] * 6 + ["test"] * 2


def test_a_leaking_split_is_refused_with_names_and_remedies(make_protocol, refusal):
    table, protocol = table_of(PARTS), make_protocol()

    refusal(
        lambda: divide_as_given(table, LEAKING, protocol, cleaned=False),
        "4 images of 2 groups",
        "first i0 (train) and i7 (test)",
        "dataset.split=cleaned",
        "dataset.split=ignore",
    )
    parts = divide_as_given(table, LEAKING, protocol, cleaned=True)
    assert parts.tolist() == [
        *("unused", "train", "train", "unused", "validation", "validation", "test", "test"),
    ]


def test_a_validation_part_is_divided_off_by_class_and_group(make_protocol):
    labels = [0] * 20 + [1] * 10 + [0, 1]
    table = table_of(["train"] * 30 + ["test"] * 2, labels)
    groups = np.array([*(i // 2 for i in range(30)), 98, 99])

    parts = divide_as_given(table, groups, make_protocol(), cleaned=False)
    assert parts[30:].tolist() == ["test"] * 2
    validation = parts == "validation"
    assert np.bincount(table.labels[validation]).tolist() == [4, 2]
    assert not len(leaking(parts, groups))


@pytest.mark.parametrize(("images", "enough"), [(4, False), (5, True)])
def test_a_class_too_small_to_be_divided_is_named(make_protocol, refusal, images, enough):
    labels = [0] * 20 + [1] * images + [0, 1]
    table = table_of(["train"] * (20 + images) + ["test"] * 2, labels)

    def divide():
        return divide_as_given(table, np.arange(len(labels)), make_protocol(), cleaned=False)

    if enough:
        assert (divide() == "validation").sum() == 5
    else:
        refusal(divide, "Class c1 has 4 independent images in the training part", "5 are needed")


@pytest.mark.parametrize(("lacking", "part"), [("val", "validation"), ("test", "test")])
def test_a_class_missing_from_a_given_part_is_added_there(
    make_data, refusal, tmp_path, lacking, part
):
    root = tmp_path / "own"
    for number, name in enumerate(("train", "val", "test")):
        class_folders(root / name, first=100 * number)
    shutil.rmtree(root / lacking / "unclear")
    data = make_data("folder", root, title="mine")

    message = refusal(
        lambda: data.parts,
        f"Class unclear has no image in the {part} part",
        f"add images of it to the given {part} part",
        "dataset.split=ignore",
    )
    assert "fold or" not in message
    assert set(make_data("folder", root, title="mine", split="ignore").parts) > {"train", "test"}


def test_a_class_missing_from_a_split_file_asks_for_another_file(make_data, refusal, tmp_path):
    root = tmp_path / "own"
    class_folders(root)
    split = make_data("folder", root, title="mine").split
    split.loc[(split["label"] == "unclear") & (split["part"] == "test"), "part"] = "unused"
    split.to_csv(tmp_path / "split.csv", index=False)
    rules = {"split_file": str(tmp_path / "split.csv")}
    data = make_data("folder", root, title="mine", rules=rules)

    refusal(lambda: data.parts, "Class unclear has no image in the test part", "split_file to")
