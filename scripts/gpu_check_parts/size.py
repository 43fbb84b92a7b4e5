"""Sizes of the parts, so that the CPU can show that they run."""

from dataclasses import dataclass

import torch

from benchmarks.part import Effort


@dataclass(frozen=True)
class Size:
    """Device, side of the images in pixels, and images of a batch."""

    device: torch.device
    side: int
    batch: int

    @property
    def trainer(self) -> str:
        """Name in conf/trainer/."""
        return "gpu" if self.device.type == "cuda" else "cpu"

    @property
    def is_small(self) -> bool:
        """Return whether this only shows that everything runs."""
        return self.device.type == "cpu"

    @property
    def seconds(self) -> float:
        """Least time for which a kernel is repeated."""
        return 0.05 if self.is_small else 1.0

    @property
    def steps(self) -> int:
        """Steps of the profile."""
        return 2 if self.is_small else 10

    @property
    def effort(self) -> Effort:
        """Sizes of the step benchmark: 30 steps an epoch, so that it ends within its minutes."""
        steps, epochs, bare = (2, 1, 1) if self.is_small else (30, 2, 30)
        return Effort(
            epochs=epochs,
            gpu_image_size=self.side,
            gpu_batch_size=self.batch,
            gpu_images=steps * self.batch,
            gpu_held_out=max(2 * self.batch, 7),
            gpu_bare_steps=bare,
        )
