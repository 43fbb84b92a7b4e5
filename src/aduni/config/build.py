"""From settings to the data and the method that they describe."""

import numpy as np
import torch

from aduni.config.instantiate import build
from aduni.config.schema import Settings
from aduni.data.cache.image_cache import usable_cpus
from aduni.data.loader_settings import LoaderSettings
from aduni.data.loading.samplers import Ints, Sampler
from aduni.data.module import ImageDataModule
from aduni.methods.base import DataInfo, Method


def build_data(settings: Settings) -> ImageDataModule:
    """The data set under its protocol."""
    workers = settings.num_workers
    loading = LoaderSettings(
        batch_size=settings.batch_size,
        num_workers=min(usable_cpus() - 1, 8) if workers is None else workers,
        seed=settings.seed,
        fold=settings.fold,
        augment=settings.augment,
        data_on_gpu=settings.data_on_gpu,
    )
    protocol = build(settings.protocol)
    data: ImageDataModule = build(settings.dataset, protocol=protocol, loading=loading)
    return data


def build_method(settings: Settings, counts: Ints) -> Method:
    """The method, and what it may know of the data.

    Args:
        settings: of the run.
        counts: (C,) images of each class in the training part.
    """
    sampler: Sampler = build(settings.sampler)
    epochs = settings.epochs
    frequencies = [sampler.frequencies(counts, epoch, epochs) for epoch in range(epochs)]
    info = DataInfo(
        class_counts=torch.from_numpy(counts).float(),
        sampled_frequencies=torch.from_numpy(np.stack(frequencies)).float(),
        epochs=epochs,
    )
    method: Method = build(settings.method, encoder=build(settings.encoder), info=info)
    return method
