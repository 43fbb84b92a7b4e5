"""Load a trained model from its checkpoint alone, and the data set that it learned from."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aduni.checkpoints.load import load_checkpoint, load_weights
from aduni.config.build import build_data, build_method
from aduni.config.schema import Settings
from aduni.config.untrusted import read_stored
from aduni.data.cache.changed_images import changed_sources
from aduni.data.cache.decode import ALL_BITS, InputFormat
from aduni.data.image_data import ImageData
from aduni.data.loading.samplers import Ints
from aduni.errors import UserError, warn
from aduni.methods.base import Method
from aduni.metrics.calibration import Calibration
from aduni.results.find_checkpoint import run_of
from aduni.results.run_folder import RunFolder
from aduni.system.atomic_files import read_json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedModel:
    """A model with what its checkpoint says about it.

    Attributes:
        method: model in eval mode: (N, 3, H, W) images, 0..255 -> (N, C) logits.
        epoch: epoch of the weights.
        class_counts: (C,) images of each class in the training part.
        calibration: None if the run had no validation part, or this checkpoint was not tested.
    """

    path: Path
    method: Method
    settings: Settings
    epoch: int
    class_names: list[str]
    class_counts: Ints
    split_hash: str
    calibration: Calibration | None

    @property
    def image_size(self) -> int:
        """Side of the square images that the model takes, pixels."""
        return int(self.settings.dataset["image_size"])

    @property
    def input_format(self) -> InputFormat:
        return InputFormat(self.image_size, int(self.settings.dataset.get("bits", ALL_BITS)))

    @property
    def weights_digest(self) -> str:
        """Short sha256 of all weights and buffers, by which a file knows its model."""
        digest = hashlib.sha256()
        for name, value in sorted(self.method.state_dict().items()):
            digest.update(name.encode() + b"\0")
            digest.update(value.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()[:16]

    @torch.inference_mode()
    def probabilities(self, images: Tensor) -> NDArray[np.float64]:
        """Return the (N, C) probabilities of (N, 3, H, W) images, not calibrated."""
        logits = self.method(images)
        if not torch.isfinite(logits).all():
            raise UserError(f"The outputs of {self.path} are not finite; give another ckpt.")
        return np.asarray(logits.double().softmax(dim=1).cpu())

    def calibrated(self, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return calibrated (n, C) probabilities; unchanged without a calibration."""
        calibration = self.calibration
        return calibration.probabilities(probabilities) if calibration else probabilities

    @property
    def run(self) -> RunFolder:
        """Return the run folder of the checkpoint, or the folder it was moved to."""
        return run_of(self.path)


def load_trained(path: Path, trust: Sequence[str] = ()) -> TrainedModel:
    """Load the model of a checkpoint; no image is needed."""
    _refuse_floor(path)
    checkpoint = load_checkpoint(path, "ckpt")
    stored = checkpoint["aduni"]
    settings = read_stored(stored["config"], path, trust)
    if "weights" in settings.encoder:
        settings.encoder["weights"] = None  # all weights come from the checkpoint
    counts = np.array(stored["class_counts"], dtype=np.int64)
    method = build_method(settings, counts)
    load_weights(method, checkpoint, path)
    return TrainedModel(
        path=path,
        method=method.eval(),
        settings=settings,
        epoch=int(checkpoint["epoch"]),
        class_names=list(stored["class_names"]),
        class_counts=counts,
        split_hash=str(stored["split_hash"]),
        calibration=Calibration(**fitted) if (fitted := stored.get("calibration")) else None,
    )


def _refuse_floor(path: Path) -> None:
    run = RunFolder(path.parent.parent)
    if not path.exists() and run.metrics.is_file() and read_json(run.metrics).get("stages") == []:
        raise UserError(
            f"{run.path} is of a method without a network, which keeps no model; read its "
            "predictions.csv, or give the ckpt of another run."
        )


def data_of(trained: TrainedModel, root: str | None, cache_dir: str) -> ImageData:
    """Build the data set that a model learned from, with the same split.

    Images that were changed since are reported on standard error: other versions of the same images
    may be what the model is to be tested on. A checkpoint, which may be somebody else's, does not
    say where to write resized images.
    """
    settings = trained.settings
    if root is not None:
        settings.dataset["root"] = root
    if "cache_dir" in settings.dataset:  # a class of one's own may have a fixed one
        settings.dataset["cache_dir"] = cache_dir
    if trained.run.split.is_file():
        settings.protocol["split_file"] = str(trained.run.split)
    data = build_data(settings)
    if data.split_hash != trained.split_hash:
        raise UserError(
            f"{data.root} is not the data set that {trained.path} was trained on: images, labels "
            "or split differ; set dataset.root to the original one."
        )
    if words := changed_sources(trained.run.sources, data):
        warn(log, f"{words} in {data.root} are not those that {trained.path} was trained on.")
    return data
