"""An encoder whose features can be worked out by hand."""

from torch import Tensor, nn


class TinyEncoder(nn.Module):
    """A linear layer on 2 x 2 pixels: without batch norm, which is per process by design."""

    features = 6
    is_frozen = False

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(12, self.features)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.linear(images.flatten(1).to(self.linear.weight) / 255)
        return features
