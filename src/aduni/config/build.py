"""Build the data set and the method that settings describe."""

from pathlib import Path

import numpy as np
import torch
from hydra.utils import get_object

from aduni.config.instantiate import Node, build
from aduni.config.schema import Settings
from aduni.data.cache.changed_images import check_unchanged
from aduni.data.image_data import ImageData
from aduni.data.loading.samplers import Ints, Sampler
from aduni.data.loading.settings import LoaderSettings, default_workers
from aduni.errors import UserError
from aduni.methods.base import DataInfo, Method
from aduni.methods.floor import Floor
from aduni.metrics.metric import Task


def build_data_and_method(
    settings: Settings, sources: Path | None = None
) -> tuple[ImageData, Method]:
    """Build the data set, with its cache and split, and the method that learns from it.

    Args:
        settings: settings of the run.
        sources: sources.csv of the run to continue, whose images must be unchanged.

    Raises:
        UserError: if the data set is incomplete, the split cannot be made, or the images of a
            continued run have changed, or if the method needs an order of the classes that
            they do not have.
    """
    data = build_data(settings)
    _check_grades(settings, data)
    _ = data.module  # refuses an augmentation that loaders cannot have before images are read
    if sources is not None:
        check_unchanged(sources, data)
    data.prepare_data()
    method = build_method(settings, data.training_counts, data.table.task)
    settings.protocol["caveat"] = data.caveat  # of the split, which has been made now
    return data, method


def _check_grades(settings: Settings, data: ImageData) -> None:
    """Raise UserError if the method is one for grades and the classes have no order."""
    method = get_object(settings.method["_target_"])
    if getattr(method, "needs_grades", False) and not data.table.is_ordinal:
        raise UserError(
            f"method={settings.names.method} is for grades, and the classes of {data.title} have "
            "no order; choose another method, such as method=ce, or, if they are grades, name "
            "them by dataset.classes, the lowest grade first."
        )


def build_data(settings: Settings) -> ImageData:
    """Return the data set under its protocol, with how its loaders are made."""
    workers = settings.num_workers
    if workers is None:
        workers = default_workers(*processes_and_device(settings.trainer))
    loading = LoaderSettings(
        batch_size=settings.batch_size,
        num_workers=workers,
        seed=settings.seed,
        fold=settings.fold,
        augment=settings.augment,
        data_on_gpu=settings.data_on_gpu,
    )
    protocol = build(settings.protocol)
    data: ImageData = build(settings.dataset, protocol=protocol, loading=loading)
    return data


def processes_and_device(trainer: Node) -> tuple[int, str]:
    """Return the training processes on this machine, and the kind of device that they use."""
    on_gpu = trainer.get("accelerator") != "cpu" and torch.cuda.is_available()
    devices = trainer.get("devices", 1)
    if isinstance(devices, list):
        processes = len(devices)
    elif devices in ("auto", -1, "-1"):
        processes = torch.cuda.device_count() if on_gpu else 1
    else:
        processes = int(devices)
    return max(processes, 1), "cuda" if on_gpu else "cpu"


def is_floor(method: Node) -> bool:
    """Return whether a method's node names a `Floor`, or a class derived from it."""
    target = get_object(method["_target_"])
    return isinstance(target, type) and issubclass(target, Floor)


def build_method(settings: Settings, counts: Ints, task: Task = "multiclass") -> Method:
    """Return the method with its encoder and the statistics of the training data.

    Args:
        settings: settings of the run.
        counts: (C,) number of images of each class in the training part.
        task: whether the classes have an order.
    """
    sampler: Sampler = build(settings.sampler)
    epochs = settings.epochs
    frequencies = [sampler.frequencies(counts, epoch, epochs) for epoch in range(epochs)]
    info = DataInfo(
        class_counts=torch.from_numpy(counts).float(),
        sampled_frequencies=torch.from_numpy(np.stack(frequencies)).float(),
        epochs=epochs,
        task=task,
    )
    # A floor has no network, and pretrained weights may have to be fetched.
    networks = {} if is_floor(settings.method) else {"encoder": build(settings.encoder)}
    method: Method = build(settings.method, info=info, **networks)
    return method
