"""Settings as the command line would make them, without a command."""

import os
from functools import cache
from pathlib import Path

from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

import aduni.cli.app  # noqa: F401  registers the resolver that conf/train.yaml uses
from aduni.config.build import is_floor
from aduni.config.schema import Settings, read_settings

GRADED = ("corn", "cost_sensitive", "gaussian_smoothing")
"""Methods that refuse classes without an order, as those of the digits are."""

CONF = Path(__file__).resolve().parents[1] / "conf"


def settings_of(*overrides: str) -> Settings:
    """What `python src/train.py OVERRIDES` runs with."""
    folders = (os.environ.get("ADUNI_DATA"), os.environ.get("ADUNI_CACHE"))
    return _read(overrides, folders).model_copy(deep=True)


@cache
def _read(overrides: tuple[str, ...], folders: tuple[str | None, ...]) -> Settings:
    """Compose once for each command line and the variables that conf/ reads."""
    with initialize_config_dir(str(CONF), version_base="1.3"):
        words = [*overrides, "hydra.runtime.output_dir=."]  # which a command sets
        config = compose("train", overrides=words, return_hydra_config=True)
    HydraConfig.instance().set_config(config)
    del config.hydra  # after its choices were resolved into names
    return read_settings(config)


def options(group: str) -> list[str]:
    """Names of a group's YAML files."""
    return sorted(file.stem for file in (CONF / group).glob("*.yaml"))


def networks() -> list[str]:
    """Names of the methods that have a network, so all but the floors."""
    return [
        name for name in options("method") if not is_floor(settings_of(f"method={name}").method)
    ]
