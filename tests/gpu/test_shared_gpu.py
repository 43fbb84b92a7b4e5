"""Two gloo ranks on one device take the steps of one process on the joined batches."""

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from aduni import schedules
from aduni.batch import Batch
from aduni.methods.aduni import AdUni
from aduni.methods.base import DataInfo, Method
from aduni.methods.paco import PaCo
from tiny_encoder import TinyEncoder

CLASSES, IMAGES, STEPS = 4, 24, 3
TOLERANCE = 1e-9
"""In float64."""
SIZES: dict[str, Any] = {"hidden": 8, "embedding": 5, "dropout": 0.0}


class Loss(nn.Module):
    """Module whose forward is the loss, as DDP averages gradients of forward only."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method

    def forward(self, batch: Batch) -> Tensor:
        loss: Tensor = self.method.stages[0].loss(batch, 0)["loss"]
        return loss


def make_method(name: str) -> Method:
    torch.manual_seed(0)
    info = DataInfo(torch.tensor([9.0, 7, 5, 3]), torch.full((1, CLASSES), 1 / CLASSES), 1)
    encoder: Any = TinyEncoder()
    if name == "aduni":
        return AdUni(encoder, info, schedules.constant, **SIZES)
    return PaCo(encoder, info, schedules.constant, queue_size=4 * IMAGES, momentum=0.9, **SIZES)


def steps(name: str, device: torch.device, rows: slice) -> dict[str, Any]:
    """Return losses and weights after some steps on every rank's share of the same batches."""
    method = make_method(name).double().train().to(device)
    loss_of: nn.Module = Loss(method)
    if dist.is_initialized():
        loss_of = DistributedDataParallel(loss_of, broadcast_buffers=False)
    learned = [value for value in method.parameters() if value.requires_grad]
    optimiser = torch.optim.SGD(learned, lr=0.1, momentum=0.9)
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(IMAGES) % CLASSES
    losses = []
    for _ in range(STEPS):
        views = torch.randint(0, 256, (2, IMAGES, 3, 2, 2), dtype=torch.uint8, generator=generator)
        shares = views[:, rows], labels[rows], torch.arange(IMAGES)[rows]
        optimiser.zero_grad()
        loss = loss_of(Batch(*(values.to(device) for values in shares), total=IMAGES))
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return {"losses": losses, "weights": [value.detach().cpu() for value in learned]}


def work(number: int, device: torch.device, folder: Path) -> None:
    """Take the steps of one of two ranks."""
    place = f"file://{folder / 'meeting'}"
    dist.init_process_group("gloo", init_method=place, rank=number, world_size=2)
    found = {name: steps(name, device, slice(number, None, 2)) for name in ("aduni", "paco")}
    torch.save(found, folder / f"{number}.pt")
    dist.barrier()
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def ranks(device, tmp_path_factory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("ranks")
    multiprocessing.spawn(work, args=(device, folder), nprocs=2)
    return [torch.load(folder / f"{number}.pt") for number in range(2)]


@pytest.mark.parametrize("name", ["aduni", "paco"])
def test_two_ranks_on_one_device_equal_one_process(ranks, device, name):
    expected = steps(name, device, slice(None))

    pairs = zip(*(found[name]["losses"] for found in ranks), strict=True)
    assert [sum(pair) / 2 for pair in pairs] == pytest.approx(expected["losses"], rel=TOLERANCE)
    for found in ranks:
        for one, other in zip(found[name]["weights"], expected["weights"], strict=True):
            torch.testing.assert_close(one, other, rtol=TOLERANCE, atol=TOLERANCE)
