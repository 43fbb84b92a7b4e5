"""Keep a moving average of the weights, which is validated, saved and tested."""

from typing import Any

import torch
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor


class WeightAverage(WeightAveraging):
    """Callback that averages weights and float buffers over the steps, others are copied.

    After t averaged steps the average keeps min(decay, (1 + t) / (10 + t)) of itself, so that short
    trainings soon leave the first weights (as TensorFlow's `ExponentialMovingAverage`).
    Lightning's base class validates with the average and saves it as `state_dict`; the weights that
    training goes on from are in the checkpoint's `current_model_state`. Its own EMA does not keep
    what is frozen to the bit, and would round counters.

    Args:
        decay: share of the average that a step leaves.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(multi_avg_fn=self._update)
        self._decay = decay

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Copy the weights to the device of the training, on which the module is not yet."""
        self._device = trainer.strategy.root_device
        super().setup(trainer, pl_module, stage)
        if (average := self._average_model) is not None:
            # On a GPU, each look at the counter would wait for the device.
            average.n_averaged = average.n_averaged.cpu()

    def _update(self, averages: Any, values: Any, _: Tensor | int) -> None:
        """Move some averages, all on one device and of one type, towards the values of a step."""
        assert self._average_model is not None
        if not averages[0].is_floating_point():
            torch._foreach_copy_(averages, values)
            return
        steps = int(self._average_model.n_averaged)
        kept = min(self._decay, (1 + steps) / (10 + steps))
        torch._foreach_lerp_(averages, values, 1 - kept)  # exact where both are equal
