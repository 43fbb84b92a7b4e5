"""Trained models whose probabilities are averaged, and the views that each of them sees."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from aduni.data.cache.decode import InputFormat
from aduni.data.class_names import match_name
from aduni.errors import UserError, did_you_mean
from aduni.evaluation.trained_model import TrainedModel, load_trained
from aduni.inference.images import device
from aduni.inference.predict.predict_settings import PredictSettings
from aduni.metrics.calibration import Calibration

Floats = NDArray[np.float64]

Calibrate = Callable[[Floats], Floats]
"""(n, C) probabilities of a model -> those that are reported."""


@dataclass(frozen=True)
class Member:
    """One model, on its device.

    Attributes:
        trained: the model.
        calibrate: None where its softmax is taken as it is.
    """

    trained: TrainedModel
    calibrate: Calibrate | None

    def probabilities(self, images: Tensor) -> Floats:
        """(N, 3, S, S) images -> (N, C).

        Raises:
            UserError: the outputs are not finite.
        """
        logits = self.trained.method(images)
        if not torch.isfinite(logits).all():
            raise UserError(
                f"The outputs of {self.trained.path} are not finite; give another ckpt."
            )
        found: Floats = logits.double().softmax(dim=1).cpu().numpy()
        return self.calibrate(found) if self.calibrate else found


@dataclass(frozen=True)
class Ensemble:
    """Models of the same classes.

    Attributes:
        members: at least one.
        views: of each image, 1, 2, 4 or 8.
    """

    members: list[Member]
    views: int

    @property
    def class_names(self) -> list[str]:
        """C, in the order of the probabilities."""
        return self.members[0].trained.class_names

    @cached_property
    def formats(self) -> list[InputFormat]:
        """What the models take, each once."""
        return list(dict.fromkeys(member.trained.input_format for member in self.members))

    @torch.inference_mode()
    def probabilities(self, pixels: Mapping[InputFormat, Tensor]) -> Floats:
        """(N, C) mean over models and views.

        Args:
            pixels: format of side S -> (N, 3, S, S) uint8, for all `formats`.
        """
        found = [
            member.probabilities(view)
            for member in self.members
            for view in dihedral(_on_device(member, pixels), self.views)
        ]
        return np.asarray(np.mean(found, axis=0))

    @torch.inference_mode()
    def features(self, pixels: Mapping[InputFormat, Tensor]) -> NDArray[np.float32]:
        """(N, D) pooled features of the images as they are, of the first model."""
        first = self.members[0]
        found = first.trained.method.encoder(_on_device(first, pixels))
        return np.asarray(found.float().cpu().numpy())


def _on_device(member: Member, pixels: Mapping[InputFormat, Tensor]) -> Tensor:
    return pixels[member.trained.input_format].to(device())


def dihedral(images: Tensor, count: int) -> Iterator[Tensor]:
    """The first of the eight ways to turn and mirror a square, itself the first.

    Args:
        images: (N, 3, S, S).
        count: 1; 2 with its mirror image; 4 upside down as well; 8 with all these transposed.
    """
    turned = (
        around.flip(axes) if axes else around
        for around in (images, images.transpose(2, 3))
        for axes in ((), (3,), (2,), (2, 3))
    )
    return islice(turned, count)


def load_ensemble(settings: PredictSettings) -> Ensemble:
    """The models of all checkpoints.

    Raises:
        UserError: no checkpoint of this project, checkpoints of different classes, or the
            calibration that is asked for cannot be had.
    """
    trained = [load_trained(Path(path), settings.trust) for path in settings.ckpt]
    for other in trained[1:]:
        _check_same_classes(trained[0], other)
    for each in trained:
        each.method.to(device())
    return Ensemble([Member(each, _calibrate(each, settings)) for each in trained], settings.tta)


def _check_same_classes(first: TrainedModel, other: TrainedModel) -> None:
    if other.class_names != first.class_names:
        raise UserError(
            f"{other.path} has the classes {', '.join(other.class_names)}, {first.path} has "
            f"{', '.join(first.class_names)}; give checkpoints of the same classes."
        )


def _calibrate(trained: TrainedModel, settings: PredictSettings) -> Calibrate | None:
    calibration, shares = trained.calibration, settings.class_frequency
    if calibration is None and (settings.calibrated is True or shares is not None):
        asked = "calibrated=true" if shares is None else "class_frequency"
        raise UserError(
            f"{trained.path} has no calibration, which {asked} needs; give the checkpoint that "
            "was tested (best.ckpt) of a run with a validation part."
        )
    if calibration is None or settings.calibrated is False:
        return None
    if shares is None:
        return calibration.probabilities
    return partial(calibration.under, frequency=_frequency(trained, calibration, shares))


def _frequency(
    trained: TrainedModel, calibration: Calibration, shares: Mapping[str, float]
) -> Floats:
    """(C,) shares in the order of the classes, their sum 1."""
    names = trained.class_names
    given = [match_name(name, names) for name in shares]
    twice = next((name for name in given if given.count(name) > 1), None)
    if twice is not None:
        raise UserError(f"class_frequency names {twice} twice; give every class one share.")
    shares = dict(zip(given, shares.values(), strict=True))
    for name in shares:
        if name not in names:
            raise UserError(
                f"class_frequency names {name}, which is no class of {trained.path}"
                f"{did_you_mean(name, names)}; give the shares of {', '.join(names)}."
            )
    for name, held in zip(names, calibration.frequency, strict=True):
        if name not in shares:
            raise UserError(f"class_frequency has no share for {name}; give every class one.")
        if shares[name] > 0 and held == 0:
            raise UserError(
                f"class_frequency.{name}={shares[name]:g} has no measure: the validation part of "
                f"{trained.path} held no {name}; set its share to 0, or leave class_frequency out."
            )
    frequency = np.array([shares[name] for name in names], dtype=np.float64)
    return np.asarray(frequency / frequency.sum())
