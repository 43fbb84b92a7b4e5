"""Protocols and stored splits decide which images train, select and test."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aduni.data.image_table import ImageTable
from aduni.data.splits.predefined import read_split, split_frame, split_hash
from aduni.data.splits.protocol import check_parts, group_rows
from aduni.errors import UserError
from aduni.system.atomic_files import write_csv

CLASSES = ["A", "B", "C", "D"]
COUNTS = [300, 90, 40, 20]


def make_table(labels: np.ndarray, groups: list[str] | None = None) -> ImageTable:
    images = [f"image{i:04d}" for i in range(len(labels))]
    names = [chr(ord("A") + c) for c in range(max(labels) + 1)]
    return ImageTable(images, labels, names, groups)


@pytest.fixture(scope="module")
def table() -> ImageTable:
    """450 images in shuffled order, in lesions of one to three photographs."""
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(4), COUNTS))
    groups = np.empty(len(labels), dtype="<U8")
    for label in range(4):
        rows = np.flatnonzero(labels == label)
        sizes = rng.integers(1, 4, len(rows))
        groups[rows] = [f"{label}-{n}" for n in np.repeat(np.arange(len(rows)), sizes)[: len(rows)]]
    return make_table(labels, groups.tolist())


@pytest.fixture(scope="module")
def groups(table: ImageTable) -> np.ndarray:
    return group_rows(table, [str(i) for i in range(len(table.images))])


@pytest.fixture(scope="module")
def clean_folds(table, groups, make_protocol) -> list[np.ndarray]:
    """The parts under each of the five folds."""
    return [make_protocol("clean").split(table, groups, fold) for fold in range(5)]


@pytest.fixture(scope="module")
def paper_folds(table, groups, make_protocol) -> list[np.ndarray]:
    """The parts under each of the five folds."""
    return [make_protocol("paper").split(table, groups, fold) for fold in range(5)]


def sides(parts: np.ndarray, groups: np.ndarray) -> pd.Series:
    """Return the number of parts that each group is in."""
    return pd.Series(parts).groupby(groups).nunique()


# Groups


def union_find(names: list[str], digests: list[str]) -> list[int]:
    """Return the lowest row that each row is connected with, by a slow and plain search."""
    parent = list(range(len(names)))

    def root(row: int) -> int:
        while parent[row] != row:
            row = parent[row]
        return row

    for i in range(len(names)):
        for j in range(i):
            if names[i] == names[j] or digests[i] == digests[j]:
                low, high = sorted((root(i), root(j)))
                parent[high] = low
    return [root(row) for row in range(len(names))]


def first_members(groups: np.ndarray) -> list[int]:
    """Return the lowest row of each row's group, which does not depend on the numbering."""
    return [int(np.flatnonzero(groups == group)[0]) for group in groups]


def test_copies_join_their_lesions():
    # b is a copy of c: the lesions (a, b) and (c, d) hang together; e stands alone.
    table = make_table(np.zeros(5, int), ["one", "one", "two", "two", "three"])

    groups = group_rows(table, ["1", "2", "2", "3", "4"])
    assert groups.tolist() == [0, 0, 0, 0, 1]


def test_groups_agree_with_a_slow_union_find():
    rng = np.random.default_rng(0)
    for _ in range(200):
        n = int(rng.integers(1, 30))
        # From almost no link to almost all rows in one chain.
        names = [str(k) for k in rng.integers(0, rng.integers(1, 3 * n), n)]
        digests = [str(k) for k in rng.integers(0, rng.integers(1, 3 * n), n)]
        groups = group_rows(make_table(np.zeros(n, int), names), digests)

        assert first_members(groups) == union_find(names, digests)
        assert set(groups) == set(range(len(set(groups))))


def test_without_lesions_only_copies_belong_together():
    table = make_table(np.zeros(4, int))

    assert group_rows(table, ["x", "y", "x", "z"]).tolist() == [0, 1, 0, 2]


def test_lesion_and_digest_of_the_same_text_are_not_confused():
    table = make_table(np.zeros(2, int), ["x", "y"])

    assert group_rows(table, ["y", "z"]).tolist() == [0, 1]


# The clean protocol


def test_five_folds_test_every_image_exactly_once(clean_folds, paper_folds):
    for folds in (clean_folds, paper_folds):
        tested = sum(parts == "test" for parts in folds)

        assert tested.tolist() == [1] * 450


def test_no_lesion_is_on_two_sides(groups, clean_folds):
    assert pd.Series(groups).value_counts().max() == 3
    for parts in clean_folds:
        assert sides(parts, groups).max() == 1


