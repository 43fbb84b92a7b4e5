"""Predict whole parts of a data set, as the table that predictions.csv holds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from aduni.data.image_data import ImageData
from aduni.data.image_table import ImageTable
from aduni.data.loading.samplers import Ints
from aduni.data.shortcuts.features import shortcut_features
from aduni.errors import UserError
from aduni.methods.base import Method
from aduni.methods.floor import Floor
from aduni.results.predictions_csv import probability_columns

EVALUATION_PRECISION = "32-true"
"""Precision of all predictions and of the scores that select an epoch, also in mixed training."""


def predict_parts(
    method: nn.Module, data: ImageData, parts: tuple[str, ...], device: torch.device
) -> pd.DataFrame:
    """Predict several parts, one after another, as `read_predictions` returns them."""
    frames = []
    for part in parts:
        rows, probabilities = predict_rows(method, data, data.rows(part), device)
        frames.append(_of_rows(data.table, part, rows, probabilities))
    return pd.concat(frames, ignore_index=True)


@torch.inference_mode()
def predict_rows(
    method: nn.Module, data: ImageData, rows: Ints, device: torch.device
) -> tuple[Ints, NDArray[np.float64]]:
    """Return (n,) rows in the order in which they were read, and their (n, C) probabilities."""
    method = method.to(device).eval()
    batches = data.module.evaluation_batches(rows, device)
    # Read at the end: otherwise the host would wait for a GPU after every batch.
    pairs = [(batch.indices, method(batch.views[0])) for batch in batches]
    indices, logits = (torch.cat(parts).cpu() for parts in zip(*pairs, strict=True))
    if not torch.isfinite(logits).all():
        raise UserError("The trained model's outputs are not finite; lower lr and train again.")
    return indices.numpy(), logits.double().softmax(dim=1).numpy()


def predict_by_floor(
    floor: Floor, data: ImageData, seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Fit a floor and predict the reported parts, as `predict_parts` does; add what `fit` tells."""
    features, labels = shortcut_features(data, floor.features).to_numpy(), data.table.labels
    train, selecting = data.rows("train"), data.rows(data.protocol.selected_on)
    found = floor.fit(
        (features[train], labels[train]), (features[selecting], labels[selecting]), seed
    )
    frames = [
        _of_rows(data.table, part, rows, floor.probabilities(features[rows]))
        for part in data.protocol.reported
        for rows in (data.rows(part),)
    ]
    return pd.concat(frames, ignore_index=True), found


@torch.inference_mode()
def training_features(
    method: Method, data: ImageData, device: torch.device
) -> dict[str, NDArray[Any]]:
    """Compute pooled features of the training images without augmentation, for the t-SNE figure.

    Returns images (n,), labels (n,) class numbers and features (n, D) float16.
    """
    method = method.to(device).eval()
    rows, features = [], []
    for batch in data.module.evaluation_batches(data.rows("train"), device):
        rows.append(batch.indices.cpu().numpy())
        features.append(method.encoder(batch.views[0]).half().cpu().numpy())
    order = np.concatenate(rows)
    return {
        "images": np.array([data.table.images[row] for row in order]),
        "labels": data.table.labels[order],
        "features": np.concatenate(features),
    }


def _of_rows(
    table: ImageTable, part: str, rows: Ints, probabilities: NDArray[np.float64]
) -> pd.DataFrame:
    images, names = [table.images[row] for row in rows], np.array(table.class_names)
    return predictions_frame(images, names[table.labels[rows]], part, names, probabilities)


def predictions_frame(
    images: Sequence[str],
    labels: NDArray[np.str_],
    part: str,
    class_names: NDArray[np.str_],
    probabilities: NDArray[np.float64],
) -> pd.DataFrame:
    """Return rows of predictions.csv for n images, with their labels and (n, C) probabilities."""
    frame = pd.DataFrame({"image": images, "part": part, "label": labels})
    frame["predicted"] = class_names[probabilities.argmax(axis=1)]
    columns = probability_columns(class_names)
    return frame.join(pd.DataFrame(probabilities, columns=columns))
