"""Compare the optimizers with their formulas written out, and check their parameter groups."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from aduni.methods.base import Method, Stage
from aduni.models.encoder import Encoder
from aduni.training.lightning_module import Optimisation, StageModule, learnable
from aduni.training.optimizers import adamw, sgd
from composing import settings_of


class Weights(Method):
    """Two parameters, of which the loss is made by the test."""

    stages = ()

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Linear(3, 2)


def _learner(method, make):
    stage = Stage("train", 1, lambda batch, epoch: {})
    optimisation = Optimisation(make, 0.1, 0.1, 0)
    return StageModule(method, stage, optimisation, 2, (0, 0), {}, learnable(method))


def _optimizer(method, make):
    return _learner(method, make).configure_optimizers()


def _cubes(optimizer, method, steps=3):
    """Yield before each step of a loss that is the sum of the cubes of all weights."""
    for _ in range(steps):
        optimizer.zero_grad()
        sum((value**3).sum() for value in method.parameters()).backward()
        yield
        optimizer.step()


@pytest.mark.parametrize("everywhere", [True, False])
@pytest.mark.parametrize(("momentum", "decay"), [(0.9, 0.05), (0.0, 0.05), (0.7, 0.0), (0.0, 0.0)])
def test_three_steps_of_sgd_are_those_of_the_formula(momentum, decay, everywhere):
    torch.manual_seed(0)
    method = Weights().double()
    options = {"momentum": momentum, "weight_decay": decay, "decay_norms_and_biases": everywhere}
    optimizer = _optimizer(method, partial(sgd, **options))
    expected = {name: value.detach().clone() for name, value in method.named_parameters()}
    speed = {name: torch.zeros_like(value) for name, value in expected.items()}
    for _ in _cubes(optimizer, method):
        for name, value in expected.items():
            own = decay if everywhere or name == "encoder.weight" else 0.0
            speed[name] = momentum * speed[name] + 3 * value**2 + own * value
            expected[name] = value - 0.1 * speed[name]

    for name, value in method.named_parameters():
        torch.testing.assert_close(value.detach(), expected[name], rtol=1e-12, atol=0)


@pytest.mark.parametrize("everywhere", [True, False])
def test_three_steps_of_adamw_are_those_of_the_formula(everywhere):
    torch.manual_seed(0)
    method = Weights().double()
    options = {"betas": (0.8, 0.9), "weight_decay": 0.3, "decay_norms_and_biases": everywhere}
    optimizer = _optimizer(method, partial(adamw, **options))
    expected = {name: value.detach().clone() for name, value in method.named_parameters()}
    mean = {name: torch.zeros_like(value) for name, value in expected.items()}
    square = {name: torch.zeros_like(value) for name, value in expected.items()}
    for step, _ in enumerate(_cubes(optimizer, method), start=1):
        for name, value in expected.items():
            gradient = 3 * value**2
            mean[name] = 0.8 * mean[name] + 0.2 * gradient
            square[name] = 0.9 * square[name] + 0.1 * gradient**2
            decay = 0.3 if everywhere or name == "encoder.weight" else 0.0
            direction = (mean[name] / (1 - 0.8**step)) / (
                (square[name] / (1 - 0.9**step)).sqrt() + 1e-8
            )
            expected[name] = value - 0.1 * decay * value - 0.1 * direction

    for name, value in method.named_parameters():
        torch.testing.assert_close(value.detach(), expected[name], rtol=1e-10, atol=0)


@pytest.mark.parametrize("make", [sgd, adamw])
def test_a_first_step_that_a_gradient_scaler_skips_leaves_nothing_behind(make, poisoned):
    torch.manual_seed(0)
    method, other = Weights(), Weights()
    other.load_state_dict(method.state_dict())
    skipping, plain = _optimizer(method, make), _optimizer(other, make)
    skipping.grad_scale, skipping.found_inf = torch.ones(()), torch.ones(())
    for _ in _cubes(skipping, method, steps=1):
        pass
    skipping.found_inf = torch.zeros(())
    for _ in _cubes(skipping, method, steps=2):
        pass
    for _ in _cubes(plain, other, steps=2):
        pass

    for one, two in zip(method.parameters(), other.parameters(), strict=True):
        assert torch.equal(one, two)


def test_norms_and_biases_are_the_group_without_decay():
    class Normed(Method):
        stages = ()

        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 2))

    method = Normed()
    decaying, free = _optimizer(method, partial(adamw, weight_decay=0.1)).param_groups

    names = {id(value): name for name, value in method.named_parameters()}
    assert [names[id(value)] for value in decaying["params"]] == [
        "encoder.0.weight",
        "encoder.2.weight",
    ]
    assert len(free["params"]) == 4
    assert (decaying["weight_decay"], free["weight_decay"]) == (0.1, 0.0)


class Decaying(Method):
    """A backbone whose learning rate decays, and a head."""

    stages = ()

    def __init__(self, layer_decay: float) -> None:
        super().__init__()
        options = {"image_size": 16, "mean": [0.5] * 3, "std": [0.5] * 3}
        self.encoder = Encoder("resnet18", layer_decay=layer_decay, **options)
        self.classifier = nn.Linear(512, 2)

    def block(self, name: str) -> int:
        """Return the number of a parameter's block, from 1: ResNet-18 has 8; 9 is the head."""
        if not name.startswith("encoder."):
            return 9
        _, _, layer, block, *_ = [*name.split("."), ""]
        return 2 * int(layer[-1]) - 1 + int(block) if layer.startswith("layer") else 0


