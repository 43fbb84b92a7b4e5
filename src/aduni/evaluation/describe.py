"""Describe a run for its metrics.json."""

from typing import Any

from aduni.config.schema import Settings
from aduni.data.module import ImageDataModule
from aduni.evaluation.predict import EVALUATION_PRECISION


def describe(
    settings: Settings, data: ImageDataModule, selected_epoch: int | None
) -> dict[str, Any]:
    """Return the settings of a run that metrics.json repeats.

    Args:
        settings: settings of the run.
        data: data set, with its split.
        selected_epoch: epoch whose weights are tested; None if nothing selected it.
    """
    names = data.table.class_names
    return {
        **settings.names.model_dump(),
        "encoder": settings.encoder["name"],
        **_alpha(settings),
        **{key: getattr(settings, key) for key in ("fold", "seed", "epochs", "batch_size", "lr")},
        "image_size": data.image_size,
        "augment": settings.augment,
        "precision": settings.precision,
        "evaluation_precision": EVALUATION_PRECISION,
        "selected_epoch": selected_epoch,
        "selected_on": data.protocol.selected_on,
        "caveat": data.protocol.caveat,
        "split_hash": data.split_hash,
        "task": data.table.task,
        "training_counts": dict(zip(names, data.training_counts.tolist(), strict=True)),
    }


def _alpha(settings: Settings) -> dict[str, Any]:
    """Return the schedule of alpha and its values, None if the method has no alpha."""
    if "alpha" not in settings.method:
        return {"alpha": None, "alpha_settings": None}
    values = {key: value for key, value in settings.alpha.items() if not key.startswith("_")}
    return {"alpha": settings.names.alpha, "alpha_settings": values}
