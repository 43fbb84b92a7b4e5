"""What predict.py does, from checked settings to written files."""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from aduni.data.image_table import escape
from aduni.errors import UserError
from aduni.inference.images import image_files
from aduni.inference.predict.batches import read_batches
from aduni.inference.predict.ensemble import Ensemble, Floats, load_ensemble
from aduni.inference.predict.predict_settings import PredictSettings
from aduni.results.predictions_csv import probability_column
from aduni.system.atomic_files import write_csv, write_npy
from aduni.system.out_of_memory import explain_out_of_memory


@dataclass(frozen=True)
class Predictions:
    """Of n images.

    Attributes:
        files: n.
        probabilities: (n, C).
        features: (n, D); None where none were asked for.
        unreadable: how many files are left out.
    """

    files: list[Path]
    probabilities: Floats
    features: NDArray[np.float32] | None
    unreadable: int


def predict(settings: PredictSettings) -> str:
    """Predict, and write the table and the features.

    Returns:
        What was done, in one sentence.

    Raises:
        UserError: whatever the user can mend; then nothing is written.
    """
    outputs = [path for path in (settings.output, settings.embeddings) if path is not None]
    for path in outputs:
        _check_writable(path)
    ensemble = load_ensemble(settings)
    files = image_files(settings.images)
    begin = time.perf_counter()
    half = max(1, settings.batch_size // 2)
    with explain_out_of_memory(f"take fewer images at a time, for example batch_size={half}"):
        found = predict_files(files, ensemble, settings)
    seconds = time.perf_counter() - begin
    if found.features is not None and settings.embeddings is not None:
        write_npy(found.features, settings.embeddings)
    write_csv(table(found, ensemble.class_names), settings.output)
    return _sentence(found, ensemble, outputs, seconds)


def predict_files(
    files: Sequence[Path], ensemble: Ensemble, settings: PredictSettings
) -> Predictions:
    """The probabilities of all images; the unreadable ones are listed on standard error.

    Raises:
        UserError: an image cannot be read and none is to be left out, or none can be read.
    """
    read: list[Path] = []
    probabilities: list[Floats] = []
    features: list[NDArray[np.float32]] = []
    unreadable: dict[Path, str] = {}
    for images in read_batches(files, ensemble.formats, settings.batch_size):
        unreadable |= images.unreadable
        refused = unreadable and not settings.skip_unreadable
        if refused or not images.files:  # the others are read all the same: all faults are listed
            continue
        read += images.files
        probabilities.append(ensemble.probabilities(images.pixels))
        if settings.embeddings is not None:
            features.append(ensemble.features(images.pixels))
    for sentence in unreadable.values():
        print(f"unreadable: {sentence}", file=sys.stderr)
    _check_read(list(unreadable), len(files), skip=settings.skip_unreadable)
    found = np.concatenate(features) if features else None
    return Predictions(read, np.concatenate(probabilities), found, len(unreadable))


def table(found: Predictions, class_names: Sequence[str]) -> pd.DataFrame:
    """Columns image, predicted, and one probability a class; a row an image."""
    names = np.array(class_names)
    frame = pd.DataFrame(
        {
            "image": [_written(file) for file in found.files],
            "predicted": names[found.probabilities.argmax(axis=1)],
        }
    )
    columns = [probability_column(name) for name in class_names]
    return frame.join(pd.DataFrame(found.probabilities, columns=columns))


def _written(file: Path) -> str:
    """With escapes for the bytes of a name that are no UTF-8."""
    return os.fsencode(file).decode(errors="backslashreplace")


def _check_writable(path: Path) -> None:
    """Before the models compute for hours: make the folder, and try to write into it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_dir():
        raise UserError(f"{path} is a folder; give the file another name.")
    with tempfile.TemporaryFile(dir=path.parent):
        pass


def _check_read(unreadable: Sequence[Path], total: int, *, skip: bool) -> None:
    if not unreadable or (skip and len(unreadable) < total):
        return
    first = escape(str(unreadable[0]))
    remedy = "restore them" if skip else "restore them, or leave them out with skip_unreadable=true"
    raise UserError(f"{len(unreadable)} of {total} images cannot be read, first {first}; {remedy}.")


def _sentence(
    found: Predictions, ensemble: Ensemble, outputs: Sequence[Path], seconds: float
) -> str:
    calibrated = sum(member.calibrate is not None for member in ensemble.members)
    skipped = f", {found.unreadable} left out" if found.unreadable else ""
    return (
        f"{len(found.files)} images{skipped} in {seconds:.1f} s "
        f"({len(found.files) / seconds:.0f} images/s), {calibrated} of {len(ensemble.members)} "
        f"checkpoints calibrated: {' and '.join(map(str, outputs))}"
    )
