"""Keep what methods remember between steps: keys in a queue, and a moving average of weights."""

import copy

import torch
from torch import Tensor, nn


class KeyQueue(nn.Module):
    """Queue of the last `size` keys and their labels, stored in buffers that checkpoints include.

    Any number of keys can be added at a time; rows that were never filled are left out.
    """

    def __init__(self, size: int, embedding: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(size, embedding))
        self.register_buffer("labels", torch.zeros(size, dtype=torch.int64))
        self.seen = 0

    keys: Tensor
    labels: Tensor

    def contents(self) -> tuple[Tensor, Tensor]:
        """Return copies of the (k, D) keys and (k,) labels, k <= K, in no particular order."""
        filled = min(self.seen, len(self.labels))
        return self.keys[:filled].clone(), self.labels[:filled].clone()

    @torch.no_grad()
    def add(self, keys: Tensor, labels: Tensor) -> None:
        """Replace the oldest keys by (n, D) new ones; of more than K, the last K are stored."""
        size, count = len(self.labels), len(labels)
        skipped = max(count - size, 0)
        start = self.seen + skipped
        rows = torch.arange(start, self.seen + count, device=self.labels.device) % size
        self.keys[rows] = keys[skipped:].to(self.keys)
        self.labels[rows] = labels[skipped:]
        self.seen += count

    def get_extra_state(self) -> Tensor:
        """Return the number of keys added, counted on the host so that no step synchronises."""
        return torch.tensor(self.seen)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore the number of keys added from a checkpoint."""
        self.seen = int(state)


class MomentumCopy(nn.Module):
    """Moving average of a model's weights: k <- m k + (1 - m) q.

    It has no gradients, and its batch norm always uses the statistics of the batch, since it is
    applied to training batches only.

    Source: He et al. 2020, equation 2.
    """

    def __init__(self, source: nn.Module, momentum: float) -> None:
        super().__init__()
        self.model = copy.deepcopy(source).requires_grad_(False)
        self.momentum = momentum

    def train(self, mode: bool = True) -> "MomentumCopy":
        """Stay in train mode, although a stage puts modules that it does not train in eval mode."""
        return super().train(True)

    @torch.no_grad()
    def update_from(self, source: nn.Module) -> None:
        """Move the weights one step toward those of the source that are trained."""
        pairs = zip(self.model.parameters(), source.parameters(), strict=True)
        moving = [(own, other) for own, other in pairs if other.requires_grad]
        weights: list[Tensor] = [own for own, _ in moving]
        targets: list[Tensor] = [other for _, other in moving]
        torch._foreach_lerp_(weights, targets, 1 - self.momentum)  # one kernel for all of them

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        output: Tensor = self.model(images)
        return output


class ClassF1(nn.Module):
    """F1 of each class over the predictions of the last whole epoch, in buffers for checkpoints.

    Every process must add the predictions of all, so that all hold the same values.
    """

    counts: Tensor
    values: Tensor

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.register_buffer("counts", torch.zeros(3, classes))  # right, predicted, labelled
        self.register_buffer("values", torch.ones(classes))
        self.epoch = 0

    @torch.no_grad()
    def begin(self, epoch: int) -> Tensor:
        """Return (C,) values of the epoch before this one: ones in epoch 0.

        A class that was neither labelled nor predicted has 0.
        """
        if epoch != self.epoch:
            right, predicted, labelled = self.counts
            self.values.copy_(2 * right / (predicted + labelled).clamp(min=1))
            self.counts.zero_()
            self.epoch = epoch
        return self.values

    @torch.no_grad()
    def add(self, predicted: Tensor, labels: Tensor) -> None:
        """Count (n,) predicted and true class numbers."""
        numbers = torch.arange(self.counts.shape[1], device=labels.device)[:, None]
        of_predicted, of_label = predicted == numbers, labels == numbers
        for row, of_class in enumerate((of_predicted & of_label, of_predicted, of_label)):
            self.counts[row] += of_class.sum(dim=1)

    def get_extra_state(self) -> Tensor:
        """Return the epoch that is being counted."""
        return torch.tensor(self.epoch)

    def set_extra_state(self, state: Tensor) -> None:
        """Restore the epoch that is being counted from a checkpoint."""
        self.epoch = int(state)
