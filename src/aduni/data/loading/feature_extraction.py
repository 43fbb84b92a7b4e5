"""Extract a frozen encoder's features of all images and of augmented draws of them, once."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import Any

import albumentations as A
import numpy as np
import torch
from rich.progress import track
from torch import nn

from aduni.batch import Batch
from aduni.data.cache.feature_cache import (
    FeatureCache,
    Features,
    build_feature_cache,
    take_shards,
)
from aduni.data.cache.image_cache import ImageCache
from aduni.data.loading.batch_samplers import SampleIndex
from aduni.data.loading.dataloaders import LoaderFactory
from aduni.data.loading.samplers import Ints
from aduni.data.loading.settings import LoaderSettings
from aduni.data.shard import Shard, remove_shards, shard_folder
from aduni.models.encoder import Encoder
from aduni.models.fold_batch_norms import fold_batch_norms

BATCH = {"cpu": 8, "cuda": 256}
"""Images that the encoder takes at once, by the kind of device; on a CPU 8 were fastest at 96 and
128 px, since larger arrays are new memory in every batch."""

PROBES = 2
"""Images whose stored features are compared with the encoder's at each start."""
TOLERANCE = 5e-3
"""Difference, relative to the largest feature, that other devices and batches may make."""


@dataclass(frozen=True)
class FeatureExtraction:
    """Extraction of a frozen encoder's features.

    Attributes:
        labels: (n,) labels of the images.
        transforms: transforms of the augmented draws.
        loading: workers, seed, and the place of the augmentation.
        device: device that the encoder computes on.
    """

    encoder: Encoder
    cache: ImageCache
    labels: Ints
    transforms: Sequence[A.BasicTransform | A.BaseCompose]
    loading: LoaderSettings
    device: torch.device

    @property
    def is_cached(self) -> bool:
        """Return whether there is a cache, which `extract` will check."""
        return self._folder.is_dir()

    def extract(self) -> FeatureCache:
        """Return the features from the cache beside that of the images, or extract them.

        Draw d of an image is the first view that it has in epoch d of a training with this seed.
        The key of the cache is made of the images, the encoder's name, architecture and weights,
        the transforms and the seed. As none of them shows other code of an encoder, the features
        of some images are computed again and compared. Finished shards are merged into a new cache.
        """
        merged: list[Path] = []
        every = np.arange(len(self.labels))

        def fill(features: Features) -> None:
            left = take_shards(features, self._folder, self._rows_of, self._is_current, merged)
            self._fill(features, left, left)

        current = partial(self._is_current, every)
        found = build_feature_cache(self._folder, self._shape(len(every)), fill, current)
        remove_shards(merged)
        return found

    def extract_shard(self, shard: Shard) -> Path:
        """Extract the features of one shard, and return their folder."""
        shard.check(-(-len(self.labels) // BATCH["cpu"]))
        rows = self._rows_of(shard)
        folder = shard_folder(self._folder, shard)
        build_feature_cache(
            folder,
            self._shape(len(rows)),
            lambda features: self._fill(features, rows, np.arange(len(rows))),
            partial(self._is_current, rows),
        )
        return folder

    def _rows_of(self, shard: Shard) -> Ints:
        """Return the rows of a shard: batches of the CPU's size are dealt."""
        return np.concatenate([*shard.batches(len(self.labels), BATCH["cpu"])])

    def _shape(self, count: int) -> tuple[int, int, int]:
        return 1 + self.encoder.feature_views, count, self.encoder.features

    @cached_property
    def _folder(self) -> Path:
        encoder = self.encoder
        key: list[Any] = [self.cache.folder.name, encoder.name, encoder.architecture]
        key += [_weights_digest(encoder), self._draws]
        if self._draws:
            augmentation = [A.to_dict(transform) for transform in self.transforms]
            key += [augmentation, self.loading.seed, self.loading.augment]
        digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()
        return self.cache.folder.with_name(f"{self.cache.folder.name}-features-{digest[:12]}")

    @property
    def _draws(self) -> int:
        return self.encoder.feature_views

    @cached_property
    def _folded(self) -> nn.Module:
        return fold_batch_norms(self.encoder).to(self.device)

    @torch.inference_mode()
    def _is_current(self, rows: Ints, features: Features) -> bool:
        """Return whether the encoder maps the first rows to their features, (1 + V, m, D)."""
        probes = rows[:PROBES].tolist()
        loaders = self._loader_factory()
        (loaded,) = loaders.evaluation_loader(self.cache, self.labels, [probes], self.device)
        values = self._folded(loaders.to_batch(loaded).views[0]).float().cpu().numpy()
        stored = features[0, : len(probes)]
        largest = max(np.abs(values).max(), np.abs(stored).max())
        return np.allclose(stored, values, rtol=0, atol=TOLERANCE * largest, equal_nan=True)

    def _loader_factory(self) -> LoaderFactory:
        return LoaderFactory(self.transforms, self.loading.augment, data_on_gpu=False)

    @torch.inference_mode()
    def _fill(self, features: Features, rows: Ints, places: Ints) -> None:
        """Extract the features of some rows into places of an array (1 + V, m, D)."""
        size = BATCH[self.device.type]
        batches = [rows[start : start + size].tolist() for start in range(0, len(rows), size)]
        if not batches:
            return
        steps = (1 + self._draws) * len(batches)
        work = track(self._batches(batches), f"Features of {self.encoder.name}", total=steps)
        place_of = np.empty(len(self.labels), dtype=np.int64)
        place_of[rows] = places
        for draw, batch in work:
            values = self._folded(batch.views[0]).float().cpu()
            features[draw, place_of[batch.indices.cpu()]] = values

    def _batches(self, rows: list[list[int]]) -> Iterator[tuple[int, Batch]]:
        """Yield (0, batch) of unaugmented images, then (1 + d, batch) of draw d."""
        loaders = self._loader_factory()
        plain = loaders.evaluation_loader(self.cache, self.labels, rows, self.device)
        drawn = loaders.training_loader(
            *(self.cache, self.labels, _Draws(rows, self._draws)),
            device=self.device,
            workers=self.loading.num_workers,
            views=1,
            seed=self.loading.seed,
        )
        for number, loaded in enumerate(chain(plain, drawn)):
            yield number // len(rows), loaders.to_batch(loaded)


@dataclass(frozen=True)
class _Draws:
    """Batches of draw 0 of all rows, then of draw 1, and so on; made one at a time."""

    rows: list[list[int]]
    draws: int

    def __len__(self) -> int:
        return self.draws * len(self.rows)

    def __iter__(self) -> Iterator[list[SampleIndex]]:
        for draw in range(self.draws):
            for part in self.rows:
                yield [SampleIndex(row, draw, 0, len(part)) for row in part]


def _weights_digest(encoder: Encoder) -> str:
    """Hash all weights and statistics, the normalisation among them."""
    digest = hashlib.sha256()
    for name, values in encoder.state_dict().items():
        digest.update(name.encode())
        digest.update(values.cpu().numpy().tobytes())
    return digest.hexdigest()
