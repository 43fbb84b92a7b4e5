"""AduC and PaCo, forward and backward, in time and memory."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product

import torch
from torch import Tensor
from torch.nn import functional

from aduni.losses.contrastive import Contrasts, aduc
from benchmarks.measure import (
    MIB,
    Spread,
    alternate,
    cpu_clock,
    one_thread,
    peak_bytes,
    ratio,
    spread,
    wall_clock,
)
from benchmarks.part import Bench, Row, Section, devices

CLASSES, EMBEDDING, QUEUE = 7, 128, 1024
ALPHA, TEMPERATURE, BASE_TEMPERATURE = 0.05, 0.1, 0.07


@dataclass(frozen=True)
class LossInput:
    """Random values of the shapes that a method hands to its loss."""

    logits: Tensor  # (N, C), learns
    features: Tensor  # (N, D) unit vectors, learn
    labels: Tensor  # (N,)
    further: Tensor  # (M - N, D) contrasts that do not learn
    contrast_labels: Tensor  # (M,), the anchors' first
    prior: Tensor  # (C,) class frequencies

    @property
    def contrasts(self) -> Tensor:
        """(M, D): joined anew in every call, as the methods do; the features alone for AduC."""
        return torch.cat([self.features, self.further]) if len(self.further) else self.features


def loss_input(name: str, images: int, device: torch.device) -> LossInput:
    """Return N = 2B anchors among themselves, or for PaCo N = B among 2B and the queue."""
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
    """Compute the project's loss, as the methods call it."""
    own = torch.arange(len(given.labels), device=given.labels.device)
    contrasts = Contrasts(given.contrasts, given.contrast_labels, own)
    anchors = given.logits, given.features, given.labels
    return aduc(*anchors, contrasts, alpha=ALPHA, prior=given.prior).mean()


def released(given: LossInput) -> Tensor:
    """Compute `aduc(weighting="released")` as the authors' code does, with whole matrices."""
    anchors, classes = given.logits.shape
    similarities = given.features @ given.contrasts.T / TEMPERATURE
    entries = torch.cat([given.logits + torch.log(given.prior + 1e-9), similarities], dim=1)
    entries = entries - entries.max(dim=1, keepdim=True).values.detach()
    own = torch.arange(anchors, device=similarities.device)[:, None]
    others = torch.ones_like(similarities).scatter(1, own, 0.0)
    positives = (given.labels[:, None] == given.contrast_labels).float() * others
    own_class = functional.one_hot(given.labels, classes).float()
    weights = torch.cat([own_class, ALPHA * positives], dim=1)
    counted = torch.cat([torch.ones_like(own_class), others], dim=1)
    total = (entries.exp() * counted).sum(dim=1, keepdim=True)
    log_p = entries - torch.log(total + 1e-12)
    mean = (weights * log_p).sum(dim=1) / (weights.sum(dim=1) + 1e-12)
    return -(TEMPERATURE / BASE_TEMPERATURE) * mean.mean()


def floor(given: LossInput) -> Tensor:
    """Compute one product of matrices and a logsumexp, as torch's own operations do them."""
    return (given.features / TEMPERATURE @ given.contrasts.T).logsumexp(dim=1).sum()


FORMS = {"ours": ours, "floor": floor, "released": released}


def forward_backward(form: Callable[[LossInput], Tensor], given: LossInput) -> None:
    """Compute one loss and its gradients, which replace those before."""
    given.features.grad = given.logits.grad = None
    form(given).backward()  # type: ignore[no-untyped-call]


def measure(bench: Bench) -> Section:
    """Return three rows for every loss, B and device."""
    rows: list[Row] = []
    figures: dict[str, Spread] = {}
    for device, name, images in product(devices(), ("AduC", "PaCo"), bench.effort.loss_batches):
        forms = measure_forms(loss_input(name, images, device), bench.effort.rounds)
        key: Row = {"loss": name, "device": device.type, "B": images}
        rows += [{**key, "form": form, **values} for form, values in forms.items()]
        if (name, device.type) == ("AduC", "cpu"):
            figures[f"loss_time_{images}"] = forms["ours"]["time over the floor's"]
            figures[f"loss_memory_{images}"] = forms["ours"]["matrices"]
    notes = (
        "Forward and backward, float32, D = 128, 7 classes; on the CPU one thread and CPU seconds.",
        "floor: one product of anchors and contrasts and a logsumexp, with gradients for the "
        "anchors; released: the authors' form.",
        "A matrix is N x M float32: AduC N = M = 2B; PaCo N = B, M = 2B + 1024. Memory is the "
        "peak beyond the inputs, gradients included.",
    )
    return Section("Loss", rows, notes, figures)


def measure_forms(given: LossInput, rounds: int) -> dict[str, dict[str, Spread]]:
    """Time all three forms alternately, then measure their memory."""
    device = given.features.device
    # A process's CPU clock does not see its GPU.
    clock = cpu_clock if device.type == "cpu" else wall_clock
    calls = {form: partial(forward_backward, call, given) for form, call in FORMS.items()}
    with one_thread():
        seconds = alternate(calls, rounds, clock)
        peaks = {form: _peak(call, given) for form, call in calls.items()}
    matrix = given.features.element_size() * len(given.labels) * len(given.contrast_labels)
    return {
        form: {
            "ms": spread([1000 * value for value in seconds[form]]),
            "time over the floor's": ratio(seconds[form], seconds["floor"]),
            "MiB": spread([peaks[form] / MIB]),
            "matrices": spread([peaks[form] / matrix]),
        }
        for form in FORMS
    }


def _peak(call: Callable[[], None], given: LossInput) -> int:
    given.features.grad = given.logits.grad = None
    return peak_bytes(call, given.features.device)
