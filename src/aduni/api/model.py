"""A trained model: probabilities, features and heat maps of images as data frames."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from omegaconf import OmegaConf

from aduni.api.given_images import Images, list_images
from aduni.api.paths import list_paths
from aduni.config.schema import read
from aduni.errors import UserError, did_you_mean
from aduni.evaluation.trained_model import TrainedModel
from aduni.inference.explain.grad_cam import find_layer, grad_cam
from aduni.inference.images import GivenImage, Source, device, read_batches
from aduni.inference.predict.ensemble import Ensemble, load_ensemble
from aduni.inference.predict.model_settings import ModelSettings
from aduni.inference.predict.predict import predict_images
from aduni.results.predictions_csv import probability_column
from aduni.system.program import CONF

Checkpoint = str | os.PathLike[str]


class Model:
    """One or several trained models that classify images together, from `load_model`.

    Images are a path, a folder, an array (H, W), (H, W, 3) or (N, H, W, 3) of uint8, a Pillow
    image, a data frame with a column `image` of paths, or a sequence of the former. Results have a
    row for each image, by its path or its number.

    Args:
        ensemble: the models on their device.
        batch_size: images in a forward pass.
    """

    def __init__(self, ensemble: Ensemble, batch_size: int) -> None:
        self._ensemble, self._batch_size = ensemble, batch_size

    @property
    def class_names(self) -> list[str]:
        """Names of the C classes, in the order of the columns."""
        return self._ensemble.class_names

    @property
    def image_size(self) -> int:
        """Side to which the first model's images are resized, pixels."""
        return self._first.image_size

    def predict_proba(self, images: Images) -> pd.DataFrame:
        """Return the (N, C) probabilities, a column for each class.

        They are calibrated where the checkpoint has a temperature, unless `calibrated=False`.

        Raises:
            UserError: if there is no image, or one cannot be read.
        """
        sources = list_images(images)
        return pd.DataFrame(self._probabilities(sources), _index(sources), self.class_names)

    def predict(self, images: Images) -> pd.DataFrame:
        """Return the predicted class of each image and its probabilities, as predictions.csv has.

        The columns are predicted and p_CLASS for each class. Raises as `predict_proba` does.
        """
        probabilities = self.predict_proba(images)
        predicted = np.array(self.class_names)[probabilities.to_numpy().argmax(axis=1)]
        table = probabilities.rename(columns=probability_column)
        table.insert(0, "predicted", predicted)
        return table

    def embed(self, images: Images) -> pd.DataFrame:
        """Return the (N, D) features before the classifier; raises as `predict_proba` does.

        Raises:
            UserError: if there are several models, whose features differ.
        """
        self._check_single("embed gives")
        sources = list_images(images)
        found = predict_images(
            sources, self._ensemble, self._batch_size, features=True, silent=True
        )
        return pd.DataFrame(found.features, _index(sources))

    def explain(
        self, images: Images, *, target: str | None = None, layer: str = "auto"
    ) -> pd.DataFrame:
        """Return the prediction for each image and a Grad-CAM heat map of its evidence.

        Neighbours among the training images and a page are made by the command `explain`.

        Args:
            images: see the class.
            target: class whose evidence is shown; None for the predicted one.
            layer: module of the encoder, as layer3; auto for the last with enough positions.

        Returns:
            Columns predicted, probability (of the target) and heat_map: (S, S) float32 arrays of
            the model's image size, 0 where there is no evidence.

        Raises:
            UserError: if there are several models, or no such class or layer, or as
                `predict_proba` does.
        """
        self._check_single("explain shows")
        classes = self.class_names
        if target is not None and target not in classes:
            raise UserError(
                f"target={target} is not a class of the model{did_you_mean(target, classes)}; "
                f"choose one of {', '.join(classes)}."
            )
        sources = list_images(images)
        probabilities = self._probabilities(sources)
        chosen = probabilities.argmax(axis=1) if target is None else classes.index(target)
        columns = {
            "predicted": np.array(classes)[probabilities.argmax(axis=1)],
            "probability": probabilities[np.arange(len(sources)), chosen],
            "heat_map": self._heat_maps(sources, None if target is None else int(chosen), layer),
        }
        return pd.DataFrame(columns, _index(sources))

    def _probabilities(self, sources: Sequence[Source]) -> NDArray[np.float64]:
        found = predict_images(sources, self._ensemble, self._batch_size, silent=True)
        return found.probabilities

    def _heat_maps(
        self, sources: Sequence[Source], target: int | None, layer: str
    ) -> list[NDArray[np.float32]]:
        trained, place = self._first, device()
        method = trained.method
        name = trained.settings.encoder["name"]
        found = find_layer(method.encoder.cpu(), layer, trained.image_size, name)
        method.to(place)
        maps: list[NDArray[np.float32]] = []
        formats = [trained.input_format]
        for batch in read_batches(sources, formats, self._batch_size, silent=True):
            pixels: torch.Tensor = batch.pixels[trained.input_format].to(place)
            maps += list(grad_cam(method, found, pixels, target, trained.image_size).cpu().numpy())
        return maps

    @property
    def _first(self) -> TrainedModel:
        return self._ensemble.members[0].trained

    def _check_single(self, words: str) -> None:
        if (count := len(self._ensemble.members)) > 1:
            raise UserError(
                f"{words} what one model sees, and these are {count}; give load_model one."
            )

    def __repr__(self) -> str:
        count, name = len(self._ensemble.members), self._first.settings.names.method
        models = f"{count} models" if count > 1 else "model"
        return f"<Model: {name} {models}, classes {', '.join(self.class_names)}>"


def _index(sources: Sequence[Source]) -> "pd.Index[Any]":
    """Return the path of each file, and the number of each image in memory."""
    keys = [int(each.name) if isinstance(each, GivenImage) else str(each) for each in sources]
    return pd.Index(keys, name="image")


def load_model(ckpt: Checkpoint | Sequence[Checkpoint], **settings: Any) -> Model:
    """Load a trained model, or several whose probabilities are averaged.

    Args:
        ckpt: checkpoint, folder of a run, folder of a multirun, or a list of these.
        settings: keys of conf/predict.yaml, which has their defaults: batch_size, tta, calibrated,
            class_frequency and trust.

    Raises:
        UserError: if there is no such checkpoint, if it is damaged, names classes that are not
            trusted, or if a setting is wrong.
    """
    defaults: Any = OmegaConf.load(CONF / "predict.yaml")
    known = [name for name in ModelSettings.model_fields if name != "ckpt"]
    for name in settings:
        if name not in known:
            raise UserError(
                f"{name} is not a setting of a model{did_you_mean(name, known)}; choose from "
                f"{', '.join(known)}."
            )
    values = {name: defaults[name] for name in known}
    values |= {**settings, "ckpt": [str(Path(each)) for each in list_paths(ckpt)]}
    checked = read(OmegaConf.create(values), ModelSettings, ())
    return Model(load_ensemble(checked), checked.batch_size)