def test_copies_in_two_lesions_keep_both_on_one_side(table, make_protocol):
    # Row 0 of each lesion of the first class is a copy of a picture in the next lesion.
    digests = [str(i) for i in range(len(table.images))]
    rows = np.flatnonzero(table.labels == 0)[:40]
    for one, other in zip(rows[::2], rows[1::2], strict=True):
        digests[one] = digests[other]
    lesions = pd.factorize(np.array(table.groups))[0]

    for fold in (0, 3):
        parts = make_protocol().split(table, group_rows(table, digests), fold)
        assert sides(parts, lesions).max() == 1
        assert (parts[rows[::2]] == parts[rows[1::2]]).all()


def test_every_part_has_the_class_shares_of_the_whole(table, clean_folds):
    whole = np.array(COUNTS) / sum(COUNTS)
    for parts in clean_folds:
        for part in ("train", "validation", "test"):
            counts = np.bincount(table.labels[parts == part], minlength=4)
            assert np.abs(counts / counts.sum() - whole).max() < 0.03
            assert counts.min() > 0


def test_validation_part_is_a_fifth_of_the_training_folds(clean_folds):
    for parts in clean_folds:
        assert 0.17 < (parts == "validation").sum() / (parts != "test").sum() < 0.23
        assert 0.18 < (parts == "test").mean() < 0.22
        assert set(parts) == {"train", "validation", "test"}


def test_calibration_part_is_a_share_of_what_is_left_and_shares_no_lesion(
    table, groups, make_protocol
):
    """A quarter of the images that neither test nor select, of each class."""
    plain = make_protocol("clean").split(table, groups, 1)
    parts = make_protocol("clean", calibration_fraction=0.25).split(table, groups, 1)
    assert np.array_equal(parts == "test", plain == "test")
    assert np.array_equal(parts == "validation", plain == "validation")
    left = plain == "train"
    assert set(parts[left]) == {"train", "calibration"}
    assert {*groups[parts == "calibration"]}.isdisjoint(groups[parts != "calibration"])
    for number in range(len(table.class_names)):
        of_class = left & (table.labels == number)
        share = (parts[of_class] == "calibration").mean()
        assert abs(share - 0.25) * of_class.sum() < 3  # images: lesions have up to three


def test_clean_protocol_selects_on_validation_and_needs_no_caveat(make_protocol):
    clean = make_protocol("clean")

    assert clean.name == "clean"
    assert (clean.folds, clean.selected_on, clean.select) == (5, "validation", "macro_f1")
    assert clean.caveat is None


# The paper's protocol


def test_paper_protocol_says_what_is_wrong_with_it(make_protocol):
    paper = make_protocol("paper")

    assert paper.name == "paper"
    assert paper.selected_on == "test"
    assert paper.select == "accuracy_and_macro_f1"
    caveat = "selected on test; photographs of one lesion may be on both sides"
    assert paper.caveat == caveat


