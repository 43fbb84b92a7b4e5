"""Find the checkpoint to resume a stage from, even if the newest one is damaged or missing."""

import logging
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeInt, ValidationError
from pytorch_lightning import LightningModule, Trainer
from pytorch_lightning.callbacks import WeightAveraging
from torch import Tensor
from torch.optim import AdamW, Optimizer

from aduni.checkpoints.load import load_checkpoint, shapes
from aduni.checkpoints.schema import Checked, first_fault
from aduni.distributed.rank_zero import is_first_process
from aduni.errors import UserError
from aduni.system.atomic_files import atomic_write, hard_link
from aduni.training.callbacks.checkpoints import Checkpoints

KEY = "resume"
SGD_STATE = {"momentum_buffer"}
ADAM_STATE = {"step", "exp_avg", "exp_avg_sq"}

log = logging.getLogger(__name__)


class _Scores(Checked):
    accuracy: float
    macro_f1: float


class _Best(Checked):
    scores: _Scores
    epoch: Annotated[int, Field(ge=-1)]


class _Callbacks(Checked):
    best: _Best = Field(alias="Checkpoints")


class _ParameterGroup(Checked):
    params: list[int]
    lr: float
    weight_decay: float
    momentum: float | None = None


class _OptimizerState(Checked):
    state: dict[int, dict[str, Tensor | None]]
    param_groups: Annotated[list[_ParameterGroup], Field(min_length=1)]

    def is_empty(self) -> bool:
        """Return whether the averages of gradients are missing."""
        return not self.state and any(group.momentum != 0 for group in self.param_groups)

    def fits(self, optimizer: Optimizer) -> bool:
        """Return whether the state belongs to the parameters of an optimizer, and to its kind."""
        own = optimizer.state_dict()["param_groups"]
        if [group.params for group in self.param_groups] != [group["params"] for group in own]:
            return False
        sizes = [p.shape for group in optimizer.param_groups for p in group["params"]]
        names = ADAM_STATE if isinstance(optimizer, AdamW) else SGD_STATE
        return all(
            number < len(sizes)
            and set(state) == names
            and all(_has_shape(value, sizes[number]) for value in state.values())
            for number, state in self.state.items()
        )


def _has_shape(value: Tensor | None, shape: torch.Size) -> bool:
    """Return whether a value of the state is one number, or has a number for each weight."""
    return value is None or value.shape in (shape, ())


class _Loops(Checked):
    fit_loop: dict[str, Any]


class _Training(Checked):
    """The parts of a checkpoint that Lightning restores, beside the weights."""

    version: str = Field(alias="pytorch-lightning_version")
    global_step: NonNegativeInt
    callbacks: _Callbacks
    optimizer_states: Annotated[list[_OptimizerState], Field(min_length=1, max_length=1)]
    lr_schedulers: list[Any]
    loops: _Loops


def restore_latest(folder: Path, module: LightningModule, trainer: Trainer) -> int | None:
    """Make last.ckpt the newest intact checkpoint, and return its epoch; None if there is none.

    If last.ckpt is damaged, the newest of the other checkpoints replaces it; so does best.ckpt if
    the run was killed between writing the two. A checkpoint that would not restore all of the
    training counts as damaged: Lightning takes an absent optimiser or progress for a new one.

    Args:
        folder: folder of the stage's checkpoints.
        module: module of the stage, with its parameters frozen.
        trainer: trainer that is going to resume.

    Raises:
        UserError: if the best epoch's weights are lost, or if there are whole checkpoints but none
            of this training, which would be overwritten.
    """
    found: dict[str, dict[str, Any]] = {}
    damaged: list[str] = []
    unfit: UserError | None = None
    for name in ("last", "best", "previous"):
        file = folder / f"{name}.ckpt"
        try:
            content = load_checkpoint(file, KEY) if file.exists() else None
        except UserError:
            damaged.append(str(file))
            continue
        problem = content and _misfit(content, module, trainer)
        if problem:
            damaged.append(str(file))
            unfit = unfit or UserError(
                f"{file} cannot be resumed ({problem}); restore it from a copy of the run, or "
                "start a new run."
            )
        elif content:
            found[name] = content
    newest = max(found, key=lambda name: int(found[name]["epoch"]), default=None)
    if unfit and newest is None:
        raise unfit
    if damaged and is_first_process():
        _warn(" and ".join(damaged), newest)
    if newest is None:
        return None
    epoch = int(found[newest]["epoch"])
    _restore(folder, found, "last", epoch)
    best = int(found[newest]["callbacks"][Checkpoints.__qualname__]["epoch"])
    if best >= 0:
        _restore(folder, found, "best", best)
    return epoch


def _misfit(content: dict[str, Any], module: LightningModule, trainer: Trainer) -> str | None:
    """Say what of a training a checkpoint could not restore; None if it restores everything."""
    try:
        state = _Training.model_validate(content)
    except ValidationError as error:
        return first_fault(error)
    found, own = content["state_dict"], module.state_dict()
    if shapes(found) != shapes(own) or not _alike(found, dict(own)):
        return "weights of another model"
    callbacks: list[Any] = trainer.callbacks  # type: ignore[attr-defined]  # no types
    averages = any(isinstance(each, WeightAveraging) for each in callbacks)
    if averages and not _has_both_weights(content, own):
        return "no average beside the weights of the training"
    optimizer = module.configure_optimizers()
    assert isinstance(optimizer, Optimizer)  # StageModule returns one
    (found_state,) = state.optimizer_states
    if found_state.is_empty():
        return "an optimiser without its momentum"
    if not found_state.fits(optimizer):
        return "the optimiser of another model"
    progress = state.loops.fit_loop
    if not _alike(progress, trainer.fit_loop.state_dict()):
        return "no progress of a training"
    done = progress["epoch_progress"]["current"]["processed"]
    return None if done == content["epoch"] + 1 else f"{done} epochs are not those of its number"


def _has_both_weights(content: dict[str, Any], own: Mapping[str, Any]) -> bool:
    """Return whether a checkpoint has the weights of the training beside their average."""
    current, steps = content.get("current_model_state"), content.get("averaging_state")
    if not isinstance(current, dict) or not isinstance(steps, dict):
        return False
    same = shapes(current) == shapes(own) and _alike(current, dict(own))
    return same and isinstance(steps.get("n_averaged"), Tensor)


def _alike(found: Any, sample: Any) -> bool:
    """Return whether `found` has all keys of `sample`, at any depth, with values of its types."""
    if isinstance(sample, dict) and isinstance(found, dict):
        return all(key in found and _alike(found[key], value) for key, value in sample.items())
    return type(found) is type(sample)


def _restore(folder: Path, found: dict[str, dict[str, Any]], name: str, epoch: int) -> None:
    """Make a checkpoint file hold an epoch, by linking the checkpoint that does."""
    holders = [other for other, content in found.items() if int(content["epoch"]) == epoch]
    file = folder / f"{name}.ckpt"
    if not holders:
        raise UserError(
            f"{file} cannot be read, and no other checkpoint is of epoch {epoch + 1}; start a new "
            "run."
        )
    if name not in holders and is_first_process():
        with atomic_write(file) as temporary:
            hard_link(folder / f"{holders[0]}.ckpt", temporary)


def _warn(damaged: str, newest: str | None) -> None:
    """Warn on the screen and in the log."""
    remedy = f"goes on from {newest}.ckpt" if newest else "starts this stage again"
    sentence = f"{damaged} is damaged; the run {remedy}."
    log.warning("%s", sentence)
    print(f"warning: {sentence}", file=sys.stderr)
