"""Half types overflow in exponentials: losses are computed in float32 at least."""

import torch
from torch import Tensor


def full_precision(values: Tensor) -> Tensor:
    """float16 and bfloat16 as float32; float32 and float64 stay what they are."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
