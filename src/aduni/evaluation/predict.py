"""Predict whole parts of a data set, as the table that predictions.csv holds."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import nn

from aduni.batch import Batch
from aduni.data.image_table import ImageTable
from aduni.data.loading.samplers import Ints
from aduni.data.module import ImageDataModule
from aduni.data.shortcuts.features import shortcut_features
from aduni.errors import UserError
from aduni.methods.base import Method
from aduni.methods.floor import Floor
from aduni.results.predictions_csv import probability_column

EVALUATION_PRECISION = "32-true"
"""Precision of all predictions and of the scores that select an epoch, also in mixed training."""


def predict_parts(
    method: nn.Module, data: ImageDataModule, parts: tuple[str, ...], device: torch.device
) -> pd.DataFrame:
    """Predict several parts, one after another, as `read_predictions` returns them."""
    method = method.to(device).eval()
    frames = []
    for part in parts:
        rows, probabilities = _probabilities(method, data.evaluation_batches(part, device))
        frames.append(_frame(data.table, part, rows, probabilities))
    return pd.concat(frames, ignore_index=True)


def predict_by_floor(
    floor: Floor, data: ImageDataModule, seed: int
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Fit a floor and predict the reported parts, as `predict_parts` does; add what `fit` tells."""
    features, labels = shortcut_features(data, floor.features).to_numpy(), data.table.labels
    train, selecting = data.rows("train"), data.rows(data.protocol.selected_on)
    found = floor.fit(
        (features[train], labels[train]), (features[selecting], labels[selecting]), seed
    )
    frames = [
        _frame(data.table, part, rows, floor.probabilities(features[rows]))
        for part in data.protocol.reported
        for rows in (data.rows(part),)
    ]
    return pd.concat(frames, ignore_index=True), found


@torch.inference_mode()
def training_features(
    method: Method, data: ImageDataModule, device: torch.device
) -> dict[str, NDArray[Any]]:
    """Compute pooled features of the training images without augmentation, for the t-SNE figure.

    Returns images (n,), labels (n,) class numbers and features (n, D) float16.
    """
    method = method.to(device).eval()
    rows, features = [], []
    for batch in data.evaluation_batches("train", device):
        rows.append(batch.indices.cpu().numpy())
        features.append(method.encoder(batch.views[0]).half().cpu().numpy())
    order = np.concatenate(rows)
    return {
        "images": np.array([data.table.images[row] for row in order]),
        "labels": data.table.labels[order],
        "features": np.concatenate(features),
    }


@torch.inference_mode()
def _probabilities(method: nn.Module, batches: Iterable[Batch]) -> tuple[Ints, NDArray[np.float64]]:
    # Read at the end: otherwise the host would wait for a GPU after every batch.
    pairs = [(batch.indices, method(batch.views[0])) for batch in batches]
    rows, logits = (torch.cat(parts).cpu() for parts in zip(*pairs, strict=True))
    if not torch.isfinite(logits).all():
        raise UserError("The trained model's outputs are not finite; lower lr and train again.")
    return rows.numpy(), logits.double().softmax(dim=1).numpy()


def _frame(
    table: ImageTable, part: str, rows: Ints, probabilities: NDArray[np.float64]
) -> pd.DataFrame:
    names = np.array(table.class_names)
    frame = pd.DataFrame(
        {
            "image": [table.images[row] for row in rows],
            "part": part,
            "label": names[table.labels[rows]],
            "predicted": names[probabilities.argmax(axis=1)],
        }
    )
    columns = [probability_column(name) for name in table.class_names]
    return frame.join(pd.DataFrame(probabilities, columns=columns))
