"""A training as train.py runs it, with a watcher."""

from pathlib import Path

from pytorch_lightning import Callback, seed_everything

from aduni.config.build import build_data, build_method
from aduni.results.run_folder import RunFolder
from aduni.training.stages import Training
from benchmarks.composing import settings_of
from benchmarks.synthetic import Synthetic


def watched_training(
    overrides: list[str], folder: Path, watcher: Callback | None, profiler: str | None = None
) -> Training:
    """Train in this process, with progress bar, history, metrics and checkpoints.

    Args:
        overrides: of train.py; the data set is synthetic.
        folder: of the run, made here.
        watcher: called at every step and epoch, beside the training's own callbacks.
        profiler: Lightning's, for example `simple`.
    """
    settings = settings_of(overrides)
    if profiler:
        settings.trainer["profiler"] = profiler
    folder.mkdir(parents=True)
    seed_everything(settings.seed, workers=False, verbose=False)
    data = build_data(settings)
    assert isinstance(data, Synthetic)
    data.prepare_data()
    data.watcher = watcher
    training = Training(
        settings, RunFolder(folder), data, build_method(settings, data.training_counts), None
    )
    training.run()
    return training
