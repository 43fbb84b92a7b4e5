"""A real gradient scaler skips a first step, and leaves nothing behind."""

import math

import pytest
import torch
from torch import nn

from aduni.training.optimizers import adamw, sgd


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize("make", [sgd, adamw])
def test_a_skipped_first_step_is_as_if_it_had_not_been(device, make):
    torch.manual_seed(0)
    module = nn.Linear(3, 2)
    weights = []
    for factors in ([math.inf, 1.0, 1.0], [1.0, 1.0]):
        copied = nn.Linear(3, 2)
        copied.load_state_dict(module.state_dict())
        copied.to(device)
        optimizer = make(list(copied.named_parameters()), 0.1)
        scaler = torch.amp.GradScaler(device.type, init_scale=4.0)
        for factor in factors:
            optimizer.zero_grad()
            loss = sum((value**3).sum() for value in copied.parameters()) * factor
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        weights.append([value.detach().cpu() for value in copied.parameters()])

    for one, other in zip(*weights, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-6, atol=0)
