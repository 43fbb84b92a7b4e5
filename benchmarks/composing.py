"""Loaders and trainings, described as the command line of train.py would."""

from pathlib import Path

from pytorch_lightning import Callback, seed_everything

from aduni.config.build import build_data, build_data_and_method
from aduni.config.instantiate import build
from aduni.data.image_data import ImageData
from aduni.data.loading.dataloaders import Loader
from aduni.reproduce.planning import settings_of
from aduni.results.run_folder import RunFolder
from aduni.training.stages import Training
from aduni.training.trackers.trackers import Trackers
from benchmarks.synthetic import Synthetic


def training_loader(
    overrides: list[str], transforms: slice = slice(None)
) -> tuple[ImageData, Loader]:
    """Return a data set with its training loader, in this process, with some of its transforms."""
    settings = settings_of([*overrides, "num_workers=0"])
    settings.dataset["augment"] = settings.dataset["augment"][transforms]
    data = build_data(settings)
    data.prepare_data()
    data.module.begin_stage(build(settings.sampler), views=2, epochs=1)
    return data, data.module.train_dataloader()


def train(overrides: list[str], folder: Path, watcher: Callback | None = None) -> Training:
    """Train on synthetic pictures, with a watcher beside the callbacks of a run of train.py."""
    settings = settings_of(overrides)
    folder.mkdir(parents=True)
    seed_everything(settings.seed, workers=False, verbose=False)
    data, method = build_data_and_method(settings)
    assert isinstance(data, Synthetic)
    data.watcher = watcher
    training = Training(settings, RunFolder(folder), data, method, Trackers())
    training.run()
    return training
