"""Check that a run can train on this machine as its settings say, before anything is read."""

import warnings
from typing import Any

from pytorch_lightning import Trainer

from aduni.config.instantiate import build
from aduni.config.schema import Settings
from aduni.errors import UserError

QUIET: dict[str, Any] = dict.fromkeys(
    ("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False
)


def trainer_of(settings: Settings) -> Trainer:
    """Build a trainer like those of the run, to inspect its device and precision.

    Raises:
        UserError: the machine lacks the device.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the run's own trainers warn
        trainer: Trainer = build(settings.trainer, **QUIET)
    return trainer


def check_machine(settings: Settings) -> None:
    """Check that a run trains on the device and in the precision that its settings name.

    Raises:
        UserError: the machine lacks the device, or would compute in another precision than the one
            that the run records.
    """
    trainer = trainer_of(settings)
    _check_gpu(settings, on_cpu=trainer.strategy.root_device.type == "cpu")
    actual, asked = trainer.precision, settings.precision
    if actual == asked:
        return
    own = settings.trainer.get("precision")
    if own != asked:
        raise UserError(
            f"trainer.precision={own} is not precision={asked}, which the run would record; leave "
            "it out and set precision=."
        )
    raise UserError(
        f"precision={asked} would run as {actual} on this machine; set precision={actual}, or "
        "trainer=gpu on a machine with a GPU."
    )


def _check_gpu(settings: Settings, *, on_cpu: bool) -> None:
    """Raise UserError if settings for a GPU would run on a CPU that was not asked for."""
    if not on_cpu or settings.trainer.get("accelerator") == "cpu":
        return
    needs = [f"precision={settings.precision}"] if settings.precision.endswith("mixed") else []
    needs += ["augment=gpu"] if settings.augment == "gpu" else []
    if needs:
        raise UserError(
            f"{needs[0]} is meant for a GPU, and PyTorch finds none; check the driver with "
            "nvidia-smi, or set trainer=cpu to compute it on the CPU."
        )
