"""Extract a frozen encoder's features of all images and of augmented draws of them, once."""

import hashlib
import json
from collections.abc import Iterator, Sequence
from itertools import chain

import albumentations as A
import torch
from rich.progress import track

from aduni.batch import Batch
from aduni.data.cache.feature_cache import FeatureCache, Features, build_feature_cache
from aduni.data.cache.image_cache import ImageCache
from aduni.data.loading.batch_samplers import SampleIndex
from aduni.data.loading.dataloaders import LoaderFactory, LoaderSettings
from aduni.data.loading.samplers import Ints
from aduni.models.encoder import Encoder
from aduni.models.fold_batch_norms import fold_batch_norms

BATCH = {"cpu": 8, "cuda": 256}
"""Images that the encoder takes at once, by the kind of device; on a CPU 8 were fastest at 96 and
128 px, since larger arrays are new memory in every batch."""


def extract_features(
    encoder: Encoder,
    cache: ImageCache,
    labels: Ints,
    transforms: Sequence[A.BasicTransform | A.BaseCompose],
    loading: LoaderSettings,
    device: torch.device,
) -> FeatureCache:
    """Return the features of a frozen encoder, from the cache beside that of the images.

    Draw d of an image is the first view that it has in epoch d of a training with this seed. The
    key of the cache is made of the images, the encoder's name and weights, the transforms and the
    seed.
    """
    draws = encoder.feature_views
    key = [cache.folder.name, encoder.name, _weights_digest(encoder), draws]
    if draws:
        augmentation = [A.to_dict(transform) for transform in transforms]
        key += [augmentation, loading.seed, loading.augment]
    digest = hashlib.sha256(json.dumps(key, sort_keys=True, default=str).encode()).hexdigest()
    folder = cache.folder.with_name(f"{cache.folder.name}-features-{digest[:12]}")

    @torch.inference_mode()
    def fill(features: Features) -> None:
        folded = fold_batch_norms(encoder).to(device)
        batches = _batches(cache, labels, transforms, loading, draws, device)
        steps = (1 + draws) * -(-len(labels) // BATCH[device.type])
        for draw, batch in track(batches, f"Features of {encoder.name}", total=steps):
            features[draw, batch.indices.cpu()] = folded(batch.views[0]).float().cpu()

    return build_feature_cache(folder, (1 + draws, len(labels), encoder.features), fill)


def _batches(
    cache: ImageCache,
    labels: Ints,
    transforms: Sequence[A.BasicTransform | A.BaseCompose],
    loading: LoaderSettings,
    draws: int,
    device: torch.device,
) -> Iterator[tuple[int, Batch]]:
    """Yield (0, batch) of all unaugmented images, then (1 + d, batch) of draw d of all images."""
    loaders = LoaderFactory(transforms, loading.augment, data_on_gpu=False)
    size = BATCH[device.type]
    rows = [range(len(labels))[start : start + size] for start in range(0, len(labels), size)]
    samples = [
        [SampleIndex(row, draw, 0, len(part)) for row in part]
        for draw in range(draws)
        for part in rows
    ]
    plain = loaders.evaluation_loader(cache, labels, [list(part) for part in rows], device)
    drawn = loaders.training_loader(
        *(cache, labels, samples),
        device=device,
        workers=loading.num_workers,
        views=1,
        seed=loading.seed,
    )
    for number, loaded in enumerate(chain(plain, drawn)):
        yield number // len(rows), loaders.to_batch(loaded)


def _weights_digest(encoder: Encoder) -> str:
    """Hash all weights and statistics, the normalisation among them."""
    digest = hashlib.sha256()
    for name, values in encoder.state_dict().items():
        digest.update(name.encode())
        digest.update(values.cpu().numpy().tobytes())
    return digest.hexdigest()
