"""Targets that a stored configuration may name, and those that are not even imported."""

import sys

import pytest
from omegaconf import OmegaConf

from aduni.config.schema import GROUPS, Settings, read_settings
from aduni.config.untrusted import read_stored
from aduni.errors import UserError
from composing import options, settings_of

OWN = """
from aduni.methods.softmax import Softmax
from os import getcwd, system
from torch import nn

class Own(Softmax):
    pass

def encoder():
    return nn.Flatten()

imported = nn.Flatten
instance = nn.Flatten()
"""

FOREIGN = (
    "os.system",
    "builtins.eval",
    "subprocess.Popen",
    "hydra.utils.get_method",
    "torch.load",
    "torch.hub.load",
    "own_method.Own",
    # Within reach of ours, but not ours.
    "aduni.data.cache.image_cache.np.load",
    "aduni.data.cache.image_cache.np.lib.npyio.NpzFile",
    "aduni.system.provenance.subprocess.run",
    "aduni.methods.aduni.torch.load",
    "aduni.losses.softmax.functional.cross_entropy",
    "aduni.methods.softmax.Softmax.load_state_dict",
    "aduni.losses.softmax.cross_entropy.__globals__.get",
    # Ours, but no part of a run's settings.
    "aduni.system.atomic_files.write_json",
    "aduni.data.splits.predefined.read_split",
    "aduni.data.cache.image_cache",
    "aduni.methods.gone.Gone",
    "albumentations.load",
    "albumentations.from_dict",
    "albumentations.core.serialization.get_shortest_class_fullname",
    "pytorch_lightning.trainer.trainer.os.system",
    "${oc.env:HOME}",
    "aduni.methodsx.Evil",
)


@pytest.fixture
def content() -> dict:
    """Return plain values as a run folder holds them."""
    return settings_of("dataset=aptos").model_dump()


