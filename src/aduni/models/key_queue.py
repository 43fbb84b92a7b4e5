"""Queue of keys that a method remembers between steps."""

import torch
from torch import Tensor, nn


class KeyQueue(nn.Module):
    """Queue of the last K keys with their labels, stored in buffers that checkpoints include.

    Any number of keys can be added at a time; rows that were never filled are left out.

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
