"""Cross-entropy of which one rank fails in backward, after other gradients are on their way."""

import os
import time
from pathlib import Path

import torch
from torch import Tensor

from aduni.batch import Batch
from aduni.distributed.collectives import rank
from aduni.methods.softmax import Softmax


class Failing(Softmax):
    """The variables FAILING_RANK and FAILING_MARK name the rank, and a file for the moment."""

    def loss(self, batch: Batch, epoch: int) -> dict[str, Tensor]:
        if epoch == 1 and rank() == int(os.environ["FAILING_RANK"]):
            # The gradient of the first layer is the last to be computed.
            next(self.encoder.parameters()).register_hook(fail)
        return super().loss(batch, epoch)


def fail(gradient: Tensor) -> None:
    Path(os.environ["FAILING_MARK"]).write_text(str(time.time()))
    raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
