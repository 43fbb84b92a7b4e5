"""Settings of data loaders, and the number of their processes; without torch."""

from dataclasses import dataclass
from typing import Literal

from aduni.errors import UserError
from aduni.system.threads import usable_cpus

DataOnGpu = Literal["auto", True, False]

MAX_DEFAULT_WORKERS = {"cpu": 8, "cuda": 16}
"""Loader processes that keep up with a model, by the kind of its device."""


def default_workers(processes: int, device: str) -> int:
    """Return the number of loader processes: one for each core but the one of the training.

    Args:
        processes: training processes on this machine, which share the cores.
        device: kind of the device that they train on, cpu or cuda.
    """
    return max(min(usable_cpus() // processes - 1, MAX_DEFAULT_WORKERS[device]), 0)


@dataclass(frozen=True)
class LoaderSettings:
    """Settings of a run's data loaders and fold.

    Attributes:
        batch_size: images of a training batch, all processes together.
        num_workers: loader processes; 0 loads in the training process.
        augment: augment single images in the loader (cpu), or batches on the model's device (gpu).
        data_on_gpu: whether a GPU keeps all images; auto: if they take less than half its free
            memory.
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
