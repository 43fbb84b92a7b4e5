"""Label over-smoothing: a softmax model, then its classifier on nearly uniform labels."""

from typing import Any

from pydantic import PositiveFloat
from torch import Tensor

from aduni.batch import Batch
from aduni.distributed.collectives import global_mean
from aduni.losses.smoothing import Smoothing, label_smoothing
from aduni.methods.base import DataInfo, Stage
from aduni.methods.two_stage import TwoStage
from aduni.models.encoder import Encoder


class LabelOverSmoothing(TwoStage):
    """Softmax stage, then the same classifier under label smoothing near 1 (Sun et al. 2025).

    Class counts are not used, and both stages draw by the sampler of the run. Probabilities are
    close to uniform until a temperature is fitted.

    Args:
        smoothing: label smoothing of the second stage.
        rate_factor: learning rate of the second stage, as a share of that of the run.
        two_stage: arguments of `TwoStage`.
    """

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        smoothing: Smoothing = 0.98,
        rate_factor: PositiveFloat = 0.05,
        **two_stage: Any,
    ) -> None:
        super().__init__(encoder, info, **two_stage)
        self.smoothing, self.rate_factor = smoothing, rate_factor

    def classifier_stage(self) -> Stage:
        """Return the stage that trains the first stage's classifier further."""
        return Stage(
            "classifier",
            self.classifier_epochs,
            self.classifier_loss,
            trainable=("classifier",),
            rate_factors={"classifier": self.rate_factor},
        )

    def classifier_loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Compute cross-entropy with smoothed labels, whatever the loss of the first stage."""
        logits, smoothing = self._logits(batch.views.flatten(0, 1)), self.smoothing
        losses = label_smoothing(logits, batch.labels, self.class_counts, smoothing=smoothing)
        return {"loss": global_mean(losses)}
