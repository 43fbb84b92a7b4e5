"""BALMS: Balanced Softmax on batches of a learned meta sampler (Ren et al. 2020)."""

import copy
from typing import Any

import torch
from pydantic import PositiveFloat
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional

from aduni.batch import Batch
from aduni.distributed.collectives import broadcast, gather
from aduni.errors import UserError
from aduni.losses.precision import full_precision
from aduni.losses.softmax import balanced_softmax, cross_entropy
from aduni.methods.base import DataInfo, Stage
from aduni.methods.two_stage import TwoStage
from aduni.models.encoder import Encoder


class MetaSampler(nn.Module):
    """Sampler with a learned rate per class: images of class c are drawn in proportion to rate_c.

    The rates are the sigmoid of weights that the model's optimiser does not train: they have a
    gradient and an Adam of their own, which is part of the checkpoint.
    """

    def __init__(self, class_counts: Tensor, lr: float) -> None:
        super().__init__()
        self.register_buffer("class_counts", class_counts.clone())
        self.weights = nn.Parameter(torch.zeros(len(class_counts)), requires_grad=False)
        self._adam = torch.optim.Adam([self.weights], lr=lr)

    class_counts: Tensor

    @property
    def rates(self) -> Tensor:
        """(C,) sampling rates in 0..1, all 0.5 at first."""
        return self.weights.sigmoid()

    def draw(self, weights: Tensor, noise: Tensor) -> Tensor:
        """Draw the classes of the n images of a batch.

        This is Gumbel-softmax with a straight-through gradient over all images of the training
        part. The images of a class are equally likely, so only the class is drawn, with probability
        n_c rate_c / sum.

        Args:
            weights: (C,) logits of the rates; they receive gradients.
            noise: (n, C) samples of the standard Gumbel distribution.

        Returns:
            (n, C) one-hot classes.
        """
        soft = (self.class_counts.log() + functional.logsigmoid(weights) + noise).softmax(dim=1)
        hard = functional.one_hot(soft.argmax(dim=1), len(weights)).to(soft)
        return hard + soft - soft.detach()

    def learn(self, gradient: Tensor) -> None:
        """Take one step of Adam."""
        self.weights.grad = gradient
        self._adam.step()

    def get_extra_state(self) -> dict[str, Any]:
        """Return a copy of Adam's state, whose own tensors change in place."""
        return copy.deepcopy(self._adam.state_dict())

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Restore Adam's state from a checkpoint."""
        self._adam.load_state_dict(copy.deepcopy(state))


class BALMS(TwoStage):
    """Softmax stage, then a new classifier under Balanced Softmax and the meta sampler.

    Each step of the second stage loads one class-balanced batch of the training part. Half of the
    images of each class are the pool that the meta sampler draws from, with replacement; the other
    half are the meta batch. Images are thus drawn with the same probability as from the whole
    training part, and workers can load batches before the rates are known. Images of a class repeat
    within a drawn batch; the authors' code draws them from the whole part.

    Args:
        classifier_sampler: sampler of the second stage; each batch must hold two images of each
            class.
        virtual_lr: learning rate of the classifier's virtual step.
        meta_lr: learning rate of the Adam that trains the rates.
        two_stage: arguments of `TwoStage`.
    """

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        classifier_sampler: Any = None,
        virtual_lr: PositiveFloat = 0.1,
        meta_lr: PositiveFloat = 0.01,
        **two_stage: Any,
    ) -> None:
        super().__init__(encoder, info, **two_stage)
        self.check_classifier_epochs()
        self.meta_sampler = MetaSampler(info.class_counts, meta_lr)
        self.classifier_sampler = classifier_sampler
        self.virtual_lr = virtual_lr

    def classifier_stage(self) -> Stage:
        """Return the stage of the new classifier; the encoder is frozen."""
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
        """Update the rates, then compute Balanced Softmax on images drawn from all ranks."""
        features = gather(full_precision(self.encoder(batch.views.flatten(0, 1))))
        labels = gather(batch.labels)
        pool, meta = _split_batch(labels, len(self.class_counts))
        uniform = broadcast(torch.rand(len(labels), len(pool), device=labels.device))
        noise = -(-uniform.clamp(1e-9, 1 - 1e-7).log()).log()
        choice = broadcast(torch.randint(pool.shape[1], noise.shape, device=labels.device))
        with torch.autocast(features.device.type, enabled=False):
            weights = self.meta_sampler.weights.clone().requires_grad_()
            shares = draw_shares(self.meta_sampler.draw(weights, noise), choice, pool.shape[1])
            meta_loss = self._meta_loss(features, labels, pool, meta, shares)
            (gradient,) = torch.autograd.grad(meta_loss, weights)
            self.meta_sampler.learn(gradient)
            logits = self.classifier(features[pool.flatten()])
            losses = balanced_softmax(logits, labels[pool.flatten()], self.class_counts)
            loss = (losses * shares.detach().flatten()).sum()
        rates = {f"rate_{c}": rate for c, rate in enumerate(self.meta_sampler.rates)}
        return {"loss": loss, "meta_loss": meta_loss.detach(), **rates}

    def _meta_loss(
        self, features: Tensor, labels: Tensor, pool: Tensor, meta: Tensor, shares: Tensor
    ) -> Tensor:
        """Compute the cross-entropy of the meta batch after a virtual step on the drawn batch."""
        linear, drawn, held_out = self.classifier.linear, pool.flatten(), meta.flatten()
        losses = balanced_softmax(linear(features[drawn]), labels[drawn], self.class_counts)
        names = [name for name, _ in linear.named_parameters()]
        gradients = torch.autograd.grad(
            (losses * shares.flatten()).sum(), list(linear.parameters()), create_graph=True
        )
        updated = {
            name: parameter.detach() - self.virtual_lr * gradient
            for name, parameter, gradient in zip(names, linear.parameters(), gradients, strict=True)
        }
        logits = functional_call(linear, updated, (features[held_out],))
        return cross_entropy(logits, labels[held_out], self.class_counts).mean()


def draw_shares(classes: Tensor, choice: Tensor, size: int) -> Tensor:
    """Return the share of a drawn batch that each image of the pool makes up.

    Args:
        classes: (n, C) one-hot draws.
        choice: (n, C) image that each draw would take of each class.
        size: k, images of a class in the pool.

    Returns:
        (C, k) shares of sum 1, with the gradient of the draws.
    """
    images = functional.one_hot(choice, size).to(classes)
    return torch.einsum("nc,nck->ck", classes, images) / len(classes)


def _split_batch(labels: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    """Return the (C, k) rows of the pool and of the meta batch, with k as large as possible."""
    counts = torch.bincount(labels, minlength=classes)
    size = int(counts.min()) // 2
    if size == 0:
        raise UserError(
            "A batch does not hold two images of each class, one to draw from and one for the "
            "meta batch; use sampler@method.classifier_sampler=upsample."
        )
    order = labels.argsort(stable=True)
    starts = counts.cumsum(0) - counts
    rows = order[starts[:, None] + torch.arange(2 * size, device=labels.device)]
    return rows[:, :size], rows[:, size:]