def test_paper_protocol_is_plainly_stratified_without_validation(table, groups, paper_folds):
    for parts in paper_folds:
        assert set(parts) == {"train", "test"}
        # All counts are multiples of five: each fold has its exact share.
        test = np.bincount(table.labels[parts == "test"])
        assert test.tolist() == [count // 5 for count in COUNTS]
        assert sides(parts, groups).max() == 2


# Seeds


def test_runs_of_other_seeds_share_their_split(isic, make_data):
    make = partial(make_data, "isic2018", isic.root)
    splits = {make(loading={"seed": seed}).split_hash for seed in (0, 1, 99)}

    assert len(splits) == 1


def test_fold_protocol_and_split_seed_make_other_splits(isic, make_data):
    make = partial(make_data, "isic2018", isic.root)
    hashes = [
        make().split_hash,
        make(loading={"fold": 1}).split_hash,
        make(rules={"split_seed": 1}).split_hash,
        make(protocol="paper").split_hash,
    ]

    assert len(set(hashes)) == 4


def test_split_is_the_same_in_every_call(table, groups, clean_folds, make_protocol):
    again = make_protocol("clean").split(table, groups, 3)

    assert np.array_equal(clean_folds[3], again)


# Refusals


@pytest.mark.parametrize("fold", [5, 7])
def test_fold_that_does_not_exist_is_refused(make_data, refusal, fold):
    data = make_data("digits", loading={"fold": fold})

    refusal(lambda: data.parts, f"fold={fold}", "0 to 4")


@pytest.mark.parametrize("name", ["clean", "paper"])
@pytest.mark.parametrize("count", [0, 1, 4])
def test_class_with_fewer_images_than_folds_is_named(make_protocol, refusal, name, count):
    labels = np.repeat([0, 1, 2], [30, count, 30])

    divide = partial(make_protocol(name).split, make_table(labels), np.arange(len(labels)), 0)
    refusal(divide, "Class B", f"{count} ", "5 folds")


@pytest.mark.parametrize(("folds", "fraction", "needed"), [(5, 0.2, 7), (5, 0.5, 5), (3, 0.25, 6)])
def test_a_small_class_is_told_how_many_images_are_needed(
    make_protocol, refusal, folds, fraction, needed
):
    given = {"folds": folds, "validation_fraction": fraction}
    protocol = make_protocol("clean", **given)

    for count in range(1, 9):
        table = make_table(np.repeat([0, 1], [40, count]))
        divide = partial(protocol.split, table, np.arange(len(table.images)), 0)
        if count < needed:
            said = refusal(divide, f"has {count} ", f"{folds} folds", f"{needed} are needed")
            settings = re.findall(r"protocol\.(\w+)=([\d.]*\d)", said)
            assert bool(settings) == (count > 2), "leave the class out" in said
            rules = {key: float(v) if "." in v else int(v) for key, v in settings}
            if settings:  # they are enough
                protocol_for = make_protocol("clean", **{**given, **rules})
                protocol_for.split(table, np.arange(len(table.images)), 0)
        else:
            divide()


def test_the_smallest_class_is_named_of_several_that_are_too_small(make_protocol, refusal):
    labels = np.repeat([0, 1, 2], [30, 6, 1])
    call = make_protocol("clean").split
    refusal(lambda: call(make_table(labels), np.arange(37), 0), "Class C has 1 independent image,")


def test_photographs_of_one_lesion_count_once(make_protocol, refusal):
    # Twenty photographs of class B, but of four lesions.
    labels = np.repeat([0, 1], [30, 20])
    groups = np.concatenate([np.arange(30), 30 + np.arange(20) % 4])

    call = make_protocol("clean").split
    refusal(lambda: call(make_table(labels), groups, 0), "Class B", "4 independent images")
    assert set(make_protocol("paper").split(make_table(labels), groups, 0)) == {"train", "test"}


@pytest.mark.parametrize("name", ["clean", "paper"])
@pytest.mark.parametrize("count", [5, 6, 7, 8])
def test_small_class_is_divided_or_refused_without_a_librarys_warning(
    make_protocol, refusal, name, count
):
    table = make_table(np.repeat([0, 1], [40, count]))
    rules = make_protocol(name)

    def divide(fold: int) -> None:
        parts = rules.split(table, np.arange(len(table.images)), fold)
        check_parts(table, parts, rules)

    for fold in range(5):
        try:
            divide(fold)
        except UserError:
            # Five folds need five images; validation needs some more.
            assert (name, count) in [("clean", 5), ("clean", 6)]
            refusal(partial(divide, fold), "Class B")


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_class_that_a_part_lacks_is_named(make_protocol, refusal, part):
    table = make_table(np.array([0, 1] * 4))
    parts = np.array(["train", "train", "validation", "validation", "test", "test"] + ["x"] * 2)
    check_parts(table, parts, make_protocol("clean"))
    parts[parts == part] = [part, "unused"]

    words = ("Class B", f"the {part} part", "choose another fold or protocol.split_seed")
    refusal(lambda: check_parts(table, parts, make_protocol("clean")), *words)


def test_selection_on_test_needs_no_validation_part(make_protocol):
    table = make_table(np.array([0, 1, 0, 1]))

    check_parts(table, np.array(["train", "train", "test", "test"]), make_protocol("paper"))


# Stored splits


@pytest.fixture
def stored(isic, make_data, tmp_path) -> Path:
    """Write the split.csv of fold 3 as a run does."""
    path = tmp_path / "split.csv"
    write_csv(make_data("isic2018", isic.root, loading={"fold": 3}).split, path)
    return path


def reread(make_data, isic, path: Path, protocol: str = "clean"):
    return make_data("isic2018", isic.root, protocol=protocol, rules={"split_file": str(path)})


def edited(path: Path, edit: Callable[[pd.DataFrame], pd.DataFrame | None]) -> None:
    frame = pd.read_csv(path)
    changed = edit(frame)
    (frame if changed is None else changed).to_csv(path, index=False)


@pytest.mark.parametrize("shuffled", [False, True], ids=["as written", "other row order"])
def test_stored_split_gives_the_same_parts_and_hash(isic, make_data, stored, shuffled):
    if shuffled:
        edited(stored, lambda frame: frame.sample(frac=1, random_state=0))
    written = make_data("isic2018", isic.root, loading={"fold": 3})

    again = reread(make_data, isic, stored)  # fold 0, which the file overrules
    assert np.array_equal(again.parts, written.parts)
    assert again.split_hash == written.split_hash
    assert again.split.equals(written.split)


def test_stored_split_of_digits_stays_thinned(make_data, tmp_path):
    # Class names that look like numbers, and images that no part uses.
    written = make_data("digits", protocol="paper", loading={"fold": 1})
    write_csv(written.split, tmp_path / "split.csv")

    again = make_data("digits", protocol="paper", rules={"split_file": str(tmp_path / "split.csv")})
    assert again.split.equals(written.split)
    assert again.training_counts.tolist() == written.training_counts.tolist()


def torn(frame: pd.DataFrame) -> None:
    # Photographs 0 and 8 show one lesion.
    frame.loc[0, "part"] = "test" if frame.loc[8, "part"] != "test" else "train"


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda f: f.assign(image=f["image"].replace("ISIC_0024306", "x")), "images"),
        (lambda f: f.drop(index=0), "images"),
        (lambda f: pd.concat([f, f.head(1).assign(image="x")]), "images"),
        (lambda f: pd.concat([f, f.head(1)]), "split.csv"),
        (lambda f: f.assign(label=f["label"].replace("DF", "VASC")), "labels"),
        (lambda f: f.assign(part=f["part"].replace("validation", "dev")), "'dev'"),
        (lambda f: f.drop(columns="part"), "'part'"),
        (torn, "one lesion"),
        (lambda f: f.assign(part=f["part"].replace("test", "unused")), "Class MEL"),
    ],
    ids=[
        "other image",
        "row missing",
        "row too many",
        "row twice",
        "other label",
        "other part",
        "column missing",
        "torn lesion",
        "empty part",
    ],
)
def test_split_that_does_not_fit_the_data_is_refused(isic, make_data, refusal, stored, edit, words):
    edited(stored, edit)

    refusal(lambda: reread(make_data, isic, stored).parts, words)


