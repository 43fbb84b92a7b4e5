"""Keep the predictions of a shard of the images until all shards are merged."""

import hashlib
import json
import logging
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np

from aduni.data.shard import Shard, find_shards, shard_counts
from aduni.errors import warn
from aduni.inference.predict.predict_settings import PredictSettings
from aduni.inference.predict.predictions import Predictions
from aduni.shortage import raise_shortage
from aduni.system.atomic_files import write_npz

log = logging.getLogger(__name__)

FREE_KEYS = {"ckpt", "images", "output", "embeddings", "shard", "trust", "verbose"}
"""Settings that no probability depends on, or by more than their text."""


class SavedShards:
    """Predictions of shards, in files beside the output.

    Whole batches are dealt, so that a model sees the batches that it would see without shards. The
    name of a file has a key of the checkpoints' content, the settings and the images' paths, sizes
    and times.

    Args:
        settings: settings of the prediction.
        files: all images, of all shards.
    """

    def __init__(self, settings: PredictSettings, files: Sequence[Path]) -> None:
        self._settings, self.files = settings, files
        self._prefix = settings.output.with_name(f"{settings.output.stem}-")

    def files_of(self, shards: Sequence[Shard]) -> list[Path]:
        """Return the images of some shards of one division, in the order of the whole."""
        rows = sorted(
            row
            for shard in shards
            for batch in shard.batches(len(self.files), self._settings.batch_size)
            for row in batch
        )
        return [self.files[row] for row in rows]

    def remove(self, shards: dict[Shard, Path | None]) -> None:
        """Remove the files of merged shards."""
        for path in filter(None, shards.values()):
            path.unlink(missing_ok=True)

    def save(self, predictions: Predictions, shard: Shard) -> Path:
        """Write the predictions of a shard, and return the file."""
        read, path = set(predictions.files), self._path(shard)
        arrays = {
            "read": np.array([file in read for file in self.files_of([shard])]),
            "probabilities": predictions.probabilities,
        }
        if predictions.features is not None:
            arrays["features"] = predictions.features
        write_npz(arrays, path)
        return path

    def find(self) -> dict[Shard, Path | None]:
        """Find the files of all shards, None for missing ones, of which a warning is given."""
        shards = find_shards(self._prefix, self._path)
        if not shards and shard_counts(self._prefix):
            warn(
                log,
                f"Shards beside {self._settings.output} are of other images, checkpoints or "
                "settings, and are not merged.",
            )
        for shard in (shard for shard, path in shards.items() if path is None):
            count = len(self.files_of([shard]))
            warn(log, f"The {count} images of shard {shard} are predicted here: it is missing.")
        return shards

    def load(self, shard: Shard, path: Path) -> Predictions:
        """Read the predictions of a shard."""
        with np.load(path, allow_pickle=False) as arrays:
            read, features = arrays["read"], arrays.get("features")
            files = self.files_of([shard])
            known = [file for file, readable in zip(files, read, strict=True) if readable]
            return Predictions(known, arrays["probabilities"], features, int((~read).sum()))

    def _path(self, shard: Shard) -> Path:
        return self._prefix.with_name(f"{self._prefix.name}{self._key}{shard.suffix}.npz")

    @cached_property
    def _key(self) -> str:
        kept = self._settings.model_dump(mode="json", exclude=FREE_KEYS)
        kept["features"] = self._settings.embeddings is not None
        digest = hashlib.sha256(json.dumps(kept, sort_keys=True).encode())
        for checkpoint in self._settings.checkpoints:
            with open(checkpoint, "rb") as opened:
                digest.update(hashlib.file_digest(opened, "sha256").digest())
        for file in self.files:
            digest.update(os.fsencode(file) + b"\0")
            try:
                status = os.stat(file)
            except OSError as error:  # is reported where the image is read
                raise_shortage(error)
                continue
            digest.update(b"%d %d\0" % (status.st_size, status.st_mtime_ns))
        return digest.hexdigest()[:12]
