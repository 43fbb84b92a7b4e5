"""Continuing a run with the configuration it was started with."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from pydantic import ValidationError

from aduni.config import Settings
from aduni.errors import UserError
from aduni.files import read_yaml
from aduni.results import RunFolder, run_dir

FREE = ("resume", "verbose", "num_workers", "data_on_gpu", "dataset.root", "dataset.cache_dir")
"""Keys that may differ from the stored ones: no result depends on them."""


def continued(given: Settings, overrides: Sequence[str], folder: RunFolder) -> Settings:
    """The stored settings of the run to continue; `given` itself for a new run.

    Args:
        given: as composed from the command line.
        overrides: key=value pairs of the command line.
        folder: that this job writes to.

    Raises:
        UserError: the stored configuration is unreadable, or the command line contradicts it.
    """
    if given.resume is None:
        return given
    run_dir(given.resume, "")
    if folder.path.resolve() != Path(given.resume).resolve():
        raise UserError("resume continues one run in its own folder; leave out -m and run.dir.")
    stored = _read(folder.config)
    for override in overrides:
        key = override.split("=", 1)[0].lstrip("+~")
        new, old = (_select(settings, key) for settings in (given, stored))
        if key in FREE:
            stored = _replaced(stored, key, new)
        elif new != old:
            raise UserError(
                f"{key} cannot be changed by a resume: {given.resume} was started with "
                f"{key}={_shown(stored, key, old)}; leave it out, or start a new run."
            )
    # Data that changed since would be divided anew, and test images could be trained on.
    stored.protocol["split_file"] = str(folder.split)
    return stored


def _read(path: Path) -> Settings:
    try:
        return Settings.model_validate(read_yaml(path))
    except ValidationError as error:
        raise UserError(
            f"{path} holds settings that this version does not know; start a new run."
        ) from error


def _replaced(settings: Settings, key: str, value: Any) -> Settings:
    content = OmegaConf.create(settings.model_dump())
    OmegaConf.update(content, key, value)
    return Settings.model_validate(OmegaConf.to_container(content))


def _shown(settings: Settings, key: str, value: Any) -> Any:
    """A group by the name of its option."""
    return getattr(settings.names, key, value) if isinstance(value, dict | DictConfig) else value


def _select(settings: Settings, key: str) -> Any:
    return OmegaConf.select(OmegaConf.create(settings.model_dump()), key)
