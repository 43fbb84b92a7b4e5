"""Settings that a run could not read back are refused before its first step."""

import math
import sys

import pytest
import torch

from aduni.checkpoints.load import check_readable, method_state
from aduni.config.build import build_method
from aduni.config.untrusted import check_storable, read_stored
from aduni.results.run_folder import RunFolder
from aduni.training.run import run
from composing import settings_of

OWN = """
from functools import lru_cache, partial

import albumentations
import pytorch_lightning
from aduni.data.datasets.digits import Digits
from aduni.data.loading.samplers import InstanceBalanced
from aduni.losses.softmax import cross_entropy
from aduni.methods.softmax import Softmax
from aduni.models.encoder import Encoder
from aduni.schedules import LossWeights
from torch import nn

class Net(nn.Module):
    features = 4

class Wider(Encoder):
    pass

class Own(Softmax):
    pass

class Drawn(InstanceBalanced):
    pass

class Duck:
    def frequencies(self, counts, epoch, epochs):
        return counts / counts.sum()

class Data(Digits):
    pass

class Trainer(pytorch_lightning.Trainer):
    pass

class Grey(albumentations.ToGray):
    pass

def made(**options):
    return Own(**options)

def net():
    return nn.Flatten()

instance = nn.Flatten()

def loss(logits, labels, counts, *, groups=None):
    return cross_entropy(logits, labels, counts)

def late(epoch, epochs, *, before=1.0):
    return LossWeights(before)

cached = lru_cache(loss)
"""
METHOD = {"_partial_": True}

