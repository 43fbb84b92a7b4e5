"""Mixing of images: mixup, CutMix, Balanced-MixUp and CMO, with the labels that share the loss."""

import math
from typing import Annotated, Any, Literal, NamedTuple

import torch
from pydantic import Field, PositiveFloat
from torch import Tensor

Kind = Literal["none", "mixup", "cutmix", "balanced_mixup", "cmo"]


class Defaults(NamedTuple):
    """Values of the released code of a kind, for options that are not given."""

    a: float
    probability: float = 1.0
    plain_share: float = 0.0


DEFAULTS = {
    "none": Defaults(1.0),
    "mixup": Defaults(0.2),
    "cutmix": Defaults(1.0),
    "balanced_mixup": Defaults(0.2),
    "cmo": Defaults(1.0, probability=0.5, plain_share=0.02),
}


class Mixed(NamedTuple):
    """Mixed images, each with two labels that share its loss.

    Attributes:
        images: (B, 3, H, W) mixed images; uint8 where pixels are pasted, else floats in 0..255.
        labels: (B,) class numbers of the images themselves.
        other_labels: (B,) class numbers of their partners; None if the batch is not mixed.
        share: weight of `labels` in the loss; that of `other_labels` is 1 - share.
    """

    images: Tensor
    labels: Tensor
    other_labels: Tensor | None = None
    share: float = 1.0


class Mixing:
    """How the images of a batch are mixed with partners; one factor or box is drawn for a batch.

    Mixup (Zhang et al. 2018) and CutMix (Yun et al. 2019) take the partners from the same batch,
    Balanced-MixUp (Galdran et al. 2021) and CMO (Park et al. 2022) from a second, class-balanced
    stream. Mixup and Balanced-MixUp blend; CutMix and CMO paste a box of the partner.

    Args:
        kind: mixing of the images; none for none.
        a: parameter of the distribution of the factor: Beta(a, a), but Beta(a, 1) of the partner's
            weight for `balanced_mixup`; None for the kind's own, 0.2, or 1 for pasted boxes.
        probability: share of the batches that are mixed; None for all, or half of them for `cmo`.
        plain_share: share of the epochs that are not mixed, both at the beginning and at the end;
            None for none, or 0.02 for `cmo`.
    """

    def __init__(
        self,
        kind: Kind = "none",
        *,
        a: PositiveFloat | None = None,
        probability: Annotated[float, Field(gt=0, le=1)] | None = None,
        plain_share: Annotated[float, Field(ge=0, lt=0.5)] | None = None,
    ) -> None:
        own = DEFAULTS[kind]
        self.kind = kind
        self.a = own.a if a is None else a
        self.probability = own.probability if probability is None else probability
        self.plain_share = own.plain_share if plain_share is None else plain_share

    @property
    def is_balanced(self) -> bool:
        """Tell whether the second half of each batch are class-balanced partners of the first."""
        return self.kind in ("balanced_mixup", "cmo")

    @property
    def loss_id(self) -> dict[str, Any]:
        """Plain values that tell mixings apart; `mixup` is what earlier versions stored."""
        own = {"mixing": self.kind, "a": self.a}
        own |= {"probability": self.probability, "plain_share": self.plain_share}
        defaults = DEFAULTS[self.kind][1:]
        is_plain = (self.probability, self.plain_share) == defaults
        if self.kind == "none" or (self.kind == "mixup" and is_plain):
            return {"mixup": self.a if self.kind == "mixup" else 0.0}
        return {"mixup": 0.0} | own

    def __call__(self, images: Tensor, labels: Tensor, epoch: int, epochs: int) -> Mixed:
        """Mix a batch; with `is_balanced` its second half are the partners of the first.

        Args:
            images: (B, 3, H, W) uint8, or (2 B, 3, H, W) with partners.
            labels: (B,) class numbers, or (2 B,).
            epoch: of the training, from 0.
            epochs: T.
        """
        if self.is_balanced:
            (images, partners), (labels, other_labels) = images.chunk(2), labels.chunk(2)
        plain = round(self.plain_share * epochs)
        if self.kind == "none" or not plain <= epoch < epochs - plain:
            return Mixed(images, labels)
        share = self._draw_share()
        if not self.is_balanced:
            others = torch.randperm(len(labels), device=labels.device)
            partners, other_labels = images[others], labels[others]
        # A process that leaves its batch plain still computes both losses: they may be collective.
        if self.probability < 1 and float(torch.rand(())) >= self.probability:
            return Mixed(images, labels, other_labels, 1.0)
        if self.kind in ("cutmix", "cmo"):
            images, share = paste(images, partners, share)
        else:
            images = share * images + (1 - share) * partners
        return Mixed(images, labels, other_labels, share)

    def _draw_share(self) -> float:
        """Draw the weight of the images themselves."""
        if self.kind == "balanced_mixup":
            return 1 - float(torch.distributions.Beta(self.a, 1.0).sample())
        return float(torch.distributions.Beta(self.a, self.a).sample())


def paste(images: Tensor, partners: Tensor, share: float) -> tuple[Tensor, float]:
    """Paste one box of the partners, clipped to the image, and return the true share of the rest.

    Args:
        images: (B, 3, H, W).
        partners: (B, 3, H, W).
        share: area that is to stay, as a share of H W; the sides of the box are int(H r) and
            int(W r) with r = sqrt(1 - share), and its centre is any pixel.

    Returns:
        (B, 3, H, W) images, and 1 - the area of the clipped box / (H W).
    """
    height, width = images.shape[-2:]
    ratio = math.sqrt(1 - share)
    rows, columns = (_clipped_span(side, int(side * ratio)) for side in (height, width))
    mixed = images.clone()
    mixed[..., rows, columns] = partners[..., rows, columns]
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    return mixed, 1 - area / (height * width)


def _clipped_span(side: int, length: int) -> slice:
    """Return the pixels of a span about a random centre that lie inside of the image."""
    centre = int(torch.randint(side, ()))
    return slice(max(centre - length // 2, 0), min(centre + length // 2, side))
