"""Compare the momentum copy and the queue with plain Python."""

import copy
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from aduni.models.memory import KeyQueue, MomentumCopy

MOMENTA = [0.0, 0.25, 0.5, 0.999, 1.0]


def make_source(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 2)).double()


def change(source: nn.Module, step: int) -> None:
    """Change the weights, as an optimiser would."""
    generator = torch.Generator().manual_seed(step)
    with torch.no_grad():
        for parameter in source.parameters():
            parameter += torch.randn(parameter.shape, generator=generator, dtype=torch.float64)


@pytest.mark.parametrize("momentum", MOMENTA)
def test_the_copy_keeps_m_of_itself_and_takes_the_rest_from_the_source(momentum):
    source = make_source()
    follower = MomentumCopy(source, momentum)
    expected = [parameter.flatten().tolist() for parameter in source.parameters()]

    for step in range(3):
        change(source, step)
        follower.update_from(source)
        for number, parameter in enumerate(source.parameters()):
            pairs = zip(expected[number], parameter.flatten().tolist(), strict=True)
            expected[number] = [momentum * k + (1 - momentum) * q for k, q in pairs]
        for own, values in zip(follower.model.parameters(), expected, strict=True):
            assert own.flatten().tolist() == pytest.approx(values, rel=1e-12, abs=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_momentum_0_copies_and_momentum_1_stays_to_the_bit(dtype):
    source = make_source().to(dtype)
    initial = [parameter.clone() for parameter in source.parameters()]
    copies, stays = MomentumCopy(source, 0.0), MomentumCopy(source, 1.0)
    change(source.double(), 0)
    source.to(dtype)

    for follower in (copies, stays):
        follower.update_from(source)

    for own, other in zip(copies.model.parameters(), source.parameters(), strict=True):
        assert torch.equal(own, other)
    for own, other in zip(stays.model.parameters(), initial, strict=True):
        assert torch.equal(own, other)


def test_following_an_unchanged_source_changes_nothing():
    source = make_source()
    follower = MomentumCopy(source, 0.999)

    follower.update_from(source)

    for own, other in zip(follower.model.parameters(), source.parameters(), strict=True):
        assert torch.equal(own, other)


def test_the_copy_has_weights_of_its_own_without_gradients():
    source = make_source()
    follower = MomentumCopy(source, 0.5)
    addresses = {parameter.data_ptr() for parameter in source.parameters()}
    images = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)

    follower.update_from(source)
    keys = follower(images)
    source(images).sum().backward()

    assert not keys.requires_grad
    for parameter in follower.parameters():
        assert parameter.data_ptr() not in addresses
        assert not parameter.requires_grad
        assert parameter.grad is None
    assert all(parameter.requires_grad for parameter in source.parameters())


def test_batch_norm_of_the_copy_uses_the_batch_whatever_mode_is_asked_for():
    parent = nn.ModuleDict({"source": make_source(), "copy": MomentumCopy(make_source(), 0.5)})
    images = 7 + torch.randn(5, 4, dtype=torch.float64)
    expected = make_source().train()(images)

    parent.eval()

    assert all(module.training for module in parent["copy"].modules())
    assert not any(module.training for module in parent["source"].modules())
    torch.testing.assert_close(parent["copy"](images), expected)
    parent["copy"].train(False)
    torch.testing.assert_close(parent["copy"](images), expected)


def keyed(rows: int, start: int) -> tuple[Tensor, Tensor]:
    """Make keys that contain their number, counted over all batches, and labels derived from it."""
    numbers = torch.arange(start, start + rows)
    return numbers[:, None] + torch.tensor([0.25, 0.5]), numbers * 7 % 5


def batches(sizes: list[int]) -> Iterator[tuple[Tensor, Tensor]]:
    start = 0
    for size in sizes:
        yield keyed(size, start)
        start += size


def entries(keys: Tensor, labels: Tensor) -> list[tuple[float, float, int]]:
    return [(*key, label) for key, label in zip(keys.tolist(), labels.tolist(), strict=True)]


