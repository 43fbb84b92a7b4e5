"""Picture of the first training batch, as the method sees it."""

import logging
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from pytorch_lightning import Callback, LightningModule, Trainer
from torch import Tensor

from aduni.auditing.contact_sheet import COLUMNS, SIDE, arrange
from aduni.batch import Batch
from aduni.errors import warn
from aduni.system.atomic_files import atomic_write

MAX_IMAGES = 16

log = logging.getLogger(__name__)


class BatchPicture(Callback):
    """Callback that draws the views of the first batch; a failure is a warning.

    Args:
        file: PNG to write; an existing one, which is of the run's beginning, is kept.
        class_names: names of the classes by their number.
    """

    def __init__(self, file: Path, class_names: Sequence[str]) -> None:
        self._file, self._class_names = file, class_names
        self._is_tried = False

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Draw the batch that the first step is going to use."""
        if self._is_tried or not trainer.is_global_zero or self._file.exists():
            return
        self._is_tried = True
        if batch.views.dim() != 5 or batch.views.dtype != torch.uint8:  # features of the images
            return
        try:
            write_batch(batch, self._class_names, self._file)
        except Exception as error:
            warn(log, f"{self._file} could not be drawn: {error}")


def write_batch(batch: Batch, class_names: Sequence[str], file: Path) -> None:
    """Draw the views of some images, those of an image beside each other above its class."""
    views = batch.views[:, :MAX_IMAGES].cpu()
    count, per_line = len(views), max(COLUMNS // len(views), 1) * len(views)
    pictures = [_picture(view) for image in views.transpose(0, 1) for view in image]
    labels = batch.labels[:MAX_IMAGES].tolist()
    captions = [class_names[label] for label in labels for _ in range(count)]
    buffer = BytesIO()  # Pillow would hide the error of a full disk
    arrange(pictures, captions, per_line).save(buffer, format="PNG")
    with atomic_write(file) as temporary:
        temporary.write_bytes(buffer.getvalue())


def _picture(view: Tensor) -> Image.Image:
    """Return a (3, H, W) view in the size of a thumbnail; pixels of small ones stay squares."""
    image = Image.fromarray(view.permute(1, 2, 0).numpy())
    small = image.width < SIDE
    return image.resize((SIDE, SIDE), Image.Resampling.NEAREST if small else Image.Resampling.BOX)
