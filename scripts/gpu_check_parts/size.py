"""Sizes of the parts, so that the CPU can show that they run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Kind of the device, side of the images in pixels, and images of a batch."""

    device: str
    side: int
    batch: int

    @property
    def trainer(self) -> str:
        """Name in conf/trainer/."""
        return "gpu" if self.device == "cuda" else "cpu"

    @property
    def is_small(self) -> bool:
        """Return whether this only shows that everything runs."""
        return self.device == "cpu"

    @property
    def seconds(self) -> float:
        """Least time for which a kernel is repeated."""
        return 0.05 if self.is_small else 1.0

    @property
    def steps(self) -> int:
        """Steps of the profile."""
        return 2 if self.is_small else 10
