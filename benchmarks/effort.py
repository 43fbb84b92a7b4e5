"""How much is measured: the default run ends within 12 minutes on 2 cores."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Effort:
    """Sizes of all parts.

    Attributes:
        turns: how often each thing is timed.
        sizes: image sides of the data path and the cache, pixels.
        jpegs: files of 600 x 450 pixels that are made.
        loader_batch: images of a batch of the data path.
        pass_images: images of one timed pass of the data path.
        loss_batches: B of the losses.
        loss_turns: of the largest B; smaller ones take `turns`.
        image_size: of step, evaluation and growth on a CPU, pixels.
        batch_size: images of a training batch there.
        steps: of a measured epoch.
        bare_steps: of the bare model after each epoch.
        epochs: measured after one of warm-up.
        evaluated: images of an evaluation pass.
        growth_images: training images at 1x.
        growth_steps: of an epoch in the part on growth, and of the bare model there.
        growth_epochs: measured there.
        start_turns: starts of train.py.
        table_rows: of the tables that are read.
        gpu_images: training images on a GPU.
        gpu_held_out: validation images there.
        gpu_batch: images of a training batch there.
        gpu_size: side, pixels.
    """

    turns: int = 5
    sizes: tuple[int, ...] = (384, 64)
    jpegs: int = 96
    loader_batch: int = 32
    pass_images: int = 96
    loss_batches: tuple[int, ...] = (128, 512, 1024, 4096)
    loss_turns: int = 3
    image_size: int = 64
    batch_size: int = 64
    steps: int = 30
    bare_steps: int = 10
    epochs: int = 3
    evaluated: int = 768
    growth_images: int = 512
    growth_steps: int = 6
    growth_epochs: int = 2
    start_turns: int = 3
    table_rows: tuple[int, ...] = (12_500, 50_000, 200_000)
    gpu_images: int = 8012
    gpu_held_out: int = 2003
    gpu_batch: int = 128
    gpu_size: int = 384


def effort_of(full: bool) -> Effort:
    """The default one, or the one that takes its time."""
    if not full:
        return Effort()
    return Effort(
        turns=11,
        jpegs=256,
        pass_images=256,
        loss_turns=5,
        steps=100,
        bare_steps=50,
        epochs=7,
        evaluated=3072,
        growth_images=1024,
        growth_steps=16,
        growth_epochs=5,
        start_turns=9,
    )
