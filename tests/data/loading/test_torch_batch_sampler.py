"""`aduni.samplers.BatchSampler` is a batch sampler as torch knows it."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, TensorDataset

from aduni import samplers

LABELS = np.repeat([0, 1, 2], [30, 9, 3])
NAMES = [name for name in samplers.__all__ if name not in ("BatchSampler", "Sampler")]


@pytest.mark.parametrize("name", NAMES)
def test_batches_are_those_of_the_sampler(name):
    sampler = getattr(samplers, name)()
    batches = samplers.BatchSampler(sampler, LABELS, 6, epochs=4, seed=5)
    for epoch in (0, 3):
        batches.set_epoch(epoch)
        expected = sampler.batches(LABELS, epoch=epoch, epochs=4, seed=5, batch_size=6)
        assert list(batches) == [batch.tolist() for batch in expected]
        assert len(batches) == len(expected)


def test_a_loader_draws_every_class_alike():
    data = TensorDataset(torch.arange(len(LABELS)), torch.from_numpy(LABELS))
    batches = samplers.BatchSampler(samplers.Upsample(), LABELS.tolist(), 6)
    loader = DataLoader(data, batch_sampler=batches)
    for _, labels in loader:
        assert Counter(labels.tolist()) == {0: 2, 1: 2, 2: 2}
    assert len(loader) == 30 * 3 // 6


def test_epochs_differ_and_repeat():
    batches = samplers.BatchSampler(samplers.InstanceBalanced(), LABELS, 6, epochs=2)
    first = list(batches)
    batches.set_epoch(1)
    second = list(batches)
    batches.set_epoch(0)
    assert first != second
    assert list(batches) == first
    assert batches.sampler is batches  # Lightning sets the epoch there


def test_processes_share_each_batch(monkeypatch):
    module = "aduni.data.loading.batch_samplers"
    whole = list(samplers.BatchSampler(samplers.Upsample(), LABELS, 6))
    shares = []
    for rank in range(2):
        monkeypatch.setattr(f"{module}.rank", lambda rank=rank: rank)
        monkeypatch.setattr(f"{module}.world_size", lambda: 2)
        shares.append(list(samplers.BatchSampler(samplers.Upsample(), LABELS, 6)))
    for batch, one, two in zip(whole, *shares, strict=True):
        assert sorted(one + two) == sorted(batch)
        assert len(one) == len(two)


def test_a_class_without_a_row_is_refused(refusal):
    refusal(
        lambda: samplers.BatchSampler(samplers.Upsample(), [0, 0, 2, 2], 2),
        "No label is 1; give the classes the numbers 0 to 1",
    )