@pytest.fixture
def own_method(tmp_path, monkeypatch):
    """Write a method outside the package."""
    (tmp_path / "own_method.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "own_method", raising=False)  # another test's
    yield
    sys.modules.pop("own_method", None)


@pytest.mark.parametrize("group", GROUPS)
def test_every_option_of_the_project_is_allowed(group, tmp_path):
    takes_all = ("method=ce",) if group == "class_weights" else ()  # the default method takes none
    for option in options(group):
        stored = settings_of(f"{group}={option}", *takes_all).model_dump()
        assert read_stored(stored, tmp_path, []).model_dump() == stored


@pytest.mark.parametrize("target", FOREIGN)
def test_anything_else_is_refused_by_name(target, content, refusal, tmp_path):
    content["dataset"]["augment"][0]["shear"] = [{"x": {"_target_": target}}]

    words = (tmp_path / "config.yaml", target, "dataset.augment.0.shear.0.x")
    refusal(lambda: read_stored(content, tmp_path / "config.yaml", []), *words)


@pytest.mark.parametrize(
    "target",
    [
        *("os.system", "posix.system", "builtins.eval", "subprocess.Popen", "shutil.rmtree"),
        *("importlib.import_module", "runpy.run_path", "socket.socket", "pickle.loads"),
        *("torch.load", "torch.hub.load", "torchvision.models.resnet18", "numpy.load"),
        *("timm.create_model", "peft.PeftModel.from_pretrained"),  # they can download
        *("hydra.utils.get_method", "omegaconf.OmegaConf.load", "yaml.unsafe_load"),
        *("pandas.read_pickle", "cloudpickle.loads", "pip.main", "setuptools.setup"),
        *("pytorch_lightning.utilities.cloud_io.load", "albumentations.load", "PIL.Image.open"),
        *(
            "aduni.system.atomic_files.write_json",
            "aduni.system.provenance.subprocess.run",
            "__main__.main",
        ),
        *("system", "", ".os.system", "os;x.system"),
    ],
)
def test_trust_is_no_remedy_for_what_no_model_is_made_of(target, content, refusal, tmp_path):
    content["dataset"]["augment"][0]["shear"] = {"_target_": target}

    assert "trust=" not in refusal(lambda: read_stored(content, tmp_path, []), "dataset.augment")


@pytest.mark.parametrize("target", ["lightly.models.MoCo", "monai.networks.nets.DenseNet", "own.A"])
def test_trust_is_the_remedy_for_a_package_of_the_users(target, content, refusal, tmp_path):
    content["method"]["_target_"] = target

    refusal(lambda: read_stored(content, tmp_path, []), f"trust=[{target.rpartition('.')[0]}]")


@pytest.mark.parametrize("group", ["method", "dataset", "trainer", "encoder", "names"])
def test_no_group_is_passed_over(group, content, refusal, tmp_path):
    content[group] = {"_target_": "os.system", "command": "true"}

    refusal(lambda: read_stored(content, tmp_path, []), "os.system", f"{group}._target_")


@pytest.mark.parametrize(
    "logger",
    [
        {},
        {"_target_": "aduni.training.WandbRunLogger", "project": "aduni", "tags": ["a"]},
        {"mine": {"_target_": "own_method.Own", "key": "${oc.env:HOME}"}},
    ],
)
def test_a_stored_logger_is_left_out(logger, content, own_method, tmp_path):
    read = read_stored({**content, "logger": logger}, tmp_path, [])

    assert read == read_stored(content, tmp_path, [])
    assert read.logger == {}
    assert "own_method" not in sys.modules


def test_the_logger_of_a_run_is_not_stored():
    settings = settings_of("logger=[tensorboard,wandb]")

    assert set(settings.logger) == {"tensorboard", "wandb"}
    assert "logger" not in settings.model_dump()


def test_a_target_is_a_name(content, refusal, tmp_path):
    content["method"]["_target_"] = ["os", "system"]

    refusal(lambda: read_stored(content, tmp_path, []), "method._target_")


@pytest.mark.parametrize("key", ["_args_", "_recursive_", "_convert_"])
def test_hydras_other_keys_are_refused(key, content, refusal, tmp_path):
    content["dataset"]["augment"][0][key] = ["true"]

    refusal(lambda: read_stored(content, tmp_path, []), f"dataset.augment.0.{key}", "remove it")


@pytest.mark.parametrize(
    "value", ["${oc.env:ADUNI_SECRET}", "x ${oc.env:ADUNI_SECRET}", "${lr}", "${run_dir:.,.}"]
)
def test_interpolations_are_refused_unresolved(value, content, refusal, tmp_path, monkeypatch):
    monkeypatch.setenv("ADUNI_SECRET", "hush")
    content["dataset"]["root"] = value

    message = refusal(lambda: read_stored(content, tmp_path, []), f"dataset.root={value}")
    assert "hush" not in message


def test_a_refused_module_is_not_imported(content, own_method, tmp_path):
    content["method"]["_target_"] = "own_method.Own"

    with pytest.raises(UserError, match=r"add trust=\[own_method\]"):
        read_stored(content, tmp_path, [])
    assert "own_method" not in sys.modules


def test_the_command_line_can_trust_a_package_and_no_more_than_it(content, own_method, tmp_path):
    content["method"]["_target_"] = "own_method.Own"
    assert read_stored(content, tmp_path, ["own_method"]).method == content["method"]

    content["method"]["_target_"] = "own_method.system"
    with pytest.raises(UserError, match=r"own_method\.system"):
        read_stored(content, tmp_path, ["own_method"])


def test_a_file_cannot_say_whom_to_trust(content, own_method, tmp_path):
    content["method"]["_target_"] = "own_method.Own"
    content["trust"] = ["own_method"]

    with pytest.raises(UserError, match=r"own_method\.Own"):
        read_stored(content, tmp_path, [])


def test_trust_is_not_stored():
    settings = settings_of("trust=[own_method]")

    assert settings.trust == ["own_method"]
    assert "trust" not in settings.model_dump()


def test_settings_of_another_version_are_named(content, refusal, tmp_path):
    del content["lr_schedule"], content["optimizer"]

    refusal(lambda: read_stored(content, tmp_path, []), tmp_path, "start a new run")


def test_the_command_line_may_build_what_its_author_chose(own_method):
    settings = settings_of("method=ce").model_dump()
    settings["method"]["_target_"] = "own_method.Own"

    settings = read_settings(OmegaConf.create(settings))
    assert isinstance(settings, Settings)


FACTORIES = (
    "own_method.encoder",
    "os.getcwd",
    "torch.hub.load",
    "aduni.system.provenance.provenance",
)


@pytest.mark.parametrize("name", FACTORIES)
@pytest.mark.parametrize("place", ["encoder", "dataset.augment.0.shear"])
def test_a_factory_in_a_file_is_refused_and_not_imported(
    name, place, content, own_method, refusal, tmp_path
):
    encoder = {**content["encoder"], "name": name}
    if place == "encoder":
        content["encoder"] = encoder
    else:
        content["dataset"]["augment"][0]["shear"] = encoder
    source = tmp_path / "config.yaml"

    message = refusal(lambda: read_stored(content, source, []), source, f"{place}.name", name)
    assert ("trust=[own_method]" in message) == (name == FACTORIES[0])
    assert "own_method" not in sys.modules


@pytest.mark.parametrize("name", ["getcwd", "imported", "instance", "gone"])
def test_trust_allows_a_packages_own_factories_only(name, content, own_method, refusal, tmp_path):
    content["encoder"]["name"] = "own_method.encoder"
    assert read_stored(content, tmp_path, ["own_method"]).encoder["name"] == "own_method.encoder"

    content["encoder"]["name"] = f"own_method.{name}"
    refusal(lambda: read_stored(content, tmp_path, ["own_method"]), f"own_method.{name}")