@pytest.mark.parametrize("make", [sgd, adamw])
def test_each_epoch_sets_the_rate_of_every_block(make, monkeypatch):
    method = Decaying(0.5)
    learner = _learner(method, make)
    optimizer = learner.configure_optimizers()
    monkeypatch.setattr(
        learner, "_trainer", SimpleNamespace(optimizers=[optimizer], current_epoch=0)
    )
    monkeypatch.setattr(learner, "log", lambda *_: None)
    before = {name: value.detach().clone() for name, value in method.named_parameters()}

    learner.on_train_epoch_start()

    names = {id(value): name for name, value in method.named_parameters()}
    rates = {
        names[id(value)]: (group["lr"], group["weight_decay"])
        for group in optimizer.param_groups
        for value in group["params"]
    }
    assert rates.keys() == before.keys()
    for name, (rate, decay) in rates.items():
        assert rate == pytest.approx(0.1 * 0.5 ** (9 - method.block(name))), name
        small = before[name].ndim == 1
        assert decay == (1e-4 if make is sgd else 0.0 if small else 0.05), name
    for value in method.parameters():
        value.grad = torch.full_like(value, 0.01)
    optimizer.step()
    for name, value in method.named_parameters():
        rate, decay = rates[name]
        old = before[name]
        # The first step of Adam is the rate in the direction of the gradient.
        step = 0.01 + decay * old if make is sgd else 1 + decay * old
        torch.testing.assert_close(value.detach(), old - rate * step, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("make", [sgd, adamw])
def test_without_decay_the_groups_are_those_of_before(make):
    groups = _optimizer(Decaying(1.0), make).param_groups

    assert len(groups) == (1 if make is sgd else 2)
    assert not any("lr_factor" in group for group in groups)


def test_a_method_without_an_encoder_is_trained():
    class Plain(Method):
        stages = ()

        def __init__(self) -> None:
            super().__init__()
            self.network = nn.Linear(3, 2)

    assert len(_optimizer(Plain(), sgd).param_groups) == 1


def test_the_defaults_are_those_of_the_released_code():
    settings = settings_of()

    assert settings.optimizer == {
        "_target_": "aduni.training.sgd",
        "_partial_": True,
        "momentum": 0.9,
        "weight_decay": 1e-4,
        "decay_norms_and_biases": True,
    }
