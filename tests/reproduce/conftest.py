"""Small profiles, composed and planned without a command."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from aduni.reproduce.planning import make_plan, write_plan
from aduni.reproduce.settings import Reproduction, read_reproduction
from aduni.results.plan import Plan, PlannedRun
from composing import CONF

Planned = tuple[Plan, list[PlannedRun]]


@pytest.fixture
def settings(tmp_path) -> Callable[..., Reproduction]:
    """Return a function that reads the settings of `reproduce.py OVERRIDES`, without floors."""

    def read(*overrides: str) -> Reproduction:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            words = [f"output={tmp_path / 'out'}", "profile.floors=[]", *overrides]
            config = compose("reproduce", overrides=words, return_hydra_config=True)
            HydraConfig.instance().set_config(config)
            del config.hydra
            return read_reproduction(config)

    return read


@pytest.fixture
def plan(settings, monkeypatch) -> Callable[..., Planned]:
    """Return a function that plans a call, with the fold in place of the split's hash."""
    monkeypatch.setattr("aduni.reproduce.splits._compute", lambda config: f"split{config['fold']}")

    def make(*overrides: str) -> Planned:
        checked = settings(*overrides)
        checked.output.mkdir(exist_ok=True)
        with initialize_config_dir(str(CONF), version_base="1.3"):
            planned = make_plan(checked)
        write_plan(planned[0], checked)
        return planned

    return make


@pytest.fixture
def out(tmp_path) -> Path:
    """Return the folder of the reproduction."""
    return tmp_path / "out"
