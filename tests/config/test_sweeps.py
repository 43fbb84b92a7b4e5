"""Ready-made sweeps name keys that train.py has."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from composing import CONF, options


@pytest.mark.parametrize("name", options("hparams_search"))
def test_a_search_sweeps_keys_that_exist(name):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        words = [f"hparams_search={name}"]
        config = compose("train", overrides=words, return_hydra_config=True)
        swept = dict(config.hydra.sweeper.params)
        assert swept
        for key, values in swept.items():
            first = "0" if values.startswith("range") else values.split(",")[0]
            compose("train", overrides=[*words, f"{key}={first}"])


def test_the_wandb_sweep_sets_keys_that_exist():
    sweep = OmegaConf.load(CONF / "wandb_sweep.yaml")
    assert sweep.metric.name.startswith("val/"), "never the test part"
    values = {
        key: given.get("value", given.get("min", given.get("values", [0])[0]))
        for key, given in sweep.parameters.items()
    }
    with initialize_config_dir(str(CONF), version_base="1.3"):
        compose("train", overrides=[f"{key}={value}" for key, value in values.items()])
