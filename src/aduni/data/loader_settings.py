"""How a run reads its data."""

from dataclasses import dataclass
from typing import Literal

from aduni.data.cache.gpu_images import DataOnGpu
from aduni.errors import UserError


@dataclass(frozen=True)
class LoaderSettings:
    """Batches, processes and numbers of the loaders.

    Attributes:
        batch_size: images of a training batch, all processes together.
        num_workers: loader processes; 0 loads in the training process.
        seed: of the run.
        fold: the test fold.
        augment: image by image in the loader (cpu), or whole batches where the model is (gpu).
        data_on_gpu: whether all images are kept on a GPU; auto: in less than half its free memory.

    Raises:
        UserError: the last two contradict each other.
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
