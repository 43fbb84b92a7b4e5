"""One run: data, stages, one look at the test part, results."""

import logging
import os
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from pytorch_lightning import Trainer, seed_everything

from aduni.callbacks import Checkpoints, History, Progress, WholeCheckpoints
from aduni.config import Settings, build
from aduni.data.module import ImageDataModule, Loading
from aduni.data.samplers import Sampler
from aduni.distributed import is_first_process, seed_torch
from aduni.learner import Learner, Optimisation
from aduni.methods.base import Method, Stage, Task
from aduni.predictions import predict_parts
from aduni.provenance import provenance
from aduni.results import (
    RunFolder,
    evaluate_predictions,
    read_json,
    training_speed,
    write_csv,
    write_json,
    write_yaml,
)

log = logging.getLogger(__name__)


def run(settings: Settings, folder: RunFolder) -> dict[str, Any]:
    """Train, select, test once, and write everything into the folder.

    Args:
        settings: checked; with `resume` set, those stored in the folder.
        folder: the run's own.

    Returns:
        What metrics.json holds; empty on all processes but the first.

    Raises:
        UserError: whatever the user can mend.
    """
    if settings.resume and folder.metrics.exists():
        return read_json(folder.metrics)
    origin = provenance()  # of the code that starts, whatever is checked out in the meantime
    seed_everything(settings.seed, workers=False, verbose=False)
    data = build_data(settings)
    data.prepare_data()
    job = _Job(settings, folder, data, build_method(settings, data), origin)
    if is_first_process() and not settings.resume:
        job.write_inputs()
    try:
        device = torch.device("cpu")
        for stage in job.method.stages:
            device = job.fit(stage, device)
        return job.test(device) if is_first_process() else {}
    finally:
        if job.logger:
            job.logger.close()


def build_data(settings: Settings) -> ImageDataModule:
    """The data set under its protocol."""
    workers = settings.num_workers
    loading = Loading(
        batch_size=settings.batch_size,
        num_workers=min((os.cpu_count() or 1) - 1, 8) if workers is None else workers,
        seed=settings.seed,
        fold=settings.fold,
    )
    protocol = build(settings.protocol)
    data: ImageDataModule = build(settings.dataset, protocol=protocol, loading=loading)
    return data


def build_method(settings: Settings, data: ImageDataModule) -> Method:
    """The method, and what it may know of the data."""
    sampler: Sampler = build(settings.sampler)
    counts, epochs = data.training_counts, settings.epochs
    frequencies = [sampler.frequencies(counts, epoch, epochs) for epoch in range(epochs)]
    task = Task(
        class_counts=torch.from_numpy(counts).float(),
        sampled_frequencies=torch.from_numpy(np.stack(frequencies)).float(),
        epochs=epochs,
    )
    method: Method = build(settings.method, encoder=build(settings.encoder), task=task)
    return method


def load_weights(method: Method, checkpoint: dict[str, Any]) -> None:
    """Put a checkpoint's weights into the method."""
    prefix = "method."
    state = checkpoint["state_dict"]
    method.load_state_dict(
        {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    )


def describe(settings: Settings, data: ImageDataModule, selected_epoch: int) -> dict[str, Any]:
    """What was run, for metrics.json."""
    names = data.table.class_names
    return {
        **settings.names.model_dump(),
        **{key: getattr(settings, key) for key in ("fold", "seed", "epochs", "batch_size")},
        "image_size": data.image_size,
        "selected_epoch": selected_epoch,
        "selected_on": data.protocol.selected_on,
        "caveat": data.protocol.caveat,
        "split_hash": data.split_hash,
        "training_counts": dict(zip(names, data.training_counts.tolist(), strict=True)),
    }


@dataclass
class _Job:
    settings: Settings
    folder: RunFolder
    data: ImageDataModule
    method: Method
    origin: dict[str, Any]

    @cached_property
    def logger(self) -> Any:
        """The dashboard, if one is configured."""
        if not self.settings.logger:
            return None
        config = self.settings.model_dump()
        return build(self.settings.logger, folder=self.folder.path, config=config)

    def write_inputs(self) -> None:
        """What the run is made of, before it starts."""
        self.folder.check_unused()
        write_yaml(self.settings.model_dump(), self.folder.config)
        write_csv(self.data.split, self.folder.split)

    def fit(self, stage: Stage, device: torch.device) -> torch.device:
        """Train one stage and leave the weights that it hands over in the method."""
        if stage.begin is not None:
            seed_torch(self.settings.seed, self._number(stage))  # whether or not others ran before
            stage.begin()
        if stage.epochs == 0:
            return device
        sampler = stage.sampler or build(self.settings.sampler)
        self.data.begin_stage(sampler, views=stage.views, epochs=stage.epochs)
        place = self._place(stage)
        last = self.folder.checkpoint("last", place)
        trainer = self._trainer(stage, place)
        trainer.fit(
            self._learner(stage),
            datamodule=self.data,
            ckpt_path=last if last.exists() else None,
            weights_only=True,
        )
        chosen = torch.load(self.folder.checkpoint(stage.hand_over, place), map_location="cpu")
        load_weights(self.method, chosen)
        return trainer.strategy.root_device

    def test(self, device: torch.device) -> dict[str, Any]:
        """Predict, compute the figures from the stored predictions, write both."""
        folder, data = self.folder, self.data
        predictions = predict_parts(self.method, data, data.protocol.reported, device)
        write_csv(predictions, folder.predictions)
        best = torch.load(folder.checkpoint("best"), map_location="cpu")
        metrics = {
            **describe(self.settings, data, best["epoch"]),
            **evaluate_predictions(folder.predictions, data.table.class_names),
            **training_speed(folder.history),
            **self.origin,
        }
        write_json(metrics, folder.metrics)
        if self.logger:
            self.logger.report(metrics, predictions)
        return metrics

    def _number(self, stage: Stage) -> int:
        return [each.name for each in self.method.stages].index(stage.name)

    def _place(self, stage: Stage) -> str:
        """Earlier stages keep their checkpoints in folders of their own."""
        return "" if stage.name == self.method.stages[-1].name else stage.name

    def _learner(self, stage: Stage) -> Learner:
        settings, data = self.settings, self.data
        optimisation = Optimisation(
            lr=settings.lr,
            lr_min=settings.lr_min,
            warmup_epochs=settings.warmup_epochs,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        )
        stored = {
            "config": settings.model_dump(),
            "class_names": data.table.class_names,
            "class_counts": data.training_counts.tolist(),
            "split_hash": data.split_hash,
        }
        entropy = (settings.seed, self._number(stage))
        classes = len(data.table.class_names)
        return Learner(self.method, stage, optimisation, classes, entropy, stored)

    def _trainer(self, stage: Stage, place: str) -> Trainer:
        select = self.data.protocol.select
        trainer: Trainer = build(
            self.settings.trainer,
            max_epochs=stage.epochs,
            logger=self.logger or False,
            callbacks=[
                Progress(),
                History(self.folder.history, stage.name),
                Checkpoints(self.folder.checkpoint("last", place).parent, select),
            ],
            plugins=[WholeCheckpoints()],
            default_root_dir=self.folder.path,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            enable_model_summary=False,
            enable_checkpointing=False,  # of Lightning's own kind
            log_every_n_steps=1,
        )
        return trainer