BATCH_SIZES = {
    "divide the queue": [4, 4, 4, 4, 4],
    "do not divide the queue": [3, 3, 3, 3, 3, 3],
    "as large as the queue": [8, 8, 8],
    "larger than the queue": [11, 11, 19],
    "a multiple of the queue": [16, 24],
    "changing": [5, 1, 8, 2, 30, 3, 0, 7, 9],
    "one by one": [1] * 19,
}


@pytest.mark.parametrize("kind", BATCH_SIZES)
def test_the_queue_holds_the_last_keys_with_their_labels(kind):
    queue = KeyQueue(8, 2)
    everything: list[tuple[float, float, int]] = []

    for keys, labels in batches(BATCH_SIZES[kind]):
        queue.add(keys, labels)
        everything += entries(keys, labels)
        assert sorted(entries(*queue.contents())) == sorted(everything[-8:])


@pytest.mark.parametrize("kind", BATCH_SIZES)
def test_each_key_takes_the_place_of_the_oldest(kind):
    queue = KeyQueue(8, 2)
    ring, number = [(0.0, 0.0, 0)] * 8, 0

    for keys, labels in batches(BATCH_SIZES[kind]):
        queue.add(keys, labels)
        for entry in entries(keys, labels):  # one after the other
            ring[number % 8] = entry
            number += 1
        assert entries(queue.keys, queue.labels) == ring
        assert entries(*queue.contents()) == ring[:number]


def test_an_unused_queue_is_empty():
    keys, labels = KeyQueue(8, 2).contents()

    assert keys.shape == (0, 2)
    assert labels.shape == (0,)


def test_contents_do_not_change_with_later_keys_and_cannot_change_the_queue():
    # They stand in a graph whose backward pass comes after the next keys were added.
    queue = KeyQueue(4, 2)
    queue.add(*keyed(4, 0))
    held = queue.contents()
    queue.add(*keyed(2, 4))

    assert entries(*held) == entries(*keyed(4, 0))
    held[0].zero_()
    assert sorted(entries(*queue.contents())) == entries(*keyed(4, 2))


def test_keys_are_stored_without_their_graph_and_in_the_queues_type():
    queue = KeyQueue(4, 2)

    queue.add(keyed(3, 0)[0].bfloat16().requires_grad_(), keyed(3, 0)[1])

    assert queue.keys.dtype == torch.float32
    assert not queue.contents()[0].requires_grad
    assert entries(*queue.contents()) == entries(*keyed(3, 0))


@pytest.mark.parametrize("sizes", [[], [3], [3, 5], [3, 3, 3]], ids=str)
def test_a_stored_queue_comes_back_with_how_much_of_it_is_filled(sizes, tmp_path: Path):
    queue, restored = KeyQueue(8, 2), KeyQueue(8, 2)
    restored.add(*keyed(20, 100))  # what it held before must not remain
    for keys, labels in batches(sizes):
        queue.add(keys, labels)

    torch.save(queue.state_dict(), tmp_path / "queue.pt")
    restored.load_state_dict(torch.load(tmp_path / "queue.pt", weights_only=True))

    assert entries(*restored.contents()) == entries(*queue.contents())
    for each in (queue, restored):  # and the next keys go to the same places
        each.add(*keyed(3, 50))
    assert torch.equal(restored.keys, queue.keys)
    assert torch.equal(restored.labels, queue.labels)
    assert entries(*restored.contents()) == entries(*queue.contents())


def test_a_stored_state_does_not_follow_the_queue():
    queue = KeyQueue(8, 2)
    queue.add(*keyed(3, 0))
    state = copy.deepcopy(queue.state_dict())
    queue.add(*keyed(3, 3))

    queue.load_state_dict(state)

    assert entries(*queue.contents()) == entries(*keyed(3, 0))


def test_frozen_weights_of_the_source_are_left_as_they_are():
    source = make_source()
    copied = MomentumCopy(source, 0.5)
    first, *others = source.parameters()
    first.requires_grad_(False)
    before = next(copied.model.parameters()).clone()
    with torch.no_grad():
        for weight in source.parameters():
            weight.add_(1)

    copied.update_from(source)

    moved = list(copied.model.parameters())
    torch.testing.assert_close(moved[0], before, rtol=0, atol=0)
    torch.testing.assert_close(moved[1:], [weight - 0.5 for weight in others])
