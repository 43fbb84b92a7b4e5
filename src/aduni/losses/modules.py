"""Losses as modules with the signature of torch's own: a mean over the batch.

Letters: N samples (V views of each image are V samples), C classes, D features (see aduni.batch).
"""

from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from aduni.losses.balanced_contrast import balanced_contrastive, with_prototypes
from aduni.losses.contrastive import Contrasts, aduc, supervised_contrastive
from aduni.losses.softmax import SoftmaxLoss
from aduni.losses.weights import ClassWeightFunction


class LogitLoss(nn.Module):
    """Compute the mean of any loss of `aduni.losses` on logits, as `nn.CrossEntropyLoss` does.

    Args:
        function: such as `balanced_softmax`, `logit_adjusted`, `focal` or `ldam`.
        class_counts: (C,) training images of each class.
        class_weights: function from the counts to (C,) weights, such as `inverse_weights`; None for
            no weights.
        divide_by: what the weighted sum is divided by: the sum of the weights, as in torch's own
            losses, or the number of images.
        options: keyword arguments of the function, such as tau.
    """

    class_counts: Tensor
    class_weights: Tensor | None

    def __init__(
        self,
        function: SoftmaxLoss,
        class_counts: Any,
        *,
        class_weights: ClassWeightFunction | None = None,
        divide_by: Literal["weights", "images"] = "weights",
        **options: float,
    ) -> None:
        super().__init__()
        self.function, self.options, self.divide_by = function, options, divide_by
        counts = torch.as_tensor(class_counts, dtype=torch.float32)
        weights = None if class_weights is None else class_weights(counts)
        self.register_buffer("class_counts", counts, persistent=False)
        self.register_buffer("class_weights", weights, persistent=False)

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of (N, C) logits and (N,) labels."""
        losses = self.function(logits, labels, self.class_counts, **self.options)
        if self.class_weights is None:
            return losses.mean()
        weights = self.class_weights[labels]
        total = weights.sum() if self.divide_by == "weights" else len(losses)
        return (losses * weights).sum() / total


class SupervisedContrastiveLoss(nn.Module):
    """Compute the mean supervised contrastive loss (Khosla et al. 2020, equation 2).

    Args:
        temperature: tau.
        base_temperature: tau_base; equal to tau for the equation without a factor.
    """

    def __init__(self, temperature: float = 0.1, base_temperature: float = 0.07) -> None:
        super().__init__()
        self.temperature, self.base_temperature = temperature, base_temperature

    def forward(self, features: Tensor, labels: Tensor) -> Tensor:
        """Return the mean loss of (N, D) features, scaled to length 1, and (N,) labels."""
        unit = functional.normalize(features, dim=1)
        losses = supervised_contrastive(
            unit,
            labels,
            _all(unit, labels),
            classes=int(labels.max()) + 1,
            temperature=self.temperature,
            base_temperature=self.base_temperature,
        )
        return losses.mean()


class BalancedContrastiveLoss(nn.Module):
    """Compute the mean balanced contrastive loss (Zhu et al. 2022).

    Args:
        classes: C.
        temperature: tau.
    """

    def __init__(self, classes: int, temperature: float = 0.07) -> None:
        super().__init__()
        self.classes, self.temperature = classes, temperature

    def forward(self, features: Tensor, labels: Tensor, prototypes: Tensor | None = None) -> Tensor:
        """Return the mean loss of all N samples, each compared with all others.

        Args:
            features: (N, D), scaled to length 1.
            labels: (N,).
            prototypes: (C, D), scaled to length 1, further contrasts; None for none.
        """
        unit = functional.normalize(features, dim=1)
        contrasts = _all(unit, labels)
        if prototypes is not None:
            numbers = torch.arange(self.classes, device=labels.device)
            contrasts = with_prototypes(contrasts, functional.normalize(prototypes, dim=1), numbers)
        losses = balanced_contrastive(
            unit, labels, contrasts, classes=self.classes, temperature=self.temperature
        )
        return losses.mean()


class AduCLoss(nn.Module):
    """Compute the mean AduC loss (Cong et al. 2022); `aduni.losses.aduc` has the formula.

    Args:
        class_counts: (C,) training images of each class for the logit adjustment; None for none.
        temperature: tau of the similarities.
        base_temperature: tau_base of the released weighting.
        weighting: the authors' code (released) or the paper (printed).
    """

    prior: Tensor | None

    def __init__(
        self,
        class_counts: Any = None,
        *,
        temperature: float = 0.1,
        base_temperature: float = 0.07,
        weighting: Literal["released", "printed"] = "released",
    ) -> None:
        super().__init__()
        self.temperature, self.base_temperature = temperature, base_temperature
        self.weighting: Literal["released", "printed"] = weighting
        prior = None
        if class_counts is not None:
            prior = torch.as_tensor(class_counts, dtype=torch.float32)
            prior = prior / prior.sum()
        self.register_buffer("prior", prior, persistent=False)

    def forward(
        self, logits: Tensor, features: Tensor, labels: Tensor, *, alpha: float, beta: float = 1.0
    ) -> Tensor:
        """Return the mean loss of all N samples, each compared with all others.

        Args:
            logits: (N, C).
            features: (N, D), scaled to length 1.
            labels: (N,).
            alpha: weight of each positive pair, such as `aduni.schedules.released(epoch, T).alpha`.
            beta: weight of the class term.
        """
        unit = functional.normalize(features, dim=1)
        losses = aduc(
            *(logits, unit, labels, _all(unit, labels)),
            alpha=alpha,
            beta=beta,
            prior=self.prior,
            temperature=self.temperature,
            base_temperature=self.base_temperature,
            weighting=self.weighting,
        )
        return losses.mean()


def _all(features: Tensor, labels: Tensor) -> Contrasts:
    return Contrasts(features, labels, torch.arange(len(labels), device=labels.device))
