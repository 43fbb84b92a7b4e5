"""Class weights: from (C,) numbers of training images to (C,) factors of the classes' losses.

A class without training images has the weight 0 and counts in no sum, so that the others are
finite. To add weights, add a function here and a YAML in conf/class_weights that names it.
"""

from collections.abc import Callable
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

ClassWeightFunction = Callable[[Tensor], Tensor]

Share = Annotated[float, Field(ge=0, lt=1)]


def effective_number_weights(class_counts: Tensor, beta: Share = 0.9999) -> Tensor:
    """Return (C,) weights (1 - beta) / (1 - beta^n_c), scaled to a mean of 1 over the classes.

    Source: Cui et al. 2019, equation 11, with the scale of the paper. beta = 0 gives ones, and beta
    near 1 the inverse frequencies.
    """

    def weigh(counts: Tensor) -> Tensor:
        weights = (1 - beta) / (1 - beta**counts)
        return weights / weights.mean()

    return _of_present(weigh, class_counts)


def inverse_weights(class_counts: Tensor) -> Tensor:
    """Return (C,) weights n / (C n_c), whose mean over the training images is 1.

    Source: King and Zeng 2001; scikit-learn's `class_weight="balanced"`. All classes together weigh
    as if each had equally many images, as `sampler=balanced` draws them.
    """
    return _of_present(lambda counts: counts.sum() / (len(counts) * counts), class_counts)


def sqrt_weights(class_counts: Tensor) -> Tensor:
    """Return (C,) weights proportional to n_c^(-1/2), whose mean over the training images is 1.

    Source: Mahajan et al. 2018, whose square-root sampling (`sampler=sqrt`) gives the classes the
    same shares.
    """
    return _of_present(
        lambda counts: counts.sum() / (counts.sqrt().sum() * counts.sqrt()), class_counts
    )


def log_weights(class_counts: Tensor) -> Tensor:
    """Return (C,) weights 1 - log(n_c / n_max), 1 for the most frequent class; not rescaled.

    Source: the weighted softmax of the released code of Kang et al. 2020, which MONICA uses, too.
    """
    return _of_present(lambda counts: 1 - (counts / counts.max()).log(), class_counts)


def _of_present(weigh: ClassWeightFunction, class_counts: Tensor) -> Tensor:
    """Apply a function to the counts above 0, in float64, and give the other classes 0."""
    counts = class_counts.double()  # in float32, 1 - 0.9999^n loses half its digits
    weights = torch.zeros_like(counts)
    present = counts > 0
    weights[present] = weigh(counts[present])
    return weights.to(torch.promote_types(class_counts.dtype, torch.float32))
