"""Compare five optimiser steps on two and four processes with one on the joined batches.

Batches are those of up-sampling: 126 images of seven classes at batch_size=128, so that four
processes hold 32, 32, 31 and 31. Batch norm is frozen: its own statistics are per process by
design. Agreement is asked to 1e-9 in float64, and to 1e-4 (relative or absolute) in float32.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from aduni import schedules
from aduni.batch import Batch
from aduni.data.loading.batch_samplers import TrainingBatchSampler
from aduni.data.loading.samplers import Upsample
from aduni.distributed.collectives import gather, rank, world_size
from aduni.losses.softmax import cross_entropy
from aduni.losses.weights import effective_number_weights
from aduni.methods.aduni import AdUni
from aduni.methods.balms import BALMS
from aduni.methods.base import DataInfo, Method, Stage
from aduni.methods.bcl import BCL
from aduni.methods.cicl import CICL
from aduni.methods.class_weights import ClassWeights
from aduni.methods.ecl import ECL
from aduni.methods.ldam import LDAM
from aduni.methods.paco import PaCo

STEPS = 5
VIEWS = {"aduni": 2, "paco": 2, "cicl": 2, "ldam": 1, "balms": 1, "bcl": 3, "ecl": 2}
METHODS = list(VIEWS)
TYPES = {"float64": (torch.float64, 1e-9), "float32": (torch.float32, 1e-4)}
COUNTS = np.array([120, 60, 40, 30, 20, 15, 8])
SHARES = {2: [63, 63], 4: [32, 32, 31, 31]}

pytestmark = pytest.mark.slow


class FrozenNorm(nn.BatchNorm2d):
    """Batch norm whose statistics stay fixed."""

    def train(self, mode: bool = True) -> "FrozenNorm":
        return super().train(False)


class SmallEncoder(nn.Module):
    """Encoder of a convolution, batch norm and pooling."""

    features = 6
    is_frozen = False

    def __init__(self) -> None:
        super().__init__()
        norm = FrozenNorm(self.features)
        nn.init.uniform_(norm.running_mean, -0.2, 0.2)
        nn.init.uniform_(norm.running_var, 0.5, 1.5)
        self.body = nn.Sequential(
            nn.Conv2d(3, self.features, 3), norm, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.body(images.to(self.body[0].weight) / 255)
        return features


class Loss(nn.Module):
    """Module whose forward is the loss, as DDP averages gradients of forward only."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method
        stage = stage_of(method)
        for name, module in method.named_children():
            module.requires_grad_(name in (stage.trainable or [name]) and name != "meta_sampler")

    def forward(self, batch: Batch) -> Tensor:
        loss: Tensor = stage_of(self.method).loss(batch, 0)["loss"]
        return loss


def stage_of(method: Method) -> Stage:
    """Return the stage whose loss is specific to the method."""
    return method.stages[-1 if isinstance(method, BALMS) else 0]


def make_method(name: str, dtype: torch.dtype) -> Method:
    """Make a method with the same weights in every process."""
    torch.manual_seed(0)
    counts = torch.from_numpy(COUNTS).float()
    info = DataInfo(counts, torch.full((1, len(counts)), 1 / len(counts)), epochs=1)
    encoder: Any = SmallEncoder()
    sizes: Any = {"hidden": 8, "embedding": 5, "dropout": 0.0}
    methods: dict[str, Any] = {
        "aduni": lambda: AdUni(encoder, info, schedules.constant, **sizes),
        # The third batch runs over the queue's end.
        "paco": lambda: PaCo(
            encoder, info, schedules.constant, queue_size=300, momentum=0.9, **sizes
        ),
        "cicl": lambda: CICL(encoder, info, **sizes),
        "ldam": lambda: LDAM(encoder, info, class_weights=ClassWeights(effective_number_weights)),
        "balms": lambda: BALMS(encoder, info, loss=cross_entropy, dropout=0.0),
        "ecl": lambda: ECL(encoder, info, **sizes),
        "bcl": lambda: BCL(encoder, info, hidden=8, embedding=5),
    }
    method: Method = methods[name]().to(dtype)
    return method.train()


def draws() -> TrainingBatchSampler:
    labels = np.repeat(np.arange(len(COUNTS)), COUNTS)
    return TrainingBatchSampler(
        Upsample(), np.arange(len(labels)), labels, epochs=1, seed=3, batch_size=128
    )


