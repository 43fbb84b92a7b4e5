"""Losses and gradients are those of the CPU, and finite in mixed precision."""

import copy

import pytest
import torch
from torch import nn

from aduni.batch import Batch
from aduni.config.instantiate import build
from aduni.methods.base import DataInfo, Method, Stage
from composing import networks, settings_of
from tiny_encoder import TinyEncoder

CLASSES, EACH, EPOCHS = 5, 6, 2
TOLERANCE = 1e-4
METHODS = networks()


def stages_of(method: Method) -> list[Stage]:
    return [stage for stage in method.stages if stage.epochs]


def tiny_method(name: str) -> Method:
    """Without dropout, whose random numbers differ between devices."""
    settings = settings_of(f"method={name}", f"epochs={EPOCHS}")
    counts = torch.tensor([60.0, 30.0, 20.0, 10.0, 6.0])
    info = DataInfo(counts, torch.full((EPOCHS, CLASSES), 1 / CLASSES), EPOCHS)
    torch.manual_seed(0)
    method: Method = build(settings.method, encoder=TinyEncoder(), info=info)
    for module in method.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return method.train()


def random_batch(views: int, side: int, device: torch.device) -> Batch:
    generator = torch.Generator().manual_seed(1)
    labels = torch.arange(CLASSES).repeat(EACH)
    shape = (views, len(labels), 3, side, side)
    pixels = torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)
    return Batch(*(values.to(device) for values in (pixels, labels, torch.arange(len(labels)))))


@pytest.fixture
def drawn_on_the_cpu(monkeypatch):
    """BALMS draws on the device; here both devices get the CPU's numbers."""
    for name in ("rand", "randint"):
        draw = getattr(torch, name)

        def on_cpu(*args, draw=draw, device=None, **kwargs):
            return draw(*args, **kwargs).to(device)

        monkeypatch.setattr(torch, name, on_cpu)


@pytest.mark.usefixtures("exact", "drawn_on_the_cpu")
@pytest.mark.parametrize("name", METHODS)
def test_loss_and_gradients_are_those_of_the_cpu(device, name):
    method = tiny_method(name)
    for number, stage in enumerate(stages_of(method)):
        found = []
        for place in (torch.device("cpu"), device):
            moved = copy.deepcopy(method).to(place)
            batch = random_batch(stage.views, 2, place)
            torch.manual_seed(2)
            terms = stages_of(moved)[number].loss(batch, 0)
            terms["loss"].backward()
            gradients = {n: p.grad.cpu() for n, p in moved.named_parameters() if p.grad is not None}
            found.append(({key: value.detach().cpu() for key, value in terms.items()}, gradients))

        (terms, gradients), (other_terms, other_gradients) = found
        torch.testing.assert_close(other_terms, terms, rtol=TOLERANCE, atol=TOLERANCE)
        assert gradients.keys() == other_gradients.keys()
        assert gradients
        largest = max(gradient.abs().max() for gradient in gradients.values())
        for key, gradient in gradients.items():
            difference = (other_gradients[key] - gradient).abs().max()
            assert difference <= TOLERANCE * largest, key


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16], ids=["bf16", "fp16"])
@pytest.mark.parametrize("name", METHODS)
def test_mixed_precision_is_finite(device, name, kind):
    method = tiny_method(name).to(device)
    for stage in stages_of(method):
        batch = random_batch(stage.views, 2, device)
        with torch.autocast(device.type, kind):
            terms = stage.loss(batch, 0)
        terms["loss"].backward()
        assert all(torch.isfinite(value).all() for value in terms.values())
        gradients = [p.grad for p in method.parameters() if p.grad is not None]
        assert all(torch.isfinite(gradient).all() for gradient in gradients)
