"""Classify images with trained models and write a table of the probabilities."""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.names import escape
from aduni.data.shard import Shard
from aduni.errors import UserError
from aduni.inference.images import image_files, read_batches
from aduni.inference.predict.ensemble import Ensemble, Floats, load_ensemble
from aduni.inference.predict.predict_settings import PredictSettings
from aduni.inference.predict.predictions import Predictions, join
from aduni.inference.predict.shards import SavedShards
from aduni.results.predictions_csv import probability_column
from aduni.system.atomic_files import write_csv, write_npy
from aduni.system.out_of_memory import explain_out_of_memory


def predict(settings: PredictSettings) -> str:
    """Predict, write the table and the features, and return a sentence on what was done.

    With a shard only its predictions are kept, for a later call without one to merge.
    """
    outputs = [path for path in (settings.output, settings.embeddings) if path is not None]
    for path in outputs:
        _check_writable(path)
    ensemble = load_ensemble(settings)
    files = image_files(settings.images)
    saved, begin = SavedShards(settings, files), time.perf_counter()
    half = max(1, settings.batch_size // 2)
    with explain_out_of_memory(f"take fewer images at a time, for example batch_size={half}"):
        if settings.shard:
            settings.shard.check(-(-len(files) // settings.batch_size))
            predictions = predict_files(saved.files_of([settings.shard]), ensemble, settings)
            outputs = [saved.save(predictions, settings.shard)]
        else:
            shards = saved.find()
            predictions = _predict_left(saved, shards, ensemble, settings)
            _write(predictions, ensemble.class_names, settings)
            saved.remove(shards)
    seconds = time.perf_counter() - begin
    count, models = len(predictions.files), ensemble.members
    calibrated = sum(model.calibrate is not None for model in models)
    skipped = f", {predictions.unreadable} left out" if predictions.unreadable else ""
    how = (
        f"; when all {settings.shard.count} shards are there, the same command without shard= "
        "merges them"
        if settings.shard
        else ""
    )
    return (
        f"{count} images{skipped} in {seconds:.1f} s ({count / seconds:.0f} images/s), "
        f"{calibrated} of {len(models)} checkpoints calibrated: "
        f"{' and '.join(map(str, outputs))}{how}"
    )


def _predict_left(
    saved: SavedShards,
    shards: dict[Shard, Path | None],
    ensemble: Ensemble,
    settings: PredictSettings,
) -> Predictions:
    """Take the predictions of finished shards, and predict all other images."""
    parts = [saved.load(shard, path) for shard, path in shards.items() if path]
    missing = [shard for shard, path in shards.items() if path is None]
    left = saved.files_of(missing) if shards else saved.files
    if left:
        parts.append(predict_files(left, ensemble, settings))
    return join(parts, saved.files)


def _write(predictions: Predictions, class_names: Sequence[str], settings: PredictSettings) -> None:
    if predictions.features is not None and settings.embeddings is not None:
        write_npy(predictions.features, settings.embeddings)
    write_csv(prediction_table(predictions, class_names), settings.output)


def predict_files(
    files: Sequence[Path], ensemble: Ensemble, settings: PredictSettings
) -> Predictions:
    """Predict all images, and list the unreadable ones on standard error."""
    read: list[Path] = []
    probabilities: list[Floats] = []
    features: list[NDArray[np.float32]] = []
    unreadable: dict[Path, str] = {}
    for batch in read_batches(files, ensemble.formats, settings.batch_size):
        unreadable |= batch.unreadable
        fails = unreadable and not settings.skip_unreadable
        if fails or not batch.files:  # go on reading, so that all unreadable images are listed
            continue
        read += batch.files
        probabilities.append(ensemble.probabilities(batch.pixels))
        if settings.embeddings is not None:
            features.append(ensemble.features(batch.pixels))
    for sentence in unreadable.values():
        print(f"unreadable: {sentence}", file=sys.stderr)
    if unreadable and not (settings.skip_unreadable and (read or settings.shard)):
        raise _unreadable_error(list(unreadable), len(files), skip=settings.skip_unreadable)
    none = np.empty((0, len(ensemble.class_names)))  # a shard may have no readable image
    all_features = np.concatenate(features) if features else None
    return Predictions(read, np.concatenate([none, *probabilities]), all_features, len(unreadable))


def prediction_table(predictions: Predictions, class_names: Sequence[str]) -> pd.DataFrame:
    """Return a row for each image: image, predicted, and the probability of each class."""
    names = np.array(class_names)
    frame = pd.DataFrame(
        {
            # Bytes of a file name that are not UTF-8 are escaped.
            "image": [os.fsencode(f).decode(errors="backslashreplace") for f in predictions.files],
            "predicted": names[predictions.probabilities.argmax(axis=1)],
        }
    )
    columns = [probability_column(name) for name in class_names]
    return frame.join(pd.DataFrame(predictions.probabilities, columns=columns))


def _check_writable(path: Path) -> None:
    """Create the folder and try to write into it, before the models compute for hours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the file another name.")
    with tempfile.TemporaryFile(dir=path.parent):
        pass


def _unreadable_error(unreadable: Sequence[Path], total: int, *, skip: bool) -> UserError:
    first = escape(str(unreadable[0]))
    remedy = "restore them" if skip else "restore them, or leave them out with skip_unreadable=true"
    return UserError(
        f"{len(unreadable)} of {total} images cannot be read, first {first}; {remedy}."
    )
