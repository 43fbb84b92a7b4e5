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
from aduni.evaluation.trained_model import TrainedModel
from aduni.inference.images import Source, image_files, read_batches
from aduni.inference.predict.ensemble import Ensemble, Floats, load_ensemble
from aduni.inference.predict.predict_settings import PredictSettings
from aduni.inference.predict.predictions import Predictions, join
from aduni.inference.predict.shards import SavedShards
from aduni.results.decision.decision_json import Decision, read_decision
from aduni.results.decision.in_words import in_words
from aduni.results.predictions_csv import probability_columns
from aduni.system.atomic_files import write_csv, write_npy
from aduni.system.out_of_memory import explain_out_of_memory


def predict(settings: PredictSettings) -> str:
    """Predict, write the table and the features, and return lines on what was done.

    With a shard only its predictions are kept, for a later call without one to merge.
    """
    outputs = [path for path in (settings.output, settings.embeddings) if path is not None]
    for path in outputs:
        _check_writable(path)
    decision = read_decision(settings.decision) if settings.decision else None
    ensemble = load_ensemble(settings)
    if decision:
        _check_model(decision, settings, ensemble.members[0].trained)
    files = image_files(settings.images)
    saved, begin = SavedShards(settings, files), time.perf_counter()
    half = max(1, settings.batch_size // 2)
    with explain_out_of_memory(f"take fewer images at a time, for example batch_size={half}"):
        if settings.shard:
            settings.shard.check(-(-len(files) // settings.batch_size))
            predictions = _predict_files(saved.files_of([settings.shard]), ensemble, settings)
            outputs = [saved.save(predictions, settings.shard)]
        else:
            shards = saved.find()
            predictions = _predict_left(saved, shards, ensemble, settings)
            _write(predictions, ensemble.class_names, settings, decision)
            saved.remove(shards)
    seconds = time.perf_counter() - begin
    count = len(predictions.files)
    skipped = f", {predictions.unreadable} left out" if predictions.unreadable else ""
    how = (
        f"; when all {settings.shard.count} shards are there, the same command without shard= "
        "merges them"
        if settings.shard
        else ""
    )
    return (
        f"{count} images{skipped} in {seconds:.1f} s ({count / seconds:.0f} images/s), "
        f"{_calibration(ensemble, decision)}: {' and '.join(map(str, outputs))}{how}"
        f"{_decided(None if settings.shard else decision)}"
    )


def _calibration(ensemble: Ensemble, decision: Decision | None) -> str:
    if decision:
        return "not calibrated, as decision= is for probabilities as they are"
    calibrated = sum(model.calibrate is not None for model in ensemble.members)
    return f"{calibrated} of {len(ensemble.members)} checkpoints calibrated"


def _decided(decision: Decision | None) -> str:
    return f"\nDecided by {'; '.join(in_words(decision))}" if decision else ""


def _check_model(decision: Decision, settings: PredictSettings, trained: TrainedModel) -> None:
    """Raise UserError if a decision is that of another model."""
    if decision.weights != trained.weights_digest:
        raise UserError(
            f"decision={settings.decision} has the thresholds of another model than "
            f"{trained.path}; write its own with evaluate.py ckpt={trained.path}."
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
        parts.append(_predict_files(left, ensemble, settings))
    return join(parts, saved.files)


def _write(
    predictions: Predictions,
    class_names: Sequence[str],
    settings: PredictSettings,
    decision: Decision | None,
) -> None:
    if predictions.features is not None and settings.embeddings is not None:
        write_npy(predictions.features, settings.embeddings)
    table = prediction_table(predictions, class_names)
    if decision:
        table = table.join(decision.columns(predictions.probabilities))
    write_csv(table, settings.output)


def _predict_files(
    files: Sequence[Source], ensemble: Ensemble, settings: PredictSettings
) -> Predictions:
    """Predict files; raise UserError if none could be read, but for a shard of them."""
    predictions = predict_images(
        files,
        ensemble,
        settings.batch_size,
        features=settings.embeddings is not None,
        skip_unreadable=settings.skip_unreadable,
        way_to_skip=" with skip_unreadable=true",
    )
    if predictions.unreadable and not predictions.files and not settings.shard:
        raise UserError(
            f"{len(files)} of {len(files)} images cannot be read, first {escape(str(files[0]))}; "
            "restore them."
        )
    return predictions


def predict_images(
    files: Sequence[Source],
    ensemble: Ensemble,
    batch_size: int,
    *,
    features: bool = False,
    skip_unreadable: bool = False,
    way_to_skip: str = "",
    silent: bool = False,
) -> Predictions:
    """Predict all images, and list the unreadable ones on standard error.

    Args:
        features: whether to compute the first model's features, too.
        skip_unreadable: leave unreadable images out, instead of raising UserError.
        way_to_skip: how the caller's user asks for that, as the end of a sentence.
        silent: show no progress bar.
    """
    read: list[Source] = []
    probabilities: list[Floats] = []
    all_features: list[NDArray[np.float32]] = []
    unreadable: dict[Source, str] = {}
    for batch in read_batches(files, ensemble.formats, batch_size, silent=silent):
        unreadable |= batch.unreadable
        fails = unreadable and not skip_unreadable
        if fails or not batch.files:  # go on reading, so that all unreadable images are listed
            continue
        read += batch.files
        probabilities.append(ensemble.probabilities(batch.pixels))
        if features:
            all_features.append(ensemble.features(batch.pixels))
    for sentence in unreadable.values():
        print(f"unreadable: {sentence}", file=sys.stderr)
    if unreadable and not skip_unreadable:
        first = escape(str(next(iter(unreadable))))
        raise UserError(
            f"{len(unreadable)} of {len(files)} images cannot be read, first {first}; restore "
            f"them, or leave them out{way_to_skip}."
        )
    none = np.empty((0, len(ensemble.class_names)))  # a shard may have no readable image
    joined = np.concatenate(all_features) if all_features else None
    return Predictions(read, np.concatenate([none, *probabilities]), joined, len(unreadable))


def prediction_table(predictions: Predictions, class_names: Sequence[str]) -> pd.DataFrame:
    """Return a row for each image: image, predicted, and the probability of each class."""
    names = np.array(class_names)
    frame = pd.DataFrame(
        {
            # Bytes of a file name that are not UTF-8 are escaped.
            "image": [
                os.fsencode(str(f)).decode(errors="backslashreplace") for f in predictions.files
            ],
            "predicted": names[predictions.probabilities.argmax(axis=1)],
        }
    )
    columns = probability_columns(class_names)
    return frame.join(pd.DataFrame(predictions.probabilities, columns=columns))


def _check_writable(path: Path) -> None:
    """Create the folder and try to write into it, before the models compute for hours."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the file another name.")
    with tempfile.TemporaryFile(dir=path.parent):
        pass