def test_refused_split_file_is_named(isic, make_data, refusal, tmp_path):
    path = tmp_path / "nowhere.csv"

    refusal(lambda: reread(make_data, isic, path).parts, path, "missing", "protocol.split_file")
    path.mkdir()
    refusal(lambda: reread(make_data, isic, path).parts, path, "folder", "protocol.split_file")


def test_only_the_paper_protocol_accepts_a_torn_lesion(isic, make_data, stored):
    edited(stored, torn)

    parts = reread(make_data, isic, stored, "paper").parts
    assert parts[0] != parts[8]


def test_unused_photographs_of_a_lesion_tear_nothing(isic, make_data, stored):
    def leave_out(frame: pd.DataFrame) -> None:
        frame.loc[0, "part"] = "unused"

    edited(stored, leave_out)
    assert reread(make_data, isic, stored).parts[0] == "unused"


# The hash


def test_hash_follows_image_label_and_part_and_nothing_else(table, groups, clean_folds):
    frame = split_frame(table, groups, clean_folds[0])
    name = split_hash(frame)

    assert split_hash(frame.sample(frac=1, random_state=0)) == name
    assert split_hash(frame.assign(group=frame["group"] + 1)) == name
    others = {name}
    for column, value in (("part", "unused"), ("label", "Z"), ("image", "image9999")):
        changed = frame.copy()
        changed.loc[7, column] = value
        others.add(split_hash(changed))
    assert len(others) == 4


def test_exchanged_parts_change_the_hash(table, groups, clean_folds):
    # The counts stay as they are; two images change sides.
    frame = split_frame(table, groups, clean_folds[0])
    train, test = (frame.index[frame["part"] == part][0] for part in ("train", "test"))
    changed = frame.copy()
    changed.loc[[train, test], "part"] = ["test", "train"]

    assert split_hash(changed) != split_hash(frame)


def test_groups_may_be_numbered_otherwise_in_a_stored_split(table, groups, clean_folds, tmp_path):
    # Numbers mean nothing outside their file: the data decide what belongs together.
    frame = split_frame(table, groups, clean_folds[0]).assign(group=0)
    frame.to_csv(tmp_path / "split.csv", index=False)

    parts = read_split(tmp_path / "split.csv", table, groups, grouped=True)
    assert np.array_equal(parts, clean_folds[0])
