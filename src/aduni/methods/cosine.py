"""Base class of methods with a cosine classifier, whose losses change the cosines in training."""

from abc import abstractmethod

from pydantic import PositiveFloat
from torch import Tensor

from aduni.batch import Batch
from aduni.methods.base import DataInfo, Method, Stage
from aduni.methods.class_weights import ClassWeights, WeightedMean
from aduni.models.encoder import Encoder
from aduni.models.heads import CosineClassifier


class Cosine(Method):
    """Method with one stage on one view and a loss of the cosines of features and class weights.

    Args:
        scale: factor of the cosines.
        class_weights: weights of the classes in the mean over a batch; None for none.
    """

    takes_class_weights = True
    class_counts: Tensor
    classifier: CosineClassifier

    def __init__(
        self,
        encoder: Encoder,
        info: DataInfo,
        *,
        scale: PositiveFloat = 30.0,
        class_weights: ClassWeights | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.classifier = CosineClassifier(encoder.features, info.classes)
        self.scale = scale
        self.mean = WeightedMean(class_weights, info)
        self.epochs = info.epochs
        self.register_buffer("class_counts", info.class_counts)

    @property
    def stages(self) -> tuple[Stage, ...]:
        return (Stage("train", self.epochs, self.loss),)

    @abstractmethod
    def losses(self, cosines: Tensor, labels: Tensor) -> Tensor:
        """Return the (N,) losses of (N, C) cosines and (N,) labels."""

    def forward(self, images: Tensor) -> Tensor:
        """Map (N, 3, H, W) images to (N, C) scaled cosines, without margins or noise."""
        return self.scale * self._cosines(images)

    def loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        """Compute the mean loss of the batch, with class weights if they are on."""
        losses = self.losses(self._cosines(batch.views.flatten(0, 1)), batch.labels)
        return {"loss": self.mean(losses, batch.labels, epoch)}

    def _cosines(self, images: Tensor) -> Tensor:
        cosines: Tensor = self.classifier(self.encoder(images))
        return cosines
