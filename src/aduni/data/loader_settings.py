"""Settings of the data loaders."""

from dataclasses import dataclass
from typing import Literal

from aduni.data.cache.gpu_images import DataOnGpu
from aduni.data.cache.image_cache import usable_cpus
from aduni.errors import UserError

MAX_DEFAULT_WORKERS = 8


def default_workers() -> int:
    """Return the number of loader processes: one for each core but the one of the training."""
    return min(usable_cpus() - 1, MAX_DEFAULT_WORKERS)


@dataclass(frozen=True)
class LoaderSettings:
    """Settings of a run's data loaders and fold.

    Attributes:
        batch_size: images of a training batch, all processes together.
        num_workers: loader processes; 0 loads in the training process.
        seed: seed of the run.
        fold: test fold.
        augment: augment single images in the loader (cpu), or batches on the model's device (gpu).
        data_on_gpu: whether a GPU keeps all images; auto: if they take less than half its free
            memory.

    Raises:
        UserError: if `data_on_gpu` is true without `augment=gpu`.
    """

    batch_size: int
    num_workers: int
    seed: int
    fold: int
    augment: Literal["cpu", "gpu"] = "cpu"
    data_on_gpu: DataOnGpu = "auto"

    def __post_init__(self) -> None:
        if self.data_on_gpu is True and self.augment == "cpu":
            raise UserError("data_on_gpu=true serves augment=gpu alone; set augment=gpu as well.")
