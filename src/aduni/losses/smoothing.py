"""Cross-entropy with smoothed labels: the same for all classes, or more for frequent ones.

Both take (N, C) logits, (N,) labels and the (C,) numbers of training images of each class, and
return one value per sample, (N,), as the losses of `aduni.losses.softmax` do.
"""

import math
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from aduni.losses.precision import full_precision

Smoothing = Annotated[float, Field(ge=0, le=1)]


def label_smoothing(
    logits: Tensor, labels: Tensor, class_counts: Tensor, *, smoothing: Smoothing = 0.98
) -> Tensor:
    """Compute loss_i = (1 - e) (-log p_y) + e mean_c (-log p_c); the counts are not used.

    The true class has the target 1 - e + e / C and each other one e / C. Source: Szegedy et al.
    2016, section 7; Sun et al. 2025 use e = 0.98 for a classifier on frozen features (label
    over-smoothing).
    """
    return _smoothed(logits, labels, logits.new_full(labels.shape, smoothing, dtype=torch.float32))


def label_aware_smoothing(
    logits: Tensor,
    labels: Tensor,
    class_counts: Tensor,
    *,
    head: Smoothing = 0.3,
    tail: Smoothing = 0.0,
) -> Tensor:
    """Compute the loss of `label_smoothing` with the smoothing e_y of the true class.

    Source: Zhong et al. 2021, section 3.2, and `LabelAwareSmoothing` of the released code, in which
    the mean is over all classes, the true one included.

    Args:
        logits: (N, C) logits.
        labels: (N,) class numbers.
        class_counts: (C,) training images of each class.
        head: smoothing of the most frequent class.
        tail: smoothing of the rarest class.
    """
    return _smoothed(logits, labels, class_smoothing(class_counts, head, tail)[labels])


def class_smoothing(class_counts: Tensor, head: float, tail: float) -> Tensor:
    """Return the (C,) smoothing e_c of each class, which grows with its number of images.

    e_c = tail + (head - tail) sin( pi / 2 * (n_c - n_min) / (n_max - n_min) ), the concave form of
    Zhong et al. 2021, section 3.2. With equal counts, which leave it undefined, every class is the
    most frequent one: e_c = head.
    """
    counts = class_counts.to(torch.promote_types(class_counts.dtype, torch.float32))
    lowest, spread = counts.min(), counts.max() - counts.min()
    share = torch.where(spread > 0, (counts - lowest) / torch.where(spread > 0, spread, 1), 1.0)
    return tail + (head - tail) * torch.sin(math.pi / 2 * share)


def _smoothed(logits: Tensor, labels: Tensor, smoothing: Tensor) -> Tensor:
    negative_log = -full_precision(logits).log_softmax(dim=1)
    smoothing = smoothing.to(negative_log)
    true = negative_log.gather(1, labels[:, None]).squeeze(1)
    return (1 - smoothing) * true + smoothing * negative_log.mean(dim=1)
