"""scikit-learn's digits with a long-tailed training part."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from aduni.data.datasets.digits import long_tail


def test_table_is_scikit_learns(make_data):
    table = make_data("digits").table

    assert len(table.images) == len(set(table.images)) == 1797
    assert table.class_names == list("0123456789")
    assert table.labels.tolist() == load_digits().target.tolist()
    assert table.groups is None


def test_grey_levels_fill_the_range(make_data):
    data = make_data("digits")

    for row in (0, 1796):
        original = load_digits().images[row]  # 0 to 16
        image = np.asarray(data.open_image(row))
        assert image.shape == (8, 8, 3)
        assert (image == image[:, :, :1]).all()
        assert np.abs(image[:, :, 0] - original * 255 / 16).max() <= 0.5


@pytest.mark.parametrize(("protocol", "fold"), [("clean", 0), ("paper", 4)])
def test_training_part_has_the_exponential_profile_exactly(make_data, protocol, fold):
    data = make_data("digits", protocol=protocol, loading={"fold": fold})
    before = data.split[data.split["part"].isin(["train", "unused"])]

    n_max = before["label"].value_counts().min()
    expected = [round(float(n_max * 20 ** (-c / 9))) for c in range(10)]
    assert data.training_counts.tolist() == expected
    assert data.training_counts[0] == n_max > 100
    assert 18 < data.training_counts[0] / data.training_counts[9] < 22


def test_ratio_of_one_keeps_balance(make_data):
    data = make_data("digits", protocol="paper", imbalance_ratio=1)
    before = data.split[data.split["part"].isin(["train", "unused"])]

    assert data.training_counts.tolist() == [before["label"].value_counts().min()] * 10


def test_only_the_training_part_is_thinned(make_data):
    thinned = make_data("digits")
    whole = thinned.protocol.split(thinned.table, thinned.groups, 0)

    for part in ("validation", "test"):
        assert np.array_equal(thinned.rows(part), np.flatnonzero(whole == part))
    kept = set(thinned.rows("train")) | set(thinned.rows("unused"))
    assert kept == set(np.flatnonzero(whole == "train"))
    assert len(thinned.rows("unused")) > 0


def test_kept_images_depend_on_the_splits_seed_and_not_on_the_runs(make_data):
    first, same, other = (
        make_data("digits", protocol="paper", loading={"seed": seed}, rules={"split_seed": split})
        for seed, split in ((0, 0), (1, 0), (0, 1))
    )

    assert np.array_equal(first.parts, same.parts)
    assert not np.array_equal(first.parts, other.parts)


def test_profile_of_a_hand_worked_example():
    # n_max = 8 and ratio 4 in three classes: 8, 8 / 2, 8 / 4.
    labels = np.array([0] * 10 + [1] * 9 + [2] * 8)

    kept = long_tail(labels, 4.0, seed=0)
    assert np.bincount(labels[kept]).tolist() == [8, 4, 2]
    assert kept.tolist() == sorted(set(kept.tolist()))


def test_rarest_class_keeps_at_least_one_image():
    labels = np.repeat(np.arange(3), 10)

    kept = long_tail(labels, 1000.0, seed=0)
    assert np.bincount(labels[kept]).tolist() == [10, 1, 1]


def test_images_are_chosen_at_random_and_not_the_first_ones():
    labels = np.repeat(np.arange(2), 100)

    chosen = [long_tail(labels, 10.0, seed)[100:].tolist() for seed in range(3)]
    assert all(rows != list(range(100, 110)) for rows in chosen)
    assert chosen[0] != chosen[1] != chosen[2]
