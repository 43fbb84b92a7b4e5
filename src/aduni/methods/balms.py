"""BALMS: Balanced Softmax on batches of a learned meta sampler (Ren et al. 2020)."""

import copy
from typing import Any

import torch
from pydantic import PositiveFloat
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from aduni.batch import Batch
from aduni.distributed.collectives import gather, of_first_rank
from aduni.errors import UserError
from aduni.losses.precision import full_precision
from aduni.losses.softmax import balanced_softmax, cross_entropy
from aduni.methods.base import DataInfo, Stage
from aduni.methods.two_stage import TwoStage
from aduni.models.encoder import Encoder


class MetaSampler(nn.Module):
    """One learned rate per class: an image of class c is drawn with probability ~ rate_c.

    The weights behind the rates are no trainable parameters of the model: they learn by a gradient
    of their own, under an Adam of their own, which checkpoints hold too.

    Args:
        class_counts: (C,) images of each class in the training part.
        lr: of Adam.
    """

    def __init__(self, class_counts: Tensor, lr: float) -> None:
        super().__init__()
        self.register_buffer("class_counts", class_counts.clone())
        self.weights = nn.Parameter(torch.zeros(len(class_counts)), requires_grad=False)
        self._adam = torch.optim.Adam([self.weights], lr=lr)

    class_counts: Tensor

    @property
    def rates(self) -> Tensor:
        """(C,) in 0..1, equal at first."""
        return self.weights.sigmoid()

    def draw(self, weights: Tensor, noise: Tensor) -> Tensor:
        """Which class each of n images of a batch is of.

        Gumbel-softmax with a straight-through gradient over all images of the training part; the
        images of a class are equally likely, so it is enough to draw the class, with probability
        n_c rate_c / sum.

        Args:
            weights: (C,) behind the rates; gradients reach it.
            noise: (n, C) of the standard Gumbel distribution.

        Returns:
            (n, C) one-hot.
        """
        soft = (self.class_counts.log() + functional.logsigmoid(weights) + noise).softmax(dim=1)
        hard = functional.one_hot(soft.argmax(dim=1), len(weights)).to(soft)
        return hard + soft - soft.detach()

    def learn(self, gradient: Tensor) -> None:
        """One step of Adam."""
        self.weights.grad = gradient
        self._adam.step()

    def get_extra_state(self) -> dict[str, Any]:
        """Adam's, as it is now: its own tensors change in place."""
        return copy.deepcopy(self._adam.state_dict())

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._adam.load_state_dict(copy.deepcopy(state))


class BALMS(TwoStage):
    """Stage 1: softmax. Stage 2: a new classifier under Balanced Softmax and the meta sampler.

    Each step loads one class-balanced batch of the training part. Half of each class's images are
    the pool that the meta sampler draws from, with replacement; the other half are the meta batch.
    A drawn image thus has the probability that a draw from the whole training part would give it,
    while workers can load ahead of the rates. The images of one class in a drawn batch repeat;
    the authors' code draws them from the whole part.

    Args:
        encoder: the encoder.
        info: class counts, epochs of the first stage.
        classifier_sampler: of the second stage; each batch must hold two images of each class.
        virtual_lr: of the classifier's virtual step.
        meta_lr: of the rates' Adam.
        retrained: arguments of `TwoStage`.
    """

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        classifier_sampler: Any = None,
        virtual_lr: PositiveFloat = 0.1,
        meta_lr: PositiveFloat = 0.01,
        **retrained: Any,
    ) -> None:
        super().__init__(encoder, info, **retrained)
        self.check_steps()
        self.meta_sampler = MetaSampler(info.class_counts, meta_lr)
        self.classifier_sampler = classifier_sampler
        self.virtual_lr = virtual_lr

    def classifier_stage(self) -> Stage:
        """The encoder stands still, the rates learn by themselves."""
        return Stage(
            "classifier",
            self.classifier_epochs,
            self.classifier_loss,
            trainable=("classifier",),
            sampler=self.classifier_sampler,
            on_start=self.reset_classifier,
            min_per_class=2,
        )

    def classifier_loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Update the rates, then Balanced Softmax on the drawn batch of all ranks' images."""
        features = gather(full_precision(self.encoder(batch.views.flatten(0, 1))))
        labels = gather(batch.labels)
        pool, meta = _halves(labels, len(self.class_counts))
        size = len(labels)
        uniform = of_first_rank(torch.rand(size, len(pool), device=labels.device))
        noise = -(-uniform.clamp(1e-9, 1 - 1e-7).log()).log()
        which = of_first_rank(torch.randint(pool.shape[1], noise.shape, device=labels.device))
        with torch.autocast(features.device.type, enabled=False):
            weights = self.meta_sampler.weights.clone().requires_grad_()
            shares = draw_shares(self.meta_sampler.draw(weights, noise), which, pool.shape[1])
            score = self._meta_loss(features, labels, pool, meta, shares)
            (gradient,) = torch.autograd.grad(score, weights)
            self.meta_sampler.learn(gradient)
            logits = self.classifier(features[pool.flatten()])
            losses = balanced_softmax(logits, labels[pool.flatten()], self.class_counts)
            loss = (losses * shares.detach().flatten()).sum()
        rates = {f"rate_{c}": rate for c, rate in enumerate(self.meta_sampler.rates)}
        return {"loss": loss, "meta_loss": score.detach(), **rates}

    def _meta_loss(
        self, features: Tensor, labels: Tensor, pool: Tensor, meta: Tensor, shares: Tensor
    ) -> Tensor:
        """Cross-entropy of the meta batch after a virtual step on the drawn batch."""
        linear, drawn, held_out = self.classifier.linear, pool.flatten(), meta.flatten()
        losses = balanced_softmax(linear(features[drawn]), labels[drawn], self.class_counts)
        names = [name for name, _ in linear.named_parameters()]
        gradients = torch.autograd.grad(
            (losses * shares.flatten()).sum(), list(linear.parameters()), create_graph=True
        )
        moved = {
            name: parameter.detach() - self.virtual_lr * gradient
            for name, parameter, gradient in zip(names, linear.parameters(), gradients, strict=True)
        }
        logits = functional_call(linear, moved, (features[held_out],))
        return cross_entropy(logits, labels[held_out], self.class_counts).mean()


def draw_shares(classes: Tensor, which: Tensor, size: int) -> Tensor:
    """How much of a drawn batch each image of the pool makes up.

    Args:
        classes: (n, C) one-hot draws.
        which: (n, C) the image each draw would take of each class.
        size: k, images of a class in the pool.

    Returns:
        (C, k) shares of sum 1, with the draws' gradient.
    """
    images = functional.one_hot(which, size).to(classes)
    return torch.einsum("nc,nck->ck", classes, images) / len(classes)


def _halves(labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """(C, k) rows of the pool and of the meta batch, as many as every class can give to both.

    Raises:
        UserError: the batch is too small.
    """
    counts = torch.bincount(labels, minlength=classes)
    each = int(counts.min()) // 2
    if each == 0:
        raise UserError(
            "A batch does not hold two images of each class, one to draw from and one for the "
            "meta batch; use sampler@method.classifier_sampler=upsample."
        )
    order = labels.argsort(stable=True)
    starts = counts.cumsum(0) - counts
    rows = order[starts[:, None] + torch.arange(2 * each, device=labels.device)]
    return rows[:, :each], rows[:, each:]