GOOD = {
    "method": ("method", "_target_", "storable.Own"),
    "loss": ("method", "loss", {"_target_": "storable.loss", **METHOD}),
    "sampler": ("sampler", "_target_", "storable.Drawn"),
    "data set": ("dataset", "_target_", "storable.Data"),
    "transform": ("dataset", "augment", [{"_target_": "storable.Grey", "p": 0.5}]),
    "schedule": ("alpha", "_target_", "storable.late"),
    "trainer": ("trainer", "_target_", "storable.Trainer"),
    "encoder": ("encoder", "_target_", "storable.Wider"),
    "factory": ("encoder", "name", "storable.net"),
}
BAD = {
    "encoder": ("encoder", {"_target_": "storable.Net"}, "encoder._target_=storable.Net"),
    "module": ("encoder", {"_target_": "torch.nn.Flatten"}, "encoder._target_=torch.nn.Flatten"),
    "instance": ("encoder", {"name": "storable.instance"}, "encoder.name=storable.instance"),
    "imported": ("encoder", {"name": "storable.partial"}, "encoder.name=storable.partial"),
    "method": ("method", {"_target_": "storable.made"}, "aduni.methods.base.Method"),
    "sampler": ("sampler", {"_target_": "storable.Duck"}, "aduni.data.loading.samplers.Sampler"),
    "data set": ("dataset", {"_target_": "storable.Own"}, "dataset._target_=storable.Own"),
    "trainer": ("trainer", {"_target_": "storable.made"}, "trainer._target_=storable.made"),
    "elsewhere": ("method", {"x": {"_target_": "storable.Softmax"}}, "method.x._target_"),
    "no function": ("method", {"x": {"_target_": "storable.cached"}}, "method.x._target_"),
    "builtin": ("method", {"x": {"_target_": "math.sqrt"}}, "method.x._target_=math.sqrt"),
    "order": ("method", {"x": {"_target_": "storable.late", "_convert_": "all"}}, "x._convert_"),
    "interpolation": ("dataset", {"root": "a${b}"}, "dataset.root=a${b}"),
    "NaN": ("method", {"own": math.nan}, "method.own=nan"),
    "infinite alpha": ("alpha", {"before": math.inf}, "alpha.before=inf"),
}


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """Write a module outside the package."""
    (tmp_path / "storable.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "storable", raising=False)
    yield
    sys.modules.pop("storable", None)


@pytest.fixture
def settings():
    return settings_of(
        *("method=ce", "encoder.name=shufflenet_v2_x0_5", "trainer=cpu"),
        *("num_workers=0", "sampler=none", "sampler.epoch_length=1", "epochs=1"),
    )


@pytest.mark.parametrize("name", GOOD)
def test_what_trust_lets_be_read_is_trained(name, settings, tmp_path):
    group, key, value = GOOD[name]
    getattr(settings, group)[key] = value
    check_storable(settings)

    assert read_stored(settings.model_dump(), tmp_path, ["storable"]) == settings


@pytest.mark.parametrize("name", BAD)
def test_what_nothing_lets_be_read_is_refused(name, settings, refusal):
    group, changes, named = BAD[name]
    getattr(settings, group).update(changes)

    refusal(lambda: check_storable(settings), named)


def test_what_does_not_exist_is_left_to_whoever_builds_it(settings):
    settings.method["x"] = {"_target_": "storable.Gone"}
    settings.sampler["y"] = {"_target_": "nowhere.Gone"}

    check_storable(settings)


def _nameless(settings):
    settings.encoder["_target_"] = "storable.Wider"
    del settings.encoder["name"]


BEGUN = {
    "encoder.name=": lambda settings: settings.encoder.update(_target_="storable.Net"),
    "encoder.name": _nameless,
    "objective.groups": lambda settings: settings.method.update(
        loss={"_target_": "storable.loss", "groups": {"a": [1]}, **METHOD}
    ),
}


@pytest.mark.parametrize("named", BEGUN)
def test_the_refusal_comes_before_anything_is_trained_or_written(
    named, settings, refusal, tmp_path, digits_cache
):
    BEGUN[named](settings)
    settings.dataset["cache_dir"] = str(digits_cache)
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()

    refusal(lambda: run(settings, folder), named)
    assert {file.name for file in folder.path.iterdir()} <= {".lock"}


@pytest.fixture
def content(settings):
    """Return what a checkpoint of a run would hold."""
    method = build_method(settings, torch.tensor([5, 6, 7]).numpy())
    stored = {
        "config": settings.model_dump(),
        **{"class_names": ["a", "b", "c"], "class_counts": [5, 6, 7], "split_hash": "abc"},
        **{"stage": "train", "objective": {"loss": "x", "weights": [1.0, 2.0]}},
    }
    return {"epoch": 0, "state_dict": method_state(method), "aduni": stored}


def test_a_checkpoint_of_a_run_can_be_read_again(content):
    content["state_dict"]["method.own._extra_state"] = {"steps": 1, "mean": torch.zeros(2)}

    check_readable(content)


UNREADABLE = {
    "class names that are numbers": lambda c: c["aduni"].update(class_names=[0, 1, 2]),
    "an object as extra state": lambda c: c["state_dict"].update(x={"y": object()}),
    "a function as extra state": lambda c: c["state_dict"].update(x={"y": lambda: 0}),
    "a list as extra state": lambda c: c["state_dict"].update(x=[1]),
    "an objective of mappings": lambda c: c["aduni"].update(objective={"a": {"b": 1}}),
    "an objective of numpy": lambda c: c["aduni"].update(objective={"a": torch.zeros(1).numpy()}),
    "an endless objective": lambda c: c["aduni"].update(objective={"a": math.inf}),
    "no image size": lambda c: c["aduni"]["config"]["dataset"].pop("image_size"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_what_could_not_is_refused(name, content, refusal):
    UNREADABLE[name](content)

    refusal(lambda: check_readable(content), "could not be read again")


def test_features_are_saved_of_a_method_that_has_an_encoder(
    settings, refusal, tmp_path, digits_cache, monkeypatch
):
    import storable

    def without(self, encoder, info, **options):
        super(storable.Own, self).__init__(encoder, info, **options)
        self.backbone = self.encoder
        del self.encoder

    monkeypatch.setattr(storable.Own, "__init__", without)
    settings.method["_target_"] = "storable.Own"
    settings.dataset["cache_dir"] = str(digits_cache)
    settings.save_features = True

    refusal(lambda: run(settings, RunFolder(tmp_path)), "save_features=true", "storable.Own")
