"""Base class of methods that train a softmax model, then its classifier again."""

from abc import abstractmethod
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from aduni.errors import UserError
from aduni.losses.precision import full_precision
from aduni.methods.base import CheckpointPath, DataInfo, ReadPart, Stage, stage_epochs
from aduni.methods.softmax import Softmax
from aduni.models.encoder import Encoder


class TwoStage(Softmax):
    """Method with the stage of `Softmax`, then a classifier stage that the subclass defines.

    Args:
        classifier_share: length of the second stage, as a share of the first one's epochs.
        hand_over: weights of the first stage that the second starts from.
        stage1_ckpt: checkpoint of an earlier run on the same split whose encoder and classifier
            replace the first stage; None to train it.
        softmax: arguments of `Softmax`, for the first stage.
    """

    takes_class_weights = False  # its second stage is what balances the classes

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        classifier_share: Annotated[float, Field(ge=0)] = 0.1,
        hand_over: Literal["best", "last"] = "best",
        stage1_ckpt: CheckpointPath | None = None,
        **softmax: Any,
    ) -> None:
        super().__init__(encoder, info, **softmax)
        self.classifier_epochs = stage_epochs(info.epochs, classifier_share)
        self.hand_over = hand_over
        self.stage1_ckpt = stage1_ckpt

    @property
    def stages(self) -> tuple[Stage, ...]:
        first = Stage(
            "representation",
            self.epochs,
            self.loss,
            trainable=("encoder", "classifier"),
            next_from=self.hand_over,
            loss_id=self.loss_id,
            init_from=self.stage1_ckpt,
            balanced_partners=self.mixing.is_balanced,
        )
        return (first, self.classifier_stage())

    @abstractmethod
    def classifier_stage(self) -> Stage:
        """Return the second stage; the encoder is not among its trainable modules."""

    def check_classifier_epochs(self) -> None:
        """Raise UserError if a new classifier would have no epochs to train."""
        if self.classifier_epochs == 0:
            raise UserError(
                "method.classifier_share=0 would leave the new classifier untrained; give a share "
                "above 0."
            )

    def reset_classifier(self, read: ReadPart) -> dict[str, Any]:
        """Replace the first stage's classifier by randomly drawn weights."""
        self.classifier.linear.reset_parameters()
        return {}

    @torch.no_grad()
    def collect_features(self, batches: Any) -> tuple[Tensor, Tensor]:
        """Return (n, D) features and (n,) labels of a part's images, not augmented."""
        self.eval()
        pairs = [(full_precision(self.encoder(batch.views[0])), batch.labels) for batch in batches]
        features, labels = zip(*pairs, strict=True)
        return torch.cat(features), torch.cat(labels)
