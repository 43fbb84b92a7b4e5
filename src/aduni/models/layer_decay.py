"""Layer-wise decay of the learning rate, for the fine-tuning of pretrained backbones.

Source: BEiT (Bao et al. 2022) and MAE (He et al. 2022), released code (`get_layer_id_for_vit`).
"""

import re
from collections.abc import Sequence

from torch import nn
from torch.nn import Parameter

from aduni.errors import UserError

BLOCK = re.compile(r"(?:[^.]+\.)*?(?:encoder_layer_)?\d+(?=\.)")
"""A block's name: up to the first component that is a number, or torchvision's encoder_layer_3."""


def rate_factors(backbone: nn.Module, decay: float) -> dict[Parameter, float]:
    """Return each parameter's factor of the learning rate, decay ** (number of blocks behind).

    Raises:
        UserError: the names of the parameters have no numbered blocks.
    """
    named = dict(backbone.named_parameters())
    behind = blocks_behind(list(named))
    return {values: decay**count for values, count in zip(named.values(), behind, strict=True)}


def blocks_behind(names: Sequence[str]) -> list[int]:
    """Count the blocks behind each parameter, where what follows the last block is one more.

    Parameters before the first block, such as a stem or embeddings, have all blocks behind them;
    those after the last one, none; those between two belong to the one before.
    """
    owners = [match[0] if (match := BLOCK.match(name)) else None for name in names]
    blocks = {block: number for number, block in enumerate(filter(None, dict.fromkeys(owners)), 1)}
    if not blocks:
        raise UserError(
            "encoder.layer_decay needs numbered blocks in the names of the weights, which this "
            "encoder does not have; set encoder.layer_decay=1."
        )
    end = len(names) - owners[::-1].index(next(filter(None, reversed(owners))))
    depths = [0]
    for owner in owners[:end]:
        depths.append(blocks[owner] if owner else depths[-1])
    return [len(blocks) + 1 - depth for depth in depths[1:]] + [0] * (len(names) - end)
