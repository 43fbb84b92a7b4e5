"""Compare two real processes with a single one on the joined batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, multiprocessing, nn
from torch.nn.parallel import DistributedDataParallel

from aduni import schedules
from aduni.batch import Batch
from aduni.distributed.collectives import (
    divided_batch,
    gather,
    global_mean,
    mean_over_ranks,
    rank,
    row_counts,
    world_size,
)
from aduni.losses.softmax import balanced_softmax, cross_entropy
from aduni.losses.weights import effective_number_weights, inverse_weights
from aduni.methods.aduni import AdUni
from aduni.methods.balms import BALMS
from aduni.methods.base import DataInfo, Method, Stage
from aduni.methods.bcl import BCL
from aduni.methods.cicl import CICL
from aduni.methods.class_weights import ClassWeights
from aduni.methods.corn import CORN
from aduni.methods.ecl import ECL
from aduni.methods.lade import LADE
from aduni.methods.ldam import LDAM
from aduni.methods.paco import PaCo
from aduni.methods.softmax import Softmax
from tiny_encoder import TinyEncoder

SHARES = {"equal": [4, 4], "unequal": [4, 3]}
LABELS = [0, 1, 0, 2, 0, 1, 1, 0]  # positives on both processes; class 2 is on the first alone
PAIRS = [0, 1, 2, 0, 1, 2, 1, 0]  # BALMS draws from one image of a class, and tests on another
ONE_VIEW = ["ce", "ldam", "balms", "corn", "weighted", "lade"]
METHODS = ["aduni released", "aduni printed", "cicl", "paco", "bcl", "ecl", *ONE_VIEW]
REMEMBERED = {  # what changes by itself: no gradient brings the processes together again
    "paco": ["memory.keys", "memory.labels", "memory._extra_state", "keys.model.0.linear.weight"],
    "balms": ["meta_sampler.weights"],
    "ecl": ["f1.counts"],
}
STEPS = 3


def stage_of(method: Method) -> Stage:
    """Return the stage whose loss is specific to the method."""
    return method.stages[-1 if isinstance(method, BALMS) else 0]


class Loss(nn.Module):
    """Module whose forward is the loss, as DDP averages gradients of forward only."""

    def __init__(self, method: Method) -> None:
        super().__init__()
        self.method = method
        for name, module in method.named_children():
            module.requires_grad_(name in (stage_of(method).trainable or [name]))

    def forward(self, batch: Batch) -> Tensor:
        with divided_batch(batch.total):
            terms = stage_of(self.method).loss(batch, 0)
        loss: Tensor = terms["loss"]
        return loss


@dataclass
class Results:
    """Results of one process, by method and shares; `gathered` by shares only."""

    place: tuple[int, int]
    losses: dict[tuple[str, str], Tensor]
    gradients: dict[tuple[str, str], list[Tensor]]
    remembered: dict[tuple[str, str], dict[str, Tensor]]
    gathered: dict[str, Any]
    questions: int = 0


@contextmanager
def counted_questions() -> Iterator[list[int]]:
    """Count the sums of whole numbers over the processes, which nothing but `row_counts` makes."""
    asked: list[int] = []
    original = dist.all_reduce

    def counting(values: Tensor, *arguments: Any, **options: Any) -> Any:
        if values.dtype == torch.int64:
            asked.append(1)
        return original(values, *arguments, **options)

    dist.all_reduce = counting
    try:
        yield asked
    finally:
        dist.all_reduce = original


def make_method(name: str) -> Method:
    """Make a method with the same float64 weights in every process."""
    torch.manual_seed(0)
    counts = torch.tensor([5, 2, 1])
    info = DataInfo(counts, torch.tensor([[0.4, 0.3, 0.3]]), epochs=1)
    encoder: Any = TinyEncoder().double()
    sizes: Any = {"hidden": 5, "embedding": 4, "dropout": 0.0}
    if name == "ce":
        return Softmax(encoder, info, loss=cross_entropy, dropout=0.0).double()
    if name == "ldam":
        return LDAM(encoder, info, class_weights=ClassWeights(effective_number_weights)).double()
    if name == "weighted":
        weights = ClassWeights(inverse_weights, divide_by="images")
        return CORN(encoder, info, dropout=0.0, class_weights=weights).double()
    if name == "corn":
        weights = ClassWeights(inverse_weights)
        return CORN(encoder, info, dropout=0.0, class_weights=weights).double()
    if name == "lade":
        return LADE(encoder, info, loss=balanced_softmax, weight=2.0, dropout=0.0).double()
    if name == "cicl":
        return CICL(encoder, info, **sizes).double()
    if name == "balms":
        return BALMS(encoder, info, loss=cross_entropy, dropout=0.0).double()
    if name == "bcl":
        return BCL(encoder, info, hidden=5, embedding=4).double()
    if name == "ecl":
        return ECL(encoder, info, **sizes).double()
    if name == "paco":
        memory: Any = {"queue_size": 20, "momentum": 0.9}
        method = PaCo(encoder, info, schedules.constant, **memory, **sizes).double()
        keys = nn.functional.normalize(torch.randn(3, 4, dtype=torch.float64))
        method.memory.add(keys, torch.tensor([0, 1, 1]))
        return method
    weighting: Any = name.split()[1]
    return AdUni(encoder, info, schedules.constant, weighting=weighting, **sizes).double()


def make_in_process(name: str) -> Method:
    """Make the method, then seed each process differently, as a training does."""
    method = make_method(name)
    if rank() > 0:
        torch.manual_seed(rank())
    return method


def make_batch(name: str, rows: slice, seed: int = 1, total: int | None = None) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    views = torch.randint(0, 256, (3, 8, 3, 2, 2), generator=generator).byte()
    labels = torch.tensor(PAIRS if name == "balms" else LABELS)
    views = views[: 1 if name in ONE_VIEW else 3 if name == "bcl" else 2]
    return Batch(views[:, rows], labels[rows], torch.arange(8)[rows], total)


def step(module: nn.Module, method: Method, batch: Batch) -> tuple[Tensor, list[Tensor]]:
    loss = module(batch)
    loss.backward()
    learned = [parameter for parameter in method.parameters() if parameter.requires_grad]
    return loss.detach(), [parameter.grad.clone() for parameter in learned]


def remembered(
    module: nn.Module, method: Method, name: str, rows: slice, total: int | None = None
) -> dict[str, Tensor]:
    """Return the method's memory after some steps of SGD, each on another batch."""
    learned = [parameter for parameter in method.parameters() if parameter.requires_grad]
    optimiser = torch.optim.SGD(learned, lr=0.1)
    for seed in range(STEPS):
        optimiser.zero_grad()
        module(make_batch(name, rows, seed, total)).backward()
        optimiser.step()
    state = method.state_dict()
    return {key: state[key] for key in REMEMBERED[name]}


