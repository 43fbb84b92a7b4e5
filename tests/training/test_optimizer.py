"""The optimiser against SGD written out: momentum and weight decay are those of the settings."""

import pytest
import torch
from torch import nn

from aduni.methods.base import Method, Stage
from aduni.training.lightning_module import Optimisation, StageModule, learnable
from composing import settings_of


class Weights(Method):
    """Two parameters, of which the loss is made by the test."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(3, 2)


@pytest.mark.parametrize(("momentum", "decay"), [(0.9, 0.05), (0.0, 0.05), (0.7, 0.0), (0.0, 0.0)])
def test_three_steps_are_those_of_the_formula(momentum, decay):
    torch.manual_seed(0)
    method = Weights().double()
    stage = Stage("train", 1, lambda batch, epoch: {})
    settings = Optimisation(0.1, 0.1, 0, momentum, decay)
    learner = StageModule(method, stage, settings, 2, (0, 0), {}, learnable(method))
    optimiser = learner.configure_optimizers()
    expected = {name: value.detach().clone() for name, value in method.named_parameters()}
    speed = {name: torch.zeros_like(value) for name, value in expected.items()}
    for _ in range(3):
        optimiser.zero_grad()
        sum((value**3).sum() for value in method.parameters()).backward()
        optimiser.step()
        for name, value in expected.items():
            speed[name] = momentum * speed[name] + 3 * value**2 + decay * value
            expected[name] = value - 0.1 * speed[name]

    for name, value in method.named_parameters():
        torch.testing.assert_close(value.detach(), expected[name], rtol=1e-12, atol=0)


def test_the_defaults_are_those_of_the_released_code():
    settings = settings_of()

    assert (settings.momentum, settings.weight_decay) == (0.9, 1e-4)
