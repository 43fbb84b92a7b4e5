"""Choose what a training changes of a backbone: all, norms and biases, attention, or nothing."""

from importlib.util import find_spec
from typing import Literal

import torch
from torch import Tensor, nn

from aduni.errors import UserError, missing_extra

Adaptation = Literal["full", "norm_bias", "lora", "frozen"]

RANK, ALPHA = 8, 16
"""Rank of the additions, whose factor is ALPHA / RANK; checkpoints of another rank do not load."""

ATTENTION = ("qkv", "q", "k", "v", "kv", "q_proj", "k_proj", "v_proj")
"""Names of the linear layers that compute queries, keys and values, in timm."""


def adapt(backbone: nn.Module, adaptation: Adaptation, example: Tensor, encoder_name: str) -> None:
    """Leave gradients to those parameters that the training changes.

    `lora` adds low-rank matrices to the attention (Hu et al. 2022), which are all that learns.

    Args:
        example: image that the backbone takes, (1, 3, H, W).
        encoder_name: name of the encoder for errors.
    """
    if adaptation == "lora":
        _add_lora(backbone, encoder_name)
        _check_effect(backbone, example, encoder_name)
        return
    for name, values in backbone.named_parameters():
        if adaptation == "frozen" or (
            adaptation == "norm_bias" and not is_norm_or_bias(name, values)
        ):
            values.requires_grad_(False)


def is_norm_or_bias(name: str, values: nn.Parameter) -> bool:
    """Return whether a parameter is a bias or of a norm, which has one dimension, as timm does."""
    return values.ndim <= 1 or name.endswith(".bias")


def merge_lora(module: nn.Module) -> None:
    """Add the low-rank matrices to the weights, and restore the layers that they were added to."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, layer in list(module.named_modules()):
        if isinstance(layer, BaseTunerLayer):
            layer.merge()
            module.set_submodule(name, layer.get_base_layer())


def _add_lora(backbone: nn.Module, encoder_name: str) -> None:
    modules = list(backbone.named_modules())
    linear = [
        name
        for name, module in modules
        if isinstance(module, nn.Linear) and name.rpartition(".")[2] in ATTENTION
    ]
    packed = [
        f"{name}.in_proj_weight"
        for name, module in modules
        if isinstance(module, nn.MultiheadAttention)
    ]
    if not linear and not packed:
        raise UserError(
            f"encoder.adaptation=lora changes attention layers, which encoder.name={encoder_name} "
            "does not have; use a vision transformer, or encoder.adaptation=norm_bias."
        )
    if find_spec("peft") is None:
        raise missing_extra("encoder.adaptation=lora", "peft", "peft")
    from peft import LoraConfig, inject_adapter_in_model

    config = LoraConfig(
        r=RANK,
        lora_alpha=ALPHA,
        target_modules=linear or None,
        target_parameters=packed or None,
    )
    inject_adapter_in_model(config, backbone)


def _check_effect(backbone: nn.Module, example: Tensor, encoder_name: str) -> None:
    """Refuse backbones that read an attention layer's weights without calling the layer.

    The first pass also brings the parameters into the order that peft leaves them in.
    """
    added = [values for name, values in backbone.named_parameters() if ".lora_B." in name]
    was_training = backbone.training
    output = backbone.eval()(example.clone().requires_grad_())
    backbone.train(was_training)
    if None in torch.autograd.grad(output.sum(), added, allow_unused=True):
        raise UserError(
            f"encoder.adaptation=lora has no effect on encoder.name={encoder_name}, which computes "
            "attention in a way of its own; use encoder.adaptation=norm_bias."
        )
