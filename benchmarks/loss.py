"""Part (b): AduC and PaCo, forward and backward, in time and memory."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from aduni.losses.contrastive import Contrasts, aduc
from benchmarks.measure import Spread, clock_for, in_turns, one_thread, ratio, spread
from benchmarks.memory import MIB, peak_bytes
from benchmarks.released_loss import released_loss
from benchmarks.section import Bench, Row, Section, devices

CLASSES, EMBEDDING, QUEUE = 7, 128, 1024
ALPHA, TEMPERATURE = 0.05, 0.1

LossName = Literal["AduC", "PaCo"]
NAMES: tuple[LossName, ...] = get_args(LossName)


@dataclass(frozen=True)
class LossInput:
    """Random values of the shapes that a method hands to its loss.

    Attributes:
        logits: (N, C), learns.
        features: (N, D) unit vectors, learn.
        labels: (N,).
        further: (M - N, D) contrasts that do not learn.
        contrast_labels: (M,), the anchors' first.
        prior: (C,).
    """

    logits: Tensor
    features: Tensor
    labels: Tensor
    further: Tensor
    contrast_labels: Tensor
    prior: Tensor

    @property
    def contrasts(self) -> Tensor:
        """(M, D): joined anew in every call, as the methods do; the features alone for AduC."""
        return torch.cat([self.features, self.further]) if len(self.further) else self.features


def loss_input(name: LossName, images: int, device: torch.device) -> LossInput:
    """AduC: N = 2B anchors among themselves. PaCo: N = B among B queries, B keys and the queue."""
    generator = torch.Generator().manual_seed(images)
    anchors, further = (2 * images, 0) if name == "AduC" else (images, images + QUEUE)
    vectors = torch.randn(anchors + further, EMBEDDING, generator=generator)
    vectors = functional.normalize(vectors, dim=1).to(device)
    labels = torch.randint(CLASSES, (anchors + further,), generator=generator).to(device)
    return LossInput(
        logits=torch.randn(anchors, CLASSES, generator=generator).to(device).requires_grad_(),
        features=vectors[:anchors].clone().requires_grad_(),
        labels=labels[:anchors],
        further=vectors[anchors:].clone(),
        contrast_labels=labels,
        prior=torch.full((CLASSES,), 1 / CLASSES, device=device),
    )


def ours(given: LossInput) -> Tensor:
    """The project's loss, as the methods call it."""
    own = torch.arange(len(given.labels), device=given.labels.device)
    contrasts = Contrasts(given.contrasts, given.contrast_labels, own)
    return aduc(
        given.logits, given.features, given.labels, contrasts, alpha=ALPHA, prior=given.prior
    ).mean()


def released(given: LossInput) -> Tensor:
    """The authors' form."""
    return released_loss(
        given.logits,
        given.features,
        given.labels,
        given.contrasts,
        given.contrast_labels,
        alpha=ALPHA,
        prior=given.prior,
    )


def floor(given: LossInput) -> Tensor:
    """One product of matrices and a logsumexp, as torch's own operations do them."""
    return (given.features / TEMPERATURE @ given.contrasts.T).logsumexp(dim=1).sum()


FORMS: dict[str, Callable[[LossInput], Tensor]] = {
    "ours": ours,
    "floor": floor,
    "released": released,
}


def forward_backward(form: Callable[[LossInput], Tensor], given: LossInput) -> None:
    """One loss and its gradients, which replace those before."""
    given.features.grad = given.logits.grad = None
    form(given).backward()  # type: ignore[no-untyped-call]


def measure_loss(bench: Bench) -> Section:
    """Three rows for every loss, B and device."""
    rows: list[Row] = []
    figures: dict[str, Spread] = {}
    effort = bench.effort
    for device in devices():
        for name in NAMES:
            for images in effort.loss_batches:
                largest = images == max(effort.loss_batches)
                turns = effort.loss_turns if largest else effort.turns
                measured = measure_forms(loss_input(name, images, device), turns)
                rows += _rows(measured, name, device, images)
                if (name, device.type) == ("AduC", "cpu"):
                    figures[f"loss_time_{images}"] = measured["ours"].over_floor
                    figures[f"loss_memory_{images}"] = spread([measured["ours"].matrices])
    notes = (
        "Forward and backward, float32, D = 128, 7 classes; on the CPU one thread and CPU seconds.",
        "floor: one product of anchors and contrasts and a logsumexp, with gradients for the "
        "anchors; released: the authors' form.",
        "A matrix is N x M float32: AduC N = M = 2B; PaCo N = B, M = 2B + 1024. Memory is the "
        "peak beyond the inputs, gradients included.",
        "The losses see a batch, never the data set: they grow with B alone.",
    )
    return Section("Loss", rows, notes, figures)


@dataclass(frozen=True)
class Measured:
    """One form of a loss.

    Attributes:
        seconds: of every turn.
        over_floor: ratio of its time to the floor's.
        peak: bytes.
        matrices: the same, in N x M float32.
    """

    seconds: list[float]
    over_floor: Spread
    peak: int
    matrices: float


def measure_forms(given: LossInput, turns: int) -> dict[str, Measured]:
    """All three forms in turns, then their memory."""
    device = given.features.device
    calls = {form: partial(forward_backward, call, given) for form, call in FORMS.items()}
    with one_thread():
        seconds = in_turns(calls, turns, clock_for(device), device)
        peaks = {form: _peak(call, given) for form, call in FORMS.items()}
    matrix = given.features.element_size() * len(given.labels) * len(given.contrast_labels)
    return {
        form: Measured(
            seconds[form],
            ratio(seconds[form], seconds["floor"]),
            peaks[form],
            peaks[form] / matrix,
        )
        for form in FORMS
    }


def _peak(form: Callable[[LossInput], Tensor], given: LossInput) -> int:
    given.features.grad = given.logits.grad = None
    return peak_bytes(partial(forward_backward, form, given), given.features.device)


def _rows(
    measured: dict[str, Measured], name: LossName, device: torch.device, images: int
) -> list[Row]:
    return [
        {
            "loss": name,
            "device": device.type,
            "B": images,
            "form": form,
            "ms": spread([1000 * seconds for seconds in values.seconds]),
            "time over the floor's": values.over_floor,
            "MiB": values.peak / MIB,
            "matrices": values.matrices,
        }
        for form, values in measured.items()
    ]
