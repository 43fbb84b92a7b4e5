"""Samplers are tested by counting what they draw."""

import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from aduni.data.loading.samplers import (
    Balanced,
    ClassAware,
    InstanceBalanced,
    Ints,
    Progressive,
    Sampler,
    SquareRoot,
    Upsample,
)
from aduni.errors import UserError

SAMPLERS = [InstanceBalanced, Upsample, SquareRoot, Progressive, Balanced, ClassAware]
# Training part of one of 5 folds (64 %), in the order of the data set's classes.
ISIC = [712, 4291, 329, 209, 703, 74, 91]
APTOS = [1155, 237, 639, 124, 189]
SKEWED = [4000, 900, 250, 50]


def labels_of(counts: list[int]) -> Ints:
    """Return shuffled classes, so that positions say nothing about them."""
    labels = np.repeat(np.arange(len(counts)), counts)
    return np.random.default_rng(7).permutation(labels)


def draw(
    sampler: Sampler,
    labels: Ints,
    batch_size: int = 128,
    *,
    epoch: int = 0,
    epochs: int = 10,
    seed: int = 0,
) -> list[Ints]:
    return sampler.batches(labels, epoch=epoch, epochs=epochs, seed=seed, batch_size=batch_size)


def images_of(batches: list[Ints]) -> list[list[int]]:
    return [batch.tolist() for batch in batches]


@pytest.mark.parametrize(
    ("counts", "batch_size", "share", "batches"),
    [
        (ISIC, 128, 18, 234),  # 126 images a batch, 4291 * 7 / 128 = 234.7
        (APTOS, 128, 25, 45),  # 125 images a batch, 1155 * 5 / 128 = 45.1
        ([8, 4, 2], 6, 2, 4),  # nothing is left over
        ([3, 1], 4, 2, 1),  # an image twice in a batch
        ([5, 5, 5], 4, 1, 3),  # 3 of 4 places filled
    ],
)
def test_upsample_puts_as_many_images_of_each_class_into_every_batch(
    counts, batch_size, share, batches
):
    labels = labels_of(counts)

    drawn = draw(Upsample(), labels, batch_size)

    assert len(drawn) == batches
    for batch in drawn:
        assert np.bincount(labels[batch]).tolist() == [share] * len(counts)


@pytest.mark.parametrize(("counts", "batch_size"), [(ISIC, 128), (APTOS, 128), ([8, 4, 2], 6)])
def test_upsample_takes_every_image_of_a_class_before_any_again(counts, batch_size):
    labels = labels_of(counts)
    times = np.zeros(len(labels), dtype=int)

    for batch in draw(Upsample(), labels, batch_size):
        np.add.at(times, batch, 1)
        for c in range(len(counts)):
            assert np.ptp(times[labels == c]) <= 1

    # The rarest class comes round most often: 18 * 234 places for 74 images of ISIC.
    places = batch_size // len(counts) * (max(counts) * len(counts) // batch_size)
    rarest = times[labels == np.argmin(counts)]
    assert {math.floor(places / min(counts)), math.ceil(places / min(counts))} >= set(rarest)


def test_upsample_brings_a_class_in_another_order_in_every_round():
    # 2 of 8 places an image: in 40 epochs a rare image does not always keep its neighbour.
    labels = np.array([0] * 8 + [1] * 4)
    pairs = set()
    for epoch in range(40):
        batches = draw(Upsample(), labels, 4, epoch=epoch)
        halves = [{*batch[labels[batch] == 1].tolist()} for batch in batches]
        pairs.add(tuple(frozenset(half) for half in halves))
        assert halves[0] | halves[1] == halves[2] | halves[3] == {8, 9, 10, 11}

    assert any(first != third for first, _, third, _ in pairs)
    assert len(pairs) > 10  # of 36


def test_upsample_shuffles_within_each_batch():
    labels = labels_of(ISIC)

    orders = [tuple(labels[batch]) for batch in draw(Upsample(), labels)]

    assert len(set(orders)) == len(orders)  # not one order for all
    first = np.bincount([order[0] for order in orders], minlength=7)
    assert stats.chisquare(first).pvalue > 1e-3  # every class leads about as often


def test_upsample_needs_a_place_for_every_class():
    with pytest.raises(UserError, match=r"batch_size=6 .*use batch_size=7 or more"):
        draw(Upsample(), labels_of(ISIC), 6)

    assert {len(batch) for batch in draw(Upsample(), labels_of(ISIC), 7)} == {7}


# Training part of ISIC 2018 under `protocol=paper`: 80 %.
ISIC_PAPER = [890, 5364, 411, 262, 879, 92, 114]


