"""The classifier of a method as a matrix and a bias, whatever layers compute it."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from aduni.methods.base import Method
from aduni.models.encoder import Encoder
from aduni.shortage import raise_shortage

ROWS = 512
"""Features that the classifier maps at once."""

TOLERANCE = 1e-5


@dataclass(frozen=True)
class Head:
    """Logits of features x: x W' + b, or u W' + b of their unit vectors u.

    Attributes:
        weight: W, (C, D).
        bias: b, (C,).
        is_cosine: whether the features are divided by their norm first.
    """

    weight: Tensor
    bias: Tensor
    is_cosine: bool

    def __call__(self, features: Tensor) -> Tensor:
        """Compute (N, C) logits of (N, D) features."""
        unit = functional.normalize(features) if self.is_cosine else features
        return functional.linear(unit, self.weight, self.bias)

    @property
    def module(self) -> nn.Linear:
        """Return the matrix and the bias as a layer."""
        layer = nn.Linear(self.weight.shape[1], len(self.weight))
        layer.load_state_dict({"weight": self.weight, "bias": self.bias})
        return layer


@torch.inference_mode()
def head_of(method: Method, encoder: Encoder) -> Head | None:
    """Return the head that a method has after its encoder; None if it is neither of the two kinds.

    It is read off the logits of unit vectors, so that factors and shifts of the logits are part of
    it. The computation is in float64, so that a linear layer gives its own weights.
    """
    # An encoder passes features (N, D) on, so the copy needs no backbone.
    plain = copy.deepcopy(method, {id(encoder.backbone): nn.Identity()}).double().eval()
    width = encoder.features
    try:
        bias = plain(torch.zeros(1, width, dtype=torch.float64))[0]
        rows = [plain(_unit_vectors(start, width)) for start in range(0, width, ROWS)]
        features = torch.randn(ROWS, width, generator=torch.Generator().manual_seed(0)).double()
        expected = plain(features)
    except Exception as error:  # a method of the user's may raise any kind
        raise_shortage(error)
        return None
    weight = (torch.cat(rows) - bias).T
    for is_cosine in (False, True):
        difference = (Head(weight, bias, is_cosine)(features) - expected).abs().max()
        if difference <= TOLERANCE * expected.abs().max():
            return Head(weight.float().contiguous(), bias.float(), is_cosine)
    return None


def _unit_vectors(start: int, width: int) -> Tensor:
    numbers = torch.arange(start, min(start + ROWS, width))
    return functional.one_hot(numbers, width).double()
