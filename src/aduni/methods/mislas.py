"""MiSLAS: mixup, then a classifier under label-aware smoothing (Zhong et al. 2021)."""

from typing import Any

from pydantic import PositiveFloat
from torch import Tensor

from aduni.batch import Batch
from aduni.distributed.collectives import global_mean
from aduni.losses.smoothing import Smoothing, label_aware_smoothing
from aduni.methods.base import DataInfo, Stage
from aduni.methods.two_stage import TwoStage
from aduni.models.encoder import Encoder
from aduni.models.heads import ClassScale


class MiSLAS(TwoStage):
    """Softmax stage, then the same classifier and a factor per class on class-balanced batches.

    The encoder's weights stay; its batch-norm statistics become those of the second stage's images.

    Args:
        classifier_sampler: sampler of the second stage.
        smooth_head: label smoothing of the most frequent class.
        smooth_tail: label smoothing of the rarest class.
        rate_factor: learning rate of the classifier, as a share of that of the factors.
        shift_statistics: whether batch-norm statistics are re-estimated in the second stage; those
            of a frozen encoder never are.
        two_stage: arguments of `TwoStage`.
    """

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        classifier_sampler: Any = None,
        smooth_head: Smoothing = 0.3,
        smooth_tail: Smoothing = 0.0,
        rate_factor: PositiveFloat = 0.05,
        shift_statistics: bool = True,
        **two_stage: Any,
    ) -> None:
        super().__init__(encoder, info, **two_stage)
        self.scale = ClassScale(info.classes)
        self.classifier_sampler = classifier_sampler
        self.smooth_head, self.smooth_tail = smooth_head, smooth_tail
        self.rate_factor = rate_factor
        self.shift_statistics = shift_statistics and not encoder.is_frozen

    def classifier_stage(self) -> Stage:
        """Return the stage that trains the classifier, slowly, and a factor for each class."""
        return Stage(
            "classifier",
            self.classifier_epochs,
            self.classifier_loss,
            trainable=("classifier", "scale"),
            sampler=self.classifier_sampler,
            rate_factors={"classifier": self.rate_factor},
            moving_statistics=("encoder",) if self.shift_statistics else (),
        )

    def classifier_loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Compute the label-aware smoothed cross-entropy, whatever the loss of the first stage."""
        logits = self._logits(batch.views.flatten(0, 1))
        head, tail, counts = self.smooth_head, self.smooth_tail, self.class_counts
        losses = label_aware_smoothing(logits, batch.labels, counts, head=head, tail=tail)
        return {"loss": global_mean(losses)}

    def _logits(self, images: Tensor) -> Tensor:
        logits: Tensor = self.scale(super()._logits(images))
        return logits