def next_of_cycle(left: list[int], members: set[int], drawn: int) -> None:
    """Check a draw against the released iterator: complete rounds of the members."""
    if not left:
        left.extend(members)
    left.remove(drawn)  # ValueError: it came again before the others


@pytest.mark.parametrize("counts", [ISIC_PAPER, APTOS, SKEWED, [1, 1], [7], [5, 3, 2]])
def test_class_aware_draws_as_many_of_each_class_as_the_most_frequent_has(counts):
    labels = labels_of(counts)
    batch_size = min(128, len(labels))
    batches = draw(ClassAware(), labels, batch_size)

    drawn = np.concatenate(batches)
    assert np.bincount(labels[drawn]).tolist() == [max(counts)] * len(counts)
    # As many steps as the released loader has; its last batch is the rest, ours are about alike.
    assert len(batches) == math.ceil(len(drawn) / batch_size)
    sizes = [len(batch) for batch in batches]
    assert max(sizes) <= batch_size
    assert max(sizes) - min(sizes) <= 1


def test_class_aware_draws_the_released_number_of_images_of_isic():
    batches = draw(ClassAware(), labels_of(ISIC_PAPER))

    assert sum(len(batch) for batch in batches) == 37_548
    assert len(batches) == 294
    assert sum(len(batch) for batch in draw(Balanced(), labels_of(ISIC_PAPER))) == 7_936


@pytest.mark.parametrize("counts", [APTOS, [5, 3, 2], [4, 1]])
def test_class_aware_takes_the_classes_in_rounds_and_their_images_in_cycles(counts):
    labels, classes = labels_of(counts), len(counts)
    drawn = np.concatenate(draw(ClassAware(), labels, min(128, len(labels))))
    members = [set(np.flatnonzero(labels == c).tolist()) for c in range(classes)]
    left: list[list[int]] = [[] for _ in counts]

    for start in range(0, len(drawn), classes):
        turn = labels[drawn[start : start + classes]]
        assert sorted(turn) == list(range(classes))
        for image in drawn[start : start + classes].tolist():
            c = labels[image]
            next_of_cycle(left[c], members[c], image)


def test_class_aware_shuffles_rounds_and_cycles_anew():
    labels = labels_of([60, 6, 6])
    drawn = np.concatenate(draw(ClassAware(), labels, 12))

    turns = {tuple(labels[drawn[start : start + 3]]) for start in range(0, len(drawn), 3)}
    assert len(turns) == 6
    rare = drawn[labels[drawn] == 1].reshape(-1, 6)
    assert len({tuple(cycle) for cycle in rare.tolist()}) == 10


def test_a_capped_class_aware_epoch_needs_no_memory_for_the_rest():
    # 1,000 classes and 20,000 images of one of them: 20 million draws without the cap.
    labels = np.r_[np.zeros(20_000, dtype=np.int64), np.arange(1, 1000)]
    tracemalloc.start()
    batches = draw(ClassAware(epoch_length=5), labels, 100)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert [len(batch) for batch in batches] == [100] * 5
    assert peak < 20e6  # the whole epoch's positions are 160 MB


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_batch_is_no_larger_than_the_training_part(sampler):
    labels = np.arange(10) % 3

    with pytest.raises(UserError, match=r"batch_size=11 .*use batch_size=10 or less"):
        draw(sampler(), labels, 11)

    assert draw(sampler(), labels, 10)


def test_instance_balanced_takes_every_image_once_in_whole_batches():
    labels = labels_of(ISIC)

    batches = draw(InstanceBalanced(), labels)

    assert [len(batch) for batch in batches] == [128] * 50  # 6409 images: 9 are left out
    assert len(np.unique(np.concatenate(batches))) == 50 * 128


def test_instance_balanced_leaves_no_image_out_where_the_batches_fit():
    (batch,) = draw(InstanceBalanced(), labels_of([5, 3]), 8)

    assert sorted(batch.tolist()) == list(range(8))
    assert batch.tolist() != list(range(8))


@pytest.mark.parametrize("sampler", [SquareRoot, Progressive, Balanced])
def test_weighted_samplers_draw_as_often_as_there_are_images(sampler):
    batches = draw(sampler(), labels_of(ISIC))

    assert [len(batch) for batch in batches] == [128] * 50  # 6409 draws, the last 9 left out


