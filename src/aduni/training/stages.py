"""Train the stages of a method one after another, each with its own StageModule and trainer."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer
from rich import get_console

from aduni.batch import Batch
from aduni.checkpoints.load import check_readable, load_checkpoint, load_weights, method_state
from aduni.checkpoints.save import AtomicCheckpointIO
from aduni.checkpoints.stage_reuse import load_reused_stage, reuse_stage
from aduni.config.instantiate import build
from aduni.config.schema import Settings
from aduni.data.image_data import ImageData
from aduni.distributed.collectives import seed_torch
from aduni.distributed.process_group import leave_process_group
from aduni.distributed.rank_zero import is_first_process
from aduni.evaluation.predict import EVALUATION_PRECISION
from aduni.methods.base import Method, Part, ReadPart, Stage, encoder_of
from aduni.metrics.calibration import Calibration
from aduni.results.history_csv import history_seconds
from aduni.results.run_folder import RunFolder
from aduni.training.callbacks.checkpoints import Checkpoints
from aduni.training.callbacks.early_stop import EarlyStop
from aduni.training.callbacks.epoch_lines import EpochLines
from aduni.training.callbacks.history import History
from aduni.training.callbacks.progress import Progress
from aduni.training.callbacks.signals import InstallSignalHandlers
from aduni.training.callbacks.tracked_epochs import TrackedEpochs
from aduni.training.callbacks.weight_average import WeightAverage
from aduni.training.latest_checkpoint import restore_latest
from aduni.training.lightning_module import Optimisation, StageModule, learnable
from aduni.training.run_page.batch_picture import BatchPicture
from aduni.training.trackers.trackers import Trackers


@dataclass
class Training:
    """The training of a method; afterwards the method has the weights that are tested.

    Attributes:
        settings: settings of the run.
        folder: folder of the run.
        data: data set.
        method: model and losses.
        trackers: loggers of the run; none on all processes but the first.
        device: device of the last stage.
        stages: name, epochs and chosen epoch of each stage, for metrics.json.
        found: what stages without steps return, for metrics.json.
        tested: checkpoint of the weights that the last stage leaves in the method.
    """

    settings: Settings
    folder: RunFolder
    data: ImageData
    method: Method
    trackers: Trackers
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    stages: list[dict[str, Any]] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    tested: Path = Path()

    def __post_init__(self) -> None:
        self._learnable = learnable(self.method)
        self._cut: dict[str, Any] = {}
        for stage in self.method.stages:
            check_readable(self._content(stage, 0))

    def run(self) -> None:
        """Train all stages; a resumed run does not repeat those that are complete."""
        for number, stage in enumerate(self.method.stages):
            if stage.epochs and not stage.init_from:
                self._draw(number, stage)  # find mistakes of a later stage before the first begins
        for number, stage in enumerate(self.method.stages):
            if stage.init_from:
                self.stages.append(self._reuse(number, stage))
                continue
            epoch = self._train(number, stage)
            done = {"epochs": stage.epochs, "handed_over": _chosen(stage), "epoch": epoch}
            self.stages.append({"name": stage.name, **done, **self._cut})
        leave_process_group()

    def keep_calibration(self, calibration: Calibration) -> None:
        """Write the calibration into the tested checkpoint."""
        checkpoint = load_checkpoint(self.tested, "resume")
        checkpoint["aduni"]["calibration"] = asdict(calibration)
        AtomicCheckpointIO().save_checkpoint(checkpoint, self.tested)

    def _reuse(self, number: int, stage: Stage) -> dict[str, Any]:
        """Load a stage of another run, and keep a copy so that this run can be resumed."""
        kept = self.folder.checkpoint("best", self._stage_folder(number))
        if kept.exists():
            origin = load_reused_stage(self.method, kept)
        else:
            origin = reuse_stage(self.method, stage, self._stored())
            further = {"origin": origin, "objective": dict(stage.loss_id)}
            self._keep(stage, kept, origin["epoch"], **further)
        return {"name": stage.name, "epochs": 0, "handed_over": stage.init_from, **origin}

    def _train(self, number: int, stage: Stage) -> int:
        """Train one stage and return the epoch whose weights it leaves in the method."""
        name = self._stage_folder(number)
        last = self.folder.checkpoint("last", name)
        select, patience = self.data.protocol.select, self.settings.patience
        checkpoints = Checkpoints(last.parent, select if stage.validate else None)
        stop = EarlyStop(checkpoints, patience, self.settings.max_seconds)
        trainer = self._trainer(number, stage, checkpoints, stop)
        self.device = trainer.strategy.root_device
        if self.device.type == "cuda":
            torch.cuda.set_device(self.device)  # the strategy does so with the first step only
        if (encoder := encoder_of(self.method)) and self.settings.caches_features:
            self.data.module.use_features(encoder, self.device)
        if stage.epochs == 0:
            self._start(number, stage)
            epoch = int(self.stages[-1]["epoch"])
            self.tested = self.folder.checkpoint("best", name)
            self._keep(stage, self.tested, epoch)
            return epoch
        module = self._module(number, stage)
        reached = restore_latest(last.parent, module, trainer)
        if reached is None:
            self._start(number, stage)
        else:
            self.found |= load_checkpoint(last, "resume")["aduni"].get("found", {})
        stop.begin(history_seconds(self.folder.history, stage.name, reached))
        if reached is None or (reached + 1 < stage.epochs and not stop.is_over(last)):
            self._draw(number, stage, first_epoch=0 if reached is None else reached + 1)
            for part in self.method.modules():  # else Lightning warns of a frozen encoder
                part.training = True  # StageModule sets the mode of each
            trainer.fit(
                module,
                datamodule=self.data.module,
                ckpt_path=None if reached is None else last,
                weights_only=True,
            )
        self._cut = stop.cut
        self.tested = self.folder.checkpoint(_chosen(stage), name)
        chosen = load_checkpoint(self.tested, "resume")
        load_weights(self.method, chosen, self.tested)
        return int(chosen["epoch"])

    def _start(self, number: int, stage: Stage) -> None:
        """Call the stage's function before the first step, and keep what it returns."""
        if stage.on_start is not None:
            seed_torch(self.settings.seed, number)  # the same numbers if a stage starts again
            # As JSON has it: other types could not be read back from a checkpoint.
            self.found |= json.loads(json.dumps(stage.on_start(self._reader())))

    def _draw(self, number: int, stage: Stage, first_epoch: int = 0) -> None:
        self.data.module.begin_stage(
            stage.sampler or build(self.settings.sampler),
            views=stage.views,
            epochs=stage.epochs,
            first_epoch=first_epoch,
            number=number,
            min_per_class=stage.min_per_class,
            balanced_partners=stage.balanced_partners,
        )

    def _reader(self) -> ReadPart:
        self.method.to(self.device)

        def read(part: Part) -> Iterator[Batch]:
            name = part if part == "train" else self.data.protocol.selected_on
            yield from self.data.module.evaluation_batches(self.data.rows(name), self.device)

        return read

    def _keep(self, stage: Stage, path: Path, epoch: int, **further: Any) -> None:
        """Write the checkpoint of a stage that takes no steps."""
        if not is_first_process():
            return
        content = self._content(stage, epoch, **{"objective": {}, **further})
        AtomicCheckpointIO().save_checkpoint(content, path)

    def _content(self, stage: Stage, epoch: int, **further: Any) -> dict[str, Any]:
        """Return the content of a checkpoint, without what a trainer needs to go on."""
        named = {"stage": stage.name, "objective": dict(stage.loss_id)}
        stored = {**self._stored(), **named, **further}
        return {"state_dict": method_state(self.method), "epoch": epoch, "aduni": stored}

    def _stage_folder(self, number: int) -> str:
        """Return the folder of a stage's checkpoints; that of the last stage has no name."""
        stages = self.method.stages
        return "" if number == len(stages) - 1 else stages[number].name

    def _stored(self) -> dict[str, Any]:
        """Return plain values that go into every checkpoint."""
        config = self.settings.model_dump()
        if "bits" in config["dataset"]:
            config["dataset"]["bits"] = self.data.bits  # auto looks at images that a model has not
        return {
            "config": config,
            "evaluation_precision": EVALUATION_PRECISION,
            "class_names": self.data.table.class_names,
            "class_counts": self.data.training_counts.tolist(),
            "split_hash": self.data.split_hash,
        }

    def _module(self, number: int, stage: Stage) -> StageModule:
        settings = self.settings
        optimisation = Optimisation(
            build(settings.optimizer),
            settings.lr,
            settings.lr_min,
            settings.warmup_epochs,
            settings.lr_schedule,
        )
        classes, entropy = len(self.data.table.class_names), (settings.seed, number)
        stored = {**self._stored(), "found": self.found}  # which the start of the stage adds to
        parts = self.method, stage, optimisation, classes, entropy, stored, self._learnable
        return StageModule(*parts)

    def _trainer(
        self, number: int, stage: Stage, checkpoints: Checkpoints, stop: EarlyStop
    ) -> Trainer:
        later = sum(each.epochs for each in self.method.stages[number + 1 :])
        name = stage.name if len(self.method.stages) > 1 else ""
        part = self.data.protocol.selected_on
        bar = [Progress(checkpoints, part)] if get_console().is_terminal else []
        decay = self.settings.ema_decay
        trainer: Trainer = build(
            self.settings.trainer,
            max_epochs=stage.epochs,
            logger=False,  # the trackers get what history.csv has
            callbacks=[
                InstallSignalHandlers(),
                BatchPicture(self.folder.batch_picture, self.data.table.class_names),
                History(self.folder.history, stage.name),
                *([] if decay is None else [WeightAverage(decay)]),
                checkpoints,
                *bar,  # shows the best epoch, which the checkpoints know
                stop,
                EpochLines(checkpoints, stop, part, later, name),
                TrackedEpochs(self.folder.history, self.trackers),
            ],
            enable_progress_bar=bool(bar),
            plugins=[AtomicCheckpointIO()],
            default_root_dir=self.folder.path,
            benchmark=self.settings.trainer.get("benchmark", True),  # of cuDNN: sizes never change
            limit_val_batches=None if stage.validate else 0,
            use_distributed_sampler=False,
            num_sanity_val_steps=0,
            enable_model_summary=False,
            enable_checkpointing=False,  # of Lightning's own kind
            log_every_n_steps=1,
        )
        return trainer


def _chosen(stage: Stage) -> str:
    return stage.next_from if stage.validate else "last"