def make_batch(rows: list[int], name: str) -> Batch:
    """Make a batch whose images depend only on their rows."""
    pixels = torch.Generator().manual_seed(1)
    images = torch.randint(0, 256, (3, int(COUNTS.sum()), 3, 6, 6), generator=pixels).byte()
    labels = torch.from_numpy(np.repeat(np.arange(len(COUNTS)), COUNTS))
    views = images[: VIEWS[name], rows]
    return Batch(views, labels[rows], torch.tensor(rows))


def five_steps(name: str, dtype: torch.dtype, batches: list[list[int]]) -> dict[str, Any]:
    """Return the losses of all steps, the last gradients, and the final state of the method."""
    method = make_method(name, dtype)
    torch.manual_seed(rank())  # random numbers of the process's own, as in a training
    loss_of: nn.Module = Loss(method)
    if world_size() > 1:
        # DDP would hand the first process's queue to the others.
        loss_of = DistributedDataParallel(loss_of, broadcast_buffers=False)
    learned = {key: value for key, value in method.named_parameters() if value.requires_grad}
    optimiser = torch.optim.SGD(learned.values(), lr=0.1, momentum=0.9)
    losses = []
    for rows in batches:
        optimiser.zero_grad()
        loss = loss_of(make_batch(rows, name))
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    gradients = {key: value.grad for key, value in learned.items()}
    state = {key: value for key, value in method.state_dict().items() if torch.is_tensor(value)}
    return {"losses": losses, "gradients": gradients, "state": state}


def work(number: int, count: int, folder: Path) -> None:
    """Run the steps of one of several processes."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=number, world_size=count
    )
    own = [[draw.row for draw in share] for share in list(draws())[:STEPS]]
    found: dict[str, Any] = {
        f"{name} {kind}": five_steps(name, dtype, own)
        for name in METHODS
        for kind, (dtype, _) in TYPES.items()
    }
    found["rows"] = own
    found["joined"] = [gather(torch.tensor(rows)).tolist() for rows in own]
    torch.save(found, folder / f"{number}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module", params=SHARES)
def processes(request, tmp_path_factory) -> Iterator[list[dict[str, Any]]]:
    """Return the results of all processes, which are started once as this takes seconds."""
    count = request.param
    folder = tmp_path_factory.mktemp(f"{count}_ranks")
    multiprocessing.spawn(work, args=(count, folder), nprocs=count)
    return [torch.load(folder / f"{number}.pt") for number in range(count)]


def test_the_shares_differ_by_one_and_join_to_the_batches_of_one_process(processes):
    whole = [[draw.row for draw in batch] for batch in list(draws())[:STEPS]]

    for step, batch in enumerate(whole):
        shares = [found["rows"][step] for found in processes]
        assert [len(share) for share in shares] == SHARES[len(processes)]
        joined = [row for share in shares for row in share]
        assert sorted(joined) == sorted(batch)
        assert all(found["joined"][step] == joined for found in processes)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("name", METHODS)
def test_loss_gradients_and_weights_are_those_of_one_process(processes, name, kind):
    dtype, tolerance = TYPES[kind]
    expected = five_steps(name, dtype, processes[0]["joined"])
    found = [each[f"{name} {kind}"] for each in processes]
    before = make_method(name, dtype).state_dict()

    losses = np.mean([each["losses"] for each in found], axis=0)
    np.testing.assert_allclose(losses, expected["losses"], rtol=tolerance, atol=tolerance)
    assert any(value.abs().max() > 1e-3 for value in expected["gradients"].values())
    moved = [key for key, value in expected["state"].items() if not value.equal(before[key])]
    assert len(moved) >= 2
    for each in found:
        for part in ("gradients", "state"):
            assert each[part].keys() == expected[part].keys()
            for key, value in expected[part].items():
                torch.testing.assert_close(
                    each[part][key], value, rtol=tolerance, atol=tolerance, msg=f"{part} {key}"
                )


@pytest.mark.parametrize("kind", TYPES)
def test_all_processes_hold_the_same_queue(processes, kind):
    states = [each[f"paco {kind}"]["state"] for each in processes]

    for key in ("memory.keys", "memory.labels", "memory._extra_state"):
        assert all(state[key].equal(states[0][key]) for state in states)
    assert int(states[0]["memory._extra_state"]) == STEPS * 126
