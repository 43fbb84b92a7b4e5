"""Check docs/configuration.md against what Hydra composes and the code accepts."""

import re
import runpy

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

from composing import CONF, options

GROUPS = (
    *("method", "dataset", "sampler", "alpha", "class_weights", "protocol", "encoder", "trainer"),
    "logger",
)
ROW = r"^\| `([\w.]+)` \| (.*?) \| (.*?) \| (.*?) \|$"


@pytest.fixture(scope="module")
def generator() -> dict:
    return runpy.run_path(str(CONF.parent / "scripts" / "configuration"))


def test_the_page_is_up_to_date(root, generator):
    written = (root / "docs" / "configuration.md").read_text()
    assert written == generator["page"](), "run make docs"


def test_every_command_and_option_is_on_the_page(root, generator):
    page = (root / "docs" / "configuration.md").read_text()
    commands = {file.stem for file in (root / "src").glob("*.py")}

    assert set(generator["COMMANDS"]) == commands
    for group in (*GROUPS, "experiment", "hparams_search", "profile"):
        assert set(re.findall(rf"^- `{group}=(\w+)`", page, re.M)) == set(options(group))


@pytest.mark.parametrize("group", GROUPS)
def test_keys_and_defaults_are_those_that_hydra_composes(group, generator):
    read_leaf, format_value = generator["read_leaf"], generator["format_value"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        for option in options(group):
            config = OmegaConf.to_container(compose("train", [f"{group}={option}"]))
            listed = read_leaf(CONF / group / f"{option}.yaml").values
            for key, value in listed.items():
                composed = config
                for part in key.split("."):
                    composed = composed[part]
                if isinstance(value, dict) and set(value) == {"sampler"}:
                    composed = {"sampler": _sampler_of(composed)}
                assert format_value(composed) == format_value(value), f"{group}={option}: {key}"
            top = {key.split(".")[1] for key in listed if key.startswith(f"{group}.")}
            # Recipes set what the training changes of an encoder.
            assert set(config[group]) - {"_target_", "_partial_", "adaptation"} == top


def _sampler_of(node: dict) -> str:
    files = {
        OmegaConf.load(CONF / "sampler" / f"{name}.yaml")["_target_"]: name
        for name in options("sampler")
    }
    return files[node["_target_"]]


def test_annotations_become_words(root):
    page = (root / "docs" / "configuration.md").read_text()
    values = {key: values for key, _, values, _ in re.findall(ROW, page, re.M) if values}

    assert values["batch_size"] == "whole number >= 2"
    assert values["class_weights.weights.beta"] == "number >= 0, < 1"
    assert values["method.weighting"] == "`released`, `printed`"
    assert values["dataset.std"] == "list of 3 numbers >= 0.0001, <= 1000.0"
    assert values["sampler.epoch_length"] == "whole number > 0, or `null`"
    assert values["precision"] == "`32-true`, `bf16-mixed`, `16-mixed`"
    assert values["save_features"] == "`true` or `false`"
