"""What a method remembers between steps: a momentum copy of a model, and a queue of keys."""

import copy

import torch
from torch import Tensor, nn


class MomentumCopy(nn.Module):
    """A model whose weights follow another's: k <- m k + (1 - m) q.

    It never learns by gradients, and its batch norm always uses the batch's statistics: it sees
    training batches only.

    Source: He et al. 2020, equation 2.

    Args:
        source: the model to follow.
        momentum: m.
    """

    def __init__(self, source: nn.Module, momentum: float) -> None:
        super().__init__()
        self.model = copy.deepcopy(source).requires_grad_(False)
        self.momentum = momentum

    def train(self, mode: bool = True) -> "MomentumCopy":
        """A stage holds what it does not train in eval mode; this module stays out of that."""
        return super().train(True)

    @torch.no_grad()
    def follow(self, source: nn.Module) -> None:
        """One step toward the source."""
        for own, other in zip(self.model.parameters(), source.parameters(), strict=True):
            own.lerp_(other.detach(), 1 - self.momentum)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """What the source would give with the copy's weights, without gradients."""
        output: Tensor = self.model(images)
        return output


class KeyQueue(nn.Module):
    """The last K keys with their labels. What was never filled does not take part.

    Buffers, so that checkpoints hold it. Any number of keys can be added at a time.

    Args:
        size: K.
        embedding: D, length of a key.
    """

    def __init__(self, size: int, embedding: int) -> None:
        super().__init__()
        self.register_buffer("keys", torch.zeros(size, embedding))
        self.register_buffer("labels", torch.zeros(size, dtype=torch.int64))
        self.seen = 0

    keys: Tensor
    labels: Tensor

    def contents(self) -> tuple[Tensor, Tensor]:
        """(k, D) keys and (k,) labels, k <= K, in no particular order; copies."""
        filled = min(self.seen, len(self.labels))
        return self.keys[:filled].clone(), self.labels[:filled].clone()

    @torch.no_grad()
    def add(self, keys: Tensor, labels: Tensor) -> None:
        """Put (n, D) keys in place of the oldest; of more than K only the last K remain."""
        size, count = len(self.labels), len(labels)
        kept = min(count, size)
        first = self.seen + count - kept
        places = torch.arange(first, first + kept, device=self.labels.device) % size
        self.keys[places] = keys[count - kept :].to(self.keys)
        self.labels[places] = labels[count - kept :]
        self.seen += count

    def get_extra_state(self) -> Tensor:
        """How many keys were added: a number of the host, so that no step waits for the device."""
        return torch.tensor(self.seen)

    def set_extra_state(self, state: Tensor) -> None:
        """From a checkpoint."""
        self.seen = int(state)
