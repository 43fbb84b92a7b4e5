"""Optimizers of the group `optimizer`, for the parameters that a stage trains."""

from collections.abc import Mapping
from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeFloat
from torch.nn import Parameter
from torch.optim import SGD, AdamW, Optimizer

from aduni.models.adaptation import is_norm_or_bias

Share = Annotated[float, Field(ge=0, lt=1)]


def sgd(
    named: list[tuple[str, Parameter]],
    lr: float,
    /,
    *,
    momentum: Share = 0.9,
    weight_decay: NonNegativeFloat = 1e-4,
    decay_norms_and_biases: bool = True,
) -> Optimizer:
    """Return SGD with momentum; weight decay is added to the gradient.

    Args:
        named: names and parameters to train.
        lr: learning rate, which the caller changes every epoch.
        momentum: factor of the sum of earlier gradients.
        weight_decay: factor of the weights that are added to the gradient.
        decay_norms_and_biases: whether parameters of norms and biases decay, too.
    """
    groups = parameter_groups(named, weight_decay, decay_norms_and_biases)
    # Fused: one pass over the parameters.
    optimizer = SGD(groups, lr, momentum, weight_decay=weight_decay, fused=True)
    if momentum:
        # Fused SGD would allocate them without values in its first step, which a gradient scaler
        # may skip: the second step would then add whatever was in memory.
        for _, parameter in named:
            optimizer.state[parameter]["momentum_buffer"] = torch.zeros_like(parameter)
    return optimizer


def adamw(
    named: list[tuple[str, Parameter]],
    lr: float,
    /,
    *,
    betas: tuple[Share, Share] = (0.9, 0.999),
    weight_decay: NonNegativeFloat = 0.05,
    decay_norms_and_biases: bool = False,
) -> Optimizer:
    """Return Adam with decoupled weight decay (Loshchilov and Hutter 2019).

    Args:
        named: names and parameters to train.
        lr: learning rate, which the caller changes every epoch.
        betas: decay rates of the averages of the gradient and of its square.
        weight_decay: share of the weights that a step of rate 1 takes away.
        decay_norms_and_biases: whether parameters of norms and biases decay, too.
    """
    groups = parameter_groups(named, weight_decay, decay_norms_and_biases)
    return AdamW(groups, lr, betas, weight_decay=weight_decay, fused=True)


def parameter_groups(
    named: list[tuple[str, Parameter]], weight_decay: float, decay_norms_and_biases: bool
) -> list[dict[str, Any]]:
    """Divide parameters into one group with weight decay and, if needed, one without."""
    free = [
        parameter
        for name, parameter in named
        if not decay_norms_and_biases and is_norm_or_bias(name, parameter)
    ]
    ids = {id(parameter) for parameter in free}
    decaying = [parameter for _, parameter in named if id(parameter) not in ids]
    groups = [{"params": decaying, "weight_decay": weight_decay}]
    return groups + ([{"params": free, "weight_decay": 0.0}] if free else [])


def split_by_rate(optimizer: Optimizer, factors: Mapping[Parameter, float]) -> None:
    """Divide an optimizer's groups into ones whose learning rate has the same factor, `lr_factor`.

    Args:
        optimizer: optimizer that has not taken a step.
        factors: factor of each parameter; 1 if it has none.
    """
    groups = []
    for group in optimizer.param_groups:
        parts: dict[float, list[Parameter]] = {}
        for parameter in group["params"]:
            parts.setdefault(factors.get(parameter, 1.0), []).append(parameter)
        groups += [{**group, "params": part, "lr_factor": key} for key, part in parts.items()]
    optimizer.param_groups = groups