def gather_by_hand(share: list[int]) -> dict[str, Any]:
    """Gather rows that identify their process, under a loss that weights them by process."""
    local = torch.full((share[rank()], 2), rank() + 1.0, dtype=torch.float64, requires_grad=True)
    joined = gather(local)
    weights = torch.arange(sum(share), dtype=torch.float64)[:, None] + 100 * rank()
    (joined * weights).sum().backward()
    labels = gather(torch.arange(share[rank()]) + 10 * rank())
    mean = global_mean(torch.arange(share[rank()], dtype=torch.float64) + 10 * rank())
    counts = row_counts(local)
    with divided_batch(sum(share)), counted_questions() as questions:
        known = row_counts(local), row_counts(torch.cat([local, local]))
    return {
        "known": known,
        "questions": len(questions),
        "rows": joined.detach(),
        "gradient": local.grad,
        "labels": labels,
    } | {
        "counts": counts,
        "mean": mean,
        "numbers": mean_over_ranks([1.0 + rank(), 10.0]),
    }


def work(number: int, folder: Path) -> None:
    """Compute the results of one of two processes."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder / 'meeting'}", rank=number, world_size=2
    )
    results = Results((rank(), world_size()), {}, {}, {}, {})
    for name in METHODS:
        for kind, share in SHARES.items():
            before = sum(share[:number])
            rows = slice(before, before + share[number])
            method = make_in_process(name)
            key = name, kind
            wrapped = DistributedDataParallel(Loss(method))
            with counted_questions() as questions:
                found = step(wrapped, method, make_batch(name, rows, total=sum(share)))
            results.questions += len(questions)
            results.losses[key], results.gradients[key] = found
            if name in REMEMBERED:
                method = make_in_process(name)
                # DDP would hand the first process's queue to the others.
                wrapped = DistributedDataParallel(Loss(method), broadcast_buffers=False)
                results.remembered[key] = remembered(wrapped, method, name, rows, sum(share))
    for kind, share in SHARES.items():
        results.gathered[kind] = gather_by_hand(share)
    torch.save(vars(results), folder / f"{number}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def processes(tmp_path_factory: pytest.TempPathFactory) -> list[Results]:
    """Start the processes once for all tests, as this takes seconds."""
    folder = tmp_path_factory.mktemp("ranks")
    multiprocessing.spawn(work, args=(folder,), nprocs=2)
    return [Results(**torch.load(folder / f"{number}.pt")) for number in range(2)]


def test_processes_know_their_place(processes):
    assert [found.place for found in processes] == [(0, 2), (1, 2)]


@pytest.mark.parametrize("kind", SHARES)
@pytest.mark.parametrize("name", METHODS)
def test_two_processes_learn_as_one_on_the_joined_batch(processes, name, kind):
    method = make_method(name)
    batch = make_batch(name, slice(0, sum(SHARES[kind])))
    loss, gradients = step(Loss(method), method, batch)

    mean = sum(found.losses[name, kind] for found in processes) / 2

    torch.testing.assert_close(mean, loss, rtol=0, atol=1e-10)
    assert any(gradient.abs().max() > 1e-3 for gradient in gradients)
    for found in processes:
        for gradient, expected in zip(found.gradients[name, kind], gradients, strict=True):
            torch.testing.assert_close(gradient, expected, rtol=0, atol=1e-10)


@pytest.mark.parametrize("kind", SHARES)
@pytest.mark.parametrize("name", REMEMBERED)
def test_processes_remember_what_one_on_the_joined_batches_does(processes, name, kind):
    method, images = make_method(name), sum(SHARES[kind])
    state = method.state_dict()
    before = {key: state[key].clone() for key in REMEMBERED[name]}
    expected = remembered(Loss(method), method, name, slice(0, images))

    assert all(not torch.equal(before[key], expected[key]) for key in before)
    assert expected.get("memory._extra_state", 3 + STEPS * images) == 3 + STEPS * images
    for found in processes:
        for key in REMEMBERED[name]:
            torch.testing.assert_close(
                found.remembered[name, kind][key], expected[key], rtol=0, atol=1e-10
            )


@pytest.mark.parametrize(("kind", "first", "second"), [("equal", 4, 4), ("unequal", 4, 3)])
def test_gather_joins_rows_in_the_order_of_the_processes(processes, kind, first, second):
    for found in processes:
        gathered = found.gathered[kind]
        assert gathered["counts"] == [first, second]
        assert gathered["known"] == ([first, second], [2 * first, 2 * second])
        assert gathered["questions"] == 0
        assert gathered["rows"].tolist() == [[1.0, 1.0]] * first + [[2.0, 2.0]] * second
        assert gathered["labels"].tolist() == [*range(first), *range(10, 10 + second)]


@pytest.mark.parametrize("kind", SHARES)
def test_gathers_gradient_adds_what_every_process_says_about_a_row(processes, kind):
    # Row r weighs r in the first process's loss and r + 100 in the second's.
    expected = [[2.0 * r + 100] * 2 for r in range(sum(SHARES[kind]))]

    found = [row for each in processes for row in each.gathered[kind]["gradient"].tolist()]

    assert found == expected


@pytest.mark.parametrize(("kind", "mean"), [("equal", 52 / 8), ("unequal", 39 / 7)])
def test_the_mean_of_the_processes_losses_is_that_of_all_anchors(processes, kind, mean):
    # 0 1 2 3 on the first; 10 11 12 13, or 10 11 12, on the second.
    losses = [float(found.gathered[kind]["mean"]) for found in processes]

    assert sum(losses) / 2 == pytest.approx(mean)


def test_a_step_asks_no_process_for_its_share(processes):
    assert [found.questions for found in processes] == [0, 0]


def test_numbers_are_averaged_over_the_processes(processes):
    assert all(found.gathered["equal"]["numbers"] == [1.5, 10.0] for found in processes)


def test_a_single_process_gathers_nothing():
    local = torch.arange(6.0).reshape(3, 2).requires_grad_()

    assert (rank(), world_size()) == (0, 1)
    assert gather(local) is local
    assert row_counts(local) == [3]
    assert mean_over_ranks([2.0, 3.0]) == [2.0, 3.0]
    assert float(global_mean(torch.tensor([1.0, 2.0, 6.0]))) == 3.0
