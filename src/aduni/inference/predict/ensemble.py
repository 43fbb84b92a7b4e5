"""Average the probabilities of several models over several views of each image."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aduni.data.cache.decode import InputFormat
from aduni.data.names import match_name
from aduni.errors import UserError, did_you_mean
from aduni.evaluation.trained_model import TrainedModel, load_trained
from aduni.inference.images import device
from aduni.inference.predict.model_settings import ModelSettings
from aduni.metrics.calibration import Calibration

Floats = NDArray[np.float64]

Calibrate = Callable[[Floats], Floats]
"""Map the (n, C) probabilities of a model to calibrated ones."""


@dataclass(frozen=True)
class Member:
    """One model of an ensemble on its device, and the calibration of its softmax, if any."""

    trained: TrainedModel
    calibrate: Calibrate | None

    def probabilities(self, images: Tensor) -> Floats:
        """Return the (N, C) probabilities of (N, 3, S, S) images."""
        probabilities = self.trained.probabilities(images)
        return self.calibrate(probabilities) if self.calibrate else probabilities


@dataclass(frozen=True)
class Ensemble:
    """Models of the same classes, applied to 1, 2, 4 or 8 views of each image."""

    members: list[Member]
    views: int

    @property
    def class_names(self) -> list[str]:
        return self.members[0].trained.class_names

    @cached_property
    def formats(self) -> list[InputFormat]:
        return list(dict.fromkeys(member.trained.input_format for member in self.members))

    @torch.inference_mode()
    def probabilities(self, pixels: Mapping[InputFormat, Tensor]) -> Floats:
        """Return the (N, C) probabilities averaged over models and views, from pixels by format."""
        probabilities = [
            member.probabilities(view)
            for member in self.members
            for view in dihedral(_on_device(member, pixels), self.views)
        ]
        return np.asarray(np.mean(probabilities, axis=0))

    @torch.inference_mode()
    def features(self, pixels: Mapping[InputFormat, Tensor]) -> NDArray[np.float32]:
        """Return the first model's (N, D) pooled features of the unmodified images."""
        first = self.members[0]
        features = first.trained.method.encoder(_on_device(first, pixels))
        return np.asarray(features.float().cpu().numpy())


def _on_device(member: Member, pixels: Mapping[InputFormat, Tensor]) -> Tensor:
    return pixels[member.trained.input_format].to(device())


def dihedral(images: Tensor, count: int) -> Iterator[Tensor]:
    """Yield the first of the eight rotations and reflections of (N, 3, S, S) images.

    1 is for the images alone; 2 with their mirror images; 4 with these two upside down; 8 with all
    these transposed.
    """
    views = (
        square.flip(axes) if axes else square
        for square in (images, images.transpose(2, 3))
        for axes in ((), (3,), (2,), (2, 3))
    )
    return islice(views, count)


def load_ensemble(settings: ModelSettings) -> Ensemble:
    """Load the models of all checkpoints."""
    files = settings.checkpoints
    trained = [load_trained(file, settings.trust) for file in files]
    first = trained[0]
    for other in trained[1:]:
        if other.class_names != first.class_names:
            raise UserError(
                f"{other.path} has the classes {', '.join(other.class_names)}, {first.path} has "
                f"{', '.join(first.class_names)}; give checkpoints of the same classes."
            )
    for each in trained:
        each.method.to(device())
    members = [Member(each, _calibration_of(each, settings)) for each in trained]
    return Ensemble(members, settings.tta)


def _calibration_of(trained: TrainedModel, settings: ModelSettings) -> Calibrate | None:
    calibration, shares = trained.calibration, settings.class_frequency
    if calibration is None and (settings.calibrated is True or shares is not None):
        setting = "calibrated=true" if shares is None else "class_frequency"
        raise UserError(
            f"{trained.path} has no calibration, which {setting} needs; give the checkpoint that "
            "was tested (best.ckpt) of a run with a validation part."
        )
    if calibration is None or settings.calibrated is False:
        return None
    if shares is None:
        return calibration.probabilities
    return partial(calibration.under, frequency=_class_frequencies(trained, calibration, shares))


def _class_frequencies(
    trained: TrainedModel, calibration: Calibration, shares: Mapping[str, float]
) -> Floats:
    names = trained.class_names
    keys = [match_name(name, names) for name in shares]
    for name in keys:
        if keys.count(name) > 1:
            raise UserError(f"class_frequency names {name} twice; give every class one share.")
    shares = dict(zip(keys, shares.values(), strict=True))
    for name in shares:
        if name not in names:
            raise UserError(
                f"class_frequency names {name}, which is not a class of {trained.path}"
                f"{did_you_mean(name, names)}; give the shares of {', '.join(names)}."
            )
    for name, validated in zip(names, calibration.frequency, strict=True):
        if name not in shares:
            raise UserError(f"class_frequency has no share for {name}; give every class one.")
        if shares[name] > 0 and validated == 0:
            raise UserError(
                f"class_frequency.{name}={shares[name]:g} has no measure: the validation part of "
                f"{trained.path} held no {name}; set its share to 0, or leave class_frequency out."
            )
    frequency = np.array([shares[name] for name in names], dtype=np.float64)
    return np.asarray(frequency / frequency.sum())
