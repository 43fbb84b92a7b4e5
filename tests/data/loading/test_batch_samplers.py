"""Each process loads its share of a sampler's batches, alone and in a real trainer."""

from collections import Counter
from pathlib import Path

import albumentations as A
import numpy as np
import pytest
import torch
from pytorch_lightning import LightningModule, Trainer
from torch import Tensor

from aduni.batch import Batch
from aduni.data.datasets.digits import Digits
from aduni.data.loading.batch_samplers import (
    EvaluationBatchSampler,
    SampleIndex,
    TrainingBatchSampler,
    count_repeats,
)
from aduni.data.loading.samplers import Balanced, ClassAware, InstanceBalanced, Sampler, Upsample
from aduni.data.loading.settings import LoaderSettings
from aduni.data.splits.protocol import Protocol

LABELS = np.array([0] * 20 + [1] * 7 + [2] * 3)
ROWS = 100 + 3 * np.arange(30)  # a training part is some rows of the table


def training_draws(sampler: Sampler, batch_size: int = 8) -> TrainingBatchSampler:
    return TrainingBatchSampler(sampler, ROWS, LABELS, epochs=5, seed=4, batch_size=batch_size)


def with_partners(sampler: Sampler, seed: int = 4) -> TrainingBatchSampler:
    options = {"epochs": 5, "seed": seed, "batch_size": 8, "balanced_partners": True}
    return TrainingBatchSampler(sampler, ROWS, LABELS, **options)


def as_rank(monkeypatch: pytest.MonkeyPatch, number: int, ranks: int) -> None:
    """Act as one process of several."""
    monkeypatch.setattr("aduni.data.loading.batch_samplers.rank", lambda: number)
    monkeypatch.setattr("aduni.data.loading.batch_samplers.world_size", lambda: ranks)


def slow_repeats(positions: list[int]) -> list[int]:
    return [positions[:i].count(position) for i, position in enumerate(positions)]


@pytest.mark.parametrize(
    "positions",
    [[5, 2, 5, 5], [0], [3, 3, 3], [9, 8, 7], *np.random.default_rng(0).integers(0, 9, (5, 40))],
    ids=str,
)
def test_repeats_counts_earlier_appearances(positions):
    positions = np.array(positions)

    assert count_repeats(positions).tolist() == slow_repeats(positions.tolist())


@pytest.mark.parametrize("epoch", [0, 3])
@pytest.mark.parametrize("sampler", [InstanceBalanced(), Upsample(), Balanced(), ClassAware()])
def test_draws_are_the_samplers_batches_as_rows_of_the_table(sampler, epoch):
    batches = sampler.batches(LABELS, epoch=epoch, epochs=5, seed=4, batch_size=8)
    draws = training_draws(sampler)

    draws.set_epoch(epoch)

    rows = [[draw.row for draw in batch] for batch in draws]
    assert rows == [[100 + 3 * position for position in batch] for batch in batches]
    assert len(draws) == len(rows)


def test_a_draw_carries_its_epoch_and_how_often_the_image_came_before():
    draws = training_draws(Upsample())
    draws.set_epoch(2)

    seen: Counter[int] = Counter()
    for batch in draws:
        for draw in batch:
            assert draw == SampleIndex(draw.row, 2, seen[draw.row], len(batch))
            assert all(type(number) is int for number in draw)  # plain: they travel to workers
            seen[draw.row] += 1
    assert max(seen.values()) > 2


