"""Copy the batches of a loader to a GPU while it computes the step before."""

from collections.abc import Iterator
from typing import Any

import torch
from pytorch_lightning.utilities import move_data_to_device
from torch.utils._pytree import tree_leaves
from torch.utils.data import DataLoader

Sent = tuple[Any, torch.cuda.Event]
"""Batch on a GPU, and the event at which its copy is complete."""


class GpuLoader(DataLoader[Any]):
    """Loader whose batches are sent to a GPU one step ahead, on a stream of their own.

    A copy on the stream of the computation would wait for the step before it, and the step after
    for the copy.
    """

    def __init__(self, *args: Any, device: torch.device, **options: Any) -> None:
        super().__init__(*args, **options)
        self._device = device
        self._stream: torch.cuda.Stream | None = None

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        if self._stream is None:  # the same in all epochs: memory is kept for each stream
            self._stream = torch.cuda.Stream(self._device)  # type: ignore[no-untyped-call]
        ahead: Sent | None = None
        for batch in super().__iter__():
            sent = self._send(batch, self._stream)
            if ahead is not None:
                yield self._receive(ahead)
            ahead = sent
        if ahead is not None:
            yield self._receive(ahead)

    def _send(self, batch: Any, stream: torch.cuda.Stream) -> Sent:
        with torch.cuda.stream(stream):
            moved = move_data_to_device(batch, self._device)  # does not block: memory is pinned
        return moved, stream.record_event()

    def _receive(self, sent: Sent) -> Any:
        """Have the computation wait for a copy, and keep its memory until it has been used."""
        moved, copied = sent
        computation = torch.cuda.current_stream(self._device)
        computation.wait_event(copied)
        for leaf in tree_leaves(moved):
            if isinstance(leaf, torch.Tensor):
                leaf.record_stream(computation)
        return moved
