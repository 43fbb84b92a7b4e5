"""Conversion of half types, whose exponentials overflow, to float32."""

import torch
from torch import Tensor


def full_precision(values: Tensor) -> Tensor:
    """Convert float16 and bfloat16 to float32; leave float32 and float64 unchanged."""
    return values.float() if values.dtype in (torch.float16, torch.bfloat16) else values