# p_c written out from the counts 4000, 900, 250, 50 (5200 in all; their roots sum to 116.13...).
ROOTS = [63.24555, 30.0, 15.81139, 7.07107]
INSTANCE = [count / 5200 for count in SKEWED]
CHANCES = [
    (SquareRoot, 3, 10, [root / sum(ROOTS) for root in ROOTS]),
    (Balanced, 3, 10, [0.25] * 4),
    (Progressive, 0, 10, INSTANCE),
    (Progressive, 3, 10, [2 / 3 * p + 1 / 3 * 0.25 for p in INSTANCE]),  # 3 of 9 steps
    (Progressive, 9, 10, [0.25] * 4),
    (Progressive, 0, 1, INSTANCE),
]


@pytest.mark.parametrize(("sampler", "epoch", "epochs", "chances"), CHANCES)
def test_weighted_samplers_follow_their_formula(sampler, epoch, epochs, chances):
    labels = labels_of(SKEWED)
    batches = [
        batch
        for seed in range(4)
        for batch in draw(sampler(), labels, 100, epoch=epoch, epochs=epochs, seed=seed)
    ]
    drawn = np.bincount(labels[np.concatenate(batches)])

    frequencies = sampler().frequencies(np.array(SKEWED), epoch, epochs)

    assert frequencies == pytest.approx(chances, rel=1e-6)
    assert drawn.sum() == 4 * 5200
    assert stats.chisquare(drawn, np.array(chances) / sum(chances) * drawn.sum()).pvalue > 1e-3


@pytest.mark.parametrize("sampler", [SquareRoot, Progressive, Balanced])
def test_weighted_samplers_draw_a_classs_images_alike_and_with_replacement(sampler):
    labels = labels_of(SKEWED)
    batches = [b for seed in range(8) for b in draw(sampler(), labels, 100, epoch=9, seed=seed)]
    drawn = np.concatenate(batches)

    for c in range(4):
        times = np.bincount(drawn, minlength=len(labels))[labels == c]
        # Neither favourites nor equal turns.
        assert 1e-3 < stats.chisquare(times).pvalue < 1 - 1e-3


def test_frequencies_worked_by_hand():
    counts = np.array([3, 1])

    assert InstanceBalanced().frequencies(counts, 2, 5).tolist() == [0.75, 0.25]
    assert Upsample().frequencies(counts, 2, 5).tolist() == [0.5, 0.5]
    assert Balanced().frequencies(counts, 2, 5).tolist() == [0.5, 0.5]
    assert ClassAware().frequencies(counts, 2, 5).tolist() == [0.5, 0.5]
    assert SquareRoot().frequencies(np.array([4, 1]), 2, 5) == pytest.approx([2 / 3, 1 / 3])
    # 1 of 4 steps: 3/4 * 3/4 + 1/4 * 1/2.
    assert Progressive().frequencies(counts, 1, 5) == pytest.approx([0.6875, 0.3125])


@pytest.mark.parametrize("counts", [ISIC, APTOS, [1, 1], [7]])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_frequencies_are_shares(sampler, counts):
    for epoch in range(4):
        frequencies = sampler().frequencies(np.array(counts), epoch, 4)

        assert frequencies.shape == (len(counts),)
        assert frequencies.sum() == pytest.approx(1)
        assert (frequencies > 0).all()


def test_frequencies_are_those_of_the_exact_samplers():
    labels = labels_of([40, 20, 10])  # 70 images in batches of 7: none is left out

    for sampler in (InstanceBalanced(), Upsample(), ClassAware()):
        drawn = np.bincount(labels[np.concatenate(draw(sampler, labels, 7))])
        expected = sampler.frequencies(np.array([40, 20, 10]), 0, 10)
        assert drawn / drawn.sum() == pytest.approx(expected)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_batches_depend_on_labels_epoch_and_seed_alone(sampler):
    labels = labels_of(APTOS)
    one = sampler()
    first = images_of(draw(one, labels, epoch=2, seed=5))

    assert images_of(draw(one, labels, epoch=1, seed=5)) != first
    assert images_of(draw(one, labels, epoch=5, seed=2)) != first
    assert images_of(draw(one, labels, epoch=2, seed=6)) != first
    np.random.seed(3)  # noqa: NPY002 - the global numbers must not matter
    assert images_of(draw(one, labels, epoch=2, seed=5)) == first
    assert images_of(draw(sampler(), labels.copy(), epoch=2, seed=5)) == first


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_epoch_length_cuts_an_epoch_and_changes_nothing_else(sampler):
    labels = labels_of(APTOS)
    full = images_of(draw(sampler(), labels))

    for length in (1, 3, len(full)):
        assert images_of(draw(sampler(epoch_length=length), labels)) == full[:length]
    assert images_of(draw(sampler(epoch_length=10_000), labels)) == full


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_epoch_is_as_long_as_the_first(sampler):
    labels = labels_of(APTOS)

    assert len({len(draw(sampler(), labels, epoch=t)) for t in range(10)}) == 1