@pytest.mark.parametrize("ranks", [2, 4])
@pytest.mark.parametrize("batch_size", [8, 9])
@pytest.mark.parametrize("sampler", [InstanceBalanced(), Upsample(), Balanced(), ClassAware()])
def test_the_ranks_shares_join_to_the_batch_of_one_process(monkeypatch, sampler, batch_size, ranks):
    alone = training_draws(sampler, batch_size)
    alone.set_epoch(1)
    whole = list(alone)
    shares = []
    for number in range(ranks):
        as_rank(monkeypatch, number, ranks)
        draws = training_draws(sampler, batch_size)
        draws.set_epoch(1)
        shares.append(list(draws))
        assert len(draws) == len(whole)  # every rank steps as often

    for batch, *parts in zip(whole, *shares, strict=True):
        # A (row, epoch, repeat) occurs once in an epoch, so equal counts mean disjoint shares.
        assert sorted(draw for part in parts for draw in part) == sorted(batch)
        assert len(set(batch)) == len(batch)
        sizes = [len(part) for part in parts]
        assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("ranks", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("count", [7, 12, 13])
def test_evaluation_rows_come_once_over_all_ranks(monkeypatch, count, ranks):
    table_rows = 50 + 2 * np.arange(count)
    seen = []
    for number in range(ranks):
        as_rank(monkeypatch, number, ranks)
        batches = list(rows := EvaluationBatchSampler(table_rows, 4, split=True))
        assert len(rows) == len(batches)
        assert all(len(batch) == 4 for batch in batches[:-1])
        assert all(batches)
        seen += [row for batch in batches for row in batch]

    assert sorted(seen) == table_rows.tolist()


def test_evaluation_rows_keep_the_tables_order_in_one_process():
    assert list(EvaluationBatchSampler(np.array([3, 1, 4, 1, 5]), 2, split=True)) == [
        [3, 1],
        [4, 1],
        [5],
    ]


def test_fewer_images_than_ranks_are_refused(monkeypatch, refusal):
    as_rank(monkeypatch, 0, 4)
    rows, batch = np.array([3, 1, 4]), training_draws(InstanceBalanced(), 3)

    refusal(lambda: next(iter(batch)), "batch_size=3", "4 processes", "trainer.devices")
    refusal(lambda: EvaluationBatchSampler(rows, 2, split=True), "3 images", "trainer.devices=3")
    assert len(next(iter(training_draws(InstanceBalanced(), 4)))) == 1
    assert len(EvaluationBatchSampler(rows, 2, split=False)) == 2


class Recorder(LightningModule):
    """Model that remembers every batch and the trainer's epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.steps: list[tuple[int, Batch]] = []

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        self.steps.append((self.current_epoch, batch))
        return self.weight**2

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def digits(folder: Path, workers: int) -> Digits:
    return Digits(
        root="",
        cache_dir=str(folder),
        image_size=16,
        mean=[0.5] * 3,
        std=[0.5] * 3,
        augment=[A.Affine(rotate=(-30, 30), p=1.0)],
        protocol=Protocol("clean"),
        loading=LoaderSettings(batch_size=16, num_workers=workers, seed=4, fold=0),
    )


def fit(data: Digits, sampler: Sampler) -> list[tuple[int, Batch]]:
    """Train three epochs with the data module's loader, as a run does."""
    data.module.begin_stage(sampler, views=1, epochs=3)
    recorder = Recorder()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=3,
        use_distributed_sampler=False,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(recorder, data.module.train_dataloader())
    return recorder.steps


def test_a_trainer_draws_other_images_and_other_views_in_every_epoch(tmp_path):
    # Lightning tells the epoch only to samplers that it finds. A worker that outlives the epoch
    # keeps its copy of the data set, so the draws must carry the epoch to it.
    sampler = InstanceBalanced(epoch_length=3)
    data = digits(tmp_path, 0)
    rows = data.rows("train")
    expected = [
        (epoch, rows[batch].tolist())
        for epoch in range(3)
        for batch in sampler.batches(
            data.table.labels[rows], epoch=epoch, epochs=3, seed=4, batch_size=16
        )
    ]

    here = fit(data, sampler)
    in_a_worker = fit(digits(tmp_path, 1), sampler)

    assert [(epoch, batch.indices.tolist()) for epoch, batch in here] == expected
    assert [(epoch, batch.indices.tolist()) for epoch, batch in in_a_worker] == expected
    for (_, one), (_, other) in zip(here, in_a_worker, strict=True):
        assert torch.equal(one.views, other.views)


@pytest.mark.parametrize("workers", [0, 1])
def test_a_resumed_stage_draws_what_its_first_epoch_draws(tmp_path, workers):
    """Workers fetch batches before the trainer calls `set_epoch`."""
    sampler = InstanceBalanced(epoch_length=3)
    whole = [batch for epoch, batch in fit(digits(tmp_path, 0), sampler) if epoch == 2]
    data = digits(tmp_path, workers)
    data.module.begin_stage(sampler, views=1, epochs=3, first_epoch=2)

    for one, other in zip(whole, data.module.train_dataloader(), strict=True):
        assert torch.equal(one.indices, other.indices)
        assert torch.equal(one.views, other.views)


def test_a_trainer_shows_an_image_differently_in_every_epoch(tmp_path):
    steps = fit(digits(tmp_path, 0), Upsample(epoch_length=8))  # 1 of 10 classes is rare: it recurs
    views: dict[int, list[Tensor]] = {}
    for _, batch in steps:
        for row, view in zip(batch.indices.tolist(), batch.views[0], strict=True):
            views.setdefault(row, []).append(view)

    often = [pictures for pictures in views.values() if len(pictures) >= 3]
    assert often
    for pictures in often:
        assert not any(torch.equal(pictures[0], other) for other in pictures[1:])


@pytest.mark.parametrize("sampler", [InstanceBalanced(), ClassAware(), Balanced(epoch_length=2)])
def test_partners_follow_the_images_of_each_batch_and_change_nothing_of_them(sampler):
    plain, own = training_draws(sampler), with_partners(sampler)
    for epoch in (0, 3):
        plain.set_epoch(epoch)
        own.set_epoch(epoch)
        for batch, longer in zip(plain, own, strict=True):
            assert longer[: len(batch)] == batch
            assert len(longer) == 2 * len(batch)
            assert {index.total for index in longer} == {len(batch)}
            assert {index.row for index in longer} <= set(ROWS.tolist())
    assert own.largest_batch == 2 * plain.largest_batch
    drawn = [index for batch in own for index in batch]
    assert len({(index.row, index.repeat) for index in drawn}) == len(drawn)  # views of their own


def test_partners_are_another_draw_in_each_epoch_and_for_each_seed():
    draws = [with_partners(InstanceBalanced(), seed) for seed in (4, 4, 5)]
    draws[1].set_epoch(1)
    found = [[index.row for batch in each for index in batch[8:]] for each in draws]

    assert found[0] == [index.row for batch in draws[0] for index in batch[8:]]
    assert len({tuple(rows) for rows in found}) == 3


def test_the_classes_of_partners_have_equal_probabilities():
    """Each image of class c is drawn with probability 1 / (C n_c)."""
    draws = with_partners(InstanceBalanced())
    counts = np.zeros(30)
    for epoch in range(400):
        draws.set_epoch(epoch)
        for batch in draws:
            np.add.at(counts, [(index.row - 100) // 3 for index in batch[8:]], 1)
    expected = counts.sum() / (3 * np.bincount(LABELS)[LABELS])

    assert ((counts - expected) ** 2 / expected).sum() < 58.3  # chi-squared, 29 degrees: p = 0.001


def test_ranks_share_the_partners_as_they_share_the_images(monkeypatch):
    whole = [[*batch] for batch in with_partners(Upsample())]
    for number in range(2):
        as_rank(monkeypatch, number, 2)
        for batch, share in zip(whole, with_partners(Upsample()), strict=True):
            half = len(batch) // 2
            assert share == batch[:half][number::2] + batch[half:][number::2]
