"""A method's stages, one after another, each with a learner and a trainer of its own."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from pytorch_lightning import Trainer

from aduni.batch import Batch
from aduni.checkpoints.load import (
    check_readable,
    load_checkpoint,
    load_weights,
    method_state,
)
from aduni.checkpoints.save import AtomicCheckpointIO
from aduni.checkpoints.stage_reuse import kept_stage, reuse_stage
from aduni.config.instantiate import build
from aduni.config.schema import Settings
from aduni.data.module import ImageDataModule
from aduni.distributed.collectives import seed_torch
from aduni.distributed.rank_zero import is_first_process
from aduni.evaluation.predict import EVALUATION_PRECISION
from aduni.methods.base import Method, Part, ReadPart, Stage
from aduni.metrics.calibration import Calibration
from aduni.results.run_folder import RunFolder
from aduni.training.callbacks.checkpoints import Checkpoints
from aduni.training.callbacks.history import History
from aduni.training.callbacks.progress import Progress, TimeLeft
from aduni.training.callbacks.signals import InstallSignalHandlers
from aduni.training.latest_checkpoint import newest_epoch
from aduni.training.lightning_module import Optimisation, StageModule, learnable


@dataclass
class Training:
    """Trains a method and leaves in it the weights that the test is to use.

    Attributes:
        settings: of the run.
        folder: of the run.
        data: its images.
        method: what learns.
        logger: dashboard, or None.
        device: where the last stage ran.
        stages: for metrics.json: what each stage handed over.
        found: for metrics.json: what stages found without steps.
        tested: checkpoint of the weights that the last stage has left in the method.
    """

    settings: Settings
    folder: RunFolder
    data: ImageDataModule
    method: Method
    logger: Any
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    stages: list[dict[str, Any]] = field(default_factory=list)
    found: dict[str, Any] = field(default_factory=dict)
    tested: Path = Path()

    def __post_init__(self) -> None:
        self._learnable = learnable(self.method)
        for stage in self.method.stages:
            check_readable(self._content(stage, 0))

    def run(self) -> None:
        """All stages; those that a resumed run has behind it are not repeated."""
        for number, stage in enumerate(self.method.stages):
            if stage.epochs and not stage.init_from:
                self._draw(number, stage)  # a later stage's mistakes end the run before the first
        for number, stage in enumerate(self.method.stages):
            if stage.init_from:
                self.stages.append(self._reuse(number, stage))
                continue
            epoch = self._train(number, stage)
            done = {"epochs": stage.epochs, "handed_over": _chosen(stage), "epoch": epoch}
            self.stages.append({"name": stage.name, **done})

    def keep_calibration(self, calibration: Calibration) -> None:
        """Write it into the tested checkpoint."""
        checkpoint = load_checkpoint(self.tested, "resume")
        checkpoint["aduni"]["calibration"] = asdict(calibration)
        AtomicCheckpointIO().save_checkpoint(checkpoint, self.tested)

    def _reuse(self, number: int, stage: Stage) -> dict[str, Any]:
        """A stage of another run; a copy stays in this one, for the case that it is resumed."""
        kept = self.folder.checkpoint("best", self._place(number))
        if kept.exists():
            origin = kept_stage(self.method, kept)
        else:
            origin = reuse_stage(self.method, stage, self._stored())
            further = {"origin": origin, "objective": dict(stage.loss_id)}
            self._keep(stage, kept, origin["epoch"], **further)
        return {"name": stage.name, "epochs": 0, "handed_over": stage.init_from, **origin}

    def _train(self, number: int, stage: Stage) -> int:
        """One stage; returns the epoch whose weights it leaves in the method."""
        place = self._place(number)
        last = self.folder.checkpoint("last", place)
        trainer = self._trainer(number, stage)
        self.device = trainer.strategy.root_device
        if stage.on_start is not None:
            seed_torch(self.settings.seed, number)  # the same numbers in a resumed run
            self.found |= stage.on_start(self._reader())
        if stage.epochs == 0:
            epoch = int(self.stages[-1]["epoch"])
            self.tested = self.folder.checkpoint("best", place)
            self._keep(stage, self.tested, epoch)
            return epoch
        learner = self._learner(number, stage)
        reached = newest_epoch(last.parent, learner, trainer)
        if reached is not None and reached + 1 == stage.epochs:
            if self.logger:
                self.logger.finalize("success")  # counts the stages, of which this is one
        else:
            self._draw(number, stage, first_epoch=0 if reached is None else reached + 1)
            self.method.train()  # the learner freezes what the stage does not train
            trainer.fit(
                learner,
                datamodule=self.data,
                ckpt_path=None if reached is None else last,
                weights_only=True,
            )
        self.tested = self.folder.checkpoint(_chosen(stage), place)
        chosen = load_checkpoint(self.tested, "resume")
        load_weights(self.method, chosen, self.tested)
        return int(chosen["epoch"])

    def _draw(self, number: int, stage: Stage, first_epoch: int = 0) -> None:
        self.data.begin_stage(
            stage.sampler or build(self.settings.sampler),
            views=stage.views,
            epochs=stage.epochs,
            first_epoch=first_epoch,
            number=number,
            min_per_class=stage.min_per_class,
        )

    def _reader(self) -> ReadPart:
        self.method.to(self.device)

        def read(part: Part) -> Iterator[Batch]:
            name = part if part == "train" else self.data.protocol.selected_on
            yield from self.data.evaluation_batches(name, self.device)

        return read

    def _keep(self, stage: Stage, path: Path, epoch: int, **further: Any) -> None:
        """The checkpoint of a stage that takes no steps."""
        if not is_first_process():
            return
        content = self._content(stage, epoch, **{"objective": {}, **further})
        AtomicCheckpointIO().save_checkpoint(content, path)

    def _content(self, stage: Stage, epoch: int, **further: Any) -> dict[str, Any]:
        """A checkpoint's, without what a trainer needs to go on."""
        named = {"stage": stage.name, "objective": dict(stage.loss_id)}
        stored = {**self._stored(), **named, **further}
        return {"state_dict": method_state(self.method), "epoch": epoch, "aduni": stored}

    def _place(self, number: int) -> str:
        """Earlier stages keep their checkpoints in folders of their own."""
        stages = self.method.stages
        return "" if number == len(stages) - 1 else stages[number].name

    def _stored(self) -> dict[str, Any]:
        """Plain values that go into every checkpoint."""
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

    def _learner(self, number: int, stage: Stage) -> StageModule:
        settings = self.settings
        optimisation = Optimisation(
            lr=settings.lr,
            lr_min=settings.lr_min,
            warmup_epochs=settings.warmup_epochs,
            lr_schedule=settings.lr_schedule,
            momentum=settings.momentum,
            weight_decay=settings.weight_decay,
        )
        classes, entropy = len(self.data.table.class_names), (settings.seed, number)

        return StageModule(
            self.method, stage, optimisation, classes, entropy, self._stored(), self._learnable
        )

    def _trainer(self, number: int, stage: Stage) -> Trainer:
        select = self.data.protocol.select if stage.validate else None
        later = self.method.stages[number + 1 :]
        trainer: Trainer = build(
            self.settings.trainer,
            max_epochs=stage.epochs,
            logger=self.logger or False,
            callbacks=[
                InstallSignalHandlers(),
                Progress(),
                History(self.folder.history, stage.name),
                Checkpoints(self.folder.checkpoint("last", self._place(number)).parent, select),
                TimeLeft(sum(each.epochs for each in later)),
            ],
            plugins=[AtomicCheckpointIO()],
            default_root_dir=self.folder.path,
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
